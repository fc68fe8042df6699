//! The fields of ONNX's protobuf messages that matter to memory.
//!
//! Whatever is not declared here is skipped by its length: all documentation, and
//! all weights but the few numbers that shapes are made of (`tensor`).
//! Names and numbers are those of `onnx.proto`.

use prost::Message;

pub(super) use super::graph::{Function, Graph};
pub(super) use super::node::{Attribute, Node};
pub(super) use super::tensor::Tensor;

#[derive(Message)]
pub(super) struct Model {
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub(super) opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "20")]
    pub(super) training_info: Vec<Unread>,
    #[prost(message, repeated, tag = "25")]
    pub(super) functions: Vec<Function>,
}

/// A version of the operators of a domain.
#[derive(Message)]
pub(super) struct OperatorSet {
    #[prost(string, tag = "1")]
    pub(super) domain: String,
    #[prost(int64, tag = "2")]
    pub(super) version: i64,
}

/// A message of which only the presence matters.
#[derive(Message)]
pub(super) struct Unread {}

#[derive(Message)]
pub(super) struct SparseTensor {
    /// Holds the tensor's name and element type; its own shape counts the
    /// elements that are not zero.
    #[prost(message, optional, tag = "1")]
    pub(super) values: Option<Tensor>,
    #[prost(int64, repeated, tag = "3")]
    pub(super) dims: Vec<i64>,
}

#[derive(Message)]
pub(super) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<Type>,
}

/// Of a tensor, or of something else: then `tensor_type` is absent.
#[derive(Message)]
pub(super) struct Type {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<TensorType>,
}

#[derive(Message)]
pub(super) struct TensorType {
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
}

#[derive(Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<Dimension>,
}

/// A number, a symbol's name, or neither.
#[derive(Message)]
pub(super) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
    #[prost(string, tag = "2")]
    pub(super) dim_param: String,
}
