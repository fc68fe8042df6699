//! Output of `verify`.

use plimsoll::export::json::{DocumentError, TilingEntry};
use plimsoll::import::{Fold, ImportOptions};
use plimsoll::verify::Violations;

use crate::outcome::{Failure, Outcome};
use crate::output::{one_line, print};

/// Prints a summary of a valid plan, or the violations of an invalid one.
///
/// A document that does not match its input is an invalid plan as well.
pub fn print_verdict(
    verdict: Result<Result<(), Violations>, DocumentError>,
    summary: impl FnOnce() -> String,
) -> Result<Outcome, Failure> {
    match verdict {
        Ok(Ok(())) => print_valid(&summary()),
        Ok(Err(violations)) => print_violations(&violations),
        Err(mismatch) => print_invalid([mismatch.to_string()]),
    }
}

pub fn print_valid(summary: &str) -> Result<Outcome, Failure> {
    print(&format!("valid: {summary}\n"))?;
    Ok(Outcome::Positive)
}

pub fn print_violations(violations: &Violations) -> Result<Outcome, Failure> {
    print_invalid(violations.list().iter().map(ToString::to_string))
}

pub fn print_invalid(reasons: impl IntoIterator<Item = String>) -> Result<Outcome, Failure> {
    let lines = reasons.into_iter().map(|reason| format!("invalid: {}\n", one_line(&reason)));
    print(&lines.collect::<String>())?;
    Ok(Outcome::Negative)
}

/// Import options other than the defaults, in parentheses.
///
/// The plan stores the options with which its input is read, so the user should see them.
pub fn import_summary(options: &ImportOptions) -> String {
    let mut parts = Vec::new();
    parts.extend(options.floats_as.map(|element_type| format!("floats as {element_type}")));
    if options.fold == Fold::None {
        parts.push("nothing folded".to_owned());
    }
    parts.extend(options.dims.iter().map(|(name, value)| format!("{name} = {value}")));
    parts.extend(options.input_shapes.iter().map(|(name, shape)| format!("{name} of shape {shape}")));
    parts.extend(options.values.iter().map(|(name, numbers)| format!("{name} = {numbers:?}")));
    parts.extend(options.states.iter().map(|(input, output)| format!("{output} over {input}")));
    let parts: Vec<String> = parts.iter().map(|part| one_line(part)).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// Number of regions and stripes of a tiled plan.
pub fn tiling_summary(tiling: Option<&TilingEntry>) -> String {
    let Some(tiling) = tiling else { return String::new() };
    let stripes: usize = tiling.regions.iter().map(|region| region.stripes.len()).sum();
    format!(", tiled: {stripes} stripes in {} regions", tiling.regions.len())
}
