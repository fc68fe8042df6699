//! Which pool everything lives in, and when: least traffic within the capacities.

// Bytes and costs stay below 2^61: items are checked for it before they come here.
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod cuts;
mod dual;
mod estimate;
mod instance;
mod pack;
mod path;
mod primal;
mod refit;
mod residents;
mod room;
mod shelf;
mod split;
mod state;
mod sweep;
mod way;

pub(crate) use estimate::{Estimate, Gap, estimate};
pub(crate) use instance::{Access, Instance, NewItem, Room};
use instance::{Item, Oversize};
pub(crate) use pack::{Laid, in_time, stacked};
pub(crate) use room::MOST;
pub(crate) use way::{Presence, Trip};

use crate::error::Result;
use crate::support::ids::PoolId;
use crate::support::limits::{Limits, Meter, Stop};
use crate::support::random::Random;
use dual::{Aim, Relaxed, Shown};
use pack::{Packer, pack};
use path::{Allowed, Prices, Ways};
use primal::by_worth;
use refit::{Refit, Start};
use split::{Small, Split};
use state::{Chosen, State};

/// A placement, and what is known of it.
pub(crate) struct Found {
    /// Ways by cell, and what they cost.
    pub(crate) ways: Vec<u8>,
    pub(crate) cost: u64,
    /// Offsets of all stays on chip.
    pub(crate) laid: Vec<Laid>,
    /// No placement costs less.
    pub(crate) bound: u64,
    /// What no capacity would save.
    pub(crate) floor: u64,
    pub(crate) nodes: u64,
    pub(crate) stop: Stop,
}

/// Nodes of a search for offsets, and how often something is sent home for want of them.
const QUICK: u64 = 20_000;
const PATIENT: usize = 20;
/// So many stays too high are looked at one by one.
const FEW_OVER: usize = 16;

/// Rounds of the dual at the root, at most and at least.
const ROUNDS: u32 = 3000;
const LEAST_ROUNDS: usize = 5;
/// Accesses and steps that all rounds look at: 60 ns each. Of large instances, fewer.
const ROUND_WORK: usize = 80_000_000;
const LARGE_ROUND_WORK: usize = 10_000_000;
/// Items that each turn of the local search looks at.
const SHAKE_WORK: usize = 4_000_000;
/// Nodes where the limits name no number. Of large instances, fewer.
const NODES: u64 = 700_000;
const LARGE_NODES: u64 = 200_000;

/// Places everything at the least cost that is found; none if what must be on chip does not
/// fit there. Once it is known that nothing costs less than `below`, that is all.
pub(crate) fn place(instance: &Instance, below: u64, limits: &Limits) -> Result<Option<Found>> {
    if instance.home() == 0 {
        return Ok(Some(only_at_home(instance)));
    }
    let free = Prices::none(instance.home(), instance.steps);
    let mut meter = Meter::new(limits, if instance.is_large() { LARGE_NODES } else { NODES });
    let mut search = Search::new(instance, free, below);
    let stop = search.run(&mut meter, limits)?;
    Ok(search.finish(meter.nodes(), stop))
}

/// The only placement where there is no other memory.
fn only_at_home(instance: &Instance) -> Found {
    let (ways, cost) = (State::at_home(instance), instance.least.iter().sum());
    let stop = if instance.is_cancelled() { Stop::Cancelled } else { Stop::Finished };
    Found { ways, cost, laid: Vec::new(), bound: cost, floor: cost, nodes: 0, stop }
}

/// Costs this far apart may be the same, where all together are of this magnitude.
fn tolerance(magnitude: f64) -> f64 {
    (1e-11 * magnitude).max(1e-6)
}

/// Counts what each item costs at least, when all are known.
pub(crate) fn complete(instance: &mut Instance) {
    let free = Prices::none(instance.home(), instance.steps);
    instance.least = least(instance, &free, u8::MAX);
    instance.floor = floor(instance, &free);
}

