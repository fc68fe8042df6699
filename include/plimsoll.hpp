// plimsoll for C++17: a header-only wrapper of plimsoll.h, whose comments have the details.
//
// Objects own their handles; they can be moved but not copied. The rules of plimsoll.h for threads apply to
// them. X::adopt takes a handle of the C interface over, release() gives it up, and borrow<X>() wraps one that the
// caller still owns.
//
// Failed calls throw plimsoll::Error with the status and the message. Callbacks are lambdas and may throw:
// planning then stops, and the caller of plan(), place() or choose() receives the exception.
//
// Without exceptions (-fno-exceptions, or PLIMSOLL_EXCEPTIONS defined as 0), calls return a Result instead, which has
// the value or the Error: Returned<T> below is T or Result<T>. An object whose constructor failed is empty (false as a
// condition), and calls on it fail; X::make returns the error. Setters of options keep the first error, and calls
// that use the options return it.
//
// Functions that return lists are templates, so that only programs that call them compile them.
#ifndef PLIMSOLL_HPP
#define PLIMSOLL_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "plimsoll.h"

#ifndef PLIMSOLL_EXCEPTIONS
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define PLIMSOLL_EXCEPTIONS 1
#else
#define PLIMSOLL_EXCEPTIONS 0
#endif
#endif

#if PLIMSOLL_EXCEPTIONS
#include <exception>
#include <stdexcept>
#endif

// The inline namespace has the ABI number, so that translation units for different numbers, or with and without
// exceptions, have different names.
#define PLIMSOLL_DETAIL_JOIN2(a, b) a##b
#define PLIMSOLL_DETAIL_JOIN(a, b) PLIMSOLL_DETAIL_JOIN2(a, b)
#if PLIMSOLL_EXCEPTIONS
#define PLIMSOLL_DETAIL_NAMESPACE PLIMSOLL_DETAIL_JOIN(abi, PLIMSOLL_ABI)
#else
#define PLIMSOLL_DETAIL_NAMESPACE PLIMSOLL_DETAIL_JOIN(abi_without_exceptions_, PLIMSOLL_ABI)
#endif

namespace plimsoll {
inline namespace PLIMSOLL_DETAIL_NAMESPACE {

// The error of a failed call: a status (PLIMSOLL_ERROR_...) and a message that names the tensor,
// operator or argument at fault.
#if PLIMSOLL_EXCEPTIONS
class Error : public std::runtime_error {
public:
    Error(std::int32_t status, const std::string &message) : std::runtime_error(message), status_(status) {}
    std::int32_t status() const noexcept { return status_; }

private:
    std::int32_t status_;
};

template <class T>
using Returned = T;
#else
class Error {
public:
    Error(std::int32_t status, std::string message) : status_(status), message_(std::move(message)) {}
    std::int32_t status() const noexcept { return status_; }
    const char *what() const noexcept { return message_.c_str(); }

private:
    std::int32_t status_;
    std::string message_;
};

// A value, or the error of the call that should have returned it.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(T empty, Error error)
        : value_(std::move(empty)), status_(error.status()), message_(error.what()) {}
    bool ok() const noexcept { return status_ == PLIMSOLL_OK; }
    explicit operator bool() const noexcept { return ok(); }
    std::int32_t status() const noexcept { return status_; }
    // The message; empty for a value.
    const char *message() const noexcept { return message_.c_str(); }
    Error error() const { return Error(status_, message_); }
    // The value; empty if there is none.
    T &value() & noexcept { return value_; }
    const T &value() const & noexcept { return value_; }
    T &&value() && noexcept { return std::move(value_); }
    T &operator*() & noexcept { return value_; }
    const T &operator*() const & noexcept { return value_; }
    T &&operator*() && noexcept { return std::move(value_); }
    T *operator->() noexcept { return &value_; }
    const T *operator->() const noexcept { return &value_; }

private:
    T value_;
    std::int32_t status_ = PLIMSOLL_OK;
    std::string message_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : status_(error.status()), message_(error.what()) {}
    bool ok() const noexcept { return status_ == PLIMSOLL_OK; }
    explicit operator bool() const noexcept { return ok(); }
    std::int32_t status() const noexcept { return status_; }
    const char *message() const noexcept { return message_.c_str(); }
    Error error() const { return Error(status_, message_); }

private:
    std::int32_t status_ = PLIMSOLL_OK;
    std::string message_;
};

template <class T>
using Returned = Result<T>;
#endif

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

// Flags of tensors and operators, to be added up.
constexpr std::uint32_t is_output = PLIMSOLL_TENSOR_IS_OUTPUT;
constexpr std::uint32_t is_overwritable = PLIMSOLL_TENSOR_IS_OVERWRITABLE;
constexpr std::uint32_t is_preserved = PLIMSOLL_TENSOR_IS_PRESERVED;
constexpr std::uint32_t is_outside = PLIMSOLL_TENSOR_IS_OUTSIDE;
constexpr std::uint32_t is_foldable = PLIMSOLL_OPERATOR_FOLDABLE;

// The permitted use of the contents of a graph input.
enum class InputContents : std::int32_t {
    reusable = PLIMSOLL_INPUT_REUSABLE,
    preserved = PLIMSOLL_INPUT_PRESERVED,
    overwritable = PLIMSOLL_INPUT_OVERWRITABLE,
};

// The use of the offsets of a previous plan.
enum class Keep : std::int32_t {
    hint = PLIMSOLL_KEEP_HINT,
    demand = PLIMSOLL_KEEP_DEMAND,
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

// Order of the axes of activations in memory.
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
using SharedObject = plimsoll_shared_object;
using Object = plimsoll_shared_object;
using Nesting = plimsoll_nesting;
using Alias = plimsoll_alias;
using TensorRecord = plimsoll_tensor;
using OperatorRecord = plimsoll_operator;
using PermitRecord = plimsoll_permit;
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

// Ends the program if the library that it runs with has another ABI number.
inline bool check_abi() noexcept {
    if (plimsoll_abi() != PLIMSOLL_ABI) {
        std::fprintf(stderr, "plimsoll.hpp is for ABI %u, but the library has ABI %u\n",
                     static_cast<unsigned>(PLIMSOLL_ABI), static_cast<unsigned>(plimsoll_abi()));
        std::abort();
    }
    return true;
}
#ifndef PLIMSOLL_NO_ABI_CHECK
inline const bool abi_is_checked = check_abi();
#endif

inline std::string last_error() {
    char text[2200];
    const std::int32_t status = plimsoll_last_error(text, sizeof text, nullptr);
    return status == PLIMSOLL_OK || status == PLIMSOLL_ERROR_TOO_SMALL ? std::string(text) : std::string();
}

#if PLIMSOLL_EXCEPTIONS
// The exception of a callback, kept until the library call that invoked the callback has
// returned. Thread-local, as callbacks run on the calling thread.
inline std::exception_ptr &thrown() noexcept {
    thread_local std::exception_ptr exception;
    return exception;
}

[[noreturn]] inline void fail(std::int32_t status) {
    if (std::exception_ptr exception = std::exchange(thrown(), nullptr)) {
        std::rethrow_exception(exception);
    }
    throw Error(status, last_error());
}

// Ends a call: throws its error, or returns.
inline void done(std::int32_t status) {
    if (status != PLIMSOLL_OK || thrown()) {
        fail(status);
    }
}

// Ends a call: throws its error, or returns the value.
template <class T>
T done(std::int32_t status, T &value) {
    done(status);
    return std::move(value);
}

template <class T>
[[noreturn]] T failure(const Error &error) {
    throw error;
}
#else
inline Result<void> done(std::int32_t status) {
    return status == PLIMSOLL_OK ? Result<void>() : Result<void>(Error(status, last_error()));
}

template <class T>
Result<T> done(std::int32_t status, T &value) {
    if (status == PLIMSOLL_OK) {
        return Result<T>(std::move(value));
    }
    return Result<T>(std::move(value), Error(status, last_error()));
}

template <class T>
Result<T> failure(const Error &error) {
    if constexpr (std::is_void_v<T>) {
        return error;
    } else if constexpr (std::is_default_constructible_v<T>) {
        return Result<T>(T(), error);
    } else {
        return Result<T>(T::adopt(nullptr), error);
    }
}
#endif

template <class T>
Returned<T> wrong_argument(const char *message) {
    return failure<T>(Error(PLIMSOLL_ERROR_ARGUMENT, message));
}

// Owns a handle.
template <class T, void (*free)(T *)>
class Object {
public:
    using Handle = T;

