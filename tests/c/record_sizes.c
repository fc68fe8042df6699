/*
 * Programs that were compiled against another version of the header: one whose records are smaller than
 * those of the library, as they lack the last fields, and one whose records are larger, as they have
 * fields that the library does not know.
 */
#include <plimsoll.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../examples/c/check.h"

/* Records without the fields from a field on. */
typedef struct small_pool {
    uint64_t capacity, alignment, largest;
} small_pool;

typedef struct small_buffer {
    uint64_t size, alignment, fixed_offset;
    uint32_t start, end;
} small_buffer;

typedef struct small_placement {
    uint64_t offset, bytes;
} small_placement;

typedef struct small_figures {
    uint64_t cost, lower_bound;
} small_figures;

/* Records with further fields. */
typedef struct large_buffer {
    plimsoll_buffer known;
    uint64_t priority;
} large_buffer;

typedef struct large_placement {
    plimsoll_placement known;
    uint64_t bank, more;
} large_placement;

typedef struct large_pool {
    plimsoll_pool known;
    uint64_t energy;
} large_pool;

typedef struct large_progress {
    plimsoll_progress known;
    uint64_t seconds;
} large_progress;

static void expect_message(const char *part) {
    char text[512];
    size_t size;
    check(plimsoll_last_error(text, sizeof text, &size), "message");
    if (strstr(text, part) == NULL) {
        fprintf(stderr, "`%s` is not in: %s\n", part, text);
        exit(1);
    }
}

static plimsoll_problem *problem_of(const large_buffer *buffers, size_t count) {
    plimsoll_problem *problem = NULL;
    check(plimsoll_problem_new((const plimsoll_buffer *)buffers, sizeof(large_buffer), count, NULL, &problem), "problem");
    return problem;
}

/* Arrays of larger records are read and written at the program's distance. */
static void larger_arrays(void) {
    large_buffer buffers[3] = {{{64, 16, PLIMSOLL_NONE, 0, 2}, 0}, {{32, 16, PLIMSOLL_NONE, 1, 3}, 0}, {{16, 16, PLIMSOLL_NONE, 2, 4}, 0}};
    plimsoll_problem *problem = problem_of(buffers, 3), *none = NULL;
    plimsoll_plan *plan = NULL;
    large_placement places[3];
    small_placement short_places[3];
    size_t count, i;
    uint64_t ends = 0;
    check(plimsoll_problem_plan(problem, NULL, &plan), "plan");
    memset(places, 0xff, sizeof places);
    check(plimsoll_plan_placements(plan, (plimsoll_placement *)places, sizeof(large_placement), 3, &count), "placements");
    check(plimsoll_plan_placements(plan, (plimsoll_placement *)short_places, sizeof(small_placement), 3, &count), "placements");
    expect(count == 3, "three placements");
    for (i = 0; i < count; i++) {
        const plimsoll_placement *place = &places[i].known;
        expect(place->index == i && place->bytes == buffers[i].known.size && place->end == i + 2, "each buffer has its record");
        expect(places[i].bank == 0 && places[i].more == 0, "fields that the library does not know are 0");
        expect(short_places[i].offset == place->offset && short_places[i].bytes == place->bytes, "both sizes agree");
        ends += place->offset + place->bytes;
    }
    expect(ends > 0, "the buffers lie somewhere");
    /* A field that the library does not know must be 0. */
    buffers[1].priority = 7;
    expect(plimsoll_problem_new((const plimsoll_buffer *)buffers, sizeof(large_buffer), 3, NULL, &none) == PLIMSOLL_ERROR_ARGUMENT,
           "an unknown field is refused");
    expect_message("set them to 0");
    expect(none == NULL, "no problem is made");
    plimsoll_plan_free(plan);
    plimsoll_problem_free(problem);
}

/* The strategy of a program with larger records finds each buffer at its distance. */
static int32_t stack(void *userdata, const plimsoll_buffer *buffers, size_t count, uint64_t capacity, uint64_t *offsets) {
    const large_buffer *own = (const large_buffer *)buffers;
    uint64_t top = 0;
    size_t i;
    for (i = 0; i < count; i++) {
        if (own[i].priority != 0 || capacity != PLIMSOLL_NONE) {
            return 1;
        }
        offsets[i] = top;
        top += (own[i].known.size + 15) / 16 * 16;
    }
    *(uint64_t *)userdata = top;
    return 0;
}

static int32_t watch(void *userdata, const plimsoll_progress *progress) {
    const large_progress *own = (const large_progress *)progress;
    *(int *)userdata += own->seconds == 0 && own->known.best >= own->known.bound ? 1 : 1000000;
    return 0;
}

