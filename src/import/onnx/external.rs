//! External data: files with weights next to the model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Buf;
use prost::Message;
use prost::encoding::{self, DecodeContext, WireType};

use super::messages::malformed;
use super::read::decode_file;
use crate::import::ImportError;

/// `TensorProto.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Messages that lead to external data.
#[derive(Clone, Copy)]
enum MessageKind {
    Model,
    Function,
    Graph,
    Node,
    Attribute,
    SparseTensor,
    Tensor,
}

/// `TensorProto`, with the fields about external data.
#[derive(Message)]
struct ExternalTensor {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<ExternalEntry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

/// `StringStringEntryProto`.
#[derive(Message)]
struct ExternalEntry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// Paths of the files with external data of a model, relative to the folder of the model, as the model states
/// them. Sorted, each once; those of bodies and functions included.
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are not an ONNX model.
pub fn external_files(bytes: &[u8]) -> Result<Vec<String>, ImportError> {
    locations(bytes)
}

/// Paths of the files with external data of a model file. They need not exist. Weights in the model are
/// skipped without being read.
///
/// # Errors
/// [`ImportError::Read`], and [`ImportError::Malformed`] if the file is not an ONNX model.
pub fn external_files_of(path: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let locations = decode_file(path, |buf| locations(buf))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(locations.into_iter().map(|location| folder.join(location)).collect())
}

/// Walks the messages that lead to tensors, without recursion: bodies may nest at any depth.
fn locations(mut buf: impl Buf) -> Result<Vec<String>, ImportError> {
    let mut files = BTreeSet::new();
    // The messages around the next field, each with the number of bytes that follow it.
    let mut open = vec![(MessageKind::Model, 0)];
    while let Some(&(kind, rest)) = open.last() {
        if buf.remaining() == rest {
            open.pop();
            continue;
        }
        let (number, wire_type) = encoding::decode_key(&mut buf).map_err(malformed)?;
        if wire_type != WireType::LengthDelimited {
            encoding::skip_field(wire_type, number, &mut buf, DecodeContext::default()).map_err(malformed)?;
            check_end(&buf, rest)?;
            continue;
        }
        let length = encoding::decode_varint(&mut buf).map_err(malformed)?;
        check_end(&buf, rest)?;
        let length = usize::try_from(length).ok().filter(|&length| length <= buf.remaining() - rest);
        let length = length.ok_or_else(too_long)?;
        match message_in(kind, number) {
            None => buf.advance(length),
            Some(MessageKind::Tensor) => {
                let tensor = ExternalTensor::decode((&mut buf).take(length)).map_err(malformed)?;
                files.extend(locations_of(tensor));
            }
            Some(kind) => open.push((kind, buf.remaining() - length)),
        }
    }
    Ok(files.into_iter().collect())
}

/// Checks that a field ends before the `rest` bytes that follow the message around it.
fn check_end(buf: &impl Buf, rest: usize) -> Result<(), ImportError> {
    if buf.remaining() < rest { Err(too_long()) } else { Ok(()) }
}

fn too_long() -> ImportError {
    malformed("a field is longer than the message around it")
}

fn locations_of(tensor: ExternalTensor) -> impl Iterator<Item = String> {
    let is_external = tensor.data_location == EXTERNAL;
    let entries = tensor.external_data.into_iter();
    entries.filter(move |entry| is_external && entry.key == "location").map(|entry| entry.value)
}

/// The message in a field, by the field numbers of `onnx.proto`; none if no external data is there.
fn message_in(kind: MessageKind, field: u32) -> Option<MessageKind> {
    match (kind, field) {
        (MessageKind::Model, 25) => Some(MessageKind::Function),
        (MessageKind::Model, 7) | (MessageKind::Attribute, 6 | 11) => Some(MessageKind::Graph),
        (MessageKind::Function, 7) | (MessageKind::Graph, 1) => Some(MessageKind::Node),
        (MessageKind::Node, 5) => Some(MessageKind::Attribute),
        (MessageKind::Graph, 15) | (MessageKind::Attribute, 22 | 23) => Some(MessageKind::SparseTensor),
        (MessageKind::Graph, 5) | (MessageKind::Attribute, 5 | 10) | (MessageKind::SparseTensor, 1 | 2) => {
            Some(MessageKind::Tensor)
        }
        _ => None,
    }
}