    Object(Object &&other) noexcept : handle_(other.release()) {}
    Object &operator=(Object &&other) noexcept {
        if (this != &other) {
            T *old = std::exchange(handle_, other.release());
            free(old);
        }
        return *this;
    }
    ~Object() { free(handle_); }
    // The handle, which this object still owns.
    const T *get() const noexcept { return handle_; }
    // Gives the handle up: the caller frees it. This object is empty from then on.
    T *release() noexcept { return std::exchange(handle_, nullptr); }
    // False for an object that is empty: moved from, released, or not made.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

protected:
    explicit Object(T *handle) noexcept : handle_(handle) {}
    T *handle_;
};

// Owns a handle whose setters can be chained. Without exceptions, it keeps the first error.
template <class T, void (*free)(T *)>
class Settings : public Object<T, free> {
public:
    // The first error of a setter; NULL if there is none.
    const Error *error() const noexcept { return error_ ? &*error_ : nullptr; }

protected:
    explicit Settings(std::int32_t (*make)(T **)) : Object<T, free>(nullptr) { keep(make(&this->handle_)); }
    void keep(std::int32_t status) {
#if PLIMSOLL_EXCEPTIONS
        done(status);
#else
        keep(status == PLIMSOLL_OK ? std::nullopt : std::optional<Error>(Error(status, last_error())));
#endif
    }
    void keep(std::optional<Error> error) {
#if PLIMSOLL_EXCEPTIONS
        if (error) {
            throw *error;
        }
#else
        if (error && !error_) {
            error_ = std::move(error);
        }
#endif
    }

private:
    std::optional<Error> error_;
};

// A function object of any type.
template <class Signature>
class Function;

template <class R, class... A>
class Function<R(A...)> {
public:
    Function() noexcept = default;
    Function(std::nullptr_t) noexcept {}
    template <class F, class = std::enable_if_t<!std::is_same_v<F, Function>>>
    Function(F function)
        : object_(new F(std::move(function))), call_([](void *object, A... arguments) -> R {
              return static_cast<R>((*static_cast<F *>(object))(static_cast<A &&>(arguments)...));
          }),
          destroy_([](void *object) noexcept { delete static_cast<F *>(object); }) {}
    Function(Function &&other) noexcept
        : object_(std::exchange(other.object_, nullptr)), call_(other.call_), destroy_(other.destroy_) {}
    Function &operator=(Function &&other) noexcept {
        std::swap(object_, other.object_);
        std::swap(call_, other.call_);
        std::swap(destroy_, other.destroy_);
        return *this;
    }
    ~Function() {
        if (object_ != nullptr) {
            destroy_(object_);
        }
    }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    R operator()(A... arguments) const { return call_(object_, static_cast<A &&>(arguments)...); }

private:
    void *object_ = nullptr;
    R (*call_)(void *, A...) = nullptr;
    void (*destroy_)(void *) noexcept = nullptr;
};

inline std::optional<std::uint64_t> some(std::uint64_t offset) {
    return offset == PLIMSOLL_NONE ? std::nullopt : std::optional<std::uint64_t>(offset);
}

// The functions below call `call` with `arguments` and the outputs that its kind of result needs. They are
// instantiated for each signature, not for each function, which keeps this header light.

template <class T, class Call, class... A>
Returned<T> value(Call call, A... arguments) {
    T result{};
    const std::int32_t status = call(arguments..., &result);
    return done(status, result);
}

// A record.
template <class T, class Call, class... A>
Returned<T> record(Call call, A... arguments) {
    T result{};
    const std::int32_t status = call(arguments..., &result, sizeof result);
    return done(status, result);
}

// A number that has an enumeration here.
template <class T, class Call, class... A>
Returned<T> number(Call call, A... arguments) {
    std::int32_t written = 0;
    const std::int32_t status = call(arguments..., &written);
    T result = static_cast<T>(written);
    return done(status, result);
}

// A number of bytes, or none.
template <class Call, class... A>
Returned<std::optional<std::uint64_t>> bytes(Call call, A... arguments) {
    std::uint64_t written = 0;
    const std::int32_t status = call(arguments..., &written);
    std::optional<std::uint64_t> result = some(written);
    return done(status, result);
}

template <class Call, class... A>
Returned<std::string> text(Call call, A... arguments) {
    std::string result;
    std::size_t size = 0;
    std::int32_t status = call(arguments..., nullptr, 0, &size);
    if (status == PLIMSOLL_OK) {
        result.resize(size);
        status = call(arguments..., result.data(), size, &size);
        result.resize(size - 1);
    }
    return done(status, result);
}

// An array of numbers.
template <class T, class Call, class... A>
Returned<std::vector<T>> numbers(Call call, A... arguments) {
    std::vector<T> result;
    std::size_t count = 0;
    std::int32_t status = call(arguments..., nullptr, 0, &count);
    if (status == PLIMSOLL_OK) {
        result.resize(count);
        status = call(arguments..., result.data(), count, &count);
    }
    return done(status, result);
}

template <class T, class Call, class... A>
std::int32_t copy_records(std::vector<T> &result, Call call, A... arguments) {
    std::size_t count = 0;
    const std::int32_t status = call(arguments..., nullptr, sizeof(T), 0, &count);
    if (status != PLIMSOLL_OK) {
        return status;
    }
    result.resize(count);
    return call(arguments..., result.data(), sizeof(T), count, &count);
}

// An array of records.
template <class T, class Call, class... A>
Returned<std::vector<T>> records(Call call, A... arguments) {
    std::vector<T> result;
    const std::int32_t status = copy_records(result, call, arguments...);
    return done(status, result);
}

// A new object.
template <class T, class Call, class... A>
Returned<T> made(Call call, A... arguments) {
    typename T::Handle *handle = nullptr;
    const std::int32_t status = call(arguments..., &handle);
    T result = T::adopt(handle);
    return done(status, result);
}

template <class T>
std::int32_t number_of(T value) noexcept {
    return static_cast<std::int32_t>(value);
}

inline std::vector<const char *> pointers(const std::vector<std::string> &texts) {
    std::vector<const char *> result;
    result.reserve(texts.size());
    for (const std::string &text : texts) {
        result.push_back(text.c_str());
    }
    return result;
}

} // namespace detail

// An object around a handle that the caller still owns: borrow<Graph>(handle)->plan().
template <class T>
class Borrowed {
public:
    explicit Borrowed(const typename T::Handle *handle) noexcept
        : object_(T::adopt(const_cast<typename T::Handle *>(handle))) {}
    Borrowed(Borrowed &&) = default;
    Borrowed &operator=(Borrowed &&) = delete;
    ~Borrowed() { object_.release(); }
    const T &operator*() const noexcept { return object_; }
    const T *operator->() const noexcept { return &object_; }

private:
    T object_;
};

template <class T>
Borrowed<T> borrow(const typename T::Handle *handle) noexcept {
    return Borrowed<T>(handle);
}

// Bytes for Permit::overlap_output_below, or, with descending loops, Permit::overlap_input_below.
inline Returned<std::uint64_t> safe_overlap(const Windowed &kernel) {
    return detail::value<std::uint64_t>(plimsoll_safe_overlap, &kernel, sizeof kernel);
}

inline std::uint32_t abi() noexcept { return plimsoll_abi(); }
inline std::string version() { return plimsoll_version(); }
// True if the library was built with a feature, such as "onnx" or "json".
inline bool has_feature(const std::string &name) noexcept { return plimsoll_has_feature(name.c_str()) != 0; }
// The name of a status, as in "PLIMSOLL_ERROR_NULL".
inline const char *status_name(std::int32_t status) noexcept { return plimsoll_status_name(status); }

// The names of the strategies that Options::strategy accepts.
inline std::vector<std::string> strategies() {
    std::vector<std::string> names;
    std::size_t size = 0;
    for (std::size_t index = 0; plimsoll_strategy_name(index, nullptr, 0, &size) == PLIMSOLL_OK; ++index) {
        std::string name(size, '\0');
        plimsoll_strategy_name(index, name.data(), size, &size);
        name.resize(size - 1);
        names.push_back(std::move(name));
    }
    return names;
}

// A token that stops searches from another thread.
class CancelToken : public detail::Settings<plimsoll_cancel_token, plimsoll_cancel_token_free> {
public:
    CancelToken() : Settings(plimsoll_cancel_token_new) {}
    Returned<void> cancel() const { return detail::done(plimsoll_cancel_token_cancel(handle_)); }
};

// Options of a planner. Setters return the options, so that they can be chained.
class Options : public detail::Settings<plimsoll_options, plimsoll_options_free> {
public:
    // Receives the progress of a search; false stops the search.
    using Progress = detail::Function<bool(const plimsoll_progress &)>;
    // Receives a line of log text, valid during the call.
    using Log = detail::Function<void(std::string_view)>;
    // Chooses an offset for each of `count` buffers.
    using Strategy = detail::Function<void(const Buffer *buffers, std::size_t count,
                                           std::optional<std::uint64_t> capacity, std::uint64_t *offsets)>;

    Options() : Settings(plimsoll_options_new), callbacks_(new Callbacks()) {}
    Options(Options &&other) noexcept
        : Settings(std::move(other)), callbacks_(std::exchange(other.callbacks_, nullptr)) {}
    Options &operator=(Options &&other) noexcept {
        std::swap(callbacks_, other.callbacks_);
        Settings::operator=(std::move(other));
        return *this;
    }
    ~Options() { delete callbacks_; }

