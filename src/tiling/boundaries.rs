//! The positions where segments start and end.
//!
//! **What is decided.** In a graph of at most [`SMALL`] operators, segments start and end anywhere.
//!
//! **What is pruned.** In a larger graph, an operator that is written over the result of the operator before it
//! is in the same segment as that operator. The first operator of a segment is above the capacity or adds live bytes,
//! the last one is above the capacity or frees bytes: the segment without another operator at this end has fewer live
//! bytes there. In a graph of more than [`LARGE`] operators, a segment also includes the operator before it if that
//! adds bytes, and the operator behind it if that frees bytes, where that
//! operator can be split. This leaves out cuts of less extra cost.
//!
//! **Cost.** O(operators + edges).

use super::ordered_graph::{OrderedGraph, Position, RowLink};

const SMALL: usize = 64;
const LARGE: usize = 300;

/// By position: the conditions under which a segment starts or ends there.
pub(super) struct Boundaries {
    starts: Vec<Boundary>,
    ends: Vec<Boundary>,
}

#[derive(Clone, Copy)]
enum Boundary {
    Always,
    /// If the capacity is below these live bytes.
    Below(u64),
    Never,
}

impl Boundaries {
    /// `steps` and `between`: live bytes at each step and between steps.
    pub(super) fn new(graph: &OrderedGraph<'_>, steps: &[u64], between: &[u64]) -> Self {
        let count = steps.len();
        let mut result = Self { starts: vec![Boundary::Always; count + 1], ends: Vec::new() };
        if count > SMALL {
            result.starts.fill(Boundary::Never);
            result.ends = result.starts.clone();
            result.add(graph, steps, between);
        } else {
            result.ends = result.starts.clone();
        }
        result
    }

    fn add(&mut self, graph: &OrderedGraph<'_>, steps: &[u64], between: &[u64]) {
        let count = steps.len();
        let positions: Vec<usize> = (0..=count).filter(|&at| !is_inner(graph, at)).collect();
        for pair in positions.windows(2) {
            let (at, next) = (pair[0], pair[1]);
            let most = steps[at..next].iter().copied().max().unwrap_or(0);
            let adds = between[next] > between[at];
            let frees = between[next] < between[at];
            self.starts[at] = if adds { Boundary::Always } else { Boundary::Below(most) };
            self.ends[next] = if frees { Boundary::Always } else { Boundary::Below(most) };
        }
        if count <= LARGE {
            return;
        }
        for units in positions.windows(3) {
            let (first, at, end) = (units[0], units[1], units[2]);
            let is_whole = |at: usize| graph.operators[at].axis.is_none();
            if !is_whole(first) && between[at] > between[first] {
                self.starts[at] = Boundary::Never;
            }
            if !is_whole(at) && between[end] < between[at] {
                self.ends[at] = Boundary::Never;
            }
        }
    }

    pub(super) fn starts(&self, at: usize, capacity: u64) -> bool {
        self.starts[at].holds(capacity)
    }

    pub(super) fn ends(&self, at: usize, capacity: u64) -> bool {
        self.ends[at].holds(capacity)
    }
}

impl Boundary {
    fn holds(self, capacity: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Below(bytes) => capacity < bytes,
            Self::Never => false,
        }
    }
}

/// True if the operator at a position is written over a tensor of the operator before it.
fn is_inner(graph: &OrderedGraph<'_>, at: usize) -> bool {
    if at == 0 || at == graph.operators.len() {
        return false;
    }
    let writes_over = |link: &RowLink| {
        link.over.is_some()
            && link.map.is_some()
            && graph.tensor(link.tensor).producer() == Some(at as Position - 1)
    };
    let operator = &graph.operators[at];
    operator.axis.is_some()
        && graph.operators[at - 1].axis.is_some()
        && operator.inputs.iter().any(writes_over)
}
