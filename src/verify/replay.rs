//! Rules S1 to S3 and M1 to M4: in a plan with aliases, every tensor has the right bytes when it is read.
//!
//! Tensors with aliases share bytes while both are live, so A5 does not apply. Instead, the run is replayed
//! on symbolic memory.
//!
//! *State*:
//!
//! - `M`, a partial function from addresses to origins. The origin `(t, i)` stands for byte `i` that the run
//!   computes for tensor `t`.
//! - `V(t)`, for each tensor that has been written: the origins that the bytes of `t` must have.
//!   `V(t)(i) = (t, i)`, unless `t` is made of bytes of other tensors.
//!
//! Tensor `t` is *intact* if `M(offset(t) + i) = V(t)(i)` for all `i < bytes(t)`. A tensor outside of the
//! arena is always intact.
//!
//! *Transition* at the start of the run, for each input and each variable `t`: `V(t)(i) = (t, i)`, and `V(t)`
//! is written to `range(t)`.
//!
//! *Transition* of operator `o_k`, with the aliases that it permits:
//!
//! 1. For each output `t`, in the order of the outputs: if `t` is a view of `u` at `d`, then
//!    `V(t)(i) = V(u)(d + i)`. Otherwise `V(t)(i) = V(p)(i - d)` where an input `p` is a concat slice of `t`
//!    at `d` that covers byte `i`, and `V(t)(i) = (t, i)` elsewhere.
//! 2. `o_k` writes `written(t)`: no bytes if `t` is a view, otherwise `range(t)` without the ranges of its
//!    concat slices, which are there already. It also writes the range of its scratch buffer `s`.
//! 3. `M` becomes undefined on `range(s)`, and holds `V(t)` on `written(t)`.
//!
//! *Claim*:
//!
//! - **S1**: see `permitted`. **S2**: for each alias of `t` at `d` bytes after `u`:
//!   `offset(t) = offset(u) + d`.
//! - **S3**: if `written(t)` of an output meets the range of an input `u` of the same operator, then `u` is
//!   `t` (a variable), or the operator has an alias of `t` and `u` in place or by partial overlap, and no byte
//!   of `u` is kept: `u` is no output of the graph, and `V(u)` has no byte of a variable or of an input that
//!   must not be overwritten. The range of `s` meets no input. The written ranges of two occupants do not
//!   meet. The contents of `M` alone would not show this, as an operator reads while it writes.
//! - **M1**: after the start, all inputs and variables are intact.
//! - **M2**: before `o_k`, its inputs are intact. **M3**: after `o_k`, its outputs are intact.
//! - **M4**: after the last step, all outputs of the graph, all preserved inputs and all variables are intact.
//!
//! Complexity: O(n log n) for n operands and aliases of a right plan: `contents` finds the bytes of a
//! concatenation without a list of their origins.

use super::contents::{ArenaContents, ValueSegment, ValueSource};
use super::memory::ContentSegment;
use super::permitted::OperatorAliases;
use super::{Rule, ViolationCollector};
use crate::graph::{Graph, InputContents, Occupant, TensorKind};
use crate::plan::{Alias, Plan};
use crate::sharing::AliasKind;
use crate::support::ids::{OperatorId, TensorId};

/// Checks S1 to S3 and M1 to M4.
pub(super) fn check(graph: &Graph, plan: &Plan, violations: &mut ViolationCollector) {
    let misplaced = |alias: &Alias| misplaced(graph, plan, alias);
    let aliases = OperatorAliases::by_operator(graph, &plan.aliases, misplaced, violations);
    let has_concat = plan.aliases.iter().any(|alias| alias.kind == AliasKind::Concat);
    let contents = ArenaContents::new(has_concat.then(|| bounds(plan)), |id| is_kept(graph, id));
    let values = vec![None; graph.tensors().len()];
    let mut replay = ArenaReplay { graph, plan, contents, values, violations };
    replay.start();
    for (step, &operator) in plan.order.iter().enumerate() {
        if replay.violations.is_done() {
            return;
        }
        replay.run(step, operator, &aliases[operator.index()]);
    }
    replay.end();
}

/// The addresses at which tensors and scratch buffers start and end.
fn bounds(plan: &Plan) -> Vec<u64> {
    plan.placements().flat_map(|(_, placement)| [placement.offset, placement.end()]).collect()
}

