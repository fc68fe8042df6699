//! What operators may write in place.

use super::rows::Rows;
use crate::sorting::sort_by_keys;

/// Bytes that an output need not have of its own, less those tensors that it is written over
/// and that do not die at the step. (What it is written over may be a copy of those, made
/// before: then they are there twice already.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Save {
    /// Its number among the operator's outputs: of each, only one save counts.
    pub(super) output: u32,
    pub(super) bytes: u64,
    /// Tensors, ascending.
    pub(super) needs: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Saves {
    /// By operator: its first one.
    starts: Vec<u32>,
    outputs: Vec<u32>,
    bytes: Vec<u64>,
    needs: Rows,
}

impl Saves {
    pub(super) fn new(rows: impl Iterator<Item = Vec<Save>>) -> Self {
        let (mut starts, mut outputs, mut bytes, mut needs) = (vec![0], Vec::new(), Vec::new(), Vec::new());
        for save in rows.map(|mut row| {
            sort_by_keys(&mut row, |save| [save.output.into(), 0]);
            row
        }) {
            for Save { output, bytes: own, needs: all } in save {
                outputs.push(output);
                bytes.push(own);
                needs.push(all);
            }
            starts.push(outputs.len() as u32);
        }
        Self { starts, outputs, bytes, needs: Rows::new(needs) }
    }

    pub(super) fn empty(operators: usize) -> Self {
        Self { starts: vec![0; operators + 1], needs: Rows::empty(0), ..Self::default() }
    }

    #[inline]
    pub(super) fn is_empty(&self, operator: u32) -> bool {
        self.starts[operator as usize] == self.starts[operator as usize + 1]
    }

    /// How many tensors [`bytes`](Self::bytes) looks at.
    pub(super) fn looked_at(&self, operator: u32) -> usize {
        let own = self.starts[operator as usize]..self.starts[operator as usize + 1];
        own.map(|number| self.needs.row(number).len() + 1).sum()
    }

    pub(super) fn of(&self, operator: u32) -> Vec<Save> {
        let save = |number: u32| Save {
            output: self.outputs[number as usize],
            bytes: self.bytes[number as usize],
            needs: self.needs.row(number).to_vec(),
        };
        (self.starts[operator as usize]..self.starts[operator as usize + 1]).map(save).collect()
    }

    /// Bytes saved if these tensors die: of each output, the most of what it can.
    #[inline]
    pub(super) fn bytes(&self, operator: u32, sizes: &[u64], dies: impl Fn(u32) -> bool) -> u64 {
        let (mut sum, mut output, mut most) = (0, u32::MAX, 0);
        for number in self.starts[operator as usize]..self.starts[operator as usize + 1] {
            if self.outputs[number as usize] != output {
                (sum, most) = (sum + most, 0);
                output = self.outputs[number as usize];
            }
            let kept = self.needs.row(number).iter().filter(|&&tensor| !dies(tensor));
            let kept: u64 = kept.map(|&tensor| sizes[tensor as usize]).sum();
            most = most.max(self.bytes[number as usize].saturating_sub(kept));
        }
        sum + most
    }

    /// No more than so much is saved.
    pub(super) fn most(&self, operator: u32) -> u64 {
        self.bytes(operator, &[], |_| true)
    }
}
