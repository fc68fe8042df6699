//! The rows of its inputs that an operator reads, and the rows that it computes from a part of them.

use std::ops::Range;

use crate::RowMap;

/// Rows of a tensor along the axis that is split. Rows outside of the tensor are padding.
pub(in crate::export) type Rows = Range<i64>;

pub(in crate::export) enum RowKernel {
    /// Row `r` reads row `r` of each input.
    Same,
    /// A convolution or pooling.
    Window(RowWindow),
    /// A transposed convolution.
    Transposed(RowTransposed),
    /// Interpolation to a multiple of the rows.
    Scaled(RowScale),
}

/// Padding of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) enum TilePadding {
    /// The options of the operator.
    Kept,
    /// `VALID`, after explicit padding of these rows before and after, and of columns across them.
    Valid { rows: [i64; 2], across: [i64; 2] },
    /// These rows before and after, and those of the operator along other axes.
    Explicit([i64; 2]),
}

/// The window of a convolution or pooling along an axis.
#[derive(Clone, Copy)]
pub(in crate::export) struct RowWindow {
    pub(in crate::export) stride: i64,
    /// Number of rows from the first to the last one that an output row reads.
    pub(in crate::export) reach: i64,
    /// Padding before the first row.
    pub(in crate::export) before: i64,
    /// Rows of the input.
    pub(in crate::export) input: i64,
    pub(in crate::export) padding: WindowPadding,
}

/// The padding that a format can state.
#[derive(Clone, Copy)]
pub(in crate::export) enum WindowPadding {
    /// Any number of rows, for each tile.
    Explicit,
    /// `SAME` or `VALID`.
    Named {
        is_same: bool,
        /// True if padding has a value, as in convolutions; false if the kernel leaves it out, as in pooling.
        may_pad: bool,
        /// Padding along the other spatial axis.
        across: [i64; 2],
    },
}

/// Largest stride of windows that keep their padding.
const MAX_STRIDE: i64 = 8;

/// The rows that an output range reads, and padding rows before and after them.
pub(super) struct WindowReads {
    pub(super) rows: Rows,
    pub(super) pads: [i64; 2],
}

impl RowWindow {
    pub(super) fn reads(&self, rows: &Rows) -> WindowReads {
        let start = rows.start * self.stride - self.before;
        let end = (rows.end - 1) * self.stride - self.before + self.reach;
        let pads = [(-start).max(0), (end - self.input).max(0)];
        WindowReads { rows: start.clamp(0, self.input)..end.clamp(0, self.input), pads }
    }

    /// The output rows that the kernel computes from these input rows with its own padding; none if they are not
    /// aligned to the output rows of the whole operator.
    pub(super) fn computed(&self, supplied: &Rows) -> Option<Rows> {
        let length = supplied.end - supplied.start;
        let is_same = matches!(self.padding, WindowPadding::Named { is_same: true, .. });
        let (before, count) = if is_same {
            let count = (length + self.stride - 1) / self.stride;
            (((count - 1) * self.stride + self.reach - length).max(0) / 2, count)
        } else {
            (0, (length - self.reach + self.stride) / self.stride)
        };
        let first = supplied.start - before + self.before;
        let is_aligned = first.rem_euclid(self.stride) == 0 && count > 0;
        is_aligned.then(|| first.div_euclid(self.stride)..first.div_euclid(self.stride) + count)
    }

    /// The fewest input rows from which the kernel with its own padding computes these output rows.
    pub(super) fn supply(&self, rows: &Rows) -> Option<Rows> {
        let needed = self.reads(rows).rows;
        // Windows that are aligned differ by whole strides, and the padding by less than two.
        let most = 2 * self.stride.min(MAX_STRIDE);
        let spans = (0..=most).flat_map(|before| (0..=most).map(move |after| (before, after)));
        let spans =
            spans.map(|(before, after)| (needed.start - before).max(0)..(needed.end + after).min(self.input));
        let fits = spans.filter(|span| {
            self.computed(span).is_some_and(|found| found.start <= rows.start && rows.end <= found.end)
        });
        fits.min_by_key(|span| span.end - span.start)
    }

