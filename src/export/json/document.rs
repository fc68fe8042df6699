use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::ImportRecord;
use crate::import::json;
use crate::{How, Status, TensorKind, Variables};

/// The contents of a PLAN.json, as they stand there: claims, which
/// [`verify`](crate::verify) judges. All sizes and offsets are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlanDocument {
    /// [`FORMAT`](super::FORMAT).
    pub format: String,
    /// The model's name.
    #[serde(default)]
    pub model: String,
    /// What is known of the plan.
    #[serde(with = "StatusText")]
    pub status: Status,
    /// The strategy that found it.
    #[serde(default)]
    pub strategy: String,
    /// Size of the arena.
    pub arena_bytes: u64,
    /// No arena is smaller than this for this order.
    pub lower_bound_bytes: u64,
    /// No arena of any order is smaller than this, where orders were searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_over_orders_bytes: Option<u64>,
    /// Bytes that there are, if that was said.
    #[serde(default)]
    pub capacity_bytes: Option<u64>,
    /// Ranges of the arena that nothing may use: first byte, and byte after the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<[u64; 2]>,
    /// Alignment of what asks for none.
    pub alignment: u64,
    /// Where variables live.
    #[serde(default, with = "VariablesText")]
    pub variables: Variables,
    /// How the model was imported.
    #[serde(default, deserialize_with = "super::record::object")]
    pub options: ImportRecord,
    /// Fingerprint of the graph or the buffers; not checked where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_hash: Option<String>,
    /// Operators by index, in the order to run; absent for buffers without a
    /// graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<usize>>,
    /// Operators folded away, by index.
    #[serde(default)]
    pub folded: Vec<usize>,
    /// What causes the lower bound; where absent, the bound comes without proof.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::object")]
    pub lower_bound: Option<BoundEntry>,
    /// Shared objects by number, where the strategy thinks in them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::object")]
    pub objects: Option<ObjectList>,
    /// The tensors that have a place, by index.
    #[serde(deserialize_with = "json::objects")]
    pub tensors: Vec<TensorEntry>,
    /// The workspaces that have a place, by operator.
    #[serde(default, deserialize_with = "json::objects")]
    pub scratch: Vec<ScratchEntry>,
    /// Plans of the bodies of operators that run, by operator and position.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub bodies: Vec<BodyEntry>,
}

/// The plan of a body of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BodyEntry {
    /// The operator's number in the graph around the body.
    pub operator: usize,
    /// Position among the operator's bodies.
    pub body: usize,
    /// The plan; offsets count from the start of the operator's workspace, indices are the body's.
    #[serde(deserialize_with = "super::record::object")]
    pub plan: PlanDocument,
}

/// What causes the lower bound: all of it is live at one step, or it is one
/// tensor with a fixed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BoundEntry {
    /// What these cause, where the bound is higher by an exhaustive search, which
    /// is not searched again when the document is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certified_bytes: Option<u64>,
    /// The step.
    pub step: u32,
    /// Tensors by index.
    pub tensors: Vec<usize>,
    /// Operators, for their workspaces, by index.
    #[serde(default)]
    pub scratch: Vec<usize>,
}

/// Shared objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectList {
    /// No sharing of objects has a smaller sum of sizes, says the strategy.
    pub lower_bound_bytes: u64,
    /// The objects, by number.
    #[serde(deserialize_with = "json::objects")]
    pub list: Vec<ObjectEntry>,
    /// Where objects were merged: what was put into what.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub inside: Vec<InsideEntry>,
}

/// A tensor or workspace in the memory of a larger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsideEntry {
    /// The smaller one.
    pub guest: OccupantEntry,
    /// The larger one.
    pub host: OccupantEntry,
    /// From the start of the larger one.
    pub at: u64,
}

/// What lies in the arena, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OccupantEntry {
    /// A tensor, or a buffer.
    Tensor(usize),
    /// The workspace of an operator.
    Scratch(usize),
}

/// A fixed part of the arena that several tensors share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEntry {
    /// Size.
    pub bytes: u64,
    /// Where it lies.
    pub offset: u64,
}

