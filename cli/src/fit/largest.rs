//! The largest value of a symbolic dimension with which a network fits.
//!
//! For each value, the file is imported with the dimension bound and planned. Arena sizes usually grow
//! with the value, but need not: alignment and heuristic searches make them go up and down. So the
//! search is a bisection with extra trials: doubling continues after the first value that does not
//! fit, and some values above the largest one that fits are tried as well. Values that were not tried
//! are not proven.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::ProgressBar;
use plimsoll::files;
use plimsoll::import::{self, ImportError, ImportOptions, Imported};
use plimsoll::report::text::bytes;
use plimsoll::{Error, Pools};
use serde::Serialize;

use super::ReportLines;
use super::placed::NetworkFit;
use crate::arguments::FitArguments;
use crate::inputs::{check_outputs, error_at, import_error, model_name};
use crate::outcome::{Failure, Outcome};
use crate::output::{print, progress};
use crate::values::first_duplicate;

/// Largest value that is tried.
const MAX_VALUE: u64 = 1 << 32;

/// Number of consecutive values that do not fit after which doubling ends.
const MAX_MISSES: usize = 3;

/// Number of values tried above the largest one that fits.
const VALUES_ABOVE: u64 = 8;

/// Number of trials after which a larger value no longer restarts the search.
const MAX_TRIALS: usize = 200;

/// Result of one value.
#[derive(Clone, Serialize)]
struct Trial {
    fits: bool,
    /// Bytes of the arena for activations; none if sizes exceed 64 bits or the value is invalid.
    arena: Option<u64>,
    arena_lower_bound: Option<u64>,
    /// Reason why the network cannot have this value.
    refused: Option<String>,
}

/// Result of the search.
#[derive(Serialize)]
struct LargestInput {
    model: String,
    dimensions: Vec<String>,
    multiple_of: u64,
    weights: bool,
    largest: Option<u64>,
    tried: BTreeMap<u64, Trial>,
}

pub fn run(arguments: &FitArguments) -> Result<Outcome, Failure> {
    let [file] = arguments.inputs.as_slice() else {
        let count = arguments.inputs.len();
        return Err(format!("--largest-input: needs one network ({count} inputs given)").into());
    };
    check_outputs(&arguments.outputs(), arguments.inputs(&arguments.inputs))?;
    let dims = &arguments.reading.dims;
    if let Some((name, _)) = dims.iter().find(|(name, _)| arguments.largest_input.contains(name)) {
        return Err(format!("--largest-input {name}: --dim {name} sets its value; remove one of them").into());
    }
    if let Some(name) = first_duplicate(arguments.largest_input.iter()) {
        return Err(format!("--largest-input {name}: given twice; give it once").into());
    }
    let pools = arguments.memory.pools()?;
    let bar = progress(0);
    let mut search = ValueSearch { arguments, file, pools: &pools, bar: &bar, tried: BTreeMap::new() };
    let largest = search.run()?;
    bar.finish_and_clear();
    let result = LargestInput {
        model: model_name(file),
        dimensions: arguments.largest_input.clone(),
        multiple_of: arguments.multiple_of,
        weights: arguments.weights,
        largest,
        tried: search.tried,
    };
    if let Some(path) = &arguments.json {
        files::write_all(&[(path.clone(), serde_json::to_string_pretty(&result)? + "\n")])?;
    }
    print(&result.text())?;
    Ok(Outcome::of(largest.is_some()))
}

struct ValueSearch<'a> {
    arguments: &'a FitArguments,
    file: &'a Path,
    pools: &'a Pools,
    bar: &'a ProgressBar,
    tried: BTreeMap<u64, Trial>,
}

