//! External data: files with weights next to the model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Buf;
use prost::Message;

use super::{FORMAT, ImportError, decode_file};

/// `TensorProto.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Paths of the files with external data of a model, relative to the folder of the model, as the model states
/// them. Sorted, each once; those of bodies and functions included.
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are not an ONNX model.
pub fn external_files(bytes: &[u8]) -> Result<Vec<String>, ImportError> {
    Ok(locations(&decode(bytes)?))
}

/// Paths of the files with external data of a model file. They need not exist. Weights in the model are
/// skipped without being read.
///
/// # Errors
/// [`ImportError::Read`], and [`ImportError::Malformed`] if the file is not an ONNX model.
pub fn external_files_of(path: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let model = decode_file(path, |buf| decode(buf))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(locations(&model).into_iter().map(|location| folder.join(location)).collect())
}

fn decode(buf: impl Buf) -> Result<ExternalModel, ImportError> {
    ExternalModel::decode(buf).map_err(|error| ImportError::malformed(FORMAT, error))
}

fn locations(model: &ExternalModel) -> Vec<String> {
    let mut files = BTreeSet::new();
    model.graph.iter().for_each(|graph| add_graph(graph, &mut files));
    model.functions.iter().flat_map(|function| &function.node).for_each(|node| add_node(node, &mut files));
    files.into_iter().collect()
}

/// Recursion is as deep as bodies nest, which the decoder limits to about 30.
fn add_graph(graph: &ExternalGraph, files: &mut BTreeSet<String>) {
    let sparse = graph.sparse_initializer.iter();
    graph.initializer.iter().for_each(|tensor| add_tensor(tensor, files));
    sparse.for_each(|sparse| add_sparse(sparse, files));
    graph.node.iter().for_each(|node| add_node(node, files));
}

fn add_node(node: &ExternalNode, files: &mut BTreeSet<String>) {
    for attribute in &node.attribute {
        attribute.t.iter().chain(&attribute.tensors).for_each(|tensor| add_tensor(tensor, files));
        let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
        sparse.for_each(|sparse| add_sparse(sparse, files));
        attribute.g.iter().for_each(|graph| add_graph(graph, files));
        attribute.graphs.iter().for_each(|graph| add_graph(graph, files));
    }
}

fn add_sparse(sparse: &ExternalSparseTensor, files: &mut BTreeSet<String>) {
    sparse.values.iter().chain(&sparse.indices).for_each(|tensor| add_tensor(tensor, files));
}

fn add_tensor(tensor: &ExternalTensor, files: &mut BTreeSet<String>) {
    if tensor.data_location == EXTERNAL {
        let locations = tensor.external_data.iter().filter(|entry| entry.key == "location");
        files.extend(locations.map(|entry| entry.value.clone()));
    }
}

/// `ModelProto`, with the fields that lead to external data.
#[derive(Message)]
struct ExternalModel {
    #[prost(message, optional, tag = "7")]
    graph: Option<ExternalGraph>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<ExternalFunction>,
}

/// `FunctionProto`, with the fields that lead to external data.
#[derive(Message)]
struct ExternalFunction {
    #[prost(message, repeated, tag = "7")]
    node: Vec<ExternalNode>,
}

/// `GraphProto`, with the fields that lead to external data.
#[derive(Message)]
struct ExternalGraph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<ExternalNode>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<ExternalTensor>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<ExternalSparseTensor>,
}

/// `NodeProto`, with the fields that lead to external data.
#[derive(Message)]
struct ExternalNode {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<ExternalAttribute>,
}

/// `AttributeProto`, with the fields that lead to external data.
#[derive(Message)]
struct ExternalAttribute {
    #[prost(message, optional, tag = "5")]
    t: Option<ExternalTensor>,
    #[prost(message, optional, boxed, tag = "6")]
    g: Option<Box<ExternalGraph>>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<ExternalTensor>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<ExternalGraph>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<ExternalSparseTensor>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<ExternalSparseTensor>,
}

/// `TensorProto`, with the fields that lead to external data.
#[derive(Message)]
struct ExternalTensor {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<ExternalEntry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

/// `StringStringEntryProto`.
#[derive(Message)]
struct ExternalEntry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `SparseTensorProto`, with the fields that lead to external data.
#[derive(Message)]
struct ExternalSparseTensor {
    #[prost(message, optional, tag = "1")]
    values: Option<ExternalTensor>,
    #[prost(message, optional, tag = "2")]
    indices: Option<ExternalTensor>,
}
