/*
 * plimsoll: a static memory planner for neural-network compilers.
 *
 * The input is a graph of operators and tensors, or a list of buffers with sizes and
 * live ranges. The result is an operator order and an offset for each tensor, verified
 * and in as little memory as possible, with a lower bound that shows how far from the
 * optimum the plan can be.
 *
 * Rules for every function:
 *
 * - Fallible functions return a status as an int32_t: PLIMSOLL_OK or
 *   PLIMSOLL_ERROR_.... A function that fails writes no results (except for the sizes
 *   that its comment mentions) and leaves its objects unchanged. plimsoll_last_error()
 *   returns the message, which names the tensor, operator or argument at fault.
 * - Objects are opaque. Functions named ..._new, and functions that plan or import,
 *   create them. The caller owns them and frees each once with the ..._free function of
 *   its type; NULL is allowed. An object may be freed before objects that were created
 *   from it. Functions do not change const objects. The comment of each type states how
 *   threads may share it.
 * - Pointers must not be NULL unless the comment allows it; NULL is an error, not a
 *   crash. An empty array may be NULL. Arrays and texts that are passed in are copied.
 *   Texts are UTF-8 and end with a zero byte.
 * - Sizes and offsets are in bytes. Steps count operators in the order of execution,
 *   from 0; live ranges are half-open. Indices count tensors, operators and buffers in
 *   the order in which they were added, from 0.
 * - Enumerations are int32_t; unknown numbers are refused.
 * - Records are plain structs; later versions may append fields. So functions that take
 *   or fill records have an argument with the record's size: pass sizeof, for example
 *   sizeof(plimsoll_pool). Arrays have one size for all records. The library gives
 *   fields that a program lacks their defaults, and refuses fields that it does not know
 *   unless they are 0. Initialize whole records, so that later fields are 0.
 * - Callbacks run on the calling thread, and must return.
 * - An internal error ends the call with PLIMSOLL_ERROR_PANIC; in a library built with
 *   panic = "abort", it ends the process.
 *
 * The library starts no threads except, during a call that plans, those of
 * plimsoll_options_set_threads(). It reads no environment variables and keeps no state
 * except the last message of each thread.
 *
 * The header needs <stdint.h>: C99 or C++11, or C89 with that header and 64-bit integers.
 *
 * This file is generated; do not edit it.
 */

#ifndef PLIMSOLL_H
#define PLIMSOLL_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header; plimsoll_version() returns that of the library. */
#define PLIMSOLL_VERSION "0.1.0"
#define PLIMSOLL_VERSION_MAJOR 0
#define PLIMSOLL_VERSION_MINOR 1
#define PLIMSOLL_VERSION_PATCH 0


/* --------------------------------------------------------------------------------------------
 * Constants: ABI and absent values
 * -------------------------------------------------------------------------------------------- */

/**
 * The ABI number: a program runs with every library that has the same number. `plimsoll_abi()`
 * returns the number of the library.
 */
#define PLIMSOLL_ABI 2

/**
 * No value: no fixed offset, no capacity, no offset in the arena.
 */
#define PLIMSOLL_NONE UINT64_MAX

/**
 * No object, or no index.
 */
#define PLIMSOLL_NO_INDEX UINT32_MAX

/* --------------------------------------------------------------------------------------------
 * Constants: statuses
 * -------------------------------------------------------------------------------------------- */

/**
 * Success.
 */
#define PLIMSOLL_OK 0

/**
 * A required pointer is NULL.
 */
#define PLIMSOLL_ERROR_NULL 1

/**
 * A number, size or text is invalid for this argument.
 */
#define PLIMSOLL_ERROR_ARGUMENT 2

/**
 * The object is not in the required state.
 */
#define PLIMSOLL_ERROR_STATE 3

/**
 * The graph or the buffers break a rule; the message names the tensor, operator or buffer.
 */
#define PLIMSOLL_ERROR_INVALID 4

/**
 * The strategy does not handle this problem.
 */
#define PLIMSOLL_ERROR_REFUSED 5

/**
 * A plan, or the result of a strategy, is wrong; the message names the violation.
 */
#define PLIMSOLL_ERROR_WRONG_PLAN 6

/**
 * A file or text could not be imported.
 */
#define PLIMSOLL_ERROR_IMPORT 7

/**
 * A file could not be opened or written.
 */
#define PLIMSOLL_ERROR_IO 8

/**
 * The library was built without the feature.
 */
#define PLIMSOLL_ERROR_UNSUPPORTED 9

/**
 * The destination is too small; the required size is written.
 */
#define PLIMSOLL_ERROR_TOO_SMALL 10

/**
 * A callback returned a number other than 0.
 */
#define PLIMSOLL_ERROR_CALLBACK 11

/**
 * Internal error. The objects of the call may only be freed.
 */
#define PLIMSOLL_ERROR_PANIC 12

/**
 * A memory cannot hold the data that must live there; the message states how many bytes that is.
 */
#define PLIMSOLL_ERROR_DOES_NOT_FIT 13

/**
 * The call was cancelled before a verified plan, or a complete graph, existed.
 */
#define PLIMSOLL_ERROR_CANCELLED 14

/* --------------------------------------------------------------------------------------------
 * Constants: plans
 * -------------------------------------------------------------------------------------------- */

/**
 * Plan status: the arena equals the lower bound.
 */
#define PLIMSOLL_STATUS_OPTIMAL 0

/**
 * Plan status: the plan fits; a smaller arena may exist.
 */
#define PLIMSOLL_STATUS_FEASIBLE 1

/**
 * Plan status: no plan fits the capacity; this plan exceeds it.
 */
#define PLIMSOLL_STATUS_INFEASIBLE 2

/**
 * Plan status: this plan exceeds the capacity; another may fit.
 */
#define PLIMSOLL_STATUS_UNKNOWN 3

/**
 * Reason for stopping: the search was complete.
 */
#define PLIMSOLL_STOP_FINISHED 0

/**
 * Reason for stopping: the limit of search nodes was reached.
 */
#define PLIMSOLL_STOP_NODES 1

/**
 * Reason for stopping: the time limit was reached.
 */
#define PLIMSOLL_STOP_DEADLINE 2

/**
 * Reason for stopping: a token or the progress callback cancelled the search.
 */
#define PLIMSOLL_STOP_CANCELLED 3

/* --------------------------------------------------------------------------------------------
 * Constants: tensors, operators and occupants
 * -------------------------------------------------------------------------------------------- */

/**
 * Tensor kind: an input, written by the caller before the first step.
 */
#define PLIMSOLL_TENSOR_INPUT 0

/**
 * Tensor kind: a constant such as a weight, which lies outside the arena.
 */
#define PLIMSOLL_TENSOR_CONSTANT 1

/**
 * Tensor kind: state that outlives a run.
 */
#define PLIMSOLL_TENSOR_VARIABLE 2

/**
 * Tensor kind: written by one operator, read by any number.
 */
#define PLIMSOLL_TENSOR_INTERMEDIATE 3

/**
 * Flag of a tensor (a bit): a graph output, live to the end.
 */
#define PLIMSOLL_TENSOR_IS_OUTPUT 1

/**
 * Flag of a tensor (a bit): an input that operators may overwrite after its last read.
 */
#define PLIMSOLL_TENSOR_IS_OVERWRITABLE 2

/**
 * Flag of a tensor (a bit): its size is an upper bound, as the size depends on data.
 */
#define PLIMSOLL_TENSOR_IS_UPPER_BOUND 4

/**
 * Flag of a tensor (a bit): an input whose contents stay in their bytes to the end of the run.
 */
#define PLIMSOLL_TENSOR_IS_PRESERVED 8

/**
 * Flag of a tensor (a bit): it is in a buffer of the caller, outside of the arena.
 */
#define PLIMSOLL_TENSOR_IS_OUTSIDE 16

/**
 * Contents of an input: other tensors may have the bytes after the last operator that reads it.
 */
#define PLIMSOLL_INPUT_REUSABLE 0

/**
 * Contents of an input: they stay in their bytes to the end of the run.
 */
#define PLIMSOLL_INPUT_PRESERVED 1

/**
 * Contents of an input: as REUSABLE, and the last operator that reads it may write an output over it.
 */
#define PLIMSOLL_INPUT_OVERWRITABLE 2

/**
 * Offsets of a previous plan: where the search starts.
 */
#define PLIMSOLL_KEEP_HINT 0

/**
 * Offsets of a previous plan: unchanged tensors keep them.
 */
#define PLIMSOLL_KEEP_DEMAND 1

/**
 * Flag of an operator (a bit): it may run at compile time once all of its inputs are constants.
 */
#define PLIMSOLL_OPERATOR_FOLDABLE 1

/**
 * Flag of an operator (a bit): it was folded, so that plans do not run it.
 */
#define PLIMSOLL_OPERATOR_FOLDED 2

/**
 * Occupant of an arena: a tensor of a graph, or a buffer of a problem.
 */
#define PLIMSOLL_OCCUPANT_TENSOR 0

/**
 * Occupant of an arena: the scratch of an operator.
 */
#define PLIMSOLL_OCCUPANT_SCRATCH 1

/* --------------------------------------------------------------------------------------------
 * Constants: options
 * -------------------------------------------------------------------------------------------- */

/**
 * Location of variables: in the arena, throughout the run.
 */
#define PLIMSOLL_VARIABLES_ARENA 0

/**
 * Location of variables: in other memory, which the plan does not count.
 */
#define PLIMSOLL_VARIABLES_OUTSIDE 1

/**
 * Order mode: program order.
 */
#define PLIMSOLL_ORDER_PROGRAM 0

/**
 * Order mode: the best order found quickly; for most networks it is proven optimal.
 */
#define PLIMSOLL_ORDER_AUTO 1

/**
 * Order mode: an order of minimum peak with proof, as far as limits and memory allow.
 */
#define PLIMSOLL_ORDER_OPTIMAL 2

/**
 * Effort of searches without a limit: milliseconds.
 */
#define PLIMSOLL_EFFORT_QUICK 0

/**
 * Effort of searches without a limit: typically at most 50 ms.
 */
#define PLIMSOLL_EFFORT_DEFAULT 1

/**
 * Effort of searches without a limit: seconds or more.
 */
#define PLIMSOLL_EFFORT_THOROUGH 2

/* --------------------------------------------------------------------------------------------
 * Constants: permissions
 * -------------------------------------------------------------------------------------------- */

/**
 * Permission: the output is a part of the memory of an input.
 */
#define PLIMSOLL_PERMIT_VIEW 0

/**
 * Permission: an input is a part of the memory of the output, as for a concatenation.
 */
#define PLIMSOLL_PERMIT_CONCAT_SLICE 1

/**
 * Permission: the output may be written over an input, from the first byte on.
 */
#define PLIMSOLL_PERMIT_IN_PLACE 2

/**
 * Permission: the end of the input may be the start of the output.
 */
#define PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW 3

/**
 * Permission: the end of the output may be the start of the input.
 */
#define PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW 4

/* --------------------------------------------------------------------------------------------
 * Constants: access maps and tiling
 * -------------------------------------------------------------------------------------------- */

/**
 * Numbers for each input of an axis of an access map.
 */
#define PLIMSOLL_ROW_NUMBERS 6

/**
 * Rows outside of an input: a constant, or nothing.
 */
#define PLIMSOLL_OUTSIDE_PADDING 0

/**
 * Rows outside of an input: the nearest row of the input.
 */
#define PLIMSOLL_OUTSIDE_EDGE 1

/**
 * Operator of a tiled graph: an operator of the graph, as a whole.
 */
#define PLIMSOLL_TILED_WHOLE 0

/**
 * Operator of a tiled graph: an operator of the graph, on rows of its outputs.
 */
#define PLIMSOLL_TILED_TILE 1

/**
 * Operator of a tiled graph: names the parts of a tensor. Nothing is executed.
 */
#define PLIMSOLL_TILED_SPLIT 2

/**
 * Operator of a tiled graph: moves rows to the output, in ascending order; both may overlap.
 */
#define PLIMSOLL_TILED_CARRY 3

/**
 * Operator of a tiled graph: names a tensor whose parts are complete. Nothing is executed.
 */
#define PLIMSOLL_TILED_JOIN 4

/* --------------------------------------------------------------------------------------------
 * Constants: layouts
 * -------------------------------------------------------------------------------------------- */

/**
 * Layout of activations: row-major order of the shape in the file.
 */
#define PLIMSOLL_LAYOUT_AS_STORED 0

/**
 * Layout of activations: images of ONNX files are stored with channels innermost.
 */
#define PLIMSOLL_LAYOUT_CHANNELS_INNERMOST 1

/* --------------------------------------------------------------------------------------------
 * Constants: sharing
 * -------------------------------------------------------------------------------------------- */

/**
 * Sharing level: tensors share no memory while both are live.
 */
#define PLIMSOLL_SHARING_NONE 0

/**
 * Sharing level: views share memory (reshapes, slices, splits).
 */
#define PLIMSOLL_SHARING_VIEWS 1

/**
 * Sharing level: also, outputs are written over inputs.
 */
#define PLIMSOLL_SHARING_IN_PLACE 2

/**
 * Sharing level: also, pieces of a concatenation are written into its result, and tensors overlap
 * partially.
 */
#define PLIMSOLL_SHARING_ALL 3

/**
 * Kind of sharing: a tensor is the whole of the other tensor.
 */
#define PLIMSOLL_ALIAS_VIEW 0

/**
 * Kind of sharing: a tensor is a part of the other tensor.
 */
#define PLIMSOLL_ALIAS_SLICE 1

/**
 * Kind of sharing: a tensor is written as a part of the other tensor, and need not be copied there.
 */
#define PLIMSOLL_ALIAS_CONCAT 2

/**
 * Kind of sharing: a tensor is written over the other tensor.
 */
#define PLIMSOLL_ALIAS_IN_PLACE 3

/**
 * Kind of sharing: a tensor starts within the other tensor, which lies below it.
 */
#define PLIMSOLL_ALIAS_OVERLAP 4

/* --------------------------------------------------------------------------------------------
 * Constants: pools
 * -------------------------------------------------------------------------------------------- */

/**
 * Contents of a pool (a bit): inputs, outputs, and intermediate tensors.
 */
#define PLIMSOLL_HOLDS_ACTIVATIONS 1

/**
 * Contents of a pool (a bit): weights and other data that no run changes.
 */
#define PLIMSOLL_HOLDS_CONSTANTS 2

/**
 * Contents of a pool (a bit): state that outlives a run.
 */
#define PLIMSOLL_HOLDS_VARIABLES 4

/**
 * Contents of a pool (a bit): scratch of operators.
 */
#define PLIMSOLL_HOLDS_SCRATCH 8

/**
 * Contents of a pool: all of the above.
 */
#define PLIMSOLL_HOLDS_ALL 15

/**
 * Cost of a copied byte: the same as for a byte that an operator accesses in place.
 */
#define PLIMSOLL_COST_IN_PLACE UINT32_MAX

/**
 * Loading of constants: on chip before the first run; constants that stay there cost nothing.
 */
#define PLIMSOLL_LOADING_ONCE 0

/**
 * Loading of constants: on chip in each run.
 */
#define PLIMSOLL_LOADING_EACH_RUN 1

/* --------------------------------------------------------------------------------------------
 * Constants: formats
 * -------------------------------------------------------------------------------------------- */

/**
 * Import format: ONNX.
 */
#define PLIMSOLL_IMPORT_ONNX 0

/**
 * Import format: TensorFlow Lite.
 */
