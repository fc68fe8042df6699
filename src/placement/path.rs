//! The cheapest residency path of one item: a shortest path over its accesses.
//!
//! The graph has a layer of states after each access. A state is the pool of the item and a dirty bit; an
//! edge is a [`PathTransition`], which fixes the pool of the access and the pool after it. The cost of an
//! edge depends on its two states only, because the dirty bit records all of the past that later copies
//! depend on. So dynamic programming over the layers is exact. Residency (one pool from run to run) is
//! compared separately.

mod chip;

use super::instance::{Instance, ItemAccess, MAX_POOLS};

/// Lagrange multipliers of the capacities: the price of a byte at each step in each pool on chip, on top of
/// the cost of traffic.
#[derive(Clone, Debug)]
pub(crate) struct Prices {
    steps: usize,
    /// By pool: prefix sums over the steps, so that the price of an interval takes O(1).
    sums: Vec<f64>,
}

impl Prices {
    /// Prices of 0.
    pub(crate) fn none(pools: usize, steps: u32) -> Self {
        let steps = steps as usize;
        Self { steps, sums: vec![0.0; pools * (steps + 1)] }
    }

    /// Sets the prices, given by pool and step.
    pub(crate) fn set(&mut self, prices: &[f64]) {
        for (sums, prices) in self.sums.chunks_mut(self.steps + 1).zip(prices.chunks(self.steps)) {
            let mut sum = 0.0;
            for (index, price) in sums[1..].iter_mut().zip(prices) {
                sum += price;
                *index = sum;
            }
        }
    }

    /// Price of a byte at steps `from..end`.
    pub(crate) fn over(&self, pool: usize, (from, end): (u32, u32)) -> f64 {
        let sums = &self.sums[pool * (self.steps + 1)..];
        if from < end { sums[end as usize] - sums[from as usize] } else { 0.0 }
    }
}

/// An item whose path is sought, the prices of its memory, and the restrictions on its path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathProblem<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) item: usize,
    pub(crate) prices: &'a Prices,
    /// By point: the pools that are allowed.
    pub(crate) point_pools: &'a [u8],
    /// By access: the pools to which the item may be copied for it.
    pub(crate) arrivals: &'a [u8],
    /// The pools in which the item may be resident.
    pub(crate) resident_pools: u8,
}

/// Number of states; state `2 * pool + 1` is dirty: the pool holds the only valid copy.
pub(crate) const STATES: usize = 2 * MAX_POOLS;

/// A transition over an access: the pool of the access and the state after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathTransition {
    /// Pool in which the access takes place.
    pub(crate) via: u8,
    /// State after the access.
    pub(crate) to: u8,
    /// Cost of traffic, without prices.
    pub(crate) cost: f64,
    /// Bytes copied, if there are several pools on chip, else 0: among paths of equal cost, the search
    /// prefers the fewest bytes copied. With one pool on chip, a copy costs the same traffic as an access
    /// in the backing store.
    pub(crate) copied: f64,
    /// Mask of pools on chip that the item occupies at the step of the access.
    pub(crate) at_step: u8,
    /// True if the item is copied to the pool of the access and occupies it from its arrival.
    pub(crate) arrives: bool,
}

/// An access of an item with the restrictions on its transitions.
#[derive(Clone, Copy)]
pub(crate) struct AccessTransitions<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) item: usize,
    pub(crate) number: usize,
    pub(crate) via: u8,
    pub(crate) arrivals: u8,
    pub(crate) after: u8,
}

impl<'a> AccessTransitions<'a> {
    pub(crate) fn new(problem: &PathProblem<'a>, number: usize) -> Self {
        Self {
            instance: problem.instance,
            item: problem.item,
            number,
            via: problem.point_pools[2 * number + 1],
            arrivals: problem.arrivals[number],
            after: problem.point_pools[2 * number + 2],
        }
    }

