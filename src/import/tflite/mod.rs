//! TensorFlow Lite models.

mod build;
mod builtins;
mod given;
pub(crate) mod operators;
pub(crate) mod schema;
mod shapes;
mod tensors;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flatbuffers::Vector;

use super::{ImportError, ImportOptions, ImportedGraph};
use build::Build;
use schema::{Model, SubGraph};

const FORMAT: &str = "TFLite";

/// Tables lie in the first 2 GiB, as their offsets have 31 bits. A longer file
/// has constants behind them, which are not needed.
const LONGEST: u64 = 1 << 31;

/// The first table's offset, and the identifier.
const HEAD: u64 = 8;

pub(super) fn read_file(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let at_path = |source| ImportError::Read { path: path.to_owned(), source };
    let mut file = super::file::open_regular(path)?;
    let mut bytes = Vec::new();
    // The identifier first: what is no model need not be read to the end.
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(at_path)?;
    check_identifier(&bytes)?;
    file.take(LONGEST - HEAD).read_to_end(&mut bytes).map_err(at_path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    from_bytes(&name, &bytes, options)
}

/// A graph of the first subgraph of a TensorFlow Lite model, with the subgraphs that IF, WHILE and
/// `CALL_ONCE` run as bodies.
///
/// Tensor and operator ids are positions in the subgraph's lists; operators
/// are called by position and type, as in `0:CONV_2D`. Variables of bodies come after the tensors of the list. Operators that may share
/// state no tensor shows (handles, bodies, custom ones) keep their order.
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are no such model,
/// [`ImportError::Unshaped`] if the shapes of tensors are neither in the file nor follow from
/// others, [`ImportError::InputShape`] if a shape cannot be given,
/// [`ImportError::Invalid`] if the graph breaks a rule.
pub fn from_bytes(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    Build::new(model(bytes)?, tables(bytes), options).graph(name)
}

/// The tables of a file, all of them sound.
pub(crate) fn model(bytes: &[u8]) -> Result<Model<'_>, ImportError> {
    check_identifier(bytes)?;
    schema::model(tables(bytes)).map_err(|error| {
        let lines: Vec<String> = error.to_string().lines().map(|line| line.trim().to_owned()).collect();
        let what = lines.join(" ").replace(". while", ", while");
        let what = what.trim().trim_end_matches('.');
        ImportError::malformed(FORMAT, format!("it is cut short or damaged ({what})"))
    })
}

/// The shapes of a subgraph's tensors as inferred; none where they are unknown.
pub(crate) fn inferred<'a>(
    (model, bytes): (Model<'a>, &'a [u8]),
    subgraph: SubGraph<'a>,
    operators: &[operators::Read],
) -> Vec<Option<Vec<u64>>> {
    let given = BTreeMap::new();
    let facts = shapes::infer(model, tables(bytes), subgraph, operators, &given).facts;
    facts.into_iter().map(|fact| fact.dims).collect()
}

/// The part of a file that has the tables.
fn tables(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(LONGEST as usize)]
}

fn check_identifier(bytes: &[u8]) -> Result<(), ImportError> {
    match bytes.get(4..8) {
        Some(b"TFL3") => Ok(()),
        Some(other) => {
            let reason = format!("bytes 4 to 7 are \"{}\" instead of \"TFL3\"", other.escape_ascii());
            Err(ImportError::malformed(FORMAT, reason))
        }
        None => Err(ImportError::malformed(FORMAT, "it is shorter than 8 bytes")),
    }
}

/// A name; what is no UTF-8 of it is replaced.
pub(crate) fn text(bytes: Option<Vector<'_, u8>>) -> String {
    bytes.map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes.bytes()).into_owned())
}
