//! `plimsoll compare`: allocation strategies on many inputs.

use std::collections::BTreeSet;
use std::path::Path;

use comfy_table::Table;
use cpu_time::ProcessTime;
use plimsoll::files;
use plimsoll::import::{self, Imported};
use plimsoll::report::text::short_bytes;
use plimsoll::{Error, Liveness, Planner, Problem, Status, Variables};
use serde::Serialize;

use crate::arguments::CompareArguments;
use crate::batch::Batch;
use crate::inputs::{UNSUPPORTED_INPUT, check_outputs, error_at, import_error};
use crate::outcome::{Failure, Outcome};
use crate::output::{one_line, print, report_note, table};
use crate::target::TFLM_ALIGNMENT;

/// Result of one strategy on one input.
#[derive(Serialize)]
struct StrategyResult {
    input: String,
    strategy: String,
    height: u64,
    lower_bound: u64,
    /// Height divided by lower bound; 1 where both are 0.
    ratio: f64,
    status: String,
    nodes: u64,
    cpu_seconds: f64,
}

pub fn run(arguments: &CompareArguments) -> Result<Outcome, Failure> {
    arguments.reading.check()?;
    arguments.target.check(&arguments.reading)?;
    let mut seen = BTreeSet::new();
    let mut strategies = arguments.strategies.clone();
    strategies.retain(|name| seen.insert(name.clone()));
    let mut batch = Batch::new(&arguments.inputs, &arguments.reading, strategies.len())?;
    check_outputs(arguments.json.as_slice(), arguments.inputs(&batch.files))?;
    let mut rows = Vec::new();
    batch.run(|batch, file| compare(batch, file, arguments, &strategies, &mut rows));
    if !rows.is_empty() {
        let details = if arguments.heights { heights(&rows, &strategies) } else { details(&rows) };
        print(&format!("{details}\n\n{}\n", totals(&rows, &strategies, &arguments.capacity)))?;
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&rows)?;
        files::write_all(&[(path.clone(), (text + "\n").into_bytes())])?;
    }
    batch.check()?;
    Ok(Outcome::Positive)
}

/// Adds the results of all strategies to `rows`; those before a failure count.
fn compare(
    batch: &Batch<'_>,
    file: &Path,
    arguments: &CompareArguments,
    strategies: &[String],
    rows: &mut Vec<StrategyResult>,
) -> Result<(), Failure> {
    let (problem, extra_bytes) = problem(batch, file, arguments)?;
    let bar = &batch.bar;
    for name in strategies {
        let searching = &arguments.searching;
        let planner = Planner::new().strategy(searching.strategy(name)?).limits(searching.limits(bar));
        let start = ProcessTime::now();
        let solution = match planner.solve(&problem) {
            Err(refusal @ Error::Refused { .. }) => {
                bar.suspend(|| report_note(&format!("{}: {refusal}", file.display())));
                continue;
            }
            solution => solution.map_err(|error| error_at(file, &error))?,
        };
        rows.push(StrategyResult {
            input: file.display().to_string(),
            strategy: name.clone(),
            height: solution.height + extra_bytes,
            lower_bound: solution.lower_bound.bytes + extra_bytes,
            ratio: 1.0 + solution.gap(),
            status: solution.status.to_string(),
            nodes: solution.nodes,
            cpu_seconds: start.elapsed().as_secs_f64(),
        });
        bar.inc(1);
    }
    Ok(())
}