#define PLIMSOLL_IMPORT_TFLITE 1

/**
 * Import format: a graph as JSON.
 */
#define PLIMSOLL_IMPORT_JSON 2

/**
 * Import format: buffers as CSV.
 */
#define PLIMSOLL_IMPORT_CSV 3

/**
 * Export format: PLAN.json.
 */
#define PLIMSOLL_EXPORT_JSON 0

/**
 * Export format: buffers with offsets as CSV.
 */
#define PLIMSOLL_EXPORT_CSV 1

/**
 * Export format: a memory map as SVG.
 */
#define PLIMSOLL_EXPORT_SVG 2

/**
 * Export format: a C header with tables.
 */
#define PLIMSOLL_EXPORT_C 3

/**
 * Export format: a text summary.
 */
#define PLIMSOLL_EXPORT_TEXT 4

/**
 * Export format: an interactive report (memory map, live bytes, causes of the lower bound, tables) as one
 * HTML file without external resources.
 */
#define PLIMSOLL_EXPORT_HTML 5

/**
 * Export format: a timeline trace in Chrome's Trace Event Format.
 */
#define PLIMSOLL_EXPORT_TRACE 6

/**
 * Part of C code: a complete header with tables.
 */
#define PLIMSOLL_C_ALONE 0

/**
 * Part of C code: a header with declarations for the source.
 */
#define PLIMSOLL_C_HEADER 1

/**
 * Part of C code: the source with the arena and the tables.
 */
#define PLIMSOLL_C_SOURCE 2

/* --------------------------------------------------------------------------------------------
 * Objects
 * -------------------------------------------------------------------------------------------- */

/**
 * A token that stops searches from another thread. Any thread may use it at any time.
 */
typedef struct plimsoll_cancel_token plimsoll_cancel_token;

/**
 * The choice of buffers to keep on chip where not all fit, with verified offsets. Immutable; any
 * number of threads may use it at the same time.
 */
typedef struct plimsoll_choice plimsoll_choice;

/**
 * A graph of operators and tensors. Add operators and tensors first, then build it once, then
 * plan it any number of times. Until it is built, only one thread at a time may use it; after
 * that, any number.
 */
typedef struct plimsoll_graph plimsoll_graph;

/**
 * Options of an import. No thread may change them while another uses them; otherwise any number
 * of threads may use them at the same time.
 */
typedef struct plimsoll_import_options plimsoll_import_options;

/**
 * Tensors, buffers and scratch that cannot lie together within a capacity. Immutable; any number of
 * threads may use it at the same time.
 */
typedef struct plimsoll_infeasible_core plimsoll_infeasible_core;

/**
 * Options of a planner. No thread may change them while another uses them; otherwise any number of
 * threads may use them at the same time, as far as their callbacks allow it: callbacks run on the
 * thread that plans.
 */
typedef struct plimsoll_options plimsoll_options;

/**
 * A verified plan of a graph or of a problem. Immutable; any number of threads may use it at the
 * same time.
 */
typedef struct plimsoll_plan plimsoll_plan;

/**
 * A verified plan for several memories: residency intervals of tensors and scratch, and transfers.
 * Immutable; any number of threads may use it at the same time.
 */
typedef struct plimsoll_pool_plan plimsoll_pool_plan;

/**
 * The memories (pools) of a target, fast ones first. The last one is the backing store, which holds
 * everything that no other pool holds. No thread may change them while another uses them;
 * otherwise any number of threads may use them at the same time.
 */
typedef struct plimsoll_pools plimsoll_pools;

/**
 * A packing problem: buffers that need offsets. Immutable; any number of threads may use it at the
 * same time.
 */
typedef struct plimsoll_problem plimsoll_problem;

/**
 * A model for TensorFlow Lite Micro with a verified plan in it. Immutable; any number of threads may
 * use it at the same time.
 */
typedef struct plimsoll_tflite_plan plimsoll_tflite_plan;

/**
 * Scratch sizes of the operators of a TensorFlow Lite model, as measured on a target. No thread may
 * change them while another uses them; otherwise any number of threads may use them at the same time.
 */
typedef struct plimsoll_tflite_scratch plimsoll_tflite_scratch;

/**
 * An ONNX model with a verified plan in it, in which regions of operators run stripe by stripe. Immutable; any
 * number of threads may use it at the same time.
 */
typedef struct plimsoll_tiled_onnx plimsoll_tiled_onnx;

/**
 * A verified plan of a graph in which regions of operators run stripe by stripe: regions, the tiled
 * graph, and the plan of that graph for one arena or for several memories. Immutable; any number of
 * threads may use it at the same time.
 */
typedef struct plimsoll_tiled_plan plimsoll_tiled_plan;

/**
 * A convolution, depthwise convolution or pooling, as described to `plimsoll_safe_overlap`.
 * Triples are rows, columns and channels; pairs are rows and columns. Channels are innermost in
 * memory.
 */
typedef struct plimsoll_windowed {
    /**
     * Rows, columns and channels of the input.
     */
    uint64_t input[3];
    /**
     * Rows, columns and channels of the output.
     */
    uint64_t output[3];
    /**
     * Rows and columns of the window.
     */
    uint64_t window[2];
    /**
     * Distance in rows and columns from one window to the next.
     */
    uint64_t stride[2];
    /**
     * Rows above and columns left of the input that the first window covers.
     */
    uint64_t padding[2];
    /**
     * Distance in rows and columns from one element of the window to the next.
     */
    uint64_t dilation[2];
    /**
     * Size in bytes of an element of the input and of the output.
     */
    uint64_t element_bytes[2];
    /**
     * 1 if an output element depends only on its own channel of the input, as in depthwise
     * convolutions and pooling; 0 if it depends on all channels.
     */
    int32_t by_channel;
    /**
     * 1 if the loops run from the last element to the first.
     */
    int32_t descending;
} plimsoll_windowed;

/**
 * Two tensors that share memory while both are live.
 */
typedef struct plimsoll_alias {
    /**
     * Offset in bytes of `tensor` from the start of `of`.
     */
    uint64_t at;
    /**
     * The tensor.
     */
    uint32_t tensor;
    /**
     * The tensor whose memory it shares.
     */
    uint32_t of;
    /**
     * The operator that permits the sharing.
     */
    uint32_t operator_;
    /**
     * `PLIMSOLL_ALIAS_...`.
     */
    int32_t kind;
} plimsoll_alias;

/**
 * A tensor of a graph.
 */
typedef struct plimsoll_tensor {
    /**
     * Size in bytes.
     */
    uint64_t bytes;
    /**
     * Required alignment of the offset in bytes, a power of two; 0 for the alignment of the options.
     */
    uint64_t alignment;
    /**
     * Required offset in bytes, or `PLIMSOLL_NONE`.
     */
    uint64_t fixed_offset;
    /**
     * `PLIMSOLL_TENSOR_...`.
     */
    int32_t kind;
    /**
     * A sum of `PLIMSOLL_TENSOR_IS_...`.
     */
    uint32_t flags;
} plimsoll_tensor;

/**
 * An operator of a graph, whose operands are in an array of indices of tensors.
 */
typedef struct plimsoll_operator {
    /**
     * Size in bytes of the scratch, which is live only while the operator runs.
     */
    uint64_t scratch_bytes;
    /**
     * Number of tensors that it reads, repetitions included.
     */
    uint32_t input_count;
    /**
     * Number of tensors that it writes. They follow the inputs in the array of operands.
     */
    uint32_t output_count;
    /**
     * A sum of `PLIMSOLL_OPERATOR_...`.
     */
    uint32_t flags;
    /**
     * Must be 0.
     */
    uint32_t unused;
} plimsoll_operator;

/**
 * A permission of an operator, as stated by `plimsoll_graph_permit`.
 */
typedef struct plimsoll_permit {
    /**
     * Position or number of bytes, by kind.
     */
    uint64_t bytes;
    /**
     * Index of the operator.
     */
    uint32_t operator_;
    /**
     * Index of the input that may share memory with the output.
     */
    uint32_t input;
    /**
     * Index of the output.
     */
    uint32_t output;
    /**
     * `PLIMSOLL_PERMIT_...`.
     */
    int32_t permit;
} plimsoll_permit;

/* --------------------------------------------------------------------------------------------
 * Records and callbacks
 * -------------------------------------------------------------------------------------------- */

/**
 * A buffer to be given an offset.
 */
typedef struct plimsoll_buffer {
    /**
     * Size in bytes; may be 0.
     */
    uint64_t size;
    /**
     * Required alignment of the offset in bytes, a power of two; 1 for any offset.
     */
    uint64_t alignment;
    /**
     * Required offset in bytes, or `PLIMSOLL_NONE`.
     */
    uint64_t fixed_offset;
    /**
     * First step of the live range.
     */
    uint32_t start;
    /**
     * End of the live range (exclusive); larger than `start`.
     */
    uint32_t end;
} plimsoll_buffer;

/**
 * Steps at which other buffers may use the memory of a live buffer.
 */
typedef struct plimsoll_gap {
    /**
     * Index of the buffer in the array.
     */
    uint32_t buffer;
    /**
     * First step of the gap; the buffer is live before it.
     */
    uint32_t start;
    /**
     * End of the gap (exclusive); the buffer is live at this step.
     */
    uint32_t end;
} plimsoll_gap;

/**
 * Chooses an offset in bytes for each of `count` buffers, of the record size given with the callback. `capacity` is the arena capacity in
 * bytes to aim for, or PLIMSOLL_NONE; exceeding it is no error. A result other than 0 ends planning
 * with PLIMSOLL_ERROR_CALLBACK. The library verifies the offsets as it verifies those of its own
 * strategies. Called on the thread that plans. Must return.
 */
typedef int32_t (*plimsoll_strategy_fn)(void *userdata,
                                        const struct plimsoll_buffer *buffers,
                                        size_t count,
                                        uint64_t capacity,
                                        uint64_t *offsets);

/**
 * Progress of a search, as passed to a progress callback.
 */
typedef struct plimsoll_progress {
    /**
     * Search nodes used.
     */
    uint64_t nodes;
    /**
     * Best solution found (the incumbent), in bytes.
     */
    uint64_t best;
    /**
     * Lower bound proven, in bytes.
     */
    uint64_t bound;
} plimsoll_progress;

/**
 * Receives the progress of a search; a result other than 0 stops the search. Called now and then
 * on the thread that plans. Must return: no exception, no longjmp.
 */
typedef int32_t (*plimsoll_progress_fn)(void *userdata, const struct plimsoll_progress *progress);

/**
 * Receives a line of log text, valid during the call. Called on the thread that plans, at the
 * beginning and end of each plan. Must return.
 */
typedef void (*plimsoll_log_fn)(void *userdata, const char *line);

/**
 * Figures of an operator order.
 */
typedef struct plimsoll_schedule {
    /**
     * Peak of live bytes over all steps.
     */
    uint64_t peak_bytes;
    /**
     * Peak of live bytes in program order.
     */
    uint64_t program_peak_bytes;
    /**
     * Lower bound on the peak over all orders, in bytes.
     */
    uint64_t lower_bound_bytes;
    /**
     * Search nodes used.
     */
    uint64_t nodes;
} plimsoll_schedule;

/**
 * Place of a tensor, buffer or scratch in the arena, and its live range.
 */
typedef struct plimsoll_placement {
    /**
     * Offset in bytes from the start of the arena.
     */
    uint64_t offset;
    /**
     * Size in bytes.
     */
    uint64_t bytes;
    /**
     * First step of the live range.
     */
    uint32_t start;
    /**
     * End of the live range (exclusive).
     */
    uint32_t end;
    /**
     * Index of the tensor or buffer, or of the operator that the scratch belongs to.
     */
    uint32_t index;
    /**
     * `PLIMSOLL_OCCUPANT_...`.
     */
    int32_t occupant;
} plimsoll_placement;

/**
 * An occupant of the arena: a tensor, a buffer or scratch.
 */
typedef struct plimsoll_occupant {
    /**
     * Index of the tensor or buffer, or of the operator that the scratch belongs to.
     */
    uint32_t index;
    /**
     * `PLIMSOLL_OCCUPANT_...`.
     */
    int32_t occupant;
} plimsoll_occupant;

/**
 * A shared object: a fixed part of the arena that several tensors use in turn.
 */
typedef struct plimsoll_shared_object {
    /**
     * Offset in bytes from the start of the arena.
     */
    uint64_t offset;
    /**
     * Size in bytes.
     */
    uint64_t bytes;
} plimsoll_shared_object;

/**
 * A tensor or scratch inside the memory of a larger one, after merging.
 */
typedef struct plimsoll_nesting {
    /**
     * The smaller occupant.
     */
    struct plimsoll_occupant guest;
    /**
     * The larger occupant, which is not live at the same time.
     */
    struct plimsoll_occupant host;
    /**
     * Offset in bytes from the start of the larger occupant.
     */
    uint64_t at;
} plimsoll_nesting;

/**
 * A memory. Costs are per byte, in a unit of the caller's choice.
 */
typedef struct plimsoll_pool {
    /**
     * Capacity in bytes, or `PLIMSOLL_NONE` for no limit.
     */
    uint64_t capacity;
    /**
     * Alignment in bytes of every offset, a power of two; 1 for any offset.
     */
    uint64_t alignment;
    /**
     * Size in bytes of the largest tensor that the pool may hold; `PLIMSOLL_NONE` for any size.
     */
    uint64_t largest;
    /**
     * Contents that the pool may hold: a sum of `PLIMSOLL_HOLDS_...`.
     */
    uint32_t holds;
    /**
     * Cost of a byte that an operator reads in place.
     */
    uint32_t read_cost;
    /**
     * Cost of a byte that an operator writes in place.
     */
    uint32_t write_cost;
    /**
     * Cost of a byte that is copied from the pool, or `PLIMSOLL_COST_IN_PLACE`.
     */
    uint32_t copy_from_cost;
    /**
     * Cost of a byte that is copied to the pool, or `PLIMSOLL_COST_IN_PLACE`.
     */
    uint32_t copy_to_cost;
    /**
     * Must be 0.
     */
    uint32_t unused;
} plimsoll_pool;

/**
 * Figures of a plan for several memories.
 */
typedef struct plimsoll_pool_figures {
    /**
     * Cost of a run.
     */
    uint64_t cost;
    /**
     * Lower bound on the cost of any placement, for this order.
     */
    uint64_t lower_bound;
    /**
     * Unavoidable cost: the cost that would remain if every pool had unlimited capacity.
     */
    uint64_t unavoidable_cost;
    /**
     * Bytes of constants that are copied on chip before the first run.
     */
    uint64_t preloaded;
    /**
     * Search nodes used.
     */
    uint64_t nodes;
    /**
     * Why the search stopped: `PLIMSOLL_STOP_...`.
     */
    int32_t stop;
    /**
     * Number of pools.
     */
    uint32_t pools;
} plimsoll_pool_figures;

/**
 * Use and traffic of a pool.
 */
typedef struct plimsoll_pool_traffic {
    /**
     * End of the topmost occupant in bytes.
     */
    uint64_t used;
    /**
     * Bytes that a run reads from the pool.
     */
    uint64_t read;
    /**
     * Bytes that a run writes to the pool.
     */
    uint64_t written;
} plimsoll_pool_traffic;

/**
 * A residency interval: a tensor or scratch occupies memory of a pool for some steps.
 */
