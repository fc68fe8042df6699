//! Which dives are made, for how long, and what follows from them.

use super::dive::{Dive, Dived};
use super::instance::Instance;
use super::rules::Rules;
use super::taste::{By, Taste, Where};
use crate::allocate::random::Random;
use crate::limits::{Limits, Meter, Stop};

/// Nodes of the shortest dive.
const SLICE: u64 = 500;

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
    /// or the goal is out of reach.
    fn settles(&self, goal: u64) -> bool {
        self.height <= self.bound.max(goal) || (goal > 0 && self.bound > goal)
    }
}

/// What a search is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task<'a> {
    pub(super) rules: Rules,
    pub(super) seed: u64,
    /// Good enough; 0 for the least height.
    pub(super) goal: u64,
    pub(super) nodes: u64,
    /// Steps of inner loops.
    pub(super) work: u64,
    /// Dives at the same time, where the feature `parallel` is on.
    pub(super) threads: usize,
    pub(super) limits: &'a Limits,
}

/// Narrows the gap between bound and height until it is closed, or the goal is
/// reached or shown to be out of reach. Returns nodes and why it was done.
///
/// Rounds of short dives with different tastes, at the bound and between bound
/// and height, as long as those of Luby, Sinclair & Zuckerman (1993), beside one
/// that goes on from round to round and would end by itself. What the dives of a
/// round do depends on what was known before it alone, and they are counted in
/// their order up to the one that settles it: so any number of threads gives the
/// same result.
pub(super) fn search(instance: &Instance, known: &mut Known, task: Task<'_>) -> (u64, Stop) {
    let limits = task.limits.clone().without_nodes();
    let task = Task { limits: &limits, ..task };
    let mut random = Random::new(task.seed);
    let mut steady = None;
    let (mut nodes, mut work) = (0, 0);
    for round in 1.. {
        if known.settles(task.goal) {
            break;
        }
        if nodes >= task.nodes || work >= task.work {
            return (nodes, Stop::Nodes);
        }
        let mut turns = turns(instance, known, &task, round, &mut random, &mut steady);
        allot(&mut turns, task.nodes - nodes);
        let mut stopped = None;
        let before = Known { offsets: None, ..*known };
        for result in take(turns, before, &task, nodes) {
            nodes += result.nodes;
            work += result.work;
            known.bound = known.bound.max(result.bound);
            if result.height < known.height {
                (known.height, known.offsets) = (result.height, result.offsets);
            }
            steady = result.steady.or(steady);
            stopped = stopped.or(result.stop);
            if known.settles(task.goal) {
                break;
            }
        }
        if let Some(stop) = stopped.filter(|_| !known.settles(task.goal)) {
            return (nodes, stop);
        }
    }
    (nodes, Stop::Finished)
}

/// A dive to make, or to go on with, for so many nodes.
struct Turn<'a> {
    /// None if an item alone is larger than the capacity.
    dive: Option<Dive<'a>>,
    capacity: u64,
    nodes: u64,
    /// Whether it goes on in the next round.
    is_steady: bool,
}

/// What came of it.
struct Taken<'a> {
    bound: u64,
    height: u64,
    offsets: Option<Vec<u64>>,
    nodes: u64,
    work: u64,
    stop: Option<Stop>,
    steady: Option<Dive<'a>>,
}

fn turns<'a>(
    instance: &'a Instance,
    known: &Known,
    task: &Task<'_>,
    round: u64,
    random: &mut Random,
    steady: &mut Option<Dive<'a>>,
) -> Vec<Turn<'a>> {
    let slice = SLICE * luby(round);
    // To reach a goal is easier than to reach the bound.
    let main = known.bound.max(task.goal);
    let mut turn = |by: By, place: Where, aside: bool| {
        let capacity = match (aside, task.goal) {
            (false, _) => main,
            (true, 0) => between(known, 1 + random.below(7) as u64),
            (true, _) => known.bound,
        };
        let noise = [0.0, 0.1, 0.2, 0.3][random.below(4)];
        let taste = Taste { by, place, noise, seed: random.next() };
        let dive = Dive::new(instance, task.rules, capacity, taste).ok();
        Turn { dive, capacity, nodes: slice, is_steady: false }
    };
    // The longer the bound is not reached, the less likely it can be.
    let late = round > 8 && task.goal == 0;
    let by = |number: u64| By::ALL[(round + number) as usize % By::ALL.len()];
    let place = |number: u64| Where::OTHERS[(round + number) as usize % Where::OTHERS.len()];
    let mut turns = vec![
        turn(By::Load, Where::Failures, false),
        turn(by(0), place(0), late),
        turn(by(1), Where::Failures, false),
        turn(by(2), Where::FloorCandidates, true),
        turn(by(3), place(1), late),
        turn(by(4), Where::Failures, true),
    ];
    let steady = steady.take().filter(|dive| dive.state.capacity >= known.bound).or_else(|| {
        let taste = Taste { by: By::Area, place: Where::Failures, noise: 0.0, seed: 0 };
        Dive::new(instance, task.rules, main, taste).ok()
    });
    let capacity = steady.as_ref().map_or(main, |dive| dive.state.capacity);
    turns.insert(4, Turn { dive: steady, capacity, nodes: slice, is_steady: true });
    turns
}

