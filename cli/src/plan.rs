//! `plimsoll plan`: one input to a plan, a summary and files.

use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use indicatif::ProgressBar;
use plimsoll::allocate::by_name_with;
use plimsoll::export::c_code::CCode;
use plimsoll::export::json::PlanDocument;
use plimsoll::import::{ImportOptions, Imported, ImportedGraph};
use plimsoll::report::{html, svg, text, trace};
use plimsoll::{Effort, Graph, Limits, Plan, Planner, Problem, Sharing, Solution, Status, export, files};

use crate::arguments::{OrderArgument, PlanArguments, ShareArgument};
use crate::inputs::{check_outputs, model_name, read};
use crate::output::{report_note, say_lines};
use crate::target::scratch_line;
use crate::withheld::{self, Output};
use crate::{Answer, Failure, code, onnx, plan_pools, tflm};

/// What `--out` can write, by the file's ending.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Svg,
    Html,
    Trace,
    Header,
    Source,
    Tflite,
    Onnx,
}

/// `given` are the options that do not have their defaults.
pub fn run(arguments: &PlanArguments, given: &[String]) -> Result<Answer, Failure> {
    if arguments.memory.is_given() {
        if arguments.target.is_given() {
            return Err("--target tflm has one arena; `fit --memory` says whether it fits a memory".into());
        }
        return plan_pools::run(arguments);
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

/// The planner that the arguments ask for, but for the level of sharing.
pub fn planner(arguments: &PlanArguments, limits: &Limits) -> Result<Planner, Failure> {
    let searching = &arguments.searching;
    let planner = arguments.reading.planner().boxed_strategy(searching.strategy(&arguments.strategy)?);
    let planner = planner.effort(searching.effort.into()).limits(limits.clone());
    let mut planner = planner.order(arguments.order.into());
    if let Some(capacity) = arguments.capacity {
        planner = planner.capacity(capacity);
    }
    Ok(arguments.reserve.iter().cloned().fold(planner, Planner::reserve))
}

/// Graphs with more operators get no hint on sharing: it would take longer than the plan.
const MOST_COMPARED: usize = 500;

/// Search nodes of each comparison: some 20 ms.
const COMPARED_NODES: u64 = 20_000;

/// Graphs with more operators are not planned in program order besides.
const MOST_IN_PROGRAM_ORDER: usize = 10_000;

/// Figures to compare a plan with, made with little effort: they are arenas that exist, not the
/// smallest there are, and a failure to find one is no failure of the command.
struct Comparison<'a> {
    arguments: &'a PlanArguments,
    limits: &'a Limits,
    graph: &'a Graph,
    plan: &'a Plan,
}

impl Comparison<'_> {
    /// The arena in program order, in bytes; none if no other order was planned, or for large graphs.
    fn file_arena(&self) -> Option<u64> {
        if matches!(self.arguments.order, OrderArgument::File) {
            return None;
        }
        if self.plan.order == self.graph.file_order() {
            return Some(self.plan.arena_bytes);
        }
        if self.graph.operators().len() > MOST_IN_PROGRAM_ORDER {
            return None;
        }
        let planner = self.planner()?.share(self.arguments.share.into());
        Some(planner.plan_in_order(self.graph, self.graph.file_order()).ok()?.arena_bytes)
    }

    /// The arena with all sharing in the plan's order, in bytes; none if tensors share already.
    fn shared_arena(&self) -> Option<u64> {
        let is_large = self.graph.operators().len() > MOST_COMPARED;
        if self.arguments.share != ShareArgument::None || is_large {
            return None;
        }
        let planner = self.planner()?.share(Sharing::All);
        Some(planner.plan_in_order(self.graph, &self.plan.order).ok()?.arena_bytes)
    }

    fn planner(&self) -> Option<Planner> {
        // Where a limit is given, the plan has had the nodes.
        let nodes = if self.arguments.searching.node_limit.is_some() { 0 } else { COMPARED_NODES };
        let limits = self.limits.clone().nodes(nodes);
        let planner = planner(self.arguments, &limits).ok()?.effort(Effort::Quick);
        let strategy = by_name_with("auto", self.arguments.searching.settings(Effort::Quick)).ok()?;
        Some(planner.boxed_strategy(strategy))
    }
}

