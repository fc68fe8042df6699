//! Local search: each item goes where it displaces least.

use super::instance::Instance;
use crate::limits::{Meter, Stop};
use crate::random::Random;

/// Where an item is that waits for its place.
const NOWHERE: u64 = u64::MAX;

/// The mean weight at the start.
const MEAN: f64 = 65_536.0;

/// All weights are halved before one exceeds this: sums of them stay below 2^63.
const HEAVIEST: u64 = 1 << 36;

/// Offsets below a capacity, improved move by move: an item that waits is placed where
/// the weights of those that it overlaps are least together; these wait from then on,
/// each a little heavier. So what is hard to place becomes hard to move, and no local
/// minimum holds for long (min-conflicts of Minton et al., 1992, with the weights of
/// Morris' breakout method, 1993).
///
/// A move looks at the items that conflict with one, and sorts them: O(d log d).
/// It proves nothing.
#[derive(Debug)]
pub(super) struct Displacement {
    capacity: u64,
    offsets: Vec<u64>,
    waiting: Vec<u32>,
    weights: Vec<u64>,
    edges: Vec<Edge>,
    random: Random,
    /// Moves since the capacity was set.
    moves: u64,
    /// The part of the gap to go for is one divided by this.
    part: u64,
    /// How often all parts were too much.
    rounds: u32,
    /// Turns since the last that found something.
    pub(super) idle: u64,
}

/// An end of the range of offsets at which an item would overlap another.
#[derive(Clone, Copy, Debug)]
struct Edge {
    offset: u64,
    /// Whose; twice its number, and one more where the range begins.
    item: u32,
}

pub(super) enum Moved {
    /// Everything has a place.
    Found,
    /// Not yet.
    Paused,
}

/// A capacity that is not reached in so many moves, and so many for each item, was too
/// much to ask.
const PATIENCE: (u64, u64) = (100_000, 20);

/// No less of the gap is gone for than one divided by this.
const LEAST: u64 = 64;

/// With so many items, little is gone for at first: each has few moves.
pub(super) const MANY: u32 = 1_000;

impl Displacement {
    /// From these offsets on.
    pub(super) fn new(instance: &Instance, offsets: Vec<u64>, seed: u64) -> Self {
        let weights = weights(instance);
        Self {
            capacity: u64::MAX,
            offsets,
            waiting: Vec::new(),
            edges: Vec::new(),
            random: Random::new(seed),
            moves: 0,
            part: if instance.item_count() < MANY { 4 } else { 32 },
            weights,
            rounds: 0,
            idle: 0,
        }
    }

    /// By item, once all are placed.
    pub(super) fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// Goes for less than `height`, down to `low`: twice as far as the last time after a
    /// find, half as far when that takes too long.
    pub(super) fn aim_below(&mut self, instance: &Instance, height: u64, low: u64) {
        let patience = PATIENCE.0 + PATIENCE.1 * self.offsets.len() as u64;
        if self.capacity < height && self.moves < patience << self.rounds {
            return;
        }
        self.part = if self.capacity < height { self.part * 2 } else { (self.part / 2).max(2) };
        if self.part > LEAST {
            (self.part, self.rounds) = (4, self.rounds + 1);
        }
        self.aim(instance, height - 1 - (height - 1 - low) / self.part);
    }

    /// Below another capacity from now on: what hangs over waits.
    pub(super) fn aim(&mut self, instance: &Instance, capacity: u64) {
        if capacity == self.capacity {
            return;
        }
        // What is fixed stays.
        let fixed = |&item: &u32| instance.fixed[item as usize] < u64::MAX;
        let top = |item: u32| instance.fixed[item as usize] + instance.sizes[item as usize];
        let tops = (0..instance.item_count()).filter(fixed).map(top);
        (self.capacity, self.moves) = (capacity.max(tops.max().unwrap_or(0)), 0);
        for item in 0..instance.item_count() {
            let offset = &mut self.offsets[item as usize];
            let last = instance.last_offset(item, self.capacity);
            if *offset != NOWHERE && last.is_none_or(|last| *offset > last) {
                *offset = NOWHERE;
                self.waiting.push(item);
            }
        }
    }

    /// So many moves, or so much work; adds what it takes to both.
    ///
    /// # Errors
    /// Why it must stop.
    pub(super) fn run(
        &mut self,
        instance: &Instance,
        (nodes, work): (u64, u64),
        spent: &mut (u64, u64),
        meter: &mut Meter<'_>,
    ) -> Result<Moved, Stop> {
        while !self.waiting.is_empty() {
            if spent.0 >= nodes || spent.1 >= work {
                return Ok(Moved::Paused);
            }
            let steps = self.step(instance);
            *spent = (spent.0 + 1, spent.1 + steps);
            self.moves += 1;
            meter.spend_on(1, steps)?;
        }
        Ok(Moved::Found)
    }

    /// Places one that waits. Returns the work it was.
    fn step(&mut self, instance: &Instance) -> u64 {
        let item = self.pick();
        self.find_edges(instance, item);
        let steps = 16 + 8 * self.edges.len() as u64;
        match self.cheapest(instance, item) {
            Some(offset) => self.place(instance, item, offset),
            None => self.waiting.push(item),
        }
        steps
    }

