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
    pub(super) limits: &'a Limits,
}

/// Narrows the gap between bound and height until it is closed, or the goal is
/// reached or shown to be out of reach. Returns nodes and why it was done.
///
/// Rounds of short dives with different tastes, at the bound and between bound
/// and height, as long as those of Luby, Sinclair & Zuckerman (1993), beside one
/// that goes on from round to round and would end by itself.
pub(super) fn search(instance: &Instance, known: &mut Known, task: Task<'_>) -> (u64, Stop) {
    let limits = task.limits.clone().without_nodes();
    let mut search = Search {
        instance,
        meter: Meter::new(&limits, u64::MAX),
        random: Random::new(task.seed),
        steady: None,
        nodes: 0,
        work: 0,
        known,
        task,
    };
    let stop = search.run();
    (search.nodes, stop)
}

struct Search<'a, 'b> {
    instance: &'a Instance,
    known: &'b mut Known,
    task: Task<'b>,
    meter: Meter<'b>,
    random: Random,
    /// The dive that goes on, at the bound.
    steady: Option<Dive<'a>>,
    nodes: u64,
    work: u64,
}

impl<'a> Search<'a, '_> {
    fn run(&mut self) -> Stop {
        for round in 1.. {
            let slice = SLICE * luby(round);
            for turn in 0..4 {
                if self.is_done() {
                    return Stop::Finished;
                }
                if self.nodes >= self.task.nodes || self.work >= self.task.work {
                    return Stop::Nodes;
                }
                if let Err(stop) = self.turn(round, turn, slice) {
                    return stop;
                }
            }
        }
        Stop::Finished
    }

    fn is_done(&self) -> bool {
        let Known { bound, height, .. } = *self.known;
        height <= bound || height <= self.task.goal || (self.task.goal > 0 && bound > self.task.goal)
    }

    fn turn(&mut self, round: u64, turn: u64, slice: u64) -> Result<(), Stop> {
        let bound = self.known.bound;
        match turn {
            0 => {
                let by = By::ALL[(round as usize - 1) / 2 % By::ALL.len()];
                let by = if round % 2 == 1 { By::Load } else { by };
                self.fresh(by, Where::Failures, bound, slice)
            }
            1 => {
                let place = Where::OTHERS[self.random.below(Where::OTHERS.len())];
                let by = By::ALL[self.random.below(By::ALL.len())];
                self.fresh(by, place, bound, slice)
            }
            2 => self.steady(slice),
            _ => self.between(round, slice),
        }
    }

    /// Between bound and height, or at the goal.
    fn between(&mut self, round: u64, slice: u64) -> Result<(), Stop> {
        let Known { bound, height, .. } = *self.known;
        let capacity = match self.task.goal {
            0 => {
                let eighths = [4, 2, 1, 6][(round % 4) as usize];
                bound + ((u128::from(height - 1 - bound) * eighths) / 8) as u64
            }
            goal => goal,
        };
        if capacity == bound {
            return Ok(());
        }
        let by = By::ALL[self.random.below(By::ALL.len())];
        let place = if round % 2 == 1 { Where::FloorCandidates } else { Where::Failures };
        self.fresh(by, place, capacity, slice)
    }

    fn fresh(&mut self, by: By, place: Where, capacity: u64, slice: u64) -> Result<(), Stop> {
        let noise = [0.0, 0.1, 0.2, 0.3][self.random.below(4)];
        let taste = Taste { by, place, noise, seed: self.random.next() };
        match Dive::new(self.instance, self.task.rules, capacity, taste) {
            Ok(mut dive) => self.go_on(&mut dive, slice),
            Err(_) => {
                self.raise_bound(capacity);
                Ok(())
            }
        }
    }

    fn steady(&mut self, slice: u64) -> Result<(), Stop> {
        let bound = self.known.bound;
        let dive = match self.steady.take().filter(|dive| dive.state.capacity >= bound) {
            Some(dive) => Ok(dive),
            None => {
                let taste = Taste { by: By::Area, place: Where::Failures, noise: 0.0, seed: 0 };
                Dive::new(self.instance, self.task.rules, bound, taste)
            }
        };
        let Ok(mut dive) = dive else {
            self.raise_bound(bound);
            return Ok(());
        };
        let went = self.go_on(&mut dive, slice);
        self.steady = Some(dive);
        went
    }

    /// Goes on with a dive, below what it finds.
    fn go_on(&mut self, dive: &mut Dive<'a>, slice: u64) -> Result<(), Stop> {
        let (before, worked) = (dive.nodes, dive.state.work);
        let most = slice.min(self.task.nodes - self.nodes);
        let result = loop {
            (self.meter.best, self.meter.bound) = (self.known.height, self.known.bound);
            let left = most.saturating_sub(dive.nodes - before);
            match dive.run(left, &mut self.meter) {
                Ok(Dived::Found) => {
                    self.keep(&dive.state.offsets);
                    if self.is_done() {
                        break Ok(());
                    }
                    dive.lower(self.known.height - 1);
                }
                Ok(Dived::Exhausted) => {
                    self.raise_bound(dive.state.capacity);
                    break Ok(());
                }
                Ok(Dived::Paused) => break Ok(()),
                Err(stop) => break Err(stop),
            }
        };
        self.nodes += dive.nodes - before;
        self.work += dive.state.work - worked;
        result
    }

    fn keep(&mut self, offsets: &[u64]) {
        let height = self.instance.height(offsets);
        if height < self.known.height {
            self.known.height = height;
            self.known.offsets = Some(offsets.to_vec());
        }
    }

    /// Nothing fits this capacity.
    fn raise_bound(&mut self, capacity: u64) {
        self.known.bound = self.known.bound.max(capacity + 1);
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
