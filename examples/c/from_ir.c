/*
 * From a compiler's intermediate representation to a plan, and to C code of the plan:
 * cc -Iinclude examples/c/from_ir.c -lplimsoll
 *
 * docs/guide.md explains it step by step.
 */
#include "check.h"

#include <string.h>

/* A compiler has data structures like these. */
enum ir_kind { IR_INPUT, IR_WEIGHTS, IR_STATE, IR_VALUE };

struct ir_value {
    const char *name;
    enum ir_kind kind;
    uint64_t bytes;
    int is_result;
};

struct ir_instruction {
    const char *name;
    const char *type;
    int reads[3]; /* indices of values, -1 for none */
    int writes;
    uint64_t scratch;
    int is_elementwise;
    int is_pure;
};

enum { IMAGE, FILTER, SCALE, SCALED, STATE, CONVOLVED, ACTIVATED, MIXED, SCORES, VALUES };

static const struct ir_value values[VALUES] = {
    {"image", IR_INPUT, 3072, 0},     {"filter", IR_WEIGHTS, 432, 0},    {"scale", IR_WEIGHTS, 4, 0},
    {"scaled", IR_VALUE, 432, 0},     {"state", IR_STATE, 16384, 0},     {"convolved", IR_VALUE, 16384, 0},
    {"activated", IR_VALUE, 16384, 0}, {"mixed", IR_VALUE, 16384, 0},    {"scores", IR_VALUE, 10, 1},
};

enum { INSTRUCTIONS = 6 };

static const struct ir_instruction program[INSTRUCTIONS] = {
    {"scale_filter", "mul", {FILTER, SCALE, -1}, SCALED, 0, 1, 1},
    {"conv", "conv", {IMAGE, SCALED, -1}, CONVOLVED, 1152, 0, 1},
    {"relu", "relu", {CONVOLVED, -1, -1}, ACTIVATED, 0, 1, 1},
    {"mix", "add", {ACTIVATED, STATE, -1}, MIXED, 0, 1, 1},
    {"keep", "store", {MIXED, -1, -1}, STATE, 0, 0, 0},
    {"dense", "dense", {MIXED, -1, -1}, SCORES, 64, 0, 1},
};

static plimsoll_graph *lower(uint32_t tensors[VALUES]) {
    static const int32_t kinds[4] = {PLIMSOLL_TENSOR_INPUT, PLIMSOLL_TENSOR_CONSTANT, PLIMSOLL_TENSOR_VARIABLE,
                                     PLIMSOLL_TENSOR_INTERMEDIATE};
    plimsoll_graph *graph = NULL;
    size_t i, count;
    int k;
    check(plimsoll_graph_new("network", &graph), "graph");
    for (i = 0; i < VALUES; i++) {
        const struct ir_value *value = &values[i];
        check(plimsoll_graph_add_tensor(graph, value->name, kinds[value->kind], value->bytes, 0, PLIMSOLL_NONE, &tensors[i]), value->name);
        if (value->is_result) {
            check(plimsoll_graph_mark_output(graph, tensors[i]), value->name);
        }
    }
    for (i = 0; i < INSTRUCTIONS; i++) {
        const struct ir_instruction *instruction = &program[i];
        uint32_t reads[3], writes = tensors[instruction->writes], index = 0;
        for (count = 0; count < 3 && instruction->reads[count] >= 0; count++) {
            reads[count] = tensors[instruction->reads[count]];
        }
        check(plimsoll_graph_add_operator(graph, instruction->name, instruction->type, reads, count, &writes, 1, instruction->scratch, &index), instruction->name);
        if (instruction->is_pure) {
            check(plimsoll_graph_mark_foldable(graph, index), instruction->name);
        }
        for (k = 0; k < (int)count && instruction->is_elementwise; k++) {
            const struct ir_value *input = &values[instruction->reads[k]];
            if (input->bytes == values[instruction->writes].bytes && input->kind == IR_VALUE) {
                check(plimsoll_graph_permit(graph, index, PLIMSOLL_PERMIT_IN_PLACE, reads[k], writes, 0), instruction->name);
            }
        }
    }
    check(plimsoll_graph_build(graph), "build");
    check(plimsoll_graph_fold_constants(graph, &count), "fold");
    expect(count == 1, "the filter is scaled at compile time");
    return graph;
}

