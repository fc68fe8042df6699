//! A plan as rows: what occupies which bytes of which memory at which steps.

use std::borrow::Cow;
use std::ops::Range;

use super::{Alias, BodyPlan, Placement, Plan, PlanBound, PoolPlan, TiledPlan, TiledPoolPlan, TilingView};
use crate::graph::{Graph, Occupant, Variables};
use crate::problem::{LiveRange, Problem, Solution};
use crate::support::ids::{OperatorId, PoolId, TensorId};

/// A plan and its names, the input of every writer of files and reports.
///
/// The plan of a graph, the solution of a problem, and the plan for several memories give the same
/// view, so that a format needs one writer.
///
/// ```
/// use plimsoll::{Graph, PlanView, Planner, TensorSpec};
///
/// let mut net = Graph::builder("tiny");
/// let image = net.input("image", TensorSpec::bytes(64));
/// net.output(image);
/// let graph = net.build()?;
/// let plan = Planner::new().plan(&graph)?;
///
/// for row in PlanView::of_plan(&graph, &plan).rows {
///     println!("{} at {}, live {}", row.name, row.place.offset, row.place.live);
/// }
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanView<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// The planned graph; none for the buffers of a problem.
    pub graph: Option<&'a Graph>,
    /// The problem; none for a graph.
    pub problem: Option<&'a Problem>,
    /// The plan.
    pub plan: ViewedPlan<'a>,
    /// A row for each placement: tensors or buffers by id, then scratch buffers by operator, each by
    /// memory and time. Occupants that the graph lacks have none.
    pub rows: Vec<ViewRow<'a>>,
    /// Size of the arena in program order, for comparison; none if it is not known.
    pub program_order_arena: Option<u64>,
    /// Size of the arena with all permitted sharing, for comparison; none if it is not known.
    pub shared_arena: Option<u64>,
    /// The tiling, if the planned graph is a tiled one.
    pub tiling: Option<TilingView<'a>>,
}

/// The plan of a [`PlanView`].
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // views are short-lived and not kept in lists
pub enum ViewedPlan<'a> {
    /// A plan for one arena. A solution is a plan without order whose tensors are the buffers.
    Arena(Cow<'a, Plan>),
    /// A plan for several memories.
    Pools(&'a PoolPlan),
}

/// A placement with the properties of its occupant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ViewRow<'a> {
    /// The tensor or scratch buffer; for a problem, the tensor with the number of the buffer.
    pub occupant: Occupant,
    /// Name of the tensor, the buffer, or the operator of a scratch buffer; it may be empty.
    pub name: Cow<'a, str>,
    /// The memory; 0 for an arena.
    pub memory: PoolId,
    /// Offset, size and live range.
    pub place: Placement,
    /// Gaps in the live range at which other buffers may use the bytes.
    pub gaps: &'a [LiveRange],
    /// Required alignment of the offset, in bytes.
    pub alignment: u64,
    /// The required offset, if there is one.
    pub fixed_offset: Option<u64>,
    /// Index of the shared object that contains it.
    pub object: Option<u32>,
}

impl<'a> PlanView<'a> {
    /// The view of a graph's plan.
    #[must_use]
    pub fn of_plan(graph: &'a Graph, plan: &'a Plan) -> Self {
        let row = |(occupant, place)| {
            let object = plan.objects.as_ref().and_then(|objects| objects.of(occupant));
            Some(ViewRow { object, ..ViewRow::new(graph, occupant, place, plan.alignment)? })
        };
        let rows = plan.placements().filter_map(row).collect();
        Self::new(graph.name(), Some(graph), ViewedPlan::Arena(Cow::Borrowed(plan)), rows)
    }

