//! What an operator's type says of its effects: which operators may run at
//! compile time, and which must keep the order of the file.
#![allow(dead_code)] // not every set of features has a graph importer

use crate::graph::{GraphBuilder, OperatorBuilder};
use crate::support::ids::{OperatorId, TensorId};

/// Types that draw random numbers, keep state in their inputs, or do different
/// things in training. ONNX and TensorFlow Lite spell their types so
/// differently that one list serves both; `LSTM` and `RNN`, which both have,
/// keep state in TensorFlow Lite.
const NOT_THE_SAME_TWICE: [&str; 22] = [
    // ONNX.
    "Bernoulli",
    "Dropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    // ONNX bodies; an importer that sees into them may know better.
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

/// Types of TensorFlow Lite that may reach state which other operators reach too, and that
/// no tensor of the operator shows: variables behind handles, tables, whatever
/// a body, a delegate or foreign code does.
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

/// Foreign code, and types newer than the list of their names.
const SHARES_STATE_PREFIXES: [&str; 2] = ["CUSTOM:", "BUILTIN_"];

/// Whether operators of this type may share state that no tensor shows, so
/// that they must run in the order of the file.
pub(super) fn shares_state(op_type: &str) -> bool {
    SHARES_STATE.contains(&op_type) || SHARES_STATE_PREFIXES.iter().any(|prefix| op_type.starts_with(prefix))
}

/// Whether an operator of this type computes nothing but its outputs, and
/// those from its inputs alone.
///
/// Types that are not listed are taken to be pure but for foreign ones
/// (`CUSTOM:name` in TensorFlow Lite), of which nothing is known.
pub(super) fn is_pure(op_type: &str) -> bool {
    !shares_state(op_type) && !NOT_THE_SAME_TWICE.contains(&op_type)
}

/// Types of ONNX and of TensorFlow Lite that constants are made with. Formats
/// whose operators may be anything fold these alone unless told otherwise.
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

/// Whether an operator of this type is known to do nothing but compute.
pub(super) fn makes_constants(op_type: &str) -> bool {
    MAKES_CONSTANTS.contains(&op_type)
}

/// What a tensor holds, as far as effects go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// What operators compute, or a constant.
    Data,
    /// What no compiler can know: a variable, or memory that nobody fills. The
    /// graph orders the users of variables by itself.
    State,
    /// A handle to state elsewhere.
    Resource,
}

/// Adds operators in the order of the file: marks the foldable ones, and
/// chains those that may share state, each to the one before.
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

    /// Another tensor of the graph, which is a variable.
    pub(crate) fn add_state(&mut self) {
        self.holds.push(Holds::State);
    }

    /// The tensors must be of the graph. `may_fold` says that the type is known,
    /// so that what is not listed as impure is pure.
    pub(crate) fn add<'a>(
        &mut self,
        builder: &'a mut GraphBuilder,
        (name, op_type): (&str, &str),
        may_fold: bool,
        inputs: &[TensorId],
        outputs: &[TensorId],
    ) -> OperatorBuilder<'a> {
        let any = |what| inputs.iter().chain(outputs).any(|tensor| self.holds[tensor.index()] == what);
        let shares = shares_state(op_type) || any(Holds::Resource);
        // Without inputs there is nothing to fold from; a `Constant` is its output.
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
