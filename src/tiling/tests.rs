//! Tiled graphs run on bytes at their planned offsets and compute what the untiled graph computes.

mod brute_force;
mod placed;
mod wrong;

use std::collections::BTreeMap;

use super::apply::apply;
use super::ordered_graph::{AxisChoice, OrderedGraph};
use super::region::{Region, Tiling};
use super::rows::{Cut, Tiles};
use super::segment::TilingSegment;
use super::tiled_graph::{OperatorOrigin, TiledGraph};
use crate::graph::{AccessMap, ElementType, Graph, Outside, RowMap, TensorSpec, TileAxis};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::random::Random;
use crate::verify::verify_tiling;
use crate::{Occupant, Plan, Planner};

/// Deterministic random numbers.
pub(crate) struct Draws(Random);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound as usize) as u64
    }
}

/// A map with random numbers: windows, transposed windows, shifts and interpolation.
fn random_map(draws: &mut Draws) -> RowMap {
    let small = |draws: &mut Draws, bound| draws.below(bound) as u32;
    match draws.below(8) {
        0..3 => {
            let (kernel, stride) = (1 + small(draws, 4), 1 + small(draws, 3));
            RowMap::window(kernel, stride, 1 + small(draws, 2), small(draws, 3))
        }
        3..5 => RowMap::SAME,
        5 => RowMap::transposed(1 + small(draws, 4), 1 + small(draws, 3), 1, small(draws, 3)),
        6 => RowMap::shifted(draws.below(5).cast_signed() - 2),
        _ => RowMap::new(
            1 + small(draws, 3),
            2,
            -(draws.below(3).cast_signed()),
            draws.below(3).cast_signed(),
            Outside::Edge,
        ),
    }
}

/// A graph whose operators read by random maps. Tensors have one byte in each column.
pub(crate) fn random_graph(draws: &mut Draws, permits: bool) -> Graph {
    let mut net = Graph::builder("random");
    let shaped = |rows: u64, width: u64| TensorSpec::shaped(ElementType::Int8, [1, rows, width]);
    let mut tensors: Vec<(TensorId, u64, u64)> = Vec::new();
    for input in 0..=draws.below(2) {
        let (rows, width) = (1 + draws.below(12), 1 + draws.below(4));
        let id = net.input(format!("in{input}"), shaped(rows, width));
        if draws.below(2) == 0 {
            net.overwritable(id);
        }
        tensors.push((id, rows, width));
    }
    for operator in 0..=draws.below(7) {
        let count = 1 + draws.below(2);
        let first = tensors.len();
        let (mut reads, mut maps) = (Vec::new(), Vec::new());
        let recent = |draws: &mut Draws| first - 1 - draws.below((first as u64).min(3)) as usize;
        for _ in 0..count {
            reads.push(tensors[recent(draws)]);
            let map = (draws.below(10) > 0).then(|| (1, random_map(draws)));
            maps.push(map);
        }
        let (_, in_rows, in_width) = reads[0];
        let is_same = maps[0] == Some((1, RowMap::SAME));
        let rows = if is_same { in_rows } else { 1 + draws.below(12) };
        let width = if is_same { in_width } else { 1 + draws.below(4) };
        let outputs = if draws.below(6) == 0 { 2 } else { 1 };
        let mut written = Vec::new();
        for output in 0..outputs {
            let id = net.tensor(format!("t{operator}_{output}"), shaped(rows, width));
            written.push(id);
            tensors.push((id, rows, width));
        }
        let axis = TileAxis::new(vec![1; outputs], maps.clone());
        let mut added = net.operator(format!("op{operator}"));
        added = added.reads(reads.iter().map(|read| read.0)).writes(written.iter().copied());
        // Without an access map, the operator reads all rows for each row, so it is not in place.
        let is_split = draws.below(12) > 0;
        if is_split {
            added = added.access(AccessMap::new(1 + draws.below(5), [axis]));
        }
        let others = reads[1..].iter().any(|other| other.0 == reads[0].0);
        if permits && is_same && is_split && !others && draws.below(2) == 0 {
            let _ = added.in_place(reads[0].0, written[0]);
        }
    }
    let outputs = tensors.len() as u64;
    for _ in 0..=draws.below(2) {
        let (id, ..) = tensors[draws.below(outputs) as usize];
        net.output(id);
    }
    net.output(tensors[outputs as usize - 1].0);
    net.build().expect("the graph is valid")
}