    Options &alignment(std::uint64_t bytes) { return set(plimsoll_options_set_alignment(handle_, bytes)); }
    Options &variables(Variables location) {
        return set(plimsoll_options_set_variables(handle_, detail::number_of(location)));
    }
    // Order mode of `Graph::plan`.
    Options &order(ScheduleMode order) { return set(plimsoll_options_set_order(handle_, detail::number_of(order))); }
    // Amount of work of searches without a limit.
    Options &effort(Effort effort) { return set(plimsoll_options_set_effort(handle_, detail::number_of(effort))); }
    // Lets inputs and outputs of operators lie inside the memory of their bodies.
    Options &links(bool used) { return set(plimsoll_options_set_links(handle_, used)); }
    // Permissions of operators that a plan may use.
    Options &sharing(SharingLevel sharing) {
        return set(plimsoll_options_set_sharing(handle_, detail::number_of(sharing)));
    }
    Options &capacity(std::optional<std::uint64_t> bytes) {
        return set(plimsoll_options_set_capacity(handle_, bytes.value_or(PLIMSOLL_NONE)));
    }
    Options &strategy(const std::string &name) { return set(plimsoll_options_set_strategy(handle_, name.c_str())); }
    Options &strategy(const std::string &name, Strategy strategy) {
        if (!strategy) {
            keep(Error(PLIMSOLL_ERROR_ARGUMENT, "no function is given as a strategy"));
            return *this;
        }
        callbacks_->strategies.push_back(new Strategy(std::move(strategy)));
        return set(plimsoll_options_set_custom_strategy(handle_, name.c_str(), on_strategy,
                                                        callbacks_->strategies.back(), sizeof(Buffer)));
    }
    Options &max_objects(std::size_t count) { return set(plimsoll_options_set_max_objects(handle_, count)); }
    Options &given_objects(const std::vector<std::uint64_t> &sizes) {
        return set(plimsoll_options_set_given_objects(handle_, sizes.data(), sizes.size()));
    }
    Options &merge_from(const std::string &name) {
        return set(plimsoll_options_set_merge_from(handle_, name.c_str()));
    }
    // Reserves the bytes of the arena from start to end (exclusive) for the caller.
    Options &reserve(std::uint64_t start, std::uint64_t end) {
        return set(plimsoll_options_reserve(handle_, start, end));
    }
    Options &clear_reserved() { return set(plimsoll_options_clear_reserved(handle_)); }
    Options &threads(std::uint32_t count) { return set(plimsoll_options_set_threads(handle_, count)); }
    Options &seed(std::uint64_t seed) { return set(plimsoll_options_set_seed(handle_, seed)); }
    Options &node_limit(std::optional<std::uint64_t> nodes) {
        return set(plimsoll_options_set_node_limit(handle_, nodes.value_or(PLIMSOLL_NONE)));
    }
    Options &time_limit(std::optional<std::uint64_t> milliseconds) {
        return set(plimsoll_options_set_time_limit(handle_, milliseconds.value_or(PLIMSOLL_NONE)));
    }
    // The options keep a reference to the token.
    Options &cancel(const CancelToken &cancel) { return set(plimsoll_options_set_cancel(handle_, cancel.get())); }
    // Sets the progress callback; an empty function for none.
    Options &progress(Progress progress) {
        callbacks_->progress = std::move(progress);
        return set(plimsoll_options_set_progress(handle_, callbacks_->progress ? on_progress : nullptr, callbacks_,
                                                 sizeof(plimsoll_progress)));
    }
    Options &log(Log log) {
        callbacks_->log = std::move(log);
        return set(plimsoll_options_set_log(handle_, callbacks_->log ? on_log : nullptr, callbacks_));
    }

private:
    // On the heap, as the library keeps their addresses while the options can be moved.
    struct Callbacks {
        Progress progress;
        Log log;
        // The last strategy is in use. If the setter fails, the previous one is, so it is kept.
        std::vector<Strategy *> strategies;

        Callbacks() = default;
        Callbacks(const Callbacks &) = delete;
        Callbacks &operator=(const Callbacks &) = delete;
        ~Callbacks() {
            for (Strategy *strategy : strategies) {
                delete strategy;
            }
        }
    };

    Options &set(std::int32_t status) {
        keep(status);
        return *this;
    }

    // Calls a callback unless one has thrown before. `stopped` is the result after an exception.
    template <class R, class Call>
    static R guarded(R stopped, Call call) noexcept {
#if PLIMSOLL_EXCEPTIONS
        if (detail::thrown()) {
            return stopped;
        }
        try {
            return call();
        } catch (...) {
            detail::thrown() = std::current_exception();
            return stopped;
        }
#else
        static_cast<void>(stopped);
        return call();
#endif
    }
    static std::int32_t on_progress(void *userdata, const plimsoll_progress *progress) noexcept {
        return guarded(1, [&] { return static_cast<Callbacks *>(userdata)->progress(*progress) ? 0 : 1; });
    }
    static void on_log(void *userdata, const char *line) noexcept {
        guarded(0, [&] {
            static_cast<Callbacks *>(userdata)->log(line);
            return 0;
        });
    }
    static std::int32_t on_strategy(void *userdata, const Buffer *buffers, std::size_t count, std::uint64_t capacity,
                                    std::uint64_t *offsets) noexcept {
        return guarded(1, [&] {
            (*static_cast<Strategy *>(userdata))(buffers, count, detail::some(capacity), offsets);
            return 0;
        });
    }

    Callbacks *callbacks_;
};

// Certificate of the lower bound: occupants that are all live at one step.
struct BoundCauses {
    std::uint32_t step;
    std::vector<plimsoll_occupant> causes;
};

// Shared objects, and a lower bound on their total size.
struct Objects {
    std::vector<SharedObject> list;
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
class TiledOnnx;

// A verified plan.
class Plan : public detail::Object<plimsoll_plan, plimsoll_plan_free> {
public:
    // Takes over a plan that the C interface made.
    static Plan adopt(plimsoll_plan *plan) noexcept { return Plan(plan); }

    Returned<std::uint64_t> arena_bytes() const { return count(plimsoll_plan_arena_bytes); }
    Returned<std::uint64_t> arena_alignment() const { return count(plimsoll_plan_arena_alignment); }
    Returned<std::uint64_t> lower_bound_bytes() const { return count(plimsoll_plan_lower_bound_bytes); }
    // Lower bound over all orders; none if no other order was examined.
    Returned<std::optional<std::uint64_t>> bound_over_orders() const {
        return detail::bytes(plimsoll_plan_bound_over_orders, get());
    }
    // The part of the lower bound that bound_causes certifies; an exhaustive search proved the rest.
    Returned<std::uint64_t> certified_bytes() const { return count(plimsoll_plan_certified_bytes); }
    Returned<std::uint64_t> nodes() const { return count(plimsoll_plan_nodes); }
    Returned<double> gap() const { return detail::value<double>(plimsoll_plan_gap, get()); }
    Returned<Status> status() const { return detail::number<Status>(plimsoll_plan_status, get()); }
    Returned<Stop> stop() const { return detail::number<Stop>(plimsoll_plan_stop, get()); }
    // Tensors by index, then scratch by operator.
    template <class T = Placement>
    Returned<std::vector<T>> placements() const {
        return detail::records<T>(plimsoll_plan_placements, get());
    }
    // Offsets by tensor or buffer; PLIMSOLL_NONE for those outside the arena.
    template <class T = std::uint64_t>
    Returned<std::vector<T>> offsets() const {
        return detail::numbers<T>(plimsoll_plan_offsets, get());
    }
    // Offset of a tensor or buffer; none if it lies outside the arena.
    Returned<std::optional<std::uint64_t>> offset(std::uint32_t tensor) const {
        return detail::bytes(plimsoll_plan_offset, get(), tensor);
    }
    Returned<std::optional<std::uint64_t>> scratch_offset(std::uint32_t operator_index) const {
        return detail::bytes(plimsoll_plan_scratch_offset, get(), operator_index);
    }
    // Indices of operators, in the order of execution.
    template <class T = std::uint32_t>
    Returned<std::vector<T>> order() const {
        return detail::numbers<T>(plimsoll_plan_order, get());
    }
    template <class T = BoundCauses>
    Returned<T> bound_causes() const {
        T bound{};
        const std::int32_t status = detail::copy_records(bound.causes, plimsoll_plan_bound_causes, get(), &bound.step);
        return detail::done(status, bound);
    }
    template <class T = Objects>
    Returned<T> objects() const {
        T objects{};
        std::size_t count = 0;
        std::int32_t status = plimsoll_plan_objects(get(), nullptr, sizeof(SharedObject), 0, &count, &objects.least);
        if (status == PLIMSOLL_OK) {
            objects.list.resize(count);
            status = plimsoll_plan_objects(get(), objects.list.data(), sizeof(SharedObject), count, &count,
                                           &objects.least);
        }
        return detail::done(status, objects);
    }
    // The number of the shared object that contains an occupant.
    Returned<std::optional<std::uint32_t>> object_of(Occupant occupant, std::uint32_t index) const {
        std::uint32_t number = PLIMSOLL_NO_INDEX;
        const std::int32_t status = plimsoll_plan_object_of(get(), detail::number_of(occupant), index, &number);
        std::optional<std::uint32_t> object;
        if (number != PLIMSOLL_NO_INDEX) {
            object = number;
        }
        return detail::done(status, object);
    }
    // Why the plan does not fit; none if it fits, or if nothing could be proven within the limits.
    template <class T = InfeasibleCore>
    Returned<std::optional<T>> explain(const Options &options = Options()) const {
        using Explained = std::optional<T>;
        if (const Error *error = options.error()) {
            return detail::failure<Explained>(*error);
        }
        plimsoll_infeasible_core *made = nullptr;
        std::int32_t status = plimsoll_plan_explain(get(), options.get(), &made);
        const Core core(made);
        Explained explained;
        if (core) {
            explained = T{};
            std::int32_t irreducible = 0;
            plimsoll_infeasible_core_bytes(core.get(), &explained->needed, &explained->capacity);
            plimsoll_infeasible_core_is_irreducible(core.get(), &irreducible);
            explained->irreducible = irreducible != 0;
            status = detail::copy_records(explained->occupants, plimsoll_infeasible_core_occupants, core.get());
        }
        return detail::done(status, explained);
    }
    // Pairs of tensors that share memory while both are live, and how: `PLIMSOLL_ALIAS_...`.
    template <class T = Alias>
    Returned<std::vector<T>> aliases() const { return detail::records<T>(plimsoll_plan_aliases, get()); }
    template <class T = Nesting>
    Returned<std::vector<T>> nestings() const {
        return detail::records<T>(plimsoll_plan_nestings, get());
    }
    // Offset at which the bodies of an operator begin; none if they need no memory.
    Returned<std::optional<std::uint64_t>> body_offset(std::uint32_t operator_index) const {
        return detail::bytes(plimsoll_plan_body_offset, get(), operator_index);
    }
    // The plan of a body of an operator. Offsets count from body_offset.
    Returned<Plan> body(std::uint32_t operator_index, std::size_t position) const {
        return detail::made<Plan>(plimsoll_plan_body, get(), operator_index, position);
    }
    // Tiles the graph of the plan: with a capacity, at the least extra cost that fits; otherwise for the smallest arena.
    // `max_extra_ppm` is the extra cost allowed, in parts per million. None if no tiling takes less memory.
    Returned<std::optional<TiledPlan>> tile(const Options &options = Options(), std::uint64_t max_extra_ppm = 0,
                                            std::optional<std::uint64_t> capacity = std::nullopt) const;
    Returned<void> verify() const { return detail::done(plimsoll_plan_verify(get())); }
    Returned<std::string> exported(ExportFormat format) const {
        return detail::text(plimsoll_plan_export, get(), detail::number_of(format));
    }
    // The plan as C code with names that begin with `prefix`; if empty, with plimsoll_ and the name of
    // the model. The source part includes `header_name`.
    Returned<std::string> code(CodePart part, const std::string &prefix = "", const std::string &header_name = "") const {
        return detail::text(plimsoll_plan_export_code, get(), detail::number_of(part),
                            prefix.empty() ? nullptr : prefix.c_str(), header_name.c_str());
    }
    // A copy of an ONNX model with its nodes in this plan's order and the plan in its metadata. `options`
    // are those of its import; NULL for the defaults.
    template <class T = std::uint8_t>
    Returned<std::vector<T>> onnx(const void *model, std::size_t model_size,
                                             const plimsoll_import_options *options = nullptr) const {
        return detail::numbers<T>(plimsoll_plan_export_onnx, get(), static_cast<const std::uint8_t *>(model),
                                             model_size, options);
    }
    Returned<void> write_onnx(const void *model, std::size_t model_size, const std::string &path,
                              const plimsoll_import_options *options = nullptr) const {
        return detail::done(plimsoll_plan_write_onnx(get(), static_cast<const std::uint8_t *>(model), model_size,
                                                     options, path.c_str()));
    }
    // The ONNX model of this plan with regions that run stripe by stripe; none if that takes no less memory.
    // `capacity` and `max_extra_ppm` as for `tile`, `reading` as for `onnx`.
    Returned<std::optional<TiledOnnx>> tile_onnx(const void *model, std::size_t model_size,
                                                 const Options &options = Options(), std::uint64_t max_extra_ppm = 0,
                                                 std::optional<std::uint64_t> capacity = std::nullopt,
                                                 const plimsoll_import_options *reading = nullptr) const;
    Returned<void> write(ExportFormat format, const std::string &path) const {
        return detail::done(plimsoll_plan_write(get(), detail::number_of(format), path.c_str()));
    }

private:
    struct Core : detail::Object<plimsoll_infeasible_core, plimsoll_infeasible_core_free> {
        explicit Core(plimsoll_infeasible_core *core) : Object(core) {}
    };