typedef struct plimsoll_residency {
    /**
     * Offset in bytes from the start of the pool.
     */
    uint64_t offset;
    /**
     * Size in bytes.
     */
    uint64_t bytes;
    /**
     * First step of the interval.
     */
    uint32_t start;
    /**
     * End of the interval (exclusive).
     */
    uint32_t end;
    /**
     * Index of the tensor, or of the operator that the scratch belongs to.
     */
    uint32_t index;
    /**
     * `PLIMSOLL_OCCUPANT_...`.
     */
    int32_t occupant;
    /**
     * Number of the pool.
     */
    uint32_t pool;
    /**
     * Always 0.
     */
    uint32_t unused;
} plimsoll_residency;

/**
 * A transfer: a tensor is copied from one pool to another.
 */
typedef struct plimsoll_transfer {
    /**
     * Offset in bytes of the source in its pool.
     */
    uint64_t from_offset;
    /**
     * Offset in bytes of the destination in its pool.
     */
    uint64_t to_offset;
    /**
     * Number of bytes copied.
     */
    uint64_t bytes;
    /**
     * Index of the tensor.
     */
    uint32_t tensor;
    /**
     * Step at whose start the transfer may begin.
     */
    uint32_t step;
    /**
     * Step before whose operator the transfer is complete; the number of steps if after the last.
     */
    uint32_t due;
    /**
     * 1 if the transfer follows those that are due at the same step and have 0 here, as they may
     * read the bytes that it overwrites.
     */
    uint32_t late;
    /**
     * Number of the source pool.
     */
    uint32_t from;
    /**
     * Number of the destination pool.
     */
    uint32_t to;
} plimsoll_transfer;

/**
 * The pool in which the operator of a step accesses an occupant.
 */
typedef struct plimsoll_use {
    /**
     * The step of the operator.
     */
    uint32_t step;
    /**
     * Index of the tensor, or of the operator that the scratch belongs to.
     */
    uint32_t index;
    /**
     * `PLIMSOLL_OCCUPANT_...`.
     */
    int32_t occupant;
    /**
     * Number of the pool.
     */
    uint32_t pool;
} plimsoll_use;

/**
 * Cost and sizes of a tiled plan.
 */
typedef struct plimsoll_tiling_figures {
    /**
     * Size of the arena in bytes.
     */
    uint64_t arena_bytes;
    /**
     * Size in bytes of the arena of the plan without tiling.
     */
    uint64_t untiled_arena_bytes;
    /**
     * Cost of all operators of the graph, in the unit of `plimsoll_graph_set_access`.
     */
    uint64_t untiled_cost;
    /**
     * Cost of rows that are computed again.
     */
    uint64_t extra_cost;
    /**
     * Bytes of carried rows that are copied.
     */
    uint64_t copied_bytes;
    /**
     * Bytes of constants that stripes read again.
     */
    uint64_t constant_bytes;
    /**
     * Number of regions.
     */
    uint32_t regions;
    /**
     * Number of operators of the tiled graph.
     */
    uint32_t operators;
    /**
     * Number of tensors of the tiled graph.
     */
    uint32_t tensors;
    /**
     * Always 0.
     */
    uint32_t unused;
} plimsoll_tiling_figures;

/**
 * A region: consecutive operators that run stripe by stripe.
 */
typedef struct plimsoll_region {
    /**
     * Position of its first tile in `plimsoll_tiled_plan_tiles`; it has `stripes` times `operators`.
     */
    uint64_t first_tile;
    /**
     * Number of stripes.
     */
    uint32_t stripes;
    /**
     * Number of operators.
     */
    uint32_t operators;
    /**
     * Always 0.
     */
    uint64_t unused;
} plimsoll_region;

/**
 * The rows of an operator's outputs in one stripe.
 */
typedef struct plimsoll_tile {
    /**
     * First row that the operator computes.
     */
    uint64_t start;
    /**
     * End of the rows (exclusive); equal to `start` if the operator does not run in this stripe.
     */
    uint64_t end;
    /**
     * Number of rows directly before `start` that the stripe before has left.
     */
    uint64_t carried;
    /**
     * Index of the operator.
     */
    uint32_t operator_;
    /**
     * Number of the axis in the access map of the operator.
     */
    uint32_t axis;
    /**
     * Number of the region.
     */
    uint32_t region;
    /**
     * Number of the stripe.
     */
    uint32_t stripe;
} plimsoll_tile;

/**
 * An operator of a tiled graph.
 */
typedef struct plimsoll_tiled_operator {
    /**
     * First row that a tile computes, or that a carry keeps; otherwise 0.
     */
    uint64_t start;
    /**
     * End of the rows (exclusive); 0 without rows.
     */
    uint64_t end;
    /**
     * Kind of operator: `PLIMSOLL_TILED_...`.
     */
    int32_t action;
    /**
     * Index in the graph: of the operator (whole, tile) or of the tensor (split, carry, join).
     */
    uint32_t index;
    /**
     * Of a tile, the number of the axis in the access map of the operator; of a split, carry or join, the
     * axis of the tensor; otherwise PLIMSOLL_NO_INDEX.
     */
    uint32_t axis;
    /**
     * Number of the region of a tile; otherwise PLIMSOLL_NO_INDEX.
     */
    uint32_t region;
    /**
     * Number of the stripe of a tile; otherwise PLIMSOLL_NO_INDEX.
     */
    uint32_t stripe;
    /**
     * Position of its first input in `plimsoll_tiled_plan_operands`; outputs follow the inputs.
     */
    uint32_t first_operand;
    /**
     * Number of tensors of the tiled graph that it reads.
     */
    uint32_t input_count;
    /**
     * Number of tensors of the tiled graph that it writes.
     */
    uint32_t output_count;
    /**
     * Position of its first entry in `plimsoll_tiled_plan_reads`.
     */
    uint32_t first_read;
    /**
     * Number of its entries there: the inputs of the operator, for a tile.
     */
    uint32_t read_count;
} plimsoll_tiled_operator;

/**
 * Rows of one input of an operator that a tile reads.
 */
typedef struct plimsoll_tile_read {
    /**
     * First row that it reads.
     */
    uint64_t start;
    /**
     * End of the rows (exclusive); PLIMSOLL_NONE for an input that is read as a whole.
     */
    uint64_t end;
    /**
     * Rows of padding before them. A tile has exactly this padding, whatever the operator has as a whole.
     */
    uint64_t before;
    /**
     * Rows of padding after them.
     */
    uint64_t after;
    /**
     * Position among the inputs of the operator.
     */
    uint32_t input;
    /**
     * Tensor of the tiled graph that holds row `start`; the rows up to `end` follow it in memory, as in the
     * tensor of the graph. PLIMSOLL_NO_INDEX if it reads padding only.
     */
    uint32_t tensor;
} plimsoll_tile_read;

/**
 * A tensor of a tiled graph: a tensor of the graph, or rows of one.
 */
typedef struct plimsoll_tiled_tensor {
    /**
     * First row.
     */
    uint64_t start;
    /**
     * End of the rows (exclusive); PLIMSOLL_NONE for all of the tensor.
     */
    uint64_t end;
    /**
     * Index of the tensor of the graph.
     */
    uint32_t tensor;
    /**
     * 1 for rows that a carry has kept for a later stripe.
     */
    uint32_t carried;
} plimsoll_tiled_tensor;

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------------------------------------
 * The library
 * -------------------------------------------------------------------------------------------- */

/**
 * Returns the ABI number of the library, which must equal the program's `PLIMSOLL_ABI`.
 */
uint32_t plimsoll_abi(void);

/**
 * Returns the version of the library, as in "1.2.3". The text is static. The version of the header is
 * `PLIMSOLL_VERSION`.
 */
const char *plimsoll_version(void);

/**
 * Returns 1 if the library was built with a feature: "csv", "json", "onnx", "parallel", "report" or
 * "tflite". Returns 0 for other names and for NULL.
 */
int32_t plimsoll_has_feature(const char *name);

/**
 * Returns the name of a status, as in "PLIMSOLL_ERROR_NULL", or "unknown status". The text is static.
 */
const char *plimsoll_status_name(int32_t status);

/**
 * Copies out the message of the last call that failed on this thread: the error and the tensor,
 * operator or argument that caused it, in at most 2 KiB. Empty if no call has failed. Successful
 * calls do not change it. Any thread may call it.
 *
 * `size` receives the size of the text in bytes, terminating zero byte included; it may be NULL. With
 * NULL for `text`, the function writes only `size`. If `capacity` is less than `size`, the function
 * copies as much of the text as fits, with a terminating zero byte, and returns
 * PLIMSOLL_ERROR_TOO_SMALL, without a new message.
 */
int32_t plimsoll_last_error(char *text,
                            size_t capacity,
                            size_t *size);

/* --------------------------------------------------------------------------------------------
 * Cancel tokens
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates a token that is not cancelled. Free it with `plimsoll_cancel_token_free`, even while options
 * that refer to it are in use.
 */
int32_t plimsoll_cancel_token_new(struct plimsoll_cancel_token **cancel);

/**
 * Asks every search with this token to stop soon. Each search returns the best plan found, with
 * PLIMSOLL_STOP_CANCELLED.
 */
int32_t plimsoll_cancel_token_cancel(const struct plimsoll_cancel_token *cancel);

/**
 * Frees a token; NULL is allowed.
 */
void plimsoll_cancel_token_free(struct plimsoll_cancel_token *cancel);

/* --------------------------------------------------------------------------------------------
 * Graphs
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates an empty graph with a name. Free it with `plimsoll_graph_free`.
 */
int32_t plimsoll_graph_new(const char *name, struct plimsoll_graph **graph);

/**
 * Adds a tensor of `bytes` bytes and writes its index, counted from 0.
 *
 * `kind` is `PLIMSOLL_TENSOR_...`. `alignment` is a power of two in bytes, or 0 for the alignment
 * of the options. `fixed_offset` is the required offset in bytes, or PLIMSOLL_NONE.
 */
int32_t plimsoll_graph_add_tensor(struct plimsoll_graph *graph,
                                  const char *name,
                                  int32_t kind,
                                  uint64_t bytes,
                                  uint64_t alignment,
                                  uint64_t fixed_offset,
                                  uint32_t *tensor);

/**
 * Adds a tensor of `rank` dimensions with an element type such as "int8", "float16" or "int4", like
 * `plimsoll_graph_add_tensor`. The size follows from both; sub-byte elements are packed.
 */
int32_t plimsoll_graph_add_shaped_tensor(struct plimsoll_graph *graph,
                                         const char *name,
                                         int32_t kind,
                                         const char *element_type,
                                         const uint64_t *dims,
                                         size_t rank,
                                         uint64_t alignment,
                                         uint64_t fixed_offset,
                                         uint32_t *tensor);

/**
 * Marks a tensor of any kind as a graph output: it is live to the end.
 */
int32_t plimsoll_graph_mark_output(struct plimsoll_graph *graph, uint32_t tensor);

/**
 * Adds an operator and writes its index, counted from 0 in program order.
 *
 * `op_type` is the type of the operator, as in "Conv"; NULL if unknown. The operator reads
 * `input_count` tensors, possibly with repetitions, and writes `output_count`. Its scratch of
 * `scratch_bytes` bytes is live only while it runs.
 */
int32_t plimsoll_graph_add_operator(struct plimsoll_graph *graph,
                                    const char *name,
                                    const char *op_type,
                                    const uint32_t *inputs,
                                    size_t input_count,
                                    const uint32_t *outputs,
                                    size_t output_count,
                                    uint64_t scratch_bytes,
                                    uint32_t *operator_);

/**
 * Adds a control dependency: operator `after` must run after operator `before`, although no tensor
 * connects them.
 */
int32_t plimsoll_graph_add_dependency(struct plimsoll_graph *graph,
                                      uint32_t before,
                                      uint32_t after);

/**
 * Adds a body to an operator: a built graph that runs while the operator runs, any number of times,
 * one body at a time. A body is a branch of a conditional, or the condition or body of a loop. A
 * value that the body reads from the graph around it is an input of the operator, not a tensor of
 * the body. A body may not have variables. The body is copied; free it like any graph.
 */
int32_t plimsoll_graph_add_body(struct plimsoll_graph *graph,
                                uint32_t operator_,
                                const struct plimsoll_graph *body);

/**
 * Links a tensor of a body to an input or output of the operator that runs it, so that a plan can keep both in
 * the same bytes (`plimsoll_plan_body_offset`). `body` is the position of the body, `inner` the index of its
 * tensor. For an output of the operator, `inner` is an output of the body that is the result after its last run.
 * For an input, `inner` is a constant of the body, whose operators read it, and the body runs at most once.
 */
int32_t plimsoll_graph_link_body(struct plimsoll_graph *graph,
                                 uint32_t operator_,
                                 size_t body,
                                 uint32_t tensor,
                                 uint32_t inner);

/**
 * Writes the number of bodies of an operator of a built graph.
 */
int32_t plimsoll_graph_body_count(const struct plimsoll_graph *graph,
                                  uint32_t operator_,
                                  size_t *count);

/**
 * Creates a graph from a body of an operator of a built graph, by position. Free it with
 * `plimsoll_graph_free`.
 */
int32_t plimsoll_graph_body(const struct plimsoll_graph *graph,
                            uint32_t operator_,
                            size_t position,
                            struct plimsoll_graph **body);

/**
 * Marks an operator as foldable: it may run at compile time once all of its inputs are constants,
 * as it has no side effects and draws no random numbers.
 */
int32_t plimsoll_graph_mark_foldable(struct plimsoll_graph *graph, uint32_t operator_);

/**
 * Validates the graph and completes it: from then on it can be planned, and nothing can be added.
 * PLIMSOLL_ERROR_INVALID names the first error: a tensor with two producers or none, a cycle, an
 * unknown index. The graph is then unchanged.
 */
int32_t plimsoll_graph_build(struct plimsoll_graph *graph);

/**
 * Folds foldable operators that read only constants, until none is left, and writes the number of
 * folded operators. For a built graph that no other thread uses. Earlier plans do not change.
 */
int32_t plimsoll_graph_fold_constants(struct plimsoll_graph *graph, size_t *count);

/**
 * Counts every floating-point element with the size of this element type, as if the model were
 * quantized. For a built graph that no other thread uses.
 */
int32_t plimsoll_graph_count_floats_as(struct plimsoll_graph *graph, const char *element_type);

/**
 * Writes the number of tensors of a built graph.
 */
int32_t plimsoll_graph_tensor_count(const struct plimsoll_graph *graph, size_t *count);

/**
 * Writes the number of operators of a built graph, folded operators included.
 */
int32_t plimsoll_graph_operator_count(const struct plimsoll_graph *graph, size_t *count);

/**
 * Writes the size in bytes of a tensor of a built graph.
 */
int32_t plimsoll_graph_tensor_bytes(const struct plimsoll_graph *graph,
                                    uint32_t tensor,
                                    uint64_t *bytes);

/**
 * Copies out the name of a tensor of a built graph. `size` receives the size of the name,
 * terminating zero byte included; see `plimsoll_last_error`.
 */
int32_t plimsoll_graph_tensor_name(const struct plimsoll_graph *graph,
                                   uint32_t tensor,
                                   char *name,
                                   size_t capacity,
                                   size_t *size);

/**
 * Copies out the name of an operator of a built graph, like `plimsoll_graph_tensor_name`.
 */
int32_t plimsoll_graph_operator_name(const struct plimsoll_graph *graph,
                                     uint32_t operator_,
                                     char *name,
                                     size_t capacity,
                                     size_t *size);

