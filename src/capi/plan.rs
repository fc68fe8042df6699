use std::sync::Arc;

use super::boundary::{Failure, array, copy_out, free, give, guard, mutable, reference};
use super::callbacks::CALLBACK_FAILED;
use super::graph::{no_body, plimsoll_graph};
use super::options::plimsoll_options;
use super::problem::plimsoll_problem;
use super::records::plimsoll_schedule;
use super::status::{PLIMSOLL_ERROR_CALLBACK, PLIMSOLL_ERROR_WRONG_PLAN};
use crate::verify::{verify, verify_solution};
use crate::{BodyPlan, Error, Graph, OperatorId, Plan, Problem, Solution};

/// A plan of a graph, or of a problem. Never changes; any number of threads may use
/// it at the same time. It has been verified.
pub struct plimsoll_plan {
    pub(super) of: Planned,
    /// Of buffers that name none.
    #[cfg_attr(not(feature = "json"), allow(dead_code))]
    pub(super) alignment: u64,
}

pub(super) enum Planned {
    Graph(Arc<Graph>, Box<Plan>),
    Problem(Box<Problem>, Box<Solution>),
}

/// A strategy of the caller's tells by its reason that its function failed.
pub(super) fn planning_failure(error: Error) -> Failure {
    match &error {
        Error::Refused { reason, .. } if reason.starts_with(CALLBACK_FAILED) => {
            Failure::new(PLIMSOLL_ERROR_CALLBACK, error.to_string())
        }
        _ => error.into(),
    }
}

pub(super) unsafe fn options_or_default(
    options: *const plimsoll_options,
    default: &plimsoll_options,
) -> Result<&plimsoll_options, Failure> {
    if options.is_null() { Ok(default) } else { unsafe { reference(options, "options") } }
}

/// Plans a built graph: order and offsets, in the kind of order that the options say.
/// `options` may be NULL for the defaults. Free the plan with `plimsoll_plan_free`.
///
/// Not fitting the capacity is no failure: the plan's status says so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_plan(
    graph: *const plimsoll_graph,
    options: *const plimsoll_options,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        unsafe { plan_graph(graph, None, options, plan) }
    })
}

/// An order alone, without offsets: indices of operators, without the folded ones. Every
/// call searches, so give room for all operators at once. `figures` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_schedule(
    graph: *const plimsoll_graph,
    options: *const plimsoll_options,
    order: *mut u32,
    capacity: usize,
    count: *mut usize,
    figures: *mut plimsoll_schedule,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let default = plimsoll_options::default();
        let options = unsafe { options_or_default(options, &default) }?;
        let schedule = options.planner()?.schedule(graph).map_err(planning_failure)?;
        let own: Vec<u32> = schedule.order.iter().map(|id| id.index() as u32).collect();
        unsafe { copy_out(&own, order, capacity, count) }?;
        if !figures.is_null() {
            *unsafe { mutable(figures, "figures") }? = plimsoll_schedule {
                peak_bytes: schedule.peak,
                file_peak_bytes: schedule.file_peak,
                lower_bound_bytes: schedule.lower_bound,
                nodes: schedule.nodes,
            };
        }
        Ok(())
    })
}

/// Plans in this order: `count` indices of operators, each that is not folded
/// once. PLIMSOLL_ERROR_INVALID says why an order cannot be run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_plan_in_order(
    graph: *const plimsoll_graph,
    order: *const u32,
    count: usize,
    options: *const plimsoll_options,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let order = operator_ids(graph, unsafe { array(order, count, "order") }?)?;
        unsafe { plan_graph(graph, Some(&order), options, plan) }
    })
}

pub(super) fn operator_ids(graph: &Graph, order: &[u32]) -> Result<Vec<OperatorId>, Failure> {
    let known = |&index: &u32| match index as usize {
        index if index < graph.operators().len() => Ok(OperatorId::new(index)),
        index => Err(Failure::argument(format!("{index} is no operator"))),
    };
    order.iter().map(known).collect()
}

