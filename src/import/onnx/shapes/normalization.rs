//! Normalizations.

use super::call::Call;
use super::value::{Told, Value, axis, types};

/// In training, with means and variances.
pub(super) fn batch(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let mut outputs = vec![input.like(input.data_type)];
    if call.outputs() > 1 {
        let (mean, variance) = (call.input(3)?, call.input(4)?);
        let statistics = [mean, variance].map(|value| value.like(value.data_type));
        outputs.extend(statistics.iter().cloned());
        // Before version 14: those that were saved.
        outputs.extend(statistics);
    }
    Ok(outputs)
}

/// With the mean and the inverse deviation.
pub(super) fn layer(call: &Call) -> Told<Vec<Value>> {
    let (output, statistics) = layered(call)?;
    Ok(vec![output, statistics.clone(), statistics])
}

/// With the inverse root of the mean square.
pub(super) fn root_mean_square(call: &Call) -> Told<Vec<Value>> {
    let (output, statistics) = layered(call)?;
    Ok(vec![output, statistics])
}

fn layered(call: &Call) -> Told<(Value, Value)> {
    let input = call.input(0)?;
    // Mixed types are computed in that of the scale.
    let data_type = call.optional(1)?.map_or(input.data_type, |scale| scale.data_type);
    let begin = axis(call.int("axis", -1), input.rank())?;
    let mut dims = input.dims.clone();
    dims[begin..].fill(1);
    let statistics = Value::new(call.data_type("stash_type", types::FLOAT)?, dims)?;
    Ok((input.like(data_type), statistics))
}

/// After a sum, which may be put out as well.
pub(super) fn skip(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let mut dims = input.dims.clone();
    if let Some(last) = dims.last_mut() {
        *last = 1;
    }
    let statistics = Value::new(types::FLOAT, dims)?;
    let output = input.like(input.data_type);
    Ok(vec![output.clone(), statistics.clone(), statistics, output])
}

/// Of embedded words, with the lengths of masks.
pub(super) fn embed(call: &Call) -> Told<Vec<Value>> {
    let (words, table) = (call.input(0)?, call.input(2)?);
    let output = Value::new(table.data_type, [words.dim(0)?, words.dim(1)?, table.dim(1)?])?;
    Ok(vec![output.clone(), Value::new(types::INT32, [words.dim(0)?])?, output])
}
