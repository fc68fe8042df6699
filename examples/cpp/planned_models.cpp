// Models with their plans in them: c++ -std=c++17 -Iinclude planned_models.cpp -lplimsoll
//
// Reads a model, plans it and writes a planned copy: an ONNX model with its nodes in the plan's order and
// the plan in its metadata, with input shapes of the file and with others; and a TensorFlow Lite model
// for TensorFlow Lite Micro.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include <unistd.h>

#include "check.hpp"
#include "plimsoll.hpp"

namespace {

std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    expect(!bytes.empty(), path.c_str());
    return bytes;
}

// Checks that the written file equals the model that is copied out.
template <class Write>
void same_in_file(const std::vector<std::uint8_t> &model, Write write) {
    const std::string path = "/tmp/plimsoll-planned-" + std::to_string(getpid());
    write(path);
    const std::string file = read_file(path);
    std::remove(path.c_str());
    expect(std::equal(model.begin(), model.end(), file.begin(), file.end(),
                      [](std::uint8_t left, char right) { return left == static_cast<std::uint8_t>(right); }),
           "the file is the model");
}

void onnx() {
    const std::string model = read_file("examples/models/squeezenet1_1.onnx");
    const auto imported = plimsoll::Imported::memory(model.data(), model.size(), plimsoll::ImportFormat::onnx, "squeezenet");
    const plimsoll::Plan plan = imported.graph->plan(plimsoll::Options().sharing(plimsoll::SharingLevel::all));
    std::vector<std::uint8_t> planned = plan.onnx(model.data(), model.size());
    plimsoll::verify_onnx(planned.data(), planned.size());
    same_in_file(planned, [&](const std::string &path) { plan.write_onnx(model.data(), model.size(), path); });
    std::cout << "arena " << plan.arena_bytes() << " bytes, in a model of " << planned.size() << "\n";

    // Changes an offset in the plan.
    const std::string key = "\"offset\":";
    const auto place = std::search(planned.begin(), planned.end(), key.begin(), key.end());
    expect(place != planned.end(), "the plan is in the file");
    *(place + static_cast<std::ptrdiff_t>(key.size())) = '7';
    try {
        plimsoll::verify_onnx(planned.data(), planned.size());
        expect(false, "the plan is wrong");
    } catch (const plimsoll::Error &error) {
        expect(error.status() == PLIMSOLL_ERROR_WRONG_PLAN, "the wrong plan is refused");
        std::cout << "expected error: " << error.what() << "\n";
    }
    try {
        plimsoll::verify_onnx(model.data(), model.size());
        expect(false, "there is no plan");
    } catch (const plimsoll::Error &error) {
        expect(error.status() == PLIMSOLL_ERROR_IMPORT, "the original model has no plan");
    }
    // With another size of floats, the import gives another graph.
    plimsoll::ImportOptions int8;
    int8.floats_as("int8");
    try {
        plan.onnx(model.data(), model.size(), int8.get());
        expect(false, "sizes differ");
    } catch (const plimsoll::Error &error) {
        expect(error.status() == PLIMSOLL_ERROR_ARGUMENT, "the plan is of another graph");
    }
}

// Runs regions stripe by stripe, in a model that every runtime runs.
void tiled_onnx() {
    const std::string model = read_file("examples/models/squeezenet1_1.onnx");
    const auto imported = plimsoll::Imported::memory(model.data(), model.size(), plimsoll::ImportFormat::onnx, "squeezenet");
    plimsoll::Options options;
    options.effort(plimsoll::Effort::quick);
    const plimsoll::Plan plan = imported.graph->plan(options);
    const auto tiled = plan.tile_onnx(model.data(), model.size(), options);
    expect(tiled.has_value(), "tiling helps");
    const std::vector<std::uint8_t> written = tiled->model();
    plimsoll::verify_onnx(written.data(), written.size());
    same_in_file(written, [&](const std::string &path) { tiled->write(path); });
    const auto cost = tiled->cost();
    expect(cost.first > 0 && cost.second == 0, "no extra cost is allowed");
    expect(tiled->plan().arena_bytes() < plan.arena_bytes(), "less memory");
    std::cout << "arena " << plan.arena_bytes() << " -> " << tiled->plan().arena_bytes() << " bytes, tiled\n";
}

// Sets input shapes, from which all shapes are inferred.
void onnx_with_input_shapes() {
    const std::string model = read_file("examples/models/squeezenet1_1.onnx");
    const auto arena = [&](const plimsoll::ImportOptions &options) {
        const auto imported =
            plimsoll::Imported::memory(model.data(), model.size(), plimsoll::ImportFormat::onnx, "squeezenet", options);
        return imported.graph->plan().arena_bytes();
    };
    plimsoll::ImportOptions smaller, symbolic, wrong;
    smaller.input_shape("input.1", "1x3x64x64");
    symbolic.input_shape("input.1", "1,3,height,width").dimension("height", 64).dimension("width", 64);
    const std::uint64_t original = arena(plimsoll::ImportOptions());
    expect(arena(smaller) < original && arena(smaller) == arena(symbolic), "both shapes are equal, and smaller");
    smaller.input_shape("input.1", std::nullopt);
    expect(arena(smaller) == original, "the shape in the file is restored");
    try {
        wrong.input_shape("input.1", "1x3x");
        expect(false, "the shape is invalid");
    } catch (const plimsoll::Error &error) {
        expect(error.status() == PLIMSOLL_ERROR_ARGUMENT, "an invalid shape is refused");
    }
    for (const auto *shape : {"1x3x64", "1x4x64x64"}) {
        try {
            arena(wrong.input_shape("input.1", std::string(shape)));
            expect(false, "the model cannot have this shape");
        } catch (const plimsoll::Error &error) {
            expect(error.status() == PLIMSOLL_ERROR_IMPORT, "the import fails");
            std::cout << "expected error: " << error.what() << "\n";
        }
    }
}

void tflite() {
    const std::string model = read_file("examples/models/nas_cell_irregular_int8.tflite");
    const plimsoll::TflitePlan planned(model.data(), model.size(), "nas_cell");
    expect(planned.head_bytes() == 86016 && planned.runtime_head_bytes() == 122880, "as docs/tflm.md counts");
    expect(planned.main().arena_bytes() == 86016 && planned.notes().empty(), "the plan of the only subgraph");
    expect(planned.order().size() == 118 && planned.offsets().size() > 118, "every operator is in the order");
    const std::vector<std::uint8_t> file = planned.model();
    same_in_file(file, [&](const std::string &path) { planned.write(path); });
    expect(plimsoll::verify_tflite(file.data(), file.size()) == planned.head_bytes(), "the plan is correct");
    plimsoll::TfliteScratch scratch;
    scratch.set(0, 0, 200000);
    const plimsoll::TflitePlan larger(model.data(), model.size(), "nas_cell", plimsoll::Options(), scratch.get());
    expect(larger.head_bytes() >= 200000, "scratch counts");
}

// Skips features that the library was built without.
void unless_unsupported(void run()) {
    try {
        run();
    } catch (const plimsoll::Error &error) {
        if (error.status() != PLIMSOLL_ERROR_UNSUPPORTED) {
            throw;
        }
        std::cout << "skipped: " << error.what() << "\n";
    }
}

} // namespace

int main() {
    unless_unsupported(onnx);
    unless_unsupported(tiled_onnx);
    unless_unsupported(onnx_with_input_shapes);
    unless_unsupported(tflite);
    return 0;
}
