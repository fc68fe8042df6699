//! A way for every item, and the room that they leave.

use std::ops::Range;

use super::instance::Instance;
use super::path::{Allowed, Prices, Ways, bits};
use super::room::Left;
use super::way::{Presence, Trip};
use crate::support::random::Random;

/// Ways of all items, by cell, each of the cost by item.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) ways: Vec<u8>,
    pub(crate) costs: Vec<u64>,
    pub(crate) cost: u64,
}

/// Ways that fit by load, or are about to.
pub(crate) struct State<'a> {
    pub(crate) instance: &'a Instance,
    /// Pools that cells may be in, of all that the instance allows.
    pub(crate) cells: Vec<u8>,
    pub(crate) whole: Vec<u8>,
    pub(crate) chosen: Chosen,
    left: Vec<Left>,
    ways: Ways,
    /// For one item: masks, and a way.
    mask: Vec<u8>,
    arrivals: Vec<u8>,
    way: Vec<u8>,
}

impl<'a> State<'a> {
    /// All at home, but for what must be elsewhere.
    pub(crate) fn new(instance: &'a Instance) -> Self {
        let left = instance.rooms.iter().map(|room| Left::new(instance.steps, room.capacity));
        let mut state = Self {
            instance,
            cells: instance.cells.clone(),
            whole: instance.items.iter().map(|item| item.whole).collect(),
            chosen: Chosen {
                ways: vec![instance.home() as u8; instance.cells.len()],
                costs: vec![0; instance.items.len()],
                cost: 0,
            },
            left: left.collect(),
            ways: Ways::default(),
            mask: Vec::new(),
            arrivals: Vec::new(),
            way: Vec::new(),
        };
        let ways = Self::at_home(instance);
        for item in 0..instance.items.len() {
            state.put_back(item, &ways[instance.cells_of(item)]);
        }
        state
    }

    /// Ways that stay at home as far as they may. What starts or ends on chip passes through
    /// chip at its first or last access.
    pub(crate) fn at_home(instance: &Instance) -> Vec<u8> {
        let home = instance.home() as u8;
        let mut ways = vec![home; instance.cells.len()];
        for (item, one) in instance.items.iter().enumerate() {
            let way = &mut ways[instance.cells_of(item)];
            let last = way.len() - 1;
            (way[0], way[last]) = (one.start, one.finish);
            if one.start != home {
                way[1] = one.start;
            }
            if one.finish != home {
                way[last - 1] = one.finish;
            }
        }
        ways
    }

    /// Takes the way at hand for an item that has none.
    pub(super) fn take(&mut self, item: usize) {
        let cells = self.instance.cells_of(item);
        self.chosen.ways[cells].copy_from_slice(&self.way);
        self.occupy(item, -1);
        let trip = self.trip(item);
        let cost = trip.cost();
        self.chosen.costs[item] = cost;
        self.chosen.cost += cost;
    }

