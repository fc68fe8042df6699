//! The contents of a picture of a plan, independent of its format.

use std::borrow::Cow;
use std::ops::Range;

use super::rectangles::{self, BufferKind, Rectangle};
use crate::{
    AliasKind, LiveRange, Liveness, Occupant, OperatorId, Placement, Plan, PlanView, PoolId, PoolPlan, Route,
    Transfer, ViewedPlan,
};

pub(super) struct Scene<'a> {
    pub view: &'a PlanView<'a>,
    /// A rectangle for each row of the view; several for a buffer with gaps. All numbers of rectangles
    /// below are positions in this list.
    pub rectangles: Vec<Rectangle<'a>>,
    pub aliases: Vec<SceneAlias>,
    /// Rectangles that cause the lower bound of an arena.
    pub causes: Vec<u32>,
    /// The step of the lower bound's certificate, if there are causes.
    pub peak: Option<u32>,
    /// Number of steps: at least one, and at least the end of every live range.
    pub steps: u32,
    pub copies: Vec<SceneTransfer>,
    /// Heights in the map of the backing store at which offsets are left out.
    pub cuts: Vec<u64>,
}

/// Two rectangles of a memory that share bytes while both are live.
pub(super) struct SceneAlias {
    pub tensor: u32,
    pub of: u32,
    pub kind: AliasKind,
    pub operator: OperatorId,
    /// The bytes and steps that both cover.
    pub common: Placement,
}

/// A transfer and the rectangles of its source and destination, if they exist.
#[derive(Clone, Copy)]
pub(super) struct SceneTransfer {
    pub route: Route,
    pub from: Option<u32>,
    pub to: Option<u32>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(view: &'a PlanView<'a>) -> Self {
        let pieces = |row| move |live| Rectangle::new(view, row, live);
        let mut rectangles = Vec::with_capacity(view.rows.len());
        rectangles.extend(view.rows.iter().flat_map(|row| row.pieces().map(pieces(row))));
        let run = view.order().len().max(1) as u32;
        let drawn = rectangles.iter().filter(|rectangle| !rectangle.is_empty());
        let steps = drawn.map(|rectangle| rectangle.place.live.end).fold(run, u32::max);
        let mut scene = Self {
            view,
            rectangles,
            aliases: Vec::new(),
            causes: Vec::new(),
            peak: None,
            steps,
            copies: Vec::new(),
            cuts: Vec::new(),
        };
        scene.aliases = scene.find_aliases();
        match &view.plan {
            ViewedPlan::Arena(plan) => scene.find_causes(plan),
            ViewedPlan::Pools(plan) => {
                scene.copies =
                    plan.routes().into_iter().filter_map(|route| scene.transfer(route, plan)).collect();
                scene.hide_residents(plan.pools.backing_store_id(), run);
            }
        }
        scene
    }

