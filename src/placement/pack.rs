//! Offsets for what is on chip.

pub(crate) mod in_time;

use std::ops::Range;

use super::instance::Instance;
use super::state::Chosen;
use super::way::{Presence, Trip};
use crate::allocate::{Allocation, Auto, Strategy, infeasible_core};
use crate::error::Result;
use crate::problem::{Buffer, Problem};
use crate::support::limits::{Limits, Stop};
use crate::support::sorting::sort_by_keys;

/// A stay of an item, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Laid {
    pub(crate) item: usize,
    pub(crate) presence: Presence,
    pub(crate) offset: u64,
}

/// What became of offsets.
pub(crate) struct Packed {
    /// All stays.
    pub(crate) laid: Vec<Laid>,
    /// Those that end above their pools.
    pub(crate) over: Vec<Laid>,
    /// So many bytes would be needed, if some do.
    pub(crate) needed: u64,
    /// Pools for which it is proven that no offsets fit, as bits.
    pub(crate) never: u8,
}

/// How offsets are found.
#[derive(Clone, Copy)]
pub(crate) enum Packer<'a> {
    /// By one walk through time.
    Walk,
    /// By a search.
    Search(&'a Limits),
}

/// Gives offsets to all stays on chip, each pool by itself.
pub(crate) fn pack(instance: &Instance, chosen: &Chosen, packer: Packer<'_>) -> Result<(Packed, u64, Stop)> {
    let mut stays: Vec<Vec<(usize, Presence)>> = vec![Vec::new(); instance.home()];
    for item in 0..instance.items.len() {
        let way = &chosen.ways[instance.cells_of(item)];
        Trip { instance, item, way }.stays(|stay| stays[stay.pool].push((item, stay)));
    }
    let (mut laid, mut over) = (Vec::new(), Vec::new());
    let (mut nodes, mut never, mut needed) = (0, 0, 0);
    for (pool, stays) in stays.iter().enumerate() {
        let (offsets, own, proven) = offsets(instance, pool, stays, packer)?;
        nodes += own.0;
        if own.1 == Stop::Cancelled || own.1 == Stop::Deadline {
            return Ok((Packed { laid, over, needed, never }, nodes, own.1));
        }
        never |= u8::from(proven) << pool;
        for (&(item, presence), offset) in stays.iter().zip(offsets) {
            let one = Laid { item, presence, offset };
            let end = offset + instance.items[item].size;
            if end > instance.rooms[pool].bytes {
                needed = needed.max(end);
                over.push(one);
            }
            laid.push(one);
        }
    }
    Ok((Packed { laid, over, needed, never }, nodes, Stop::Finished))
}

type Offsets = (Vec<u64>, (u64, Stop), bool);

/// Offsets in one pool, and whether it is proven that none fit.
///
/// What is there throughout lies at the bottom, all in one: with that out of the way, times
/// that share nothing else are packed by themselves.
fn offsets(
    instance: &Instance,
    pool: usize,
    stays: &[(usize, Presence)],
    packer: Packer<'_>,
) -> Result<Offsets> {
    let (mut resident, mut passing): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (place, (_, stay)) in stays.iter().enumerate() {
        let is_whole = stay.from == 0 && stay.end == instance.steps;
        if is_whole { resident.push(place) } else { passing.push(place) }
    }
    if !resident.is_empty() && !passing.is_empty() {
        let all = all_together(instance, pool, stays, (&mut resident, &passing), packer)?;
        if let Some(offsets) = all {
            return Ok(offsets);
        }
    }
    packed(&problem(instance, pool, stays)?, packer, &instance.limits)
}

