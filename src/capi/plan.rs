//! Planning for one arena.

use std::sync::{Arc, LazyLock};

use super::boundary::{Failure, array, copy_out, create, free, guard, read, reference};
use super::graph::{no_body, no_operator, plimsoll_graph};
use super::options::plimsoll_options;
use super::problem::plimsoll_problem;
use super::record_size::{check_size, write};
use super::records::plimsoll_schedule;
use super::status::PLIMSOLL_NONE;
use crate::verify::{verify, verify_solution};
use crate::{BodyPlan, Graph, OperatorId, Plan, Problem, Solution};

/// A verified plan of a graph or of a problem. Immutable; any number of threads may use it at the
/// same time.
pub struct plimsoll_plan {
    pub(super) source: PlanSource,
    /// The plan. That of a problem has the buffers as tensors, and no order.
    pub(super) plan: Plan,
    /// Alignment of tensors or buffers without an alignment of their own.
    #[cfg_attr(not(feature = "json"), allow(dead_code))]
    pub(super) alignment: u64,
}

/// The planned graph, or the planned problem with its solution.
pub(super) enum PlanSource {
    Graph(Arc<Graph>),
    Problem(Box<(Problem, Solution)>),
}

impl plimsoll_plan {
    /// The plan of a graph. `alignment` is that of tensors without an alignment of their own.
    pub(super) fn of_graph(graph: Arc<Graph>, plan: Plan, alignment: u64) -> Self {
        Self { source: PlanSource::Graph(graph), plan, alignment }
    }

    pub(super) fn of_problem(problem: Problem, solution: Solution) -> Self {
        let plan = Plan::of_solution(&problem, &solution);
        Self { source: PlanSource::Problem(Box::new((problem, solution))), plan, alignment: 1 }
    }
}

pub(super) unsafe fn options_or_default<'a>(
    options: *const plimsoll_options,
) -> Result<&'a plimsoll_options, Failure> {
    static DEFAULT: LazyLock<plimsoll_options> = LazyLock::new(plimsoll_options::default);
    if options.is_null() { Ok(&DEFAULT) } else { unsafe { reference(options, "options") } }
}

/// Plans a built graph: the order of operators, in the order mode of the options, and offsets.
/// `options` may be NULL for the defaults. Free the plan with `plimsoll_plan_free`.
///
/// A plan that exceeds the capacity is not an error; its status reports it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_plan(
    graph: *const plimsoll_graph,
    options: *const plimsoll_options,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    unsafe { create(plan, "plan", || plan_graph(reference(graph, "graph")?.built()?, None, options)) }
}

/// Computes an order without offsets and copies out the indices of operators, without folded ones.
/// Every call searches, so pass capacity for all operators at once. `figures` may be NULL; otherwise
/// `record_size` is its size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_schedule(
    graph: *const plimsoll_graph,
    options: *const plimsoll_options,
    order: *mut u32,
    capacity: usize,
    count: *mut usize,
    figures: *mut plimsoll_schedule,
    record_size: usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        if !figures.is_null() {
            check_size::<plimsoll_schedule>(record_size)?;
        }
        let options = unsafe { options_or_default(options) }?;
        let schedule = options.planner()?.schedule(graph)?;
        let indices: Vec<u32> = schedule.order.iter().map(|id| id.index() as u32).collect();
        unsafe { copy_out(&indices, order, capacity, count) }?;
        if figures.is_null() {
            return Ok(());
        }
        let record = plimsoll_schedule {
            peak_bytes: schedule.peak,
            program_peak_bytes: schedule.program_peak,
            lower_bound_bytes: schedule.lower_bound,
            nodes: schedule.nodes,
        };
        unsafe { write(&record, figures, record_size, "figures") }
    })
}

/// Plans a built graph in a given order: `count` indices of operators, each operator once, without
/// folded ones. PLIMSOLL_ERROR_INVALID explains why an order cannot run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_plan_in_order(
    graph: *const plimsoll_graph,
    order: *const u32,
    count: usize,
    options: *const plimsoll_options,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    let in_order = || unsafe {
        let graph = reference(graph, "graph")?.built()?;
        let order = operator_ids(graph.operators().len(), array(order, count, "order")?)?;
        plan_graph(graph, Some(&order), options)
    };
    unsafe { create(plan, "plan", in_order) }
}

/// The ids of operators of a graph that has `count`.
pub(super) fn operator_ids(count: usize, indices: &[u32]) -> Result<Vec<OperatorId>, Failure> {
    let id = |&index: &u32| match index as usize {
        number if number < count => Ok(OperatorId::new(number)),
        _ => Err(no_operator(index)),
    };
    indices.iter().map(id).collect()
}

