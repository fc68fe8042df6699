//! Convolutions, pooling and resizing.

use super::call::{Call, one, too_large};
use super::{Outcome, Why};

const VALID: u8 = 1;
const CONV_2D: u8 = 1;
const DEPTHWISE: u8 = 2;
const POOL: u8 = 5;
const CONV_3D: u8 = 106;

/// The length along one axis of a window's results.
fn slid(length: u64, window: u64, stride: i64, dilation: i64, padding: u8) -> Result<u64, Why> {
    let (stride, dilation) = match (u64::try_from(stride), u64::try_from(dilation)) {
        (Ok(stride), Ok(dilation)) if stride > 0 && dilation > 0 && window > 0 => (stride, dilation),
        _ => return Err(Why::Wrong(format!("window {window}, stride {stride}, dilation {dilation}"))),
    };
    let span =
        (window - 1).checked_mul(dilation).and_then(|span| span.checked_add(1)).ok_or_else(too_large)?;
    match padding {
        VALID if length < span => {
            Err(Why::Wrong(format!("a window over {span} is larger than the input's {length}")))
        }
        VALID => Ok((length - span) / stride + 1),
        _ => Ok(length.div_ceil(stride)),
    }
}

/// The same for the fields of an operator's options that hold its stride and its dilation; the first
/// field is the padding.
fn slid_by(
    call: &Call<'_>,
    options: u8,
    (length, window): (u64, u64),
    [stride, dilation]: [u16; 2],
) -> Result<u64, Why> {
    let (stride, dilation) = (call.number(options, stride, 0), call.number(options, dilation, 1));
    slid(length, window, stride, dilation, call.byte(options, 0, 0))
}

pub(super) fn conv_2d(call: &Call<'_>) -> Outcome {
    let ([batch, height, width, channels], [outputs, rows, columns, depth]) =
        (call.ranked(0)?, call.ranked(1)?);
    // Groups: the input's channels are a multiple of the filter's.
    if depth == 0 || channels % depth != 0 {
        return Err(Why::Wrong(format!("filters over {depth} channels do not go with {channels}")));
    }
    let along = |length, window, fields| slid_by(call, CONV_2D, (length, window), fields);
    one(vec![batch, along(height, rows, [2, 5])?, along(width, columns, [1, 4])?, outputs])
}

pub(super) fn depthwise_conv_2d(call: &Call<'_>) -> Outcome {
    let ([batch, height, width, channels], [_, rows, columns, outputs]) = (call.ranked(0)?, call.ranked(1)?);
    if channels == 0 || outputs % channels != 0 {
        return Err(Why::Wrong(format!("{outputs} filters do not go with {channels} channels")));
    }
    let along = |length, window, fields| slid_by(call, DEPTHWISE, (length, window), fields);
    one(vec![batch, along(height, rows, [2, 6])?, along(width, columns, [1, 5])?, outputs])
}

pub(super) fn conv_3d(call: &Call<'_>) -> Outcome {
    let ([batch, depth, height, width, channels], [planes, rows, columns, inputs, outputs]) =
        (call.ranked(0)?, call.ranked(1)?);
    if inputs != channels {
        return Err(Why::Wrong(format!("filters over {inputs} channels do not go with {channels}")));
    }
    let along = |length, window, fields| slid_by(call, CONV_3D, (length, window), fields);
    let (depth, height) = (along(depth, planes, [1, 5])?, along(height, rows, [3, 7])?);
    one(vec![batch, depth, height, along(width, columns, [2, 6])?, outputs])
}

pub(super) fn pool(call: &Call<'_>) -> Outcome {
    let [batch, height, width, channels] = call.ranked(0)?;
    let padding = call.byte(POOL, 0, 0);
    let along = |length, window, stride| {
        let window = u64::try_from(call.number(POOL, window, 0)).unwrap_or(0);
        slid(length, window, call.number(POOL, stride, 0), 1, padding)
    };
    one(vec![batch, along(height, 4, 2)?, along(width, 3, 1)?, channels])
}

/// The output's shape is an input: the first one.
pub(super) fn transpose_conv(call: &Call<'_>) -> Outcome {
    let stated = call.stated(0)?;
    let ([batch, ..], rank): ([u64; 4], _) = (call.ranked(2)?, stated.len());
    match stated.as_slice() {
        &[count, ..] if rank == 4 && count == batch => one(stated),
        _ => Err(Why::Wrong(format!("it states the shape {stated:?} for a batch of {batch}"))),
    }
}

/// The same in three dimensions.
pub(super) fn conv_3d_transpose(call: &Call<'_>) -> Outcome {
    one(call.stated(0)?)
}

/// Height and width are an input.
pub(super) fn resize(call: &Call<'_>) -> Outcome {
    let [batch, _, _, channels] = call.ranked(0)?;
    match call.stated(1)?.as_slice() {
        &[height, width] => one(vec![batch, height, width, channels]),
        other => Err(Why::Wrong(format!("it resizes to {other:?}, not to a height and a width"))),
    }
}

