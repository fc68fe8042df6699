//! Scratch of the CMSIS-NN kernels.
//!
//! The sizes equal the results of the library's public functions `arm_*_get_buffer_size`, called as the kernels
//! of TensorFlow Lite Micro call them. A test compares them with results of these functions, compiled for the
//! host.

use super::convolution::{Convolution, Dims, bytes, rounded};
use super::{Kernel, dim, requests, times, type_of};
use crate::ElementType::{Int4, Int8, Int16};
use crate::export::tflite::runtime_network::{RuntimeOperator, RuntimeSubgraph, RuntimeTensor};

/// Instruction set extension that the library uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    Dsp,
    Mve,
}

use Extension::{Dsp, Mve};

/// The kernel of an operator in builds with CMSIS-NN.
pub(super) fn kernel(extension: Extension, subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> Kernel {
    let call = Call { extension, subgraph, operator };
    let input = |position: usize| type_of(subgraph.input(operator, position));
    let is_packed = input(1) == Some(Int4);
    Kernel::Own(match (operator.read.op_type.as_str(), input(0)) {
        ("CONV_2D", Some(Int8)) => call.convolution(0, |convolution| [conv_s8(extension, convolution), 0]),
        ("CONV_2D", Some(Int16)) => call.convolution(0, |convolution| [conv_s16(extension, convolution), 0]),
        ("DEPTHWISE_CONV_2D", Some(Int8)) => {
            call.convolution(0, |convolution| [depthwise_s8(extension, convolution, is_packed), 0])
        }
        ("TRANSPOSE_CONV", _) if input(2) == Some(Int8) => {
            call.convolution(2, |convolution| transpose_s8(extension, convolution))
        }
        ("FULLY_CONNECTED", Some(Int8)) if !is_packed => call.fully_connected(),
        ("DEPTHWISE_CONV_2D", Some(Int16)) | ("FULLY_CONNECTED", Some(Int8 | Int16)) => Some(Vec::new()),
        ("AVERAGE_POOL_2D", Some(Int8 | Int16)) if extension == Dsp => call.sums_along(3),
        ("BATCH_MATMUL", Some(Int8)) if extension == Mve => call.sums_along_last_axis(),
        ("SVDF", Some(Int8)) if extension == Mve => call.svdf(),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", Some(Int8 | Int16)) => call.lstm(),
        _ => return Kernel::Reference,
    })
}

/// An operator and the extension that its kernel uses.
struct Call<'a> {
    extension: Extension,
    subgraph: &'a RuntimeSubgraph,
    operator: &'a RuntimeOperator,
}

impl<'a> Call<'a> {
    fn input(&self, position: usize) -> Option<&'a RuntimeTensor> {
        self.subgraph.input(self.operator, position)
    }

    fn output(&self) -> Option<&'a RuntimeTensor> {
        self.subgraph.output(self.operator)
    }

    /// Requests of a convolution over the input at position `data`. Some kernels make two requests; a
    /// request of 0 bytes takes nothing.
    fn convolution(&self, data: usize, sizes: impl Fn(&Convolution) -> [i128; 2]) -> Option<Vec<u64>> {
        requests(sizes(&Convolution::of(self.subgraph, self.operator, data)?).map(bytes))
    }

    fn fully_connected(&self) -> Option<Vec<u64>> {
        let output = self.output()?;
        let depth = *output.shape.as_ref()?.last()?;
        let accumulated = *self.input(1)?.shape.as_ref()?.last()?;
        requests(fully_connected(self.extension, depth, accumulated, output.rank()?))
    }

    /// A 32-bit sum for each index along an axis of the output.
    fn sums_along(&self, axis: usize) -> Option<Vec<u64>> {
        requests([dim(self.output()?, axis)?.checked_mul(4)])
    }

    fn sums_along_last_axis(&self) -> Option<Vec<u64>> {
        requests([self.output()?.shape.as_ref()?.last()?.checked_mul(4)])
    }

    /// The requests of the reference kernel, and a sum of the weights of each filter.
    fn svdf(&self) -> Option<Vec<u64>> {
        let sums = dim(self.input(1)?, 0)?.checked_mul(4);
        let state = sums.and_then(|sums| sums.checked_mul(dim(self.input(0)?, 0)?));
        requests([state, times(self.output()?, 4), sums])
    }

    fn lstm(&self) -> Option<Vec<u64>> {
        const CELL_STATE: usize = 19;
        requests([times(self.input(CELL_STATE)?, 2); 3])
    }
}

/// Equals `arm_convolve_wrapper_s8_get_buffer_size`.
fn conv_s8(extension: Extension, convolution: &Convolution) -> i128 {
    let Convolution { input, filter, stride, dilation, padding, .. } = *convolution;
    let has_unit_dilation = (dilation.h, dilation.w) == (1, 1);
    let has_all_channels = input.c == filter.c;
    if (filter.h, filter.w, padding.h, padding.w) == (1, 1, 0, 0) && has_unit_dilation && has_all_channels {
        let has_unit_stride = (stride.h, stride.w) == (1, 1);
        // Only builds with Arm's compiler use this buffer.
        return if has_unit_stride && extension == Dsp { 4 * input.c } else { 0 };
    }
    let is_row = input.h == 1 && filter.h == 1 && dilation.w == 1;
    if extension == Mve && is_row && has_all_channels && stride.w * input.c % 4 == 0 {
        return row_s8(convolution);
    }
    columns_s8(extension, input.c * filter.w * filter.h)
}

