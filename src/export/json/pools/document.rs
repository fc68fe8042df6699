use serde::{Deserialize, Serialize};

use crate::export::json::document::VariablesText;
use crate::export::json::{BodyEntry, ImportRecord, OccupantEntry, SharesEntry, TensorRole, record};
use crate::import::json;
use crate::{Content, Loading, Pools, Variables};

/// The contents of a plan for several memories, as they stand there: claims, which
/// [`verify`](crate::verify) judges. All sizes and offsets are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolPlanDocument {
    /// [`POOL_FORMAT`](crate::export::json::POOL_FORMAT).
    pub format: String,
    /// The model's name.
    #[serde(default)]
    pub model: String,
    /// What a run costs.
    pub cost: u64,
    /// No choice of places costs less, for this order.
    pub lower_bound: u64,
    /// What would be left if every pool were as large as one wishes.
    #[serde(default)]
    pub floor: u64,
    /// Constants that are on chip before the first run.
    #[serde(default)]
    pub preloaded_bytes: u64,
    /// Alignment of what asks for none.
    pub alignment: u64,
    /// Where variables live.
    #[serde(default, with = "VariablesText")]
    pub variables: Variables,
    /// When constants come on chip.
    #[serde(default, with = "LoadingText")]
    pub loading: Loading,
    /// How many steps before its use what is copied has its place.
    #[serde(default)]
    pub prefetch: u32,
    /// The pool in which inputs are; home where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// The pool in which outputs must be; home where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<String>,
    /// How the model was imported.
    #[serde(default, deserialize_with = "record::object")]
    pub options: ImportRecord,
    /// Fingerprint of the graph; not checked where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_hash: Option<String>,
    /// Operators by index, in the order to run.
    pub order: Vec<usize>,
    /// Operators folded away, by index.
    #[serde(default)]
    pub folded: Vec<usize>,
    /// The memories, fast ones first; the last is home.
    #[serde(deserialize_with = "json::few_objects::<{ Pools::MAX_COUNT }, _, _>")]
    pub pools: Vec<PoolEntry>,
    /// The tensors that have a place or share one, by index.
    #[serde(deserialize_with = "json::objects")]
    pub tensors: Vec<PoolTensorEntry>,
    /// The workspaces that have a place, by operator.
    #[serde(default, deserialize_with = "json::objects")]
    pub scratch: Vec<PoolScratchEntry>,
    /// Copies, by when they are due.
    #[serde(default, deserialize_with = "json::objects")]
    pub transfers: Vec<TransferEntry>,
    /// Where operators find what is not in the first pool in which it has a place.
    #[serde(default, deserialize_with = "json::objects")]
    pub uses: Vec<UseEntry>,
    /// Plans of the bodies of operators that run, by operator and position.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub bodies: Vec<BodyEntry>,
}

/// A memory, and what the plan does with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolEntry {
    /// Its name; no two have one.
    pub name: String,
    /// How many bytes there are, if there is a limit.
    #[serde(default)]
    pub capacity_bytes: Option<u64>,
    /// Offsets are multiples of this power of two.
    #[serde(default = "one")]
    pub alignment: u64,
    /// Nothing above this size can live there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_bytes: Option<u64>,
    /// What can live there; everything where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Vec<ContentEntry>>,
    /// What each byte costs that an operator reads there.
    #[serde(default)]
    pub read_cost: u32,
    /// What each byte costs that an operator writes there.
    #[serde(default)]
    pub write_cost: u32,
    /// What each byte costs that is copied from there; `read_cost` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_from_cost: Option<u32>,
    /// What each byte costs that is copied to there; `write_cost` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_to_cost: Option<u32>,
    /// The end of what lies topmost.
    #[serde(default)]
    pub used_bytes: u64,
    /// Bytes that a run reads from it.
    #[serde(default)]
    pub read_bytes: u64,
    /// Bytes that a run writes to it.
    #[serde(default)]
    pub written_bytes: u64,
}

/// What a pool may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContentEntry {
    /// Inputs, outputs, and what lies between operators.
    Activations,
    /// Weights and other data that no run changes.
    Constants,
    /// State that outlives a run.
    Variables,
    /// Workspaces of operators.
    Scratch,
}

impl From<Content> for ContentEntry {
    fn from(content: Content) -> Self {
        match content {
            Content::Activations => Self::Activations,
            Content::Constants => Self::Constants,
            Content::Variables => Self::Variables,
            Content::Scratch => Self::Scratch,
        }
    }
}

impl From<ContentEntry> for Content {
    fn from(entry: ContentEntry) -> Self {
        match entry {
            ContentEntry::Activations => Self::Activations,
            ContentEntry::Constants => Self::Constants,
            ContentEntry::Variables => Self::Variables,
            ContentEntry::Scratch => Self::Scratch,
        }
    }
}

/// A tensor that has a place, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolTensorEntry {
    /// The tensor's number in the model.
    pub index: usize,
    /// Its name, made unique by [`unique_names`](crate::export::unique_names).
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Where its contents come from; not read back.
    #[serde(default)]
    pub kind: TensorRole,
    /// The pool in which it is whenever it has a place; none if it moves. Not read back.
    #[serde(default)]
    pub pool: Option<String>,
    /// Its places, by pool and time.
    #[serde(deserialize_with = "json::objects")]
    pub stays: Vec<StayEntry>,
    /// Whose memory it shares while both are needed, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<SharesEntry>,
}

/// The workspace of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolScratchEntry {
    /// The operator's number in the model.
    pub operator: usize,
    /// Size.
    pub bytes: u64,
    /// Its place.
    #[serde(deserialize_with = "json::objects")]
    pub stays: Vec<StayEntry>,
}

/// A place in a pool for some steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StayEntry {
    /// The pool's name.
    pub pool: String,
    /// Bytes from the start of the pool.
    pub offset: u64,
    /// Size, if it is not that of the tensor: in wrong plans only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The first step at which the place is its own, and the step after the last.
    pub live: [u32; 2],
}

/// A copy from one pool to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TransferEntry {
    /// The tensor's unique name.
    pub tensor: String,
    /// The tensor's number in the model.
    pub index: usize,
    /// From the start of this step it may be under way.
    pub step: u32,
    /// Before the operator of this step it is done; `step` where absent.
    #[serde(default)]
    pub due: Option<u32>,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// Bytes.
    pub bytes: u64,
}

/// An operator finds a tensor, or its workspace, in this pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UseEntry {
    /// The step of the operator.
    pub step: u32,
    /// What it reads or writes.
    pub occupant: OccupantEntry,
    /// The pool's name.
    pub pool: String,
}

/// How [`Loading`] is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Loading", rename_all = "snake_case")]
enum LoadingText {
    Once,
    EachRun,
}

fn one() -> u64 {
    1
}
