//! Portfolio of dives and local searches: which ones run, for how long, and what their results
//! prove.

/// Threads in addition to the calling one.
#[cfg(feature = "parallel")]
use rayon::ThreadPool as WorkerPool;

use super::Exact;
use super::dive::{Dive, DiveOutcome};
use super::heights::AttainableHeights;
use super::heuristic::{BranchingHeuristic, SectionChoice, ValueOrder};
use super::incumbent::Incumbent;
use super::instance::ExactInstance;
use super::local::LocalSearch;
use crate::allocate::decomposition::PackingTarget;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::random::Random;

/// Nodes of the shortest dive, if a dive of that length can place all items.
const MIN_DIVE_NODES: u64 = 500;

/// Building a dive counts as half a node per item if that is more than this.
const BUILD_NODES_FROM: u64 = 5_000;

/// Work share of a local search in a round; a dive has 1.
const LOCAL_SHARE: u64 = 8;

/// First value of the random generator for seed 0: the best of some dozens on the MiniMalloc
/// instances.
const FIRST_SEED: u64 = 31;

/// Parameters of a search.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExactTask<'a> {
    pub(super) exact: Exact,
    pub(super) target: PackingTarget,
    pub(super) limits: &'a Limits,
}

/// Raises the bound and lowers the height of the incumbent until they meet, or until the
/// sufficient height is reached or proven impossible. Returns nodes, work and the reason for
/// stopping.
pub(super) fn search(
    instance: &ExactInstance,
    start: &[u64],
    incumbent: &mut Incumbent,
    task: ExactTask<'_>,
) -> (u64, u64, Stop) {
    // Rounds of short dives with different heuristics, of lengths after Luby, Sinclair & Zuckerman
    // (1993), since the running time of one heuristic varies by orders of magnitude. One steady dive
    // continues from round to round; it makes the portfolio complete, as it would end by itself.
    let limits = task.limits.clone().without_nodes();
    let task = ExactTask { limits: &limits, ..task };
    let workers = workers(task.exact.threads);
    let mut random = Random::new(task.exact.seed.wrapping_add(FIRST_SEED));
    let (mut steady, mut locals) = (None, Vec::new());
    let (mut heights, highest) = (None::<AttainableHeights>, incumbent.height);
    let (mut nodes, mut work) = (0, 0);
    let mut progress = (0, 0);
    for round in 1.. {
        if incumbent.settles(&task.target) {
            break;
        }
        let allowed = allowed(&task.target, progress);
        if nodes >= allowed.0 || work >= allowed.1 {
            return (nodes, work, Stop::Nodes);
        }
        let mut runs = runs(dive_nodes(instance, round), incumbent, &task, round, &mut random, &mut steady);
        // Local searches join where dives alone have not settled the problem soon. They get half of the
        // nodes, and later most of them (`local.rs`).
        if !task.exact.unaided {
            let capacity = incumbent.target_height(&task.target);
            let best = incumbent.offsets.as_deref().unwrap_or(start);
            locals.extend(LocalSearch::displacement(round, instance, start, task.exact.seed));
            if !locals.iter().any(LocalSearch::is_annealing) {
                locals.extend(LocalSearch::annealing(nodes, instance, best, capacity, task.exact.seed));
            }
            for local in &mut locals {
                local.prepare(instance, best, capacity);
            }
            let dives = runs.iter().map(|run| run.nodes).sum();
            runs.extend(locals.drain(..).map(|local| local_run(local, dives)));
        }
        allot(&mut runs, allowed.0 - nodes, allowed.1 - work);
        // A dive with fewer nodes than items finds nothing, and building it takes O(n log n).
        runs.retain(|run| run.nodes >= run.min_nodes(instance));
        if runs.is_empty() {
            return (nodes, work, Stop::Nodes);
        }
        let mut stopped = None;
        // Determinism: a run depends only on the incumbent before the round, and results count in order
        // up to the first that settles the problem. So the number of threads changes neither the
        // packing nor the number of nodes.
        let before = Incumbent { offsets: None, ..*incumbent };
        let (before_bound, before_height) = (incumbent.bound, incumbent.height);
        for result in execute(workers.as_ref(), instance, runs, before, &task, nodes) {
            nodes += result.nodes;
            work += result.work;
            // A bound proven by a dive rises to the next attainable height.
            if result.incumbent.bound > incumbent.bound {
                incumbent.bound = result.incumbent.bound.min(incumbent.height);
                if heights.is_none() {
                    let mut budget = Budget::new(&limits, u64::MAX);
                    match AttainableHeights::new(instance, highest, &mut budget) {
                        Ok(built) => heights = Some(built),
                        Err(stop) => stopped = stopped.or(Some(stop)),
                    }
                    nodes += budget.nodes();
                }
                incumbent.bound =
                    heights.as_ref().map_or(incumbent.bound, |heights| heights.from(result.incumbent.bound));
                incumbent.bound = incumbent.bound.min(incumbent.height);
            }
            if result.incumbent.height < incumbent.height {
                (incumbent.height, incumbent.offsets) = (result.incumbent.height, result.incumbent.offsets);
            }
            steady = result.steady.or(steady);
            locals.extend(result.local);
            stopped = stopped.or(result.stop);
            if incumbent.settles(&task.target) {
                break;
            }
        }
        if (incumbent.bound, incumbent.height) != (before_bound, before_height) {
            progress = (nodes, work);
        }
        if let Some(stop) = stopped.filter(|_| !incumbent.settles(&task.target)) {
            return (nodes, work, stop);
        }
    }
    (nodes, work, Stop::Finished)
}

