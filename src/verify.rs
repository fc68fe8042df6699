//! Is this plan right? The judge of every plan that leaves the library.
//!
//! It works from the graph (or problem) and the plan alone and shares no code
//! with what makes plans. A plan is right if
//!
//! 1. its order names every operator that runs once, each after all that it
//!    waits for: producers of its inputs, order-only dependencies, and earlier
//!    operators on the same variable;
//! 2. every tensor and workspace that needs memory has a place of its true
//!    size, and nothing else has one;
//! 3. every place is aligned, at its fixed offset if it has one, inside of the
//!    arena, and outside of what is reserved;
//! 4. the live ranges it states are those that follow from the order, by the
//!    rules of [`Liveness`](crate::Liveness);
//! 5. no two that are live at the same step share a byte, but for rule 8;
//! 6. the certified part of the lower bound follows from its certificate (what an
//!    exhaustive search adds to it is not searched again), the arena is not below it,
//!    and the status is true;
//! 7. shared objects, if there are any, lie apart, each tensor or workspace that
//!    is in one lies inside of it, and what is said to be inside of another
//!    tensor is, while that is not live;
//! 8. where tensors share memory (instead of rule 5), an operator of theirs permits
//!    it, each lies where the plan says, and a replay of the whole run on memory that
//!    remembers who wrote each byte finds everything that is read as it was written;
//! 9. tensors lie as far from each other as the graph demands, and those that it keeps
//!    apart have no byte in common while both are live;
//! 10. each body of an operator has a plan that is right by itself, and the operator's workspace
//!     has room for the largest of them. In the lower bound, it counts with what is certified of it.

mod bodies;
mod claims;
mod constraints;
mod geometry;
mod memory;
mod needs;
mod objects;
mod order;
mod permitted;
mod pools;
mod replay;

use std::fmt;

use crate::choice::Choice;
use crate::error::cut_within;
use crate::graph::Graph;
use crate::ids::BufferId;
use crate::objects::Objects;
use crate::plan::Plan;
use crate::pool_plan::PoolPlan;
use crate::problem::{Buffer, LiveRange, Problem};
use crate::solution::Solution;
use claims::{Cause, Claims};
use geometry::{Bounds, Rectangle};
use needs::Needs;

/// The most violations that one report lists.
pub const MAX_REPORTED: usize = 100;

/// A rule that a plan breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Rule 1: the order cannot be run.
    #[error("order: {0}")]
    Order(String),

    /// Rule 2: no place for what needs one.
    #[error("{what} needs {bytes} bytes of the arena but has no place")]
    Missing {
        /// Tensor, workspace or buffer.
        what: String,
        /// Its size.
        bytes: u64,
    },

    /// Rule 2: a place for what needs none.
    #[error("{what} has a place in the arena, but {why}")]
    Superfluous {
        /// Tensor or workspace.
        what: String,
        /// Why it needs none.
        why: &'static str,
    },

    /// Rule 2: a place of the wrong size.
    #[error("{what} has a place of {planned} bytes but needs {actual}")]
    Size {
        /// Tensor or workspace.
        what: String,
        /// Bytes in the plan.
        planned: u64,
        /// Bytes needed.
        actual: u64,
    },

    /// Rule 3: misaligned.
    #[error("{what} lies at {offset}, which is not a multiple of its alignment {alignment}")]
    Misaligned {
        /// Tensor, workspace or buffer.
        what: String,
        /// Its offset.
        offset: u64,
        /// Its alignment.
        alignment: u64,
    },

    /// Rule 3: not where it was fixed.
    #[error("{what} lies at {offset} but is fixed at {fixed}")]
    NotFixed {
        /// Tensor or buffer.
        what: String,
        /// Its offset.
        offset: u64,
        /// Where it must be.
        fixed: u64,
    },

    /// Rule 3: past the end of the arena.
    #[error("{what} ({bytes} bytes at {offset}) ends after the arena of {arena} bytes")]
    OutsideArena {
        /// Tensor, workspace or buffer.
        what: String,
        /// Its offset.
        offset: u64,
        /// Its size.
        bytes: u64,
        /// Size of the arena.
        arena: u64,
    },

    /// Rule 3: in a reserved range.
    #[error("{what} ({bytes} bytes at {offset}) lies in the reserved range {start}..{end}")]
    Reserved {
        /// Tensor, workspace or buffer.
        what: String,
        /// Its offset.
        offset: u64,
        /// Its size.
        bytes: u64,
        /// First byte of the range.
        start: u64,
        /// Byte after its last.
        end: u64,
    },

    /// Rule 4: another live range than the order gives.
    #[error("{what} is said to live in {planned} but lives in {actual}")]
    Live {
        /// Tensor or workspace.
        what: String,
        /// The plan's range.
        planned: LiveRange,
        /// The true range.
        actual: LiveRange,
    },

    /// Rule 5: two at the same place at the same time.
    #[error("{first} overlaps {second}")]
    Overlap {
        /// One, with size, offset and live range.
        first: String,
        /// The other.
        second: String,
    },

    /// In several memories: a place that is not right, or is missing.
    #[error("{0}")]
    Stay(String),

    /// In several memories: a copy that is not right.
    #[error("{0}")]
    Transfer(String),

    /// Rule 8: tensors that share memory as nobody permits, or not as the plan says.
    #[error("sharing: {0}")]
    Share(String),

    /// Rule 8: bytes that are needed but were overwritten.
    #[error("{0}")]
    Stale(String),

    /// Rule 9: tensors that are not where others demand them, or share memory and must not.
    #[error("{0}")]
    Constraint(String),

    /// Rule 10: plans of bodies that are missing or wrong.
    #[error("{0}")]
    Body(String),

    /// Rule 7: objects that overlap, or do not hold what is in them.
    #[error("{0}")]
    Objects(String),

    /// Rule 6: a lower bound that is wrong, or that its certificate does not prove. Nothing is
    /// wrong with the plan itself.
    #[error("bound: {0}")]
    Bound(String),

    /// Rule 6: a wrong status, or another false figure.
    #[error("{0}")]
    Claim(String),

    /// The plan's lists are not those of this graph or problem.
    #[error("the plan has {got} {what}, expected {expected}")]
    Shape {
        /// Which list.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The right length.
        expected: usize,
    },
}

