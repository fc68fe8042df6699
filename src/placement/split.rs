//! Where some items may be on chip throughout: how much of the pool those get, and how much
//! is left for what comes and goes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::dual::Relaxed;
use super::instance::{Instance, MOST_POOLS};
use super::path::Prices;
use super::residents::{Best, Residents};
use super::state::State;
use super::sweep::{Question, Swept, sweep};
use super::way::Trip;
use crate::support::limits::{Meter, Stop};
use crate::support::sorting::sort_by_keys;

/// Items that are on chip throughout or at home and have no other choice, and all others
/// that have one.
pub(crate) struct Split {
    pub(crate) residents: Residents,
    pub(crate) others: Vec<usize>,
    /// What all items cost that have no choice, and the residents at home.
    pub(crate) fixed: u64,
    /// Residents that come and go instead may cost so much less, and what is at home, all together.
    pub(crate) slack: u64,
    /// So many others are at home, for how little they cost.
    pub(crate) small: usize,
}

/// Items that cost little to be without, all together no more than one in so many of what could
/// be saved, are not looked at one by one, if there are more than a few: those that could be
/// residents as well are nothing else, and those with several reads are at home.
const SLACK: u64 = 5000;
const FEW: usize = 6;
/// So many accesses are several: fewer are soon over.
const SEVERAL: usize = 3;

/// What becomes of items that cost little to be without, and could be no residents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Small {
    /// They are looked at as all others are.
    Others,
    AtHome,
}

impl Split {
    /// With several pools on chip there are no residents: each is one of the others.
    pub(crate) fn new(instance: &Instance, at_home: &[u64], chain_least: &[u64], small: Small) -> Self {
        let home = instance.home();
        let (mut residents, mut others, mut fixed) = (Vec::new(), Vec::new(), 0);
        let resident = |item: usize| (instance.taken(item, 0), at_home[item] - instance.least[item], item);
        for (item, one) in instance.items.iter().enumerate() {
            if !instance.has_choice(item, at_home[item]) {
                fixed += at_home[item];
            } else if home == 1 && one.whole > 0 && chain_least[item] == at_home[item] {
                residents.push(resident(item));
                fixed += at_home[item];
            } else {
                others.push(item);
            }
        }
        let loss = |item: usize| at_home[item] - chain_least[item];
        let is_long = |item: usize| {
            let one = &instance.items[item];
            let is_home = usize::from(one.start) == home && usize::from(one.finish) == home;
            one.whole == 0 && one.accesses().len() >= SEVERAL && is_home
        };
        let is_resident = |item: usize| home == 1 && instance.items[item].whole > 0;
        let most = (at_home.iter().sum::<u64>() - instance.least.iter().sum::<u64>()) / SLACK;
        let mut slack = 0;
        let mut leave = |is_meant: &dyn Fn(usize) -> bool| {
            let mut some: Vec<usize> = others.iter().copied().filter(|&item| is_meant(item)).collect();
            sort_by_keys(&mut some, |&item| [loss(item), item as u64]);
            some.truncate(some.len().saturating_sub(FEW));
            some.retain(|&item| {
                let is_little = slack + loss(item) <= most;
                slack += if is_little { loss(item) } else { 0 };
                is_little
            });
            fixed += some.iter().map(|&item| at_home[item]).sum::<u64>();
            let mut is_left = vec![false; instance.items.len()];
            for &item in &some {
                is_left[item] = true;
            }
            others.retain(|&item| !is_left[item]);
            some
        };
        residents.extend(leave(&is_resident).into_iter().map(resident));
        let small = if small == Small::AtHome { leave(&is_long).len() } else { 0 };
        Self { residents: Residents::new(residents), others, fixed, slack, small }
    }
}

