//! Scratch of the ESP-NN kernels on ESP32-S3.
//!
//! The sizes equal the results of the library's functions `esp_nn_get_*_scratch_size`, called as the kernels of
//! TensorFlow Lite Micro for ESP-IDF call them. A test compares them with results of these functions, compiled
//! for the host.

use super::convolution::{Convolution, bytes, rounded};
use super::{Kernel, dim, requests, times, type_of};
use crate::ElementType::{Int4, Int8};
use crate::export::tflite::runtime_network::{RuntimeOperator, RuntimeSubgraph};

/// The kernel of an operator in builds with ESP-NN.
pub(super) fn kernel(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> Kernel {
    let data = subgraph.input(operator, 0);
    if type_of(data) != Some(Int8) {
        return Kernel::Reference;
    }
    let convolution = |size: fn(&Convolution) -> i128| {
        let unpacked = subgraph.input(operator, 1).filter(|weights| weights.element_type == Some(Int4));
        let unpacked = unpacked.map_or(Some(0), |weights| times(weights, 1));
        requests([unpacked, bytes(size(&Convolution::of(subgraph, operator, 0)?))])
    };
    Kernel::Own(match operator.read.op_type.as_str() {
        "CONV_2D" => convolution(conv),
        "DEPTHWISE_CONV_2D" => convolution(depthwise),
        "SOFTMAX" => data.and_then(|data| requests([dim(data, 1)?.checked_mul(4)])),
        _ => return Kernel::Reference,
    })
}

/// Equals `esp_nn_get_conv_scratch_size`.
fn conv(convolution: &Convolution) -> i128 {
    /// Bytes for alignment, and for accesses of vector instructions outside a buffer.
    const MARGIN: i128 = 64;
    let Convolution { input, filter, output, stride, padding, .. } = *convolution;
    let is_padded = (padding.h, padding.w) != (0, 0);
    if (filter.h, filter.w, stride.h, stride.w) == (1, 1, 1, 1) && !is_padded {
        let channels = rounded(input.c, 8);
        let transposed = if input.w * input.h < 8 { 0 } else { 16 * channels };
        let widened = if input.c == channels { 0 } else { input.w * input.h * channels };
        return widened + channels * output.c + transposed + MARGIN;
    }
    let (row, window) = (filter.w * input.c, filter.w * filter.h * input.c);
    if row < 16 && window >= 16 {
        let aligned = rounded(window, 16);
        return output.c * 4 + 16 + output.c * aligned + 16 + aligned + MARGIN;
    }
    let padded = (input.w + 2 * padding.w) * (input.h + 2 * padding.h) * input.c;
    let copy = filter.w * filter.h * rounded(input.c, 16) * output.c;
    let aligned = rounded(row, 16) * filter.h * output.c;
    let right = (output.w * stride.w + filter.w - 1 - input.w).max(0);
    let bottom = (output.h * stride.h + filter.h - 1 - input.h).max(0);
    let beyond = if right > 0 || bottom > 0 { (input.w + right) * (input.h + bottom) * input.c } else { 0 };
    let padded = if is_padded { padded } else { 0 };
    padded + copy + aligned + beyond + MARGIN + output.c * 4
}

/// Equals `esp_nn_get_depthwise_conv_scratch_size`.
fn depthwise(convolution: &Convolution) -> i128 {
    let Convolution { input, filter, multiplier, .. } = *convolution;
    let weights = filter.w * filter.h * input.c * multiplier;
    let wide = 2 * (weights + input.w * input.h * input.c) + 32;
    let is_single = multiplier == 1;
    match (filter.h, filter.w) {
        (3, 3) if is_single && input.c % 16 == 0 => small_window(convolution, weights),
        (3, 3) if is_single && input.c % 8 == 0 && input.c >= 12 => widened(convolution),
        (3, 3) if is_single && input.c % 8 == 0 => wide,
        _ if is_single && input.c % 8 == 0 => {
            // The library processes larger inputs in stripes.
            let stripe = 2 * weights + 2 * input.w * filter.h * input.c + 32;
            if wide - 32 <= 48 * 1024 { wide } else { stripe }
        }
        _ if is_single && input.c > 3 => copied(convolution),
        _ if multiplier % 4 == 0 => wide,
        _ => 32,
    }
}

/// Size for 3 x 3 windows if the number of channels is a multiple of 16.
fn small_window(convolution: &Convolution, weights: i128) -> i128 {
    let Convolution { input, filter, output, stride, padding, .. } = *convolution;
    let (height, width) = if (padding.h, padding.w) == (0, 0) {
        (output.h * stride.h + filter.h - 1 - input.h, output.w * stride.w + filter.w - 1 - input.w)
    } else {
        (2 * padding.h, 2 * padding.w)
    };
    if (height, width) == (0, 0) {
        return weights + 16;
    }
    let whole = (input.w + width) * (input.h + height) * input.c;
    let stripe = (input.w + width) * filter.h * input.c;
    weights + 16 + if whole <= 40 * 1024 { whole } else { stripe }
}

/// Size for 3 x 3 windows if the kernel pads the channels to a multiple of 16.
fn widened(convolution: &Convolution) -> i128 {
    let Convolution { input, output, stride, padding, .. } = *convolution;
    let channels = rounded(input.c, 16);
    let width = 2 * padding.w + (output.w * stride.w + 2 - input.w).max(0);
    let height = 2 * padding.h + (output.h * stride.h + 2 - input.h).max(0);
    let padded = (input.w + width) * (input.h + height) * channels;
    9 * channels + padded + output.w * output.h * channels + 64
}

/// Size for copies of the filter, the input, the output and the quantization factors with channels padded to a
/// multiple of 8.
fn copied(convolution: &Convolution) -> i128 {
    let Convolution { input, filter, output, .. } = *convolution;
    let channels = rounded(input.c, 8);
    let filter = rounded(2 * filter.w * filter.h * channels, 16);
    let input = rounded(filter + 2 * input.w * input.h * channels, 16);
    let output = rounded(input + output.w * output.h * channels, 16);
    output + 3 * 4 * channels + 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line for each convolution: its kind, 19 numbers that describe it, and the library's size.
    const SIZES: &str = include_str!("esp_nn.tsv");

    #[test]
    fn sizes_are_those_of_the_librarys_functions() {
        for line in SIZES.lines().filter(|line| !line.starts_with('#')) {
            let (name, numbers) = line.split_once('\t').unwrap();
            let numbers: Vec<i128> = numbers.split('\t').map(|number| number.parse().unwrap()).collect();
            let convolution = Convolution { multiplier: numbers[18], ..Convolution::of_numbers(&numbers) };
            let found = if name == "conv" { conv(&convolution) } else { depthwise(&convolution) };
            assert_eq!(found, numbers[19], "{line}");
        }
        assert!(SIZES.lines().count() > 200);
    }
}
