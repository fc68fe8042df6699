use super::*;
use crate::allocate::exact::displace::tests::{crowded_problem, instance, overlap};
use crate::problem::{Buffer, Problem};
use crate::support::random::Random;

/// Compares all derived values with values computed from the conflicts alone.
fn check(problem: &Problem, instance: &ExactInstance, stacking: &Stacking) {
    let mut expected = stacking.clone();
    expected.order.iter().enumerate().for_each(|(position, &item)| {
        assert_eq!(stacking.items[item as usize].position as usize, position);
    });
    for position in 0..expected.order.len() {
        let item = expected.order[position];
        let before = &expected.order[..position];
        let conflicts = |other: &&u32| instance.conflicts.row(item).iter().any(|with| with.item == **other);
        let floor = before.iter().filter(conflicts).map(|&other| expected.items[other as usize].top).max();
        let node = expected.items[item as usize];
        expected.items[item as usize].top = node.aligned(floor.unwrap_or(0)) + node.size;
    }
    for position in (0..expected.order.len()).rev() {
        let item = expected.order[position];
        let after = &expected.order[position + 1..];
        let conflicts = |other: &&u32| instance.conflicts.row(item).iter().any(|with| with.item == **other);
        let roof = after.iter().filter(conflicts).map(|&other| expected.items[other as usize].highest).min();
        let node = expected.items[item as usize];
        expected.items[item as usize].highest = node.aligned_down(roof.unwrap_or(i32::MAX) - node.size);
    }
    let numbers = |stacking: &Stacking| -> Vec<(i32, i32)> {
        stacking.items.iter().map(|node| (node.top, node.highest)).collect()
    };
    assert_eq!(numbers(stacking), numbers(&expected));
    assert_eq!(stacking.excess, expected.items.iter().map(StackedItem::excess).sum::<i64>());
    let offsets = stacking.offsets();
    for item in 0..offsets.len() {
        assert!(offsets[item].is_multiple_of(problem.buffer(instance.ids[item]).alignment()));
        assert_eq!((0..item).find(|&other| overlap(problem, instance, &offsets, item, other)), None);
    }
}

#[test]
fn moves_keep_derived_values_consistent() {
    let (mut solved, mut stopped) = (0, 0);
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let problem = crowded_problem(&mut random);
        let instance = instance(&problem);
        let start: Vec<u64> = (0..instance.sizes.len() as u64).map(|item| 64 * item).collect();
        let mut stacking = Stacking::new(&instance, &start, 250).expect("small numbers");
        check(&problem, &instance, &stacking);
        for number in 0..200 {
            let item = random.below(start.len()) as u32;
            let before = stacking.clone();
            stacking.remove_item(&instance, item);
            let slot = random.below(stacking.excesses().len());
            if slot == stacking.slot() {
                stacking.restore_item(&instance, item, false);
            } else {
                let limit = before.excess + i64::from(random.below(100) as u32);
                if !stacking.insert_item(&instance, item, slot, limit) {
                    assert!(stacking.excess > limit);
                    stacking.restore_item(&instance, item, true);
                    assert_eq!(stacking.order, before.order);
                    assert_eq!((&stacking.below, &stacking.above), (&before.below, &before.above));
                    stopped += 1;
                }
            }
            if number % 16 == 0 {
                stacking.reorder(random.below(17) as u32);
            }
            check(&problem, &instance, &stacking);
            solved += u32::from(stacking.is_solved());
        }
    }
    assert!(solved > 100 && stopped > 1000, "{solved} solved, {stopped} stopped");
}

#[test]
fn a_packing_ends_below_the_capacity() {
    let mut solved = 0;
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let problem = crowded_problem(&mut random);
        let instance = instance(&problem);
        let start = vec![0; instance.sizes.len()];
        let mut stacking = Stacking::new(&instance, &start, 250).expect("small numbers");
        for _ in 0..500 {
            if stacking.is_solved() {
                let offsets = stacking.offsets();
                assert!(instance.height(&offsets) <= 250, "seed {seed}");
                let fixed =
                    |item: usize| instance.fixed[item] == u64::MAX || instance.fixed[item] == offsets[item];
                assert!((0..offsets.len()).all(fixed), "seed {seed}");
                solved += 1;
                break;
            }
            let item = random.below(start.len()) as u32;
            stacking.remove_item(&instance, item);
            let excesses = stacking.excesses();
            let slot = (0..excesses.len()).min_by_key(|&slot| excesses[slot]).expect("one slot at least");
            if slot == stacking.slot() {
                stacking.restore_item(&instance, item, false);
            } else {
                assert!(stacking.insert_item(&instance, item, slot, i64::MAX));
            }
        }
    }
    assert!(solved > 50, "only {solved} solved");
}

#[test]
fn numbers_above_the_limit_are_refused() {
    let buffers = vec![Buffer::new(1 << 40, 0..2), Buffer::new(3, 1..3)];
    let problem = Problem::new(buffers).expect("a problem");
    assert!(Stacking::new(&instance(&problem), &[0, 1 << 40], (1 << 40) + 3).is_none());
}
