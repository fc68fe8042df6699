//! Operator orders for several memories.
//!
//! A tensor that is used again soon need not leave the chip in between, so moving its uses together
//! saves traffic. This is a local search over orders: each neighbour is judged by the estimated cost
//! of its draft, not by a placement. It has two kinds of moves. The first brings the two operators at
//! the ends of a costly gap together, with everything that must run between them. The second moves
//! one operator to another valid step. An order is a candidate only: the placement that follows
//! decides, so an estimate that is wrong costs time and never soundness. Each neighbour costs one
//! pass over the accesses and steps; [`WORK`] bounds their sum.

use std::ops::Range;

use super::draft::{Drafts, EstimatedDraft};
use crate::error::Result;
use crate::graph::Graph;
use crate::placement::AccessGap;
use crate::support::ids::OperatorId;
use crate::support::limits::Budget;
use crate::support::random::Random;
use crate::support::rows::Rows;
use crate::support::sorting::sort_by_keys;

/// Accesses and steps examined in all neighbours together.
const WORK: usize = 3_000_000;

/// The search ends after this many moves in vain per movable operator.
const PATIENCE: usize = 4;

/// Drafts of a lower estimated cost than the given one, in other orders, the cheapest first: the result
/// of the search, and that of its first part. If the search finds none, the draft of program order.
///
/// # Errors
/// As [`Drafts::draft`].
pub(super) fn cheaper_drafts(
    drafts: &Drafts<'_>,
    planned: &EstimatedDraft,
    budget: &mut Budget<'_>,
) -> Result<Vec<EstimatedDraft>> {
    if planned.estimate.cost <= planned.estimate.unavoidable_cost || budget.check().is_err() {
        return Ok(Vec::new());
    }
    let is_cheaper = |draft: &EstimatedDraft| draft.estimate.cost < planned.estimate.cost;
    let program_order = drafts.graph.program_order();
    let mut in_program_order = None;
    if planned.draft.order != program_order {
        in_program_order = Some(drafts.estimated(program_order, planned.policy)?).filter(is_cheaper);
    }
    let start = in_program_order.as_ref().unwrap_or(planned);
    let instance = &start.draft.items.instance;
    if instance.is_large() || budget.check().is_err() {
        return Ok(in_program_order.into_iter().collect());
    }
    let moves = OrderMoves::new(drafts.graph);
    let size = instance.accesses.len() * instance.work_of_an_access() + instance.steps as usize;
    let (left, grouped, incumbent) = (WORK / size, Vec::new(), None);
    let mut search = OrderImprovement { drafts, budget, moves, size, left, start, grouped, incumbent };
    let _ = search.run();
    let OrderImprovement { grouped, incumbent, .. } = search;
    let mut cheaper: Vec<EstimatedDraft> = incumbent.into_iter().filter(is_cheaper).collect();
    if !grouped.is_empty()
        && budget.check().is_ok()
        && cheaper.iter().chain([planned]).all(|known| known.draft.order != grouped)
    {
        cheaper.extend(Some(drafts.estimated(&grouped, planned.policy)?).filter(is_cheaper));
    }
    if cheaper.is_empty() {
        cheaper.extend(in_program_order);
    }
    Ok(cheaper)
}

/// Reason to stop: the estimate reaches the unavoidable cost, or the work limit is met.
struct Exhausted;

type Outcome<T = ()> = std::result::Result<T, Exhausted>;

/// Acceptance criterion of the local search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Acceptance {
    Improvement,
    /// Accepts equal cost, to cross plateaus.
    NoWorse,
}

/// Local search over orders by estimated cost.
struct OrderImprovement<'s, 'm> {
    drafts: &'s Drafts<'s>,
    budget: &'s mut Budget<'m>,
    moves: OrderMoves,
    /// Work of accesses, and steps.
    size: usize,
    /// Number of neighbours that may still be examined.
    left: usize,
    start: &'s EstimatedDraft,
    /// The order after operators were grouped together and before single operators moved.
    grouped: Vec<OperatorId>,
    /// The incumbent, if it replaced the start; its estimated cost is at most that of the start.
    incumbent: Option<EstimatedDraft>,
}

impl OrderImprovement<'_, '_> {
    fn run(&mut self) -> Outcome {
        let grouped = self.bring_together(Acceptance::Improvement);
        self.grouped = self.current().draft.order.clone();
        grouped?;
        loop {
            let before = self.cost();
            self.bring_together(Acceptance::NoWorse)?;
            self.move_single_operators()?;
            if self.cost() >= before {
                return Ok(());
            }
        }
    }

    fn current(&self) -> &EstimatedDraft {
        self.incumbent.as_ref().unwrap_or(self.start)
    }

    fn cost(&self) -> u64 {
        self.current().estimate.cost
    }

