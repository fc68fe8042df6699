//! Better ways whose stays have offsets all along: something gets a better way, and what is in its
//! way goes elsewhere. For what fits by load and does not by offsets, and for what is too large
//! for a search.

#[cfg(test)]
mod tests;

use std::ops::Range;

use smallvec::SmallVec;

use super::instance::Instance;
use super::pack::Laid;
use super::path::Prices;
use super::shelf::Shelf;
use super::state::State;
use super::way::Presence;
use crate::support::limits::{Meter, Stop};
use crate::support::random::Random;
use crate::support::sorting::{sort_by_keys, sort_keyed};

/// Ways that are tried for one item until its stays have offsets.
const TRIES: usize = 4;
/// Steps of all stays together of which it is worth while to keep account.
const MOST_STEPS: u64 = 100_000_000;
/// Looks for something better, at least, and turns in which nothing was found.
const MOVES: usize = 20_000;
const VAIN: usize = 20;
/// Steps of inner loops in the shelves: a second or two. Of large instances, fewer.
const MOST_WORK: u64 = 400_000_000;
const LARGE_WORK: u64 = 100_000_000;
/// Steps for an item that is looked at, beside those in the shelves.
const WORK_OF_AN_ITEM: usize = 512;
/// More than all that stays could weigh: what may not move.
const FAST: f64 = 1e100;

/// Ways, all of which have offsets.
pub(super) struct Refit<'s, 'a> {
    instance: &'a Instance,
    state: &'s mut State<'a>,
    /// No prices.
    free: &'s Prices,
    /// By item: what it costs at home.
    at_home: &'s [u64],
    shelves: Vec<Shelf>,
    /// By item: the pools and numbers of its stays.
    laid: Vec<SmallVec<[(u8, u32); 2]>>,
    /// Steps in the shelves that a meter knows of.
    charged: u64,
    /// Steps in the shelves after which nothing more is tried.
    most_work: u64,
}

/// What an item was before it was taken out.
struct Out {
    item: usize,
    way: SmallVec<[u8; 16]>,
    laid: SmallVec<[Laid; 2]>,
}

/// How stays get their offsets at first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// As they are, if they are not too high.
    Given,
    /// The largest first, each in the smallest hole that takes it.
    BySize,
}

impl<'s, 'a> Refit<'s, 'a> {
    /// From the ways of a state and offsets, of which some may be too high: those items are sent
    /// where there is room. None if there is none for something that has no choice, if there is
    /// too much to keep account of, or if the call is cancelled.
    pub(super) fn new(
        state: &'s mut State<'a>,
        (free, at_home): (&'s Prices, &'s [u64]),
        stays: &[Laid],
        start: Start,
    ) -> Option<Self> {
        let instance = state.instance;
        let length = |one: &Laid| u64::from(one.presence.end - one.presence.from);
        if stays.iter().map(length).sum::<u64>() > MOST_STEPS {
            return None;
        }
        let shelf = |room: &super::Room| Shelf::new(instance.steps, room.bytes, room.alignment);
        let shelves = instance.rooms[..instance.home()].iter().map(shelf).collect();
        let laid = vec![SmallVec::new(); instance.items.len()];
        let mut refit =
            Self { instance, state, free, at_home, shelves, laid, charged: 0, most_work: u64::MAX };
        let mut stays = stays.to_vec();
        let size = |one: &Laid| instance.items[one.item].size;
        if matches!(start, Start::BySize) {
            sort_by_keys(&mut stays, |one| [!size(one), !length(one)]);
        }
        let mut is_out = vec![false; instance.items.len()];
        for one in stays {
            if instance.is_cancelled() {
                return None;
            }
            let bytes = instance.rooms[one.presence.pool].bytes;
            let offset = match start {
                Start::Given => (one.offset + size(&one) <= bytes).then_some(one.offset),
                Start::BySize => refit.hole(one.item, one.presence),
            };
            match offset {
                Some(offset) => refit.lay(one.item, Laid { offset, ..one }),
                None => is_out[one.item] = true,
            }
        }
        let out: Vec<usize> = (0..is_out.len()).filter(|&item| is_out[item]).collect();
        let out: Vec<Out> = out.into_iter().map(|item| refit.lift(item)).collect();
        let mut has_room = true;
        for one in out {
            if instance.is_cancelled() {
                return None;
            }
            if !refit.put(one.item) {
                // The state has a way for everything even so.
                refit.state.put_back(one.item, &one.way);
                has_room = false;
            }
        }
        has_room.then_some(refit)
    }

