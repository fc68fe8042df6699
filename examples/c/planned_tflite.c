/*
 * A model for TensorFlow Lite Micro with its plan in it: cc -Iinclude examples/c/planned_tflite.c -lplimsoll
 *
 * Reads a model, plans it and writes a planned copy, like `plimsoll plan model.tflite --out
 * planned.tflite`. An application loads the copy instead of the original.
 */
#include <string.h>
#include <unistd.h>

#include "check.h"

#define MODEL "examples/models/nas_cell_irregular_int8.tflite"

static unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    unsigned char *bytes;
    long end;
    expect(file != NULL && fseek(file, 0, SEEK_END) == 0, path);
    end = ftell(file);
    expect(end > 0 && fseek(file, 0, SEEK_SET) == 0, path);
    *size = (size_t)end;
    bytes = malloc(*size);
    expect(bytes != NULL && fread(bytes, 1, *size, file) == *size, path);
    fclose(file);
    return bytes;
}

/* Operators and tensors have their indices in the input file. */
static void inspect(const plimsoll_tflite_plan *planned) {
    plimsoll_plan *plan = NULL;
    uint64_t *offsets, arena = 0;
    uint32_t *order;
    size_t operators = 0, tensors = 0, again = 0, i, places = 0;
    check(plimsoll_tflite_plan_order(planned, 0, NULL, 0, &operators), "number of operators");
    check(plimsoll_tflite_plan_offsets(planned, 0, NULL, 0, &tensors), "number of tensors");
    order = malloc(operators * sizeof *order);
    offsets = malloc(tensors * sizeof *offsets);
    expect(order != NULL && offsets != NULL, "there is memory");
    check(plimsoll_tflite_plan_order(planned, 0, order, operators, &again), "order");
    check(plimsoll_tflite_plan_offsets(planned, 0, offsets, tensors, &again), "offsets");
    for (i = 0; i < tensors; i++) {
        places += offsets[i] != PLIMSOLL_NONE;
    }
    printf("%lu operators, the first to run is %lu; %lu of %lu tensors are in the arena\n", (unsigned long)operators,
           (unsigned long)order[0], (unsigned long)places, (unsigned long)tensors);
    expect(plimsoll_tflite_plan_order(planned, 1, NULL, 0, &again) == PLIMSOLL_ERROR_ARGUMENT, "there is one subgraph");
    free(order);
    free(offsets);

    /* The plan of the first subgraph can be exported like any other. */
    check(plimsoll_tflite_plan_main(planned, &plan), "plan");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    check(plimsoll_plan_verify(plan), "verify");
    expect(arena == 86016, "the arena is as small as that of the command");
    plimsoll_plan_free(plan);
}

/* Scratch of a target, as measured by tools/tflm_scratch.py. */
static void with_scratch(const unsigned char *model, size_t size, uint64_t head_without) {
    plimsoll_tflite_scratch *scratch = NULL;
    plimsoll_tflite_plan *planned = NULL;
    uint64_t head = 0;
    check(plimsoll_tflite_scratch_new(&scratch), "scratch");
    check(plimsoll_tflite_scratch_set(scratch, 0, 2, "DEPTHWISE_CONV_2D", 100000), "measured");
    check(plimsoll_tflite_plan_new(model, size, "nas_cell", NULL, scratch, &planned), "plan with scratch");
    check(plimsoll_tflite_plan_head_bytes(planned, &head, NULL), "head");
    expect(head > head_without && head >= 100000, "scratch counts");
    plimsoll_tflite_plan_free(planned);

    /* A table for another model is refused. */
    check(plimsoll_tflite_scratch_set(scratch, 0, 2, "SOFTMAX", 16), "measured elsewhere");
    planned = NULL;
    expect(plimsoll_tflite_plan_new(model, size, "nas_cell", NULL, scratch, &planned) == PLIMSOLL_ERROR_ARGUMENT && planned == NULL,
           "the operator is no SOFTMAX");
    plimsoll_tflite_scratch_free(scratch);
}

