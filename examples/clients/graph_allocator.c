/*
 * Allocates the tensors of a graph whose nodes point to their sources, as in ggml:
 * cc -Iinclude examples/clients/graph_allocator.c -lplimsoll
 *
 * The lifetime of a node's result begins when the node runs and ends with its last user. Nodes with data of their own,
 * such as weights, and views, which lie in the memory of their source, take no memory.
 */
#include <stdio.h>

#include "lifetime_allocator.h"

enum { SOURCES = 2 };

struct node {
    const char *name;
    uint64_t bytes;
    struct node *sources[SOURCES];
    /* The node in whose memory this one lies, or NULL. */
    struct node *view_of;
    void *data;
    /* Position among the lifetimes. */
    size_t lifetime;
};

static struct node *owner(struct node *node) {
    while (node->view_of != NULL) {
        node = node->view_of;
    }
    return node;
}

/* Writes the lifetimes of the nodes in the order of execution, and returns their number. The last node is the output. */
static size_t lifetimes_of(struct node *const *nodes, uint32_t count, struct lifetime *values) {
    size_t allocated = 0, i;
    uint32_t step;
    for (step = 0; step < count; step++) {
        struct node *node = nodes[step];
        if (node->view_of == NULL && node->data == NULL) {
            const struct lifetime value = {node->bytes, 64, step, step, 0};
            node->lifetime = allocated;
            values[allocated++] = value;
        }
        for (i = 0; i < SOURCES; i++) {
            struct node *source = node->sources[i] != NULL ? owner(node->sources[i]) : NULL;
            if (source != NULL && source->data == NULL) {
                values[source->lifetime].last = step;
            }
        }
    }
    return allocated;
}

int main(void) {
    static float weights[256];
    struct node input = {"input", 4096, {NULL, NULL}, NULL, NULL, 0};
    struct node weight = {"weight", 1024, {NULL, NULL}, NULL, weights, 0};
    struct node product = {"product", 16384, {&weight, &input}, NULL, NULL, 0};
    struct node reshaped = {"reshaped", 16384, {&product, NULL}, &product, NULL, 0};
    struct node activated = {"activated", 16384, {&reshaped, NULL}, NULL, NULL, 0};
    struct node sum = {"sum", 16384, {&activated, &reshaped}, NULL, NULL, 0};
    struct node result = {"result", 4096, {&sum, &input}, NULL, NULL, 0};
    struct node *const nodes[] = {&input, &weight, &product, &reshaped, &activated, &sum, &result};
    struct lifetime values[7];
    struct allocation allocation = {0, 0};
    const size_t count = lifetimes_of(nodes, 7, values);
    char message[256] = "";
    size_t i;
    if (allocate_lifetimes(values, count, PLIMSOLL_EFFORT_QUICK, &allocation) != PLIMSOLL_OK) {
        plimsoll_last_error(message, sizeof message, NULL);
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    for (i = 0; i < 7; i++) {
        if (nodes[i]->data == NULL) {
            printf("%-9s at %lu\n", nodes[i]->name, (unsigned long)values[owner(nodes[i])->lifetime].offset);
        }
    }
    printf("arena %lu bytes, at least %lu\n", (unsigned long)allocation.arena_bytes, (unsigned long)allocation.lower_bound);
    if (count != 5 || allocation.arena_bytes != 4096 + 3 * 16384) {
        fprintf(stderr, "three feature maps and the input are live at once\n");
        return 1;
    }
    /* A value that is used before it is defined. */
    values[0].first = 9;
    values[0].last = 3;
    return allocate_lifetimes(values, count, PLIMSOLL_EFFORT_QUICK, &allocation) == PLIMSOLL_ERROR_INVALID ? 0 : 1;
}
