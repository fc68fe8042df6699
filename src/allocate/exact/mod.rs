//! Exact offset search: branch and bound with proof of optimality.
//!
//! The search answers decision questions: "is there a packing of height at most `h`?".
//! [`portfolio`] asks them at the lower bound and between the bound and the best height
//! found, until the two meet. Terms used in all files of this module:
//!
//! - *item*: a buffer of positive size;
//! - *section*: a maximal set of items live at the same time (a maximal clique of the
//!   interval graph, if no buffer has gaps); two items *conflict* if they share a section;
//! - *load* of a section: the sum of the sizes of its items;
//! - *open* item: an item without an offset in the current partial packing;
//! - *floor* of a section: the height below which the partial packing is final there;
//! - *candidate* of a section: an open item that can lie at the section's floor;
//! - *dive*: a depth-first search with one branching heuristic and a limited number of
//!   nodes, as in diving heuristics of integer programming;
//! - *incumbent*: the best offsets found, with the lower bound proven.
//!
//! `instance` builds the sections, `state` holds a partial packing, `propagate` raises its floors,
//! `heuristic` branches, `dive` searches, `portfolio` chooses dives. `local`, `displace`,
//! `anneal` and `stacking` are local searches, which find packings and prove nothing.
//! `heights` and `windows` raise the lower bound; `core` explains infeasibility.

mod anneal;
mod core;
mod displace;
mod dive;
mod failed_states;
mod heights;
mod heuristic;
mod incumbent;
mod instance;
mod local;
mod open_items;
mod portfolio;
mod propagate;
mod rules;
mod stacking;
mod state;
mod windows;

pub(crate) use core::infeasible_core;
use incumbent::Incumbent;
use instance::ExactInstance;
use portfolio::ExactTask;
pub use rules::PruningRule;
use rules::Rules;

use super::auto::best_of_first;
use super::decomposition::{PackingTarget, PartAllocation, allocate_parts};
use super::first_fit::first_allocation;
use super::{Allocation, Naive, Strategy};
use crate::error::Result;
use crate::problem::Problem;
use crate::support::effort::Effort;
use crate::support::limits::{Budget, Limits, Stop};

