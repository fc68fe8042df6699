//! `--scratch FILE.csv`: measured scratch of kernels.

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll::export::tflite::{Kernels, Scratch};

use crate::inputs::{error_at, read_text};
use crate::outcome::Failure;

/// Scratch of the target's kernels, by default the reference kernels, replaced by measured sizes where the
/// file has a row.
///
/// The columns `operator` and `bytes` are required. `subgraph` is 0 where the column is missing.
/// A `type` that is not the operator's is an error: the table belongs to another model.
pub fn read_scratch(target: Option<Kernels>, path: Option<&Path>) -> Result<Scratch, Failure> {
    let kernels = target.unwrap_or_default();
    let Some(path) = path else { return Ok(Scratch::of_kernels(kernels)) };
    let text = read_text(path)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error_at(path, &error))?.clone();
    let column = |name: &str| header.iter().position(|title| title == name);
    let required =
        |name: &str| column(name).ok_or_else(|| error_at(path, &format!("column `{name}` is missing")));
    let (operators, sizes) = (required("operator")?, required("bytes")?);
    let mut scratch = Scratch::of_kernels(kernels);
    let mut seen = BTreeSet::new();
    for (number, row) in (1..).zip(reader.records()) {
        let row = row.map_err(|error| error_at(path, &error))?;
        let at_row = |message: String| error_at(path, &format!("row {number}: {message}"));
        let field = |column: usize| row.get(column).unwrap_or("");
        let integer = |column: usize| {
            let text = field(column);
            text.parse::<u64>().map_err(|_| at_row(format!("`{text}` is not a whole number")))
        };
        let subgraph = column("subgraph").map_or(Ok(0), &integer)? as usize;
        let (operator, bytes) = (integer(operators)? as usize, integer(sizes)?);
        if !seen.insert((subgraph, operator)) {
            return Err(at_row(format!("operator {operator} of subgraph {subgraph} is listed twice")));
        }
        scratch = match column("type").map(field).filter(|op_type| !op_type.is_empty()) {
            Some(op_type) => scratch.measured_of_type(subgraph, operator, op_type, bytes),
            None => scratch.measured(subgraph, operator, bytes),
        };
    }
    Ok(scratch)
}
