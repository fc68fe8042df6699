//! Rules P1 to P3, L1 and B1: every occupant has the memory that it needs.
//!
//! *State*: `need(x)`, the size and the live range that occupant `x` needs by graph and order; undefined if
//! `x` needs no memory in the arena.
//!
//! | occupant `x` | `need(x)` |
//! | --- | --- |
//! | constant | undefined |
//! | tensor with the storage [`Outside`](crate::Storage::Outside) | undefined |
//! | variable | undefined if variables live outside of the arena, else its size, live in `0 .. N` |
//! | input | its size, live from step 0 |
//! | intermediate tensor with a producer `p` that runs | its size, live from `step(p)` |
//! | intermediate tensor that no operator of the order writes | undefined |
//! | scratch buffer of an operator `o` that runs, of more than 0 bytes | its size, live at `step(o)` only |
//! | any other scratch buffer | undefined |
//!
//! An input or an intermediate tensor is live until `N` if it is an output or a preserved input, and otherwise
//! until one step after its last reader, but at least for one step.
//!
//! *Claim*:
//!
//! - **P1**: if `need(x)` is defined, `x` has a placement. No tensor has a pool as its storage, as an arena is none. **P2**: if `x` has a placement, `need(x)` is
//!   defined.
//! - **P3**: `bytes(x)` is the size of `need(x)`. **L1**: `live(x)` is the live range of `need(x)`.
//! - **B1**: for each member `x` of the certificate with step `s`: `need(x)` is defined, and its live range
//!   contains `s` or `x` has a fixed offset.
//! - **F1**, **F2** for the lists and the alignment of the plan, **G2** for the members of shared objects.
//!
//! *Certificates of plans with aliases*: rule B2 adds up members that are disjoint in every arena. Members
//! that share a byte in the plan, or that an alias of partial overlap connects, need not be disjoint. So the
//! certificate is reduced: members are taken from the largest on, and a member is left out if it meets one
//! that was taken, or if a partial overlap connects the two.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::claims::CertificateMember;
use super::geometry::PlacedRectangle;
use super::objects::{self, ObjectMember};
use super::{Rule, ViolationCollector, form};
use crate::graph::{Graph, InputContents, Occupant, Storage, TensorKind, Variables};
use crate::plan::{Placement, Plan, PlanObjects};
use crate::problem::LiveRange;
use crate::sharing::AliasKind;
use crate::support::ids::{OperatorId, TensorId};

/// A plan and its graph, with the step of each operator.
#[derive(Clone, Copy)]
pub(super) struct Requirements<'a> {
    pub(super) graph: &'a Graph,
    pub(super) plan: &'a Plan,
    pub(super) steps: &'a [Option<u32>],
}

/// Size and live range of an occupant, or the reason why it needs no memory.
type Requirement = Result<(u64, LiveRange), &'static str>;

/// Checks F1 and F2. Returns true if they hold.
pub(super) fn check_form(graph: &Graph, plan: &Plan, violations: &mut ViolationCollector) -> bool {
    let lists = [
        ("tensors", plan.tensors.len(), graph.tensors().len()),
        ("scratch buffers", plan.scratch.len(), graph.operators().len()),
    ];
    let are_complete = form::check_lengths(&lists, violations);
    form::check_alignment(plan.alignment, violations) && are_complete
}

