//! CPU time from cancellation to the return of a strategy: for every published instance, the maximum
//! over several moments of cancellation.
//!
//! The instances are read from `bench` in the folder named by `PLIMSOLL_DATA` (default
//! `../shared`). Generated buffers, too many for anything but a sweep over time, are always
//! measured.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cpu_time::ProcessTime;
use plimsoll::allocate::{NAMES, by_name};
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{CancelToken, Error, Limits, Planner, Problem};

#[path = "../tests/support/packings.rs"]
mod packings;

fn main() {
    let mut instances = vec![("200000 pieces".to_owned(), packings::packing(200_000, 1 << 30, 200_000, 1))];
    let data = std::env::var_os("PLIMSOLL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    for folder in ["bench/minimalloc", "bench/idealloc"] {
        match std::fs::read_dir(data.join(folder)) {
            Ok(files) => {
                let files = files.filter_map(|file| Some(file.ok()?.path()));
                instances.extend(files.filter_map(|path| read(&path)));
            }
            Err(_) => {
                println!("skipped: no {folder} in {}; name the folder by PLIMSOLL_DATA", data.display());
            }
        }
    }
    instances.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, problem) in &instances {
        let longest = NAMES.iter().filter_map(|strategy| Some((longest(problem, strategy)?, strategy)));
        let by_strategy: Vec<(Duration, &&str)> = longest.collect();
        let (time, strategy) = by_strategy.iter().max().expect("there are strategies");
        println!("{name:<24} {:>6} buffers: {time:>8.1?} ({strategy})", problem.buffers().len());
    }
}

fn read(path: &Path) -> Option<(String, Problem)> {
    match import::read(path, &ImportOptions::default()) {
        Ok(Imported::Problem(problem)) => Some((path.file_stem()?.to_string_lossy().into_owned(), problem)),
        _ => None,
    }
}

/// CPU time from cancellation to the return, with verification; `None` if the strategy refuses the
/// problem.
fn longest(problem: &Problem, strategy: &str) -> Option<Duration> {
    let mut longest = Duration::ZERO;
    for wait in [0, 2, 10, 50, 200, 1000] {
        let (token, wait) = (CancelToken::new(), Duration::from_millis(wait));
        let planner = Planner::new().limits(Limits::new().cancel(token.clone()));
        let planner = planner.strategy(by_name(strategy).expect("it is in the list"));
        let (done, is_done) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            // Ends at once if the planner finishes first.
            let _ = is_done.recv_timeout(wait);
            token.cancel();
            ProcessTime::now()
        });
        let result = planner.solve(problem);
        let end = ProcessTime::now();
        drop(done);
        let cancelled = watch.join().expect("it only waits");
        match result {
            Ok(_) => longest = longest.max(end.as_duration().saturating_sub(cancelled.as_duration())),
            Err(Error::Refused { .. }) => return None,
            Err(error) => panic!("{strategy}: {error}"),
        }
    }
    Some(longest)
}
