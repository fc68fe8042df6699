//! Effects of operators by type: which operators may run at compile time, and which must keep the order of
//! the file.
#![allow(dead_code)] // unused without graph importers

use crate::graph::{GraphBuilder, OperatorBuilder};
use crate::support::ids::{OperatorId, TensorId};

/// Types that are not pure: they draw random numbers, keep state in their inputs, or have a training mode. One
/// list serves both formats, as ONNX and TensorFlow Lite spell their types differently; `LSTM` and `RNN`,
/// which both have, keep state in TensorFlow Lite only.
const IMPURE: [&str; 22] = [
    // ONNX.
    "Bernoulli",
    "Dropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    // ONNX operators with bodies. The importer checks the bodies itself.
    "If",
    "Loop",
    "Scan",
    "SequenceMap",
    // TFLite.
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "LSTM",
    "MULTINOMIAL",
    "RANDOM_STANDARD_NORMAL",
    "RANDOM_UNIFORM",
    "RNN",
    "STABLEHLO_RNG_BIT_GENERATOR",
    "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
];

/// Types of TensorFlow Lite that may share state with other operators without a common tensor: variables
/// behind handles, hash tables, and effects of bodies, delegates and custom code.
const SHARES_STATE: [&str; 18] = [
    "ASSIGN_VARIABLE",
    "CALL",
    "CALL_ONCE",
    "CUSTOM",
    "DELEGATE",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "IF",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "READ_VARIABLE",
    "STABLEHLO_CASE",
    "STABLEHLO_COMPOSITE",
    "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_WHILE",
    "VAR_HANDLE",
    "WHILE",
];

/// Prefixes of custom operators and of builtin operators that this version does not know.
const SHARES_STATE_PREFIXES: [&str; 2] = ["CUSTOM:", "BUILTIN_"];

/// Returns whether operators of this type may share state without a common tensor, so that they must run in the
/// order of the file.
pub(super) fn shares_state(op_type: &str) -> bool {
    SHARES_STATE.contains(&op_type) || SHARES_STATE_PREFIXES.iter().any(|prefix| op_type.starts_with(prefix))
}

/// Returns whether the outputs of an operator of this type depend on its inputs only and it has no other effect.
///
/// Types that are not listed count as pure, except custom operators (`CUSTOM:name` in TensorFlow Lite).
pub(super) fn is_pure(op_type: &str) -> bool {
    !shares_state(op_type) && !IMPURE.contains(&op_type)
}

/// Types of ONNX and TensorFlow Lite that commonly compute constants. Formats in which a type has no fixed
/// meaning fold only these by default.
const MAKES_CONSTANTS: [&str; 72] = [
    "Abs",
    "Add",
    "Cast",
    "Ceil",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "DequantizeLinear",
    "Div",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "Identity",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Pad",
    "Pow",
    "QuantizeLinear",
    "Range",
    "Reshape",
    "Shape",
    "Slice",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "Where",
    "ABS",
    "ADD",
    "CAST",
    "CEIL",
    "CONCATENATION",
    "DENSIFY",
    "DEQUANTIZE",
    "DIV",
    "EXP",
    "EXPAND_DIMS",
    "FILL",
    "FLOOR",
    "GATHER",
    "MAXIMUM",
    "MINIMUM",
    "MUL",
    "NEG",
    "PACK",
    "PAD",
    "PADV2",
    "POW",
    "QUANTIZE",
    "RANGE",
    "RESHAPE",
    "RSQRT",
    "SELECT",
    "SELECT_V2",
    "SHAPE",
    "SLICE",
    "SPLIT",
    "SPLIT_V",
    "SQRT",
    "SQUEEZE",
    "STRIDED_SLICE",
    "SUB",
    "TILE",
    "TRANSPOSE",
    "UNPACK",
];

/// Returns whether an operator of this type commonly computes constants.
pub(super) fn makes_constants(op_type: &str) -> bool {
    MAKES_CONSTANTS.contains(&op_type)
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

    /// Adds an operator; its tensors must be in the graph. `may_fold` states that the type has a known meaning,
    /// so an operator that is not listed as impure is pure.
    pub(crate) fn add<'a>(
        &mut self,
        builder: &'a mut GraphBuilder,
        (name, op_type): (&str, &str),
        may_fold: bool,
        inputs: &[TensorId],
        outputs: &[TensorId],
    ) -> OperatorBuilder<'a> {
        let any =
            |contents| inputs.iter().chain(outputs).any(|tensor| self.holds[tensor.index()] == contents);
        let shares = shares_state(op_type) || any(Holds::Resource);
        // An operator without inputs may be a source of data, except a `Constant`.
        let has_source = !inputs.is_empty() || op_type == "Constant";
        let foldable = may_fold && has_source && is_pure(op_type) && !shares && !any(Holds::State);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_go_by_type() {
        let pure = ["Conv", "Identity", "DEQUANTIZE", "DENSIFY", "HASHTABLE_LOOKUP", "STABLEHLO_ADD"];
        assert!(pure.iter().all(|op_type| is_pure(op_type) && !shares_state(op_type)));
        let own_state = ["Dropout", "Loop", "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "RANDOM_UNIFORM"];
        assert!(own_state.iter().all(|op_type| !is_pure(op_type) && !shares_state(op_type)));
        let shared_state = ["CALL_ONCE", "CUSTOM:Fft", "BUILTIN_300", "READ_VARIABLE", "WHILE"];
        assert!(shared_state.iter().all(|op_type| !is_pure(op_type) && shares_state(op_type)));
    }
}
