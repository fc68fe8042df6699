//! Convolutions, pooling, resizing, and blocks of pixels.

use super::call::{NoShape, OperatorCall, RuleResult, single};
use crate::import::dims::{self, AxisWindow, Padding, ensure, plus, times};

/// The number of positions of the operator's window along each spatial axis. `kernel` is the size of the window if a
/// filter determines it.
fn positions(call: &OperatorCall<'_>, spatial: &[u64], kernel: &[u64]) -> Result<Vec<u64>, NoShape> {
    let padding = if call.options.has_valid_padding() { Padding::Explicit(0, 0) } else { Padding::Same };
    let along = |(axis, &dim): (usize, &u64)| {
        let [stride, dilation, size] = call.options.window_along(axis).ok_or(NoShape::NoRule)?;
        let kernel = kernel.get(axis).copied().or(u64::try_from(size).ok()).unwrap_or(0);
        ensure!(
            kernel > 0 && stride > 0 && dilation > 0,
            "its window {kernel}, stride {stride} and dilation {dilation} must be positive"
        );
        let (stride, dilation) = (stride.unsigned_abs().into(), dilation.unsigned_abs().into());
        Ok(AxisWindow { kernel, stride, dilation, padding }.positions(dim, false)?)
    };
    spatial.iter().enumerate().map(along).collect()
}

/// `CONV_2D`, whose filters are the first axis of the weights.
pub(crate) fn conv_2d(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, height, width, channels], [outputs, rows, columns, depth]) =
        (call.ranked(0)?, call.ranked(1)?);
    // Grouped convolution: the channels of the input are a multiple of those of the filter.
    ensure!(
        depth != 0 && channels % depth == 0,
        "filters with {depth} channels do not match {channels} channels"
    );
    let positions = positions(call, &[height, width], &[rows, columns])?;
    single([vec![batch], positions, vec![outputs]].concat())
}

pub(crate) fn depthwise_conv_2d(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, height, width, channels], [_, rows, columns, outputs]) = (call.ranked(0)?, call.ranked(1)?);
    ensure!(channels != 0 && outputs % channels == 0, "{outputs} filters do not match {channels} channels");
    let positions = positions(call, &[height, width], &[rows, columns])?;
    single([vec![batch], positions, vec![outputs]].concat())
}

pub(crate) fn conv_3d(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, depth, height, width, channels], [planes, rows, columns, inputs, outputs]) =
        (call.ranked(0)?, call.ranked(1)?);
    ensure!(inputs == channels, "filters with {inputs} channels do not match {channels} channels");
    let positions = positions(call, &[depth, height, width], &[planes, rows, columns])?;
    single([vec![batch], positions, vec![outputs]].concat())
}

pub(crate) fn pool(call: &OperatorCall<'_>) -> RuleResult {
    let [batch, height, width, channels] = call.ranked(0)?;
    single([vec![batch], positions(call, &[height, width], &[])?, vec![channels]].concat())
}

/// `TRANSPOSE_CONV`: the first input contains the output shape.
pub(crate) fn transpose_conv(call: &OperatorCall<'_>) -> RuleResult {
    let (target, [batch, ..]): (_, [u64; 4]) = (call.target_shape(0)?, call.ranked(2)?);
    ensure!(
        target.len() == 4 && target[0] == batch,
        "its output shape {target:?} does not match a batch of {batch}"
    );
    single(target)
}

/// Resizing: the second input contains height and width.
pub(crate) fn resize(call: &OperatorCall<'_>) -> RuleResult {
    let [batch, _, _, channels] = call.ranked(0)?;
    match call.target_shape(1)?.as_slice() {
        &[height, width] => single(vec![batch, height, width, channels]),
        other => Err(format!("its target size {other:?} is not a height and a width").into()),
    }
}

