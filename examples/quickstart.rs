//! Builds and plans a small network: `cargo run --example quickstart`.

use plimsoll::{ElementType::Int8, Graph, Planner, TensorSpec};

pub fn main() -> Result<(), plimsoll::Error> {
    let mut net = Graph::builder("quickstart");
    let image = net.input("image", TensorSpec::shaped(Int8, [1, 96, 96, 3]));
    let weights = net.constant("weights", TensorSpec::bytes(2_000));
    let wide = net.tensor("wide", TensorSpec::shaped(Int8, [1, 48, 48, 16]));
    let narrow = net.tensor("narrow", TensorSpec::shaped(Int8, [1, 24, 24, 16]));
    let classes = net.tensor("classes", TensorSpec::shaped(Int8, [1, 10]));
    net.operator("conv").reads([image, weights]).writes([wide]).scratch(1_024);
    net.operator("pool").reads([wide]).writes([narrow]);
    net.operator("dense").reads([narrow, weights]).writes([classes]);
    net.output(classes);
    let graph = net.build()?;

    let plan = Planner::new().alignment(64).plan(&graph)?;

    println!("{} bytes, {}", plan.arena_bytes, plan.status);
    println!("lower bound {} bytes, set by step {}", plan.lower_bound.bytes, plan.lower_bound.step);
    for (id, tensor) in graph.tensor_ids().zip(graph.tensors()) {
        match plan.offset(id) {
            Some(offset) => println!("{:>8}  {}", offset, tensor.name()),
            None => println!("{:>8}  {} (not in the arena)", "-", tensor.name()),
        }
    }
    Ok(())
}
