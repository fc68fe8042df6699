//! Operators that run bodies, and functions of the model's own.
//!
//! A body that runs several times must bring every state back to the shape that it had.
//! Numbers of states change from turn to turn, so none of them are handed on.

use super::bounds;
use super::call::Call;
use super::engine::Engine;
use super::scope::{Fact, Scope, Unknown};
use super::value::{Told, Value, axis, size, types};
use crate::error::short;
use crate::import::onnx::messages::Graph;

/// The known outputs of a body, or why one is not known.
fn run<'m>(
    engine: &mut Engine<'_, 'm>,
    body: &'m Graph,
    outer: &Scope<'_, 'm>,
    inputs: Vec<Value>,
) -> Told<Vec<Told<Value>>> {
    if body.input.len() != inputs.len() {
        return Err(format!("its body has {} inputs, not {}", body.input.len(), inputs.len()));
    }
    let mut inner = Scope::inside(outer);
    for (input, value) in body.input.iter().zip(inputs) {
        inner.set(&input.name, Ok(value));
    }
    engine.body(body, &mut inner);
    let fact = |name: &str| match inner.get(name) {
        Some(Ok(value)) => Ok(value.clone()),
        Some(Err(unknown)) => Err(format!("in its body, {}", unknown.reason)),
        None => Err(format!("its body does not define its output `{name}`")),
    };
    let outputs = body.output.iter().map(|output| fact(&output.name)).collect();
    if inner.setting.given.is_none() {
        engine.bodies.insert(body, inner.into_inner());
    }
    Ok(outputs)
}

fn truth(value: Option<&Value>) -> Option<bool> {
    match value?.data.as_ref()?.whole()? {
        &[number] => Some(number != 0),
        _ => None,
    }
}

pub(super) fn branch<'m>(
    engine: &mut Engine<'_, 'm>,
    call: &Call<'_, 'm>,
    scope: &Scope<'_, 'm>,
) -> Told<Vec<Value>> {
    let condition = call.optional(0).unwrap_or(None);
    let (yes, no) = (call.body("then_branch")?, call.body("else_branch")?);
    if let Some(holds) = truth(condition) {
        return run(engine, if holds { yes } else { no }, scope, Vec::new())?.into_iter().collect();
    }
    let (yes, no) = (run(engine, yes, scope, Vec::new())?, run(engine, no, scope, Vec::new())?);
    if yes.len() != no.len() {
        return Err(format!("its branches have {} and {} outputs", yes.len(), no.len()));
    }
    let both = yes.into_iter().zip(no).map(|(yes, no)| either(&yes?, &no?)).collect::<Told<Vec<_>>>();
    both.map_err(|reason| {
        let condition = short(call.node.input().first().unwrap_or(""));
        format!("{reason} (--value {condition}=1 or --value {condition}=0 takes one branch)")
    })
}

fn either(yes: &Value, no: &Value) -> Told<Value> {
    bounds::either(yes, no).ok_or_else(|| format!(
        "the size of its output depends on data: its branches make {:?} of element type {} and {:?} of {}",
        yes.dims, yes.data_type, no.dims, no.data_type
    ))
}

pub(super) fn repeat<'m>(
    engine: &mut Engine<'_, 'm>,
    call: &Call<'_, 'm>,
    scope: &Scope<'_, 'm>,
) -> Told<Vec<Value>> {
    let body = call.body("body")?;
    let states = (2..call.inputs.len()).map(|number| call.input(number)).collect::<Told<Vec<_>>>()?;
    let mut inputs = vec![
        Value::new(types::INT64, [])?,
        // Within a turn, it holds.
        Value::whole(types::BOOL, [], vec![1])?,
    ];
    inputs.extend(states.iter().map(|state| state.like(state.data_type)));
    let mut outputs = run(engine, body, scope, inputs)?.into_iter();
    let Some(goes_on) = outputs.next() else { return Err("its body has no outputs".to_owned()) };
    let mut all = unchanged(&states, &mut outputs)?;
    let turned = outputs.collect::<Told<Vec<_>>>()?;
    if !turned.is_empty() {
        // Without a condition, what the body says of it is ignored.
        let runs_on = !call.has(1) || truth(goes_on.ok().as_ref()) == Some(true);
        let (count, is_exact) = turns(call, runs_on)?;
        for value in turned {
            let is_upper = value.is_upper() || !is_exact;
            let list = Value::new(value.data_type, [vec![count], value.dims].concat())?;
            all.push(if is_upper { list.at_most() } else { list });
        }
    }
    Ok(all)
}

