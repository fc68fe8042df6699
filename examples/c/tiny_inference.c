/*
 * A tiny inference runtime. It runs int8 networks in one arena, at the offsets and in the order of a
 * plan. The results must be bit-identical to those of a run in which every tensor has memory of its
 * own, also where tensors share memory while both are live. Wrong plans must be refused, and must
 * change results when run nevertheless.
 * cc -Iinclude examples/c/tiny_inference.c -lplimsoll
 */
#include "check.h"
#include "tiny/kernels.h"

/* Permits the memory sharing that the kernels of a layer allow. */
static void permit(plimsoll_graph *graph, const network *net, int index) {
    const layer *l = &net->layers[index];
    uint32_t layer_index = (uint32_t)index, input = (uint32_t)l->inputs[0], output = (uint32_t)l->output;
    uint64_t at = 0;
    int i;
    if (l->kind == CROP || l->kind == RESHAPE) {
        at = first_byte(net, l);
        check(plimsoll_graph_permit(graph, layer_index, PLIMSOLL_PERMIT_VIEW, input, output, at), "view");
    }
    for (i = 0; i < l->input_count; i++) {
        input = (uint32_t)l->inputs[i];
        if (l->kind == ADD) {
            check(plimsoll_graph_permit(graph, layer_index, PLIMSOLL_PERMIT_IN_PLACE, input, output, 0), "in place");
        }
        if (l->kind == STACK && (i == 0 || l->inputs[i] != l->inputs[0])) {
            check(plimsoll_graph_permit(graph, layer_index, PLIMSOLL_PERMIT_CONCAT_SLICE, input, output, at), "piece");
        }
        at += tensor_bytes(&net->tensors[l->inputs[i]]);
    }
}

/*
 * Describes the network to the planner, with the same numbers of tensors and layers. Alignment 0 is the
 * planner's default.
 */
static plimsoll_graph *describe(const network *net, uint64_t alignment) {
    plimsoll_graph *graph = NULL;
    uint32_t index = 0;
    char name[32];
    int i, j;
    check(plimsoll_graph_new("tiny", &graph), "graph");
    for (i = 0; i < net->tensor_count; i++) {
        const tensor *t = &net->tensors[i];
        snprintf(name, sizeof name, "tensor %d", i);
        check(plimsoll_graph_add_tensor(graph, name, i == 0 ? PLIMSOLL_TENSOR_INPUT : PLIMSOLL_TENSOR_INTERMEDIATE,
                                        tensor_bytes(t), alignment, PLIMSOLL_NONE, &index),
              name);
        if (t->is_output) {
            check(plimsoll_graph_mark_output(graph, index), name);
        }
    }
    for (i = 0; i < net->layer_count; i++) {
        const layer *l = &net->layers[i];
        uint32_t inputs[MOST_INPUTS], output = (uint32_t)l->output;
        for (j = 0; j < l->input_count; j++) {
            inputs[j] = (uint32_t)l->inputs[j];
        }
        snprintf(name, sizeof name, "layer %d", i);
        check(plimsoll_graph_add_operator(graph, name, NULL, inputs, (size_t)l->input_count, &output, 1,
                                          scratch_bytes(net, l), &index),
              name);
        permit(graph, net, i);
    }
    check(plimsoll_graph_build(graph), "build");
    return graph;
}

/* Another order: runs always the last layer that is ready. */
static void last_ready_first(const network *net, uint32_t *order) {
    int written[MOST_TENSORS] = {1}, done[MOST_LAYERS] = {0}, step, i, j;
    for (step = 0; step < net->layer_count; step++) {
        for (i = net->layer_count - 1; i >= 0; i--) {
            int ready = !done[i];
            for (j = 0; j < net->layers[i].input_count; j++) {
                ready = ready && written[net->layers[i].inputs[j]];
            }
            if (ready) {
                break;
            }
        }
        done[i] = written[net->layers[i].output] = 1;
        order[step] = (uint32_t)i;
    }
}

static void fill_input(int8_t *input, size_t bytes) {
    size_t i;
    for (i = 0; i < bytes; i++) {
        input[i] = (int8_t)((i * 37 + 11) % 251);
    }
}

/* Runs the network with memory of its own for each tensor, which gives the expected contents. */
static void run_apart(const network *net, memory *apart) {
    int i;
    for (i = 0; i < net->tensor_count; i++) {
        apart->tensors[i] = calloc(1, tensor_bytes(&net->tensors[i]));
    }
    fill_input(apart->tensors[0], tensor_bytes(&net->tensors[0]));
    for (i = 0; i < net->layer_count; i++) {
        size_t scratch = scratch_bytes(net, &net->layers[i]);
        apart->scratch[i] = scratch == 0 ? NULL : malloc(scratch);
        run_layer(net, i, apart);
    }
}

static void free_apart(const network *net, memory *apart) {
    int i;
    for (i = 0; i < net->tensor_count; i++) {
        free(apart->tensors[i]);
    }
    for (i = 0; i < net->layer_count; i++) {
        free(apart->scratch[i]);
    }
}

