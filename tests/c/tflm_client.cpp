// The planner for TensorFlow Lite Micro, as the interpreter calls it.
#include <cstdio>
#include <cstdlib>

#include "../../examples/clients/tflm_planner.hpp"

static void expect(bool holds, const char *condition) {
    if (!holds) {
        std::fprintf(stderr, "not true: %s\n", condition);
        std::exit(1);
    }
}

int main() {
    plimsoll_client::TflmPlanner planner;
    tflite::MicroMemoryPlanner &interface = planner;
    const int buffers[][3] = {{96, 0, 1}, {128, 1, 2}, {64, 0, 3}, {96, 2, 3}, {32, 3, 4}};
    for (const auto &buffer : buffers) {
        expect(interface.AddBuffer(buffer[0], buffer[1], buffer[2]) == kTfLiteOk, "a buffer");
    }
    expect(interface.AddBuffer(16, 4, 4, 512) == kTfLiteOk, "a buffer at a given offset");
    expect(interface.AddBuffer(-1, 0, 0) == kTfLiteError && interface.AddBuffer(1, 2, 1) == kTfLiteError, "wrong buffers");
    expect(interface.GetBufferCount() == 6 && interface.GetMaximumMemorySize() == 528, "the given offset is the highest");
    int offset = -1, offsets[6];
    for (int i = 0; i < 6; i++) {
        expect(interface.GetOffsetForBuffer(i, &offsets[i]) == kTfLiteOk && offsets[i] % 16 == 0, "an aligned offset");
    }
    expect(offsets[5] == 512 && interface.GetOffsetForBuffer(6, &offset) == kTfLiteError && offset == -1, "offsets");
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < i; j++) {
            const bool meet = buffers[i][1] <= buffers[j][2] && buffers[j][1] <= buffers[i][2];
            expect(!meet || offsets[i] + buffers[i][0] <= offsets[j] || offsets[j] + buffers[j][0] <= offsets[i], "no overlap");
        }
        expect(offsets[i] + buffers[i][0] <= 288, "as small as the buffers that are live at once");
    }
    // Buffers that are added later change the plan; offsets that collide are an error.
    expect(interface.AddBuffer(16, 4, 4, 520) == kTfLiteOk && interface.GetMaximumMemorySize() == 0, "given offsets collide");
    expect(!interface.preserves_all_tensors(), "memory is used again");
    return 0;
}