/// Bytes of a violation in a message, and of all of them; names are cut first.
const LONGEST_VIOLATION: usize = 600;
const LONGEST_LIST: usize = 1900;

/// Everything found wrong with a plan, at most [`MAX_REPORTED`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The violations, never none.
    #[must_use]
    pub fn list(&self) -> &[Violation] {
        &self.0
    }

    /// Whether only what is said of bounds is wrong, or of the status, which follows from them.
    pub(crate) fn are_of_bounds(&self) -> bool {
        let is_of_bounds =
            |violation: &Violation| matches!(violation, Violation::Bound(_) | Violation::Claim(_));
        self.0.iter().any(|violation| matches!(violation, Violation::Bound(_)))
            && self.0.iter().all(is_of_bounds)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut length = 0;
        for (number, violation) in self.0.iter().enumerate() {
            let text = violation.to_string();
            let text = cut_within(&text, LONGEST_VIOLATION);
            length += text.len();
            if length > LONGEST_LIST {
                return write!(f, "; and {} more", self.0.len() - number);
            }
            f.write_str(if number > 0 { "; " } else { "" })?;
            f.write_str(&text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Checks a plan against its graph.
///
/// O((operators + edges) + n log n) for n placed tensors and workspaces.
///
/// # Errors
/// Every rule that the plan breaks, and where.
pub fn verify(graph: &Graph, plan: &Plan) -> Result<(), Violations> {
    let mut found = Found::default();
    check(graph, plan, &mut found);
    found.finish()
}

/// The same; none, with nothing known of the plan, if the call is cancelled first.
pub(crate) fn verify_until(
    is_cancelled: impl Fn() -> bool + 'static,
    graph: &Graph,
    plan: &Plan,
) -> Option<Result<(), Violations>> {
    Found::until(is_cancelled, |found| check(graph, plan, found))
}

fn check(graph: &Graph, plan: &Plan, found: &mut Found) {
    let Some(flat) = bodies::check(graph, &plan.bodies, plan.alignment, found) else { return };
    let graph = &*flat.graph;
    if let Some(steps) = order::check(graph, &plan.order, found)
        && needs::check_shape(graph, plan, found)
    {
        let needs = Needs { graph, plan, steps: &steps };
        let rectangles = needs.check_places(found);
        constraints::check(graph, &rectangles, found);
        let bounds = Bounds { arena: plan.arena_bytes, reserved: &plan.reserved };
        let name = |occupant| needs::name(graph, occupant);
        geometry::check_places(&rectangles, &bounds, &name, found);
        if plan.shares.is_empty() {
            geometry::check_overlaps(&rectangles, &name, found);
        } else if found.is_empty() {
            replay::check(graph, plan, found);
        }
        if found.is_cancelled() {
            return;
        }
        let claims = Claims {
            arena: plan.arena_bytes,
            bound: plan.lower_bound.bytes,
            certified: plan.lower_bound.certified,
            over_orders: plan.bound_over_orders,
            status: plan.status,
            capacity: plan.capacity,
            reserved: &plan.reserved,
        };
        needs.check_certificate(found);
        let proven = Needs { graph: &flat.certified, ..needs };
        claims::check(&claims, &proven.causes(plan.lower_bound.step), found);
        needs.check_objects(found);
    }
}

/// The lower bound in bytes that a plan's certificate proves, whatever the plan says of it.
pub(crate) fn provable_plan_bound(graph: &Graph, plan: &Plan) -> u64 {
    let mut found = Found::default();
    let Some(steps) = order::check(graph, &plan.order, &mut found) else { return 0 };
    let flat = bodies::flat(graph, &plan.bodies, plan.alignment);
    let needs = Needs { graph: &flat.certified, plan, steps: &steps };
    claims::proven_bytes(&needs.causes(plan.lower_bound.step), &plan.reserved).min(plan.arena_bytes)
}

/// The same of a solution.
pub(crate) fn provable_bound(problem: &Problem, solution: &Solution) -> u64 {
    claims::proven_bytes(&causes(problem, solution), problem.reserved()).min(solution.height)
}

/// Checks a plan for several memories against its graph, by its [`PoolPlan::pools`].
///
/// It is right if
///
/// 1. its order is right, as for [`verify`];
/// 2. every place is of somebody who needs one, has its true size, is aligned as the tensor
///    (or the plan) and the pool demand, lies within the capacity of a pool that takes it, and
///    is held for steps of the run; places are in the order that is promised, and nobody has
///    two in one pool at once; what has no bytes needs none;
/// 3. tensors lie as the graph demands wherever both are in one pool at one time, and no
///    tensor has a fixed offset, as that does not say in which pool;
/// 4. what is copied is all of a tensor, from one pool to another, within the run and not
///    longer before it is due than may be prefetched; it has its places at both ends all that
///    time;
/// 5. a replay of the run on memory that remembers who wrote each byte, copies included, finds
///    whatever is read whole where it is read: by operators, by copies when they start, by the
///    caller and by the next run. While a copy is under way, nobody writes to its source, and
///    nobody writes to its destination or reads it;
/// 6. before the run, inputs are whole where the caller puts them; constants and variables are
///    at home, but for those that are resident: with one place for the whole run on chip and
///    without any copies (constants only with [`Loading::Once`](crate::Loading::Once)). After
///    the run, outputs are whole where the caller takes them, but for constants, which are
///    known without a run; constants and variables are whole where they were before it;
/// 7. where tensors share memory, an operator of theirs permits it, each lies where the plan
///    says, and nothing else of an operator's operands is written over;
/// 8. each body of an operator has a plan that is right by itself ([`verify`]), and the
///    operator's workspace has room for the largest of them;
/// 9. bytes used and moved by pool, bytes loaded before the first run, and cost are what
///    follows from all that, and floor, lower bound and cost do not decrease. That nothing
///    costs less than the lower bound is not proven again.
///
/// Copies that are due at a step are done in the order of the list: first those to places that
/// are there already, then those to places that are new. After those, copies that take time
/// start.
///
/// O((operators + edges + n) log n) for n places and transfers.
///
/// # Errors
/// Every rule that the plan breaks, and where.
pub fn verify_pools(graph: &Graph, plan: &PoolPlan) -> Result<(), Violations> {
    let mut found = Found::default();
    pools::check(graph, plan, &mut found);
    found.finish()
}

/// The same; none, with nothing known of the plan, if the call is cancelled first.
pub(crate) fn verify_pools_until(
    is_cancelled: impl Fn() -> bool + 'static,
    graph: &Graph,
    plan: &PoolPlan,
) -> Option<Result<(), Violations>> {
    Found::until(is_cancelled, |found| pools::check(graph, plan, found))
}

/// Checks offsets and arena size against a problem: rules 3 and 5.
///
/// O(n log n).
///
/// # Errors
/// Every rule that they break, and where.
pub fn verify_offsets(problem: &Problem, offsets: &[u64], height: u64) -> Result<(), Violations> {
    let mut found = Found::default();
    check_offsets(problem, offsets, height, &mut found);
    found.finish()
}

/// Checks a solution against its problem: rules 3, 5 and 6, with the problem's
/// capacity.
///
/// O(n log n).
///
/// # Errors
/// Every rule that it breaks, and where.
pub fn verify_solution(problem: &Problem, solution: &Solution) -> Result<(), Violations> {
    let mut found = Found::default();
    check_offsets(problem, &solution.offsets, solution.height, &mut found);
    let claims = Claims {
        arena: solution.height,
        bound: solution.lower_bound.bytes,
        certified: solution.lower_bound.certified,
        over_orders: None,
        status: solution.status,
        capacity: problem.capacity(),
        reserved: problem.reserved(),
    };
    let step = solution.lower_bound.step;
    for id in &solution.lower_bound.buffers {
        match problem.buffers().get(id.index()) {
            None => found
                .add(Violation::Bound(format!("its certificate names buffer {id}, which does not exist"))),
            Some(buffer) if buffer.fixed_offset().is_none() && !is_live_at(buffer, step) => {
                let text =
                    format!("its certificate names {}, which is not live at step {step}", name(problem, *id));
                found.add(Violation::Bound(text));
            }
            Some(_) => {}
        }
    }
    claims::check(&claims, &causes(problem, solution), &mut found);
    if let Some(objects) = &solution.objects {
        check_objects(problem, |id| solution.offsets.get(id.index()).copied(), objects, &mut found);
    }
    found.finish()
}

fn is_live_at(buffer: &Buffer, step: u32) -> bool {
    buffer.live().contains(step) && !buffer.gaps().iter().any(|gap| gap.contains(step))
}

/// What a solution's certificate names, each once.
fn causes(problem: &Problem, solution: &Solution) -> Vec<Cause> {
    let step = solution.lower_bound.step;
    let mut named = solution.lower_bound.buffers.clone();
    named.sort_unstable();
    named.dedup();
    let buffers = named.into_iter().filter_map(|id| problem.buffers().get(id.index()));
    let cause = |buffer: &Buffer| Cause {
        bytes: buffer.size(),
        alignment: buffer.alignment(),
        fixed: buffer.fixed_offset(),
        live: is_live_at(buffer, step),
    };
    buffers.map(cause).collect()
}

/// Checks what is kept on chip: rules 3, 5 and 7 for it, arena and objects within
/// the capacity, and the value; without `values`, bytes count.
///
/// O(n log n).
///
/// # Errors
/// Every rule that it breaks, and where.
pub fn verify_choice(
    problem: &Problem,
    capacity: u64,
    values: Option<&[u64]>,
    choice: &Choice,
) -> Result<(), Violations> {
    let mut found = Found::default();
    let expected = problem.buffers().len();
    let lengths = [("offsets", choice.offsets.len()), ("values", values.map_or(expected, <[u64]>::len))];
    for (what, got) in lengths.into_iter().filter(|&(_, got)| got != expected) {
        found.add(Violation::Shape { what, got, expected });
    }
    if found.is_empty() {
        let placed = |id: BufferId| Some((id, choice.offsets[id.index()]?));
        let kept = problem.ids().filter_map(placed);
        let kept: Vec<_> = kept.flat_map(|(id, offset)| rectangles(problem, id, offset)).collect();
        let bounds = Bounds { arena: choice.height, reserved: problem.reserved() };
        geometry::check(&kept, &bounds, &|id| name(problem, id), &mut found);
        check_objects(problem, |id| choice.offsets[id.index()], &choice.objects, &mut found);
        let value_of = |id: BufferId| match values {
            Some(values) => values[id.index()],
            None => problem.buffer(id).size(),
        };
        let kept = problem.ids().filter(|id| choice.offsets[id.index()].is_some());
        let value = kept.map(|id| u128::from(value_of(id))).sum();
        let total = choice.objects.sizes.iter().map(|&size| u128::from(size)).sum();
        claims::check_choice(choice, value, total, capacity, &mut found);
    }
    found.finish()
}

fn check_objects(
    problem: &Problem,
    offset: impl Fn(BufferId) -> Option<u64>,
    objects: &Objects,
    found: &mut Found,
) {
    let (got, expected) = (objects.of_buffer.len(), problem.buffers().len());
    if got != expected || objects.offsets.len() != objects.sizes.len() {
        found.add(Violation::Shape { what: "objects of buffers", got, expected });
        return;
    }
    let list: Vec<(u64, u64)> = objects.offsets.iter().copied().zip(objects.sizes.iter().copied()).collect();
    let member = |id: BufferId| {
        let buffer = problem.buffers().get(id.index())?;
        let offset = offset(id)?;
        let object = objects.of_buffer[id.index()]?;
        Some(objects::Member { of: id, offset, bytes: buffer.size(), live: buffer.live(), object })
    };
    let name = |id| name(problem, id);
    let members: Vec<_> = problem.ids().filter_map(member).collect();
    objects::check(&list, &members, &name, found);
    for inside in &objects.inside {
        let (guest, host) = (member(inside.guest), member(inside.host));
        objects::check_inside(guest.as_ref(), host.as_ref(), inside.at, &name, found);
    }
}

fn check_offsets(problem: &Problem, offsets: &[u64], height: u64, found: &mut Found) {
    let expected = problem.buffers().len();
    if offsets.len() != expected {
        found.add(Violation::Shape { what: "offsets", got: offsets.len(), expected });
        return;
    }
    let rectangles = problem.ids().zip(offsets).flat_map(|(id, &offset)| rectangles(problem, id, offset));
    let bounds = Bounds { arena: height, reserved: problem.reserved() };
    geometry::check(&rectangles.collect::<Vec<_>>(), &bounds, &|id| name(problem, id), found);
}

/// One from each gap, or the start, to the next gap, or the end.
fn rectangles(
    problem: &Problem,
    id: BufferId,
    offset: u64,
) -> impl Iterator<Item = Rectangle<BufferId>> + '_ {
    let buffer = problem.buffer(id);
    let (live, gaps) = (buffer.live(), buffer.gaps());
    (0..=gaps.len()).map(move |piece| Rectangle {
        of: id,
        offset,
        bytes: buffer.size(),
        live: LiveRange {
            start: if piece == 0 { live.start } else { gaps[piece - 1].end },
            end: gaps.get(piece).map_or(live.end, |gap| gap.start),
        },
        alignment: buffer.alignment(),
        fixed: buffer.fixed_offset(),
    })
}

fn name(problem: &Problem, id: BufferId) -> String {
    format!("buffer `{}`", problem.name(id))
}

/// Collects violations up to the limit.
#[derive(Default)]
struct Found {
    list: Vec<Violation>,
    /// Asked now and then whether the call is cancelled.
    is_cancelled: Option<Box<dyn Fn() -> bool>>,
}

impl Found {
    /// The result of a check; none if the call is cancelled before its end.
    fn until(
        is_cancelled: impl Fn() -> bool + 'static,
        check: impl FnOnce(&mut Self),
    ) -> Option<Result<(), Violations>> {
        let mut found = Self { list: Vec::new(), is_cancelled: Some(Box::new(is_cancelled)) };
        if !found.is_cancelled() {
            check(&mut found);
        }
        (!found.is_cancelled()).then(|| found.finish())
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.as_ref().is_some_and(|is_cancelled| is_cancelled())
    }

    fn add(&mut self, violation: Violation) {
        if self.list.len() < MAX_REPORTED {
            self.list.push(violation);
        }
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns true if the checks may end: the list is full, or the call is cancelled.
    fn is_done(&self) -> bool {
        self.list.len() >= MAX_REPORTED || self.is_cancelled()
    }

    fn finish(self) -> Result<(), Violations> {
        if self.is_empty() { Ok(()) } else { Err(Violations(self.list)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_many_long_violations_are_short() {
        let long = format!("`{}` is wrong: the cause", "n".repeat(1 << 20));
        let text = Violations(vec![Violation::Bound(long); MAX_REPORTED]).to_string();
        assert!(text.len() <= 2048, "{} bytes", text.len());
        assert!(text.contains("is wrong: the cause") && text.contains(" more"), "{text}");
    }
}
