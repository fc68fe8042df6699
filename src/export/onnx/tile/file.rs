//! Writing of a tiled model: other nodes, and declared types for their results. All other fields stay as they are.

use std::collections::{BTreeMap, HashMap};

use prost::Message;
use prost::encoding::{self, WireType};

use super::super::OnnxError;
use super::super::wire::{WireField, fields};
use super::messages::{Attribute, NewNode, NewValueInfo};
use super::names::UniqueNames;
use super::network::{TileSource, TransposedWindow};
use super::node::{TileNode, wrong};
use super::window::{SpatialWindow, windows};
use crate::export::tile::{DraftId, DraftKind, DraftOperator, RowsOf, TilePadding, TiledDraft};
use crate::{OperatorId, TensorId, TensorKind};

/// Field numbers of `ModelProto` and `GraphProto`.
const GRAPH: u32 = 7;
const NODE: u32 = 1;
const INPUT: u32 = 11;
const OUTPUT: u32 = 12;
const VALUE_INFO: u32 = 13;

/// The first version of `Slice` whose bounds are inputs.
const SLICE_WITH_INPUTS: i64 = 10;

/// The nodes of a tiled model with their names.
pub(super) struct TiledNodes {
    /// Each node with its key.
    nodes: Vec<Vec<u8>>,
    /// Names of the tensors of the draft.
    pub(super) names: Vec<String>,
}

/// Makes the nodes of a draft. New names are none of those that are `taken`.
pub(super) fn nodes(
    source: &TileSource<'_>,
    draft: &TiledDraft,
    mut taken: UniqueNames,
) -> Result<TiledNodes, OnnxError> {
    let names = draft.tensors.iter().map(|rows| {
        let (start, end) = (rows.rows.start, rows.rows.end);
        let tensor = source.graph.tensor(TensorId::new(rows.tensor)).name();
        taken.add(&format!("{tensor}/rows_{start}_{end}"))
    });
    let names = names.collect();
    let mut writer = NodeWriter { source, draft, names, taken, numbers: BTreeMap::new(), nodes: Vec::new() };
    let folded = source.graph.operator_ids().filter(|&id| source.graph.operator(id).is_folded());
    let before: Vec<Vec<u8>> = folded.map(|id| source.nodes[id.index()].whole.to_vec()).collect();
    draft.operators.iter().try_for_each(|operator| writer.operator(operator))?;
    let NodeWriter { nodes, names, numbers, .. } = writer;
    let constants = numbers.into_iter().map(|(number, name)| {
        let node = NewNode {
            output: vec![name.clone()],
            name,
            op_type: "Constant".to_owned(),
            attribute: vec![Attribute::of_value(number)],
            ..NewNode::default()
        };
        keyed(NODE, &node.encode_to_vec())
    });
    Ok(TiledNodes { nodes: before.into_iter().chain(constants).chain(nodes).collect(), names })
}

struct NodeWriter<'a> {
    source: &'a TileSource<'a>,
    draft: &'a TiledDraft,
    names: Vec<String>,
    taken: UniqueNames,
    /// Names of constants by their value.
    numbers: BTreeMap<i64, String>,
    nodes: Vec<Vec<u8>>,
}

