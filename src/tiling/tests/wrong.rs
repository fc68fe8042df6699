//! Wrong tilings, made of right ones by one change each: the verifier refuses them by the right rule, with a reason
//! that names the tensor and the rows.

use std::ops::Range;

use super::{Draws, random_graph, random_tiling};
use crate::graph::{
    AccessMap, ElementType, Graph, Operator, Permit, RelativePlacement, RowMap, RowsRead, Tensor, TensorSpec,
    TileAxis,
};
use crate::support::ids::{OperatorId, TensorId};
use crate::tiling::apply::apply;
use crate::tiling::region::{Region, Tile, Tiling};
use crate::tiling::tiled_graph::{OperatorOrigin, TensorOrigin, TiledGraph};
use crate::verify::{Rule, verify_tiling};

/// A tiled graph that can be changed.
struct TiledParts<'g> {
    /// The untiled graph.
    graph: &'g Graph,
    tensors: Vec<(Tensor, TensorOrigin)>,
    operators: Vec<OperatorParts>,
    placements: Vec<RelativePlacement>,
}

struct OperatorParts {
    name: String,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    permits: Vec<Permit>,
    origin: OperatorOrigin,
}

impl<'g> TiledParts<'g> {
    fn new(graph: &'g Graph, tiled: TiledGraph) -> Self {
        let parts = |(node, origin): (&Operator, OperatorOrigin)| OperatorParts {
            name: node.name().to_owned(),
            inputs: node.inputs().to_vec(),
            outputs: node.outputs().to_vec(),
            permits: node.permits().to_vec(),
            origin,
        };
        Self {
            graph,
            operators: tiled.graph.operators().iter().zip(tiled.operators).map(parts).collect(),
            placements: tiled.graph.relative_placements().to_vec(),
            tensors: tiled.graph.tensors().iter().cloned().zip(tiled.tensors).collect(),
        }
    }

    /// The tiled graph; none if these parts are no graph.
    fn build(self) -> Option<TiledGraph> {
        let mut builder = Graph::builder("changed");
        for (tensor, _) in &self.tensors {
            let id = builder.add_tensor(tensor.name(), tensor.kind(), tensor.spec.clone());
            if tensor.is_output() {
                builder.output(id);
            }
            if tensor.is_overwritable() {
                builder.overwritable(id);
            }
        }
        for placement in &self.placements {
            builder.place_at(placement.tensor, placement.of, placement.at);
        }
        let mut origins = Vec::new();
        for operator in self.operators {
            let added = builder.operator(operator.name).reads(operator.inputs).writes(operator.outputs);
            let _ = added.permits(operator.permits);
            origins.push(operator.origin);
        }
        let tensors = self.tensors.into_iter().map(|(_, origin)| origin).collect();
        Some(TiledGraph { graph: builder.build().ok()?, tensors, operators: origins })
    }

    /// The number of a random operator for which `choose` returns something, and what it returns.
    fn draw<T>(&self, draws: &mut Draws, choose: impl Fn(&OperatorParts) -> Option<T>) -> Option<(usize, T)> {
        let all = self.operators.iter().enumerate();
        let mut found: Vec<(usize, T)> =
            all.filter_map(|(at, operator)| Some((at, choose(operator)?))).collect();
        if found.is_empty() {
            return None;
        }
        let at = draws.below(found.len() as u64) as usize;
        Some(found.swap_remove(at))
    }

    fn of(&self, id: TensorId) -> TensorId {
        self.tensors[id.index()].1.tensor
    }

    fn rows(&self, id: TensorId) -> Option<Range<u64>> {
        self.tensors[id.index()].1.rows.clone()
    }

    /// Number of rows of an untiled tensor.
    fn count(&self, id: TensorId) -> u64 {
        self.graph.tensor(id).shape().unwrap()[1]
    }

    /// Gives a part other rows of its tensor.
    fn set_rows(&mut self, id: TensorId, rows: Range<u64>) {
        let (tensor, origin) = &mut self.tensors[id.index()];
        let mut shape = tensor.shape().unwrap().to_vec();
        shape[1] = rows.end - rows.start;
        let mut spec = TensorSpec::shaped(ElementType::Int8, shape);
        if let Some(alignment) = tensor.alignment() {
            spec = spec.align(alignment);
        }
        tensor.spec = spec;
        origin.rows = Some(rows);
    }

