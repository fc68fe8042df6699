//! Networks in one machine's memories: a report of one, a table of many.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comfy_table::Table;
use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::Pools;
use plimsoll::files;
use plimsoll::import::Imported;
use plimsoll::report::text::{bytes, percent, short_bytes};

use super::Lines;
use super::help::{self, Help};
use super::many::failed_inputs;
use super::placed::{Fit, Placed};
use crate::arguments::FitArguments;
use crate::inputs::{check_outputs, expand, read_among, with_path};
use crate::output::{one_line, progress, report_error, report_notes, say, table};
use crate::target::scratch_line;
use crate::{Answer, Failure};

/// Tensors that are listed; of more, only the number and the sum are told.
const SHOWN: usize = 10;

pub fn run(arguments: &FitArguments) -> Result<Answer, Failure> {
    let pools = arguments.memory.pools()?;
    let files = expand(&arguments.inputs)?;
    check_outputs(&arguments.outputs(), files.iter().map(PathBuf::as_path).chain(arguments.memory.files()))?;
    let is_one = matches!(arguments.inputs.as_slice(), [one] if !one.is_dir());
    let bar = progress(files.len());
    let reading = Reading { arguments, pools: &pools, is_one, bar: &bar };
    let mut fits = Vec::new();
    let mut failures = 0;
    let mut unused = arguments.reading.dims.iter().map(|(name, _)| name.clone()).collect();
    let start = ProcessTime::now();
    for file in &files {
        bar.set_message(file.display().to_string());
        match fit(file, &reading, &mut unused) {
            Ok(fit) => fits.push(fit),
            Err(failure) => {
                failures += 1;
                bar.suspend(|| report_error(&failure));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    write_files(arguments, &fits)?;
    if let ([fit], true) = (fits.as_slice(), is_one) {
        say(&text(fit, &pools, start.elapsed().as_secs_f64()))?;
        if !arguments.target.is_given() {
            say(&scratch_line(&files[0]).unwrap_or_default())?;
        }
    } else if !fits.is_empty() {
        say(&format!("{}\n", overview(&fits)))?;
    }
    failed_inputs(failures, files.len(), &unused)?;
    let fits_all = |fit: &Fit| if arguments.weights { fit.everything } else { fit.activations };
    Ok(if fits.iter().all(fits_all) { Answer::Yes } else { Answer::No })
}

/// What every file is looked at with.
struct Reading<'a> {
    arguments: &'a FitArguments,
    pools: &'a Pools,
    /// Whether there is one file only, of which more is told.
    is_one: bool,
    bar: &'a ProgressBar,
}

fn fit(file: &Path, reading: &Reading, unused: &mut BTreeSet<String>) -> Result<Fit, Failure> {
    let Reading { arguments, pools, is_one, bar } = *reading;
    if arguments.target.is_given() {
        return for_target(file, reading);
    }
    let options = arguments.reading.import_options();
    match read_among(file, options, unused).map_err(|error| with_path(file, error))? {
        Imported::Graph(imported) => {
            bar.suspend(|| report_notes(file, &imported.notes));
            let graph = &imported.graph;
            let named = |error: Failure| -> Failure { format!("{}: {error}", file.display()).into() };
            let fit = Fit::of(graph, &arguments.planner(bar), pools, arguments.reading.align);
            let mut fit = fit.map_err(named)?;
            if is_one {
                fit.help = Help::of(graph, &fit, arguments, pools, bar).map_err(named)?;
            }
            Ok(fit)
        }
        _ => Err(format!(
            "{}: buffers alone have no traffic; use `plan --capacity`, or `fit` without --memory",
            file.display()
        )
        .into()),
    }
}

/// By the rules of the target's runtime.
fn for_target(file: &Path, reading: &Reading) -> Result<Fit, Failure> {
    let Reading { arguments, pools, bar, .. } = *reading;
    let planned = arguments.target.plan(file, arguments.planner(bar))?;
    bar.suspend(|| report_notes(file, &planned.notes));
    let fit = Fit::in_one_arena(planned.head_bytes, &planned.graph, &arguments.planner(bar), pools);
    fit.map_err(|error| format!("{}: {error}", file.display()).into())
}

fn write_files(arguments: &FitArguments, fits: &[Fit]) -> Result<(), Failure> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    if let Some(path) = &arguments.json {
        files.push((path.clone(), serde_json::to_string_pretty(fits)? + "\n"));
    }
    if let Some(path) = &arguments.markdown {
        files.push((path.clone(), format!("{}\n", overview(fits))));
    }
    if let Some(path) = &arguments.csv {
        files.push((path.clone(), csv_of(fits)?));
    }
    Ok(files::write_all(&files)?)
}

fn csv_of(fits: &[Fit]) -> Result<String, Failure> {
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
    for fit in fits {
        let number = |of| number(fit, of);
        writer.write_record([
            fit.model.clone(),
            fit.activations.to_string(),
            fit.everything.to_string(),
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
    Ok(String::from_utf8(writer.into_inner().map_err(|error| error.to_string())?)?)
}

/// A line for each network.
fn overview(fits: &[Fit]) -> Table {
    let header = ["model", "fits", "arena", "weights", "home before", "home after", "cost", "bound", "gap"];
    let mut table = table(&header, 2);
    for fit in fits {
        let fits = match (fit.everything, fit.activations) {
            (true, _) => "all",
            (false, true) => "activations",
            (false, false) => "no",
        };
        let number = |of| number(fit, of);
        table.add_row([
            one_line(&fit.model),
            fits.to_owned(),
            fit.arena.to_string(),
            fit.weights.to_string(),
            fit.before.total().to_string(),
            number(|placed| placed.after.total()),
            number(|placed| placed.cost),
            number(|placed| placed.lower_bound),
            fit.placed.as_ref().map_or_else(String::new, gap),
        ]);
    }
    table
}

/// A figure of what is placed, if it can run at all.
fn number(fit: &Fit, of: fn(&Placed) -> u64) -> String {
    fit.placed.as_ref().map_or_else(String::new, |placed| of(placed).to_string())
}

fn gap(placed: &Placed) -> String {
    placed.gap.map_or_else(|| "unknown".to_owned(), percent)
}

/// All about one.
fn text(fit: &Fit, pools: &Pools, seconds: f64) -> String {
    let mut lines = Lines::default();
    lines.say("model", if fit.model.is_empty() { "(unnamed)" } else { &fit.model });
    let memories = pools.list().iter().map(|pool| match pool.bytes() {
        Some(bytes) => format!("{} {}", pool.name(), short_bytes(bytes)),
        None => pool.name().to_owned(),
    });
    lines.say("memories", &memories.collect::<Vec<_>>().join(", "));
    let (arena, bound) = (bytes(fit.arena), bytes(fit.arena_lower_bound));
    let least =
        if arena == bound { "the least there is".to_owned() } else { format!("no less than {bound}") };
    let verdict = |fits| if fits { "fit on chip" } else { "do not fit on chip" };
    lines.say("activations", &format!("{}: an arena of {arena}, {least}", verdict(fit.activations)));
    lines.say("and weights", &format!("{}: {} of weights", verdict(fit.everything), bytes(fit.weights)));
    let home = pools.home().name();
    lines.say(&format!("{home} before"), &traffic(fit.before, "everything there"));
    if let Some(why) = &fit.impossible {
        lines.say("impossible", why);
    }
    if let Some(placed) = &fit.placed {
        about_placement(&mut lines, home, placed);
    }
    if let Some(help) = &fit.help {
        help::about(&mut lines, help);
    }
    lines.say("time", &format!("{seconds:.3} s"));
    lines.text
}

fn about_placement(lines: &mut Lines, home: &str, placed: &Placed) {
    let needed = placed.moved.iter().filter(|one| !one.avoidable).map(super::traffic::Moved::total);
    let needed = format!("no less than {} with all on chip", short_bytes(needed.sum()));
    lines.say(&format!("{home} after"), &traffic(placed.after, &needed));
    lines.say("cost", &format!("{}; no placement costs less than {}", placed.cost, placed.lower_bound));
    lines.say("gap", &format!("{} of what more memory could save", gap(placed)));
    for pool in &placed.pools {
        let of = pool.capacity.map_or_else(String::new, |capacity| format!(" of {}", short_bytes(capacity)));
        lines.say(&pool.name, &format!("{}{of} used", bytes(pool.filled)));
    }
    lines.say("preloaded", &format!("{} of weights", bytes(placed.preloaded)));
    let out: Vec<_> = placed.moved.iter().filter(|one| one.avoidable).collect();
    if out.is_empty() {
        return;
    }
    let total: u64 = out.iter().map(|one| one.total()).sum();
    lines.say("stays out", &format!("{} of traffic, {} tensors", short_bytes(total), out.len()));
    let (shown, rest) = out.split_at(out.len().min(SHOWN));
    for one in shown {
        let name = one_line(&one.name);
        lines.say(
            "",
            &format!("{:>11}  {name} ({}, {})", short_bytes(one.total()), one.kind, short_bytes(one.bytes)),
        );
    }
    if !rest.is_empty() {
        let together = rest.iter().map(|one| one.total()).sum();
        lines.say("", &format!("and {} more, {} together", rest.len(), short_bytes(together)));
    }
}

fn traffic(figures: super::placed::Figures, more: &str) -> String {
    let (read, written) = (short_bytes(figures.read), short_bytes(figures.written));
    format!("{} a run, {read} read and {written} written; {more}", bytes(figures.total()))
}
