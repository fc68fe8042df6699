/*
 * Makes random sequences of valid and invalid calls: no crash, no leak, only defined statuses.
 * Arguments: the number of sequences, and the seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plimsoll.h"

static uint64_t state;

static uint64_t next(void) {
    uint64_t bits = (state += 0x9e3779b97f4a7c15u);
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

static uint32_t below(uint32_t count) { return (uint32_t)(next() % count); }
static int seldom(void) { return below(12) == 0; }

/* Usually a small number, sometimes an extreme one. */
static uint64_t number(void) {
    static const uint64_t odd[] = {0, 1, 3, 1u << 20, UINT32_MAX, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX};
    return seldom() ? odd[below(8)] : below(100);
}

static uint64_t alignment(void) { return seldom() ? number() : (uint64_t)1 << below(6); }
static uint64_t fixed_offset(void) { return below(8) == 0 ? 16u * below(20) : seldom() ? number() : PLIMSOLL_NONE; }
static uint32_t index_of(void) { return seldom() ? (uint32_t)number() : below(6); }
static int32_t kind(void) { return seldom() ? (int32_t)number() : (int32_t)below(4); }

static const char *name(void) {
    static const char *const names[] = {"a", "conv", "int8", "float32", "auto", "knapsack", "merge", "", "\xff\xfe",
                                        "greedy-by-size", "objects-in-order", "naive", "\xc3\xa4"};
    return seldom() ? NULL : names[below(13)];
}

static const char *shape(void) {
    static const char *const shapes[] = {"1x3x8x8", "1,3,a,conv", "x", "", "99999999999999999999", "0", "\xff\xfe"};
    return seldom() ? NULL : shapes[below(7)];
}

enum { SLOTS = 3 };

static plimsoll_graph *graphs[SLOTS];
static plimsoll_problem *problems[SLOTS];
static plimsoll_options *options[SLOTS];
static plimsoll_import_options *imports[SLOTS];
static plimsoll_plan *plans[SLOTS];
static plimsoll_choice *choices[SLOTS];
static plimsoll_cancel_token *cancels[SLOTS];
static plimsoll_pools *pools[SLOTS];
static plimsoll_pool_plan *pool_plans[SLOTS];
static plimsoll_tflite_scratch *scratches[SLOTS];
static plimsoll_tflite_plan *tflite_plans[SLOTS];
enum { KINDS = 11 };

/* A random object of a slot array; sometimes NULL on purpose. */
#define PICK(slots)                                            \
    (seldom()                                ? NULL            \
     : (slots)[0] != NULL && below(3) == 0   ? (slots)[0]      \
     : (slots)[1] != NULL && below(2) == 0   ? (slots)[1]      \
     : (slots)[2] != NULL                    ? (slots)[2]      \
     : (slots)[1] != NULL                    ? (slots)[1]      \
                                             : (slots)[0])
#define MAYBE(pointer) (seldom() ? NULL : (pointer))
// The size of a record, or a smaller one, which may be wrong.
#define SIZE(record) (seldom() ? below(sizeof(plimsoll_##record) + 1) : sizeof(plimsoll_##record))

static plimsoll_progress last_progress;

static int32_t progress(void *userdata, const plimsoll_progress *now) {
    last_progress = *now;
    return userdata != NULL && below(50) == 0;
}

static void log_line(void *userdata, const char *line) { *(size_t *)userdata += strlen(line); }

static int32_t strategy(void *userdata, const plimsoll_buffer *buffers, size_t count, uint64_t capacity,
                        uint64_t *offsets) {
    uint64_t top = 0;
    size_t i;
    (void)userdata, (void)capacity;
    if (seldom()) {
        return (int32_t)below(100);
    }
    for (i = 0; i < count; i++) {
        const uint64_t rest = top % buffers[i].alignment;
        top += rest == 0 ? 0 : buffers[i].alignment - rest;
        offsets[i] = seldom() ? number() : buffers[i].fixed_offset == PLIMSOLL_NONE ? top : buffers[i].fixed_offset;
        top += buffers[i].size;
    }
    return 0;
}

/* Frees the object in a slot, to make room for a new one. */
static int32_t drop(int which, int slot) {
    switch (which) {
    case 0: plimsoll_graph_free(graphs[slot]); graphs[slot] = NULL; break;
    case 1: plimsoll_problem_free(problems[slot]); problems[slot] = NULL; break;
    case 2: plimsoll_options_free(options[slot]); options[slot] = NULL; break;
    case 3: plimsoll_import_options_free(imports[slot]); imports[slot] = NULL; break;
    case 4: plimsoll_plan_free(plans[slot]); plans[slot] = NULL; break;
    case 5: plimsoll_choice_free(choices[slot]); choices[slot] = NULL; break;
    case 6: plimsoll_pools_free(pools[slot]); pools[slot] = NULL; break;
    case 7: plimsoll_pool_plan_free(pool_plans[slot]); pool_plans[slot] = NULL; break;
    case 8: plimsoll_tflite_scratch_free(scratches[slot]); scratches[slot] = NULL; break;
    case 9: plimsoll_tflite_plan_free(tflite_plans[slot]); tflite_plans[slot] = NULL; break;
    default: plimsoll_cancel_token_free(cancels[slot]); cancels[slot] = NULL; break;
    }
    return PLIMSOLL_OK;
}

