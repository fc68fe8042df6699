//! Images, and the like, of another size.

use super::call::Call;
use super::value::{Told, Value, axes, size, sizes};

pub(super) fn upsample(call: &Call) -> Told<Vec<Value>> {
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
    Ok(vec![Value::new(input.data_type, scaled(&input.dims, &scales)?)?])
}

pub(super) fn resize(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    if call.version < 11 {
        let scales = call.real_numbers(1)?;
        return Ok(vec![Value::new(input.data_type, scaled(&input.dims, scales)?)?]);
    }
    let along = match call.ints("axes").filter(|_| call.version >= 18) {
        Some(numbers) => axes(numbers, input.rank())?,
        None => (0..input.rank()).collect(),
    };
    let before: Vec<u64> = along.iter().map(|&axis| input.dims[axis]).collect();
    let after = sizes_after(call, &before)?;
    let mut dims = input.dims.clone();
    along.iter().zip(after).for_each(|(&axis, dim)| dims[axis] = dim);
    Ok(vec![Value::new(input.data_type, dims)?])
}

fn sizes_after(call: &Call, before: &[u64]) -> Told<Vec<u64>> {
    let has_scales = call.has(2) && call.input(2)?.dims != [0];
    if call.has(3) && has_scales {
        return Err("it has sizes and scales".to_owned());
    }
    if call.has(3) {
        let wanted = sizes(call.numbers(3)?)?;
        if wanted.len() != before.len() {
            return Err(format!("sizes of {wanted:?} are for other axes than {before:?}"));
        }
        return match call.text("keep_aspect_ratio_policy", "stretch")? {
            "stretch" => Ok(wanted),
            "not_larger" => kept_ratio(before, &wanted, f32::min),
            "not_smaller" => kept_ratio(before, &wanted, f32::max),
            other => Err(format!("its attribute `keep_aspect_ratio_policy` is `{other}`")),
        };
    }
    if !has_scales {
        return Err("it lacks scales and sizes".to_owned());
    }
    if call.text("coordinate_transformation_mode", "half_pixel")? == "tf_crop_and_resize" {
        return Err("scales of a part of the input are not supported; only sizes are".to_owned());
    }
    scaled(before, call.real_numbers(2)?)
}

/// Rounded down, in numbers of 32 bits as the scales are.
fn scaled(dims: &[u64], scales: &[f64]) -> Told<Vec<u64>> {
    if dims.len() != scales.len() {
        return Err(format!("scales of {scales:?} are for other axes than {dims:?}"));
    }
    dims.iter().zip(scales).map(|(&dim, &scale)| whole((dim as f32 * scale as f32).floor())).collect()
}

/// All axes by the same factor.
fn kept_ratio(before: &[u64], wanted: &[u64], better: fn(f32, f32) -> f32) -> Told<Vec<u64>> {
    let scales = before.iter().zip(wanted).map(|(&dim, &wanted)| wanted as f32 / dim as f32);
    let Some(scale) = scales.reduce(better) else { return Ok(Vec::new()) };
    before.iter().map(|&dim| whole((dim as f32 * scale + 0.5).floor())).collect()
}

/// Above 24 bits, numbers of 32 bits are not exact, and runtimes differ.
fn whole(number: f32) -> Told<u64> {
    if (0.0..16_777_216.0).contains(&number) {
        size(number as i64)
    } else {
        Err(format!("it makes a size of {number}"))
    }
}

/// Points of the input for each point of a grid.
pub(super) fn grid_sample(call: &Call) -> Told<Vec<Value>> {
    let (input, grid) = (call.input(0)?, call.input(1)?);
    let (Some(points), true) = (grid.dims.get(1..grid.rank().max(1) - 1), input.rank() == grid.rank()) else {
        return Err(format!("a grid of shape {:?} does not fit {:?}", grid.dims, input.dims));
    };
    Ok(vec![Value::new(input.data_type, [&[input.dim(0)?, input.dim(1)?], points].concat())?])
}

pub(super) fn affine_grid(call: &Call) -> Told<Vec<Value>> {
    let theta = call.input(0)?;
    let target = sizes(call.numbers(1)?)?;
    let (batch, spatial) = match target.as_slice() {
        [batch, _, spatial @ ..] if (2..=3).contains(&spatial.len()) => (*batch, spatial),
        _ => return Err(format!("a size of {target:?} is of no image")),
    };
    let dims = [&[batch], spatial, &[spatial.len() as u64]].concat();
    Ok(vec![Value::new(theta.data_type, dims)?])
}
