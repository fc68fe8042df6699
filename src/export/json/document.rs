//! The fields of a PLAN.json.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{ImportRecord, TilingEntry};
use crate::import::json;
use crate::{AliasKind, SharedObject, Status, TensorRole, Variables};

/// The contents of a PLAN.json as unchecked claims; [`verify`](crate::verify) checks the plan that they
/// give. All sizes and offsets are in bytes.
///
/// `T` are the tensors: their entries, or what serializes as such a list.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: From<Vec<TensorEntry>>"))]
#[non_exhaustive]
pub struct PlanDocument<T = Vec<TensorEntry>> {
    /// [`FORMAT`](super::FORMAT).
    pub format: String,
    /// Name of the model.
    #[serde(default)]
    pub model: String,
    /// Status of the plan.
    pub status: Status,
    /// Strategy that found the plan.
    #[serde(default)]
    pub strategy: String,
    /// Size of the arena.
    pub arena_bytes: u64,
    /// Lower bound on the arena for this order.
    pub lower_bound_bytes: u64,
    /// Lower bound on the arena over all orders, if orders were searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_over_orders_bytes: Option<u64>,
    /// Arena capacity, if one was given.
    #[serde(default)]
    pub capacity_bytes: Option<u64>,
    /// Reserved ranges of the arena: first byte, and end (exclusive).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<[u64; 2]>,
    /// Alignment of tensors without an alignment of their own, and of scratch.
    pub alignment: u64,
    /// Location of variables.
    #[serde(default)]
    pub variables: Variables,
    /// Import options of the model.
    #[serde(default, deserialize_with = "super::record::object")]
    pub options: ImportRecord,
    /// Fingerprint of the graph or the buffers; not checked if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_hash: Option<String>,
    /// Operators by index, in the order of execution; absent for a list of buffers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<usize>>,
    /// Folded operators, by index.
    #[serde(default)]
    pub folded: Vec<usize>,
    /// Certificate of the lower bound; if absent, the bound comes without proof.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::object")]
    pub lower_bound: Option<BoundEntry>,
    /// Shared objects by number, if the strategy made any.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::object")]
    pub objects: Option<ObjectList>,
    /// Tensors in the arena, by index.
    #[serde(deserialize_with = "tensors")]
    pub tensors: T,
    /// Tensors in buffers of the caller, by index; ignored by the reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub outside: Vec<OutsideEntry>,
    /// Scratch in the arena, by operator.
    #[serde(default, deserialize_with = "json::objects")]
    pub scratch: Vec<ScratchEntry>,
    /// Plans of the bodies of operators, by operator and position.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub bodies: Vec<BodyEntry>,
    /// The tiling. With it, the plan is one of the tiled graph: `order`, `tensors`, `scratch` and `lower_bound` have
    /// the indices of that graph.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::object")]
    pub tiling: Option<TilingEntry>,
}

fn tensors<'de, D: Deserializer<'de>, T: From<Vec<TensorEntry>>>(deserializer: D) -> Result<T, D::Error> {
    json::objects(deserializer).map(T::from)
}

/// The plan of a body of an operator.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BodyEntry {
    /// Index of the operator in the graph around the body.
    pub operator: usize,
    /// Position among the operator's bodies.
    pub body: usize,
    /// Inputs and outputs of the operator inside the memory of its bodies, by offset.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub linked: Vec<LinkedEntry>,
    /// The plan: offsets count from the start of the bodies' memory, which is that of the operator's scratch
    /// unless there are linked tensors; indices are those of the body.
    #[serde(deserialize_with = "super::record::object")]
    pub plan: PlanDocument,
}

/// An input or output of an operator inside the memory of its bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LinkedEntry {
    /// Index of the tensor in the graph around the bodies.
    pub tensor: usize,
    /// Offset from the start of the bodies' memory in bytes.
    pub at: u64,
}

/// The certificate of a lower bound: occupants that are all live at one step, or one tensor with a fixed
/// offset.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BoundEntry {
    /// Bytes that the certificate proves, if the lower bound is higher. An exhaustive search proved the
    /// rest; it is not repeated when the document is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certified_bytes: Option<u64>,
    /// The step.
    pub step: u32,
    /// Tensors by index.
    pub tensors: Vec<usize>,
    /// Operators whose scratch belongs to the certificate, by index.
    #[serde(default)]
    pub scratch: Vec<usize>,
}

