//! Branch and bound on intervals that have no offsets together.
//!
//! The optimum by load may have no offsets. A conflict is a set of residency intervals of one pool that is
//! proven to have no offsets within its capacity. Every placement with offsets differs from the current
//! assignment in at least one point of those intervals: otherwise it would contain all of them. So a node
//! branches on the points of a conflict, and each child excludes the pool from one of them
//! ([`PoolExclusion`]). Points whose pool is fixed are no branch. The children together contain every
//! placement of their parent that has offsets, which makes the search complete; a set of exclusions reached
//! twice is searched once.
//!
//! Nodes are taken in order of their bound. A node is solved by the exact search by load on the restricted
//! instance; it is pruned if its bound reaches the incumbent with offsets. If a conflict is not proven, or
//! has more than [`MAX_BRANCHES`] points, the node remains undecided and its bound limits the final bound.
//! The number of nodes is exponential in the worst case; the node limit ends the search with a valid bound.

use super::PlacementSearch;
use super::instance::Instance;
use super::pack::{OffsetMethod, conflict, pack};
use super::split::{LoadOptimum, optimum_by_load};
use super::state::{PathAssignment, PlacementState};
use crate::error::Result;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::random::{Keys, Random};

/// A constraint of a node: the item does not lie in the pool at one point, or is not resident there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PoolExclusion {
    item: usize,
    /// None excludes residency.
    point: Option<usize>,
    pool: usize,
}

/// A node of the search: all placements that satisfy its exclusions.
struct CutNode {
    bound: f64,
    cuts: Vec<PoolExclusion>,
    /// The optimum by load, if it is known already.
    best: Option<PathAssignment>,
}

/// Maximum number of children of a node.
const MAX_BRANCHES: usize = 400;

impl PlacementSearch<'_> {
    /// Raises the bound above assignments that fit by load and have no offsets, and searches for the
    /// cheapest placement with offsets.
    pub(super) fn cut_off(&mut self, budget: &mut Budget<'_>, limits: &Limits) -> Result<Stop> {
        if self.instance.prefetch > 0 || self.instance.is_large() {
            return Ok(Stop::Finished);
        }
        let root = CutNode { bound: self.bound, cuts: Vec::new(), best: Some(self.load_incumbent.clone()) };
        let mut tree = CutTree { open: vec![root], undecided: f64::INFINITY, seen: Keys::default() };
        let mut stop = Stop::Finished;
        while let Some(node) = tree.lowest() {
            // All open nodes have at least this bound, so none can improve the incumbent, or the
            // undecided nodes limit the bound already.
            if node.bound > self.target().min(tree.undecided) {
                tree.open.push(node);
                break;
            }
            if let Err(reason) = budget.spend(1) {
                tree.open.push(node);
                stop = reason;
                break;
            }
            if let Some(reason) = self.branch(node, &mut tree, budget, limits)? {
                stop = reason;
                break;
            }
        }
        let upper_bound = self.incumbent.as_ref().map_or(f64::INFINITY, |incumbent| incumbent.0.cost as f64);
        let left = tree.open.iter().map(|node| node.bound).fold(tree.undecided, f64::min);
        if left.min(upper_bound) < f64::INFINITY {
            self.bound = self.bound.max(left.min(upper_bound));
        }
        Ok(stop)
    }

    /// Highest cost that would improve the incumbent.
    fn target(&self) -> f64 {
        self.incumbent
            .as_ref()
            .map_or(f64::INFINITY, |incumbent| incumbent.0.cost as f64 - 1.0 + self.tolerance())
    }

    fn tolerance(&self) -> f64 {
        super::tolerance(self.magnitude)
    }

    /// Solves a node, searches offsets for its optimum and adds its children. Returns the reason to stop,
    /// if any.
    fn branch(
        &mut self,
        mut node: CutNode,
        tree: &mut CutTree,
        budget: &mut Budget<'_>,
        limits: &Limits,
    ) -> Result<Option<Stop>> {
        let best = if let Some(best) = node.best.take() {
            best
        } else {
            match self.solve(&mut node, budget) {
                Ok(Some(best)) => best,
                Ok(None) => {
                    // The exact search found nothing better but did not prove it: the bound stays open.
                    if node.bound <= self.target() - 2.0 * self.tolerance() {
                        tree.undecided = tree.undecided.min(node.bound);
                    }
                    return Ok(None);
                }
                Err(stop) => {
                    tree.open.push(node);
                    return Ok(Some(stop));
                }
            }
        };
        // Offsets decide about the node: if the optimum by load has some, the node is solved; if a pool
        // provably has none, the node is split.
        let offset_limits = limits.clone().at_most(super::OFFSET_NODES);
        let (packed, nodes, stop) = pack(self.instance, &best, OffsetMethod::Search(&offset_limits))?;
        if matches!(stop, Stop::Cancelled | Stop::Deadline) {
            tree.open.push(node);
            return Ok(Some(stop));
        }
        if let Err(stop) = budget.spend(nodes) {
            tree.open.push(node);
            return Ok(Some(stop));
        }
        if packed.overflowing.is_empty() {
            // Offsets exist, but the assignment is not proven to be the optimum of the node.
            if node.bound < best.cost as f64 - 1.0 + self.tolerance() {
                tree.undecided = tree.undecided.min(node.bound);
            }
            if self.incumbent.as_ref().is_none_or(|incumbent| best.cost < incumbent.0.cost) {
                self.incumbent = Some((best, packed.placed));
            }
        } else if packed.infeasible_pools == 0 {
            // Neither offsets nor a proof of infeasibility: a branch would not be sound.
            tree.undecided = tree.undecided.min(node.bound);
        } else {
            let pool = packed.infeasible_pools.trailing_zeros() as usize;
            let conflict = conflict(self.instance, &best, pool, &offset_limits)?;
            tree.branch_on(self.instance, &node, pool, &conflict, &best);
        }
        Ok(None)
    }

    /// Computes the optimum by load of a node, if it can improve the incumbent, and raises the bound of the
    /// node.
    fn solve(&self, node: &mut CutNode, budget: &mut Budget<'_>) -> Result<Option<PathAssignment>, Stop> {
        let instance = restricted(self.instance, &node.cuts);
        let upper_bound = self.target() + 1.0 - self.tolerance();
        let upper_bound = if upper_bound < f64::INFINITY { upper_bound } else { 2.0 * self.magnitude + 2.0 };
        let (LoadOptimum { bound, best }, result) =
            optimum_by_load(&instance, &self.rates, (upper_bound, self.minor), budget);
        node.bound = node.bound.max(bound);
        let Some((_, paths)) = best else { return result.map(|()| None) };
        let mut state = PlacementState::new(self.instance);
        state.adopt(&paths);
        Ok(Some(state.assignment))
    }
}

