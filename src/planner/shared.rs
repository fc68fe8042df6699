//! Plans in which tensors share memory.

use std::ops::Range;

use super::{Planner, objects_in_graph_terms};
use crate::allocate::{Allocation, Effort, Packed, Piece, Reach, Shapes, allocate_around};
use crate::bound::bound_of_load;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::ids::{BufferId, OperatorId};
use crate::limits::{Limits, Meter, Stop};
use crate::liveness::Liveness;
use crate::objects::Objects;
use crate::occupant::Occupant;
use crate::plan::{Placement, Plan, PlanBound, Share, Status};
use crate::problem::{Buffer, Problem};
use crate::schedule::{Schedule, load};
use crate::sharing::{Allowance, Contents, Groups, How, Layout, Relation, Wish, live_ranges};
use crate::verify::{verify, verify_offsets};

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
        effort: Effort,
        limits: &Limits,
    ) -> Result<Plan> {
        let alignment = self.alignment.into();
        let (contents, mut stopped) = Contents::within(limits, graph, alignment, self.sharing);
        let live = live_ranges(graph, liveness);
        let common = Order::new(self, graph, order, liveness, over_orders)?;
        let mut best: Option<Plan> = None;
        let mut tried: Vec<Vec<Relation>> = Vec::new();
        let mut too_near = None;
        for wish in Wish::variants(self.sharing) {
            let (layout, stop) = Layout::within(limits, graph, &contents, &live, alignment, (order, wish))?;
            stopped = if stopped == Stop::Finished { stop } else { stopped };
            if tried.contains(&layout.shares) {
                continue;
            }
            let spent = best.as_ref().map_or(0, |plan| plan.nodes);
            match common.plan_layout(&layout, effort, &limits.clone().less(spent)) {
                Ok(mut plan) => {
                    if plan.stop == Stop::Finished {
                        plan.stop = stopped;
                    }
                    let nodes = spent + plan.nodes;
                    let better = match best {
                        Some(known) if known.arena_bytes <= plan.arena_bytes => known,
                        _ => plan,
                    };
                    best = Some(Plan { nodes, ..better });
                }
                // What is fixed is too near for the frames of these groups.
                Err(error @ Error::FixedOverlap { .. }) => too_near = Some(error),
                Err(error) => return Err(error),
            }
            tried.push(layout.shares);
            let is_done = |plan: &Plan| plan.arena_bytes <= plan.bound() || plan.stop != Stop::Finished;
            if best.as_ref().is_some_and(is_done) {
                break;
            }
        }
        let Some(plan) = best else {
            return Err(too_near.expect("there is a plan or an error"));
        };
        verify(graph, &plan).map_err(|violations| self.wrong_plan(&violations))?;
        Ok(plan)
    }

    /// The same order with more effort.
    pub(super) fn polished(&self, graph: &Graph, known: Plan, schedule: &Schedule) -> Result<Plan> {
        let limits = self.limits.clone().less(schedule.nodes.saturating_add(known.nodes));
        let liveness = Liveness::new(graph, &known.order, self.alignment, self.variables)?;
        let bound = Some(schedule.lower_bound);
        let plan = self.plan_shared(graph, &known.order, &liveness, bound, Effort::FULL, &limits)?;
        let nodes = known.nodes + plan.nodes;
        let better = if plan.arena_bytes < known.arena_bytes { plan } else { known };
        Ok(Plan { nodes, ..better })
    }
}

impl<'a> Order<'a> {
    pub(super) fn new(
        planner: &'a Planner,
        graph: &'a Graph,
        order: &'a [OperatorId],
        liveness: &'a Liveness,
        over_orders: Option<u64>,
    ) -> Result<Self> {
        let problem = planner.equipped(liveness.problem())?;
        let least = load(graph, order, planner.alignment, planner.variables, planner.sharing);
        let bound = bound_of_load(&problem, least);
        let over_orders = over_orders.map(|load| bound_of_load(&problem, load).min(bound));
        let reserved = problem.reserved().to_vec();
        Ok(Self { planner, graph, operators: order, liveness, reserved, bound, over_orders })
    }

    fn plan_layout(&self, layout: &Layout, effort: Effort, limits: &Limits) -> Result<Plan> {
        let groups = Groups::new(self.liveness, layout)?;
        let problem = self.planner.equipped(&groups.problem)?;
        let strategy = &*self.planner.strategy;
        let Allocation { mut offsets, objects, mut nodes, mut stop, .. } =
            allocate_around(&problem, strategy, limits)?;
        verify_offsets(&problem, &offsets, u64::MAX)
            .map_err(|violations| self.planner.wrong_plan(&violations))?;
        if objects.is_none() && stop == Stop::Finished {
            let limits = limits.clone().less(nodes);
            if let Some(packed) = self.packed(layout, &groups, (&problem, &offsets), effort, &limits) {
                (offsets, stop) = (packed.offsets, packed.stop);
                nodes += packed.nodes;
            }
        }
        let mut plan = self.plan_of(layout, &groups, &offsets);
        (plan.nodes, plan.stop) = (nodes, stop);
        plan.objects = objects
            .map(|objects| objects_in_graph_terms(self.graph, &of_members(&objects, &groups), self.liveness));
        Ok(plan)
    }