/// Returns true if computed bytes of the tensor are kept for the caller or for the next run.
fn is_kept(graph: &Graph, tensor: TensorId) -> bool {
    let tensor = graph.tensor(tensor);
    let is_kept_input = tensor.kind() == TensorKind::Input && !tensor.is_overwritable();
    tensor.kind() == TensorKind::Variable || is_kept_input
}

/// The message of S2, if the tensors of an alias do not lie at its distance.
fn misplaced(graph: &Graph, plan: &Plan, alias: &Alias) -> Option<String> {
    let Alias { tensor, of, at, .. } = *alias;
    let name = |id: TensorId| format!("tensor `{}`", graph.tensor(id).name());
    let offset = |id: TensorId| Some(plan.placement(Occupant::Tensor(id))?.offset);
    let (Some(start), Some(reference)) = (offset(tensor), offset(of)) else {
        return Some(format!("{} and {} are not both in the arena", name(tensor), name(of)));
    };
    (reference.checked_add(at) != Some(start)).then(|| {
        format!("{} lies at {start}, not at {at} of {}, which lies at {reference}", name(tensor), name(of))
    })
}

/// The state of the replay.
struct ArenaReplay<'a, K> {
    graph: &'a Graph,
    plan: &'a Plan,
    /// `M`.
    contents: ArenaContents<K>,
    /// `V`, by tensor, once the tensor is written.
    values: Vec<Option<ValueSegment>>,
    violations: &'a mut ViolationCollector,
}

