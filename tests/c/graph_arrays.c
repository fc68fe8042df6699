/*
 * Adds a graph as arrays, reads it back, verifies plans from arrays and PLAN.json, and reads messages, statuses
 * and data of the caller.
 */
#include <string.h>

#include "../../examples/c/check.h"

enum { TENSORS = 5, OPERATORS = 2, OPERANDS = 6 };

/* image and weights -> conv -> features -> relu -> result, in place. */
static const plimsoll_tensor tensors[TENSORS] = {
    {3072, 0, PLIMSOLL_NONE, PLIMSOLL_TENSOR_INPUT, PLIMSOLL_TENSOR_IS_OVERWRITABLE},
    {432, 0, PLIMSOLL_NONE, PLIMSOLL_TENSOR_CONSTANT, 0},
    {16384, 64, PLIMSOLL_NONE, PLIMSOLL_TENSOR_INTERMEDIATE, 0},
    {16384, 0, PLIMSOLL_NONE, PLIMSOLL_TENSOR_INTERMEDIATE, PLIMSOLL_TENSOR_IS_OUTPUT},
    {16, 0, PLIMSOLL_NONE, PLIMSOLL_TENSOR_VARIABLE, 0},
};
static const char *const names[TENSORS] = {"image", "weights", "features", "result", "state"};
static const plimsoll_operator operators[OPERATORS] = {{1152, 2, 1, PLIMSOLL_OPERATOR_FOLDABLE, 0}, {0, 2, 1, 0, 0}};
static const char *const operator_names[OPERATORS] = {"conv", "relu"};
static const char *const types[OPERATORS] = {"Conv", "Relu"};
static const uint32_t operands[OPERANDS] = {0, 1, 2, 2, 4, 3};

static plimsoll_graph *network(void) {
    plimsoll_graph *graph = NULL;
    plimsoll_tensor wrong = tensors[0];
    plimsoll_operator folded = operators[0];
    const char *const missing[TENSORS] = {"image", NULL, "features", "result", "state"};
    uint32_t first = 77;
    uint64_t data = 1;
    check(plimsoll_graph_new("arrays", &graph), "new");
    wrong.flags = 64;
    expect(plimsoll_graph_add_tensors(graph, &wrong, sizeof wrong, names, 1, &first) == PLIMSOLL_ERROR_ARGUMENT, "unknown flags are refused");
    wrong.flags = 0;
    wrong.kind = 9;
    expect(plimsoll_graph_add_tensors(graph, &wrong, sizeof wrong, names, 1, &first) == PLIMSOLL_ERROR_ARGUMENT, "unknown kinds are refused");
    expect(plimsoll_graph_add_tensors(graph, tensors, sizeof(plimsoll_tensor), missing, TENSORS, &first) == PLIMSOLL_ERROR_NULL && first == 77, "names are needed");
    check(plimsoll_graph_add_tensors(graph, tensors, sizeof(plimsoll_tensor), names, TENSORS, &first), "tensors");
    expect(first == 0, "refused tensors were not added");
    folded.flags = PLIMSOLL_OPERATOR_FOLDED;
    expect(plimsoll_graph_add_operators(graph, &folded, sizeof folded, operator_names, NULL, 1, operands, 3, &first) == PLIMSOLL_ERROR_ARGUMENT, "no operator is added as folded");
    expect(plimsoll_graph_add_operators(graph, operators, sizeof(plimsoll_operator), operator_names, types, OPERATORS, operands, 5, &first) == PLIMSOLL_ERROR_ARGUMENT, "an operand is missing");
    check(plimsoll_graph_add_operators(graph, operators, sizeof(plimsoll_operator), operator_names, types, OPERATORS, operands, OPERANDS, &first), "operators");
    expect(first == 0, "refused operators were not added");
    check(plimsoll_graph_permit(graph, 1, PLIMSOLL_PERMIT_IN_PLACE, 2, 3, 0), "permit");
    check(plimsoll_graph_set_tensor_data(graph, 3, 33), "data");
    check(plimsoll_graph_set_operator_data(graph, 1, 11), "data");
    expect(plimsoll_graph_set_tensor_data(graph, TENSORS, 1) == PLIMSOLL_ERROR_ARGUMENT, "there is no such tensor");
    expect(plimsoll_graph_operator_data(graph, OPERATORS, &data) == PLIMSOLL_ERROR_ARGUMENT && data == 1, "there is no such operator");
    check(plimsoll_graph_build(graph), "build");
    return graph;
}

