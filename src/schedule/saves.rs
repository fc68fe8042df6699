//! What operators may save by writing outputs over inputs that die at their steps.

use super::rows::Rows;
use crate::effects::{Pair, by_input, most_saved};

/// A permission to write an output over an input, and the tensors of the network that hold the
/// bytes concerned: those of them that die at the step are saved. (The others may be there twice
/// already, if the input is a copy of them: then writing over the copy saves nothing that is
/// counted.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Save {
    pub(super) pair: Pair,
    /// Tensors, ascending.
    pub(super) needs: Vec<u32>,
}

/// The saves of all operators.
#[derive(Clone, Debug, Default)]
pub(super) struct Saves {
    /// By operator: its first pair.
    starts: Vec<u32>,
    /// Of each operator by output, then input.
    pairs: Vec<Pair>,
    /// Of each operator by input, then output: positions from its first pair on.
    by_input: Vec<u32>,
    needs: Rows,
}

impl Saves {
    pub(super) fn new(rows: impl Iterator<Item = Vec<Save>>) -> Self {
        let mut saves = Self { starts: vec![0], ..Self::default() };
        let mut needs = Vec::new();
        for mut row in rows {
            row.sort_by_key(|save| (save.pair.output, save.pair.input));
            let first = saves.pairs.len();
            for Save { pair, needs: tensors } in row {
                saves.pairs.push(pair);
                needs.push(tensors);
            }
            saves.by_input.extend(by_input(&saves.pairs[first..]));
            saves.starts.push(saves.pairs.len() as u32);
        }
        Self { needs: Rows::new(needs), ..saves }
    }

    pub(super) fn empty(operators: usize) -> Self {
        Self { starts: vec![0; operators + 1], needs: Rows::empty(0), ..Self::default() }
    }

    #[inline]
    pub(super) fn is_empty(&self, operator: u32) -> bool {
        self.starts[operator as usize] == self.starts[operator as usize + 1]
    }

    fn range(&self, operator: u32) -> std::ops::Range<usize> {
        self.starts[operator as usize] as usize..self.starts[operator as usize + 1] as usize
    }

    /// How many tensors [`bytes`](Self::bytes) looks at.
    pub(super) fn looked_at(&self, operator: u32) -> usize {
        self.range(operator).map(|number| self.needs.row(number as u32).len() + 1).sum()
    }

    pub(super) fn of(&self, operator: u32) -> Vec<Save> {
        let save =
            |number: usize| Save { pair: self.pairs[number], needs: self.needs.row(number as u32).to_vec() };
        self.range(operator).map(save).collect()
    }

    /// An upper bound on the bytes that are saved if these tensors die, and at least what some
    /// choice of one pair saves; exact where one pair is all there is.
    #[inline]
    pub(super) fn bytes(&self, operator: u32, sizes: &[u64], dies: impl Fn(u32) -> bool) -> u64 {
        let own = self.range(operator);
        most_saved(&self.pairs[own.clone()], &self.by_input[own.clone()], |position| {
            let dying = self.needs.row((own.start + position) as u32).iter().filter(|&&tensor| dies(tensor));
            let dying: u64 = dying.map(|&tensor| sizes[tensor as usize]).sum();
            dying.min(self.pairs[own.start + position].most)
        })
    }

    /// No more than so much is saved, whatever dies.
    pub(super) fn most(&self, operator: u32, sizes: &[u64]) -> u64 {
        self.bytes(operator, sizes, |_| true)
    }
}
