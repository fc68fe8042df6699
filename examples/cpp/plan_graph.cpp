// Plans a small graph with a skip connection:
// c++ -std=c++17 -Iinclude examples/cpp/plan_graph.cpp -lplimsoll
#include <iostream>

#include "check.hpp"
#include "plimsoll.hpp"

using plimsoll::TensorKind;

static plimsoll::Graph network() {
    plimsoll::Graph graph("skip");
    const auto feature_map = [&](const std::string &name) {
        return graph.tensor(name, TensorKind::intermediate, "int8", {1, 32, 32, 16});
    };
    const auto image = graph.tensor("image", TensorKind::input, "int8", {1, 32, 32, 3});
    const auto weights = graph.tensor("weights", TensorKind::constant, 432);
    const auto first = feature_map("first");
    const auto second = feature_map("second");
    const auto sum = feature_map("sum");
    graph.add_operator("conv1", "Conv", {image, weights}, {first}, 576);
    graph.add_operator("conv2", "Conv", {first, weights}, {second}, 576);
    graph.add_operator("add", "Add", {first, second}, {sum});
    graph.mark_output(sum);
    graph.build();
    return graph;
}

int main() {
    const plimsoll::Graph graph = network();
    plimsoll::Options options;
    options.alignment(64).strategy("auto");
    const plimsoll::Plan plan = graph.plan(options);
    for (const plimsoll::Placement &place : plan.placements()) {
        const bool is_tensor = place.occupant == PLIMSOLL_OCCUPANT_TENSOR;
        std::cout << (is_tensor ? graph.tensor_name(place.index) : graph.operator_name(place.index)) << ": "
                  << place.bytes << " bytes at " << place.offset << ", live " << place.start << ".." << place.end
                  << '\n';
    }
    const plimsoll::BoundCauses bound = plan.bound_causes();
    std::cout << "arena " << plan.arena_bytes() << " bytes; " << bound.causes.size() << " tensors are live at step "
              << bound.step << '\n';

    expect(plan.status() == plimsoll::Status::optimal, "the plan is optimal");
    expect(plan.arena_bytes() == 3 * 16384 && plan.arena_alignment() == 64, "three feature maps at once");
    expect(!plan.offset(1), "weights lie outside the arena");
    expect(plan.scratch_offset(0).has_value(), "a convolution has scratch");
    expect(plan.order() == std::vector<std::uint32_t>{0, 1, 2}, "the order is program order");
    expect(plan.certified_bytes() == plan.lower_bound_bytes(), "the causes certify the whole bound");
    expect(plan.bound_over_orders() == plan.lower_bound_bytes(), "no other order needs less");
    const plimsoll::Schedule schedule = graph.schedule(options.order(plimsoll::ScheduleMode::optimal));
    expect(schedule.order == plan.order() && schedule.figures.peak_bytes == plan.arena_bytes(), "order alone");
    expect(!graph.plan_in_order(schedule.order, options).bound_over_orders(), "only this order was examined");
    plan.verify();

    // If the plan does not fit, the library names the tensors that cannot lie together.
    options.capacity(40000).reserve(0, 64);
    const auto core = graph.plan(options).explain();
    expect(core && core->occupants.size() == 3 && core->irreducible, "three feature maps do not fit");
    std::cout << core->needed - core->capacity << " bytes are missing\n";
    expect(!plan.explain(), "a plan without a capacity fits");

    // The error names the operator at fault.
    plimsoll::Graph wrong("wrong");
    wrong.add_operator("reader", "", {7}, {});
    try {
        wrong.build();
        expect(false, "an unknown tensor is refused");
    } catch (const plimsoll::Error &error) {
        std::cout << error.what() << '\n';
        expect(error.status() == PLIMSOLL_ERROR_INVALID, "the graph is invalid");
    }
    return 0;
}
