//! Constants of the ABI. Their numbers never change.

/// The ABI number: a program runs with every library that has the same number. `plimsoll_abi()`
/// returns the number of the library.
pub const PLIMSOLL_ABI: u32 = 2;

/// No value: no fixed offset, no capacity, no offset in the arena.
pub const PLIMSOLL_NONE: u64 = u64::MAX;
/// No object, or no index.
pub const PLIMSOLL_NO_INDEX: u32 = u32::MAX;

// Statuses of fallible functions. Numbers are never reused.

/// Success.
pub const PLIMSOLL_OK: i32 = 0;
/// A required pointer is NULL.
pub const PLIMSOLL_ERROR_NULL: i32 = 1;
/// A number, size or text is invalid for this argument.
pub const PLIMSOLL_ERROR_ARGUMENT: i32 = 2;
/// The object is not in the required state.
pub const PLIMSOLL_ERROR_STATE: i32 = 3;
/// The graph or the buffers break a rule; the message names the tensor, operator or buffer.
pub const PLIMSOLL_ERROR_INVALID: i32 = 4;
/// The strategy does not handle this problem.
pub const PLIMSOLL_ERROR_REFUSED: i32 = 5;
/// A plan, or the result of a strategy, is wrong; the message names the violation.
pub const PLIMSOLL_ERROR_WRONG_PLAN: i32 = 6;
/// A file or text could not be imported.
pub const PLIMSOLL_ERROR_IMPORT: i32 = 7;
/// A file could not be opened or written.
pub const PLIMSOLL_ERROR_IO: i32 = 8;
/// The library was built without the feature.
pub const PLIMSOLL_ERROR_UNSUPPORTED: i32 = 9;
/// The destination is too small; the required size is written.
pub const PLIMSOLL_ERROR_TOO_SMALL: i32 = 10;
/// A callback returned a number other than 0.
pub const PLIMSOLL_ERROR_CALLBACK: i32 = 11;
/// Internal error. The objects of the call may only be freed.
pub const PLIMSOLL_ERROR_PANIC: i32 = 12;
/// A memory cannot hold the data that must live there; the message states how many bytes that is.
pub const PLIMSOLL_ERROR_DOES_NOT_FIT: i32 = 13;
/// The call was cancelled before a verified plan, or a complete graph, existed.
pub const PLIMSOLL_ERROR_CANCELLED: i32 = 14;

/// Plan status: the arena equals the lower bound.
pub const PLIMSOLL_STATUS_OPTIMAL: i32 = 0;
/// Plan status: the plan fits; a smaller arena may exist.
pub const PLIMSOLL_STATUS_FEASIBLE: i32 = 1;
/// Plan status: no plan fits the capacity; this plan exceeds it.
pub const PLIMSOLL_STATUS_INFEASIBLE: i32 = 2;
/// Plan status: this plan exceeds the capacity; another may fit.
pub const PLIMSOLL_STATUS_UNKNOWN: i32 = 3;

/// Reason for stopping: the search was complete.
pub const PLIMSOLL_STOP_FINISHED: i32 = 0;
/// Reason for stopping: the limit of search nodes was reached.
pub const PLIMSOLL_STOP_NODES: i32 = 1;
/// Reason for stopping: the time limit was reached.
pub const PLIMSOLL_STOP_DEADLINE: i32 = 2;
/// Reason for stopping: a token or the progress callback cancelled the search.
pub const PLIMSOLL_STOP_CANCELLED: i32 = 3;

/// Tensor kind: an input, written by the caller before the first step.
pub const PLIMSOLL_TENSOR_INPUT: i32 = 0;
/// Tensor kind: a constant such as a weight, which lies outside the arena.
pub const PLIMSOLL_TENSOR_CONSTANT: i32 = 1;
/// Tensor kind: state that outlives a run.
pub const PLIMSOLL_TENSOR_VARIABLE: i32 = 2;
/// Tensor kind: written by one operator, read by any number.
pub const PLIMSOLL_TENSOR_INTERMEDIATE: i32 = 3;

/// Flag of a tensor (a bit): a graph output, live to the end.
pub const PLIMSOLL_TENSOR_IS_OUTPUT: u32 = 1;
/// Flag of a tensor (a bit): an input that operators may overwrite after its last read.
pub const PLIMSOLL_TENSOR_IS_OVERWRITABLE: u32 = 2;
/// Flag of a tensor (a bit): its size is an upper bound, as the size depends on data.
pub const PLIMSOLL_TENSOR_IS_UPPER_BOUND: u32 = 4;