/// The cost of all items if every pool were large enough: an item that is larger than a pool counts as if that
/// pool took it.
fn floor(instance: &Instance, free: &Prices) -> u64 {
    let limits = &instance.limits;
    let mut unlimited = Instance::new(instance.rooms.clone(), instance.steps, instance.prefetch, limits);
    let mut floor: u64 = instance.least.iter().sum();
    for &Oversize { item, pools, whole } in &instance.oversize {
        floor -= instance.least[item];
        let Item { size, alignment, start, finish, .. } = instance.items[item];
        let (start, finish) = (PoolId::new(start.into()), PoolId::new(finish.into()));
        let accesses = &instance.accesses[instance.items[item].accesses()];
        let pools_at_any_capacity = pools;
        unlimited.add(&NewItem {
            size,
            alignment,
            pools,
            pools_at_any_capacity,
            start,
            finish,
            whole,
            accesses,
        });
    }
    floor + least(&unlimited, free, u8::MAX).iter().sum::<u64>()
}

/// By item: the least that it may cost if it is in no pool throughout; 0 once the call is cancelled.
fn least_of_passing(instance: &Instance, free: &Prices) -> Vec<u64> {
    let has_none = instance.items.iter().all(|item| item.whole == 0);
    if has_none { instance.least.clone() } else { least(instance, free, 0) }
}

/// By item: the least that it may cost, of ways that are throughout in these pools or come and
/// go; 0 once the call is cancelled.
fn least(instance: &Instance, free: &Prices, whole: u8) -> Vec<u64> {
    if instance.home() == 0 {
        let ways = State::at_home(instance);
        let cost = |item: usize| Trip { instance, item, way: &ways[instance.cells_of(item)] }.cost();
        return (0..instance.items.len()).map(cost).collect();
    }
    let mut ways = Ways::default();
    let mut way = Vec::new();
    let everywhere = vec![u8::MAX; instance.accesses.len()];
    let mut each = |item: usize| {
        let cells = &instance.cells[instance.cells_of(item)];
        way.clear();
        way.resize(cells.len(), 0);
        let allowed = Allowed { cells, arrivals: &everywhere, whole };
        ways.best(instance, item, free, allowed, &mut way);
        Trip { instance, item, way: &way }.cost()
    };
    let all = 0..instance.items.len();
    all.map(|item| if instance.is_cancelled() { 0 } else { each(item) }).collect()
}

/// A pool that cannot hold what must be there, and the first step at which that needs most.
pub(crate) struct Overfull {
    pub(crate) pool: usize,
    pub(crate) step: u32,
    /// What it needs.
    pub(crate) bytes: u64,
}

/// The first pool that cannot hold what must be there even if all else is at home.
pub(crate) fn fullest(instance: &Instance) -> Option<Overfull> {
    let ways = State::at_home(instance);
    let steps = instance.steps as usize;
    let mut load = vec![0u64; instance.home() * steps];
    for item in 0..instance.items.len() {
        Trip { instance, item, way: &ways[instance.cells_of(item)] }.stays(|stay| {
            let of_pool = &mut load[stay.pool * steps..(stay.pool + 1) * steps];
            for bytes in &mut of_pool[stay.from as usize..stay.end as usize] {
                *bytes += instance.taken(item, stay.pool);
            }
        });
    }
    load.chunks(steps).enumerate().find_map(|(pool, load)| {
        let bytes = load.iter().copied().max()?;
        let step = load.iter().position(|&one| one == bytes)? as u32;
        (bytes > instance.rooms[pool].bytes).then_some(Overfull { pool, step, bytes })
    })
}

struct Search<'a> {
    instance: &'a Instance,
    free: Prices,
    /// Only what costs less is of use.
    below: u64,
    state: State<'a>,
    /// By item: what it costs at home.
    at_home: Vec<u64>,
    split: Split,
    /// The best that fits by load.
    best: Chosen,
    /// The best that has offsets.
    laid: Option<(Chosen, Vec<Laid>)>,
    bound: f64,
    /// Prices by pool and step that show most of the bound.
    rates: Vec<f64>,
    magnitude: f64,
    /// What is done with small items in the exact search.
    small: Small,
}

