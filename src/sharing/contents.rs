//! Which bytes of which tensors are the same.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Alignment, How, Sharing, in_force};
use crate::graph::{Graph, Permit};
use crate::ids::{OperatorId, TensorId};
use crate::places::Places;
use crate::sorting::sort_by_keys;

/// Bytes of a tensor that are bytes of the tensor in which they were first written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// From the start of the tensor.
    pub(crate) from: u64,
    pub(crate) bytes: u64,
    pub(crate) source: TensorId,
    /// From the start of the source.
    pub(crate) at: u64,
}

/// A tensor that may be so many bytes into another one.
pub(crate) use crate::effects::Share as Relation;

/// What views and concatenations say of the contents of tensors, where they can all hold
/// at once: a tensor has one place in another, and no two of them contradict each other, nor
/// the graph's relative placements. The first ones of the file go before.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) stretches: Stretches,
    pub(crate) relations: Vec<Relation>,
    /// By operator: where its relations are, and those that were dropped.
    of_operator: Vec<[Range<usize>; 2]>,
    /// Those that contradict them, or would only be aligned where another is not.
    pub(crate) dropped: Vec<Relation>,
    /// Bytes of which these say that they are another's: of a tensor, from where to where.
    /// No bound may count them.
    pub(crate) free: Vec<(TensorId, u64, u64)>,
    alignment: Alignment,
    places: Places,
}

impl Contents {
    /// O((tensors + stretches) log tensors).
    pub(crate) fn new(graph: &Graph, alignment: impl Into<Alignment>, sharing: Sharing) -> Self {
        let count = graph.tensors().len();
        let mut contents = Self {
            stretches: Stretches::new(graph),
            relations: Vec::new(),
            of_operator: vec![[0..0, 0..0]; graph.operators().len()],
            dropped: Vec::new(),
            free: Vec::new(),
            alignment: alignment.into(),
            places: Places::new(count),
        };
        for one in graph.relative_placements() {
            contents.places.tie(one.tensor, one.of, one.at);
        }
        for &id in graph.file_order() {
            let first = [contents.relations.len(), contents.dropped.len()];
            contents.add(graph, id, sharing);
            let end = [contents.relations.len(), contents.dropped.len()];
            contents.of_operator[id.index()] = [first[0]..end[0], first[1]..end[1]];
        }
        contents
    }

    /// What this operator permits of them, and of what was dropped.
    pub(super) fn of(&self, operator: OperatorId) -> [&[Relation]; 2] {
        let [held, dropped] = self.of_operator[operator.index()].clone();
        [&self.relations[held], &self.dropped[dropped]]
    }

    /// What an operator permits of the contents of its outputs.
    fn add(&mut self, graph: &Graph, operator: OperatorId, sharing: Sharing) {
        let permits = graph.operator(operator).permits().iter();
        let mut permits: Vec<&Permit> = permits.filter(|permit| in_force(graph, permit, sharing)).collect();
        // By output, what is forced first.
        sort_by_keys(&mut permits, |permit| {
            [permit.output().index() as u64, (!graph.is_forced(permit)).into()]
        });
        for &output in graph.operator(operator).outputs() {
            let from = permits.partition_point(|permit| permit.output() < output);
            let count = permits[from..].partition_point(|permit| permit.output() == output);
            self.add_to(graph, operator, output, &permits[from..from + count]);
        }
    }

    /// What it permits of the contents of one of them.
    fn add_to(&mut self, graph: &Graph, operator: OperatorId, output: TensorId, permits: &[&Permit]) {
        let mut apart = Apart::default();
        let mut accepted: Vec<Relation> = Vec::new();
        let mut dropped: Vec<Relation> = Vec::new();
        for relation in permits.iter().filter_map(|permit| relation(graph, operator, permit)) {
            let met = apart.met_by(graph, &relation);
            if !self.is_possible(graph, &relation) || met == Some(&relation) {
                continue;
            }
            let Relation { tensor, of, at, .. } = relation;
            if met.is_none() && self.is_aligned(graph, &relation) && self.places.tie(tensor, of, at) {
                apart.add(graph, relation);
                accepted.push(relation);
            } else {
                dropped.push(relation);
            }
        }
        if dropped.iter().any(|one| apart.met_by(graph, one).is_some()) {
            self.free.push((output, 0, graph.tensor(output).bytes()));
        } else {
            self.free
                .extend(dropped.iter().map(|one| range(graph, one)).map(|(from, end)| (output, from, end)));
            match accepted.first() {
                Some(view) if view.how != How::Concat => {
                    self.stretches.make_view(graph, output, view.of, view.at);
                }
                Some(_) => {
                    self.stretches.join(graph, output, apart.iter().map(|piece| (piece.at, piece.tensor)));
                }
                None => {}
            }
        }
        self.relations.extend(accepted);
        self.dropped.extend(dropped);
    }

