// The C++ wrapper in both modes, with and without exceptions: every list and record, adopted, released and borrowed
// handles, and errors.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "plimsoll.hpp"

#if PLIMSOLL_EXCEPTIONS
#define GET(call) (call)
#define STATUS(call) status_of([&] { static_cast<void>(call); })
template <class Call>
static std::int32_t status_of(Call call) {
    try {
        call();
        return PLIMSOLL_OK;
    } catch (const plimsoll::Error &error) {
        return std::strlen(error.what()) > 0 ? error.status() : -1;
    }
}
#else
#define GET(call) get(call)
#define STATUS(call) status_of(call)
template <class T>
static T get(plimsoll::Result<T> result) {
    if (!result.ok()) {
        std::fprintf(stderr, "%s: %s\n", plimsoll::status_name(result.status()), result.message());
        std::exit(1);
    }
    return std::move(result).value();
}
static void get(plimsoll::Result<void> result) {
    if (!result) {
        std::fprintf(stderr, "%s: %s\n", plimsoll::status_name(result.status()), result.message());
        std::exit(1);
    }
}
template <class T>
static std::int32_t status_of(const plimsoll::Result<T> &result) {
    const bool has_message = std::strlen(result.message()) > 0;
    return has_message != result.ok() ? result.status() : -1;
}
#endif

static void expect(bool holds, const char *condition) {
    if (!holds) {
        std::fprintf(stderr, "not true: %s\n", condition);
        std::exit(1);
    }
}

using plimsoll::TensorKind;

static plimsoll::Graph network() {
    plimsoll::Graph graph = GET(plimsoll::Graph::make("net"));
    const std::uint32_t first = GET(graph.add_tensors(
        {{3072, 0, PLIMSOLL_NONE, PLIMSOLL_TENSOR_INPUT, plimsoll::is_overwritable},
         {16384, 0, PLIMSOLL_NONE, PLIMSOLL_TENSOR_INTERMEDIATE, 0},
         {16384, 0, PLIMSOLL_NONE, PLIMSOLL_TENSOR_INTERMEDIATE, plimsoll::is_output}},
        {"image", "features", "result"}));
    expect(first == 0, "tensors are numbered from 0");
    expect(GET(graph.add_operators({{64, 1, 1, 0, 0}, {0, 1, 1, 0, 0}}, {"conv", "relu"}, {"Conv", "Relu"}, {0, 1, 1, 2})) == 0,
           "operators are numbered from 0");
    GET(graph.permit(1, plimsoll::Permit::in_place, 1, 2));
    GET(graph.set_tensor_data(1, 7));
    GET(graph.set_operator_data(1, 8));
    GET(graph.build());
    return graph;
}

static void graphs(const plimsoll::Graph &graph) {
    expect(GET(graph.name()) == "net" && GET(graph.tensor_name(1)) == "features", "names");
    expect(GET(graph.operator_name(0)) == "conv" && GET(graph.operator_type(0)) == "Conv", "operators");
    expect(GET(graph.tensors()).size() == 3 && GET(graph.operators()).size() == 2, "all items");
    expect(GET(graph.operands()).size() == 4 && GET(graph.permits()).size() == 1, "operands and permissions");
    expect(GET(graph.dependencies(1)).empty() && GET(graph.body_count(1)) == 0, "nothing else");
    expect(GET(graph.tensor_count()) == 3 && GET(graph.operator_count()) == 2, "counts");
    expect(GET(graph.tensor_bytes(1)) == 16384 && GET(graph.tensor_element_type(1)).empty(), "a size without a type");
    expect(!GET(graph.tensor_shape(1)) && GET(graph.memory_order(1)).empty(), "no shape");
    expect(GET(graph.tensor_data(1)) == 7 && GET(graph.operator_data(1)) == 8, "data");
    expect(GET(graph.notes()).empty() && !GET(graph.access(0)), "no notes, no access map");
    const plimsoll::Schedule schedule = GET(graph.schedule(plimsoll::Options()));
    expect(schedule.order.size() == 2 && schedule.figures.peak_bytes > 0, "a schedule");
}

