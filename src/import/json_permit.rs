//! Sharing permissions, relative placements and links of bodies in graph JSON.

use serde::{Deserialize, Serialize};

use super::json::is_default;
use crate::graph::{BodyLink, Permit, RelativePlacement, Side};
use crate::support::ids::TensorId;

/// A sharing permission between an input and an output.
#[derive(Serialize, Deserialize)]
pub(crate) struct PermitEntry {
    how: PermitKind,
    pub(super) input: usize,
    pub(super) output: usize,
    /// Byte offset of a view or a piece in the other tensor.
    #[serde(default, skip_serializing_if = "is_default")]
    at: u64,
    /// Bytes that an overlap shares.
    #[serde(default, skip_serializing_if = "is_default")]
    bytes: u64,
    /// The tensor of an overlap with the lower offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<Side>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PermitKind {
    InPlace,
    View,
    Piece,
    Overlap,
}

impl PermitEntry {
    /// The permission between these tensors; none for an overlap without a lower tensor.
    pub(super) fn permit(&self, input: TensorId, output: TensorId) -> Option<Permit> {
        let Self { at, bytes, lower, .. } = *self;
        Some(match self.how {
            PermitKind::InPlace => Permit::InPlace { input, output },
            PermitKind::View => Permit::View { input, output, at },
            PermitKind::Piece => Permit::ConcatSlice { input, output, at },
            PermitKind::Overlap => Permit::Overlap { input, output, bytes, lower: lower? },
        })
    }
}

impl From<&Permit> for PermitEntry {
    fn from(permit: &Permit) -> Self {
        let (how, at, bytes, lower) = match *permit {
            Permit::InPlace { .. } => (PermitKind::InPlace, 0, 0, None),
            Permit::View { at, .. } => (PermitKind::View, at, 0, None),
            Permit::ConcatSlice { at, .. } => (PermitKind::Piece, at, 0, None),
            Permit::Overlap { bytes, lower, .. } => (PermitKind::Overlap, 0, bytes, Some(lower)),
        };
        Self { how, input: permit.input().index(), output: permit.output().index(), at, bytes, lower }
    }
}

/// A tensor that must start `at` bytes after the start of tensor `of`.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlacementEntry {
    pub(super) tensor: usize,
    pub(super) of: usize,
    #[serde(default)]
    pub(super) at: u64,
}

impl From<&RelativePlacement> for PlacementEntry {
    fn from(placement: &RelativePlacement) -> Self {
        Self { tensor: placement.tensor.index(), of: placement.of.index(), at: placement.at }
    }
}

/// A tensor of a body that holds the value of an input or output of the operator.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct LinkEntry {
    pub(super) tensor: usize,
    pub(super) body: usize,
    pub(super) inner: usize,
}

impl From<&BodyLink> for LinkEntry {
    fn from(link: &BodyLink) -> Self {
        Self { tensor: link.tensor.index(), body: link.body, inner: link.inner.index() }
    }
}
