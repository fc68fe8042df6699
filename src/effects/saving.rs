//! The most bytes that inputs and outputs of one operator can have in common.

/// Where an output that overwrites bytes of an input starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seat {
    /// Where the input starts: the output is written in place.
    SameStart,
    /// In the input, which starts no higher.
    InputBelow,
    /// No higher than the input, into which it reaches.
    OutputBelow,
}

/// One permission of an operator, with its tensors numbered among those of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) output: u32,
    pub(crate) input: u32,
    pub(crate) seat: Seat,
    /// Bytes that these two have in common at most.
    pub(crate) most: u64,
    /// All bytes of the output, and of the input.
    pub(crate) output_bytes: u64,
    pub(crate) input_bytes: u64,
}

/// Positions of pairs in the order of their inputs, then outputs.
pub(crate) fn by_input(pairs: &[Pair]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..pairs.len() as u32).collect();
    positions.sort_by_key(|&position| {
        let pair = pairs[position as usize];
        (pair.input, pair.output)
    });
    positions
}

/// An upper bound on the bytes that the outputs of an operator have in common with its inputs.
///
/// `pairs` are sorted by output, then input; `by_input` are their positions sorted the other
/// way round; `bytes` gives what a pair saves if it is used alone, at most [`Pair::most`].
///
/// Sound because the inputs are live together, and so are the outputs: tensors of one side have
/// no byte in common unless they hold the same. So each byte that is saved counts for one output
/// and for one input, and
/// - an output saves no more bytes than it has. Its first byte lies in at most one input; all
///   others that it overwrites start above it. So it saves at most what all of the latter allow,
///   and for one of the former what it allows beyond that;
/// - the same holds of an input and the outputs that overwrite it.
///
/// The smaller of the two sums is the result. With one pair it is what that saves. O(pairs).
pub(crate) fn most_saved(pairs: &[Pair], by_input: &[u32], bytes: impl Fn(usize) -> u64) -> u64 {
    let mut outputs = Side::default();
    for (position, pair) in pairs.iter().enumerate() {
        let covers_start = pair.seat != Seat::OutputBelow;
        outputs.add(pair.output, pair.input, pair.output_bytes, covers_start, bytes(position));
    }
    let of_outputs = outputs.total();
    // Without a second output, no input is overwritten twice.
    let [first, .., last] = pairs else { return of_outputs };
    if first.output == last.output {
        return of_outputs;
    }
    let mut inputs = Side::default();
    for &position in by_input {
        let pair = &pairs[position as usize];
        let covers_start = pair.seat != Seat::InputBelow;
        inputs.add(pair.input, pair.output, pair.input_bytes, covers_start, bytes(position as usize));
    }
    of_outputs.min(inputs.total())
}

/// The sum over the tensors of one side, each with its partners one after the other.
#[derive(Default)]
struct Side {
    /// Of the tensors before this one.
    done: u64,
    tensor: Option<u32>,
    tensor_bytes: u64,
    /// Sum over the partners so far that start within the tensor.
    within: u64,
    /// The most that a partner over the tensor's first byte saves beyond its part of `within`.
    lead: u64,
    partner: u32,
    /// Of this partner: over the tensor's first byte, and within.
    own: [u64; 2],
}

impl Side {
    fn add(&mut self, tensor: u32, partner: u32, tensor_bytes: u64, covers_start: bool, bytes: u64) {
        if self.tensor != Some(tensor) {
            self.close_tensor();
            (self.tensor, self.tensor_bytes, self.partner) = (Some(tensor), tensor_bytes, partner);
        } else if self.partner != partner {
            self.close_partner();
            self.partner = partner;
        }
        let own = &mut self.own[usize::from(!covers_start)];
        *own = bytes.max(*own);
    }

    fn close_partner(&mut self) {
        let [over_start, within] = std::mem::take(&mut self.own);
        self.within = self.within.saturating_add(within);
        self.lead = self.lead.max(over_start.saturating_sub(within));
    }

    fn close_tensor(&mut self) {
        self.close_partner();
        let saved = self.within.saturating_add(self.lead).min(self.tensor_bytes);
        self.done = self.done.saturating_add(saved);
        (self.within, self.lead) = (0, 0);
    }

    fn total(mut self) -> u64 {
        self.close_tensor();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (output, input, seat, bytes in common), by output, then input.
    type Short = (u32, u32, Seat, u64);

    fn saved(short: &[Short], outputs: &[u64], inputs: &[u64]) -> u64 {
        let pair = |&(output, input, seat, most): &Short| Pair {
            output,
            input,
            seat,
            most,
            output_bytes: outputs[output as usize],
            input_bytes: inputs[input as usize],
        };
        let pairs: Vec<Pair> = short.iter().map(pair).collect();
        most_saved(&pairs, &by_input(&pairs), |position| pairs[position].most)
    }

    #[test]
    fn both_ends_of_an_output_save() {
        let both = [(0, 0, Seat::InputBelow, 1), (0, 1, Seat::OutputBelow, 2)];
        assert_eq!(saved(&both, &[9], &[11, 6]), 3);
    }

    #[test]
    fn one_input_lies_under_the_first_byte() {
        let pairs = [(0, 0, Seat::InputBelow, 4), (0, 1, Seat::InputBelow, 3), (0, 2, Seat::SameStart, 2)];
        assert_eq!(saved(&pairs, &[9], &[5, 5, 5]), 4);
    }

    #[test]
    fn one_input_is_overwritten_once() {
        let pairs = [(0, 0, Seat::SameStart, 8), (1, 0, Seat::SameStart, 8)];
        assert_eq!(saved(&pairs, &[8, 8], &[8]), 8);
    }

    #[test]
    fn three_inputs_and_outputs_that_all_overlap() {
        let mut pairs: Vec<Short> = Vec::new();
        for (output, input) in (0..9).map(|pair| (pair / 3, pair % 3)) {
            pairs.push((output, input, Seat::InputBelow, 160));
        }
        // By outputs, each has one input under its first byte.
        assert_eq!(saved(&pairs, &[200; 3], &[200; 3]), 480);
        assert_eq!(saved(&pairs, &[100; 3], &[200; 3]), 300);
    }

    #[test]
    fn a_pair_counts_at_one_end() {
        let pairs = [(0, 0, Seat::InputBelow, 4), (0, 0, Seat::OutputBelow, 3)];
        assert_eq!(saved(&pairs, &[9], &[9]), 4);
        assert_eq!(saved(&[], &[], &[]), 0);
    }
}
