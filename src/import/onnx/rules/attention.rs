//! Attention operators of the standard and of ONNX Runtime.

use super::call::NodeCall;
use crate::import::dims::{ensure, plus, size, times};
use crate::import::onnx::value::{Inferred, Outputs, Value};

/// The number of heads that an attribute gives.
fn heads(call: &NodeCall, name: &str) -> Inferred<u64> {
    let heads = size(call.required_int(name)?)?;
    ensure!(heads > 0, "it has no heads");
    Ok(heads)
}

/// The width of one head if `all` elements are split among `heads`.
fn head_width(all: u64, heads: u64) -> Inferred<u64> {
    ensure!(all.is_multiple_of(heads), "{all} cannot be split among {heads} heads");
    Ok(all / heads)
}

/// The length of the past in an optional input.
fn past(call: &NodeCall, number: usize, axis: usize) -> Inferred<u64> {
    call.optional(number)?.map_or(Ok(0), |past| past.dim(axis))
}

/// Batch, heads, steps and head width of a tensor. With three axes, the last one holds all heads, and
/// `attribute` names their number.
fn split(call: &NodeCall, value: &Value, attribute: &str) -> Inferred<[u64; 4]> {
    match value.dims.as_slice() {
        &[batch, steps, all] => {
            let heads = heads(call, attribute)?;
            Ok([batch, heads, steps, head_width(all, heads)?])
        }
        &[batch, heads, steps, width] => Ok([batch, heads, steps, width]),
        dims => Err(format!("its input of shape {dims:?} has neither three nor four axes")),
    }
}

/// `Attention` of the standard: output, present keys and values, and the product of queries and keys.
pub(crate) fn standard(call: &NodeCall) -> Outputs {
    let (query, key, value) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let [batch, heads, steps, width] = split(call, query, "q_num_heads")?;
    let [_, key_heads, key_steps, key_width] = split(call, key, "kv_num_heads")?;
    let [_, _, _, value_width] = split(call, value, "kv_num_heads")?;
    ensure!(width == key_width, "the head widths of queries and keys differ: {width} and {key_width}");
    let total = plus(past(call, 4, 2)?, key_steps)?;
    let dims = if query.rank() == 3 {
        vec![batch, steps, times(heads, value_width)?]
    } else {
        vec![batch, heads, steps, value_width]
    };
    Ok(vec![
        Value::new(query.data_type, dims)?,
        Value::new(key.data_type, [batch, key_heads, total, key_width])?,
        Value::new(value.data_type, [batch, key_heads, total, value_width])?,
        Value::new(query.data_type, [batch, heads, steps, total])?,
    ])
}

/// `Attention` of ONNX Runtime, with the weights of queries, keys and values in one tensor.
pub(crate) fn packed(call: &NodeCall) -> Outputs {
    attention(call, call.input(0)?.data_type, 4)
}

/// `QAttention`: quantized inputs and weights; the outputs have the type of the bias.
pub(crate) fn quantized(call: &NodeCall) -> Outputs {
    attention(call, call.input(2)?.data_type, 8)
}

/// Output, and present keys and values: those of input `cache` and of this step, or the whole buffer if past and present
/// are one.
fn attention(call: &NodeCall, data_type: i32, cache: usize) -> Outputs {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    let (batch, steps) = (input.dim(0)?, input.dim(1)?);
    let hidden = match call.ints("qkv_hidden_sizes") {
        Some(&[_, _, values]) => size(values)?,
        Some(other) => {
            return Err(format!("its attribute `qkv_hidden_sizes` has the unsupported value {other:?}"));
        }
        None => head_width(weights.dim(1)?, 3)?,
    };
    let mut outputs = vec![Value::new(data_type, [batch, steps, hidden])?];
    if call.outputs() < 2 {
        return Ok(outputs);
    }
    if call.flag("past_present_share_buffer", false) {
        outputs.push(call.input(cache)?.like(data_type));
    } else {
        let heads = heads(call, "num_heads")?;
        let dims = [2, batch, heads, plus(past(call, cache, 3)?, steps)?, head_width(hidden, heads)?];
        outputs.push(Value::new(data_type, dims)?);
    }
    Ok(outputs)
}

