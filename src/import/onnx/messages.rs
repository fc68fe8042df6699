//! Protobuf messages of ONNX, with those fields that memory planning needs.
//!
//! The decoder skips all other fields by their length: documentation, and weights except the elements of
//! small tensors (`tensor`). Names and numbers of fields are those of `onnx.proto`.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::graph::skip_encoding;
pub(super) use super::graph::{OnnxFunction, OnnxGraph};
pub(super) use super::node::{OnnxAttribute, OnnxNode};
pub(super) use super::tensor::OnnxTensor;

/// `ModelProto`.
#[derive(Message)]
pub(super) struct OnnxModel {
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<OnnxGraph>,
    #[prost(message, repeated, tag = "8")]
    pub(super) opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "20")]
    pub(super) training_info: Vec<Unread>,
    #[prost(message, repeated, tag = "25")]
    pub(super) functions: Vec<OnnxFunction>,
}

/// `OperatorSetIdProto`: the version of the operators of a domain.
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

/// `SparseTensorProto`.
#[derive(Message)]
pub(super) struct OnnxSparseTensor {
    /// Holds the name and the element type of the tensor; its shape is the number of elements that are not 0.
    #[prost(message, optional, tag = "1")]
    pub(super) values: Option<OnnxTensor>,
    #[prost(int64, repeated, tag = "3")]
    pub(super) dims: Vec<i64>,
}

/// `ValueInfoProto`: the declared type of a tensor.
#[derive(Message)]
pub(super) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// Boxed, as a file may have a million names without a type.
    #[prost(message, optional, boxed, tag = "2")]
    pub(super) r#type: Option<Box<OnnxType>>,
}

/// `TypeProto`: the type of a tensor, or of another kind of value, without `tensor_type`.
#[derive(Message)]
pub(super) struct OnnxType {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<OnnxTensorType>,
}

/// `TypeProto.Tensor`.
#[derive(Message)]
pub(super) struct OnnxTensorType {
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<OnnxShape>,
}

/// Limit of dimensions that are kept, as the descriptions of a tensor are compared whenever the file
/// repeats one.
pub(super) const MAX_DIMS: usize = 255;

/// `TensorShapeProto`.
#[derive(Debug, Default)]
pub(super) struct OnnxShape {
    /// At most the first [`MAX_DIMS`] dimensions.
    pub(super) dim: Vec<Dimension>,
    /// The number of dimensions in the file.
    pub(super) count: usize,
}

impl Message for OnnxShape {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if tag != 1 {
            return encoding::skip_field(wire_type, tag, buf, context);
        }
        self.count += 1;
        if self.count > MAX_DIMS {
            return encoding::skip_field(wire_type, tag, buf, context);
        }
        // Most shapes are short, but a growing `Vec` allocates at least four items.
        self.dim.reserve_exact(1);
        encoding::message::merge_repeated(wire_type, &mut self.dim, buf, context)
    }

    skip_encoding!();
}

/// `TensorShapeProto.Dimension`: a number, a symbolic name, or neither.
#[derive(Message)]
pub(super) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
    #[prost(string, tag = "2")]
    pub(super) dim_param: String,
}
