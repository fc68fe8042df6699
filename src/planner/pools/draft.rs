//! Drafts: an order, its aliases, and the items to place.

use super::items::{ItemBuilder, PlacementItems};
use crate::error::{Error, PoolsProblem, Result};
use crate::graph::{Graph, Pools};
use crate::liveness::Liveness;
use crate::placement::{CostEstimate, estimate};
use crate::planner::Planner;
use crate::sharing::{
    Alias, AliasLayout, Alignment, ContentAliases, RigidGroups, SharingPolicy, concerns, live_ranges,
};
use crate::support::ids::{OperatorId, TensorId};

/// Above this number of tensors in a rigid group, fewer aliases are used: every move of a group
/// examines all its members.
const MOST_TOGETHER: usize = 2000;

pub(super) struct PlacementDraft {
    pub(super) order: Vec<OperatorId>,
    pub(super) aliases: Vec<Alias>,
    pub(super) items: PlacementItems,
}

/// A draft with its estimated cost.
pub(super) struct EstimatedDraft {
    pub(super) draft: PlacementDraft,
    pub(super) policy: SharingPolicy,
    pub(super) estimate: CostEstimate,
}

/// State shared by all drafts of a graph.
pub(super) struct Drafts<'a> {
    planner: &'a Planner,
    pub(super) graph: &'a Graph,
    pools: &'a Pools,
    alignment: Alignment,
    contents: ContentAliases,
}

impl<'a> Drafts<'a> {
    /// # Errors
    /// [`Error::Pools`] if a tensor has a fixed offset; [`Error::Storage`] if a tensor must be in a pool that does
    /// not exist.
    pub(super) fn new(planner: &'a Planner, graph: &'a Graph, pools: &'a Pools) -> Result<Self> {
        let is_fixed = |id: &TensorId| graph.tensor(*id).fixed_offset().is_some();
        if let Some(tensor) = graph.tensor_ids().find(is_fixed) {
            return Err(Error::Pools(PoolsProblem::FixedOffset { tensor: graph.named_tensor(tensor) }));
        }
        pools.check_storages(graph)?;
        // A group keeps its internal distances in every pool, so they fit the largest alignment.
        let least = pools.list().iter().map(|pool| pool.alignment).max().unwrap_or(1);
        let alignment = Alignment { default: planner.alignment, minimum: least };
        let (contents, _) = ContentAliases::within(&planner.limits, graph, alignment, planner.sharing)?;
        Ok(Self { planner, graph, pools, alignment, contents })
    }

    /// The draft of an order with the aliases that a sharing policy grants in it.
    ///
    /// # Errors
    /// As [`Planner::place_in_order`].
    pub(super) fn draft(&self, order: &[OperatorId], policy: SharingPolicy) -> Result<PlacementDraft> {
        let Planner { alignment, variables, sharing, .. } = *self.planner;
        let liveness = Liveness::new(self.graph, order, alignment, variables)?;
        let live = live_ranges(self.graph, &liveness);
        let limits = &self.planner.limits;
        limits.check_cancelled()?;
        let (layout, _) =
            AliasLayout::within(limits, self.graph, &self.contents, &live, self.alignment, (order, policy))?;
        drop(live);
        let RigidGroups { position, members, .. } = RigidGroups::new(&liveness, &layout)?;
        let AliasLayout { aliases, .. } = layout;
        limits.check_cancelled()?;
        let [.., least] = SharingPolicy::variants(sharing);
        if policy != least && members.rows().any(|own| own.len() > MOST_TOGETHER) {
            drop((position, members, aliases, liveness));
            return self.draft(order, least);
        }
        let run = ItemBuilder {
            graph: self.graph,
            order,
            pools: self.pools,
            alignment,
            liveness: &liveness,
            position: &position,
            members: &members,
            aliases: &aliases,
            limits,
        };
        let items = run.items()?;
        Ok(PlacementDraft { order: order.to_vec(), aliases, items })
    }

    /// The draft of an order under a sharing policy, with its estimated cost.
    ///
    /// # Errors
    /// As [`draft`](Self::draft).
    pub(super) fn estimated(&self, order: &[OperatorId], policy: SharingPolicy) -> Result<EstimatedDraft> {
        let draft = self.draft(order, policy)?;
        let estimate = estimate(&draft.items.instance);
        self.planner.limits.check_cancelled()?;
        Ok(EstimatedDraft { draft, policy, estimate })
    }

    /// The draft of an order under the sharing policy of the lowest estimated cost. For large graphs,
    /// only the policies with the most and the fewest aliases are tried; after the deadline, the first
    /// one only.
    ///
    /// # Errors
    /// As [`draft`](Self::draft).
    pub(super) fn best_shared(&self, order: &[OperatorId]) -> Result<EstimatedDraft> {
        let [most, others @ ..] = SharingPolicy::variants(self.planner.sharing);
        let mut best = match self.estimated(order, most) {
            // Tensors that must be in different pools may share memory under the policy of the most aliases.
            Err(Error::Pools(PoolsProblem::Contradiction { .. }))
                if concerns(self.graph, self.planner.sharing) =>
            {
                self.estimated(order, others[others.len() - 1])?
            }
            first => first?,
        };
        if !concerns(self.graph, self.planner.sharing) {
            return Ok(best);
        }
        let skipped = if best.draft.items.instance.is_large() { others.len() - 1 } else { 0 };
        for &policy in &others[skipped..] {
            if best.estimate.cost > best.estimate.unavoidable_cost
                && self.planner.limits.poll().is_ok()
                && let Ok(other) = self.estimated(order, policy)
                && other.estimate.cost < best.estimate.cost
            {
                best = other;
            }
        }
        Ok(best)
    }
}
