// The access map of an operator and the memory order of a tensor, by the C++ wrapper.
#include "../../examples/cpp/check.hpp"
#include "plimsoll.hpp"

using plimsoll::TensorKind;

int main() {
    plimsoll::Graph graph("access");
    const auto x = graph.tensor("x", TensorKind::input, "int8", {1, 32, 30, 8});
    const auto weights = graph.tensor("weights", TensorKind::constant, 288);
    const auto y = graph.tensor("y", TensorKind::intermediate, "int8", {1, 16, 30, 4});
    const auto conv = graph.add_operator("conv", "Conv", {x, weights}, {y});
    graph.mark_output(y);

    plimsoll::AccessMap map;
    map.cost_per_element = 72;
    map.axes.push_back({{1}, {plimsoll::Rows{1, 2, 1, -1, 1}, std::nullopt}});
    map.axes.push_back({{2}, {plimsoll::Rows{2, 1, 1, -1, 1, true}, std::nullopt}});
    graph.set_access(conv, map);
    graph.build();

    const auto read = graph.access(conv);
    expect(read && read->cost_per_element == 72 && read->axes.size() == 2, "the access map");
    expect(read->axes[0].outputs == std::vector<std::int64_t>{1}, "the axis of the output");
    expect(read->axes[0].inputs.size() == 2 && !read->axes[0].inputs[1], "the weights are read as a whole");
    const plimsoll::Rows rows = *read->axes[1].inputs[0];
    expect(rows.axis == 2 && rows.numerator == 1 && rows.denominator == 1, "rows by stride 1");
    expect(rows.first == -1 && rows.last == 1 && rows.repeats_edge, "three rows, the edge repeated");

    expect(graph.memory_order(x) == std::vector<std::uint32_t>{0, 1, 2, 3}, "row-major order");
    graph.set_memory_order(x, {0, 3, 1, 2});
    expect(graph.memory_order(x) == std::vector<std::uint32_t>{0, 3, 1, 2}, "the order that was set");

    plimsoll::Graph without("without");
    const auto in = without.tensor("in", TensorKind::input, 16);
    const auto out = without.tensor("out", TensorKind::intermediate, 16);
    const auto copy = without.add_operator("copy", "Copy", {in}, {out});
    without.mark_output(out);
    without.build();
    expect(!without.access(copy), "an operator without an access map");
    plimsoll::ImportOptions().layout(plimsoll::Layout::channels_innermost);
}
