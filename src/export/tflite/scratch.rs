//! Working memory of kernels, which no plan can place: the runtime fits it in between.

use std::collections::BTreeMap;

use super::TfliteError;
use super::net::{ALIGNMENT, Net, NetOperator, NetSubgraph, NetTensor};
use crate::ElementType;

/// Scratch of operators in bytes: as measured, and for the others as the reference kernels
/// of TensorFlow Lite Micro ask for it.
///
/// Kernels ask for scratch when they are prepared. The runtime places it around the planned
/// tensors, so a plan must leave room for it or the arena grows: never the contents of a
/// tensor are at stake, but the size of the arena.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    measured: BTreeMap<(usize, usize), Measured>,
}

/// What operators ask for, and those of which nothing is known.
pub(super) struct Requests {
    /// By subgraph and operator, in the order in which they are made; each rounded up. What was
    /// measured is one.
    pub(super) each: Vec<Vec<Vec<u64>>>,
    pub(super) unknown: Vec<(usize, usize)>,
}

impl Requests {
    /// By subgraph and operator: all together.
    pub(super) fn sums(&self) -> Vec<Vec<u64>> {
        let sums =
            |operators: &Vec<Vec<u64>>| operators.iter().map(|requests| requests.iter().sum()).collect();
        self.each.iter().map(sums).collect()
    }
}

#[derive(Clone, Debug)]
struct Measured {
    op_type: Option<String>,
    bytes: u64,
}

impl Scratch {
    /// That of the reference kernels, by the operators' types and the tensors' sizes.
    #[must_use]
    pub fn reference() -> Self {
        Self::default()
    }

    /// So many bytes for an operator, by the positions of its subgraph and of itself in the
    /// file; all of its requests together, each rounded up to 16.
    #[must_use]
    pub fn measured(mut self, subgraph: usize, operator: usize, bytes: u64) -> Self {
        self.measured.insert((subgraph, operator), Measured { op_type: None, bytes });
        self
    }

    /// The same, of an operator that must be of this type, as in `CONV_2D`: a table for another
    /// model is then noticed.
    #[must_use]
    pub fn measured_of_type(
        mut self,
        subgraph: usize,
        operator: usize,
        op_type: impl Into<String>,
        bytes: u64,
    ) -> Self {
        self.measured.insert((subgraph, operator), Measured { op_type: Some(op_type.into()), bytes });
        self
    }

    pub(super) fn of(&self, net: &Net) -> Result<Requests, TfliteError> {
        let mut unknown = Vec::new();
        let of_subgraph = |(index, subgraph): (usize, &NetSubgraph)| -> Vec<Vec<u64>> {
            let operators = subgraph.operators.iter().enumerate().map(|(number, operator)| {
                if self.measured.contains_key(&(index, number)) {
                    return Vec::new();
                }
                reference(subgraph, operator).unwrap_or_else(|| {
                    unknown.push((index, number));
                    Vec::new()
                })
            });
            operators.collect()
        };
        let mut each: Vec<Vec<Vec<u64>>> = net.subgraphs.iter().enumerate().map(of_subgraph).collect();
        for (&(subgraph, operator), measured) in &self.measured {
            let wrong = |reason: String| TfliteError::Scratch { subgraph, operator, reason };
            let found = net.subgraphs.get(subgraph).and_then(|one| one.operators.get(operator));
            let op_type =
                &found.ok_or_else(|| wrong("the model has no such operator".to_owned()))?.read.op_type;
            if let Some(other) = measured.op_type.as_ref().filter(|&other| other != op_type) {
                return Err(wrong(format!("it was measured for {other}, but the operator is {op_type}")));
            }
            let rounded = measured.bytes.checked_next_multiple_of(ALIGNMENT);
            let bytes = rounded
                .filter(|&bytes| i32::try_from(bytes).is_ok())
                .ok_or_else(|| wrong(format!("{} bytes are more than 2 GiB", measured.bytes)))?;
            each[subgraph][operator] = vec![bytes];
        }
        Ok(Requests { each, unknown })
    }
}

/// Foreign code that is a part of the runtime and asks for no scratch.
const NO_SCRATCH: [&str; 14] = [
    "CIRCULAR_BUFFER",
    "SignalDelay",
    "SignalEnergy",
    "SignalFftAutoScale",
    "SignalFilterBank",
    "SignalFilterBankLog",
    "SignalFilterBankSpectralSubtraction",
    "SignalFilterBankSquareRoot",
    "SignalFramer",
    "SignalIrfft",
    "SignalOverlapAdd",
    "SignalPCAN",
    "SignalStacker",
    "SignalWindow",
];