/**
 * Copies out the notes of the importer, a line each: parts of the model that it left out and
 * assumptions that it made. Empty if there are none. `size` as for `plimsoll_last_error`.
 */
int32_t plimsoll_graph_notes(const struct plimsoll_graph *graph,
                             char *notes,
                             size_t capacity,
                             size_t *size);

/**
 * Frees a graph; NULL is allowed. Plans of the graph stay valid.
 */
void plimsoll_graph_free(struct plimsoll_graph *graph);

/* --------------------------------------------------------------------------------------------
 * Graphs: permissions and constraints; sharing of plans
 * -------------------------------------------------------------------------------------------- */

/**
 * Adds a permission: an input and an output of an operator may share memory. A plan need not use
 * it. `permit` is one of `PLIMSOLL_PERMIT_...`. `bytes` is, for VIEW, the position in the input of
 * the output's first byte; for CONCAT_SLICE, the position in the output of the input's first byte; for an
 * OVERLAP, the number of bytes at the end of the lower tensor that may be the start of the upper
 * one; for IN_PLACE, 0.
 *
 * In a graph that is not built, `plimsoll_graph_build` validates the permission; in a built graph,
 * which no other thread may use, this call does.
 */
int32_t plimsoll_graph_permit(struct plimsoll_graph *graph,
                              uint32_t operator_,
                              int32_t permit,
                              uint32_t input,
                              uint32_t output,
                              uint64_t bytes);

/**
 * Marks a graph input as overwritable: operators may overwrite it after its last read. For a graph
 * that is not built.
 */
int32_t plimsoll_graph_mark_overwritable(struct plimsoll_graph *graph, uint32_t tensor);

/**
 * Adds a constraint: a tensor lies `at` bytes after the start of tensor `of` in every plan. With
 * `at` 0 the two are colocated; together with a permission of an operator that reads one and writes
 * the other, they must alias. For a graph that is not built.
 *
 * The constraint alone does not permit sharing. Where both have bytes in common, either the live
 * range of one ends before that of the other begins, and their operators keep the program order; or
 * an operator permits it, and the permission then counts at any sharing level of the options. A
 * constraint that cannot be satisfied is PLIMSOLL_ERROR_INVALID when the graph is built or planned.
 */
int32_t plimsoll_graph_place_at(struct plimsoll_graph *graph,
                                uint32_t tensor,
                                uint32_t of,
                                uint64_t at);

/**
 * Adds a constraint: no plan lets these two tensors have a byte in common while both are live,
 * whatever operators permit. For a graph that is not built.
 */
int32_t plimsoll_graph_keep_apart(struct plimsoll_graph *graph, uint32_t first, uint32_t second);

/**
 * Computes how many bytes at the end of the output may be the start of the input, for a convolution,
 * depthwise convolution or pooling that runs row by row, column by column and channel by channel:
 * for `PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW`. For loops that run from the last element to the first,
 * computes the bytes at the end of the input that may be the start of the output: for
 * `PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW`. PLIMSOLL_ERROR_ARGUMENT if the numbers contradict each
 * other, or one is above 2^24.
 */
int32_t plimsoll_safe_overlap(const struct plimsoll_windowed *kernel,
                              size_t record_size,
                              uint64_t *bytes);

/**
 * Sets which permissions of operators a plan may use: `PLIMSOLL_SHARING_...`; the default is NONE.
 */
int32_t plimsoll_options_set_sharing(struct plimsoll_options *options, int32_t sharing);

/**
 * Copies out the pairs of tensors that share memory while both are live: data that a program that
 * runs the plan need not copy. Copies at most `capacity` entries; `count` receives their number.
 */
int32_t plimsoll_plan_aliases(const struct plimsoll_plan *plan,
                              struct plimsoll_alias *aliases,
                              size_t record_size,
                              size_t capacity,
                              size_t *count);

/* --------------------------------------------------------------------------------------------
 * Graphs: access maps for tiling
 * -------------------------------------------------------------------------------------------- */

/**
 * States which rows of its inputs an operator of a graph that is not built reads for rows of its
 * outputs, so that it can run on a part of its rows. A row is a position along one axis of a tensor,
 * whichever axis that is.
 *
 * `cost_per_element` is the cost of one element of an output, in multiply-accumulates for example.
 * The operator can be split along each of `axis_count` axes, in the order of preference. For each
 * axis, `outputs` has `output_count` numbers, the axis of each output, and `inputs` has
 * PLIMSOLL_ROW_NUMBERS numbers for each of `input_count` inputs:
 *
 * - the axis of the input, or -1 if every row of the outputs reads all of the input;
 * - `numerator`, `denominator`, `first` and `last`: row `r` of the outputs reads the rows from
 *   `floor((r * numerator + first) / denominator)` to `floor((r * numerator + last) / denominator)`,
 *   both included;
 * - what the operator reads in place of rows outside of the input, `PLIMSOLL_OUTSIDE_...`.
 *
 * Inputs after the first `input_count` are read as a whole. A convolution with a window of `kernel`
 * rows, `dilation` rows apart, reads `{axis, stride, 1, -pad, (kernel - 1) * dilation - pad,
 * PLIMSOLL_OUTSIDE_PADDING}`, an elementwise operator `{axis, 1, 1, 0, 0, PLIMSOLL_OUTSIDE_PADDING}`.
 *
 * The call replaces an earlier access map. `plimsoll_graph_build` validates it.
 */
int32_t plimsoll_graph_set_access(struct plimsoll_graph *graph,
                                  uint32_t operator_,
                                  uint64_t cost_per_element,
                                  size_t axis_count,
                                  const int64_t *outputs,
                                  size_t output_count,
                                  const int64_t *inputs,
                                  size_t input_count);

/**
 * Copies out the access map of an operator of a built graph, in the form of
 * `plimsoll_graph_set_access`, with an entry for every output and every input of the operator.
 *
 * `cost_per_element` and `axis_count` receive both 0 if the operator has no access map.
 * `output_numbers` and `input_numbers` receive how many numbers `outputs` and `inputs` need: with NULL
 * for an array only its count is written. If the capacity of an array is less than its count, the call
 * returns PLIMSOLL_ERROR_TOO_SMALL.
 */
int32_t plimsoll_graph_access(const struct plimsoll_graph *graph,
                              uint32_t operator_,
                              uint64_t *cost_per_element,
                              size_t *axis_count,
                              int64_t *outputs,
                              size_t output_capacity,
                              size_t *output_numbers,
                              int64_t *inputs,
                              size_t input_capacity,
                              size_t *input_numbers);

/**
 * Sets the order of the axes of a tensor in memory: `axes` names each of its `rank` axes once, from
 * outermost to innermost. Without this call, a tensor is stored in row-major order of its shape. The
 * tensor must have a shape. For a graph that is built and that no other thread uses.
 */
int32_t plimsoll_graph_set_memory_order(struct plimsoll_graph *graph,
                                        uint32_t tensor,
                                        const uint32_t *axes,
                                        size_t rank);

/**
 * Copies out the axes of a tensor of a built graph in the order of memory, from outermost to
 * innermost. `count` receives their number, 0 for a tensor without a shape. With NULL for `axes` only
 * `count` is written.
 */
int32_t plimsoll_graph_memory_order(const struct plimsoll_graph *graph,
                                    uint32_t tensor,
                                    uint32_t *axes,
                                    size_t capacity,
                                    size_t *count);

/* --------------------------------------------------------------------------------------------
 * Graphs as arrays; reading a graph; data of the caller
 * -------------------------------------------------------------------------------------------- */

/**
 * Adds `count` tensors and writes the index of the first one; the others follow it. `names` has a name for
 * each tensor. If a tensor is refused, none is added.
 */
int32_t plimsoll_graph_add_tensors(struct plimsoll_graph *graph,
                                   const struct plimsoll_tensor *tensors,
                                   size_t record_size,
                                   const char *const *names,
                                   size_t count,
                                   uint32_t *first);

/**
 * Adds `count` operators and writes the index of the first one; the others follow it in program order.
 *
 * `operands` has `operand_count` indices of tensors: the inputs of the first operator, its outputs, then
 * those of the next one. `names` has a name for each operator, and `op_types` a type, or is NULL. If an
 * operator is refused, none is added.
 */
int32_t plimsoll_graph_add_operators(struct plimsoll_graph *graph,
                                     const struct plimsoll_operator *operators,
                                     size_t record_size,
                                     const char *const *names,
                                     const char *const *op_types,
                                     size_t count,
                                     const uint32_t *operands,
                                     size_t operand_count,
                                     uint32_t *first);

/**
 * Copies out the tensors of a built graph, by index. `count` receives their number. With NULL for
 * `tensors` only `count` is written; if `capacity` is less than `count`, too, and the call returns
 * PLIMSOLL_ERROR_TOO_SMALL.
 */
int32_t plimsoll_graph_tensors(const struct plimsoll_graph *graph,
                               struct plimsoll_tensor *tensors,
                               size_t record_size,
                               size_t capacity,
                               size_t *count);

/**
 * Copies out the operators of a built graph, by index. `count` as for `plimsoll_graph_tensors`. The operands
 * of the first operator begin at the start of `plimsoll_graph_operands`, those of each other operator after
 * those of the operator before.
 */
int32_t plimsoll_graph_operators(const struct plimsoll_graph *graph,
                                 struct plimsoll_operator *operators,
                                 size_t record_size,
                                 size_t capacity,
                                 size_t *count);

/**
 * Copies out the operands of all operators of a built graph, as indices of tensors: for each operator, its
 * inputs, then its outputs. `count` as for `plimsoll_graph_tensors`.
 */
int32_t plimsoll_graph_operands(const struct plimsoll_graph *graph,
                                uint32_t *operands,
                                size_t capacity,
                                size_t *count);

/**
 * Copies out the permissions of all operators of a built graph, by operator. `count` as for
 * `plimsoll_graph_tensors`.
 */
int32_t plimsoll_graph_permits(const struct plimsoll_graph *graph,
                               struct plimsoll_permit *permits,
                               size_t record_size,
                               size_t capacity,
                               size_t *count);

/**
 * Copies out the operators that must run before an operator of a built graph although no tensor connects
 * them. `count` as for `plimsoll_graph_tensors`.
 */
int32_t plimsoll_graph_dependencies(const struct plimsoll_graph *graph,
                                    uint32_t operator_,
                                    uint32_t *before,
                                    size_t capacity,
                                    size_t *count);

/**
 * Copies out the type of an operator of a built graph, as in "Conv"; empty if unknown. `size` as for
 * `plimsoll_graph_tensor_name`.
 */
int32_t plimsoll_graph_operator_type(const struct plimsoll_graph *graph,
                                     uint32_t operator_,
                                     char *op_type,
                                     size_t capacity,
                                     size_t *size);

/**
 * Copies out the element type of a tensor of a built graph, as in "int8"; empty if unknown. `size` as for
 * `plimsoll_graph_tensor_name`.
 */
int32_t plimsoll_graph_tensor_element_type(const struct plimsoll_graph *graph,
                                           uint32_t tensor,
                                           char *element_type,
                                           size_t capacity,
                                           size_t *size);

/**
 * Copies out the dimensions of a tensor of a built graph. `rank` receives their number, or
 * PLIMSOLL_NO_INDEX if the tensor has no shape; with NULL for `dims` only `rank` is written. If
 * `capacity` is less than the number of dimensions, the call returns PLIMSOLL_ERROR_TOO_SMALL.
 */
int32_t plimsoll_graph_tensor_shape(const struct plimsoll_graph *graph,
                                    uint32_t tensor,
                                    uint64_t *dims,
                                    size_t capacity,
                                    uint32_t *rank);

/**
 * Copies out the name of a graph. `size` as for `plimsoll_graph_tensor_name`.
 */
int32_t plimsoll_graph_name(const struct plimsoll_graph *graph,
                            char *name,
                            size_t capacity,
                            size_t *size);

/**
 * Attaches a number of the caller's choice to a tensor, such as an address of the caller's object. The
 * library does not use it. For a graph that no other thread uses.
 */
int32_t plimsoll_graph_set_tensor_data(struct plimsoll_graph *graph,
                                       uint32_t tensor,
                                       uint64_t data);

/**
 * Attaches a number of the caller's choice to an operator, like `plimsoll_graph_set_tensor_data`.
 */
int32_t plimsoll_graph_set_operator_data(struct plimsoll_graph *graph,
                                         uint32_t operator_,
                                         uint64_t data);

/**
 * Writes the number that `plimsoll_graph_set_tensor_data` attached to a tensor, or 0.
 */
int32_t plimsoll_graph_tensor_data(const struct plimsoll_graph *graph,
                                   uint32_t tensor,
                                   uint64_t *data);

/**
 * Writes the number that `plimsoll_graph_set_operator_data` attached to an operator, or 0.
 */
int32_t plimsoll_graph_operator_data(const struct plimsoll_graph *graph,
                                     uint32_t operator_,
                                     uint64_t *data);

/* --------------------------------------------------------------------------------------------
 * Graphs: memory of tensors, and contents of inputs
 * -------------------------------------------------------------------------------------------- */

/**
 * Sets the memory that holds a tensor: "arena", the default; "outside", a buffer of the caller, which takes
 * no bytes of the plan and shares none; or the name of a pool of `plimsoll_place_graph`, in which the tensor
 * then is for as long as it is live. Outside, a tensor can have neither a fixed offset nor a relative
 * placement.
 *
 * In a graph that is not built, `plimsoll_graph_build` validates the storage; in a built graph, which no
 * other thread may use, this call does.
 */
int32_t plimsoll_graph_set_storage(struct plimsoll_graph *graph,
                                   uint32_t tensor,
                                   const char *memory);

/**
 * Copies out the memory that holds a tensor of a built graph: "arena", "outside" or the name of a pool.
 * `size` as for `plimsoll_graph_tensor_name`.
 */
int32_t plimsoll_graph_tensor_storage(const struct plimsoll_graph *graph,
                                      uint32_t tensor,
                                      char *memory,
                                      size_t capacity,
                                      size_t *size);

/**
 * Sets what a run may do with the contents of a graph input, `PLIMSOLL_INPUT_...`; no effect on other
 * tensors. For a graph that no other thread uses, built or not.
 */
int32_t plimsoll_graph_set_input_contents(struct plimsoll_graph *graph,
                                          uint32_t tensor,
                                          int32_t contents);

/**
 * Sets what a run may do with the contents of a graph input, by name, or of all others for NULL:
 * `PLIMSOLL_INPUT_...`. An unknown name is an error of the import.
 */
int32_t plimsoll_import_options_set_input_contents(struct plimsoll_import_options *options,
                                                   const char *name,
                                                   int32_t contents);

/**
 * Sets the memory that holds a tensor, by name, as `plimsoll_graph_set_storage` does; the names "@inputs"
 * and "@outputs" stand for all graph inputs and outputs without a storage of their own. NULL for `memory`
 * restores the storage of the file. An unknown name is an error of the import.
 */
int32_t plimsoll_import_options_set_storage(struct plimsoll_import_options *options,
                                            const char *name,
                                            const char *memory);

/* --------------------------------------------------------------------------------------------
 * Problems: buffers without a graph
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates a problem from `count` buffers, which are validated and copied. Buffer `i` of the array
 * has index `i`. `names` is NULL, or has a name for each buffer, which messages show.
 *
 * Free it with `plimsoll_problem_free`. PLIMSOLL_ERROR_INVALID names the first invalid buffer: an
 * empty live range, an alignment that is not a power of two, fixed offsets that overlap, sizes
 * beyond 64 bits.
 */
