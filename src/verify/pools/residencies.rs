//! Rules of residency intervals and uses: P2, P3, L2, A1, A3, A5, D1, D2 and R1 to R7.
//!
//! *State*: none; the checks look at single intervals, at neighbours in the list, and at pairs in one pool.
//!
//! *Claim*, for each interval of occupant `x` in pool `p`, with `N` steps:
//!
//! - **P2**: `x` exists, is no scratch buffer of a folded operator, and is no tensor outside of the pools:
//!   with the storage [`Outside`](crate::Storage::Outside), or a variable of a plan without variables.
//! - **R1**: `p` exists. **P3**: the size of the interval is the size of `x`.
//! - **A1**: the offset is a multiple of the alignment of `x`, or of the plan if `x` has none, and of `p`.
//! - **A3**: the interval ends within the capacity of `p` and below 2^64.
//! - **R2**: `p` is the backing store, or it accepts the kind and the size of `x`. **R13**: if `x` is a tensor
//!   with a pool as its storage, `p` has this name.
//! - **L2**: the steps are not empty and end at `N` or before.
//! - **R3**: the interval is not below its predecessor in the list, by tensors before scratch buffers, then
//!   by id, pool and start.
//! - **R4**: the interval has no step in common with its predecessor, if both are of `x` and in `p`. With L2
//!   and R3, this holds for all pairs.
//!
//! *Claim* for pairs in one pool, if all intervals satisfy the rules above:
//!
//! - **D1**, **D2**: as in `constraints`, for each two intervals with a step in common.
//! - **A5**: if the plan has no aliases, two intervals with a step in common have no byte in common. With
//!   aliases, the replay shows that no bytes are lost.
//!
//! *Claim*, for each use of an occupant `x` in pool `p` at step `k`:
//!
//! - **R5**: step `k` exists, and `x` is an operand or the scratch buffer of `o_k`.
//! - **R6**: `S(x, p, k)` exists.
//! - **R7**: no earlier use is of `x` at step `k`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rule, ViolationCollector, key, name_or_id, pool_name, steps};
use crate::graph::{Content, Graph, Occupant, Pool, RelativePlacement, Storage, Variables};
use crate::plan::{PoolPlan, Residency, Use};
use crate::support::ids::{PoolId, TensorId};
use crate::verify::geometry::{self, PlacedRectangle};
use crate::verify::needs::wrong_size;

/// Checks the rules of intervals.
pub(super) fn check(graph: &Graph, plan: &PoolPlan, violations: &mut ViolationCollector) {
    for residency in &plan.residencies {
        if violations.is_done() {
            return;
        }
        check_residency(graph, plan, residency, violations);
    }
    for pair in plan.residencies.windows(2) {
        if violations.is_done() {
            return;
        }
        check_neighbours(graph, plan, &pair[0], &pair[1], violations);
    }
    if !violations.is_empty() {
        return;
    }
    check_constraints(graph, plan, violations);
    if plan.aliases.is_empty() {
        check_disjoint(graph, plan, violations);
    }
}

/// The size of an occupant, or the reason why it must not have an interval.
fn need(graph: &Graph, plan: &PoolPlan, occupant: Occupant) -> Result<u64, &'static str> {
    match occupant {
        Occupant::Tensor(id) => {
            let tensor = graph.tensors().get(id.index()).ok_or("it is not of this graph")?;
            let is_variable = Content::of(tensor) == Content::Variables;
            if *tensor.storage() == Storage::Outside {
                return Err("it is in a buffer of the caller");
            }
            if is_variable && *tensor.storage() == Storage::Arena && plan.variables == Variables::Outside {
                return Err("it is a variable, and those live outside");
            }
            Ok(tensor.bytes())
        }
        Occupant::Scratch(id) => {
            let operator = graph.operators().get(id.index()).ok_or("it is not of this graph")?;
            if operator.is_folded() {
                return Err("its operator is folded away");
            }
            Ok(operator.scratch_bytes())
        }
    }
}

