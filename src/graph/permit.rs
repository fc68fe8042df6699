//! Permissions: which inputs and outputs of an operator may share memory while both are live.

use super::{Operator, Tensor, TensorKind};
use crate::error::{Error, PermitProblem, Result, Subject};
use crate::support::ids::{OperatorId, TensorId};

/// A permission for an input and an output of one operator to share memory.
///
/// A plan may leave a permission unused, for example because sizes, alignments or other aliases
/// rule it out. [`Plan::aliases`](crate::Plan::aliases) lists the aliases that a plan uses.
///
/// Example: [`SharingLevel`](crate::SharingLevel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permit {
    /// The output may overwrite the input, from the input's first byte on. When the kernel writes a
    /// byte, all input bytes that it still has to read are at this byte or after it.
    InPlace {
        /// The input, at least as large as the output.
        input: TensorId,
        /// The output.
        output: TensorId,
    },
    /// The output consists of bytes of the input, so that the operator has nothing to do if the
    /// output is placed there: reshapes, slices, each output of a split.
    View {
        /// The input.
        input: TensorId,
        /// The output.
        output: TensorId,
        /// Offset of the output in the input, in bytes.
        at: u64,
    },
    /// The input is a part of the output, so that the operator need not copy it if its producer
    /// writes it there: each input of a concatenation.
    ConcatSlice {
        /// The input.
        input: TensorId,
        /// The output.
        output: TensorId,
        /// Offset of the input in the output, in bytes.
        at: u64,
    },
    /// The two tensors may overlap in part, because the kernel reads the input's bytes before it
    /// overwrites them.
    Overlap {
        /// The input.
        input: TensorId,
        /// The output.
        output: TensorId,
        /// Maximum number of bytes at the end of the lower tensor that may be bytes of the upper
        /// tensor.
        bytes: u64,
        /// The tensor with the lower offset.
        lower: Side,
    },
}

/// One of the two tensors of a [`Permit::Overlap`].
///
/// Example: [`Windowed`](crate::Windowed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Side {
    /// The operator's input.
    Input,
    /// The operator's output.
    Output,
}

impl Permit {
    /// The input.
    #[must_use]
    pub fn input(self) -> TensorId {
        self.ends().0
    }

    /// The output.
    #[must_use]
    pub fn output(self) -> TensorId {
        self.ends().1
    }

    /// The permission with another input, if it has this one.
    pub(super) fn with_input(self, from: TensorId, to: TensorId) -> Self {
        let mut changed = self;
        match &mut changed {
            Self::InPlace { input, .. }
            | Self::View { input, .. }
            | Self::ConcatSlice { input, .. }
            | Self::Overlap { input, .. } => {
                if *input == from {
                    *input = to;
                }
            }
        }
        changed
    }

    fn ends(self) -> (TensorId, TensorId) {
        match self {
            Self::InPlace { input, output }
            | Self::View { input, output, .. }
            | Self::ConcatSlice { input, output, .. }
            | Self::Overlap { input, output, .. } => (input, output),
        }
    }

    /// The permission after a change of the element width from `old` to `new` bits; none if an
    /// offset would not be a whole number of bytes.
    pub(super) fn rescaled(self, old: u64, new: u64) -> Option<Self> {
        let scale = |bytes: u64| rescaled(bytes, old, new);
        Some(match self {
            Self::InPlace { .. } => self,
            Self::View { input, output, at } => Self::View { input, output, at: scale(at)? },
            Self::ConcatSlice { input, output, at } => Self::ConcatSlice { input, output, at: scale(at)? },
            Self::Overlap { input, output, bytes, lower } => {
                Self::Overlap { input, output, bytes: scale(bytes)?, lower }
            }
        })
    }
}

/// Converts a number of bytes from elements of `old` bits to elements of `new` bits. None if the
/// result is not a whole number of bytes.
pub(super) fn rescaled(bytes: u64, old: u64, new: u64) -> Option<u64> {
    let bits = u128::from(bytes) * 8 / u128::from(old) * u128::from(new);
    let whole = (u128::from(bytes) * 8).is_multiple_of(u128::from(old)) && bits.is_multiple_of(8);
    whole.then(|| u64::try_from(bits / 8).ok()).flatten()
}

/// Checks that all permissions name inputs and outputs of their operators, and byte ranges within
/// these tensors.
pub(super) fn check(operators: &[Operator], tensors: &[Tensor]) -> Result<()> {
    (0..operators.len())
        .map(OperatorId::new)
        .zip(operators)
        .try_for_each(|named| check_one(named, 0, tensors))
}

/// Checks the permissions of one operator, from the one at position `from` on.
pub(super) fn check_one(
    (id, operator): (OperatorId, &Operator),
    from: usize,
    tensors: &[Tensor],
) -> Result<()> {
    let permits = &operator.permits[from..];
    if permits.is_empty() {
        return Ok(());
    }
    // A concatenation of n tensors has n permissions and n inputs, so linear searches would be
    // quadratic.
    let (inputs, outputs) = (sorted(&operator.inputs), sorted(&operator.outputs));
    let invalid = permits.iter().find_map(|&permit| problem((&inputs, &outputs), permit, tensors));
    match invalid {
        Some(problem) => Err(Error::Permit { operator: operator.named(id), problem: Box::new(problem) }),
        None => Ok(()),
    }
}

fn sorted(ids: &[TensorId]) -> Vec<TensorId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// Returns the reason why a permission is invalid. `inputs` and `outputs` must be sorted.
fn problem(
    (inputs, outputs): (&[TensorId], &[TensorId]),
    permit: Permit,
    tensors: &[Tensor],
) -> Option<PermitProblem> {
    let (input, output) = permit.ends();
    let subject = |id: TensorId| match tensors.get(id.index()) {
        Some(tensor) => Subject::Tensor(tensor.named(id)),
        None => Subject::UnknownTensor(id),
    };
    if inputs.binary_search(&input).is_err() {
        return Some(PermitProblem::NotAnInput { tensor: subject(input) });
    }
    if outputs.binary_search(&output).is_err() {
        return Some(PermitProblem::NotAnOutput { tensor: subject(output) });
    }
    let named = |id: TensorId| tensors[id.index()].named(id);
    let is_variable = |id: &TensorId| tensors[id.index()].kind == TensorKind::Variable;
    if let Some(variable) = [input, output].into_iter().find(is_variable) {
        return Some(PermitProblem::Variable { tensor: named(variable) });
    }
    let (inner, outer, at) = match permit {
        Permit::View { at, .. } => (output, input, at),
        Permit::ConcatSlice { at, .. } => (input, output, at),
        Permit::InPlace { .. } | Permit::Overlap { .. } => return None,
    };
    let (bytes, capacity) = (tensors[inner.index()].bytes, tensors[outer.index()].bytes);
    let ends_within = at.checked_add(bytes).is_some_and(|end| end <= capacity);
    (!ends_within).then(|| {
        let (inner, outer) = (named(inner), named(outer));
        PermitProblem::OutOfRange { inner, bytes, at, outer, capacity }
    })
}
