//! Independent checks of plans. Every plan that the library returns has passed them.
//!
//! The checks read the graph (or the problem) and the plan, and share no code with the modules that make
//! plans: they derive live ranges, sizes, bounds and memory contents again, by other algorithms. So they
//! judge plans from any source, such as a cache, a file or another planner.
//!
//! | function | checks |
//! | --- | --- |
//! | [`verify`] | a plan of a graph: rules F, O, N, P, L1, A, D1, D2, S, M1 to M4, G, B |
//! | [`verify_tiling`] | a tiled graph: rules W1 to W8 |
//! | [`verify_tiled_pools`] | a tiled plan for several memories |
//! | [`verify_tiled_plan`] | a tiled plan: rules W1 to W10, and those of [`verify`] for the plan of the tiled graph |
//! | [`verify_pools`] | a plan for several memories: rules F, O, N, P2, P3, L2, A1, A3, A5, D, S, M, R, T, C |
//! | [`verify_offsets`] | offsets of a problem: rules F1, F4, A |
//! | [`verify_solution`] | a solution of a problem: rules F1, F3, F4, A, G, B |
//! | [`verify_choice`] | the buffers that are kept on chip: rules F1, F4, A, G, K |
//!
//! Each [`Rule`] has a stable identifier and a statement, and each [`Violation`] names the rule that the
//! plan breaks. `docs/verify.md` lists all rules. Each file of this module begins with its rules: the
//! state that it tracks, the transition at each step, and the claim that must hold.
//!
//! # Notation
//!
//! | symbol | meaning |
//! | --- | --- |
//! | `o_0 .. o_(n-1)` | the order of the plan: operator `o_k` runs at step `k` |
//! | `step(o)` | the step of operator `o`; undefined for folded operators |
//! | `N` | the number of steps, `max(n, 1)`: a graph without operators has one step, the caller's |
//! | `x` | an occupant: a tensor, or the scratch buffer of an operator |
//! | `need(x)` | the bytes and the live range of `x` by graph and order; undefined if `x` needs no memory |
//! | `offset(x)`, `bytes(x)`, `live(x)` | the placement of `x` in the plan |
//! | `range(x)` | the bytes from `offset(x)` to `offset(x) + bytes(x)` |
//! | `ceil(b, g)` | `b` rounded up to a multiple of `g` |
//!
//! Ranges of steps and of bytes are half-open. Two ranges meet if they have a step or a byte in common; an
//! empty range meets no other range.
//!
//! # Rules of problems
//!
//! The functions for problems are in this file. They check the geometry of a list of buffers:
//!
//! - *F1*: the solution has an offset, and the choice a value, for each buffer; if it has shared objects,
//!   an entry for each buffer and an offset for each size.
//! - *A1* to *A5* hold for each period in which a buffer is live, between its gaps, as `geometry` states
//!   them.
//! - *B1*: a member of the certificate exists, and is live at the certificate's step and outside of its
//!   gaps, or has a fixed offset. *B2* to *B6*: see `claims`.
//! - *G1* to *G5*: see `objects`. *K1* to *K3*: see `claims`.
//!
//! # Limits
//!
//! The verifier does not repeat searches. It takes the plan's word for the part of a lower bound above
//! [`certified`](crate::PlanBound::certified), the bound over all orders, the bounds on the cost of a plan
//! for several memories, the upper bound on the value of a choice, and the lower bound on the sizes of
//! shared objects.

mod bodies;
mod claims;
mod constraints;
mod contents;
mod form;
mod geometry;
mod links;
mod memory;
mod needs;
mod objects;
mod order;
mod permitted;
mod pools;
mod replay;
mod tiled_plan;
mod tiling;
mod violation;

