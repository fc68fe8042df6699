use std::fmt::Write;
use std::ops::Range;

use super::{bytes, percent, short_bytes};
use crate::report::rectangles::{name_and_kind, or_number};
use crate::report::shorten::shortened;
use crate::{
    BodyPlan, BufferId, Graph, How, InfeasibleCore, LowerBound, Occupant, Plan, Problem, Solution, Status,
};

/// Causes of the bound that are listed; of more, only the number is told.
pub(super) const SHOWN: usize = 8;

/// Letters of a name that are shown: a line should fit a terminal.
pub(super) const NAME_ROOM: usize = 80;

/// What a user wants to know of a plan, a line each: beside it, the arena in the file's
/// order, the arena if all were shared that may be, and the CPU seconds, if they are known.
#[must_use]
pub fn summary(
    graph: &Graph,
    plan: &Plan,
    file_arena: Option<u64>,
    shared_arena: Option<u64>,
    seconds: Option<f64>,
) -> String {
    let mut lines = Lines::default();
    let folded = graph.operators().iter().filter(|operator| operator.is_folded()).count();
    let placed = plan.tensors.iter().flatten().count();
    let workspaces = plan.scratch.iter().flatten().count();
    lines.model(graph.name());
    lines.say("operators", format!("{} ({folded} folded away)", graph.operators().len()));
    lines.say("tensors", format!("{} ({placed} in the arena)", graph.tensors().len()));
    lines.say("workspaces", workspaces.to_string());
    lines.figures(&Figures {
        no_reuse: plan.no_reuse_bytes(),
        arena: plan.arena_bytes,
        bound: plan.bound(),
        gap: plan.gap(),
        status: plan.status,
        strategy: &plan.strategy,
        capacity: plan.capacity,
        reserved: &plan.reserved,
    });
    if let Some(objects) = &plan.objects {
        lines.objects(objects.list.len(), objects.total(), objects.lower_bound, objects.inside.len());
    }
    if !plan.shares.is_empty() {
        lines.say("sharing", sharing_text(plan));
    } else if let Some(arena) = shared_arena.filter(|&arena| arena < plan.arena_bytes) {
        let saved = 1.0 - arena as f64 / plan.arena_bytes as f64;
        lines.say(
            "sharing",
            format!("none; --share all needs at most {}, {} less", bytes(arena), percent(saved)),
        );
    }
    if let Some(arena) = file_arena {
        lines.file_order(plan, arena);
    }
    lines.bodies(graph, &plan.bodies);
    lines.causes(&step_text(graph, plan), causes_of_plan(graph, plan));
    lines.time(seconds);
    lines.text
}

