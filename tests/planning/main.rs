//! Graphs, operator orders, sharing, placement and whole plans, against brute force and on real networks.

mod graph;
mod limits;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod memory;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod odd_memory;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod orders;
mod placement;
mod plan;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod replan;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod sharing;
mod states;
#[path = "../support/mod.rs"]
mod support;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod zoo;