pub use crate::error::{MAX_REPORTED, Rule, Violation, Violations};
use crate::graph::Graph;
use crate::plan::{Plan, PoolPlan, TiledPlan, TiledPoolPlan};
use crate::problem::{Buffer, Choice, LiveRange, Objects, Problem, Solution};
use crate::support::ids::BufferId;
use crate::tiling::{TiledGraph, Tiling, TilingCost};
use claims::{CertificateMember, ChoiceTotals, StatedBounds};
use geometry::{ArenaExtent, PlacedRectangle};
use needs::Requirements;
use objects::ObjectMember;
use violation::ViolationCollector;

/// Checks a plan against its graph.
///
/// The plan must satisfy the following rules; `docs/verify.md` states them one by one:
///
/// - **F**: its lists have the lengths that the graph demands, and its alignment is a power of two.
/// - **O**: its order runs every operator once, after all operators on which it depends.
/// - **N**: it has a right plan for each body of an operator. The scratch buffer of the operator has room
///   for the largest of these plans and for the operator's own scratch.
/// - **P**, **L1**: tensors and scratch buffers that need memory have a placement of the required size,
///   with the live range that follows from the order.
/// - **A**, **D**: placements are aligned, within the arena, outside of reserved ranges, and at the fixed
///   offsets and distances that the graph demands; placements that are live together are disjoint.
/// - **S**, **M**: if the plan has aliases, operators permit them, and a replay of the run on symbolic
///   memory finds the right bytes wherever a tensor is read. These rules replace A5.
/// - **B**: the certificate proves the certified part of the lower bound, and the status is true.
/// - **G**: shared objects are disjoint and hold their members.
///
/// Later rules are not checked if the order, the bodies or the lengths of lists are wrong.
///
/// Complexity: O(operators + edges + n log n) for n placements.
///
/// ```
/// use plimsoll::verify::{Rule, verify};
/// use plimsoll::{Graph, LiveRange, Placement, Plan, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(64));
/// let y = net.tensor("y", TensorSpec::bytes(32));
/// net.operator("pool").reads([x]).writes([y]);
/// net.output(y);
/// let graph = net.build()?;
///
/// // The plan of another planner: both tensors in the arena, in program order.
/// let mut plan = Plan::unplaced(&graph);
/// let live = LiveRange::from(0..1);
/// plan.tensors[x.index()] = Some(Placement { offset: 0, bytes: 64, live });
/// plan.tensors[y.index()] = Some(Placement { offset: 64, bytes: 32, live });
/// plan.arena_bytes = 96;
/// assert_eq!(verify(&graph, &plan), Ok(()));
///
/// plan.tensors[y.index()] = Some(Placement { offset: 48, bytes: 32, live });
/// let violations = verify(&graph, &plan).unwrap_err();
/// assert_eq!(violations.list()[0].rule(), Rule::Disjoint);
/// # Ok::<(), plimsoll::Error>(())
/// ```
///
/// # Errors
/// The rules that the plan breaks, each with the tensors and the numbers.
pub fn verify(graph: &Graph, plan: &Plan) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    check(graph, plan, &mut violations);
    violations.finish()
}

/// [`verify`] with cancellation; `None` if the call is cancelled before the check ends.
pub(crate) fn verify_until(
    is_cancelled: impl Fn() -> bool + 'static,
    graph: &Graph,
    plan: &Plan,
) -> Option<Result<(), Violations>> {
    ViolationCollector::run_until(is_cancelled, |violations| check(graph, plan, violations))
}

fn check(graph: &Graph, plan: &Plan, violations: &mut ViolationCollector) {
    // Later checks index by operator and tensor, so they need a right order and lists of right lengths.
    let Some(flattened) = bodies::check(graph, &plan.bodies, plan.alignment, violations) else { return };
    let (with_bodies, graph) = (graph, &*flattened.graph);
    let Some(steps) = order::check(graph, &plan.order, violations) else { return };
    if !needs::check_form(graph, plan, violations) {
        return;
    }
    let requirements = Requirements { graph, plan, steps: &steps };
    let rectangles = requirements.check_placements(violations);
    links::check(with_bodies, plan, &steps, violations);
    constraints::check(graph, &rectangles, violations);
    let extent = ArenaExtent { bytes: plan.arena_bytes, reserved: &plan.reserved };
    let name = |occupant| needs::name(graph, occupant);
    geometry::check_addresses(&rectangles, &extent, &name, violations);
    if plan.aliases.is_empty() {
        geometry::check_disjoint(&rectangles, &name, violations);
    } else if violations.is_empty() {
        replay::check(graph, plan, violations);
    }
    if violations.is_cancelled() {
        return;
    }
    check_bound(
        plan,
        &requirements,
        &Requirements { graph: &flattened.certified, ..requirements },
        violations,
    );
    requirements.check_objects(violations);
}

