"""Small models of cases that the zoo lacks: bodies of IF and WHILE, and kernels that request scratch."""

import random

import flatbuffers
import numpy as np

from tflm import schema

TYPES = {
    np.dtype("float32"): schema.TensorType.FLOAT32, np.dtype("int8"): schema.TensorType.INT8,
    np.dtype("int16"): schema.TensorType.INT16, np.dtype("int32"): schema.TensorType.INT32,
    np.dtype("int64"): schema.TensorType.INT64, np.dtype("bool"): schema.TensorType.BOOL,
}


class Graph:
    """A subgraph under construction; tensors are numbers, and operators run in the order of their calls."""

    def __init__(self, model, name):
        self.model, self.made = model, schema.SubGraphT()
        self.made.name, self.made.tensors, self.made.operators = name, [], []
        model.made.subgraphs.append(self.made)

    def tensor(self, shape, kind="float32", data=None, channels=None, packed=False):
        made = schema.TensorT()
        made.name, made.shape = f"t{len(self.made.tensors)}", list(shape)
        if kind == "resource":
            made.type = schema.TensorType.RESOURCE
        else:
            made.type = schema.TensorType.INT4 if packed else TYPES[np.dtype(kind)]
        if kind in ("int8", "int16") or channels:
            count = channels[1] if channels else 1
            made.quantization = schema.QuantizationParametersT()
            # A bias has the scale of the product.
            scale = 0.25 if kind == "int32" else 0.5
            made.quantization.scale, made.quantization.zeroPoint = [scale] * count, [0] * count
            made.quantization.quantizedDimension = channels[0] if channels else 0
        if data is not None:
            buffer = schema.BufferT()
            raw = np.asarray(data, kind)
            buffer.data = list((raw.reshape(-1)[: (raw.size + 1) // 2] if packed else raw).tobytes())
            self.model.made.buffers.append(buffer)
            made.buffer = len(self.model.made.buffers) - 1
        self.made.tensors.append(made)
        return len(self.made.tensors) - 1

    def constant(self, data, kind="float32", **more):
        data = np.asarray(data, kind)
        return self.tensor(data.shape, kind, data, **more)

    def add(self, name, inputs, outputs, options=None, **fields):
        operator = schema.OperatorT()
        operator.opcodeIndex = self.model.code(name)
        operator.inputs, operator.outputs = inputs, outputs
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, options + "T")()
            operator.builtinOptions.__dict__.update(fields)
        self.made.operators.append(operator)
        return outputs[0] if outputs else None

    def ends(self, inputs, outputs):
        self.made.inputs, self.made.outputs = inputs, outputs


class Model:
    def __init__(self):
        self.made = schema.ModelT()
        self.made.version, self.made.operatorCodes, self.made.subgraphs = 3, [], []
        self.made.buffers = [schema.BufferT()]

    def code(self, name):
        number = getattr(schema.BuiltinOperator, name)
        codes = self.made.operatorCodes
        known = [place for place, code in enumerate(codes) if code.builtinCode == number]
        if known:
            return known[0]
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        codes.append(code)
        return len(codes) - 1

    def bytes(self):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.made.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def widen(graph, value, rows):
    """Operators that need memory and scratch: they expand to `rows` rows and return their mean."""
    table = graph.constant(np.linspace(-1, 1, rows * 64).reshape(rows, 64))
    wide = graph.add("ADD", [value, table], [graph.tensor([rows, 64])], "AddOptions")
    again = graph.add("MUL", [wide, value], [graph.tensor([rows, 64])], "MulOptions")
    axis = graph.constant([0], "int32")
    return graph.add("MEAN", [again, axis], [graph.tensor([1, 64])], "ReducerOptions", keepDims=True)


def branch(calls):
    """`calls` IF operators with the same two bodies, between other operators."""
    model = Model()
    main, one, other = (Graph(model, name) for name in ["main", "then", "else"])
    truth, value = main.tensor([1], "bool"), main.tensor([1, 64])
    inputs = [truth, value]
    for _ in range(calls):
        value = widen(main, value, 6)
        value = main.add("IF", [truth, value], [main.tensor([1, 64])], "IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    main.ends(inputs, [widen(main, value, 5)])
    for body, rows in [(one, 4), (other, 3)]:
        value = body.tensor([1, 64])
        body.ends([value], [widen(body, widen(body, value, rows), rows)])
    return model.bytes()


def loop():
    """A WHILE of three iterations with an IF in its body."""
    model = Model()
    main, condition, body, one, other = (Graph(model, name) for name in ["main", "condition", "body", "then", "else"])
    value = main.tensor([1, 64])
    start = main.add("ADD", [main.constant([0], "int32")] * 2, [main.tensor([1], "int32")], "AddOptions")
    wide = widen(main, value, 7)
    turns, result = main.tensor([1], "int32"), main.tensor([1, 64])
    main.add("WHILE", [start, wide], [turns, result], "WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2)
    main.ends([value], [main.add("ADD", [widen(main, result, 3), value], [main.tensor([1, 64])], "AddOptions")])
    turn, value = condition.tensor([1], "int32"), condition.tensor([1, 64])
    condition.ends([turn, value], [condition.add("LESS", [turn, condition.constant([3], "int32")], [condition.tensor([1], "bool")])])
    turn, value = body.tensor([1], "int32"), body.tensor([1, 64])
    following = body.add("ADD", [turn, body.constant([1], "int32")], [body.tensor([1], "int32")], "AddOptions")
    small = body.add("LESS", [turn, body.constant([2], "int32")], [body.tensor([1], "bool")])
    chosen = body.add("IF", [small, value], [body.tensor([1, 64])], "IfOptions", thenSubgraphIndex=3, elseSubgraphIndex=4)
    body.ends([turn, value], [following, widen(body, chosen, 4)])
    for inner, rows in [(one, 2), (other, 3)]:
        value = inner.tensor([1, 64])
        inner.ends([value], [widen(inner, value, rows)])
    return model.bytes()


class Drawn:
    """A model with IF and WHILE at random, each with bodies of its own, up to three within each other."""

    def __init__(self, seed):
        self.random, self.model = random.Random(seed), Model()
        main = Graph(self.model, "main")
        truth, value = main.tensor([1], "bool"), main.tensor([1, 64])
        main.ends([truth, value], [self.chain(main, truth, value, 3)])

    def chain(self, graph, truth, value, depth):
        for _ in range(self.random.randint(1, 3)):
            value = widen(graph, value, self.random.randint(2, 9))
            if depth > 0 and self.random.random() < 0.6:
                value = self.random.choice([self.conditional, self.loop])(graph, truth, value, depth - 1)
        return value

    def body(self, name):
        body = Graph(self.model, name)
        return len(self.model.made.subgraphs) - 1, body

    def conditional(self, graph, truth, value, depth):
        branches = []
        for name in ["then", "else"]:
            index, body = self.body(name)
            inner_truth, inner = body.tensor([1], "bool"), body.tensor([1, 64])
            body.ends([inner_truth, inner], [self.chain(body, inner_truth, inner, depth)])
            branches.append(index)
        fields = dict(zip(["thenSubgraphIndex", "elseSubgraphIndex"], branches))
        return graph.add("IF", [truth, truth, value], [graph.tensor([1, 64])], "IfOptions", **fields)

    def loop(self, graph, truth, value, depth):
        start = graph.add("ADD", [graph.constant([0], "int32")] * 2, [graph.tensor([1], "int32")], "AddOptions")
        indices = []
        for name in ["condition", "turn"]:
            index, body = self.body(name)
            turn, inner_truth, inner = body.tensor([1], "int32"), body.tensor([1], "bool"), body.tensor([1, 64])
            inputs = [turn, inner_truth, inner]
            if name == "condition":
                turns = body.constant([self.random.randint(1, 3)], "int32")
                body.ends(inputs, [body.add("LESS", [turn, turns], [body.tensor([1], "bool")])])
            else:
                following = body.add("ADD", [turn, body.constant([1], "int32")], [body.tensor([1], "int32")], "AddOptions")
                small = body.add("LESS", [following, body.constant([2], "int32")], [body.tensor([1], "bool")])
                body.ends(inputs, [following, small, self.chain(body, inner_truth, inner, depth)])
            indices.append(index)
        outputs = [graph.tensor([1], "int32"), graph.tensor([1], "bool"), graph.tensor([1, 64])]
        fields = dict(zip(["condSubgraphIndex", "bodySubgraphIndex"], indices))
        graph.add("WHILE", [start, truth, value], outputs, "WhileOptions", **fields)
        return outputs[2]


def cache():
    """Replaces a row of a cache and adds up the rows."""
    model = Model()
    main = Graph(model, "main")
    old, row = main.tensor([1, 64]), main.tensor([1, 64])
    table = main.constant(np.linspace(-1, 1, 8 * 64).reshape(8, 64))
    held = main.add("ADD", [old, table], [main.tensor([8, 64])], "AddOptions")
    at = main.constant([5, 0], "int32")
    new = main.add("DYNAMIC_UPDATE_SLICE", [held, row, at], [main.tensor([8, 64])], "DynamicUpdateSliceOptions")
    axis = main.constant([0], "int32")
    main.ends([old, row], [main.add("SUM", [new, axis], [main.tensor([1, 64])], "ReducerOptions", keepDims=True)])
    return model.bytes()


def alone(name, inputs, output, options=None, **fields):
    """A model of one operator; inputs are (shape, type) or (shape, type, data)."""
    model = Model()
    main = Graph(model, "main")
    tensors = [main.tensor(*one[:2]) if len(one) == 2 else main.tensor(*one[:3], **(one[3] if one[3:] else {})) for one in inputs]
    main.ends([tensors[place] for place, one in enumerate(inputs) if len(one) == 2], [main.tensor(*output)])
    main.add(name, tensors, main.made.outputs, options, **fields)
    return model.bytes()


def generated():
    """The models as (name, bytes)."""
    yield "made_if", branch(1)
    yield "made_if_twice", branch(2)
    yield "made_while", loop()
    for seed in [0, 1, 2, 3, 4, 6, 7, 14]:
        yield f"made_bodies_{seed}", Drawn(seed).model.bytes()
    yield "made_cache", cache()
    image, small = ([1, 3, 3, 8], [1, 9])
    convolved = {"padding": schema.Padding.SAME, "strideW": 2, "strideH": 2}
    shape = [1, 6, 6, 3]
    weights = np.ones([3, 2, 2, 8])
    for kind in ["float32", "int8", "int16"]:
        held = "int8" if kind == "int16" else kind
        inputs = [([4], "int32", shape), ([3, 2, 2, 8], held, weights, {"channels": (0, 3)}), (image, kind)]
        yield f"made_transpose_conv_{kind}", alone("TRANSPOSE_CONV", inputs, (shape, kind), "TransposeConvOptions", **convolved)
    for name in ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]:
        for kind in ["float32", "int8"]:
            inputs = [([1, 5, 5, 9], kind), ([2], "int32", [1, 2])]
            yield f"made_{name.lower()}_{kind}", alone(name, inputs, (small, kind), "ReducerOptions", keepDims=False)
    yield "made_reduce_all", alone("REDUCE_ALL", [([2, 8], "bool"), ([1], "int32", [1])], ([2], "bool"), "ReducerOptions", keepDims=False)
    for kind in ["float32", "int8"]:
        yield f"made_add_n_{kind}", alone("ADD_N", [([7, 5], kind)] * 3, ([7, 5], kind), "AddNOptions")
        pads = ([2, 2], "int32", [[1, 1], [2, 2]])
        yield f"made_mirror_pad_{kind}", alone("MIRROR_PAD", [([5, 6], kind), pads], ([7, 10], kind), "MirrorPadOptions", mode=0)
    packed = {"channels": (0, 4), "packed": True}
    conv = [([1, 5, 5, 9], "int8"), ([4, 1, 1, 9], "int8", np.ones([4, 1, 1, 9]), packed), ([4], "int32", [0] * 4, {"channels": (0, 4)})]
    yield "made_conv_int4", alone("CONV_2D", conv, ([1, 5, 5, 4], "int8"), "Conv2DOptions", padding=1, strideW=1, strideH=1, dilationWFactor=1, dilationHFactor=1)
    deep = [([1, 5, 5, 4], "int8"), ([1, 2, 2, 4], "int8", np.ones([1, 2, 2, 4]), {"channels": (3, 4), "packed": True}), ([4], "int32", [0] * 4, {"channels": (0, 4)})]
    yield "made_depthwise_int4", alone("DEPTHWISE_CONV_2D", deep, ([1, 4, 4, 4], "int8"), "DepthwiseConv2DOptions", padding=1, strideW=1, strideH=1, depthMultiplier=1, dilationWFactor=1, dilationHFactor=1)
    dense = [([1, 30], "int8"), ([10, 30], "int8", np.ones([10, 30]), {"packed": True}), ([10], "int32", [0] * 10, {"channels": (0, 1)})]
    yield "made_fully_connected_int4", alone("FULLY_CONNECTED", dense, ([1, 10], "int8"), "FullyConnectedOptions")
