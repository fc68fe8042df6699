// plimsoll for C++17: a header-only wrapper of plimsoll.h, whose comments have the details.
//
// Objects own their handles; they can be moved but not copied. The rules of plimsoll.h for
// threads apply to them. Failed calls throw plimsoll::Error with the status and the message.
// Callbacks are lambdas and may throw: planning then stops, and the caller of plan(), place()
// or choose() receives the exception.
#ifndef PLIMSOLL_HPP
#define PLIMSOLL_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "plimsoll.h"

namespace plimsoll {

// The error of a failed call: a status (PLIMSOLL_ERROR_...) and a message that names the tensor,
// operator or argument at fault.
class Error : public std::runtime_error {
public:
    Error(std::int32_t status, const std::string &message) : std::runtime_error(message), status_(status) {}
    std::int32_t status() const noexcept { return status_; }

private:
    std::int32_t status_;
};

enum class TensorKind : std::int32_t {
    input = PLIMSOLL_TENSOR_INPUT,
    constant = PLIMSOLL_TENSOR_CONSTANT,
    variable = PLIMSOLL_TENSOR_VARIABLE,
    intermediate = PLIMSOLL_TENSOR_INTERMEDIATE,
};

enum class Status : std::int32_t {
    optimal = PLIMSOLL_STATUS_OPTIMAL,
    feasible = PLIMSOLL_STATUS_FEASIBLE,
    infeasible = PLIMSOLL_STATUS_INFEASIBLE,
    unknown = PLIMSOLL_STATUS_UNKNOWN,
};

enum class Stop : std::int32_t {
    finished = PLIMSOLL_STOP_FINISHED,
    nodes = PLIMSOLL_STOP_NODES,
    deadline = PLIMSOLL_STOP_DEADLINE,
    cancelled = PLIMSOLL_STOP_CANCELLED,
};

enum class Variables : std::int32_t {
    arena = PLIMSOLL_VARIABLES_ARENA,
    outside = PLIMSOLL_VARIABLES_OUTSIDE,
};

enum class ScheduleMode : std::int32_t {
    program = PLIMSOLL_ORDER_PROGRAM,
    automatic = PLIMSOLL_ORDER_AUTO,
    optimal = PLIMSOLL_ORDER_OPTIMAL,
};

// Amount of work of searches without a limit.
enum class Effort : std::int32_t {
    quick = PLIMSOLL_EFFORT_QUICK,
    standard = PLIMSOLL_EFFORT_DEFAULT,
    thorough = PLIMSOLL_EFFORT_THOROUGH,
};

// Permission of an operator: how an input and an output may share memory.
enum class Permit : std::int32_t {
    view = PLIMSOLL_PERMIT_VIEW,
    concat_slice = PLIMSOLL_PERMIT_CONCAT_SLICE,
    in_place = PLIMSOLL_PERMIT_IN_PLACE,
    overlap_input_below = PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW,
    overlap_output_below = PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW,
};

enum class SharingLevel : std::int32_t {
    none = PLIMSOLL_SHARING_NONE,
    views = PLIMSOLL_SHARING_VIEWS,
    in_place = PLIMSOLL_SHARING_IN_PLACE,
    all = PLIMSOLL_SHARING_ALL,
};

// When constants are copied on chip.
enum class Loading : std::int32_t {
    once = PLIMSOLL_LOADING_ONCE,
    each_run = PLIMSOLL_LOADING_EACH_RUN,
};

enum class Occupant : std::int32_t {
    tensor = PLIMSOLL_OCCUPANT_TENSOR,
    scratch = PLIMSOLL_OCCUPANT_SCRATCH,
};

enum class ImportFormat : std::int32_t {
    onnx = PLIMSOLL_IMPORT_ONNX,
    tflite = PLIMSOLL_IMPORT_TFLITE,
    json = PLIMSOLL_IMPORT_JSON,
    csv = PLIMSOLL_IMPORT_CSV,
};

enum class ExportFormat : std::int32_t {
    json = PLIMSOLL_EXPORT_JSON,
    csv = PLIMSOLL_EXPORT_CSV,
    svg = PLIMSOLL_EXPORT_SVG,
    c = PLIMSOLL_EXPORT_C,
    text = PLIMSOLL_EXPORT_TEXT,
    html = PLIMSOLL_EXPORT_HTML,
    trace = PLIMSOLL_EXPORT_TRACE,
};

enum class CodePart : std::int32_t {
    alone = PLIMSOLL_C_ALONE,
    header = PLIMSOLL_C_HEADER,
    source = PLIMSOLL_C_SOURCE,
};

// ScheduleMode of the axes of activations in memory.
enum class Layout : std::int32_t {
    as_stored = PLIMSOLL_LAYOUT_AS_STORED,
    channels_innermost = PLIMSOLL_LAYOUT_CHANNELS_INNERMOST,
};

// The rows of an input along one of its axes that row `r` of the outputs reads: from
// floor((r * numerator + first) / denominator) to floor((r * numerator + last) / denominator).
struct Rows {
    std::int64_t axis = 0;
    std::int64_t numerator = 1;
    std::int64_t denominator = 1;
    std::int64_t first = 0;
    std::int64_t last = 0;
    // Rows outside of the input repeat its nearest row; otherwise they are padding.
    bool repeats_edge = false;
};

// One axis along which an operator can be split: the axis of each output, and the rows of each input, none
// for inputs that are read as a whole.
struct TileAxis {
    std::vector<std::int64_t> outputs;
    std::vector<std::optional<Rows>> inputs;
};

// The axes along which an operator can be split, and the cost of an output element.
struct AccessMap {
    std::uint64_t cost_per_element = 1;
    std::vector<TileAxis> axes;
};

using Buffer = plimsoll_buffer;
using Gap = plimsoll_gap;
using Placement = plimsoll_placement;
using Object = plimsoll_shared_object;
using Nesting = plimsoll_nesting;
using Alias = plimsoll_alias;
using Windowed = plimsoll_windowed;
using Pool = plimsoll_pool;
using PoolTraffic = plimsoll_pool_traffic;
using PoolFigures = plimsoll_pool_figures;
using Residency = plimsoll_residency;
using Transfer = plimsoll_transfer;
using Use = plimsoll_use;
using TilingFigures = plimsoll_tiling_figures;
using Region = plimsoll_region;
using Tile = plimsoll_tile;
using TiledOperator = plimsoll_tiled_operator;
using TileRead = plimsoll_tile_read;
using TiledTensor = plimsoll_tiled_tensor;

// Makes a buffer without gaps: size in bytes, first step, end (exclusive).
inline Buffer buffer(std::uint64_t size, std::uint32_t start, std::uint32_t end, std::uint64_t alignment = 1,
                     std::optional<std::uint64_t> fixed_offset = std::nullopt) {
    return Buffer{size, alignment, fixed_offset.value_or(PLIMSOLL_NONE), start, end};
}

// Makes an on-chip memory: a capacity in bytes, no access costs, any contents.
inline Pool on_chip(std::uint64_t bytes, std::uint64_t alignment = 1) {
    return Pool{bytes, alignment, PLIMSOLL_NONE, PLIMSOLL_HOLDS_ALL, 0, 0, PLIMSOLL_COST_IN_PLACE, PLIMSOLL_COST_IN_PLACE, 0};
}
// Makes an off-chip memory: unlimited, with cost 1 for each byte read or written.
inline Pool off_chip(std::uint64_t alignment = 1) {
    return Pool{PLIMSOLL_NONE, alignment, PLIMSOLL_NONE, PLIMSOLL_HOLDS_ALL, 1, 1, PLIMSOLL_COST_IN_PLACE, PLIMSOLL_COST_IN_PLACE, 0};
}

namespace detail {

// The exception of a callback, kept until the library call that invoked the callback has
// returned. Thread-local, as callbacks run on the calling thread.
inline std::exception_ptr &thrown() noexcept {
    thread_local std::exception_ptr exception;
    return exception;
}

inline std::string last_error() {
    std::size_t size = 0;
    if (plimsoll_last_error(nullptr, 0, &size) != PLIMSOLL_OK || size == 0) {
        return std::string();
    }
    std::string text(size, '\0');
    if (plimsoll_last_error(text.data(), text.size(), &size) != PLIMSOLL_OK) {
        return std::string();
    }
    text.resize(size - 1);
    return text;
}

inline void check(std::int32_t status) {
    if (std::exception_ptr exception = std::exchange(thrown(), nullptr)) {
        std::rethrow_exception(exception);
    }
    if (status != PLIMSOLL_OK) {
        throw Error(status, last_error());
    }
}

// Like check, but first frees the new object if a callback threw, so that it is not leaked.
template <class Handle>
void check_made(std::int32_t status, Handle &handle) {
    if (thrown()) {
        handle.reset();
    }
    check(status);
}

template <class T, void (*free)(T *)>
struct Free {
    void operator()(T *object) const noexcept { free(object); }
};

template <class T, void (*free)(T *)>
using Handle = std::unique_ptr<T, Free<T, free>>;

// Copies out an array: queries its size, then its contents.
template <class T, class Call>
std::vector<T> copy_out(Call call) {
    std::size_t count = 0;
    check(call(nullptr, 0, &count));
    std::vector<T> items(count);
    check(call(items.data(), items.size(), &count));
    return items;
}

template <class Call>
std::string copy_text(Call call) {
    std::size_t size = 0;
    check(call(nullptr, 0, &size));
    std::string text(size, '\0');
    check(call(text.data(), text.size(), &size));
    text.resize(size - 1);
    return text;
}

template <class T, class Call>
T get(Call call) {
    T value{};
    check(call(&value));
    return value;
}

inline std::optional<std::uint64_t> some(std::uint64_t offset) {
    return offset == PLIMSOLL_NONE ? std::nullopt : std::optional<std::uint64_t>(offset);
}

} // namespace detail

// Bytes for Permit::overlap_output_below, or, with descending loops, Permit::overlap_input_below.
inline std::uint64_t safe_overlap(const Windowed &kernel) {
    return detail::get<std::uint64_t>([&](std::uint64_t *bytes) { return plimsoll_safe_overlap(&kernel, sizeof kernel, bytes); });
}

inline std::uint32_t abi() noexcept { return plimsoll_abi(); }
inline std::string version() { return plimsoll_version(); }

// The names of the strategies that Options::strategy accepts.
inline std::vector<std::string> strategies() {
    std::vector<std::string> names;
    std::size_t size = 0;
    while (plimsoll_strategy_name(names.size(), nullptr, 0, &size) == PLIMSOLL_OK) {
        const std::size_t index = names.size();
        names.push_back(detail::copy_text(
            [&](char *text, std::size_t capacity, std::size_t *needed) {
                return plimsoll_strategy_name(index, text, capacity, needed);
            }));
    }
    return names;
}

// A token that stops searches from another thread.
class CancelToken {
public:
    CancelToken() {
        plimsoll_cancel_token *made = nullptr;
        detail::check(plimsoll_cancel_token_new(&made));
        handle_.reset(made);
    }
    void cancel() const { detail::check(plimsoll_cancel_token_cancel(handle_.get())); }
    const plimsoll_cancel_token *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<plimsoll_cancel_token, plimsoll_cancel_token_free> handle_;
};

// Options of a planner. Setters return the options, so that they can be chained.
class Options {
public:
    // Receives the progress of a search; false stops the search.
    using Progress = std::function<bool(const plimsoll_progress &)>;
    // Receives a line of log text, valid during the call.
    using Log = std::function<void(std::string_view)>;
    // Chooses an offset for each of `count` buffers.
    using Strategy = std::function<void(const Buffer *buffers, std::size_t count,
                                        std::optional<std::uint64_t> capacity, std::uint64_t *offsets)>;

