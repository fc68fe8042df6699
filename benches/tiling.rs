//! CPU time of tiling a network of 20 000 operators, of which 5 000 can be split: towers of convolutions, with operators
//! on small tensors between them that run as a whole.
//!
//! `cargo bench --bench tiling`. Extra cost is limited to 5 %.

use cpu_time::ProcessTime;
use plimsoll::ElementType::Int8;
use plimsoll::tiling::TilingGoal;
use plimsoll::{
    AccessMap, Graph, GraphBuilder, Planner, RowMap, SharingLevel, TensorId, TensorSpec, TileAxis,
};

/// Number of towers, of convolutions in a tower, and of other operators behind it.
const SHAPES: [(usize, usize, usize); 3] = [(625, 8, 24), (50, 100, 300), (1, 5_000, 15_000)];
/// Rows and columns of images.
const SIDE: u64 = 64;

fn main() {
    for (towers, convolutions, others) in SHAPES {
        let graph = network(towers, convolutions, others);
        let planner = Planner::new().alignment(1).share(SharingLevel::All);
        let start = ProcessTime::now();
        let untiled = planner.plan(&graph).expect("the graph has a plan");
        let plan_time = start.elapsed();
        let goal = TilingGoal::least_memory().max_extra_ppm(50_000);
        let start = ProcessTime::now();
        let tiled = planner.tile(&graph, &untiled, &goal).expect("the graph has a plan");
        let arena = tiled.map_or(untiled.arena_bytes, |tiled| tiled.plan.arena_bytes);
        println!(
            "{towers:>4} towers of {convolutions:>5}: plan {:>6.2} s, tile {:>6.2} s, arena {} -> {arena}",
            plan_time.as_secs_f64(),
            start.elapsed().as_secs_f64(),
            untiled.arena_bytes
        );
    }
}

fn network(towers: usize, convolutions: usize, others: usize) -> Graph {
    let mut net = Graph::builder("towers");
    let mut image = net.input("image", image_of(8));
    for tower in 0..towers {
        for at in 0..convolutions {
            image = convolution(&mut net, image, if at % 2 == 0 { 8 } else { 32 });
        }
        let mut last = image;
        for at in 0..others {
            let small = net.tensor(format!("small {tower} {at}"), TensorSpec::bytes(1 + at as u64 % 100));
            net.operator(format!("other {tower} {at}")).reads([last]).writes([small]);
            last = small;
        }
        image = net.tensor(format!("image {tower}"), image_of(8));
        net.operator(format!("enlarge {tower}")).reads([last]).writes([image]);
    }
    net.output(image);
    net.build().expect("the graph is valid")
}

fn image_of(channels: u64) -> TensorSpec {
    TensorSpec::shaped(Int8, [1, SIDE, SIDE, channels])
}

/// A convolution of 3 by 3 elements that multiplies `channels` by 4, or divides 32 channels by 4.
fn convolution(net: &mut GraphBuilder, image: TensorId, channels: u64) -> TensorId {
    let out = if channels == 8 { 32 } else { 8 };
    let number = net.tensor_count();
    let result = net.tensor(format!("image {number}"), image_of(out));
    let rows = TileAxis::new([1], [Some((1, RowMap::window(3, 1, 1, 1)))]);
    let node = net.operator(format!("conv {number}")).reads([image]).writes([result]);
    let _ = node.access(AccessMap::new(9 * channels, [rows]));
    result
}