    pub(crate) fn trip(&self, item: usize) -> Trip<'_> {
        let way = &self.chosen.ways[self.instance.cells_of(item)];
        Trip { instance: self.instance, item, way }
    }

    fn occupy(&mut self, item: usize, sign: i64) {
        let instance = self.instance;
        let way = &self.chosen.ways[instance.cells_of(item)];
        let left = &mut self.left;
        Trip { instance, item, way }.stays(|stay| {
            let bytes = instance.taken(item, stay.pool) as i64;
            left[stay.pool].add(stay.from, stay.end, sign * bytes);
        });
    }

    /// Frees the room of an item.
    pub(crate) fn lift(&mut self, item: usize) {
        self.occupy(item, 1);
        self.chosen.cost -= std::mem::take(&mut self.chosen.costs[item]);
    }

    /// Gives an item that was lifted the cheapest way for which there is room; whether there
    /// is one.
    pub(crate) fn put(&mut self, item: usize, prices: &Prices) -> bool {
        self.find_room(item);
        let is_found = self.find_way(item, self.whole_room(item), prices);
        if is_found {
            self.take(item);
        }
        is_found
    }

    /// Finds the cheapest way through what [`find_room`](Self::find_room) found, and has it at
    /// hand; whether there is one.
    pub(super) fn find_way(&mut self, item: usize, whole: u8, prices: &Prices) -> bool {
        self.way.clear();
        self.way.resize(self.mask.len(), 0);
        let allowed = Allowed { cells: &self.mask, arrivals: &self.arrivals, whole };
        self.ways.best(self.instance, item, prices, allowed, &mut self.way) < f64::INFINITY
    }

    /// The way at hand.
    pub(super) fn trip_at_hand(&self, item: usize) -> Trip<'_> {
        Trip { instance: self.instance, item, way: &self.way }
    }

    /// As if there were room everywhere: but for waits that are closed by chance, all that an
    /// item may do.
    pub(super) fn dream(&mut self, item: usize, random: &mut Random) {
        let home = self.instance.home();
        self.mask.clear();
        self.mask.extend_from_slice(&self.cells[self.instance.cells_of(item)]);
        self.arrivals.clear();
        self.arrivals.resize(self.mask.len() / 2, u8::MAX);
        let last = self.mask.len() - 1;
        if last > 4 && random.below(2) == 0 {
            for cell in (2..last).step_by(2) {
                if self.mask[cell] >> home & 1 == 1 && random.below(2) == 0 {
                    self.mask[cell] = 1 << home;
                }
            }
        }
    }

    /// Closes a pool for the longest wait among these cells of an item, or if there is none, for
    /// its accesses there, until room is looked for again.
    pub(super) fn close(&mut self, item: usize, pool: usize, cells: Range<usize>) {
        let last = self.mask.len() - 1;
        let length = |&cell: &usize| {
            let (from, end) = self.instance.between(item, cell);
            end - from
        };
        let waits = cells.clone().filter(|&cell| cell % 2 == 0 && cell > 0 && cell < last);
        if let Some(longest) = waits.max_by_key(length) {
            self.mask[longest] &= !(1 << pool);
        } else {
            cells.filter(|cell| cell % 2 == 1).for_each(|cell| self.mask[cell] &= !(1 << pool));
        }
    }

    /// Closes all but home, where an item may be there, until room is looked for again.
    pub(super) fn close_chips(&mut self, item: usize) {
        let (home, one) = (self.instance.home(), &self.instance.items[item]);
        let last = self.mask.len() - 1;
        let (first, end) = (usize::from(one.start) != home, usize::from(one.finish) != home);
        for (cell, mask) in self.mask.iter_mut().enumerate() {
            let is_bound = (first && cell <= 1) || (end && cell + 1 >= last);
            if cell > 0 && cell < last && !is_bound {
                *mask &= 1 << home;
            }
        }
    }

    /// Gives a lifted item the way that it had.
    pub(crate) fn put_back(&mut self, item: usize, way: &[u8]) {
        self.way.clear();
        self.way.extend_from_slice(way);
        self.take(item);
    }

    /// Keeps an item away from a pool at these steps; returns what it was allowed before.
    pub(crate) fn forbid(&mut self, item: usize, presence: Presence) -> (Vec<u8>, u8) {
        let instance = self.instance;
        let cells = instance.cells_of(item);
        let before = (self.cells[cells.clone()].to_vec(), self.whole[item]);
        let is_whole = self.trip(item).whole().is_some();
        if is_whole {
            self.whole[item] &= !(1 << presence.pool);
            return before;
        }
        let one = &instance.items[item];
        for (place, cell) in cells.enumerate() {
            let (from, end) = if place % 2 == 1 {
                let step = instance.accesses[one.first as usize + place / 2].step;
                (step, step + 1)
            } else {
                instance.between(item, place)
            };
            let must = place == 0 || place + 1 == before.0.len();
            if !must && from.max(presence.from) < end.min(presence.end).max(from + 1) && from < presence.end {
                self.cells[cell] &= !(1 << presence.pool);
            }
        }
        before
    }

    /// Allows an item what it was allowed before.
    pub(crate) fn permit(&mut self, item: usize, (cells, whole): &(Vec<u8>, u8)) {
        self.cells[self.instance.cells_of(item)].copy_from_slice(cells);
        self.whole[item] = *whole;
    }

    /// Allows all items all that the instance does.
    pub(crate) fn free_all(&mut self) {
        self.cells.copy_from_slice(&self.instance.cells);
        for (whole, item) in self.whole.iter_mut().zip(&self.instance.items) {
            *whole = item.whole;
        }
    }

    fn whole_room(&self, item: usize) -> u8 {
        let roomy = |pool: &usize| self.has_room(item, *pool, (0, self.instance.steps));
        bits(self.whole[item]).filter(roomy).fold(0, |mask, pool| mask | 1 << pool)
    }

    fn has_room(&self, item: usize, pool: usize, (from, end): (u32, u32)) -> bool {
        pool == self.instance.home()
            || self.left[pool].least(from, end) >= self.instance.taken(item, pool) as i64
    }

    /// Masks of where there is room for an item.
    pub(super) fn find_room(&mut self, item: usize) {
        let instance = self.instance;
        let one = &instance.items[item];
        let cells = instance.cells_of(item);
        let mut mask = std::mem::take(&mut self.mask);
        let mut arrivals = std::mem::take(&mut self.arrivals);
        mask.clear();
        arrivals.clear();
        for (cell, &allowed) in self.cells[cells].iter().enumerate() {
            let number = cell / 2;
            let is_access = cell % 2 == 1;
            let range = if is_access {
                let step = instance.accesses[one.first as usize + number].step;
                (step, step + 1)
            } else {
                let (from, end) = instance.between(item, cell);
                // And the accesses around.
                let last = number == one.accesses().len();
                (from.saturating_sub(u32::from(number > 0)), if last { end } else { end + 1 })
            };
            let roomy = bits(allowed).filter(|&pool| self.has_room(item, pool, range));
            let roomy = roomy.fold(0, |mask, pool| mask | 1 << pool);
            mask.push(roomy);
            if is_access {
                let arrival = instance.arrival(item, number);
                let needs = instance.accesses[one.first as usize + number].before > 0 && arrival < range.0;
                let free = |pool: &usize| !needs || self.has_room(item, *pool, (arrival, range.0));
                arrivals.push(bits(roomy).filter(free).fold(0, |mask, pool| mask | 1 << pool));
            }
        }
        (self.mask, self.arrivals) = (mask, arrivals);
    }

    /// Whether an item lies in a pool at a step.
    pub(crate) fn is_at(&self, item: usize, pool: usize, step: u32) -> bool {
        let mut found = false;
        self.trip(item).stays(|stay| found |= stay.pool == pool && stay.from <= step && step < stay.end);
        found
    }
}
