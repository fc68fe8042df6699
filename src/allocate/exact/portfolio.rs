//! Which dives are made, for how long, and what follows from them.

/// Threads beside the one that calls.
#[cfg(feature = "parallel")]
use rayon::ThreadPool as Others;

use super::dive::{Dive, Dived};
use super::heights::Heights;
use super::instance::Instance;
use super::local::Local;
use super::rules::Rules;
use super::taste::{By, Taste, Where};
use crate::allocate::parts::Aim;
use crate::limits::{Limits, Meter, Stop};
use crate::random::Random;

/// Nodes of the shortest dive, if all items can be placed in as many.
const SLICE: u64 = 500;

/// Half of the items from which on the building of a dive is counted.
const MANY: u64 = 5_000;

/// As many as there are dives in a round.
const LOCAL_SHARE: u64 = 8;

/// Seed 0 draws these: the best of some dozens on MiniMalloc's instances.
const FIRST_SEED: u64 = 31;

/// What is known: nothing is lower than the bound, and the offsets reach up to the
/// height.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) bound: u64,
    pub(super) height: u64,
    /// By item; none as long as the height is that of another strategy.
    pub(super) offsets: Option<Vec<u64>>,
}

impl Known {
    /// Whether nothing is left to find: the height is at the bound or good enough,
    /// or what is needed is out of reach.
    pub(super) fn settles(&self, aim: &Aim) -> bool {
        self.height <= self.bound.max(aim.enough) || (aim.needed && self.bound > aim.enough)
    }

    /// What is tried first: what is enough is easier to reach than the bound.
    pub(super) fn aimed_at(&self, aim: &Aim) -> u64 {
        self.bound.max(aim.enough)
    }
}

/// What a search is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task<'a> {
    pub(super) rules: Rules,
    pub(super) seed: u64,
    pub(super) aim: Aim,
    /// Dives at the same time, where the feature `parallel` is on.
    pub(super) threads: usize,
    pub(super) limits: &'a Limits,
    /// Whether the local search may help.
    pub(super) local: bool,
}

/// Narrows the gap between bound and height until it is closed, or what is
/// enough is reached, or shown to be out of reach. Returns nodes, work, and why it was done.
///
/// Rounds of short dives with different tastes, at the bound and between bound
/// and height, as long as those of Luby, Sinclair & Zuckerman (1993), beside one
/// that goes on from round to round and would end by itself. What the dives of a
/// round do depends on what was known before it alone, and they are counted in
/// their order up to the one that settles it: so any number of threads gives the
/// same result.
///
/// Where dives alone have not settled it soon, half of the nodes, and later most of them,
/// go to local searches (`local.rs`).
pub(super) fn search(
    instance: &Instance,
    start: &[u64],
    known: &mut Known,
    task: Task<'_>,
) -> (u64, u64, Stop) {
    let limits = task.limits.clone().without_nodes();
    let task = Task { limits: &limits, ..task };
    let others = others(task.threads);
    let mut random = Random::new(task.seed.wrapping_add(FIRST_SEED));
    let (mut steady, mut locals) = (None, Vec::new());
    let (mut heights, highest) = (None::<Heights>, known.height);
    let (mut nodes, mut work) = (0, 0);
    let mut progress = (0, 0);
    for round in 1.. {
        if known.settles(&task.aim) {
            break;
        }
        let allowed = allowed(&task.aim, progress);
        if nodes >= allowed.0 || work >= allowed.1 {
            return (nodes, work, Stop::Nodes);
        }
        let mut turns = turns(slice(instance, round), known, &task, round, &mut random, &mut steady);
        if task.local {
            let capacity = known.aimed_at(&task.aim);
            let best = known.offsets.as_deref().unwrap_or(start);
            locals.extend(Local::displacement(round, instance, start, task.seed));
            if !locals.iter().any(Local::is_annealing) {
                locals.extend(Local::annealing(nodes, instance, best, capacity, task.seed));
            }
            for local in &mut locals {
                local.prepare(instance, best, capacity);
            }
            let dives = turns.iter().map(|turn| turn.nodes).sum();
            turns.extend(locals.drain(..).map(|local| local_turn(local, dives)));
        }
        allot(&mut turns, allowed.0 - nodes, allowed.1 - work);
        // A dive that cannot place every item finds nothing, and building it takes O(n log n).
        turns.retain(|turn| turn.nodes >= turn.least_nodes(instance));
        if turns.is_empty() {
            return (nodes, work, Stop::Nodes);
        }
        let mut stopped = None;
        let before = Known { offsets: None, ..*known };
        let (before_bound, before_height) = (known.bound, known.height);
        for result in take(others.as_ref(), instance, turns, before, &task, nodes) {
            nodes += result.nodes;
            work += result.work;
            // Where something was found to be too low, on to what can be at all.
            if result.bound > known.bound {
                known.bound = result.bound.min(known.height);
                if heights.is_none() {
                    let mut meter = Meter::new(&limits, u64::MAX);
                    match Heights::new(instance, highest, &mut meter) {
                        Ok(built) => heights = Some(built),
                        Err(stop) => stopped = stopped.or(Some(stop)),
                    }
                    nodes += meter.nodes();
                }
                known.bound = heights.as_ref().map_or(known.bound, |heights| heights.from(result.bound));
                known.bound = known.bound.min(known.height);
            }
            if result.height < known.height {
                (known.height, known.offsets) = (result.height, result.offsets);
            }
            steady = result.steady.or(steady);
            locals.extend(result.local);
            stopped = stopped.or(result.stop);
            if known.settles(&task.aim) {
                break;
            }
        }
        if (known.bound, known.height) != (before_bound, before_height) {
            progress = (nodes, work);
        }
        if let Some(stop) = stopped.filter(|_| !known.settles(&task.aim)) {
            return (nodes, work, stop);
        }
    }
    (nodes, work, Stop::Finished)
}

