//! What would help where a network does not fit: each remedy is planned.

mod covered;
mod peak;
mod rewrite;
mod text;
mod trials;

use indicatif::ProgressBar;
use plimsoll::{Graph, Pools};
use serde::Serialize;

pub use peak::Peak;
pub use text::about;
use trials::Trials;

use super::placed::{Fit, largest_room};
use crate::Failure;
use crate::arguments::FitArguments;

/// What is missing, and what would help.
#[derive(Serialize)]
pub struct Help {
    /// The largest memory on chip that takes an arena, and its bytes.
    pub pool: String,
    pub room: u64,
    /// The arena, and the weights beside it if they have to fit as well.
    pub needed: u64,
    pub weights: u64,
    pub missing: u64,
    pub peak: Option<Peak>,
    /// The most useful one first: those with which it fits, the cheapest of them first, and
    /// then those that leave the least arena.
    pub remedies: Vec<Remedy>,
    /// True if the network is so large that only the first remedies were tried.
    pub is_cut_short: bool,
    pub capacity: Capacity,
    /// Whether the memory has to be named, as there are others on chip.
    #[serde(skip)]
    pub is_one_of_several: bool,
}

/// What is changed, and what comes of it.
#[derive(Serialize)]
pub struct Remedy {
    pub kind: Kind,
    pub what: String,
    /// Bytes of the arena that was planned with it.
    pub arena: u64,
    /// Less than the arena without it.
    pub saves: u64,
    pub fits: bool,
    /// Whether the plan is of a network that only resembles what would be run.
    pub estimate: bool,
}

/// From what costs nothing to what has to be written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Order,
    SharingAtOne,
    Sharing,
    OrderAndSharing,
    NotKept,
    Stripes,
}

/// The memory with which it fits as it is.
#[derive(Serialize)]
pub struct Capacity {
    pub bytes: u64,
    /// Whether a plan with so much room for its arena fits.
    pub confirmed: bool,
    /// How much of it is for the arena, and no arena of this network as it is is smaller
    /// than the other.
    pub arena: u64,
    pub arena_lower_bound: u64,
    /// Whether that is for all orders, not just the one asked for.
    pub over_orders: bool,
}

impl Help {
    /// None if it fits, or if no memory on chip takes all that would be in an arena.
    pub fn of(
        graph: &Graph,
        fit: &Fit,
        arguments: &FitArguments,
        pools: &Pools,
        bar: &ProgressBar,
    ) -> Result<Option<Self>, Failure> {
        let with_weights = arguments.weights && pools.list().len() == 2;
        if fit.everything || (fit.activations && !with_weights) {
            return Ok(None);
        }
        let Some((pool, room)) = largest_room(&fit.plan.flattened(graph), pools) else { return Ok(None) };
        if with_weights && !room.holds_weights {
            return Ok(None);
        }
        let weights = if with_weights { fit.weights } else { 0 };
        let needed = fit.arena.saturating_add(weights);
        let Some(missing) = needed.checked_sub(room.bytes).filter(|&missing| missing > 0) else {
            return Ok(None);
        };
        let peak = Peak::of(graph, &fit.plan);
        let trials = Trials::new(graph, &fit.plan, arguments, bar, (room.bytes, weights));
        let remedies = trials.remedies(peak.as_ref())?;
        Ok(Some(Self {
            pool: pool.to_owned(),
            room: room.bytes,
            needed,
            weights,
            missing,
            remedies,
            is_cut_short: trials.are_cut_short(),
            capacity: trials.capacity(),
            peak,
            is_one_of_several: pools.list().len() > 2,
        }))
    }
}