/// The least cost by load that is below what is known, if it is found, and what none is below.
/// What stopped it is beside that.
pub(crate) fn least_by_load(
    instance: &Instance,
    rates: &[f64],
    (known, small): (f64, Small),
    meter: &mut Meter<'_>,
) -> (Outcome, Result<(), Stop>) {
    let ways = State::at_home(instance);
    let cost = |item| Trip { instance, item, way: &ways[instance.cells_of(item)] }.cost();
    let at_home: Vec<u64> = (0..instance.items.len()).map(cost).collect();
    let free = Prices::none(instance.home(), instance.steps);
    let split = Split::new(instance, &at_home, &super::least_of_passing(instance, &free), small);
    let tolerance = super::tolerance(at_home.iter().map(|&cost| cost as f64).sum());
    let (found, result) = if instance.home() == 1 {
        let mut relaxed = Relaxed::new(instance, &at_home);
        relaxed.evaluate(rates);
        let priced = split.others.iter().map(|&item| relaxed.costs[item]).sum();
        let (split, saved) = (&split, RefCell::default());
        Sharing { instance, split, rates, priced, widths: WIDTHS, known, tolerance, saved }.search(meter)
    } else {
        all(instance, &split, rates, (known, tolerance, WIDTHS.1), meter)
    };
    let best = found.best.map(|(cost, others, residents)| {
        let mut ways = ways;
        let mut from = 0;
        for &item in &split.others {
            let cells = instance.cells_of(item);
            let count = cells.len();
            ways[cells].copy_from_slice(&others[from..from + count]);
            from += count;
        }
        for item in residents {
            ways[instance.cells_of(item)].fill(0);
        }
        (cost, ways)
    });
    (Outcome { bound: found.bound - split.slack as f64 - tolerance, best }, result)
}

/// States of a step, at first and at most.
pub(super) const WIDTHS: (usize, usize) = (500, 16_000);

/// What is known of all ways.
pub(crate) struct Outcome {
    /// Nothing costs less.
    pub(crate) bound: f64,
    /// The best below what was known: what it costs, and its ways.
    pub(crate) best: Option<(u64, Vec<u8>)>,
}

/// What is known of all ways to share a pool.
struct Shares {
    /// Nothing costs less.
    bound: f64,
    /// The best below what was known: cost, the others' ways, the residents.
    best: Option<(u64, Vec<u8>, Vec<usize>)>,
}

/// Bytes for what comes and goes, from `least` to `most`, what no such cost less than, and
/// how many states a step may have.
#[derive(Clone, Copy, Debug)]
struct Interval {
    least: u64,
    most: u64,
    bound: f64,
    width: usize,
}

struct Sharing<'a> {
    instance: &'a Instance,
    split: &'a Split,
    /// By pool and step.
    rates: &'a [f64],
    /// The least that the others cost at these rates, without the rates' sum.
    priced: f64,
    /// States of a step, at first and at most.
    widths: (usize, usize),
    /// What is known to be possible.
    known: f64,
    /// Numbers this far apart may be the same.
    tolerance: f64,
    /// What residents save at most, by bytes that are not for them.
    saved: RefCell<BTreeMap<u64, u64>>,
}

