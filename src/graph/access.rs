//! Access maps: which rows of its inputs an operator reads to compute rows of its outputs.
//!
//! "Row" is a position along one axis of a tensor, whichever axis that is. Tiling
//! ([`crate::tiling`]) runs operators on ranges of rows and needs to know what each range reads.

use std::ops::Range;

use super::{Operator, Tensor};
use crate::error::{AccessProblem, Error, Result};
use crate::support::ids::OperatorId;

/// The statement of an operator about runs on a part of its rows.
///
/// ```
/// use plimsoll::{AccessMap, ElementType, Graph, RowMap, TensorSpec, TileAxis};
///
/// let mut net = Graph::builder("conv");
/// let x = net.input("x", TensorSpec::shaped(ElementType::Int8, [1, 32, 32, 8]));
/// let y = net.tensor("y", TensorSpec::shaped(ElementType::Int8, [1, 16, 32, 4]));
/// // 3 rows by 3 columns of 8 channels, stride 2 in rows, one row of padding above.
/// let rows = TileAxis::new([1], [Some((1, RowMap::window(3, 2, 1, 1)))]);
/// net.operator("conv").reads([x]).writes([y]).access(AccessMap::new(3 * 3 * 8, [rows]));
/// net.output(y);
/// let net = net.build()?;
/// let map = net.operators()[0].access().unwrap();
/// assert_eq!(map.axes()[0].inputs()[0].unwrap().1.reads(4..6, 32).rows, 7..12);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AccessMap {
    cost_per_element: u64,
    axes: Vec<TileAxis>,
}

impl AccessMap {
    /// An access map of an operator that spends `cost_per_element` units, multiply-accumulates for
    /// example, on each element of its outputs, and can be split along each of `axes`.
    pub fn new(cost_per_element: u64, axes: impl IntoIterator<Item = TileAxis>) -> Self {
        Self { cost_per_element, axes: axes.into_iter().collect() }
    }

    /// Cost of one element of an output.
    #[must_use]
    pub fn cost_per_element(&self) -> u64 {
        self.cost_per_element
    }

    /// The axes along which the operator can be split, in the order of preference.
    #[must_use]
    pub fn axes(&self) -> &[TileAxis] {
        &self.axes
    }
}

/// One axis along which an operator can be split.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TileAxis {
    outputs: Vec<usize>,
    inputs: Vec<Option<(usize, RowMap)>>,
}

impl TileAxis {
    /// The axis of each output, and for each input its axis and the rows that a row of the outputs
    /// reads. None for an input means that every row of the outputs reads all of it. Inputs after the
    /// listed ones are read as a whole.
    pub fn new(
        outputs: impl IntoIterator<Item = usize>,
        inputs: impl IntoIterator<Item = Option<(usize, RowMap)>>,
    ) -> Self {
        Self { outputs: outputs.into_iter().collect(), inputs: inputs.into_iter().collect() }
    }

    /// The axis of each output, by position. All outputs have the same number of rows.
    #[must_use]
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// The axis and the map of each input, by position; none for inputs that are read as a whole.
    #[must_use]
    pub fn inputs(&self) -> &[Option<(usize, RowMap)>] {
        &self.inputs
    }
}

/// Maps a row of an output to the rows of an input that it reads.
///
/// Row `r` reads the rows from `floor((r * numerator + first) / denominator)` to
/// `floor((r * numerator + last) / denominator)`, both included. Both ends grow with `r`, so a range
/// of rows reads the range from the first end of its first row to the last end of its last row.
/// Rows outside of the input are padding, or repeat the row at the edge ([`Outside`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowMap {
    numerator: u32,
    denominator: u32,
    first: i64,
    last: i64,
    outside: Outside,
}

/// The contents of rows outside of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Outside {
    /// A constant, or nothing: convolutions, pooling, padding, parts of a concatenation.
    #[default]
    Padding,
    /// The nearest row of the input: interpolation.
    Edge,
}

/// The rows of an input that a range of output rows reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsRead {
    /// Rows within the input. Empty if all rows read are padding.
    pub rows: Range<u64>,
    /// Number of padding rows before the first row of the input.
    pub before: u64,
    /// Number of padding rows after the last row of the input.
    pub after: u64,
}

impl RowMap {
    /// The maximum numerator and denominator.
    pub const MAX_FACTOR: u32 = 1 << 24;
    /// The maximum number of rows of a tensor that is split, and the maximum of `first` and `last`.
    pub const MAX_ROWS: u64 = 1 << 32;

    /// Row `r` reads row `r`: elementwise operators, normalization along another axis.
    pub const SAME: Self =
        Self { numerator: 1, denominator: 1, first: 0, last: 0, outside: Outside::Padding };

    /// The map with these numbers.
    #[must_use]
    pub fn new(numerator: u32, denominator: u32, first: i64, last: i64, outside: Outside) -> Self {
        Self { numerator, denominator, first, last, outside }
    }