/// Nodes and work allowed for the whole search, if it last made progress at `progress`.
fn allowed(target: &PackingTarget, progress: (u64, u64)) -> (u64, u64) {
    // Progress doubles what was spent until then; the limits of the target are never exceeded.
    let allowed = |patience: u64, spent: u64, limit: u64| patience.max(spent.saturating_mul(2)).min(limit);
    (
        allowed(target.patience.0, progress.0, target.nodes),
        allowed(target.patience.1, progress.1, target.work),
    )
}

/// One run of a round: a dive to start or to resume, or a local search.
struct PortfolioRun<'a> {
    start: RunStart<'a>,
    capacity: u64,
    nodes: u64,
    /// Work limit, in steps of inner loops.
    work: u64,
    /// True if the dive continues in the next round.
    is_steady: bool,
}

enum RunStart<'a> {
    New(BranchingHeuristic),
    Again(Box<Dive<'a>>),
    LocalSearch(LocalSearch),
}

/// Result of a run.
struct RunResult<'a> {
    /// The run's own incumbent: offsets only if it found a packing.
    incumbent: Incumbent,
    nodes: u64,
    work: u64,
    stop: Option<Stop>,
    steady: Option<Box<Dive<'a>>>,
    local: Option<LocalSearch>,
}

/// Node limit of each dive in a round.
fn dive_nodes(instance: &ExactInstance, round: u64) -> u64 {
    MIN_DIVE_NODES.max(2 * u64::from(instance.item_count())) * luby(round)
}

fn runs<'a>(
    dive_nodes: u64,
    incumbent: &Incumbent,
    task: &ExactTask<'_>,
    round: u64,
    random: &mut Random,
    steady: &mut Option<Box<Dive<'a>>>,
) -> Vec<PortfolioRun<'a>> {
    // A dive at the bound proves a higher bound or finds an optimal packing. A dive between bound and
    // height finds a packing sooner, but a proof there raises the bound less often. So half of the
    // dives or more are at the bound. With a required height, dives in between are of no use, so they
    // decide the bound instead.
    let target_height = incumbent.target_height(&task.target);
    let minimises = !task.target.required;
    let mut run = |value_order: ValueOrder, section_choice: SectionChoice, above_bound: bool| {
        let capacity = match (above_bound, minimises) {
            (false, _) => target_height,
            (true, true) => between(target_height, incumbent.height, 1 + random.below(7) as u64),
            (true, false) => incumbent.bound,
        };
        let noise = [0.0, 0.1, 0.2, 0.3][random.below(4)];
        let heuristic = BranchingHeuristic { value_order, section_choice, noise, seed: random.next() };
        PortfolioRun {
            start: RunStart::New(heuristic),
            capacity,
            nodes: dive_nodes,
            work: 0,
            is_steady: false,
        }
    };
    // The longer the bound is not reached, the less likely the optimum is at the bound.
    let late = round > 8 && minimises;
    let value_order = |number: u64| ValueOrder::ALL[(round + number) as usize % ValueOrder::ALL.len()];
    let section_choice = SectionChoice::OTHERS[round as usize % SectionChoice::OTHERS.len()];
    let mut runs = vec![
        run(ValueOrder::Load, SectionChoice::Failures, late && !round.is_multiple_of(4)),
        run(ValueOrder::Sections, SectionChoice::Open, late),
        run(ValueOrder::Steps, SectionChoice::Floor, late),
        run(value_order(0), SectionChoice::Failures, late),
        run(value_order(1), SectionChoice::FloorCandidates, true),
        run(value_order(2), section_choice, late),
    ];
    if minimises {
        runs.push(run(value_order(3), SectionChoice::Failures, true));
    }
    // The steady dive restarts once the bound has risen above its capacity: its answer is known.
    let (capacity, start) = match steady.take().filter(|dive| dive.state.capacity >= incumbent.bound) {
        Some(dive) => (dive.state.capacity, RunStart::Again(dive)),
        None => (target_height, RunStart::New(BranchingHeuristic::exact(ValueOrder::Area))),
    };
    runs.insert(4, PortfolioRun { start, capacity, nodes: dive_nodes, work: 0, is_steady: true });
    runs
}