pub fn format_of(path: &Path) -> Result<Format, Failure> {
    // A name need not be text; its endings are.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.to_ascii_lowercase().ends_with(".trace.json") {
        return Ok(Format::Trace);
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    match ending.to_ascii_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        "svg" => Ok(Format::Svg),
        "html" => Ok(Format::Html),
        "h" => Ok(Format::Header),
        "c" => Ok(Format::Source),
        "tflite" => Ok(Format::Tflite),
        "onnx" => Ok(Format::Onnx),
        _ => {
            let endings = ".json, .csv, .svg, .html, .trace.json, .h, .c, .tflite or .onnx";
            Err(format!("--out {}: expected a name ending in {endings}", path.display()).into())
        }
    }
}

/// A graph's plan in a format other than a model's; the arena in file order is for reports.
pub fn graph_written(
    (path, format): (&Path, Format),
    (graph, plan): (&Graph, &Plan),
    arguments: &PlanArguments,
    options: &ImportOptions,
    file_arena: Option<u64>,
) -> String {
    match format {
        Format::Json => PlanDocument::of_graph(graph, plan, options).to_json(),
        Format::Csv => export::csv::of_graph(graph, plan),
        Format::Svg => svg::coloured(graph, plan, arguments.colour.into()),
        Format::Html => html::of_graph(graph, plan, file_arena),
        Format::Trace => trace::of_graph(graph, plan),
        Format::Header | Format::Source => {
            let code = CCode::of_graph(graph, plan, arguments.symbol_prefix.as_ref());
            code::written(&code, path, format, &arguments.out)
        }
        Format::Tflite | Format::Onnx => unreachable!("a model is written by another function"),
    }
}

/// A plan with what it is for.
enum Planned {
    Graph(Box<(Graph, Plan)>),
    Problem(Box<(String, Problem, Solution)>),
}

impl Planned {
    fn status(&self) -> Status {
        match self {
            Planned::Graph(pair) => pair.1.status,
            Planned::Problem(parts) => parts.2.status,
        }
    }

    fn arena_bytes(&self) -> u64 {
        match self {
            Planned::Graph(pair) => pair.1.arena_bytes,
            Planned::Problem(parts) => parts.2.height,
        }
    }

    fn summary(&self, file_arena: Option<u64>, shared_arena: Option<u64>, seconds: f64) -> String {
        match self {
            Planned::Graph(pair) => text::summary(&pair.0, &pair.1, file_arena, shared_arena, Some(seconds)),
            Planned::Problem(parts) => {
                let (name, problem, solution) = &**parts;
                text::summary_of_problem(name, problem, solution, Some(seconds))
            }
        }
    }

    /// What cannot lie together, if that can be said.
    fn explained(&self, planner: &Planner) -> Result<String, Failure> {
        Ok(match self {
            Planned::Graph(pair) => {
                let core = planner.explain_plan(&pair.0, &pair.1)?;
                core.map_or_else(String::new, |core| text::core_of_graph(&pair.1.flattened(&pair.0), &core))
            }
            Planned::Problem(parts) => {
                let core = planner.explain(&parts.1)?;
                core.map_or_else(String::new, |core| text::core_of_problem(&parts.1, &core))
            }
        })
    }

    /// All that is asked for, before any of it is written.
    fn files(
        &self,
        arguments: &PlanArguments,
        outputs: &[Output],
        options: &ImportOptions,
        file_arena: Option<u64>,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
        let files = outputs.iter().map(|&(path, format)| {
            let contents = match (format, self) {
                (Format::Onnx, Planned::Graph(pair)) => {
                    onnx::written(&arguments.input, (&pair.0, &pair.1), options)?
                }
                _ => self.written((path, format), arguments, options, file_arena).into_bytes(),
            };
            Ok((path.to_owned(), contents))
        });
        files.collect()
    }

    fn written(
        &self,
        (path, format): (&Path, Format),
        arguments: &PlanArguments,
        options: &ImportOptions,
        file_arena: Option<u64>,
    ) -> String {
        match self {
            Planned::Graph(pair) => {
                let (graph, plan) = &**pair;
                graph_written((path, format), (graph, plan), arguments, options, file_arena)
            }
            Planned::Problem(parts) => {
                let (name, problem, solution) = &**parts;
                match format {
                    Format::Json => PlanDocument::of_problem(name, problem, solution, options).to_json(),
                    Format::Csv => export::csv::of_problem(problem, solution),
                    Format::Svg => svg::of_problem(name, problem, solution),
                    Format::Html => html::of_problem(name, problem, solution),
                    Format::Trace => trace::of_problem(name, problem, solution),
                    Format::Header | Format::Source => {
                        let prefix = arguments.symbol_prefix.as_ref();
                        let code = CCode::of_problem(name, problem, solution, prefix);
                        code::written(&code, path, format, &arguments.out)
                    }
                    Format::Tflite | Format::Onnx => unreachable!("a model is written by another function"),
                }
            }
        }
    }
}
