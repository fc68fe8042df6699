// A plan for on-chip memory and DDR: c++ -std=c++17 -Iinclude examples/cpp/place.cpp -lplimsoll
#include <iostream>
#include <string>

#include "check.hpp"
#include "plimsoll.hpp"

using plimsoll::TensorKind;

static const char *const NAMES[] = {"l1", "l2", "ddr"};

int main() {
    plimsoll::Graph graph("two layers");
    const auto image = graph.tensor("image", TensorKind::input, 3072);
    const auto weights = graph.tensor("weights", TensorKind::constant, 4096);
    const auto hidden = graph.tensor("hidden", TensorKind::intermediate, 8192);
    const auto table = graph.tensor("table", TensorKind::constant, 1 << 20);
    const auto result = graph.tensor("result", TensorKind::intermediate, 1024);
    graph.add_operator("conv", "Conv", {image, weights}, {hidden}, 512);
    graph.add_operator("lookup", "Gather", {hidden, table}, {result});
    graph.mark_output(result);
    graph.build();

    // A tiny memory for scratch, a larger one for everything, and DDR.
    plimsoll::Pool tiny = plimsoll::on_chip(1024);
    tiny.holds = PLIMSOLL_HOLDS_SCRATCH;
    plimsoll::Pools pools;
    pools.add("l1", tiny).add("l2", plimsoll::on_chip(16 << 10, 64)).add("ddr", plimsoll::off_chip(64));
    pools.loading(plimsoll::Loading::once).prefetch(0).outputs(std::nullopt);

    plimsoll::Options options;
    options.alignment(64);
    plimsoll::PoolPlan plan = graph.place(pools, options);
    plan.verify();
    const plimsoll::PoolFigures figures = plan.figures();
    expect(figures.cost == figures.lower_bound, "the plan is optimal");
    expect(figures.preloaded == 4096, "the weights stay on chip between runs");
    expect(figures.cost == (1 << 20) + 3072 + 1024, "the table, the image and the result go through DDR");
    for (const plimsoll::Residency &residency : plan.residencies()) {
        const bool is_tensor = residency.occupant == PLIMSOLL_OCCUPANT_TENSOR;
        const std::string name = is_tensor ? graph.tensor_name(residency.index) : "scratch of " + graph.operator_name(residency.index);
        std::cout << name << " in " << NAMES[residency.pool] << " at " << residency.offset << ", steps " << residency.start << " to "
                  << residency.end << "\n";
    }
    expect(plan.residency_at(1, plimsoll::Occupant::tensor, table).pool == 2, "too large for the chip");
    expect(plan.residency_at(0, plimsoll::Occupant::scratch, 0).pool == 0, "scratch is in the first memory");
    expect(plan.traffic().size() == 3 && plan.traffic()[1].used <= 16 << 10, "it fits");
    expect(plan.uses().empty() && plan.aliases().empty(), "there are no unusual accesses and no aliases");
    const plimsoll::PoolPlan again = graph.place_in_order(plan.order(), pools, options);
    expect(again.transfers().size() == plan.transfers().size(), "the same plan for the same order");

    // C code can be exported in every build.
    const std::string header = plan.exported(plimsoll::ExportFormat::c);
    expect(header.find("_POOL_1_BYTES") != std::string::npos, "a constant for each pool");
    const std::string source = plan.code(plimsoll::CodePart::source, "npu", "npu.h");
    expect(source.find("#include \"npu.h\"") != std::string::npos && source.find("npu_pool_1[") != std::string::npos,
           "a source with the pools");

    // Inputs must be in a memory that cannot hold them.
    try {
        graph.place(pools.inputs(0), options);
        expect(false, "the image is too large for the first memory");
    } catch (const plimsoll::Error &error) {
        expect(error.status() == PLIMSOLL_ERROR_DOES_NOT_FIT, "the error says that it does not fit");
        std::cout << "expected error: " << error.what() << "\n";
    }
    try {
        plan.residency_at(0, plimsoll::Occupant::tensor, result);
        expect(false, "the result is not written yet");
    } catch (const plimsoll::Error &error) {
        expect(error.status() == PLIMSOLL_ERROR_ARGUMENT, "it is in no memory");
    }
    return 0;
}
