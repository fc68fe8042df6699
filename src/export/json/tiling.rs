//! The field `tiling` of a PLAN.json: regions, cost, and the tiled graph with the origin of its operators and
//! tensors.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::DocumentError;
use super::read::Counts;
use crate::export::names::tensor_names;
use crate::import::json;
use crate::tiling::{OperatorOrigin, Region, TensorOrigin, Tile, TiledGraph, Tiling, TilingCost, apply};
use crate::{Graph, OperatorId, RowsRead, TensorId, TilingView};

/// The tiling of a plan. Indices of operators and tensors are those of the untiled graph unless stated otherwise.
/// All row ranges are a first row and an end (exclusive).
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TilingEntry {
    /// Operators in the order of the tiling, in which the operators of a region are consecutive.
    pub order: Vec<usize>,
    /// Live bytes that the search expected.
    #[serde(default)]
    pub expected_bytes: u64,
    /// The least live bytes of all tilings of the search's family in this order and budget, if they are known. Tilings
    /// outside of the family may need less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_bound: Option<u64>,
    /// Cost beyond the untiled graph.
    #[serde(deserialize_with = "super::record::object")]
    pub cost: TilingCost,
    /// Regions, in the order in which they run.
    #[serde(deserialize_with = "json::objects")]
    pub regions: Vec<RegionEntry>,
    /// Operators of the tiled graph, by index there.
    #[serde(deserialize_with = "json::objects")]
    pub operators: Vec<TiledOperatorEntry>,
    /// Tensors of the tiled graph, by index there.
    #[serde(deserialize_with = "json::objects")]
    pub tensors: Vec<TiledTensorEntry>,
}

/// Consecutive operators that run stripe by stripe.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RegionEntry {
    /// Operators, in the order in which each stripe runs them.
    #[serde(deserialize_with = "json::objects")]
    pub operators: Vec<RegionOperatorEntry>,
    /// For each stripe and each operator, the rows of its outputs.
    pub stripes: Vec<Vec<TileEntry>>,
}

/// An operator of a region.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RegionOperatorEntry {
    /// Index of the operator.
    pub index: usize,
    /// Name of the operator; ignored by the reader.
    #[serde(default)]
    pub name: String,
    /// Number of the axis in the access map of the operator.
    pub axis: usize,
}

/// Rows of an operator's outputs in one stripe.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TileEntry {
    /// Rows that the operator computes; empty if it does not run in this stripe.
    pub rows: [u64; 2],
    /// Number of rows directly before them that the stripe before has left.
    #[serde(default, skip_serializing_if = "json::is_default")]
    pub carried: u64,
}

/// An operator of the tiled graph.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TiledOperatorEntry {
    /// Name; ignored by the reader.
    #[serde(default)]
    pub name: String,
    /// Kind of operator.
    #[serde(rename = "does")]
    pub action: TiledAction,
    /// Index of the operator that runs, as a whole or on rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<usize>,
    /// Index of the tensor whose rows are split, carried or joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<usize>,
    /// Number of the region of a tile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<usize>,
    /// Number of the stripe of a tile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe: Option<usize>,
    /// Of a tile, the number of the axis in the access map of the operator; otherwise the axis of the tensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<usize>,
    /// Rows that are computed or carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<[u64; 2]>,
    /// Of a tile, for each input of the operator the rows that it reads; null for an input that is read as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<Option<ReadEntry>>,
    /// Tensors that it reads, by index in the tiled graph.
    #[serde(default)]
    pub inputs: Vec<usize>,
    /// Tensors that it writes, by index in the tiled graph.
    #[serde(default)]
    pub outputs: Vec<usize>,
}

/// Kind of an operator of a tiled graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TiledAction {
    /// Runs an operator as a whole.
    #[default]
    Whole,
    /// Runs an operator on some rows.
    Tile,
    /// Names rows of a tensor; nothing is executed.
    Split,
    /// Moves rows for the next stripe.
    Carry,
    /// Names a tensor whose rows are complete; nothing is executed.
    Join,
}

/// Rows that a tile reads.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReadEntry {
    /// Rows of the tensor.
    pub rows: [u64; 2],
    /// Rows of padding before them.
    #[serde(default, skip_serializing_if = "json::is_default")]
    pub before: u64,
    /// Rows of padding after them.
    #[serde(default, skip_serializing_if = "json::is_default")]
    pub after: u64,
}

/// A tensor of the tiled graph.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TiledTensorEntry {
    /// Unique name in the tiled graph; ignored by the reader.
    #[serde(default)]
    pub name: String,
    /// Index of the tensor of the untiled graph.
    pub tensor: usize,
    /// Rows of that tensor; absent for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<[u64; 2]>,
    /// True for rows that are kept for the next stripe.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carried: bool,
}

fn pair(rows: &Range<u64>) -> [u64; 2] {
    [rows.start, rows.end]
}

