//! Normalization layers.

use super::call::NodeCall;
use super::value::{Inferred, Value, axis, types};

/// `BatchNormalization`: the output and, in training, means and variances.
pub(super) fn batch(call: &NodeCall) -> Inferred<Vec<Value>> {
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

/// `LayerNormalization`: output, mean and inverse standard deviation.
pub(super) fn layer(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (output, statistics) = layered(call)?;
    Ok(vec![output, statistics.clone(), statistics])
}

/// `RMSNormalization`: output and inverse root mean square.
pub(super) fn root_mean_square(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (output, statistics) = layered(call)?;
    Ok(vec![output, statistics])
}

/// The output and the statistics over all axes from `axis` on.
fn layered(call: &NodeCall) -> Inferred<(Value, Value)> {
    let input = call.input(0)?;
    // The output has the type of the scale, which may differ from that of the input.
    let data_type = call.optional(1)?.map_or(input.data_type, |scale| scale.data_type);
    let begin = axis(call.int("axis", -1), input.rank())?;
    let mut dims = input.dims.clone();
    dims[begin..].fill(1);
    let statistics = Value::new(call.data_type("stash_type", types::FLOAT)?, dims)?;
    Ok((input.like(data_type), statistics))
}

/// `SkipLayerNormalization`: output, mean, inverse standard deviation, and the sum of input and skip.
pub(super) fn skip(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let mut dims = input.dims.clone();
    if let Some(last) = dims.last_mut() {
        *last = 1;
    }
    let statistics = Value::new(types::FLOAT, dims)?;
    let output = input.like(input.data_type);
    Ok(vec![output.clone(), statistics.clone(), statistics, output])
}

/// `EmbedLayerNormalization`: output, length of each mask, and the sum of the embeddings.
pub(super) fn embed(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (words, table) = (call.input(0)?, call.input(2)?);
    let output = Value::new(table.data_type, [words.dim(0)?, words.dim(1)?, table.dim(1)?])?;
    Ok(vec![output.clone(), Value::new(types::INT32, [words.dim(0)?])?, output])
}
