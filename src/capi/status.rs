/// The number of this ABI: programs built for one number run with every library
/// that has the same. `plimsoll_abi()` says that of the library.
pub const PLIMSOLL_ABI: u32 = 1;

/// No value: no fixed offset, no capacity, no place in the arena.
pub const PLIMSOLL_NONE: u64 = u64::MAX;
/// No object, or no index.
pub const PLIMSOLL_NO_INDEX: u32 = u32::MAX;

// What every fallible function returns. Numbers are never used again for
// something else.

/// Done.
pub const PLIMSOLL_OK: i32 = 0;
/// A pointer is NULL that must not be.
pub const PLIMSOLL_ERROR_NULL: i32 = 1;
/// A number, size or text is none that this argument can have.
pub const PLIMSOLL_ERROR_ARGUMENT: i32 = 2;
/// The object is not in a state in which it can do this.
pub const PLIMSOLL_ERROR_STATE: i32 = 3;
/// The graph or the buffers break a rule; the message names the culprit.
pub const PLIMSOLL_ERROR_INVALID: i32 = 4;
/// The strategy does not handle this problem.
pub const PLIMSOLL_ERROR_REFUSED: i32 = 5;
/// A plan, or what a strategy returned, is wrong; the message says where.
pub const PLIMSOLL_ERROR_WRONG_PLAN: i32 = 6;
/// A file or text could not be read as what it should be.
pub const PLIMSOLL_ERROR_IMPORT: i32 = 7;
/// A file could not be opened or written.
pub const PLIMSOLL_ERROR_IO: i32 = 8;
/// This build of the library lacks the feature.
pub const PLIMSOLL_ERROR_UNSUPPORTED: i32 = 9;
/// The memory handed over is too small; the size that is needed is written.
pub const PLIMSOLL_ERROR_TOO_SMALL: i32 = 10;
/// A callback returned a number other than 0.
pub const PLIMSOLL_ERROR_CALLBACK: i32 = 11;
/// A mistake in the library. The objects of the call are not to be used again,
/// but may be freed.
pub const PLIMSOLL_ERROR_PANIC: i32 = 12;
/// A memory cannot hold what must live there; the message says how much that is.
pub const PLIMSOLL_ERROR_DOES_NOT_FIT: i32 = 13;
/// The call was cancelled before there was a verified plan, or a whole graph.
pub const PLIMSOLL_ERROR_CANCELLED: i32 = 14;

/// What is known of a plan: the arena is as low as the lower bound.
pub const PLIMSOLL_STATUS_OPTIMAL: i32 = 0;
/// A right plan; a lower one may or may not exist.
pub const PLIMSOLL_STATUS_FEASIBLE: i32 = 1;
/// Nothing fits the capacity; the plan needs more.
pub const PLIMSOLL_STATUS_INFEASIBLE: i32 = 2;
/// The plan needs more than the capacity, but something else may fit.
pub const PLIMSOLL_STATUS_UNKNOWN: i32 = 3;

/// Why a search stopped: it was done.
pub const PLIMSOLL_STOP_FINISHED: i32 = 0;
/// The limit of search nodes was met.
pub const PLIMSOLL_STOP_NODES: i32 = 1;
/// The time limit was met.
pub const PLIMSOLL_STOP_DEADLINE: i32 = 2;
/// It was cancelled, or the progress callback said so.
pub const PLIMSOLL_STOP_CANCELLED: i32 = 3;

/// Kinds of tensor. An external input, written by the caller before the first
/// step.
pub const PLIMSOLL_TENSOR_INPUT: i32 = 0;
/// A weight; lives outside of the arena.
pub const PLIMSOLL_TENSOR_CONSTANT: i32 = 1;
/// State that outlives a run.
pub const PLIMSOLL_TENSOR_VARIABLE: i32 = 2;
/// Written by one operator, read by any number.
pub const PLIMSOLL_TENSOR_INTERMEDIATE: i32 = 3;

/// What lies in an arena: a tensor, or a buffer of a problem.
pub const PLIMSOLL_OCCUPANT_TENSOR: i32 = 0;
/// The workspace of an operator.
pub const PLIMSOLL_OCCUPANT_SCRATCH: i32 = 1;

/// Variables live in the arena, throughout the run.
pub const PLIMSOLL_VARIABLES_ARENA: i32 = 0;
/// Variables live in memory of their own, uncounted.
pub const PLIMSOLL_VARIABLES_OUTSIDE: i32 = 1;

/// Operators run in the order of the file.
pub const PLIMSOLL_ORDER_FILE: i32 = 0;
/// In the best order that can be found quickly; for most networks one that is proven.
pub const PLIMSOLL_ORDER_AUTO: i32 = 1;
/// In one of the least peak, with proof, as far as limits and memory reach.
pub const PLIMSOLL_ORDER_OPTIMAL: i32 = 2;

