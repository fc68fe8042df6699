//! Shapes and options of convolutions, as the kernels compute them.

use crate::export::tflite::runtime_network::{RuntimeOperator, RuntimeSubgraph, RuntimeTensor};
use crate::import::tflite::operators::Window;

/// Maximum dimension and stride, so that no product of the size formulas overflows 128 bits.
const LARGEST: i128 = 1 << 24;

/// Batch, height, width and channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dims {
    pub(super) n: i128,
    pub(super) h: i128,
    pub(super) w: i128,
    pub(super) c: i128,
}

/// Height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) h: i128,
    pub(super) w: i128,
}

/// A convolution. In the filter, `n` is the first and `c` the last of the four dimensions in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convolution {
    pub(super) input: Dims,
    pub(super) filter: Dims,
    pub(super) output: Dims,
    pub(super) stride: Pair,
    pub(super) dilation: Pair,
    pub(super) padding: Pair,
    pub(super) multiplier: i128,
}

impl Convolution {
    /// The convolution that the first 18 numbers of a line in a table of sizes describe: input, filter and
    /// output (four numbers each), stride, dilation and padding (two each). The multiplier is 1.
    #[cfg(test)]
    pub(super) fn of_numbers(numbers: &[i128]) -> Self {
        let dims =
            |at: usize| Dims { n: numbers[at], h: numbers[at + 1], w: numbers[at + 2], c: numbers[at + 3] };
        let pair = |at: usize| Pair { h: numbers[at], w: numbers[at + 1] };
        Self {
            input: dims(0),
            filter: dims(4),
            output: dims(8),
            stride: pair(12),
            dilation: pair(14),
            padding: pair(16),
            multiplier: 1,
        }
    }

    /// Reads a convolution; `None` if a tensor is missing or does not have four dimensions, or if a number
    /// exceeds [`LARGEST`].
    pub(super) fn of(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator, data: usize) -> Option<Self> {
        let window = operator.window?;
        let [input, filter] = [data, 1].map(|position| dims(subgraph.input(operator, position)));
        let (input, filter, output) = (input?, filter?, dims(subgraph.output(operator))?);
        let Window { is_valid, stride, dilation, multiplier } = window;
        let [stride, dilation] = [stride, dilation].map(|[h, w]| Pair { h: h.into(), w: w.into() });
        let numbers = [stride.h, stride.w, dilation.h, dilation.w];
        if numbers.iter().any(|number| !(1..=LARGEST).contains(number)) {
            return None;
        }
        // Half of the elements that the windows read outside the input, rounded down.
        let padding = |input: i128, filter: i128, output: i128, stride: i128, dilation: i128| {
            let total = (output - 1) * stride + (filter - 1) * dilation + 1 - input;
            if is_valid { 0 } else { total.max(0) / 2 }
        };
        let padding = Pair {
            h: padding(input.h, filter.h, output.h, stride.h, dilation.h),
            w: padding(input.w, filter.w, output.w, stride.w, dilation.w),
        };
        let multiplier = multiplier.into();
        Some(Self { input, filter, output, stride, dilation, padding, multiplier })
    }
}

fn dims(tensor: Option<&RuntimeTensor>) -> Option<Dims> {
    let &[n, h, w, c] = tensor?.shape.as_deref()? else { return None };
    let [n, h, w, c] = [n, h, w, c].map(i128::from);
    [n, h, w, c].iter().all(|dim| (0..=LARGEST).contains(dim)).then_some(Dims { n, h, w, c })
}

/// Rounds up to a multiple.
pub(super) fn rounded(number: i128, multiple: i128) -> i128 {
    (number + multiple - 1) / multiple * multiple
}

/// Converts a size to the bytes of a request; `None` if it exceeds 64 bits.
pub(super) fn bytes(number: i128) -> Option<u64> {
    u64::try_from(number.max(0)).ok()
}
