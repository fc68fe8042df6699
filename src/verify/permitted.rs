//! Checks aliases against the permissions of operators.

use crate::graph::{Graph, Permit, Side};
use crate::ids::{OperatorId, TensorId};
use crate::occupant::Occupant;
use crate::plan::Share;
use crate::sharing::How;

/// The aliases of one operator, in two orders, so that those of a tensor are found without looking
/// at the others: an operator may have as many aliases as tensors.
#[derive(Clone, Default)]
pub(super) struct Shares {
    /// By `tensor`.
    by_tensor: Vec<Share>,
    /// Those of [`How::Concat`] by `of`.
    pieces: Vec<Share>,
}

impl Shares {
    /// The aliases that operators permit, by operator. `refused` gets why an alias is left out, be
    /// it that `wrong` names a reason of its own. O(n log n) for n aliases and permissions.
    pub(super) fn by_operator(
        graph: &Graph,
        shares: &[Share],
        wrong: impl Fn(&Share) -> Option<String>,
        mut refused: impl FnMut(String),
    ) -> Vec<Self> {
        let permits = Permits::new(graph, shares);
        let mut of_operator: Vec<Self> = vec![Self::default(); graph.operators().len()];
        for share in shares {
            match permits.refusal(share).or_else(|| wrong(share)) {
                Some(text) => refused(text),
                None => of_operator[share.operator.index()].by_tensor.push(*share),
            }
        }
        for own in &mut of_operator {
            own.by_tensor.sort_by_key(|share| share.tensor);
            own.pieces = own.by_tensor.iter().copied().filter(|share| share.how == How::Concat).collect();
            own.pieces.sort_by_key(|share| share.of);
        }
        of_operator
    }

    pub(super) fn all(&self) -> &[Share] {
        &self.by_tensor
    }

    /// Aliases whose `tensor` this is.
    pub(super) fn of_tensor(&self, tensor: TensorId) -> &[Share] {
        let from = self.by_tensor.partition_point(|share| share.tensor < tensor);
        let end = self.by_tensor.partition_point(|share| share.tensor <= tensor);
        &self.by_tensor[from..end]
    }

    /// Aliases that make an output a view.
    pub(super) fn views(&self, output: TensorId) -> impl Iterator<Item = &Share> {
        self.of_tensor(output).iter().filter(|share| matches!(share.how, How::View | How::Slice))
    }

    /// The first of [`views`](Self::views).
    pub(super) fn view(&self, output: TensorId) -> Option<&Share> {
        self.views(output).next()
    }

    /// Inputs that lie where an output has them.
    pub(super) fn pieces_of(&self, output: TensorId) -> &[Share] {
        let from = self.pieces.partition_point(|share| share.of < output);
        let end = self.pieces.partition_point(|share| share.of <= output);
        &self.pieces[from..end]
    }

    /// Returns true if the operator may write over an input while it reads it: an alias of the plan
    /// says so, and `may_overwrite` says that no later reader needs the input's bytes.
    pub(super) fn may_meet(
        &self,
        occupant: Occupant,
        input: TensorId,
        may_overwrite: impl Fn() -> bool,
    ) -> bool {
        let Occupant::Tensor(output) = occupant else { return false };
        // A variable that an operator reads and writes is one tensor.
        if output == input {
            return true;
        }
        let names = |one: TensorId, other: TensorId, hows: &[How]| {
            self.of_tensor(one).iter().any(|share| share.of == other && hows.contains(&share.how))
        };
        (names(output, input, &[How::InPlace, How::Overlap]) || names(input, output, &[How::Overlap]))
            && may_overwrite()
    }
}

/// The permissions of a graph's operators, by operator, input and output.
struct Permits<'a> {
    graph: &'a Graph,
    sorted: Vec<(OperatorId, TensorId, TensorId, &'a Permit)>,
}

impl<'a> Permits<'a> {
    /// Only those of operators that `shares` name.
    fn new(graph: &'a Graph, shares: &[Share]) -> Self {
        let mut operators: Vec<OperatorId> = shares.iter().map(|share| share.operator).collect();
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
        let own = self.sorted[from..].iter();
        own.take_while(move |one| (one.0, one.1, one.2) == key).map(|one| one.3)
    }

    /// Why no operator permits an alias, if none does.
    fn refusal(&self, share: &Share) -> Option<String> {
        let Share { operator, tensor, of, at, how } = *share;
        let graph = self.graph;
        let is_known = operator.index() < graph.operators().len();
        if !is_known || [tensor, of].iter().any(|id| id.index() >= graph.tensors().len()) {
            return Some("an operator or a tensor is not of this graph".to_owned());
        }
        let bytes = |id: TensorId| graph.tensor(id).bytes();
        let is_whole = bytes(tensor) == bytes(of);
        let permits = |permit: &Permit| match (*permit, how) {
            (Permit::View { input, output, at: own }, How::View | How::Slice) => {
                (input, output, own) == (of, tensor, at) && is_whole == (how == How::View)
            }
            (Permit::Piece { input, output, at: own }, How::Concat) => {
                (input, output, own) == (tensor, of, at)
            }
            (Permit::InPlace { input, output }, How::InPlace) => {
                (input, output, 0) == (of, tensor, at) && bytes(tensor) <= bytes(of)
            }
            (Permit::Overlap { input, output, bytes: most, lower }, How::Overlap) => {
                let ends = if lower == Side::Input { (input, output) } else { (output, input) };
                ends == (of, tensor) && bytes(of).saturating_sub(at) <= most
            }
            _ => false,
        };
        // The kind of permission decides which of the two tensors is the input.
        let mut own = self.of(operator, of, tensor).chain(self.of(operator, tensor, of));
        let is_permitted = !graph.operator(operator).is_folded() && own.any(permits);
        (!is_permitted).then(|| {
            let [tensor, of] = [tensor, of].map(|id| graph.tensor(id).name());
            let operator = graph.operator(operator).name();
            format!("operator `{operator}` does not permit tensor `{tensor}` at {at} of tensor `{of}`")
        })
    }
}

/// Ranges of bytes, for all of those that meet a given one. The search takes O(log n) and the time
/// that what is found needs, if no range covers many others.
pub(super) struct Overlaps<T> {
    /// Start, end, and what lies there, by start.
    ranges: Vec<(u64, u64, T)>,
    /// The highest end up to here.
    reach: Vec<u64>,
}

impl<T: Copy> Overlaps<T> {
    pub(super) fn new(mut ranges: Vec<(u64, u64, T)>) -> Self {
        ranges.retain(|range| range.0 < range.1);
        ranges.sort_by_key(|range| range.0);
        let mut highest = 0;
        let reach = ranges.iter().map(|range| {
            highest = range.1.max(highest);
            highest
        });
        Self { reach: reach.collect(), ranges }
    }

    /// Everything with a byte in `from..end`, the last one first.
    pub(super) fn of(&self, from: u64, end: u64) -> impl Iterator<Item = T> {
        let below = self.ranges.partition_point(|range| range.0 < end);
        let near = (0..below).rev().take_while(move |&number| self.reach[number] > from);
        near.filter(move |&number| self.ranges[number].1 > from && from < end)
            .map(|number| self.ranges[number].2)
    }
}
