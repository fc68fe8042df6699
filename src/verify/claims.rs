//! Rules 2, 4 and 6: what a plan says of tensors, bound and status.

use super::geometry::Rectangle;
use super::{Found, Violation};
use crate::graph::{Graph, TensorKind};
use crate::ids::{OperatorId, TensorId};
use crate::liveness::{Occupant, Variables};
use crate::plan::{Placement, Plan, Status};
use crate::problem::LiveRange;

pub(super) fn check_shape(graph: &Graph, plan: &Plan, found: &mut Found) -> bool {
    let lists = [
        ("tensors", plan.tensors.len(), graph.tensors().len()),
        ("workspaces", plan.scratch.len(), graph.operators().len()),
    ];
    for (what, got, expected) in lists {
        if got != expected {
            found.add(Violation::Shape { what, got, expected });
        }
    }
    if !plan.alignment.is_power_of_two() {
        found.add(Violation::Claim(format!("alignment {} is not a power of two", plan.alignment)));
    }
    lists.iter().all(|(_, got, expected)| got == expected) && plan.alignment.is_power_of_two()
}

/// Checks presence, size and live range of everything; returns the rectangles
/// with their true sizes and ranges.
pub(super) fn check_places<'a>(
    graph: &'a Graph,
    plan: &Plan,
    steps: &[Option<u32>],
    found: &mut Found,
) -> Vec<Rectangle<'a>> {
    let mut rectangles = Vec::new();
    for id in graph.tensor_ids() {
        let tensor = graph.tensor(id);
        let needed = need_of_tensor(graph, plan, steps, id);
        let name = move || format!("tensor `{}`", tensor.name());
        if let Some(place) = check_place(needed, plan.tensors[id.index()], &name, found) {
            let alignment = tensor.alignment().unwrap_or(plan.alignment);
            rectangles.push(rectangle(name, place, alignment, tensor.fixed_offset()));
        }
    }
    for id in graph.operator_ids() {
        let operator = graph.operator(id);
        let needed = need_of_scratch(graph, steps, id);
        let name = move || format!("scratch of operator `{}`", operator.name());
        if let Some(place) = check_place(needed, plan.scratch[id.index()], &name, found) {
            rectangles.push(rectangle(name, place, plan.alignment, None));
        }
    }
    rectangles
}

fn rectangle<'a>(
    name: impl Fn() -> String + 'a,
    place: Placement,
    alignment: u64,
    fixed: Option<u64>,
) -> Rectangle<'a> {
    let Placement { offset, bytes, live } = place;
    Rectangle { name: Box::new(name), offset, bytes, live, alignment, fixed }
}

/// Bytes and live range, or why it needs no place.
type Need = Result<(u64, LiveRange), &'static str>;

fn need_of_tensor(graph: &Graph, plan: &Plan, steps: &[Option<u32>], id: TensorId) -> Need {
    let tensor = graph.tensor(id);
    let whole_run = LiveRange { start: 0, end: (plan.order.len() as u32).max(1) };
    let last_read = tensor.readers().iter().filter_map(|reader| steps[reader.index()]).max();
    let start = match tensor.kind() {
        TensorKind::Constant => return Err("it is a constant"),
        TensorKind::Variable if plan.variables == Variables::Outside => {
            return Err("it is a variable, and those live outside");
        }
        TensorKind::Variable => return Ok((tensor.bytes(), whole_run)),
        TensorKind::Input => 0,
        TensorKind::Intermediate => {
            let produced = tensor.producer().and_then(|producer| steps[producer.index()]);
            produced.ok_or("no operator of the order writes it")?
        }
    };
    let end = if tensor.is_output() { whole_run.end } else { last_read.unwrap_or(start).max(start) + 1 };
    Ok((tensor.bytes(), LiveRange { start, end }))
}

fn need_of_scratch(graph: &Graph, steps: &[Option<u32>], id: OperatorId) -> Need {
    let bytes = graph.operator(id).scratch_bytes();
    match steps[id.index()] {
        None => Err("its operator is folded away"),
        Some(_) if bytes == 0 => Err("its operator needs none"),
        Some(step) => Ok((bytes, LiveRange { start: step, end: step + 1 })),
    }
}

