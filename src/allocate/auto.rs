use super::first_fit::first_allocation;
use super::greedy::{Greedy, Placer};
use super::occupancy::Fit::{self, Lowest, Tightest};
use super::order::{Order, Orders};
use super::parts::{Aim, Part, in_parts};
use super::sweep::sweep;
use super::{Allocation, Exact, Strategy, height};
use crate::effort::Effort;
use crate::error::Result;
use crate::limits::{Limits, Meter, Stop};
use crate::problem::Problem;

/// The best of first fit, of many greedy placements (every strategy that has a name, then
/// the published orders with other tie-breaks and the other choice of hole), and of the exact
/// search within a budget of nodes. Stops at the lower bound.
///
/// First fit looks at no limit, nor does greedy by size for up to 5 000 buffers; so at any
/// limit, and with any capacity, the result is never above these. A call that is cancelled
/// before first fit is done returns buffers without reuse.
///
/// Budgets depend on the [`Effort`], and are counted, not timed: the result is the same on
/// every machine. At [`Effort::Quick`] and [`Effort::Default`] the search ends early where it
/// makes no progress. Where nothing stops it, and unless tens of thousands of buffers crowd
/// each other, all named greedy strategies run, and the result is never above theirs. With
/// a capacity that is met, only a quick search goes on below it.
///
/// Greedy placements, the building of search instances, dives and local searches count as
/// nodes: 2048 steps of inner loops one node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Auto {
    exact: Exact,
    effort: Effort,
}

impl Auto {
    /// The default strategy.
    #[must_use]
    pub const fn new() -> Self {
        Self { exact: Exact::new(), effort: Effort::Default }
    }

    /// Other random numbers in the search for another seed, the same for the same.
    #[must_use]
    pub const fn seed(self, seed: u64) -> Self {
        Self { exact: self.exact.seed(seed), ..self }
    }

    /// Searches on so many threads, where the feature `parallel` is on. The result
    /// is the same at any number.
    #[must_use]
    pub const fn threads(self, threads: usize) -> Self {
        Self { exact: self.exact.threads(threads), ..self }
    }

    /// How much work to do where the limits name no number of nodes.
    #[must_use]
    pub const fn effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }
}

