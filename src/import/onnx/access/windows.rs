//! Convolutions, pooling and resampling.

use super::node::{NodeFacts, Stated, axes};
use crate::graph::{RowMap, TileAxis};
use crate::import::access::{
    AccessWindow, ConvolutionAccess, Coordinates, Interpolation, Resampling, Rounding, Scale, convolution,
    pooling, resampled, same_padding,
};

/// The windows of a node, by spatial axis. `input` and `output` are the sizes that padding by `auto_pad` relates.
fn windows(
    facts: &NodeFacts<'_>,
    kernel: &[u64],
    input: &[u64],
    output: &[u64],
) -> Option<Vec<AccessWindow>> {
    let rank = kernel.len();
    let list = |name: &str| match facts.ints(name) {
        None => Some(vec![1; rank]),
        Some(numbers) if numbers.len() == rank => {
            numbers.iter().map(|&number| u64::try_from(number).ok()).collect::<Option<Vec<_>>>()
        }
        Some(_) => None,
    };
    let (strides, dilations) = (list("strides")?, list("dilations")?);
    let pads = facts.ints("pads").filter(|pads| pads.len() == 2 * rank);
    let auto_pad = facts.text("auto_pad", "NOTSET")?;
    if input.len() != rank || output.len() != rank || (pads.is_none() && facts.ints("pads").is_some()) {
        return None;
    }
    let window = |axis: usize| {
        let (kernel, stride, dilation) = (kernel[axis], strides[axis], dilations[axis]);
        let mut window = AccessWindow { kernel, stride, dilation, before: [0; 2] };
        let [smaller, larger] = same_padding(&window, input[axis], output[axis]);
        window.before = match auto_pad {
            "NOTSET" | "" => [pads.map_or(0, |pads| pads[axis]); 2],
            "VALID" => [0; 2],
            "SAME_UPPER" => [smaller; 2],
            "SAME_LOWER" => [larger; 2],
            _ => return None,
        };
        Some(window)
    };
    (0..rank).map(window).collect()
}

/// The spatial axes of a shape.
fn spatial(shape: &[u64]) -> Option<&[u64]> {
    shape.get(2..)
}

/// `Conv` and its relatives, by the positions of weights, bias, and an input that is added to the output.
pub(super) fn conv(facts: &NodeFacts<'_>, [weights, bias]: [usize; 2], sum: Option<usize>) -> Option<Stated> {
    let (input, filters, output) = (facts.input(0)?, facts.input(weights)?, facts.output()?);
    if facts.int("channels_last", 0) != 0 {
        return None;
    }
    let kernel = spatial(filters)?;
    let windows = windows(facts, kernel, spatial(input)?, spatial(output)?)?;
    let groups = u64::try_from(facts.int("group", 1)).ok().filter(|&groups| groups > 0)?;
    let group = (groups > 1).then(|| [filters[1], filters[0] / groups]);
    let convolved = ConvolutionAccess {
        input: 0,
        weights,
        bias,
        filters: Some(0),
        windows: &windows,
        group,
        is_transposed: false,
        sum,
    };
    let cost = filters[1..].iter().try_fold(1_u64, |all, &dim| all.checked_mul(dim))?;
    Some((cost, convolution(&facts.shapes, &convolved)))
}

