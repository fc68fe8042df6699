//! `plimsoll plan --memory`: one network to a plan for several memories.

use std::path::PathBuf;

use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::export::c_code::CCode;
use plimsoll::export::json::PoolPlanDocument;
use plimsoll::import::Imported;
use plimsoll::report::{html, svg, text, trace};
use plimsoll::{Error, export, files};

use super::format::{Format, format_of};
use super::planner::planner;
use super::{code, withheld};
use crate::arguments::PlanArguments;
use crate::inputs::{check_outputs, read};
use crate::output::{report_note, say_lines};
use crate::{Answer, Failure};

pub fn run(arguments: &PlanArguments) -> Result<Answer, Failure> {
    let start = ProcessTime::now();
    let formats = arguments.out.iter().map(|path| format_of(path)).collect::<Result<Vec<_>, _>>()?;
    arguments.reading.check()?;
    check_outputs(&arguments.out, arguments.inputs())?;
    code::check(&arguments.out, &formats, arguments.symbol_prefix.is_some())?;
    let pools = arguments.memory.pools()?;
    let options = arguments.reading.import_options();
    let Imported::Graph(imported) = read(&arguments.input, &options)? else {
        return Err("--memory is for networks: buffers alone have no traffic".into());
    };
    for note in &imported.notes {
        report_note(&note);
    }
    for (format, ending, why) in [
        (Format::Tflite, "tflite", "TensorFlow Lite Micro has one arena"),
        (Format::Onnx, "onnx", "the plan in a model is of one memory"),
    ] {
        if formats.contains(&format) {
            return Err(format!("--out FILE.{ending} does not go with --memory: {why}").into());
        }
    }
    let graph = &imported.graph;
    // Not a question of room, which would be an answer.
    if let Some(tensor) = graph.tensors().iter().find(|tensor| tensor.fixed_offset().is_some()) {
        let name = tensor.name();
        return Err(format!("tensor `{name}` has a fixed offset, which does not say in which memory").into());
    }
    let progress = arguments.searching.progress;
    let bar = if progress { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let placed = planner(arguments, &arguments.searching.limits(&bar))?
        .share(arguments.share.into())
        .place(graph, &pools);
    bar.finish_and_clear();
    let plan = match placed {
        Err(Error::DoesNotFit(why)) => {
            withheld::all(arguments);
            say_lines(&format!("does not fit: {why}"))?;
            return Ok(Answer::No);
        }
        placed => placed?,
    };
    let seconds = start.elapsed().as_secs_f64();
    let texts = arguments.out.iter().zip(&formats).map(|(path, &format)| match format {
        Format::Json => PoolPlanDocument::of_graph(graph, &plan, &options).to_json(),
        Format::Csv => export::csv::of_pools(graph, &plan),
        Format::Svg => svg::coloured_pools(graph, &plan, arguments.colour.into()),
        Format::Html => html::of_pools(graph, &plan),
        Format::Trace => trace::of_pools(graph, &plan),
        Format::Header | Format::Source => {
            let code = CCode::of_pools(graph, &plan, arguments.symbol_prefix.as_ref());
            code::written(&code, path, format, &arguments.out)
        }
        Format::Tflite | Format::Onnx => unreachable!("refused above"),
    });
    let files: Vec<(PathBuf, String)> = arguments.out.iter().cloned().zip(texts).collect();
    files::write_all(&files)?;
    say_lines(&text::summary_of_pools(graph, &plan, Some(seconds)))?;
    Ok(Answer::Yes)
}