int32_t plimsoll_problem_new(const struct plimsoll_buffer *buffers,
                             size_t record_size,
                             size_t count,
                             const char *const *names,
                             struct plimsoll_problem **problem);

/**
 * Creates a problem like `plimsoll_problem_new`, with `gap_count` gaps in any order: steps at which
 * other buffers may use the memory of a live buffer. A gap must leave its buffer live for at least a
 * step at either end, and must not touch another gap of the buffer; otherwise
 * PLIMSOLL_ERROR_INVALID names both. `buffer_size` and `gap_size` are the sizes of the records.
 */
int32_t plimsoll_problem_new_with_gaps(const struct plimsoll_buffer *buffers,
                                       size_t buffer_size,
                                       size_t count,
                                       const char *const *names,
                                       const struct plimsoll_gap *gaps,
                                       size_t gap_size,
                                       size_t gap_count,
                                       struct plimsoll_problem **problem);

/**
 * Writes the number of buffers.
 */
int32_t plimsoll_problem_buffer_count(const struct plimsoll_problem *problem, size_t *count);

/**
 * Verifies `count` offsets, one for each buffer: alignment, fixed offsets, an arena of `arena_bytes`,
 * and no overlap of buffers that are live at the same time. PLIMSOLL_ERROR_WRONG_PLAN if an offset
 * is wrong.
 */
int32_t plimsoll_problem_verify(const struct plimsoll_problem *problem,
                                const uint64_t *offsets,
                                size_t count,
                                uint64_t arena_bytes);

/**
 * Frees a problem; NULL is allowed. Plans of the problem stay valid.
 */
void plimsoll_problem_free(struct plimsoll_problem *problem);

/* --------------------------------------------------------------------------------------------
 * Imports
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates options: operators that read only constants are folded, buffers without an alignment
 * have alignment 1, floating-point elements keep their size. Free them with
 * `plimsoll_import_options_free`.
 */
int32_t plimsoll_import_options_new(struct plimsoll_import_options **options);

/**
 * Counts every floating-point element with the size of this element type, as in "int8"; NULL keeps
 * the type of the file.
 */
int32_t plimsoll_import_options_set_floats_as(struct plimsoll_import_options *options,
                                              const char *name);

/**
 * Binds a symbolic dimension to a value.
 */
int32_t plimsoll_import_options_set_dimension(struct plimsoll_import_options *options,
                                              const char *name,
                                              uint64_t value);

/**
 * Sets the shape of an input of an ONNX or TensorFlow Lite model, as in "1x3x224x224" or
 * "1,3,height,width", in place of the shape in the file. All other shapes are then inferred, and
 * those in the file are not read. Names stand for symbolic dimensions. NULL restores the shape in
 * the file. In a TensorFlow Lite model, `name` may also be a tensor whose shape does not follow
 * from others.
 *
 * PLIMSOLL_ERROR_UNSUPPORTED if the library was built without shape inference. An unknown input,
 * or a shape that it cannot have, is an error of the import.
 */
int32_t plimsoll_import_options_set_input_shape(struct plimsoll_import_options *options,
                                                const char *name,
                                                const char *shape);

/**
 * Sets the `count` integer elements of a tensor of an ONNX model that are known at compile time, in
 * the order of its elements: an input, or a result on which shapes or conditions depend. NULL with
 * a count of 0 removes them.
 *
 * An unknown tensor, or one that cannot hold these elements, is an error of the import.
 */
int32_t plimsoll_import_options_set_value(struct plimsoll_import_options *options,
                                          const char *name,
                                          const int64_t *numbers,
                                          size_t count);

/**
 * Declares state: an output that a run leaves for the next run, which reads it as this input. Both
 * have the same place, and operators may overwrite the input. NULL for `output` removes the state.
 *
 * Unknown names, and sizes that differ, are an error of the import.
 */
int32_t plimsoll_import_options_set_state(struct plimsoll_import_options *options,
                                          const char *input,
                                          const char *output);

/**
 * If `multi_pass` is 1, softmax and normalizations may write their output over their input: their
 * kernels read a row in full before they write it. The default is 0.
 */
int32_t plimsoll_import_options_set_multi_pass(struct plimsoll_import_options *options,
                                               int32_t multi_pass);

/**
 * Sets whether operators that read only constants are folded: 1 or 0.
 */
int32_t plimsoll_import_options_set_fold(struct plimsoll_import_options *options, int32_t fold);

/**
 * Sets whether operators may overwrite graph inputs after their last read: 1 or 0. As
 * `plimsoll_import_options_set_input_contents` for all inputs, with OVERWRITABLE or REUSABLE.
 */
int32_t plimsoll_import_options_set_overwrite_inputs(struct plimsoll_import_options *options,
                                                     int32_t overwrite);

/**
 * Sets the order of the axes of activations in memory, `PLIMSOLL_LAYOUT_...`. It decides which slices
 * and which parts of a concatenation are contiguous. Images of TensorFlow Lite files have channels
 * innermost in both.
 */
int32_t plimsoll_import_options_set_layout(struct plimsoll_import_options *options,
                                           int32_t layout);

/**
 * Sets a token that ends imports with PLIMSOLL_ERROR_CANCELLED soon after it is cancelled. The
 * options keep a reference to it; NULL for none.
 */
int32_t plimsoll_import_options_set_cancel(struct plimsoll_import_options *options,
                                           const struct plimsoll_cancel_token *cancel);

/**
 * Frees import options; NULL is allowed.
 */
void plimsoll_import_options_free(struct plimsoll_import_options *options);

/**
 * Imports a file by its extension: .onnx, .tflite and .json (a graph) give a built graph; .csv
 * (buffers) gives a problem. The other output is set to NULL. `options` may be NULL for the
 * defaults. Free the graph or problem.
 *
 * PLIMSOLL_ERROR_IO if the file cannot be opened, PLIMSOLL_ERROR_IMPORT if its contents are
 * invalid, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without the format.
 */
int32_t plimsoll_import_file(const char *path,
                             const struct plimsoll_import_options *options,
                             struct plimsoll_graph **graph,
                             struct plimsoll_problem **problem);

/**
 * Imports `size` bytes in memory in the format `PLIMSOLL_IMPORT_...`, like `plimsoll_import_file`.
 * `name` names the graph if the bytes contain no name.
 */
int32_t plimsoll_import_memory(const uint8_t *bytes,
                               size_t size,
                               int32_t format,
                               const char *name,
                               const struct plimsoll_import_options *options,
                               struct plimsoll_graph **graph,
                               struct plimsoll_problem **problem);

/* --------------------------------------------------------------------------------------------
 * Options of a planner
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates options: alignment 16, variables in the arena, no capacity, strategy "auto", no limits.
 * Free them with `plimsoll_options_free`.
 */
int32_t plimsoll_options_new(struct plimsoll_options **options);

/**
 * Sets the alignment in bytes, a power of two, of tensors without an alignment of their own and of
 * scratch.
 */
int32_t plimsoll_options_set_alignment(struct plimsoll_options *options, uint64_t bytes);

/**
 * Sets where variables live: `PLIMSOLL_VARIABLES_...`.
 */
int32_t plimsoll_options_set_variables(struct plimsoll_options *options, int32_t location);

/**
 * Sets how `plimsoll_graph_plan` orders the operators: `PLIMSOLL_ORDER_...`; the default is AUTO. A
 * custom strategy can be called for several orders.
 */
int32_t plimsoll_options_set_order(struct plimsoll_options *options, int32_t order);

/**
 * Sets the amount of work of searches without a limit: `PLIMSOLL_EFFORT_...`; the default is DEFAULT.
 */
int32_t plimsoll_options_set_effort(struct plimsoll_options *options,
                                    int32_t effort);

/**
 * Sets whether a plan may keep inputs and outputs of operators inside the memory of their bodies, as links of bodies
 * allow (`plimsoll_graph_link_body`, branches of ONNX models): 0 or 1; the default is 1.
 */
int32_t plimsoll_options_set_links(struct plimsoll_options *options,
                                   int32_t links);

/**
 * Sets the arena capacity in bytes, or PLIMSOLL_NONE. A plan that needs more is still returned;
 * its status reports it.
 */
int32_t plimsoll_options_set_capacity(struct plimsoll_options *options, uint64_t bytes);

/**
 * Reserves the bytes of the arena from `start` to `end` (exclusive) for the caller. Each call
 * reserves another range; `plimsoll_options_clear_reserved` removes all. Reserved bytes below the
 * end of the topmost buffer count as part of the arena. A custom strategy receives reserved ranges
 * as additional buffers with fixed offsets, after all others.
 */
int32_t plimsoll_options_reserve(struct plimsoll_options *options, uint64_t start, uint64_t end);

/**
 * Removes all reserved ranges.
 */
int32_t plimsoll_options_clear_reserved(struct plimsoll_options *options);

/**
 * Sets the strategy that chooses offsets, by a name from `plimsoll_strategy_name`.
 */
int32_t plimsoll_options_set_strategy(struct plimsoll_options *options, const char *name);

/**
 * Sets a callback as the strategy that chooses offsets. Messages show `name`. The callback receives
 * buffers of `record_size` bytes: sizeof(plimsoll_buffer).
 */
int32_t plimsoll_options_set_custom_strategy(struct plimsoll_options *options,
                                             const char *name,
                                             plimsoll_strategy_fn strategy,
                                             void *userdata,
                                             size_t record_size);

/**
 * Sets the maximum number of shared objects of strategy "knapsack", also where "merge" starts from
 * it; given objects included; 0 for no maximum.
 */
int32_t plimsoll_options_set_max_objects(struct plimsoll_options *options, size_t count);

/**
 * Sets the sizes in bytes of existing shared objects for strategy "knapsack", also where "merge"
 * starts from it. The strategy fills them before it creates others.
 */
int32_t plimsoll_options_set_given_objects(struct plimsoll_options *options,
                                           const uint64_t *sizes,
                                           size_t count);

/**
 * Sets the strategy whose shared objects "merge" starts from; the default is "knapsack".
 */
int32_t plimsoll_options_set_merge_from(struct plimsoll_options *options, const char *name);

/**
 * Sets the random seed of strategies that draw random numbers. Equal seeds give equal plans.
 */
int32_t plimsoll_options_set_seed(struct plimsoll_options *options, uint64_t seed);

/**
 * Sets the number of threads of strategies "exact" and "auto", at least 1. A library built without
 * support for threads searches on the calling thread. Plans do not depend on the number. Callbacks
 * still run on the calling thread.
 */
int32_t plimsoll_options_set_threads(struct plimsoll_options *options, uint32_t count);

/**
 * Sets the approximate maximum of search nodes; PLIMSOLL_NONE for the default of each strategy.
 * Unlike a time limit, it gives the same plan on every machine.
 */
int32_t plimsoll_options_set_node_limit(struct plimsoll_options *options, uint64_t nodes);

/**
 * Sets the approximate maximum time in milliseconds of each call that plans, or PLIMSOLL_NONE.
 */
int32_t plimsoll_options_set_time_limit(struct plimsoll_options *options, uint64_t milliseconds);

/**
 * Sets a token that stops searches when it is cancelled. The options keep a reference to it; NULL
 * for none.
 */
int32_t plimsoll_options_set_cancel(struct plimsoll_options *options,
                                    const struct plimsoll_cancel_token *cancel);

/**
 * Sets the progress callback; NULL for none. It receives `userdata`, which must stay valid as long
 * as these options are used to plan, and a record of `record_size` bytes: sizeof(plimsoll_progress).
 */
int32_t plimsoll_options_set_progress(struct plimsoll_options *options,
                                      plimsoll_progress_fn progress,
                                      void *userdata,
                                      size_t record_size);

/**
 * Sets the log callback; NULL for none. `userdata` as for `plimsoll_options_set_progress`.
 */
int32_t plimsoll_options_set_log(struct plimsoll_options *options,
                                 plimsoll_log_fn log,
                                 void *userdata);

/**
 * Copies out the name of strategy number `index`, from 0; PLIMSOLL_ERROR_ARGUMENT beyond the last.
 * `size` receives the size of the name; see `plimsoll_last_error`.
 */
int32_t plimsoll_strategy_name(size_t index, char *name, size_t capacity, size_t *size);

/**
 * Frees options; NULL is allowed.
 */
void plimsoll_options_free(struct plimsoll_options *options);

/* --------------------------------------------------------------------------------------------
 * Plans for one arena
 * -------------------------------------------------------------------------------------------- */

/**
 * Plans a built graph: the order of operators, in the order mode of the options, and offsets.
 * `options` may be NULL for the defaults. Free the plan with `plimsoll_plan_free`.
 *
 * A plan that exceeds the capacity is not an error; its status reports it.
 */
int32_t plimsoll_graph_plan(const struct plimsoll_graph *graph,
                            const struct plimsoll_options *options,
                            struct plimsoll_plan **plan);

/**
 * Computes an order without offsets and copies out the indices of operators, without folded ones.
 * Every call searches, so pass capacity for all operators at once. `figures` may be NULL; otherwise
 * `record_size` is its size.
 */
int32_t plimsoll_graph_schedule(const struct plimsoll_graph *graph,
                                const struct plimsoll_options *options,
                                uint32_t *order,
                                size_t capacity,
                                size_t *count,
                                struct plimsoll_schedule *figures,
                                size_t record_size);

/**
 * Plans a built graph in a given order: `count` indices of operators, each operator once, without
 * folded ones. PLIMSOLL_ERROR_INVALID explains why an order cannot run.
 */
int32_t plimsoll_graph_plan_in_order(const struct plimsoll_graph *graph,
                                     const uint32_t *order,
                                     size_t count,
                                     const struct plimsoll_options *options,
                                     struct plimsoll_plan **plan);

/**
 * Assigns offsets to the buffers of a problem. `options` may be NULL for the defaults; alignment and
 * variables of the options have no effect. Free the plan with `plimsoll_plan_free`.
 */
int32_t plimsoll_problem_plan(const struct plimsoll_problem *problem,
                              const struct plimsoll_options *options,
                              struct plimsoll_plan **plan);

/**
 * Writes the offset in bytes at which the bodies of an operator begin: that of its scratch, unless inputs or
 * outputs of the operator that are linked to the bodies lie in front of it. PLIMSOLL_NONE if the operator has no
 * bodies or they need no memory.
 */
int32_t plimsoll_plan_body_offset(const struct plimsoll_plan *plan,
                                  uint32_t operator_,
                                  uint64_t *offset);

/**
 * Creates a plan from the plan of a body of an operator, by position. Offsets count from the start
 * of the bodies' memory (`plimsoll_plan_body_offset`). Folded operators have none. Free it
 * with `plimsoll_plan_free`.
 */
int32_t plimsoll_plan_body(const struct plimsoll_plan *plan,
                           uint32_t operator_,
                           size_t position,
                           struct plimsoll_plan **body);

/**
 * Verifies a plan again, with code that shares nothing with the planner. The library has already
 * verified every plan once.
 */
int32_t plimsoll_plan_verify(const struct plimsoll_plan *plan);

/**
 * Frees a plan; NULL is allowed.
 */
void plimsoll_plan_free(struct plimsoll_plan *plan);

/* --------------------------------------------------------------------------------------------
 * Plans for one arena: results
 * -------------------------------------------------------------------------------------------- */

/**
 * Writes the size of the arena in bytes: the end of the topmost occupant.
 */
int32_t plimsoll_plan_arena_bytes(const struct plimsoll_plan *plan, uint64_t *bytes);

