//! Which bytes of which tensors are the same.

use std::collections::BTreeMap;
use std::ops::Range;

use smallvec::SmallVec;

use super::{Alignment, How, Sharing, in_force};
use crate::error::Error;
use crate::graph::{Graph, Permit};
use crate::ids::{OperatorId, TensorId};
use crate::limits::{Limits, Meter, Stop};
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
    /// Those that contradict them.
    pub(crate) dropped: Vec<Relation>,
    /// Bytes of which these say that they are another's: of a tensor, from where to where.
    /// No bound may count them.
    pub(crate) free: Vec<(TensorId, u64, u64)>,
    /// Permissions to write over an input that are in force, by output and input.
    overwrites: Vec<Permit>,
    pub(super) sharing: Sharing,
    alignment: Alignment,
    places: Places,
    /// How many stretches may still be listed.
    room: usize,
}

/// No more stretches are listed: a chain of concatenations has as many as the square of its
/// length. Bytes of the tensors beyond count in no bound, like those of relations that were
/// dropped.
const MOST_STRETCHES: usize = 1 << 21;

/// Steps of a pass for each tensor.
const WORK_EACH: usize = 16;

impl Contents {
    /// The contents within limits; only those of constraints if a limit is met first.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(crate) fn within(
        limits: &Limits,
        graph: &Graph,
        alignment: Alignment,
        sharing: Sharing,
    ) -> Result<(Self, Stop), Error> {
        match Self::new(graph, alignment, sharing, &mut Meter::new(limits, u64::MAX)) {
            Ok(contents) => Ok((contents, Stop::Finished)),
            Err(Stop::Cancelled) => Err(Error::Cancelled),
            Err(stop) => Ok((Self::unlimited(graph, alignment, Sharing::None), stop)),
        }
    }

    pub(crate) fn unlimited(graph: &Graph, alignment: impl Into<Alignment>, sharing: Sharing) -> Self {
        let contents = Self::new(graph, alignment, sharing, &mut Meter::new(&Limits::new(), u64::MAX));
        contents.expect("without limits, nothing stops it")
    }

    /// O((tensors + stretches) log tensors).
    ///
    /// # Errors
    /// Why it was stopped.
    pub(crate) fn new(
        graph: &Graph,
        alignment: impl Into<Alignment>,
        sharing: Sharing,
        meter: &mut Meter<'_>,
    ) -> Result<Self, Stop> {
        let count = graph.tensors().len();
        // Each of the passes over all tensors or operators takes a while where those are many.
        meter.work(WORK_EACH * count)?;
        let stretches = Stretches::new(graph);
        meter.work(WORK_EACH * count)?;
        let overwrites = overwrites(graph, sharing);
        meter.work(WORK_EACH * count)?;
        let mut contents = Self {
            stretches,
            relations: Vec::new(),
            of_operator: vec![[0..0, 0..0]; graph.operators().len()],
            dropped: Vec::new(),
            free: Vec::new(),
            overwrites,
            sharing,
            alignment: alignment.into(),
            places: Places::new(count),
            room: MOST_STRETCHES,
        };
        for one in graph.relative_placements() {
            contents.places.tie(one.tensor, one.of, one.at);
        }
        for &id in graph.file_order() {
            let first = [contents.relations.len(), contents.dropped.len()];
            let room = contents.room;
            contents.add(graph, id, sharing);
            let operator = graph.operator(id);
            let stretches = room - contents.room;
            meter.charge(1 + operator.outputs().len() + 8 * operator.permits().len() + stretches)?;
            let end = [contents.relations.len(), contents.dropped.len()];
            contents.of_operator[id.index()] = [first[0]..end[0], first[1]..end[1]];
        }
        Ok(contents)
    }

    /// Permissions to write this output over this input.
    pub(super) fn overwrites(&self, input: TensorId, output: TensorId) -> &[Permit] {
        let key = (output, input);
        let from = self.overwrites.partition_point(|one| (one.output(), one.input()) < key);
        let count = self.overwrites[from..].partition_point(|one| (one.output(), one.input()) == key);
        &self.overwrites[from..from + count]
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
            if met.is_none() && self.places.tie(tensor, of, at) {
                apart.add(graph, relation);
                accepted.push(relation);
            } else {
                dropped.push(relation);
            }
        }
        if dropped.iter().any(|one| apart.met_by(graph, one).is_some()) || !self.list(graph, output, &apart) {
            self.free.push((output, 0, graph.tensor(output).bytes()));
        } else {
            self.free
                .extend(dropped.iter().map(|one| range(graph, one)).map(|(from, end)| (output, from, end)));
        }
        self.relations.extend(accepted);
        self.dropped.extend(dropped);
    }

    /// Lists where the bytes of an output come from, if there is room for that.
    fn list(&mut self, graph: &Graph, output: TensorId, apart: &Apart) -> bool {
        let is_view = |one: &Relation| one.how != How::Concat;
        let listed = match apart.from(0).next() {
            None => return true,
            Some(view) if is_view(view) => self.stretches.view(graph, output, view.of, view.at),
            Some(_) => {
                let count = |one: &Relation| 1 + self.stretches.of(one.tensor).len();
                if apart.from(0).map(count).sum::<usize>() > self.room {
                    return false;
                }
                self.stretches.concat(graph, output, apart.from(0).map(|piece| (piece.at, piece.tensor)))
            }
        };
        if listed.len() > self.room {
            return false;
        }
        // A list of one takes no memory of its own.
        self.room -= listed.len() - 1;
        self.stretches.0[output.index()] = listed;
        true
    }

    /// Returns true if relative placement and alignments allow the relation: the offsets of both
    /// tensors are multiples of the smaller alignment.
    fn is_possible(&self, graph: &Graph, relation: &Relation) -> bool {
        let Relation { tensor, of, at, .. } = *relation;
        let distance = graph.distance(tensor, of);
        let smaller = self.alignment(graph, of).min(self.alignment(graph, tensor));
        at.is_multiple_of(smaller) && distance.is_none_or(|distance| distance == i128::from(at))
    }

    pub(super) fn alignment(&self, graph: &Graph, id: TensorId) -> u64 {
        self.alignment.of(graph.tensor(id))
    }
}

