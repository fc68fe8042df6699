//! Plans in which tensors share memory.

use std::ops::Range;

use super::{Planner, objects_in_graph_terms};
use crate::allocate::{Allocation, Packed, PackingEffort, Piece, Reach, Shapes, Strategy, allocate_around};
use crate::error::{Error, Result};
use crate::graph::{Graph, Occupant};
use crate::liveness::Liveness;
use crate::plan::{Plan, PlanBound, Share};
use crate::problem::{Buffer, Objects, Problem, Status, bound_of_load};
use crate::schedule::Scheduler;
use crate::sharing::{
    AliasLayout, ContentAliases, How, OverlapAllowance, RigidGroups, SharingPolicy, live_ranges,
};
use crate::support::ids::{BufferId, OperatorId};
use crate::support::limits::{Limits, Meter, Stop};
use crate::verify::verify_offsets;

/// What all plans of an order have in common.
pub(super) struct Order<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    pub(super) operators: &'a [OperatorId],
    pub(super) liveness: &'a Liveness,
    /// What is reserved, ascending and apart.
    reserved: Vec<Range<u64>>,
    /// No sharing and no offsets need less in this order.
    bound: u64,
    /// No arena of any order is smaller, in bytes.
    over_orders: Option<u64>,
}

/// Which choices of aliases are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aliases {
    /// Only those that constraints demand.
    Fewest,
    /// The choice with the most aliases.
    Most,
    /// A few, from as many aliases as can be to those that constraints demand.
    All,
}

impl<'a> Order<'a> {
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
        let live = live_ranges(graph, self.liveness);
        let wishes = SharingPolicy::variants(planner.sharing);
        let wishes = match aliases {
            Aliases::Fewest => &wishes[wishes.len() - 1..],
            Aliases::Most => &wishes[..1],
            Aliases::All => &wishes[..],
        };
        let mut best: Option<Plan> = None;
        let mut tried: Vec<Vec<Share>> = Vec::new();
        let mut too_near = None;
        for &wish in wishes {
            let (layout, stop) =
                AliasLayout::within(limits, graph, &contents, &live, alignment, (self.operators, wish))?;
            stopped = stopped.max(stop);
            if tried.contains(&layout.shares) {
                continue;
            }
            let spent = best.as_ref().map_or(0, |plan| plan.nodes);
            match self.plan_layout(&layout, strategy, effort, &limits.clone().less(spent)) {
                Ok(plan) => {
                    let (nodes, stop) = (spent + plan.nodes, plan.stop.max(stopped));
                    let better = match best {
                        Some(known) if known.arena_bytes <= plan.arena_bytes => known,
                        _ => plan,
                    };
                    let stop = better.stop.max(stop);
                    best = Some(Plan { nodes, stop, ..better });
                }
                // What is fixed is too near for the frames of these groups.
                Err(error @ Error::FixedOverlap { .. }) => too_near = Some(error),
                Err(error) => return Err(error),
            }
            tried.push(layout.shares);
            let is_done = |plan: &Plan| plan.arena_bytes <= plan.bound() || plan.stop > Stop::Nodes;
            if best.as_ref().is_some_and(is_done) {
                break;
            }
        }
        best.ok_or_else(|| too_near.expect("there is a plan or an error"))
    }

    fn plan_layout(
        &self,
        layout: &AliasLayout,
        strategy: &dyn Strategy,
        effort: Option<PackingEffort>,
        limits: &Limits,
    ) -> Result<Plan> {
        limits.go_on()?;
        let groups = RigidGroups::new(self.liveness, layout)?;
        limits.go_on()?;
        let problem = self.planner.equipped(&groups.problem)?;
        let Allocation { mut offsets, objects, mut nodes, mut stop, .. } =
            allocate_around(&problem, strategy, limits)?;
        if let Some(effort) = effort
            && objects.is_none()
            && stop < Stop::Deadline
        {
            let limits = limits.clone().less(nodes);
            // What a strategy of the caller's returns is not trusted before it is packed further.
            if let Ok(()) = verify_offsets(&problem, &offsets, u64::MAX)
                && let Some(packed) = self.packed(layout, &groups, (&problem, &offsets), effort, &limits)
            {
                (offsets, stop) = (packed.offsets, stop.max(packed.stop));
                nodes += packed.nodes;
            }
        }
        limits.go_on()?;
        let mut plan = self.plan_of(layout, &groups, &offsets);
        strategy.name().clone_into(&mut plan.strategy);
        (plan.nodes, plan.stop) = (nodes, stop);
        plan.objects = objects
            .map(|objects| objects_in_graph_terms(self.graph, &of_members(&objects, &groups), self.liveness));
        Ok(plan)
    }

    /// A plan that gives groups these offsets.
    pub(super) fn plan_of(&self, layout: &AliasLayout, groups: &RigidGroups, offsets: &[u64]) -> Plan {
        let Self { planner, graph, liveness, .. } = *self;
        let mut plan = planner.placed(graph, self.operators, liveness, groups.offsets(offsets));
        let load = groups.load(graph, liveness, &layout.allowances);
        let certified = load.certified.min(self.bound);
        plan.lower_bound = PlanBound { bytes: self.bound, certified, step: load.step, causes: load.causes };
        plan.bound_over_orders = self.over_orders;
        plan.reserved.clone_from(&self.reserved);
        planner.strategy.name().clone_into(&mut plan.strategy);
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        plan.shares.clone_from(&layout.shares);
        for one in &layout.allowances {
            // Several permissions of one pair may say the same; those of an operator are together.
            let Some(share) = overlap(&plan, one) else { continue };
            let mut own = plan.shares.iter().rev().take_while(|other| other.operator == share.operator);
            if !own.any(|other| *other == share) {
                plan.shares.push(share);
            }
        }
        plan.shares.sort_by_key(|share| share.tensor);
        plan
    }

    /// Packs groups as what they are, where that is less than the frames around them.
    fn packed(
        &self,
        layout: &AliasLayout,
        groups: &RigidGroups,
        (problem, offsets): (&Problem, &[u64]),
        effort: PackingEffort,
        limits: &Limits,
    ) -> Option<Packed> {
        let ends = offsets.iter().zip(problem.buffers()).map(|(offset, frame)| offset + frame.size());
        let enough = self.over_orders.unwrap_or(self.bound);
        let are_plain = groups.are_rectangles(self.liveness) && layout.allowances.is_empty();
        if ends.max().unwrap_or(0) <= enough || are_plain {
            return None;
        }
        let mut meter = Meter::new(limits, u64::MAX);
        match self.shapes(layout, groups, problem, &mut meter) {
            Ok(shapes) => Some(shapes?.pack(offsets, enough, effort, &mut meter)),
            Err(stop) => Some(Packed::stopped(offsets, problem, stop)),
        }
    }

    /// Rigid groups as what they are; none if there is too much of them.
    ///
    /// # Errors
    /// Why the search must stop.
    pub(super) fn shapes<'p>(
        &self,
        layout: &AliasLayout,
        groups: &RigidGroups,
        problem: &'p Problem,
        meter: &mut Meter<'_>,
    ) -> std::result::Result<Option<Shapes<'p>>, Stop> {
        let mut buffer_of = vec![None; self.graph.tensors().len()];
        for (id, occupant) in self.liveness.problem().ids().zip(self.liveness.occupants()) {
            if let Occupant::Tensor(tensor) = occupant {
                buffer_of[tensor.index()] = Some(id);
            }
        }
        let reach = |one: &OverlapAllowance| {
            let (lower, upper) = (buffer_of[one.lower.index()]?, buffer_of[one.upper.index()]?);
            Some(Reach { lower, upper, bytes: one.reach })
        };
        let reaches: Vec<Reach> = layout.allowances.iter().filter_map(reach).collect();
        Shapes::new(problem, &pieces(self.liveness, groups), &reaches, meter)
    }
}