impl<'a> Search<'a> {
    fn new(instance: &'a Instance, free: Prices, below: u64) -> Self {
        let state = State::new(instance);
        let at_home = state.chosen.costs.clone();
        let best = state.chosen.clone();
        let cheapest: u64 = instance.least.iter().sum();
        let magnitude = at_home.iter().map(|&cost| cost as f64).sum();
        let split = Split::new(instance, &at_home, &least_of_passing(instance, &free), Small::AtHome);
        let (laid, bound) = (None, cheapest as f64);
        let rates = vec![0.0; instance.home() * instance.steps as usize];
        Self {
            instance,
            free,
            below,
            state,
            at_home,
            split,
            best,
            laid,
            bound,
            rates,
            magnitude,
            small: Small::Others,
        }
    }

    fn run(&mut self, meter: &mut Meter<'_>, limits: &Limits) -> Result<Stop> {
        let _ = self.lay(meter, limits)?;
        if self.instance.is_cancelled() {
            return Ok(Stop::Cancelled);
        }
        let order = by_worth(&self.instance.worth(&self.at_home));
        let free = self.free.clone();
        self.state.rebuild(&order, &free);
        self.keep();
        let most_nodes = meter.hold_back(8);
        let searched =
            if self.best.cost > self.instance.least.iter().sum() { self.search(meter) } else { Ok(()) };
        meter.allow(most_nodes);
        self.copy_less();
        if self.bound >= self.below as f64 {
            return Ok(searched.err().unwrap_or(Stop::Finished));
        }
        if self.instance.is_cancelled() && self.laid.is_some() {
            return Ok(Stop::Cancelled);
        }
        let end = self.lay(meter, limits)?;
        if let Err(stop) = searched {
            return Ok(stop);
        }
        match end {
            Stop::Finished => self.cut_off(meter, limits),
            stop => Ok(stop),
        }
    }

    fn search(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let instance = self.instance;
        let free = self.free.clone();
        let order = by_worth(&self.instance.worth(&self.at_home));
        self.state.settle(&order, &free, meter)?;
        self.keep();
        let mut relaxed = Relaxed::new(instance, &self.at_home);
        let mut shown = Shown { prices: vec![0.0; instance.home() * instance.steps as usize], bound: 0.0 };
        let size = instance.accesses.len() + instance.steps as usize;
        let is_large = self.instance.is_large();
        let work = if is_large { LARGE_ROUND_WORK } else { ROUND_WORK };
        let rounds = (work / size).clamp(LEAST_ROUNDS, ROUNDS as usize) as u32;
        let known = self.best.cost.min(self.below) as f64;
        let aim = Aim { rounds, target: known, enough: known - 0.5 };
        let (mut round, every) = (0, if is_large { rounds } else { 50 });
        let outcome = relaxed.raise(&mut shown, aim, meter, |relaxed, _, target| {
            round += 1;
            if round % every == 0 {
                let worth = self.worth(&relaxed.costs);
                self.state.rebuild(&by_worth(&worth), &free);
                self.keep();
                *target = self.best.cost.min(self.below) as f64;
            }
        });
        self.bound = self.bound.max(shown.bound - 1e-11 * self.magnitude);
        self.rates.clone_from(&shown.prices);
        outcome?;
        let best = self.best.clone();
        self.state.adopt(&best.ways);
        relaxed.evaluate(&shown.prices);
        let worth = self.worth(&relaxed.costs);
        self.state.settle(&by_worth(&worth), &free, meter)?;
        self.keep();
        let mut random = Random::new(1);
        for _ in 0..if is_large { 0 } else { 6 } {
            if self.is_settled() {
                break;
            }
            let times = (SHAKE_WORK / instance.items.len()).min(1000);
            self.state.shake(times, &free, &worth, &mut random, meter)?;
            self.keep();
        }
        // States of each access, if there are as many as may be at first.
        let least_nodes = (instance.accesses.len() * split::WIDTHS.0 / 64) as u64;
        if !self.is_settled() && instance.prefetch == 0 && least_nodes < meter.remaining() {
            self.settle_exactly(&worth, meter)?;
        }
        Ok(())
    }