/* An empty slot, or NULL if all are in use, which the library must refuse. */
#define FREE_PLACE(type)                                                                          \
    static plimsoll_##type **place_for_##type(plimsoll_##type **slots) {                          \
        int slot;                                                                                 \
        for (slot = 0; slot < SLOTS; slot++) {                                                    \
            if (slots[slot] == NULL && !seldom()) {                                               \
                return &slots[slot];                                                              \
            }                                                                                     \
        }                                                                                         \
        return NULL;                                                                              \
    }

FREE_PLACE(graph)
FREE_PLACE(problem)
FREE_PLACE(options)
FREE_PLACE(import_options)
FREE_PLACE(plan)
FREE_PLACE(choice)
FREE_PLACE(cancel_token)
FREE_PLACE(pools)
FREE_PLACE(pool_plan)
FREE_PLACE(tflite_scratch)
FREE_PLACE(tflite_plan)

static int32_t new_problem(void) {
    plimsoll_buffer buffers[8];
    const char *names[8];
    const size_t count = below(9);
    size_t i;
    for (i = 0; i < 8; i++) {
        buffers[i].size = number();
        buffers[i].alignment = alignment();
        buffers[i].fixed_offset = fixed_offset();
        buffers[i].start = seldom() ? (uint32_t)number() : below(10);
        buffers[i].end = buffers[i].start + (seldom() ? (uint32_t)number() : 1 + below(5));
        names[i] = name();
    }
    if (below(3) == 0) {
        plimsoll_gap gaps[2];
        for (i = 0; i < 2; i++) {
            gaps[i].buffer = index_of();
            gaps[i].start = seldom() ? (uint32_t)number() : 1 + below(10);
            gaps[i].end = gaps[i].start + below(3);
        }
        return plimsoll_problem_new_with_gaps(MAYBE(buffers), SIZE(buffer), count, NULL, MAYBE(gaps), SIZE(gap), below(3), place_for_problem(problems));
    }
    return plimsoll_problem_new(MAYBE(buffers), SIZE(buffer), count, below(2) ? NULL : names, place_for_problem(problems));
}

/* Array sizes that exceed the address space. */
static int32_t too_many(void) {
    plimsoll_buffer buffer = {1, 1, PLIMSOLL_NONE, 0, 1};
    plimsoll_problem *problem = NULL;
    return plimsoll_problem_new(&buffer, SIZE(buffer), SIZE_MAX / (1 + below(8)), NULL, &problem);
}

static int32_t import_text(void) {
    static const char *const texts[] = {
        "id,lower,upper,size\na,0,2,8\nb,1,3,9\n", "id,lower,upper,size\na,0,x,8\n", "{\"operators\": [], \"tensors\": []}",
        "{", "", "TFL3"};
    const char *text = texts[below(6)];
    plimsoll_graph **graph = place_for_graph(graphs);
    plimsoll_problem **problem = place_for_problem(problems);
    return plimsoll_import_memory((const uint8_t *)MAYBE(text), strlen(text), seldom() ? (int32_t)number() : (int32_t)below(4),
                                  name(), PICK(imports), graph, problem);
}

