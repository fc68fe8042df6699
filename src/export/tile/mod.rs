//! Tilings of models for runtimes that run whole operators only: slices, padding and concatenations are operators, and
//! their copies take memory.
//!
//! A format describes its model as a [`TileNetwork`], and writes a [`TiledDraft`], the operators of a tiling.

mod draft;
mod judge;
mod kernel;
mod live;
mod network;
mod search;
mod stripes;

pub(super) use draft::{DraftId, DraftKind, DraftOperator, RowsOf, TiledDraft};
pub(super) use judge::{DraftJudge, MAX_LEVEL, TilingWriter};
pub(super) use kernel::{RowKernel, RowWindow, TilePadding, WindowPadding};
#[cfg(all(feature = "json", feature = "onnx"))]
pub(super) use kernel::{RowScale, RowTransposed};
#[cfg(feature = "tflite")]
pub(super) use network::other_axis;
pub(super) use network::{RowRule, TileNetwork, TileOperator, TileRules, TileTensor};
pub(super) use search::{FoundTiling, TileSearch};
pub(super) use stripes::TileRegion;
