//! Safe partial overlap of input and output for kernels that loop over windows.

/// The loops of a convolution, depthwise convolution or pooling. Later versions may add fields, so
/// complete a literal with `..Windowed::default()`: a window of one element, stride and dilation 1, no
/// padding, elements of one byte.
///
/// The kernel loops over rows, then columns, then channels of the output, either ascending or
/// descending in all three. For each element of the output, it reads all inputs of the element and
/// then writes the element. Channels are innermost in memory.
///
/// The inputs of later elements are at higher addresses. So the output may start below the input
/// and overwrite it from behind, if the distance is large enough (diagonal memory optimisation,
/// arXiv 2010.01668). For descending loops, the output starts above the input.
///
/// ```
/// use plimsoll::{Side, Windowed};
///
/// // A depthwise convolution of 3 by 3, "same" padding: one row and one column residency.
/// let depthwise = Windowed {
///     input: [8, 8, 4],
///     output: [8, 8, 4],
///     window: [3, 3],
///     padding: [1, 1],
///     by_channel: true,
///     ..Windowed::default()
/// };
/// assert_eq!(depthwise.safe_overlap(), Some(8 * 8 * 4 - (8 + 1) * 4));
/// // net.operator("dw").reads([x]).writes([y]).overlap(x, y, bytes, Side::Output);
/// # let _ = Side::Output;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windowed {
    /// Rows, columns and channels of the input.
    pub input: [u64; 3],
    /// Rows, columns and channels of the output.
    pub output: [u64; 3],
    /// Rows and columns of the window.
    pub window: [u64; 2],
    /// Stride in rows and columns.
    pub stride: [u64; 2],
    /// Padding above and to the left of the input, in rows and columns.
    pub padding: [u64; 2],
    /// Dilation in rows and columns.
    pub dilation: [u64; 2],
    /// True if an output element reads one channel only, as in depthwise convolutions and pooling.
    /// Then the number of output channels must be a multiple of the number of input channels.
    /// Otherwise, an element reads all channels.
    pub by_channel: bool,
    /// True if the loops run from the last element to the first.
    pub descending: bool,
    /// Bytes of an element of the input and of the output.
    pub element_bytes: [u64; 2],
}

impl Default for Windowed {
    fn default() -> Self {
        Self {
            input: [0; 3],
            output: [0; 3],
            window: [1; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            by_channel: false,
            descending: false,
            element_bytes: [1; 2],
        }
    }
}

impl Windowed {
    /// The maximum value of a field.
    pub const MOST: u64 = 1 << 24;

    /// The maximum number of bytes for [`Permit::Overlap`](crate::Permit::Overlap): the end of the
    /// output may overlap the start of the input by so many bytes, with the output as the lower
    /// tensor. For descending loops, the input is the lower tensor. None if the fields contradict
    /// each other, or if one exceeds [`Windowed::MOST`].
    ///
    /// O(rows + columns + channels) of the output.
    #[must_use]
    pub fn safe_overlap(&self) -> Option<u64> {
        let Self { input, output, window, stride, padding, dilation, by_channel, element_bytes, .. } = *self;
        let positive = [window, stride, dilation].as_flattened().iter().all(|&number| number > 0);
        let small = [input.as_slice(), &output, &window, &stride, &padding, &dilation, &element_bytes]
            .into_iter()
            .flatten()
            .all(|&number| number <= Self::MOST);
        let fits = !by_channel || (input[2] > 0 && output[2].is_multiple_of(input[2]));
        if !(positive && small && fits) {
            return None;
        }
        let [read, written] = [bytes(input, element_bytes[0]), bytes(output, element_bytes[1])];
        u64::try_from((written - self.distance().max(0)).clamp(0, read.min(written))).ok()
    }