impl<K: Fn(TensorId) -> bool> ArenaReplay<'_, K> {
    fn name(&self, tensor: TensorId) -> &str {
        self.graph.tensor(tensor).name()
    }

    /// `range(t)` as start and end, if the tensor has bytes in the arena.
    fn range(&self, tensor: TensorId) -> Option<(u64, u64)> {
        let placement = self.plan.placement(Occupant::Tensor(tensor))?;
        let bytes = self.graph.tensor(tensor).bytes();
        (bytes > 0).then(|| (placement.offset, placement.offset.saturating_add(bytes)))
    }

    /// Writes inputs and variables, and checks M1.
    fn start(&mut self) {
        let is_provided =
            |id: &TensorId| matches!(self.graph.tensor(*id).kind(), TensorKind::Input | TensorKind::Variable);
        let provided: Vec<TensorId> = self.graph.tensor_ids().filter(is_provided).collect();
        for &id in &provided {
            self.values[id.index()] = Some(self.computed(id));
            if let Some(value) = self.value_in_arena(id) {
                self.contents.write(&value, value.from, value.end);
            }
        }
        for &id in &provided {
            self.check_intact(Rule::IntactAtStart, id, || "when the run starts".to_owned());
        }
    }

    /// The value of a tensor of which the run computes every byte.
    fn computed(&self, id: TensorId) -> ValueSegment {
        let end = self.graph.tensor(id).bytes();
        ContentSegment { from: 0, end, source: ValueSource::Computed(id), at: 0 }
    }

    /// `V(t)` at the addresses of `t`; `None` if `t` is not in the arena.
    fn value_in_arena(&self, id: TensorId) -> Option<ValueSegment> {
        let (offset, _) = self.range(id)?;
        Some(self.values[id.index()]?.moved_up(offset))
    }

    /// Adds a violation of `rule` if a tensor is not intact.
    fn check_intact(&mut self, rule: Rule, id: TensorId, when: impl Fn() -> String) {
        let Some(value) = self.value_in_arena(id) else { return };
        let Some((byte, held)) = self.contents.first_difference(&value) else { return };
        let holds = match held {
            Some(other) if other == id => format!("other bytes of tensor `{}`", self.name(id)),
            Some(other) => format!("bytes of tensor `{}`", self.name(other)),
            None => "no defined contents".to_owned(),
        };
        let (when, name) = (when(), self.name(id));
        let message =
            format!("{when}, byte {byte} of the arena should be of tensor `{name}` but holds {holds}");
        self.violations.add(rule, message);
    }

    /// The transition of an operator, with M2, S3 and M3.
    fn run(&mut self, step: usize, id: OperatorId, aliases: &OperatorAliases) {
        let (graph, operator) = (self.graph, self.graph.operator(id));
        for &input in operator.inputs() {
            let when = || format!("when operator `{}` reads at step {step}", operator.name());
            self.check_intact(Rule::IntactAtRead, input, when);
        }
        let mut written: Vec<(Occupant, u64, u64)> = Vec::new();
        if let Some(placement) = self.plan.placement(Occupant::Scratch(id)) {
            let end = placement.offset.saturating_add(operator.scratch_bytes());
            written.push((Occupant::Scratch(id), placement.offset, end));
        }
        let outputs: Vec<TensorId> =
            operator.outputs().iter().copied().filter(|&id| self.range(id).is_some()).collect();
        for &output in &outputs {
            let parts = self.parts_of_output(output, aliases);
            self.values[output.index()] = self.contents.compose(parts);
            let ranges = self.written(output, aliases);
            written.extend(ranges.into_iter().map(|(from, end)| (Occupant::Tensor(output), from, end)));
        }
        self.check_operands(id, &written, aliases);
        for &(occupant, from, end) in &written {
            match occupant {
                Occupant::Scratch(_) => self.contents.clear(from, end),
                Occupant::Tensor(output) => {
                    if let Some(value) = self.value_in_arena(output) {
                        self.contents.write(&value, from, end);
                    }
                }
            }
        }
        for output in outputs {
            let when = || format!("after operator `{}` at step {step}", graph.operator(id).name());
            self.check_intact(Rule::IntactAfterWrite, output, when);
        }
    }

    /// `V(t)` of an output: part 1 of the transition.
    fn parts_of_output(&self, output: TensorId, aliases: &OperatorAliases) -> Vec<ValueSegment> {
        aliases.value_of(output, self.computed(output), |input| self.values[input.index()].as_slice())
    }

    /// `written(t)` of an output, ascending: part 2 of the transition.
    fn written(&self, output: TensorId, aliases: &OperatorAliases) -> Vec<(u64, u64)> {
        let Some((from, end)) = self.range(output) else { return Vec::new() };
        if aliases.view(output).is_some() {
            return Vec::new();
        }
        let slices = aliases.slices_of(output).iter();
        let mut present: Vec<(u64, u64)> = slices.filter_map(|alias| self.range(alias.tensor)).collect();
        present.sort_unstable();
        let (mut ranges, mut next) = (Vec::new(), from);
        for (start, stop) in present.into_iter().chain([(end, end)]) {
            if next < start {
                ranges.push((next, start));
            }
            next = next.max(stop);
        }
        ranges
    }

    /// Checks S3 for the ranges that an operator writes.
    fn check_operands(
        &mut self,
        id: OperatorId,
        written: &[(Occupant, u64, u64)],
        aliases: &OperatorAliases,
    ) {
        let input_range = |input| {
            let (start, end) = self.range(input)?;
            Some((start, end, input))
        };
        let read = distinct(self.graph.operator(id).inputs()).into_iter();
        let inputs = read.filter_map(input_range).collect();
        let may_overwrite = |input| self.may_overwrite(input);
        for message in aliases.overwrites(self.graph, id, inputs, written, may_overwrite) {
            self.violations.add(Rule::NoOverwrite, message);
        }
    }

    /// Returns true if no byte of the tensor is kept for the caller or for the next run.
    fn may_overwrite(&self, tensor: TensorId) -> bool {
        let value = &self.values[tensor.index()];
        let has_kept = || value.as_ref().is_some_and(|value| self.contents.has_kept(value));
        !self.graph.tensor(tensor).is_output() && !has_kept()
    }

    /// Checks M4.
    fn end(&mut self) {
        for id in self.graph.tensor_ids() {
            let tensor = self.graph.tensor(id);
            let is_preserved =
                tensor.kind() == TensorKind::Input && tensor.input_contents() == InputContents::Preserved;
            if tensor.is_output() || is_preserved || tensor.kind() == TensorKind::Variable {
                self.check_intact(Rule::IntactAtEnd, id, || "when the run ends".to_owned());
            }
        }
    }
}

/// The tensors of a list, each once.
fn distinct(tensors: &[TensorId]) -> Vec<TensorId> {
    let mut tensors = tensors.to_vec();
    tensors.sort_unstable();
    tensors.dedup();
    tensors
}
