//! Importers: files in every format, names, shapes, permissions.

#[cfg(feature = "onnx")]
mod access;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "json")]
mod documents;
mod given;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "onnx")]
mod layout;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "onnx")]
mod operators;
#[cfg(all(feature = "onnx", feature = "tflite"))]
mod permits;
#[cfg(feature = "onnx")]
mod shapes;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tflite")]
mod tflite;