static int32_t graph_call(void) {
    plimsoll_graph *graph = PICK(graphs);
    uint32_t list[4], other[4], written = 0;
    uint64_t dims[3] = {1 + below(5), number(), 1 + below(5)}, bytes = 0;
    size_t size = 0, i;
    char text[16];
    for (i = 0; i < 4; i++) {
        list[i] = index_of();
        other[i] = index_of();
    }
    switch (below(18)) {
    case 14: return plimsoll_graph_permit(graph, index_of(), seldom() ? (int32_t)number() : (int32_t)below(5), index_of(), index_of(), number());
    case 15:
        switch (below(11)) {
        case 4: return plimsoll_graph_edit(graph, place_for_graph(graphs));
        case 5: return plimsoll_graph_set_tensor_bytes(graph, index_of(), number());
        case 6: return plimsoll_graph_set_tensor_kind(graph, index_of(), kind());
        case 7: return plimsoll_graph_remove_output(graph, index_of());
        case 8: return plimsoll_graph_replace_reads(graph, index_of(), index_of());
        case 9: return plimsoll_graph_remove_operator(graph, index_of());
        case 10: return plimsoll_graph_clear_permits(graph, index_of());
        case 0: return plimsoll_graph_mark_overwritable(graph, index_of());
        case 1: return plimsoll_graph_set_input_contents(graph, index_of(), kind());
        case 2: return plimsoll_graph_set_storage(graph, index_of(), below(2) ? "outside" : name());
        default: return plimsoll_graph_tensor_storage(graph, index_of(), MAYBE(text), below(17), MAYBE(&size));
        }
    case 16: return plimsoll_graph_place_at(graph, index_of(), index_of(), below(2) ? 16u * below(4) : number());
    case 17: return plimsoll_graph_keep_apart(graph, index_of(), index_of());
    case 0: return plimsoll_graph_new(name(), place_for_graph(graphs));
    case 1:
    case 2: return plimsoll_graph_add_tensor(graph, name(), kind(), number(), seldom() ? number() : 0, fixed_offset(), MAYBE(&written));
    case 3: return plimsoll_graph_add_shaped_tensor(graph, name(), kind(), name(), MAYBE(dims), below(4), seldom() ? number() : 0, PLIMSOLL_NONE, MAYBE(&written));
    case 4:
    case 5: return plimsoll_graph_add_operator(graph, name(), name(), MAYBE(list), below(3), MAYBE(other), 1, number(), MAYBE(&written));
    case 6: return plimsoll_graph_mark_output(graph, index_of());
    case 7: return plimsoll_graph_add_dependency(graph, index_of(), index_of());
    case 8: return plimsoll_graph_mark_foldable(graph, index_of());
    case 9: return plimsoll_graph_build(graph);
    case 10: return below(2) ? plimsoll_graph_fold_constants(graph, MAYBE(&size)) : plimsoll_graph_notes(graph, MAYBE(text), below(17), MAYBE(&size));
    case 11: return plimsoll_graph_count_floats_as(graph, name());
    case 12: return below(2) ? plimsoll_graph_tensor_count(graph, MAYBE(&size)) : plimsoll_graph_operator_count(graph, MAYBE(&size));
    default:
        switch (below(3)) {
        case 0: return plimsoll_graph_tensor_bytes(graph, index_of(), MAYBE(&bytes));
        case 1: return plimsoll_graph_tensor_name(graph, index_of(), MAYBE(text), below(17), MAYBE(&size));
        default: return plimsoll_graph_operator_name(graph, index_of(), MAYBE(text), below(17), MAYBE(&size));
        }
    }
}

static size_t logged;

static int32_t options_call(void) {
    plimsoll_options *own = PICK(options);
    uint64_t sizes[3] = {number(), number(), number()};
    char text[32];
    size_t size = 0;
    switch (below(20)) {
    case 0: return plimsoll_options_new(place_for_options(options));
    case 1: return plimsoll_options_set_alignment(own, alignment());
    case 2: return plimsoll_options_set_variables(own, kind());
    case 3: return plimsoll_options_set_capacity(own, number());
    case 4:
    case 5: return plimsoll_options_set_strategy(own, name());
    case 6: return plimsoll_options_set_custom_strategy(own, name(), seldom() ? NULL : strategy, NULL, sizeof(plimsoll_buffer));
    case 7: return plimsoll_options_set_max_objects(own, (size_t)number());
    case 8: return plimsoll_options_set_given_objects(own, MAYBE(sizes), below(4));
    case 9: return plimsoll_options_set_merge_from(own, name());
    case 10: return plimsoll_options_set_seed(own, number());
    case 11: return plimsoll_options_set_node_limit(own, 100 + below(1000));
    case 12: return plimsoll_options_set_time_limit(own, seldom() ? number() : 1 + below(3));
    case 13: return plimsoll_options_set_cancel(own, PICK(cancels));
    case 14: return plimsoll_options_set_progress(own, seldom() ? NULL : progress, below(2) ? &logged : NULL, sizeof(plimsoll_progress));
    case 15: return plimsoll_options_set_threads(own, below(4));
    case 16: return plimsoll_options_reserve(own, sizes[0] >> below(64), sizes[1] >> below(64));
    case 17: return plimsoll_options_clear_reserved(own);
    case 18: return below(2) ? plimsoll_options_set_order(own, kind()) : plimsoll_options_set_sharing(own, kind());
    default: return below(2) ? plimsoll_options_set_log(own, log_line, &logged) : plimsoll_strategy_name(below(20), MAYBE(text), below(33), MAYBE(&size));
    }
}

static int32_t explain(const plimsoll_plan *plan) {
    plimsoll_infeasible_core *core = NULL;
    plimsoll_occupant occupants[8];
    uint64_t needed = 0, capacity = 0;
    size_t size = 0;
    int32_t irreducible = 0, status = plimsoll_plan_explain(plan, PICK(options), seldom() ? NULL : &core);
    (void)plimsoll_infeasible_core_occupants(core, MAYBE(occupants), SIZE(occupant), below(9), MAYBE(&size));
    (void)plimsoll_infeasible_core_is_irreducible(core, MAYBE(&irreducible));
    if (plimsoll_infeasible_core_bytes(core, &needed, &capacity) == PLIMSOLL_OK && needed <= capacity) {
        abort();
    }
    plimsoll_infeasible_core_free(core);
    return status;
}