    Options() : callbacks_(std::make_unique<Callbacks>()) {
        plimsoll_options *made = nullptr;
        detail::check(plimsoll_options_new(&made));
        handle_.reset(made);
    }

    Options &alignment(std::uint64_t bytes) { return set(plimsoll_options_set_alignment(handle_.get(), bytes)); }
    Options &variables(Variables location) {
        return set(plimsoll_options_set_variables(handle_.get(), static_cast<std::int32_t>(location)));
    }
    // Order mode of `Graph::plan`.
    Options &order(ScheduleMode order) {
        return set(plimsoll_options_set_order(handle_.get(), static_cast<std::int32_t>(order)));
    }
    // Amount of work of searches without a limit.
    Options &effort(Effort effort) {
        return set(plimsoll_options_set_effort(handle_.get(), static_cast<std::int32_t>(effort)));
    }
    // Lets inputs and outputs of operators lie inside the memory of their bodies.
    Options &links(bool used) { return set(plimsoll_options_set_links(handle_.get(), used)); }
    // Permissions of operators that a plan may use.
    Options &sharing(SharingLevel sharing) {
        return set(plimsoll_options_set_sharing(handle_.get(), static_cast<std::int32_t>(sharing)));
    }
    Options &capacity(std::optional<std::uint64_t> bytes) {
        return set(plimsoll_options_set_capacity(handle_.get(), bytes.value_or(PLIMSOLL_NONE)));
    }
    Options &strategy(const std::string &name) {
        return set(plimsoll_options_set_strategy(handle_.get(), name.c_str()));
    }
    Options &strategy(const std::string &name, Strategy strategy) {
        if (!strategy) {
            throw std::invalid_argument("no function is given as a strategy");
        }
        callbacks_->strategies.push_back(std::make_unique<Strategy>(std::move(strategy)));
        return set(plimsoll_options_set_custom_strategy(handle_.get(), name.c_str(), on_strategy,
                                                        callbacks_->strategies.back().get(), sizeof(Buffer)));
    }
    Options &max_objects(std::size_t count) {
        return set(plimsoll_options_set_max_objects(handle_.get(), count));
    }
    Options &given_objects(const std::vector<std::uint64_t> &sizes) {
        return set(plimsoll_options_set_given_objects(handle_.get(), sizes.data(), sizes.size()));
    }
    Options &merge_from(const std::string &name) {
        return set(plimsoll_options_set_merge_from(handle_.get(), name.c_str()));
    }
    // Reserves the bytes of the arena from start to end (exclusive) for the caller.
    Options &reserve(std::uint64_t start, std::uint64_t end) {
        return set(plimsoll_options_reserve(handle_.get(), start, end));
    }
    Options &clear_reserved() { return set(plimsoll_options_clear_reserved(handle_.get())); }
    Options &threads(std::uint32_t count) { return set(plimsoll_options_set_threads(handle_.get(), count)); }
    Options &seed(std::uint64_t seed) { return set(plimsoll_options_set_seed(handle_.get(), seed)); }
    Options &node_limit(std::optional<std::uint64_t> nodes) {
        return set(plimsoll_options_set_node_limit(handle_.get(), nodes.value_or(PLIMSOLL_NONE)));
    }
    Options &time_limit(std::optional<std::uint64_t> milliseconds) {
        return set(plimsoll_options_set_time_limit(handle_.get(), milliseconds.value_or(PLIMSOLL_NONE)));
    }
    // The options keep a reference to the token.
    Options &cancel(const CancelToken &cancel) {
        return set(plimsoll_options_set_cancel(handle_.get(), cancel.get()));
    }
    // Sets the progress callback; an empty function for none.
    Options &progress(Progress progress) {
        callbacks_->progress = std::move(progress);
        return set(plimsoll_options_set_progress(handle_.get(), callbacks_->progress ? on_progress : nullptr,
                                                 callbacks_.get(), sizeof(plimsoll_progress)));
    }
    Options &log(Log log) {
        callbacks_->log = std::move(log);
        return set(
            plimsoll_options_set_log(handle_.get(), callbacks_->log ? on_log : nullptr, callbacks_.get()));
    }
    const plimsoll_options *get() const noexcept { return handle_.get(); }

private:
    // On the heap, as the library keeps their addresses while the options can be moved.
    struct Callbacks {
        Progress progress;
        Log log;
        // The last strategy is in use. If the setter fails, the previous one is, so it is kept.
        std::vector<std::unique_ptr<Strategy>> strategies;
    };

