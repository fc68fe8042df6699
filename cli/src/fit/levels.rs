//! How many bytes a network's activations need, by how far one goes to save them.

use std::path::Path;

use indicatif::ProgressBar;
use plimsoll::import::Imported;
use plimsoll::{Error, Graph, Ordering, Problem, Sharing};
use serde::{Serialize, Serializer};

use super::families::{Families, short_name};
use super::placed::weights;
use crate::Failure;
use crate::arguments::FitArguments;
use crate::output::{report_note, report_notes};

/// Each with what those before it do not do. All but the last two are strategies, in the
/// order of the file and without sharing memory.
pub const LEVELS: [&str; 7] =
    ["naive", "objects-in-order", "knapsack", "merge", "auto", "+ order", "+ sharing"];

/// How many of them are strategies.
const STRATEGIES: usize = 5;

/// One network.
#[derive(Serialize)]
pub struct Row {
    pub input: String,
    pub model: String,
    pub family: String,
    /// Bytes of weights that operators read, each aligned.
    pub weights: u64,
    /// Bytes of the arena by level.
    #[serde(serialize_with = "by_level")]
    pub arenas: [u64; LEVELS.len()],
    /// No arena of the last level is smaller.
    pub lower_bound: u64,
    /// Whether the last one is proven the least.
    pub proven: bool,
}

fn by_level<S: Serializer>(arenas: &[u64; LEVELS.len()], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(LEVELS.iter().zip(arenas))
}

impl Row {
    /// Bytes that are needed, with weights or without.
    pub fn needed(&self, level: usize, with_weights: bool) -> u64 {
        self.arenas[level].saturating_add(if with_weights { self.weights } else { 0 })
    }

    pub fn of(
        file: &Path,
        imported: &Imported,
        arguments: &FitArguments,
        families: &Families,
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let (figures, weights) = match imported {
            Imported::Graph(imported) => {
                let graph = &imported.graph;
                (of_graph(graph, arguments, bar)?, weights(graph, arguments.reading.align))
            }
            Imported::Problem(problem) => (of_problem(problem, arguments, bar)?, 0),
            _ => return Err("this kind of input is not supported here".into()),
        };
        Ok(Self::new(file, figures, weights, families))
    }

    /// By the rules of the target's runtime: what lies behind the
    /// first subgraph's arena is the same for all.
    pub fn of_target(
        file: &Path,
        arguments: &FitArguments,
        families: &Families,
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let planned = arguments.target.plan(file, arguments.planner(bar))?;
        let (mut arenas, mut bound) = of_graph(&planned.graph, arguments, bar)?;
        let behind = planned.head_bytes.saturating_sub(planned.plan.arena_bytes);
        for bytes in arenas.iter_mut().chain([&mut bound]) {
            *bytes = bytes.saturating_add(behind);
        }
        bar.suspend(|| report_notes(file, &planned.notes));
        Ok(Self::new(file, (arenas, bound), weights(&planned.graph, 16), families))
    }

    fn new(file: &Path, figures: Arenas, weights: u64, families: &Families) -> Self {
        let (mut arenas, lower_bound) = figures;
        // What a level does not reach that one before it did counts as reached.
        for level in 1..arenas.len() {
            arenas[level] = arenas[level].min(arenas[level - 1]);
        }
        let model = short_name(file);
        let family = families.of(&model).to_owned();
        let (input, proven) = (file.display().to_string(), arenas[LEVELS.len() - 1] == lower_bound);
        Self { input, model, family, weights, arenas, lower_bound, proven }
    }
}

/// By level, and the lower bound of the last one.
type Arenas = ([u64; LEVELS.len()], u64);

fn of_graph(graph: &Graph, arguments: &FitArguments, bar: &ProgressBar) -> Result<Arenas, Failure> {
    let planner = || {
        let planner = arguments.target.planner(arguments.reading.planner());
        planner.effort(arguments.searching.effort.into()).limits(arguments.searching.limits(bar))
    };
    let mut arenas = [u64::MAX; LEVELS.len()];
    for (level, name) in LEVELS[..STRATEGIES].iter().enumerate() {
        let planner = planner().order(Ordering::File).strategy(arguments.searching.strategy(name)?);
        if let Some(plan) = unless_refused(graph.name(), planner.plan(graph), bar)? {
            arenas[level] = plan.arena_bytes;
        }
    }
    let ordered = |sharing| planner().order(arguments.order_of_tables()).share(sharing).plan(graph);
    let last = ordered(Sharing::All)?;
    arenas[STRATEGIES] = ordered(Sharing::None)?.arena_bytes;
    arenas[STRATEGIES + 1] = last.arena_bytes;
    Ok((arenas, last.bound()))
}

/// Buffers have no order to choose, and say nothing of what may be shared.
fn of_problem(problem: &Problem, arguments: &FitArguments, bar: &ProgressBar) -> Result<Arenas, Failure> {
    let mut arenas = [u64::MAX; LEVELS.len()];
    let mut bound = 0;
    for (level, name) in LEVELS[..STRATEGIES].iter().enumerate() {
        let planner = arguments
            .reading
            .planner()
            .effort(arguments.searching.effort.into())
            .limits(arguments.searching.limits(bar));
        let planner = planner.strategy(arguments.searching.strategy(name)?);
        if let Some(solution) = unless_refused("", planner.solve(problem), bar)? {
            (arenas[level], bound) = (solution.height, solution.lower_bound.bytes);
        }
    }
    Ok((arenas, bound))
}

/// Not every strategy takes fixed offsets or gaps; the next level does.
fn unless_refused<T>(
    model: &str,
    result: plimsoll::Result<T>,
    bar: &ProgressBar,
) -> Result<Option<T>, Failure> {
    match result {
        Err(refusal @ Error::Refused { .. }) => {
            bar.suspend(|| report_note(&format!("{model}: {refusal}")));
            Ok(None)
        }
        result => Ok(Some(result?)),
    }
}
