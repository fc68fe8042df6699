//! Convolutions and pooling: a window that slides along spatial axes.

use super::call::NodeCall;
use super::value::{Inferred, Value, size, sizes, types};

/// The window of an operator, by spatial axis.
struct ConvWindow {
    kernel: Vec<u64>,
    strides: Vec<u64>,
    dilations: Vec<u64>,
    padding: Padding,
}

/// Padding of the spatial axes.
enum Padding {
    /// Elements before and after each axis.
    Explicit(Vec<(i64, i64)>),
    /// Padding that makes the output as long as the input divided by the stride, rounded up.
    Same,
}

impl ConvWindow {
    fn new(call: &NodeCall, kernel: Vec<u64>) -> Inferred<Self> {
        let axes = kernel.len();
        let list = |name: &str| match call.ints(name) {
            // Some exporters write empty lists.
            None | Some([]) => Ok(vec![1; axes]),
            Some(numbers) if numbers.len() == axes && numbers.iter().all(|&number| number > 0) => {
                sizes(numbers)
            }
            Some(numbers) => Err(format!("its attribute `{name}` is {numbers:?} for {axes} spatial axes")),
        };
        let pads = match call.ints("pads") {
            None | Some([]) => vec![(0, 0); axes],
            Some(pads) if pads.len() == 2 * axes => {
                (0..axes).map(|axis| (pads[axis], pads[axis + axes])).collect()
            }
            Some(pads) => return Err(format!("its attribute `pads` is {pads:?} for {axes} spatial axes")),
        };
        let padding = match call.text("auto_pad", "NOTSET")? {
            "NOTSET" | "" => Padding::Explicit(pads),
            "VALID" => Padding::Explicit(vec![(0, 0); axes]),
            "SAME_UPPER" | "SAME_LOWER" => Padding::Same,
            other => return Err(format!("its attribute `auto_pad` has the unsupported value `{other}`")),
        };
        if kernel.contains(&0) {
            return Err("its window has a size of 0".to_owned());
        }
        Ok(Self { kernel, strides: list("strides")?, dilations: list("dilations")?, padding })
    }

    /// The extent of the dilated window along an axis.
    fn extent(&self, axis: usize) -> i128 {
        (i128::from(self.kernel[axis]) - 1) * i128::from(self.dilations[axis]) + 1
    }

    /// The number of window positions along an axis of length `dim`. With `ceil`, a last window may exceed the
    /// end.
    fn positions(&self, axis: usize, dim: u64, ceil: bool) -> Inferred<u64> {
        let (dim, stride) = (i128::from(dim), i128::from(self.strides[axis]));
        let Padding::Explicit(pads) = &self.padding else {
            return narrowed((dim + stride - 1) / stride);
        };
        let (before, after) = (i128::from(pads[axis].0), i128::from(pads[axis].1));
        let padded = dim + before + after;
        let free = padded - self.extent(axis);
        if free < 0 {
            return Err(format!(
                "its window spans {} elements, but its padded input has {padded}",
                self.extent(axis)
            ));
        }
        let mut count = free / stride + 1;
        // A last window that exceeds the end counts, unless it would start in the padding at the end.
        if ceil && free % stride != 0 && count * stride < dim + before {
            count += 1;
        }
        narrowed(count)
    }

    /// The number of window positions along all spatial axes.
    fn all_positions(&self, spatial: &[u64], ceil: bool) -> Inferred<Vec<u64>> {
        if spatial.len() != self.kernel.len() {
            return Err(format!("its window has {} axes, its input {}", self.kernel.len(), spatial.len()));
        }
        spatial.iter().enumerate().map(|(axis, &dim)| self.positions(axis, dim, ceil)).collect()
    }
}

/// A computed size, which must be a size of at most 63 bits.
fn narrowed(number: i128) -> Inferred<u64> {
    i64::try_from(number).map_err(|_| format!("size {number} exceeds 63 bits")).and_then(size)
}

/// Batch, channels, and spatial axes of a tensor; of weights, the first two axes and the kernel.
fn parts(input: &Value) -> Inferred<(u64, u64, &[u64])> {
    match input.dims.as_slice() {
        [batch, channels, spatial @ ..] => Ok((*batch, *channels, spatial)),
        dims => Err(format!("its input of shape {dims:?} lacks a batch and a channel axis")),
    }
}

