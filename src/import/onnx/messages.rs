//! Protobuf messages of ONNX, with those fields that memory planning needs: those without tensors and nodes.
//!
//! The decoder skips all other fields by their length: documentation, and weights except the elements of
//! small tensors (`tensor`). Names and numbers of fields are those of `onnx.proto`.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use crate::import::ImportError;

pub(super) fn malformed(reason: impl ToString) -> ImportError {
    ImportError::malformed("ONNX", reason)
}

/// Methods of `Message` for messages that are only decoded.
macro_rules! skip_encoding {
    () => {
        fn clear(&mut self) {
            *self = Self::default();
        }

        fn encode_raw(&self, _: &mut impl BufMut) {}

        fn encoded_len(&self) -> usize {
            0
        }
    };
}
pub(super) use skip_encoding;

/// `OperatorSetIdProto`: the version of the operators of a domain.
#[derive(Clone, Message)]
pub(super) struct OperatorSet {
    #[prost(string, tag = "1")]
    pub(super) domain: String,
    #[prost(int64, tag = "2")]
    pub(super) version: i64,
}

/// The name of a domain; the standard domain, which has two names, becomes the empty one.
pub(super) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// A message of which only the presence matters.
#[derive(Message)]
pub(super) struct Unread {}

/// `ValueInfoProto`: the declared type of a tensor.
#[derive(Clone, Message)]
pub(super) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// Boxed, as a file may have a million names without a type.
    #[prost(message, optional, boxed, tag = "2")]
    pub(super) r#type: Option<Box<OnnxType>>,
}

impl ValueInfo {
    pub(super) fn tensor_type(&self) -> Option<&OnnxTensorType> {
        self.r#type.as_ref()?.tensor_type.as_ref()
    }
}

/// `TypeProto`: the type of a tensor, or of another kind of value, without `tensor_type`. An optional tensor counts as a
/// tensor, whose memory it takes if it is present.
#[derive(Clone, Debug, Default)]
pub(super) struct OnnxType {
    pub(super) tensor_type: Option<OnnxTensorType>,
}

impl Message for OnnxType {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let tensor = self.tensor_type.get_or_insert_default();
                encoding::message::merge(wire_type, tensor, buf, context)
            }
            9 => {
                let mut optional = OptionalType::default();
                encoding::message::merge(wire_type, &mut optional, buf, context)?;
                self.tensor_type = optional.elem_type.and_then(|of| of.tensor_type);
                Ok(())
            }
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    skip_encoding!();
}

/// `TypeProto.Optional`.
#[derive(Message)]
struct OptionalType {
    #[prost(message, optional, tag = "1")]
    elem_type: Option<OptionalElement>,
}

/// `TypeProto` in an optional type: of a tensor, or without `tensor_type`.
#[derive(Message)]
struct OptionalElement {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<OnnxTensorType>,
}

/// `TypeProto.Tensor`.
#[derive(Clone, Message)]
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
#[derive(Clone, Debug, Default)]
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
#[derive(Clone, Message)]
pub(super) struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
    #[prost(string, tag = "2")]
    pub(super) dim_param: String,
}
