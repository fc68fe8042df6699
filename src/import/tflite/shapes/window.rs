//! Convolutions, pooling, resizing, and blocks of pixels.

use super::call::{OperatorCall, single, too_large};
use super::{NoShape, RuleResult};

const VALID: u8 = 1;
const CONV_2D: u8 = 1;
const DEPTHWISE: u8 = 2;
const POOL: u8 = 5;
const CONV_3D: u8 = 106;

/// The number of positions of a window along one axis.
fn positions(length: u64, window: u64, stride: i64, dilation: i64, padding: u8) -> Result<u64, NoShape> {
    let (stride, dilation) = match (u64::try_from(stride), u64::try_from(dilation)) {
        (Ok(stride), Ok(dilation)) if stride > 0 && dilation > 0 && window > 0 => (stride, dilation),
        _ => {
            return Err(NoShape::Invalid(format!(
                "its window {window}, stride {stride} and dilation {dilation} must be positive"
            )));
        }
    };
    let span =
        (window - 1).checked_mul(dilation).and_then(|span| span.checked_add(1)).ok_or_else(too_large)?;
    match padding {
        VALID if length < span => {
            Err(NoShape::Invalid(format!("its window spans {span} elements, but its input has {length}")))
        }
        VALID => Ok((length - span) / stride + 1),
        _ => Ok(length.div_ceil(stride)),
    }
}

/// The number of positions of a window whose stride and dilation are these fields of the options. The first
/// field is the padding.
fn positions_by_options(
    call: &OperatorCall<'_>,
    options: u8,
    (length, window): (u64, u64),
    [stride, dilation]: [u16; 2],
) -> Result<u64, NoShape> {
    let (stride, dilation) = (call.number(options, stride, 0), call.number(options, dilation, 1));
    positions(length, window, stride, dilation, call.byte(options, 0, 0))
}

pub(super) fn conv_2d(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, height, width, channels], [outputs, rows, columns, depth]) =
        (call.ranked(0)?, call.ranked(1)?);
    // Grouped convolution: the channels of the input are a multiple of those of the filter.
    if depth == 0 || channels % depth != 0 {
        return Err(NoShape::Invalid(format!(
            "filters with {depth} channels do not match {channels} channels"
        )));
    }
    let along = |length, window, fields| positions_by_options(call, CONV_2D, (length, window), fields);
    single(vec![batch, along(height, rows, [2, 5])?, along(width, columns, [1, 4])?, outputs])
}

pub(super) fn depthwise_conv_2d(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, height, width, channels], [_, rows, columns, outputs]) = (call.ranked(0)?, call.ranked(1)?);
    if channels == 0 || outputs % channels != 0 {
        return Err(NoShape::Invalid(format!("{outputs} filters do not match {channels} channels")));
    }
    let along = |length, window, fields| positions_by_options(call, DEPTHWISE, (length, window), fields);
    single(vec![batch, along(height, rows, [2, 6])?, along(width, columns, [1, 5])?, outputs])
}

pub(super) fn conv_3d(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, depth, height, width, channels], [planes, rows, columns, inputs, outputs]) =
        (call.ranked(0)?, call.ranked(1)?);
    if inputs != channels {
        return Err(NoShape::Invalid(format!(
            "filters with {inputs} channels do not match {channels} channels"
        )));
    }
    let along = |length, window, fields| positions_by_options(call, CONV_3D, (length, window), fields);
    let (depth, height) = (along(depth, planes, [1, 5])?, along(height, rows, [3, 7])?);
    single(vec![batch, depth, height, along(width, columns, [2, 6])?, outputs])
}

pub(super) fn pool(call: &OperatorCall<'_>) -> RuleResult {
    let [batch, height, width, channels] = call.ranked(0)?;
    let padding = call.byte(POOL, 0, 0);
    let along = |length, window, stride| {
        let window = u64::try_from(call.number(POOL, window, 0)).unwrap_or(0);
        positions(length, window, call.number(POOL, stride, 0), 1, padding)
    };
    single(vec![batch, along(height, 4, 2)?, along(width, 3, 1)?, channels])
}

/// `TRANSPOSE_CONV`: the first input contains the output shape.
pub(super) fn transpose_conv(call: &OperatorCall<'_>) -> RuleResult {
    let target = call.target_shape(0)?;
    let ([batch, ..], rank): ([u64; 4], _) = (call.ranked(2)?, target.len());
    match target.as_slice() {
        &[count, ..] if rank == 4 && count == batch => single(target),
        _ => Err(NoShape::Invalid(format!("its output shape {target:?} does not match a batch of {batch}"))),
    }
}

/// `CONV_3D_TRANSPOSE`: the first input contains the output shape.
pub(super) fn conv_3d_transpose(call: &OperatorCall<'_>) -> RuleResult {
    single(call.target_shape(0)?)
}

/// Resizing: the second input contains height and width.
pub(super) fn resize(call: &OperatorCall<'_>) -> RuleResult {
    let [batch, _, _, channels] = call.ranked(0)?;
    match call.target_shape(1)?.as_slice() {
        &[height, width] => single(vec![batch, height, width, channels]),
        other => Err(NoShape::Invalid(format!("its target size {other:?} is not a height and a width"))),
    }
}

