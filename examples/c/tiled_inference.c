/*
 * A tiny inference runtime that runs operators on a part of their rows. It draws int8 networks of convolutions, pooling
 * and additions, tiles them, and runs each tiled plan in one arena. Every row that a tile computes must be
 * bit-identical to the row of a run in which every tensor has memory of its own. Tiles with another padding must change
 * results.
 * cc -Iinclude examples/c/tiled_inference.c -lplimsoll
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 12, MOST_TENSORS = MOST_LAYERS + 1, RANK = 4 };
enum kind { CONVOLUTION, POOLING, ADDITION };

/* A tensor [1, rows, columns, channels], with channels innermost. */
typedef struct {
    int rows, columns, channels;
} tensor;

/* A layer with square windows; tensor `index + 1` is its output. */
typedef struct {
    enum kind kind;
    int inputs[2], input_count;
    int kernel, stride, pad;
} layer;

typedef struct {
    tensor tensors[MOST_TENSORS];
    layer layers[MOST_LAYERS];
    int layer_count;
} network;

/* A layer's share of a run: rows of the output, and for each input its first row in memory and its number of rows. */
typedef struct {
    int8_t *output;
    int start, end;
    const int8_t *inputs[2];
    int row_count[2], before[2];
} rows_run;

static size_t row_bytes(const tensor *t) {
    return (size_t)t->columns * (size_t)t->channels;
}

static size_t tensor_bytes(const tensor *t) {
    return row_bytes(t) * (size_t)t->rows;
}

static int weight(int index, int at) {
    return (at * 31 + index * 17) % 7 - 3;
}

/*
 * Computes rows of a window layer. Row `start` of the output begins its window `before` rows before the first row in
 * memory; rows outside of those in memory are padding.
 */
static void run_windows(const network *net, int index, const rows_run *run) {
    const layer *l = &net->layers[index];
    const tensor *in = &net->tensors[l->inputs[0]], *out = &net->tensors[index + 1];
    int row, column, channel, y, x, c;
    for (row = run->start; row < run->end; row++) {
        for (column = 0; column < out->columns; column++) {
            for (channel = 0; channel < out->channels; channel++) {
                int sum = l->kind == POOLING ? -128 : 0;
                for (y = 0; y < l->kernel; y++) {
                    int from = (row - run->start) * l->stride + y - run->before[0];
                    if (from < 0 || from >= run->row_count[0]) {
                        continue;
                    }
                    for (x = 0; x < l->kernel; x++) {
                        int at = column * l->stride + x - l->pad;
                        const int8_t *pixel = run->inputs[0] + ((size_t)from * (size_t)in->columns + (size_t)at) * (size_t)in->channels;
                        if (at < 0 || at >= in->columns) {
                            continue;
                        }
                        if (l->kind == POOLING) {
                            sum = pixel[channel] > sum ? pixel[channel] : sum;
                            continue;
                        }
                        for (c = 0; c < in->channels; c++) {
                            sum += pixel[c] * weight(index, ((channel * l->kernel + y) * l->kernel + x) * in->channels + c);
                        }
                    }
                }
                run->output[((size_t)(row - run->start) * (size_t)out->columns + (size_t)column) * (size_t)out->channels + (size_t)channel] =
                    (int8_t)(l->kind == POOLING ? sum : (sum * 5 + index) % 127);
            }
        }
    }
}

static void run_rows(const network *net, int index, const rows_run *run) {
    size_t i, count = row_bytes(&net->tensors[index + 1]) * (size_t)(run->end - run->start);
    if (net->layers[index].kind != ADDITION) {
        run_windows(net, index, run);
        return;
    }
    for (i = 0; i < count; i++) {
        run->output[i] = (int8_t)((run->inputs[0][i] + run->inputs[1][i]) / 2);
    }
}

static uint64_t next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static int draw(uint64_t *state, int count) {
    return (int)(next(state) % (uint64_t)count);
}

