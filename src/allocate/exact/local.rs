//! Which local searches help the dives.

use super::anneal::Annealing;
use super::displace::{Displacement, MANY, Moved};
use super::instance::Instance;
use super::portfolio::Known;
use crate::allocate::parts::Aim;
use crate::limits::{Meter, Stop};

/// Displacement is quick to find what is not far. Annealing finds what is hard to find, but
/// needs millions of moves, and each is too slow where there are `MANY` items.
#[derive(Debug)]
pub(super) enum Local {
    Annealing(Box<Annealing>),
    Displacement(Box<Displacement>),
}

/// The first round with displacement, unless items are `MANY`: then it is in every one.
const DISPLACEMENT_FROM: u64 = 4;

/// Annealing begins after so many nodes of the others: what they have not found by then,
/// they hardly find later.
const ANNEALING_AFTER: u64 = 1_500_000;

/// Its nodes for each of all dives together; a move takes half the time of a node.
const ANNEALING_SHARE: u64 = 8;

impl Local {
    /// What is to come in with this round. It goes its own way from these offsets on,
    /// those that the search began with.
    pub(super) fn displacement(round: u64, instance: &Instance, first: &[u64], seed: u64) -> Option<Self> {
        let from = if instance.item_count() >= MANY { 1 } else { DISPLACEMENT_FROM };
        (round == from)
            .then(|| Self::Displacement(Box::new(Displacement::new(instance, first.to_vec(), seed))))
    }

    /// What is to come in after so many nodes, once; from the best offsets so far on.
    pub(super) fn annealing(
        nodes: u64,
        instance: &Instance,
        best: &[u64],
        capacity: u64,
        seed: u64,
    ) -> Option<Self> {
        let due = nodes >= ANNEALING_AFTER && instance.item_count() < MANY;
        let annealing = due.then(|| Annealing::new(instance, best, capacity, seed)).flatten();
        annealing.map(|annealing| Self::Annealing(Box::new(annealing)))
    }

    pub(super) fn is_annealing(&self) -> bool {
        matches!(self, Self::Annealing(_))
    }

    /// Before each round: what is best so far, and what is to be reached.
    pub(super) fn prepare(&mut self, instance: &Instance, best: &[u64], capacity: u64) {
        if let Self::Annealing(annealing) = self {
            annealing.prepare(instance, best, capacity);
        }
    }

    /// Of a round in which all dives have so many nodes. Those of displacement are less and
    /// less as long as nothing comes of it.
    pub(super) fn nodes(&self, dives: u64) -> u64 {
        match self {
            Self::Annealing(_) => dives * ANNEALING_SHARE,
            Self::Displacement(displacement) => dives / (1 + displacement.idle / 4),
        }
    }

    /// Searches, and goes on below what it finds; adds what it takes to nodes and work.
    ///
    /// # Errors
    /// Why it must stop.
    pub(super) fn run(
        &mut self,
        instance: &Instance,
        own: &mut Known,
        aim: &Aim,
        most: (u64, u64),
        spent: &mut (u64, u64),
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        while !own.settles(aim) {
            meter.best = own.height;
            let found = match self {
                Self::Annealing(annealing) => annealing.run(instance, own.height, most, spent, meter)?,
                Self::Displacement(displacement) => {
                    aim_at(displacement, instance, own, aim);
                    match displacement.run(instance, most, spent, meter)? {
                        Moved::Found => Some(displacement.offsets().to_vec()),
                        Moved::Paused => None,
                    }
                }
            };
            // Or something fixed reaches up to the height.
            let lower = found.filter(|offsets| instance.height(offsets) < own.height);
            let Some(offsets) = lower else { break };
            own.height = instance.height(&offsets);
            own.offsets = Some(offsets);
        }
        if let Self::Displacement(displacement) = self {
            displacement.idle = if own.offsets.is_some() { 0 } else { displacement.idle + 1 };
        }
        Ok(())
    }
}

fn aim_at(displacement: &mut Displacement, instance: &Instance, own: &Known, aim: &Aim) {
    let low = own.aimed_at(aim);
    if aim.needed {
        displacement.aim(instance, low);
    } else {
        displacement.aim_below(instance, own.height, low);
    }
}
