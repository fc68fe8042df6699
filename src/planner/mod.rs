//! The facade: a graph or a problem in, a verified plan out.

mod bodies;
mod budget;
mod evaluate;
mod joint;
mod pipeline;
mod pools;
mod shared;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};

use crate::allocate::{
    Allocation, Auto, Greedy, PackingEffort, Strategy, allocate_around, choose, infeasible_core,
};
use crate::bound::lower_bound;
use crate::choice::Choice;
use crate::effort::Effort;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::ids::{BufferId, OperatorId};
use crate::infeasible::InfeasibleCore;
use crate::limits::{Limits, Stop};
use crate::liveness::Liveness;
use crate::objects::{Inside, Objects};
use crate::occupant::{Occupant, Variables};
use crate::plan::{Placement, Plan, PlanInside, PlanObjects, SharedObject, Status};
use crate::problem::Problem;
use crate::schedule::{Ordering, Schedule, Scheduler};
use crate::sharing::{Sharing, concerns};
use crate::solution::Solution;
use crate::verify::{
    Violations, provable_bound, provable_plan_bound, verify, verify_choice, verify_solution, verify_until,
};

/// Plans graphs, and problems that come without one.
///
/// ```
/// use plimsoll::{Buffer, Planner, Problem, allocate::Greedy};
///
/// let problem = Problem::new(vec![Buffer::new(64, 0..2), Buffer::new(32, 1..3)])?;
/// let solution = Planner::new().strategy(Greedy::by_size()).solve(&problem)?;
/// assert_eq!(solution.offsets, [0, 64]);
/// # Ok::<(), plimsoll::Error>(())
/// ```
///
/// A planner is `Send`, `Sync` and cheap to clone; one planner can plan many graphs on many threads.
#[derive(Clone)]
pub struct Planner {
    alignment: u64,
    variables: Variables,
    capacity: Option<u64>,
    reserved: Vec<Range<u64>>,
    ordering: Ordering,
    sharing: Sharing,
    effort: Effort,
    strategy: Arc<dyn Strategy>,
    /// Whether the caller chose the strategy.
    is_chosen: bool,
    limits: Limits,
}

impl Default for Planner {
    fn default() -> Self {
        Self {
            alignment: 16,
            variables: Variables::default(),
            capacity: None,
            reserved: Vec::new(),
            ordering: Ordering::default(),
            sharing: Sharing::default(),
            effort: Effort::default(),
            strategy: Arc::new(Auto::new()),
            is_chosen: false,
            limits: Limits::new(),
        }
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner")
            .field("alignment", &self.alignment)
            .field("variables", &self.variables)
            .field("capacity", &self.capacity)
            .field("reserved", &self.reserved)
            .field("ordering", &self.ordering)
            .field("sharing", &self.sharing)
            .field("effort", &self.effort)
            .field("strategy", &self.strategy.name())
            .field("is_chosen", &self.is_chosen)
            .field("limits", &self.limits)
            .finish()
    }
}

impl Planner {
    /// Alignment 16, variables in the arena, no capacity, strategy
    /// [`Auto`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Alignment in bytes of tensors that ask for none, and of workspaces: a
    /// power of two. Buffers of a [`Problem`] bring their own.
    #[must_use]
    pub fn alignment(mut self, bytes: u64) -> Self {
        self.alignment = bytes;
        self
    }

    /// Where variables live.
    #[must_use]
    pub fn variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// How many bytes there are. A plan that needs more is returned all the
    /// same, as [`Status::Infeasible`] if that is proven, or else
    /// [`Status::Unknown`]. A problem's own capacity goes before.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Nothing may use this range of the arena, in bytes from its start. May be
    /// called several times. Below what is used, the range counts as a part of the
    /// arena. A problem's own ranges are reserved as well.
    #[must_use]
    pub fn reserve(mut self, range: Range<u64>) -> Self {
        self.reserved.push(range);
        self
    }

    /// Which order the operators of a graph get.
    #[must_use]
    pub fn order(mut self, ordering: Ordering) -> Self {
        self.ordering = ordering;
        self
    }

