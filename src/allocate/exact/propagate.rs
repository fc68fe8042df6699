//! Propagation: floors that must rise and dead ends.

use super::instance::ItemConflict;
use super::rules::PruningRule;
use super::state::{DeadEnd, EmptyFloor, FloorOptions, PackingState};
use crate::support::arithmetic::align_up;

impl PackingState<'_> {
    /// Propagates all sections that changed, until nothing more follows.
    ///
    /// # Errors
    /// [`DeadEnd`] if a section cannot hold its open items.
    pub(super) fn propagate(&mut self) -> Result<(), DeadEnd> {
        // A dead end counts as a failure of its section, which attracts later branching there.
        while !self.is_dead_end
            && let Some(section) = self.next_queued()
        {
            if self.propagate_section(section).is_err() {
                self.failures[section as usize] += 1;
                return Err(DeadEnd);
            }
        }
        if self.is_dead_end { Err(DeadEnd) } else { Ok(()) }
    }

    fn propagate_section(&mut self, section: u32) -> Result<(), DeadEnd> {
        let at = section as usize;
        let options = self.floor_options[at];
        // Nothing follows for a complete section, nor while known options remain at the floor.
        if self.open_bytes[at] == 0 || (!options.stale && options.candidates + options.blocked > 0) {
            return Ok(());
        }
        // The open items of a section are pairwise in conflict, so they need the sum of their sizes
        // above the floor.
        if self.floor[at] + self.open_bytes[at] > self.rounded_capacity {
            return Err(DeadEnd);
        }
        let next = self.count(section)?;
        // Without any option, nothing can start before `next`, so the floor rises without losing a
        // packing.
        match self.floor_options[at] {
            FloorOptions { candidates: 0, blocked: 0, .. } => self.raise_floor(section, next),
            FloorOptions { candidates: 1, blocked: 0, .. } => {
                self.single_option.push(section);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts the options at the floor of a section. Returns the lowest offset of the open
    /// items that are held above it.
    fn count(&mut self, section: u32) -> Result<u64, DeadEnd> {
        let floor = self.floor[section as usize];
        let (mut options, mut next, mut items) = (FloorOptions::default(), u64::MAX, 0);
        for item in self.lists.items(section) {
            items += 1;
            let lowest = self.lowest(item);
            if lowest > self.last[item as usize] {
                return Err(DeadEnd);
            }
            if lowest > floor {
                next = next.min(lowest);
            } else if self.is_flat(item) {
                options.candidates += 1;
            } else {
                options.blocked += 1;
            }
        }
        self.work += items;
        self.set_options(section, options);
        Ok(next)
    }

    /// Returns whether the floor of a section may stay empty. The section must have no blocked items.
    pub(super) fn may_stay_empty(&mut self, section: u32) -> bool {
        let options = self.floor_options[section as usize];
        if options.empty == EmptyFloor::Unknown {
            let empty = self.end_of_hole(section);
            self.set_options(section, FloorOptions { empty, ..options });
        }
        self.floor_options[section as usize].empty != EmptyFloor::Impossible
    }

    /// Leaves the floor of a section empty, after `may_stay_empty` returned true.
    ///
    /// # Errors
    /// [`DeadEnd`] if an open item fits into the hole.
    pub(super) fn leave_empty(&mut self, section: u32) -> Result<(), DeadEnd> {
        match self.floor_options[section as usize].empty {
            EmptyFloor::Until(next) => self.raise_floor(section, next),
            _ => Err(DeadEnd),
        }
    }

    fn raise_floor(&mut self, section: u32, next: u64) -> Result<(), DeadEnd> {
        self.raise(section, next);
        if self.has(PruningRule::Dominance) && self.is_dominated(section) { Err(DeadEnd) } else { Ok(()) }
    }

    fn end_of_hole(&mut self, section: u32) -> EmptyFloor {
        let at = section as usize;
        let floor = self.floor[at];
        // The slack of a section is what may stay empty in it at all. The hole ends at the lowest offset
        // of an item held above the floor, or where a candidate could be supported: a candidate that
        // does not lie at the floor lies higher. If all that exceeds the slack, the floor cannot stay
        // empty.
        let Some(slack) = self.rounded_capacity.checked_sub(floor + self.open_bytes[at]) else {
            return EmptyFloor::Impossible;
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
        if next - floor > slack { EmptyFloor::Impossible } else { EmptyFloor::Until(next) }
    }

    /// Lowest offset above the floor that a candidate can have as the lowest item of a section:
    /// on top of an item that is not in the section. Returns `u64::MAX` if that is more than
    /// `max_rise` above the floor.
    fn next_above(&mut self, item: u32, section: u32, max_rise: u64) -> u64 {
        // Only packings in which no item can be moved down are searched; moving items down while
        // possible turns every packing into one of these, of no larger height. There, the item lies on
        // another that is not in this section (the rule `Support`), whose top is at least its level
        // plus its size, up to alignment. Without the rule, it is at least the smallest size. Conflicts
        // ascend by size, so the loop ends at the first that cannot improve the result.
        let (floor, alignment) = (self.level(item), self.instance.alignments[item as usize]);
        let mut best = u64::MAX;
        for &ItemConflict { item: other, .. } in self.instance.conflicts.row(item) {
            let size = self.instance.sizes[other as usize];
            self.work += 1;
            if size > max_rise || floor + size >= best {
                break;
            }
            if !self.has(PruningRule::Support) {
                return floor + self.instance.smallest.next_multiple_of(self.instance.unit);
            }
            if self.is_open(other) && !self.contains(other, section) {
                let top = self.level(other).max(floor) + size;
                best = best.min(align_up(top, alignment));
            }
        }
        best
    }

    #[inline]
    fn contains(&self, item: u32, section: u32) -> bool {
        let sections = self.instance.sections.row(item);
        let (first, last) = (sections[0], sections[sections.len() - 1]);
        if section < first || section > last {
            return false;
        }
        (last - first) as usize == sections.len() - 1 || sections.binary_search(&section).is_ok()
    }

    /// Returns whether some open item of a section fits into the holes below its floors.
    fn is_dominated(&mut self, section: u32) -> bool {
        // If an open item fits into the holes, moving it there from any packing that extends this one
        // gives another valid packing with a smaller sum of offsets. Repeating this ends at a packing
        // that another branch finds, so this branch is pruned (the rule `Dominance`).
        let mut entry = section;
        while let Some((next, item)) = self.lists.after(entry) {
            if self.fits_into_holes(item, section) {
                return true;
            }
            entry = next;
        }
        false
    }

    /// Returns whether an item fits into the holes of all of its sections. `section` is the one whose
    /// floor was just raised.
    fn fits_into_holes(&mut self, item: u32, section: u32) -> bool {
        let number = item as usize;
        let (size, alignment) = (self.instance.sizes[number], self.instance.alignments[number]);
        // A fixed item cannot be moved into a hole.
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
        align_up(low, alignment) + size <= high
    }
}
