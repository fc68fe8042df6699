//! Export of plans to formats of other programs: JSON with everything, CSV with the rectangles, C code
//! with the offsets. `docs/plan-format.md` defines them. Equal plans give equal texts. Writers read a
//! [`PlanView`](crate::PlanView). Also, models for TensorFlow Lite Micro and ONNX models with the plan in
//! them.

pub mod c_code;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(feature = "json")]
mod hash;
#[cfg(feature = "json")]
pub mod json;
mod names;
#[cfg(all(feature = "json", feature = "onnx"))]
pub mod onnx;
#[cfg(feature = "tflite")]
pub mod tflite;
#[cfg(any(feature = "tflite", all(feature = "json", feature = "onnx")))]
#[cfg_attr(
    not(all(feature = "json", feature = "onnx", feature = "tflite")),
    allow(dead_code, reason = "each format uses a part of it")
)]
mod tile;

#[cfg(feature = "json")]
pub use hash::{graph_hash, problem_hash, tiling_hash};
pub use names::unique_names;
