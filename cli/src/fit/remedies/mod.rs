//! Remedies for a network that does not fit: each one is planned.

mod peak;
mod rewrite;
mod text;
mod trials;

use std::time::Instant;

use indicatif::ProgressBar;
use plimsoll::{Graph, Pools};
use serde::Serialize;

pub use peak::PeakStep;
pub use text::add_help;
use trials::Trials;

use super::placed::NetworkFit;
use super::room::largest_room;
use crate::arguments::FitArguments;
use crate::outcome::Failure;

/// The missing memory, its cause at the peak, and remedies.
#[derive(Serialize)]
pub struct Help {
    /// Name of the largest on-chip memory that can hold an arena.
    pub pool: String,
    /// Capacity of that memory in bytes.
    pub room: u64,
    /// Bytes of the arena, plus the weights if they must fit as well.
    pub needed: u64,
    /// Bytes of the weights in `needed`.
    pub weights: u64,
    /// `needed` above `room`.
    pub missing: u64,
    pub peak: Option<PeakStep>,
    /// The most useful remedies first: those with which the network fits, by ascending effort; then the
    /// others, by ascending arena size.
    pub remedies: Vec<Remedy>,
    /// True if only the first remedies were tried, because the network is large or the time limit is met.
    pub is_cut_short: bool,
    pub capacity: Capacity,
    /// True if there are several on-chip memories, so that the report must name this one.
    #[serde(skip)]
    pub names_pool: bool,
}

/// A change of the options or the network, and the plan that results.
#[derive(Serialize)]
pub struct Remedy {
    pub kind: RemedyKind,
    #[serde(rename = "what")]
    pub description: String,
    /// Size in bytes of the arena with the remedy.
    pub arena: u64,
    /// Bytes by which the remedy reduces the arena.
    pub saves: u64,
    pub fits: bool,
    /// True if the changed network only approximates the one that would run.
    pub estimate: bool,
}

/// Kinds of remedies by ascending effort: from other options to code that must be written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemedyKind {
    Order,
    SharingAtOne,
    Sharing,
    OrderAndSharing,
    NotKept,
    Stripes,
}

/// Capacity with which the unchanged network fits.
#[derive(Serialize)]
pub struct Capacity {
    pub bytes: u64,
    /// True if a plan fits this capacity; otherwise `bytes` is what the plan found needs.
    pub confirmed: bool,
    /// Bytes of it for the arena.
    pub arena: u64,
    /// Proven lower bound on the arena of the unchanged network.
    pub arena_lower_bound: u64,
    /// True if the lower bound is valid for all operator orders, not only the plan's.
    pub over_orders: bool,
}

impl Help {
    /// Searches remedies; none if the network fits, or if no on-chip memory can hold every tensor of an
    /// arena.
    pub fn of(
        graph: &Graph,
        fit: &NetworkFit,
        arguments: &FitArguments,
        pools: &Pools,
        search: (Option<Instant>, &ProgressBar),
    ) -> Result<Option<Self>, Failure> {
        let with_weights = arguments.weights && pools.list().len() == 2;
        if fit.all_fits || (fit.activations_fit && !with_weights) {
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
        let peak = PeakStep::of(graph, &fit.plan);
        let trials = Trials::new(graph, &fit.plan, arguments, search, (room.bytes, weights));
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
            names_pool: pools.list().len() > 2,
        }))
    }
}
