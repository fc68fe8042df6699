//! Convolutions and pooling: a window that slides along spatial axes.

use std::borrow::Cow;

use super::call::NodeCall;
use crate::import::dims::{AxisWindow, Padding, ensure, narrowed, product, size, sizes, times};
use crate::import::onnx::value::{Inferred, Outputs, Value, types};

/// The windows of an operator, by spatial axis.
fn windows(call: &NodeCall, kernel: &[u64]) -> Inferred<Vec<AxisWindow>> {
    let axes = kernel.len();
    let strides = per_axis(call, "strides", 1, axes)?;
    let dilations = per_axis(call, "dilations", 1, axes)?;
    let none = vec![0; 2 * axes];
    // Some exporters write empty lists.
    let pads = call.ints("pads").filter(|pads| !pads.is_empty()).unwrap_or(&none);
    ensure!(pads.len() == 2 * axes, "its attribute `pads` is {pads:?} for {axes} spatial axes");
    let auto_pad = call.text("auto_pad", "NOTSET")?;
    ensure!(!kernel.contains(&0), "its window has a size of 0");
    let window = |axis: usize| {
        let padding = match auto_pad {
            "NOTSET" | "" => Padding::Explicit(pads[axis], pads[axis + axes]),
            "VALID" => Padding::Explicit(0, 0),
            "SAME_UPPER" | "SAME_LOWER" => Padding::Same,
            other => return Err(format!("its attribute `auto_pad` has the unsupported value `{other}`")),
        };
        let (kernel, stride, dilation) = (kernel[axis], strides[axis], dilations[axis]);
        ensure!(stride > 0 && dilation > 0, "its strides {strides:?} or dilations {dilations:?} are 0");
        Ok(AxisWindow { kernel, stride, dilation, padding })
    };
    (0..axes).map(window).collect()
}

/// The number of window positions along all spatial axes.
fn positions(windows: &[AxisWindow], spatial: &[u64], ceil: bool) -> Inferred<Vec<u64>> {
    let axes = windows.len();
    ensure!(spatial.len() == axes, "its window has {axes} axes, its input {}", spatial.len());
    windows.iter().zip(spatial).map(|(window, &dim)| window.positions(dim, ceil)).collect()
}

/// The sizes of an attribute, one for each spatial axis.
fn per_axis(call: &NodeCall, name: &str, default: u64, axes: usize) -> Inferred<Vec<u64>> {
    match call.ints(name) {
        None | Some([]) => Ok(vec![default; axes]),
        Some(numbers) if numbers.len() == axes => sizes(numbers),
        Some(numbers) => Err(format!("its attribute `{name}` is {numbers:?} for {axes} spatial axes")),
    }
}

/// Returns whether the operator has its channels in the last axis.
fn has_channels_last(call: &NodeCall) -> bool {
    call.flag("channels_last", false) || call.node.op_type().starts_with("Nhwc")
}

/// The input of an operator whose channels may be in the last axis, with channels in the second axis.
fn channels_first<'c>(call: &NodeCall<'c, '_>) -> Inferred<Cow<'c, Value>> {
    let input = call.input(0)?;
    if !has_channels_last(call) || input.rank() < 2 {
        return Ok(Cow::Borrowed(input));
    }
    let mut dims = input.dims.clone();
    dims[1..].rotate_right(1);
    Ok(Cow::Owned(Value::new(input.data_type, dims)?))
}

/// The shape of an output with channels in the second axis, in the axes of the operator.
fn placed(call: &NodeCall, mut dims: Vec<u64>) -> Vec<u64> {
    if has_channels_last(call) {
        dims[1..].rotate_left(1);
    }
    dims
}

/// Batch, channels, and spatial axes of a tensor; of weights, the first two axes and the kernel.
fn parts(input: &Value) -> Inferred<([u64; 2], &[u64])> {
    match input.dims.as_slice() {
        [batch, channels, spatial @ ..] => Ok(([*batch, *channels], spatial)),
        dims => Err(format!("its input of shape {dims:?} lacks a batch and a channel axis")),
    }
}

/// A convolution of the first input by the weights in input `weights`.
pub(crate) fn conv(call: &NodeCall, weights: usize, data_type: i32) -> Outputs {
    let (input, weights) = (channels_first(call)?, call.input(weights)?);
    let ([batch, channels], spatial) = parts(&input)?;
    let ([outputs, group_channels], _) = parts(weights)?;
    let groups = size(call.int("group", 1))?;
    ensure!(
        group_channels.checked_mul(groups) == Some(channels),
        "its weights of shape {:?} with {groups} groups do not match {channels} channels",
        weights.dims
    );
    convolved(call, [batch, outputs], spatial, weights, data_type)
}

/// A convolution by the weights in input 1, of a tensor whose channels may be padded.
pub(crate) fn conv_of_any_channels(call: &NodeCall) -> Outputs {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    let ([batch, _], spatial) = parts(input)?;
    let ([outputs, _], _) = parts(weights)?;
    convolved(call, [batch, outputs], spatial, weights, input.data_type)
}

/// The output of a convolution by weights, with a given batch and number of channels.
fn convolved(call: &NodeCall, front: [u64; 2], spatial: &[u64], weights: &Value, data_type: i32) -> Outputs {
    let (_, kernel) = parts(weights)?;
    let given = call.ints("kernel_shape").unwrap_or_default();
    ensure!(
        given.is_empty() || sizes(given)? == kernel,
        "its attribute `kernel_shape` is {given:?}, its weights have shape {:?}",
        weights.dims
    );
    let positions = positions(&windows(call, kernel)?, spatial, false)?;
    Value::single(data_type, placed(call, [front.to_vec(), positions].concat()))
}

