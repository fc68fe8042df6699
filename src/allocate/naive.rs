use super::{Allocation, Strategy};
use crate::error::Result;
use crate::problem::{Buffer, Problem};
use crate::support::arithmetic::align_up;
use crate::support::limits::Limits;
use crate::support::sorting::sort_by_keys;

/// Gives each buffer its own memory, in the order of ids, without any reuse. A baseline.
///
/// O(n log n) time if there are fixed buffers, else O(n).
///
/// Example: [`by_name`](crate::allocate::by_name) runs all strategies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naive;

impl Strategy for Naive {
    fn name(&self) -> &'static str {
        "naive"
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> Result<Allocation> {
        let mut fixed: Vec<(u64, u64)> = Vec::new();
        for buffer in problem.buffers() {
            if let (Some(offset), true) = (buffer.fixed_offset(), buffer.size() > 0) {
                fixed.push((offset, buffer.size()));
            }
        }
        sort_by_keys(&mut fixed, |&(offset, size)| [offset, size]);
        let mut fixed = fixed.into_iter().peekable();
        let mut top = 0;
        let place = |buffer: &Buffer| {
            if let Some(offset) = buffer.fixed_offset() {
                return offset;
            }
            if buffer.size() == 0 {
                return 0;
            }
            let mut offset = align_up(top, buffer.alignment());
            while let Some((start, size)) = fixed.next_if(|&(start, _)| start < offset + buffer.size()) {
                offset = offset.max(align_up(start + size, buffer.alignment()));
            }
            top = offset + buffer.size();
            offset
        };
        Ok(Allocation::new(problem.buffers().iter().map(place).collect()))
    }
}
