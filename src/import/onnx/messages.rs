//! The fields of ONNX's protobuf messages that matter to memory.
//!
//! Whatever is not declared here is skipped by its length: all weights
//! (`raw_data`, `float_data`, ..., `external_data`) and all documentation.
//! Names and numbers are those of `onnx.proto`.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

#[derive(Message)]
pub(super) struct Model {
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<Graph>,
    #[prost(message, repeated, tag = "20")]
    pub(super) training_info: Vec<Unread>,
    #[prost(message, repeated, tag = "25")]
    pub(super) functions: Vec<Function>,
}

/// A function of the model's own, which stands for any operator of its name.
#[derive(Message)]
pub(super) struct Function {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "10")]
    pub(super) domain: String,
}

/// A message of which only the presence matters.
#[derive(Message)]
pub(super) struct Unread {}

#[derive(Message)]
pub(super) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub(super) input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub(super) output: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "13")]
    pub(super) value_info: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "15")]
    pub(super) sparse_initializer: Vec<SparseTensor>,
}

#[derive(Message)]
pub(super) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

#[derive(Message)]
pub(super) struct Attribute {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "5")]
    pub(super) t: Option<Tensor>,
    #[prost(message, optional, boxed, tag = "6")]
    pub(super) g: Option<Box<Graph>>,
    #[prost(float, repeated, tag = "7")]
    pub(super) floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub(super) ints: Vec<i64>,
    #[prost(message, repeated, tag = "11")]
    pub(super) graphs: Vec<Graph>,
    #[prost(message, optional, tag = "22")]
    pub(super) sparse_tensor: Option<SparseTensor>,
}

/// A tensor's description, and its numbers if they are few: where a slice starts is data.
#[derive(Debug, Default)]
pub(super) struct Tensor {
    pub(super) dims: Vec<i64>,
    pub(super) data_type: i32,
    pub(super) name: String,
    few_numbers: Vec<u8>,
}

/// No more bytes of data are read of a tensor: a number for each axis.
const FEW: u64 = 64;

const INT64: i32 = 7;

impl Tensor {
    /// Its contents, if they are few numbers of 64 bits, in the form that exporters write.
    pub(super) fn numbers(&self) -> Option<Vec<i64>> {
        let count = self.dims.iter().try_fold(1, |count: i64, &dim| count.checked_mul(dim))?;
        let (numbers, rest) = self.few_numbers.as_chunks::<8>();
        let fits = self.data_type == INT64 && rest.is_empty() && usize::try_from(count) == Ok(numbers.len());
        fits.then(|| numbers.iter().copied().map(i64::from_le_bytes).collect())
    }
}

/// As it would be derived, but for `raw_data`, of which only a little is read.
impl Message for Tensor {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => encoding::int64::merge_repeated(wire_type, &mut self.dims, buf, context),
            2 => encoding::int32::merge(wire_type, &mut self.data_type, buf, context),
            8 => encoding::string::merge(wire_type, &mut self.name, buf, context),
            9 if is_short(buf) => encoding::bytes::merge(wire_type, &mut self.few_numbers, buf, context),
            9 => {
                self.few_numbers.clear();
                encoding::skip_field(wire_type, tag, buf, context)
            }
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    // Nothing is written.
    fn encode_raw(&self, _: &mut impl BufMut) {}

    fn encoded_len(&self) -> usize {
        0
    }
}

/// Whether few bytes follow: their number is a varint, which is short if it is small.
fn is_short(buf: &impl Buf) -> bool {
    buf.chunk().first().is_some_and(|&length| u64::from(length) <= FEW)
}

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