static void read_back(const plimsoll_graph *graph) {
    plimsoll_tensor read_tensors[TENSORS];
    plimsoll_operator read_operators[OPERATORS];
    plimsoll_permit permit;
    uint32_t read_operands[OPERANDS], before[1], rank = 0;
    uint64_t data = 0, dims[4];
    size_t count = 0;
    char text[16];
    check(plimsoll_graph_tensors(graph, NULL, sizeof(plimsoll_tensor), 0, &count), "number of tensors");
    expect(count == TENSORS, "all tensors are there");
    expect(plimsoll_graph_tensors(graph, read_tensors, sizeof(plimsoll_tensor), 2, &count) == PLIMSOLL_ERROR_TOO_SMALL, "the array is too small");
    check(plimsoll_graph_tensors(graph, read_tensors, sizeof(plimsoll_tensor), TENSORS, &count), "tensors");
    expect(memcmp(read_tensors, tensors, sizeof tensors) == 0, "the tensors are those that were added");
    check(plimsoll_graph_operators(graph, read_operators, sizeof(plimsoll_operator), OPERATORS, &count), "operators");
    expect(count == OPERATORS && memcmp(read_operators, operators, sizeof operators) == 0, "the operators are those that were added");
    check(plimsoll_graph_operands(graph, read_operands, OPERANDS, &count), "operands");
    expect(count == OPERANDS && memcmp(read_operands, operands, sizeof operands) == 0, "the operands are those that were added");
    check(plimsoll_graph_permits(graph, &permit, sizeof permit, 1, &count), "permissions");
    expect(count == 1 && permit.permit == PLIMSOLL_PERMIT_IN_PLACE && permit.operator_ == 1 && permit.input == 2 && permit.output == 3, "the permission of relu");
    check(plimsoll_graph_dependencies(graph, 1, before, 1, &count), "dependencies");
    expect(count == 0, "tensors connect all operators");
    check(plimsoll_graph_operator_type(graph, 1, text, sizeof text, &count), "type");
    expect(strcmp(text, "Relu") == 0, "the type of relu");
    check(plimsoll_graph_name(graph, text, sizeof text, &count), "name");
    expect(strcmp(text, "arrays") == 0, "the name of the graph");
    check(plimsoll_graph_tensor_element_type(graph, 0, text, sizeof text, &count), "element type");
    expect(text[0] == 0, "the element type is unknown");
    check(plimsoll_graph_tensor_shape(graph, 0, dims, 4, &rank), "shape");
    expect(rank == PLIMSOLL_NO_INDEX, "the shape is unknown");
    check(plimsoll_graph_tensor_data(graph, 3, &data), "data");
    expect(data == 33, "the data of a tensor");
    check(plimsoll_graph_tensor_data(graph, 4, &data), "data");
    expect(data == 0, "a tensor without data");
    check(plimsoll_graph_operator_data(graph, 1, &data), "data");
    expect(data == 11, "the data of an operator");
}

/* Stores the plan as arrays, and verifies them. */
static void verify_arrays(const plimsoll_graph *graph, const plimsoll_options *options, const plimsoll_plan *plan) {
    uint32_t order[OPERATORS], swapped[OPERATORS] = {1, 0};
    uint64_t offsets[TENSORS], scratch[OPERATORS], arena = 0, again = 0;
    plimsoll_alias aliases[4];
    plimsoll_plan *read = NULL;
    size_t count = 0, alias_count = 0;
    uint32_t index;
    check(plimsoll_plan_order(plan, order, OPERATORS, &count), "order");
    check(plimsoll_plan_offsets(plan, offsets, TENSORS, &count), "offsets");
    check(plimsoll_plan_aliases(plan, aliases, sizeof(plimsoll_alias), 4, &alias_count), "aliases");
    for (index = 0; index < OPERATORS; index++) {
        check(plimsoll_plan_scratch_offset(plan, index, &scratch[index]), "scratch");
    }
#define VERIFY(some_order, some_aliases, result)                                                                               \
    plimsoll_graph_verify(graph, options, some_order, OPERATORS, offsets, TENSORS, scratch, OPERATORS, aliases,                \
                          sizeof(plimsoll_alias), some_aliases, result)
    check(VERIFY(order, alias_count, NULL), "verify");
    check(VERIFY(order, alias_count, &read), "verify and keep");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    check(plimsoll_plan_arena_bytes(read, &again), "arena");
    expect(arena == again, "the arena is the same");
    check(plimsoll_plan_verify(read), "verify again");
    plimsoll_plan_free(read);
    read = NULL;
    expect(alias_count == 1, "relu is in place");
    expect(VERIFY(order, 0, &read) == PLIMSOLL_ERROR_WRONG_PLAN && read == NULL, "without the alias, the tensors overlap");
    expect(VERIFY(swapped, alias_count, &read) == PLIMSOLL_ERROR_WRONG_PLAN, "relu needs conv");
    aliases[0].tensor = TENSORS;
    expect(VERIFY(order, alias_count, &read) == PLIMSOLL_ERROR_ARGUMENT, "there is no such tensor");
    aliases[0].tensor = 3;
    offsets[1] = 0;
    expect(VERIFY(order, alias_count, &read) == PLIMSOLL_ERROR_WRONG_PLAN, "weights lie outside the arena");
    offsets[1] = PLIMSOLL_NONE;
    offsets[4] = PLIMSOLL_NONE;
    expect(VERIFY(order, alias_count, &read) == PLIMSOLL_ERROR_WRONG_PLAN, "the state needs an offset");
    offsets[4] = UINT64_MAX - 1;
    expect(VERIFY(order, alias_count, &read) == PLIMSOLL_ERROR_WRONG_PLAN, "the state is beyond all memory");
    expect(plimsoll_graph_verify(graph, NULL, order, OPERATORS, offsets, 2, NULL, 0, NULL, sizeof(plimsoll_alias), 0, NULL) == PLIMSOLL_ERROR_ARGUMENT, "offsets are missing");
#undef VERIFY
}

