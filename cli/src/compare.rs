//! `plimsoll compare`: many strategies on many inputs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comfy_table::Table;
use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::files;
use plimsoll::import::Imported;
use plimsoll::report::text::short_bytes;
use plimsoll::{Error, Liveness, Planner, Problem, Status, Variables};
use serde::Serialize;

use crate::arguments::CompareArguments;
use crate::inputs::{check_outputs, expand, read_among, with_path};
use crate::output::{one_line, progress, report_error, report_note, report_notes, say, table};
use crate::reading::VariablesArgument;
use crate::{Answer, Failure};

/// One strategy on one input.
#[derive(Serialize)]
struct Figures {
    input: String,
    strategy: String,
    height: u64,
    lower_bound: u64,
    /// Height over lower bound; 1 where both are 0.
    ratio: f64,
    status: String,
    nodes: u64,
    cpu_seconds: f64,
}

pub fn run(arguments: &CompareArguments) -> Result<Answer, Failure> {
    arguments.reading.check()?;
    arguments.target.check(&arguments.reading)?;
    let files = expand(&arguments.inputs)?;
    check_outputs(arguments.json.as_slice(), files.iter().map(PathBuf::as_path))?;
    let mut strategies = arguments.strategies.clone();
    let mut seen = BTreeSet::new();
    strategies.retain(|name| seen.insert(name.clone()));
    let bar = progress(files.len() * strategies.len());
    let mut rows = Vec::new();
    let mut failures = 0;
    let mut unused = arguments.reading.dims.iter().map(|(name, _)| name.clone()).collect();
    for file in &files {
        bar.set_message(file.display().to_string());
        if let Err(failure) = compare(file, arguments, &strategies, &mut unused, &bar, &mut rows) {
            failures += 1;
            bar.suspend(|| report_error(&failure));
        }
    }
    bar.finish_and_clear();
    if !rows.is_empty() {
        let details = if arguments.heights { heights(&rows, &strategies) } else { details(&rows) };
        say(&format!("{details}\n\n{}\n", totals(&rows, &strategies, &arguments.capacity)))?;
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&rows)?;
        files::write_all(&[(path.clone(), (text + "\n").into_bytes())])?;
    }
    match (failures, unused.first()) {
        (0, None) => Ok(Answer::Yes),
        (0, Some(name)) => {
            Err(format!("--dim {name}: no input has a symbolic dimension of this name").into())
        }
        _ => Err(format!("{failures} of {} inputs could not be read", files.len()).into()),
    }
}

fn compare(
    file: &Path,
    arguments: &CompareArguments,
    strategies: &[String],
    unused: &mut BTreeSet<String>,
    bar: &ProgressBar,
    rows: &mut Vec<Figures>,
) -> Result<(), Failure> {
    let (problem, behind) = problem(file, arguments, unused)?;
    for name in strategies {
        let searching = &arguments.searching;
        let planner = Planner::new().strategy(searching.strategy(name)?).limits(searching.limits(bar));
        let start = ProcessTime::now();
        let solution = match planner.solve(&problem) {
            Err(refusal @ Error::Refused { .. }) => {
                bar.suspend(|| report_note(&format!("{}: {refusal}", file.display())));
                continue;
            }
            solution => solution.map_err(|error| format!("{}: {error}", file.display()))?,
        };
        rows.push(Figures {
            input: file.display().to_string(),
            strategy: name.clone(),
            height: solution.height + behind,
            lower_bound: solution.lower_bound.bytes + behind,
            ratio: 1.0 + solution.gap(),
            status: solution.status.to_string(),
            nodes: solution.nodes,
            cpu_seconds: start.elapsed().as_secs_f64(),
        });
        bar.inc(1);
    }
    Ok(())
}

