//! Plans for several memories.

use std::path::Path;

use plimsoll::export::json::PoolPlanDocument;
use plimsoll::import::Imported;
use plimsoll::verify::{verify_pools, verify_tiled_pools};

use super::verdict::{import_summary, print_invalid, print_verdict, tiling_summary};
use crate::inputs::{error_at, read};
use crate::outcome::{Failure, Outcome};

/// Verifies a plan document for several memories; `text` is the contents of the file `plan`.
pub fn verify_document(input: &Path, plan: &Path, text: &str) -> Result<Outcome, Failure> {
    let document = PoolPlanDocument::from_json(text).map_err(|error| error_at(plan, &error))?;
    let options = document.options.to_options().map_err(|error| error_at(plan, &error))?;
    let Imported::Graph(imported) = read(input, &options)? else {
        return print_invalid(["the plan is for a graph, but the input is a buffer list".to_owned()]);
    };
    let graph = &imported.graph;
    let verdict = match &document.tiling {
        Some(_) => document.to_tiled_plan(graph).map(|plan| verify_tiled_pools(graph, &plan)),
        None => document.to_plan(graph).map(|plan| verify_pools(graph, &plan)),
    };
    print_verdict(verdict, || {
        let tensors = document.tensors.iter().map(|entry| &entry.residencies);
        let scratch = document.scratch.iter().map(|entry| &entry.residencies);
        let intervals: usize = tensors.chain(scratch).map(Vec::len).sum();
        let (pools, transfers) = (document.pools.len(), document.transfers.len());
        let tiling = tiling_summary(document.tiling.as_ref());
        let (cost, import) = (document.cost, import_summary(&options));
        // The bound is the result of a search; no certificate proves a part of it.
        format!(
            "{intervals} residency intervals in {pools} pools, {transfers} transfers, cost {cost}{tiling}{import}\n\
             lower bound: certified 0 of {}",
            document.lower_bound
        )
    })
}
