//! A strategy of the caller: `cargo run --example custom_strategy`.
//!
//! The planner verifies its result like those of the built-in strategies: a wrong plan becomes an error,
//! not a corrupted inference.

use plimsoll::allocate::{Allocation, Auto, Strategy};
use plimsoll::{Buffer, Limits, Planner, Problem, Result};

/// Stacks long-lived buffers from the bottom and puts short-lived ones above, each at the lowest free
/// offset.
struct LongestAtTheBottom;

impl Strategy for LongestAtTheBottom {
    fn name(&self) -> &'static str {
        "longest-at-the-bottom"
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> Result<Allocation> {
        let buffers = problem.buffers();
        let mut order: Vec<usize> = (0..buffers.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(buffers[i].live().steps()), i));
        let mut offsets = vec![0; buffers.len()];
        for (position, &i) in order.iter().enumerate() {
            let overlaps = |j: usize| buffers[j].live().overlaps(buffers[i].live());
            let mut below: Vec<usize> = order[..position].iter().copied().filter(|&j| overlaps(j)).collect();
            below.sort_by_key(|&j| offsets[j]);
            for j in below {
                if offsets[i] + buffers[i].size() <= offsets[j] {
                    break;
                }
                let end = offsets[j] + buffers[j].size();
                offsets[i] = offsets[i].max(end.next_multiple_of(buffers[i].alignment()));
            }
        }
        Ok(Allocation::new(offsets))
    }
}

/// Ignores that buffers are live at the same time.
struct AllAtZero;

impl Strategy for AllAtZero {
    fn name(&self) -> &'static str {
        "all-at-zero"
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> Result<Allocation> {
        Ok(Allocation::new(vec![0; problem.buffers().len()]))
    }
}

pub fn main() -> Result<()> {
    let buffers = [(400, 0..2), (300, 1..4), (500, 3..6), (200, 0..6)]
        .map(|(size, live)| Buffer::new(size, live).align(16));
    let problem = Problem::new(buffers.to_vec())?;

    let ours = Planner::new().strategy(LongestAtTheBottom).solve(&problem)?;
    let auto = Planner::new().strategy(Auto::new()).solve(&problem)?;
    println!("{}: {} bytes at {:?}", ours.strategy, ours.height, ours.offsets);
    println!("{}: {} bytes at {:?}", auto.strategy, auto.height, auto.offsets);

    let wrong = Planner::new().strategy(AllAtZero).solve(&problem).unwrap_err();
    println!("{wrong}");
    Ok(())
}
