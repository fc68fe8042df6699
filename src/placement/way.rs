//! What a way through the pools means: stays, copies, and what they cost.

use std::ops::Range;

use super::instance::Instance;

/// An item lies in a pool at steps `from..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) pool: usize,
    pub(crate) from: u32,
    pub(crate) end: u32,
}

/// What an item holds is copied from pool to pool: from the start of step `step`, done
/// before step `due` starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    /// The access before or after which it is.
    pub(crate) number: usize,
    pub(crate) after: bool,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) step: u32,
    pub(crate) due: u32,
}

/// A way, read.
pub(crate) struct Trip<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) item: usize,
    pub(crate) way: &'a [u8],
}

impl Trip<'_> {
    /// The pool in which it is throughout, run after run.
    pub(crate) fn whole(&self) -> Option<usize> {
        let pool = self.way[0];
        (self.instance.items[self.item].whole >> pool & 1 == 1).then_some(pool.into())
    }

    /// Where it lies on chip, in the order of time for each pool.
    pub(crate) fn stays(&self, mut stay: impl FnMut(Presence)) {
        self.stays_by_cells(|presence, _| stay(presence));
    }

    /// The same, each with those of its cells that make it.
    pub(crate) fn stays_by_cells(&self, mut stay: impl FnMut(Presence, Range<usize>)) {
        let (instance, home) = (self.instance, self.instance.home());
        if let Some(pool) = self.whole() {
            return stay(Presence { pool, from: 0, end: instance.steps }, 0..self.way.len());
        }
        let one = &instance.items[self.item];
        // Where it is now, since when, and from which cell on.
        let mut open = (self.way[0] as usize, 0, 0);
        for (number, access) in instance.accesses[one.accesses()].iter().enumerate() {
            let step = access.step;
            let (via, after) = (self.way[2 * number + 1] as usize, self.way[2 * number + 2] as usize);
            if via != open.0 {
                if open.0 != home {
                    let presence = Presence { pool: open.0, from: open.1, end: step + 1 };
                    stay(presence, open.2..2 * number + 1);
                }
                let arrives = access.before > 0;
                let from = if arrives { instance.arrival(self.item, number) } else { step };
                open = (via, from, 2 * number + 1);
            }
            if after != via {
                if via != home {
                    stay(Presence { pool: via, from: open.1, end: step + 1 }, open.2..2 * number + 2);
                }
                open = (after, step, 2 * number + 2);
            }
        }
        if open.0 != home {
            stay(Presence { pool: open.0, from: open.1, end: instance.steps }, open.2..self.way.len());
        }
    }

    /// When it must keep its place at home, if it has one.
    pub(crate) fn at_home(&self) -> Option<Presence> {
        let (instance, home) = (self.instance, self.instance.home());
        if self.whole().is_some() {
            return None;
        }
        let one = &instance.items[self.item];
        let mut range: Option<(u32, u32)> = None;
        let mut touch = |from: u32, end: u32| {
            let known = range.unwrap_or((from, end));
            range = Some((known.0.min(from), known.1.max(end)));
        };
        for (number, access) in instance.accesses[one.accesses()].iter().enumerate() {
            let is_home = |cell: usize| self.way[cell] as usize == home;
            let (before, via, after) =
                (is_home(2 * number), is_home(2 * number + 1), is_home(2 * number + 2));
            if before && access.before > 0 {
                touch(if number == 0 { 0 } else { access.step }, access.step + 1);
            }
            let last = number + 1 == one.accesses().len();
            if via || (after && access.after > 0) {
                let kept = last && after && access.after > 0;
                touch(access.step, if kept { instance.steps } else { access.step + 1 });
            }
        }
        range.map(|(from, end)| Presence { pool: home, from, end })
    }

    /// What is copied, in the order of time.
    pub(crate) fn copies(&self, mut copy: impl FnMut(Copied)) {
        let (instance, home) = (self.instance, self.instance.home());
        if self.whole().is_some() {
            return;
        }
        let one = &instance.items[self.item];
        let mut dirty = one.dirty;
        for (number, access) in instance.accesses[one.accesses()].iter().enumerate() {
            let place = |cell: usize| self.way[cell] as usize;
            let (before, via, after) = (place(2 * number), place(2 * number + 1), place(2 * number + 2));
            if via != before && access.before > 0 {
                let step = instance.arrival(self.item, number);
                copy(Copied { number, after: false, from: before, to: via, step, due: access.step });
            }
            dirty = via != home && ((dirty && before != home) || access.write > 0);
            if after != via && access.after > 0 && (after != home || dirty) {
                let due = access.step + 1;
                copy(Copied { number, after: true, from: via, to: after, step: due, due });
            }
            dirty &= after != home;
        }
    }

    /// Bytes of a copy.
    pub(crate) fn bytes(&self, copied: &Copied) -> u64 {
        let access = &self.instance.accesses[self.instance.items[self.item].accesses()][copied.number];
        if copied.after { access.after } else { access.before }
    }

    /// What it costs in all.
    pub(crate) fn cost(&self) -> u64 {
        let instance = self.instance;
        let mut cost = 0;
        for (number, access) in instance.accesses[instance.items[self.item].accesses()].iter().enumerate() {
            let room = &instance.rooms[self.way[2 * number + 1] as usize];
            cost += access.read * room.read + access.write * room.write;
        }
        self.copies(|copied| {
            let each = instance.rooms[copied.from].from + instance.rooms[copied.to].to;
            cost += self.bytes(&copied) * each;
        });
        cost
    }
}
