//! Tables of many networks: what they need, and which capacity they fit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use plimsoll::files;
use plimsoll::import::Imported;

use super::families::Families;
use super::levels::{LEVELS, Row};
use super::{plot, shares};
use crate::arguments::FitArguments;
use crate::inputs::{check_outputs, expand, read_among, with_path};
use crate::output::{one_line, progress, report_error, say, table};
use crate::{Answer, Failure};

pub fn run(arguments: &FitArguments) -> Result<Answer, Failure> {
    let families = match &arguments.families {
        Some(path) => Families::read(path)?,
        None => Families::default(),
    };
    let files = expand(&arguments.inputs)?;
    check_outputs(&arguments.outputs(), files.iter().chain(&arguments.families).map(PathBuf::as_path))?;
    let bar = progress(files.len());
    let mut rows = Vec::new();
    let mut failures = 0;
    let mut unused = arguments.reading.dims.iter().map(|(name, _)| name.clone()).collect();
    for file in &files {
        bar.set_message(file.display().to_string());
        match row(file, arguments, &families, &mut unused, &bar) {
            Ok(row) => rows.push(row),
            Err(failure) => {
                failures += 1;
                bar.suspend(|| report_error(&failure));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    write_files(arguments, &rows)?;
    if !rows.is_empty() {
        let tables = shares::markdown(&rows, &arguments.capacity, arguments.families.is_some());
        say(&format!("{}\n\n{tables}", needs(&rows)))?;
    }
    failed_inputs(failures, files.len(), &unused)?;
    Ok(Answer::Yes)
}

/// What of the inputs or of `--dim` was wrong.
pub fn failed_inputs(failures: usize, count: usize, unused: &BTreeSet<String>) -> Result<(), Failure> {
    match (failures, unused.first()) {
        (0, None) => Ok(()),
        (0, Some(name)) => {
            Err(format!("--dim {name}: no input has a symbolic dimension of this name").into())
        }
        _ => Err(format!("{failures} of {count} inputs could not be read").into()),
    }
}

fn row(
    file: &Path,
    arguments: &FitArguments,
    families: &Families,
    unused: &mut BTreeSet<String>,
    bar: &ProgressBar,
) -> Result<Row, Failure> {
    if arguments.target.is_given() {
        return Row::of_target(file, arguments, families, bar);
    }
    let imported: Imported = read_among(file, arguments.reading.import_options(), unused)
        .map_err(|error| with_path(file, error))?;
    Row::of(file, &imported, arguments, families, bar)
        .map_err(|error| format!("{}: {error}", file.display()).into())
}

fn write_files(arguments: &FitArguments, rows: &[Row]) -> Result<(), Failure> {
    let capacities = &arguments.capacity;
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    if let Some(path) = &arguments.csv {
        files.push((path.clone(), csv_of(rows)?));
    }
    if let Some(path) = &arguments.shares {
        files.push((path.clone(), shares::csv_of(rows, capacities)?));
    }
    if let Some(path) = &arguments.markdown {
        let tables = shares::markdown(rows, capacities, arguments.families.is_some());
        files.push((path.clone(), format!("{tables}\n{}\n", needs(rows))));
    }
    if let Some(path) = &arguments.svg {
        files.push((path.clone(), plot::svg(rows, capacities)));
    }
    if let Some(path) = &arguments.json {
        files.push((path.clone(), serde_json::to_string_pretty(rows)? + "\n"));
    }
    Ok(files::write_all(&files)?)
}

/// A line for each network: bytes by level.
fn needs(rows: &[Row]) -> comfy_table::Table {
    let header: Vec<&str> = ["model", "weights"].into_iter().chain(LEVELS).chain(["lower bound"]).collect();
    let mut table = table(&header, 1);
    for row in rows {
        let figures = row.arenas.iter().chain([&row.lower_bound]).map(ToString::to_string);
        table.add_row([one_line(&row.model), row.weights.to_string()].into_iter().chain(figures));
    }
    table
}

fn csv_of(rows: &[Row]) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["input", "model", "family", "weights"].into_iter().chain(LEVELS);
    writer.write_record(header.chain(["lower_bound", "proven"]))?;
    for row in rows {
        let first = [row.input.clone(), row.model.clone(), row.family.clone(), row.weights.to_string()];
        let arenas = row.arenas.iter().map(ToString::to_string);
        let last = [row.lower_bound.to_string(), row.proven.to_string()];
        writer.write_record(first.into_iter().chain(arenas).chain(last))?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| error.to_string())?)?)
}
