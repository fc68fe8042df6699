/*
 * plimsoll: a static memory planner for neural-network compilers.
 *
 * A graph of operators and tensors goes in, or a list of buffers with sizes and
 * live ranges; an order and an offset for everything come out, in as little memory
 * as possible, verified, with a lower bound that says how close to the limit it is.
 *
 * In every function:
 *
 * - What can fail returns a status, PLIMSOLL_OK or PLIMSOLL_ERROR_..., as an
 *   int32_t. A function that fails writes nothing to where results go (but for
 *   the sizes that it says are needed), and leaves its objects as they were.
 *   plimsoll_last_error() has the message, which names the culprit.
 * - Objects are opaque. They come from ..._new, plan and import functions, belong to
 *   the caller, and go by the ..._free function of their type: once, or NULL. An
 *   object that another was made of may be freed before that. const objects are
 *   not changed. The comment on each type says how threads may share it.
 * - Pointers must not be NULL where nothing else is said; NULL is an error, not a
 *   crash. An array of no entries may be NULL. Arrays and texts that are passed in
 *   are copied. Texts are UTF-8 and end with a zero byte.
 * - Sizes and offsets are bytes. Steps count operators in the order to run, from 0;
 *   live ranges are half-open. Indices count tensors, operators and buffers in the
 *   order in which they were added, from 0.
 * - Enumerations are int32_t, and numbers that are none of theirs are refused.
 * - Callbacks run on the thread that called, and must return.
 * - A mistake in the library ends the call with PLIMSOLL_ERROR_PANIC; if it was
 *   built with panic = "abort", it ends the process.
 *
 * The library starts no threads but those of plimsoll_options_set_threads() while it
 * plans, uses no environment variables and keeps no state
 * but the message of each thread.
 *
 * This file is generated; do not edit it.
 */


#ifndef PLIMSOLL_H
#define PLIMSOLL_H

#include <stddef.h>
#include <stdint.h>

// The number of this ABI: programs built for one number run with every library
// that has the same. `plimsoll_abi()` says that of the library.
#define PLIMSOLL_ABI 1

// No value: no fixed offset, no capacity, no place in the arena.
#define PLIMSOLL_NONE UINT64_MAX

// No object, or no index.
#define PLIMSOLL_NO_INDEX UINT32_MAX

// Done.
#define PLIMSOLL_OK 0

// A pointer is NULL that must not be.
#define PLIMSOLL_ERROR_NULL 1

// A number, size or text is none that this argument can have.
#define PLIMSOLL_ERROR_ARGUMENT 2

// The object is not in a state in which it can do this.
#define PLIMSOLL_ERROR_STATE 3

// The graph or the buffers break a rule; the message names the culprit.
#define PLIMSOLL_ERROR_INVALID 4

// The strategy does not handle this problem.
#define PLIMSOLL_ERROR_REFUSED 5

// A plan, or what a strategy returned, is wrong; the message says where.
#define PLIMSOLL_ERROR_WRONG_PLAN 6

// A file or text could not be read as what it should be.
#define PLIMSOLL_ERROR_IMPORT 7

// A file could not be opened or written.
#define PLIMSOLL_ERROR_IO 8

// This build of the library lacks the feature.
#define PLIMSOLL_ERROR_UNSUPPORTED 9

// The memory handed over is too small; the size that is needed is written.
#define PLIMSOLL_ERROR_TOO_SMALL 10

// A callback returned a number other than 0.
#define PLIMSOLL_ERROR_CALLBACK 11

// A mistake in the library. The objects of the call are not to be used again,
// but may be freed.
#define PLIMSOLL_ERROR_PANIC 12

// A memory cannot hold what must live there; the message says how much that is.
#define PLIMSOLL_ERROR_DOES_NOT_FIT 13

// The call was cancelled before there was a verified plan, or a whole graph.
#define PLIMSOLL_ERROR_CANCELLED 14

// What is known of a plan: the arena is as low as the lower bound.
#define PLIMSOLL_STATUS_OPTIMAL 0

// A right plan; a lower one may or may not exist.
#define PLIMSOLL_STATUS_FEASIBLE 1

// Nothing fits the capacity; the plan needs more.
#define PLIMSOLL_STATUS_INFEASIBLE 2

// The plan needs more than the capacity, but something else may fit.
#define PLIMSOLL_STATUS_UNKNOWN 3

// Why a search stopped: it was done.
#define PLIMSOLL_STOP_FINISHED 0

// The limit of search nodes was met.
#define PLIMSOLL_STOP_NODES 1

// The time limit was met.
#define PLIMSOLL_STOP_DEADLINE 2

// It was cancelled, or the progress callback said so.
#define PLIMSOLL_STOP_CANCELLED 3

// Kinds of tensor. An external input, written by the caller before the first
// step.
#define PLIMSOLL_TENSOR_INPUT 0

// A weight; lives outside of the arena.
#define PLIMSOLL_TENSOR_CONSTANT 1

// State that outlives a run.
#define PLIMSOLL_TENSOR_VARIABLE 2

// Written by one operator, read by any number.
#define PLIMSOLL_TENSOR_INTERMEDIATE 3

// What lies in an arena: a tensor, or a buffer of a problem.
#define PLIMSOLL_OCCUPANT_TENSOR 0

// The workspace of an operator.
#define PLIMSOLL_OCCUPANT_SCRATCH 1

// Variables live in the arena, throughout the run.
#define PLIMSOLL_VARIABLES_ARENA 0

// Variables live in memory of their own, uncounted.
#define PLIMSOLL_VARIABLES_OUTSIDE 1

// Operators run in the order of the file.
#define PLIMSOLL_ORDER_FILE 0

// In the best order that can be found quickly; for most networks one that is proven.
#define PLIMSOLL_ORDER_AUTO 1

// In one of the least peak, with proof, as far as limits and memory reach.
#define PLIMSOLL_ORDER_OPTIMAL 2

// Milliseconds of work where no limit says so.
#define PLIMSOLL_EFFORT_QUICK 0

// Typically at most 50 ms.
#define PLIMSOLL_EFFORT_DEFAULT 1

// Seconds or more.
#define PLIMSOLL_EFFORT_THOROUGH 2

// What an operator permits: its output is bytes of its input.
#define PLIMSOLL_PERMIT_VIEW 0

// Its input is bytes of its output.
#define PLIMSOLL_PERMIT_PIECE 1

// Its output may be written over its input, from the first byte on.
#define PLIMSOLL_PERMIT_IN_PLACE 2

// The end of its input may be the start of its output.
#define PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW 3

// The end of its output may be the start of its input.
#define PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW 4

// Tensors share no memory while both are needed.
#define PLIMSOLL_SHARING_NONE 0

// Views do: reshapes, slices, splits.
#define PLIMSOLL_SHARING_VIEWS 1

// And outputs are written over inputs.
#define PLIMSOLL_SHARING_IN_PLACE 2

// And pieces are made where they are put together, and tensors overlap in part.
#define PLIMSOLL_SHARING_ALL 3

// How a tensor shares memory: it is all of the other one.
#define PLIMSOLL_SHARE_VIEW 0

// It is a part of the other one.
#define PLIMSOLL_SHARE_SLICE 1

// It was made as a part of the other one, and is not to be copied there.
#define PLIMSOLL_SHARE_CONCAT 2

// It is written over the other one.
#define PLIMSOLL_SHARE_IN_PLACE 3

// It starts within the other one, which is below it.
#define PLIMSOLL_SHARE_OVERLAP 4

// What a pool may hold, as bits: inputs, outputs, and what lies between operators.
#define PLIMSOLL_HOLDS_ACTIVATIONS 1

// Weights and other data that no run changes.
#define PLIMSOLL_HOLDS_CONSTANTS 2

// State that outlives a run.
#define PLIMSOLL_HOLDS_VARIABLES 4

// Workspaces of operators.
#define PLIMSOLL_HOLDS_SCRATCH 8

// All of them.
#define PLIMSOLL_HOLDS_ALL 15

// A copy costs what an operator pays in place.
#define PLIMSOLL_COST_IN_PLACE UINT32_MAX

// Constants come on chip before the first run: those that stay there cost no run anything.
#define PLIMSOLL_LOADING_ONCE 0

