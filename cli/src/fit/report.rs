//! Networks in the memories of one target: a report on one network, a table of several.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comfy_table::Table;
use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::Pools;
use plimsoll::files;
use plimsoll::import::Imported;
use plimsoll::report::text::{bytes, percent, short_bytes};
use serde::Serialize;

use super::ReportLines;
use super::help::{self, Help};
use super::placed::{NetworkFit, PlacementSummary, TrafficBytes};
use super::traffic::TensorTraffic;
use crate::arguments::FitArguments;
use crate::inputs::{
    check_all_read, check_outputs, error_at, expand, import_error, read_one_of_several, read_with_scratch,
};
use crate::outcome::{Failure, Outcome};
use crate::output::{csv_text, one_line, print, progress, report_error, report_notes, table};
use crate::target::scratch_line;

/// Number of tensors that a report lists.
const SHOWN: usize = 10;

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
    let files = expand(&arguments.inputs)?;
    check_outputs(&arguments.outputs(), arguments.inputs(&files))?;
    let is_single = matches!(arguments.inputs.as_slice(), [input] if !input.is_dir());
    let bar = progress(files.len());
    let context = Context { arguments, pools: &pools, is_single, bar: &bar };
    let mut reports = Vec::new();
    let mut failures = 0;
    let mut unused = arguments.reading.dims.iter().map(|(name, _)| name.clone()).collect();
    let start = ProcessTime::now();
    for file in &files {
        bar.set_message(file.display().to_string());
        match context.report(file, &mut unused) {
            Ok(report) => reports.push(report),
            Err(failure) => {
                failures += 1;
                bar.suspend(|| report_error(&failure));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    write_files(arguments, &reports)?;
    if let ([report], true) = (reports.as_slice(), is_single) {
        print(&text(report, &pools, start.elapsed().as_secs_f64()))?;
        print(&scratch_line(&report.scratch_operators))?;
    } else if !reports.is_empty() {
        print(&format!("{}\n", overview(&reports)))?;
    }
    check_all_read(failures, files.len(), &unused)?;
    let fits = |fit: &NetworkFit| if arguments.weights { fit.all_fits } else { fit.activations_fit };
    Ok(Outcome::of(reports.iter().all(|report| fits(&report.fit))))
}

/// Common data of all networks.
struct Context<'a> {
    arguments: &'a FitArguments,
    pools: &'a Pools,
    /// True if there is only one network, for which remedies are searched.
    is_single: bool,
    bar: &'a ProgressBar,
}

impl Context<'_> {
    fn report(&self, file: &Path, unused: &mut BTreeSet<String>) -> Result<NetworkReport, Failure> {
        let Context { arguments, pools, is_single, bar } = *self;
        if arguments.target.is_given() {
            return self.report_for_target(file);
        }
        let read = |options: &_| read_with_scratch(file, options);
        let input = read_one_of_several(arguments.reading.import_options(), unused, read);
        let input = input.map_err(|error| import_error(file, error))?;
        let Imported::Graph(imported) = input.imported else {
            let message = "a buffer list has no traffic; use `plan --capacity`, or `fit` without --memory";
            return Err(error_at(file, &message));
        };
        report_notes(file, &imported.notes, bar);
        let graph = &imported.graph;
        let fit = NetworkFit::of(graph, &arguments.planner(bar), pools, arguments.reading.align)
            .map_err(|error| error_at(file, &error))?;
        let help = if is_single {
            Help::of(graph, &fit, arguments, pools, bar).map_err(|error| error_at(file, &error))?
        } else {
            None
        };
        Ok(NetworkReport { fit, help, scratch_operators: input.scratch_operators })
    }

    /// Report by the rules of the target's runtime.
    fn report_for_target(&self, file: &Path) -> Result<NetworkReport, Failure> {
        let Context { arguments, pools, bar, .. } = *self;
        let planned = arguments.target.plan(file, arguments.planner(bar), bar)?;
        let fit =
            NetworkFit::in_one_arena(planned.head_bytes, &planned.graph, &arguments.planner(bar), pools)
                .map_err(|error| error_at(file, &error))?;
        Ok(NetworkReport { fit, help: None, scratch_operators: Vec::new() })
    }
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
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
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
    ])?;
    for NetworkReport { fit, .. } in reports {
        let number = |figure| placement_number(fit, figure);
        writer.write_record([
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
        ])?;
    }
    csv_text(writer)
}

/// Table with a row per network.
fn overview(reports: &[NetworkReport]) -> Table {
    let header =
        ["model", "fits", "arena", "weights", "traffic before", "traffic after", "cost", "bound", "gap"];
    let mut table = table(&header, 2);
    for NetworkReport { fit, .. } in reports {
        let fits = match (fit.all_fits, fit.activations_fit) {
            (true, _) => "all",
            (false, true) => "activations",
            (false, false) => "no",
        };
        let number = |figure| placement_number(fit, figure);
        table.add_row([
            one_line(&fit.model),
            fits.to_owned(),
            fit.arena.to_string(),
            fit.weights.to_string(),
            fit.before.total().to_string(),
            number(|placed| placed.after.total()),
            number(|placed| placed.cost),
            number(|placed| placed.lower_bound),
            fit.placed.as_ref().map_or_else(String::new, gap_text),
        ]);
    }
    table
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
        help::add_help(&mut lines, help);
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
    let (shown, rest) = avoidable.split_at(avoidable.len().min(SHOWN));
    for tensor in shown {
        let (traffic, name) = (short_bytes(tensor.total()), one_line(&tensor.name));
        let (kind, size) = (tensor.kind, short_bytes(tensor.bytes));
        lines.add("", &format!("{traffic:>11}  {name} ({kind}, {size})"));
    }
    if !rest.is_empty() {
        let total = rest.iter().map(|tensor| tensor.total()).sum();
        lines.add("", &format!("and {} more, {} in total", rest.len(), short_bytes(total)));
    }
}

fn traffic_text(traffic: TrafficBytes, remark: &str) -> String {
    let (read, written) = (short_bytes(traffic.read), short_bytes(traffic.written));
    format!("{} per run, {read} read and {written} written; {remark}", bytes(traffic.total()))
}
