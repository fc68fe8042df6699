//! The text summary of a plan.

use super::lines::{SummaryLines, stop_text, total};
use super::{bytes, percent, pools, tiling};
use crate::report::rectangles::{or_number, row_name};
use crate::{AliasKind, Graph, Plan, PlanObjects, PlanView, Storage, ViewedPlan};

/// The summary of a plan, a figure in each line. It also shows the sizes for comparison that the view
/// has, and `seconds`, the CPU time, if it is known.
#[must_use]
pub fn summary(view: &PlanView<'_>, seconds: Option<f64>) -> String {
    let mut lines = SummaryLines::default();
    lines.line("model", if view.model.is_empty() { "(unnamed)" } else { view.model });
    if let Some(graph) = view.graph {
        let untiled = view.tiling.map_or(graph, |tiling| tiling.untiled);
        let folded = untiled.operators().iter().filter(|operator| operator.is_folded()).count();
        let tiled = if view.tiling.is_some() {
            format!("; {} in the tiled graph", graph.operators().len())
        } else {
            String::new()
        };
        lines.line("operators", format!("{} ({folded} folded){tiled}", untiled.operators().len()));
    }
    match &view.plan {
        ViewedPlan::Arena(plan) => arena(&mut lines, view, plan),
        ViewedPlan::Pools(plan) => pools::add(&mut lines, view, plan),
    }
    if let Some(graph) = view.graph {
        outside(&mut lines, graph);
    }
    if let Some(seconds) = seconds {
        lines.line("time", format!("{seconds:.3} s"));
    }
    lines.text
}

fn arena(lines: &mut SummaryLines, view: &PlanView<'_>, plan: &Plan) {
    match view.graph {
        None => lines.line("buffers", view.rows.len().to_string()),
        Some(graph) => {
            let placed = plan.tensors.iter().flatten().count();
            lines.line("tensors", format!("{} ({placed} in the arena)", graph.tensors().len()));
            lines.line("scratch", format!("{} operators", plan.scratch.iter().flatten().count()));
        }
    }
    figures(lines, plan, if view.tiling.is_some() { "no plan of this tiling" } else { "no plan" });
    if let Some(tiling) = &view.tiling {
        tiling::add(lines, view, tiling);
    }
    if let Some(objects) = &plan.objects {
        add_objects(lines, objects);
    }
    if !plan.aliases.is_empty() {
        lines.line("sharing", sharing_text(plan));
    } else if let Some(arena) = view.shared_arena.filter(|&arena| arena < plan.arena_bytes) {
        let saved = 1.0 - arena as f64 / plan.arena_bytes as f64;
        lines.line(
            "sharing",
            format!("none; --share all needs at most {}, {} less", bytes(arena), percent(saved)),
        );
    }
    if let Some(arena) = view.program_order_arena {
        program_order(lines, plan, arena);
    }
    if let Some(graph) = view.graph {
        lines.bodies(graph, &plan.bodies);
    }
    causes(lines, view, plan);
}

/// The tensors in buffers of the caller, if there are any.
fn outside(lines: &mut SummaryLines, graph: &Graph) {
    let tensors = graph.tensors().iter().filter(|tensor| *tensor.storage() == Storage::Outside);
    let sizes: Vec<u64> = tensors.map(crate::Tensor::bytes).collect();
    if !sizes.is_empty() {
        let noun = if sizes.len() == 1 { "tensor" } else { "tensors" };
        let total = bytes(total(sizes.iter().copied()));
        lines.line("outside", format!("{} {noun} in buffers of the caller, {total}", sizes.len()));
    }
}

