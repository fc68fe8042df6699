//! Scratch of kernels. A plan has no offsets for scratch: the runtime places it around the tensors.

use std::collections::BTreeMap;

use super::TfliteError;
use super::kernels::Kernels;
use super::net::{ALIGNMENT, Net, NetSubgraph};

/// Scratch of operators in bytes: measured sizes, and for other operators the requests of the kernels of
/// TensorFlow Lite Micro.
///
/// Kernels request scratch when the runtime prepares them. The runtime places it around the planned tensors.
/// If a plan leaves too little room, the arena grows, but tensors keep their contents.
///
/// Example: the [module](crate::export::tflite).
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    kernels: Kernels,
    measured: BTreeMap<(usize, usize), Measured>,
}

/// Scratch requests of all operators, and the operators with unknown requests.
pub(super) struct Requests {
    /// Sizes of requests by subgraph and operator, in the order in which the kernel makes them, each rounded
    /// up. A measured size counts as one request.
    pub(super) each: Vec<Vec<Vec<u64>>>,
    pub(super) unknown: Vec<(usize, usize)>,
}

/// Total scratch by subgraph and operator.
pub(super) fn sums(requests: &[Vec<Vec<u64>>]) -> Vec<Vec<u64>> {
    let sums = |operators: &Vec<Vec<u64>>| operators.iter().map(|requests| requests.iter().sum()).collect();
    requests.iter().map(sums).collect()
}

#[derive(Clone, Debug)]
struct Measured {
    op_type: Option<String>,
    bytes: u64,
}

impl Scratch {
    /// Scratch of the reference kernels, computed from the operators' types and the tensors' sizes.
    #[must_use]
    pub fn reference() -> Self {
        Self::default()
    }

    /// Scratch of these kernels, computed from the operators' types, options and shapes.
    #[must_use]
    pub fn of_kernels(kernels: Kernels) -> Self {
        Self { kernels, ..Self::default() }
    }

    /// Sets the measured scratch of an operator, given the positions of the subgraph and of the operator in
    /// the file. `bytes` is the sum of all its requests, each rounded up to 16.
    #[must_use]
    pub fn measured(mut self, subgraph: usize, operator: usize, bytes: u64) -> Self {
        self.measured.insert((subgraph, operator), Measured { op_type: None, bytes });
        self
    }

    /// Does the same as [`measured`](Self::measured) for an operator that must have this type, for instance
    /// `CONV_2D`. A measurement of another model is then an error.
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
                self.kernels.requests(subgraph, operator).unwrap_or_else(|| {
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
