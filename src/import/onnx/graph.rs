//! Models, graphs, functions and nodes, which contain each other.
//!
//! A file of a few bytes per node may have a million nodes. So each node is decoded into a message of strings
//! and lists, and then stored as an [`OnnxNode`] with all its text in one allocation, before the next node is
//! decoded.

use std::ops::Deref;
use std::sync::LazyLock;

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::messages::{OperatorSet, Unread, ValueInfo, skip_encoding};
use super::node::NodeText;
use super::tensor::{OnnxSparseTensor, OnnxTensor};

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

/// `GraphProto`.
#[derive(Clone, Debug, Default)]
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
        let field = (wire_type, context);
        self.fault = match tag {
            _ if self.fault.is_some() => return encoding::skip_field(wire_type, tag, buf, field.1),
            1 => add_node(&mut self.node, field, buf)?,
            5 => add_named(&mut self.initializer, "initializer", |tensor| &tensor.name, field, buf)?,
            11 => add_named(&mut self.input, "graph input", |info| &info.name, field, buf)?,
            12 => add_named(&mut self.output, "graph output", |info| &info.name, field, buf)?,
            13 => add_named(&mut self.value_info, "value_info", |info| &info.name, field, buf)?,
            15 => add_named(
                &mut self.sparse_initializer,
                "sparse initializer",
                |tensor| tensor.name(),
                field,
                buf,
            )?,
            _ => return encoding::skip_field(wire_type, tag, buf, field.1),
        };
        Ok(())
    }

    skip_encoding!();
}

/// Decodes an entry and adds it to the list. Returns a fault if the entry has no name.
fn add_named<T: Message + Default>(
    list: &mut Vec<T>,
    kind: &str,
    name: fn(&T) -> &str,
    (wire_type, context): (WireType, DecodeContext),
    buf: &mut impl Buf,
) -> Result<Option<Box<str>>, DecodeError> {
    let mut entry = T::default();
    encoding::message::merge(wire_type, &mut entry, buf, context)?;
    let fault = name(&entry).is_empty().then(|| format!("{kind} {} has no name", list.len()).into());
    list.push(entry);
    Ok(fault)
}

/// Decodes a node and adds it to the list. Returns the fault of the node, if it has one.
fn add_node(
    list: &mut Vec<OnnxNode>,
    (wire_type, context): (WireType, DecodeContext),
    buf: &mut impl Buf,
) -> Result<Option<Box<str>>, DecodeError> {
    let mut message = NodeMessage::default();
    encoding::message::merge(wire_type, &mut message, buf, context)?;
    let node = OnnxNode::from(message);
    let fault = node.fault().map(|fault| {
        let number = list.len();
        match crate::error::short(node.title()) {
            title if title.is_empty() => format!("node {number} {fault}").into(),
            title => format!("node {number} (`{title}`) {fault}").into(),
        }
    });
    list.push(node);
    Ok(fault)
}

/// Inputs, outputs, operator sets and attributes of a function.
#[derive(Message)]
pub(super) struct Signature {
    #[prost(string, repeated, tag = "4")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    pub(super) output: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    pub(super) opset_import: Vec<OperatorSet>,
    /// Attributes with their default values.
    #[prost(message, repeated, tag = "11")]
    pub(super) attribute_proto: Vec<OnnxAttribute>,
    /// Distinguishes functions of one name.
    #[prost(string, tag = "13")]
    pub(super) overload: String,
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

static NO_SIGNATURE: LazyLock<Signature> = LazyLock::new(Signature::default);

impl Deref for OnnxFunction {
    type Target = Signature;

    fn deref(&self) -> &Signature {
        self.signature.as_deref().unwrap_or(&NO_SIGNATURE)
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
        match tag {
            _ if self.fault.is_some() => encoding::skip_field(wire_type, tag, buf, context),
            1 => encoding::string::merge(wire_type, &mut self.name, buf, context),
            4 | 5 | 9 | 11 | 13 => {
                self.signature.get_or_insert_default().merge_field(tag, wire_type, buf, context)
            }
            7 => {
                self.fault = add_node(&mut self.node, (wire_type, context), buf)?;
                Ok(())
            }
            10 => encoding::string::merge(wire_type, &mut self.domain, buf, context),
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    skip_encoding!();
}

/// `NodeProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct OnnxNode {
    text: NodeText,
    pub(super) attribute: Box<[OnnxAttribute]>,
}

impl Deref for OnnxNode {
    type Target = NodeText;

    fn deref(&self) -> &NodeText {
        &self.text
    }
}

impl OnnxNode {
    pub(super) fn new(text: NodeText, attribute: Box<[OnnxAttribute]>) -> Self {
        Self { text, attribute }
    }

    /// The attribute of a name.
    pub(super) fn attribute(&self, name: &str) -> Option<&OnnxAttribute> {
        self.attribute.iter().find(|attribute| *attribute.name == *name)
    }

