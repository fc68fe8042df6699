//! The text summary of a plan for several memories.

use super::lines::{MAX_LISTED, NAME_WIDTH, SummaryLines, stop_text, total};
use super::{bytes, percent, short_bytes, tiling};
use crate::report::rectangles::tensor_name;
use crate::report::shorten::{letter_count, shortened};
use crate::{Graph, Occupant, PlanView, PoolId, PoolPlan, TensorId, Transfer};

/// Width of a pool's name in letters.
const POOL_NAME_WIDTH: usize = 24;

/// Adds use of the pools, traffic, cost and its bounds, tensors that stay off chip, and the largest
/// transfers.
pub(super) fn add(lines: &mut SummaryLines, view: &PlanView<'_>, plan: &PoolPlan) {
    let Some(graph) = view.graph else { return };
    let on_chip = graph.tensor_ids().filter(|&id| is_on_chip(plan, id)).count();
    let on_chip = if plan.pools.list().len() > 1 { format!(" ({on_chip} on chip)") } else { String::new() };
    lines.line("tensors", format!("{}{on_chip}", graph.tensors().len()));
    pools(lines, plan);
    if plan.preloaded > 0 {
        lines.line("preloaded", format!("{} of constants, before the first run", bytes(plan.preloaded)));
    }
    lines.line("cost", plan.cost.to_string());
    lines.line("lower bound", plan.lower_bound.to_string());
    lines.line("gap", gap_line(plan));
    lines.line("unavoidable", format!("{}, the cost with pools of any size", plan.unavoidable_cost));
    let traffic = plan.traffic.get(plan.pools.backing_store_id().index()).copied().unwrap_or_default();
    let name = shortened(plan.pools.backing_store().name(), POOL_NAME_WIDTH);
    lines.line("traffic", format!("`{name}` moves {} in a run", bytes(traffic.total())));
    if let Some(tiling) = &view.tiling {
        tiling::add(lines, view, tiling);
    }
    transfers(lines, graph, plan);
    stays_out(lines, graph, plan);
    lines.bodies(graph, &plan.bodies);
}

/// The gap as text; unknown if no lower bound above the unavoidable cost is known.
pub(in crate::report) fn gap_text(plan: &PoolPlan) -> String {
    let gap = plan.gap();
    if gap.is_finite() { percent(gap) } else { "unknown".to_owned() }
}

fn gap_line(plan: &PoolPlan) -> String {
    let meaning = match (plan.is_optimal(), plan.all_fits()) {
        (_, true) => "larger pools would save nothing",
        (true, _) => "no placement costs less in this order",
        _ if plan.gap().is_finite() => "of the cost that larger pools could save",
        _ => "no lower bound above the unavoidable cost is known",
    };
    format!("{}: {meaning}{}", gap_text(plan), stop_text(plan.stop))
}

/// Returns whether a tensor resides in a pool other than the backing store at any step.
fn is_on_chip(plan: &PoolPlan, id: TensorId) -> bool {
    plan.residencies_of(Occupant::Tensor(id)).any(|residency| residency.pool != plan.pools.backing_store_id())
}

fn pools(lines: &mut SummaryLines, plan: &PoolPlan) {
    let names: Vec<String> =
        plan.pools.list().iter().map(|pool| shortened(pool.name(), POOL_NAME_WIDTH)).collect();
    let width = names.iter().map(|name| letter_count(name)).max().unwrap_or(0);
    for (number, (pool, name)) in plan.pools.list().iter().zip(names).enumerate() {
        let used = plan.used.get(number).copied().unwrap_or(0);
        let traffic = plan.traffic.get(number).copied().unwrap_or_default();
        let of = pool.bytes().map(|bytes| format!(" of {}", short_bytes(bytes)));
        let over = pool.bytes().filter(|&bytes| used > bytes).map(|bytes| short_bytes(used - bytes));
        let over = over.map(|missing| format!(", {missing} too much"));
        let fill = " ".repeat(width - letter_count(&name));
        let text = format!(
            "{name}{fill}  {}{} used{}, {} read, {} written",
            short_bytes(used),
            of.unwrap_or_default(),
            over.unwrap_or_default(),
            short_bytes(traffic.read),
            short_bytes(traffic.written)
        );
        lines.line(if number == 0 { "pools" } else { "" }, text);
    }
}

fn transfers(lines: &mut SummaryLines, graph: &Graph, plan: &PoolPlan) {
    let sum = total(plan.transfers.iter().map(|transfer| transfer.bytes));
    if plan.transfers.is_empty() {
        return lines.line("copies", "none");
    }
    lines.line("copies", format!("{}, {} in total", plan.transfers.len(), bytes(sum)));
    let pool = |id: PoolId| match plan.pools.list().get(id.index()) {
        Some(pool) => shortened(pool.name(), POOL_NAME_WIDTH),
        None => format!("#{id}"),
    };
    let mut largest: Vec<&Transfer> = plan.transfers.iter().collect();
    // The sort is stable: transfers of equal size stay in the order of time.
    largest.sort_by_key(|transfer| std::cmp::Reverse(transfer.bytes));
    let sizes = largest.iter().take(MAX_LISTED).map(|transfer| short_bytes(transfer.bytes).len());
    let width = sizes.max().unwrap_or(0);
    for transfer in largest.iter().take(MAX_LISTED) {
        let size = short_bytes(transfer.bytes);
        let when = match (transfer.step, transfer.due) {
            (_, due) if due as usize >= plan.order.len() => "after the last step".to_owned(),
            (step, due) if step < due => format!("from step {step} on, before step {due}"),
            (_, due) => format!("before step {due}"),
        };
        let name = shortened(&tensor_name(graph, transfer.tensor.index()), NAME_WIDTH / 2);
        let (from, to) = (pool(transfer.from), pool(transfer.to));
        lines.line("", format!("{size:>width$}  {name}: {from} to {to}, {when}"));
    }
    if let Some(rest) = largest.get(MAX_LISTED..).filter(|rest| !rest.is_empty()) {
        let sum = total(rest.iter().map(|transfer| transfer.bytes));
        lines.line("", format!("and {} more, {} in total", rest.len(), short_bytes(sum)));
    }
}

/// Lists the largest tensors that reside in the backing store only.
fn stays_out(lines: &mut SummaryLines, graph: &Graph, plan: &PoolPlan) {
    if plan.pools.list().len() == 1 {
        return;
    }
    let out: Vec<(String, u64)> = graph
        .tensor_ids()
        .filter(|&id| !is_on_chip(plan, id))
        .filter_map(|id| {
            let residency = plan.residencies_of(Occupant::Tensor(id)).next()?;
            Some((tensor_name(graph, id.index()), residency.bytes))
        })
        .collect();
    if out.is_empty() {
        return lines.line("stays out", "nothing");
    }
    let sum = total(out.iter().map(|&(_, bytes)| bytes));
    lines.line("stays out", format!("{} tensors, {} in total", out.len(), bytes(sum)));
    lines.list(out);
}
