use super::{InitialOffsets, OffsetSearch};
use crate::placement::instance::{Instance, ItemAccess, NewItem, PoolSpec};
use crate::placement::pack::{OffsetMethod, PlacedInterval, pack};
use crate::placement::path::Prices;
use crate::placement::primal::by_priority;
use crate::placement::residency::ResidencyInterval;
use crate::placement::state::PlacementState;
use crate::support::ids::PoolId;
use crate::support::limits::{Budget, CancelToken, Limits, Stop};
use crate::support::random::Random;

/// Items that are written at some step and read at later ones, of which few fit on chip at once.
fn instance(random: &mut Random) -> Instance {
    let spec = |capacity, cost| PoolSpec {
        capacity,
        bytes: capacity,
        alignment: 4,
        read: cost,
        write: cost,
        from: cost,
        to: cost,
    };
    let steps = 30;
    let mut instance = Instance::new(vec![spec(400, 0), spec(1 << 20, 1)], steps, 0, &Limits::new());
    for _ in 0..40 {
        let size = 1 + random.below(120) as u64;
        let first = random.below(steps as usize - 1) as u32;
        let mut accesses = vec![ItemAccess { step: first, read: 0, write: size, before: 0, after: size }];
        for step in first + 1..steps {
            if random.below(4) == 0 {
                accesses.push(ItemAccess { step, read: size, write: 0, before: size, after: size });
            }
        }
        accesses.last_mut().expect("at least the first").after = 0;
        let (start, finish) = (PoolId::new(1), PoolId::new(1));
        let alignment = 1 << random.below(4);
        let accesses = &accesses;
        instance.add(&NewItem {
            size,
            alignment,
            pools: 3,
            pools_at_any_capacity: 3,
            start,
            finish,
            may_be_resident: false,
            accesses,
        });
    }
    super::super::compute_min_costs(&mut instance);
    instance
}

/// Paths, costs and offsets agree, and no two intervals overlap.
fn check(refit: &OffsetSearch<'_, '_>) {
    let instance = refit.instance;
    let all = refit.all_placed();
    let mut cost = 0;
    for item in 0..instance.items.len() {
        let mut intervals: Vec<ResidencyInterval> = Vec::new();
        refit.state.path_of(item).intervals(|interval| intervals.push(interval));
        let mut placed: Vec<ResidencyInterval> =
            all.iter().filter(|one| one.item == item).map(|one| one.interval).collect();
        let by_time = |one: &ResidencyInterval| one.from;
        intervals.sort_by_key(by_time);
        placed.sort_by_key(by_time);
        assert_eq!(intervals, placed, "item {item}");
        assert_eq!(refit.state.assignment.costs[item], refit.state.path_of(item).cost(), "item {item}");
        cost += refit.state.assignment.costs[item];
    }
    assert_eq!(refit.cost(), cost);
    let size = |one: &PlacedInterval| instance.items[one.item].size;
    for (index, one) in all.iter().enumerate() {
        assert!(one.offset.is_multiple_of(instance.items[one.item].alignment.max(4)));
        assert!(one.offset + size(one) <= instance.pools[0].bytes);
        for other in &all[..index] {
            let meet = one.interval.from < other.interval.end && other.interval.from < one.interval.end;
            let apart = one.offset + size(one) <= other.offset || other.offset + size(other) <= one.offset;
            assert!(!meet || apart, "{one:?} and {other:?}");
        }
    }
}

/// Exchanges with so much work for each as `max_work` draws: how many made the cost lower, and how
/// many ran out of work.
fn exchange(seed: u64, max_work: impl Fn(&mut Random) -> u64) -> (usize, usize) {
    let mut random = Random::new(seed);
    let instance = instance(&mut random);
    let free = Prices::none(1, instance.steps);
    let mut state = PlacementState::new(&instance);
    let store_costs = state.assignment.costs.clone();
    state.rebuild(&by_priority(&instance.priority(&store_costs)), &free);
    let (packed, ..) = pack(&instance, &state.assignment, OffsetMethod::BestFit).expect("not cancelled");
    let limits = Limits::new();
    let refit =
        OffsetSearch::new(&mut state, (&free, &store_costs), &packed.placed, InitialOffsets::BySize, &limits);
    let mut refit = refit.expect("all can be in the backing store");
    check(&refit);
    let (mut lower, mut short) = (0, 0);
    for _ in 0..100 {
        let item = random.below(instance.items.len());
        if !refit.is_improvable(item) {
            continue;
        }
        let before = refit.cost();
        refit.max_work = refit.work().saturating_add(max_work(&mut random));
        refit.try_improve(item, &mut random, &mut Budget::new(&Limits::new(), u64::MAX)).expect("no limit");
        assert!(refit.cost() <= before, "{} after {before}", refit.cost());
        check(&refit);
        lower += usize::from(refit.cost() < before);
        short += usize::from(refit.work() >= refit.max_work);
        let token = CancelToken::new();
        token.cancel();
        let (limits, before) = (Limits::new().cancel(token), refit.cost());
        let stopped = refit.try_improve(item, &mut random, &mut Budget::new(&limits, u64::MAX));
        assert_eq!(stopped, Err(Stop::Cancelled));
        assert!(refit.cost() <= before, "{} after {before}", refit.cost());
        check(&refit);
    }
    (lower, short)
}

#[test]
fn exchanges_keep_offsets_whatever_stops_them() {
    let sum = |all: [usize; 2], (lower, short): (usize, usize)| [all[0] + lower, all[1] + short];
    let [lower, _] = (0..30).map(|seed| exchange(seed, |_| u64::MAX)).fold([0; 2], sum);
    let [fewer, short] =
        (0..30).map(|seed| exchange(seed, |random| random.below(600) as u64)).fold([0; 2], sum);
    assert!(lower > 20 && fewer > 0 && short > 100, "{lower} and {fewer} lower, {short} short of work");
}