/* Regions of operators may run stripe by stripe, if that makes the head smaller; with more effort, it does here. */
static void tile(const unsigned char *model, size_t size, uint64_t head) {
    plimsoll_options *options = NULL;
    plimsoll_tflite_plan *tiled = NULL;
    uint64_t tiled_head = 0, cost = 0, extra = 0;

    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_effort(options, PLIMSOLL_EFFORT_QUICK), "effort");
    check(plimsoll_tflite_plan_tile(model, size, "nas_cell", options, NULL, 50000, 1, &tiled), "tile");
    plimsoll_options_free(options);
    check(plimsoll_tflite_plan_head_bytes(tiled, &tiled_head, NULL), "head");
    check(plimsoll_tflite_plan_tiling_cost(tiled, &cost, &extra), "cost");
    printf("tiled: a head of %lu bytes, %lu of %lu MACs extra\n", (unsigned long)tiled_head, (unsigned long)extra,
           (unsigned long)cost);
    expect(tiled_head <= head && extra * 20 <= cost, "no larger head, within the budget");
    plimsoll_tflite_plan_free(tiled);
}

int main(void) {
    plimsoll_options *options = NULL;
    plimsoll_tflite_plan *planned = NULL;
    uint64_t head = 0, own_head = 0, verified = 0;
    size_t size = 0, planned_size = 0, read_size = 0;
    unsigned char *model = read_file(MODEL, &size), *copy, *file;
    char path[64], note[256];
    const int32_t status = plimsoll_tflite_plan_new(model, size, "nas_cell", NULL, NULL, &planned);

    if (status == PLIMSOLL_ERROR_UNSUPPORTED) {
        printf("skipped: the library was built without TensorFlow Lite\n");
        free(model);
        return 0;
    }
    check(status, "plan");
    check(plimsoll_tflite_plan_head_bytes(planned, &head, &own_head), "head");
    printf("head of the arena: %lu bytes, %lu without this plan\n", (unsigned long)head, (unsigned long)own_head);
    expect(head == 86016 && own_head == 122880, "as docs/tflm.md counts");
    check(plimsoll_tflite_plan_notes(planned, note, sizeof note, &read_size), "notes");
    expect(note[0] == '\0', "there are no notes");
    inspect(planned);

    sprintf(path, "/tmp/plimsoll-planned-%ld.tflite", (long)getpid());
    check(plimsoll_tflite_plan_write(planned, path), "write");
    check(plimsoll_tflite_plan_model(planned, NULL, 0, &planned_size), "size of the model");
    copy = malloc(planned_size);
    expect(copy != NULL, "there is memory");
    check(plimsoll_tflite_plan_model(planned, copy, planned_size, &planned_size), "model");
    plimsoll_tflite_plan_free(planned);
    file = read_file(path, &read_size);
    expect(read_size == planned_size && memcmp(file, copy, read_size) == 0, "the file is the model");
    expect(remove(path) == 0, "the file can be removed");
    check(plimsoll_tflite_verify(file, read_size, NULL, &verified), "verify");
    expect(verified == head, "the same head");
    free(file);
    free(copy);
    with_scratch(model, size, head);
    tile(model, size, head);

    /* Invalid input is refused. */
    expect(plimsoll_tflite_verify(model, size, NULL, NULL) == PLIMSOLL_ERROR_IMPORT, "the model has no plan");
    planned = NULL;
    expect(plimsoll_tflite_plan_new(model, size / 2, "half", NULL, NULL, &planned) == PLIMSOLL_ERROR_IMPORT && planned == NULL,
           "half a model is invalid");
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_alignment(options, 64), "alignment");
    expect(plimsoll_tflite_plan_new(model, size, "aligned", options, NULL, &planned) == PLIMSOLL_ERROR_ARGUMENT,
           "the runtime aligns to 16");
    plimsoll_options_free(options);
    free(model);
    return 0;
}
