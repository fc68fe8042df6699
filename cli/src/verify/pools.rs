//! Plans for several memories.

use std::path::Path;

use plimsoll::export::json::PoolPlanDocument;
use plimsoll::import::Imported;
use plimsoll::verify::verify_pools;

use super::answer::{answer, imported_how, wrong};
use crate::inputs::read;
use crate::{Answer, Failure};

/// Checks a plan document for several memories.
pub fn check(input: &Path, plan: &Path, text: &str) -> Result<Answer, Failure> {
    let at_plan = |error: &dyn std::fmt::Display| format!("{}: {error}", plan.display());
    let document = PoolPlanDocument::from_json(text).map_err(|error| at_plan(&error))?;
    let options = document.options.to_options().map_err(|error| at_plan(&error))?;
    let Imported::Graph(imported) = read(input, &options)? else {
        return wrong(["the plan is of a graph, not of buffers".to_owned()]);
    };
    let verdict = document.to_plan(&imported.graph).map(|plan| verify_pools(&imported.graph, &plan));
    answer(verdict, || {
        let entries = document.tensors.iter().map(|entry| &entry.stays);
        let places: usize =
            entries.chain(document.scratch.iter().map(|entry| &entry.stays)).map(Vec::len).sum();
        let (pools, copies) = (document.pools.len(), document.transfers.len());
        format!(
            "{places} places in {pools} pools, {copies} copies, cost {}{}",
            document.cost,
            imported_how(&options)
        )
    })
}