    /// The rows of the input for these rows of the output, and the padding of the tile. `is_padded` says whether padding
    /// is supplied rather than wrong rows cut off.
    pub(super) fn tile(&self, computed: &Rows, is_padded: bool) -> Option<(Rows, TilePadding)> {
        let exact = self.reads(computed);
        let (may_pad, across) = match self.padding {
            WindowPadding::Explicit => return Some((exact.rows, TilePadding::Explicit(exact.pads))),
            WindowPadding::Named { may_pad, across, .. } => (may_pad, across),
        };
        if self.computed(&exact.rows).as_ref() == Some(computed) {
            return Some((exact.rows, TilePadding::Kept));
        }
        let is_unpadded = exact.pads == [0, 0] && across == [0, 0];
        if is_unpadded || (is_padded && may_pad) {
            return Some((exact.rows, TilePadding::Valid { rows: exact.pads, across }));
        }
        Some((self.supply(computed)?, TilePadding::Kept))
    }
}

/// The window of a transposed convolution along an axis: input row `i` adds to `reach` output rows from `i * stride -
/// before` on.
#[derive(Clone, Copy)]
pub(in crate::export) struct RowTransposed {
    pub(in crate::export) stride: i64,
    /// At least the stride.
    pub(in crate::export) reach: i64,
    /// Rows that are cut off before the first one.
    pub(in crate::export) before: i64,
    /// Rows of the input.
    pub(in crate::export) input: i64,
}

impl RowTransposed {
    /// The rows of the input that add to these rows of the output, and the rows that are cut off before and after
    /// them; negative if rows without contributions follow.
    pub(super) fn tile(&self, computed: &Rows) -> Option<(Rows, TilePadding)> {
        let first = (computed.start + self.before - self.reach).div_euclid(self.stride) + 1;
        let end = (computed.end - 1 + self.before).div_euclid(self.stride) + 1;
        let rows = first.clamp(0, self.input)..end.clamp(0, self.input);
        if rows.is_empty() {
            return None;
        }
        let start = rows.start * self.stride - self.before;
        let end = (rows.end - 1) * self.stride - self.before + self.reach;
        let pads = [computed.start - start, end - computed.end];
        // Rows without contributions can follow, but not precede.
        (pads[0] >= 0 && pads[1] > -self.stride).then_some((rows, TilePadding::Explicit(pads)))
    }
}

/// Interpolation to `factor` times the rows. Runtimes compute the coordinates of a part of the rows exactly, and repeat rows
/// at the edges of a part.
#[derive(Clone, Copy)]
pub(in crate::export) struct RowScale {
    pub(in crate::export) factor: i64,
    pub(in crate::export) map: RowMap,
    /// Rows of the input.
    pub(in crate::export) input: i64,
}

impl RowScale {
    pub(super) fn reads(&self, rows: &Rows) -> Rows {
        let unsigned = |row: i64| u64::try_from(row).unwrap_or(0);
        let read = self.map.reads(unsigned(rows.start)..unsigned(rows.end), unsigned(self.input)).rows;
        let signed = |row: u64| i64::try_from(row).unwrap_or(i64::MAX);
        signed(read.start)..signed(read.end)
    }

    /// The rows of the input for these rows of the output: those that contribute, and those whose multiples cover the
    /// output.
    pub(super) fn supply(&self, rows: &Rows) -> Rows {
        let read = self.reads(rows);
        let first = rows.start.div_euclid(self.factor).min(read.start);
        let end = (rows.end - 1).div_euclid(self.factor) + 1;
        first..end.max(read.end)
    }
}

impl RowKernel {
    /// The rows of an input that an output row reads.
    pub(super) fn reads_of_row(&self, row: i64) -> Rows {
        match self {
            Self::Window(window) => window.reads(&(row..row + 1)).rows,
            Self::Scaled(scale) => scale.reads(&(row..row + 1)),
            Self::Same | Self::Transposed(_) => row..row + 1,
        }
    }

    /// The output rows that the kernel computes from these input rows without other padding than its own.
    pub(super) fn computed(&self, supplied: &Rows) -> Option<Rows> {
        match self {
            Self::Same => Some(supplied.clone()),
            Self::Window(window) => window.computed(supplied),
            Self::Scaled(scale) => Some(supplied.start * scale.factor..supplied.end * scale.factor),
            Self::Transposed(_) => None,
        }
    }
}