    /// Calls `visit` for each transition from a state.
    ///
    /// Some transitions are left out because another path stands for them: an access in the backing
    /// store of an item on chip (the item can leave after the previous access), and a copy to the chip
    /// right after an access in the backing store (the item can return for its next access). The model
    /// also has no access in another pool with a return to the first one right after it.
    #[inline]
    pub(crate) fn for_each_transition(&self, state: usize, mut visit: impl FnMut(PathTransition)) {
        let (pool, dirty) = (state / 2, state % 2 == 1);
        let instance = self.instance;
        let store = instance.store();
        let access = instance.accesses[instance.items[self.item].first as usize + self.number];
        for via in bits(self.via) {
            // An access in the backing store of an item on chip is left out: the path on which the item
            // leaves after its previous access stands for it. A copy to the chip needs free bytes from its
            // arrival on.
            if via != pool && (via == store || self.arrivals >> via & 1 == 0) {
                continue;
            }
            let spec = &instance.pools[via];
            let mut cost = access.read as f64 * spec.read as f64 + access.write as f64 * spec.write as f64;
            let mut copied = 0;
            if via != pool {
                copied += access.before;
                cost += access.before as f64 * (instance.pools[pool].from + spec.to) as f64;
            }
            // Bytes from the backing store are clean. They become dirty when an access writes them on chip,
            // and then a later copy to the store costs traffic.
            let dirty = via != store && ((dirty && pool != store) || access.write > 0);
            let arrives = via != pool && access.before > 0;
            for after in bits(self.after) {
                if (via == store && after != store) || (after == pool && after != store && via != pool) {
                    continue;
                }
                let (mut cost, mut copied) = (cost, copied);
                if after != via && (after != store || dirty) {
                    copied += access.after;
                    cost += access.after as f64 * (spec.from + instance.pools[after].to) as f64;
                }
                // At the step of a copy, the item occupies both of its ends.
                let at_step = (1 << pool | 1 << via | 1 << after) & !(1 << store);
                let to = (2 * after + usize::from(dirty && after != store)) as u8;
                let copied = if store > 1 { copied as f64 } else { 0.0 };
                visit(PathTransition { via: via as u8, to, cost, copied, at_step, arrives });
            }
        }
    }

    /// Prices of the item's memory around this access.
    #[inline]
    pub(crate) fn prices_around(&self, prices: &Prices) -> AccessPrices {
        let instance = self.instance;
        let data = &instance.items[self.item];
        let accesses = &instance.accesses[data.accesses()];
        let step = accesses[self.number].step;
        let next = accesses.get(self.number + 1).map_or(instance.steps, |next| next.step);
        let arrival = instance.arrival(self.item, self.number);
        // Prefix sums make each price O(1), so an access costs the same however far the next one is.
        let mut prices_around =
            AccessPrices { here: [0.0; MAX_POOLS], before: [0.0; MAX_POOLS], after: [0.0; MAX_POOLS] };
        for pool in 0..instance.store() {
            let bytes = instance.padded_size(self.item, pool) as f64;
            prices_around.here[pool] = prices.over(pool, (step, step + 1)) * bytes;
            prices_around.before[pool] = prices.over(pool, (arrival, step)) * bytes;
            prices_around.after[pool] = prices.over(pool, (step + 1, next)) * bytes;
        }
        prices_around
    }
}

/// Price of the memory of an item in each pool on chip: at the step of an access, from the arrival of a
/// copy for it, and from the access to the next one. 0 in the backing store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessPrices {
    here: [f64; MAX_POOLS],
    before: [f64; MAX_POOLS],
    after: [f64; MAX_POOLS],
}

impl AccessPrices {
    /// Price of the memory that a transition occupies, up to the next access.
    #[inline]
    pub(crate) fn of(&self, transition: &PathTransition) -> f64 {
        let mut sum = self.after[transition.to as usize / 2];
        for pool in bits(transition.at_step) {
            sum += self.here[pool];
        }
        if transition.arrives { sum + self.before[transition.via as usize] } else { sum }
    }
}

/// Shortest-path search; it reuses its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathFinder {
    /// By access and state after it: the state before it and the pool of the access.
    predecessors: Vec<(u8, u8)>,
}

impl PathFinder {
    /// Computes the cheapest path of an item, prices included, and writes it to `path` by point. Returns
    /// its cost; infinite if there is no path.
    ///
    /// O(accesses) times the cube of the number of pools.
    pub(crate) fn best(&mut self, problem: &PathProblem<'_>, path: &mut [u8]) -> f64 {
        let PathProblem { instance, item, resident_pools, .. } = *problem;
        let (states, (mut cost, last)) = if instance.pools.len() == 2 {
            (chip::STATES, self.forward_single_chip(problem))
        } else {
            (STATES, self.forward(problem))
        };
        let mut resident_pool = None;
        // Residency is no path over states: the item occupies its pool at every step and costs no copy.
        for pool in bits(resident_pools & instance.items[item].resident_pools) {
            let resident = problem.resident_cost(pool) + problem.resident_price(pool);
            if resident < cost {
                (cost, resident_pool) = (resident, Some(pool));
            }
        }
        match resident_pool {
            Some(pool) => path.fill(pool as u8),
            None if cost < f64::INFINITY => self.trace(states, last, path),
            None => {}
        }
        cost
    }

