//! Rules A1 to A5: placements are aligned, inside the arena and disjoint.
//!
//! The checks see rectangles: an occupant `x` takes `range(x)` during `live(x)`.
//!
//! *State* of the sweep over time that checks A5: `Live`, a map from offsets to the rectangles that are live
//! at the current step and disjoint.
//!
//! *Transition* at step `s`: rectangles whose live range ends at or before `s` leave `Live`. Then each
//! rectangle `x` that begins at `s` is compared with the rectangle of `Live` that has the highest offset
//! below the end of `x`; if the two do not meet, `x` enters `Live`.
//!
//! *Claim*, with the alignment, the fixed offset and the arena size `H` that `x` must respect:
//!
//! - **A1**: `offset(x)` is a multiple of the alignment of `x`.
//! - **A2**: `offset(x)` is the fixed offset of `x`, if it has one.
//! - **A3**: `offset(x) + bytes(x) <= H`, without overflow.
//! - **A4**: `range(x)` meets no reserved range.
//! - **A5**: for all `x` and `y`, `live(x)` and `live(y)` do not meet, or `range(x)` and `range(y)` do not
//!   meet.
//!
//! *Why one comparison suffices for A5*: the rectangles of `Live` are disjoint, so they have the same order
//! by offset and by end. Of all rectangles that begin below the end of `x`, the last one has the highest
//! end. If this end is not above `offset(x)`, no rectangle of `Live` meets `x`. A rectangle that meets another
//! is reported once and does not enter `Live`, so a plan that breaks A5 has at least one violation, but not
//! one for each pair. Rectangles without bytes or steps meet nothing.
//!
//! Complexity: O(n log n) for n rectangles, and O(log r) for each rectangle and r reserved ranges.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Rule, ViolationCollector};
use crate::problem::LiveRange;

/// The placement of a tensor, a scratch buffer or a buffer, and the demands on its address.
pub(super) struct PlacedRectangle<W> {
    pub(super) of: W,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) live: LiveRange,
    pub(super) alignment: u64,
    pub(super) fixed: Option<u64>,
}

/// The size of the arena and its reserved ranges.
pub(super) struct ArenaExtent<'a> {
    pub(super) bytes: u64,
    pub(super) reserved: &'a [Range<u64>],
}

/// Checks A1 to A5. `name` is called for violations only.
pub(super) fn check<W: Copy>(
    rectangles: &[PlacedRectangle<W>],
    extent: &ArenaExtent<'_>,
    name: &dyn Fn(W) -> String,
    violations: &mut ViolationCollector,
) {
    check_addresses(rectangles, extent, name, violations);
    check_disjoint(rectangles, name, violations);
}

/// Checks A1 to A4.
pub(super) fn check_addresses<W: Copy>(
    rectangles: &[PlacedRectangle<W>],
    extent: &ArenaExtent<'_>,
    name: &dyn Fn(W) -> String,
    violations: &mut ViolationCollector,
) {
    let reserved = merged(extent.reserved);
    for rectangle in rectangles {
        check_address(rectangle, extent.bytes, name, violations);
        check_reserved(rectangle, &reserved, name, violations);
    }
}

/// The name of a rectangle's occupant with size, offset and live range.
fn describe<W: Copy>(rectangle: &PlacedRectangle<W>, name: &dyn Fn(W) -> String) -> String {
    let PlacedRectangle { bytes, offset, live, .. } = rectangle;
    format!("{} ({bytes} bytes at {offset}, live {live})", name(rectangle.of))
}

/// Checks A1 to A3.
fn check_address<W: Copy>(
    rectangle: &PlacedRectangle<W>,
    arena: u64,
    name: &dyn Fn(W) -> String,
    violations: &mut ViolationCollector,
) {
    let PlacedRectangle { of, offset, bytes, alignment, fixed, .. } = *rectangle;
    if !offset.is_multiple_of(alignment) {
        violations.add(Rule::Aligned, misaligned(&name(of), offset, alignment));
    }
    if let Some(fixed) = fixed.filter(|&fixed| fixed != offset) {
        violations.add(Rule::FixedOffset, format!("{} lies at {offset} but is fixed at {fixed}", name(of)));
    }
    if offset.checked_add(bytes).is_none_or(|end| end > arena) {
        let message =
            format!("{} ({bytes} bytes at {offset}) ends after the arena of {arena} bytes", name(of));
        violations.add(Rule::WithinMemory, message);
    }
}

