//! Tables of several networks: their arena sizes, and the capacities that they fit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use plimsoll::files;
use plimsoll::import;

use super::families::Families;
use super::levels::{LEVELS, Row};
use super::{plot, shares};
use crate::arguments::FitArguments;
use crate::inputs::{check_all_read, check_outputs, error_at, expand, import_error, read_one_of_several};
use crate::outcome::{Failure, Outcome};
use crate::output::{csv_text, one_line, print, progress, report_error, table};

pub fn run(arguments: &FitArguments) -> Result<Outcome, Failure> {
    let families = match &arguments.families {
        Some(path) => Families::read(path)?,
        None => Families::default(),
    };
    let files = expand(&arguments.inputs)?;
    check_outputs(&arguments.outputs(), arguments.inputs(&files))?;
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
        print(&format!("{}\n\n{tables}", arena_table(&rows)))?;
    }
    check_all_read(failures, files.len(), &unused)?;
    Ok(Outcome::Positive)
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
    let read = |options: &_| import::read(file, options);
    let imported = read_one_of_several(arguments.reading.import_options(), unused, read)
        .map_err(|error| import_error(file, error))?;
    Row::of(file, &imported, arguments, families, bar).map_err(|error| error_at(file, &error))
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
        files.push((path.clone(), format!("{tables}\n{}\n", arena_table(rows))));
    }
    if let Some(path) = &arguments.svg {
        files.push((path.clone(), plot::svg(rows, capacities)));
    }
    if let Some(path) = &arguments.json {
        files.push((path.clone(), serde_json::to_string_pretty(rows)? + "\n"));
    }
    Ok(files::write_all(&files)?)
}

/// Table with a row per network: arena size in bytes by level.
fn arena_table(rows: &[Row]) -> comfy_table::Table {
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
    csv_text(writer)
}
