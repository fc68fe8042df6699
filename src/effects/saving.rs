//! An upper bound on the bytes that the inputs and outputs of one operator can share.

/// The start of an output relative to the start of the input that it overwrites in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RelativeStart {
    /// Both start at the same byte: the output is written in place.
    SameStart,
    /// The input starts no higher, and the output starts within it.
    InputBelow,
    /// The output starts no higher, and the input starts within it.
    OutputBelow,
}

/// One permission of an operator to overwrite an input. Tensors are numbered among the operator's
/// outputs and inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReusePair {
    pub(crate) output: u32,
    pub(crate) input: u32,
    pub(crate) start: RelativeStart,
    /// Maximum number of bytes that the two have in common.
    pub(crate) max_bytes: u64,
    /// Sizes of the output and of the input.
    pub(crate) output_bytes: u64,
    pub(crate) input_bytes: u64,
}

/// Returns the positions of pairs, sorted by input, then output.
pub(crate) fn positions_by_input(pairs: &[ReusePair]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..pairs.len() as u32).collect();
    positions.sort_by_key(|&position| {
        let pair = pairs[position as usize];
        (pair.input, pair.output)
    });
    positions
}

/// Computes an upper bound on the bytes that the outputs of an operator have in common with its
/// inputs. O(pairs).
///
/// `pairs` are sorted by output, then input. `by_input` are their positions sorted by input, then
/// output. `bytes` returns the bytes that a pair saves by itself, at most [`ReusePair::max_bytes`].
///
/// The bound is sound for the following reasons. All inputs are live together, and so are all
/// outputs, so tensors of one side have no byte in common unless they hold the same contents.
/// Hence each saved byte counts for exactly one output and one input, and:
/// - An output saves at most as many bytes as it has. Its first byte lies in at most one input,
///   and all other inputs that it overwrites start above that byte. So it saves at most the sum
///   over inputs that start within the output, plus the largest excess over that sum that a single
///   input under the first byte allows.
/// - The same holds for an input and the outputs that overwrite it.
///
/// The result is the smaller of the two sums. For a single pair it is exact.
pub(crate) fn max_saved_bytes(pairs: &[ReusePair], by_input: &[u32], bytes: impl Fn(usize) -> u64) -> u64 {
    let mut outputs = SideSavings::default();
    for (position, pair) in pairs.iter().enumerate() {
        let covers_start = pair.start != RelativeStart::OutputBelow;
        outputs.add(pair.output, pair.input, pair.output_bytes, covers_start, bytes(position));
    }
    let of_outputs = outputs.total();
    // Without a second output, no input is overwritten twice.
    let [first, .., last] = pairs else { return of_outputs };
    if first.output == last.output {
        return of_outputs;
    }
    let mut inputs = SideSavings::default();
    for &position in by_input {
        let pair = &pairs[position as usize];
        let covers_start = pair.start != RelativeStart::InputBelow;
        inputs.add(pair.input, pair.output, pair.input_bytes, covers_start, bytes(position as usize));
    }
    of_outputs.min(inputs.total())
}

/// The sum of savings over the tensors of one side (all outputs or all inputs). Pairs arrive
/// grouped by tensor, then by partner on the other side.
#[derive(Default)]
struct SideSavings {
    /// Savings of the completed tensors.
    completed: u64,
    tensor: Option<u32>,
    tensor_bytes: u64,
    /// Sum of savings over completed partners that start within the tensor.
    within: u64,
    /// Maximum, over the partners that cover the tensor's first byte, of the partner's saving minus its
    /// share of `within`.
    first_byte_excess: u64,
    partner: u32,
    /// Savings of the current partner: if it covers the tensor's first byte, and if it starts within
    /// the tensor.
    current: [u64; 2],
}

impl SideSavings {
    fn add(&mut self, tensor: u32, partner: u32, tensor_bytes: u64, covers_start: bool, bytes: u64) {
        if self.tensor != Some(tensor) {
            self.close_tensor();
            (self.tensor, self.tensor_bytes, self.partner) = (Some(tensor), tensor_bytes, partner);
        } else if self.partner != partner {
            self.close_partner();
            self.partner = partner;
        }
        let current = &mut self.current[usize::from(!covers_start)];
        *current = bytes.max(*current);
    }

    fn close_partner(&mut self) {
        let [over_start, within] = std::mem::take(&mut self.current);
        self.within = self.within.saturating_add(within);
        self.first_byte_excess = self.first_byte_excess.max(over_start.saturating_sub(within));
    }

    fn close_tensor(&mut self) {
        self.close_partner();
        let saved = self.within.saturating_add(self.first_byte_excess).min(self.tensor_bytes);
        self.completed = self.completed.saturating_add(saved);
        (self.within, self.first_byte_excess) = (0, 0);
    }

    fn total(mut self) -> u64 {
        self.close_tensor();
        self.completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (output, input, seat, bytes in common), by output, then input.
    type Short = (u32, u32, RelativeStart, u64);

    fn saved(short: &[Short], outputs: &[u64], inputs: &[u64]) -> u64 {
        let pair = |&(output, input, start, max_bytes): &Short| ReusePair {
            output,
            input,
            start,
            max_bytes,
            output_bytes: outputs[output as usize],
            input_bytes: inputs[input as usize],
        };
        let pairs: Vec<ReusePair> = short.iter().map(pair).collect();
        max_saved_bytes(&pairs, &positions_by_input(&pairs), |position| pairs[position].max_bytes)
    }

    #[test]
    fn both_ends_of_an_output_save() {
        let both = [(0, 0, RelativeStart::InputBelow, 1), (0, 1, RelativeStart::OutputBelow, 2)];
        assert_eq!(saved(&both, &[9], &[11, 6]), 3);
    }

    #[test]
    fn one_input_lies_under_the_first_byte() {
        let pairs = [
            (0, 0, RelativeStart::InputBelow, 4),
            (0, 1, RelativeStart::InputBelow, 3),
            (0, 2, RelativeStart::SameStart, 2),
        ];
        assert_eq!(saved(&pairs, &[9], &[5, 5, 5]), 4);
    }

    #[test]
    fn one_input_is_overwritten_once() {
        let pairs = [(0, 0, RelativeStart::SameStart, 8), (1, 0, RelativeStart::SameStart, 8)];
        assert_eq!(saved(&pairs, &[8, 8], &[8]), 8);
    }

    #[test]
    fn three_inputs_and_outputs_that_all_overlap() {
        let mut pairs: Vec<Short> = Vec::new();
        for (output, input) in (0..9).map(|pair| (pair / 3, pair % 3)) {
            pairs.push((output, input, RelativeStart::InputBelow, 160));
        }
        // By outputs, each has one input under its first byte.
        assert_eq!(saved(&pairs, &[200; 3], &[200; 3]), 480);
        assert_eq!(saved(&pairs, &[100; 3], &[200; 3]), 300);
    }

    #[test]
    fn a_pair_counts_at_one_end() {
        let pairs = [(0, 0, RelativeStart::InputBelow, 4), (0, 0, RelativeStart::OutputBelow, 3)];
        assert_eq!(saved(&pairs, &[9], &[9]), 4);
        assert_eq!(saved(&[], &[], &[]), 0);
    }
}