impl NodeWriter<'_> {
    fn rows_of(&self, id: DraftId) -> Option<&RowsOf> {
        self.draft.tensors.get(id.checked_sub(self.draft.first_new)?)
    }

    fn name_of(&self, id: DraftId) -> String {
        match id.checked_sub(self.draft.first_new) {
            Some(new) => self.names[new].clone(),
            None => self.source.graph.tensor(TensorId::new(id)).name().to_owned(),
        }
    }

    fn operator(&mut self, operator: &DraftOperator) -> Result<(), OnnxError> {
        let names = |ids: &[Option<DraftId>]| {
            ids.iter().map(|id| id.map_or_else(String::new, |id| self.name_of(id))).collect::<Vec<String>>()
        };
        let input = names(&operator.inputs);
        let node = match &operator.kind {
            DraftKind::Whole(id) => {
                self.nodes.push(self.source.nodes[*id].whole.to_vec());
                return Ok(());
            }
            DraftKind::Tile { operator: id, padding, .. } => self.tile(*id, *padding, input, operator)?,
            DraftKind::Slice { axis, from } => self.slice(input, operator.outputs[0], (*axis, *from))?,
            DraftKind::Concatenation { axis } => {
                let output = self.name_of(operator.outputs[0]);
                let name = match self.rows_of(operator.outputs[0]) {
                    Some(_) => output.clone(),
                    None => self.taken.add(&format!("{output}/rows")),
                };
                let attribute = vec![Attribute::of_int("axis", axis_number(*axis)?)];
                let op_type = "Concat".to_owned();
                NewNode { input, output: vec![output], name, op_type, attribute }.encode_to_vec()
            }
            DraftKind::Pad { .. } | DraftKind::Update { .. } => {
                return Err(OnnxError::Wrong("a tile has padding that no node states".to_owned()));
            }
        };
        self.nodes.push(keyed(NODE, &node));
        Ok(())
    }

    /// The name of an integer as a list.
    fn number(&mut self, number: i64) -> String {
        if let Some(name) = self.numbers.get(&number) {
            return name.clone();
        }
        let name = self.taken.add(&format!("tiling/{number}"));
        self.numbers.insert(number, name.clone());
        name
    }

    fn slice(
        &mut self,
        mut input: Vec<String>,
        output: DraftId,
        (axis, from): (usize, i64),
    ) -> Result<Vec<u8>, OnnxError> {
        let rows = self.rows_of(output).map(|rows| rows.rows.end - rows.rows.start);
        let rows = rows.ok_or_else(|| wrong("a slice is a whole tensor"))?;
        let (axis, end) = (axis_number(axis)?, from + rows);
        let output = self.name_of(output);
        let mut attribute = Vec::new();
        if self.source.version < SLICE_WITH_INPUTS {
            let bounds = [("axes", axis), ("ends", end), ("starts", from)];
            attribute.extend(bounds.map(|(name, number)| Attribute::of_ints(name, vec![number])));
        } else {
            input.extend([from, end, axis].map(|number| self.number(number)));
        }
        let (name, op_type) = (output.clone(), "Slice".to_owned());
        Ok(NewNode { input, output: vec![output], name, op_type, attribute }.encode_to_vec())
    }

    /// An operator on the rows of a tile.
    fn tile(
        &mut self,
        id: usize,
        padding: TilePadding,
        input: Vec<String>,
        operator: &DraftOperator,
    ) -> Result<Vec<u8>, OnnxError> {
        let node = &self.source.nodes[id];
        let mut outputs = operator.outputs.iter();
        let output: Vec<String> = node
            .outputs
            .iter()
            .map(|name| {
                let id = if name.is_empty() { None } else { outputs.next() };
                id.map_or_else(String::new, |&id| self.name_of(id))
            })
            .collect();
        let rows = operator.outputs.first().and_then(|&id| self.rows_of(id));
        let rows = rows.ok_or_else(|| wrong("a tile writes a whole tensor"))?.clone();
        let name = if node.name.is_empty() {
            output[0].clone()
        } else {
            self.taken.add(&format!("{}/rows_{}_{}", node.name, rows.rows.start, rows.rows.end))
        };
        let pads = match padding {
            TilePadding::Explicit(pads) => self.pads(id, node, rows.axis, pads)?,
            _ => None,
        };
        let replaced: &[&str] = if pads.is_some() { &REPLACED } else { &[] };
        let attribute = pads.unwrap_or_default();
        let mut written = NewNode { input, output, name, attribute, ..NewNode::default() }.encode_to_vec();
        let kept =
            node.attributes.iter().filter(|attribute| !replaced.contains(&attribute.value.name.as_str()));
        kept.for_each(|attribute| written.extend_from_slice(attribute.whole));
        node.others.iter().for_each(|field| written.extend_from_slice(field));
        Ok(written)
    }

    /// The attributes of a tile that state its padding, instead of those in [`REPLACED`]; none if the operator has
    /// none.
    fn pads(
        &self,
        id: usize,
        node: &TileNode<'_>,
        axis: usize,
        own: [i64; 2],
    ) -> Result<Option<Vec<Attribute>>, OnnxError> {
        let (graph, id) = (self.source.graph, OperatorId::new(id));
        let mut all: Vec<[i64; 2]> = match node.op_type {
            "SpaceToDepth" => return Ok(None),
            "ConvTranspose" => {
                let windows = TransposedWindow::of(node, graph, id);
                windows.unwrap_or_default().iter().map(|window| [window.before, window.after]).collect()
            }
            _ => {
                let access = graph.operator(id).access();
                let windows = access.and_then(|access| windows(graph, id, node, access));
                let pads = |window: &SpatialWindow| [window.before, window.after.max(0)];
                windows.unwrap_or_default().iter().map(pads).collect()
            }
        };
        let place = axis.checked_sub(2).and_then(|spatial| all.get_mut(spatial));
        *place.ok_or_else(|| wrong("a window has no such axis"))? = own;
        let padding = |side: usize| all.iter().map(move |pads| pads[side].max(0));
        let mut attributes = vec![Attribute::of_ints("pads", padding(0).chain(padding(1)).collect())];
        if all.iter().any(|pads| pads[1] < 0) {
            let added = all.iter().map(|pads| (-pads[1]).max(0)).collect();
            attributes.push(Attribute::of_ints("output_padding", added));
        }
        Ok(Some(attributes))
    }
}

/// Attributes that state padding.
pub(super) const REPLACED: [&str; 4] = ["auto_pad", "ceil_mode", "output_padding", "pads"];

fn axis_number(axis: usize) -> Result<i64, OnnxError> {
    i64::try_from(axis).map_err(|_| wrong("an axis is too large"))
}

