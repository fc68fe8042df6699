//! Resampling along one axis.
//!
//! Row `r` of the output lies at `x = (r * numerator + offset) / denominator` in the input. Runtimes compute `x` in
//! 32-bit floating point. If a number on the way is inexact, an `x` that should be a whole number may be rounded to
//! either side of it, so the map has a row more there.

use super::row_map;
use crate::graph::{Outside, RowMap};
use crate::support::arithmetic::gcd;

/// The ratio of output rows to input rows.
#[derive(Clone, Copy, Debug)]
pub(in crate::import) struct Scale {
    /// Output rows for `rows` input rows.
    numerator: i128,
    rows: i128,
    /// True if runtimes compute with the exact ratio.
    is_exact: bool,
}

impl Scale {
    /// The ratio of two sizes. Runtimes compute with the ratio of output to input, or with `inverse` that of input to
    /// output.
    pub(in crate::import) fn of_sizes(input: u64, output: u64, inverse: bool) -> Option<Self> {
        let divisor = gcd(input, output).max(1);
        let (numerator, rows) = (i128::from(output / divisor), i128::from(input / divisor));
        let divides = if inverse { numerator } else { rows };
        let is_exact = divides.count_ones() == 1 && numerator.max(rows) < 1 << 24;
        (input > 0 && output > 0).then_some(Self { numerator, rows, is_exact })
    }

    /// Returns whether no rows are added or removed.
    pub(in crate::import) fn is_one(self) -> bool {
        self.numerator == self.rows
    }

    /// A ratio of small numbers that is equal to a 32-bit number, or as near to it as rounding allows.
    pub(in crate::import) fn of_number(number: f64) -> Option<Self> {
        const MAX_DENOMINATOR: i128 = 1 << 12;
        if !(1e-4..1e4).contains(&number) {
            return None;
        }
        // Convergents of the continued fraction.
        let ([mut p0, mut p1], [mut q0, mut q1], mut rest) = ([0, 1], [1, 0], number);
        loop {
            let whole = rest.floor();
            (p0, p1) = (p1, whole as i128 * p1 + p0);
            (q0, q1) = (q1, whole as i128 * q1 + q0);
            if q1 > MAX_DENOMINATOR {
                return None;
            }
            if (p1 as f64 / q1 as f64 - number).abs() <= number * f64::from(f32::EPSILON) {
                // Products with a power of two are exact.
                let is_exact = q1.count_ones() == 1 && (number * q1 as f64 - p1 as f64).abs() <= 0.0;
                return Some(Self { numerator: p1, rows: q1, is_exact });
            }
            rest = 1.0 / (rest - whole);
        }
    }
}

/// The position of an output row in the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum Coordinates {
    /// Row `r` at `r / scale`.
    Asymmetric,
    /// The centre of row `r` at the centre of the row: `(r + 1/2) / scale - 1/2`.
    HalfPixel,
    /// As `HalfPixel`, about the centre of the output.
    HalfPixelSymmetric,
    /// First and last rows on each other.
    AlignCorners,
    /// Row `r` at `(r + 1/2) / scale`.
    HalfPixelForNearest,
    /// A region between two parts of the input, from 0 to 1.
    Crop(f64, f64),
}

/// How to round a position to a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum Rounding {
    Floor,
    Ceil,
    /// To the nearest row, halves down.
    HalfDown,
    /// To the nearest row, halves up.
    HalfUp,
}

/// The rows that contribute to an output row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::import) enum Interpolation {
    Nearest(Rounding),
    Linear,
    Cubic,
}

/// Resampling of one axis from `input` to `output` rows.
#[derive(Clone, Copy, Debug)]
pub(in crate::import) struct Resampling {
    pub(in crate::import) input: u64,
    pub(in crate::import) output: u64,
    pub(in crate::import) scale: Scale,
    pub(in crate::import) coordinates: Coordinates,
    pub(in crate::import) interpolation: Interpolation,
    /// True if the window grows with the factor when rows become fewer.
    pub(in crate::import) antialias: bool,
    /// True if runtimes compute in whole parts of 2^-10 rows.
    pub(in crate::import) is_coarse: bool,
}

/// Positions of output rows: `x = (r * numerator + offset) / denominator`, give or take `slack / denominator`.
struct Line {
    numerator: i128,
    offset: i128,
    denominator: i128,
    slack: i128,
}

