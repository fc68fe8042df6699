//! Import of models, graphs and lists of buffers.

use std::ffi::c_char;
use std::path::Path;
use std::sync::LazyLock;

use super::boundary::needs_feature;
use super::boundary::{
    Failure, array, assign, choice, create, flag, free, give, guard, mutable, reference, text, unknown,
};
use super::cancel::{plimsoll_cancel_token, token_of};
use super::graph::{element_type, plimsoll_graph};
use super::problem::plimsoll_problem;
use super::status::{
    PLIMSOLL_ERROR_CANCELLED, PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_IO, PLIMSOLL_ERROR_UNSUPPORTED,
    PLIMSOLL_IMPORT_CSV, PLIMSOLL_IMPORT_JSON, PLIMSOLL_IMPORT_ONNX, PLIMSOLL_IMPORT_TFLITE,
    PLIMSOLL_LAYOUT_AS_STORED, PLIMSOLL_LAYOUT_CHANNELS_INNERMOST,
};
use crate::Error;
use crate::InputContents;
use crate::import::{self, Fold, ImportError, ImportOptions, Imported, ImportedGraph, Layout};

/// Options of an import. No thread may change them while another uses them; otherwise any number
/// of threads may use them at the same time.
#[derive(Default)]
pub struct plimsoll_import_options {
    pub(super) options: ImportOptions,
}

/// Creates options: operators that read only constants are folded, buffers without an alignment
/// have alignment 1, floating-point elements keep their size. Free them with
/// `plimsoll_import_options_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_new(options: *mut *mut plimsoll_import_options) -> i32 {
    unsafe { create(options, "options", || Ok(plimsoll_import_options::default())) }
}

/// Counts every floating-point element with the size of this element type, as in "int8"; NULL keeps
/// the type of the file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_floats_as(
    options: *mut plimsoll_import_options,
    name: *const c_char,
) -> i32 {
    let counted = || {
        let name = if name.is_null() { return Ok(None) } else { unsafe { text(name, "name") }? };
        element_type(name).map(Some)
    };
    unsafe { assign(options, "options", |options| &mut options.options.floats_as, counted) }
}

/// Binds a symbolic dimension to a value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_dimension(
    options: *mut plimsoll_import_options,
    name: *const c_char,
    value: u64,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        options.dims.insert(unsafe { text(name, "name") }?.to_owned(), value);
        Ok(())
    })
}

/// Sets the shape of an input of an ONNX or TensorFlow Lite model, as in "1x3x224x224" or
/// "1,3,height,width", in place of the shape in the file. All other shapes are then inferred, and
/// those in the file are not read. Names stand for symbolic dimensions. NULL restores the shape in
/// the file. In a TensorFlow Lite model, `name` may also be a tensor whose shape does not follow
/// from others.
///
/// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without shape inference. An unknown input,
/// or a shape that it cannot have, is an error of the import.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_input_shape(
    options: *mut plimsoll_import_options,
    name: *const c_char,
    shape: *const c_char,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        let name = unsafe { text(name, "name") }?;
        if shape.is_null() {
            options.input_shapes.remove(name);
            return Ok(());
        }
        let shape =
            unsafe { text(shape, "shape") }?.parse().map_err(|reason: String| Failure::argument(reason))?;
        options.input_shapes.insert(name.to_owned(), shape);
        Ok(())
    })
}

/// Sets the `count` integer elements of a tensor of an ONNX model that are known at compile time, in
/// the order of its elements: an input, or a result on which shapes or conditions depend. NULL with
/// a count of 0 removes them.
///
/// An unknown tensor, or one that cannot hold these elements, is an error of the import.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_value(
    options: *mut plimsoll_import_options,
    name: *const c_char,
    numbers: *const i64,
    count: usize,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        let name = unsafe { text(name, "name") }?;
        if numbers.is_null() && count == 0 {
            options.values.remove(name);
            return Ok(());
        }
        let numbers = unsafe { array(numbers, count, "numbers") }?.to_vec();
        options.values.insert(name.to_owned(), numbers);
        Ok(())
    })
}

/// Declares state: an output that a run leaves for the next run, which reads it as this input. Both
/// have the same place, and operators may overwrite the input. NULL for `output` removes the state.
///
/// Unknown names, and sizes that differ, are an error of the import.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_state(
    options: *mut plimsoll_import_options,
    input: *const c_char,
    output: *const c_char,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        let input = unsafe { text(input, "input") }?;
        if output.is_null() {
            options.states.remove(input);
        } else {
            options.states.insert(input.to_owned(), unsafe { text(output, "output") }?.to_owned());
        }
        Ok(())
    })
}

/// If `multi_pass` is 1, softmax and normalizations may write their output over their input: their
/// kernels read a row in full before they write it. The default is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_multi_pass(
    options: *mut plimsoll_import_options,
    multi_pass: i32,
) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.options.multi_pass, || flag(multi_pass)) }
}

/// Sets whether operators that read only constants are folded: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_fold(
    options: *mut plimsoll_import_options,
    fold: i32,
) -> i32 {
    let fold = || Ok(if flag(fold)? { Fold::Constants } else { Fold::None });
    unsafe { assign(options, "options", |options| &mut options.options.fold, fold) }
}

/// Sets whether operators may overwrite graph inputs after their last read: 1 or 0. As
/// `plimsoll_import_options_set_input_contents` for all inputs, with OVERWRITABLE or REUSABLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_overwrite_inputs(
    options: *mut plimsoll_import_options,
    overwrite: i32,
) -> i32 {
    let contents =
        || Ok(if flag(overwrite)? { InputContents::Overwritable } else { InputContents::Reusable });
    unsafe { assign(options, "options", |options| &mut options.options.input_contents, contents) }
}

