//! Orders for several memories: what is used again soon need not leave the chip in between.

use super::draft::{Drafts, Known};
use crate::error::Result;
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::Meter;
use crate::placement::Gap;
use crate::sorting::sort_by_keys;

/// Accesses and steps that all orders tried together have.
const WORK: usize = 2_000_000;

/// An order that seems to cost less than a known one, if one is found.
///
/// # Errors
/// As [`Drafts::draft`].
pub(super) fn better(drafts: &Drafts<'_>, known: &Known, meter: &mut Meter<'_>) -> Result<Option<Known>> {
    let file = drafts.graph.file_order();
    let mut best = None;
    if known.estimate.cost > known.estimate.floor && known.draft.order != file {
        best = cheaper(drafts.known(file, known.wish)?, known);
    }
    let start = best.as_ref().unwrap_or(known);
    Ok(improved(drafts, start, meter).or(best))
}

fn cheaper(one: Known, than: &Known) -> Option<Known> {
    (one.estimate.cost < than.estimate.cost).then_some(one)
}

/// Changes an order bit by bit as long as that seems to save something: of two accesses between
/// which something is not on chip, the operators are brought together.
fn improved(drafts: &Drafts<'_>, start: &Known, meter: &mut Meter<'_>) -> Option<Known> {
    let mut moves = Moves::new(drafts.graph);
    let instance = &start.draft.items.instance;
    let size = instance.accesses.len() + instance.steps as usize;
    let mut left = WORK / size;
    let mut found: Option<Known> = None;
    loop {
        let before = found.as_ref().unwrap_or(start).estimate.cost;
        for pair in apart(found.as_ref().unwrap_or(start)) {
            for side in [Side::Up, Side::Down] {
                let best = found.as_ref().unwrap_or(start);
                if best.estimate.cost <= best.estimate.floor || left == 0 {
                    return found;
                }
                let Some(order) = moves.together(&best.draft.order, pair, side) else { continue };
                left -= 1;
                if meter.spend_on(1, 32 * size as u64).is_err() {
                    return found;
                }
                // Where tensors lie together, not all orders do.
                let Ok(next) = drafts.known(&order, best.wish) else { continue };
                if let Some(next) = cheaper(next, best) {
                    found = Some(next);
                    break;
                }
            }
        }
        if found.as_ref().unwrap_or(start).estimate.cost >= before {
            return found;
        }
    }
}

/// Operators that access the same, where it is not on chip between them; then others.
/// What is largest first.
fn apart(known: &Known) -> Vec<(OperatorId, OperatorId)> {
    let order = &known.draft.order;
    let mut gaps: Vec<Gap> = known.estimate.gaps.clone();
    sort_by_keys(&mut gaps, |gap| [(!gap.is_away).into(), !gap.bytes]);
    let operator = |step: u32| order.get(step as usize).copied();
    gaps.iter().filter_map(|gap| Some((operator(gap.from)?, operator(gap.until)?))).collect()
}

/// What moves where two operators are brought together.
#[derive(Clone, Copy)]
enum Side {
    /// The later one, with what it needs.
    Up,
    /// The earlier one, with what needs it.
    Down,
}

struct Moves {
    /// By operator: those that must run before it, and those after it.
    before: Lists,
    after: Lists,
    /// By operator.
    step: Vec<usize>,
    goes: Vec<bool>,
}

impl Moves {
    fn new(graph: &Graph) -> Self {
        let count = graph.operators().len();
        let before = Lists::new(count, graph.dependencies().map(|(before, after)| (after, before)));
        let after = Lists::new(count, graph.dependencies());
        Self { before, after, step: vec![usize::MAX; count], goes: vec![false; count] }
    }

    /// The order with two operators as near to each other as they can be; none if they are.
    fn together(
        &mut self,
        order: &[OperatorId],
        (from, until): (OperatorId, OperatorId),
        side: Side,
    ) -> Option<Vec<OperatorId>> {
        for (step, &operator) in order.iter().enumerate() {
            self.step[operator.index()] = step;
        }
        let (first, last) = (self.step[from.index()], self.step[until.index()]);
        let (first, last) = (first.min(last), first.max(last));
        let window = &order[first..=last];
        for &one in window {
            // The first may stay the first and the last the last, whoever needs whom.
            self.goes[one.index()] = one == from || one == until;
        }
        let lists = match side {
            Side::Up => &self.before,
            Side::Down => &self.after,
        };
        for place in 0..window.len() {
            let one = match side {
                Side::Up => window[window.len() - 1 - place],
                Side::Down => window[place],
            };
            if self.goes[one.index()] {
                for other in lists.of(one) {
                    self.goes[other.index()] |= (first..=last).contains(&self.step[other.index()]);
                }
            }
        }
        let (goes, stays): (Vec<OperatorId>, Vec<OperatorId>) =
            window.iter().partition(|one| self.goes[one.index()]);
        let (head, tail) = match side {
            Side::Up => (goes, stays),
            Side::Down => (stays, goes),
        };
        if head.iter().chain(&tail).eq(window) {
            return None;
        }
        Some([&order[..first], &head, &tail, &order[last + 1..]].concat())
    }
}

/// A list for each operator, one after the other.
struct Lists {
    starts: Vec<usize>,
    all: Vec<OperatorId>,
}

impl Lists {
    fn new(count: usize, pairs: impl Iterator<Item = (OperatorId, OperatorId)>) -> Self {
        let mut lists: Vec<Vec<OperatorId>> = vec![Vec::new(); count];
        pairs.for_each(|(one, other)| lists[one.index()].push(other));
        let ends = lists.iter().scan(0, |end, list| {
            *end += list.len();
            Some(*end)
        });
        let starts = std::iter::once(0).chain(ends).collect();
        Self { starts, all: lists.concat() }
    }

    fn of(&self, operator: OperatorId) -> &[OperatorId] {
        &self.all[self.starts[operator.index()]..self.starts[operator.index() + 1]]
    }
}
