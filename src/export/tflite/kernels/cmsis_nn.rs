//! Scratch of the kernels with CMSIS-NN.
//!
//! Sizes are those of the library's public functions `arm_*_get_buffer_size` as the kernels of TensorFlow Lite
//! Micro call them; a test compares them with these functions compiled for the host.

use super::convolution::{Convolution, Dims, bytes, rounded};
use super::{dim, requests, times, type_of};
use crate::ElementType::{Int4, Int8, Int16};
use crate::export::tflite::net::{NetOperator, NetSubgraph};

/// The extension of the instruction set that the library uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    Dsp,
    Mve,
}

use Extension::{Dsp, Mve};

/// The requests of an operator's kernel, inner none if they are not known; outer none where the kernel is the
/// reference kernel.
pub(super) fn requests_of(
    extension: Extension,
    subgraph: &NetSubgraph,
    operator: &NetOperator,
) -> Option<Option<Vec<u64>>> {
    let input = |position: usize| subgraph.input(operator, position);
    let output = || subgraph.output(operator);
    let (data, weights) = (type_of(input(0)), type_of(input(1)));
    let convolution = |data| Convolution::of(subgraph, operator, data);
    Some(match (operator.read.op_type.as_str(), data) {
        ("CONV_2D", Some(Int8)) => convolution(0).and_then(|one| requests([bytes(conv_s8(extension, &one))])),
        ("CONV_2D", Some(Int16)) => {
            convolution(0).and_then(|one| requests([bytes(conv_s16(extension, &one))]))
        }
        ("DEPTHWISE_CONV_2D", Some(Int8)) => convolution(0).and_then(|one| {
            let is_packed = weights == Some(Int4);
            requests([bytes(depthwise_s8(extension, &one, is_packed))])
        }),
        ("TRANSPOSE_CONV", _) if type_of(input(2)) == Some(Int8) => convolution(2).and_then(|one| {
            let [sums, reversed] = transpose_s8(extension, &one);
            requests([bytes(sums), bytes(reversed)])
        }),
        ("FULLY_CONNECTED", Some(Int8)) if weights != Some(Int4) => {
            let depth = || output()?.shape.as_ref()?.last().copied();
            let accumulated = || input(1)?.shape.as_ref()?.last().copied();
            depth().zip(accumulated()).zip(output()?.rank()).and_then(|((depth, accumulated), rank)| {
                requests(fully_connected(extension, depth, accumulated, rank))
            })
        }
        ("CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED", Some(Int8 | Int16)) => Some(Vec::new()),
        ("AVERAGE_POOL_2D", Some(Int8 | Int16)) => {
            let channels = || dim(output()?, 3)?.checked_mul(4);
            requests([if extension == Dsp { channels() } else { Some(0) }])
        }
        ("SVDF", Some(Int8)) if extension == Mve => {
            let (batch, filters) = (dim(input(0)?, 0), dim(input(1)?, 0));
            let sums = filters.and_then(|filters| filters.checked_mul(4));
            let state = sums.zip(batch).and_then(|(sums, batch)| sums.checked_mul(batch));
            requests([state, output().and_then(|output| times(output, 4)), sums])
        }
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", Some(Int8 | Int16)) => {
            const CELL_STATE: usize = 19;
            requests([times(input(CELL_STATE)?, 2); 3])
        }
        ("BATCH_MATMUL", Some(Int8)) if extension == Mve => {
            let width = || output()?.shape.as_ref()?.last()?.checked_mul(4);
            requests([width()])
        }
        _ => return None,
    })
}

/// `arm_convolve_wrapper_s8_get_buffer_size`.
fn conv_s8(extension: Extension, one: &Convolution) -> i128 {
    let Convolution { input, filter, stride, dilation, padding, .. } = *one;
    let has_unit_dilation = (dilation.h, dilation.w) == (1, 1);
    let has_all_channels = input.c == filter.c;
    if (filter.h, filter.w, padding.h, padding.w) == (1, 1, 0, 0) && has_unit_dilation && has_all_channels {
        let is_fast = (stride.h, stride.w) == (1, 1);
        // Only builds with Arm's own compiler have this buffer.
        return if is_fast && extension == Dsp { 4 * input.c } else { 0 };
    }
    let is_row = input.h == 1 && filter.h == 1 && dilation.w == 1;
    if extension == Mve && is_row && has_all_channels && stride.w * input.c % 4 == 0 {
        return row_s8(one);
    }
    columns_s8(extension, input.c * filter.w * filter.h)
}

