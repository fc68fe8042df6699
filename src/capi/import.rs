use std::ffi::c_char;
use std::path::Path;

use super::boundary::{Failure, array, free, give, guard, mutable, reference, text};
use super::cancel::plimsoll_cancel;
use super::graph::{element_type, plimsoll_graph};
use super::problem::plimsoll_problem;
use super::status::{
    PLIMSOLL_ERROR_CANCELLED, PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_IO, PLIMSOLL_ERROR_UNSUPPORTED,
    PLIMSOLL_IMPORT_CSV, PLIMSOLL_IMPORT_JSON, PLIMSOLL_IMPORT_ONNX, PLIMSOLL_IMPORT_TFLITE,
};
use crate::import::{self, Fold, ImportError, ImportOptions, Imported, ImportedGraph};
use crate::{Error, Problem};

/// How to read a file. Not to be changed by one thread while another uses it;
/// otherwise any number of threads may use it at the same time.
pub struct plimsoll_import_options {
    options: ImportOptions,
}

/// Makes options: operators that read constants only are folded away, buffers
/// without an alignment have 1, floats keep their size. Free them with
/// `plimsoll_import_options_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_new(options: *mut *mut plimsoll_import_options) -> i32 {
    guard(|| {
        let place = unsafe { mutable(options, "options") }?;
        give(place, plimsoll_import_options { options: ImportOptions::default() });
        Ok(())
    })
}

/// Counts every floating-point element as one of this type, as in "int8"; NULL
/// for what it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_floats_as(
    options: *mut plimsoll_import_options,
    name: *const c_char,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        options.floats_as =
            if name.is_null() { None } else { Some(element_type(unsafe { text(name, "name") }?)?) };
        Ok(())
    })
}

/// Binds a symbolic dimension.
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

/// Gives an input of an ONNX or TensorFlow Lite model the shape `shape`, as in "1x3x224x224" or "1,3,height,width",
/// instead of the file's; all other shapes are computed then, and what the file says of them is
/// not read. Names stand for symbolic dimensions. NULL for what the file says. In a TensorFlow
/// Lite model, `name` may also be a tensor whose shape does not follow from others.
///
/// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without shape inference. An input that
/// is not there, or cannot have this shape, is an error of the import.
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
        let shape = input_shape(unsafe { text(shape, "shape") }?)?;
        options.input_shapes.insert(name.to_owned(), shape);
        Ok(())
    })
}

#[cfg(any(feature = "onnx-shapes", feature = "tflite"))]
fn input_shape(text: &str) -> Result<import::InputShape, Failure> {
    text.parse().map_err(|reason: String| Failure::argument(reason))
}

#[cfg(not(any(feature = "onnx-shapes", feature = "tflite")))]
fn input_shape(_: &str) -> Result<import::InputShape, Failure> {
    Err(Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, "this build lacks the features `onnx-shapes` and `tflite`"))
}

fn flag(number: i32) -> Result<bool, Failure> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Failure::argument(format!("{number} is neither 0 nor 1"))),
    }
}

/// Gives a tensor of an ONNX model `count` whole numbers that are known when the model is compiled, in the
/// order of its elements: an input, or a result that shapes or conditions depend on. NULL and 0 take the
/// numbers back.
///
/// A tensor that is not there, or cannot hold these numbers, is an error of the import.
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

/// Gives an output the place of an input: the state that a run leaves for the next one, which then reads
/// it there. The input may be overwritten. NULL as `output` for no state.
///
/// Names that are not there, and sizes that differ, are an error of the import.
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

/// Permits softmax and normalizations to be written over their inputs, if `multi_pass` is 1: their kernels
/// read a row in full before they write it. 0 is the default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_multi_pass(
    options: *mut plimsoll_import_options,
    multi_pass: i32,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        options.multi_pass = flag(multi_pass)?;
        Ok(())
    })
}

