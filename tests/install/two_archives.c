/* Calls plimsoll and a second Rust archive (second.rs) in one program. */
#include <plimsoll.h>
#include <stdio.h>

uint32_t second_catches(uint32_t divisor);

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int plan_two_buffers(void);

int plan_two_buffers(void) {
    const plimsoll_buffer buffers[2] = {{4096, 16, PLIMSOLL_NONE, 0, 2}, {1024, 16, PLIMSOLL_NONE, 1, 3}};
    plimsoll_problem *problem = NULL;
    plimsoll_plan *plan = NULL;
    uint64_t bytes = 0;
    char message[256];
    size_t size;
    if (plimsoll_problem_new(buffers, sizeof buffers[0], 2, NULL, &problem) != PLIMSOLL_OK ||
        plimsoll_problem_plan(problem, NULL, &plan) != PLIMSOLL_OK ||
        plimsoll_plan_arena_bytes(plan, &bytes) != PLIMSOLL_OK) {
        return 1;
    }
    /* An error, whose message is in thread-local memory. */
    if (plimsoll_plan_arena_bytes(NULL, &bytes) != PLIMSOLL_ERROR_NULL ||
        plimsoll_last_error(message, sizeof message, &size) != PLIMSOLL_OK) {
        return 2;
    }
    plimsoll_plan_free(plan);
    plimsoll_problem_free(problem);
    if (second_catches(0) != 7) {
        return 3;
    }
    printf("%lu bytes\n", (unsigned long)bytes);
    return bytes == 5120 ? 0 : 4;
}

#ifndef AS_LIBRARY
int main(void) { return plan_two_buffers(); }
#endif
