//! TensorFlow Lite models.

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

use super::foldable::OperatorAdder;
use super::{ImportError, ImportOptions, ImportedGraph, short};
use crate::graph::GraphBuilder;
use schema::{Model, SubGraph};
use shapes::{Fact, Inferred};
use tensors::{Described, Role};

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

/// A graph of the first subgraph of a TensorFlow Lite model.
///
/// Tensor and operator ids are positions in the subgraph's lists; operators
/// are called by position and type, as in `0:CONV_2D`. Operators that may share
/// state no tensor shows (handles, bodies, custom ones) keep their order.
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are no such model,
/// [`ImportError::Unshaped`] if the shapes of tensors are neither in the file nor follow from
/// others, [`ImportError::InputShape`] if a shape cannot be given,
/// [`ImportError::Invalid`] if the graph breaks a rule.
pub fn from_bytes(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let model = model(bytes)?;
    let mut subgraphs = model.subgraphs().into_iter().flatten();
    let first =
        subgraphs.next().ok_or_else(|| ImportError::malformed(FORMAT, "the model has no subgraph"))?;
    let mut builder = GraphBuilder::new(name);
    let (mut notes, joins, begins) = build(&mut builder, (model, tables(bytes)), first, options)?;
    notes.extend(note_of_others(subgraphs));
    let mut imported = super::finish(builder, notes, options)?;
    let begin = |_: &crate::graph::Graph, id: crate::ids::OperatorId| begins[id.index()].clone();
    super::permits::add(&mut imported.graph, options.multi_pass, |id| joins[id.index()], begin)?;
    Ok(imported)
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

/// What the user should know; by operator whether it does nothing to its inputs but put them
/// together, if it is a concatenation, and where it begins, if it is a slice.
type Built = (Vec<String>, Vec<bool>, Vec<Option<Vec<u64>>>);

fn build(
    builder: &mut GraphBuilder,
    (model, bytes): (Model<'_>, &[u8]),
    subgraph: SubGraph<'_>,
    options: &ImportOptions,
) -> Result<Built, ImportError> {
    let tensor_count = subgraph.tensors().map_or(0, |tensors| tensors.len());
    let inputs = operators::tensor_ids(subgraph.inputs(), tensor_count, "the list of graph inputs")?;
    let outputs = operators::tensor_ids(subgraph.outputs(), tensor_count, "the list of graph outputs")?;
    let operators = operators::read(model, subgraph)?;

    let mut roles = vec![Role::default(); tensor_count];
    for input in inputs {
        roles[input.index()].is_input = true;
    }
    for input in operators.iter().flat_map(|operator| &operator.inputs) {
        roles[input.index()].is_read = true;
    }
    for result in operators.iter().flat_map(|operator| &operator.outputs).chain(&outputs) {
        roles[result.index()].is_result = true;
    }
    let given = given::shapes(subgraph, &roles, options)?;
    options.go_on()?;
    let Inferred { facts, mut notes } = shapes::infer(model, bytes, subgraph, &operators, &given);
    options.go_on()?;
    let described = describe_tensors(model, subgraph, &roles, &facts)?;
    notes.extend(note_of_blanks(&described));

    let mut adder = OperatorAdder::new(described.iter().map(|tensor| tensor.holds).collect());
    for tensor in described {
        builder.add_tensor(tensor.name, tensor.kind, tensor.spec);
    }
    for operator in &operators {
        options.go_on()?;
        adder.add(builder, (&operator.name, &operator.op_type), true, &operator.inputs, &operator.outputs);
    }
    for output in outputs {
        builder.output(output);
    }
    let joins = operators::joins(subgraph, &operators);
    let begins = operators.iter().map(|operator| operators::begin(model, subgraph, operator)).collect();
    Ok((notes, joins, begins))
}

fn describe_tensors(
    model: Model<'_>,
    subgraph: SubGraph<'_>,
    roles: &[Role],
    facts: &[Fact<'_>],
) -> Result<Vec<Described>, ImportError> {
    let mut described = Vec::with_capacity(roles.len());
    // Tensors whose shape is unknown by themselves, and those that follow from them.
    let (mut causes, mut others) = (Vec::new(), Vec::new());
    for (index, (tensor, &role)) in subgraph.tensors().into_iter().flatten().zip(roles).enumerate() {
        match tensors::describe(tensor, index, role, &facts[index], model.buffers())? {
            Ok(tensor) => described.push(tensor),
            Err(shape) if facts[index].why.is_none() && role.is_result => others.push(shape),
            Err(shape) => causes.push(shape),
        }
    }
    if causes.is_empty() && others.is_empty() {
        return Ok(described);
    }
    let tensors = if causes.is_empty() { others } else { causes };
    let remedy = "set shapes of inputs, or of these tensors, by --input-shape NAME=SHAPE, or convert the model \
                  again with fixed input shapes (an input signature without `None`)";
    Err(ImportError::Unshaped { tensors, remedy: remedy.to_owned() })
}

/// Names tensors that a runtime must find memory for, but for whose contents,
/// and so for whose live ranges, nothing in the file stands.
fn note_of_blanks(tensors: &[Described]) -> Option<String> {
    let blanks = tensors.iter().filter(|tensor| tensor.is_blank);
    let names = listing(blanks.map(|tensor| format!("`{}`", short(&tensor.name))))?;
    Some(format!("tensors that nothing fills, taken for constants: {names}"))
}

/// Names the subgraphs that are not in the graph: bodies of control flow,
/// initializers, further signatures.
fn note_of_others<'a>(subgraphs: impl Iterator<Item = SubGraph<'a>>) -> Option<String> {
    let names = listing(subgraphs.map(|subgraph| {
        let operators = subgraph.operators().map_or(0, |operators| operators.len());
        let plural = if operators == 1 { "" } else { "s" };
        format!("`{}` ({operators} operator{plural})", short(&text(subgraph.name())))
    }))?;
    Some(format!("subgraphs not planned: {names}"))
}

/// The first few of them, and how many more there are; none of none.
pub(crate) fn listing(mut things: impl Iterator<Item = String>) -> Option<String> {
    const SHOWN: usize = 10;
    let mut shown: Vec<String> = things.by_ref().take(SHOWN).collect();
    let more = things.count();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// A name; what is no UTF-8 of it is replaced.
pub(crate) fn text(bytes: Option<Vector<'_, u8>>) -> String {
    bytes.map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes.bytes()).into_owned())
}