    /// A plan that gives groups these offsets.
    pub(super) fn plan_of(&self, layout: &Layout, groups: &Groups, offsets: &[u64]) -> Plan {
        let Self { planner, graph, liveness, .. } = *self;
        let mut plan = Plan::unplaced(graph);
        let buffers = liveness.problem().buffers().iter().zip(groups.offsets(offsets));
        for (occupant, (buffer, offset)) in liveness.occupants().iter().zip(buffers) {
            let placement = Placement { offset, bytes: buffer.size(), live: buffer.live() };
            plan.arena_bytes = plan.arena_bytes.max(placement.end());
            match occupant {
                Occupant::Tensor(id) => plan.tensors[id.index()] = Some(placement),
                Occupant::Scratch(id) => plan.scratch[id.index()] = Some(placement),
            }
        }
        let load = groups.load(graph, liveness, &layout.allowances);
        let certified = load.certified.min(self.bound);
        plan.lower_bound = PlanBound { bytes: self.bound, certified, step: load.step, causes: load.causes };
        plan.bound_over_orders = self.over_orders;
        plan.order = self.operators.to_vec();
        plan.alignment = planner.alignment;
        plan.variables = planner.variables;
        plan.capacity = planner.capacity;
        plan.reserved.clone_from(&self.reserved);
        planner.strategy.name().clone_into(&mut plan.strategy);
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        let share =
            |&Relation { operator, tensor, of, at, how }: &Relation| Share { operator, tensor, of, at, how };
        plan.shares = layout.shares.iter().map(share).collect();
        let overlaps: Vec<Share> = layout.allowances.iter().filter_map(|one| overlap(&plan, one)).collect();
        plan.shares.extend(overlaps);
        plan
    }

    /// Packs groups as what they are, where that is less than the frames around them.
    fn packed(
        &self,
        layout: &Layout,
        groups: &Groups,
        (problem, offsets): (&Problem, &[u64]),
        effort: Effort,
        limits: &Limits,
    ) -> Option<Packed> {
        let ends = offsets.iter().zip(problem.buffers()).map(|(offset, frame)| offset + frame.size());
        let enough = self.over_orders.unwrap_or(self.bound);
        let are_plain = groups.are_rectangles(self.liveness) && layout.allowances.is_empty();
        if ends.max().unwrap_or(0) <= enough || are_plain {
            return None;
        }
        let shapes = self.shapes(layout, groups, problem)?;
        Some(shapes.pack(offsets, enough, effort, &mut Meter::new(limits, u64::MAX)))
    }

    /// Groups as what they are; none if there is too much of them.
    pub(super) fn shapes<'p>(
        &self,
        layout: &Layout,
        groups: &Groups,
        problem: &'p Problem,
    ) -> Option<Shapes<'p>> {
        let mut buffer_of = vec![None; self.graph.tensors().len()];
        for (id, occupant) in self.liveness.problem().ids().zip(self.liveness.occupants()) {
            if let Occupant::Tensor(tensor) = occupant {
                buffer_of[tensor.index()] = Some(id);
            }
        }
        let reach = |one: &Allowance| {
            let (lower, upper) = (buffer_of[one.lower.index()]?, buffer_of[one.upper.index()]?);
            Some(Reach { lower, upper, bytes: one.bytes })
        };
        let reaches: Vec<Reach> = layout.allowances.iter().filter_map(reach).collect();
        Shapes::new(problem, &pieces(self.liveness, groups), &reaches)
    }
}

/// What is shared where two tensors overlap in part, if they do.
fn overlap(plan: &Plan, one: &Allowance) -> Option<Share> {
    let place = |id| plan.placement(Occupant::Tensor(id));
    let (lower, upper) = (place(one.lower)?, place(one.upper)?);
    let meet = lower.offset < upper.end() && upper.offset < lower.end();
    let Allowance { operator, lower: of, upper: tensor, .. } = *one;
    let share = || Share { operator, tensor, of, at: upper.offset - lower.offset, how: How::Overlap };
    (meet && lower.offset <= upper.offset).then(share)
}

fn pieces(liveness: &Liveness, groups: &Groups) -> Vec<Piece> {
    let buffers = liveness.problem().ids().zip(liveness.problem().buffers());
    let piece = |((id, buffer), &(shape, from)): ((BufferId, &Buffer), &(u32, u64))| Piece {
        shape,
        from,
        end: from + buffer.size(),
        live: buffer.live(),
        buffer: id,
    };
    buffers.zip(&groups.place).map(piece).collect()
}

/// Shared objects of groups as those of their members. What is inside of another is only
/// told of tensors that are alone in their groups.
fn of_members(objects: &Objects, groups: &Groups) -> Objects {
    let of_buffer = groups.place.iter().map(|&(group, _)| objects.of_buffer[group as usize]);
    let alone = |group: BufferId| match groups.members[group.index()].as_slice() {
        &[only] => Some(only),
        _ => None,
    };
    let inside = objects.inside.iter().filter_map(|one| {
        Some(crate::objects::Inside { guest: alone(one.guest)?, host: alone(one.host)?, at: one.at })
    });
    Objects { of_buffer: of_buffer.collect(), inside: inside.collect(), ..objects.clone() }
}