    /// The least cost by load, if it is found. Where much is small, that is not looked at one by
    /// one if the bound stays open otherwise.
    fn settle_exactly(&mut self, worth: &[f64], meter: &mut Meter<'_>) -> Result<(), Stop> {
        if self.split.small > 0 {
            let mut first = meter.of_question(meter.remaining() / 4);
            let _ = self.solve_by_load(Small::Others, &mut first);
            meter.spend(first.nodes())?;
            if self.is_settled() {
                return Ok(());
            }
            self.small = Small::AtHome;
        }
        let result = self.solve_by_load(self.small, meter);
        if self.small == Small::AtHome {
            // What is small may find room even so.
            let best = self.best.clone();
            self.state.adopt(&best.ways);
            self.state.settle(&by_worth(worth), &self.free, meter)?;
            self.keep();
        }
        result
    }

    fn solve_by_load(&mut self, small: Small, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let known = self.best.cost.min(self.below) as f64;
        let (found, result) = split::least_by_load(self.instance, &self.rates, (known, small), meter);
        self.bound = self.bound.max(found.bound);
        if let Some((cost, ways)) = found.best {
            self.state.adopt(&ways);
            debug_assert!(self.state.chosen.cost == cost || self.instance.is_cancelled());
            self.keep();
        }
        result
    }

    /// Whether nothing of use can cost less than the best by load.
    fn is_settled(&self) -> bool {
        self.best.cost.min(self.below) as f64 - 0.999 <= self.bound
    }

    /// How much an item saves above the price of its room, for what it costs at home.
    fn worth(&self, priced: &[f64]) -> Vec<f64> {
        let worth = |(&home, &priced): (&u64, &f64)| {
            let home = home as f64;
            if home > 0.0 { ((home - priced) / home).max(0.0) } else { 0.0 }
        };
        self.at_home.iter().zip(priced).map(worth).collect()
    }

    /// Gives each item of the best the way of its cost that copies least. Searches look at
    /// costs alone; bytes that move between pools on chip may cost nothing.
    fn copy_less(&mut self) {
        if self.instance.home() < 2 {
            return;
        }
        let best = self.best.clone();
        self.state.adopt(&best.ways);
        for item in (0..self.instance.items.len()).take_while(|_| !self.instance.is_cancelled()) {
            let mut copies = false;
            self.state.trip(item).copies(|_| copies = true);
            if copies {
                let way = self.state.chosen.ways[self.instance.cells_of(item)].to_vec();
                self.state.lift(item);
                if !self.state.put(item, &self.free) {
                    self.state.put_back(item, &way);
                }
            }
        }
        if self.state.chosen.cost <= self.best.cost {
            self.best = self.state.chosen.clone();
        }
    }

    fn keep(&mut self) {
        if self.state.chosen.cost < self.best.cost {
            self.best = self.state.chosen.clone();
        }
    }

    /// Gives offsets to the best, or to something near it.
    fn lay(&mut self, meter: &mut Meter<'_>, limits: &Limits) -> Result<Stop> {
        let quick = limits.clone().at_most(QUICK);
        let mut how = if self.instance.is_large() { Packer::Walk } else { Packer::Search(&quick) };
        let best = self.best.clone();
        self.state.adopt(&best.ways);
        if self.instance.is_cancelled() {
            // The state may have ways of both.
            return Ok(Stop::Cancelled);
        }
        let mut end = Stop::Finished;
        for attempt in 0..=PATIENT {
            let cost = self.state.chosen.cost;
            if self.laid.as_ref().is_some_and(|laid| laid.0.cost <= cost) {
                break;
            }
            let (mut packed, _, mut stop) = pack(self.instance, &self.state.chosen, how)?;
            if stop == Stop::Deadline {
                (end, how) = (stop, Packer::Walk);
                (packed, _, stop) = pack(self.instance, &self.state.chosen, how)?;
            }
            if stop == Stop::Cancelled {
                end = stop;
                break;
            }
            let is_hopeless = packed.over.len() > FEW_OVER || attempt == PATIENT || end == Stop::Deadline;
            if packed.over.is_empty() && attempt == 0 {
                self.laid = Some((best, packed.laid));
                break;
            } else if packed.over.is_empty() || is_hopeless {
                self.state.free_all();
                self.refit(&packed.laid, meter);
                break;
            } else if !self.fewer_residents(packed.needed) && !self.evict(&packed.over) {
                break;
            }
        }
        self.state.free_all();
        Ok(end)
    }

