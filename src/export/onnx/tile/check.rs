//! Verifies a tiled model by replaying the rows of its tensors: every node reads exactly the rows that the access map of
//! its operator asks for, its padding is exactly what lies outside of the tensor, and every tensor of the model that a node
//! reads as a whole consists of all of its rows.
//!
//! The replay reads the nodes of the written file. From the writer, it takes only which operator and which rows a
//! tensor states to be.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::super::OnnxError;
use super::super::wire::{WireModel, fields};
use super::file::REPLACED;
use super::network::TileSource;
use super::node::TileNode;
use crate::export::tile::{DraftKind, TiledDraft};
use crate::{Graph, Operator, OperatorId, RowMap, TensorId, TensorKind, TileAxis};

/// The operator that a node of a tiled model runs on rows along an axis.
pub(super) struct StatedTile {
    operator: usize,
    axis: usize,
    rows: Range<u64>,
}

/// Tiles by the name of their first output.
pub(super) fn stated_tiles<'n>(draft: &TiledDraft, names: &'n [String]) -> HashMap<&'n str, StatedTile> {
    let tile = |(kind, output): (&DraftKind, usize)| {
        let DraftKind::Tile { operator, rows, .. } = kind else { return None };
        let new = output.checked_sub(draft.first_new)?;
        let unsigned = |row: i64| u64::try_from(row).ok();
        let rows = unsigned(rows.start)?..unsigned(rows.end)?;
        let axis = draft.tensors.get(new)?.axis;
        Some((names.get(new)?.as_str(), StatedTile { operator: *operator, axis, rows }))
    };
    let operators = draft.operators.iter();
    operators.filter_map(|operator| tile((&operator.kind, *operator.outputs.first()?))).collect()
}

/// Rows of a tensor of the model.
#[derive(Clone, Debug)]
struct RowLabel<'a> {
    tensor: &'a str,
    /// None if the tensor is whole.
    axis: Option<usize>,
    rows: Range<u64>,
    /// Rows with the contents of the tensor. The others are wrong, as interpolation repeats rows at the edges of a tile.
    good: Range<u64>,
}

/// Verifies the nodes of a tiled model, whose graph is `written`.
pub(super) fn verify(
    source: &TileSource<'_>,
    bytes: &[u8],
    written: &Graph,
    tiles: &HashMap<&str, StatedTile>,
) -> Result<(), OnnxError> {
    let nodes = TileNode::of_graph(bytes, WireModel::read(bytes)?.graph())?;
    let mut replay = RowReplay::new(source);
    for node in &nodes {
        let first = node.outputs.iter().find(|name| !name.is_empty()).copied().unwrap_or_default();
        let result = match tiles.get(first) {
            Some(tile) => replay.tile(node, tile),
            None => replay.other(node),
        };
        result.map_err(|reason| OnnxError::Wrong(format!("tiled model: node `{}` {reason}", node.name)))?;
    }
    replay.finish()?;
    replay.check_shapes(written)
}

/// Checks that a tiled model has the initializers of the model, and all its other fields except nodes and declared types,
/// byte for byte.
pub(super) fn same_rest(before: &[u8], after: &[u8]) -> Result<(), OnnxError> {
    const CHANGED: [u32; 4] = [1, 11, 12, 13];
    let rest = |bytes: &[u8]| -> Result<Vec<Range<usize>>, OnnxError> {
        let parts = fields(bytes, WireModel::read(bytes)?.graph());
        let kept =
            parts.filter(|field| field.as_ref().map_or(true, |field| !CHANGED.contains(&field.number)));
        kept.map(|field| Ok(field?.whole)).collect()
    };
    let (old, new) = (rest(before)?, rest(after)?);
    let is_same =
        old.len() == new.len() && old.into_iter().zip(new).all(|(old, new)| before[old] == after[new]);
    is_same.then_some(()).ok_or_else(|| OnnxError::Wrong("tiled model: initializers differ".to_owned()))
}

/// The reason why a node is wrong.
type Fault = String;

struct RowReplay<'a> {
    source: &'a TileSource<'a>,
    /// Tensors of the model by name.
    tensors: HashMap<&'a str, TensorId>,
    /// Nodes of the model by their first output.
    by_output: HashMap<&'a str, usize>,
    /// Tensors that exist, by their name in the written model.
    labels: HashMap<&'a str, RowLabel<'a>>,
    numbers: HashMap<&'a str, i64>,
}