/// A capacity between bound and height, so many eighths of the way.
fn between(known: &Known, eighths: u64) -> u64 {
    known.bound + (u128::from(known.height - 1 - known.bound) * u128::from(eighths) / 8) as u64
}

/// No more than so many nodes for all.
fn allot(turns: &mut [Turn<'_>], mut nodes: u64) {
    for turn in turns {
        turn.nodes = turn.nodes.min(nodes);
        nodes -= turn.nodes;
    }
}

/// Takes turns, with results in their order.
#[cfg(feature = "parallel")]
fn take<'a, 't>(
    turns: Vec<Turn<'a>>,
    known: Known,
    task: &'t Task<'t>,
    nodes: u64,
) -> Box<dyn Iterator<Item = Taken<'a>> + 't>
where
    'a: 't,
{
    let one_by_one = task.threads < 2;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(task.threads - usize::from(!one_by_one));
    let Some(pool) = (!one_by_one).then(|| pool.build().ok()).flatten() else {
        return Box::new(turns.into_iter().map(move |turn| turn.take(&known, task, task.limits, nodes)));
    };
    // Callbacks are for the calling thread only.
    let silent = task.limits.clone().without_progress();
    let mut results: Vec<Option<Taken<'a>>> = turns.iter().map(|_| None).collect();
    pool.in_place_scope(|scope| {
        let mut places = turns.into_iter().zip(&mut results);
        let first = places.next();
        for (turn, result) in places {
            scope.spawn(|_| *result = Some(turn.take(&known, task, &silent, nodes)));
        }
        if let Some((turn, result)) = first {
            *result = Some(turn.take(&known, task, task.limits, nodes));
        }
    });
    Box::new(results.into_iter().flatten())
}

/// Takes turns, with results in their order.
#[cfg(not(feature = "parallel"))]
fn take<'a, 't>(
    turns: Vec<Turn<'a>>,
    known: Known,
    task: &'t Task<'t>,
    nodes: u64,
) -> impl Iterator<Item = Taken<'a>> + 't
where
    'a: 't,
{
    turns.into_iter().map(move |turn| turn.take(&known, task, task.limits, nodes))
}

impl<'a> Turn<'a> {
    /// Dives, and goes on below what it finds.
    fn take(self, known: &Known, task: &Task<'_>, limits: &Limits, nodes: u64) -> Taken<'a> {
        let Self { dive, capacity, nodes: most, is_steady } = self;
        let mut own = Known { offsets: None, ..*known };
        let Some(mut dive) = dive else {
            return Taken { bound: capacity + 1, ..Taken::nothing(&own) };
        };
        let (before, worked) = (dive.nodes, dive.state.work);
        let mut meter = Meter::new(limits, u64::MAX);
        let mut stop = None;
        meter.start_at(nodes);
        while !own.settles(task.goal) {
            (meter.best, meter.bound) = (own.height, own.bound);
            match dive.run(most - (dive.nodes - before), &mut meter) {
                Ok(Dived::Found) => {
                    let height = dive.state.instance.height(&dive.state.offsets);
                    if height < own.height {
                        own.height = height;
                        own.offsets = Some(dive.state.offsets.clone());
                    }
                    if !own.settles(task.goal) {
                        dive.lower(own.height - 1);
                    }
                }
                Ok(Dived::Exhausted) => own.bound = own.bound.max(dive.state.capacity + 1),
                Ok(Dived::Paused) => break,
                Err(reason) => {
                    stop = Some(reason);
                    break;
                }
            }
        }
        let nodes = dive.nodes - before;
        let work = dive.state.work - worked;
        Taken { nodes, work, stop, steady: is_steady.then_some(dive), ..Taken::nothing(&own) }
    }
}

impl Taken<'_> {
    fn nothing(known: &Known) -> Self {
        let Known { bound, height, ref offsets } = *known;
        Self { bound, height, offsets: offsets.clone(), nodes: 0, work: 0, stop: None, steady: None }
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