/// A tensor in the arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TensorEntry {
    /// The tensor's number in the model, or the buffer's in the list.
    pub index: usize,
    /// Its name, made unique by [`unique_names`](crate::export::unique_names).
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Whether the size is an upper bound, as it depends on data; not read back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upper_bound: bool,
    /// Where its contents come from; not read back.
    #[serde(default)]
    pub kind: TensorRole,
    /// The memory that it lies in; this version knows `arena` only.
    #[serde(default = "arena")]
    pub pool: String,
    /// Where it lies.
    pub offset: u64,
    /// The first step at which it is live, and the step after the last.
    pub live: [u32; 2],
    /// When its memory is free for others: first step, and step after the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<[u32; 2]>,
    /// The number of the shared object that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// Whose memory it shares while both are needed, and how.
    #[serde(default)]
    pub shares: Option<SharesEntry>,
}

/// One, or if there are more, all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SharesEntry {
    /// With one tensor.
    One(ShareEntry),
    /// With several, or in several ways.
    Several(Vec<ShareEntry>),
}

impl SharesEntry {
    /// All of them.
    #[must_use]
    pub fn list(&self) -> &[ShareEntry] {
        match self {
            Self::One(share) => std::slice::from_ref(share),
            Self::Several(list) => list,
        }
    }
}

/// Unlike the derived one, this says what is wrong and where.
impl<'de> Deserialize<'de> for SharesEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SharesVisitor)
    }
}

struct SharesVisitor;

impl<'de> Visitor<'de> for SharesVisitor {
    type Value = SharesEntry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what the tensor shares: an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SharesEntry, A::Error> {
        ShareEntry::deserialize(MapAccessDeserializer::new(map)).map(SharesEntry::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<SharesEntry, A::Error> {
        json::objects(SeqAccessDeserializer::new(list)).map(SharesEntry::Several)
    }
}

/// Where a tensor lies in another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShareEntry {
    /// The other one's unique name.
    pub tensor: String,
    /// The other one's number in the model.
    pub index: usize,
    /// The number of the operator that permits it.
    pub operator: usize,
    /// `view`, `slice`, `concat`, `in_place` or `overlap`.
    #[serde(with = "HowText")]
    pub how: How,
    /// Bytes from the other one's start.
    pub at: u64,
}

/// How [`How`] is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "How", rename_all = "snake_case")]
enum HowText {
    View,
    Slice,
    Concat,
    InPlace,
    Overlap,
}

/// The workspace of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScratchEntry {
    /// The operator's number in the model.
    pub operator: usize,
    /// Size.
    pub bytes: u64,
    /// Where it lies.
    pub offset: u64,
    /// The step of the operator, and the next; where absent, as the order says.
    #[serde(default)]
    pub live: Option<[u32; 2]>,
    /// The number of the shared object that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
}

/// Kind and output mark in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TensorRole {
    /// Written by the caller; may be an output too.
    Input,
    /// Written by an operator and handed back.
    Output,
    /// State that outlives a run; may be an output too.
    Variable,
    /// Written by an operator for others.
    #[default]
    Intermediate,
    /// A weight; a right plan gives it no place.
    Constant,
}

impl TensorRole {
    /// The role of a tensor of this kind that is or is not an output.
    #[must_use]
    pub fn of(kind: TensorKind, is_output: bool) -> Self {
        match kind {
            TensorKind::Input => Self::Input,
            TensorKind::Constant => Self::Constant,
            TensorKind::Variable => Self::Variable,
            TensorKind::Intermediate if is_output => Self::Output,
            TensorKind::Intermediate => Self::Intermediate,
        }
    }
}

/// How [`Status`] is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Status", rename_all = "lowercase")]
enum StatusText {
    Optimal,
    Feasible,
    Infeasible,
    Unknown,
}

/// How [`Variables`] is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Variables", rename_all = "lowercase")]
pub(super) enum VariablesText {
    Arena,
    Outside,
}

pub(super) fn arena() -> String {
    "arena".to_owned()
}
