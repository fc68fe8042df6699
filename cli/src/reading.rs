//! Options that say how an input is read and what it is planned for.

use clap::{Args, ValueEnum};
use plimsoll::import::{Fold, ImportOptions, InputShape};
use plimsoll::{ElementType, Planner, Variables};

use crate::values::{alignment, counted_type, dimension, given_twice, input_shape, state, tensor_value};

/// How to read inputs, and what to plan them for.
#[derive(Args, Debug)]
pub struct ReadingArguments {
    /// Count every floating-point element as this type, as if quantized.
    #[arg(long = "as", value_name = "TYPE", value_parser = counted_type)]
    pub floats_as: Option<ElementType>,
    /// Alignment in bytes of what asks for none.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = alignment,
          allow_negative_numbers = true)]
    pub align: u64,
    /// Bind a symbolic dimension, and what is computed from it. May be given several times.
    #[arg(long = "dim", value_name = "NAME=VALUE", value_parser = dimension)]
    pub dims: Vec<(String, u64)>,
    /// Give an input of an ONNX or TFLite file this shape, as in x=1x3x320x320, and infer all that
    /// depends on it; or a tensor whose shape does not follow from others, with its element type where
    /// an ONNX file does not tell it, as in t=1x3:float16. Names in it are symbolic dimensions, as in x=1x3xHxW. May be given several times.
    #[arg(long = "input-shape", value_name = "NAME=SHAPE", value_parser = input_shape)]
    pub input_shapes: Vec<(String, InputShape)>,
    /// Whole numbers that a tensor of an ONNX file holds, as in sr=16000 or shape=1,80: an input, or a result
    /// that shapes or conditions depend on. May be given several times.
    #[arg(long = "value", value_name = "NAME=NUMBERS", value_parser = tensor_value)]
    pub values: Vec<(String, Vec<i64>)>,
    /// Give an output the place of an input, as in past=present: the state that a run leaves for the next one. The
    /// input is overwritten. May be given several times.
    #[arg(long = "state", value_name = "INPUT=OUTPUT", value_parser = state)]
    pub states: Vec<(String, String)>,
    /// Let softmax and normalizations be written over their inputs, where sharing in place is asked for: their kernels
    /// read a row in full before they write it.
    #[arg(long)]
    pub multi_pass: bool,
    /// Operators to fold away: those that read constants only, or none.
    #[arg(long, value_enum, default_value_t = FoldArgument::Constants)]
    pub fold: FoldArgument,
    /// Whether operators may overwrite graph inputs in place.
    #[arg(long = "inputs", value_name = "INPUTS", value_enum, default_value_t = InputsArgument::Kept)]
    pub graph_inputs: InputsArgument,
    /// Where variables live: in the arena, or outside, uncounted.
    #[arg(long, value_enum, default_value_t = VariablesArgument::Arena)]
    pub variables: VariablesArgument,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FoldArgument {
    Constants,
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum VariablesArgument {
    Arena,
    Outside,
}

impl ReadingArguments {
    /// Two values for one dimension are a mistake, and no order of theirs a rule.
    pub fn check(&self) -> Result<(), String> {
        if let Some(name) = given_twice(self.dims.iter().map(|(name, _)| name)) {
            return Err(format!("--dim {name} is given twice"));
        }
        if let Some(name) = given_twice(self.input_shapes.iter().map(|(name, _)| name)) {
            return Err(format!("--input-shape {name} is given twice"));
        }
        if let Some(name) = given_twice(self.values.iter().map(|(name, _)| name)) {
            return Err(format!("--value {name} is given twice"));
        }
        if let Some(name) = given_twice(self.states.iter().map(|(name, _)| name)) {
            return Err(format!("--state: input {name} is given twice"));
        }
        if let Some(name) = given_twice(self.states.iter().map(|(_, name)| name)) {
            return Err(format!("--state: output {name} is given twice"));
        }
        Ok(())
    }

    pub fn import_options(&self) -> ImportOptions {
        let mut options = ImportOptions::default();
        options.dims = self.dims.iter().cloned().collect();
        options.input_shapes = self.input_shapes.iter().cloned().collect();
        options.values = self.values.iter().cloned().collect();
        options.states = self.states.iter().cloned().collect();
        options.multi_pass = self.multi_pass;
        options.floats_as = self.floats_as;
        options.alignment = Some(self.align);
        options.fold = match self.fold {
            FoldArgument::Constants => Fold::Constants,
            FoldArgument::None => Fold::None,
        };
        options.overwrite_inputs = matches!(self.graph_inputs, InputsArgument::Overwritable);
        options
    }

    pub fn planner(&self) -> Planner {
        Planner::new().alignment(self.align).variables(match self.variables {
            VariablesArgument::Arena => Variables::Arena,
            VariablesArgument::Outside => Variables::Outside,
        })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InputsArgument {
    /// The caller's.
    Kept,
    /// Operators may overwrite them once they are read.
    Overwritable,
}
