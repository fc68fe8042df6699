//! Commands and their options. Names and values of options are a stable interface.

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use plimsoll::export::c_code::SymbolPrefix;
use plimsoll::export::tflite::Kernels;
use plimsoll::report::Colour;
use plimsoll::{ScheduleMode, SharingLevel, allocate};

use crate::import_arguments::ImportArguments;
use crate::memory::MemoryArguments;
use crate::search_arguments::SearchArguments;
use crate::target::{TARGETS, TargetArguments};
use crate::tiling_arguments::TilingArguments;
use crate::values::{NamedValue, named, range, size};

/// Help text on the exit status of every command.
pub const EXIT_STATUS: &str = "\
Exit status:
    0  plan: the plan fits the capacity or the memories
       fit: all activations fit on chip (with --weights: weights too; with --largest-input:
       at least one value fits), or the tables are complete
       compare: the table is complete
       verify: the plan is valid
       diff: the new plan needs no more memory than the old one, or than --max-arena
    1  plan, fit: does not fit
       plan --check: outputs differ
       verify: the plan is invalid; the violations are printed
       diff: the new plan needs more memory
    2  invalid usage or input, or a file could not be read or written
  129, 130, 143
       terminated by SIGHUP, SIGINT or SIGTERM; temporary files are removed
";

/// The version and the features of the library that `cli/Cargo.toml` enables.
const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: csv, files, json, onnx, parallel, report, tflite");

/// Static memory planner for neural networks: verified offsets for every tensor and a
/// proven lower bound on the arena size.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, long_version = LONG_VERSION, arg_required_else_help = true,
          max_term_width = 100, after_help = EXIT_STATUS)]
pub struct Arguments {
    /// Print errors only. The exit status is the result.
    #[arg(short, long, global = true, help_heading = "Output options")]
    pub quiet: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plan one network or buffer list and print a summary.
    #[command(after_help = EXIT_STATUS)]
    Plan(PlanArguments),
    /// Compare allocation strategies on many inputs.
    #[command(after_help = EXIT_STATUS)]
    Compare(CompareArguments),
    /// Check whether networks fit on chip, and count the traffic to external memory.
    ///
    /// For one network with --memory: a report with the memory traffic of one inference. For
    /// several networks: a table. Without --memory: tables of the networks that fit each
    /// capacity, with and without weights.
    #[command(after_help = EXIT_STATUS)]
    Fit(FitArguments),
    /// Verify a plan against its network or buffer list.
    #[command(after_help = EXIT_STATUS)]
    Verify(VerifyArguments),
    /// Compare two plans: arena, bound, order and tensors.
    ///
    /// For checks of changes: the exit status is 1 if the new plan needs more memory than the old one,
    /// or than --max-arena.
    #[command(after_help = EXIT_STATUS)]
    Diff(DiffArguments),
    /// Print completions for a shell.
    ///
    /// For bash: plimsoll completions bash > ~/.local/share/bash-completion/completions/plimsoll
    Completions(CompletionArguments),
}

#[derive(Args, Debug)]
pub struct DiffArguments {
    /// PLAN.json of the earlier plan.
    pub old: PathBuf,
    /// PLAN.json of the later plan.
    pub new: PathBuf,
    /// Largest arena of the new plan, e.g. 96KiB [default: the arena of the old plan].
    #[arg(long, value_name = "SIZE", value_parser = size, allow_negative_numbers = true)]
    pub max_arena: Option<u64>,
}

