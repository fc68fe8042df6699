//! Trials of remedies: each plans the network with other options, or a changed network.

use std::cell::Cell;
use std::time::Instant;

use indicatif::ProgressBar;
use plimsoll::report::text::percent;
use plimsoll::tiling::TilingGoal;
use plimsoll::{
    Error, Graph, InputContents, Occupant, OperatorId, Permit, Plan, Planner, ScheduleMode, SharingLevel,
    TensorId, TensorKind, TiledPlan,
};

use super::peak::PeakStep;
use super::rewrite;
use super::{Capacity, Remedy, RemedyKind};
use crate::arguments::{FitArguments, SHARING_LEVELS};
use crate::fit::levels::BUDGETS;
use crate::outcome::Failure;

/// Search node limit per remedy, for short trials whose results do not depend on the machine.
const NODES_PER_TRIAL: u64 = 20_000;

/// Number of operators tried with memory sharing of their own.
const MAX_OPERATORS: usize = 8;

/// Number of tensors tried as evicted.
const MAX_EVICTED: usize = 5;

/// Number of evicted tensors that are reported.
const MAX_EVICTED_REPORTED: usize = 3;

/// Limit on the work of all trials: the operators of all planned networks, plus one for every
/// [`OPERANDS_PER_OPERATOR`] operands. For a large network, only the first remedies are tried.
const MAX_WORK: usize = 60_000;

/// Number of operands that count as one more operator; most operators have fewer.
const OPERANDS_PER_OPERATOR: usize = 8;

/// Trials of remedies for a network and its plan.
pub struct Trials<'a> {
    pub graph: &'a Graph,
    pub plan: &'a Plan,
    pub arguments: &'a FitArguments,
    pub bar: &'a ProgressBar,
    /// Capacity in bytes for arena and weights.
    pub room: u64,
    /// Bytes of weights that must fit together with the arena.
    pub weights: u64,
    /// Time limit of the network: its plan, its placement and all trials.
    deadline: Option<Instant>,
    /// Work done, as [`MAX_WORK`] counts it.
    work: Cell<usize>,
    /// True once a trial was left out.
    is_cut_short: Cell<bool>,
}

