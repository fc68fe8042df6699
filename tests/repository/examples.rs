//! Runs the Rust examples, which check their own figures.

#[path = "../../examples/buffer_inside.rs"]
mod buffer_inside;
#[path = "../../examples/custom_strategy.rs"]
mod custom_strategy;
#[path = "../../examples/oversized_buffer.rs"]
mod oversized_buffer;
#[path = "../../examples/quickstart.rs"]
mod quickstart;
#[path = "../../examples/tiled.rs"]
mod tiled;

#[test]
fn examples_run() {
    quickstart::main().unwrap();
    custom_strategy::main().unwrap();
    oversized_buffer::main().unwrap();
    buffer_inside::main().unwrap();
    tiled::main().unwrap();
}
