//! The origin of each byte of a tensor under the content aliases in use, resolved on demand.
//!
//! The bytes of a tensor are first written by its own producer, belong to another tensor (a view),
//! or belong to several tensors side by side (a concatenation). A chain of `n` concatenations has
//! O(n^2) origins, so this module stores only the aliases and follows them when it compares two
//! tensors. An alias leads from an output to inputs of its producer, that is, to tensors that are
//! earlier in program order. So replacing the later of two tensors by its origins terminates, and
//! reaches the common origin if there is one.

use smallvec::SmallVec;

use super::AliasKind;
use super::contents::{Alias, DisjointAliases, output};
use crate::graph::{Graph, TensorKind};
use crate::support::ids::TensorId;

/// The content aliases in use, by output, with caches for the queries on them.
#[derive(Clone, Default)]
pub(super) struct Origins {
    /// By output: the content aliases in use that define its bytes.
    aliases: Vec<DisjointAliases>,
    /// By output: the number of bytes that these aliases define.
    aliased_bytes: Vec<u64>,
    /// By view: the tensor that contains it and was not itself a view when the alias was added,
    /// and the offset in that tensor. This shortens chains of views to one step.
    views: Vec<Option<(TensorId, u64)>>,
    /// By tensor: the position of its producer in program order, from 1. Graph inputs have 0.
    rank: Vec<u32>,
    /// By tensor: the cached answer of `is_replaceable`.
    replaceable: Vec<Option<bool>>,
    /// True if aliases are added in an order other than program order. Then a new alias of one
    /// tensor may change the answer for another tensor, so cached answers are not valid.
    out_of_order: bool,
    /// Tensors and aliases visited so far.
    pub(super) work: u64,
}

/// Starts of the parts of a tensor, each with the tensor whose contents it holds.
type Parts = SmallVec<[(u64, TensorId); 2]>;

/// A byte range of a tensor: the tensor, the offset of the first byte, and the number of bytes.
type ByteRange = (TensorId, u64, u64);

impl Origins {
    /// Origins without aliases: every tensor is the origin of its own bytes.
    pub(super) fn new(graph: &Graph) -> Self {
        let count = graph.tensors().len();
        let mut rank = vec![0; count];
        for (position, &id) in (1..).zip(graph.program_order()) {
            graph.operator(id).outputs().iter().for_each(|output| rank[output.index()] = position);
        }
        Self {
            // Not `vec![...; count]`: the optimised clone of an empty value reads the unused part of the other variants, which
            // memory checkers report.
            aliases: std::iter::repeat_with(DisjointAliases::default).take(count).collect(),
            aliased_bytes: vec![0; count],
            views: vec![None; count],
            rank,
            replaceable: vec![None; count],
            out_of_order: !graph.relative_placements().is_empty(),
            work: 0,
        }
    }

    /// Returns an alias in use that defines bytes which `alias` would define, too.
    pub(super) fn overlapping(&self, graph: &Graph, alias: &Alias) -> Option<&Alias> {
        self.aliases[output(alias).index()].overlapping(graph, alias)
    }

    /// Adds an alias. No other alias may define the same bytes.
    pub(super) fn add(&mut self, graph: &Graph, alias: Alias) {
        let output = output(&alias).index();
        if alias.kind != AliasKind::Concat {
            let bytes = graph.tensor(alias.tensor).bytes();
            self.views[output] = Some(self.resolved(graph, (alias.of, alias.at, bytes)));
        }
        self.aliases[output].add(graph, alias);
        self.aliased_bytes[output] += graph.tensor(alias.tensor).bytes();
        self.replaceable[output] = None;
    }

    /// Removes an alias.
    pub(super) fn remove(&mut self, graph: &Graph, alias: &Alias) {
        let output = output(alias).index();
        self.aliases[output].remove(graph, alias);
        self.aliased_bytes[output] -= graph.tensor(alias.tensor).bytes();
        // A view has one alias only, so the output is no view any more.
        self.views[output] = None;
        self.replaceable[output] = None;
    }

    /// Returns true if the producer of a tensor writes some of its bytes, that is, if aliases do not
    /// define all of them.
    pub(super) fn has_own_bytes(&self, graph: &Graph, tensor: TensorId) -> bool {
        self.aliased_bytes[tensor.index()] < graph.tensor(tensor).bytes()
    }

    /// Cuts a tensor at the ends of its aliases. Returns the start of each part, ascending, with the
    /// tensor whose contents the part holds, which is the tensor itself for bytes that its producer
    /// writes.
    pub(super) fn parts(&mut self, graph: &Graph, tensor: TensorId) -> Parts {
        let mut parts = Parts::new();
        self.expand(graph, (tensor, 0, graph.tensor(tensor).bytes()), |part, at| {
            parts.push((at, part.map_or(tensor, |(of, ..)| of)));
        });
        parts
    }