/// The rows that resampling reads; none if they do not grow with the output row, or numbers are too large.
pub(in crate::import) fn resampled(of: &Resampling) -> Option<RowMap> {
    let Line { numerator, offset, denominator, slack } = line(of)?;
    if numerator < 0 {
        return None;
    }
    let half = denominator / 2; // the denominator is even
    let [first, last] = match of.interpolation {
        Interpolation::Nearest(Rounding::Floor) => [offset; 2],
        Interpolation::Nearest(Rounding::Ceil) => [offset + denominator - 1; 2],
        Interpolation::Nearest(Rounding::HalfUp) => [offset + half; 2],
        Interpolation::Nearest(Rounding::HalfDown) => [offset + half - 1; 2],
        // The row at or before the position, and the row at or after it.
        Interpolation::Linear => [offset, offset + denominator - 1],
        Interpolation::Cubic => [offset - denominator, offset + 2 * denominator],
    };
    let reach = if of.antialias { support(of, denominator) } else { 0 };
    row_map([numerator, denominator], [first - slack - reach, last + slack + reach], Outside::Edge)
}

/// How much further a window reaches that grows with the factor, in parts of the denominator.
fn support(of: &Resampling, denominator: i128) -> i128 {
    let Scale { numerator, rows, .. } = of.scale;
    let radius = if of.interpolation == Interpolation::Cubic { 2 } else { 1 };
    if rows <= numerator { denominator } else { denominator + (radius * rows * denominator) / numerator }
}

/// Small enough for products of four numbers.
const LIMIT: i128 = 1 << 31;

fn line(of: &Resampling) -> Option<Line> {
    let Scale { numerator: scale, rows, is_exact } = of.scale;
    let (input, output) = (i128::from(of.input), i128::from(of.output));
    if [input, output, scale, rows].iter().any(|&number| number <= 0 || number >= LIMIT) {
        return None;
    }
    // All denominators are even, so that halves are whole.
    let [numerator, offset, denominator] = match of.coordinates {
        Coordinates::Asymmetric => [2 * rows, 0, 2 * scale],
        Coordinates::HalfPixel => [2 * rows, rows - scale, 2 * scale],
        Coordinates::HalfPixelSymmetric => {
            [2 * rows, rows - scale + input * scale - output * rows, 2 * scale]
        }
        Coordinates::HalfPixelForNearest => [2 * rows, rows, 2 * scale],
        Coordinates::AlignCorners if output > 1 => [2 * (input - 1), 0, 2 * (output - 1)],
        Coordinates::AlignCorners => [0, 0, 2],
        Coordinates::Crop(from, to) => return cropped(of, from, to),
    };
    let is_exact = match of.coordinates {
        // The step may be computed in other ways, so only whole steps are exact.
        Coordinates::AlignCorners => output > 1 && (input - 1) % (output - 1) == 0,
        Coordinates::HalfPixelSymmetric => is_exact && output * rows == input * scale,
        _ => is_exact,
    };
    // The error of a few operations on numbers up to the number of input rows.
    let slack = (8 * (input + 1) * denominator) / (1 << 24) + 1;
    let slack = if is_exact { 0 } else { slack };
    Some(Line { numerator, offset, denominator, slack: slack + coarse_slack(of, denominator) })
}

/// The error of steps that are rounded to 2^-10 rows, and of half a step.
fn coarse_slack(of: &Resampling, denominator: i128) -> i128 {
    let (input, output) = (i128::from(of.input), i128::from(of.output));
    if !of.is_coarse || (input << 9) % output == 0 {
        return 0;
    }
    (((output + 2) * denominator) >> 11) + 1
}

/// A region of the input, by numbers that are rounded to parts of 2^16.
fn cropped(of: &Resampling, from: f64, to: f64) -> Option<Line> {
    const PARTS: i128 = 1 << 16;
    if ![from, to].iter().all(|number| (-16.0..=16.0).contains(number)) || of.input > 1 << 20 {
        return None;
    }
    let last = of.input as f64 - 1.0;
    let (begin, step) = if of.output > 1 {
        (from * last, (to - from) * last / (of.output as f64 - 1.0))
    } else {
        ((from + to) * last / 2.0, 0.0)
    };
    let part = |number: f64| (number * PARTS as f64).round() as i128;
    // Half a part for each step, and for the start; the rest is for 32-bit arithmetic on numbers up to 16 times the rows.
    let slack = i128::from(of.output) / 2 + i128::from(of.input) / 2 + 4;
    Some(Line { numerator: part(step), offset: part(begin), denominator: PARTS, slack })
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)] // small numbers
mod tests {
    use super::*;

