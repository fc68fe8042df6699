//! The fields of a plan for several memories.

use serde::{Deserialize, Serialize};

use crate::export::json::{
    AliasesEntry, BodyEntry, ImportRecord, OccupantEntry, OutsideEntry, TensorRole, TilingEntry, record,
};
use crate::import::json;
use crate::{Content, Loading, Pools, Variables};

/// The contents of a plan for several memories as unchecked claims; [`verify`](crate::verify) checks the
/// plan that they give. All sizes and offsets are in bytes.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolPlanDocument {
    /// [`POOL_FORMAT`](crate::export::json::POOL_FORMAT).
    pub format: String,
    /// Name of the model.
    #[serde(default)]
    pub model: String,
    /// Cost of a run.
    pub cost: u64,
    /// Lower bound on the cost of any placement, for this order.
    pub lower_bound: u64,
    /// Unavoidable cost: the cost that would remain if every pool had unlimited capacity.
    #[serde(default)]
    pub floor: u64,
    /// Bytes of constants that are copied on chip before the first run.
    #[serde(default)]
    pub preloaded_bytes: u64,
    /// Alignment of tensors without an alignment of their own, and of scratch.
    pub alignment: u64,
    /// Location of variables.
    #[serde(default)]
    pub variables: Variables,
    /// When constants are copied on chip.
    #[serde(default)]
    pub loading: Loading,
    /// Prefetch distance: a transfer has its destination this many steps before the use of the data.
    #[serde(default)]
    pub prefetch: u32,
    /// The pool in which the caller writes inputs; the backing store if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// The pool from which the caller reads outputs; the backing store if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<String>,
    /// Import options of the model.
    #[serde(default, deserialize_with = "record::object")]
    pub options: ImportRecord,
    /// Fingerprint of the graph; not checked if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_hash: Option<String>,
    /// Operators by index, in the order of execution.
    pub order: Vec<usize>,
    /// Folded operators, by index.
    #[serde(default)]
    pub folded: Vec<usize>,
    /// The memories, fast ones first; the last is the backing store.
    #[serde(deserialize_with = "json::few_objects::<{ Pools::MAX_COUNT }, _, _>")]
    pub pools: Vec<PoolEntry>,
    /// Tensors that reside in a pool or share memory, by index.
    #[serde(deserialize_with = "json::objects")]
    pub tensors: Vec<PoolTensorEntry>,
    /// Tensors in buffers of the caller, by index; ignored by the reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub outside: Vec<OutsideEntry>,
    /// Scratch by operator.
    #[serde(default, deserialize_with = "json::objects")]
    pub scratch: Vec<PoolScratchEntry>,
    /// Transfers, by due step.
    #[serde(default, deserialize_with = "json::objects")]
    pub transfers: Vec<TransferEntry>,
    /// Accesses to occupants that are not in the first of the pools that hold them.
    #[serde(default, deserialize_with = "json::objects")]
    pub uses: Vec<UseEntry>,
    /// Plans of the bodies of operators, by operator and position.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "json::objects")]
    pub bodies: Vec<BodyEntry>,
    /// The tiling. With it, the plan is one of the tiled graph: `order`, `tensors`, `scratch`, `transfers` and `uses` have
    /// the indices of that graph.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::object")]
    pub tiling: Option<TilingEntry>,
}

/// A memory, and its use by the plan.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolEntry {
    /// Name, unique among the pools.
    pub name: String,
    /// Capacity; absent for no limit.
    #[serde(default)]
    pub capacity_bytes: Option<u64>,
    /// Alignment of offsets, a power of two.
    #[serde(default = "one")]
    pub alignment: u64,
    /// Size of the largest tensor that the pool may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_bytes: Option<u64>,
    /// Contents that the pool may hold; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Vec<Content>>,
    /// Cost of a byte that an operator reads in place.
    #[serde(default)]
    pub read_cost: u32,
    /// Cost of a byte that an operator writes in place.
    #[serde(default)]
    pub write_cost: u32,
    /// Cost of a byte that is copied from the pool; `read_cost` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_from_cost: Option<u32>,
    /// Cost of a byte that is copied to the pool; `write_cost` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_to_cost: Option<u32>,
    /// End of the topmost occupant.
    #[serde(default)]
    pub used_bytes: u64,
    /// Bytes that a run reads from the pool.
    #[serde(default)]
    pub read_bytes: u64,
    /// Bytes that a run writes to the pool.
    #[serde(default)]
    pub written_bytes: u64,
}

/// A tensor with its residency intervals.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolTensorEntry {
    /// Index of the tensor in the model.
    pub index: usize,
    /// Name, made unique by [`unique_names`](crate::export::unique_names).
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Source of its contents; ignored by the reader.
    #[serde(default)]
    pub kind: TensorRole,
    /// The pool of all its residency intervals; none if it moves. Ignored by the reader.
    #[serde(default)]
    pub pool: Option<String>,
    /// Residency intervals, by pool and time.
    #[serde(deserialize_with = "json::objects")]
    #[serde(rename = "stays")]
    pub residencies: Vec<ResidencyEntry>,
    /// The tensors whose memory it shares while both are live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "shares")]
    pub aliases: Option<AliasesEntry>,
}

/// The scratch of an operator.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolScratchEntry {
    /// Index of the operator in the model.
    pub operator: usize,
    /// Size.
    pub bytes: u64,
    /// Its residency interval.
    #[serde(deserialize_with = "json::objects")]
    #[serde(rename = "stays")]
    pub residencies: Vec<ResidencyEntry>,
}

/// A residency interval.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResidencyEntry {
    /// Name of the pool.
    pub pool: String,
    /// Offset from the start of the pool.
    pub offset: u64,
    /// Size, if it differs from the size of the tensor, which is an error in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// First step of the interval, and end (exclusive).
    pub live: [u32; 2],
}

/// A transfer from one pool to another.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TransferEntry {
    /// Unique name of the tensor.
    pub tensor: String,
    /// Index of the tensor in the model.
    pub index: usize,
    /// Step at whose start the transfer may begin.
    pub step: u32,
    /// Step before whose operator the transfer is complete; `step` if absent.
    #[serde(default)]
    pub due: Option<u32>,
    /// Name of the source pool.
    pub from: String,
    /// Name of the destination pool.
    pub to: String,
    /// Number of bytes copied.
    pub bytes: u64,
}

/// The pool in which the operator of a step accesses a tensor or its scratch.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UseEntry {
    /// The step of the operator.
    pub step: u32,
    /// The tensor or scratch.
    pub occupant: OccupantEntry,
    /// Name of the pool.
    pub pool: String,
}

fn one() -> u64 {
    1
}
