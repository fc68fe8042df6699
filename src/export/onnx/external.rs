//! Files with weights beside the model.

use std::collections::BTreeSet;

use prost::Message;

use super::OnnxError;
use super::wire::Entry;
use crate::import::ImportError;

/// `TensorProto.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// The files that a model's tensors lie in, as it says it: relative to its folder. Each once,
/// sorted. Subgraphs and functions count.
///
/// # Errors
/// [`OnnxError::Import`] if the bytes are no ONNX model.
pub fn external_files(bytes: &[u8]) -> Result<Vec<String>, OnnxError> {
    let model = Model::decode(bytes).map_err(|error| ImportError::malformed("ONNX", error))?;
    let mut files = BTreeSet::new();
    model.graph.iter().for_each(|graph| of_graph(graph, &mut files));
    model.functions.iter().flat_map(|function| &function.node).for_each(|node| of_node(node, &mut files));
    Ok(files.into_iter().collect())
}

/// Recursion is as deep as subgraphs nest: the decoder allows for some thirty.
fn of_graph(graph: &Graph, files: &mut BTreeSet<String>) {
    let sparse = graph.sparse_initializer.iter();
    graph.initializer.iter().for_each(|tensor| of_tensor(tensor, files));
    sparse.for_each(|sparse| of_sparse(sparse, files));
    graph.node.iter().for_each(|node| of_node(node, files));
}

fn of_node(node: &Node, files: &mut BTreeSet<String>) {
    for attribute in &node.attribute {
        attribute.t.iter().chain(&attribute.tensors).for_each(|tensor| of_tensor(tensor, files));
        let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
        sparse.for_each(|sparse| of_sparse(sparse, files));
        attribute.g.iter().for_each(|graph| of_graph(graph, files));
        attribute.graphs.iter().for_each(|graph| of_graph(graph, files));
    }
}

fn of_sparse(sparse: &SparseTensor, files: &mut BTreeSet<String>) {
    sparse.values.iter().chain(&sparse.indices).for_each(|tensor| of_tensor(tensor, files));
}

fn of_tensor(tensor: &Tensor, files: &mut BTreeSet<String>) {
    if tensor.data_location == EXTERNAL {
        let locations = tensor.external_data.iter().filter(|entry| entry.key == "location");
        files.extend(locations.map(|entry| entry.value.clone()));
    }
}

#[derive(Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Message)]
struct Function {
    #[prost(message, repeated, tag = "7")]
    node: Vec<Node>,
}

#[derive(Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<SparseTensor>,
}

#[derive(Message)]
struct Node {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Message)]
struct Attribute {
    #[prost(message, optional, tag = "5")]
    t: Option<Tensor>,
    #[prost(message, optional, boxed, tag = "6")]
    g: Option<Box<Graph>>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<Graph>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<SparseTensor>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<SparseTensor>,
}

#[derive(Message)]
struct Tensor {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Message)]
struct SparseTensor {
    #[prost(message, optional, tag = "1")]
    values: Option<Tensor>,
    #[prost(message, optional, tag = "2")]
    indices: Option<Tensor>,
}
