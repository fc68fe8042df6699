//! Orders for several memories: what is used again soon need not leave the chip in between.

use std::ops::Range;

use super::draft::{Drafts, Known};
use crate::error::Result;
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::Meter;
use crate::placement::Gap;
use crate::random::Random;
use crate::schedule::Rows;
use crate::sorting::sort_by_keys;

/// Accesses and steps that all orders tried together have.
const WORK: usize = 3_000_000;

/// The search ends when each operator that can move was moved so often in vain, on average.
const PATIENCE: usize = 4;

/// Orders that seem to cost less than a known one, a few, the best first.
///
/// # Errors
/// As [`Drafts::draft`].
pub(super) fn better(drafts: &Drafts<'_>, known: &Known, meter: &mut Meter<'_>) -> Result<Vec<Known>> {
    if known.estimate.cost <= known.estimate.floor {
        return Ok(Vec::new());
    }
    let is_cheaper = |one: &Known| one.estimate.cost < known.estimate.cost;
    let file = drafts.graph.file_order();
    let mut of_file = None;
    if known.draft.order != file {
        of_file = Some(drafts.known(file, known.wish)?).filter(is_cheaper);
    }
    let start = of_file.as_ref().unwrap_or(known);
    let instance = &start.draft.items.instance;
    if instance.is_large() {
        return Ok(of_file.into_iter().collect());
    }
    let moves = Moves::new(drafts.graph);
    let size = instance.accesses.len() + instance.steps as usize;
    let (left, brought, found) = (WORK / size, Vec::new(), None);
    let mut search = Search { drafts, meter, moves, size, left, start, brought, found };
    let _ = search.run();
    let Search { brought, found, .. } = search;
    let mut all: Vec<Known> = found.into_iter().filter(is_cheaper).collect();
    if !brought.is_empty() && all.iter().chain([known]).all(|one| one.draft.order != brought) {
        all.extend(Some(drafts.known(&brought, known.wish)?).filter(is_cheaper));
    }
    if all.is_empty() {
        all.extend(of_file);
    }
    Ok(all)
}

/// Why no more orders are tried: all fits, or enough was done.
struct Enough;

type Outcome<T = ()> = std::result::Result<T, Enough>;

/// Which orders to go on from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    Better,
    /// To leave places where no single change is better.
    NoWorse,
}

/// Changes an order bit by bit as long as that seems to save something.
struct Search<'s, 'm> {
    drafts: &'s Drafts<'s>,
    meter: &'s mut Meter<'m>,
    moves: Moves,
    /// Accesses and steps.
    size: usize,
    /// Orders that may be tried.
    left: usize,
    start: &'s Known,
    /// The order as it was before single operators were moved.
    brought: Vec<OperatorId>,
    /// No dearer than the start.
    found: Option<Known>,
}

impl Search<'_, '_> {
    fn run(&mut self) -> Outcome {
        let brought = self.bring_together(Take::Better);
        self.brought = self.at_hand().draft.order.clone();
        brought?;
        loop {
            let before = self.cost();
            self.bring_together(Take::NoWorse)?;
            self.move_some()?;
            if self.cost() >= before {
                return Ok(());
            }
        }
    }

    fn at_hand(&self) -> &Known {
        self.found.as_ref().unwrap_or(self.start)
    }

    fn cost(&self) -> u64 {
        self.at_hand().estimate.cost
    }

    /// Brings operators together that access the same.
    fn bring_together(&mut self, take: Take) -> Outcome {
        loop {
            let before = self.cost();
            for pair in apart(self.at_hand()) {
                for side in [Side::Up, Side::Down] {
                    let order = self.found.as_ref().unwrap_or(self.start).draft.order.as_slice();
                    if let Some(order) = self.moves.together(order, pair, side)
                        && self.take(&order, take)?
                    {
                        break;
                    }
                }
            }
            if self.cost() >= before {
                return Ok(());
            }
        }
    }

