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
    /// A height that is good enough.
    pub(super) enough: u64,
    /// Whether a higher one is of no use.
    pub(super) needed: bool,
    /// Search nodes that are left.
    pub(super) nodes: u64,
    /// Steps of inner loops that are left.
    pub(super) work: u64,
}

/// What came of a part.
pub(super) struct Part {
    pub(super) allocation: Allocation,
    pub(super) work: u64,
}

/// Plans each part by `plan`, those with the highest bound first: the others then
/// only have to stay below what these need.
///
/// O(n log n) beside what `plan` does.
pub(super) fn in_parts(
    problem: &Problem,
    (mut nodes, mut work): (u64, u64),
    mut plan: impl FnMut(&Problem, Aim) -> Result<Part>,
) -> Result<Allocation> {
    let bound = lower_bound(problem).bytes;
    // What is out of reach is no aim: the least height is the answer then.
    let capacity = problem.capacity().filter(|&capacity| capacity >= bound);
    let mut enough = capacity.unwrap_or(bound);
    let mut aim = |bound, enough, spent: &Part| {
        nodes = nodes.saturating_sub(spent.allocation.nodes);
        work = work.saturating_sub(spent.work);
        Aim { bound, enough, needed: capacity.is_some(), nodes, work }
    };
    let nothing = Part { allocation: Allocation::new(Vec::new()), work: 0 };
    let parts = parts(problem);
    if let [_] = &parts[..] {
        return Ok(plan(problem, aim(bound, enough, &nothing))?.allocation);
    }
    let mut whole = Allocation::new(vec![0; problem.buffers().len()]);
    let mut spent = nothing;
    for (bound, ids, own) in hardest_first(problem, parts)? {
        let part = plan(&own, aim(bound, enough, &spent))?;
        enough = enough.max(height(&own, &part.allocation.offsets));
        for (id, &offset) in ids.iter().zip(&part.allocation.offsets) {
            whole.offsets[id.index()] = offset;
        }
        whole.nodes += part.allocation.nodes;
        whole.proven = whole.proven.max(part.allocation.proven);
        if whole.stop == Stop::Finished {
            whole.stop = part.allocation.stop;
        }
        spent = part;
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