    explicit Plan(plimsoll_plan *plan) noexcept : Object(plan) {}
    Returned<std::uint64_t> count(std::int32_t (*call)(const plimsoll_plan *, std::uint64_t *)) const {
        return detail::value<std::uint64_t>(call, get());
    }
};

// The choice of buffers to keep on chip.
class Choice : public detail::Object<plimsoll_choice, plimsoll_choice_free> {
public:
    static Choice adopt(plimsoll_choice *choice) noexcept { return Choice(choice); }

    Returned<std::uint64_t> value() const { return of_value(0); }
    // Upper bound on the value that can be kept.
    Returned<std::uint64_t> bound() const { return of_value(1); }
    Returned<std::uint64_t> arena_bytes() const {
        std::uint64_t bytes = 0;
        std::int32_t stop = 0;
        const std::int32_t status = plimsoll_choice_arena_bytes(get(), &bytes, &stop);
        return detail::done(status, bytes);
    }
    Returned<Stop> stop() const {
        std::uint64_t bytes = 0;
        std::int32_t number = 0;
        const std::int32_t status = plimsoll_choice_arena_bytes(get(), &bytes, &number);
        Stop stop = static_cast<Stop>(number);
        return detail::done(status, stop);
    }
    // Offsets by buffer; PLIMSOLL_NONE for buffers that stay off chip.
    template <class T = std::uint64_t>
    Returned<std::vector<T>> offsets() const {
        return detail::numbers<T>(plimsoll_choice_offsets, get());
    }

private:
    explicit Choice(plimsoll_choice *choice) noexcept : Object(choice) {}
    Returned<std::uint64_t> of_value(int which) const {
        std::uint64_t values[2] = {0, 0};
        const std::int32_t status = plimsoll_choice_value(get(), &values[0], &values[1]);
        return detail::done(status, values[which]);
    }
};

// A packing problem: buffers that need offsets.
class Problem : public detail::Object<plimsoll_problem, plimsoll_problem_free> {
public:
    static Problem adopt(plimsoll_problem *problem) noexcept { return Problem(problem); }
    static Returned<Problem> make(const std::vector<Buffer> &buffers, const std::vector<std::string> &names = {},
                                  const std::vector<Gap> &gaps = {}) {
        if (!names.empty() && names.size() != buffers.size()) {
            return detail::wrong_argument<Problem>("names: pass a name for each buffer, or none");
        }
        const std::vector<const char *> texts = detail::pointers(names);
        return detail::made<Problem>(plimsoll_problem_new_with_gaps, buffers.data(), sizeof(Buffer), buffers.size(),
                                     texts.empty() ? nullptr : texts.data(), gaps.data(), sizeof(Gap), gaps.size());
    }
    explicit Problem(const std::vector<Buffer> &buffers, const std::vector<std::string> &names = {},
                     const std::vector<Gap> &gaps = {})
        : Object(nullptr) {
        Returned<Problem> problem = make(buffers, names, gaps);
#if PLIMSOLL_EXCEPTIONS
        *this = std::move(problem);
#else
        if (problem) {
            *this = std::move(*problem);
        }
#endif
    }

    Returned<std::size_t> buffer_count() const {
        return detail::value<std::size_t>(plimsoll_problem_buffer_count, get());
    }
    // A suggested offset for each buffer, or PLIMSOLL_NONE: plans keep them if no smaller arena is found.
    Returned<void> set_hints(const std::vector<std::uint64_t> &offsets) {
        return detail::done(plimsoll_problem_set_hints(handle_, offsets.data(), offsets.size()));
    }
    Returned<Plan> plan() const { return detail::made<Plan>(plimsoll_problem_plan, get(), nullptr); }
    Returned<Plan> plan(const Options &options) const {
        if (const Error *error = options.error()) {
            return detail::failure<Plan>(*error);
        }
        return detail::made<Plan>(plimsoll_problem_plan, get(), options.get());
    }
    // Reads and verifies a PLAN.json of this problem.
    Returned<Plan> read_plan(std::string_view json) const {
        return detail::made<Plan>(plimsoll_problem_read_plan, get(), json.data(), json.size());
    }
    // Keeps the most bytes within the capacity of the options.
    Returned<Choice> choose(const Options &options) const { return choose_with(options, nullptr, 0); }
    // Keeps the greatest total value, with a value for each buffer.
    Returned<Choice> choose(const Options &options, const std::vector<std::uint64_t> &values) const {
        static const std::uint64_t nothing = 0;
        return choose_with(options, values.empty() ? &nothing : values.data(), values.size());
    }
    Returned<void> verify(const std::vector<std::uint64_t> &offsets, std::uint64_t arena_bytes) const {
        return detail::done(plimsoll_problem_verify(get(), offsets.data(), offsets.size(), arena_bytes));
    }

private:
    explicit Problem(plimsoll_problem *problem) noexcept : Object(problem) {}
    Returned<Choice> choose_with(const Options &options, const std::uint64_t *values, std::size_t count) const {
        if (const Error *error = options.error()) {
            return detail::failure<Choice>(*error);
        }
        return detail::made<Choice>(plimsoll_problem_choose, get(), options.get(), values, count);
    }
};

// The memories of a target, fast ones first; the last one is the backing store.
class Pools : public detail::Settings<plimsoll_pools, plimsoll_pools_free> {
public:
    Pools() : Settings(plimsoll_pools_new) {}
    Pools &add(const std::string &name, const Pool &pool) {
        return set(plimsoll_pools_add(handle_, name.c_str(), &pool, sizeof pool));
    }
    // The pool into which the caller writes inputs, by number; none for the backing store.
    Pools &inputs(std::optional<std::uint32_t> pool) {
        return set(plimsoll_pools_set_inputs(handle_, pool.value_or(PLIMSOLL_NO_INDEX)));
    }
    Pools &outputs(std::optional<std::uint32_t> pool) {
        return set(plimsoll_pools_set_outputs(handle_, pool.value_or(PLIMSOLL_NO_INDEX)));
    }
    Pools &loading(Loading loading) { return set(plimsoll_pools_set_loading(handle_, detail::number_of(loading))); }
    Pools &prefetch(std::uint32_t steps) { return set(plimsoll_pools_set_prefetch(handle_, steps)); }

private:
    Pools &set(std::int32_t status) {
        keep(status);
        return *this;
    }
};

// A verified plan for several memories.
class PoolPlan : public detail::Object<plimsoll_pool_plan, plimsoll_pool_plan_free> {
public:
    static PoolPlan adopt(plimsoll_pool_plan *plan) noexcept { return PoolPlan(plan); }