    /// The view of a tiled plan: the planned graph is the tiled one. `untiled` is the graph before tiling, and
    /// `untiled_plan` its plan, for comparison.
    #[must_use]
    pub fn of_tiled(untiled: &'a Graph, plan: &'a TiledPlan, untiled_plan: Option<&'a Plan>) -> Self {
        let tiling = Some(TilingView {
            untiled,
            untiled_plan,
            untiled_pools: None,
            tiling: &plan.tiling,
            tiled: &plan.tiled,
            order: &plan.plan.order,
            cost: plan.cost,
            expected_bytes: plan.expected_bytes,
            family_bound: plan.family_bound,
        });
        Self { tiling, ..Self::of_plan(&plan.tiled.graph, &plan.plan) }
    }

    /// The view of a tiled plan for several memories: the planned graph is the tiled one. `untiled` is the graph
    /// before tiling, and `untiled_pools` its plan, for comparison.
    #[must_use]
    pub fn of_tiled_pools(
        untiled: &'a Graph,
        plan: &'a TiledPoolPlan,
        untiled_pools: Option<&'a PoolPlan>,
    ) -> Self {
        let tiling = Some(TilingView {
            untiled,
            untiled_plan: None,
            untiled_pools,
            tiling: &plan.tiling,
            tiled: &plan.tiled,
            order: &plan.plan.order,
            cost: plan.cost,
            expected_bytes: 0,
            family_bound: None,
        });
        Self { tiling, ..Self::of_pools(&plan.tiled.graph, &plan.plan) }
    }

    /// The view of a solution; `name` names the model.
    #[must_use]
    pub fn of_solution(name: &'a str, problem: &'a Problem, solution: &'a Solution) -> Self {
        let plan = Plan::of_solution(problem, solution);
        let rows = plan.placements().zip(problem.ids()).map(|((occupant, place), id)| {
            let buffer = problem.buffer(id);
            ViewRow {
                occupant,
                name: Cow::Owned(problem.name(id)),
                memory: PoolId::new(0),
                place,
                gaps: buffer.gaps(),
                alignment: buffer.alignment(),
                fixed_offset: buffer.fixed_offset(),
                object: plan.objects.as_ref().and_then(|objects| objects.of(occupant)),
            }
        });
        let rows = rows.collect();
        Self { problem: Some(problem), ..Self::new(name, None, ViewedPlan::Arena(Cow::Owned(plan)), rows) }
    }

    /// The view of a plan for several memories.
    #[must_use]
    pub fn of_pools(graph: &'a Graph, plan: &'a PoolPlan) -> Self {
        let rows = plan.residencies.iter().filter_map(|residency| {
            let pool = plan.pools.list().get(residency.pool.index())?;
            let place = Placement { offset: residency.offset, bytes: residency.bytes, live: residency.live };
            let row = ViewRow::new(graph, residency.occupant, place, plan.alignment)?;
            let alignment = row.alignment.max(pool.offset_alignment());
            Some(ViewRow { memory: residency.pool, alignment, ..row })
        });
        Self::new(graph.name(), Some(graph), ViewedPlan::Pools(plan), rows.collect())
    }

    fn new(
        model: &'a str,
        graph: Option<&'a Graph>,
        plan: ViewedPlan<'a>,
        mut rows: Vec<ViewRow<'a>>,
    ) -> Self {
        rows.shrink_to_fit();
        Self {
            model,
            graph,
            problem: None,
            plan,
            rows,
            program_order_arena: None,
            shared_arena: None,
            tiling: None,
        }
    }

    /// The operators in the order in which they run; none for a problem.
    #[must_use]
    pub fn order(&self) -> &[OperatorId] {
        match &self.plan {
            ViewedPlan::Arena(plan) => &plan.order,
            ViewedPlan::Pools(plan) => &plan.order,
        }
    }

    /// The aliases.
    #[must_use]
    pub fn aliases(&self) -> &[Alias] {
        match &self.plan {
            ViewedPlan::Arena(plan) => &plan.aliases,
            ViewedPlan::Pools(plan) => &plan.aliases,
        }
    }

