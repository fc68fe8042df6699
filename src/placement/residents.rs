//! Items that are either in one pool throughout or at home: a knapsack.

use crate::sorting::sort_by_keys;

/// Items with sizes and what they save on chip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Residents {
    /// Size above 0, saving, item; the most saving for its size first.
    list: Vec<(u64, u64, usize)>,
    /// Sums of sizes and savings of all before.
    sums: Vec<(u64, u64)>,
}

/// Nodes of one search.
const NODES: u32 = 20_000;

impl Residents {
    pub(crate) fn new(mut list: Vec<(u64, u64, usize)>) -> Self {
        list.retain(|&(_, saving, _)| saving > 0);
        let density = |&(size, saving, item): &(u64, u64, usize)| {
            let density = u128::from(saving) << 40;
            let density = density / u128::from(size.max(1));
            [!u64::try_from(density).unwrap_or(u64::MAX), item as u64]
        };
        sort_by_keys(&mut list, density);
        let mut sums = vec![(0, 0)];
        for &(size, saving, _) in &list {
            let &(sizes, savings) = sums.last().expect("never empty");
            sums.push((sizes + size, savings + saving));
        }
        Self { list, sums }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = usize> + '_ {
        self.list.iter().map(|one| one.2)
    }

    /// More than `room` bytes cannot save, parts allowed.
    pub(crate) fn most(&self, room: u64) -> f64 {
        self.most_from(0, room)
    }

    fn most_from(&self, first: usize, room: u64) -> f64 {
        let (sizes, savings) = self.sums[first];
        // As many as fit whole, and a part of the next.
        let fitting = self.sums[first..].partition_point(|sum| sum.0 - sizes <= room) - 1;
        let whole = self.sums[first + fitting];
        let left = room - (whole.0 - sizes);
        let part = self
            .list
            .get(first + fitting)
            .map_or(0.0, |&(size, saving, _)| saving as f64 * left as f64 / size.max(1) as f64);
        (whole.1 - savings) as f64 + part
    }

    /// What is best in `room` bytes: savings, whether that is proven, and the items.
    pub(crate) fn best(&self, room: u64) -> (u64, bool, Vec<usize>) {
        let mut search = Search { of: self, best: 0, taken: Vec::new(), chosen: Vec::new(), nodes: NODES };
        search.go(0, room, 0);
        let proven = search.nodes > 0;
        let items = search.chosen.iter().map(|&place| self.list[place].2).collect();
        (search.best, proven, items)
    }
}

/// Depth first, in the order of the list (Horowitz & Sahni, 1974).
struct Search<'a> {
    of: &'a Residents,
    best: u64,
    taken: Vec<usize>,
    chosen: Vec<usize>,
    nodes: u32,
}

impl Search<'_> {
    fn go(&mut self, mut place: usize, mut room: u64, mut saved: u64) {
        let before = self.taken.len();
        while let Some(&(size, saving, _)) = self.of.list.get(place) {
            if self.nodes == 0 || (saved as f64 + self.of.most_from(place, room)).floor() <= self.best as f64
            {
                break;
            }
            self.nodes -= 1;
            if size <= room {
                // What comes without it is looked at later.
                self.taken.push(place);
                room -= size;
                saved += saving;
            }
            place += 1;
        }
        if saved > self.best {
            self.best = saved;
            self.chosen.clone_from(&self.taken);
        }
        // Without the last that was taken, and so on back to the first.
        while self.taken.len() > before {
            let last = self.taken.pop().expect("longer than before");
            let (size, saving, _) = self.of.list[last];
            room += size;
            saved -= saving;
            if self.nodes > 0 {
                self.go(last + 1, room, saved);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Residents;
    use crate::random::Random;

    #[test]
    fn best_is_that_of_all_subsets() {
        let mut random = Random::new(7);
        for _ in 0..500 {
            let count = random.below(10);
            let list: Vec<(u64, u64, usize)> =
                (0..count).map(|item| (1 + random.below(20) as u64, random.below(30) as u64, item)).collect();
            let room = random.below(60) as u64;
            let of = |set: usize| {
                let own = list.iter().filter(|one| set >> one.2 & 1 == 1);
                own.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
            };
            let all = (0..1 << count).map(of).filter(|sum| sum.0 <= room).map(|sum| sum.1).max().unwrap();
            let residents = Residents::new(list.clone());
            let (saved, proven, items) = residents.best(room);
            assert_eq!((saved, proven), (all, true));
            assert!(residents.most(room) >= all as f64);
            let set = items.iter().fold(0, |set, item| set | 1 << item);
            assert_eq!((of(set).1, of(set).0 <= room), (saved, true));
        }
    }
}
