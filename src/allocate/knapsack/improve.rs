//! Large-neighbourhood search, for when the exact search runs out of nodes.

use super::maxima::positional_maxima;
use super::search::{ObjectLimits, SizeSearch};
use crate::allocate::object_intervals::{ObjectInterval, ObjectSharing};
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;
use crate::support::sorting::{sort_by_keys, unique};

/// Node limit for sharing the tensors of a few objects again.
const SUBPROBLEM_NODES: u64 = 20_000;

/// Number of tries without success per object after which the search gives up.
const PATIENCE: usize = 100;

/// Repeatedly takes a few objects and shares their tensors optimally, by the search itself.
/// Given objects stay unchanged. Ends at `bound`, or after many tries without success.
///
/// # Errors
/// The reason to stop; `sharing` holds the improvements until then.
pub(super) fn improve(
    intervals: &[ObjectInterval],
    given: usize,
    bound: u64,
    sharing: &mut ObjectSharing,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    // Objects close by size are chosen, since their tensors fit each other's objects. The subproblem is
    // searched with the number of chosen objects as a limit and the current sum as incumbent, so every
    // change is an improvement and the sharing stays valid.
    let mut random = Random::new(0);
    let mut failures = 0;
    normalise(sharing, given);
    let opened = |sharing: &ObjectSharing| sharing.sizes[given..].iter().sum::<u64>();
    while opened(sharing) > bound && failures < PATIENCE * (sharing.sizes.len() - given) {
        budget.best = opened(sharing);
        let chosen = choose(given, sharing.sizes.len(), &mut random);
        budget.spend(1 + (intervals.len() / 8) as u64)?;
        if reshare(intervals, given, &chosen, sharing, budget)? {
            failures = 0;
        } else {
            failures += 1;
        }
    }
    Ok(())
}

/// Chooses two to ten objects that are close by size, at random.
fn choose(given: usize, objects: usize, random: &mut Random) -> Vec<usize> {
    let opened = objects - given;
    let count = (2 + random.below(9)).min(opened);
    let span = (count + random.below(count * 2)).min(opened);
    let start = given + random.below(opened - span + 1);
    random.sample(start..start + span, count)
}

fn reshare(
    intervals: &[ObjectInterval],
    given: usize,
    chosen: &[usize],
    sharing: &mut ObjectSharing,
    budget: &mut Budget<'_>,
) -> Result<bool, Stop> {
    let is_member = |&i: &usize| chosen.contains(&(sharing.object[i] as usize));
    let members: Vec<usize> = (0..intervals.len()).filter(is_member).collect();
    let member_intervals: Vec<ObjectInterval> = members.iter().map(|&i| intervals[i]).collect();
    let (member_intervals, sections) = compressed(member_intervals);
    // Positional maxima show without search that most choices cannot be improved.
    let maxima = positional_maxima(&member_intervals, sections);
    let before: u64 = chosen.iter().map(|&object| sharing.sizes[object]).sum();
    if maxima.iter().sum::<u64>() >= before {
        return Ok(false);
    }
    let object_limits = ObjectLimits { given: Vec::new(), max_objects: Some(chosen.len()) };
    let mut decision_budget = budget.of_question(SUBPROBLEM_NODES);
    let search = SizeSearch { intervals: &member_intervals, sections, object_limits: &object_limits };
    let result = search.run(&maxima, before, &mut decision_budget);
    budget.spend(decision_budget.nodes())?;
    let Some(better) = result.best else { return Ok(false) };
    for (&object, size) in chosen.iter().zip(better.sizes.iter().copied().chain(std::iter::repeat(0))) {
        sharing.sizes[object] = size;
    }
    for (&i, &object) in members.iter().zip(&better.object) {
        sharing.object[i] = chosen[object as usize] as u32;
    }
    normalise(sharing, given);
    Ok(true)
}

/// Compresses sections to those at which some interval starts.
fn compressed(mut intervals: Vec<ObjectInterval>) -> (Vec<ObjectInterval>, u32) {
    let starts = unique(intervals.iter().map(|interval| interval.first));
    let section = |time: u32| starts.partition_point(|&start| start < time) as u32;
    for interval in &mut intervals {
        (interval.first, interval.end) = (section(interval.first), section(interval.end));
    }
    (intervals, starts.len() as u32)
}

/// Sorts opened objects by size and removes empty ones.
fn normalise(sharing: &mut ObjectSharing, given: usize) {
    let mut order: Vec<usize> = (given..sharing.sizes.len()).filter(|&k| sharing.sizes[k] > 0).collect();
    sort_by_keys(&mut order, |&k| [!sharing.sizes[k], 0]);
    let mut number: Vec<u32> = (0..sharing.sizes.len() as u32).collect();
    for (position, &k) in order.iter().enumerate() {
        number[k] = (given + position) as u32;
    }
    for object in &mut sharing.object {
        *object = number[*object as usize];
    }
    let sizes: Vec<u64> = order.iter().map(|&k| sharing.sizes[k]).collect();
    sharing.sizes.truncate(given);
    sharing.sizes.extend(sizes);
}
