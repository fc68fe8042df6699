// The interface of memory planners of TensorFlow Lite Micro, for tests of examples/clients/tflm_planner.hpp without its
// sources.
#ifndef PLIMSOLL_TESTS_MICRO_MEMORY_PLANNER_H
#define PLIMSOLL_TESTS_MICRO_MEMORY_PLANNER_H

#include <cstddef>

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

namespace tflite {

class MicroMemoryPlanner {
public:
    MicroMemoryPlanner() {}
    virtual ~MicroMemoryPlanner() {}
    virtual TfLiteStatus AddBuffer(int size, int first, int last) = 0;
    virtual TfLiteStatus AddBuffer(int, int, int, int) { return kTfLiteError; }
    virtual std::size_t GetMaximumMemorySize() = 0;
    virtual int GetBufferCount() = 0;
    virtual TfLiteStatus GetOffsetForBuffer(int buffer, int *offset) = 0;
    virtual TfLiteStatus Init(unsigned char *, int) { return kTfLiteOk; }
    virtual bool preserves_all_tensors() const = 0;
    virtual void PrintMemoryPlan() {}
};

} // namespace tflite

#endif