fn range([start, end]: [u64; 2]) -> Range<u64> {
    start..end
}

fn wrong(reason: impl Into<String>) -> DocumentError {
    DocumentError::Tiling(reason.into())
}

impl TilingEntry {
    pub(super) fn of(view: &TilingView<'_>) -> Self {
        Self {
            order: view.tiling.order.iter().map(|id| id.index()).collect(),
            expected_bytes: view.expected_bytes,
            family_bound: view.family_bound,
            cost: view.cost,
            regions: view.tiling.regions.iter().map(|region| RegionEntry::of(view.untiled, region)).collect(),
            operators: operators(view.tiled),
            tensors: tensors(view.tiled),
        }
    }

    /// The tiling. Ids, axes and rows exist in the graph; everything else is as stated.
    pub(super) fn to_tiling(&self, graph: &Graph) -> Result<Tiling, DocumentError> {
        let counts = Counts::of(graph);
        let region = |(number, entry): (usize, &RegionEntry)| entry.to_region(graph, number);
        Ok(Tiling {
            order: counts.order(&self.order)?,
            regions: self.regions.iter().enumerate().map(region).collect::<Result<_, _>>()?,
        })
    }

    /// The graph of a tiling, with the origins that the document states. The graph is made again: its operators
    /// and tensors must be those of the document.
    pub(super) fn to_tiled(&self, graph: &Graph, tiling: &Tiling) -> Result<TiledGraph, DocumentError> {
        let made = apply(graph, tiling).map_err(|error| wrong(error.to_string()))?;
        check_count("operators", self.operators.len(), made.operators.len())?;
        check_count("tensors", self.tensors.len(), made.tensors.len())?;
        for (index, (stated, made)) in self.operators.iter().zip(operators(&made)).enumerate() {
            if (&stated.inputs, &stated.outputs) != (&made.inputs, &made.outputs) {
                return Err(wrong(format!(
                    "operator {index} of the tiled graph reads {:?} and writes {:?}, but by the regions it reads \
                     {:?} and writes {:?}",
                    stated.inputs, stated.outputs, made.inputs, made.outputs
                )));
            }
        }
        let operators = self.operators.iter().enumerate();
        let tensors = self.tensors.iter().enumerate();
        Ok(TiledGraph {
            operators: operators
                .map(|(index, entry)| entry.to_origin(graph, index))
                .collect::<Result<_, _>>()?,
            tensors: tensors.map(|(index, entry)| entry.to_origin(graph, index)).collect::<Result<_, _>>()?,
            graph: made.graph,
        })
    }
}

fn check_count(what: &str, stated: usize, made: usize) -> Result<(), DocumentError> {
    if stated == made {
        return Ok(());
    }
    Err(wrong(format!("the tiled graph has {stated} {what}, but by the regions it has {made}")))
}

impl RegionEntry {
    fn of(graph: &Graph, region: &Region) -> Self {
        let operators = region.operators.iter().zip(&region.axes).map(|(id, &axis)| RegionOperatorEntry {
            index: id.index(),
            name: graph.operator(*id).name().to_owned(),
            axis,
        });
        let tile = |tile: &Tile| TileEntry { rows: pair(&tile.computed), carried: tile.carried };
        Self {
            operators: operators.collect(),
            stripes: region.stripes.iter().map(|tiles| tiles.iter().map(tile).collect()).collect(),
        }
    }

    fn to_region(&self, graph: &Graph, number: usize) -> Result<Region, DocumentError> {
        let place = || format!("region {number}");
        let operators = self.operators.iter().map(|entry| Counts::of(graph).operator(entry.index, place));
        let operators: Vec<OperatorId> = operators.collect::<Result<_, _>>()?;
        let axes: Vec<usize> = self.operators.iter().map(|entry| entry.axis).collect();
        let limits = operators.iter().zip(&axes).map(|(&id, &axis)| rows_of(graph, id, axis));
        let limits: Vec<u64> = limits.collect();
        let mut stripes = Vec::with_capacity(self.stripes.len());
        for (stripe, tiles) in self.stripes.iter().enumerate() {
            for (tile, &limit) in tiles.iter().zip(&limits) {
                let [start, end] = tile.rows;
                if start > end || end > limit || tile.carried > start {
                    return Err(wrong(format!(
                        "stripe {stripe} of region {number} has rows {start}..{end} and carries {}, but the \
                         operator has {limit} rows",
                        tile.carried
                    )));
                }
            }
            let tile = |tile: &TileEntry| Tile { computed: range(tile.rows), carried: tile.carried };
            stripes.push(tiles.iter().map(tile).collect());
        }
        Ok(Region { operators, axes, stripes })
    }
}

