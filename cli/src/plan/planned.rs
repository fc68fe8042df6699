//! A plan of any kind with its input, and the contents of its output files.

use std::io::{self, Write};

use plimsoll::export::c_code::CCode;
use plimsoll::export::{csv, json};
use plimsoll::files::{Format, write_code};
use plimsoll::import::ImportOptions;
use plimsoll::report::{Colour, html, svg, text, trace};
use plimsoll::{Graph, Plan, PlanView, Planner, Problem, Solution, Status, TiledPlan};

use super::selected_outputs::Output;
use crate::arguments::PlanArguments;
use crate::outcome::Failure;

/// A plan for one arena and its input.
pub enum Planned {
    Graph(Box<(Graph, Plan)>),
    /// Graph, its plan without tiling, and the tiled plan.
    Tiled(Box<(Graph, Plan, TiledPlan)>),
    /// Name, problem and solution of a buffer list.
    Problem(Box<(String, Problem, Solution)>),
}

impl Planned {
    pub fn view(&self) -> PlanView<'_> {
        match self {
            Planned::Graph(pair) => PlanView::of_plan(&pair.0, &pair.1),
            Planned::Tiled(parts) => PlanView::of_tiled(&parts.0, &parts.2, Some(&parts.1)),
            Planned::Problem(parts) => PlanView::of_solution(&parts.0, &parts.1, &parts.2),
        }
    }

    /// Status and size of the arena.
    pub fn status_and_size(&self) -> (Status, u64) {
        match self {
            Planned::Graph(pair) => (pair.1.status, pair.1.arena_bytes),
            Planned::Tiled(parts) => (parts.2.plan.status, parts.2.plan.arena_bytes),
            Planned::Problem(parts) => (parts.2.status, parts.2.height),
        }
    }

    /// Summary of buffers that do not fit together; empty if none are found.
    pub fn infeasible_core(&self, planner: &Planner) -> Result<String, Failure> {
        Ok(match self {
            Planned::Graph(pair) => core_of_plan(planner, &pair.0, &pair.1)?,
            Planned::Tiled(parts) => core_of_plan(planner, &parts.2.tiled.graph, &parts.2.plan)?,
            Planned::Problem(parts) => {
                let core = planner.explain(&parts.1)?;
                core.map_or_else(String::new, |core| text::core_of_problem(&parts.1, &core))
            }
        })
    }
}

fn core_of_plan(planner: &Planner, graph: &Graph, plan: &Plan) -> Result<String, Failure> {
    let core = planner.explain_plan(graph, plan)?;
    Ok(core.map_or_else(String::new, |core| text::core_of_graph(&plan.flattened(graph), &core)))
}

/// Writes the contents of an output that is no model.
pub fn write_output(
    view: &PlanView<'_>,
    (path, format): Output<'_>,
    arguments: &PlanArguments,
    options: &ImportOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let text = match format {
        Format::Json => return json::write_to(view, options, out),
        Format::Trace => return trace::write_to(view, out),
        Format::Graph => match view.tiling.map(|tiling| tiling.untiled).or(view.graph) {
            Some(graph) => return json::write_graph(graph, out),
            None => unreachable!("`run` refuses graphs of buffer lists"),
        },
        Format::Csv => csv::write(view),
        Format::Svg => svg::write(view, arguments.colour.unwrap_or(Colour::of(view))),
        Format::Html => return html::write_to(view, out),
        Format::Header | Format::Source => {
            let code = CCode::new(view, arguments.symbol_prefix.as_ref());
            return write_code(&code, path, &arguments.out, out);
        }
        Format::Tflite | Format::Onnx => unreachable!("other functions write models"),
    };
    out.write_all(text.as_bytes())
}
