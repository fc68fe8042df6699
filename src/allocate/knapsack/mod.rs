//! Shared objects of minimum total size, by branch and bound.
//!
//! `maxima` gives the lower bound, `greedy` the first incumbent. `search` is a best-first search
//! over the sizes of the objects; it asks `decide` whether the tensors can share objects of
//! given sizes. If not, `conflict` generalises the failure to larger sizes, so that many nodes
//! are refuted at once. `cuts` is a relaxation that refutes sizes without search, `improve` a
//! large-neighbourhood search for when the nodes run out.

mod conflict;
mod cuts;
mod decide;
mod greedy;
mod improve;
mod maxima;
mod search;

use super::greedy_objects::in_order;
use super::object_intervals::{OUTSIDE, ObjectInterval, ObjectProblem, ObjectSharing};
use super::{Allocation, Strategy};
use crate::error::{Error, Refusal, Result};
use crate::problem::Problem;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::{descend, sort_by_keys, unique};
use maxima::{maxima_until_stopped, positional_maxima};
use search::{ObjectLimits, SizeSearch};

/// Shared objects of minimum total size, for runtimes with a few fixed buffers instead of
/// one arena.
///
/// Each tensor gets one object, an object is as large as its largest tensor, and tensors that
/// are live at the same time never share an object. The total size is proven minimal unless a
/// limit stops the search.
///
/// Sizes are rounded up to the alignment of the buffer. Objects lie one after the other, those
/// of large alignment first.
///
/// The published method is a 0-1 knapsack, solved by branch and bound in decreasing order of
/// size. This search is best-first over the sizes of the objects, bounded by positional maxima
/// (Pisarchyk & Lee, arXiv 2001.03288) and by conflicts; see `docs/algorithms.md`. Exponential
/// in the worst case.
///
/// ```
/// use plimsoll::allocate::Knapsack;
/// use plimsoll::{Buffer, Planner, Problem};
///
/// // The second object is made larger than its first buffer needs.
/// let sizes = [(800, 0..4), (700, 0..2), (1000, 2..4), (10, 2..4)];
/// let buffers = sizes.map(|(size, live)| Buffer::new(size, live)).to_vec();
/// let solution = Planner::new().strategy(Knapsack::new()).solve(&Problem::new(buffers)?)?;
/// assert_eq!(solution.height, 1810);
/// assert_eq!(solution.objects.unwrap().lower_bound, 1810);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Knapsack {
    given: Vec<u64>,
    max_objects: Option<usize>,
}

/// Default number of nodes: about a second at most.
const DEFAULT_NODES: u64 = 8_000_000;

/// Maximum number of sections times distinct sizes; larger problems are not searched.
const MAX_CELLS: usize = 20_000_000;

impl Knapsack {
    /// Creates the strategy without restrictions on the objects.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the number of objects, including the given ones.
    #[must_use]
    pub fn max_objects(mut self, count: usize) -> Self {
        self.max_objects = Some(count);
        self
    }

    /// Provides objects of these sizes in bytes at no cost. The total size of the further objects
    /// is minimised.
    #[must_use]
    pub fn given(mut self, sizes: impl IntoIterator<Item = u64>) -> Self {
        self.given = sizes.into_iter().filter(|&size| size > 0).collect();
        descend(&mut self.given);
        self
    }

    fn refused(&self, reason: Refusal) -> Error {
        Error::Refused { strategy: self.name().to_owned(), reason }
    }

    fn no_sharing(&self, stop: Stop) -> Error {
        let max = self.max_objects.unwrap_or(usize::MAX);
        self.refused(Refusal::NoSharing { max, given: self.given.len(), stop })
    }

    fn check_total(&self, problem: &Problem) -> Result<()> {
        let given = self.given.iter().try_fold(0u64, |sum, &size| sum.checked_add(size));
        let sizes = problem.buffers().iter().map(|buffer| buffer.size() + (buffer.alignment() - 1));
        let total = given.and_then(|given| given.checked_add(sizes.sum()));
        total.map(|_| ()).ok_or_else(|| {
            self.refused("given objects and buffers exceed 2^64-1 bytes together".to_owned().into())
        })
    }
}

