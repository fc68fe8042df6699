//! Scratch of kernels. A plan has no offsets for scratch: the runtime places it around the tensors.

use std::collections::BTreeMap;

use super::TfliteError;
use super::kernels::Kernels;
use super::runtime_network::{ALIGNMENT, RuntimeNetwork, RuntimeOperator, RuntimeSubgraph};

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
    /// By subgraph and operator: the sizes of its requests, in the order in which the kernel makes them, each
    /// rounded up. A measured size counts as one request.
    pub(super) each: Vec<Vec<Vec<u64>>>,
    /// Subgraph and number of each operator with unknown requests.
    pub(super) unknown: Vec<(usize, usize)>,
}

/// Total scratch by subgraph and operator.
pub(super) fn sums(requests: &[Vec<Vec<u64>>]) -> Vec<Vec<u64>> {
    let sums = |operators: &Vec<Vec<u64>>| operators.iter().map(|requests| requests.iter().sum()).collect();
    requests.iter().map(sums).collect()
}

#[derive(Clone, Debug)]
struct Measured {
    /// The type of the operator that was measured, if it is known.
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

    /// The scratch of a model whose first subgraph has other operators: for each of them, the operator of this model that it
    /// runs, if any.
    pub(super) fn moved(&self, origins: &[Option<usize>]) -> Self {
        let mut measured: BTreeMap<(usize, usize), Measured> = BTreeMap::new();
        for (&(subgraph, operator), size) in &self.measured {
            if subgraph > 0 {
                measured.insert((subgraph, operator), size.clone());
            }
        }
        for (operator, origin) in origins.iter().enumerate() {
            let size = origin.and_then(|origin| self.measured.get(&(0, origin)));
            measured.extend(size.map(|size| ((0, operator), size.clone())));
        }
        Self { kernels: self.kernels, measured }
    }

    /// The requests of all operators of a model.
    ///
    /// # Errors
    /// [`TfliteError::Scratch`] if a measurement does not fit the model.
    pub(super) fn requests(&self, network: &RuntimeNetwork) -> Result<Requests, TfliteError> {
        let mut unknown = Vec::new();
        let of_subgraph = |(index, subgraph): (usize, &RuntimeSubgraph)| -> Vec<Vec<u64>> {
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
        let mut each: Vec<Vec<Vec<u64>>> = network.subgraphs.iter().enumerate().map(of_subgraph).collect();
        for (&(subgraph, operator), measured) in &self.measured {
            let found = network.subgraphs.get(subgraph).and_then(|subgraph| subgraph.operators.get(operator));
            let bytes = measured.rounded(found).map_err(|reason| TfliteError::Scratch {
                subgraph,
                operator,
                reason,
            })?;
            each[subgraph][operator] = vec![bytes];
        }
        Ok(Requests { each, unknown })
    }
}

impl Measured {
    /// The size rounded up, or the reason why the measurement does not fit the operator.
    fn rounded(&self, operator: Option<&RuntimeOperator>) -> Result<u64, String> {
        let op_type = &operator.ok_or("the model has no such operator")?.read.op_type;
        if let Some(other) = self.op_type.as_ref().filter(|&other| other != op_type) {
            return Err(format!("it was measured for {other}, but the operator is {op_type}"));
        }
        let rounded = self.bytes.checked_next_multiple_of(ALIGNMENT);
        rounded
            .filter(|&bytes| i32::try_from(bytes).is_ok())
            .ok_or_else(|| format!("{} bytes are more than 2 GiB", self.bytes))
    }
}
