//! Windows of convolutions and pooling along one axis.

use super::row_map;
use crate::graph::{Outside, RowMap};

/// A window along one axis.
#[derive(Clone, Copy, Debug)]
pub(in crate::import) struct AccessWindow {
    pub(in crate::import) kernel: u64,
    pub(in crate::import) stride: u64,
    pub(in crate::import) dilation: u64,
    /// Padding before the first row; negative if rows are cut off. The two differ where runtimes do.
    pub(in crate::import) before: [i64; 2],
}

impl AccessWindow {
    /// The extent of the dilated window.
    pub(in crate::import) fn extent(&self) -> i128 {
        (i128::from(self.kernel) - 1) * i128::from(self.dilation) + 1
    }

    /// The rows from the first row of the first of `count` windows to the last row of the last one.
    pub(in crate::import) fn span(&self, count: u64) -> i128 {
        (i128::from(count) - 1) * i128::from(self.stride) + self.extent()
    }

    fn is_valid(&self) -> bool {
        self.kernel > 0 && self.stride > 0 && self.dilation > 0
    }

    /// The rows that a convolution or pooling reads.
    pub(super) fn rows(&self) -> Option<RowMap> {
        let [least, most] = self.before.map(i128::from);
        let ends = [-most, self.extent() - 1 - least];
        self.is_valid().then(|| row_map([self.stride.into(), 1], ends, Outside::Padding))?
    }

    /// The rows that a transposed convolution reads: see [`RowMap::transposed`].
    pub(super) fn transposed_rows(&self) -> Option<RowMap> {
        let ([least, most], stride) = (self.before.map(i128::from), i128::from(self.stride));
        let first = least - (self.extent() - 1) + stride - 1;
        self.is_valid().then(|| row_map([1, stride], [first, most.max(first)], Outside::Padding))?
    }
}

/// The padding before and after the rows with which `output` positions of a window cover `input` rows: the smaller half
/// and the larger half. O if no padding is needed.
pub(in crate::import) fn same_padding(window: &AccessWindow, input: u64, output: u64) -> [i64; 2] {
    let total = (window.span(output) - i128::from(input)).max(0);
    [total / 2, total - total / 2].map(|half| i64::try_from(half).unwrap_or(i64::MAX))
}
