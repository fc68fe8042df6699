use super::decomposition::{PackingTarget, PartAllocation, allocate_parts};
use super::first_fit::first_allocation;
use super::greedy::{Greedy, Placer};
use super::occupancy::Fit::{self, Lowest, Tightest};
use super::order::{Order, Orders};
use super::sweep::sweep;
use super::{Allocation, Exact, Strategy};
use crate::error::Result;
use crate::problem::Problem;
use crate::support::effort::Effort;
use crate::support::limits::{Budget, Limits, Stop};

/// The best of first fit, greedy placements and the exact search within a budget.
///
/// The greedy placements are all named strategies, then published orders with other
/// tie-breaks and the other choice of hole. Stops as soon as the height equals the lower
/// bound.
///
/// First fit ignores limits, as does greedy by size for up to 5 000 buffers; so with any limits
/// and any capacity, the result is never higher than theirs. A call that is cancelled before
/// first fit has finished returns buffers without reuse.
///
/// Budgets depend on the [`Effort`] and count work instead of time, so the result is the same
/// on every machine. At [`Effort::Quick`] and [`Effort::Default`], the search ends early if it
/// makes no progress. Without limits, and unless tens of thousands of buffers are live
/// together, all named greedy strategies run, and the result is never higher than theirs. Once
/// a capacity is met, only a quick search tries to go below it.
///
/// Greedy placements, the construction of search instances, dives and local searches count
/// as nodes: 2048 steps of inner loops are one node.
///
/// Example: [`by_name`](crate::allocate::by_name) runs all strategies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Auto {
    exact: Exact,
    effort: Effort,
}

impl Auto {
    /// Creates the strategy with seed 0, one thread and the default effort.
    #[must_use]
    pub const fn new() -> Self {
        Self { exact: Exact::new(), effort: Effort::Default }
    }

    /// Sets the random seed of the search. Equal seeds give equal results.
    #[must_use]
    pub const fn seed(self, seed: u64) -> Self {
        Self { exact: self.exact.seed(seed), ..self }
    }

    /// Sets the number of threads (with the feature `parallel`). The result does not depend
    /// on it.
    #[must_use]
    pub const fn threads(self, threads: usize) -> Self {
        Self { exact: self.exact.threads(threads), ..self }
    }

    /// Sets the amount of work for limits without a node limit.
    #[must_use]
    pub const fn effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }
}

/// Greedy orders tried first, most promising first: a low height lets later orders stop early.
const FIRST: [(Order, Fit); 9] = [
    // Buffers live at the peak come first, so they leave no hole at the peak.
    (Order::PeakLengthSize, Lowest),
    (Order::PeakSizeConflict, Lowest),
    // All named strategies.
    Greedy::by_size().choices(),
    Greedy::by_conflict().choices(),
    Greedy::by_area().choices(),
    Greedy::by_breadth().choices(),
    Greedy::first_fit().choices(),
    Greedy::best_fit().choices(),
    // Greedy by size of TensorFlow Lite.
    (Order::ThroughoutSizeStart, Tightest),
];

const OTHERS: [(Order, Fit); 24] = [
    (Order::ConflictSize, Tightest),
    (Order::LengthSize, Tightest),
    (Order::SizeStart, Tightest),
    (Order::AreaLength, Tightest),
    (Order::LengthSize, Lowest),
    (Order::SizeLength, Lowest),
    (Order::SizeLength, Tightest),
    (Order::SizeBreadthLength, Lowest),
    (Order::SizeBreadthLength, Tightest),
    (Order::SizeEnd, Lowest),
    (Order::SizeEnd, Tightest),
    (Order::SizeLateStart, Lowest),
    (Order::SizeLateStart, Tightest),
    (Order::BreadthSize, Tightest),
    (Order::LoadAreaLength, Lowest),
    (Order::LoadAreaLength, Tightest),
    (Order::LoadLengthArea, Lowest),
    (Order::LoadLengthArea, Tightest),
    (Order::LengthLoadArea, Lowest),
    (Order::LengthLoadArea, Tightest),
    (Order::StartSize, Lowest),
    (Order::StartSize, Tightest),
    (Order::EndStart, Lowest),
    (Order::EndStart, Tightest),
];

