//! Rule 6: the lower bound follows from its certificate, and the status is true.

use std::ops::Range;

use super::{Found, Violation};
use crate::choice::Choice;
use crate::plan::Status;

/// One that a certificate names, as it truly is.
pub(super) struct Cause {
    pub(super) bytes: u64,
    pub(super) alignment: u64,
    pub(super) fixed: Option<u64>,
    /// Whether at the step of the certificate.
    pub(super) live: bool,
}

/// What a plan or a solution says of itself.
pub(super) struct Claims<'a> {
    pub(super) arena: u64,
    pub(super) bound: u64,
    pub(super) certified: u64,
    /// Over all orders, if that is said.
    pub(super) over_orders: Option<u64>,
    pub(super) status: Status,
    pub(super) capacity: Option<u64>,
    pub(super) reserved: &'a [Range<u64>],
}

pub(super) fn check(claims: &Claims<'_>, causes: &[Cause], found: &mut Found) {
    let Claims { arena, bound, certified, over_orders, status, capacity, reserved } = *claims;
    check_reserved(reserved, found);
    let proven = proven_bytes(causes, reserved);
    if certified > proven {
        let text = format!("{certified} bytes are said to be certified, but the certificate proves {proven}");
        found.add(Violation::Bound(text));
    }
    if bound < certified {
        let text = format!("the lower bound of {bound} bytes is below the {certified} that are certified");
        found.add(Violation::Bound(text));
    }
    if arena < bound {
        let text = format!("the arena of {arena} bytes is below the lower bound of {bound}");
        found.add(Violation::Bound(text));
    }
    if let Some(over) = over_orders.filter(|&over| over > bound) {
        let text = format!("the bound over all orders, {over} bytes, is above the {bound} of this order");
        found.add(Violation::Bound(text));
    }
    let bound = over_orders.unwrap_or(bound);
    let within = |bytes: u64| capacity.is_none_or(|capacity| bytes <= capacity);
    let true_status = match status {
        Status::Optimal => within(arena) && arena == bound,
        Status::Feasible => within(arena),
        Status::Infeasible => !within(bound),
        Status::Unknown => !within(arena),
    };
    if !true_status {
        let limit = capacity.map_or("none".to_owned(), |capacity| capacity.to_string());
        let text = format!(
            "status `{status}` is not true of arena {arena}, lower bound {bound} and capacity {limit}"
        );
        found.add(Violation::Claim(text));
    }
}

fn check_reserved(reserved: &[Range<u64>], found: &mut Found) {
    for Range { start, end } in reserved.iter().filter(|range| range.start >= range.end) {
        let text = format!("reserved range {start}..{end} is empty or reversed (ranges are half-open)");
        found.add(Violation::Claim(text));
    }
}

/// What a choice says of itself: its value, by what it keeps; that nothing is
/// worth more than the bound is not checked.
pub(super) fn check_choice(choice: &Choice, value: u128, total: u128, capacity: u64, found: &mut Found) {
    let Choice { height, value: claimed, bound, .. } = *choice;
    if total.max(height.into()) > capacity.into() {
        let text = format!("objects of {total} bytes, up to {height}, are beyond the capacity of {capacity}");
        found.add(Violation::Claim(text));
    }
    if u128::from(claimed) != value || claimed > bound {
        let text = format!("what is kept is worth {value}, said to be {claimed} and at most {bound}");
        found.add(Violation::Claim(text));
    }
}

/// What different causes prove: those live at one step lie on top of each other,
/// and one with a fixed offset reaches to its end.
pub(super) fn proven_bytes(causes: &[Cause], reserved: &[Range<u64>]) -> u64 {
    let stacked: Vec<&Cause> = causes.iter().filter(|cause| cause.live).collect();
    let common = stacked.iter().map(|cause| cause.alignment).min().unwrap_or(1);
    // In larger cells there is more padding, but less of what is reserved counts.
    let smallest = if reserved.is_empty() { common.trailing_zeros() } else { 0 };
    let cells = (smallest..=common.trailing_zeros()).map(|power| 1 << power);
    let height = cells.map(|cell| stacked_bytes(&stacked, cell, reserved)).max().unwrap_or(0);
    let ends = causes.iter().filter_map(|cause| Some(cause.fixed?.saturating_add(cause.bytes)));
    height.max(ends.max().unwrap_or(0))
}

/// Each but the topmost is padded to whole cells, which divide all alignments. What
/// is reserved is in the way as far as it fills whole cells.
fn stacked_bytes(stacked: &[&Cause], cell: u128, reserved: &[Range<u64>]) -> u64 {
    let padded = |cause: &Cause| u128::from(cause.bytes).next_multiple_of(cell);
    let sum: u128 = stacked.iter().map(|cause| padded(cause)).sum();
    let largest_padding = stacked.iter().map(|cause| padded(cause) - u128::from(cause.bytes)).max();
    let height = end_around(sum, cell, reserved) - largest_padding.unwrap_or(0);
    u64::try_from(height).unwrap_or(u64::MAX)
}

/// Free cells are counted from below until these bytes are reached.
fn end_around(bytes: u128, cell: u128, reserved: &[Range<u64>]) -> u128 {
    let whole = |range: &Range<u64>| {
        let (start, end) = (u128::from(range.start), u128::from(range.end));
        (start.next_multiple_of(cell), end / cell * cell)
    };
    let mut taken: Vec<(u128, u128)> =
        reserved.iter().map(whole).filter(|(start, end)| start < end).collect();
    taken.sort_unstable();
    let (mut left, mut at) = (bytes, 0);
    for (start, end) in taken {
        let free = start.saturating_sub(at);
        if left <= free {
            break;
        }
        left -= free;
        at = at.max(end);
    }
    at + left
}
