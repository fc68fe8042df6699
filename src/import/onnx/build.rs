//! Builds a graph from decoded messages.

use super::access::NodeAccess;
use super::bodies::{self, Around, BodyBuilder, BuiltBodies};
use super::description::{Description, Dim, sized};
use super::descriptions::Descriptions;
use super::graph::{OnnxGraph, OnnxModel, OnnxNode};
use super::inferred::{InferredShape, UnshapedReason};
use super::inline;
use super::messages::malformed;
use super::names::NameTable;
use super::node_permits::NodePermits;
use super::operator_sets::OperatorSets;
use super::shapes::{self, InferredShapes};
use super::subgraphs;
use super::tensor::OnnxSparseTensor;
use super::unshaped::{MAX_DETAILS, UnshapedTensors};
use super::value::types;
use crate::error::short;
use crate::graph::{ElementType, Graph, GraphBuilder, TensorKind, TensorSpec};
use crate::import::{ImportError, ImportOptions, ImportedGraph, layout, listing, states, upper_bounds};
use crate::support::ids::{OperatorId, TensorId};

/// Data of a model that is needed after its tensors and operators have been added to the builder. It borrows
/// nothing from the messages, which take as much memory as the graph, so they are dropped before the graph is
/// checked.
struct CollectedModel {
    notes: Vec<String>,
    unshaped: UnshapedTensors,
    permits: NodePermits,
    without_bodies: Vec<OperatorId>,
    wrong_bodies: Vec<(OperatorId, ImportError)>,
}

pub(super) fn build(
    name: &str,
    mut model: OnnxModel,
    options: &ImportOptions,
) -> Result<ImportedGraph, ImportError> {
    sound(&model)?;
    inline::inline(&mut model, options)?;
    let mut builder = GraphBuilder::new(name);
    let CollectedModel { notes, unshaped, permits, without_bodies, wrong_bodies } =
        collect(&mut builder, &model, options)?;
    drop(model);
    let mut imported = crate::import::finish(builder, notes, options)?;
    layout::apply(&mut imported.graph, options.layout)?;
    permits.add(&mut imported.graph, options.multi_pass)?;
    // The dependencies of states count permissions.
    states::keep(&mut imported.graph, options)?;
    imported.notes.extend(note_of_unplanned(&without_bodies, &imported.graph));
    imported.notes.extend(upper_bounds::note(&imported.graph));
    unshaped.check(&imported.graph)?;
    let mut wrong = wrong_bodies.into_iter();
    match wrong.find(|(id, _)| !imported.graph.operator(*id).is_folded()) {
        Some((_, error)) => Err(error),
        None => Ok(imported),
    }
}

