//! Operators that run bodies: `If`, `Loop` and `Scan`.
//!
//! A body that runs several times is inferred once, so every iteration must return each state in the shape
//! that it had before. The elements of a state change between iterations, so the body sees states without
//! elements.

use super::bounds;
use super::call::NodeCall;
use super::engine::ShapeInference;
use super::scope::{Fact, Scope, UnknownShape};
use super::value::{Inferred, Value, axis, size, types};
use crate::error::short;
use crate::import::onnx::messages::OnnxGraph;

/// Infers a body with these inputs and returns its outputs, each with its value or the reason.
fn run<'m>(
    inference: &mut ShapeInference<'_, 'm>,
    body: &'m OnnxGraph,
    outer: &Scope<'_, 'm>,
    inputs: Vec<Value>,
) -> Inferred<Vec<Inferred<Value>>> {
    if body.input.len() != inputs.len() {
        return Err(format!("its body has {} inputs, not {}", body.input.len(), inputs.len()));
    }
    let mut inner = Scope::inside(outer);
    for (input, value) in body.input.iter().zip(inputs) {
        inner.set(&input.name, Ok(value));
    }
    inference.body(body, &mut inner);
    let fact = |name: &str| match inner.get(name) {
        Some(Ok(value)) => Ok(value.clone()),
        Some(Err(unknown)) => Err(format!("in its body, {}", unknown.reason)),
        None => Err(format!("its body does not define its output `{name}`")),
    };
    let outputs = body.output.iter().map(|output| fact(&output.name)).collect();
    if inner.context.given.is_none() {
        inference.bodies.insert(body, inner.into_inner());
    }
    Ok(outputs)
}

/// The value of a condition, if it is known.
fn truth(value: Option<&Value>) -> Option<bool> {
    match value?.data.as_ref()?.integers()? {
        &[number] => Some(number != 0),
        _ => None,
    }
}

/// `If`: the branch that runs if the condition is known, else the upper bound of both branches.
pub(super) fn branch<'m>(
    inference: &mut ShapeInference<'_, 'm>,
    call: &NodeCall<'_, 'm>,
    scope: &Scope<'_, 'm>,
) -> Inferred<Vec<Value>> {
    let condition = call.optional(0).unwrap_or(None);
    let (yes, no) = (call.body("then_branch")?, call.body("else_branch")?);
    if let Some(holds) = truth(condition) {
        return run(inference, if holds { yes } else { no }, scope, Vec::new())?.into_iter().collect();
    }
    let (yes, no) = (run(inference, yes, scope, Vec::new())?, run(inference, no, scope, Vec::new())?);
    if yes.len() != no.len() {
        return Err(format!("its branches have {} and {} outputs", yes.len(), no.len()));
    }
    let both = yes.into_iter().zip(no).map(|(yes, no)| either(&yes?, &no?)).collect::<Inferred<Vec<_>>>();
    both.map_err(|reason| {
        let condition = short(call.node.input().first().unwrap_or(""));
        format!("{reason} (--value {condition}=1 or --value {condition}=0 takes one branch)")
    })
}

fn either(yes: &Value, no: &Value) -> Inferred<Value> {
    bounds::either(yes, no).ok_or_else(|| format!(
        "the size of its output depends on data: its branches return {:?} of element type {} and {:?} of element type {}",
        yes.dims, yes.data_type, no.dims, no.data_type
    ))
}

/// `Loop`: final states, then the results of all iterations stacked along a new first axis.
pub(super) fn repeat<'m>(
    inference: &mut ShapeInference<'_, 'm>,
    call: &NodeCall<'_, 'm>,
    scope: &Scope<'_, 'm>,
) -> Inferred<Vec<Value>> {
    let body = call.body("body")?;
    let states = (2..call.inputs.len()).map(|number| call.input(number)).collect::<Inferred<Vec<_>>>()?;
    let mut inputs = vec![
        Value::new(types::INT64, [])?,
        // The condition is true during an iteration.
        Value::of_integers(types::BOOL, [], vec![1])?,
    ];
    inputs.extend(states.iter().map(|state| state.like(state.data_type)));
    let mut outputs = run(inference, body, scope, inputs)?.into_iter();
    let Some(condition) = outputs.next() else { return Err("its body has no outputs".to_owned()) };
    let mut all = unchanged(&states, &mut outputs)?;
    let stacked = outputs.collect::<Inferred<Vec<_>>>()?;
    if !stacked.is_empty() {
        // A loop without a condition input ignores the condition that the body returns.
        let continues = !call.has(1) || truth(condition.ok().as_ref()) == Some(true);
        let (count, is_exact) = iterations(call, continues)?;
        for value in stacked {
            let is_upper = value.is_upper() || !is_exact;
            let list = Value::new(value.data_type, [vec![count], value.dims].concat())?;
            all.push(if is_upper { list.at_most() } else { list });
        }
    }
    Ok(all)
}

/// The number of iterations of a loop, and whether it is exact or an upper bound. `continues` states that the
/// body always returns a true condition.
fn iterations(call: &NodeCall, continues: bool) -> Inferred<(u64, bool)> {
    let mut is_exact = true;
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
    if !call.has(0) {
        return Err("the number of iterations has no limit".to_owned());
    }
    Ok((size(call.number(0)?.max(0))?, is_exact))
}

/// The states after an iteration, which must have the types and shapes that they had before.
fn unchanged(before: &[&Value], after: &mut impl Iterator<Item = Inferred<Value>>) -> Inferred<Vec<Value>> {
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
pub(super) fn scan<'m>(
    inference: &mut ShapeInference<'_, 'm>,
    call: &NodeCall<'_, 'm>,
    scope: &Scope<'_, 'm>,
) -> Inferred<Vec<Value>> {
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
        let along = call.ints("scan_input_axes").and_then(|axes| axes.get(number)).copied().unwrap_or(0);
        let along = axis(along, list.rank())?;
        let mut dims = list.dims.clone();
        let scanned = dims.remove(along);
        if let Some(length) = length.filter(|&length| length != scanned) {
            return Err(format!("its scanned inputs have different lengths: {length} and {scanned}"));
        }
        length = Some(scanned);
        let row = Value::new(list.data_type, dims)?;
        inputs.push(if list.is_upper() { row.at_most() } else { row });
    }
    let mut outputs = run(inference, body, scope, inputs)?.into_iter();
    let mut all = unchanged(states, &mut outputs)?;
    for (number, value) in outputs.enumerate() {
        let value = value?;
        let is_upper = value.is_upper() || lists.iter().any(|list| list.is_upper());
        let Value { data_type, mut dims, .. } = value;
        let along = call.ints("scan_output_axes").and_then(|axes| axes.get(number)).copied().unwrap_or(0);
        let along = axis(along, dims.len() + 1)?;
        dims.insert(along, length.unwrap_or(0));
        let list = Value::new(data_type, dims)?;
        all.push(if is_upper { list.at_most() } else { list });
    }
    Ok(all)
}

/// The inputs of a call as facts for the scope of the function; none for an absent input.
pub(super) fn facts_of(call: &NodeCall) -> Vec<Option<Fact>> {
    let all = 0..call.inputs.len();
    all.map(|number| match call.optional(number) {
        Ok(None) => None,
        Ok(Some(value)) => Some(Ok(value.clone())),
        Err(reason) => Some(Err(UnknownShape::with_cause(&reason, true))),
    })
    .collect()
}
