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
//! - Calls of functions that the model defines are inlined ([`onnx_inlined`](crate::import::onnx_inlined)), and the
//!   functions left out. The statements about nodes and bytes are then about the inlined model.
//! - All other bytes are unchanged: fields of later versions, weights, other metadata. External data stays
//!   in its files, whose paths are relative to the folder of the model ([`onnx_external_files`](crate::import::onnx_external_files)).
//! - The written bytes have been read again and checked ([`check`]).

mod bodies;
mod check;
mod error;
mod reorder;
mod tile;
mod wire;

pub use check::{CheckedOnnx, check};
pub use error::OnnxError;
pub use tile::{OnnxRegion, TiledOnnx, tile};

use std::borrow::Cow;

use crate::export::graph_hash;
use crate::export::json::{PlanDocument, PlanText};
use crate::import::{self, ImportOptions};
use crate::{Graph, Plan, PlanView};
use reorder::TensorNames;
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
    written(name, bytes, Cow::Borrowed(graph), Cow::Borrowed(plan), options)
}

/// Does the same as [`write()`], and drops graph and plan as soon as they are not needed: the check of the written
/// file needs as much memory as both.
///
/// # Errors
/// As [`write()`].
pub fn write_owned(
    name: &str,
    bytes: &[u8],
    graph: Graph,
    plan: Plan,
    options: &ImportOptions,
) -> Result<Vec<u8>, OnnxError> {
    written(name, bytes, Cow::Owned(graph), Cow::Owned(plan), options)
}

fn written(
    name: &str,
    bytes: &[u8],
    graph: Cow<'_, Graph>,
    plan: Cow<'_, Plan>,
    options: &ImportOptions,
) -> Result<Vec<u8>, OnnxError> {
    let graph = same_graph(name, bytes, graph, options)?;
    let mut bytes = inlined(name, bytes, &graph, options)?;
    if !plan.bodies.is_empty() {
        let contents = WireModel::read(&bytes)?.graph();
        bodies::reorder(bytes.to_mut(), contents, &graph, &plan)?;
    }
    let order = reorder::all_nodes(&graph, &plan.order)?;
    let reordered = WireModel::read(&bytes)?.with_order(&order)?;
    let names = TensorNames::of(&graph);
    drop(graph);
    let written = planned(name, &reordered, (&names, plan, &order), options)?;
    drop(names);
    drop(reordered);
    check::same_but_planned(&WireModel::read(&bytes)?, &written, &order)?;
    drop((bytes, order));
    // The plan in the file is the given one if it gives the same document: a comparison with the given plan would
    // keep it in memory during the check.
    let CheckedOnnx { graph, plan, options } = check(name, &written)?;
    let view = PlanView::of_plan(&graph, &plan);
    if !check::has_document(&written, &PlanText::of(&view, &plan, &options))? {
        return Err(OnnxError::Wrong("the plan in the written file differs from the given plan".to_owned()));
    }
    Ok(written)
}

/// The given graph if it is the graph of the model. An owned graph is replaced by the imported one, so that only one of
/// them is in memory at a time.
fn same_graph<'g>(
    name: &str,
    bytes: &[u8],
    graph: Cow<'g, Graph>,
    options: &ImportOptions,
) -> Result<Cow<'g, Graph>, OnnxError> {
    let hash = graph_hash(&graph);
    let borrowed = match graph {
        Cow::Borrowed(graph) => Some(graph),
        Cow::Owned(graph) => {
            drop(graph);
            None
        }
    };
    let imported = import::onnx_from_bytes(name, bytes, options)?.graph;
    if graph_hash(&imported) != hash {
        return Err(OnnxError::OtherModel);
    }
    Ok(borrowed.map_or_else(|| Cow::Owned(imported), Cow::Borrowed))
}

/// The model with the calls of its functions inlined, as in its graph.
fn inlined<'b>(
    name: &str,
    bytes: &'b [u8],
    graph: &Graph,
    options: &ImportOptions,
) -> Result<Cow<'b, [u8]>, OnnxError> {
    let inlined = import::onnx_inlined(bytes)?;
    let is_same = || -> Result<bool, OnnxError> {
        Ok(graph_hash(&import::onnx_from_bytes(name, &inlined, options)?.graph) == graph_hash(graph))
    };
    if matches!(inlined, Cow::Owned(_)) && !is_same()? {
        return Err(OnnxError::File("inlined functions give another graph".to_owned()));
    }
    Ok(inlined)
}

/// A model whose nodes are in `order`, with the plan in its metadata.
fn planned(
    name: &str,
    reordered: &[u8],
    (names, plan, order): (&TensorNames, Cow<'_, Plan>, &[usize]),
    options: &ImportOptions,
) -> Result<Vec<u8>, OnnxError> {
    let moved = import::onnx_from_bytes(name, reordered, options)?.graph;
    let plan = reorder::moved(plan.into_owned(), names, &moved, order)?;
    let view = PlanView::of_plan(&moved, &plan);
    let text = PlanText::of(&view, &plan, options);
    let entries = figures(&text);
    let written = WireModel::read(reordered)?.with_metadata(&entries, (KEY_PLAN, |out| text.write(out)));
    Ok(written.expect("a vector takes every byte"))
}

/// Metadata entries beside the plan document: the figures that most readers need.
fn figures<T>(document: &PlanDocument<T>) -> [(&'static str, String); 4] {
    [
        (KEY_FORMAT, FORMAT.to_owned()),
        (KEY_ARENA, document.arena_bytes.to_string()),
        (KEY_ALIGNMENT, document.alignment.to_string()),
        (KEY_BOUND, document.lower_bound_bytes.to_string()),
    ]
}