impl<'a> RowReplay<'a> {
    fn new(source: &'a TileSource<'a>) -> Self {
        let graph = source.graph;
        let named = graph.iter_tensors().map(|(id, tensor)| (tensor.name(), id));
        let mut replay = Self {
            source,
            tensors: named.collect(),
            by_output: HashMap::new(),
            labels: HashMap::new(),
            numbers: HashMap::new(),
        };
        for (number, node) in source.nodes.iter().enumerate() {
            node.outputs.iter().filter(|name| !name.is_empty()).for_each(|name| {
                replay.by_output.insert(name, number);
            });
        }
        for tensor in graph.tensors().iter().filter(|tensor| tensor.producer().is_none()) {
            replay.labels.insert(tensor.name(), whole(tensor.name()));
        }
        replay
    }

    fn operator(&self, number: usize) -> &'a Operator {
        self.source.graph.operator(OperatorId::new(number))
    }

    /// The rows of a tensor along an axis.
    fn count(&self, tensor: &str, axis: usize) -> Option<u64> {
        self.source.graph.tensor(*self.tensors.get(tensor)?).shape()?.get(axis).copied()
    }

    /// A tensor along an axis.
    fn label(&self, name: &str, axis: usize) -> Result<RowLabel<'a>, Fault> {
        let label = self.labels.get(name).ok_or_else(|| format!("reads `{name}` before it is written"))?;
        match label.axis {
            Some(own) if own != axis => {
                Err(format!("reads `{name}` along axis {axis}, but it has rows of {own}"))
            }
            Some(_) => Ok(label.clone()),
            None => {
                let count = self.count(label.tensor, axis);
                let count = count.ok_or_else(|| format!("reads `{name}`, which has no axis {axis}"))?;
                Ok(RowLabel { axis: Some(axis), rows: 0..count, good: 0..count, ..label.clone() })
            }
        }
    }

    fn write(&mut self, name: &'a str, label: RowLabel<'a>) -> Result<(), Fault> {
        match self.labels.insert(name, label) {
            Some(_) => Err(format!("writes `{name}` a second time")),
            None => Ok(()),
        }
    }

    fn is_whole(&self, name: &str) -> bool {
        self.labels.get(name).is_some_and(|label| label.axis.is_none() && label.tensor == name)
    }

    /// A node that runs as a whole, a slice, a concatenation or a constant.
    fn other<'n: 'a>(&mut self, node: &TileNode<'n>) -> Result<(), Fault> {
        let first = node.outputs.iter().find(|name| !name.is_empty()).copied();
        let original = first.and_then(|name| self.by_output.get(name).copied());
        if let Some(number) = original.filter(|&number| self.source.nodes[number].whole == node.whole) {
            return self.whole(number);
        }
        let &[output] = node.outputs.as_slice() else { return Err("has no single output".to_owned()) };
        match (node.domain, node.op_type) {
            ("", "Constant") => {
                let value = node.attribute("value").and_then(|value| value.t.as_ref()?.number());
                self.numbers.insert(output, value.ok_or("is no integer")?);
                Ok(())
            }
            ("", "Slice") => self.slice(node, output),
            ("", "Concat") => self.concatenation(node, output),
            _ => Err("is neither in the model nor a copy of rows".to_owned()),
        }
    }

    fn whole(&mut self, number: usize) -> Result<(), Fault> {
        let (graph, operator) = (self.source.graph, self.operator(number));
        for &input in operator.inputs() {
            let name = graph.tensor(input).name();
            if !self.is_whole(name) {
                return Err(format!("reads `{name}`, of which not all rows exist"));
            }
        }
        for &output in operator.outputs() {
            let name = graph.tensor(output).name();
            self.write(name, whole(name))?;
        }
        Ok(())
    }

    /// Bounds and axis of a slice.
    fn bounds(&self, node: &TileNode<'_>) -> Option<[i64; 3]> {
        let number = |(input, name): (usize, &str)| match node.inputs.get(input) {
            Some(constant) => self.numbers.get(constant).copied(),
            None => match node.attribute(name)?.ints.as_slice() {
                &[number] => Some(number),
                _ => None,
            },
        };
        let [start, end, axis] = [(1, "starts"), (2, "ends"), (3, "axes")].map(number);
        (node.inputs.len() == 1 || node.inputs.len() == 4).then_some([start?, end?, axis?])
    }

    fn slice(&mut self, node: &TileNode<'_>, output: &'a str) -> Result<(), Fault> {
        let bounds = self.bounds(node).ok_or("has other bounds than integers")?;
        let [start, end, axis] = bounds.map(|number| u64::try_from(number).ok());
        let (Some(start), Some(end), Some(axis)) = (start, end, axis) else {
            return Err("has negative bounds".to_owned());
        };
        let axis = usize::try_from(axis).map_err(|_| "has no such axis")?;
        let input = self.label(node.inputs.first().copied().unwrap_or_default(), axis)?;
        let rows = input.rows.start + start..input.rows.start.saturating_add(end);
        if rows.is_empty() || rows.end > input.rows.end {
            return Err(format!("cuts rows {rows:?} out of {:?}", input.rows));
        }
        let good = intersection(&input.good, &rows);
        self.write(output, RowLabel { rows, good, ..input })
    }

    fn concatenation(&mut self, node: &TileNode<'_>, output: &'a str) -> Result<(), Fault> {
        let axis = usize::try_from(node.int("axis", -1)).map_err(|_| "has no axis")?;
        let pieces = node.inputs.iter().map(|name| self.label(name, axis));
        let pieces: Vec<RowLabel<'a>> = pieces.collect::<Result<_, Fault>>()?;
        let mut all = pieces.first().cloned().ok_or("has no inputs")?;
        all.rows.end = all.rows.start;
        for piece in &pieces {
            if piece.tensor != all.tensor || piece.rows.start != all.rows.end || piece.good != piece.rows {
                return Err(format!(
                    "puts rows {:?} of `{}` behind row {}",
                    piece.rows, piece.tensor, all.rows.end
                ));
            }
            all.rows.end = piece.rows.end;
        }
        all.good = all.rows.clone();
        if output == all.tensor {
            if Some(all.rows.end) != self.count(all.tensor, axis) || all.rows.start != 0 {
                return Err(format!("writes rows {:?} as the whole of `{output}`", all.rows));
            }
            all = whole(all.tensor);
        }
        self.write(output, all)
    }

    /// An operator on rows of its tensors.
    fn tile<'n: 'a>(&mut self, node: &TileNode<'n>, tile: &StatedTile) -> Result<(), Fault> {
        let operator = self.operator(tile.operator);
        let original = &self.source.nodes[tile.operator];
        let is_same = node.others == original.others
            && node.inputs.len() == original.inputs.len()
            && node.outputs.len() == original.outputs.len();
        if !is_same || kept_attributes(node) != kept_attributes(original) {
            return Err("differs from its operator in more than names and padding".to_owned());
        }
        let is_split = |entry: &&TileAxis| entry.outputs().iter().all(|&output| output == tile.axis);
        let axis = operator.access().and_then(|access| access.axes().iter().find(is_split));
        let axis = axis.ok_or("runs on rows of an axis that its operator does not split")?;
        let mut at = 0;
        let mut windows = Vec::new();
        let mut good: Option<Range<u64>> = None;
        for (name, before) in node.inputs.iter().zip(&original.inputs) {
            if before.is_empty() {
                if !name.is_empty() {
                    return Err(format!("reads `{name}`, which its operator does not"));
                }
                continue;
            }
            let map = axis.inputs().get(at).copied().flatten();
            at += 1;
            let Some((own, map)) = map else {
                if name != before || !self.is_whole(name) {
                    return Err(format!("reads `{name}` instead of all of `{before}`"));
                }
                continue;
            };
            let label = self.label(name, own)?;
            if label.tensor != *before {
                return Err(format!("reads rows of `{}` instead of `{before}`", label.tensor));
            }
            let count = self.count(before, own).ok_or("reads a tensor without rows")?;
            let found = good_rows(node, (&label, count), (map, tile))?;
            good = Some(good.map_or(found.clone(), |good| intersection(&good, &found)));
            windows.push((label, map, count));
        }
        self.check_padding(node, tile, &windows)?;
        let good = good.ok_or("reads no rows")?;
        for (name, before) in node.outputs.iter().zip(&original.outputs).filter(|(name, _)| !name.is_empty())
        {
            let label = RowLabel {
                tensor: before,
                axis: Some(tile.axis),
                rows: tile.rows.clone(),
                good: good.clone(),
            };
            self.write(name, label)?;
        }
        Ok(())
    }

    /// Checks the padding of a tile, along its axis and along others.
    fn check_padding(
        &self,
        node: &TileNode<'a>,
        tile: &StatedTile,
        windows: &[(RowLabel<'a>, RowMap, u64)],
    ) -> Result<(), Fault> {
        let original = &self.source.nodes[tile.operator];
        let is_window = node.op_type.contains("Conv") || node.op_type.ends_with("Pool");
        let is_global = node.op_type.contains("Global");
        if !is_window || is_global {
            return Ok(());
        }
        let [(label, map, count)] = windows else { return Err("reads rows of several inputs".to_owned()) };
        if tile.axis < 2 {
            return Err("splits an image along another axis than its rows".to_owned());
        }
        let rank = self.count_axes(original.outputs[0]).saturating_sub(2);
        let pads = node.ints("pads", 2 * rank, 0).ok_or("has pads of another rank")?;
        let is_transposed = node.op_type == "ConvTranspose";
        for axis in 0..rank {
            let own = [pads[axis], pads[axis + rank]];
            let wanted = if axis + 2 != tile.axis {
                self.padding_across(original, tile.operator, axis, own)
            } else if is_transposed {
                rows_before(original, rank, axis, (label, tile)).map(|before| [before, own[1]])
            } else {
                let read = map.reads(tile.rows.clone(), *count);
                Some([read.before, read.after].map(|rows| i64::try_from(rows).unwrap_or(i64::MAX)))
            };
            if wanted != Some(own) {
                return Err(format!("has padding {own:?} along axis {}, not {wanted:?}", axis + 2));
            }
        }
        let rounds_up = node.int("ceil_mode", 0) != 0;
        if rounds_up || !matches!(node.text("auto_pad", "NOTSET"), b"NOTSET" | b"") {
            return Err("has padding that follows from its shape".to_owned());
        }
        Ok(())
    }

    fn count_axes(&self, tensor: &str) -> usize {
        let shape = self.tensors.get(tensor).and_then(|&id| self.source.graph.tensor(id).shape());
        shape.map_or(0, <[u64]>::len)
    }

    /// The padding along an axis that is not split: that of the operator. The padding after the last row follows from the
    /// number of rows, which the check of shapes covers.
    fn padding_across(
        &self,
        original: &TileNode<'_>,
        operator: usize,
        axis: usize,
        own: [i64; 2],
    ) -> Option<[i64; 2]> {
        let rank = self.count_axes(original.outputs[0]) - 2;
        let declared = original.ints("pads", 2 * rank, 0)?;
        if matches!(original.text("auto_pad", "NOTSET"), b"NOTSET" | b"" | b"VALID") {
            return Some([declared[axis], own[1]]);
        }
        let access = self.operator(operator).access()?;
        let Some(entry) = access.axes().iter().find(|entry| entry.outputs().first() == Some(&(axis + 2)))
        else {
            return Some(own);
        };
        let (_, map) = entry.inputs().first().copied().flatten()?;
        Some([-map.numbers().2, own[1]])
    }

    /// Checks that every tensor exists that the model outputs.
    fn finish(&self) -> Result<(), OnnxError> {
        let mut outputs = self.source.graph.tensors().iter().filter(|tensor| tensor.is_output());
        match outputs.find(|tensor| !self.is_whole(tensor.name())) {
            Some(tensor) => {
                Err(OnnxError::Wrong(format!("tiled model: output `{}` is not whole", tensor.name())))
            }
            None => Ok(()),
        }
    }

    /// Checks shapes, types and roles of the tensors of the written model.
    fn check_shapes(&self, written: &Graph) -> Result<(), OnnxError> {
        let mut names = HashSet::new();
        for tensor in written.tensors() {
            names.insert(tensor.name());
            let Some(label) = self.labels.get(tensor.name()) else { continue };
            let before = self.source.graph.tensor(self.tensors[label.tensor]);
            let mut shape = before.shape().map(<[u64]>::to_vec);
            if let (Some(axis), Some(shape)) = (label.axis, &mut shape) {
                shape[axis] = label.rows.end - label.rows.start;
            }
            let is_same_role = label.axis.is_some()
                || (tensor.is_output() == before.is_output() && tensor.kind() == before.kind());
            if tensor.shape() != shape.as_deref()
                || tensor.element_type() != before.element_type()
                || !is_same_role
            {
                let (name, found) = (tensor.name(), tensor.shape());
                let reason = format!("tiled model: tensor `{name}` has shape {found:?}, not {shape:?}");
                return Err(OnnxError::Wrong(reason));
            }
        }
        let ends = self.source.graph.tensors().iter();
        let mut ends = ends.filter(|tensor| tensor.is_output() || tensor.kind() == TensorKind::Input);
        match ends.find(|tensor| !names.contains(tensor.name())) {
            Some(tensor) => {
                Err(OnnxError::Wrong(format!("tiled model: tensor `{}` is missing", tensor.name())))
            }
            None => Ok(()),
        }
    }
}

fn whole(tensor: &str) -> RowLabel<'_> {
    RowLabel { tensor, axis: None, rows: 0..0, good: 0..0 }
}

