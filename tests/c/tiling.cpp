// Tiled plans by the C++ wrapper.
#include "../../examples/cpp/check.hpp"
#include "plimsoll.hpp"

using plimsoll::TensorKind;

// The status of the error that a call throws.
template <class Call>
static int32_t refusal(Call call) {
    try {
        call();
    } catch (const plimsoll::Error &error) {
        return error.status();
    }
    return PLIMSOLL_OK;
}

int main() {
    plimsoll::Graph graph("tiling");
    const auto image = graph.tensor("image", TensorKind::input, "int8", {1, 32, 16, 4});
    const auto wide = graph.tensor("wide", TensorKind::intermediate, "int8", {1, 32, 16, 64});
    const auto narrow = graph.tensor("narrow", TensorKind::intermediate, "int8", {1, 32, 16, 4});
    const auto expand = graph.add_operator("expand", "Conv", {image}, {wide});
    const auto reduce = graph.add_operator("reduce", "Conv", {wide}, {narrow});
    graph.mark_output(narrow);
    plimsoll::AccessMap map;
    map.cost_per_element = 36;
    map.axes.push_back({{1}, {plimsoll::Rows{1, 1, 1, -1, 1}}});
    graph.set_access(expand, map);
    map.cost_per_element = 576;
    graph.set_access(reduce, map);
    graph.build();

    plimsoll::Options options;
    options.alignment(1).sharing(plimsoll::SharingLevel::all);
    const plimsoll::Plan plan = graph.plan(options);
    const auto tiled = plan.tile(options);
    expect(tiled.has_value(), "tiling helps");
    tiled->verify();
    const plimsoll::TilingFigures figures = tiled->figures();
    expect(figures.untiled_arena_bytes == plan.arena_bytes() && figures.arena_bytes * 4 < plan.arena_bytes(), "the arena");
    expect(figures.extra_cost == 0 && figures.copied_bytes > 0, "rows are carried");
    expect(figures.untiled_cost == 32 * 16 * (64 * 36 + 4 * 576), "the cost of both convolutions");
    const auto regions = tiled->regions();
    const auto tiles = tiled->tiles();
    expect(regions.size() == 1 && regions[0].operators == 2, "one region");
    expect(tiles.size() == regions[0].stripes * 2 && tiles[0].operator_ == expand && tiles[1].operator_ == reduce, "tiles");
    expect(tiles[1].start == 0 && tiles.back().end == 32, "all rows");
    const auto operators = tiled->operators();
    const auto operands = tiled->operands();
    const auto reads = tiled->reads();
    const auto tensors = tiled->tensors();
    expect(operators.size() == figures.operators && tensors.size() == figures.tensors, "the tiled graph");
    for (const plimsoll::TiledOperator &op : operators) {
        expect(op.first_operand + op.input_count + op.output_count <= operands.size(), "operands");
        expect(op.first_read + op.read_count <= reads.size(), "reads");
        expect(op.action != PLIMSOLL_TILED_TILE || op.read_count == 1, "each convolution has one input");
    }
    for (const plimsoll::TileRead &read : reads) {
        expect(read.end - read.start + read.before + read.after > 0 && read.tensor < tensors.size(), "rows of an input");
        expect(tensors[read.tensor].start <= read.start, "the first row is in the tensor");
    }
    const plimsoll::Plan offsets = tiled->plan();
    offsets.verify();
    expect(offsets.arena_bytes() == figures.arena_bytes && offsets.offsets().size() == tensors.size(), "offsets");
    expect(tiled->graph().tensor_count() == tensors.size(), "the tiled graph by itself");
    expect(tiled->exported(plimsoll::ExportFormat::text).find("\ntiling ") != std::string::npos, "a line on tiling");
    expect(tiled->exported(plimsoll::ExportFormat::json).find("\"tiling\"") != std::string::npos, "PLAN.json");
    expect(refusal([&] { tiled->exported(plimsoll::ExportFormat::c); }) == PLIMSOLL_ERROR_UNSUPPORTED, "no C code of tiled plans");

    plimsoll::Pools pools;
    pools.add("sram", plimsoll::on_chip(12 << 10)).add("ddr", plimsoll::off_chip());
    const plimsoll::PoolPlan placed = graph.place(pools, options);
    const auto stripes = placed.tile(options);
    expect(stripes.has_value(), "the wide tensor does not fit");
    stripes->verify();
    const plimsoll::PoolPlan on_chip = stripes->pool_plan();
    on_chip.verify();
    expect(on_chip.figures().cost < placed.figures().cost, "a run costs less");
    expect(stripes->figures().arena_bytes <= 12 << 10 && stripes->figures().arena_bytes == on_chip.traffic()[0].used, "it fits");
    expect(stripes->exported(plimsoll::ExportFormat::json).find("\"tiling\"") != std::string::npos, "the tiling is in the file");
    expect(refusal([&] { stripes->plan(); }) == PLIMSOLL_ERROR_ARGUMENT, "it has no plan for one arena");
    expect(refusal([&] { tiled->pool_plan(); }) == PLIMSOLL_ERROR_ARGUMENT, "it has no plan for several memories");

    expect(!plan.tile(options, 0, 1).has_value() || plan.tile(options, 0, 1)->figures().arena_bytes < plan.arena_bytes(),
           "a capacity of one byte");
    plimsoll::Graph plain("plain");
    const auto x = plain.tensor("x", TensorKind::input, 16);
    const auto y = plain.tensor("y", TensorKind::intermediate, 16);
    plain.add_operator("copy", "Copy", {x}, {y});
    plain.mark_output(y);
    plain.build();
    expect(!plain.plan().tile(), "an operator without access map");
}