/**
 * Writes the required alignment of the arena's address in bytes: the largest alignment in the plan.
 */
int32_t plimsoll_plan_arena_alignment(const struct plimsoll_plan *plan, uint64_t *bytes);

/**
 * Writes the lower bound on the arena for the order of the plan, in bytes.
 */
int32_t plimsoll_plan_lower_bound_bytes(const struct plimsoll_plan *plan, uint64_t *bytes);

/**
 * Writes the part of the lower bound that `plimsoll_plan_bound_causes` certifies, in bytes. The rest
 * was proven by an exhaustive search.
 */
int32_t plimsoll_plan_certified_bytes(const struct plimsoll_plan *plan,
                                      uint64_t *bytes);

/**
 * Writes the lower bound on the arena over all orders, in bytes; PLIMSOLL_NONE if no other order was
 * examined. If it is present, the status and the gap refer to it.
 */
int32_t plimsoll_plan_bound_over_orders(const struct plimsoll_plan *plan,
                                        uint64_t *bytes);

/**
 * Writes the relative distance from the lower bound to the arena: 0.01 is one percent.
 */
int32_t plimsoll_plan_gap(const struct plimsoll_plan *plan, double *gap);

/**
 * Writes the status of the plan: `PLIMSOLL_STATUS_...`.
 */
int32_t plimsoll_plan_status(const struct plimsoll_plan *plan, int32_t *status);

/**
 * Writes why the search stopped: `PLIMSOLL_STOP_...`.
 */
int32_t plimsoll_plan_stop(const struct plimsoll_plan *plan, int32_t *stop);

/**
 * Writes the number of search nodes used.
 */
int32_t plimsoll_plan_nodes(const struct plimsoll_plan *plan, uint64_t *nodes);

/**
 * Copies out all placements: tensors by index, then scratch by operator.
 *
 * `count` receives the number of placements. With NULL for `placements` only `count` is written; if
 * `capacity` is less than `count`, too, and the call returns PLIMSOLL_ERROR_TOO_SMALL.
 */
int32_t plimsoll_plan_placements(const struct plimsoll_plan *plan,
                                 struct plimsoll_placement *placements,
                                 size_t record_size,
                                 size_t capacity,
                                 size_t *count);

/**
 * Copies out an offset in bytes for each tensor of the graph, or for each buffer, by index;
 * PLIMSOLL_NONE for those outside the arena. `count` as for `plimsoll_plan_placements`.
 */
int32_t plimsoll_plan_offsets(const struct plimsoll_plan *plan,
                              uint64_t *offsets,
                              size_t capacity,
                              size_t *count);

/**
 * Writes the offset in bytes of a tensor or buffer; PLIMSOLL_NONE if it lies outside the arena.
 */
int32_t plimsoll_plan_offset(const struct plimsoll_plan *plan, uint32_t tensor, uint64_t *offset);

/**
 * Writes the offset in bytes of an operator's scratch; PLIMSOLL_NONE if it has none.
 */
int32_t plimsoll_plan_scratch_offset(const struct plimsoll_plan *plan,
                                     uint32_t operator_,
                                     uint64_t *offset);

/**
 * Copies out the order of execution: indices of operators, without folded ones; empty for a problem.
 * `count` as for `plimsoll_plan_placements`.
 */
int32_t plimsoll_plan_order(const struct plimsoll_plan *plan,
                            uint32_t *order,
                            size_t capacity,
                            size_t *count);

/**
 * Copies out the certificate of the lower bound and writes its step: occupants that are all live at
 * this step and together need the certified bytes, or one tensor with a fixed offset that ends
 * there. `count` as for `plimsoll_plan_placements`.
 */
int32_t plimsoll_plan_bound_causes(const struct plimsoll_plan *plan,
                                   uint32_t *step,
                                   struct plimsoll_occupant *causes,
                                   size_t record_size,
                                   size_t capacity,
                                   size_t *count);

/**
 * Copies out the shared objects, by number; none if the strategy makes no shared objects. `least`
 * receives a lower bound on their total size under the rules of the strategy. `count` as for
 * `plimsoll_plan_placements`.
 */
int32_t plimsoll_plan_objects(const struct plimsoll_plan *plan,
                              struct plimsoll_shared_object *objects,
                              size_t record_size,
                              size_t capacity,
                              size_t *count,
                              uint64_t *least);

/**
 * Writes the number of the shared object that contains a tensor, buffer or scratch;
 * PLIMSOLL_NO_INDEX if none does. `occupant` is `PLIMSOLL_OCCUPANT_...`.
 */
int32_t plimsoll_plan_object_of(const struct plimsoll_plan *plan,
                                int32_t occupant,
                                uint32_t index,
                                uint32_t *object);

/**
 * Copies out the occupants that merging of shared objects put inside larger ones. `count` as for
 * `plimsoll_plan_placements`.
 */
int32_t plimsoll_plan_nestings(const struct plimsoll_plan *plan,
                               struct plimsoll_nesting *nestings,
                               size_t record_size,
                               size_t capacity,
                               size_t *count);

/* --------------------------------------------------------------------------------------------
 * Changed copies of graphs; plans from earlier plans
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates a copy of a graph that can be changed: tensors and operators keep their indices, numbers of the
 * caller included. Build it before you plan it. Free it with `plimsoll_graph_free`.
 */
int32_t plimsoll_graph_edit(const struct plimsoll_graph *graph,
                            struct plimsoll_graph **copy);

/**
 * Replaces the size of a tensor of a graph that is not built. The tensor has no shape afterwards.
 * `plimsoll_graph_build` refuses permissions and access maps that do not fit the new size.
 */
int32_t plimsoll_graph_set_tensor_bytes(struct plimsoll_graph *graph,
                                        uint32_t tensor,
                                        uint64_t bytes);

/**
 * Replaces the kind of a tensor of a graph that is not built: `PLIMSOLL_TENSOR_...`.
 */
int32_t plimsoll_graph_set_tensor_kind(struct plimsoll_graph *graph, uint32_t tensor, int32_t kind);

/**
 * Marks a tensor of a graph that is not built as no graph output.
 */
int32_t plimsoll_graph_remove_output(struct plimsoll_graph *graph, uint32_t tensor);

/**
 * Lets all operators of a graph that is not built read tensor `to` instead of tensor `from`.
 */
int32_t plimsoll_graph_replace_reads(struct plimsoll_graph *graph, uint32_t from, uint32_t to);

/**
 * Removes an operator of a graph that is not built. The indices of later operators are one less
 * afterwards. Its outputs stay, without a producer.
 */
int32_t plimsoll_graph_remove_operator(struct plimsoll_graph *graph, uint32_t operator_);

/**
 * Removes all permissions to share memory of an operator of a graph that is not built.
 */
int32_t plimsoll_graph_clear_permits(struct plimsoll_graph *graph, uint32_t operator_);

/**
 * Plans a built graph from the plan of an earlier version of it; tensors and operators are matched by
 * name. With PLIMSOLL_KEEP_HINT, the earlier order and offsets are where the search starts, and a smaller
 * arena replaces them. With PLIMSOLL_KEEP_DEMAND, tensors of unchanged name and size keep their offsets;
 * PLIMSOLL_ERROR_INVALID names the first one that cannot. `options` may be NULL. Free the plan with
 * `plimsoll_plan_free`.
 */
int32_t plimsoll_graph_replan(const struct plimsoll_graph *graph,
                              const struct plimsoll_plan *previous,
                              const struct plimsoll_options *options,
                              int32_t keep,
                              struct plimsoll_plan **plan);

/**
 * Sets a suggested offset for each of `count` buffers of a problem, such as that in an earlier plan;
 * PLIMSOLL_NONE for a buffer without one. Plans keep the hints if no smaller arena is found. For a problem
 * that no other thread uses.
 */
int32_t plimsoll_problem_set_hints(struct plimsoll_problem *problem,
                                   const uint64_t *offsets,
                                   size_t count);

/* --------------------------------------------------------------------------------------------
 * Plans from other sources: offsets of a cache, PLAN.json
 * -------------------------------------------------------------------------------------------- */

/**
 * Verifies an order and offsets of a built graph from any source, such as a cache or another planner, and
 * creates a plan of them. `plan` may be NULL; otherwise free the plan with `plimsoll_plan_free`.
 *
 * `order` has `order_count` indices of operators, each operator once, without folded ones. `offsets` has an
 * offset in bytes for each tensor of the graph, or PLIMSOLL_NONE for a tensor outside the arena.
 * `scratch_offsets` has an offset for the scratch of each operator, or PLIMSOLL_NONE; it may be NULL if no
 * operator has scratch. `aliases` are the pairs of tensors that share memory while both are live, as from
 * `plimsoll_plan_aliases`. Of the options, which may be NULL for the defaults, the alignment, the location of variables,
 * the capacity and reserved ranges apply. The arena ends with its topmost occupant.
 *
 * The lower bound of the plan is 0, as nothing proves another one. PLIMSOLL_ERROR_WRONG_PLAN if the order or
 * an offset is wrong; the message names the violations. PLIMSOLL_ERROR_UNSUPPORTED for graphs with
 * bodies, whose plans `plimsoll_graph_read_plan` reads.
 */
int32_t plimsoll_graph_verify(const struct plimsoll_graph *graph,
                              const struct plimsoll_options *options,
                              const uint32_t *order,
                              size_t order_count,
                              const uint64_t *offsets,
                              size_t offset_count,
                              const uint64_t *scratch_offsets,
                              size_t scratch_count,
                              const struct plimsoll_alias *aliases,
                              size_t record_size,
                              size_t alias_count,
                              struct plimsoll_plan **plan);

/**
 * Reads a PLAN.json of `size` bytes in memory, verifies that it is a plan of a built graph, and creates the
 * plan. Free it with `plimsoll_plan_free`.
 *
 * PLIMSOLL_ERROR_IMPORT if the text is no plan, or a plan of another graph; PLIMSOLL_ERROR_WRONG_PLAN if
 * the plan is wrong; PLIMSOLL_ERROR_UNSUPPORTED if the library was built without JSON.
 */
int32_t plimsoll_graph_read_plan(const struct plimsoll_graph *graph,
                                 const char *json,
                                 size_t size,
                                 struct plimsoll_plan **plan);

/**
 * Reads a PLAN.json of a problem, like `plimsoll_graph_read_plan`.
 */
int32_t plimsoll_problem_read_plan(const struct plimsoll_problem *problem,
                                   const char *json,
                                   size_t size,
                                   struct plimsoll_plan **plan);

/**
 * Reads a PLAN.json of a plan for several memories, like `plimsoll_graph_read_plan`. The pools are those
 * of the document.
 */
int32_t plimsoll_graph_read_pool_plan(const struct plimsoll_graph *graph,
                                      const char *json,
                                      size_t size,
                                      struct plimsoll_pool_plan **plan);

/**
 * Reads a PLAN.json of a tiled plan, like `plimsoll_graph_read_plan`; `graph` is the graph without tiling.
 * The document has no plan without tiling, so `untiled_arena_bytes` of its figures is 0.
 */
int32_t plimsoll_graph_read_tiled_plan(const struct plimsoll_graph *graph,
                                       const char *json,
                                       size_t size,
                                       struct plimsoll_tiled_plan **plan);

/**
 * Copies out a fingerprint of a built graph: graphs with the same fingerprint have the same plans for the
 * same options, so that it is a key for caches of plans. It is also in PLAN.json. `size` as for
 * `plimsoll_graph_tensor_name`. PLIMSOLL_ERROR_UNSUPPORTED if the library was built without JSON.
 */
int32_t plimsoll_graph_fingerprint(const struct plimsoll_graph *graph,
                                   char *fingerprint,
                                   size_t capacity,
                                   size_t *size);

/* --------------------------------------------------------------------------------------------
 * Why a plan does not fit
 * -------------------------------------------------------------------------------------------- */

/**
 * Finds why a plan does not fit its capacity: tensors or buffers, and scratch, that cannot lie
 * together. Writes NULL if all fit, or if nothing could be proven within the limits of the options.
 * Only the limits of the options have an effect; NULL for the defaults. Free the result with
 * `plimsoll_infeasible_core_free`.
 *
 * Runs at most one short search for each buffer.
 */
int32_t plimsoll_plan_explain(const struct plimsoll_plan *plan,
                              const struct plimsoll_options *options,
                              struct plimsoll_infeasible_core **core);

/**
 * Copies out the members of the core. `count` as for `plimsoll_plan_placements`.
 */
int32_t plimsoll_infeasible_core_occupants(const struct plimsoll_infeasible_core *core,
                                           struct plimsoll_occupant *occupants,
                                           size_t record_size,
                                           size_t capacity,
                                           size_t *count);

/**
 * Writes the bytes that the members need at least, and the arena capacity, which is less.
 */
int32_t plimsoll_infeasible_core_bytes(const struct plimsoll_infeasible_core *core,
                                       uint64_t *needed,
                                       uint64_t *capacity);

/**
 * Writes 1 if the members fit whenever any one of them is removed; 0 if some members could not be
 * tested within the limits.
 */
int32_t plimsoll_infeasible_core_is_irreducible(const struct plimsoll_infeasible_core *core,
                                                int32_t *irreducible);

/**
 * Frees a core; NULL is allowed.
 */
void plimsoll_infeasible_core_free(struct plimsoll_infeasible_core *core);

/* --------------------------------------------------------------------------------------------
 * Choice of buffers to keep on chip
 * -------------------------------------------------------------------------------------------- */

/**
 * Chooses the buffers to keep on chip, in shared objects whose total size is at most the capacity
 * of the options, so that the kept value is greatest. `values` has an entry for each of `count`
 * buffers; NULL values each buffer by its bytes. Free the choice with `plimsoll_choice_free`.
 */
int32_t plimsoll_problem_choose(const struct plimsoll_problem *problem,
                                const struct plimsoll_options *options,
                                const uint64_t *values,
                                size_t count,
                                struct plimsoll_choice **choice);

/**
 * Writes the value of the kept buffers and an upper bound on it; equal if the choice is optimal.
 */
int32_t plimsoll_choice_value(const struct plimsoll_choice *choice,
                              uint64_t *value,
                              uint64_t *bound);

/**
 * Writes the size of the arena in bytes and why the search stopped: `PLIMSOLL_STOP_...`.
 */
int32_t plimsoll_choice_arena_bytes(const struct plimsoll_choice *choice,
                                    uint64_t *bytes,
                                    int32_t *stop);

/**
 * Copies out an offset in bytes for each buffer; PLIMSOLL_NONE for buffers that stay off chip.
 * `count` as for `plimsoll_plan_placements`.
 */
int32_t plimsoll_choice_offsets(const struct plimsoll_choice *choice,
                                uint64_t *offsets,
                                size_t capacity,
                                size_t *count);

/**
 * Frees a choice; NULL is allowed.
 */
void plimsoll_choice_free(struct plimsoll_choice *choice);

/* --------------------------------------------------------------------------------------------
 * Pools: the memories of a target
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates a target without memories: inputs and outputs in the backing store, constants loaded once,
 * no prefetch. Free it with `plimsoll_pools_free`.
 */
int32_t plimsoll_pools_new(struct plimsoll_pools **pools);

/**
 * Adds a memory, slower than those before it. Memories count from 0; at most 8 are possible. The
 * last one must accept everything, and names must differ; `plimsoll_graph_place` checks both.
 */
int32_t plimsoll_pools_add(struct plimsoll_pools *pools,
                           const char *name,
                           const struct plimsoll_pool *pool,
                           size_t record_size);

