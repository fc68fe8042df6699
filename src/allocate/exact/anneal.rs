//! Local search: items go where they are least too high, and now and then elsewhere.

use super::instance::Instance;
use super::stacking::Stacking;
use crate::limits::{Meter, Stop};
use crate::random::Random;

/// Simulated annealing over what lies on what (`stacking.rs`; of job shops, van Laarhoven,
/// Aarts & Lenstra, 1992). An item, mostly one that is over, is taken out and put in at
/// another slot, drawn with a chance that falls with what it would be over there. It stays
/// if that does not add to what all are over together, or else with a chance that falls
/// with what is added, the more so the later in the cycle. Each cycle starts from the best
/// offsets there are: one so hot that much of them is lost, a mild one that mends what is
/// left to mend, and again both, twice as long.
///
/// A move is linear in the items that conflict with one, in the sections of those next to
/// it, and in what changes by it. It proves nothing.
#[derive(Clone, Debug)]
pub(super) struct Annealing {
    stacking: Stacking,
    random: Random,
    /// The powers of `FACTOR`.
    chances: Vec<u64>,
    /// What may be added, in units: more than this with a chance of 1/e.
    heat: f64,
    /// Sums of chances up to each slot.
    sums: Vec<u64>,
    capacity: u64,
    cycle: Cycle,
    /// Moves of the cycle, and how many of them are made.
    length: u64,
    moves: u64,
}

/// From one chance to the next.
const FACTOR: f64 = 0.99;

/// No chance but the last is less.
const SLIGHTEST: f64 = 1e-7;

/// The chance of what is best.
const CERTAIN: f64 = (1_u64 << 40) as f64;

/// The chance of a slot falls by `FACTOR` with each of so many parts of the capacity that
/// an item would be over there more than elsewhere.
const PARTS: f64 = 24_000.0;

/// Heat at the start of a cycle, as a part of the capacity, for each item; and the factor
/// by which it falls from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cycle {
    heat: f64,
    cooling: f64,
}

const HOT: Cycle = Cycle { heat: 0.000_9, cooling: 0.98 };
const MILD: Cycle = Cycle { heat: 0.000_4, cooling: 0.991 };

/// Of a cycle.
const STEPS: u64 = 64;

/// So many moves of ten are of an item that is over, if one is met in so many tries.
const OVER: usize = 7;
const TRIES: u32 = 20;

/// Moves of the first cycle, for each item.
const FIRST: u64 = 128;

impl Annealing {
    /// From these offsets on; none if numbers are too large.
    pub(super) fn new(instance: &Instance, offsets: &[u64], capacity: u64, seed: u64) -> Option<Self> {
        let stacking = Stacking::new(instance, offsets, capacity)?;
        Some(Self {
            stacking,
            random: Random::new(seed),
            chances: chances(),
            heat: 0.0,
            sums: Vec::new(),
            capacity,
            cycle: HOT,
            length: (FIRST * u64::from(instance.item_count())).next_multiple_of(STEPS),
            moves: 0,
        })
    }

