//! Importers: files in every format, names, shapes, permissions.

#[cfg(feature = "onnx-shapes")]
mod access;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "json")]
mod documents;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "onnx-shapes")]
mod layout;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "onnx-shapes")]
mod operators;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod permits;
#[cfg(feature = "onnx-shapes")]
mod shapes;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tflite")]
mod tflite;