/// Columns of an input patch of so many bytes.
fn columns_s8(extension: Extension, patch: i128) -> i128 {
    match extension {
        Dsp => 4 * rounded(patch, 4),
        Mve => 4 * rounded(patch, 16),
    }
}

/// Convolutions along one row, with MVE.
fn row_s8(one: &Convolution) -> i128 {
    let Convolution { input, filter, output, stride, padding, .. } = *one;
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

/// `arm_convolve_wrapper_s16_get_buffer_size`.
fn conv_s16(extension: Extension, one: &Convolution) -> i128 {
    let patch = one.input.c * one.filter.w * one.filter.h;
    match extension {
        Dsp => 4 * patch,
        Mve => 8 * rounded(patch, 8),
    }
}

/// `arm_depthwise_conv_wrapper_s8_get_buffer_size`, and `s4` for packed weights.
fn depthwise_s8(extension: Extension, one: &Convolution, is_packed: bool) -> i128 {
    /// Channels that are done at once.
    const BLOCK: i128 = 124;
    let Convolution { input, filter, output, dilation, padding, .. } = *one;
    let window = filter.w * filter.h;
    if extension == Mve && !is_packed && input.c == 1 && output.c > 1 {
        // It becomes a convolution. The kernel leaves its stride open, so the larger of all strides counts.
        let is_point = window == 1 && (padding.h, padding.w) == (0, 0);
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

/// `arm_transpose_conv_s8_get_buffer_size` and `..._get_reverse_conv_buffer_size`.
fn transpose_s8(extension: Extension, one: &Convolution) -> [i128; 2] {
    /// More channels than these are done by a convolution with the reversed filter, at strides up to 2.
    const FEW_CHANNELS: i128 = 16;
    let Convolution { input, filter, output, stride, .. } = *one;
    if stride.w <= 2 && stride.h <= 2 && input.c > FEW_CHANNELS {
        let patch = input.c * filter.w * filter.h;
        return [columns_s8(extension, patch), patch * filter.n];
    }
    // The width counts with the stride along the height, in the library as well.
    let Dims { c, .. } = output;
    let width = ((input.w - 1) * stride.w + filter.w.max(stride.h)) * c;
    [4 * width * filter.h.max(stride.h), 0]
}

/// The requests of FULLY_CONNECTED with so many outputs and inputs, and an output of this rank.
fn fully_connected(extension: Extension, depth: u64, accumulated: u64, rank: u64) -> [Option<u64>; 2] {
    let (sums, wide) = (depth.checked_mul(4), depth.checked_mul(8));
    match extension {
        // As a convolution by 1 x 1: factors for each channel, where the weights have one for all, and the
        // buffer of builds with Arm's own compiler.
        _ if rank > 2 && accumulated % 4 == 0 => {
            [wide, if extension == Dsp { accumulated.checked_mul(4) } else { Some(0) }]
        }
        Dsp => [Some(0); 2],
        Mve => [sums, Some(0)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tflite::kernels::convolution::Pair;

    /// A line for each convolution: the library's function, fifteen numbers of it, and its sizes with DSP
    /// and with MVE, the larger of those that Arm's compiler and others make.
    const SIZES: &str = include_str!("cmsis_nn.tsv");

    #[test]
    fn sizes_are_those_of_the_librarys_functions() {
        for line in SIZES.lines().filter(|line| !line.starts_with('#')) {
            let (name, numbers) = line.split_once('\t').unwrap();
            let numbers: Vec<i128> = numbers.split('\t').map(|number| number.parse().unwrap()).collect();
            let dims = |at: usize| Dims {
                n: numbers[at],
                h: numbers[at + 1],
                w: numbers[at + 2],
                c: numbers[at + 3],
            };
            let pair = |at: usize| Pair { h: numbers[at], w: numbers[at + 1] };
            let one = Convolution {
                input: dims(0),
                filter: dims(4),
                output: dims(8),
                stride: pair(12),
                dilation: pair(14),
                padding: pair(16),
                multiplier: 1,
            };
            let found = [Dsp, Mve].map(|extension| match name {
                "conv_s8" => conv_s8(extension, &one),
                "conv_s16" => conv_s16(extension, &one),
                "depthwise_s8" => depthwise_s8(extension, &one, false),
                "depthwise_s4" => depthwise_s8(extension, &one, true),
                "transpose_s8" => transpose_s8(extension, &one)[0],
                "reversed_s8" => transpose_s8(extension, &one)[1],
                other => panic!("{other}"),
            });
            assert_eq!(found.as_slice(), &numbers[18..], "{line}");
        }
        assert!(SIZES.lines().count() > 200);
    }
}