    Options &set(std::int32_t status) {
        detail::check(status);
        return *this;
    }

    static std::int32_t on_progress(void *userdata, const plimsoll_progress *progress) noexcept {
        if (detail::thrown()) {
            return 1;
        }
        try {
            return static_cast<Callbacks *>(userdata)->progress(*progress) ? 0 : 1;
        } catch (...) {
            detail::thrown() = std::current_exception();
            return 1;
        }
    }

    static void on_log(void *userdata, const char *line) noexcept {
        if (detail::thrown()) {
            return;
        }
        try {
            static_cast<Callbacks *>(userdata)->log(line);
        } catch (...) {
            detail::thrown() = std::current_exception();
        }
    }

    static std::int32_t on_strategy(void *userdata, const Buffer *buffers, std::size_t count,
                                    std::uint64_t capacity, std::uint64_t *offsets) noexcept {
        if (detail::thrown()) {
            return 1;
        }
        try {
            (*static_cast<Strategy *>(userdata))(buffers, count, detail::some(capacity), offsets);
            return 0;
        } catch (...) {
            detail::thrown() = std::current_exception();
            return 1;
        }
    }

    std::unique_ptr<Callbacks> callbacks_;
    detail::Handle<plimsoll_options, plimsoll_options_free> handle_;
};

// Certificate of the lower bound: occupants that are all live at one step.
struct BoundCauses {
    std::uint32_t step;
    std::vector<plimsoll_occupant> causes;
};

// Shared objects, and a lower bound on their total size.
struct Objects {
    std::vector<Object> list;
    std::uint64_t least;
};

// An order without offsets: indices of operators.
struct Schedule {
    std::vector<std::uint32_t> order;
    plimsoll_schedule figures;
};

// Occupants that cannot lie together within a capacity.
struct InfeasibleCore {
    std::vector<plimsoll_occupant> occupants;
    // Bytes that they need at least.
    std::uint64_t needed;
    std::uint64_t capacity;
    // True if the other occupants fit after the removal of any one; false also if this could not be tested.
    bool irreducible;
};

class TiledPlan;

// A verified plan.
class Plan {
public:
    std::uint64_t arena_bytes() const { return number(plimsoll_plan_arena_bytes); }
    std::uint64_t arena_alignment() const { return number(plimsoll_plan_arena_alignment); }
    std::uint64_t lower_bound_bytes() const { return number(plimsoll_plan_lower_bound_bytes); }
    // Lower bound over all orders; none if no other order was examined.
    std::optional<std::uint64_t> bound_over_orders() const {
        return detail::some(number(plimsoll_plan_bound_over_orders));
    }
    // The part of the lower bound that bound_causes certifies; an exhaustive search proved the rest.
    std::uint64_t certified_bytes() const { return number(plimsoll_plan_certified_bytes); }
    std::uint64_t nodes() const { return number(plimsoll_plan_nodes); }
    double gap() const {
        return detail::get<double>([&](double *gap) { return plimsoll_plan_gap(handle_.get(), gap); });
    }
    Status status() const {
        return static_cast<Status>(detail::get<std::int32_t>(
            [&](std::int32_t *status) { return plimsoll_plan_status(handle_.get(), status); }));
    }
    Stop stop() const {
        return static_cast<Stop>(detail::get<std::int32_t>(
            [&](std::int32_t *stop) { return plimsoll_plan_stop(handle_.get(), stop); }));
    }
    // Tensors by index, then scratch by operator.
    std::vector<Placement> placements() const { return list<Placement>(plimsoll_plan_placements); }
    // Offsets by tensor or buffer; PLIMSOLL_NONE for those outside the arena.
    std::vector<std::uint64_t> offsets() const { return list<std::uint64_t>(plimsoll_plan_offsets); }
    // Offset of a tensor or buffer; none if it lies outside the arena.
    std::optional<std::uint64_t> offset(std::uint32_t tensor) const {
        return detail::some(detail::get<std::uint64_t>([&](std::uint64_t *offset) {
            return plimsoll_plan_offset(handle_.get(), tensor, offset);
        }));
    }
    std::optional<std::uint64_t> scratch_offset(std::uint32_t operator_index) const {
        return detail::some(detail::get<std::uint64_t>([&](std::uint64_t *offset) {
            return plimsoll_plan_scratch_offset(handle_.get(), operator_index, offset);
        }));
    }
    // Indices of operators, in the order of execution.
    std::vector<std::uint32_t> order() const { return list<std::uint32_t>(plimsoll_plan_order); }
    BoundCauses bound_causes() const {
        BoundCauses bound{};
        bound.causes = detail::copy_out<plimsoll_occupant>(
            [&](plimsoll_occupant *causes, std::size_t capacity, std::size_t *count) {
                return plimsoll_plan_bound_causes(handle_.get(), &bound.step, causes, sizeof *causes, capacity, count);
            });
        return bound;
    }
    Objects objects() const {
        Objects objects{};
        objects.list =
            detail::copy_out<Object>([&](Object *list, std::size_t capacity, std::size_t *count) {
                return plimsoll_plan_objects(handle_.get(), list, sizeof *list, capacity, count, &objects.least);
            });
        return objects;
    }
    // The number of the shared object that contains an occupant.
    std::optional<std::uint32_t> object_of(Occupant occupant, std::uint32_t index) const {
        const auto object = detail::get<std::uint32_t>([&](std::uint32_t *number) {
            return plimsoll_plan_object_of(handle_.get(), static_cast<std::int32_t>(occupant), index, number);
        });
        return object == PLIMSOLL_NO_INDEX ? std::nullopt : std::optional<std::uint32_t>(object);
    }
    // Why the plan does not fit; none if it fits, or if nothing could be proven within the limits.
    std::optional<InfeasibleCore> explain(const Options &options = Options()) const {
        plimsoll_infeasible_core *made = nullptr;
        const std::int32_t status = plimsoll_plan_explain(handle_.get(), options.get(), &made);
        detail::Handle<plimsoll_infeasible_core, plimsoll_infeasible_core_free> core(made);
        detail::check_made(status, core);
        if (!core) {
            return std::nullopt;
        }
        InfeasibleCore result{};
        detail::check(plimsoll_infeasible_core_bytes(core.get(), &result.needed, &result.capacity));
        std::int32_t irreducible = 0;
        detail::check(plimsoll_infeasible_core_is_irreducible(core.get(), &irreducible));
        result.irreducible = irreducible != 0;
        result.occupants = detail::copy_out<plimsoll_occupant>(
            [&](plimsoll_occupant *occupants, std::size_t capacity, std::size_t *count) {
                return plimsoll_infeasible_core_occupants(core.get(), occupants, sizeof *occupants, capacity, count);
            });
        return result;
    }
    // Pairs of tensors that share memory while both are live, and how: `PLIMSOLL_SHARE_...`.
    std::vector<Alias> aliases() const { return list<Alias>(plimsoll_plan_aliases); }
    std::vector<Nesting> nestings() const { return list<Nesting>(plimsoll_plan_nestings); }
    // Tiles the graph of the plan: with a capacity, at the least extra cost that fits; otherwise for the smallest arena.
    // `max_extra_ppm` is the extra cost allowed, in parts per million. None if no tiling takes less memory.
    std::optional<TiledPlan> tile(const Options &options = Options(), std::uint64_t max_extra_ppm = 0,
                                  std::optional<std::uint64_t> capacity = std::nullopt) const;
    void verify() const { detail::check(plimsoll_plan_verify(handle_.get())); }
    std::string exported(ExportFormat format) const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_plan_export(handle_.get(), static_cast<std::int32_t>(format), text, capacity, size);
        });
    }
    // The plan as C code with names that begin with `prefix`; if empty, with plimsoll_ and the name of
    // the model. The source part includes `header_name`.
    std::string code(CodePart part, const std::string &prefix = "", const std::string &header_name = "") const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_plan_export_code(handle_.get(), static_cast<std::int32_t>(part),
                                             prefix.empty() ? nullptr : prefix.c_str(), header_name.c_str(), text,
                                             capacity, size);
        });
    }
    // A copy of an ONNX model with its nodes in this plan's order and the plan in its metadata. `options`
    // are those of its import; NULL for the defaults.
    std::vector<std::uint8_t> onnx(const void *model, std::size_t model_size,
                                   const plimsoll_import_options *options = nullptr) const {
        return detail::copy_out<std::uint8_t>([&](std::uint8_t *bytes, std::size_t capacity, std::size_t *size) {
            return plimsoll_plan_export_onnx(handle_.get(), static_cast<const std::uint8_t *>(model), model_size,
                                             options, bytes, capacity, size);
        });
    }
    void write_onnx(const void *model, std::size_t model_size, const std::string &path,
                    const plimsoll_import_options *options = nullptr) const {
        detail::check(plimsoll_plan_write_onnx(handle_.get(), static_cast<const std::uint8_t *>(model), model_size,
                                               options, path.c_str()));
    }
    void write(ExportFormat format, const std::string &path) const {
        detail::check(
            plimsoll_plan_write(handle_.get(), static_cast<std::int32_t>(format), path.c_str()));
    }
    const plimsoll_plan *get() const noexcept { return handle_.get(); }