static void plans(const plimsoll::Graph &graph) {
    plimsoll::Options options;
    options.alignment(64).sharing(plimsoll::SharingLevel::all);
    const plimsoll::Plan plan = GET(graph.plan(options));
    expect(GET(plan.arena_bytes()) == GET(plan.lower_bound_bytes()), "the plan is optimal");
    expect(GET(plan.status()) == plimsoll::Status::optimal && GET(plan.stop()) == plimsoll::Stop::finished, "status");
    expect(GET(plan.gap()) == 0 && GET(plan.arena_alignment()) == 64, "gap and alignment");
    expect(GET(plan.placements()).size() == 4 && GET(plan.offsets()).size() == 3, "placements");
    expect(GET(plan.offset(0)) && GET(plan.scratch_offset(0)) && !GET(plan.scratch_offset(1)), "offsets");
    expect(GET(plan.order()).size() == 2 && !GET(plan.bound_causes()).causes.empty(), "order and causes");
    expect(GET(plan.objects()).list.empty() && !GET(plan.object_of(plimsoll::Occupant::tensor, 0)), "no objects");
    expect(GET(plan.aliases()).size() == 1 && GET(plan.nestings()).empty(), "relu is in place");
    expect(!GET(plan.explain()) && !GET(plan.body_offset(0)) && !GET(plan.tile()), "nothing to explain");
    GET(plan.verify());
    GET(graph.verify(GET(plan.order()), GET(plan.offsets()), {*GET(plan.scratch_offset(0)), PLIMSOLL_NONE},
                     GET(plan.aliases()), options));
    expect(STATUS(graph.verify({1, 0}, GET(plan.offsets()))) == PLIMSOLL_ERROR_WRONG_PLAN, "a wrong order");
    if (plimsoll::has_feature("json")) {
        const std::string json = GET(plan.exported(plimsoll::ExportFormat::json));
        expect(GET(GET(graph.read_plan(json)).arena_bytes()) == GET(plan.arena_bytes()), "the same plan");
        expect(json.find(GET(graph.fingerprint())) != std::string::npos, "the fingerprint");
        expect(STATUS(graph.read_tiled_plan(json)) == PLIMSOLL_ERROR_IMPORT, "the plan is not tiled");
    }
    expect(!GET(plan.code(plimsoll::CodePart::header, "net")).empty(), "code");

    // Handles of the C interface.
    plimsoll::Graph copy = network();
    plimsoll_graph *handle = copy.release();
    expect(!copy && copy.get() == nullptr && STATUS(copy.plan()) == PLIMSOLL_ERROR_NULL, "released");
    {
        const plimsoll::Borrowed<plimsoll::Graph> borrowed = plimsoll::borrow<plimsoll::Graph>(handle);
        expect(GET(borrowed->tensor_count()) == 3, "borrowed");
    }
    copy = plimsoll::Graph::adopt(handle);
    expect(GET(copy.tensor_count()) == 3, "adopted");
}

static void pools(const plimsoll::Graph &graph) {
    plimsoll::Pools memories;
    memories.add("chip", plimsoll::on_chip(20000)).add("ddr", plimsoll::off_chip());
    const plimsoll::PoolPlan plan = GET(graph.place(memories));
    GET(plan.verify());
    expect(GET(plan.figures()).pools == 2 && GET(plan.traffic()).size() == 2, "two pools");
    expect(!GET(plan.residencies()).empty() && GET(plan.uses()).size() < 99, "residencies");
    expect(GET(plan.transfers()).size() < 9 && GET(plan.aliases()).size() < 9 && GET(plan.order()).size() == 2, "lists");
    GET(plan.residency_at(0, plimsoll::Occupant::tensor, 0));
    if (plimsoll::has_feature("json")) {
        const std::string json = GET(plan.exported(plimsoll::ExportFormat::json));
        expect(GET(GET(graph.read_pool_plan(json)).figures()).cost == GET(plan.figures()).cost, "the same plan");
    }
}