/**
 * Sets the pool into which the caller writes inputs, by its number; PLIMSOLL_NO_INDEX for the
 * backing store.
 */
int32_t plimsoll_pools_set_inputs(struct plimsoll_pools *pools, uint32_t pool);

/**
 * Sets the pool from which the caller reads outputs, like `plimsoll_pools_set_inputs`.
 */
int32_t plimsoll_pools_set_outputs(struct plimsoll_pools *pools, uint32_t pool);

/**
 * Sets when constants are copied on chip: `PLIMSOLL_LOADING_...`.
 */
int32_t plimsoll_pools_set_loading(struct plimsoll_pools *pools, int32_t loading);

/**
 * Sets the prefetch distance: a transfer has its destination this many steps before an operator
 * needs the data, so that copying and computing overlap; 1 is double buffering.
 */
int32_t plimsoll_pools_set_prefetch(struct plimsoll_pools *pools, uint32_t steps);

/**
 * Frees a target; NULL is allowed. Plans for it stay valid.
 */
void plimsoll_pools_free(struct plimsoll_pools *pools);

/* --------------------------------------------------------------------------------------------
 * Plans for several memories
 * -------------------------------------------------------------------------------------------- */

/**
 * Plans a built graph for several memories: which pools hold each tensor at which steps, so that the
 * cost of a run, by the costs of the pools, is least. `options` may be NULL for the defaults; their
 * capacity and reserved ranges have no effect. Free the plan with `plimsoll_pool_plan_free`.
 *
 * PLIMSOLL_ERROR_INVALID if a tensor has a fixed offset or the pools are invalid,
 * PLIMSOLL_ERROR_DOES_NOT_FIT if a pool cannot hold the data that it must hold.
 */
int32_t plimsoll_graph_place(const struct plimsoll_graph *graph,
                             const struct plimsoll_options *options,
                             const struct plimsoll_pools *pools,
                             struct plimsoll_pool_plan **plan);

/**
 * Plans a built graph for several memories in a given order: `count` indices of operators, each
 * operator once, without folded ones. Otherwise like `plimsoll_graph_place`.
 */
int32_t plimsoll_graph_place_in_order(const struct plimsoll_graph *graph,
                                      const uint32_t *order,
                                      size_t count,
                                      const struct plimsoll_options *options,
                                      const struct plimsoll_pools *pools,
                                      struct plimsoll_pool_plan **plan);

/**
 * Writes the figures of the plan.
 */
int32_t plimsoll_pool_plan_figures(const struct plimsoll_pool_plan *plan,
                                   struct plimsoll_pool_figures *figures,
                                   size_t record_size);

/**
 * Copies out for each pool the bytes used, and its traffic in a run.
 *
 * `count` receives the number of entries. With NULL for `traffic` only `count` is written; if
 * `capacity` is less than `count`, too, and the call returns PLIMSOLL_ERROR_TOO_SMALL.
 */
int32_t plimsoll_pool_plan_traffic(const struct plimsoll_pool_plan *plan,
                                   struct plimsoll_pool_traffic *traffic,
                                   size_t record_size,
                                   size_t capacity,
                                   size_t *count);

/**
 * Copies out all residency intervals: tensors by index, then scratch by operator, each by pool and
 * time. `count` as for `plimsoll_pool_plan_traffic`.
 */
int32_t plimsoll_pool_plan_residencies(const struct plimsoll_pool_plan *plan,
                                       struct plimsoll_residency *residencies,
                                       size_t record_size,
                                       size_t capacity,
                                       size_t *count);

/**
 * Copies out the transfers between pools in the order in which to make them: at the start of each
 * step, before its operator, those that are due at this step. `count` as for
 * `plimsoll_pool_plan_traffic`.
 */
int32_t plimsoll_pool_plan_transfers(const struct plimsoll_pool_plan *plan,
                                     struct plimsoll_transfer *transfers,
                                     size_t record_size,
                                     size_t capacity,
                                     size_t *count);

/**
 * Copies out the pool in which an operator accesses a tensor or its scratch, where that is not the
 * first of the pools that hold it at the operator's step. `count` as for
 * `plimsoll_pool_plan_traffic`.
 */
int32_t plimsoll_pool_plan_uses(const struct plimsoll_pool_plan *plan,
                                struct plimsoll_use *uses,
                                size_t record_size,
                                size_t capacity,
                                size_t *count);

/**
 * Writes the residency interval at which the operator of a step accesses a tensor or its scratch.
 * `occupant` is `PLIMSOLL_OCCUPANT_...`. PLIMSOLL_ERROR_ARGUMENT if no pool holds it at this step.
 */
int32_t plimsoll_pool_plan_residency_at(const struct plimsoll_pool_plan *plan,
                                        uint32_t step,
                                        int32_t occupant,
                                        uint32_t index,
                                        struct plimsoll_residency *residency,
                                        size_t record_size);

/**
 * Copies out which tensors share memory while both are live, in all pools. `count` as for
 * `plimsoll_pool_plan_traffic`.
 */
int32_t plimsoll_pool_plan_aliases(const struct plimsoll_pool_plan *plan,
                                   struct plimsoll_alias *aliases,
                                   size_t record_size,
                                   size_t capacity,
                                   size_t *count);

/**
 * Copies out the order of execution: indices of operators, without folded ones. `count` as for
 * `plimsoll_pool_plan_traffic`.
 */
int32_t plimsoll_pool_plan_order(const struct plimsoll_pool_plan *plan,
                                 uint32_t *order,
                                 size_t capacity,
                                 size_t *count);

/**
 * Verifies a plan again, with code that shares nothing with the planner: its residency intervals,
 * its figures, and a simulated run of transfers and operators on memory that records the writer of
 * each byte. It does not prove the lower bound again.
 */
int32_t plimsoll_pool_plan_verify(const struct plimsoll_pool_plan *plan);

/**
 * Creates a plan from the plan of a body of an operator, by position, like `plimsoll_plan_body`. A
 * body lies in one pool, the pool of the operator's scratch.
 */
int32_t plimsoll_pool_plan_body(const struct plimsoll_pool_plan *plan,
                                uint32_t operator_,
                                size_t position,
                                struct plimsoll_plan **body);

/**
 * Frees a plan; NULL is allowed.
 */
void plimsoll_pool_plan_free(struct plimsoll_pool_plan *plan);

/* --------------------------------------------------------------------------------------------
 * Tiled plans
 * -------------------------------------------------------------------------------------------- */

/**
 * Tiles the graph of a plan, if that takes less memory than the plan: regions of operators run stripe by
 * stripe, so that their large tensors never exist as a whole. The operators' access maps
 * (`plimsoll_graph_set_access`) state what is possible. `options` should be those of the plan; NULL
 * for the defaults.
 *
 * `capacity` is the size in bytes that the arena must fit at the least extra cost, or PLIMSOLL_NONE for the
 * smallest arena. `max_extra_ppm` is the extra cost allowed for rows that are computed again, in parts per
 * million of the cost of the graph: 50000 for 5 %, UINT64_MAX for any.
 *
 * `tiled` receives NULL if no tiling within these limits takes less memory than the plan; that is no
 * error. The arena of a tiled plan may exceed `capacity`; compare `plimsoll_plan_arena_bytes`. Free the tiled plan
 * with `plimsoll_tiled_plan_free`. PLIMSOLL_ERROR_ARGUMENT for a plan of a problem.
 */
int32_t plimsoll_plan_tile(const struct plimsoll_plan *plan,
                           const struct plimsoll_options *options,
                           uint64_t capacity,
                           uint64_t max_extra_ppm,
                           struct plimsoll_tiled_plan **tiled);

/**
 * Tiles the graph of a plan for several memories, if a run then costs less: tiles live on chip, and every
 * stripe reads the constants of its operators again, which counts as traffic. `options` should be those of the
 * plan; NULL for the defaults. `max_extra_ppm` as for `plimsoll_plan_tile`.
 *
 * `tiled` receives NULL if no tiling within the limit costs less than the plan; that is no error.
 * `plimsoll_tiled_plan_pool_plan` gives the plan of the tiled graph. Free the tiled plan with
 * `plimsoll_tiled_plan_free`.
 */
int32_t plimsoll_pool_plan_tile(const struct plimsoll_pool_plan *plan,
                                const struct plimsoll_options *options,
                                uint64_t max_extra_ppm,
                                struct plimsoll_tiled_plan **tiled);

/**
 * Writes cost and sizes of a tiled plan. For several memories, the arena is the used part of the first one.
 */
int32_t plimsoll_tiled_plan_figures(const struct plimsoll_tiled_plan *plan,
                                    struct plimsoll_tiling_figures *figures,
                                    size_t record_size);

/**
 * Creates a plan from the plan of the tiled graph: offsets, order and bounds have the indices of that graph
 * (`plimsoll_tiled_plan_operators`, `plimsoll_tiled_plan_tensors`). Its status and bounds are about orders,
 * sharing and offsets of the tiled graph, not about tilings. Free it with `plimsoll_plan_free`.
 * PLIMSOLL_ERROR_ARGUMENT for a tiled plan for several memories.
 */
int32_t plimsoll_tiled_plan_plan(const struct plimsoll_tiled_plan *plan,
                                 struct plimsoll_plan **tiled_graph_plan);

/**
 * Creates a plan for several memories from that of the tiled graph: residency intervals, transfers and order
 * have the indices of that graph. Free it with `plimsoll_pool_plan_free`. PLIMSOLL_ERROR_ARGUMENT for a
 * tiled plan for one arena.
 */
int32_t plimsoll_tiled_plan_pool_plan(const struct plimsoll_tiled_plan *plan,
                                      struct plimsoll_pool_plan **pool_plan);

/**
 * Creates a built graph from the tiled graph, for names and sizes. Free it with `plimsoll_graph_free`.
 */
int32_t plimsoll_tiled_plan_graph(const struct plimsoll_tiled_plan *plan,
                                  struct plimsoll_graph **graph);

/**
 * Copies out the regions, in the order in which they run.
 *
 * `count` receives the number of regions. With NULL for `regions` only `count` is written; if `capacity` is
 * less than `count`, too, and the call returns PLIMSOLL_ERROR_TOO_SMALL.
 */
int32_t plimsoll_tiled_plan_regions(const struct plimsoll_tiled_plan *plan,
                                    struct plimsoll_region *regions,
                                    size_t record_size,
                                    size_t capacity,
                                    size_t *count);

/**
 * Copies out the tiles of all regions: by region, by stripe, and by operator in the order in which a stripe runs
 * them. A tile without rows does not run. `count` as for `plimsoll_tiled_plan_regions`.
 */
int32_t plimsoll_tiled_plan_tiles(const struct plimsoll_tiled_plan *plan,
                                  struct plimsoll_tile *tiles,
                                  size_t record_size,
                                  size_t capacity,
                                  size_t *count);

/**
 * Copies out the operators of the tiled graph by index. The order of the plan says when they run. `count` as for
 * `plimsoll_tiled_plan_regions`.
 */
int32_t plimsoll_tiled_plan_operators(const struct plimsoll_tiled_plan *plan,
                                      struct plimsoll_tiled_operator *operators,
                                      size_t record_size,
                                      size_t capacity,
                                      size_t *count);

/**
 * Copies out the inputs, then the outputs, of each operator of the tiled graph, as indices of tensors of that graph:
 * those of an operator begin at its `first_operand`. `count` as for `plimsoll_tiled_plan_regions`.
 */
int32_t plimsoll_tiled_plan_operands(const struct plimsoll_tiled_plan *plan,
                                     uint32_t *tensors,
                                     size_t capacity,
                                     size_t *count);

/**
 * Copies out the rows that tiles read: those of an operator begin at its `first_read`, one for each input of the operator that
 * it is a tile of. `count` as for `plimsoll_tiled_plan_regions`.
 */
int32_t plimsoll_tiled_plan_reads(const struct plimsoll_tiled_plan *plan,
                                  struct plimsoll_tile_read *reads,
                                  size_t record_size,
                                  size_t capacity,
                                  size_t *count);

/**
 * Copies out the tensors of the tiled graph by index: which rows of which tensor of the graph they hold. `count` as for
 * `plimsoll_tiled_plan_regions`.
 */
int32_t plimsoll_tiled_plan_tensors(const struct plimsoll_tiled_plan *plan,
                                    struct plimsoll_tiled_tensor *tensors,
                                    size_t record_size,
                                    size_t capacity,
                                    size_t *count);

/**
 * Verifies a tiled plan again, with code that shares nothing with the planner: that the tiled graph computes what the
 * graph computes if its access maps are true, and the plan of the tiled graph. The library has already verified
 * every tiled plan once.
 */
int32_t plimsoll_tiled_plan_verify(const struct plimsoll_tiled_plan *plan);

/**
 * Copies out a tiled plan as text, like `plimsoll_plan_export`. PLIMSOLL_ERROR_UNSUPPORTED for C code.
 */
int32_t plimsoll_tiled_plan_export(const struct plimsoll_tiled_plan *plan,
                                   int32_t format,
                                   char *text,
                                   size_t capacity,
                                   size_t *size);

/**
 * Writes a tiled plan to a file, like `plimsoll_plan_write`. PLIMSOLL_ERROR_UNSUPPORTED for C code.
 */
int32_t plimsoll_tiled_plan_write(const struct plimsoll_tiled_plan *plan,
                                  int32_t format,
                                  const char *path);

/**
 * Frees a tiled plan; NULL is allowed.
 */
void plimsoll_tiled_plan_free(struct plimsoll_tiled_plan *plan);

/* --------------------------------------------------------------------------------------------
 * Exports
 * -------------------------------------------------------------------------------------------- */

/**
 * Copies out a plan as text in a format, `PLIMSOLL_EXPORT_...`. `size` receives the size of the
 * text in bytes, terminating zero byte included. With NULL for `text` only `size` is written. If
 * `capacity` is less than `size`, only `size` is written and the call returns
 * PLIMSOLL_ERROR_TOO_SMALL.
 *
 * PLIMSOLL_ERROR_UNSUPPORTED if the library was built without the format.
 */
int32_t plimsoll_plan_export(const struct plimsoll_plan *plan,
                             int32_t format,
                             char *text,
                             size_t capacity,
                             size_t *size);

/**
 * Writes a plan to a file, in full or not at all: the contents go to a temporary file of a random
 * name in the same folder, are flushed to disk, and the file is renamed. A replaced file keeps its
 * mode; the mode of a new file follows the umask. Symbolic links are followed. Pipes and devices
 * are written to, not replaced. PLIMSOLL_ERROR_IO if the file cannot be written.
 */
int32_t plimsoll_plan_write(const struct plimsoll_plan *plan, int32_t format, const char *path);

/**
 * Copies out a plan for several memories as text, like `plimsoll_plan_export`.
 * `PLIMSOLL_EXPORT_CSV` has a row for each residency interval.
 */
int32_t plimsoll_pool_plan_export(const struct plimsoll_pool_plan *plan,
                                  int32_t format,
                                  char *text,
                                  size_t capacity,
                                  size_t *size);

/**
 * Writes a plan for several memories to a file, like `plimsoll_plan_write`.
 */
int32_t plimsoll_pool_plan_write(const struct plimsoll_pool_plan *plan,
                                 int32_t format,
                                 const char *path);