/// Work limit of greedy placement by effort, in visited blocks of the occupancy (20 million
/// take a second), after which no further order is started. For the orders in `FIRST`,
const FIRST_VISITS: [u64; 3] = [100_000, 1_000_000, 120_000_000];

/// and for those in `OTHERS`.
const OTHER_VISITS: [u64; 3] = [0, 1_000_000, 30_000_000];

/// Nodes of the search and steps of its inner loops without progress, by effort: milliseconds,
/// tens of milliseconds, less than a second,
const SEARCH: [(u64, u64); 3] = [(2_000, 2_500_000), (20_000, 25_000_000), (200_000, 500_000_000)];

/// with these additions per buffer: less than ten microseconds.
const SEARCH_EACH: [(u64, u64); 3] = [(1, 100), (2, 400), (20, 4_000)];

/// Factor by which a search that makes progress may exceed that.
const MOST_PROGRESS: u64 = 4;

impl Auto {
    /// Nodes and work without progress, at an effort.
    fn quota(effort: Effort, buffers: u64) -> (u64, u64) {
        let (search, each) = (SEARCH[effort as usize], SEARCH_EACH[effort as usize]);
        (search.0 + each.0 * buffers, search.1 + each.1 * buffers)
    }

    /// Nodes, work, and both without progress. An explicit node limit is spent in full, with
    /// work in proportion to [`Effort::Thorough`].
    fn budgets(&self, buffers: u64, limits: &Limits) -> (u64, u64, (u64, u64)) {
        let (usual, work) = Self::quota(Effort::Thorough, buffers);
        let named = limits.most_nodes(u64::MAX);
        if named < u64::MAX || self.effort == Effort::Thorough {
            let nodes = limits.most_nodes(usual);
            return (nodes, work.saturating_mul(1 + nodes / (usual + 1)), (u64::MAX, u64::MAX));
        }
        let patience = Self::quota(self.effort, buffers);
        (MOST_PROGRESS * patience.0, MOST_PROGRESS * patience.1, patience)
    }

    /// Lowers the offsets by the exact search: to the capacity first, if there is one and the
    /// offsets exceed it, and then by a quick search below it. Returns the work, or `None` if
    /// the problem is too large.
    fn search(
        &self,
        part: &Problem,
        allocation: &mut Allocation,
        limits: &Limits,
        target: PackingTarget,
    ) -> Option<u64> {
        let Some(capacity) = target.capacity else {
            return self.exact.improve(part, allocation, limits, target);
        };
        let (nodes, mut spent) = (allocation.nodes, 0);
        let sufficient = target.sufficient.max(capacity);
        if part.height(&allocation.offsets) > sufficient {
            let reach = PackingTarget { sufficient, required: true, ..target };
            spent = self.exact.improve(part, allocation, limits, reach)?;
        }
        if part.height(&allocation.offsets) > sufficient || allocation.stop != Stop::Finished {
            return Some(spent);
        }
        let left = target.after(allocation.nodes - nodes, spent);
        let (nodes, work) = Self::quota(Effort::Quick, part.buffers().len() as u64);
        let lower = PackingTarget { nodes: nodes.min(left.nodes), work: work.min(left.work), ..left };
        spent += self.exact.improve(part, allocation, limits, lower).unwrap_or(0);
        if allocation.stop == Stop::Nodes && nodes < left.nodes {
            // The capacity is met; only the budget of the search below it is exhausted.
            allocation.stop = Stop::Finished;
        }
        Some(spent)
    }
}

impl Strategy for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        let first = first_allocation(problem, limits)?;
        if first.stop != Stop::Finished {
            return Ok(first);
        }
        let (nodes, work, patience) = self.budgets(problem.buffers().len() as u64, limits);
        allocate_parts(problem, first.offsets, (nodes, work), |part, first, target| {
            let target = PackingTarget { patience, ..target };
            let mut allocation = best_of_first(part, first, limits, target, self.effort);
            let left = target.after(allocation.nodes, 0);
            let work = self.search(part, &mut allocation, limits, left);
            if work.is_none() && !is_too_large(part) {
                let left = target.after(allocation.nodes, 0);
                best_of(part, limits, &OTHERS, (left, OTHER_VISITS[self.effort as usize]), &mut allocation);
            }
            Ok(PartAllocation { allocation, work: work.unwrap_or(0) })
        })
    }
}

