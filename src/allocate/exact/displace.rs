//! Local search by displacement: an item moves to where it displaces the least weight.

use super::instance::ExactInstance;
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;

/// Offset of an item that waits to be placed.
const WAITING: u64 = u64::MAX;

/// Mean of the initial weights.
const MEAN_WEIGHT: f64 = 65_536.0;

/// All weights are halved before one exceeds this, so that their sums stay below 2^63.
const MAX_WEIGHT: u64 = 1 << 36;

/// Local search for a packing below a capacity.
///
/// A move takes an item that waits and places it at the offset where the total weight of the
/// items that it overlaps is smallest; these then wait, each with a slightly higher weight.
/// Items that are hard to place become hard to move, so the search leaves local minima
/// (min-conflicts of Minton et al., 1992, with the weights of Morris' breakout method, 1993).
///
/// A move takes O(d log d) for an item with d conflicts. Displacement proves nothing.
#[derive(Debug)]
pub(super) struct Displacement {
    capacity: u64,
    offsets: Vec<u64>,
    waiting: Vec<u32>,
    weights: Vec<u64>,
    edges: Vec<Edge>,
    random: Random,
    /// Number of moves since the capacity was set.
    moves: u64,
    /// The next capacity is below the height by the gap to the bound, divided by this.
    divisor: u64,
    /// Number of times that no divisor up to `MAX_DIVISOR` led to a packing.
    rounds: u32,
    /// Number of runs since the last packing was found.
    pub(super) idle: u64,
}

/// End of a range of offsets at which an item would overlap another.
#[derive(Clone, Copy, Debug)]
struct Edge {
    offset: u64,
    /// Twice the number of the other item, plus one where the range begins.
    item: u32,
}

pub(super) enum DisplacementOutcome {
    /// All items are placed.
    Found,
    /// The limits are reached and items wait.
    Paused,
}

/// Number of moves, and of moves per item, after which a capacity counts as not reached.
const PATIENCE: (u64, u64) = (100_000, 20);

/// Largest divisor of the gap between height and bound.
const MAX_DIVISOR: u64 = 64;

/// Number of items from which on the first steps are small, as each item has few moves.
pub(super) const MANY_ITEMS: u32 = 1_000;

impl Displacement {
    /// Starts from the given offsets.
    pub(super) fn new(instance: &ExactInstance, offsets: Vec<u64>, seed: u64) -> Self {
        let weights = weights(instance);
        Self {
            capacity: u64::MAX,
            offsets,
            waiting: Vec::new(),
            edges: Vec::new(),
            random: Random::new(seed),
            moves: 0,
            divisor: if instance.item_count() < MANY_ITEMS { 4 } else { 32 },
            weights,
            rounds: 0,
            idle: 0,
        }
    }

    /// Offset of each item, once all are placed.
    pub(super) fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// Chooses a capacity between `low` and `height`: twice as far below `height` as the last
    /// one after success, half as far after too many moves.
    pub(super) fn lower_capacity(&mut self, instance: &ExactInstance, height: u64, low: u64) {
        let patience = PATIENCE.0 + PATIENCE.1 * self.offsets.len() as u64;
        if self.capacity < height && self.moves < patience << self.rounds {
            return;
        }
        // A capacity that was not reached in time moves closer to the height; after success, the steps
        // grow again. When even the smallest step failed, all divisors are tried again with twice the
        // patience.
        self.divisor = if self.capacity < height { self.divisor * 2 } else { (self.divisor / 2).max(2) };
        if self.divisor > MAX_DIVISOR {
            (self.divisor, self.rounds) = (4, self.rounds + 1);
        }
        self.set_capacity(instance, height - 1 - (height - 1 - low) / self.divisor);
    }

    /// Changes the capacity; items that end above it wait.
    pub(super) fn set_capacity(&mut self, instance: &ExactInstance, capacity: u64) {
        if capacity == self.capacity {
            return;
        }
        // Fixed items stay where they are, so the capacity cannot be below their tops.
        let fixed = |&item: &u32| instance.fixed[item as usize] < u64::MAX;
        let top = |item: u32| instance.fixed[item as usize] + instance.sizes[item as usize];
        let tops = (0..instance.item_count()).filter(fixed).map(top);
        (self.capacity, self.moves) = (capacity.max(tops.max().unwrap_or(0)), 0);
        for item in 0..instance.item_count() {
            let offset = &mut self.offsets[item as usize];
            let last = instance.last_offset(item, self.capacity);
            if *offset != WAITING && last.is_none_or(|last| *offset > last) {
                *offset = WAITING;
                self.waiting.push(item);
            }
        }
    }

