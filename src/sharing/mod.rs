//! Tensors that share memory while both are needed: which can, and which do.

mod contents;
mod groups;
mod layout;

use crate::graph::Tensor;

pub use crate::effects::{How, Sharing};
pub(crate) use crate::effects::{concerns, in_force};
pub(crate) use contents::{Contents, Relation, Stretch, Stretches};
pub(crate) use groups::{Groups, live_ranges};
pub(crate) use layout::{Allowance, Layout, Making, Wish};

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
