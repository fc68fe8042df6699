//! Strategies that choose offsets, all behind one trait.

mod around;
mod auto;
mod choose;
mod exact;
mod first_fit;
mod greedy;
mod greedy_objects;
mod holes;
mod knapsack;
mod merge;
mod naive;
mod occupancy;
mod order;
mod parts;
mod section_tree;
mod shapes;
mod sharing;
mod sweep;
mod timeline;

pub(crate) use around::allocate_around;
pub use auto::Auto;
pub(crate) use choose::choose;
pub use exact::{Exact, Rule};
pub(crate) use exact::{gcd, infeasible_core};
#[expect(unused_imports, reason = "for the planner's first plan")]
pub(crate) use first_fit::first_fit;
pub use greedy::Greedy;
pub use greedy_objects::GreedyObjects;
pub use knapsack::Knapsack;
pub use merge::Merge;
pub use naive::Naive;
pub(crate) use shapes::{Packed, PackingEffort, Piece, Reach, Shapes};

use crate::effort::Effort;
use crate::error::{Error, Result};
use crate::limits::{Limits, Stop};
use crate::objects::Objects;
use crate::problem::Problem;

/// Chooses an offset for every buffer of a problem.
///
/// Implement it to bring a strategy of your own; the
/// [`Planner`](crate::Planner) verifies what it returns like one of ours. A
/// strategy should be deterministic: same problem, same offsets.
///
/// ```
/// use plimsoll::allocate::{Allocation, Strategy};
/// use plimsoll::{Buffer, Limits, Planner, Problem, Result};
///
/// /// Everything on top of each other in time.
/// struct Stack;
///
/// impl Strategy for Stack {
///     fn name(&self) -> &str {
///         "stack"
///     }
///
///     fn allocate(&self, problem: &Problem, _: &Limits) -> Result<Allocation> {
///         let mut top = 0;
///         let offsets = problem.buffers().iter().map(|buffer| {
///             let offset = top;
///             top += buffer.size();
///             offset
///         });
///         Ok(Allocation::new(offsets.collect()))
///     }
/// }
///
/// let problem = Problem::new(vec![Buffer::new(10, 0..1), Buffer::new(20, 1..2)])?;
/// let solution = Planner::new().strategy(Stack).solve(&problem)?;
/// assert_eq!(solution.height, 30);
/// # Ok::<(), plimsoll::Error>(())
/// ```
pub trait Strategy: Send + Sync {
    /// The name, as on the command line.
    fn name(&self) -> &str;

    /// Chooses offsets. The problem's capacity is a wish: where it cannot be
    /// met, the lowest arena found is the answer. A search that meets its
    /// limits returns the best that it has.
    ///
    /// # Errors
    /// [`Error::Refused`] if the strategy does not handle this problem.
    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation>;
}

impl<S: Strategy + ?Sized> Strategy for Box<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        (**self).allocate(problem, limits)
    }
}

/// What a strategy returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocation {
    /// Bytes from the start of the arena, by buffer id.
    pub offsets: Vec<u64>,
    /// Shared objects, if the strategy thinks in them.
    pub objects: Option<Objects>,
    /// Search nodes spent.
    pub nodes: u64,
    /// Why the strategy was done.
    pub stop: Stop,
    /// Nothing is lower than this, as a search of ours has shown; else 0.
    pub(crate) proven: u64,
}

impl Allocation {
    /// These offsets, one for each buffer.
    #[must_use]
    pub fn new(offsets: Vec<u64>) -> Self {
        Self { offsets, objects: None, nodes: 0, stop: Stop::Finished, proven: 0 }
    }
}

/// The end of the topmost buffer: the arena that these offsets need.
fn height(problem: &Problem, offsets: &[u64]) -> u64 {
    let ends = problem.buffers().iter().zip(offsets).map(|(buffer, offset)| offset + buffer.size());
    ends.max().unwrap_or(0)
}

/// The names of all built-in strategies, in the order to list them.
pub const NAMES: [&str; 13] = [
    "naive",
    "greedy-by-size",
    "greedy-by-breadth",
    "greedy-by-conflict",
    "greedy-by-area",
    "first-fit",
    "best-fit",
    "objects-in-order",
    "objects-by-size",
    "knapsack",
    "merge",
    "exact",
    "auto",
];

