//! `--scratch FILE.csv`: measured scratch of kernels.

use std::path::Path;

use plimsoll::export::tflite::{Kernels, Scratch};

use crate::Failure;
use crate::inputs::{at, read_text};

/// Scratch of these kernels, over which a table of measured sizes goes: `operator` and `bytes`, with `subgraph`
/// (or else 0) and `type`.
pub fn scratch_of(kernels: Kernels, path: Option<&Path>) -> Result<Scratch, Failure> {
    let Some(path) = path else { return Ok(Scratch::of_kernels(kernels)) };
    let text = read_text(path)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| at(path, &error))?.clone();
    let column = |name: &str| header.iter().position(|found| found == name);
    let needed = |name: &str| column(name).ok_or_else(|| at(path, &format!("there is no column `{name}`")));
    let (operators, sizes) = (needed("operator")?, needed("bytes")?);
    let mut scratch = Scratch::of_kernels(kernels);
    let mut seen = std::collections::BTreeSet::new();
    for (number, row) in reader.records().enumerate() {
        let row = row.map_err(|error| at(path, &error))?;
        let field = |column: usize| row.get(column).unwrap_or("");
        let whole = |column: usize| {
            let text = field(column);
            text.parse::<u64>()
                .map_err(|_| at(path, &format!("row {}: `{text}` is not a whole number", number + 1)))
        };
        let subgraph = column("subgraph").map_or(Ok(0), &whole)? as usize;
        let (operator, bytes) = (whole(operators)? as usize, whole(sizes)?);
        if !seen.insert((subgraph, operator)) {
            let text =
                format!("row {}: operator {operator} of subgraph {subgraph} is there twice", number + 1);
            return Err(at(path, &text));
        }
        scratch = match column("type").map(field).filter(|op_type| !op_type.is_empty()) {
            Some(op_type) => scratch.measured_of_type(subgraph, operator, op_type, bytes),
            None => scratch.measured(subgraph, operator, bytes),
        };
    }
    Ok(scratch)
}
