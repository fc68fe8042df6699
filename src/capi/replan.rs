//! Changes of copies of graphs, and plans from the plan of an earlier version.

use std::sync::Arc;

use super::boundary::{Failure, array, give, guard, mutable, reference};
use super::graph::{kind, operator_id, plimsoll_graph};
use super::options::plimsoll_options;
use super::plan::{PlanSource, options_or_default, plimsoll_plan};
use super::problem::plimsoll_problem;
use super::status::{PLIMSOLL_KEEP_DEMAND, PLIMSOLL_KEEP_HINT, PLIMSOLL_NONE};
use super::storage::tensor_id;
use crate::{Keep, OperatorId, PreviousPlan};

/// Creates a copy of a graph that can be changed: tensors and operators keep their indices, numbers of the
/// caller included. Build it before you plan it. Free it with `plimsoll_graph_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_edit(
    graph: *const plimsoll_graph,
    copy: *mut *mut plimsoll_graph,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?;
        let out = unsafe { mutable(copy, "copy") }?;
        give(out, graph.edit());
        Ok(())
    })
}

/// Replaces the size of a tensor of a graph that is not built. The tensor has no shape afterwards.
/// `plimsoll_graph_build` refuses permissions and access maps that do not fit the new size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_tensor_bytes(
    graph: *mut plimsoll_graph,
    tensor: u32,
    bytes: u64,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let id = tensor_id(graph, tensor)?;
        graph.builder()?.set_bytes(id, bytes);
        Ok(())
    })
}

/// Replaces the kind of a tensor of a graph that is not built: `PLIMSOLL_TENSOR_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_tensor_kind(
    graph: *mut plimsoll_graph,
    tensor: u32,
    kind: i32,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let (id, kind) = (tensor_id(graph, tensor)?, self::kind(kind)?);
        graph.builder()?.set_kind(id, kind);
        Ok(())
    })
}

/// Marks a tensor of a graph that is not built as no graph output.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_remove_output(graph: *mut plimsoll_graph, tensor: u32) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let id = tensor_id(graph, tensor)?;
        graph.builder()?.remove_output(id);
        Ok(())
    })
}

/// Lets all operators of a graph that is not built read tensor `to` instead of tensor `from`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_replace_reads(graph: *mut plimsoll_graph, from: u32, to: u32) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let (from, to) = (tensor_id(graph, from)?, tensor_id(graph, to)?);
        graph.builder()?.replace_reads(from, to);
        Ok(())
    })
}

/// Removes an operator of a graph that is not built. The indices of later operators are one less
/// afterwards. Its outputs stay, without a producer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_remove_operator(graph: *mut plimsoll_graph, operator_: u32) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let id = existing(graph, operator_)?;
        graph.builder()?.remove_operator(id);
        graph.remove_operator_data(id.index());
        Ok(())
    })
}

/// Removes all permissions to share memory of an operator of a graph that is not built.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_clear_permits(graph: *mut plimsoll_graph, operator_: u32) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let id = existing(graph, operator_)?;
        let operator = graph.builder()?.operator_mut(id);
        operator.ok_or_else(|| unknown(operator_))?.forbid_sharing();
        Ok(())
    })
}

fn unknown(operator: u32) -> Failure {
    Failure::argument(format!("there is no operator {operator}"))
}

fn existing(graph: &plimsoll_graph, operator: u32) -> Result<OperatorId, Failure> {
    let id = operator_id(operator).filter(|id| id.index() < graph.operator_count());
    id.ok_or_else(|| unknown(operator))
}

/// Plans a built graph from the plan of an earlier version of it; tensors and operators are matched by
/// name. With PLIMSOLL_KEEP_HINT, the earlier order and offsets are where the search starts, and a smaller
/// arena replaces them. With PLIMSOLL_KEEP_DEMAND, tensors of unchanged name and size keep their offsets;
/// PLIMSOLL_ERROR_INVALID names the first one that cannot. `options` may be NULL. Free the plan with
/// `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_replan(
    graph: *const plimsoll_graph,
    previous: *const plimsoll_plan,
    options: *const plimsoll_options,
    keep: i32,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let previous = unsafe { reference(previous, "previous") }?;
        let out = unsafe { mutable(plan, "plan") }?;
        let options = unsafe { options_or_default(options) }?;
        let keep = match keep {
            PLIMSOLL_KEEP_HINT => Keep::Hint,
            PLIMSOLL_KEEP_DEMAND => Keep::Demand,
            _ => return Err(Failure::argument(format!("unknown number {keep}; use PLIMSOLL_KEEP_..."))),
        };
        let PlanSource::Graph(earlier) = &previous.source else {
            return Err(Failure::argument("the previous plan is of a problem, not of a graph"));
        };
        let previous = PreviousPlan::new(earlier, &previous.plan, graph);
        let plan = options.planner()?.replan(graph, &previous, keep)?;
        give(out, plimsoll_plan::of_graph(Arc::clone(graph), plan, options.alignment()));
        Ok(())
    })
}

/// Sets a suggested offset for each of `count` buffers of a problem, such as that in an earlier plan;
/// PLIMSOLL_NONE for a buffer without one. Plans keep the hints if no smaller arena is found. For a problem
/// that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_set_hints(
    problem: *mut plimsoll_problem,
    offsets: *const u64,
    count: usize,
) -> i32 {
    guard(|| {
        let problem = &mut unsafe { mutable(problem, "problem") }?.problem;
        let offsets = unsafe { array(offsets, count, "offsets") }?;
        let buffers = problem.buffers().len();
        if count != buffers {
            return Err(Failure::argument(format!("{count} hints for {buffers} buffers")));
        }
        let hints = offsets.iter().map(|&offset| (offset != PLIMSOLL_NONE).then_some(offset));
        *problem = problem.clone().with_hints(hints);
        Ok(())
    })
}
