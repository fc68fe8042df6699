//! Which operators may run at compile time once their inputs are constants.

/// Types that draw random numbers, keep state, touch resources, have effects
/// beyond their outputs, or run a subgraph that may do any of that. ONNX and
/// TFLite spell their types so differently that one list serves both.
const NEVER: [&str; 37] = [
    // ONNX: random, and not the same in two runs.
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Dropout",
    // ONNX: bodies; an importer that sees into them may know better.
    "If", "Loop", "Scan", "SequenceMap",
    // TFLite: random.
    "MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM",
    // TFLite: bodies.
    "CALL", "CALL_ONCE", "IF", "WHILE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE", "STABLEHLO_CASE",
    // TFLite: variables, resources and other state.
    "ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT",
    "HASHTABLE_LOOKUP", "HASHTABLE_SIZE", "STABLEHLO_RNG_BIT_GENERATOR", "LSTM", "RNN", "SVDF", "DELEGATE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "CUSTOM",
];

/// Whether an operator of this type computes nothing but its outputs, and
/// those from its inputs alone.
///
/// Types that are not listed are taken to be pure but for custom ones
/// (`CUSTOM:name` in TFLite), of which nothing is known.
pub(super) fn is_pure(op_type: &str) -> bool {
    !NEVER.contains(&op_type) && !op_type.starts_with("CUSTOM:")
}