/// `MultiHeadAttention` of ONNX Runtime, with queries, keys and values in separate tensors.
pub(crate) fn multi_head(call: &NodeCall) -> Outputs {
    let query = call.input(0)?;
    let &[batch, steps, _] = query.dims.as_slice() else {
        return Err(format!(
            "queries of shape {:?} are not supported, only queries with three axes",
            query.dims
        ));
    };
    let value = call.input(2)?;
    let heads = heads(call, "num_heads")?;
    let hidden = match value.dims.as_slice() {
        &[_, _, hidden] => hidden,
        &[_, heads, _, width] => times(heads, width)?,
        dims => return Err(format!("values of shape {dims:?} are not supported")),
    };
    let mut outputs = vec![Value::new(query.data_type, [batch, steps, hidden])?];
    if call.outputs() > 1 {
        let key = call.input(1)?;
        let [_, _, key_steps, width] = split(call, key, "num_heads")?;
        let total = plus(past(call, 6, 2)?, key_steps)?;
        outputs.push(Value::new(query.data_type, [batch, heads, total, width])?);
        outputs.push(Value::new(query.data_type, [batch, heads, total, head_width(hidden, heads)?])?);
    }
    Ok(outputs)
}

/// `GroupQueryAttention` of ONNX Runtime: output, present keys and present values. The caches are as long as the past ones or
/// as the number of steps in all, whichever is larger. If that number is unknown, past and new steps are an upper bound.
pub(crate) fn group_query(call: &NodeCall) -> Outputs {
    let query = call.input(0)?;
    let (heads, key_heads) = (heads(call, "num_heads")?, heads(call, "kv_num_heads")?);
    let (batch, steps) = (query.dim(0)?, query.dim(1)?);
    let all_heads = if call.has(1) { heads } else { plus(heads, times(2, key_heads)?)? };
    let width = head_width(query.dim(2)?, all_heads)?;
    let mut outputs = vec![Value::new(query.data_type, [batch, steps, times(heads, width)?])?];
    if call.outputs() < 2 {
        return Ok(outputs);
    }
    let is_known = call.input(6)?.data.is_some();
    for number in [3, 4] {
        let before = past(call, number, 2)?;
        let length = if is_known { before.max(size(call.number(6)?)?) } else { plus(before, steps)? };
        let data_type = call.optional(number)?.map_or(query.data_type, |past| past.data_type);
        let cache = Value::new(data_type, [batch, key_heads, length, width])?;
        outputs.push(if is_known { cache } else { cache.at_most_along(1 << 2) });
    }
    Ok(outputs)
}

/// `SparseAttention`: output, and both caches, whose buffers keep their length.
pub(crate) fn sparse(call: &NodeCall) -> Outputs {
    let query = call.input(0)?;
    let (heads, key_heads) = (heads(call, "num_heads")?, heads(call, "kv_num_heads")?);
    let all_heads = if call.has(1) { heads } else { plus(heads, times(2, key_heads)?)? };
    let width = head_width(query.dim(2)?, all_heads)?;
    let output = Value::new(query.data_type, [query.dim(0)?, query.dim(1)?, times(heads, width)?])?;
    let caches = [call.input(3)?, call.input(4)?].map(|cache| cache.like(cache.data_type));
    Ok([vec![output], caches.into()].concat())
}

/// `DecoderMaskedMultiHeadAttention`, one step: output, present keys and values.
pub(crate) fn one_step(call: &NodeCall) -> Outputs {
    let query = call.input(0)?;
    let heads = heads(call, "num_heads")?;
    let hidden = match call.optional(2)?.map(|value| value.dims.as_slice()) {
        Some(&[_, _, hidden]) => hidden,
        Some(&[_, heads, _, width]) => times(heads, width)?,
        Some(dims) => return Err(format!("values of shape {dims:?} are not supported")),
        // Queries, keys and values are in one tensor.
        None => times(heads, call.input(6)?.dim(3)?)?,
    };
    let mut outputs = vec![Value::new(query.data_type, [query.dim(0)?, query.dim(1)?, hidden])?];
    for number in [5, 6] {
        if call.outputs() > 1 {
            let mut dims = call.input(number)?.dims.clone();
            ensure!(dims.len() == 4, "its past of shape {dims:?} does not have four axes");
            if !call.flag("past_present_share_buffer", false) {
                dims[2] = plus(dims[2], query.dim(1)?)?;
            }
            outputs.push(Value::new(query.data_type, dims)?);
        }
    }
    Ok(outputs)
}

/// `RelativePositionBias`: for each head, a number for each pair of a query and a key. Both lengths are inputs.
pub(crate) fn position_bias(call: &NodeCall) -> Outputs {
    let table = call.input(0)?;
    Value::single(table.data_type, [1, table.dim(1)?, size(call.number(1)?)?, size(call.number(2)?)?])
}

/// `GatedRelativePositionBias`: a bias for each pair of steps, by batch and head.
pub(crate) fn gated_position_bias(call: &NodeCall) -> Outputs {
    let (query, positions) = (call.input(0)?, call.input(2)?);
    ensure!(!call.has(7), "packed tokens are not supported");
    let steps = query.dim(1)?;
    Value::single(positions.data_type, [query.dim(0)?, heads(call, "num_heads")?, steps, steps])
}
