//! Windows that move over spatial axes: convolutions and pooling.

use super::call::Call;
use super::value::{Told, Value, size, sizes, types};

/// What the attributes say of the window, by spatial axis.
struct Window {
    kernel: Vec<u64>,
    strides: Vec<u64>,
    dilations: Vec<u64>,
    padding: Padding,
}

enum Padding {
    /// Before, after.
    Given(Vec<(i64, i64)>),
    /// As much as keeps the size, but for the stride.
    Same,
}

impl Window {
    fn new(call: &Call, kernel: Vec<u64>) -> Told<Self> {
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
            "NOTSET" | "" => Padding::Given(pads),
            "VALID" => Padding::Given(vec![(0, 0); axes]),
            "SAME_UPPER" | "SAME_LOWER" => Padding::Same,
            other => return Err(format!("its attribute `auto_pad` is `{other}`")),
        };
        if let Some(&none) = kernel.iter().find(|&&along| along == 0) {
            return Err(format!("its window has a size of {none}"));
        }
        Ok(Self { kernel, strides: list("strides")?, dilations: list("dilations")?, padding })
    }

    /// How far the window reaches on an axis.
    fn reach(&self, axis: usize) -> i128 {
        (i128::from(self.kernel[axis]) - 1) * i128::from(self.dilations[axis]) + 1
    }

    /// How often it fits.
    fn steps(&self, axis: usize, dim: u64, ceil: bool) -> Told<u64> {
        let (dim, stride) = (i128::from(dim), i128::from(self.strides[axis]));
        let Padding::Given(pads) = &self.padding else {
            return narrowed((dim + stride - 1) / stride);
        };
        let (before, after) = (i128::from(pads[axis].0), i128::from(pads[axis].1));
        let padded = dim + before + after;
        let free = padded - self.reach(axis);
        if free < 0 {
            return Err(format!("its window reaches over {} of {padded} elements", self.reach(axis)));
        }
        let mut count = free / stride + 1;
        // A further window that is not whole, unless it lies in the padding behind.
        if ceil && free % stride != 0 && count * stride < dim + before {
            count += 1;
        }
        narrowed(count)
    }

    fn all_steps(&self, spatial: &[u64], ceil: bool) -> Told<Vec<u64>> {
        if spatial.len() != self.kernel.len() {
            return Err(format!("its window has {} axes, its input {}", self.kernel.len(), spatial.len()));
        }
        spatial.iter().enumerate().map(|(axis, &dim)| self.steps(axis, dim, ceil)).collect()
    }
}

fn narrowed(number: i128) -> Told<u64> {
    i64::try_from(number)
        .map_err(|_| format!("a size of {number} is more than 63 bits can tell"))
        .and_then(size)
}

/// Batch, channels, and the spatial axes.
fn parts(input: &Value) -> Told<(u64, u64, &[u64])> {
    match input.dims.as_slice() {
        [batch, channels, spatial @ ..] => Ok((*batch, *channels, spatial)),
        dims => Err(format!("its input has shape {dims:?}, without batch and channels")),
    }
}

pub(super) fn conv(call: &Call) -> Told<Vec<Value>> {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    convolved(call, input, weights, input.data_type)
}

pub(super) fn conv_integer(call: &Call) -> Told<Vec<Value>> {
    convolved(call, call.input(0)?, call.input(1)?, types::INT32)
}

pub(super) fn qlinear_conv(call: &Call) -> Told<Vec<Value>> {
    if call.flag("channels_last", false) {
        return Err("channels in the last axis are not supported".to_owned());
    }
    convolved(call, call.input(0)?, call.input(3)?, call.input(7)?.data_type)
}