/// Whether operators that read constants only are folded away: 1, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_fold(
    options: *mut plimsoll_import_options,
    fold: i32,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        options.fold = if flag(fold)? { Fold::Constants } else { Fold::None };
        Ok(())
    })
}

/// Whether operators may overwrite graph inputs once they are read: 1, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_overwrite_inputs(
    options: *mut plimsoll_import_options,
    overwrite: i32,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        options.overwrite_inputs = flag(overwrite)?;
        Ok(())
    })
}

/// The import ends with PLIMSOLL_ERROR_CANCELLED soon after this token is cancelled. The options
/// keep a share of it; NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_cancel(
    options: *mut plimsoll_import_options,
    cancel: *const plimsoll_cancel,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        options.cancel =
            if cancel.is_null() { None } else { Some(unsafe { reference(cancel, "cancel") }?.token.clone()) };
        Ok(())
    })
}

/// Frees options; NULL is allowed.
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

/// Reads a file by its ending: .onnx, .tflite and .json (a graph) make a graph,
/// already built; .csv (buffers) makes a problem. The other of the two is set to
/// NULL. `options` may be NULL for the defaults. Free both.
///
/// PLIMSOLL_ERROR_IO if it cannot be opened, PLIMSOLL_ERROR_IMPORT with what is
/// wrong in it, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without the
/// format.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_file(
    path: *const c_char,
    options: *const plimsoll_import_options,
    graph: *mut *mut plimsoll_graph,
    problem: *mut *mut plimsoll_problem,
) -> i32 {
    guard(|| {
        let path = unsafe { text(path, "path") }?;
        let default = ImportOptions::default();
        let options = unsafe { options_or_default(options, &default) }?;
        let imported = || import::read(Path::new(path), options).map_err(|error| failure(&error));
        unsafe { hand_over(imported, graph, problem) }
    })
}

/// The same of `size` bytes in memory, in the format `PLIMSOLL_IMPORT_...`. `name`
/// is that of the graph where the bytes name none.
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
        let default = ImportOptions::default();
        let options = unsafe { options_or_default(options, &default) }?;
        unsafe { hand_over(|| from_memory(name, bytes, format, options), graph, problem) }
    })
}

pub(super) unsafe fn options_or_default(
    options: *const plimsoll_import_options,
    default: &ImportOptions,
) -> Result<&ImportOptions, Failure> {
    if options.is_null() { Ok(default) } else { Ok(&unsafe { reference(options, "options") }?.options) }
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

fn from_memory(name: &str, bytes: &[u8], format: i32, options: &ImportOptions) -> Result<Imported, Failure> {
    match format {
        PLIMSOLL_IMPORT_ONNX => onnx(name, bytes, options).map(Imported::Graph),
        PLIMSOLL_IMPORT_TFLITE => tflite(name, bytes, options).map(Imported::Graph),
        PLIMSOLL_IMPORT_JSON => json(name, bytes, options).map(Imported::Graph),
        PLIMSOLL_IMPORT_CSV => csv(name, bytes, options).map(Imported::Problem),
        _ => Err(Failure::argument(format!("{format} is no format to import from"))),
    }
}

/// An importer, or what takes its place in a build without it.
macro_rules! importer {
    ($name:ident, $feature:literal, $imported:ty, $from_bytes:ident) => {
        #[cfg(feature = $feature)]
        fn $name(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<$imported, Failure> {
            import::$from_bytes(name, bytes, options).map_err(|error| failure(&error))
        }

        #[cfg(not(feature = $feature))]
        fn $name(_: &str, _: &[u8], _: &ImportOptions) -> Result<$imported, Failure> {
            let message = concat!("this build lacks the feature `", $feature, "`");
            Err(Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, message))
        }
    };
}

importer!(onnx, "onnx", ImportedGraph, onnx_from_bytes);
importer!(tflite, "tflite", ImportedGraph, tflite_from_bytes);
importer!(json, "json", ImportedGraph, graph_json_from_bytes);
importer!(csv, "csv", Problem, csv_from_bytes);
