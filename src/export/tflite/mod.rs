//! Models for TensorFlow Lite Micro with a plan inside.
//!
//! TensorFlow Lite Micro plans its arena when it starts, greedily and in the order of the file.
//! A model may bring a plan instead: metadata called `OfflineMemoryAllocation`, with an offset
//! for every tensor. [`plan`] makes one, with the operators in the order that needs the least
//! memory, and writes the model anew; the file stays a valid one for every other runtime.
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
//! assert_eq!(planned.own_head_bytes, Some(122_880)); // without a plan
//! assert_eq!(tflite::check(&planned.bytes, &Scratch::reference())?.head_bytes, 86_016);
//! # Ok(())
//! # }
//! ```
//!
//! # What is guaranteed
//!
//! - The operators run in an order that respects who needs whose results, and those that share
//!   state in the order of the file.
//! - No two tensors share a byte while both are needed, by the live ranges that the runtime
//!   itself counts; the written file is read again and checked before it is handed out
//!   ([`check`]).
//! - Where each operator's scratch is known ([`Scratch`]), the head of the arena is as large as
//!   the plan says, [`TflitePlan::head_bytes`]. Where it is not, the head may be larger; results
//!   are right all the same.
//! - All else of the file is as it was, byte for byte, behind a new root of some hundred bytes.
//!
//! # How several subgraphs are planned
//!
//! Bodies of `IF`, `WHILE` and `CALL_ONCE` are planned by themselves, and lie in the workspace of the
//! operator that runs them, so that they reuse what is free at that step. What runs from
//! several places gets memory of its own, as the runtime keeps it from the first run to the
//! last. Subgraphs that nobody runs are planned as if they ran alone.

mod aliases;
mod calls;
mod check;
mod error;
mod front;
mod graph;
mod kernels;
mod layout;
mod metadata;
mod net;
mod own;
mod rewrite;
mod runtime;
mod scratch;
mod tail;

pub use check::{Checked, check};
pub use error::TfliteError;
pub use kernels::Kernels;
pub use layout::Layout;
pub use scratch::Scratch;

use crate::import::listing;
use crate::import::tflite;
use crate::import::tflite::schema::Model;
use crate::{Graph, Ordering, Plan, Planner, Variables};
use calls::Calls;
use net::{ALIGNMENT, Net};

/// A model with a plan inside, and what is known of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TflitePlan {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the arena's head needs, scratch included. The arena must have room for the tail as
    /// well, where the runtime keeps its own records and variables.
    pub head_bytes: u64,
    /// What the head needs if the runtime plans by itself, in the order of the file; a plan that
    /// the file already has does not count. None if there is too much to plan, or nothing is
    /// known of some operator's scratch.
    pub own_head_bytes: Option<u64>,
    /// An estimate of the whole arena in bytes: head, tail, and what planning takes. The tail
    /// depends on the runtime's version, its kernels and the width of pointers.
    pub estimated_arena_bytes: u64,
    /// What was written.
    pub layout: Layout,
    /// The first subgraph, with sizes as the runtime rounds them; the workspace of an operator
    /// is its scratch and what its bodies need.
    pub graph: Graph,
    /// The plan of the first subgraph.
    pub plan: Plan,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
}

/// Plans a model for TensorFlow Lite Micro and writes it anew with the plan inside.
///
/// The planner's strategy, order, capacity and limits are used; its alignment is taken to be
/// 16, and variables are left to the runtime. Where the planner shares ([`Planner::share`]), inputs
/// and outputs of `RESHAPE` and `EXPAND_DIMS`, and, with outputs in place, of `DYNAMIC_UPDATE_SLICE`, may be at
/// one address, which the reference kernels bear; other memory is never shared by tensors that are needed at once. `name` is for messages.
///
/// Time and space are those of [`Planner::plan`] for each subgraph, and linear in the file.
///
/// # Errors
/// [`TfliteError`]; nothing is handed out that is not right.
pub fn plan(
    name: &str,
    bytes: &[u8],
    planner: Planner,
    scratch: &Scratch,
) -> Result<TflitePlan, TfliteError> {
    let model = tflite::model(bytes)?;
    let net = Net::new(bytes, model)?;
    let calls = Calls::new(&net)?;
    let requests = scratch.of(&net)?;
    let (sizes, unknown) = (requests.sums(), &requests.unknown);
    let own_head_bytes = if unknown.is_empty() { own::head_bytes(&net, &requests.each)? } else { None };
    let mut planner = planner.alignment(ALIGNMENT).variables(Variables::Outside);
    let mut notes = notes(&net, model, unknown);
    if has_metadata(model, CONTROL_DEPENDENCIES) {
        notes
            .push(format!("operators keep the order of the file: `{CONTROL_DEPENDENCIES}` names them by it"));
        planner = planner.order(Ordering::File);
    }
    let all = layout::plan(name, &net, &calls, &sizes, &planner)?;
    let layout::Planned { layout, head_bytes, graph, plan } = all;
    let (bytes, checked) = write_checked(bytes, model, &net, &layout, &sizes)?;
    let head_bytes = head_bytes.max(checked.head_bytes);
    let estimated_arena_bytes = tail::arena(&net, head_bytes);
    Ok(TflitePlan { bytes, head_bytes, own_head_bytes, estimated_arena_bytes, layout, graph, plan, notes })
}

