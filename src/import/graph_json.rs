//! JSON importer for graphs: `{"name", "ops": [..], "tensors": [..]}`, in which operators refer to tensors by
//! index.

use std::path::Path;

use serde::Deserialize;

use super::folding::{Effects, Holds, OperatorAdder};
use super::json::{Object, object, objects};
use super::json_access::AccessEntry;
use super::json_permit::{LinkEntry, PermitEntry, PlacementEntry};
use super::{ImportError, ImportOptions, ImportedGraph, onnx, tflite};
use crate::graph::{
    AccessMap, BodyLink, ElementType, GraphBuilder, Permit, Storage, TensorKind, TensorRole, TensorSpec,
};
use crate::support::ids::{OperatorId, TensorId};

const FORMAT: &str = "graph JSON";

#[derive(Deserialize)]
struct JsonGraph {
    name: Option<String>,
    #[serde(deserialize_with = "objects")]
    ops: Vec<JsonOperator>,
    #[serde(deserialize_with = "objects")]
    tensors: Vec<JsonTensor>,
    /// Indices of graph outputs, in addition to tensors of kind `output`.
    #[serde(default)]
    outputs: Vec<usize>,
    #[serde(default, deserialize_with = "objects")]
    placements: Vec<PlacementEntry>,
    /// Pairs of tensors that must not overlap.
    #[serde(default)]
    apart: Vec<[usize; 2]>,
}

#[derive(Deserialize)]
struct JsonOperator {
    name: String,
    #[serde(default, rename = "type")]
    op_type: String,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    /// Scratch memory in bytes.
    #[serde(default)]
    scratch: u64,
    /// Indices of operators that must run before this one.
    #[serde(default)]
    after: Vec<usize>,
    /// Sets whether the operator may run at compile time if its inputs are constants.
    foldable: Option<bool>,
    #[serde(default, deserialize_with = "objects")]
    permits: Vec<PermitEntry>,
    /// The rows that the operator reads for rows of its outputs.
    #[serde(default, deserialize_with = "object")]
    access: Option<AccessEntry>,
    /// Bodies that the operator runs.
    #[serde(default, deserialize_with = "objects")]
    bodies: Vec<JsonGraph>,
    /// Tensors of bodies that hold the values of inputs and outputs.
    #[serde(default, deserialize_with = "objects")]
    links: Vec<LinkEntry>,
}

impl JsonOperator {
    /// Effects of an operator type of TensorFlow Lite or ONNX. Unknown types have none, as long as they run.
    fn effects(&self) -> Effects {
        let of_tflite = || tflite::operator_types::find(&self.op_type).map(|row| row.effects);
        let of_onnx = || onnx::operator_types::find("", &self.op_type).map(|row| row.effects);
        of_tflite().or_else(of_onnx).unwrap_or(Effects::Pure)
    }

    /// A type may have any meaning, so only operators that commonly compute constants are foldable by default.
    fn may_fold(&self) -> bool {
        let plain = self.scratch == 0 && !self.outputs.is_empty();
        self.foldable.unwrap_or(plain && self.effects() == Effects::MakesConstants)
    }
}

#[derive(Deserialize)]
struct JsonTensor {
    name: String,
    shape: Option<Vec<u64>>,
    dtype: Option<String>,
    bytes: Option<u64>,
    kind: TensorRole,
    alignment: Option<u64>,
    /// Fixed offset.
    offset: Option<u64>,
    /// True if an input may be overwritten after its last read.
    #[serde(default)]
    overwritable: bool,
    /// True if an input stays in its bytes to the end of the run.
    #[serde(default)]
    preserved: bool,
    /// The memory of the tensor: `arena`, `outside` or the name of a pool.
    storage: Option<String>,
    /// The axes in the order of memory, from outermost to innermost.
    memory_order: Option<Vec<usize>>,
}

pub(super) fn read_file(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    from_bytes(&name, &super::contents(path)?, options)
}

/// Imports a graph from JSON; `name` is the name of a graph without a `name`.
///
/// The object has a `name`, `ops` with `name`, `type`, `inputs` and `outputs`
/// (indices in `tensors`), and `tensors` with `name`, `kind` (`input`,
/// `output`, `constant`, `variable` or `intermediate`) and a size: `bytes`, or
/// `shape` and `dtype`, or all of them if they agree. Optional are `scratch`
/// and `after` (indices in `ops`) of an operator, `alignment` and `offset` of
/// a tensor, `memory_order` (its axes from outermost to innermost, if it is not stored in row-major order), and
/// `outputs` of the graph, for outputs of another kind. Other
/// keys are ignored.
///
/// `permits` of an operator lists sharing permissions, each with `how` (`in_place`, `view`, `piece`,
/// `overlap`), `input` and `output` (indices in `tensors`), `at` of a view or piece, and `bytes` and `lower`
/// (`input` or `output`) of an overlap. `overwritable` of an input permits operators to overwrite it, `preserved`
/// keeps it in its bytes to the end of the run. `storage` of a tensor is `arena`, `outside` or the name of a pool,
/// see [`Storage`].
/// `placements` of the graph fixes distances: `tensor` starts `at` bytes after the start of `of`. `apart` lists
/// pairs of tensors that must not overlap. See [`Permit`] and
/// [`RelativePlacement`](crate::RelativePlacement).
///
/// `access` of an operator states which rows of its inputs it reads for rows of its outputs, see
/// [`AccessMap`]: `cost_per_element` (1 if absent), and `axes`, each with the axis of every output (`outputs`) and
/// the rows of every input (`inputs`, null for inputs that are read as a whole): `axis`, `numerator` and
/// `denominator` (1 if absent), `first` and `last` (0 if absent), `outside` (`padding`, the default, or `edge`).
///
/// `bodies` of an operator are objects of the same form: graphs that the operator runs, see
/// [`OperatorBuilder::runs`](crate::OperatorBuilder::runs). `links` lists objects of `tensor`, `body` and `inner`, see
/// [`BodyLink`](crate::BodyLink).
///
/// Operators on tensors of the type `resource` (handles) keep the order of the list. In a TensorFlow Lite model, those on
/// different variables may change it, but this format does not name the variables behind handles.
///
/// Operators that read only constants are folded if their type commonly computes constants, in the spelling of
/// ONNX or TensorFlow Lite, and they need no scratch memory. `foldable` of an operator overrides this rule.
///
/// Example: [`read`](crate::import::read).
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are not such an object,
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

