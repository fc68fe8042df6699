//! Conflicts: refuted sizes, generalised to larger ones.

use super::decide::{Decision, SectionWindow, decide};
use crate::allocate::object_intervals::ObjectInterval;
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::{descend, unique};

/// Node limit of each decision while a conflict is derived.
const DECISION_NODES: u64 = 50_000;

/// A set of refuted sizes: objects of sizes `ceiling` and any number of objects of size `tail`
/// cannot hold the intervals that meet some window, and neither can any objects that are nowhere
/// larger in descending order.
#[derive(Clone, Debug)]
pub(super) struct SizeConflict {
    /// Descending, each at least the tail.
    ceiling: Vec<u64>,
    tail: u64,
    /// Distinct sizes of those intervals, ascending. An object holds more of them only when it
    /// grows to the next step.
    steps: Vec<u64>,
}

impl SizeConflict {
    /// Creates a conflict; sizes grow to just below their next step, which changes nothing.
    fn new(ceiling: &[u64], tail: u64, steps: Vec<u64>) -> Self {
        // An interval fits an object or not; which ones do changes only at the sizes of intervals. So
        // sizes that fail also fail when each grows to just below its next step.
        let next = |size: u64| steps.get(steps.partition_point(|&step| step <= size));
        let below_next = |size: u64| next(size).map_or(u64::MAX, |step| step - 1);
        let tail = below_next(tail);
        let mut ceiling: Vec<u64> = ceiling.iter().map(|&size| below_next(size).max(tail)).collect();
        descend(&mut ceiling);
        Self { ceiling, tail, steps }
    }

    /// Number of positions at which objects may exceed the ceiling; the last one stands for all
    /// positions in the tail.
    pub(super) fn positions(&self) -> usize {
        self.ceiling.len() + 1
    }

    fn limit(&self, position: usize) -> u64 {
        self.ceiling.get(position).copied().unwrap_or(self.tail)
    }

    /// Returns whether the conflict refutes objects of these sizes, which must descend.
    pub(super) fn refutes(&self, sizes: &[u64]) -> bool {
        sizes.iter().enumerate().all(|(position, &size)| size <= self.limit(position))
    }

    /// Smallest step above the ceiling at a position, if there is one.
    pub(super) fn next_step(&self, position: usize) -> Option<u64> {
        let limit = self.limit(position);
        self.steps.get(self.steps.partition_point(|&step| step <= limit)).copied()
    }
}

/// Result of probing a vector of sizes.
pub(super) enum ProbeResult {
    /// An assignment: the object of each interval.
    Fits(Vec<u32>),
    /// The sizes are refuted by the conflict.
    Refuted(SizeConflict),
    /// Undecided within the node limit.
    Open,
}

/// Decides whether objects of given sizes suffice and derives a conflict if not.
pub(super) struct Prober<'a> {
    pub(super) intervals: &'a [ObjectInterval],
    pub(super) sections: u32,
    /// Total size of the incumbent: larger sizes need no refutation.
    pub(super) limit: u64,
}

