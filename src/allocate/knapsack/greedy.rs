//! The best of simple rules, for a first solution.

use super::search::Freedom;
use crate::allocate::greedy_objects::{Choice, by_size, by_size_quickly, by_start, in_order};
use crate::allocate::sharing::{Interval, Sharing};
use crate::limits::{Meter, Stop};

/// Work that rules which look at every object may take, in objects looked at.
const MOST_LOOKS: usize = 20_000_000;

/// The best of several rules; none if a limit on the number of objects is in
/// the way of all of them. The first rule, in order of start, is stopped by cancellation only:
/// then, each has an object of its own.
pub(super) fn share(
    intervals: &[Interval],
    freedom: &Freedom,
    live_at_once: usize,
    meter: &mut Meter<'_>,
) -> (Option<Sharing>, Result<(), Stop>) {
    let given = &freedom.given;
    let (first, mut stopped) = in_order(intervals, given, meter);
    let mut best = vec![first];
    stopped = stopped.and_then(|()| {
        best.push(by_start(intervals, given, false, meter)?);
        Ok(())
    });
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
    } else if given.is_empty() && stopped.is_ok() {
        stopped = by_size_quickly(intervals, meter).map(|sharing| best.push(sharing));
    }
    let most = freedom.most_objects.unwrap_or(usize::MAX);
    best.retain(|sharing| sharing.sizes.len() <= most);
    let least = best.into_iter().min_by_key(|sharing| sharing.sizes[given.len()..].iter().sum::<u64>());
    (least, stopped)
}
