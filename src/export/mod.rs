//! Plans in the formats that other programs read: JSON with everything, CSV
//! with the rectangles, C code with the offsets. All are defined in
//! `docs/plan-format.md`, and all are the same text for the same plan. And models for
//! TensorFlow Lite Micro, and ONNX models, with the plan inside.

pub mod c_code;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(feature = "json")]
mod hash;
mod items;
#[cfg(feature = "json")]
pub mod json;
mod names;
#[cfg(all(feature = "json", feature = "onnx"))]
pub mod onnx;
#[cfg(feature = "tflite")]
pub mod tflite;

#[cfg(feature = "json")]
pub use hash::{graph_hash, problem_hash};
pub use names::unique_names;
