//! [`Planner`]: from a graph or a problem to a verified plan.

mod bodies;
mod body_plans;
mod budget;
mod evaluate;
mod joint;
mod links;
mod pipeline;
mod place_tiles;
mod pools;
mod replan;
mod shared;
mod tile;

pub use replan::{Keep, PreviousPlan};

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};

use crate::allocate::{
    Allocation, Auto, Greedy, Hinted, PackingEffort, Strategy, allocate_around, choose, infeasible_core,
};
use crate::error::{Error, Result};
use crate::graph::{Graph, Occupant, Variables};
use crate::liveness::Liveness;
use crate::plan::{Placement, Plan};
use crate::problem::{Choice, InfeasibleCore, Problem, Solution, Status, lower_bound};
use crate::schedule::{Schedule, ScheduleMode, Scheduler};
use crate::sharing::{SharingLevel, concerns};
use crate::support::effort::Effort;
use crate::support::ids::{BufferId, OperatorId};
use crate::support::limits::{Limits, Stop};
use crate::verify::{
    Violations, provable_bound, provable_plan_bound, verify, verify_choice, verify_solution, verify_until,
};

/// Plans the memory of graphs, and of buffers without a graph.
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
#[derive(Clone, Debug)]
pub struct Planner {
    alignment: u64,
    variables: Variables,
    capacity: Option<u64>,
    reserved: Vec<Range<u64>>,
    schedule_mode: ScheduleMode,
    sharing: SharingLevel,
    effort: Effort,
    /// True if plans may use links of bodies.
    links: bool,
    strategy: Arc<dyn Strategy>,
    /// Set if the caller chose the strategy; then [`effort`](Planner::effort) leaves it alone.
    is_chosen: bool,
    limits: Limits,
    /// The plan from which [`replan`](Planner::replan) starts.
    previous: Option<Arc<PreviousPlan>>,
}

impl Default for Planner {
    fn default() -> Self {
        Self {
            alignment: 16,
            variables: Variables::default(),
            capacity: None,
            reserved: Vec::new(),
            schedule_mode: ScheduleMode::default(),
            sharing: SharingLevel::default(),
            effort: Effort::default(),
            links: true,
            strategy: Arc::new(Auto::new()),
            is_chosen: false,
            limits: Limits::new(),
            previous: None,
        }
    }
}

impl Planner {
    /// Alignment 16, variables in the arena, no capacity, no sharing, strategy [`Auto`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Alignment in bytes of scratch, and of tensors that state none: a power of two. Buffers of a
    /// [`Problem`] state their own.
    #[must_use]
    pub fn alignment(mut self, bytes: u64) -> Self {
        self.alignment = bytes;
        self
    }

    /// Places variables in the arena or outside.
    #[must_use]
    pub fn variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// Arena capacity in bytes. A plan that exceeds it is returned with [`Status::Infeasible`] if
    /// the lower bound exceeds it, too, else with [`Status::Unknown`]. A capacity of the problem
    /// takes precedence.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Reserves a range of the arena, in bytes from its start: no buffer overlaps it. May be called
    /// several times. The arena includes reserved ranges below its highest buffer. Ranges that the
    /// problem reserves count as well.
    #[must_use]
    pub fn reserve(mut self, range: Range<u64>) -> Self {
        self.reserved.push(range);
        self
    }

    /// Selects how the operator order is chosen.
    #[must_use]
    pub fn order(mut self, mode: ScheduleMode) -> Self {
        self.schedule_mode = mode;
        self
    }

    /// Selects which permissions of the operators are used to let live tensors share memory.
    /// [`Plan::aliases`] lists the sharing that a plan relies on.
    #[must_use]
    pub fn share(mut self, sharing: SharingLevel) -> Self {
        self.sharing = sharing;
        self
    }

    #[cfg(any(feature = "tflite", all(feature = "json", feature = "onnx")))]
    pub(crate) fn sharing_level(&self) -> SharingLevel {
        self.sharing
    }

    /// The limits of a call.
    #[cfg(any(feature = "tflite", all(feature = "json", feature = "onnx")))]
    pub(crate) fn chosen_limits(&self) -> &Limits {
        &self.limits
    }

    #[cfg(any(feature = "tflite", all(feature = "json", feature = "onnx")))]
    pub(crate) fn chosen_effort(&self) -> Effort {
        self.effort
    }

