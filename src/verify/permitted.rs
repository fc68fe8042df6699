//! Rule S1: operators permit the aliases of a plan.
//!
//! An alias states that tensor `t` lies `d` bytes after the start of tensor `u`, by the permission of an
//! operator `o` that reads one of the two and writes the other.
//!
//! *State*: the permissions of each operator, by input and output.
//!
//! *Claim*:
//!
//! - **S1**: `o` exists and is not folded, `t` and `u` exist, and `o` has a permission that fits the kind of
//!   the alias:
//!
//! | kind of alias | permission of `o` | condition |
//! | --- | --- | --- |
//! | view | view: output `t` is the bytes of input `u` from `d` on | `bytes(t) = bytes(u)` |
//! | slice | view: output `t` is the bytes of input `u` from `d` on | `bytes(t) != bytes(u)` |
//! | concat slice | piece: input `t` is the bytes of output `u` from `d` on | |
//! | in place | output `t` over input `u` | `d = 0` and `bytes(t) <= bytes(u)` |
//! | partial overlap | the last `b` bytes of `u`, which is lower, and the start of `t` | `bytes(u) - d <= b` |
//!
//! Complexity: O(n log n) for n aliases and permissions.

use smallvec::SmallVec;

use super::memory::{self, ContentSegment};
use super::{Rule, ViolationCollector};
use crate::graph::{Graph, Occupant, Permit, Side};
use crate::plan::Alias;
use crate::sharing::AliasKind;
use crate::support::ids::{OperatorId, TensorId};

/// The permitted aliases of one operator. An operator may have as many aliases as tensors, so the aliases
/// of a tensor are found by binary search.
#[derive(Clone, Default)]
pub(super) struct OperatorAliases {
    /// By `tensor`.
    by_tensor: SmallVec<[Alias; 1]>,
    /// Concat slices, by `of`.
    concat_slices: Vec<Alias>,
}

impl OperatorAliases {
    /// Checks S1, and S2 by `misplaced`, which returns the message of S2 for an alias whose tensors lie at
    /// another distance. Returns the aliases that satisfy both rules, by operator.
    pub(super) fn by_operator(
        graph: &Graph,
        aliases: &[Alias],
        misplaced: impl Fn(&Alias) -> Option<String>,
        violations: &mut ViolationCollector,
    ) -> Vec<Self> {
        let permits = PermitIndex::new(graph, aliases);
        let mut of_operator: Vec<Self> = vec![Self::default(); graph.operators().len()];
        for alias in aliases {
            if let Some(message) = permits.refusal(alias) {
                violations.add(Rule::AliasPermitted, message);
            } else if let Some(message) = misplaced(alias) {
                violations.add(Rule::AliasDistance, message);
            } else {
                of_operator[alias.operator.index()].by_tensor.push(*alias);
            }
        }
        for aliases in &mut of_operator {
            aliases.by_tensor.sort_by_key(|alias| alias.tensor);
            let is_concat = |alias: &Alias| alias.kind == AliasKind::Concat;
            aliases.concat_slices = aliases.by_tensor.iter().copied().filter(is_concat).collect();
            aliases.concat_slices.sort_by_key(|alias| alias.of);
        }
        of_operator
    }

    pub(super) fn all(&self) -> &[Alias] {
        &self.by_tensor
    }

    /// The aliases whose `tensor` is this one.
    pub(super) fn of_tensor(&self, tensor: TensorId) -> &[Alias] {
        let from = self.by_tensor.partition_point(|alias| alias.tensor < tensor);
        let end = self.by_tensor.partition_point(|alias| alias.tensor <= tensor);
        &self.by_tensor[from..end]
    }

    /// The aliases that make an output a view or a slice of an input.
    pub(super) fn views(&self, output: TensorId) -> impl Iterator<Item = &Alias> {
        self.of_tensor(output).iter().filter(|alias| matches!(alias.kind, AliasKind::View | AliasKind::Slice))
    }

    /// The first of [`views`](Self::views).
    pub(super) fn view(&self, output: TensorId) -> Option<&Alias> {
        self.views(output).next()
    }

