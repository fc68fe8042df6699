//! Verification of a written file: reads it again from its bytes.

use super::calls::Calls;
use super::layout::{check_orders, refuse_later_variables};
use super::runtime_network::{Memory, RuntimeNetwork};
use super::{HeadLayout, Scratch, TfliteError, metadata, rewrite, runtime};
use crate::import::tflite;
use crate::import::tflite::schema::{At, Buffer, Model, SubGraph};

/// The verified plan of a file.
///
/// Example: the [module](crate::export::tflite).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedTflite {
    /// Size of the arena's head in bytes, scratch included, as the runtime will report it.
    pub head_bytes: u64,
    /// Number of tensors in the head without an offset, which the runtime places.
    pub left_to_runtime: usize,
    /// Operator order of the file and offsets of its plan.
    pub layout: HeadLayout,
}

/// Reads the plan in a model and checks it with the live ranges that the runtime computes: the operator
/// order respects all dependencies, no two tensors share a byte while both are live, offsets are multiples
/// of 16, and variables are left to the runtime. The runtime checks none of these properties. Tensors
/// without an offset (-1) are placed around the others, as the runtime places them.
///
/// `scratch` refers to operators by their positions in this file.
///
/// Example: the [module](crate::export::tflite).
///
/// # Errors
/// [`TfliteError::NotPlanned`] if the model has no plan, [`TfliteError::Wrong`] if the plan is wrong, and
/// other errors if the file is invalid or unsupported.
pub fn check(bytes: &[u8], scratch: &Scratch) -> Result<CheckedTflite, TfliteError> {
    check_sized(bytes, |network| Ok(scratch.requests(network)?.sums()))
}

/// Does the same as [`check`], with scratch sizes by subgraph and operator of this file.
pub(super) fn check_sized(
    bytes: &[u8],
    scratch: impl FnOnce(&RuntimeNetwork) -> Result<Vec<Vec<u64>>, TfliteError>,
) -> Result<CheckedTflite, TfliteError> {
    let model = tflite::model(bytes)?;
    let network = RuntimeNetwork::new(bytes, model)?;
    let calls = Calls::new(&network)?;
    let mut plans = model.metadata().into_iter().flatten().filter(|entry| rewrite::is_a_plan(entry.name()));
    let plan = plans.next().ok_or(TfliteError::NotPlanned)?;
    if plans.next().is_some() {
        return Err(TfliteError::Wrong("the model has two plans".to_owned()));
    }
    let (number, buffers) = (plan.buffer().unwrap_or(0) as usize, model.buffers());
    let buffer = buffers.filter(|buffers| number < buffers.len()).map(|buffers| buffers.get(number));
    let data = buffer.and_then(Buffer::data).map_or(&[][..], |data| data.bytes());
    let offsets = metadata::decode(data, &network)?;
    let orders: Vec<Vec<usize>> =
        network.subgraphs.iter().map(|subgraph| (0..subgraph.operators.len()).collect()).collect();
    check_orders(&network, &orders)?;
    refuse_later_variables(&network)?;
    let head_bytes = runtime::head_bytes(&network, &calls, &scratch(&network)?, &offsets)?;
    let tensors = network.subgraphs.iter().flat_map(|subgraph| &subgraph.tensors);
    let left = tensors
        .zip(offsets.iter().flatten())
        .filter(|(tensor, offset)| tensor.memory == Memory::Head && tensor.bytes > 0 && offset.is_none());
    let left_to_runtime = left.count();
    Ok(CheckedTflite { head_bytes, left_to_runtime, layout: HeadLayout { orders, offsets } })
}

/// Checks that a new file differs from the old one in the operator order and the plan only.
pub(super) fn same_but_planned(
    old: (&[u8], Model<'_>),
    new: (&[u8], usize),
    layout: &HeadLayout,
) -> Result<(), TfliteError> {
    let (old, old_model) = old;
    let (new, start) = new;
    let differs = |what: &str| Err(TfliteError::Wrong(format!("the written file has other {what}")));
    let new_model = tflite::model(new)?;
    if !old_bytes_are_there(old, old_model, &new[start..], start) {
        return differs("bytes behind the new root");
    }
    // The position of an old table identifies it.
    let moved = |place: usize| place + start;
    let (old_graphs, new_graphs) = (old_model.subgraphs(), new_model.subgraphs());
    let pairs = old_graphs.into_iter().flatten().zip(new_graphs.into_iter().flatten());
    let lengths = (old_graphs.map_or(0, |list| list.len()), new_graphs.map_or(0, |list| list.len()));
    if lengths.0 != lengths.1 {
        return differs("subgraphs");
    }
    for ((old, new), order) in pairs.zip(&layout.orders) {
        let tensors = old.tensors().into_iter().flatten().map(|tensor| moved(tensor.at()));
        if !tensors.eq(new.tensors().into_iter().flatten().map(At::at)) {
            return differs("tensors");
        }
        let old_operators: Vec<usize> =
            old.operators().into_iter().flatten().map(|operator| moved(operator.at())).collect();
        let ordered = order.iter().map(|&operator| old_operators[operator]);
        if !ordered.eq(new.operators().into_iter().flatten().map(At::at)) {
            return differs("operators");
        }
        let lists = |graph: SubGraph| {
            let numbers =
                |list: Option<flatbuffers::Vector<i32>>| -> Vec<i32> { list.into_iter().flatten().collect() };
            (numbers(graph.inputs()), numbers(graph.outputs()))
        };
        if lists(old) != lists(new) {
            return differs("inputs or outputs");
        }
    }
    let codes = old_model.operator_codes().into_iter().flatten().map(|code| moved(code.at()));
    if !codes.eq(new_model.operator_codes().into_iter().flatten().map(At::at)) {
        return differs("operator codes");
    }
    Ok(())
}

/// Returns true if the new file contains the old bytes, except that offsets from the start of the file are
/// larger by `start`.
fn old_bytes_are_there(old: &[u8], model: Model<'_>, new: &[u8], start: usize) -> bool {
    if old.len() != new.len() {
        return false;
    }
    let mut from = 0;
    for place in rewrite::absolute_places(model) {
        let end = place + 8;
        // If two offsets overlap, shifting one has corrupted the other.
        if place < from || old[from..place] != new[from..place] {
            return false;
        }
        let number = |bytes: &[u8]| bytes[place..end].first_chunk().map(|chunk| u64::from_le_bytes(*chunk));
        if number(new) != number(old).and_then(|offset| offset.checked_add(start as u64)) {
            return false;
        }
        from = end;
    }
    old[from..] == new[from..]
}
