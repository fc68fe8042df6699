//! `plan --target tflm` and `plan --out FILE.tflite`: models for TensorFlow Lite Micro.

use cpu_time::ProcessTime;
use plimsoll::export::tflite::{TflitePlan, TfliteRegion, TiledTflite};
use plimsoll::files::Format;
use plimsoll::files::OutputBatch;
use plimsoll::import::Fold;
use plimsoll::report::text;
use plimsoll::{Effort, PlanView, Planner, ScheduleMode, Variables};

use super::check;
use super::planned::write_output;
use super::{selected_outputs, tile};
use crate::arguments::PlanArguments;
use crate::inputs::{error_at, is_tflite};
use crate::outcome::{Failure, Outcome};
use crate::output::{print, print_lines, report_note};
use crate::target::{TargetModel, check_tflm_options, check_tflm_reading};

/// Plans a model and writes it together with the other outputs.
pub fn run(
    arguments: &PlanArguments,
    formats: &[Format],
    explicit: &[String],
    start: ProcessTime,
) -> Result<Outcome, Failure> {
    check_options(arguments, formats, explicit)?;
    let bar = arguments.searching.spinner();
    let limits = arguments.searching.limits(&bar);
    let model = arguments.target.model(&arguments.input)?;
    let untiled = model.plan(arguments.planner(&limits)?)?;
    let tiled = tile(arguments, &model, &untiled, &arguments.planner(&limits)?)?;
    let planned = tiled.as_ref().map_or(&untiled, |tiled| &tiled.planned);
    let program_order_arena = if arguments.order == ScheduleMode::Program || tiled.is_some() {
        None
    } else {
        let quick = arguments.planner(&limits)?.effort(Effort::Quick).order(ScheduleMode::Program);
        Some(program_order_arena(&model, planned, quick)?)
    };
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let fits = arguments.capacity.is_none_or(|capacity| planned.head_bytes <= capacity);
    let mut outputs =
        selected_outputs::selected_outputs(arguments, formats, (!fits).then_some(planned.head_bytes));
    if !arguments.allow_larger_head {
        selected_outputs::remove_larger_head(&mut outputs, planned);
    }
    let options = arguments.reading.import_options();
    let mut view = PlanView::of_plan(&planned.graph, &planned.plan);
    view.program_order_arena = program_order_arena;
    let mut batch = OutputBatch::new(outputs.iter().map(|(path, _)| *path))?;
    for (index, &output) in outputs.iter().enumerate() {
        batch.write(index, |out| match output.1 {
            Format::Tflite => out.write_all(&planned.bytes),
            _ => write_output(&view, output, arguments, &options, out),
        })?;
    }
    batch.commit()?;
    for note in &planned.notes {
        report_note(&note);
    }
    print_lines(&text::summary(&view, Some(seconds)))?;
    if arguments.tiling.is_on() {
        print(&tiling_lines(tiled.as_ref(), &untiled, model.length()))?;
    }
    print(&head_lines(planned, untiled.runtime_head_bytes))?;
    let is_same = check::compare(arguments, &outputs)?;
    Ok(Outcome::of(fits && is_same))
}

/// Tiles the model if `--tile` is given and its head does not fit the capacity without. None if tiling does not help.
fn tile(
    arguments: &PlanArguments,
    model: &TargetModel<'_>,
    untiled: &TflitePlan,
    planner: &Planner,
) -> Result<Option<TiledTflite>, Failure> {
    let fits = arguments.capacity.is_some_and(|capacity| untiled.head_bytes <= capacity);
    if !arguments.tiling.is_on() || fits {
        return Ok(None);
    }
    let goal = arguments.tiling.goal(arguments.capacity);
    model.tile(planner, untiled, (&goal, arguments.tiling.tflite_measure()))
}

