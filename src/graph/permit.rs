//! What an operator's kernel allows: tensors that share memory while both are needed.

use super::{Operator, Tensor, TensorKind};
use crate::error::{Error, Result};
use crate::ids::TensorId;

/// Memory that an input and an output of one operator may share.
///
/// A permission, never a duty: a plan says which ones it uses
/// ([`Plan::shares`](crate::Plan::shares)). One that sizes, alignments or other
/// permissions leave no room for is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permit {
    /// The output may be written over the input, from its first byte on: whatever the
    /// kernel still has to read of the input when it writes a byte lies at or after
    /// that byte.
    InPlace {
        /// The input, at least as large as the output.
        input: TensorId,
        /// The output.
        output: TensorId,
    },
    /// The output's contents are bytes of the input: with both at one place, the operator
    /// has nothing to do. Reshapes, slices, each piece of a split.
    View {
        /// The input.
        input: TensorId,
        /// The output.
        output: TensorId,
        /// Where in the input the output's first byte is.
        at: u64,
    },
    /// The input's contents are bytes of the output: written right there, they need not be
    /// copied. Each piece of a concatenation.
    Piece {
        /// The input.
        input: TensorId,
        /// The output.
        output: TensorId,
        /// Where in the output the input's first byte is.
        at: u64,
    },
    /// The lower of the two may reach into the upper one: their kernel reads the input's
    /// bytes before it writes the output's over them.
    Overlap {
        /// The input.
        input: TensorId,
        /// The output.
        output: TensorId,
        /// So many bytes at the lower one's end may be bytes of the upper one's start.
        bytes: u64,
        /// Which of the two starts at the lower offset.
        lower: Side,
    },
}

/// One of the two tensors that share memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    fn ends(self) -> (TensorId, TensorId) {
        match self {
            Self::InPlace { input, output }
            | Self::View { input, output, .. }
            | Self::Piece { input, output, .. }
            | Self::Overlap { input, output, .. } => (input, output),
        }
    }

    /// As elements of `old` bits become elements of `new` bits; none if a place within
    /// would not be at a byte.
    pub(super) fn rescaled(self, old: u64, new: u64) -> Option<Self> {
        let scale = |bytes: u64| rescaled(bytes, old, new);
        Some(match self {
            Self::InPlace { .. } => self,
            Self::View { input, output, at } => Self::View { input, output, at: scale(at)? },
            Self::Piece { input, output, at } => Self::Piece { input, output, at: scale(at)? },
            Self::Overlap { input, output, bytes, lower } => {
                Self::Overlap { input, output, bytes: scale(bytes)?, lower }
            }
        })
    }
}

/// Bytes of elements of `old` bits, as elements of `new` bits, where that is whole bytes.
pub(super) fn rescaled(bytes: u64, old: u64, new: u64) -> Option<u64> {
    let bits = u128::from(bytes) * 8 / u128::from(old) * u128::from(new);
    let whole = (u128::from(bytes) * 8).is_multiple_of(u128::from(old)) && bits.is_multiple_of(8);
    whole.then(|| u64::try_from(bits / 8).ok()).flatten()
}

/// Permissions name what their operator reads and writes, and bytes that are there.
pub(super) fn check(operators: &[Operator], tensors: &[Tensor]) -> Result<()> {
    operators.iter().try_for_each(|operator| check_one(operator, 0, tensors))
}

/// Those of an operator, from the `from`-th on.
pub(super) fn check_one(operator: &Operator, from: usize, tensors: &[Tensor]) -> Result<()> {
    let permits = &operator.permits[from..];
    if permits.is_empty() {
        return Ok(());
    }
    // Of a concatenation of n tensors, each of n permissions is looked up among n inputs.
    let (inputs, outputs) = (sorted(&operator.inputs), sorted(&operator.outputs));
    let wrong = permits.iter().find_map(|&permit| problem((&inputs, &outputs), permit, tensors));
    match wrong {
        Some(problem) => Err(Error::Permit { operator: operator.name.to_string(), problem }),
        None => Ok(()),
    }
}

fn sorted(ids: &[TensorId]) -> Vec<TensorId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// `inputs` and `outputs` ascend.
fn problem(
    (inputs, outputs): (&[TensorId], &[TensorId]),
    permit: Permit,
    tensors: &[Tensor],
) -> Option<String> {
    let (input, output) = permit.ends();
    let name = |id: TensorId| match tensors.get(id.index()) {
        Some(tensor) => format!("tensor `{}`", tensor.name),
        None => format!("tensor {id}"),
    };
    if inputs.binary_search(&input).is_err() {
        return Some(format!("{} is none of its inputs", name(input)));
    }
    if outputs.binary_search(&output).is_err() {
        return Some(format!("{} is none of its outputs", name(output)));
    }
    let outside = |id: &TensorId| {
        let kind = tensors[id.index()].kind;
        (kind == TensorKind::Variable).then(|| format!("{} is a {kind}", name(*id)))
    };
    if let Some(problem) = [input, output].iter().find_map(outside) {
        return Some(problem);
    }
    let (inner, outer, at) = match permit {
        Permit::View { at, .. } => (output, input, at),
        Permit::Piece { at, .. } => (input, output, at),
        Permit::InPlace { .. } | Permit::Overlap { .. } => return None,
    };
    let (bytes, room) = (tensors[inner.index()].bytes, tensors[outer.index()].bytes);
    let ends_within = at.checked_add(bytes).is_some_and(|end| end <= room);
    (!ends_within).then(|| {
        format!("{bytes} bytes of {} from {at} on are not all in the {room} of {}", name(inner), name(outer))
    })
}