// In each run anew.
#define PLIMSOLL_LOADING_EACH_RUN 1

// Formats to import from: ONNX.
#define PLIMSOLL_IMPORT_ONNX 0

// TensorFlow Lite.
#define PLIMSOLL_IMPORT_TFLITE 1

// A graph as JSON.
#define PLIMSOLL_IMPORT_JSON 2

// Buffers as CSV.
#define PLIMSOLL_IMPORT_CSV 3

// Formats to export to: PLAN.json.
#define PLIMSOLL_EXPORT_JSON 0

// Buffers with offsets.
#define PLIMSOLL_EXPORT_CSV 1

// A memory map.
#define PLIMSOLL_EXPORT_SVG 2

// A C header with tables.
#define PLIMSOLL_EXPORT_C 3

// A summary for people.
#define PLIMSOLL_EXPORT_TEXT 4

// A page to look into: the memory map, live bytes, what causes the bound, tables. One HTML
// file that loads nothing.
#define PLIMSOLL_EXPORT_HTML 5

// A trace for a timeline viewer, in Chrome's Trace Event Format.
#define PLIMSOLL_EXPORT_TRACE 6

// Parts of a plan as C code: a header alone, with tables.
#define PLIMSOLL_C_ALONE 0

// A header that declares what the source defines.
#define PLIMSOLL_C_HEADER 1

// The source: the arena and the tables.
#define PLIMSOLL_C_SOURCE 2

// Stops a search from another thread. Any thread may use it at any time.
typedef struct plimsoll_cancel plimsoll_cancel;

// What is kept on chip where not everything fits, and what stays outside. Never
// changes; any number of threads may use it at the same time. It has been
// verified.
typedef struct plimsoll_choice plimsoll_choice;

// What cannot lie together within a capacity. Never changes; any number of threads
// may use it at the same time.
typedef struct plimsoll_core plimsoll_core;

// Operators and tensors. It is added to first, then built once, then planned any
// number of times. Not to be used by two threads at the same time as long as it
// is not built; after that, any number may.
typedef struct plimsoll_graph plimsoll_graph;

// How to read a file. Not to be changed by one thread while another uses it;
// otherwise any number of threads may use it at the same time.
typedef struct plimsoll_import_options plimsoll_import_options;

// How to plan. Not to be changed by one thread while another uses it; otherwise
// any number of threads may use it at the same time, as far as its callbacks
// allow that: they are called on the thread that plans.
typedef struct plimsoll_options plimsoll_options;

// A plan of a graph, or of a problem. Never changes; any number of threads may use
// it at the same time. It has been verified.
typedef struct plimsoll_plan plimsoll_plan;

// Where everything lives when there are several memories, and what is copied. Never
// changes; any number of threads may use it at the same time. It has been verified.
typedef struct plimsoll_pool_plan plimsoll_pool_plan;

// The memories of a machine, fast ones first; the last that is added is home, where
// everything lives that has no place elsewhere. Not to be changed by one thread while
// another uses it; otherwise any number of threads may use it at the same time.
typedef struct plimsoll_pools plimsoll_pools;

// Buffers to be given offsets. Never changes; any number of threads may use it
// at the same time.
typedef struct plimsoll_problem plimsoll_problem;

// A model for TensorFlow Lite Micro with a plan inside. Never changes; any number of threads may
// use it at the same time. It has been verified.
typedef struct plimsoll_tflite_plan plimsoll_tflite_plan;

// Scratch of a TensorFlow Lite model's operators, as measured on a target. Not to be changed by
// one thread while another uses it; otherwise any number of threads may use it at the same time.
typedef struct plimsoll_tflite_scratch plimsoll_tflite_scratch;

// What a planner needs to know of a buffer. Frozen: 32 bytes.
typedef struct plimsoll_buffer {
    // Bytes; may be 0.
    uint64_t size;
    // The offset is a multiple of this power of two; 1 for any offset.
    uint64_t alignment;
    // The offset in bytes that it must have, or `PLIMSOLL_NONE`.
    uint64_t fixed_offset;
    // The first step at which it is live.
    uint32_t start;
    // The step after the last; larger than `start`.
    uint32_t end;
} plimsoll_buffer;

// Steps at which the memory of a live buffer is free for others. Frozen: 12 bytes.
typedef struct plimsoll_gap {
    // The buffer, by its place in the array.
    uint32_t buffer;
    // The first step of the gap; the buffer is live before it.
    uint32_t start;
    // The step after the last; the buffer is live at it.
    uint32_t end;
} plimsoll_gap;

// Chooses an offset in bytes for each of `count` buffers. `capacity` is a wish,
// or PLIMSOLL_NONE. A number other than 0 ends planning with
// PLIMSOLL_ERROR_CALLBACK. What it chooses is verified like the work of the
// library. Called on the thread that plans. Must return.
typedef int32_t (*plimsoll_strategy_fn)(void *userdata,
                                        const struct plimsoll_buffer *buffers,
                                        size_t count,
                                        uint64_t capacity,
                                        uint64_t *offsets);

// How far a search is, as told to a progress callback. Frozen: 24 bytes.
typedef struct plimsoll_progress {
    // Search nodes so far.
    uint64_t nodes;
    // The best found so far, in bytes.
    uint64_t best;
    // Nothing is lower than this, as far as is proven, in bytes.
    uint64_t bound;
} plimsoll_progress;

// Looks at how far a search is; a number other than 0 stops it. Called now and
// then on the thread that plans. Must return: no exception, no longjmp.
typedef int32_t (*plimsoll_progress_fn)(void *userdata, const struct plimsoll_progress *progress);

// Takes a line of text, which is gone when it returns. Called on the thread that
// plans, at the beginning and end of each plan. Must return.
typedef void (*plimsoll_log_fn)(void *userdata, const char *line);

// What is known of an order. Frozen: 32 bytes.
typedef struct plimsoll_schedule {
    // The most bytes live at a step.
    uint64_t peak_bytes;
    // The same in the order of the file.
    uint64_t file_peak_bytes;
    // No order has a lower peak.
    uint64_t lower_bound_bytes;
    // Nodes of the search.
    uint64_t nodes;
} plimsoll_schedule;

// Where something lies in the arena, and when. Frozen: 32 bytes.
typedef struct plimsoll_placement {
    // Bytes from the start of the arena.
    uint64_t offset;
    // Size in bytes.
    uint64_t bytes;
    // The first step at which it is live.
    uint32_t start;
    // The step after the last.
    uint32_t end;
    // The tensor, the buffer, or the operator whose workspace it is.
    uint32_t index;
    // `PLIMSOLL_OCCUPANT_...`.
    int32_t occupant;
} plimsoll_placement;

// What lies in the arena. Frozen: 8 bytes.
typedef struct plimsoll_occupant {
    // The tensor, the buffer, or the operator whose workspace it is.
    uint32_t index;
    // `PLIMSOLL_OCCUPANT_...`.
    int32_t occupant;
} plimsoll_occupant;

// A fixed part of the arena that several tensors share. Frozen: 16 bytes.
typedef struct plimsoll_object {
    // Bytes from the start of the arena.
    uint64_t offset;
    // Size in bytes.
    uint64_t bytes;
} plimsoll_object;

// A tensor or workspace in the memory of a larger one. Frozen: 24 bytes.
typedef struct plimsoll_inside {
    // The smaller one.
    struct plimsoll_occupant guest;
    // The larger one, which is not live at the same time.
    struct plimsoll_occupant host;
    // Bytes from the start of the larger one.
    uint64_t at;
} plimsoll_inside;

// A convolution, depthwise convolution or pooling, as `plimsoll_safe_overlap` looks at
// it. Rows, columns, channels; channels are innermost in memory. Frozen: 136 bytes.
typedef struct plimsoll_windowed {
    // Rows, columns and channels that are read.
    uint64_t input[3];
    // Rows, columns and channels that are written.
    uint64_t output[3];
    // Rows and columns of the window.
    uint64_t window[2];
    // Rows and columns from one window to the next.
    uint64_t stride[2];
    // Rows above and columns left of the input that the first window covers.
    uint64_t padding[2];
    // Rows and columns from one element of the window to the next.
    uint64_t dilation[2];
    // Bytes of an element, of the input and of the output.
    uint64_t element_bytes[2];
    // 1 if an element needs its own channel alone, as in depthwise convolutions and
    // pooling; 0 if it needs all.
    int32_t by_channel;
    // 1 if the loops run from the last element to the first.
    int32_t descending;
} plimsoll_windowed;

