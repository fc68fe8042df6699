//! The pipeline from a graph to a verified plan.
//!
//! 1. **First plan**: program order, first fit by start, verified. Only cancellation ends this
//!    stage, so every call that is not cancelled has a plan. Greedy by size follows, and first fit
//!    with all aliases; up to [`MOST_AT_ANY_LIMIT`] tensors these run at any limit, too.
//! 2. **Order**: an order of low peak, and a lower bound on the peak of all orders. Skipped if the
//!    strategy reaches the largest working set in program order.
//! 3. **Candidates**: that order, program order, further orders of the same peak; for each, several
//!    choices of aliases if tensors may share memory, and offsets by the strategy.
//! 4. **Exhaustive search** over orders, aliases and offsets for graphs of few operators.
//!
//! A candidate replaces the best plan if it is smaller and passes the verifier. A stage begins
//! only while the best plan is above the bound and no limit is met.

use super::budget::CallBudget;
use super::evaluate::{Evaluation, Packing};
use super::{Planner, checked};
use crate::allocate::{Greedy, Hinted, PackingEffort};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::plan::Plan;
use crate::problem::Status;
use crate::schedule::{AlternativeOrders, Schedule, Scheduler};
use crate::sharing::{SharingLevel, concerns};
use crate::support::effort::Effort;
use crate::support::ids::OperatorId;
use crate::support::limits::Stop;

/// Largest number of tensors and scratch buffers for which greedy by size runs to its end at any limit.
pub(super) const MOST_AT_ANY_LIMIT: usize = 5_000;

/// Largest number of tensors and scratch buffers for which a cancelled call still verifies a
/// candidate. Verifying a larger one would exceed the time in which a cancelled call returns.
pub(super) const MOST_AFTER_CANCELLATION: usize = 20_000;

/// Largest number of operators for which the best orders of all lower levels of sharing are searched.
const MOST_FOR_ALL_LEVELS: usize = 256;

/// Number of orders drawn at random besides the best one and program order.
const OTHERS: u64 = 5;

/// Plans a graph over the orders that the planner's mode allows.
pub(super) fn plan(planner: &Planner, graph: &Graph) -> Result<Plan> {
    plan_orders(planner, graph, graph.program_order(), Mode::AllOrders)
}

/// Plans a graph in one order.
pub(super) fn plan_in_order(planner: &Planner, graph: &Graph, order: &[OperatorId]) -> Result<Plan> {
    plan_orders(planner, graph, order, Mode::OneOrder)
}

/// The arena of a quick plan in program order, not verified: one choice of aliases, greedy offsets, and
/// little packing. Bodies have plans of their own and are not counted.
pub(super) fn draft(planner: &Planner, graph: &Graph) -> Result<u64> {
    let scheduler = planner.scheduler(graph, planner.sharing);
    let evaluation = Evaluation::new(planner, &scheduler, graph.program_order(), None)?;
    let plan = evaluation.plan(&Greedy::by_size(), Packing::Draft, &planner.limits)?;
    Ok(plan.arena_bytes)
}

fn plan_orders(planner: &Planner, graph: &Graph, order: &[OperatorId], mode: Mode) -> Result<Plan> {
    let scheduler = planner.scheduler(graph, planner.sharing);
    let mut pipeline = Pipeline::start(planner, &scheduler, order, mode)?;
    let improved = match mode {
        Mode::AllOrders => pipeline.improve(order),
        Mode::OneOrder if pipeline.is_open() => pipeline.candidate(order, planner.packing_effort()),
        Mode::OneOrder => Ok(()),
    };
    match improved {
        // A cancelled call returns the best plan so far, which is verified.
        Ok(()) | Err(Error::Cancelled) => pipeline.finish(),
        Err(error) => Err(error),
    }
}

/// The orders that a bound covers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    OneOrder,
    AllOrders,
}

struct Pipeline<'a> {
    mode: Mode,
    planner: &'a Planner,
    graph: &'a Graph,
    scheduler: &'a Scheduler<'a>,
    budget: CallBudget<'a>,
    /// Liveness and problem of the order that the pipeline starts with.
    first_order: Evaluation<'a>,
    /// Lower bound on the arena in the order that the pipeline starts with.
    first_bound: u64,
    /// Lower bound on the arena over all orders, in bytes; none until it is computed.
    over_orders: Option<u64>,
    /// True if the graph has only one valid order.
    is_only_order: bool,
    /// Incumbent: the best plan, verified except for [`over_orders`](Self::over_orders).
    best: Plan,
    /// True if the incumbent does not come from the chosen strategy. A finished result of the
    /// strategy then replaces it even if it is larger, because the caller chose that strategy.
    is_first: bool,
}

