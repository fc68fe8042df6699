//! What an operator reads, writes and saves when tensors share memory.
//!
//! This is the only statement of these effects: the bounds over orders, the loads of rigid
//! groups, the placement in several memories and the reports derive theirs from it. (Five
//! statements disagreed in a corner, and one of two bounds was unsound there.) The verifier has
//! rules of its own, so that an error here cannot confirm itself.
//!
//! Two questions have an answer here:
//! - Before anything is decided: how many bytes can an operator save at its step, over all ways
//!   to use its permissions (`reuses`, `most_saved`)?
//! - For the sharing of a plan: which bytes does an operator read and write ([`accesses`])?

mod access;
mod level;
mod reuse;
mod saving;

pub use access::{Access, accesses};
pub use level::{How, Share, Sharing};
pub(crate) use level::{concerns, in_force, level};
pub(crate) use reuse::{Reuse, reuses};
pub(crate) use saving::{Pair, Seat, by_input, most_saved};
