//! Stays with offsets in one pool, and the holes between them.

use std::cell::Cell;

use smallvec::SmallVec;

use super::pack::Laid;
use super::way::Presence;
use crate::support::sorting::sort_keyed;

/// What lies in a pool, found by time.
#[derive(Debug)]
pub(crate) struct Shelf {
    bytes: u64,
    alignment: u64,
    there: Cover,
    starts: Starts,
    /// By number: a stay and its size.
    stays: Vec<(Laid, u64)>,
    unused: Vec<u32>,
    /// Offsets and ends of what may be in the way.
    taken: Vec<([u64; 2], u64)>,
    /// Steps of inner loops so far, a few nanoseconds each.
    work: Cell<u64>,
}

/// Steps for each stay that is sorted among others.
const SORTED: u64 = 16;

/// Of what starts in a hole, this lasts long and goes to its lower end.
const LONG: u32 = 8;

/// Stays by the steps that they cover: a segment tree, each of whose nodes lists the stays that
/// cover all of its steps and not all of its parent's. So a stay is in O(log steps) lists, and each
/// of those that cover a step is in one list on the way from there to the root.
#[derive(Debug)]
struct Cover {
    leaves: usize,
    lists: Vec<Vec<u32>>,
}

impl Cover {
    fn new(steps: u32) -> Self {
        let leaves = (steps as usize).next_power_of_two();
        Self { leaves, lists: vec![Vec::new(); 2 * leaves] }
    }

    /// The nodes that list a stay.
    fn nodes(&self, presence: Presence) -> SmallVec<[usize; 32]> {
        let (mut from, mut end) = (self.leaves + presence.from as usize, self.leaves + presence.end as usize);
        let mut nodes = SmallVec::new();
        while from < end {
            if !from.is_multiple_of(2) {
                nodes.push(from);
                from += 1;
            }
            if !end.is_multiple_of(2) {
                end -= 1;
                nodes.push(end);
            }
            (from, end) = (from / 2, end / 2);
        }
        nodes
    }

    /// Adds a stay; the work for that.
    fn put(&mut self, number: u32, presence: Presence) -> u64 {
        let nodes = self.nodes(presence);
        for &node in &nodes {
            self.lists[node].push(number);
        }
        nodes.len() as u64
    }

    fn take(&mut self, number: u32, presence: Presence) -> u64 {
        let mut work = 0;
        for node in self.nodes(presence) {
            let list = &mut self.lists[node];
            work += 1 + list.len() as u64 / 8;
            let place = list.iter().position(|&one| one == number).expect("it lies there");
            list.swap_remove(place);
        }
        work
    }

    /// Stays that are there at a step.
    fn at(&self, step: u32) -> impl Iterator<Item = u32> + '_ {
        let parent = |&node: &usize| (node > 1).then_some(node / 2);
        let path = std::iter::successors(Some(self.leaves + step as usize), parent);
        path.flat_map(|node| self.lists[node].iter().copied())
    }
}

/// Stays by their first step: lists with links, as most steps have none or one.
#[derive(Debug)]
struct Starts {
    /// By step: the first in its list.
    first: Vec<u32>,
    /// By stay: the next in its list.
    next: Vec<u32>,
}

/// The end of a list.
const NONE: u32 = u32::MAX;

impl Starts {
    fn new(steps: u32) -> Self {
        Self { first: vec![NONE; steps as usize], next: Vec::new() }
    }

    fn put(&mut self, number: u32, step: u32) {
        let count = self.next.len().max(number as usize + 1);
        self.next.resize(count, NONE);
        self.next[number as usize] = std::mem::replace(&mut self.first[step as usize], number);
    }

    /// Takes a stay away; the work for that.
    fn take(&mut self, number: u32, step: u32) -> u64 {
        let (mut before, mut one, mut work) = (None, self.first[step as usize], 1);
        while one != number {
            work += 1;
            before = Some(one);
            one = self.next[one as usize];
        }
        let next = self.next[one as usize];
        match before {
            None => self.first[step as usize] = next,
            Some(before) => self.next[before as usize] = next,
        }
        work
    }

