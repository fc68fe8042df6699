//! A model on the level of the wire format: nodes are moved and metadata added without decoding other fields,
//! so unknown fields are kept.

use std::io::{self, Write};
use std::ops::Range;

use prost::encoding::{self, DecodeContext, WireType};

use super::OnnxError;
use crate::import::ImportError;

/// Field numbers of `ModelProto`.
const GRAPH: u32 = 7;
const METADATA: u32 = 14;
/// Field number of `GraphProto`.
const NODE: u32 = 1;

/// Prefix of the metadata keys that hold a plan. A model that is rewritten loses its entries with this prefix.
const PREFIX: &str = "plimsoll.";

/// A model with the ranges of its parts.
pub(super) struct WireModel<'a> {
    bytes: &'a [u8],
    /// The message of the graph, without key and length.
    graph: Range<usize>,
    /// Each node with its key, in the order of the file.
    nodes: Vec<Range<usize>>,
    /// The metadata entries whose keys begin with [`PREFIX`]: each with its field key, and its texts.
    metadata: Vec<(Range<usize>, MetadataEntry<'a>)>,
}

/// `StringStringEntryProto`. The texts are those of the file, as a plan may have most bytes of it.
#[derive(Clone, Copy, Default)]
pub(super) struct MetadataEntry<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

/// Field numbers of `StringStringEntryProto`.
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// A field of a message.
pub(super) struct WireField {
    pub(super) number: u32,
    /// Range of the field with its key.
    pub(super) whole: Range<usize>,
    /// Range of the contents of a length-delimited field.
    pub(super) contents: Option<Range<usize>>,
}

impl<'a> WireModel<'a> {
    /// Finds the graph, its nodes and the metadata.
    ///
    /// # Errors
    /// Bytes that are not a message, or a graph that is missing or not contiguous.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        let mut graph = None;
        let mut metadata = Vec::new();
        for field in fields(bytes, 0..bytes.len()) {
            let field = field?;
            match (field.number, field.contents) {
                (GRAPH, Some(_)) if graph.is_some() => {
                    return Err(OnnxError::File("the graph is split into several fields".to_owned()));
                }
                (GRAPH, Some(contents)) => graph = Some(contents),
                (METADATA, Some(contents)) => {
                    let entry = MetadataEntry::read(bytes, contents)?;
                    metadata.extend(entry.key.starts_with(PREFIX).then_some((field.whole, entry)));
                }
                _ => {}
            }
        }
        let graph = graph.ok_or_else(|| OnnxError::File("the model has no graph".to_owned()))?;
        let nodes = nodes(bytes, graph.clone()).map(|field| Ok(field?.whole));
        Ok(Self { bytes, nodes: nodes.collect::<Result<_, OnnxError>>()?, graph, metadata })
    }

    /// The metadata entries that hold a plan.
    pub(super) fn metadata(&self) -> impl Iterator<Item = MetadataEntry<'a>> {
        self.metadata.iter().map(|&(_, entry)| entry)
    }

    /// Each node with its key, in the order of the file.
    pub(super) fn nodes(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.nodes.iter().map(|node| &self.bytes[node.clone()])
    }

    /// All bytes except nodes and metadata that hold a plan.
    pub(super) fn rest(&self) -> Vec<&'a [u8]> {
        let ours = self.metadata.iter().map(|(whole, _)| whole);
        let mut excluded: Vec<&Range<usize>> = self.nodes.iter().chain(ours).collect();
        excluded.sort_unstable_by_key(|range| range.start);
        let (mut rest, mut from) = (Vec::new(), 0);
        for range in excluded {
            rest.push(&self.bytes[from..range.start]);
            from = range.end;
        }
        rest.push(&self.bytes[from..]);
        rest
    }

    /// The model with its nodes in another order: node `order[i]` replaces node `i`. The length of the graph does
    /// not change, so all other bytes stay.
    pub(super) fn with_order(&self, order: &[usize]) -> Result<Vec<u8>, OnnxError> {
        permuted(self.bytes, 0..self.bytes.len(), &self.nodes, order)
    }

    /// Range of the graph message.
    pub(super) fn graph(&self) -> Range<usize> {
        self.graph.clone()
    }

    /// The model with new metadata instead of those that hold a plan: `entries`, and the text that `text` writes
    /// with the key `key`. `text` runs twice: the length of a text comes before it.
    pub(super) fn with_metadata(
        &self,
        entries: &[(&str, String)],
        (key, text): (&str, impl Fn(&mut dyn Write) -> io::Result<()>),
    ) -> io::Result<Vec<u8>> {
        let mut counted = ByteCount(0);
        text(&mut counted)?;
        let mut added = Vec::new();
        for (key, value) in entries {
            begin_entry(key, value.len(), &mut added);
            added.extend_from_slice(value.as_bytes());
        }
        begin_entry(key, counted.0, &mut added);
        let mut written = Vec::with_capacity(self.bytes.len() + added.len() + counted.0);
        let mut from = 0;
        for (whole, _) in &self.metadata {
            written.extend_from_slice(&self.bytes[from..whole.start]);
            from = whole.end;
        }
        written.extend_from_slice(&self.bytes[from..]);
        written.append(&mut added);
        text(&mut written)?;
        Ok(written)
    }

    /// Length of the graph message.
    pub(super) fn graph_length(&self) -> usize {
        self.graph.len()
    }
}

