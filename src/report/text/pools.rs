//! What a user wants to know of a plan for several memories.

use super::summary::{Lines, NAME_ROOM, SHOWN};
use super::{bytes, percent, short_bytes};
use crate::report::rectangles::or_number;
use crate::report::shorten::{letter_count, shortened};
use crate::{Graph, Occupant, PoolId, PoolPlan, Stop, TensorId, Transfer};

/// Letters of a pool's name that are shown.
const POOL_ROOM: usize = 24;

/// Pools, what a run moves, what that costs and how little it could; what stays out of the
/// pools near the operators, and the largest copies. A line each, and the CPU seconds, if
/// they are known.
#[must_use]
pub fn summary_of_pools(graph: &Graph, plan: &PoolPlan, seconds: Option<f64>) -> String {
    let mut lines = Lines::default();
    let folded = graph.operators().iter().filter(|operator| operator.is_folded()).count();
    let home = plan.pools.home_id();
    lines.model(graph.name());
    lines.say("operators", format!("{} ({folded} folded away)", graph.operators().len()));
    let near = graph.tensor_ids().filter(|&id| is_near(plan, id)).count();
    let chips = if plan.pools.list().len() > 1 { format!(" ({near} on chip)") } else { String::new() };
    lines.say("tensors", format!("{}{chips}", graph.tensors().len()));
    pools(&mut lines, plan);
    if plan.preloaded > 0 {
        lines.say("preloaded", format!("{} of constants, before the first run", bytes(plan.preloaded)));
    }
    lines.say("cost", plan.cost.to_string());
    lines.say("lower bound", plan.lower_bound.to_string());
    lines.say("gap", gap_line(plan));
    lines.say("floor", format!("{}, with pools of any size", plan.floor));
    let traffic = plan.traffic.get(home.index()).copied().unwrap_or_default();
    let name = shortened(plan.pools.home().name(), POOL_ROOM);
    lines.say("home", format!("`{name}` moves {} in a run", bytes(traffic.total())));
    transfers(&mut lines, graph, plan);
    stays_out(&mut lines, graph, plan);
    lines.bodies(graph, &plan.bodies);
    lines.time(seconds);
    lines.text
}

/// The gap for people: of plans that larger pools could not better, none is known.
pub(in crate::report) fn gap_text(plan: &PoolPlan) -> String {
    let gap = plan.gap();
    if gap.is_finite() { percent(gap) } else { "not known".to_owned() }
}

fn gap_line(plan: &PoolPlan) -> String {
    let standing = match (plan.is_optimal(), plan.all_fits()) {
        (_, true) => "all that could be on chip is",
        (true, _) => "no choice of places costs less in this order",
        _ if plan.gap().is_finite() => "of what larger pools could save",
        _ => "no bound above the floor is known",
    };
    let why = match plan.stop {
        Stop::Finished => String::new(),
        stop => format!("; the search stopped: {stop}"),
    };
    format!("{}: {standing}{why}", gap_text(plan))
}

/// Whether it has a place in another pool than home.
fn is_near(plan: &PoolPlan, id: TensorId) -> bool {
    plan.stays_of(Occupant::Tensor(id)).any(|stay| stay.pool != plan.pools.home_id())
}

fn pools(lines: &mut Lines, plan: &PoolPlan) {
    let names: Vec<String> = plan.pools.list().iter().map(|pool| shortened(pool.name(), POOL_ROOM)).collect();
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
        lines.say(if number == 0 { "pools" } else { "" }, text);
    }
}

fn transfers(lines: &mut Lines, graph: &Graph, plan: &PoolPlan) {
    let total = plan.transfers.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
    if plan.transfers.is_empty() {
        return lines.say("copies", "none");
    }
    lines.say("copies", format!("{}, together {}", plan.transfers.len(), bytes(total)));
    let pool = |id: PoolId| match plan.pools.list().get(id.index()) {
        Some(pool) => shortened(pool.name(), POOL_ROOM),
        None => format!("#{id}"),
    };
    let mut largest: Vec<&Transfer> = plan.transfers.iter().collect();
    // Stable: equal sizes stay in the order of time.
    largest.sort_by_key(|one| std::cmp::Reverse(one.bytes));
    let width = largest.iter().take(SHOWN).map(|one| short_bytes(one.bytes).len()).max().unwrap_or(0);
    for one in largest.iter().take(SHOWN) {
        let size = short_bytes(one.bytes);
        let when = match (one.step, one.due) {
            (_, due) if due as usize >= plan.order.len() => "after the last step".to_owned(),
            (step, due) if step < due => format!("from step {step} on, before step {due}"),
            (_, due) => format!("before step {due}"),
        };
        let name = shortened(&name(graph, one.tensor), NAME_ROOM / 2);
        lines.say("", format!("{size:>width$}  {name}: {} to {}, {when}", pool(one.from), pool(one.to)));
    }
    if let Some(rest) = largest.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        let together = rest.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
        lines.say("", format!("and {} more, {} together", rest.len(), short_bytes(together)));
    }
}

/// Tensors that never leave home although they have a place: the largest.
fn stays_out(lines: &mut Lines, graph: &Graph, plan: &PoolPlan) {
    if plan.pools.list().len() == 1 {
        return;
    }
    let out: Vec<(String, u64)> = graph
        .tensor_ids()
        .filter(|&id| !is_near(plan, id))
        .filter_map(|id| {
            let stay = plan.stays_of(Occupant::Tensor(id)).next()?;
            Some((name(graph, id), stay.bytes))
        })
        .collect();
    if out.is_empty() {
        return lines.say("stays out", "nothing");
    }
    let total = out.iter().map(|&(_, bytes)| bytes).fold(0, u64::saturating_add);
    lines.say("stays out", format!("{} tensors, together {}", out.len(), bytes(total)));
    lines.list(out);
}

fn name(graph: &Graph, id: TensorId) -> String {
    graph.tensors().get(id.index()).map_or_else(|| format!("#{id}"), |one| or_number(one.name(), id.index()))
}