    /// Moves single operators to where they could be as well.
    fn move_some(&mut self) -> Outcome {
        let mut random = Random::new(1);
        let movable = self.moves.movable(&self.at_hand().draft.order.clone());
        let mut in_vain = 0;
        while in_vain < PATIENCE * movable.len() {
            let operator = movable[random.below(movable.len())];
            let order = self.found.as_ref().unwrap_or(self.start).draft.order.as_slice();
            in_vain += 1;
            if let Some(order) = self.moves.elsewhere(order, operator, &mut random)
                && self.take(&order, Take::NoWorse)?
            {
                in_vain = 0;
            }
        }
        Ok(())
    }

    /// Goes on from an order if it is good enough; whether it seems cheaper.
    fn take(&mut self, order: &[OperatorId], take: Take) -> Outcome<bool> {
        let known = self.at_hand();
        let (cost, wish, fits) =
            (known.estimate.cost, known.wish, known.estimate.cost <= known.estimate.floor);
        if fits || self.left == 0 || self.meter.spend_on(1, 32 * self.size as u64).is_err() {
            return Err(Enough);
        }
        self.left -= 1;
        // Where tensors lie together, not all orders do.
        let Ok(next) = self.drafts.known(order, wish) else { return Ok(false) };
        let is_better = next.estimate.cost < cost;
        if is_better || (take == Take::NoWorse && next.estimate.cost == cost) {
            self.found = Some(next);
        }
        Ok(is_better)
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
    before: Rows,
    after: Rows,
    /// By operator.
    step: Vec<usize>,
    goes: Vec<bool>,
}

impl Moves {
    fn new(graph: &Graph) -> Self {
        let count = graph.operators().len();
        let mut needed: Vec<Vec<u32>> = vec![Vec::new(); count];
        for (before, after) in graph.dependencies() {
            needed[after.index()].push(before.index() as u32);
        }
        let before = Rows::new(needed);
        let after = before.transposed(count);
        Self { before, after, step: vec![usize::MAX; count], goes: vec![false; count] }
    }

    fn number(&mut self, order: &[OperatorId]) {
        for (step, &operator) in order.iter().enumerate() {
            self.step[operator.index()] = step;
        }
    }

    /// Operators that can be at some other step while all others stay in order.
    fn movable(&mut self, order: &[OperatorId]) -> Vec<OperatorId> {
        self.number(order);
        order.iter().copied().filter(|&one| self.steps(order, one).len() > 1).collect()
    }

    /// Steps at which an operator can be, its own among them; all are numbered.
    fn steps(&self, order: &[OperatorId], operator: OperatorId) -> Range<usize> {
        let step = |&one: &u32| self.step[one as usize];
        let number = operator.index() as u32;
        let first = self.before.row(number).iter().map(step).max().map_or(0, |last| last + 1);
        let end = self.after.row(number).iter().map(step).min().unwrap_or(order.len());
        first..end
    }

    /// The order with an operator at some other step; none if it stays.
    fn elsewhere(
        &mut self,
        order: &[OperatorId],
        operator: OperatorId,
        random: &mut Random,
    ) -> Option<Vec<OperatorId>> {
        self.number(order);
        let steps = self.steps(order, operator);
        let (from, to) = (self.step[operator.index()], steps.start + random.below(steps.len()));
        let mut order = order.to_vec();
        if to < from {
            order[to..=from].rotate_right(1);
        } else {
            order[from..=to].rotate_left(1);
        }
        (to != from).then_some(order)
    }

    /// The order with two operators as near to each other as they can be; none if they are.
    fn together(
        &mut self,
        order: &[OperatorId],
        (from, until): (OperatorId, OperatorId),
        side: Side,
    ) -> Option<Vec<OperatorId>> {
        self.number(order);
        let (first, last) = (self.step[from.index()], self.step[until.index()]);
        let (first, last) = (first.min(last), first.max(last));
        let window = &order[first..=last];
        for &one in window {
            // The first may stay the first and the last the last, whoever needs whom.
            self.goes[one.index()] = one == from || one == until;
        }
        let rows = match side {
            Side::Up => &self.before,
            Side::Down => &self.after,
        };
        for place in 0..window.len() {
            let one = match side {
                Side::Up => window[window.len() - 1 - place],
                Side::Down => window[place],
            };
            if self.goes[one.index()] {
                for &other in rows.row(one.index() as u32) {
                    self.goes[other as usize] |= (first..=last).contains(&self.step[other as usize]);
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