    Returned<PoolFigures> figures() const { return detail::record<PoolFigures>(plimsoll_pool_plan_figures, get()); }
    // Traffic by pool.
    template <class T = PoolTraffic>
    Returned<std::vector<T>> traffic() const {
        return detail::records<T>(plimsoll_pool_plan_traffic, get());
    }
    // Residency intervals: tensors by index, then scratch by operator, each by pool and time.
    template <class T = Residency>
    Returned<std::vector<T>> residencies() const {
        return detail::records<T>(plimsoll_pool_plan_residencies, get());
    }
    // Transfers in the order in which to make them.
    template <class T = Transfer>
    Returned<std::vector<T>> transfers() const {
        return detail::records<T>(plimsoll_pool_plan_transfers, get());
    }
    template <class T = Use>
    Returned<std::vector<T>> uses() const { return detail::records<T>(plimsoll_pool_plan_uses, get()); }
    // The residency interval at which the operator of a step accesses a tensor or its scratch.
    Returned<Residency> residency_at(std::uint32_t step, Occupant occupant, std::uint32_t index) const {
        return detail::record<Residency>(plimsoll_pool_plan_residency_at, get(), step, detail::number_of(occupant),
                                         index);
    }
    template <class T = Alias>
    Returned<std::vector<T>> aliases() const { return detail::records<T>(plimsoll_pool_plan_aliases, get()); }
    // Indices of operators, in the order of execution.
    template <class T = std::uint32_t>
    Returned<std::vector<T>> order() const {
        return detail::numbers<T>(plimsoll_pool_plan_order, get());
    }
    Returned<void> verify() const { return detail::done(plimsoll_pool_plan_verify(get())); }
    Returned<std::string> exported(ExportFormat format) const {
        return detail::text(plimsoll_pool_plan_export, get(), detail::number_of(format));
    }
    // The plan as C code with names that begin with `prefix`; if empty, with plimsoll_ and the name of
    // the model. The source part includes `header_name`.
    Returned<std::string> code(CodePart part, const std::string &prefix = "", const std::string &header_name = "") const {
        return detail::text(plimsoll_pool_plan_export_code, get(), detail::number_of(part),
                            prefix.empty() ? nullptr : prefix.c_str(), header_name.c_str());
    }
    Returned<void> write(ExportFormat format, const std::string &path) const {
        return detail::done(plimsoll_pool_plan_write(get(), detail::number_of(format), path.c_str()));
    }
    // Runs regions of operators stripe by stripe, if a run then costs less; none otherwise.
    Returned<std::optional<TiledPlan>> tile(const Options &options = Options(),
                                            std::uint64_t max_extra_ppm = UINT64_MAX) const;

private:
    explicit PoolPlan(plimsoll_pool_plan *plan) noexcept : Object(plan) {}
};

// A graph of operators and tensors: add them, build the graph once, then plan it.
class Graph : public detail::Object<plimsoll_graph, plimsoll_graph_free> {
public:
    static Graph adopt(plimsoll_graph *graph) noexcept { return Graph(graph); }
    static Returned<Graph> make(const std::string &name) {
        return detail::made<Graph>(plimsoll_graph_new, name.c_str());
    }
    explicit Graph(const std::string &name) : Object(nullptr) {
        Returned<Graph> graph = make(name);
#if PLIMSOLL_EXCEPTIONS
        *this = std::move(graph);
#else
        if (graph) {
            *this = std::move(*graph);
        }
#endif
    }

    // Adds a tensor of `bytes` bytes; alignment 0 is the alignment of the options.
    Returned<std::uint32_t> tensor(const std::string &name, TensorKind kind, std::uint64_t bytes,
                                   std::uint64_t alignment = 0,
                                   std::optional<std::uint64_t> fixed_offset = std::nullopt) {
        return detail::value<std::uint32_t>(plimsoll_graph_add_tensor, handle_, name.c_str(), detail::number_of(kind),
                                            bytes, alignment, fixed_offset.value_or(PLIMSOLL_NONE));
    }
    // Adds a tensor with elements of a type such as "int8".
    Returned<std::uint32_t> tensor(const std::string &name, TensorKind kind, const std::string &element_type,
                                   const std::vector<std::uint64_t> &shape, std::uint64_t alignment = 0,
                                   std::optional<std::uint64_t> fixed_offset = std::nullopt) {
        return detail::value<std::uint32_t>(plimsoll_graph_add_shaped_tensor, handle_, name.c_str(),
                                            detail::number_of(kind), element_type.c_str(), shape.data(), shape.size(),
                                            alignment, fixed_offset.value_or(PLIMSOLL_NONE));
    }
    // Adds tensors, with a name for each, and returns the index of the first one.
    Returned<std::uint32_t> add_tensors(const std::vector<TensorRecord> &tensors,
                                        const std::vector<std::string> &names) {
        if (names.size() != tensors.size()) {
            return detail::wrong_argument<std::uint32_t>("names: pass a name for each tensor");
        }
        const std::vector<const char *> texts = detail::pointers(names);
        return detail::value<std::uint32_t>(plimsoll_graph_add_tensors, handle_, tensors.data(), sizeof(TensorRecord),
                                            texts.data(), tensors.size());
    }
    Returned<std::uint32_t> add_operator(const std::string &name, const std::string &op_type,
                                         const std::vector<std::uint32_t> &inputs,
                                         const std::vector<std::uint32_t> &outputs, std::uint64_t scratch_bytes = 0) {
        return detail::value<std::uint32_t>(plimsoll_graph_add_operator, handle_, name.c_str(), op_type.c_str(),
                                            inputs.data(), inputs.size(), outputs.data(), outputs.size(),
                                            scratch_bytes);
    }
    // Adds operators, with a name and a type for each, and returns the index of the first one. `operands` are the
    // inputs of the first operator, its outputs, then those of the next one.
    Returned<std::uint32_t> add_operators(const std::vector<OperatorRecord> &operators,
                                          const std::vector<std::string> &names, const std::vector<std::string> &types,
                                          const std::vector<std::uint32_t> &operands) {
        if (names.size() != operators.size() || types.size() != operators.size()) {
            return detail::wrong_argument<std::uint32_t>("names, types: pass one for each operator");
        }
        const std::vector<const char *> texts = detail::pointers(names), type_texts = detail::pointers(types);
        return detail::value<std::uint32_t>(plimsoll_graph_add_operators, handle_, operators.data(),
                                            sizeof(OperatorRecord), texts.data(), type_texts.data(), operators.size(),
                                            operands.data(), operands.size());
    }
    Returned<void> mark_output(std::uint32_t tensor) {
        return detail::done(plimsoll_graph_mark_output(handle_, tensor));
    }
    // Operator `after` must run after operator `before`.
    Returned<void> add_dependency(std::uint32_t before, std::uint32_t after) {
        return detail::done(plimsoll_graph_add_dependency(handle_, before, after));
    }
    // Adds a body to an operator: see plimsoll_graph_add_body.
    Returned<void> add_body(std::uint32_t operator_index, const Graph &body) {
        return detail::done(plimsoll_graph_add_body(handle_, operator_index, body.get()));
    }
    // Links a tensor of a body to an input or output of the operator: see plimsoll_graph_link_body.
    Returned<void> link_body(std::uint32_t operator_index, std::size_t body, std::uint32_t tensor, std::uint32_t inner) {
        return detail::done(plimsoll_graph_link_body(handle_, operator_index, body, tensor, inner));
    }
    Returned<void> mark_foldable(std::uint32_t operator_index) {
        return detail::done(plimsoll_graph_mark_foldable(handle_, operator_index));
    }
    // `bytes` is the position of the smaller tensor in the larger one, or the size of the overlap.
    Returned<void> permit(std::uint32_t operator_index, Permit permit, std::uint32_t input, std::uint32_t output,
                          std::uint64_t bytes = 0) {
        return detail::done(
            plimsoll_graph_permit(handle_, operator_index, detail::number_of(permit), input, output, bytes));
    }
    // States which rows of its inputs an operator reads for rows of its outputs: see plimsoll_graph_set_access.
    template <class Map = AccessMap>
    Returned<void> set_access(std::uint32_t operator_index, const Map &map) {
        std::vector<std::int64_t> outputs, inputs;
        const std::size_t output_count = map.axes.empty() ? 0 : map.axes.front().outputs.size();
        const std::size_t input_count = map.axes.empty() ? 0 : map.axes.front().inputs.size();
        for (const TileAxis &axis : map.axes) {
            if (axis.outputs.size() != output_count || axis.inputs.size() != input_count) {
                return detail::wrong_argument<void>("all axes of an access map have equally many outputs and inputs");
            }
            for (const std::int64_t output : axis.outputs) {
                outputs.push_back(output);
            }
            for (const std::optional<Rows> &rows : axis.inputs) {
                const Rows all = rows.value_or(Rows{-1});
                const std::int64_t outside = all.repeats_edge ? PLIMSOLL_OUTSIDE_EDGE : PLIMSOLL_OUTSIDE_PADDING;
                for (const std::int64_t number :
                     {all.axis, all.numerator, all.denominator, all.first, all.last, outside}) {
                    inputs.push_back(number);
                }
            }
        }
        return detail::done(plimsoll_graph_set_access(handle_, operator_index, map.cost_per_element, map.axes.size(),
                                                      outputs.data(), output_count, inputs.data(), input_count));
    }
    // The access map of an operator of a built graph; none if it has none.
    template <class T = AccessMap>
    Returned<std::optional<T>> access(std::uint32_t operator_index) const {
        std::optional<T> result;
        std::uint64_t cost = 0;
        std::size_t axes = 0, output_numbers = 0, input_numbers = 0;
        std::int32_t status = plimsoll_graph_access(get(), operator_index, &cost, &axes, nullptr, 0, &output_numbers,
                                                    nullptr, 0, &input_numbers);
        if (status == PLIMSOLL_OK && (cost != 0 || axes != 0)) {
            std::vector<std::int64_t> outputs(output_numbers), inputs(input_numbers);
            status = plimsoll_graph_access(get(), operator_index, &cost, &axes, outputs.data(), output_numbers,
                                           &output_numbers, inputs.data(), input_numbers, &input_numbers);
            result = access_map(cost, axes, outputs, inputs);
        }
        return detail::done(status, result);
    }
    // The axes of a tensor from outermost to innermost, for a built graph; row-major by default.
    Returned<void> set_memory_order(std::uint32_t tensor, const std::vector<std::uint32_t> &axes) {
        return detail::done(plimsoll_graph_set_memory_order(handle_, tensor, axes.data(), axes.size()));
    }
    template <class T = std::uint32_t>
    Returned<std::vector<T>> memory_order(std::uint32_t tensor) const {
        return detail::numbers<T>(plimsoll_graph_memory_order, get(), tensor);
    }
    Returned<void> mark_overwritable(std::uint32_t tensor) {
        return detail::done(plimsoll_graph_mark_overwritable(handle_, tensor));
    }
    Returned<void> set_input_contents(std::uint32_t tensor, InputContents contents) {
        return detail::done(plimsoll_graph_set_input_contents(handle_, tensor, detail::number_of(contents)));
    }
    // The memory of a tensor: "arena", "outside" (a buffer of the caller) or the name of a pool.
    Returned<void> set_storage(std::uint32_t tensor, const std::string &memory) {
        return detail::done(plimsoll_graph_set_storage(handle_, tensor, memory.c_str()));
    }
    Returned<std::string> storage(std::uint32_t tensor) const {
        return detail::text(plimsoll_graph_tensor_storage, get(), tensor);
    }
    // Constraint: `tensor` lies `at` bytes after the start of `of` in every plan.
    Returned<void> place_at(std::uint32_t tensor, std::uint32_t of, std::uint64_t at = 0) {
        return detail::done(plimsoll_graph_place_at(handle_, tensor, of, at));
    }
    // Constraint: no plan lets these tensors have a byte in common while both are live.
    Returned<void> keep_apart(std::uint32_t first, std::uint32_t second) {
        return detail::done(plimsoll_graph_keep_apart(handle_, first, second));
    }
    Returned<void> build() { return detail::done(plimsoll_graph_build(handle_)); }
    // Folds constants and returns the number of folded operators.
    Returned<std::size_t> fold_constants() {
        return detail::value<std::size_t>(plimsoll_graph_fold_constants, handle_);
    }
    Returned<void> count_floats_as(const std::string &element_type) {
        return detail::done(plimsoll_graph_count_floats_as(handle_, element_type.c_str()));
    }

