//! What the sizes of objects are at least.

use crate::allocate::sharing::Interval;
use crate::limits::{Limits, Meter, Stop};
use crate::sorting::in_time;

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
    debug_assert!(intervals.iter().all(|one| one.end <= sections));
    let numbered = || intervals.iter().zip(0u32..);
    let mut ended = in_time(numbered().map(|(one, number)| (one.end, number))).peekable();
    let mut live: Vec<u64> = Vec::new(); // descending
    let mut maxima: Vec<u64> = Vec::new();
    for (first, number) in in_time(numbered().map(|(one, number)| (one.first, number))) {
        while let Some((_, gone)) = ended.next_if(|&(end, _)| end <= first) {
            let size = intervals[gone].size;
            live.remove(live.partition_point(|&other| other > size));
        }
        let size = intervals[number].size;
        let place = live.partition_point(|&other| other > size);
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
