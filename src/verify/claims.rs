//! Rule 6: the lower bound follows from its certificate, and the status is true.

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
pub(super) struct Claims {
    pub(super) arena: u64,
    pub(super) bound: u64,
    pub(super) certified: u64,
    pub(super) status: Status,
    pub(super) capacity: Option<u64>,
}

pub(super) fn check(claims: &Claims, causes: &[Cause], found: &mut Found) {
    let Claims { arena, bound, certified, status, capacity } = *claims;
    let proven = proven_bytes(causes);
    if certified > proven {
        let text = format!("the lower bound is said to be {certified} bytes, but its causes prove {proven}");
        found.add(Violation::Claim(text));
    }
    if bound < certified {
        let text = format!("the lower bound of {bound} bytes is below the {certified} that are certified");
        found.add(Violation::Claim(text));
    }
    if arena < bound {
        let text = format!("the arena of {arena} bytes is below the lower bound of {bound}");
        found.add(Violation::Claim(text));
    }
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
/// each but the topmost padded to their smallest alignment; and one with a
/// fixed offset reaches to its end.
fn proven_bytes(causes: &[Cause]) -> u64 {
    let stacked = || causes.iter().filter(|cause| cause.live);
    let common = u128::from(stacked().map(|cause| cause.alignment).min().unwrap_or(1));
    let padded = |cause: &Cause| u128::from(cause.bytes).next_multiple_of(common);
    let sum: u128 = stacked().map(padded).sum();
    let largest_padding = stacked().map(|cause| padded(cause) - u128::from(cause.bytes)).max();
    let height = u64::try_from(sum - largest_padding.unwrap_or(0)).unwrap_or(u64::MAX);
    let ends = causes.iter().filter_map(|cause| Some(cause.fixed?.saturating_add(cause.bytes)));
    height.max(ends.max().unwrap_or(0))
}