/// Checks B1 to B6. In `certified`, scratch buffers have the sizes that are certified of bodies.
fn check_bound(
    plan: &Plan,
    requirements: &Requirements<'_>,
    certified: &Requirements<'_>,
    violations: &mut ViolationCollector,
) {
    let stated = StatedBounds {
        arena: plan.arena_bytes,
        bound: plan.lower_bound.bytes,
        certified: plan.lower_bound.certified,
        over_orders: plan.bound_over_orders,
        status: plan.status,
        capacity: plan.capacity,
        reserved: &plan.reserved,
    };
    requirements.check_certificate(violations);
    claims::check(&stated, &certified.certificate(plan.lower_bound.step), violations);
}

/// The lower bound in bytes that the certificate of a plan proves, regardless of the bound that the plan
/// states; 0 if the order is wrong.
pub(crate) fn provable_plan_bound(graph: &Graph, plan: &Plan) -> u64 {
    let mut violations = ViolationCollector::default();
    let Some(steps) = order::check(graph, &plan.order, &mut violations) else { return 0 };
    let flattened = bodies::flatten(graph, &plan.bodies, plan.alignment);
    let certified = Requirements { graph: &flattened.certified, plan, steps: &steps };
    let certificate = certified.certificate(plan.lower_bound.step);
    claims::proven_bytes(&certificate, &plan.reserved).min(plan.arena_bytes)
}

/// The lower bound in bytes that the certificate of a solution proves.
pub(crate) fn provable_bound(problem: &Problem, solution: &Solution) -> u64 {
    claims::proven_bytes(&certificate(problem, solution), problem.reserved()).min(solution.height)
}

/// Checks a plan for several memories against its graph and its [`pools`](PoolPlan::pools).
///
/// The plan must satisfy the following rules; `docs/verify.md` states them one by one:
///
/// - **F**, **O**, **N**: as for [`verify`].
/// - **P**, **L2**, **A**, **R1** to **R4**: each residency interval belongs to a tensor or a scratch
///   buffer that needs memory, has its size, is aligned as the tensor (or the plan) and the pool demand,
///   and lies within the run and within the capacity of a pool that accepts it. A tensor may reside in
///   several pools at once, but not twice in one pool.
/// - **D**: relative placements hold wherever both tensors reside in one pool at one time. No tensor has a
///   fixed offset, as the graph does not state the pool of the offset.
/// - **R5** to **R8**: each operator finds its operands in the pools that the plan states.
/// - **R9** to **R12**, **M**: before the run, inputs are where the caller writes them; constants and
///   variables are in the backing store, unless they are resident: on chip for the whole run and never
///   transferred (constants only with [`Loading::Once`](crate::Loading::Once)). After the run, outputs
///   are where the caller reads them, and constants and variables are where they were before the run. An
///   output that is a constant is exempt: its contents are part of the model.
/// - **T**: transfers move whole tensors between two pools, within the run and the prefetch limit. The
///   tensor resides at both ends, and nothing is written to either end while the transfer is under way.
/// - **S**, **M**: operators permit the aliases of the plan, and a replay of the run on symbolic memory,
///   transfers included, finds the right bytes wherever a tensor is read.
/// - **C**: bytes used, traffic, preloaded bytes and cost follow from the plan; unavoidable cost, lower
///   bound and cost are in ascending order. The verifier does not prove the lower bound on the cost.
///
/// Transfers that are due at a step are done before its operator, in the order of the list: first those
/// whose destination exists already, then those whose destination begins at this step. After these,
/// transfers that take time start.
///
/// Complexity: O((operators + edges + n) log n) for n residency intervals and transfers.
///
/// Example: [`verify`]; [`Planner::place`](crate::Planner::place) makes such a plan.
///
/// # Errors
/// The rules that the plan breaks, each with the tensors, pools and numbers.
pub fn verify_pools(graph: &Graph, plan: &PoolPlan) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    pools::check(graph, plan, &mut violations);
    violations.finish()
}

