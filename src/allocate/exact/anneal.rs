//! Simulated annealing over vertical orders of the items.

use super::instance::ExactInstance;
use super::stacking::Stacking;
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;

/// Simulated annealing over vertical orders (`stacking.rs`).
///
/// The objective is the total excess: the sum, over all items, of how far the lowest offset
/// is above the highest allowed one. A move takes one item out, mostly one with an excess, and
/// inserts it at another slot of the order. The slot is drawn with a probability that falls
/// exponentially with the excess of the item there. The move is accepted by the Metropolis
/// criterion on the total excess (Kirkpatrick et al., 1983; for job shops: van Laarhoven, Aarts
/// & Lenstra, 1992).
///
/// Each cycle starts from the best offsets found. Hot cycles, which destroy most of the
/// packing, alternate with mild ones, which repair it; each pair is twice as long as the one
/// before.
///
/// A move is linear in the number of conflicts of the item, in the sections of its neighbours
/// and in the number of changed offsets. Annealing proves nothing.
#[derive(Clone, Debug)]
pub(super) struct Annealing {
    stacking: Stacking,
    random: Random,
    /// Acceptance probabilities: the powers of `FACTOR`, scaled to integers.
    probabilities: Vec<u64>,
    /// Temperature in units: an increase of the excess by this much has probability 1/e.
    temperature: f64,
    /// Prefix sums of the probabilities of the slots.
    sums: Vec<u64>,
    capacity: u64,
    cycle: Cycle,
    /// Number of moves in the cycle, and number of moves made.
    length: u64,
    moves: u64,
}

/// Ratio between consecutive probabilities.
const FACTOR: f64 = 0.99;

/// Smallest probability; smaller ones are 0.
const MIN_PROBABILITY: f64 = 1e-7;

/// Integer that stands for probability 1.
const ONE: f64 = (1_u64 << 40) as f64;

/// The probability of a slot falls by `FACTOR` for each 1 / `PARTS` of the capacity by which
/// the excess is above the smallest one.
const PARTS: f64 = 24_000.0;

/// A cooling schedule: the temperature at the start of a cycle, per item and as a fraction of
/// the capacity, and the factor by which it falls at each step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cycle {
    temperature: f64,
    cooling: f64,
}

const HOT: Cycle = Cycle { temperature: 0.000_9, cooling: 0.98 };
const MILD: Cycle = Cycle { temperature: 0.000_4, cooling: 0.991 };

/// Number of temperature steps in a cycle.
const STEPS: u64 = 64;

/// Out of ten moves, this many pick an item with an excess, if `TRIES` draws meet one.
const EXCESS_TENTHS: usize = 7;
const TRIES: u32 = 20;

/// Moves of the first cycle, per item.
const FIRST_MOVES: u64 = 128;

impl Annealing {
    /// Starts from the given offsets; `None` if sizes are too large for the integers used.
    pub(super) fn new(instance: &ExactInstance, offsets: &[u64], capacity: u64, seed: u64) -> Option<Self> {
        let stacking = Stacking::new(instance, offsets, capacity)?;
        Some(Self {
            stacking,
            random: Random::new(seed),
            probabilities: probabilities(),
            temperature: 0.0,
            sums: Vec::new(),
            capacity,
            cycle: HOT,
            length: (FIRST_MOVES * u64::from(instance.item_count())).next_multiple_of(STEPS),
            moves: 0,
        })
    }

    /// Starts a new cycle from `offsets` if the current one has ended or the capacity changed.
    pub(super) fn prepare(&mut self, instance: &ExactInstance, offsets: &[u64], capacity: u64) {
        if self.moves < self.length && self.capacity == capacity {
            return;
        }
        if self.moves >= self.length {
            let was_hot = self.cycle == HOT;
            self.cycle = if was_hot { MILD } else { HOT };
            self.length *= if was_hot { 1 } else { 2 };
        }
        (self.moves, self.capacity) = (0, capacity);
        self.stacking.restart(instance, offsets, capacity);
    }

    /// Makes moves until a limit in `(nodes, work)` or the end of the cycle is reached, and adds
    /// them to `spent`. Returns offsets as soon as their height is below `height`.
    pub(super) fn run(
        &mut self,
        instance: &ExactInstance,
        height: u64,
        (nodes, work): (u64, u64),
        spent: &mut (u64, u64),
        budget: &mut Budget<'_>,
    ) -> Result<Option<Vec<u64>>, Stop> {
        // The lowest offsets of an order with an excess are valid as well, only higher than the
        // capacity, unless an item is fixed below its lowest offset. So without fixed items the height
        // is compared from time to time: it may improve the incumbent before the capacity is reached.
        let has_fixed = instance.fixed.iter().any(|&offset| offset < u64::MAX);
        let look_every = u64::from(instance.item_count()) / 16 + 1;
        while self.moves < self.length && spent.0 < nodes && spent.1 < work {
            // A move costs one node. Its work is measured by the number of slots, of which each is
            // evaluated.
            self.run_periodic_tasks();
            let steps = self.make_move(instance);
            *spent = (spent.0 + 1, spent.1 + steps);
            self.moves += 1;
            let looks = !has_fixed && self.moves.is_multiple_of(look_every);
            if self.stacking.is_solved() || (looks && self.stacking.height() < height) {
                return Ok(Some(self.stacking.offsets()));
            }
            budget.spend_on(1, steps)?;
        }
        Ok(None)
    }

    /// Executes periodic tasks: reorders the items and cools down.
    fn run_periodic_tasks(&mut self) {
        // Slots are positions in the order, so another order with the same offsets offers other moves.
        let reorder_every = (self.stacking.item_count() as u64 / 4).max(64);
        if self.moves.is_multiple_of(reorder_every) {
            self.stacking.reorder(self.random.below(17) as u32);
        }
        if self.moves == 0 {
            self.temperature =
                self.cycle.temperature * self.units(self.capacity) * self.stacking.item_count() as f64;
        } else if self.moves.is_multiple_of(self.length / STEPS) {
            self.temperature *= self.cycle.cooling;
        }
    }