impl ValueSearch<'_> {
    /// Searches multiples of `multiple_of`: doubling, then bisection and trials above the result, which
    /// restart it while they find a larger value. O(log `MAX_VALUE`) plans per restart.
    fn run(&mut self) -> Result<Option<u64>, Failure> {
        let step = self.arguments.multiple_of;
        let limit = MAX_VALUE / step;
        let (mut misses, mut multiple) = (0, 1);
        while multiple <= limit && misses < MAX_MISSES {
            let fits = self.fits(multiple)?;
            let is_refused = self.tried[&(multiple * step)].refused.is_some();
            misses = if fits || is_refused { 0 } else { misses + 1 };
            multiple *= 2;
        }
        let Some(mut low) = self.largest_fitting() else { return self.check_values_valid() };
        loop {
            self.bisect(low)?;
            low = self.largest_fitting().unwrap_or(low);
            for above in low + 1..=(low + VALUES_ABOVE).min(limit) {
                self.fits(above)?;
            }
            match self.largest_fitting() {
                Some(larger) if larger > low && self.tried.len() < MAX_TRIALS => low = larger,
                largest => return Ok(largest.map(|multiple| multiple * step)),
            }
        }
    }

    /// Bisects between a value that fits and the next one tried, which does not.
    fn bisect(&mut self, mut low: u64) -> Result<(), Failure> {
        let step = self.arguments.multiple_of;
        let next = self.tried.range(low * step + 1..).map(|(value, _)| value / step).next();
        let Some(mut high) = next else { return Ok(()) };
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.fits(middle)? { low = middle } else { high = middle }
        }
        Ok(())
    }

    /// The largest multiple tried that fits.
    fn largest_fitting(&self) -> Option<u64> {
        let fitting = self.tried.iter().rev().find(|(_, tried)| tried.fits);
        fitting.map(|(value, _)| value / self.arguments.multiple_of)
    }

    /// Returns no value, or the reason of an invalid value if no value could be planned.
    fn check_values_valid(&self) -> Result<Option<u64>, Failure> {
        if self.tried.values().any(|tried| tried.arena.is_some()) {
            return Ok(None);
        }
        let refused = self.tried.values().find_map(|tried| tried.refused.clone());
        refused.map_or(Ok(None), |reason| Err(reason.into()))
    }

    fn fits(&mut self, multiple: u64) -> Result<bool, Failure> {
        let value = multiple * self.arguments.multiple_of;
        if let Some(trial) = self.tried.get(&value) {
            return Ok(trial.fits);
        }
        self.bar.set_message(format!("{value}"));
        let trial = self.try_value(value)?;
        Ok(self.tried.entry(value).or_insert(trial).fits)
    }

    /// Imports and plans the network with one value.
    fn try_value(&self, value: u64) -> Result<Trial, Failure> {
        let mut options = self.arguments.reading.import_options();
        options.dims.extend(self.arguments.largest_input.iter().map(|name| (name.clone(), value)));
        let too_large = Trial { fits: false, arena: None, arena_lower_bound: None, refused: None };
        let graph = match import::read(self.file, &options) {
            Ok(Imported::Graph(imported)) => imported.graph,
            Ok(_) => {
                let message = "a buffer list has no dimensions; --largest-input needs a network";
                return Err(error_at(self.file, &message));
            }
            Err(ImportError::Invalid(error)) if overflows(&error) => return Ok(too_large),
            Err(error @ ImportError::Malformed { .. }) => {
                let reason = import_error(self.file, error).to_string();
                return Ok(Trial { refused: Some(reason), ..too_large });
            }
            // Small values may be invalid, e.g. where a window is larger than the input. If no value is
            // valid, the reason is the error.
            Err(error @ ImportError::Unshaped { .. }) => {
                let reason = self.explained(error, &options).to_string();
                return Ok(Trial { refused: Some(reason), ..too_large });
            }
            Err(error) => return Err(self.explained(error, &options)),
        };
        let planner = self.arguments.planner(self.arguments.searching.limits(self.bar));
        let align = self.arguments.reading.align;
        let fit = match NetworkFit::of(&graph, &planner, self.pools, align) {
            Ok(fit) => fit,
            Err(failure) if failure.downcast_ref().is_some_and(overflows) => return Ok(too_large),
            Err(failure) => return Err(error_at(self.file, &failure)),
        };
        let fits = if self.arguments.weights { fit.all_fits } else { fit.activations_fit };
        let (arena, arena_lower_bound) = (Some(fit.arena), Some(fit.arena_lower_bound));
        Ok(Trial { fits, arena, arena_lower_bound, refused: None })
    }

    /// Adds to an import error how to make the dimensions of the file symbolic, or which are open.
    fn explained(&self, error: ImportError, options: &ImportOptions) -> Failure {
        let file = self.file.display();
        match error {
            ImportError::UnknownDimension { name, known } if known == "none" => format!(
                "{file}: --largest-input needs a symbolic dimension `{name}`, but all dimensions are fixed; \
                 name it in the shape of an input, e.g. --input-shape x=1x3x{name}x{name}, or export the \
                 network with dynamic axes (ONNX)"
            )
            .into(),
            error @ ImportError::Unshaped { .. } => {
                let bound = options.dims.keys().map(|name| format!("`{name}`"));
                let bound: Vec<String> = bound.collect();
                format!("{file}: binding {} leaves other dimensions unknown: {error}", bound.join(", "))
                    .into()
            }
            error => import_error(self.file, error),
        }
    }
}

/// Returns true for errors of sizes above 64 bits, which fit no memory.
fn overflows(error: &Error) -> bool {
    matches!(error, Error::SizeOverflow { .. } | Error::TotalOverflow { .. } | Error::DoesNotFit(_))
}

impl LargestInput {
    fn text(&self) -> String {
        let names = self.dimensions.join(", ");
        let subject = if self.weights { "activations and weights" } else { "activations" };
        let multiples = if self.multiple_of > 1 {
            format!(" (multiples of {})", self.multiple_of)
        } else {
            String::new()
        };
        let mut lines = ReportLines::default();
        lines.add("model", &self.model);
        lines.add("dimension", &names);
        match self.largest {
            None => lines.add("largest", &format!("none: {subject} do not fit with any value tried")),
            Some(value) => {
                let arena = self.tried[&value].arena;
                let arena = arena.map_or_else(String::new, |arena| format!(", arena {}", bytes(arena)));
                lines.add("largest", &format!("{value}{multiples}: {subject} fit{arena}"));
                if let Some(text) = self.next_text(value) {
                    lines.add("next", &text);
                }
            }
        }
        let (first, last) = (self.tried.keys().next(), self.tried.keys().next_back());
        if let (Some(first), Some(last)) = (first, last) {
            let count = self.tried.len();
            let text = format!("{count} values from {first} to {last}; other values are not proven");
            lines.add("tried", &text);
        }
        lines.text
    }

    /// Result of the next larger value, if it was tried.
    fn next_text(&self, value: u64) -> Option<String> {
        let next = value + self.multiple_of;
        let trial = self.tried.get(&next)?;
        Some(match (&trial.refused, trial.arena, trial.arena_lower_bound) {
            (Some(reason), ..) => format!("{next} is invalid: {reason}"),
            (None, Some(arena), Some(bound)) if arena == bound => {
                format!("{next} does not fit: arena {}, proven minimal", bytes(arena))
            }
            (None, Some(arena), Some(bound)) => {
                format!("{next} does not fit: arena {}, lower bound {}", bytes(arena), bytes(bound))
            }
            _ => format!("{next} does not fit: its sizes exceed 64 bits"),
        })
    }
}
