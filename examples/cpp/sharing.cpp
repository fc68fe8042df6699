// Permissions to share memory, and constraints on places:
// c++ -std=c++17 -Iinclude examples/cpp/sharing.cpp -lplimsoll
#include <iostream>

#include "check.hpp"
#include "plimsoll.hpp"

using plimsoll::Permit;
using plimsoll::TensorKind;

// Bytes of a feature map of 16 by 16 elements with 8 channels.
static const std::uint64_t SIZE = 16 * 16 * 8;

int main() {
    plimsoll::Graph graph("sharing");
    const auto feature_map = [&](const std::string &name) { return graph.tensor(name, TensorKind::intermediate, SIZE); };
    const auto image = graph.tensor("image", TensorKind::input, SIZE);
    const auto depthwise = feature_map("depthwise");
    const auto relu = feature_map("relu");
    const auto pooled = graph.tensor("pooled", TensorKind::intermediate, 8);
    const auto first = graph.add_operator("depthwise", "DepthwiseConv", {image}, {depthwise});
    const auto second = graph.add_operator("relu", "Relu", {depthwise}, {relu});
    graph.add_operator("pool", "AveragePool", {relu}, {pooled});
    graph.mark_output(pooled);

    // A permission: the convolution may start one row and one column below its input.
    graph.mark_overwritable(image);
    const plimsoll::Windowed kernel{{16, 16, 8}, {16, 16, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, 0};
    const auto overlap = plimsoll::safe_overlap(kernel);
    expect(overlap == SIZE - (16 + 1) * 8, "a row and a pixel do not overlap");
    graph.permit(first, Permit::overlap_output_below, image, depthwise, overlap);
    // A constraint: the activation is computed in place, at any sharing level of the options.
    graph.permit(second, Permit::in_place, depthwise, relu);
    graph.place_at(relu, depthwise);
    // A constraint: the sums never overlap their input.
    graph.keep_apart(relu, pooled);
    graph.build();

    plimsoll::Options options;
    options.alignment(8);
    const plimsoll::Plan without = graph.plan(options);
    expect(without.offset(relu) == without.offset(depthwise), "relu has the offset of its input");
    expect(without.arena_bytes() == 2 * SIZE, "two feature maps");
    const plimsoll::Plan plan = graph.plan(options.sharing(plimsoll::SharingLevel::all));
    expect(plan.aliases().size() == 2, "both permissions are used");
    expect(plan.arena_bytes() == 2 * SIZE - overlap, "the overlap is saved");
    plan.verify();
    std::cout << "the convolution overlaps " << overlap << " of " << SIZE << " bytes\n";

    // A constraint that cannot be satisfied is an error.
    plimsoll::Graph wrong("wrong");
    const auto x = wrong.tensor("x", TensorKind::input, 64);
    const auto y = wrong.tensor("y", TensorKind::intermediate, 64);
    wrong.add_operator("conv", "Conv", {x}, {y});
    wrong.mark_output(y);
    wrong.place_at(y, x);
    wrong.build();
    try {
        wrong.plan(options);
        expect(false, "y cannot have the offset of x");
    } catch (const plimsoll::Error &error) {
        const std::string reason = "nothing permits operator `conv` to write `y` over `x`";
        expect(std::string(error.what()).find(reason) != std::string::npos, "the error names the operator and both tensors");
    }
    return 0;
}