/// `Convolution2DTransposeBias` of `MediaPipe`, whose options are a padding and two strides.
pub(super) fn transpose_conv_bias(call: &OperatorCall<'_>) -> RuleResult {
    const VALID_IN_C: i32 = 2;
    let ([batch, height, width, _], [outputs, rows, columns, _]) = (call.ranked(0)?, call.ranked(1)?);
    let words: Vec<i32> =
        call.custom().as_chunks().0.iter().take(3).map(|&word| i32::from_le_bytes(word)).collect();
    let &[padding, stride_width, stride_height] = words.as_slice() else { return Err(NoShape::NoRule) };
    let along = |length: u64, window: u64, stride: i32| -> Result<u64, NoShape> {
        let stride = u64::try_from(stride).map_err(|_| NoShape::NoRule)?;
        let inner = if padding == VALID_IN_C { length.saturating_sub(1) } else { length };
        let window = if padding == VALID_IN_C { window } else { 0 };
        inner.checked_mul(stride).and_then(|all| all.checked_add(window)).ok_or_else(too_large)
    };
    single(vec![batch, along(height, rows, stride_height)?, along(width, columns, stride_width)?, outputs])
}

/// `SPACE_TO_DEPTH`: moves blocks of pixels into channels.
pub(super) fn space_to_depth(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 19;
    let ([batch, height, width, channels], block) = (call.ranked(0)?, block(call, OPTIONS)?);
    if height % block != 0 || width % block != 0 {
        return Err(NoShape::Invalid(format!(
            "{height} x {width} is not a multiple of the block size {block}"
        )));
    }
    let channels =
        block.checked_mul(block).and_then(|area| channels.checked_mul(area)).ok_or_else(too_large)?;
    single(vec![batch, height / block, width / block, channels])
}

/// `DEPTH_TO_SPACE`: moves channels into blocks of pixels.
pub(super) fn depth_to_space(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 94;
    let ([batch, height, width, channels], block) = (call.ranked(0)?, block(call, OPTIONS)?);
    let area = block.checked_mul(block).filter(|area| channels % area == 0);
    let area = area.ok_or_else(|| {
        NoShape::Invalid(format!("{channels} channels are not a multiple of {block} x {block}"))
    })?;
    let times = |length: u64| length.checked_mul(block).ok_or_else(too_large);
    single(vec![batch, times(height)?, times(width)?, channels / area])
}

fn block(call: &OperatorCall<'_>, options: u8) -> Result<u64, NoShape> {
    let block = call.number(options, 0, 0);
    u64::try_from(block)
        .ok()
        .filter(|&block| block > 0)
        .ok_or_else(|| NoShape::Invalid(format!("its block size {block} is not positive")))
}

/// `SPACE_TO_BATCH_ND`: pads, then moves blocks into the batch.
pub(super) fn space_to_batch(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, blocks, paddings) = (call.dims(0)?, call.target_shape(1)?, call.target_shape(2)?);
    check_blocks(dims, &blocks, &paddings)?;
    let mut dims = dims.to_vec();
    for (axis, (&block, pads)) in blocks.iter().zip(paddings.chunks(2)).enumerate() {
        let padded = dims[1 + axis].checked_add(pads[0]).and_then(|dim| dim.checked_add(pads[1]));
        let padded = padded.ok_or_else(too_large)?;
        if padded % block != 0 {
            return Err(NoShape::Invalid(format!(
                "the padded size {padded} is not a multiple of the block size {block}"
            )));
        }
        dims[1 + axis] = padded / block;
        dims[0] = dims[0].checked_mul(block).ok_or_else(too_large)?;
    }
    single(dims)
}

/// `BATCH_TO_SPACE_ND`: moves the batch into blocks, then crops.
pub(super) fn batch_to_space(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, blocks, crops) = (call.dims(0)?, call.target_shape(1)?, call.target_shape(2)?);
    check_blocks(dims, &blocks, &crops)?;
    let mut dims = dims.to_vec();
    for (axis, (&block, crops)) in blocks.iter().zip(crops.chunks(2)).enumerate() {
        if dims[0] % block != 0 {
            return Err(NoShape::Invalid(format!(
                "a batch of {} is not a multiple of the block size {block}",
                dims[0]
            )));
        }
        dims[0] /= block;
        let length = dims[1 + axis].checked_mul(block).ok_or_else(too_large)?;
        let cropped = length.checked_sub(crops[0]).and_then(|length| length.checked_sub(crops[1]));
        dims[1 + axis] = cropped
            .ok_or_else(|| NoShape::Invalid(format!("its crops {crops:?} exceed the size {length}")))?;
    }
    single(dims)
}

fn check_blocks(dims: &[u64], blocks: &[u64], pads: &[u64]) -> Result<(), NoShape> {
    let fits = dims.len() > blocks.len() && pads.len() == 2 * blocks.len() && !blocks.contains(&0);
    if fits {
        Ok(())
    } else {
        Err(NoShape::Invalid(format!("its blocks {blocks:?} do not match shape {dims:?}")))
    }
}

/// DILATE: inserts elements between the elements of each axis; a step is the new distance of elements.
pub(super) fn dilate(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, steps) = (call.dims(0)?, call.target_shape(1)?);
    if steps.len() != dims.len() {
        return Err(NoShape::Invalid(format!("its {} steps do not match {} axes", steps.len(), dims.len())));
    }
    let longer = dims.iter().zip(&steps).map(|(&dim, &step)| match dim {
        0 => Some(0),
        dim => (dim - 1).checked_mul(step)?.checked_add(1),
    });
    single(longer.collect::<Option<_>>().ok_or_else(too_large)?)
}
