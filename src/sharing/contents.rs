//! Which bytes of which tensors are the same.

use std::ops::Range;

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

/// A tensor that may be so many bytes into another one, whose contents are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) operator: OperatorId,
    pub(crate) tensor: TensorId,
    pub(crate) of: TensorId,
    pub(crate) at: u64,
    pub(crate) how: How,
}

/// What views and concatenations say of the contents of tensors, where they can all hold
/// at once: a tensor has one place in another, and no two of them contradict each other, nor
/// the graph's relative placements. The first ones of the file go before.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    stretches: Stretches,
    pub(crate) relations: Vec<Relation>,
    /// By operator: where its relations are.
    of_operator: Vec<Range<usize>>,
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
            stretches: Stretches::new(count),
            relations: Vec::new(),
            of_operator: vec![0..0; graph.operators().len()],
            dropped: Vec::new(),
            free: Vec::new(),
            alignment: alignment.into(),
            places: Places::new(count),
        };
        for one in graph.relative_placements() {
            contents.places.tie(one.tensor, one.of, one.at);
        }
        for &id in graph.file_order() {
            let first = contents.relations.len();
            for &output in graph.operator(id).outputs() {
                contents.add(graph, id, output, sharing);
            }
            contents.of_operator[id.index()] = first..contents.relations.len();
        }
        contents
    }

    /// What this operator permits of them.
    pub(crate) fn of(&self, operator: OperatorId) -> &[Relation] {
        &self.relations[self.of_operator[operator.index()].clone()]
    }

    /// Where the bytes of a tensor come from, ascending, without holes.
    pub(crate) fn stretches(&self, graph: &Graph, tensor: TensorId) -> Vec<Stretch> {
        self.stretches.of(graph, tensor)
    }

    /// What an operator permits of the contents of one of its outputs.
    fn add(&mut self, graph: &Graph, operator: OperatorId, output: TensorId, sharing: Sharing) {
        let permits = graph.operator(operator).permits().iter();
        let permits = permits.filter(|permit| permit.output() == output && in_force(graph, permit, sharing));
        let (forced, free): (Vec<&Permit>, _) = permits.partition(|permit| graph.is_forced(permit));
        let mut accepted: Vec<Relation> = Vec::new();
        let mut dropped: Vec<Relation> = Vec::new();
        for relation in forced.into_iter().chain(free).filter_map(|permit| relation(graph, operator, permit))
        {
            if !self.is_possible(graph, &relation) || accepted.contains(&relation) {
                continue;
            }
            let Relation { tensor, of, at, .. } = relation;
            let is_apart = accepted.iter().all(|other| are_apart(graph, &relation, other));
            if is_apart && self.is_aligned(graph, &relation) && self.places.tie(tensor, of, at) {
                accepted.push(relation);
            } else {
                dropped.push(relation);
            }
        }
        if dropped.iter().any(|one| accepted.iter().any(|other| !are_apart(graph, one, other))) {
            self.free.push((output, 0, graph.tensor(output).bytes()));
        } else {
            self.free
                .extend(dropped.iter().map(|one| range(graph, one)).map(|(from, end)| (output, from, end)));
            match accepted.first() {
                Some(view) if view.how != How::Concat => {
                    self.stretches.make_view(graph, output, view.of, view.at);
                }
                Some(_) => {
                    let pieces = accepted.iter().map(|piece| (piece.at, piece.tensor));
                    self.stretches.join(graph, output, pieces.collect());
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

/// Whether two relations of an output concern different bytes of it.
fn are_apart(graph: &Graph, one: &Relation, other: &Relation) -> bool {
    let (one, other) = (range(graph, one), range(graph, other));
    one.1 <= other.0 || other.1 <= one.0
}

/// By tensor: where its bytes come from.
#[derive(Clone, Debug)]
pub(crate) struct Stretches(Vec<Vec<Stretch>>);

impl Stretches {
    /// All bytes are first written where they are.
    pub(crate) fn new(tensors: usize) -> Self {
        Self(vec![Vec::new(); tensors])
    }

    pub(crate) fn is_own(&self, tensor: TensorId) -> bool {
        self.0[tensor.index()].is_empty()
    }

    /// Ascending, without holes.
    pub(crate) fn of(&self, graph: &Graph, tensor: TensorId) -> Vec<Stretch> {
        let own = &self.0[tensor.index()];
        let whole = Stretch { from: 0, bytes: graph.tensor(tensor).bytes(), source: tensor, at: 0 };
        if own.is_empty() && whole.bytes > 0 { vec![whole] } else { own.clone() }
    }

    /// All of a tensor comes from another one, from `at` on.
    pub(crate) fn make_view(&mut self, graph: &Graph, tensor: TensorId, of: TensorId, at: u64) {
        self.0[tensor.index()] = cut(&self.of(graph, of), at, graph.tensor(tensor).bytes());
    }

    /// What is not of these pieces, each with its place, is the tensor's own.
    pub(crate) fn join(&mut self, graph: &Graph, output: TensorId, mut pieces: Vec<(u64, TensorId)>) {
        sort_by_keys(&mut pieces, |&(at, _)| [at, 0]);
        let end = graph.tensor(output).bytes();
        let mut joined = Vec::new();
        let mut from = 0;
        for (at, piece) in pieces.into_iter().chain([(end, output)]) {
            if from < at {
                joined.push(Stretch { from, bytes: at - from, source: output, at: from });
            }
            if at < end {
                let inner = self.of(graph, piece).into_iter();
                joined.extend(inner.map(|stretch| Stretch { from: stretch.from + at, ..stretch }));
                from = at + graph.tensor(piece).bytes();
            }
        }
        self.0[output.index()] = joined;
    }

    /// Where others were said to hold bytes of this tensor, now that it is known where those
    /// come from; what was said of them before.
    pub(crate) fn look_through(&mut self, graph: &Graph, tensor: TensorId) -> Vec<(TensorId, Vec<Stretch>)> {
        let through = self.of(graph, tensor);
        let mut before = Vec::new();
        for (id, own) in graph.tensor_ids().zip(&mut self.0) {
            if id == tensor || own.iter().all(|stretch| stretch.source != tensor) {
                continue;
            }
            let seen = own.iter().flat_map(|stretch| {
                if stretch.source != tensor {
                    return vec![*stretch];
                }
                let mut parts = cut(&through, stretch.at, stretch.bytes);
                for part in &mut parts {
                    part.from += stretch.from;
                }
                parts
            });
            let seen = seen.collect();
            before.push((id, std::mem::replace(own, seen)));
        }
        before
    }

    /// What is said of a tensor, to be put back by [`put`](Self::put).
    pub(crate) fn take(&self, tensor: TensorId) -> Vec<Stretch> {
        self.0[tensor.index()].clone()
    }

    pub(crate) fn put(&mut self, tensor: TensorId, stretches: Vec<Stretch>) {
        self.0[tensor.index()] = stretches;
    }
}

/// So many bytes of these stretches from `at` on, counted from there.
fn cut(stretches: &[Stretch], at: u64, bytes: u64) -> Vec<Stretch> {
    let within = |stretch: &Stretch| {
        let (from, end) = (stretch.from.max(at), (stretch.from + stretch.bytes).min(at + bytes));
        let skipped = from - stretch.from;
        (from < end).then(|| Stretch {
            from: from - at,
            bytes: end - from,
            source: stretch.source,
            at: stretch.at + skipped,
        })
    };
    stretches.iter().filter_map(within).collect()
}