    /// The name of the model, or a substitute if it has none.
    pub(super) fn title(&self) -> &'a str {
        if self.view.model.is_empty() { "an unnamed model" } else { self.view.model }
    }

    /// The rectangles of a memory, shown or not.
    pub(super) fn of_memory(&self, memory: usize) -> impl Iterator<Item = &Rectangle<'a>> {
        self.rectangles.iter().filter(move |rectangle| rectangle.memory == memory)
    }

    /// The name of an operator, or its number; none if there is no such operator.
    pub(super) fn operator_name(&self, id: OperatorId) -> Option<Cow<'a, str>> {
        rectangles::operator_name(self.view.graph, id)
    }

    /// The type of an operator; empty if it has none.
    pub(super) fn operator_type(&self, id: OperatorId) -> &'a str {
        rectangles::operator_type(self.view.graph, id)
    }

    /// The operator at a step: its name, and its type in parentheses unless the name contains it.
    pub(super) fn runs_at(&self, step: u32) -> Option<String> {
        let &id = self.view.order().get(step as usize)?;
        let name = self.operator_name(id)?;
        Some(match self.operator_type(id) {
            op_type if name.contains(op_type) => name.into_owned(),
            op_type => format!("{name} ({op_type})"),
        })
    }

    fn find_causes(&mut self, plan: &Plan) {
        let bound = &plan.lower_bound;
        let has_gaps = self.rectangles.len() > self.view.rows.len();
        let causes = bound.causes.iter().flat_map(|&cause| self.of_occupant(cause));
        // Of a buffer with gaps, the piece at the step is the cause.
        let causes: Vec<u32> =
            causes.filter(|&cause| !has_gaps || self.live(cause).contains(bound.step)).collect();
        self.peak = (!causes.is_empty()).then_some(bound.step);
        self.causes = causes;
    }

    /// The rectangles of an occupant, which follow each other.
    fn of_occupant(&self, occupant: Occupant) -> Range<u32> {
        let start = self.rectangles.partition_point(|rectangle| rectangle.occupant < occupant);
        let same = self.rectangles[start..].iter().take_while(|rectangle| rectangle.occupant == occupant);
        let count = same.count();
        start as u32..(start + count) as u32
    }

    fn live(&self, rectangle: u32) -> LiveRange {
        self.rectangles[rectangle as usize].place.live
    }

    /// The aliases of the plan, once for each memory in which both tensors live at the same time.
    fn find_aliases(&self) -> Vec<SceneAlias> {
        let mut aliases = Vec::new();
        for alias in self.view.aliases() {
            for tensor in self.of_occupant(Occupant::Tensor(alias.tensor)) {
                let first = &self.rectangles[tensor as usize];
                for of in self.of_occupant(Occupant::Tensor(alias.of)) {
                    let second = &self.rectangles[of as usize];
                    if first.memory == second.memory && first.place.live.overlaps(second.place.live) {
                        let common = common(first.place, second.place);
                        aliases.push(SceneAlias {
                            tensor,
                            of,
                            kind: alias.kind,
                            operator: alias.operator,
                            common,
                        });
                    }
                }
            }
        }
        aliases
    }

    fn transfer(&self, route: Route, plan: &PoolPlan) -> Option<SceneTransfer> {
        let Transfer { tensor, step, due, from, to, .. } = route.transfer;
        let find = |pool: PoolId, at: u32| {
            let mut all = self.of_occupant(Occupant::Tensor(tensor));
            all.find(|&row| {
                self.rectangles[row as usize].memory == pool.index() && self.live(row).contains(at)
            })
        };
        // The rules of plans for pools: a transfer that spans steps has both places from its first step
        // on. A transfer at the start of a step has its source at the step before; a late one writes to
        // a place that exists before, while its source still exists.
        let at = match (step < due, route.is_late) {
            (true, _) => step,
            (false, true) => due,
            (false, false) => due.saturating_sub(1),
        };
        let exist = from.index().max(to.index()) < plan.pools.list().len();
        exist.then(|| SceneTransfer { route, from: find(from, at), to: find(to, at) })
    }

    /// Hides data that is resident in the backing store throughout, and removes the offsets that no shown
    /// rectangle covers.
    fn hide_residents(&mut self, backing_store: PoolId, steps: u32) {
        let in_store =
            self.rectangles.iter_mut().filter(|rectangle| rectangle.memory == backing_store.index());
        let mut shown = Vec::new();
        for rectangle in in_store {
            rectangle.shown_at = rectangle.shown_at.filter(|_| comes_and_goes(rectangle, steps));
            if rectangle.shown_at.is_some() {
                shown.push(rectangle);
            }
        }
        shown.sort_by_key(|rectangle| rectangle.place.offset);
        let (mut end, mut left_out) = (0, 0);
        for rectangle in shown {
            let place = rectangle.place;
            if place.offset > end {
                left_out += place.offset - end;
                self.cuts.push(place.offset - left_out);
            }
            rectangle.shown_at = Some(place.offset - left_out);
            end = end.max(place.end());
        }
        // A gap below the lowest rectangle needs no cut.
        self.cuts.retain(|&cut| cut > 0);
    }
}

/// Returns whether the map of the backing store shows a rectangle: constants and data that is resident during
/// the whole run would fill the map, and the plan does not decide on them.
fn comes_and_goes(rectangle: &Rectangle, steps: u32) -> bool {
    let live = rectangle.place.live;
    rectangle.kind != BufferKind::Constant && (live.start > 0 || live.end < steps || steps <= 1)
}

/// Live bytes of an arena in program order, without sharing; none for a problem or an order that cannot run.
pub(super) fn live_in_program_order(view: &PlanView<'_>) -> Option<Vec<u64>> {
    let (ViewedPlan::Arena(plan), Some(graph)) = (&view.plan, view.flattened()) else { return None };
    let liveness = Liveness::new(&graph, graph.program_order(), plan.alignment, plan.variables);
    Some(liveness.ok()?.live_bytes())
}

/// A kind of sharing, as text between the names of the two tensors.
pub(super) fn alias_text(kind: AliasKind) -> &'static str {
    match kind {
        AliasKind::View => "is a view of",
        AliasKind::Slice => "is a slice of",
        AliasKind::Concat => "is written in place into",
        AliasKind::InPlace => "is written over",
        AliasKind::Overlap => "overlaps the end of",
    }
}

/// Returns whether both tensors hold the same bytes; otherwise one is written over the other.
pub(super) fn same_bytes(kind: AliasKind) -> bool {
    matches!(kind, AliasKind::View | AliasKind::Slice | AliasKind::Concat)
}

fn common(first: Placement, second: Placement) -> Placement {
    let offset = first.offset.max(second.offset);
    let start = first.live.start.max(second.live.start);
    let live = LiveRange { start, end: first.live.end.min(second.live.end).max(start) };
    Placement { offset, bytes: first.end().min(second.end()).saturating_sub(offset), live }
}
