//! The text summary of a plan for one arena.

use std::fmt::Write;
use std::ops::Range;

use super::{bytes, percent, short_bytes};
use crate::report::rectangles::{name_and_kind, or_number};
use crate::report::shorten::shortened;
use crate::{
    AliasKind, BodyPlan, BufferId, Graph, InfeasibleCore, LowerBound, Occupant, Plan, Problem, Solution,
    Status, Stop,
};

/// Maximum number of listed items, such as causes of the lower bound; of more, only their number is
/// shown.
pub(super) const MAX_LISTED: usize = 8;

/// Width of a name in letters: a line should fit a terminal.
pub(super) const NAME_WIDTH: usize = 80;

/// The summary of a graph's plan, a figure in each line. If they are known, it also shows
/// `file_arena`, the size of the arena in program order; `shared_arena`, its size if all permitted
/// sharing is used; and `seconds`, the CPU time.
#[must_use]
pub fn summary(
    graph: &Graph,
    plan: &Plan,
    file_arena: Option<u64>,
    shared_arena: Option<u64>,
    seconds: Option<f64>,
) -> String {
    let mut lines = SummaryLines::default();
    let folded = graph.operators().iter().filter(|operator| operator.is_folded()).count();
    let placed = plan.tensors.iter().flatten().count();
    let with_scratch = plan.scratch.iter().flatten().count();
    lines.model(graph.name());
    lines.line("operators", format!("{} ({folded} folded)", graph.operators().len()));
    lines.line("tensors", format!("{} ({placed} in the arena)", graph.tensors().len()));
    lines.line("scratch", format!("{with_scratch} operators"));
    lines.figures(&SummaryFigures {
        no_reuse: plan.no_reuse_bytes(),
        arena: plan.arena_bytes,
        bound: plan.bound(),
        gap: plan.gap(),
        stop: plan.stop,
        status: plan.status,
        strategy: &plan.strategy,
        capacity: plan.capacity,
        reserved: &plan.reserved,
    });
    if let Some(objects) = &plan.objects {
        lines.objects(objects.list.len(), objects.total(), objects.lower_bound, objects.nestings.len());
    }
    if !plan.aliases.is_empty() {
        lines.line("sharing", sharing_text(plan));
    } else if let Some(arena) = shared_arena.filter(|&arena| arena < plan.arena_bytes) {
        let saved = 1.0 - arena as f64 / plan.arena_bytes as f64;
        lines.line(
            "sharing",
            format!("none; --share all needs at most {}, {} less", bytes(arena), percent(saved)),
        );
    }
    if let Some(arena) = file_arena {
        lines.program_order(plan, arena);
    }
    lines.bodies(graph, &plan.bodies);
    lines.causes(&step_text(graph, plan), causes_of_plan(graph, plan));
    lines.time(seconds);
    lines.text
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

/// The summary of a list of buffers.
#[must_use]
pub fn summary_of_problem(
    name: &str,
    problem: &Problem,
    solution: &Solution,
    seconds: Option<f64>,
) -> String {
    let mut lines = SummaryLines::default();
    lines.model(name);
    lines.line("buffers", problem.buffers().len().to_string());
    let sizes = problem.buffers().iter().map(crate::Buffer::size);
    lines.figures(&SummaryFigures {
        no_reuse: sizes.fold(0, u64::saturating_add),
        arena: solution.height,
        bound: solution.lower_bound.bytes,
        gap: solution.gap(),
        stop: solution.stop,
        status: solution.status,
        strategy: &solution.strategy,
        capacity: problem.capacity(),
        reserved: problem.reserved(),
    });
    if let Some(objects) = &solution.objects {
        lines.objects(objects.sizes.len(), objects.total(), objects.lower_bound, objects.nestings.len());
    }
    let step = format!("step {}", solution.lower_bound.step);
    lines.causes(&step, causes_of_solution(problem, &solution.lower_bound));
    lines.time(seconds);
    lines.text
}

/// Describes the infeasible core of a graph. A graph with bodies must be
/// [flattened](crate::Plan::flattened) by the plan.
#[must_use]
pub fn core_of_graph(graph: &Graph, core: &InfeasibleCore<Occupant>) -> String {
    let size = |occupant: Occupant| match occupant {
        Occupant::Tensor(id) => graph.tensors().get(id.index()).map_or(0, crate::Tensor::bytes),
        Occupant::Scratch(id) => graph.operators().get(id.index()).map_or(0, crate::Operator::scratch_bytes),
    };
    let members = core.members.iter().filter_map(|&id| Some((name_and_kind(graph, id)?.0, size(id))));
    core_text(core, members.collect())
}

/// Describes the infeasible core of a problem.
#[must_use]
pub fn core_of_problem(problem: &Problem, core: &InfeasibleCore<BufferId>) -> String {
    let exist = core.members.iter().filter(|id| id.index() < problem.buffers().len());
    let members = exist.map(|&id| (or_number(&problem.name(id), id.index()), problem.buffer(id).size()));
    core_text(core, members.collect())
}

fn core_text<T>(core: &InfeasibleCore<T>, members: Vec<(String, u64)>) -> String {
    let mut lines = SummaryLines::default();
    let (missing, needed) = (bytes(core.missing()), bytes(core.needed));
    let (subject, remedy) = match (members.as_slice(), core.irreducible) {
        ([_], _) => ("this buffer alone needs".to_owned(), ""),
        (_, true) => (format!("these {} need", members.len()), "; without any one of them, the others fit"),
        (_, false) => (format!("these {} need", members.len()), "; a part of them may already be too large"),
    };
    lines.line("infeasible", format!("{subject} {needed}, {missing} more than the capacity{remedy}"));
    lines.list(members);
    lines.text
}

/// The relative distance from a lower bound: 0.01 is one percent.
fn gap(total: u64, bound: u64) -> f64 {
    if bound == 0 { 0.0 } else { total as f64 / bound as f64 - 1.0 }
}

struct SummaryFigures<'a> {
    no_reuse: u64,
    arena: u64,
    bound: u64,
    gap: f64,
    stop: Stop,
    status: Status,
    strategy: &'a str,
    capacity: Option<u64>,
    reserved: &'a [Range<u64>],
}