/// Checks P2, R1, P3 and L2, and the rules of `check_in_pool`.
fn check_residency(
    graph: &Graph,
    plan: &PoolPlan,
    residency: &Residency,
    violations: &mut ViolationCollector,
) {
    let Residency { occupant, pool: id, bytes, live, .. } = *residency;
    let name = name_or_id(graph, occupant);
    let needed = match need(graph, plan, occupant) {
        Ok(needed) => needed,
        Err(reason) => {
            let message = format!("{name} has a place in {}, but {reason}", pool_name(plan, id));
            return violations.add(Rule::PlacementNeeded, message);
        }
    };
    let Some(pool) = plan.pools.list().get(id.index()) else {
        let count = plan.pools.list().len();
        return violations.add(Rule::PoolExists, format!("{name} lies in pool {id}, but there are {count}"));
    };
    let name = format!("{name} in pool `{}`", pool.name());
    if bytes != needed {
        violations.add(Rule::PlacementSize, wrong_size(&name, bytes, needed));
    }
    if let Occupant::Tensor(id) = occupant
        && let Storage::Pool(stored) = graph.tensor(id).storage()
        && pool.name() != &**stored
    {
        violations.add(Rule::StoredInPool, format!("{name} must be in pool `{stored}`"));
    }
    check_in_pool(graph, plan, residency, (pool, &name), violations);
    if live.start >= live.end || live.end > steps(plan) {
        let message = format!("{name} lives in {live}, which is not within the run of {} steps", steps(plan));
        violations.add(Rule::WithinRun, message);
    }
}

/// Checks A1, A3 and R2.
fn check_in_pool(
    graph: &Graph,
    plan: &PoolPlan,
    residency: &Residency,
    (pool, name): (&Pool, &str),
    violations: &mut ViolationCollector,
) {
    let Residency { occupant, pool: id, offset, bytes, .. } = *residency;
    let alignment = match occupant {
        Occupant::Tensor(id) => graph.tensor(id).alignment().unwrap_or(plan.alignment),
        Occupant::Scratch(id) => graph.operator(id).scratch_alignment(plan.alignment),
    };
    // Both are powers of two, so the larger one is a multiple of the other.
    let alignment = alignment.max(pool.alignment);
    if !offset.is_multiple_of(alignment) {
        violations.add(Rule::Aligned, geometry::misaligned(name, offset, alignment));
    }
    match (offset.checked_add(bytes), pool.bytes()) {
        (None, _) => {
            let message = format!("{name} ({bytes} bytes at {offset}) ends above 2^64");
            violations.add(Rule::WithinMemory, message);
        }
        (Some(end), Some(capacity)) if end > capacity => {
            let message = format!("{name} ends at {end}, above its {capacity} bytes");
            violations.add(Rule::WithinMemory, message);
        }
        _ => {}
    }
    let content = Content::of_occupant(graph, occupant);
    if id != plan.pools.backing_store_id() && !pool.takes(content, bytes) {
        let message = format!("{name} ({bytes} bytes) is of a kind or a size that this pool does not take");
        violations.add(Rule::PoolAccepts, message);
    }
}

/// Checks R3 and R4 for an interval and the next one in the list.
fn check_neighbours(
    graph: &Graph,
    plan: &PoolPlan,
    residency: &Residency,
    next: &Residency,
    violations: &mut ViolationCollector,
) {
    let sort_key = |residency: &Residency| (key(residency.occupant), residency.pool, residency.live.start);
    let (name, pool) = (name_or_id(graph, next.occupant), pool_name(plan, next.pool));
    let is_same = key(residency.occupant) == key(next.occupant) && residency.pool == next.pool;
    if sort_key(residency) > sort_key(next) {
        let start = next.live.start;
        let message = format!("{name} in {pool} from step {start} on is out of order in the list of places");
        violations.add(Rule::ResidencySorted, message);
    } else if is_same && residency.live.overlaps(next.live) {
        let message =
            format!("{name} has two places in {pool} at once, in {} and {}", residency.live, next.live);
        violations.add(Rule::ResidencyUnique, message);
    }
}