pub(super) fn conv(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    convolved(call, input, weights, input.data_type)
}

pub(super) fn conv_integer(call: &NodeCall) -> Inferred<Vec<Value>> {
    convolved(call, call.input(0)?, call.input(1)?, types::INT32)
}

pub(super) fn qlinear_conv(call: &NodeCall) -> Inferred<Vec<Value>> {
    if call.flag("channels_last", false) {
        return Err("channels in the last axis are not supported".to_owned());
    }
    convolved(call, call.input(0)?, call.input(3)?, call.input(7)?.data_type)
}

fn convolved(call: &NodeCall, input: &Value, weights: &Value, data_type: i32) -> Inferred<Vec<Value>> {
    let (batch, channels, spatial) = parts(input)?;
    let (output_channels, group_channels, kernel) = parts(weights)?;
    let groups = size(call.int("group", 1))?;
    if group_channels.checked_mul(groups) != Some(channels) {
        return Err(format!(
            "its weights of shape {:?} with {groups} groups do not match {channels} channels",
            weights.dims
        ));
    }
    if let Some(given) = call.ints("kernel_shape").filter(|given| !given.is_empty())
        && sizes(given)? != kernel
    {
        return Err(format!(
            "its attribute `kernel_shape` is {given:?}, its weights have shape {:?}",
            weights.dims
        ));
    }
    let window = ConvWindow::new(call, kernel.to_vec())?;
    let dims = [vec![batch, output_channels], window.all_positions(spatial, false)?].concat();
    Ok(vec![Value::new(data_type, dims)?])
}

/// `DeformConv`: input and weights are the first two inputs, as of `Conv`.
pub(super) fn deform_conv(call: &NodeCall) -> Inferred<Vec<Value>> {
    conv(call)
}