static void callbacks(void) {
    large_buffer buffers[40];
    plimsoll_options *options = NULL;
    plimsoll_problem *problem;
    plimsoll_plan *plan = NULL;
    uint64_t top = 0, arena;
    int reports = 0;
    uint32_t i;
    for (i = 0; i < 40; i++) {
        large_buffer buffer = {{100 + 37 * i % 91, 16, PLIMSOLL_NONE, 0, 0}, 0};
        buffer.known.start = i * 7 % 31;
        buffer.known.end = buffer.known.start + 1 + i * 5 % 11;
        buffers[i] = buffer;
    }
    problem = problem_of(buffers, 40);
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_progress(options, watch, &reports, sizeof(large_progress)), "progress");
    check(plimsoll_options_set_strategy(options, "exact"), "exact");
    check(plimsoll_problem_plan(problem, options, &plan), "plan");
    expect(reports < 1000000, "every report has the record of the program");
    plimsoll_plan_free(plan);
    check(plimsoll_options_set_custom_strategy(options, "stack", stack, &top, sizeof(large_buffer)), "stack");
    check(plimsoll_problem_plan(problem, options, &plan), "plan");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    expect(arena <= top && top > 4000, "the callback saw all buffers");
    plimsoll_plan_free(plan);
    plimsoll_options_free(options);
    plimsoll_problem_free(problem);
}

/* A program whose records lack fields gets their defaults. */
static void smaller_records(void) {
    const small_pool chip = {4096, 16, PLIMSOLL_NONE}, ddr = {PLIMSOLL_NONE, 16, PLIMSOLL_NONE};
    const large_pool unknown = {{4096, 16, PLIMSOLL_NONE, PLIMSOLL_HOLDS_ALL, 0, 0, 0, 0, 0}, 1};
    const small_buffer buffer = {64, 16, PLIMSOLL_NONE, 0, 1};
    plimsoll_graph *graph = NULL;
    plimsoll_pools *pools = NULL;
    plimsoll_pool_plan *plan = NULL;
    plimsoll_problem *problem = NULL;
    small_figures small = {1, 1};
    plimsoll_pool_figures figures;
    uint32_t input, output, operator_;
    check(plimsoll_graph_new("net", &graph), "graph");
    check(plimsoll_graph_add_tensor(graph, "x", PLIMSOLL_TENSOR_INPUT, 100, 0, PLIMSOLL_NONE, &input), "x");
    check(plimsoll_graph_add_tensor(graph, "y", PLIMSOLL_TENSOR_INTERMEDIATE, 100, 0, PLIMSOLL_NONE, &output), "y");
    check(plimsoll_graph_add_operator(graph, "relu", "Relu", &input, 1, &output, 1, 0, &operator_), "relu");
    check(plimsoll_graph_mark_output(graph, output), "output");
    check(plimsoll_graph_build(graph), "build");
    check(plimsoll_pools_new(&pools), "pools");
    check(plimsoll_pools_add(pools, "chip", (const plimsoll_pool *)&chip, sizeof chip), "chip");
    check(plimsoll_pools_add(pools, "ddr", (const plimsoll_pool *)&ddr, sizeof ddr), "ddr");
    expect(plimsoll_pools_add(pools, "new", &unknown.known, sizeof unknown) == PLIMSOLL_ERROR_ARGUMENT, "unknown field");
    expect_message("`pool`");
    check(plimsoll_graph_place(graph, NULL, pools, &plan), "place");
    check(plimsoll_pool_plan_figures(plan, (plimsoll_pool_figures *)&small, sizeof small), "figures");
    check(plimsoll_pool_plan_figures(plan, &figures, sizeof figures), "figures");
    expect(small.cost == figures.cost && small.lower_bound == figures.lower_bound, "both sizes agree");
    expect(figures.pools == 2 && figures.cost == 0, "pools without costs hold everything");
    check(plimsoll_problem_new((const plimsoll_buffer *)&buffer, sizeof buffer, 1, NULL, &problem), "problem");
    plimsoll_problem_free(problem);
    plimsoll_pool_plan_free(plan);
    plimsoll_pools_free(pools);
    plimsoll_graph_free(graph);
}

/* Sizes that no version of the header has. */
static void wrong_sizes(void) {
    const plimsoll_buffer buffer = {64, 16, PLIMSOLL_NONE, 0, 1};
    const size_t wrong[4] = {0, 12, 31, 1u << 20};
    plimsoll_problem *problem = NULL;
    size_t i;
    for (i = 0; i < 4; i++) {
        expect(plimsoll_problem_new(&buffer, wrong[i], 1, NULL, &problem) == PLIMSOLL_ERROR_ARGUMENT, "a wrong size");
        expect_message("pass sizeof(plimsoll_buffer), which is 32 in this version");
    }
    expect(problem == NULL, "no problem is made");
}

int main(void) {
    expect(plimsoll_abi() == PLIMSOLL_ABI, "the library has the ABI of the header");
    larger_arrays();
    callbacks();
    smaller_records();
    wrong_sizes();
    printf("records of other sizes work\n");
    return 0;
}