fn collect(
    builder: &mut GraphBuilder,
    model: &OnnxModel,
    options: &ImportOptions,
) -> Result<CollectedModel, ImportError> {
    let graph = sound(model)?;
    let mut descriptions = Descriptions::new(graph, options)?;
    check_outputs(graph, &descriptions.names)?;
    check_inputs(graph, &descriptions)?;
    let sets = OperatorSets::new(model);
    let mut inferred = shapes::infer(&sets, graph, &descriptions, options)?;
    let mut notes = std::mem::take(&mut inferred.notes);
    let shapes = std::mem::take(&mut inferred.bodies);
    let is_constant = constants(graph, &descriptions);
    let known = |number| inferred.elements(number);
    let mut access = NodeAccess::new(graph, &descriptions.names, known, &sets);
    let unshaped = add_tensors(builder, graph, &mut descriptions, inferred, options);
    let (names, bound) = descriptions.into_names();

    builder.reserve_operators(graph.node.len());
    let is_constant = |name: &str| names.get(name).is_some_and(|number| is_constant[number]);
    let is_constant = &is_constant;
    let bodies = BodyBuilder { shapes: &shapes, bound: &bound, options, sets: &sets };
    let mut wrong_bodies = Vec::new();
    for (number, node) in graph.node.iter().enumerate() {
        options.check_cancelled()?;
        let tensor = |name: &str| bodies::tensor_around(builder, TensorId::new(names.get(name)?), false);
        let BuiltBodies { graphs, links } = match bodies.of(node, Around { is_constant, tensor: &tensor }) {
            // Not an error yet: the operator may be folded away. A tensor of the graph without a size is
            // reported first, because it may be the cause.
            Err(error @ ImportError::Unshaped { .. }) => {
                wrong_bodies.push((OperatorId::new(number), error));
                BuiltBodies::default()
            }
            other => other?,
        };
        let tensor = |name: &str| names.get(name).map(TensorId::new);
        let mut operator = subgraphs::add_operator(builder, node, tensor).runs(graphs).links(links);
        if subgraphs::is_foldable(node) {
            operator = operator.foldable();
        }
        let id = operator.id();
        access.state(builder, id, node, &names);
    }
    for number in graph.output.iter().filter_map(|output| names.get(&output.name)) {
        builder.output(TensorId::new(number));
    }
    if !model.training_info.is_empty() {
        notes.push("training graphs of the file are not planned".to_owned());
    }
    let is_unplanned = |node: &OnnxNode| node.bodies().next().is_some() && !bodies::are_built(node);
    let without_bodies = graph.node.iter().enumerate().filter(|(_, node)| is_unplanned(node));
    Ok(CollectedModel {
        notes,
        unshaped,
        permits: NodePermits::new(graph, &sets),
        without_bodies: without_bodies.map(|(number, _)| OperatorId::new(number)).collect(),
        wrong_bodies,
    })
}

/// The graph of a model, if the model has no faults.
fn sound(model: &OnnxModel) -> Result<&OnnxGraph, ImportError> {
    let Some(graph) = &model.graph else {
        return Err(malformed("it has no graph; it may not be an ONNX model"));
    };
    let mut functions = model.functions.iter().enumerate();
    let fault = functions.find_map(|(number, function)| Some((number, function.fault.as_deref()?)));
    if let Some((number, fault)) = fault {
        return Err(malformed(format!("in function {number}, {fault}")));
    }
    match &graph.fault {
        Some(fault) => Err(malformed(fault)),
        None => Ok(graph),
    }
}

/// Checks that every graph output has a producer, is an input or is a constant.
fn check_outputs(graph: &OnnxGraph, names: &NameTable) -> Result<(), ImportError> {
    let mut written = vec![false; names.len()];
    let results = graph.node.iter().flat_map(|node| node.output().iter());
    let inputs = graph.input.iter().map(|input| input.name.as_str());
    let constants = graph.initializer.iter().map(|tensor| tensor.name.as_str());
    let sparse = graph.sparse_initializer.iter().map(OnnxSparseTensor::name);
    let all = results.chain(inputs).chain(constants).chain(sparse);
    all.filter_map(|name| names.get(name)).for_each(|number| written[number] = true);
    let is_written = |name: &str| names.get(name).is_some_and(|number| written[number]);
    let Some(output) = graph.output.iter().find(|output| !is_written(&output.name)) else { return Ok(()) };
    Err(ImportError::UnknownOutput { output: output.name.clone() })
}

/// Refuses a file with many inputs without a size: no shapes can be inferred from them, and the graph of a
/// file that only lists names would take far more memory than the file.
fn check_inputs(graph: &OnnxGraph, descriptions: &Descriptions) -> Result<(), ImportError> {
    let lacks_size = |name: &str| {
        let number = descriptions.names.get(name).filter(|&number| !descriptions.is_constant(number))?;
        let spec = descriptions.declared(number).and_then(|declared| declared.spec(TensorKind::Input));
        spec.is_none().then_some(number)
    };
    let lacking = graph.input.iter().filter_map(|input| lacks_size(&input.name));
    let lacking: Vec<usize> = lacking.take(MAX_DETAILS + 1).collect();
    if lacking.len() <= MAX_DETAILS {
        return Ok(());
    }
    let names = lacking.iter().map(|&number| format!("`{}`", short(descriptions.names.name(number))));
    let remedy = "give each input a fixed shape".to_owned();
    Err(ImportError::Unshaped { tensors: names.collect(), remedy })
}