/// Flag of a tensor (a bit): an input whose contents stay in their bytes to the end of the run.
pub const PLIMSOLL_TENSOR_IS_PRESERVED: u32 = 8;
/// Flag of a tensor (a bit): it is in a buffer of the caller, outside of the arena.
pub const PLIMSOLL_TENSOR_IS_OUTSIDE: u32 = 16;

/// Contents of an input: other tensors may have the bytes after the last operator that reads it.
pub const PLIMSOLL_INPUT_REUSABLE: i32 = 0;
/// Contents of an input: they stay in their bytes to the end of the run.
pub const PLIMSOLL_INPUT_PRESERVED: i32 = 1;
/// Contents of an input: as REUSABLE, and the last operator that reads it may write an output over it.
pub const PLIMSOLL_INPUT_OVERWRITABLE: i32 = 2;

/// Offsets of a previous plan: where the search starts.
pub const PLIMSOLL_KEEP_HINT: i32 = 0;
/// Offsets of a previous plan: unchanged tensors keep them.
pub const PLIMSOLL_KEEP_DEMAND: i32 = 1;

/// Flag of an operator (a bit): it may run at compile time once all of its inputs are constants.
pub const PLIMSOLL_OPERATOR_FOLDABLE: u32 = 1;
/// Flag of an operator (a bit): it was folded, so that plans do not run it.
pub const PLIMSOLL_OPERATOR_FOLDED: u32 = 2;

/// Occupant of an arena: a tensor of a graph, or a buffer of a problem.
pub const PLIMSOLL_OCCUPANT_TENSOR: i32 = 0;
/// Occupant of an arena: the scratch of an operator.
pub const PLIMSOLL_OCCUPANT_SCRATCH: i32 = 1;

/// Location of variables: in the arena, throughout the run.
pub const PLIMSOLL_VARIABLES_ARENA: i32 = 0;
/// Location of variables: in other memory, which the plan does not count.
pub const PLIMSOLL_VARIABLES_OUTSIDE: i32 = 1;

/// Order mode: program order.
pub const PLIMSOLL_ORDER_PROGRAM: i32 = 0;
/// Order mode: the best order found quickly; for most networks it is proven optimal.
pub const PLIMSOLL_ORDER_AUTO: i32 = 1;
/// Order mode: an order of minimum peak with proof, as far as limits and memory allow.
pub const PLIMSOLL_ORDER_OPTIMAL: i32 = 2;

/// Effort of searches without a limit: milliseconds.
pub const PLIMSOLL_EFFORT_QUICK: i32 = 0;
/// Effort of searches without a limit: typically at most 50 ms.
pub const PLIMSOLL_EFFORT_DEFAULT: i32 = 1;
/// Effort of searches without a limit: seconds or more.
pub const PLIMSOLL_EFFORT_THOROUGH: i32 = 2;

/// Permission: the output is a part of the memory of an input.
pub const PLIMSOLL_PERMIT_VIEW: i32 = 0;
/// Permission: an input is a part of the memory of the output, as for a concatenation.
pub const PLIMSOLL_PERMIT_CONCAT_SLICE: i32 = 1;
/// Permission: the output may be written over an input, from the first byte on.
pub const PLIMSOLL_PERMIT_IN_PLACE: i32 = 2;
/// Permission: the end of the input may be the start of the output.
pub const PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW: i32 = 3;
/// Permission: the end of the output may be the start of the input.
pub const PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW: i32 = 4;

/// Numbers for each input of an axis of an access map.
pub const PLIMSOLL_ROW_NUMBERS: usize = 6;
/// Rows outside of an input: a constant, or nothing.
pub const PLIMSOLL_OUTSIDE_PADDING: i32 = 0;
/// Rows outside of an input: the nearest row of the input.
pub const PLIMSOLL_OUTSIDE_EDGE: i32 = 1;

/// Operator of a tiled graph: an operator of the graph, as a whole.
pub const PLIMSOLL_TILED_WHOLE: i32 = 0;
/// Operator of a tiled graph: an operator of the graph, on rows of its outputs.
pub const PLIMSOLL_TILED_TILE: i32 = 1;
/// Operator of a tiled graph: names the parts of a tensor. Nothing is executed.
pub const PLIMSOLL_TILED_SPLIT: i32 = 2;
/// Operator of a tiled graph: moves rows to the output, in ascending order; both may overlap.
pub const PLIMSOLL_TILED_CARRY: i32 = 3;
/// Operator of a tiled graph: names a tensor whose parts are complete. Nothing is executed.
pub const PLIMSOLL_TILED_JOIN: i32 = 4;

