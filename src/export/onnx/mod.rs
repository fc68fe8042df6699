//! ONNX models that contain a plan.
//!
//! [`write()`] puts the nodes of a model in the order of a plan and adds the plan to the metadata. The
//! file stays a valid model for every runtime: a runtime that runs nodes in the order of the file
//! needs the arena of the plan, and a runtime that supports offsets finds them in the metadata.
//! `docs/plan-format.md` lists the keys.
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
//! # Guarantees
//!
//! - The written file contains every node once, byte for byte, after the producers of its inputs. Nodes of
//!   bodies (`If`, `Loop`, `Scan`) are in the order of the bodies' plans. Folded nodes stand
//!   right before the first node that needs them.
//! - All other bytes are unchanged: fields of later versions, weights, other metadata. External data stays
//!   in its files, whose paths are relative to the folder of the model ([`onnx_external_files`](crate::import::onnx_external_files)).
//! - The written bytes have been read again and checked ([`check`]).

mod bodies;
mod check;
mod error;
mod reorder;
mod wire;

pub use check::{CheckedOnnx, check};
pub use error::OnnxError;

use crate::export::graph_hash;
use crate::export::json::PlanDocument;
use crate::import::{self, ImportOptions};
use crate::{Graph, Plan};
use wire::WireModel;

/// The format version that this library writes and reads.
pub const FORMAT: &str = "plimsoll-onnx/1";

const KEY_FORMAT: &str = "plimsoll.format";
const KEY_PLAN: &str = "plimsoll.plan";
const KEY_ARENA: &str = "plimsoll.arena_bytes";
const KEY_ALIGNMENT: &str = "plimsoll.alignment";
const KEY_BOUND: &str = "plimsoll.lower_bound_bytes";

/// Rewrites a model with its nodes in the order of `plan` and with the plan in its metadata. `graph` is the
/// model, imported with `options`; `name` is its name in messages. The new plan replaces one that the
/// model contains.
///
/// Time and space are linear in the size of the file, plus those of importing and verifying.
///
/// Example: the [module](crate::export::onnx).
///
/// # Errors
/// [`OnnxError`] if the model cannot be rewritten, or if the check of the written file fails.
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
    let contents = WireModel::read(&bytes)?.graph();
    bodies::reorder(&mut bytes, contents, graph, plan)?;
    let model = WireModel::read(&bytes)?;
    let order = reorder::all_nodes(graph, &plan.order)?;
    let (written, plan) = planned(name, &model.with_order(&order)?, (graph, plan, &order), options)?;
    check::same_but_planned(&model, &written, &order)?;
    drop((model, order));
    drop(bytes);
    if check(name, &written)?.plan != plan {
        return Err(OnnxError::Wrong("the plan in the written file differs from the given plan".to_owned()));
    }
    Ok(written)
}

/// A model whose nodes are in `order`, with the plan in its metadata, and the plan in the ids of this model.
fn planned(
    name: &str,
    reordered: &[u8],
    (graph, plan, order): (&Graph, &Plan, &[usize]),
    options: &ImportOptions,
) -> Result<(Vec<u8>, Plan), OnnxError> {
    let moved = import::onnx_from_bytes(name, reordered, options)?.graph;
    let plan = reorder::moved(plan, graph, &moved, order)?;
    let document = PlanDocument::of_graph(&moved, &plan, options);
    drop(moved);
    let [format, arena, alignment, bound] = figures(&document);
    let entries = [format, arena, alignment, bound, (KEY_PLAN, document.to_json())];
    drop(document);
    Ok((WireModel::read(reordered)?.with_metadata(entries), plan))
}

/// Metadata entries beside the plan document: the figures that most readers need.
fn figures(document: &PlanDocument) -> [(&'static str, String); 4] {
    [
        (KEY_FORMAT, FORMAT.to_owned()),
        (KEY_ARENA, document.arena_bytes.to_string()),
        (KEY_ALIGNMENT, document.alignment.to_string()),
        (KEY_BOUND, document.lower_bound_bytes.to_string()),
    ]
}
