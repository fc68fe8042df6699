use super::super::instance::{Access, Instance, NewItem, Room};
use super::super::path::Prices;
use super::super::state::State;
use super::{Question, sweep};
use crate::support::ids::PoolId;
use crate::support::limits::{Limits, Meter};
use crate::support::random::Random;

/// Items written at some step and read at later ones; a few are large, and many are so small
/// that states are not told apart by them.
fn instance(random: &mut Random) -> Instance {
    let room = |capacity, read| Room {
        capacity,
        bytes: capacity,
        alignment: 1,
        read,
        write: read,
        from: read,
        to: read,
    };
    let steps = 10;
    let mut instance = Instance::new(vec![room(700, 0), room(1 << 20, 1)], steps, 0, &Limits::new());
    for number in 0..11 {
        let size = if number < 4 { 150 + random.below(200) as u64 } else { 1 + random.below(60) as u64 };
        let first = random.below(steps as usize - 1) as u32;
        let mut accesses = vec![Access { step: first, read: 0, write: size, before: 0, after: size }];
        for step in first + 1..steps {
            if random.below(3) == 0 {
                accesses.push(Access { step, read: size, write: 0, before: size, after: size });
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
            whole: false,
            accesses: &accesses,
        });
    }
    super::super::complete(&mut instance);
    instance
}

/// The cost of ways that fit by load, found without states.
fn by_chance(instance: &Instance, seed: u64) -> u64 {
    let limits = Limits::new().nodes(u64::MAX);
    let meter = &mut Meter::new(&limits, u64::MAX);
    let free = Prices::none(instance.home(), instance.steps);
    let worth = vec![1.0; instance.items.len()];
    let mut state = State::new(instance);
    state.shake(3000, &free, &worth, &mut Random::new(seed), meter).expect("no limit");
    state.chosen.cost
}

/// Few states bound the cost from below, whatever stands for what.
#[test]
fn few_states_prove_no_more_than_is_true() {
    let (mut narrower, mut same) = (0, 0);
    for seed in 0..100 {
        let instance = instance(&mut Random::new(seed));
        let items: Vec<usize> = (0..instance.items.len()).collect();
        let rates = vec![0.0; instance.steps as usize];
        let answer = |width| {
            let question = Question {
                instance: &instance,
                items: &items,
                capacities: &[instance.rooms[0].capacity],
                rates: &rates,
                below: 1e9,
                width,
            };
            let limits = Limits::new().nodes(u64::MAX);
            sweep(&question, &mut Meter::new(&limits, u64::MAX)).expect("no limit")
        };
        let all = answer(1_000_000);
        let best = all.best.expect("all at home is a way").cost;
        assert!(all.bound >= best - 1e-6, "seed {seed}: {} {best}", all.bound);
        let found = by_chance(&instance, seed);
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
