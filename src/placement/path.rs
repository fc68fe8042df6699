//! The cheapest way of one item through the pools: a shortest path over its accesses.

mod chip;

use super::instance::{Instance, MOST_POOLS};

/// What a byte costs at each step in each pool on chip, besides what the pools cost: Lagrange
/// multipliers of their capacities.
#[derive(Clone, Debug)]
pub(crate) struct Prices {
    steps: usize,
    /// By pool: sums over the steps before.
    sums: Vec<f64>,
}

impl Prices {
    /// Nothing costs anything.
    pub(crate) fn none(pools: usize, steps: u32) -> Self {
        let steps = steps as usize;
        Self { steps, sums: vec![0.0; pools * (steps + 1)] }
    }

    /// By pool and step.
    pub(crate) fn set(&mut self, prices: &[f64]) {
        for (sums, prices) in self.sums.chunks_mut(self.steps + 1).zip(prices.chunks(self.steps)) {
            let mut sum = 0.0;
            for (place, price) in sums[1..].iter_mut().zip(prices) {
                sum += price;
                *place = sum;
            }
        }
    }

    /// Of steps `from..end`.
    pub(crate) fn over(&self, pool: usize, (from, end): (u32, u32)) -> f64 {
        let sums = &self.sums[pool * (self.steps + 1)..];
        if from < end { sums[end as usize] - sums[from as usize] } else { 0.0 }
    }
}

/// Which pools an item may be in: a mask for each of its cells, and for each of its accesses
/// of those to which it may be copied for that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed<'a> {
    pub(crate) cells: &'a [u8],
    pub(crate) arrivals: &'a [u8],
    pub(crate) whole: u8,
}

/// Where an item is, `2 pool + dirty`: dirty if what is there is nowhere else.
pub(crate) const STATES: usize = 2 * MOST_POOLS;

/// What an item may do at an access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    /// Where the access takes place.
    pub(crate) via: u8,
    /// The state after it.
    pub(crate) to: u8,
    /// What it costs, without prices.
    pub(crate) cost: f64,
    /// Bytes that it copies, where there are several pools on chip: of ways of one cost, the
    /// one that copies least is taken. With one pool, a copy and an access at home cost the same
    /// traffic.
    pub(crate) copied: f64,
    /// Pools that it takes at the step of the access.
    pub(crate) at_step: u8,
    /// Whether it takes room where the access takes place since it arrives there.
    pub(crate) arrives: bool,
}

/// An access of an item, with where it may take place and lead.
#[derive(Clone, Copy)]
pub(crate) struct Crossing<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) item: usize,
    pub(crate) number: usize,
    pub(crate) via: u8,
    pub(crate) arrivals: u8,
    pub(crate) after: u8,
}

impl<'a> Crossing<'a> {
    pub(crate) fn new(instance: &'a Instance, item: usize, number: usize, allowed: Allowed<'_>) -> Self {
        Self {
            instance,
            item,
            number,
            via: allowed.cells[2 * number + 1],
            arrivals: allowed.arrivals[number],
            after: allowed.cells[2 * number + 2],
        }
    }

    /// All that can follow on a state.
    #[inline]
    pub(crate) fn leave(&self, state: usize, mut each: impl FnMut(Move)) {
        let (pool, dirty) = (state / 2, state % 2 == 1);
        let instance = self.instance;
        let home = instance.home();
        let access = instance.accesses[instance.items[self.item].first as usize + self.number];
        for via in bits(self.via) {
            if via != pool && (via == home || self.arrivals >> via & 1 == 0) {
                continue;
            }
            let room = &instance.rooms[via];
            let mut cost = access.read as f64 * room.read as f64 + access.write as f64 * room.write as f64;
            let mut copied = 0;
            if via != pool {
                copied += access.before;
                cost += access.before as f64 * (instance.rooms[pool].from + room.to) as f64;
            }
            let dirty = via != home && ((dirty && pool != home) || access.write > 0);
            let arrives = via != pool && access.before > 0;
            for after in bits(self.after) {
                if (via == home && after != home) || (after == pool && after != home && via != pool) {
                    continue;
                }
                let (mut cost, mut copied) = (cost, copied);
                if after != via && (after != home || dirty) {
                    copied += access.after;
                    cost += access.after as f64 * (room.from + instance.rooms[after].to) as f64;
                }
                let at_step = (1 << pool | 1 << via | 1 << after) & !(1 << home);
                let to = (2 * after + usize::from(dirty && after != home)) as u8;
                let copied = if home > 1 { copied as f64 } else { 0.0 };
                each(Move { via: via as u8, to, cost, copied, at_step, arrives });
            }
        }
    }

