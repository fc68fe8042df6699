//! `plimsoll plan --memory`: plans one network for several memories.

use std::path::PathBuf;

use cpu_time::ProcessTime;
use plimsoll::files::Format;
use plimsoll::files::OutputBatch;
use plimsoll::import::Imported;
use plimsoll::report::text;
use plimsoll::{Error, PlanView};

use super::planned::write_output;
use super::{selected_outputs, tile};
use crate::arguments::PlanArguments;
use crate::inputs::{error_at, read};
use crate::memory::check_no_fixed_offsets;
use crate::outcome::{Failure, Outcome};
use crate::output::{print_lines, report_note};

pub fn run(arguments: &PlanArguments, formats: &[Format], start: ProcessTime) -> Result<Outcome, Failure> {
    check_formats(formats)?;
    let pools = arguments.memory.pools()?;
    let options = arguments.reading.import_options();
    let Imported::Graph(imported) = read(&arguments.input, &options)? else {
        return Err(error_at(&arguments.input, &"a buffer list has no traffic; --memory needs a network"));
    };
    for note in &imported.notes {
        report_note(note);
    }
    let graph = &imported.graph;
    check_no_fixed_offsets(graph)?;
    let bar = arguments.searching.spinner();
    let planner = arguments.planner(&arguments.searching.limits(&bar))?;
    let placed = planner.place(graph, &pools);
    let plan = match placed {
        Err(Error::DoesNotFit(reason)) => {
            bar.finish_and_clear();
            selected_outputs::report_all(arguments);
            print_lines(&format!("does not fit: {reason}"))?;
            return Ok(Outcome::Negative);
        }
        placed => placed?,
    };
    let (tiled, tiling_line) = tile::place(&planner, graph, &plan, arguments)?;
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let view = match &tiled {
        Some(tiled) => PlanView::of_tiled_pools(graph, tiled, Some(&plan)),
        None => PlanView::of_pools(graph, &plan),
    };
    let mut batch = OutputBatch::new(arguments.out.iter().map(PathBuf::as_path))?;
    for (index, (path, &format)) in arguments.out.iter().zip(formats).enumerate() {
        batch.write(index, |out| write_output(&view, (path, format), arguments, &options, out))?;
    }
    batch.commit()?;
    print_lines(&text::summary(&view, Some(seconds)))?;
    print_lines(tiling_line.unwrap_or_default())?;
    Ok(Outcome::Positive)
}

/// Refuses models as outputs, because they contain a plan for one arena.
fn check_formats(formats: &[Format]) -> Result<(), Failure> {
    for (format, extension, reason) in [
        (Format::Tflite, "tflite", "TensorFlow Lite Micro has one arena"),
        (Format::Onnx, "onnx", "the plan inside a model is for one arena"),
    ] {
        if formats.contains(&format) {
            return Err(format!("--out FILE.{extension}: not supported with --memory: {reason}").into());
        }
    }
    Ok(())
}
