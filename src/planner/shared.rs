//! Plans of one order: choice of aliases, packing of rigid groups, and bounds.

use std::ops::Range;

use super::{Planner, PreviousPlan};
use crate::allocate::{Allocation, Packed, PackingEffort, Piece, Reach, Shapes, Strategy, allocate_around};
use crate::error::{Error, Result};
use crate::graph::{Graph, Occupant};
use crate::liveness::Liveness;
use crate::plan::{Alias, Plan, PlanBound};
use crate::problem::{Buffer, Objects, Problem, Status, bound_of_load};
use crate::schedule::Scheduler;
use crate::sharing::{
    AliasKind, AliasLayout, ContentAliases, OverlapAllowance, RigidGroups, SharingPolicy, live_ranges,
};
use crate::support::ids::{BufferId, OperatorId};
use crate::support::limits::{Budget, Limits, Stop};
use crate::verify::verify_offsets;

/// The data that all plans of an order share.
pub(super) struct OrderPlanner<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    pub(super) operators: &'a [OperatorId],
    pub(super) liveness: &'a Liveness,
    /// Reserved ranges, ascending and disjoint.
    reserved: Vec<Range<u64>>,
    /// Lower bound on the arena of every plan in this order, over aliases and offsets, in bytes.
    bound: u64,
    /// Lower bound on the arena over all orders, in bytes.
    over_orders: Option<u64>,
}

/// Choices of aliases to try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aliases {
    /// Mandatory aliases only.
    Fewest,
    /// The choice with the most aliases.
    Most,
    /// A few choices, from the most aliases to the mandatory ones.
    All,
}

impl<'a> OrderPlanner<'a> {
    pub(super) fn new(
        planner: &'a Planner,
        scheduler: &Scheduler<'a>,
        order: &'a [OperatorId],
        liveness: &'a Liveness,
        over_orders: Option<u64>,
    ) -> Result<Self> {
        let graph = scheduler.graph();
        let problem = planner.equipped(liveness.problem())?;
        let bound = bound_of_load(&problem, scheduler.load(order)?);
        let over_orders = over_orders.map(|over| over.min(bound));
        let reserved = problem.reserved().to_vec();
        Ok(Self { planner, graph, operators: order, liveness, reserved, bound, over_orders })
    }

    /// The smallest plan over some choices of aliases, not verified.
    ///
    /// Each choice is planned with the nodes that the previous ones left. The loop ends once a plan reaches
    /// the lower bound or a limit other than nodes is met.
    pub(super) fn plan(
        &self,
        strategy: &dyn Strategy,
        aliases: Aliases,
        effort: Option<PackingEffort>,
        limits: &Limits,
    ) -> Result<Plan> {
        let Self { planner, graph, .. } = *self;
        let alignment = planner.alignment.into();
        let (contents, mut stopped) = ContentAliases::within(limits, graph, alignment, planner.sharing)?;
        let contents = contents.without_ranges();
        let live = live_ranges(graph, self.liveness);
        let policies = SharingPolicy::variants(planner.sharing);
        let policies = match aliases {
            Aliases::Fewest => &policies[policies.len() - 1..],
            Aliases::Most => &policies[..1],
            Aliases::All => &policies[..],
        };
        let mut best: Option<Plan> = None;
        let mut tried: Vec<Vec<Alias>> = Vec::new();
        let mut fixed_overlap = None;
        for &policy in policies {
            let (layout, stop) =
                AliasLayout::within(limits, graph, &contents, &live, alignment, (self.operators, policy))?;
            stopped = stopped.max(stop);
            if tried.contains(&layout.aliases) {
                continue;
            }
            let spent = best.as_ref().map_or(0, |plan| plan.nodes);
            match self.plan_layout(&layout, strategy, effort, &limits.clone().less(spent)) {
                Ok(plan) => {
                    let (nodes, stop) = (spent + plan.nodes, plan.stop.max(stopped));
                    let smaller = match best {
                        Some(incumbent) if incumbent.arena_bytes <= plan.arena_bytes => incumbent,
                        _ => plan,
                    };
                    let stop = smaller.stop.max(stop);
                    best = Some(Plan { nodes, stop, ..smaller });
                }
                // Fixed tensors are too close for the bounding boxes of these groups; another choice may
                // work.
                Err(error @ Error::FixedOverlap { .. }) => fixed_overlap = Some(error),
                Err(error) => return Err(error),
            }
            tried.push(layout.aliases);
            let is_final = |plan: &Plan| plan.arena_bytes <= plan.bound() || plan.stop > Stop::Nodes;
            if best.as_ref().is_some_and(is_final) {
                break;
            }
        }
        best.ok_or_else(|| fixed_overlap.expect("there is a plan or an error"))
    }

