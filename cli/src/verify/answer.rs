//! Answers of `verify`.

use plimsoll::export::json::DocumentError;
use plimsoll::import::{Fold, ImportOptions};
use plimsoll::verify::Violations;

use crate::output::{one_line, say};
use crate::{Answer, Failure};

pub fn answer(
    verdict: Result<Result<(), Violations>, DocumentError>,
    right: impl FnOnce() -> String,
) -> Result<Answer, Failure> {
    match verdict {
        Ok(Ok(())) => {
            say(&format!("right: {}\n", right()))?;
            Ok(Answer::Yes)
        }
        Ok(Err(violations)) => wrong(violations.list().iter().map(ToString::to_string)),
        Err(mismatch) => wrong([mismatch.to_string()]),
    }
}

pub fn wrong(reasons: impl IntoIterator<Item = String>) -> Result<Answer, Failure> {
    let lines = reasons.into_iter().map(|reason| format!("wrong: {}\n", one_line(&reason)));
    say(&lines.collect::<String>())?;
    Ok(Answer::No)
}

/// The plan itself says how its input is to be read, so the user should see
/// what is out of the ordinary.
pub fn imported_how(options: &ImportOptions) -> String {
    let mut how = Vec::new();
    how.extend(options.floats_as.map(|element_type| format!("floats as {element_type}")));
    if options.fold == Fold::None {
        how.push("nothing folded".to_owned());
    }
    how.extend(options.dims.iter().map(|(name, value)| format!("{} = {value}", one_line(name))));
    how.extend(
        options
            .input_shapes
            .iter()
            .map(|(name, shape)| format!("{} of shape {}", one_line(name), one_line(&shape.to_string()))),
    );
    how.extend(
        options
            .values
            .iter()
            .map(|(name, numbers)| format!("{} = {}", one_line(name), one_line(&format!("{numbers:?}")))),
    );
    how.extend(
        options
            .states
            .iter()
            .map(|(input, output)| format!("{} in the place of {}", one_line(output), one_line(input))),
    );
    if how.is_empty() { String::new() } else { format!(" ({})", how.join(", ")) }
}