/// Size of the column buffer for input patches of `patch` bytes.
fn columns_s8(extension: Extension, patch: i128) -> i128 {
    match extension {
        Dsp => 4 * rounded(patch, 4),
        Mve => 4 * rounded(patch, 16),
    }
}

/// Size for a convolution along one row with MVE.
fn row_s8(convolution: &Convolution) -> i128 {
    let Convolution { input, filter, output, stride, padding, .. } = *convolution;
    let uneven = ((output.w - 1) * stride.w + filter.w - input.w) % 2;
    let padded = |pad: i128| if pad == 0 { 0 } else { ((pad + stride.w - 1) / stride.w).max(1) };
    let (left, right) = (padded(padding.w), padded(padding.w + uneven));
    if left + right > output.w {
        return columns_s8(Mve, input.c * filter.w * filter.h);
    }
    let before = padding.w * input.c;
    let behind = if uneven == 0 { before } else { right * input.c };
    let whole = filter.w * input.c;
    (whole + before).max(whole - input.c + behind)
}

/// Equals `arm_convolve_wrapper_s16_get_buffer_size`.
fn conv_s16(extension: Extension, convolution: &Convolution) -> i128 {
    let patch = convolution.input.c * convolution.filter.w * convolution.filter.h;
    match extension {
        Dsp => 4 * patch,
        Mve => 8 * rounded(patch, 8),
    }
}

/// Equals `arm_depthwise_conv_wrapper_s8_get_buffer_size`, or the `s4` function for packed weights.
fn depthwise_s8(extension: Extension, convolution: &Convolution, is_packed: bool) -> i128 {
    /// Number of channels that the kernel processes at once.
    const BLOCK: i128 = 124;
    let Convolution { input, filter, output, dilation, padding, .. } = *convolution;
    let window = filter.w * filter.h;
    if extension == Mve && !is_packed && input.c == 1 && output.c > 1 {
        // The library runs it as a convolution. The kernel does not set the stride of this convolution, so the
        // largest size over all strides counts.
        let is_point = window == 1 && (padding.h, padding.w) == (0, 0) && (dilation.h, dilation.w) == (1, 1);
        let patch = if is_point { 0 } else { columns_s8(Mve, window) };
        return patch + window * output.c;
    }
    if input.c != output.c || input.n != 1 || (dilation.h, dilation.w) != (1, 1) {
        return 0;
    }
    let is_small = (filter.h, filter.w) == (3, 3) && padding.h <= 1 && padding.w <= 1;
    match extension {
        Dsp if is_small && !is_packed => 0,
        Dsp => 2 * input.c * window,
        Mve => 4 * BLOCK * window,
    }
}

/// Equals `arm_transpose_conv_s8_get_buffer_size` and `..._get_reverse_conv_buffer_size`.
fn transpose_s8(extension: Extension, convolution: &Convolution) -> [i128; 2] {
    /// With more channels than this and strides of at most 2, the library convolves with the reversed filter.
    const FEW_CHANNELS: i128 = 16;
    let Convolution { input, filter, output, stride, .. } = *convolution;
    if stride.w <= 2 && stride.h <= 2 && input.c > FEW_CHANNELS {
        let patch = input.c * filter.w * filter.h;
        return [columns_s8(extension, patch), patch * filter.n];
    }
    // The width uses the stride along the height. The library does the same.
    let Dims { c, .. } = output;
    let width = ((input.w - 1) * stride.w + filter.w.max(stride.h)) * c;
    [4 * width * filter.h.max(stride.h), 0]
}

/// The requests of `FULLY_CONNECTED` with `depth` outputs, `accumulated` inputs and an output of this rank.
fn fully_connected(extension: Extension, depth: u64, accumulated: u64, rank: u64) -> [Option<u64>; 2] {
    let (sums, wide) = (depth.checked_mul(4), depth.checked_mul(8));
    match extension {
        // The library runs it as a 1 x 1 convolution. This needs quantization factors for each channel (if the
        // weights have one factor for all channels) and the buffer of builds with Arm's compiler.
        _ if rank > 2 && accumulated.is_multiple_of(4) => {
            [wide, if extension == Dsp { accumulated.checked_mul(4) } else { Some(0) }]
        }
        Dsp => [Some(0); 2],
        Mve => [sums, Some(0)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line for each convolution: the library's function, 18 numbers that describe the convolution, and the
    /// sizes with DSP and with MVE. Each size is the larger one of builds with Arm's and with other compilers.
    const SIZES: &str = include_str!("cmsis_nn.tsv");

    #[test]
    fn sizes_are_those_of_the_librarys_functions() {
        for line in SIZES.lines().filter(|line| !line.starts_with('#')) {
            let (name, numbers) = line.split_once('\t').unwrap();
            let numbers: Vec<i128> = numbers.split('\t').map(|number| number.parse().unwrap()).collect();
            let convolution = Convolution::of_numbers(&numbers);
            let found = [Dsp, Mve].map(|extension| match name {
                "conv_s8" => conv_s8(extension, &convolution),
                "conv_s16" => conv_s16(extension, &convolution),
                "depthwise_s8" => depthwise_s8(extension, &convolution, false),
                "depthwise_s4" => depthwise_s8(extension, &convolution, true),
                "transpose_s8" => transpose_s8(extension, &convolution)[0],
                "reversed_s8" => transpose_s8(extension, &convolution)[1],
                other => panic!("{other}"),
            });
            assert_eq!(found.as_slice(), &numbers[18..], "{line}");
        }
        assert!(SIZES.lines().count() > 200);
    }
}