    /// The aliases that make inputs concat slices of an output.
    pub(super) fn slices_of(&self, output: TensorId) -> &[Alias] {
        let from = self.concat_slices.partition_point(|alias| alias.of < output);
        let end = self.concat_slices.partition_point(|alias| alias.of <= output);
        &self.concat_slices[from..end]
    }

    /// Returns true if the operator may write an occupant over an input: the two are the same variable, or
    /// an alias puts the output over the input and `may_overwrite` states that no later reader needs the
    /// bytes of the input.
    pub(super) fn may_meet(
        &self,
        occupant: Occupant,
        input: TensorId,
        may_overwrite: impl Fn() -> bool,
    ) -> bool {
        let Occupant::Tensor(output) = occupant else { return false };
        if output == input {
            return true;
        }
        let has_alias = |tensor: TensorId, of: TensorId, kinds: &[AliasKind]| {
            self.of_tensor(tensor).iter().any(|alias| alias.of == of && kinds.contains(&alias.kind))
        };
        // In a partial overlap, either of the two may be the lower tensor.
        (has_alias(output, input, &[AliasKind::InPlace, AliasKind::Overlap])
            || has_alias(input, output, &[AliasKind::Overlap]))
            && may_overwrite()
    }

    /// The messages of S3 for the ranges that an operator writes, among each other and against the ranges
    /// of its inputs. Ranges are of one memory.
    pub(super) fn overwrites(
        &self,
        graph: &Graph,
        operator: OperatorId,
        inputs: Vec<(u64, u64, TensorId)>,
        written: &[(Occupant, u64, u64)],
        may_overwrite: impl Fn(TensorId) -> bool,
    ) -> Vec<String> {
        let operator = graph.operator(operator).name();
        let inputs = RangeIndex::new(inputs);
        let numbered = written.iter().zip(0..).map(|(&(of, from, end), number)| (from, end, (of, number)));
        let others = RangeIndex::new(numbered.collect());
        let mut messages = Vec::new();
        for (number, &(occupant, from, end)) in written.iter().enumerate() {
            let name = |occupant| super::needs::name(graph, occupant);
            for input in inputs.meeting(from, end) {
                if !self.may_meet(occupant, input, || may_overwrite(input)) {
                    let (name, input) = (name(occupant), graph.tensor(input).name());
                    messages
                        .push(format!("operator `{operator}` writes {name} over its input tensor `{input}`"));
                }
            }
            // Each pair once: only the ranges before this one.
            let before = |&(other, position): &(Occupant, usize)| position < number && other != occupant;
            for (other, _) in others.meeting(from, end).filter(before) {
                let (name, other) = (name(occupant), name(other));
                messages.push(format!("operator `{operator}` writes {name} over {other}"));
            }
        }
        messages
    }

    /// `V(t)` of an output: bytes of the tensor of which it is a view, or of its concat slices, and bytes
    /// that the operator computes. `value` returns `V` of an input.
    pub(super) fn value_of<'v, S: Copy + PartialEq + 'v>(
        &self,
        output: TensorId,
        computed: ContentSegment<S>,
        value: impl Fn(TensorId) -> &'v [ContentSegment<S>],
    ) -> Vec<ContentSegment<S>> {
        if let Some(&Alias { of, at, .. }) = self.view(output) {
            return memory::slice(value(of), at, computed.end);
        }
        let mut slices = self.slices_of(output).to_vec();
        slices.sort_by_key(|alias| alias.at);
        let slices = slices.iter().map(|alias| (alias.at, value(alias.tensor).to_vec()));
        memory::with_pieces(computed, slices)
    }
}

/// The permissions of operators, sorted by operator, input and output.
struct PermitIndex<'a> {
    graph: &'a Graph,
    sorted: Vec<(OperatorId, TensorId, TensorId, &'a Permit)>,
}

impl<'a> PermitIndex<'a> {
    /// Permissions of the operators that aliases name.
    fn new(graph: &'a Graph, aliases: &[Alias]) -> Self {
        let mut operators: Vec<OperatorId> = aliases.iter().map(|alias| alias.operator).collect();
        operators.retain(|id| id.index() < graph.operators().len());
        operators.sort_unstable();
        operators.dedup();
        let of_operator = |id: OperatorId| {
            let permits = graph.operator(id).permits().iter();
            permits.map(move |permit| (id, permit.input(), permit.output(), permit))
        };
        let mut sorted: Vec<_> = operators.into_iter().flat_map(of_operator).collect();
        sorted.sort_by_key(|&(operator, input, output, _)| (operator, input, output));
        Self { graph, sorted }
    }