// A tensor that shares memory with another one while both are needed. Frozen: 24
// bytes.
typedef struct plimsoll_share {
    // Bytes from the start of the other one.
    uint64_t at;
    // The tensor.
    uint32_t tensor;
    // The other one.
    uint32_t of;
    // The operator that permits it.
    uint32_t operator_;
    // `PLIMSOLL_SHARE_...`.
    int32_t how;
} plimsoll_share;

// A memory. Costs are per byte, in a unit of the caller's. Frozen: 48 bytes.
typedef struct plimsoll_pool {
    // How many bytes there are, or `PLIMSOLL_NONE` for any number.
    uint64_t capacity;
    // Every offset is a multiple of this power of two; 1 for any offset.
    uint64_t alignment;
    // Nothing above this size can live there; `PLIMSOLL_NONE` for any size.
    uint64_t largest;
    // `PLIMSOLL_HOLDS_...`, together.
    uint32_t holds;
    // What a byte costs that an operator reads there in place.
    uint32_t read_cost;
    // What a byte costs that an operator writes there in place.
    uint32_t write_cost;
    // What a byte costs that is copied from there, or `PLIMSOLL_COST_IN_PLACE`.
    uint32_t copy_from_cost;
    // What a byte costs that is copied to there, or `PLIMSOLL_COST_IN_PLACE`.
    uint32_t copy_to_cost;
    // 0.
    uint32_t unused;
} plimsoll_pool;

// What is known of a plan for several memories. Frozen: 48 bytes.
typedef struct plimsoll_pool_figures {
    // What a run costs.
    uint64_t cost;
    // No choice of places costs less, for this order.
    uint64_t lower_bound;
    // What would be left if every pool were as large as one wishes.
    uint64_t floor;
    // Bytes of constants that are on chip before the first run.
    uint64_t preloaded;
    // Search nodes spent.
    uint64_t nodes;
    // Why the search stopped: `PLIMSOLL_STOP_...`.
    int32_t stop;
    // How many pools there are.
    uint32_t pools;
} plimsoll_pool_figures;

// What a plan does with a pool. Frozen: 24 bytes.
typedef struct plimsoll_pool_traffic {
    // The end of what lies topmost, in bytes.
    uint64_t used;
    // Bytes that a run reads from it.
    uint64_t read;
    // Bytes that a run writes to it.
    uint64_t written;
} plimsoll_pool_traffic;

// A tensor or workspace has a place in a pool for some steps. Frozen: 40 bytes.
typedef struct plimsoll_stay {
    // Bytes from the start of the pool.
    uint64_t offset;
    // Size in bytes.
    uint64_t bytes;
    // The first step at which the place is its own.
    uint32_t start;
    // The step after the last.
    uint32_t end;
    // The tensor, or the operator whose workspace it is.
    uint32_t index;
    // `PLIMSOLL_OCCUPANT_...`.
    int32_t occupant;
    // The pool, by its number.
    uint32_t pool;
    // 0.
    uint32_t unused;
} plimsoll_stay;

// A tensor is copied from one pool to another. Frozen: 48 bytes.
typedef struct plimsoll_transfer {
    // Bytes from the start of the pool it comes from.
    uint64_t from_offset;
    // Bytes from the start of the pool it goes to.
    uint64_t to_offset;
    // Bytes.
    uint64_t bytes;
    // The tensor.
    uint32_t tensor;
    // From the start of this step it may be under way.
    uint32_t step;
    // Before the operator of this step it is done; the number of steps if after the last.
    uint32_t due;
    // 1 if it comes after those that are due at the same step and have 0 here, as they
    // may read what it writes over.
    uint32_t late;
    // The pool it comes from.
    uint32_t from;
    // The pool it goes to.
    uint32_t to;
} plimsoll_transfer;

// The operator of a step finds something in a pool. Frozen: 16 bytes.
typedef struct plimsoll_use {
    // The step.
    uint32_t step;
    // The tensor, or the operator whose workspace it is.
    uint32_t index;
    // `PLIMSOLL_OCCUPANT_...`.
    int32_t occupant;
    // The pool.
    uint32_t pool;
} plimsoll_use;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The ABI number of the library: the program's `PLIMSOLL_ABI` must be the same.
uint32_t plimsoll_abi(void);

// The version of the library, as in "1.2.3". Lives as long as the program.
const char *plimsoll_version(void);

// Copies out the message of the last call that failed on this thread: what is
// wrong, naming the culprit, in at most 2 KiB; empty if none failed. Calls that
// succeed leave it as it is.
//
// `size` is what the text needs, its zero byte included. With NULL for `text`
// only that is written; if `capacity` is less, nothing but that, and the call
// returns PLIMSOLL_ERROR_TOO_SMALL (without a message of its own). Any thread.
int32_t plimsoll_last_error(char *text, size_t capacity, size_t *size);

// Makes a token that is not cancelled. Free it with `plimsoll_cancel_free`; that
// may be done while options that were given it are in use.
int32_t plimsoll_cancel_new(struct plimsoll_cancel **cancel);

// Asks every search that was given this token to stop soon; each returns the
// best that it has, with PLIMSOLL_STOP_CANCELLED.
int32_t plimsoll_cancel_cancel(const struct plimsoll_cancel *cancel);

// Frees a token; NULL is allowed.
void plimsoll_cancel_free(struct plimsoll_cancel *cancel);

// Makes an empty graph of this name. Free it with `plimsoll_graph_free`.
int32_t plimsoll_graph_new(const char *name, struct plimsoll_graph **graph);

// Adds a tensor of `bytes` bytes and writes its index: they count from 0.
//
// `kind` is `PLIMSOLL_TENSOR_...`; `alignment` a power of two in bytes, or 0 for
// that of the options; `fixed_offset` the offset in bytes that it must have, or
// PLIMSOLL_NONE.
int32_t plimsoll_graph_add_tensor(struct plimsoll_graph *graph,
                                  const char *name,
                                  int32_t kind,
                                  uint64_t bytes,
                                  uint64_t alignment,
                                  uint64_t fixed_offset,
                                  uint32_t *tensor);

// The same of a tensor of `rank` dimensions with elements of a type such as
// "int8", "float16" or "int4"; its size follows, sub-byte elements packed.
int32_t plimsoll_graph_add_shaped_tensor(struct plimsoll_graph *graph,
                                         const char *name,
                                         int32_t kind,
                                         const char *element_type,
                                         const uint64_t *dims,
                                         size_t rank,
                                         uint64_t alignment,
                                         uint64_t fixed_offset,
                                         uint32_t *tensor);

// Marks a tensor of any kind as a graph output: it lives to the end.
int32_t plimsoll_graph_mark_output(struct plimsoll_graph *graph, uint32_t tensor);

// Adds an operator and writes its index: they count from 0, in file order.
//
// `op_type` says what it computes, as in "Conv" (NULL: nothing said). It reads
// `input_count` tensors, one perhaps more than once, and writes `output_count`.
// `scratch_bytes` of workspace are alive only while it runs.
int32_t plimsoll_graph_add_operator(struct plimsoll_graph *graph,
                                    const char *name,
                                    const char *op_type,
                                    const uint32_t *inputs,
                                    size_t input_count,
                                    const uint32_t *outputs,
                                    size_t output_count,
                                    uint64_t scratch_bytes,
                                    uint32_t *operator_);

// Says that operator `after` must run after operator `before`, although it
// reads nothing of it.
int32_t plimsoll_graph_add_dependency(struct plimsoll_graph *graph,
                                      uint32_t before,
                                      uint32_t after);

// Adds a body to an operator: a built graph that the operator runs while it runs, any number of
// times, one body at a time: a branch of a conditional, the condition or the body of a loop. What it
// reads of the graph around it is an input of the operator, and no tensor of the body. It may not
// have variables. The body is copied; free it as any graph.
int32_t plimsoll_graph_add_body(struct plimsoll_graph *graph,
                                uint32_t operator_,
                                const struct plimsoll_graph *body);

