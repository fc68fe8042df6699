//! A model as the bytes that it is: nodes are moved and metadata added without decoding
//! anything else, so that fields that nobody here knows stay.

use std::ops::Range;

use prost::Message;
use prost::encoding::{self, DecodeContext, WireType};

use super::OnnxError;
use crate::import::ImportError;

/// Fields of `ModelProto`.
const GRAPH: u32 = 7;
const METADATA: u32 = 14;
/// Of `GraphProto`.
const NODE: u32 = 1;

/// Where the parts of a model are.
pub(super) struct Model<'a> {
    bytes: &'a [u8],
    /// The graph's contents.
    graph: Range<usize>,
    /// Each whole, its key included, in the order of the file.
    nodes: Vec<Range<usize>>,
    /// The same of entries of metadata, with what they say.
    metadata: Vec<(Range<usize>, Entry)>,
}

/// `StringStringEntryProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

pub(super) struct Field {
    pub(super) number: u32,
    /// Its key included.
    pub(super) whole: Range<usize>,
    /// If it has a length.
    pub(super) contents: Option<Range<usize>>,
}

impl<'a> Model<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        let mut graph = None;
        let mut metadata = Vec::new();
        for field in fields(bytes, 0..bytes.len())? {
            match (field.number, field.contents) {
                (GRAPH, Some(_)) if graph.is_some() => {
                    return Err(OnnxError::File("the graph is in several pieces".to_owned()));
                }
                (GRAPH, Some(contents)) => graph = Some(contents),
                (METADATA, Some(contents)) => {
                    let entry = Entry::decode(&bytes[contents]).map_err(malformed)?;
                    metadata.push((field.whole, entry));
                }
                _ => {}
            }
        }
        let graph = graph.ok_or_else(|| OnnxError::File("there is no graph".to_owned()))?;
        let nodes = nodes(bytes, graph.clone())?.into_iter().map(|field| field.whole).collect();
        Ok(Self { bytes, graph, nodes, metadata })
    }

    pub(super) fn metadata(&self) -> impl Iterator<Item = &Entry> {
        self.metadata.iter().map(|(_, entry)| entry)
    }

    /// Each node, its key included.
    pub(super) fn nodes(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.nodes.iter().map(|node| &self.bytes[node.clone()])
    }

    /// What is neither a node nor an entry of metadata whose key begins with `prefix`.
    pub(super) fn rest(&self, prefix: &str) -> Vec<&'a [u8]> {
        let ours = self.metadata.iter().filter(|(_, entry)| entry.key.starts_with(prefix));
        let mut left_out: Vec<&Range<usize>> =
            self.nodes.iter().chain(ours.map(|(whole, _)| whole)).collect();
        left_out.sort_unstable_by_key(|range| range.start);
        let (mut rest, mut from) = (Vec::new(), 0);
        for range in left_out {
            rest.push(&self.bytes[from..range.start]);
            from = range.end;
        }
        rest.push(&self.bytes[from..]);
        rest
    }

    /// The same with nodes in another order: where the file has its first node, there comes
    /// that of `order`'s first number, and so on. The graph stays as long as it was, and so
    /// nothing else changes.
    pub(super) fn with_order(&self, order: &[usize]) -> Result<Vec<u8>, OnnxError> {
        permuted(self.bytes, 0..self.bytes.len(), &self.nodes, order)
    }

    /// The graph's contents.
    pub(super) fn graph(&self) -> Range<usize> {
        self.graph.clone()
    }

    /// The same with other metadata in place of those whose keys begin with `prefix`.
    pub(super) fn with_metadata(&self, prefix: &str, entries: &[(&str, String)]) -> Vec<u8> {
        let mut written = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for (whole, _) in self.metadata.iter().filter(|(_, entry)| entry.key.starts_with(prefix)) {
            written.extend_from_slice(&self.bytes[from..whole.start]);
            from = whole.end;
        }
        written.extend_from_slice(&self.bytes[from..]);
        for (key, value) in entries {
            let entry = Entry { key: (*key).to_owned(), value: value.clone() };
            encoding::message::encode(METADATA, &entry, &mut written);
        }
        written
    }

    /// Whether the graph lies where it lay in another model.
    pub(super) fn graph_length(&self) -> usize {
        self.graph.len()
    }
}

/// The nodes of a graph that is `range` of the bytes.
pub(super) fn nodes(bytes: &[u8], range: Range<usize>) -> Result<Vec<Field>, OnnxError> {
    Ok(fields(bytes, range)?.into_iter().filter(|field| field.number == NODE).collect())
}

/// A range of the bytes with the nodes in it in another order: where the first is, there comes that of
/// `order`'s first number, and so on.
pub(super) fn permuted(
    bytes: &[u8],
    range: Range<usize>,
    nodes: &[Range<usize>],
    order: &[usize],
) -> Result<Vec<u8>, OnnxError> {
    let mut seen = vec![false; nodes.len()];
    let once =
        order.iter().all(|&node| seen.get_mut(node).is_some_and(|seen| !std::mem::replace(seen, true)));
    if !once || order.len() != nodes.len() {
        return Err(OnnxError::Wrong("the order does not have every node once".to_owned()));
    }
    let mut written = Vec::with_capacity(range.len());
    let mut from = range.start;
    for (place, &node) in nodes.iter().zip(order) {
        written.extend_from_slice(&bytes[from..place.start]);
        written.extend_from_slice(&bytes[nodes[node].clone()]);
        from = place.end;
    }
    written.extend_from_slice(&bytes[from..range.end]);
    Ok(written)
}

/// The fields of a message that is `range` of the bytes.
pub(super) fn fields(bytes: &[u8], range: Range<usize>) -> Result<Vec<Field>, OnnxError> {
    let mut buf = &bytes[range.clone()];
    let mut fields = Vec::new();
    while !buf.is_empty() {
        let start = range.end - buf.len();
        let (number, wire_type) = encoding::decode_key(&mut buf).map_err(malformed)?;
        let mut contents = None;
        if wire_type == WireType::LengthDelimited {
            let length = encoding::decode_varint(&mut buf).map_err(malformed)?;
            let from = range.end - buf.len();
            let length = usize::try_from(length).ok().filter(|&length| length <= buf.len());
            let length = length.ok_or_else(|| malformed("a field is longer than the message around it"))?;
            contents = Some(from..from + length);
            buf = &buf[length..];
        } else {
            encoding::skip_field(wire_type, number, &mut buf, DecodeContext::default()).map_err(malformed)?;
        }
        fields.push(Field { number, whole: start..range.end - buf.len(), contents });
    }
    Ok(fields)
}

fn malformed(error: impl ToString) -> OnnxError {
    ImportError::malformed("ONNX", error).into()
}
