//! Rule 7: shared objects lie apart, their tensors inside of them, and tensors
//! that were put into others inside of those.

use super::{Found, Violation};
use crate::problem::LiveRange;

/// Something in a shared object.
pub(super) struct Member<W> {
    pub(super) of: W,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) live: LiveRange,
    pub(super) object: u32,
}

/// `objects` are offsets and sizes. Names are made only when something is wrong.
pub(super) fn check<W: Copy>(
    objects: &[(u64, u64)],
    members: &[Member<W>],
    name: &dyn Fn(W) -> String,
    found: &mut Found,
) {
    let filled = objects.iter().zip(0..).filter(|((_, size), _)| *size > 0);
    let mut order: Vec<(u64, usize)> = filled.map(|(&(offset, _), object)| (offset, object)).collect();
    order.sort_unstable();
    for pair in order.windows(2) {
        let [lower, upper] = [pair[0].1, pair[1].1];
        let (low, high) = (objects[lower], objects[upper]);
        if low.0.saturating_add(low.1) > high.0 {
            found.add(Violation::Objects(format!(
                "object {} ({} bytes at {}) overlaps object {} ({} bytes at {})",
                lower, low.1, low.0, upper, high.1, high.0
            )));
        }
    }
    for Member { of, offset, bytes, object, .. } in members {
        let Some(&(start, size)) = objects.get(*object as usize) else {
            let text = format!("{} is in object {object}, but there are {}", name(*of), objects.len());
            found.add(Violation::Objects(text));
            continue;
        };
        let end = start.saturating_add(size);
        if *offset < start || offset.saturating_add(*bytes) > end {
            found.add(Violation::Objects(format!(
                "{} ({bytes} bytes at {offset}) is not inside of object {object} ({size} bytes at {start})",
                name(*of)
            )));
        }
    }
}

/// A larger one, `at` bytes from whose start a smaller one is said to be; none of
/// the two if it is in no object.
pub(super) fn check_inside<W: Copy>(
    guest: Option<&Member<W>>,
    host: Option<&Member<W>>,
    at: u64,
    name: &dyn Fn(W) -> String,
    found: &mut Found,
) {
    let (Some(guest), Some(host)) = (guest, host) else {
        found.add(Violation::Objects("what is said to be inside of another is in no object".to_owned()));
        return;
    };
    let lies_at = host.offset.checked_add(at) == Some(guest.offset);
    let fits = at.checked_add(guest.bytes).is_some_and(|end| end <= host.bytes);
    let meet = guest.live.start < host.live.end && host.live.start < guest.live.end;
    if guest.object == host.object && lies_at && fits && !meet {
        return;
    }
    let describe = |member: &Member<W>| {
        let Member { of, offset, bytes, live, object } = member;
        format!("{} ({bytes} bytes at {offset}, live {live}, object {object})", name(*of))
    };
    let (guest, host) = (describe(guest), describe(host));
    found.add(Violation::Objects(format!("{guest} is not inside of {host} at {at}")));
}