    /// If a cycle has ended, or the capacity was another, starts one from these offsets.
    pub(super) fn prepare(&mut self, instance: &Instance, offsets: &[u64], capacity: u64) {
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

    /// So many moves, or so much work, or to the end of the cycle; adds what it takes to
    /// both. Stops at offsets that reach less high.
    ///
    /// # Errors
    /// Why it must stop.
    pub(super) fn run(
        &mut self,
        instance: &Instance,
        height: u64,
        (nodes, work): (u64, u64),
        spent: &mut (u64, u64),
        meter: &mut Meter<'_>,
    ) -> Result<Option<Vec<u64>>, Stop> {
        let has_fixed = instance.fixed.iter().any(|&offset| offset < u64::MAX);
        let look_every = u64::from(instance.item_count()) / 16 + 1;
        while self.moves < self.length && spent.0 < nodes && spent.1 < work {
            self.tend();
            let steps = self.step(instance);
            *spent = (spent.0 + 1, spent.1 + steps);
            self.moves += 1;
            let looks = !has_fixed && self.moves.is_multiple_of(look_every);
            if self.stacking.is_solved() || (looks && self.stacking.height() < height) {
                return Ok(Some(self.stacking.offsets()));
            }
            meter.spend_on(1, steps)?;
        }
        Ok(None)
    }

    /// What is due at times: another order, other chances.
    fn tend(&mut self) {
        let reorder_every = (self.stacking.item_count() as u64 / 4).max(64);
        if self.moves.is_multiple_of(reorder_every) {
            self.stacking.reorder(self.random.below(17) as u32);
        }
        if self.moves == 0 {
            self.heat = self.cycle.heat * self.units(self.capacity) * self.stacking.item_count() as f64;
        } else if self.moves.is_multiple_of(self.length / STEPS) {
            self.heat *= self.cycle.cooling;
        }
    }

    fn units(&self, bytes: u64) -> f64 {
        bytes as f64 / self.stacking.unit() as f64
    }

    /// Moves an item, or tries to. Returns the work it was.
    fn step(&mut self, instance: &Instance) -> u64 {
        let item = self.pick();
        let before = self.stacking.excess();
        self.stacking.take_out(instance, item);
        self.weigh_slots();
        let steps = 64 + 8 * self.sums.len() as u64;
        let Some(slot) = self.draw_slot() else {
            self.stacking.put_back(instance, item, false);
            return steps;
        };
        let most = before + self.draw_added();
        if !self.stacking.put_in(instance, item, slot, most) {
            self.stacking.put_back(instance, item, true);
        }
        steps
    }

    /// What may be added: more than x with a chance of e to the power of -x / heat.
    fn draw_added(&mut self) -> i64 {
        let drawn = self.random.next() >> 24;
        let parts = self.chances.partition_point(|&chance| chance > drawn);
        (parts as f64 * (1.0 - FACTOR) * self.heat) as i64
    }

    /// Sums of chances of all slots but the one that the item was in.
    #[expect(clippy::cast_sign_loss)]
    fn weigh_slots(&mut self) {
        let scale = PARTS / self.units(self.capacity.max(1));
        let excesses = self.stacking.excesses();
        let is_old = |slot: usize| slot == self.stacking.slot();
        let others = excesses.iter().enumerate().filter(|&(slot, _)| !is_old(slot));
        let least = others.map(|(_, &excess)| excess).min().unwrap_or(0);
        let slightest = self.chances.len() - 1;
        let mut sum = 0;
        self.sums.clear();
        for (slot, &excess) in excesses.iter().enumerate() {
            let parts = (f64::from(excess - least) * scale) as usize;
            sum += if is_old(slot) { 0 } else { self.chances[parts.min(slightest)] };
            self.sums.push(sum);
        }
    }

    /// None if there is no other.
    fn draw_slot(&mut self) -> Option<usize> {
        let sum = *self.sums.last()?;
        let drawn = ((u128::from(self.random.next()) * u128::from(sum)) >> 64) as u64;
        (sum > 0).then(|| self.sums.partition_point(|&sum| sum <= drawn))
    }

    /// More often one that is over.
    fn pick(&mut self) -> u32 {
        let count = self.stacking.item_count();
        let mut item = self.random.below(count) as u32;
        if self.random.below(10) < OVER {
            for _ in 0..TRIES {
                if self.stacking.is_over(item) {
                    break;
                }
                item = self.random.below(count) as u32;
            }
        }
        item
    }
}

/// Powers, by products only: the same on every machine.
#[expect(clippy::cast_sign_loss)]
fn chances() -> Vec<u64> {
    let powers = std::iter::successors(Some(1.0), |power| Some(power * FACTOR));
    let mut chances: Vec<u64> =
        powers.take_while(|&power| power > SLIGHTEST).map(|power| (power * CERTAIN) as u64).collect();
    chances.push(0);
    chances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocate::exact::displace::tests::{check_sound, crowd, instance};
    use crate::limits::Limits;

    /// Heights that are found one after the other, and the last offsets.
    fn anneal(instance: &Instance, start: &[u64], seed: u64) -> (Vec<u64>, Vec<u64>) {
        let limits = Limits::new();
        let mut meter = Meter::new(&limits, u64::MAX);
        let (mut best, mut heights) = (start.to_vec(), Vec::new());
        let mut annealing = Annealing::new(instance, start, 220, seed).expect("small numbers");
        for _ in 0..6 {
            annealing.prepare(instance, &best, 220);
            let mut spent = (0, 0);
            let height = instance.height(&best);
            let run = annealing.run(instance, height, (2_000, u64::MAX), &mut spent, &mut meter);
            assert!(spent.0 <= 2_000);
            if let Some(offsets) = run.expect("no limit") {
                heights.push(instance.height(&offsets));
                best = offsets;
            }
        }
        (heights, best)
    }

    #[test]
    fn what_is_found_is_sound_lower_and_the_same_again() {
        let mut solved = 0;
        for seed in 0..100 {
            let problem = crowd(&mut Random::new(seed));
            let instance = instance(&problem);
            let fixed = |item: usize| instance.fixed[item] < u64::MAX;
            let stack = |item: usize| if fixed(item) { instance.fixed[item] } else { 64 * (item as u64 + 1) };
            let start: Vec<u64> = (0..instance.sizes.len()).map(stack).collect();
            let (heights, best) = anneal(&instance, &start, seed);
            assert_eq!((heights.clone(), best.clone()), anneal(&instance, &start, seed));
            assert!(heights.iter().all(|&height| height <= 220), "with one fixed, only solutions count");
            solved += u32::from(!heights.is_empty());
            check_sound(&problem, &instance, &best, seed);
        }
        assert!(solved > 20, "only {solved} solved");
    }
}