    /// Takes these offsets as far as they are within their pools, or others, and looks for
    /// something better.
    fn refit(&mut self, laid: &[Laid], meter: &mut Meter<'_>) {
        let enough = self.best.cost.min((self.bound + 1.0) as u64);
        let ways = self.state.chosen.ways.clone();
        let known = (&self.free, self.at_home.as_slice());
        let given = Refit::new(&mut self.state, known, laid, Start::Given).map(|refit| refit.cost());
        self.state.adopt(&ways);
        let mut refit = Refit::new(&mut self.state, known, laid, Start::BySize)
            .filter(|refit| given.is_none_or(|given| refit.cost() < given));
        if refit.is_none() {
            self.state.adopt(&ways);
            refit = Refit::new(&mut self.state, known, laid, Start::Given);
        }
        let Some(mut refit) = refit else { return };
        // What stopped it is seen by what comes next.
        let _ = refit.improve(enough, meter);
        let laid = refit.all_laid();
        if self.laid.as_ref().is_none_or(|known| self.state.chosen.cost < known.0.cost) {
            self.laid = Some((self.state.chosen.clone(), laid));
        }
    }

    /// Takes as much from residents as the rest needs above the capacity.
    fn fewer_residents(&mut self, needed: u64) -> bool {
        let instance = self.instance;
        let room = &instance.rooms[0];
        let residents = self.split.residents.items();
        let there: Vec<usize> = residents.filter(|&item| self.state.trip(item).whole().is_some()).collect();
        let taken: u64 = there.iter().map(|&item| instance.taken(item, 0)).sum();
        let Some(left) =
            taken.checked_sub(needed.saturating_sub(room.bytes).next_multiple_of(room.alignment))
        else {
            return false;
        };
        if there.is_empty() || needed <= room.bytes {
            return false;
        }
        let items = self.split.residents.best(left).items;
        let home = instance.home() as u8;
        for item in there.iter().copied().chain(items.iter().copied()) {
            let pool = if items.contains(&item) { 0 } else { home };
            let way = vec![pool; instance.cells_of(item).len()];
            self.state.lift(item);
            self.state.put_back(item, &way);
        }
        true
    }

    /// Sends what costs least of what does not fit away from where it lies.
    fn evict(&mut self, over: &[Laid]) -> bool {
        let mut least: Option<(u64, usize)> = None;
        for (place, laid) in over.iter().enumerate() {
            let undo = self.state.forbid(laid.item, laid.presence);
            let way = self.state.chosen.ways[self.instance.cells_of(laid.item)].to_vec();
            let cost = self.state.chosen.cost;
            self.state.lift(laid.item);
            if self.state.put(laid.item, &self.free) {
                let more = self.state.chosen.cost.saturating_sub(cost);
                if least.is_none_or(|least| more < least.0) {
                    least = Some((more, place));
                }
                self.state.lift(laid.item);
            }
            self.state.put_back(laid.item, &way);
            self.state.permit(laid.item, &undo);
        }
        let Some((_, place)) = least else { return false };
        let is_put = self.send_away(&over[place]).is_some();
        debug_assert!(is_put, "it was put before");
        true
    }

    /// Keeps an item away from where it lies, if there is another way for it; whether that is
    /// another one. Where it has to be, it comes back as it was.
    fn send_away(&mut self, laid: &Laid) -> Option<bool> {
        let undo = self.state.forbid(laid.item, laid.presence);
        let cells = self.instance.cells_of(laid.item);
        let way = self.state.chosen.ways[cells.clone()].to_vec();
        self.state.lift(laid.item);
        if self.state.put(laid.item, &self.free) {
            return Some(self.state.chosen.ways[cells] != way);
        }
        self.state.put_back(laid.item, &way);
        self.state.permit(laid.item, &undo);
        None
    }

    fn finish(self, nodes: u64, stop: Stop) -> Option<Found> {
        let (chosen, laid) = self.laid?;
        let bound = (self.bound.ceil().max(0.0) as u64).min(chosen.cost);
        Some(Found {
            ways: chosen.ways,
            cost: chosen.cost,
            laid,
            bound,
            floor: self.instance.floor,
            nodes,
            stop,
        })
    }
}