impl<'a> Pipeline<'a> {
    /// Makes and verifies the first plan.
    ///
    /// # Errors
    /// Errors in the graph or the order; [`Error::Cancelled`].
    fn start(
        planner: &'a Planner,
        scheduler: &'a Scheduler<'a>,
        order: &'a [OperatorId],
        mode: Mode,
    ) -> Result<Self> {
        let (graph, budget) = (scheduler.graph(), CallBudget::new(&planner.limits));
        let limits = budget.cancel_only();
        let evaluation = Evaluation::new(planner, scheduler, order, None)?;
        let first = evaluation.plan(&Greedy::first_fit(), Packing::FirstFrames, &limits)?;
        if first.stop == Stop::Cancelled {
            return Err(Error::Cancelled);
        }
        let best = checked(planner, graph, first)?;
        let mut pipeline = Self {
            mode,
            planner,
            graph,
            scheduler,
            budget,
            first_order: evaluation,
            first_bound: best.lower_bound.bytes,
            over_orders: None,
            is_only_order: false,
            best,
            is_first: true,
        };
        pipeline.start_from_previous(order)?;
        let is_small = pipeline.first_order.len() <= MOST_AT_ANY_LIMIT;
        // The first plan uses the fewest aliases; first fit with all of them may be smaller.
        let strategies = [Greedy::by_size(), Greedy::first_fit()];
        let count = if concerns(graph, planner.sharing) { 2 } else { 1 };
        for strategy in &strategies[..count] {
            if pipeline.is_above_bound() && is_small && planner.limits.can_end() {
                let plan = pipeline.first_order.plan(strategy, Packing::Frames, &limits)?;
                pipeline.offer_first(plan)?;
            }
        }
        Ok(pipeline)
    }