private:
    friend class Graph;
    friend class Problem;
    friend class TflitePlan;
    friend class TiledPlan;
    Plan() = default;

    // Owns the plan that a call creates; frees it if a callback threw.
    template <class Call>
    static Plan made_by(Call call) {
        Plan plan;
        plimsoll_plan *made = nullptr;
        const std::int32_t status = call(&made);
        plan.handle_.reset(made);
        detail::check_made(status, plan.handle_);
        return plan;
    }
    template <class Call>
    std::uint64_t number(Call call) const {
        return detail::get<std::uint64_t>([&](std::uint64_t *value) { return call(handle_.get(), value); });
    }
    template <class T, class Call>
    std::vector<T> list(Call call) const {
        return detail::copy_out<T>([&](T *items, std::size_t capacity, std::size_t *count) {
            if constexpr (std::is_class_v<T>) {
                return call(handle_.get(), items, sizeof(T), capacity, count);
            } else {
                return call(handle_.get(), items, capacity, count);
            }
        });
    }

    detail::Handle<plimsoll_plan, plimsoll_plan_free> handle_;
};

// The choice of buffers to keep on chip.
class Choice {
public:
    std::uint64_t value() const { return both().first; }
    // Upper bound on the value that can be kept.
    std::uint64_t bound() const { return both().second; }
    std::uint64_t arena_bytes() const { return arena().first; }
    Stop stop() const { return static_cast<Stop>(arena().second); }
    // Offsets by buffer; PLIMSOLL_NONE for buffers that stay off chip.
    std::vector<std::uint64_t> offsets() const {
        return detail::copy_out<std::uint64_t>(
            [&](std::uint64_t *offsets, std::size_t capacity, std::size_t *count) {
                return plimsoll_choice_offsets(handle_.get(), offsets, capacity, count);
            });
    }
    const plimsoll_choice *get() const noexcept { return handle_.get(); }

private:
    friend class Problem;
    Choice() = default;

    std::pair<std::uint64_t, std::uint64_t> both() const {
        std::pair<std::uint64_t, std::uint64_t> value;
        detail::check(plimsoll_choice_value(handle_.get(), &value.first, &value.second));
        return value;
    }
    std::pair<std::uint64_t, std::int32_t> arena() const {
        std::pair<std::uint64_t, std::int32_t> arena;
        detail::check(plimsoll_choice_arena_bytes(handle_.get(), &arena.first, &arena.second));
        return arena;
    }

    detail::Handle<plimsoll_choice, plimsoll_choice_free> handle_;
};

// A packing problem: buffers that need offsets.
class Problem {
public:
    explicit Problem(const std::vector<Buffer> &buffers, const std::vector<std::string> &names = {},
                     const std::vector<Gap> &gaps = {}) {
        if (!names.empty() && names.size() != buffers.size()) {
            throw std::invalid_argument("names: pass a name for each buffer, or none");
        }
        std::vector<const char *> texts;
        for (const std::string &name : names) {
            texts.push_back(name.c_str());
        }
        plimsoll_problem *made = nullptr;
        detail::check(plimsoll_problem_new_with_gaps(buffers.data(), sizeof(Buffer), buffers.size(),
                                                     texts.empty() ? nullptr : texts.data(), gaps.data(),
                                                     sizeof(Gap), gaps.size(), &made));
        handle_.reset(made);
    }

    std::size_t buffer_count() const {
        return detail::get<std::size_t>(
            [&](std::size_t *count) { return plimsoll_problem_buffer_count(handle_.get(), count); });
    }
    Plan plan() const { return plan_with(nullptr); }
    Plan plan(const Options &options) const { return plan_with(options.get()); }
    // Keeps the most bytes within the capacity of the options.
    Choice choose(const Options &options) const { return choose_with(options, nullptr, 0); }
    // Keeps the greatest total value, with a value for each buffer.
    Choice choose(const Options &options, const std::vector<std::uint64_t> &values) const {
        static const std::uint64_t nothing = 0;
        return choose_with(options, values.empty() ? &nothing : values.data(), values.size());
    }
    void verify(const std::vector<std::uint64_t> &offsets, std::uint64_t arena_bytes) const {
        detail::check(plimsoll_problem_verify(handle_.get(), offsets.data(), offsets.size(), arena_bytes));
    }
    const plimsoll_problem *get() const noexcept { return handle_.get(); }

private:
    friend class Imported;
    explicit Problem(plimsoll_problem *made) : handle_(made) {}

