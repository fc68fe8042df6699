//! `plimsoll plan --memory`: plans one network for several memories.

use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use plimsoll::export::c_code::CCode;
use plimsoll::export::json::PoolPlanDocument;
use plimsoll::import::{ImportOptions, Imported};
use plimsoll::report::{html, svg, text, trace};
use plimsoll::{Error, Graph, PoolPlan, export, files};

use super::format::Format;
use super::planner::planner;
use super::{code, selected_outputs};
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
        report_note(&note);
    }
    let graph = &imported.graph;
    check_no_fixed_offsets(graph)?;
    let bar = arguments.searching.spinner();
    let placed = planner(arguments, &arguments.searching.limits(&bar))?
        .share(arguments.share.into())
        .place(graph, &pools);
    bar.finish_and_clear();
    let plan = match placed {
        Err(Error::DoesNotFit(reason)) => {
            selected_outputs::report_all(arguments);
            print_lines(&format!("does not fit: {reason}"))?;
            return Ok(Outcome::Negative);
        }
        placed => placed?,
    };
    let seconds = start.elapsed().as_secs_f64();
    let texts = arguments.out.iter().zip(formats).map(|(path, &format)| {
        (path.clone(), output_text((path, format), (graph, &plan), arguments, &options))
    });
    let files: Vec<(PathBuf, String)> = texts.collect();
    files::write_all(&files)?;
    print_lines(&text::summary_of_pools(graph, &plan, Some(seconds)))?;
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

fn output_text(
    (path, format): (&Path, Format),
    (graph, plan): (&Graph, &PoolPlan),
    arguments: &PlanArguments,
    options: &ImportOptions,
) -> String {
    match format {
        Format::Json => PoolPlanDocument::of_graph(graph, plan, options).to_json(),
        Format::Csv => export::csv::of_pools(graph, plan),
        Format::Svg => svg::coloured_pools(graph, plan, arguments.colour.into()),
        Format::Html => html::of_pools(graph, plan),
        Format::Trace => trace::of_pools(graph, plan),
        Format::Graph => export::json::graph_to_json(graph),
        Format::Header | Format::Source => {
            let code = CCode::of_pools(graph, plan, arguments.symbol_prefix.as_ref());
            code::text(&code, path, format, &arguments.out)
        }
        Format::Tflite | Format::Onnx => unreachable!("`check_formats` refuses models"),
    }
}
