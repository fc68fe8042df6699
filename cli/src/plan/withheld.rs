//! Outputs that a plan does not get because it does not fit.

use std::path::{Path, PathBuf};

use plimsoll::export::tflite::TflitePlan;

use super::format::Format;
use crate::arguments::PlanArguments;
use crate::output::report_note;

/// An output of `plan` and how it is written.
pub type Output<'a> = (&'a Path, Format);

/// The outputs that are written. Reports of a plan that exceeds the capacity say so; code and
/// models of it would be built and run, so they are left out unless the user asks for them.
///
/// `needed` are the bytes of a plan that does not fit.
pub fn outputs<'a>(arguments: &'a PlanArguments, formats: &[Format], needed: Option<u64>) -> Vec<Output<'a>> {
    let all = arguments.out.iter().map(PathBuf::as_path).zip(formats.iter().copied());
    let (Some(needed), false) = (needed, arguments.allow_over_capacity) else { return all.collect() };
    let (withheld, written): (Vec<_>, Vec<_>) = all.partition(|(_, format)| format.is_run());
    if !withheld.is_empty() {
        let capacity = arguments.capacity.unwrap_or(u64::MAX);
        report_note(&format!(
            "{}: not written, as the plan does not fit ({needed} bytes, capacity {capacity}); \
             --allow-over-capacity writes code and models all the same",
            names(withheld.iter().map(|(path, _)| *path))
        ));
    }
    written
}

/// Says that no output is written, as memories that cannot hold a network have no plan.
pub fn all(arguments: &PlanArguments) {
    if !arguments.out.is_empty() {
        let names = names(arguments.out.iter().map(PathBuf::as_path));
        report_note(&format!("{names}: not written, as there is no plan that fits"));
    }
}

/// Leaves out models whose plan would make the runtime's arena larger than it is without one.
pub fn larger_head(outputs: &mut Vec<Output<'_>>, planned: &TflitePlan) {
    let (head, Some(own)) = (planned.head_bytes, planned.own_head_bytes) else { return };
    if own >= head {
        return;
    }
    let (left_out, written): (Vec<_>, Vec<_>) =
        std::mem::take(outputs).into_iter().partition(|(_, format)| *format == Format::Tflite);
    *outputs = written;
    if !left_out.is_empty() {
        report_note(&format!(
            "{}: not written, as the runtime's own plan is smaller ({own} bytes, ours {head}); \
             --allow-larger-head writes it all the same",
            names(left_out.iter().map(|(path, _)| *path))
        ));
    }
}

fn names<'a>(paths: impl Iterator<Item = &'a Path>) -> String {
    paths.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