    /// The heavier of two that wait.
    fn pick(&mut self) -> u32 {
        let count = self.waiting.len();
        let (one, other) = (self.random.below(count), self.random.below(count));
        let weight = |place: usize| self.weights[self.waiting[place] as usize];
        let heavier = if weight(other) > weight(one) { other } else { one };
        self.waiting.swap_remove(heavier)
    }

    /// Where the item would overlap what is placed.
    fn find_edges(&mut self, instance: &Instance, item: u32) {
        self.edges.clear();
        let size = instance.sizes[item as usize];
        for other in instance.conflicts.row(item).iter().map(|conflict| conflict.item) {
            let offset = self.offsets[other as usize];
            if offset != NOWHERE {
                let top = offset + instance.sizes[other as usize];
                self.edges.push(Edge { offset: (offset + 1).saturating_sub(size), item: 2 * other + 1 });
                self.edges.push(Edge { offset: top, item: 2 * other });
            }
        }
        self.edges.sort_unstable_by_key(|edge| (edge.offset, edge.item));
    }

    /// An aligned offset at which the weights below the item are least, the lowest or the
    /// highest of a range of such. None if it nowhere avoids what is fixed.
    fn cheapest(&mut self, instance: &Instance, item: u32) -> Option<u64> {
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
        let at_random = if self.random.below(2) == 0 { best.1 } else { best.2 };
        (best.0 < u64::MAX).then_some(at_random)
    }

    fn place(&mut self, instance: &Instance, item: u32, offset: u64) {
        let top = offset + instance.sizes[item as usize];
        for other in instance.conflicts.row(item).iter().map(|conflict| conflict.item) {
            let at = other as usize;
            let apart = self.offsets[at] == NOWHERE
                || self.offsets[at] >= top
                || self.offsets[at] + instance.sizes[at] <= offset;
            if !apart {
                self.offsets[at] = NOWHERE;
                self.waiting.push(other);
                self.weights[at] += self.weights[at] / 200 + 1;
                if self.weights[at] > HEAVIEST {
                    self.weights.iter_mut().for_each(|weight| *weight = *weight / 2 + 1);
                }
            }
        }
        self.offsets[item as usize] = offset;
    }
}

/// In proportion to the root of size times life.
fn weights(instance: &Instance) -> Vec<u64> {
    let area = |item: usize| instance.sizes[item] as f64 * instance.steps[item] as f64;
    let roots: Vec<f64> = (0..instance.sizes.len()).map(|item| area(item).sqrt()).collect();
    let scale = MEAN * roots.len() as f64 / roots.iter().sum::<f64>().max(1.0);
    // Positive, so no sign is lost; and no more than the mean times their number.
    #[expect(clippy::cast_sign_loss)]
    roots.iter().map(|root| (root * scale) as u64 + 1).map(|weight| weight.min(HEAVIEST)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::problem::{Buffer, Problem};

    /// Twelve buffers with alignments, gaps, and one that is fixed.
    pub(in crate::allocate::exact) fn crowd(random: &mut Random) -> Problem {
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

    pub(in crate::allocate::exact) fn instance(problem: &Problem) -> Instance {
        let limits = Limits::new();
        let mut meter = Meter::new(&limits, u64::MAX);
        let instance = Instance::new(problem, problem.ids().collect(), &mut meter);
        instance.expect("no limit").expect("a small one")
    }

    pub(in crate::allocate::exact) fn overlap(
        problem: &Problem,
        instance: &Instance,
        offsets: &[u64],
        one: usize,
        other: usize,
    ) -> bool {
        let [a, b] = [one, other].map(|item| problem.buffer(instance.ids[item]));
        let meet = a.pieces().any(|piece| b.pieces().any(|with| piece.overlaps(with)));
        meet && offsets[one] < offsets[other] + b.size() && offsets[other] < offsets[one] + a.size()
    }

    /// Aligned, at fixed offsets, and apart from each other.
    pub(in crate::allocate::exact) fn check_sound(
        problem: &Problem,
        instance: &Instance,
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
    fn what_is_found_is_sound_and_below_the_capacity() {
        let limits = Limits::new();
        let mut found = 0;
        for seed in 0..200 {
            let problem = crowd(&mut Random::new(seed));
            let mut meter = Meter::new(&limits, u64::MAX);
            let instance = instance(&problem);
            // One above the other, but for what is fixed.
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
                local.aim_below(&instance, height, 48);
                match local.run(&instance, (3_000, u64::MAX), &mut spent, &mut meter).expect("no limit") {
                    Moved::Paused => break,
                    Moved::Found => found += 1,
                }
                let offsets = local.offsets();
                assert!(instance.height(offsets) <= local.capacity, "seed {seed}");
                check_sound(&problem, &instance, offsets, seed);
                if instance.height(offsets) == 48 || instance.height(offsets) >= height {
                    break;
                }
                height = instance.height(offsets);
            }
        }
        assert!(found > 250, "only {found} finds");
    }
}
