//! Classes of items with identical futures. Two items are in one class from some access on if their sizes,
//! remaining accesses and allowed pools are equal, so that each can do whatever the other can. States that
//! differ only by a permutation within a class have the same optimal completion and are merged; this
//! symmetry breaking loses no solution.

use std::collections::HashMap;

use super::super::instance::{Instance, ItemAccess};

/// Classes by index in the list of items and number of processed accesses.
#[derive(Debug)]
pub(super) struct SuffixClasses(Vec<Vec<u32>>);

/// The future of an item from an access on: size, access, allowed pools before, at and after it, and the
/// class of the rest.
#[derive(PartialEq, Eq, Hash)]
struct AccessSuffix {
    size: u64,
    step: u32,
    bytes: [u64; 4],
    pools: [u8; 3],
    resident_pools: u8,
    next: u32,
}

impl SuffixClasses {
    /// O(accesses of the items): one hash lookup for each access, from the last to the first.
    pub(super) fn new(instance: &Instance, items: &[usize]) -> Self {
        let mut suffixes: HashMap<AccessSuffix, u32> = HashMap::new();
        let mut of = |item: usize| {
            let data = &instance.items[item];
            let accesses = &instance.accesses[data.accesses()];
            let points = &instance.point_pools[instance.points_of(item)];
            let mut list = vec![0; accesses.len() + 1];
            // From the last access to the first: the class of the rest stands for all later accesses, so two
            // futures are equal if these fields are.
            for (number, access) in accesses.iter().enumerate().rev() {
                let &ItemAccess { step, read, write, before, after } = access;
                let pools = [points[2 * number], points[2 * number + 1], points[2 * number + 2]];
                let (bytes, next) = ([read, write, before, after], list[number + 1]);
                let suffix = AccessSuffix {
                    size: data.size,
                    step,
                    bytes,
                    pools,
                    resident_pools: data.resident_pools,
                    next,
                };
                let count = suffixes.len() as u32 + 1;
                list[number] = *suffixes.entry(suffix).or_insert(count);
            }
            list
        };
        Self(items.iter().map(|&item| of(item)).collect())
    }

    /// The class of an item with `number` processed accesses; 0 if none remain.
    pub(super) fn of(&self, index: usize, number: usize) -> u32 {
        self.0[index][number]
    }
}