    /// The position of a row, with the operations of ONNX Runtime in 32-bit floating point.
    fn position(of: &Resampling, scale: f32, row: u64) -> f32 {
        let (row, input, output) = (row as f32, of.input as f32, of.output as f32);
        match of.coordinates {
            Coordinates::Asymmetric => row / scale,
            Coordinates::HalfPixel => (row + 0.5) / scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = output / (scale * input);
                let center = input / 2.0;
                center * (1.0 - adjustment) + (row + 0.5) / scale - 0.5
            }
            Coordinates::HalfPixelForNearest => (row + 0.5) / scale,
            Coordinates::AlignCorners => row * (input - 1.0) / (output - 1.0),
            Coordinates::Crop(from, to) => {
                from as f32 * (input - 1.0) + row * (to - from) as f32 * (input - 1.0) / (output - 1.0)
            }
        }
    }

    /// The first and the last row that contribute to a position.
    fn neighbours(interpolation: Interpolation, position: f32) -> [i64; 2] {
        let whole = |position: f32| position as i64;
        match interpolation {
            Interpolation::Nearest(Rounding::Floor) => [whole(position.floor()); 2],
            Interpolation::Nearest(Rounding::Ceil) => [whole(position.ceil()); 2],
            Interpolation::Nearest(Rounding::HalfUp) => [whole((position + 0.5).floor()); 2],
            Interpolation::Nearest(Rounding::HalfDown) => [whole((position - 0.5).ceil()); 2],
            Interpolation::Linear => [whole(position.floor()), whole(position.ceil())],
            Interpolation::Cubic => [whole(position.floor()) - 1, whole(position.floor()) + 2],
        }
    }

    const INTERPOLATIONS: [Interpolation; 6] = [
        Interpolation::Nearest(Rounding::Floor),
        Interpolation::Nearest(Rounding::Ceil),
        Interpolation::Nearest(Rounding::HalfDown),
        Interpolation::Nearest(Rounding::HalfUp),
        Interpolation::Linear,
        Interpolation::Cubic,
    ];

    const COORDINATES: [Coordinates; 6] = [
        Coordinates::Asymmetric,
        Coordinates::HalfPixel,
        Coordinates::HalfPixelSymmetric,
        Coordinates::HalfPixelForNearest,
        Coordinates::AlignCorners,
        Coordinates::Crop(0.2, 0.9),
    ];

    /// Checks every row of a map: it reads all rows that contribute, and at most one more at each end.
    fn check(of: &Resampling, scale: f32) {
        let map = resampled(of).unwrap_or_else(|| panic!("{of:?} has no map"));
        for row in 0..of.output {
            let exact = neighbours(of.interpolation, position(of, scale, row));
            let clamped = exact.map(|row| row.clamp(0, of.input.cast_signed() - 1).cast_unsigned());
            let read = map.reads(row..row + 1, of.input).rows;
            assert!(
                read.start <= clamped[0] && clamped[1] < read.end,
                "{of:?}: row {row}: {clamped:?}, {read:?}"
            );
            assert!(read.end - read.start <= clamped[1] + 3 - clamped[0], "{of:?}: row {row} reads {read:?}");
        }
    }

    #[test]
    fn resampling_reads_the_rows_that_runtimes_read() {
        for case in 0..4000_u64 {
            let draw =
                |shift: u64, modulus: u64| (case.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) % modulus;
            let (input, output) = (2 + draw(7, 300), 2 + draw(19, 300));
            let interpolation = INTERPOLATIONS[draw(31, 6) as usize];
            let coordinates = COORDINATES[draw(37, 6) as usize];
            let scale = Scale::of_sizes(input, output, false).unwrap();
            let (antialias, is_coarse) = (false, false);
            let of = Resampling { input, output, scale, coordinates, interpolation, antialias, is_coarse };
            check(&of, output as f32 / input as f32);
            let number =
                [0.25, 0.5, 0.6, 0.75, 1.3, 1.5, 2.0, 2.4, 3.0, 4.0, 1.0 / 3.0][draw(43, 11) as usize];
            let scaled = (input as f32 * number).floor() as u64;
            if scaled > 1 {
                let scale = Scale::of_number(number.into()).unwrap();
                check(&Resampling { output: scaled, scale, ..of }, number);
            }
        }
    }

    #[test]
    fn whole_factors_have_exact_maps() {
        let of = |input, output, coordinates, interpolation| {
            let scale = Scale::of_sizes(input, output, false).unwrap();
            let (antialias, is_coarse) = (false, false);
            resampled(&Resampling { input, output, scale, coordinates, interpolation, antialias, is_coarse })
        };
        let nearest = Interpolation::Nearest(Rounding::Floor);
        let twice = RowMap::new(1, 2, 0, 0, Outside::Edge);
        assert_eq!(of(7, 14, Coordinates::Asymmetric, nearest), Some(twice));
        let half = RowMap::new(2, 1, 0, 1, Outside::Edge);
        assert_eq!(of(14, 7, Coordinates::HalfPixel, Interpolation::Linear), Some(half));
        let sizes = [(1 << 40, 8), (8, 1 << 40)];
        assert!(sizes.iter().all(|&(from, to)| of(from, to, Coordinates::HalfPixel, nearest).is_none()));
    }
}
