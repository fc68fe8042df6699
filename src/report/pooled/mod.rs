//! The contents of a picture of a plan for several memories, independent of its format.

pub(super) mod traffic;

use std::collections::BTreeMap;

use super::rectangles::{self, BufferKind, Rectangle, of_residency};
use crate::{
    AliasKind, Graph, LiveRange, Occupant, OperatorId, Placement, PoolId, PoolPlan, Residency, Route,
    Transfer,
};

pub(super) struct PoolScene<'a> {
    pub graph: &'a Graph,
    pub plan: &'a PoolPlan,
    /// A rectangle for each residency interval; the vectors below refer to its index.
    pub rectangles: Vec<Rectangle>,
    /// The occupant of each rectangle.
    pub occupants: Vec<Occupant>,
    /// The pool of each rectangle.
    pub pools: Vec<usize>,
    /// The offset at which a map shows each rectangle: its own, except in the backing store. None if no
    /// map shows it.
    pub shown_at: Vec<Option<u64>>,
    /// Heights in the map of the backing store at which offsets are left out.
    pub cuts: Vec<u64>,
    /// Number of steps: at least one, and at least the end of every live range.
    pub steps: u32,
    pub copies: Vec<SceneTransfer>,
    pub shared: Vec<PoolAlias>,
}

/// A transfer and the rectangles of its source and destination, if they exist.
#[derive(Clone, Copy)]
pub(super) struct SceneTransfer {
    pub route: Route,
    pub from: Option<u32>,
    pub to: Option<u32>,
}

/// Two rectangles of a pool that share memory while both are live.
pub(super) struct PoolAlias {
    pub tensor: u32,
    pub of: u32,
    pub kind: AliasKind,
    pub operator: OperatorId,
}

impl<'a> PoolScene<'a> {
    pub(super) fn new(graph: &'a Graph, plan: &'a PoolPlan) -> Self {
        let count = plan.pools.list().len();
        let in_pools = plan.residencies.iter().filter(|residency| residency.pool.index() < count);
        let named: Vec<(&Residency, Rectangle)> =
            in_pools.filter_map(|residency| Some((residency, of_residency(graph, residency)?))).collect();
        let occupants: Vec<Occupant> = named.iter().map(|(residency, _)| residency.occupant).collect();
        let pools: Vec<usize> = named.iter().map(|(residency, _)| residency.pool.index()).collect();
        let rectangles: Vec<Rectangle> = named.into_iter().map(|(_, rectangle)| rectangle).collect();
        let run = plan.order.len().max(1) as u32;
        let drawn = rectangles.iter().filter(|rectangle| !rectangle.is_empty());
        let steps = drawn.map(|rectangle| rectangle.place.live.end).fold(run, u32::max);
        let rows = TensorRows::new(&occupants);
        let residency = ResidenciesByOccupant { rows: &rows, pools: &pools, rectangles: &rectangles };
        let copies = plan.routes().into_iter().filter_map(|route| residency.transfer(route, plan)).collect();
        let shared = residency.aliases(plan);
        let backing_store = count - 1;
        let mut shown_at: Vec<Option<u64>> =
            rectangles.iter().map(|row| (!row.is_empty()).then_some(row.place.offset)).collect();
        for (row, rectangle) in rectangles.iter().enumerate().filter(|&(row, _)| pools[row] == backing_store)
        {
            shown_at[row] = shown_at[row].filter(|_| comes_and_goes(rectangle, run));
        }
        let shown_in_store: Vec<usize> =
            (0..pools.len()).filter(|&row| pools[row] == backing_store && shown_at[row].is_some()).collect();
        let cuts = compact(&shown_in_store, &rectangles, &mut shown_at);
        Self { graph, plan, rectangles, occupants, pools, shown_at, cuts, steps, copies, shared }
    }

    pub(super) fn title(&self) -> &'a str {
        rectangles::title(self.graph.name())
    }

    pub(super) fn backing_store(&self) -> usize {
        self.plan.pools.backing_store_id().index()
    }

    /// The rectangles of a pool, shown or not.
    pub(super) fn rows_of(&self, pool: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.pools.len()).filter(move |&row| self.pools[row] == pool)
    }

    /// The placement at which a map shows a rectangle.
    pub(super) fn shown(&self, row: usize) -> Option<Placement> {
        self.shown_at[row].map(|offset| Placement { offset, ..self.rectangles[row].place })
    }
}

