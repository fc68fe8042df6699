//! TensorFlow Lite models.

mod builtins;
mod operators;
mod schema;
mod tensors;

use std::io::Read;
use std::path::Path;

use flatbuffers::Vector;

use super::foldable::OperatorAdder;
use super::{ImportError, ImportOptions, ImportedGraph};
use crate::graph::GraphBuilder;
use schema::{Buffer, List, Model, SubGraph};
use tensors::Role;

const FORMAT: &str = "TFLite";

/// Tables lie in the first 2 GiB, as their offsets have 31 bits. A longer file
/// has constants behind them, which are not needed.
const LONGEST: u64 = 1 << 31;

/// The first table's offset, and the identifier.
const HEAD: u64 = 8;

pub(super) fn read_file(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let at_path = |source| ImportError::Read { path: path.to_owned(), source };
    let mut file = super::open(path)?;
    let mut bytes = Vec::new();
    // The identifier first: what is no model need not be read to the end.
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(at_path)?;
    check_identifier(&bytes)?;
    file.take(LONGEST - HEAD).read_to_end(&mut bytes).map_err(at_path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    from_bytes(&name, &bytes, options)
}

/// A graph of the first subgraph of a TFLite model.
///
/// Tensor and operator ids are positions in the subgraph's lists; operators
/// are called by position and type, as in `0:CONV_2D`. Operators that may share
/// state no tensor shows (handles, bodies, custom ones) keep their order.
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are not a TFLite model,
/// [`ImportError::Unshaped`] if tensors have dimensions that are not static,
/// [`ImportError::Invalid`] if the graph breaks a rule.
pub fn from_bytes(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    check_identifier(bytes)?;
    let tables = &bytes[..bytes.len().min(LONGEST as usize)];
    let model = schema::model(tables).map_err(|error| {
        let lines: Vec<String> = error.to_string().lines().map(|line| line.trim().to_owned()).collect();
        ImportError::malformed(FORMAT, lines.join(" ").trim())
    })?;
    let mut subgraphs = model.subgraphs().into_iter().flatten();
    let first = subgraphs.next().ok_or_else(|| ImportError::malformed(FORMAT, "the model has no subgraph"))?;
    let builder = build(name, model, first)?;
    super::finish(builder, note_of_others(subgraphs).into_iter().collect(), options)
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

fn build(name: &str, model: Model<'_>, subgraph: SubGraph<'_>) -> Result<GraphBuilder, ImportError> {
    let tensor_count = subgraph.tensors().map_or(0, |tensors| tensors.len());
    let inputs = operators::tensor_ids(subgraph.inputs(), tensor_count, "the list of graph inputs")?;
    let outputs = operators::tensor_ids(subgraph.outputs(), tensor_count, "the list of graph outputs")?;
    let operators = operators::read(model, subgraph)?;

    let mut roles = vec![Role::default(); tensor_count];
    for input in inputs {
        roles[input.index()].is_input = true;
    }
    for output in operators.iter().flat_map(|operator| &operator.outputs) {
        roles[output.index()].is_written = true;
    }
    let mut builder = GraphBuilder::new(name);
    let mut adder = add_tensors(&mut builder, subgraph, &roles, model.buffers())?;
    for operator in &operators {
        adder.add(&mut builder, (&operator.name, &operator.op_type), &operator.inputs, &operator.outputs);
    }
    for output in outputs {
        builder.output(output);
    }
    Ok(builder)
}

fn add_tensors(
    builder: &mut GraphBuilder,
    subgraph: SubGraph<'_>,
    roles: &[Role],
    buffers: List<'_, Buffer<'_>>,
) -> Result<OperatorAdder, ImportError> {
    let mut holds = Vec::with_capacity(roles.len());
    let mut unshaped = Vec::new();
    for (index, (tensor, &role)) in subgraph.tensors().into_iter().flatten().zip(roles).enumerate() {
        let described = tensors::describe(tensor, index, role, buffers)?;
        holds.push(described.holds);
        match described.spec {
            Ok(spec) => {
                builder.add_tensor(text(tensor.name()), described.kind, spec);
            }
            Err(shape) => unshaped.push(shape),
        }
    }
    if unshaped.is_empty() {
        return Ok(OperatorAdder::new(holds));
    }
    let remedy = "convert the model again with fixed input shapes (an input signature without `None`)";
    Err(ImportError::Unshaped { tensors: unshaped, remedy: remedy.to_owned() })
}

/// Names the subgraphs that are not in the graph: bodies of control flow,
/// initializers, further signatures.
fn note_of_others<'a>(subgraphs: impl Iterator<Item = SubGraph<'a>>) -> Option<String> {
    const SHOWN: usize = 10;
    let mut left_out: Vec<String> = Vec::new();
    let mut count = 0;
    for subgraph in subgraphs {
        count += 1;
        if count <= SHOWN {
            let operators = subgraph.operators().map_or(0, |operators| operators.len());
            let plural = if operators == 1 { "" } else { "s" };
            left_out.push(format!("`{}` ({operators} operator{plural})", text(subgraph.name())));
        }
    }
    if count > SHOWN {
        left_out.push(format!("and {} more", count - SHOWN));
    }
    (count > 0).then(|| format!("subgraphs not planned: {}", left_out.join(", ")))
}

/// A name; what is no UTF-8 of it is replaced.
fn text(bytes: Option<Vector<'_, u8>>) -> String {
    bytes.map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes.bytes()).into_owned())
}
