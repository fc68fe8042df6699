//! Plans of what is changed.

use std::cell::Cell;

use indicatif::ProgressBar;
use plimsoll::{Error, Graph, Occupant, OperatorId, Ordering, Permit, Plan, Planner, Sharing, TensorKind};

use super::peak::Peak;
use super::rewrite::{self, Pair};
use super::{Capacity, Kind, Remedy};
use crate::Failure;
use crate::arguments::{FitArguments, OrderArgument};
use crate::reading::InputsArgument;

/// Search nodes for each remedy: enough for what is quick, the same on every machine.
const NODES: u64 = 20_000;

/// Operators that are tried alone.
const OPERATORS: usize = 8;

/// Tensors that are tried as not kept, and how many are told.
const TENSORS: usize = 5;
const BEST: usize = 3;

/// Tensors that are tried in stripes.
const PAIRS: usize = 3;

const STRIPES: [u64; 3] = [2, 4, 8];

/// Operators of all networks that are planned together, one more for every [`OPERANDS`] of their
/// operands: of a large network, only the first remedies are tried.
const MOST_PLANNED: usize = 60_000;

/// Most operators have fewer operands.
const OPERANDS: usize = 8;

pub struct Trials<'a> {
    pub graph: &'a Graph,
    pub plan: &'a Plan,
    pub arguments: &'a FitArguments,
    pub bar: &'a ProgressBar,
    pub room: u64,
    /// Those that have to fit beside the arena.
    pub weights: u64,
    /// Operators planned so far, as [`MOST_PLANNED`] counts them.
    planned: Cell<usize>,
}

impl<'a> Trials<'a> {
    pub fn new(
        graph: &'a Graph,
        plan: &'a Plan,
        arguments: &'a FitArguments,
        bar: &'a ProgressBar,
        (room, weights): (u64, u64),
    ) -> Self {
        Self { graph, plan, arguments, bar, room, weights, planned: Cell::new(0) }
    }

    /// Returns true if the network is so large that some remedies were not tried.
    pub fn are_cut_short(&self) -> bool {
        self.planned.get() > MOST_PLANNED
    }

    pub fn remedies(&self, peak: Option<&Peak>) -> Result<Vec<Remedy>, Failure> {
        let mut found = self.orders_and_levels()?;
        // What lies where in relation to others is not known to networks that are changed.
        if let Some(peak) = peak.filter(|_| self.graph.relative_placements().is_empty()) {
            found.extend(self.sharing_at_one(peak)?);
            found.extend(self.not_kept(peak)?);
            found.extend(self.stripes(peak)?);
        }
        found.sort_by_key(|one| {
            if one.fits { (0, one.kind as u64, one.arena) } else { (1, one.arena, one.kind as u64) }
        });
        Ok(found)
    }

    /// The memory that is enough as things are: the plan is the proof.
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

    fn planner(&self) -> Planner {
        let searching = &self.arguments.searching;
        let nodes = searching.node_limit.map_or(NODES, |own| own.min(NODES));
        self.arguments.planner(self.bar).limits(searching.limits(self.bar).nodes(nodes))
    }

    fn sharing(&self) -> Sharing {
        self.arguments.share.into()
    }