    /// Which tensors of a graph may share memory while both are needed; only what its
    /// operators permit is done, and [`Plan::shares`] says what was.
    #[must_use]
    pub fn share(mut self, sharing: Sharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// Sets the strategy that chooses offsets: a built-in one, one of your own, or a box from
    /// [`by_name`](crate::allocate::by_name). Clones of the planner share it.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Strategy + 'static) -> Self {
        (self.strategy, self.is_chosen) = (Arc::new(strategy), true);
        self
    }

    /// How much work is done where no limit says so: of the pipeline's stages, and of the default
    /// strategy. A strategy that was chosen has an effort of its own
    /// ([`Settings`](crate::allocate::Settings)).
    #[must_use]
    pub fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        if !self.is_chosen {
            self.strategy = Arc::new(Auto::new().effort(effort));
        }
        self
    }

    /// When searches must stop.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Plans a graph: order and offsets together, so that the arena is smallest. Never
    /// worse than the file's order; [`order`](Self::order) says how far other orders are
    /// searched.
    ///
    /// Where the offsets do not reach the least peak of all orders, further orders that
    /// might are tried, a few. The plan is [`Status::Optimal`] only if no order has a
    /// smaller arena ([`Plan::bound_over_orders`]): it is the least over all orders, all sharing
    /// that is permitted at this level and all offsets of the given graph. The certificate of
    /// [`Plan::lower_bound`] proves as much of that as it says, for this order and sharing; the
    /// rest is the result of searches. Joint searches over orders and offsets are exhaustive for
    /// up to 10 operators without reserved ranges.
    ///
    /// The first plan is first fit by start in program order, which no node limit and no deadline
    /// cuts short; up to 5000 tensors and workspaces, no plan is larger than that of greedy by
    /// size in program order, at any limit.
    ///
    /// Bodies of operators are planned by the same rules, each for itself, before the graph
    /// ([`Plan::bodies`]): the plan is the smallest with bodies planned so.
    ///
    /// # Errors
    /// As [`plan_in_order`](Self::plan_in_order).
    pub fn plan(&self, graph: &Graph) -> Result<Plan> {
        if self.ordering == Ordering::File {
            return self.plan_in_order(graph, graph.file_order());
        }
        if graph.has_bodies() {
            return bodies::plan(self, graph, Self::plan);
        }
        pipeline::plan(self, graph)
    }

    /// An order for a graph, without offsets.
    ///
    /// # Errors
    /// What [`Liveness::new`] says of sizes and alignments; [`Error::Cancelled`].
    pub fn schedule(&self, graph: &Graph) -> Result<Schedule> {
        let graph = &*self.flatten(graph)?;
        Liveness::new(graph, graph.file_order(), self.alignment, self.variables)?;
        Ok(self.scheduler(graph, self.sharing).schedule(self.ordering, &self.limits)?)
    }

    fn scheduler<'a>(&self, graph: &'a Graph, sharing: Sharing) -> Scheduler<'a> {
        Scheduler::new(graph, self.alignment, self.variables, sharing, &self.limits)
    }

    /// Plans a graph in this order. Bodies have orders of their own, as [`order`](Self::order) says.
    ///
    /// Time and space are those of the strategy, and O((operators + edges) +
    /// n log n) for liveness and verification.
    ///
    /// # Errors
    /// [`Error::Order`] if the order cannot be run; what
    /// [`Liveness::new`] says of sizes, alignments and fixed offsets; what the
    /// strategy says; [`Error::WrongPlan`] if it returned a wrong plan; [`Error::Cancelled`] if the
    /// call was cancelled before there was a verified plan.
    pub fn plan_in_order(&self, graph: &Graph, order: &[OperatorId]) -> Result<Plan> {
        if graph.has_bodies() {
            return bodies::plan(self, graph, |planner, graph| planner.plan_in_order(graph, order));
        }
        pipeline::plan_in_order(self, graph, order)
    }

    /// Gives offsets to a problem's buffers.
    ///
    /// # Errors
    /// What the strategy says; [`Error::WrongPlan`] if it returned wrong
    /// offsets; [`Error::Cancelled`] if the call was cancelled before there were verified offsets.
    pub fn solve(&self, problem: &Problem) -> Result<Solution> {
        if self.reserved.is_empty() && self.capacity.is_none() {
            return self.allocate(problem);
        }
        self.allocate(&self.equipped(problem)?)
    }

    /// With the capacity and the reserved ranges of this planner.
    pub(crate) fn equipped(&self, problem: &Problem) -> Result<Problem> {
        let capacity = problem.capacity().or(self.capacity);
        let reserved = problem.reserved().iter().chain(&self.reserved).cloned();
        problem.clone().with_capacity(capacity).with_reserved(reserved)
    }

    /// Where not everything fits: chooses what is kept on chip, in shared objects
    /// that are together not larger than the capacity, so that the value kept is
    /// greatest: of `values` by buffer id, or bytes. The strategy is always that
    /// of [`Knapsack`](crate::allocate::Knapsack), in its 0-1 form: optimal
    /// within the limits, else with a bound on the value. Where alignments
    /// differ, what is left free between objects counts, and the choice need not
    /// be proven.
    ///
    /// Exponential in the worst case; see `docs/algorithms.md`.
    ///
    /// # Errors
    /// [`Error::NoCapacity`] if there is none; [`Error::Refused`] for buffers with
    /// fixed offsets, and for values that are not one for each buffer or exceed 64
    /// bits together; [`Error::WrongPlan`] if the choice is wrong.
    ///
    /// ```
    /// use plimsoll::{Buffer, Planner, Problem};
    ///
    /// let sizes = [(60, 0..2), (50, 1..3), (40, 2..4)];
    /// let buffers = sizes.map(|(size, live)| Buffer::new(size, live)).to_vec();
    /// let problem = Problem::new(buffers)?;
    /// let choice = Planner::new().capacity(100).choose(&problem, None)?;
    /// assert_eq!((choice.value, choice.is_optimal()), (100, true));
    /// assert_eq!(choice.offsets[1], None); // 60 and 40 bytes share one object
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    pub fn choose(&self, problem: &Problem, values: Option<&[u64]>) -> Result<Choice> {
        let capacity = problem.capacity().or(self.capacity).ok_or(Error::NoCapacity)?;
        let problem = &self.equipped(problem)?;
        let choice = choose(problem, capacity, values, &self.limits)?;
        verify_choice(problem, capacity, values, &choice).map_err(|violations| {
            let first = violations.list().first().map(ToString::to_string);
            Error::WrongPlan { strategy: "knapsack".to_owned(), violation: first.unwrap_or_default() }
        })?;
        Ok(choice)
    }

    /// Why a problem does not fit its capacity, or this planner's: buffers that
    /// cannot lie together. None if all fit, as they do without a capacity, or if
    /// nothing is proven within the limits. The strategy does not matter.
    ///
    /// As many exact searches as buffers in the worst case, each short; fast where
    /// the load alone is too much.
    ///
    /// # Errors
    /// What [`Problem::with_reserved`] says of this planner's reserved ranges.
    ///
    /// ```
    /// use plimsoll::{Buffer, Planner, Problem};
    ///
    /// let buffers = [(60, 0..2), (50, 1..3), (40, 2..4)];
    /// let buffers = buffers.map(|(size, live)| Buffer::new(size, live)).to_vec();
    /// let core = Planner::new().capacity(100).explain(&Problem::new(buffers)?)?.unwrap();
    /// assert_eq!((core.members.len(), core.missing(), core.irreducible), (2, 10, true));
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    pub fn explain(&self, problem: &Problem) -> Result<Option<InfeasibleCore<BufferId>>> {
        infeasible_core(&self.equipped(problem)?, &self.limits)
    }

    /// The same for a plan of a graph: what of it cannot lie together within the
    /// plan's capacity, outside of what the plan says is reserved. None where tensors share
    /// memory or may, as then none of them is too much by itself.
    ///
    /// # Errors
    /// What [`plan_in_order`](Self::plan_in_order) says of the plan's order, and of
    /// what is reserved.
    pub fn explain_plan(&self, graph: &Graph, plan: &Plan) -> Result<Option<InfeasibleCore<Occupant>>> {
        if concerns(graph, self.sharing) || !plan.shares.is_empty() {
            return Ok(None);
        }
        let graph = &bodies::least(graph, plan);
        let liveness = Liveness::new(graph, &plan.order, plan.alignment, plan.variables)?;
        let problem = liveness.problem().clone().with_capacity(plan.capacity);
        let core = infeasible_core(&problem.with_reserved(plan.reserved.iter().cloned())?, &self.limits)?;
        Ok(core.map(|core| core.map(|id| liveness.occupants()[id.index()])))
    }

    /// Verified offsets for a problem that has this planner's capacity and reserved ranges.
    ///
    /// Where the call can be cancelled, first fit comes first and is verified, so that there is
    /// something to return; see the pipeline.
    pub(crate) fn allocate(&self, problem: &Problem) -> Result<Solution> {
        let mut first = None;
        if self.limits.can_be_cancelled() {
            let limits = self.limits.clone().cancel_only();
            let solution = solution_of(problem, &Greedy::first_fit(), &limits)?;
            if solution.stop == Stop::Cancelled {
                return Err(Error::Cancelled);
            }
            first = Some(self.checked_solution(problem, solution)?);
        }
        let solution = solution_of(problem, &*self.strategy, &self.limits)?;
        let is_large = problem.buffers().len() > pipeline::MOST_AFTER_CANCELLATION;
        let is_late = solution.stop == Stop::Cancelled;
        match first {
            Some(first) if is_late && (is_large || self.is_search() && first.height <= solution.height) => {
                let Solution { nodes, stop, .. } = solution;
                Ok(Solution { nodes, stop, ..first })
            }
            _ => self.checked_solution(problem, solution),
        }
    }

    /// A solution that has passed the verifier. If that refuses the bound alone, the bound becomes
    /// what the verifier can prove.
    fn checked_solution(&self, problem: &Problem, mut solution: Solution) -> Result<Solution> {
        match verify_solution(problem, &solution) {
            Ok(()) => Ok(solution),
            Err(violations) if violations.are_of_bounds() => {
                withdraw();
                solution.lower_bound.bytes = provable_bound(problem, &solution);
                solution.lower_bound.certified = solution.lower_bound.bytes;
                solution.status = Status::of(solution.height, solution.lower_bound.bytes, problem.capacity());
                verify_solution(problem, &solution).map_err(|violations| self.wrong_plan(&violations))?;
                Ok(solution)
            }
            Err(violations) => Err(self.wrong_plan(&violations)),
        }
    }

    fn wrong_plan(&self, violations: &Violations) -> Error {
        let first = violations.list().first().map(ToString::to_string);
        Error::WrongPlan { strategy: self.strategy.name().to_owned(), violation: first.unwrap_or_default() }
    }

    /// A plan with these offsets for what is live, in the order of its buffers; without claims.
    fn placed(&self, graph: &Graph, order: &[OperatorId], liveness: &Liveness, offsets: Vec<u64>) -> Plan {
        let mut plan = Plan::unplaced(graph);
        let buffers = liveness.problem().buffers().iter().zip(offsets);
        for (occupant, (buffer, offset)) in liveness.occupants().iter().zip(buffers) {
            let placement = Placement { offset, bytes: buffer.size(), live: buffer.live() };
            plan.arena_bytes = plan.arena_bytes.max(placement.end());
            match occupant {
                Occupant::Tensor(id) => plan.tensors[id.index()] = Some(placement),
                Occupant::Scratch(id) => plan.scratch[id.index()] = Some(placement),
            }
        }
        plan.order = order.to_vec();
        (plan.alignment, plan.variables, plan.capacity) = (self.alignment, self.variables, self.capacity);
        plan
    }

    /// Whether the strategy is a search that begins with what first fit and greedy by size find, so
    /// that it need not run where these are optimal.
    fn is_search(&self) -> bool {
        matches!(self.strategy.name(), "auto" | "exact")
    }

    /// How far groups of tensors are packed as what they are.
    fn packing_effort(&self) -> PackingEffort {
        match self.effort {
            Effort::Quick => PackingEffort::QUICK,
            Effort::Default | Effort::Thorough => PackingEffort::FULL,
        }
    }
}