/// Names of the operators whose reference kernels request scratch, or of whose scratch nothing is known.
///
/// # Errors
/// What is wrong with the file, or why the runtime does not take it.
pub fn operators_with_scratch(bytes: &[u8]) -> Result<Vec<String>, TfliteError> {
    let net = Net::new(bytes, tflite::model(bytes)?)?;
    let requests = Scratch::reference().of(&net)?;
    let is_known = |place| requests.unknown.binary_search(&place).is_err();
    let sums = requests.sums();
    let mut names = Vec::new();
    for (index, subgraph) in net.subgraphs.iter().enumerate() {
        for (number, operator) in subgraph.operators.iter().enumerate() {
            if sums[index][number] > 0 || !is_known((index, number)) {
                names.push(operator.read.name.clone());
            }
        }
    }
    Ok(names)
}

/// Writes a model anew with an order and offsets from elsewhere, checked as in [`check`].
///
/// # Errors
/// [`TfliteError::Wrong`] if tensors would overwrite each other; what is wrong with the order
/// or the file.
pub fn write(bytes: &[u8], layout: &Layout) -> Result<Vec<u8>, TfliteError> {
    let model = tflite::model(bytes)?;
    let net = Net::new(bytes, model)?;
    let sizes = Scratch::reference().of(&net)?.sums();
    Ok(write_checked(bytes, model, &net, layout, &sizes)?.0)
}

/// The file, and what is found when it is read again. `sizes` are those of scratch, by the
/// operators of the old file.
fn write_checked(
    bytes: &[u8],
    model: Model<'_>,
    net: &Net,
    layout: &Layout,
    sizes: &[Vec<u64>],
) -> Result<(Vec<u8>, Checked), TfliteError> {
    layout::check_orders(net, &layout.orders)?;
    let data = metadata::encode(layout)?;
    let (file, start) = rewrite::rewrite(bytes, model, &layout.orders, &data)?;
    check::same_but_planned((bytes, model), (&file, start), layout)?;
    let reordered = |(order, sizes): (&Vec<usize>, &Vec<u64>)| -> Vec<u64> {
        order.iter().map(|&operator| sizes[operator]).collect()
    };
    let sizes: Vec<Vec<u64>> = layout.orders.iter().zip(sizes).map(reordered).collect();
    let checked = check::check_sized(&file, |_| Ok(sizes))?;
    if checked.layout.offsets != layout.offsets {
        return Err(TfliteError::Wrong("the written file has other offsets".to_owned()));
    }
    Ok((file, checked))
}

/// Names operators by their position in the file.
const CONTROL_DEPENDENCIES: &str = "model_control_dependencies";

fn has_metadata(model: Model<'_>, name: &str) -> bool {
    let mut all = model.metadata().into_iter().flatten();
    all.any(|entry| entry.name().is_some_and(|found| found.bytes() == name.as_bytes()))
}

fn notes(net: &Net, model: Model<'_>, unknown: &[(usize, usize)]) -> Vec<String> {
    let mut notes = Vec::new();
    let names = unknown.iter().map(|&(subgraph, operator)| {
        let name = &net.subgraphs[subgraph].operators[operator].read.name;
        if subgraph == 0 { format!("`{name}`") } else { format!("`{name}` of subgraph {subgraph}") }
    });
    if let Some(names) = listing(names) {
        notes.push(format!(
            "taken to need no scratch, as nothing is known of it: {names}; measure it by \
             tools/tflm_scratch.py and give it by --scratch, or the arena may be larger than planned"
        ));
    }
    if net.constants_outside {
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
