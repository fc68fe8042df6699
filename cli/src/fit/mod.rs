//! `plimsoll fit`: does it fit, and what goes to DDR if it does not?

mod families;
mod help;
mod largest;
mod levels;
mod many;
mod placed;
mod plot;
mod report;
mod shares;
mod traffic;

use std::fmt::Write as _;
use std::path::PathBuf;

use indicatif::ProgressBar;
use plimsoll::{Ordering, Planner, Tensor, TensorKind};

use crate::arguments::{FitArguments, OrderArgument};
use crate::output::one_line;
use crate::{Answer, Failure};

pub fn run(arguments: &FitArguments) -> Result<Answer, Failure> {
    arguments.reading.check()?;
    arguments.target.check(&arguments.reading)?;
    if !arguments.largest_input.is_empty() {
        if arguments.target.is_given() {
            return Err(
                "--largest-input does not go with --target tflm, which takes the shapes of the file".into()
            );
        }
        return largest::run(arguments);
    }
    if arguments.memory.is_given() {
        return report::run(arguments);
    }
    many::run(arguments)
}

/// What a tensor is called in reports.
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
    /// What the arguments say.
    fn planner(&self, bar: &ProgressBar) -> Planner {
        let planner = self.reading.planner().order(self.order.into()).share(self.share.into());
        self.target.planner(planner).effort(self.searching.effort.into()).limits(self.searching.limits(bar))
    }

    /// Tables show what the best order is worth.
    fn order_of_tables(&self) -> Ordering {
        match self.order {
            OrderArgument::Optimal => Ordering::Optimal,
            OrderArgument::Auto | OrderArgument::File => Ordering::Auto,
        }
    }

    fn outputs(&self) -> Vec<PathBuf> {
        let all = [&self.csv, &self.shares, &self.markdown, &self.svg, &self.json];
        all.into_iter().flatten().cloned().collect()
    }
}

/// A report: a key and a fact in each line.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn say(&mut self, key: &str, value: &str) {
        writeln!(self.text, "{:<12} {}", one_line(key), one_line(value))
            .expect("a string takes every letter");
    }
}
