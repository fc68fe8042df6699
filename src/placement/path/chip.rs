//! The shortest path for instances with one pool on chip, the most common case. It has three states, and
//! its transitions need no masks. On networks of millions of operands, paths are most of the work of a
//! placement.

use super::{Instance, PathFinder, PathProblem};
use crate::placement::instance::ItemAccess;

/// Clean on chip, dirty on chip, and in the backing store: the numbers of these states in the general
/// search.
pub(super) const STATES: usize = 3;

const ON_CHIP: u8 = 0;
const BACKING_STORE: u8 = 1;
const IN_STORE: usize = 2;

/// Costs of the parts of a transition.
struct TransitionCosts {
    /// Access in place.
    on_chip: f64,
    in_store: f64,
    /// Copies to the chip and from it.
    copy_in: f64,
    copy_out: f64,
}

impl TransitionCosts {
    fn new(instance: &Instance, access: &ItemAccess) -> Self {
        let [chip, store] = [&instance.pools[0], &instance.pools[1]];
        let (read, write) = (access.read as f64, access.write as f64);
        Self {
            on_chip: read * chip.read as f64 + write * chip.write as f64,
            in_store: read * store.read as f64 + write * store.write as f64,
            copy_in: access.before as f64 * (store.from + chip.to) as f64,
            copy_out: access.after as f64 * (chip.from + store.to) as f64,
        }
    }
}

/// The least cost of each state after an access, with its predecessor and the pool of the access.
struct StateLayer {
    costs: [f64; STATES],
    predecessors: [(u8, u8); STATES],
}

impl StateLayer {
    fn offer(&mut self, to: usize, cost: f64, from: usize, via: u8) {
        if cost < self.costs[to] {
            self.costs[to] = cost;
            self.predecessors[to] = (from as u8, via);
        }
    }
}