/// `Convolution2DTransposeBias` of `MediaPipe`; its options are a padding and two strides.
pub(super) fn transpose_conv_bias(call: &Call<'_>) -> Outcome {
    const VALID_IN_C: i32 = 2;
    let ([batch, height, width, _], [outputs, rows, columns, _]) = (call.ranked(0)?, call.ranked(1)?);
    let words: Vec<i32> =
        call.custom().as_chunks().0.iter().take(3).map(|&word| i32::from_le_bytes(word)).collect();
    let &[padding, stride_width, stride_height] = words.as_slice() else { return Err(Why::NoRule) };
    let along = |length: u64, window: u64, stride: i32| -> Result<u64, Why> {
        let stride = u64::try_from(stride).map_err(|_| Why::NoRule)?;
        let inner = if padding == VALID_IN_C { length.saturating_sub(1) } else { length };
        let window = if padding == VALID_IN_C { window } else { 0 };
        inner.checked_mul(stride).and_then(|all| all.checked_add(window)).ok_or_else(too_large)
    };
    one(vec![batch, along(height, rows, stride_height)?, along(width, columns, stride_width)?, outputs])
}

/// Blocks of pixels into channels.
pub(super) fn space_to_depth(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 19;
    let ([batch, height, width, channels], block) = (call.ranked(0)?, block(call, OPTIONS)?);
    if height % block != 0 || width % block != 0 {
        return Err(Why::Wrong(format!("{height} x {width} are no whole blocks of {block}")));
    }
    let channels =
        block.checked_mul(block).and_then(|area| channels.checked_mul(area)).ok_or_else(too_large)?;
    one(vec![batch, height / block, width / block, channels])
}

/// Channels into blocks of pixels.
pub(super) fn depth_to_space(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 94;
    let ([batch, height, width, channels], block) = (call.ranked(0)?, block(call, OPTIONS)?);
    let area = block.checked_mul(block).filter(|area| channels % area == 0);
    let area =
        area.ok_or_else(|| Why::Wrong(format!("{channels} channels are no blocks of {block} x {block}")))?;
    let times = |length: u64| length.checked_mul(block).ok_or_else(too_large);
    one(vec![batch, times(height)?, times(width)?, channels / area])
}

fn block(call: &Call<'_>, options: u8) -> Result<u64, Why> {
    let block = call.number(options, 0, 0);
    u64::try_from(block)
        .ok()
        .filter(|&block| block > 0)
        .ok_or_else(|| Why::Wrong(format!("its block is {block}")))
}

/// `SPACE_TO_BATCH_ND`, padded first.
pub(super) fn space_to_batch(call: &Call<'_>) -> Outcome {
    let (dims, blocks, paddings) = (call.dims(0)?, call.stated(1)?, call.stated(2)?);
    check_blocks(dims, &blocks, &paddings)?;
    let mut dims = dims.to_vec();
    for (place, (&block, pads)) in blocks.iter().zip(paddings.chunks(2)).enumerate() {
        let padded = dims[1 + place].checked_add(pads[0]).and_then(|dim| dim.checked_add(pads[1]));
        let padded = padded.ok_or_else(too_large)?;
        if padded % block != 0 {
            return Err(Why::Wrong(format!("{padded} are no whole blocks of {block}")));
        }
        dims[1 + place] = padded / block;
        dims[0] = dims[0].checked_mul(block).ok_or_else(too_large)?;
    }
    one(dims)
}

/// `BATCH_TO_SPACE_ND`, cropped last.
pub(super) fn batch_to_space(call: &Call<'_>) -> Outcome {
    let (dims, blocks, crops) = (call.dims(0)?, call.stated(1)?, call.stated(2)?);
    check_blocks(dims, &blocks, &crops)?;
    let mut dims = dims.to_vec();
    for (place, (&block, crops)) in blocks.iter().zip(crops.chunks(2)).enumerate() {
        if dims[0] % block != 0 {
            return Err(Why::Wrong(format!("a batch of {} is no multiple of {block}", dims[0])));
        }
        dims[0] /= block;
        let length = dims[1 + place].checked_mul(block).ok_or_else(too_large)?;
        let cropped = length.checked_sub(crops[0]).and_then(|length| length.checked_sub(crops[1]));
        dims[1 + place] = cropped.ok_or_else(|| Why::Wrong(format!("{crops:?} of {length} are cropped")))?;
    }
    one(dims)
}

fn check_blocks(dims: &[u64], blocks: &[u64], pads: &[u64]) -> Result<(), Why> {
    let fits = dims.len() > blocks.len() && pads.len() == 2 * blocks.len() && !blocks.contains(&0);
    if fits { Ok(()) } else { Err(Why::Wrong(format!("blocks {blocks:?} for shape {dims:?}"))) }
}

/// DILATE: so many fill bytes between elements.
pub(super) fn dilate(call: &Call<'_>) -> Outcome {
    let (dims, steps) = (call.dims(0)?, call.stated(1)?);
    if steps.len() != dims.len() {
        return Err(Why::Wrong(format!("{} steps for {} axes", steps.len(), dims.len())));
    }
    let longer = dims.iter().zip(&steps).map(|(&dim, &step)| match dim {
        0 => Some(0),
        dim => (dim - 1).checked_mul(step)?.checked_add(1),
    });
    one(longer.collect::<Option<_>>().ok_or_else(too_large)?)
}
