//! Networks in the memories of one target: a report on one network, a table of several.

use std::path::{Path, PathBuf};

use comfy_table::Table;
use cpu_time::ProcessTime;
use plimsoll::files;
use plimsoll::import::Imported;
use plimsoll::report::text::{bytes, percent, short_bytes};
use plimsoll::{Pools, Traffic};
use serde::Serialize;

use super::ReportLines;
use super::placed::{NetworkFit, PlacementSummary};
use super::remedies::{self, Help};
use super::traffic::TensorTraffic;
use crate::arguments::FitArguments;
use crate::batch::Batch;
use crate::inputs::{check_outputs, error_at, read_with_scratch};
use crate::outcome::{Failure, Outcome};
use crate::output::{csv_text, one_line, print, report_notes, table};
use crate::target::scratch_line;

/// Everything about one network.
#[derive(Serialize)]
struct NetworkReport {
    #[serde(flatten)]
    fit: NetworkFit,
    /// Remedies; only for a single network that does not fit.
    help: Option<Help>,
    /// Operators whose kernel scratch the plan leaves out.
    #[serde(skip)]
    scratch_operators: Vec<String>,
}

pub fn run(arguments: &FitArguments) -> Result<Outcome, Failure> {
    let pools = arguments.memory.pools()?;
    let mut batch = Batch::new(&arguments.inputs, &arguments.reading, 1)?;
    check_outputs(&arguments.outputs(), arguments.inputs(&batch.files))?;
    let is_single = matches!(arguments.inputs.as_slice(), [input] if !input.is_dir());
    let start = ProcessTime::now();
    let reports = batch.run(|batch, file| {
        let report = report(batch, file, arguments, &pools, is_single);
        batch.bar.inc(1);
        report
    });
    write_files(arguments, &reports)?;
    if let ([report], true) = (reports.as_slice(), is_single) {
        print(&text(report, &pools, start.elapsed().as_secs_f64()))?;
        print(&scratch_line(&report.scratch_operators))?;
    } else if !reports.is_empty() {
        print(&format!("{}\n", overview(&reports)))?;
    }
    batch.check()?;
    let fits = |fit: &NetworkFit| if arguments.weights { fit.all_fits } else { fit.activations_fit };
    Ok(Outcome::of(reports.iter().all(|report| fits(&report.fit))))
}

/// Report on one network. Remedies are searched if it is the only one.
fn report(
    batch: &Batch<'_>,
    file: &Path,
    arguments: &FitArguments,
    pools: &Pools,
    is_single: bool,
) -> Result<NetworkReport, Failure> {
    let (bar, align) = (&batch.bar, arguments.reading.align);
    let failed = |failure: Failure| error_at(file, &failure);
    if arguments.target.is_given() {
        let planner = arguments.planner(arguments.searching.limits(bar));
        let model = arguments.target.plan(file, planner.clone(), bar)?;
        let fit = NetworkFit::in_one_arena(model.head_bytes, &model.graph, &planner, pools);
        return Ok(NetworkReport { fit: fit.map_err(failed)?, help: None, scratch_operators: Vec::new() });
    }
    let input = batch.read(file, |options| read_with_scratch(file, options))?;
    let Imported::Graph(imported) = input.imported else {
        let message = "a buffer list has no traffic; use `plan --capacity`, or `fit` without --memory";
        return Err(error_at(file, &message));
    };
    report_notes(file, &imported.notes, bar);
    let graph = &imported.graph;
    let deadline = arguments.searching.deadline();
    let planner = arguments.planner(arguments.searching.limits_until(deadline, bar));
    let fit = NetworkFit::of(graph, &planner, pools, align).map_err(failed)?;
    let help = is_single.then(|| Help::of(graph, &fit, arguments, pools, (deadline, bar)));
    let help = help.transpose().map_err(failed)?.flatten();
    Ok(NetworkReport { fit, help, scratch_operators: input.scratch_operators })
}

fn write_files(arguments: &FitArguments, reports: &[NetworkReport]) -> Result<(), Failure> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    if let Some(path) = &arguments.json {
        files.push((path.clone(), serde_json::to_string_pretty(reports)? + "\n"));
    }
    if let Some(path) = &arguments.markdown {
        files.push((path.clone(), format!("{}\n", overview(reports))));
    }
    if let Some(path) = &arguments.csv {
        files.push((path.clone(), csv_of(reports)?));
    }
    Ok(files::write_all(&files)?)
}

fn csv_of(reports: &[NetworkReport]) -> Result<String, Failure> {
    let header = [
        "model",
        "activations_fit",
        "all_fits",
        "arena",
        "weights",
        "home_bytes_before",
        "home_bytes_after",
        "cost",
        "lower_bound",
        "floor",
        "preloaded",
    ];
    let rows = reports.iter().map(|NetworkReport { fit, .. }| {
        let number = |figure| placement_number(fit, figure);
        [
            fit.model.clone(),
            fit.activations_fit.to_string(),
            fit.all_fits.to_string(),
            fit.arena.to_string(),
            fit.weights.to_string(),
            fit.before.total().to_string(),
            number(|placed| placed.after.total()),
            number(|placed| placed.cost),
            number(|placed| placed.lower_bound),
            number(|placed| placed.floor),
            number(|placed| placed.preloaded),
        ]
    });
    csv_text(&header, rows)
}