#[derive(Args, Debug)]
pub struct CompletionArguments {
    /// The shell.
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct PlanArguments {
    /// Network (.onnx, .tflite, graph .json) or buffer list (.csv).
    pub input: PathBuf,
    /// Output file; the extension selects the format. May be repeated.
    ///
    ///   .json        plan
    ///   .csv         buffer list with offsets
    ///   .svg         memory map
    ///   .html        interactive report
    ///   .trace.json  trace for Perfetto
    ///   .graph.json  imported network with permissions and access maps, as graph JSON
    ///   .h           C header with the plan's tables
    ///   .c           C source with the tables and the arena, declared in the .h of the same
    ///                name, which is required
    ///   .tflite      model for TensorFlow Lite Micro with the plan inside
    ///   .onnx        model with its nodes in the planned order and the plan in its metadata
    #[arg(short, long, value_name = "FILE", verbatim_doc_comment, help_heading = "Output options")]
    pub out: Vec<PathBuf>,
    #[arg(
        long,
        help_heading = "Output options",
        help = "Compare the outputs of each written .onnx or .tflite with those of the input, on random inputs, in the \
                  interpreters of the Python that the variable PLIMSOLL_PYTHON names [default: python3]"
    )]
    pub check: bool,
    /// Prefix of all names in C code, upper case in macros [default: plimsoll_ and the model's
    /// name].
    #[arg(long, value_name = "PREFIX", help_heading = "Output options")]
    pub symbol_prefix: Option<SymbolPrefix>,
    /// Meaning of the colours in an .svg [default: kind; with a tiling: stripe].
    #[arg(long, value_parser = named(&COLOURS), help_heading = "Output options")]
    pub colour: Option<Colour>,
    /// Allocation strategy.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = strategy_names())]
    pub strategy: String,
    /// Operator order.
    #[arg(long, value_parser = named(&ORDERS), default_value = "auto")]
    pub order: ScheduleMode,
    /// Memory sharing between tensors that are live at the same time. The operator types in
    /// the file determine what is possible; the target's kernels must support it.
    #[arg(long, value_parser = named(&SHARING_LEVELS), default_value = "none")]
    pub share: SharingLevel,
    /// Arena capacity, e.g. 2MiB, 512KiB, 1MB or 1048576 [default: unlimited]. If the plan
    /// exceeds it, .json, .csv, .svg, .html and .trace.json are written, code and models are not.
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "memories",
          allow_negative_numbers = true, help_heading = "Memory options")]
    pub capacity: Option<u64>,
    /// Write code and models (.h, .c, .tflite, .onnx) even if the plan exceeds the capacity.
    #[arg(long, requires = "capacity", help_heading = "Output options")]
    pub allow_over_capacity: bool,
    /// Write a .tflite even if the runtime's own plan needs a smaller head.
    #[arg(long, help_heading = "Output options")]
    pub allow_larger_head: bool,
    #[command(flatten)]
    pub memory: MemoryArguments,
    #[command(flatten)]
    pub tiling: TilingArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Reserved byte range of the arena, e.g. 0..4KiB, which the plan leaves free. May be
    /// repeated.
    #[arg(long, value_name = "START..END", value_parser = range, conflicts_with = "memories",
          help_heading = "Memory options")]
    pub reserve: Vec<Range<u64>>,
    #[command(flatten)]
    pub searching: SearchArguments,
    #[command(flatten)]
    pub reading: ImportArguments,
}

#[derive(Args, Debug)]
pub struct CompareArguments {
    /// Files, or folders to search for .onnx, .tflite and .csv files.
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// Allocation strategies to compare, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = allocate::NAMES,
          value_parser = strategy_names())]
    pub strategies: Vec<String>,
    /// Operator order.
    #[arg(long, value_parser = named(&ORDERS), default_value = "file")]
    pub order: ScheduleMode,
    /// Capacities, separated by commas, for which to count the inputs that fit.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub capacity: Vec<u64>,
    /// Print one row per input with its height under each strategy.
    #[arg(long, help_heading = "Output options")]
    pub heights: bool,
    /// Write all results as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Output options")]
    pub json: Option<PathBuf>,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub searching: SearchArguments,
    #[command(flatten)]
    pub reading: ImportArguments,
}

