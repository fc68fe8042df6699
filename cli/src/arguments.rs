//! What may be written on the command line: a contract, kept stable.

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use plimsoll::export::c_code::SymbolPrefix;
use plimsoll::report::Colour;
use plimsoll::{Ordering, Sharing, allocate};

use crate::memory::MemoryArguments;
use crate::reading::ReadingArguments;
use crate::searching::SearchArguments;
use crate::target::{TargetArgument, TargetArguments};
use crate::values::{range, size};

/// How the command ends.
pub const EXIT_STATUS: &str = "\
Exit status:
    0  plan: planned, and fits the capacity or the memories
       fit: all activations fit the memory (with --weights, all weights beside them; with
       --largest-input, a value fits), or tables are made
       compare: compared
       verify: the plan is right
    1  plan, fit: does not fit
       verify: the plan is wrong, with the reasons
    2  bad input or usage, or a file could not be read or written
  129, 130, 143
       ended by SIGHUP, SIGINT or SIGTERM; no temporary file remains
";

/// Static memory planner for neural networks: offsets for every tensor in as
/// little memory as possible, verified, with a proof of how close to the limit
/// that is.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, arg_required_else_help = true, max_term_width = 100, after_help = EXIT_STATUS)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plan one network or buffer list, and print a summary.
    #[command(after_help = EXIT_STATUS)]
    Plan(PlanArguments),
    /// Compare strategies on many inputs.
    #[command(after_help = EXIT_STATUS)]
    Compare(CompareArguments),
    /// What fits on chip, and what goes to DDR if not everything does.
    ///
    /// One network with --memory: a report, with the traffic of a run. Many, or without
    /// --memory: tables of what fits which capacity, with and without weights.
    #[command(after_help = EXIT_STATUS)]
    Fit(FitArguments),
    /// Check a plan against its network or buffer list.
    #[command(after_help = EXIT_STATUS)]
    Verify(VerifyArguments),
}

#[derive(Args, Debug)]
pub struct PlanArguments {
    /// Network (.onnx, .tflite, graph .json) or buffer list (.csv).
    pub input: PathBuf,
    /// Write the plan; its ending says how: .json (plan), .csv (buffers with
    /// offsets), .svg (memory map), .html (report to look into), .trace.json (for
    /// Perfetto), .h (C header with tables; with .c of the same name beside it, declarations
    /// of the tables and the arena in that), .tflite (the model for TensorFlow Lite Micro,
    /// with the plan inside), .onnx (the model with its nodes in the plan's order, and the
    /// plan in its metadata). May be given several times.
    #[arg(long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
    /// What all names in C code begin with (macros in upper case); otherwise plimsoll_ and
    /// the model's name.
    #[arg(long, value_name = "PREFIX")]
    pub symbol_prefix: Option<SymbolPrefix>,
    /// What the colours of an .svg say.
    #[arg(long, value_enum, default_value_t = ColourArgument::Kind)]
    pub colour: ColourArgument,
    /// How to choose offsets.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = strategy_names())]
    pub strategy: String,
    /// Order of the operators.
    #[arg(long, value_enum, default_value_t = OrderArgument::Auto)]
    pub order: OrderArgument,
    /// What tensors may share memory while both are needed. The file's types of operators
    /// say what could; only your target's kernels can promise it.
    #[arg(long, value_enum, default_value_t = ShareArgument::None)]
    pub share: ShareArgument,
    /// Arena capacity in bytes, as in 2MiB, 512KiB, 1MB or 1048576. A plan that does not fit it
    /// is written as .json, .csv, .svg, .html or .trace.json, but not as code or a model.
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "given",
          allow_negative_numbers = true)]
    pub capacity: Option<u64>,
    /// Write code and models (.h, .c, .tflite, .onnx) of a plan that does not fit as well.
    #[arg(long, requires = "capacity")]
    pub allow_over_capacity: bool,
    /// Write a .tflite even if the runtime's own plan needs a smaller head than ours.
    #[arg(long)]
    pub allow_larger_head: bool,
    #[command(flatten)]
    pub memory: MemoryArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Leave this range of the arena free, as in 0..4KiB. May be given several times.
    #[arg(long, value_name = "START..END", value_parser = range, conflicts_with = "given")]
    pub reserve: Vec<Range<u64>>,
    #[command(flatten)]
    pub searching: SearchArguments,
    #[command(flatten)]
    pub reading: ReadingArguments,
}

