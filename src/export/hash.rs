//! A fingerprint of the planned model, so that a plan is not applied to another model.

use xxhash_rust::xxh3::Xxh3;

use crate::{
    AccessMap, ElementType, Graph, Operator, OperatorId, Outside, Problem, Storage, Tensor, TensorId,
    TensorKind,
};

/// 128 bits as hexadecimal digits, of everything in a graph that a plan depends on; equal on all
/// machines. Names of the graph and of its operators have no effect.
///
/// Example: the [module](crate::export::json).
#[must_use]
pub fn graph_hash(graph: &Graph) -> String {
    let mut hash = Hasher::of("graph/1");
    hash.graph(graph);
    hash.digits()
}

/// The fingerprint of a graph that is tiled: everything on which [`graph_hash`] depends, access maps, shapes and the order
/// of axes in memory.
///
/// Example: the [module](crate::export::json).
#[must_use]
pub fn tiling_hash(graph: &Graph) -> String {
    let mut hash = Hasher::of("tiling/1");
    hash.graph(graph);
    for operator in graph.operators() {
        hash.access(operator.access());
    }
    for tensor in graph.tensors() {
        hash.shape(tensor);
    }
    hash.digits()
}

/// The fingerprint of a problem: its buffers and their names, not its capacity.
///
/// Example: the [module](crate::export::json).
#[must_use]
pub fn problem_hash(problem: &Problem) -> String {
    let mut hash = Hasher::of("problem/1");
    hash.number(problem.buffers().len() as u64);
    for (id, buffer) in problem.iter() {
        hash.text(&problem.name(id));
        hash.number(buffer.size());
        hash.number(buffer.live().start.into());
        hash.number(buffer.live().end.into());
        hash.number(buffer.alignment());
        hash.optional(buffer.fixed_offset());
    }
    hash.gaps(problem);
    hash.digits()
}

/// Hashes an unambiguous encoding: every text and list is preceded by its length, and every number has 8
/// bytes, lowest first.
struct Hasher(Xxh3);

impl Hasher {
    fn of(kind: &str) -> Self {
        let mut hasher = Self(Xxh3::new());
        hasher.text(kind);
        hasher
    }

    fn graph(&mut self, graph: &Graph) {
        self.number(graph.operators().len() as u64);
        for operator in graph.operators() {
            self.operator(operator);
        }
        self.number(graph.tensors().len() as u64);
        for tensor in graph.tensors() {
            self.tensor(tensor);
        }
        self.bodies(graph);
        self.memory(graph);
    }

    /// Adds storages and preserved inputs, and nothing if there are none, so that hashes of earlier versions stay
    /// valid.
    fn memory(&mut self, graph: &Graph) {
        let has_own = |tensor: &Tensor| *tensor.storage() != Storage::Arena || tensor.is_preserved();
        let count = graph.tensors().iter().filter(|tensor| has_own(tensor)).count();
        if count == 0 {
            return;
        }
        self.text("memory");
        self.number(count as u64);
        for (index, tensor) in graph.tensors().iter().enumerate().filter(|(_, tensor)| has_own(tensor)) {
            self.number(index as u64);
            self.text(&tensor.storage().to_string());
            self.flag(tensor.is_preserved());
        }
    }

    /// Adds bodies, and nothing if there are none, so that hashes of earlier versions stay valid.
    fn bodies(&mut self, graph: &Graph) {
        let count: usize = graph.operators().iter().map(|operator| operator.bodies().len()).sum();
        if count == 0 {
            return;
        }
        self.text("bodies");
        self.number(count as u64);
        for (index, operator) in graph.operators().iter().enumerate() {
            for body in operator.bodies() {
                self.number(index as u64);
                self.graph(body);
            }
        }
        self.links(graph);
    }

    /// Adds links of bodies, and nothing if there are none, so that hashes of earlier versions stay valid.
    fn links(&mut self, graph: &Graph) {
        let count: usize = graph.operators().iter().map(|operator| operator.links().len()).sum();
        if count == 0 {
            return;
        }
        self.text("links");
        self.number(count as u64);
        for (index, operator) in graph.operators().iter().enumerate() {
            for link in operator.links() {
                self.list([index, link.body, link.tensor.index(), link.inner.index()].into_iter());
            }
        }
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.number(flag.into());
    }

    fn optional(&mut self, number: Option<u64>) {
        self.flag(number.is_some());
        self.number(number.unwrap_or(0));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    /// Adds gaps, and nothing if there are none, so that hashes of earlier versions stay valid.
    fn gaps(&mut self, problem: &Problem) {
        let count: usize = problem.buffers().iter().map(|buffer| buffer.gaps().len()).sum();
        if count == 0 {
            return;
        }
        self.text("gaps");
        self.number(count as u64);
        for (index, buffer) in problem.buffers().iter().enumerate() {
            for gap in buffer.gaps() {
                self.number(index as u64);
                self.number(gap.start.into());
                self.number(gap.end.into());
            }
        }
    }

    fn list(&mut self, numbers: impl ExactSizeIterator<Item = usize>) {
        self.number(numbers.len() as u64);
        for number in numbers {
            self.number(number as u64);
        }
    }

    fn operator(&mut self, operator: &Operator) {
        self.text(operator.op_type());
        self.list(operator.inputs().iter().copied().map(TensorId::index));
        self.list(operator.outputs().iter().copied().map(TensorId::index));
        self.list(operator.runs_after().iter().copied().map(OperatorId::index));
        self.number(operator.scratch_bytes());
        self.flag(operator.is_folded());
    }

    fn tensor(&mut self, tensor: &Tensor) {
        self.text(tensor.name());
        self.number(match tensor.kind() {
            TensorKind::Input => 0,
            TensorKind::Constant => 1,
            TensorKind::Variable => 2,
            TensorKind::Intermediate => 3,
        });
        self.flag(tensor.is_output());
        self.number(tensor.bytes());
        self.optional(tensor.alignment());
        self.optional(tensor.fixed_offset());
    }

    fn access(&mut self, access: Option<&AccessMap>) {
        self.flag(access.is_some());
        let Some(access) = access else { return };
        self.number(access.cost_per_element());
        self.number(access.axes().len() as u64);
        for axis in access.axes() {
            self.list(axis.outputs().iter().copied());
            self.number(axis.inputs().len() as u64);
            for input in axis.inputs() {
                self.flag(input.is_some());
                let Some((axis, map)) = input else { continue };
                let (numerator, denominator, first, last) = map.numbers();
                self.number(*axis as u64);
                self.number(numerator.into());
                self.number(denominator.into());
                self.number(first.cast_unsigned());
                self.number(last.cast_unsigned());
                self.flag(map.outside() == Outside::Edge);
            }
        }
    }

    fn shape(&mut self, tensor: &Tensor) {
        self.flag(tensor.is_overwritable());
        self.text(tensor.element_type().map_or("", ElementType::name));
        let shape = tensor.shape().unwrap_or_default();
        self.number(shape.len() as u64);
        for &dim in shape {
            self.number(dim);
        }
        self.list(tensor.memory_order().unwrap_or_default().iter().copied());
    }

    fn digits(&self) -> String {
        format!("{:032x}", self.0.digest128())
    }
}
