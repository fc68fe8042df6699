//! Which bytes of which tensors are the same.

use super::{How, Sharing};
use crate::graph::{Graph, Permit, Tensor, TensorKind};
use crate::ids::{OperatorId, TensorId};
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
/// at once: a tensor has one place in another, and no two of them contradict each other.
/// The first ones of the file go before.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    stretches: Stretches,
    pub(crate) relations: Vec<Relation>,
    places: Places,
}

impl Contents {
    /// O((tensors + stretches) log tensors).
    pub(crate) fn new(graph: &Graph, default_alignment: u64, sharing: Sharing) -> Self {
        let count = graph.tensors().len();
        let mut contents =
            Self { stretches: Stretches::new(count), relations: Vec::new(), places: Places::new(count) };
        for &id in graph.file_order() {
            for &output in graph.operator(id).outputs() {
                contents.add(graph, id, output, default_alignment, sharing);
            }
        }
        contents
    }

    /// Where the bytes of a tensor come from, ascending, without holes.
    pub(crate) fn stretches(&self, graph: &Graph, tensor: TensorId) -> Vec<Stretch> {
        self.stretches.of(graph, tensor)
    }

    fn add(
        &mut self,
        graph: &Graph,
        operator: OperatorId,
        output: TensorId,
        default_alignment: u64,
        sharing: Sharing,
    ) {
        let alignment = |id: TensorId| graph.tensor(id).alignment().unwrap_or(default_alignment);
        let mut pieces: Vec<(u64, TensorId)> = Vec::new();
        for permit in graph.operator(operator).permits().iter().filter(|permit| permit.output() == output) {
            let (tensor, of, at) = match *permit {
                Permit::View { input, output, at } if sharing >= Sharing::Views => (output, input, at),
                Permit::Piece { input, output, at } if sharing >= Sharing::All => (input, output, at),
                _ => continue,
            };
            let sizes = [tensor, of].map(|id| graph.tensor(id).bytes());
            let fits = sizes[0] > 0 && at.checked_add(sizes[0]).is_some_and(|end| end <= sizes[1]);
            let both = [tensor, of].iter().all(|&id| takes_part(graph.tensor(id)));
            if !fits || !both || !at.is_multiple_of(alignment(tensor)) {
                continue;
            }
            let is_view = matches!(permit, Permit::View { .. });
            let free = if is_view {
                pieces.is_empty() && self.stretches.is_own(output)
            } else {
                self.stretches.is_own(output)
                    && pieces.iter().all(|&(from, other)| {
                        from + graph.tensor(other).bytes() <= at || at + sizes[0] <= from
                    })
            };
            if !free || !self.places.tie(tensor, of, at) {
                continue;
            }
            let whole = sizes[0] == sizes[1];
            if is_view {
                self.stretches.make_view(graph, output, of, at);
            } else {
                pieces.push((at, tensor));
            }
            let how = match (is_view, whole) {
                (true, true) => How::View,
                (true, false) => How::Slice,
                (false, _) => How::Concat,
            };
            self.relations.push(Relation { operator, tensor, of, at, how });
        }
        if !pieces.is_empty() {
            self.stretches.join(graph, output, pieces);
        }
    }
}

/// Constants lie elsewhere, and variables change.
fn takes_part(tensor: &Tensor) -> bool {
    matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate)
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

/// Places of tensors relative to each other.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    parent: Vec<u32>,
    /// Bytes from the parent's start; the root's own: 0.
    at: Vec<i128>,
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self { parent: (0..count as u32).collect(), at: vec![0; count] }
    }

    /// The root of a tensor's group, and how far from its start the tensor's is.
    pub(crate) fn find(&mut self, tensor: usize) -> (usize, i128) {
        let (mut root, mut distance) = (tensor, 0);
        while self.parent[root] as usize != root {
            distance += self.at[root];
            root = self.parent[root] as usize;
        }
        let (mut place, mut rest) = (tensor, distance);
        while self.parent[place] as usize != place {
            let next = self.parent[place] as usize;
            let own = self.at[place];
            (self.parent[place], self.at[place]) = (root as u32, rest);
            rest -= own;
            place = next;
        }
        (root, distance)
    }

    /// One tensor is so many bytes into another; whether that is so or may be.
    pub(crate) fn tie(&mut self, tensor: TensorId, of: TensorId, at: u64) -> bool {
        let (inner, outer) = (self.find(tensor.index()), self.find(of.index()));
        let distance = outer.1 + i128::from(at) - inner.1;
        if inner.0 == outer.0 {
            return distance == 0;
        }
        self.parent[inner.0] = outer.0 as u32;
        self.at[inner.0] = distance;
        true
    }
}
