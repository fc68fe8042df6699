//! Aliases: which tensors share memory while both are live.
//!
//! 1. [`ContentAliases`] decides which content aliases (views, slices, concatenations) of a graph can hold
//!    together, for any order.
//! 2. For one order, the alias builder applies a policy: it chooses aliases, merges tensors at fixed
//!    distances into rigid groups, and rejects each merge that lets two live tensors conflict.
//! 3. [`RigidGroups`] turns the rigid groups into buffers of a packing problem and computes their load.

mod apply_policy;
mod classes;
mod conflict_messages;
mod contents;
mod groups;
mod layout;
mod merge;
mod merge_groups;
mod origins;
mod policy;
mod rigid;

use crate::error::Error;
use crate::graph::Tensor;
use crate::support::limits::Stop;

pub use crate::effects::{AliasKind, SharingLevel};
pub(crate) use crate::effects::{concerns, in_force, level};
pub(crate) use contents::{Alias, ContentAliases, SourceRange, SourceRanges};
pub(crate) use groups::{RigidGroups, live_ranges};
pub(crate) use layout::{AliasBuilder, AliasLayout, OverlapAllowance};
pub(crate) use policy::SharingPolicy;

/// The reason why building aliases ended early.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// A limit was reached.
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

/// The rules for the alignment of tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alignment {
    /// Alignment of tensors that request none, in bytes.
    pub(crate) default: u64,
    /// Minimum alignment of every tensor, in bytes.
    pub(crate) minimum: u64,
}

impl Alignment {
    /// Returns the alignment of a tensor in bytes.
    pub(crate) fn of(self, tensor: &Tensor) -> u64 {
        tensor.alignment().unwrap_or(self.default).max(self.minimum)
    }
}

impl From<u64> for Alignment {
    fn from(default: u64) -> Self {
        Self { default, minimum: 1 }
    }
}
