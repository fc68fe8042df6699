//! Offsets in the backing store. Buffers that are live from the first step to the last lie at the
//! bottom, in any order; the others are packed above them. The backing store is large, so this
//! nearly always fits.

use crate::allocate::{Auto, Strategy};
use crate::error::Result;
use crate::placement::{best_fit, stacked};
use crate::problem::Problem;
use crate::support::limits::Limits;
use crate::support::sorting::sort_by_keys;

/// Above this number of buffers with a shorter life, one sweep over time chooses offsets.
const MOST_SEARCHED: usize = 20_000;

/// Offsets of all buffers in a run of `steps` steps. They are within the capacity if the search finds
/// such offsets within the limits.
pub(super) fn offsets(problem: &Problem, steps: u32, limits: &Limits) -> Result<Vec<u64>> {
    if let Some(offsets) = in_layers(problem, steps, limits)?
        && problem.height(&offsets) <= problem.capacity().unwrap_or(u64::MAX)
    {
        return Ok(offsets);
    }
    Ok(Auto::new().allocate(problem, limits)?.offsets)
}

/// Offsets of permanent buffers at the bottom and of the others above. None if an offset would exceed 64 bits.
fn in_layers(problem: &Problem, steps: u32, limits: &Limits) -> Result<Option<Vec<u64>>> {
    let buffers = problem.buffers();
    let is_permanent = |&id: &usize| buffers[id].live().start == 0 && buffers[id].live().end == steps;
    let (mut permanent, passing): (Vec<usize>, Vec<usize>) = (0..buffers.len()).partition(is_permanent);
    // In descending order of alignments, which leaves little padding.
    sort_by_keys(&mut permanent, |&id| [!buffers[id].alignment(), 0]);
    let mut offsets = vec![0; buffers.len()];
    let aligned = permanent.iter().map(|&id| (buffers[id].size(), buffers[id].alignment()));
    let Some((bottom, top)) = stacked(aligned) else { return Ok(None) };
    for (&id, offset) in permanent.iter().zip(bottom) {
        offsets[id] = offset;
    }
    let coarsest = passing.iter().map(|&id| buffers[id].alignment()).max().unwrap_or(1);
    let Some(base) = top.checked_next_multiple_of(coarsest) else { return Ok(None) };
    let above = Problem::new(passing.iter().map(|&id| buffers[id].clone()).collect())?;
    let above = if passing.len() > MOST_SEARCHED {
        best_fit::offsets(&above, limits)?
    } else {
        Auto::new().allocate(&above, &Limits::new().nodes(1))?.offsets
    };
    for (id, offset) in passing.into_iter().zip(above) {
        let Some(offset) = base.checked_add(offset) else { return Ok(None) };
        offsets[id] = offset;
    }
    Ok(Some(offsets))
}

#[cfg(test)]
mod tests {
    use super::offsets;
    use crate::problem::{Buffer, Problem};
    use crate::support::limits::Limits;
    use crate::verify::verify_offsets;

    #[test]
    fn nothing_overlaps_whatever_lasts() {
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..200 {
            let buffers: Vec<Buffer> = (0..=random.usize(..30))
                .map(|_| {
                    let lasts = random.u8(..3) == 0;
                    let from = if lasts { 0 } else { random.u32(..20) };
                    let end = if lasts { 20 } else { random.u32(from + 1..=20) };
                    Buffer::new(random.u64(..40), from..end).align(1 << random.u8(..5))
                })
                .collect();
            let problem = Problem::new(buffers).unwrap();
            let offsets = offsets(&problem, 20, &Limits::new()).unwrap();
            assert!(verify_offsets(&problem, &offsets, problem.height(&offsets)).is_ok());
            assert!(problem.height(&offsets) >= crate::problem::lower_bound(&problem).bytes);
        }
    }

    #[test]
    fn what_would_be_too_high_is_left_to_the_search() {
        let lasting = [3u64, 5].map(|size| Buffer::new(size, 0..4).align(1 << 62));
        let problem = Problem::new(lasting.to_vec()).unwrap();
        assert_eq!(offsets(&problem, 4, &Limits::new()).unwrap(), [0, 1 << 62]);
    }
}
