//! Export of plans as text, files and C code.

use std::ffi::c_char;
use std::path::PathBuf;

use super::boundary::{Failure, Outcome, copy_text, guard, reference, text};
use super::plan::{PlanContents, plimsoll_plan};
use super::pool_plan::plimsoll_pool_plan;
use super::status::{
    PLIMSOLL_C_ALONE, PLIMSOLL_C_HEADER, PLIMSOLL_C_SOURCE, PLIMSOLL_ERROR_IO, PLIMSOLL_ERROR_UNSUPPORTED,
    PLIMSOLL_EXPORT_C, PLIMSOLL_EXPORT_CSV, PLIMSOLL_EXPORT_HTML, PLIMSOLL_EXPORT_JSON, PLIMSOLL_EXPORT_SVG,
    PLIMSOLL_EXPORT_TEXT, PLIMSOLL_EXPORT_TRACE,
};
use crate::export::c_code::{CCode, SymbolPrefix, can_include};
use crate::files;

/// Copies out a plan as text in a format, `PLIMSOLL_EXPORT_...`. `size` receives the size of the
/// text in bytes, terminating zero byte included. With NULL for `text` only `size` is written. If
/// `capacity` is less than `size`, only `size` is written and the call returns
/// PLIMSOLL_ERROR_TOO_SMALL.
///
/// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without the format.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_export(
    plan: *const plimsoll_plan,
    format: i32,
    text: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let exported = exported(unsafe { reference(plan, "plan") }?, format)?;
        unsafe { copy_text(&exported, text, capacity, size) }
    })
}

/// Writes a plan to a file, in full or not at all: the contents go to a temporary file of a random
/// name in the same folder, are flushed to disk, and the file is renamed. A replaced file keeps its
/// mode; the mode of a new file follows the umask. Symbolic links are followed. Pipes and devices
/// are written to, not replaced. PLIMSOLL_ERROR_IO if the file cannot be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_write(
    plan: *const plimsoll_plan,
    format: i32,
    path: *const c_char,
) -> i32 {
    guard(|| {
        let exported = exported(unsafe { reference(plan, "plan") }?, format)?;
        unsafe { write(path, &exported) }
    })
}

/// Copies out a plan for several memories as text, like `plimsoll_plan_export`.
/// `PLIMSOLL_EXPORT_CSV` has a row for each residency interval.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_export(
    plan: *const plimsoll_pool_plan,
    format: i32,
    text: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let exported = exported_pools(unsafe { reference(plan, "plan") }?, format)?;
        unsafe { copy_text(&exported, text, capacity, size) }
    })
}

/// Writes a plan for several memories to a file, like `plimsoll_plan_write`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_write(
    plan: *const plimsoll_pool_plan,
    format: i32,
    path: *const c_char,
) -> i32 {
    guard(|| {
        let exported = exported_pools(unsafe { reference(plan, "plan") }?, format)?;
        unsafe { write(path, &exported) }
    })
}

/// Copies out a plan as C code, like `plimsoll_plan_export`. `part` is one of `PLIMSOLL_C_...`. All
/// names begin with `prefix` (macros in upper case): a letter, then letters, digits and single
/// underscores, at most 45 characters; NULL for `plimsoll_` and the name of the model. The source
/// part includes the file `header_name`; other parts ignore it, and it may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_export_code(
    plan: *const plimsoll_plan,
    part: i32,
    prefix: *const c_char,
    header_name: *const c_char,
    text: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let prefix = unsafe { prefix_of(prefix) }?;
        let code = code_of(unsafe { reference(plan, "plan") }?, prefix.as_ref());
        unsafe { copy_text(&part_of(&code, part, header_name)?, text, capacity, size) }
    })
}

/// Copies out a plan for several memories as C code, like `plimsoll_plan_export_code`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_export_code(
    plan: *const plimsoll_pool_plan,
    part: i32,
    prefix: *const c_char,
    header_name: *const c_char,
    text: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let prefix = unsafe { prefix_of(prefix) }?;
        let planned = unsafe { reference(plan, "plan") }?;
        let code = CCode::of_pools(&planned.graph, &planned.plan, prefix.as_ref());
        unsafe { copy_text(&part_of(&code, part, header_name)?, text, capacity, size) }
    })
}