impl Strategy for Knapsack {
    fn name(&self) -> &'static str {
        "knapsack"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        self.check_total(problem)?;
        let shared = ObjectProblem::new(self.name(), problem)?;
        let mut budget = Budget::new(limits, DEFAULT_NODES);
        let (maxima, shown) = maxima_until_stopped(&shared.intervals, shared.sections, &mut budget);
        let object_limits = ObjectLimits { given: self.given.clone(), max_objects: self.max_objects };
        let result = match (shown, self.max_objects) {
            (Err(stop), _) => in_start_order(&shared, &maxima, &object_limits, stop, &budget),
            (Ok(()), Some(limit)) if limit < maxima.len() => {
                return Err(self.refused(Refusal::TooFewObjects { live: maxima.len(), max: limit }));
            }
            _ => solve(&shared.intervals, shared.sections, &maxima, &object_limits, None, &mut budget),
        };
        let Some(sharing) = result.sharing else { return Err(self.no_sharing(result.stop)) };
        let mut allocation = shared.lay_out(&sharing);
        if let Some(objects) = &mut allocation.objects {
            objects.lower_bound = result.bound + self.given.iter().sum::<u64>();
        }
        allocation.nodes = result.nodes;
        allocation.stop = result.stop;
        Ok(allocation)
    }
}

struct KnapsackResult {
    /// `None` only if a limit on the number of objects prevents a sharing.
    sharing: Option<ObjectSharing>,
    /// Lower bound on the total size of opened objects.
    bound: u64,
    nodes: u64,
    stop: Stop,
}

/// Objects in order of start, for a search that is stopped before it begins.
fn in_start_order(
    shared: &ObjectProblem<'_>,
    maxima: &[u64],
    object_limits: &ObjectLimits,
    stop: Stop,
    budget: &Budget<'_>,
) -> KnapsackResult {
    let search = SizeSearch { intervals: &shared.intervals, sections: shared.sections, object_limits };
    let (first, _) = in_order(&shared.intervals, &object_limits.given, budget);
    let sharing =
        Some(first).filter(|first| object_limits.max_objects.is_none_or(|limit| first.sizes.len() <= limit));
    KnapsackResult { sharing, bound: search.min_total(maxima), nodes: 0, stop }
}

/// Minimises the total size of the opened objects. With `sufficient`, any total below it ends the
/// search.
fn solve(
    intervals: &[ObjectInterval],
    sections: u32,
    maxima: &[u64],
    object_limits: &ObjectLimits,
    sufficient: Option<u64>,
    budget: &mut Budget<'_>,
) -> KnapsackResult {
    let given = object_limits.given.len();
    let opened = |sharing: &ObjectSharing| sharing.sizes[given..].iter().sum::<u64>();
    // Phase 1: an incumbent by greedy rules. If it is good enough, nothing is searched.
    let (greedy, stopped) = greedy::share(intervals, object_limits, maxima.len(), budget);
    let sharing = greedy.or_else(|| one_size(intervals, maxima, object_limits));
    let incumbent = sharing.as_ref().map_or(u64::MAX, opened);
    let search = SizeSearch { intervals, sections, object_limits };
    let unsearched = |sharing, stop, budget: &Budget<'_>| KnapsackResult {
        sharing,
        bound: search.min_total(maxima),
        nodes: budget.nodes(),
        stop,
    };
    if sufficient.is_some_and(|sufficient| incumbent < sufficient) {
        return unsearched(sharing, Stop::Finished, budget);
    }
    // A total below `sufficient` is wanted only, so the incumbent of the search is capped by it: nodes of
    // that cost or more are pruned.
    let incumbent = sufficient.map_or(incumbent, |sufficient| sufficient.min(incumbent));
    let different = unique(intervals.iter().map(|interval| interval.size));
    // A decision keeps one counter for each section and distinct size. Problems for which these do not
    // fit the memory keep the greedy sharing, and the bound of the positional maxima.
    if different.len().saturating_mul(sections as usize) > MAX_CELLS {
        let stop = if search.min_total(maxima) == incumbent { Stop::Finished } else { Stop::Nodes };
        return unsearched(sharing, stop, budget);
    }
    if let Err(stop) = stopped {
        return unsearched(sharing, stop, budget);
    }
    // Phase 2: the best-first search gets half of the nodes. Its bound is the cost of the cheapest open
    // node, since every sharing lies below some open node. Phase 3: the other half goes to improvements
    // of the incumbent.
    let whole = budget.hold_back(2);
    let result = search.run(maxima, incumbent, budget);
    budget.allow(whole);
    let mut sharing = result.best.or(sharing);
    if let (Some(sharing), Stop::Nodes) = (&mut sharing, result.stop) {
        // The search may have stopped at the node limit of one decision, with nodes left over.
        let _ = improve::improve(intervals, given, result.bound, sharing, budget);
    }
    let proven = sharing.as_ref().is_some_and(|sharing| opened(sharing) == result.bound);
    let stop = if proven { Stop::Finished } else { result.stop };
    KnapsackResult { sharing, bound: result.bound, nodes: budget.nodes(), stop }
}