// How many bodies an operator of a built graph has.
int32_t plimsoll_graph_body_count(const struct plimsoll_graph *graph,
                                  uint32_t operator_,
                                  size_t *count);

// A body of an operator of a built graph, by position, as a graph. Free it with
// `plimsoll_graph_free`.
int32_t plimsoll_graph_body(const struct plimsoll_graph *graph,
                            uint32_t operator_,
                            size_t position,
                            struct plimsoll_graph **body);

// Says that an operator may run at compile time once all of its inputs are
// constants: it has no side effects and draws no random numbers.
int32_t plimsoll_graph_mark_foldable(struct plimsoll_graph *graph, uint32_t operator_);

// Checks all that was added; from then on the graph can be planned, and nothing
// added to it. PLIMSOLL_ERROR_INVALID names the first mistake: a tensor with two
// producers or none, a cycle, an unknown index. The graph is then as it was.
int32_t plimsoll_graph_build(struct plimsoll_graph *graph);

// Folds away operators that were marked for it and read constants only, again
// and again; writes how many are folded then. Of a built graph that no other
// thread uses. Plans that were made before stay as they are.
int32_t plimsoll_graph_fold_constants(struct plimsoll_graph *graph, size_t *count);

// Counts every floating-point element as one of this type, as if quantized. Of a
// built graph that no other thread uses.
int32_t plimsoll_graph_count_floats_as(struct plimsoll_graph *graph, const char *element_type);

// How many tensors a built graph has.
int32_t plimsoll_graph_tensor_count(const struct plimsoll_graph *graph, size_t *count);

// How many operators a built graph has, folded ones included.
int32_t plimsoll_graph_operator_count(const struct plimsoll_graph *graph, size_t *count);

// The size in bytes of a tensor of a built graph.
int32_t plimsoll_graph_tensor_bytes(const struct plimsoll_graph *graph,
                                    uint32_t tensor,
                                    uint64_t *bytes);

// Copies out the name of a tensor of a built graph. `size` is what it needs, its
// zero byte included; see `plimsoll_last_error`.
int32_t plimsoll_graph_tensor_name(const struct plimsoll_graph *graph,
                                   uint32_t tensor,
                                   char *name,
                                   size_t capacity,
                                   size_t *size);

// Copies out the name of an operator of a built graph, in the same way.
int32_t plimsoll_graph_operator_name(const struct plimsoll_graph *graph,
                                     uint32_t operator_,
                                     char *name,
                                     size_t capacity,
                                     size_t *size);

// Copies out what the importer of a graph left out or took for granted, a line
// each; empty if there is nothing to say. `size` as above.
int32_t plimsoll_graph_notes(const struct plimsoll_graph *graph,
                             char *notes,
                             size_t capacity,
                             size_t *size);

// Frees a graph; NULL is allowed. Plans that were made of it stay.
void plimsoll_graph_free(struct plimsoll_graph *graph);

// Checks `count` buffers and makes a problem of them, which takes a copy. Buffer
// `i` has index `i` from then on. `names` is NULL, or has a name for each, for
// messages.
//
// Free it with `plimsoll_problem_free`. PLIMSOLL_ERROR_INVALID names the first
// buffer that is wrong: empty live range, alignment that is no power of two,
// fixed offsets that overlap, sizes beyond 64 bits.
int32_t plimsoll_problem_new(const struct plimsoll_buffer *buffers,
                             size_t count,
                             const char *const *names,
                             struct plimsoll_problem **problem);

// The same with `gap_count` gaps, in any order: steps at which the memory of a live
// buffer is free for others. A gap leaves its buffer at least a step at either end,
// and is apart from the buffer's other gaps, or else PLIMSOLL_ERROR_INVALID names
// both.
int32_t plimsoll_problem_new_with_gaps(const struct plimsoll_buffer *buffers,
                                       size_t count,
                                       const char *const *names,
                                       const struct plimsoll_gap *gaps,
                                       size_t gap_count,
                                       struct plimsoll_problem **problem);

// How many buffers there are.
int32_t plimsoll_problem_buffer_count(const struct plimsoll_problem *problem, size_t *count);

// Checks `count` offsets, one for each buffer, against the problem: aligned, at
// fixed offsets, inside of an arena of `arena_bytes`, and no overlap of what is
// live at the same time. PLIMSOLL_ERROR_WRONG_PLAN says what is wrong.
int32_t plimsoll_problem_verify(const struct plimsoll_problem *problem,
                                const uint64_t *offsets,
                                size_t count,
                                uint64_t arena_bytes);

// Frees a problem; NULL is allowed. Plans that were made of it stay.
void plimsoll_problem_free(struct plimsoll_problem *problem);

// Makes options: operators that read constants only are folded away, buffers
// without an alignment have 1, floats keep their size. Free them with
// `plimsoll_import_options_free`.
int32_t plimsoll_import_options_new(struct plimsoll_import_options **options);

// Counts every floating-point element as one of this type, as in "int8"; NULL
// for what it is.
int32_t plimsoll_import_options_set_floats_as(struct plimsoll_import_options *options,
                                              const char *name);

// Binds a symbolic dimension.
int32_t plimsoll_import_options_set_dimension(struct plimsoll_import_options *options,
                                              const char *name,
                                              uint64_t value);

// Gives an input of an ONNX or TensorFlow Lite model the shape `shape`, as in "1x3x224x224" or "1,3,height,width",
// instead of the file's; all other shapes are computed then, and what the file says of them is
// not read. Names stand for symbolic dimensions. NULL for what the file says. In a TensorFlow
// Lite model, `name` may also be a tensor whose shape does not follow from others.
//
// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without shape inference. An input that
// is not there, or cannot have this shape, is an error of the import.
int32_t plimsoll_import_options_set_input_shape(struct plimsoll_import_options *options,
                                                const char *name,
                                                const char *shape);

// Gives a tensor of an ONNX model `count` whole numbers that are known when the model is compiled, in the
// order of its elements: an input, or a result that shapes or conditions depend on. NULL and 0 take the
// numbers back.
//
// A tensor that is not there, or cannot hold these numbers, is an error of the import.
int32_t plimsoll_import_options_set_value(struct plimsoll_import_options *options,
                                          const char *name,
                                          const int64_t *numbers,
                                          size_t count);

// Gives an output the place of an input: the state that a run leaves for the next one, which then reads
// it there. The input may be overwritten. NULL as `output` for no state.
//
// Names that are not there, and sizes that differ, are an error of the import.
int32_t plimsoll_import_options_set_state(struct plimsoll_import_options *options,
                                          const char *input,
                                          const char *output);

// Permits softmax and normalizations to be written over their inputs, if `multi_pass` is 1: their kernels
// read a row in full before they write it. 0 is the default.
int32_t plimsoll_import_options_set_multi_pass(struct plimsoll_import_options *options,
                                               int32_t multi_pass);

// Whether operators that read constants only are folded away: 1, or 0.
int32_t plimsoll_import_options_set_fold(struct plimsoll_import_options *options, int32_t fold);

// Whether operators may overwrite graph inputs once they are read: 1, or 0.
int32_t plimsoll_import_options_set_overwrite_inputs(struct plimsoll_import_options *options,
                                                     int32_t overwrite);

// The import ends with PLIMSOLL_ERROR_CANCELLED soon after this token is cancelled. The options
// keep a share of it; NULL for none.
int32_t plimsoll_import_options_set_cancel(struct plimsoll_import_options *options,
                                           const struct plimsoll_cancel *cancel);

// Frees options; NULL is allowed.
void plimsoll_import_options_free(struct plimsoll_import_options *options);

// Reads a file by its ending: .onnx, .tflite and .json (a graph) make a graph,
// already built; .csv (buffers) makes a problem. The other of the two is set to
// NULL. `options` may be NULL for the defaults. Free both.
//
// PLIMSOLL_ERROR_IO if it cannot be opened, PLIMSOLL_ERROR_IMPORT with what is
// wrong in it, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without the
// format.
int32_t plimsoll_import_file(const char *path,
                             const struct plimsoll_import_options *options,
                             struct plimsoll_graph **graph,
                             struct plimsoll_problem **problem);

