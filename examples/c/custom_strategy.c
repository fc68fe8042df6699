/*
 * A strategy implemented by the caller, which the library verifies like its own:
 * cc -Iinclude examples/c/custom_strategy.c -lplimsoll
 */
#include "check.h"

/* Stacks all buffers; userdata counts the calls. */
static int32_t stack(void *userdata, const plimsoll_buffer *buffers, size_t count, uint64_t capacity,
                     uint64_t *offsets) {
    uint64_t top = 0;
    size_t i;
    (void)capacity;
    ++*(int *)userdata;
    for (i = 0; i < count; i++) {
        offsets[i] = (top + buffers[i].alignment - 1) / buffers[i].alignment * buffers[i].alignment;
        top = offsets[i] + buffers[i].size;
    }
    return 0;
}

/* Puts all buffers at offset 0, which is wrong. */
static int32_t pile(void *userdata, const plimsoll_buffer *buffers, size_t count, uint64_t capacity,
                    uint64_t *offsets) {
    size_t i;
    (void)userdata, (void)buffers, (void)capacity;
    for (i = 0; i < count; i++) {
        offsets[i] = 0;
    }
    return 0;
}

static int32_t give_up(void *userdata, const plimsoll_buffer *buffers, size_t count, uint64_t capacity,
                       uint64_t *offsets) {
    (void)userdata, (void)buffers, (void)count, (void)capacity, (void)offsets;
    return 42;
}

int main(void) {
    const plimsoll_buffer buffers[3] = {
        {100, 16, PLIMSOLL_NONE, 0, 2}, {50, 16, PLIMSOLL_NONE, 1, 3}, {70, 16, PLIMSOLL_NONE, 2, 4}};
    plimsoll_problem *problem = NULL;
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    uint64_t arena = 0;
    int calls = 0;
    char message[256];
    size_t size = 0;

    check(plimsoll_problem_new(buffers, sizeof(plimsoll_buffer), 3, NULL, &problem), "problem");
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_custom_strategy(options, "stack", stack, &calls, sizeof(plimsoll_buffer)), "stack");
    check(plimsoll_problem_plan(problem, options, &plan), "plan");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    expect(calls == 1 && arena == 112 + 64 + 70, "no buffers share memory");
    plimsoll_plan_free(plan);

    plan = NULL;
    check(plimsoll_options_set_custom_strategy(options, "pile", pile, NULL, sizeof(plimsoll_buffer)), "pile");
    expect(plimsoll_problem_plan(problem, options, &plan) == PLIMSOLL_ERROR_WRONG_PLAN, "the plan is refused");
    expect(plan == NULL, "no plan was written");
    check(plimsoll_last_error(message, sizeof message, &size), "message");
    printf("%s\n", message);

    check(plimsoll_options_set_custom_strategy(options, "give up", give_up, NULL, sizeof(plimsoll_buffer)), "give up");
    expect(plimsoll_problem_plan(problem, options, &plan) == PLIMSOLL_ERROR_CALLBACK, "the callback failed");

    plimsoll_options_free(options);
    plimsoll_problem_free(problem);
    return 0;
}