/// The message of A1.
pub(super) fn misaligned(name: &str, offset: u64, alignment: u64) -> String {
    format!("{name} lies at {offset}, which is not a multiple of its alignment {alignment}")
}

/// The ranges that are not empty, ascending; ranges that touch are merged.
fn merged(ranges: &[Range<u64>]) -> Vec<(u64, u64)> {
    let mut sorted: Vec<(u64, u64)> = ranges.iter().map(|range| (range.start, range.end)).collect();
    sorted.retain(|(start, end)| start < end);
    sorted.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (start, end) in sorted {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// Checks A4 against merged ranges.
fn check_reserved<W: Copy>(
    rectangle: &PlacedRectangle<W>,
    reserved: &[(u64, u64)],
    name: &dyn Fn(W) -> String,
    violations: &mut ViolationCollector,
) {
    let PlacedRectangle { of, offset, bytes, .. } = *rectangle;
    let first_above = reserved.partition_point(|&(_, end)| end <= offset);
    if let Some(&(start, end)) = reserved.get(first_above)
        && start < offset.saturating_add(bytes)
        && bytes > 0
    {
        let message =
            format!("{} ({bytes} bytes at {offset}) lies in the reserved range {start}..{end}", name(of));
        violations.add(Rule::NotReserved, message);
    }
}

/// Checks A5, and F4 for the rectangles given.
pub(super) fn check_disjoint<W: Copy>(
    rectangles: &[PlacedRectangle<W>],
    name: &dyn Fn(W) -> String,
    violations: &mut ViolationCollector,
) {
    // Events of the sweep keep the index of a rectangle in 32 bits.
    if u32::try_from(rectangles.len()).is_err() {
        let message = format!("{} placements are more than can be checked", rectangles.len());
        violations.add(Rule::PlacementCount, message);
        return;
    }
    let mut ends = events(rectangles, |live| live.end).into_iter().peekable();
    let mut live: BTreeMap<u64, &PlacedRectangle<W>> = BTreeMap::new();
    for start in events(rectangles, |live| live.start) {
        if violations.is_done() {
            return;
        }
        while let Some(end) = ends.next_if(|&end| step_of(end) <= step_of(start)) {
            let ended = &rectangles[index_of(end)];
            // A rectangle that was reported is not in the map, but another with its offset may be.
            if live.get(&ended.offset).is_some_and(|entry| std::ptr::eq(*entry, ended)) {
                live.remove(&ended.offset);
            }
        }
        let begun = &rectangles[index_of(start)];
        let end = begun.offset.saturating_add(begun.bytes);
        let below = live.range(..end).next_back().map(|(_, below)| *below);
        if let Some(below) = below.filter(|below| below.offset.saturating_add(below.bytes) > begun.offset) {
            let message = format!("{} overlaps {}", describe(below, name), describe(begun, name));
            violations.add(Rule::Disjoint, message);
        } else {
            live.insert(begun.offset, begun);
        }
    }
}

/// One event for each rectangle with bytes and steps, ascending. The step is in the upper half of the
/// number and the index of the rectangle in the lower half: one number sorts faster than a pair.
fn events<W>(rectangles: &[PlacedRectangle<W>], step: fn(&LiveRange) -> u32) -> Vec<u64> {
    let filled = rectangles.iter().zip(0..).filter(|(one, _)| one.bytes > 0 && one.live.steps() > 0);
    let mut events: Vec<u64> =
        filled.map(|(one, index): (_, u64)| u64::from(step(&one.live)) << 32 | index).collect();
    events.sort_unstable();
    events
}

fn step_of(event: u64) -> u64 {
    event >> 32
}

fn index_of(event: u64) -> usize {
    event as u32 as usize
}
