//! Offsets by one walk through time: what starts takes a hole between what is there. What finds
//! none lies above the capacity, to be sent away.

use crate::error::Result;
use crate::limits::Limits;
use crate::problem::{Buffer, Problem};
use crate::sorting::sort_by_keys;

/// Offsets of all buffers, those above the capacity included. Without one, the highest end is
/// as it comes.
///
/// O(n log n + n a) for n buffers of which at most a are live at once.
///
/// # Errors
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub(crate) fn offsets(problem: &Problem, limits: &Limits) -> Result<Vec<u64>> {
    let capacity = problem.capacity().unwrap_or(u64::MAX);
    let buffers = problem.buffers();
    let mut order: Vec<usize> = (0..buffers.len()).filter(|&one| buffers[one].size() > 0).collect();
    // Of those that start at once, the long ones first, then the large ones.
    sort_by_keys(&mut order, |&one| [!u64::from(buffers[one].live().steps()), !buffers[one].size()]);
    sort_by_keys(&mut order, |&one| [buffers[one].live().start.into(), 0]);
    let mut offsets = vec![0; buffers.len()];
    // By offset: what is there now.
    let mut there: Vec<usize> = Vec::new();
    let mut now = 0;
    for one in order {
        limits.go_on()?;
        let buffer = &buffers[one];
        if buffer.live().start > now {
            now = buffer.live().start;
            there.retain(|&other| buffers[other].live().end > now);
        }
        if let Some(offset) = best_hole(buffer, &there, buffers, &offsets, capacity) {
            offsets[one] = offset;
            let place = there.partition_point(|&other| offsets[other] < offset);
            there.insert(place, one);
        } else {
            offsets[one] = capacity.next_multiple_of(buffer.alignment());
        }
    }
    Ok(offsets)
}

/// The lowest or highest place in the smallest hole that is large enough: what stays long goes
/// low, what goes soon high, so that holes grow together.
fn best_hole(
    buffer: &Buffer,
    there: &[usize],
    buffers: &[Buffer],
    offsets: &[u64],
    capacity: u64,
) -> Option<u64> {
    const LONG: u32 = 8;
    let (size, alignment) = (buffer.size(), buffer.alignment());
    let mut best: Option<(u64, u64)> = None;
    let mut look = |from: u64, end: u64| {
        let low = from.next_multiple_of(alignment);
        if low <= end && end - low >= size && best.is_none_or(|best| end - from < best.0) {
            let high = (end - size) / alignment * alignment;
            let is_low = buffer.live().steps() >= LONG || end == u64::MAX;
            best = Some((end - from, if is_low { low } else { high }));
        }
    };
    let mut top = 0;
    for &other in there {
        look(top, offsets[other]);
        top = offsets[other] + buffers[other].size();
    }
    look(top, capacity);
    best.map(|best| best.1)
}

#[cfg(test)]
mod tests {
    use super::offsets;
    use crate::limits::Limits;
    use crate::problem::{Buffer, Problem};
    use crate::random::Random;

    #[test]
    fn nothing_overlaps_below_the_capacity() {
        let mut random = Random::new(3);
        for _ in 0..200 {
            let count = 1 + random.below(40);
            let buffers: Vec<Buffer> = (0..count)
                .map(|_| {
                    let start = random.below(30) as u32;
                    let size = random.below(50) as u64;
                    let end = start + 1 + random.below(12) as u32;
                    Buffer::new(size, start..end).align(1 << random.below(4))
                })
                .collect();
            let problem = Problem::new(buffers).unwrap().with_capacity(Some(120));
            let offsets = offsets(&problem, &Limits::new()).unwrap();
            let all = problem.buffers();
            let fits = |one: usize| all[one].size() > 0 && offsets[one] + all[one].size() <= 120;
            for one in (0..count).filter(|&one| fits(one)) {
                assert_eq!(offsets[one] % all[one].alignment(), 0);
                for other in (0..one).filter(|&other| fits(other)) {
                    let (a, b) = (all[one].live(), all[other].live());
                    let meet = a.start < b.end && b.start < a.end;
                    let apart = offsets[one] + all[one].size() <= offsets[other]
                        || offsets[other] + all[other].size() <= offsets[one];
                    assert!(!meet || apart, "{one} and {other}");
                }
            }
            assert!((0..count).any(fits) || all.iter().all(|one| one.size() == 0));
        }
    }
}
