//! Rules F1 to F3: the lists and the numbers of a plan are well formed.
//!
//! *State*: none.
//!
//! *Claim*, for each list of a plan that describes a set `E` of items by position, for the alignment `a`
//! of the plan, and for each reserved range from `start` to `end`:
//!
//! - **F1**: the list has `|E|` entries. Other checks index these lists, so most of them are left out if
//!   F1 does not hold.
//! - **F2**: `a = 2^i` for some `i >= 0`.
//! - **F3**: `start < end`.

use std::ops::Range;

use super::{Rule, ViolationCollector};

/// A list of a plan: a name for messages, its length, and the number of items that it describes.
pub(super) type ListLength = (&'static str, usize, usize);

/// Checks F1. Returns true if it holds for all lists.
pub(super) fn check_lengths(lists: &[ListLength], violations: &mut ViolationCollector) -> bool {
    let mut holds = true;
    for (list, length, expected) in lists.iter().filter(|(_, length, expected)| length != expected) {
        violations.add(Rule::ListLength, format!("the plan has {length} {list}, expected {expected}"));
        holds = false;
    }
    holds
}

/// Checks F2. Returns true if it holds.
pub(super) fn check_alignment(alignment: u64, violations: &mut ViolationCollector) -> bool {
    if !alignment.is_power_of_two() {
        violations.add(Rule::PlanAlignment, format!("alignment {alignment} is not a power of two"));
    }
    alignment.is_power_of_two()
}

/// Checks F3.
pub(super) fn check_reserved(reserved: &[Range<u64>], violations: &mut ViolationCollector) {
    for Range { start, end } in reserved.iter().filter(|range| range.start >= range.end) {
        let message = format!("reserved range {start}..{end} is empty or reversed (ranges are half-open)");
        violations.add(Rule::ReservedRange, message);
    }
}
