//! The best of simple rules, for a first solution.

use super::search::Freedom;
use crate::allocate::greedy_objects::{Choice, by_size, by_size_quickly, by_start};
use crate::allocate::sharing::{Interval, Sharing};
use crate::limits::{Meter, Stop};

/// Work that rules which look at every object may take, in objects looked at.
const MOST_LOOKS: usize = 20_000_000;

/// The best of several rules; none if a limit on the number of objects is in
/// the way of all of them. After the first two it may be told to stop.
pub(super) fn share(
    intervals: &[Interval],
    freedom: &Freedom,
    live_at_once: usize,
    meter: &mut Meter<'_>,
) -> (Option<Sharing>, Result<(), Stop>) {
    let given = &freedom.given;
    let mut best = vec![by_start(intervals, given, true), by_start(intervals, given, false)];
    let mut stopped = Ok(());
    let looks = intervals.len().saturating_mul(live_at_once + given.len());
    if looks <= MOST_LOOKS {
        for choice in [Choice::First, Choice::Closest, Choice::Last] {
            for longest_first in [false, true] {
                stopped = stopped.and_then(|()| {
                    best.push(by_size(intervals, given, choice, longest_first, meter)?);
                    Ok(())
                });
            }
        }
    } else if given.is_empty() {
        best.push(by_size_quickly(intervals));
    }
    let most = freedom.most_objects.unwrap_or(usize::MAX);
    best.retain(|sharing| sharing.sizes.len() <= most);
    let least = best.into_iter().min_by_key(|sharing| sharing.sizes[given.len()..].iter().sum::<u64>());
    (least, stopped)
}