/// A run of a local search, in a round whose dives have `dives` nodes in total.
fn local_run<'a>(local: LocalSearch, dives: u64) -> PortfolioRun<'a> {
    let nodes = local.nodes(dives);
    PortfolioRun { start: RunStart::LocalSearch(local), capacity: 0, nodes, work: 0, is_steady: false }
}

/// A capacity below `height`, at the given number of eighths between `low` and `height`.
fn between(low: u64, height: u64, eighths: u64) -> u64 {
    low + (u128::from(height - 1 - low) * u128::from(eighths) / 8) as u64
}

/// Limits the total number of nodes, and divides the work by share. Work that a run leaves over
/// is not passed on, since the next run may execute at the same time.
fn allot(runs: &mut [PortfolioRun<'_>], mut nodes: u64, work: u64) {
    // Each run gets its share of the work left, whatever the others use, so the result does not depend
    // on which of them run at the same time.
    let shares: u64 = runs.iter().map(PortfolioRun::share).sum();
    for run in runs {
        run.work = work.div_ceil(shares) * run.share();
        run.nodes = run.nodes.min(nodes);
        nodes -= run.nodes;
    }
}

/// Uninhabited: without the feature `parallel` there are no further threads.
#[cfg(not(feature = "parallel"))]
enum WorkerPool {}

#[cfg(feature = "parallel")]
fn workers(threads: usize) -> Option<WorkerPool> {
    let count = threads.checked_sub(1).filter(|&count| count > 0)?;
    rayon::ThreadPoolBuilder::new().num_threads(count).build().ok()
}

#[cfg(not(feature = "parallel"))]
fn workers(_: usize) -> Option<WorkerPool> {
    None
}

/// Executes the runs and returns their results in order. On one thread, each run executes when
/// its result is requested.
fn execute<'a, 't>(
    workers: Option<&WorkerPool>,
    instance: &'a ExactInstance,
    runs: Vec<PortfolioRun<'a>>,
    incumbent: Incumbent,
    task: &'t ExactTask<'t>,
    nodes: u64,
) -> Box<dyn Iterator<Item = RunResult<'a>> + 't>
where
    'a: 't,
{
    match workers {
        None => Box::new(
            runs.into_iter().map(move |run| run.execute(instance, &incumbent, task, task.limits, nodes)),
        ),
        #[cfg(feature = "parallel")]
        Some(workers) => {
            Box::new(execute_in_parallel(workers, instance, runs, &incumbent, task, nodes).into_iter())
        }
        #[cfg(not(feature = "parallel"))]
        Some(none) => match *none {},
    }
}

#[cfg(feature = "parallel")]
fn execute_in_parallel<'a>(
    workers: &rayon::ThreadPool,
    instance: &'a ExactInstance,
    runs: Vec<PortfolioRun<'a>>,
    incumbent: &Incumbent,
    task: &ExactTask<'_>,
    nodes: u64,
) -> Vec<RunResult<'a>> {
    // Callbacks are called on the calling thread only.
    let silent = task.limits.clone().without_progress();
    let mut results: Vec<Option<RunResult<'a>>> = runs.iter().map(|_| None).collect();
    workers.in_place_scope(|scope| {
        let mut pairs = runs.into_iter().zip(&mut results);
        let first = pairs.next();
        for (run, result) in pairs {
            scope.spawn(|_| *result = Some(run.execute(instance, incumbent, task, &silent, nodes)));
        }
        if let Some((run, result)) = first {
            *result = Some(run.execute(instance, incumbent, task, task.limits, nodes));
        }
    });
    results.into_iter().flatten().collect()
}

impl<'a> PortfolioRun<'a> {
    /// Share of the work of a round.
    fn share(&self) -> u64 {
        if matches!(self.start, RunStart::LocalSearch(_)) { LOCAL_SHARE } else { 1 }
    }