/* The parts of a plan that a runtime keeps. */
typedef struct {
    plimsoll_placement placements[MOST_TENSORS + MOST_LAYERS];
    uint32_t order[MOST_LAYERS];
    size_t placement_count, order_count;
    uint64_t arena_bytes;
} program;

static void load(const plimsoll_plan *plan, program *p) {
    uint64_t alignment = 0;
    check(plimsoll_plan_placements(plan, p->placements, sizeof(plimsoll_placement), MOST_TENSORS + MOST_LAYERS, &p->placement_count), "placements");
    check(plimsoll_plan_order(plan, p->order, MOST_LAYERS, &p->order_count), "order");
    check(plimsoll_plan_arena_bytes(plan, &p->arena_bytes), "arena");
    check(plimsoll_plan_arena_alignment(plan, &alignment), "alignment");
    expect(alignment <= 16, "malloc aligns enough for this arena");
}

static int same(const network *net, const memory *a, const memory *b, int tensor_index) {
    return memcmp(a->tensors[tensor_index], b->tensors[tensor_index],
                  tensor_bytes(&net->tensors[tensor_index])) == 0;
}

/*
 * Runs a program in one arena with arbitrary initial contents. Returns the number of wrong results: of
 * each layer right after it has run, and of graph outputs at the end.
 */
static int run_in_arena(const network *net, const program *p, const memory *apart) {
    int8_t *arena = malloc(p->arena_bytes);
    memory m;
    int wrong = 0, i;
    size_t step;
    memset(&m, 0, sizeof m);
    memset(arena, 0xA5, p->arena_bytes);
    for (step = 0; step < p->placement_count; step++) {
        const plimsoll_placement *place = &p->placements[step];
        if (place->occupant == PLIMSOLL_OCCUPANT_TENSOR) {
            m.tensors[place->index] = arena + place->offset;
        } else {
            m.scratch[place->index] = arena + place->offset;
        }
    }
    fill_input(m.tensors[0], tensor_bytes(&net->tensors[0]));
    for (step = 0; step < p->order_count; step++) {
        run_layer(net, (int)p->order[step], &m);
        wrong += !same(net, &m, apart, net->layers[p->order[step]].output);
    }
    for (i = 0; i < net->tensor_count; i++) {
        wrong += net->tensors[i].is_output && !same(net, &m, apart, i);
    }
    free(arena);
    return wrong;
}

/* Returns whether the library accepts these offsets, given the live ranges of the program. */
static int verified(const program *p) {
    plimsoll_buffer buffers[MOST_TENSORS + MOST_LAYERS];
    uint64_t offsets[MOST_TENSORS + MOST_LAYERS];
    plimsoll_problem *problem = NULL;
    int32_t status;
    size_t i;
    for (i = 0; i < p->placement_count; i++) {
        const plimsoll_placement *place = &p->placements[i];
        plimsoll_buffer buffer = {0, 16, PLIMSOLL_NONE, 0, 0};
        buffer.size = place->bytes, buffer.start = place->start, buffer.end = place->end;
        buffers[i] = buffer;
        offsets[i] = place->offset;
    }
    check(plimsoll_problem_new(buffers, sizeof(plimsoll_buffer), p->placement_count, NULL, &problem), "problem");
    status = plimsoll_problem_verify(problem, offsets, p->placement_count, p->arena_bytes);
    plimsoll_problem_free(problem);
    expect(status == PLIMSOLL_OK || status == PLIMSOLL_ERROR_WRONG_PLAN, "the plan is accepted or refused");
    return status == PLIMSOLL_OK;
}

/*
 * Moves each tensor over each other tensor that is live at the same time. Every such plan must be
 * refused; counts how many of them change results.
 */
static void break_plan(const network *net, const program *correct, const memory *apart, int *tried, int *changed) {
    size_t a, b;
    for (a = 0; a < correct->placement_count; a++) {
        for (b = 0; b < correct->placement_count; b++) {
            const plimsoll_placement *keep = &correct->placements[a], *move = &correct->placements[b];
            program broken = *correct;
            if (a == b || keep->start >= move->end || move->start >= keep->end ||
                keep->offset + move->bytes > correct->arena_bytes) {
                continue;
            }
            broken.placements[b].offset = keep->offset;
            expect(!verified(&broken), "a wrong plan is refused");
            ++*tried;
            *changed += run_in_arena(net, &broken, apart) != 0;
        }
    }
}

/* Orders: program order, the planner's, a given one, and the planner's in two calls. */
enum order_choice { PROGRAM_ORDER, PLANNED_ORDER, GIVEN_ORDER, SCHEDULED_ORDER, ORDERS };

