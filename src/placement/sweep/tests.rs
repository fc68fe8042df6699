use super::super::instance::{Instance, ItemAccess, NewItem, PoolSpec};
use super::super::path::Prices;
use super::super::state::PlacementState;
use super::{SweepProblem, sweep};
use crate::support::ids::PoolId;
use crate::support::limits::{Budget, Limits};
use crate::support::random::Random;

/// Items that are written at some step and read at later ones. A few are large; many are so small that they
/// are not heavy, so that states are merged with debts.
fn instance(random: &mut Random) -> Instance {
    let spec = |capacity, read| PoolSpec {
        capacity,
        bytes: capacity,
        alignment: 1,
        read,
        write: read,
        from: read,
        to: read,
    };
    let steps = 10;
    let mut instance = Instance::new(vec![spec(700, 0), spec(1 << 20, 1)], steps, 0, &Limits::new());
    for number in 0..11 {
        let size = if number < 4 { 150 + random.below(200) as u64 } else { 1 + random.below(60) as u64 };
        let first = random.below(steps as usize - 1) as u32;
        let mut accesses = vec![ItemAccess { step: first, read: 0, write: size, before: 0, after: size }];
        for step in first + 1..steps {
            if random.below(3) == 0 {
                accesses.push(ItemAccess { step, read: size, write: 0, before: size, after: size });
            }
        }
        let last = accesses.last_mut().expect("at least the first");
        last.after = 0;
        let (start, finish) = (PoolId::new(1), PoolId::new(1));
        instance.add(&NewItem {
            size,
            alignment: 1,
            pools: 3,
            pools_at_any_capacity: 3,
            start,
            finish,
            may_be_resident: false,
            accesses: &accesses,
        });
    }
    super::super::compute_min_costs(&mut instance);
    instance
}

/// The cost of an assignment that fits by load, from the local search.
fn cost_of_local_search(instance: &Instance, seed: u64) -> u64 {
    let limits = Limits::new().nodes(u64::MAX);
    let budget = &mut Budget::new(&limits, u64::MAX);
    let free = Prices::none(instance.store(), instance.steps);
    let priority = vec![1.0; instance.items.len()];
    let mut state = PlacementState::new(instance);
    state.local_search(3000, &free, &priority, &mut Random::new(seed), budget).expect("no limit");
    state.assignment.cost
}

/// With a narrow beam, the bound remains a lower bound.
#[test]
fn few_states_prove_no_more_than_is_true() {
    let (mut narrower, mut same) = (0, 0);
    for seed in 0..100 {
        let instance = instance(&mut Random::new(seed));
        let items: Vec<usize> = (0..instance.items.len()).collect();
        let rates = vec![0.0; instance.steps as usize];
        let answer = |width| {
            let problem = SweepProblem {
                instance: &instance,
                items: &items,
                capacities: &[instance.pools[0].capacity],
                rates: &rates,
                cutoff: 1e9,
                width,
            };
            let limits = Limits::new().nodes(u64::MAX);
            sweep(&problem, &mut Budget::new(&limits, u64::MAX)).expect("no limit")
        };
        let all = answer(1_000_000);
        let best = all.best.expect("all at store is a path").cost;
        assert!(all.bound >= best - 1e-6, "seed {seed}: {} {best}", all.bound);
        let found = cost_of_local_search(&instance, seed);
        assert!(best <= found as f64, "seed {seed}: {best} as the least, and {found} is possible");
        for width in [1, 4, 16] {
            let few = answer(width);
            assert!(few.bound <= best + 1e-6, "seed {seed}, {width} states: {} above {best}", few.bound);
            let cost = few.best.map_or(f64::INFINITY, |few| few.cost);
            assert!(cost >= best - 1e-6, "seed {seed}, {width} states: {cost} below {best}");
            if few.bound < best - 1e-6 { narrower += 1 } else { same += 1 }
        }
    }
    assert!(narrower > 20 && same > 20, "{narrower} {same}");
}