    /// Number of nodes below which the run cannot produce a result.
    fn min_nodes(&self, instance: &ExactInstance) -> u64 {
        if matches!(self.start, RunStart::New(_)) { instance.item_count().into() } else { 1 }
    }

    /// Executes the run; after a packing is found, the search continues below its height.
    fn execute(
        self,
        instance: &'a ExactInstance,
        incumbent: &Incumbent,
        task: &ExactTask<'_>,
        limits: &Limits,
        nodes: u64,
    ) -> RunResult<'a> {
        // The run works on its own copy of the incumbent: what another run of the round found does not
        // change what this one does.
        let Self { start, capacity, nodes: node_limit, work: work_limit, is_steady } = self;
        let mut incumbent = Incumbent { offsets: None, ..*incumbent };
        let mut budget = Budget::new(limits, u64::MAX);
        budget.start_at(nodes);
        (budget.best, budget.bound) = (incumbent.height, incumbent.bound);
        let is_new = matches!(start, RunStart::New(_));
        let dive = match start {
            RunStart::LocalSearch(local) => {
                return search_locally(
                    local,
                    instance,
                    incumbent,
                    &task.target,
                    (node_limit, work_limit),
                    &mut budget,
                );
            }
            RunStart::Again(dive) => Ok(Some(dive)),
            RunStart::New(heuristic) => {
                let dive = Dive::new(instance, task.exact.rules, capacity, heuristic, &mut budget);
                dive.map(|dive| dive.map(Box::new))
            }
        };
        let mut dive = match dive {
            Ok(Some(dive)) => dive,
            Ok(None) => {
                incumbent.bound = capacity + 1;
                return RunResult::new(incumbent, (0, 0), None);
            }
            Err(stop) => return RunResult::new(incumbent, (0, 0), Some(stop)),
        };
        // Building a dive of many items takes as long as searching this many nodes.
        let many = u64::from(instance.item_count()) / 2;
        let built = budget.nodes() - nodes + if is_new && many > BUILD_NODES_FROM { many } else { 0 };
        let (before, worked) = (dive.nodes, dive.state.work);
        let mut stop = None;
        while !incumbent.settles(&task.target) {
            (budget.best, budget.bound) = (incumbent.height, incumbent.bound);
            let left = work_limit.saturating_sub(dive.state.work - worked);
            match dive.run(node_limit - (dive.nodes - before), left, &mut budget) {
                Ok(DiveOutcome::Found) => {
                    let height = dive.state.instance.height(&dive.state.offsets);
                    if height < incumbent.height {
                        incumbent.height = height;
                        incumbent.offsets = Some(dive.state.offsets.clone());
                    }
                    if !incumbent.settles(&task.target) {
                        dive.lower(incumbent.height - 1);
                    }
                }
                // Every packing of at most this height is excluded, so the bound is one above it.
                Ok(DiveOutcome::Exhausted) => {
                    incumbent.bound = incumbent.bound.max(dive.state.capacity + 1);
                    break;
                }
                Ok(DiveOutcome::Paused) => break,
                Err(reason) => {
                    stop = Some(reason);
                    break;
                }
            }
        }
        let spent = (built + dive.nodes - before, dive.state.work - worked);
        RunResult { steady: is_steady.then_some(dive), ..RunResult::new(incumbent, spent, stop) }
    }
}

fn search_locally<'a>(
    mut local: LocalSearch,
    instance: &ExactInstance,
    mut incumbent: Incumbent,
    target: &PackingTarget,
    quota: (u64, u64),
    budget: &mut Budget<'_>,
) -> RunResult<'a> {
    let mut spent = (0, 0);
    let stop = local.run(instance, &mut incumbent, target, quota, &mut spent, budget).err();
    RunResult { local: Some(local), ..RunResult::new(incumbent, spent, stop) }
}

impl RunResult<'_> {
    fn new(incumbent: Incumbent, (nodes, work): (u64, u64), stop: Option<Stop>) -> Self {
        Self { incumbent, nodes, work, stop, steady: None, local: None }
    }
}

/// The sequence 1, 1, 2, 1, 1, 2, 4, ... of Luby, Sinclair & Zuckerman (1993), from index 1.
fn luby(number: u64) -> u64 {
    // A number 2^k - 1 ends a block and has value 2^(k-1); other numbers repeat the start of the
    // sequence.
    let mut number = number;
    loop {
        let power = (number + 1).next_power_of_two();
        if power == number + 1 {
            return power / 2;
        }
        number -= power / 2 - 1;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn luby_is_as_published() {
        let numbers: Vec<u64> = (1..=15).map(super::luby).collect();
        assert_eq!(numbers, [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]);
    }
}
