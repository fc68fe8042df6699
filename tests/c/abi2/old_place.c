/*
 * Plans a network for 20 KiB on chip and unlimited DDR, and simulates the plan on arrays:
 * cc -Iinclude examples/c/place.c -lplimsoll
 *
 * The simulated operators mix the bytes of their inputs, so that a tensor in the wrong place, copied
 * too late or overwritten too early changes the result.
 */
#include <string.h>

#include "../../../examples/c/check.h"

#ifdef PLIMSOLL_VERSION
#error "compile against the header in this folder"
#endif

enum { TENSORS = 9, OPERATORS = 4, CHIP = 0, DDR = 1 };

struct tensor {
    const char *name;
    int32_t kind;
    uint64_t bytes;
};

static const struct tensor tensors[TENSORS] = {
    {"image", PLIMSOLL_TENSOR_INPUT, 4096},       {"weights1", PLIMSOLL_TENSOR_CONSTANT, 2048},
    {"weights2", PLIMSOLL_TENSOR_CONSTANT, 2048}, {"weights3", PLIMSOLL_TENSOR_CONSTANT, 4096},
    {"first", PLIMSOLL_TENSOR_INTERMEDIATE, 8192}, {"second", PLIMSOLL_TENSOR_INTERMEDIATE, 8192},
    {"third", PLIMSOLL_TENSOR_INTERMEDIATE, 8192}, {"sum", PLIMSOLL_TENSOR_INTERMEDIATE, 8192},
    {"state", PLIMSOLL_TENSOR_VARIABLE, 64},
};
/* Two inputs and an output for each operator; the last one adds the first result (a skip connection). */
static const uint32_t operands[OPERATORS][3] = {{0, 1, 4}, {4, 2, 5}, {5, 3, 6}, {6, 4, 7}};

static plimsoll_graph *network(void) {
    plimsoll_graph *graph = NULL;
    uint32_t index = 0, i;
    check(plimsoll_graph_new("skip", &graph), "new graph");
    for (i = 0; i < TENSORS; i++) {
        check(plimsoll_graph_add_tensor(graph, tensors[i].name, tensors[i].kind, tensors[i].bytes, 0, PLIMSOLL_NONE, &index),
              tensors[i].name);
    }
    for (i = 0; i < OPERATORS; i++) {
        const uint32_t state_too[3] = {operands[i][0], operands[i][1], 8};
        const uint32_t outputs[2] = {operands[i][2], 8};
        const int stateful = i == 1;
        check(plimsoll_graph_add_operator(graph, "mix", "Mix", stateful ? state_too : operands[i],
                                          stateful ? 3 : 2, outputs, stateful ? 2 : 1, 512, &index),
              "operator");
    }
    check(plimsoll_graph_mark_output(graph, 7), "output");
    check(plimsoll_graph_build(graph), "build");
    return graph;
}

static uint8_t initial(uint32_t tensor, uint64_t at) { return (uint8_t)(tensor * 37u + at * 11u + (at >> 8)); }

static void mix(const uint8_t *left, uint64_t left_size, const uint8_t *right, uint64_t right_size, uint8_t *result, uint64_t bytes) {
    uint64_t i;
    for (i = 0; i < bytes; i++) {
        result[i] = (uint8_t)(left[i * 7 % left_size] * 3u + right[i * 5 % right_size] + i);
    }
}

static void count_up(uint8_t *state) {
    int i;
    for (i = 0; i < 64; i++) {
        state[i] = (uint8_t)(state[i] * 5u + 1u);
    }
}

/* Runs the network with an array for each tensor. */
static void run_apart(uint8_t *result, uint8_t *state) {
    static uint8_t memory[TENSORS][8192];
    uint32_t i;
    uint64_t at;
    for (i = 0; i < TENSORS; i++) {
        for (at = 0; at < tensors[i].bytes; at++) {
            memory[i][at] = initial(i, at);
        }
    }
    for (i = 0; i < OPERATORS; i++) {
        const uint32_t *ids = operands[i];
        mix(memory[ids[0]], tensors[ids[0]].bytes, memory[ids[1]], tensors[ids[1]].bytes, memory[ids[2]], tensors[ids[2]].bytes);
        if (i == 1) {
            count_up(memory[8]);
        }
    }
    memcpy(result, memory[7], 8192);
    memcpy(state, memory[8], 64);
}

