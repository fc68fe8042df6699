//! What follows from what is placed: floors under which nothing can lie, and dead
//! ends.

use super::instance::Conflict;
use super::rules::Rule;
use super::state::{DeadEnd, Empty, State, View};

impl State<'_> {
    /// Looks at what has changed until nothing more follows from it.
    ///
    /// # Errors
    /// If a section cannot hold what it must.
    pub(super) fn propagate(&mut self) -> Result<(), DeadEnd> {
        while !self.is_dead
            && let Some(section) = self.next_dirty()
        {
            if self.look(section).is_err() {
                self.failures[section as usize] += 1;
                return Err(DeadEnd);
            }
        }
        if self.is_dead { Err(DeadEnd) } else { Ok(()) }
    }

    fn look(&mut self, section: u32) -> Result<(), DeadEnd> {
        let at = section as usize;
        let view = self.views[at];
        if self.open_bytes[at] == 0 || (!view.stale && view.candidates + view.blocked > 0) {
            return Ok(());
        }
        if self.floor[at] + self.open_bytes[at] > self.rounded_capacity {
            return Err(DeadEnd);
        }
        let next = self.count(section)?;
        match self.views[at] {
            View { candidates: 0, blocked: 0, .. } => self.leave_until(section, next),
            View { candidates: 1, blocked: 0, .. } => {
                self.narrow.push(section);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts what can lie at the floor, and returns where the lowest of the
    /// others can.
    fn count(&mut self, section: u32) -> Result<u64, DeadEnd> {
        let floor = self.floor[section as usize];
        let (mut view, mut next, mut items) = (View::default(), u64::MAX, 0);
        for item in self.lists.items(section) {
            items += 1;
            let lowest = self.lowest(item);
            if lowest > self.last[item as usize] {
                return Err(DeadEnd);
            }
            if lowest > floor {
                next = next.min(lowest);
            } else if self.is_flat(item) {
                view.candidates += 1;
            } else {
                view.blocked += 1;
            }
        }
        self.work += items;
        self.set_view(section, view);
        Ok(next)
    }

    /// Whether it may be that nothing lies at the floor of a section that is not
    /// blocked.
    pub(super) fn may_stay_empty(&mut self, section: u32) -> bool {
        let view = self.views[section as usize];
        if view.empty == Empty::Unknown {
            let empty = self.find_next(section);
            self.set_view(section, View { empty, ..view });
        }
        self.views[section as usize].empty != Empty::Impossible
    }

    /// Leaves the floor of a section empty, which it may stay.
    ///
    /// # Errors
    /// If something could have been there.
    pub(super) fn leave_empty(&mut self, section: u32) -> Result<(), DeadEnd> {
        match self.views[section as usize].empty {
            Empty::Until(next) => self.leave_until(section, next),
            _ => Err(DeadEnd),
        }
    }

    fn leave_until(&mut self, section: u32, next: u64) -> Result<(), DeadEnd> {
        self.raise(section, next);
        if self.has(Rule::Dominance) && self.is_dominated(section) { Err(DeadEnd) } else { Ok(()) }
    }

    fn find_next(&mut self, section: u32) -> Empty {
        let at = section as usize;
        let floor = self.floor[at];
        let Some(slack) = self.rounded_capacity.checked_sub(floor + self.open_bytes[at]) else {
            return Empty::Impossible;
        };
        let mut next = u64::MAX;
        for item in self.lists.items(section) {
            let lowest = self.lowest(item);
            if lowest > floor {
                next = next.min(lowest);
            }
        }
        let mut entry = section;
        while let Some((after, item)) = self.lists.after(entry) {
            entry = after;
            self.work += 1;
            if self.lowest(item) == floor {
                next = next.min(self.next_above(item, section, slack.min(next - floor)));
            }
        }
        if next - floor > slack { Empty::Impossible } else { Empty::Until(next) }
    }

    /// The least offset above the floor of a candidate that is lowest in a
    /// section but does not lie at its floor: on top of something that is not in
    /// this section. None that is more than `most` above is of interest.
    ///
    /// Only solutions are looked for in which nothing can be moved down; there,
    /// what is not at the bottom lies on something, up to its alignment.
    fn next_above(&mut self, item: u32, section: u32, most: u64) -> u64 {
        let (floor, alignment) = (self.level(item), self.instance.alignments[item as usize]);
        let mut best = u64::MAX;
        for &Conflict { item: other, .. } in self.instance.conflicts.row(item) {
            let size = self.instance.sizes[other as usize];
            self.work += 1;
            if size > most || floor + size >= best {
                break;
            }
            if !self.has(Rule::Support) {
                return floor + self.instance.smallest.next_multiple_of(self.instance.unit);
            }
            if self.is_open(other) && !self.is_in(other, section) {
                let top = self.level(other).max(floor) + size;
                best = best.min((top + (alignment - 1)) & !(alignment - 1));
            }
        }
        best
    }

    #[inline]
    fn is_in(&self, item: u32, section: u32) -> bool {
        let sections = self.instance.sections.row(item);
        let (first, last) = (sections[0], sections[sections.len() - 1]);
        if section < first || section > last {
            return false;
        }
        (last - first) as usize == sections.len() - 1 || sections.binary_search(&section).is_ok()
    }

    /// Whether an open item could lie in what was left empty below this floor:
    /// then a solution that leaves it empty can be improved.
    fn is_dominated(&mut self, section: u32) -> bool {
        let mut entry = section;
        while let Some((next, item)) = self.lists.after(entry) {
            if self.fits_into_holes(item, section) {
                return true;
            }
            entry = next;
        }
        false
    }

    /// `section` is the one that was just raised.
    fn fits_into_holes(&mut self, item: u32, section: u32) -> bool {
        let number = item as usize;
        let (size, alignment) = (self.instance.sizes[number], self.instance.alignments[number]);
        if self.instance.fixed[number] < u64::MAX {
            return false;
        }
        let (mut low, mut high) = (self.hole[section as usize], self.floor[section as usize]);
        self.work += 1;
        if high - low < size {
            return false;
        }
        for &section in self.instance.sections.row(item) {
            self.work += 1;
            low = low.max(self.hole[section as usize]);
            high = high.min(self.floor[section as usize]);
            if high < low || high - low < size {
                return false;
            }
        }
        ((low + (alignment - 1)) & !(alignment - 1)) + size <= high
    }
}