    /// Brings operators together that access the same tensor.
    fn bring_together(&mut self, acceptance: Acceptance) -> Outcome {
        loop {
            let before = self.cost();
            for pair in gap_ends(self.current()) {
                for side in [MovedEnd::Later, MovedEnd::Earlier] {
                    let order = self.incumbent.as_ref().unwrap_or(self.start).draft.order.as_slice();
                    if let Some(order) = self.moves.with_ends_together(order, pair, side)
                        && self.examine(&order, acceptance)?
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

    /// Moves single operators to other valid steps.
    fn move_single_operators(&mut self) -> Outcome {
        let mut random = Random::new(1);
        let movable = self.moves.movable(&self.current().draft.order.clone());
        let mut in_vain = 0;
        while in_vain < PATIENCE * movable.len() {
            let operator = movable[random.below(movable.len())];
            let order = self.incumbent.as_ref().unwrap_or(self.start).draft.order.as_slice();
            in_vain += 1;
            if let Some(order) = self.moves.at_random_step(order, operator, &mut random)
                && self.examine(&order, Acceptance::NoWorse)?
            {
                in_vain = 0;
            }
        }
        Ok(())
    }

    /// Examines an order and makes it the incumbent if the criterion accepts it. Returns true if its
    /// estimated cost is lower.
    fn examine(&mut self, order: &[OperatorId], acceptance: Acceptance) -> Outcome<bool> {
        let EstimatedDraft { policy, ref estimate, .. } = *self.current();
        let (cost, is_unavoidable) = (estimate.cost, estimate.cost <= estimate.unavoidable_cost);
        if is_unavoidable || self.left == 0 || self.budget.spend_on(1, 32 * self.size as u64).is_err() {
            return Err(Exhausted);
        }
        self.left -= 1;
        // Aliases that must hold rule out some orders.
        let Ok(next) = self.drafts.estimated(order, policy) else { return Ok(false) };
        let is_better = next.estimate.cost < cost;
        if is_better || (acceptance == Acceptance::NoWorse && next.estimate.cost == cost) {
            self.incumbent = Some(next);
        }
        Ok(is_better)
    }
}

/// Pairs of operators at the ends of gaps between two accesses of a tensor: gaps during which the
/// tensor is off chip first, larger tensors first.
fn gap_ends(draft: &EstimatedDraft) -> Vec<(OperatorId, OperatorId)> {
    let order = &draft.draft.order;
    let mut gaps: Vec<AccessGap> = draft.estimate.gaps.clone();
    sort_by_keys(&mut gaps, |gap| [(!gap.is_off_chip).into(), !gap.bytes]);
    let operator = |step: u32| order.get(step as usize).copied();
    gaps.iter().filter_map(|gap| Some((operator(gap.from)?, operator(gap.until)?))).collect()
}

/// The operators that move when two operators are grouped together.
#[derive(Clone, Copy)]
enum MovedEnd {
    /// The later operator, with its predecessors in between.
    Later,
    /// The earlier operator, with its successors in between.
    Earlier,
}

struct OrderMoves {
    /// Predecessors and successors by operator.
    before: Rows,
    after: Rows,
    /// By operator: its step in the order of the last call.
    step: Vec<usize>,
    /// By operator of the window that [`with_ends_together`](Self::with_ends_together) rearranges: true if
    /// it moves with the moved end.
    moves_along: Vec<bool>,
}

impl OrderMoves {
    fn new(graph: &Graph) -> Self {
        let count = graph.operators().len();
        let mut needed: Vec<Vec<u32>> = vec![Vec::new(); count];
        for (before, after) in graph.dependencies() {
            needed[after.index()].push(before.index() as u32);
        }
        let before = Rows::new(needed);
        let after = before.transposed(count);
        Self { before, after, step: vec![usize::MAX; count], moves_along: vec![false; count] }
    }

    fn number(&mut self, order: &[OperatorId]) {
        for (step, &operator) in order.iter().enumerate() {
            self.step[operator.index()] = step;
        }
    }

    /// Operators that have another valid step while the others keep their order.
    fn movable(&mut self, order: &[OperatorId]) -> Vec<OperatorId> {
        self.number(order);
        order.iter().copied().filter(|&operator| self.steps(order, operator).len() > 1).collect()
    }

    /// Valid steps of an operator, including its present one.
    fn steps(&self, order: &[OperatorId], operator: OperatorId) -> Range<usize> {
        let step = |&operator: &u32| self.step[operator as usize];
        let number = operator.index() as u32;
        let first = self.before.row(number).iter().map(step).max().map_or(0, |last| last + 1);
        let end = self.after.row(number).iter().map(step).min().unwrap_or(order.len());
        first..end
    }

    /// The order with the operator at a random valid step; none if that is its present one.
    fn at_random_step(
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

    /// The order with two operators as close together as dependencies allow; none if it is the same.
    fn with_ends_together(
        &mut self,
        order: &[OperatorId],
        (from, until): (OperatorId, OperatorId),
        side: MovedEnd,
    ) -> Option<Vec<OperatorId>> {
        self.number(order);
        let (first, last) = (self.step[from.index()], self.step[until.index()]);
        let (first, last) = (first.min(last), first.max(last));
        let window = &order[first..=last];
        for &operator in window {
            // Both ends end up in one part of the window, so the other part does not separate them.
            self.moves_along[operator.index()] = operator == from || operator == until;
        }
        let neighbours = match side {
            MovedEnd::Later => &self.before,
            MovedEnd::Earlier => &self.after,
        };
        // Dependencies point forward in the order, so one pass marks all ancestors or descendants.
        for distance in 0..window.len() {
            let operator = match side {
                MovedEnd::Later => window[window.len() - 1 - distance],
                MovedEnd::Earlier => window[distance],
            };
            if self.moves_along[operator.index()] {
                for &other in neighbours.row(operator.index() as u32) {
                    self.moves_along[other as usize] |= (first..=last).contains(&self.step[other as usize]);
                }
            }
        }
        let (moves_along, stays): (Vec<OperatorId>, Vec<OperatorId>) =
            window.iter().partition(|operator| self.moves_along[operator.index()]);
        let (head, tail) = match side {
            MovedEnd::Later => (moves_along, stays),
            MovedEnd::Earlier => (stays, moves_along),
        };
        if head.iter().chain(&tail).eq(window) {
            return None;
        }
        Some([&order[..first], &head, &tail, &order[last + 1..]].concat())
    }
}