    /// Makes moves until all items are placed or a limit in `(nodes, work)` is reached, and adds
    /// them to `spent`.
    pub(super) fn run(
        &mut self,
        instance: &ExactInstance,
        (nodes, work): (u64, u64),
        spent: &mut (u64, u64),
        budget: &mut Budget<'_>,
    ) -> Result<DisplacementOutcome, Stop> {
        while !self.waiting.is_empty() {
            if spent.0 >= nodes || spent.1 >= work {
                return Ok(DisplacementOutcome::Paused);
            }
            let steps = self.make_move(instance);
            *spent = (spent.0 + 1, spent.1 + steps);
            self.moves += 1;
            budget.spend_on(1, steps)?;
        }
        Ok(DisplacementOutcome::Found)
    }

    /// Places one waiting item. Returns the work.
    fn make_move(&mut self, instance: &ExactInstance) -> u64 {
        // One move: the item goes where the weight displaced is smallest, although that may be more
        // than its own weight. The weights of the displaced items grow, so no cycle of moves
        // repeats forever.
        let item = self.pick_item();
        self.collect_edges(instance, item);
        let steps = 16 + 8 * self.edges.len() as u64;
        match self.find_cheapest_offset(instance, item) {
            Some(offset) => self.place(instance, item, offset),
            None => self.waiting.push(item),
        }
        steps
    }

    /// Takes the heavier of two waiting items drawn at random.
    fn pick_item(&mut self) -> u32 {
        let count = self.waiting.len();
        let (first, second) = (self.random.below(count), self.random.below(count));
        let weight = |index: usize| self.weights[self.waiting[index] as usize];
        let heavier = if weight(second) > weight(first) { second } else { first };
        self.waiting.swap_remove(heavier)
    }

    /// Collects the ranges of offsets at which the item would overlap placed items.
    fn collect_edges(&mut self, instance: &ExactInstance, item: u32) {
        self.edges.clear();
        let size = instance.sizes[item as usize];
        for other in instance.conflicts.row(item).iter().map(|conflict| conflict.item) {
            let offset = self.offsets[other as usize];
            if offset != WAITING {
                let top = offset + instance.sizes[other as usize];
                self.edges.push(Edge { offset: (offset + 1).saturating_sub(size), item: 2 * other + 1 });
                self.edges.push(Edge { offset: top, item: 2 * other });
            }
        }
        self.edges.sort_unstable_by_key(|edge| (edge.offset, edge.item));
    }

    /// Finds an aligned offset at which the weight of the overlapped items is smallest: the
    /// lowest or the highest of such a range. `None` if every offset overlaps a fixed item.
    fn find_cheapest_offset(&mut self, instance: &ExactInstance, item: u32) -> Option<u64> {
        // Sweep over the ends of the overlap ranges, from the lowest offset up. Between two ends the
        // weight is constant. Ties are drawn by reservoir sampling, with equal probability for each
        // range.
        let last = instance.last_offset(item, self.capacity)?;
        let alignment = instance.alignments[item as usize];
        let (mut best, mut ties) = ((u64::MAX, 0, 0), 0);
        let (mut weight, mut fixed, mut from) = (0, 0_u32, 0_u64);
        let mut edges = self.edges.iter().peekable();
        while from <= last {
            while let Some(edge) = edges.next_if(|edge| edge.offset <= from) {
                let (other, begins) = ((edge.item / 2) as usize, edge.item % 2 == 1);
                match (instance.fixed[other] < u64::MAX, begins) {
                    (true, true) => fixed += 1,
                    (true, false) => fixed -= 1,
                    (false, true) => weight += self.weights[other],
                    (false, false) => weight -= self.weights[other],
                }
            }
            let end = edges.peek().map_or(u64::MAX, |edge| edge.offset);
            let lowest = from.next_multiple_of(alignment);
            let highest = (end - 1).min(last) & !(alignment - 1);
            if fixed == 0 && lowest <= highest && weight <= best.0 {
                ties = if weight < best.0 { 1 } else { ties + 1 };
                if self.random.below(ties) == 0 {
                    best = (weight, lowest, highest);
                }
            }
            from = end;
        }
        let (weight, lowest, highest) = best;
        let offset = if self.random.below(2) == 0 { lowest } else { highest };
        (weight < u64::MAX).then_some(offset)
    }

    fn place(&mut self, instance: &ExactInstance, item: u32, offset: u64) {
        let top = offset + instance.sizes[item as usize];
        for other in instance.conflicts.row(item).iter().map(|conflict| conflict.item) {
            let at = other as usize;
            let apart = self.offsets[at] == WAITING
                || self.offsets[at] >= top
                || self.offsets[at] + instance.sizes[at] <= offset;
            if !apart {
                self.offsets[at] = WAITING;
                self.waiting.push(other);
                // Weights grow by 0.5 %, rounded up. Halving all of them keeps their ratios.
                self.weights[at] += self.weights[at] / 200 + 1;
                if self.weights[at] > MAX_WEIGHT {
                    self.weights.iter_mut().for_each(|weight| *weight = *weight / 2 + 1);
                }
            }
        }
        self.offsets[item as usize] = offset;
    }
}