    /// Sets the strategy that chooses offsets: a built-in one, one of your own, or a box from
    /// [`by_name`](crate::allocate::by_name). Clones of the planner share it.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Strategy + 'static) -> Self {
        (self.strategy, self.is_chosen) = (Arc::new(strategy), true);
        self
    }

    /// Sets whether a plan may keep inputs and outputs of operators inside the memory of their bodies, as
    /// [links](crate::BodyLink) allow; the default is true. Without it, inputs, outputs and bodies are in separate
    /// bytes, for runtimes that keep captured values while a body runs.
    #[must_use]
    pub fn links(mut self, links: bool) -> Self {
        self.links = links;
        self
    }

    /// Work per plan where no limit is given: of the stages of the pipeline, and of the default
    /// strategy. A strategy that the caller chose has its own effort
    /// ([`Settings`](crate::allocate::Settings)).
    #[must_use]
    pub fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        if !self.is_chosen {
            self.strategy = Arc::new(Auto::new().effort(effort));
        }
        self
    }

    /// Node limit, deadline, cancellation and progress callback of all searches.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Plans a graph: chooses operator order, sharing and offsets together to minimise the arena.
    /// The arena is never larger than in program order; [`order`](Self::order) selects how far
    /// other orders are searched.
    ///
    /// If the offsets of the best order stay above the bound, a few further orders are tried. The
    /// plan is [`Status::Optimal`] only if no order has a smaller arena
    /// ([`Plan::bound_over_orders`]): it is minimal over all orders, all permitted sharing at this
    /// level, and all offsets of the given graph. The certificate of [`Plan::lower_bound`] proves
    /// the bytes that it states, for this order and this sharing; the rest is the result of
    /// searches. For up to 10 operators without reserved ranges, a joint search over orders and
    /// offsets is exhaustive.
    ///
    /// The first plan is first fit by start in program order; neither a node limit nor a deadline
    /// ends it. Up to 5000 tensors and scratch buffers, the plan is at most as large as that of greedy
    /// by size in program order and at the same level of sharing, at any limit.
    ///
    /// Bodies of operators are planned first, each by itself, by the same rules ([`Plan::bodies`]);
    /// the plan is minimal for these plans of the bodies.
    ///
    /// # Errors
    /// As [`plan_in_order`](Self::plan_in_order).
    pub fn plan(&self, graph: &Graph) -> Result<Plan> {
        graph.check_one_arena()?;
        if self.schedule_mode == ScheduleMode::Program {
            return self.plan_in_order(graph, graph.program_order());
        }
        if graph.has_bodies() {
            return bodies::plan(self, graph, Self::plan);
        }
        pipeline::plan(self, graph)
    }

    /// Chooses an operator order without offsets.
    ///
    /// # Errors
    /// Errors of [`Liveness::new`] about sizes and alignments; [`Error::Cancelled`].
    pub fn schedule(&self, graph: &Graph) -> Result<Schedule> {
        let graph = &*self.flatten(graph)?;
        Liveness::new(graph, graph.program_order(), self.alignment, self.variables)?;
        Ok(self.scheduler(graph, self.sharing).schedule(self.schedule_mode, &self.limits)?)
    }

    fn scheduler<'a>(&self, graph: &'a Graph, sharing: SharingLevel) -> Scheduler<'a> {
        Scheduler::new(graph, self.alignment, self.variables, sharing, &self.limits)
    }

    /// Plans a graph in the given order. The orders of bodies are chosen as [`order`](Self::order)
    /// selects.
    ///
    /// Time and space are those of the strategy, plus O(operators + edges + n log n) for liveness
    /// and verification of n buffers.
    ///
    /// # Errors
    /// [`Error::Order`] if the order cannot be run; errors of [`Liveness::new`] about sizes,
    /// alignments and fixed offsets; [`Error::Storage`] if a tensor must be in a pool; errors of the
    /// strategy; [`Error::WrongPlan`] if the strategy returned a wrong plan; [`Error::Cancelled`] if the call was
    /// cancelled before a plan was verified.
    pub fn plan_in_order(&self, graph: &Graph, order: &[OperatorId]) -> Result<Plan> {
        graph.check_one_arena()?;
        if graph.has_bodies() {
            return bodies::plan(self, graph, |planner, graph| planner.plan_in_order(graph, order));
        }
        pipeline::plan_in_order(self, graph, order)
    }

    /// Chooses offsets for the buffers of a problem.
    ///
    /// # Errors
    /// Errors of the strategy; [`Error::WrongPlan`] if the strategy returned wrong offsets;
    /// [`Error::Cancelled`] if the call was cancelled before offsets were verified.
    pub fn solve(&self, problem: &Problem) -> Result<Solution> {
        if self.reserved.is_empty() && self.capacity.is_none() {
            return self.allocate(problem);
        }
        self.allocate(&self.equipped(problem)?)
    }

    /// The problem with the capacity and the reserved ranges of this planner.
    pub(crate) fn equipped(&self, problem: &Problem) -> Result<Problem> {
        let capacity = problem.capacity().or(self.capacity);
        let reserved = problem.reserved().iter().chain(&self.reserved).cloned();
        problem.clone().with_capacity(capacity).with_reserved(reserved)
    }

    /// Chooses the buffers that stay on chip if not all of them fit: shared objects whose sizes sum
    /// to at most the capacity, of maximum total value (`values` by buffer id, else bytes). Uses
    /// the 0-1 form of [`Knapsack`](crate::allocate::Knapsack) whatever the strategy: optimal
    /// within the limits, else with a bound on the value. If alignments differ, padding between
    /// objects counts, and the choice may be left unproven.
    ///
    /// Exponential in the worst case; see `docs/algorithms.md`.
    ///
    /// # Errors
    /// [`Error::NoCapacity`] if none is given; [`Error::Refused`] for buffers with fixed offsets,
    /// for a number of values other than that of the buffers, and for values whose sum exceeds 64
    /// bits; [`Error::WrongPlan`] if the choice is wrong.
    ///
    /// ```
    /// use plimsoll::{Buffer, Planner, Problem};
    ///
    /// let sizes = [(60, 0..2), (50, 1..3), (40, 2..4)];
    /// let buffers = sizes.map(|(size, live)| Buffer::new(size, live)).to_vec();
    /// let problem = Problem::new(buffers)?;
    /// let choice = Planner::new().capacity(100).choose(&problem, None)?;
    /// assert_eq!((choice.value, choice.is_optimal()), (100, true));
    /// assert_eq!(choice.offsets[1], None); // 60 and 40 bytes alias one object
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    pub fn choose(&self, problem: &Problem, values: Option<&[u64]>) -> Result<Choice> {
        let capacity = problem.capacity().or(self.capacity).ok_or(Error::NoCapacity)?;
        let problem = &self.equipped(problem)?;
        let choice = choose(problem, capacity, values, &self.limits)?;
        verify_choice(problem, capacity, values, &choice)
            .map_err(|violations| Error::WrongPlan { strategy: "knapsack".to_owned(), violations })?;
        Ok(choice)
    }

    /// Explains why a problem does not fit its capacity, or that of this planner: a set of buffers
    /// that cannot be placed together. None if all buffers fit, if no capacity is given, or if
    /// nothing is proven within the limits. Independent of the strategy.
    ///
    /// One short exact search per buffer in the worst case; fast if the load alone exceeds the
    /// capacity.
    ///
    /// # Errors
    /// Errors of [`Problem::with_reserved`] about the reserved ranges of this planner.
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

    /// Explains why a plan of a graph does not fit: tensors and scratch buffers that cannot be placed
    /// together within the capacity and outside of the reserved ranges of the plan. None if tensors
    /// share memory or may share it, because no set of them is then too large by itself.
    ///
    /// # Errors
    /// Errors of [`plan_in_order`](Self::plan_in_order) about the order and the reserved ranges of
    /// the plan.
    pub fn explain_plan(&self, graph: &Graph, plan: &Plan) -> Result<Option<InfeasibleCore<Occupant>>> {
        if concerns(graph, self.sharing) || !plan.aliases.is_empty() {
            return Ok(None);
        }
        let graph = &bodies::least(graph, plan);
        let liveness = Liveness::new(graph, &plan.order, plan.alignment, plan.variables)?;
        let problem = liveness.problem().clone().with_capacity(plan.capacity);
        let core = infeasible_core(&problem.with_reserved(plan.reserved.iter().cloned())?, &self.limits)?;
        Ok(core.map(|core| core.map(|id| liveness.occupants()[id.index()])))
    }

    /// Chooses and verifies offsets for a problem that has the capacity and the reserved ranges of
    /// this planner.
    ///
    /// If the call can be cancelled, first fit runs first and is verified, so that a cancelled call
    /// has a result to return; see the pipeline.
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
        let hinted = self.hinted(problem)?;
        let solution = match hinted {
            Some(hinted) if hinted.height <= hinted.lower_bound.bytes => hinted,
            Some(hinted) => {
                let searched = solution_of(problem, &*self.strategy, &self.limits)?;
                with_hints(hinted, searched)
            }
            None => solution_of(problem, &*self.strategy, &self.limits)?,
        };
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

    /// A solution that starts from the hints of a problem, if the strategy starts from other solutions.
    fn hinted(&self, problem: &Problem) -> Result<Option<Solution>> {
        if !problem.has_hints() || !self.is_search() {
            return Ok(None);
        }
        let solution = solution_of(problem, &Hinted, &self.limits.clone().cancel_only())?;
        Ok(Some(solution).filter(|solution| solution.stop != Stop::Cancelled))
    }

    /// Verifies a solution. If the verifier refuses only the bound, the bound is lowered to the
    /// bytes that the verifier can prove.
    fn checked_solution(&self, problem: &Problem, mut solution: Solution) -> Result<Solution> {
        match verify_solution(problem, &solution) {
            Ok(()) => Ok(solution),
            Err(violations) if violations.are_of_bounds() => {
                withdraw();
                solution.lower_bound.bytes = provable_bound(problem, &solution);
                solution.lower_bound.certified = solution.lower_bound.bytes;
                solution.status = Status::of(solution.height, solution.lower_bound.bytes, problem.capacity());
                verify_solution(problem, &solution).map_err(|violations| self.wrong_plan(violations))?;
                Ok(solution)
            }
            Err(violations) => Err(self.wrong_plan(violations)),
        }
    }

    fn wrong_plan(&self, violations: Violations) -> Error {
        Error::WrongPlan { strategy: self.strategy.name().to_owned(), violations }
    }

    /// The plan that places the buffers of `liveness` at these offsets, without bounds or status.
    fn placed(&self, graph: &Graph, order: &[OperatorId], liveness: &Liveness, offsets: Vec<u64>) -> Plan {
        let mut plan = Plan::unplaced(graph);
        let buffers = liveness.problem().buffers().iter().zip(offsets);
        for (occupant, (buffer, offset)) in liveness.occupants().iter().zip(buffers) {
            let placement = Placement { offset, bytes: buffer.size(), live: buffer.live() };
            plan.set_placement(*occupant, placement);
        }
        plan.order = order.to_vec();
        (plan.alignment, plan.variables, plan.capacity) = (self.alignment, self.variables, self.capacity);
        plan
    }

    /// True for strategies that start from the results of first fit and greedy by size. They need
    /// not run if one of these is optimal.
    fn is_search(&self) -> bool {
        matches!(self.strategy.name(), "auto" | "exact")
    }

    /// True for greedy strategies. They pack rigid groups by their bounding boxes only, which a limited call
    /// can afford as well: so its plan is never larger than that of greedy by size.
    fn is_greedy(&self) -> bool {
        let name = self.strategy.name();
        name.starts_with("greedy-by-") || matches!(name, "naive" | "first-fit" | "best-fit")
    }

    /// Effort of packing rigid groups by their shapes instead of their bounding boxes.
    fn packing_effort(&self) -> PackingEffort {
        match self.effort {
            Effort::Quick => PackingEffort::QUICK,
            Effort::Default | Effort::Thorough => PackingEffort::FULL,
        }
    }
}