impl<'a> MetadataEntry<'a> {
    /// Reads the message that is `range` of the bytes. The last field of a number counts.
    fn read(bytes: &'a [u8], range: Range<usize>) -> Result<Self, OnnxError> {
        let mut entry = Self::default();
        for field in fields(bytes, range) {
            let WireField { number, contents, .. } = field?;
            let text = match number {
                KEY => &mut entry.key,
                VALUE => &mut entry.value,
                _ => continue,
            };
            let contents = contents.ok_or_else(|| malformed("a metadata entry holds no text"))?;
            *text = std::str::from_utf8(&bytes[contents]).map_err(malformed)?;
        }
        Ok(entry)
    }
}

/// Number of bytes written.
struct ByteCount(usize);

impl Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a metadata entry up to its value, which has `length` bytes.
fn begin_entry(key: &str, length: usize, written: &mut Vec<u8>) {
    let text = |number, length: usize, out: &mut Vec<u8>| {
        encoding::encode_key(number, WireType::LengthDelimited, out);
        encoding::encode_varint(length as u64, out);
    };
    let mut head = Vec::new();
    text(KEY, key.len(), &mut head);
    head.extend_from_slice(key.as_bytes());
    text(VALUE, length, &mut head);
    text(METADATA, head.len() + length, written);
    written.append(&mut head);
}

/// The nodes of a graph whose message is `range` of the bytes.
pub(super) fn nodes(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Result<WireField, OnnxError>> {
    fields(bytes, range).filter(|field| field.as_ref().map_or(true, |field| field.number == NODE))
}

/// A range of the bytes with the nodes in it in another order: node `order[i]` replaces node `i`.
pub(super) fn permuted(
    bytes: &[u8],
    range: Range<usize>,
    nodes: &[Range<usize>],
    order: &[usize],
) -> Result<Vec<u8>, OnnxError> {
    let mut seen = vec![false; nodes.len()];
    let is_permutation =
        order.iter().all(|&node| seen.get_mut(node).is_some_and(|seen| !std::mem::replace(seen, true)));
    if !is_permutation || order.len() != nodes.len() {
        return Err(OnnxError::Wrong("the order does not contain every node once".to_owned()));
    }
    let mut written = Vec::with_capacity(range.len());
    let mut from = range.start;
    for (old, &node) in nodes.iter().zip(order) {
        written.extend_from_slice(&bytes[from..old.start]);
        written.extend_from_slice(&bytes[nodes[node].clone()]);
        from = old.end;
    }
    written.extend_from_slice(&bytes[from..range.end]);
    Ok(written)
}

/// The fields of a message that is `range` of the bytes, in the order of the file. They end after an error.
pub(super) fn fields(
    bytes: &[u8],
    range: Range<usize>,
) -> impl Iterator<Item = Result<WireField, OnnxError>> {
    let mut buf = &bytes[range.clone()];
    std::iter::from_fn(move || {
        let field = (!buf.is_empty()).then(|| next_field(&mut buf, range.end))?;
        if field.is_err() {
            buf = &[];
        }
        Some(field)
    })
}

/// Reads the first field of `buf`, which ends at byte `end` of the file.
fn next_field(buf: &mut &[u8], end: usize) -> Result<WireField, OnnxError> {
    let start = end - buf.len();
    let (number, wire_type) = encoding::decode_key(buf).map_err(malformed)?;
    let mut contents = None;
    if wire_type == WireType::LengthDelimited {
        let length = encoding::decode_varint(buf).map_err(malformed)?;
        let from = end - buf.len();
        let length = usize::try_from(length).ok().filter(|&length| length <= buf.len());
        let length = length.ok_or_else(|| malformed("a field is longer than the message around it"))?;
        contents = Some(from..from + length);
        *buf = &buf[length..];
    } else {
        encoding::skip_field(wire_type, number, buf, DecodeContext::default()).map_err(malformed)?;
    }
    Ok(WireField { number, whole: start..end - buf.len(), contents })
}

fn malformed(error: impl ToString) -> OnnxError {
    ImportError::malformed("ONNX", error).into()
}
