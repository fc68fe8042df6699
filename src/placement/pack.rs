//! Offsets for what is on chip.

use super::instance::Instance;
use super::state::Chosen;
use super::way::{Presence, Trip};
use crate::allocate::{Allocation, Auto, Strategy};
use crate::error::Result;
use crate::limits::{Limits, Stop};
use crate::problem::{Buffer, Problem};

/// A stay of an item, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Laid {
    pub(crate) item: usize,
    pub(crate) presence: Presence,
    pub(crate) offset: u64,
}

/// What became of offsets.
pub(crate) enum Packed {
    /// All lie within their pools.
    Fits(Vec<Laid>),
    /// These do not, and so many bytes would be needed.
    Over(Vec<Laid>, u64),
    /// As `Over`, and no offsets fit: it is proven.
    Never(Vec<Laid>, u64),
}

/// Gives offsets to all stays on chip, each pool by itself.
pub(crate) fn pack(instance: &Instance, chosen: &Chosen, limits: &Limits) -> Result<(Packed, u64, Stop)> {
    let mut stays: Vec<Vec<(usize, Presence)>> = vec![Vec::new(); instance.home()];
    for item in 0..instance.items.len() {
        let way = &chosen.ways[instance.cells_of(item)];
        Trip { instance, item, way }.stays(|stay| stays[stay.pool].push((item, stay)));
    }
    let (mut laid, mut over) = (Vec::new(), Vec::new());
    let (mut nodes, mut never, mut needed) = (0, false, 0);
    for (pool, stays) in stays.iter().enumerate() {
        let (offsets, own, proven) = offsets(instance, pool, stays, limits)?;
        nodes += own.0;
        if own.1 == Stop::Cancelled || own.1 == Stop::Deadline {
            return Ok((Packed::Over(Vec::new(), 0), nodes, own.1));
        }
        never |= proven;
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
    let packed = match (over.is_empty(), never) {
        (true, _) => Packed::Fits(laid),
        (false, false) => Packed::Over(over, needed),
        (false, true) => Packed::Never(over, needed),
    };
    Ok((packed, nodes, Stop::Finished))
}

type Offsets = (Vec<u64>, (u64, Stop), bool);

/// Offsets in one pool, and whether it is proven that none fit.
fn offsets(
    instance: &Instance,
    pool: usize,
    stays: &[(usize, Presence)],
    limits: &Limits,
) -> Result<Offsets> {
    let room = &instance.rooms[pool];
    let buffer = |&(item, stay): &(usize, Presence)| {
        let one = &instance.items[item];
        Buffer::new(one.size, stay.from..stay.end).align(one.alignment.max(room.alignment))
    };
    let problem = Problem::new(stays.iter().map(buffer).collect())?.with_capacity(Some(room.bytes));
    let Allocation { offsets, nodes, stop, proven, .. } = Auto::new().allocate(&problem, limits)?;
    let proven = proven.max(crate::bound::lower_bound(&problem).bytes) > room.bytes;
    Ok((offsets, (nodes, stop), proven))
}