static void draw_network(network *net, uint64_t seed) {
    uint64_t state = seed;
    int i, other;
    tensor first = {24, 20, 3};
    memset(net, 0, sizeof *net);
    net->tensors[0] = first;
    net->layer_count = 5 + draw(&state, MOST_LAYERS - 5);
    for (i = 0; i < net->layer_count; i++) {
        layer *l = &net->layers[i];
        const tensor *in = &net->tensors[i];
        tensor *out = &net->tensors[i + 1];
        l->inputs[0] = i;
        l->input_count = 1;
        *out = *in;
        for (other = i - 1; other >= 0; other--) {
            if (memcmp(&net->tensors[other], in, sizeof *in) == 0 && draw(&state, 2) == 0) {
                l->kind = ADDITION;
                l->inputs[1] = other;
                l->input_count = 2;
                break;
            }
        }
        if (l->kind == ADDITION) {
            continue;
        }
        l->kind = draw(&state, 4) == 0 ? POOLING : CONVOLUTION;
        l->kernel = 1 + draw(&state, 4);
        l->pad = draw(&state, l->kernel);
        l->stride = in->rows > 8 ? 1 + draw(&state, 2) : 1;
        if (in->rows + 2 * l->pad < l->kernel + 2) {
            l->kernel = 1, l->pad = 0;
        }
        out->rows = (in->rows + 2 * l->pad - l->kernel) / l->stride + 1;
        out->columns = (in->columns + 2 * l->pad - l->kernel) / l->stride + 1;
        /* The last layers have few channels, so that outputs do not decide the size of the arena. */
        out->channels = l->kind == POOLING ? in->channels : i + 2 < net->layer_count ? 4 + draw(&state, 20) : 3;
    }
}

/* States how rows of a layer's output read its inputs; the weights are read as a whole. */
static void state_access(plimsoll_graph *graph, const network *net, int index) {
    const layer *l = &net->layers[index];
    const int64_t output_axis = 1;
    int64_t inputs[2 * PLIMSOLL_ROW_NUMBERS] = {1, 1, 1, 0, 0, PLIMSOLL_OUTSIDE_PADDING, 1, 1, 1, 0, 0, PLIMSOLL_OUTSIDE_PADDING};
    uint64_t cost = 1;
    if (l->kind != ADDITION) {
        inputs[1] = l->stride;
        inputs[3] = -l->pad;
        inputs[4] = l->kernel - 1 - l->pad;
        inputs[PLIMSOLL_ROW_NUMBERS] = -1;
    }
    if (l->kind == CONVOLUTION) {
        cost = (uint64_t)(l->kernel * l->kernel * net->tensors[l->inputs[0]].channels);
    }
    check(plimsoll_graph_set_access(graph, (uint32_t)index, cost, 1, &output_axis, 1, inputs, l->kind == POOLING ? 1 : 2), "access");
}

/* Describes a network; tensors and layers keep their numbers, and the weights follow the tensors. */
static plimsoll_graph *describe(const network *net) {
    plimsoll_graph *graph = NULL;
    uint32_t index = 0;
    int i;
    check(plimsoll_graph_new("tiny", &graph), "graph");
    for (i = 0; i <= net->layer_count; i++) {
        const tensor *t = &net->tensors[i];
        uint64_t shape[RANK];
        char name[32];
        snprintf(name, sizeof name, "tensor %d", i);
        shape[0] = 1, shape[1] = (uint64_t)t->rows, shape[2] = (uint64_t)t->columns, shape[3] = (uint64_t)t->channels;
        check(plimsoll_graph_add_shaped_tensor(graph, name, i == 0 ? PLIMSOLL_TENSOR_INPUT : PLIMSOLL_TENSOR_INTERMEDIATE, "int8",
                                               shape, RANK, 1, PLIMSOLL_NONE, &index), name);
    }
    for (i = 0; i < net->layer_count; i++) {
        const layer *l = &net->layers[i];
        uint32_t inputs[2], output = (uint32_t)i + 1, weights = 0;
        size_t count = (size_t)l->input_count;
        inputs[0] = (uint32_t)l->inputs[0];
        inputs[1] = (uint32_t)l->inputs[1];
        if (l->kind == CONVOLUTION) {
            uint64_t bytes = (uint64_t)(l->kernel * l->kernel * net->tensors[l->inputs[0]].channels * net->tensors[i + 1].channels);
            check(plimsoll_graph_add_tensor(graph, "weights", PLIMSOLL_TENSOR_CONSTANT, bytes, 1, PLIMSOLL_NONE, &weights), "weights");
            inputs[count++] = weights;
        }
        check(plimsoll_graph_add_operator(graph, "layer", NULL, inputs, count, &output, 1, 0, &index), "layer");
        state_access(graph, net, i);
        if (l->kind == ADDITION) {
            check(plimsoll_graph_permit(graph, index, PLIMSOLL_PERMIT_IN_PLACE, inputs[0], output, 0), "in place");
        }
    }
    check(plimsoll_graph_mark_output(graph, (uint32_t)net->layer_count), "output");
    check(plimsoll_graph_build(graph), "build");
    return graph;
}

