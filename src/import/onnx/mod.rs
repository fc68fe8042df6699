//! ONNX: the table of operator types, which graph JSON uses as well, and the importer, which builds a graph from
//! protobuf messages.
//!
//! Weights are skipped, not read. Only elements of small tensors are read, as shapes depend on them.

#[cfg(feature = "onnx")]
mod access;
#[cfg(feature = "onnx")]
mod bodies;
#[cfg(feature = "onnx")]
mod build;
#[cfg(feature = "onnx")]
mod description;
#[cfg(feature = "onnx")]
mod descriptions;
#[cfg(feature = "onnx")]
mod expression;
#[cfg(feature = "onnx")]
mod external;
#[cfg(feature = "onnx")]
mod file_buf;
#[cfg(feature = "onnx")]
mod given;
#[cfg(feature = "onnx")]
mod graph;
#[cfg(feature = "onnx")]
mod inferred;
#[cfg(feature = "onnx")]
mod inline;
#[cfg(feature = "onnx")]
mod messages;
#[cfg(feature = "onnx")]
mod names;
#[cfg(feature = "onnx")]
mod node;
#[cfg(feature = "onnx")]
mod node_permits;
#[cfg(feature = "onnx")]
mod operator_sets;
pub(super) mod operator_types;
#[cfg(feature = "onnx")]
mod read;
#[cfg(feature = "onnx")]
mod rules;
#[cfg(feature = "onnx")]
mod shapes;
#[cfg(feature = "onnx")]
mod subgraphs;
#[cfg(feature = "onnx")]
mod tensor;
#[cfg(feature = "onnx")]
mod unshaped;
mod value;

#[cfg(feature = "onnx")]
pub use external::{external_files, external_files_of};
#[cfg(feature = "onnx")]
pub use inline::inlined;
#[cfg(all(feature = "json", feature = "onnx"))]
pub use operator_sets::standard_version;
#[cfg(feature = "onnx")]
pub use read::from_bytes;
#[cfg(feature = "onnx")]
pub(super) use read::read_file;