    /// Convolution and pooling: row `r` reads `kernel` rows, `dilation` rows apart, from
    /// `r * stride - pad_before` on.
    #[must_use]
    pub fn window(kernel: u32, stride: u32, dilation: u32, pad_before: u32) -> Self {
        let first = -i64::from(pad_before);
        let reach = (i64::from(kernel) - 1) * i64::from(dilation);
        Self { numerator: stride, first, last: first + reach, ..Self::SAME }
    }

    /// Transposed convolution: input row `i` adds to the `kernel` output rows that are `dilation`
    /// rows apart, from `i * stride - pad_before` on.
    #[must_use]
    pub fn transposed(kernel: u32, stride: u32, dilation: u32, pad_before: u32) -> Self {
        let last = i64::from(pad_before);
        let reach = (i64::from(kernel) - 1) * i64::from(dilation);
        // The first row is a quotient that is rounded up.
        let first = last - reach + i64::from(stride) - 1;
        Self { denominator: stride, first, last: last.max(first), ..Self::SAME }
    }

    /// Slices, padding and concatenation along the axis: row `r` reads row `r + by`.
    #[must_use]
    pub fn shifted(by: i64) -> Self {
        Self { first: by, last: by, ..Self::SAME }
    }

    /// All numbers are within their limits, and the first row read is not after the last.
    fn is_valid(&self) -> bool {
        let small = |number: i64| number.unsigned_abs() <= Self::MAX_ROWS;
        (1..=Self::MAX_FACTOR).contains(&self.denominator)
            && self.numerator <= Self::MAX_FACTOR
            && small(self.first)
            && small(self.last)
            && self.first <= self.last
    }

    /// Numerator, denominator, first, last.
    #[must_use]
    #[inline]
    pub fn numbers(&self) -> (u32, u32, i64, i64) {
        (self.numerator, self.denominator, self.first, self.last)
    }

    /// The contents of rows outside of the input.
    #[must_use]
    pub fn outside(&self) -> Outside {
        self.outside
    }

    /// The rows of an input with `count` rows that the output rows `rows` read.
    ///
    /// Rows of a map within its limits never overflow. Empty if `rows` is empty.
    #[must_use]
    #[inline]
    #[allow(clippy::cast_sign_loss)] // all numbers are clamped to the rows of the input, or to padding
    pub fn reads(&self, rows: Range<u64>, count: u64) -> RowsRead {
        if rows.is_empty() || count == 0 {
            return RowsRead { rows: 0..0, before: 0, after: 0 };
        }
        // Within the limits of maps and rows, 64 bits suffice.
        let at = |row: u64, term: i64| {
            let row = i64::try_from(row).unwrap_or(i64::MAX);
            let exact = row.saturating_mul(i64::from(self.numerator)).saturating_add(term);
            if self.denominator == 1 { exact } else { exact.div_euclid(i64::from(self.denominator)) }
        };
        let (low, high) = (at(rows.start, self.first), at(rows.end - 1, self.last).saturating_add(1));
        let most = i64::try_from(count).unwrap_or(i64::MAX);
        if self.outside == Outside::Edge {
            let [low, high] = [low.clamp(0, most - 1), high.clamp(1, most)];
            return RowsRead { rows: low as u64..high as u64, before: 0, after: 0 };
        }
        let all = high.saturating_sub(low);
        let [before, after] = [(-low).clamp(0, all), (high - most).clamp(0, all)];
        let [low, high] = [low.clamp(0, most), high.clamp(0, most)];
        RowsRead { rows: low as u64..high as u64, before: before as u64, after: after as u64 }
    }
}

/// Checks the access maps of all operators: axes exist, outputs have equal rows, numbers are within
/// their limits.
pub(super) fn check(operators: &[Operator], tensors: &[Tensor]) -> Result<()> {
    for (index, operator) in operators.iter().enumerate() {
        for axis in operator.access().into_iter().flat_map(AccessMap::axes) {
            if let Some(problem) = problem(operator, axis, tensors) {
                return Err(Error::Access { operator: operator.named(OperatorId::new(index)), problem });
            }
        }
    }
    Ok(())
}