impl Sharing<'_> {
    /// Looks at all ways to share the pool, the most promising first. What stopped it is
    /// beside what was found.
    fn search(&self, meter: &mut Meter<'_>) -> (Shares, Result<(), Stop>) {
        let capacity = self.instance.rooms[0].capacity;
        let fixed = self.split.fixed as f64;
        let mut known = self.known;
        let mut best = None;
        let width = self.widths.0;
        let mut open =
            vec![Interval { least: 0, most: capacity, bound: self.least_cost(0, capacity), width }];
        // With so many bytes, the others do not cost less.
        let mut facts: Vec<(u64, f64)> = Vec::new();
        // What intervals cost that were given up.
        let mut given_up = f64::INFINITY;
        while let Some(place) = lowest(&open) {
            let steps = self.split.residents.take_steps();
            if let Err(stop) = meter.spend_on(steps / 128, 4 * steps) {
                let left = open.iter().map(|one| one.bound).fold(given_up, f64::min);
                return (Shares { bound: left.min(known), best }, Err(stop));
            }
            let Interval { least, most, bound, width } = open.swap_remove(place);
            let enough = known - 1.0 + self.tolerance;
            if bound > enough.min(given_up) {
                open.push(Interval { least, most, bound, width });
                break;
            }
            let most_saved = self.saved(least);
            let fact = facts.iter().filter(|fact| fact.0 >= most).map(|fact| fact.1).fold(0.0, f64::max);
            let bound = bound.max(fact + fixed - most_saved);
            if bound > enough {
                continue;
            }
            if most_saved - self.saved(most) > f64::max((known - bound) / 8.0, 1e-4 * known).max(1.0)
                && least < most
            {
                let middle = least + (most - least) / 2;
                for (least, most) in [(least, middle), (middle + 1, most)] {
                    let bound = self.least_cost(least, most).max(bound);
                    open.push(Interval { least, most, bound, width });
                }
                continue;
            }
            // Cheaper than that, the others would help.
            let below = enough - fixed + most_saved;
            let (instance, items, rates) = (self.instance, &self.split.others, self.rates);
            let question = Question { instance, items, capacities: &[most], rates, below, width };
            let answer = match sweep(&question, meter) {
                Ok(answer) => answer,
                Err(stop) => {
                    let left = open.iter().map(|one| one.bound).fold(given_up.min(bound), f64::min);
                    return (Shares { bound: left.min(known), best }, Err(stop));
                }
            };
            facts.push((most, answer.bound));
            let own = answer.bound + fixed;
            let mut is_whole = answer.bound >= below;
            let mut next = least;
            if let Some(Swept { cost, ways, peaks }) = answer.best {
                // From the fullest step up to all, it is the same.
                let peak = peaks[0];
                let Best { saved, most: most_here, items } = self.split.residents.best(capacity - peak);
                let proven = saved == most_here;
                let total = (cost + fixed).round() - saved as f64;
                if total < known - 0.5 {
                    known = total;
                    best = Some((total as u64, ways, items));
                }
                is_whole = answer.bound >= cost - self.tolerance;
                next = peak.max(least);
                if is_whole && !proven {
                    given_up = given_up.min((own - self.saved(next)).max(bound));
                }
                if next > least {
                    let bound = bound.max(own - most_saved);
                    open.push(Interval { least, most: next - 1, bound, width });
                }
            } else if is_whole {
                continue;
            }
            if !is_whole {
                let bound = bound.max(own - self.saved(next));
                if width < self.widths.1 {
                    open.push(Interval { least: next, most, bound, width: 4 * width });
                } else {
                    given_up = given_up.min(bound);
                }
            }
        }
        let left = open.iter().map(|one| one.bound).fold(given_up, f64::min);
        (Shares { bound: left.min(known), best }, Ok(()))
    }

    /// What residents save at most if so many bytes are not for them.
    fn saved(&self, bytes: u64) -> f64 {
        let room = self.instance.rooms[0].capacity - bytes;
        let known = self.saved.borrow().get(&bytes).copied();
        let most = known.unwrap_or_else(|| self.split.residents.best(room).most);
        self.saved.borrow_mut().insert(bytes, most);
        most as f64
    }

    /// The same, parts of residents allowed: concave in the bytes.
    fn saved_by_parts(&self, bytes: u64) -> f64 {
        self.split.residents.most(self.instance.rooms[0].capacity - bytes)
    }

    /// With `least..=most` bytes for what comes and goes, nothing costs less: by the prices.
    fn least_cost(&self, least: u64, most: u64) -> f64 {
        let sum: f64 = self.rates.iter().sum();
        let at = |bytes: u64| {
            self.split.fixed as f64 + self.priced - sum * bytes as f64 - self.saved_by_parts(bytes)
        };
        // Convex in the bytes.
        let (mut from, mut end) = (least, most);
        while end - from > 2 {
            let third = (end - from) / 3;
            let (low, high) = (from + third, end - third);
            if at(low) <= at(high) { end = high } else { from = low }
        }
        let by_parts = (from..=end).map(at).fold(f64::INFINITY, f64::min);
        let whole = self.split.fixed as f64 + self.priced - sum * most as f64 - self.saved(least);
        by_parts.max(whole) - self.tolerance
    }
}

fn lowest(open: &[Interval]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (place, one) in open.iter().enumerate() {
        if best.is_none_or(|best| one.bound < open[best].bound) {
            best = Some(place);
        }
    }
    best
}

/// All others at once, where there are no residents.
fn all(
    instance: &Instance,
    split: &Split,
    rates: &[f64],
    (known, tolerance, width): (f64, f64, usize),
    meter: &mut Meter<'_>,
) -> (Shares, Result<(), Stop>) {
    let mut capacities = [0; MOST_POOLS];
    for (capacity, room) in capacities.iter_mut().zip(&instance.rooms[..instance.home()]) {
        *capacity = room.capacity;
    }
    let fixed = split.fixed as f64;
    let below = known - 1.0 + tolerance - fixed;
    let capacities = &capacities[..instance.home()];
    let question = Question { instance, items: &split.others, capacities, rates, below, width };
    match sweep(&question, meter) {
        Ok(answer) => {
            let better = |one: Swept| ((one.cost + fixed).round() as u64, one.ways, Vec::new());
            let best = answer.best.map(better).filter(|best| (best.0 as f64) < known - 0.5);
            let own = answer.bound + fixed;
            // What is not below what is known was dropped.
            let bound = if answer.bound >= below { known } else { own };
            (Shares { bound: bound.min(known), best }, Ok(()))
        }
        Err(stop) => (Shares { bound: f64::NEG_INFINITY, best: None }, Err(stop)),
    }
}
