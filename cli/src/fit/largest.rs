//! The largest value of a symbolic dimension with which a network fits.
//!
//! Each value is tried by reading the file anew with the dimension bound. That a smaller
//! value fits where a larger one does is likely, but nothing promises it: aligned sizes and
//! what a search finds may go up and down. So doubling goes on past the first value that does
//! not fit, and some values above the one that is found are tried as well.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::ProgressBar;
use plimsoll::files;
use plimsoll::import::{self, ImportError, ImportOptions, Imported};
use plimsoll::report::text::bytes;
use plimsoll::{Error, Pools};
use serde::Serialize;

use super::Lines;
use super::placed::Fit;
use crate::arguments::FitArguments;
use crate::inputs::{check_outputs, model_name, with_path};
use crate::output::{progress, say};
use crate::values::given_twice;
use crate::{Answer, Failure};

/// No larger value is tried.
const MOST: u64 = 1 << 32;

/// Values in a row that do not fit, before doubling ends.
const PATIENCE: usize = 3;

/// Values that are tried above the largest one found.
const ABOVE: u64 = 8;

/// No more values than this, whatever comes.
const TRIES: usize = 200;

/// What came of a value.
#[derive(Clone, Serialize)]
struct Tried {
    fits: bool,
    /// Of the arena for activations; none where sizes exceed 64 bits or the file refuses the value.
    arena: Option<u64>,
    arena_lower_bound: Option<u64>,
    /// Why the value cannot be.
    refused: Option<String>,
}

#[derive(Serialize)]
struct Outcome {
    model: String,
    dimensions: Vec<String>,
    multiple_of: u64,
    weights: bool,
    largest: Option<u64>,
    tried: BTreeMap<u64, Tried>,
}

pub fn run(arguments: &FitArguments) -> Result<Answer, Failure> {
    let [file] = arguments.inputs.as_slice() else {
        return Err("--largest-input is for one network".into());
    };
    let inputs = [file.as_path()].into_iter().chain(arguments.memory.files());
    check_outputs(&arguments.outputs(), inputs)?;
    let dims = &arguments.reading.dims;
    if let Some((name, _)) = dims.iter().find(|(name, _)| arguments.largest_input.contains(name)) {
        return Err(format!("--largest-input {name}: --dim {name} binds it").into());
    }
    if let Some(name) = given_twice(arguments.largest_input.iter()) {
        return Err(format!("--largest-input {name}: it is there twice").into());
    }
    let pools = arguments.memory.pools()?;
    let bar = progress(0);
    let mut search = Search { arguments, file, pools: &pools, bar: &bar, tried: BTreeMap::new() };
    let largest = search.run()?;
    bar.finish_and_clear();
    let outcome = Outcome {
        model: model_name(file),
        dimensions: arguments.largest_input.clone(),
        multiple_of: arguments.multiple_of,
        weights: arguments.weights,
        largest,
        tried: search.tried,
    };
    if let Some(path) = &arguments.json {
        files::write_all(&[(path.clone(), serde_json::to_string_pretty(&outcome)? + "\n")])?;
    }
    say(&outcome.text())?;
    Ok(if largest.is_some() { Answer::Yes } else { Answer::No })
}

struct Search<'a> {
    arguments: &'a FitArguments,
    file: &'a Path,
    pools: &'a Pools,
    bar: &'a ProgressBar,
    tried: BTreeMap<u64, Tried>,
}