    /// Gives a tile other rows, with the reads and the parts that belong to them.
    fn set_tile(&mut self, at: usize, new: Range<u64>) {
        let OperatorOrigin::Tile { operator, rows, reads, .. } = &mut self.operators[at].origin else {
            unreachable!("it is a tile")
        };
        let node = self.graph.operator(*operator);
        let maps = node.access().unwrap().axes()[0].inputs();
        for ((read, map), &input) in reads.iter_mut().zip(maps).zip(node.inputs()) {
            let count = self.graph.tensor(input).shape().unwrap()[1];
            *read = map.map(|(_, map)| map.reads(new.clone(), count));
        }
        *rows = new.clone();
        for output in self.operators[at].outputs.clone() {
            self.set_rows(output, new.clone());
        }
    }

    /// A part of the tensor of `id` that exists before an operator runs and lacks `row`.
    fn other_part(&self, id: TensorId, row: u64, before: usize) -> Option<TensorId> {
        let written = self.operators[..before].iter().flat_map(|operator| &operator.outputs);
        let lacks = |rows: Range<u64>| !rows.contains(&row);
        written.copied().find(|&other| self.of(other) == self.of(id) && self.rows(other).is_some_and(lacks))
    }

    /// Exchanges an input of an operator for another tensor, or leaves it out.
    fn replace_input(&mut self, at: usize, old: TensorId, new: Option<TensorId>) {
        let operator = &mut self.operators[at];
        operator.permits.retain(|permit| permit.input() != old);
        let inputs = operator.inputs.iter().filter_map(|&id| if id == old { new } else { Some(id) });
        operator.inputs = inputs.collect();
    }
}

/// The rows and reads of a tile.
fn tile(origin: &mut OperatorOrigin) -> (&mut Range<u64>, &mut Vec<Option<RowsRead>>) {
    let OperatorOrigin::Tile { rows, reads, .. } = origin else { unreachable!("it is a tile") };
    (rows, reads)
}

/// The untiled operator and the rows of a tile; none for other operators.
fn tile_of(operator: &OperatorParts) -> Option<(OperatorId, Range<u64>)> {
    let OperatorOrigin::Tile { operator, rows, .. } = &operator.origin else { return None };
    Some((*operator, rows.clone()))
}

/// The position of a read of a tile that `is_meant`.
fn read_of(operator: &OperatorParts, is_meant: impl Fn(&RowsRead) -> bool) -> Option<usize> {
    let OperatorOrigin::Tile { reads, .. } = &operator.origin else { return None };
    reads.iter().position(|read| read.as_ref().is_some_and(&is_meant))
}

/// Changes a read of a tile; returns the untiled tensor that it reads.
fn change_read(
    parts: &mut TiledParts<'_>,
    draws: &mut Draws,
    is_meant: impl Fn(&RowsRead) -> bool,
    change: impl Fn(&mut RowsRead),
) -> Option<TensorId> {
    let (at, position) = parts.draw(draws, |operator| read_of(operator, &is_meant))?;
    let (old, _) = tile_of(&parts.operators[at])?;
    change(tile(&mut parts.operators[at].origin).1[position].as_mut()?);
    Some(parts.graph.operator(old).inputs()[position])
}

/// The rows of an untiled tensor that a tile or a carry needs.
fn needs(parts: &TiledParts<'_>, operator: &OperatorParts, tensor: TensorId) -> Vec<Range<u64>> {
    match &operator.origin {
        OperatorOrigin::Tile { operator, reads, .. } => {
            let inputs = parts.graph.operator(*operator).inputs().iter().zip(reads);
            let of_tensor = inputs.filter(|(other, _)| **other == tensor);
            of_tensor.filter_map(|(_, read)| Some(read.as_ref()?.rows.clone())).collect()
        }
        OperatorOrigin::Carry { tensor: other, rows, .. } if *other == tensor => vec![rows.clone()],
        _ => Vec::new(),
    }
}

/// An input part of a tile or a carry, and a row of it that the operator needs.
fn needed_input(parts: &TiledParts<'_>, operator: &OperatorParts) -> Option<(TensorId, u64)> {
    operator.inputs.iter().find_map(|&input| {
        let held = parts.rows(input)?;
        let row = needs(parts, operator, parts.of(input)).into_iter().find_map(|rows| {
            let (start, end) = (rows.start.max(held.start), rows.end.min(held.end));
            (start < end).then_some(start)
        })?;
        Some((input, row))
    })
}

