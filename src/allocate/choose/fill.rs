//! A first choice: one tensor after the other, while there is room.

use std::collections::BTreeSet;

use crate::allocate::greedy_objects::idle;
use crate::allocate::sharing::{Interval, OUTSIDE, Sharing};
use crate::limits::{Meter, Stop};

/// In this order, each tensor takes the smallest free object that is large
/// enough, or else the free one that has to grow least, or else a new one, as far
/// as `room` goes; what finds none stays outside.
///
/// # Errors
/// Why it must stop; what comes after that stays outside.
pub(super) fn fill(
    intervals: &[Interval],
    order: impl Iterator<Item = usize>,
    mut room: u64,
    meter: &mut Meter<'_>,
) -> (Sharing, Result<(), Stop>) {
    let mut sharing = Sharing { object: vec![OUTSIDE; intervals.len()], sizes: Vec::new() };
    let mut busy: Vec<BTreeSet<(u32, u32)>> = Vec::new();
    for i in order {
        if let Err(stop) = meter.spend(1 + busy.len() as u64 / 8) {
            return (sharing, Err(stop));
        }
        let one = &intervals[i];
        let free = (0..busy.len()).filter(|&k| idle(&busy[k], one).is_some());
        // By how much it must grow, then how much is unused.
        let growth = |k: usize| one.size.saturating_sub(sharing.sizes[k]);
        let best = free.min_by_key(|&k| (growth(k), sharing.sizes[k], k));
        let k = best.filter(|&k| growth(k) <= room).unwrap_or(busy.len());
        if k == busy.len() {
            if one.size > room {
                continue;
            }
            busy.push(BTreeSet::new());
            sharing.sizes.push(0);
        }
        room -= one.size.saturating_sub(sharing.sizes[k]);
        sharing.sizes[k] = sharing.sizes[k].max(one.size);
        busy[k].insert((one.first, one.end));
        sharing.object[i] = k as u32;
    }
    (sharing, Ok(()))
}