static void fill_input(int8_t *input, size_t bytes) {
    size_t i;
    for (i = 0; i < bytes; i++) {
        input[i] = (int8_t)((i * 37 + 11) % 251);
    }
}

/* Runs a network with memory of its own for each tensor, which gives the expected contents. */
static void run_apart(const network *net, int8_t **apart) {
    int i, j;
    for (i = 0; i <= net->layer_count; i++) {
        apart[i] = malloc(tensor_bytes(&net->tensors[i]));
    }
    fill_input(apart[0], tensor_bytes(&net->tensors[0]));
    for (i = 0; i < net->layer_count; i++) {
        const layer *l = &net->layers[i];
        rows_run run;
        memset(&run, 0, sizeof run);
        run.output = apart[i + 1];
        run.end = net->tensors[i + 1].rows;
        for (j = 0; j < l->input_count; j++) {
            run.inputs[j] = apart[l->inputs[j]];
            run.row_count[j] = net->tensors[l->inputs[j]].rows;
            run.before[j] = l->pad;
        }
        run_rows(net, i, &run);
    }
}

/* The parts of a tiled plan that a runtime keeps: operators of the tiled graph in order, and offsets. */
typedef struct {
    plimsoll_tiled_operator *operators;
    plimsoll_tile_read *reads;
    plimsoll_tiled_tensor *tensors;
    uint32_t *operands, *order;
    uint64_t *offsets, arena_bytes;
    size_t operator_count, read_count, tensor_count, operand_count, step_count;
} program;

static void *array(size_t count, size_t size) {
    return malloc(count == 0 ? size : count * size);
}

static void load(const plimsoll_tiled_plan *tiled, program *p) {
    plimsoll_plan *plan = NULL;
    check(plimsoll_tiled_plan_operators(tiled, NULL, sizeof *p->operators, 0, &p->operator_count), "operators");
    p->operators = array(p->operator_count, sizeof *p->operators);
    check(plimsoll_tiled_plan_operators(tiled, p->operators, sizeof *p->operators, p->operator_count, &p->operator_count), "operators");
    check(plimsoll_tiled_plan_reads(tiled, NULL, sizeof *p->reads, 0, &p->read_count), "reads");
    p->reads = array(p->read_count, sizeof *p->reads);
    check(plimsoll_tiled_plan_reads(tiled, p->reads, sizeof *p->reads, p->read_count, &p->read_count), "reads");
    check(plimsoll_tiled_plan_tensors(tiled, NULL, sizeof *p->tensors, 0, &p->tensor_count), "tensors");
    p->tensors = array(p->tensor_count, sizeof *p->tensors);
    check(plimsoll_tiled_plan_tensors(tiled, p->tensors, sizeof *p->tensors, p->tensor_count, &p->tensor_count), "tensors");
    check(plimsoll_tiled_plan_operands(tiled, NULL, 0, &p->operand_count), "operands");
    p->operands = array(p->operand_count, sizeof *p->operands);
    check(plimsoll_tiled_plan_operands(tiled, p->operands, p->operand_count, &p->operand_count), "operands");
    check(plimsoll_tiled_plan_plan(tiled, &plan), "plan");
    check(plimsoll_plan_order(plan, NULL, 0, &p->step_count), "order");
    p->order = array(p->step_count, sizeof *p->order);
    check(plimsoll_plan_order(plan, p->order, p->step_count, &p->step_count), "order");
    p->offsets = array(p->tensor_count, sizeof *p->offsets);
    check(plimsoll_plan_offsets(plan, p->offsets, p->tensor_count, &p->tensor_count), "offsets");
    check(plimsoll_plan_arena_bytes(plan, &p->arena_bytes), "arena");
    plimsoll_plan_free(plan);
}

static void unload(program *p) {
    free(p->operators);
    free(p->reads);
    free(p->tensors);
    free(p->operands);
    free(p->order);
    free(p->offsets);
}

/* The address of a row in a tensor of the tiled graph. */
static int8_t *row_at(const network *net, const program *p, int8_t *arena, uint32_t index, uint64_t row) {
    const plimsoll_tiled_tensor *t = &p->tensors[index];
    return arena + p->offsets[index] + (row - t->start) * row_bytes(&net->tensors[t->tensor]);
}

