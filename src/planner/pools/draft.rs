//! An order, what shares memory in it, and what is to be placed then.

use super::items::{Items, Run};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::liveness::Liveness;
use crate::placement::{Estimate, estimate};
use crate::planner::Planner;
use crate::pools::Pools;
use crate::sharing::{Alignment, Contents, Groups, Layout, Wish, concerns, live_ranges};

/// No more tensors move as one, unless they must: what is copied of them is looked at again and
/// again.
const MOST_TOGETHER: usize = 2000;

pub(super) struct Draft {
    pub(super) order: Vec<OperatorId>,
    pub(super) layout: Layout,
    pub(super) items: Items,
}

/// A draft, and about what it costs.
pub(super) struct Known {
    pub(super) draft: Draft,
    pub(super) wish: Wish,
    pub(super) estimate: Estimate,
}

/// What all drafts of a graph have in common.
pub(super) struct Drafts<'a> {
    planner: &'a Planner,
    pub(super) graph: &'a Graph,
    pools: &'a Pools,
    alignment: Alignment,
    contents: Contents,
}

impl<'a> Drafts<'a> {
    /// # Errors
    /// [`Error::Pools`] if a tensor has a fixed offset.
    pub(super) fn new(planner: &'a Planner, graph: &'a Graph, pools: &'a Pools) -> Result<Self> {
        if let Some(tensor) = graph.tensors().iter().find(|tensor| tensor.fixed_offset().is_some()) {
            let text =
                format!("tensor `{}` has a fixed offset, which does not say in which pool", tensor.name());
            return Err(Error::Pools(text));
        }
        // What lies at some distance in one pool must be right in all of them.
        let least = pools.list().iter().map(|pool| pool.alignment).max().unwrap_or(1);
        let alignment = Alignment { default: planner.alignment, least };
        let (contents, _) = Contents::within(&planner.limits, graph, alignment, planner.sharing)?;
        Ok(Self { planner, graph, pools, alignment, contents })
    }

    /// This order, with what of the wish can be shared in it.
    ///
    /// # Errors
    /// As [`Planner::place_in_order`].
    pub(super) fn draft(&self, order: &[OperatorId], wish: Wish) -> Result<Draft> {
        let Planner { alignment, variables, sharing, .. } = *self.planner;
        let liveness = Liveness::new(self.graph, order, alignment, variables)?;
        let live = live_ranges(self.graph, &liveness);
        let limits = &self.planner.limits;
        limits.go_on()?;
        let (layout, _) =
            Layout::within(limits, self.graph, &self.contents, &live, self.alignment, (order, wish))?;
        let groups = Groups::new(&liveness, &layout)?;
        limits.go_on()?;
        let [.., least] = Wish::variants(sharing);
        if wish != least && groups.members.iter().any(|own| own.len() > MOST_TOGETHER) {
            return self.draft(order, least);
        }
        let run = Run {
            graph: self.graph,
            order,
            pools: self.pools,
            alignment,
            liveness: &liveness,
            groups: &groups,
            shares: &layout.shares,
            limits,
        };
        let items = run.items()?;
        Ok(Draft { order: order.to_vec(), layout, items })
    }

    /// # Errors
    /// As [`draft`](Self::draft).
    pub(super) fn known(&self, order: &[OperatorId], wish: Wish) -> Result<Known> {
        let draft = self.draft(order, wish)?;
        let estimate = estimate(&draft.items.instance);
        self.planner.limits.go_on()?;
        Ok(Known { draft, wish, estimate })
    }

    /// This order, shared in the way that seems to cost least. A large network is only tried with
    /// all that can be shared and with nothing.
    ///
    /// # Errors
    /// As [`draft`](Self::draft).
    pub(super) fn best_shared(&self, order: &[OperatorId]) -> Result<Known> {
        let [most, others @ ..] = Wish::variants(self.planner.sharing);
        let mut best = self.known(order, most)?;
        if !concerns(self.graph, self.planner.sharing) {
            return Ok(best);
        }
        let skipped = if best.draft.items.instance.is_large() { others.len() - 1 } else { 0 };
        for &wish in &others[skipped..] {
            if best.estimate.cost > best.estimate.floor
                && let Ok(known) = self.known(order, wish)
                && known.estimate.cost < best.estimate.cost
            {
                best = known;
            }
        }
        Ok(best)
    }
}