/// Table with a row per network.
fn overview(reports: &[NetworkReport]) -> Table {
    let header =
        ["model", "fits", "arena", "weights", "traffic before", "traffic after", "cost", "bound", "gap"];
    let rows = reports.iter().map(|NetworkReport { fit, .. }| {
        let fits = match (fit.all_fits, fit.activations_fit) {
            (true, _) => "all",
            (false, true) => "activations",
            (false, false) => "no",
        };
        let number = |figure| placement_number(fit, figure);
        [
            one_line(&fit.model),
            fits.to_owned(),
            fit.arena.to_string(),
            fit.weights.to_string(),
            fit.before.total().to_string(),
            number(|placed| placed.after.total()),
            number(|placed| placed.cost),
            number(|placed| placed.lower_bound),
            fit.placed.as_ref().map_or_else(String::new, gap_text),
        ]
    });
    table(&header, 2, rows)
}

/// A number of the placement, or empty text without a placement.
fn placement_number(fit: &NetworkFit, figure: fn(&PlacementSummary) -> u64) -> String {
    fit.placed.as_ref().map_or_else(String::new, |placed| figure(placed).to_string())
}

fn gap_text(placed: &PlacementSummary) -> String {
    placed.gap.map_or_else(|| "unknown".to_owned(), percent)
}

fn text(report: &NetworkReport, pools: &Pools, seconds: f64) -> String {
    let fit = &report.fit;
    let mut lines = ReportLines::default();
    lines.add("model", if fit.model.is_empty() { "(unnamed)" } else { &fit.model });
    let memories = pools.list().iter().map(|pool| match pool.bytes() {
        Some(bytes) => format!("{} {}", pool.name(), short_bytes(bytes)),
        None => pool.name().to_owned(),
    });
    lines.add("memories", &memories.collect::<Vec<_>>().join(", "));
    let (arena, bound) = (bytes(fit.arena), bytes(fit.arena_lower_bound));
    let quality = if arena == bound { "proven minimal".to_owned() } else { format!("lower bound {bound}") };
    let verdict = |fits| if fits { "fit on chip" } else { "do not fit on chip" };
    lines.add("activations", &format!("{}: arena {arena}, {quality}", verdict(fit.activations_fit)));
    lines.add("with weights", &format!("{}: weights {}", verdict(fit.all_fits), bytes(fit.weights)));
    let backing_store = pools.backing_store().name();
    let scope = format!("with every tensor in {backing_store}");
    lines.add(&format!("{backing_store} before"), &traffic_text(fit.before, &scope));
    if let Some(reason) = &fit.impossible {
        lines.add("impossible", reason);
    }
    if let Some(placed) = &fit.placed {
        add_placement(&mut lines, backing_store, placed);
    }
    if let Some(help) = &report.help {
        remedies::add_help(&mut lines, help);
    }
    lines.add("time", &format!("{seconds:.3} s"));
    lines.text
}

fn add_placement(lines: &mut ReportLines, backing_store: &str, placed: &PlacementSummary) {
    let unavoidable = placed.moved.iter().filter(|tensor| !tensor.avoidable).map(TensorTraffic::total);
    let unavoidable = format!("at least {} unavoidable", short_bytes(unavoidable.sum()));
    lines.add(&format!("{backing_store} after"), &traffic_text(placed.after, &unavoidable));
    lines.add("cost", &format!("{}, lower bound {}", placed.cost, placed.lower_bound));
    lines.add("gap", &format!("{} of the cost that larger memories could save", gap_text(placed)));
    for pool in &placed.pools {
        let of = pool.capacity.map_or_else(String::new, |capacity| format!(" of {}", short_bytes(capacity)));
        lines.add(&pool.name, &format!("{}{of} used", bytes(pool.filled)));
    }
    lines.add("preloaded", &format!("{} of weights", bytes(placed.preloaded)));
    let avoidable: Vec<_> = placed.moved.iter().filter(|tensor| tensor.avoidable).collect();
    if avoidable.is_empty() {
        return;
    }
    let total: u64 = avoidable.iter().map(|tensor| tensor.total()).sum();
    lines.add("avoidable", &format!("{} of traffic, {} tensors", short_bytes(total), avoidable.len()));
    let entry = |tensor: &&TensorTraffic| {
        let (name, size) = (one_line(&tensor.name), short_bytes(tensor.bytes));
        (tensor.total(), format!("{name} ({}, {size})", tensor.kind))
    };
    lines.add_list(&avoidable.iter().map(entry).collect::<Vec<_>>());
}

fn traffic_text(traffic: Traffic, remark: &str) -> String {
    let (read, written) = (short_bytes(traffic.read), short_bytes(traffic.written));
    format!("{} per run, {read} read and {written} written; {remark}", bytes(traffic.total()))
}
