//! About what a placement costs, quickly.

use super::instance::Instance;
use super::path::Prices;
use super::primal::by_worth;
use super::state::State;

pub(crate) struct Estimate {
    /// What ways cost that fit by load and were chosen greedily.
    pub(crate) cost: u64,
    /// What no capacity would save.
    pub(crate) floor: u64,
    /// From one access to the next, where something else is between.
    pub(crate) gaps: Vec<Gap>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    /// The steps of the accesses.
    pub(crate) from: u32,
    pub(crate) until: u32,
    /// Bytes that matter in between.
    pub(crate) bytes: u64,
    /// Whether they are not on chip.
    pub(crate) is_away: bool,
}

/// O(n log n) for n accesses and steps, but for items with many accesses.
pub(crate) fn estimate(instance: &Instance) -> Estimate {
    let mut state = State::new(instance);
    let worth = instance.worth(&state.chosen.costs);
    let free = Prices::none(instance.home(), instance.steps);
    if instance.home() > 0 {
        state.rebuild(&by_worth(&worth), &free);
    }
    let mut gaps = Vec::new();
    for item in (0..instance.items.len()).take_while(|_| !instance.is_cancelled()) {
        let way = &state.chosen.ways[instance.cells_of(item)];
        gaps_of(instance, item, way, &mut gaps);
    }
    Estimate { cost: state.chosen.cost, floor: instance.least.iter().sum(), gaps }
}

fn gaps_of(instance: &Instance, item: usize, way: &[u8], gaps: &mut Vec<Gap>) {
    let accesses = &instance.accesses[instance.items[item].accesses()];
    for (number, pair) in accesses.windows(2).enumerate() {
        if pair[0].after > 0 && pair[0].step + 1 < pair[1].step {
            let is_away = usize::from(way[2 * number + 2]) == instance.home();
            gaps.push(Gap { from: pair[0].step, until: pair[1].step, bytes: pair[0].after, is_away });
        }
    }
}
