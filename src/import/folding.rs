//! Effects of operators: which operators may run at compile time, and which must keep the order of the file.

use std::collections::BTreeMap;

use crate::graph::{GraphBuilder, OperatorBuilder};
use crate::support::ids::{OperatorId, TensorId};

/// Effects of an operator besides its outputs: a column of the tables of operator types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effects {
    /// None: the outputs depend on the inputs only.
    Pure,
    /// None, and the type commonly computes constants. Graph JSON, in which a type has no fixed meaning, folds only
    /// these types by default.
    MakesConstants,
    /// Those of the bodies that the operator runs.
    OfBodies,
    /// The operator draws random numbers, keeps state in its inputs, or has a training mode.
    Impure,
    /// The operator may share state with other operators without a common tensor: variables behind handles, hash
    /// tables, and effects of bodies, delegates and custom code. Such operators keep the order of the file.
    SharesState,
}

/// Contents of a tensor, as far as they matter to effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The result of an operator, or a constant.
    Data,
    /// Contents that are unknown at compile time: a variable, or memory that no operator writes. The graph
    /// orders the users of variables.
    State,
    /// A handle to state outside the tensor.
    Resource,
}

/// Adds operators to a builder in the order of the file. Marks foldable operators, and adds dependencies between
/// operators that may share state: those on one variable behind a handle keep their order, all others that may share
/// state keep theirs among each other and among those on variables.
#[derive(Debug, Default)]
pub(crate) struct OperatorAdder {
    holds: Vec<Holds>,
    /// Number of the variable behind a handle, by tensor; handles of unknown variables have none.
    variables: BTreeMap<TensorId, usize>,
    /// Numbers of variables, by container and name.
    numbers: BTreeMap<VariableName, usize>,
    last_to_share: Option<OperatorId>,
    /// By variable: the last operator on it since [`last_to_share`](Self::last_to_share).
    last_on: BTreeMap<usize, OperatorId>,
}

/// Container and name of a variable behind handles. Handles of equal names are handles of one variable.
pub(crate) type VariableName = (String, String);

/// Operators that read or write the variables behind their handles, and no other state.
const ON_VARIABLES: [&str; 2] = ["READ_VARIABLE", "ASSIGN_VARIABLE"];

impl OperatorAdder {
    /// `holds` has an entry for each tensor of the graph.
    pub(crate) fn new(holds: Vec<Holds>) -> Self {
        Self { holds, ..Self::default() }
    }

    /// States that an operator, which is added next, makes handles of a variable: its outputs.
    pub(crate) fn name_variable(&mut self, handles: &[TensorId], name: VariableName) {
        let next = self.numbers.len();
        let number = *self.numbers.entry(name).or_insert(next);
        self.variables.extend(handles.iter().map(|&handle| (handle, number)));
    }

    /// Registers a further tensor of the graph, a variable.
    pub(crate) fn add_state(&mut self) {
        self.holds.push(Holds::State);
    }