    /// Stays that start at steps `from..end`.
    fn within(&self, from: u32, end: u32) -> impl Iterator<Item = u32> + '_ {
        let is_one = |&number: &u32| number != NONE;
        let next = move |&number: &u32| Some(self.next[number as usize]).filter(is_one);
        let lists = self.first[from as usize..end as usize].iter().copied().filter(is_one);
        lists.flat_map(move |first| std::iter::successors(Some(first), next))
    }
}

impl Shelf {
    pub(crate) fn new(steps: u32, bytes: u64, alignment: u64) -> Self {
        Self {
            bytes,
            alignment,
            there: Cover::new(steps),
            starts: Starts::new(steps),
            stays: Vec::new(),
            unused: Vec::new(),
            taken: Vec::new(),
            work: Cell::new(0),
        }
    }

    /// Steps of inner loops since it was made.
    pub(crate) fn work(&self) -> u64 {
        self.work.get()
    }

    fn spend(&self, steps: u64) {
        self.work.set(self.work.get() + steps);
    }

    /// Puts a stay of so many bytes where it says; its number.
    ///
    /// O(log steps).
    pub(crate) fn put(&mut self, laid: Laid, size: u64) -> u32 {
        let number = self.unused.pop().unwrap_or(self.stays.len() as u32);
        match self.stays.get_mut(number as usize) {
            Some(stay) => *stay = (laid, size),
            None => self.stays.push((laid, size)),
        }
        let presence = laid.presence;
        let work = self.there.put(number, presence);
        self.starts.put(number, presence.from);
        self.spend(work);
        number
    }

    /// Takes a stay away.
    ///
    /// O(log steps) sets of stays that cover the same steps.
    pub(crate) fn take(&mut self, number: u32) -> Laid {
        let laid = self.stays[number as usize].0;
        let work = self.there.take(number, laid.presence) + self.starts.take(number, laid.presence.from);
        self.spend(work);
        self.unused.push(number);
        laid
    }

    /// A stay by its number.
    pub(crate) fn stay(&self, number: u32) -> Laid {
        self.stays[number as usize].0
    }

    /// An offset in the smallest hole that takes so many bytes at steps `from..end`, if there is
    /// one: what lasts at its lower end, what goes soon at its upper, so that holes grow together.
    ///
    /// O(t + k log k) for k stays that are there at these t steps.
    pub(crate) fn hole(&mut self, (size, alignment): (u64, u64), (from, end): (u32, u32)) -> Option<u64> {
        let alignment = alignment.max(self.alignment);
        let mut taken = std::mem::take(&mut self.taken);
        taken.clear();
        for number in self.meeting(from, end) {
            let (laid, size) = self.stays[number as usize];
            taken.push(([laid.offset, laid.offset + size], 0));
        }
        self.spend(u64::from(end - from) + SORTED * taken.len() as u64);
        sort_keyed(&mut taken);
        let mut best: Option<(u64, u64)> = None;
        let mut top = 0u64;
        let roof = ([self.bytes, self.bytes], 0);
        for &([offset, until], _) in taken.iter().chain([&roof]) {
            let low = top.next_multiple_of(alignment);
            if low <= offset && offset - low >= size && best.is_none_or(|best| offset - top < best.0) {
                let high = (offset - size) / alignment * alignment;
                best = Some((offset - top, if end - from >= LONG { low } else { high }));
            }
            top = top.max(until);
        }
        self.taken = taken;
        best.map(|best| best.1)
    }
}

/// Weights by place, and their sums.
struct Sums {
    places: Vec<u64>,
    sums: Vec<f64>,
}

impl Sums {
    fn new(mut weights: Vec<([u64; 2], u64)>) -> Self {
        sort_keyed(&mut weights);
        let places = weights.iter().map(|one| one.0[0]).collect();
        let mut sums = vec![0.0];
        for one in weights {
            sums.push(sums[sums.len() - 1] + f64::from_bits(one.0[1]));
        }
        Self { places, sums }
    }

    /// Of all before a place.
    fn below(&self, place: u64) -> f64 {
        self.sums[self.places.partition_point(|&one| one < place)]
    }
}

/// Where something could lie if what is in its way went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) offset: u64,
    /// What the stays weigh that would have to go.
    pub(crate) weight: f64,
}

