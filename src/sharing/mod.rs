//! Tensors that share memory while both are needed: which can, and which do.

mod contents;
mod grant;
mod groups;
mod join;
mod layout;
mod origins;
mod refusal;
mod rigid;

use crate::error::Error;
use crate::graph::{Graph, Permit, Tensor};
use crate::limits::Stop;

pub(crate) use contents::{Contents, Relation, Stretch, Stretches};
pub(crate) use grant::Wish;
pub(crate) use groups::{Groups, live_ranges};
pub(crate) use layout::{Allowance, Layout, Making};

/// How far a [`Planner`](crate::Planner) goes in letting tensors share memory while both
/// are needed. Only what an operator permits ([`Permit`](crate::Permit)) is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sharing {
    /// Not at all.
    #[default]
    None,
    /// Views: reshapes, slices, splits.
    Views,
    /// And outputs written over inputs.
    InPlace,
    /// And concatenation without copies, and partial overlap.
    All,
}

/// Why building aliases ended early.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// A limit was met.
    Stopped(Stop),
    /// A constraint cannot be satisfied.
    Invalid(Error),
}

impl From<Stop> for Interrupted {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<Error> for Interrupted {
    fn from(error: Error) -> Self {
        Self::Invalid(error)
    }
}

/// Alignments of tensors, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alignment {
    /// Of tensors that ask for none.
    pub(crate) default: u64,
    /// Of all, whatever they ask for.
    pub(crate) least: u64,
}

impl Alignment {
    pub(crate) fn of(self, tensor: &Tensor) -> u64 {
        tensor.alignment().unwrap_or(self.default).max(self.least)
    }
}

impl From<u64> for Alignment {
    fn from(default: u64) -> Self {
        Self { default, least: 1 }
    }
}

/// The lowest level at which a permission is used.
fn level(permit: &Permit) -> Sharing {
    match permit {
        Permit::View { .. } => Sharing::Views,
        Permit::InPlace { .. } => Sharing::InPlace,
        Permit::Piece { .. } | Permit::Overlap { .. } => Sharing::All,
    }
}

/// Whether a permission is used where it can be: at this level, or as relative placement
/// demands it.
pub(crate) fn in_force(graph: &Graph, permit: &Permit, sharing: Sharing) -> bool {
    sharing >= level(permit) || graph.is_forced(permit)
}

/// Whether a plan of this graph has to look at what is shared.
pub(crate) fn concerns(graph: &Graph, sharing: Sharing) -> bool {
    sharing > Sharing::None || !graph.relative_placements().is_empty()
}

/// How a tensor shares memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// It is all of the other one.
    View,
    /// It is a part of the other one.
    Slice,
    /// It was made as a part of the other one, and is not copied there.
    Concat,
    /// It is written over the other one.
    InPlace,
    /// It starts within the other one, which is below it.
    Overlap,
}