    Returned<std::string> name() const { return detail::text(plimsoll_graph_name, get()); }
    Returned<std::size_t> tensor_count() const {
        return detail::value<std::size_t>(plimsoll_graph_tensor_count, get());
    }
    Returned<std::size_t> operator_count() const {
        return detail::value<std::size_t>(plimsoll_graph_operator_count, get());
    }
    template <class T = TensorRecord>
    Returned<std::vector<T>> tensors() const {
        return detail::records<T>(plimsoll_graph_tensors, get());
    }
    // Operators by index. Their operands follow each other in operands().
    template <class T = OperatorRecord>
    Returned<std::vector<T>> operators() const {
        return detail::records<T>(plimsoll_graph_operators, get());
    }
    // The inputs of the first operator, its outputs, then those of the next one.
    template <class T = std::uint32_t>
    Returned<std::vector<T>> operands() const {
        return detail::numbers<T>(plimsoll_graph_operands, get());
    }
    template <class T = PermitRecord>
    Returned<std::vector<T>> permits() const {
        return detail::records<T>(plimsoll_graph_permits, get());
    }
    // Operators that must run before an operator although no tensor connects them.
    template <class T = std::uint32_t>
    Returned<std::vector<T>> dependencies(std::uint32_t operator_index) const {
        return detail::numbers<T>(plimsoll_graph_dependencies, get(), operator_index);
    }
    Returned<std::size_t> body_count(std::uint32_t operator_index) const {
        return detail::value<std::size_t>(plimsoll_graph_body_count, get(), operator_index);
    }
    Returned<Graph> body(std::uint32_t operator_index, std::size_t position) const {
        return detail::made<Graph>(plimsoll_graph_body, get(), operator_index, position);
    }
    Returned<std::uint64_t> tensor_bytes(std::uint32_t tensor) const {
        return detail::value<std::uint64_t>(plimsoll_graph_tensor_bytes, get(), tensor);
    }
    // The dimensions of a tensor; none if it has no shape.
    Returned<std::optional<std::vector<std::uint64_t>>> tensor_shape(std::uint32_t tensor) const {
        std::optional<std::vector<std::uint64_t>> shape;
        std::uint32_t rank = PLIMSOLL_NO_INDEX;
        std::int32_t status = plimsoll_graph_tensor_shape(get(), tensor, nullptr, 0, &rank);
        if (rank != PLIMSOLL_NO_INDEX) {
            shape = std::vector<std::uint64_t>(rank);
            status = plimsoll_graph_tensor_shape(get(), tensor, shape->data(), rank, &rank);
        }
        return detail::done(status, shape);
    }
    // The element type, as in "int8"; empty if unknown.
    Returned<std::string> tensor_element_type(std::uint32_t tensor) const {
        return detail::text(plimsoll_graph_tensor_element_type, get(), tensor);
    }
    Returned<std::string> tensor_name(std::uint32_t tensor) const {
        return detail::text(plimsoll_graph_tensor_name, get(), tensor);
    }
    Returned<std::string> operator_name(std::uint32_t operator_index) const {
        return detail::text(plimsoll_graph_operator_name, get(), operator_index);
    }
    Returned<std::string> operator_type(std::uint32_t operator_index) const {
        return detail::text(plimsoll_graph_operator_type, get(), operator_index);
    }
    // A number of the caller's choice, such as an address; 0 by default.
    Returned<void> set_tensor_data(std::uint32_t tensor, std::uint64_t data) {
        return detail::done(plimsoll_graph_set_tensor_data(handle_, tensor, data));
    }
    Returned<std::uint64_t> tensor_data(std::uint32_t tensor) const {
        return detail::value<std::uint64_t>(plimsoll_graph_tensor_data, get(), tensor);
    }
    Returned<void> set_operator_data(std::uint32_t operator_index, std::uint64_t data) {
        return detail::done(plimsoll_graph_set_operator_data(handle_, operator_index, data));
    }
    Returned<std::uint64_t> operator_data(std::uint32_t operator_index) const {
        return detail::value<std::uint64_t>(plimsoll_graph_operator_data, get(), operator_index);
    }
    // Notes of the importer, a line each: parts that it left out and assumptions that it made.
    Returned<std::string> notes() const { return detail::text(plimsoll_graph_notes, get()); }
    // A key for caches of plans of this graph.
    Returned<std::string> fingerprint() const { return detail::text(plimsoll_graph_fingerprint, get()); }