/// Initial weights: proportional to the square root of size times live steps.
fn weights(instance: &ExactInstance) -> Vec<u64> {
    let area = |item: usize| instance.sizes[item] as f64 * instance.steps[item] as f64;
    let roots: Vec<f64> = (0..instance.sizes.len()).map(|item| area(item).sqrt()).collect();
    let scale = MEAN_WEIGHT * roots.len() as f64 / roots.iter().sum::<f64>().max(1.0);
    // The values are positive and at most the mean times the number of items.
    #[expect(clippy::cast_sign_loss)]
    roots.iter().map(|root| (root * scale) as u64 + 1).map(|weight| weight.min(MAX_WEIGHT)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::problem::{Buffer, Problem};
    use crate::support::limits::Limits;

    /// Twelve buffers with alignments and gaps, and one fixed buffer.
    pub(in crate::allocate::exact) fn crowded_problem(random: &mut Random) -> Problem {
        let buffer = |_| {
            let start = random.below(20) as u32;
            let end = start + 3 + random.below(10) as u32;
            let buffer = Buffer::new(1 + random.below(60) as u64, start..end).align(1 << random.below(4));
            if random.below(3) == 0 {
                buffer.with_gaps(std::iter::once(start + 1..start + 2))
            } else {
                buffer
            }
        };
        let mut buffers: Vec<Buffer> = (0..12).map(buffer).collect();
        buffers.push(Buffer::new(16, 5..25).at(32));
        Problem::new(buffers).expect("a problem")
    }

    pub(in crate::allocate::exact) fn instance(problem: &Problem) -> ExactInstance {
        let limits = Limits::new();
        let mut budget = Budget::new(&limits, u64::MAX);
        let instance = ExactInstance::new(problem, problem.ids().collect(), &mut budget);
        instance.expect("no limit").expect("a small problem")
    }

    pub(in crate::allocate::exact) fn overlap(
        problem: &Problem,
        instance: &ExactInstance,
        offsets: &[u64],
        first: usize,
        second: usize,
    ) -> bool {
        let [a, b] = [first, second].map(|item| problem.buffer(instance.ids[item]));
        let meet = a.pieces().any(|piece| b.pieces().any(|with| piece.overlaps(with)));
        meet && offsets[first] < offsets[second] + b.size() && offsets[second] < offsets[first] + a.size()
    }

    /// Asserts that offsets are aligned, keep fixed offsets and do not overlap.
    pub(in crate::allocate::exact) fn check_valid(
        problem: &Problem,
        instance: &ExactInstance,
        offsets: &[u64],
        seed: u64,
    ) {
        for item in 0..offsets.len() {
            let buffer = problem.buffer(instance.ids[item]);
            assert!(offsets[item].is_multiple_of(buffer.alignment()), "seed {seed}");
            assert!(buffer.fixed_offset().is_none_or(|fixed| fixed == offsets[item]), "seed {seed}");
            let clash = |&other: &usize| overlap(problem, instance, offsets, item, other);
            assert_eq!((0..item).find(clash), None, "seed {seed}");
        }
    }

    #[test]
    fn packings_are_valid_and_below_the_capacity() {
        let limits = Limits::new();
        let mut packings = 0;
        for seed in 0..200 {
            let problem = crowded_problem(&mut Random::new(seed));
            let mut budget = Budget::new(&limits, u64::MAX);
            let instance = instance(&problem);
            // All items on top of each other, except the fixed one.
            let mut top = 64;
            let mut stack = |item: usize| {
                let offset = if instance.fixed[item] < u64::MAX { instance.fixed[item] } else { top };
                top += 64;
                offset
            };
            let stacked: Vec<u64> = (0..instance.sizes.len()).map(&mut stack).collect();
            let mut local = Displacement::new(&instance, stacked, seed);
            let mut height = instance.height(local.offsets());
            let mut spent = (0, 0);
            loop {
                local.lower_capacity(&instance, height, 48);
                match local.run(&instance, (3_000, u64::MAX), &mut spent, &mut budget).expect("no limit") {
                    DisplacementOutcome::Paused => break,
                    DisplacementOutcome::Found => packings += 1,
                }
                let offsets = local.offsets();
                assert!(instance.height(offsets) <= local.capacity, "seed {seed}");
                check_valid(&problem, &instance, offsets, seed);
                if instance.height(offsets) == 48 || instance.height(offsets) >= height {
                    break;
                }
                height = instance.height(offsets);
            }
        }
        assert!(packings > 250, "only {packings} packings");
    }
}