static void problems() {
    const plimsoll::Problem problem = GET(plimsoll::Problem::make(
        {plimsoll::buffer(100, 0, 4), plimsoll::buffer(50, 1, 3)}, {"a", "b"}, {{0, 1, 3}}));
    const plimsoll::Plan plan = GET(problem.plan());
    expect(GET(plan.arena_bytes()) == 100 && GET(problem.buffer_count()) == 2, "the gap is used");
    GET(problem.verify({0, 0}, 100));
    plimsoll::Options options;
    options.capacity(60);
    const plimsoll::Problem pair({plimsoll::buffer(100, 0, 2), plimsoll::buffer(50, 1, 3)});
    const plimsoll::Choice choice = GET(pair.choose(options));
    expect(GET(choice.value()) == 50 && GET(choice.bound()) == 50 && GET(choice.arena_bytes()) == 50, "one is kept");
    expect(GET(choice.stop()) == plimsoll::Stop::finished && GET(choice.offsets()).size() == 2, "finished");
    const plimsoll::Plan large = GET(problem.plan(options));
    expect(GET(large.explain(options))->needed == 100, "the capacity is too small");
    if (plimsoll::has_feature("json")) {
        const std::string json = GET(plan.exported(plimsoll::ExportFormat::json));
        expect(GET(GET(problem.read_plan(json)).arena_bytes()) == 100, "the same plan");
    }
    expect(STATUS(plimsoll::Problem::make({plimsoll::buffer(1, 3, 2)})) == PLIMSOLL_ERROR_INVALID, "an empty range");
    expect(STATUS(plimsoll::Problem::make({}, {"name"})) == PLIMSOLL_ERROR_ARGUMENT, "too many names");
}

static void callbacks() {
    const plimsoll::Problem problem({plimsoll::buffer(100, 0, 2), plimsoll::buffer(50, 1, 3)});
    int lines = 0;
    plimsoll::Options options;
    options.log([&](std::string_view) { lines++; });
    options.strategy("stack", [](const plimsoll::Buffer *buffers, std::size_t count, std::optional<std::uint64_t>,
                                 std::uint64_t *offsets) {
        std::uint64_t top = 0;
        for (std::size_t i = 0; i < count; i++) {
            offsets[i] = top;
            top += buffers[i].size;
        }
    });
    plimsoll::Options moved = std::move(options);
    moved.progress([](const plimsoll_progress &) { return true; });
    expect(GET(GET(problem.plan(moved)).arena_bytes()) == 150 && lines == 2, "the callbacks were called");
    moved = plimsoll::Options();
    expect(GET(GET(problem.plan(moved)).arena_bytes()) == 150 && lines == 2, "no callbacks are left");
}

// Setters report errors: by an exception, or when the options are used.
static void wrong_options() {
    const plimsoll::Problem problem({plimsoll::buffer(100, 0, 2)});
#if PLIMSOLL_EXCEPTIONS
    plimsoll::Options options;
    expect(STATUS(options.alignment(3)) == PLIMSOLL_ERROR_ARGUMENT, "3 is no power of two");
    expect(STATUS(plimsoll::Problem({plimsoll::buffer(1, 3, 2)})) == PLIMSOLL_ERROR_INVALID, "an empty range");
#else
    plimsoll::Options options;
    options.alignment(3).capacity(10);
    expect(options.error() != nullptr && options.error()->status() == PLIMSOLL_ERROR_ARGUMENT, "3 is no power of two");
    expect(STATUS(problem.plan(options)) == PLIMSOLL_ERROR_ARGUMENT, "the error of the setter");
    const plimsoll::Problem empty({plimsoll::buffer(1, 3, 2)});
    expect(!empty && STATUS(empty.plan()) == PLIMSOLL_ERROR_NULL, "an empty object");
#endif
}

int main() {
    const plimsoll::Graph graph = network();
    graphs(graph);
    plans(graph);
    pools(graph);
    problems();
    callbacks();
    wrong_options();
    expect(plimsoll::abi() == PLIMSOLL_ABI && plimsoll::version() == PLIMSOLL_VERSION, "versions");
    expect(!plimsoll::strategies().empty(), "strategies");
    std::printf("with%s exceptions\n", PLIMSOLL_EXCEPTIONS ? "" : "out");
    return 0;
}