/// Returns the buffers of an input and the bytes that the target's head needs beyond their arena.
///
/// The operator order is chosen here, so that every strategy solves the same problem.
fn problem(batch: &Batch<'_>, file: &Path, arguments: &CompareArguments) -> Result<(Problem, u64), Failure> {
    let reading = &arguments.reading;
    if arguments.target.is_given() {
        let planner = arguments.target.planner(reading.planner().order(arguments.order));
        let model = arguments.target.plan(file, planner, &batch.bar)?;
        let liveness = Liveness::new(&model.graph, &model.plan.order, TFLM_ALIGNMENT, Variables::Outside);
        let problem = liveness.map_err(|error| error_at(file, &error))?.problem().clone();
        return Ok((problem, model.head_bytes.saturating_sub(model.plan.arena_bytes)));
    }
    match batch.read(file, |options| import::read(file, options))? {
        Imported::Graph(imported) => {
            let graph = &imported.graph;
            if !graph.relative_placements().is_empty() {
                let reason = "some tensors have fixed distances from each other, which strategies \
                              alone do not keep; use `plan`";
                return Err(error_at(file, &reason));
            }
            let planner = reading.planner().order(arguments.order);
            let graph = &*planner.flatten(graph).map_err(|error| import_error(file, error.into()))?;
            let schedule = planner.schedule(graph).map_err(|error| import_error(file, error.into()))?;
            let liveness = Liveness::new(graph, &schedule.order, reading.align, reading.variables);
            let liveness = liveness.map_err(|error| error_at(file, &error))?;
            Ok((liveness.problem().clone(), 0))
        }
        Imported::Problem(problem) => Ok((problem, 0)),
        _ => Err(error_at(file, &UNSUPPORTED_INPUT)),
    }
}

/// Table with a row per input and strategy.
fn details(rows: &[StrategyResult]) -> Table {
    let header = ["input", "strategy", "status", "height", "lower bound", "gap %", "nodes", "CPU s"];
    let rows = rows.iter().map(|row| {
        [
            one_line(&row.input),
            row.strategy.clone(),
            row.status.clone(),
            row.height.to_string(),
            row.lower_bound.to_string(),
            format!("{:.3}", 100.0 * (row.ratio - 1.0)),
            row.nodes.to_string(),
            format!("{:.3}", row.cpu_seconds),
        ]
    });
    table(&header, 3, rows)
}

/// Table with a row per input and a column per strategy; a cell is empty if the strategy refused
/// the input.
fn heights(rows: &[StrategyResult], strategies: &[String]) -> Table {
    let names = strategies.iter().map(String::as_str);
    let header: Vec<&str> = ["input", "lower bound"].into_iter().chain(names).collect();
    let rows = rows.chunk_by(|a, b| a.input == b.input).map(|results| {
        let height = |name: &String| {
            let row = results.iter().find(|row| row.strategy == *name);
            row.map_or_else(String::new, |row| row.height.to_string())
        };
        let first = [one_line(&results[0].input), results[0].lower_bound.to_string()];
        first.into_iter().chain(strategies.iter().map(height)).collect::<Vec<_>>()
    });
    table(&header, 1, rows)
}

/// Table with a row per strategy: number of optimal solutions, mean and worst ratio of height to
/// lower bound, time, and number of inputs that fit each capacity.
fn totals(rows: &[StrategyResult], strategies: &[String], capacities: &[u64]) -> Table {
    let fits: Vec<String> =
        capacities.iter().map(|&capacity| format!("fit {}", short_bytes(capacity))).collect();
    let mut header = vec!["strategy", "inputs", "at the bound", "geometric mean", "worst", "CPU s"];
    header.extend(fits.iter().map(String::as_str));
    let rows = strategies.iter().map(|strategy| {
        let results: Vec<&StrategyResult> = rows.iter().filter(|row| row.strategy == *strategy).collect();
        let at_bound = results.iter().filter(|row| row.status == Status::Optimal.to_string()).count();
        let logarithms: f64 = results.iter().map(|row| row.ratio.ln()).sum();
        let worst = results.iter().map(|row| row.ratio).fold(1.0, f64::max);
        let seconds: f64 = results.iter().map(|row| row.cpu_seconds).sum();
        let fits = capacities.iter().map(|&capacity| {
            let count = results.iter().filter(|row| row.height <= capacity).count();
            format!("{count} ({:.0} %)", 100.0 * count as f64 / results.len().max(1) as f64)
        });
        let figures = [
            strategy.clone(),
            results.len().to_string(),
            at_bound.to_string(),
            format!("{:.4}", (logarithms / results.len().max(1) as f64).exp()),
            format!("{worst:.4}"),
            format!("{seconds:.3}"),
        ];
        figures.into_iter().chain(fits).collect::<Vec<_>>()
    });
    table(&header, 1, rows)
}