pub(super) fn conv_transpose(facts: &NodeFacts<'_>) -> Option<Stated> {
    let (input, filters, output) = (facts.input(0)?, facts.input(1)?, facts.output()?);
    let (kernel, before, after) = (spatial(filters)?, spatial(input)?, spatial(output)?);
    let mut windows = windows(facts, kernel, before, after)?;
    let is_automatic = facts.text("auto_pad", "NOTSET")?.starts_with("SAME");
    if facts.ints("output_shape").is_some() || is_automatic {
        let extra = facts.ints("output_padding").filter(|extra| extra.len() == windows.len());
        for (axis, window) in windows.iter_mut().enumerate() {
            // Padding follows from the output. Runtimes differ about the larger half.
            let whole = window.span(before[axis]) + extra.map_or(0, |extra| i128::from(extra[axis]));
            let total = (whole - i128::from(after[axis])).max(0);
            window.before =
                [total / 2, total - total / 2].map(|half| i64::try_from(half).unwrap_or(i64::MAX));
        }
    }
    let groups = u64::try_from(facts.int("group", 1)).ok().filter(|&groups| groups > 0)?;
    let convolved = ConvolutionAccess {
        input: 0,
        weights: 1,
        bias: 2,
        filters: (groups == 1).then_some(1),
        windows: &windows,
        group: (groups > 1).then(|| [filters[0] / groups, filters[1]]),
        is_transposed: true,
        sum: None,
    };
    // Each input element is multiplied with all filters of its channel.
    let product = |dims: &[u64]| dims.iter().try_fold(1_u128, |all, &dim| all.checked_mul(dim.into()));
    let filters = product(&filters[1..])?;
    let all = product(input)?.checked_mul(filters)?;
    let cost = u64::try_from(all.checked_div(product(output)?)?).ok()?;
    Some((cost.max(1), convolution(&facts.shapes, &convolved)))
}

/// Pooling, without the indices of maxima, which count elements of the whole tensor.
pub(super) fn pool(facts: &NodeFacts<'_>) -> Option<Stated> {
    if facts.has_output(1) || facts.int("channels_last", 0) != 0 {
        return None;
    }
    let kernel: Option<Vec<u64>> =
        facts.ints("kernel_shape")?.iter().map(|&number| u64::try_from(number).ok()).collect();
    let (input, output) = (spatial(facts.input(0)?)?, spatial(facts.output()?)?);
    let mut windows = windows(facts, &kernel?, input, output)?;
    if facts.text("auto_pad", "NOTSET")?.starts_with("SAME") {
        // Some runtimes leave the dilation out when they compute the padding.
        if windows.iter().any(|window| window.dilation > 1) {
            return None;
        }
        // Strides above the kernel may leave rows over. Some runtimes leave out half of them before the first window
        // (ONNX Runtime's AveragePool), others none.
        for (axis, window) in windows.iter_mut().enumerate() {
            let rest = (i128::from(input[axis]) - window.span(output[axis])).max(0);
            let half = i64::try_from(rest - rest / 2).unwrap_or(i64::MAX);
            window.before[0] = window.before[0].saturating_sub(half);
        }
    }
    Some((1, pooling(&facts.shapes, &windows)))
}

/// The scales of `Resize` and `Upsample`: by axis of the tensor, if known.
fn scales(facts: &NodeFacts<'_>, along: &[usize], rank: usize) -> Option<Vec<Option<f64>>> {
    let is_upsample = facts.node.op_type() == "Upsample";
    let given: Vec<f64> = if is_upsample && facts.version < 9 {
        if let Some(scales) = facts.attribute("scales") {
            scales.floats.iter().map(|&scale| f64::from(scale)).collect()
        } else {
            let one = |name| facts.attribute(name).map(|attribute| f64::from(attribute.f));
            vec![1.0, 1.0, one("height_scale")?, one("width_scale")?]
        }
    } else {
        let position = if is_upsample || facts.version < 11 { 1 } else { 2 };
        facts.floats(position)?.to_vec()
    };
    if given.len() != along.len() {
        return None;
    }
    let mut scales = vec![Some(1.0); rank];
    along.iter().zip(given).for_each(|(&axis, scale)| scales[axis] = Some(f64::from(scale as f32)));
    Some(scales)
}

/// Returns true if `Resize` has sizes, which replace scales.
fn has_sizes(facts: &NodeFacts<'_>) -> bool {
    facts.version >= 11 && facts.node.op_type() == "Resize" && facts.has(3)
}

