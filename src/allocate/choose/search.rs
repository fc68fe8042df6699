//! Branch and bound over what is kept.

use super::bound::{Bound, Relaxation};
use super::fill::Filling;
use super::improve::Improver;
use crate::allocate::knapsack::{Verdict, share_greedily, share_within};
use crate::allocate::sharing::{Interval, OUTSIDE, Shared, Sharing};
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

/// What is decided of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Kept,
    Outside,
}

fn too_large(one: &Interval, capacity: u64) -> State {
    if one.size > capacity { State::Outside } else { State::Open }
}

/// The best choice so far.
pub(super) struct Best {
    pub(super) sharing: Sharing,
    pub(super) value: u64,
}

pub(super) struct Search<'a> {
    shared: &'a Shared<'a>,
    values: &'a [u64],
    capacity: u64,
    relaxation: Relaxation<'a>,
    states: Vec<State>,
    pub(super) best: Best,
    /// The decisions on the way to the node in hand, each with the bound of the
    /// node in which it was made, and whether keeping has been tried.
    path: Vec<(usize, u64, bool)>,
    /// The node in hand.
    next: Option<Node>,
    /// The most value of sets of which it could not be found out whether they fit.
    unknown: u64,
}

/// Nodes after which the search makes way for improvements for the first time.
const FIRST_TURN: u64 = 10_000;

/// What a node leads to.
enum Node {
    Done,
    Branch { on: usize, bound: u64 },
}