/// A phase that only cancellation stops has no result then.
impl From<Stop> for Error {
    fn from(_: Stop) -> Self {
        Self::Cancelled
    }
}

/// Offsets by a strategy, with their bound and status, not verified.
fn solution_of(problem: &Problem, strategy: &dyn Strategy, limits: &Limits) -> Result<Solution> {
    let Allocation { offsets, objects, nodes, stop, proven } = allocate_around(problem, strategy, limits)?;
    let reach = problem.buffers().iter().zip(&offsets);
    let height = reach.map(|(buffer, offset)| offset.saturating_add(buffer.size())).max().unwrap_or(0);
    let mut lower_bound = lower_bound(problem);
    lower_bound.bytes = lower_bound.bytes.max(proven);
    let status = Status::of(height, lower_bound.bytes, problem.capacity());
    let strategy = strategy.name().to_owned();
    Ok(Solution { offsets, height, lower_bound, status, strategy, objects, nodes, stop })
}

/// A plan that has passed the verifier. If that refuses a bound alone, the plan keeps the bound
/// that the verifier can prove: a wrong bound is an internal error, but no reason to lose a right
/// plan.
///
/// # Errors
/// [`Error::WrongPlan`]; [`Error::Cancelled`] if there was no time to verify a large plan.
fn checked(planner: &Planner, graph: &Graph, mut plan: Plan) -> Result<Plan> {
    let is_large = plan.placements().nth(pipeline::MOST_AT_ANY_LIMIT).is_some();
    let verified = if is_large {
        verify_until(planner.limits.cancellation(), graph, &plan).ok_or(Error::Cancelled)?
    } else {
        verify(graph, &plan)
    };
    match verified {
        Ok(()) => Ok(plan),
        Err(violations) if violations.are_of_bounds() => {
            withdraw();
            plan.lower_bound.bytes = provable_plan_bound(graph, &plan);
            plan.lower_bound.certified = plan.lower_bound.bytes;
            plan.bound_over_orders = plan.bound_over_orders.map(|_| 0);
            plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
            verify(graph, &plan).map_err(|violations| planner.wrong_plan(&violations))?;
            Ok(plan)
        }
        Err(violations) => Err(planner.wrong_plan(&violations)),
    }
}

