/*
 * States the access map of a convolution and of an elementwise operator, reads them back, and reads the
 * memory order of tensors.
 */
#include <string.h>

#include "../../examples/c/check.h"

enum { RANK = 4 };

int main(void) {
    const uint64_t image[RANK] = {1, 32, 30, 8}, half[RANK] = {1, 16, 30, 4};
    const uint32_t channels_outermost[RANK] = {0, 3, 1, 2}, twice[RANK] = {0, 1, 1, 2};
    /* Rows: 3 rows by stride 2 with one row of padding. Columns: 3 columns with one of padding. The weights are
     * read as a whole. */
    const int64_t outputs[2] = {1, 2};
    const int64_t inputs[2 * 2 * PLIMSOLL_ROW_NUMBERS] = {
        1, 2, 1, -1, 1, PLIMSOLL_OUTSIDE_PADDING, -1, 0, 0, 0, 0, 0,
        2, 1, 1, -1, 1, PLIMSOLL_OUTSIDE_PADDING, -1, 0, 0, 0, 0, 0,
    };
    const int64_t same[PLIMSOLL_ROW_NUMBERS] = {1, 1, 1, 0, 0, PLIMSOLL_OUTSIDE_PADDING};
    const int64_t no_denominator[PLIMSOLL_ROW_NUMBERS] = {1, 1, 0, 0, 0, PLIMSOLL_OUTSIDE_PADDING};
    const int64_t bad_edge[PLIMSOLL_ROW_NUMBERS] = {1, 1, 1, 0, 0, 7};
    plimsoll_graph *graph = NULL;
    uint32_t x, weights, y, z, conv, relu, pair[2], order[RANK];
    int64_t read_outputs[2], read_inputs[2 * 2 * PLIMSOLL_ROW_NUMBERS];
    uint64_t cost = 0;
    size_t axes = 0, output_numbers = 0, input_numbers = 0, count = 0;

    check(plimsoll_graph_new("access", &graph), "new");
    check(plimsoll_graph_add_shaped_tensor(graph, "x", PLIMSOLL_TENSOR_INPUT, "int8", image, RANK, 0,
                                           PLIMSOLL_NONE, &x), "x");
    check(plimsoll_graph_add_tensor(graph, "weights", PLIMSOLL_TENSOR_CONSTANT, 288, 0, PLIMSOLL_NONE, &weights),
          "weights");
    check(plimsoll_graph_add_shaped_tensor(graph, "y", PLIMSOLL_TENSOR_INTERMEDIATE, "int8", half, RANK, 0,
                                           PLIMSOLL_NONE, &y), "y");
    check(plimsoll_graph_add_shaped_tensor(graph, "z", PLIMSOLL_TENSOR_INTERMEDIATE, "int8", half, RANK, 0,
                                           PLIMSOLL_NONE, &z), "z");
    pair[0] = x;
    pair[1] = weights;
    check(plimsoll_graph_add_operator(graph, "conv", "Conv", pair, 2, &y, 1, 0, &conv), "conv");
    check(plimsoll_graph_add_operator(graph, "relu", "Relu", &y, 1, &z, 1, 0, &relu), "relu");
    check(plimsoll_graph_mark_output(graph, z), "output");

    check(plimsoll_graph_set_access(graph, conv, 72, 2, outputs, 1, inputs, 2), "set_access");
    expect(plimsoll_graph_set_access(graph, 9, 1, 0, NULL, 1, NULL, 1) == PLIMSOLL_ERROR_ARGUMENT, "no operator 9");
    expect(plimsoll_graph_set_access(graph, relu, 1, 1, outputs, 1, bad_edge, 1) == PLIMSOLL_ERROR_ARGUMENT,
           "7 is not a kind of rows outside");
    expect(plimsoll_graph_set_access(graph, relu, 1, SIZE_MAX, outputs, 2, same, 1) == PLIMSOLL_ERROR_ARGUMENT,
           "too many axes");
    check(plimsoll_graph_set_access(graph, relu, 1, 1, outputs, 1, no_denominator, 1), "set_access");
    expect(plimsoll_graph_build(graph) == PLIMSOLL_ERROR_INVALID, "a denominator of 0 is refused");
    check(plimsoll_graph_set_access(graph, relu, 1, 1, outputs, 1, same, 1), "set_access again");
    check(plimsoll_graph_build(graph), "build");

    check(plimsoll_graph_access(graph, conv, &cost, &axes, NULL, 0, &output_numbers, NULL, 0, &input_numbers),
          "counts");
    expect(cost == 72 && axes == 2 && output_numbers == 2, "cost and axes");
    expect(input_numbers == sizeof inputs / sizeof *inputs, "rows of two inputs for each axis");
    expect(plimsoll_graph_access(graph, conv, &cost, &axes, read_outputs, 1, &output_numbers, NULL, 0,
                                 &input_numbers) == PLIMSOLL_ERROR_TOO_SMALL, "one number is too few");
    check(plimsoll_graph_access(graph, conv, &cost, &axes, read_outputs, 2, &output_numbers, read_inputs,
                                sizeof read_inputs / sizeof *read_inputs, &input_numbers), "access");
    expect(memcmp(outputs, read_outputs, sizeof outputs) == 0, "the axes of the output");
    expect(memcmp(inputs, read_inputs, sizeof inputs) == 0, "the rows of the inputs");

    check(plimsoll_graph_memory_order(graph, x, order, RANK, &count), "memory_order");
    expect(count == RANK && order[0] == 0 && order[3] == 3, "row-major order");
    check(plimsoll_graph_set_memory_order(graph, x, channels_outermost, RANK), "set_memory_order");
    check(plimsoll_graph_memory_order(graph, x, order, RANK, &count), "memory_order");
    expect(memcmp(order, channels_outermost, sizeof order) == 0, "the order that was set");
    expect(plimsoll_graph_set_memory_order(graph, x, twice, RANK) == PLIMSOLL_ERROR_INVALID, "an axis twice");
    check(plimsoll_graph_memory_order(graph, weights, NULL, 0, &count), "memory_order");
    expect(count == 0, "a tensor without a shape has no order");
    plimsoll_graph_free(graph);
    return 0;
}
