//! Rules 2, 3 and 7: places exist, are as large and as aligned as they must be, and lie where
//! the graph demands it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, Violation, key, name, pool_name, steps};
use crate::graph::{Graph, RelativePlacement};
use crate::ids::{PoolId, TensorId};
use crate::occupant::{Occupant, Variables};
use crate::pool_plan::{PoolPlan, Stay};
use crate::pools::Content;
use crate::verify::geometry::{self, Rectangle};

/// All that can be said of stays without a run.
pub(super) fn check(graph: &Graph, plan: &PoolPlan, found: &mut Found) {
    for stay in &plan.stays {
        if found.is_done() {
            return;
        }
        check_one(graph, plan, stay, found);
    }
    for pair in plan.stays.windows(2) {
        if found.is_done() {
            return;
        }
        check_neighbours(graph, plan, &pair[0], &pair[1], found);
    }
    if !found.is_empty() {
        return;
    }
    check_constraints(graph, plan, found);
    if plan.shares.is_empty() {
        check_overlaps(graph, plan, found);
    }
}

/// Which of the graph an occupant is, or why it needs no place.
fn need(graph: &Graph, plan: &PoolPlan, occupant: Occupant) -> Result<u64, &'static str> {
    match occupant {
        Occupant::Tensor(id) => {
            let tensor = graph.tensors().get(id.index()).ok_or("it is not of this graph")?;
            let outside = Content::of(tensor) == Content::Variables && plan.variables == Variables::Outside;
            if outside { Err("it is a variable, and those live outside") } else { Ok(tensor.bytes()) }
        }
        Occupant::Scratch(id) => {
            let operator = graph.operators().get(id.index()).ok_or("it is not of this graph")?;
            if operator.is_folded() {
                Err("its operator is folded away")
            } else {
                Ok(operator.scratch_bytes())
            }
        }
    }
}

fn check_one(graph: &Graph, plan: &PoolPlan, stay: &Stay, found: &mut Found) {
    let Stay { occupant, pool: id, offset, bytes, live } = *stay;
    let what = name(graph, occupant);
    let actual = match need(graph, plan, occupant) {
        Ok(actual) => actual,
        Err(why) => {
            let text = format!("{what} has a place in {}, but {why}", pool_name(plan, id));
            return found.add(Violation::Stay(text));
        }
    };
    let Some(pool) = plan.pools.list().get(id.index()) else {
        let count = plan.pools.list().len();
        return found.add(Violation::Stay(format!("{what} lies in pool {id}, but there are {count}")));
    };
    let place = format!("{what} in pool `{}`", pool.name());
    if bytes != actual {
        found.add(Violation::Size { what: place.clone(), planned: bytes, actual });
    }
    let alignment = match occupant {
        Occupant::Tensor(id) => graph.tensor(id).alignment().unwrap_or(plan.alignment),
        Occupant::Scratch(id) => graph.operator(id).scratch_alignment(plan.alignment),
    };
    let alignment = alignment.max(pool.alignment);
    if !offset.is_multiple_of(alignment) {
        found.add(Violation::Misaligned { what: place.clone(), offset, alignment });
    }
    match (offset.checked_add(bytes), pool.bytes()) {
        (None, _) => {
            let text = format!("{place} ({bytes} bytes at {offset}) ends above 2^64");
            found.add(Violation::Stay(text));
        }
        (Some(end), Some(capacity)) if end > capacity => {
            let text = format!("{place} ends at {end}, above its {capacity} bytes");
            found.add(Violation::Stay(text));
        }
        _ => {}
    }
    let content = Content::of_occupant(graph, occupant);
    if id != plan.pools.home_id() && !pool.takes(content, bytes) {
        let text = format!("{place} ({bytes} bytes) is of a kind or a size that this pool does not take");
        found.add(Violation::Stay(text));
    }
    if live.start >= live.end || live.end > steps(plan) {
        let text = format!("{place} lives in {live}, which is not within the run of {} steps", steps(plan));
        found.add(Violation::Stay(text));
    }
}

/// Tensors first by id, then workspaces, each by pool and time, and nobody twice in a pool at
/// one time.
fn check_neighbours(graph: &Graph, plan: &PoolPlan, one: &Stay, next: &Stay, found: &mut Found) {
    let by = |stay: &Stay| (key(stay.occupant), stay.pool, stay.live.start);
    let (what, pool) = (name(graph, next.occupant), pool_name(plan, next.pool));
    if by(one) > by(next) {
        let text = format!("{what} in {pool} from step {} on is not in the order of places", next.live.start);
        found.add(Violation::Stay(text));
    } else if by(one).0 == by(next).0 && one.pool == next.pool && one.live.overlaps(next.live) {
        let text = format!("{what} has two places in {pool} at once, in {} and {}", one.live, next.live);
        found.add(Violation::Stay(text));
    }
}