/// Bounds that the verifier has refused since the process started, for tests: plans with such a
/// bound are right, but the bound is not.
static WITHDRAWN: AtomicU64 = AtomicU64::new(0);

fn withdraw() {
    WITHDRAWN.fetch_add(1, atomic::Ordering::Relaxed);
}

/// How many bounds were withdrawn since the process started: 0, unless there is an internal error.
#[doc(hidden)]
#[must_use]
pub fn withdrawn_bounds() -> u64 {
    WITHDRAWN.load(atomic::Ordering::Relaxed)
}

fn objects_in_graph_terms(graph: &Graph, objects: &Objects, liveness: &Liveness) -> PlanObjects {
    let list = objects.offsets.iter().zip(&objects.sizes);
    let occupant = |id: BufferId| liveness.occupants()[id.index()];
    let inside = objects.inside.iter();
    let mut in_graph = PlanObjects {
        list: list.map(|(&offset, &bytes)| SharedObject { offset, bytes }).collect(),
        of_tensor: vec![None; graph.tensors().len()],
        of_scratch: vec![None; graph.operators().len()],
        inside: inside
            .map(|&Inside { guest, host, at }| PlanInside {
                guest: occupant(guest),
                host: occupant(host),
                at,
            })
            .collect(),
        lower_bound: objects.lower_bound,
    };
    for (occupant, object) in liveness.occupants().iter().zip(&objects.of_buffer) {
        match occupant {
            Occupant::Tensor(id) => in_graph.of_tensor[id.index()] = *object,
            Occupant::Scratch(id) => in_graph.of_scratch[id.index()] = *object,
        }
    }
    in_graph
}
