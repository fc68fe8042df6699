//! Export of memory plans inside models for TensorFlow Lite Micro.
//!
//! TensorFlow Lite Micro plans its arena greedily at start-up and runs the operators in file order. A model
//! may contain a plan instead: metadata called `OfflineMemoryAllocation`, with an offset for every tensor.
//! [`plan`] searches for an operator order that needs little memory, plans the tensors, and writes a copy
//! of the model that contains the order and the plan. The file stays valid for every other runtime.
//! `docs/tflm.md` is the guide.
//!
//! ```
//! use plimsoll::Planner;
//! use plimsoll::export::tflite::{self, Scratch};
//!
//! # fn main() -> Result<(), tflite::TfliteError> {
//! let model = std::fs::read("examples/models/nas_cell_irregular_int8.tflite").unwrap();
//! let planned = tflite::plan("nas_cell", &model, Planner::new(), &Scratch::reference())?;
//! assert_eq!(planned.head_bytes, 86_016);
//! assert_eq!(planned.runtime_head_bytes, Some(122_880)); // without a plan
//! assert_eq!(tflite::check(&planned.bytes, &Scratch::reference())?.head_bytes, 86_016);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - The operator order respects all data dependencies. Operators that share state keep the file order.
//! - No two tensors share a byte while both are live, except for the aliases that the reference kernels
//!   allow. Live ranges are those that the runtime computes. [`plan`] reads the written file again and
//!   checks it before it returns ([`check`]).
//! - If the scratch of every operator is known ([`Scratch`]), the head of the arena is as large as
//!   [`TflitePlan::head_bytes`]. Otherwise the head may be larger; the results of the model are still right.
//! - The rest of the file is unchanged, byte for byte, behind a new root of some hundred bytes. Only
//!   offsets from the start of the file are adjusted.
//!
//! # Planning of several subgraphs
//!
//! Bodies of `IF`, `WHILE` and `CALL_ONCE` are planned separately and lie in the workspace of the operator
//! that runs them, so that they reuse the bytes that are free at that step. A body with several callers
//! gets memory of its own, because the runtime keeps its tensors from the first call to the last.
//! Subgraphs without a caller are planned as if they ran alone.

mod aliases;
mod calls;
mod check;
mod error;
mod front;
mod graph;
mod greedy;
mod kernels;
mod layout;
mod metadata;
mod occupied;
mod own;
mod rewrite;
mod runtime;
mod runtime_network;
mod scratch;
mod tail;
mod tile;

pub use check::{CheckedTflite, check};
pub use error::TfliteError;
pub use kernels::Kernels;
pub use layout::HeadLayout;
pub use scratch::Scratch;
use scratch::sums;
use tail::ArenaEstimate;
pub use tile::{TfliteMeasure, TfliteRegion, TiledTflite, tile};

use crate::import::listing;
use crate::import::tflite;
use crate::import::tflite::schema::Model;
use crate::{Graph, Plan, Planner, ScheduleMode, Variables};
use calls::Calls;
use runtime_network::{ALIGNMENT, RuntimeNetwork};

/// A model that contains a plan, and figures of the plan.
///
/// Example: the [module](crate::export::tflite).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TflitePlan {
    /// The contents of the file.
    pub bytes: Vec<u8>,
    /// Size of the arena's head in bytes, scratch included. The arena also needs room for the tail, where
    /// the runtime keeps its own records and variables.
    pub head_bytes: u64,
    /// Size of the head in bytes if the runtime plans by itself, in file order. A plan that the file
    /// already contains is ignored. `None` if the model has too many tensors to simulate the runtime's
    /// planner, or if the scratch of an operator is unknown.
    pub runtime_head_bytes: Option<u64>,
    /// Estimated size of the whole arena in bytes: head, tail, and memory that the runtime needs for
    /// planning. The tail depends on the runtime's version, its kernels and the width of pointers.
    pub estimated_arena_bytes: u64,
    /// The orders and offsets in the file.
    pub layout: HeadLayout,
    /// The graph of the first subgraph, with sizes as the runtime rounds them. The scratch of an operator
    /// includes the memory of its bodies.
    pub graph: Graph,
    /// The plan of the first subgraph.
    pub plan: Plan,
    /// Messages for the user, such as assumptions about scratch.
    pub notes: Vec<String>,
}

/// Plans a model for TensorFlow Lite Micro and returns a copy of the model that contains the plan.
///
/// The planner's strategy, order, capacity and limits apply. The alignment is always 16, and variables are
/// left to the runtime. If sharing is enabled ([`Planner::share`]), tensors of these operators may share bytes, because
/// the reference kernels support it: `RESHAPE`, `EXPAND_DIMS`, `SLICE`, `SPLIT` and `SPLIT_V`; from
/// [`InPlace`](crate::SharingLevel::InPlace) on also `DYNAMIC_UPDATE_SLICE`; with [`All`](crate::SharingLevel::All) also
/// `SQUEEZE` and `CONCATENATION`, whose kernels call `memcpy` for equal addresses, which C does not define. Other tensors
/// that are live at the same time never share memory. `name` is the graph's name in messages.
///
/// Time and memory: those of [`Planner::plan`] for each subgraph, plus a part that is linear in the file.
///
/// Example: the [module](crate::export::tflite).
///
/// # Errors
/// [`TfliteError`] if the model cannot be planned or the written file fails the check.
pub fn plan(
    name: &str,
    bytes: &[u8],
    planner: Planner,
    scratch: &Scratch,
) -> Result<TflitePlan, TfliteError> {
    let model = tflite::model(bytes)?;
    let network = RuntimeNetwork::new(bytes, model)?;
    let calls = Calls::new(&network)?;
    let requests = scratch.requests(&network)?;
    let (sizes, unknown) = (sums(&requests.each), &requests.unknown);
    let own_head = || own::head_bytes(&network, &requests.each, None);
    let runtime_head_bytes = if unknown.is_empty() { own_head()? } else { None };
    let mut planner = planner.alignment(ALIGNMENT).variables(Variables::Outside);
    let mut notes = notes(&network, model, unknown);
    if has_metadata(model, CONTROL_DEPENDENCIES) {
        notes
            .push(format!("operators keep the order of the file: `{CONTROL_DEPENDENCIES}` names them by it"));
        planner = planner.order(ScheduleMode::Program);
    }
    let all = layout::plan(name, &network, &calls, &sizes, &planner)?;
    let layout::HeadPlan { layout, head_bytes, graph, plan } = all;
    let estimate = ArenaEstimate::of(&network);
    let (bytes, checked) = write_checked(bytes, model, network, &layout, requests.each)?;
    let head_bytes = head_bytes.max(checked.head_bytes);
    let estimated_arena_bytes = estimate.with_head(head_bytes);
    Ok(TflitePlan {
        bytes,
        head_bytes,
        runtime_head_bytes,
        estimated_arena_bytes,
        layout,
        graph,
        plan,
        notes,
    })
}

