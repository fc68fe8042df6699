//! Stands where shape inference is not built in.

use super::descriptions::Descriptions;
use super::messages::{Graph, Model};
use super::unshaped::Reasons;
use crate::import::ImportError;

/// Computes nothing.
#[expect(clippy::unnecessary_wraps, reason = "as the other one")]
pub(super) fn infer<'m>(
    _: &'m Model,
    _: &'m Graph,
    _: &mut Descriptions<'m>,
) -> Result<Reasons<'m>, ImportError> {
    Ok(Reasons::new())
}