/// Milliseconds of work where no limit says so.
pub const PLIMSOLL_EFFORT_QUICK: i32 = 0;
/// Typically at most 50 ms.
pub const PLIMSOLL_EFFORT_DEFAULT: i32 = 1;
/// Seconds or more.
pub const PLIMSOLL_EFFORT_THOROUGH: i32 = 2;

/// What an operator permits: its output is bytes of its input.
pub const PLIMSOLL_PERMIT_VIEW: i32 = 0;
/// Its input is bytes of its output.
pub const PLIMSOLL_PERMIT_PIECE: i32 = 1;
/// Its output may be written over its input, from the first byte on.
pub const PLIMSOLL_PERMIT_IN_PLACE: i32 = 2;
/// The end of its input may be the start of its output.
pub const PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW: i32 = 3;
/// The end of its output may be the start of its input.
pub const PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW: i32 = 4;

/// Tensors share no memory while both are needed.
pub const PLIMSOLL_SHARING_NONE: i32 = 0;
/// Views do: reshapes, slices, splits.
pub const PLIMSOLL_SHARING_VIEWS: i32 = 1;
/// And outputs are written over inputs.
pub const PLIMSOLL_SHARING_IN_PLACE: i32 = 2;
/// And pieces are made where they are put together, and tensors overlap in part.
pub const PLIMSOLL_SHARING_ALL: i32 = 3;

/// How a tensor shares memory: it is all of the other one.
pub const PLIMSOLL_SHARE_VIEW: i32 = 0;
/// It is a part of the other one.
pub const PLIMSOLL_SHARE_SLICE: i32 = 1;
/// It was made as a part of the other one, and is not to be copied there.
pub const PLIMSOLL_SHARE_CONCAT: i32 = 2;
/// It is written over the other one.
pub const PLIMSOLL_SHARE_IN_PLACE: i32 = 3;
/// It starts within the other one, which is below it.
pub const PLIMSOLL_SHARE_OVERLAP: i32 = 4;

/// What a pool may hold, as bits: inputs, outputs, and what lies between operators.
pub const PLIMSOLL_HOLDS_ACTIVATIONS: u32 = 1;
/// Weights and other data that no run changes.
pub const PLIMSOLL_HOLDS_CONSTANTS: u32 = 2;
/// State that outlives a run.
pub const PLIMSOLL_HOLDS_VARIABLES: u32 = 4;
/// Workspaces of operators.
pub const PLIMSOLL_HOLDS_SCRATCH: u32 = 8;
/// All of them.
pub const PLIMSOLL_HOLDS_ALL: u32 = 15;
/// A copy costs what an operator pays in place.
pub const PLIMSOLL_COST_IN_PLACE: u32 = u32::MAX;

/// Constants come on chip before the first run: those that stay there cost no run anything.
pub const PLIMSOLL_LOADING_ONCE: i32 = 0;
/// In each run anew.
pub const PLIMSOLL_LOADING_EACH_RUN: i32 = 1;

/// Formats to import from: ONNX.
pub const PLIMSOLL_IMPORT_ONNX: i32 = 0;
/// TensorFlow Lite.
pub const PLIMSOLL_IMPORT_TFLITE: i32 = 1;
/// A graph as JSON.
pub const PLIMSOLL_IMPORT_JSON: i32 = 2;
/// Buffers as CSV.
pub const PLIMSOLL_IMPORT_CSV: i32 = 3;

/// Formats to export to: PLAN.json.
pub const PLIMSOLL_EXPORT_JSON: i32 = 0;
/// Buffers with offsets.
pub const PLIMSOLL_EXPORT_CSV: i32 = 1;
/// A memory map.
pub const PLIMSOLL_EXPORT_SVG: i32 = 2;
/// A C header with tables.
pub const PLIMSOLL_EXPORT_C: i32 = 3;
/// A summary for people.
pub const PLIMSOLL_EXPORT_TEXT: i32 = 4;
/// A page to look into: the memory map, live bytes, what causes the bound, tables. One HTML
/// file that loads nothing.
pub const PLIMSOLL_EXPORT_HTML: i32 = 5;
/// A trace for a timeline viewer, in Chrome's Trace Event Format.
pub const PLIMSOLL_EXPORT_TRACE: i32 = 6;

/// Parts of a plan as C code: a header alone, with tables.
pub const PLIMSOLL_C_ALONE: i32 = 0;
/// A header that declares what the source defines.
pub const PLIMSOLL_C_HEADER: i32 = 1;
/// The source: the arena and the tables.
pub const PLIMSOLL_C_SOURCE: i32 = 2;
