//! The roles of tensors in files.

use super::TensorKind;

/// The role of a tensor: its kind, and whether it is an output.
///
/// ```
/// use plimsoll::{TensorKind, TensorRole};
///
/// assert_eq!(TensorRole::of(TensorKind::Intermediate, true), TensorRole::Output);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum TensorRole {
    /// Written by the caller; may also be an output.
    Input,
    /// Written by an operator and returned to the caller.
    Output,
    /// A constant such as a weight; a correct plan does not place it in the arena.
    Constant,
    /// State that outlives a run; may also be an output.
    Variable,
    /// Written by an operator for other operators.
    #[default]
    Intermediate,
}

impl TensorRole {
    /// The role of a tensor of this kind.
    #[must_use]
    pub fn of(kind: TensorKind, is_output: bool) -> Self {
        match kind {
            TensorKind::Input => Self::Input,
            TensorKind::Constant => Self::Constant,
            TensorKind::Variable => Self::Variable,
            TensorKind::Intermediate if is_output => Self::Output,
            TensorKind::Intermediate => Self::Intermediate,
        }
    }
}
