//! Graphs and functions. Their nodes are made compact one by one as they are decoded.

use std::ops::Deref;

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::messages::{OnnxAttribute, OnnxNode, OnnxSparseTensor, OnnxTensor, OperatorSet, ValueInfo};
use super::node::NodeMessage;

/// Methods of `Message` for messages that are only decoded.
macro_rules! skip_encoding {
    () => {
        fn clear(&mut self) {
            *self = Self::default();
        }

        // Messages are only decoded.
        fn encode_raw(&self, _: &mut impl BufMut) {}

        fn encoded_len(&self) -> usize {
            0
        }
    };
}
pub(super) use skip_encoding;

/// `GraphProto`.
#[derive(Debug, Default)]
pub(super) struct OnnxGraph {
    pub(super) node: Vec<OnnxNode>,
    pub(super) initializer: Vec<OnnxTensor>,
    pub(super) input: Vec<ValueInfo>,
    pub(super) output: Vec<ValueInfo>,
    pub(super) value_info: Vec<ValueInfo>,
    pub(super) sparse_initializer: Vec<OnnxSparseTensor>,
    /// The reason why the graph is invalid. Later fields are not kept.
    pub(super) fault: Option<Box<str>>,
}

impl Message for OnnxGraph {
    /// Skips all fields after the first fault, so that a file of empty messages takes no memory.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if self.fault.is_some() {
            return encoding::skip_field(wire_type, tag, buf, context);
        }
        match tag {
            1 => {
                let node = node(wire_type, buf, context)?;
                let (number, fault) = (self.node.len(), node.fault());
                self.fault = fault.map(|fault| node_fault(number, &node, &fault));
                self.node.push(node);
            }
            5 => {
                let mut tensor = OnnxTensor::default();
                encoding::message::merge(wire_type, &mut tensor, buf, context)?;
                if tensor.name.is_empty() {
                    self.fault = Some(nameless("initializer", self.initializer.len()));
                }
                self.initializer.push(tensor);
            }
            11 => self.fault = named(&mut self.input, "graph input", wire_type, buf, context)?,
            12 => self.fault = named(&mut self.output, "graph output", wire_type, buf, context)?,
            13 => self.fault = named(&mut self.value_info, "value_info", wire_type, buf, context)?,
            15 => {
                let mut tensor = OnnxSparseTensor::default();
                encoding::message::merge(wire_type, &mut tensor, buf, context)?;
                if tensor.values.as_ref().is_none_or(|values| values.name.is_empty()) {
                    self.fault = Some(nameless("sparse initializer", self.sparse_initializer.len()));
                }
                self.sparse_initializer.push(tensor);
            }
            _ => encoding::skip_field(wire_type, tag, buf, context)?,
        }
        Ok(())
    }

    skip_encoding!();
}

fn node(wire_type: WireType, buf: &mut impl Buf, context: DecodeContext) -> Result<OnnxNode, DecodeError> {
    let mut message = NodeMessage::default();
    encoding::message::merge(wire_type, &mut message, buf, context)?;
    Ok(message.into())
}

fn node_fault(number: usize, node: &OnnxNode, fault: &str) -> Box<str> {
    let title = crate::error::short(node.title());
    if title.is_empty() {
        format!("node {number} {fault}")
    } else {
        format!("node {number} (`{title}`) {fault}")
    }
    .into()
}

fn nameless(kind: &str, number: usize) -> Box<str> {
    format!("{kind} {number} has no name").into()
}

/// Decodes an entry of a list; returns a fault if it has no name.
fn named(
    list: &mut Vec<ValueInfo>,
    kind: &str,
    wire_type: WireType,
    buf: &mut impl Buf,
    context: DecodeContext,
) -> Result<Option<Box<str>>, DecodeError> {
    let mut info = ValueInfo::default();
    encoding::message::merge(wire_type, &mut info, buf, context)?;
    let fault = info.name.is_empty().then(|| nameless(kind, list.len()));
    list.push(info);
    Ok(fault)
}

/// Inputs, outputs, operator sets and attributes of a function.
#[derive(Debug, Default)]
pub(super) struct Signature {
    pub(super) input: Vec<String>,
    pub(super) output: Vec<String>,
    pub(super) opset_import: Vec<OperatorSet>,
    /// Attributes with their default values.
    pub(super) attribute_proto: Vec<OnnxAttribute>,
}

/// `FunctionProto`: a function of the model, which defines the operator of its domain and name.
#[derive(Debug, Default)]
pub(super) struct OnnxFunction {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) node: Vec<OnnxNode>,
    /// Boxed, as a file may have a million functions that consist of a name.
    signature: Option<Box<Signature>>,
    /// The reason why the function is invalid. Later fields are not kept.
    pub(super) fault: Option<Box<str>>,
}

static NO_SIGNATURE: Signature = Signature {
    input: Vec::new(),
    output: Vec::new(),
    opset_import: Vec::new(),
    attribute_proto: Vec::new(),
};

impl Deref for OnnxFunction {
    type Target = Signature;

    fn deref(&self) -> &Signature {
        self.signature.as_deref().unwrap_or(&NO_SIGNATURE)
    }
}

impl OnnxFunction {
    fn signature_mut(&mut self) -> &mut Signature {
        self.signature.get_or_insert_default()
    }
}

impl Message for OnnxFunction {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if self.fault.is_some() {
            return encoding::skip_field(wire_type, tag, buf, context);
        }
        match tag {
            1 => encoding::string::merge(wire_type, &mut self.name, buf, context)?,
            4 => encoding::string::merge_repeated(wire_type, &mut self.signature_mut().input, buf, context)?,
            5 => encoding::string::merge_repeated(wire_type, &mut self.signature_mut().output, buf, context)?,
            7 => {
                let node = node(wire_type, buf, context)?;
                let (number, fault) = (self.node.len(), node.fault());
                self.fault = fault.map(|fault| node_fault(number, &node, &fault));
                self.node.push(node);
            }
            9 => encoding::message::merge_repeated(
                wire_type,
                &mut self.signature_mut().opset_import,
                buf,
                context,
            )?,
            10 => encoding::string::merge(wire_type, &mut self.domain, buf, context)?,
            11 => self.signature_mut().attribute_proto.push(super::node::attribute(wire_type, buf, context)?),
            _ => encoding::skip_field(wire_type, tag, buf, context)?,
        }
        Ok(())
    }

    skip_encoding!();
}
