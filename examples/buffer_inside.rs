//! A worked figure: `cargo run --example buffer_inside`.
//!
//! A large buffer dies early; the smaller ones that come later sit inside of
//! its memory, side by side, although none of them fills it. A runtime that
//! gives each tensor one whole buffer needs 1000K + 500K; offsets need 1000K.

use plimsoll::{Graph, Planner, Result, TensorSpec};

pub fn main() -> Result<()> {
    let mut net = Graph::builder("inside");
    let image = net.input("image", TensorSpec::bytes(900_000));
    let small = net.tensor("small", TensorSpec::bytes(100_000));
    let left = net.tensor("left", TensorSpec::bytes(400_000));
    let right = net.tensor("right", TensorSpec::bytes(500_000));
    net.operator("shrink").reads([image]).writes([small]);
    net.operator("branch").reads([small]).writes([left]);
    net.operator("other branch").reads([small]).writes([right]);
    net.operator("join").reads([left, right]);
    let graph = net.build()?;

    let plan = Planner::new().alignment(1).plan(&graph)?;

    println!("arena {} bytes, {}", plan.arena_bytes, plan.status);
    let early = plan.tensors[image.index()].expect("an input has a place");
    for id in [left, right] {
        let late = plan.tensors[id.index()].expect("an intermediate has a place");
        let name = graph.tensor(id).name();
        println!(
            "{name} ({}..{}) lies inside of image ({}..{})",
            late.offset,
            late.end(),
            early.offset,
            early.end()
        );
        assert!(early.offset <= late.offset && late.end() <= early.end());
        assert!(early.live.end <= late.live.start);
    }
    assert_eq!(plan.arena_bytes, 1_000_000);
    Ok(())
}