/// Nodes and work of the whole search, after progress was made for the last time at these.
fn allowed(aim: &Aim, progress: (u64, u64)) -> (u64, u64) {
    let allowed = |patience: u64, spent: u64, most: u64| patience.max(spent.saturating_mul(2)).min(most);
    (allowed(aim.patience.0, progress.0, aim.nodes), allowed(aim.patience.1, progress.1, aim.work))
}

/// A dive to make, or to go on with, for so many nodes.
struct Turn<'a> {
    start: Start<'a>,
    capacity: u64,
    nodes: u64,
    /// Steps of inner loops.
    work: u64,
    /// Whether it goes on in the next round.
    is_steady: bool,
}

enum Start<'a> {
    New(Taste),
    Again(Box<Dive<'a>>),
    Local(Local),
}

/// What came of it.
struct Taken<'a> {
    bound: u64,
    height: u64,
    offsets: Option<Vec<u64>>,
    nodes: u64,
    work: u64,
    stop: Option<Stop>,
    steady: Option<Box<Dive<'a>>>,
    local: Option<Local>,
}

/// Nodes of each dive of a round.
fn slice(instance: &Instance, round: u64) -> u64 {
    SLICE.max(2 * u64::from(instance.item_count())) * luby(round)
}

fn turns<'a>(
    slice: u64,
    known: &Known,
    task: &Task<'_>,
    round: u64,
    random: &mut Random,
    steady: &mut Option<Box<Dive<'a>>>,
) -> Vec<Turn<'a>> {
    let main = known.aimed_at(&task.aim);
    let minimises = !task.aim.needed;
    let mut turn = |by: By, place: Where, aside: bool| {
        let capacity = match (aside, minimises) {
            (false, _) => main,
            (true, true) => between(main, known.height, 1 + random.below(7) as u64),
            (true, false) => known.bound,
        };
        let noise = [0.0, 0.1, 0.2, 0.3][random.below(4)];
        let taste = Taste { by, place, noise, seed: random.next() };
        Turn { start: Start::New(taste), capacity, nodes: slice, work: 0, is_steady: false }
    };
    // The longer the bound is not reached, the less likely it can be.
    let late = round > 8 && minimises;
    let by = |number: u64| By::ALL[(round + number) as usize % By::ALL.len()];
    let place = Where::OTHERS[round as usize % Where::OTHERS.len()];
    let mut turns = vec![
        turn(By::Load, Where::Failures, late && !round.is_multiple_of(4)),
        turn(By::Sections, Where::Open, late),
        turn(By::Steps, Where::Floor, late),
        turn(by(0), Where::Failures, late),
        turn(by(1), Where::FloorCandidates, true),
        turn(by(2), place, late),
    ];
    if minimises {
        turns.push(turn(by(3), Where::Failures, true));
    }
    let (capacity, start) = match steady.take().filter(|dive| dive.state.capacity >= known.bound) {
        Some(dive) => (dive.state.capacity, Start::Again(dive)),
        None => (main, Start::New(Taste { by: By::Area, place: Where::Failures, noise: 0.0, seed: 0 })),
    };
    turns.insert(4, Turn { start, capacity, nodes: slice, work: 0, is_steady: true });
    turns
}