    Plan plan_with(const plimsoll_options *options) const {
        return Plan::made_by(
            [&](plimsoll_plan **plan) { return plimsoll_problem_plan(handle_.get(), options, plan); });
    }
    Choice choose_with(const Options &options, const std::uint64_t *values, std::size_t count) const {
        Choice choice;
        plimsoll_choice *made = nullptr;
        const std::int32_t status =
            plimsoll_problem_choose(handle_.get(), options.get(), values, count, &made);
        choice.handle_.reset(made);
        detail::check_made(status, choice.handle_);
        return choice;
    }

    detail::Handle<plimsoll_problem, plimsoll_problem_free> handle_;
};

// The memories of a target, fast ones first; the last one is the backing store.
class Pools {
public:
    Pools() {
        plimsoll_pools *made = nullptr;
        detail::check(plimsoll_pools_new(&made));
        handle_.reset(made);
    }
    Pools &add(const std::string &name, const Pool &pool) {
        return set(plimsoll_pools_add(handle_.get(), name.c_str(), &pool, sizeof pool));
    }
    // The pool into which the caller writes inputs, by number; none for the backing store.
    Pools &inputs(std::optional<std::uint32_t> pool) {
        return set(plimsoll_pools_set_inputs(handle_.get(), pool.value_or(PLIMSOLL_NO_INDEX)));
    }
    Pools &outputs(std::optional<std::uint32_t> pool) {
        return set(plimsoll_pools_set_outputs(handle_.get(), pool.value_or(PLIMSOLL_NO_INDEX)));
    }
    Pools &loading(Loading loading) {
        return set(plimsoll_pools_set_loading(handle_.get(), static_cast<std::int32_t>(loading)));
    }
    Pools &prefetch(std::uint32_t steps) { return set(plimsoll_pools_set_prefetch(handle_.get(), steps)); }
    const plimsoll_pools *get() const noexcept { return handle_.get(); }

private:
    Pools &set(std::int32_t status) {
        detail::check(status);
        return *this;
    }

    detail::Handle<plimsoll_pools, plimsoll_pools_free> handle_;
};

// A verified plan for several memories.
class PoolPlan {
public:
    PoolFigures figures() const {
        return detail::get<PoolFigures>(
            [&](PoolFigures *figures) { return plimsoll_pool_plan_figures(handle_.get(), figures, sizeof *figures); });
    }
    // Traffic by pool.
    std::vector<PoolTraffic> traffic() const { return list<PoolTraffic>(plimsoll_pool_plan_traffic); }
    // Residency intervals: tensors by index, then scratch by operator, each by pool and time.
    std::vector<Residency> residencies() const { return list<Residency>(plimsoll_pool_plan_residencies); }
    // Transfers in the order in which to make them.
    std::vector<Transfer> transfers() const { return list<Transfer>(plimsoll_pool_plan_transfers); }
    std::vector<Use> uses() const { return list<Use>(plimsoll_pool_plan_uses); }
    // The residency interval at which the operator of a step accesses a tensor or its scratch.
    Residency residency_at(std::uint32_t step, Occupant occupant, std::uint32_t index) const {
        return detail::get<Residency>([&](Residency *residency) {
            return plimsoll_pool_plan_residency_at(handle_.get(), step, static_cast<std::int32_t>(occupant), index, residency,
                                                   sizeof *residency);
        });
    }
    std::vector<Alias> aliases() const { return list<Alias>(plimsoll_pool_plan_aliases); }
    // Indices of operators, in the order of execution.
    std::vector<std::uint32_t> order() const { return list<std::uint32_t>(plimsoll_pool_plan_order); }
    void verify() const { detail::check(plimsoll_pool_plan_verify(handle_.get())); }
    std::string exported(ExportFormat format) const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_pool_plan_export(handle_.get(), static_cast<std::int32_t>(format), text, capacity, size);
        });
    }
    // The plan as C code with names that begin with `prefix`; if empty, with plimsoll_ and the name of
    // the model. The source part includes `header_name`.
    std::string code(CodePart part, const std::string &prefix = "", const std::string &header_name = "") const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_pool_plan_export_code(handle_.get(), static_cast<std::int32_t>(part),
                                             prefix.empty() ? nullptr : prefix.c_str(), header_name.c_str(), text,
                                             capacity, size);
        });
    }
    void write(ExportFormat format, const std::string &path) const {
        detail::check(plimsoll_pool_plan_write(handle_.get(), static_cast<std::int32_t>(format), path.c_str()));
    }
    const plimsoll_pool_plan *get() const noexcept { return handle_.get(); }

private:
    friend class Graph;
    PoolPlan() = default;

    // Owns the plan that a call creates; frees it if a callback threw.
    template <class Call>
    static PoolPlan made_by(Call call) {
        PoolPlan plan;
        plimsoll_pool_plan *made = nullptr;
        const std::int32_t status = call(&made);
        plan.handle_.reset(made);
        detail::check_made(status, plan.handle_);
        return plan;
    }
    template <class T, class Call>
    std::vector<T> list(Call call) const {
        return detail::copy_out<T>([&](T *items, std::size_t capacity, std::size_t *count) {
            if constexpr (std::is_class_v<T>) {
                return call(handle_.get(), items, sizeof(T), capacity, count);
            } else {
                return call(handle_.get(), items, capacity, count);
            }
        });
    }

    detail::Handle<plimsoll_pool_plan, plimsoll_pool_plan_free> handle_;
};

// A graph of operators and tensors: add them, build the graph once, then plan it.
class Graph {
public:
    explicit Graph(const std::string &name) {
        plimsoll_graph *made = nullptr;
        detail::check(plimsoll_graph_new(name.c_str(), &made));
        handle_.reset(made);
    }