    /// What room costs around this access.
    #[inline]
    pub(crate) fn tolls(&self, prices: &Prices) -> Tolls {
        let instance = self.instance;
        let one = &instance.items[self.item];
        let accesses = &instance.accesses[one.accesses()];
        let step = accesses[self.number].step;
        let next = accesses.get(self.number + 1).map_or(instance.steps, |next| next.step);
        let arrival = instance.arrival(self.item, self.number);
        let mut tolls =
            Tolls { here: [0.0; MOST_POOLS], before: [0.0; MOST_POOLS], after: [0.0; MOST_POOLS] };
        for pool in 0..instance.home() {
            let bytes = instance.taken(self.item, pool) as f64;
            tolls.here[pool] = prices.over(pool, (step, step + 1)) * bytes;
            tolls.before[pool] = prices.over(pool, (arrival, step)) * bytes;
            tolls.after[pool] = prices.over(pool, (step + 1, next)) * bytes;
        }
        tolls
    }
}

/// What an item's room costs, by pool: at the step of an access, from the first step at which
/// what is copied for it takes room, and from then to the next access. Nothing at home.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolls {
    here: [f64; MOST_POOLS],
    before: [f64; MOST_POOLS],
    after: [f64; MOST_POOLS],
}

impl Tolls {
    /// The price of the room that a move takes, until the next access.
    #[inline]
    pub(crate) fn of(&self, one: &Move) -> f64 {
        let mut sum = self.after[one.to as usize / 2];
        for pool in bits(one.at_step) {
            sum += self.here[pool];
        }
        if one.arrives { sum + self.before[one.via as usize] } else { sum }
    }
}

/// Finds ways; its memory is used again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    /// By access and state after it: state before and where the access takes place.
    back: Vec<(u8, u8)>,
}

impl Ways {
    /// The least cost of an item's way, prices included, and the way, by cell; infinite if
    /// there is none.
    ///
    /// O(accesses times the cube of the pools).
    pub(crate) fn best(
        &mut self,
        instance: &Instance,
        item: usize,
        prices: &Prices,
        allowed: Allowed<'_>,
        way: &mut [u8],
    ) -> f64 {
        let (states, (mut cost, last)) = if instance.rooms.len() == 2 {
            (chip::STATES, self.forward_by_one_chip(instance, item, prices, allowed))
        } else {
            (STATES, self.forward(instance, item, prices, allowed))
        };
        let mut throughout = None;
        for pool in bits(allowed.whole & instance.items[item].whole) {
            let whole = whole_cost(instance, item, pool) + whole_price(instance, item, prices, pool);
            if whole < cost {
                (cost, throughout) = (whole, Some(pool));
            }
        }
        match throughout {
            Some(pool) => way.fill(pool as u8),
            None if cost < f64::INFINITY => self.trace(states, last, way),
            None => {}
        }
        cost
    }