/// Returns the reason why an axis of an access map is invalid.
pub(super) fn problem(operator: &Operator, axis: &TileAxis, tensors: &[Tensor]) -> Option<AccessProblem> {
    let (inputs, outputs) = (operator.inputs(), operator.outputs());
    if axis.outputs.len() != outputs.len() {
        return Some(AccessProblem::OutputCount { outputs: outputs.len(), axes: axis.outputs.len() });
    }
    if axis.inputs.len() > inputs.len() {
        return Some(AccessProblem::InputCount { inputs: inputs.len(), maps: axis.inputs.len() });
    }
    let of_outputs = outputs.iter().copied().zip(axis.outputs.iter().copied());
    let of_inputs = inputs.iter().zip(&axis.inputs).filter_map(|(&id, map)| Some((id, (*map)?.0)));
    for (id, at) in of_outputs.clone().chain(of_inputs) {
        let tensor = &tensors[id.index()];
        match tensor.shape().and_then(|shape| shape.get(at)) {
            None => {
                let rank = tensor.shape().map_or(0, <[u64]>::len);
                return Some(AccessProblem::NoAxis { tensor: tensor.named(id), rank, axis: at });
            }
            Some(&rows) if rows > RowMap::MAX_ROWS => {
                let (tensor, max) = (tensor.named(id), RowMap::MAX_ROWS);
                return Some(AccessProblem::TooManyRows { tensor, rows, max });
            }
            Some(_) => {}
        }
    }
    let mut rows = of_outputs.map(|(id, at)| tensors[id.index()].shape().map_or(0, |shape| shape[at]));
    let first = rows.next();
    if rows.any(|other| Some(other) != first) {
        return Some(AccessProblem::UnequalRows);
    }
    let is_invalid = |map: &Option<(usize, RowMap)>| map.is_some_and(|(_, map)| !map.is_valid());
    let input = axis.inputs.iter().position(is_invalid)?;
    Some(AccessProblem::RowMap { input })
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)] // small numbers
mod tests {
    use super::*;

    /// The rows that the loops of a convolution read, padding included.
    fn visited(kernel: i64, stride: i64, dilation: i64, pad: i64, rows: Range<u64>) -> Range<i64> {
        let all = rows
            .flat_map(|row| (0..kernel).map(move |tap| row.cast_signed() * stride - pad + tap * dilation));
        let all: Vec<i64> = all.collect();
        *all.iter().min().unwrap()..*all.iter().max().unwrap() + 1
    }

    fn clamped(range: &Range<i64>, count: i64) -> Range<u64> {
        range.start.clamp(0, count).cast_unsigned()..range.end.clamp(0, count).cast_unsigned()
    }

    #[test]
    fn windows_read_what_the_loops_of_a_convolution_read() {
        for case in 0..2000_u64 {
            let draw =
                |shift: u64, modulus: u64| (case.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) % modulus;
            let [kernel, stride, dilation, pad] =
                [1 + draw(8, 4), 1 + draw(13, 3), 1 + draw(19, 3), draw(25, 4)].map(|n| n as u32);
            let (start, count) = (draw(31, 9), 1 + draw(41, 20));
            let rows = start..start + 1 + draw(37, 4);
            let visited = visited(kernel.into(), stride.into(), dilation.into(), pad.into(), rows.clone());
            let read = RowMap::window(kernel, stride, dilation, pad).reads(rows, count);
            assert_eq!(read.rows, clamped(&visited, count.cast_signed()));
            assert_eq!(read.before, (-visited.start).clamp(0, visited.end - visited.start).cast_unsigned());
            assert_eq!(
                read.after,
                (visited.end - count.cast_signed()).clamp(0, visited.end - visited.start).cast_unsigned()
            );
        }
    }

    #[test]
    fn transposed_windows_read_every_row_that_adds_to_the_output() {
        for [kernel, stride, dilation, pad] in
            [[3, 2, 1, 1], [4, 2, 1, 1], [2, 2, 1, 0], [3, 1, 2, 2], [2, 3, 1, 0], [5, 3, 2, 4]]
        {
            let map = RowMap::transposed(kernel, stride, dilation, pad);
            for row in 0..20_u64 {
                let adds = |input: &u64| {
                    (0..kernel).any(|tap| {
                        i64::from(pad) + row.cast_signed()
                            == input.cast_signed() * i64::from(stride) + i64::from(tap * dilation)
                    })
                };
                let read = map.reads(row..row + 1, 8).rows;
                assert!((0..8).filter(adds).all(|input| read.contains(&input)), "{map:?} row {row}");
                assert!(read.end - read.start <= 1 + u64::from((kernel - 1) * dilation / stride));
            }
        }
    }

    #[test]
    fn rows_at_the_edge_are_repeated() {
        // Bilinear interpolation by two with half-pixel centres: row r reads (2 r + 1 - 2) / 4 and the next.
        let map = RowMap::new(2, 4, -1, 3, Outside::Edge);
        assert_eq!(map.reads(0..1, 4), RowsRead { rows: 0..1, before: 0, after: 0 });
        assert_eq!(map.reads(1..3, 4), RowsRead { rows: 0..2, before: 0, after: 0 });
        assert_eq!(map.reads(7..8, 4), RowsRead { rows: 3..4, before: 0, after: 0 });
        assert_eq!(RowMap::shifted(9).reads(0..2, 4), RowsRead { rows: 4..4, before: 0, after: 2 });
    }
}