/// For phases that only cancellation stops: they return no result then.
impl From<Stop> for Error {
    fn from(_: Stop) -> Self {
        Self::Cancelled
    }
}

/// Runs a strategy and adds bound and status; the result is not verified.
fn solution_of(problem: &Problem, strategy: &dyn Strategy, limits: &Limits) -> Result<Solution> {
    let Allocation { offsets, objects, nodes, stop, proven } = allocate_around(problem, strategy, limits)?;
    let height = problem.height(&offsets);
    let mut lower_bound = lower_bound(problem);
    lower_bound.bytes = lower_bound.bytes.max(proven);
    let status = Status::of(height, lower_bound.bytes, problem.capacity());
    let strategy = strategy.name().to_owned();
    Ok(Solution { offsets, height, lower_bound, status, strategy, objects, nodes, stop })
}

/// The smaller of two solutions, the hinted one if they are equal, with the bound of both.
fn with_hints(hinted: Solution, searched: Solution) -> Solution {
    if searched.height < hinted.height {
        return searched;
    }
    let Solution { lower_bound, nodes, stop, .. } = searched;
    Solution { lower_bound, nodes, stop, ..hinted }
}

/// Verifies a plan. If the verifier refuses only a bound, the bound is lowered to the bytes that
/// the verifier can prove: a wrong bound is an internal error, but the plan itself is right.
///
/// # Errors
/// [`Error::WrongPlan`]; [`Error::Cancelled`] if the call was cancelled while a large plan was
/// being verified.
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
            verify(graph, &plan).map_err(|violations| planner.wrong_plan(violations))?;
            Ok(plan)
        }
        Err(violations) => Err(planner.wrong_plan(violations)),
    }
}

/// Number of bounds that the verifier has refused since the process started, for tests.
static WITHDRAWN: AtomicU64 = AtomicU64::new(0);

fn withdraw() {
    WITHDRAWN.fetch_add(1, atomic::Ordering::Relaxed);
}

/// Number of bounds withdrawn since the process started: 0 unless there is an internal error.
#[doc(hidden)]
#[must_use]
pub fn withdrawn_bounds() -> u64 {
    WITHDRAWN.load(atomic::Ordering::Relaxed)
}
