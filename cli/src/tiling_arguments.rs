//! Options of tiling.

use clap::Args;
use plimsoll::export::tflite::TfliteMeasure;
use plimsoll::tiling::TilingGoal;

use crate::values::{NamedValue, named, part_per_million};

/// Options of tiling: regions of operators that run stripe by stripe.
#[derive(Args, Debug)]
#[command(next_help_heading = "Tiling options")]
pub struct TilingArguments {
    /// Tiling: run regions of operators stripe by stripe, so that large tensors never exist as a
    /// whole. With --capacity, the least extra cost that fits; with --memory, if a run costs
    /// less; otherwise the smallest arena within --max-extra-macs. Your runtime must run
    /// operators on a part of their rows, unless --out writes an .onnx, or a .tflite for
    /// TensorFlow Lite Micro: these are rewritten so that an unmodified runtime runs them.
    #[arg(long = "tile", value_name = "MODE", value_parser = named(&MODES), num_args = 0..=1,
          require_equals = true, default_missing_value = "auto", default_value = "off",
          action = clap::ArgAction::Set)]
    mode: TilingMode,
    /// Extra multiply-accumulates that tiling may cost for rows that are computed again, as a
    /// part of the network's, e.g. 5% or 0.05 [default: 0%; with --capacity or --memory: unlimited].
    #[arg(long, value_name = "PART", value_parser = part_per_million, allow_negative_numbers = true)]
    max_extra_macs: Option<u64>,
}

/// Mode of `--tile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TilingMode {
    Auto,
    Head,
    Off,
}

/// Values of `--tile`.
static MODES: [NamedValue<TilingMode>; 3] = [
    ("auto", TilingMode::Auto, "Tile if the arena becomes smaller"),
    (
        "head",
        TilingMode::Head,
        "As auto; for TensorFlow Lite Micro, the smallest head, although the tail grows with every tile",
    ),
    ("off", TilingMode::Off, "Run every operator as a whole"),
];

impl TilingArguments {
    pub fn is_on(&self) -> bool {
        self.mode != TilingMode::Off
    }

    /// The memory that tiling of a model for TensorFlow Lite Micro makes small.
    pub fn tflite_measure(&self) -> TfliteMeasure {
        if self.mode == TilingMode::Head { TfliteMeasure::Head } else { TfliteMeasure::Arena }
    }

    /// Refuses a budget without tiling.
    pub fn check(&self) -> Result<(), String> {
        if self.max_extra_macs.is_some() && !self.is_on() {
            return Err("--max-extra-macs: no tiling is planned; add --tile".to_owned());
        }
        Ok(())
    }

    /// The budget, in parts per million; unlimited if none is given.
    pub fn max_extra(&self) -> u64 {
        self.max_extra_macs.unwrap_or(u64::MAX)
    }

    /// The least extra cost with which the arena fits a capacity; without one, the smallest arena within the budget, and
    /// without extra cost if no budget is given.
    pub fn goal(&self, capacity: Option<u64>) -> TilingGoal {
        match capacity {
            Some(capacity) => TilingGoal::fit(capacity).max_extra_ppm(self.max_extra()),
            None => TilingGoal::least_memory().max_extra_ppm(self.max_extra_macs.unwrap_or(0)),
        }
    }
}
