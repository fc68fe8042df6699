//! Options that control how a file is imported.

use clap::Args;
use plimsoll::import::{Fold, ImportOptions, InputShape, Layout};
use plimsoll::{ElementType, InputContents, Planner, Storage, Variables};

use crate::values::{
    NamedValue, alignment, counted_type, dimension, first_duplicate, input_contents, input_shape, named,
    state, storage, tensor_value,
};

/// Options of how a file is imported.
#[derive(Args, Debug)]
#[command(next_help_heading = "Import options")]
pub struct ImportArguments {
    /// Element type to assume for all floating-point tensors, e.g. int8, as if quantized
    /// [default: the types in the file].
    #[arg(long = "as", value_name = "TYPE", value_parser = counted_type)]
    pub floats_as: Option<ElementType>,
    /// Alignment in bytes of tensors that have no alignment of their own.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = alignment,
          allow_negative_numbers = true)]
    pub align: u64,
    /// Value of a symbolic dimension, e.g. batch=1; dimensions computed from it follow. May be
    /// repeated.
    #[arg(long = "dim", value_name = "NAME=VALUE", value_parser = dimension)]
    pub dims: Vec<(String, u64)>,
    /// Shape of an input of an ONNX or TFLite file, e.g. x=1x3x320x320; all shapes that depend on
    /// it are inferred again. Also the shape of a tensor that cannot be inferred, with its element
    /// type if the ONNX file has none, e.g. t=1x3:float16. Names are symbolic dimensions, e.g.
    /// x=1x3xHxW. May be repeated.
    #[arg(long = "input-shape", value_name = "NAME=SHAPE", value_parser = input_shape)]
    pub input_shapes: Vec<(String, InputShape)>,
    /// Integer contents of an ONNX input, or of a result that shapes or conditions depend on,
    /// e.g. sr=16000 or shape=1,80. May be repeated.
    #[arg(long = "value", value_name = "NAME=NUMBERS", value_parser = tensor_value)]
    pub values: Vec<(String, Vec<i64>)>,
    /// Place an output over an input, e.g. past=present: state that one inference leaves for the
    /// next. The input is overwritten. May be repeated.
    #[arg(long = "state", value_name = "INPUT=OUTPUT", value_parser = state)]
    pub states: Vec<(String, String)>,
    /// Allow softmax and normalization to run in place (with --share inplace or all). Requires
    /// kernels that read each row in full before they write it.
    #[arg(long)]
    pub multi_pass: bool,
    /// Constant folding.
    #[arg(long, value_parser = named(&FOLDS), default_value = "constants")]
    pub fold: Fold,
    /// What a run may do with the contents of graph inputs, e.g. preserved, or of one of them, e.g.
    /// x=preserved. reusable: other tensors may have the bytes after the last read [default];
    /// preserved: the contents stay in their bytes to the end; overwritable: as reusable, and the
    /// last reader may write its output over the input. May be repeated.
    #[arg(long = "inputs", value_name = "[NAME=]CONTENTS", value_parser = input_contents)]
    pub input_contents: Vec<(Option<String>, InputContents)>,
    /// Memory of a tensor: arena, outside (a buffer of the caller, which takes no bytes) or the name
    /// of a pool of --memory, e.g. frame=outside. The names @inputs and @outputs stand for all
    /// graph inputs and outputs. May be repeated.
    #[arg(long = "storage", value_name = "NAME=MEMORY", value_parser = storage)]
    pub storages: Vec<(String, Storage)>,
    /// Order of the axes of activations in memory, which decides which slices and parts of a
    /// concatenation are contiguous. For ONNX files; TFLite files have channels innermost.
    #[arg(long, value_parser = named(&LAYOUTS), default_value = "as-stored")]
    pub layout: Layout,
    /// Memory of captured values and results of ONNX bodies (If, Loop, Scan).
    #[arg(long = "bodies", value_name = "MEMORY", value_parser = named(&BODY_MEMORIES),
          default_value = "linked", action = clap::ArgAction::Set)]
    pub links: bool,
    /// Location of variables.
    #[arg(long, value_name = "LOCATION", value_parser = named(&VARIABLE_LOCATIONS), default_value = "arena")]
    pub variables: Variables,
}

/// Values of `--fold`.
static FOLDS: [NamedValue<Fold>; 2] = [
    ("constants", Fold::Constants, "Fold operators that read only constants"),
    ("none", Fold::None, "Keep all operators"),
];

/// Values of `--layout`.
static LAYOUTS: [NamedValue<Layout>; 2] = [
    ("as-stored", Layout::AsStored, "Row-major order of the shape in the file"),
    (
        "channels-innermost",
        Layout::ChannelsInnermost,
        "Images of shape [N, C, H, W] as [N, H, W, C]; other numbers of spatial axes alike",
    ),
];

/// Values of `--bodies`: whether plans use links.
static BODY_MEMORIES: [NamedValue<bool>; 2] = [
    (
        "linked",
        true,
        "A branch may overwrite a captured value after its last read, and results are written directly to the \
         outputs of the operator",
    ),
    ("separate", false, "Captured values, results and bodies are in separate bytes"),
];

/// Values of `--variables`.
static VARIABLE_LOCATIONS: [NamedValue<Variables>; 2] = [
    ("arena", Variables::Arena, "In the arena"),
    ("outside", Variables::Outside, "Outside the arena, not counted"),
];

impl ImportArguments {
    /// Refuses options that give one name two values.
    pub fn check(&self) -> Result<(), String> {
        let duplicates = [
            ("--dim", first_duplicate(self.dims.iter().map(|(name, _)| name))),
            ("--input-shape", first_duplicate(self.input_shapes.iter().map(|(name, _)| name))),
            ("--value", first_duplicate(self.values.iter().map(|(name, _)| name))),
            ("--state: input", first_duplicate(self.states.iter().map(|(input, _)| input))),
            ("--state: output", first_duplicate(self.states.iter().map(|(_, output)| output))),
            ("--inputs", first_duplicate(self.input_contents.iter().filter_map(|(name, _)| name.as_ref()))),
            ("--storage", first_duplicate(self.storages.iter().map(|(name, _)| name))),
        ];
        if self.input_contents.iter().filter(|(name, _)| name.is_none()).count() > 1 {
            return Err("--inputs: given twice for all inputs; give it once".to_owned());
        }
        match duplicates.into_iter().find_map(|(option, name)| Some((option, name?))) {
            Some((option, name)) => Err(format!("{option} {name}: given twice; give it once")),
            None => Ok(()),
        }
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
        options.fold = self.fold;
        options.layout = self.layout;
        options.input_contents = self.contents_of_inputs();
        let named = |(name, contents): &(Option<String>, InputContents)| Some((name.clone()?, *contents));
        options.contents_of = self.input_contents.iter().filter_map(named).collect();
        options.storage = self.storages.iter().cloned().collect();
        options
    }

    /// The permitted use of the contents of inputs without a value of their own.
    pub fn contents_of_inputs(&self) -> InputContents {
        let all = self.input_contents.iter().find(|(name, _)| name.is_none());
        all.map_or(InputContents::Reusable, |&(_, contents)| contents)
    }

    pub fn planner(&self) -> Planner {
        Planner::new().alignment(self.align).variables(self.variables).links(self.links)
    }
}