/// How often a loop turns at most, and whether it turns as often.
fn turns(call: &Call, runs_on: bool) -> Told<(u64, bool)> {
    let mut is_exact = true;
    if call.has(1) {
        match truth(call.optional(1)?) {
            Some(false) => return Ok((0, true)),
            Some(true) if runs_on => {}
            _ if !call.has(0) => {
                return Err("how often it turns depends on data: its condition".to_owned());
            }
            _ => is_exact = false,
        }
    }
    if !call.has(0) {
        return Err("how often it turns is not limited".to_owned());
    }
    Ok((size(call.number(0)?.max(0))?, is_exact))
}

/// The states after a turn, which must be what they were before.
fn unchanged(before: &[&Value], after: &mut impl Iterator<Item = Told<Value>>) -> Told<Vec<Value>> {
    let one = |(number, state): (usize, &&Value)| {
        let Some(after) = after.next() else { return Err("its body has too few outputs".to_owned()) };
        let after = after?;
        // A state that becomes an upper bound would have to be one in the body as well.
        let is_same = (after.data_type, &after.dims) == (state.data_type, &state.dims);
        if is_same && (state.is_upper() || !after.is_upper()) {
            return Ok(state.like(state.data_type));
        }
        Err(format!(
            "state {number} changes from turn to turn: from shape {:?} to {:?}",
            state.dims, after.dims
        ))
    };
    before.iter().enumerate().map(one).collect()
}

pub(super) fn scan<'m>(
    engine: &mut Engine<'_, 'm>,
    call: &Call<'_, 'm>,
    scope: &Scope<'_, 'm>,
) -> Told<Vec<Value>> {
    let body = call.body("body")?;
    let all = call.all()?;
    let scanned = usize::try_from(call.required_int("num_scan_inputs")?).ok().filter(|&count| count > 0);
    let Some(first) = scanned.and_then(|count| all.len().checked_sub(count)) else {
        return Err(format!("of its {} inputs, as many cannot be scanned", all.len()));
    };
    let (states, lists) = all.split_at(first);
    let mut inputs: Vec<Value> = states.iter().map(|state| state.like(state.data_type)).collect();
    let mut length = None;
    for (number, list) in lists.iter().enumerate() {
        let along = call.ints("scan_input_axes").and_then(|axes| axes.get(number)).copied().unwrap_or(0);
        let along = axis(along, list.rank())?;
        let mut dims = list.dims.clone();
        let own = dims.remove(along);
        if length.is_some_and(|length| length != own) {
            return Err(format!("its inputs have {own} and {length:?} elements to scan"));
        }
        length = Some(own);
        let row = Value::new(list.data_type, dims)?;
        inputs.push(if list.is_upper() { row.at_most() } else { row });
    }
    let mut outputs = run(engine, body, scope, inputs)?.into_iter();
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

/// What a number of inputs are inside of a function.
pub(super) fn facts_of(call: &Call) -> Vec<Option<Fact>> {
    let all = 0..call.inputs.len();
    all.map(|number| match call.optional(number) {
        Ok(None) => None,
        Ok(Some(value)) => Some(Ok(value.clone())),
        Err(reason) => Some(Err(Unknown::because(&reason, true))),
    })
    .collect()
}
