//! Rule N3: inputs and outputs of an operator inside the memory of its bodies.
//!
//! *State*, for an operator `o` whose body plans list linked tensors `t_1 .. t_n` at `at(t_1) .. at(t_n)`:
//!
//! - `below`: the longest prefix of the list with `at(t_1) = 0` and `at(t_(i+1)) = at(t_i) + bytes(t_i)`;
//!   `from`: the end of this prefix, 0 if it is empty.
//! - `above`: the other tensors of the list; `to`: the offset of the first one. Without such a tensor, `to` is
//!   the largest arena of the bodies, but at least `from`.
//! - `W(o) = to - from`: the scratch buffer of `o` in the flattened graph.
//! - `end`: the end of the last tensor of `above`, or `to` without such a tensor.
//! - `base = offset(t_1) - at(t_1)`: the start of the bodies' memory in the arena.
//!
//! *Claim* N3:
//!
//! - All bodies of `o` list the same tensors and offsets. `o` has no scratch of its own and no tensor of its
//!   bodies requests more than the alignment of the plan.
//! - Each `t_i` occurs once and is an output of `o` with a link in every body, or an input of `o` with a link in
//!   some body that no operator reads at a later step and that is neither a graph output nor a preserved input. It has at least one byte,
//!   requests neither a storage nor an alignment nor an offset, and has no alias in the plan.
//! - The tensors of `above` are adjacent, and the arena of each body ends at or before `end`.
//! - In the plan of each body with a link of `t_i` to `x`, `offset(x) = at(t_i)` and `bytes(x) = bytes(t_i)`.
//! - `offset(t_i) = base + at(t_i)`, and the scratch buffer of `o` starts at `base + from` if `W(o) > 0`.
//!
//! *Soundness*: by the other rules, `t_1 .. t_n` and the scratch buffer are disjoint from all that is live at the
//! step of `o`, and together they cover `base .. base + end`. So no other tensor loses bytes to the bodies. A
//! body reads an input only where its plan keeps that input, and nothing reads it after `o`.
//!
//! *Several memories*: `offset(t_i)` is the offset at which `o` accesses `t_i`, and all these accesses and that of the
//! scratch buffer are in one pool. No transfer of an input `t_i` is due after the step of `o`.

use super::{Rule, ViolationCollector};
use crate::graph::{Graph, InputContents, Occupant, Storage, TensorKind};
use crate::plan::{Alias, BodyPlan, LinkedTensor, Plan};
use crate::support::ids::{OperatorId, TensorId};

/// The scratch buffer of an operator with linked tensors, in the memory of the bodies.
pub(super) struct LinkedScratch {
    pub(super) from: u64,
    pub(super) bytes: u64,
    /// Number of tensors in front of it.
    below: usize,
}

/// `from` and `W(o)`, where the largest arena of the bodies ends at `end`.
pub(super) fn scratch(graph: &Graph, linked: &[LinkedTensor], end: u64) -> LinkedScratch {
    let mut from: u64 = 0;
    for (below, tensor) in linked.iter().enumerate() {
        if tensor.at != from {
            return LinkedScratch { from, bytes: tensor.at.saturating_sub(from), below };
        }
        from = from.saturating_add(bytes(graph, tensor.tensor));
    }
    LinkedScratch { from, bytes: end.saturating_sub(from), below: linked.len() }
}

/// Bytes of scratch that the certificates of the bodies prove: linked tensors count on their own.
pub(super) fn certified_scratch(graph: &Graph, linked: &[LinkedTensor], certified: u64) -> u64 {
    let linked = linked.iter().map(|linked| bytes(graph, linked.tensor)).fold(0, u64::saturating_add);
    certified.saturating_sub(linked)
}

fn bytes(graph: &Graph, id: TensorId) -> u64 {
    graph.tensors().get(id.index()).map_or(0, crate::graph::Tensor::bytes)
}

/// The parts of a plan that the check needs.
#[derive(Clone, Copy)]
pub(super) struct LinkedPlan<'a> {
    pub(super) bodies: &'a [BodyPlan],
    pub(super) aliases: &'a [Alias],
    pub(super) alignment: u64,
    /// By operator: its step.
    pub(super) steps: &'a [Option<u32>],
    /// The offset of an operand or of the scratch buffer at the step of an operator.
    pub(super) offset: &'a dyn Fn(OperatorId, Occupant) -> Option<u64>,
}

/// Checks N3 for all operators. `graph` has its bodies, and rule N1 holds.
pub(super) fn check(graph: &Graph, plan: &Plan, steps: &[Option<u32>], violations: &mut ViolationCollector) {
    let offset = |_: OperatorId, occupant: Occupant| Some(plan.placement(occupant)?.offset);
    let (bodies, aliases, alignment) = (&*plan.bodies, &*plan.aliases, plan.alignment);
    check_operators(graph, LinkedPlan { bodies, aliases, alignment, steps, offset: &offset }, violations);
}

/// As [`check`], for the parts of any plan.
pub(super) fn check_operators(graph: &Graph, plan: LinkedPlan<'_>, violations: &mut ViolationCollector) {
    for bodies in plan.bodies.chunk_by(|one, other| one.operator == other.operator) {
        if bodies.iter().all(|body| body.linked.is_empty()) {
            continue;
        }
        let check = LinkCheck { graph, plan, bodies, operator: bodies[0].operator };
        if let Err(problem) = check.run() {
            let name = graph.operator(check.operator).name();
            violations.add(Rule::LinkedTensors, format!("linked tensors of operator `{name}`: {problem}"));
        }
    }
}