/// Where the dives of the round have so many nodes.
fn local_turn<'a>(local: Local, dives: u64) -> Turn<'a> {
    let nodes = local.nodes(dives);
    Turn { start: Start::Local(local), capacity: 0, nodes, work: 0, is_steady: false }
}

/// A capacity below `height`, so many eighths of the way from `low` on.
fn between(low: u64, height: u64, eighths: u64) -> u64 {
    low + (u128::from(height - 1 - low) * u128::from(eighths) / 8) as u64
}

/// No more than so many nodes for all, and the same part of the work for each: what
/// one leaves over cannot go to another that may run at the same time.
fn allot(turns: &mut [Turn<'_>], mut nodes: u64, work: u64) {
    let shares: u64 = turns.iter().map(Turn::share).sum();
    for turn in turns {
        turn.work = work.div_ceil(shares) * turn.share();
        turn.nodes = turn.nodes.min(nodes);
        nodes -= turn.nodes;
    }
}

/// There are none.
#[cfg(not(feature = "parallel"))]
enum Others {}

#[cfg(feature = "parallel")]
fn others(threads: usize) -> Option<Others> {
    let count = threads.checked_sub(1).filter(|&count| count > 0)?;
    rayon::ThreadPoolBuilder::new().num_threads(count).build().ok()
}

#[cfg(not(feature = "parallel"))]
fn others(_: usize) -> Option<Others> {
    None
}

/// Takes turns, with results in their order; on one thread, each when it is asked for.
fn take<'a, 't>(
    others: Option<&Others>,
    instance: &'a Instance,
    turns: Vec<Turn<'a>>,
    known: Known,
    task: &'t Task<'t>,
    nodes: u64,
) -> Box<dyn Iterator<Item = Taken<'a>> + 't>
where
    'a: 't,
{
    match others {
        None => {
            Box::new(turns.into_iter().map(move |turn| turn.take(instance, &known, task, task.limits, nodes)))
        }
        #[cfg(feature = "parallel")]
        Some(others) => Box::new(take_at_once(others, instance, turns, &known, task, nodes).into_iter()),
        #[cfg(not(feature = "parallel"))]
        Some(none) => match *none {},
    }
}

#[cfg(feature = "parallel")]
fn take_at_once<'a>(
    others: &rayon::ThreadPool,
    instance: &'a Instance,
    turns: Vec<Turn<'a>>,
    known: &Known,
    task: &Task<'_>,
    nodes: u64,
) -> Vec<Taken<'a>> {
    // Callbacks are for the calling thread only.
    let silent = task.limits.clone().without_progress();
    let mut results: Vec<Option<Taken<'a>>> = turns.iter().map(|_| None).collect();
    others.in_place_scope(|scope| {
        let mut places = turns.into_iter().zip(&mut results);
        let first = places.next();
        for (turn, result) in places {
            scope.spawn(|_| *result = Some(turn.take(instance, known, task, &silent, nodes)));
        }
        if let Some((turn, result)) = first {
            *result = Some(turn.take(instance, known, task, task.limits, nodes));
        }
    });
    results.into_iter().flatten().collect()
}

impl<'a> Turn<'a> {
    /// Of the work, compared to other turns.
    fn share(&self) -> u64 {
        if matches!(self.start, Start::Local(_)) { LOCAL_SHARE } else { 1 }
    }