static int32_t plan_call(void) {
    const plimsoll_plan *plan = PICK(plans);
    plimsoll_placement places[8];
    plimsoll_occupant occupants[8];
    plimsoll_shared_object objects[8];
    plimsoll_nesting nestings[8];
    plimsoll_alias aliases[8];
    uint64_t offsets[8], value = 0;
    uint32_t order[8], step = 0;
    char text[64];
    double gap = 0;
    size_t size = 0;
    int32_t status = 0;
    switch (below(20)) {
    case 0: return plimsoll_plan_arena_bytes(plan, MAYBE(&value));
    case 1: return plimsoll_plan_arena_alignment(plan, MAYBE(&value));
    case 2: return plimsoll_plan_lower_bound_bytes(plan, MAYBE(&value));
    case 3: return plimsoll_plan_gap(plan, MAYBE(&gap));
    case 4: return plimsoll_plan_status(plan, MAYBE(&status));
    case 5: return plimsoll_plan_stop(plan, MAYBE(&status));
    case 6: return plimsoll_plan_nodes(plan, MAYBE(&value));
    case 7: return plimsoll_plan_placements(plan, MAYBE(places), SIZE(placement), below(9), MAYBE(&size));
    case 8: return plimsoll_plan_offsets(plan, MAYBE(offsets), below(9), MAYBE(&size));
    case 9: return plimsoll_plan_offset(plan, index_of(), MAYBE(&value));
    case 10: return plimsoll_plan_scratch_offset(plan, index_of(), MAYBE(&value));
    case 11: return plimsoll_plan_order(plan, MAYBE(order), below(9), MAYBE(&size));
    case 12: return plimsoll_plan_bound_causes(plan, MAYBE(&step), MAYBE(occupants), SIZE(occupant), below(9), MAYBE(&size));
    case 13: return plimsoll_plan_objects(plan, MAYBE(objects), SIZE(shared_object), below(9), MAYBE(&size), MAYBE(&value));
    case 14: return plimsoll_plan_object_of(plan, kind(), index_of(), MAYBE(&step));
    case 15: return plimsoll_plan_nestings(plan, MAYBE(nestings), SIZE(nesting), below(9), MAYBE(&size));
    case 16: return below(2) ? plimsoll_plan_aliases(plan, MAYBE(aliases), SIZE(alias), below(9), MAYBE(&size)) : plimsoll_plan_verify(plan);
    case 17:
        if (below(2)) {
            return plimsoll_plan_export_code(plan, (int32_t)below(4), below(2) ? name() : NULL, MAYBE("a.h"), MAYBE(text), below(65), MAYBE(&size));
        }
        return plimsoll_plan_export(plan, seldom() ? (int32_t)number() : (int32_t)below(7), MAYBE(text), below(65), MAYBE(&size));
    case 18:
        if (below(4) == 0) {
            const uint8_t model[4] = {0x3a, (uint8_t)below(256), (uint8_t)below(256), 0};
            uint8_t written[8];
            if (below(4) == 0) {
                /* The model is no valid one, so no object is made. */
                plimsoll_tiled_onnx *tiled = NULL;
                const int32_t tiling = plimsoll_plan_tile_onnx(plan, MAYBE(model), below(5), PICK(imports), PICK(options), number(), number(),
                                                               below(4) ? &tiled : NULL);
                plimsoll_tiled_onnx_free(tiled);
                return below(2) ? tiling : plimsoll_tiled_onnx_model(NULL, MAYBE(written), below(9), MAYBE(&size));
            }
            if (below(3) == 0) {
                return plimsoll_plan_write_onnx(plan, MAYBE(model), below(5), PICK(imports), MAYBE("/nowhere/at/all"));
            }
            return below(2) ? plimsoll_onnx_verify(MAYBE(model), below(5))
                            : plimsoll_plan_export_onnx(plan, MAYBE(model), below(5), PICK(imports), MAYBE(written), below(9), MAYBE(&size));
        }
        return below(2) ? explain(plan) : plimsoll_plan_certified_bytes(plan, MAYBE(&value));
    default: return plimsoll_plan_write(plan, (int32_t)below(8), seldom() ? NULL : "/nowhere/at/all");
    }
}

