//! Nodes in compact form, as a file of a few MB may have a million nodes.

use std::ops::Deref;

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};
use smallvec::SmallVec;

use super::graph::{OnnxGraph, skip_encoding};
use super::messages::{OnnxSparseTensor, OnnxTensor};

/// `NodeProto`, with all names in one allocation.
#[derive(Debug, Default)]
pub(super) struct OnnxNode {
    /// Concatenated: operator type, domain, name, inputs, outputs.
    text: Box<str>,
    /// The end of each of them. Inline for most nodes, which have one input and one output.
    ends: SmallVec<[u32; 5]>,
    inputs: u32,
    pub(super) attribute: Box<[OnnxAttribute]>,
}

/// Names of the inputs or outputs of a node, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeNames<'m> {
    text: &'m str,
    ends: &'m [u32],
    start: u32,
}

impl<'m> NodeNames<'m> {
    pub(super) fn len(self) -> usize {
        self.ends.len()
    }

    #[cfg(feature = "onnx-shapes")]
    pub(super) fn is_empty(self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn get(self, number: usize) -> Option<&'m str> {
        let end = *self.ends.get(number)?;
        let start = if number == 0 { self.start } else { self.ends[number - 1] };
        Some(&self.text[start as usize..end as usize])
    }

    pub(super) fn first(self) -> Option<&'m str> {
        self.get(0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'m str> {
        (0..self.len()).filter_map(move |number| self.get(number))
    }
}

/// The number of strings before the names of inputs: operator type, domain, name.
const STRINGS_BEFORE_INPUTS: usize = 3;

impl OnnxNode {
    fn names(&self, from: usize, to: usize) -> NodeNames<'_> {
        let start = if from == 0 { 0 } else { self.ends.get(from - 1).copied().unwrap_or(0) };
        NodeNames { text: &self.text, ends: self.ends.get(from..to).unwrap_or(&[]), start }
    }

    pub(super) fn op_type(&self) -> &str {
        self.names(0, 1).first().unwrap_or("")
    }

    pub(super) fn domain(&self) -> &str {
        self.names(1, 2).first().unwrap_or("")
    }

    pub(super) fn name(&self) -> &str {
        self.names(2, 3).first().unwrap_or("")
    }

    pub(super) fn input(&self) -> NodeNames<'_> {
        self.names(STRINGS_BEFORE_INPUTS, STRINGS_BEFORE_INPUTS + self.inputs as usize)
    }

    pub(super) fn output(&self) -> NodeNames<'_> {
        self.names(STRINGS_BEFORE_INPUTS + self.inputs as usize, self.ends.len())
    }

    /// The name of the node in messages: names are optional, so else that of its first output.
    pub(super) fn title(&self) -> &str {
        let names = std::iter::once(self.name()).chain(self.output().iter());
        names.into_iter().find(|name| !name.is_empty()).unwrap_or("")
    }

    /// The reason why the node is invalid.
    pub(super) fn fault(&self) -> Option<String> {
        if self.op_type().is_empty() {
            return Some("has no operator type".to_owned());
        }
        if self.input().iter().chain(self.output().iter()).all(str::is_empty) {
            return Some("has neither inputs nor outputs".to_owned());
        }
        self.attribute.iter().find_map(|attribute| {
            if attribute.name.is_empty() {
                return Some("has an attribute without a name".to_owned());
            }
            let mut bodies = attribute.g.as_deref().into_iter().chain(&attribute.graphs);
            let fault = bodies.find_map(|body| body.fault.as_deref())?;
            Some(format!("has a body in which {fault}"))
        })
    }
}

/// `NodeProto` as decoded, before it is made compact.
#[derive(Debug, Default)]
pub(super) struct NodeMessage {
    input: Vec<String>,
    output: Vec<String>,
    name: String,
    op_type: String,
    domain: String,
    attribute: Vec<OnnxAttribute>,
}

impl Message for NodeMessage {
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
            // An attribute without a name makes the node invalid, so later ones are not kept.
            5 if self.attribute.last().is_none_or(|last| !last.name.is_empty()) => {
                self.attribute.push(attribute(wire_type, buf, context)?);
                Ok(())
            }
            7 => encoding::string::merge(wire_type, &mut self.domain, buf, context),
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    skip_encoding!();
}