impl<'a> Trials<'a> {
    pub fn new(
        graph: &'a Graph,
        plan: &'a Plan,
        arguments: &'a FitArguments,
        (deadline, bar): (Option<Instant>, &'a ProgressBar),
        (room, weights): (u64, u64),
    ) -> Self {
        let (work, is_cut_short) = (Cell::new(0), Cell::new(false));
        Self { graph, plan, arguments, bar, room, weights, deadline, work, is_cut_short }
    }

    /// Returns true if some remedies were not tried because the network is large or the time limit is met.
    pub fn are_cut_short(&self) -> bool {
        self.is_cut_short.get()
    }

    /// Tries all remedies, the most useful ones first in the result.
    pub fn remedies(&self, peak: Option<&PeakStep>) -> Result<Vec<Remedy>, Failure> {
        let mut remedies = self.try_orders_and_sharing()?;
        // Changed networks lose relative placements, so they are no approximation of a graph with some.
        if let Some(peak) = peak.filter(|_| self.graph.relative_placements().is_empty()) {
            remedies.extend(self.try_sharing_at_one(peak)?);
            remedies.extend(self.try_evictions(peak)?);
            remedies.extend(self.try_tiling()?);
        }
        remedies.sort_by_key(|remedy| {
            let (kind, arena) = (remedy.kind as u64, remedy.arena);
            if remedy.fits { (0, kind, arena) } else { (1, arena, kind) }
        });
        Ok(remedies)
    }

    /// Capacity for the unchanged network, which its plan shows to be enough.
    pub fn capacity(&self) -> Capacity {
        let arena = self.plan.arena_bytes;
        Capacity {
            bytes: arena.saturating_add(self.weights),
            confirmed: self.plan.status.fits(),
            arena,
            arena_lower_bound: self.plan.bound(),
            over_orders: self.plan.bound_over_orders.is_some(),
        }
    }

    /// Planner of a trial: that of the options, with at most [`NODES_PER_TRIAL`] nodes.
    fn planner(&self) -> Planner {
        let searching = &self.arguments.searching;
        let nodes = searching.node_limit.map_or(NODES_PER_TRIAL, |limit| limit.min(NODES_PER_TRIAL));
        self.arguments.planner(searching.limits_until(self.deadline, self.bar).nodes(nodes))
    }

    /// Plans a graph; returns a remedy if its arena is smaller, and nothing once the work limit or the time
    /// limit is met.
    fn try_remedy(
        &self,
        kind: RemedyKind,
        description: String,
        planner: &Planner,
        graph: &Graph,
    ) -> Result<Option<Remedy>, Failure> {
        if !self.may_try(graph, &description) {
            return Ok(None);
        }
        let arena = match planner.plan(graph) {
            Ok(plan) => plan.arena_bytes,
            // A changed network whose sizes exceed 64 bits is no remedy.
            Err(Error::SizeOverflow { .. } | Error::TotalOverflow { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(self.remedy(kind, description, arena))
    }

    /// Counts the work of a trial; returns false once the work limit or the time limit is met.
    fn may_try(&self, graph: &Graph, description: &str) -> bool {
        let operators = graph.operators().iter();
        let operands = operators.map(|operator| operator.inputs().len() + operator.outputs().len());
        let work = graph.operators().len() + operands.sum::<usize>() / OPERANDS_PER_OPERATOR;
        self.work.set(self.work.get() + work);
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if self.work.get() > MAX_WORK || is_late {
            self.is_cut_short.set(true);
            return false;
        }
        self.bar.set_message(description.to_owned());
        true
    }

    /// A remedy with an arena of this size, if it is smaller than that of the plan.
    fn remedy(&self, kind: RemedyKind, description: String, arena: u64) -> Option<Remedy> {
        let saves = self.plan.arena_bytes.saturating_sub(arena);
        let fits = arena.saturating_add(self.weights) <= self.room;
        let estimate = kind == RemedyKind::NotKept;
        (saves > 0).then_some(Remedy { kind, description, arena, saves, fits, estimate })
    }

    /// Tries the optimal order, each further level of sharing, overwritable inputs, and order and sharing
    /// together. Levels of sharing are reported only where they are better than the levels before.
    fn try_orders_and_sharing(&self) -> Result<Vec<Remedy>, Failure> {
        let mut remedies: Vec<Remedy> = Vec::new();
        let order_can_improve = self.arguments.order != ScheduleMode::Optimal;
        if order_can_improve {
            let planner = self.planner().order(ScheduleMode::Optimal);
            let description = "--order optimal".to_owned();
            remedies.extend(self.try_remedy(RemedyKind::Order, description, &planner, self.graph)?);
        }
        let mut smallest = self.plan.arena_bytes;
        let mut if_better = |remedy: Option<Remedy>| {
            remedy.filter(|remedy| remedy.arena < smallest).inspect(|remedy| smallest = remedy.arena)
        };
        for (name, level, _) in SHARING_LEVELS.iter().filter(|(_, level, _)| *level > self.arguments.share) {
            let planner = self.planner().share(*level);
            let description = format!("--share {name}");
            let remedy = self.try_remedy(RemedyKind::Sharing, description, &planner, self.graph)?;
            remedies.extend(if_better(remedy));
        }
        let planner = self.planner().share(SharingLevel::All);
        if self.arguments.reading.contents_of_inputs() == InputContents::Reusable {
            let mut graph = self.graph.clone();
            let is_reusable =
                |id: &TensorId| self.graph.tensor(*id).input_contents() == InputContents::Reusable;
            for id in self.graph.tensor_ids().filter(is_reusable) {
                graph
                    .set_input_contents(id, InputContents::Overwritable)
                    .map_err(|error| Failure::from(error.to_string()))?;
            }
            let description = "--share all --inputs overwritable".to_owned();
            remedies.extend(if_better(self.try_remedy(
                RemedyKind::Sharing,
                description,
                &planner,
                &graph,
            )?));
        }
        if order_can_improve {
            let description = "--order optimal --share all".to_owned();
            let planner = planner.order(ScheduleMode::Optimal);
            let both = self.try_remedy(RemedyKind::OrderAndSharing, description, &planner, self.graph)?;
            let smallest = remedies.iter().map(|remedy| remedy.arena).min();
            remedies.extend(both.filter(|both| smallest.is_none_or(|arena| both.arena < arena)));
        }
        Ok(remedies)
    }

    /// Tries memory sharing at one operator: those with permissions beyond the current level on tensors
    /// that are live at the peak; the peak's operator first, then the others in the order of the plan.
    fn try_sharing_at_one(&self, peak: &PeakStep) -> Result<Vec<Remedy>, Failure> {
        let is_live = |id| peak.live.iter().any(|buffer| buffer.occupant == Occupant::Tensor(id));
        let is_unused = |permit: &&Permit| {
            rewrite::level(permit) > self.arguments.share
                && (is_live(permit.input()) || is_live(permit.output()))
        };
        let others = self.plan.order.iter().filter(|id| **id != peak.id);
        let can_share =
            |id: &&OperatorId| self.graph.operator(**id).permits().iter().any(|permit| is_unused(&permit));
        let mut remedies = Vec::new();
        for &id in [&peak.id].into_iter().chain(others).filter(can_share).take(MAX_OPERATORS) {
            let operator = self.graph.operator(id);
            let sharing = operator.permits().iter().find(is_unused).map_or("shared", |permit| match permit {
                Permit::InPlace { .. } => "in place",
                Permit::View { .. } => "as a view",
                Permit::ConcatSlice { .. } => "with its inputs inside the output",
                _ => "overlapping",
            });
            let graph = rewrite::with_permits_of(self.graph, &self.plan.order, id, self.arguments.share)?;
            let name = format!("{} `{}`", operator.op_type(), operator.name());
            let description = format!("only {} {sharing}", name.trim_start());
            let planner = self.planner().share(SharingLevel::All);
            remedies.extend(self.try_remedy(RemedyKind::SharingAtOne, description, &planner, &graph)?);
        }
        Ok(remedies)
    }

    /// Tries the eviction of tensors that are live at the peak but not used there.
    fn try_evictions(&self, peak: &PeakStep) -> Result<Vec<Remedy>, Failure> {
        let mut remedies = Vec::new();
        let idle = peak.live.iter().filter_map(|buffer| match buffer.occupant {
            Occupant::Tensor(id) if !buffer.used => Some(id),
            _ => None,
        });
        let later = self.plan.order.get(peak.step as usize + 1..).unwrap_or(&[]);
        let reader = |id| later.iter().find(|later| self.graph.operator(**later).inputs().contains(&id));
        let is_evictable = |id: &plimsoll::TensorId| {
            let tensor = self.graph.tensor(*id);
            !tensor.is_output()
                && !tensor.is_preserved()
                && matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate)
        };
        let idle = idle.filter(is_evictable).filter_map(|id| Some((id, *reader(id)?)));
        for (id, reader) in idle.take(MAX_EVICTED) {
            let graph = rewrite::with_eviction(self.graph, &self.plan.order, peak.step, id)?;
            let (tensor, reader) = (self.graph.tensor(id).name(), self.graph.operator(reader).name());
            let description = format!("`{tensor}` evicted, and reloaded or recomputed before `{reader}`");
            remedies.extend(self.try_remedy(RemedyKind::NotKept, description, &self.planner(), &graph)?);
        }
        remedies.sort_by_key(|remedy| remedy.arena);
        remedies.truncate(MAX_EVICTED_REPORTED);
        Ok(remedies)
    }

    /// Tries tilings with ever larger budgets until one fits; the smallest arena counts.
    fn try_tiling(&self) -> Result<Option<Remedy>, Failure> {
        let mut best: Option<Remedy> = None;
        for budget in BUDGETS {
            if !self.may_try(self.graph, "tiling") {
                break;
            }
            let goal = TilingGoal::least_memory().max_extra_ppm(budget);
            let Some(tiled) = self.planner().tile(self.graph, self.plan, &goal)? else { continue };
            let remedy =
                self.remedy(RemedyKind::Stripes, description(&tiled, budget), tiled.plan.arena_bytes);
            let Some(remedy) =
                remedy.filter(|remedy| best.as_ref().is_none_or(|best| remedy.arena < best.arena))
            else {
                continue;
            };
            let fits = remedy.fits;
            best = Some(remedy);
            if fits {
                break;
            }
        }
        Ok(best)
    }
}

/// A tiling as options of `plan`, with its stripes and its cost.
fn description(tiled: &TiledPlan, budget: u64) -> String {
    let options = match budget {
        0 => "--tile".to_owned(),
        _ => format!("--tile --max-extra-macs {}%", budget / 10_000),
    };
    let regions = tiled.tiling.regions.len();
    let stripes: usize = tiled.tiling.regions.iter().map(|region| region.stripes.len()).sum();
    let cost = tiled.cost;
    let part = if cost.untiled == 0 { 0.0 } else { cost.extra as f64 / cost.untiled as f64 };
    let noun = if regions == 1 { "region" } else { "regions" };
    format!("{options}: {regions} {noun} in {stripes} stripes, {} extra MACs", percent(part))
}