    /// The minimum distance in bytes from the start of the output to the start of the input.
    ///
    /// For every element and every later element, the end of the former must not exceed the first
    /// input byte of the latter. Both addresses are sums of a term for the row, one for the column and
    /// one for the channel. So the maximum of their difference is the sum of maxima along each axis,
    /// over three cases: the later element is in a later row, in the same row but a later column, or
    /// in the same pixel but a later channel.
    fn distance(&self) -> i128 {
        let steps = |shape: [u64; 3], element: u64| {
            [bytes([1, shape[1], shape[2]], element), bytes([1, 1, shape[2]], element), i128::from(element)]
        };
        let written = steps(self.output, self.element_bytes[1]);
        let read = steps(self.input, self.element_bytes[0]);
        let along = |axis: usize| {
            AxisTerms::new(self.output[axis], written[axis], read[axis], |at| self.first(at, axis))
        };
        let [rows, columns, channels] = [along(0), along(1), along(2)];
        let of_pixel = written[1];
        let later_channel = sum([rows.same, columns.same, channels.later, Some(written[2])]);
        let later_column = sum([rows.same, columns.later, Some(of_pixel)]);
        let later_row =
            sum([rows.later, Some(columns.last), columns.lowest.map(|first| -first), Some(of_pixel)]);
        [later_channel, later_column, later_row].into_iter().flatten().max().unwrap_or(0)
    }

    /// The first input index along an axis that the output at index `at` reads; none if all of its
    /// window is padding.
    fn first(&self, at: u64, axis: usize) -> Option<u64> {
        if axis == 2 {
            return Some(if self.by_channel { at / (self.output[2] / self.input[2]) } else { 0 });
        }
        let [start, step] = [at * self.stride[axis], self.dilation[axis]].map(i128::from);
        let start = start - self.before(axis);
        let skipped = if start < 0 { (step - 1 - start) / step } else { 0 };
        let first = u64::try_from(start + skipped * step).ok()?;
        (skipped < i128::from(self.window[axis]) && first < self.input[axis]).then_some(first)
    }

