/*
 * Offsets for values that are described by size, alignment, first and last use, as in ggml's graph allocator and in
 * allocation passes of MLIR: one call, without objects of plimsoll in the caller's code.
 *
 * Failures return a status (PLIMSOLL_ERROR_...), and plimsoll_last_error() has the message.
 */
#ifndef LIFETIME_ALLOCATOR_H
#define LIFETIME_ALLOCATOR_H

#include <stdlib.h>

#include "plimsoll.h"

/* A value, and the offset that it gets. */
struct lifetime {
    uint64_t size;
    uint64_t alignment;
    /* The operation that defines the value, and the last one that uses it. */
    uint32_t first, last;
    uint64_t offset;
};

struct allocation {
    uint64_t arena_bytes;
    /* No allocation of these values is smaller. */
    uint64_t lower_bound;
};

static inline int32_t solve_lifetimes(const plimsoll_problem *problem, int32_t effort, struct lifetime *values, size_t count,
                                      uint64_t *offsets, struct allocation *result) {
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    size_t i, written = 0;
    int32_t status = plimsoll_options_new(&options);
    if (status == PLIMSOLL_OK) {
        status = plimsoll_options_set_effort(options, effort);
    }
    if (status == PLIMSOLL_OK) {
        status = plimsoll_problem_plan(problem, options, &plan);
    }
    if (status == PLIMSOLL_OK) {
        status = plimsoll_plan_offsets(plan, offsets, count, &written);
    }
    if (status == PLIMSOLL_OK) {
        for (i = 0; i < count; i++) {
            values[i].offset = offsets[i];
        }
        plimsoll_plan_arena_bytes(plan, &result->arena_bytes);
        plimsoll_plan_lower_bound_bytes(plan, &result->lower_bound);
    }
    plimsoll_plan_free(plan);
    plimsoll_options_free(options);
    return status;
}

/* Gives each value an offset. `effort` is PLIMSOLL_EFFORT_QUICK for milliseconds, as in a just-in-time compiler. */
static inline int32_t allocate_lifetimes(struct lifetime *values, size_t count, int32_t effort, struct allocation *result) {
    plimsoll_buffer *buffers = malloc((count + 1) * sizeof *buffers);
    uint64_t *offsets = malloc((count + 1) * sizeof *offsets);
    plimsoll_problem *problem = NULL;
    int32_t status = PLIMSOLL_ERROR_ARGUMENT;
    size_t i;
    if (buffers != NULL && offsets != NULL) {
        for (i = 0; i < count; i++) {
            buffers[i].size = values[i].size;
            buffers[i].alignment = values[i].alignment;
            buffers[i].fixed_offset = PLIMSOLL_NONE;
            buffers[i].start = values[i].first;
            buffers[i].end = values[i].last + 1;
        }
        status = plimsoll_problem_new(buffers, sizeof *buffers, count, NULL, &problem);
    }
    if (status == PLIMSOLL_OK) {
        status = solve_lifetimes(problem, effort, values, count, offsets, result);
    }
    plimsoll_problem_free(problem);
    free(offsets);
    free(buffers);
    return status;
}

#endif