static int32_t other_call(void) {
    uint64_t values[8], bytes = 0, bound = 0, offsets[8];
    size_t size = 0, i;
    int32_t stop = 0;
    for (i = 0; i < 8; i++) {
        values[i] = number();
        offsets[i] = number();
    }
    switch (below(13)) {
    case 0:
    case 1: return new_problem();
    case 12: {
        const plimsoll_windowed kernel = {{number(), below(9), below(9)}, {below(9), number(), below(9)}, {below(4), 3}, {1, below(3)},
                                          {below(3), number()}, {1, below(3)}, {1, below(5)}, kind(), kind()};
        return plimsoll_safe_overlap(seldom() ? NULL : &kernel, SIZE(windowed), MAYBE(&bytes));
    }
    case 2: return plimsoll_problem_buffer_count(PICK(problems), MAYBE(&size));
    case 3:
        if (below(2)) {
            return plimsoll_problem_set_hints(PICK(problems), MAYBE(offsets), below(9));
        }
        return plimsoll_problem_verify(PICK(problems), MAYBE(offsets), below(9), number());
    case 4: return plimsoll_problem_choose(PICK(problems), PICK(options), below(2) ? NULL : values, below(9), place_for_choice(choices));
    case 5: return plimsoll_choice_value(PICK(choices), MAYBE(&bytes), MAYBE(&bound));
    case 6: return plimsoll_choice_arena_bytes(PICK(choices), MAYBE(&bytes), MAYBE(&stop));
    case 7: return plimsoll_choice_offsets(PICK(choices), MAYBE(offsets), below(9), MAYBE(&size));
    case 8: return below(2) ? plimsoll_cancel_token_new(place_for_cancel_token(cancels)) : plimsoll_cancel_token_cancel(PICK(cancels));
    case 9: return import_text();
    case 10:
        switch (below(8)) {
        case 4:
            switch (below(3)) {
            case 0: return plimsoll_import_options_set_overwrite_inputs(PICK(imports), kind());
            case 1: return plimsoll_import_options_set_input_contents(PICK(imports), below(2) ? NULL : name(), kind());
            default: return plimsoll_import_options_set_storage(PICK(imports), name(), below(2) ? NULL : name());
            }
        case 6: return plimsoll_import_options_set_cancel(PICK(imports), PICK(cancels));
        case 5: return plimsoll_import_options_set_input_shape(PICK(imports), name(), shape());
        case 0: return plimsoll_import_options_new(place_for_import_options(imports));
        case 1: return plimsoll_import_options_set_floats_as(PICK(imports), name());
        case 2: return plimsoll_import_options_set_dimension(PICK(imports), name(), number());
        case 3: return plimsoll_import_options_set_fold(PICK(imports), kind());
        default: return plimsoll_import_file(seldom() ? NULL : "/nowhere.onnx", PICK(imports), place_for_graph(graphs), place_for_problem(problems));
        }
    default: return too_many();
    }
}

static int32_t plan_something(void) {
    uint32_t order[3] = {index_of(), index_of(), index_of()};
    plimsoll_plan **place = place_for_plan(plans);
    if (below(5) == 0) {
        return plimsoll_graph_replan(PICK(graphs), PICK(plans), PICK(options), kind(), place);
    }
    plimsoll_schedule figures;
    size_t count = 0;
    switch (below(4)) {
    case 3:
        return plimsoll_graph_schedule(PICK(graphs), PICK(options), MAYBE(order), below(4), MAYBE(&count), below(2) ? &figures : NULL, SIZE(schedule));
    case 0: return plimsoll_graph_plan(PICK(graphs), PICK(options), place);
    case 1: return plimsoll_graph_plan_in_order(PICK(graphs), MAYBE(order), below(4), PICK(options), place);
    default: return plimsoll_problem_plan(PICK(problems), PICK(options), place);
    }
}

/* A TensorFlow Lite model: two RELUs, one after the other. */
static const unsigned char tflite_model[] = {
    0x18, 0x00, 0x00, 0x00, 0x54, 0x46, 0x4c, 0x33, 0x00, 0x00, 0x0e, 0x00, 0x14, 0x00, 0x10, 0x00, 0x0c, 0x00, 0x08, 0x00,
    0x00, 0x00, 0x04, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00,
    0x03, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x18, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x30, 0x00, 0x00, 0x00, 0x04, 0x00, 0x04, 0x00, 0x04, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x0c, 0x00,
    0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x13, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x13,
    0x0c, 0x00, 0x14, 0x00, 0x10, 0x00, 0x0c, 0x00, 0x08, 0x00, 0x04, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00,
    0x0c, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00,
    0x03, 0x00, 0x00, 0x00, 0xb4, 0x00, 0x00, 0x00, 0x78, 0x00, 0x00, 0x00, 0x48, 0x00, 0x00, 0x00, 0xe2, 0xff, 0xff, 0xff,
    0x08, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x08, 0x00, 0x04, 0x00, 0x0a, 0x00, 0x00, 0x00,
    0x08, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xa8, 0xff, 0xff, 0xff, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x04, 0x00, 0x00, 0x00,
    0x04, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x74, 0x32, 0x00, 0x00, 0xd4, 0xff, 0xff, 0xff, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09,
    0x04, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
    0x04, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x74, 0x31, 0x00, 0x00, 0x0c, 0x00, 0x10, 0x00, 0x0c, 0x00, 0x0b, 0x00,
    0x00, 0x00, 0x04, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x04, 0x00, 0x00, 0x00,
    0x04, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x74, 0x30, 0x00, 0x00,
};
static uint64_t planned_models;

