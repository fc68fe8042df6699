//! The command line. Exit status: 0 planned, verified, compared or fits; 1 does not
//! fit, or the plan is wrong; 2 bad input or usage.

mod arguments;
mod compare;
mod fit;
mod inputs;
mod memory;
mod output;
mod plan;
mod plan_pools;
mod searching;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

/// What went wrong, ready to be shown.
type Failure = Box<dyn std::error::Error>;

/// How a command ended that did what it was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    };
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("error: {}", output::one_line(&failure.to_string()));
            ExitCode::from(2)
        }
    }
}