fn intersection(one: &Range<u64>, other: &Range<u64>) -> Range<u64> {
    one.start.max(other.start)..one.end.min(other.end)
}

/// Attributes that a tile shares with its operator, with all their bytes.
fn kept_attributes<'n>(node: &TileNode<'n>) -> Vec<&'n [u8]> {
    let is_kept = |name: &str| !REPLACED.contains(&name);
    let kept = node.attributes.iter().filter(|attribute| is_kept(&attribute.value.name));
    kept.map(|attribute| attribute.whole).collect()
}

/// The rows of a tile that are right, if its input has these rows.
fn good_rows(
    node: &TileNode<'_>,
    (label, count): (&RowLabel<'_>, u64),
    (map, tile): (RowMap, &StatedTile),
) -> Result<Range<u64>, Fault> {
    let (rows, read) = (tile.rows.clone(), map.reads(tile.rows.clone(), count).rows);
    let wrong = || format!("reads rows {:?} of `{}` for rows {rows:?}", label.rows, label.tensor);
    let is_scaled = matches!(node.op_type, "DepthToSpace" | "Resize" | "Upsample") && map != RowMap::SAME;
    if !is_scaled {
        let is_exact = if map == RowMap::SAME { label.rows == rows } else { label.rows == read };
        let is_good = map == RowMap::SAME || label.good == label.rows;
        let good = if map == RowMap::SAME { label.good.clone() } else { rows.clone() };
        return (is_exact && is_good).then_some(good).ok_or_else(wrong);
    }
    let (numerator, denominator, ..) = map.numbers();
    let factor = u64::from(denominator).checked_div(numerator.into()).unwrap_or(0);
    let is_exact = u64::from(numerator) * factor == u64::from(denominator)
        && label.rows.start * factor == rows.start
        && label.rows.end * factor == rows.end;
    if !is_exact {
        return Err(wrong());
    }
    let is_good = |row: &u64| {
        let read = map.reads(*row..row + 1, count).rows;
        label.good.start <= read.start && read.end <= label.good.end
    };
    let start = rows.clone().find(is_good).ok_or_else(wrong)?;
    let end = (start..rows.end).find(|row| !is_good(row)).unwrap_or(rows.end);
    Ok(start..end)
}

/// The rows that a tile of a transposed convolution cuts off before its first row; those after its last row follow from
/// the number of rows, which the check of shapes covers.
fn rows_before(
    original: &TileNode<'_>,
    rank: usize,
    axis: usize,
    (label, tile): (&RowLabel<'_>, &StatedTile),
) -> Option<i64> {
    let number = |row: u64| i64::try_from(row).ok();
    let (strides, pads) = (original.ints("strides", rank, 1)?, original.ints("pads", 2 * rank, 0)?);
    Some(number(tile.rows.start)? - (number(label.rows.start)? * strides[axis] - pads[axis]))
}
