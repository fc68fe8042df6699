//! Why nothing fits: buffers that cannot lie together.

use super::Exact;
use crate::allocate::allocate_around;
use crate::allocate::parts::part_of;
use crate::bound::lower_bound;
use crate::error::Result;
use crate::ids::BufferId;
use crate::infeasible::InfeasibleCore;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::sorting::sort_by_keys;

/// Nodes for the question whether it works without one of the buffers.
const NODES_EACH: u64 = 20_000;

/// Buffers that do not fit the problem's capacity together; none if all fit, or
/// nothing is proven within the limits.
///
/// Starts from what causes the lower bound, if that is above the capacity, or else
/// from all, and leaves out one after the other as long as the rest does not fit
/// (the deletion filter of Chinneck & Dravnieks, 1991).
pub(crate) fn infeasible_core(
    problem: &Problem,
    limits: &Limits,
) -> Result<Option<InfeasibleCore<BufferId>>> {
    let Some(capacity) = problem.capacity() else { return Ok(None) };
    let bound = lower_bound(problem);
    let mut ids = if bound.bytes > capacity {
        bound.buffers
    } else {
        problem.ids().filter(|&id| problem.buffer(id).size() > 0).collect()
    };
    let Needs::More(mut needed) = needs(problem, &ids, capacity, limits)? else { return Ok(None) };
    let mut irreducible = true;
    // The small ones first, so that what stays is little and large.
    let mut order = ids.clone();
    sort_by_keys(&mut order, |&id| [problem.buffer(id).size(), id.index() as u64]);
    for id in order {
        let without: Vec<BufferId> = ids.iter().copied().filter(|&other| other != id).collect();
        let each = limits.clone().nodes(limits.most_nodes(NODES_EACH).min(NODES_EACH));
        match needs(problem, &without, capacity, &each)? {
            Needs::More(bytes) => (ids, needed) = (without, bytes),
            Needs::NotMore => {}
            Needs::Unknown => irreducible = false,
        }
    }
    Ok(Some(InfeasibleCore { members: ids, needed, capacity, irreducible }))
}

/// What some buffers need.
enum Needs {
    /// At least so many bytes, more than there are.
    More(u64),
    NotMore,
    Unknown,
}

fn needs(problem: &Problem, ids: &[BufferId], capacity: u64, limits: &Limits) -> Result<Needs> {
    let reserved = problem.reserved().iter().cloned();
    let part = part_of(problem, ids)?.with_capacity(Some(capacity)).with_reserved(reserved)?;
    let bound = lower_bound(&part).bytes;
    if bound > capacity {
        return Ok(Needs::More(bound));
    }
    let found = allocate_around(&part, &Exact::new(), limits)?;
    Ok(match found {
        _ if found.proven > capacity => Needs::More(found.proven),
        _ if super::height(&part, &found.offsets) <= capacity => Needs::NotMore,
        _ => Needs::Unknown,
    })
}
