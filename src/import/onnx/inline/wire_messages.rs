//! Protobuf messages with all their bytes: fields that inlining changes are decoded, all others are kept as they are,
//! those of later versions of the format included.

use prost::Message;

use super::wire_field::{Kept, KnownFields, NamedField};
use crate::import::onnx::messages::OperatorSet;

/// Field number of `ModelProto.functions`.
pub(super) const FUNCTIONS: u32 = 25;

/// `ModelProto`.
pub(super) type WireModel = Kept<ModelFields>;

#[derive(Clone, Message)]
pub(super) struct ModelFields {
    #[prost(message, optional, tag = "7")]
    pub graph: Option<WireGraph>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "20")]
    pub training_info: Vec<Kept<NoFields>>,
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<WireFunction>,
}

impl KnownFields for ModelFields {
    const TAGS: &[u32] = &[7, 8, 20, 25];
}

/// A message of which no field is decoded.
#[derive(Clone, Message)]
pub(super) struct NoFields {}

impl KnownFields for NoFields {
    const TAGS: &[u32] = &[];
}

/// `FunctionProto`.
#[derive(Clone, Message)]
pub(super) struct WireFunction {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    #[prost(string, repeated, tag = "6")]
    pub attribute: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<WireNode>,
    #[prost(string, tag = "8")]
    pub doc_string: String,
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(string, tag = "10")]
    pub domain: String,
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<WireAttribute>,
    #[prost(string, tag = "13")]
    pub overload: String,
}

/// `GraphProto`.
pub(super) type WireGraph = Kept<GraphFields>;

#[derive(Clone, Message)]
pub(super) struct GraphFields {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<WireNode>,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<NamedField<8>>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<NamedField<1>>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<NamedField<1>>,
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<NamedField<1>>,
    /// They name tensors. The body of a function loses them.
    #[prost(message, repeated, tag = "14")]
    pub quantization_annotation: Vec<NamedField<1>>,
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: Vec<WireSparse>,
}

impl KnownFields for GraphFields {
    const TAGS: &[u32] = &[1, 5, 11, 12, 13, 14, 15];
}

/// `SparseTensorProto`. Its values hold the name.
#[derive(Clone, Message)]
pub(super) struct WireSparse {
    #[prost(message, optional, tag = "1")]
    pub values: Option<NamedField<8>>,
    #[prost(message, optional, tag = "2")]
    pub indices: Option<NamedField<8>>,
    #[prost(int64, repeated, tag = "3")]
    pub dims: Vec<i64>,
}

/// `NodeProto`. The value beside it is that of `NodeText::imports`.
pub(super) type WireNode = Kept<NodeFields, u32>;

#[derive(Clone, Message)]
pub(super) struct NodeFields {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<WireAttribute>,
    #[prost(string, tag = "7")]
    pub domain: String,
    #[prost(string, tag = "8")]
    pub overload: String,
}

impl KnownFields for NodeFields {
    const TAGS: &[u32] = &[1, 2, 3, 4, 5, 7, 8];
}

/// `AttributeProto`.
pub(super) type WireAttribute = Kept<AttributeFields>;

#[derive(Clone, Message)]
pub(super) struct AttributeFields {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, boxed, tag = "6")]
    pub g: Option<Box<WireGraph>>,
    #[prost(message, repeated, tag = "11")]
    pub graphs: Vec<WireGraph>,
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
}

impl KnownFields for AttributeFields {
    const TAGS: &[u32] = &[1, 6, 11, 21];
}