fn sharing_text(plan: &Plan) -> String {
    let kinds = [
        (How::View, "views"),
        (How::Slice, "slices"),
        (How::InPlace, "in place"),
        (How::Concat, "pieces of concatenations"),
        (How::Overlap, "overlaps"),
    ];
    let count = |how: How| plan.shares.iter().filter(|share| share.how == how).count();
    let texts = kinds.map(|(how, name)| (count(how), name)).into_iter().filter(|&(count, _)| count > 0);
    texts.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// The same of buffers without a graph.
#[must_use]
pub fn summary_of_problem(
    name: &str,
    problem: &Problem,
    solution: &Solution,
    seconds: Option<f64>,
) -> String {
    let mut lines = Lines::default();
    lines.model(name);
    lines.say("buffers", problem.buffers().len().to_string());
    let sizes = problem.buffers().iter().map(crate::Buffer::size);
    lines.figures(&Figures {
        no_reuse: sizes.fold(0, u64::saturating_add),
        arena: solution.height,
        bound: solution.lower_bound.bytes,
        gap: solution.gap(),
        status: solution.status,
        strategy: &solution.strategy,
        capacity: problem.capacity(),
        reserved: problem.reserved(),
    });
    if let Some(objects) = &solution.objects {
        lines.objects(objects.sizes.len(), objects.total(), objects.lower_bound, objects.inside.len());
    }
    let step = format!("step {}", solution.lower_bound.step);
    lines.causes(&step, causes_of_solution(problem, &solution.lower_bound));
    lines.time(seconds);
    lines.text
}

/// What of a graph cannot lie together; of a graph with bodies,
/// [flattened](crate::Plan::flattened) by the plan.
#[must_use]
pub fn core_of_graph(graph: &Graph, core: &InfeasibleCore<Occupant>) -> String {
    let size = |occupant: Occupant| match occupant {
        Occupant::Tensor(id) => graph.tensors().get(id.index()).map_or(0, crate::Tensor::bytes),
        Occupant::Scratch(id) => graph.operators().get(id.index()).map_or(0, crate::Operator::scratch_bytes),
    };
    let known = core.members.iter().filter_map(|&one| Some((name_and_kind(graph, one)?.0, size(one))));
    too_much(core, known.collect())
}

/// What of a problem cannot lie together.
#[must_use]
pub fn core_of_problem(problem: &Problem, core: &InfeasibleCore<BufferId>) -> String {
    let known = core.members.iter().filter(|id| id.index() < problem.buffers().len());
    let named = known.map(|&id| (or_number(&problem.name(id), id.index()), problem.buffer(id).size()));
    too_much(core, named.collect())
}

fn too_much<T>(core: &InfeasibleCore<T>, members: Vec<(String, u64)>) -> String {
    let mut lines = Lines::default();
    let (missing, needed, count) = (bytes(core.missing()), bytes(core.needed), members.len());
    let rest = if core.irreducible { "any one less would fit" } else { "fewer may be too much" };
    lines.say("too much", format!("{missing} more than there is: these {count} need {needed}; {rest}"));
    lines.list(members);
    lines.text
}

/// How far above the bound: 0.01 is one percent.
fn gap(total: u64, bound: u64) -> f64 {
    if bound == 0 { 0.0 } else { total as f64 / bound as f64 - 1.0 }
}

struct Figures<'a> {
    no_reuse: u64,
    arena: u64,
    bound: u64,
    gap: f64,
    status: Status,
    strategy: &'a str,
    capacity: Option<u64>,
    reserved: &'a [Range<u64>],
}

/// Of what causes the bound.
struct Cause {
    name: String,
    size: u64,
    fixed_offset: Option<u64>,
}

#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: String,
}

impl Lines {
    pub(super) fn say(&mut self, key: &str, value: impl AsRef<str>) {
        // Names may hold line breaks; a summary line is one line.
        let value: String =
            value.as_ref().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        writeln!(self.text, "{key:<13}{value}").expect("a string takes every letter");
    }

    pub(super) fn model(&mut self, name: &str) {
        self.say("model", if name.is_empty() { "(unnamed)" } else { name });
    }

    fn figures(&mut self, figures: &Figures) {
        self.say("no reuse", bytes(figures.no_reuse));
        self.say("arena", bytes(figures.arena));
        self.say("lower bound", bytes(figures.bound));
        self.say("gap", percent(figures.gap));
        let by = if figures.strategy.is_empty() {
            String::new()
        } else {
            format!(" (strategy: {})", figures.strategy)
        };
        self.say("status", format!("{}{by}", figures.status));
        if !figures.reserved.is_empty() {
            let total = figures.reserved.iter().map(|range| range.end.saturating_sub(range.start));
            let ranges: Vec<String> = figures
                .reserved
                .iter()
                .take(3)
                .map(|range| format!("{}..{}", range.start, range.end))
                .collect();
            let more = if figures.reserved.len() > 3 { ", ..." } else { "" };
            self.say(
                "reserved",
                format!("{} at {}{more}", bytes(total.fold(0, u64::saturating_add)), ranges.join(", ")),
            );
        }
        if let Some(capacity) = figures.capacity {
            self.say("capacity", format!("{}: {}", bytes(capacity), verdict(figures, capacity)));
        }
    }

    /// What the order of the file needs, and what this one does beyond the bound.
    fn file_order(&mut self, plan: &Plan, arena: u64) {
        let part = if arena == 0 { 0.0 } else { 1.0 - plan.arena_bytes as f64 / arena as f64 };
        let saves = if part > 0.0 { format!("; this order saves {}", percent(part)) } else { String::new() };
        self.say("file order", format!("{}{saves}", bytes(arena)));
        if plan.lower_bound.bytes > plan.bound() {
            let own = bytes(plan.lower_bound.bytes);
            self.say("this order", format!("no less than {own}; the lower bound is that of all orders"));
        }
    }