fn interpolation(facts: &NodeFacts<'_>) -> Option<Interpolation> {
    Some(match facts.text("mode", "nearest")? {
        "nearest" if facts.node.op_type() == "Upsample" || facts.version < 11 => {
            Interpolation::Nearest(Rounding::Floor)
        }
        "nearest" => Interpolation::Nearest(match facts.text("nearest_mode", "round_prefer_floor")? {
            "round_prefer_floor" => Rounding::HalfDown,
            "round_prefer_ceil" => Rounding::HalfUp,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            _ => return None,
        }),
        "linear" | "bilinear" => Interpolation::Linear,
        "cubic" => Interpolation::Cubic,
        _ => return None,
    })
}

/// The coordinates along an axis. `entry` of `entries` is its position in the list of regions.
fn coordinates(facts: &NodeFacts<'_>, entry: Option<(usize, usize)>) -> Option<Coordinates> {
    if facts.node.op_type() == "Upsample" || facts.version < 11 {
        return Some(Coordinates::Asymmetric);
    }
    Some(match facts.text("coordinate_transformation_mode", "half_pixel")? {
        // The two differ for one output row, which is not split.
        "half_pixel" | "pytorch_half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_half_pixel_for_nn" => Coordinates::HalfPixelForNearest,
        "tf_crop_and_resize" => {
            let (Some((entry, entries)), region) = (entry, facts.floats(1)?) else {
                return Some(Coordinates::Crop(0.0, 1.0));
            };
            Coordinates::Crop(*region.get(entry)?, *region.get(entries + entry)?)
        }
        _ => return None,
    })
}

/// `Resize` and `Upsample`.
pub(super) fn resize(facts: &NodeFacts<'_>) -> Option<Stated> {
    let (input, output) = (facts.input(0)?, facts.output()?);
    let rank = input.len();
    let along = match facts.ints("axes").filter(|_| facts.version >= 18) {
        Some(numbers) => axes(numbers, rank)?,
        None => (0..rank).collect(),
    };
    let scales = if has_sizes(facts) { None } else { Some(scales(facts, &along, rank)?) };
    let keeps_ratio = facts.text("keep_aspect_ratio_policy", "stretch")? != "stretch";
    if output.len() != rank || (scales.is_none() && keeps_ratio) {
        return None;
    }
    let interpolation = interpolation(facts)?;
    let antialias = facts.int("antialias", 0) != 0;
    let axis = |axis: usize| -> Option<TileAxis> {
        let (from, to) = (input[axis], output[axis]);
        let position = along.iter().position(|&listed| listed == axis).map(|entry| (entry, along.len()));
        let scale = match &scales {
            Some(scales) => Scale::of_number(scales[axis]?)?,
            None => Scale::of_sizes(from, to, false)?,
        };
        let coordinates = coordinates(facts, position)?;
        // Implementations differ: for aligned corners and symmetric centres, ONNX Runtime takes the number of rows of the output, the reference
        // implementation of ONNX the product of size and scale. Where a scale changes no size, ONNX Runtime copies.
        let product = scales.as_ref().and_then(|scales| scales[axis]).map(|scale| scale * from as f64);
        let is_fraction = product.is_some_and(|product| product.total_cmp(&(to as f64)).is_ne());
        let depends_on_size =
            matches!(coordinates, Coordinates::AlignCorners | Coordinates::HalfPixelSymmetric);
        if is_fraction && (from == to || depends_on_size) {
            return None;
        }
        let resampling = Resampling {
            input: from,
            output: to,
            scale,
            coordinates,
            interpolation,
            antialias,
            is_coarse: false,
        };
        let is_identity = from == to && scale.is_one() && !matches!(coordinates, Coordinates::Crop(..));
        let map = if is_identity { RowMap::SAME } else { resampled(&resampling)? };
        Some(facts.shapes.axis(axis, [(0, axis, map)]))
    };
    Some((1, facts.shapes.order(rank).into_iter().filter_map(axis).collect()))
}
