//! Operators that move elements: concatenation, slices, padding, transposes, reshapes, blocks of pixels.

use super::{Shapes, row_map};
use crate::graph::{Outside, RowMap, TileAxis};

/// A concatenation of `inputs` along an axis: along it, the rows of each input are shifted.
pub(in crate::import) fn concatenation(shapes: &Shapes<'_>, along: usize, inputs: &[usize]) -> Vec<TileAxis> {
    let rank = shapes.output().map_or(0, <[u64]>::len);
    let axes = shapes.order(rank).into_iter().filter_map(|axis| {
        let mut begin = 0_i128;
        let rows = inputs.iter().map(|&input| {
            let shape = shapes.input(input).filter(|shape| shape.len() == rank)?;
            if axis != along {
                return Some((input, axis, RowMap::SAME));
            }
            let map = row_map([1, 1], [-begin; 2], Outside::Padding)?;
            begin += i128::from(shape[axis]);
            Some((input, axis, map))
        });
        Some(shapes.axis(axis, rows.collect::<Option<Vec<_>>>()?))
    });
    axes.collect()
}

/// Pieces of input `input` along an axis: each other axis is split alike.
pub(in crate::import) fn split(shapes: &Shapes<'_>, along: usize, input: usize) -> Vec<TileAxis> {
    kept(shapes, input, |axis| (axis != along).then_some(axis))
}

/// Operators whose output axes are axes of input `input`: `source` leads from an output axis to that of the input, or to
/// none if it is not one.
pub(in crate::import) fn kept(
    shapes: &Shapes<'_>,
    input: usize,
    source: impl Fn(usize) -> Option<usize>,
) -> Vec<TileAxis> {
    let rank = shapes.output().map_or(0, <[u64]>::len);
    let from = shapes.input(input).map_or(0, <[u64]>::len);
    let axes = shapes.order(rank).into_iter().filter_map(|axis| {
        let own = source(axis).filter(|&own| own < from)?;
        Some(shapes.axis(axis, [(input, own, RowMap::SAME)]))
    });
    axes.collect()
}

/// A transpose: axis `i` of the output is axis `order[i]` of the input.
pub(in crate::import) fn permuted(shapes: &Shapes<'_>, order: &[usize]) -> Vec<TileAxis> {
    kept(shapes, 0, |axis| order.get(axis).copied())
}

/// A slice: along each axis its first row and its step, or none if they are unknown or the step is negative.
pub(in crate::import) fn sliced(shapes: &Shapes<'_>, ranges: &[Option<(u64, u64)>]) -> Vec<TileAxis> {
    let rank = shapes.output().map_or(0, <[u64]>::len);
    let axes = shapes.order(rank).into_iter().filter_map(|axis| {
        let (begin, step) = (*ranges.get(axis)?)?;
        let map = row_map([step.into(), 1], [begin.into(); 2], Outside::Padding)?;
        Some(shapes.axis(axis, [(0, axis, map)]))
    });
    axes.collect()
}

/// A slice that drops and inserts axes: for each output axis, the axis of the input with first row and step.
pub(in crate::import) fn selected(
    shapes: &Shapes<'_>,
    ranges: &[Option<(usize, u64, u64)>],
) -> Vec<TileAxis> {
    let axes = shapes.order(ranges.len()).into_iter().filter_map(|axis| {
        let (own, begin, step) = ranges[axis]?;
        let map = row_map([step.into(), 1], [begin.into(); 2], Outside::Padding)?;
        Some(shapes.axis(axis, [(0, own, map)]))
    });
    axes.collect()
}

/// Padding: along each axis the number of rows before the first row, negative if rows are cut off, and the rows
/// outside; none for axes that cannot be split.
pub(in crate::import) fn padded(shapes: &Shapes<'_>, pads: &[Option<(i64, Outside)>]) -> Vec<TileAxis> {
    let rank = shapes.output().map_or(0, <[u64]>::len);
    let axes = shapes.order(rank).into_iter().filter_map(|axis| {
        let (before, outside) = (*pads.get(axis)?)?;
        let map = row_map([1, 1], [-i128::from(before); 2], outside)?;
        Some(shapes.axis(axis, [(0, axis, map)]))
    });
    axes.collect()
}

/// Inputs stacked along a new axis `at`: the other axes of each input.
pub(in crate::import) fn packed(shapes: &Shapes<'_>, at: usize, inputs: usize) -> Vec<TileAxis> {
    let rank = shapes.output().map_or(0, <[u64]>::len);
    let axes = shapes.order(rank).into_iter().filter(|&axis| axis != at);
    let own = |axis: usize| if axis > at { axis - 1 } else { axis };
    axes.map(|axis| shapes.axis(axis, (0..inputs).map(|input| (input, own(axis), RowMap::SAME)))).collect()
}

/// A change of shape: the axes of the output that consist of whole rows of one axis of the input, or of equal parts of
/// its rows.
pub(in crate::import) fn reshaped(shapes: &Shapes<'_>) -> Vec<TileAxis> {
    let (Some(from), Some(to)) = (shapes.input(0), shapes.output()) else { return Vec::new() };
    let followed = |axis: usize| {
        let (own, map) = flattened(from, to, axis)?;
        Some(shapes.axis(axis, [(0, own, map)]))
    };
    shapes.order(to.len()).into_iter().filter_map(followed).collect()
}

/// The axis and the rows of a tensor of shape `from` that row-major shape `to` has along an axis; none if they are not
/// whole rows, or equal parts of one row.
pub(in crate::import) fn flattened(from: &[u64], to: &[u64], axis: usize) -> Option<(usize, RowMap)> {
    let product = |dims: &[u64]| dims.iter().try_fold(1_i128, |all, &dim| all.checked_mul(dim.into()));
    let total = product(from)?;
    if total == 0 || product(to)? != total {
        return None;
    }
    // The axis that begins after the same outer dimensions. Axes of extent 1 before it have no rows to tell apart.
    let outer = product(&to[..axis])?;
    let own = (0..from.len()).find(|&own| from[own] > 1 && product(&from[..own]) == Some(outer))?;
    let (ours, theirs) = (product(&to[axis + 1..])?, product(&from[own + 1..])?);
    let map = if ours % theirs == 0 {
        row_map([ours / theirs, 1], [0, ours / theirs - 1], Outside::Padding)
    } else if theirs % ours == 0 {
        row_map([1, theirs / ours], [0, 0], Outside::Padding)
    } else {
        None
    };
    Some((own, map?))
}

/// Channels moved into blocks of pixels: row `r` of the output reads row `r / block`, after `cropped` rows are cut off.
pub(in crate::import) fn depth_to_blocks(block: u64, cropped: u64) -> Option<RowMap> {
    row_map([1, block.into()], [cropped.into(); 2], Outside::Padding)
}

/// Blocks of pixels moved into channels: row `r` of the output reads `block` rows, after `padded` rows are added.
pub(in crate::import) fn blocks_to_depth(block: u64, padded: u64) -> Option<RowMap> {
    let (block, padded) = (i128::from(block), i128::from(padded));
    row_map([block, 1], [-padded, block - 1 - padded], Outside::Padding)
}

/// Axes of input 0 with a map each, at the same position in the output.
pub(in crate::import) fn joined(
    shapes: &Shapes<'_>,
    maps: impl IntoIterator<Item = (usize, Option<RowMap>)>,
) -> Vec<TileAxis> {
    let axes = maps.into_iter().filter_map(|(axis, map)| Some(shapes.axis(axis, [(0, axis, map?)])));
    axes.collect()
}