unsafe fn plan_graph(
    graph: &Arc<Graph>,
    order: Option<&[OperatorId]>,
    options: *const plimsoll_options,
) -> Result<plimsoll_plan, Failure> {
    let options = unsafe { options_or_default(options) }?;
    let (name, operators, tensors) = (graph.name(), graph.program_order().len(), graph.tensors().len());
    options.log(&format!("planning `{name}`: {operators} operators, {tensors} tensors"));
    let planner = options.planner()?;
    let plan = order.map_or_else(|| planner.plan(graph), |order| planner.plan_in_order(graph, order))?;
    options.log(&format!("planned `{name}`: {} bytes, {}, {}", plan.arena_bytes, plan.status, plan.stop));
    Ok(plimsoll_plan::of_graph(Arc::clone(graph), plan, options.alignment()))
}

/// Assigns offsets to the buffers of a problem. `options` may be NULL for the defaults; alignment and
/// variables of the options have no effect. Free the plan with `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_plan(
    problem: *const plimsoll_problem,
    options: *const plimsoll_options,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    let planned = || {
        let problem = &unsafe { reference(problem, "problem") }?.problem;
        let options = unsafe { options_or_default(options) }?;
        options.log(&format!("planning {} buffers", problem.buffers().len()));
        let planner = options.planner()?;
        let problem = planner.equipped(problem)?;
        let solution = planner.allocate(&problem)?;
        options.log(&format!("planned: {} bytes, {}, {}", solution.height, solution.status, solution.stop));
        Ok(plimsoll_plan::of_problem(problem, solution))
    };
    unsafe { create(plan, "plan", planned) }
}

/// Writes the offset in bytes at which the bodies of an operator begin: that of its scratch, unless inputs or
/// outputs of the operator that are linked to the bodies lie in front of it. PLIMSOLL_NONE if the operator has no
/// bodies or they need no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_body_offset(
    plan: *const plimsoll_plan,
    operator_: u32,
    offset: *mut u64,
) -> i32 {
    let of_bodies = |plan: &plimsoll_plan| {
        let operator = operator_ids(plan.plan.scratch.len(), &[operator_])?[0];
        Ok(plan.plan.body_offset(operator).unwrap_or(PLIMSOLL_NONE))
    };
    unsafe { read((plan, "plan"), (offset, "offset"), of_bodies) }
}

/// Creates a plan from the plan of a body of an operator, by position. Offsets count from the start
/// of the bodies' memory (`plimsoll_plan_body_offset`). Folded operators have none. Free it
/// with `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_body(
    plan: *const plimsoll_plan,
    operator_: u32,
    position: usize,
    body: *mut *mut plimsoll_plan,
) -> i32 {
    let of_operator = || {
        let outer = unsafe { reference(plan, "plan") }?;
        let PlanSource::Graph(graph) = &outer.source else {
            return Err(no_body(operator_, position));
        };
        let (body, plan) = body_of(graph, &outer.plan.bodies, operator_, position)?;
        Ok(plimsoll_plan::of_graph(body, plan, outer.alignment))
    };
    unsafe { create(body, "body", of_operator) }
}

pub(super) fn body_of(
    graph: &Graph,
    plans: &[BodyPlan],
    operator: u32,
    position: usize,
) -> Result<(Arc<Graph>, Plan), Failure> {
    let plan = plans.iter().find(|plan| (plan.operator.index(), plan.body) == (operator as usize, position));
    let body = graph.operators().get(operator as usize).and_then(|operator| operator.bodies().get(position));
    let (plan, body) = plan.zip(body).ok_or_else(|| no_body(operator, position))?;
    let linked: Vec<_> = plan.linked.iter().map(|linked| linked.tensor).collect();
    let operator = graph.operator(plan.operator);
    let body = operator.linked_body(plan.body, &linked).unwrap_or_else(|| Arc::clone(body));
    Ok((body, plan.plan.clone()))
}

/// Verifies a plan again, with code that shares nothing with the planner. The library has already
/// verified every plan once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_verify(plan: *const plimsoll_plan) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        match &plan.source {
            PlanSource::Graph(graph) => verify(graph, &plan.plan)?,
            PlanSource::Problem(solved) => verify_solution(&solved.0, &solved.1)?,
        }
        Ok(())
    })
}

/// Frees a plan; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_free(plan: *mut plimsoll_plan) {
    unsafe { free(plan) };
}
