//! Models for TensorFlow Lite Micro: `plan --out FILE.tflite`, and `verify FILE.tflite`.

use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::export::tflite::{self, Kernels, Scratch, TfliteError, TflitePlan};
use plimsoll::files;
use plimsoll::import::contents;
use plimsoll::report::text;
use plimsoll::{Effort, Ordering};

use crate::arguments::{FoldArgument, OrderArgument, PlanArguments, VariablesArgument};
use crate::inputs::{model_name, read_text};
use crate::output::{report_note, say, say_lines};
use crate::plan::{Format, graph_written, planner};
use crate::target::check_reading;
use crate::verify::wrong;
use crate::{Answer, Failure, withheld};

/// Plans a model, and writes it with whatever else is asked for.
pub fn run(arguments: &PlanArguments, formats: &[Format], given: &[String]) -> Result<Answer, Failure> {
    let start = ProcessTime::now();
    check_options(arguments, formats, given)?;
    let bar = if arguments.searching.progress { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let limits = arguments.searching.limits(&bar);
    let (bytes, scratch) = (read(&arguments.input)?, arguments.target.kernel_scratch()?);
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

pub fn is_tflite(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tflite"))
}

/// Checks the plan inside of a model.
pub fn verify(input: &Path, scratch: &dyn Fn() -> Result<Scratch, Failure>) -> Result<Answer, Failure> {
    if !is_tflite(input) {
        return Err(format!(
            "{}: name its PLAN.json; only a .tflite or an .onnx has a plan inside",
            input.display()
        )
        .into());
    }
    match tflite::check(&read(input)?, &scratch()?) {
        Ok(checked) => {
            let places = checked.layout.offsets.iter().flatten().flatten().count();
            let (head, left) = (checked.head_bytes, checked.left_to_runtime);
            let left = if left > 0 { format!(" and {left} left to the runtime") } else { String::new() };
            say(&format!("right: {places} places{left} in a head of {head} bytes, scratch included\n"))?;
            Ok(Answer::Yes)
        }
        Err(error @ (TfliteError::Wrong(_) | TfliteError::Plan(_))) => wrong([error.to_string()]),
        Err(error) => Err(at(input, &error)),
    }
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    format!("{}: {error}", path.display()).into()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(contents(path)?)
}

/// A table of measured sizes: `operator` and `bytes`, with `subgraph` (or else 0) and `type`.
pub fn scratch_of(kernels: Kernels, path: Option<&Path>) -> Result<Scratch, Failure> {
    let Some(path) = path else { return Ok(Scratch::of_kernels(kernels)) };
    let text = read_text(path)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| at(path, &error))?.clone();
    let column = |name: &str| header.iter().position(|found| found == name);
    let needed = |name: &str| column(name).ok_or_else(|| at(path, &format!("there is no column `{name}`")));
    let (operators, sizes) = (needed("operator")?, needed("bytes")?);
    let mut scratch = Scratch::of_kernels(kernels);
    let mut seen = std::collections::BTreeSet::new();
    for (number, row) in reader.records().enumerate() {
        let row = row.map_err(|error| at(path, &error))?;
        let field = |column: usize| row.get(column).unwrap_or("");
        let whole = |column: usize| {
            let text = field(column);
            text.parse::<u64>()
                .map_err(|_| at(path, &format!("row {}: `{text}` is not a whole number", number + 1)))
        };
        let subgraph = column("subgraph").map_or(Ok(0), &whole)? as usize;
        let (operator, bytes) = (whole(operators)? as usize, whole(sizes)?);
        if !seen.insert((subgraph, operator)) {
            let text =
                format!("row {}: operator {operator} of subgraph {subgraph} is there twice", number + 1);
            return Err(at(path, &text));
        }
        scratch = match column("type").map(field).filter(|op_type| !op_type.is_empty()) {
            Some(op_type) => scratch.measured_of_type(subgraph, operator, op_type, bytes),
            None => scratch.measured(subgraph, operator, bytes),
        };
    }
    Ok(scratch)
}
