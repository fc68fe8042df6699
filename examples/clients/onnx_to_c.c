/*
 * A recipe for compilers that translate ONNX to C with an array for each tensor: a header that puts the arrays into one
 * planned arena. The compiler stays as it is:
 *
 *     cc -Iinclude examples/clients/onnx_to_c.c -lplimsoll -o onnx_to_c
 *     ./onnx_to_c model.onnx tensor_ > plan.h
 *     compiler model.onnx | sed '/^static .* tensor_[A-Za-z0-9_]*\[.*\];$/d' > model.c    # without its arrays
 *     cc -include plan.h -c model.c
 *
 * Each tensor that a node computes becomes a macro for an array of its type and shape. The order is that of the
 * file, in which such compilers emit nodes. Constants, inputs and outputs of the model stay with the compiler.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../c/check.h"

enum { MAX_RANK = 16, MAX_NAME = 200 };

static const char *c_type(const char *element_type) {
    static const char *const types[][2] = {{"float32", "float"},   {"float64", "double"},  {"int8", "int8_t"},     {"uint8", "uint8_t"},
                                           {"int16", "int16_t"},   {"uint16", "uint16_t"}, {"int32", "int32_t"},   {"uint32", "uint32_t"},
                                           {"int64", "int64_t"},   {"uint64", "uint64_t"}, {"bool", "uint8_t"}};
    size_t i;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(element_type, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return NULL;
}

/* Copies the name of a tensor as a part of an identifier; the number of the tensor if the name is too long. */
static void identifier(const plimsoll_graph *graph, uint32_t tensor, char *name) {
    size_t size = 0;
    char *letter;
    if (plimsoll_graph_tensor_name(graph, tensor, name, MAX_NAME, &size) != PLIMSOLL_OK) {
        sprintf(name, "number_%lu", (unsigned long)tensor);
    }
    for (letter = name; *letter != 0; letter++) {
        if (!isalnum((unsigned char)*letter)) {
            *letter = '_';
        }
    }
}

static void print_tensor(const plimsoll_graph *graph, uint32_t tensor, const char *prefix, uint64_t offset) {
    char name[MAX_NAME], element_type[32];
    uint64_t dims[MAX_RANK];
    uint32_t rank = 0, axis;
    size_t size = 0;
    check(plimsoll_graph_tensor_element_type(graph, tensor, element_type, sizeof element_type, &size), "element type");
    check(plimsoll_graph_tensor_shape(graph, tensor, dims, MAX_RANK, &rank), "shape");
    identifier(graph, tensor, name);
    if (c_type(element_type) == NULL || rank == PLIMSOLL_NO_INDEX) {
        fprintf(stderr, "%s: the type `%s` has no array in C\n", name, element_type);
        exit(1);
    }
    printf("#define %s%s (*(%s (*)", prefix, name, c_type(element_type));
    for (axis = 0; axis < rank; axis++) {
        printf("[%lu]", (unsigned long)dims[axis]);
    }
    printf("%s)(%sarena + %lu))\n", rank == 0 ? "[1]" : "", prefix, (unsigned long)offset);
}

static void print_header(const plimsoll_graph *graph, const plimsoll_plan *plan, const char *prefix) {
    uint64_t bytes = 0, alignment = 0, *offsets;
    plimsoll_tensor *tensors;
    size_t count = 0, i;
    check(plimsoll_plan_arena_bytes(plan, &bytes), "arena");
    check(plimsoll_plan_arena_alignment(plan, &alignment), "alignment");
    check(plimsoll_graph_tensor_count(graph, &count), "number of tensors");
    offsets = malloc((count + 1) * sizeof *offsets);
    tensors = malloc((count + 1) * sizeof *tensors);
    expect(offsets != NULL && tensors != NULL, "there is memory");
    check(plimsoll_plan_offsets(plan, offsets, count, &count), "offsets");
    check(plimsoll_graph_tensors(graph, tensors, sizeof *tensors, count, &count), "tensors");
    printf("#include <stdint.h>\n\n");
    printf("__attribute__((aligned(%lu))) static unsigned char %sarena[%lu];\n", (unsigned long)alignment, prefix,
           (unsigned long)bytes + (bytes == 0));
    for (i = 0; i < count; i++) {
        const int is_computed = tensors[i].kind == PLIMSOLL_TENSOR_INTERMEDIATE && (tensors[i].flags & PLIMSOLL_TENSOR_IS_OUTPUT) == 0;
        if (is_computed && offsets[i] != PLIMSOLL_NONE) {
            print_tensor(graph, (uint32_t)i, prefix, offsets[i]);
        }
    }
    free(tensors);
    free(offsets);
}

int main(int argc, char **argv) {
    plimsoll_graph *graph = NULL;
    plimsoll_problem *problem = NULL;
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: onnx_to_c MODEL.onnx PREFIX > HEADER\n");
        return 2;
    }
    expect(plimsoll_has_feature("onnx"), "the library reads ONNX");
    check(plimsoll_import_file(argv[1], NULL, &graph, &problem), argv[1]);
    expect(graph != NULL, "the file has a graph");
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_order(options, PLIMSOLL_ORDER_PROGRAM), "order");
    check(plimsoll_graph_plan(graph, options, &plan), "plan");
    print_header(graph, plan, argv[2]);
    plimsoll_plan_free(plan);
    plimsoll_options_free(options);
    plimsoll_graph_free(graph);
    return 0;
}
