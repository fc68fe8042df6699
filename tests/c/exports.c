/*
 * Exports every format of every kind of plan: by copy, after a query of the size, and as a file with the
 * same contents.
 */
#include <string.h>
#include <unistd.h>

#include "../../examples/c/check.h"

enum { FORMATS = 7 };

/* The beginning of each format, and a text in it. */
static const struct {
    int32_t format;
    const char *begins;
    const char *has;
} formats[FORMATS] = {
    {PLIMSOLL_EXPORT_JSON, "{", "\"format\""},
    {PLIMSOLL_EXPORT_CSV, "", ","},
    {PLIMSOLL_EXPORT_SVG, "<svg", "Memory map of"},
    {PLIMSOLL_EXPORT_C, "", "#define PLIMSOLL_"},
    {PLIMSOLL_EXPORT_TEXT, "", "lower bound"},
    {PLIMSOLL_EXPORT_HTML, "<!doctype html>", "id=\"data\">{"},
    {PLIMSOLL_EXPORT_TRACE, "{\"displayTimeUnit\"", "\"traceEvents\""},
};

/* A plan for one arena, or for several memories. */
struct plan {
    const plimsoll_plan *one;
    const plimsoll_pool_plan *pools;
};

static int32_t export_to(struct plan plan, int32_t format, char *place, size_t capacity, size_t *size) {
    return plan.one != NULL ? plimsoll_plan_export(plan.one, format, place, capacity, size)
                            : plimsoll_pool_plan_export(plan.pools, format, place, capacity, size);
}

static int32_t write_to(struct plan plan, int32_t format, const char *path) {
    return plan.one != NULL ? plimsoll_plan_write(plan.one, format, path)
                            : plimsoll_pool_plan_write(plan.pools, format, path);
}

static void same_in_file(const char *path, const char *text, size_t size) {
    FILE *file = fopen(path, "rb");
    char *read = malloc(size);
    expect(file != NULL && read != NULL, "the file exists");
    expect(fread(read, 1, size, file) == size - 1 && fgetc(file) == EOF, "the file is as long as the text");
    expect(memcmp(read, text, size - 1) == 0, "the file equals the text");
    free(read);
    fclose(file);
}

/* Exports all formats; returns the number of formats of this build. */
static int export_all(struct plan plan) {
    int count = 0, i;
    for (i = 0; i < FORMATS; i++) {
        size_t size = 0, again = 0;
        char path[64], *text;
        const int32_t status = export_to(plan, formats[i].format, NULL, 0, &size);
        if (status == PLIMSOLL_ERROR_UNSUPPORTED) {
            expect(formats[i].format != PLIMSOLL_EXPORT_C, "every build exports C code");
            continue;
        }
        check(status, "size");
        text = malloc(size);
        expect(text != NULL && size > 1, "the text is not empty");
        expect(export_to(plan, formats[i].format, text, size - 1, &again) == PLIMSOLL_ERROR_TOO_SMALL && again == size,
               "one byte less is too small");
        check(export_to(plan, formats[i].format, text, size, &again), "export");
        expect(again == size && strlen(text) == size - 1, "the size is that of the text");
        expect(strncmp(text, formats[i].begins, strlen(formats[i].begins)) == 0, formats[i].begins);
        expect(strstr(text, formats[i].has) != NULL, formats[i].has);
        sprintf(path, "/tmp/plimsoll-exports-%ld-%d", (long)getpid(), i);
        check(write_to(plan, formats[i].format, path), "write");
        same_in_file(path, text, size);
        expect(remove(path) == 0, "the file can be removed");
        free(text);
        count++;
    }
    expect(export_to(plan, FORMATS, NULL, 0, NULL) == PLIMSOLL_ERROR_ARGUMENT, "an unknown format is refused");
    expect(write_to(plan, formats[3].format, "/nowhere/at/all") == PLIMSOLL_ERROR_IO, "there is no such folder");
    return count;
}

static plimsoll_graph *network(void) {
    const uint32_t reads[2] = {0, 1}, writes = 2;
    plimsoll_graph *graph = NULL;
    uint32_t index;
    check(plimsoll_graph_new("</script> & \"one\"", &graph), "graph");
    check(plimsoll_graph_add_tensor(graph, "image", PLIMSOLL_TENSOR_INPUT, 3000, 0, PLIMSOLL_NONE, &index), "image");
    check(plimsoll_graph_add_tensor(graph, "weights", PLIMSOLL_TENSOR_CONSTANT, 500, 0, PLIMSOLL_NONE, &index), "weights");
    check(plimsoll_graph_add_tensor(graph, "result", PLIMSOLL_TENSOR_INTERMEDIATE, 2000, 0, PLIMSOLL_NONE, &index), "result");
    check(plimsoll_graph_add_operator(graph, "conv", "Conv", reads, 2, &writes, 1, 64, &index), "operator");
    check(plimsoll_graph_mark_output(graph, 2), "output");
    check(plimsoll_graph_build(graph), "build");
    return graph;
}