impl Shelf {
    /// The place for so many bytes at steps `from..end` where what is in the way weighs least, by
    /// a weight for each item, the lowest of equal ones; none if all is infinite.
    ///
    /// O(t + k log k) for k stays that are there at these t steps.
    pub(crate) fn window(
        &self,
        (size, alignment): (u64, u64),
        (from, end): (u32, u32),
        weight: impl Fn(usize) -> f64,
    ) -> Option<Window> {
        let alignment = alignment.max(self.alignment);
        let highest = self.bytes.checked_sub(size)? / alignment * alignment;
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        let mut places = vec![0, highest];
        for number in self.meeting(from, end) {
            let (laid, own) = self.stays[number as usize];
            let weight = weight(laid.item);
            starts.push(([laid.offset, weight.to_bits()], 0));
            ends.push(([laid.offset + own, weight.to_bits()], 0));
            places.push((laid.offset + own).next_multiple_of(alignment));
            places.push(laid.offset.saturating_sub(size) / alignment * alignment);
        }
        self.spend(u64::from(end - from) + 2 * SORTED * starts.len() as u64);
        let [starts, ends] = [Sums::new(starts), Sums::new(ends)];
        let mut best: Option<Window> = None;
        for offset in places.into_iter().filter(|&place| place <= highest) {
            let weight = starts.below(offset + size) - ends.below(offset + 1);
            let is_better = |best: Window| (weight, offset) < (best.weight, best.offset);
            if weight < f64::INFINITY && best.is_none_or(is_better) {
                best = Some(Window { offset, weight });
            }
        }
        best
    }

    /// Numbers of stays that are there at steps `from..end`.
    fn meeting(&self, from: u32, end: u32) -> impl Iterator<Item = u32> + '_ {
        self.there.at(from).chain(self.starts.within(from + 1, end))
    }

    /// Items whose stays meet these bytes at steps `from..end`.
    pub(crate) fn items_in(
        &self,
        (offset, size): (u64, u64),
        (from, end): (u32, u32),
    ) -> impl Iterator<Item = usize> + '_ {
        let is_in =
            move |(laid, own): &(Laid, u64)| laid.offset < offset + size && offset < laid.offset + own;
        self.meeting(from, end)
            .map(|number| self.stays[number as usize])
            .filter(is_in)
            .map(|stay| stay.0.item)
    }
}

#[cfg(test)]
mod tests {
    use super::Shelf;
    use crate::placement::pack::Laid;
    use crate::placement::way::Presence;
    use crate::support::random::Random;

    #[test]
    fn what_lies_in_holes_is_apart_and_holes_are_found_if_there_are_any() {
        let mut random = Random::new(5);
        let (steps, bytes) = (20, 32);
        let mut shelf = Shelf::new(steps, bytes, 2);
        let mut known: Vec<(u32, Laid, u64)> = Vec::new();
        let (mut full, mut put) = (0, 0);
        for item in 0..2000 {
            if known.len() > 12 || (!known.is_empty() && random.below(3) == 0) {
                let (number, laid, _) = known.swap_remove(random.below(known.len()));
                assert_eq!(shelf.take(number).offset, laid.offset);
            }
            let from = random.below(steps as usize) as u32;
            let end = from + 1 + random.below((steps - from) as usize) as u32;
            let (size, alignment) = (1 + random.below(9) as u64, 1 << random.below(3));
            let is_free = |offset: u64| {
                offset + size <= bytes
                    && known.iter().all(|(_, laid, own)| {
                        let apart = laid.presence.end <= from || end <= laid.presence.from;
                        apart || laid.offset + own <= offset || offset + size <= laid.offset
                    })
            };
            let step = alignment.max(2);
            let any = (0..bytes).step_by(step as usize).any(is_free);
            let found = shelf.hole((size, alignment), (from, end));
            assert_eq!(found.is_some(), any);
            let Some(offset) = found else {
                full += 1;
                continue;
            };
            assert!(is_free(offset) && offset % step == 0);
            let laid = Laid { item, presence: Presence { pool: 0, from, end }, offset };
            known.push((shelf.put(laid, size), laid, size));
            put += 1;
        }
        assert!(full > 100 && put > 100, "{full} {put}");
    }
}