impl Search<'_> {
    fn run(&mut self) -> Result<Option<u64>, Failure> {
        let step = self.arguments.multiple_of;
        let most = MOST / step;
        let (mut misses, mut multiple) = (0, 1);
        while multiple <= most && misses < PATIENCE {
            let fits = self.fits(multiple)?;
            let is_refused = self.tried[&(multiple * step)].refused.is_some();
            misses = if fits || is_refused { 0 } else { misses + 1 };
            multiple *= 2;
        }
        let Some(mut low) = self.found() else { return self.none() };
        loop {
            self.between(low)?;
            low = self.found().unwrap_or(low);
            for above in low + 1..=(low + ABOVE).min(most) {
                self.fits(above)?;
            }
            match self.found() {
                Some(found) if found > low && self.tried.len() < TRIES => low = found,
                found => return Ok(found.map(|multiple| multiple * step)),
            }
        }
    }

    /// Halves the distance from what fits to the next that does not, as long as there is one.
    fn between(&mut self, mut low: u64) -> Result<(), Failure> {
        let step = self.arguments.multiple_of;
        let next = self.tried.range(low * step + 1..).map(|(value, _)| value / step).next();
        let Some(mut high) = next else { return Ok(()) };
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.fits(middle)? { low = middle } else { high = middle }
        }
        Ok(())
    }

    /// The largest that fits, of those that were tried.
    fn found(&self) -> Option<u64> {
        let fitting = self.tried.iter().rev().find(|(_, tried)| tried.fits);
        fitting.map(|(value, _)| value / self.arguments.multiple_of)
    }

    /// None fits; if none could be planned and the file refused some, that is the reason.
    fn none(&self) -> Result<Option<u64>, Failure> {
        if self.tried.values().any(|tried| tried.arena.is_some()) {
            return Ok(None);
        }
        let refused = self.tried.values().find_map(|tried| tried.refused.clone());
        refused.map_or(Ok(None), |reason| Err(reason.into()))
    }

    fn fits(&mut self, multiple: u64) -> Result<bool, Failure> {
        let value = multiple * self.arguments.multiple_of;
        if let Some(known) = self.tried.get(&value) {
            return Ok(known.fits);
        }
        self.bar.set_message(format!("{value}"));
        let tried = self.tried_at(value)?;
        Ok(self.tried.entry(value).or_insert(tried).fits)
    }

    fn tried_at(&self, value: u64) -> Result<Tried, Failure> {
        let mut options = self.arguments.reading.import_options();
        options.dims.extend(self.arguments.largest_input.iter().map(|name| (name.clone(), value)));
        let too_large = Tried { fits: false, arena: None, arena_lower_bound: None, refused: None };
        let graph = match import::read(self.file, &options) {
            Ok(Imported::Graph(imported)) => imported.graph,
            Ok(_) => return Err("--largest-input is for networks, not for buffers".into()),
            Err(ImportError::Invalid(error)) if overflows(&error) => return Ok(too_large),
            Err(error @ ImportError::Malformed { .. }) => {
                let reason = with_path(self.file, error).to_string();
                return Ok(Tried { refused: Some(reason), ..too_large });
            }
            // A window may be larger than a small input; where all values are refused, the reason
            // is told.
            Err(error @ ImportError::Unshaped { .. }) => {
                let reason = self.explained(error, &options).to_string();
                return Ok(Tried { refused: Some(reason), ..too_large });
            }
            Err(error) => return Err(self.explained(error, &options)),
        };
        let (planner, align) = (self.arguments.planner(self.bar), self.arguments.reading.align);
        let fit = match Fit::of(&graph, &planner, self.pools, align) {
            Ok(fit) => fit,
            Err(failure) if failure.downcast_ref().is_some_and(overflows) => return Ok(too_large),
            Err(failure) => return Err(format!("{}: {failure}", self.file.display()).into()),
        };
        let fits = if self.arguments.weights { fit.everything } else { fit.activations };
        let (arena, arena_lower_bound) = (Some(fit.arena), Some(fit.arena_lower_bound));
        Ok(Tried { fits, arena, arena_lower_bound, refused: None })
    }

    /// Says what is missing where dimensions cannot be bound.
    fn explained(&self, error: ImportError, options: &ImportOptions) -> Failure {
        let file = self.file.display();
        match error {
            ImportError::UnknownDimension { name, known } if known == "none" => format!(
                "{file}: --largest-input needs a symbolic dimension `{name}`, but all dimensions are fixed; \
                 name it in the shape of an input, as in --input-shape x=1x3x{name}x{name} (ONNX), or export \
                 the network with dynamic axes (TFLite and JSON have none)"
            )
            .into(),
            error @ ImportError::Unshaped { .. } => {
                let bound = options.dims.keys().map(|name| format!("`{name}`"));
                let bound: Vec<String> = bound.collect();
                format!("{file}: {} alone leaves sizes open: {error}", bound.join(", ")).into()
            }
            error => with_path(self.file, error),
        }
    }
}

/// More than 64 bits can count fits nowhere.
fn overflows(error: &Error) -> bool {
    matches!(error, Error::SizeOverflow { .. } | Error::TotalOverflow { .. } | Error::DoesNotFit(_))
}

impl Outcome {
    fn text(&self) -> String {
        let names = self.dimensions.join(", ");
        let what = if self.weights { "activations and weights" } else { "activations" };
        let multiples = if self.multiple_of > 1 {
            format!(" of multiples of {}", self.multiple_of)
        } else {
            String::new()
        };
        let mut lines = Lines::default();
        lines.say("model", &self.model);
        lines.say("dimension", &names);
        match self.largest {
            None => lines.say("largest", &format!("none of the values tried: {what} do not fit")),
            Some(value) => {
                let arena = self.tried[&value].arena;
                let arena = arena.map_or_else(String::new, |arena| format!(", an arena of {}", bytes(arena)));
                lines.say("largest", &format!("{value}{multiples}: {what} fit{arena}"));
                if let Some(text) = self.next(value) {
                    lines.say("next", &text);
                }
            }
        }
        let (first, last) = (self.tried.keys().next(), self.tried.keys().next_back());
        if let (Some(first), Some(last)) = (first, last) {
            let count = self.tried.len();
            let text = format!("{count} values, {first} to {last}; what was not tried is not proven");
            lines.say("tried", &text);
        }
        lines.text
    }

    /// What is known of the next value.
    fn next(&self, value: u64) -> Option<String> {
        let next = value + self.multiple_of;
        let tried = self.tried.get(&next)?;
        Some(match (&tried.refused, tried.arena, tried.arena_lower_bound) {
            (Some(reason), ..) => format!("{next} cannot be: {reason}"),
            (None, Some(arena), Some(bound)) if arena == bound => {
                format!("{next} does not fit, with an arena of {}, the least there is", bytes(arena))
            }
            (None, Some(arena), Some(bound)) => format!(
                "{next} does not fit, with an arena of {}, no less than {}",
                bytes(arena),
                bytes(bound)
            ),
            _ => format!("{next} does not fit: more than 64 bits can count"),
        })
    }
}
