//! `plimsoll plan`: plans one input, prints a summary and writes files.

mod check;
mod code;
mod comparison;
mod onnx;
mod planned;
mod pools;
mod selected_outputs;
mod tflm;
mod tile;
mod tiled_onnx;

use std::path::PathBuf;

use cpu_time::ProcessTime;
use plimsoll::files::{Format, OutputBatch};
use plimsoll::import::{Imported, ImportedGraph};
use plimsoll::report::text;
use plimsoll::{Limits, Planner, Status};

use crate::arguments::PlanArguments;
use crate::inputs::{
    UNSUPPORTED_INPUT, check_outputs, error_at, import_error, model_name, read_with_scratch,
};
use crate::outcome::{Failure, Outcome};
use crate::output::{print_lines, report_note};
use crate::target::scratch_line;
use comparison::Comparison;
use planned::{Planned, write_output};

/// `explicit` are the names of the options on the command line.
pub fn run(arguments: &PlanArguments, explicit: &[String]) -> Result<Outcome, Failure> {
    let start = ProcessTime::now();
    let formats = check_options(arguments)?;
    if arguments.memory.is_given() {
        return pools::run(arguments, &formats, start);
    }
    onnx::check_input(&arguments.input, &formats)?;
    if arguments.target.is_given() || formats.contains(&Format::Tflite) {
        return tflm::run(arguments, &formats, explicit, start);
    }
    arguments.target.check(&arguments.reading)?;
    let mut options = arguments.reading.import_options();
    let bar = arguments.searching.spinner();
    let limits = arguments.searching.limits(&bar);
    let planner = arguments.planner(&limits)?;
    let (mut tiling_line, mut tiled_model) = (None, None);
    let input = &arguments.input;
    let read = read_with_scratch(input, &options).map_err(|error| import_error(input, error))?;
    let result = match read.imported {
        Imported::Graph(ImportedGraph { graph, notes, .. }) => {
            let plan = planner.plan(&graph)?;
            for note in notes {
                report_note(&note);
            }
            if formats.contains(&Format::Onnx) {
                let tiled = tiled_onnx::tile(arguments, &planner, (&graph, &plan), &options)?;
                (tiling_line, tiled_model) = (tiled.line, tiled.model);
                let (graph, plan, new_options) = tiled.planned.unwrap_or((graph, plan, options));
                options = new_options;
                Planned::Graph(Box::new((graph, plan)))
            } else {
                let tiled = tile::tile(&planner, &graph, &plan, arguments)?;
                tiling_line = tiled.note.map(str::to_owned);
                match tiled.plan {
                    Some(tiled) => Planned::Tiled(Box::new((graph, plan, tiled))),
                    None => Planned::Graph(Box::new((graph, plan))),
                }
            }
        }
        Imported::Problem(_) if arguments.tiling.is_on() => {
            return Err(error_at(input, &"a buffer list has no operators; --tile needs a network"));
        }
        Imported::Problem(_) if formats.contains(&Format::Graph) => {
            return Err(error_at(input, &"a buffer list, not a network, which --out FILE.graph.json needs"));
        }
        Imported::Problem(problem) => {
            let problem =
                problem.with_capacity(arguments.capacity).with_reserved(arguments.reserve.clone())?;
            let solution = planner.solve(&problem)?;
            Planned::Problem(Box::new((model_name(input), problem, solution)))
        }
        _ => return Err(error_at(input, &UNSUPPORTED_INPUT)),
    };
    // A tiled plan has nothing to compare: other orders and sharing would be those of the model without tiling.
    let comparison = match &result {
        Planned::Graph(pair) if tiled_model.is_none() => {
            Some(Comparison { arguments, limits: &limits, graph: &pair.0, plan: &pair.1 })
        }
        _ => None,
    };
    let program_order_arena = comparison.as_ref().and_then(Comparison::program_order_arena);
    let shared_arena = comparison.as_ref().and_then(Comparison::shared_arena);
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let (status, arena_bytes) = result.status_and_size();
    let outputs =
        selected_outputs::selected_outputs(arguments, &formats, (!status.fits()).then_some(arena_bytes));
    let mut batch = OutputBatch::new(outputs.iter().map(|(path, _)| *path))?;
    let mut view = result.view();
    (view.program_order_arena, view.shared_arena) = (program_order_arena, shared_arena);
    for (index, &output) in outputs.iter().enumerate().filter(|(_, output)| output.1 != Format::Onnx) {
        batch.write(index, |out| write_output(&view, output, arguments, &options, out))?;
    }
    let summary = text::summary(&view, Some(seconds));
    drop(view);
    let core = if status == Status::Infeasible { result.infeasible_core(&planner)? } else { String::new() };
    onnx::write_models(input, &outputs, (result, tiled_model), &options, &mut batch)?;
    batch.commit()?;
    if outputs.iter().any(|(_, format)| *format == Format::Onnx)
        && let Some(note) = onnx::weights_note(input, &arguments.out)?
    {
        report_note(&note);
    }
    print_lines(&summary)?;
    print_lines(&tiling_line.unwrap_or_default())?;
    print_lines(&scratch_line(&read.scratch_operators))?;
    print_lines(&core)?;
    let is_same = check::compare(arguments, &outputs)?;
    Ok(Outcome::of(status.fits() && is_same))
}

impl PlanArguments {
    /// Planner of the options.
    fn planner(&self, limits: &Limits) -> Result<Planner, Failure> {
        let planner = self.reading.planner().strategy(self.searching.strategy(&self.strategy)?);
        let planner = planner.effort(self.searching.effort).limits(limits.clone());
        let mut planner = planner.order(self.order).share(self.share);
        if let Some(capacity) = self.capacity {
            planner = planner.capacity(capacity);
        }
        Ok(self.reserve.iter().cloned().fold(planner, Planner::reserve))
    }
}

/// Checks options and outputs before the input is read; returns the formats of the outputs.
fn check_options(arguments: &PlanArguments) -> Result<Vec<Format>, Failure> {
    if arguments.memory.is_given() && arguments.target.is_given() {
        return Err("--memory: not supported with --target tflm, which has one arena; \
                    use `fit --memory` to check whether it fits"
            .into());
    }
    let format = |path: &PathBuf| {
        Format::of(path).ok_or_else(|| {
            let (path, endings) = (path.display(), Format::ENDINGS);
            format!("--out {path}: unknown format; use the extension {endings}")
        })
    };
    let formats = arguments.out.iter().map(format).collect::<Result<Vec<_>, _>>()?;
    arguments.reading.check()?;
    tile::check(arguments, &formats)?;
    check::check_outputs(arguments, &formats)?;
    check_outputs(&arguments.out, arguments.inputs())?;
    code::check(&arguments.out, &formats, arguments.symbol_prefix.is_some())?;
    Ok(formats)
}
