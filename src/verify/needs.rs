//! Rules 2 and 4: what each tensor and workspace needs, from graph and order
//! alone, and whether the plan gives it that.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::Cause;
use super::geometry::Rectangle;
use super::objects::{self, Member};
use super::{Found, Violation};
use crate::graph::{Graph, TensorKind};
use crate::ids::{OperatorId, TensorId};
use crate::occupant::{Occupant, Variables};
use crate::plan::{Placement, Plan, PlanObjects};
use crate::problem::LiveRange;
use crate::sharing::How;

/// A plan and its graph, with the step of each operator.
#[derive(Clone, Copy)]
pub(super) struct Needs<'a> {
    pub(super) graph: &'a Graph,
    pub(super) plan: &'a Plan,
    pub(super) steps: &'a [Option<u32>],
}

/// Bytes and live range, or why it needs no place.
type Need = Result<(u64, LiveRange), &'static str>;

/// Whether the plan's lists are as long as the graph's.
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

impl Needs<'_> {
    /// Checks presence, size and live range of everything; returns the places
    /// with their true sizes and ranges.
    pub(super) fn check_places(&self, found: &mut Found) -> Vec<Rectangle<Occupant>> {
        let tensors = self.graph.tensor_ids().map(Occupant::Tensor);
        let scratch = self.graph.operator_ids().map(Occupant::Scratch);
        tensors.chain(scratch).filter_map(|occupant| self.check_place(occupant, found)).collect()
    }

    /// The place with its true size and range, if there is one and should be.
    fn check_place(&self, occupant: Occupant, found: &mut Found) -> Option<Rectangle<Occupant>> {
        let what = || name(self.graph, occupant);
        match (self.of(occupant), self.plan.placement(occupant)) {
            (Err(_), None) => None,
            (Err(why), Some(_)) => {
                found.add(Violation::Superfluous { what: what(), why });
                None
            }
            (Ok((bytes, _)), None) => {
                found.add(Violation::Missing { what: what(), bytes });
                None
            }
            (Ok((bytes, live)), Some(planned)) => {
                if planned.bytes != bytes {
                    found.add(Violation::Size { what: what(), planned: planned.bytes, actual: bytes });
                }
                if planned.live != live {
                    found.add(Violation::Live { what: what(), planned: planned.live, actual: live });
                }
                Some(self.rectangle(occupant, Placement { offset: planned.offset, bytes, live }))
            }
        }
    }

    fn rectangle(&self, occupant: Occupant, place: Placement) -> Rectangle<Occupant> {
        let Placement { offset, bytes, live } = place;
        let (alignment, fixed) = self.demands(occupant);
        Rectangle { of: occupant, offset, bytes, live, alignment, fixed }
    }

    /// Alignment and fixed offset.
    fn demands(&self, occupant: Occupant) -> (u64, Option<u64>) {
        match occupant {
            Occupant::Tensor(id) => {
                let tensor = self.graph.tensor(id);
                (tensor.alignment().unwrap_or(self.plan.alignment), tensor.fixed_offset())
            }
            Occupant::Scratch(id) => (self.graph.operator(id).scratch_alignment(self.plan.alignment), None),
        }
    }

    /// Everything that the bound's certificate names is in the arena, and live at its step or
    /// fixed.
    pub(super) fn check_certificate(&self, found: &mut Found) {
        let step = self.plan.lower_bound.step;
        for &occupant in &self.plan.lower_bound.causes {
            let wrong = match self.of(occupant) {
                Err(why) => Some(why.to_owned()),
                Ok((_, live)) if !live.contains(step) && self.demands(occupant).1.is_none() => {
                    Some(format!("it is live in {live}, not at step {step}"))
                }
                Ok(_) => None,
            };
            if let Some(why) = wrong {
                let what = self.name_of(occupant);
                found.add(Violation::Bound(format!("its certificate names {what}, but {why}")));
            }
        }
    }

    /// The name of what may be of another graph.
    fn name_of(&self, occupant: Occupant) -> String {
        let known = match occupant {
            Occupant::Tensor(id) => id.index() < self.graph.tensors().len(),
            Occupant::Scratch(id) => id.index() < self.graph.operators().len(),
        };
        if known { name(self.graph, occupant) } else { "something".to_owned() }
    }

    /// The bound's causes as they truly are, each once; those that need no
    /// place prove nothing. Of those that share a byte, or may, one counts.
    pub(super) fn causes(&self, step: u32) -> Vec<Cause> {
        let mut named = self.plan.lower_bound.causes.clone();
        named.sort_unstable_by_key(|cause| match cause {
            Occupant::Tensor(id) => (0, id.index()),
            Occupant::Scratch(id) => (1, id.index()),
        });
        named.dedup();
        let cause = |occupant: Occupant| {
            let (bytes, live) = self.of(occupant).ok()?;
            let (alignment, fixed) = self.demands(occupant);
            Some(Cause { bytes, alignment, fixed, live: live.contains(step) })
        };
        if !self.plan.shares.is_empty() {
            named = self.apart(&named, step);
        }
        named.into_iter().filter_map(cause).collect()
    }

    /// Those live at a step that share no byte with the larger ones, nor may overlap them.
    fn apart(&self, named: &[Occupant], step: u32) -> Vec<Occupant> {
        let place = |occupant: Occupant| {
            let placement = self.plan.placement(occupant)?;
            placement.live.contains(step).then_some((placement.offset, placement.end()))
        };
        let size = |&occupant: &Occupant| place(occupant).map_or(0, |(from, end)| end - from);
        let mut largest: Vec<(u64, usize)> = named.iter().map(|one| !size(one)).zip(0..).collect();
        largest.sort_unstable();
        let mut overlapping: BTreeMap<Occupant, Vec<Occupant>> = BTreeMap::new();
        for share in self.plan.shares.iter().filter(|share| share.how == How::Overlap) {
            let (one, other) = (Occupant::Tensor(share.tensor), Occupant::Tensor(share.of));
            overlapping.entry(one).or_default().push(other);
            overlapping.entry(other).or_default().push(one);
        }
        let (mut kept, mut taken, mut excluded) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        for occupant in largest.into_iter().map(|(_, number)| named[number]) {
            let Some((from, end)) = place(occupant) else { continue };
            let shares = taken.range(..end).next_back().is_some_and(|(_, &stop)| from < stop);
            if !shares && !excluded.contains(&occupant) {
                taken.extend((from < end).then_some((from, end)));
                excluded.extend(overlapping.remove(&occupant).unwrap_or_default());
                kept.push(occupant);
            }
        }
        kept
    }

    /// Rule 7. Nothing lies outside of the arena, but objects may: of an
    /// object's size, only what its tensors take counts.
    pub(super) fn check_objects(&self, found: &mut Found) {
        let Some(objects) = &self.plan.objects else { return };
        self.check_members_exist(objects, found);
        let list: Vec<(u64, u64)> = objects.list.iter().map(|object| (object.offset, object.bytes)).collect();
        let member = |occupant: Occupant| {
            let Placement { offset, bytes, live } = self.plan.placement(occupant)?;
            Some(Member { of: occupant, offset, bytes, live, object: objects.of(occupant)? })
        };
        let name = |occupant| name(self.graph, occupant);
        let members: Vec<_> = self.plan.placements().filter_map(|(occupant, _)| member(occupant)).collect();
        objects::check(&list, &members, &name, found);
        for inside in &objects.inside {
            let (guest, host) = (member(inside.guest), member(inside.host));
            objects::check_inside(guest.as_ref(), host.as_ref(), inside.at, &name, found);
        }
    }

    /// Whatever is said to be in an object has a place, and the object exists.
    fn check_members_exist(&self, objects: &PlanObjects, found: &mut Found) {
        let lists = [
            ("objects of tensors", objects.of_tensor.len(), self.graph.tensors().len()),
            ("objects of workspaces", objects.of_scratch.len(), self.graph.operators().len()),
        ];
        for (what, got, expected) in lists.into_iter().filter(|(_, got, expected)| got != expected) {
            found.add(Violation::Shape { what, got, expected });
        }
        let tensors = self.graph.tensor_ids().map(Occupant::Tensor);
        let scratch = self.graph.operator_ids().map(Occupant::Scratch);
        for occupant in tensors.chain(scratch) {
            let Some(object) = objects.of(occupant) else { continue };
            if self.plan.placement(occupant).is_none() {
                let text = format!(
                    "{} is said to be in object {object}, but has no place in the arena",
                    name(self.graph, occupant)
                );
                found.add(Violation::Objects(text));
            }
        }
    }

    fn of(&self, occupant: Occupant) -> Need {
        match occupant {
            Occupant::Tensor(id) if id.index() < self.graph.tensors().len() => self.of_tensor(id),
            Occupant::Scratch(id) if id.index() < self.steps.len() => self.of_scratch(id),
            _ => Err("it is not of this graph"),
        }
    }

    fn of_tensor(&self, id: TensorId) -> Need {
        let tensor = self.graph.tensor(id);
        let whole_run = LiveRange { start: 0, end: (self.plan.order.len() as u32).max(1) };
        let last_read = tensor.readers().iter().filter_map(|reader| self.steps[reader.index()]).max();
        let start = match tensor.kind() {
            TensorKind::Constant => return Err("it is a constant"),
            TensorKind::Variable if self.plan.variables == Variables::Outside => {
                return Err("it is a variable, and those live outside");
            }
            TensorKind::Variable => return Ok((tensor.bytes(), whole_run)),
            TensorKind::Input => 0,
            TensorKind::Intermediate => {
                let produced = tensor.producer().and_then(|producer| self.steps[producer.index()]);
                produced.ok_or("no operator of the order writes it")?
            }
        };
        let end = if tensor.is_output() { whole_run.end } else { last_read.unwrap_or(start).max(start) + 1 };
        Ok((tensor.bytes(), LiveRange { start, end }))
    }

    fn of_scratch(&self, id: OperatorId) -> Need {
        let bytes = self.graph.operator(id).scratch_bytes();
        match self.steps[id.index()] {
            None => Err("its operator is folded away"),
            Some(_) if bytes == 0 => Err("its operator needs none"),
            Some(step) => Ok((bytes, LiveRange { start: step, end: step + 1 })),
        }
    }
}

pub(super) fn name(graph: &Graph, occupant: Occupant) -> String {
    match occupant {
        Occupant::Tensor(id) => format!("tensor `{}`", graph.tensor(id).name()),
        Occupant::Scratch(id) => format!("scratch of operator `{}`", graph.operator(id).name()),
    }
}
