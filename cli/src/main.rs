//! The command line. `arguments::EXIT_STATUS` says how it ends.

mod arguments;
mod compare;
mod fit;
mod inputs;
mod memory;
mod output;
mod plan;
mod reading;
mod scratch;
mod searching;
mod signals;
mod target;
mod values;
mod verify;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

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
    let matches = match Arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&with_size_in_one(error)),
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match signals::handle().and_then(|()| run(arguments, &matches)) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            output::report_error(&failure);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments, matches: &ArgMatches) -> Result<Answer, Failure> {
    match arguments.command {
        Command::Plan(arguments) => plan::run(&arguments, &given(matches)),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    }
}

/// Prints help as it is. Errors repeat what was typed, which may be long or hold control
/// characters.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output::report_usage(&error.render().to_string());
        return ExitCode::from(2);
    }
    let printed = error.print();
    let is_lost = printed.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
    ExitCode::from(if is_lost { 2 } else { u8::try_from(error.exit_code()).unwrap_or(2) })
}

/// Says how a size is written if what was not expected is a unit apart from its number.
fn with_size_in_one(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(unit)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && unit.starts_with(|first: char| first.is_ascii_alphabetic())
        && values::size(&format!("1{unit}")).is_ok()
    {
        let tip = format!("a size is one word, as in `80{unit}`, or in quotes").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// The command's options that the user gave, by name; the others have their defaults.
fn given(matches: &ArgMatches) -> Vec<String> {
    let Some((_, matches)) = matches.subcommand() else { return Vec::new() };
    let ids = matches.ids().map(clap::Id::as_str);
    let given = ids.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
    given.map(str::to_owned).collect()
}
