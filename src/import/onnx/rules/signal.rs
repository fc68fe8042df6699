//! Fourier transforms, windows and mel weights.

use super::call::NodeCall;
use crate::import::dims::{axis, ensure, size};
use crate::import::onnx::value::{Outputs, Value, types};

pub(crate) fn dft(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    // The last axis holds real and imaginary parts; negative axes count it.
    let number = match call.version {
        20.. if call.has(2) => call.number(2)?,
        20.. => -2,
        _ => call.int("axis", 1),
    };
    let along = axis(number, input.rank())?;
    ensure!(
        along + 1 < input.rank(),
        "axis {along} holds real and imaginary parts and cannot be transformed"
    );
    let (onesided, inverse) = (call.flag("onesided", false), call.flag("inverse", false));
    ensure!(!(onesided && inverse), "`onesided` with `inverse` is not supported");
    let mut dims = input.dims.clone();
    if call.has(1) {
        dims[along] = size(call.number(1)?)?;
    }
    if onesided {
        dims[along] = dims[along] / 2 + 1;
    }
    if let Some(parts) = dims.last_mut() {
        *parts = 2;
    }
    Value::single(input.data_type, dims)
}

pub(crate) fn stft(call: &NodeCall) -> Outputs {
    let signal = call.input(0)?;
    let step = size(call.number(1)?)?;
    let frame = match (call.optional(2)?, call.has(3)) {
        (Some(window), false) => window.dim(0)?,
        (_, true) => size(call.number(3)?)?,
        (None, false) => return Err("it has neither a window nor a frame length".to_owned()),
    };
    let length = signal.dim(1)?;
    ensure!(
        step > 0 && frame > 0 && length >= frame,
        "a signal of length {length} has no frames of length {frame} with step {step}"
    );
    let bins = if call.flag("onesided", true) { frame / 2 + 1 } else { frame };
    Value::single(signal.data_type, [signal.dim(0)?, (length - frame) / step + 1, bins, 2])
}

pub(crate) fn window(call: &NodeCall) -> Outputs {
    let length = size(call.number(0)?)?;
    Value::single(call.data_type("output_datatype", types::FLOAT)?, [length])
}

pub(crate) fn mel_weights(call: &NodeCall) -> Outputs {
    let (bands, length) = (size(call.number(0)?)?, size(call.number(1)?)?);
    Value::single(call.data_type("output_datatype", types::FLOAT)?, [length / 2 + 1, bands])
}
