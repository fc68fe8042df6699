//! TensorFlow Lite: the table of operator types, which graph JSON uses as well, and the importer.

#[cfg(feature = "tflite")]
mod access;
#[cfg(feature = "tflite")]
mod build;
#[cfg(feature = "tflite")]
mod builtins;
#[cfg(feature = "tflite")]
mod given;
pub(crate) mod operator_types;
#[cfg(feature = "tflite")]
pub(crate) mod operators;
mod options;
#[cfg(feature = "tflite")]
mod read;
#[cfg(feature = "tflite")]
mod rules;
#[cfg(feature = "tflite")]
pub(crate) mod schema;
#[cfg(feature = "tflite")]
mod shapes;
#[cfg(feature = "tflite")]
mod tensors;

#[cfg(feature = "tflite")]
pub use read::from_bytes;
#[cfg(feature = "tflite")]
pub(crate) use read::{inferred, model, read_file, stored_integers};
#[cfg(feature = "tflite")]
pub(crate) use schema::{malformed, text};
