//! Arena sizes of a network by level of optimization.

use std::path::Path;

use indicatif::ProgressBar;
use plimsoll::import::Imported;
use plimsoll::tiling::TilingGoal;
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
/// The first five are allocation strategies, in program order and without memory sharing. The last five tile the network
/// within a budget of extra multiply-accumulates; only `--tile` adds them.
pub const LEVELS: [&str; 12] = [
    "naive",
    "objects-in-order",
    "knapsack",
    "merge",
    "auto",
    "+ order",
    "+ sharing",
    "+ tiling 0 %",
    "+ tiling 2 %",
    "+ tiling 5 %",
    "+ tiling 10 %",
    "+ tiling 30 %",
];

/// Number of levels that are strategies.
const STRATEGIES: usize = 5;

/// Number of levels without tiling.
pub const UNTILED: usize = 7;

/// Budgets of the levels with tiling, in parts per million of the network's multiply-accumulates.
pub const BUDGETS: [u64; LEVELS.len() - UNTILED] = [0, 20_000, 50_000, 100_000, 300_000];

/// The levels of these rows, which have the same ones.
pub fn levels_of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> &'static [&'static str] {
    let row = rows.into_iter().next();
    &LEVELS[..row.map_or(UNTILED, |row| row.arenas.len())]
}

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
    pub arenas: Vec<u64>,
    /// Proven lower bound on the arena of the last level without tiling, in bytes.
    pub lower_bound: u64,
    /// True if the arena of the last level without tiling is proven minimal.
    pub proven: bool,
}

fn by_level<S: Serializer>(arenas: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
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
        let (input, proven) = (file.display().to_string(), arenas[UNTILED - 1] == lower_bound);
        Self { input, model, family, weights, arenas, lower_bound, proven }
    }
}

/// Arena sizes by level, and the lower bound of the last level without tiling, in bytes.
type LevelArenas = (Vec<u64>, u64);

fn of_graph(graph: &Graph, arguments: &FitArguments, bar: &ProgressBar) -> Result<LevelArenas, Failure> {
    let solve = |planner: Planner| Ok(planner.order(ScheduleMode::Program).plan(graph)?.arena_bytes);
    let mut arenas = by_strategy(graph.name(), arguments, bar, solve)?;
    let order = arguments.order_of_tables();
    let planner_of = |sharing| planner(arguments, bar).order(order).share(sharing);
    let last = planner_of(SharingLevel::All).plan(graph)?;
    arenas[STRATEGIES] = planner_of(SharingLevel::None).plan(graph)?.arena_bytes;
    arenas[STRATEGIES + 1] = last.arena_bytes;
    for (arena, budget) in arenas[UNTILED..].iter_mut().zip(BUDGETS) {
        let goal = TilingGoal::least_memory().max_extra_ppm(budget);
        let tiled = planner_of(SharingLevel::All).tile(graph, &last, &goal)?;
        *arena = tiled.map_or(last.arena_bytes, |tiled| tiled.plan.arena_bytes);
    }
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
) -> Result<Vec<u64>, Failure> {
    let levels = if arguments.tile { LEVELS.len() } else { UNTILED };
    let mut arenas = vec![u64::MAX; levels];
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