/// By number: whether a tensor is an initializer or the output of a `Constant` node.
fn constants(graph: &OnnxGraph, descriptions: &Descriptions) -> Vec<bool> {
    let names = &descriptions.names;
    let mut constants: Vec<bool> = (0..names.len()).map(|number| descriptions.is_constant(number)).collect();
    let nodes = graph.node.iter().filter(|node| node.op_type() == "Constant");
    let made = nodes.flat_map(|node| node.output().iter()).filter_map(|name| names.get(name));
    made.for_each(|number| constants[number] = true);
    constants
}

/// Adds all tensors in the order of their numbers; returns those without a size.
fn add_tensors(
    builder: &mut GraphBuilder,
    graph: &OnnxGraph,
    descriptions: &mut Descriptions,
    mut inferred: InferredShapes<'_>,
    options: &ImportOptions,
) -> UnshapedTensors {
    // Names are numbered by first mention, and inputs are mentioned first.
    let inputs = graph.input.iter().filter_map(|input| descriptions.names.get(&input.name)).max();
    let input_count = inputs.map_or(0, |last| last + 1);
    let mut unshaped = UnshapedTensors::default();
    builder.reserve_tensors(descriptions.names.len());
    for number in 0..descriptions.names.len() {
        let kind = if descriptions.is_constant(number) {
            TensorKind::Constant
        } else if number < input_count {
            TensorKind::Input
        } else {
            TensorKind::Intermediate
        };
        let (shape, mut declared) = (inferred.take(number), descriptions.take(number));
        if let InferredShape::Shape { data_type: types::STRING, dims, .. } = &shape {
            // The error states that the tensor holds strings.
            declared = Some(Description::tensor(types::STRING, dims.iter().copied().map(Dim::Known)));
        }
        if let Some(spec) = references(descriptions.names.name(number), declared.as_ref(), options) {
            unshaped.add(builder, (descriptions.names.name(number), kind), (Some(spec), None), declared);
            continue;
        }
        let as_declared = || declared.as_ref()?.spec(kind);
        let found = match (kind, shape) {
            (TensorKind::Intermediate, InferredShape::Shape { data_type, dims, is_upper_bound }) => {
                (sized(data_type, &dims, is_upper_bound), None)
            }
            // Inference has rejected the declared shape: it is for other inputs.
            (TensorKind::Intermediate, InferredShape::Unknown(reason)) => (None, Some(reason)),
            (TensorKind::Input, InferredShape::Unknown(_)) => (as_declared(), Some(UnshapedReason::Input)),
            _ => (as_declared(), None),
        };
        unshaped.add(builder, (descriptions.names.name(number), kind), found, declared);
    }
    unshaped
}

/// The size of a tensor of strings, if the user gives the type of a reference to a string.
fn references(name: &str, declared: Option<&Description>, options: &ImportOptions) -> Option<TensorSpec> {
    let reference = options.input_shapes.get(name)?.element_type?;
    let declared = declared.filter(|declared| declared.element_type() == Some(ElementType::String))?;
    reference.bits()?;
    Some(TensorSpec::shaped(reference, &declared.shape()?))
}

/// The note about operators whose bodies are not planned; none if all are folded.
fn note_of_unplanned(operators: &[OperatorId], graph: &Graph) -> Option<String> {
    let run = operators.iter().map(|&id| graph.operator(id)).filter(|operator| !operator.is_folded());
    let names = run.map(|operator| format!("`{}` ({})", short(operator.name()), short(operator.op_type())));
    let what = "memory inside of the bodies of these operators is not planned";
    Some(format!("{what}: {}", listing(names)?))
}
