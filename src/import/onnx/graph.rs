//! Graphs and functions: lists of nodes, which are made compact one by one as they are decoded.

use std::ops::Deref;

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::messages::{Attribute, Node, OperatorSet, SparseTensor, Tensor, ValueInfo};
use super::node::NodeMessage;

/// The methods of messages that are only read.
macro_rules! skip_encoding {
    () => {
        fn clear(&mut self) {
            *self = Self::default();
        }

        // Nothing is written.
        fn encode_raw(&self, _: &mut impl BufMut) {}

        fn encoded_len(&self) -> usize {
            0
        }
    };
}
pub(super) use skip_encoding;

#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) node: Vec<Node>,
    pub(super) initializer: Vec<Tensor>,
    pub(super) input: Vec<ValueInfo>,
    pub(super) output: Vec<ValueInfo>,
    pub(super) value_info: Vec<ValueInfo>,
    pub(super) sparse_initializer: Vec<SparseTensor>,
    /// Why it is no graph of ONNX; what comes after that is not kept.
    pub(super) fault: Option<Box<str>>,
}

impl Message for Graph {
    /// Stops keeping at the first fault, so that a file of empty messages takes no memory.
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
                let mut tensor = Tensor::default();
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
                let mut tensor = SparseTensor::default();
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

fn node(wire_type: WireType, buf: &mut impl Buf, context: DecodeContext) -> Result<Node, DecodeError> {
    let mut message = NodeMessage::default();
    encoding::message::merge(wire_type, &mut message, buf, context)?;
    Ok(message.into())
}

fn node_fault(number: usize, node: &Node, fault: &str) -> Box<str> {
    let title = crate::error::short(node.title());
    if title.is_empty() {
        format!("node {number} {fault}")
    } else {
        format!("node {number} (`{title}`) {fault}")
    }
    .into()
}

fn nameless(what: &str, number: usize) -> Box<str> {
    format!("{what} {number} has no name").into()
}

/// Takes in an entry of a list; returns what is wrong with it.
fn named(
    list: &mut Vec<ValueInfo>,
    what: &str,
    wire_type: WireType,
    buf: &mut impl Buf,
    context: DecodeContext,
) -> Result<Option<Box<str>>, DecodeError> {
    let mut info = ValueInfo::default();
    encoding::message::merge(wire_type, &mut info, buf, context)?;
    let fault = info.name.is_empty().then(|| nameless(what, list.len()));
    list.push(info);
    Ok(fault)
}

/// What a function takes and returns.
#[derive(Debug, Default)]
pub(super) struct Signature {
    pub(super) input: Vec<String>,
    pub(super) output: Vec<String>,
    pub(super) opset_import: Vec<OperatorSet>,
    /// Attributes with what they are if the caller gives none.
    pub(super) attribute_proto: Vec<Attribute>,
}

/// A function of the model's own, which stands for any operator of its name.
#[derive(Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) node: Vec<Node>,
    /// Apart, as a file may have a million functions that are only names.
    signature: Option<Box<Signature>>,
    /// Why it is no function of ONNX; what comes after that is not kept.
    pub(super) fault: Option<Box<str>>,
}

static NO_SIGNATURE: Signature = Signature {
    input: Vec::new(),
    output: Vec::new(),
    opset_import: Vec::new(),
    attribute_proto: Vec::new(),
};

impl Deref for Function {
    type Target = Signature;

    fn deref(&self) -> &Signature {
        self.signature.as_deref().unwrap_or(&NO_SIGNATURE)
    }
}

impl Function {
    fn signature_mut(&mut self) -> &mut Signature {
        self.signature.get_or_insert_default()
    }
}

impl Message for Function {
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
