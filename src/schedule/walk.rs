//! A cursor that knows who is ready.

use super::cursor::Cursor;
use super::network::Network;
use super::spend;
use crate::limits::{Meter, Stop};
use crate::random::Random;

#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    pub(super) cursor: Cursor<'a>,
    /// Operators that are ready, in no order that means anything.
    ready: Vec<u32>,
    /// Work of a look at all of them.
    pub(super) ready_work: u64,
    /// By operator: its place among those.
    place: Vec<u32>,
    /// By operator: work of a look at it, or of running it.
    work: Vec<u32>,
    changed: Vec<u32>,
}

impl<'a> Walk<'a> {
    /// Nothing has run.
    pub(super) fn new(network: &'a Network) -> Self {
        let count = network.operator_count();
        let mut walk = Self {
            cursor: Cursor::new(network),
            ready: Vec::new(),
            ready_work: 0,
            place: vec![u32::MAX; count as usize],
            work: (0..count).map(|operator| work(network, operator)).collect(),
            changed: Vec::new(),
        };
        (0..count).for_each(|operator| walk.update(operator));
        walk
    }

    pub(super) fn ready(&self) -> &[u32] {
        &self.ready
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.cursor.done_count == self.cursor.network.operator_count()
    }

    fn update(&mut self, operator: u32) {
        let (place, is_ready) = (self.place[operator as usize], self.cursor.is_ready(operator));
        if is_ready && place == u32::MAX {
            self.place[operator as usize] = self.ready.len() as u32;
            self.ready.push(operator);
            self.ready_work += u64::from(self.work[operator as usize]);
        } else if !is_ready && place < u32::MAX {
            self.ready.swap_remove(place as usize);
            if let Some(&moved) = self.ready.get(place as usize) {
                self.place[moved as usize] = place;
            }
            self.place[operator as usize] = u32::MAX;
            self.ready_work -= u64::from(self.work[operator as usize]);
        }
    }

    /// Runs an operator, or takes it back.
    pub(super) fn flip(&mut self, operator: u32) {
        let mut changed = std::mem::take(&mut self.changed);
        self.cursor.flip(operator, |other| changed.push(other));
        for other in changed.drain(..) {
            self.update(other);
        }
        self.changed = changed;
    }

    /// Moves to a set of operators; returns the work of that.
    pub(super) fn go_to(&mut self, set: &[u64]) -> u64 {
        let mut work = set.len() as u64;
        for (word, &wanted) in set.iter().enumerate() {
            let mut different = wanted ^ self.cursor.done.as_raw_slice()[word];
            while different != 0 {
                let operator = (word * 64) as u32 + different.trailing_zeros();
                self.flip(operator);
                different &= different - 1;
                work += 2 * u64::from(self.work[operator as usize]);
            }
        }
        work
    }

    /// Runs at once what fits the peak and leaves no more live than before, the first
    /// ones first: in any order from here, moving such an operator to the front raises
    /// nothing. Tells whom, and what it took; returns the work of looking.
    ///
    /// What frees something that was rounded up is left alone: its rounding may have hung
    /// over the end of the arena.
    ///
    /// # Errors
    /// Why it must stop.
    pub(super) fn run_free(
        &mut self,
        peak: u64,
        meter: &mut Meter<'_>,
        mut ran: impl FnMut(u32, u64),
    ) -> Result<(), Stop> {
        loop {
            let cursor = &self.cursor;
            let free = |&operator: &u32| {
                let step = cursor.step(operator);
                let is_free =
                    step.after <= cursor.live && step.bytes <= peak && !reads_padded(cursor, operator);
                is_free.then_some((operator, step.bytes))
            };
            let next = self.ready.iter().filter_map(free).min();
            spend(meter, 0, self.ready_work)?;
            let Some((operator, bytes)) = next else { return Ok(()) };
            self.flip(operator);
            ran(operator, bytes);
        }
    }
}

fn reads_padded(cursor: &Cursor<'_>, operator: u32) -> bool {
    let network = cursor.network;
    let padded = |&tensor: &u32| network.paddings.tensors[tensor as usize] > 0;
    network.paddings.any && network.reads.row(operator).iter().any(padded)
}

/// Work of a look at an operator, or of running it: most have a handful of tensors.
fn work(network: &Network, operator: u32) -> u32 {
    let rows = [&network.reads, &network.early, &network.writes, &network.after];
    let tensors = rows.map(|rows| rows.row(operator).len()).iter().sum::<usize>();
    (8 + tensors + network.saves.looked_at(operator)) as u32
}

/// A key for each operator; a set of them has the sum of theirs.
pub(super) fn marks(count: u32) -> Vec<u128> {
    let mut random = Random::new(0x243f_6a88_85a3_08d3);
    (0..count).map(|_| random.key()).collect()
}
