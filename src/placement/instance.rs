//! What is to be placed, without a graph: items that are accessed at steps.

use crate::support::ids::PoolId;
use crate::support::limits::Limits;

/// So many pools, the last of them home.
pub(crate) const MOST_POOLS: usize = crate::graph::Pools::MAX_COUNT;

/// With more accesses than this, choices are greedy.
const LARGE: usize = 30_000;

/// A pool, as far as the choice goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes, a multiple of the alignment; of home all there are.
    pub(crate) capacity: u64,
    /// Without rounding.
    pub(crate) bytes: u64,
    pub(crate) alignment: u64,
    /// For a byte that an operator reads or writes in place.
    pub(crate) read: u64,
    pub(crate) write: u64,
    /// For a byte that is copied from here or to here.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Something that has one place at a time: a tensor, tensors that share memory, or a
/// workspace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) size: u64,
    pub(crate) alignment: u64,
    /// Its accesses, of at least one.
    pub(crate) first: u32,
    pub(crate) end: u32,
    /// Where it is before the first access and after the last.
    pub(crate) start: u8,
    pub(crate) finish: u8,
    /// Pools in which it may be throughout, run after run.
    pub(crate) whole: u8,
    /// Whether what it holds at the start is nowhere else.
    pub(crate) dirty: bool,
}

impl Item {
    pub(crate) fn accesses(&self) -> std::ops::Range<usize> {
        self.first as usize..self.end as usize
    }
}

/// What an operator does with an item at a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) step: u32,
    /// Bytes that it reads and writes.
    pub(crate) read: u64,
    pub(crate) write: u64,
    /// Bytes that matter just before it, and are there since the access before or the start.
    pub(crate) before: u64,
    /// Bytes that matter right after it, until the next access or the end.
    pub(crate) after: u64,
}

/// Items, and the pools they may be in, as bits of masks: bit `p` is pool `p`.
///
/// The cells of an item with `k` accesses are, in turn, where it is before the first
/// access, where that takes place, where it is after it, and so on: `2 k + 1` of them.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) rooms: Vec<Room>,
    pub(crate) items: Vec<Item>,
    pub(crate) accesses: Vec<Access>,
    /// Pools that each cell may be in.
    pub(crate) cells: Vec<u8>,
    /// At least one.
    pub(crate) steps: u32,
    pub(crate) prefetch: u32,
    /// By item: what its cheapest way costs.
    pub(crate) least: Vec<u64>,
    /// Items that some pool would take if it were larger.
    pub(crate) oversize: Vec<Oversize>,
    /// The cost of all items if every pool were large enough.
    pub(crate) floor: u64,
    /// Of these, only cancellation counts: it ends phases that no other limit ends.
    pub(crate) limits: Limits,
}

/// An item that is larger than a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oversize {
    pub(crate) item: usize,
    /// Pools that would take it at any capacity.
    pub(crate) pools: u8,
    pub(crate) whole: bool,
}

/// An item to be added: where it may be, and its accesses.
#[derive(Clone, Copy)]
pub(crate) struct NewItem<'a> {
    pub(crate) size: u64,
    pub(crate) alignment: u64,
    /// Pools that take it.
    pub(crate) pools: u8,
    /// Pools that would take it at any capacity.
    pub(crate) pools_at_any_capacity: u8,
    pub(crate) start: PoolId,
    pub(crate) finish: PoolId,
    pub(crate) whole: bool,
    pub(crate) accesses: &'a [Access],
}

impl Instance {
    pub(crate) fn new(rooms: Vec<Room>, steps: u32, prefetch: u32, limits: &Limits) -> Self {
        let (items, accesses, cells) = (Vec::new(), Vec::new(), Vec::new());
        let (steps, least, oversize) = (steps.max(1), Vec::new(), Vec::new());
        let limits = limits.clone().cancel_only();
        Self { rooms, items, accesses, cells, steps, prefetch, least, oversize, floor: 0, limits }
    }