#[derive(Args, Debug)]
pub struct CompareArguments {
    /// Files, or folders to search for .onnx, .tflite and .csv files.
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// Strategies to compare.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = allocate::NAMES,
          value_parser = strategy_names())]
    pub strategies: Vec<String>,
    /// Order of the operators.
    #[arg(long, value_enum, default_value_t = OrderArgument::File)]
    pub order: OrderArgument,
    /// Count the inputs that fit so many bytes, by each strategy.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub capacity: Vec<u64>,
    /// One line for each input: its height by each strategy.
    #[arg(long)]
    pub heights: bool,
    /// Write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub searching: SearchArguments,
    #[command(flatten)]
    pub reading: ReadingArguments,
}

#[derive(Args, Debug)]
pub struct FitArguments {
    /// Files, or folders to search for .onnx, .tflite and .csv files.
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub memory: MemoryArguments,
    /// Weights must fit beside the activations.
    #[arg(long, requires = "given")]
    pub weights: bool,
    /// The largest value of this symbolic dimension with which it still fits; of several,
    /// one value for all. For one network.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "given",
          conflicts_with_all = ["csv", "markdown"])]
    pub largest_input: Vec<String>,
    /// Try only multiples of this as values of --largest-input.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..),
          requires = "largest_input")]
    pub multiple_of: u64,
    /// Capacities of the tables.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size,
          default_value = "512KiB,1MiB,2MiB,4MiB", conflicts_with = "given")]
    pub capacity: Vec<u64>,
    /// Families of networks, for a table of its own: a CSV file of `model,family`.
    #[arg(long, value_name = "FILE", conflicts_with = "given")]
    pub families: Option<PathBuf>,
    /// Write a line for each network as CSV.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write the share that fits each capacity as CSV, a line for each.
    #[arg(long, value_name = "FILE", conflicts_with = "given")]
    pub shares: Option<PathBuf>,
    /// Write the tables as Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Draw the share of networks that fit against the capacity.
    #[arg(long, value_name = "FILE", conflicts_with = "given")]
    pub svg: Option<PathBuf>,
    /// Write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Order of the operators. Tables compare that of the file with the best.
    #[arg(long, value_enum, default_value_t = OrderArgument::Auto)]
    pub order: OrderArgument,
    /// What tensors may share memory while both are needed. Tables compare none with all.
    #[arg(long, value_enum, default_value_t = ShareArgument::None)]
    pub share: ShareArgument,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub searching: SearchArguments,
    #[command(flatten)]
    pub reading: ReadingArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum ShareArgument {
    /// Nothing.
    None,
    /// Reshapes, slices and splits with what they are made of.
    Views,
    /// And outputs with inputs that they are written over.
    #[value(name = "inplace")]
    InPlace,
    /// And pieces with what they are put together to, and what may overlap in part.
    All,
}

impl PlanArguments {
    /// Every file that is read; no output may be one of them.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let model = [self.input.as_path()].into_iter();
        model.chain(self.target.scratch.as_deref()).chain(self.memory.files())
    }
}

impl From<ShareArgument> for Sharing {
    fn from(argument: ShareArgument) -> Self {
        match argument {
            ShareArgument::None => Self::None,
            ShareArgument::Views => Self::Views,
            ShareArgument::InPlace => Self::InPlace,
            ShareArgument::All => Self::All,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ColourArgument {
    /// Input, intermediate, output, variable or workspace.
    Kind,
    /// The type of the operator that writes it.
    Operator,
}

impl From<ColourArgument> for Colour {
    fn from(argument: ColourArgument) -> Self {
        match argument {
            ColourArgument::Kind => Self::Kind,
            ColourArgument::Operator => Self::Operator,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OrderArgument {
    /// That of the file.
    File,
    /// The best that can be found quickly; for most networks proven.
    Auto,
    /// The best there is, as far as limits and memory reach.
    Optimal,
}

impl From<OrderArgument> for Ordering {
    fn from(argument: OrderArgument) -> Self {
        match argument {
            OrderArgument::File => Self::File,
            OrderArgument::Auto => Self::Auto,
            OrderArgument::Optimal => Self::Optimal,
        }
    }
}

#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// Network or buffer list that the plan is for.
    pub input: PathBuf,
    /// The plan. The network is read with the options noted in it. Without it, the plan
    /// inside of a .tflite or an .onnx is checked.
    #[arg(value_name = "PLAN.json")]
    pub plan: Option<PathBuf>,
    /// The runtime whose rules and kernels count, for the plan inside of a .tflite; tflm without it.
    #[arg(long, value_enum, conflicts_with = "plan")]
    pub target: Option<TargetArgument>,
    /// Scratch of kernels as measured, for the plan inside of a .tflite.
    #[arg(long, value_name = "FILE.csv", conflicts_with = "plan")]
    pub scratch: Option<PathBuf>,
}

fn strategy_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(allocate::NAMES)
}