/// Finds the lowest arena, or proves that no packing fits the capacity, by branch and
/// bound.
///
/// Starts from the best of first fit and greedy placement, which run to their end as
/// described at [`Auto`](super::Auto), and narrows the gap between their height and the
/// lower bound from both sides. If the problem has a capacity, the search ends as soon as a
/// packing fits or is proven impossible. If a limit stops the search, it returns the best
/// offsets found and the lower bound proven until then.
///
/// Exponential time in the worst case. Without a node limit, the search stops after
/// 2 million nodes at [`Effort::Default`], 100 thousand at [`Effort::Quick`] and 8 million at
/// [`Effort::Thorough`]. Space is linear in the number of pairs of buffers that are live at
/// the same time; above 8 million pairs, the strategy only tries greedy placement.
/// `docs/exact.md` describes the method, its proofs and its sources.
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
    /// Creates the strategy with all pruning rules, seed 0 and one thread.
    #[must_use]
    pub const fn new() -> Self {
        Self { rules: Rules::ALL, seed: 0, threads: 1, unaided: false, effort: Effort::Default }
    }

    /// Sets the random seed. Equal seeds give equal results.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of threads (with the feature `parallel`). The result does not depend
    /// on it.
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the default number of nodes, for limits without a node limit.
    #[must_use]
    pub const fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Disables one pruning rule. The search stays correct and becomes slower. For tests
    /// and experiments.
    #[must_use]
    pub fn without(mut self, rule: PruningRule) -> Self {
        self.rules = self.rules.without(rule);
        self
    }

    /// Disables greedy placement and the load as a lower bound, so that the search must find
    /// and prove everything itself. For tests and experiments.
    #[must_use]
    pub const fn unaided(mut self) -> Self {
        self.unaided = true;
        self
    }

    /// Improves offsets that another strategy found. Returns the work spent, in steps of
    /// inner loops, or `None` if the problem is too large to be searched.
    pub(super) fn improve(
        self,
        problem: &Problem,
        allocation: &mut Allocation,
        limits: &Limits,
        target: PackingTarget,
    ) -> Option<u64> {
        let bound = if self.unaided { 0 } else { target.bound }.max(allocation.proven);
        // Without aid, the search must prove the bound itself, so it starts from 0. A height at the
        // bound or at the sufficient height leaves nothing to do.
        let start = problem.height(&allocation.offsets);
        let sufficient = if self.unaided && !target.required { 0 } else { target.sufficient };
        if start <= bound.max(sufficient) || allocation.stop != Stop::Finished {
            return Some(0);
        }
        let unlimited = limits.clone().without_nodes();
        let mut budget = Budget::new(&unlimited, target.nodes);
        (budget.best, budget.bound) = (start, bound);
        let mut incumbent = Incumbent { bound, height: start, offsets: None };
        let target = PackingTarget { sufficient, ..target };
        let task = ExactTask { exact: self, target, limits };
        let work = search(problem, &mut incumbent, task, &mut budget, allocation);
        allocation.proven = incumbent.bound.min(incumbent.height);
        allocation.nodes += budget.nodes();
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
        // First fit runs without limits, so a plan with reuse exists before any limit is looked at.
        // Then each time span is improved by greedy placement and by the search, with the nodes that
        // the previous ones left over.
        let first =
            if self.unaided { Naive.allocate(problem, limits)? } else { first_allocation(problem, limits)? };
        if first.stop != Stop::Finished {
            return Ok(first);
        }
        let greedy = if self.effort == Effort::Quick { Effort::Quick } else { Effort::Thorough };
        let nodes = limits.most_nodes(self.effort.pick(100_000, 2_000_000, 8_000_000));
        allocate_parts(problem, first.offsets, (nodes, u64::MAX), |part, first, target| {
            let mut allocation = if self.unaided {
                Allocation::new(first)
            } else {
                best_of_first(part, first, limits, target, greedy)
            };
            let target = target.after(allocation.nodes, 0);
            // With a capacity, the first packing that fits ends the search.
            let target = match target.capacity {
                Some(capacity) => {
                    PackingTarget { sufficient: target.sufficient.max(capacity), required: true, ..target }
                }
                None => target,
            };
            let work = self.improve(part, &mut allocation, limits, target);
            if work.is_none() {
                allocation.stop = allocation.stop.max(Stop::Nodes);
            }
            Ok(PartAllocation { allocation, work: work.unwrap_or(0) })
        })
    }
}

/// Searches the whole problem, or windows of time if the whole is too large. Returns the work
/// spent, or `None` if neither the windows nor the search decided anything.
fn search(
    problem: &Problem,
    incumbent: &mut Incumbent,
    task: ExactTask<'_>,
    budget: &mut Budget<'_>,
    allocation: &mut Allocation,
) -> std::result::Result<Option<u64>, Stop> {
    let Some(instance) = ExactInstance::new(problem, problem.filled().collect(), budget)? else {
        // The budget has already counted the nodes of the windows.
        let (_, work) = windows::raise(problem, incumbent, &task, budget)?;
        return Ok(incumbent.settles(&task.target).then_some(work));
    };
    let start: Vec<u64> = instance.ids.iter().map(|id| allocation.offsets[id.index()]).collect();
    let task = ExactTask { target: task.target.after(budget.nodes(), 0), ..task };
    let (nodes, work, stop) = portfolio::search(&instance, &start, incumbent, task);
    (allocation.nodes, allocation.stop) = (allocation.nodes + nodes, stop);
    let offsets = incumbent.offsets.take().unwrap_or_default();
    for (id, offset) in instance.ids.iter().zip(offsets) {
        allocation.offsets[id.index()] = offset;
    }
    // Buffers of size zero are not items; they overlap nothing, so any offset is valid.
    for (buffer, offset) in problem.buffers().iter().zip(&mut allocation.offsets) {
        if buffer.size() == 0 && buffer.fixed_offset().is_none() {
            *offset = 0;
        }
    }
    Ok(Some(work))
}
