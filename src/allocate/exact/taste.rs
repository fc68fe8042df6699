//! What a search prefers: where to branch, and what to try first.

use super::instance::Instance;
use super::state::{DeadEnd, State};
use crate::random::Random;
use crate::sorting::sort_by_keys;

/// What is tried first: the larger of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The fullest section, then size.
    Load,
    /// Steps of life.
    Steps,
    /// Steps of life times size.
    Area,
    /// Size.
    Size,
    /// Sections of life, then size.
    Sections,
}

impl By {
    pub(super) const ALL: [Self; 5] = [Self::Load, Self::Sections, Self::Area, Self::Steps, Self::Size];
}

/// The section to branch on: the least of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Candidates for each failure that was met there (Boussemart et al., 2004),
    /// then floor.
    Failures,
    /// Floor.
    Floor,
    /// Floor, then candidates.
    FloorCandidates,
    /// Most open bytes.
    Open,
}

impl Where {
    pub(super) const OTHERS: [Self; 3] = [Self::Floor, Self::FloorCandidates, Self::Open];
}

/// One of many ways to search.
#[derive(Clone, Debug)]
pub(super) struct Taste {
    pub(super) by: By,
    pub(super) place: Where,
    /// Each key is multiplied by something between 1 - noise and 1 + noise.
    pub(super) noise: f64,
    pub(super) seed: u64,
}

impl Taste {
    /// By item: when it is tried.
    pub(super) fn ranks(&self, instance: &Instance) -> Vec<u32> {
        let mut random = Random::new(self.seed);
        let mut keyed: Vec<(f64, u32)> = (0..instance.item_count())
            .map(|item| {
                let factor = 1.0 + self.noise * (2.0 * random.unit() - 1.0);
                (self.key(instance, item) * factor, item)
            })
            .collect();
        sort_by_keys(&mut keyed, |&(key, item)| [!ordered(key), item.into()]);
        let mut ranks = vec![0; keyed.len()];
        for (rank, (_, item)) in keyed.into_iter().enumerate() {
            ranks[item as usize] = rank as u32;
        }
        ranks
    }

    fn key(&self, instance: &Instance, item: u32) -> f64 {
        let (size, steps) = (instance.sizes[item as usize] as f64, instance.steps[item as usize] as f64);
        let sections = instance.sections.row(item);
        match self.by {
            By::Load => {
                let loads = sections.iter().map(|&section| instance.loads[section as usize]);
                loads.max().unwrap_or(0) as f64 + size * 1e-3
            }
            By::Steps => steps,
            By::Area => steps * size,
            By::Size => size,
            By::Sections => sections.len() as f64 + size * 1e-12,
        }
    }

    /// The section of these to branch on: one without a choice if there is any.
    ///
    /// # Errors
    /// If there is one without options.
    pub(super) fn choose(&self, state: &mut State<'_>, first: u32, end: u32) -> Result<u32, DeadEnd> {
        let mut best = ((u64::MAX, u64::MAX), u32::MAX);
        for section in first..end {
            let at = section as usize;
            let view = state.views[at];
            if state.open_bytes[at] == 0 || view.blocked > 0 {
                continue;
            }
            if view.candidates == 1 && !state.may_stay_empty(section) {
                return Ok(section);
            }
            let (floor, candidates) = (state.floor[at], u64::from(view.candidates));
            let score = match self.place {
                Where::Failures => ((candidates << 32) / state.failures[at], floor),
                Where::Floor => (floor, 0),
                Where::FloorCandidates => (floor, candidates),
                Where::Open => (u64::MAX - state.open_bytes[at], 0),
            };
            if score < best.0 {
                best = (score, section);
            }
        }
        state.work += u64::from(end - first);
        if best.1 == u32::MAX { Err(DeadEnd) } else { Ok(best.1) }
    }
}

/// Ascending as the numbers are.
fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if number.is_sign_negative() { !bits } else { bits | 1 << 63 }
}
