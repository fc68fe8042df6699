//! Small graphs: order, sharing and offsets together, by exhaustive search.

use super::Planner;
use super::shared::Order;
use crate::error::{Error, Result};
use crate::graph::{Graph, Permit, Tensor};
use crate::ids::{OperatorId, TensorId};
use crate::limits::{Meter, Stop};
use crate::liveness::Liveness;
use crate::plan::{Plan, Status};
use crate::schedule::all_orders;
use crate::sharing::{
    Contents, Groups, Interrupted, Layout, Making, Relation, Sharing, in_force, live_ranges,
};
use crate::sorting::sort_by_keys;
use crate::verify::verify;

/// No graphs with more operators.
const MOST_OPERATORS: usize = 10;

/// Nor more things that may or may not be shared.
const MOST_CHOICES: usize = 16;

/// In nodes, where the limits name no number.
const NODES: u64 = 1_000_000;

/// Something that may be shared.
#[derive(Clone, Copy)]
enum Choice {
    Same(Relation),
    Over { input: TensorId, output: TensorId },
}

/// Why the search ends early.
enum End {
    Stop,
    Wrong(Error),
}

impl From<Stop> for End {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

impl From<Interrupted> for End {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Stopped(_) => Self::Stop,
            Interrupted::Invalid(error) => Self::Wrong(error),
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

impl Planner {
    /// The best plan there is, if that can be found within the limits, else the one that is
    /// known. Only what is proven to be best is called optimal.
    pub(super) fn exhausted(&self, graph: &Graph, known: Plan) -> Result<Plan> {
        let open = known.arena_bytes > known.bound() && known.stop == Stop::Finished;
        if !open || graph.file_order().len() > MOST_OPERATORS || !self.reserved.is_empty() {
            return Ok(known);
        }
        let limits = self.limits.clone().less(known.nodes);
        let mut meter = Meter::new(&limits, NODES);
        let Ok(contents) = Contents::new(graph, self.alignment, self.sharing, &mut meter) else {
            return Ok(known);
        };
        let choices = self.choices(graph, &contents);
        if choices.len() > MOST_CHOICES {
            return Ok(known);
        }
        let height = known.arena_bytes;
        // Where alignments differ, groups are not placed wherever they could be.
        let own = graph.tensors().iter().filter_map(Tensor::alignment);
        let is_proven = own.into_iter().all(|alignment| alignment == self.alignment);
        let mut joint = Joint { planner: self, graph, contents: &contents, choices, best: known, is_proven };
        let known = (self.alignment, self.variables, self.sharing);
        let done =
            all_orders(graph, known, height, &mut meter, &mut |order, meter| joint.try_order(order, meter));
        let Joint { mut best, is_proven, .. } = joint;
        best.nodes += meter.nodes();
        match done {
            Ok(()) if is_proven => {
                let arena = best.arena_bytes;
                (best.lower_bound.bytes, best.bound_over_orders) = (arena, Some(arena));
                best.status = Status::of(arena, arena, best.capacity);
            }
            Err(End::Wrong(error)) => return Err(error),
            Ok(()) | Err(End::Stop) => {}
        }
        verify(graph, &best).map_err(|violations| self.wrong_plan(&violations))?;
        Ok(best)
    }

    fn choices(&self, graph: &Graph, contents: &Contents) -> Vec<Choice> {
        let mut relations = contents.relations.clone();
        relations.extend(&contents.dropped);
        // In the order of the file, in which it is known where the bytes of each come from.
        let mut step = vec![0u64; graph.operators().len()];
        (0..).zip(graph.file_order()).for_each(|(place, id)| step[id.index()] = place);
        sort_by_keys(&mut relations, |relation| [step[relation.operator.index()], 0]);
        let mut choices: Vec<Choice> = relations.into_iter().map(Choice::Same).collect();
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
    contents: &'a Contents,
    choices: Vec<Choice>,
    best: Plan,
    /// Whether all that was looked at was looked at in full.
    is_proven: bool,
}

impl Joint<'_> {
    /// All that may be shared in an order; the height that the next one has to beat.
    fn try_order(&mut self, order: &[OperatorId], meter: &mut Meter<'_>) -> std::result::Result<u64, End> {
        let planner = self.planner;
        let liveness = Liveness::new(self.graph, order, planner.alignment, planner.variables)?;
        let live = live_ranges(self.graph, &liveness);
        let making =
            Making::new(self.graph, self.contents, &live, planner.alignment, planner.sharing, meter)?;
        let order = Order::new(planner, self.graph, order, &liveness, self.best.bound_over_orders)?;
        self.choose(making, 0, &order, meter)?;
        Ok(self.best.arena_bytes)
    }

    /// With and without each choice from this one on.
    fn choose(
        &mut self,
        mut making: Making<'_>,
        next: usize,
        order: &Order<'_>,
        meter: &mut Meter<'_>,
    ) -> std::result::Result<(), End> {
        let Some(&choice) = self.choices.get(next) else {
            if self.planner.sharing >= Sharing::All {
                making.allow(order.operators, meter)?;
            }
            return self.pack(&making.finish(), order, meter);
        };
        let mut with = making.clone();
        let may = match choice {
            Choice::Same(relation) => with.tie(&[relation], meter)?,
            Choice::Over { input, output } => with.write_over(input, output, meter)?,
        };
        if may {
            self.choose(with, next + 1, order, meter)?;
        }
        self.choose(making, next + 1, order, meter)
    }

    fn pack(
        &mut self,
        layout: &Layout,
        order: &Order<'_>,
        meter: &mut Meter<'_>,
    ) -> std::result::Result<(), End> {
        meter.spend(1)?;
        // Where what is fixed is too near for the frames, their shapes are not looked at.
        let Ok(groups) = Groups::new(order.liveness, layout) else {
            self.is_proven = false;
            return Ok(());
        };
        if groups.load(self.graph, order.liveness, &layout.allowances).bytes >= self.best.arena_bytes {
            return Ok(());
        }
        let problem = self.planner.equipped(&groups.problem)?;
        let Some(shapes) = order.shapes(layout, &groups, &problem) else {
            self.is_proven = false;
            return Ok(());
        };
        let (offsets, is_least) = shapes.below(self.best.arena_bytes, meter)?;
        self.is_proven &= is_least;
        if let Some(offsets) = offsets {
            let nodes = self.best.nodes;
            self.best = Plan { nodes, ..order.plan_of(layout, &groups, &offsets) };
        }
        Ok(())
    }
}
