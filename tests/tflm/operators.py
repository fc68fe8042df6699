#!/usr/bin/env python3
"""Plans single operators whose outputs have no shape in the file, and compares sizes with those of LiteRT's interpreter.

    python tests/tflm/operators.py target/release/plimsoll [SEEDS]

Each case is planned twice: without a list of dimensions and with an empty one. If the interpreter knows a size only
after a run, the plan must have an upper bound, which it marks, or be refused with the name of the tensor and the option that
sets its size. Needs the packages of requirements.txt.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import models
from tflm import schema

DATA, SHAPE = "float32", "int32"


class Case:
    """A model of one operator."""

    def __init__(self, draw):
        self.draw, self.model = draw, models.Model()
        self.graph = models.Graph(self.model, "main")
        self.ends, self.values = [], {}

    def dims(self, rank, low=1, high=6):
        return [self.draw.randint(low, high) for _ in range(rank)]

    def input(self, shape, kind=DATA, values=None):
        tensor = self.graph.tensor(shape, kind)
        self.ends.append(tensor)
        if values is not None:
            self.values[tensor] = np.asarray(values, kind)
        return tensor

    def constant(self, data, kind=SHAPE):
        return self.graph.constant(data, kind)

    def state(self, shape):
        tensor = self.graph.tensor(shape)
        self.graph.made.tensors[tensor].isVariable = True
        return tensor

    def run(self, name, inputs, kinds, options=None, **fields):
        outputs = [self.graph.tensor([], kind) for kind in kinds]
        self.outputs = outputs
        self.graph.add(name, inputs, outputs, options, **fields)
        self.graph.ends(self.ends, outputs)

    def custom(self, name, inputs, kinds, data):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode, code.version = name, 1
        self.model.made.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs = 0, inputs
        operator.outputs = self.outputs = [self.graph.tensor([], kind) for kind in kinds]
        operator.customOptions = list(data)
        self.graph.made.operators.append(operator)
        self.graph.ends(self.ends, self.outputs)

    def bytes(self, is_listed):
        for tensor in self.outputs:
            self.graph.made.tensors[tensor].shape = [] if is_listed else None
        return self.model.bytes()


CASES = {}


def case(make):
    CASES[make.__name__] = make
    return make


def simple(op_type, rank=4, options=None, kinds=(DATA,), kind=DATA, **fields):
    def make(case):
        case.run(op_type, [case.input(case.dims(rank), kind)], kinds, options, **fields)

    CASES[op_type] = make


for op_type in ["ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LOG", "LOGISTIC", "NEG", "RELU", "RELU6",
                "RELU_N1_TO_1", "ROUND", "RSQRT", "SIN", "SQRT", "SQUARE", "TANH", "ZEROS_LIKE", "L2_NORMALIZATION",
                "LOG_SOFTMAX"]:
    simple(op_type, options={"L2_NORMALIZATION": "L2NormOptions"}.get(op_type))
simple("SOFTMAX", options="SoftmaxOptions", beta=1.0)
simple("LEAKY_RELU", options="LeakyReluOptions", alpha=0.1)
simple("GELU", options="GeluOptions")
simple("CAST", options="CastOptions", kinds=("int32",), inDataType=0, outDataType=2)
simple("SHAPE", options="ShapeOptions", kinds=("int32",), outType=2)
simple("RANK", options="RankOptions", kinds=("int32",))
simple("LOGICAL_NOT", kind="bool", kinds=("bool",))
simple("LOCAL_RESPONSE_NORMALIZATION", options="LocalResponseNormalizationOptions", radius=2, bias=1.0, alpha=1.0, beta=0.5)
simple("MATRIX_DIAG", options="MatrixDiagOptions")
simple("SQUEEZE", rank=3, options="SqueezeOptions", squeezeDims=[])


def binary(op_type, kinds=(DATA,), kind=DATA, options=None, **fields):
    def make(case):
        dims = case.dims(case.draw.randint(1, 4))
        other = [dim if case.draw.random() < 0.5 else 1 for dim in dims][case.draw.randint(0, len(dims) - 1):]
        pair = [case.input(dims, kind), case.input(other, kind)]
        case.draw.shuffle(pair)
        case.run(op_type, pair, kinds, options, **fields)

    CASES[op_type] = make


for op_type, options in [("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"), ("DIV", "DivOptions"),
                         ("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"), ("POW", "PowOptions"),
                         ("MAXIMUM", "MaximumMinimumOptions"), ("MINIMUM", "MaximumMinimumOptions"),
                         ("FLOOR_DIV", "FloorDivOptions"), ("FLOOR_MOD", "FloorModOptions")]:
    binary(op_type, options=options)
for op_type in ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]:
    binary(op_type, kinds=("bool",))
for op_type in ["LOGICAL_AND", "LOGICAL_OR"]:
    binary(op_type, kinds=("bool",), kind="bool")

for op_type in ["BITWISE_XOR", "RIGHT_SHIFT"]:
    binary(op_type, kinds=("int32",), kind="int32")


@case
def ATAN2(case):
    dims = case.dims(3)
    case.run("ATAN2", [case.input(dims), case.input(dims)], [DATA])


@case
def SIGN(case):
    case.run("SIGN", [case.input(case.dims(3))], [DATA])


@case
def RELU_0_TO_1(case):
    case.run("RELU_0_TO_1", [case.input(case.dims(3))], [DATA])


@case
def FAKE_QUANT(case):
    case.run("FAKE_QUANT", [case.input(case.dims(3))], [DATA], "FakeQuantOptions", min=-1.0, max=1.0, numBits=8)


@case
def BUCKETIZE(case):
    case.run("BUCKETIZE", [case.input(case.dims(3))], [SHAPE], "BucketizeOptions", boundaries=[0.0, 1.0])


@case
def MULTINOMIAL(case):
    case.run("MULTINOMIAL", [case.input(case.dims(2)), case.constant(case.draw.randint(1, 6))], ["int32"], "RandomOptions")


@case
def RANDOM_UNIFORM(case):
    case.run("RANDOM_UNIFORM", [case.constant(case.dims(3))], [DATA], "RandomOptions")


@case
def RANDOM_STANDARD_NORMAL_computed(case):
    case.run("RANDOM_STANDARD_NORMAL", [case.input([2], SHAPE, [3, 4])], [DATA], "RandomOptions")


@case
def CONV_3D_TRANSPOSE(case):
    depth, out, stride = case.draw.randint(1, 3), case.draw.randint(1, 3), case.draw.randint(1, 2)
    spatial = case.dims(3, 2, 4)
    target = case.constant([1, *[dim * stride for dim in spatial], out])
    filters = case.constant(np.ones([3, 3, 3, out, depth]), DATA)
    case.run("CONV_3D_TRANSPOSE", [target, filters, case.input([1, *spatial, depth])], [DATA], "Conv3DOptions", padding=0,
             strideD=stride, strideH=stride, strideW=stride, dilationDFactor=1, dilationHFactor=1, dilationWFactor=1)


@case
def DILATE(case):
    case.run("DILATE", [case.input(case.dims(2)), case.constant(case.dims(2, 1, 3)), case.constant(0.0, DATA)], [DATA])


@case
def REDUCE_computed_kept(case):
    case.run("SUM", [case.input([3, 4, 5]), case.input([1], SHAPE, [1])], [DATA], "ReducerOptions", keepDims=True)


def segments(op_type, options):
    def make(case):
        case.run(op_type, [case.input([4, 2]), case.input([4], SHAPE, [0, 2, 1, 2]),
                           case.constant(case.draw.randint(3, 6))], [DATA], options)

    CASES[op_type] = make


for op_type in ["MAX", "MIN", "PROD"]:
    segments(f"UNSORTED_SEGMENT_{op_type}", f"UnsortedSegment{op_type.title()}Options")


@case
def PRELU(case):
    dims = case.dims(4)
    case.run("PRELU", [case.input(dims), case.input([1, 1, dims[3]])], [DATA])


@case
def ADD_N(case):
    dims = case.dims(3)
    case.run("ADD_N", [case.input(dims) for _ in range(3)], [DATA], "AddNOptions")


@case
def SELECT(case):
    dims = case.dims(3)
    condition = case.draw.choice([dims, dims[:1]])
    case.run("SELECT", [case.input(condition, "bool"), case.input(dims), case.input(dims)], [DATA], "SelectOptions")


@case
def SELECT_V2(case):
    dims = case.dims(3)
    case.run("SELECT_V2", [case.input(dims[2:], "bool"), case.input(dims[1:]), case.input(dims)], [DATA],
             "SelectV2Options")


def pool(op_type):
    def make(case):
        dims = [case.draw.randint(1, 2), *case.dims(2, 4, 12), case.draw.randint(1, 5)]
        case.run(op_type, [case.input(dims)], [DATA], "Pool2DOptions", padding=case.draw.randint(0, 1),
                 strideH=case.draw.randint(1, 3), strideW=case.draw.randint(1, 3), filterHeight=case.draw.randint(1, 4),
                 filterWidth=case.draw.randint(1, 4))

    CASES[op_type] = make


for op_type in ["AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"]:
    pool(op_type)


@case
def CONV_2D(case):
    dims, out = [case.draw.randint(1, 2), *case.dims(2, 5, 12), case.draw.randint(1, 5)], case.draw.randint(1, 6)
    filters = case.constant(np.ones([out, *case.dims(2, 1, 3), dims[3]]), DATA)
    bias = case.constant(np.ones(out), DATA)
    case.run("CONV_2D", [case.input(dims), filters, bias], [DATA], "Conv2DOptions", padding=case.draw.randint(0, 1),
             strideH=case.draw.randint(1, 3), strideW=case.draw.randint(1, 3), dilationHFactor=case.draw.randint(1, 2),
             dilationWFactor=case.draw.randint(1, 2))


@case
def DEPTHWISE_CONV_2D(case):
    dims, times = [case.draw.randint(1, 2), *case.dims(2, 5, 12), case.draw.randint(1, 5)], case.draw.randint(1, 3)
    filters = case.constant(np.ones([1, *case.dims(2, 1, 3), dims[3] * times]), DATA)
    bias = case.constant(np.ones(dims[3] * times), DATA)
    case.run("DEPTHWISE_CONV_2D", [case.input(dims), filters, bias], [DATA], "DepthwiseConv2DOptions",
             padding=case.draw.randint(0, 1), strideH=case.draw.randint(1, 3), strideW=case.draw.randint(1, 3),
             depthMultiplier=times, dilationHFactor=case.draw.randint(1, 2), dilationWFactor=case.draw.randint(1, 2))


@case
def CONV_3D(case):
    dims, out = [1, *case.dims(3, 4, 8), case.draw.randint(1, 3)], case.draw.randint(1, 4)
    filters = case.constant(np.ones([*case.dims(3, 1, 3), dims[4], out]), DATA)
    case.run("CONV_3D", [case.input(dims), filters, case.constant(np.ones(out), DATA)], [DATA], "Conv3DOptions",
             padding=case.draw.randint(0, 1), strideD=case.draw.randint(1, 2), strideH=case.draw.randint(1, 2),
             strideW=case.draw.randint(1, 2), dilationDFactor=1, dilationHFactor=1, dilationWFactor=1)


@case
def TRANSPOSE_CONV(case):
    batch, height, width, depth = [1, *case.dims(2, 2, 5), case.draw.randint(1, 3)]
    stride, out = case.draw.randint(1, 2), case.draw.randint(1, 4)
    target = case.constant([batch, height * stride, width * stride, out])
    filters = case.constant(np.ones([out, 3, 3, depth]), DATA)
    case.run("TRANSPOSE_CONV", [target, filters, case.input([batch, height, width, depth])], [DATA],
             "TransposeConvOptions", padding=0, strideH=stride, strideW=stride)


@case
def FULLY_CONNECTED(case):
    depth, out = case.draw.randint(1, 6), case.draw.randint(1, 6)
    keeps = case.draw.random() < 0.5
    dims = [*case.dims(case.draw.randint(1, 3)), depth]
    weights = case.constant(np.ones([out, depth]), DATA)
    case.run("FULLY_CONNECTED", [case.input(dims), weights, -1], [DATA], "FullyConnectedOptions", keepNumDims=keeps)


@case
def BATCH_MATMUL(case):
    batch, (rows, depth, columns) = case.dims(case.draw.randint(0, 2)), case.dims(3)
    adj_x, adj_y = case.draw.random() < 0.5, case.draw.random() < 0.5
    left = [*batch, *([depth, rows] if adj_x else [rows, depth])]
    right = [*batch, *([columns, depth] if adj_y else [depth, columns])]
    case.run("BATCH_MATMUL", [case.input(left), case.input(right)], [DATA], "BatchMatMulOptions", adjX=adj_x, adjY=adj_y)


@case
def SVDF(case):
    batch, depth, units, memory = case.dims(4)
    case.run("SVDF", [case.input([batch, depth]), case.constant(np.ones([units, depth]), DATA),
                      case.constant(np.ones([units, memory]), DATA), -1, case.state([batch, memory * units])], [DATA],
             "SVDFOptions", rank=1, fusedActivationFunction=0)


def lstm_inputs(case, batch, depth, cells, out):
    gate = lambda columns: case.constant(np.ones([cells, columns]), DATA)
    vector = lambda size: case.constant(np.ones(size), DATA)
    projection = [case.constant(np.ones([out, cells]), DATA), -1] if out != cells else [-1, -1]
    return [*[gate(depth) for _ in range(4)], *[gate(out) for _ in range(4)], -1, -1, -1,
            *[vector(cells) for _ in range(4)], *projection, case.state([batch, out]), case.state([batch, cells])]


@case
def LSTM(case):
    batch, depth, cells = case.dims(3)
    out = case.draw.choice([cells, cells + 2])
    inputs = [case.input([batch, depth]), *lstm_inputs(case, batch, depth, cells, out), -1, -1, -1, -1]
    case.run("LSTM", inputs, [DATA], "LSTMOptions", fusedActivationFunction=4, kernelType=0)


@case
def UNIDIRECTIONAL_SEQUENCE_LSTM(case):
    batch, depth, cells, steps = case.dims(4)
    out, major = case.draw.choice([cells, cells + 2]), case.draw.random() < 0.5
    dims = [steps, batch, depth] if major else [batch, steps, depth]
    inputs = [case.input(dims), *lstm_inputs(case, batch, depth, cells, out), -1, -1, -1, -1]
    case.run("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [DATA], "UnidirectionalSequenceLSTMOptions",
             fusedActivationFunction=4, timeMajor=major)


@case
def BIDIRECTIONAL_SEQUENCE_LSTM(case):
    batch, depth, cells, steps = case.dims(4)
    merge, major = case.draw.random() < 0.5, case.draw.random() < 0.5
    dims = [steps, batch, depth] if major else [batch, steps, depth]
    side = lambda: lstm_inputs(case, batch, depth, cells, cells)
    forward, backward = side(), side()
    inputs = [case.input(dims), *forward[:-2], *backward[:-2], *forward[-2:], *backward[-2:], *[-1] * 9]
    case.run("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, [DATA] * (1 if merge else 2), "BidirectionalSequenceLSTMOptions",
             fusedActivationFunction=4, mergeOutputs=merge, timeMajor=major)


def rnn_inputs(case, batch, depth, units):
    return [case.constant(np.ones([units, depth]), DATA), case.constant(np.ones([units, units]), DATA),
            case.constant(np.ones(units), DATA), case.state([batch, units])]


@case
def RNN(case):
    batch, depth, units = case.dims(3)
    case.run("RNN", [case.input([batch, depth]), *rnn_inputs(case, batch, depth, units)], [DATA], "RNNOptions")


@case
def UNIDIRECTIONAL_SEQUENCE_RNN(case):
    batch, depth, units, steps = case.dims(4)
    major = case.draw.random() < 0.5
    dims = [steps, batch, depth] if major else [batch, steps, depth]
    case.run("UNIDIRECTIONAL_SEQUENCE_RNN", [case.input(dims), *rnn_inputs(case, batch, depth, units)], [DATA],
             "SequenceRNNOptions", timeMajor=major)


@case
def BIDIRECTIONAL_SEQUENCE_RNN(case):
    batch, depth, units, steps = case.dims(4)
    merge, major = case.draw.random() < 0.5, case.draw.random() < 0.5
    dims = [steps, batch, depth] if major else [batch, steps, depth]
    inputs = [case.input(dims), *rnn_inputs(case, batch, depth, units), *rnn_inputs(case, batch, depth, units + 1)]
    case.run("BIDIRECTIONAL_SEQUENCE_RNN", inputs + [-1] * 3, [DATA] * (1 if merge else 2),
             "BidirectionalSequenceRNNOptions", mergeOutputs=merge, timeMajor=major)


def resize(op_type, options):
    def make(case):
        dims = case.dims(4)
        case.run(op_type, [case.input(dims), case.constant(case.dims(2, 1, 9))], [DATA], options)

    CASES[op_type] = make


resize("RESIZE_BILINEAR", "ResizeBilinearOptions")
resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions")


@case
def RESIZE_computed(case):
    size = case.input([2], SHAPE, [3, 5])
    case.run("RESIZE_BILINEAR", [case.input(case.dims(4)), size], [DATA], "ResizeBilinearOptions")


@case
def SPACE_TO_DEPTH(case):
    block = case.draw.randint(1, 3)
    height, width = case.dims(2, 1, 4)
    case.run("SPACE_TO_DEPTH", [case.input([1, height * block, width * block, 3])], [DATA], "SpaceToDepthOptions",
             blockSize=block)


@case
def DEPTH_TO_SPACE(case):
    block = case.draw.randint(1, 3)
    case.run("DEPTH_TO_SPACE", [case.input([*case.dims(3), block * block * 2])], [DATA], "DepthToSpaceOptions",
             blockSize=block)


@case
def SPACE_TO_BATCH_ND(case):
    block = case.draw.randint(1, 3)
    dims = [2, 2 * block, 3 * block, 2]
    case.run("SPACE_TO_BATCH_ND", [case.input(dims), case.constant([block, block]),
                                   case.constant([[0, block], [block, 0]])], [DATA], "SpaceToBatchNDOptions")


@case
def BATCH_TO_SPACE_ND(case):
    block = case.draw.randint(1, 3)
    case.run("BATCH_TO_SPACE_ND", [case.input([block * block * 2, 3, 4, 2]), case.constant([block, block]),
                                   case.constant([[0, 1], [1, 0]])], [DATA], "BatchToSpaceNDOptions")


@case
def RESHAPE(case):
    dims = case.dims(3)
    target = case.draw.choice([[-1], [dims[0], -1], [dims[2], dims[1], dims[0]], [-1, dims[2], 1]])
    if case.draw.random() < 0.5:
        case.run("RESHAPE", [case.input(dims)], [DATA], "ReshapeOptions", newShape=target)
    else:
        case.run("RESHAPE", [case.input(dims), case.constant(target)], [DATA], "ReshapeOptions")


@case
def EXPAND_DIMS(case):
    case.run("EXPAND_DIMS", [case.input(case.dims(3)), case.constant(case.draw.randint(-4, 3))], [DATA],
             "ExpandDimsOptions")


@case
def SQUEEZE_some(case):
    a, b = case.dims(2, 2, 5)
    case.run("SQUEEZE", [case.input([1, a, 1, b, 1])], [DATA], "SqueezeOptions",
             squeezeDims=case.draw.choice([[0], [2, 4], [-1], [0, 2, 4], [-3]]))


@case
def TRANSPOSE(case):
    order = [0, 1, 2, 3]
    case.draw.shuffle(order)
    case.run("TRANSPOSE", [case.input(case.dims(4)), case.constant(order)], [DATA], "TransposeOptions")


@case
def PAD(case):
    case.run("PAD", [case.input(case.dims(4)), case.constant(np.reshape(case.dims(8, 0, 3), [4, 2]))], [DATA], "PadOptions")


@case
def PADV2(case):
    kind = case.draw.choice(["int32", "int64"])
    pads = case.constant(np.reshape(case.dims(8, 0, 3), [4, 2]), kind)
    case.run("PADV2", [case.input(case.dims(4)), pads, case.constant(0.5, DATA)], [DATA], "PadV2Options")


@case
def MIRROR_PAD(case):
    pads = case.constant(np.reshape(case.dims(4, 0, 1), [2, 2]))
    case.run("MIRROR_PAD", [case.input(case.dims(2, 2, 6)), pads], [DATA], "MirrorPadOptions", mode=case.draw.randint(0, 1))


@case
def TILE(case):
    case.run("TILE", [case.input(case.dims(3)), case.constant(case.dims(3, 1, 3))], [DATA], "TileOptions")


@case
def BROADCAST_TO(case):
    dims = case.dims(2)
    case.run("BROADCAST_TO", [case.input([1, dims[1]]), case.constant([3, *dims])], [DATA], "BroadcastToOptions")
    case.model.made.operatorCodes[0].version = 2


@case
def BROADCAST_ARGS(case):
    case.run("BROADCAST_ARGS", [case.input([3], SHAPE, [2, 1, 3]), case.input([2], SHAPE, [4, 1])], [SHAPE])


@case
def FILL(case):
    case.run("FILL", [case.constant(case.dims(3)), case.input([], DATA)], [DATA], "FillOptions")


@case
def CONCATENATION(case):
    dims, axis = case.dims(3), case.draw.randint(-3, 2)
    other = list(dims)
    other[axis] = case.draw.randint(1, 6)
    case.run("CONCATENATION", [case.input(dims), case.input(other), case.input(dims)], [DATA], "ConcatenationOptions",
             axis=axis)


@case
def PACK(case):
    dims = case.dims(case.draw.randint(0, 3))
    case.run("PACK", [case.input(dims), case.input(dims)], [DATA], "PackOptions", valuesCount=2,
             axis=case.draw.randint(-len(dims) - 1, len(dims)))


@case
def UNPACK(case):
    dims = case.dims(3)
    axis = case.draw.randint(-3, 2)
    case.run("UNPACK", [case.input(dims)], [DATA] * dims[axis], "UnpackOptions", num=dims[axis], axis=axis)


@case
def SPLIT(case):
    parts, axis = case.draw.randint(1, 3), case.draw.randint(-3, 2)
    dims = case.dims(3)
    dims[axis] *= parts
    case.run("SPLIT", [case.constant(axis), case.input(dims)], [DATA] * parts, "SplitOptions", numSplits=parts)


@case
def SPLIT_V(case):
    sizes, axis = case.dims(3, 0, 4), case.draw.randint(-3, 2)
    dims = case.dims(3)
    dims[axis] = sum(sizes)
    if case.draw.random() < 0.5:
        sizes[case.draw.randrange(3)] = -1
    case.run("SPLIT_V", [case.input(dims), case.constant(sizes), case.constant(axis)], [DATA] * 3, "SplitVOptions",
             numSplits=3)


@case
def SLICE(case):
    dims = case.dims(3, 2, 6)
    begin = [case.draw.randrange(dim) for dim in dims]
    size = [case.draw.choice([-1, case.draw.randint(0, dim - start)]) for dim, start in zip(dims, begin)]
    case.run("SLICE", [case.input(dims), case.constant(begin), case.constant(size)], [DATA], "SliceOptions")


@case
def SLICE_computed(case):
    case.run("SLICE", [case.input([4, 5]), case.input([2], SHAPE, [1, 2]), case.constant([2, -1])], [DATA], "SliceOptions")


@case
def STRIDED_SLICE(case):
    rank = case.draw.randint(1, 4)
    used = case.draw.randint(1, rank)
    dims = case.dims(rank, 1, 7)
    begin, end = ([case.draw.randint(-8, 8) for _ in range(used)] for _ in range(2))
    stride = [case.draw.choice([1, 2, 3, -1, -2]) for _ in range(used)]
    shrink = 0
    for axis in range(used):
        if case.draw.random() < 0.2:
            begin[axis], stride[axis] = case.draw.randint(-dims[axis], dims[axis] - 1), 1
            end[axis] = begin[axis] + 1
            shrink |= 1 << axis
    mask = lambda: sum(1 << axis for axis in range(used) if case.draw.random() < 0.3 and not shrink >> axis & 1)
    case.run("STRIDED_SLICE", [case.input(dims), case.constant(begin), case.constant(end), case.constant(stride)], [DATA],
             "StridedSliceOptions", beginMask=mask(), endMask=mask(), shrinkAxisMask=shrink)


@case
def STRIDED_SLICE_axes(case):
    dims = case.dims(4, 2, 5)
    begin, end, stride = [0, 0, 0], [1, 1, 1], [1, 1, 1]
    masks = case.draw.choice([{"ellipsisMask": 1}, {"ellipsisMask": 2}, {"ellipsisMask": 4}, {"newAxisMask": 1},
                              {"newAxisMask": 2}, {"ellipsisMask": 2, "newAxisMask": 1},
                              {"ellipsisMask": 1, "shrinkAxisMask": 4}, {"newAxisMask": 1, "shrinkAxisMask": 2}])
    case.run("STRIDED_SLICE", [case.input(dims), case.constant(begin), case.constant(end), case.constant(stride)], [DATA],
             "StridedSliceOptions", **masks)


@case
def STRIDED_SLICE_offset(case):
    case.run("STRIDED_SLICE", [case.input([9, 9]), case.constant([2, -4]), case.constant([3, 2]), case.constant([1, 1])],
             [DATA], "StridedSliceOptions", offset=True)


@case
def GATHER(case):
    dims, indices = case.dims(4), case.dims(case.draw.randint(0, 2))
    axis = case.draw.randint(-4, 3)
    batch = case.draw.randint(0, min(axis % 4, len(indices)))
    indices = dims[:batch] + indices[batch:]
    case.run("GATHER", [case.input(dims), case.input(indices, SHAPE, np.zeros(indices))], [DATA], "GatherOptions",
             axis=axis, batchDims=batch)


@case
def GATHER_ND(case):
    dims = case.dims(4)
    depth = case.draw.randint(1, 4)
    indices = [*case.dims(case.draw.randint(0, 2)), depth]
    case.run("GATHER_ND", [case.input(dims), case.input(indices, SHAPE, np.zeros(indices))], [DATA], "GatherNdOptions")


@case
def SCATTER_ND(case):
    updates = case.input([2, 3])
    case.run("SCATTER_ND", [case.input([2, 1], SHAPE, [[0], [1]]), updates, case.constant([5, 3])], [DATA],
             "ScatterNdOptions")


@case
def EMBEDDING_LOOKUP(case):
    case.run("EMBEDDING_LOOKUP", [case.input([4], SHAPE, [0, 1, 0, 1]), case.input([2, *case.dims(2)])], [DATA])


@case
def ONE_HOT(case):
    dims = case.dims(2)
    case.run("ONE_HOT", [case.input(dims, SHAPE, np.zeros(dims)), case.constant(case.draw.randint(1, 5)),
                         case.constant(1.0, DATA), case.constant(0.0, DATA)], [DATA], "OneHotOptions",
             axis=case.draw.randint(-1, 2))


@case
def TOPK_V2(case):
    dims = case.dims(3)
    case.run("TOPK_V2", [case.input(dims), case.constant(case.draw.randint(1, dims[2]))], [DATA, SHAPE], "TopKV2Options")


@case
def TOPK_V2_computed(case):
    case.run("TOPK_V2", [case.input([3, 6]), case.input([], SHAPE, 4)], [DATA, SHAPE], "TopKV2Options")


@case
def UNIQUE(case):
    case.run("UNIQUE", [case.input([9], SHAPE, case.dims(9))], [SHAPE, SHAPE], "UniqueOptions", idxOutType=2)


@case
def WHERE(case):
    dims = case.dims(case.draw.randint(1, 3))
    case.run("WHERE", [case.input(dims, "bool", case.draw.random() < np.ones(dims) * 0.7)], ["int64"], "WhereOptions")


@case
def RANGE(case):
    start, step = case.draw.randint(-5, 5), case.draw.choice([-3, -1, 1, 2])
    end = start + step * case.draw.randint(0, 9) + case.draw.choice([0, int(np.sign(step))])
    case.run("RANGE", [case.constant(start), case.constant(end), case.constant(step)], [SHAPE], "RangeOptions")


@case
def RANGE_computed(case):
    case.run("RANGE", [case.constant(0), case.input([], SHAPE, 7), case.constant(2)], [SHAPE], "RangeOptions")


@case
def FILL_computed(case):
    case.run("FILL", [case.input([2], SHAPE, [3, 4]), case.constant(1.0, DATA)], [DATA], "FillOptions")


@case
def NON_MAX_SUPPRESSION_V4(case):
    boxes = case.draw.randint(1, 9)
    case.run("NON_MAX_SUPPRESSION_V4", [case.input([boxes, 4]), case.input([boxes]), case.constant(case.draw.randint(0, 12)),
             case.constant(0.5, DATA), case.constant(0.1, DATA)], [SHAPE, SHAPE], "NonMaxSuppressionV4Options")


@case
def NON_MAX_SUPPRESSION_V5(case):
    boxes = case.draw.randint(1, 9)
    case.run("NON_MAX_SUPPRESSION_V5", [case.input([boxes, 4]), case.input([boxes]), case.constant(case.draw.randint(0, 12)),
             case.constant(0.5, DATA), case.constant(0.1, DATA), case.constant(0.5, DATA)], [SHAPE, DATA, SHAPE],
             "NonMaxSuppressionV5Options")


@case
def NON_MAX_SUPPRESSION_computed(case):
    case.run("NON_MAX_SUPPRESSION_V4", [case.input([7, 4]), case.input([7]), case.input([], SHAPE, 3),
             case.constant(0.5, DATA), case.constant(0.1, DATA)], [SHAPE, SHAPE], "NonMaxSuppressionV4Options")


@case
def CUMSUM(case):
    case.run("CUMSUM", [case.input(case.dims(3)), case.constant(1)], [DATA], "CumsumOptions")


@case
def REVERSE_V2(case):
    case.run("REVERSE_V2", [case.input(case.dims(3)), case.constant([1])], [DATA], "ReverseV2Options")


@case
def REVERSE_SEQUENCE(case):
    case.run("REVERSE_SEQUENCE", [case.input([3, 4, 2]), case.input([3], SHAPE, [1, 2, 3])], [DATA],
             "ReverseSequenceOptions", seqDim=1, batchDim=0)


@case
def MATRIX_SET_DIAG(case):
    case.run("MATRIX_SET_DIAG", [case.input([2, 3, 4]), case.input([2, 3])], [DATA], "MatrixSetDiagOptions")


@case
def SEGMENT_SUM(case):
    rows = case.dims(2)
    ids = [row // 2 for row in range(rows[0])]
    case.run("SEGMENT_SUM", [case.input(rows), case.constant(ids)], [DATA], "SegmentSumOptions")


@case
def SEGMENT_SUM_computed(case):
    case.run("SEGMENT_SUM", [case.input([4, 2]), case.input([4], SHAPE, [0, 0, 1, 2])], [DATA], "SegmentSumOptions")


@case
def UNSORTED_SEGMENT_SUM(case):
    case.run("UNSORTED_SEGMENT_SUM", [case.input([4, 2]), case.input([4], SHAPE, [0, 2, 1, 2]),
                                      case.constant(case.draw.randint(3, 6))], [DATA], "UnsortedSegmentSumOptions")


@case
def SPARSE_TO_DENSE(case):
    case.run("SPARSE_TO_DENSE", [case.input([2], SHAPE, [1, 3]), case.constant([6]), case.input([2]),
                                 case.constant(0.0, DATA)], [DATA], "SparseToDenseOptions")


def arg(op_type, options):
    def make(case):
        case.run(op_type, [case.input(case.dims(3)), case.constant(case.draw.randint(-3, 2))], [SHAPE], options,
                 outputType=schema.TensorType.INT32)

    CASES[op_type] = make


arg("ARG_MAX", "ArgMaxOptions")
arg("ARG_MIN", "ArgMinOptions")


def reduction(op_type, kind=DATA):
    def make(case):
        axes = case.draw.sample([0, 1, 2], case.draw.randint(0, 3))
        axes = [case.draw.choice([axis, axis - 3]) for axis in axes]
        case.run(op_type, [case.input(case.dims(3), kind), case.constant(np.asarray(axes, "int32"))], [kind],
                 "ReducerOptions", keepDims=case.draw.random() < 0.5)

    CASES[op_type] = make


for op_type in ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"]:
    reduction(op_type)
for op_type in ["REDUCE_ANY", "REDUCE_ALL"]:
    reduction(op_type, "bool")


@case
def REDUCE_computed(case):
    case.run("SUM", [case.input([3, 4, 5]), case.input([1], SHAPE, [1])], [DATA], "ReducerOptions",
             keepDims=False)


@case
def DYNAMIC_UPDATE_SLICE(case):
    case.run("DYNAMIC_UPDATE_SLICE", [case.input([5, 4]), case.input([2, 4]), case.input([2], SHAPE, [1, 0])], [DATA])


@case
def DETECTION(case):
    from flatbuffers import flexbuffers

    detections, classes, boxes = case.draw.randint(1, 9), case.draw.randint(1, 3), 12
    build = flexbuffers.Builder()
    with build.Map():
        build.Key("max_detections"); build.Int(detections)
        build.Key("max_classes_per_detection"); build.Int(classes)
        build.Key("num_classes"); build.Int(4)
        for name, number in [("nms_score_threshold", 0.1), ("nms_iou_threshold", 0.5), ("y_scale", 10.0),
                             ("x_scale", 10.0), ("h_scale", 5.0), ("w_scale", 5.0)]:
            build.Key(name); build.Float(number)
        build.Key("use_regular_nms"); build.Bool(False)
    case.custom("TFLite_Detection_PostProcess", [case.input([1, boxes, 4]), case.input([1, boxes, 5]),
                                                 case.constant(np.ones([boxes, 4]), DATA)], [DATA] * 4, build.Finish())


def shapes(path, case):
    """Bytes of the outputs in the interpreter, and whether they depend on data."""
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    running = Interpreter(model_path=str(path), experimental_op_resolver_type=plain)
    running.allocate_tensors()

    def sizes():
        found = {}
        for tensor in running.get_tensor_details():
            if tensor["index"] in case.outputs:
                count = int(np.prod([int(dim) for dim in tensor["shape"]], dtype=object))
                found[tensor["index"]] = count * np.dtype(tensor["dtype"]).itemsize
        return found

    before = sizes()
    for tensor in running.get_input_details():
        values = case.values.get(tensor["index"])
        if values is None:
            values = np.random.default_rng(1).random(tensor["shape"])
        running.set_tensor(tensor["index"], np.reshape(values, tensor["shape"]).astype(tensor["dtype"]))
    running.invoke()
    after = sizes()
    return after, before != after


def planned(plimsoll, path, folder):
    plan = folder / "plan.json"
    options = ["--fold", "none", "--align", "1", "--out", plan]
    done = subprocess.run([plimsoll, "plan", path, *options], capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr
    tensors = json.loads(plan.read_text())["tensors"]
    return {tensor["index"]: (tensor["bytes"], tensor.get("upper_bound", False)) for tensor in tensors}, ""


def compare(plimsoll, name, seed, folder):
    """The outcome of a case: equal, bound, refused, not run, or a fault."""
    case = Case(random.Random(f"{name} {seed}"))
    CASES[name](case)
    path, found = folder / "model.tflite", None
    for is_listed in [False, True]:
        path.write_bytes(case.bytes(is_listed))
        try:
            expected, depends = shapes(path, case)
        except (RuntimeError, ValueError) as error:
            return f"not run: {str(error).splitlines()[0][:90]}"
        sizes, text = planned(plimsoll, path, folder)
        if sizes is None:
            names = [case.graph.made.tensors[output].name for output in case.outputs]
            is_named = "--input-shape" in text and any(f"`{one}`" in text for one in names)
            outcome = "refused" if depends and is_named else f"FAULT: {text.strip()[:300]}"
        else:
            outcome = "equal"
            for tensor, bytes in expected.items():
                planned_bytes, is_upper = sizes[tensor]
                if planned_bytes != bytes or is_upper:
                    outcome = "bound" if planned_bytes >= bytes and is_upper else f"FAULT: {planned_bytes}, not {bytes}"
        if found not in (None, outcome):
            return f"FAULT: {found} without dimensions, {outcome} with an empty list"
        found = outcome
        if "FAULT" in outcome:
            return outcome
    return found


def main():
    plimsoll, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    wrong = False
    totals = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in CASES:
            outcomes = [compare(plimsoll, name, seed, pathlib.Path(folder)) for seed in range(seeds)]
            counts = {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(outcomes)}
            for outcome, count in counts.items():
                kind = outcome.split(":")[0]
                totals[kind] = totals.get(kind, 0) + count
            wrong |= any("FAULT" in outcome for outcome in outcomes)
            print(f"{name}: {counts}")
    print(f"{len(CASES)} operators: {totals}")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