/// The best of the given offsets and of the orders in `FIRST` that the limits allow.
pub(super) fn best_of_first(
    problem: &Problem,
    first: Vec<u64>,
    limits: &Limits,
    target: PackingTarget,
    effort: Effort,
) -> Allocation {
    let mut allocation = Allocation::new(first);
    if is_too_large(problem) {
        best_sweep(problem, limits, target, &mut allocation);
    } else {
        best_of(problem, limits, &FIRST, (target, FIRST_VISITS[effort as usize]), &mut allocation);
    }
    allocation
}

/// Returns whether a single greedy placement may visit too many blocks of the occupancy. A buffer
/// visits the blocks of half of the buffers placed before it, on average.
fn is_too_large(problem: &Problem) -> bool {
    let buffers = problem.buffers().len() as u64;
    buffers.saturating_mul(buffers) / 128 > FIRST_VISITS[Effort::Thorough as usize]
}

/// Improves offsets by sweeps through time, forwards and backwards.
fn best_sweep(problem: &Problem, limits: &Limits, target: PackingTarget, allocation: &mut Allocation) {
    let limits = limits.clone().without_nodes();
    let mut budget = Budget::new(&limits, target.nodes);
    for backwards in [false, true] {
        match sweep(problem, backwards, &mut budget) {
            Ok(offsets) if problem.height(&offsets) < problem.height(&allocation.offsets) => {
                allocation.offsets = offsets;
            }
            Ok(_) => {}
            Err(stop) => {
                allocation.stop = stop;
                break;
            }
        }
    }
    allocation.nodes += budget.nodes();
}

/// Improves offsets by greedy placement in the given orders. After `visits` visited blocks, only
/// greedy by size is started; for a small problem, it ignores limits.
fn best_of(
    problem: &Problem,
    limits: &Limits,
    orders: &[(Order, Fit)],
    (target, visits): (PackingTarget, u64),
    allocation: &mut Allocation,
) {
    let first = problem.height(&allocation.offsets);
    let sufficient = target.bound.max(target.sufficient);
    if first <= sufficient && !target.small {
        return;
    }
    // An order that ties with first fit replaces it, so that the offsets do not depend on it.
    let mut best = first.saturating_add(1);
    let (limited, unlimited) = (limits.clone().without_nodes(), limits.clone().cancel_only());
    let mut budget = Budget::new(&limited, target.nodes);
    let mut certain = Budget::new(&unlimited, u64::MAX);
    (budget.best, budget.bound, certain.best, certain.bound) = (first, target.bound, first, target.bound);
    allocation.stop = budget.charge(0).err().unwrap_or(allocation.stop);
    let sorted = Orders::new(problem);
    let mut placer = Placer::new(problem, &sorted);
    // For a large problem, greedy by size comes first, so that it runs if limits allow only one.
    let mut orders = orders.to_vec();
    orders.sort_by_key(|&order| !target.small && order != Greedy::by_size().choices());
    for (order, fit) in orders {
        if best <= sufficient || allocation.stop == Stop::Cancelled {
            break;
        }
        let by_size = (order, fit) == Greedy::by_size().choices();
        let must = by_size && target.small;
        if !must && (allocation.stop != Stop::Finished || (placer.visits() > visits && !by_size)) {
            continue;
        }
        let budget = if must { &mut certain } else { &mut budget };
        // An order in progress may exceed the limit, by a factor of four at most.
        let allowed = if by_size { u64::MAX } else { visits.saturating_mul(4) };
        match placer.place(order, fit, (best, allowed), budget) {
            Ok(None) => {}
            Ok(Some(height)) => {
                best = height;
                budget.best = best;
                allocation.offsets.clone_from(&placer.offsets);
            }
            Err(reason) => allocation.stop = allocation.stop.max(reason),
        }
    }
    allocation.nodes += budget.nodes() + certain.nodes();
    if best.min(first) <= sufficient && allocation.stop != Stop::Cancelled {
        // The height is optimal or sufficient, so no limit made a difference.
        allocation.stop = Stop::Finished;
    }
}
