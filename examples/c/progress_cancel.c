/*
 * Limits, progress and cancellation of a long search:
 * cc -Iinclude examples/c/progress_cancel.c -lplimsoll -lpthread
 */
#include <pthread.h>

#include "check.h"

#define COUNT 300

static uint64_t seen_nodes;

/* Stops the search after the number of nodes that userdata points to. */
static int32_t watch(void *userdata, const plimsoll_progress *progress) {
    seen_nodes = progress->nodes;
    expect(progress->bound <= progress->best, "the bound is not above the best");
    return progress->nodes > *(const uint64_t *)userdata;
}

static void *cancel_it(void *cancel) {
    check(plimsoll_cancel_token_cancel(cancel), "cancel");
    return NULL;
}

static void log_line(void *userdata, const char *line) {
    ++*(int *)userdata;
    printf("%s\n", line);
}

/* Similar sizes and many conflicts make shared objects hard to find. */
static plimsoll_problem *hard_problem(void) {
    static plimsoll_buffer buffers[COUNT];
    plimsoll_problem *problem = NULL;
    uint32_t random = 1;
    size_t i;
    for (i = 0; i < COUNT; i++) {
        random = random * 1664525u + 1013904223u;
        buffers[i].size = 50 + (random >> 16) % 50;
        buffers[i].alignment = 1;
        buffers[i].fixed_offset = PLIMSOLL_NONE;
        buffers[i].start = (random >> 8) % 60;
        buffers[i].end = buffers[i].start + 1 + (random >> 24) % 11;
    }
    check(plimsoll_problem_new(buffers, sizeof(plimsoll_buffer), COUNT, NULL, &problem), "problem");
    return problem;
}

static int32_t stop_of(const plimsoll_problem *problem, const plimsoll_options *options) {
    plimsoll_plan *plan = NULL;
    int32_t stop = -1;
    check(plimsoll_problem_plan(problem, options, &plan), "plan");
    check(plimsoll_plan_stop(plan, &stop), "stop");
    plimsoll_plan_free(plan);
    return stop;
}

int main(void) {
    plimsoll_problem *problem = hard_problem();
    plimsoll_options *options = NULL;
    plimsoll_cancel_token *cancel = NULL;
    plimsoll_plan *plan = NULL;
    uint64_t node_limit = 20000;
    pthread_t thread;
    int lines = 0;

    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_strategy(options, "knapsack"), "strategy");
    check(plimsoll_options_set_log(options, log_line, &lines), "log");

    check(plimsoll_options_set_progress(options, watch, &node_limit, sizeof(plimsoll_progress)), "progress");
    expect(stop_of(problem, options) == PLIMSOLL_STOP_CANCELLED, "the callback stopped the search");
    expect(seen_nodes > node_limit && seen_nodes < node_limit + 10000, "the search stopped soon");
    check(plimsoll_options_set_progress(options, NULL, NULL, 0), "no progress");

    check(plimsoll_options_set_node_limit(options, 5000), "nodes");
    expect(stop_of(problem, options) == PLIMSOLL_STOP_NODES, "the node limit stopped the search");
    check(plimsoll_options_set_node_limit(options, PLIMSOLL_NONE), "no node limit");

    check(plimsoll_options_set_time_limit(options, 0), "time");
    expect(stop_of(problem, options) == PLIMSOLL_STOP_DEADLINE, "the time limit stopped the search");
    check(plimsoll_options_set_time_limit(options, PLIMSOLL_NONE), "no time limit");

    check(plimsoll_cancel_token_new(&cancel), "token");
    check(plimsoll_options_set_cancel(options, cancel), "token");
    expect(pthread_create(&thread, NULL, cancel_it, cancel) == 0, "a thread");
    expect(pthread_join(thread, NULL) == 0, "the thread ends");
    expect(plimsoll_problem_plan(problem, options, &plan) == PLIMSOLL_ERROR_CANCELLED && plan == NULL,
           "cancelled before a plan existed");
    expect(lines == 7, "two lines for each plan, one for the cancelled call");

    plimsoll_cancel_token_free(cancel);
    plimsoll_options_free(options);
    plimsoll_problem_free(problem);
    return 0;
}
