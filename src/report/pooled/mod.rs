//! All that a picture of a plan for several memories shows, whatever draws it.

pub(super) mod traffic;

use std::collections::BTreeMap;

use super::rectangles::{self, Kind, Rectangle, of_stay};
use crate::{
    Graph, How, LiveRange, Occupant, OperatorId, Placement, PoolId, PoolPlan, Route, Stay, Transfer,
};

pub(super) struct PoolScene<'a> {
    pub graph: &'a Graph,
    pub plan: &'a PoolPlan,
    /// A rectangle for each place, with what belongs to it below.
    pub rectangles: Vec<Rectangle>,
    /// Whose place it is.
    pub occupants: Vec<Occupant>,
    /// In which memory.
    pub pools: Vec<usize>,
    /// The offset at which a map shows it: its own, but at home. None if no map does.
    pub shown_at: Vec<Option<u64>>,
    /// Heights of the map of home at which offsets are left out.
    pub cuts: Vec<u64>,
    /// At least one, and as far as anything lives.
    pub steps: u32,
    pub copies: Vec<Copied>,
    pub shared: Vec<Shared>,
}

/// A copy, with the rectangles between which it goes, if there are such.
#[derive(Clone, Copy)]
pub(super) struct Copied {
    pub route: Route,
    pub from: Option<u32>,
    pub to: Option<u32>,
}

/// One rectangle lies in the memory of another while both are needed.
pub(super) struct Shared {
    pub tensor: u32,
    pub of: u32,
    pub how: How,
    pub operator: OperatorId,
}

impl<'a> PoolScene<'a> {
    pub(super) fn new(graph: &'a Graph, plan: &'a PoolPlan) -> Self {
        let count = plan.pools.list().len();
        let known = plan.stays.iter().filter(|stay| stay.pool.index() < count);
        let named: Vec<(&Stay, Rectangle)> =
            known.filter_map(|stay| Some((stay, of_stay(graph, stay)?))).collect();
        let occupants: Vec<Occupant> = named.iter().map(|(stay, _)| stay.occupant).collect();
        let pools: Vec<usize> = named.iter().map(|(stay, _)| stay.pool.index()).collect();
        let rectangles: Vec<Rectangle> = named.into_iter().map(|(_, one)| one).collect();
        let run = plan.order.len().max(1) as u32;
        let drawn = rectangles.iter().filter(|one| !one.is_empty());
        let steps = drawn.map(|one| one.place.live.end).fold(run, u32::max);
        let rows = Rows::new(&occupants);
        let places = Places { rows: &rows, pools: &pools, rectangles: &rectangles };
        let copies = plan.routes().into_iter().filter_map(|route| places.copied(route, plan)).collect();
        let shared = places.shared(plan);
        let home = count - 1;
        let mut shown_at: Vec<Option<u64>> =
            rectangles.iter().map(|one| (!one.is_empty()).then_some(one.place.offset)).collect();
        for (row, one) in rectangles.iter().enumerate().filter(|&(row, _)| pools[row] == home) {
            shown_at[row] = shown_at[row].filter(|_| comes_and_goes(one, run));
        }
        let at_home: Vec<usize> =
            (0..pools.len()).filter(|&row| pools[row] == home && shown_at[row].is_some()).collect();
        let cuts = compact(&at_home, &rectangles, &mut shown_at);
        Self { graph, plan, rectangles, occupants, pools, shown_at, cuts, steps, copies, shared }
    }

    pub(super) fn title(&self) -> &'a str {
        rectangles::title(self.graph.name())
    }

    pub(super) fn home(&self) -> usize {
        self.plan.pools.home_id().index()
    }

    /// Rectangles of a memory, shown or not.
    pub(super) fn rows_of(&self, pool: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.pools.len()).filter(move |&row| self.pools[row] == pool)
    }

    /// The place at which a map shows a rectangle.
    pub(super) fn shown(&self, row: usize) -> Option<Placement> {
        self.shown_at[row].map(|offset| Placement { offset, ..self.rectangles[row].place })
    }
}

/// At home, constants and what is there throughout are no news.
fn comes_and_goes(one: &Rectangle, steps: u32) -> bool {
    one.kind != Kind::Constant && (one.place.live.start > 0 || one.place.live.end < steps || steps <= 1)
}

/// Takes out the offsets at which none of these is; says where something was taken out.
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
    // At the very bottom, it is no news.
    cuts.retain(|&cut| cut > 0);
    cuts
}

/// Rectangles by tensor.
struct Rows(BTreeMap<usize, Vec<u32>>);

impl Rows {
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

struct Places<'a> {
    rows: &'a Rows,
    pools: &'a [usize],
    rectangles: &'a [Rectangle],
}

impl Places<'_> {
    fn live(&self, row: u32) -> LiveRange {
        self.rectangles[row as usize].place.live
    }

    fn copied(&self, route: Route, plan: &PoolPlan) -> Option<Copied> {
        let Transfer { tensor, step, due, from, to, .. } = route.transfer;
        let count = plan.pools.list().len();
        let find = |pool: PoolId, at: u32| {
            let mut rows = self.rows.of(tensor).iter().copied();
            rows.find(|&row| self.pools[row as usize] == pool.index() && self.live(row).contains(at))
        };
        // As the plan's rules say: what takes time has both places from its start on; what
        // comes to a place that was there before, does so while the source is there still.
        let before = due.saturating_sub(1);
        let at = match (step < due, route.is_late) {
            (true, _) => step,
            (false, true) => due,
            (false, false) => before,
        };
        let known = from.index() < count && to.index() < count;
        known.then(|| Copied { route, from: find(from, at), to: find(to, at) })
    }

    /// In each memory in which both are at the same time.
    fn shared(&self, plan: &PoolPlan) -> Vec<Shared> {
        let mut shared = Vec::new();
        for share in &plan.shares {
            for &tensor in self.rows.of(share.tensor) {
                let meets = |row: &&u32| {
                    let same = self.pools[**row as usize] == self.pools[tensor as usize];
                    same && self.live(**row).overlaps(self.live(tensor))
                };
                shared.extend(self.rows.of(share.of).iter().filter(meets).map(|&of| Shared {
                    tensor,
                    of,
                    how: share.how,
                    operator: share.operator,
                }));
            }
        }
        shared
    }
}
