//! Reads and checks files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::build::ModelBuilder;
use super::rules::fact::TensorFact;
use super::schema::{self, Model, SubGraph, Tensor};
use super::{malformed, operators, shapes};
use crate::import::{ImportError, ImportOptions, ImportedGraph};

/// Limit of bytes that are read. Tables are in the first 2 GiB, as their offsets have 31 bits; a longer file has
/// constants after them, which are not needed.
const LONGEST: u64 = 1 << 31;

/// Bytes of the offset of the root table and the file identifier.
const HEAD: u64 = 8;

pub(crate) fn read_file(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let at_path = |source| ImportError::Read { path: path.to_owned(), source };
    let mut file = crate::import::file::open_regular(path)?;
    let mut bytes = Vec::new();
    // The identifier first, so that other files are not read to the end.
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(at_path)?;
    check_identifier(&bytes)?;
    file.take(LONGEST - HEAD).read_to_end(&mut bytes).map_err(at_path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    from_bytes(&name, &bytes, options)
}

/// Imports the first subgraph of a TensorFlow Lite model as a graph, with the subgraphs that IF, WHILE and
/// `CALL_ONCE` run as bodies.
///
/// Tensor and operator ids are indices in the lists of the subgraph. The name of an operator consists of its
/// index and type, as in `0:CONV_2D`. Variables of bodies follow the tensors of the list. Operators that may
/// share state without a common tensor (handles, bodies, custom operators) keep their order.
///
/// Example: [`read`](crate::import::read).
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are not a TensorFlow Lite model, [`ImportError::Unshaped`] if tensors
/// have neither an inferred nor a declared shape, [`ImportError::InputShape`] if a tensor cannot have the shape
/// that `options` gives it, [`ImportError::Invalid`] if the graph breaks a rule.
pub fn from_bytes(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    ModelBuilder::new(model(bytes)?, tables(bytes), options).graph(name)
}

/// Checks the identifier and all tables of a file and returns the root table.
pub(crate) fn model(bytes: &[u8]) -> Result<Model<'_>, ImportError> {
    check_identifier(bytes)?;
    schema::model(tables(bytes)).map_err(|error| {
        let lines: Vec<String> = error.to_string().lines().map(|line| line.trim().to_owned()).collect();
        let what = lines.join(" ").replace(". while", ", while");
        let what = what.trim().trim_end_matches('.');
        malformed(format!("it is cut short or damaged ({what})"))
    })
}

/// Inferred shapes of the tensors of a subgraph; none for unknown ones.
pub(crate) fn inferred<'a>(
    (model, bytes): (Model<'a>, &'a [u8]),
    subgraph: SubGraph<'a>,
    operators: &[operators::Read],
) -> Vec<Option<Vec<u64>>> {
    let given = BTreeMap::new();
    let facts = shapes::infer(model, tables(bytes), subgraph, operators, &given).facts;
    facts.into_iter().map(|fact| fact.dims).collect()
}

/// The elements of an integer tensor whose contents are in the file; none if it has no contents or too many.
pub(crate) fn stored_integers(bytes: &[u8], model: Model<'_>, tensor: Tensor<'_>) -> Option<Vec<i64>> {
    let fact = TensorFact::new(tensor, model.buffers(), tables(bytes));
    // The values are exact up to 32 bits; indices are smaller.
    fact.values().map(|numbers| numbers.iter().map(|&number| number as i64).collect())
}

/// The part of a file that contains the tables.
fn tables(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(LONGEST as usize)]
}

fn check_identifier(bytes: &[u8]) -> Result<(), ImportError> {
    match bytes.get(4..8) {
        Some(b"TFL3") => Ok(()),
        Some(other) => {
            Err(malformed(format!("bytes 4 to 7 are \"{}\" instead of \"TFL3\"", other.escape_ascii())))
        }
        None => Err(malformed("it is shorter than 8 bytes")),
    }
}
