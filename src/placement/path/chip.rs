//! The shortest path where one pool is on chip, as in most memories: three states, whose moves need
//! no masks. On networks of millions of operands, paths are most of the work of a placement.

use super::{Allowed, Instance, Prices, Ways, start};
use crate::placement::instance::Access;

/// Clean on chip, dirty on chip, and in the backing store: as numbers of states of all pools.
pub(super) const STATES: usize = 3;

const CHIP: u8 = 0;
const STORE: u8 = 1;
const IN_STORE: usize = 2;

/// What moves cost at an access.
struct Costs {
    /// In place.
    on_chip: f64,
    in_store: f64,
    /// For copies to the chip and from it.
    brought: f64,
    taken: f64,
}

impl Costs {
    fn new(instance: &Instance, access: &Access) -> Self {
        let [chip, store] = [&instance.rooms[0], &instance.rooms[1]];
        let (read, write) = (access.read as f64, access.write as f64);
        Self {
            on_chip: read * chip.read as f64 + write * chip.write as f64,
            in_store: read * store.read as f64 + write * store.write as f64,
            brought: access.before as f64 * (store.from + chip.to) as f64,
            taken: access.after as f64 * (chip.from + store.to) as f64,
        }
    }
}

/// The least cost of each state after an access, with the state before it and where it took place.
struct Next {
    costs: [f64; STATES],
    back: [(u8, u8); STATES],
}

impl Next {
    fn offer(&mut self, to: usize, cost: f64, from: usize, via: u8) {
        if cost < self.costs[to] {
            self.costs[to] = cost;
            self.back[to] = (from as u8, via);
        }
    }
}

impl Ways {
    /// As [`forward`](Self::forward), to the last bit.
    pub(super) fn forward_by_one_chip(
        &mut self,
        instance: &Instance,
        item: usize,
        prices: &Prices,
        allowed: Allowed<'_>,
    ) -> (f64, usize) {
        self.back.clear();
        let mut costs = [f64::INFINITY; STATES];
        if let Some((state, cost)) = start(instance, item, prices, allowed) {
            costs[state] = cost;
        }
        let accesses = &instance.accesses[instance.items[item].accesses()];
        let bytes = instance.taken(item, 0) as f64;
        let mut earliest = 0;
        for (number, access) in accesses.iter().enumerate() {
            let Access { step, before, write, .. } = *access;
            let until = accesses.get(number + 1).map_or(instance.steps, |next| next.step);
            let arrival = step.saturating_sub(instance.prefetch).max(earliest);
            earliest = step + 1;
            let here = prices.over(0, (step, step + 1)) * bytes;
            let kept = prices.over(0, (step + 1, until)) * bytes + here;
            let early = if before > 0 { prices.over(0, (arrival, step)) * bytes } else { 0.0 };
            let own = Costs::new(instance, access);
            let (via, after) = (allowed.cells[2 * number + 1], allowed.cells[2 * number + 2]);
            let (stays, leaves) = (after >> CHIP & 1 == 1, after >> STORE & 1 == 1);
            let mut next = Next { costs: [f64::INFINITY; STATES], back: [(0, 0); STATES] };
            if via >> CHIP & 1 == 1 {
                let arrives = allowed.arrivals[number] >> CHIP & 1 == 1;
                for (state, &cost) in costs.iter().enumerate().filter(|&(state, _)| state < 2 || arrives) {
                    let (moved, early) = if state == IN_STORE {
                        (own.on_chip + own.brought, early)
                    } else {
                        (own.on_chip, 0.0)
                    };
                    let dirty = state == 1 || write > 0;
                    if stays {
                        next.offer(usize::from(dirty), cost + moved + (kept + early), state, CHIP);
                    }
                    if leaves {
                        let moved = if dirty { moved + own.taken } else { moved };
                        next.offer(IN_STORE, cost + moved + (here + early), state, CHIP);
                    }
                }
            }
            if via >> STORE & 1 == 1 && leaves {
                next.offer(IN_STORE, costs[IN_STORE] + own.in_store, IN_STORE, STORE);
            }
            costs = next.costs;
            self.back.extend(next.back);
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
    use crate::placement::path::{Allowed, Prices, STATES, Ways};
    use crate::placement::{Access, Instance, NewItem, Room};
    use crate::support::ids::PoolId;
    use crate::support::limits::Limits;
    use crate::support::random::Random;

    /// An item with a few accesses, in a memory with one pool on chip.
    fn instance(random: &mut Random) -> Instance {
        let mut room = |capacity| {
            let [read, write, from, to] = [0; 4].map(|_| random.below(3) as u64);
            Room { capacity, bytes: capacity, alignment: 4, read, write, from, to }
        };
        let rooms = vec![room(64), room(u64::MAX)];
        let steps = 2 + random.below(20) as u32;
        let mut instance = Instance::new(rooms, steps, random.below(4) as u32, &Limits::new());
        let mut bytes = |most| if random.below(3) == 0 { 0 } else { random.below(most) as u64 };
        let all = (0..steps).map(|step| Access {
            step,
            read: bytes(20),
            write: bytes(20),
            before: bytes(20),
            after: bytes(20),
        });
        let mut accesses: Vec<Access> = all.collect();
        accesses.retain(|access| access.step == 0 || random.below(3) > 0);
        let mut pool = || PoolId::new(random.below(2));
        let (start, finish) = (pool(), pool());
        let whole = start == finish && random.below(2) == 0;
        let new = NewItem {
            size: 18,
            alignment: 1,
            pools: 3,
            pools_at_any_capacity: 3,
            start,
            finish,
            whole,
            accesses: &accesses,
        };
        instance.add(&new);
        instance
    }

    #[test]
    fn one_chip_is_a_case_of_any_pools() {
        let mut random = Random::new(7);
        let (mut found, mut none) = (0, 0);
        for round in 0..3000 {
            let instance = instance(&mut random);
            let mut prices = Prices::none(1, instance.steps);
            if round % 3 > 0 {
                prices.set(&(0..instance.steps).map(|_| random.unit()).collect::<Vec<f64>>());
            }
            let mut cells = instance.cells.clone();
            for cell in &mut cells {
                *cell &= if random.below(8) == 0 { random.below(4) as u8 } else { 3 };
            }
            let arrivals: Vec<u8> = instance.accesses.iter().map(|_| random.below(8).min(3) as u8).collect();
            let allowed = Allowed { cells: &cells, arrivals: &arrivals, whole: 0 };
            let mut ways = Ways::default();
            let general = ways.forward(&instance, 0, &prices, allowed);
            let mut way = [vec![0; cells.len()], vec![0; cells.len()]];
            ways.trace(STATES, general.1, &mut way[0]);
            let own = ways.forward_by_one_chip(&instance, 0, &prices, allowed);
            ways.trace(super::STATES, own.1, &mut way[1]);
            assert_eq!(own.0.to_bits(), general.0.to_bits());
            if own.0 < f64::INFINITY {
                assert_eq!((own.1, &way[1]), (general.1, &way[0]));
                found += 1;
            } else {
                none += 1;
            }
        }
        assert!(found > 500 && none > 500, "{found} found, {none} without a way");
    }
}