/// A random tiling of a graph in its program order.
pub(crate) fn random_tiling(graph: &Graph, draws: &mut Draws) -> Tiling {
    let net = OrderedGraph::new(graph, graph.program_order(), AxisChoice::Agreeing);
    let count = net.order.len() as u64;
    let mut tiling = Tiling { order: net.order.clone(), regions: Vec::new() };
    let mut start = draws.below(2);
    while start < count {
        let end = (start + 1 + draws.below(5)).min(count);
        let segment = TilingSegment::new(&net, start as u32..end as u32);
        let Some(segment) = segment else {
            start += 1;
            continue;
        };
        tiling.regions.push(random_region(&net, &segment, draws));
        start = end + draws.below(2);
    }
    tiling
}

fn random_region(net: &OrderedGraph<'_>, segment: &TilingSegment, draws: &mut Draws) -> Region {
    // Half of the regions begin with stripes in which no exit has rows.
    let total = segment.exit_rows.cast_signed() * 2;
    let first = if draws.below(2) == 0 { 1 } else { 1 - draws.below(40).cast_signed() };
    let mut ends: Vec<i64> = (first..total).filter(|_| draws.below(6) == 0).collect();
    ends.push(total);
    let carried = segment.operators.iter().map(|_| draws.below(2) == 0).collect();
    let tiles = Tiles::new(segment, &Cut { ends, total, carried });
    let range = segment.span.start as usize..segment.span.end as usize;
    Region {
        operators: net.order[range.clone()].to_vec(),
        axes: net.operators[range].iter().map(|operator| operator.axis.unwrap()).collect(),
        stripes: tiles.stripes().map(<[_]>::to_vec).collect(),
    }
}

type Rows = Vec<Vec<u8>>;

/// The bytes of a row: a hash of the rows read, padding rows included, one after the other.
fn row(operator: OperatorId, output: usize, read: &[Vec<Option<&[u8]>>], width: usize) -> Vec<u8> {
    let mut state = 0xcbf2_9ce4_8422_2325_u64 ^ (operator.index() as u64) << 8 ^ output as u64;
    let mut mix = |byte: u64| state = (state ^ byte).wrapping_mul(0x0100_0000_01b3);
    for rows in read {
        mix(300);
        for row in rows {
            match row {
                None => mix(301),
                Some(row) => row.iter().for_each(|&byte| mix(u64::from(byte))),
            }
        }
    }
    (0..width).map(|column| (state >> (8 * (column % 7))) as u8 ^ column as u8).collect()
}

fn shape(graph: &Graph, id: TensorId) -> (u64, usize) {
    let shape = graph.tensor(id).shape().unwrap();
    (shape[1], shape[2] as usize)
}

fn input_rows(graph: &Graph, id: TensorId) -> Rows {
    let (rows, width) = shape(graph, id);
    let byte = |row: u64, column: usize| (id.index() as u64 * 89 + row * 31 + column as u64 * 7 + 1) as u8;
    (0..rows).map(|row| (0..width).map(|column| byte(row, column)).collect()).collect()
}

/// The rows that one output row reads, as an independent reading of the map: by its formula.
fn rows_of(map: Option<RowMap>, at: u64, count: u64) -> Vec<Option<u64>> {
    let Some(map) = map else { return (0..count).map(Some).collect() };
    let (numerator, denominator, first, last) = map.numbers();
    let floor =
        |term: i64| (at.cast_signed() * i64::from(numerator) + term).div_euclid(i64::from(denominator));
    (floor(first)..=floor(last))
        .map(|row| match map.outside() {
            Outside::Edge => Some(row.clamp(0, count.cast_signed() - 1).cast_unsigned()),
            Outside::Padding => (0..count.cast_signed()).contains(&row).then_some(row.cast_unsigned()),
        })
        .collect()
}

