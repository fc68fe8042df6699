//! Operators of ONNX Runtime on tensors with channels in blocks (`com.microsoft.nchwc`), which its optimizer writes. Their
//! number of channels is a multiple of the block, of 4 to 16 channels, which the processor determines.

use super::call::NodeCall;
use crate::import::dims::{ensure, size, times};
use crate::import::onnx::value::{Inferred, Outputs, Value};

/// The largest block.
const BLOCK: u64 = 16;

/// Bit of the axis of channels.
const CHANNELS: u32 = 1 << 1;

/// Bounded axes of an operator that keeps axes and channels.
pub(crate) fn kept(call: &NodeCall) -> Inferred<Option<u32>> {
    Ok(Some(call.input(0)?.upper()))
}

/// Bounded axes of an operator whose weights or attributes determine the channels.
pub(crate) fn of_spatial(call: &NodeCall) -> Inferred<Option<u32>> {
    let upper = call.input(0)?.upper() & !CHANNELS;
    ensure!(
        upper == 0 || !call.flag("channels_last", false),
        "its input depends on data along other axes than channels"
    );
    Ok(Some(upper))
}

/// `ReorderInput`: the channels of an ordinary tensor, rounded up to a block.
pub(crate) fn reorder_input(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let mut dims = input.dims.clone();
    ensure!(dims.len() > 2, "its input of shape {dims:?} has no spatial axes");
    if call.flag("channels_last", false) {
        dims[1..].rotate_right(1);
    }
    let channels = dims[1];
    dims[1] = times(channels.div_ceil(BLOCK), BLOCK)?;
    let output = Value::new(input.data_type, dims)?;
    Ok(vec![if channels.is_multiple_of(BLOCK) { output } else { output.at_most_along(CHANNELS) }])
}

/// `ReorderOutput`: an ordinary tensor with the channels of an attribute.
pub(crate) fn reorder_output(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let mut dims = input.dims.clone();
    ensure!(dims.len() > 2, "its input of shape {dims:?} has no spatial axes");
    dims[1] = size(call.required_int("channels")?)?;
    if call.flag("channels_last", false) {
        dims[1..].rotate_left(1);
    }
    Value::single(input.data_type, dims)
}

/// `Upsample`: a whole factor for each axis.
pub(crate) fn upsample(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let scales = call.required_ints("scales")?;
    ensure!(
        scales.len() == input.rank(),
        "its scales {scales:?} do not match its input of shape {:?}",
        input.dims
    );
    let dims = input.dims.iter().zip(scales).map(|(&dim, &scale)| times(dim, size(scale)?));
    Value::single(input.data_type, dims.collect::<Inferred<Vec<_>>>()?)
}