    fn of(&self, operator: OperatorId, input: TensorId, output: TensorId) -> impl Iterator<Item = &Permit> {
        let key = (operator, input, output);
        let from =
            self.sorted.partition_point(|&(operator, input, output, _)| (operator, input, output) < key);
        let from_first = self.sorted[from..].iter();
        from_first.take_while(move |entry| (entry.0, entry.1, entry.2) == key).map(|entry| entry.3)
    }

    /// The message of S1, if no permission fits the alias.
    fn refusal(&self, alias: &Alias) -> Option<String> {
        let Alias { operator, tensor, of, at, .. } = *alias;
        let graph = self.graph;
        let exists = |id: TensorId| id.index() < graph.tensors().len();
        if operator.index() >= graph.operators().len() || !exists(tensor) || !exists(of) {
            return Some("an operator or a tensor is not of this graph".to_owned());
        }
        // The kind of the permission decides which of the two tensors is the input.
        let mut permits = self.of(operator, of, tensor).chain(self.of(operator, tensor, of));
        let is_permitted =
            !graph.operator(operator).is_folded() && permits.any(|permit| self.fits(permit, alias));
        (!is_permitted).then(|| {
            let [tensor, of] = [tensor, of].map(|id| graph.tensor(id).name());
            let operator = graph.operator(operator).name();
            format!("operator `{operator}` does not permit tensor `{tensor}` at {at} of tensor `{of}`")
        })
    }

    /// The table of rule S1.
    fn fits(&self, permit: &Permit, alias: &Alias) -> bool {
        let Alias { tensor, of, at, kind, .. } = *alias;
        let bytes = |id: TensorId| self.graph.tensor(id).bytes();
        match (*permit, kind) {
            (Permit::View { input, output, at: start }, AliasKind::View | AliasKind::Slice) => {
                let is_whole = bytes(tensor) == bytes(of);
                (input, output, start) == (of, tensor, at) && is_whole == (kind == AliasKind::View)
            }
            (Permit::ConcatSlice { input, output, at: start }, AliasKind::Concat) => {
                (input, output, start) == (tensor, of, at)
            }
            (Permit::InPlace { input, output }, AliasKind::InPlace) => {
                (input, output, 0) == (of, tensor, at) && bytes(tensor) <= bytes(of)
            }
            (Permit::Overlap { input, output, bytes: limit, lower }, AliasKind::Overlap) => {
                let (below, above) = if lower == Side::Input { (input, output) } else { (output, input) };
                (below, above) == (of, tensor) && bytes(of).saturating_sub(at) <= limit
            }
            _ => false,
        }
    }
}

/// Ranges of bytes with a value each, indexed by start. A query takes O(log n) and the time for its result,
/// if no range covers many others.
struct RangeIndex<T> {
    /// Start, end and value, by start.
    ranges: Vec<(u64, u64, T)>,
    /// The highest end of all ranges up to the same position.
    highest_end: Vec<u64>,
}

impl<T: Copy> RangeIndex<T> {
    fn new(mut ranges: Vec<(u64, u64, T)>) -> Self {
        ranges.retain(|range| range.0 < range.1);
        ranges.sort_by_key(|range| range.0);
        let mut highest = 0;
        let highest_end = ranges.iter().map(|range| {
            highest = range.1.max(highest);
            highest
        });
        Self { highest_end: highest_end.collect(), ranges }
    }

    /// The values of all ranges that meet `from..end`, the highest start first.
    fn meeting(&self, from: u64, end: u64) -> impl Iterator<Item = T> {
        let below = self.ranges.partition_point(|range| range.0 < end);
        let near = (0..below).rev().take_while(move |&position| self.highest_end[position] > from);
        near.filter(move |&position| self.ranges[position].1 > from && from < end)
            .map(|position| self.ranges[position].2)
    }
}