    /// Follows aliases as long as one tensor contains the whole range. Returns the last such tensor
    /// and the offset in it.
    fn resolved(&mut self, graph: &Graph, (mut tensor, mut at, bytes): ByteRange) -> (TensorId, u64) {
        loop {
            self.work += 1;
            if let Some((of, from)) = self.views[tensor.index()] {
                (tensor, at) = (of, from + at);
                // A view: its bytes are those of another tensor from `from` on.
                continue;
            }
            match self.aliases[tensor.index()].from(graph, at).next() {
                Some(piece)
                    if piece.at <= at && at + bytes <= piece.at + graph.tensor(piece.tensor).bytes() =>
                {
                    (tensor, at) = (piece.tensor, at - piece.at);
                }
                _ => return (tensor, at),
            }
        }
    }

    /// Returns true if two byte ranges of the same length, given by tensor and offset, have the same
    /// origins. Linear in the aliases between the tensors and their common origins.
    pub(super) fn are_same(
        &mut self,
        graph: &Graph,
        one: (TensorId, u64),
        other: (TensorId, u64),
        bytes: u64,
    ) -> bool {
        let mut pending = vec![(one, other, bytes)];
        while let Some((mut one, mut other, bytes)) = pending.pop() {
            self.work += 1;
            // Both ranges are parts of one tensor: they are the same bytes only at the same offset. Equal
            // values at different offsets do not count.
            if one.0 == other.0 {
                if one.1 != other.1 {
                    return false;
                }
                continue;
            }
            if self.rank[one.0.index()] < self.rank[other.0.index()] {
                (one, other) = (other, one);
            }
            // `one` is now the later tensor. If its own producer first writes some of these bytes,
            // no earlier tensor can contain them, so the ranges differ.
            let mut is_all = true;
            self.expand(graph, (one.0, one.1, bytes), |part, skipped| match part {
                Some((tensor, at, bytes)) => {
                    pending.push(((tensor, at), (other.0, other.1 + skipped), bytes));
                }
                None => is_all = false,
            });
            if !is_all {
                return false;
            }
        }
        true
    }

    /// Calls `each` for the ranges of other tensors that make up a range, with their offsets in the
    /// range. Passes none for bytes that the tensor's own producer writes.
    fn expand(
        &mut self,
        graph: &Graph,
        (tensor, at, bytes): ByteRange,
        mut each: impl FnMut(Option<ByteRange>, u64),
    ) {
        if let Some((of, from)) = self.views[tensor.index()] {
            return each(Some((of, from + at, bytes)), 0);
        }
        let (mut next, end) = (at, at + bytes);
        for piece in self.aliases[tensor.index()].from(graph, at).take_while(|piece| piece.at < end) {
            self.work += 1;
            if next < piece.at {
                each(None, next - at);
                next = piece.at;
            }
            let stop = end.min(piece.at + graph.tensor(piece.tensor).bytes());
            each(Some((piece.tensor, next - piece.at, stop - next)), next - at);
            next = stop;
        }
        if next < end {
            each(None, next - at);
        }
    }

    /// Returns true if nobody needs the contents of a tensor after the run.
    pub(super) fn is_replaceable(&mut self, graph: &Graph, tensor: TensorId) -> bool {
        if let Some(cached) = self.cached_replaceable(tensor) {
            return cached;
        }
        let answer = self.first_preserved(graph, tensor).is_none();
        self.replaceable[tensor.index()] = Some(answer);
        answer
    }

    fn cached_replaceable(&self, tensor: TensorId) -> Option<bool> {
        self.replaceable[tensor.index()].filter(|_| !self.out_of_order)
    }

    /// Returns a tensor whose contents must survive the run and some of whose bytes `tensor` holds:
    /// a graph input that may not be overwritten, a variable or a constant.
    pub(super) fn first_preserved(&mut self, graph: &Graph, tensor: TensorId) -> Option<TensorId> {
        let mut pending = vec![(tensor, 0, graph.tensor(tensor).bytes())];
        while let Some((tensor, at, bytes)) = pending.pop() {
            self.work += 1;
            // A cached answer is about the whole tensor. A positive one holds for every part of it, a
            // negative one only if the whole tensor is asked for.
            match self.cached_replaceable(tensor) {
                Some(true) => continue,
                Some(false) if bytes == graph.tensor(tensor).bytes() => return Some(tensor),
                _ => {}
            }
            let mut has_own = false;
            self.expand(graph, (tensor, at, bytes), |part, _| match part {
                Some(part) => pending.push(part),
                None => has_own = true,
            });
            let source = graph.tensor(tensor);
            let is_preserved = match source.kind() {
                TensorKind::Intermediate => false,
                TensorKind::Input => !source.is_overwritable(),
                TensorKind::Variable | TensorKind::Constant => true,
            };
            if has_own && is_preserved {
                return Some(tensor);
            }
        }
        None
    }
}
