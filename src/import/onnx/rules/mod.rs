//! Shape rules: the outputs of an operator, computed from the shapes of its inputs, its attributes, and the values of
//! small tensors that shapes depend on. One file for each family of operators.
//!
//! Rules follow the standard (<https://onnx.ai/onnx/operators/>) and, where that leaves a choice, ONNX's own shape
//! inference. A rule returns the element type, the shape and, if known, the elements of each output, or the reason why
//! it cannot. It may return fewer outputs than the node has; the others have no inferred shape.

mod arithmetic;
pub(super) mod attention;
pub(super) mod blocked;
pub(super) mod bodies;
pub(super) mod bounds;
pub(super) mod call;
pub(super) mod convolution;
pub(super) mod creation;
pub(super) mod elementwise;
pub(super) mod layout;
pub(super) mod learned;
pub(super) mod normalization;
pub(super) mod pieces;
pub(super) mod products;
pub(super) mod recurrent;
pub(super) mod reduction;
pub(super) mod resize;
pub(super) mod selection;
pub(super) mod sequences;
pub(super) mod signal;
pub(super) mod states;
