//! External data: files with weights next to the model.

use std::collections::BTreeSet;
use std::ops::Range;

use prost::Message;

use super::OnnxError;
use super::wire::{MetadataEntry, fields};
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
    external_data: Vec<MetadataEntry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

/// Paths of the files with external data of a model, relative to the folder of the model, as the model states
/// them. Sorted, each once; those of bodies and functions included.
///
/// # Errors
/// [`OnnxError::Import`] if the bytes are not an ONNX model.
pub fn external_files(bytes: &[u8]) -> Result<Vec<String>, OnnxError> {
    let mut files = BTreeSet::new();
    let mut waiting: Vec<(MessageKind, Range<usize>)> = vec![(MessageKind::Model, 0..bytes.len())];
    while let Some((kind, range)) = waiting.pop() {
        if let MessageKind::Tensor = kind {
            let tensor = ExternalTensor::decode(&bytes[range]);
            let tensor = tensor.map_err(|error| ImportError::malformed("ONNX", error))?;
            let is_location =
                |entry: &MetadataEntry| tensor.data_location == EXTERNAL && entry.key == "location";
            files.extend(
                tensor
                    .external_data
                    .iter()
                    .filter(|entry| is_location(entry))
                    .map(|entry| entry.value.clone()),
            );
            continue;
        }
        for field in fields(bytes, range)? {
            waiting.extend(message_in(kind, field.number).zip(field.contents));
        }
    }
    Ok(files.into_iter().collect())
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
