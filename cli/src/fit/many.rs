//! Tables of several networks: their arena sizes, and the capacities that they fit.

use std::path::{Path, PathBuf};

use plimsoll::files;
use plimsoll::import;

use super::families::Families;
use super::levels::{Row, levels_of};
use super::{plot, shares};
use crate::arguments::FitArguments;
use crate::batch::Batch;
use crate::inputs::{check_outputs, error_at};
use crate::outcome::{Failure, Outcome};
use crate::output::{csv_text, one_line, print, table};

pub fn run(arguments: &FitArguments) -> Result<Outcome, Failure> {
    let families = match &arguments.families {
        Some(path) => Families::read(path)?,
        None => Families::default(),
    };
    let mut batch = Batch::new(&arguments.inputs, &arguments.reading, 1)?;
    check_outputs(&arguments.outputs(), arguments.inputs(&batch.files))?;
    let rows = batch.run(|batch, file| {
        let row = row(batch, file, arguments, &families);
        batch.bar.inc(1);
        row
    });
    write_files(arguments, &rows)?;
    if !rows.is_empty() {
        let tables = shares::markdown(&rows, &arguments.capacity, arguments.families.is_some());
        print(&format!("{}\n\n{tables}", arena_table(&rows)))?;
    }
    batch.check()?;
    Ok(Outcome::Positive)
}

fn row(
    batch: &Batch<'_>,
    file: &Path,
    arguments: &FitArguments,
    families: &Families,
) -> Result<Row, Failure> {
    if arguments.target.is_given() {
        return Row::of_target(file, arguments, families, &batch.bar);
    }
    let imported = batch.read(file, |options| import::read(file, options))?;
    Row::of(file, &imported, arguments, families, &batch.bar).map_err(|error| error_at(file, &error))
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
    let header: Vec<&str> = ["model", "weights"]
        .into_iter()
        .chain(levels_of(rows).iter().copied())
        .chain(["lower bound"])
        .collect();
    let rows = rows.iter().map(|row| {
        let figures = row.arenas.iter().chain([&row.lower_bound]).map(ToString::to_string);
        [one_line(&row.model), row.weights.to_string()].into_iter().chain(figures)
    });
    table(&header, 1, rows)
}

fn csv_of(rows: &[Row]) -> Result<String, Failure> {
    let header = ["input", "model", "family", "weights"].into_iter().chain(levels_of(rows).iter().copied());
    let header: Vec<&str> = header.chain(["lower_bound", "proven"]).collect();
    let rows = rows.iter().map(|row| {
        let first = [row.input.clone(), row.model.clone(), row.family.clone(), row.weights.to_string()];
        let arenas = row.arenas.iter().map(ToString::to_string);
        let last = [row.lower_bound.to_string(), row.proven.to_string()];
        first.into_iter().chain(arenas).chain(last)
    });
    csv_text(&header, rows)
}
