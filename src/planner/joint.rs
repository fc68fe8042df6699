//! Exhaustive search for small graphs: operator order, aliases and offsets together.
//!
//! Three nested searches. The scheduler enumerates the orders whose peak is below the incumbent. For each
//! order, `choose` decides every alias choice: first with it, if the aliases chosen so far permit it, then
//! without it. For each set of aliases, `pack` searches for offsets below the incumbent. All combinations
//! are covered, so if no part was cut short, the incumbent is optimal over orders, aliases and offsets.
//!
//! Pruned are orders and sets of aliases whose load alone reaches the incumbent: no offsets can be lower
//! than the load. The number of combinations is exponential in both [`MAX_OPERATORS`] and [`MAX_CHOICES`].

use super::Planner;
use super::shared::OrderPlanner;
use crate::error::Result;
use crate::graph::{Graph, Permit};
use crate::liveness::Liveness;
use crate::plan::Plan;
use crate::schedule::{ScheduleMode, Scheduler};
use crate::sharing::{
    Alias, AliasBuilder, AliasLayout, ContentAliases, Interrupted, RigidGroups, SharingLevel, in_force,
    live_ranges,
};
use crate::support::effort::Effort;
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::sort_by_keys;

/// Graphs with more operators are not searched.
const MAX_OPERATORS: usize = 10;

/// Graphs with more alias choices are not searched.
const MAX_CHOICES: usize = 16;

/// Node limits if the caller sets none: tens of milliseconds, and the limit for a proof.
const NODES: u64 = 5_000;
const NODES_FOR_PROOF: u64 = 1_000_000;

/// An alias that is permitted but not mandatory.
#[derive(Clone, Copy)]
enum AliasChoice {
    Content(Alias),
    InPlace { input: TensorId, output: TensorId },
}

/// Result of the exhaustive search.
pub(super) struct ExhaustiveResult {
    /// A plan smaller than the incumbent, not verified.
    pub(super) plan: Option<Plan>,
    /// Lower bound on the arena over all orders in bytes, if the search proved a better one.
    pub(super) over_orders: Option<u64>,
    pub(super) nodes: u64,
    pub(super) stop: Stop,
}

impl Planner {
    /// Searches for the optimal plan within the limits. Graphs with more than [`MAX_OPERATORS`] operators
    /// or [`MAX_CHOICES`] possible aliases, and arenas with reserved ranges, are not searched.
    pub(super) fn exhausted(
        &self,
        scheduler: &Scheduler<'_>,
        incumbent: &Plan,
        over_orders: Option<u64>,
        limits: &Limits,
    ) -> Result<ExhaustiveResult> {
        let graph = scheduler.graph();
        let skipped = ExhaustiveResult { plan: None, over_orders: None, nodes: 0, stop: Stop::Finished };
        if graph.program_order().len() > MAX_OPERATORS || !self.reserved.is_empty() {
            return Ok(skipped);
        }
        let is_thorough = self.schedule_mode == ScheduleMode::Optimal || self.effort == Effort::Thorough;
        let mut budget = Budget::new(limits, if is_thorough { NODES_FOR_PROOF } else { NODES });
        let contents = match ContentAliases::new(graph, self.alignment, self.sharing, &mut budget) {
            Ok(contents) => contents,
            Err(stop) => return Ok(ExhaustiveResult { stop, nodes: budget.nodes(), ..skipped }),
        };
        let choices = self.choices(graph, &contents);
        if choices.len() > MAX_CHOICES {
            return Ok(skipped);
        }
        let height = incumbent.arena_bytes;
        let improved = None;
        let mut search = JointSearch {
            planner: self,
            graph,
            scheduler,
            contents: &contents,
            choices,
            height,
            over_orders,
            improved,
            is_proven: true,
        };
        let outcome =
            scheduler.all_orders(height, &mut budget, &mut |order, budget| search.try_order(order, budget));
        let JointSearch { improved: plan, is_proven, height, .. } = search;
        let result = ExhaustiveResult { plan, nodes: budget.nodes(), ..skipped };
        match outcome {
            Ok(()) if is_proven => Ok(ExhaustiveResult { over_orders: Some(height), ..result }),
            Ok(()) => Ok(result),
            Err(Interrupted::Stopped(stop)) => Ok(ExhaustiveResult { stop, ..result }),
            Err(Interrupted::Invalid(error)) => Err(error),
        }
    }

