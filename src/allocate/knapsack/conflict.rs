//! Why objects of some sizes do not do, as strongly as can be said cheaply.

use super::decide::{Decision, Window, decide};
use crate::allocate::sharing::Interval;
use crate::limits::{Meter, Stop};
use crate::sorting::descend;

/// Nodes for one question while a conflict is looked into.
const QUESTION: u64 = 50_000;

/// Objects of sizes `ceiling`, and any number of size `tail` besides, or any
/// that are nowhere larger when sorted, do not do for the intervals that meet a
/// window.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// Descending, down to the tail.
    ceiling: Vec<u64>,
    tail: u64,
    /// The different sizes of those intervals, ascending: what an object must
    /// grow to for the window to be any different.
    steps: Vec<u64>,
}

impl Conflict {
    /// Sizes that fail in a window fail as well just below the next steps.
    fn new(ceiling: &[u64], tail: u64, steps: Vec<u64>) -> Self {
        let next = |size: u64| steps.get(steps.partition_point(|&step| step <= size));
        let below_next = |size: u64| next(size).map_or(u64::MAX, |step| step - 1);
        let tail = below_next(tail);
        let mut ceiling: Vec<u64> = ceiling.iter().map(|&size| below_next(size).max(tail)).collect();
        descend(&mut ceiling);
        Self { ceiling, tail, steps }
    }

    /// Places at which objects may exceed it; beyond, the last one counts.
    pub(super) fn places(&self) -> usize {
        self.ceiling.len() + 1
    }

    fn most(&self, place: usize) -> u64 {
        self.ceiling.get(place).copied().unwrap_or(self.tail)
    }

    /// Whether objects of these sizes (descending) run into it.
    pub(super) fn refutes(&self, sizes: &[u64]) -> bool {
        sizes.iter().enumerate().all(|(place, &size)| size <= self.most(place))
    }

    /// The least size above the ceiling at this place, if one would help.
    pub(super) fn way_out(&self, place: usize) -> Option<u64> {
        let most = self.most(place);
        self.steps.get(self.steps.partition_point(|&step| step <= most)).copied()
    }
}

/// What asking about a vector of sizes led to.
pub(super) enum Finding {
    /// They do; the object of each interval.
    Fits(Vec<u32>),
    /// They do not, and neither do others.
    Refuted(Conflict),
    /// Not found out within the nodes for one question.
    Open,
}

/// Asks whether objects of these sizes do, and if not, why.
pub(super) struct Prober<'a> {
    pub(super) intervals: &'a [Interval],
    pub(super) sections: u32,
    /// More than this is not worth proving: the best total known.
    pub(super) most: u64,
}

