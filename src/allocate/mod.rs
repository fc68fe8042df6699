//! Offset allocation: strategies behind one trait.
//!
//! A strategy maps a [`Problem`] (buffers with sizes, live ranges, alignments) to offsets. This
//! is dynamic storage allocation, or two-dimensional strip packing with fixed horizontal
//! positions, which is NP-hard.
//!
//! - Constructive heuristics: `naive`, `first_fit`, `greedy` (with `order`, `occupancy`,
//!   `timeline`), `sweep`.
//! - Shared objects: `greedy_objects`, `knapsack`, `merge` (with `object_intervals`).
//! - Exact search: `exact`. The default, `auto`, combines the above.
//! - Wrappers: `decomposition` splits a problem by time, `reserved` handles reserved ranges.
//! - Rigid groups: `rigid_groups` packs tensors at fixed distances to each other. `choose` selects
//!   what to keep within a capacity.

mod auto;
mod choose;
mod decomposition;
mod exact;
mod first_fit;
mod greedy;
mod greedy_objects;
mod hints;
mod holes;
mod knapsack;
mod merge;
mod naive;
mod object_intervals;
mod occupancy;
mod order;
mod reserved;
mod rigid_groups;
mod section_tree;
mod sweep;
mod timeline;

pub use auto::Auto;
pub(crate) use choose::choose;
pub(crate) use exact::infeasible_core;
pub use exact::{Exact, PruningRule};
#[expect(unused_imports, reason = "for the planner's first plan")]
pub(crate) use first_fit::first_fit;
pub use greedy::Greedy;
pub use greedy_objects::GreedyObjects;
pub(crate) use hints::Hinted;
pub use knapsack::Knapsack;
pub use merge::Merge;
pub use naive::Naive;
pub(crate) use reserved::allocate_around;
pub(crate) use rigid_groups::{Packed, PackingEffort, Piece, Reach, Shapes};

use std::fmt;

use crate::error::{Error, Result};
use crate::problem::{Objects, Problem};
use crate::support::effort::Effort;
use crate::support::limits::{Limits, Stop};

/// Chooses an offset for every buffer of a problem.
///
/// Implement this trait to add a strategy; the [`Planner`](crate::Planner) verifies its
/// offsets like those of the built-in strategies. A strategy should be deterministic: equal
/// problems should give equal offsets.
///
/// ```
/// use plimsoll::allocate::{Allocation, Strategy};
/// use plimsoll::{Buffer, Limits, Planner, Problem, Result};
///
/// /// Places all buffers on top of each other.
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
    /// Name of the strategy, as on the command line.
    fn name(&self) -> &str;

    /// Chooses offsets. The capacity of the problem is a preference: if the strategy cannot meet
    /// it, it returns the lowest arena found. A search that reaches its limits returns the best
    /// offsets found.
    ///
    /// # Errors
    /// [`Error::Refused`] if the strategy does not handle this problem.
    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation>;
}

impl fmt::Debug for dyn Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<S: Strategy + ?Sized> Strategy for Box<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        (**self).allocate(problem, limits)
    }
}

/// Result of a strategy.
///
/// Example: [`Strategy`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocation {
    /// Offset of each buffer in bytes from the start of the arena, by buffer id.
    pub offsets: Vec<u64>,
    /// Shared objects, if the strategy assigns buffers to objects.
    pub objects: Option<Objects>,
    /// Number of search nodes spent.
    pub nodes: u64,
    /// Reason for stopping.
    pub stop: Stop,
    /// Lower bound on the height proven by a built-in search, or 0.
    pub(crate) proven: u64,
}

impl Allocation {
    /// An allocation with these offsets, one per buffer.
    #[must_use]
    pub fn new(offsets: Vec<u64>) -> Self {
        Self { offsets, objects: None, nodes: 0, stop: Stop::Finished, proven: 0 }
    }
}

/// Creates a strategy with the given settings.
type Constructor = fn(Settings) -> Box<dyn Strategy>;

