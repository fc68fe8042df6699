//! The effects of an operator on memory when tensors share memory: bytes read, written and saved.
//!
//! This module is the only definition of these effects. The bounds over orders, the loads of rigid
//! groups, the placement in several memories and the reports use it. (Earlier, five copies of the
//! definition disagreed in a corner case, which made a bound unsound.) The verifier has rules of its
//! own, so that an error in this module cannot confirm itself.
//!
//! - Before aliases are chosen: `reuses` lists the inputs that an operator may overwrite, and
//!   `max_saved_bytes` bounds the bytes that these permissions can save at the operator's step.
//! - For the aliases of a plan: [`accesses`] lists the bytes that an operator reads and writes.

mod access;
mod level;
mod reuse;
mod saving;

pub use access::{Access, accesses};
pub use level::{Alias, AliasKind, SharingLevel};
pub(crate) use level::{concerns, in_force, level};
pub(crate) use reuse::{Reuse, reuses};
pub(crate) use saving::{RelativeStart, ReusePair, max_saved_bytes, positions_by_input};