    Returned<Plan> plan() const { return detail::made<Plan>(plimsoll_graph_plan, get(), nullptr); }
    Returned<Plan> plan(const Options &options) const {
        if (const Error *error = options.error()) {
            return detail::failure<Plan>(*error);
        }
        return detail::made<Plan>(plimsoll_graph_plan, get(), options.get());
    }
    Returned<Plan> plan_in_order(const std::vector<std::uint32_t> &order, const Options &options) const {
        if (const Error *error = options.error()) {
            return detail::failure<Plan>(*error);
        }
        return detail::made<Plan>(plimsoll_graph_plan_in_order, get(), order.data(), order.size(), options.get());
    }
    // Plans this graph from the plan of an earlier version of it.
    Returned<Plan> replan(const Plan &previous, Keep keep = Keep::hint, const Options &options = Options()) const {
        if (const Error *error = options.error()) {
            return detail::failure<Plan>(*error);
        }
        return detail::made<Plan>(plimsoll_graph_replan, get(), previous.get(), options.get(),
                                  detail::number_of(keep));
    }
    // A copy that can be changed and built; tensors and operators keep their indices.
    Returned<Graph> edit() const { return detail::made<Graph>(plimsoll_graph_edit, get()); }
    // Changes of a graph that is not built.
    Returned<void> set_tensor_bytes(std::uint32_t tensor, std::uint64_t bytes) {
        return detail::done(plimsoll_graph_set_tensor_bytes(handle_, tensor, bytes));
    }
    Returned<void> set_tensor_kind(std::uint32_t tensor, TensorKind kind) {
        return detail::done(plimsoll_graph_set_tensor_kind(handle_, tensor, detail::number_of(kind)));
    }
    Returned<void> remove_output(std::uint32_t tensor) {
        return detail::done(plimsoll_graph_remove_output(handle_, tensor));
    }
    Returned<void> replace_reads(std::uint32_t from, std::uint32_t to) {
        return detail::done(plimsoll_graph_replace_reads(handle_, from, to));
    }
    Returned<void> remove_operator(std::uint32_t operator_index) {
        return detail::done(plimsoll_graph_remove_operator(handle_, operator_index));
    }
    Returned<void> clear_permits(std::uint32_t operator_index) {
        return detail::done(plimsoll_graph_clear_permits(handle_, operator_index));
    }
    // Verifies an order and offsets from any source, and makes a plan of them: see plimsoll_graph_verify.
    Returned<Plan> verify(const std::vector<std::uint32_t> &order, const std::vector<std::uint64_t> &offsets,
                          const std::vector<std::uint64_t> &scratch_offsets = {},
                          const std::vector<Alias> &aliases = {}, const Options &options = Options()) const {
        if (const Error *error = options.error()) {
            return detail::failure<Plan>(*error);
        }
        return detail::made<Plan>(plimsoll_graph_verify, get(), options.get(), order.data(), order.size(),
                                  offsets.data(), offsets.size(), scratch_offsets.data(), scratch_offsets.size(),
                                  aliases.data(), sizeof(Alias), aliases.size());
    }
    // Reads and verifies a PLAN.json of this graph.
    Returned<Plan> read_plan(std::string_view json) const {
        return detail::made<Plan>(plimsoll_graph_read_plan, get(), json.data(), json.size());
    }
    Returned<PoolPlan> read_pool_plan(std::string_view json) const {
        return detail::made<PoolPlan>(plimsoll_graph_read_pool_plan, get(), json.data(), json.size());
    }
    Returned<TiledPlan> read_tiled_plan(std::string_view json) const;
    // Plans for several memories: residency intervals and transfers of least cost.
    Returned<PoolPlan> place(const Pools &pools, const Options &options = Options()) const {
        if (const Error *error = pools.error() != nullptr ? pools.error() : options.error()) {
            return detail::failure<PoolPlan>(*error);
        }
        return detail::made<PoolPlan>(plimsoll_graph_place, get(), options.get(), pools.get());
    }
    Returned<PoolPlan> place_in_order(const std::vector<std::uint32_t> &order, const Pools &pools,
                                      const Options &options = Options()) const {
        if (const Error *error = pools.error() != nullptr ? pools.error() : options.error()) {
            return detail::failure<PoolPlan>(*error);
        }
        return detail::made<PoolPlan>(plimsoll_graph_place_in_order, get(), order.data(), order.size(), options.get(),
                                      pools.get());
    }
    // Computes an order without offsets, and its figures.
    template <class T = Schedule>
    Returned<T> schedule(const Options &options) const {
        if (const Error *error = options.error()) {
            return detail::failure<T>(*error);
        }
        T schedule{};
        std::size_t count = 0;
        std::int32_t status = plimsoll_graph_operator_count(get(), &count);
        if (status == PLIMSOLL_OK) {
            schedule.order.resize(count);
            status = plimsoll_graph_schedule(get(), options.get(), schedule.order.data(), count, &count,
                                             &schedule.figures, sizeof schedule.figures);
            schedule.order.resize(count);
        }
        return detail::done(status, schedule);
    }

private:
    explicit Graph(plimsoll_graph *graph) noexcept : Object(graph) {}
    static AccessMap access_map(std::uint64_t cost, std::size_t axes, const std::vector<std::int64_t> &outputs,
                                const std::vector<std::int64_t> &inputs) {
        AccessMap map{cost, std::vector<TileAxis>(axes)};
        const std::size_t per_axis = axes == 0 ? 0 : inputs.size() / axes;
        const std::size_t outputs_each = axes == 0 ? 0 : outputs.size() / axes;
        for (std::size_t number = 0; number < axes; ++number) {
            TileAxis &axis = map.axes[number];
            for (std::size_t output = 0; output < outputs_each; ++output) {
                axis.outputs.push_back(outputs[number * outputs_each + output]);
            }
            for (std::size_t at = number * per_axis; at < (number + 1) * per_axis; at += PLIMSOLL_ROW_NUMBERS) {
                std::optional<Rows> rows;
                if (inputs[at] != -1) {
                    rows = Rows{inputs[at],     inputs[at + 1], inputs[at + 2],
                                inputs[at + 3], inputs[at + 4], inputs[at + 5] == PLIMSOLL_OUTSIDE_EDGE};
                }
                axis.inputs.push_back(rows);
            }
        }
        return map;
    }
};

// Options of an import.
class ImportOptions : public detail::Settings<plimsoll_import_options, plimsoll_import_options_free> {
public:
    ImportOptions() : Settings(plimsoll_import_options_new) {}
    ImportOptions &floats_as(const std::string &element_type) {
        return set(plimsoll_import_options_set_floats_as(handle_, element_type.c_str()));
    }
    ImportOptions &dimension(const std::string &name, std::uint64_t value) {
        return set(plimsoll_import_options_set_dimension(handle_, name.c_str(), value));
    }
    // A shape such as "1x3x224x224" or "1,3,height,width"; none restores the shape in the file.
    ImportOptions &input_shape(const std::string &name, const std::optional<std::string> &shape) {
        return set(plimsoll_import_options_set_input_shape(handle_, name.c_str(), shape ? shape->c_str() : nullptr));
    }
    ImportOptions &overwrite_inputs(bool overwrite) {
        return set(plimsoll_import_options_set_overwrite_inputs(handle_, overwrite ? 1 : 0));
    }
    // Contents of all inputs without a value of their own, and of one input.
    ImportOptions &input_contents(InputContents contents) {
        return set(plimsoll_import_options_set_input_contents(handle_, nullptr, detail::number_of(contents)));
    }
    ImportOptions &input_contents(const std::string &name, InputContents contents) {
        return set(plimsoll_import_options_set_input_contents(handle_, name.c_str(), detail::number_of(contents)));
    }
    // The memory of a tensor, or of all "@inputs" or "@outputs"; none restores that of the file.
    ImportOptions &storage(const std::string &name, const std::optional<std::string> &memory) {
        return set(plimsoll_import_options_set_storage(handle_, name.c_str(), memory ? memory->c_str() : nullptr));
    }
    // Order of the axes of activations in memory.
    ImportOptions &layout(Layout layout) {
        return set(plimsoll_import_options_set_layout(handle_, detail::number_of(layout)));
    }
    ImportOptions &fold(bool constants) { return set(plimsoll_import_options_set_fold(handle_, constants ? 1 : 0)); }
    // Imports end soon after the token is cancelled. The options keep a reference to it.
    ImportOptions &cancel(const CancelToken &cancel) {
        return set(plimsoll_import_options_set_cancel(handle_, cancel.get()));
    }

private:
    ImportOptions &set(std::int32_t status) {
        keep(status);
        return *this;
    }
};

// Verifies the plan in the metadata of an ONNX model; an Error if it is wrong.
inline Returned<void> verify_onnx(const void *model, std::size_t size) {
    return detail::done(plimsoll_onnx_verify(static_cast<const std::uint8_t *>(model), size));
}

// Scratch sizes of the operators of a TensorFlow Lite model, as measured on a target. Operators without
// a measurement need the scratch of their reference kernels.
class TfliteScratch : public detail::Settings<plimsoll_tflite_scratch, plimsoll_tflite_scratch_free> {
public:
    TfliteScratch() : Settings(plimsoll_tflite_scratch_new) {}
    // `op_type`, as in "CONV_2D", is the expected type of the operator; empty for any.
    TfliteScratch &set(std::size_t subgraph, std::size_t operator_index, std::uint64_t bytes,
                       const std::string &op_type = "") {
        keep(plimsoll_tflite_scratch_set(handle_, subgraph, operator_index, op_type.empty() ? nullptr : op_type.c_str(),
                                         bytes));
        return *this;
    }
};

// A model for TensorFlow Lite Micro with a verified plan in it.
class TflitePlan : public detail::Object<plimsoll_tflite_plan, plimsoll_tflite_plan_free> {
public:
    static TflitePlan adopt(plimsoll_tflite_plan *plan) noexcept { return TflitePlan(plan); }
    // `scratch` may be NULL for the scratch of the reference kernels.
    static Returned<TflitePlan> make(const void *model, std::size_t model_size, const std::string &name,
                                     const Options &options = Options(),
                                     const plimsoll_tflite_scratch *scratch = nullptr) {
        if (const Error *error = options.error()) {
            return detail::failure<TflitePlan>(*error);
        }
        return detail::made<TflitePlan>(plimsoll_tflite_plan_new, static_cast<const std::uint8_t *>(model), model_size,
                                        name.c_str(), options.get(), scratch);
    }
    TflitePlan(const void *model, std::size_t model_size, const std::string &name, const Options &options = Options(),
               const plimsoll_tflite_scratch *scratch = nullptr)
        : Object(nullptr) {
        Returned<TflitePlan> plan = make(model, model_size, name, options, scratch);
#if PLIMSOLL_EXCEPTIONS
        *this = std::move(plan);
#else
        if (plan) {
            *this = std::move(*plan);
        }
#endif
    }
    // The same with regions that run stripe by stripe, if that makes the arena, or the head alone, smaller.
    // `max_extra_ppm` is the extra cost that tiling may have, in parts per million of the model's.
    static Returned<TflitePlan> tiled(const void *model, std::size_t model_size, const std::string &name,
                                      std::uint64_t max_extra_ppm, bool smallest_head = false,
                                      const Options &options = Options(),
                                      const plimsoll_tflite_scratch *scratch = nullptr) {
        if (const Error *error = options.error()) {
            return detail::failure<TflitePlan>(*error);
        }
        return detail::made<TflitePlan>(plimsoll_tflite_plan_tile, static_cast<const std::uint8_t *>(model), model_size,
                                        name.c_str(), options.get(), scratch, max_extra_ppm, smallest_head ? 1 : 0);
    }
    // Cost of the model without tiling, and of rows that tiling computes again; both 0 without tiling.
    Returned<std::pair<std::uint64_t, std::uint64_t>> tiling_cost() const {
        std::pair<std::uint64_t, std::uint64_t> cost;
        const std::int32_t status = plimsoll_tflite_plan_tiling_cost(get(), &cost.first, &cost.second);
        return detail::done(status, cost);
    }
    // The contents of the file.
    template <class T = std::uint8_t>
    Returned<std::vector<T>> model() const {
        return detail::numbers<T>(plimsoll_tflite_plan_model, get());
    }
    Returned<void> write(const std::string &path) const {
        return detail::done(plimsoll_tflite_plan_write(get(), path.c_str()));
    }
    // Bytes that the head of the runtime's arena needs, scratch included.
    Returned<std::uint64_t> head_bytes() const {
        std::uint64_t head = 0;
        const std::int32_t status = plimsoll_tflite_plan_head_bytes(get(), &head, nullptr);
        return detail::done(status, head);
    }
    // The same with the runtime's own plan; none if unknown.
    Returned<std::optional<std::uint64_t>> runtime_head_bytes() const {
        return detail::bytes(plimsoll_tflite_plan_head_bytes, get(), nullptr);
    }
    // Notes for the user, a line each.
    Returned<std::string> notes() const { return detail::text(plimsoll_tflite_plan_notes, get()); }
    // The plan of the first subgraph, for exports.
    Returned<Plan> main() const { return detail::made<Plan>(plimsoll_tflite_plan_main, get()); }
    // Positions of operators in the input file.
    template <class T = std::uint32_t>
    Returned<std::vector<T>> order(std::size_t subgraph = 0) const {
        return detail::numbers<T>(plimsoll_tflite_plan_order, get(), subgraph);
    }
    // Offsets by tensor; PLIMSOLL_NONE for tensors that the runtime places.
    template <class T = std::uint64_t>
    Returned<std::vector<T>> offsets(std::size_t subgraph = 0) const {
        return detail::numbers<T>(plimsoll_tflite_plan_offsets, get(), subgraph);
    }

private:
    explicit TflitePlan(plimsoll_tflite_plan *plan) noexcept : Object(plan) {}
};

// Verifies the plan in a model and returns the bytes that the head of the arena needs; an Error if the plan is
// wrong.
inline Returned<std::uint64_t> verify_tflite(const void *model, std::size_t size,
                                             const plimsoll_tflite_scratch *scratch = nullptr) {
    return detail::value<std::uint64_t>(plimsoll_tflite_verify, static_cast<const std::uint8_t *>(model), size, scratch);
}

// A verified plan of a graph in which regions of operators run stripe by stripe.
class TiledPlan : public detail::Object<plimsoll_tiled_plan, plimsoll_tiled_plan_free> {
public:
    static TiledPlan adopt(plimsoll_tiled_plan *plan) noexcept { return TiledPlan(plan); }