    /// What a plan says, if it is any better.
    fn tried(
        &self,
        kind: Kind,
        what: String,
        planner: &Planner,
        graph: &Graph,
    ) -> Result<Option<Remedy>, Failure> {
        let operands = graph.operators().iter().map(|one| one.inputs().len() + one.outputs().len());
        let work = graph.operators().len() + operands.sum::<usize>() / OPERANDS;
        self.planned.set(self.planned.get() + work);
        if self.are_cut_short() {
            return Ok(None);
        }
        self.bar.set_message(what.clone());
        let arena = match planner.plan(graph) {
            Ok(plan) => plan.arena_bytes,
            // More than 64 bits can count is no remedy.
            Err(Error::SizeOverflow { .. } | Error::TotalOverflow { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let saves = self.plan.arena_bytes.saturating_sub(arena);
        let fits = arena.saturating_add(self.weights) <= self.room;
        let estimate = matches!(kind, Kind::NotKept | Kind::Stripes);
        Ok((saves > 0).then_some(Remedy { kind, what, arena, saves, fits, estimate }))
    }

    fn orders_and_levels(&self) -> Result<Vec<Remedy>, Failure> {
        let mut found: Vec<Remedy> = Vec::new();
        let best_order = !matches!(self.arguments.order, OrderArgument::Optimal);
        if best_order {
            let planner = self.planner().order(Ordering::Optimal);
            found.extend(self.tried(Kind::Order, "--order optimal".to_owned(), &planner, self.graph)?);
        }
        let mut least = self.plan.arena_bytes;
        let mut better =
            |remedy: Option<Remedy>| remedy.filter(|one| one.arena < least).inspect(|one| least = one.arena);
        for (level, name) in [(Sharing::Views, "views"), (Sharing::InPlace, "inplace"), (Sharing::All, "all")]
        {
            if level > self.sharing() {
                let planner = self.planner().share(level);
                found.extend(better(self.tried(
                    Kind::Sharing,
                    format!("--share {name}"),
                    &planner,
                    self.graph,
                )?));
            }
        }
        let planner = self.planner().share(Sharing::All);
        if matches!(self.arguments.reading.graph_inputs, InputsArgument::Kept) {
            let mut graph = self.graph.clone();
            graph.overwrite_inputs();
            let what = "--share all --inputs overwritable".to_owned();
            found.extend(better(self.tried(Kind::Sharing, what, &planner, &graph)?));
        }
        if best_order {
            let what = "--order optimal --share all".to_owned();
            let planner = planner.order(Ordering::Optimal);
            let both = self.tried(Kind::OrderAndSharing, what, &planner, self.graph)?;
            let least = found.iter().map(|one| one.arena).min();
            found.extend(both.filter(|both| least.is_none_or(|least| both.arena < least)));
        }
        Ok(found)
    }

    /// Operators that may share what is live at the peak, and do not: that of the peak first,
    /// then the others as they run.
    fn sharing_at_one(&self, peak: &Peak) -> Result<Vec<Remedy>, Failure> {
        let is_live = |id| peak.live.iter().any(|one| one.occupant == Occupant::Tensor(id));
        let adds = |permit: &&Permit| {
            rewrite::level(permit) > self.sharing() && (is_live(permit.input()) || is_live(permit.output()))
        };
        let others = self.plan.order.iter().filter(|id| **id != peak.id);
        let may = |id: &&OperatorId| self.graph.operator(**id).permits().iter().any(|one| adds(&one));
        let mut found = Vec::new();
        for &id in [&peak.id].into_iter().chain(others).filter(may).take(OPERATORS) {
            let operator = self.graph.operator(id);
            let how = operator.permits().iter().find(adds).map_or("shared", |permit| match permit {
                Permit::InPlace { .. } => "in place",
                Permit::View { .. } => "a view",
                Permit::Piece { .. } => "made in pieces",
                _ => "overlapping",
            });
            let graph = rewrite::with_permits_of(self.graph, &self.plan.order, id, self.sharing())?;
            let what = format!("{} `{}` alone {how}", operator.op_type(), operator.name());
            let planner = self.planner().share(Sharing::All);
            found.extend(self.tried(Kind::SharingAtOne, what.trim_start().to_owned(), &planner, &graph)?);
        }
        Ok(found)
    }

    /// Tensors that are only waiting at the peak.
    fn not_kept(&self, peak: &Peak) -> Result<Vec<Remedy>, Failure> {
        let mut found = Vec::new();
        let waiting = peak.live.iter().filter_map(|one| match one.occupant {
            Occupant::Tensor(id) if !one.used => Some(id),
            _ => None,
        });
        let later = self.plan.order.get(peak.step as usize + 1..).unwrap_or(&[]);
        let reader = |id| later.iter().find(|later| self.graph.operator(**later).inputs().contains(&id));
        let can_go = |id: &plimsoll::TensorId| {
            let tensor = self.graph.tensor(*id);
            !tensor.is_output() && matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate)
        };
        let waiting = waiting.filter(can_go).filter_map(|id| Some((id, *reader(id)?)));
        for (id, reader) in waiting.take(TENSORS) {
            let graph = rewrite::without(self.graph, &self.plan.order, peak.step, id)?;
            let (tensor, reader) = (self.graph.tensor(id).name(), self.graph.operator(reader).name());
            let what = format!("`{tensor}` not kept, but brought back or made again before `{reader}`");
            found.extend(self.tried(Kind::NotKept, what, &self.planner(), &graph)?);
        }
        found.sort_by_key(|one| one.arena);
        found.truncate(BEST);
        Ok(found)
    }

    /// What the peak's operator reads or writes is made and used stripe by stripe: of each, the
    /// fewest stripes that fit, or else that save the most.
    fn stripes(&self, peak: &Peak) -> Result<Vec<Remedy>, Failure> {
        let used = peak.live.iter().filter_map(|one| match one.occupant {
            Occupant::Tensor(id) if one.used => Pair::around(self.graph, id),
            _ => None,
        });
        let mut found = Vec::new();
        for pair in used.take(PAIRS) {
            let mut best: Option<Remedy> = None;
            let [first, second] = [pair.first, pair.second].map(|id| self.graph.operator(id).name());
            for count in STRIPES.into_iter().filter(|&count| count <= pair.most(self.graph)) {
                let graph = pair.striped(self.graph, &self.plan.order, count)?;
                let between = self.graph.tensor(pair.between).name();
                let what = format!("`{between}` in {count} stripes, by `{first}` and `{second}` in turn");
                let one = self.tried(Kind::Stripes, what, &self.planner(), &graph)?;
                let Some(one) = one else { continue };
                let fits = one.fits;
                if best.as_ref().is_none_or(|best| one.arena < best.arena) {
                    best = Some(one);
                }
                if fits {
                    break;
                }
            }
            found.extend(best);
        }
        Ok(found)
    }
}
