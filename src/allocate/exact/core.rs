//! Infeasible cores: small sets of buffers that do not fit the capacity.

use super::Exact;
use crate::allocate::allocate_around;
use crate::allocate::decomposition::part_of;
use crate::error::Result;
use crate::problem::{InfeasibleCore, Problem, lower_bound};
use crate::support::ids::BufferId;
use crate::support::limits::Limits;
use crate::support::sorting::sort_by_keys;

/// Node limit for each test of a subset.
const NODES_EACH: u64 = 20_000;

/// Finds buffers that do not fit the problem's capacity together. Returns `None` if all
/// buffers fit or if nothing is proven within the limits.
///
/// Starts from the buffers that cause the lower bound, if that exceeds the capacity, or else
/// from all buffers, and removes each buffer without which the rest still does not fit (the
/// deletion filter of Chinneck & Dravnieks, 1991). Makes one exact search per buffer.
pub(crate) fn infeasible_core(
    problem: &Problem,
    limits: &Limits,
) -> Result<Option<InfeasibleCore<BufferId>>> {
    let Some(capacity) = problem.capacity() else { return Ok(None) };
    let bound = lower_bound(problem);
    let mut ids = if bound.bytes > capacity { bound.buffers } else { problem.filled().collect() };
    let SubsetTest::Exceeds(mut needed) = needs(problem, &ids, capacity, limits)? else { return Ok(None) };
    // Deletion filter: the invariant is that `ids` does not fit. A buffer is dropped if the rest is
    // proven not to fit either; otherwise it stays for good, since a subset of a set that fits fits. So
    // one pass suffices, and the core is irreducible unless some test hit its limit.
    let mut irreducible = true;
    // Small buffers are removed first, so that the core consists of few large ones.
    let mut order = ids.clone();
    sort_by_keys(&mut order, |&id| [problem.buffer(id).size(), id.index() as u64]);
    for id in order {
        let without: Vec<BufferId> = ids.iter().copied().filter(|&other| other != id).collect();
        let each = limits.clone().nodes(limits.most_nodes(NODES_EACH).min(NODES_EACH));
        match needs(problem, &without, capacity, &each)? {
            SubsetTest::Exceeds(bytes) => (ids, needed) = (without, bytes),
            SubsetTest::Fits => {}
            SubsetTest::Unknown => irreducible = false,
        }
    }
    Ok(Some(InfeasibleCore { members: ids, needed, capacity, irreducible }))
}

/// Result of testing whether a subset of the buffers fits.
enum SubsetTest {
    /// It needs at least this many bytes, more than the capacity.
    Exceeds(u64),
    Fits,
    Unknown,
}

fn needs(problem: &Problem, ids: &[BufferId], capacity: u64, limits: &Limits) -> Result<SubsetTest> {
    let reserved = problem.reserved().iter().cloned();
    let part = part_of(problem, ids)?.with_capacity(Some(capacity)).with_reserved(reserved)?;
    let bound = lower_bound(&part).bytes;
    if bound > capacity {
        return Ok(SubsetTest::Exceeds(bound));
    }
    let allocation = allocate_around(&part, &Exact::new(), limits)?;
    Ok(match allocation {
        _ if allocation.proven > capacity => SubsetTest::Exceeds(allocation.proven),
        _ if part.height(&allocation.offsets) <= capacity => SubsetTest::Fits,
        _ => SubsetTest::Unknown,
    })
}
