//! Plans as JSON, with all that is needed to check them.
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
mod read;
mod record;
mod write;

pub use document::{
    BoundEntry, InsideEntry, ObjectEntry, ObjectList, OccupantEntry, PlanDocument, ScratchEntry, ShareEntry,
    SharesEntry, TensorEntry, TensorRole,
};
pub use error::DocumentError;
pub use record::ImportRecord;

/// The version that this library writes and reads.
pub const FORMAT: &str = "plimsoll-plan/1";
