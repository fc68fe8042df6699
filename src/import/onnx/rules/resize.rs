//! Resizing and grid sampling.

use super::call::NodeCall;
use crate::import::dims::{ensure, size, sizes};
use crate::import::onnx::value::{Inferred, Outputs, Value};

pub(crate) fn upsample(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let scales: Vec<f64> = match call.version {
        9.. => call.real_numbers(1)?.to_vec(),
        7.. => {
            let scales = call.attribute("scales").ok_or("it lacks scales")?;
            scales.floats.iter().map(|&scale| scale.into()).collect()
        }
        _ => {
            let scale =
                |name| call.attribute(name).map(|attribute| f64::from(attribute.f)).ok_or("it lacks scales");
            vec![1.0, 1.0, scale("height_scale")?, scale("width_scale")?]
        }
    };
    Value::single(input.data_type, scaled(&input.dims, &scales)?)
}

pub(crate) fn resize(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    if call.version < 11 {
        let scales = call.real_numbers(1)?;
        return Value::single(input.data_type, scaled(&input.dims, scales)?);
    }
    let axes = call.ints("axes").filter(|_| call.version >= 18);
    // ONNX Runtime does not resize then.
    let is_kept = call.text("keep_aspect_ratio_policy", "stretch")? != "stretch" && call.has(3);
    let is_negative = axes.iter().flat_map(|axes| axes.iter()).any(|&axis| axis < 0);
    ensure!(!(is_kept && is_negative), "runtimes differ for a kept aspect ratio with negative axes");
    let along = NodeCall::axes_or_all(axes, input.rank())?;
    let before: Vec<u64> = along.iter().map(|&axis| input.dims[axis]).collect();
    let after = sizes_after(call, &before)?;
    let mut dims = input.dims.clone();
    along.iter().zip(after).for_each(|(&axis, dim)| dims[axis] = dim);
    Value::single(input.data_type, dims)
}

fn sizes_after(call: &NodeCall, before: &[u64]) -> Inferred<Vec<u64>> {
    let has_scales = call.has(2) && call.input(2)?.dims != [0];
    ensure!(!(call.has(3) && has_scales), "it has both sizes and scales");
    if call.has(3) {
        let wanted = sizes(call.numbers(3)?)?;
        let fits = wanted.len() == before.len();
        ensure!(fits, "its sizes {wanted:?} do not match the axes of shape {before:?}");
        return match call.text("keep_aspect_ratio_policy", "stretch")? {
            "stretch" => Ok(wanted),
            "not_larger" => kept_ratio(before, &wanted, f32::min),
            "not_smaller" => kept_ratio(before, &wanted, f32::max),
            other => {
                Err(format!("its attribute `keep_aspect_ratio_policy` has the unsupported value `{other}`"))
            }
        };
    }
    ensure!(has_scales, "it has neither scales nor sizes");
    let mode = call.text("coordinate_transformation_mode", "half_pixel")?;
    ensure!(mode != "tf_crop_and_resize", "scales with `tf_crop_and_resize` are not supported, only sizes");
    scaled(before, call.real_numbers(2)?)
}

/// Scaled dimensions, multiplied and rounded down in 32-bit floating point, as in runtimes.
fn scaled(dims: &[u64], scales: &[f64]) -> Inferred<Vec<u64>> {
    ensure!(dims.len() == scales.len(), "its scales {scales:?} do not match the axes of shape {dims:?}");
    dims.iter().zip(scales).map(|(&dim, &scale)| whole((dim as f32 * scale as f32).floor())).collect()
}

/// All axes scaled by one factor: the smallest or the largest of those that the target sizes give.
fn kept_ratio(before: &[u64], target: &[u64], choose: fn(f32, f32) -> f32) -> Inferred<Vec<u64>> {
    let scales = before.iter().zip(target).map(|(&dim, &target)| target as f32 / dim as f32);
    let Some(scale) = scales.reduce(choose) else { return Ok(Vec::new()) };
    before.iter().map(|&dim| whole((dim as f32 * scale + 0.5).floor())).collect()
}

/// A computed size as an integer. Above 24 bits, 32-bit floating point is not exact, and runtimes differ.
fn whole(number: f32) -> Inferred<u64> {
    let is_exact = (0.0..16_777_216.0).contains(&number);
    ensure!(is_exact, "the computed size {number} is negative or exceeds 24 bits");
    size(number as i64)
}

/// `GridSample`: an element of the input for each point of a grid.
pub(crate) fn grid_sample(call: &NodeCall) -> Outputs {
    let (input, grid) = (call.input(0)?, call.input(1)?);
    let (Some(points), true) = (grid.dims.get(1..grid.rank().max(1) - 1), input.rank() == grid.rank()) else {
        return Err(format!(
            "its grid of shape {:?} does not match its input of shape {:?}",
            grid.dims, input.dims
        ));
    };
    Value::single(input.data_type, [&[input.dim(0)?, input.dim(1)?], points].concat())
}

pub(crate) fn affine_grid(call: &NodeCall) -> Outputs {
    let theta = call.input(0)?;
    let target = sizes(call.numbers(1)?)?;
    let (batch, spatial) = match target.as_slice() {
        [batch, _, spatial @ ..] if (2..=3).contains(&spatial.len()) => (*batch, spatial),
        _ => return Err(format!("its size {target:?} has neither four nor five elements")),
    };
    let dims = [&[batch], spatial, &[spatial.len() as u64]].concat();
    Value::single(theta.data_type, dims)
}
