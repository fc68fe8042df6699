//! The command `plimsoll`. `arguments::EXIT_STATUS` documents the exit status.

mod allocator;
mod arguments;
mod batch;
mod compare;
mod diff;
mod fit;
mod import_arguments;
mod inputs;
mod memory;
mod outcome;
mod output;
mod plan;
mod scratch;
mod search_arguments;
mod signals;
mod target;
mod tiling_arguments;
mod values;
mod verify;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use arguments::{Arguments, Command};
use outcome::{Failure, Outcome};

fn main() -> ExitCode {
    allocator::return_large_blocks();
    let matches = match Arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return print_usage(&with_size_tip(error)),
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return print_usage(&error),
    };
    match signals::install_handler().and_then(|()| run(arguments, &matches)) {
        Ok(Outcome::Positive) => ExitCode::SUCCESS,
        Ok(Outcome::Negative) => ExitCode::from(1),
        Err(failure) => {
            output::report_error(&failure);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments, matches: &ArgMatches) -> Result<Outcome, Failure> {
    output::set_quiet(arguments.quiet);
    match arguments.command {
        Command::Plan(arguments) => plan::run(&arguments, &explicit_options(matches)),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Completions(arguments) => print_completions(arguments.shell),
    }
}

fn print_completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "plimsoll", &mut script);
    output::print(&String::from_utf8(script)?)?;
    Ok(Outcome::Positive)
}

/// Prints help or a usage error.
///
/// Help is printed unchanged. Errors repeat the user's arguments, which may be long or contain
/// control characters, so they are shortened and escaped.
fn print_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output::report_usage(&error.render().to_string());
        return ExitCode::from(2);
    }
    let printed = error.print();
    let print_failed = printed.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
    ExitCode::from(if print_failed { 2 } else { u8::try_from(error.exit_code()).unwrap_or(2) })
}

/// Adds a tip to the error of `--capacity 80 KiB`, where the shell splits the size from its unit.
fn with_size_tip(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(unit)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && unit.starts_with(|first: char| first.is_ascii_alphabetic())
        && values::size(&format!("1{unit}")).is_ok()
    {
        let tip = format!("write a size as one word, e.g. `80{unit}`, or quote it").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// Names of the subcommand's options that are on the command line; the others have their defaults.
fn explicit_options(matches: &ArgMatches) -> Vec<String> {
    let Some((_, matches)) = matches.subcommand() else { return Vec::new() };
    let ids = matches.ids().map(clap::Id::as_str);
    let explicit = ids.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
    explicit.map(str::to_owned).collect()
}
