/*
 * Plans a small graph: cc -Iinclude examples/c/plan_graph.c -lplimsoll
 *
 * Two convolutions, with the first result added to the second (a skip connection), so that it is
 * live until then.
 */
#include "../../../examples/c/check.h"

#ifdef PLIMSOLL_VERSION
#error "compile against the header in this folder"
#endif

static uint32_t tensor(plimsoll_graph *graph, const char *name, int32_t kind, uint64_t channels) {
    const uint64_t shape[4] = {1, 32, 32, channels};
    uint32_t index = 0;
    check(plimsoll_graph_add_shaped_tensor(graph, name, kind, "int8", shape, 4, 0, PLIMSOLL_NONE, &index), name);
    return index;
}

static void convolution(plimsoll_graph *graph, const char *name, uint32_t input, uint32_t weights, uint32_t output) {
    const uint32_t inputs[2] = {input, weights};
    uint32_t index = 0;
    check(plimsoll_graph_add_operator(graph, name, "Conv", inputs, 2, &output, 1, 576, &index), name);
}

static plimsoll_graph *network(void) {
    plimsoll_graph *graph = NULL;
    uint32_t sum_inputs[2], sum_index = 0;
    check(plimsoll_graph_new("skip", &graph), "new graph");
    {
        const uint32_t image = tensor(graph, "image", PLIMSOLL_TENSOR_INPUT, 3);
        const uint32_t weights = tensor(graph, "weights", PLIMSOLL_TENSOR_CONSTANT, 9);
        const uint32_t first = tensor(graph, "first", PLIMSOLL_TENSOR_INTERMEDIATE, 16);
        const uint32_t second = tensor(graph, "second", PLIMSOLL_TENSOR_INTERMEDIATE, 16);
        const uint32_t sum = tensor(graph, "sum", PLIMSOLL_TENSOR_INTERMEDIATE, 16);
        convolution(graph, "conv1", image, weights, first);
        convolution(graph, "conv2", first, weights, second);
        sum_inputs[0] = first;
        sum_inputs[1] = second;
        check(plimsoll_graph_add_operator(graph, "add", "Add", sum_inputs, 2, &sum, 1, 0, &sum_index), "add");
        check(plimsoll_graph_mark_output(graph, sum), "output");
    }
    check(plimsoll_graph_build(graph), "build");
    return graph;
}

static void print_placements(const plimsoll_graph *graph, const plimsoll_plan *plan) {
    size_t count = 0, size = 0, i;
    plimsoll_placement *places;
    check(plimsoll_plan_placements(plan, NULL, sizeof(plimsoll_placement), 0, &count), "number of placements");
    places = malloc((count + 1) * sizeof *places);
    expect(places != NULL, "there is memory");
    check(plimsoll_plan_placements(plan, places, sizeof(plimsoll_placement), count, &count), "placements");
    for (i = 0; i < count; i++) {
        const int is_tensor = places[i].occupant == PLIMSOLL_OCCUPANT_TENSOR;
        char name[64] = "";
        check(is_tensor ? plimsoll_graph_tensor_name(graph, places[i].index, name, sizeof name, &size)
                        : plimsoll_graph_operator_name(graph, places[i].index, name, sizeof name, &size),
              "name");
        printf("%-8s %-10s %6lu bytes at %6lu, live %u..%u\n", name, is_tensor ? "" : "scratch",
               (unsigned long)places[i].bytes, (unsigned long)places[i].offset, (unsigned)places[i].start,
               (unsigned)places[i].end);
    }
    free(places);
}

int main(void) {
    plimsoll_graph *graph = network();
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    plimsoll_occupant causes[8];
    uint64_t arena = 0, bound = 0, offset = 0;
    uint32_t step = 0;
    size_t count = 0;
    int32_t status = -1;

    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_alignment(options, 64), "alignment");
    check(plimsoll_graph_plan(graph, options, &plan), "plan");
    print_placements(graph, plan);

    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    check(plimsoll_plan_lower_bound_bytes(plan, &bound), "bound");
    check(plimsoll_plan_status(plan, &status), "status");
    check(plimsoll_plan_bound_causes(plan, &step, causes, sizeof(plimsoll_occupant), 8, &count), "causes");
    printf("arena %lu bytes, lower bound %lu, set by %u tensors at step %u\n", (unsigned long)arena,
           (unsigned long)bound, (unsigned)count, (unsigned)step);
    expect(status == PLIMSOLL_STATUS_OPTIMAL && arena == bound, "the plan is optimal");
    expect(arena == 3 * 16384, "three feature maps are live at once");
    check(plimsoll_plan_offset(plan, 1, &offset), "offset");
    expect(offset == PLIMSOLL_NONE, "weights lie outside the arena");
    check(plimsoll_plan_verify(plan), "verify");

    plimsoll_plan_free(plan);
    plimsoll_options_free(options);
    plimsoll_graph_free(graph);
    return 0;
}
