//! Decomposition of a problem into time spans that share no buffer.

use super::Allocation;
use crate::error::Result;
use crate::problem::{Problem, lower_bound};
use crate::support::ids::BufferId;
use crate::support::limits::Stop;
use crate::support::sorting::sort_by_keys;

/// The target of the search for one part.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackingTarget {
    /// Lower bound of the part.
    pub(super) bound: u64,
    /// Sufficient height: the largest of the lower bound and the heights of the parts already
    /// allocated. A packing of this part below that would not lower the arena.
    pub(super) sufficient: u64,
    /// Capacity, unless the lower bound of the whole problem exceeds it.
    pub(super) capacity: Option<u64>,
    /// True if a height above `sufficient` is useless. `sufficient` is the capacity then.
    pub(super) required: bool,
    /// True if greedy by size runs to its end regardless of limits.
    pub(super) small: bool,
    /// Remaining search nodes.
    pub(super) nodes: u64,
    /// Remaining work in steps of inner loops.
    pub(super) work: u64,
    /// Nodes and steps after which a search without progress ends. Progress allows as much
    /// again as was spent until then.
    pub(super) patience: (u64, u64),
}

impl PackingTarget {
    /// The target after spending the given nodes and steps.
    pub(super) fn after(self, nodes: u64, work: u64) -> Self {
        Self { nodes: self.nodes.saturating_sub(nodes), work: self.work.saturating_sub(work), ..self }
    }
}

/// Maximum number of buffers for which greedy by size ignores limits.
const SMALL: usize = 5_000;

/// The allocation of one part, and the work spent.
pub(super) struct PartAllocation {
    pub(super) allocation: Allocation,
    pub(super) work: u64,
}

/// Allocates each part with `plan`, starting from the offsets of the whole. Parts with a high
/// lower bound come first: the others only need to stay below the height of these. After
/// cancellation, the remaining parts keep their offsets.
///
/// O(n log n) in addition to `plan`.
pub(super) fn allocate_parts(
    problem: &Problem,
    first: Vec<u64>,
    (mut nodes, mut work): (u64, u64),
    mut plan: impl FnMut(&Problem, Vec<u64>, PackingTarget) -> Result<PartAllocation>,
) -> Result<Allocation> {
    let bound = lower_bound(problem).bytes;
    // A capacity below the lower bound cannot be met, so the lowest height becomes the goal.
    let capacity = problem.capacity().filter(|&capacity| capacity >= bound);
    let small = problem.buffers().len() <= SMALL;
    let patience = (u64::MAX, u64::MAX);
    let target = |bound, sufficient, (nodes, work)| PackingTarget {
        bound,
        sufficient,
        capacity,
        required: false,
        small,
        nodes,
        work,
        patience,
    };
    let parts = parts(problem);
    if let [_] = &parts[..] {
        return Ok(plan(problem, first, target(bound, bound, (nodes, work)))?.allocation);
    }
    let mut whole = Allocation::new(first);
    let mut sufficient = bound;
    for (bound, ids, part) in hardest_first(problem, parts)? {
        let first = ids.iter().map(|id| whole.offsets[id.index()]).collect();
        let PartAllocation { allocation, work: spent } =
            plan(&part, first, target(bound, sufficient, (nodes, work)))?;
        sufficient = sufficient.max(part.height(&allocation.offsets));
        for (id, &offset) in ids.iter().zip(&allocation.offsets) {
            whole.offsets[id.index()] = offset;
        }
        nodes = nodes.saturating_sub(allocation.nodes);
        work = work.saturating_sub(spent);
        whole.nodes += allocation.nodes;
        whole.proven = whole.proven.max(allocation.proven);
        whole.stop = whole.stop.max(allocation.stop);
        if whole.stop == Stop::Cancelled {
            break;
        }
    }
    Ok(whole)
}

/// Buffers of each part, ascending by id; parts in the order of time.
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
    // Heuristics break ties by id, so buffers keep the relative order of the whole problem.
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// The problem of the given buffers, without names.
pub(super) fn part_of(problem: &Problem, ids: &[BufferId]) -> Result<Problem> {
    Problem::new(ids.iter().map(|&id| problem.buffer(id).clone()).collect())
}

/// Lower bound, buffers and problem of a part.
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
