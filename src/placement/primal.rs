//! Good ways that fit by load: greedily, by prices, and better and better.

use super::path::Prices;
use super::state::State;
use crate::support::limits::{Meter, Stop};
use crate::support::random::Random;
use crate::support::sorting::sort_by_keys;

/// Items that are looked at again and again.
const SETTLE_WORK: usize = 1_000_000;

impl State<'_> {
    /// Rebuilds the placement: items in this order, each in its cheapest way at these prices. Items
    /// that cancellation leaves over stay in the backing store.
    pub(crate) fn rebuild(&mut self, order: &[usize], prices: &Prices) {
        self.adopt(&State::at_home(self.instance));
        for &item in order {
            if self.instance.is_cancelled() {
                break;
            }
            self.replace(item, prices);
        }
    }

    /// Gives an item a way that is best at these prices.
    pub(crate) fn replace(&mut self, item: usize, prices: &Prices) {
        let cells = self.instance.cells_of(item);
        let way = self.chosen.ways[cells].to_vec();
        self.lift(item);
        if !self.put(item, prices) {
            self.put_back(item, &way);
        }
    }

    /// Replaces items one by one as long as that saves something.
    ///
    /// # Errors
    /// Why the search must stop.
    pub(crate) fn settle(
        &mut self,
        order: &[usize],
        free: &Prices,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        // Where there are very many, most is gained at first.
        let rounds = (SETTLE_WORK / order.len().max(1)).max(2);
        for _ in 0..rounds {
            let before = self.chosen.cost;
            for &item in order {
                if self.chosen.costs[item] > self.instance.least[item] {
                    meter.work(32 * self.instance.cells_of(item).len())?;
                    self.replace(item, free);
                }
            }
            if self.chosen.cost >= before {
                break;
            }
        }
        Ok(())
    }

    /// Takes out what lies at a random step, with some more, and puts it back in another
    /// order; keeps what is not worse. So many times.
    ///
    /// # Errors
    /// Why the search must stop.
    pub(crate) fn shake(
        &mut self,
        times: usize,
        free: &Prices,
        worth: &[f64],
        random: &mut Random,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        let instance = self.instance;
        let open: Vec<usize> = (0..instance.items.len())
            .filter(|&item| {
                instance.cells_of(item).any(|cell| instance.cells[cell] & !(1 << instance.home()) > 0)
            })
            .collect();
        let mut saved: Vec<u8> = Vec::new();
        let mut costly: Vec<usize> = Vec::new();
        for _ in 0..times {
            costly.clear();
            costly
                .extend(open.iter().copied().filter(|&item| self.chosen.costs[item] > instance.least[item]));
            if costly.is_empty() {
                return Ok(());
            }
            meter.spend_on(1, 4 * open.len() as u64)?;
            // One that would like to be on chip, and what is in its way.
            let wanting = costly[random.below(costly.len())];
            let one = &instance.items[wanting];
            let access = one.first as usize + random.below(one.accesses().len());
            let step = instance.accesses[access].step;
            let pool = random.below(instance.home());
            let mut out: Vec<usize> = open
                .iter()
                .copied()
                .filter(|&item| item != wanting && self.is_at(item, pool, step))
                .collect();
            shuffle(&mut out, random);
            let most = 1 + random.below(8);
            out.truncate(most);
            let extra = random.below(4);
            for _ in 0..extra {
                let other = costly[random.below(costly.len())];
                if other != wanting && !out.contains(&other) {
                    out.push(other);
                }
            }
            let before = self.chosen.cost;
            saved.clear();
            out.push(wanting);
            // Whatever stops it must not find items without ways.
            let cells: usize = out.iter().map(|&item| instance.cells_of(item).len()).sum();
            meter.work(64 * cells)?;
            for &item in &out {
                saved.extend_from_slice(&self.chosen.ways[instance.cells_of(item)]);
                self.lift(item);
            }
            let mut back = out.clone();
            if random.below(2) == 0 {
                shuffle(&mut back, random);
                back.retain(|&item| item != wanting);
                back.insert(0, wanting);
            } else {
                let noise: Vec<f64> = back.iter().map(|&item| worth[item] * (0.5 + random.unit())).collect();
                let mut places: Vec<usize> = (0..back.len()).collect();
                sort_by_keys(&mut places, |&place| [!noise[place].to_bits(), 0]);
                back = places.into_iter().map(|place| out[place]).collect();
            }
            let mut all = true;
            let mut there = 0;
            for &item in &back {
                all = self.put(item, free);
                if !all {
                    break;
                }
                there += 1;
            }
            if !all || self.chosen.cost > before {
                for &item in &back[..there] {
                    self.lift(item);
                }
                let mut from = 0;
                for &item in &out {
                    let count = instance.cells_of(item).len();
                    let way = saved[from..from + count].to_vec();
                    self.put_back(item, &way);
                    from += count;
                }
            }
        }
        Ok(())
    }

    /// Takes over ways that were found before. Items that cancellation leaves over stay as they are.
    pub(crate) fn adopt(&mut self, ways: &[u8]) {
        for item in 0..self.instance.items.len() {
            if self.instance.is_cancelled() {
                break;
            }
            self.lift(item);
            self.put_back(item, &ways[self.instance.cells_of(item)]);
        }
    }
}

pub(super) fn shuffle(items: &mut [usize], random: &mut Random) {
    for place in (1..items.len()).rev() {
        items.swap(place, random.below(place + 1));
    }
}

/// Items by how much they save for the room that they take, most first.
pub(crate) fn by_worth(worth: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..worth.len()).collect();
    sort_by_keys(&mut order, |&item| [!worth[item].to_bits(), 0]);
    order
}
