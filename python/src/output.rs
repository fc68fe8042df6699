//! Files of a plan. Their names decide the formats.

use std::path::{Path, PathBuf};

use plimsoll::export::c_code::CCode;
use plimsoll::export::{csv, json, onnx, tflite};
use plimsoll::files::Format;
use plimsoll::import::{ImportOptions, contents};
use plimsoll::report::text::summary;
use plimsoll::report::{Colour, html, svg, trace};
use plimsoll::{Graph, Plan, PlanView, files};
use pyo3::prelude::*;

use crate::errors::{error, import_error};
use crate::interrupt;
use crate::options::PlanOptions;

/// The file or the bytes that a graph was read from.
pub enum Source {
    File { path: PathBuf, options: ImportOptions },
    Memory { name: String, format: String, contents: Vec<u8>, options: ImportOptions },
}

impl Source {
    pub fn options(&self) -> &ImportOptions {
        match self {
            Source::File { options, .. } | Source::Memory { options, .. } => options,
        }
    }

    fn format(&self) -> String {
        match self {
            Source::File { path, .. } => {
                path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
            }
            Source::Memory { format, .. } => format.clone(),
        }
    }

    fn name(&self) -> String {
        match self {
            Source::File { path, .. } => {
                path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
            }
            Source::Memory { name, .. } => name.clone(),
        }
    }

    fn contents(&self) -> PyResult<Vec<u8>> {
        match self {
            Source::File { path, .. } => contents(path).map_err(import_error),
            Source::Memory { contents, .. } => Ok(contents.clone()),
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Source::File { path, .. } => Some(path),
            Source::Memory { .. } => None,
        }
    }
}

/// The plan that files are written of.
pub struct Target<'a> {
    pub view: PlanView<'a>,
    pub import: ImportOptions,
    /// False if code and models are refused, as the plan does not fit its capacity.
    pub fits: bool,
    /// The model; none for a graph that was built call by call and for a buffer list.
    pub model: Option<Model<'a>>,
}

/// A model that can be written with a plan inside.
pub struct Model<'a> {
    pub source: &'a Source,
    pub graph: &'a Graph,
    /// The plan; none if it is of a tiled graph.
    pub plan: Option<&'a Plan>,
    pub options: &'a PlanOptions,
}

/// Calls the package's function of the same name.
pub fn to_numpy<'py>(plan: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    plan.py().import("pyplimsoll")?.call_method1("to_numpy", (plan,))
}

/// Summary and memory map as HTML.
pub fn notebook_html(view: &PlanView<'_>) -> String {
    let summary = summary(view, None).replace('&', "&amp;").replace('<', "&lt;");
    format!("<pre>{summary}</pre>{}", svg::write(view, Colour::of(view)))
}

/// Writes all files or none; returns notes.
pub fn save(py: Python<'_>, paths: &[PathBuf], target: &Target<'_>) -> PyResult<Vec<String>> {
    let input = target.model.as_ref().and_then(|model| model.source.file());
    files::check(paths, input).map_err(error)?;
    let mut notes = Vec::new();
    let mut all = Vec::new();
    for path in paths {
        let written = written(py, path, paths, target, &mut notes)?;
        all.push((path.clone(), written));
    }
    py.detach(|| files::write_all(&all)).map_err(error)?;
    Ok(notes)
}

/// The contents of a file.
fn written(
    py: Python<'_>,
    path: &Path,
    paths: &[PathBuf],
    target: &Target<'_>,
    notes: &mut Vec<String>,
) -> PyResult<Vec<u8>> {
    let view = &target.view;
    let Some(format) = Format::of(path) else {
        let endings = Format::ENDINGS;
        return Err(refused(path, &format!("unknown format; use a name that ends in {endings}")));
    };
    let text = match format {
        Format::Json => json::write(view, &target.import),
        Format::Csv => csv::write(view),
        Format::Svg => svg::write(view, Colour::of(view)),
        Format::Html => html::write(view),
        Format::Trace => trace::write(view),
        Format::Graph => match view.tiling.map(|tiling| tiling.untiled).or(view.graph) {
            Some(graph) => json::graph_to_json(graph),
            None => return Err(refused(path, "a buffer list has no operators")),
        },
        Format::Header | Format::Source => {
            check_capacity(path, target)?;
            let mut code = Vec::new();
            files::write_code(&CCode::new(view, None), path, paths, &mut code)
                .expect("a vector takes every byte");
            return Ok(code);
        }
        Format::Onnx => return onnx_model(py, path, target),
        Format::Tflite => return tflite_model(py, path, target, notes),
    };
    Ok(text.into_bytes())
}

fn onnx_model(py: Python<'_>, path: &Path, target: &Target<'_>) -> PyResult<Vec<u8>> {
    let model = model(path, "onnx", target)?;
    let plan = model.plan.ok_or_else(|| refused(path, "models with a tiled plan are not written"))?;
    let contents = model.source.contents()?;
    let write = |_| onnx::write(&model.source.name(), &contents, model.graph, plan, &target.import);
    interrupt::run(py, write)?.map_err(|reason| refused(path, &reason.to_string()))
}

/// The model planned for TensorFlow Lite Micro, whose runtime needs places of its own.
fn tflite_model(
    py: Python<'_>,
    path: &Path,
    target: &Target<'_>,
    notes: &mut Vec<String>,
) -> PyResult<Vec<u8>> {
    let model = model(path, "tflite", target)?;
    if model.plan.is_none() {
        return Err(refused(path, "models with a tiled plan are not written"));
    }
    let contents = model.source.contents()?;
    let planned = interrupt::run(py, |token| {
        let planner = model.options.planner(token).map_err(|reason| reason.to_string())?;
        let scratch = tflite::Scratch::reference();
        tflite::plan(&model.source.name(), &contents, planner, &scratch).map_err(|reason| reason.to_string())
    })?;
    let planned = planned.map_err(|reason| refused(path, &reason))?;
    notes.push(format!("{}: the head of the arena needs {} bytes", path.display(), planned.head_bytes));
    notes.extend(planned.notes);
    Ok(planned.bytes)
}

/// The model of a plan, if it has this format and the plan fits.
fn model<'a>(path: &Path, format: &str, target: &'a Target<'a>) -> PyResult<&'a Model<'a>> {
    check_capacity(path, target)?;
    let model = target.model.as_ref().filter(|model| model.source.format() == format);
    model.ok_or_else(|| refused(path, &format!("the plan is not of an .{format} file")))
}

fn check_capacity(path: &Path, target: &Target<'_>) -> PyResult<()> {
    if target.fits {
        return Ok(());
    }
    Err(refused(
        path,
        "the plan does not fit its capacity; use allow_over_capacity=True to write it nevertheless",
    ))
}

fn refused(path: &Path, reason: &str) -> PyErr {
    error(format!("{}: {reason}", path.display()))
}