/// A cause of the lower bound.
struct BoundCause {
    name: String,
    size: u64,
    fixed_offset: Option<u64>,
}

#[derive(Default)]
pub(super) struct SummaryLines {
    pub(super) text: String,
}

impl SummaryLines {
    pub(super) fn line(&mut self, key: &str, value: impl AsRef<str>) {
        // Names may contain line breaks; a line of the summary must not.
        let value: String =
            value.as_ref().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        writeln!(self.text, "{key:<13}{value}").expect("a string takes every letter");
    }

    pub(super) fn model(&mut self, name: &str) {
        self.line("model", if name.is_empty() { "(unnamed)" } else { name });
    }

    fn figures(&mut self, figures: &SummaryFigures) {
        self.line("no reuse", bytes(figures.no_reuse));
        self.line("arena", bytes(figures.arena));
        self.line("lower bound", bytes(figures.bound));
        self.line("gap", format!("{}{}", percent(figures.gap), stop_text(figures.stop)));
        let strategy = if figures.strategy.is_empty() {
            String::new()
        } else {
            format!(" (strategy: {})", figures.strategy)
        };
        self.line("status", format!("{}{strategy}", figures.status));
        if !figures.reserved.is_empty() {
            let total = figures.reserved.iter().map(|range| range.end.saturating_sub(range.start));
            let ranges: Vec<String> = figures
                .reserved
                .iter()
                .take(3)
                .map(|range| format!("{}..{}", range.start, range.end))
                .collect();
            let more = if figures.reserved.len() > 3 { ", ..." } else { "" };
            self.line(
                "reserved",
                format!("{} at {}{more}", bytes(total.fold(0, u64::saturating_add)), ranges.join(", ")),
            );
        }
        if let Some(capacity) = figures.capacity {
            self.line("capacity", format!("{}: {}", bytes(capacity), verdict(figures, capacity)));
        }
    }

    /// The arena in program order, and the lower bound of this order if it exceeds that of all orders.
    fn program_order(&mut self, plan: &Plan, arena: u64) {
        let part = if arena == 0 { 0.0 } else { 1.0 - plan.arena_bytes as f64 / arena as f64 };
        let saves = if part > 0.0 { format!("; this order saves {}", percent(part)) } else { String::new() };
        self.line("file order", format!("{}{saves}", bytes(arena)));
        if plan.lower_bound.bytes > plan.bound() {
            let bound = bytes(plan.lower_bound.bytes);
            self.line("this order", format!("at least {bound}; the lower bound above holds for all orders"));
        }
    }

    /// Number and total size of shared objects, and the gap to the lower bound of the total.
    fn objects(&mut self, count: usize, total: u64, bound: u64, inside: usize) {
        let proof = if total == bound {
            "proven minimal".to_owned()
        } else {
            format!("at most {} above the minimum", percent(gap(total, bound)))
        };
        self.line("objects", format!("{count}, {} in total: {proof}", bytes(total)));
        if inside > 0 {
            self.line("merged", format!("{inside} tensors lie inside larger ones"));
        }
    }