    /// Returns true once the call is cancelled: the rest of a phase would be wasted work.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.limits.go_on().is_err()
    }

    pub(crate) fn home(&self) -> usize {
        self.rooms.len() - 1
    }

    pub(crate) fn add(&mut self, new: &NewItem<'_>) {
        let home = self.home();
        let (start, finish) = (new.start.index(), new.finish.index());
        if new.pools_at_any_capacity != new.pools {
            let (item, pools) = (self.items.len(), new.pools_at_any_capacity);
            self.oversize.push(Oversize { item, pools, whole: new.whole });
        }
        let first = self.accesses.len() as u32;
        self.accesses.extend_from_slice(new.accesses);
        let mut before = 1 << start;
        for (number, access) in new.accesses.iter().enumerate() {
            self.cells.extend([before, new.pools]);
            let matters =
                new.accesses.get(number + 1).is_some_and(|next| access.after > 0 || next.before > 0);
            before = if matters { new.pools } else { 1 << home };
        }
        self.cells.push(1 << finish);
        self.items.push(Item {
            size: new.size,
            alignment: new.alignment,
            first,
            end: self.accesses.len() as u32,
            start: start as u8,
            finish: finish as u8,
            whole: if new.whole { new.pools & !(1 << home) } else { 0 },
            dirty: start != home,
        });
    }

    /// The cells of an item.
    pub(crate) fn cells_of(&self, item: usize) -> std::ops::Range<usize> {
        let one = &self.items[item];
        let from = 2 * one.first as usize + item;
        from..from + 2 * (one.end - one.first) as usize + 1
    }

    /// Whether an item could be anywhere else than at home, where it costs so much, and save
    /// something by that.
    pub(crate) fn has_choice(&self, item: usize, at_home: u64) -> bool {
        let one = &self.items[item];
        let home = self.home();
        at_home > self.least[item] || usize::from(one.start) != home || usize::from(one.finish) != home
    }

    /// Bytes that an item takes in a pool: all offsets there are multiples of its alignment.
    pub(crate) fn taken(&self, item: usize, pool: usize) -> u64 {
        self.items[item].size.next_multiple_of(self.rooms[pool].alignment)
    }

    /// The steps strictly between the accesses around a cell, which is none of an access.
    pub(crate) fn between(&self, item: usize, cell: usize) -> (u32, u32) {
        let one = &self.items[item];
        let number = cell / 2;
        let from = match number {
            0 => 0,
            _ => self.accesses[one.first as usize + number - 1].step + 1,
        };
        let next = one.first as usize + number;
        let end = if next < one.end as usize { self.accesses[next].step } else { self.steps };
        (from, end)
    }

    /// The first step at which what is copied for an access takes room.
    pub(crate) fn arrival(&self, item: usize, number: usize) -> u32 {
        let one = &self.items[item];
        let step = self.accesses[one.first as usize + number].step;
        let earliest = match number {
            0 => 0,
            _ => self.accesses[one.first as usize + number - 1].step + 1,
        };
        step.saturating_sub(self.prefetch).max(earliest)
    }

    /// Steps from the first access of an item to the last.
    pub(crate) fn span(&self, item: usize) -> usize {
        let accesses = &self.accesses[self.items[item].accesses()];
        (accesses[accesses.len() - 1].step - accesses[0].step + 1) as usize
    }

    /// Whether there is no time for more than greedy choices.
    pub(crate) fn is_large(&self) -> bool {
        self.accesses.len() > LARGE
    }

    /// By item: how much it saves for its size and time on chip, of what it costs at home.
    pub(crate) fn worth(&self, at_home: &[u64]) -> Vec<f64> {
        let worth = |item: usize| {
            let one = &self.items[item];
            let saved = at_home[item].saturating_sub(self.least[item]) as f64;
            let accesses = &self.accesses[one.accesses()];
            let span = accesses.last().map_or(0, |last| last.step) - accesses[0].step + 1;
            let span = if one.whole > 0 { self.steps } else { span };
            saved / (one.size.max(1) as f64 * f64::from(span))
        };
        (0..self.items.len()).map(worth).collect()
    }
}
