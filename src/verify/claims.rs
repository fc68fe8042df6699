//! Rules B2 to B6: the certificate proves the lower bound, and the status is true. Rules K1 to K3: the
//! value of a choice.
//!
//! *State*: none.
//!
//! *Claim* for bounds. The plan states the arena size `H`, the lower bound `L`, its certified part `C`, the
//! bound over all orders `U`, a capacity `cap` (infinite if none is set) and a status. The certificate is a
//! step `s` and a set of buffers, of which `S` are live at `s` and `F` have a fixed offset.
//!
//! - **B2**: `C <= max(stack(S), max over x in F of fixed(x) + bytes(x))`.
//! - **B3**: `C <= L`. **B4**: `L <= H`. **B5**: `U <= L`.
//! - **B6**: with `L' = U` if the plan states `U`, else `L`:
//!
//! ```text
//! optimal:     H <= cap and H = L'        infeasible:  L' > cap
//! feasible:    H <= cap                   unknown:     H > cap
//! ```
//!
//! *Why B2 is sound*. The buffers of `S` are live together, so they lie on top of each other in some order.
//! Let `a` be the smallest alignment in `S` and `g` a power of two that divides `a`; alignments are powers
//! of two, so each buffer begins at a multiple of `g` and keeps the `ceil(bytes, g)` bytes from there for
//! itself. The end of the topmost of these cells is at least the end of the first `sum of ceil(bytes, g)`
//! bytes of free cells, counted from address 0. A cell is free unless one reserved range contains all of it:
//! no buffer has a byte there. The topmost buffer need not fill its last cell, so the largest padding is
//! subtracted:
//!
//! ```text
//! pad(x, g) = ceil(bytes(x), g) - bytes(x)
//! stack(S)  = max over g of (end_of_free(sum of ceil(bytes(x), g), g) - max over x of pad(x, g))
//! ```
//!
//! Without reserved ranges, `g = a` gives the maximum; with reserved ranges, all powers of two up to `a`
//! are tried, as smaller cells have less padding, but larger cells are less often free.
//!
//! *Claim* for choices, with the total size `T` of the shared objects, the height `H`, the stated value `V`
//! and upper bound `U`:
//!
//! - **K1**: `max(T, H) <= capacity`. **K2**: `V` is the sum of the values of the chosen buffers.
//!   **K3**: `V <= U`.

use std::ops::Range;

use super::{Rule, ViolationCollector, form};
use crate::problem::{Choice, Status};

/// A member of a certificate, with its size and demands by graph or problem.
pub(super) struct CertificateMember {
    pub(super) bytes: u64,
    pub(super) alignment: u64,
    pub(super) fixed: Option<u64>,
    /// True if it is live at the step of the certificate.
    pub(super) is_live: bool,
}

/// The bounds and the status that a plan or a solution states.
pub(super) struct StatedBounds<'a> {
    pub(super) arena: u64,
    pub(super) bound: u64,
    pub(super) certified: u64,
    /// The bound over all orders, if the plan states one.
    pub(super) over_orders: Option<u64>,
    pub(super) status: Status,
    pub(super) capacity: Option<u64>,
    pub(super) reserved: &'a [Range<u64>],
}

/// Checks F3 and B2 to B6.
pub(super) fn check(
    stated: &StatedBounds<'_>,
    certificate: &[CertificateMember],
    violations: &mut ViolationCollector,
) {
    let StatedBounds { arena, bound, certified, over_orders, reserved, .. } = *stated;
    form::check_reserved(reserved, violations);
    let proven = proven_bytes(certificate, reserved);
    if certified > proven {
        let message =
            format!("the plan states {certified} certified bytes, but the certificate proves {proven}");
        violations.add(Rule::CertifiedBytes, message);
    }
    if bound < certified {
        let message = format!("the lower bound of {bound} bytes is below the {certified} that are certified");
        violations.add(Rule::CertifiedBelowBound, message);
    }
    if arena < bound {
        let message = format!("the arena of {arena} bytes is below the lower bound of {bound}");
        violations.add(Rule::BoundBelowArena, message);
    }
    if let Some(over) = over_orders.filter(|&over| over > bound) {
        let message = format!("the bound over all orders, {over} bytes, is above the {bound} of this order");
        violations.add(Rule::BoundOverOrders, message);
    }
    check_status(stated, violations);
}

