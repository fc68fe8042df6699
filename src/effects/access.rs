//! Bytes that an operator reads and writes, given the aliases of a plan.

use std::collections::BTreeMap;

use super::level::{Alias, AliasKind};
use crate::graph::{Graph, Occupant};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::sorting::each_once;

/// The bytes of one tensor, or of the operator's own scratch buffer, that an operator reads and writes.
///
/// Example: [`accesses`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// The tensor, or the scratch buffer of the operator.
    pub occupant: Occupant,
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// Lists the accesses of an operator under the aliases of a plan: inputs, then outputs, each once,
/// then the scratch buffer.
///
/// An operator does not read an input if aliases make all of its copies of that input unnecessary:
/// all outputs are views of the input, or the input lies at its position in each concatenation. An
/// operator does not write an output that is a view, and of a concatenation it writes only the
/// bytes that no alias provides. In-place and overlap aliases have no effect, nor do aliases of
/// other operators. O(n log n) for n inputs, outputs and aliases.
///
/// ```
/// use plimsoll::effects::accesses;
/// use plimsoll::{Graph, Occupant, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(64));
/// let y = net.tensor("y", TensorSpec::bytes(32));
/// let pool = net.operator("pool").reads([x]).writes([y]).id();
/// let list = accesses(&net.build()?, pool, &[]);
/// assert_eq!((list[0].occupant, list[0].read), (Occupant::Tensor(x), 64));
/// assert_eq!((list[1].occupant, list[1].written), (Occupant::Tensor(y), 32));
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[must_use]
pub fn accesses(graph: &Graph, operator: OperatorId, aliases: &[Alias]) -> Vec<Access> {
    let node = graph.operator(operator);
    let aliases = OutputAliases::new(graph, operator, aliases);
    let mut accesses = Vec::new();
    for input in each_once(node.inputs()) {
        if aliases.reads(input) {
            let read = graph.tensor(input).bytes();
            accesses.push(Access { occupant: Occupant::Tensor(input), read, written: 0 });
        }
    }
    for &output in node.outputs() {
        if let Some(written) = aliases.written(graph.tensor(output).bytes(), output) {
            accesses.push(Access { occupant: Occupant::Tensor(output), read: 0, written });
        }
    }
    let scratch = node.scratch_bytes();
    if scratch > 0 {
        accesses.push(Access { occupant: Occupant::Scratch(operator), read: scratch, written: scratch });
    }
    accesses
}

/// The content aliases of one operator.
struct OutputAliases {
    /// By output: the input that it is a view of.
    views: BTreeMap<TensorId, TensorId>,
    /// By input that is a piece of concatenations: the number of such aliases minus the number of
    /// times that the operator lists the input. Not negative if no copy is left.
    pieces: BTreeMap<TensorId, isize>,
    /// By output: the byte ranges that pieces provide.
    filled: BTreeMap<TensorId, Vec<(u64, u64)>>,
    /// The input of which all outputs are views, if there is one.
    viewed_by_all: Option<TensorId>,
}

impl OutputAliases {
    fn new(graph: &Graph, operator: OperatorId, aliases: &[Alias]) -> Self {
        let (mut views, mut pieces, mut filled) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for alias in aliases.iter().filter(|alias| alias.operator == operator) {
            match alias.kind {
                AliasKind::View | AliasKind::Slice => {
                    views.insert(alias.tensor, alias.of);
                }
                AliasKind::Concat => {
                    let end = alias.at.saturating_add(graph.tensor(alias.tensor).bytes());
                    *pieces.entry(alias.tensor).or_insert(0isize) += 1;
                    let ranges: &mut Vec<(u64, u64)> = filled.entry(alias.of).or_default();
                    ranges.push((alias.at, end));
                }
                AliasKind::InPlace | AliasKind::Overlap => {}
            }
        }
        if !pieces.is_empty() {
            for input in graph.operator(operator).inputs() {
                pieces.entry(*input).and_modify(|count| *count -= 1);
            }
        }
        let outputs = graph.operator(operator).outputs();
        let viewed = outputs.first().and_then(|output| views.get(output).copied());
        let viewed_by_all =
            viewed.filter(|input| outputs.iter().all(|output| views.get(output) == Some(input)));
        Self { views, pieces, filled, viewed_by_all }
    }

    fn reads(&self, input: TensorId) -> bool {
        // A tensor that is concatenated with itself can be at one of its positions only. The other
        // copies still read it.
        let is_in_all_positions = self.pieces.get(&input).is_some_and(|&count| count >= 0);
        !is_in_all_positions && self.viewed_by_all != Some(input)
    }

    /// Returns the number of bytes that the operator writes to an output; none if aliases provide
    /// all of them.
    fn written(&self, bytes: u64, output: TensorId) -> Option<u64> {
        if self.views.contains_key(&output) {
            return None;
        }
        let Some(filled) = self.filled.get(&output) else { return Some(bytes) };
        let mut filled = filled.clone();
        filled.sort_unstable();
        let (mut left, mut next) = (bytes, 0);
        for (from, end) in filled {
            let (from, end) = (from.min(bytes).max(next), end.min(bytes).max(next));
            left -= end - from;
            next = end;
        }
        (left > 0).then_some(left)
    }
}