fn sharing_text(plan: &Plan) -> String {
    let kinds = [
        (AliasKind::View, "views"),
        (AliasKind::Slice, "slices"),
        (AliasKind::InPlace, "in place"),
        (AliasKind::Concat, "pieces of concatenations"),
        (AliasKind::Overlap, "overlaps"),
    ];
    let count = |kind: AliasKind| plan.aliases.iter().filter(|alias| alias.kind == kind).count();
    let texts = kinds.map(|(kind, name)| (count(kind), name)).into_iter().filter(|&(count, _)| count > 0);
    texts.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// `no_plan` names the plans for which the lower bound holds.
fn figures(lines: &mut SummaryLines, plan: &Plan, no_plan: &str) {
    lines.line("no reuse", bytes(plan.no_reuse_bytes()));
    lines.line("arena", bytes(plan.arena_bytes));
    lines.line("lower bound", bytes(plan.bound()));
    lines.line("gap", format!("{}{}", percent(plan.gap()), stop_text(plan.stop)));
    let strategy =
        if plan.strategy.is_empty() { String::new() } else { format!(" (strategy: {})", plan.strategy) };
    lines.line("status", format!("{}{strategy}", plan.status));
    if !plan.reserved.is_empty() {
        let sizes = plan.reserved.iter().map(|range| range.end.saturating_sub(range.start));
        let first = plan.reserved.iter().take(3);
        let ranges: Vec<String> = first.map(|range| format!("{}..{}", range.start, range.end)).collect();
        let more = if plan.reserved.len() > 3 { ", ..." } else { "" };
        lines.line("reserved", format!("{} at {}{more}", bytes(total(sizes)), ranges.join(", ")));
    }
    if let Some(capacity) = plan.capacity {
        lines.line("capacity", format!("{}: {}", bytes(capacity), verdict(plan, capacity, no_plan)));
    }
}

fn verdict(plan: &Plan, capacity: u64, no_plan: &str) -> String {
    if plan.bound() > capacity {
        let above = bytes(plan.bound() - capacity);
        return format!("does not fit, and {no_plan} can: the lower bound exceeds it by {above}");
    }
    match plan.arena_bytes.checked_sub(capacity) {
        None | Some(0) => format!("fits, {} to spare", bytes(capacity - plan.arena_bytes)),
        Some(missing) => format!("does not fit by {}", bytes(missing)),
    }
}

/// The arena in program order, and the lower bound of this order if it exceeds that of all orders.
fn program_order(lines: &mut SummaryLines, plan: &Plan, arena: u64) {
    let part = if arena == 0 { 0.0 } else { 1.0 - plan.arena_bytes as f64 / arena as f64 };
    let saves = if part > 0.0 { format!("; this order saves {}", percent(part)) } else { String::new() };
    lines.line("program order", format!("{}{saves}", bytes(arena)));
    if plan.lower_bound.bytes > plan.bound() {
        let bound = bytes(plan.lower_bound.bytes);
        lines.line("this order", format!("at least {bound}; the lower bound above holds for all orders"));
    }
}

/// Number and total size of shared objects, and the gap to the lower bound of the total.
fn add_objects(lines: &mut SummaryLines, objects: &PlanObjects) {
    let (total, bound) = (objects.total(), objects.lower_bound);
    let gap = if bound == 0 { 0.0 } else { total as f64 / bound as f64 - 1.0 };
    let proof = if total == bound {
        "proven minimal".to_owned()
    } else {
        format!("at most {} above the minimum", percent(gap))
    };
    lines.line("objects", format!("{}, {} in total: {proof}", objects.list.len(), bytes(total)));
    if !objects.nestings.is_empty() {
        lines.line("merged", format!("{} tensors lie inside larger ones", objects.nestings.len()));
    }
}

/// The step of the lower bound, and the rows that cause it.
fn causes(lines: &mut SummaryLines, view: &PlanView<'_>, plan: &Plan) {
    let rows = plan.lower_bound.causes.iter().flat_map(|&cause| view.rows_of(cause));
    let rows: Vec<_> = rows.map(|row| &view.rows[row]).collect();
    let step = step_text(view, plan.lower_bound.step);
    match rows.as_slice() {
        [] => return,
        [row] if row.fixed_offset.is_some() => {
            let offset = row.fixed_offset.unwrap_or(0);
            lines.line("bound set by", format!("{step}, and the fixed offset {offset} of"));
        }
        _ => lines.line("bound set by", step),
    }
    lines.list(rows.into_iter().map(|row| (row_name(row).into_owned(), row.place.bytes)).collect());
}

/// A step, and its operator.
fn step_text(view: &PlanView<'_>, step: u32) -> String {
    let id = view.order().get(step as usize);
    let Some((id, operator)) = id.and_then(|id| Some((id, view.graph?.operators().get(id.index())?))) else {
        return format!("step {step}");
    };
    let name = or_number(operator.name(), id.index());
    match operator.op_type() {
        "" => format!("step {step}, operator `{name}`"),
        op_type => format!("step {step}, operator `{name}` ({op_type})"),
    }
}
