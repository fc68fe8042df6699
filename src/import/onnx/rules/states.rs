//! Layers that keep a recurrent state beside their output: `LinearAttention` and `CausalConvWithState`.

use super::call::NodeCall;
use crate::import::dims::{ensure, size, times};
use crate::import::onnx::value::{Outputs, Value};

/// `LinearAttention`: output, and a matrix of keys and values for each head. With a window of states, ONNX Runtime returns
/// as many matrices.
pub(crate) fn linear_attention(call: &NodeCall) -> Outputs {
    let (query, key, value) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let (heads, key_heads) =
        (size(call.required_int("q_num_heads")?)?, size(call.required_int("kv_num_heads")?)?);
    let width = |value: &Value| {
        let all = value.dim(2)?;
        ensure!(
            key_heads > 0 && all.is_multiple_of(key_heads),
            "{all} cannot be split among {key_heads} heads"
        );
        Ok::<_, String>(all / key_heads)
    };
    let (key_width, value_width) = (width(key)?, width(value)?);
    // In the operator of ONNX Runtime, keys may have more heads than queries.
    let written = if call.node.domain().is_empty() { heads } else { heads.max(key_heads) };
    let output = Value::new(query.data_type, [query.dim(0)?, query.dim(1)?, times(written, value_width)?])?;
    let state = if let Some(past) = call.optional(3)? {
        past.like(past.data_type)
    } else {
        let window = call.int("state_window", 0);
        ensure!(window == 0, "a window of states without past states is not supported");
        Value::new(query.data_type, [query.dim(0)?, key_heads, key_width, value_width])?
    };
    Ok(vec![output, state])
}

/// `CausalConvWithState`: output, and the last inputs of the window.
pub(crate) fn causal_conv(call: &NodeCall) -> Outputs {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    ensure!(
        ["input_channels", "input_channel_offset", "state_update_capacity"]
            .iter()
            .all(|name| call.int(name, 0) == 0),
        "slices of channels and updates of states are not supported"
    );
    let output = input.like(input.data_type);
    if let Some(past) = call.optional(3)? {
        return Ok(vec![output, past.like(input.data_type)]);
    }
    let is_plain = call.int("ndim", 1) == 1
        && ["channels_last", "state_window", "state_length"].iter().all(|name| call.int(name, 0) == 0);
    ensure!(is_plain, "without a past state, only one spatial axis after the channels is supported");
    let before = times(weights.dim(2)?.saturating_sub(1), size(call.int("dilation", 1))?)?;
    Ok(vec![output, Value::new(input.data_type, [input.dim(0)?, input.dim(1)?, before])?])
}