    /// The plans of bodies.
    #[must_use]
    pub fn bodies(&self) -> &[BodyPlan] {
        match &self.plan {
            ViewedPlan::Arena(plan) => &plan.bodies,
            ViewedPlan::Pools(plan) => &plan.bodies,
        }
    }

    /// The graph with the plans of bodies as scratch buffers of their operators; none for a problem.
    #[must_use]
    pub fn flattened(&self) -> Option<Cow<'a, Graph>> {
        match &self.plan {
            ViewedPlan::Arena(plan) => self.graph.map(|graph| plan.flattened(graph)),
            ViewedPlan::Pools(plan) => self.graph.map(|graph| plan.flattened(graph)),
        }
    }

    /// The rows of a tensor or scratch buffer, as positions in [`rows`](Self::rows). O(log rows).
    #[must_use]
    pub fn rows_of(&self, occupant: Occupant) -> Range<usize> {
        let start = self.rows.partition_point(|row| row.occupant < occupant);
        let same = self.rows[start..].iter().take_while(|row| row.occupant == occupant);
        start..start + same.count()
    }
}

impl<'a> ViewRow<'a> {
    /// The row of a placement in an arena; none if the graph has no such occupant.
    fn new(graph: &'a Graph, occupant: Occupant, place: Placement, alignment: u64) -> Option<Self> {
        let (name, alignment, fixed_offset) = match occupant {
            Occupant::Tensor(id) => {
                let tensor = graph.tensors().get(id.index())?;
                (tensor.name(), tensor.alignment().unwrap_or(alignment), tensor.fixed_offset())
            }
            Occupant::Scratch(id) => {
                let operator = graph.operators().get(id.index())?;
                (operator.name(), operator.scratch_alignment(alignment), None)
            }
        };
        let (name, memory) = (Cow::Borrowed(name), PoolId::new(0));
        Some(Self { occupant, name, memory, place, gaps: &[], alignment, fixed_offset, object: None })
    }

    /// The id of the tensor, buffer or operator as a number.
    #[must_use]
    pub fn index(&self) -> usize {
        match self.occupant {
            Occupant::Tensor(id) => id.index(),
            Occupant::Scratch(id) => id.index(),
        }
    }

    /// Returns true for the scratch buffer of an operator.
    #[must_use]
    pub fn is_scratch(&self) -> bool {
        matches!(self.occupant, Occupant::Scratch(_))
    }

    /// The live range without its gaps.
    pub fn pieces(&self) -> impl Iterator<Item = LiveRange> + use<'a> {
        self.place.live.without(self.gaps)
    }
}

impl Plan {
    /// A solution as a plan without order whose tensors are the buffers.
    pub(crate) fn of_solution(problem: &Problem, solution: &Solution) -> Self {
        let buffers: Vec<Occupant> =
            problem.ids().map(|id| Occupant::Tensor(TensorId::new(id.index()))).collect();
        let bound = &solution.lower_bound;
        let mut plan = Self {
            order: Vec::new(),
            tensors: Vec::new(),
            scratch: Vec::new(),
            arena_bytes: solution.height,
            alignment: 1,
            variables: Variables::default(),
            capacity: problem.capacity(),
            reserved: problem.reserved().to_vec(),
            lower_bound: PlanBound {
                bytes: bound.bytes,
                certified: bound.certified,
                step: bound.step,
                causes: bound.buffers.iter().filter_map(|id| buffers.get(id.index()).copied()).collect(),
            },
            bound_over_orders: None,
            status: solution.status,
            strategy: solution.strategy.clone(),
            objects: None,
            aliases: Vec::new(),
            bodies: Vec::new(),
            nodes: solution.nodes,
            stop: solution.stop,
        };
        for (buffer, &offset) in problem.buffers().iter().zip(&solution.offsets) {
            plan.tensors.push(Some(Placement { offset, bytes: buffer.size(), live: buffer.live() }));
        }
        if let Some(objects) = &solution.objects {
            plan.set_objects(objects, &buffers);
        }
        plan
    }
}