    /// Nodes without which nothing comes of it.
    fn least_nodes(&self, instance: &Instance) -> u64 {
        if matches!(self.start, Start::New(_)) { instance.item_count().into() } else { 1 }
    }

    /// Dives, and goes on below what it finds.
    fn take(
        self,
        instance: &'a Instance,
        known: &Known,
        task: &Task<'_>,
        limits: &Limits,
        nodes: u64,
    ) -> Taken<'a> {
        let Self { start, capacity, nodes: most, work: most_work, is_steady } = self;
        let mut own = Known { offsets: None, ..*known };
        let mut meter = Meter::new(limits, u64::MAX);
        meter.start_at(nodes);
        (meter.best, meter.bound) = (own.height, own.bound);
        let is_new = matches!(start, Start::New(_));
        let dive = match start {
            Start::Local(local) => {
                return search_locally(local, instance, own, &task.aim, (most, most_work), &mut meter);
            }
            Start::Again(dive) => Ok(Some(dive)),
            Start::New(taste) => {
                let dive = Dive::new(instance, task.rules, capacity, taste, &mut meter);
                dive.map(|dive| dive.map(Box::new))
            }
        };
        let mut dive = match dive {
            Ok(Some(dive)) => dive,
            Ok(None) => return Taken { bound: capacity + 1, ..Taken::nothing(&own) },
            Err(stop) => return Taken { stop: Some(stop), ..Taken::nothing(&own) },
        };
        // Building a dive counts as well: of many items, it takes as long as so many nodes.
        let many = u64::from(instance.item_count()) / 2;
        let built = meter.nodes() - nodes + if is_new && many > MANY { many } else { 0 };
        let (before, worked) = (dive.nodes, dive.state.work);
        let mut stop = None;
        while !own.settles(&task.aim) {
            (meter.best, meter.bound) = (own.height, own.bound);
            let left = most_work.saturating_sub(dive.state.work - worked);
            match dive.run(most - (dive.nodes - before), left, &mut meter) {
                Ok(Dived::Found) => {
                    let height = dive.state.instance.height(&dive.state.offsets);
                    if height < own.height {
                        own.height = height;
                        own.offsets = Some(dive.state.offsets.clone());
                    }
                    if !own.settles(&task.aim) {
                        dive.lower(own.height - 1);
                    }
                }
                Ok(Dived::Exhausted) => {
                    own.bound = own.bound.max(dive.state.capacity + 1);
                    break;
                }
                Ok(Dived::Paused) => break,
                Err(reason) => {
                    stop = Some(reason);
                    break;
                }
            }
        }
        let nodes = built + dive.nodes - before;
        let work = dive.state.work - worked;
        Taken { nodes, work, stop, steady: is_steady.then_some(dive), ..Taken::nothing(&own) }
    }
}

fn search_locally<'a>(
    mut local: Local,
    instance: &Instance,
    mut own: Known,
    aim: &Aim,
    most: (u64, u64),
    meter: &mut Meter<'_>,
) -> Taken<'a> {
    let mut spent = (0, 0);
    let stop = local.run(instance, &mut own, aim, most, &mut spent, meter).err();
    let (nodes, work) = spent;
    Taken { nodes, work, stop, local: Some(local), ..Taken::nothing(&own) }
}

impl Taken<'_> {
    fn nothing(known: &Known) -> Self {
        let Known { bound, height, ref offsets } = *known;
        Self {
            bound,
            height,
            offsets: offsets.clone(),
            nodes: 0,
            work: 0,
            stop: None,
            steady: None,
            local: None,
        }
    }
}

/// 1, 1, 2, 1, 1, 2, 4, and so on, from number 1.
fn luby(number: u64) -> u64 {
    let mut number = number;
    loop {
        let power = (number + 1).next_power_of_two();
        if power == number + 1 {
            return power / 2;
        }
        number -= power / 2 - 1;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn luby_is_as_published() {
        let numbers: Vec<u64> = (1..=15).map(super::luby).collect();
        assert_eq!(numbers, [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]);
    }
}
