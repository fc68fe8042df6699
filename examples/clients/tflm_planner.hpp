// A memory planner for TensorFlow Lite Micro, which plans with plimsoll when the interpreter allocates tensors:
//
//     plimsoll_client::TflmPlanner planner;
//     auto *allocator = tflite::MicroAllocator::Create(arena, arena_size, &planner);
//
// For hosts and for tools that write plans; a microcontroller should use a model with the plan in it (docs/tflm.md).
// Compile with -fno-exceptions or without, with the include folder of TensorFlow Lite Micro.
#ifndef PLIMSOLL_CLIENTS_TFLM_PLANNER_HPP
#define PLIMSOLL_CLIENTS_TFLM_PLANNER_HPP

#include <cstdint>
#include <vector>

#include "plimsoll.h"
#include "tensorflow/lite/micro/memory_planner/micro_memory_planner.h"

namespace plimsoll_client {

class TflmPlanner : public tflite::MicroMemoryPlanner {
public:
    // `effort` is PLIMSOLL_EFFORT_...; `node_limit` limits the search, or is PLIMSOLL_NONE.
    explicit TflmPlanner(std::int32_t effort = PLIMSOLL_EFFORT_QUICK, std::uint64_t node_limit = PLIMSOLL_NONE)
        : effort_(effort), node_limit_(node_limit) {}

    TfLiteStatus AddBuffer(int size, int first_time_used, int last_time_used) override {
        return add(size, first_time_used, last_time_used, PLIMSOLL_NONE);
    }
    // A buffer with an offset that is given in the model.
    TfLiteStatus AddBuffer(int size, int first_time_used, int last_time_used, int offline_offset) override {
        if (offline_offset < 0) {
            return kTfLiteError;
        }
        return add(size, first_time_used, last_time_used, static_cast<std::uint64_t>(offline_offset));
    }
    size_t GetMaximumMemorySize() override { return plan() ? static_cast<size_t>(arena_bytes_) : 0; }
    int GetBufferCount() override { return static_cast<int>(buffers_.size()); }
    TfLiteStatus GetOffsetForBuffer(int buffer_index, int *offset) override {
        if (buffer_index < 0 || buffer_index >= GetBufferCount() || !plan()) {
            return kTfLiteError;
        }
        *offset = static_cast<int>(offsets_[static_cast<size_t>(buffer_index)]);
        return kTfLiteOk;
    }
    bool preserves_all_tensors() const override { return false; }

private:
    TfLiteStatus add(int size, int first, int last, std::uint64_t fixed_offset) {
        if (size < 0 || first < 0 || last < first) {
            return kTfLiteError;
        }
        // The allocator rounds sizes up to its alignment itself, but not offsets of other planners.
        const std::uint64_t alignment = fixed_offset == PLIMSOLL_NONE ? 16 : 1;
        const std::uint32_t end = static_cast<std::uint32_t>(last) + 1;
        buffers_.push_back({static_cast<std::uint64_t>(size), alignment, fixed_offset, static_cast<std::uint32_t>(first), end});
        is_planned_ = false;
        return kTfLiteOk;
    }

    // Plans once all buffers are there.
    bool plan() {
        if (is_planned_) {
            return true;
        }
        plimsoll_problem *problem = nullptr;
        plimsoll_options *options = nullptr;
        plimsoll_plan *plan = nullptr;
        size_t count = 0;
        offsets_.resize(buffers_.size());
        is_planned_ =
            plimsoll_problem_new(buffers_.data(), sizeof(plimsoll_buffer), buffers_.size(), nullptr, &problem) == PLIMSOLL_OK &&
            plimsoll_options_new(&options) == PLIMSOLL_OK &&
            plimsoll_options_set_effort(options, effort_) == PLIMSOLL_OK &&
            plimsoll_options_set_node_limit(options, node_limit_) == PLIMSOLL_OK &&
            plimsoll_problem_plan(problem, options, &plan) == PLIMSOLL_OK &&
            plimsoll_plan_arena_bytes(plan, &arena_bytes_) == PLIMSOLL_OK && arena_bytes_ <= INT32_MAX &&
            plimsoll_plan_offsets(plan, offsets_.data(), offsets_.size(), &count) == PLIMSOLL_OK;
        plimsoll_plan_free(plan);
        plimsoll_options_free(options);
        plimsoll_problem_free(problem);
        return is_planned_;
    }

    std::vector<plimsoll_buffer> buffers_;
    std::vector<std::uint64_t> offsets_;
    std::uint64_t arena_bytes_ = 0;
    std::int32_t effort_;
    std::uint64_t node_limit_;
    bool is_planned_ = false;
};

} // namespace plimsoll_client

#endif
