//! The exact search for offsets: branch and bound that proves its answers.

mod anneal;
mod core;
mod displace;
mod dive;
mod heights;
mod instance;
mod lists;
mod local;
mod look;
mod portfolio;
mod rules;
mod seen;
mod stacking;
mod state;
mod taste;
mod windows;

pub(crate) use core::infeasible_core;
pub(crate) use heights::gcd;
use instance::Instance;
use portfolio::{Known, Task};
pub use rules::Rule;
use rules::Rules;

use super::auto::best_of_first;
use super::first_fit::first_allocation;
use super::parts::{Aim, Part, in_parts};
use super::{Allocation, Naive, Strategy, height};
use crate::effort::Effort;
use crate::error::Result;
use crate::limits::{Limits, Meter, Stop};
use crate::problem::Problem;

/// The lowest arena there is, or a proof that nothing fits the capacity: branch
/// and bound over what lies at the floor of a moment in time.
///
/// Starts from the best of first fit and greedy placement, which limits do not stop as
/// [`Auto`](super::Auto) says, and narrows the gap between that and the
/// lower bound from both sides. With a capacity, the search is done as soon as something
/// fits, or is proven not to. Stopped before that, it returns the best offsets
/// found, and the bound proven so far.
///
/// Exponential in the worst case: where the limits name no number of nodes, it
/// gives up after two million at [`Effort::Default`], 100 thousand at [`Effort::Quick`]
/// and eight million at [`Effort::Thorough`]. Space is linear in the number of pairs that meet in time; if those are more
/// than 8 million, only greedy placement is tried. `docs/exact.md` has the method,
/// its proofs, and where it comes from.
///
/// ```
/// use plimsoll::{Buffer, Planner, Problem, Status, allocate::Exact};
///
/// let buffers = [(2, 0..4), (3, 0..2), (1, 2..6), (3, 4..6), (2, 3..5)];
/// let buffers = buffers.map(|(size, live)| Buffer::new(size, live)).to_vec();
/// let solution = Planner::new().strategy(Exact::new()).solve(&Problem::new(buffers)?)?;
/// assert_eq!(solution.status, Status::Optimal);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Exact {
    rules: Rules,
    seed: u64,
    threads: usize,
    unaided: bool,
    effort: Effort,
}

impl Default for Exact {
    fn default() -> Self {
        Self::new()
    }
}

impl Exact {
    /// With all rules.
    #[must_use]
    pub const fn new() -> Self {
        Self { rules: Rules::ALL, seed: 0, threads: 1, unaided: false, effort: Effort::Default }
    }

    /// Other random numbers for another seed, the same for the same.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Searches on so many threads, where the feature `parallel` is on. The result
    /// is the same at any number.
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// How many nodes to search where the limits name no number.
    #[must_use]
    pub const fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Without this rule: slower, and as right. For tests and study.
    #[must_use]
    pub fn without(mut self, rule: Rule) -> Self {
        self.rules = self.rules.without(rule);
        self
    }

    /// Without the help of greedy placement and of the load as a lower bound: the
    /// search has to find and to prove everything. For tests and study.
    #[must_use]
    pub const fn unaided(mut self) -> Self {
        self.unaided = true;
        self
    }

    /// Improves on offsets that another strategy found; returns the work spent, or
    /// none if the problem is too large for that.
    pub(super) fn improve(
        self,
        problem: &Problem,
        allocation: &mut Allocation,
        limits: &Limits,
        aim: Aim,
    ) -> Option<u64> {
        let bound = if self.unaided { 0 } else { aim.bound }.max(allocation.proven);
        let start = height(problem, &allocation.offsets);
        let enough = if self.unaided && !aim.needed { 0 } else { aim.enough };
        if start <= bound.max(enough) || allocation.stop != Stop::Finished {
            return Some(0);
        }
        let unlimited = limits.clone().without_nodes();
        let mut meter = Meter::new(&unlimited, aim.nodes);
        (meter.best, meter.bound) = (start, bound);
        let mut known = Known { bound, height: start, offsets: None };
        let aim = Aim { enough, ..aim };
        let local = !self.unaided;
        let task = Task { rules: self.rules, seed: self.seed, threads: self.threads, aim, limits, local };
        let work = search(problem, &mut known, task, &mut meter, allocation);
        allocation.proven = known.bound.min(known.height);
        allocation.nodes += meter.nodes();
        work.unwrap_or_else(|stop| {
            allocation.stop = stop;
            Some(0)
        })
    }
}

impl Strategy for Exact {
    fn name(&self) -> &'static str {
        "exact"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        let first =
            if self.unaided { Naive.allocate(problem, limits)? } else { first_allocation(problem, limits)? };
        if first.stop != Stop::Finished {
            return Ok(first);
        }
        let greedy = if self.effort == Effort::Quick { Effort::Quick } else { Effort::Thorough };
        let nodes = limits.most_nodes(self.effort.pick(100_000, 2_000_000, 8_000_000));
        in_parts(problem, first.offsets, (nodes, u64::MAX), |part, first, aim| {
            let mut allocation = if self.unaided {
                Allocation::new(first)
            } else {
                best_of_first(part, first, limits, aim, greedy)
            };
            let aim = aim.after(allocation.nodes, 0);
            // With a capacity, what fits is enough.
            let aim = match aim.capacity {
                Some(capacity) => Aim { enough: aim.enough.max(capacity), needed: true, ..aim },
                None => aim,
            };
            let work = self.improve(part, &mut allocation, limits, aim);
            if work.is_none() {
                allocation.stop = allocation.stop.max(Stop::Nodes);
            }
            Ok(Part { allocation, work: work.unwrap_or(0) })
        })
    }
}

/// Searches the whole, or windows of time if that is too large; returns the work
/// spent, or none if nothing is settled by that.
fn search(
    problem: &Problem,
    known: &mut Known,
    task: Task<'_>,
    meter: &mut Meter<'_>,
    allocation: &mut Allocation,
) -> std::result::Result<Option<u64>, Stop> {
    let ids = problem.ids().filter(|&id| problem.buffer(id).size() > 0).collect();
    let Some(instance) = Instance::new(problem, ids, meter)? else {
        // The meter has counted its nodes.
        let (_, work) = windows::raise(problem, known, &task, meter)?;
        return Ok(known.settles(&task.aim).then_some(work));
    };
    let start: Vec<u64> = instance.ids.iter().map(|id| allocation.offsets[id.index()]).collect();
    let task = Task { aim: task.aim.after(meter.nodes(), 0), ..task };
    let (nodes, work, stop) = portfolio::search(&instance, &start, known, task);
    (allocation.nodes, allocation.stop) = (allocation.nodes + nodes, stop);
    let found = known.offsets.take().unwrap_or_default();
    for (id, offset) in instance.ids.iter().zip(found) {
        allocation.offsets[id.index()] = offset;
    }
    // What takes no room was left out: anywhere within will do.
    for (buffer, offset) in problem.buffers().iter().zip(&mut allocation.offsets) {
        if buffer.size() == 0 && buffer.fixed_offset().is_none() {
            *offset = 0;
        }
    }
    Ok(Some(work))
}
