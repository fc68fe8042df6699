//! `plan --target tflm` and `plan --out FILE.tflite`: models for TensorFlow Lite Micro.

use std::path::PathBuf;

use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::export::tflite::{self, TflitePlan};
use plimsoll::files;
use plimsoll::import::contents;
use plimsoll::report::text;
use plimsoll::{Effort, Ordering};

use super::format::Format;
use super::planner::planner;
use super::result::graph_written;
use super::withheld;
use crate::arguments::{OrderArgument, PlanArguments};
use crate::inputs::{at, is_tflite, model_name};
use crate::output::{report_note, say, say_lines};
use crate::reading::{FoldArgument, VariablesArgument};
use crate::target::check_reading;
use crate::{Answer, Failure};

/// Plans a model, and writes it with whatever else is asked for.
pub fn run(arguments: &PlanArguments, formats: &[Format], given: &[String]) -> Result<Answer, Failure> {
    let start = ProcessTime::now();
    check_options(arguments, formats, given)?;
    let bar = if arguments.searching.progress { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let limits = arguments.searching.limits(&bar);
    let (bytes, scratch) = (contents(&arguments.input)?, arguments.target.kernel_scratch()?);
    let name = model_name(&arguments.input);
    let planned =
        tflite::plan(&name, &bytes, planner(arguments, &limits)?.share(arguments.share.into()), &scratch)
            .map_err(|error| at(&arguments.input, &error))?;
    let file_arena = match arguments.order {
        OrderArgument::File => None,
        OrderArgument::Auto | OrderArgument::Optimal => {
            let in_order = planner(arguments, &limits)?.share(arguments.share.into());
            let in_order = in_order.order(Ordering::File).effort(Effort::Quick);
            let in_order = tflite::plan(&name, &bytes, in_order, &scratch);
            Some(in_order.map_err(|error| at(&arguments.input, &error))?.plan.arena_bytes)
        }
    };
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let fits = arguments.capacity.is_none_or(|capacity| planned.head_bytes <= capacity);
    let mut outputs = withheld::outputs(arguments, formats, (!fits).then_some(planned.head_bytes));
    if !arguments.allow_larger_head {
        withheld::larger_head(&mut outputs, &planned);
    }
    let files = outputs.into_iter().map(|(path, format)| {
        let contents = match format {
            Format::Tflite => planned.bytes.clone(),
            other => {
                let options = arguments.reading.import_options();
                let pair = (&planned.graph, &planned.plan);
                graph_written((path, other), pair, arguments, &options, file_arena).into_bytes()
            }
        };
        (path.to_owned(), contents)
    });
    let files: Vec<(PathBuf, Vec<u8>)> = files.collect();
    files::write_all(&files)?;
    for note in &planned.notes {
        report_note(&note);
    }
    say_lines(&text::summary(&planned.graph, &planned.plan, file_arena, None, Some(seconds)))?;
    say(&head_line(&planned))?;
    Ok(if fits { Answer::Yes } else { Answer::No })
}

fn head_line(planned: &TflitePlan) -> String {
    let subgraphs = planned.layout.orders.len();
    let of = if subgraphs > 1 { format!(", all {subgraphs} subgraphs together") } else { String::new() };
    let head = planned.head_bytes;
    let own = match planned.own_head_bytes {
        Some(own) if own > head => {
            let saved = (own - head) as f64 / own as f64;
            format!("; {own} without this plan, so {} saved", text::percent(saved))
        }
        Some(own) if own == head => "; as many without this plan".to_owned(),
        Some(own) => format!("; {own} without this plan, which is no use here"),
        None => String::new(),
    };
    let arena = planned.estimated_arena_bytes;
    let rest = arena.saturating_sub(head);
    format!(
        "head of TensorFlow Lite Micro's arena: {head} bytes{of}{own}\n\
         constexpr int kTensorArenaSize = {arena};  // head {head}, tail and planning {rest} (estimated)\n"
    )
}

/// What the runtime does by itself cannot be asked for otherwise.
fn check_options(arguments: &PlanArguments, formats: &[Format], given: &[String]) -> Result<(), Failure> {
    if !is_tflite(&arguments.input) {
        return Err(format!("{}: a .tflite is made of a .tflite", arguments.input.display()).into());
    }
    let reading = &arguments.reading;
    check_reading(reading)?;
    let given = |name: &str| given.iter().any(|given| given == name);
    let contradictions = [
        (
            given("fold") && matches!(reading.fold, FoldArgument::Constants),
            "--fold constants: TensorFlow Lite Micro runs every operator of the file",
        ),
        (
            given("variables") && matches!(reading.variables, VariablesArgument::Arena),
            "--variables arena: TensorFlow Lite Micro keeps variables at the arena's tail",
        ),
        (
            !arguments.reserve.is_empty(),
            "--reserve: TensorFlow Lite Micro puts scratch wherever there is room",
        ),
        (
            formats.contains(&Format::Json),
            "--out FILE.json: the plan is inside of the .tflite, and `plimsoll verify FILE.tflite` checks it; \
             --out FILE.csv lists the offsets",
        ),
    ];
    match contradictions.iter().find(|contradiction| contradiction.0) {
        Some((_, why)) => Err(format!("does not go with --target tflm: {why}").into()),
        None => Ok(()),
    }
}
