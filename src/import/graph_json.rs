//! Graphs as JSON: `{"name", "ops": [..], "tensors": [..]}`, operators referring
//! to tensors by position.

use std::path::Path;

use serde::Deserialize;

use super::foldable::{Holds, OperatorAdder, makes_constants};
use super::json::{Object, objects};
use super::{ImportError, ImportOptions, ImportedGraph};
use crate::graph::{ElementType, GraphBuilder, Permit, Side, TensorKind, TensorSpec};
use crate::support::ids::{OperatorId, TensorId};

const FORMAT: &str = "graph JSON";

#[derive(Deserialize)]
struct JsonGraph {
    name: Option<String>,
    #[serde(deserialize_with = "objects")]
    ops: Vec<JsonOperator>,
    #[serde(deserialize_with = "objects")]
    tensors: Vec<JsonTensor>,
    /// Graph outputs besides the tensors of kind `output`.
    #[serde(default)]
    outputs: Vec<usize>,
    #[serde(default, deserialize_with = "objects")]
    placements: Vec<JsonPlacement>,
    /// Pairs of tensors that never share memory.
    #[serde(default)]
    apart: Vec<[usize; 2]>,
}

/// A tensor that must lie so many bytes after another's start.
#[derive(Deserialize)]
struct JsonPlacement {
    tensor: usize,
    of: usize,
    #[serde(default)]
    at: u64,
}