/// Builds a graph or a body. Recursion is as deep as bodies nest, which the decoder limits to about 30.
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
        options.check_cancelled()?;
        let element_type = element_type(tensor)?;
        holds.push(match (tensor.kind, element_type) {
            (TensorRole::Variable, _) => Holds::State,
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
        if let Some(storage) = &tensor.storage {
            spec = spec.stored(Storage::from_name(storage));
        }
        if let Some(order) = &tensor.memory_order {
            spec = spec.memory_order(order.iter().copied());
        }
        let kind = match tensor.kind {
            TensorRole::Input => TensorKind::Input,
            TensorRole::Constant => TensorKind::Constant,
            TensorRole::Variable => TensorKind::Variable,
            TensorRole::Output | TensorRole::Intermediate => TensorKind::Intermediate,
        };
        let id = builder.add_tensor(tensor.name.as_str(), kind, spec);
        if tensor.kind == TensorRole::Output {
            builder.output(id);
        }
        match (tensor.overwritable, tensor.preserved) {
            (false, false) => {}
            (true, false) => _ = builder.overwritable(id),
            (false, true) => _ = builder.preserved(id),
            (true, true) => {
                let name = &tensor.name;
                return Err(malformed(format!("tensor `{name}` is both `overwritable` and `preserved`")));
            }
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

/// The size of a tensor; none if the file does not give it.
fn spec(tensor: &JsonTensor, element_type: Option<ElementType>) -> Result<Option<TensorSpec>, ImportError> {
    let (Some(element_type), Some(shape)) = (element_type, &tensor.shape) else {
        return Ok(tensor.bytes.map(TensorSpec::bytes));
    };
    match (tensor.bytes, element_type.bytes_of(shape)) {
        // The length of strings does not follow from their shape.
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
        options.check_cancelled()?;
        let JsonOperator { name, op_type, inputs, outputs, scratch, after, .. } = operator;
        let subject = format!("operator `{name}`");
        let inputs = tensor_ids(inputs, json.tensors.len(), &subject)?;
        let outputs = tensor_ids(outputs, json.tensors.len(), &subject)?;
        if let Some(unknown) = after.iter().find(|&&id| id >= json.ops.len()) {
            let count = json.ops.len();
            return Err(malformed(format!(
                "{subject} names operator {unknown}, but there are {count} operators"
            )));
        }
        let after = after.iter().map(|&id| OperatorId::new(id));
        let (effects, may_fold) = (operator.effects(), operator.may_fold());
        let with_tensors = adder.add(builder, (name, op_type), effects, may_fold, &inputs, &outputs);
        let permits = operator.permits.iter().map(|listed| permit(listed, json.tensors.len(), &subject));
        let permits = permits.collect::<Result<Vec<_>, _>>()?;
        let body = |body: &JsonGraph| Ok(build("", body, options)?.build()?);
        let bodies = operator.bodies.iter().map(body).collect::<Result<Vec<_>, ImportError>>()?;
        let links = operator.links.iter().map(|link| {
            let inner = operator.bodies.get(link.body).map_or(0, |body| body.tensors.len());
            let tensor = tensor_ids(&[link.tensor], json.tensors.len(), &subject)?[0];
            let inner = tensor_ids(&[link.inner], inner, &format!("a link of {subject}"))?[0];
            Ok(BodyLink { tensor, body: link.body, inner })
        });
        let links = links.collect::<Result<Vec<_>, ImportError>>()?;
        let complete = with_tensors.scratch(*scratch).after(after).permits(permits).runs(bodies).links(links);
        if let Some(access) = &operator.access {
            complete.access(AccessMap::from(access));
        }
    }
    Ok(())
}

fn permit(permit: &PermitEntry, count: usize, subject: &str) -> Result<Permit, ImportError> {
    let ids = tensor_ids(&[permit.input, permit.output], count, &format!("a permission of {subject}"))?;
    permit.permit(ids[0], ids[1]).ok_or_else(|| malformed(format!("an overlap of {subject} lacks `lower`")))
}

fn add_constraints(builder: &mut GraphBuilder, json: &JsonGraph) -> Result<(), ImportError> {
    let pair = |ids: [usize; 2], subject: &str| tensor_ids(&ids, json.tensors.len(), subject);
    for &PlacementEntry { tensor, of, at } in &json.placements {
        let ids = pair([tensor, of], "a relative placement")?;
        builder.place_at(ids[0], ids[1], at);
    }
    for &tensors in &json.apart {
        let ids = pair(tensors, "a pair of tensors kept apart")?;
        builder.keep_apart(ids[0], ids[1]);
    }
    Ok(())
}

fn tensor_ids(list: &[usize], count: usize, subject: &str) -> Result<Vec<TensorId>, ImportError> {
    let ids = list.iter().map(|&tensor| {
        if tensor < count {
            return Ok(TensorId::new(tensor));
        }
        Err(malformed(format!("{subject} names tensor {tensor}, but there are {count} tensors")))
    });
    ids.collect()
}
