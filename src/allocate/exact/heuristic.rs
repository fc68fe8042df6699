//! Branching heuristics: the section to branch on and the order of its items.
//!
//! The heuristic decides the order of the search only. Any section without blocked items and
//! any order of its candidates keep the search complete, so no choice here can lose a packing.

use super::instance::ExactInstance;
use super::state::{DeadEnd, PackingState};
use crate::support::arithmetic::float_key;
use crate::support::random::Random;
use crate::support::sorting::sort_by_keys;

/// Value order: the key by which the items of a section are tried, largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueOrder {
    /// Largest load of the item's sections, then size.
    Load,
    /// Number of live steps.
    Steps,
    /// Number of live steps times size.
    Area,
    /// Size.
    Size,
    /// Number of sections, then size.
    Sections,
}

impl ValueOrder {
    pub(super) const ALL: [Self; 5] = [Self::Load, Self::Sections, Self::Area, Self::Steps, Self::Size];
}

/// Section choice: the key by which the section to branch on is chosen, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionChoice {
    /// Candidates divided by the failures counted in the section (dom/wdeg of Boussemart et
    /// al., 2004), then floor.
    Failures,
    /// Floor.
    Floor,
    /// Floor, then number of candidates.
    FloorCandidates,
    /// Open bytes, most first.
    Open,
}

impl SectionChoice {
    pub(super) const OTHERS: [Self; 3] = [Self::Floor, Self::FloorCandidates, Self::Open];
}

/// A branching heuristic: value order, section choice and randomisation.
#[derive(Clone, Debug)]
pub(super) struct BranchingHeuristic {
    pub(super) value_order: ValueOrder,
    pub(super) section_choice: SectionChoice,
    /// Each key is multiplied by a random factor between 1 - noise and 1 + noise.
    pub(super) noise: f64,
    pub(super) seed: u64,
}

impl BranchingHeuristic {
    /// A value order without noise. Sections with failures come first.
    pub(super) fn exact(value_order: ValueOrder) -> Self {
        Self { value_order, section_choice: SectionChoice::Failures, noise: 0.0, seed: 0 }
    }

    /// Rank of each item in the value order.
    pub(super) fn ranks(&self, instance: &ExactInstance) -> Vec<u32> {
        let mut random = Random::new(self.seed);
        let mut keyed: Vec<(f64, u32)> = (0..instance.item_count())
            .map(|item| {
                let factor = 1.0 + self.noise * (2.0 * random.unit() - 1.0);
                (self.key(instance, item) * factor, item)
            })
            .collect();
        sort_by_keys(&mut keyed, |&(key, item)| [!float_key(key), item.into()]);
        let mut ranks = vec![0; keyed.len()];
        for (rank, (_, item)) in keyed.into_iter().enumerate() {
            ranks[item as usize] = rank as u32;
        }
        ranks
    }

    fn key(&self, instance: &ExactInstance, item: u32) -> f64 {
        let (size, steps) = (instance.sizes[item as usize] as f64, instance.steps[item as usize] as f64);
        let sections = instance.sections.row(item);
        match self.value_order {
            ValueOrder::Load => {
                let loads = sections.iter().map(|&section| instance.loads[section as usize]);
                loads.max().unwrap_or(0) as f64 + size * 1e-3
            }
            ValueOrder::Steps => steps,
            ValueOrder::Area => steps * size,
            ValueOrder::Size => size,
            ValueOrder::Sections => sections.len() as f64 + size * 1e-12,
        }
    }

    /// Chooses the section of `first..end` to branch on. A section without a choice (one
    /// candidate that must lie at the floor) comes first: it costs no branching.
    ///
    /// Sections with blocked items are skipped. The section with the lowest floor is never
    /// blocked, so some section remains unless all are complete.
    ///
    /// # Errors
    /// [`DeadEnd`] if no section can be branched on.
    pub(super) fn choose(&self, state: &mut PackingState<'_>, first: u32, end: u32) -> Result<u32, DeadEnd> {
        // Linear in the number of sections, each node; the counts of options are kept up to date by the
        // state, so no item is looked at here.
        let mut best = ((u64::MAX, u64::MAX), u32::MAX);
        for section in first..end {
            let at = section as usize;
            let options = state.floor_options[at];
            if state.open_bytes[at] == 0 || options.blocked > 0 {
                continue;
            }
            if options.candidates == 1 && !state.may_stay_empty(section) {
                return Ok(section);
            }
            let (floor, candidates) = (state.floor[at], u64::from(options.candidates));
            let score = match self.section_choice {
                SectionChoice::Failures => ((candidates << 32) / state.failures[at], floor),
                SectionChoice::Floor => (floor, 0),
                SectionChoice::FloorCandidates => (floor, candidates),
                SectionChoice::Open => (u64::MAX - state.open_bytes[at], 0),
            };
            if score < best.0 {
                best = (score, section);
            }
        }
        state.work += u64::from(end - first);
        if best.1 == u32::MAX { Err(DeadEnd) } else { Ok(best.1) }
    }
}
