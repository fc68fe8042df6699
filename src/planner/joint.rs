//! Small graphs: order, sharing and offsets together, by exhaustive search.

use super::Planner;
use super::shared::Order;
use crate::error::{Error, Result};
use crate::graph::{Graph, Permit};
use crate::liveness::Liveness;
use crate::plan::Plan;
use crate::schedule::{Ordering, Scheduler};
use crate::sharing::{
    Alias, AliasBuilder, AliasLayout, ContentAliases, Interrupted, RigidGroups, Sharing, in_force,
    live_ranges,
};
use crate::support::effort::Effort;
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::{Limits, Meter, Stop};
use crate::support::sorting::sort_by_keys;

/// No graphs with more operators.
const MOST_OPERATORS: usize = 10;

/// Nor more things that may or may not be shared.
const MOST_CHOICES: usize = 16;

/// Nodes where the limits name no number: tens of milliseconds, and where a proof is asked for.
const NODES: u64 = 5_000;
const NODES_FOR_PROOF: u64 = 1_000_000;

/// Something that may be shared.
#[derive(Clone, Copy)]
enum Choice {
    Same(Alias),
    Over { input: TensorId, output: TensorId },
}

/// Why the search ends early.
enum End {
    Stop(Stop),
    Wrong(Error),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Interrupted> for End {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Stopped(stop) => Self::Stop(stop),
            Interrupted::Invalid(error) => Self::Wrong(error),
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

/// What came of the search.
pub(super) struct Exhausted {
    /// A plan below the known one, not verified.
    pub(super) plan: Option<Plan>,
    /// What is proven of all orders, in bytes, if that is more than was known.
    pub(super) over_orders: Option<u64>,
    pub(super) nodes: u64,
    pub(super) stop: Stop,
}

impl Planner {
    /// The best plan there is, if that can be found within the limits. Graphs with more than
    /// [`MOST_OPERATORS`] operators or [`MOST_CHOICES`] possible aliases, and arenas with reserved
    /// ranges, are not searched.
    pub(super) fn exhausted(
        &self,
        scheduler: &Scheduler<'_>,
        known: &Plan,
        over_orders: Option<u64>,
        limits: &Limits,
    ) -> Result<Exhausted> {
        let graph = scheduler.graph();
        let nothing = Exhausted { plan: None, over_orders: None, nodes: 0, stop: Stop::Finished };
        if graph.file_order().len() > MOST_OPERATORS || !self.reserved.is_empty() {
            return Ok(nothing);
        }
        let is_thorough = self.ordering == Ordering::Optimal || self.effort == Effort::Thorough;
        let mut meter = Meter::new(limits, if is_thorough { NODES_FOR_PROOF } else { NODES });
        let contents = match ContentAliases::new(graph, self.alignment, self.sharing, &mut meter) {
            Ok(contents) => contents,
            Err(stop) => return Ok(Exhausted { stop, nodes: meter.nodes(), ..nothing }),
        };
        let choices = self.choices(graph, &contents);
        if choices.len() > MOST_CHOICES {
            return Ok(nothing);
        }
        let height = known.arena_bytes;
        let best = None;
        let mut joint = Joint {
            planner: self,
            graph,
            scheduler,
            contents: &contents,
            choices,
            height,
            over_orders,
            best,
            is_proven: true,
        };
        let done =
            scheduler.all_orders(height, &mut meter, &mut |order, meter| joint.try_order(order, meter));
        let Joint { best: plan, is_proven, height, .. } = joint;
        let found = Exhausted { plan, nodes: meter.nodes(), ..nothing };
        match done {
            Ok(()) if is_proven => Ok(Exhausted { over_orders: Some(height), ..found }),
            Ok(()) => Ok(found),
            Err(End::Stop(stop)) => Ok(Exhausted { stop, ..found }),
            Err(End::Wrong(error)) => Err(error),
        }
    }

    fn choices(&self, graph: &Graph, contents: &ContentAliases) -> Vec<Choice> {
        let mut aliases = contents.aliases.clone();
        aliases.extend(&contents.dropped);
        // In the order of the file, in which it is known where the bytes of each come from.
        let mut step = vec![0u64; graph.operators().len()];
        (0..).zip(graph.file_order()).for_each(|(place, id)| step[id.index()] = place);
        sort_by_keys(&mut aliases, |alias| [step[alias.operator.index()], 0]);
        let mut choices: Vec<Choice> = aliases.into_iter().map(Choice::Same).collect();
        for &operator in graph.file_order() {
            for permit in graph.operator(operator).permits() {
                if let Permit::InPlace { input, output } = *permit
                    && in_force(graph, permit, self.sharing)
                {
                    choices.push(Choice::Over { input, output });
                }
            }
        }
        choices
    }
}

struct Joint<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    scheduler: &'a Scheduler<'a>,
    contents: &'a ContentAliases,
    choices: Vec<Choice>,
    /// Arena of the smallest plan known, in bytes.
    height: u64,
    over_orders: Option<u64>,
    /// The smallest plan found.
    best: Option<Plan>,
    /// Whether all that was looked at was looked at in full.
    is_proven: bool,
}

impl Joint<'_> {
    /// All that may be shared in an order; the height that the next one has to beat.
    fn try_order(&mut self, order: &[OperatorId], meter: &mut Meter<'_>) -> std::result::Result<u64, End> {
        let planner = self.planner;
        let liveness = Liveness::new(self.graph, order, planner.alignment, planner.variables)?;
        let live = live_ranges(self.graph, &liveness);
        let builder =
            AliasBuilder::new(self.graph, self.contents, &live, planner.alignment, planner.sharing, meter)?;
        let order = Order::new(planner, self.scheduler, order, &liveness, self.over_orders)?;
        self.choose(builder, 0, &order, meter)?;
        Ok(self.height)
    }

    /// With and without each choice from this one on.
    fn choose(
        &mut self,
        mut builder: AliasBuilder<'_>,
        next: usize,
        order: &Order<'_>,
        meter: &mut Meter<'_>,
    ) -> std::result::Result<(), End> {
        let Some(&choice) = self.choices.get(next) else {
            if self.planner.sharing >= Sharing::All {
                builder.collect_overlaps(order.operators, meter)?;
            }
            return self.pack(&builder.finish(), order, meter);
        };
        let mut with = builder.clone();
        let may = match choice {
            Choice::Same(alias) => with.try_add(&[alias], meter)?,
            Choice::Over { input, output } => with.try_write_in_place(input, output, meter)?,
        };
        if may {
            self.choose(with, next + 1, order, meter)?;
        }
        self.choose(builder, next + 1, order, meter)
    }

    fn pack(
        &mut self,
        layout: &AliasLayout,
        order: &Order<'_>,
        meter: &mut Meter<'_>,
    ) -> std::result::Result<(), End> {
        meter.spend(1)?;
        // Where what is fixed is too near for the frames, their shapes are not looked at.
        let Ok(groups) = RigidGroups::new(order.liveness, layout) else {
            self.is_proven = false;
            return Ok(());
        };
        if groups.load(self.graph, order.liveness, &layout.allowances).bytes >= self.height {
            return Ok(());
        }
        let problem = self.planner.equipped(&groups.problem)?;
        let Some(shapes) = order.shapes(layout, &groups, &problem, meter)? else {
            self.is_proven = false;
            return Ok(());
        };
        let (offsets, is_least) = shapes.below(self.height, meter)?;
        self.is_proven &= is_least;
        if let Some(offsets) = offsets {
            let plan = order.plan_of(layout, &groups, &offsets);
            self.height = plan.arena_bytes;
            self.best = Some(plan);
        }
        Ok(())
    }
}
