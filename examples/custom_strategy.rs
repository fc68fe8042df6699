//! Bring a strategy of your own: `cargo run --example custom_strategy`.
//!
//! What it returns is verified like the work of the built-in ones: a wrong
//! plan becomes an error, not a corrupted inference.

use plimsoll::allocate::{Allocation, Auto, Strategy};
use plimsoll::{Buffer, Limits, Planner, Problem, Result};

/// Two ends: what lives long is stacked from the bottom, what lives shortly
/// lies above, each at the lowest place that is free.
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
        for (place, &i) in order.iter().enumerate() {
            let meets = |j: usize| buffers[j].live().overlaps(buffers[i].live());
            let mut below: Vec<usize> = order[..place].iter().copied().filter(|&j| meets(j)).collect();
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

/// Forgets that buffers live at the same time.
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