/// What the reference kernel asks for; none if that is not known. Read from the kernels'
/// sources, and measured; see docs/tflm.md.
fn reference(subgraph: &NetSubgraph, operator: &NetOperator) -> Option<Vec<u64>> {
    let input = |position: usize| subgraph.input(operator, position);
    let output = || operator.read.outputs.first().and_then(|id| subgraph.tensors.get(id.index()));
    let type_of = |tensor: Option<&NetTensor>| tensor.and_then(|tensor| tensor.element_type);
    let is_integer = |tensor| matches!(type_of(tensor), Some(ElementType::Int8 | ElementType::Int16));
    // A list of requests, each rounded up by itself.
    match operator.read.op_type.as_str() {
        "TRANSPOSE_CONV" => {
            let data = input(2);
            match type_of(data)? {
                ElementType::Int8 => requests([times(output()?, 4)]),
                ElementType::Int16 => {
                    let bias = input(3).filter(|bias| bias.element_type == Some(ElementType::Int16));
                    requests([times(output()?, 8), bias.map_or(Some(0), |bias| times(bias, 8))])
                }
                _ => Some(Vec::new()),
            }
        }
        "UNIDIRECTIONAL_SEQUENCE_LSTM" => {
            const CELL_STATE: usize = 19;
            let state = input(CELL_STATE)?;
            let width = state.element_type?.bits()? / 8;
            requests([times(state, width); 4])
        }
        "SVDF" => {
            let (batch, filters) = (dim(input(0)?, 0)?, dim(input(1)?, 0)?);
            let state = batch.checked_mul(filters).and_then(|elements| elements.checked_mul(4));
            let sums = if is_integer(input(0)) { times(output()?, 4) } else { Some(0) };
            requests([state, sums])
        }
        "MEAN" | "SUM" => {
            let sums = if is_integer(input(0)) { times(output()?, 4) } else { Some(0) };
            requests([sums, ranks(input(0)?), times(input(1)?, 4)])
        }
        "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_ALL" => requests([ranks(input(0)?), times(input(1)?, 4)]),
        "MIRROR_PAD" => requests([ranks(input(0)?); 2]),
        // Pointers, of up to 64 bits.
        "ADD_N" => requests([(operator.inputs.len() as u64).checked_mul(8)]),
        "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED" => {
            // Weights of 4 bits are unpacked.
            let packed = input(1).filter(|weights| weights.element_type == Some(ElementType::Int4));
            requests([packed.map_or(Some(0), |weights| times(weights, 1))])
        }
        "CUSTOM:SignalRfft" => {
            // The result has a real and an imaginary part for half the length, and one more.
            let result = output()?;
            let length = result.shape.as_ref()?.last()?.checked_sub(2)?;
            requests([length.checked_mul(result.element_type?.bits()? / 8)])
        }
        "CUSTOM:ethos-u" => {
            let tensors = operator.inputs.len() + operator.read.outputs.len();
            requests([(tensors as u64).checked_mul(8); 2])
        }
        "CUSTOM" => None,
        other => match other.strip_prefix("CUSTOM:") {
            Some(code) => NO_SCRATCH.contains(&code).then(Vec::new),
            None => (!other.starts_with("BUILTIN_")).then(Vec::new),
        },
    }
}

/// Each rounded up; none if that, or all together, is more than the runtime can count.
fn requests<const N: usize>(bytes: [Option<u64>; N]) -> Option<Vec<u64>> {
    let rounded = bytes.into_iter().map(|bytes| bytes?.checked_next_multiple_of(ALIGNMENT));
    let rounded = rounded.collect::<Option<Vec<u64>>>()?;
    let sum = rounded.iter().try_fold(0u64, |sum, &bytes| sum.checked_add(bytes))?;
    i32::try_from(sum).is_ok().then_some(rounded)
}

fn times(tensor: &NetTensor, width: u64) -> Option<u64> {
    tensor.elements()?.checked_mul(width)
}

/// A number of 32 bits for each dimension.
fn ranks(tensor: &NetTensor) -> Option<u64> {
    tensor.rank()?.checked_mul(4)
}

fn dim(tensor: &NetTensor, axis: usize) -> Option<u64> {
    tensor.shape.as_ref()?.get(axis).copied()
}