/// Shared objects.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectList {
    /// Lower bound of the strategy on the total size of shared objects.
    pub lower_bound_bytes: u64,
    /// The objects, by number.
    #[serde(deserialize_with = "json::objects")]
    pub list: Vec<SharedObject>,
    /// Occupants inside larger ones, if objects were merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    #[serde(rename = "inside")]
    pub nestings: Vec<NestingEntry>,
}

/// A tensor or scratch inside the memory of a larger one.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NestingEntry {
    /// The smaller occupant.
    pub guest: OccupantEntry,
    /// The larger occupant.
    pub host: OccupantEntry,
    /// Offset from the start of the larger occupant.
    pub at: u64,
}

/// An occupant of the arena, by index.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OccupantEntry {
    /// A tensor or buffer.
    Tensor(usize),
    /// The scratch of an operator.
    Scratch(usize),
}

/// A tensor in the arena.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TensorEntry {
    /// Index of the tensor in the model, or of the buffer in the list.
    pub index: usize,
    /// Name, made unique by [`unique_names`](crate::export::unique_names).
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// True if the size is an upper bound of a size that depends on data; ignored by the reader.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upper_bound: bool,
    /// Source of its contents; ignored by the reader.
    #[serde(default)]
    pub kind: TensorRole,
    /// Memory that contains the tensor; this version accepts only `arena`.
    #[serde(default = "arena")]
    pub pool: String,
    /// Offset in the arena.
    pub offset: u64,
    /// Live range: first step, and end (exclusive).
    pub live: [u32; 2],
    /// Gaps in the live range: first step, and end (exclusive).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<[u32; 2]>,
    /// Number of the shared object that contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// The tensors whose memory it shares while both are live.
    #[serde(default)]
    #[serde(rename = "shares")]
    pub aliases: Option<AliasesEntry>,
}

/// A tensor in a buffer of the caller.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutsideEntry {
    /// Index of the tensor in the model.
    pub index: usize,
    /// Name, unique among all tensors.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Source of its contents.
    #[serde(default)]
    pub kind: TensorRole,
}

/// An alias, or a list of several.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AliasesEntry {
    /// A single alias.
    One(AliasEntry),
    /// Several aliases.
    Several(Vec<AliasEntry>),
}

impl AliasesEntry {
    /// The aliases as a list.
    #[must_use]
    pub fn list(&self) -> &[AliasEntry] {
        match self {
            Self::One(alias) => std::slice::from_ref(alias),
            Self::Several(list) => list,
        }
    }
}

/// Unlike the derived implementation, this one reports the error and its position.
impl<'de> Deserialize<'de> for AliasesEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AliasesVisitor)
    }
}

struct AliasesVisitor;

impl<'de> Visitor<'de> for AliasesVisitor {
    type Value = AliasesEntry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`shares`: an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AliasesEntry, A::Error> {
        AliasEntry::deserialize(MapAccessDeserializer::new(map)).map(AliasesEntry::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<AliasesEntry, A::Error> {
        json::objects(SeqAccessDeserializer::new(list)).map(AliasesEntry::Several)
    }
}

/// Position of a tensor in the memory of another one.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AliasEntry {
    /// Unique name of the other tensor.
    pub tensor: String,
    /// Index of the other tensor in the model.
    pub index: usize,
    /// Index of the operator that permits the sharing.
    pub operator: usize,
    /// `view`, `slice`, `concat`, `in_place` or `overlap`.
    #[serde(rename = "how")]
    pub kind: AliasKind,
    /// Offset in bytes from the start of the other tensor.
    pub at: u64,
}

/// The scratch of an operator.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScratchEntry {
    /// Index of the operator in the model.
    pub operator: usize,
    /// Size.
    pub bytes: u64,
    /// Offset in the arena.
    pub offset: u64,
    /// The step of the operator, and the next; if absent, the order gives it.
    #[serde(default)]
    pub live: Option<[u32; 2]>,
    /// Number of the shared object that contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
}

pub(super) fn arena() -> String {
    "arena".to_owned()
}