/// [`verify_pools`] with cancellation; `None` if the call is cancelled before the check ends.
pub(crate) fn verify_pools_until(
    is_cancelled: impl Fn() -> bool + 'static,
    graph: &Graph,
    plan: &PoolPlan,
) -> Option<Result<(), Violations>> {
    ViolationCollector::run_until(is_cancelled, |violations| pools::check(graph, plan, violations))
}

/// Checks that a tiled graph computes what the untiled graph computes, if the access maps of the graph are
/// true: rules W1 to W8 and W10. A plan of the tiled graph is checked by [`verify`].
///
/// Complexity: O(n log n) for n tensors and edges of the tiled graph.
///
/// # Errors
/// The rules that the tiled graph breaks, each with the operators, the tensors and the rows.
pub fn verify_tiling(graph: &Graph, tiled: &TiledGraph) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    tiling::check(graph, tiled, &mut violations);
    violations.finish()
}

/// Checks a tiled plan against the untiled graph: its tiled graph ([`verify_tiling`]), the plan of that
/// graph ([`verify`]), and regions, stripes and cost as it states them (rule W9).
///
/// Complexity: O(operators + edges + n log n) for n placements of the tiled graph.
///
/// # Errors
/// The rules that the plan breaks. Rules of the plan are checked only if the tiled graph is right.
pub fn verify_tiled_plan(graph: &Graph, plan: &TiledPlan) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    if check_tiles(graph, (&plan.tiling, &plan.tiled), plan.cost, &mut violations) {
        check(&plan.tiled.graph, &plan.plan, &mut violations);
    }
    violations.finish()
}

/// Checks a tiled plan for several memories against the untiled graph: its tiled graph ([`verify_tiling`]), the
/// plan of that graph ([`verify_pools`]), and regions, stripes and cost as it states them (rule W9).
///
/// # Errors
/// The rules that the plan breaks. Rules of the plan are checked only if the tiled graph is right.
pub fn verify_tiled_pools(graph: &Graph, plan: &TiledPoolPlan) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    if check_tiles(graph, (&plan.tiling, &plan.tiled), plan.cost, &mut violations) {
        pools::check(&plan.tiled.graph, &plan.plan, &mut violations);
    }
    violations.finish()
}

/// [`verify_tiled_plan`] for a plan of the tiled graph that has passed [`verify`] before.
pub(crate) fn verify_tiles(graph: &Graph, plan: &TiledPlan) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    check_tiles(graph, (&plan.tiling, &plan.tiled), plan.cost, &mut violations);
    violations.finish()
}

/// Checks the rules of tiles. Returns true if the tiled graph is right.
fn check_tiles(
    graph: &Graph,
    (tiling, tiled): (&Tiling, &TiledGraph),
    cost: TilingCost,
    violations: &mut ViolationCollector,
) -> bool {
    tiling::check(graph, tiled, violations);
    let is_right = violations.is_empty();
    if is_right {
        tiled_plan::check(graph, (tiling, tiled), cost, violations);
    }
    is_right
}

/// Checks the offsets of a problem's buffers and the height of the arena: rules F1 and A1 to A5.
///
/// Complexity: O(n log n).
///
/// ```
/// use plimsoll::verify::verify_offsets;
/// use plimsoll::{Buffer, Problem};
///
/// let problem = Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(4, 1..3)])?;
/// assert!(verify_offsets(&problem, &[0, 8], 12).is_ok());
/// assert!(verify_offsets(&problem, &[0, 4], 12).is_err());
/// # Ok::<(), plimsoll::Error>(())
/// ```
///
/// # Errors
/// The rules that the offsets break, each with the buffers and the numbers.
pub fn verify_offsets(problem: &Problem, offsets: &[u64], height: u64) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    check_offsets(problem, offsets, height, &mut violations);
    violations.finish()
}