static int32_t tflite_call(void) {
    plimsoll_tflite_plan *planned = PICK(tflite_plans);
    plimsoll_tflite_scratch *scratch = PICK(scratches);
    const size_t size = seldom() ? below(sizeof tflite_model + 1) : sizeof tflite_model;
    unsigned char model[sizeof tflite_model];
    uint64_t offsets[8], head = 0, own = 0;
    uint32_t order[8];
    uint8_t written[8];
    char text[16];
    size_t count = 0;
    int32_t status;
    memcpy(model, tflite_model, sizeof model);
    if (below(4) == 0) {
        model[below(sizeof model)] ^= (unsigned char)(1u << below(8));
    }
    switch (below(14)) {
    case 0: return plimsoll_tflite_scratch_new(place_for_tflite_scratch(scratches));
    case 1: return plimsoll_tflite_scratch_set(scratch, seldom() ? (size_t)number() : 0, index_of(), name(), number());
    case 2: return plimsoll_tflite_plan_model(planned, MAYBE(written), below(9), MAYBE(&count));
    case 3: return plimsoll_tflite_plan_write(planned, MAYBE("/nowhere/at/all"));
    case 4: return plimsoll_tflite_plan_head_bytes(planned, below(2) ? &head : NULL, below(2) ? &own : NULL);
    case 5: return plimsoll_tflite_plan_notes(planned, MAYBE(text), below(17), MAYBE(&count));
    case 6: return plimsoll_tflite_plan_main(planned, place_for_plan(plans));
    case 7: return plimsoll_tflite_plan_order(planned, below(3), MAYBE(order), below(9), MAYBE(&count));
    case 8: return plimsoll_tflite_plan_offsets(planned, below(3), MAYBE(offsets), below(9), MAYBE(&count));
    case 9: return plimsoll_tflite_verify(MAYBE(model), size, scratch, below(2) ? &head : NULL);
    default:
        status = plimsoll_tflite_plan_new(MAYBE(model), size, name(), PICK(options), below(2) ? NULL : scratch,
                                          place_for_tflite_plan(tflite_plans));
        planned_models += status == PLIMSOLL_OK;
        return status;
    }
}

static uint64_t placed;

static uint32_t cost(void) { return seldom() ? (uint32_t)number() : below(3); }

/* Targets whose last memory usually accepts everything. */
static int32_t pools_call(void) {
    plimsoll_pools *own = PICK(pools);
    plimsoll_pool pool;
    pool.capacity = below(2) ? PLIMSOLL_NONE : number();
    pool.alignment = alignment();
    pool.largest = seldom() ? number() : PLIMSOLL_NONE;
    pool.holds = seldom() ? (uint32_t)number() : PLIMSOLL_HOLDS_ALL;
    pool.read_cost = cost();
    pool.write_cost = cost();
    pool.copy_from_cost = below(2) ? PLIMSOLL_COST_IN_PLACE : cost();
    pool.copy_to_cost = below(2) ? PLIMSOLL_COST_IN_PLACE : cost();
    pool.unused = seldom() ? below(2) : 0;
    switch (below(9)) {
    case 0:
    case 1: return plimsoll_pools_new(place_for_pools(pools));
    case 2: return plimsoll_pools_set_inputs(own, below(2) ? PLIMSOLL_NO_INDEX : below(4));
    case 3: return plimsoll_pools_set_outputs(own, below(2) ? PLIMSOLL_NO_INDEX : below(4));
    case 4: return plimsoll_pools_set_loading(own, kind());
    case 5: return plimsoll_pools_set_prefetch(own, seldom() ? (uint32_t)number() : below(3));
    default: return plimsoll_pools_add(own, name(), MAYBE(&pool), SIZE(pool));
    }
}

static int32_t pool_plan_call(void) {
    const plimsoll_pool_plan *plan = PICK(pool_plans);
    uint32_t order[3] = {index_of(), index_of(), index_of()};
    plimsoll_pool_figures figures;
    plimsoll_pool_traffic traffic[8];
    plimsoll_residency residencies[8];
    plimsoll_transfer transfers[8];
    plimsoll_use uses[8];
    plimsoll_alias aliases[8];
    char text[64];
    size_t size = 0;
    int32_t status;
    switch (below(15)) {
    case 11: return plimsoll_pool_plan_verify(plan);
    case 0: return plimsoll_pool_plan_traffic(plan, MAYBE(traffic), SIZE(pool_traffic), below(9), MAYBE(&size));
    case 1: return plimsoll_pool_plan_residencies(plan, MAYBE(residencies), SIZE(residency), below(9), MAYBE(&size));
    case 2: return plimsoll_pool_plan_transfers(plan, MAYBE(transfers), SIZE(transfer), below(9), MAYBE(&size));
    case 3: return plimsoll_pool_plan_uses(plan, MAYBE(uses), SIZE(use), below(9), MAYBE(&size));
    case 4: return plimsoll_pool_plan_aliases(plan, MAYBE(aliases), SIZE(alias), below(9), MAYBE(&size));
    case 5: return plimsoll_pool_plan_order(plan, MAYBE(order), below(4), MAYBE(&size));
    case 6: return plimsoll_pool_plan_residency_at(plan, index_of(), kind(), index_of(), MAYBE(residencies), SIZE(residency));
    case 7:
        if (below(2)) {
            return plimsoll_pool_plan_export_code(plan, (int32_t)below(4), below(2) ? name() : NULL, MAYBE("a.h"), MAYBE(text), below(65), MAYBE(&size));
        }
        return plimsoll_pool_plan_export(plan, seldom() ? (int32_t)number() : (int32_t)below(7), MAYBE(text), below(65), MAYBE(&size));
    case 8: return plimsoll_pool_plan_write(plan, (int32_t)below(8), seldom() ? NULL : "/nowhere/at/all");
    case 9: return plimsoll_graph_place_in_order(PICK(graphs), MAYBE(order), below(4), PICK(options), PICK(pools), place_for_pool_plan(pool_plans));
    case 10:
        status = plimsoll_pool_plan_figures(plan, MAYBE(&figures), SIZE(pool_figures));
        /* The bounds must hold for any options. */
        if (status == PLIMSOLL_OK && plimsoll_pool_plan_figures(plan, &figures, SIZE(pool_figures)) == PLIMSOLL_OK && figures.lower_bound > figures.cost) {
            abort();
        }
        return status;
    default:
        status = plimsoll_graph_place(PICK(graphs), PICK(options), PICK(pools), place_for_pool_plan(pool_plans));
        placed += status == PLIMSOLL_OK;
        return status;
    }
}

