//! How long to search, and with what.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use plimsoll::allocate::{self, Settings, Strategy};
use plimsoll::{Limits, Result};

use crate::arguments::time;

#[derive(Args, Debug)]
pub struct SearchArguments {
    /// Time limit of the search for each plan, as in 5, 5s, 500ms or 2m; a plain number is in
    /// seconds. The plan may then differ from run to run.
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub time_limit: Option<Duration>,
    /// Search at most so many nodes for each plan; the same plan on every machine.
    #[arg(long, value_name = "N")]
    pub node_limit: Option<u64>,
    /// Search on so many threads; the same plan at any number.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// Draw other random numbers.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Say on standard error how far the search is.
    #[arg(long)]
    pub progress: bool,
}

impl SearchArguments {
    pub fn strategy(&self, name: &str) -> Result<Box<dyn Strategy>> {
        let mut settings = Settings::default();
        settings.seed = self.seed;
        settings.threads = self.threads.into();
        allocate::by_name_with(name, settings)
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
