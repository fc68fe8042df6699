//! Plans in which tensors share memory.

use super::{Planner, objects_in_graph_terms};
use crate::allocate::{Allocation, allocate_around};
use crate::bound::bound_of_load;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::{Limits, Stop};
use crate::liveness::Liveness;
use crate::objects::Objects;
use crate::occupant::Occupant;
use crate::plan::{Placement, Plan, PlanBound, Share, Status};
use crate::schedule::load;
use crate::sharing::{Contents, Groups, Layout, Making, Relation, Wish, live_ranges};
use crate::verify::verify;

/// What all plans of an order have in common.
struct Order<'a> {
    graph: &'a Graph,
    order: &'a [OperatorId],
    liveness: &'a Liveness,
    /// No sharing and no offsets need less in this order.
    bound: u64,
    over_orders: Option<u64>,
}

impl Planner {
    /// Plans in this order, with what is shared chosen so that the arena is smallest.
    pub(super) fn plan_shared(
        &self,
        graph: &Graph,
        order: &[OperatorId],
        liveness: &Liveness,
        over_orders: Option<u64>,
        limits: &Limits,
    ) -> Result<Plan> {
        let contents = Contents::new(graph, self.alignment, self.sharing);
        let live = live_ranges(graph, liveness);
        let problem = self.equipped(liveness.problem())?;
        let least = load(graph, order, self.alignment, self.variables, self.sharing);
        let bound = bound_of_load(&problem, least);
        let over_orders = over_orders.map(|load| bound_of_load(&problem, load).min(bound));
        let order = Order { graph, order, liveness, bound, over_orders };
        let mut best: Option<Plan> = None;
        let mut tried: Vec<Vec<Relation>> = Vec::new();
        for wish in Wish::variants(self.sharing) {
            let mut making = Making::new(graph, &contents, &live, self.alignment);
            making.grant(order.order, wish);
            let layout = making.finish();
            if tried.contains(&layout.shares) {
                continue;
            }
            let spent = best.as_ref().map_or(0, |plan| plan.nodes);
            let last = layout.shares.is_empty();
            match self.plan_layout(&order, &layout, &limits.clone().less(spent)) {
                Ok(plan) => {
                    let nodes = spent + plan.nodes;
                    let better = match best {
                        Some(known) if known.arena_bytes <= plan.arena_bytes => known,
                        _ => plan,
                    };
                    best = Some(Plan { nodes, ..better });
                }
                // Where what is fixed is too near for these groups.
                Err(Error::FixedOverlap { .. }) if !last => {}
                Err(error) => return Err(error),
            }
            tried.push(layout.shares);
            if best
                .as_ref()
                .is_some_and(|plan| plan.arena_bytes <= plan.bound() || plan.stop != Stop::Finished)
            {
                break;
            }
        }
        let plan = best.expect("without sharing, there is a plan or an error");
        verify(graph, &plan).map_err(|violations| self.wrong_plan(&violations))?;
        Ok(plan)
    }

    fn plan_layout(&self, order: &Order<'_>, layout: &Layout, limits: &Limits) -> Result<Plan> {
        let Order { graph, liveness, .. } = *order;
        let groups = Groups::new(liveness, layout)?;
        let problem = self.equipped(&groups.problem)?;
        let Allocation { offsets, objects, nodes, stop, .. } =
            allocate_around(&problem, &*self.strategy, limits)?;
        crate::verify::verify_offsets(&problem, &offsets, u64::MAX)
            .map_err(|violations| self.wrong_plan(&violations))?;
        let mut plan = Plan::unplaced(graph);
        let places = groups.offsets(&offsets);
        let buffers = liveness.problem().buffers().iter().zip(places);
        for (occupant, (buffer, offset)) in liveness.occupants().iter().zip(buffers) {
            let placement = Placement { offset, bytes: buffer.size(), live: buffer.live() };
            plan.arena_bytes = plan.arena_bytes.max(placement.end());
            match occupant {
                Occupant::Tensor(id) => plan.tensors[id.index()] = Some(placement),
                Occupant::Scratch(id) => plan.scratch[id.index()] = Some(placement),
            }
        }
        let load = groups.load(graph, liveness, &layout.allowances);
        let certified = load.certified.min(order.bound);
        plan.lower_bound = PlanBound { bytes: order.bound, certified, step: load.step, causes: load.causes };
        plan.bound_over_orders = order.over_orders;
        plan.order = order.order.to_vec();
        plan.alignment = self.alignment;
        plan.variables = self.variables;
        plan.capacity = self.capacity;
        plan.reserved = problem.reserved().to_vec();
        plan.strategy = self.strategy.name().to_owned();
        (plan.nodes, plan.stop) = (nodes, stop);
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        plan.objects =
            objects.map(|objects| objects_in_graph_terms(graph, &of_members(&objects, &groups), liveness));
        let share =
            |&Relation { operator, tensor, of, at, how }: &Relation| Share { operator, tensor, of, at, how };
        plan.shares = layout.shares.iter().map(share).collect();
        Ok(plan)
    }
}

/// Shared objects of groups as those of their members. What is inside of another is only
/// told of tensors that are alone in their groups.
fn of_members(objects: &Objects, groups: &Groups) -> Objects {
    let of_buffer = groups.place.iter().map(|&(group, _)| objects.of_buffer[group as usize]);
    let alone = |group: crate::ids::BufferId| match groups.members[group.index()].as_slice() {
        &[only] => Some(only),
        _ => None,
    };
    let inside = objects.inside.iter().filter_map(|one| {
        Some(crate::objects::Inside { guest: alone(one.guest)?, host: alone(one.host)?, at: one.at })
    });
    Objects { of_buffer: of_buffer.collect(), inside: inside.collect(), ..objects.clone() }
}
