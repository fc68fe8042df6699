//! Tests of exports: plans as JSON, CSV, C, pictures and text.
#![cfg(all(feature = "csv", feature = "json", feature = "report", feature = "tflite"))]

mod c_code;
mod csv;
mod fixture;
mod hash;
mod html;
mod json;
mod names;
#[cfg(all(feature = "json", feature = "onnx"))]
mod onnx;
mod pool_files;
mod pool_fixture;
mod pool_json;
mod pool_reports;
mod pool_tiling;
mod rejected;
#[path = "../support/mod.rs"]
mod support;
mod svg;
mod text;
#[cfg(feature = "tflite")]
mod tflite;
#[cfg(feature = "tflite")]
mod tiled_onnx;
mod tiled_tflite;
mod tiling;
mod trace;
