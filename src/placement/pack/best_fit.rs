//! Offsets by best fit in one pass over time. Each buffer takes the smallest hole between the buffers that
//! are live when it starts. A buffer without a hole gets an offset above the capacity; callers evict it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::error::Result;
use crate::problem::{Buffer, Problem};
use crate::support::free_ranges::FreeRanges;
use crate::support::limits::Limits;
use crate::support::sorting::sort_by_keys;

/// Offsets of all buffers, those above the capacity included. Without a capacity, the height is not
/// minimised.
///
/// O(n log n) for n buffers, unless many holes are large enough but contain no aligned offset.
///
/// # Errors
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub(crate) fn offsets(problem: &Problem, limits: &Limits) -> Result<Vec<u64>> {
    let capacity = problem.capacity().unwrap_or(u64::MAX);
    let buffers = problem.buffers();
    let mut order: Vec<usize> = (0..buffers.len()).filter(|&index| buffers[index].size() > 0).collect();
    // Among buffers with the same start, long live ranges come first, then large buffers.
    sort_by_keys(&mut order, |&index| [!u64::from(buffers[index].live().steps()), !buffers[index].size()]);
    limits.check_cancelled()?;
    sort_by_keys(&mut order, |&index| [buffers[index].live().start.into(), 0]);
    let mut offsets = vec![0; buffers.len()];
    let mut holes = FreeRanges::default();
    holes.add(0, capacity);
    // Live buffers by their end.
    let mut live: BinaryHeap<Reverse<(u32, usize)>> = BinaryHeap::new();
    for index in order {
        limits.check_cancelled()?;
        let buffer = &buffers[index];
        while let Some(&Reverse((end, other))) = live.peek()
            && end <= buffer.live().start
        {
            live.pop();
            holes.free(offsets[other], offsets[other] + buffers[other].size());
        }
        if let Some(offset) = place(&mut holes, buffer) {
            offsets[index] = offset;
            live.push(Reverse((buffer.live().end, index)));
        } else {
            offsets[index] = capacity.next_multiple_of(buffer.alignment());
        }
    }
    Ok(offsets)
}

/// The offset of a buffer in the smallest hole that is large enough, the lowest of equal ones. Buffers with
/// a long live range go to its lower end, others to its upper end, so that adjacent holes merge soon.
fn place(holes: &mut FreeRanges, buffer: &Buffer) -> Option<u64> {
    const LONG: u32 = 8;
    let (size, alignment) = (buffer.size(), buffer.alignment());
    let index = |(bytes, start): (u64, u64)| {
        let end = start + bytes;
        let low = start.checked_next_multiple_of(alignment)?;
        let high = (end - size) / alignment * alignment;
        let is_low = buffer.live().steps() >= LONG || end == u64::MAX;
        (low <= high).then_some((start, if is_low { low } else { high }))
    };
    // Holes are tried by size: the first one with an aligned offset is the smallest that fits.
    let (start, offset) = holes.at_least(size).find_map(index)?;
    holes.take(start, (offset, offset + size));
    Some(offset)
}

#[cfg(test)]
mod tests {
    use super::offsets;
    use crate::problem::{Buffer, Problem};
    use crate::support::limits::Limits;
    use crate::support::random::Random;

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
