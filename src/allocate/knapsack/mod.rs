//! Shared objects of the least total size, by branch and bound.

mod conflict;
mod cuts;
mod decide;
mod greedy;
mod improve;
mod maxima;
mod search;

use super::greedy_objects::in_order;
use super::sharing::{Interval, OUTSIDE, Shared, Sharing};
use super::{Allocation, Strategy};
use crate::error::{Error, Result};
use crate::limits::{Limits, Meter, Stop};
use crate::problem::Problem;
use crate::sorting::{descend, sort_by_keys};
use maxima::{maxima_until_stopped, positional_maxima};
use search::{Freedom, Search};

/// Shared objects, for runtimes with a few fixed buffers instead of one arena:
/// each tensor gets one object, an object is as large as its largest tensor,
/// and tensors that live together never share one. The total size is as small
/// as can be, and proven so, within the limits.
///
/// Sizes count rounded up to the buffer's alignment. Objects are laid out one
/// after the other, those of large alignment first.
///
/// Published as a 0-1 knapsack solved by branch and bound in decreasing size;
/// here the search is best-first over the sizes of the objects, bounded by
/// positional maxima (Pisarchyk & Lee, arXiv 2001.03288) and by conflicts, see
/// `docs/algorithms.md`. Exponential in the worst case.
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
    most_objects: Option<usize>,
}

/// Nodes where the limits name no number: at most about a second.
const DEFAULT_NODES: u64 = 8_000_000;

/// Larger problems are not searched: sections times different sizes.
const MOST_CELLS: usize = 20_000_000;

impl Knapsack {
    /// Any number of objects of any size.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most this many objects, the given ones included.
    #[must_use]
    pub fn most_objects(mut self, count: usize) -> Self {
        self.most_objects = Some(count);
        self
    }

    /// Objects of these sizes in bytes are there anyway, to be filled before
    /// new ones are opened: what is opened besides is as small as can be.
    #[must_use]
    pub fn given(mut self, sizes: impl IntoIterator<Item = u64>) -> Self {
        self.given = sizes.into_iter().filter(|&size| size > 0).collect();
        descend(&mut self.given);
        self
    }

    fn refused(&self, reason: String) -> Error {
        Error::Refused { strategy: self.name().to_owned(), reason }
    }

    fn no_sharing(&self, stop: Stop) -> Error {
        let most = self.most_objects.unwrap_or(usize::MAX);
        let given = self.given.len();
        let verb = if stop == Stop::Finished { "there is no" } else { "found no" };
        self.refused(format!("{verb} way to share {most} objects of which {given} are given ({stop})"))
    }

    fn check_total(&self, problem: &Problem) -> Result<()> {
        let given = self.given.iter().try_fold(0u64, |sum, &size| sum.checked_add(size));
        let sizes = problem.buffers().iter().map(|buffer| buffer.size() + (buffer.alignment() - 1));
        let total = given.and_then(|given| given.checked_add(sizes.sum()));
        total.map(|_| ()).ok_or_else(|| {
            self.refused("given objects and buffers together are more than 2^64-1 bytes".to_owned())
        })
    }
}

