use super::greedy::{Greedy, Placer};
use super::occupancy::Fit::{self, Lowest, Tightest};
use super::order::{Order, Orders};
use super::{Allocation, Exact, Naive, Strategy, height};
use crate::bound::lower_bound;
use crate::error::Result;
use crate::limits::{Limits, Meter, Stop};
use crate::problem::Problem;

/// The best of many greedy placements: every strategy that has a name, then
/// the published orders with other tie-breaks and the other choice of hole.
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
const NAMED: [Greedy; 6] = [
    Greedy::by_size(),
    Greedy::by_conflict(),
    Greedy::by_area(),
    Greedy::by_breadth(),
    Greedy::first_fit(),
    Greedy::best_fit(),
];

/// TensorFlow Lite's greedy by size.
const TFLITE: (Order, Fit) = (Order::ThroughoutSizeStart, Tightest);

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

/// Nor is a named one, after so much: about six seconds.
const MOST: u64 = 4 * BUDGET;

/// Nodes of the exact search, and steps of its inner loops: less than a second.
const SEARCH: (u64, u64) = (200_000, 500_000_000);

impl Strategy for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        let mut allocation = best_greedy(problem, limits)?;
        if allocation.stop == Stop::Finished {
            let nodes = limits.most_nodes(SEARCH.0);
            self.exact.improve(problem, &mut allocation, limits, (nodes, SEARCH.1));
        }
        Ok(allocation)
    }
}

/// The best of the greedy placements, as far as they are tried; or as soon as it
/// is at the lower bound, or fits the capacity.
pub(super) fn best_greedy(problem: &Problem, limits: &Limits) -> Result<Allocation> {
    let bound = lower_bound(problem).bytes;
    let enough = bound.max(problem.capacity().unwrap_or(0));
    let orders = Orders::new(problem);
    let mut placer = Placer::new(problem, &orders);
    let mut offsets = Naive.allocate(problem, limits)?.offsets;
    let mut best = height(problem, &offsets);
    let limits = limits.clone().without_nodes();
    let mut meter = Meter::new(&limits, u64::MAX);
    let mut stop = Stop::Finished;
    let named = NAMED.iter().map(|strategy| strategy.choices());
    let always = named.chain([TFLITE]).map(|choices| (choices, true));
    let others = OTHERS.iter().map(|&choices| (choices, false));
    for ((order, fit), required) in always.chain(others) {
        if best <= enough || placer.visits() > if required { MOST } else { BUDGET } {
            break;
        }
        (meter.best, meter.bound) = (best, bound);
        match placer.place(order, fit, best, &mut meter) {
            Ok(None) => {}
            Ok(Some(height)) => {
                best = height;
                offsets.clone_from(&placer.offsets);
            }
            Err(reason) => {
                stop = reason;
                break;
            }
        }
    }
    Ok(Allocation { stop, ..Allocation::new(offsets) })
}
