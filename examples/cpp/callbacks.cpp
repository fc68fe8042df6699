// Callbacks as lambdas, which may throw; cancellation from another thread:
// c++ -std=c++17 -Iinclude examples/cpp/callbacks.cpp -lplimsoll -lpthread
#include <iostream>
#include <stdexcept>
#include <thread>

#include "check.hpp"
#include "plimsoll.hpp"

// Similar sizes and many conflicts make shared objects hard to find.
static plimsoll::Problem hard_problem() {
    std::vector<plimsoll::Buffer> buffers;
    std::uint32_t random = 1;
    for (int i = 0; i < 300; i++) {
        random = random * 1664525u + 1013904223u;
        const std::uint32_t start = (random >> 8) % 60;
        buffers.push_back(plimsoll::buffer(50 + (random >> 16) % 50, start, start + 1 + (random >> 24) % 11));
    }
    return plimsoll::Problem(buffers);
}

static void stop_by_progress(const plimsoll::Problem &problem) {
    plimsoll::Options options;
    options.strategy("knapsack").progress([](const plimsoll_progress &progress) { return progress.nodes < 20000; });
    const plimsoll::Plan plan = problem.plan(options);
    expect(plan.stop() == plimsoll::Stop::cancelled, "the callback stopped the search");
    expect(plan.arena_bytes() >= plan.objects().least, "the lower bound still holds");
}

static void stop_from_a_thread(const plimsoll::Problem &problem) {
    plimsoll::CancelToken cancel;
    plimsoll::Options options;
    options.strategy("merge").cancel(cancel);
    std::thread other([&] { cancel.cancel(); });
    other.join();
    try {
        problem.plan(options);
        expect(false, "cancelled before a plan existed");
    } catch (const plimsoll::Error &error) {
        expect(error.status() == PLIMSOLL_ERROR_CANCELLED, "the token stopped the search");
    }
}

// The caller receives the exceptions of each kind of callback.
static void exceptions_arrive(const plimsoll::Problem &problem) {
    const auto arrives = [&](const plimsoll::Options &options) {
        try {
            problem.plan(options);
            return false;
        } catch (const std::runtime_error &error) {
            return std::string(error.what()) == "enough";
        }
    };
    plimsoll::Options progress;
    progress.progress([](const plimsoll_progress &) -> bool { throw std::runtime_error("enough"); });
    expect(arrives(progress.strategy("knapsack")), "the exception of a progress callback");
    plimsoll::Options log;
    log.log([](std::string_view) { throw std::runtime_error("enough"); });
    expect(arrives(log), "the exception of a log callback");
    plimsoll::Options strategy;
    strategy.strategy("custom", [](const plimsoll::Buffer *, std::size_t, std::optional<std::uint64_t>,
                                   std::uint64_t *) { throw std::runtime_error("enough"); });
    expect(arrives(strategy), "the exception of a strategy");
    expect(problem.plan().status() != plimsoll::Status::unknown, "no exception is thrown again");
}

static void strategies_are_verified() {
    const plimsoll::Problem problem({plimsoll::buffer(100, 0, 2), plimsoll::buffer(50, 1, 3)}, {"a", "b"});
    plimsoll::Options options;
    options.strategy("stack", [](const plimsoll::Buffer *buffers, std::size_t count,
                                 std::optional<std::uint64_t>, std::uint64_t *offsets) {
        std::uint64_t top = 0;
        for (std::size_t i = 0; i < count; i++) {
            offsets[i] = top;
            top += buffers[i].size;
        }
    });
    plimsoll::Options moved = std::move(options);
    expect(problem.plan(moved).arena_bytes() == 150, "no buffers share memory");
    moved.strategy("pile", [](const plimsoll::Buffer *, std::size_t count, std::optional<std::uint64_t>,
                              std::uint64_t *offsets) {
        for (std::size_t i = 0; i < count; i++) {
            offsets[i] = 0;
        }
    });
    try {
        problem.plan(moved);
        expect(false, "a wrong plan is refused");
    } catch (const plimsoll::Error &error) {
        std::cout << error.what() << '\n';
        expect(error.status() == PLIMSOLL_ERROR_WRONG_PLAN, "the status is that of a wrong plan");
    }
}

static void what_goes_on_chip() {
    const plimsoll::Problem problem(
        {plimsoll::buffer(60, 0, 2), plimsoll::buffer(50, 1, 3), plimsoll::buffer(40, 2, 4)});
    plimsoll::Options options;
    options.capacity(100);
    const plimsoll::Choice bytes = problem.choose(options);
    expect(bytes.value() == 100 && bytes.bound() == 100, "60 and 40 bytes are kept");
    const plimsoll::Choice given = problem.choose(options, {1, 9, 1});
    expect(given.value() == 10 && given.offsets()[1] != PLIMSOLL_NONE, "the valuable one is kept");
}

int main() {
    const plimsoll::Problem problem = hard_problem();
    stop_by_progress(problem);
    stop_from_a_thread(problem);
    exceptions_arrive(problem);
    strategies_are_verified();
    what_goes_on_chip();
    for (const std::string &name : plimsoll::strategies()) {
        std::cout << name << ' ';
    }
    std::cout << "in plimsoll " << plimsoll::version() << '\n';
    return 0;
}