    /// By group: its offset in the previous plan, by its first member that has one.
    fn group_hints(&self, previous: &PreviousPlan, groups: &RigidGroups) -> Vec<Option<u64>> {
        let hint = |id: &BufferId| {
            let offset = previous.offset(self.liveness.occupants()[id.index()])?;
            offset.checked_sub(groups.position[id.index()].1)
        };
        groups.members.rows().map(|members| members.iter().find_map(hint)).collect()
    }

    /// The plan of one choice of aliases.
    fn plan_layout(
        &self,
        layout: &AliasLayout,
        strategy: &dyn Strategy,
        effort: Option<PackingEffort>,
        limits: &Limits,
    ) -> Result<Plan> {
        limits.check_cancelled()?;
        let groups = RigidGroups::new(self.liveness, layout)?;
        limits.check_cancelled()?;
        let mut problem = self.planner.equipped(&groups.problem)?;
        if let Some(previous) = &self.planner.previous {
            problem = problem.with_hints(self.group_hints(previous, &groups));
        }
        let Allocation { mut offsets, objects, mut nodes, mut stop, .. } =
            allocate_around(&problem, strategy, limits)?;
        if let Some(effort) = effort
            && objects.is_none()
            && stop < Stop::Deadline
        {
            let limits = limits.clone().less(nodes);
            // Offsets of a caller's strategy are verified before they are packed further.
            if let Ok(()) = verify_offsets(&problem, &offsets, u64::MAX)
                && let Some(packed) = self.packed(layout, &groups, (&problem, &offsets), effort, &limits)
            {
                (offsets, stop) = (packed.offsets, stop.max(packed.stop));
                nodes += packed.nodes;
            }
        }
        limits.check_cancelled()?;
        let mut plan = self.plan_of(layout, &groups, &offsets);
        strategy.name().clone_into(&mut plan.strategy);
        (plan.nodes, plan.stop) = (nodes, stop);
        if let Some(objects) = objects {
            plan.set_objects(&member_objects(&objects, &groups), self.liveness.occupants());
        }
        Ok(plan)
    }

    /// The plan with these offsets of the groups.
    pub(super) fn plan_of(&self, layout: &AliasLayout, groups: &RigidGroups, offsets: &[u64]) -> Plan {
        let Self { planner, graph, liveness, .. } = *self;
        // Before the plan is made: the load needs as much memory as the plan.
        let load = groups.load(graph, liveness, &layout.allowances);
        let mut plan = planner.placed(graph, self.operators, liveness, groups.offsets(offsets));
        let certified = load.certified.min(self.bound);
        plan.lower_bound = PlanBound { bytes: self.bound, certified, step: load.step, causes: load.causes };
        plan.bound_over_orders = self.over_orders;
        plan.reserved.clone_from(&self.reserved);
        planner.strategy.name().clone_into(&mut plan.strategy);
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        plan.aliases.clone_from(&layout.aliases);
        for allowance in &layout.allowances {
            // Several permissions of one pair of tensors may yield the same alias; those of one operator
            // are adjacent.
            let Some(alias) = overlap(&plan, allowance) else { continue };
            let mut of_operator =
                plan.aliases.iter().rev().take_while(|other| other.operator == alias.operator);
            if !of_operator.any(|other| *other == alias) {
                plan.aliases.push(alias);
            }
        }
        plan.aliases.sort_by_key(|alias| alias.tensor);
        plan
    }