/// Checks a solution against its problem, capacity included: offsets (rules F1 and A), lower bound and
/// status (B), and shared objects, if there are any (G).
///
/// Complexity: O(n log n).
///
/// ```
/// use plimsoll::verify::verify_solution;
/// use plimsoll::{Buffer, Planner, Problem};
///
/// let problem = Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(4, 1..3)])?;
/// let mut solution = Planner::new().solve(&problem)?;
/// assert!(verify_solution(&problem, &solution).is_ok());
/// solution.offsets.swap(0, 1);
/// assert!(verify_solution(&problem, &solution).is_err());
/// # Ok::<(), plimsoll::Error>(())
/// ```
///
/// # Errors
/// The rules that the solution breaks, each with the buffers and the numbers.
pub fn verify_solution(problem: &Problem, solution: &Solution) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    check_offsets(problem, &solution.offsets, solution.height, &mut violations);
    let stated = StatedBounds {
        arena: solution.height,
        bound: solution.lower_bound.bytes,
        certified: solution.lower_bound.certified,
        over_orders: None,
        status: solution.status,
        capacity: problem.capacity(),
        reserved: problem.reserved(),
    };
    check_certificate(problem, solution, &mut violations);
    claims::check(&stated, &certificate(problem, solution), &mut violations);
    if let Some(objects) = &solution.objects {
        check_objects(problem, |id| solution.offsets.get(id.index()).copied(), objects, &mut violations);
    }
    violations.finish()
}

/// Checks B1 for a problem.
fn check_certificate(problem: &Problem, solution: &Solution, violations: &mut ViolationCollector) {
    let step = solution.lower_bound.step;
    for &id in &solution.lower_bound.buffers {
        let problem_with_member = match problem.buffers().get(id.index()) {
            None => format!("buffer {id}, which does not exist"),
            Some(buffer) if buffer.fixed_offset().is_none() && !is_live_at(buffer, step) => {
                format!("{}, which is not live at step {step}", name(problem, id))
            }
            Some(_) => continue,
        };
        let message = format!("the certificate of the lower bound names {problem_with_member}");
        violations.add(Rule::CertificateMember, message);
    }
}

fn is_live_at(buffer: &Buffer, step: u32) -> bool {
    buffer.live().contains(step) && !buffer.gaps().iter().any(|gap| gap.contains(step))
}

/// The members of a solution's certificate, each once.
fn certificate(problem: &Problem, solution: &Solution) -> Vec<CertificateMember> {
    let step = solution.lower_bound.step;
    let mut ids = solution.lower_bound.buffers.clone();
    ids.sort_unstable();
    ids.dedup();
    let buffers = ids.into_iter().filter_map(|id| problem.buffers().get(id.index()));
    let member = |buffer: &Buffer| CertificateMember {
        bytes: buffer.size(),
        alignment: buffer.alignment(),
        fixed: buffer.fixed_offset(),
        is_live: is_live_at(buffer, step),
    };
    buffers.map(member).collect()
}