/// The alias of two tensors that overlap in part, if they do and this allowance is the one that
/// permits it: another one of the same pair may reach further.
fn overlap(plan: &Plan, one: &OverlapAllowance) -> Option<Share> {
    let place = |id| plan.placement(Occupant::Tensor(id));
    let (lower, upper) = (place(one.lower)?, place(one.upper)?);
    let meet = lower.offset < upper.end() && upper.offset < lower.end();
    let is_permitted = lower.offset <= upper.offset && lower.end().saturating_sub(upper.offset) <= one.reach;
    let OverlapAllowance { operator, lower: of, upper: tensor, .. } = *one;
    let share = || Share { operator, tensor, of, at: upper.offset - lower.offset, how: How::Overlap };
    (meet && is_permitted).then(share)
}

fn pieces(liveness: &Liveness, groups: &RigidGroups) -> Vec<Piece> {
    let buffers = liveness.problem().ids().zip(liveness.problem().buffers());
    let piece = |((id, buffer), &(shape, from)): ((BufferId, &Buffer), &(u32, u64))| Piece {
        shape,
        from,
        end: from + buffer.size(),
        live: buffer.live(),
        buffer: id,
    };
    buffers.zip(&groups.position).map(piece).collect()
}

/// Shared objects of groups as those of their members. What is inside of another is only
/// told of tensors that are alone in their groups.
fn of_members(objects: &Objects, groups: &RigidGroups) -> Objects {
    let of_buffer = groups.position.iter().map(|&(group, _)| objects.of_buffer[group as usize]);
    let alone = |group: BufferId| match groups.members[group.index()].as_slice() {
        &[only] => Some(only),
        _ => None,
    };
    let inside = objects.inside.iter().filter_map(|one| {
        Some(crate::problem::Inside { guest: alone(one.guest)?, host: alone(one.host)?, at: one.at })
    });
    Objects { of_buffer: of_buffer.collect(), inside: inside.collect(), ..objects.clone() }
}
