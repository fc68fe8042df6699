//! Rules G1 to G5: shared objects are disjoint and hold their members.
//!
//! A shared object is a fixed range of the arena that several buffers use one after the other. A guest is a
//! buffer inside of a larger one, its host.
//!
//! *State*: for each object `j`, `start(j)` and `size(j)`; for each member `x`, its placement and its object
//! `obj(x)`.
//!
//! *Claim*:
//!
//! - **G1**: for all objects `i` and `j` of more than 0 bytes, their ranges do not meet.
//! - **G2**: `obj(x)` is the index of an object, and `x` has a placement.
//! - **G3**: `start(j) <= offset(x)` and `offset(x) + bytes(x) <= start(j) + size(j)`, with `j = obj(x)`.
//! - **G4**: for a guest `x` at distance `d` in the host `y`: both are members, `obj(x) = obj(y)`,
//!   `offset(x) = offset(y) + d`, `d + bytes(x) <= bytes(y)`, and `live(x)` and `live(y)` do not meet.
//! - **G5**: the stated lower bound on the sum of all `size(j)` is at most this sum.
//!
//! Members of one object that are live together are disjoint by A5. Complexity: O(n log n) for n objects
//! and members.

use super::{Rule, ViolationCollector};
use crate::problem::LiveRange;

/// A member of a shared object.
pub(super) struct ObjectMember<W> {
    pub(super) of: W,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) live: LiveRange,
    pub(super) object: u32,
}

/// Checks G1 to G5. `objects` are offsets and sizes, `bound` is the stated lower bound on the sum of the sizes,
/// `member` gives the buffers that are in an object, and `nested` lists guests with their hosts and distances.
/// `name` is called for violations only.
pub(super) fn check<W: Copy>(
    (objects, bound): (&[(u64, u64)], u64),
    (buffers, nested): (impl Iterator<Item = W>, impl Iterator<Item = (W, W, u64)>),
    member: impl Fn(W) -> Option<ObjectMember<W>>,
    name: &dyn Fn(W) -> String,
    violations: &mut ViolationCollector,
) {
    check_disjoint(objects, violations);
    check_bound(objects, bound, violations);
    for ObjectMember { of, offset, bytes, object, .. } in buffers.filter_map(&member) {
        let Some(&(start, size)) = objects.get(object as usize) else {
            let message = format!("{} is in object {object}, but there are {}", name(of), objects.len());
            violations.add(Rule::ObjectExists, message);
            continue;
        };
        let end = start.saturating_add(size);
        if offset < start || offset.saturating_add(bytes) > end {
            let message = format!(
                "{} ({bytes} bytes at {offset}) is not inside of object {object} ({size} bytes at {start})",
                name(of)
            );
            violations.add(Rule::WithinObject, message);
        }
    }
    for (guest, host, at) in nested {
        check_guest(member(guest).as_ref(), member(host).as_ref(), at, name, violations);
    }
}

/// Checks G5.
fn check_bound(objects: &[(u64, u64)], bound: u64, violations: &mut ViolationCollector) {
    let sum: u128 = objects.iter().map(|&(_, size)| u128::from(size)).sum();
    if u128::from(bound) > sum {
        let message =
            format!("the objects have {sum} bytes, below the lower bound of {bound} on their sizes");
        violations.add(Rule::ObjectsBound, message);
    }
}

/// Checks G1: of objects sorted by offset, no two neighbours meet.
fn check_disjoint(objects: &[(u64, u64)], violations: &mut ViolationCollector) {
    let filled = objects.iter().zip(0..).filter(|((_, size), _)| *size > 0);
    let mut by_offset: Vec<(u64, usize)> = filled.map(|(&(offset, _), object)| (offset, object)).collect();
    by_offset.sort_unstable();
    for pair in by_offset.windows(2) {
        let [lower, upper] = [pair[0].1, pair[1].1];
        let (low, high) = (objects[lower], objects[upper]);
        if low.0.saturating_add(low.1) > high.0 {
            let message = format!(
                "object {} ({} bytes at {}) overlaps object {} ({} bytes at {})",
                lower, low.1, low.0, upper, high.1, high.0
            );
            violations.add(Rule::ObjectsDisjoint, message);
        }
    }
}

/// Checks G4 for a guest `at` bytes after the start of its host. `None` stands for a buffer that is in no
/// object.
fn check_guest<W: Copy>(
    guest: Option<&ObjectMember<W>>,
    host: Option<&ObjectMember<W>>,
    at: u64,
    name: &dyn Fn(W) -> String,
    violations: &mut ViolationCollector,
) {
    let (Some(guest), Some(host)) = (guest, host) else {
        violations.add(Rule::WithinHost, "a guest or its host is in no object");
        return;
    };
    let lies_at = host.offset.checked_add(at) == Some(guest.offset);
    let fits = at.checked_add(guest.bytes).is_some_and(|end| end <= host.bytes);
    let are_live_together = guest.live.start < host.live.end && host.live.start < guest.live.end;
    if guest.object == host.object && lies_at && fits && !are_live_together {
        return;
    }
    let describe = |member: &ObjectMember<W>| {
        let ObjectMember { of, offset, bytes, live, object } = member;
        format!("{} ({bytes} bytes at {offset}, live {live}, object {object})", name(*of))
    };
    let (guest, host) = (describe(guest), describe(host));
    violations.add(Rule::WithinHost, format!("{guest} is not inside of {host} at {at}"));
}
