//! Graphs as graph JSON, which [`graph_json_from_bytes`](crate::import::graph_json_from_bytes) reads.

use std::io;

use serde::{Serialize, Serializer};

use super::TensorRole;
use crate::import::json::is_default;
use crate::import::{AccessEntry, LinkEntry, PermitEntry, PlacementEntry};
use crate::support::text::text_of;
use crate::{Graph, Operator, Storage, Tensor, TensorId, TensorKind};

/// A graph as JSON, with the same indices of operators and tensors. Folded operators are written like others; the
/// importer folds them again.
///
/// ```
/// use plimsoll::export::json::graph_to_json;
/// use plimsoll::import::{ImportOptions, graph_json_from_bytes};
/// use plimsoll::{Graph, TensorSpec};
///
/// let mut net = Graph::builder("tiny");
/// let image = net.input("image", TensorSpec::bytes(64));
/// let result = net.tensor("result", TensorSpec::bytes(10));
/// net.operator("dense").reads([image]).writes([result]);
/// net.output(result);
/// let text = graph_to_json(&net.build()?);
/// let again = graph_json_from_bytes("", text.as_bytes(), &ImportOptions::default())?;
/// assert_eq!(graph_to_json(&again.graph), text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn graph_to_json(graph: &Graph) -> String {
    text_of(|out| write_graph(graph, out))
}

/// Writes the text of [`graph_to_json`], without the whole text in memory. Many small pieces are written, so `out`
/// should have a buffer.
///
/// # Errors
/// Errors of `out`.
pub fn write_graph(graph: &Graph, mut out: impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &GraphEntry::of(graph))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct GraphEntry<'g> {
    name: &'g str,
    ops: OperatorEntries<'g>,
    tensors: GraphTensorEntries<'g>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    placements: Vec<PlacementEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    apart: Vec<[usize; 2]>,
}

/// The operators of a graph. The entries are made one at a time: all of them would need more memory than the graph.
struct OperatorEntries<'g>(&'g Graph);

impl Serialize for OperatorEntries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.operators().iter().map(OperatorEntry::of))
    }
}

/// The tensors of a graph, like [`OperatorEntries`].
struct GraphTensorEntries<'g> {
    graph: &'g Graph,
    /// By tensor: whether a folded operator writes it.
    by_folded: Vec<bool>,
}

impl<'g> GraphTensorEntries<'g> {
    fn of(graph: &'g Graph) -> Self {
        let mut by_folded = vec![false; graph.tensors().len()];
        for id in graph.operators().iter().filter(|operator| operator.is_folded()).flat_map(Operator::outputs)
        {
            by_folded[id.index()] = true;
        }
        Self { graph, by_folded }
    }

    fn iter(&self) -> impl Iterator<Item = GraphTensorEntry<'g>> {
        let tensors = self.graph.tensors().iter().zip(&self.by_folded);
        tensors.map(|(tensor, &is_folded)| GraphTensorEntry::of(tensor, is_folded))
    }
}

impl Serialize for GraphTensorEntries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[derive(Serialize)]
struct OperatorEntry<'g> {
    name: &'g str,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    op_type: &'g str,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    #[serde(skip_serializing_if = "is_default")]
    scratch: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<usize>,
    foldable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permits: Vec<PermitEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<AccessEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bodies: Vec<GraphEntry<'g>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkEntry>,
}

#[derive(Serialize)]
struct GraphTensorEntry<'g> {
    name: &'g str,
    kind: TensorRole,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'g [u64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dtype: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alignment: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    overwritable: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    preserved: bool,
    /// The memory of the tensor, unless it is the arena.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<String>,
    /// The axes from outermost to innermost, unless in row-major order.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_order: Option<Vec<usize>>,
}

/// The memory order of a tensor that is not stored in row-major order.
fn memory_order(tensor: &Tensor) -> Option<Vec<usize>> {
    let order = tensor.memory_order()?;
    (!order.iter().copied().eq(0..order.len())).then(|| order.to_vec())
}

fn indices(ids: &[TensorId]) -> Vec<usize> {
    ids.iter().map(|id| id.index()).collect()
}

impl<'g> GraphEntry<'g> {
    fn of(graph: &'g Graph) -> Self {
        let tensors = GraphTensorEntries::of(graph);
        let listed = graph.tensors().iter().zip(tensors.iter()).enumerate();
        let outputs =
            listed.filter(|(_, (tensor, entry))| tensor.is_output() && entry.kind != TensorRole::Output);
        Self {
            name: graph.name(),
            ops: OperatorEntries(graph),
            outputs: outputs.map(|(index, _)| index).collect(),
            tensors,
            placements: graph.relative_placements().iter().map(PlacementEntry::from).collect(),
            apart: graph.kept_apart().iter().map(|pair| pair.map(TensorId::index)).collect(),
        }
    }
}

impl<'g> OperatorEntry<'g> {
    fn of(operator: &'g Operator) -> Self {
        Self {
            name: operator.name(),
            op_type: operator.op_type(),
            inputs: indices(operator.inputs()),
            outputs: indices(operator.outputs()),
            scratch: operator.scratch_bytes(),
            after: operator.runs_after().iter().map(|id| id.index()).collect(),
            foldable: operator.is_foldable(),
            permits: operator.permits().iter().map(PermitEntry::from).collect(),
            access: operator.access().map(AccessEntry::from),
            bodies: operator.bodies().iter().map(|body| GraphEntry::of(body)).collect(),
            links: operator.links().iter().map(LinkEntry::from).collect(),
        }
    }
}

impl<'g> GraphTensorEntry<'g> {
    /// `is_folded` states that a folded operator writes the tensor, which is a constant for that reason.
    fn of(tensor: &'g Tensor, is_folded: bool) -> Self {
        let kind = match tensor.kind() {
            TensorKind::Constant if is_folded => TensorKind::Intermediate,
            kind => kind,
        };
        let shaped = tensor.shape().zip(tensor.element_type());
        // The shape of tensors without a width of elements does not give their size.
        let is_sized = shaped.is_some_and(|(_, element_type)| element_type.bits().is_some());
        Self {
            name: tensor.name(),
            kind: TensorRole::of(kind, tensor.is_output()),
            shape: tensor.shape(),
            dtype: shaped.map(|(_, element_type)| element_type.name()),
            bytes: (!is_sized).then_some(tensor.bytes()),
            alignment: tensor.alignment(),
            offset: tensor.fixed_offset(),
            overwritable: tensor.is_overwritable(),
            preserved: tensor.is_preserved(),
            storage: (*tensor.storage() != Storage::Arena).then(|| tensor.storage().to_string()),
            memory_order: memory_order(tensor),
        }
    }
}
