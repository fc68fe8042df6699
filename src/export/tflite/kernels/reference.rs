//! Scratch of the reference kernels.

use super::{dim, ranks, requests, times, type_of};
use crate::ElementType;
use crate::export::tflite::runtime_network::{RuntimeOperator, RuntimeSubgraph};

/// Custom operators that are part of the runtime and request no scratch.
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

/// The scratch requests of the reference kernel; `None` if they are unknown. The formulas come from the
/// kernels' sources and were confirmed by measurements; see docs/tflm.md.
pub(super) fn requests_of(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> Option<Vec<u64>> {
    let input = |position: usize| subgraph.input(operator, position);
    let output = || subgraph.output(operator);
    let is_integer = |tensor| matches!(type_of(tensor), Some(ElementType::Int8 | ElementType::Int16));
    // The runtime rounds up each request separately.
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
        // Pointers of up to 64 bits, one for each input.
        "ADD_N" => requests([(operator.inputs.len() as u64).checked_mul(8)]),
        "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED" => {
            // The kernel unpacks 4-bit weights to scratch.
            let packed = input(1).filter(|weights| weights.element_type == Some(ElementType::Int4));
            requests([packed.map_or(Some(0), |weights| times(weights, 1))])
        }
        "CUSTOM:SignalRfft" => {
            // For an input of length n, the result has n / 2 + 1 complex numbers.
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
