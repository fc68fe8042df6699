//! Shape rules: the output shapes of an operator, computed from those of its inputs, its options, and constants. One file
//! for each family of operators.

pub(super) mod call;
pub(super) mod custom;
pub(super) mod elementwise;
pub(super) mod fact;
pub(super) mod fold;
pub(super) mod layout;
pub(super) mod pieces;
pub(super) mod products;
pub(super) mod strided;
pub(super) mod window;