/// The geometry of an input, so that every strategy is timed on the same work, and the bytes that
/// a target needs beside its arena.
fn problem(
    file: &Path,
    arguments: &CompareArguments,
    unused: &mut BTreeSet<String>,
) -> Result<(Problem, u64), Failure> {
    let reading = &arguments.reading;
    if arguments.target.is_given() {
        let planner = arguments.target.planner(reading.planner().order(arguments.order.into()));
        let model = arguments.target.plan(file, planner)?;
        report_notes(file, &model.notes);
        let liveness = Liveness::new(&model.graph, &model.plan.order, 16, Variables::Outside);
        let problem = liveness.map_err(|error| format!("{}: {error}", file.display()))?.problem().clone();
        return Ok((problem, model.head_bytes.saturating_sub(model.plan.arena_bytes)));
    }
    match read_among(file, reading.import_options(), unused).map_err(|error| with_path(file, error))? {
        Imported::Graph(imported) => {
            let variables = match reading.variables {
                VariablesArgument::Arena => Variables::Arena,
                VariablesArgument::Outside => Variables::Outside,
            };
            let graph = &imported.graph;
            if !graph.relative_placements().is_empty() {
                let why = "its tensors lie at distances from each other; \
                           strategies give each an offset of its own, so use `plan`";
                return Err(format!("{}: {why}", file.display()).into());
            }
            let planner = reading.planner().order(arguments.order.into());
            let graph = &*planner.flatten(graph).map_err(|error| with_path(file, error.into()))?;
            let schedule = planner.schedule(graph).map_err(|error| with_path(file, error.into()))?;
            let liveness = Liveness::new(graph, &schedule.order, reading.align, variables);
            let liveness = liveness.map_err(|error| format!("{}: {error}", file.display()))?;
            Ok((liveness.problem().clone(), 0))
        }
        Imported::Problem(problem) => Ok((problem, 0)),
        _ => Err("this kind of input is not supported here".into()),
    }
}

fn details(rows: &[Figures]) -> Table {
    let header = ["input", "strategy", "status", "height", "lower bound", "gap %", "nodes", "CPU s"];
    let mut table = table(&header, 3);
    for row in rows {
        table.add_row([
            one_line(&row.input),
            row.strategy.clone(),
            row.status.clone(),
            row.height.to_string(),
            row.lower_bound.to_string(),
            format!("{:.3}", 100.0 * (row.ratio - 1.0)),
            row.nodes.to_string(),
            format!("{:.3}", row.cpu_seconds),
        ]);
    }
    table
}

/// A line for each input, a column for each strategy; empty where it was refused.
fn heights(rows: &[Figures], strategies: &[String]) -> Table {
    let names = strategies.iter().map(String::as_str);
    let header: Vec<&str> = ["input", "lower bound"].into_iter().chain(names).collect();
    let mut table = table(&header, 1);
    for own in rows.chunk_by(|a, b| a.input == b.input) {
        let height = |name: &String| {
            let row = own.iter().find(|row| row.strategy == *name);
            row.map_or_else(String::new, |row| row.height.to_string())
        };
        let first = [one_line(&own[0].input), own[0].lower_bound.to_string()];
        table.add_row(first.into_iter().chain(strategies.iter().map(height)).collect::<Vec<_>>());
    }
    table
}

/// A line for each strategy: how often at the bound, mean ratio, time, and how
/// many fit.
fn totals(rows: &[Figures], strategies: &[String], capacities: &[u64]) -> Table {
    let fits: Vec<String> =
        capacities.iter().map(|&capacity| format!("fit {}", short_bytes(capacity))).collect();
    let mut header = vec!["strategy", "inputs", "at the bound", "geometric mean", "worst", "CPU s"];
    header.extend(fits.iter().map(String::as_str));
    let mut table = table(&header, 1);
    for strategy in strategies {
        let own: Vec<&Figures> = rows.iter().filter(|row| row.strategy == *strategy).collect();
        let at_bound = own.iter().filter(|row| row.status == Status::Optimal.to_string()).count();
        let logarithms: f64 = own.iter().map(|row| row.ratio.ln()).sum();
        let worst = own.iter().map(|row| row.ratio).fold(1.0, f64::max);
        let seconds: f64 = own.iter().map(|row| row.cpu_seconds).sum();
        let fits = capacities.iter().map(|&capacity| {
            let count = own.iter().filter(|row| row.height <= capacity).count();
            format!("{count} ({:.0} %)", 100.0 * count as f64 / own.len().max(1) as f64)
        });
        let figures = [
            strategy.clone(),
            own.len().to_string(),
            at_bound.to_string(),
            format!("{:.4}", (logarithms / own.len().max(1) as f64).exp()),
            format!("{worst:.4}"),
            format!("{seconds:.3}"),
        ];
        table.add_row(figures.into_iter().chain(fits).collect::<Vec<_>>());
    }
    table
}
