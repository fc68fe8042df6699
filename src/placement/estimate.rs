//! Fast cost estimate of an instance, for the comparison of operator orders and aliases.

use super::instance::Instance;
use super::path::Prices;
use super::primal::by_priority;
use super::state::PlacementState;

/// Estimated cost of an instance.
pub(crate) struct CostEstimate {
    /// Cost of an assignment that fits by load, from one greedy pass.
    pub(crate) cost: u64,
    /// Sum of the minimum costs of the items.
    pub(crate) unavoidable_cost: u64,
    /// Gaps between two accesses of an item with other steps in between.
    pub(crate) gaps: Vec<AccessGap>,
}

/// The gap between two successive accesses of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessGap {
    /// Steps of the accesses.
    pub(crate) from: u32,
    pub(crate) until: u32,
    /// Live bytes in between.
    pub(crate) bytes: u64,
    /// True if the item lies in the backing store in between.
    pub(crate) is_off_chip: bool,
}

/// Estimates the cost by greedy insertion. O(n log n) for n accesses and steps, except for items with many
/// accesses. After the deadline, the estimate is that of the items handled so far.
pub(crate) fn estimate(instance: &Instance) -> CostEstimate {
    let mut state = PlacementState::new(instance);
    let priority = instance.priority(&state.assignment.costs);
    let free = Prices::none(instance.store(), instance.steps);
    if instance.store() > 0 {
        state.rebuild(&by_priority(&priority), &free);
    }
    let mut gaps = Vec::new();
    for item in (0..instance.items.len()).take_while(|&item| !instance.is_stopped_at(item)) {
        let path = &state.assignment.paths[instance.points_of(item)];
        gaps_of(instance, item, path, &mut gaps);
    }
    CostEstimate { cost: state.assignment.cost, unavoidable_cost: instance.total_min_cost(), gaps }
}

fn gaps_of(instance: &Instance, item: usize, path: &[u8], gaps: &mut Vec<AccessGap>) {
    let accesses = &instance.accesses[instance.items[item].accesses()];
    for (number, pair) in accesses.windows(2).enumerate() {
        if pair[0].after > 0 && pair[0].step + 1 < pair[1].step {
            let is_off_chip = usize::from(path[2 * number + 2]) == instance.store();
            gaps.push(AccessGap {
                from: pair[0].step,
                until: pair[1].step,
                bytes: pair[0].after,
                is_off_chip,
            });
        }
    }
}