    // Adds a tensor of `bytes` bytes; alignment 0 is the alignment of the options.
    std::uint32_t tensor(const std::string &name, TensorKind kind, std::uint64_t bytes,
                         std::uint64_t alignment = 0,
                         std::optional<std::uint64_t> fixed_offset = std::nullopt) {
        return detail::get<std::uint32_t>([&](std::uint32_t *index) {
            return plimsoll_graph_add_tensor(handle_.get(), name.c_str(), static_cast<std::int32_t>(kind),
                                             bytes, alignment, fixed_offset.value_or(PLIMSOLL_NONE), index);
        });
    }
    // Adds a tensor with elements of a type such as "int8".
    std::uint32_t tensor(const std::string &name, TensorKind kind, const std::string &element_type,
                         const std::vector<std::uint64_t> &shape, std::uint64_t alignment = 0,
                         std::optional<std::uint64_t> fixed_offset = std::nullopt) {
        return detail::get<std::uint32_t>([&](std::uint32_t *index) {
            return plimsoll_graph_add_shaped_tensor(
                handle_.get(), name.c_str(), static_cast<std::int32_t>(kind), element_type.c_str(),
                shape.data(), shape.size(), alignment, fixed_offset.value_or(PLIMSOLL_NONE), index);
        });
    }
    std::uint32_t add_operator(const std::string &name, const std::string &op_type,
                               const std::vector<std::uint32_t> &inputs,
                               const std::vector<std::uint32_t> &outputs, std::uint64_t scratch_bytes = 0) {
        return detail::get<std::uint32_t>([&](std::uint32_t *index) {
            return plimsoll_graph_add_operator(handle_.get(), name.c_str(), op_type.c_str(), inputs.data(),
                                               inputs.size(), outputs.data(), outputs.size(), scratch_bytes,
                                               index);
        });
    }
    void mark_output(std::uint32_t tensor) {
        detail::check(plimsoll_graph_mark_output(handle_.get(), tensor));
    }
    // Operator `after` must run after operator `before`.
    void add_dependency(std::uint32_t before, std::uint32_t after) {
        detail::check(plimsoll_graph_add_dependency(handle_.get(), before, after));
    }
    void mark_foldable(std::uint32_t operator_index) {
        detail::check(plimsoll_graph_mark_foldable(handle_.get(), operator_index));
    }
    // `bytes` is the position of the smaller tensor in the larger one, or the size of the overlap.
    void permit(std::uint32_t operator_index, Permit permit, std::uint32_t input, std::uint32_t output,
                std::uint64_t bytes = 0) {
        detail::check(plimsoll_graph_permit(handle_.get(), operator_index, static_cast<std::int32_t>(permit), input,
                                            output, bytes));
    }
    // States which rows of its inputs an operator reads for rows of its outputs: see plimsoll_graph_set_access.
    void set_access(std::uint32_t operator_index, const AccessMap &map) {
        std::vector<std::int64_t> outputs, inputs;
        const std::size_t output_count = map.axes.empty() ? 0 : map.axes.front().outputs.size();
        const std::size_t input_count = map.axes.empty() ? 0 : map.axes.front().inputs.size();
        for (const TileAxis &axis : map.axes) {
            if (axis.outputs.size() != output_count || axis.inputs.size() != input_count) {
                throw std::invalid_argument("all axes of an access map have equally many outputs and inputs");
            }
            outputs.insert(outputs.end(), axis.outputs.begin(), axis.outputs.end());
            for (const std::optional<Rows> &rows : axis.inputs) {
                const Rows all = rows.value_or(Rows{-1});
                inputs.insert(inputs.end(), {all.axis, all.numerator, all.denominator, all.first, all.last,
                                             all.repeats_edge ? PLIMSOLL_OUTSIDE_EDGE : PLIMSOLL_OUTSIDE_PADDING});
            }
        }
        detail::check(plimsoll_graph_set_access(handle_.get(), operator_index, map.cost_per_element, map.axes.size(),
                                                outputs.data(), output_count, inputs.data(), input_count));
    }
    // The access map of an operator of a built graph; none if it has none.
    std::optional<AccessMap> access(std::uint32_t operator_index) const {
        std::uint64_t cost = 0;
        std::size_t axes = 0, output_numbers = 0, input_numbers = 0;
        detail::check(plimsoll_graph_access(handle_.get(), operator_index, &cost, &axes, nullptr, 0, &output_numbers,
                                            nullptr, 0, &input_numbers));
        if (cost == 0 && axes == 0) {
            return std::nullopt;
        }
        std::vector<std::int64_t> outputs(output_numbers), inputs(input_numbers);
        detail::check(plimsoll_graph_access(handle_.get(), operator_index, &cost, &axes, outputs.data(), output_numbers,
                                            &output_numbers, inputs.data(), input_numbers, &input_numbers));
        AccessMap map{cost, std::vector<TileAxis>(axes)};
        const std::size_t per_axis = axes == 0 ? 0 : input_numbers / axes;
        for (std::size_t number = 0; number < axes; ++number) {
            TileAxis &axis = map.axes[number];
            const std::size_t outputs_each = output_numbers / axes;
            for (std::size_t output = 0; output < outputs_each; ++output) {
                axis.outputs.push_back(outputs[number * outputs_each + output]);
            }
            for (std::size_t at = number * per_axis; at < (number + 1) * per_axis; at += PLIMSOLL_ROW_NUMBERS) {
                const bool is_whole = inputs[at] == -1;
                axis.inputs.push_back(is_whole ? std::nullopt
                                               : std::optional<Rows>(Rows{inputs[at], inputs[at + 1], inputs[at + 2],
                                                                          inputs[at + 3], inputs[at + 4],
                                                                          inputs[at + 5] == PLIMSOLL_OUTSIDE_EDGE}));
            }
        }
        return map;
    }
    // The axes of a tensor from outermost to innermost, for a built graph; row-major by default.
    void set_memory_order(std::uint32_t tensor, const std::vector<std::uint32_t> &axes) {
        detail::check(plimsoll_graph_set_memory_order(handle_.get(), tensor, axes.data(), axes.size()));
    }
    std::vector<std::uint32_t> memory_order(std::uint32_t tensor) const {
        std::size_t count = 0;
        detail::check(plimsoll_graph_memory_order(handle_.get(), tensor, nullptr, 0, &count));
        std::vector<std::uint32_t> axes(count);
        detail::check(plimsoll_graph_memory_order(handle_.get(), tensor, axes.data(), count, &count));
        return axes;
    }
    void mark_overwritable(std::uint32_t tensor) {
        detail::check(plimsoll_graph_mark_overwritable(handle_.get(), tensor));
    }
    // Constraint: `tensor` lies `at` bytes after the start of `of` in every plan.
    void place_at(std::uint32_t tensor, std::uint32_t of, std::uint64_t at = 0) {
        detail::check(plimsoll_graph_place_at(handle_.get(), tensor, of, at));
    }
    // Constraint: no plan lets these tensors have a byte in common while both are live.
    void keep_apart(std::uint32_t first, std::uint32_t second) {
        detail::check(plimsoll_graph_keep_apart(handle_.get(), first, second));
    }
    void build() { detail::check(plimsoll_graph_build(handle_.get())); }
    // Folds constants and returns the number of folded operators.
    std::size_t fold_constants() {
        return detail::get<std::size_t>(
            [&](std::size_t *count) { return plimsoll_graph_fold_constants(handle_.get(), count); });
    }
    void count_floats_as(const std::string &element_type) {
        detail::check(plimsoll_graph_count_floats_as(handle_.get(), element_type.c_str()));
    }
    std::size_t tensor_count() const {
        return detail::get<std::size_t>(
            [&](std::size_t *count) { return plimsoll_graph_tensor_count(handle_.get(), count); });
    }
    std::size_t operator_count() const {
        return detail::get<std::size_t>(
            [&](std::size_t *count) { return plimsoll_graph_operator_count(handle_.get(), count); });
    }
    std::uint64_t tensor_bytes(std::uint32_t tensor) const {
        return detail::get<std::uint64_t>([&](std::uint64_t *bytes) {
            return plimsoll_graph_tensor_bytes(handle_.get(), tensor, bytes);
        });
    }
    std::string tensor_name(std::uint32_t tensor) const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_graph_tensor_name(handle_.get(), tensor, text, capacity, size);
        });
    }
    std::string operator_name(std::uint32_t operator_index) const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_graph_operator_name(handle_.get(), operator_index, text, capacity, size);
        });
    }
    // Notes of the importer, a line each: parts that it left out and assumptions that it made.
    std::string notes() const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_graph_notes(handle_.get(), text, capacity, size);
        });
    }
    Plan plan() const { return plan_with(nullptr); }
    Plan plan(const Options &options) const { return plan_with(options.get()); }
    Plan plan_in_order(const std::vector<std::uint32_t> &order, const Options &options) const {
        return Plan::made_by([&](plimsoll_plan **plan) {
            return plimsoll_graph_plan_in_order(handle_.get(), order.data(), order.size(), options.get(), plan);
        });
    }
    // Plans for several memories: residency intervals and transfers of least cost.
    PoolPlan place(const Pools &pools, const Options &options = Options()) const {
        return PoolPlan::made_by([&](plimsoll_pool_plan **plan) {
            return plimsoll_graph_place(handle_.get(), options.get(), pools.get(), plan);
        });
    }
    PoolPlan place_in_order(const std::vector<std::uint32_t> &order, const Pools &pools,
                            const Options &options = Options()) const {
        return PoolPlan::made_by([&](plimsoll_pool_plan **plan) {
            return plimsoll_graph_place_in_order(handle_.get(), order.data(), order.size(), options.get(),
                                                 pools.get(), plan);
        });
    }
    // Computes an order without offsets, and its figures.
    Schedule schedule(const Options &options) const {
        Schedule schedule{std::vector<std::uint32_t>(operator_count()), {}};
        std::size_t count = 0;
        detail::check(plimsoll_graph_schedule(handle_.get(), options.get(), schedule.order.data(),
                                              schedule.order.size(), &count, &schedule.figures,
                                              sizeof schedule.figures));
        schedule.order.resize(count);
        return schedule;
    }
    const plimsoll_graph *get() const noexcept { return handle_.get(); }

