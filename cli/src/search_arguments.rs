//! Options of the search: limits, effort, threads and random seed.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use plimsoll::allocate::{self, Settings, Strategy};
use plimsoll::{Effort, Limits, Result};

use crate::values::{NamedValue, named, time};

/// Options of the search for plans.
#[derive(Args, Debug)]
#[command(next_help_heading = "Search options")]
pub struct SearchArguments {
    /// Time limit of each plan's search in seconds, or with a unit, e.g. 5, 5s, 500ms or 2m
    /// [default: none]. Plans may then differ from run to run.
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub time_limit: Option<Duration>,
    /// Search node limit of each plan [default: set by --effort]. Plans do not depend on the machine.
    #[arg(long, value_name = "N")]
    pub node_limit: Option<u64>,
    /// Search effort of each plan if no limit is given. Plans do not depend on the machine.
    #[arg(long, value_parser = named(&EFFORTS), default_value = "default")]
    pub effort: Effort,
    /// Number of threads. Plans do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// Random seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Show the progress of the search on standard error.
    #[arg(long)]
    pub progress: bool,
}

/// Values of `--effort`.
static EFFORTS: [NamedValue<Effort>; 3] = [
    ("quick", Effort::Quick, "Milliseconds per plan"),
    ("default", Effort::Default, "Typically at most 50 ms per plan"),
    ("thorough", Effort::Thorough, "Seconds or more per plan"),
];

impl SearchArguments {
    pub fn strategy(&self, name: &str) -> Result<Box<dyn Strategy>> {
        allocate::by_name_with(name, self.settings(self.effort))
    }

    /// Settings of a strategy with the given effort.
    pub fn settings(&self, effort: Effort) -> Settings {
        let mut settings = Settings::default();
        settings.seed = self.seed;
        settings.threads = self.threads.into();
        settings.effort = effort;
        settings
    }

    /// Progress spinner, hidden without `--progress`.
    pub fn spinner(&self) -> ProgressBar {
        if self.progress { ProgressBar::new_spinner() } else { ProgressBar::hidden() }
    }

    /// Limits whose time starts now; with `--progress`, they report to `bar`.
    pub fn limits(&self, bar: &ProgressBar) -> Limits {
        self.limits_until(self.deadline(), bar)
    }

    /// Time at which a search that starts now reaches the time limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.time_limit.and_then(|time| Instant::now().checked_add(time))
    }

    /// Limits with the given deadline; with `--progress`, they report to `bar`.
    pub fn limits_until(&self, deadline: Option<Instant>, bar: &ProgressBar) -> Limits {
        let mut limits = Limits::new();
        if let Some(nodes) = self.node_limit {
            limits = limits.nodes(nodes);
        }
        if let Some(deadline) = deadline {
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