impl From<NodeMessage> for OnnxNode {
    fn from(message: NodeMessage) -> Self {
        let head = [message.op_type, message.domain, message.name];
        let names = || head.iter().chain(&message.input).chain(&message.output);
        let mut text = String::with_capacity(names().map(String::len).sum());
        let mut ends =
            SmallVec::with_capacity(STRINGS_BEFORE_INPUTS + message.input.len() + message.output.len());
        for name in names() {
            text.push_str(name);
            // The format limits a message to 2 GiB.
            ends.push(text.len() as u32);
        }
        Self {
            text: text.into_boxed_str(),
            ends,
            inputs: message.input.len() as u32,
            attribute: message.attribute.into(),
        }
    }
}

/// `AttributeProto`. Values that few attributes have are boxed together.
#[derive(Debug, Default)]
pub(super) struct OnnxAttribute {
    pub(super) name: Box<str>,
    pub(super) i: i64,
    #[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "only rules read it"))]
    pub(super) f: f32,
    values: Option<Box<AttributeValues>>,
}

/// All values of an attribute except single numbers.
#[derive(Debug)]
pub(super) struct AttributeValues {
    #[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "only rules read it"))]
    pub(super) s: Vec<u8>,
    pub(super) t: Option<Box<OnnxTensor>>,
    pub(super) g: Option<Box<OnnxGraph>>,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) graphs: Vec<OnnxGraph>,
    /// In a function: the attribute of the call whose value this attribute takes.
    pub(super) ref_attr_name: String,
    pub(super) sparse_tensor: Option<Box<OnnxSparseTensor>>,
}

static NO_VALUES: AttributeValues = AttributeValues {
    s: Vec::new(),
    t: None,
    g: None,
    floats: Vec::new(),
    ints: Vec::new(),
    graphs: Vec::new(),
    ref_attr_name: String::new(),
    sparse_tensor: None,
};

impl Deref for OnnxAttribute {
    type Target = AttributeValues;

    fn deref(&self) -> &AttributeValues {
        self.values.as_deref().unwrap_or(&NO_VALUES)
    }
}

/// `AttributeProto` as decoded.
#[derive(Message)]
struct AttributeMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(float, tag = "2")]
    f: f32,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(bytes = "vec", tag = "4")]
    s: Vec<u8>,
    #[prost(message, optional, boxed, tag = "5")]
    t: Option<Box<OnnxTensor>>,
    #[prost(message, optional, boxed, tag = "6")]
    g: Option<Box<OnnxGraph>>,
    #[prost(float, repeated, tag = "7")]
    floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    ints: Vec<i64>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<OnnxGraph>,
    #[prost(string, tag = "21")]
    ref_attr_name: String,
    #[prost(message, optional, boxed, tag = "22")]
    sparse_tensor: Option<Box<OnnxSparseTensor>>,
}

/// Decodes an attribute.
pub(super) fn attribute(
    wire_type: WireType,
    buf: &mut impl Buf,
    context: DecodeContext,
) -> Result<OnnxAttribute, DecodeError> {
    let mut message = AttributeMessage::default();
    encoding::message::merge(wire_type, &mut message, buf, context)?;
    Ok(message.into())
}

impl From<AttributeMessage> for OnnxAttribute {
    fn from(message: AttributeMessage) -> Self {
        let AttributeMessage { name, f, i, s, t, g, floats, ints, graphs, ref_attr_name, sparse_tensor } =
            message;
        let is_plain = s.is_empty() && floats.is_empty() && ints.is_empty() && graphs.is_empty();
        let is_plain = is_plain && t.is_none() && g.is_none() && sparse_tensor.is_none();
        let values = AttributeValues { s, t, g, floats, ints, graphs, ref_attr_name, sparse_tensor };
        let is_plain = is_plain && values.ref_attr_name.is_empty();
        Self { name: name.into(), i, f, values: (!is_plain).then(|| Box::new(values)) }
    }
}