/// Memory that an input and an output may share.
#[derive(Deserialize)]
struct JsonPermit {
    how: JsonHow,
    input: usize,
    output: usize,
    /// Of a view or a piece: where in the other one it is.
    #[serde(default)]
    at: u64,
    /// Of an overlap.
    #[serde(default)]
    bytes: u64,
    /// Of an overlap.
    lower: Option<JsonSide>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JsonHow {
    InPlace,
    View,
    Piece,
    Overlap,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum JsonSide {
    Input,
    Output,
}

#[derive(Deserialize)]
struct JsonOperator {
    name: String,
    #[serde(default, rename = "type")]
    op_type: String,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    /// Workspace in bytes.
    #[serde(default)]
    scratch: u64,
    /// Operators that must run before.
    #[serde(default)]
    after: Vec<usize>,
    /// Whether it may run at compile time once its inputs are constants.
    foldable: Option<bool>,
    #[serde(default, deserialize_with = "objects")]
    permits: Vec<JsonPermit>,
    /// Graphs that it runs.
    #[serde(default, deserialize_with = "objects")]
    bodies: Vec<JsonGraph>,
}

impl JsonOperator {
    /// The type may be anything, so only what is known folds by itself.
    fn may_fold(&self) -> bool {
        let plain = self.scratch == 0 && !self.outputs.is_empty();
        self.foldable.unwrap_or(plain && makes_constants(&self.op_type))
    }
}

#[derive(Deserialize)]
struct JsonTensor {
    name: String,
    shape: Option<Vec<u64>>,
    dtype: Option<String>,
    bytes: Option<u64>,
    kind: JsonKind,
    alignment: Option<u64>,
    /// Where the tensor must lie.
    offset: Option<u64>,
    /// Of an input: whether it may be overwritten once it is read.
    #[serde(default)]
    overwritable: bool,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum JsonKind {
    Input,
    /// An intermediate that is a graph output.
    Output,
    Constant,
    Variable,
    Intermediate,
}

impl From<JsonKind> for TensorKind {
    fn from(kind: JsonKind) -> Self {
        match kind {
            JsonKind::Input => Self::Input,
            JsonKind::Constant => Self::Constant,
            JsonKind::Variable => Self::Variable,
            JsonKind::Output | JsonKind::Intermediate => Self::Intermediate,
        }
    }
}

pub(super) fn read_file(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    from_bytes(&name, &super::contents(path)?, options)
}

/// A graph given as JSON; `name` is for graphs that do not say their own.
///
/// The object has a `name`, `ops` with `name`, `type`, `inputs` and `outputs`
/// (positions in `tensors`), and `tensors` with `name`, `kind` (`input`,
/// `output`, `constant`, `variable` or `intermediate`) and a size: `bytes`, or
/// `shape` and `dtype`, or all of them if they agree. Optional are `scratch`
/// and `after` (positions in `ops`) of an operator, `alignment` and `offset` of
/// a tensor, and `outputs` of the graph, for outputs of another kind. Other
/// keys are ignored.
///
/// What may share memory is in `permits` of an operator: `how` (`in_place`, `view`,
/// `piece`, `overlap`), `input` and `output` (positions in `tensors`), `at` of a view or
/// piece, `bytes` and `lower` (`input` or `output`) of an overlap; and `overwritable` of an
/// input. What must lie where, in `placements` of the graph: `tensor` lies `at` bytes after
/// the start of `of`; and in `apart`, pairs of tensors. See [`Permit`] and
/// [`RelativePlacement`](crate::RelativePlacement).
///
/// `bodies` of an operator are such objects, too: graphs that it runs, as of
/// [`OperatorBuilder::runs`](crate::OperatorBuilder::runs).
///
/// Operators that read constants only are folded away if their type is one that
/// weights are commonly made with, in the spelling of ONNX or TensorFlow Lite,
/// and they need no scratch; `foldable` of an operator says otherwise, either
/// way.
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are no such object,
/// [`ImportError::Unshaped`] if tensors have no size,
/// [`ImportError::Invalid`] if the graph breaks a rule.
pub fn from_bytes(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    super::check_fixed(options)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Object(json): Object<JsonGraph> = serde_json::from_slice(bytes).map_err(malformed)?;
    let mut imported = super::finish(build(name, &json, options)?, Vec::new(), options)?;
    super::states::keep(&mut imported.graph, options)?;
    Ok(imported)
}

/// Recursion is as deep as bodies nest: the decoder allows for some thirty.
fn build(name: &str, json: &JsonGraph, options: &ImportOptions) -> Result<GraphBuilder, ImportError> {
    let mut builder = GraphBuilder::new(json.name.as_deref().unwrap_or(name));
    let adder = add_tensors(&mut builder, &json.tensors, options)?;
    add_operators(&mut builder, adder, json, options)?;
    for output in tensor_ids(&json.outputs, json.tensors.len(), "the list of graph outputs")? {
        builder.output(output);
    }
    add_constraints(&mut builder, json)?;
    Ok(builder)
}

fn malformed(reason: impl ToString) -> ImportError {
    ImportError::malformed(FORMAT, reason)
}

fn add_tensors(
    builder: &mut GraphBuilder,
    tensors: &[JsonTensor],
    options: &ImportOptions,
) -> Result<OperatorAdder, ImportError> {
    let mut holds = Vec::with_capacity(tensors.len());
    let mut unshaped = Vec::new();
    for tensor in tensors {
        options.go_on()?;
        let element_type = element_type(tensor)?;
        holds.push(match (tensor.kind, element_type) {
            (JsonKind::Variable, _) => Holds::State,
            (_, Some(ElementType::Resource)) => Holds::Resource,
            _ => Holds::Data,
        });
        let Some(mut spec) = spec(tensor, element_type)? else {
            unshaped.push(format!("`{}`", tensor.name));
            continue;
        };
        if let Some(alignment) = tensor.alignment {
            spec = spec.align(alignment);
        }
        if let Some(offset) = tensor.offset {
            spec = spec.at(offset);
        }
        let id = builder.add_tensor(tensor.name.as_str(), tensor.kind.into(), spec);
        if tensor.kind == JsonKind::Output {
            builder.output(id);
        }
        if tensor.overwritable {
            builder.overwritable(id);
        }
    }
    if unshaped.is_empty() {
        return Ok(OperatorAdder::new(holds));
    }
    let remedy = "give each `bytes`, or `shape` and `dtype`".to_owned();
    Err(ImportError::Unshaped { tensors: unshaped, remedy })
}

fn element_type(tensor: &JsonTensor) -> Result<Option<ElementType>, ImportError> {
    let parsed = tensor.dtype.as_deref().map(str::parse::<ElementType>).transpose();
    parsed.map_err(|error| malformed(format!("tensor `{}`: {error}", tensor.name)))
}

/// None if the tensor's size is not given.
fn spec(tensor: &JsonTensor, element_type: Option<ElementType>) -> Result<Option<TensorSpec>, ImportError> {
    let (Some(element_type), Some(shape)) = (element_type, &tensor.shape) else {
        return Ok(tensor.bytes.map(TensorSpec::bytes));
    };
    match (tensor.bytes, element_type.bytes_of(shape)) {
        // Only the file can say how long strings are.
        (Some(bytes), _) if element_type == ElementType::String => Ok(Some(TensorSpec::bytes(bytes))),
        (Some(bytes), Some(computed)) if bytes != computed => Err(malformed(format!(
            "tensor `{}` says {bytes} bytes, but {element_type} of shape {shape:?} takes {computed}",
            tensor.name
        ))),
        _ => Ok(Some(TensorSpec::shaped(element_type, shape))),
    }
}

fn add_operators(
    builder: &mut GraphBuilder,
    mut adder: OperatorAdder,
    json: &JsonGraph,
    options: &ImportOptions,
) -> Result<(), ImportError> {
    for operator in &json.ops {
        options.go_on()?;
        let JsonOperator { name, op_type, inputs, outputs, scratch, after, .. } = operator;
        let place = format!("operator `{name}`");
        let inputs = tensor_ids(inputs, json.tensors.len(), &place)?;
        let outputs = tensor_ids(outputs, json.tensors.len(), &place)?;
        if let Some(other) = after.iter().find(|&&other| other >= json.ops.len()) {
            let count = json.ops.len();
            return Err(malformed(format!(
                "{place} names operator {other}, but there are {count} operators"
            )));
        }
        let after = after.iter().map(|&other| OperatorId::new(other));
        let with_tensors = adder.add(builder, (name, op_type), operator.may_fold(), &inputs, &outputs);
        let permits = operator.permits.iter().map(|one| permit(one, json.tensors.len(), &place));
        let permits = permits.collect::<Result<Vec<_>, _>>()?;
        let body = |body: &JsonGraph| Ok(build("", body, options)?.build()?);
        let bodies = operator.bodies.iter().map(body).collect::<Result<Vec<_>, ImportError>>()?;
        with_tensors.scratch(*scratch).after(after).permits(permits).runs(bodies);
    }
    Ok(())
}

fn permit(permit: &JsonPermit, count: usize, place: &str) -> Result<Permit, ImportError> {
    let ids = tensor_ids(&[permit.input, permit.output], count, &format!("a permission of {place}"))?;
    let (input, output) = (ids[0], ids[1]);
    let JsonPermit { at, bytes, .. } = *permit;
    Ok(match permit.how {
        JsonHow::InPlace => Permit::InPlace { input, output },
        JsonHow::View => Permit::View { input, output, at },
        JsonHow::Piece => Permit::Piece { input, output, at },
        JsonHow::Overlap => {
            let lower = match permit.lower {
                Some(JsonSide::Input) => Side::Input,
                Some(JsonSide::Output) => Side::Output,
                None => return Err(malformed(format!("an overlap of {place} does not say which is lower"))),
            };
            Permit::Overlap { input, output, bytes, lower }
        }
    })
}

fn add_constraints(builder: &mut GraphBuilder, json: &JsonGraph) -> Result<(), ImportError> {
    let pair = |ids: [usize; 2], place: &str| tensor_ids(&ids, json.tensors.len(), place);
    for &JsonPlacement { tensor, of, at } in &json.placements {
        let ids = pair([tensor, of], "a relative placement")?;
        builder.place_at(ids[0], ids[1], at);
    }
    for &two in &json.apart {
        let ids = pair(two, "what is kept apart")?;
        builder.keep_apart(ids[0], ids[1]);
    }
    Ok(())
}

fn tensor_ids(list: &[usize], count: usize, place: &str) -> Result<Vec<TensorId>, ImportError> {
    let ids = list.iter().map(|&tensor| {
        if tensor < count {
            return Ok(TensorId::new(tensor));
        }
        Err(malformed(format!("{place} names tensor {tensor}, but there are {count} tensors")))
    });
    ids.collect()
}
