/* A small network of int8 operators, and random networks for tests. */
#ifndef TINY_NETWORK_H
#define TINY_NETWORK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MOST_TENSORS = 40, MOST_LAYERS = 32, MOST_INPUTS = 3, MOST_WEIGHTS = 8192 };

typedef enum {
    CONVOLUTION,
    DEPTHWISE,
    ADD,
    CONCAT, /* of channels, the innermost axis */
    STACK,  /* of rows, the outermost axis */
    CROP,   /* to the rows from `first_row` on */
    RESHAPE,
    MAX_POOL,
    AVERAGE_POOL,
    FULLY_CONNECTED
} layer_kind;

/* Rows, columns, channels; one byte for each element, channels innermost. */
typedef struct {
    int rows, columns, channels;
    int is_output;
} tensor;

/* A square window with "same" padding, where the kind has one. */
typedef struct {
    layer_kind kind;
    int inputs[MOST_INPUTS], input_count, output;
    int window, stride, shift, first_row;
    int weights, weight_count; /* in network.weights */
} layer;

/* Tensor 0 is the input. */
typedef struct {
    tensor tensors[MOST_TENSORS];
    layer layers[MOST_LAYERS];
    int8_t weights[MOST_WEIGHTS];
    int tensor_count, layer_count, weight_count;
    uint64_t state; /* of the random number generator */
} network;

static inline size_t tensor_bytes(const tensor *t) {
    return (size_t)t->rows * (size_t)t->columns * (size_t)t->channels;
}

/* Scratch: a convolution gathers a window, a fully connected layer accumulates sums. */
static inline size_t scratch_bytes(const network *net, const layer *l) {
    if (l->kind == CONVOLUTION) {
        return (size_t)(l->window * l->window * net->tensors[l->inputs[0]].channels);
    }
    return l->kind == FULLY_CONNECTED ? (size_t)net->tensors[l->output].channels * sizeof(int32_t) : 0;
}

/* xorshift64*: a random number below `limit`. */
static inline int draw(network *net, int limit) {
    net->state ^= net->state >> 12;
    net->state ^= net->state << 25;
    net->state ^= net->state >> 27;
    return (int)((net->state * UINT64_C(2685821657736338717) >> 33) % (uint64_t)limit);
}

static inline int add_tensor(network *net, int rows, int columns, int channels) {
    tensor t = {0, 0, 0, 0};
    t.rows = rows, t.columns = columns, t.channels = channels;
    net->tensors[net->tensor_count] = t;
    return net->tensor_count++;
}

/* Draws another tensor with the same rows and columns (and channels); the same one if none is found. */
static inline int draw_alike(network *net, int of, int channels_too) {
    const tensor *t = &net->tensors[of];
    int tries;
    for (tries = 0; tries < 20; tries++) {
        int other = draw(net, net->tensor_count);
        const tensor *o = &net->tensors[other];
        if (o->rows == t->rows && o->columns == t->columns && (!channels_too || o->channels == t->channels)) {
            return other;
        }
    }
    return of;
}

static inline void draw_weights(network *net, layer *l, int count) {
    int i;
    l->weights = net->weight_count;
    l->weight_count = count;
    for (i = 0; i < count; i++) {
        net->weights[net->weight_count++] = (int8_t)(draw(net, 256) - 128);
    }
}

/* Adds a layer that reads `from` and possibly other tensors; adds nothing if it would be too large. */
static inline void draw_layer(network *net, layer_kind kind, int from) {
    const tensor in = net->tensors[from];
    layer l = {CONVOLUTION, {0, 0, 0}, 1, 0, 1, 1, 0, 0, 0, 0};
    int rows = in.rows, columns = in.columns, channels = in.channels, weights = 0, i;
    l.kind = kind;
    l.inputs[0] = from;
    l.shift = 6;
    if (kind == CONVOLUTION || kind == DEPTHWISE || kind == MAX_POOL || kind == AVERAGE_POOL) {
        l.window = 1 + draw(net, 3);
        l.stride = in.rows > 3 ? 1 + draw(net, 5) / 4 : 1;
    }
    if (kind == CONVOLUTION) {
        channels = 1 + draw(net, 8);
        weights = channels * l.window * l.window * in.channels;
    } else if (kind == DEPTHWISE) {
        weights = channels * l.window * l.window;
    } else if (kind == ADD) {
        l.inputs[l.input_count++] = draw_alike(net, from, 1);
    } else if (kind == CONCAT) {
        l.input_count = 2 + draw(net, 2);
        for (i = 1; i < l.input_count; i++) {
            l.inputs[i] = draw_alike(net, from, 0);
            channels += net->tensors[l.inputs[i]].channels;
        }
    } else if (kind == STACK) {
        l.inputs[l.input_count++] = draw_alike(net, from, 1);
        rows *= 2;
    } else if (kind == CROP && in.rows > 1) {
        l.first_row = draw(net, in.rows);
        rows -= l.first_row;
    } else if (kind == RESHAPE) {
        rows = in.columns, columns = in.rows;
    } else if (kind == FULLY_CONNECTED) {
        channels = 10;
        weights = channels * (int)tensor_bytes(&in);
    }
    if (channels > 16 || rows > 24 || net->weight_count + weights > MOST_WEIGHTS) {
        return;
    }
    draw_weights(net, &l, weights);
    l.output = kind == FULLY_CONNECTED
                   ? add_tensor(net, 1, 1, channels)
                   : add_tensor(net, (rows - 1) / l.stride + 1, (columns - 1) / l.stride + 1, channels);
    net->layers[net->layer_count++] = l;
}

/*
 * Draws a random network. Recent tensors are read more often; some are read several times, some
 * never, and one is an output that is also read.
 */
static inline void draw_network(network *net, uint64_t seed) {
    int size, i;
    memset(net, 0, sizeof *net);
    net->state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    size = 5 + draw(net, 6);
    add_tensor(net, size, size, 1 + draw(net, 4));
    for (i = 0; i < 18; i++) {
        int from = net->tensor_count - 1;
        if (draw(net, 3) == 0) {
            from = draw(net, net->tensor_count);
        }
        draw_layer(net, (layer_kind)draw(net, FULLY_CONNECTED), from);
    }
    net->tensors[1 + draw(net, net->tensor_count - 1)].is_output = 1;
    while (net->layer_count == 0 || net->layers[net->layer_count - 1].kind != FULLY_CONNECTED) {
        draw_layer(net, FULLY_CONNECTED, net->tensor_count - 1);
        draw_layer(net, MAX_POOL, net->tensor_count - 1);
        draw_layer(net, FULLY_CONNECTED, net->tensor_count - 1);
    }
    net->tensors[net->tensor_count - 1].is_output = 1;
}

#endif