struct LinkCheck<'a> {
    graph: &'a Graph,
    plan: LinkedPlan<'a>,
    /// All body plans of the operator.
    bodies: &'a [BodyPlan],
    operator: OperatorId,
}

type Problem = Result<(), String>;

impl LinkCheck<'_> {
    fn run(&self) -> Problem {
        let operator = self.graph.operator(self.operator);
        let linked = &self.bodies[0].linked;
        if self.bodies.iter().any(|body| body.linked != *linked) {
            return Err("the bodies list different tensors or offsets".to_owned());
        }
        let alignment = self.plan.alignment;
        if operator.scratch_bytes() > 0 || operator.scratch_alignment(alignment) != alignment {
            return Err("the operator has scratch of its own or bodies of a larger alignment".to_owned());
        }
        for (number, tensor) in linked.iter().enumerate() {
            if linked[..number].iter().any(|other| other.tensor == tensor.tensor) {
                return Err(format!("tensor {} occurs twice", tensor.tensor));
            }
            self.check_tensor(tensor.tensor)?;
            self.check_inner(*tensor)?;
        }
        self.check_layout(linked)
    }

    fn check_tensor(&self, id: TensorId) -> Problem {
        let operator = self.graph.operator(self.operator);
        let (links, count) =
            (|| operator.links().iter().filter(move |link| link.tensor == id), self.bodies.len());
        let is_output = operator.outputs().contains(&id);
        if !is_output && !operator.inputs().contains(&id) || links().next().is_none() {
            return Err(format!("tensor {id} has no link"));
        }
        let tensor = self.graph.tensor(id);
        let wrong = |problem: &str| Err(format!("tensor `{}` {problem}", tensor.name()));
        if !matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate) || tensor.bytes() == 0 {
            return wrong("needs no memory or is a variable");
        }
        if *tensor.storage() != Storage::Arena {
            return wrong("requests a storage");
        }
        if tensor.alignment().is_some() || tensor.fixed_offset().is_some() {
            return wrong("requests an alignment or an offset");
        }
        if self.plan.aliases.iter().any(|alias| alias.tensor == id || alias.of == id) {
            return wrong("has an alias");
        }
        if is_output {
            let in_all = (0..count).all(|body| links().any(|link| link.body == body));
            return if in_all { Ok(()) } else { wrong("is not linked in every body") };
        }
        let step = self.plan.steps[self.operator.index()];
        let is_read_later = tensor.readers().iter().any(|reader| self.plan.steps[reader.index()] > step);
        let is_preserved =
            tensor.kind() == TensorKind::Input && tensor.input_contents() == InputContents::Preserved;
        if tensor.is_output() || is_preserved || is_read_later {
            wrong("is needed after the operator")
        } else {
            Ok(())
        }
    }

    /// The tensors of the bodies lie where the linked tensor lies.
    fn check_inner(&self, linked: LinkedTensor) -> Problem {
        let operator = self.graph.operator(self.operator);
        for link in operator.links().iter().filter(|link| link.tensor == linked.tensor) {
            let place =
                self.bodies.get(link.body).and_then(|body| body.plan.placement(Occupant::Tensor(link.inner)));
            let expected = (linked.at, bytes(self.graph, linked.tensor));
            if place.map(|place| (place.offset, place.bytes)) != Some(expected) {
                let name = self.graph.tensor(linked.tensor).name();
                return Err(format!(
                    "the plan of body {} does not have `{name}` at offset {}",
                    link.body, linked.at
                ));
            }
        }
        Ok(())
    }

    fn check_layout(&self, linked: &[LinkedTensor]) -> Problem {
        let arena = self.bodies.iter().map(|body| body.plan.arena_bytes).max().unwrap_or(0);
        let scratch = scratch(self.graph, linked, arena);
        let (mut end, above) = (scratch.from.checked_add(scratch.bytes), &linked[scratch.below..]);
        for tensor in above {
            if end != Some(tensor.at) {
                return Err(format!("a gap or an overlap in front of offset {}", tensor.at));
            }
            end = tensor.at.checked_add(bytes(self.graph, tensor.tensor));
        }
        if end.is_none_or(|end| arena > end) {
            return Err(format!("the bodies need {arena} bytes, more than lie between these tensors"));
        }
        let offset = |id: TensorId| {
            let offset = (self.plan.offset)(self.operator, Occupant::Tensor(id));
            offset.ok_or_else(|| format!("tensor {id} has no offset in the memory of the bodies"))
        };
        let Some(base) = offset(linked[0].tensor)?.checked_sub(linked[0].at) else {
            return Err("the memory of the bodies begins before the arena".to_owned());
        };
        for tensor in linked {
            if base.checked_add(tensor.at) != Some(offset(tensor.tensor)?) {
                let name = self.graph.tensor(tensor.tensor).name();
                return Err(format!(
                    "`{name}` is not {} bytes after the start {base} of the bodies",
                    tensor.at
                ));
            }
        }
        let place = (self.plan.offset)(self.operator, Occupant::Scratch(self.operator));
        if scratch.bytes > 0 && place != base.checked_add(scratch.from) {
            return Err(format!(
                "the scratch buffer is not {} bytes after the start {base} of the bodies",
                scratch.from
            ));
        }
        Ok(())
    }
}