    /// Packs the exact shapes of the groups if that can save memory: if the offsets of the bounding boxes
    /// exceed the lower bound and some group is no rectangle.
    fn packed(
        &self,
        layout: &AliasLayout,
        groups: &RigidGroups,
        (problem, offsets): (&Problem, &[u64]),
        effort: PackingEffort,
        limits: &Limits,
    ) -> Option<Packed> {
        let sufficient = self.over_orders.unwrap_or(self.bound);
        let are_plain = groups.are_rectangles(self.liveness) && layout.allowances.is_empty();
        if problem.height(offsets) <= sufficient || are_plain {
            return None;
        }
        let mut budget = Budget::new(limits, u64::MAX);
        match self.shapes(layout, groups, problem, &mut budget) {
            Ok(shapes) => Some(shapes?.pack(offsets, sufficient, effort, &mut budget)),
            Err(stop) => Some(Packed::stopped(offsets, problem, stop)),
        }
    }

    /// Exact shapes of the groups; none if there are too many pieces.
    pub(super) fn shapes<'p>(
        &self,
        layout: &AliasLayout,
        groups: &RigidGroups,
        problem: &'p Problem,
        budget: &mut Budget<'_>,
    ) -> std::result::Result<Option<Shapes<'p>>, Stop> {
        let mut buffer_of = vec![None; self.graph.tensors().len()];
        for (id, occupant) in self.liveness.problem().ids().zip(self.liveness.occupants()) {
            if let Occupant::Tensor(tensor) = occupant {
                buffer_of[tensor.index()] = Some(id);
            }
        }
        let reach = |allowance: &OverlapAllowance| {
            let (lower, upper) = (buffer_of[allowance.lower.index()]?, buffer_of[allowance.upper.index()]?);
            Some(Reach { lower, upper, bytes: allowance.reach })
        };
        let reaches: Vec<Reach> = layout.allowances.iter().filter_map(reach).collect();
        Shapes::new(problem, &pieces(self.liveness, groups), &reaches, budget)
    }
}

/// The alias of two tensors that overlap in part, if they do and this allowance permits it; another
/// allowance of the same pair may reach further.
fn overlap(plan: &Plan, allowance: &OverlapAllowance) -> Option<Alias> {
    let placement = |id| plan.placement(Occupant::Tensor(id));
    let (lower, upper) = (placement(allowance.lower)?, placement(allowance.upper)?);
    let meet = lower.offset < upper.end() && upper.offset < lower.end();
    let is_permitted =
        lower.offset <= upper.offset && lower.end().saturating_sub(upper.offset) <= allowance.reach;
    let OverlapAllowance { operator, lower: of, upper: tensor, .. } = *allowance;
    let alias = || Alias { operator, tensor, of, at: upper.offset - lower.offset, kind: AliasKind::Overlap };
    (meet && is_permitted).then(alias)
}

/// The buffers as pieces of the exact shapes of their groups.
fn pieces(liveness: &Liveness, groups: &RigidGroups) -> Vec<Piece> {
    let buffers = liveness.problem().iter();
    let piece = |((id, buffer), &(shape, from)): ((BufferId, &Buffer), &(u32, u64))| Piece {
        shape,
        from,
        end: from + buffer.size(),
        live: buffer.live(),
        buffer: id,
    };
    buffers.zip(&groups.position).map(piece).collect()
}

/// Shared objects of groups as those of their members. Nesting is stated only for tensors that are alone in
/// their groups.
fn member_objects(objects: &Objects, groups: &RigidGroups) -> Objects {
    let of_buffer = groups.position.iter().map(|&(group, _)| objects.of_buffer[group as usize]);
    let alone = |group: BufferId| match *groups.members.row(group.index() as u32) {
        [only] => Some(only),
        _ => None,
    };
    let nestings = objects.nestings.iter().filter_map(|nested| {
        Some(crate::problem::Nesting {
            guest: alone(nested.guest)?,
            host: alone(nested.host)?,
            at: nested.at,
        })
    });
    Objects { of_buffer: of_buffer.collect(), nestings: nestings.collect(), ..objects.clone() }
}