// The same of `size` bytes in memory, in the format `PLIMSOLL_IMPORT_...`. `name`
// is that of the graph where the bytes name none.
int32_t plimsoll_import_memory(const uint8_t *bytes,
                               size_t size,
                               int32_t format,
                               const char *name,
                               const struct plimsoll_import_options *options,
                               struct plimsoll_graph **graph,
                               struct plimsoll_problem **problem);

// Makes options: alignment 16, variables in the arena, no capacity, strategy
// "auto", no limits. Free them with `plimsoll_options_free`.
int32_t plimsoll_options_new(struct plimsoll_options **options);

// Alignment in bytes of tensors that ask for none, and of workspaces: a power of
// two.
int32_t plimsoll_options_set_alignment(struct plimsoll_options *options, uint64_t bytes);

// Where variables live: `PLIMSOLL_VARIABLES_...`.
int32_t plimsoll_options_set_variables(struct plimsoll_options *options, int32_t place);

// Which order `plimsoll_graph_plan` gives to the operators: `PLIMSOLL_ORDER_...`, AUTO
// unless set. A strategy of yours may be asked for offsets in several orders.
int32_t plimsoll_options_set_order(struct plimsoll_options *options, int32_t order);

// How much work is done where no limit says so: `PLIMSOLL_EFFORT_...`, DEFAULT unless set.
int32_t plimsoll_options_set_effort(struct plimsoll_options *options, int32_t effort);

// How many bytes there are, or PLIMSOLL_NONE. A plan that needs more is made all
// the same; its status says so.
int32_t plimsoll_options_set_capacity(struct plimsoll_options *options, uint64_t bytes);

// Nothing may use the bytes of the arena from `start` up to and without `end`. May be
// called several times; `plimsoll_options_clear_reserved` takes all of them back. Below
// what is used, they count as a part of the arena. A strategy of your own sees them as
// further buffers with fixed offsets, after all others.
int32_t plimsoll_options_reserve(struct plimsoll_options *options, uint64_t start, uint64_t end);

// From now on, nothing is reserved.
int32_t plimsoll_options_clear_reserved(struct plimsoll_options *options);

// How to choose offsets: a name as `plimsoll_strategy_name` lists them.
int32_t plimsoll_options_set_strategy(struct plimsoll_options *options, const char *name);

// Choose offsets by a function of yours. `name` is for messages.
int32_t plimsoll_options_set_custom_strategy(struct plimsoll_options *options,
                                             const char *name,
                                             plimsoll_strategy_fn strategy,
                                             void *userdata);

// Of strategy "knapsack", also as the start of "merge": at most this many shared
// objects, the given ones included; 0 for any number.
int32_t plimsoll_options_set_most_objects(struct plimsoll_options *options, size_t count);

// Of strategy "knapsack", also as the start of "merge": objects of these sizes in
// bytes are there anyway, to be filled before others are opened.
int32_t plimsoll_options_set_given_objects(struct plimsoll_options *options,
                                           const uint64_t *sizes,
                                           size_t count);

// Of strategy "merge": the strategy whose objects it starts from; "knapsack" if
// not said.
int32_t plimsoll_options_set_merge_from(struct plimsoll_options *options, const char *name);

// Of strategies that draw random numbers: others for another seed, the same for
// the same.
int32_t plimsoll_options_set_seed(struct plimsoll_options *options, uint64_t seed);

// Strategies "exact" and "auto" search on so many threads, at least 1, if the
// library was built for that; otherwise on the one that calls. Plans are the same
// at any number. Callbacks still run on the thread that called.
int32_t plimsoll_options_set_threads(struct plimsoll_options *options, uint32_t count);

// At most about this many search nodes, or PLIMSOLL_NONE for what each strategy
// takes by itself. Unlike a time limit, this gives the same plan on every machine.
int32_t plimsoll_options_set_node_limit(struct plimsoll_options *options, uint64_t nodes);

// At most about this many milliseconds for each call that plans, or
// PLIMSOLL_NONE.
int32_t plimsoll_options_set_time_limit(struct plimsoll_options *options, uint64_t milliseconds);

// Searches stop when this token is cancelled. The options keep a share of it;
// NULL for none.
int32_t plimsoll_options_set_cancel(struct plimsoll_options *options,
                                    const struct plimsoll_cancel *cancel);

// A function to call now and then; NULL for none. `userdata` is passed to it and
// must be there as long as these options plan.
int32_t plimsoll_options_set_progress(struct plimsoll_options *options,
                                      plimsoll_progress_fn progress,
                                      void *userdata);

// A function to tell what is done; NULL for none. `userdata` as above.
int32_t plimsoll_options_set_log(struct plimsoll_options *options,
                                 plimsoll_log_fn log,
                                 void *userdata);

// Copies out the name of strategy number `index`, from 0; PLIMSOLL_ERROR_ARGUMENT
// where there are no more. `size` is what it needs; see `plimsoll_last_error`.
int32_t plimsoll_strategy_name(size_t index, char *name, size_t capacity, size_t *size);

// Frees options; NULL is allowed.
void plimsoll_options_free(struct plimsoll_options *options);

// Plans a built graph: order and offsets, in the kind of order that the options say.
// `options` may be NULL for the defaults. Free the plan with `plimsoll_plan_free`.
//
// Not fitting the capacity is no failure: the plan's status says so.
int32_t plimsoll_graph_plan(const struct plimsoll_graph *graph,
                            const struct plimsoll_options *options,
                            struct plimsoll_plan **plan);

// An order alone, without offsets: indices of operators, without the folded ones. Every
// call searches, so give room for all operators at once. `figures` may be NULL.
int32_t plimsoll_graph_schedule(const struct plimsoll_graph *graph,
                                const struct plimsoll_options *options,
                                uint32_t *order,
                                size_t capacity,
                                size_t *count,
                                struct plimsoll_schedule *figures);

// Plans in this order: `count` indices of operators, each that is not folded
// once. PLIMSOLL_ERROR_INVALID says why an order cannot be run.
int32_t plimsoll_graph_plan_in_order(const struct plimsoll_graph *graph,
                                     const uint32_t *order,
                                     size_t count,
                                     const struct plimsoll_options *options,
                                     struct plimsoll_plan **plan);

// Gives offsets to the buffers of a problem. `options` may be NULL for the
// defaults; of those, alignment and variables do not matter here. Free the plan
// with `plimsoll_plan_free`.
int32_t plimsoll_problem_plan(const struct plimsoll_problem *problem,
                              const struct plimsoll_options *options,
                              struct plimsoll_plan **plan);

// The plan of a body of an operator, by position: offsets count from the start of the operator's
// workspace (`plimsoll_plan_scratch_offset`). Of a folded operator there is none. Free it with
// `plimsoll_plan_free`.
int32_t plimsoll_plan_body(const struct plimsoll_plan *plan,
                           uint32_t operator_,
                           size_t position,
                           struct plimsoll_plan **body);

// Verifies a plan again, by rules that share no code with what made it. Every
// plan has passed this once.
int32_t plimsoll_plan_verify(const struct plimsoll_plan *plan);

// Frees a plan; NULL is allowed.
void plimsoll_plan_free(struct plimsoll_plan *plan);

// Size of the arena in bytes: the end of what lies topmost.
int32_t plimsoll_plan_arena_bytes(const struct plimsoll_plan *plan, uint64_t *bytes);

// What the address of the arena must be a multiple of: the largest alignment in
// it, in bytes.
int32_t plimsoll_plan_arena_alignment(const struct plimsoll_plan *plan, uint64_t *bytes);

// No arena is smaller than this for this order, in bytes.
int32_t plimsoll_plan_lower_bound_bytes(const struct plimsoll_plan *plan, uint64_t *bytes);

// What of the lower bound `plimsoll_plan_bound_causes` shows, in bytes. What is above,
// an exhaustive search has shown.
int32_t plimsoll_plan_certified_bytes(const struct plimsoll_plan *plan, uint64_t *bytes);

// No arena of any order is smaller than this, in bytes; PLIMSOLL_NONE if no other order
// was looked at. The status and the gap are measured by this, if it is there.
int32_t plimsoll_plan_bound_over_orders(const struct plimsoll_plan *plan, uint64_t *bytes);

// How far the arena is above the lower bound: 0.01 is one percent.
int32_t plimsoll_plan_gap(const struct plimsoll_plan *plan, double *gap);

