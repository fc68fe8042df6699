//! Attention operators of the standard and of ONNX Runtime.

use super::call::NodeCall;
use super::value::{Inferred, Value, size};

/// The number of heads that an attribute gives.
fn heads(call: &NodeCall, name: &str) -> Inferred<u64> {
    match size(call.required_int(name)?)? {
        0 => Err("it has no heads".to_owned()),
        heads => Ok(heads),
    }
}

/// The width of one head if `all` elements are split among `heads`.
fn head_width(all: u64, heads: u64) -> Inferred<u64> {
    if all.is_multiple_of(heads) {
        Ok(all / heads)
    } else {
        Err(format!("{all} cannot be split among {heads} heads"))
    }
}

fn times(left: u64, right: u64) -> Inferred<u64> {
    left.checked_mul(right).ok_or_else(|| "a dimension of its output exceeds 64 bits".to_owned())
}

fn plus(left: u64, right: u64) -> Inferred<u64> {
    left.checked_add(right).ok_or_else(|| "a dimension of its output exceeds 64 bits".to_owned())
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
pub(super) fn standard(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (query, key, value) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let [batch, heads, steps, width] = split(call, query, "q_num_heads")?;
    let [_, key_heads, key_steps, key_width] = split(call, key, "kv_num_heads")?;
    let [_, _, _, value_width] = split(call, value, "kv_num_heads")?;
    if width != key_width {
        return Err(format!("the head widths of queries and keys differ: {width} and {key_width}"));
    }
    let past = call.optional(4)?.map_or(Ok(0), |past| past.dim(2))?;
    let total = plus(past, key_steps)?;
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
pub(super) fn packed(call: &NodeCall) -> Inferred<Vec<Value>> {
    if call.flag("past_present_share_buffer", false) {
        return Err("a buffer shared by past and present is not supported".to_owned());
    }
    let (input, weights) = (call.input(0)?, call.input(1)?);
    let (batch, steps) = (input.dim(0)?, input.dim(1)?);
    let hidden = match call.ints("qkv_hidden_sizes") {
        Some(&[_, _, values]) => size(values)?,
        Some(other) => {
            return Err(format!("its attribute `qkv_hidden_sizes` has the unsupported value {other:?}"));
        }
        None => head_width(weights.dim(1)?, 3)?,
    };
    let mut outputs = vec![Value::new(input.data_type, [batch, steps, hidden])?];
    if call.outputs() > 1 {
        let heads = heads(call, "num_heads")?;
        let past = call.optional(4)?.map_or(Ok(0), |past| past.dim(3))?;
        let dims = [2, batch, heads, plus(past, steps)?, head_width(hidden, heads)?];
        outputs.push(Value::new(input.data_type, dims)?);
    }
    Ok(outputs)
}

/// `MultiHeadAttention` of ONNX Runtime, with queries, keys and values in separate tensors.
pub(super) fn multi_head(call: &NodeCall) -> Inferred<Vec<Value>> {
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
        let past = call.optional(6)?.map_or(Ok(0), |past| past.dim(2))?;
        let total = plus(past, key_steps)?;
        outputs.push(Value::new(query.data_type, [batch, heads, total, width])?);
        outputs.push(Value::new(query.data_type, [batch, heads, total, head_width(hidden, heads)?])?);
    }
    Ok(outputs)
}

/// `GroupQueryAttention` of ONNX Runtime. The rule has no caches, whose length depends on the runtime's
/// buffers.
pub(super) fn group_query(call: &NodeCall) -> Inferred<Vec<Value>> {
    let query = call.input(0)?;
    if call.has(1) {
        return Ok(vec![query.like(query.data_type)]);
    }
    let (heads, key_heads) = (heads(call, "num_heads")?, heads(call, "kv_num_heads")?);
    let width = head_width(query.dim(2)?, plus(heads, times(2, key_heads)?)?)?;
    let dims = [query.dim(0)?, query.dim(1)?, times(heads, width)?];
    Ok(vec![Value::new(query.data_type, dims)?])
}