/// Checks the choice of buffers that are kept on chip: geometry and shared objects of these buffers (rules
/// F1, A and G), and capacity and value (K). Without `values`, the value of a buffer is its size.
///
/// The verifier does not prove that no other choice has a higher value.
///
/// Complexity: O(n log n).
///
/// Example: [`Planner::choose`](crate::Planner::choose).
///
/// # Errors
/// The rules that the choice breaks, each with the buffers and the numbers.
pub fn verify_choice(
    problem: &Problem,
    capacity: u64,
    values: Option<&[u64]>,
    choice: &Choice,
) -> Result<(), Violations> {
    let mut violations = ViolationCollector::default();
    let expected = problem.buffers().len();
    let values_given = values.map_or(expected, <[u64]>::len);
    let lists = [("offsets", choice.offsets.len(), expected), ("values", values_given, expected)];
    if form::check_lengths(&lists, &mut violations) {
        let placed = |id: BufferId| Some((id, choice.offsets[id.index()]?));
        let kept: Vec<(BufferId, u64)> = problem.ids().filter_map(placed).collect();
        let rectangles: Vec<_> =
            kept.iter().flat_map(|&(id, offset)| live_rectangles(problem, id, offset)).collect();
        let extent = ArenaExtent { bytes: choice.height, reserved: problem.reserved() };
        geometry::check(&rectangles, &extent, &|id| name(problem, id), &mut violations);
        check_objects(problem, |id| choice.offsets[id.index()], &choice.objects, &mut violations);
        let value_of = |id: BufferId| match values {
            Some(values) => values[id.index()],
            None => problem.buffer(id).size(),
        };
        let totals = ChoiceTotals {
            value: kept.iter().map(|&(id, _)| u128::from(value_of(id))).sum(),
            object_bytes: choice.objects.sizes.iter().map(|&size| u128::from(size)).sum(),
        };
        claims::check_choice(choice, &totals, capacity, &mut violations);
    }
    violations.finish()
}

/// Checks F1 and G1 to G5 for a problem. `offset` gives the offsets of the buffers that are placed.
fn check_objects(
    problem: &Problem,
    offset: impl Fn(BufferId) -> Option<u64>,
    objects: &Objects,
    violations: &mut ViolationCollector,
) {
    let lists = [
        ("objects of buffers", objects.of_buffer.len(), problem.buffers().len()),
        ("offsets of objects", objects.offsets.len(), objects.sizes.len()),
    ];
    if !form::check_lengths(&lists, violations) {
        return;
    }
    let list: Vec<(u64, u64)> = objects.offsets.iter().copied().zip(objects.sizes.iter().copied()).collect();
    let member = |id: BufferId| {
        let buffer = problem.buffers().get(id.index())?;
        let offset = offset(id)?;
        let object = objects.of_buffer[id.index()]?;
        Some(ObjectMember { of: id, offset, bytes: buffer.size(), live: buffer.live(), object })
    };
    let name = |id| name(problem, id);
    let nested = objects.nestings.iter().map(|nesting| (nesting.guest, nesting.host, nesting.at));
    objects::check((&list, objects.lower_bound), (problem.ids(), nested), member, &name, violations);
}

fn check_offsets(problem: &Problem, offsets: &[u64], height: u64, violations: &mut ViolationCollector) {
    if !form::check_lengths(&[("offsets", offsets.len(), problem.buffers().len())], violations) {
        return;
    }
    let rectangles =
        problem.ids().zip(offsets).flat_map(|(id, &offset)| live_rectangles(problem, id, offset));
    let extent = ArenaExtent { bytes: height, reserved: problem.reserved() };
    geometry::check(&rectangles.collect::<Vec<_>>(), &extent, &|id| name(problem, id), violations);
}

/// One rectangle for each period in which a buffer is live: between its gaps, before the first gap, and
/// after the last gap.
fn live_rectangles(
    problem: &Problem,
    id: BufferId,
    offset: u64,
) -> impl Iterator<Item = PlacedRectangle<BufferId>> + '_ {
    let buffer = problem.buffer(id);
    let (live, gaps) = (buffer.live(), buffer.gaps());
    (0..=gaps.len()).map(move |period| PlacedRectangle {
        of: id,
        offset,
        bytes: buffer.size(),
        live: LiveRange {
            start: if period == 0 { live.start } else { gaps[period - 1].end },
            end: gaps.get(period).map_or(live.end, |gap| gap.start),
        },
        alignment: buffer.alignment(),
        fixed: buffer.fixed_offset(),
    })
}

fn name(problem: &Problem, id: BufferId) -> String {
    format!("buffer `{}`", problem.name(id))
}