/// Checks B6.
fn check_status(stated: &StatedBounds<'_>, violations: &mut ViolationCollector) {
    let StatedBounds { arena, status, capacity, .. } = *stated;
    let bound = stated.over_orders.unwrap_or(stated.bound);
    let fits = |bytes: u64| capacity.is_none_or(|capacity| bytes <= capacity);
    let is_true = match status {
        Status::Optimal => fits(arena) && arena == bound,
        Status::Feasible => fits(arena),
        Status::Infeasible => !fits(bound),
        Status::Unknown => !fits(arena),
    };
    if !is_true {
        let limit = capacity.map_or("none".to_owned(), |capacity| capacity.to_string());
        let message = format!(
            "status `{status}` is not true of arena {arena}, lower bound {bound} and capacity {limit}"
        );
        violations.add(Rule::StatusHolds, message);
    }
}

/// Sums over the buffers and the objects of a choice.
pub(super) struct ChoiceTotals {
    /// The values of the chosen buffers.
    pub(super) value: u128,
    /// The sizes of the shared objects.
    pub(super) object_bytes: u128,
}

/// Checks K1 to K3.
pub(super) fn check_choice(
    choice: &Choice,
    totals: &ChoiceTotals,
    capacity: u64,
    violations: &mut ViolationCollector,
) {
    let Choice { height, value: stated, bound, .. } = *choice;
    let &ChoiceTotals { value, object_bytes } = totals;
    if object_bytes.max(height.into()) > capacity.into() {
        let message =
            format!("objects of {object_bytes} bytes, up to {height}, are beyond the capacity of {capacity}");
        violations.add(Rule::ChoiceCapacity, message);
    }
    if u128::from(stated) != value {
        let message = format!("the chosen buffers are worth {value}, but the choice states {stated}");
        violations.add(Rule::ChoiceValue, message);
    }
    if stated > bound {
        let message = format!("the value of {stated} is above the upper bound of {bound}");
        violations.add(Rule::ChoiceBound, message);
    }
}

/// The height that a certificate without duplicates proves: the right-hand side of B2.
pub(super) fn proven_bytes(certificate: &[CertificateMember], reserved: &[Range<u64>]) -> u64 {
    let stacked: Vec<&CertificateMember> = certificate.iter().filter(|member| member.is_live).collect();
    let alignment = stacked.iter().map(|member| member.alignment).min().unwrap_or(1);
    let largest = alignment.trailing_zeros();
    let smallest = if reserved.is_empty() { largest } else { 0 };
    let cells = (smallest..=largest).map(|power| 1 << power);
    let height = cells.map(|cell| stacked_bytes(&stacked, cell, reserved)).max().unwrap_or(0);
    let fixed_end = |member: &CertificateMember| Some(member.fixed?.saturating_add(member.bytes));
    height.max(certificate.iter().filter_map(fixed_end).max().unwrap_or(0))
}

/// `stack(S)` for one size of cells, which divides all alignments.
fn stacked_bytes(stacked: &[&CertificateMember], cell: u128, reserved: &[Range<u64>]) -> u64 {
    let padded = |member: &CertificateMember| u128::from(member.bytes).next_multiple_of(cell);
    let sum: u128 = stacked.iter().map(|member| padded(member)).sum();
    let largest_padding = stacked.iter().map(|member| padded(member) - u128::from(member.bytes)).max();
    let height = end_of_free(sum, cell, reserved) - largest_padding.unwrap_or(0);
    u64::try_from(height).unwrap_or(u64::MAX)
}

/// The address at which the first `bytes` bytes of free cells end, counted from address 0.
fn end_of_free(bytes: u128, cell: u128, reserved: &[Range<u64>]) -> u128 {
    let whole_cells = |range: &Range<u64>| {
        let (start, end) = (u128::from(range.start), u128::from(range.end));
        (start.next_multiple_of(cell), end / cell * cell)
    };
    let mut taken: Vec<(u128, u128)> =
        reserved.iter().map(whole_cells).filter(|(start, end)| start < end).collect();
    taken.sort_unstable();
    let (mut remaining, mut address) = (bytes, 0);
    for (start, end) in taken {
        let free = start.saturating_sub(address);
        if remaining <= free {
            break;
        }
        remaining -= free;
        address = address.max(end);
    }
    address + remaining
}
