/* Memory of the caller, a changed copy of a graph, and its plan from the plan before. */

#include <string.h>

#include "../../examples/c/check.h"

#define CHECK(call) check(call, #call)
#define EXPECT(condition) expect(condition, #condition)

static uint64_t arena(const plimsoll_plan *plan) {
    uint64_t bytes = 0;
    CHECK(plimsoll_plan_arena_bytes(plan, &bytes));
    return bytes;
}

static uint64_t offset(const plimsoll_plan *plan, uint32_t tensor) {
    uint64_t bytes = 0;
    CHECK(plimsoll_plan_offset(plan, tensor, &bytes));
    return bytes;
}

int main(void) {
    plimsoll_graph *graph = NULL, *copy = NULL;
    plimsoll_plan *plan = NULL, *next = NULL;
    uint32_t x, a, b, y, first, second, third, added;
    char memory[16];
    size_t size = 0;

    CHECK(plimsoll_graph_new("net", &graph));
    CHECK(plimsoll_graph_add_tensor(graph, "x", PLIMSOLL_TENSOR_INPUT, 64, 0, PLIMSOLL_NONE, &x));
    CHECK(plimsoll_graph_add_tensor(graph, "a", PLIMSOLL_TENSOR_INTERMEDIATE, 64, 0, PLIMSOLL_NONE, &a));
    CHECK(plimsoll_graph_add_tensor(graph, "b", PLIMSOLL_TENSOR_INTERMEDIATE, 64, 0, PLIMSOLL_NONE, &b));
    CHECK(plimsoll_graph_add_tensor(graph, "y", PLIMSOLL_TENSOR_INTERMEDIATE, 64, 0, PLIMSOLL_NONE, &y));
    CHECK(plimsoll_graph_add_operator(graph, "first", NULL, &x, 1, &a, 1, 0, &first));
    CHECK(plimsoll_graph_add_operator(graph, "second", NULL, &a, 1, &b, 1, 0, &second));
    CHECK(plimsoll_graph_add_operator(graph, "third", NULL, &b, 1, &y, 1, 0, &third));
    CHECK(plimsoll_graph_mark_output(graph, y));
    CHECK(plimsoll_graph_build(graph));
    CHECK(plimsoll_graph_plan(graph, NULL, &plan));
    EXPECT(arena(plan) == 128);

    /* Preserved, and in a buffer of the caller. */
    CHECK(plimsoll_graph_set_input_contents(graph, x, PLIMSOLL_INPUT_PRESERVED));
    CHECK(plimsoll_graph_plan(graph, NULL, &next));
    EXPECT(arena(next) == 192);
    plimsoll_plan_free(next);
    CHECK(plimsoll_graph_set_storage(graph, y, "outside"));
    CHECK(plimsoll_graph_tensor_storage(graph, y, memory, sizeof memory, &size));
    EXPECT(strcmp(memory, "outside") == 0);
    EXPECT(plimsoll_graph_set_input_contents(graph, x, 9) == PLIMSOLL_ERROR_ARGUMENT);
    EXPECT(plimsoll_graph_set_storage(graph, 99, "outside") == PLIMSOLL_ERROR_ARGUMENT);
    CHECK(plimsoll_graph_set_storage(graph, y, "arena"));
    CHECK(plimsoll_graph_set_input_contents(graph, x, PLIMSOLL_INPUT_REUSABLE));

    /* A copy without the second operator, and with another one at the end. */
    CHECK(plimsoll_graph_edit(graph, &copy));
    CHECK(plimsoll_graph_replace_reads(copy, b, a));
    CHECK(plimsoll_graph_remove_operator(copy, second));
    CHECK(plimsoll_graph_set_tensor_bytes(copy, b, 16));
    CHECK(plimsoll_graph_remove_output(copy, y));
    CHECK(plimsoll_graph_add_operator(copy, "fourth", NULL, &y, 1, &b, 1, 0, &added));
    CHECK(plimsoll_graph_mark_output(copy, b));
    EXPECT(added == 2);
    CHECK(plimsoll_graph_build(copy));
    /* `a` and `y` have the same bytes and are now live at once. */
    EXPECT(plimsoll_graph_replan(copy, plan, NULL, PLIMSOLL_KEEP_DEMAND, &next) == PLIMSOLL_ERROR_INVALID);
    CHECK(plimsoll_graph_replan(copy, plan, NULL, PLIMSOLL_KEEP_HINT, &next));
    EXPECT(arena(next) == 128);
    EXPECT(plimsoll_graph_replan(copy, plan, NULL, 2, &next) == PLIMSOLL_ERROR_ARGUMENT);
    plimsoll_plan_free(next);
    plimsoll_graph_free(copy);

    /* A copy with a smaller tensor: all others keep their offsets. */
    CHECK(plimsoll_graph_edit(graph, &copy));
    CHECK(plimsoll_graph_set_tensor_bytes(copy, b, 32));
    CHECK(plimsoll_graph_build(copy));
    CHECK(plimsoll_graph_replan(copy, plan, NULL, PLIMSOLL_KEEP_DEMAND, &next));
    EXPECT(arena(next) == 128);
    EXPECT(offset(next, x) == offset(plan, x) && offset(next, a) == offset(plan, a));
    EXPECT(offset(next, y) == offset(plan, y));
    CHECK(plimsoll_plan_verify(next));
    plimsoll_plan_free(next);
    plimsoll_graph_free(copy);
    plimsoll_graph_free(graph);
    plimsoll_plan_free(plan);
    (void)first;
    (void)third;
    return 0;
}
