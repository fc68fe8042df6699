//! IF and WHILE: the shapes of what their bodies return.

use super::super::operators;
use super::call::Call;
use super::{Engine, Outcome, Shape, Why};

/// Bodies in bodies.
const DEEPEST: usize = 16;

impl Engine<'_, '_> {
    /// None if the operator runs no bodies.
    pub(super) fn through_bodies(&mut self, op_type: &str, call: &Call<'_>) -> Option<Outcome> {
        const IF: u8 = 92;
        const WHILE: u8 = 93;
        match op_type {
            "IF" => Some(self.branches(call, [call.number(IF, 0, 0), call.number(IF, 1, 0)])),
            "WHILE" => Some(self.iteration(call, call.number(WHILE, 1, 0))),
            _ => None,
        }
    }

    fn branches(&mut self, call: &Call<'_>, bodies: [i64; 2]) -> Outcome {
        let inputs = dims(call, 1);
        let [yes, no] = bodies.map(|body| self.results(body, &inputs));
        let pairs = yes?.into_iter().zip(no?);
        pairs.map(|(yes, no)| either(yes, no)).collect()
    }

    fn iteration(&mut self, call: &Call<'_>, body: i64) -> Outcome {
        let inputs = dims(call, 0);
        let results = self.results(body, &inputs)?;
        let same =
            inputs.iter().zip(&results).all(|(input, result)| input.as_deref() == Some(&result.dims[..]));
        if same && results.iter().all(|result| !result.upper) {
            return Ok(results);
        }
        Err(Why::Data("the number of iterations".to_owned()))
    }

    /// What a subgraph returns if it is run with inputs of these shapes.
    fn results(&mut self, index: i64, inputs: &[Option<Vec<u64>>]) -> Outcome {
        let list = self.model.subgraphs().ok_or(Why::NoRule)?;
        let index = usize::try_from(index).ok().filter(|&index| index < list.len()).ok_or(Why::NoRule)?;
        if self.depth == DEEPEST {
            return Err(Why::NoRule);
        }
        let subgraph = list.get(index);
        let operators = operators::read(self.model, subgraph).map_err(|_| Why::NoRule)?;
        self.depth += 1;
        let facts = self.run(subgraph, &operators, inputs);
        self.depth -= 1;
        let outputs = subgraph.outputs().into_iter().flatten().map(|id| {
            let fact = usize::try_from(id).ok().and_then(|id| facts.get(id)).ok_or(Why::NoRule)?;
            let dims = fact.dims.clone().ok_or(Why::NoRule)?;
            Ok(Shape { dims, upper: fact.upper })
        });
        outputs.collect()
    }
}

fn dims(call: &Call<'_>, from: usize) -> Vec<Option<Vec<u64>>> {
    let given = call.inputs.get(from..).unwrap_or_default().iter();
    given.map(|id| call.facts.get((*id)?)?.dims.clone()).collect()
}

/// The larger of two shapes along each axis, as either may be run.
fn either(yes: Shape, no: Shape) -> Result<Shape, Why> {
    if yes.dims == no.dims {
        return Ok(Shape { upper: yes.upper || no.upper, ..yes });
    }
    if yes.dims.len() != no.dims.len() {
        return Err(Why::Data(format!("the branch that runs: {:?} or {:?}", yes.dims, no.dims)));
    }
    let dims = yes.dims.iter().zip(no.dims).map(|(&yes, no)| yes.max(no)).collect();
    Ok(Shape { dims, upper: true })
}