/// Name and constructor of each built-in strategy, in display order.
const BUILT_IN: [(&str, Constructor); 13] = [
    ("naive", |_| Box::new(Naive)),
    ("greedy-by-size", |_| Box::new(Greedy::by_size())),
    ("greedy-by-breadth", |_| Box::new(Greedy::by_breadth())),
    ("greedy-by-conflict", |_| Box::new(Greedy::by_conflict())),
    ("greedy-by-area", |_| Box::new(Greedy::by_area())),
    ("first-fit", |_| Box::new(Greedy::first_fit())),
    ("best-fit", |_| Box::new(Greedy::best_fit())),
    ("objects-in-order", |_| Box::new(GreedyObjects::in_order())),
    ("objects-by-size", |_| Box::new(GreedyObjects::by_size())),
    ("knapsack", |_| Box::new(Knapsack::new())),
    ("merge", |settings| Box::new(Merge::new().seed(settings.seed))),
    ("exact", |settings| {
        let Settings { seed, threads, effort } = settings;
        Box::new(Exact::new().seed(seed).threads(threads).effort(effort))
    }),
    ("auto", |settings| {
        let Settings { seed, threads, effort } = settings;
        Box::new(Auto::new().seed(seed).threads(threads).effort(effort))
    }),
];

/// Names of all built-in strategies, in display order.
pub const NAMES: [&str; BUILT_IN.len()] = {
    let mut names = [""; BUILT_IN.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = BUILT_IN[index].0;
        index += 1;
    }
    names
};

/// Settings common to the built-in strategies. Each strategy ignores those that do not apply.
///
/// Example: [`by_name_with`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Random seed. Equal seeds give equal results.
    pub seed: u64,
    /// Number of threads (with the feature `parallel`). Results do not depend on it.
    pub threads: usize,
    /// Default budgets of `auto` and `exact`.
    pub effort: Effort,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, threads: 1, effort: Effort::Default }
    }
}

/// Returns the built-in strategy with this name and default settings.
///
/// ```
/// use plimsoll::{Buffer, Planner, Problem, allocate};
///
/// let problem = Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(4, 1..3)])?;
/// for name in allocate::NAMES {
///     let solution = Planner::new().strategy(allocate::by_name(name)?).solve(&problem)?;
///     assert_eq!((solution.strategy, solution.height), (name.to_owned(), 12));
/// }
/// # Ok::<(), plimsoll::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownStrategy`], with the list of valid names.
pub fn by_name(name: &str) -> Result<Box<dyn Strategy>> {
    by_name_with(name, Settings::default())
}

/// Returns the built-in strategy with this name and the given settings.
///
/// ```
/// use plimsoll::allocate::{Settings, by_name_with};
///
/// let mut settings = Settings::default();
/// settings.seed = 7;
/// let strategy = by_name_with("exact", settings)?;
/// assert_eq!(strategy.name(), "exact");
/// # Ok::<(), plimsoll::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownStrategy`], with the list of valid names.
pub fn by_name_with(name: &str, settings: Settings) -> Result<Box<dyn Strategy>> {
    match BUILT_IN.iter().find(|built_in| built_in.0 == name) {
        Some((_, create)) => Ok(create(settings)),
        None => Err(Error::UnknownStrategy { name: name.to_owned(), known: &NAMES }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicU32, Ordering};

    use crate::problem::Buffer;
    use crate::support::limits::CancelToken;
    use crate::support::limits::tests::{most_between_polls, spent_beyond_stop};

    /// Problem with long and short live ranges, so that every phase has much to do.
    fn crowded(count: usize) -> Problem {
        let mut random = crate::support::random::Random::new(5);
        let buffers = (0..count).map(|_| {
            let start = random.below(count) as u32;
            let steps = if random.below(8) == 0 { count / 4 } else { 30 };
            Buffer::new(1 + random.next() % 1000, start..start + 1 + random.below(steps) as u32)
        });
        Problem::new(buffers.collect()).unwrap()
    }

    #[test]
    fn every_phase_polls_often() {
        // Greedy placement counts as nodes; some remain for the search.
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
                let steps = most_between_polls();
                println!("{count} buffers, {name}: {steps} steps");
                assert!(steps < 1 << 20, "{count} buffers, {name}: {steps} steps");
            }
        }
    }

    #[test]
    fn strategies_stop_soon_after_cancellation() {
        let (few, many) = (crowded(200), crowded(1500));
        for name in &NAMES[1..] {
            let mut stopped = 0;
            let moments = [0, 1, 10, 100, 300, 500, 700, 900, 1100];
            for (problem, polls) in
                [&few, &many].into_iter().flat_map(|problem| moments.map(|at| (problem, at)))
            {
                let limits = cancelled_after(polls);
                by_name(name).unwrap().allocate(problem, &limits).unwrap();
                if let Some(times) = spent_beyond_stop() {
                    let count = problem.buffers().len();
                    println!("{count} buffers, {name}, after {polls} polls: {times} times");
                    // Each dive of a round may notice the stop once.
                    assert!(times < 32, "{count} buffers, {name}, after {polls} polls: {times} times");
                    stopped += 1;
                }
            }
            assert!(stopped > 0, "{name} was never stopped");
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
