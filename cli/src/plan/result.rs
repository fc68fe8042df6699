//! The plan for one arena: its summary and the contents of its output files.

use std::path::{Path, PathBuf};

use plimsoll::export::c_code::CCode;
use plimsoll::export::json::PlanDocument;
use plimsoll::import::ImportOptions;
use plimsoll::report::{html, svg, text, trace};
use plimsoll::{Graph, Plan, Planner, Problem, Solution, Status, export};

use super::format::Format;
use super::selected_outputs::Output;
use super::{code, onnx};
use crate::arguments::PlanArguments;
use crate::outcome::Failure;

/// A plan and its input.
pub enum Planned {
    Graph(Box<(Graph, Plan)>),
    /// Name, problem and solution of a buffer list.
    Problem(Box<(String, Problem, Solution)>),
}

impl Planned {
    pub fn status(&self) -> Status {
        match self {
            Planned::Graph(pair) => pair.1.status,
            Planned::Problem(parts) => parts.2.status,
        }
    }

    pub fn arena_bytes(&self) -> u64 {
        match self {
            Planned::Graph(pair) => pair.1.arena_bytes,
            Planned::Problem(parts) => parts.2.height,
        }
    }

    pub fn summary(&self, file_arena: Option<u64>, shared_arena: Option<u64>, seconds: f64) -> String {
        match self {
            Planned::Graph(pair) => text::summary(&pair.0, &pair.1, file_arena, shared_arena, Some(seconds)),
            Planned::Problem(parts) => {
                let (name, problem, solution) = &**parts;
                text::summary_of_problem(name, problem, solution, Some(seconds))
            }
        }
    }

    /// Summary of buffers that do not fit together; empty if none are found.
    pub fn infeasible_core(&self, planner: &Planner) -> Result<String, Failure> {
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

    /// Contents of all outputs, complete before the first file is written.
    pub fn files(
        &self,
        arguments: &PlanArguments,
        outputs: &[Output],
        options: &ImportOptions,
        file_arena: Option<u64>,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
        let files = outputs.iter().map(|&(path, format)| {
            let contents = match (format, self) {
                (Format::Onnx, Planned::Graph(pair)) => {
                    onnx::planned_model(&arguments.input, (&pair.0, &pair.1), options)?
                }
                _ => self.output_text((path, format), arguments, options, file_arena).into_bytes(),
            };
            Ok((path.to_owned(), contents))
        });
        files.collect()
    }

    fn output_text(
        &self,
        (path, format): (&Path, Format),
        arguments: &PlanArguments,
        options: &ImportOptions,
        file_arena: Option<u64>,
    ) -> String {
        match self {
            Planned::Graph(pair) => {
                let (graph, plan) = &**pair;
                graph_output_text((path, format), (graph, plan), arguments, options, file_arena)
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
                        code::text(&code, path, format, &arguments.out)
                    }
                    Format::Graph => unreachable!("`run` refuses graphs of buffers"),
                    Format::Tflite | Format::Onnx => unreachable!("other functions write models"),
                }
            }
        }
    }
}

/// A graph's plan in a text format. `file_arena` is the arena size in program order, for reports.
pub fn graph_output_text(
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
        Format::Graph => export::json::graph_to_json(graph),
        Format::Header | Format::Source => {
            let code = CCode::of_graph(graph, plan, arguments.symbol_prefix.as_ref());
            code::text(&code, path, format, &arguments.out)
        }
        Format::Tflite | Format::Onnx => unreachable!("other functions write models"),
    }
}