impl Requirements<'_> {
    /// Checks P1 to P3 and L1 for all occupants. Returns the planned offsets with the required sizes and
    /// live ranges.
    pub(super) fn check_placements(
        &self,
        violations: &mut ViolationCollector,
    ) -> Vec<PlacedRectangle<Occupant>> {
        self.occupants().filter_map(|occupant| self.check_placement(occupant, violations)).collect()
    }

    /// All tensors and scratch buffers of the graph, whether they need memory or not.
    fn occupants(&self) -> impl Iterator<Item = Occupant> + '_ {
        let tensors = self.graph.tensor_ids().map(Occupant::Tensor);
        tensors.chain(self.graph.operator_ids().map(Occupant::Scratch))
    }

    fn check_placement(
        &self,
        occupant: Occupant,
        violations: &mut ViolationCollector,
    ) -> Option<PlacedRectangle<Occupant>> {
        let name = || name(self.graph, occupant);
        if let Occupant::Tensor(id) = occupant
            && let Storage::Pool(pool) = self.graph.tensor(id).storage()
        {
            let message = format!("{} must be in pool `{pool}`, but the plan has one arena", name());
            violations.add(Rule::PlacementExists, message);
        }
        match (self.need(occupant), self.plan.placement(occupant)) {
            (Err(_), None) => None,
            (Err(reason), Some(_)) => {
                let message = format!("{} has a place in the arena, but {reason}", name());
                violations.add(Rule::PlacementNeeded, message);
                None
            }
            (Ok((bytes, _)), None) => {
                let message = format!("{} needs {bytes} bytes of the arena but has no place", name());
                violations.add(Rule::PlacementExists, message);
                None
            }
            (Ok((bytes, live)), Some(planned)) => {
                if planned.bytes != bytes {
                    violations.add(Rule::PlacementSize, wrong_size(&name(), planned.bytes, bytes));
                }
                if planned.live != live {
                    let message =
                        format!("{} has the live range {} but lives in {live}", name(), planned.live);
                    violations.add(Rule::LiveRange, message);
                }
                let (alignment, fixed) = self.address_demands(occupant);
                Some(PlacedRectangle { of: occupant, offset: planned.offset, bytes, live, alignment, fixed })
            }
        }
    }

    /// Alignment and fixed offset of an occupant.
    fn address_demands(&self, occupant: Occupant) -> (u64, Option<u64>) {
        match occupant {
            Occupant::Tensor(id) => {
                let tensor = self.graph.tensor(id);
                (tensor.alignment().unwrap_or(self.plan.alignment), tensor.fixed_offset())
            }
            Occupant::Scratch(id) => (self.graph.operator(id).scratch_alignment(self.plan.alignment), None),
        }
    }

    /// Checks B1.
    pub(super) fn check_certificate(&self, violations: &mut ViolationCollector) {
        let step = self.plan.lower_bound.step;
        for &occupant in &self.plan.lower_bound.causes {
            let reason = match self.need(occupant) {
                Err(reason) => reason.to_owned(),
                Ok((_, live)) if !live.contains(step) && self.address_demands(occupant).1.is_none() => {
                    format!("it is live in {live}, not at step {step}")
                }
                Ok(_) => continue,
            };
            let name = name_or_id(self.graph, occupant);
            let message = format!("the certificate of the lower bound names {name}, but {reason}");
            violations.add(Rule::CertificateMember, message);
        }
    }

    /// The members of the certificate, each once, with required sizes and live ranges. Members that need
    /// no memory are left out, and so are members that need not be disjoint from larger ones.
    pub(super) fn certificate(&self, step: u32) -> Vec<CertificateMember> {
        let mut members = self.plan.lower_bound.causes.clone();
        members.sort_unstable_by_key(|member| match member {
            Occupant::Tensor(id) => (0, id.index()),
            Occupant::Scratch(id) => (1, id.index()),
        });
        members.dedup();
        if !self.plan.aliases.is_empty() {
            members = self.disjoint(&members, step);
        }
        let member = |occupant: Occupant| {
            let (bytes, live) = self.need(occupant).ok()?;
            let (alignment, fixed) = self.address_demands(occupant);
            Some(CertificateMember { bytes, alignment, fixed, is_live: live.contains(step) })
        };
        members.into_iter().filter_map(member).collect()
    }

    /// The members of a certificate that are live at its step and disjoint in every arena, taken from the
    /// largest on.
    fn disjoint(&self, members: &[Occupant], step: u32) -> Vec<Occupant> {
        let range = |occupant: Occupant| {
            let placement = self.plan.placement(occupant)?;
            placement.live.contains(step).then_some((placement.offset, placement.end()))
        };
        let size = |member: &Occupant| range(*member).map_or(0, |(start, end)| end - start);
        let mut by_size: Vec<Occupant> = members.to_vec();
        by_size.sort_by_key(|member| Reverse(size(member)));
        let mut overlapping: BTreeMap<Occupant, Vec<Occupant>> = BTreeMap::new();
        for alias in self.plan.aliases.iter().filter(|alias| alias.kind == AliasKind::Overlap) {
            let (tensor, of) = (Occupant::Tensor(alias.tensor), Occupant::Tensor(alias.of));
            overlapping.entry(tensor).or_default().push(of);
            overlapping.entry(of).or_default().push(tensor);
        }
        let (mut kept, mut taken, mut excluded) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        for occupant in by_size {
            let Some((start, end)) = range(occupant) else { continue };
            // Taken ranges are disjoint, so the last one that starts below `end` has the highest end.
            let meets = taken.range(..end).next_back().is_some_and(|(_, &taken_end)| start < taken_end);
            if !meets && !excluded.contains(&occupant) {
                taken.extend((start < end).then_some((start, end)));
                excluded.extend(overlapping.remove(&occupant).unwrap_or_default());
                kept.push(occupant);
            }
        }
        kept
    }

    /// Checks F1 and G1 to G5, if the plan has shared objects. An object may end after the arena: only the
    /// bytes that its members take count.
    pub(super) fn check_objects(&self, violations: &mut ViolationCollector) {
        let Some(objects) = &self.plan.objects else { return };
        self.check_members_placed(objects, violations);
        let list: Vec<(u64, u64)> = objects.list.iter().map(|object| (object.offset, object.bytes)).collect();
        let member = |occupant: Occupant| {
            let Placement { offset, bytes, live } = self.plan.placement(occupant)?;
            Some(ObjectMember { of: occupant, offset, bytes, live, object: objects.of(occupant)? })
        };
        let name = |occupant| name(self.graph, occupant);
        let placed = self.plan.placements().map(|(occupant, _)| occupant);
        let nested = objects.nestings.iter().map(|nesting| (nesting.guest, nesting.host, nesting.at));
        objects::check((&list, objects.lower_bound), (placed, nested), member, &name, violations);
    }

    /// Checks F1 for the lists of shared objects, and G2 for members without a placement.
    fn check_members_placed(&self, objects: &PlanObjects, violations: &mut ViolationCollector) {
        let lists = [
            ("objects of tensors", objects.of_tensor.len(), self.graph.tensors().len()),
            ("objects of scratch buffers", objects.of_scratch.len(), self.graph.operators().len()),
        ];
        form::check_lengths(&lists, violations);
        for occupant in self.occupants() {
            let Some(object) = objects.of(occupant) else { continue };
            if self.plan.placement(occupant).is_none() {
                let name = name(self.graph, occupant);
                let message = format!("{name} is in object {object}, but has no place in the arena");
                violations.add(Rule::ObjectExists, message);
            }
        }
    }

    /// `need(x)`.
    fn need(&self, occupant: Occupant) -> Requirement {
        match occupant {
            Occupant::Tensor(id) if id.index() < self.graph.tensors().len() => self.need_of_tensor(id),
            Occupant::Scratch(id) if id.index() < self.steps.len() => self.need_of_scratch(id),
            _ => Err("it is not of this graph"),
        }
    }

    fn need_of_tensor(&self, id: TensorId) -> Requirement {
        let tensor = self.graph.tensor(id);
        let whole_run = LiveRange { start: 0, end: (self.plan.order.len() as u32).max(1) };
        let last_read = tensor.readers().iter().filter_map(|reader| self.steps[reader.index()]).max();
        let is_kept_input =
            tensor.kind() == TensorKind::Input && tensor.input_contents() == InputContents::Preserved;
        let start = match tensor.kind() {
            TensorKind::Constant => return Err("it is a constant"),
            _ if *tensor.storage() == Storage::Outside => return Err("it is in a buffer of the caller"),
            TensorKind::Variable
                if self.plan.variables == Variables::Outside && *tensor.storage() == Storage::Arena =>
            {
                return Err("it is a variable, and those live outside");
            }
            TensorKind::Variable => return Ok((tensor.bytes(), whole_run)),
            TensorKind::Input => 0,
            TensorKind::Intermediate => {
                let produced = tensor.producer().and_then(|producer| self.steps[producer.index()]);
                produced.ok_or("no operator of the order writes it")?
            }
        };
        let end = if tensor.is_output() || is_kept_input {
            whole_run.end
        } else {
            last_read.unwrap_or(start).max(start) + 1
        };
        Ok((tensor.bytes(), LiveRange { start, end }))
    }

    fn need_of_scratch(&self, id: OperatorId) -> Requirement {
        let bytes = self.graph.operator(id).scratch_bytes();
        match self.steps[id.index()] {
            None => Err("its operator is folded away"),
            Some(_) if bytes == 0 => Err("its operator needs none"),
            Some(step) => Ok((bytes, LiveRange { start: step, end: step + 1 })),
        }
    }
}

/// The message of P3.
pub(super) fn wrong_size(name: &str, planned: u64, needed: u64) -> String {
    format!("{name} has a place of {planned} bytes but needs {needed}")
}

/// The name of an occupant of the graph.
pub(super) fn name(graph: &Graph, occupant: Occupant) -> String {
    match occupant {
        Occupant::Tensor(id) => format!("tensor `{}`", graph.tensor(id).name()),
        Occupant::Scratch(id) => format!("scratch of operator `{}`", graph.operator(id).name()),
    }
}

/// The name of an occupant, or its number if the graph has no such tensor or operator.
pub(super) fn name_or_id(graph: &Graph, occupant: Occupant) -> String {
    match occupant {
        Occupant::Tensor(id) if id.index() >= graph.tensors().len() => format!("tensor {id}"),
        Occupant::Scratch(id) if id.index() >= graph.operators().len() => {
            format!("scratch of operator {id}")
        }
        occupant => name(graph, occupant),
    }
}