// What is known of the plan: `PLIMSOLL_STATUS_...`.
int32_t plimsoll_plan_status(const struct plimsoll_plan *plan, int32_t *status);

// Why the search stopped: `PLIMSOLL_STOP_...`.
int32_t plimsoll_plan_stop(const struct plimsoll_plan *plan, int32_t *stop);

// Search nodes spent.
int32_t plimsoll_plan_nodes(const struct plimsoll_plan *plan, uint64_t *nodes);

// Copies out all placements: tensors by index, then workspaces by operator.
//
// `count` is how many there are. With NULL for `placements` only that is written;
// if `capacity` is less, nothing but that, with PLIMSOLL_ERROR_TOO_SMALL.
int32_t plimsoll_plan_placements(const struct plimsoll_plan *plan,
                                 struct plimsoll_placement *placements,
                                 size_t capacity,
                                 size_t *count);

// Copies out an offset in bytes for each tensor of the graph, or each buffer, by
// index: PLIMSOLL_NONE for what has no place in the arena. `count` as above.
int32_t plimsoll_plan_offsets(const struct plimsoll_plan *plan,
                              uint64_t *offsets,
                              size_t capacity,
                              size_t *count);

// The offset in bytes of one tensor, or buffer; PLIMSOLL_NONE if it has no place
// in the arena.
int32_t plimsoll_plan_offset(const struct plimsoll_plan *plan, uint32_t tensor, uint64_t *offset);

// The offset in bytes of an operator's workspace; PLIMSOLL_NONE if it has none.
int32_t plimsoll_plan_scratch_offset(const struct plimsoll_plan *plan,
                                     uint32_t operator_,
                                     uint64_t *offset);

// Copies out the order in which to run: indices of operators, without the folded
// ones; none of a problem. `count` as above.
int32_t plimsoll_plan_order(const struct plimsoll_plan *plan,
                            uint32_t *order,
                            size_t capacity,
                            size_t *count);

// Copies out what causes the peak, and writes the step at which it is: all of it
// is live then, and takes as much as the certified part of the lower bound; or it is
// one tensor with a fixed offset, whose end is that. `count` as above.
int32_t plimsoll_plan_bound_causes(const struct plimsoll_plan *plan,
                                   uint32_t *step,
                                   struct plimsoll_occupant *causes,
                                   size_t capacity,
                                   size_t *count);

// Copies out the shared objects, by number; none if the strategy does not think
// in them. `least` is what they take at least, together, under the strategy's
// rules. `count` as above.
int32_t plimsoll_plan_objects(const struct plimsoll_plan *plan,
                              struct plimsoll_object *objects,
                              size_t capacity,
                              size_t *count,
                              uint64_t *least);

// The number of the shared object that a tensor, buffer or workspace is in;
// PLIMSOLL_NO_INDEX if in none. `occupant` is `PLIMSOLL_OCCUPANT_...`.
int32_t plimsoll_plan_object_of(const struct plimsoll_plan *plan,
                                int32_t occupant,
                                uint32_t index,
                                uint32_t *object);

// Copies out what was put inside of what, where objects were merged. `count` as
// above.
int32_t plimsoll_plan_insides(const struct plimsoll_plan *plan,
                              struct plimsoll_inside *insides,
                              size_t capacity,
                              size_t *count);

// Says what memory an input and an output of an operator may share: a permission,
// which a plan may use or not. `permit` is one of `PLIMSOLL_PERMIT_...`; `bytes` is
// for VIEW where in the input the output's first byte is, for PIECE where in the
// output the input's first byte is, for an OVERLAP how many bytes at the lower one's
// end may be the upper one's start, and 0 for IN_PLACE.
//
// Of a graph that is still added to, it is checked by `plimsoll_graph_build`; of one
// that is built, and that no other thread uses, at once.
int32_t plimsoll_graph_permit(struct plimsoll_graph *graph,
                              uint32_t operator_,
                              int32_t permit,
                              uint32_t input,
                              uint32_t output,
                              uint64_t bytes);

// Says that operators may overwrite this graph input once nobody reads it any more.
// Of a graph that is still added to.
int32_t plimsoll_graph_mark_overwritable(struct plimsoll_graph *graph, uint32_t tensor);

// Says that a tensor must lie `at` bytes after the start of tensor `of` in every plan;
// at 0 bytes, the two are colocated; with a permission of an operator that reads one and
// writes the other, it is a must-alias. Of a graph that is still added to.
//
// Gives no right to share: where both have bytes in common, either the one is done
// before the other comes, and their operators keep the order of the file, or an
// operator permits it, which then counts whatever the options say of sharing. What
// cannot be is `PLIMSOLL_ERROR_INVALID` when the graph is built or planned.
int32_t plimsoll_graph_place_at(struct plimsoll_graph *graph,
                                uint32_t tensor,
                                uint32_t of,
                                uint64_t at);

// Says that no plan may let these two tensors have a byte in common while both are
// needed, whatever operators permit. Of a graph that is still added to.
int32_t plimsoll_graph_keep_apart(struct plimsoll_graph *graph, uint32_t one, uint32_t other);

// So many bytes at the output's end may be the input's start, where a convolution,
// depthwise convolution or pooling is computed row by row, column by column and channel
// by channel: for `PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW`. Of loops that run from the last
// element to the first, at the input's end: for `PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW`. `PLIMSOLL_ERROR_ARGUMENT` if
// the numbers do not fit each other, or one is above 2^24.
int32_t plimsoll_safe_overlap(const struct plimsoll_windowed *kernel,
                              uint64_t *bytes);

// What tensors may share memory while both are needed, of what operators permit:
// `PLIMSOLL_SHARING_...`, NONE unless set.
int32_t plimsoll_options_set_sharing(struct plimsoll_options *options, int32_t sharing);

// Copies out which tensors share memory while both are needed, and how: what a
// program that runs the plan need not copy. Up to `capacity` of them; `count` is how
// many there are.
int32_t plimsoll_plan_shares(const struct plimsoll_plan *plan,
                             struct plimsoll_share *shares,
                             size_t capacity,
                             size_t *count);

// Why a plan does not fit its capacity: tensors or buffers, and workspaces, that
// cannot lie together. Writes NULL if all fit, as they do without a capacity, or if
// nothing is proven within the limits of the options, of which nothing else counts;
// NULL for the defaults. Free it with `plimsoll_core_free`.
//
// As many searches as there are buffers in the worst case, each short.
int32_t plimsoll_plan_explain(const struct plimsoll_plan *plan,
                              const struct plimsoll_options *options,
                              struct plimsoll_core **core);

// Copies out what cannot lie together. `count` as for `plimsoll_plan_placements`.
int32_t plimsoll_core_occupants(const struct plimsoll_core *core,
                                struct plimsoll_occupant *occupants,
                                size_t capacity,
                                size_t *count);

// The bytes that these need at least, and the bytes that there are, which are less.
int32_t plimsoll_core_bytes(const struct plimsoll_core *core, uint64_t *needed, uint64_t *capacity);

// 1 if they would fit without any one of them; 0 if that could not be decided for
// all within the limits.
int32_t plimsoll_core_is_irreducible(const struct plimsoll_core *core, int32_t *irreducible);

// Frees it; NULL is allowed.
void plimsoll_core_free(struct plimsoll_core *core);

// Chooses buffers to keep in shared objects that are together not larger than
// the capacity of the options, so that the value kept is greatest: `values` has
// one for each of `count` buffers, or is NULL, and bytes count. Free the choice
// with `plimsoll_choice_free`.
int32_t plimsoll_problem_choose(const struct plimsoll_problem *problem,
                                const struct plimsoll_options *options,
                                const uint64_t *values,
                                size_t count,
                                struct plimsoll_choice **choice);

// The value kept, and what at most could be kept; equal if that is proven.
int32_t plimsoll_choice_value(const struct plimsoll_choice *choice,
                              uint64_t *value,
                              uint64_t *bound);

// Size of the arena in bytes, and why the search stopped: `PLIMSOLL_STOP_...`.
int32_t plimsoll_choice_arena_bytes(const struct plimsoll_choice *choice,
                                    uint64_t *bytes,
                                    int32_t *stop);