/// `Convolution2DTransposeBias` of `MediaPipe`, whose options are a padding and two strides.
pub(crate) fn transpose_conv_bias(call: &OperatorCall<'_>) -> RuleResult {
    const VALID_IN_C: i32 = 2;
    let ([batch, height, width, _], [outputs, rows, columns, _]) = (call.ranked(0)?, call.ranked(1)?);
    let words: Vec<i32> =
        call.custom().as_chunks().0.iter().take(3).map(|&word| i32::from_le_bytes(word)).collect();
    let &[padding, stride_width, stride_height] = words.as_slice() else { return Err(NoShape::NoRule) };
    let along = |length: u64, window: u64, stride: i32| -> Result<u64, NoShape> {
        let stride = u64::try_from(stride).map_err(|_| NoShape::NoRule)?;
        let (inner, window) =
            if padding == VALID_IN_C { (length.saturating_sub(1), window) } else { (length, 0) };
        Ok(plus(times(inner, stride)?, window)?)
    };
    single(vec![batch, along(height, rows, stride_height)?, along(width, columns, stride_width)?, outputs])
}

/// `SPACE_TO_DEPTH`: moves blocks of pixels into channels.
pub(crate) fn space_to_depth(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, height, width, channels], block) = (call.ranked(0)?, block(call)?);
    let [channels, height, width] = dims::space_to_depth(channels, [height, width], block)?;
    single(vec![batch, height, width, channels])
}

/// `DEPTH_TO_SPACE`: moves channels into blocks of pixels.
pub(crate) fn depth_to_space(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, height, width, channels], block) = (call.ranked(0)?, block(call)?);
    let [channels, height, width] = dims::depth_to_space(channels, [height, width], block)?;
    single(vec![batch, height, width, channels])
}

fn block(call: &OperatorCall<'_>) -> Result<u64, NoShape> {
    let block = call.options.number(0, 0);
    let size = u64::try_from(block).ok().filter(|&block| block > 0);
    Ok(size.ok_or_else(|| format!("its block size {block} is not positive"))?)
}

/// `SPACE_TO_BATCH_ND`: pads, then moves blocks into the batch.
pub(crate) fn space_to_batch(call: &OperatorCall<'_>) -> RuleResult {
    let [mut dims, blocks, paddings] = blocks(call)?;
    for (axis, (&block, pads)) in blocks.iter().zip(paddings.chunks(2)).enumerate() {
        let padded = plus(plus(dims[1 + axis], pads[0])?, pads[1])?;
        ensure!(padded % block == 0, "the padded size {padded} is not a multiple of the block size {block}");
        dims[1 + axis] = padded / block;
        dims[0] = times(dims[0], block)?;
    }
    single(dims)
}

/// `BATCH_TO_SPACE_ND`: moves the batch into blocks, then crops.
pub(crate) fn batch_to_space(call: &OperatorCall<'_>) -> RuleResult {
    let [mut dims, blocks, crops] = blocks(call)?;
    for (axis, (&block, crops)) in blocks.iter().zip(crops.chunks(2)).enumerate() {
        let batch = dims[0];
        ensure!(batch % block == 0, "a batch of {batch} is not a multiple of the block size {block}");
        dims[0] /= block;
        let length = times(dims[1 + axis], block)?;
        let cropped = length.checked_sub(crops[0]).and_then(|length| length.checked_sub(crops[1]));
        dims[1 + axis] = cropped.ok_or_else(|| format!("its crops {crops:?} exceed the size {length}"))?;
    }
    single(dims)
}

/// The shape of the first input, block sizes, and two paddings or crops for each block size.
fn blocks(call: &OperatorCall<'_>) -> Result<[Vec<u64>; 3], NoShape> {
    let (dims, blocks, pads) = (call.dims(0)?, call.target_shape(1)?, call.target_shape(2)?);
    ensure!(
        dims.len() > blocks.len() && pads.len() == 2 * blocks.len() && !blocks.contains(&0),
        "its blocks {blocks:?} do not match shape {dims:?}"
    );
    Ok([dims.to_vec(), blocks, pads])
}

/// DILATE: inserts elements between the elements of each axis; a step is the new distance of elements.
pub(crate) fn dilate(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, steps) = (call.dims(0)?, call.target_shape(1)?);
    ensure!(steps.len() == dims.len(), "its {} steps do not match {} axes", steps.len(), dims.len());
    let longer = dims.iter().zip(&steps).map(|(&dim, &step)| match dim {
        0 => Ok(0),
        dim => plus(times(dim - 1, step)?, 1),
    });
    single(longer.collect::<Result<_, String>>()?)
}
