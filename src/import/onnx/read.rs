//! Reads and decodes files.

use std::fs::File;
use std::path::Path;

use bytes::Buf;
use prost::Message;

use super::build;
use super::file_buf::FileBuf;
use super::graph::OnnxModel;
use super::messages::malformed;
use crate::import::{ImportError, ImportOptions, ImportedGraph};

/// Imports an ONNX file; the graph gets the name of the file.
///
/// Weights are skipped without being read. Files with external data need not exist.
///
/// # Errors
/// [`ImportError::Read`], and the errors of [`from_bytes`].
pub(crate) fn read_file(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    let model = decode_file(path, |buf| decode(buf))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    build::build(&name, model, options)
}

/// Decodes a file that is read only where the decoder does not skip it.
pub(super) fn decode_file<T>(
    path: &Path,
    decode: impl FnOnce(&mut FileBuf<File>) -> Result<T, ImportError>,
) -> Result<T, ImportError> {
    let at_path = |source| ImportError::Read { path: path.to_owned(), source };
    let mut buf = FileBuf::new(crate::import::file::open_regular(path)?).map_err(at_path)?;
    let decoded = decode(&mut buf);
    // After a failed read, the decoder saw zeros: its result counts for nothing, even if it is an error.
    buf.into_failure().map_or(decoded, |failure| Err(at_path(failure)))
}

/// Imports the bytes of an ONNX file as a graph called `name`.
///
/// Example: [`read`](crate::import::read).
///
/// # Errors
/// - [`ImportError::Malformed`] if the bytes are not an ONNX model or a dimension is negative;
/// - [`ImportError::UnknownDimension`] if `options` binds a symbolic dimension
///   that no tensor has;
/// - [`ImportError::InputShape`] or [`ImportError::Value`] if a tensor cannot have the shape or the
///   value that `options` gives it;
/// - [`ImportError::Invalid`] if the graph breaks a rule;
/// - [`ImportError::Unshaped`], naming all tensors that need memory and have no static size: neither a
///   declared one nor an inferred one.
pub fn from_bytes(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    build::build(name, decode(bytes)?, options)
}

pub(super) fn decode(buf: impl Buf) -> Result<OnnxModel, ImportError> {
    if !buf.has_remaining() {
        return Err(malformed("it is empty"));
    }
    if buf.chunk().starts_with(b"version https://git-lfs") {
        let reason = "it is a Git LFS pointer; fetch the model with `git lfs pull`";
        return Err(malformed(reason));
    }
    let mut model = OnnxModel::decode(buf).map_err(|error| {
        malformed(format!("the bytes are not an ONNX protobuf message, or damaged ({error})"))
    })?;
    if let Some(graph) = &mut model.graph {
        graph.node.shrink_to_fit();
    }
    Ok(model)
}