#[derive(Args, Debug)]
pub struct FitArguments {
    /// Files, or folders to search for .onnx, .tflite and .csv files.
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub memory: MemoryArguments,
    /// Require that the weights fit together with the activations.
    #[arg(long, requires = "memories", help_heading = "Memory options")]
    pub weights: bool,
    /// Find the largest value of a symbolic dimension with which one network fits. Several
    /// names, separated by commas, share one value.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "memories",
          conflicts_with_all = ["csv", "markdown"])]
    pub largest_input: Vec<String>,
    /// Try only multiples of N with --largest-input.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..),
          requires = "largest_input")]
    pub multiple_of: u64,
    /// Capacities of the tables, separated by commas.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size,
          default_value = "512KiB,1MiB,2MiB,4MiB", conflicts_with = "memories")]
    pub capacity: Vec<u64>,
    /// Add levels with tiling to the tables and the plot, at budgets of 0, 2, 5, 10 and 30 % extra
    /// multiply-accumulates.
    #[arg(long, conflicts_with_all = ["memories", "target"])]
    pub tile: bool,
    /// CSV file with the columns `model` and `family`; adds tables by family.
    #[arg(long, value_name = "FILE", conflicts_with = "memories")]
    pub families: Option<PathBuf>,
    /// Write one row per network as CSV.
    #[arg(long, value_name = "FILE", help_heading = "Output options")]
    pub csv: Option<PathBuf>,
    /// Write the number of networks that fit, by family, level and capacity, as CSV.
    #[arg(long, value_name = "FILE", conflicts_with = "memories", help_heading = "Output options")]
    pub shares: Option<PathBuf>,
    /// Write the tables as Markdown.
    #[arg(long, value_name = "FILE", help_heading = "Output options")]
    pub markdown: Option<PathBuf>,
    /// Plot the share of networks that fit against the capacity, as SVG.
    #[arg(long, value_name = "FILE", conflicts_with = "memories", help_heading = "Output options")]
    pub svg: Option<PathBuf>,
    /// Write all results as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Output options")]
    pub json: Option<PathBuf>,
    /// Operator order. Tables compare the program order with the best order found.
    #[arg(long, value_parser = named(&ORDERS), default_value = "auto")]
    pub order: ScheduleMode,
    /// Memory sharing between tensors that are live at the same time. Tables compare `none`
    /// with `all`.
    #[arg(long, value_parser = named(&SHARING_LEVELS), default_value = "none")]
    pub share: SharingLevel,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub searching: SearchArguments,
    #[command(flatten)]
    pub reading: ImportArguments,
}

/// Values of `--share`.
pub static SHARING_LEVELS: [NamedValue<SharingLevel>; 4] = [
    ("none", SharingLevel::None, "No sharing"),
    ("views", SharingLevel::Views, "Views: outputs of reshapes, slices and splits inside their inputs"),
    ("inplace", SharingLevel::InPlace, "Views, and outputs written over inputs"),
    (
        "all",
        SharingLevel::All,
        "Views, in place, concatenation inputs inside the output, and partial overlaps",
    ),
];

/// Values of `--colour`.
static COLOURS: [NamedValue<Colour>; 3] = [
    ("kind", Colour::Kind, "Kind of tensor: input, intermediate, output, variable or scratch"),
    ("operator", Colour::Operator, "Type of the operator that writes the tensor"),
    ("stripe", Colour::Stripe, "Stripe of a tiled plan; for other plans as kind"),
];

/// Values of `--order`.
static ORDERS: [NamedValue<ScheduleMode>; 3] = [
    ("file", ScheduleMode::Program, "Program order: the order in the file"),
    ("auto", ScheduleMode::Auto, "Best order found by a short search; proven optimal for most networks"),
    ("optimal", ScheduleMode::Optimal, "Optimal order, as far as limits and memory allow"),
];

impl PlanArguments {
    /// All files that the command reads; no output may be one of them.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let model = [self.input.as_path()].into_iter();
        model.chain(self.target.scratch.as_deref()).chain(self.memory.files())
    }
}

impl CompareArguments {
    /// All files that the command reads, with the files found in folders; no output may be one of
    /// them.
    pub fn inputs<'a>(&'a self, files: &'a [PathBuf]) -> impl Iterator<Item = &'a Path> {
        files.iter().map(PathBuf::as_path).chain(self.target.scratch.as_deref())
    }
}

impl FitArguments {
    /// All files that the command reads, with the files found in folders; no output may be one of
    /// them.
    pub fn inputs<'a>(&'a self, files: &'a [PathBuf]) -> impl Iterator<Item = &'a Path> {
        let tables = [self.target.scratch.as_deref(), self.families.as_deref()];
        let models = files.iter().map(PathBuf::as_path);
        models.chain(tables.into_iter().flatten()).chain(self.memory.files())
    }
}

#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// Network or buffer list that the plan was made for.
    pub input: PathBuf,
    /// Plan to verify; the network is read with the options stored in it [default: the plan
    /// inside the .tflite or .onnx].
    #[arg(value_name = "PLAN.json")]
    pub plan: Option<PathBuf>,
    /// Target runtime and kernels of the plan inside a .tflite [default: tflm].
    #[arg(long, value_parser = named(&TARGETS), conflicts_with = "plan")]
    pub target: Option<Kernels>,
    /// CSV file of measured kernel scratch, as in `plan --scratch`, for the plan inside a .tflite.
    #[arg(long, value_name = "FILE.csv", conflicts_with = "plan")]
    pub scratch: Option<PathBuf>,
}

fn strategy_names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(allocate::NAMES)
}