impl Strategy for Knapsack {
    fn name(&self) -> &'static str {
        "knapsack"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        self.check_total(problem)?;
        let shared = Shared::new(self.name(), problem)?;
        let mut meter = Meter::new(limits, DEFAULT_NODES);
        let (maxima, shown) = maxima_until_stopped(&shared.intervals, shared.sections, &mut meter);
        let freedom = Freedom { given: self.given.clone(), most_objects: self.most_objects };
        let result = match (shown, self.most_objects) {
            (Err(stop), _) => at_once(&shared, &maxima, &freedom, stop, &meter),
            (Ok(()), Some(most)) if most < maxima.len() => {
                let live = maxima.len();
                return Err(self.refused(format!("{live} buffers live together cannot share {most} objects")));
            }
            _ => solve(&shared.intervals, shared.sections, &maxima, &freedom, None, &mut meter),
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

struct Solved {
    /// None only where a limit on the number of objects is in the way.
    sharing: Option<Sharing>,
    /// Nothing less has to be opened.
    bound: u64,
    nodes: u64,
    stop: Stop,
}

/// Objects in order of start, for a search that is stopped before it begins.
fn at_once(shared: &Shared<'_>, maxima: &[u64], freedom: &Freedom, stop: Stop, meter: &Meter<'_>) -> Solved {
    let search = Search { intervals: &shared.intervals, sections: shared.sections, freedom };
    let (first, _) = in_order(&shared.intervals, &freedom.given, meter);
    let sharing =
        Some(first).filter(|first| freedom.most_objects.is_none_or(|most| first.sizes.len() <= most));
    Solved { sharing, bound: search.least(maxima), nodes: 0, stop }
}

/// `enough`: what is below that will do.
fn solve(
    intervals: &[Interval],
    sections: u32,
    maxima: &[u64],
    freedom: &Freedom,
    enough: Option<u64>,
    meter: &mut Meter<'_>,
) -> Solved {
    let given = freedom.given.len();
    let opened = |sharing: &Sharing| sharing.sizes[given..].iter().sum::<u64>();
    let (greedy, stopped) = greedy::share(intervals, freedom, maxima.len(), meter);
    let sharing = greedy.or_else(|| one_size(intervals, maxima, freedom));
    let incumbent = sharing.as_ref().map_or(u64::MAX, opened);
    let search = Search { intervals, sections, freedom };
    if enough.is_some_and(|enough| incumbent < enough) {
        let bound = search.least(maxima);
        return Solved { sharing, bound, nodes: meter.nodes(), stop: Stop::Finished };
    }
    let incumbent = enough.map_or(incumbent, |enough| enough.min(incumbent));
    let mut different: Vec<u64> = intervals.iter().map(|one| one.size).collect();
    different.sort_unstable();
    different.dedup();
    if different.len().saturating_mul(sections as usize) > MOST_CELLS {
        let bound = search.least(maxima);
        let stop = if bound == incumbent { Stop::Finished } else { Stop::Nodes };
        return Solved { sharing, bound, nodes: meter.nodes(), stop };
    }
    if let Err(stop) = stopped {
        return Solved { sharing, bound: search.least(maxima), nodes: meter.nodes(), stop };
    }
    let whole = meter.hold_back(2);
    let found = search.run(maxima, incumbent, meter);
    meter.allow(whole);
    let mut sharing = found.best.or(sharing);
    if let (Some(sharing), Stop::Nodes) = (&mut sharing, found.stop) {
        // What stopped it may have been the share of nodes of one question.
        let _ = improve::improve(intervals, given, found.bound, sharing, meter);
    }
    let proven = sharing.as_ref().is_some_and(|sharing| opened(sharing) == found.bound);
    let stop = if proven { Stop::Finished } else { found.stop };
    Solved { sharing, bound: found.bound, nodes: meter.nodes(), stop }
}

/// Whether these can share objects of a total size.
pub(super) enum Verdict {
    Fits(Sharing),
    Never,
    Unknown,
}

/// Nodes for one such question.
const QUESTION: u64 = 50_000;

/// Whether these can share objects that are together not larger than `most`.
///
/// # Errors
/// Why the whole search must stop.
pub(super) fn share_within(
    intervals: &[Interval],
    sections: u32,
    most: u64,
    meter: &mut Meter<'_>,
) -> Result<Verdict, Stop> {
    meter.spend(1)?;
    let maxima = positional_maxima(intervals, sections);
    if maxima.iter().sum::<u64>() > most {
        return Ok(Verdict::Never);
    }
    let mut few = meter.of_question(QUESTION);
    let solved = solve(intervals, sections, &maxima, &Freedom::default(), most.checked_add(1), &mut few);
    meter.spend(few.nodes())?;
    let fits = |sharing: &Sharing| sharing.sizes.iter().sum::<u64>() <= most;
    Ok(match solved.sharing.filter(fits) {
        Some(sharing) => Verdict::Fits(sharing),
        None if solved.bound > most => Verdict::Never,
        None => Verdict::Unknown,
    })
}

/// The best sharing that simple rules find.
pub(super) fn share_greedily(intervals: &[Interval], sections: u32, meter: &mut Meter<'_>) -> Sharing {
    let live_at_once = positional_maxima(intervals, sections).len();
    let (sharing, _) = greedy::share(intervals, &Freedom::default(), live_at_once, meter);
    sharing.unwrap_or(Sharing { object: Vec::new(), sizes: Vec::new() })
}

/// What objects for these tensors, those outside left out, take at least.
pub(super) fn least_total(shared: &Shared<'_>, sharing: &Sharing) -> u64 {
    let kept = shared.intervals.iter().zip(&sharing.object).filter(|(_, object)| **object != OUTSIDE);
    let kept: Vec<Interval> = kept.map(|(one, _)| *one).collect();
    positional_maxima(&kept, shared.sections).iter().sum()
}

/// As many objects as intervals live at once, all as large as the largest, in
/// order of start. Needed only where a limit on their number defeats the greedy
/// rules; none if given objects that are too small take up that number.
fn one_size(intervals: &[Interval], maxima: &[u64], freedom: &Freedom) -> Option<Sharing> {
    let largest = maxima.first().copied().unwrap_or(0);
    let useful = freedom.given.partition_point(|&size| size >= largest);
    let mut sizes = freedom.given.clone();
    sizes.resize(sizes.len() + maxima.len().saturating_sub(useful), largest);
    if freedom.most_objects.is_some_and(|most| sizes.len() > most) {
        return None;
    }
    let mut usable: Vec<usize> = (0..useful).chain(freedom.given.len()..sizes.len()).collect();
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
    Some(Sharing { object, sizes })
}
