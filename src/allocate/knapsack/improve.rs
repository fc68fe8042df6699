//! A better sharing from a good one, when the search finds none in time.

use super::maxima::positional_maxima;
use super::search::{Freedom, Search};
use crate::allocate::sharing::{Interval, Sharing};
use crate::limits::{Meter, Stop};
use crate::random::Random;
use crate::sorting::sort_by_keys;

/// Nodes for sharing the tensors of a few objects anew.
const FEW: u64 = 20_000;

/// Gives up after so many tries without success, for each object.
const PATIENCE: usize = 100;

/// Takes a few objects at a time and shares their tensors anew with the least
/// sum, by the search itself (a large-neighbourhood search). Given objects stay
/// as they are. Ends at `bound`, or when nothing has helped for long.
///
/// # Errors
/// Why it must stop; what it has got to until then is in `sharing`.
pub(super) fn improve(
    intervals: &[Interval],
    given: usize,
    bound: u64,
    sharing: &mut Sharing,
    meter: &mut Meter<'_>,
) -> Result<(), Stop> {
    let mut random = Random::new(0);
    let mut failures = 0;
    tidy(sharing, given);
    let opened = |sharing: &Sharing| sharing.sizes[given..].iter().sum::<u64>();
    while opened(sharing) > bound && failures < PATIENCE * (sharing.sizes.len() - given) {
        meter.best = opened(sharing);
        let chosen = choose(given, sharing.sizes.len(), &mut random);
        meter.spend(1 + (intervals.len() / 8) as u64)?;
        if share_anew(intervals, given, &chosen, sharing, meter)? {
            failures = 0;
        } else {
            failures += 1;
        }
    }
    Ok(())
}

/// Two to ten neighbours by size, not all of those in between.
fn choose(given: usize, objects: usize, random: &mut Random) -> Vec<usize> {
    let opened = objects - given;
    let count = (2 + random.below(9)).min(opened);
    let span = (count + random.below(count * 2)).min(opened);
    let start = given + random.below(opened - span + 1);
    let mut all: Vec<usize> = (start..start + span).collect();
    for place in 0..count {
        let other = place + random.below(span - place);
        all.swap(place, other);
    }
    all.truncate(count);
    all
}

fn share_anew(
    intervals: &[Interval],
    given: usize,
    chosen: &[usize],
    sharing: &mut Sharing,
    meter: &mut Meter<'_>,
) -> Result<bool, Stop> {
    let is_member = |&i: &usize| chosen.contains(&(sharing.object[i] as usize));
    let members: Vec<usize> = (0..intervals.len()).filter(is_member).collect();
    let own: Vec<Interval> = members.iter().map(|&i| intervals[i]).collect();
    let (own, sections) = compressed(own);
    let maxima = positional_maxima(&own, sections);
    let before: u64 = chosen.iter().map(|&object| sharing.sizes[object]).sum();
    if maxima.iter().sum::<u64>() >= before {
        return Ok(false);
    }
    let freedom = Freedom { given: Vec::new(), most_objects: Some(chosen.len()) };
    let mut few = meter.of_question(FEW);
    let search = Search { intervals: &own, sections, freedom: &freedom };
    let found = search.run(&maxima, before, &mut few);
    meter.spend(few.nodes())?;
    let Some(better) = found.best else { return Ok(false) };
    for (&object, size) in chosen.iter().zip(better.sizes.iter().copied().chain(std::iter::repeat(0))) {
        sharing.sizes[object] = size;
    }
    for (&i, &object) in members.iter().zip(&better.object) {
        sharing.object[i] = chosen[object as usize] as u32;
    }
    tidy(sharing, given);
    Ok(true)
}

/// Only the sections at which one of these starts.
fn compressed(mut intervals: Vec<Interval>) -> (Vec<Interval>, u32) {
    let mut starts: Vec<u32> = intervals.iter().map(|one| one.first).collect();
    starts.sort_unstable();
    starts.dedup();
    let section = |time: u32| starts.partition_point(|&start| start < time) as u32;
    for one in &mut intervals {
        (one.first, one.end) = (section(one.first), section(one.end));
    }
    (intervals, starts.len() as u32)
}

/// Opened objects by size, without those that have become empty.
fn tidy(sharing: &mut Sharing, given: usize) {
    let mut order: Vec<usize> = (given..sharing.sizes.len()).filter(|&k| sharing.sizes[k] > 0).collect();
    sort_by_keys(&mut order, |&k| [!sharing.sizes[k], 0]);
    let mut number: Vec<u32> = (0..sharing.sizes.len() as u32).collect();
    for (place, &k) in order.iter().enumerate() {
        number[k] = (given + place) as u32;
    }
    for object in &mut sharing.object {
        *object = number[*object as usize];
    }
    let sizes: Vec<u64> = order.iter().map(|&k| sharing.sizes[k]).collect();
    sharing.sizes.truncate(given);
    sharing.sizes.extend(sizes);
}
