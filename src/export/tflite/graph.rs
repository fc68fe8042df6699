//! Conversion of a subgraph to a graph of the planner, by the rules of the runtime.

use super::aliases::{InferredAlias, Kind, aliases};
use super::runtime_network::{Memory, RuntimeSubgraph};
use crate::import::folding::{Effects, Holds, OperatorAdder};
use crate::import::tflite::operator_types;
use crate::{
    ElementType, Graph, GraphBuilder, OperatorId, Result, SharingLevel, TensorId, TensorKind, TensorSpec,
};

/// Name and type of the operator that [`graph_to_plan`] adds.
const START: (&str, &str) = ("inputs are set", "START");

/// The graph of a subgraph. Sizes are rounded up as the runtime rounds them, no operator is folded, and
/// each operator has `workspaces[operator]` bytes of scratch. Ids are positions in the subgraph.
///
/// A tensor in the head that operators read but never write is live from the start, like an input.
/// An unreferenced tensor becomes a constant, which gets no memory. `level` permits the aliases of
/// [`aliases`](super::aliases()).
pub(super) fn graph_of(
    name: &str,
    subgraph: &RuntimeSubgraph,
    workspaces: &[u64],
    level: SharingLevel,
) -> Result<Graph> {
    build(name, subgraph, workspaces, level, &[])
}

/// As [`graph_of`], with an operator before all others if the subgraph has inputs that no operator reads. The runtime
/// counts such an input as live before the first operator only, so the added operator reads it. Its id follows
/// those of the subgraph's operators.
pub(super) fn graph_to_plan(
    name: &str,
    subgraph: &RuntimeSubgraph,
    workspaces: &[u64],
    level: SharingLevel,
) -> Result<Graph> {
    let mut is_used = vec![false; subgraph.tensors.len()];
    for id in subgraph.operators.iter().flat_map(|operator| &operator.read.inputs).chain(&subgraph.outputs) {
        is_used[id.index()] = true;
    }
    let is_unread =
        |id: &TensorId| subgraph.tensors[id.index()].memory == Memory::Head && !is_used[id.index()];
    let unread: Vec<TensorId> = subgraph.inputs.iter().copied().filter(is_unread).collect();
    build(name, subgraph, workspaces, level, &unread)
}

/// Builds the graph; `unread` are the inputs that the added operator reads.
fn build(
    name: &str,
    subgraph: &RuntimeSubgraph,
    workspaces: &[u64],
    level: SharingLevel,
    unread: &[TensorId],
) -> Result<Graph> {
    let mut builder = GraphBuilder::new(name);
    let referenced = subgraph.referenced();
    let mut is_written = vec![false; subgraph.tensors.len()];
    for id in subgraph.operators.iter().flat_map(|operator| &operator.read.outputs) {
        is_written[id.index()] = true;
    }
    for id in &subgraph.inputs {
        // If an operator writes an input, the builder reports it as an error.
        is_written[id.index()] = false;
    }
    let mut holds = Vec::with_capacity(subgraph.tensors.len());
    for (index, tensor) in subgraph.tensors.iter().enumerate() {
        let kind = match tensor.memory {
            Memory::Tail => TensorKind::Variable,
            Memory::Head if is_written[index] => TensorKind::Intermediate,
            Memory::Head if referenced[index] => TensorKind::Input,
            Memory::Head | Memory::File => TensorKind::Constant,
        };
        let is_handle = tensor.element_type == Some(ElementType::Resource);
        holds.push(if is_handle { Holds::Resource } else { Holds::Data });
        builder.add_tensor(tensor.name.as_str(), kind, TensorSpec::bytes(tensor.bytes));
    }
    let start = (!unread.is_empty()).then(|| OperatorId::new(subgraph.operators.len()));
    let mut sequence = OperatorAdder::new(holds);
    for (operator, &bytes) in subgraph.operators.iter().zip(workspaces) {
        let read = &operator.read;
        let names = (read.name.as_str(), read.op_type.as_str());
        let effects = operator_types::find(&read.op_type).map_or(Effects::Pure, |row| row.effects);
        if let Some(name) = &operator.variable {
            sequence.name_variable(&read.outputs, name.clone());
        }
        let added = sequence.add(&mut builder, names, effects, false, &read.inputs, &read.outputs);
        let mut added = added.scratch(bytes);
        // All other operators follow these. Operators that access variables or handles may not.
        let is_result =
            |id: &TensorId| is_written[id.index()] && subgraph.tensors[id.index()].memory == Memory::Head;
        if !read.inputs.iter().any(is_result) {
            added = added.after(start);
        }
        for InferredAlias { kind, input, output, at } in aliases(subgraph, operator, level) {
            let (input, output) = (TensorId::new(input), TensorId::new(output));
            added = match kind {
                Kind::View => added.view(input, output, at),
                Kind::Update => added.in_place(input, output),
                Kind::Piece => added.concat_slice(input, output, at),
            };
        }
    }
    if start.is_some() {
        builder.operator(START.0).op_type(START.1).reads(unread.iter().copied());
    }
    // The application sets the inputs before each run, so operators may overwrite them.
    if level > SharingLevel::None {
        for input in subgraph.inputs.iter().filter(|id| subgraph.tensors[id.index()].memory == Memory::Head) {
            builder.overwritable(*input);
        }
    }
    for &output in &subgraph.outputs {
        builder.output(output);
    }
    builder.build()
}
