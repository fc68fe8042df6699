//! What the sizes of objects are at least.

use crate::allocate::sharing::Interval;
use crate::limits::{Limits, Meter, Stop};
use crate::sorting::sort_by_keys;

/// Positional maxima: entry j is the largest j-th largest live size over time.
/// Whatever the sharing, the j-th largest object is at least that large, so
/// their sum bounds the total from below (Pisarchyk & Lee, arXiv 2001.03288).
///
/// O(n L) for L intervals live at a time.
pub(super) fn positional_maxima(intervals: &[Interval], sections: u32) -> Vec<u64> {
    let limits = Limits::new();
    maxima_until_stopped(intervals, sections, &mut Meter::new(&limits, u64::MAX)).0
}

/// The same, or what is shown up to where it is stopped, and why.
pub(super) fn maxima_until_stopped(
    intervals: &[Interval],
    sections: u32,
    meter: &mut Meter<'_>,
) -> (Vec<u64>, Result<(), Stop>) {
    let mut changes: Vec<(u32, bool, u64)> = Vec::with_capacity(intervals.len() * 2);
    for interval in intervals {
        changes.push((interval.first, true, interval.size));
        changes.push((interval.end, false, interval.size));
    }
    // At one section ends come first.
    sort_by_keys(&mut changes, |&(step, starts, size)| [u64::from(step) * 2 + u64::from(starts), size]);
    debug_assert!(changes.iter().all(|change| change.0 <= sections));
    let mut live: Vec<u64> = Vec::new(); // descending
    let mut maxima: Vec<u64> = Vec::new();
    for (_, starts, size) in changes {
        let place = live.partition_point(|&other| other > size);
        if !starts {
            live.remove(place);
            continue;
        }
        live.insert(place, size);
        maxima.resize(maxima.len().max(live.len()), 0);
        // Those above the new one did not move.
        for (maximum, &size) in maxima[place..].iter_mut().zip(&live[place..]) {
            *maximum = size.max(*maximum);
        }
        if let Err(stop) = meter.work(live.len()) {
            return (maxima, Err(stop));
        }
    }
    (maxima, Ok(()))
}