fn maps_of(graph: &Graph, id: OperatorId) -> Vec<Option<RowMap>> {
    let node = graph.operator(id);
    let axis = node.access().map(|access| &access.axes()[0]);
    let map = |at: usize| axis.and_then(|axis| axis.inputs()[at]).map(|(_, map)| map);
    (0..node.inputs().len()).map(map).collect()
}

/// The rows of all tensors of the untiled graph.
fn run_untiled(graph: &Graph) -> BTreeMap<TensorId, Rows> {
    let mut values: BTreeMap<TensorId, Rows> = BTreeMap::new();
    for id in graph.tensor_ids().filter(|id| graph.tensor(*id).producer().is_none()) {
        values.insert(id, input_rows(graph, id));
    }
    for &id in graph.program_order() {
        let node = graph.operator(id);
        let maps = maps_of(graph, id);
        for (number, &output) in node.outputs().iter().enumerate() {
            let (rows, width) = shape(graph, output);
            let one = |at: u64| {
                let read = node.inputs().iter().zip(&maps).map(|(input, map)| {
                    let all = &values[input];
                    let rows = rows_of(*map, at, all.len() as u64);
                    rows.into_iter().map(|row| row.map(|row| all[row as usize].as_slice())).collect()
                });
                row(id, number, &read.collect::<Vec<_>>(), width)
            };
            let rows = (0..rows).map(one).collect();
            values.insert(output, rows);
        }
    }
    values
}

/// Runs a planned tiled graph on the bytes of its arena and compares the graph outputs.
fn run_tiled(graph: &Graph, tiled: &TiledGraph, plan: &Plan) -> BTreeMap<TensorId, Rows> {
    let mut arena = vec![0u8; plan.arena_bytes as usize];
    let mut offsets = BTreeMap::new();
    for (occupant, placement) in plan.placements() {
        if let Occupant::Tensor(id) = occupant {
            offsets.insert(id, placement.offset as usize);
        }
    }
    for (&id, &offset) in &offsets {
        if tiled.graph.tensor(id).producer().is_none() {
            let bytes = input_rows(graph, tiled.tensors[id.index()].tensor).concat();
            arena[offset..offset + bytes.len()].copy_from_slice(&bytes);
        }
    }
    for &id in &plan.order {
        run_operator(graph, tiled, id, &offsets, &mut arena);
    }
    let outputs = graph.tensor_ids().filter(|id| graph.tensor(*id).is_output());
    outputs
        .map(|id| {
            let new =
                tiled.tensors.iter().position(|origin| origin.tensor == id && origin.rows.is_none()).unwrap();
            let (rows, width) = shape(graph, id);
            let offset = offsets[&TensorId::new(new)];
            let rows =
                (0..rows as usize).map(|row| arena[offset + row * width..][..width].to_vec()).collect();
            (id, rows)
        })
        .collect()
}

/// Address of a row of an untiled tensor, from the inputs of an operator of the tiled graph.
fn address(
    graph: &Graph,
    tiled: &TiledGraph,
    ids: &[TensorId],
    offsets: &BTreeMap<TensorId, usize>,
    tensor: TensorId,
    row: u64,
) -> usize {
    let width = shape(graph, tensor).1;
    let holder = ids.iter().find(|id| {
        let origin = &tiled.tensors[id.index()];
        origin.tensor == tensor && origin.rows.as_ref().is_none_or(|rows| rows.contains(&row))
    });
    let id = holder.unwrap_or_else(|| panic!("row {row} of tensor {tensor} is not among the inputs"));
    let start = tiled.tensors[id.index()].rows.as_ref().map_or(0, |rows| rows.start);
    offsets[id] + (row - start) as usize * width
}

