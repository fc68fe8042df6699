//! Fourier transforms, windows and mel weights.

use super::call::NodeCall;
use super::value::{Inferred, Value, axis, size, types};

pub(super) fn dft(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    // The last axis holds real and imaginary parts; negative axes count it.
    let number = match call.version {
        20.. if call.has(2) => call.number(2)?,
        20.. => -2,
        _ => call.int("axis", 1),
    };
    let along = axis(number, input.rank())?;
    if along + 1 == input.rank() {
        return Err(format!("axis {along} holds real and imaginary parts and cannot be transformed"));
    }
    let (onesided, inverse) = (call.flag("onesided", false), call.flag("inverse", false));
    if onesided && inverse {
        return Err("`onesided` with `inverse` is not supported".to_owned());
    }
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
    Ok(vec![Value::new(input.data_type, dims)?])
}

pub(super) fn stft(call: &NodeCall) -> Inferred<Vec<Value>> {
    let signal = call.input(0)?;
    let step = size(call.number(1)?)?;
    let frame = match (call.optional(2)?, call.has(3)) {
        (Some(window), false) => window.dim(0)?,
        (_, true) => size(call.number(3)?)?,
        (None, false) => return Err("it has neither a window nor a frame length".to_owned()),
    };
    let length = signal.dim(1)?;
    if step == 0 || frame == 0 || length < frame {
        return Err(format!("a signal of length {length} has no frames of length {frame} with step {step}"));
    }
    let bins = if call.flag("onesided", true) { frame / 2 + 1 } else { frame };
    Ok(vec![Value::new(signal.data_type, [signal.dim(0)?, (length - frame) / step + 1, bins, 2])?])
}

pub(super) fn window(call: &NodeCall) -> Inferred<Vec<Value>> {
    let length = size(call.number(0)?)?;
    Ok(vec![Value::new(call.data_type("output_datatype", types::FLOAT)?, [length])?])
}

pub(super) fn mel_weights(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (bands, length) = (size(call.number(0)?)?, size(call.number(1)?)?);
    Ok(vec![Value::new(call.data_type("output_datatype", types::FLOAT)?, [length / 2 + 1, bands])?])
}
