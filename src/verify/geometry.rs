//! Rules 3 and 5: places are aligned, inside, and not reserved, and nothing overlaps.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Found, Violation};
use crate::problem::LiveRange;

/// A place to check, of a tensor, workspace or buffer.
pub(super) struct Rectangle<W> {
    pub(super) of: W,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) live: LiveRange,
    pub(super) alignment: u64,
    pub(super) fixed: Option<u64>,
}

/// The arena that places must be inside of, and what is reserved of it.
pub(super) struct Bounds<'a> {
    pub(super) arena: u64,
    pub(super) reserved: &'a [Range<u64>],
}

/// Names are made only when something is wrong.
pub(super) fn check<W: Copy>(
    rectangles: &[Rectangle<W>],
    bounds: &Bounds<'_>,
    name: &dyn Fn(W) -> String,
    found: &mut Found,
) {
    check_places(rectangles, bounds, name, found);
    check_overlaps(rectangles, name, found);
}

/// Rule 3 alone.
pub(super) fn check_places<W: Copy>(
    rectangles: &[Rectangle<W>],
    bounds: &Bounds<'_>,
    name: &dyn Fn(W) -> String,
    found: &mut Found,
) {
    let reserved = joined(bounds.reserved);
    for rectangle in rectangles {
        check_place(rectangle, bounds.arena, name, found);
        check_reserved(rectangle, &reserved, name, found);
    }
}

fn describe<W: Copy>(rectangle: &Rectangle<W>, name: &dyn Fn(W) -> String) -> String {
    let Rectangle { bytes, offset, live, .. } = rectangle;
    format!("{} ({bytes} bytes at {offset}, live {live})", name(rectangle.of))
}

fn check_place<W: Copy>(rectangle: &Rectangle<W>, arena: u64, name: &dyn Fn(W) -> String, found: &mut Found) {
    let Rectangle { offset, bytes, alignment, .. } = *rectangle;
    if !offset.is_multiple_of(alignment) {
        found.add(Violation::Misaligned { what: name(rectangle.of), offset, alignment });
    }
    if let Some(fixed) = rectangle.fixed
        && fixed != offset
    {
        found.add(Violation::NotFixed { what: name(rectangle.of), offset, fixed });
    }
    if offset.checked_add(bytes).is_none_or(|end| end > arena) {
        found.add(Violation::OutsideArena { what: name(rectangle.of), offset, bytes, arena });
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

fn check_reserved<W: Copy>(
    rectangle: &Rectangle<W>,
    reserved: &[(u64, u64)],
    name: &dyn Fn(W) -> String,
    found: &mut Found,
) {
    let Rectangle { offset, bytes, .. } = *rectangle;
    let place = reserved.partition_point(|&(_, end)| end <= offset);
    if let Some(&(start, end)) = reserved.get(place)
        && start < offset.saturating_add(bytes)
        && bytes > 0
    {
        found.add(Violation::Reserved { what: name(rectangle.of), offset, bytes, start, end });
    }
}

/// Walks through time with the live rectangles by offset. As long as those do not
/// overlap, their ends are in the same order, so that of all that begin below the end
/// of a new one the last reaches highest.
pub(super) fn check_overlaps<W: Copy>(
    rectangles: &[Rectangle<W>],
    name: &dyn Fn(W) -> String,
    found: &mut Found,
) {
    if u32::try_from(rectangles.len()).is_err() {
        found.add(Violation::Claim(format!("{} places are more than can be checked", rectangles.len())));
        return;
    }
    let mut ended = events(rectangles, |live| live.end).into_iter().peekable();
    let mut live: BTreeMap<u64, &Rectangle<W>> = BTreeMap::new();
    for start in events(rectangles, |live| live.start) {
        if found.is_done() {
            return;
        }
        while let Some(end) = ended.next_if(|&end| step_of(end) <= step_of(start)) {
            let old = &rectangles[number_of(end)];
            // One that was left out below may share its offset with another.
            if live.get(&old.offset).is_some_and(|at| std::ptr::eq(*at, old)) {
                live.remove(&old.offset);
            }
        }
        let new = &rectangles[number_of(start)];
        let end = new.offset.saturating_add(new.bytes);
        let below = live.range(..end).next_back().map(|(_, other)| *other);
        if let Some(other) = below.filter(|other| other.offset.saturating_add(other.bytes) > new.offset) {
            found.add(Violation::Overlap { first: describe(other, name), second: describe(new, name) });
        } else {
            live.insert(new.offset, new);
        }
    }
}

/// A step of each rectangle that is filled, and below it in the same number (which sorts
/// faster than two) the rectangle's own.
fn events<W>(rectangles: &[Rectangle<W>], step: fn(&LiveRange) -> u32) -> Vec<u64> {
    let filled = rectangles.iter().zip(0..).filter(|(one, _)| one.bytes > 0 && one.live.steps() > 0);
    let mut events: Vec<u64> =
        filled.map(|(one, number): (_, u64)| u64::from(step(&one.live)) << 32 | number).collect();
    events.sort_unstable();
    events
}

fn step_of(event: u64) -> u64 {
    event >> 32
}

fn number_of(event: u64) -> usize {
    event as u32 as usize
}