static uint64_t verified, read_back;

static int32_t add_arrays(plimsoll_graph *graph) {
    static const char *const names[4] = {"a", "b", "c", "\xc3\xa4"};
    plimsoll_tensor tensors[4];
    plimsoll_operator operators[2];
    uint32_t operands[8], first = 0, i;
    if (below(2)) {
        for (i = 0; i < 4; i++) {
            const plimsoll_tensor tensor = {number(), seldom() ? number() : 0, fixed_offset(), kind(), seldom() ? index_of() : below(2)};
            tensors[i] = tensor;
        }
        return plimsoll_graph_add_tensors(graph, MAYBE(tensors), SIZE(tensor), MAYBE(names), below(5), MAYBE(&first));
    }
    for (i = 0; i < 2; i++) {
        const plimsoll_operator added = {number(), below(3), 1, seldom() ? index_of() : below(2), 0};
        operators[i] = added;
    }
    for (i = 0; i < 8; i++) {
        operands[i] = index_of();
    }
    i = operators[0].input_count + 1;
    return plimsoll_graph_add_operators(graph, MAYBE(operators), SIZE(operator), MAYBE(names), below(2) ? names : NULL, 1, MAYBE(operands), seldom() ? below(9) : i, MAYBE(&first));
}

static int32_t walk(const plimsoll_graph *graph) {
    plimsoll_tensor tensors[8];
    plimsoll_operator operators[8];
    plimsoll_permit permits[8];
    uint32_t operands[32], rank = 0;
    uint64_t dims[4];
    char text[24];
    size_t count = 0;
    switch (below(9)) {
    case 0: return plimsoll_graph_tensors(graph, MAYBE(tensors), SIZE(tensor), below(9), MAYBE(&count));
    case 1: return plimsoll_graph_operators(graph, MAYBE(operators), SIZE(operator), below(9), MAYBE(&count));
    case 2: return plimsoll_graph_permits(graph, MAYBE(permits), SIZE(permit), below(9), MAYBE(&count));
    case 3: return plimsoll_graph_operands(graph, MAYBE(operands), below(33), MAYBE(&count));
    case 4: return plimsoll_graph_dependencies(graph, index_of(), MAYBE(operands), below(33), MAYBE(&count));
    case 5: return plimsoll_graph_operator_type(graph, index_of(), MAYBE(text), below(25), MAYBE(&count));
    case 6: return plimsoll_graph_tensor_element_type(graph, index_of(), MAYBE(text), below(25), MAYBE(&count));
    case 7: return plimsoll_graph_tensor_shape(graph, index_of(), MAYBE(dims), below(5), MAYBE(&rank));
    default: return below(2) ? plimsoll_graph_name(graph, MAYBE(text), below(25), MAYBE(&count)) : plimsoll_graph_fingerprint(graph, MAYBE(text), below(25), MAYBE(&count));
    }
}

