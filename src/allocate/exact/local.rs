//! Choice of local searches that run beside the dives.

use super::anneal::Annealing;
use super::displace::{Displacement, DisplacementOutcome, MANY_ITEMS};
use super::incumbent::Incumbent;
use super::instance::ExactInstance;
use crate::allocate::decomposition::PackingTarget;
use crate::support::limits::{Budget, Stop};

/// A local search. Displacement finds easy improvements quickly. Annealing solves harder
/// instances, but needs millions of moves, which take too long with `MANY_ITEMS` items or more.
#[derive(Debug)]
pub(super) enum LocalSearch {
    Annealing(Box<Annealing>),
    Displacement(Box<Displacement>),
}

/// First round with displacement for fewer than `MANY_ITEMS` items; with more, it starts in round 1.
const DISPLACEMENT_FROM: u64 = 4;

/// Number of nodes of other searches before annealing starts: instances that dives solve are
/// mostly solved by then.
const ANNEALING_AFTER: u64 = 1_500_000;

/// Nodes of annealing per node of the dives; a move takes half the time of a node.
const ANNEALING_SHARE: u64 = 8;

impl LocalSearch {
    /// The displacement that starts in this round, if any. It continues from its own offsets,
    /// beginning at those of the start of the search.
    pub(super) fn displacement(
        round: u64,
        instance: &ExactInstance,
        first: &[u64],
        seed: u64,
    ) -> Option<Self> {
        let from = if instance.item_count() >= MANY_ITEMS { 1 } else { DISPLACEMENT_FROM };
        (round == from)
            .then(|| Self::Displacement(Box::new(Displacement::new(instance, first.to_vec(), seed))))
    }

    /// The annealing that starts after `nodes` nodes, if it is due. Starts from `best`.
    pub(super) fn annealing(
        nodes: u64,
        instance: &ExactInstance,
        best: &[u64],
        capacity: u64,
        seed: u64,
    ) -> Option<Self> {
        let due = nodes >= ANNEALING_AFTER && instance.item_count() < MANY_ITEMS;
        let annealing = due.then(|| Annealing::new(instance, best, capacity, seed)).flatten();
        annealing.map(|annealing| Self::Annealing(Box::new(annealing)))
    }

    pub(super) fn is_annealing(&self) -> bool {
        matches!(self, Self::Annealing(_))
    }

    /// Prepares a round, with the best offsets found and the height to reach.
    pub(super) fn prepare(&mut self, instance: &ExactInstance, best: &[u64], capacity: u64) {
        if let Self::Annealing(annealing) = self {
            annealing.prepare(instance, best, capacity);
        }
    }

    /// Nodes of this search in a round whose dives have `dives` nodes in total. Displacement
    /// gets fewer nodes the longer it has found nothing.
    pub(super) fn nodes(&self, dives: u64) -> u64 {
        match self {
            Self::Annealing(_) => dives * ANNEALING_SHARE,
            Self::Displacement(displacement) => dives / (1 + displacement.idle / 4),
        }
    }

    /// Searches, and continues below each packing found. Adds nodes and work to `spent`.
    pub(super) fn run(
        &mut self,
        instance: &ExactInstance,
        incumbent: &mut Incumbent,
        target: &PackingTarget,
        quota: (u64, u64),
        spent: &mut (u64, u64),
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        // Each packing found lowers the height, and the search goes on towards the next target.
        while !incumbent.settles(target) {
            budget.best = incumbent.height;
            let offsets = match self {
                Self::Annealing(annealing) => {
                    annealing.run(instance, incumbent.height, quota, spent, budget)?
                }
                Self::Displacement(displacement) => {
                    set_target(displacement, instance, incumbent, target);
                    match displacement.run(instance, quota, spent, budget)? {
                        DisplacementOutcome::Found => Some(displacement.offsets().to_vec()),
                        DisplacementOutcome::Paused => None,
                    }
                }
            };
            // A fixed item may already reach up to the height, so that no packing is lower.
            let improved = offsets.filter(|offsets| instance.height(offsets) < incumbent.height);
            let Some(offsets) = improved else { break };
            incumbent.height = instance.height(&offsets);
            incumbent.offsets = Some(offsets);
        }
        // Runs without a packing reduce the share of displacement in later rounds.
        if let Self::Displacement(displacement) = self {
            displacement.idle = if incumbent.offsets.is_some() { 0 } else { displacement.idle + 1 };
        }
        Ok(())
    }
}

fn set_target(
    displacement: &mut Displacement,
    instance: &ExactInstance,
    incumbent: &Incumbent,
    target: &PackingTarget,
) {
    let low = incumbent.target_height(target);
    if target.required {
        displacement.set_capacity(instance, low);
    } else {
        displacement.lower_capacity(instance, incumbent.height, low);
    }
}
