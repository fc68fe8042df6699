//! Times that share no buffer are planned each for itself.

use super::{Allocation, height};
use crate::bound::lower_bound;
use crate::error::Result;
use crate::ids::BufferId;
use crate::limits::Stop;
use crate::problem::Problem;
use crate::sorting::sort_by_keys;

/// What a part is to reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    /// The lower bound of the part.
    pub(super) bound: u64,
    /// A height that is good enough: the least there can be of the whole, as far as is known.
    pub(super) enough: u64,
    /// The capacity, if it may be within reach.
    pub(super) capacity: Option<u64>,
    /// Whether a height above `enough` is of no use, and `enough` is the capacity.
    pub(super) needed: bool,
    /// Whether greedy by size runs to its end at any limit.
    pub(super) small: bool,
    /// Search nodes that are left.
    pub(super) nodes: u64,
    /// Steps of inner loops that are left.
    pub(super) work: u64,
    /// Nodes and steps after which a search without progress ends. Progress allows as much
    /// again as was spent until then.
    pub(super) patience: (u64, u64),
}

impl Aim {
    /// What is left after so many nodes and steps.
    pub(super) fn after(self, nodes: u64, work: u64) -> Self {
        Self { nodes: self.nodes.saturating_sub(nodes), work: self.work.saturating_sub(work), ..self }
    }
}

/// Problems of up to so many buffers have greedy by size at any limit.
const SMALL: usize = 5_000;

/// What came of a part.
pub(super) struct Part {
    pub(super) allocation: Allocation,
    pub(super) work: u64,
}

/// Plans each part by `plan` from offsets of the whole on, those with the highest bound first:
/// the others then only have to stay below what these need. Once the call is cancelled, the
/// other parts keep the offsets that they had.
///
/// O(n log n) beside what `plan` does.
pub(super) fn in_parts(
    problem: &Problem,
    first: Vec<u64>,
    (mut nodes, mut work): (u64, u64),
    mut plan: impl FnMut(&Problem, Vec<u64>, Aim) -> Result<Part>,
) -> Result<Allocation> {
    let bound = lower_bound(problem).bytes;
    // A capacity that is out of reach is no aim: the least height is the answer then.
    let capacity = problem.capacity().filter(|&capacity| capacity >= bound);
    let small = problem.buffers().len() <= SMALL;
    let patience = (u64::MAX, u64::MAX);
    let aim = |bound, enough, (nodes, work)| Aim {
        bound,
        enough,
        capacity,
        needed: false,
        small,
        nodes,
        work,
        patience,
    };
    let parts = parts(problem);
    if let [_] = &parts[..] {
        return Ok(plan(problem, first, aim(bound, bound, (nodes, work)))?.allocation);
    }
    let mut whole = Allocation::new(first);
    let mut enough = bound;
    for (bound, ids, own) in hardest_first(problem, parts)? {
        let first = ids.iter().map(|id| whole.offsets[id.index()]).collect();
        let part = plan(&own, first, aim(bound, enough, (nodes, work)))?;
        enough = enough.max(height(&own, &part.allocation.offsets));
        for (id, &offset) in ids.iter().zip(&part.allocation.offsets) {
            whole.offsets[id.index()] = offset;
        }
        nodes = nodes.saturating_sub(part.allocation.nodes);
        work = work.saturating_sub(part.work);
        whole.nodes += part.allocation.nodes;
        whole.proven = whole.proven.max(part.allocation.proven);
        whole.stop = whole.stop.max(part.allocation.stop);
        if whole.stop == Stop::Cancelled {
            break;
        }
    }
    Ok(whole)
}

/// Buffers by part and id, parts by time.
fn parts(problem: &Problem) -> Vec<Vec<BufferId>> {
    let mut ids: Vec<BufferId> = problem.ids().collect();
    sort_by_keys(&mut ids, |&id| [problem.buffer(id).live().start.into(), 0]);
    let mut parts: Vec<Vec<BufferId>> = Vec::new();
    let mut end = 0;
    for id in ids {
        let live = problem.buffer(id).live();
        match parts.last_mut() {
            Some(part) if live.start < end => part.push(id),
            _ => parts.push(vec![id]),
        }
        end = end.max(live.end);
    }
    // Ties are broken by id, here as in the whole.
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// A problem of these buffers alone, without names.
pub(super) fn part_of(problem: &Problem, ids: &[BufferId]) -> Result<Problem> {
    Problem::new(ids.iter().map(|&id| problem.buffer(id).clone()).collect())
}

/// Lower bound, buffers, and the problem of each part.
type Bounded = (u64, Vec<BufferId>, Problem);

fn hardest_first(problem: &Problem, parts: Vec<Vec<BufferId>>) -> Result<Vec<Bounded>> {
    let bounded = |ids: Vec<BufferId>| {
        let part = part_of(problem, &ids)?;
        Ok((lower_bound(&part).bytes, ids, part))
    };
    let mut parts = parts.into_iter().map(bounded).collect::<Result<Vec<Bounded>>>()?;
    sort_by_keys(&mut parts, |&(bytes, ..)| [!bytes, 0]);
    Ok(parts)
}