/* The arrays of a plan, often of the same graph and sometimes changed. */
static int32_t verify_arrays(const plimsoll_graph *graph, const plimsoll_plan *plan) {
    uint32_t order[16];
    uint64_t offsets[32], scratch[16];
    plimsoll_alias aliases[8];
    size_t order_count = 0, offset_count = 0, alias_count = 0, scratch_count = 0;
    int32_t status;
    plimsoll_plan_order(plan, order, 16, &order_count);
    plimsoll_plan_offsets(plan, offsets, 32, &offset_count);
    plimsoll_plan_aliases(plan, aliases, sizeof(plimsoll_alias), 8, &alias_count);
    if (order_count > 16 || offset_count > 32 || alias_count > 8) {
        order_count = offset_count = alias_count = 0;
    }
    while (scratch_count < 16 && plimsoll_plan_scratch_offset(plan, (uint32_t)scratch_count, &scratch[scratch_count]) == PLIMSOLL_OK) {
        scratch_count++;
    }
    if (seldom() && offset_count > 0) {
        offsets[below((uint32_t)offset_count)] = number();
    }
    if (seldom() && order_count > 0) {
        order[below((uint32_t)order_count)] = index_of();
    }
    if (seldom() && alias_count > 0) {
        aliases[0].of = index_of();
    }
    status = plimsoll_graph_verify(graph, PICK(options), MAYBE(order), order_count, MAYBE(offsets), offset_count, MAYBE(scratch), scratch_count, aliases, SIZE(alias), alias_count, below(2) ? place_for_plan(plans) : NULL);
    verified += status == PLIMSOLL_OK;
    return status;
}

static int32_t read_document(const plimsoll_graph *graph, const plimsoll_plan *plan) {
    static char text[1 << 16];
    size_t size = 0;
    int32_t status;
    if (plimsoll_plan_export(plan, PLIMSOLL_EXPORT_JSON, text, sizeof text, &size) != PLIMSOLL_OK || size > sizeof text) {
        size = below(20);
    }
    if (seldom() && size > 0) {
        text[next() % size] = (char)below(256);
    }
    switch (below(6)) {
    case 0: return plimsoll_graph_read_pool_plan(graph, MAYBE(text), size, place_for_pool_plan(pool_plans));
    case 1: return plimsoll_problem_read_plan(PICK(problems), MAYBE(text), size == 0 ? 0 : size - 1, place_for_plan(plans));
    default:
        status = plimsoll_graph_read_plan(graph, MAYBE(text), size == 0 ? 0 : size - 1, place_for_plan(plans));
        read_back += status == PLIMSOLL_OK;
        return status;
    }
}

static int32_t array_call(void) {
    plimsoll_graph *graph = PICK(graphs);
    uint64_t data = 0;
    switch (below(8)) {
    case 0: return add_arrays(graph);
    case 1: return verify_arrays(graph, PICK(plans));
    case 2: return read_document(graph, PICK(plans));
    case 3: return below(2) ? plimsoll_graph_set_tensor_data(graph, index_of(), next()) : plimsoll_graph_set_operator_data(graph, index_of(), next());
    case 4: return below(2) ? plimsoll_graph_tensor_data(graph, index_of(), MAYBE(&data)) : plimsoll_graph_operator_data(graph, index_of(), MAYBE(&data));
    default: return walk(graph);
    }
}

static uint64_t outcomes[PLIMSOLL_ERROR_CANCELLED + 1];

static void one_call(void) {
    char message[8];
    size_t size = 0;
    int32_t status;
    switch (below(11)) {
    case 10: status = array_call(); break;
    case 9: status = tflite_call(); break;
    case 7: status = pools_call(); break;
    case 8: status = pool_plan_call(); break;
    case 0: status = below(4) ? graph_call() : drop((int)below(KINDS), (int)below(SLOTS)); break;
    case 1:
    case 2: status = graph_call(); break;
    case 3: status = options_call(); break;
    case 4: status = plan_call(); break;
    case 5: status = other_call(); break;
    default: status = plan_something(); break;
    }
    if (status < 0 || status == PLIMSOLL_ERROR_PANIC || status > PLIMSOLL_ERROR_CANCELLED) {
        plimsoll_last_error(NULL, 0, &size);
        fprintf(stderr, "status %d\n", (int)status);
        abort();
    }
    outcomes[status]++;
    if (status != PLIMSOLL_OK && (plimsoll_last_error(NULL, 0, &size) != PLIMSOLL_OK || size < 2)) {
        fprintf(stderr, "status %d without a message\n", (int)status);
        abort();
    }
    (void)plimsoll_last_error(MAYBE(message), below(9), MAYBE(&size));
}

int main(int count, char **arguments) {
    const unsigned long sequences = count > 1 ? strtoul(arguments[1], NULL, 10) : 1000;
    const unsigned long seed = count > 2 ? strtoul(arguments[2], NULL, 10) : 1;
    unsigned long sequence;
    int which, slot, call;
    for (sequence = 0; sequence < sequences; sequence++) {
        state = seed * 1000003u + sequence;
        for (call = 0; call < 100; call++) {
            one_call();
        }
        for (which = 0; which < KINDS; which++) {
            for (slot = 0; slot < SLOTS; slot++) {
                drop(which, slot);
            }
        }
    }
    for (which = 0; which <= PLIMSOLL_ERROR_CANCELLED; which++) {
        printf("status %2d: %" PRIu64 " calls\n", which, outcomes[which]);
    }
    printf("placed in pools: %" PRIu64 " times\n", placed);
    printf("planned for TensorFlow Lite Micro: %" PRIu64 " times\n", planned_models);
    printf("verified from arrays: %" PRIu64 " times, from PLAN.json: %" PRIu64 " times\n", verified, read_back);
    return 0;
}