impl PathFinder {
    /// As [`forward`](Self::forward), with the same result to the last bit: sums are formed in the same
    /// order.
    pub(super) fn forward_single_chip(&mut self, problem: &PathProblem<'_>) -> (f64, usize) {
        let PathProblem { instance, item, prices, .. } = *problem;
        self.predecessors.clear();
        let mut costs = [f64::INFINITY; STATES];
        if let Some((state, cost)) = problem.start() {
            costs[state] = cost;
        }
        let accesses = problem.accesses();
        let bytes = instance.padded_size(item, 0) as f64;
        let mut earliest = 0;
        for (number, access) in accesses.iter().enumerate() {
            let ItemAccess { step, before, write, .. } = *access;
            let until = accesses.get(number + 1).map_or(instance.steps, |next| next.step);
            let arrival = step.saturating_sub(instance.prefetch).max(earliest);
            earliest = step + 1;
            // The price of memory has three parts: for the step of the access, for the steps to the next
            // access, and for those from the arrival of a copy on. They are added in the order of the general
            // search.
            let here = prices.over(0, (step, step + 1)) * bytes;
            let kept = prices.over(0, (step + 1, until)) * bytes + here;
            let early = if before > 0 { prices.over(0, (arrival, step)) * bytes } else { 0.0 };
            let access_costs = TransitionCosts::new(instance, access);
            let (via, after) = (problem.point_pools[2 * number + 1], problem.point_pools[2 * number + 2]);
            let (stays, leaves) = (after >> ON_CHIP & 1 == 1, after >> BACKING_STORE & 1 == 1);
            let mut next = StateLayer { costs: [f64::INFINITY; STATES], predecessors: [(0, 0); STATES] };
            // An access on chip, from each of the three states: clean, dirty, or in the backing store with a
            // copy before it. Afterwards the item stays or leaves.
            if via >> ON_CHIP & 1 == 1 {
                let arrives = problem.arrivals[number] >> ON_CHIP & 1 == 1;
                for (state, &cost) in costs.iter().enumerate().filter(|&(state, _)| state < 2 || arrives) {
                    let (moved, early) = if state == IN_STORE {
                        (access_costs.on_chip + access_costs.copy_in, early)
                    } else {
                        (access_costs.on_chip, 0.0)
                    };
                    // A clean item leaves for free, as its bytes are in the backing store already.
                    let dirty = state == 1 || write > 0;
                    if stays {
                        next.offer(usize::from(dirty), cost + moved + (kept + early), state, ON_CHIP);
                    }
                    if leaves {
                        let moved = if dirty { moved + access_costs.copy_out } else { moved };
                        next.offer(IN_STORE, cost + moved + (here + early), state, ON_CHIP);
                    }
                }
            }
            // An item on chip is not accessed in the backing store: it would have left after its previous
            // access.
            if via >> BACKING_STORE & 1 == 1 && leaves {
                next.offer(IN_STORE, costs[IN_STORE] + access_costs.in_store, IN_STORE, BACKING_STORE);
            }
            costs = next.costs;
            self.predecessors.extend(next.predecessors);
        }
        let mut best = (f64::INFINITY, 0);
        for (state, &cost) in costs.iter().enumerate() {
            if cost < best.0 {
                best = (cost, state);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use crate::placement::path::{PathFinder, PathProblem, Prices, STATES};
    use crate::placement::{Instance, ItemAccess, NewItem, PoolSpec};
    use crate::support::ids::PoolId;
    use crate::support::limits::Limits;
    use crate::support::random::Random;

    /// An instance of one item with a few accesses and one pool on chip.
    fn instance(random: &mut Random) -> Instance {
        let mut spec = |capacity| {
            let [read, write, from, to] = [0; 4].map(|_| random.below(3) as u64);
            PoolSpec { capacity, bytes: capacity, alignment: 4, read, write, from, to }
        };
        let pools = vec![spec(64), spec(u64::MAX)];
        let steps = 2 + random.below(20) as u32;
        let mut instance = Instance::new(pools, steps, random.below(4) as u32, &Limits::new());
        let mut bytes = |limit| if random.below(3) == 0 { 0 } else { random.below(limit) as u64 };
        let all = (0..steps).map(|step| ItemAccess {
            step,
            read: bytes(20),
            write: bytes(20),
            before: bytes(20),
            after: bytes(20),
        });
        let mut accesses: Vec<ItemAccess> = all.collect();
        accesses.retain(|access| access.step == 0 || random.below(3) > 0);
        let mut pool = || PoolId::new(random.below(2));
        let (start, finish) = (pool(), pool());
        let may_be_resident = start == finish && random.below(2) == 0;
        let new = NewItem {
            size: 18,
            alignment: 1,
            pools: 3,
            pools_at_any_capacity: 3,
            start,
            finish,
            may_be_resident,
            accesses: &accesses,
        };
        instance.add(&new);
        instance
    }

    #[test]
    fn one_chip_is_a_case_of_any_pools() {
        let mut random = Random::new(7);
        let (mut feasible, mut infeasible) = (0, 0);
        for round in 0..3000 {
            let instance = instance(&mut random);
            let mut prices = Prices::none(1, instance.steps);
            if round % 3 > 0 {
                prices.set(&(0..instance.steps).map(|_| random.unit()).collect::<Vec<f64>>());
            }
            let mut point_pools = instance.point_pools.clone();
            for mask in &mut point_pools {
                *mask &= if random.below(8) == 0 { random.below(4) as u8 } else { 3 };
            }
            let arrivals: Vec<u8> = instance.accesses.iter().map(|_| random.below(8).min(3) as u8).collect();
            let (point_pools, arrivals) = (point_pools.as_slice(), arrivals.as_slice());
            let (instance, prices) = (&instance, &prices);
            let problem = PathProblem { instance, item: 0, prices, point_pools, arrivals, resident_pools: 0 };
            let mut finder = PathFinder::default();
            let general = finder.forward(&problem);
            let mut path = [vec![0; point_pools.len()], vec![0; point_pools.len()]];
            finder.trace(STATES, general.1, &mut path[0]);
            let single_chip = finder.forward_single_chip(&problem);
            finder.trace(super::STATES, single_chip.1, &mut path[1]);
            assert_eq!(single_chip.0.to_bits(), general.0.to_bits());
            if single_chip.0 < f64::INFINITY {
                assert_eq!((single_chip.1, &path[1]), (general.1, &path[0]));
                feasible += 1;
            } else {
                infeasible += 1;
            }
        }
        assert!(feasible > 500 && infeasible > 500, "{feasible} paths, {infeasible} without one");
    }
}