/// Rows of an operator's outputs along an axis of its access map; 0 if there is no such axis.
fn rows_of(graph: &Graph, operator: OperatorId, axis: usize) -> u64 {
    let node = graph.operator(operator);
    let axis = node.access().and_then(|access| access.axes().get(axis));
    let first = axis.and_then(|axis| axis.outputs().first()).zip(node.outputs().first());
    let shape = first.and_then(|(&axis, &output)| graph.tensor(output).shape()?.get(axis));
    shape.copied().unwrap_or(0)
}

/// The entries of the operators of a tiled graph.
fn operators(tiled: &TiledGraph) -> Vec<TiledOperatorEntry> {
    let nodes = tiled.graph.operators().iter().zip(&tiled.operators);
    let indices = |ids: &[TensorId]| ids.iter().map(|id| id.index()).collect();
    let entry = |(node, origin): (&crate::Operator, &OperatorOrigin)| TiledOperatorEntry {
        name: node.name().to_owned(),
        inputs: indices(node.inputs()),
        outputs: indices(node.outputs()),
        ..TiledOperatorEntry::of(origin)
    };
    nodes.map(entry).collect()
}

fn tensors(tiled: &TiledGraph) -> Vec<TiledTensorEntry> {
    let named = tensor_names(&tiled.graph).into_iter().zip(&tiled.tensors);
    let entry = |(name, origin): (Cow<'_, str>, &TensorOrigin)| TiledTensorEntry {
        name: name.into_owned(),
        tensor: origin.tensor.index(),
        rows: origin.rows.as_ref().map(pair),
        carried: origin.is_carried,
    };
    named.map(entry).collect()
}

impl TiledOperatorEntry {
    fn of(origin: &OperatorOrigin) -> Self {
        let mut entry = Self::default();
        let (action, of, own) = match origin {
            OperatorOrigin::Whole(id) => {
                entry.operator = Some(id.index());
                return entry;
            }
            OperatorOrigin::Tile { operator, region, stripe, axis, rows, reads } => {
                entry.action = TiledAction::Tile;
                (entry.operator, entry.region) = (Some(operator.index()), Some(*region));
                (entry.stripe, entry.axis) = (Some(*stripe), Some(*axis));
                entry.rows = Some(pair(rows));
                entry.reads = reads.iter().map(|read| read.as_ref().map(ReadEntry::of)).collect();
                return entry;
            }
            OperatorOrigin::Split { tensor, axis } => (TiledAction::Split, tensor, axis),
            OperatorOrigin::Carry { tensor, axis, rows } => {
                entry.rows = Some(pair(rows));
                (TiledAction::Carry, tensor, axis)
            }
            OperatorOrigin::Join { tensor, axis } => (TiledAction::Join, tensor, axis),
        };
        (entry.action, entry.tensor, entry.axis) = (action, Some(of.index()), Some(*own));
        entry
    }

    fn to_origin(&self, graph: &Graph, index: usize) -> Result<OperatorOrigin, DocumentError> {
        let place = || format!("operator {index} of the tiled graph");
        let missing = |field: &str| wrong(format!("{} has no `{field}`", place()));
        let operator = || {
            let operator = self.operator.ok_or_else(|| missing("operator"))?;
            Counts::of(graph).operator(operator, place)
        };
        let tensor = || {
            let tensor = self.tensor.ok_or_else(|| missing("tensor"))?;
            Counts::of(graph).tensor(tensor, place)
        };
        let axis = || self.axis.ok_or_else(|| missing("axis"));
        let rows = || self.rows.map(range).ok_or_else(|| missing("rows"));
        Ok(match self.action {
            TiledAction::Whole => OperatorOrigin::Whole(operator()?),
            TiledAction::Tile => OperatorOrigin::Tile {
                operator: operator()?,
                region: self.region.ok_or_else(|| missing("region"))?,
                stripe: self.stripe.ok_or_else(|| missing("stripe"))?,
                axis: axis()?,
                rows: rows()?,
                reads: self.reads.iter().map(|read| read.map(ReadEntry::to_read)).collect(),
            },
            TiledAction::Split => OperatorOrigin::Split { tensor: tensor()?, axis: axis()? },
            TiledAction::Carry => OperatorOrigin::Carry { tensor: tensor()?, axis: axis()?, rows: rows()? },
            TiledAction::Join => OperatorOrigin::Join { tensor: tensor()?, axis: axis()? },
        })
    }
}

impl ReadEntry {
    fn of(read: &RowsRead) -> Self {
        Self { rows: pair(&read.rows), before: read.before, after: read.after }
    }

    fn to_read(self) -> RowsRead {
        RowsRead { rows: range(self.rows), before: self.before, after: self.after }
    }
}

impl TiledTensorEntry {
    fn to_origin(&self, graph: &Graph, index: usize) -> Result<TensorOrigin, DocumentError> {
        let place = || format!("tensor {index} of the tiled graph");
        let tensor = Counts::of(graph).tensor(self.tensor, place)?;
        Ok(TensorOrigin { tensor, rows: self.rows.map(range), is_carried: self.carried })
    }
}