    /// Shared objects, and how far from the least their sum can be.
    fn objects(&mut self, count: usize, total: u64, bound: u64, inside: usize) {
        let proof = if total == bound {
            "proven the least".to_owned()
        } else {
            format!("at most {} above the least", percent(gap(total, bound)))
        };
        self.say("objects", format!("{count}, together {}: {proof}", bytes(total)));
        if inside > 0 {
            self.say("merged", format!("{inside} tensors lie inside of larger ones"));
        }
    }

    /// Arenas of bodies, the largest first.
    pub(super) fn bodies(&mut self, graph: &Graph, bodies: &[BodyPlan]) {
        if bodies.is_empty() {
            return;
        }
        self.say("bodies", format!("{}, in the workspaces of their operators", bodies.len()));
        let known = bodies.iter().filter_map(|one| {
            let operator = graph.operators().get(one.operator.index())?;
            let body = operator.bodies().get(one.body)?;
            let runs = or_number(operator.name(), one.operator.index());
            let name = or_number(body.name(), one.body);
            let bound = one.plan.bound();
            let above = one.plan.arena_bytes > bound;
            let gap = if above { format!(" (no less than {})", bytes(bound)) } else { String::new() };
            Some((format!("{name} of {runs}{gap}"), one.plan.arena_bytes))
        });
        self.list(known.collect());
    }

    fn causes(&mut self, step: &str, causes: Vec<Cause>) {
        match causes.as_slice() {
            [] => return,
            [Cause { fixed_offset: Some(offset), .. }] => {
                self.say("bound set by", format!("{step}, and the fixed offset {offset} of"));
            }
            _ => self.say("bound set by", step),
        }
        self.list(causes.into_iter().map(|cause| (cause.name, cause.size)).collect());
    }

    /// Names and sizes, the largest first.
    pub(super) fn list(&mut self, mut members: Vec<(String, u64)>) {
        // Stable, so equal sizes stay in the order of their ids.
        members.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
        let (shown, rest) = members.split_at(members.len().min(SHOWN));
        let width = shown.iter().map(|&(_, size)| short_bytes(size).len()).max().unwrap_or(0);
        for (name, size) in shown {
            self.say("", format!("{:>width$}  {}", short_bytes(*size), shortened(name, NAME_ROOM)));
        }
        if !rest.is_empty() {
            let together = rest.iter().map(|&(_, size)| size).fold(0, u64::saturating_add);
            self.say("", format!("and {} more, {} together", rest.len(), short_bytes(together)));
        }
    }

    pub(super) fn time(&mut self, seconds: Option<f64>) {
        if let Some(seconds) = seconds {
            self.say("time", format!("{seconds:.3} s"));
        }
    }
}

fn verdict(figures: &Figures, capacity: u64) -> String {
    if figures.bound > capacity {
        let above = bytes(figures.bound - capacity);
        return format!("does not fit, and nothing can: the lower bound is above it by {above}");
    }
    match figures.arena.checked_sub(capacity) {
        None | Some(0) => format!("fits, {} to spare", bytes(capacity - figures.arena)),
        Some(missing) => format!("does not fit by {}", bytes(missing)),
    }
}

/// The step, and the operator that runs there.
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

fn causes_of_plan(graph: &Graph, plan: &Plan) -> Vec<Cause> {
    let causes = plan.lower_bound.causes.iter().filter_map(|&occupant| {
        let (name, _) = name_and_kind(graph, occupant)?;
        let size = plan.placement(occupant).map_or(0, |place| place.bytes);
        let fixed_offset = match occupant {
            Occupant::Tensor(id) => graph.tensor(id).fixed_offset(),
            Occupant::Scratch(_) => None,
        };
        Some(Cause { name, size, fixed_offset })
    });
    causes.collect()
}

fn causes_of_solution(problem: &Problem, bound: &LowerBound) -> Vec<Cause> {
    let known = bound.buffers.iter().filter(|id| id.index() < problem.buffers().len());
    let causes = known.map(|&id| {
        let buffer = problem.buffer(id);
        let name = or_number(&problem.name(id), id.index());
        Cause { name, size: buffer.size(), fixed_offset: buffer.fixed_offset() }
    });
    causes.collect()
}