    /// The distance from the start of the first visited window to the start of the input.
    fn before(&self, axis: usize) -> i128 {
        let padding = i128::from(self.padding[axis]);
        if !self.descending {
            return padding;
        }
        // Descending loops are ascending loops on the mirrored input: the last window comes first.
        let last = i128::from(self.output[axis].max(1) - 1) * i128::from(self.stride[axis]) - padding;
        let reach = i128::from(self.window[axis] - 1) * i128::from(self.dilation[axis]) + 1;
        last + reach - i128::from(self.input[axis])
    }
}

/// The terms that one axis contributes to the distance, in bytes.
struct AxisTerms {
    /// The maximum distance from the first byte read for an element to the element.
    same: Option<i128>,
    /// The maximum distance from the first byte read for an element to the preceding element.
    later: Option<i128>,
    /// The lowest byte that is read.
    lowest: Option<i128>,
    /// The offset of the last element.
    last: i128,
}

impl AxisTerms {
    fn new(count: u64, written: i128, read: i128, first: impl Fn(u64) -> Option<u64>) -> Self {
        let reads = || (0..count).filter_map(|at| Some((at, i128::from(first(at)?) * read)));
        let distance = |(at, byte): (u64, i128)| i128::from(at) * written - byte;
        Self {
            same: reads().map(distance).max(),
            later: reads().filter(|&(at, _)| at > 0).map(distance).max().map(|distance| distance - written),
            lowest: reads().map(|(_, byte)| byte).min(),
            last: i128::from(count.saturating_sub(1)) * written,
        }
    }
}

fn bytes(shape: [u64; 3], element: u64) -> i128 {
    shape.iter().map(|&dim| i128::from(dim)).product::<i128>() * i128::from(element)
}

fn sum<const N: usize>(parts: [Option<i128>; N]) -> Option<i128> {
    parts.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simulates the loops on bytes with an overlap of `overlap` bytes. Returns true if no byte is
    /// overwritten before its last read.
    fn is_safe(kernel: &Windowed, overlap: u64) -> bool {
        let [rows, columns, channels] = kernel.output;
        let size = |shape: [u64; 3], bytes: u64| shape.iter().product::<u64>() * bytes;
        let (read, written) =
            (size(kernel.input, kernel.element_bytes[0]), size(kernel.output, kernel.element_bytes[1]));
        let (input, output) = if kernel.descending { (0, read - overlap) } else { (written - overlap, 0) };
        let mut overwritten = std::collections::HashSet::new();
        let mut elements: Vec<u64> = (0..rows * columns * channels).collect();
        if kernel.descending {
            elements.reverse();
        }
        for element in elements {
            let (pixel, channel) = (element / channels, element % channels);
            for byte in read_by(kernel, pixel / columns, pixel % columns, channel) {
                if overwritten.contains(&(byte + input)) {
                    return false;
                }
            }
            let bytes = kernel.element_bytes[1];
            overwritten.extend(output + element * bytes..output + (element + 1) * bytes);
        }
        true
    }

    fn read_by(kernel: &Windowed, row: u64, column: u64, channel: u64) -> Vec<u64> {
        let mut bytes = Vec::new();
        let at = |place: u64, tap: u64, axis: usize| {
            (place * kernel.stride[axis] + tap * kernel.dilation[axis])
                .checked_sub(kernel.padding[axis])
                .filter(|&at| at < kernel.input[axis])
        };
        let first = if kernel.by_channel { channel / (kernel.output[2] / kernel.input[2]) } else { 0 };
        let channels = if kernel.by_channel { first..first + 1 } else { 0..kernel.input[2] };
        for y in 0..kernel.window[0] {
            for x in 0..kernel.window[1] {
                let (Some(r), Some(c)) = (at(row, y, 0), at(column, x, 1)) else { continue };
                for channel in channels.clone() {
                    let element = (r * kernel.input[1] + c) * kernel.input[2] + channel;
                    let size = kernel.element_bytes[0];
                    bytes.extend(element * size..(element + 1) * size);
                }
            }
        }
        bytes
    }

    #[test]
    fn loops_run_on_bytes_agree() {
        let mut random = crate::support::random::Random::new(1);
        let mut tight = 0;
        for _ in 0..3000 {
            let mut draw = |max: usize| 1 + random.below(max) as u64;
            let channels = draw(3);
            let by_channel = draw(2) == 1;
            let kernel = Windowed {
                input: [draw(6), draw(6), channels],
                output: [draw(6), draw(6), if by_channel { channels * draw(2) } else { draw(3) }],
                window: [draw(3), draw(3)],
                stride: [draw(2), draw(2)],
                padding: [draw(3) - 1, draw(3) - 1],
                dilation: [draw(2), draw(2)],
                by_channel,
                descending: draw(2) == 1,
                element_bytes: [draw(2), draw(2)],
            };
            let size = kernel.output.iter().product::<u64>() * kernel.element_bytes[1];
            let room = kernel.input.iter().product::<u64>() * kernel.element_bytes[0];
            let overlap = kernel.safe_overlap().expect("small numbers");
            assert!(is_safe(&kernel, overlap), "{kernel:?}: {overlap}");
            if overlap < size.min(room) {
                assert!(!is_safe(&kernel, overlap + 1), "{kernel:?}: more than {overlap}");
                tight += 1;
            }
        }
        assert!(tight > 1000, "only {tight} are tight");
    }

    #[test]
    fn numbers_that_do_not_fit_give_none() {
        let right = Windowed {
            input: [4, 4, 2],
            output: [4, 4, 2],
            window: [3, 3],
            stride: [1, 1],
            padding: [1, 1],
            dilation: [1, 1],
            by_channel: true,
            descending: false,
            element_bytes: [1, 1],
        };
        assert!(right.safe_overlap().is_some());
        for wrong in [
            Windowed { stride: [0, 1], ..right },
            Windowed { output: [4, 4, 3], ..right },
            Windowed { input: [Windowed::MOST + 1, 4, 2], ..right },
        ] {
            assert_eq!(wrong.safe_overlap(), None, "{wrong:?}");
        }
    }
}
