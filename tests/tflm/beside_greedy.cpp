// Compares examples/clients/tflm_planner.hpp with TensorFlow Lite Micro's own planner on the lifetimes of models, given as
// CSV files that `plimsoll plan --out FILE.csv` has written. See .ci/greedy.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "../../examples/clients/tflm_planner.hpp"
#include "tensorflow/lite/micro/memory_planner/greedy_memory_planner.h"

struct Lifetime {
    int size, first, last;
};

// The last columns are first step, end, size, alignment and offset; names may contain commas.
static std::vector<Lifetime> read(const char *path) {
    std::vector<Lifetime> lifetimes;
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    if (line != "id,lower,upper,size,alignment,offset") {
        std::fprintf(stderr, "%s: other columns than expected: %s\n", path, line.c_str());
        std::exit(1);
    }
    while (std::getline(file, line)) {
        std::size_t start = line.size();
        for (int comma = 0; comma < 5; comma++) {
            start = line.rfind(',', start - 1);
        }
        long first = 0, end = 0, size = 0;
        std::sscanf(line.c_str() + start, ",%ld,%ld,%ld", &first, &end, &size);
        // The runtime rounds sizes up to its alignment.
        lifetimes.push_back({static_cast<int>((size + 15) / 16 * 16), static_cast<int>(first), static_cast<int>(end - 1)});
    }
    return lifetimes;
}

static std::size_t arena(tflite::MicroMemoryPlanner &planner, const std::vector<Lifetime> &lifetimes) {
    for (const Lifetime &lifetime : lifetimes) {
        if (planner.AddBuffer(lifetime.size, lifetime.first, lifetime.last) != kTfLiteOk) {
            return 0;
        }
    }
    return planner.GetMaximumMemorySize();
}

int main(int count, char **paths) {
    static unsigned char scratch[64 << 20];
    double logarithms = 0, total = 0, worst = 0;
    int sets = 0, above = 0;
    for (int i = 1; i < count; i++) {
        const std::vector<Lifetime> lifetimes = read(paths[i]);
        tflite::GreedyMemoryPlanner greedy;
        greedy.Init(scratch, sizeof scratch);
        const std::size_t greedy_bytes = arena(greedy, lifetimes);
        plimsoll_client::TflmPlanner planner;
        const std::clock_t start = std::clock();
        const std::size_t bytes = arena(planner, lifetimes);
        const double milliseconds = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
        if (bytes == 0 || greedy_bytes == 0) {
            std::fprintf(stderr, "%s: not planned\n", paths[i]);
            return 1;
        }
        above += bytes > greedy_bytes;
        logarithms += std::log(static_cast<double>(bytes) / static_cast<double>(greedy_bytes));
        total += milliseconds;
        worst = std::max(worst, milliseconds);
        sets++;
    }
    const double saved = sets > 0 ? 100 * (1 - std::exp(logarithms / sets)) : 0;
    std::printf("%d sets of lifetimes: %d above greedy, %.2f %% smaller on geometric mean; CPU %.2f ms on average, at most %.1f ms\n",
                sets, above, saved, sets > 0 ? total / sets : 0, worst);
    return sets == 0 || above > 0 || saved < 3.3 || total / sets > 1 || worst > 50;
}