/// Sets the order of the axes of activations in memory, `PLIMSOLL_LAYOUT_...`. It decides which slices
/// and which parts of a concatenation are contiguous. Images of TensorFlow Lite files have channels
/// innermost in both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_layout(
    options: *mut plimsoll_import_options,
    layout: i32,
) -> i32 {
    let layouts = [
        (PLIMSOLL_LAYOUT_AS_STORED, Layout::AsStored),
        (PLIMSOLL_LAYOUT_CHANNELS_INNERMOST, Layout::ChannelsInnermost),
    ];
    let layout = || choice(&layouts, layout, "layout", "LAYOUT");
    unsafe { assign(options, "options", |options| &mut options.options.layout, layout) }
}

/// Sets a token that ends imports with PLIMSOLL_ERROR_CANCELLED soon after it is cancelled. The
/// options keep a reference to it; NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_cancel(
    options: *mut plimsoll_import_options,
    cancel: *const plimsoll_cancel_token,
) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.options.cancel, || token_of(cancel)) }
}

/// Frees import options; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_free(options: *mut plimsoll_import_options) {
    unsafe { free(options) };
}

fn failure(error: &ImportError) -> Failure {
    let status = match error {
        ImportError::Read { .. } => PLIMSOLL_ERROR_IO,
        ImportError::UnknownFormat { reason, .. } if reason.starts_with("this build") => {
            PLIMSOLL_ERROR_UNSUPPORTED
        }
        ImportError::Invalid(Error::Cancelled) => PLIMSOLL_ERROR_CANCELLED,
        _ => PLIMSOLL_ERROR_IMPORT,
    };
    Failure::new(status, error.to_string())
}

/// Imports a file by its extension: .onnx, .tflite and .json (a graph) give a built graph; .csv
/// (buffers) gives a problem. The other output is set to NULL. `options` may be NULL for the
/// defaults. Free the graph or problem.
///
/// PLIMSOLL_ERROR_IO if the file cannot be opened, PLIMSOLL_ERROR_IMPORT if its contents are
/// invalid, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without the format.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_file(
    path: *const c_char,
    options: *const plimsoll_import_options,
    graph: *mut *mut plimsoll_graph,
    problem: *mut *mut plimsoll_problem,
) -> i32 {
    guard(|| {
        let path = unsafe { text(path, "path") }?;
        let options = unsafe { options_or_default(options) }?;
        let imported = || import::read(Path::new(path), options).map_err(|error| failure(&error));
        unsafe { hand_over(imported, graph, problem) }
    })
}

/// Imports `size` bytes in memory in the format `PLIMSOLL_IMPORT_...`, like `plimsoll_import_file`.
/// `name` names the graph if the bytes contain no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_memory(
    bytes: *const u8,
    size: usize,
    format: i32,
    name: *const c_char,
    options: *const plimsoll_import_options,
    graph: *mut *mut plimsoll_graph,
    problem: *mut *mut plimsoll_problem,
) -> i32 {
    guard(|| {
        let bytes = unsafe { array(bytes, size, "bytes") }?;
        let name = unsafe { text(name, "name") }?;
        let options = unsafe { options_or_default(options) }?;
        unsafe { hand_over(|| from_memory(name, bytes, format, options), graph, problem) }
    })
}

/// The options of a call; NULL stands for the default ones.
pub(super) unsafe fn options_or_default<'a>(
    options: *const plimsoll_import_options,
) -> Result<&'a ImportOptions, Failure> {
    static DEFAULT: LazyLock<ImportOptions> = LazyLock::new(ImportOptions::default);
    if options.is_null() { Ok(&DEFAULT) } else { Ok(&unsafe { reference(options, "options") }?.options) }
}

unsafe fn hand_over(
    imported: impl FnOnce() -> Result<Imported, Failure>,
    graph: *mut *mut plimsoll_graph,
    problem: *mut *mut plimsoll_problem,
) -> Result<(), Failure> {
    let (graph, problem) = (unsafe { mutable(graph, "graph") }?, unsafe { mutable(problem, "problem") }?);
    match imported()? {
        Imported::Graph(imported) => {
            give(graph, plimsoll_graph::imported(imported));
            *problem = std::ptr::null_mut();
        }
        Imported::Problem(imported) => {
            give(problem, plimsoll_problem { problem: imported });
            *graph = std::ptr::null_mut();
        }
    }
    Ok(())
}

#[allow(dead_code)] // builds without importers of graphs
fn graph_of(graph: Result<ImportedGraph, ImportError>) -> Result<Imported, Failure> {
    graph.map(Imported::Graph).map_err(|error| failure(&error))
}

#[allow(unused_variables)] // builds without importers
fn from_memory(name: &str, bytes: &[u8], format: i32, options: &ImportOptions) -> Result<Imported, Failure> {
    match format {
        PLIMSOLL_IMPORT_ONNX => {
            needs_feature!("onnx", graph_of(import::onnx_from_bytes(name, bytes, options)))
        }
        PLIMSOLL_IMPORT_TFLITE => {
            needs_feature!("tflite", graph_of(import::tflite_from_bytes(name, bytes, options)))
        }
        PLIMSOLL_IMPORT_JSON => {
            needs_feature!("json", graph_of(import::graph_json_from_bytes(name, bytes, options)))
        }
        PLIMSOLL_IMPORT_CSV => needs_feature!("csv", {
            let problem = import::csv_from_bytes(name, bytes, options).map_err(|error| failure(&error))?;
            Ok(Imported::Problem(problem))
        }),
        _ => Err(unknown(format, "import format", "IMPORT")),
    }
}
