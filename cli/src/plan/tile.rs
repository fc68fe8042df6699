//! `plan --tile`: regions of operators that run stripe by stripe.

use plimsoll::files::Format;
use plimsoll::import::Layout;
use plimsoll::tiling::TilingGoal;
use plimsoll::{Graph, Plan, Planner, PoolPlan, TiledPlan, TiledPoolPlan};

use crate::arguments::PlanArguments;
use crate::inputs::is_onnx;
use crate::outcome::Failure;

/// The result of `--tile`.
pub struct Tiled {
    /// None if the plan without tiling is the one to use.
    pub plan: Option<TiledPlan>,
    /// Line of the summary that says why there is no tiled plan.
    pub note: Option<&'static str>,
}

/// Refuses options and outputs that tiling rules out.
pub fn check(arguments: &PlanArguments, formats: &[Format]) -> Result<(), Failure> {
    arguments.tiling.check()?;
    if !arguments.tiling.is_on() {
        return Ok(());
    }
    let writes_model = formats.contains(&Format::Tflite) || formats.contains(&Format::Onnx);
    if arguments.target.is_given() || (writes_model && !arguments.memory.is_given()) {
        return Ok(());
    }
    if formats.contains(&Format::Header) || formats.contains(&Format::Source) {
        return Err(
            "--tile: not supported for C code: its tables have no rows of tiles; use --out FILE.json for a \
                    runtime that runs tiles, or leave out --tile"
                .into(),
        );
    }
    Ok(())
}

/// Tiles a graph for several memories if `--tile` is given and a run costs less. Without --max-extra-macs, extra cost is
/// not limited, as with --capacity.
pub fn place(
    planner: &Planner,
    graph: &Graph,
    untiled: &PoolPlan,
    arguments: &PlanArguments,
) -> Result<(Option<TiledPoolPlan>, Option<&'static str>), Failure> {
    if !arguments.tiling.is_on() {
        return Ok((None, None));
    }
    if untiled.all_fits() {
        return Ok((None, Some("tiling         not needed: larger memories would save nothing")));
    }
    let goal = TilingGoal::least_memory().max_extra_ppm(arguments.tiling.max_extra());
    let tiled = planner.place_tiles(graph, untiled, &goal)?;
    let note = match &tiled {
        Some(_) => None,
        None if !has_access(graph) => Some(NO_ACCESS),
        None => {
            Some("tiling         none: no tiling found within the limits costs less than the plan without")
        }
    };
    Ok((tiled, note))
}

/// Lines of the summary that say why there is no tiled plan.
pub const NOT_NEEDED: &str = "tiling         not needed: the plan fits the capacity without";
pub const NOT_SMALLER: &str =
    "tiling         none: no tiling found within the limits makes the arena smaller";
pub const NO_ACCESS: &str = "tiling         none: no operator of the network has an access map";

pub fn has_access(graph: &Graph) -> bool {
    graph.operators().iter().any(|operator| operator.access().is_some())
}

/// Summary line on a region of a written model.
pub fn region_line(operators: &str, stripes: u64, axis: usize, is_carried: bool) -> String {
    let halo = if is_carried { "carried" } else { "recomputed" };
    format!("region         {operators} in {stripes} stripes of axis {axis}, halo {halo}\n")
}

/// Tiles a graph if `--tile` is given and the arena becomes smaller, or fits the capacity.
pub fn tile(
    planner: &Planner,
    graph: &Graph,
    untiled: &Plan,
    arguments: &PlanArguments,
) -> Result<Tiled, Failure> {
    let note = |note| Ok(Tiled { plan: None, note: Some(note) });
    if !arguments.tiling.is_on() {
        return Ok(Tiled { plan: None, note: None });
    }
    if arguments.capacity.is_some_and(|capacity| untiled.arena_bytes <= capacity) {
        return note(NOT_NEEDED);
    }
    match planner.tile(graph, untiled, &arguments.tiling.goal(arguments.capacity))? {
        Some(tiled) => Ok(Tiled { plan: Some(tiled), note: None }),
        None if !has_access(graph) => note(NO_ACCESS),
        None if is_onnx(&arguments.input) && arguments.reading.layout == Layout::AsStored => note(
            "tiling         none: no tiling found within the limits makes the arena smaller; rows of images are \
             contiguous with --layout channels-innermost",
        ),
        None => note(NOT_SMALLER),
    }
}