fn is_carry(operator: &OperatorParts) -> bool {
    matches!(operator.origin, OperatorOrigin::Carry { .. })
}

/// A change that makes a tiled graph wrong. It returns the untiled tensor that the reason must name; none if
/// the graph has no place for it.
type Change = fn(&mut TiledParts<'_>, &mut Draws) -> Option<TensorId>;

const CHANGES: [(&str, &[Rule], Change); 19] = [
    ("a tile that states rows one further", &[Rule::TileWrite], |parts, draws| {
        let graph = parts.graph;
        let (at, output) = parts.draw(draws, |operator| {
            let (old, rows) = tile_of(operator)?;
            let output = graph.operator(old).outputs()[0];
            (rows.end < graph.tensor(output).shape()?[1]).then_some(output)
        })?;
        let rows = tile(&mut parts.operators[at].origin).0;
        *rows = rows.start + 1..rows.end + 1;
        Some(output)
    }),
    ("a part that is labelled one row off", &[Rule::TileWrite], |parts, draws| {
        let (at, rows) = parts.draw(draws, |operator| {
            tile_of(operator)?;
            parts.rows(operator.outputs[0]).filter(|rows| rows.start > 0)
        })?;
        let output = parts.operators[at].outputs[0];
        parts.tensors[output.index()].1.rows = Some(rows.start - 1..rows.end - 1);
        Some(parts.of(output))
    }),
    ("a part that is labelled as another tensor", &[Rule::TileWrite, Rule::TilePlace], |parts, draws| {
        let (at, (old, _)) = parts.draw(draws, |operator| {
            tile_of(operator).filter(|_| parts.rows(operator.outputs[0]).is_some())
        })?;
        let output = parts.graph.operator(old).outputs()[0];
        let is_alike = |&id: &TensorId| {
            id != output && parts.graph.tensor(id).shape() == parts.graph.tensor(output).shape()
        };
        let other = parts.graph.tensor_ids().find(is_alike)?;
        let id = parts.operators[at].outputs[0];
        parts.tensors[id.index()].1.tensor = other;
        Some(output)
    }),
    ("a read one row off", &[Rule::TileRead], |parts, draws| {
        let shift = |read: &mut RowsRead| read.rows = read.rows.start + 1..read.rows.end + 1;
        change_read(parts, draws, |read| !read.rows.is_empty(), shift)
    }),
    ("a read one row too long", &[Rule::TileRead], |parts, draws| {
        change_read(parts, draws, |read| read.rows.start > 0, |read| read.rows.start -= 1)
    }),
    ("padding that is none", &[Rule::TileRead], |parts, draws| {
        change_read(parts, draws, |_| true, |read| read.before += 1)
    }),
    ("padding left out", &[Rule::TileRead], |parts, draws| {
        change_read(parts, draws, |read| read.after > 0, |read| read.after -= 1)
    }),
    ("a row spoilt by padding", &[Rule::TileRead], |parts, draws| {
        // A stripe that pads where the rows of the stripe before are.
        change_read(
            parts,
            draws,
            |read| read.rows.start > 0 && !read.rows.is_empty(),
            |read| {
                read.rows.start += 1;
                read.before += 1;
            },
        )
    }),
    ("a tile that reads rows of another stripe", &[Rule::TileRead], |parts, draws| {
        let (at, (input, row)) =
            parts.draw(draws, |operator| needed_input(parts, operator).filter(|_| !is_carry(operator)))?;
        let other = parts.other_part(input, row, at)?;
        parts.replace_input(at, input, Some(other));
        Some(parts.of(input))
    }),
    ("a tile that lacks rows", &[Rule::TileRead], |parts, draws| {
        let (at, (input, _)) =
            parts.draw(draws, |operator| needed_input(parts, operator).filter(|_| !is_carry(operator)))?;
        parts.replace_input(at, input, None);
        Some(parts.of(input))
    }),
    ("a halo one row short", &[Rule::TileRead, Rule::TileCarry, Rule::TilePlace], |parts, draws| {
        let (at, rows) = parts.draw(draws, |operator| {
            let (_, rows) = tile_of(operator)?;
            let are_parts = operator.outputs.iter().all(|&id| parts.rows(id).is_some());
            (are_parts && rows.end - rows.start > 1).then_some(rows)
        })?;
        parts.set_tile(at, rows.start..rows.end - 1);
        Some(parts.of(parts.operators[at].outputs[0]))
    }),
    ("a row computed twice", &[Rule::TilePlace], |parts, draws| {
        let (at, part) = parts.draw(draws, |operator| {
            let OperatorOrigin::Join { .. } = operator.origin else { return None };
            let end =
                |id: &TensorId| parts.rows(*id).is_some_and(|rows| rows.end < parts.count(parts.of(*id)));
            operator.inputs.iter().copied().find(end).filter(|_| operator.inputs.len() > 1)
        })?;
        let producer = parts.operators[..at].iter().position(|operator| operator.outputs == [part])?;
        let (_, rows) = tile_of(&parts.operators[producer])?;
        parts.set_tile(producer, rows.start..rows.end + 1);
        Some(parts.of(part))
    }),
    ("a join that lacks rows", &[Rule::TilePlace], |parts, draws| {
        let (at, part) = parts.draw(draws, |operator| {
            let is_join = matches!(operator.origin, OperatorOrigin::Join { .. });
            operator.inputs.last().copied().filter(|_| is_join && operator.inputs.len() > 1)
        })?;
        parts.replace_input(at, part, None);
        Some(parts.of(part))
    }),
    ("a carried row that is too old", &[Rule::TileRead, Rule::TileCarry], |parts, draws| {
        let (at, output) = parts.draw(draws, |operator| {
            let OperatorOrigin::Carry { tensor, rows, .. } = &operator.origin else { return None };
            let output = operator.outputs[0];
            let reads_last = |reader: &OperatorParts| {
                let reads = needs(parts, reader, *tensor);
                reader.inputs.contains(&output) && reads.iter().any(|read| read.contains(&(rows.end - 1)))
            };
            (rows.start > 0 && parts.operators.iter().any(reads_last)).then_some(output)
        })?;
        let OperatorOrigin::Carry { rows, .. } = &mut parts.operators[at].origin else { return None };
        *rows = rows.start - 1..rows.end - 1;
        parts.tensors[output.index()].1.rows = Some(rows.clone());
        Some(parts.of(output))
    }),
    ("a carry from another stripe", &[Rule::TileCarry], |parts, draws| {
        let (at, (input, row)) =
            parts.draw(draws, |operator| needed_input(parts, operator).filter(|_| is_carry(operator)))?;
        let other = parts.other_part(input, row, at)?;
        parts.replace_input(at, input, Some(other));
        Some(parts.of(input))
    }),
    ("rows along another axis", &[Rule::TileLabel, Rule::TilePlace], |parts, draws| {
        let (at, tensor) = parts.draw(draws, |operator| match operator.origin {
            OperatorOrigin::Split { tensor, .. } | OperatorOrigin::Carry { tensor, .. } => Some(tensor),
            OperatorOrigin::Join { tensor, .. } if parts.graph.tensor(tensor).shape()?[2] > 1 => Some(tensor),
            _ => None,
        })?;
        let (OperatorOrigin::Split { axis, .. }
        | OperatorOrigin::Carry { axis, .. }
        | OperatorOrigin::Join { axis, .. }) = &mut parts.operators[at].origin
        else {
            return None;
        };
        *axis = 2;
        Some(tensor)
    }),
    ("a part at the wrong place", &[Rule::TilePlace], |parts, draws| {
        // Other distances matter only to tiles that read across them.
        let is_named = |placement: &RelativePlacement| {
            let names = |operator: &OperatorParts| match operator.origin {
                OperatorOrigin::Join { .. } => {
                    operator.outputs == [placement.of] && operator.inputs.contains(&placement.tensor)
                }
                OperatorOrigin::Split { .. } => operator.outputs.contains(&placement.tensor),
                _ => false,
            };
            parts.operators.iter().any(names)
        };
        let named: Vec<usize> =
            (0..parts.placements.len()).filter(|&at| is_named(&parts.placements[at])).collect();
        let at = *named.get(draws.below(named.len().max(1) as u64) as usize)?;
        parts.placements[at].at += 1;
        Some(parts.of(parts.placements[at].tensor))
    }),
    ("a permission to overwrite that nothing gives", &[Rule::TilePermit], |parts, draws| {
        let graph = parts.graph;
        let (at, input) = parts.draw(draws, |operator| {
            let (old, _) = tile_of(operator)?;
            let is_given = graph.operator(old).permits().iter().next().is_some();
            operator.inputs.first().copied().filter(|_| !is_given)
        })?;
        let output = parts.operators[at].outputs[0];
        parts.operators[at].permits.push(Permit::InPlace { input, output });
        Some(parts.of(input))
    }),
    ("a view at the wrong place", &[Rule::TilePermit], |parts, draws| {
        let is_split = |operator: &OperatorParts| matches!(operator.origin, OperatorOrigin::Split { .. });
        let (at, ()) = parts.draw(draws, |operator| is_split(operator).then_some(()))?;
        let view = parts.operators[at]
            .permits
            .iter_mut()
            .find(|permit| matches!(permit, Permit::View { at: 1.., .. }))?;
        let Permit::View { at, output, .. } = view else { return None };
        *at -= 1;
        let output = *output;
        Some(parts.of(output))
    }),
];

/// Number of graphs on which each change is tried until it has been refused [`REFUSALS`] times.
const GRAPHS: u64 = 400;
const REFUSALS: usize = 5;

#[test]
fn wrong_tilings_are_refused_by_their_rule_and_name_tensor_and_rows() {
    for (number, (change, rules, edit)) in CHANGES.iter().enumerate() {
        let mut refused = 0;
        for seed in 0..GRAPHS {
            let mut draws = Draws::new(seed * 64 + number as u64);
            let graph = random_graph(&mut draws, true);
            let tiling = random_tiling(&graph, &mut draws);
            let mut parts = TiledParts::new(&graph, apply(&graph, &tiling).unwrap());
            let Some(tensor) = edit(&mut parts, &mut draws) else { continue };
            let Some(wrong) = parts.build() else { continue };
            refuse(&graph, &wrong, rules, tensor, &format!("{change}, seed {seed}"));
            refused += 1;
            if refused == REFUSALS {
                break;
            }
        }
        assert_eq!(refused, REFUSALS, "{change}");
    }
}

/// Asserts that a tiled graph is refused by one of these rules, with a reason that names the tensor and rows.
fn refuse(graph: &Graph, wrong: &TiledGraph, rules: &[Rule], tensor: TensorId, change: &str) {
    let violations = verify_tiling(graph, wrong).expect_err(change);
    let name = format!("`{}`", graph.tensor(tensor).name());
    let is_told = violations.list().iter().any(|violation| {
        let reason = violation.to_string();
        rules.contains(&violation.rule()) && reason.contains(&name) && reason.contains("row")
    });
    assert!(is_told, "{change}: tensor {name}, {violations}");
}

/// A convolution that can be split along rows and along columns.
fn two_axes() -> (Graph, Tiling) {
    let mut net = Graph::builder("two axes");
    let spec = || TensorSpec::shaped(ElementType::Int8, [1, 6, 6]);
    let (x, y) = (net.input("x", spec()), net.tensor("y", spec()));
    let axis = |at: usize| TileAxis::new([at], [Some((at, RowMap::window(3, 1, 1, 1)))]);
    let conv = net.operator("conv").reads([x]).writes([y]).access(AccessMap::new(9, [axis(1), axis(2)])).id();
    net.output(y);
    let graph = net.build().unwrap();
    let tiles = |rows: Range<u64>| vec![Tile { computed: rows, carried: 0 }];
    let region = Region { operators: vec![conv], axes: vec![0], stripes: vec![tiles(0..3), tiles(3..6)] };
    (graph, Tiling { order: vec![conv], regions: vec![region] })
}

#[test]
fn tiles_along_another_axis_are_refused() {
    let (graph, tiling) = two_axes();
    for stripe in 0..2 {
        let mut tiled = apply(&graph, &tiling).unwrap();
        let of_stripe = |origin: &&mut OperatorOrigin| matches!(origin, OperatorOrigin::Tile { stripe: number, .. } if *number == stripe);
        let Some(OperatorOrigin::Tile { axis, .. }) = tiled.operators.iter_mut().find(of_stripe) else {
            panic!("the stripe has a tile")
        };
        *axis = 1;
        refuse(&graph, &tiled, &[Rule::TileLabel], TensorId::new(1), "columns instead of rows");
        let wrong = |origin: &mut OperatorOrigin| {
            if let OperatorOrigin::Tile { axis, .. } = origin {
                *axis = 2;
            }
        };
        tiled.operators.iter_mut().for_each(wrong);
        refuse(&graph, &tiled, &[Rule::TileLabel], TensorId::new(1), "an axis that does not exist");
    }
}