/// What the graph demands of two tensors, wherever both are in one pool at one time.
fn check_constraints(graph: &Graph, plan: &PoolPlan, found: &mut Found) {
    if graph.relative_placements().is_empty() && graph.kept_apart().is_empty() {
        return;
    }
    let mut of: BTreeMap<TensorId, Vec<&Stay>> = BTreeMap::new();
    for stay in &plan.stays {
        if let Occupant::Tensor(id) = stay.occupant {
            of.entry(id).or_default().push(stay);
        }
    }
    let none = Vec::new();
    let together = |one: TensorId, other: TensorId| {
        let others = of.get(&other).unwrap_or(&none);
        let meet = |own: &Stay, other: &&&Stay| own.pool == other.pool && own.live.overlaps(other.live);
        let own = of.get(&one).unwrap_or(&none).iter();
        let pairs = own.flat_map(move |&own| {
            others.iter().filter(move |other| meet(own, other)).map(move |&other| (own, other))
        });
        pairs.collect::<Vec<(&Stay, &Stay)>>()
    };
    let name = |id: TensorId| graph.tensor(id).name();
    for &RelativePlacement { tensor, of, at } in graph.relative_placements() {
        for (own, other) in together(tensor, of) {
            if other.offset.checked_add(at) != Some(own.offset) {
                let text = format!(
                    "in {}, tensor `{}` lies at {}, not {at} bytes after tensor `{}`, which lies at {}",
                    pool_name(plan, own.pool),
                    name(tensor),
                    own.offset,
                    name(of),
                    other.offset
                );
                found.add(Violation::Constraint(text));
            }
        }
    }
    for &[one, other] in graph.kept_apart() {
        for (a, b) in together(one, other) {
            if a.offset < b.end() && b.offset < a.end() && a.bytes > 0 && b.bytes > 0 {
                let text = format!(
                    "tensors `{}` and `{}` share memory of {} but must be kept apart",
                    name(one),
                    name(other),
                    pool_name(plan, a.pool)
                );
                found.add(Violation::Constraint(text));
            }
        }
    }
}

/// Where nothing shares memory, nothing overlaps.
fn check_overlaps(graph: &Graph, plan: &PoolPlan, found: &mut Found) {
    for pool in plan.pools.ids() {
        let there = plan.stays.iter().filter(|stay| stay.pool == pool);
        let rectangle = |stay: &Stay| Rectangle {
            of: stay.occupant,
            offset: stay.offset,
            bytes: stay.bytes,
            live: stay.live,
            alignment: 1,
            fixed: None,
        };
        let rectangles: Vec<_> = there.map(rectangle).collect();
        let name = |occupant| format!("{} in {}", name(graph, occupant), pool_name(plan, pool));
        geometry::check_overlaps(&rectangles, &name, found);
    }
}

/// Who is said to use what where uses it, and finds it there.
pub(super) fn check_uses(graph: &Graph, plan: &PoolPlan, found: &mut Found) {
    let mut said: BTreeSet<(u32, (u8, u32))> = BTreeSet::new();
    let mut of: BTreeMap<((u8, u32), PoolId), Vec<&Stay>> = BTreeMap::new();
    for stay in &plan.stays {
        of.entry((key(stay.occupant), stay.pool)).or_default().push(stay);
    }
    for one in &plan.uses {
        let Some(&id) = plan.order.get(one.step as usize) else {
            let text = format!("a use at step {}, but there are {} operators", one.step, plan.order.len());
            found.add(Violation::Stay(text));
            continue;
        };
        let operator = graph.operator(id);
        let is_operand = match one.occupant {
            Occupant::Tensor(id) => operator.inputs().contains(&id) || operator.outputs().contains(&id),
            Occupant::Scratch(own) => own == id,
        };
        let there = of.get(&(key(one.occupant), one.pool)).into_iter().flatten();
        let is_there = there.copied().any(|stay| stay.live.contains(one.step));
        let is_first = said.insert((one.step, key(one.occupant)));
        let (operator, step) = (operator.name(), one.step);
        let what = name(graph, one.occupant);
        if !is_operand {
            let text = format!("operator `{operator}` at step {step} does not use {what}");
            found.add(Violation::Stay(text));
        } else if !is_there {
            let pool = pool_name(plan, one.pool);
            let text = format!(
                "{what} is said to be in {pool} for operator `{operator}` at step {step}, but is not"
            );
            found.add(Violation::Stay(text));
        } else if !is_first {
            let text = format!("it is said twice where operator `{operator}` at step {step} finds {what}");
            found.add(Violation::Stay(text));
        }
    }
}
