//! Recurrent layers: `GRU`, `LSTM` and `RNN`.

use super::call::NodeCall;
use super::value::{Inferred, Value, size};

/// Outputs: the hidden states of all steps, the last hidden state, and for an LSTM the last cell state.
pub(super) fn recurrent(call: &NodeCall) -> Inferred<Vec<Value>> {
    // The recurrent weights are of shape [directions, gates * hidden, hidden].
    let weights = call.input(2)?;
    outputs(call, weights, weights.dim(2)?)
}

/// `DynamicQuantizeLSTM` of ONNX Runtime, with transposed weights: `[directions, hidden, gates * hidden]`.
pub(super) fn dynamic_quantize_lstm(call: &NodeCall) -> Inferred<Vec<Value>> {
    let weights = call.input(2)?;
    outputs(call, weights, weights.dim(1)?)
}

fn outputs(call: &NodeCall, weights: &Value, hidden: u64) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let &[first, second, _] = input.dims.as_slice() else {
        return Err(format!("its input of shape {:?} does not have three axes", input.dims));
    };
    let batch_first = call.version >= 14 && call.flag("layout", false);
    let (steps, batch) = if batch_first { (second, first) } else { (first, second) };
    let directions = match call.text("direction", "forward")? {
        "forward" | "reverse" => 1,
        "bidirectional" => 2,
        other => return Err(format!("its attribute `direction` has the unsupported value `{other}`")),
    };
    if weights.dim(0)? != directions {
        return Err(format!(
            "its recurrent weights of shape {:?} do not match {directions} directions",
            weights.dims
        ));
    }
    if let Some(attribute) = call.attribute("hidden_size")
        && size(attribute.i)? != hidden
    {
        return Err(format!(
            "its attribute `hidden_size` is {}, but its recurrent weights have shape {:?}",
            attribute.i, weights.dims
        ));
    }
    let (all, last) = if batch_first {
        (vec![batch, steps, directions, hidden], vec![batch, directions, hidden])
    } else {
        (vec![steps, directions, batch, hidden], vec![directions, batch, hidden])
    };
    let last = Value::new(input.data_type, last)?;
    let mut outputs = vec![Value::new(input.data_type, all)?, last.clone()];
    if call.node.op_type().ends_with("LSTM") {
        outputs.push(last);
    }
    Ok(outputs)
}