pub(super) fn conv_transpose(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    let (batch, channels, spatial) = parts(input)?;
    let (input_channels, group_channels, kernel) = parts(weights)?;
    if input_channels != channels {
        return Err(format!("its weights of shape {:?} do not match {channels} channels", weights.dims));
    }
    let groups = size(call.int("group", 1))?;
    let output_channels =
        group_channels.checked_mul(groups).ok_or("the number of its output channels exceeds 64 bits")?;
    if kernel.len() != spatial.len() {
        return Err(format!(
            "its weights of shape {:?} do not match its input of shape {:?}",
            weights.dims, input.dims
        ));
    }
    let mut dims = vec![batch, output_channels];
    if let Some(given) = call.ints("output_shape").filter(|given| !given.is_empty()) {
        // Some exporters write batch and channels as well.
        let given = given.get(given.len().saturating_sub(spatial.len())..).unwrap_or(&[]);
        if given.len() != spatial.len() {
            return Err(format!(
                "its attribute `output_shape` is {given:?} for {} spatial axes",
                spatial.len()
            ));
        }
        dims.extend(sizes(given)?);
        return Ok(vec![Value::new(input.data_type, dims)?]);
    }
    let window = ConvWindow::new(call, kernel.to_vec())?;
    let output_padding = match call.ints("output_padding") {
        None | Some([]) => vec![0; spatial.len()],
        Some(padding) if padding.len() == spatial.len() => sizes(padding)?,
        Some(padding) => {
            return Err(format!(
                "its attribute `output_padding` is {padding:?} for {} spatial axes",
                spatial.len()
            ));
        }
    };
    for (axis, &dim) in spatial.iter().enumerate() {
        let (dim, stride) = (i128::from(dim), i128::from(window.strides[axis]));
        let whole = stride * (dim - 1) + i128::from(output_padding[axis]) + window.extent(axis);
        dims.push(narrowed(match &window.padding {
            Padding::Explicit(pads) => whole - i128::from(pads[axis].0) - i128::from(pads[axis].1),
            // Automatic padding only removes elements.
            Padding::Same if whole <= dim * stride => whole,
            Padding::Same if output_padding[axis] > 0 => {
                return Err("runtimes differ for `auto_pad` with `output_padding`".to_owned());
            }
            Padding::Same => dim * stride,
        })?);
    }
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// Pooling: the output and, for `MaxPool`, the indices of the maxima.
pub(super) fn pool(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    Ok(pooled(call, input, input.data_type)?.to_vec())
}

/// `QLinearAveragePool`, without the indices of [`pool`].
pub(super) fn qlinear_average_pool(call: &NodeCall) -> Inferred<Vec<Value>> {
    if call.flag("channels_last", false) {
        return Err("channels in the last axis are not supported".to_owned());
    }
    let input = call.input(0)?;
    Ok(pooled(call, input, input.data_type)?[..1].to_vec())
}

fn pooled(call: &NodeCall, input: &Value, data_type: i32) -> Inferred<[Value; 2]> {
    let (batch, channels, spatial) = parts(input)?;
    let window = ConvWindow::new(call, sizes(call.required_ints("kernel_shape")?)?)?;
    if matches!(window.padding, Padding::Same) && window.dilations.iter().any(|&dilation| dilation > 1) {
        return Err("runtimes differ for `auto_pad` with dilations".to_owned());
    }
    let ceil = call.flag("ceil_mode", false);
    let steps = window.all_positions(spatial, ceil)?;
    if call.node.op_type() == "LpPool" && steps != window.all_positions(spatial, false)? {
        return Err("runtimes differ for `LpPool` with `ceil_mode`".to_owned());
    }
    let dims = [vec![batch, channels], steps].concat();
    let output = Value::new(data_type, dims)?;
    let indices = output.like(types::INT64);
    Ok([output, indices])
}

pub(super) fn global_pool(call: &NodeCall) -> Inferred<Vec<Value>> {
    if call.flag("channels_last", false) {
        return Err("channels in the last axis are not supported".to_owned());
    }
    let input = call.input(0)?;
    let (batch, channels, spatial) = parts(input)?;
    Ok(vec![Value::new(input.data_type, [vec![batch, channels], vec![1; spatial.len()]].concat())?])
}

/// `MaxUnpool`: the shape that an input gives, or the smallest one that pools to the shape of the input.
pub(super) fn max_unpool(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    if let Some(given) = call.optional_numbers(2)? {
        return Ok(vec![Value::new(input.data_type, sizes(given)?)?]);
    }
    let (batch, channels, spatial) = parts(input)?;
    let window = ConvWindow::new(call, sizes(call.required_ints("kernel_shape")?)?)?;
    let Padding::Explicit(pads) = &window.padding else {
        return Err("`auto_pad` is not supported for it".to_owned());
    };
    if window.kernel.len() != spatial.len() {
        return Err(format!("its window has {} axes, its input {}", window.kernel.len(), spatial.len()));
    }
    let mut dims = vec![batch, channels];
    for (axis, &dim) in spatial.iter().enumerate() {
        let (before, after) = (i128::from(pads[axis].0), i128::from(pads[axis].1));
        let extent =
            (i128::from(dim) - 1) * i128::from(window.strides[axis]) + i128::from(window.kernel[axis]);
        dims.push(narrowed(extent - before - after)?);
    }
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// `MaxRoiPool`: regions of an image, each pooled to the same size.
pub(super) fn max_roi_pool(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, boxes) = (call.input(0)?, call.input(1)?);
    let pooled = sizes(call.required_ints("pooled_shape")?)?;
    let dims = [vec![boxes.dim(0)?, input.dim(1)?], pooled].concat();
    Ok(vec![Value::new(input.data_type, dims)?])
}

pub(super) fn roi_align(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, boxes) = (call.input(0)?, call.input(1)?);
    let pooled = |name| size(call.int(name, 1));
    let dims = vec![boxes.dim(0)?, input.dim(1)?, pooled("output_height")?, pooled("output_width")?];
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// `Col2Im`: columns of blocks, assembled to an image.
pub(super) fn col2im(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let (image, block) = (sizes(call.numbers(1)?)?, sizes(call.numbers(2)?)?);
    let in_block = super::value::product(&block)?;
    let channels = input.dim(1)?;
    if in_block == 0 || channels % in_block != 0 {
        return Err(format!("{channels} rows are not a multiple of the block size {in_block}"));
    }
    Ok(vec![Value::new(input.data_type, [vec![input.dim(0)?, channels / in_block], image].concat())?])
}