private:
    friend class Imported;
    friend class TiledPlan;
    explicit Graph(plimsoll_graph *made) : handle_(made) {}

    Plan plan_with(const plimsoll_options *options) const {
        return Plan::made_by(
            [&](plimsoll_plan **plan) { return plimsoll_graph_plan(handle_.get(), options, plan); });
    }

    detail::Handle<plimsoll_graph, plimsoll_graph_free> handle_;
};

// Options of an import.
class ImportOptions {
public:
    ImportOptions() {
        plimsoll_import_options *made = nullptr;
        detail::check(plimsoll_import_options_new(&made));
        handle_.reset(made);
    }
    ImportOptions &floats_as(const std::string &element_type) {
        detail::check(plimsoll_import_options_set_floats_as(handle_.get(), element_type.c_str()));
        return *this;
    }
    ImportOptions &dimension(const std::string &name, std::uint64_t value) {
        detail::check(plimsoll_import_options_set_dimension(handle_.get(), name.c_str(), value));
        return *this;
    }
    // A shape such as "1x3x224x224" or "1,3,height,width"; none restores the shape in the file.
    ImportOptions &input_shape(const std::string &name, const std::optional<std::string> &shape) {
        detail::check(plimsoll_import_options_set_input_shape(handle_.get(), name.c_str(),
                                                              shape ? shape->c_str() : nullptr));
        return *this;
    }
    ImportOptions &overwrite_inputs(bool overwrite) {
        detail::check(plimsoll_import_options_set_overwrite_inputs(handle_.get(), overwrite ? 1 : 0));
        return *this;
    }
    // ScheduleMode of the axes of activations in memory.
    ImportOptions &layout(Layout layout) {
        detail::check(plimsoll_import_options_set_layout(handle_.get(), static_cast<std::int32_t>(layout)));
        return *this;
    }
    ImportOptions &fold(bool constants) {
        detail::check(plimsoll_import_options_set_fold(handle_.get(), constants ? 1 : 0));
        return *this;
    }
    // Imports end soon after the token is cancelled. The options keep a reference to it.
    ImportOptions &cancel(const CancelToken &cancel) {
        detail::check(plimsoll_import_options_set_cancel(handle_.get(), cancel.get()));
        return *this;
    }
    const plimsoll_import_options *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<plimsoll_import_options, plimsoll_import_options_free> handle_;
};

// Verifies the plan in the metadata of an ONNX model; throws an Error if it is wrong.
inline void verify_onnx(const void *model, std::size_t size) {
    detail::check(plimsoll_onnx_verify(static_cast<const std::uint8_t *>(model), size));
}

// Scratch sizes of the operators of a TensorFlow Lite model, as measured on a target. Operators without
// a measurement need the scratch of their reference kernels.
class TfliteScratch {
public:
    TfliteScratch() {
        plimsoll_tflite_scratch *made = nullptr;
        detail::check(plimsoll_tflite_scratch_new(&made));
        handle_.reset(made);
    }
    // `op_type`, as in "CONV_2D", is the expected type of the operator; empty for any.
    TfliteScratch &set(std::size_t subgraph, std::size_t operator_index, std::uint64_t bytes,
                       const std::string &op_type = "") {
        detail::check(plimsoll_tflite_scratch_set(handle_.get(), subgraph, operator_index,
                                                  op_type.empty() ? nullptr : op_type.c_str(), bytes));
        return *this;
    }
    const plimsoll_tflite_scratch *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<plimsoll_tflite_scratch, plimsoll_tflite_scratch_free> handle_;
};

// A model for TensorFlow Lite Micro with a verified plan in it.
class TflitePlan {
public:
    // `scratch` may be NULL for the scratch of the reference kernels.
    TflitePlan(const void *model, std::size_t model_size, const std::string &name, const Options &options = Options(),
               const plimsoll_tflite_scratch *scratch = nullptr) {
        plimsoll_tflite_plan *made = nullptr;
        const std::int32_t status = plimsoll_tflite_plan_new(static_cast<const std::uint8_t *>(model), model_size,
                                                             name.c_str(), options.get(), scratch, &made);
        handle_.reset(made);
        detail::check_made(status, handle_);
    }
    // The same with regions that run stripe by stripe, if that makes the arena, or the head alone, smaller.
    // `max_extra_ppm` is the extra cost that tiling may have, in parts per million of the model's.
    static TflitePlan tiled(const void *model, std::size_t model_size, const std::string &name,
                            std::uint64_t max_extra_ppm, bool smallest_head = false,
                            const Options &options = Options(), const plimsoll_tflite_scratch *scratch = nullptr) {
        plimsoll_tflite_plan *made = nullptr;
        const std::int32_t status =
            plimsoll_tflite_plan_tile(static_cast<const std::uint8_t *>(model), model_size, name.c_str(),
                                      options.get(), scratch, max_extra_ppm, smallest_head ? 1 : 0, &made);
        TflitePlan tiled(made);
        detail::check_made(status, tiled.handle_);
        return tiled;
    }
    // Cost of the model without tiling, and of rows that tiling computes again; both 0 without tiling.
    std::pair<std::uint64_t, std::uint64_t> tiling_cost() const {
        std::pair<std::uint64_t, std::uint64_t> cost;
        detail::check(plimsoll_tflite_plan_tiling_cost(handle_.get(), &cost.first, &cost.second));
        return cost;
    }
    // The contents of the file.
    std::vector<std::uint8_t> model() const {
        return detail::copy_out<std::uint8_t>([&](std::uint8_t *bytes, std::size_t capacity, std::size_t *size) {
            return plimsoll_tflite_plan_model(handle_.get(), bytes, capacity, size);
        });
    }
    void write(const std::string &path) const {
        detail::check(plimsoll_tflite_plan_write(handle_.get(), path.c_str()));
    }
    // Bytes that the head of the runtime's arena needs, scratch included.
    std::uint64_t head_bytes() const {
        return detail::get<std::uint64_t>([&](std::uint64_t *head) {
            return plimsoll_tflite_plan_head_bytes(handle_.get(), head, nullptr);
        });
    }
    // The same with the runtime's own plan; none if unknown.
    std::optional<std::uint64_t> runtime_head_bytes() const {
        return detail::some(detail::get<std::uint64_t>([&](std::uint64_t *own) {
            return plimsoll_tflite_plan_head_bytes(handle_.get(), nullptr, own);
        }));
    }
    // Notes for the user, a line each.
    std::string notes() const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_tflite_plan_notes(handle_.get(), text, capacity, size);
        });
    }
    // The plan of the first subgraph, for exports.
    Plan main() const {
        return Plan::made_by([&](plimsoll_plan **plan) { return plimsoll_tflite_plan_main(handle_.get(), plan); });
    }
    // Positions of operators in the input file.
    std::vector<std::uint32_t> order(std::size_t subgraph = 0) const {
        return detail::copy_out<std::uint32_t>([&](std::uint32_t *order, std::size_t capacity, std::size_t *count) {
            return plimsoll_tflite_plan_order(handle_.get(), subgraph, order, capacity, count);
        });
    }
    // Offsets by tensor; PLIMSOLL_NONE for tensors that the runtime places.
    std::vector<std::uint64_t> offsets(std::size_t subgraph = 0) const {
        return detail::copy_out<std::uint64_t>([&](std::uint64_t *offsets, std::size_t capacity, std::size_t *count) {
            return plimsoll_tflite_plan_offsets(handle_.get(), subgraph, offsets, capacity, count);
        });
    }
    const plimsoll_tflite_plan *get() const noexcept { return handle_.get(); }

