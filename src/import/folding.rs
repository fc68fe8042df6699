//! Effects of operators: which operators may run at compile time, and which must keep the order of the file.

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

/// Adds operators to a builder in the order of the file. Marks foldable operators, and adds a dependency from
/// each operator that may share state to the previous one.
#[derive(Debug)]
pub(crate) struct OperatorAdder {
    holds: Vec<Holds>,
    last_to_share: Option<OperatorId>,
}

impl OperatorAdder {
    /// `holds` has an entry for each tensor of the graph.
    pub(crate) fn new(holds: Vec<Holds>) -> Self {
        Self { holds, last_to_share: None }
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
            let before = self.last_to_share.replace(operator.id());
            operator = operator.after(before);
        }
        operator
    }
}
