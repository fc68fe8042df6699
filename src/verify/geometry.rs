//! Rules 3 and 5: places are aligned, inside, and not reserved, and nothing overlaps.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Found, Violation};
use crate::problem::LiveRange;

/// A place to check. The name is made only when something is wrong.
pub(super) struct Rectangle<'a> {
    pub(super) name: Box<dyn Fn() -> String + 'a>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) live: LiveRange,
    pub(super) alignment: u64,
    pub(super) fixed: Option<u64>,
}

impl Rectangle<'_> {
    fn describe(&self) -> String {
        format!("{} ({} bytes at {}, live {})", (self.name)(), self.bytes, self.offset, self.live)
    }
}

pub(super) fn check(rectangles: &[Rectangle<'_>], arena: u64, reserved: &[Range<u64>], found: &mut Found) {
    let reserved = joined(reserved);
    for rectangle in rectangles {
        check_place(rectangle, arena, found);
        check_reserved(rectangle, &reserved, found);
    }
    check_overlaps(rectangles, found);
}

fn check_place(rectangle: &Rectangle<'_>, arena: u64, found: &mut Found) {
    let Rectangle { offset, bytes, alignment, .. } = *rectangle;
    if !offset.is_multiple_of(alignment) {
        found.add(Violation::Misaligned { what: (rectangle.name)(), offset, alignment });
    }
    if let Some(fixed) = rectangle.fixed
        && fixed != offset
    {
        found.add(Violation::NotFixed { what: (rectangle.name)(), offset, fixed });
    }
    if offset.checked_add(bytes).is_none_or(|end| end > arena) {
        found.add(Violation::OutsideArena { what: (rectangle.name)(), offset, bytes, arena });
    }
}

/// Ascending, those that touch as one.
fn joined(ranges: &[Range<u64>]) -> Vec<(u64, u64)> {
    let mut sorted: Vec<(u64, u64)> = ranges.iter().map(|range| (range.start, range.end)).collect();
    sorted.retain(|(start, end)| start < end);
    sorted.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (start, end) in sorted {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

fn check_reserved(rectangle: &Rectangle<'_>, reserved: &[(u64, u64)], found: &mut Found) {
    let Rectangle { offset, bytes, .. } = *rectangle;
    let place = reserved.partition_point(|&(_, end)| end <= offset);
    if let Some(&(start, end)) = reserved.get(place)
        && start < offset.saturating_add(bytes)
        && bytes > 0
    {
        found.add(Violation::Reserved { what: (rectangle.name)(), offset, bytes, start, end });
    }
}

/// Walks through time with the live rectangles sorted by offset. As long as
/// those do not overlap, a new one can only touch its neighbours.
fn check_overlaps(rectangles: &[Rectangle<'_>], found: &mut Found) {
    let filled = |rectangle: &&Rectangle<'_>| rectangle.bytes > 0 && rectangle.live.steps() > 0;
    let mut by_start: Vec<&Rectangle<'_>> = rectangles.iter().filter(filled).collect();
    by_start.sort_by_key(|rectangle| rectangle.live.start);
    let mut by_end = by_start.clone();
    by_end.sort_by_key(|rectangle| rectangle.live.end);
    let mut ended = by_end.into_iter().peekable();
    let mut live: BTreeMap<u64, &Rectangle<'_>> = BTreeMap::new();
    for new in by_start {
        while let Some(old) = ended.next_if(|old| old.live.end <= new.live.start) {
            // One that was left out below may share its offset with another.
            if live.get(&old.offset).is_some_and(|at| std::ptr::eq(*at, old)) {
                live.remove(&old.offset);
            }
        }
        let end = new.offset.saturating_add(new.bytes);
        let below = live.range(..=new.offset).next_back().map(|(_, other)| *other);
        let above = live.range(new.offset..).next().map(|(_, other)| *other);
        let touches_below = below.filter(|other| other.offset.saturating_add(other.bytes) > new.offset);
        let touches_above = above.filter(|other| other.offset < end);
        if let Some(other) = touches_below.or(touches_above) {
            found.add(Violation::Overlap { first: other.describe(), second: new.describe() });
            if found.is_full() {
                return;
            }
        } else {
            live.insert(new.offset, new);
        }
    }
}