// Copies out an offset in bytes for each buffer; PLIMSOLL_NONE for what stays
// outside. `count` as for `plimsoll_plan_placements`.
int32_t plimsoll_choice_offsets(const struct plimsoll_choice *choice,
                                uint64_t *offsets,
                                size_t capacity,
                                size_t *count);

// Frees a choice; NULL is allowed.
void plimsoll_choice_free(struct plimsoll_choice *choice);

// Makes a machine without memories: inputs and outputs at home, constants loaded once,
// copies without lead. Free it with `plimsoll_pools_free`.
int32_t plimsoll_pools_new(struct plimsoll_pools **pools);

// Adds a memory, slower than those before it; they count from 0, and 8 are the most. The
// last one must take everything, and no two may have one name: both is checked as a graph
// is placed.
int32_t plimsoll_pools_add(struct plimsoll_pools *pools,
                           const char *name,
                           const struct plimsoll_pool *pool);

// The pool into which the caller puts inputs, by its number; PLIMSOLL_NO_INDEX for home.
int32_t plimsoll_pools_set_inputs(struct plimsoll_pools *pools, uint32_t pool);

// The pool from which the caller takes outputs, in the same way.
int32_t plimsoll_pools_set_outputs(struct plimsoll_pools *pools, uint32_t pool);

// When constants come on chip: `PLIMSOLL_LOADING_...`.
int32_t plimsoll_pools_set_loading(struct plimsoll_pools *pools, int32_t loading);

// So many steps before an operator needs it, what is copied has its place, so that copying
// and computing go on at once; 1 is double buffering.
int32_t plimsoll_pools_set_prefetch(struct plimsoll_pools *pools, uint32_t steps);

// Frees memories; NULL is allowed. Plans that were made for them stay.
void plimsoll_pools_free(struct plimsoll_pools *pools);

// Plans a built graph for several memories: what lives where and when, so that a run costs
// least by the costs of the pools. `options` may be NULL for the defaults; their capacity
// and what they reserve do not matter here. Free the plan with `plimsoll_pool_plan_free`.
//
// PLIMSOLL_ERROR_INVALID if what must be in a pool does not fit there, a tensor has a fixed
// offset, or the pools are none that can be meant.
int32_t plimsoll_graph_place(const struct plimsoll_graph *graph,
                             const struct plimsoll_options *options,
                             const struct plimsoll_pools *pools,
                             struct plimsoll_pool_plan **plan);

// The same in this order: `count` indices of operators, each that is not folded once.
int32_t plimsoll_graph_place_in_order(const struct plimsoll_graph *graph,
                                      const uint32_t *order,
                                      size_t count,
                                      const struct plimsoll_options *options,
                                      const struct plimsoll_pools *pools,
                                      struct plimsoll_pool_plan **plan);

// What is known of the plan.
int32_t plimsoll_pool_plan_figures(const struct plimsoll_pool_plan *plan,
                                   struct plimsoll_pool_figures *figures);

// Copies out what is used of each pool, and what goes through it in a run.
//
// `count` is how many there are. With NULL for `traffic` only that is written; if
// `capacity` is less, nothing but that, with PLIMSOLL_ERROR_TOO_SMALL.
int32_t plimsoll_pool_plan_traffic(const struct plimsoll_pool_plan *plan,
                                   struct plimsoll_pool_traffic *traffic,
                                   size_t capacity,
                                   size_t *count);

// Copies out all places: tensors by index, then workspaces by operator, each by pool and
// time. `count` as above.
int32_t plimsoll_pool_plan_stays(const struct plimsoll_pool_plan *plan,
                                 struct plimsoll_stay *stays,
                                 size_t capacity,
                                 size_t *count);

// Copies out what is copied from pool to pool, in the order in which it is to be done: at
// the start of each step, before its operator, those that are due then. `count` as above.
int32_t plimsoll_pool_plan_transfers(const struct plimsoll_pool_plan *plan,
                                     struct plimsoll_transfer *transfers,
                                     size_t capacity,
                                     size_t *count);

// Copies out where operators find what they read and write, if that is not the first of
// the pools in which it has a place at their step. `count` as above.
int32_t plimsoll_pool_plan_uses(const struct plimsoll_pool_plan *plan,
                                struct plimsoll_use *uses,
                                size_t capacity,
                                size_t *count);

// Where the operator of a step finds a tensor or its workspace: `occupant` is
// `PLIMSOLL_OCCUPANT_...`. PLIMSOLL_ERROR_ARGUMENT if that has no place at this step.
int32_t plimsoll_pool_plan_place_at(const struct plimsoll_pool_plan *plan,
                                    uint32_t step,
                                    int32_t occupant,
                                    uint32_t index,
                                    struct plimsoll_stay *place);

// Copies out which tensors share memory while both are needed, in whatever pool. `count`
// as above.
int32_t plimsoll_pool_plan_shares(const struct plimsoll_pool_plan *plan,
                                  struct plimsoll_share *shares,
                                  size_t capacity,
                                  size_t *count);

// Copies out the order in which to run: indices of operators, without the folded ones.
// `count` as above.
int32_t plimsoll_pool_plan_order(const struct plimsoll_pool_plan *plan,
                                 uint32_t *order,
                                 size_t capacity,
                                 size_t *count);

// Verifies a plan again, by rules that share no code with what made it: its places, a run
// of its copies and operators on memory that remembers who wrote each byte, and its figures.
// That nothing costs less than the lower bound is not proven again.
int32_t plimsoll_pool_plan_verify(const struct plimsoll_pool_plan *plan);

// The plan of a body of an operator, by position, as of `plimsoll_plan_body`: a body lies in one
// pool, where the operator's workspace is.
int32_t plimsoll_pool_plan_body(const struct plimsoll_pool_plan *plan,
                                uint32_t operator_,
                                size_t position,
                                struct plimsoll_plan **body);

// Frees a plan; NULL is allowed.
void plimsoll_pool_plan_free(struct plimsoll_pool_plan *plan);

// Copies a plan out as text in a format, `PLIMSOLL_EXPORT_...`. `size` is what the
// text needs, its zero byte included: with NULL for `place` only that is written;
// if `capacity` is less, nothing but that, with PLIMSOLL_ERROR_TOO_SMALL.
//
// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without the format.
int32_t plimsoll_plan_export(const struct plimsoll_plan *plan,
                             int32_t format,
                             char *place,
                             size_t capacity,
                             size_t *size);

// Writes a plan to a file, which appears whole or not at all: its contents go to a temporary
// file of a random name in the same folder, reach the disk, and are renamed. A file that is
// replaced keeps its mode; a new one gets what the umask leaves. Links are followed. Pipes and
// devices are written to and not replaced. PLIMSOLL_ERROR_IO if the file cannot be written.
int32_t plimsoll_plan_write(const struct plimsoll_plan *plan, int32_t format, const char *path);

// Copies a plan for several memories out as text in a format, in the same way.
// `PLIMSOLL_EXPORT_CSV` has a row for each place.
int32_t plimsoll_pool_plan_export(const struct plimsoll_pool_plan *plan,
                                  int32_t format,
                                  char *place,
                                  size_t capacity,
                                  size_t *size);

// Writes a plan for several memories to a file, in the same way.
int32_t plimsoll_pool_plan_write(const struct plimsoll_pool_plan *plan,
                                 int32_t format,
                                 const char *path);

// Copies a plan out as C code, in the same way as `plimsoll_plan_export`. `part` is one of
// `PLIMSOLL_C_...`. All names begin with `prefix` (macros in upper case), a letter, then
// letters, digits and single underscores, at most 45; NULL for `plimsoll_` and the model's
// name. The source includes `header_name`, which for other parts is NULL or not read.
int32_t plimsoll_plan_export_code(const struct plimsoll_plan *plan,
                                  int32_t part,
                                  const char *prefix,
                                  const char *header_name,
                                  char *place,
                                  size_t capacity,
                                  size_t *size);

// Copies a plan for several memories out as C code, in the same way.
int32_t plimsoll_pool_plan_export_code(const struct plimsoll_pool_plan *plan,
                                       int32_t part,
                                       const char *prefix,
                                       const char *header_name,
                                       char *place,
                                       size_t capacity,
                                       size_t *size);