    /// Lists the arenas of bodies, the largest first.
    pub(super) fn bodies(&mut self, graph: &Graph, bodies: &[BodyPlan]) {
        if bodies.is_empty() {
            return;
        }
        self.line("bodies", format!("{}, in the scratch of their operators", bodies.len()));
        let members = bodies.iter().filter_map(|entry| {
            let operator = graph.operators().get(entry.operator.index())?;
            let body = operator.bodies().get(entry.body)?;
            let runs = or_number(operator.name(), entry.operator.index());
            let name = or_number(body.name(), entry.body);
            let bound = entry.plan.bound();
            let above = entry.plan.arena_bytes > bound;
            let gap = if above { format!(" (lower bound {})", bytes(bound)) } else { String::new() };
            Some((format!("{name} of {runs}{gap}"), entry.plan.arena_bytes))
        });
        self.list(members.collect());
    }

    fn causes(&mut self, step: &str, causes: Vec<BoundCause>) {
        match causes.as_slice() {
            [] => return,
            [BoundCause { fixed_offset: Some(offset), .. }] => {
                self.line("bound set by", format!("{step}, and the fixed offset {offset} of"));
            }
            _ => self.line("bound set by", step),
        }
        self.list(causes.into_iter().map(|cause| (cause.name, cause.size)).collect());
    }

    /// Lists names and sizes, the largest first.
    pub(super) fn list(&mut self, mut members: Vec<(String, u64)>) {
        // The sort is stable: equal sizes stay in the order of their ids.
        members.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
        let (shown, rest) = members.split_at(members.len().min(MAX_LISTED));
        let width = shown.iter().map(|&(_, size)| short_bytes(size).len()).max().unwrap_or(0);
        for (name, size) in shown {
            self.line("", format!("{:>width$}  {}", short_bytes(*size), shortened(name, NAME_WIDTH)));
        }
        if !rest.is_empty() {
            let total = rest.iter().map(|&(_, size)| size).fold(0, u64::saturating_add);
            self.line("", format!("and {} more, {} in total", rest.len(), short_bytes(total)));
        }
    }

    pub(super) fn time(&mut self, seconds: Option<f64>) {
        if let Some(seconds) = seconds {
            self.line("time", format!("{seconds:.3} s"));
        }
    }
}

/// The reason why a search stopped early, as a clause after the gap.
pub(super) fn stop_text(stop: Stop) -> String {
    if stop == Stop::Finished { String::new() } else { format!("; the search stopped: {stop}") }
}

fn verdict(figures: &SummaryFigures, capacity: u64) -> String {
    if figures.bound > capacity {
        let above = bytes(figures.bound - capacity);
        return format!("does not fit, and no plan can: the lower bound exceeds it by {above}");
    }
    match figures.arena.checked_sub(capacity) {
        None | Some(0) => format!("fits, {} to spare", bytes(capacity - figures.arena)),
        Some(missing) => format!("does not fit by {}", bytes(missing)),
    }
}

/// The step of the lower bound, and its operator.
fn step_text(graph: &Graph, plan: &Plan) -> String {
    let step = plan.lower_bound.step;
    let id = plan.order.get(step as usize);
    let Some((id, operator)) = id.and_then(|id| Some((id, graph.operators().get(id.index())?))) else {
        return format!("step {step}");
    };
    let name = or_number(operator.name(), id.index());
    match operator.op_type() {
        "" => format!("step {step}, operator `{name}`"),
        op_type => format!("step {step}, operator `{name}` ({op_type})"),
    }
}

fn causes_of_plan(graph: &Graph, plan: &Plan) -> Vec<BoundCause> {
    let causes = plan.lower_bound.causes.iter().filter_map(|&occupant| {
        let (name, _) = name_and_kind(graph, occupant)?;
        let size = plan.placement(occupant).map_or(0, |place| place.bytes);
        let fixed_offset = match occupant {
            Occupant::Tensor(id) => graph.tensor(id).fixed_offset(),
            Occupant::Scratch(_) => None,
        };
        Some(BoundCause { name, size, fixed_offset })
    });
    causes.collect()
}

fn causes_of_solution(problem: &Problem, bound: &LowerBound) -> Vec<BoundCause> {
    let exist = bound.buffers.iter().filter(|id| id.index() < problem.buffers().len());
    let causes = exist.map(|&id| {
        let buffer = problem.buffer(id);
        let name = or_number(&problem.name(id), id.index());
        BoundCause { name, size: buffer.size(), fixed_offset: buffer.fixed_offset() }
    });
    causes.collect()
}
