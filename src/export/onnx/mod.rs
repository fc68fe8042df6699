//! ONNX models with a plan inside.
//!
//! [`write()`] puts a model's nodes in the order of a plan, and the plan into its metadata. The
//! file stays a valid model for every runtime: one that runs nodes in the order of the file
//! needs the arena of the plan, and one that takes offsets finds them there. `docs/plan-format.md`
//! says under which keys.
//!
//! ```
//! use plimsoll::Planner;
//! use plimsoll::export::onnx;
//! use plimsoll::import::{self, ImportOptions};
//!
//! let model = std::fs::read("examples/models/squeezenet1_1.onnx")?;
//! let options = ImportOptions::default();
//! let graph = import::onnx_from_bytes("squeezenet", &model, &options)?.graph;
//! let plan = Planner::new().plan(&graph)?;
//!
//! let written = onnx::write("squeezenet", &model, &graph, &plan, &options)?;
//! assert_eq!(onnx::check("squeezenet", &written)?.plan.arena_bytes, plan.arena_bytes);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is guaranteed
//!
//! - Every node of the file is there once, byte for byte, after all whose results it needs;
//!   nodes of their bodies (`If`, `Loop`, `Scan`) are in the order of the bodies' plans. Nodes that
//!   were folded away stand right before the first that needs them.
//! - All else is as it was, byte for byte: fields of later versions, weights, other metadata.
//!   External data stays in its files, which are found relative to the model's folder
//!   ([`external_files`]).
//! - What was written has been read again and checked ([`check`]).

mod bodies;
mod check;
mod error;
mod external;
mod reorder;
mod wire;

pub use check::{Checked, check};
pub use error::OnnxError;
pub use external::external_files;

use crate::export::graph_hash;
use crate::export::json::PlanDocument;
use crate::import::{self, ImportOptions};
use crate::{Graph, Plan};
use wire::Model;

/// The version that this library writes and reads.
pub const FORMAT: &str = "plimsoll-onnx/1";

/// Keys of metadata; all others that begin so are left out when a model is written anew.
const PREFIX: &str = "plimsoll.";
const KEY_FORMAT: &str = "plimsoll.format";
const KEY_PLAN: &str = "plimsoll.plan";
const KEY_ARENA: &str = "plimsoll.arena_bytes";
const KEY_ALIGNMENT: &str = "plimsoll.alignment";
const KEY_BOUND: &str = "plimsoll.lower_bound_bytes";

/// Writes a model anew: nodes in the order of `plan`, and the plan in its metadata. `graph` is
/// the model's, imported with `options`; `name` is for messages. A plan that the model has
/// already is replaced.
///
/// Time and space are linear in the file, and those of importing and verifying.
///
/// # Errors
/// [`OnnxError`]; nothing is handed out that is not right.
pub fn write(
    name: &str,
    bytes: &[u8],
    graph: &Graph,
    plan: &Plan,
    options: &ImportOptions,
) -> Result<Vec<u8>, OnnxError> {
    if graph_hash(&import::onnx_from_bytes(name, bytes, options)?.graph) != graph_hash(graph) {
        return Err(OnnxError::OtherModel);
    }
    let mut bytes = bytes.to_vec();
    let contents = Model::read(&bytes)?.graph();
    bodies::reorder(&mut bytes, contents, graph, plan)?;
    let model = Model::read(&bytes)?;
    let order = reorder::all_nodes(graph, &plan.order)?;
    let reordered = model.with_order(&order)?;
    let moved = import::onnx_from_bytes(name, &reordered, options)?.graph;
    let plan = reorder::moved(plan, graph, &moved, &order)?;
    let document = PlanDocument::of_graph(&moved, &plan, options);
    let written = Model::read(&reordered)?.with_metadata(PREFIX, &entries(&document));
    check::same_but_planned(&model, &written, &order)?;
    let checked = check(name, &written)?;
    if checked.plan != plan {
        return Err(OnnxError::Wrong("the written file has another plan".to_owned()));
    }
    Ok(written)
}

/// What the metadata says of a plan: the plan, and what is wanted of it most.
fn entries(document: &PlanDocument) -> [(&'static str, String); 5] {
    [
        (KEY_FORMAT, FORMAT.to_owned()),
        (KEY_ARENA, document.arena_bytes.to_string()),
        (KEY_ALIGNMENT, document.alignment.to_string()),
        (KEY_BOUND, document.lower_bound_bytes.to_string()),
        (KEY_PLAN, document.to_json()),
    ]
}