static uint8_t *pools[2];

static uint8_t *find(const plimsoll_pool_plan *plan, uint32_t step, int32_t occupant, uint32_t index) {
    plimsoll_residency residency;
    check(plimsoll_pool_plan_residency_at(plan, step, occupant, index, &residency, sizeof(plimsoll_residency)), "place");
    return pools[residency.pool] + residency.offset;
}

/* Writes initial contents to DDR, and on chip to tensors that are resident there for the whole run. */
static void fill(const plimsoll_residency *residencies, size_t count, size_t steps) {
    size_t i;
    uint64_t at;
    for (i = 0; i < count; i++) {
        const int outlives = residencies[i].occupant == PLIMSOLL_OCCUPANT_TENSOR && tensors[residencies[i].index].kind != PLIMSOLL_TENSOR_INTERMEDIATE;
        const int is_resident = residencies[i].start == 0 && residencies[i].end == steps;
        if (outlives && (residencies[i].pool == DDR || is_resident)) {
            for (at = 0; at < residencies[i].bytes; at++) {
                pools[residencies[i].pool][residencies[i].offset + at] = initial(residencies[i].index, at);
            }
        }
    }
}

static void do_transfers(const plimsoll_transfer *transfers, size_t count, size_t *next, uint32_t step) {
    for (; *next < count && transfers[*next].due == step; (*next)++) {
        const plimsoll_transfer *transfer = &transfers[*next];
        memcpy(pools[transfer->to] + transfer->to_offset, pools[transfer->from] + transfer->from_offset, (size_t)transfer->bytes);
        printf("before step %u: %s, %u bytes from pool %u to pool %u\n", (unsigned)step, tensors[transfer->tensor].name,
               (unsigned)transfer->bytes, (unsigned)transfer->from, (unsigned)transfer->to);
    }
}

static void run(const plimsoll_pool_plan *plan, uint8_t *result, uint8_t *state) {
    plimsoll_pool_traffic traffic[2];
    plimsoll_residency residencies[64];
    plimsoll_transfer transfers[64];
    uint32_t order[OPERATORS], step, i;
    size_t residency_count = 0, transfer_count = 0, steps = 0, count = 0, next = 0;
    check(plimsoll_pool_plan_traffic(plan, traffic, sizeof(plimsoll_pool_traffic), 2, &count), "traffic");
    check(plimsoll_pool_plan_residencies(plan, residencies, sizeof(plimsoll_residency), 64, &residency_count), "residencies");
    check(plimsoll_pool_plan_transfers(plan, transfers, sizeof(plimsoll_transfer), 64, &transfer_count), "transfers");
    check(plimsoll_pool_plan_order(plan, order, OPERATORS, &steps), "order");
    for (i = 0; i < 2; i++) {
        pools[i] = malloc((size_t)traffic[i].used + 1);
        expect(pools[i] != NULL, "there is memory");
        memset(pools[i], 0xee, (size_t)traffic[i].used + 1);
    }
    expect(traffic[CHIP].used <= 20480, "it fits on chip");
    fill(residencies, residency_count, steps);
    for (step = 0; step < steps; step++) {
        const uint32_t *ids = operands[order[step]];
        uint8_t *memory[3];
        do_transfers(transfers, transfer_count, &next, step);
        for (i = 0; i < 3; i++) {
            memory[i] = find(plan, step, PLIMSOLL_OCCUPANT_TENSOR, ids[i]);
        }
        memset(find(plan, step, PLIMSOLL_OCCUPANT_SCRATCH, order[step]), 0xdd, 512);
        mix(memory[0], tensors[ids[0]].bytes, memory[1], tensors[ids[1]].bytes, memory[2], tensors[ids[2]].bytes);
        if (order[step] == 1) {
            count_up(find(plan, step, PLIMSOLL_OCCUPANT_TENSOR, 8));
        }
    }
    do_transfers(transfers, transfer_count, &next, (uint32_t)steps);
    expect(next == transfer_count, "every transfer is made");
    for (i = 0; i < residency_count; i++) {
        const int to_the_end = residencies[i].end == steps && residencies[i].occupant == PLIMSOLL_OCCUPANT_TENSOR;
        if (to_the_end && residencies[i].index == 7 && residencies[i].pool == DDR) {
            memcpy(result, pools[DDR] + residencies[i].offset, 8192);
        }
        if (to_the_end && residencies[i].index == 8) {
            /* A variable that moves ends in the backing store, which is the last in the list. */
            memcpy(state, pools[residencies[i].pool] + residencies[i].offset, 64);
        }
    }
    free(pools[CHIP]);
    free(pools[DDR]);
}

