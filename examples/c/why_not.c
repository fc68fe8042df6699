/*
 * Further properties of a problem: buffers with gaps, reserved parts of the arena, and an explanation
 * if the plan does not fit:
 * cc -Iinclude examples/c/why_not.c -lplimsoll
 */
#include "check.h"

int main(void) {
    const plimsoll_buffer buffers[3] = {
        /* size, alignment, fixed offset, first step, end (exclusive) */
        {600, 1, PLIMSOLL_NONE, 0, 6},
        {500, 1, PLIMSOLL_NONE, 2, 4},
        {300, 1, PLIMSOLL_NONE, 3, 5},
    };
    const char *const names[3] = {"state", "large", "small"};
    /* The state is swapped out before step 2, and back in after step 4. */
    const plimsoll_gap gap = {0, 2, 5};
    plimsoll_problem *problem = NULL;
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    plimsoll_infeasible_core *core = NULL;
    plimsoll_occupant occupants[3];
    uint64_t offsets[3], arena = 0, needed = 0, capacity = 0;
    int32_t status = 0, irreducible = 0;
    size_t count = 0, i;

    check(plimsoll_problem_new_with_gaps(buffers, sizeof(plimsoll_buffer), 3, names, &gap, sizeof(plimsoll_gap), 1, &problem), "problem");
    check(plimsoll_problem_plan(problem, NULL, &plan), "plan");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    printf("%lu bytes suffice: other buffers use the gap of the state\n", (unsigned long)arena);
    expect(arena == 800, "the peak is at step 3");
    plimsoll_plan_free(plan);

    /* The runtime uses the bytes from 0 to 64, and from 700 to 750. */
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_reserve(options, 0, 64), "reserve");
    check(plimsoll_options_reserve(options, 700, 750), "reserve");
    check(plimsoll_options_set_capacity(options, 1050), "capacity");
    check(plimsoll_problem_plan(problem, options, &plan), "plan");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    check(plimsoll_plan_offsets(plan, offsets, 3, &count), "offsets");
    for (i = 0; i < count; i++) {
        const uint64_t end = offsets[i] + buffers[i].size;
        printf("%s at %lu\n", names[i], (unsigned long)offsets[i]);
        expect(offsets[i] >= 64 && (end <= 700 || offsets[i] >= 750), "no buffer lies in a reserved range");
    }
    expect(arena == 1050, "300 bytes lie above the reserved ranges");
    plimsoll_plan_free(plan);

    /* With one byte less it does not fit, and the library explains why. */
    check(plimsoll_options_set_capacity(options, 1049), "capacity");
    check(plimsoll_problem_plan(problem, options, &plan), "plan");
    check(plimsoll_plan_status(plan, &status), "status");
    expect(status == PLIMSOLL_STATUS_INFEASIBLE, "it does not fit");
    check(plimsoll_plan_explain(plan, options, &core), "explain");
    expect(core != NULL, "there is a proof");
    check(plimsoll_infeasible_core_occupants(core, occupants, sizeof(plimsoll_occupant), 3, &count), "occupants");
    check(plimsoll_infeasible_core_bytes(core, &needed, &capacity), "bytes");
    check(plimsoll_infeasible_core_is_irreducible(core, &irreducible), "irreducible");
    printf("%lu bytes are missing for these %lu:", (unsigned long)(needed - capacity), (unsigned long)count);
    for (i = 0; i < count; i++) {
        printf(" %s", names[occupants[i].index]);
    }
    printf("\n");
    expect(count == 2 && needed == 1050 && capacity == 1049 && irreducible, "both meet, and one byte is missing");

    plimsoll_infeasible_core_free(core);
    plimsoll_plan_free(plan);
    plimsoll_options_free(options);
    plimsoll_problem_free(problem);
    return 0;
}