static plimsoll_plan *planned(const plimsoll_graph *graph, plimsoll_options *options, const uint32_t *given,
                              size_t count, enum order_choice choice) {
    plimsoll_plan *plan = NULL;
    plimsoll_schedule figures;
    uint32_t order[MOST_LAYERS];

    check(plimsoll_options_set_order(options, choice == PROGRAM_ORDER ? PLIMSOLL_ORDER_PROGRAM : PLIMSOLL_ORDER_OPTIMAL), "order");
    switch (choice) {
    case GIVEN_ORDER:
        check(plimsoll_graph_plan_in_order(graph, given, count, options, &plan), "plan in order");
        break;
    case SCHEDULED_ORDER:
        check(plimsoll_graph_schedule(graph, options, order, MOST_LAYERS, &count, &figures, sizeof(plimsoll_schedule)), "schedule");
        expect(figures.lower_bound_bytes == figures.peak_bytes, "no order has a lower peak");
        expect(figures.peak_bytes <= figures.program_peak_bytes, "no peak above that of program order");
        check(plimsoll_graph_plan_in_order(graph, order, count, options, &plan), "plan in order");
        break;
    default: check(plimsoll_graph_plan(graph, options, &plan), "plan"); break;
    }
    return plan;
}

/* Plans at each level of sharing, in program order and in the planner's; counts the aliases by kind. */
static void share(const network *net, const memory *apart, int *plans, int *shared) {
    plimsoll_options *options = NULL;
    plimsoll_graph *graph = describe(net, 1);
    int32_t level;
    int choice;
    check(plimsoll_options_new(&options), "options");
    for (choice = PROGRAM_ORDER; choice <= PLANNED_ORDER; choice++) {
        uint64_t before = UINT64_MAX;
        for (level = PLIMSOLL_SHARING_NONE; level <= PLIMSOLL_SHARING_ALL; level++) {
            plimsoll_alias aliases[MOST_LAYERS * MOST_INPUTS];
            plimsoll_plan *plan = NULL;
            program p;
            size_t count = 0, i;
            check(plimsoll_options_set_sharing(options, level), "sharing");
            plan = planned(graph, options, NULL, 0, (enum order_choice)choice);
            check(plimsoll_plan_verify(plan), "verify");
            check(plimsoll_plan_aliases(plan, aliases, sizeof(plimsoll_alias), MOST_LAYERS * MOST_INPUTS, &count), "aliases");
            for (i = 0; i < count; i++) {
                shared[aliases[i].kind]++;
            }
            load(plan, &p);
            plimsoll_plan_free(plan);
            expect(choice > PROGRAM_ORDER || p.arena_bytes <= before, "in one order, more sharing needs no more memory");
            expect(run_in_arena(net, &p, apart) == 0, "a plan with sharing");
            before = p.arena_bytes;
            ++*plans;
        }
    }
    plimsoll_options_free(options);
    plimsoll_graph_free(graph);
}

static void check_network(uint64_t seed, int *plans, int *tried, int *changed, int *shared) {
    network net;
    memory apart;
    program p;
    uint32_t order[MOST_LAYERS];
    plimsoll_options *options = NULL;
    plimsoll_graph *graph;
    plimsoll_plan *plan = NULL;
    char strategy[64];
    size_t size = 0, i;
    int changed_before = *changed;

    draw_network(&net, seed);
    memset(&apart, 0, sizeof apart);
    run_apart(&net, &apart);
    graph = describe(&net, 0);
    check(plimsoll_options_new(&options), "options");
    last_ready_first(&net, order);
    for (i = 0; plimsoll_strategy_name(i / ORDERS, strategy, sizeof strategy, &size) == PLIMSOLL_OK; i++) {
        check(plimsoll_options_set_strategy(options, strategy), strategy);
        plan = planned(graph, options, order, (size_t)net.layer_count, (enum order_choice)(i % ORDERS));
        load(plan, &p);
        plimsoll_plan_free(plan);
        plan = NULL;
        expect(verified(&p), "a correct plan is accepted");
        expect(run_in_arena(&net, &p, &apart) == 0, strategy);
        ++*plans;
    }
    share(&net, &apart, plans, shared);
    break_plan(&net, &p, &apart, tried, changed);
    expect(*changed > changed_before, "wrong plans change results");
    plimsoll_options_free(options);
    plimsoll_graph_free(graph);
    free_apart(&net, &apart);
}

/* Argument: the number of networks to draw, 20 by default. */
int main(int argc, char **argv) {
    const long networks = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    int plans = 0, tried = 0, changed = 0, shared[PLIMSOLL_ALIAS_OVERLAP + 1] = {0};
    uint64_t seed;
    for (seed = 1; seed <= (uint64_t)networks; seed++) {
        check_network(seed, &plans, &tried, &changed, shared);
    }
    printf("%ld networks, %d plans: bit-identical\n", networks, plans);
    printf("shared: %d views, %d slices, %d pieces, %d in place\n", shared[PLIMSOLL_ALIAS_VIEW],
           shared[PLIMSOLL_ALIAS_SLICE], shared[PLIMSOLL_ALIAS_CONCAT], shared[PLIMSOLL_ALIAS_IN_PLACE]);
    expect(shared[PLIMSOLL_ALIAS_VIEW] > 0 && shared[PLIMSOLL_ALIAS_SLICE] > 0 && shared[PLIMSOLL_ALIAS_CONCAT] > 0 &&
               shared[PLIMSOLL_ALIAS_IN_PLACE] > 0,
           "every kind of sharing occurs");
    printf("%d wrong plans: all refused, %d change results\n", tried, changed);
    return 0;
}
