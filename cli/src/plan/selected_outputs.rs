//! Outputs of `plan` that are not written because the plan does not fit.

use std::path::{Path, PathBuf};

use plimsoll::export::tflite::TflitePlan;
use plimsoll::files::Format;

use crate::arguments::PlanArguments;
use crate::output::report_note;

/// File of an output and its format.
pub type Output<'a> = (&'a Path, Format);

/// Selects the outputs to write.
///
/// A plan that does not fit the capacity needs `needed` bytes. Its reports say so, but its code and
/// models would be built and run, so they are left out unless the user asks for them.
pub fn selected_outputs<'a>(
    arguments: &'a PlanArguments,
    formats: &[Format],
    needed: Option<u64>,
) -> Vec<Output<'a>> {
    let all = arguments.out.iter().map(PathBuf::as_path).zip(formats.iter().copied());
    let (Some(needed), false) = (needed, arguments.allow_over_capacity) else { return all.collect() };
    let (left_out, written): (Vec<_>, Vec<_>) = all.partition(|(_, format)| format.is_executable());
    if !left_out.is_empty() {
        let capacity = arguments.capacity.unwrap_or(u64::MAX);
        report_note(&format!(
            "{}: not written: the plan exceeds the capacity ({needed} bytes, capacity {capacity}); \
             use --allow-over-capacity to write code and models anyway",
            names(left_out.iter().map(|(path, _)| *path))
        ));
    }
    written
}

/// Reports that no output is written, because a network that does not fit its memories has no plan.
pub fn report_all(arguments: &PlanArguments) {
    if !arguments.out.is_empty() {
        let names = names(arguments.out.iter().map(PathBuf::as_path));
        report_note(&format!("{names}: not written: the network does not fit the memories"));
    }
}

/// Removes models whose plan needs a larger head than the runtime's own plan.
pub fn remove_larger_head(outputs: &mut Vec<Output<'_>>, planned: &TflitePlan) {
    let (head, Some(runtime_head)) = (planned.head_bytes, planned.runtime_head_bytes) else { return };
    if runtime_head >= head {
        return;
    }
    let (left_out, written): (Vec<_>, Vec<_>) =
        std::mem::take(outputs).into_iter().partition(|(_, format)| *format == Format::Tflite);
    *outputs = written;
    if !left_out.is_empty() {
        report_note(&format!(
            "{}: not written: the runtime's own plan needs a smaller head ({runtime_head} bytes, this plan \
             {head}); use --allow-larger-head to write it anyway",
            names(left_out.iter().map(|(path, _)| *path))
        ));
    }
}

fn names<'a>(paths: impl Iterator<Item = &'a Path>) -> String {
    paths.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
