//! Normalization layers.

use super::call::NodeCall;
use crate::import::dims::axis;
use crate::import::onnx::value::{Outputs, Value, types};

/// `BatchNormalization`: the output and, in training, means and variances.
pub(crate) fn batch(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let mut outputs = vec![input.like(input.data_type)];
    if call.outputs() > 1 {
        let (mean, variance) = (call.input(3)?, call.input(4)?);
        let statistics = [mean, variance].map(|value| value.like(value.data_type));
        outputs.extend(statistics.iter().cloned());
        // Before version 14, two more outputs held the saved statistics.
        outputs.extend(statistics);
    }
    Ok(outputs)
}

/// `LayerNormalization`: output, mean and inverse standard deviation over all axes from `axis` on.
/// `RMSNormalization`: output and inverse root mean square.
pub(crate) fn layer(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    // The output has the type of the scale, which may differ from that of the input.
    let data_type = call.optional(1)?.map_or(input.data_type, |scale| scale.data_type);
    let begin = axis(call.int("axis", -1), input.rank())?;
    let mut dims = input.dims.clone();
    dims[begin..].fill(1);
    let statistics = Value::new(call.data_type("stash_type", types::FLOAT)?, dims)?;
    Ok(vec![input.like(data_type), statistics.clone(), statistics])
}

/// `SkipLayerNormalization`: output, mean, inverse standard deviation, and the sum of input and skip.
pub(crate) fn skip(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let mut dims = input.dims.clone();
    if let Some(last) = dims.last_mut() {
        *last = 1;
    }
    let statistics = Value::new(types::FLOAT, dims)?;
    let output = input.like(input.data_type);
    Ok(vec![output.clone(), statistics.clone(), statistics, output])
}

/// `SkipGroupNorm`: output, and the sum of input, skip and bias.
pub(crate) fn skip_group(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    Ok(vec![input.like(input.data_type); 2])
}

/// `EmbedLayerNormalization`: output, length of each mask, and the sum of the embeddings. Input `typed` has the element type
/// of the output: the table of words or, if that is quantized, its scale.
pub(crate) fn embed(call: &NodeCall, typed: usize) -> Outputs {
    let (words, table) = (call.input(0)?, call.input(2)?);
    let data_type = call.input(typed)?.data_type;
    let output = Value::new(data_type, [words.dim(0)?, words.dim(1)?, table.dim(1)?])?;
    Ok(vec![output.clone(), Value::new(types::INT32, [words.dim(0)?])?, output])
}
