//! Protobuf messages with all their bytes: fields that inlining changes are decoded, all others are kept as they are,
//! those of later versions of the format included.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::wire_field::{NamedField, RawFields};
use crate::import::onnx::messages::OperatorSet;

/// Field number of `ModelProto.functions`.
pub(super) const FUNCTIONS: u32 = 25;

/// `ModelProto`.
#[derive(Debug, Default)]
pub(super) struct InlinedModel {
    pub graph: Option<WireGraph>,
    pub opset_import: Vec<OperatorSet>,
    pub functions: Vec<WireFunction>,
    pub has_training: bool,
    pub rest: RawFields,
}

impl Message for InlinedModel {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.has_training |= tag == 20;
        match tag {
            7 => encoding::message::merge(wire_type, self.graph.get_or_insert_default(), buf, context),
            8 => encoding::message::merge_repeated(wire_type, &mut self.opset_import, buf, context),
            FUNCTIONS => encoding::message::merge_repeated(wire_type, &mut self.functions, buf, context),
            _ => self.rest.keep(tag, wire_type, buf),
        }
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.rest.put(buf);
        self.graph.iter().for_each(|graph| encoding::message::encode(7, graph, buf));
        encoding::message::encode_repeated(8, &self.opset_import, buf);
        encoding::message::encode_repeated(FUNCTIONS, &self.functions, buf);
    }

    fn encoded_len(&self) -> usize {
        self.rest.len()
            + self.graph.as_ref().map_or(0, |graph| encoding::message::encoded_len(7, graph))
            + encoding::message::encoded_len_repeated(8, &self.opset_import)
            + encoding::message::encoded_len_repeated(FUNCTIONS, &self.functions)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// `FunctionProto`.
#[derive(Message)]
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
#[derive(Clone, Debug, Default)]
pub(super) struct WireGraph {
    pub node: Vec<WireNode>,
    pub initializer: Vec<NamedField<8>>,
    pub input: Vec<NamedField<1>>,
    pub output: Vec<NamedField<1>>,
    pub value_info: Vec<NamedField<1>>,
    pub sparse_initializer: Vec<WireSparse>,
    /// `quantization_annotation`, which name tensors. The body of a function loses them.
    pub annotations: RawFields,
    pub rest: RawFields,
}

impl Message for WireGraph {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => encoding::message::merge_repeated(wire_type, &mut self.node, buf, context),
            5 => encoding::message::merge_repeated(wire_type, &mut self.initializer, buf, context),
            11 => encoding::message::merge_repeated(wire_type, &mut self.input, buf, context),
            12 => encoding::message::merge_repeated(wire_type, &mut self.output, buf, context),
            13 => encoding::message::merge_repeated(wire_type, &mut self.value_info, buf, context),
            14 => self.annotations.keep(tag, wire_type, buf),
            15 => encoding::message::merge_repeated(wire_type, &mut self.sparse_initializer, buf, context),
            _ => self.rest.keep(tag, wire_type, buf),
        }
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        encoding::message::encode_repeated(1, &self.node, buf);
        encoding::message::encode_repeated(5, &self.initializer, buf);
        encoding::message::encode_repeated(11, &self.input, buf);
        encoding::message::encode_repeated(12, &self.output, buf);
        encoding::message::encode_repeated(13, &self.value_info, buf);
        self.annotations.put(buf);
        encoding::message::encode_repeated(15, &self.sparse_initializer, buf);
        self.rest.put(buf);
    }

    fn encoded_len(&self) -> usize {
        encoding::message::encoded_len_repeated(1, &self.node)
            + encoding::message::encoded_len_repeated(5, &self.initializer)
            + encoding::message::encoded_len_repeated(11, &self.input)
            + encoding::message::encoded_len_repeated(12, &self.output)
            + encoding::message::encoded_len_repeated(13, &self.value_info)
            + self.annotations.len()
            + encoding::message::encoded_len_repeated(15, &self.sparse_initializer)
            + self.rest.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
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

/// `NodeProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct WireNode {
    pub input: Vec<String>,
    pub output: Vec<String>,
    pub name: String,
    pub op_type: String,
    pub domain: String,
    pub overload: String,
    pub attribute: Vec<WireAttribute>,
    pub rest: RawFields,
    /// As `NodeText::imports`; not written.
    pub imports: u32,
}

impl Message for WireNode {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => encoding::string::merge_repeated(wire_type, &mut self.input, buf, context),
            2 => encoding::string::merge_repeated(wire_type, &mut self.output, buf, context),
            3 => encoding::string::merge(wire_type, &mut self.name, buf, context),
            4 => encoding::string::merge(wire_type, &mut self.op_type, buf, context),
            5 => encoding::message::merge_repeated(wire_type, &mut self.attribute, buf, context),
            7 => encoding::string::merge(wire_type, &mut self.domain, buf, context),
            8 => encoding::string::merge(wire_type, &mut self.overload, buf, context),
            _ => self.rest.keep(tag, wire_type, buf),
        }
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        encoding::string::encode_repeated(1, &self.input, buf);
        encoding::string::encode_repeated(2, &self.output, buf);
        for (tag, text) in self.texts() {
            encoding::string::encode(tag, text, buf);
        }
        encoding::message::encode_repeated(5, &self.attribute, buf);
        self.rest.put(buf);
    }

    fn encoded_len(&self) -> usize {
        encoding::string::encoded_len_repeated(1, &self.input)
            + encoding::string::encoded_len_repeated(2, &self.output)
            + self.texts().map(|(tag, text)| encoding::string::encoded_len(tag, text)).sum::<usize>()
            + encoding::message::encoded_len_repeated(5, &self.attribute)
            + self.rest.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl WireNode {
    /// The texts that are not empty, by field number.
    fn texts(&self) -> impl Iterator<Item = (u32, &String)> {
        let all = [(3, &self.name), (4, &self.op_type), (7, &self.domain), (8, &self.overload)];
        all.into_iter().filter(|(_, text)| !text.is_empty())
    }
}

/// `AttributeProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct WireAttribute {
    pub name: String,
    pub reference: String,
    pub g: Option<Box<WireGraph>>,
    pub graphs: Vec<WireGraph>,
    pub rest: RawFields,
}

impl Message for WireAttribute {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => encoding::string::merge(wire_type, &mut self.name, buf, context),
            6 => encoding::message::merge(wire_type, &mut **self.g.get_or_insert_default(), buf, context),
            11 => encoding::message::merge_repeated(wire_type, &mut self.graphs, buf, context),
            21 => encoding::string::merge(wire_type, &mut self.reference, buf, context),
            _ => self.rest.keep(tag, wire_type, buf),
        }
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        encoding::string::encode(1, &self.name, buf);
        self.g.iter().for_each(|body| encoding::message::encode(6, &**body, buf));
        encoding::message::encode_repeated(11, &self.graphs, buf);
        if !self.reference.is_empty() {
            encoding::string::encode(21, &self.reference, buf);
        }
        self.rest.put(buf);
    }

    fn encoded_len(&self) -> usize {
        let reference =
            if self.reference.is_empty() { 0 } else { encoding::string::encoded_len(21, &self.reference) };
        encoding::string::encoded_len(1, &self.name)
            + self.g.as_ref().map_or(0, |body| encoding::message::encoded_len(6, &**body))
            + encoding::message::encoded_len_repeated(11, &self.graphs)
            + reference
            + self.rest.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
