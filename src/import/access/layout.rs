//! Operators that move elements: concatenation, slices, padding, transposes, reshapes, blocks of pixels.

use super::{OperatorShapes, row_map};
use crate::graph::{Outside, RowMap, TileAxis};

/// A concatenation of `inputs` along an axis: along it, the rows of each input are shifted.
pub(in crate::import) fn concatenation(
    shapes: &OperatorShapes<'_>,
    along: usize,
    inputs: &[usize],
) -> Vec<TileAxis> {
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
pub(in crate::import) fn split(shapes: &OperatorShapes<'_>, along: usize, input: usize) -> Vec<TileAxis> {
    kept(shapes, input, |axis| (axis != along).then_some(axis))
}

/// Operators whose output axes are axes of input `input`: `source` leads from an output axis to that of the input, or to
/// none if it is not one.
pub(in crate::import) fn kept(
    shapes: &OperatorShapes<'_>,
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
pub(in crate::import) fn permuted(shapes: &OperatorShapes<'_>, order: &[usize]) -> Vec<TileAxis> {
    kept(shapes, 0, |axis| order.get(axis).copied())
}

/// A slice: along each axis its first row and its step, or none if they are unknown or the step is negative.
pub(in crate::import) fn sliced(shapes: &OperatorShapes<'_>, ranges: &[Option<(u64, u64)>]) -> Vec<TileAxis> {
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
    shapes: &OperatorShapes<'_>,
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
pub(in crate::import) fn padded(
    shapes: &OperatorShapes<'_>,
    pads: &[Option<(i64, Outside)>],
) -> Vec<TileAxis> {
    let rank = shapes.output().map_or(0, <[u64]>::len);
    let axes = shapes.order(rank).into_iter().filter_map(|axis| {
        let (before, outside) = (*pads.get(axis)?)?;
        let map = row_map([1, 1], [-i128::from(before); 2], outside)?;
        Some(shapes.axis(axis, [(0, axis, map)]))
    });
    axes.collect()
}

/// Inputs stacked along a new axis `at`: the other axes of each input.
pub(in crate::import) fn packed(shapes: &OperatorShapes<'_>, at: usize, inputs: usize) -> Vec<TileAxis> {
    let rank = shapes.output().map_or(0, <[u64]>::len);
    let axes = shapes.order(rank).into_iter().filter(|&axis| axis != at);
    let own = |axis: usize| if axis > at { axis - 1 } else { axis };
    axes.map(|axis| shapes.axis(axis, (0..inputs).map(|input| (input, own(axis), RowMap::SAME)))).collect()
}

/// A change of shape: the axes of the output that consist of whole rows of one axis of the input, or of equal parts of
/// its rows.
pub(in crate::import) fn reshaped(shapes: &OperatorShapes<'_>) -> Vec<TileAxis> {
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
    shapes: &OperatorShapes<'_>,
    maps: impl IntoIterator<Item = (usize, Option<RowMap>)>,
) -> Vec<TileAxis> {
    let axes = maps.into_iter().filter_map(|(axis, map)| Some(shapes.axis(axis, [(0, axis, map?)])));
    axes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements of a row along an axis, by row-major index.
    fn elements(shape: &[u64], axis: usize, row: u64) -> Vec<u64> {
        let inner: u64 = shape[axis + 1..].iter().product();
        let count: u64 = shape.iter().product();
        (0..count).filter(|index| index / inner % shape[axis] == row).collect()
    }

    /// Shapes of 24 and 36 elements.
    const SHAPES: [&[u64]; 14] = [
        &[24],
        &[2, 12],
        &[12, 2],
        &[4, 6],
        &[2, 3, 4],
        &[1, 24, 1],
        &[4, 1, 6],
        &[2, 2, 2, 3],
        &[36],
        &[6, 6],
        &[4, 9],
        &[3, 12],
        &[2, 3, 3, 2],
        &[1, 9, 1, 4],
    ];

    #[test]
    fn rows_of_a_reshape_are_whole_rows_or_parts_of_one() {
        let mut followed = 0;
        let pairs = SHAPES.iter().flat_map(|from| SHAPES.iter().map(move |to| (from, to)));
        for (from, to) in pairs {
            for axis in 0..to.len() {
                let Some((own, map)) = flattened(from, to, axis) else { continue };
                followed += 1;
                for row in 0..to[axis] {
                    let read = map.reads(row..row + 1, from[own]).rows;
                    let available: Vec<u64> = read.flat_map(|row| elements(from, own, row)).collect();
                    let needed = elements(to, axis, row);
                    assert!(needed.iter().all(|element| available.contains(element)), "{from:?} to {to:?}");
                    let (numerator, denominator, ..) = map.numbers();
                    let parts = if numerator == 1 { u64::from(denominator) } else { 1 };
                    assert_eq!(needed.len() as u64 * parts, available.len() as u64, "{from:?} to {to:?}");
                }
            }
        }
        assert!(followed > 100, "only {followed} axes followed");
        assert_eq!(flattened(&[4, 6], &[6, 4], 0), None, "a row consists of parts of two rows");
        assert_eq!(flattened(&[2, 3, 4], &[2, 12], 0), Some((0, RowMap::SAME)));
        assert_eq!(flattened(&[0, 3], &[3, 0], 0), None);
    }
}