    /// Adds an operator; its tensors must be in the graph. `may_fold` states that an operator without effects may run
    /// at compile time.
    pub(crate) fn add<'a>(
        &mut self,
        builder: &'a mut GraphBuilder,
        (name, op_type): (&str, &str),
        effects: Effects,
        may_fold: bool,
        inputs: &[TensorId],
        outputs: &[TensorId],
    ) -> OperatorBuilder<'a> {
        let any =
            |contents| inputs.iter().chain(outputs).any(|tensor| self.holds[tensor.index()] == contents);
        let shares = effects == Effects::SharesState || any(Holds::Resource);
        let is_pure = matches!(effects, Effects::Pure | Effects::MakesConstants);
        // An operator without inputs may be a source of data, except a `Constant`.
        let has_source = !inputs.is_empty() || op_type == "Constant";
        let foldable = may_fold && has_source && is_pure && !shares && !any(Holds::State);

        let mut operator = builder.operator(name).op_type(op_type);
        operator = operator.reads(inputs.iter().copied()).writes(outputs.iter().copied());
        if foldable {
            operator = operator.foldable();
        }
        if shares {
            let variable = self.variable_of(op_type, inputs, outputs);
            let before = self.operators_before(operator.id(), variable);
            operator = operator.after(before);
        }
        operator
    }

    /// The operators that an operator on this variable, or on any state without one, must run after.
    fn operators_before(&mut self, id: OperatorId, variable: Option<usize>) -> Vec<OperatorId> {
        if let Some(variable) = variable {
            let last = self.last_on.insert(variable, id);
            return last.or(self.last_to_share).into_iter().collect();
        }
        let last = self.last_to_share.replace(id);
        let on_variables = std::mem::take(&mut self.last_on);
        if on_variables.is_empty() {
            return last.into_iter().collect();
        }
        // They run after `last` already.
        on_variables.into_values().collect()
    }

    /// The variable that is all the state that an operator shares; none if it may share other state.
    fn variable_of(&self, op_type: &str, inputs: &[TensorId], outputs: &[TensorId]) -> Option<usize> {
        let handles = match op_type {
            "VAR_HANDLE" => outputs,
            other if ON_VARIABLES.contains(&other) => inputs,
            _ => return None,
        };
        let mut handles = handles.iter().filter(|tensor| self.holds[tensor.index()] == Holds::Resource);
        let variable = *self.variables.get(handles.next()?)?;
        handles.next().is_none().then_some(variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ElementType, TensorSpec};

    /// The operators that each operator runs directly after, by position. Operators are types with handles and the name
    /// of a variable.
    fn order(operators: &[(&str, &[usize], Option<&str>)]) -> Vec<Vec<usize>> {
        let mut builder = GraphBuilder::new("states");
        let handle =
            |builder: &mut GraphBuilder| builder.tensor("h", TensorSpec::shaped(ElementType::Resource, [1]));
        let handles: Vec<TensorId> = (0..4).map(|_| handle(&mut builder)).collect();
        let mut adder = OperatorAdder::new(vec![Holds::Resource; handles.len()]);
        for &(op_type, numbers, name) in operators {
            let own: Vec<TensorId> = numbers.iter().map(|&number| handles[number]).collect();
            if let Some(name) = name {
                adder.name_variable(&own, (String::new(), name.to_owned()));
            }
            let makes = matches!(op_type, "VAR_HANDLE" | "HASHTABLE");
            let (inputs, outputs) = if makes { (&[][..], &own[..]) } else { (&own[..], &[][..]) };
            adder.add(&mut builder, (op_type, op_type), Effects::SharesState, false, inputs, outputs);
        }
        let graph = builder.build().unwrap();
        let before = |operator: &crate::Operator| {
            let mut before: Vec<usize> = operator.runs_after().iter().map(|id| id.index()).collect();
            before.sort_unstable();
            before
        };
        graph.operators().iter().map(before).collect()
    }

    #[test]
    fn users_of_one_variable_keep_their_order() {
        let (read, assign) = ("READ_VARIABLE", "ASSIGN_VARIABLE");
        let found = order(&[
            ("VAR_HANDLE", &[0], Some("a")),
            ("VAR_HANDLE", &[1], Some("b")),
            (read, &[0], None),
            (read, &[1], None),
            (assign, &[0], None),
            // A second handle of the first variable.
            ("VAR_HANDLE", &[2], Some("a")),
            (read, &[2], None),
            // May change any variable, as a body does.
            ("CALL_ONCE", &[], None),
            (read, &[1], None),
        ]);
        let expected: [&[usize]; 9] = [&[], &[], &[0], &[1], &[2], &[4], &[5], &[3, 6], &[7]];
        assert_eq!(found, expected);
    }

    #[test]
    fn users_of_unknown_handles_keep_their_order_among_all() {
        let found = order(&[
            ("VAR_HANDLE", &[0], Some("a")),
            ("VAR_HANDLE", &[1], None),
            ("READ_VARIABLE", &[0], None),
            ("READ_VARIABLE", &[1], None),
            ("HASHTABLE", &[3], None),
            // Two handles at once.
            ("READ_VARIABLE", &[0, 1], None),
        ]);
        let expected: [&[usize]; 6] = [&[], &[0], &[1], &[2], &[3], &[4]];
        assert_eq!(found, expected);
    }
}
