//! Items that are the same from some access on: what one can do, the other can. States that
//! differ only in which of those is where are one state.

use std::collections::HashMap;

use super::super::instance::{Access, Instance};

/// By index in a list of items, and by how many of its accesses are done.
#[derive(Debug)]
pub(super) struct SuffixClasses(Vec<Vec<u32>>);

/// All that matters of an item from an access on: its size, that access, where it may be before,
/// at and after it, and what follows.
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
    /// O(accesses of the items).
    pub(super) fn new(instance: &Instance, items: &[usize]) -> Self {
        let mut suffixes: HashMap<AccessSuffix, u32> = HashMap::new();
        let mut of = |item: usize| {
            let one = &instance.items[item];
            let accesses = &instance.accesses[one.accesses()];
            let points = &instance.point_pools[instance.points_of(item)];
            let mut list = vec![0; accesses.len() + 1];
            for (number, access) in accesses.iter().enumerate().rev() {
                let &Access { step, read, write, before, after } = access;
                let pools = [points[2 * number], points[2 * number + 1], points[2 * number + 2]];
                let (bytes, next) = ([read, write, before, after], list[number + 1]);
                let suffix = AccessSuffix {
                    size: one.size,
                    step,
                    bytes,
                    pools,
                    resident_pools: one.resident_pools,
                    next,
                };
                let count = suffixes.len() as u32 + 1;
                list[number] = *suffixes.entry(suffix).or_insert(count);
            }
            list
        };
        Self(items.iter().map(|&item| of(item)).collect())
    }

    /// The class of an item of which so many accesses are done; 0 if all are.
    pub(super) fn of(&self, index: usize, number: usize) -> u32 {
        self.0[index][number]
    }
}
