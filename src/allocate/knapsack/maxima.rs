//! Lower bounds on the sizes of objects.

use crate::allocate::object_intervals::ObjectInterval;
use crate::support::events::{Event, events};
use crate::support::limits::{Budget, Limits, Stop};

/// Positional maxima: entry j is the maximum over time of the j-th largest live size.
///
/// The j-th largest object is at least that large in every sharing, so the sum is a lower bound
/// on the total size (Pisarchyk & Lee, arXiv 2001.03288). O(n L) time for at most L intervals
/// live at the same time.
pub(super) fn positional_maxima(intervals: &[ObjectInterval], sections: u32) -> Vec<u64> {
    let limits = Limits::new();
    maxima_until_stopped(intervals, sections, &mut Budget::new(&limits, u64::MAX)).0
}

/// Like [`positional_maxima`], but stops at a limit: then the entries are lower bounds on the
/// maxima. Returns the reason for stopping.
pub(super) fn maxima_until_stopped(
    intervals: &[ObjectInterval],
    sections: u32,
    budget: &mut Budget<'_>,
) -> (Vec<u64>, Result<(), Stop>) {
    debug_assert!(intervals.iter().all(|interval| interval.end <= sections));
    // Sweep over starts and ends with the live sizes in descending order. Only a start can raise a
    // maximum, and only at the position of the new size and after it.
    let mut live: Vec<u64> = Vec::new(); // descending
    let mut maxima: Vec<u64> = Vec::new();
    for Event { starts, range, .. } in events(intervals.iter().map(|interval| (interval.first, interval.end)))
    {
        let size = intervals[range].size;
        let position = live.partition_point(|&other| other > size);
        if !starts {
            live.remove(position);
            continue;
        }
        live.insert(position, size);
        maxima.resize(maxima.len().max(live.len()), 0);
        // Sizes above the new one keep their positions.
        for (maximum, &size) in maxima[position..].iter_mut().zip(&live[position..]) {
            *maximum = size.max(*maximum);
        }
        if let Err(stop) = budget.work(live.len()) {
            return (maxima, Err(stop));
        }
    }
    (maxima, Ok(()))
}