unsafe fn prefix_of(prefix: *const c_char) -> Result<Option<SymbolPrefix>, Failure> {
    if prefix.is_null() {
        return Ok(None);
    }
    let text = unsafe { text(prefix, "prefix") }?;
    SymbolPrefix::new(text).map(Some).map_err(|error| Failure::argument(error.to_string()))
}

fn code_of(plan: &plimsoll_plan, prefix: Option<&SymbolPrefix>) -> CCode {
    match &plan.contents {
        PlanContents::Graph(graph, plan) => CCode::of_graph(graph, plan, prefix),
        PlanContents::Problem(problem, solution) => CCode::of_problem(UNNAMED, problem, solution, prefix),
    }
}

unsafe fn part_of(code: &CCode, part: i32, header_name: *const c_char) -> Result<String, Failure> {
    match part {
        PLIMSOLL_C_ALONE => Ok(code.alone()),
        PLIMSOLL_C_HEADER => Ok(code.header()),
        PLIMSOLL_C_SOURCE => match unsafe { text(header_name, "header_name") }? {
            name if can_include(name) => Ok(code.source(name)),
            name => Err(Failure::argument(format!(
                "`header_name`: a C source cannot include a file named `{name}`"
            ))),
        },
        _ => Err(Failure::argument(format!("unknown part of C code {part}; use PLIMSOLL_C_..."))),
    }
}

unsafe fn write(path: *const c_char, exported: &str) -> Outcome {
    unsafe { write_bytes(path, exported.as_bytes()) }
}

pub(super) unsafe fn write_bytes(path: *const c_char, bytes: &[u8]) -> Outcome {
    let path = unsafe { text(path, "path") }?;
    files::write_all(&[(PathBuf::from(path), bytes)])
        .map_err(|error| Failure::new(PLIMSOLL_ERROR_IO, error.to_string()))
}

#[allow(dead_code)] // not every set of features lacks one
fn unsupported(feature: &str) -> Failure {
    Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, format!("this build lacks the feature `{feature}`"))
}

/// Name of a plan of buffers, which belongs to no graph.
const UNNAMED: &str = "buffers";

fn exported(plan: &plimsoll_plan, format: i32) -> Result<String, Failure> {
    match format {
        PLIMSOLL_EXPORT_JSON => json(plan),
        PLIMSOLL_EXPORT_CSV => csv(plan),
        PLIMSOLL_EXPORT_SVG | PLIMSOLL_EXPORT_TEXT | PLIMSOLL_EXPORT_HTML | PLIMSOLL_EXPORT_TRACE => {
            report(plan, format)
        }
        PLIMSOLL_EXPORT_C => Ok(code_of(plan, None).alone()),
        _ => Err(Failure::argument(format!("unknown export format {format}; use PLIMSOLL_EXPORT_..."))),
    }
}

#[cfg(feature = "json")]
#[allow(clippy::unnecessary_wraps)] // other builds refuse
fn json(plan: &plimsoll_plan) -> Result<String, Failure> {
    use crate::export::json::PlanDocument;
    let options = crate::import::ImportOptions { alignment: Some(plan.alignment), ..Default::default() };
    let document = match &plan.contents {
        PlanContents::Graph(graph, plan) => PlanDocument::of_graph(graph, plan, &options),
        PlanContents::Problem(problem, solution) => {
            PlanDocument::of_problem(UNNAMED, problem, solution, &options)
        }
    };
    Ok(document.to_json())
}

#[cfg(not(feature = "json"))]
fn json(_: &plimsoll_plan) -> Result<String, Failure> {
    Err(unsupported("json"))
}

