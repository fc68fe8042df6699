//! Operators that may as well run right before the one that waits for them.

use super::network::Network;
use super::reduce::Part;
use crate::limits::{Meter, Stop};
use crate::sorting::unique;

/// Puts operators right before the only one that waits for them, where that costs
/// nothing in any order.
///
/// Let `w` alone wait for `v`, `v` write `K` bytes and free `F <= K`. In any order, move
/// `v` later, to right before `w`. The steps between lose `K` bytes and keep `F`. The step
/// of `v` takes what is live before that of `w` in the old order, less `K`, plus `F`, plus
/// `K` and what is live at `v` alone, `T(v)`: no more than `w` takes in the old order, if
/// `F + T(v)` is at most what `w` writes and needs for itself. So both can be one
/// operator, which takes what `w` does. `F` is what `v` frees at most: what it reads and
/// `w` does not. What others read too it may free or not (`Network::early`).
///
/// What is rounded up could hang over the end of the arena before it is moved and not
/// after; inputs that are live at the first step only, too, need to know who is first.
/// Neither is touched.
///
/// # Errors
/// Why it must stop.
pub(super) fn postpone(network: &Network, meter: &mut Meter<'_>) -> Result<Vec<Part>, Stop> {
    let count = network.operator_count();
    let mut parts: Vec<Part> = (0..count).map(|operator| Part::single(network, operator)).collect();
    for operator in 0..count {
        let &[next] = network.after.row(operator) else { continue };
        let (moved, target) = (&parts[operator as usize], &parts[next as usize]);
        let Some(freed) = freed_by(network, (moved, operator), (target, next)) else { continue };
        meter.work(64 + moved.reads.len() + target.reads.len() + target.early.len())?;
        let (written, most_freed) = (network.bytes(&moved.writes), network.bytes(&freed));
        let taken_off = network.bytes(&target.early) + network.saves.most(next, &network.sizes);
        let least = (network.bytes(&target.writes) + target.transient).saturating_sub(taken_off);
        if most_freed <= written && most_freed + moved.transient <= least {
            let moved = std::mem::take(&mut parts[operator as usize]);
            put(&mut parts[next as usize], moved, &freed, written);
        }
    }
    Ok(parts)
}

/// Puts a part before another's operators.
fn put(target: &mut Part, moved: Part, freed: &[u32], written: u64) {
    let after = std::mem::replace(&mut target.sequence, moved.sequence);
    target.sequence.extend(after);
    target.reads.retain(|tensor| !moved.writes.contains(tensor));
    target.reads = unique([std::mem::take(&mut target.reads), moved.reads].concat());
    target.before.extend(moved.before);
    // What the next one reads too, dies no sooner.
    target.early.extend(moved.early.into_iter().filter(|tensor| freed.contains(tensor)));
    target.early.extend(freed);
    target.early = unique(std::mem::take(&mut target.early));
    target.transient += written;
}

/// What an operator may free before the next one runs; none if something is in the way
/// of moving it.
fn freed_by(
    network: &Network,
    (part, operator): (&Part, u32),
    (target, next): (&Part, u32),
) -> Option<Vec<u32>> {
    let padded = |operator: u32| {
        let paddings = &network.paddings;
        let row = network.writes.row(operator).iter().chain(network.reads.row(operator));
        paddings.transient[operator as usize] > 0
            || row.map(|&tensor| paddings.tensors[tensor as usize]).any(|padding| padding > 0)
    };
    let stays = |tensor: u32| network.stays[tensor as usize];
    // Others that read it wait for the next one as well, so that alone is noted.
    let read_by_others = |&tensor: &u32| network.readers.row(tensor) != [next];
    let over = |tensor: &u32| network.saves.of(next).iter().any(|save| save.needs.contains(tensor));
    if network.first > 0
        || network.writes.row(operator).iter().any(over)
        || network.writes.row(operator).iter().any(read_by_others)
        || (network.paddings.any && (padded(operator) || padded(next)))
        || network.writes.row(operator).iter().any(|&tensor| stays(tensor))
    {
        return None;
    }
    // The part of `next` reads every tensor that its operators read and do not write themselves.
    let read_by_next = |tensor: u32| target.reads.binary_search(&tensor).is_ok();
    Some(part.reads.iter().copied().filter(|&tensor| !stays(tensor) && !read_by_next(tensor)).collect())
}
