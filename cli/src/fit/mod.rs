//! `plimsoll fit`: checks whether networks fit on chip, and counts the traffic of those that do not.

mod families;
mod largest;
mod levels;
mod many;
mod placed;
mod plot;
mod remedies;
mod report;
mod room;
mod shares;
mod traffic;
mod weights;

use std::fmt::Write as _;
use std::path::PathBuf;

use plimsoll::report::text::short_bytes;
use plimsoll::{Limits, Planner, ScheduleMode, Tensor, TensorKind};

use crate::arguments::FitArguments;
use crate::outcome::{Failure, Outcome};
use crate::output::one_line;

pub fn run(arguments: &FitArguments) -> Result<Outcome, Failure> {
    arguments.reading.check()?;
    arguments.target.check(&arguments.reading)?;
    if !arguments.largest_input.is_empty() {
        if arguments.target.is_given() {
            return Err("--largest-input: not supported with --target tflm: \
                        the runtime uses the shapes in the file"
                .into());
        }
        return largest::run(arguments);
    }
    if arguments.memory.is_given() {
        return report::run(arguments);
    }
    many::run(arguments)
}

/// Kind of a tensor in reports and JSON.
fn kind_of(tensor: &Tensor) -> &'static str {
    match tensor.kind() {
        TensorKind::Input => "input",
        TensorKind::Constant => "weights",
        TensorKind::Variable => "variable",
        TensorKind::Intermediate if tensor.is_output() => "output",
        TensorKind::Intermediate => "activation",
    }
}

impl FitArguments {
    /// Planner with the order, sharing and target of the options, and with these limits.
    fn planner(&self, limits: Limits) -> Planner {
        let planner = self.reading.planner().order(self.order).share(self.share);
        self.target.planner(planner).effort(self.searching.effort).limits(limits)
    }

    /// Operator order of the tables' last levels. It is never the program order, because tables show
    /// how much a better order saves.
    fn order_of_tables(&self) -> ScheduleMode {
        match self.order {
            ScheduleMode::Program => ScheduleMode::Auto,
            order => order,
        }
    }

    fn outputs(&self) -> Vec<PathBuf> {
        let all = [&self.csv, &self.shares, &self.markdown, &self.svg, &self.json];
        all.into_iter().flatten().cloned().collect()
    }
}

/// Number of tensors and of remedies that a report lists.
const SHOWN: usize = 10;

/// Text of a report with a key and a value in each line.
#[derive(Default)]
struct ReportLines {
    text: String,
}

impl ReportLines {
    fn add(&mut self, key: &str, value: &str) {
        writeln!(self.text, "{:<12} {}", one_line(key), one_line(value))
            .expect("writing to a string cannot fail");
    }

    /// Adds the first [`SHOWN`] of these entries: a size, and a text about it.
    fn add_list(&mut self, entries: &[(u64, String)]) {
        let (shown, rest) = entries.split_at(entries.len().min(SHOWN));
        for (bytes, text) in shown {
            self.add("", &format!("{:>11}  {text}", short_bytes(*bytes)));
        }
        if !rest.is_empty() {
            let total = rest.iter().map(|(bytes, _)| *bytes).fold(0, u64::saturating_add);
            self.add("", &format!("and {} more, {} in total", rest.len(), short_bytes(total)));
        }
    }
}