// Copies out an ONNX model, of `model_size` bytes in memory, with its nodes in the order of
// a plan and the plan in its metadata. All else of the model is as it was. The plan must be
// of the graph that these options import from it; `options` may be NULL for the defaults.
// `size` is how many bytes that needs; with NULL for `place` only that is written, which
// takes as long.
//
// PLIMSOLL_ERROR_ARGUMENT if the plan is of another graph, PLIMSOLL_ERROR_IMPORT with what
// is wrong with the model, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without ONNX
// or JSON.
int32_t plimsoll_plan_export_onnx(const struct plimsoll_plan *plan,
                                  const uint8_t *model,
                                  size_t model_size,
                                  const struct plimsoll_import_options *options,
                                  uint8_t *place,
                                  size_t capacity,
                                  size_t *size);

// Writes the same to a file, which appears whole or not at all. Weights in other files are
// looked for beside it.
int32_t plimsoll_plan_write_onnx(const struct plimsoll_plan *plan,
                                 const uint8_t *model,
                                 size_t model_size,
                                 const struct plimsoll_import_options *options,
                                 const char *path);

// Verifies the plan in the metadata of an ONNX model: PLIMSOLL_ERROR_WRONG_PLAN with what is
// wrong with it, PLIMSOLL_ERROR_IMPORT if there is none or the model is broken,
// PLIMSOLL_ERROR_UNSUPPORTED as above.
int32_t plimsoll_onnx_verify(const uint8_t *model, size_t model_size);

// Makes a table of scratch in which nothing is measured: operators need what the reference
// kernels ask for. Free it with `plimsoll_tflite_scratch_free`.
//
// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without TensorFlow Lite.
int32_t plimsoll_tflite_scratch_new(struct plimsoll_tflite_scratch **scratch);

// So many bytes for an operator, by the positions of its subgraph and of itself in the file; all
// of its requests together, each rounded up to 16. `op_type`, as in "CONV_2D", is what the
// operator must be, so that a table for another model is noticed; NULL for any.
int32_t plimsoll_tflite_scratch_set(struct plimsoll_tflite_scratch *scratch,
                                    size_t subgraph,
                                    size_t operator_index,
                                    const char *op_type,
                                    uint64_t bytes);

// Frees a table of scratch; NULL is allowed.
void plimsoll_tflite_scratch_free(struct plimsoll_tflite_scratch *scratch);

// Plans a TensorFlow Lite model, of `model_size` bytes in memory, for TensorFlow Lite Micro, and
// makes it anew with the plan inside. `name` is what the graph is called. `options` may be NULL
// for the defaults: strategy, order, capacity, limits and callbacks count; the alignment must be
// 16, nothing may be reserved, and variables are left to the runtime; of what may be shared, inputs
// and outputs of RESHAPE and EXPAND_DIMS are. `scratch` may be
// NULL for that of the reference kernels. Free the result with `plimsoll_tflite_plan_free`.
//
// PLIMSOLL_ERROR_ARGUMENT if the options or the scratch do not go with the model,
// PLIMSOLL_ERROR_IMPORT with what is wrong with the model or why it cannot have a plan,
// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without TensorFlow Lite.
int32_t plimsoll_tflite_plan_new(const uint8_t *model,
                                 size_t model_size,
                                 const char *name,
                                 const struct plimsoll_options *options,
                                 const struct plimsoll_tflite_scratch *scratch,
                                 struct plimsoll_tflite_plan **planned);

// Copies out the model with the plan inside. `size` is how many bytes it has; with NULL for
// `place` only that is written.
int32_t plimsoll_tflite_plan_model(const struct plimsoll_tflite_plan *planned,
                                   uint8_t *place,
                                   size_t capacity,
                                   size_t *size);

// Writes the model with the plan inside to a file, which appears whole or not at all.
int32_t plimsoll_tflite_plan_write(const struct plimsoll_tflite_plan *planned, const char *path);

// What the head of the runtime's arena needs, scratch included, and what it needs without this
// plan: PLIMSOLL_NONE if that is not known. Either may be NULL.
int32_t plimsoll_tflite_plan_head_bytes(const struct plimsoll_tflite_plan *planned,
                                        uint64_t *head,
                                        uint64_t *own_head);

// Copies out what the user should know, a line each; empty if there is nothing. `size` is what it
// needs; see `plimsoll_last_error`.
int32_t plimsoll_tflite_plan_notes(const struct plimsoll_tflite_plan *planned,
                                   char *notes,
                                   size_t capacity,
                                   size_t *size);

// The plan of the first subgraph, with sizes as the runtime rounds them: for its figures, and to
// be exported. Its tensors and operators count as in the file that was read; the workspace of an
// operator is its scratch and what its bodies need. Free it with `plimsoll_plan_free`.
int32_t plimsoll_tflite_plan_main(const struct plimsoll_tflite_plan *planned,
                                  struct plimsoll_plan **plan);

// Copies out the order of a subgraph's operators: their positions in the file that was read.
// PLIMSOLL_ERROR_ARGUMENT where there are no more subgraphs.
int32_t plimsoll_tflite_plan_order(const struct plimsoll_tflite_plan *planned,
                                   size_t subgraph,
                                   uint32_t *order,
                                   size_t capacity,
                                   size_t *count);

// Copies out a subgraph's offsets in the arena's head, by tensor; PLIMSOLL_NONE where the runtime
// plans: variables and constants. PLIMSOLL_ERROR_ARGUMENT where there are no more subgraphs.
int32_t plimsoll_tflite_plan_offsets(const struct plimsoll_tflite_plan *planned,
                                     size_t subgraph,
                                     uint64_t *offsets,
                                     size_t capacity,
                                     size_t *count);

// Frees a planned model; NULL is allowed.
void plimsoll_tflite_plan_free(struct plimsoll_tflite_plan *planned);

// Verifies the plan inside of a model for TensorFlow Lite Micro by the runtime's own rules, as it
// checks nothing itself. `scratch`, which may be NULL, counts operators as they stand in this
// file. `head` is what the arena's head needs, scratch included; it may be NULL.
//
// PLIMSOLL_ERROR_WRONG_PLAN with what is wrong with the plan, PLIMSOLL_ERROR_IMPORT if there is
// none or the model is broken, PLIMSOLL_ERROR_ARGUMENT and PLIMSOLL_ERROR_UNSUPPORTED as above.
int32_t plimsoll_tflite_verify(const uint8_t *model,
                               size_t model_size,
                               const struct plimsoll_tflite_scratch *scratch,
                               uint64_t *head);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PLIMSOLL_H */

/* The records are frozen: these fail to compile if they are laid out otherwise. */
typedef char plimsoll_size_of_buffer[sizeof(plimsoll_buffer) == 32 ? 1 : -1];
typedef char plimsoll_size_of_gap[sizeof(plimsoll_gap) == 12 ? 1 : -1];
typedef char plimsoll_size_of_placement[sizeof(plimsoll_placement) == 32 ? 1 : -1];
typedef char plimsoll_size_of_occupant[sizeof(plimsoll_occupant) == 8 ? 1 : -1];
typedef char plimsoll_size_of_object[sizeof(plimsoll_object) == 16 ? 1 : -1];
typedef char plimsoll_size_of_inside[sizeof(plimsoll_inside) == 24 ? 1 : -1];
typedef char plimsoll_size_of_share[sizeof(plimsoll_share) == 24 ? 1 : -1];
typedef char plimsoll_size_of_windowed[sizeof(plimsoll_windowed) == 136 ? 1 : -1];
typedef char plimsoll_size_of_pool[sizeof(plimsoll_pool) == 48 ? 1 : -1];
typedef char plimsoll_size_of_stay[sizeof(plimsoll_stay) == 40 ? 1 : -1];
typedef char plimsoll_size_of_transfer[sizeof(plimsoll_transfer) == 48 ? 1 : -1];
typedef char plimsoll_size_of_use[sizeof(plimsoll_use) == 16 ? 1 : -1];
typedef char plimsoll_size_of_pool_traffic[sizeof(plimsoll_pool_traffic) == 24 ? 1 : -1];
typedef char plimsoll_size_of_pool_figures[sizeof(plimsoll_pool_figures) == 48 ? 1 : -1];
typedef char plimsoll_size_of_progress[sizeof(plimsoll_progress) == 24 ? 1 : -1];