fn convolved(call: &Call, input: &Value, weights: &Value, data_type: i32) -> Told<Vec<Value>> {
    let (batch, channels, spatial) = parts(input)?;
    let (made, read, kernel) = parts(weights)?;
    let groups = size(call.int("group", 1))?;
    if read.checked_mul(groups) != Some(channels) {
        return Err(format!(
            "weights of shape {:?} in {groups} groups do not fit {channels} channels",
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
    let window = Window::new(call, kernel.to_vec())?;
    let dims = [vec![batch, made], window.all_steps(spatial, false)?].concat();
    Ok(vec![Value::new(data_type, dims)?])
}

/// Weights before offsets.
pub(super) fn deform_conv(call: &Call) -> Told<Vec<Value>> {
    conv(call)
}

pub(super) fn conv_transpose(call: &Call) -> Told<Vec<Value>> {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    let (batch, channels, spatial) = parts(input)?;
    let (read, made, kernel) = parts(weights)?;
    if read != channels {
        return Err(format!("weights of shape {:?} do not fit {channels} channels", weights.dims));
    }
    let groups = size(call.int("group", 1))?;
    let made = made.checked_mul(groups).ok_or("it makes more channels than 64 bits can count")?;
    if kernel.len() != spatial.len() {
        return Err(format!(
            "weights of shape {:?} do not fit an input of shape {:?}",
            weights.dims, input.dims
        ));
    }
    let mut dims = vec![batch, made];
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
    let window = Window::new(call, kernel.to_vec())?;
    let more = match call.ints("output_padding") {
        None | Some([]) => vec![0; spatial.len()],
        Some(more) if more.len() == spatial.len() => sizes(more)?,
        Some(more) => return Err(format!("its attribute `output_padding` is {more:?}")),
    };
    for (axis, &dim) in spatial.iter().enumerate() {
        let (dim, stride) = (i128::from(dim), i128::from(window.strides[axis]));
        let whole = stride * (dim - 1) + i128::from(more[axis]) + window.reach(axis);
        dims.push(narrowed(match &window.padding {
            Padding::Given(pads) => whole - i128::from(pads[axis].0) - i128::from(pads[axis].1),
            // Nothing is added to reach the size.
            Padding::Same if whole <= dim * stride => whole,
            Padding::Same if more[axis] > 0 => {
                return Err(
                    "padding by itself beside `output_padding` is done differently by runtimes".to_owned()
                );
            }
            Padding::Same => dim * stride,
        })?);
    }
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// With the places of the greatest, if asked for.
pub(super) fn pool(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    Ok(pooled(call, input, input.data_type)?.to_vec())
}

/// Scale and zero point of the input and of the output in between.
pub(super) fn qlinear_average_pool(call: &Call) -> Told<Vec<Value>> {
    if call.flag("channels_last", false) {
        return Err("channels in the last axis are not supported".to_owned());
    }
    let input = call.input(0)?;
    Ok(pooled(call, input, input.data_type)?[..1].to_vec())
}

fn pooled(call: &Call, input: &Value, data_type: i32) -> Told<[Value; 2]> {
    let (batch, channels, spatial) = parts(input)?;
    let window = Window::new(call, sizes(call.required_ints("kernel_shape")?)?)?;
    if matches!(window.padding, Padding::Same) && window.dilations.iter().any(|&dilation| dilation > 1) {
        return Err("padding by itself with gaps in the window is done differently by runtimes".to_owned());
    }
    let ceil = call.flag("ceil_mode", false);
    let steps = window.all_steps(spatial, ceil)?;
    if call.node.op_type() == "LpPool" && steps != window.all_steps(spatial, false)? {
        return Err("ONNX Runtime ignores its attribute `ceil_mode`, and so its size is not sure".to_owned());
    }
    let dims = [vec![batch, channels], steps].concat();
    let output = Value::new(data_type, dims)?;
    let places = output.like(types::INT64);
    Ok([output, places])
}

pub(super) fn global_pool(call: &Call) -> Told<Vec<Value>> {
    if call.flag("channels_last", false) {
        return Err("channels in the last axis are not supported".to_owned());
    }
    let input = call.input(0)?;
    let (batch, channels, spatial) = parts(input)?;
    Ok(vec![Value::new(input.data_type, [vec![batch, channels], vec![1; spatial.len()]].concat())?])
}

/// The inverse of a pooling, which does not know what was left over at the border.
pub(super) fn max_unpool(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    if let Some(given) = call.optional_numbers(2)? {
        return Ok(vec![Value::new(input.data_type, sizes(given)?)?]);
    }
    let (batch, channels, spatial) = parts(input)?;
    let window = Window::new(call, sizes(call.required_ints("kernel_shape")?)?)?;
    let Padding::Given(pads) = &window.padding else { return Err("it pads by itself".to_owned()) };
    if window.kernel.len() != spatial.len() {
        return Err(format!("its window has {} axes, its input {}", window.kernel.len(), spatial.len()));
    }
    let mut dims = vec![batch, channels];
    for (axis, &dim) in spatial.iter().enumerate() {
        let (before, after) = (i128::from(pads[axis].0), i128::from(pads[axis].1));
        let reached =
            (i128::from(dim) - 1) * i128::from(window.strides[axis]) + i128::from(window.kernel[axis]);
        dims.push(narrowed(reached - before - after)?);
    }
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// Boxes of an image, pooled to one size.
pub(super) fn max_roi_pool(call: &Call) -> Told<Vec<Value>> {
    let (input, boxes) = (call.input(0)?, call.input(1)?);
    let pooled = sizes(call.required_ints("pooled_shape")?)?;
    let dims = [vec![boxes.dim(0)?, input.dim(1)?], pooled].concat();
    Ok(vec![Value::new(input.data_type, dims)?])
}

pub(super) fn roi_align(call: &Call) -> Told<Vec<Value>> {
    let (input, boxes) = (call.input(0)?, call.input(1)?);
    let pooled = |name| size(call.int(name, 1));
    let dims = vec![boxes.dim(0)?, input.dim(1)?, pooled("output_height")?, pooled("output_width")?];
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// Columns of blocks, put together to an image.
pub(super) fn col2im(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let (image, block) = (sizes(call.numbers(1)?)?, sizes(call.numbers(2)?)?);
    let in_block = super::value::product(&block)?;
    let channels = input.dim(1)?;
    if in_block == 0 || channels % in_block != 0 {
        return Err(format!("{channels} rows are not made of blocks of {in_block}"));
    }
    Ok(vec![Value::new(input.data_type, [vec![input.dim(0)?, channels / in_block], image].concat())?])
}