/// Summary lines on tiling.
fn tiling_lines(tiled: Option<&TiledTflite>, untiled: &TflitePlan, length: usize) -> String {
    let Some(tiled) = tiled else {
        return "tiling         none: no tiling within the limits makes the arena smaller, or none is needed\n".to_owned();
    };
    let (before, after) = (untiled.head_bytes, tiled.planned.head_bytes);
    let saved = before.saturating_sub(after) as f64 / before.max(1) as f64;
    let extra = tiled.extra_cost as f64 / tiled.untiled_cost.max(1) as f64;
    let growth = tiled.planned.bytes.len().saturating_sub(length);
    let tail = |planned: &TflitePlan| planned.estimated_arena_bytes.saturating_sub(planned.head_bytes);
    let tail_growth = tail(&tiled.planned).saturating_sub(tail(untiled));
    let [operators, tiled_operators] = tiled.operators;
    let first = format!(
        "tiling         head {before} -> {after} bytes ({} saved), arena {} -> {} bytes (estimated), {} extra MACs\n",
        text::percent(saved),
        untiled.estimated_arena_bytes,
        tiled.planned.estimated_arena_bytes,
        text::percent(extra)
    );
    let regions: String = tiled.regions.iter().map(region_line).collect();
    let added = if tiled.added_types.is_empty() {
        "no new operator types".to_owned()
    } else {
        format!("add {} to the application's resolver", tiled.added_types.join(", "))
    };
    format!(
        "{first}{regions}model          file +{growth} bytes, tail +{tail_growth} bytes (estimated), {operators} -> \
         {tiled_operators} operators; {added}\n"
    )
}

/// Summary line on a region.
fn region_line(region: &TfliteRegion) -> String {
    let [first, last] =
        [region.operators.first(), region.operators.last()].map(|operator| operator.copied().unwrap_or(0));
    let operators = format!("operators {first} to {last}");
    tile::region_line(&operators, region.stripes, region.axis, region.is_carried)
}

/// Size of the arena in program order.
fn program_order_arena(model: &TargetModel, result: &TflitePlan, planner: Planner) -> Result<u64, Failure> {
    if result.layout.orders.len() > 1 {
        // The bodies of operators are scratch of a size that depends on their orders.
        return Ok(model.plan(planner)?.plan.arena_bytes);
    }
    let planner = planner.alignment(result.plan.alignment).variables(Variables::Outside);
    Ok(planner.plan(&result.graph)?.arena_bytes)
}

/// Summary lines on the size of the runtime's arena.
fn head_lines(planned: &TflitePlan, runtime_head_bytes: Option<u64>) -> String {
    let subgraphs = planned.layout.orders.len();
    let scope = if subgraphs > 1 { format!(" for all {subgraphs} subgraphs") } else { String::new() };
    let head = planned.head_bytes;
    let comparison = match runtime_head_bytes {
        Some(runtime_head) if runtime_head > head => {
            let saved = (runtime_head - head) as f64 / runtime_head as f64;
            format!("; {runtime_head} without this plan ({} saved)", text::percent(saved))
        }
        Some(runtime_head) if runtime_head == head => "; the same without this plan".to_owned(),
        Some(runtime_head) => format!("; {runtime_head} without this plan, which is smaller"),
        None => String::new(),
    };
    let arena = planned.estimated_arena_bytes;
    let rest = arena.saturating_sub(head);
    format!(
        "head of TensorFlow Lite Micro's arena: {head} bytes{scope}{comparison}\n\
         constexpr int kTensorArenaSize = {arena};  // head {head}, tail and planning {rest} (estimated)\n"
    )
}

/// Refuses options that contradict what the runtime does.
fn check_options(arguments: &PlanArguments, formats: &[Format], explicit: &[String]) -> Result<(), Failure> {
    if !is_tflite(&arguments.input) {
        let message = "not a .tflite file, which --target tflm and --out FILE.tflite need";
        return Err(error_at(&arguments.input, &message));
    }
    let reading = &arguments.reading;
    check_tflm_reading(reading)?;
    let is_explicit = |name: &str| explicit.iter().any(|option| option == name);
    check_tflm_options(&[
        (
            is_explicit("fold") && reading.fold == Fold::Constants,
            "--fold constants",
            "TensorFlow Lite Micro runs every operator of the file",
        ),
        (
            is_explicit("variables") && reading.variables == Variables::Arena,
            "--variables arena",
            "TensorFlow Lite Micro keeps variables in the arena's tail",
        ),
        (
            !arguments.reserve.is_empty(),
            "--reserve",
            "TensorFlow Lite Micro places scratch wherever there is room",
        ),
        (
            formats.contains(&Format::Json),
            "--out FILE.json",
            "the plan is inside the .tflite, and `plimsoll verify FILE.tflite` verifies it; --out FILE.csv lists \
             the offsets",
        ),
    ])
}
