//! What an operator may write over.

use crate::ids::TensorId;
use crate::occupant::Occupant;
use crate::plan::Share;
use crate::sharing::How;

/// Whether an operator may write over an input while it reads that, by what it permits and
/// the plan names; `may_overwrite` says whether nobody counts on the input's bytes.
pub(super) fn may_meet(
    occupant: Occupant,
    input: TensorId,
    shares: &[Share],
    may_overwrite: impl Fn() -> bool,
) -> bool {
    let Occupant::Tensor(output) = occupant else { return false };
    // A variable that an operator reads and writes is one tensor.
    if output == input {
        return true;
    }
    shares.iter().any(|share| match share.how {
        How::InPlace => (share.tensor, share.of) == (output, input) && may_overwrite(),
        How::Overlap => {
            [(share.tensor, share.of), (share.of, share.tensor)].contains(&(output, input)) && may_overwrite()
        }
        How::View | How::Slice | How::Concat => false,
    })
}