/// Most promising first: a height that is hard to beat lets the
/// others give up early.
const FIRST: [(Order, Fit); 9] = [
    // What is live at the peak leaves no hole there, and elsewhere is more room.
    (Order::PeakLengthSize, Lowest),
    (Order::PeakSizeConflict, Lowest),
    // Every strategy that has a name.
    Greedy::by_size().choices(),
    Greedy::by_conflict().choices(),
    Greedy::by_area().choices(),
    Greedy::by_breadth().choices(),
    Greedy::first_fit().choices(),
    Greedy::best_fit().choices(),
    // TensorFlow Lite's greedy by size.
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

/// Work of greedy placement in blocks of the occupancy searched, 20 million of which take a
/// second: no further order is begun after so much. First those of the first orders,
const FIRST_VISITS: [u64; 3] = [100_000, 1_000_000, 120_000_000];

/// then those of the others.
const OTHER_VISITS: [u64; 3] = [0, 1_000_000, 30_000_000];

/// Nodes of the search, and steps of its inner loops, before it has made progress for the first
/// time, by effort: milliseconds, tens of milliseconds, less than a second,
const SEARCH: [(u64, u64); 3] = [(2_000, 2_500_000), (20_000, 25_000_000), (200_000, 500_000_000)];

/// and so many more for each buffer: less than ten microseconds.
const SEARCH_EACH: [(u64, u64); 3] = [(1, 100), (2, 400), (20, 4_000)];

/// A search that goes on making progress may take so many times as much.
const MOST_PROGRESS: u64 = 4;

impl Auto {
    /// Nodes and work at an effort.
    fn budget(effort: Effort, buffers: u64) -> (u64, u64) {
        let (search, each) = (SEARCH[effort as usize], SEARCH_EACH[effort as usize]);
        (search.0 + each.0 * buffers, search.1 + each.1 * buffers)
    }

    /// Nodes, work, and both without progress. A number of nodes that is named is spent in
    /// full, and allows as much work as at [`Effort::Thorough`] in proportion.
    fn budgets(&self, buffers: u64, limits: &Limits) -> (u64, u64, (u64, u64)) {
        let (usual, work) = Self::budget(Effort::Thorough, buffers);
        let named = limits.most_nodes(u64::MAX);
        if named < u64::MAX || self.effort == Effort::Thorough {
            let nodes = limits.most_nodes(usual);
            return (nodes, work.saturating_mul(1 + nodes / (usual + 1)), (u64::MAX, u64::MAX));
        }
        let patience = Self::budget(self.effort, buffers);
        (MOST_PROGRESS * patience.0, MOST_PROGRESS * patience.1, patience)
    }

    /// Lowers the offsets by the search, towards the capacity if there is one that they do not
    /// meet, and then by a quick search below it.
    fn search(&self, part: &Problem, allocation: &mut Allocation, limits: &Limits, aim: Aim) -> Option<u64> {
        let Some(capacity) = aim.capacity else { return self.exact.improve(part, allocation, limits, aim) };
        let (nodes, mut spent) = (allocation.nodes, 0);
        let enough = aim.enough.max(capacity);
        if height(part, &allocation.offsets) > enough {
            let reach = Aim { enough, needed: true, ..aim };
            spent = self.exact.improve(part, allocation, limits, reach)?;
        }
        if height(part, &allocation.offsets) > enough || allocation.stop != Stop::Finished {
            return Some(spent);
        }
        let left = aim.after(allocation.nodes - nodes, spent);
        let (nodes, work) = Self::budget(Effort::Quick, part.buffers().len() as u64);
        let lower = Aim { nodes: nodes.min(left.nodes), work: work.min(left.work), ..left };
        spent += self.exact.improve(part, allocation, limits, lower).unwrap_or(0);
        if allocation.stop == Stop::Nodes && nodes < left.nodes {
            // The capacity is met; only the search below it has spent its own budget.
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
        in_parts(problem, first.offsets, (nodes, work), |part, first, aim| {
            let aim = Aim { patience, ..aim };
            let mut allocation = best_of_first(part, first, limits, aim, self.effort);
            let left = aim.after(allocation.nodes, 0);
            let work = self.search(part, &mut allocation, limits, left);
            if work.is_none() && !is_too_large(part) {
                let left = aim.after(allocation.nodes, 0);
                best_of(part, limits, &OTHERS, (left, OTHER_VISITS[self.effort as usize]), &mut allocation);
            }
            Ok(Part { allocation, work: work.unwrap_or(0) })
        })
    }
}

/// The best of these offsets and of the first orders, as far as they are tried.
pub(super) fn best_of_first(
    problem: &Problem,
    first: Vec<u64>,
    limits: &Limits,
    aim: Aim,
    effort: Effort,
) -> Allocation {
    let mut allocation = Allocation::new(first);
    if is_too_large(problem) {
        best_sweep(problem, limits, aim, &mut allocation);
    } else {
        best_of(problem, limits, &FIRST, (aim, FIRST_VISITS[effort as usize]), &mut allocation);
    }
    allocation
}

/// Whether a single greedy placement may look at too many blocks of the occupancy:
/// each buffer at half of what is placed before it.
fn is_too_large(problem: &Problem) -> bool {
    let buffers = problem.buffers().len() as u64;
    buffers.saturating_mul(buffers) / 128 > FIRST_VISITS[Effort::Thorough as usize]
}

/// Improves on offsets by walks through time, from either end.
fn best_sweep(problem: &Problem, limits: &Limits, aim: Aim, allocation: &mut Allocation) {
    let limits = limits.clone().without_nodes();
    let mut meter = Meter::new(&limits, aim.nodes);
    for backwards in [false, true] {
        match sweep(problem, backwards, &mut meter) {
            Ok(offsets) if height(problem, &offsets) < height(problem, &allocation.offsets) => {
                allocation.offsets = offsets;
            }
            Ok(_) => {}
            Err(stop) => {
                allocation.stop = stop;
                break;
            }
        }
    }
    allocation.nodes += meter.nodes();
}

/// Improves on offsets by greedy placement in these orders; none but greedy by size is begun
/// after so many visits. Of a small problem, greedy by size looks at no limit.
fn best_of(
    problem: &Problem,
    limits: &Limits,
    orders: &[(Order, Fit)],
    (aim, visits): (Aim, u64),
    allocation: &mut Allocation,
) {
    let first = height(problem, &allocation.offsets);
    let enough = aim.bound.max(aim.enough);
    if first <= enough && !aim.small {
        return;
    }
    // An order that ties with first fit is taken: offsets do not depend on it then.
    let mut best = first.saturating_add(1);
    let (limited, unlimited) = (limits.clone().without_nodes(), limits.clone().cancel_only());
    let mut meter = Meter::new(&limited, aim.nodes);
    let mut certain = Meter::new(&unlimited, u64::MAX);
    (meter.best, meter.bound, certain.best, certain.bound) = (first, aim.bound, first, aim.bound);
    allocation.stop = meter.charge(0).err().unwrap_or(allocation.stop);
    let sorted = Orders::new(problem);
    let mut placer = Placer::new(problem, &sorted);
    // Of a large problem, greedy by size comes first: what limits leave time for is not above it.
    let mut orders = orders.to_vec();
    orders.sort_by_key(|&order| !aim.small && order != Greedy::by_size().choices());
    for (order, fit) in orders {
        if best <= enough || allocation.stop == Stop::Cancelled {
            break;
        }
        let by_size = (order, fit) == Greedy::by_size().choices();
        let must = by_size && aim.small;
        if !must && (allocation.stop != Stop::Finished || (placer.visits() > visits && !by_size)) {
            continue;
        }
        let meter = if must { &mut certain } else { &mut meter };
        // An order that is begun may take some more, but not any time.
        let allowed = if by_size { u64::MAX } else { visits.saturating_mul(4) };
        match placer.place(order, fit, (best, allowed), meter) {
            Ok(None) => {}
            Ok(Some(height)) => {
                best = height;
                meter.best = best;
                allocation.offsets.clone_from(&placer.offsets);
            }
            Err(reason) => allocation.stop = allocation.stop.max(reason),
        }
    }
    allocation.nodes += meter.nodes() + certain.nodes();
    if best.min(first) <= enough && allocation.stop != Stop::Cancelled {
        // Nothing is left to search for, so no limit was in the way.
        allocation.stop = Stop::Finished;
    }
}
