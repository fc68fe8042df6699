// An ONNX model with its plan inside: c++ -std=c++17 -Iinclude planned_onnx.cpp -lplimsoll
//
// Reads a model, plans it, and makes the model anew, with its nodes in the plan's order and
// the plan in its metadata.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "check.hpp"
#include "plimsoll.hpp"

int main() {
    std::ifstream file("examples/models/squeezenet1_1.onnx", std::ios::binary);
    const std::string model((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    expect(!model.empty(), "the model is there");
    try {
        const auto imported = plimsoll::Imported::memory(model.data(), model.size(), plimsoll::ImportFormat::onnx, "squeezenet");
        const plimsoll::Plan plan = imported.graph->plan(plimsoll::Options().sharing(plimsoll::Sharing::all));
        std::vector<std::uint8_t> planned = plan.onnx(model.data(), model.size());
        plimsoll::verify_onnx(planned.data(), planned.size());
        std::cout << "arena " << plan.arena_bytes() << " bytes, in a model of " << planned.size() << "\n";

        // Another number for a tensor's place.
        const std::string key = "\"offset\":";
        const auto place = std::search(planned.begin(), planned.end(), key.begin(), key.end());
        expect(place != planned.end(), "the plan is in the file");
        *(place + static_cast<std::ptrdiff_t>(key.size())) = '7';
        try {
            plimsoll::verify_onnx(planned.data(), planned.size());
            expect(false, "the plan is wrong");
        } catch (const plimsoll::Error &error) {
            expect(error.status() == PLIMSOLL_ERROR_WRONG_PLAN, "and it is said");
            std::cout << "as it should be: " << error.what() << "\n";
        }
        try {
            plimsoll::verify_onnx(model.data(), model.size());
            expect(false, "there is no plan");
        } catch (const plimsoll::Error &error) {
            expect(error.status() == PLIMSOLL_ERROR_IMPORT, "the model as it was has no plan");
        }
        // The plan of other floats is the plan of another graph.
        plimsoll::ImportOptions int8;
        int8.floats_as("int8");
        try {
            plan.onnx(model.data(), model.size(), int8.get());
            expect(false, "sizes differ");
        } catch (const plimsoll::Error &error) {
            expect(error.status() == PLIMSOLL_ERROR_ARGUMENT, "of another graph");
        }
    } catch (const plimsoll::Error &error) {
        if (error.status() != PLIMSOLL_ERROR_UNSUPPORTED) {
            throw;
        }
        std::cout << "skipped: " << error.what() << "\n";
    }
    return 0;
}