impl<'a> Search<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, values: &'a [u64], capacity: u64) -> Self {
        let nothing = Sharing { object: vec![OUTSIDE; values.len()], sizes: Vec::new() };
        Self {
            shared,
            values,
            capacity,
            relaxation: Relaxation::new(&shared.intervals, shared.sections, values, capacity),
            states: shared.intervals.iter().map(|one| too_large(one, capacity)).collect(),
            best: Best { sharing: nothing, value: 0 },
            path: Vec::new(),
            next: None,
            unknown: 0,
        }
    }

    /// The bound proven, and why it stopped.
    pub(super) fn run(&mut self, meter: &mut Meter<'_>) -> (u64, Stop) {
        let stop = self.alternate(meter);
        let open = match stop {
            Ok(()) => 0,
            // Nothing is known of the node in hand but what its parent says.
            Err(_) => {
                self.path.iter().map(|&(_, bound, _)| bound).max().unwrap_or_else(|| self.values.iter().sum())
            }
        };
        let bound = self.best.value.max(self.unknown).max(open);
        (
            bound,
            stop.err().unwrap_or(if self.unknown > self.best.value { Stop::Nodes } else { Stop::Finished }),
        )
    }

    /// First choices by simple rules; then the search and improvements of the
    /// best choice by turns, each for twice as long as before.
    fn alternate(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let intervals = &self.shared.intervals;
        let orders = self.orders();
        let mut improver = Improver::new(self.values, orders.clone());
        let all = self.all_shared(meter);
        let mut best = Filling::shrunk(intervals, all, self.values, self.capacity);
        best.fill(orders[0].iter().copied(), meter)?;
        for order in orders {
            let mut filling = Filling::empty(intervals, self.capacity);
            let stopped = filling.fill(order.into_iter(), meter);
            if improver.value(&filling) > improver.value(&best) {
                best = filling;
            }
            self.propose(best.sharing.clone());
            stopped?;
        }
        let mut turn = FIRST_TURN;
        self.next = Some(self.node(false, meter)?);
        loop {
            if self.descend(meter.nodes() + turn, meter)? {
                return Ok(());
            }
            let until = meter.nodes() + turn;
            while meter.nodes() < until {
                let stopped = improver.step(&mut best, meter);
                if improver.value(&best) > self.best.value {
                    self.propose(best.sharing.clone());
                }
                stopped?;
            }
            turn *= 2;
        }
    }

    /// Everything that is not too large, in objects that may be too large
    /// together.
    fn all_shared(&self, meter: &mut Meter<'_>) -> Sharing {
        let inside: Vec<usize> = (0..self.states.len()).filter(|&i| self.states[i] == State::Open).collect();
        let intervals: Vec<Interval> = inside.iter().map(|&i| self.shared.intervals[i]).collect();
        let part = share_greedily(&intervals, self.shared.sections, meter);
        let mut object = vec![OUTSIDE; self.states.len()];
        for (&i, &own) in inside.iter().zip(&part.object) {
            object[i] = own;
        }
        Sharing { object, sizes: part.sizes }
    }

    /// By value a byte; by size; by value a byte and section.
    fn orders(&self) -> Vec<Vec<usize>> {
        let intervals = &self.shared.intervals;
        let densest: Vec<usize> = self.relaxation.densest_first().iter().map(|&i| i as usize).collect();
        let mut largest = densest.clone();
        sort_by_keys(&mut largest, |&i| [!intervals[i].size, 0]);
        let mut briefest = densest.clone();
        let area = |i: usize| {
            let one = &intervals[i];
            u128::from(one.size) * u128::from(one.end - one.first)
        };
        sort_by_keys(&mut briefest, |&i| {
            let worth = (u128::from(self.values[i]) << 64) / area(i).max(1);
            [!((worth >> 64) as u64), !(worth as u64)]
        });
        vec![densest, largest, briefest]
    }

    fn propose(&mut self, sharing: Sharing) {
        let kept = sharing.object.iter().zip(self.values).filter(|(object, _)| **object != OUTSIDE);
        let value = kept.map(|(_, value)| value).sum();
        if value > self.best.value && self.shared.height(&sharing) <= self.capacity {
            self.best = Best { sharing, value };
        }
    }

    /// Depth first; leaving outside is tried before keeping. Whether all is done.
    fn descend(&mut self, until: u64, meter: &mut Meter<'_>) -> Result<bool, Stop> {
        while let Some(node) = self.next.take() {
            // Of both, more is better.
            let bound = self.path.first().map_or(self.best.value, |&(_, bound, _)| bound);
            (meter.best, meter.bound) = (self.best.value, bound);
            let keep = match node {
                Node::Branch { on, bound } => {
                    self.path.push((on, bound, false));
                    self.states[on] = State::Outside;
                    false
                }
                Node::Done => {
                    if !self.back() {
                        return Ok(true);
                    }
                    true
                }
            };
            self.next = Some(self.node(keep, meter)?);
            if meter.nodes() >= until {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// To the next node above of which keeping has not been tried.
    fn back(&mut self) -> bool {
        while let Some((on, bound, tried)) = self.path.pop() {
            self.states[on] = State::Open;
            if !tried && bound > self.best.value {
                self.states[on] = State::Kept;
                self.path.push((on, bound, true));
                return true;
            }
        }
        false
    }

    /// `same`: what is not outside is the same set as in the node above.
    fn node(&mut self, same: bool, meter: &mut Meter<'_>) -> Result<Node, Stop> {
        let above = self.path.last().map_or(u64::MAX, |&(_, bound, _)| bound);
        let bound = self.relaxation.of(&self.states);
        let looks = bound.as_ref().map_or(0, |bound| bound.looks) + self.states.len() as u64;
        meter.spend(1 + looks / 64)?;
        let Some(Bound { value, crowded, .. }) = bound else { return Ok(Node::Done) };
        let bound = value.min(above);
        if bound <= self.best.value {
            return Ok(Node::Done);
        }
        if let Some(on) = crowded {
            return Ok(Node::Branch { on, bound });
        }
        let next = self.relaxation.densest_first().iter().rev().map(|&i| i as usize);
        let next = next.into_iter().find(|&i| self.states[i] == State::Open);
        if !same || next.is_none() {
            match self.share(meter)? {
                Verdict::Fits(sharing) => {
                    self.propose(sharing);
                    if self.best.value >= bound {
                        return Ok(Node::Done);
                    }
                }
                Verdict::Unknown if next.is_none() => self.unknown = self.unknown.max(bound),
                Verdict::Unknown | Verdict::Never => {}
            }
        }
        Ok(next.map_or(Node::Done, |on| Node::Branch { on, bound }))
    }

    /// Whether all that is not outside can share objects within the capacity.
    fn share(&self, meter: &mut Meter<'_>) -> Result<Verdict, Stop> {
        let inside: Vec<usize> =
            (0..self.states.len()).filter(|&i| self.states[i] != State::Outside).collect();
        let intervals: Vec<Interval> = inside.iter().map(|&i| self.shared.intervals[i]).collect();
        let verdict = share_within(&intervals, self.shared.sections, self.capacity, meter)?;
        let Verdict::Fits(part) = verdict else { return Ok(verdict) };
        let mut object = vec![OUTSIDE; self.states.len()];
        for (&i, &own) in inside.iter().zip(&part.object) {
            object[i] = own;
        }
        let sharing = Sharing { object, sizes: part.sizes };
        let fits = self.shared.height(&sharing) <= self.capacity;
        Ok(if fits { Verdict::Fits(sharing) } else { Verdict::Unknown })
    }
}