/// Permissions to write over an input that are in force, by output and input.
fn overwrites(graph: &Graph, sharing: Sharing) -> Vec<Permit> {
    let permits = graph.operators().iter().flat_map(crate::graph::Operator::permits);
    let concerned = |permit: &&Permit| {
        matches!(permit, Permit::InPlace { .. } | Permit::Overlap { .. }) && in_force(graph, permit, sharing)
    };
    let mut all: Vec<Permit> = permits.filter(concerned).copied().collect();
    sort_by_keys(&mut all, |permit| [permit.output().index() as u64, permit.input().index() as u64]);
    all
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

/// Relations of an output that concern different bytes of it, by where these begin, each with
/// where they end.
#[derive(Clone, Debug, Default)]
pub(super) struct Apart(BTreeMap<u64, (u64, Relation)>);

impl Apart {
    /// The relation that concerns bytes that this one concerns, too; the last if several do.
    pub(super) fn met_by(&self, graph: &Graph, relation: &Relation) -> Option<&Relation> {
        let (from, end) = range(graph, relation);
        let (_, (last_end, last)) = self.0.range(..end).next_back()?;
        (from < *last_end).then_some(last)
    }

    /// Adds a relation that meets none of them.
    pub(super) fn add(&mut self, graph: &Graph, relation: Relation) {
        let (from, end) = range(graph, &relation);
        self.0.insert(from, (end, relation));
    }

    pub(super) fn remove(&mut self, graph: &Graph, relation: &Relation) {
        self.0.remove(&range(graph, relation).0);
    }

    /// Ascending, those that concern byte `at` or a later one.
    pub(super) fn from(&self, at: u64) -> impl Iterator<Item = &Relation> {
        let covering = self.0.range(..=at).next_back().filter(|(_, (end, _))| *end > at);
        let first = covering.map_or(at, |(&from, _)| from);
        self.0.range(first..).map(|(_, (_, relation))| relation)
    }
}

/// By tensor: where its bytes come from, ascending, without holes.
#[derive(Clone, Debug)]
pub(crate) struct Stretches(Vec<List>);

type List = SmallVec<[Stretch; 1]>;

impl Stretches {
    /// All bytes are first written where they are.
    pub(crate) fn new(graph: &Graph) -> Self {
        let whole = |id: TensorId| Stretch { from: 0, bytes: graph.tensor(id).bytes(), source: id, at: 0 };
        let own = |id: TensorId| Some(whole(id)).filter(|whole| whole.bytes > 0).into_iter().collect();
        Self(graph.tensor_ids().map(own).collect())
    }

    pub(crate) fn of(&self, tensor: TensorId) -> &[Stretch] {
        &self.0[tensor.index()]
    }

    /// Stretches of a tensor of which all comes from another one, from `at` on.
    fn view(&self, graph: &Graph, tensor: TensorId, of: TensorId, at: u64) -> List {
        cut(self.of(of), at, graph.tensor(tensor).bytes()).collect()
    }

    /// Stretches of a tensor of these pieces, ascending, each with its place. What is not of
    /// these is the tensor's own.
    fn concat(&self, graph: &Graph, output: TensorId, pieces: impl Iterator<Item = (u64, TensorId)>) -> List {
        let end = graph.tensor(output).bytes();
        let mut joined = List::new();
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
        joined
    }
}

/// So many bytes of these stretches from `at` on, counted from there.
fn cut(stretches: &[Stretch], at: u64, bytes: u64) -> impl Iterator<Item = Stretch> {
    let first = stretches.partition_point(|one| one.from + one.bytes <= at);
    let within = stretches[first..].iter().take_while(move |one| one.from < at + bytes);
    within.map(move |stretch| {
        let (from, end) = (stretch.from.max(at), (stretch.from + stretch.bytes).min(at + bytes));
        let skipped = from - stretch.from;
        Stretch { from: from - at, bytes: end - from, source: stretch.source, at: stretch.at + skipped }
    })
}