pub(crate) fn conv_transpose(call: &NodeCall) -> Outputs {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    let ([batch, channels], spatial) = parts(input)?;
    let ([input_channels, group_channels], kernel) = parts(weights)?;
    ensure!(
        input_channels == channels,
        "its weights of shape {:?} do not match {channels} channels",
        weights.dims
    );
    let mut dims = vec![batch, times(group_channels, size(call.int("group", 1))?)?];
    ensure!(
        kernel.len() == spatial.len(),
        "its weights of shape {:?} do not match its input of shape {:?}",
        weights.dims,
        input.dims
    );
    if let Some(given) = call.ints("output_shape").filter(|given| !given.is_empty()) {
        // Some exporters write batch and channels as well.
        let given = given.get(given.len().saturating_sub(spatial.len())..).unwrap_or(&[]);
        let axes = spatial.len();
        ensure!(given.len() == axes, "its attribute `output_shape` is {given:?} for {axes} spatial axes");
        dims.extend(sizes(given)?);
        return Value::single(input.data_type, dims);
    }
    let output_padding = per_axis(call, "output_padding", 0, spatial.len())?;
    for ((window, &dim), padding) in windows(call, kernel)?.iter().zip(spatial).zip(output_padding) {
        let (dim, stride) = (i128::from(dim), i128::from(window.stride));
        let whole = stride * (dim - 1) + i128::from(padding) + window.extent();
        dims.push(narrowed(match window.padding {
            Padding::Explicit(before, after) => whole - i128::from(before) - i128::from(after),
            // Automatic padding only removes elements.
            Padding::Same if whole <= dim * stride => whole,
            Padding::Same if padding > 0 => {
                return Err("runtimes differ for `auto_pad` with `output_padding`".to_owned());
            }
            Padding::Same => dim * stride,
        })?);
    }
    Value::single(input.data_type, dims)
}

/// Pooling: the output and, for `MaxPool`, the indices of the maxima.
pub(crate) fn pool(call: &NodeCall) -> Outputs {
    let input = channels_first(call)?;
    let ([batch, channels], spatial) = parts(&input)?;
    let windows = windows(call, &sizes(call.required_ints("kernel_shape")?)?)?;
    let differs = |window: &AxisWindow| matches!(window.padding, Padding::Same) && window.dilation > 1;
    ensure!(!windows.iter().any(differs), "runtimes differ for `auto_pad` with dilations");
    let steps = positions(&windows, spatial, call.flag("ceil_mode", false))?;
    ensure!(
        call.node.op_type() != "LpPool" || steps == positions(&windows, spatial, false)?,
        "runtimes differ for `LpPool` with `ceil_mode`"
    );
    let output = Value::new(input.data_type, placed(call, [vec![batch, channels], steps].concat()))?;
    let indices = output.like(types::INT64);
    Ok(vec![output, indices])
}

pub(crate) fn global_pool(call: &NodeCall) -> Outputs {
    let input = channels_first(call)?;
    let (front, spatial) = parts(&input)?;
    Value::single(input.data_type, placed(call, [front.to_vec(), vec![1; spatial.len()]].concat()))
}

/// `MaxUnpool`: the shape that an input gives, or the smallest one that pools to the shape of the input.
pub(crate) fn max_unpool(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    if let Some(given) = call.optional_numbers(2)? {
        return Value::single(input.data_type, sizes(given)?);
    }
    let (front, spatial) = parts(input)?;
    let windows = windows(call, &sizes(call.required_ints("kernel_shape")?)?)?;
    let (axes, mut dims) = (windows.len(), front.to_vec());
    ensure!(axes == spatial.len(), "its window has {axes} axes, its input {}", spatial.len());
    for (window, &dim) in windows.iter().zip(spatial) {
        let Padding::Explicit(before, after) = window.padding else {
            return Err("`auto_pad` is not supported for it".to_owned());
        };
        let extent = (i128::from(dim) - 1) * i128::from(window.stride) + i128::from(window.kernel);
        dims.push(narrowed(extent - i128::from(before) - i128::from(after))?);
    }
    Value::single(input.data_type, dims)
}

/// `MaxRoiPool`: regions of an image, each pooled to the same size.
pub(crate) fn max_roi_pool(call: &NodeCall) -> Outputs {
    let pooled = sizes(call.required_ints("pooled_shape")?)?;
    regions(call, &pooled)
}

pub(crate) fn roi_align(call: &NodeCall) -> Outputs {
    let pooled = |name| size(call.int(name, 1));
    regions(call, &[pooled("output_height")?, pooled("output_width")?])
}

fn regions(call: &NodeCall, pooled: &[u64]) -> Outputs {
    let (input, boxes) = (call.input(0)?, call.input(1)?);
    Value::single(input.data_type, [&[boxes.dim(0)?, input.dim(1)?], pooled].concat())
}

/// `Col2Im`: columns of blocks, assembled to an image.
pub(crate) fn col2im(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let (image, block) = (sizes(call.numbers(1)?)?, sizes(call.numbers(2)?)?);
    let (in_block, channels) = (product(&block)?, input.dim(1)?);
    ensure!(
        in_block != 0 && channels % in_block == 0,
        "{channels} rows are not a multiple of the block size {in_block}"
    );
    Value::single(input.data_type, [vec![input.dim(0)?, channels / in_block], image].concat())
}
