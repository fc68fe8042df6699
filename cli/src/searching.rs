//! How long to search, and with what.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use plimsoll::allocate::{self, Settings, Strategy};
use plimsoll::{Effort, Limits, Result};

use crate::values::time;

#[derive(Args, Debug)]
pub struct SearchArguments {
    /// Time limit of the search for each plan, as in 5, 5s, 500ms or 2m; a plain number is in
    /// seconds. The plan may then differ from run to run.
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub time_limit: Option<Duration>,
    /// Limit of search nodes for each plan; the same plan on every machine.
    #[arg(long, value_name = "N")]
    pub node_limit: Option<u64>,
    /// Work done for each plan where no limit says so: `quick` takes milliseconds, `thorough`
    /// seconds or more. The same plan on every machine.
    #[arg(long, value_enum, default_value_t = EffortArgument::Default)]
    pub effort: EffortArgument,
    /// Number of threads; the same plan at any number.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// Random seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Report the progress of the search on standard error.
    #[arg(long)]
    pub progress: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EffortArgument {
    Quick,
    Default,
    Thorough,
}

impl From<EffortArgument> for Effort {
    fn from(argument: EffortArgument) -> Self {
        match argument {
            EffortArgument::Quick => Effort::Quick,
            EffortArgument::Default => Effort::Default,
            EffortArgument::Thorough => Effort::Thorough,
        }
    }
}

impl SearchArguments {
    pub fn strategy(&self, name: &str) -> Result<Box<dyn Strategy>> {
        allocate::by_name_with(name, self.settings(self.effort.into()))
    }

    /// Settings of a strategy with this effort.
    pub fn settings(&self, effort: Effort) -> Settings {
        let mut settings = Settings::default();
        settings.seed = self.seed;
        settings.threads = self.threads.into();
        settings.effort = effort;
        settings
    }

    /// From now on, telling `bar`.
    pub fn limits(&self, bar: &ProgressBar) -> Limits {
        let mut limits = Limits::new();
        if let Some(nodes) = self.node_limit {
            limits = limits.nodes(nodes);
        }
        if let Some(deadline) = self.time_limit.and_then(|time| Instant::now().checked_add(time)) {
            limits = limits.deadline(deadline);
        }
        if self.progress {
            let bar = bar.clone();
            limits = limits.progress(move |progress| {
                let (best, bound) = (progress.best, progress.bound);
                bar.set_message(format!("{} nodes, best {best}, bound {bound}", progress.nodes));
                ControlFlow::Continue(())
            });
        }
        limits
    }
}