/* A graph whose operator runs the network as its body. */
static plimsoll_graph *around(const plimsoll_graph *body) {
    const uint32_t reads = 0, writes = 1;
    plimsoll_graph *graph = NULL;
    uint32_t index;
    check(plimsoll_graph_new("loop", &graph), "graph");
    check(plimsoll_graph_add_tensor(graph, "x", PLIMSOLL_TENSOR_INPUT, 16, 0, PLIMSOLL_NONE, &index), "x");
    check(plimsoll_graph_add_tensor(graph, "y", PLIMSOLL_TENSOR_INTERMEDIATE, 16, 0, PLIMSOLL_NONE, &index), "y");
    check(plimsoll_graph_add_operator(graph, "loop", "Loop", &reads, 1, &writes, 1, 0, &index), "operator");
    check(plimsoll_graph_mark_output(graph, 1), "output");
    expect(plimsoll_graph_add_body(graph, index, graph) == PLIMSOLL_ERROR_ARGUMENT, "no graph is its own body");
    expect(plimsoll_graph_add_body(graph, 7, body) == PLIMSOLL_ERROR_ARGUMENT, "there is no operator 7");
    check(plimsoll_graph_add_body(graph, index, body), "body");
    check(plimsoll_graph_build(graph), "build");
    return graph;
}

static void plan_bodies(const plimsoll_graph *body, const plimsoll_pools *pools) {
    plimsoll_graph *graph = around(body), *own = NULL;
    plimsoll_plan *plan = NULL, *inner = NULL, *of_pools = NULL;
    plimsoll_pool_plan *placed = NULL;
    uint64_t arena = 0, inner_arena = 0, offset = 0, same = 0;
    size_t count = 0;
    struct plan which = {NULL, NULL};
    check(plimsoll_graph_body_count(graph, 0, &count), "count");
    expect(count == 1, "one body");
    check(plimsoll_graph_body(graph, 0, 0, &own), "the body");
    check(plimsoll_graph_tensor_count(own, &count), "tensors of the body");
    expect(count == 3, "the body is the network");
    check(plimsoll_graph_plan(graph, NULL, &plan), "plan");
    check(plimsoll_plan_verify(plan), "verify");
    check(plimsoll_plan_body(plan, 0, 0, &inner), "plan of the body");
    expect(plimsoll_plan_body(plan, 0, 1, &of_pools) == PLIMSOLL_ERROR_ARGUMENT, "there is no second body");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    check(plimsoll_plan_arena_bytes(inner, &inner_arena), "arena of the body");
    check(plimsoll_plan_scratch_offset(plan, 0, &offset), "workspace");
    expect(inner_arena >= 3000 + 2000 && arena >= inner_arena + 32, "the body counts");
    which.one = plan;
    export_all(which);
    plimsoll_plan_free(inner);
    plimsoll_plan_free(plan);
    check(plimsoll_graph_place(graph, NULL, pools, &placed), "place");
    check(plimsoll_pool_plan_body(placed, 0, 0, &of_pools), "plan of the body");
    check(plimsoll_plan_arena_bytes(of_pools, &same), "arena of the body");
    expect(same == inner_arena, "the same plan");
    which.one = NULL;
    which.pools = placed;
    export_all(which);
    plimsoll_plan_free(of_pools);
    plimsoll_pool_plan_free(placed);
    plimsoll_graph_free(own);
    plimsoll_graph_free(graph);
}

int main(void) {
    const plimsoll_buffer buffers[2] = {{4096, 16, PLIMSOLL_NONE, 0, 2}, {1024, 16, PLIMSOLL_NONE, 1, 3}};
    /* Not everything fits at once, so the plan has transfers. */
    const plimsoll_pool chip = {4096, 16, PLIMSOLL_NONE, PLIMSOLL_HOLDS_ALL, 0, 0, PLIMSOLL_COST_IN_PLACE, PLIMSOLL_COST_IN_PLACE, 0};
    const plimsoll_pool ddr = {PLIMSOLL_NONE, 16, PLIMSOLL_NONE, PLIMSOLL_HOLDS_ALL, 2, 2, 1, 1, 0};
    plimsoll_graph *graph = network();
    plimsoll_problem *problem = NULL;
    plimsoll_pools *pools = NULL;
    plimsoll_plan *plan = NULL;
    plimsoll_pool_plan *placed = NULL;
    struct plan which = {NULL, NULL};
    int count;

    check(plimsoll_graph_plan(graph, NULL, &plan), "plan");
    which.one = plan;
    count = export_all(which);
    plimsoll_plan_free(plan);

    check(plimsoll_problem_new(buffers, sizeof(plimsoll_buffer), 2, NULL, &problem), "problem");
    check(plimsoll_problem_plan(problem, NULL, &plan), "plan of buffers");
    which.one = plan;
    expect(export_all(which) == count, "the same formats for buffers");
    plimsoll_plan_free(plan);
    plimsoll_problem_free(problem);

    check(plimsoll_pools_new(&pools), "pools");
    check(plimsoll_pools_add(pools, "chip", &chip, sizeof(plimsoll_pool)), "chip");
    check(plimsoll_pools_add(pools, "ddr", &ddr, sizeof(plimsoll_pool)), "ddr");
    check(plimsoll_graph_place(graph, NULL, pools, &placed), "place");
    which.one = NULL;
    which.pools = placed;
    expect(export_all(which) == count, "the same formats for several memories");
    plimsoll_pool_plan_free(placed);
    plan_bodies(graph, pools);
    plimsoll_pools_free(pools);
    plimsoll_graph_free(graph);
    printf("%d formats of 3 plans\n", count);
    return 0;
}