/// Offsets with all that is resident below the rest; none if that may be too high for the
/// bytes between what is aligned.
fn all_together(
    instance: &Instance,
    pool: usize,
    stays: &[(usize, Presence)],
    (resident, passing): (&mut [usize], &[usize]),
    packer: Packer<'_>,
) -> Result<Option<Offsets>> {
    let room = &instance.rooms[pool];
    let alignment = |place: usize| instance.items[stays[place].0].alignment.max(room.alignment);
    sort_by_keys(resident, |&place| [!alignment(place), stays[place].0 as u64]);
    let mut offsets = vec![0; stays.len()];
    let sizes = resident.iter().map(|&place| instance.items[stays[place].0].size);
    let bytes: u64 = sizes.clone().sum();
    let aligned = sizes.zip(resident.iter().map(|&place| alignment(place)));
    let Some((bottom, top)) = stacked(aligned) else { return Ok(None) };
    for (&place, offset) in resident.iter().zip(bottom) {
        offsets[place] = offset;
    }
    let coarsest = passing.iter().map(|&place| alignment(place)).max().unwrap_or(1);
    let base = top.next_multiple_of(coarsest);
    let Some(left) = room.bytes.checked_sub(base) else { return Ok(None) };
    let rest: Vec<(usize, Presence)> = passing.iter().map(|&place| stays[place]).collect();
    let own = problem(instance, pool, &rest)?.with_capacity(Some(left));
    let (places, spent, proven) = packed(&own, packer, &instance.limits)?;
    let mut is_over = false;
    for (&place, own) in passing.iter().zip(places) {
        offsets[place] = base + own;
        is_over |= offsets[place] + instance.items[stays[place].0].size > room.bytes;
    }
    // Where alignment leaves gaps between what passes, residents might lie in those.
    let is_exact = base == bytes && coarsest == 1;
    Ok((is_exact || !is_over).then_some((offsets, spent, proven)))
}

/// Offsets of sizes and alignments that lie on each other from the bottom, in this order, and
/// their end; none if those would not be numbers.
pub(crate) fn stacked(sizes: impl Iterator<Item = (u64, u64)>) -> Option<(Vec<u64>, u64)> {
    let mut top = 0u64;
    let offsets = sizes.map(|(size, alignment)| {
        let offset = top.checked_next_multiple_of(alignment)?;
        top = offset.checked_add(size)?;
        Some(offset)
    });
    let offsets = offsets.collect::<Option<Vec<u64>>>()?;
    Some((offsets, top))
}

fn packed(problem: &Problem, packer: Packer<'_>, limits: &Limits) -> Result<Offsets> {
    let Packer::Search(search) = packer else {
        return Ok((in_time::offsets(problem, limits)?, (0, Stop::Finished), false));
    };
    let Allocation { offsets, nodes, stop, proven, .. } = Auto::new().allocate(problem, search)?;
    let least = proven.max(crate::problem::lower_bound(problem).bytes);
    let is_proven = problem.capacity().is_some_and(|capacity| least > capacity);
    Ok((offsets, (nodes, stop), is_proven))
}

/// Stays in one pool, as what has to be packed there.
fn problem(instance: &Instance, pool: usize, stays: &[(usize, Presence)]) -> Result<Problem> {
    let room = &instance.rooms[pool];
    let buffer = |&(item, stay): &(usize, Presence)| {
        let one = &instance.items[item];
        Buffer::new(one.size, stay.from..stay.end).align(one.alignment.max(room.alignment))
    };
    Ok(Problem::new(stays.iter().map(buffer).collect())?.with_capacity(Some(room.bytes)))
}

/// Most stays of which those are sought that are at fault.
const MOST: usize = 64;

/// Of the stays in a pool that have no offsets, some that have none even by themselves: each
/// with the cells of its item's way that make it.
pub(crate) fn conflict(
    instance: &Instance,
    chosen: &Chosen,
    pool: usize,
    limits: &Limits,
) -> Result<Vec<(usize, Range<usize>)>> {
    let (mut stays, mut cells) = (Vec::new(), Vec::new());
    for item in 0..instance.items.len() {
        let way = &chosen.ways[instance.cells_of(item)];
        Trip { instance, item, way }.stays_by_cells(|stay, own| {
            if stay.pool == pool {
                stays.push((item, stay));
                cells.push((item, own));
            }
        });
    }
    if stays.len() > MOST {
        return Ok(cells);
    }
    let core = infeasible_core(&problem(instance, pool, &stays)?, limits)?;
    Ok(match core {
        Some(core) => core.members.iter().map(|id| cells[id.index()].clone()).collect(),
        None => cells,
    })
}
