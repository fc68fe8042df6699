//! IF and WHILE: their output shapes, inferred through their bodies.

use super::{BodyInput, SubgraphInference};
use crate::error::short;
use crate::import::tflite::operators;
use crate::import::tflite::rules::call::{NoShape, OperatorCall, OutputShape, RuleResult};
use crate::import::tflite::text;

/// Limit of nested bodies.
const MAX_DEPTH: usize = 16;

impl SubgraphInference<'_, '_> {
    /// Output shapes of an operator that runs bodies; none for other operators.
    pub(super) fn through_bodies(&mut self, op_type: &str, call: &OperatorCall<'_>) -> Option<RuleResult> {
        match (op_type, call.options.bodies().as_slice()) {
            ("IF", &[yes, no]) => Some(self.branches(call, [yes, no])),
            ("WHILE", &[_, body]) => Some(self.iteration(call, body)),
            _ => None,
        }
    }

    /// IF: the upper bound of both branches.
    fn branches(&mut self, call: &OperatorCall<'_>, bodies: [usize; 2]) -> RuleResult {
        let inputs = shapes(call, 1);
        let [yes, no] = bodies.map(|body| self.results(body, &inputs));
        let pairs = yes?.into_iter().zip(no?);
        pairs.map(|(yes, no)| either(yes, no)).collect()
    }

    /// WHILE: the shapes of the inputs, if an iteration does not change them. A state that may become smaller in an
    /// iteration is an upper bound in all of them.
    fn iteration(&mut self, call: &OperatorCall<'_>, body: usize) -> RuleResult {
        let mut inputs = shapes(call, 0);
        loop {
            let results = self.results(body, &inputs)?;
            let is_unchanged = |(input, result): (&BodyInput, &OutputShape)| {
                input.as_ref().is_some_and(|input| input.dims == result.dims)
            };
            if !inputs.iter().zip(&results).all(is_unchanged) {
                return Err(NoShape::DataDependent("the number of iterations".to_owned()));
            }
            let mut is_settled = true;
            for (input, _) in inputs.iter_mut().flatten().zip(&results).filter(|(_, result)| result.upper) {
                is_settled &= std::mem::replace(&mut input.upper, true);
            }
            if is_settled {
                return Ok(results);
            }
        }
    }

    /// Output shapes of a subgraph that runs with inputs of these shapes.
    fn results(&mut self, index: usize, inputs: &[BodyInput]) -> RuleResult {
        let list = self.model.subgraphs().ok_or(NoShape::NoRule)?;
        self.nests_too_deep |= self.depth == MAX_DEPTH;
        if index >= list.len() || self.nests_too_deep {
            return Err(NoShape::NoRule);
        }
        let subgraph = list.get(index);
        let operators = operators::read(self.model, subgraph).map_err(|_| NoShape::NoRule)?;
        self.depth += 1;
        let around = std::mem::replace(&mut self.at, index);
        let facts = self.run(subgraph, &operators, inputs);
        self.at = around;
        self.depth -= 1;
        let cause = facts.iter().find_map(|fact| {
            let (name, tensor, reason) = (text(subgraph.name()), short(&fact.name), fact.reason.as_ref()?);
            Some(NoShape::InBody(format!("in subgraph `{}`, `{tensor}`: {reason}", short(&name))))
        });
        let cause = cause.filter(|_| !self.nests_too_deep).unwrap_or(NoShape::NoRule);
        let outputs = subgraph.outputs().into_iter().flatten().map(|id| {
            let fact = usize::try_from(id).ok().and_then(|id| facts.get(id)).ok_or(NoShape::NoRule)?;
            fact.shape().ok_or_else(|| cause.clone())
        });
        outputs.collect()
    }
}

/// Shapes of the inputs from a position on.
fn shapes(call: &OperatorCall<'_>, from: usize) -> Vec<BodyInput> {
    let given = call.inputs.get(from..).unwrap_or_default().iter();
    given.map(|id| call.facts.get((*id)?)?.shape()).collect()
}

/// The larger of two dimensions along each axis, as either branch may run.
fn either(yes: OutputShape, no: OutputShape) -> Result<OutputShape, NoShape> {
    if yes.dims == no.dims {
        return Ok(OutputShape { upper: yes.upper || no.upper, ..yes });
    }
    if yes.dims.len() != no.dims.len() {
        return Err(NoShape::DataDependent(format!("the branch that runs: {:?} or {:?}", yes.dims, no.dims)));
    }
    let dims = yes.dims.iter().zip(no.dims).map(|(&yes, no)| yes.max(no)).collect();
    Ok(OutputShape { dims, upper: true })
}