static void check_plan(const plimsoll_graph *graph, int32_t loading, uint32_t prefetch) {
    /* An access in place to DDR costs twice as much as a transfer. */
    const plimsoll_pool chip = {20480, 64, PLIMSOLL_NONE, PLIMSOLL_HOLDS_ALL, 0, 0, PLIMSOLL_COST_IN_PLACE, PLIMSOLL_COST_IN_PLACE, 0};
    const plimsoll_pool ddr = {PLIMSOLL_NONE, 64, PLIMSOLL_NONE, PLIMSOLL_HOLDS_ALL, 2, 2, 1, 1, 0};
    static uint8_t result[8192], expected[8192];
    uint8_t state[64], expected_state[64];
    plimsoll_pools *memories = NULL;
    plimsoll_pool_plan *plan = NULL;
    plimsoll_pool_figures figures;
    check(plimsoll_pools_new(&memories), "pools");
    check(plimsoll_pools_add(memories, "l2", &chip, sizeof(plimsoll_pool)), "l2");
    check(plimsoll_pools_add(memories, "ddr", &ddr, sizeof(plimsoll_pool)), "ddr");
    check(plimsoll_pools_set_loading(memories, loading), "loading");
    check(plimsoll_pools_set_prefetch(memories, prefetch), "prefetch");
    check(plimsoll_graph_place(graph, NULL, memories, &plan), "place");
    plimsoll_pools_free(memories);
    check(plimsoll_pool_plan_verify(plan), "verify");
    check(plimsoll_pool_plan_figures(plan, &figures, sizeof(plimsoll_pool_figures)), "figures");
    printf("cost %lu, lower bound %lu, unavoidable %lu; %lu bytes of weights are loaded once\n",
           (unsigned long)figures.cost, (unsigned long)figures.lower_bound, (unsigned long)figures.unavoidable_cost,
           (unsigned long)figures.preloaded);
    expect(figures.unavoidable_cost <= figures.lower_bound && figures.lower_bound <= figures.cost, "the bounds are in order");
    expect(figures.pools == 2 && figures.unavoidable_cost < figures.cost, "not everything fits");
    expect(loading == PLIMSOLL_LOADING_ONCE || figures.preloaded == 0, "no weights are preloaded");
    run_apart(expected, expected_state);
    run(plan, result, state);
    expect(memcmp(result, expected, sizeof result) == 0, "the result equals that of a run without a plan");
    expect(memcmp(state, expected_state, sizeof state) == 0, "the state equals that of a run without a plan");
    plimsoll_pool_plan_free(plan);
}

int main(void) {
    plimsoll_graph *graph = network();
    plimsoll_pools *none = NULL;
    plimsoll_pool_plan *plan = NULL;
    check_plan(graph, PLIMSOLL_LOADING_ONCE, 0);
    check_plan(graph, PLIMSOLL_LOADING_EACH_RUN, 0);
    check_plan(graph, PLIMSOLL_LOADING_EACH_RUN, 1);

    check(plimsoll_pools_new(&none), "pools");
    expect(plimsoll_graph_place(graph, NULL, none, &plan) == PLIMSOLL_ERROR_INVALID && plan == NULL, "a target needs a memory");
    expect(plimsoll_pools_set_loading(none, 7) == PLIMSOLL_ERROR_ARGUMENT, "unknown loading is refused");
    plimsoll_pools_free(none);
    plimsoll_graph_free(graph);
    return 0;
}
