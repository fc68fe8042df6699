//! Nodes of a model with all their bytes.

use prost::Message;

use super::super::OnnxError;
use super::super::wire::{self, WireField, fields};
use super::messages::Attribute;

/// Field numbers of `NodeProto`.
const INPUT: u32 = 1;
const OUTPUT: u32 = 2;
const NAME: u32 = 3;
const OP_TYPE: u32 = 4;
const ATTRIBUTE: u32 = 5;
const DOMAIN: u32 = 7;

/// A node of a file.
#[derive(Default)]
pub(super) struct TileNode<'a> {
    /// The node with its key.
    pub(super) whole: &'a [u8],
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) name: &'a str,
    pub(super) op_type: &'a str,
    /// The standard domain is empty.
    pub(super) domain: &'a str,
    pub(super) attributes: Vec<NodeAttribute<'a>>,
    /// All fields but inputs, outputs, name and attributes, each with its key.
    pub(super) others: Vec<&'a [u8]>,
}

/// An attribute of a node.
pub(super) struct NodeAttribute<'a> {
    /// The attribute with its key.
    pub(super) whole: &'a [u8],
    pub(super) value: Attribute,
}

impl<'a> TileNode<'a> {
    /// The nodes of a graph whose message is `graph`.
    pub(super) fn of_graph(
        bytes: &'a [u8],
        graph: std::ops::Range<usize>,
    ) -> Result<Vec<TileNode<'a>>, OnnxError> {
        wire::nodes(bytes, graph).map(|field| Self::read(bytes, &field?)).collect()
    }

    fn read(bytes: &'a [u8], field: &WireField) -> Result<Self, OnnxError> {
        let mut node = Self { whole: &bytes[field.whole.clone()], ..Self::default() };
        let contents = field.contents.clone().ok_or_else(|| wrong("a node is no message"))?;
        for part in fields(bytes, contents) {
            let part = part?;
            let whole = &bytes[part.whole.clone()];
            let contents = part.contents.clone().map(|range| &bytes[range]);
            let text = || {
                let text = contents.and_then(|contents| std::str::from_utf8(contents).ok());
                text.ok_or_else(|| wrong("a name of a node is no text"))
            };
            match part.number {
                INPUT => node.inputs.push(text()?),
                OUTPUT => node.outputs.push(text()?),
                NAME => node.name = text()?,
                ATTRIBUTE => {
                    let contents = contents.ok_or_else(|| wrong("an attribute is no message"))?;
                    let value = Attribute::decode(contents)
                        .map_err(|error| wrong(&format!("an attribute cannot be read ({error})")))?;
                    node.attributes.push(NodeAttribute { whole, value });
                }
                OP_TYPE | DOMAIN => {
                    let text = text()?;
                    let place = if part.number == OP_TYPE { &mut node.op_type } else { &mut node.domain };
                    *place = if text == "ai.onnx" { "" } else { text };
                    node.others.push(whole);
                }
                _ => node.others.push(whole),
            }
        }
        Ok(node)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().map(|attribute| &attribute.value).find(|value| value.name == name)
    }

    /// An attribute that is an integer; `default` if it is absent.
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i.unwrap_or(0))
    }

    /// An attribute that is a text; `default` if it is absent.
    pub(super) fn text(&self, name: &str, default: &'static str) -> &[u8] {
        self.attribute(name).map_or(default.as_bytes(), |attribute| attribute.s.as_slice())
    }

    /// An attribute that is a list of `count` numbers; `default` for each if it is absent or empty.
    pub(super) fn ints(&self, name: &str, count: usize, default: i64) -> Option<Vec<i64>> {
        match self.attribute(name).map(|attribute| &attribute.ints) {
            Some(numbers) if !numbers.is_empty() => (numbers.len() == count).then(|| numbers.clone()),
            _ => Some(vec![default; count]),
        }
    }
}

pub(super) fn wrong(reason: &str) -> OnnxError {
    OnnxError::File(reason.to_owned())
}
