//! Levels of sharing, kinds of aliases, and the permissions in force at a level.

use crate::graph::{Graph, Permit, Storage};
use crate::support::ids::{OperatorId, TensorId};

/// The level up to which a [`Planner`](crate::Planner) lets tensors share memory while both are
/// live. Each level includes the lower ones. At every level, an alias needs the permission of an
/// operator ([`Permit`](crate::Permit)).
///
/// ```
/// use plimsoll::{AliasKind, Graph, Planner, SharingLevel, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.tensor("x", TensorSpec::bytes(64));
/// let y = net.tensor("y", TensorSpec::bytes(64));
/// net.operator("conv").writes([x]);
/// net.operator("relu").reads([x]).writes([y]).in_place(x, y);
/// net.output(y);
/// let graph = net.build()?;
/// assert_eq!(Planner::new().plan(&graph)?.arena_bytes, 128);
/// let plan = Planner::new().share(SharingLevel::InPlace).plan(&graph)?;
/// assert_eq!((plan.arena_bytes, plan.aliases[0].kind), (64, AliasKind::InPlace));
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SharingLevel {
    /// No sharing.
    #[default]
    None,
    /// Views: reshapes, slices, splits.
    Views,
    /// Also outputs in place of inputs.
    InPlace,
    /// Also concatenations without copies, and partial overlap.
    All,
}

/// The kind of an alias.
///
/// Example: [`SharingLevel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum AliasKind {
    /// The tensor is a view of the whole other tensor.
    View,
    /// The tensor is a view of a part of the other tensor.
    Slice,
    /// The tensor is an input of a concatenation and is written at its position in the output, so
    /// that it need not be copied.
    Concat,
    /// The tensor is an output that overwrites the other tensor from its first byte on.
    InPlace,
    /// The two tensors overlap in part: the tensor starts within the other one, which has the lower
    /// offset.
    Overlap,
}

/// An alias: a tensor that shares memory with another tensor while both are live.
///
/// Example: [`SharingLevel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alias {
    /// The operator that permits the alias.
    pub operator: OperatorId,
    /// The tensor that is placed within the other one.
    pub tensor: TensorId,
    /// The other tensor.
    pub of: TensorId,
    /// Offset of the tensor from the start of the other one, in bytes.
    pub at: u64,
    /// The kind of the alias.
    pub kind: AliasKind,
}

/// Returns the lowest level of sharing that uses a permission.
pub(crate) fn level(permit: &Permit) -> SharingLevel {
    match permit {
        Permit::View { .. } => SharingLevel::Views,
        Permit::InPlace { .. } => SharingLevel::InPlace,
        Permit::ConcatSlice { .. } | Permit::Overlap { .. } => SharingLevel::All,
    }
}

/// Returns true if a permission is in force: the level of sharing uses it, or relative placement
/// demands it at any level. A permission between tensors of different storages is never in force, nor is one that
/// concerns a buffer of the caller: a plan does not choose its distance from other memory.
pub(crate) fn in_force(graph: &Graph, permit: &Permit, sharing: SharingLevel) -> bool {
    let (input, output) = (permit.input(), permit.output());
    let [input, output] = [input, output].map(|id| graph.tensor(id).storage());
    let may_share = input == output && *input != Storage::Outside;
    may_share && (sharing >= level(permit) || graph.is_forced(permit))
}

/// Returns true if a plan of this graph may contain aliases.
pub(crate) fn concerns(graph: &Graph, sharing: SharingLevel) -> bool {
    sharing > SharingLevel::None || !graph.relative_placements().is_empty()
}