/// The place with its true size and range, if there is one and should be.
fn check_place(
    need: Need,
    planned: Option<Placement>,
    name: &dyn Fn() -> String,
    found: &mut Found,
) -> Option<Placement> {
    match (need, planned) {
        (Err(_), None) => None,
        (Err(why), Some(_)) => {
            found.add(Violation::Superfluous { what: name(), why });
            None
        }
        (Ok((bytes, _)), None) => {
            found.add(Violation::Missing { what: name(), bytes });
            None
        }
        (Ok((bytes, live)), Some(planned)) => {
            if planned.bytes != bytes {
                found.add(Violation::Size { what: name(), planned: planned.bytes, actual: bytes });
            }
            if planned.live != live {
                found.add(Violation::Live { what: name(), planned: planned.live, actual: live });
            }
            Some(Placement { offset: planned.offset, bytes, live })
        }
    }
}

pub(super) fn check_bound(graph: &Graph, plan: &Plan, found: &mut Found) {
    let bound = &plan.lower_bound;
    let proven = proven_bytes(graph, plan);
    if bound.bytes > proven {
        let text = format!("the lower bound is said to be {} bytes, but its causes prove {proven}", bound.bytes);
        found.add(Violation::Claim(text));
    }
    let (arena, capacity) = (plan.arena_bytes, plan.capacity);
    if arena < bound.bytes {
        let text = format!("the arena of {arena} bytes is below the lower bound of {}", bound.bytes);
        found.add(Violation::Claim(text));
    }
    let fits = capacity.is_none_or(|capacity| arena <= capacity);
    let says_fits = plan.status != Status::Infeasible;
    if fits != says_fits || (plan.status == Status::Optimal && arena != bound.bytes) {
        let limit = capacity.map_or("none".to_owned(), |capacity| capacity.to_string());
        let text = format!(
            "status `{}` is not true of arena {arena}, lower bound {} and capacity {limit}",
            plan.status, bound.bytes
        );
        found.add(Violation::Claim(text));
    }
}

/// What the bound's causes prove: they are all live at its step, so they lie
/// on top of each other, each but the topmost padded to their common alignment;
/// or one of them reaches so high from its fixed offset. Ranges and sizes have
/// been checked before.
fn proven_bytes(graph: &Graph, plan: &Plan) -> u64 {
    let mut causes = plan.lower_bound.causes.clone();
    causes.sort_unstable_by_key(|cause| match cause {
        Occupant::Tensor(id) => (0, id.index()),
        Occupant::Scratch(id) => (1, id.index()),
    });
    causes.dedup();
    let mut stacked: Vec<(u64, u64)> = Vec::new();
    let mut fixed_end = 0;
    for cause in causes {
        let Some(place) = plan.placement(cause) else { continue };
        let tensor = match cause {
            Occupant::Tensor(id) => Some(graph.tensor(id)),
            Occupant::Scratch(_) => None,
        };
        if let Some(fixed) = tensor.and_then(|tensor| tensor.fixed_offset()) {
            fixed_end = fixed_end.max(fixed.saturating_add(place.bytes));
        }
        if place.live.contains(plan.lower_bound.step) {
            let alignment = tensor.and_then(|tensor| tensor.alignment()).unwrap_or(plan.alignment);
            stacked.push((place.bytes, alignment));
        }
    }
    let common = stacked.iter().map(|(_, alignment)| *alignment).min().unwrap_or(1);
    let padded = |bytes: u64| u128::from(bytes).next_multiple_of(u128::from(common));
    let sum: u128 = stacked.iter().map(|&(bytes, _)| padded(bytes)).sum();
    let largest_padding = stacked.iter().map(|&(bytes, _)| padded(bytes) - u128::from(bytes)).max();
    let height = sum - largest_padding.unwrap_or(0);
    fixed_end.max(u64::try_from(height).unwrap_or(u64::MAX))
}
