//! A model as the search sees it: sizes of tensors, and operators that can run on a part of their rows.

use super::kernel::RowKernel;

/// The operators and tensors of a model.
pub(in crate::export) struct TileNetwork {
    pub(in crate::export) tensors: Vec<TileTensor>,
    pub(in crate::export) operators: Vec<TileOperator>,
    pub(in crate::export) inputs: Vec<usize>,
    pub(in crate::export) outputs: Vec<usize>,
    pub(in crate::export) rules: TileRules,
    /// By tensor: the operator that writes it.
    pub(super) producer: Vec<Option<usize>>,
    pub(super) is_read: Vec<bool>,
    /// Cost of all operators.
    pub(in crate::export) cost: u64,
}

pub(in crate::export) struct TileTensor {
    /// None if a dimension is not static.
    pub(in crate::export) shape: Option<Vec<u64>>,
    /// Bits of an element.
    pub(in crate::export) bits: u64,
    /// Bytes in the arena; 0 for tensors in other memory.
    pub(in crate::export) bytes: u64,
    /// True if no copy of rows may stand between the tensor's producer and its readers, as the runtime fuses them. Tiles
    /// compute its rows again rather than carry them.
    pub(in crate::export) is_inner: bool,
}

#[derive(Default)]
pub(in crate::export) struct TileOperator {
    /// Inputs by position; none for absent inputs.
    pub(in crate::export) inputs: Vec<Option<usize>>,
    /// All tensors that the operator reads, those of its bodies included.
    pub(in crate::export) reads: Vec<usize>,
    pub(in crate::export) outputs: Vec<usize>,
    /// The axes along which the operator can be split.
    pub(in crate::export) rules: Vec<RowRule>,
    /// Cost of all rows.
    pub(in crate::export) cost: u64,
    /// Bytes of scratch.
    pub(in crate::export) scratch: u64,
    /// Bytes of the operator's records.
    pub(in crate::export) records: u64,
    /// Positions of inputs whose memory the first output may take if they die there.
    pub(in crate::export) overwrites: Vec<usize>,
}

/// How an operator runs on a part of its rows along an axis.
pub(in crate::export) struct RowRule {
    pub(in crate::export) axis: usize,
    /// Rows of the outputs.
    pub(in crate::export) rows: i64,
    pub(in crate::export) kernel: RowKernel,
    /// By position in the list of inputs: true if a row of the outputs reads some rows of the input, false if it
    /// reads all of them.
    pub(in crate::export) by_rows: Vec<bool>,
}

/// Properties of a runtime and of the writer of its models.
#[derive(Clone, Copy)]
pub(in crate::export) struct TileRules {
    pub(in crate::export) alignment: u64,
    /// Bytes of the records of an operator that copies rows.
    pub(in crate::export) copy_records: u64,
    /// The most inputs of a concatenation.
    pub(in crate::export) max_pieces: usize,
    /// The kinds of cuts that are tried: each says whether halos are carried, padding is explicit, and exits are
    /// written piece by piece.
    pub(in crate::export) cuts: &'static [[bool; 3]],
    /// The most operators of a region.
    pub(in crate::export) max_length: usize,
    /// True if slices of rows are views and pieces lie in their concatenation, where rows are contiguous and aligned.
    pub(in crate::export) shares_rows: bool,
}

impl TileNetwork {
    pub(in crate::export) fn new(
        tensors: Vec<TileTensor>,
        operators: Vec<TileOperator>,
        [inputs, outputs]: [Vec<usize>; 2],
        rules: TileRules,
    ) -> Self {
        let mut producer = vec![None; tensors.len()];
        let mut is_read = vec![false; tensors.len()];
        for (number, operator) in operators.iter().enumerate() {
            operator.outputs.iter().for_each(|&output| producer[output] = Some(number));
            operator.reads.iter().for_each(|&input| is_read[input] = true);
        }
        let cost = operators.iter().map(|operator| operator.cost).fold(0, u64::saturating_add);
        Self { tensors, operators, inputs, outputs, rules, producer, is_read, cost }
    }

    pub(super) fn rule(&self, operator: usize, axis: usize) -> Option<&RowRule> {
        self.operators[operator].rules.iter().find(|rule| rule.axis == axis)
    }

    /// The axes along which operators can be split.
    pub(super) fn axes(&self) -> Vec<usize> {
        let rules = self.operators.iter().flat_map(|operator| &operator.rules);
        let mut axes: Vec<usize> = rules.map(|rule| rule.axis).collect();
        axes.sort_unstable();
        axes.dedup();
        axes
    }

    /// Returns whether row `row` along `axis` starts at a multiple of the alignment, if all axes before it have length 1.
    pub(super) fn is_aligned_row(&self, tensor: usize, axis: usize, row: u64) -> bool {
        let tensor = &self.tensors[tensor];
        let inner = tensor.shape.as_deref().unwrap_or_default().iter().skip(axis + 1);
        let bits = inner.fold(tensor.bits.saturating_mul(row), |bits, &dim| bits.saturating_mul(dim));
        bits.is_multiple_of(8 * self.rules.alignment)
    }

    /// Bytes of a part of a tensor in the arena: `rows` rows along `axis`, and `columns` more columns along the other
    /// spatial axis.
    pub(super) fn part_bytes(&self, tensor: usize, axis: usize, rows: i64, columns: i64) -> u64 {
        let tensor = &self.tensors[tensor];
        let shape = tensor.shape.as_deref().unwrap_or_default();
        let dims = shape.iter().enumerate().map(|(at, &dim)| match at {
            _ if at == axis => rows.unsigned_abs(),
            _ if columns > 0 && at == other_axis(axis) => dim + columns.unsigned_abs(),
            _ => dim,
        });
        let bytes = dims.fold(tensor.bits, u64::saturating_mul).div_ceil(8);
        bytes.checked_next_multiple_of(self.rules.alignment).unwrap_or(u64::MAX)
    }
}

/// The other spatial axis of an image in TensorFlow Lite: columns for rows.
pub(in crate::export) fn other_axis(axis: usize) -> usize {
    3_usize.saturating_sub(axis)
}