    /// Whether relative placement and alignments leave room for it.
    fn is_possible(&self, graph: &Graph, relation: &Relation) -> bool {
        let Relation { tensor, of, at, .. } = *relation;
        let distance = graph.distance(tensor, of);
        let can_be_aligned =
            self.is_aligned(graph, relation) || self.alignment(graph, of) < self.alignment(graph, tensor);
        can_be_aligned && distance.is_none_or(|distance| distance == i128::from(at))
    }

    fn is_aligned(&self, graph: &Graph, relation: &Relation) -> bool {
        relation.at.is_multiple_of(self.alignment(graph, relation.tensor))
    }

    fn alignment(&self, graph: &Graph, id: TensorId) -> u64 {
        self.alignment.of(graph.tensor(id))
    }
}

/// What a permission says of contents, if it does.
fn relation(graph: &Graph, operator: OperatorId, permit: &Permit) -> Option<Relation> {
    let (tensor, of, at) = match *permit {
        Permit::View { input, output, at } => (output, input, at),
        Permit::Piece { input, output, at } => (input, output, at),
        Permit::InPlace { .. } | Permit::Overlap { .. } => return None,
    };
    let [bytes, room] = [tensor, of].map(|id| graph.tensor(id).bytes());
    let fits = bytes > 0 && at.checked_add(bytes).is_some_and(|end| end <= room);
    // Constants lie elsewhere, and variables change.
    let both = [tensor, of].iter().all(|&id| graph.tensor(id).kind().is_activation());
    let how = match permit {
        Permit::Piece { .. } => How::Concat,
        _ if bytes == room => How::View,
        _ => How::Slice,
    };
    (fits && both).then_some(Relation { operator, tensor, of, at, how })
}

/// The bytes of an output that a relation concerns.
fn range(graph: &Graph, relation: &Relation) -> (u64, u64) {
    let from = if relation.how == How::Concat { relation.at } else { 0 };
    (from, from + graph.tensor(relation.tensor).bytes())
}

/// The tensor of whose bytes a relation says where they come from.
pub(super) fn output(relation: &Relation) -> TensorId {
    if relation.how == How::Concat { relation.of } else { relation.tensor }
}

/// Relations of an output that concern different bytes of it, by where these begin and end.
#[derive(Clone, Debug, Default)]
pub(super) struct Apart(Vec<(u64, u64, Relation)>);

impl Apart {
    /// What concerns bytes that this one concerns, too; the last of that.
    pub(super) fn met_by(&self, graph: &Graph, relation: &Relation) -> Option<&Relation> {
        let (from, end) = range(graph, relation);
        let before = self.0.partition_point(|one| one.0 < end);
        let (_, last_end, last) = self.0[..before].last()?;
        (from < *last_end).then_some(last)
    }

    /// One that meets none of them.
    pub(super) fn add(&mut self, graph: &Graph, relation: Relation) {
        let (from, end) = range(graph, &relation);
        self.0.insert(self.0.partition_point(|one| one.0 < from), (from, end, relation));
    }

    pub(super) fn remove(&mut self, graph: &Graph, relation: &Relation) {
        let from = range(graph, relation).0;
        self.0.remove(self.0.partition_point(|one| one.0 < from));
    }

    /// Ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Relation> {
        self.0.iter().map(|one| &one.2)
    }
}

/// By tensor: where its bytes come from, ascending, without holes.
#[derive(Clone, Debug)]
pub(crate) struct Stretches(Vec<SmallVec<[Stretch; 1]>>);