    /// The graphs among the attributes: bodies that the node runs.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &OnnxGraph> {
        self.attribute.iter().flat_map(OnnxAttribute::bodies)
    }

    /// As [`OnnxNode::bodies`].
    pub(super) fn bodies_mut(&mut self) -> impl Iterator<Item = &mut OnnxGraph> {
        let values = self.attribute.iter_mut().filter_map(|attribute| attribute.values.as_deref_mut());
        values.flat_map(|values| values.g.as_deref_mut().into_iter().chain(&mut values.graphs))
    }

    /// The reason why the node is invalid.
    fn fault(&self) -> Option<String> {
        if self.op_type().is_empty() {
            return Some("has no operator type".to_owned());
        }
        if self.input().iter().chain(self.output().iter()).all(str::is_empty) {
            return Some("has neither inputs nor outputs".to_owned());
        }
        if self.attribute.iter().any(|attribute| attribute.name.is_empty()) {
            return Some("has an attribute without a name".to_owned());
        }
        let fault = self.bodies().find_map(|body| body.fault.as_deref())?;
        Some(format!("has a body in which {fault}"))
    }
}

/// `NodeProto` as decoded, before it is made compact.
#[derive(Debug, Default)]
struct NodeMessage {
    input: Vec<String>,
    output: Vec<String>,
    /// Operator type, domain, name, overload.
    head: [String; 4],
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
            3 => encoding::string::merge(wire_type, &mut self.head[2], buf, context),
            4 => encoding::string::merge(wire_type, &mut self.head[0], buf, context),
            // An attribute without a name makes the node invalid, so later ones are not kept.
            5 if self.attribute.last().is_none_or(|last| !last.name.is_empty()) => {
                encoding::message::merge_repeated(wire_type, &mut self.attribute, buf, context)
            }
            7 => encoding::string::merge(wire_type, &mut self.head[1], buf, context),
            8 => encoding::string::merge(wire_type, &mut self.head[3], buf, context),
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    skip_encoding!();
}

impl From<NodeMessage> for OnnxNode {
    fn from(NodeMessage { input, output, head, attribute }: NodeMessage) -> Self {
        Self { text: NodeText::new(&head, &input, &output), attribute: attribute.into() }
    }
}

/// `AttributeProto`. Values that few attributes have are boxed together.
#[derive(Clone, Debug, Default)]
pub(super) struct OnnxAttribute {
    pub(super) name: Box<str>,
    pub(super) i: i64,
    pub(super) f: f32,
    /// The number of strings of a list, which are not read.
    pub(super) strings: u32,
    pub(super) values: Option<Box<AttributeValues>>,
}

impl OnnxAttribute {
    /// The graphs of the attribute.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &OnnxGraph> {
        self.g.as_deref().into_iter().chain(&self.graphs)
    }
}

/// All values of an attribute except single numbers.
#[derive(Clone, Message)]
pub(super) struct AttributeValues {
    #[prost(bytes = "vec", tag = "4")]
    pub(super) s: Vec<u8>,
    #[prost(message, optional, boxed, tag = "5")]
    pub(super) t: Option<Box<OnnxTensor>>,
    #[prost(message, optional, boxed, tag = "6")]
    pub(super) g: Option<Box<OnnxGraph>>,
    #[prost(float, repeated, tag = "7")]
    pub(super) floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub(super) ints: Vec<i64>,
    #[prost(message, repeated, tag = "11")]
    pub(super) graphs: Vec<OnnxGraph>,
    /// In a function: the attribute of the call whose value this attribute takes.
    #[prost(string, tag = "21")]
    pub(super) ref_attr_name: String,
    #[prost(message, optional, boxed, tag = "22")]
    pub(super) sparse_tensor: Option<Box<OnnxSparseTensor>>,
}

static NO_VALUES: LazyLock<AttributeValues> = LazyLock::new(AttributeValues::default);

impl Deref for OnnxAttribute {
    type Target = AttributeValues;

    fn deref(&self) -> &AttributeValues {
        self.values.as_deref().unwrap_or(&NO_VALUES)
    }
}

impl Message for OnnxAttribute {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let mut name = String::new();
                encoding::string::merge(wire_type, &mut name, buf, context)?;
                self.name = name.into();
                Ok(())
            }
            2 => encoding::float::merge(wire_type, &mut self.f, buf, context),
            3 => encoding::int64::merge(wire_type, &mut self.i, buf, context),
            9 => {
                self.strings = self.strings.saturating_add(1);
                encoding::skip_field(wire_type, tag, buf, context)
            }
            4..=8 | 11 | 21 | 22 => {
                self.values.get_or_insert_default().merge_field(tag, wire_type, buf, context)
            }
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    skip_encoding!();
}
