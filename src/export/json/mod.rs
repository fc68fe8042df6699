//! Plans as JSON with everything that is needed to verify them: [`PlanDocument`] for an arena,
//! [`PoolPlanDocument`] for several memories.
//!
//! ```
//! use plimsoll::export::json::PlanDocument;
//! use plimsoll::import::ImportOptions;
//! use plimsoll::{Graph, Planner, TensorSpec};
//!
//! let mut net = Graph::builder("tiny");
//! let image = net.input("image", TensorSpec::bytes(64));
//! let result = net.tensor("result", TensorSpec::bytes(10));
//! net.operator("dense").reads([image]).writes([result]);
//! net.output(result);
//! let graph = net.build()?;
//! let plan = Planner::new().plan(&graph)?;
//!
//! let text = PlanDocument::of_graph(&graph, &plan, &ImportOptions::default()).to_json();
//! assert_eq!(PlanDocument::from_json(&text)?.to_plan(&graph)?, plan);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod error;
mod graph;
mod pools;
mod read;
mod record;
mod tiling;
mod write;

pub use crate::TensorRole;
pub use document::{
    AliasEntry, AliasesEntry, BodyEntry, BoundEntry, LinkedEntry, NestingEntry, ObjectList, OccupantEntry,
    OutsideEntry, PlanDocument, ScratchEntry, TensorEntry,
};
pub use error::DocumentError;
pub use graph::{graph_to_json, write_graph};
pub use pools::{
    PoolEntry, PoolPlanDocument, PoolScratchEntry, PoolTensorEntry, ResidencyEntry, TransferEntry, UseEntry,
};
pub use read::format_of;
pub use record::ImportRecord;
pub use tiling::{
    ReadEntry, RegionEntry, RegionOperatorEntry, TileEntry, TiledAction, TiledOperatorEntry,
    TiledTensorEntry, TilingEntry,
};

pub use crate::tiling::TilingCost as CostEntry;
pub(crate) use write::PlanText;

use std::io;

use crate::import::ImportOptions;
use crate::support::text::text_of;
use crate::{PlanView, ViewedPlan};

/// The document of a plan as text: a PLAN.json, or a plan for several memories. The model was imported with
/// these options.
#[must_use]
pub fn write(view: &PlanView<'_>, options: &ImportOptions) -> String {
    text_of(|out| write_to(view, options, out))
}

/// Writes the text of [`write()`], without the whole text in memory. Many small pieces are written, so `out`
/// should have a buffer.
///
/// # Errors
/// Errors of `out`.
pub fn write_to(view: &PlanView<'_>, options: &ImportOptions, out: impl io::Write) -> io::Result<()> {
    match &view.plan {
        ViewedPlan::Arena(plan) => PlanText::of(view, plan, options).write(out),
        ViewedPlan::Pools(plan) => {
            let Some(graph) = view.graph else { unreachable!("a plan for several memories has a graph") };
            write::write_text(&PoolPlanDocument::of_view(view, graph, plan, options), out)
        }
    }
}

/// The format of plans for an arena that this library writes and reads.
pub const FORMAT: &str = "plimsoll-plan/1";
/// The format of plans for several memories that this library writes and reads.
pub const POOL_FORMAT: &str = "plimsoll-pool-plan/1";