impl Stretches {
    /// All bytes are first written where they are.
    pub(crate) fn new(graph: &Graph) -> Self {
        let whole = |id: TensorId| Stretch { from: 0, bytes: graph.tensor(id).bytes(), source: id, at: 0 };
        let own = |id: TensorId| Some(whole(id)).filter(|whole| whole.bytes > 0).into_iter().collect();
        Self(graph.tensor_ids().map(own).collect())
    }

    /// Whether all of a tensor is first written there.
    pub(crate) fn is_own(&self, tensor: TensorId) -> bool {
        self.of(tensor).iter().all(|stretch| stretch.source == tensor)
    }

    pub(crate) fn of(&self, tensor: TensorId) -> &[Stretch] {
        &self.0[tensor.index()]
    }

    /// Those of a tensor that touch bytes `from..end` of it.
    pub(crate) fn touched(&self, tensor: TensorId, from: i128, end: i128) -> &[Stretch] {
        let all = self.of(tensor);
        let first = all.partition_point(|one| i128::from(one.from) + i128::from(one.bytes) <= from);
        let count = all[first..].partition_point(|one| i128::from(one.from) < end);
        &all[first..first + count]
    }

    /// All of a tensor comes from another one, from `at` on.
    pub(crate) fn make_view(&mut self, graph: &Graph, tensor: TensorId, of: TensorId, at: u64) {
        self.0[tensor.index()] = cut(self.of(of), at, graph.tensor(tensor).bytes()).collect();
    }

    /// What is not of these pieces, ascending, each with its place, is the tensor's own.
    pub(crate) fn join(
        &mut self,
        graph: &Graph,
        output: TensorId,
        pieces: impl Iterator<Item = (u64, TensorId)>,
    ) {
        let end = graph.tensor(output).bytes();
        let mut joined = SmallVec::new();
        let mut from = 0;
        for (at, piece) in pieces.chain([(end, output)]) {
            if from < at {
                joined.push(Stretch { from, bytes: at - from, source: output, at: from });
            }
            if at < end {
                let inner = self.of(piece).iter();
                joined.extend(inner.map(|stretch| Stretch { from: stretch.from + at, ..*stretch }));
                from = at + graph.tensor(piece).bytes();
            }
        }
        self.0[output.index()] = joined;
    }

    /// Where others were said to hold bytes of this tensor, now that it is known where those
    /// come from; what was said of them before.
    pub(crate) fn look_through(&mut self, graph: &Graph, tensor: TensorId) -> Vec<Said> {
        let through = self.0[tensor.index()].clone();
        let mut before = Vec::new();
        for (id, own) in graph.tensor_ids().zip(&mut self.0) {
            if id == tensor || own.iter().all(|stretch| stretch.source != tensor) {
                continue;
            }
            let mut seen = SmallVec::new();
            for stretch in &*own {
                if stretch.source == tensor {
                    let parts = cut(&through, stretch.at, stretch.bytes);
                    seen.extend(parts.map(|part| Stretch { from: part.from + stretch.from, ..part }));
                } else {
                    seen.push(*stretch);
                }
            }
            before.push((id, std::mem::replace(own, seen)));
        }
        before
    }

    /// What is said of a tensor, to be put back by [`put`](Self::put).
    pub(crate) fn take(&self, tensor: TensorId) -> Said {
        (tensor, self.0[tensor.index()].clone())
    }

    pub(crate) fn put(&mut self, (tensor, stretches): Said) {
        self.0[tensor.index()] = stretches;
    }
}

/// What is said of a tensor.
pub(crate) type Said = (TensorId, SmallVec<[Stretch; 1]>);

/// So many bytes of these stretches from `at` on, counted from there.
fn cut(stretches: &[Stretch], at: u64, bytes: u64) -> impl Iterator<Item = Stretch> {
    stretches.iter().filter_map(move |stretch| {
        let (from, end) = (stretch.from.max(at), (stretch.from + stretch.bytes).min(at + bytes));
        let skipped = from - stretch.from;
        (from < end).then(|| Stretch {
            from: from - at,
            bytes: end - from,
            source: stretch.source,
            at: stretch.at + skipped,
        })
    })
}
