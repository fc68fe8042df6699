//! Arena sizes of a network by level of optimization.

use std::path::Path;

use indicatif::ProgressBar;
use plimsoll::import::Imported;
use plimsoll::{Error, Graph, Planner, Problem, ScheduleMode, SharingLevel};
use serde::{Serialize, Serializer};

use super::families::{Families, short_name};
use super::weights::weight_bytes;
use crate::arguments::FitArguments;
use crate::inputs::UNSUPPORTED_INPUT;
use crate::outcome::Failure;
use crate::output::report_note;
use crate::target::TFLM_ALIGNMENT;

/// Levels of optimization, each adding to those before it.
///
/// All but the last two are allocation strategies, in program order and without memory sharing.
pub const LEVELS: [&str; 7] =
    ["naive", "objects-in-order", "knapsack", "merge", "auto", "+ order", "+ sharing"];

/// Number of levels that are strategies.
const STRATEGIES: usize = 5;

/// Results for one network.
#[derive(Serialize)]
pub struct Row {
    pub input: String,
    pub model: String,
    pub family: String,
    /// Bytes of weights that operators read, each aligned.
    pub weights: u64,
    /// Arena size in bytes by level.
    #[serde(serialize_with = "by_level")]
    pub arenas: [u64; LEVELS.len()],
    /// Proven lower bound on the arena of the last level, in bytes.
    pub lower_bound: u64,
    /// True if the arena of the last level is proven minimal.
    pub proven: bool,
}

fn by_level<S: Serializer>(arenas: &[u64; LEVELS.len()], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(LEVELS.iter().zip(arenas))
}

impl Row {
    /// Bytes of the arena, or of arena and weights.
    pub fn needed(&self, level: usize, with_weights: bool) -> u64 {
        self.arenas[level].saturating_add(if with_weights { self.weights } else { 0 })
    }

    /// Plans an imported network or buffer list at every level.
    pub fn of(
        file: &Path,
        imported: &Imported,
        arguments: &FitArguments,
        families: &Families,
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let (arenas_and_bound, weights) = match imported {
            Imported::Graph(imported) => {
                let graph = &imported.graph;
                (of_graph(graph, arguments, bar)?, weight_bytes(graph, arguments.reading.align))
            }
            Imported::Problem(problem) => (of_problem(problem, arguments, bar)?, 0),
            _ => return Err(UNSUPPORTED_INPUT.into()),
        };
        Ok(Self::new(file, arenas_and_bound, weights, families))
    }

    /// Plans a model at every level by the rules of the target's runtime.
    ///
    /// The head holds the arena of the first subgraph and buffers behind it, whose size is the same at
    /// every level.
    pub fn of_target(
        file: &Path,
        arguments: &FitArguments,
        families: &Families,
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let planned = arguments.target.plan(file, arguments.planner(arguments.searching.limits(bar)), bar)?;
        let (mut arenas, mut bound) = of_graph(&planned.graph, arguments, bar)?;
        let extra_bytes = planned.head_bytes.saturating_sub(planned.plan.arena_bytes);
        for bytes in arenas.iter_mut().chain([&mut bound]) {
            *bytes = bytes.saturating_add(extra_bytes);
        }
        Ok(Self::new(file, (arenas, bound), weight_bytes(&planned.graph, TFLM_ALIGNMENT), families))
    }

    fn new(file: &Path, arenas_and_bound: LevelArenas, weights: u64, families: &Families) -> Self {
        let (mut arenas, lower_bound) = arenas_and_bound;
        // The plan of an earlier level is a plan of this level too.
        for level in 1..arenas.len() {
            arenas[level] = arenas[level].min(arenas[level - 1]);
        }
        let model = short_name(file);
        let family = families.of(&model).to_owned();
        let (input, proven) = (file.display().to_string(), arenas[LEVELS.len() - 1] == lower_bound);
        Self { input, model, family, weights, arenas, lower_bound, proven }
    }
}

/// Arena sizes by level, and the lower bound of the last level, in bytes.
type LevelArenas = ([u64; LEVELS.len()], u64);

fn of_graph(graph: &Graph, arguments: &FitArguments, bar: &ProgressBar) -> Result<LevelArenas, Failure> {
    let solve = |planner: Planner| Ok(planner.order(ScheduleMode::Program).plan(graph)?.arena_bytes);
    let mut arenas = by_strategy(graph.name(), arguments, bar, solve)?;
    let order = arguments.order_of_tables();
    let plan_ordered = |sharing| planner(arguments, bar).order(order).share(sharing).plan(graph);
    let last = plan_ordered(SharingLevel::All)?;
    arenas[STRATEGIES] = plan_ordered(SharingLevel::None)?.arena_bytes;
    arenas[STRATEGIES + 1] = last.arena_bytes;
    Ok((arenas, last.bound()))
}

/// Plans a buffer list. Only the strategies differ: its order is fixed, and it has no permissions to
/// share memory.
fn of_problem(
    problem: &Problem,
    arguments: &FitArguments,
    bar: &ProgressBar,
) -> Result<LevelArenas, Failure> {
    let mut bound = 0;
    let solve = |planner: Planner| {
        let solution = planner.solve(problem)?;
        bound = solution.lower_bound.bytes;
        Ok(solution.height)
    };
    Ok((by_strategy("", arguments, bar, solve)?, bound))
}

fn planner(arguments: &FitArguments, bar: &ProgressBar) -> Planner {
    let planner = arguments.target.planner(arguments.reading.planner());
    planner.effort(arguments.searching.effort).limits(arguments.searching.limits(bar))
}

/// Arena sizes by strategy. A strategy may refuse an input, e.g. for fixed offsets or gaps: a note says so,
/// and the level has no result; a later level accepts the input.
fn by_strategy(
    model: &str,
    arguments: &FitArguments,
    bar: &ProgressBar,
    mut solve: impl FnMut(Planner) -> plimsoll::Result<u64>,
) -> Result<[u64; LEVELS.len()], Failure> {
    let mut arenas = [u64::MAX; LEVELS.len()];
    for (arena, name) in arenas.iter_mut().zip(&LEVELS[..STRATEGIES]) {
        match solve(planner(arguments, bar).strategy(arguments.searching.strategy(name)?)) {
            Err(refusal @ Error::Refused { .. }) => {
                bar.suspend(|| report_note(&format!("{model}: {refusal}")));
            }
            bytes => *arena = bytes?,
        }
    }
    Ok(arenas)
}