/// Answer to the question whether tensors can share objects within a total size.
pub(super) enum SharingVerdict {
    Fits(ObjectSharing),
    Never,
    Unknown,
}

/// Node limit of each such question.
const DECISION_NODES: u64 = 50_000;

/// Decides whether the intervals can share objects of at most `limit` bytes in total.
pub(super) fn share_within(
    intervals: &[ObjectInterval],
    sections: u32,
    limit: u64,
    budget: &mut Budget<'_>,
) -> Result<SharingVerdict, Stop> {
    budget.spend(1)?;
    // The positional maxima often refute the question at once. The search has a node limit of its own,
    // so the caller's search continues even if this question stays open.
    let maxima = positional_maxima(intervals, sections);
    if maxima.iter().sum::<u64>() > limit {
        return Ok(SharingVerdict::Never);
    }
    let mut decision_budget = budget.of_question(DECISION_NODES);
    let solved = solve(
        intervals,
        sections,
        &maxima,
        &ObjectLimits::default(),
        limit.checked_add(1),
        &mut decision_budget,
    );
    budget.spend(decision_budget.nodes())?;
    let fits = |sharing: &ObjectSharing| sharing.sizes.iter().sum::<u64>() <= limit;
    Ok(match solved.sharing.filter(fits) {
        Some(sharing) => SharingVerdict::Fits(sharing),
        None if solved.bound > limit => SharingVerdict::Never,
        None => SharingVerdict::Unknown,
    })
}

/// The best sharing found by the greedy rules.
pub(super) fn share_greedily(
    intervals: &[ObjectInterval],
    sections: u32,
    budget: &mut Budget<'_>,
) -> ObjectSharing {
    let live_at_once = positional_maxima(intervals, sections).len();
    let (sharing, _) = greedy::share(intervals, &ObjectLimits::default(), live_at_once, budget);
    sharing.unwrap_or(ObjectSharing { object: Vec::new(), sizes: Vec::new() })
}

/// Lower bound on the total size of objects for the tensors that are not `OUTSIDE`.
pub(super) fn least_total(shared: &ObjectProblem<'_>, sharing: &ObjectSharing) -> u64 {
    let kept = shared.intervals.iter().zip(&sharing.object).filter(|(_, object)| **object != OUTSIDE);
    let kept: Vec<ObjectInterval> = kept.map(|(interval, _)| *interval).collect();
    positional_maxima(&kept, shared.sections).iter().sum()
}

/// A sharing with as many objects as intervals live at once, all of the largest size, assigned in
/// order of start. Needed only if a limit on the number of objects defeats the greedy rules.
/// `None` if given objects that are too small use up that number.
fn one_size(
    intervals: &[ObjectInterval],
    maxima: &[u64],
    object_limits: &ObjectLimits,
) -> Option<ObjectSharing> {
    // Objects of the largest size hold any interval, so as many as are live at once suffice: intervals
    // in order of start always find one that is free (interval partitioning).
    let largest = maxima.first().copied().unwrap_or(0);
    let useful = object_limits.given.partition_point(|&size| size >= largest);
    let mut sizes = object_limits.given.clone();
    sizes.resize(sizes.len() + maxima.len().saturating_sub(useful), largest);
    if object_limits.max_objects.is_some_and(|limit| sizes.len() > limit) {
        return None;
    }
    let mut usable: Vec<usize> = (0..useful).chain(object_limits.given.len()..sizes.len()).collect();
    usable.truncate(maxima.len());
    let mut until = vec![0; usable.len()];
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    sort_by_keys(&mut order, |&i| [intervals[i].first.into(), 0]);
    let mut object = vec![0; intervals.len()];
    for i in order {
        let free = until.iter().position(|&until| until <= intervals[i].first).unwrap_or(0);
        until[free] = intervals[i].end;
        object[i] = usable[free] as u32;
    }
    Some(ObjectSharing { object, sizes })
}
