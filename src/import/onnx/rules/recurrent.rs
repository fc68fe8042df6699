//! Recurrent layers: `GRU`, `LSTM` and `RNN`.

use super::call::NodeCall;
use crate::import::dims::{ensure, size};
use crate::import::onnx::value::{Outputs, Value};

/// Outputs: the hidden states of all steps, the last hidden state, and for an LSTM the last cell state. The recurrent
/// weights have the number of directions on the first axis and the hidden size on axis `hidden`.
pub(crate) fn recurrent(call: &NodeCall, hidden: usize) -> Outputs {
    let weights = call.input(2)?;
    let hidden = weights.dim(hidden)?;
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
    ensure!(
        weights.dim(0)? == directions,
        "its recurrent weights of shape {:?} do not match {directions} directions",
        weights.dims
    );
    if let Some(attribute) = call.attribute("hidden_size") {
        let (given, dims) = (attribute.i, &weights.dims);
        ensure!(
            size(given)? == hidden,
            "its attribute `hidden_size` is {given}, but its recurrent weights have shape {dims:?}"
        );
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
