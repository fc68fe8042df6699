//! Pairs of tensors of which one lies inside the other.

use std::collections::BTreeMap;

use crate::problem::{Nesting, Problem};
use crate::support::ids::BufferId;
use crate::support::sorting::sort_by_keys;

/// Finds a host for each guest in the merged objects.
///
/// In a merged object, hosts are the tensors of one original object: that of the largest tensor.
/// The host of each other tensor is the largest one that contains its bytes and is not live at
/// the same time, if there is one. O(g h) for g guests and h hosts.
pub(super) fn find(
    problem: &Problem,
    offsets: &[u64],
    object: &[Option<u32>],
    object_of_start: &[Option<u32>],
) -> Vec<Nesting> {
    let size = |id: BufferId| problem.buffer(id).size();
    let mut members: BTreeMap<u32, Vec<BufferId>> = BTreeMap::new();
    for (id, object) in problem.ids().zip(object) {
        if let Some(object) = object {
            members.entry(*object).or_default().push(id);
        }
    }
    let mut nestings = Vec::new();
    for mut members in members.into_values() {
        sort_by_keys(&mut members, |&id| [!size(id), id.index() as u64]);
        let start_of = |id: BufferId| object_of_start.get(id.index()).copied().flatten();
        let home = start_of(members[0]);
        let (hosts, guests): (Vec<_>, Vec<_>) = members.into_iter().partition(|&id| start_of(id) == home);
        for guest in guests {
            let offset = offsets[guest.index()];
            let holds = |&&host: &&BufferId| {
                let at = offsets[host.index()];
                at <= offset
                    && offset + size(guest) <= at + size(host)
                    && !problem.buffer(host).live().overlaps(problem.buffer(guest).live())
            };
            if let Some(&host) = hosts.iter().find(holds) {
                nestings.push(Nesting { guest, host, at: offset - offsets[host.index()] });
            }
        }
    }
    sort_by_keys(&mut nestings, |nestings: &Nesting| [nestings.guest.index() as u64, 0]);
    nestings
}