    /// The alias choices of a graph: tensors of equal contents first, then writes in place.
    fn choices(&self, graph: &Graph, contents: &ContentAliases) -> Vec<AliasChoice> {
        let mut aliases = contents.aliases.clone();
        aliases.extend(&contents.dropped);
        // In program order, the source of the bytes of an alias is decided before its users.
        let step = graph.positions_in(graph.program_order());
        sort_by_keys(&mut aliases, |alias| [step[alias.operator.index()].into(), 0]);
        let mut choices: Vec<AliasChoice> = aliases.into_iter().map(AliasChoice::Content).collect();
        for &operator in graph.program_order() {
            for permit in graph.operator(operator).permits() {
                if let Permit::InPlace { input, output } = *permit
                    && in_force(graph, permit, self.sharing)
                {
                    choices.push(AliasChoice::InPlace { input, output });
                }
            }
        }
        choices
    }
}

/// State of the search.
struct JointSearch<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    scheduler: &'a Scheduler<'a>,
    contents: &'a ContentAliases,
    choices: Vec<AliasChoice>,
    /// Arena of the incumbent in bytes.
    height: u64,
    over_orders: Option<u64>,
    /// The incumbent, if it replaced the given plan.
    improved: Option<Plan>,
    /// False once some combination was skipped or not searched in full.
    is_proven: bool,
}

impl JointSearch<'_> {
    /// Searches all sets of aliases in an order. Returns the arena that the next order has to beat.
    fn try_order(
        &mut self,
        order: &[OperatorId],
        budget: &mut Budget<'_>,
    ) -> std::result::Result<u64, Interrupted> {
        let planner = self.planner;
        let liveness = Liveness::new(self.graph, order, planner.alignment, planner.variables)?;
        let live = live_ranges(self.graph, &liveness);
        let builder =
            AliasBuilder::new(self.graph, self.contents, &live, planner.alignment, planner.sharing, budget)?;
        let order = OrderPlanner::new(planner, self.scheduler, order, &liveness, self.over_orders)?;
        self.choose(builder, 0, &order, budget)?;
        Ok(self.height)
    }

    /// Decides the alias choices from `next` on, with and without each.
    fn choose(
        &mut self,
        mut builder: AliasBuilder<'_>,
        next: usize,
        order: &OrderPlanner<'_>,
        budget: &mut Budget<'_>,
    ) -> std::result::Result<(), Interrupted> {
        let Some(&choice) = self.choices.get(next) else {
            if self.planner.sharing >= SharingLevel::All {
                builder.collect_overlaps(order.operators, budget)?;
            }
            return self.pack(&builder.finish(), order, budget);
        };
        let mut with = builder.clone();
        let is_permitted = match choice {
            AliasChoice::Content(alias) => with.try_add(&[alias], budget)?,
            AliasChoice::InPlace { input, output } => with.try_write_in_place(input, output, budget)?,
        };
        if is_permitted {
            self.choose(with, next + 1, order, budget)?;
        }
        self.choose(builder, next + 1, order, budget)
    }

    /// Searches for offsets below the incumbent for one order and set of aliases.
    fn pack(
        &mut self,
        layout: &AliasLayout,
        order: &OrderPlanner<'_>,
        budget: &mut Budget<'_>,
    ) -> std::result::Result<(), Interrupted> {
        budget.spend(1)?;
        // Fixed tensors may be too close for the bounding boxes of these groups. The packing of their exact
        // shapes starts from the boxes, so this set of aliases is skipped.
        let Ok(groups) = RigidGroups::new(order.liveness, layout) else {
            self.is_proven = false;
            return Ok(());
        };
        if groups.load(self.graph, order.liveness, &layout.allowances).bytes >= self.height {
            return Ok(());
        }
        let problem = self.planner.equipped(&groups.problem)?;
        let Some(shapes) = order.shapes(layout, &groups, &problem, budget)? else {
            self.is_proven = false;
            return Ok(());
        };
        let (offsets, is_complete) = shapes.below(self.height, budget)?;
        self.is_proven &= is_complete;
        if let Some(offsets) = offsets {
            let plan = order.plan_of(layout, &groups, &offsets);
            self.height = plan.arena_bytes;
            self.improved = Some(plan);
        }
        Ok(())
    }
}