impl Prober<'_> {
    /// # Errors
    /// Why the whole search must stop.
    pub(super) fn probe(&self, sizes: &[u64], meter: &mut Meter<'_>) -> Result<Finding, Stop> {
        let all = (0, self.sections);
        let stuck = match self.ask(sizes, all, QUESTION, meter)? {
            Decision::Yes(objects) => return Ok(Finding::Fits(objects)),
            Decision::No { stuck } => {
                let whole = self.strengthen(sizes, all, meter)?;
                if let Some(conflict) = whole {
                    return Ok(Finding::Refuted(conflict));
                }
                return self.refuted_by(sizes, stuck, meter);
            }
            Decision::Unknown { stuck } => stuck,
        };
        if let Some(window) = self.window_near(stuck, sizes, meter)? {
            return self.refuted_in(sizes, window, meter);
        }
        match self.ask(sizes, all, QUESTION * 40, meter)? {
            Decision::Yes(objects) => Ok(Finding::Fits(objects)),
            Decision::No { stuck } => self.refuted_by(sizes, stuck, meter),
            Decision::Unknown { .. } => Ok(Finding::Open),
        }
    }

    /// The conflict of sizes that are known to fail, and got stuck there. What
    /// comes later can have been the reason, so that is tried first.
    fn refuted_by(&self, sizes: &[u64], stuck: u32, meter: &mut Meter<'_>) -> Result<Finding, Stop> {
        let early = (0, stuck + 1);
        let window = if self.fails(sizes, early, meter)? { early } else { (0, self.sections) };
        self.refuted_in(sizes, window, meter)
    }

    fn ask(
        &self,
        sizes: &[u64],
        window: Window,
        most_nodes: u64,
        meter: &mut Meter<'_>,
    ) -> Result<Decision, Stop> {
        decide(self.intervals, sizes, 0, window, most_nodes, meter)
    }

    fn fails(&self, sizes: &[u64], window: Window, meter: &mut Meter<'_>) -> Result<bool, Stop> {
        Ok(matches!(self.ask(sizes, window, QUESTION, meter)?, Decision::No { .. }))
    }

    /// Whether these fail even with any number of objects of size `tail`.
    fn fails_with(
        &self,
        sizes: &[u64],
        tail: u64,
        window: Window,
        meter: &mut Meter<'_>,
    ) -> Result<bool, Stop> {
        let mut larger: Vec<u64> = sizes.iter().copied().filter(|&size| size > tail).collect();
        descend(&mut larger);
        let decision = decide(self.intervals, &larger, tail, window, QUESTION, meter)?;
        Ok(matches!(decision, Decision::No { .. }))
    }

    /// A small window around where a search got stuck in which it must.
    fn window_near(&self, stuck: u32, sizes: &[u64], meter: &mut Meter<'_>) -> Result<Option<Window>, Stop> {
        let mut width = 2;
        while width < self.sections {
            for beyond in [0, width / 2] {
                let end = (stuck + 1 + beyond).min(self.sections);
                let window = (end.saturating_sub(width), end);
                if self.fails(sizes, window, meter)? {
                    return Ok(Some(window));
                }
            }
            width *= 2;
        }
        Ok(None)
    }

    /// The conflict of sizes that are known to fail in this window: of a window
    /// that is as small as it can be made.
    fn refuted_in(&self, sizes: &[u64], window: Window, meter: &mut Meter<'_>) -> Result<Finding, Stop> {
        let (start, end) = window;
        let start = largest(start, end, |start| self.fails(sizes, (start, end), meter))?;
        let kept = end - start;
        let cut = largest(0, kept, |cut| self.fails(sizes, (start, end - cut), meter))?;
        let window = (start, end - cut);
        let conflict = self.strengthen(sizes, window, meter)?;
        let plain = || Conflict::new(sizes, 0, self.steps(window));
        Ok(Finding::Refuted(conflict.unwrap_or_else(plain)))
    }

    /// The different sizes of what meets a window, ascending.
    fn steps(&self, window: Window) -> Vec<u64> {
        let meeting = self.intervals.iter().filter(|one| one.first < window.1 && window.0 < one.end);
        let mut steps: Vec<u64> = meeting.map(|one| one.size).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// Larger sizes that fail as well: all grown alike as far as possible, with
    /// any number of objects of that growth besides, so that every way out is
    /// expensive; then each alone. None if growing all by the least step
    /// already helps.
    fn strengthen(
        &self,
        sizes: &[u64],
        window: Window,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Conflict>, Stop> {
        let steps = self.steps(window);
        let step_at =
            |size: u64| steps[..steps.partition_point(|&step| step <= size)].last().copied().unwrap_or(0);
        let grown = |by: u64| -> Vec<u64> {
            sizes.iter().map(|&size| step_at(size.saturating_add(by)).max(size)).collect()
        };
        let growth = growths(sizes, &steps, self.most.saturating_sub(sizes.iter().sum()));
        let alike = largest(0, growth.len() + 1, |count| {
            let by = growth[count - 1];
            self.fails_with(&grown(by), step_at(by), window, meter)
        })?;
        if alike == 0 {
            return Ok(None);
        }
        let mut ceiling = grown(growth[alike - 1]);
        let mut tail = step_at(growth[alike - 1]);
        for place in (0..ceiling.len()).rev() {
            let larger = &steps[steps.partition_point(|&step| step <= ceiling[place])..];
            let count = largest(0, larger.len() + 1, |count| {
                let mut sizes = ceiling.clone();
                sizes[place] = larger[count - 1];
                self.fails_with(&sizes, tail, window, meter)
            })?;
            if count > 0 {
                ceiling[place] = larger[count - 1];
            }
        }
        let larger = &steps[steps.partition_point(|&step| step <= tail)..];
        let count = largest(0, larger.len() + 1, |count| {
            self.fails_with(&ceiling, larger[count - 1], window, meter)
        })?;
        if count > 0 {
            tail = larger[count - 1];
        }
        Ok(Some(Conflict::new(&ceiling, tail, steps)))
    }
}

/// By how much sizes, or new objects, may grow to reach a step, up to `most`,
/// ascending.
fn growths(sizes: &[u64], steps: &[u64], most: u64) -> Vec<u64> {
    let to_step =
        |size: u64| steps[steps.partition_point(|&step| step <= size)..].iter().map(move |step| step - size);
    let all = sizes.iter().copied().chain([0]).flat_map(to_step);
    let mut growths: Vec<u64> = all.filter(|&growth| growth <= most).collect();
    growths.sort_unstable();
    growths.dedup();
    growths
}

/// The largest number from `low` to below `high` for which `holds`, if it holds
/// up to some number and not beyond; `low` is taken for granted.
fn largest<N: Midpoint>(
    mut low: N,
    mut high: N,
    mut holds: impl FnMut(N) -> Result<bool, Stop>,
) -> Result<N, Stop> {
    while let Some(middle) = N::between(low, high) {
        if holds(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

trait Midpoint: Copy {
    /// A number strictly between, if there is one.
    fn between(low: Self, high: Self) -> Option<Self>;
}

impl Midpoint for u32 {
    fn between(low: Self, high: Self) -> Option<Self> {
        (high - low > 1).then(|| low.midpoint(high))
    }
}

impl Midpoint for usize {
    fn between(low: Self, high: Self) -> Option<Self> {
        (high - low > 1).then(|| low.midpoint(high))
    }
}
