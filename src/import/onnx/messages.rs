//! The fields of ONNX's protobuf messages that matter to memory.
//!
//! Whatever is not declared here is skipped by its length: all documentation, and
//! all weights but the few numbers that shapes are made of (`tensor`).
//! Names and numbers are those of `onnx.proto`.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::graph::skip_encoding;
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
    /// Apart, as a file may have a million names without a type.
    #[prost(message, optional, boxed, tag = "2")]
    pub(super) r#type: Option<Box<Type>>,
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

/// No shape has more dimensions; descriptions of one tensor are compared as often as they are
/// repeated.
pub(super) const MOST_DIMS: usize = 255;

#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The first ones, if there are more than [`MOST_DIMS`].
    pub(super) dim: Vec<Dimension>,
    /// How many there are in the file.
    pub(super) count: usize,
}

impl Message for Shape {
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
        if self.count > MOST_DIMS {
            return encoding::skip_field(wire_type, tag, buf, context);
        }
        // Most shapes are short, and a list that grows makes room for four.
        self.dim.reserve_exact(1);
        encoding::message::merge_repeated(wire_type, &mut self.dim, buf, context)
    }

    skip_encoding!();
}

/// A number, a symbol's name, or neither.
#[derive(Message)]
pub(super) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
    #[prost(string, tag = "2")]
    pub(super) dim_param: String,
}
