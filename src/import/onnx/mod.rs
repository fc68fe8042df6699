//! ONNX: protobuf messages to a graph. Weights are stepped over, not read; only the few numbers
//! that shapes are made of are.

mod bodies;
mod build;
mod descriptions;
mod expression;
mod file_buf;
mod given;
mod graph;
mod messages;
mod names;
mod node;
#[cfg(feature = "onnx-shapes")]
mod shapes;
#[cfg(not(feature = "onnx-shapes"))]
#[path = "shapeless.rs"]
mod shapes;
mod slices;
mod subgraphs;
mod tensor;
mod training;
mod unshaped;

use std::path::Path;

use bytes::Buf;
use prost::Message;

use super::{ImportError, ImportOptions, ImportedGraph};
use file_buf::FileBuf;
use messages::Model;

const FORMAT: &str = "ONNX";

/// Reads an ONNX file; the graph is named after it.
///
/// Weights are skipped without being read, be they in the file or, as external
/// data, in others, which need not exist.
///
/// # Errors
/// [`ImportError::Read`], and those of [`from_bytes`].
pub fn read_file(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let at_path = |source| ImportError::Read { path: path.to_owned(), source };
    let mut buf = FileBuf::new(super::file::open_regular(path)?).map_err(at_path)?;
    let model = decode(&mut buf);
    // What was decoded after a failed read is worth nothing, be it right or wrong.
    if let Some(failure) = buf.into_failure() {
        return Err(at_path(failure));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    build::build(&name, model?, options)
}

/// Makes a graph called `name` of the bytes of an ONNX file.
///
/// # Errors
/// - [`ImportError::Malformed`] if the bytes are no ONNX model, a dimension is
///   negative, or the file says of a tensor what its operator cannot make;
/// - [`ImportError::UnknownDimension`] if `options` binds a symbolic dimension
///   that no tensor has;
/// - [`ImportError::InputShape`] if an input cannot have the shape that
///   `options` gives it;
/// - [`ImportError::Invalid`] if the graph breaks a rule;
/// - [`ImportError::Unshaped`], naming all tensors that need memory and have
///   no static size; with the feature `onnx-shapes`, none that can be computed.
pub fn from_bytes(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    build::build(name, decode(bytes)?, options)
}

fn decode(buf: impl Buf) -> Result<Model, ImportError> {
    if !buf.has_remaining() {
        return Err(ImportError::malformed(FORMAT, "it is empty"));
    }
    if buf.chunk().starts_with(b"version https://git-lfs") {
        let reason = "it is a Git LFS pointer; fetch the model itself by git lfs pull";
        return Err(ImportError::malformed(FORMAT, reason));
    }
    let mut model = Model::decode(buf).map_err(|error| {
        ImportError::malformed(
            FORMAT,
            format!("the bytes are no ONNX protobuf message, or damaged ({error})"),
        )
    })?;
    if let Some(graph) = &mut model.graph {
        graph.node.shrink_to_fit();
    }
    Ok(model)
}