impl Prober<'_> {
    /// Probes a vector of sizes, which must descend.
    pub(super) fn probe(&self, sizes: &[u64], budget: &mut Budget<'_>) -> Result<ProbeResult, Stop> {
        // First the whole problem with few nodes, then windows around the section where the search got
        // stuck, which are easier to refute, at last the whole problem with many nodes. A window that
        // fails refutes the whole, since its intervals are among all.
        let all = (0, self.sections);
        let stuck = match self.ask(sizes, all, DECISION_NODES, budget)? {
            Decision::Yes(objects) => return Ok(ProbeResult::Fits(objects)),
            Decision::No { stuck } => {
                let whole = self.strengthen(sizes, all, budget)?;
                if let Some(conflict) = whole {
                    return Ok(ProbeResult::Refuted(conflict));
                }
                return self.refuted_by(sizes, stuck, budget);
            }
            Decision::Unknown { stuck } => stuck,
        };
        if let Some(window) = self.window_near(stuck, sizes, budget)? {
            return self.refuted_in(sizes, window, budget);
        }
        match self.ask(sizes, all, DECISION_NODES * 40, budget)? {
            Decision::Yes(objects) => Ok(ProbeResult::Fits(objects)),
            Decision::No { stuck } => self.refuted_by(sizes, stuck, budget),
            Decision::Unknown { .. } => Ok(ProbeResult::Open),
        }
    }

    /// Derives the conflict of sizes known to fail, for which a search got as far as section
    /// `stuck`. Later sections may be the cause, so the window up to `stuck` is tested first.
    fn refuted_by(&self, sizes: &[u64], stuck: u32, budget: &mut Budget<'_>) -> Result<ProbeResult, Stop> {
        let early = (0, stuck + 1);
        let window = if self.fails(sizes, early, budget)? { early } else { (0, self.sections) };
        self.refuted_in(sizes, window, budget)
    }

    fn ask(
        &self,
        sizes: &[u64],
        window: SectionWindow,
        node_limit: u64,
        budget: &mut Budget<'_>,
    ) -> Result<Decision, Stop> {
        decide(self.intervals, sizes, 0, window, node_limit, budget)
    }

    fn fails(&self, sizes: &[u64], window: SectionWindow, budget: &mut Budget<'_>) -> Result<bool, Stop> {
        Ok(matches!(self.ask(sizes, window, DECISION_NODES, budget)?, Decision::No { .. }))
    }

    /// Returns whether the sizes fail even with any number of further objects of size `tail`.
    fn fails_with(
        &self,
        sizes: &[u64],
        tail: u64,
        window: SectionWindow,
        budget: &mut Budget<'_>,
    ) -> Result<bool, Stop> {
        let mut larger: Vec<u64> = sizes.iter().copied().filter(|&size| size > tail).collect();
        descend(&mut larger);
        let decision = decide(self.intervals, &larger, tail, window, DECISION_NODES, budget)?;
        Ok(matches!(decision, Decision::No { .. }))
    }

    /// A small window around section `stuck` in which the sizes fail, if one is found.
    fn window_near(
        &self,
        stuck: u32,
        sizes: &[u64],
        budget: &mut Budget<'_>,
    ) -> Result<Option<SectionWindow>, Stop> {
        let mut width = 2;
        while width < self.sections {
            for beyond in [0, width / 2] {
                let end = (stuck + 1 + beyond).min(self.sections);
                let window = (end.saturating_sub(width), end);
                if self.fails(sizes, window, budget)? {
                    return Ok(Some(window));
                }
            }
            width *= 2;
        }
        Ok(None)
    }

    /// Derives the conflict of sizes known to fail in a window, after shrinking the window from
    /// both sides.
    fn refuted_in(
        &self,
        sizes: &[u64],
        window: SectionWindow,
        budget: &mut Budget<'_>,
    ) -> Result<ProbeResult, Stop> {
        // A small window has few distinct sizes, so the conflict rises to higher steps. Failure is
        // monotone in the window, so binary search finds its limits; a question that stays open counts
        // as not failing, which makes the conflict weaker, not wrong.
        let (start, end) = window;
        let skipped = largest(0, (end - start) as usize, |skipped| {
            self.fails(sizes, (start + skipped as u32, end), budget)
        })?;
        let start = start + skipped as u32;
        let cut =
            largest(0, (end - start) as usize, |cut| self.fails(sizes, (start, end - cut as u32), budget))?;
        let window = (start, end - cut as u32);
        let conflict = self.strengthen(sizes, window, budget)?;
        let plain = || SizeConflict::new(sizes, 0, self.steps(window));
        Ok(ProbeResult::Refuted(conflict.unwrap_or_else(plain)))
    }

    /// Distinct sizes of the intervals that meet a window, ascending.
    fn steps(&self, window: SectionWindow) -> Vec<u64> {
        let meeting =
            self.intervals.iter().filter(|interval| interval.first < window.1 && window.0 < interval.end);
        unique(meeting.map(|interval| interval.size))
    }

    /// Generalises a failure to larger sizes. `None` if growing all sizes by the smallest step
    /// already helps.
    fn strengthen(
        &self,
        sizes: &[u64],
        window: SectionWindow,
        budget: &mut Budget<'_>,
    ) -> Result<Option<SizeConflict>, Stop> {
        // All sizes grow by the same amount as far as possible, so that every child of the node is
        // expensive and the bound rises quickly; further objects of that size are admitted, so that
        // opening more objects does not avoid the conflict. Then each position and the tail grow alone.
        // Every step is proven by a decision, so the result is sound; binary search keeps their number
        // logarithmic in the steps.
        let steps = self.steps(window);
        let step_at =
            |size: u64| steps[..steps.partition_point(|&step| step <= size)].last().copied().unwrap_or(0);
        let grown = |by: u64| -> Vec<u64> {
            sizes.iter().map(|&size| step_at(size.saturating_add(by)).max(size)).collect()
        };
        let growth = growths(sizes, &steps, self.limit.saturating_sub(sizes.iter().sum()));
        let alike = largest(0, growth.len() + 1, |count| {
            let by = growth[count - 1];
            self.fails_with(&grown(by), step_at(by), window, budget)
        })?;
        if alike == 0 {
            return Ok(None);
        }
        let mut ceiling = grown(growth[alike - 1]);
        let mut tail = step_at(growth[alike - 1]);
        for position in (0..ceiling.len()).rev() {
            let larger = &steps[steps.partition_point(|&step| step <= ceiling[position])..];
            let count = largest(0, larger.len() + 1, |count| {
                let mut sizes = ceiling.clone();
                sizes[position] = larger[count - 1];
                self.fails_with(&sizes, tail, window, budget)
            })?;
            if count > 0 {
                ceiling[position] = larger[count - 1];
            }
        }
        let larger = &steps[steps.partition_point(|&step| step <= tail)..];
        let count = largest(0, larger.len() + 1, |count| {
            self.fails_with(&ceiling, larger[count - 1], window, budget)
        })?;
        if count > 0 {
            tail = larger[count - 1];
        }
        Ok(Some(SizeConflict::new(&ceiling, tail, steps)))
    }
}

/// Growths by which some size, or a new object, reaches a step, up to `limit`, ascending.
fn growths(sizes: &[u64], steps: &[u64], limit: u64) -> Vec<u64> {
    let to_step =
        |size: u64| steps[steps.partition_point(|&step| step <= size)..].iter().map(move |step| step - size);
    let all = sizes.iter().copied().chain([0]).flat_map(to_step);
    unique(all.filter(|&growth| growth <= limit))
}

/// Binary search for the largest number in `low..high` for which the monotone predicate `holds`
/// is true; `low` is assumed to satisfy it.
fn largest(
    mut low: usize,
    mut high: usize,
    mut holds: impl FnMut(usize) -> Result<bool, Stop>,
) -> Result<usize, Stop> {
    while high - low > 1 {
        let middle = low.midpoint(high);
        if holds(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