    /// The least cost over the accesses, and the state at their end.
    fn forward(
        &mut self,
        instance: &Instance,
        item: usize,
        prices: &Prices,
        allowed: Allowed<'_>,
    ) -> (f64, usize) {
        self.back.clear();
        // Costs, then bytes copied.
        let mut costs = [(f64::INFINITY, 0.0); STATES];
        if let Some((state, cost)) = start(instance, item, prices, allowed) {
            costs[state].0 = cost;
        }
        for number in 0..instance.items[item].accesses().len() {
            let crossing = Crossing::new(instance, item, number, allowed);
            let tolls = crossing.tolls(prices);
            let mut next = [(f64::INFINITY, 0.0); STATES];
            let mut back = [(0, 0); STATES];
            for (state, &cost) in costs.iter().enumerate() {
                if cost.0 < f64::INFINITY {
                    crossing.leave(state, |one| {
                        let cost = (cost.0 + one.cost + tolls.of(&one), cost.1 + one.copied);
                        let to = one.to as usize;
                        if cost < next[to] {
                            next[to] = cost;
                            back[to] = (state as u8, one.via);
                        }
                    });
                }
            }
            costs = next;
            self.back.extend(back);
        }
        let mut best = ((f64::INFINITY, 0.0), 0);
        for (state, &cost) in costs.iter().enumerate() {
            if cost < best.0 {
                best = (cost, state);
            }
        }
        (best.0.0, best.1)
    }

    fn trace(&self, states: usize, last: usize, way: &mut [u8]) {
        let mut state = last;
        for (number, back) in self.back.chunks(states).enumerate().rev() {
            let (before, via) = back[state];
            way[2 * number + 2] = (state / 2) as u8;
            way[2 * number + 1] = via;
            state = before.into();
        }
        way[0] = (state / 2) as u8;
    }
}

/// The state before the first access, and the price of waiting for that; none if it is not
/// allowed.
pub(crate) fn start(
    instance: &Instance,
    item: usize,
    prices: &Prices,
    allowed: Allowed<'_>,
) -> Option<(usize, f64)> {
    let one = &instance.items[item];
    let pool = one.start as usize;
    let waiting = if pool == instance.home() {
        0.0
    } else {
        prices.over(pool, instance.between(item, 0)) * instance.taken(item, pool) as f64
    };
    (allowed.cells[0] >> pool & 1 == 1).then_some((2 * pool + usize::from(one.dirty), waiting))
}

/// By number of accesses done and state: the least that the rest of an item's way costs,
/// prices included, `STATES` for each number.
pub(crate) fn to_go(instance: &Instance, item: usize, prices: &Prices, allowed: Allowed<'_>) -> Vec<f64> {
    let count = instance.items[item].accesses().len();
    let mut costs = vec![f64::INFINITY; (count + 1) * STATES];
    costs[count * STATES..].fill(0.0);
    for number in (0..count).rev() {
        let crossing = Crossing::new(instance, item, number, allowed);
        let tolls = crossing.tolls(prices);
        let (before, after) = costs.split_at_mut((number + 1) * STATES);
        for (state, least) in before[number * STATES..].iter_mut().enumerate().take(2 * instance.rooms.len())
        {
            crossing.leave(state, |one| {
                let cost = one.cost + tolls.of(&one) + after[one.to as usize];
                *least = least.min(cost);
            });
        }
    }
    costs
}

/// What an item costs that is in one pool throughout.
pub(crate) fn whole_cost(instance: &Instance, item: usize, pool: usize) -> f64 {
    let room = &instance.rooms[pool];
    let accesses = &instance.accesses[instance.items[item].accesses()];
    let each = accesses
        .iter()
        .map(|access| access.read as f64 * room.read as f64 + access.write as f64 * room.write as f64);
    each.sum()
}

/// The price of a place for the whole run.
pub(crate) fn whole_price(instance: &Instance, item: usize, prices: &Prices, pool: usize) -> f64 {
    prices.over(pool, (0, instance.steps)) * instance.taken(item, pool) as f64
}

/// The places of the bits that are set.
pub(crate) fn bits(mut mask: u8) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros() as usize;
        (mask > 0).then(|| {
            mask &= mask - 1;
            place
        })
    })
}