/// Checks D1 and D2.
fn check_constraints(graph: &Graph, plan: &PoolPlan, violations: &mut ViolationCollector) {
    if graph.relative_placements().is_empty() && graph.kept_apart().is_empty() {
        return;
    }
    let mut of_tensor: BTreeMap<TensorId, Vec<&Residency>> = BTreeMap::new();
    for residency in &plan.residencies {
        if let Occupant::Tensor(id) = residency.occupant {
            of_tensor.entry(id).or_default().push(residency);
        }
    }
    let residencies_of = |id: TensorId| of_tensor.get(&id).map_or(&[] as &[&Residency], Vec::as_slice);
    let name = |id: TensorId| graph.tensor(id).name();
    for &RelativePlacement { tensor, of, at } in graph.relative_placements() {
        for (placed, reference) in pairs_together(residencies_of(tensor), residencies_of(of)) {
            if reference.offset.checked_add(at) != Some(placed.offset) {
                let message = format!(
                    "in {}, tensor `{}` lies at {}, not {at} bytes after tensor `{}`, which lies at {}",
                    pool_name(plan, placed.pool),
                    name(tensor),
                    placed.offset,
                    name(of),
                    reference.offset
                );
                violations.add(Rule::RelativePlacement, message);
            }
        }
    }
    for &[first, second] in graph.kept_apart() {
        for (a, b) in pairs_together(residencies_of(first), residencies_of(second)) {
            if a.offset < b.end() && b.offset < a.end() && a.bytes > 0 && b.bytes > 0 {
                let message = format!(
                    "tensors `{}` and `{}` share memory of {} but must be kept apart",
                    name(first),
                    name(second),
                    pool_name(plan, a.pool)
                );
                violations.add(Rule::KeptApart, message);
            }
        }
    }
}

/// All pairs of intervals, one of each list, that are in one pool at one time.
fn pairs_together<'a>(
    first: &'a [&'a Residency],
    second: &'a [&'a Residency],
) -> impl Iterator<Item = (&'a Residency, &'a Residency)> {
    let are_together = |a: &Residency, b: &Residency| a.pool == b.pool && a.live.overlaps(b.live);
    first.iter().flat_map(move |&a| second.iter().filter(move |b| are_together(a, b)).map(move |&b| (a, b)))
}

/// Checks A5 in each pool.
fn check_disjoint(graph: &Graph, plan: &PoolPlan, violations: &mut ViolationCollector) {
    for pool in plan.pools.ids() {
        let residencies = plan.residencies.iter().filter(|residency| residency.pool == pool);
        let rectangle = |residency: &Residency| PlacedRectangle {
            of: residency.occupant,
            offset: residency.offset,
            bytes: residency.bytes,
            live: residency.live,
            alignment: 1,
            fixed: None,
        };
        let rectangles: Vec<_> = residencies.map(rectangle).collect();
        let name = |occupant| format!("{} in {}", name_or_id(graph, occupant), pool_name(plan, pool));
        geometry::check_disjoint(&rectangles, &name, violations);
    }
}

/// Checks R5 to R7.
pub(super) fn check_uses(graph: &Graph, plan: &PoolPlan, violations: &mut ViolationCollector) {
    let mut seen: BTreeSet<(u32, (u8, u32))> = BTreeSet::new();
    let mut residencies: BTreeMap<((u8, u32), PoolId), Vec<&Residency>> = BTreeMap::new();
    for residency in &plan.residencies {
        residencies.entry((key(residency.occupant), residency.pool)).or_default().push(residency);
    }
    for entry in &plan.uses {
        let Use { step, occupant, pool } = *entry;
        let Some(&id) = plan.order.get(step as usize) else {
            let message = format!("a use at step {step}, but there are {} operators", plan.order.len());
            violations.add(Rule::UseOfOperand, message);
            continue;
        };
        let operator = graph.operator(id);
        let is_operand = match occupant {
            Occupant::Tensor(id) => operator.inputs().contains(&id) || operator.outputs().contains(&id),
            Occupant::Scratch(owner) => owner == id,
        };
        let in_pool = residencies.get(&(key(occupant), pool)).into_iter().flatten();
        let is_resident = in_pool.copied().any(|residency| residency.live.contains(step));
        let is_first = seen.insert((step, key(occupant)));
        let (operator, name) = (operator.name(), name_or_id(graph, occupant));
        if !is_operand {
            let message = format!("operator `{operator}` at step {step} does not use {name}");
            violations.add(Rule::UseOfOperand, message);
        } else if !is_resident {
            let pool = pool_name(plan, pool);
            let message = format!(
                "operator `{operator}` at step {step} uses {name} in {pool}, where it has no place then"
            );
            violations.add(Rule::UseResident, message);
        } else if !is_first {
            let message = format!("two uses of {name} by operator `{operator}` at step {step}");
            violations.add(Rule::UseUnique, message);
        }
    }
}