/// What built-in strategies can be told without knowing which one it is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Of strategies that draw random numbers: others for another seed, the same
    /// for the same.
    pub seed: u64,
    /// Of strategies that search on several threads, where the feature `parallel`
    /// is on. Results are the same at any number.
    pub threads: usize,
    /// Default budgets of `auto` and `exact`.
    pub effort: Effort,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, threads: 1, effort: Effort::Default }
    }
}

/// The built-in strategy of this name.
///
/// # Errors
/// [`Error::UnknownStrategy`], listing the names there are.
pub fn by_name(name: &str) -> Result<Box<dyn Strategy>> {
    by_name_with(name, Settings::default())
}

/// The built-in strategy of this name, told so.
///
/// # Errors
/// [`Error::UnknownStrategy`], listing the names there are.
pub fn by_name_with(name: &str, settings: Settings) -> Result<Box<dyn Strategy>> {
    let Settings { seed, threads, effort } = settings;
    Ok(match name {
        "naive" => Box::new(Naive),
        "greedy-by-size" => Box::new(Greedy::by_size()),
        "greedy-by-breadth" => Box::new(Greedy::by_breadth()),
        "greedy-by-conflict" => Box::new(Greedy::by_conflict()),
        "greedy-by-area" => Box::new(Greedy::by_area()),
        "first-fit" => Box::new(Greedy::first_fit()),
        "best-fit" => Box::new(Greedy::best_fit()),
        "objects-in-order" => Box::new(GreedyObjects::in_order()),
        "objects-by-size" => Box::new(GreedyObjects::by_size()),
        "knapsack" => Box::new(Knapsack::new()),
        "merge" => Box::new(Merge::new().seed(seed)),
        "exact" => Box::new(Exact::new().seed(seed).threads(threads).effort(effort)),
        "auto" => Box::new(Auto::new().seed(seed).threads(threads).effort(effort)),
        _ => return Err(Error::UnknownStrategy { name: name.to_owned(), known: NAMES.join(", ") }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicU32, Ordering};

    use crate::limits::CancelToken;
    use crate::limits::tests::{most_between_polls, spent_beyond_stop};
    use crate::problem::Buffer;

    /// Long and short lives, so that everything has much to look at.
    fn crowded(count: usize) -> Problem {
        let mut random = crate::random::Random::new(5);
        let buffers = (0..count).map(|_| {
            let start = random.below(count) as u32;
            let steps = if random.below(8) == 0 { count / 4 } else { 30 };
            Buffer::new(1 + random.next() % 1000, start..start + 1 + random.below(steps) as u32)
        });
        Problem::new(buffers.collect()).unwrap()
    }

    #[test]
    fn no_phase_works_long_between_two_polls() {
        // Greedy placement counts as well: the search is reached with some left.
        let cases = [
            (1500, 10_000, &NAMES[1..]),
            (20_000, 100_000, &["auto", "exact", "greedy-by-size", "first-fit"]),
            (200_000, 20_000, &["auto", "first-fit"]),
        ];
        for (count, nodes, names) in cases {
            let problem = crowded(count);
            for name in names {
                let limits = Limits::new().nodes(nodes);
                by_name(name).unwrap().allocate(&problem, &limits).unwrap();
                let most = most_between_polls();
                println!("{count} buffers, {name}: {most} steps");
                assert!(most < 1 << 20, "{count} buffers, {name}: {most} steps");
            }
        }
    }

    #[test]
    fn who_is_told_to_stop_does_not_go_on() {
        let (few, many) = (crowded(200), crowded(1500));
        for name in &NAMES[1..] {
            let mut told = 0;
            let moments = [0, 1, 10, 100, 300, 500, 700, 900, 1100];
            for (problem, polls) in [&few, &many].into_iter().flat_map(|one| moments.map(|at| (one, at))) {
                let limits = cancelled_after(polls);
                by_name(name).unwrap().allocate(problem, &limits).unwrap();
                if let Some(times) = spent_beyond_stop() {
                    let count = problem.buffers().len();
                    println!("{count} buffers, {name}, after {polls} polls: {times} times");
                    // The dives of one round are each told.
                    assert!(times < 32, "{count} buffers, {name}, after {polls} polls: {times} times");
                    told += 1;
                }
            }
            assert!(told > 0, "{name} was never told");
        }
    }

    fn cancelled_after(polls: u32) -> Limits {
        let token = CancelToken::new();
        if polls == 0 {
            token.cancel();
        }
        let (left, in_time) = (AtomicU32::new(polls), token.clone());
        Limits::new().nodes(400_000).cancel(token).progress(move |_| {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                in_time.cancel();
            }
            ControlFlow::Continue(())
        })
    }
}
