//! The steps that a compiler generates for a tiled plan: which rows each operator computes and reads, with which
//! padding, and at which addresses.
//!
//! `cargo run --example tiled`

use plimsoll::ElementType::Int8;
use plimsoll::tiling::{OperatorOrigin, TilingGoal};
use plimsoll::verify::verify_tiled_plan;
use plimsoll::{
    AccessMap, Graph, OperatorId, Planner, RowMap, SharingLevel, TensorSpec, TileAxis, TiledPlan,
};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = network()?;
    let planner = Planner::new().alignment(1).share(SharingLevel::All);
    let untiled = planner.plan(&graph)?;
    let tiled = planner.tile(&graph, &untiled, &TilingGoal::least_memory())?.ok_or("tiling helps")?;
    verify_tiled_plan(&graph, &tiled)?;
    println!("arena {} bytes, {} with tiling", untiled.arena_bytes, tiled.plan.arena_bytes);
    assert!(tiled.plan.arena_bytes * 2 < untiled.arena_bytes);
    for &id in &tiled.plan.order {
        println!("{}", step(&graph, &tiled, id));
    }
    Ok(())
}

/// Two convolutions with a large tensor between them.
fn network() -> Result<Graph, plimsoll::Error> {
    let mut net = Graph::builder("two convolutions");
    let shape = |channels| TensorSpec::shaped(Int8, [1, 8, 8, channels]);
    let (x, y) = (net.input("x", shape(4)), net.tensor("y", shape(4)));
    let middle = net.tensor("middle", shape(32));
    // 3 rows by 3 columns, one row of padding on each side.
    let rows = || TileAxis::new([1], [Some((1, RowMap::window(3, 1, 1, 1)))]);
    net.operator("expand").reads([x]).writes([middle]).access(AccessMap::new(9 * 4, [rows()]));
    net.operator("reduce").reads([middle]).writes([y]).access(AccessMap::new(9 * 32, [rows()]));
    net.output(y);
    net.build()
}

/// The call that a compiler generates for an operator of the tiled graph.
fn step(graph: &Graph, tiled: &TiledPlan, id: OperatorId) -> String {
    let node = tiled.tiled.graph.operator(id);
    let address = |tensor| tiled.plan.offset(tensor).unwrap_or(0);
    match &tiled.tiled.operators[id.index()] {
        OperatorOrigin::Whole(operator) => format!("{}: all rows", graph.operator(*operator).name()),
        OperatorOrigin::Tile { operator, stripe, rows, reads, .. } => {
            // Parts that a tile reads follow each other in memory, so the address of the first row is enough.
            let read = reads[0].as_ref();
            let Some(read) = read else { return format!("{}: reads all of its input", node.name()) };
            let holds_first = |input: &&plimsoll::TensorId| {
                tiled.tiled.tensors[input.index()]
                    .rows
                    .as_ref()
                    .is_none_or(|part| part.contains(&read.rows.start))
            };
            let input = node.inputs().iter().find(holds_first).copied();
            format!(
                "{}: stripe {stripe}, rows {}..{} to {}, from rows {}..{} at {}, padding {} and {}",
                graph.operator(*operator).name(),
                rows.start,
                rows.end,
                address(node.outputs()[0]),
                read.rows.start,
                read.rows.end,
                input.map_or(0, address),
                read.before,
                read.after
            )
        }
        OperatorOrigin::Carry { rows, .. } => {
            format!("move rows {}..{} to {}", rows.start, rows.end, address(node.outputs()[0]))
        }
        _ => format!("nothing to run for `{}`", node.name()),
    }
}