    fn units(&self, bytes: u64) -> f64 {
        bytes as f64 / self.stacking.unit() as f64
    }

    /// Makes one move, or rejects it. Returns its work.
    fn make_move(&mut self, instance: &ExactInstance) -> u64 {
        let item = self.pick_item();
        // The threshold is drawn before the move, so that the propagation can stop as soon as it is
        // exceeded. This accepts a move with the same probability as a draw afterwards.
        let before = self.stacking.excess();
        self.stacking.remove_item(instance, item);
        self.compute_probabilities();
        let steps = 64 + 8 * self.sums.len() as u64;
        let Some(slot) = self.draw_slot() else {
            self.stacking.restore_item(instance, item, false);
            return steps;
        };
        let limit = before + self.draw_added();
        if !self.stacking.insert_item(instance, item, slot, limit) {
            self.stacking.restore_item(instance, item, true);
        }
        steps
    }

    /// Draws the accepted increase of the excess: above x with probability e^(-x / temperature).
    fn draw_added(&mut self) -> i64 {
        let drawn = self.random.next() >> 24;
        let parts = self.probabilities.partition_point(|&chance| chance > drawn);
        (parts as f64 * (1.0 - FACTOR) * self.temperature) as i64
    }

    /// Computes the probabilities of all slots except the one that the item came from.
    #[expect(clippy::cast_sign_loss)]
    fn compute_probabilities(&mut self) {
        // The slot of origin has probability 0, so that every move changes the order. Probabilities are
        // relative to the best other slot, so their sum is never 0 by rounding.
        let scale = PARTS / self.units(self.capacity.max(1));
        let excesses = self.stacking.excesses();
        let is_old = |slot: usize| slot == self.stacking.slot();
        let others = excesses.iter().enumerate().filter(|&(slot, _)| !is_old(slot));
        let smallest = others.map(|(_, &excess)| excess).min().unwrap_or(0);
        let smallest_index = self.probabilities.len() - 1;
        let mut sum = 0;
        self.sums.clear();
        for (slot, &excess) in excesses.iter().enumerate() {
            let parts = (f64::from(excess - smallest) * scale) as usize;
            sum += if is_old(slot) { 0 } else { self.probabilities[parts.min(smallest_index)] };
            self.sums.push(sum);
        }
    }

    /// Draws a slot; `None` if there is no other.
    fn draw_slot(&mut self) -> Option<usize> {
        let sum = *self.sums.last()?;
        let drawn = ((u128::from(self.random.next()) * u128::from(sum)) >> 64) as u64;
        (sum > 0).then(|| self.sums.partition_point(|&sum| sum <= drawn))
    }

    /// Picks an item, more often one with an excess.
    fn pick_item(&mut self) -> u32 {
        let count = self.stacking.item_count();
        let mut item = self.random.below(count) as u32;
        if self.random.below(10) < EXCESS_TENTHS {
            for _ in 0..TRIES {
                if self.stacking.has_excess(item) {
                    break;
                }
                item = self.random.below(count) as u32;
            }
        }
        item
    }
}

/// Powers of `FACTOR` by multiplication only, so that they are the same on every machine.
#[expect(clippy::cast_sign_loss)]
fn probabilities() -> Vec<u64> {
    let powers = std::iter::successors(Some(1.0), |power| Some(power * FACTOR));
    let mut probabilities: Vec<u64> =
        powers.take_while(|&power| power > MIN_PROBABILITY).map(|power| (power * ONE) as u64).collect();
    probabilities.push(0);
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocate::exact::displace::tests::{check_valid, crowded_problem, instance};
    use crate::support::limits::Limits;

    /// Heights of the packings found, in order, and the last offsets.
    fn anneal(instance: &ExactInstance, start: &[u64], seed: u64) -> (Vec<u64>, Vec<u64>) {
        let limits = Limits::new();
        let mut budget = Budget::new(&limits, u64::MAX);
        let (mut best, mut heights) = (start.to_vec(), Vec::new());
        let mut annealing = Annealing::new(instance, start, 220, seed).expect("small numbers");
        for _ in 0..6 {
            annealing.prepare(instance, &best, 220);
            let mut spent = (0, 0);
            let height = instance.height(&best);
            let run = annealing.run(instance, height, (2_000, u64::MAX), &mut spent, &mut budget);
            assert!(spent.0 <= 2_000);
            if let Some(offsets) = run.expect("no limit") {
                heights.push(instance.height(&offsets));
                best = offsets;
            }
        }
        (heights, best)
    }

    #[test]
    fn packings_are_valid_lower_and_reproducible() {
        let mut solved = 0;
        for seed in 0..100 {
            let problem = crowded_problem(&mut Random::new(seed));
            let instance = instance(&problem);
            let fixed = |item: usize| instance.fixed[item] < u64::MAX;
            let stack = |item: usize| if fixed(item) { instance.fixed[item] } else { 64 * (item as u64 + 1) };
            let start: Vec<u64> = (0..instance.sizes.len()).map(stack).collect();
            let (heights, best) = anneal(&instance, &start, seed);
            assert_eq!((heights.clone(), best.clone()), anneal(&instance, &start, seed));
            assert!(
                heights.iter().all(|&height| height <= 220),
                "with a fixed item, only packings within the capacity count"
            );
            solved += u32::from(!heights.is_empty());
            check_valid(&problem, &instance, &best, seed);
        }
        assert!(solved > 20, "only {solved} solved");
    }
}
