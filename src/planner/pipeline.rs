//! The pipeline from a graph to a verified plan.
//!
//! 1. **First plan**: program order, first fit by start, verified. No limit but cancellation ends
//!    it, so every call that is not cancelled has a plan. Greedy by size follows, and first fit
//!    with all aliases, up to [`MOST_AT_ANY_LIMIT`] tensors also at any limit.
//! 2. **Order**: one of a low peak, and a peak that no order stays below; not needed where the
//!    strategy reaches the largest working set in program order.
//! 3. **Candidates**: that order, program order, further orders of the same peak; each with
//!    several choices of aliases where tensors may share memory, and offsets by the strategy.
//! 4. **Exhaustive search**, for graphs of a few operators.
//!
//! A candidate takes the place of the best plan if it is smaller and passes the verifier. A stage
//! begins only if the best plan is above the bound and no limit is met.

use super::budget::Budget;
use super::evaluate::{Evaluation, Packing};
use super::{Planner, checked};
use crate::allocate::{Greedy, PackingEffort};
use crate::effort::Effort;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::Stop;
use crate::plan::{Plan, Status};
use crate::schedule::{Others, Schedule, Scheduler};
use crate::sharing::{Sharing, concerns};

/// Up to so many tensors and workspaces, greedy by size runs to its end at any limit.
pub(super) const MOST_AT_ANY_LIMIT: usize = 5_000;

/// A call that is cancelled does not verify further candidates with more tensors and workspaces:
/// that would take longer than a cancelled call may.
pub(super) const MOST_AFTER_CANCELLATION: usize = 20_000;

/// How many orders are drawn besides the best one and program order.
const OTHERS: u64 = 5;

/// Plans a graph; orders as far as the planner's mode goes.
pub(super) fn plan(planner: &Planner, graph: &Graph) -> Result<Plan> {
    let order = graph.file_order();
    let scheduler = planner.scheduler(graph, planner.sharing);
    let mut pipeline = Pipeline::start(planner, &scheduler, order, Mode::AllOrders)?;
    match pipeline.improve(order) {
        // There is a plan.
        Ok(()) | Err(Error::Cancelled) => pipeline.finish(),
        Err(error) => Err(error),
    }
}

/// Plans a graph in one order.
pub(super) fn plan_in_order(planner: &Planner, graph: &Graph, order: &[OperatorId]) -> Result<Plan> {
    let scheduler = planner.scheduler(graph, planner.sharing);
    let mut pipeline = Pipeline::start(planner, &scheduler, order, Mode::OneOrder)?;
    let is_open = pipeline.is_open();
    let improved = if is_open { pipeline.candidate(order, planner.packing_effort()) } else { Ok(()) };
    match improved {
        Ok(()) | Err(Error::Cancelled) => pipeline.finish(),
        Err(error) => Err(error),
    }
}

/// Which orders a bound is about.
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
    budget: Budget<'a>,
    /// The order that the pipeline starts with.
    first_order: Evaluation<'a>,
    /// No arena of any order is smaller, in bytes; none until other orders are looked at.
    over_orders: Option<u64>,
    /// Whether no other order can be run.
    is_only_order: bool,
    /// The best plan, verified but for [`over_orders`](Self::over_orders).
    best: Plan,
    /// Whether the best plan is not the strategy's: a result of the strategy that was not stopped
    /// replaces it even if it is larger, as the caller asked for this strategy.
    is_first: bool,
}

impl<'a> Pipeline<'a> {
    /// With the first plan.
    ///
    /// # Errors
    /// What is wrong with the graph or the order; [`Error::Cancelled`].
    fn start(
        planner: &'a Planner,
        scheduler: &'a Scheduler<'a>,
        order: &'a [OperatorId],
        mode: Mode,
    ) -> Result<Self> {
        let (graph, budget) = (scheduler.graph(), Budget::new(&planner.limits));
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
            over_orders: None,
            is_only_order: false,
            best,
            is_first: true,
        };
        let is_small = pipeline.first_order.len() <= MOST_AT_ANY_LIMIT;
        // The first plan has the fewest aliases, so first fit may be better with more of them.
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

    /// All stages after the first plan.
    ///
    /// # Errors
    /// Errors of the strategy; [`Error::Cancelled`].
    fn improve(&mut self, program_order: &[OperatorId]) -> Result<()> {
        self.bound_by_working_sets()?;
        if self.has_least_load() && self.is_open() {
            // No other order has a lower load, so the order search may not be needed.
            self.candidate(program_order, PackingEffort::QUICK)?;
        }
        if self.is_open() {
            let schedule = self.schedule()?;
            self.candidates(&schedule)?;
            self.exhaust()?;
        }
        Ok(())
    }

    /// Whether the best plan may be above the least there is.
    fn is_above_bound(&self) -> bool {
        let bound = match self.mode {
            Mode::OneOrder => self.best.lower_bound.bytes,
            Mode::AllOrders => self.over_orders.unwrap_or(0),
        };
        self.best.arena_bytes > bound
    }

    /// Whether the deadline of a call on a large graph has passed, so that there is no time to list
    /// the network of the scheduler: that takes half as long as the first plan.
    fn is_late(&mut self) -> bool {
        self.first_order.len() > MOST_AT_ANY_LIMIT
            && self.budget.is_met()
            && self.budget.stop() >= Stop::Deadline
    }

