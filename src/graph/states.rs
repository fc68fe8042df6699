//! States: graph outputs that replace graph inputs in the next run.

use super::placement_constraints::PlacementConstraints;
use super::{BodyLink, Graph, InputContents, Operator, Permit, RelativePlacement, Tensor, TensorKind};
use crate::error::{ConstraintSubject, Error, Result};
use crate::support::ids::{OperatorId, TensorId};

/// Maximum number of view permissions between an old and a new state that [`writers`] follows.
const MAX_VIEWS: usize = 64;

impl Graph {
    /// Gives a graph output (the new state) the address of a graph input (the old state) and permits
    /// operators to overwrite that input. The next run then reads the new state without a copy.
    ///
    /// All other operators that read the old state run before the operator that writes the new one, whatever
    /// their program order. A plan exists only if none of them depends on the new state. If the writer of the
    /// new state also reads the old state, it must [permit](Permit) the alias. An operator whose bodies are
    /// [linked](super::BodyLink) to the new state gets this permission here: it writes the new state after its bodies have
    /// run.
    ///
    /// # Errors
    /// [`Error::Constraint`] if the tensors are not an input and an output of the same size, or if
    /// they contradict other relative placements. The graph is unchanged then.
    pub fn keep_state(&mut self, input: TensorId, output: TensorId) -> Result<()> {
        let placement = RelativePlacement { tensor: output, of: input, at: 0 };
        let tensor = |id: TensorId| self.tensors.get(id.index());
        let (Some(old), Some(new)) = (tensor(input), tensor(output)) else {
            return self.replace_placements([self.constraints.list.clone(), vec![placement]].concat());
        };
        let wrong = |problem: String| {
            let [input, output] = [input, output].map(|id| self.named_tensor(id));
            Err(Error::Constraint { subject: ConstraintSubject::State { input, output }, problem })
        };
        if old.kind() != TensorKind::Input || !new.is_output() {
            return wrong("the old state must be a graph input and the new state a graph output".to_owned());
        }
        if old.is_preserved() {
            return wrong(
                "the input is preserved, but the output takes its place; let it be overwritable".to_owned(),
            );
        }
        if old.bytes() != new.bytes() {
            let (from, to) = (old.bytes(), new.bytes());
            return wrong(format!(
                "the input has {from} bytes, the output {to}; both must have the same size"
            ));
        }
        let writer =
            new.producer.filter(|&id| writes_after_bodies(&self.operators[id.index()], input, output));
        // The dependencies of this state count overwritable inputs only.
        let contents = &mut self.tensors[input.index()].contents;
        let before = std::mem::replace(contents, InputContents::Overwritable);
        if input != output {
            let placements = [self.constraints.list.clone(), vec![placement]].concat();
            self.replace_placements(placements).inspect_err(|_| {
                self.tensors[input.index()].contents = before;
            })?;
        }
        writer.map_or(Ok(()), |writer| self.permit(writer, [Permit::InPlace { input, output }]))
    }
}

/// Returns whether an operator that reads an old state and writes the new one does so after its bodies have run, and
/// needs the old state no more at that point.
///
/// Plans link no tensors with relative placements, so the new state is a result of a body that is copied to the output
/// of the operator. A stacked output of a loop has no link: each iteration writes a part of it. A branch that returns an input
/// as it is needs that input until all outputs are copied.
fn writes_after_bodies(operator: &Operator, old: TensorId, new: TensorId) -> bool {
    let of = |tensor: TensorId| operator.links().iter().filter(move |link| link.tensor == tensor);
    let is_result = |link: &BodyLink| operator.bodies()[link.body].tensor(link.inner).is_output();
    let has_permit = operator.permits.iter().any(|permit| (permit.input(), permit.output()) == (old, new));
    operator.inputs.contains(&old) && of(new).next().is_some() && !of(old).any(is_result) && !has_permit
}

/// The writers of new states, with the operators that read the old state and must run before them.
///
/// If the new state has the contents of the old one, as only views lie between them, its writer overwrites nothing.
pub(super) fn writers<'a>(
    operators: &'a [Operator],
    tensors: &'a [Tensor],
    constraints: &'a PlacementConstraints,
) -> impl Iterator<Item = (OperatorId, impl Iterator<Item = OperatorId> + 'a)> {
    constraints.list.iter().filter_map(move |&RelativePlacement { tensor, of, at }| {
        let (old, new) = (&tensors[of.index()], &tensors[tensor.index()]);
        let is_state = at == 0
            && new.is_output
            && new.bytes > 0
            && old.kind == TensorKind::Input
            && old.is_overwritable()
            && !old.is_output;
        let writer = new.producer.filter(|_| is_state && !is_view(operators, tensors, tensor, of))?;
        Some((writer, old.readers.iter().copied().filter(move |&reader| reader != writer)))
    })
}

/// Returns whether views at offset 0 lead from one tensor to another one of the same size.
fn is_view(operators: &[Operator], tensors: &[Tensor], of: TensorId, origin: TensorId) -> bool {
    let mut at = of;
    for _ in 0..MAX_VIEWS {
        if at == origin {
            return true;
        }
        let Some(producer) = tensors[at.index()].producer else { return false };
        let view = operators[producer.index()].permits.iter().find_map(|permit| match *permit {
            Permit::View { input, output, at: 0 } if output == at => Some(input),
            _ => None,
        });
        match view {
            Some(input) if tensors[input.index()].bytes == tensors[of.index()].bytes => at = input,
            _ => return false,
        }
    }
    false
}