/* Runs an operator of the graph, as a whole or on rows. */
static void run_operator(const network *net, const program *p, const plimsoll_tiled_operator *op, int8_t *arena) {
    const layer *l = &net->layers[op->index];
    const uint32_t *inputs = p->operands + op->first_operand;
    int j;
    rows_run run;
    memset(&run, 0, sizeof run);
    run.start = (int)op->start;
    run.end = op->action == PLIMSOLL_TILED_WHOLE ? net->tensors[op->index + 1].rows : (int)op->end;
    run.output = row_at(net, p, arena, inputs[op->input_count], op->start);
    for (j = 0; j < l->input_count; j++) {
        if (op->action == PLIMSOLL_TILED_WHOLE) {
            run.inputs[j] = row_at(net, p, arena, inputs[j], 0);
            run.row_count[j] = net->tensors[l->inputs[j]].rows;
            run.before[j] = l->pad;
        } else {
            const plimsoll_tile_read *read = &p->reads[op->first_read + (uint32_t)j];
            run.row_count[j] = (int)(read->end - read->start);
            run.before[j] = (int)read->before;
            run.inputs[j] = read->tensor == PLIMSOLL_NO_INDEX ? arena : row_at(net, p, arena, read->tensor, read->start);
        }
    }
    run_rows(net, (int)op->index, &run);
}

/* Moves the rows of a carry to its output. */
static void carry(const network *net, const program *p, const plimsoll_tiled_operator *op, int8_t *arena) {
    const uint32_t *inputs = p->operands + op->first_operand;
    uint32_t i = 0;
    while (i + 1 < op->input_count && !(p->tensors[inputs[i]].start <= op->start && op->start < p->tensors[inputs[i]].end)) {
        i++;
    }
    memmove(row_at(net, p, arena, inputs[op->input_count], op->start), row_at(net, p, arena, inputs[i], op->start),
            (op->end - op->start) * row_bytes(&net->tensors[op->index]));
}

/* Runs a program in one arena with arbitrary initial contents; returns how many operators wrote wrong rows. */
static int run_in_arena(const network *net, const program *p, int8_t *const *apart) {
    int8_t *arena = malloc(p->arena_bytes);
    int wrong = 0;
    size_t step;
    memset(arena, 0xA5, p->arena_bytes);
    fill_input(arena + p->offsets[0], tensor_bytes(&net->tensors[0]));
    for (step = 0; step < p->step_count; step++) {
        const plimsoll_tiled_operator *op = &p->operators[p->order[step]];
        const uint32_t *outputs = p->operands + op->first_operand + op->input_count;
        uint32_t o;
        switch (op->action) {
        case PLIMSOLL_TILED_WHOLE:
        case PLIMSOLL_TILED_TILE: run_operator(net, p, op, arena); break;
        case PLIMSOLL_TILED_CARRY: carry(net, p, op, arena); break;
        default: break;
        }
        for (o = 0; o < op->output_count; o++) {
            const plimsoll_tiled_tensor *t = &p->tensors[outputs[o]];
            const tensor *of = &net->tensors[t->tensor];
            uint64_t end = t->end == PLIMSOLL_NONE ? (uint64_t)of->rows : t->end;
            wrong += memcmp(arena + p->offsets[outputs[o]], apart[t->tensor] + t->start * row_bytes(of), (end - t->start) * row_bytes(of)) != 0;
        }
    }
    free(arena);
    return wrong;
}

/* Counts the changes of one padding that change results. */
static int wrong_pads(const network *net, program *p, int8_t *const *apart) {
    int changed = 0;
    size_t i;
    for (i = 0; i < p->read_count; i += 7) {
        if (p->reads[i].tensor != PLIMSOLL_NO_INDEX && p->reads[i].end != PLIMSOLL_NONE) {
            p->reads[i].before++;
            changed += run_in_arena(net, p, apart) != 0;
            p->reads[i].before--;
        }
    }
    return changed;
}