    /// Steps of inner loops in all shelves.
    fn work(&self) -> u64 {
        self.shelves.iter().map(Shelf::work).sum()
    }

    /// Tells a meter of the work in the shelves since the last call.
    fn charge(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let work = self.work();
        let steps = 4 * (work - self.charged) as usize;
        self.charged = work;
        meter.work(WORK_OF_AN_ITEM + steps)
    }

    pub(super) fn cost(&self) -> u64 {
        self.state.chosen.cost
    }

    /// Offsets of all stays.
    pub(super) fn all_laid(&self) -> Vec<Laid> {
        let stay = |&(pool, number): &(u8, u32)| self.shelves[pool as usize].stay(number);
        self.laid.iter().flatten().map(stay).collect()
    }

    fn hole(&mut self, item: usize, presence: Presence) -> Option<u64> {
        let one = &self.instance.items[item];
        self.shelves[presence.pool].hole((one.size, one.alignment), (presence.from, presence.end))
    }

    fn lay(&mut self, item: usize, laid: Laid) {
        let pool = laid.presence.pool;
        let number = self.shelves[pool].put(laid, self.instance.items[item].size);
        self.laid[item].push((pool as u8, number));
    }

    fn lift(&mut self, item: usize) -> Out {
        let way = SmallVec::from_slice(&self.state.chosen.ways[self.instance.cells_of(item)]);
        self.state.lift(item);
        let stays = std::mem::take(&mut self.laid[item]);
        let laid = stays.iter().map(|&(pool, number)| self.shelves[pool as usize].take(number)).collect();
        Out { item, way, laid }
    }

    fn put_back(&mut self, out: &Out) {
        self.state.put_back(out.item, &out.way);
        for &laid in &out.laid {
            self.lay(out.item, laid);
        }
    }

    /// Gives an item that was taken out a cheap way whose stays have offsets; whether there is one.
    fn put(&mut self, item: usize) -> bool {
        self.state.find_room(item);
        for _ in 0..TRIES {
            if !self.state.find_way(item, 0, self.free) {
                return false;
            }
            match self.lay_all(item) {
                Ok(()) => {
                    self.state.take(item);
                    return true;
                }
                Err((pool, cells)) => self.state.close(item, pool, cells),
            }
        }
        self.state.close_chips(item);
        let is_found = self.state.find_way(item, 0, self.free) && self.lay_all(item).is_ok();
        if is_found {
            self.state.take(item);
        }
        is_found
    }

    /// Gives offsets to all stays of the way at hand; if one has none, its pool and cells.
    fn lay_all(&mut self, item: usize) -> Result<(), (usize, Range<usize>)> {
        let mut stays: SmallVec<[(Presence, Range<usize>); 4]> = SmallVec::new();
        self.state.trip_at_hand(item).stays_by_cells(|stay, cells| stays.push((stay, cells)));
        for (presence, cells) in stays {
            let Some(offset) = self.hole(item, presence) else {
                for (pool, number) in std::mem::take(&mut self.laid[item]) {
                    self.shelves[pool as usize].take(number);
                }
                return Err((presence.pool, cells));
            };
            self.lay(item, Laid { item, presence, offset });
        }
        Ok(())
    }

    /// Looks for something better for all that could cost less, in turns, until nothing costs less
    /// than `enough`.
    ///
    /// # Errors
    /// Why the search must stop; what is there has offsets even so.
    pub(super) fn improve(&mut self, enough: u64, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let random = &mut Random::new(1);
        let (mut moves, mut vain) = (0, 0);
        self.most_work = self.work() + if self.instance.is_large() { LARGE_WORK } else { MOST_WORK };
        while moves < MOVES && vain < VAIN && self.work() < self.most_work {
            let mut wanting: Vec<usize> =
                (0..self.instance.items.len()).filter(|&item| self.wants(item)).collect();
            if wanting.is_empty() || self.cost() <= enough {
                break;
            }
            super::primal::shuffle(&mut wanting, random);
            let before = self.cost();
            moves += wanting.len();
            for item in wanting {
                if self.work() < self.most_work && self.wants(item) {
                    self.turn_over(item, random, meter)?;
                }
            }
            vain = if self.cost() < before { 0 } else { vain + 1 };
        }
        Ok(())
    }

    fn wants(&self, item: usize) -> bool {
        self.state.chosen.costs[item] > self.instance.least[item] && self.may_move(item)
    }

    /// What is resident stays as it is, and what can be nowhere else but at home.
    fn may_move(&self, item: usize) -> bool {
        let home = 1 << self.instance.home();
        let cells = &self.instance.cells[self.instance.cells_of(item)];
        cells.iter().skip(1).step_by(2).any(|&cell| cell & !home > 0)
            && self.state.trip(item).whole().is_none()
    }

