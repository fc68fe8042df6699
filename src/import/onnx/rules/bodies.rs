//! Operators that run bodies: `If`, `Loop` and `Scan`.
//!
//! A body that runs several times is inferred once, so every iteration must return each state in the shape
//! that it had before. The elements of a state change between iterations, so the body sees states without
//! elements.

use super::bounds;
use super::call::NodeCall;
use crate::error::short;
use crate::import::dims::{axis, ensure, size};
use crate::import::onnx::graph::OnnxGraph;
use crate::import::onnx::value::{Inferred, Outputs, Value, types};

/// Infers a body with these inputs and returns its outputs, each with its value or the reason.
pub(crate) type RunBody<'m, 'r> = dyn FnMut(&'m OnnxGraph, Vec<Value>) -> Inferred<Vec<Inferred<Value>>> + 'r;

/// The value of a condition, if it is known.
fn truth(value: Option<&Value>) -> Option<bool> {
    match value?.data.as_ref()?.integers()? {
        &[number] => Some(number != 0),
        _ => None,
    }
}

/// `If`: the branch that runs if the condition is known, else the upper bound of both branches.
pub(crate) fn branch<'m>(call: &NodeCall<'_, 'm>, run: &mut RunBody<'m, '_>) -> Outputs {
    let condition = call.optional(0).unwrap_or(None);
    let (yes, no) = (call.body("then_branch")?, call.body("else_branch")?);
    if let Some(holds) = truth(condition) {
        return run(if holds { yes } else { no }, Vec::new())?.into_iter().collect();
    }
    let (yes, no) = (run(yes, Vec::new())?, run(no, Vec::new())?);
    ensure!(yes.len() == no.len(), "its branches have {} and {} outputs", yes.len(), no.len());
    let both =
        yes.into_iter().zip(no).map(|(yes, no)| bounds::either(&yes?, &no?)).collect::<Inferred<Vec<_>>>();
    both.map_err(|reason| {
        let condition = short(call.input_name(0));
        format!("{reason} (--value {condition}=1 or --value {condition}=0 takes one branch)")
    })
}

/// `Loop`: final states, then the results of all iterations stacked along a new first axis.
pub(crate) fn repeat<'m>(call: &NodeCall<'_, 'm>, run: &mut RunBody<'m, '_>) -> Outputs {
    let body = call.body("body")?;
    let states = (2..call.inputs.len()).map(|number| call.input(number)).collect::<Inferred<Vec<_>>>()?;
    let mut inputs = vec![
        Value::new(types::INT64, [])?,
        // The condition is true during an iteration.
        Value::of_integers(types::BOOL, [], vec![1])?,
    ];
    inputs.extend(states.iter().map(|state| state.like(state.data_type)));
    let mut outputs = run(body, inputs)?.into_iter();
    let Some(condition) = outputs.next() else { return Err("its body has no outputs".to_owned()) };
    let mut all = unchanged(&states, &mut outputs)?;
    let stacked = outputs.collect::<Inferred<Vec<_>>>()?;
    if !stacked.is_empty() {
        let continues = truth(condition.ok().as_ref()) == Some(true);
        let (count, is_exact) = iterations(call, continues)?;
        for value in stacked {
            let is_upper = value.is_upper() || !is_exact;
            all.push(bounded(Value::new(value.data_type, [vec![count], value.dims].concat())?, is_upper));
        }
    }
    Ok(all)
}

fn bounded(value: Value, is_upper: bool) -> Value {
    if is_upper { value.at_most() } else { value }
}

/// The number of iterations of a loop, and whether it is exact or an upper bound. `continues` states that the
/// body always returns a true condition.
fn iterations(call: &NodeCall, continues: bool) -> Inferred<(u64, bool)> {
    // Without a condition input, the standard ignores the condition that the body returns, but ONNX Runtime does not.
    let mut is_exact = call.has(1) || continues;
    if call.has(1) {
        match truth(call.optional(1)?) {
            Some(false) => return Ok((0, true)),
            Some(true) if continues => {}
            _ if !call.has(0) => {
                return Err("the number of iterations depends on data: its condition".to_owned());
            }
            _ => is_exact = false,
        }
    }
    ensure!(call.has(0), "the number of iterations has no limit");
    Ok((size(call.number(0)?.max(0))?, is_exact))
}

/// The states after an iteration, which must have the types and shapes that they had before.
fn unchanged(before: &[&Value], after: &mut impl Iterator<Item = Inferred<Value>>) -> Outputs {
    let state_after = |(number, state): (usize, &&Value)| {
        let Some(after) = after.next() else { return Err("its body has too few outputs".to_owned()) };
        let after = after?;
        // If a state became an upper bound, the body would have to be inferred again with a bounded input.
        let is_same = (after.data_type, &after.dims) == (state.data_type, &state.dims);
        if is_same && (state.is_upper() || !after.is_upper()) {
            return Ok(state.like(state.data_type));
        }
        Err(format!(
            "state {number} changes its shape between iterations: from {:?} to {:?}",
            state.dims, after.dims
        ))
    };
    before.iter().enumerate().map(state_after).collect()
}

/// `Scan`: final states, then the results of all iterations stacked along an axis that an attribute names.
pub(crate) fn scan<'m>(call: &NodeCall<'_, 'm>, run: &mut RunBody<'m, '_>) -> Outputs {
    let body = call.body("body")?;
    let all = call.all()?;
    let scanned = usize::try_from(call.required_int("num_scan_inputs")?).ok().filter(|&count| count > 0);
    let Some(first) = scanned.and_then(|count| all.len().checked_sub(count)) else {
        return Err(format!("its attribute `num_scan_inputs` does not fit its {} inputs", all.len()));
    };
    let (states, lists) = all.split_at(first);
    let mut inputs: Vec<Value> = states.iter().map(|state| state.like(state.data_type)).collect();
    let mut length = None;
    for (number, list) in lists.iter().enumerate() {
        let along = scan_axis(call, "scan_input_axes", number, list.rank())?;
        let mut dims = list.dims.clone();
        let scanned = dims.remove(along);
        let first = *length.get_or_insert(scanned);
        ensure!(first == scanned, "its scanned inputs have different lengths: {first} and {scanned}");
        inputs.push(bounded(Value::new(list.data_type, dims)?, list.is_upper()));
    }
    let mut outputs = run(body, inputs)?.into_iter();
    let mut all = unchanged(states, &mut outputs)?;
    for (number, value) in outputs.enumerate() {
        let value = value?;
        let is_upper = value.is_upper() || lists.iter().any(|list| list.is_upper());
        let Value { data_type, mut dims, .. } = value;
        let along = scan_axis(call, "scan_output_axes", number, dims.len() + 1)?;
        dims.insert(along, length.unwrap_or(0));
        all.push(bounded(Value::new(data_type, dims)?, is_upper));
    }
    Ok(all)
}

/// The axis of a scanned tensor, the first one unless an attribute names it.
fn scan_axis(call: &NodeCall, name: &str, number: usize, rank: usize) -> Inferred<usize> {
    axis(call.ints(name).and_then(|axes| axes.get(number)).copied().unwrap_or(0), rank)
}