#[cfg(feature = "csv")]
#[allow(clippy::unnecessary_wraps)] // other builds refuse
fn csv(plan: &plimsoll_plan) -> Result<String, Failure> {
    Ok(match &plan.contents {
        PlanContents::Graph(graph, plan) => crate::export::csv::of_graph(graph, plan),
        PlanContents::Problem(problem, solution) => crate::export::csv::of_problem(problem, solution),
    })
}

#[cfg(not(feature = "csv"))]
fn csv(_: &plimsoll_plan) -> Result<String, Failure> {
    Err(unsupported("csv"))
}

#[cfg(feature = "report")]
#[allow(clippy::unnecessary_wraps)] // other builds refuse
fn report(plan: &plimsoll_plan, format: i32) -> Result<String, Failure> {
    use crate::report::{html, svg, text, trace};
    Ok(match (&plan.contents, format) {
        (PlanContents::Graph(graph, plan), PLIMSOLL_EXPORT_SVG) => svg::of_graph(graph, plan),
        (PlanContents::Graph(graph, plan), PLIMSOLL_EXPORT_HTML) => html::of_graph(graph, plan, None),
        (PlanContents::Graph(graph, plan), PLIMSOLL_EXPORT_TRACE) => trace::of_graph(graph, plan),
        (PlanContents::Graph(graph, plan), _) => text::summary(graph, plan, None, None, None),
        (PlanContents::Problem(problem, solution), PLIMSOLL_EXPORT_SVG) => {
            svg::of_problem(UNNAMED, problem, solution)
        }
        (PlanContents::Problem(problem, solution), PLIMSOLL_EXPORT_HTML) => {
            html::of_problem(UNNAMED, problem, solution)
        }
        (PlanContents::Problem(problem, solution), PLIMSOLL_EXPORT_TRACE) => {
            trace::of_problem(UNNAMED, problem, solution)
        }
        (PlanContents::Problem(problem, solution), _) => {
            text::summary_of_problem(UNNAMED, problem, solution, None)
        }
    })
}

#[cfg(not(feature = "report"))]
fn report(_: &plimsoll_plan, _: i32) -> Result<String, Failure> {
    Err(unsupported("report"))
}

fn exported_pools(planned: &plimsoll_pool_plan, format: i32) -> Result<String, Failure> {
    let (graph, plan) = (&planned.graph, &planned.plan);
    match format {
        PLIMSOLL_EXPORT_C => Ok(CCode::of_pools(graph, plan, None).alone()),
        #[cfg(feature = "json")]
        PLIMSOLL_EXPORT_JSON => {
            let options = crate::import::ImportOptions::default();
            Ok(crate::export::json::PoolPlanDocument::of_graph(graph, plan, &options).to_json())
        }
        #[cfg(feature = "csv")]
        PLIMSOLL_EXPORT_CSV => Ok(crate::export::csv::of_pools(graph, plan)),
        #[cfg(feature = "report")]
        PLIMSOLL_EXPORT_SVG => Ok(crate::report::svg::of_pools(graph, plan)),
        #[cfg(feature = "report")]
        PLIMSOLL_EXPORT_TEXT => Ok(crate::report::text::summary_of_pools(graph, plan, None)),
        #[cfg(feature = "report")]
        PLIMSOLL_EXPORT_HTML => Ok(crate::report::html::of_pools(graph, plan)),
        #[cfg(feature = "report")]
        PLIMSOLL_EXPORT_TRACE => Ok(crate::report::trace::of_pools(graph, plan)),
        #[cfg(not(feature = "json"))]
        PLIMSOLL_EXPORT_JSON => Err(unsupported("json")),
        #[cfg(not(feature = "csv"))]
        PLIMSOLL_EXPORT_CSV => Err(unsupported("csv")),
        #[cfg(not(feature = "report"))]
        PLIMSOLL_EXPORT_SVG | PLIMSOLL_EXPORT_TEXT | PLIMSOLL_EXPORT_HTML | PLIMSOLL_EXPORT_TRACE => {
            Err(unsupported("report"))
        }
        _ => Err(Failure::argument(format!("unknown export format {format}; use PLIMSOLL_EXPORT_..."))),
    }
}
