//! Sequences of tensors. A sequence takes the memory of all its tensors. As long as these are known, operators on the
//! sequence have shapes, too.

use super::bounds;
use super::call::NodeCall;
use crate::import::dims::{axis, concatenated, ensure, size, sizes};
use crate::import::onnx::value::{Elements, Inferred, MAX_TENSORS, Outputs, Value};

/// The tensors of an input.
fn tensors<'c>(call: &NodeCall<'c, '_>, number: usize) -> Inferred<&'c [Value]> {
    let input = call.input(number)?;
    match &input.data {
        Some(Elements::Tensors(tensors)) => Ok(tensors),
        _ => Err("a sequence whose tensors are unknown does not state their shapes".to_owned()),
    }
}

/// The position that an input gives in a sequence of `length` tensors; none if it is computed.
fn position(call: &NodeCall, number: usize, length: usize) -> Inferred<Option<usize>> {
    if call.is_computed(number)? {
        return Ok(None);
    }
    let position = call.number(number)?;
    let at = axis(position, length);
    at.map(Some).map_err(|_| format!("its position {position} is outside of {length} tensors"))
}

/// The position at which a tensor is inserted. The end is one of them.
fn inserted(call: &NodeCall, length: usize) -> Inferred<Option<usize>> {
    let is_end =
        !call.is_computed(2)? && (!call.has(2) || size(call.number(2)?).is_ok_and(|at| at == length as u64));
    if is_end { Ok(Some(length)) } else { position(call, 2, length) }
}

pub(crate) fn construct(call: &NodeCall) -> Outputs {
    let tensors = call.all()?.into_iter().map(|value| value.like(value.data_type)).collect();
    Ok(vec![Value::sequence(tensors)?])
}

/// `SequenceInsert`: by default at the end.
pub(crate) fn insert(call: &NodeCall) -> Outputs {
    let (mut all, added) = (tensors(call, 0)?.to_vec(), call.input(1)?);
    let at = inserted(call, all.len())?;
    let added = added.like(added.data_type);
    if let Some(at) = at {
        all.insert(at, added);
    } else {
        ensure!(all.iter().all(|one| one.dims == added.dims), "its position depends on data");
        all.push(added);
    }
    Ok(vec![Value::sequence(all)?])
}

/// `SequenceErase`: by default the last tensor.
pub(crate) fn erase(call: &NodeCall) -> Outputs {
    let mut all = tensors(call, 0)?.to_vec();
    ensure!(!all.is_empty(), "its sequence is empty");
    let at = if call.has(1) { position(call, 1, all.len())? } else { Some(all.len() - 1) };
    ensure!(at.is_some() || all.iter().all(|one| one.dims == all[0].dims), "its position depends on data");
    all.remove(at.unwrap_or(0));
    Ok(vec![Value::sequence(all)?])
}

/// `SequenceAt`: the tensor or, if the position is computed, an upper bound of all.
pub(crate) fn at(call: &NodeCall) -> Outputs {
    let all = tensors(call, 0)?;
    if let Some(at) = position(call, 1, all.len())? {
        return Ok(vec![all[at].clone()]);
    }
    let Some((first, rest)) = all.split_first() else { return Err("its sequence is empty".to_owned()) };
    let bound = rest.iter().try_fold(first.clone(), |bound, one| bounds::either(&bound, one));
    Ok(vec![bound.map_err(|_| "its position depends on data, and its tensors have different ranks")?])
}

/// `SequenceLength`.
pub(crate) fn length(call: &NodeCall) -> Outputs {
    let known = match &call.input(0)?.data {
        Some(Elements::Tensors(tensors)) => i64::try_from(tensors.len()).ok(),
        _ => None,
    };
    let scalar = Value::new(crate::import::onnx::value::types::INT64, [])?;
    Ok(vec![match known {
        Some(length) => Value::of_integers(scalar.data_type, [], vec![length])?,
        None => scalar,
    }])
}

/// `SplitToSequence`: parts of sizes that an input gives, or of 1, whose axis may then be left out.
pub(crate) fn split(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let along = axis(call.int("axis", 0), input.rank())?;
    let dim = input.dims[along];
    ensure!(input.upper() >> along & 1 == 0, "the number of its parts depends on data");
    let parts = match call.optional_numbers(1)? {
        None => equal(dim, 1)?,
        Some(&[part]) if call.input(1)?.rank() == 0 => equal(dim, size(part)?)?,
        Some(parts) => sizes(parts)?,
    };
    let sum = parts.iter().try_fold(0, |all: u64, &part| all.checked_add(part));
    ensure!(sum == Some(dim), "its parts {parts:?} do not add up to {dim}");
    let is_kept = call.has(1) || call.flag("keepdims", true);
    let part = |part: u64| {
        let mut dims = input.dims.clone();
        dims[along] = part;
        if is_kept {
            return Ok(Value::new(input.data_type, dims)?.at_most_along(input.upper()));
        }
        dims.remove(along);
        let value = Value::new(input.data_type, dims)?;
        Ok(if input.is_upper() { value.at_most() } else { value })
    };
    Ok(vec![Value::sequence(parts.into_iter().map(part).collect::<Inferred<_>>()?)?])
}

/// Parts of one size; the last one may be smaller.
fn equal(dim: u64, part: u64) -> Inferred<Vec<u64>> {
    ensure!(part > 0, "its parts have a size of 0");
    ensure!(dim.div_ceil(part) <= MAX_TENSORS as u64, "it has more than {MAX_TENSORS} parts");
    let mut parts = vec![part; (dim / part) as usize];
    parts.extend(Some(dim % part).filter(|&rest| rest > 0));
    Ok(parts)
}

/// `ConcatFromSequence`: all tensors along an axis, which may be a new one.
pub(crate) fn concat(call: &NodeCall) -> Outputs {
    let all = tensors(call, 0)?;
    let Some(first) = all.first() else { return Err("its sequence is empty".to_owned()) };
    let is_bounded = all.iter().any(Value::is_upper);
    let is_stacked = call.flag("new_axis", false);
    let along = axis(call.required_int("axis")?, first.rank() + usize::from(is_stacked))?;
    let shapes: Vec<Vec<u64>> = all
        .iter()
        .map(|one| {
            let mut dims = one.dims.clone();
            if is_stacked {
                dims.insert(along, 1);
            }
            dims
        })
        .collect();
    let shapes: Vec<&[u64]> = shapes.iter().map(Vec::as_slice).collect();
    let output = Value::new(first.data_type, concatenated(&shapes, along, is_bounded)?)?;
    Ok(vec![if is_bounded { output.at_most() } else { output }])
}