static void read_json(const plimsoll_graph *graph, const plimsoll_plan *plan) {
    plimsoll_plan *read = NULL;
    uint64_t arena = 0, again = 0, bound = 0;
    size_t size = 0;
    char *text, *digits, key[64];
    if (!plimsoll_has_feature("json")) {
        expect(plimsoll_graph_read_plan(graph, "{}", 2, &read) == PLIMSOLL_ERROR_UNSUPPORTED, "JSON is not supported");
        return;
    }
    check(plimsoll_graph_fingerprint(graph, key, sizeof key, &size), "fingerprint");
    check(plimsoll_plan_export(plan, PLIMSOLL_EXPORT_JSON, NULL, 0, &size), "size of JSON");
    text = malloc(size);
    expect(text != NULL, "there is memory");
    check(plimsoll_plan_export(plan, PLIMSOLL_EXPORT_JSON, text, size, &size), "JSON");
    expect(strstr(text, key) != NULL, "PLAN.json has the fingerprint");
    check(plimsoll_graph_read_plan(graph, text, size - 1, &read), "read");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    check(plimsoll_plan_arena_bytes(read, &again), "arena");
    check(plimsoll_plan_lower_bound_bytes(read, &bound), "bound");
    expect(arena == again && arena == bound, "arena and bound are the same");
    plimsoll_plan_free(read);
    read = NULL;
    expect(plimsoll_graph_read_plan(graph, text, size / 2, &read) == PLIMSOLL_ERROR_IMPORT && read == NULL, "half a plan is no plan");
    expect(plimsoll_graph_read_plan(graph, "\xff", 1, &read) == PLIMSOLL_ERROR_ARGUMENT, "not UTF-8");
    digits = strstr(text, "\"offset\":");
    expect(digits != NULL, "there is an offset");
    digits += strlen("\"offset\":");
    digits += *digits == ' ';
    *digits = '7';
    expect(plimsoll_graph_read_plan(graph, text, size - 1, &read) == PLIMSOLL_ERROR_WRONG_PLAN, "a wrong offset is found");
    free(text);
}

static void messages(void) {
    char part[12], whole[256];
    size_t size = 0, other = 0;
    expect(plimsoll_plan_verify(NULL) == PLIMSOLL_ERROR_NULL, "NULL is an error");
    check(plimsoll_last_error(whole, sizeof whole, &size), "message");
    expect(plimsoll_last_error(part, sizeof part, &other) == PLIMSOLL_ERROR_TOO_SMALL && other == size, "the size is that of the message");
    expect(strlen(part) == sizeof part - 1 && strncmp(part, whole, strlen(part)) == 0, "what fits is copied");
    part[0] = 'x';
    expect(plimsoll_last_error(part, 0, NULL) == PLIMSOLL_ERROR_TOO_SMALL && part[0] == 'x', "nothing fits");
    check(plimsoll_last_error(whole, sizeof whole, NULL), "message without a size");
    expect(strcmp(plimsoll_status_name(PLIMSOLL_ERROR_NULL), "PLIMSOLL_ERROR_NULL") == 0, "a status has a name");
    expect(strcmp(plimsoll_status_name(-1), "unknown status") == 0, "an unknown status");
    expect(strcmp(plimsoll_version(), PLIMSOLL_VERSION) == 0, "the versions are equal");
    expect(!plimsoll_has_feature("telepathy") && !plimsoll_has_feature(NULL), "unknown features");
}

int main(void) {
    plimsoll_graph *graph = network();
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    uint64_t arena = 0;
    read_back(graph);
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_sharing(options, PLIMSOLL_SHARING_ALL), "sharing");
    check(plimsoll_graph_plan(graph, options, &plan), "plan");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    printf("arena %lu bytes\n", (unsigned long)arena);
    verify_arrays(graph, options, plan);
    read_json(graph, plan);
    messages();
    plimsoll_plan_free(plan);
    plimsoll_options_free(options);
    plimsoll_graph_free(graph);
    return 0;
}
