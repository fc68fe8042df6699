//! Export of plans as text, files and C code.

use std::ffi::c_char;
use std::path::PathBuf;

use super::boundary::{Failure, Outcome, copy_text, guard, needs_feature, reference, text, unknown};
use super::plan::{PlanSource, plimsoll_plan};
use super::pool_plan::plimsoll_pool_plan;
use super::status::{
    PLIMSOLL_C_ALONE, PLIMSOLL_C_HEADER, PLIMSOLL_C_SOURCE, PLIMSOLL_ERROR_IO, PLIMSOLL_EXPORT_C,
    PLIMSOLL_EXPORT_CSV, PLIMSOLL_EXPORT_HTML, PLIMSOLL_EXPORT_JSON, PLIMSOLL_EXPORT_SVG,
    PLIMSOLL_EXPORT_TEXT, PLIMSOLL_EXPORT_TRACE,
};
use crate::export::c_code::{CCode, SymbolPrefix, can_include};
use crate::{PlanView, files};

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
        let plan = unsafe { reference(plan, "plan") }?;
        let exported = exported(&plan.view(), Some(plan.alignment), format)?;
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
        let plan = unsafe { reference(plan, "plan") }?;
        let exported = exported(&plan.view(), Some(plan.alignment), format)?;
        unsafe { write_text(path, &exported) }
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
        let exported = exported(&unsafe { reference(plan, "plan") }?.view(), None, format)?;
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
        let exported = exported(&unsafe { reference(plan, "plan") }?.view(), None, format)?;
        unsafe { write_text(path, &exported) }
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
        let code = CCode::new(&unsafe { reference(plan, "plan") }?.view(), prefix.as_ref());
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
        let code = CCode::new(&unsafe { reference(plan, "plan") }?.view(), prefix.as_ref());
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
        _ => Err(unknown(part, "part of C code", "C")),
    }
}

pub(super) unsafe fn write_text(path: *const c_char, exported: &str) -> Outcome {
    unsafe { write_bytes(path, exported.as_bytes()) }
}

pub(super) unsafe fn write_bytes(path: *const c_char, bytes: &[u8]) -> Outcome {
    let path = unsafe { text(path, "path") }?;
    files::write_all(&[(PathBuf::from(path), bytes)])
        .map_err(|error| Failure::new(PLIMSOLL_ERROR_IO, error.to_string()))
}

/// Name of a plan of buffers, which belongs to no graph.
const UNNAMED: &str = "buffers";

impl plimsoll_plan {
    fn view(&self) -> PlanView<'_> {
        match &self.source {
            PlanSource::Graph(graph) => PlanView::of_plan(graph, &self.plan),
            PlanSource::Problem(solved) => PlanView::of_solution(UNNAMED, &solved.0, &solved.1),
        }
    }
}

impl plimsoll_pool_plan {
    fn view(&self) -> PlanView<'_> {
        PlanView::of_pools(&self.graph, &self.plan)
    }
}

/// A plan as text; `alignment` is the import option that a JSON document states.
#[cfg_attr(
    not(all(feature = "json", feature = "csv", feature = "report")),
    allow(unused_variables, clippy::match_same_arms)
)]
pub(super) fn exported(view: &PlanView<'_>, alignment: Option<u64>, format: i32) -> Result<String, Failure> {
    match format {
        PLIMSOLL_EXPORT_C => Ok(CCode::new(view, None).alone()),
        PLIMSOLL_EXPORT_JSON => needs_feature!("json", {
            let options = crate::import::ImportOptions { alignment, ..Default::default() };
            Ok(crate::export::json::write(view, &options))
        }),
        PLIMSOLL_EXPORT_CSV => needs_feature!("csv", Ok(crate::export::csv::write(view))),
        PLIMSOLL_EXPORT_SVG => {
            needs_feature!("report", Ok(crate::report::svg::write(view, crate::report::Colour::of(view))))
        }
        PLIMSOLL_EXPORT_TEXT => needs_feature!("report", Ok(crate::report::text::summary(view, None))),
        PLIMSOLL_EXPORT_HTML => needs_feature!("report", Ok(crate::report::html::write(view))),
        PLIMSOLL_EXPORT_TRACE => needs_feature!("report", Ok(crate::report::trace::write(view))),
        _ => Err(unknown(format, "export format", "EXPORT")),
    }
}