unsafe fn plan_graph(
    graph: &Arc<Graph>,
    order: Option<&[OperatorId]>,
    options: *const plimsoll_options,
    plan: *mut *mut plimsoll_plan,
) -> Result<(), Failure> {
    let place = unsafe { mutable(plan, "plan") }?;
    let default = plimsoll_options::default();
    let options = unsafe { options_or_default(options, &default) }?;
    let name = graph.name();
    options.log(&format!(
        "planning `{name}`: {} operators, {} tensors",
        graph.file_order().len(),
        graph.tensors().len()
    ));
    let planner = options.planner()?;
    let plan = order.map_or_else(|| planner.plan(graph), |order| planner.plan_in_order(graph, order));
    let plan = plan.map_err(planning_failure)?;
    options.log(&format!("planned `{name}`: {} bytes, {}, {}", plan.arena_bytes, plan.status, plan.stop));
    let of = Planned::Graph(Arc::clone(graph), Box::new(plan));
    give(place, plimsoll_plan { of, alignment: options.alignment() });
    Ok(())
}

/// Gives offsets to the buffers of a problem. `options` may be NULL for the
/// defaults; of those, alignment and variables do not matter here. Free the plan
/// with `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_plan(
    problem: *const plimsoll_problem,
    options: *const plimsoll_options,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let problem = &unsafe { reference(problem, "problem") }?.problem;
        let place = unsafe { mutable(plan, "plan") }?;
        let default = plimsoll_options::default();
        let options = unsafe { options_or_default(options, &default) }?;
        options.log(&format!("planning {} buffers", problem.buffers().len()));
        let planner = options.planner()?;
        let problem = planner.equipped(problem)?;
        let solution = planner.allocate(&problem).map_err(planning_failure)?;
        options.log(&format!("planned: {} bytes, {}, {}", solution.height, solution.status, solution.stop));
        let of = Planned::Problem(Box::new(problem), Box::new(solution));
        give(place, plimsoll_plan { of, alignment: 1 });
        Ok(())
    })
}

/// The plan of a body of an operator, by position: offsets count from the start of the operator's
/// workspace (`plimsoll_plan_scratch_offset`). Of a folded operator there is none. Free it with
/// `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_body(
    plan: *const plimsoll_plan,
    operator_: u32,
    position: usize,
    body: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let own = unsafe { reference(plan, "plan") }?;
        let place = unsafe { mutable(body, "body") }?;
        let Planned::Graph(graph, planned) = &own.of else { return Err(no_body(operator_, position)) };
        let of = body_of(graph, &planned.bodies, operator_, position)?;
        give(place, plimsoll_plan { of, alignment: own.alignment });
        Ok(())
    })
}

pub(super) fn body_of(
    graph: &Graph,
    plans: &[BodyPlan],
    operator: u32,
    position: usize,
) -> Result<Planned, Failure> {
    let plan = plans.iter().find(|one| (one.operator.index(), one.body) == (operator as usize, position));
    let body = graph.operators().get(operator as usize).and_then(|operator| operator.bodies().get(position));
    let (plan, body) = plan.zip(body).ok_or_else(|| no_body(operator, position))?;
    Ok(Planned::Graph(Arc::clone(body), Box::new(plan.plan.clone())))
}

/// Verifies a plan again, by rules that share no code with what made it. Every
/// plan has passed this once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_verify(plan: *const plimsoll_plan) -> i32 {
    guard(|| {
        let verdict = match &unsafe { reference(plan, "plan") }?.of {
            Planned::Graph(graph, plan) => verify(graph, plan),
            Planned::Problem(problem, solution) => verify_solution(problem, solution),
        };
        verdict.map_err(|violations| Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, violations.to_string()))
    })
}

/// Frees a plan; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_free(plan: *mut plimsoll_plan) {
    unsafe { free(plan) };
}