    /// Cost of the cheapest path over all accesses, and its last state.
    fn forward(&mut self, problem: &PathProblem<'_>) -> (f64, usize) {
        self.predecessors.clear();
        // Cost, then bytes copied.
        let mut costs = [(f64::INFINITY, 0.0); STATES];
        if let Some((state, cost)) = problem.start() {
            costs[state].0 = cost;
        }
        for number in 0..problem.accesses().len() {
            let transitions = AccessTransitions::new(problem, number);
            let prices_around = transitions.prices_around(problem.prices);
            // Bellman's equation for one layer: of all paths to a state, only the cheapest one can be part of
            // a cheapest path, since the rest of the path depends on the state alone.
            let mut next = [(f64::INFINITY, 0.0); STATES];
            let mut predecessors = [(0, 0); STATES];
            for (state, &cost) in costs.iter().enumerate() {
                if cost.0 < f64::INFINITY {
                    transitions.for_each_transition(state, |transition| {
                        let cost = (
                            cost.0 + transition.cost + prices_around.of(&transition),
                            cost.1 + transition.copied,
                        );
                        let to = transition.to as usize;
                        if cost < next[to] {
                            next[to] = cost;
                            predecessors[to] = (state as u8, transition.via);
                        }
                    });
                }
            }
            costs = next;
            self.predecessors.extend(predecessors);
        }
        let mut best = ((f64::INFINITY, 0.0), 0);
        for (state, &cost) in costs.iter().enumerate() {
            if cost < best.0 {
                best = (cost, state);
            }
        }
        (best.0.0, best.1)
    }

    /// Writes the path that ends in state `last`.
    fn trace(&self, states: usize, last: usize, path: &mut [u8]) {
        // The predecessors are stored layer by layer, so the path is read from its end.
        let mut state = last;
        for (number, predecessors) in self.predecessors.chunks(states).enumerate().rev() {
            let (before, via) = predecessors[state];
            path[2 * number + 2] = (state / 2) as u8;
            path[2 * number + 1] = via;
            state = before.into();
        }
        path[0] = (state / 2) as u8;
    }
}

impl<'a> PathProblem<'a> {
    #[inline]
    pub(crate) fn accesses(&self) -> &'a [ItemAccess] {
        &self.instance.accesses[self.instance.items[self.item].accesses()]
    }

    /// The state before the first access and the price of the memory until then; none if it is not allowed.
    pub(crate) fn start(&self) -> Option<(usize, f64)> {
        let Self { instance, item, .. } = *self;
        let data = &instance.items[item];
        let pool = data.start as usize;
        let waiting = if pool == instance.store() {
            0.0
        } else {
            self.prices.over(pool, instance.between(item, 0)) * instance.padded_size(item, pool) as f64
        };
        (self.point_pools[0] >> pool & 1 == 1).then_some((2 * pool + usize::from(data.dirty), waiting))
    }

    /// Cost-to-go: by number of processed accesses and state, the least cost of the rest of the path, prices
    /// included. `STATES` entries for each number.
    pub(crate) fn costs_to_go(&self) -> Vec<f64> {
        let count = self.accesses().len();
        let mut costs = vec![f64::INFINITY; (count + 1) * STATES];
        // After the last access, every state is an end; which of them is allowed follows from the pools of
        // the last point. The layers are then computed from the last access to the first.
        costs[count * STATES..].fill(0.0);
        for number in (0..count).rev() {
            let transitions = AccessTransitions::new(self, number);
            let prices_around = transitions.prices_around(self.prices);
            let (before, after) = costs.split_at_mut((number + 1) * STATES);
            let of_states = before[number * STATES..].iter_mut().enumerate();
            for (state, cost_to_go) in of_states.take(2 * self.instance.pools.len()) {
                transitions.for_each_transition(state, |transition| {
                    let cost =
                        transition.cost + prices_around.of(&transition) + after[transition.to as usize];
                    *cost_to_go = cost_to_go.min(cost);
                });
            }
        }
        costs
    }

    /// Cost of the item if it is resident in a pool.
    pub(crate) fn resident_cost(&self, pool: usize) -> f64 {
        let spec = &self.instance.pools[pool];
        let costs = self
            .accesses()
            .iter()
            .map(|access| access.read as f64 * spec.read as f64 + access.write as f64 * spec.write as f64);
        costs.sum()
    }

    /// Price of the memory of the item if it is resident in a pool.
    pub(crate) fn resident_price(&self, pool: usize) -> f64 {
        let bytes = self.instance.padded_size(self.item, pool) as f64;
        self.prices.over(pool, (0, self.instance.steps)) * bytes
    }
}

/// Indices of the bits that are set.
pub(crate) fn bits(mut mask: u8) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = mask.trailing_zeros() as usize;
        (mask > 0).then(|| {
            mask &= mask - 1;
            index
        })
    })
}
