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
use crate::graph::Tensor;
use crate::limits::Stop;

pub use crate::effects::{How, Sharing};
pub(crate) use crate::effects::{concerns, in_force, level};
pub(crate) use contents::{Contents, Relation, Stretch, Stretches};
pub(crate) use grant::Wish;
pub(crate) use groups::{Groups, live_ranges};
pub(crate) use layout::{Allowance, Layout, Making};

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