/// Open nodes of the search.
struct CutTree {
    open: Vec<CutNode>,
    /// Lowest bound of all nodes that were given up undecided.
    undecided: f64,
    /// Hashes of the sets of exclusions of all nodes.
    seen: Keys,
}

impl CutTree {
    fn lowest(&mut self) -> Option<CutNode> {
        let index = super::lowest(self.open.iter().map(|node| node.bound))?;
        Some(self.open.remove(index))
    }

    /// Adds one child for each point of a conflict.
    fn branch_on(
        &mut self,
        instance: &Instance,
        node: &CutNode,
        pool: usize,
        conflict: &[(usize, std::ops::Range<usize>)],
        best: &PathAssignment,
    ) {
        let mut cuts: Vec<PoolExclusion> = Vec::new();
        for (item, points) in conflict {
            let path = &best.paths[instance.points_of(*item)];
            let item = *item;
            if instance.items[item].resident_pools >> path[0] & 1 == 1 {
                cuts.push(PoolExclusion { item, point: None, pool });
                continue;
            }
            // The pools of the first and last point are fixed, and so is that of a point which allows no other.
            let masks = &instance.point_pools[instance.points_of(item)];
            let has_other = |point: usize| masks[point] & !(1 << pool) > 0;
            let free =
                points.clone().filter(|&point| point > 0 && point + 1 < path.len() && has_other(point));
            cuts.extend(free.map(|point| PoolExclusion { item, point: Some(point), pool }));
        }
        if cuts.len() > MAX_BRANCHES {
            self.undecided = self.undecided.min(node.bound);
            return;
        }
        // Different orders of exclusions lead to the same set, which is searched once.
        for cut in cuts {
            let mut all = node.cuts.clone();
            all.push(cut);
            all.sort_unstable();
            if self.seen.insert(key(&all)) {
                self.open.push(CutNode { bound: node.bound, cuts: all, best: None });
            }
        }
    }
}

/// Hash of a set of exclusions, independent of their order.
fn key(cuts: &[PoolExclusion]) -> u128 {
    cuts.iter().fold(0, |key, cut| {
        let point = cut.point.map_or(0, |point| point as u64 + 1);
        let code = (cut.item as u64) << 35 | point << 3 | cut.pool as u64;
        u128::wrapping_add(key, Random::new(code).key())
    })
}

/// The instance with the pools of the exclusions removed from their masks.
fn restricted(instance: &Instance, cuts: &[PoolExclusion]) -> Instance {
    // Excluded pools only disappear from the masks, so every bound of the restricted instance holds for the
    // subtree.
    let mut instance = instance.clone();
    for cut in cuts {
        match cut.point {
            None => instance.items[cut.item].resident_pools &= !(1 << cut.pool),
            Some(point) => {
                let points = instance.points_of(cut.item);
                instance.point_pools[points][point] &= !(1 << cut.pool);
            }
        }
    }
    instance
}
