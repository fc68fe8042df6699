//! IF and WHILE: their output shapes, inferred through their bodies.

use super::SubgraphInference;
use crate::import::tflite::operators;
use crate::import::tflite::rules::call::{NoShape, OperatorCall, OutputShape, RuleResult};

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
        let inputs = dims(call, 1);
        let [yes, no] = bodies.map(|body| self.results(body, &inputs));
        let pairs = yes?.into_iter().zip(no?);
        pairs.map(|(yes, no)| either(yes, no)).collect()
    }

    /// WHILE: the shapes of the inputs, if an iteration does not change them.
    fn iteration(&mut self, call: &OperatorCall<'_>, body: usize) -> RuleResult {
        let inputs = dims(call, 0);
        let results = self.results(body, &inputs)?;
        let is_unchanged =
            inputs.iter().zip(&results).all(|(input, result)| input.as_deref() == Some(&result.dims[..]));
        if is_unchanged && results.iter().all(|result| !result.upper) {
            return Ok(results);
        }
        Err(NoShape::DataDependent("the number of iterations".to_owned()))
    }

    /// Output shapes of a subgraph that runs with inputs of these shapes.
    fn results(&mut self, index: usize, inputs: &[Option<Vec<u64>>]) -> RuleResult {
        let list = self.model.subgraphs().ok_or(NoShape::NoRule)?;
        if index >= list.len() || self.depth == MAX_DEPTH {
            return Err(NoShape::NoRule);
        }
        let subgraph = list.get(index);
        let operators = operators::read(self.model, subgraph).map_err(|_| NoShape::NoRule)?;
        self.depth += 1;
        let facts = self.run(subgraph, &operators, inputs);
        self.depth -= 1;
        let outputs = subgraph.outputs().into_iter().flatten().map(|id| {
            let fact = usize::try_from(id).ok().and_then(|id| facts.get(id)).ok_or(NoShape::NoRule)?;
            let dims = fact.dims.clone().ok_or(NoShape::NoRule)?;
            Ok(OutputShape { dims, upper: fact.upper })
        });
        outputs.collect()
    }
}

/// Shapes of the inputs from a position on.
fn dims(call: &OperatorCall<'_>, from: usize) -> Vec<Option<Vec<u64>>> {
    let given = call.inputs.get(from..).unwrap_or_default().iter();
    given.map(|id| call.facts.get((*id)?)?.dims.clone()).collect()
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
