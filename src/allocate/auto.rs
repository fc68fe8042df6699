use super::greedy::{Greedy, Placer};
use super::occupancy::Fit::{self, Lowest, Tightest};
use super::order::{Order, Orders};
use super::parts::{Aim, Part, in_parts};
use super::sweep::sweep;
use super::{Allocation, Exact, Naive, Strategy, height};
use crate::error::Result;
use crate::limits::{Limits, Meter, Stop};
use crate::problem::Problem;

/// The best of many greedy placements: every strategy that has a name, then
/// the published orders with other tie-breaks and the other choice of hole, then the
/// exact search within a budget of nodes.
/// Stops at the lower bound.
///
/// No order is begun after an amount of work that is counted, not timed, so the
/// result is the same on every machine. Only problems of tens of thousands of
/// buffers that crowd each other meet it; below, all named greedy strategies
/// run, and the result is never above theirs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Auto {
    exact: Exact,
}

impl Auto {
    /// The default strategy.
    #[must_use]
    pub const fn new() -> Self {
        Self { exact: Exact::new() }
    }

    /// Other random numbers in the search for another seed, the same for the same.
    #[must_use]
    pub const fn seed(self, seed: u64) -> Self {
        Self { exact: self.exact.seed(seed) }
    }

    /// Searches on so many threads, where the feature `parallel` is on. The result
    /// is the same at any number.
    #[must_use]
    pub const fn threads(self, threads: usize) -> Self {
        Self { exact: self.exact.threads(threads) }
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

/// No further order is tried after so much work, in blocks of the occupancy
/// searched: about a second and a half.
const BUDGET: u64 = 30_000_000;

/// Nor is one of the first, after so much: about six seconds.
const MOST: u64 = 4 * BUDGET;

/// Nodes of the exact search, and steps of its inner loops: less than a second,
const SEARCH: (u64, u64) = (200_000, 500_000_000);

/// and so many more for each buffer: less than ten microseconds.
const SEARCH_EACH: (u64, u64) = (20, 4_000);

impl Strategy for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        let buffers = problem.buffers().len() as u64;
        let usual = SEARCH.0 + SEARCH_EACH.0 * buffers;
        let nodes = limits.most_nodes(usual);
        // Who allows more nodes allows more work.
        let work = (SEARCH.1 + SEARCH_EACH.1 * buffers).saturating_mul(1 + nodes / (usual + 1));
        in_parts(problem, (nodes, work), |part, aim| {
            let mut allocation = best_of_first(part, limits, aim)?;
            let work = self.exact.improve(part, &mut allocation, limits, aim);
            if work.is_none() && !is_too_large(part) {
                best_of(part, limits, &OTHERS, (aim, BUDGET), &mut allocation);
            }
            Ok(Part { allocation, work: work.unwrap_or(0) })
        })
    }
}

/// The best of the first orders, as far as they are tried, or one that is not above
/// what is enough.
pub(super) fn best_of_first(problem: &Problem, limits: &Limits, aim: Aim) -> Result<Allocation> {
    let mut allocation = Naive.allocate(problem, limits)?;
    if is_too_large(problem) {
        best_sweep(problem, limits, &mut allocation);
    } else {
        best_of(problem, limits, &FIRST, (aim, MOST), &mut allocation);
    }
    Ok(allocation)
}

/// Whether a single greedy placement may look at too many blocks of the occupancy:
/// each buffer at half of what is placed before it.
fn is_too_large(problem: &Problem) -> bool {
    let buffers = problem.buffers().len() as u64;
    buffers.saturating_mul(buffers) / 128 > MOST
}

/// Improves on offsets by walks through time, from either end.
fn best_sweep(problem: &Problem, limits: &Limits, allocation: &mut Allocation) {
    let limits = limits.clone().without_nodes();
    let mut meter = Meter::new(&limits, u64::MAX);
    for backwards in [false, true] {
        match sweep(problem, backwards, &mut meter) {
            Ok(offsets) if height(problem, &offsets) < height(problem, &allocation.offsets) => {
                allocation.offsets = offsets;
            }
            Ok(_) => {}
            Err(stop) => {
                allocation.stop = stop;
                return;
            }
        }
    }
}

/// Improves on offsets by greedy placement in these orders; none is begun after so
/// much work.
fn best_of(
    problem: &Problem,
    limits: &Limits,
    orders: &[(Order, Fit)],
    (aim, work): (Aim, u64),
    allocation: &mut Allocation,
) {
    let enough = aim.bound.max(aim.enough);
    let mut best = height(problem, &allocation.offsets);
    let limits = limits.clone().without_nodes();
    let mut meter = Meter::new(&limits, u64::MAX);
    (meter.best, meter.bound) = (best, aim.bound);
    if let Err(reason) = meter.work(0) {
        allocation.stop = reason;
        return;
    }
    let sorted = Orders::new(problem);
    let mut placer = Placer::new(problem, &sorted);
    for &(order, fit) in orders {
        if best <= enough || placer.visits() > work || allocation.stop != Stop::Finished {
            break;
        }
        meter.best = best;
        match placer.place(order, fit, best, &mut meter) {
            Ok(None) => {}
            Ok(Some(height)) => {
                best = height;
                allocation.offsets.clone_from(&placer.offsets);
            }
            Err(reason) => allocation.stop = reason,
        }
    }
}