/// Names of the operators whose reference kernels request scratch, or whose scratch is unknown.
///
/// Example: the [module](crate::export::tflite).
///
/// # Errors
/// [`TfliteError`] if the file is invalid or the runtime does not support it.
pub fn operators_with_scratch(bytes: &[u8]) -> Result<Vec<String>, TfliteError> {
    let network = RuntimeNetwork::new(bytes, tflite::model(bytes)?)?;
    let requests = Scratch::reference().requests(&network)?;
    let is_known = |place| requests.unknown.binary_search(&place).is_err();
    let sums = sums(&requests.each);
    let mut names = Vec::new();
    for (index, subgraph) in network.subgraphs.iter().enumerate() {
        for (number, operator) in subgraph.operators.iter().enumerate() {
            if sums[index][number] > 0 || !is_known((index, number)) {
                names.push(operator.read.name.clone());
            }
        }
    }
    Ok(names)
}

/// Returns a copy of a model that contains the caller's order and offsets, checked as in [`check`].
///
/// Example: the [module](crate::export::tflite).
///
/// # Errors
/// [`TfliteError::Wrong`] if tensors would overwrite each other; other errors if the order or the file is
/// invalid.
pub fn write(bytes: &[u8], layout: &HeadLayout) -> Result<Vec<u8>, TfliteError> {
    let model = tflite::model(bytes)?;
    let network = RuntimeNetwork::new(bytes, model)?;
    let requests = Scratch::reference().requests(&network)?.each;
    Ok(write_checked(bytes, model, network, layout, requests)?.0)
}

/// The new file, and the plan that [`check`] finds in it. `requests` are the scratch requests by subgraph and
/// operator of the old file. The check reads the new file into a network of its own, so `network` is dropped before.
fn write_checked(
    bytes: &[u8],
    model: Model<'_>,
    network: RuntimeNetwork,
    layout: &HeadLayout,
    mut requests: Vec<Vec<Vec<u64>>>,
) -> Result<(Vec<u8>, CheckedTflite), TfliteError> {
    layout::check_orders(&network, &layout.orders)?;
    drop(network);
    let data = metadata::encode(layout)?;
    let (file, start) = rewrite::rewrite(bytes, model, &layout.orders, &data)?;
    check::same_but_planned((bytes, model), (&file, start), layout)?;
    let reordered = |(order, requests): (&Vec<usize>, &mut Vec<Vec<u64>>)| -> Vec<Vec<u64>> {
        // The order contains every operator once.
        order.iter().map(|&operator| std::mem::take(&mut requests[operator])).collect()
    };
    let requests = layout.orders.iter().zip(&mut requests).map(reordered).collect();
    let checked = check::check_sized(&file, |_| Ok(requests))?;
    if checked.layout.offsets != layout.offsets {
        return Err(TfliteError::Wrong("the written file has other offsets".to_owned()));
    }
    Ok((file, checked))
}

/// Name of the metadata that refers to operators by their positions, so a new order would invalidate it.
const CONTROL_DEPENDENCIES: &str = "model_control_dependencies";

fn has_metadata(model: Model<'_>, name: &str) -> bool {
    let mut all = model.metadata().into_iter().flatten();
    all.any(|entry| entry.name().is_some_and(|found| found.bytes() == name.as_bytes()))
}

fn notes(network: &RuntimeNetwork, model: Model<'_>, unknown: &[(usize, usize)]) -> Vec<String> {
    let mut notes = Vec::new();
    let names = unknown.iter().map(|&(subgraph, operator)| {
        let name = &network.subgraphs[subgraph].operators[operator].read.name;
        if subgraph == 0 { format!("`{name}`") } else { format!("`{name}` of subgraph {subgraph}") }
    });
    if let Some(names) = listing(names) {
        notes.push(format!(
            "taken to need no scratch, as nothing is known of it: {names}; measure it by \
             tools/tflm_scratch.py and give it by --scratch, or the arena may be larger than planned"
        ));
    }
    if network.constants_outside {
        notes.push(
            "constants behind the flatbuffer: TensorFlow Lite Micro does not read them and will not run this \
             model"
            .to_owned(),
        );
    }
    if has_metadata(model, "COMPRESSION_METADATA") {
        notes.push(
            "compressed tensors: runtimes built with compression need scratch to unpack them; give it by --scratch, \
             or the arena may be larger than planned"
                .to_owned(),
        );
    }
    notes
}