static void check_regions(const plimsoll_tiled_plan *tiled, const plimsoll_tiling_figures *figures) {
    plimsoll_region regions[MOST_LAYERS];
    plimsoll_tile *tiles;
    size_t count = 0, tile_count = 0, i, rows = 0, running = 0;
    check(plimsoll_tiled_plan_regions(tiled, regions, sizeof *regions, MOST_LAYERS, &count), "regions");
    expect(count == figures->regions && count > 0, "the number of regions");
    check(plimsoll_tiled_plan_tiles(tiled, NULL, sizeof *tiles, 0, &tile_count), "tiles");
    expect(tile_count == regions[count - 1].first_tile + (uint64_t)regions[count - 1].stripes * regions[count - 1].operators, "a tile for each stripe and operator");
    tiles = array(tile_count, sizeof *tiles);
    expect(plimsoll_tiled_plan_tiles(tiled, tiles, sizeof *tiles, tile_count - 1, &tile_count) == PLIMSOLL_ERROR_TOO_SMALL, "one tile too few");
    check(plimsoll_tiled_plan_tiles(tiled, tiles, sizeof *tiles, tile_count, &tile_count), "tiles");
    for (i = 0; i < tile_count; i++) {
        expect(tiles[i].carried <= tiles[i].start && tiles[i].start <= tiles[i].end, "rows of a tile");
        running += tiles[i].start < tiles[i].end;
        rows += tiles[i].end - tiles[i].start;
    }
    expect(running > count && rows >= running, "tiles have rows");
    free(tiles);
}

/* Tiles a network at a budget and runs the tiled plan; returns whether tiling helps. */
static int check_tiling(const network *net, const plimsoll_graph *graph, const plimsoll_options *options, int8_t *const *apart,
                        uint64_t budget, uint64_t sums[2], int *changed) {
    plimsoll_plan *plan = NULL;
    plimsoll_tiled_plan *tiled = NULL, *fitted = NULL;
    plimsoll_tiling_figures figures;
    program p;
    check(plimsoll_graph_plan(graph, options, &plan), "plan");
    check(plimsoll_plan_tile(plan, options, PLIMSOLL_NONE, budget, &tiled), "tile");
    if (tiled == NULL) {
        plimsoll_plan_free(plan);
        return 0;
    }
    check(plimsoll_tiled_plan_verify(tiled), "verify");
    check(plimsoll_tiled_plan_figures(tiled, &figures, sizeof figures), "figures");
    expect(figures.arena_bytes < figures.untiled_arena_bytes, "a tiled plan is smaller");
    expect(figures.extra_cost <= figures.untiled_cost / 1000000 * budget + budget, "the budget");
    check_regions(tiled, &figures);
    load(tiled, &p);
    expect(p.arena_bytes == figures.arena_bytes && p.operator_count == figures.operators && p.tensor_count == figures.tensors, "sizes");
    expect(run_in_arena(net, &p, apart) == 0, "a tiled plan is bit-identical");
    *changed += wrong_pads(net, &p, apart);
    sums[0] += figures.untiled_arena_bytes;
    sums[1] += figures.arena_bytes;
    unload(&p);
    /* The arena that this budget reached is a capacity that tiling can fit. */
    check(plimsoll_plan_tile(plan, options, figures.arena_bytes, UINT64_MAX, &fitted), "tile");
    if (fitted != NULL) {
        load(fitted, &p);
        expect(run_in_arena(net, &p, apart) == 0, "a tiled plan for a capacity is bit-identical");
        unload(&p);
    }
    plimsoll_tiled_plan_free(fitted);
    plimsoll_tiled_plan_free(tiled);
    plimsoll_plan_free(plan);
    return 1;
}

/* Argument: the number of networks to draw, 20 by default. */
int main(int argc, char **argv) {
    const long networks = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    const uint64_t budgets[2] = {0, 300000};
    uint64_t seed, sums[2] = {0, 0};
    int tilings = 0, changed = 0, i;
    plimsoll_options *options = NULL;
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_alignment(options, 1), "alignment");
    check(plimsoll_options_set_sharing(options, PLIMSOLL_SHARING_ALL), "sharing");
    for (seed = 1; seed <= (uint64_t)networks; seed++) {
        network net;
        int8_t *apart[MOST_TENSORS];
        plimsoll_graph *graph;
        draw_network(&net, seed);
        run_apart(&net, apart);
        graph = describe(&net);
        for (i = 0; i < 2; i++) {
            tilings += check_tiling(&net, graph, options, apart, budgets[i], sums, &changed);
        }
        plimsoll_graph_free(graph);
        for (i = 0; i <= net.layer_count; i++) {
            free(apart[i]);
        }
    }
    plimsoll_options_free(options);
    printf("%ld networks, %d tiled plans: bit-identical, %llu bytes instead of %llu\n", networks, tilings,
           (unsigned long long)sums[1], (unsigned long long)sums[0]);
    printf("%d tiles with another padding change results\n", changed);
    expect(tilings > 0 && changed > 0, "some networks are tiled, and wrong tiles change results");
    return 0;
}