    Returned<TilingFigures> figures() const {
        return detail::record<TilingFigures>(plimsoll_tiled_plan_figures, get());
    }
    template <class T = Region>
    Returned<std::vector<T>> regions() const {
        return detail::records<T>(plimsoll_tiled_plan_regions, get());
    }
    // Tiles by region, stripe and operator.
    template <class T = Tile>
    Returned<std::vector<T>> tiles() const { return detail::records<T>(plimsoll_tiled_plan_tiles, get()); }
    // Operators of the tiled graph by index; plan().order() says when they run.
    template <class T = TiledOperator>
    Returned<std::vector<T>> operators() const {
        return detail::records<T>(plimsoll_tiled_plan_operators, get());
    }
    // Inputs, then outputs, of each operator of the tiled graph.
    template <class T = std::uint32_t>
    Returned<std::vector<T>> operands() const {
        return detail::numbers<T>(plimsoll_tiled_plan_operands, get());
    }
    // Rows that tiles read, by operator of the tiled graph.
    template <class T = TileRead>
    Returned<std::vector<T>> reads() const {
        return detail::records<T>(plimsoll_tiled_plan_reads, get());
    }
    // Tensors of the tiled graph by index.
    template <class T = TiledTensor>
    Returned<std::vector<T>> tensors() const {
        return detail::records<T>(plimsoll_tiled_plan_tensors, get());
    }
    // The plan of the tiled graph.
    Returned<Plan> plan() const { return detail::made<Plan>(plimsoll_tiled_plan_plan, get()); }
    Returned<Graph> graph() const { return detail::made<Graph>(plimsoll_tiled_plan_graph, get()); }
    Returned<void> verify() const { return detail::done(plimsoll_tiled_plan_verify(get())); }
    Returned<std::string> exported(ExportFormat format) const {
        return detail::text(plimsoll_tiled_plan_export, get(), detail::number_of(format));
    }
    Returned<void> write(ExportFormat format, const std::string &path) const {
        return detail::done(plimsoll_tiled_plan_write(get(), detail::number_of(format), path.c_str()));
    }
    // The plan of the tiled graph, if it is for several memories.
    Returned<PoolPlan> pool_plan() const { return detail::made<PoolPlan>(plimsoll_tiled_plan_pool_plan, get()); }

private:
    explicit TiledPlan(plimsoll_tiled_plan *plan) noexcept : Object(plan) {}
};

inline Returned<TiledPlan> Graph::read_tiled_plan(std::string_view json) const {
    return detail::made<TiledPlan>(plimsoll_graph_read_tiled_plan, get(), json.data(), json.size());
}

namespace detail {

// The tiled plan that a call made; none if no tiling helps.
inline Returned<std::optional<TiledPlan>> tiled(std::int32_t status, plimsoll_tiled_plan *made) {
    std::optional<TiledPlan> tiled;
    if (made != nullptr) {
        tiled = TiledPlan::adopt(made);
    }
    return done(status, tiled);
}

} // namespace detail

inline Returned<std::optional<TiledPlan>> Plan::tile(const Options &options, std::uint64_t max_extra_ppm,
                                                     std::optional<std::uint64_t> capacity) const {
    if (const Error *error = options.error()) {
        return detail::failure<std::optional<TiledPlan>>(*error);
    }
    plimsoll_tiled_plan *made = nullptr;
    const std::int32_t status =
        plimsoll_plan_tile(get(), options.get(), capacity.value_or(PLIMSOLL_NONE), max_extra_ppm, &made);
    return detail::tiled(status, made);
}

inline Returned<std::optional<TiledPlan>> PoolPlan::tile(const Options &options, std::uint64_t max_extra_ppm) const {
    if (const Error *error = options.error()) {
        return detail::failure<std::optional<TiledPlan>>(*error);
    }
    plimsoll_tiled_plan *made = nullptr;
    const std::int32_t status = plimsoll_pool_plan_tile(get(), options.get(), max_extra_ppm, &made);
    return detail::tiled(status, made);
}

// An ONNX model with a verified plan in it, in which regions of operators run stripe by stripe.
class TiledOnnx : public detail::Object<plimsoll_tiled_onnx, plimsoll_tiled_onnx_free> {
public:
    static TiledOnnx adopt(plimsoll_tiled_onnx *tiled) noexcept { return TiledOnnx(tiled); }

    // The contents of the file.
    template <class T = std::uint8_t>
    Returned<std::vector<T>> model() const {
        return detail::numbers<T>(plimsoll_tiled_onnx_model, get());
    }
    Returned<void> write(const std::string &path) const {
        return detail::done(plimsoll_tiled_onnx_write(get(), path.c_str()));
    }
    Returned<Plan> plan() const { return detail::made<Plan>(plimsoll_tiled_onnx_plan, get()); }
    // Cost of the model without tiling, and of rows that tiling computes again.
    Returned<std::pair<std::uint64_t, std::uint64_t>> cost() const {
        std::pair<std::uint64_t, std::uint64_t> cost;
        const std::int32_t status = plimsoll_tiled_onnx_cost(get(), &cost.first, &cost.second);
        return detail::done(status, cost);
    }

private:
    explicit TiledOnnx(plimsoll_tiled_onnx *tiled) noexcept : Object(tiled) {}
};

inline Returned<std::optional<TiledOnnx>> Plan::tile_onnx(const void *model, std::size_t model_size,
                                                          const Options &options, std::uint64_t max_extra_ppm,
                                                          std::optional<std::uint64_t> capacity,
                                                          const plimsoll_import_options *reading) const {
    if (const Error *error = options.error()) {
        return detail::failure<std::optional<TiledOnnx>>(*error);
    }
    plimsoll_tiled_onnx *made = nullptr;
    const std::int32_t status =
        plimsoll_plan_tile_onnx(get(), static_cast<const std::uint8_t *>(model), model_size, reading, options.get(),
                                capacity.value_or(PLIMSOLL_NONE), max_extra_ppm, &made);
    std::optional<TiledOnnx> tiled;
    if (made != nullptr) {
        tiled = TiledOnnx::adopt(made);
    }
    return detail::done(status, tiled);
}

// The result of an import: a graph or a problem.
class Imported {
public:
    std::optional<Graph> graph;
    std::optional<Problem> problem;

    static Returned<Imported> file(const std::string &path, const ImportOptions &options = ImportOptions()) {
        if (const Error *error = options.error()) {
            return detail::failure<Imported>(*error);
        }
        plimsoll_graph *graph_made = nullptr;
        plimsoll_problem *problem_made = nullptr;
        const std::int32_t status = plimsoll_import_file(path.c_str(), options.get(), &graph_made, &problem_made);
        return of(status, graph_made, problem_made);
    }
    static Returned<Imported> memory(const void *bytes, std::size_t size, ImportFormat format, const std::string &name,
                                     const ImportOptions &options = ImportOptions()) {
        if (const Error *error = options.error()) {
            return detail::failure<Imported>(*error);
        }
        plimsoll_graph *graph_made = nullptr;
        plimsoll_problem *problem_made = nullptr;
        const std::int32_t status =
            plimsoll_import_memory(static_cast<const std::uint8_t *>(bytes), size, detail::number_of(format),
                                   name.c_str(), options.get(), &graph_made, &problem_made);
        return of(status, graph_made, problem_made);
    }

private:
    static Returned<Imported> of(std::int32_t status, plimsoll_graph *graph_made, plimsoll_problem *problem_made) {
        Imported imported;
        if (graph_made != nullptr) {
            imported.graph = Graph::adopt(graph_made);
        }
        if (problem_made != nullptr) {
            imported.problem = Problem::adopt(problem_made);
        }
        return detail::done(status, imported);
    }
};

} // namespace PLIMSOLL_DETAIL_NAMESPACE
} // namespace plimsoll

#endif
