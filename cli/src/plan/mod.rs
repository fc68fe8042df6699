//! `plimsoll plan`: one input to a plan, a summary and files.

mod code;
mod comparison;
mod format;
mod onnx;
mod planner;
mod pools;
mod result;
mod tflm;
mod withheld;

use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::import::{Imported, ImportedGraph};
use plimsoll::{Status, files};

use crate::arguments::PlanArguments;
use crate::inputs::{check_outputs, model_name, read};
use crate::output::{report_note, say_lines};
use crate::target::scratch_line;
use crate::{Answer, Failure};
use comparison::Comparison;
use format::{Format, format_of};
use planner::planner;
use result::Planned;

/// `given` are the options that do not have their defaults.
pub fn run(arguments: &PlanArguments, given: &[String]) -> Result<Answer, Failure> {
    if arguments.memory.is_given() {
        if arguments.target.is_given() {
            return Err("--target tflm has one arena; `fit --memory` says whether it fits a memory".into());
        }
        return pools::run(arguments);
    }
    let start = ProcessTime::now();
    let formats = arguments.out.iter().map(|path| format_of(path)).collect::<Result<Vec<_>, _>>()?;
    arguments.reading.check()?;
    check_outputs(&arguments.out, arguments.inputs())?;
    code::check(&arguments.out, &formats, arguments.symbol_prefix.is_some())?;
    onnx::check_input(&arguments.input, &formats)?;
    if arguments.target.is_given() || formats.contains(&Format::Tflite) {
        return tflm::run(arguments, &formats, given);
    }
    arguments.target.check(&arguments.reading)?;
    let options = arguments.reading.import_options();
    let searching = &arguments.searching;
    let bar = if searching.progress { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let limits = searching.limits(&bar);
    let planner = planner(arguments, &limits)?.share(arguments.share.into());
    let (mut file_arena, mut shared_arena) = (None, None);
    let result = match read(&arguments.input, &options)? {
        Imported::Graph(ImportedGraph { graph, notes, .. }) => {
            let plan = planner.plan(&graph)?;
            for note in notes {
                report_note(&note);
            }
            let comparison = Comparison { arguments, limits: &limits, graph: &graph, plan: &plan };
            (file_arena, shared_arena) = (comparison.file_arena(), comparison.shared_arena());
            Planned::Graph(Box::new((graph, plan)))
        }
        Imported::Problem(problem) => {
            let problem =
                problem.with_capacity(arguments.capacity).with_reserved(arguments.reserve.clone())?;
            let solution = planner.solve(&problem)?;
            Planned::Problem(Box::new((model_name(&arguments.input), problem, solution)))
        }
        _ => return Err("this kind of input is not supported here".into()),
    };
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let needed = (!result.status().fits()).then(|| result.arena_bytes());
    let outputs = withheld::outputs(arguments, &formats, needed);
    files::write_all(&result.files(arguments, &outputs, &options, file_arena)?)?;
    if outputs.iter().any(|(_, format)| *format == Format::Onnx) {
        for note in onnx::notes(&arguments.input, &arguments.out)? {
            report_note(&note);
        }
    }
    say_lines(&result.summary(file_arena, shared_arena, seconds))?;
    say_lines(&scratch_line(&arguments.input).unwrap_or_default())?;
    if result.status() == Status::Infeasible {
        say_lines(&result.explained(&planner)?)?;
    }
    Ok(if result.status().fits() { Answer::Yes } else { Answer::No })
}