    /// Whether a further stage may begin.
    fn is_open(&mut self) -> bool {
        // A search would begin with the same offsets; but where tensors may share memory, the
        // first plan has used no permission yet.
        let is_enough = self.planner.is_search() && !concerns(self.graph, self.planner.sharing);
        let must_run = self.is_first && !is_enough;
        (must_run || self.is_above_bound()) && !self.budget.is_met()
    }

    /// How many candidates are tried.
    fn effort(&self) -> Effort {
        if self.first_order.is_large() { Effort::Quick } else { self.planner.effort }
    }

    /// A bound that needs no search: often the first plan touches it.
    fn bound_by_working_sets(&mut self) -> Result<()> {
        let mut bound = self.first_order.working_set_bound();
        if bound == 0 || !self.is_late() {
            bound = bound.max(self.first_order.bound_of(self.scheduler.largest_step()?));
        }
        self.over_orders = Some(bound);
        Ok(())
    }

    /// Whether no order has a lower load than that of the best plan.
    fn has_least_load(&self) -> bool {
        self.over_orders.is_some_and(|bound| self.best.lower_bound.bytes <= bound)
    }

    /// The order stage.
    fn schedule(&mut self) -> Result<Schedule> {
        let schedule = self.scheduler.schedule(self.planner.ordering, &self.budget.left())?;
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

    /// Further orders, the most promising first.
    fn candidates(&mut self, schedule: &Schedule) -> Result<()> {
        let program_order = self.graph.file_order();
        self.candidate(&schedule.order, PackingEffort::QUICK)?;
        if schedule.file_peak < self.best.arena_bytes && schedule.order != program_order && self.is_open() {
            // Of a large graph, no other candidate in program order follows, and no plan is above
            // that of program order alone.
            let is_last = self.first_order.is_large();
            let effort = if is_last { self.planner.packing_effort() } else { PackingEffort::QUICK };
            self.candidate(program_order, effort)?;
        }
        if self.effort() == Effort::Quick {
            return Ok(());
        }
        self.other_orders(schedule)?;
        let shares = concerns(self.graph, self.planner.sharing);
        if self.planner.sharing > Sharing::None && self.is_open() {
            // Where not everything can be shared, the best order without sharing may be better.
            let plain = self.order_without_sharing()?;
            self.candidate(&plain, PackingEffort::QUICK)?;
        }
        if shares && self.is_open() {
            let order = self.best.order.clone();
            self.candidate(&order, self.planner.packing_effort())?;
            // Never above what planning in program order alone finds.
            if order != program_order && schedule.file_peak < self.best.arena_bytes && self.is_open() {
                self.candidate(program_order, self.planner.packing_effort())?;
            }
        }
        Ok(())
    }

    fn other_orders(&mut self, schedule: &Schedule) -> Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        let others = Others::new(self.scheduler, schedule)?;
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

    fn order_without_sharing(&mut self) -> Result<Vec<OperatorId>> {
        let scheduler = self.planner.scheduler(self.graph, Sharing::None);
        let plain = scheduler.schedule(self.planner.ordering, &self.budget.left())?;
        self.budget.charge(plain.nodes, Stop::Finished);
        Ok(plain.order)
    }

    /// Aliases and offsets for an order.
    fn candidate(&mut self, order: &[OperatorId], effort: PackingEffort) -> Result<()> {
        let evaluation = Evaluation::new(self.planner, self.scheduler, order, self.over_orders)?;
        let limits = self.budget.left();
        let plan = evaluation.plan(&*self.planner.strategy, Packing::Shapes(effort), &limits)?;
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

    /// A plan that is not the strategy's.
    fn offer_first(&mut self, plan: Plan) -> Result<()> {
        if plan.arena_bytes < self.best.arena_bytes && plan.stop != Stop::Cancelled {
            self.best = checked(self.planner, self.graph, plan)?;
        }
        Ok(())
    }

    /// A plan of the strategy's, which takes the place of the best one if it is smaller.
    fn offer(&mut self, plan: Plan) -> Result<()> {
        self.budget.charge(plan.nodes, plan.stop);
        if self.is_only_order {
            // What the strategy has proven of the order, it has proven of all.
            self.over_orders = self.over_orders.max(Some(plan.lower_bound.bytes));
        }
        // A search that was asked for begins with what the first plan has.
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

    /// The best plan with what is known of all orders, and why the search for it stopped.
    fn finish(mut self) -> Result<Plan> {
        self.budget.is_met();
        let mut plan = self.best;
        // The plan as it is has been verified; what it claims besides has to be as well.
        let claims_more = self.over_orders != plan.bound_over_orders;
        let limits = &self.planner.limits;
        let is_slow = claims_more && limits.can_be_cancelled() && self.first_order.len() > MOST_AT_ANY_LIMIT;
        let verified = is_slow.then(|| plan.clone());
        if let Some(over_orders) = self.over_orders {
            // What no order is below, this one is not.
            plan.lower_bound.bytes = plan.lower_bound.bytes.max(over_orders);
            plan.bound_over_orders = Some(over_orders);
        }
        plan.nodes = self.budget.spent();
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        plan.stop = if plan.status == Status::Optimal { Stop::Finished } else { self.budget.stop() };
        if self.is_first && plan.stop == Stop::Finished && self.planner.is_search() {
            // The search would have begun with the same offsets.
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
