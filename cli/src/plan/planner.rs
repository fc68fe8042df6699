//! The planner that the options of `plan` configure.

use plimsoll::{Limits, Planner};

use crate::arguments::PlanArguments;
use crate::outcome::Failure;

/// Planner with all options of `plan` except `--share`.
pub fn planner(arguments: &PlanArguments, limits: &Limits) -> Result<Planner, Failure> {
    let searching = &arguments.searching;
    let planner = arguments.reading.planner().strategy(searching.strategy(&arguments.strategy)?);
    let planner = planner.effort(searching.effort.into()).limits(limits.clone());
    let mut planner = planner.order(arguments.order.into());
    if let Some(capacity) = arguments.capacity {
        planner = planner.capacity(capacity);
    }
    Ok(arguments.reserve.iter().cloned().fold(planner, Planner::reserve))
}
