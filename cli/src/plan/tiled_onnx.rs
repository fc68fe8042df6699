//! `plan --tile --out FILE.onnx`: a model whose nodes run regions of operators stripe by stripe.

use plimsoll::export::onnx::{self, OnnxRegion, TiledOnnx};
use plimsoll::import::{ImportOptions, contents};
use plimsoll::report::text;
use plimsoll::{Graph, Plan, Planner};

use super::tile::{NO_ACCESS, NOT_NEEDED, NOT_SMALLER, has_access};
use crate::arguments::PlanArguments;
use crate::inputs::{error_at, model_name};
use crate::outcome::Failure;

/// The result of `--tile` for an ONNX model.
#[derive(Default)]
pub struct TiledModel {
    /// The tiled model; none if the model without tiling is the one to write.
    pub model: Option<Vec<u8>>,
    /// Graph, plan and import options of the tiled model.
    pub planned: Option<(Graph, Plan, ImportOptions)>,
    /// Lines of the summary.
    pub line: Option<String>,
}

/// Tiles the model if `--tile` is given and it does not fit the capacity without.
pub fn tile(
    arguments: &PlanArguments,
    planner: &Planner,
    (graph, untiled): (&Graph, &Plan),
    options: &ImportOptions,
) -> Result<TiledModel, Failure> {
    if !arguments.tiling.is_on() {
        return Ok(TiledModel::default());
    }
    let note = |line: &str| Ok(TiledModel { line: Some(line.to_owned()), ..TiledModel::default() });
    if arguments.capacity.is_some_and(|capacity| untiled.arena_bytes <= capacity) {
        return note(NOT_NEEDED);
    }
    let goal = arguments.tiling.goal(arguments.capacity);
    let (input, bytes) = (&arguments.input, contents(&arguments.input)?);
    let tiled = onnx::tile(&model_name(input), &bytes, planner, (graph, untiled), &goal, options)
        .map_err(|error| error_at(input, &error))?;
    match tiled {
        Some(tiled) => {
            let line = lines(&tiled, (graph, untiled), bytes.len());
            let TiledOnnx { bytes, graph, plan, options, .. } = tiled;
            Ok(TiledModel { model: Some(bytes), planned: Some((graph, plan, options)), line: Some(line) })
        }
        None if !has_access(graph) => note(NO_ACCESS),
        None => note(NOT_SMALLER),
    }
}

/// Summary lines on tiling.
fn lines(tiled: &TiledOnnx, (graph, untiled): (&Graph, &Plan), length: usize) -> String {
    let (before, after) = (untiled.arena_bytes, tiled.plan.arena_bytes);
    let saved = before.saturating_sub(after) as f64 / before.max(1) as f64;
    let extra = tiled.extra_cost as f64 / tiled.untiled_cost.max(1) as f64;
    let growth = tiled.bytes.len().saturating_sub(length);
    let [operators, tiled_operators] = tiled.operators;
    let regions: String = tiled.regions.iter().map(|region| region_line(graph, region)).collect();
    format!(
        "tiling         arena {before} -> {after} bytes ({} saved), {} extra MACs\n{regions}\
         model          file +{growth} bytes, with its plan; {operators} -> {tiled_operators} operators\n",
        text::percent(saved),
        text::percent(extra)
    )
}

/// Summary line on a region.
fn region_line(graph: &Graph, region: &OnnxRegion) -> String {
    let name = |id: Option<&plimsoll::OperatorId>| id.map_or("", |&id| graph.operator(id).name());
    let [first, last] = [region.operators.first(), region.operators.last()].map(name);
    super::tile::region_line(
        &format!("`{first}` to `{last}`"),
        region.stripes,
        region.axis,
        region.is_carried,
    )
}