private:
    explicit TflitePlan(plimsoll_tflite_plan *made) : handle_(made) {}
    detail::Handle<plimsoll_tflite_plan, plimsoll_tflite_plan_free> handle_;
};

// Verifies the plan in a model and returns the bytes that the head of the arena needs; throws an Error if
// the plan is wrong.
inline std::uint64_t verify_tflite(const void *model, std::size_t size, const plimsoll_tflite_scratch *scratch = nullptr) {
    return detail::get<std::uint64_t>([&](std::uint64_t *head) {
        return plimsoll_tflite_verify(static_cast<const std::uint8_t *>(model), size, scratch, head);
    });
}

// A verified plan of a graph in which regions of operators run stripe by stripe.
class TiledPlan {
public:
    TilingFigures figures() const {
        return detail::get<TilingFigures>(
            [&](TilingFigures *figures) { return plimsoll_tiled_plan_figures(handle_.get(), figures, sizeof *figures); });
    }
    std::vector<Region> regions() const { return list<Region>(plimsoll_tiled_plan_regions); }
    // Tiles by region, stripe and operator.
    std::vector<Tile> tiles() const { return list<Tile>(plimsoll_tiled_plan_tiles); }
    // Operators of the tiled graph by index; plan().order() says when they run.
    std::vector<TiledOperator> operators() const { return list<TiledOperator>(plimsoll_tiled_plan_operators); }
    // Inputs, then outputs, of each operator of the tiled graph.
    std::vector<std::uint32_t> operands() const { return list<std::uint32_t>(plimsoll_tiled_plan_operands); }
    // Rows that tiles read, by operator of the tiled graph.
    std::vector<TileRead> reads() const { return list<TileRead>(plimsoll_tiled_plan_reads); }
    // Tensors of the tiled graph by index.
    std::vector<TiledTensor> tensors() const { return list<TiledTensor>(plimsoll_tiled_plan_tensors); }
    // The plan of the tiled graph.
    Plan plan() const {
        return Plan::made_by([&](plimsoll_plan **plan) { return plimsoll_tiled_plan_plan(handle_.get(), plan); });
    }
    Graph graph() const {
        plimsoll_graph *made = nullptr;
        detail::check(plimsoll_tiled_plan_graph(handle_.get(), &made));
        return Graph(made);
    }
    void verify() const { detail::check(plimsoll_tiled_plan_verify(handle_.get())); }
    std::string exported(ExportFormat format) const {
        return detail::copy_text([&](char *text, std::size_t capacity, std::size_t *size) {
            return plimsoll_tiled_plan_export(handle_.get(), static_cast<std::int32_t>(format), text, capacity, size);
        });
    }
    void write(ExportFormat format, const std::string &path) const {
        detail::check(plimsoll_tiled_plan_write(handle_.get(), static_cast<std::int32_t>(format), path.c_str()));
    }
    const plimsoll_tiled_plan *get() const noexcept { return handle_.get(); }

private:
    friend class Plan;
    TiledPlan() = default;

    template <class T, class Call>
    std::vector<T> list(Call call) const {
        return detail::copy_out<T>([&](T *items, std::size_t capacity, std::size_t *count) {
            if constexpr (std::is_class_v<T>) {
                return call(handle_.get(), items, sizeof(T), capacity, count);
            } else {
                return call(handle_.get(), items, capacity, count);
            }
        });
    }

    detail::Handle<plimsoll_tiled_plan, plimsoll_tiled_plan_free> handle_;
};

inline std::optional<TiledPlan> Plan::tile(const Options &options, std::uint64_t max_extra_ppm,
                                           std::optional<std::uint64_t> capacity) const {
    TiledPlan tiled;
    plimsoll_tiled_plan *made = nullptr;
    const std::int32_t status =
        plimsoll_plan_tile(handle_.get(), options.get(), capacity.value_or(PLIMSOLL_NONE), max_extra_ppm, &made);
    tiled.handle_.reset(made);
    detail::check_made(status, tiled.handle_);
    if (!tiled.handle_) {
        return std::nullopt;
    }
    return tiled;
}

// The result of an import: a graph or a problem.
class Imported {
public:
    std::optional<Graph> graph;
    std::optional<Problem> problem;

    static Imported file(const std::string &path, const ImportOptions &options = ImportOptions()) {
        return made_by([&](plimsoll_graph **graph_made, plimsoll_problem **problem_made) {
            return plimsoll_import_file(path.c_str(), options.get(), graph_made, problem_made);
        });
    }
    static Imported memory(const void *bytes, std::size_t size, ImportFormat format, const std::string &name,
                           const ImportOptions &options = ImportOptions()) {
        return made_by([&](plimsoll_graph **graph_made, plimsoll_problem **problem_made) {
            return plimsoll_import_memory(static_cast<const std::uint8_t *>(bytes), size,
                                          static_cast<std::int32_t>(format), name.c_str(), options.get(),
                                          graph_made, problem_made);
        });
    }

private:
    template <class Call>
    static Imported made_by(Call call) {
        plimsoll_graph *graph_made = nullptr;
        plimsoll_problem *problem_made = nullptr;
        detail::check(call(&graph_made, &problem_made));
        Imported imported;
        if (graph_made != nullptr) {
            imported.graph = Graph(graph_made);
        }
        if (problem_made != nullptr) {
            imported.problem = Problem(problem_made);
        }
        return imported;
    }
};

} // namespace plimsoll

#endif
