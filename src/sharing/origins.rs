//! Where the bytes of tensors come from, followed on demand.
//!
//! A tensor's contents are its own, bytes of another tensor (a view), or other tensors side by
//! side (a concatenation). Lists of sources grow with the square of a chain of concatenations,
//! so only these statements are kept. They lead from an output to inputs of its producer:
//! expanding whichever of two tensors is written later ends, and finds where they meet.

use super::How;
use super::contents::{Apart, Relation, output};
use crate::graph::{Graph, TensorKind};
use crate::ids::TensorId;

#[derive(Clone)]
pub(super) struct Origins {
    /// By output: the relations that say where its bytes come from.
    stated: Vec<Apart>,
    /// By output: how many of its bytes these concern.
    held: Vec<u64>,
    /// By tensor that is a view: the tensor that holds all of it and is no view itself, as far
    /// as that was known when it was stated, and where. A chain of views is followed once.
    views: Vec<Option<(TensorId, u64)>>,
    /// By tensor: the place of its producer in the program order, from 1; inputs come first.
    rank: Vec<u32>,
    /// By tensor: whether all of its contents may be overwritten, if that was asked.
    replaceable: Vec<Option<bool>>,
    /// Whether statements come in any order, so that an answer on one tensor changes with a
    /// statement on another one.
    out_of_order: bool,
    /// Tensors looked at.
    pub(super) work: u64,
}

/// A part of a tensor: from a byte on, so many.
type Part = (TensorId, u64, u64);

impl Origins {
    /// Every tensor is its own.
    pub(super) fn new(graph: &Graph) -> Self {
        let count = graph.tensors().len();
        let mut rank = vec![0; count];
        for (place, &id) in (1..).zip(graph.file_order()) {
            graph.operator(id).outputs().iter().for_each(|output| rank[output.index()] = place);
        }
        Self {
            stated: vec![Apart::default(); count],
            held: vec![0; count],
            views: vec![None; count],
            rank,
            replaceable: vec![None; count],
            out_of_order: !graph.relative_placements().is_empty(),
            work: 0,
        }
    }

    /// What is stated of bytes that this relation concerns.
    pub(super) fn met_by(&self, graph: &Graph, relation: &Relation) -> Option<&Relation> {
        self.stated[output(relation).index()].met_by(graph, relation)
    }

    /// States where bytes come from, of which nothing is stated yet.
    pub(super) fn state(&mut self, graph: &Graph, relation: Relation) {
        let output = output(&relation).index();
        if relation.how != How::Concat {
            let bytes = graph.tensor(relation.tensor).bytes();
            self.views[output] = Some(self.resolved(graph, (relation.of, relation.at, bytes)));
        }
        self.stated[output].add(graph, relation);
        self.held[output] += graph.tensor(relation.tensor).bytes();
        self.replaceable[output] = None;
    }

    /// Takes a statement back.
    pub(super) fn retract(&mut self, graph: &Graph, relation: &Relation) {
        let output = output(relation).index();
        self.stated[output].remove(graph, relation);
        self.held[output] -= graph.tensor(relation.tensor).bytes();
        self.views[output] = None;
        self.replaceable[output] = None;
    }

    /// Returns true if the operator of a tensor writes some of its bytes, which come from no other tensor.
    pub(super) fn has_own_bytes(&self, graph: &Graph, tensor: TensorId) -> bool {
        self.held[tensor.index()] < graph.tensor(tensor).bytes()
    }

    /// Two tensors of one class hold the same where they have bytes in common.
    pub(super) fn class(&self, tensor: TensorId) -> TensorId {
        self.views[tensor.index()].map_or(tensor, |(of, _)| of)
    }

    /// The tensor that a part is a part of, as far down as one tensor holds all of it.
    fn resolved(&mut self, graph: &Graph, (mut tensor, mut at, bytes): Part) -> (TensorId, u64) {
        loop {
            self.work += 1;
            if let Some((of, from)) = self.views[tensor.index()] {
                (tensor, at) = (of, from + at);
                continue;
            }
            match self.stated[tensor.index()].from(at).next() {
                Some(piece)
                    if piece.at <= at && at + bytes <= piece.at + graph.tensor(piece.tensor).bytes() =>
                {
                    (tensor, at) = (piece.tensor, at - piece.at);
                }
                _ => return (tensor, at),
            }
        }
    }

    /// Whether so many bytes of two tensors, from some byte of each on, come from the same
    /// bytes. Linear in the statements in between.
    pub(super) fn are_same(
        &mut self,
        graph: &Graph,
        one: (TensorId, u64),
        other: (TensorId, u64),
        bytes: u64,
    ) -> bool {
        let mut open = vec![(one, other, bytes)];
        while let Some((mut one, mut other, bytes)) = open.pop() {
            self.work += 1;
            if one.0 == other.0 {
                if one.1 != other.1 {
                    return false;
                }
                continue;
            }
            if self.rank[one.0.index()] < self.rank[other.0.index()] {
                (one, other) = (other, one);
            }
            // Nothing that was written earlier comes from bytes that are first written here.
            let mut is_all = true;
            self.expand(graph, (one.0, one.1, bytes), |part, skipped| match part {
                Some((tensor, at, bytes)) => open.push(((tensor, at), (other.0, other.1 + skipped), bytes)),
                None => is_all = false,
            });
            if !is_all {
                return false;
            }
        }
        true
    }

    /// Names the parts that a part consists of, each with the bytes before it; none for bytes
    /// that are first written in this tensor.
    fn expand(&mut self, graph: &Graph, (tensor, at, bytes): Part, mut each: impl FnMut(Option<Part>, u64)) {
        if let Some((of, from)) = self.views[tensor.index()] {
            return each(Some((of, from + at, bytes)), 0);
        }
        let (mut next, end) = (at, at + bytes);
        for piece in self.stated[tensor.index()].from(at).take_while(|piece| piece.at < end) {
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

    /// Whether nobody needs the contents of a tensor after the run.
    pub(super) fn is_replaceable(&mut self, graph: &Graph, tensor: TensorId) -> bool {
        if let Some(known) = self.known(tensor) {
            return known;
        }
        let answer = self.first_kept(graph, tensor).is_none();
        self.replaceable[tensor.index()] = Some(answer);
        answer
    }

    fn known(&self, tensor: TensorId) -> Option<bool> {
        self.replaceable[tensor.index()].filter(|_| !self.out_of_order)
    }

    /// A tensor that is first in memory before the run and may not be overwritten, and whose
    /// bytes this one holds.
    pub(super) fn first_kept(&mut self, graph: &Graph, tensor: TensorId) -> Option<TensorId> {
        let mut open = vec![(tensor, 0, graph.tensor(tensor).bytes())];
        while let Some((tensor, at, bytes)) = open.pop() {
            self.work += 1;
            match self.known(tensor) {
                Some(true) => continue,
                Some(false) if bytes == graph.tensor(tensor).bytes() => return Some(tensor),
                _ => {}
            }
            let mut has_own = false;
            self.expand(graph, (tensor, at, bytes), |part, _| match part {
                Some(part) => open.push(part),
                None => has_own = true,
            });
            let own = graph.tensor(tensor);
            let is_kept = match own.kind() {
                TensorKind::Intermediate => false,
                TensorKind::Input => !own.is_overwritable(),
                TensorKind::Variable | TensorKind::Constant => true,
            };
            if has_own && is_kept {
                return Some(tensor);
            }
        }
        None
    }
}