    /// Replaces the first plan by one with the offsets of the previous plan, unless that is larger.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn start_from_previous(&mut self, order: &[OperatorId]) -> Result<()> {
        let planner = self.planner;
        let Some(previous) = &planner.previous else { return Ok(()) };
        let order = if self.mode == Mode::OneOrder { order } else { previous.order() };
        let limits = self.budget.cancel_only();
        let plan = Evaluation::new(planner, self.scheduler, order, None)
            .and_then(|evaluation| evaluation.plan(&Hinted, Packing::MostFrames, &limits));
        match plan {
            Ok(plan) if plan.arena_bytes <= self.best.arena_bytes && plan.stop != Stop::Cancelled => {
                self.best = checked(planner, self.graph, plan)?;
                // A search replaces it by smaller plans only.
                self.is_first &= !planner.is_search();
                if self.mode == Mode::AllOrders { self.bound_by_working_sets() } else { Ok(()) }
            }
            Err(Error::Cancelled) => Err(Error::Cancelled),
            // The previous order may break a constraint that the other orders keep.
            _ => Ok(()),
        }
    }

    /// All stages after the first plan.
    ///
    /// # Errors
    /// Errors of the strategy; [`Error::Cancelled`].
    fn improve(&mut self, program_order: &[OperatorId]) -> Result<()> {
        self.bound_by_working_sets()?;
        if self.has_least_load() && self.is_open() {
            // No order has a lower load. If the strategy reaches it, the order search is skipped.
            self.candidate(program_order, PackingEffort::QUICK)?;
        }
        if self.is_open() {
            let schedule = self.schedule()?;
            self.candidates(&schedule)?;
            self.exhaust()?;
        }
        // Last, so that the stages before have the nodes that they have without a previous plan.
        if let Some(previous) = &self.planner.previous
            && self.effort() > Effort::Quick
            && self.is_open()
        {
            self.candidate(previous.order(), PackingEffort::QUICK)?;
        }
        Ok(())
    }

    /// True unless the incumbent is proven minimal.
    fn is_above_bound(&self) -> bool {
        let bound = match self.mode {
            Mode::OneOrder => self.best.lower_bound.bytes,
            Mode::AllOrders => self.over_orders.unwrap_or(0),
        };
        self.best.arena_bytes > bound
    }

    /// True if the deadline of a call on a large graph has passed. Building the network of the
    /// scheduler would take half as long as the first plan.
    fn is_late(&mut self) -> bool {
        self.first_order.len() > MOST_AT_ANY_LIMIT
            && self.budget.is_met()
            && self.budget.stop() >= Stop::Deadline
    }

    /// True if a further stage may begin.
    fn is_open(&mut self) -> bool {
        // A search strategy starts from the same offsets, so the first plan stands for it. This does
        // not hold if tensors may share memory: the first plan uses the fewest permissions.
        let is_enough = self.planner.is_search() && !concerns(self.graph, self.planner.sharing);
        let must_run = self.is_first && !is_enough;
        (must_run || self.is_above_bound()) && !self.budget.is_met()
    }

    /// Effort that sets the number of candidates.
    fn effort(&self) -> Effort {
        if self.first_order.is_large() { Effort::Quick } else { self.planner.effort }
    }

    /// Computes a bound over orders without a search; the first plan often reaches it.
    fn bound_by_working_sets(&mut self) -> Result<()> {
        let mut bound = self.first_order.working_set_bound();
        if bound == 0 || !self.is_late() {
            bound = bound.max(self.first_order.bound_of(self.scheduler.largest_step()?));
        }
        self.over_orders = Some(bound);
        Ok(())
    }

    /// True if no order has a lower load than the one that the pipeline starts with.
    fn has_least_load(&self) -> bool {
        self.over_orders.is_some_and(|bound| self.first_bound <= bound)
    }

    /// Searches an order of low peak and a bound over orders.
    fn schedule(&mut self) -> Result<Schedule> {
        let schedule = self.scheduler.schedule(self.planner.schedule_mode, &self.budget.left())?;
        self.budget
            .charge(schedule.nodes, if schedule.is_optimal() { Stop::Finished } else { schedule.stop });
        let mut bound = self.first_order.bound_of(schedule.lower_bound);
        self.is_only_order = schedule.is_only_order;
        if self.is_only_order {
            bound = bound.max(self.best.lower_bound.bytes);
        }
        self.over_orders = self.over_orders.max(Some(bound));
        Ok(schedule)
    }

    /// Plans further orders, the most promising first.
    fn candidates(&mut self, schedule: &Schedule) -> Result<()> {
        let program_order = self.graph.program_order();
        self.candidate(&schedule.order, PackingEffort::QUICK)?;
        if schedule.program_peak < self.best.arena_bytes && schedule.order != program_order && self.is_open()
        {
            // For a large graph this is the only candidate in program order. It gets full effort so
            // that the plan is never larger than that of program order alone.
            let is_last = self.first_order.is_large();
            let effort = if is_last { self.planner.packing_effort() } else { PackingEffort::QUICK };
            self.candidate(program_order, effort)?;
        }
        if self.effort() == Effort::Quick {
            return self.with_fewest_aliases();
        }
        self.other_orders(schedule)?;
        let shares = concerns(self.graph, self.planner.sharing);
        self.orders_of_less_sharing(schedule)?;
        if shares && self.is_open() {
            let order = self.best.order.clone();
            self.candidate(&order, self.planner.packing_effort())?;
            // The plan is never larger than that of program order alone.
            if order != program_order && schedule.program_peak < self.best.arena_bytes && self.is_open() {
                self.candidate(program_order, self.planner.packing_effort())?;
            }
        }
        Ok(())
    }

    /// Plans the incumbent's order with the fewest aliases. A candidate of a large graph tries one
    /// choice of aliases, the most; on some graphs rigid groups then pack worse than single tensors.
    fn with_fewest_aliases(&mut self) -> Result<()> {
        if self.first_order.is_large() && concerns(self.graph, self.planner.sharing) && self.is_open() {
            let order = self.best.order.clone();
            self.packed_candidate(&order, Packing::FirstFrames)?;
        }
        Ok(())
    }

    fn other_orders(&mut self, schedule: &Schedule) -> Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        let mut others = AlternativeOrders::new(self.scheduler, schedule)?;
        let is_large = self.graph.operators().len() > MOST_AT_ANY_LIMIT;
        let count = if is_large && self.effort() < Effort::Thorough { 1 } else { OTHERS };
        for seed in 1..=count {
            if !self.is_open() {
                break;
            }
            let (order, nodes, stop) = others.drawn(seed, &self.budget.left());
            self.budget.charge(nodes, stop);
            if let Some(order) = order {
                self.candidate(&order, PackingEffort::QUICK)?;
            }
        }
        Ok(())
    }

    /// Plans the best orders of lower levels of sharing. They may be better if only a part of the tensors can share, or if
    /// rigid groups pack badly in the order of the lowest bound.
    fn orders_of_less_sharing(&mut self, schedule: &Schedule) -> Result<()> {
        let sharing = self.planner.sharing;
        let is_small = self.graph.operators().len() <= MOST_FOR_ALL_LEVELS;
        let levels = [SharingLevel::None, SharingLevel::Views, SharingLevel::InPlace];
        let levels = if is_small { &levels[..] } else { &levels[..1] };
        let mut tried = vec![schedule.order.clone()];
        for &level in levels.iter().filter(|&&level| level < sharing) {
            if !self.is_open() {
                break;
            }
            let scheduler = self.planner.scheduler(self.graph, level);
            let less = scheduler.schedule(self.planner.schedule_mode, &self.budget.left())?;
            self.budget.charge(less.nodes, Stop::Finished);
            if !tried.contains(&less.order) {
                self.candidate(&less.order, PackingEffort::QUICK)?;
                tried.push(less.order);
            }
        }
        Ok(())
    }

    /// Chooses aliases and offsets for an order.
    fn candidate(&mut self, order: &[OperatorId], effort: PackingEffort) -> Result<()> {
        let is_greedy = self.planner.is_greedy();
        self.packed_candidate(order, if is_greedy { Packing::Frames } else { Packing::Shapes(effort) })
    }

    fn packed_candidate(&mut self, order: &[OperatorId], packing: Packing) -> Result<()> {
        let limits = self.budget.left();
        let strategy = &*self.planner.strategy;
        let plan = if self.first_order.has_order(order) {
            self.first_order.bound_over_orders(self.over_orders);
            self.first_order.plan(strategy, packing, &limits)?
        } else {
            let evaluation = Evaluation::new(self.planner, self.scheduler, order, self.over_orders)?;
            evaluation.plan(strategy, packing, &limits)?
        };
        self.offer(plan)
    }

    /// Joint search over orders, aliases and offsets.
    fn exhaust(&mut self) -> Result<()> {
        if self.effort() == Effort::Quick || !self.planner.is_search() || !self.is_open() {
            return Ok(());
        }
        let found =
            self.planner.exhausted(self.scheduler, &self.best, self.over_orders, &self.budget.left())?;
        self.budget.charge(found.nodes, found.stop);
        self.over_orders = found.over_orders.or(self.over_orders);
        if let Some(plan) = found.plan {
            self.offer(plan)?;
        }
        Ok(())
    }

    /// Replaces the incumbent by a smaller plan of another strategy than the chosen one.
    fn offer_first(&mut self, plan: Plan) -> Result<()> {
        if plan.arena_bytes < self.best.arena_bytes && plan.stop != Stop::Cancelled {
            self.best = checked(self.planner, self.graph, plan)?;
        }
        Ok(())
    }

    /// Replaces the incumbent by a plan of the chosen strategy if that is smaller.
    fn offer(&mut self, plan: Plan) -> Result<()> {
        self.budget.charge(plan.nodes, plan.stop);
        if self.is_only_order {
            // A bound proven for the only order is a bound over orders.
            self.over_orders = self.over_orders.max(Some(plan.lower_bound.bytes));
        }
        // A search strategy starts from the first plan, so it is wanted only if it is no worse.
        let is_no_worse = plan.arena_bytes <= self.best.arena_bytes;
        let is_finished = plan.stop == Stop::Finished;
        let is_wanted = self.is_first && (is_no_worse || is_finished && !self.planner.is_search());
        let is_large = plan.placements().nth(MOST_AFTER_CANCELLATION).is_some();
        let is_late = plan.stop == Stop::Cancelled && is_large;
        if (plan.arena_bytes < self.best.arena_bytes || is_wanted) && !is_late {
            self.best = checked(self.planner, self.graph, plan)?;
            self.is_first = false;
        }
        Ok(())
    }

    /// The incumbent with the bound over orders, the status and the reason for stopping.
    fn finish(mut self) -> Result<Plan> {
        self.budget.is_met();
        let mut plan = self.best;
        // The incumbent is verified. Claims that are added here are verified again below.
        let claims_more = self.over_orders != plan.bound_over_orders;
        let limits = &self.planner.limits;
        let is_slow = claims_more && limits.can_be_cancelled() && self.first_order.len() > MOST_AT_ANY_LIMIT;
        let verified = is_slow.then(|| plan.clone());
        if let Some(over_orders) = self.over_orders {
            // A bound over orders bounds this order, too.
            plan.lower_bound.bytes = plan.lower_bound.bytes.max(over_orders);
            plan.bound_over_orders = Some(over_orders);
        }
        plan.nodes = self.budget.spent();
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        plan.stop = if plan.status == Status::Optimal { Stop::Finished } else { self.budget.stop() };
        if self.is_first && plan.stop == Stop::Finished && self.planner.is_search() {
            // The search strategy would have started from the same offsets.
            self.planner.strategy.name().clone_into(&mut plan.strategy);
        }
        if !claims_more {
            return Ok(plan);
        }
        let (nodes, stop) = (plan.nodes, Stop::Cancelled);
        match (checked(self.planner, self.graph, plan), verified) {
            (Err(Error::Cancelled), Some(verified)) => Ok(Plan { nodes, stop, ..verified }),
            (checked, _) => checked,
        }
    }
}
