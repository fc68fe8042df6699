//! Bytes that operators may save by overwriting inputs that die at their steps.

use crate::effects::{ReusePair, max_saved_bytes, positions_by_input};
use crate::support::rows::Rows;

/// A permission to overwrite an input with an output, and the network's tensors that hold the bytes
/// concerned. Only bytes of tensors that die at the step are saved. (If a tensor survives the step,
/// the input may be a copy of its bytes, which do not count as live a second time. Overwriting the
/// copy saves no counted byte.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saving {
    pub(super) pair: ReusePair,
    /// The network's tensors that the output may overwrite, ascending.
    pub(super) overwritten: Vec<u32>,
}

/// The savings of all operators.
#[derive(Clone, Debug, Default)]
pub(super) struct SavingTable {
    /// By operator: its pairs, sorted by output, then input.
    pairs: Rows<ReusePair>,
    /// For each operator: positions of its pairs, relative to the first one, sorted by input, then
    /// output.
    by_input: Vec<u32>,
    /// By pair: the tensors that the output may overwrite.
    overwritten: Rows,
}

impl SavingTable {
    pub(super) fn new(rows: impl Iterator<Item = Vec<Saving>>) -> Self {
        let mut table = Self::default();
        rows.for_each(|row| table.push(row));
        table.shrink_to_fit();
        table
    }

    /// Adds the savings of the next operator.
    pub(super) fn push(&mut self, mut row: Vec<Saving>) {
        row.sort_by_key(|saving| (saving.pair.output, saving.pair.input));
        self.pairs.push(row.iter().map(|saving| saving.pair));
        self.by_input.extend(positions_by_input(self.pairs.row(self.pairs.count() - 1)));
        for saving in row {
            self.overwritten.push(saving.overwritten);
        }
    }

    /// Frees the memory that was reserved for further operators.
    pub(super) fn shrink_to_fit(&mut self) {
        self.pairs.shrink_to_fit();
        self.by_input.shrink_to_fit();
        self.overwritten.shrink_to_fit();
    }

    pub(super) fn empty(operators: usize) -> Self {
        Self { pairs: Rows::empty(operators), ..Self::default() }
    }

    #[inline]
    pub(super) fn is_empty(&self, operator: u32) -> bool {
        self.pairs.range(operator).is_empty()
    }

    /// The number of tensors that [`bytes`](Self::bytes) visits.
    pub(super) fn visited_tensors(&self, operator: u32) -> usize {
        self.pairs.range(operator).map(|number| self.overwritten.row(number as u32).len() + 1).sum()
    }

    /// The savings of an operator.
    pub(super) fn of(&self, operator: u32) -> Vec<Saving> {
        let saving = |number: usize| Saving {
            pair: self.pairs.entries()[number],
            overwritten: self.overwritten.row(number as u32).to_vec(),
        };
        self.pairs.range(operator).map(saving).collect()
    }

    /// Each operator with each tensor that one of its outputs may overwrite, ascending.
    pub(super) fn overwritten_by_operator(&self) -> Vec<(u32, u32)> {
        let mut all: Vec<(u32, u32)> = (0..self.pairs.count())
            .flat_map(|operator| self.pairs.range(operator).map(move |number| (operator, number as u32)))
            .flat_map(|(operator, number)| {
                self.overwritten.row(number).iter().map(move |&tensor| (operator, tensor))
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// An upper bound on the bytes that an operator saves if the tensors selected by `dies` die at its
    /// step. It is at least the saving of any single pair, and exact for operators with one pair.
    #[inline]
    pub(super) fn bytes(&self, operator: u32, sizes: &[u64], dies: impl Fn(u32) -> bool) -> u64 {
        let (range, pairs) = (self.pairs.range(operator), self.pairs.row(operator));
        max_saved_bytes(pairs, &self.by_input[range.clone()], |position| {
            let dying =
                self.overwritten.row((range.start + position) as u32).iter().filter(|&&tensor| dies(tensor));
            let dying: u64 = dying.map(|&tensor| sizes[tensor as usize]).sum();
            dying.min(pairs[position].max_bytes)
        })
    }

    /// An upper bound on the bytes that an operator saves, whichever tensors die.
    pub(super) fn max_bytes(&self, operator: u32, sizes: &[u64]) -> u64 {
        self.bytes(operator, sizes, |_| true)
    }
}