static plimsoll_plan *planned(const plimsoll_graph *graph, uint64_t capacity) {
    plimsoll_options *options = NULL;
    plimsoll_plan *plan = NULL;
    int32_t status = -1;
    check(plimsoll_options_new(&options), "options");
    check(plimsoll_options_set_alignment(options, 64), "alignment");
    check(plimsoll_options_set_capacity(options, capacity), "capacity");
    check(plimsoll_options_set_sharing(options, PLIMSOLL_SHARING_ALL), "sharing");
    check(plimsoll_options_set_node_limit(options, 1000000), "limit");
    check(plimsoll_graph_plan(graph, options, &plan), "plan");
    check(plimsoll_plan_status(plan, &status), "status");
    if (status == PLIMSOLL_STATUS_INFEASIBLE || status == PLIMSOLL_STATUS_UNKNOWN) {
        plimsoll_infeasible_core *core = NULL;
        uint64_t needed = 0, available = 0;
        check(plimsoll_plan_explain(plan, options, &core), "explain");
        if (core != NULL) {
            check(plimsoll_infeasible_core_bytes(core, &needed, &available), "core");
            printf("does not fit: %lu bytes are needed at once, the capacity is %lu\n", (unsigned long)needed, (unsigned long)available);
        }
        plimsoll_infeasible_core_free(core);
        plimsoll_plan_free(plan);
        plan = NULL;
    }
    plimsoll_options_free(options);
    return plan;
}

static char *code(const plimsoll_plan *plan, int32_t part) {
    size_t size = 0;
    char *text;
    check(plimsoll_plan_export_code(plan, part, "net", "net.h", NULL, 0, &size), "size of the code");
    text = malloc(size);
    expect(text != NULL, "there is memory");
    check(plimsoll_plan_export_code(plan, part, "net", "net.h", text, size, &size), "code");
    return text;
}

int main(void) {
    uint32_t tensors[VALUES], order[INSTRUCTIONS];
    plimsoll_graph *graph = lower(tensors);
    plimsoll_plan *plan = planned(graph, 16384);
    plimsoll_alias aliases[8];
    uint64_t offset = 0, arena = 0;
    size_t count = 0, i;
    char *header, *source;

    expect(plan == NULL, "the state alone is 16 KiB");
    plan = planned(graph, 65536);
    expect(plan != NULL, "64 KiB are enough");

    check(plimsoll_plan_order(plan, order, INSTRUCTIONS, &count), "order");
    for (i = 0; i < count; i++) {
        const struct ir_instruction *instruction = &program[order[i]];
        check(plimsoll_plan_offset(plan, tensors[instruction->writes], &offset), instruction->name);
        printf("%s writes %s at %lu\n", instruction->name, values[instruction->writes].name, (unsigned long)offset);
    }
    check(plimsoll_plan_aliases(plan, aliases, sizeof(plimsoll_alias), 8, &count), "aliases");
    for (i = 0; i < count; i++) {
        printf("%s is written over %s\n", values[aliases[i].tensor].name, values[aliases[i].of].name);
    }
    expect(count == 2, "relu and mix work in place");
    check(plimsoll_plan_arena_bytes(plan, &arena), "arena");
    printf("arena %lu bytes\n", (unsigned long)arena);
    expect(arena == 16384 + 16384 + 3072 + 1152, "state, result, image and scratch");

    header = code(plan, PLIMSOLL_C_HEADER);
    source = code(plan, PLIMSOLL_C_SOURCE);
    expect(strstr(header, "#define NET_OFFSET_SCORES ") != NULL, "a constant for each tensor");
    expect(strstr(source, "unsigned char net_arena[") != NULL, "the source defines the arena");
    free(header);
    free(source);
    plimsoll_plan_free(plan);
    plimsoll_graph_free(graph);
    return 0;
}
