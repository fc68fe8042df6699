/*
 * Offsets for a compiler's own list of buffers, without a graph:
 * cc -Iinclude examples/c/offsets_only.c -lplimsoll
 */
#include "check.h"

int main(void) {
    const plimsoll_buffer buffers[4] = {
        /* size, alignment, fixed offset, first step, end (exclusive) */
        {900000, 1, PLIMSOLL_NONE, 0, 1},
        {100000, 1, PLIMSOLL_NONE, 0, 3},
        {400000, 1, PLIMSOLL_NONE, 1, 4},
        {500000, 1, PLIMSOLL_NONE, 2, 4},
    };
    const char *const names[4] = {"image", "small", "left", "right"};
    plimsoll_problem *problem = NULL;
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    plimsoll_choice *choice = NULL;
    uint64_t offsets[4], arena = 0, value = 0, bound = 0;
    plimsoll_nesting nestings[4];
    size_t count = 0, i;

    check(plimsoll_problem_new(buffers, sizeof(plimsoll_buffer), 4, names, &problem), "problem");
    check(plimsoll_problem_plan(problem, NULL, &plan), "plan");
    check(plimsoll_plan_offsets(plan, offsets, 4, &count), "offsets");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    for (i = 0; i < count; i++) {
        printf("%-6s at %lu\n", names[i], (unsigned long)offsets[i]);
    }
    expect(count == 4 && arena == 1000000, "one megabyte is enough");
    check(plimsoll_problem_verify(problem, offsets, count, arena), "verify");
    plimsoll_plan_free(plan);

    /* The same with shared objects, merged. */
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_strategy(options, "merge"), "strategy");
    check(plimsoll_options_set_merge_from(options, "objects-in-order"), "merge from");
    check(plimsoll_problem_plan(problem, options, &plan), "plan");
    check(plimsoll_plan_nestings(plan, nestings, sizeof(plimsoll_nesting), 4, &count), "nestings");
    expect(count == 1, "one buffer was put into another");
    printf("%s lies inside %s at %lu\n", names[nestings[0].guest.index], names[nestings[0].host.index],
           (unsigned long)nestings[0].at);
    plimsoll_plan_free(plan);

    /* 800 000 bytes cannot hold all buffers: which should be on chip? */
    check(plimsoll_options_set_capacity(options, 800000), "capacity");
    check(plimsoll_problem_choose(problem, options, NULL, 0, &choice), "choose");
    check(plimsoll_choice_value(choice, &value, &bound), "value");
    check(plimsoll_choice_offsets(choice, offsets, 4, &count), "offsets");
    printf("kept %lu bytes, upper bound %lu\n", (unsigned long)value, (unsigned long)bound);
    expect(offsets[0] == PLIMSOLL_NONE, "the image stays off chip");

    plimsoll_choice_free(choice);
    plimsoll_options_free(options);
    plimsoll_problem_free(problem);
    return 0;
}