/// Returns whether the map of the backing store shows a rectangle: constants and data that is resident during
/// the whole run would fill the map without telling anything about the plan.
fn comes_and_goes(rectangle: &Rectangle, steps: u32) -> bool {
    let live = rectangle.place.live;
    rectangle.kind != BufferKind::Constant && (live.start > 0 || live.end < steps || steps <= 1)
}

/// Removes the offsets that no rectangle of `rows` covers. Returns the heights of the cuts.
fn compact(rows: &[usize], rectangles: &[Rectangle], shown_at: &mut [Option<u64>]) -> Vec<u64> {
    let mut order = rows.to_vec();
    order.sort_by_key(|&row| rectangles[row].place.offset);
    let (mut end, mut left_out, mut cuts) = (0, 0, Vec::new());
    for row in order {
        let place = rectangles[row].place;
        if place.offset > end {
            left_out += place.offset - end;
            cuts.push(place.offset - left_out);
        }
        shown_at[row] = Some(place.offset - left_out);
        end = end.max(place.end());
    }
    // A gap below the lowest rectangle needs no cut.
    cuts.retain(|&cut| cut > 0);
    cuts
}

/// The rectangles of each tensor.
struct TensorRows(BTreeMap<usize, Vec<u32>>);

impl TensorRows {
    fn new(occupants: &[Occupant]) -> Self {
        let mut rows = BTreeMap::<usize, Vec<u32>>::new();
        for (row, occupant) in (0..).zip(occupants) {
            if let Occupant::Tensor(id) = occupant {
                rows.entry(id.index()).or_default().push(row);
            }
        }
        Self(rows)
    }

    fn of(&self, tensor: crate::TensorId) -> &[u32] {
        self.0.get(&tensor.index()).map_or(&[], Vec::as_slice)
    }
}

/// Finds the rectangle of a tensor by pool and step.
struct ResidenciesByOccupant<'a> {
    rows: &'a TensorRows,
    pools: &'a [usize],
    rectangles: &'a [Rectangle],
}

impl ResidenciesByOccupant<'_> {
    fn live(&self, row: u32) -> LiveRange {
        self.rectangles[row as usize].place.live
    }

    fn transfer(&self, route: Route, plan: &PoolPlan) -> Option<SceneTransfer> {
        let Transfer { tensor, step, due, from, to, .. } = route.transfer;
        let count = plan.pools.list().len();
        let find = |pool: PoolId, at: u32| {
            let mut rows = self.rows.of(tensor).iter().copied();
            rows.find(|&row| self.pools[row as usize] == pool.index() && self.live(row).contains(at))
        };
        // The rules of plans for pools: a transfer that spans steps has both places from its first step
        // on. A transfer at the start of a step has its source at the step before; a late one writes to
        // a place that exists before, while its source still exists.
        let before = due.saturating_sub(1);
        let at = match (step < due, route.is_late) {
            (true, _) => step,
            (false, true) => due,
            (false, false) => before,
        };
        let exist = from.index() < count && to.index() < count;
        exist.then(|| SceneTransfer { route, from: find(from, at), to: find(to, at) })
    }

    /// The aliases of the plan, once for each pool in which both tensors live at the same time.
    fn aliases(&self, plan: &PoolPlan) -> Vec<PoolAlias> {
        let mut aliases = Vec::new();
        for alias in &plan.aliases {
            for &tensor in self.rows.of(alias.tensor) {
                let meets = |row: &&u32| {
                    let same = self.pools[**row as usize] == self.pools[tensor as usize];
                    same && self.live(**row).overlaps(self.live(tensor))
                };
                aliases.extend(self.rows.of(alias.of).iter().filter(meets).map(|&of| PoolAlias {
                    tensor,
                    of,
                    kind: alias.kind,
                    operator: alias.operator,
                }));
            }
        }
        aliases
    }
}