/// Layout of activations: row-major order of the shape in the file.
pub const PLIMSOLL_LAYOUT_AS_STORED: i32 = 0;
/// Layout of activations: images of ONNX files are stored with channels innermost.
pub const PLIMSOLL_LAYOUT_CHANNELS_INNERMOST: i32 = 1;

/// Sharing level: tensors share no memory while both are live.
pub const PLIMSOLL_SHARING_NONE: i32 = 0;
/// Sharing level: views share memory (reshapes, slices, splits).
pub const PLIMSOLL_SHARING_VIEWS: i32 = 1;
/// Sharing level: also, outputs are written over inputs.
pub const PLIMSOLL_SHARING_IN_PLACE: i32 = 2;
/// Sharing level: also, pieces of a concatenation are written into its result, and tensors overlap
/// partially.
pub const PLIMSOLL_SHARING_ALL: i32 = 3;

/// Kind of sharing: a tensor is the whole of the other tensor.
pub const PLIMSOLL_ALIAS_VIEW: i32 = 0;
/// Kind of sharing: a tensor is a part of the other tensor.
pub const PLIMSOLL_ALIAS_SLICE: i32 = 1;
/// Kind of sharing: a tensor is written as a part of the other tensor, and need not be copied there.
pub const PLIMSOLL_ALIAS_CONCAT: i32 = 2;
/// Kind of sharing: a tensor is written over the other tensor.
pub const PLIMSOLL_ALIAS_IN_PLACE: i32 = 3;
/// Kind of sharing: a tensor starts within the other tensor, which lies below it.
pub const PLIMSOLL_ALIAS_OVERLAP: i32 = 4;

/// Contents of a pool (a bit): inputs, outputs, and intermediate tensors.
pub const PLIMSOLL_HOLDS_ACTIVATIONS: u32 = 1;
/// Contents of a pool (a bit): weights and other data that no run changes.
pub const PLIMSOLL_HOLDS_CONSTANTS: u32 = 2;
/// Contents of a pool (a bit): state that outlives a run.
pub const PLIMSOLL_HOLDS_VARIABLES: u32 = 4;
/// Contents of a pool (a bit): scratch of operators.
pub const PLIMSOLL_HOLDS_SCRATCH: u32 = 8;
/// Contents of a pool: all of the above.
pub const PLIMSOLL_HOLDS_ALL: u32 = 15;
/// Cost of a copied byte: the same as for a byte that an operator accesses in place.
pub const PLIMSOLL_COST_IN_PLACE: u32 = u32::MAX;

/// Loading of constants: on chip before the first run; constants that stay there cost nothing.
pub const PLIMSOLL_LOADING_ONCE: i32 = 0;
/// Loading of constants: on chip in each run.
pub const PLIMSOLL_LOADING_EACH_RUN: i32 = 1;

/// Import format: ONNX.
pub const PLIMSOLL_IMPORT_ONNX: i32 = 0;
/// Import format: TensorFlow Lite.
pub const PLIMSOLL_IMPORT_TFLITE: i32 = 1;
/// Import format: a graph as JSON.
pub const PLIMSOLL_IMPORT_JSON: i32 = 2;
/// Import format: buffers as CSV.
pub const PLIMSOLL_IMPORT_CSV: i32 = 3;

/// Export format: PLAN.json.
pub const PLIMSOLL_EXPORT_JSON: i32 = 0;
/// Export format: buffers with offsets as CSV.
pub const PLIMSOLL_EXPORT_CSV: i32 = 1;
/// Export format: a memory map as SVG.
pub const PLIMSOLL_EXPORT_SVG: i32 = 2;
/// Export format: a C header with tables.
pub const PLIMSOLL_EXPORT_C: i32 = 3;
/// Export format: a text summary.
pub const PLIMSOLL_EXPORT_TEXT: i32 = 4;
/// Export format: an interactive report (memory map, live bytes, causes of the lower bound, tables) as one
/// HTML file without external resources.
pub const PLIMSOLL_EXPORT_HTML: i32 = 5;
/// Export format: a timeline trace in Chrome's Trace Event Format.
pub const PLIMSOLL_EXPORT_TRACE: i32 = 6;

/// Part of C code: a complete header with tables.
pub const PLIMSOLL_C_ALONE: i32 = 0;
/// Part of C code: a header with declarations for the source.
pub const PLIMSOLL_C_HEADER: i32 = 1;
/// Part of C code: the source with the arena and the tables.
pub const PLIMSOLL_C_SOURCE: i32 = 2;
