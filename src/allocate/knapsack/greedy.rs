//! First incumbent from several greedy rules.

use super::search::ObjectLimits;
use crate::allocate::greedy_objects::{ObjectChoice, by_size, by_size_quickly, by_start, in_order};
use crate::allocate::object_intervals::{ObjectInterval, ObjectSharing};
use crate::support::limits::{Meter, Stop};

/// Maximum work of rules that scan every object, in objects scanned.
const MAX_SCANS: usize = 20_000_000;

/// The best sharing of several greedy rules; `None` if a limit on the number of objects
/// excludes all of them. The first rule, in order of start, is stopped by cancellation only; then
/// each tensor has its own object.
pub(super) fn share(
    intervals: &[ObjectInterval],
    object_limits: &ObjectLimits,
    live_at_once: usize,
    meter: &mut Meter<'_>,
) -> (Option<ObjectSharing>, Result<(), Stop>) {
    let given = &object_limits.given;
    let (first, mut stopped) = in_order(intervals, given, meter);
    let mut incumbents = vec![first];
    stopped = stopped.and_then(|()| {
        incumbents.push(by_start(intervals, given, false, meter)?);
        Ok(())
    });
    // Rules by size scan all objects for each interval. Where that takes too long, a single rule with
    // search trees replaces them.
    let looks = intervals.len().saturating_mul(live_at_once + given.len());
    if looks <= MAX_SCANS {
        for choice in [ObjectChoice::First, ObjectChoice::Closest, ObjectChoice::Last] {
            for longest_first in [false, true] {
                stopped = stopped.and_then(|()| {
                    incumbents.push(by_size(intervals, given, choice, longest_first, meter)?);
                    Ok(())
                });
            }
        }
    } else if given.is_empty() && stopped.is_ok() {
        stopped = by_size_quickly(intervals, meter).map(|sharing| incumbents.push(sharing));
    }
    let limit = object_limits.max_objects.unwrap_or(usize::MAX);
    incumbents.retain(|sharing| sharing.sizes.len() <= limit);
    let smallest =
        incumbents.into_iter().min_by_key(|sharing| sharing.sizes[given.len()..].iter().sum::<u64>());
    (smallest, stopped)
}