/// A length-delimited field.
fn keyed(number: u32, contents: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(contents.len() + 6);
    begin(number, contents.len(), &mut field);
    field.extend_from_slice(contents);
    field
}

fn begin(number: u32, length: usize, out: &mut Vec<u8>) {
    encoding::encode_key(number, WireType::LengthDelimited, out);
    encoding::encode_varint(length as u64, out);
}

/// The model with these nodes. Tensors that no node writes any more lose their declared types, and declared shapes with
/// symbolic dimensions become those of the graph: tiles have fixed rows.
pub(super) fn model(
    bytes: &[u8],
    source: &TileSource<'_>,
    (draft, tiled): (&TiledDraft, &TiledNodes),
) -> Result<Vec<u8>, OnnxError> {
    let mut written = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    for field in fields(bytes, 0..bytes.len()) {
        let field = field?;
        match field.contents {
            Some(range) if field.number == GRAPH => {
                let graph = graph(bytes, fields(bytes, range), source, (draft, tiled))?;
                begin(GRAPH, graph.len(), &mut written);
                written.extend_from_slice(&graph);
            }
            _ => written.extend_from_slice(&bytes[field.whole]),
        }
    }
    Ok(written)
}

fn graph(
    bytes: &[u8],
    parts: impl Iterator<Item = Result<WireField, OnnxError>>,
    source: &TileSource<'_>,
    (draft, tiled): (&TiledDraft, &TiledNodes),
) -> Result<Vec<u8>, OnnxError> {
    let shapes = DeclaredShapes::new(source, draft);
    let mut graph: Vec<u8> = tiled.nodes.concat();
    for field in parts {
        let field = field?;
        let whole = &bytes[field.whole.clone()];
        match (field.number, field.contents) {
            (NODE, _) => {}
            (INPUT | OUTPUT | VALUE_INFO, Some(range)) => match shapes.of_field(&bytes[range])? {
                DeclaredShape::Kept => graph.extend_from_slice(whole),
                DeclaredShape::New(info) => graph.append(&mut keyed(field.number, &info.encode_to_vec())),
                DeclaredShape::Gone => {}
            },
            _ => graph.extend_from_slice(whole),
        }
    }
    for (rows, name) in draft.tensors.iter().zip(&tiled.names) {
        let id = TensorId::new(rows.tensor);
        let number = source.element_number(id).ok_or_else(|| wrong("a tile has an unknown type"))?;
        let mut dims = source.graph.tensor(id).shape().unwrap_or_default().to_vec();
        dims[rows.axis] = (rows.rows.end - rows.rows.start).unsigned_abs();
        let info = NewValueInfo::new(name.clone(), number, &dims);
        graph.append(&mut keyed(VALUE_INFO, &info.encode_to_vec()));
    }
    Ok(graph)
}

/// The fate of a declared type.
enum DeclaredShape {
    Kept,
    New(NewValueInfo),
    Gone,
}

/// Shapes of the tensors of the model, by name.
struct DeclaredShapes<'a> {
    /// None for tensors that no node writes any more.
    shapes: HashMap<&'a str, Option<&'a [u64]>>,
}

impl<'a> DeclaredShapes<'a> {
    fn new(source: &'a TileSource<'a>, draft: &TiledDraft) -> Self {
        let graph = source.graph;
        let mut is_there: Vec<bool> = graph
            .tensors()
            .iter()
            .map(|tensor| tensor.kind() != TensorKind::Intermediate || tensor.producer().is_none())
            .collect();
        for &id in draft.operators.iter().flat_map(|operator| &operator.outputs) {
            if let Some(place) = is_there.get_mut(id) {
                *place = true;
            }
        }
        let shapes = graph.tensors().iter().zip(is_there).filter_map(|(tensor, is_there)| {
            let shape = tensor.shape().filter(|_| !tensor.is_upper_bound());
            match (is_there, shape) {
                (false, _) => Some((tensor.name(), None)),
                (true, Some(shape)) => Some((tensor.name(), Some(shape))),
                (true, None) => None,
            }
        });
        Self { shapes: shapes.collect() }
    }

    fn of_field(&self, contents: &[u8]) -> Result<DeclaredShape, OnnxError> {
        let info = NewValueInfo::decode(contents)
            .map_err(|error| wrong(&format!("a declared type cannot be read ({error})")))?;
        let Some(tensor) = info.tensor_type() else { return Ok(DeclaredShape::Kept) };
        Ok(match self.shapes.get(info.name.as_str()) {
            None => DeclaredShape::Kept,
            Some(None) => DeclaredShape::Gone,
            Some(Some(shape)) if info.has_shape(shape) => DeclaredShape::Kept,
            Some(Some(shape)) => {
                let elem_type = tensor.elem_type;
                DeclaredShape::New(NewValueInfo::new(info.name, elem_type, shape))
            }
        })
    }
}