fn run_operator(
    graph: &Graph,
    tiled: &TiledGraph,
    id: OperatorId,
    offsets: &BTreeMap<TensorId, usize>,
    arena: &mut [u8],
) {
    let new = tiled.graph.operator(id);
    let (old, rows, reads) = match &tiled.operators[id.index()] {
        OperatorOrigin::Whole(old) => (*old, None, Vec::new()),
        OperatorOrigin::Tile { operator, rows, reads, .. } => (*operator, Some(rows.clone()), reads.clone()),
        OperatorOrigin::Split { .. } | OperatorOrigin::Join { .. } => return,
        OperatorOrigin::Carry { tensor, rows, .. } => {
            let width = shape(graph, *tensor).1;
            for row in rows.clone() {
                let from = address(graph, tiled, new.inputs(), offsets, *tensor, row);
                let to = offsets[&new.outputs()[0]] + (row - rows.start) as usize * width;
                arena.copy_within(from..from + width, to);
            }
            return;
        }
    };
    let node = graph.operator(old);
    let maps = maps_of(graph, old);
    let rows = rows.unwrap_or(0..shape(graph, node.outputs()[0]).0);
    for at in rows.clone() {
        let mut read = Vec::new();
        for (position, (&input, map)) in node.inputs().iter().zip(&maps).enumerate() {
            let (count, width) = shape(graph, input);
            let needed = rows_of(*map, at, count);
            if let Some(Some(stated)) = reads.get(position) {
                assert!(needed.iter().flatten().all(|row| stated.rows.contains(row)));
            }
            let bytes = |row: Option<u64>| {
                row.map(|row| {
                    let from = address(graph, tiled, new.inputs(), offsets, input, row);
                    arena[from..from + width].to_vec()
                })
            };
            read.push(needed.into_iter().map(bytes).collect::<Vec<_>>());
        }
        let borrowed: Vec<Vec<Option<&[u8]>>> =
            read.iter().map(|rows| rows.iter().map(|row| row.as_deref()).collect()).collect();
        for (number, &output) in node.outputs().iter().enumerate() {
            let width = shape(graph, output).1;
            let value = row(old, number, &borrowed, width);
            let to = offsets[&new.outputs()[number]] + (at - rows.start) as usize * width;
            arena[to..to + width].copy_from_slice(&value);
        }
    }
}

#[test]
fn random_tilings_compute_the_same() {
    let count: u64 =
        std::env::var("PLIMSOLL_TILINGS").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    let (mut regions, mut carried, mut smaller) = (0, 0, 0);
    for seed in 0..count {
        let mut draws = Draws::new(seed);
        let graph = random_graph(&mut draws, true);
        let tiling = random_tiling(&graph, &mut draws);
        let tiled = apply(&graph, &tiling).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        verify_tiling(&graph, &tiled).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let level = [crate::SharingLevel::None, crate::SharingLevel::Views, crate::SharingLevel::All]
            [seed as usize % 3];
        let planner = Planner::new().alignment(1).share(level).order(crate::ScheduleMode::Program);
        let planner = planner.effort(crate::Effort::Quick);
        let plan = planner.plan(&tiled.graph).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let untiled = planner.plan(&graph).unwrap();
        let expected = run_untiled(&graph);
        for (id, rows) in run_tiled(&graph, &tiled, &plan) {
            assert_eq!(rows, expected[&id], "seed {seed}, tensor {id}");
        }
        regions += tiling.regions.len();
        carried +=
            tiled.operators.iter().filter(|origin| matches!(origin, OperatorOrigin::Carry { .. })).count();
        smaller += usize::from(plan.arena_bytes < untiled.arena_bytes);
    }
    let least = [regions as u64 / 2, 2 * carried as u64, 20 * smaller as u64];
    assert!(least.iter().all(|&seen| seen > count / 8), "{least:?} of {count}");
}