/**
 * Copies out a plan as C code, like `plimsoll_plan_export`. `part` is one of `PLIMSOLL_C_...`. All
 * names begin with `prefix` (macros in upper case): a letter, then letters, digits and single
 * underscores, at most 45 characters; NULL for `plimsoll_` and the name of the model. The source
 * part includes the file `header_name`; other parts ignore it, and it may be NULL.
 */
int32_t plimsoll_plan_export_code(const struct plimsoll_plan *plan,
                                  int32_t part,
                                  const char *prefix,
                                  const char *header_name,
                                  char *text,
                                  size_t capacity,
                                  size_t *size);

/**
 * Copies out a plan for several memories as C code, like `plimsoll_plan_export_code`.
 */
int32_t plimsoll_pool_plan_export_code(const struct plimsoll_pool_plan *plan,
                                       int32_t part,
                                       const char *prefix,
                                       const char *header_name,
                                       char *text,
                                       size_t capacity,
                                       size_t *size);

/* --------------------------------------------------------------------------------------------
 * ONNX models with plans
 * -------------------------------------------------------------------------------------------- */

/**
 * Copies out an ONNX model, given as `model_size` bytes in memory, with its nodes in the order of a
 * plan and the plan in its metadata. The rest of the model is unchanged. The plan must be of the
 * graph that these options import from the model; `options` may be NULL for the defaults. `size`
 * receives the size of the written model in bytes; with NULL for `bytes` only `size` is written,
 * which takes as long.
 *
 * PLIMSOLL_ERROR_ARGUMENT if the plan is of another graph, PLIMSOLL_ERROR_IMPORT if the model is
 * invalid, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without ONNX or JSON.
 */
int32_t plimsoll_plan_export_onnx(const struct plimsoll_plan *plan,
                                  const uint8_t *model,
                                  size_t model_size,
                                  const struct plimsoll_import_options *options,
                                  uint8_t *bytes,
                                  size_t capacity,
                                  size_t *size);

/**
 * Writes the model of `plimsoll_plan_export_onnx` to a file, in full or not at all. Weights in
 * external files are expected in the folder of this file.
 */
int32_t plimsoll_plan_write_onnx(const struct plimsoll_plan *plan,
                                 const uint8_t *model,
                                 size_t model_size,
                                 const struct plimsoll_import_options *options,
                                 const char *path);

/**
 * Verifies the plan in the metadata of an ONNX model. PLIMSOLL_ERROR_WRONG_PLAN if the plan is
 * wrong, PLIMSOLL_ERROR_IMPORT if there is no plan or the model is invalid,
 * PLIMSOLL_ERROR_UNSUPPORTED as for `plimsoll_plan_export_onnx`.
 */
int32_t plimsoll_onnx_verify(const uint8_t *model, size_t model_size);

/* --------------------------------------------------------------------------------------------
 * Tiled ONNX models
 * -------------------------------------------------------------------------------------------- */

/**
 * Tiles an ONNX model, given as `model_size` bytes in memory, if that takes less memory than `plan`: regions
 * of operators run stripe by stripe, so that their large tensors never exist as a whole, and the model stays one that
 * every runtime runs. The plan must be of the graph that `reading` imports from the model. `reading` and
 * `options`, which should be those of the plan, may be NULL for the defaults. `capacity` and `max_extra_ppm` as for
 * `plimsoll_plan_tile`. Slices and concatenations are operators of the model, whose memory counts.
 *
 * `tiled` receives NULL if no tiling within these limits takes less memory than the plan; that is no error. Free the
 * model with `plimsoll_tiled_onnx_free`. PLIMSOLL_ERROR_ARGUMENT for a plan of another graph or of a problem,
 * PLIMSOLL_ERROR_IMPORT if the model is invalid, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without ONNX or
 * JSON.
 */
int32_t plimsoll_plan_tile_onnx(const struct plimsoll_plan *plan,
                                const uint8_t *model,
                                size_t model_size,
                                const struct plimsoll_import_options *reading,
                                const struct plimsoll_options *options,
                                uint64_t capacity,
                                uint64_t max_extra_ppm,
                                struct plimsoll_tiled_onnx **tiled);

/**
 * Copies out the model with the plan in it. `size` receives its size in bytes; with NULL for `bytes` only `size` is
 * written.
 */
int32_t plimsoll_tiled_onnx_model(const struct plimsoll_tiled_onnx *tiled,
                                  uint8_t *bytes,
                                  size_t capacity,
                                  size_t *size);

/**
 * Writes the model to a file, in full or not at all. Weights in external files are expected in the folder of this
 * file.
 */
int32_t plimsoll_tiled_onnx_write(const struct plimsoll_tiled_onnx *tiled,
                                  const char *path);

/**
 * Creates the plan of the tiled model. Tensors and operators have their indices in this model. Free it with
 * `plimsoll_plan_free`.
 */
int32_t plimsoll_tiled_onnx_plan(const struct plimsoll_tiled_onnx *tiled,
                                 struct plimsoll_plan **plan);

/**
 * Writes the cost of the model's operators without tiling, in multiply-accumulates, and the cost of rows that
 * tiling computes again. Either may be NULL.
 */
int32_t plimsoll_tiled_onnx_cost(const struct plimsoll_tiled_onnx *tiled,
                                 uint64_t *untiled,
                                 uint64_t *extra);

/**
 * Frees a tiled model; NULL is allowed.
 */
void plimsoll_tiled_onnx_free(struct plimsoll_tiled_onnx *tiled);

/* --------------------------------------------------------------------------------------------
 * TensorFlow Lite models with plans
 * -------------------------------------------------------------------------------------------- */

/**
 * Creates a table of scratch sizes without measurements: each operator needs the scratch of its
 * reference kernel. Free it with `plimsoll_tflite_scratch_free`.
 *
 * PLIMSOLL_ERROR_UNSUPPORTED if the library was built without TensorFlow Lite.
 */
int32_t plimsoll_tflite_scratch_new(struct plimsoll_tflite_scratch **scratch);

/**
 * Sets the scratch of an operator in bytes: the sum of its requests, each rounded up to 16. The
 * operator is given by the positions of its subgraph and of itself in the file. `op_type`, as in
 * "CONV_2D", is its expected type, so that a table for another model is refused; NULL for any.
 */
int32_t plimsoll_tflite_scratch_set(struct plimsoll_tflite_scratch *scratch,
                                    size_t subgraph,
                                    size_t operator_index,
                                    const char *op_type,
                                    uint64_t bytes);

/**
 * Frees a table of scratch; NULL is allowed.
 */
void plimsoll_tflite_scratch_free(struct plimsoll_tflite_scratch *scratch);

/**
 * Plans a TensorFlow Lite model, given as `model_size` bytes in memory, for TensorFlow Lite Micro,
 * and writes a copy of the model with the plan in it. `name` names the graph. `options` may be NULL
 * for the defaults: strategy, order, capacity, limits and callbacks apply; the alignment must be 16,
 * no range may be reserved, the runtime plans variables, and only inputs and outputs of RESHAPE,
 * EXPAND_DIMS, SLICE and SPLIT share memory, in place also those of DYNAMIC_UPDATE_SLICE, and with
 * PLIMSOLL_SHARING_ALL those of SQUEEZE and CONCATENATION. `scratch` may be NULL for the scratch of the reference kernels. Free the
 * result with `plimsoll_tflite_plan_free`.
 *
 * PLIMSOLL_ERROR_ARGUMENT if the options or the scratch contradict the model,
 * PLIMSOLL_ERROR_IMPORT if the model is invalid or cannot have a plan, PLIMSOLL_ERROR_UNSUPPORTED if
 * the library was built without TensorFlow Lite.
 */
int32_t plimsoll_tflite_plan_new(const uint8_t *model,
                                 size_t model_size,
                                 const char *name,
                                 const struct plimsoll_options *options,
                                 const struct plimsoll_tflite_scratch *scratch,
                                 struct plimsoll_tflite_plan **planned);

/**
 * Does the same as `plimsoll_tflite_plan_new`, but regions of operators may run stripe by stripe, so that
 * their large tensors never exist as a whole. `max_extra_ppm` is the cost that tiling may add for rows that
 * are computed again, in parts per million of the model's multiply-accumulates. With `smallest_head` other
 * than 0, the head is made small although the tail grows with every tile; otherwise the estimated arena.
 * Without a better tiling, the result is the plan without tiling. In a tiled model, tensors and operators
 * have the indices of the tiled model before it is put in order. Free the result with
 * `plimsoll_tflite_plan_free`.
 *
 * Errors as for `plimsoll_tflite_plan_new`.
 */
int32_t plimsoll_tflite_plan_tile(const uint8_t *model,
                                  size_t model_size,
                                  const char *name,
                                  const struct plimsoll_options *options,
                                  const struct plimsoll_tflite_scratch *scratch,
                                  uint64_t max_extra_ppm,
                                  int32_t smallest_head,
                                  struct plimsoll_tflite_plan **planned);

/**
 * Writes the cost of the model's operators without tiling, in multiply-accumulates, and the cost of rows
 * that tiling computes again. Both are 0 for a plan without tiling. Either may be NULL.
 */
int32_t plimsoll_tflite_plan_tiling_cost(const struct plimsoll_tflite_plan *planned,
                                         uint64_t *untiled,
                                         uint64_t *extra);

/**
 * Copies out the model with the plan in it. `size` receives its size in bytes; with NULL for `bytes`
 * only `size` is written.
 */
int32_t plimsoll_tflite_plan_model(const struct plimsoll_tflite_plan *planned,
                                   uint8_t *bytes,
                                   size_t capacity,
                                   size_t *size);

/**
 * Writes the model with the plan in it to a file, in full or not at all.
 */
int32_t plimsoll_tflite_plan_write(const struct plimsoll_tflite_plan *planned, const char *path);

/**
 * Writes the bytes that the head of the runtime's arena needs, scratch included, with this plan and
 * with the runtime's own plan: PLIMSOLL_NONE if the latter is unknown. Either may be NULL.
 */
int32_t plimsoll_tflite_plan_head_bytes(const struct plimsoll_tflite_plan *planned,
                                        uint64_t *head,
                                        uint64_t *runtime_head);

/**
 * Copies out notes for the user, a line each; empty if there are none. `size` as for
 * `plimsoll_last_error`.
 */
int32_t plimsoll_tflite_plan_notes(const struct plimsoll_tflite_plan *planned,
                                   char *notes,
                                   size_t capacity,
                                   size_t *size);

/**
 * Creates a plan from the plan of the first subgraph, with sizes as the runtime rounds them: for its
 * figures, and for exports. Tensors and operators have their indices in the input file; the scratch
 * of an operator includes the memory of its bodies. Free it with `plimsoll_plan_free`.
 */
int32_t plimsoll_tflite_plan_main(const struct plimsoll_tflite_plan *planned,
                                  struct plimsoll_plan **plan);

/**
 * Copies out the order of a subgraph's operators: their positions in the input file.
 * PLIMSOLL_ERROR_ARGUMENT if there is no such subgraph.
 */
int32_t plimsoll_tflite_plan_order(const struct plimsoll_tflite_plan *planned,
                                   size_t subgraph,
                                   uint32_t *order,
                                   size_t capacity,
                                   size_t *count);

/**
 * Copies out a subgraph's offsets in the head of the arena, by tensor; PLIMSOLL_NONE for tensors that
 * the runtime places: variables and constants. PLIMSOLL_ERROR_ARGUMENT if there is no such subgraph.
 */
int32_t plimsoll_tflite_plan_offsets(const struct plimsoll_tflite_plan *planned,
                                     size_t subgraph,
                                     uint64_t *offsets,
                                     size_t capacity,
                                     size_t *count);

/**
 * Frees a planned model; NULL is allowed.
 */
void plimsoll_tflite_plan_free(struct plimsoll_tflite_plan *planned);

/**
 * Verifies the plan in a model for TensorFlow Lite Micro by the rules of the runtime, which does not
 * check it. `scratch`, which may be NULL, refers to operators by their positions in this file. `head`
 * receives the bytes that the head of the arena needs, scratch included; it may be NULL.
 *
 * PLIMSOLL_ERROR_WRONG_PLAN if the plan is wrong, PLIMSOLL_ERROR_IMPORT if there is no plan or the
 * model is invalid; PLIMSOLL_ERROR_ARGUMENT and PLIMSOLL_ERROR_UNSUPPORTED as for
 * `plimsoll_tflite_plan_new`.
 */
int32_t plimsoll_tflite_verify(const uint8_t *model,
                               size_t model_size,
                               const struct plimsoll_tflite_scratch *scratch,
                               uint64_t *head);

#ifdef __cplusplus
}
#endif

/* The size of each record in this version: a compiler that lays it out differently reports an error. */
typedef char plimsoll_size_of_buffer[sizeof(plimsoll_buffer) == 32 ? 1 : -1];
typedef char plimsoll_size_of_gap[sizeof(plimsoll_gap) == 12 ? 1 : -1];
typedef char plimsoll_size_of_tensor[sizeof(plimsoll_tensor) == 32 ? 1 : -1];
typedef char plimsoll_size_of_operator[sizeof(plimsoll_operator) == 24 ? 1 : -1];
typedef char plimsoll_size_of_permit[sizeof(plimsoll_permit) == 24 ? 1 : -1];
typedef char plimsoll_size_of_schedule[sizeof(plimsoll_schedule) == 32 ? 1 : -1];
typedef char plimsoll_size_of_placement[sizeof(plimsoll_placement) == 32 ? 1 : -1];
typedef char plimsoll_size_of_occupant[sizeof(plimsoll_occupant) == 8 ? 1 : -1];
typedef char plimsoll_size_of_shared_object[sizeof(plimsoll_shared_object) == 16 ? 1 : -1];
typedef char plimsoll_size_of_nesting[sizeof(plimsoll_nesting) == 24 ? 1 : -1];
typedef char plimsoll_size_of_alias[sizeof(plimsoll_alias) == 24 ? 1 : -1];
typedef char plimsoll_size_of_windowed[sizeof(plimsoll_windowed) == 136 ? 1 : -1];
typedef char plimsoll_size_of_pool[sizeof(plimsoll_pool) == 48 ? 1 : -1];
typedef char plimsoll_size_of_residency[sizeof(plimsoll_residency) == 40 ? 1 : -1];
typedef char plimsoll_size_of_transfer[sizeof(plimsoll_transfer) == 48 ? 1 : -1];
typedef char plimsoll_size_of_use[sizeof(plimsoll_use) == 16 ? 1 : -1];
typedef char plimsoll_size_of_pool_traffic[sizeof(plimsoll_pool_traffic) == 24 ? 1 : -1];
typedef char plimsoll_size_of_pool_figures[sizeof(plimsoll_pool_figures) == 48 ? 1 : -1];
typedef char plimsoll_size_of_tiling_figures[sizeof(plimsoll_tiling_figures) == 64 ? 1 : -1];
typedef char plimsoll_size_of_region[sizeof(plimsoll_region) == 24 ? 1 : -1];
typedef char plimsoll_size_of_tile[sizeof(plimsoll_tile) == 40 ? 1 : -1];
typedef char plimsoll_size_of_tiled_operator[sizeof(plimsoll_tiled_operator) == 56 ? 1 : -1];
typedef char plimsoll_size_of_tile_read[sizeof(plimsoll_tile_read) == 40 ? 1 : -1];
typedef char plimsoll_size_of_tiled_tensor[sizeof(plimsoll_tiled_tensor) == 24 ? 1 : -1];
typedef char plimsoll_size_of_progress[sizeof(plimsoll_progress) == 24 ? 1 : -1];

#endif /* PLIMSOLL_H */