    /// Gives an item a better way, and sends what is in its way elsewhere; keeps what is not worse.
    fn turn_over(&mut self, wanting: usize, random: &mut Random, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let before = self.cost();
        let mut out = vec![self.lift(wanting)];
        let is_better = match self.dream(wanting, before, random) {
            Some(dream) => self.make_room(wanting, dream, (&mut out, before), random, meter),
            None => Ok(false),
        };
        if is_better != Ok(true) {
            for one in &out {
                self.put_back(one);
            }
        }
        is_better?;
        self.charge(meter)
    }

    /// Lays an item that is out where it would lie best, and what lies there elsewhere; whether all
    /// together cost no more than before. If they do, if the work for that is more than there is left
    /// (thousands of items may lie where one would), or if the search must stop, all of them are out,
    /// and so they are in `out`.
    fn make_room(
        &mut self,
        wanting: usize,
        (stays, mut others): (Dream, Others),
        (out, before): (&mut Vec<Out>, u64),
        random: &mut Random,
        meter: &mut Meter<'_>,
    ) -> Result<bool, Stop> {
        for &item in &others {
            self.charge(meter)?;
            if self.work() >= self.most_work {
                return Ok(false);
            }
            out.push(self.lift(item));
        }
        for laid in stays {
            self.lay(wanting, laid);
        }
        self.state.take(wanting);
        self.by_worth(&mut others, random);
        let (mut there, mut is_put) = (0, Ok(true));
        while there < others.len() && is_put == Ok(true) {
            let goes_on = self.charge(meter).map(|()| self.work() < self.most_work);
            is_put = goes_on.map(|goes_on| goes_on && self.put(others[there]));
            there += usize::from(is_put == Ok(true));
        }
        let is_better = is_put.map(|is_put| is_put && self.cost() <= before);
        if is_better != Ok(true) {
            for &item in others[..there].iter().chain([&wanting]) {
                self.lift(item);
            }
        }
        is_better
    }

    /// A better way for an item that was taken out, as if there were room, where it could lie with
    /// least in its way, and that.
    fn dream(&mut self, wanting: usize, before: u64, random: &mut Random) -> Option<(Dream, Others)> {
        self.state.dream(wanting, random);
        let is_found = self.state.find_way(wanting, 0, self.free);
        let trip = self.state.trip_at_hand(wanting);
        if !is_found || trip.cost() + self.cost() >= before {
            return None;
        }
        let saved = (before - self.cost() - trip.cost()) as f64;
        let noise = random.next();
        let weigh = |item: usize| {
            let lost = self.at_home[item].saturating_sub(self.state.chosen.costs[item]) as f64;
            let chance = 0.5 + Random::new(noise ^ item as u64).unit();
            if self.may_move(item) { lost * chance } else { FAST }
        };
        let one = &self.instance.items[wanting];
        let (mut stays, mut others, mut weight) = (Dream::new(), Others::new(), 0.0);
        trip.stays(|presence| {
            let (pool, range) = (&self.shelves[presence.pool], (presence.from, presence.end));
            let window = pool.window((one.size, one.alignment), range, weigh);
            weight += window.map_or(FAST, |window| window.weight);
            if let Some(window) = window {
                stays.push(Laid { item: wanting, presence, offset: window.offset });
                others.extend(pool.items_in((window.offset, one.size), range));
            }
        });
        // What goes may find another place, and lose nothing.
        if weight > 4.0 * saved {
            return None;
        }
        others.sort_unstable();
        others.dedup();
        Some((stays, others))
    }

    /// By what items save for their size and time, and chance.
    fn by_worth(&self, items: &mut Others, random: &mut Random) {
        let instance = self.instance;
        let worth = |item: usize| {
            let accesses = &instance.accesses[instance.items[item].accesses()];
            let moved: u64 = accesses.iter().map(|access| access.before.max(access.after)).sum();
            moved as f64 / (instance.items[item].size as f64 * instance.span(item) as f64).max(1.0)
        };
        let mut keyed: SmallVec<[([u64; 2], u64); 16]> = SmallVec::new();
        for &item in items.iter() {
            keyed.push(([!(worth(item) * (0.5 + random.unit())).to_bits(), 0], item as u64));
        }
        sort_keyed(&mut keyed);
        for (item, keyed) in items.iter_mut().zip(keyed) {
            *item = keyed.1 as usize;
        }
    }
}

type Dream = SmallVec<[Laid; 4]>;
type Others = SmallVec<[usize; 16]>;