/// A change of one number of a tiling that makes it wrong; none if the drawn place has no such number.
fn spoil(tiling: &mut Tiling, graph: &Graph, draws: &mut Draws) -> Option<&'static str> {
    let count = tiling.regions.len() as u64;
    let region = &mut tiling.regions[draws.below(count.max(1)) as usize];
    let (stripes, operators) = (region.stripes.len() as u64, region.operators.len() as u64);
    let (stripe, operator) = (draws.below(stripes) as usize, draws.below(operators) as usize);
    let rows = graph.operator(region.operators[operator]).outputs()[0];
    let rows = shape(graph, rows).0;
    let tile = &mut region.stripes[stripe][operator];
    if tile.computed.is_empty() {
        return None;
    }
    match draws.below(4) {
        0 => {
            tile.computed.end -= 1;
            Some("a row less at the end")
        }
        1 => {
            tile.computed.start += 1;
            Some("a row less at the start")
        }
        2 if tile.computed.end == rows => {
            tile.computed.end += 1;
            Some("a row beyond the tensor")
        }
        3 => {
            tile.carried += 1;
            // The stripe before may hold a further row, but no stripe precedes the first one.
            Some(if stripe == 0 { "a row carried into the first stripe" } else { "a further row carried" })
        }
        _ => None,
    }
}

#[test]
fn wrong_tilings_are_refused() {
    let mut refused = 0;
    for seed in 0..400 {
        let mut draws = Draws::new(seed);
        let graph = random_graph(&mut draws, true);
        let mut tiling = random_tiling(&graph, &mut draws);
        if tiling.regions.is_empty() {
            continue;
        }
        let Some(change) = spoil(&mut tiling, &graph, &mut draws) else { continue };
        let wrong = match apply(&graph, &tiling) {
            Err(error) => Some(error.to_string()),
            Ok(tiled) => verify_tiling(&graph, &tiled).err().map(|wrong| wrong.to_string()),
        };
        // A row may be one that nothing reads.
        refused += usize::from(wrong.is_some());
        let must = change.starts_with("a row beyond") || change.starts_with("a row carried into");
        assert!(!must || wrong.is_some(), "seed {seed}: {change}");
    }
    assert!(refused >= 60, "{refused} refused");
}

/// A change of a tiled graph's labels or reads; none if the drawn operator has none.
fn spoil_origin(tiled: &mut TiledGraph, draws: &mut Draws) -> Option<&'static str> {
    let at = draws.below(tiled.operators.len() as u64) as usize;
    match &mut tiled.operators[at] {
        OperatorOrigin::Tile { rows, reads, .. } => match draws.below(4) {
            0 => {
                rows.end += 1;
                Some("a tile that states a row more")
            }
            1 => {
                let read = reads.iter_mut().flatten().next()?;
                read.before += 1;
                Some("padding that is none")
            }
            2 => {
                let read = reads.iter_mut().flatten().next()?;
                read.rows = read.rows.start + 1..read.rows.end + 1;
                Some("rows that are one off")
            }
            _ => {
                let output = tiled.graph.operator(OperatorId::new(at)).outputs()[0];
                let rows = tiled.tensors[output.index()].rows.as_mut()?;
                *rows = rows.start + 1..rows.end + 1;
                Some("a label that is one row off")
            }
        },
        OperatorOrigin::Carry { rows, .. } => {
            *rows = rows.start.checked_sub(1)?..rows.end - 1;
            Some("a carried row that is too old")
        }
        OperatorOrigin::Join { tensor, .. } | OperatorOrigin::Split { tensor, .. } => {
            *tensor = TensorId::new(tensor.index() ^ 1);
            Some("parts of another tensor")
        }
        OperatorOrigin::Whole(id) => {
            *id = OperatorId::new(id.index() ^ 1);
            Some("another operator")
        }
    }
}

#[test]
fn wrong_origins_are_refused() {
    let mut kinds = BTreeMap::new();
    for seed in 0..400 {
        let mut draws = Draws::new(seed);
        let graph = random_graph(&mut draws, true);
        let tiling = random_tiling(&graph, &mut draws);
        let mut tiled = apply(&graph, &tiling).unwrap();
        if let Some(change) = spoil_origin(&mut tiled, &mut draws) {
            assert!(verify_tiling(&graph, &tiled).is_err(), "seed {seed}: {change}");
            *kinds.entry(change).or_insert(0) += 1;
        }
    }
    assert!(kinds.len() >= 7, "{kinds:?}");
}
