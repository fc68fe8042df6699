#!/usr/bin/env python3
"""Writes tests/import/operators/table.tsv: output shapes of single operators, computed by other programs.

    pip install onnx onnxruntime numpy
    python3 tools/onnx_shapes.py > tests/import/operators/table.tsv

There are two sources. The node tests of the package `onnx` (Apache-2.0): only shapes and the elements
that determine shapes are kept, and the output shapes are those of its reference implementation.
Operators with random shapes and attributes, drawn with a fixed seed: the output shapes are those of
`onnx.shape_inference`. If ONNX Runtime can run the model, its outputs must have the same shapes;
otherwise the operator is left out and reported on stderr. For operators of ONNX Runtime's own domain,
the output shapes are those of its run.

Each line has operator, version, inputs, attributes and outputs. `1[2,3]` is a tensor of element type 1
(ONNX's number); `7[2]=4,5` is a tensor with known elements; an empty text is an absent tensor.
Attributes have the letter of their field: i, f, s, t, I (ints), F (floats). The output `!` stands for
a model that both programs refuse.
"""

import math
import random
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.backend.test.case import node as node_cases

warnings.filterwarnings("ignore")
onnxruntime.set_default_logger_severity(4)

MICROSOFT = "com.microsoft"

# Inputs whose elements determine output shapes.
SHAPE_INPUTS = {
    "AffineGrid": {1}, "BlackmanWindow": {0}, "CenterCropPad": {1}, "Col2Im": {1, 2}, "Compress": {1},
    "ConstantOfShape": {0}, "DFT": {1, 2}, "Expand": {1}, "HammingWindow": {0}, "HannWindow": {0},
    "MaxUnpool": {2}, "MelWeightMatrix": {0, 1}, "NonZero": {0}, "OneHot": {1}, "Pad": {1, 3},
    "Range": {0, 1, 2}, "Reshape": {1}, "Resize": {1, 2, 3}, "STFT": {1, 3}, "Slice": {1, 2, 3, 4},
    "Split": {1}, "Squeeze": {1}, "Tile": {1, 2}, "TopK": {1}, "Unsqueeze": {1}, "Upsample": {1},
}

MAX_ELEMENTS = 64


def number_text(number):
    if isinstance(number, (bool, np.bool_)):
        return str(int(number))
    if isinstance(number, (float, np.floating)):
        return repr(float(number))
    return str(int(number))


def tensor_text(data_type, dims, numbers=None):
    text = f"{data_type}[{','.join(map(str, dims))}]"
    if numbers is not None:
        text += "=" + ",".join(map(number_text, numbers))
    return text


def attribute_text(attribute):
    kinds = onnx.AttributeProto
    value = helper.get_attribute_value(attribute)
    if attribute.type == kinds.INT:
        return f"{attribute.name}:i={value}"
    if attribute.type == kinds.FLOAT:
        return f"{attribute.name}:f={value!r}"
    if attribute.type == kinds.STRING:
        return f"{attribute.name}:s={value.decode()}"
    if attribute.type == kinds.INTS:
        return f"{attribute.name}:I={','.join(map(str, value))}"
    if attribute.type == kinds.FLOATS:
        return f"{attribute.name}:F={','.join(map(repr, value))}"
    if attribute.type == kinds.TENSOR:
        array = numpy_helper.to_array(value)
        if array.size > MAX_ELEMENTS or value.data_type not in (1, 6, 7, 9):
            return f"{attribute.name}:t={tensor_text(value.data_type, array.shape)}"
        return f"{attribute.name}:t={tensor_text(value.data_type, array.shape, array.flatten())}"
    raise ValueError(attribute.name)


def row(node, version, inputs, outputs):
    name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    attributes = ";".join(attribute_text(attribute) for attribute in node.attribute)
    return "\t".join([name, str(version), ";".join(inputs), attributes, outputs])


# The node tests of the package.

def tested():
    rows = []
    for case in node_cases.collect_testcases(None):
        model = case.model
        if model is None or len(model.graph.node) != 1 or not case.data_sets:
            continue
        node = model.graph.node[0]
        if node.domain not in ("", MICROSOFT) or model.functions:
            continue
        version = [o.version for o in model.opset_import if o.domain == node.domain][0]
        try:
            rows.append(tested_row(node, version, model, case))
        except (ValueError, TypeError, AttributeError, KeyError):
            pass
    return rows


def tested_row(node, version, model, case):
    values = dict(zip((i.name for i in model.graph.input), case.data_sets[0][0]))
    results = dict(zip((o.name for o in model.graph.output), case.data_sets[0][1]))
    types = {i.name: i.type.tensor_type.elem_type for i in list(model.graph.input) + list(model.graph.output)}
    inputs = []
    for number, name in enumerate(node.input):
        if not name:
            inputs.append("")
            continue
        value = values[name]
        if not hasattr(value, "shape") or types[name] == 0:
            raise ValueError
        determines_shape = number in SHAPE_INPUTS.get(node.op_type, ()) or (node.op_type.startswith("Reduce") and number == 1)
        numbers = value.flatten() if determines_shape and value.size <= MAX_ELEMENTS else None
        inputs.append(tensor_text(types[name], value.shape, numbers))
    outputs = []
    for name in node.output:
        if not name:
            outputs.append("")
            continue
        if types[name] == 0:
            raise ValueError
        result = results[name]
        outputs.append(tensor_text(types[name], result.dims if isinstance(result, TensorProto) else np.shape(result)))
    return row(node, version, inputs, ";".join(outputs))


# Random operators.

R = random.Random(9)
F, U8, I8, I32, I64, B = 1, 2, 3, 6, 7, 9


def dims(min_rank=0, max_rank=4, max_dim=6):
    return [R.randint(1, max_dim) for _ in range(R.randint(min_rank, max_rank))]


def broken(shape):
    """Draws a shape that broadcasts with this one."""
    shape = [R.choice([d, d, 1]) for d in shape]
    return shape[R.randint(0, len(shape)):] if R.random() < 0.4 else shape


def maybe(**values):
    return {k: v for k, v in values.items() if v is not None and R.random() < 0.6}


def ints(numbers):
    return (I64, [len(numbers)], list(numbers))


def scalar(number, data_type=I64):
    return (data_type, [], [number])


def window(spatial, pool=False):
    n = len(spatial)
    kernel = [R.randint(1, 3) for _ in range(n)]
    given = maybe(strides=[R.randint(1, 3) for _ in range(n)], dilations=[R.randint(1, 2) for _ in range(n)])
    if R.random() < 0.4:
        given["auto_pad"] = R.choice(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
        if given["auto_pad"].startswith("SAME") and R.random() < 0.7:
            given.pop("dilations", None)
    if given.get("auto_pad", "NOTSET") == "NOTSET":
        given.update(maybe(pads=[R.randint(0, k - 1) for k in kernel * 2]))
    return kernel, given


def axis_of(rank):
    return R.randint(-rank, rank - 1)


def some_axes(rank):
    return [a if R.random() < 0.7 else a - rank for a in R.sample(range(rank), R.randint(1, rank))]


def conv(op):
    n, groups = R.randint(1, 3), R.choice([1, 1, 2])
    spatial = [R.randint(4, 9) for _ in range(n)]
    kernel, given = window(spatial)
    c, m = groups * R.randint(1, 3), groups * R.randint(1, 3)
    x, w = [R.randint(1, 2), c, *spatial], [m, c // groups, *kernel]
    given.update(maybe(group=groups) if groups == 1 else {"group": groups})
    given.update(maybe(kernel_shape=kernel))
    return x, w, m, given


def g_conv():
    x, w, m, given = conv("Conv")
    return "Conv", [(F, x), (F, w)] + R.choice([[], [(F, [m])]]), given, [1, 11, 22]


def g_conv_integer():
    x, w, _, given = conv("ConvInteger")
    if len(x) != 4:
        return g_conv_integer()
    return "ConvInteger", [(U8, x), (U8, w)], given, [10]


def g_qlinear_conv():
    x, w, m, given = conv("QLinearConv")
    if len(x) != 4:
        return g_qlinear_conv()
    s, z = (F, []), (U8, [])
    return "QLinearConv", [(U8, x), s, z, (U8, w), s, z, s, z], given, [10]


def g_conv_transpose():
    n, groups = R.randint(1, 3), R.choice([1, 1, 2])
    spatial = [R.randint(2, 6) for _ in range(n)]
    kernel, given = window(spatial)
    c = groups * R.randint(1, 3)
    given["group"] = groups
    strides = given.get("strides", [1] * n)
    if R.random() < 0.4:
        given["output_padding"] = [R.randint(0, max(0, s - 1)) for s in strides]
    if R.random() < 0.2:
        given = {"group": groups, "strides": strides, "output_shape": [d * s for d, s in zip(spatial, strides)]}
    return "ConvTranspose", [(F, [1, c, *spatial]), (F, [c, R.randint(1, 3), *kernel])], given, [1, 11, 22]


def g_pool():
    op = R.choice(["MaxPool", "AveragePool", "LpPool"])
    n = R.randint(1, 3)
    spatial = [R.randint(3, 12) for _ in range(n)]
    kernel, given = window(spatial, True)
    versions = {"MaxPool": [1, 8, 10, 12, 22], "AveragePool": [1, 7, 10, 11, 19, 22], "LpPool": [2, 11, 18, 22]}[op]
    version = R.choice(versions)
    if version < {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}[op]:
        given.pop("dilations", None)
    if version >= {"MaxPool": 10, "AveragePool": 10, "LpPool": 18}[op]:
        given.update(maybe(ceil_mode=R.randint(0, 1)))
    return op, [(F, [1, R.randint(1, 3), *spatial])], {"kernel_shape": kernel, **given}, [version]


def g_global_pool():
    return R.choice(["GlobalAveragePool", "GlobalMaxPool"]), [(F, [1, 3, *dims(1, 3)])], {}, [1, 22]


def g_unary():
    op = R.choice(["Relu", "Sigmoid", "Abs", "Neg", "Exp", "Softmax", "Erf", "Identity", "Elu", "LeakyRelu"])
    return op, [(F, dims(1))], {}, [6, 13, 22]


def g_binary():
    op = R.choice(["Add", "Mul", "Sub", "Div", "Pow", "Greater", "Less", "Equal"])
    shape = dims(1)
    two = [(I64 if op == "Equal" else F, shape), (I64 if op == "Equal" else F, broken(shape))]
    R.shuffle(two)
    return op, two, {}, [7 if op not in ("Greater", "Less") else 9, 14]


def g_variadic():
    shape = dims(1)
    count = R.randint(1, 4)
    return R.choice(["Max", "Min", "Sum", "Mean"]), [(F, broken(shape)) for _ in range(count)], {}, [8, 13]


def g_where():
    shape = dims(1)
    return "Where", [(B, broken(shape)), (F, broken(shape)), (F, broken(shape))], {}, [9, 16]


def g_cast():
    return "Cast", [(F, dims())], {"to": R.choice([1, 6, 7, 9, 10, 11, 2, 3])}, [6, 13, 19]


def g_matmul():
    a, b, c = R.randint(1, 5), R.randint(1, 5), R.randint(1, 5)
    batch = dims(0, 2, 3)
    one, other = [*broken(batch), a, b], [*broken(batch), b, c]
    if R.random() < 0.2:
        one = [b]
    if R.random() < 0.2:
        other = [b]
    return "MatMul", [(F, one), (F, other)], {}, [1, 9, 13]


def g_gemm():
    a, b, c = R.randint(1, 5), R.randint(1, 5), R.randint(1, 5)
    ta, tb = R.randint(0, 1), R.randint(0, 1)
    extra = R.choice([[], [(F, [c])], [(F, [1, c])], [(F, [a, c])]])
    version = R.choice([7, 9, 11, 13]) if extra else R.choice([11, 13])
    return "Gemm", [(F, [b, a] if ta else [a, b]), (F, [c, b] if tb else [b, c])] + extra, {"transA": ta, "transB": tb}, [version]


def g_einsum():
    sizes = {letter: R.randint(1, 4) for letter in "bijk"}
    equation = R.choice(["bij,bjk->bik", "ij,jk", "bij->bji", "bij->b", "...ij,...jk->...ik", "ij->", "b...->...", "bii->bi"])
    inputs = []
    for term in equation.split("->")[0].split(","):
        shape = []
        for part in term.replace("...", "."):
            shape += [2, 3] if part == "." else [sizes[part]]
        inputs.append((F, shape))
    return "Einsum", inputs, {"equation": equation}, [12]


def g_reshape():
    shape = dims(1)
    total = math.prod(shape)
    target = R.choice([
        [-1], [0, -1], [total], [1, -1], [*shape, 1], [-1, *shape[1:]], [1, 0][: R.randint(1, 2)] + [-1], [2, -1], [0] * len(shape),
    ])
    return "Reshape", [(F, shape), ints(target)], {}, [5, 13, 14, 19]


def g_flatten():
    shape = dims(1)
    return "Flatten", [(F, shape)], maybe(axis=R.randint(0, len(shape))), [1, 9, 11, 13]


def g_transpose():
    shape = dims(1)
    order = list(range(len(shape)))
    R.shuffle(order)
    return "Transpose", [(F, shape)], maybe(perm=order), [1, 13]


def g_squeeze():
    shape = [R.choice([1, 1, d]) for d in dims(1)]
    ones = [a for a, d in enumerate(shape) if d == 1]
    axes = R.sample(ones, R.randint(1, len(ones))) if ones else None
    if R.random() < 0.15:
        axes = [0]
    if axes and R.random() < 0.5:
        axes = [a - len(shape) for a in axes]
    version = R.choice([11, 13, 21])
    if version < 13:
        return "Squeeze", [(F, shape)], {"axes": axes} if axes else {}, [version]
    return "Squeeze", [(F, shape)] + ([ints(axes)] if axes else []), {}, [version]


def g_unsqueeze():
    shape = dims(0, 3)
    count = R.randint(1, 2)
    axes = R.sample(range(len(shape) + count), count)
    if R.random() < 0.4:
        axes = [a - len(shape) - count for a in axes]
    version = R.choice([11, 13, 21])
    if version < 13:
        return "Unsqueeze", [(F, shape)], {"axes": axes}, [version]
    return "Unsqueeze", [(F, shape), ints(axes)], {}, [version]


def g_concat():
    shape = dims(1)
    axis = axis_of(len(shape))
    def other():
        one = list(shape)
        one[axis] = R.randint(1, 4)
        return (F, one)
    return "Concat", [other() for _ in range(R.randint(1, 3))], {"axis": axis}, [4, 11, 13]


def g_split():
    shape = dims(1, 3)
    axis = axis_of(len(shape))
    count = R.randint(1, 3)
    version = R.choice([2, 11, 13, 18])
    if version < 11:
        axis %= len(shape)
    parts = [R.randint(1, 3) for _ in range(count)]
    given, inputs = {"axis": axis}, None
    if R.random() < 0.6:
        shape[axis] = sum(parts) + (R.random() < 0.1)
        inputs = [(F, shape)]
        if version < 13:
            given["split"] = parts
        else:
            inputs.append(ints(parts))
    else:
        shape[axis] = count * R.randint(1, 3) if version < 18 else R.randint(count, 9)
        inputs = [(F, shape)]
        if version >= 18:
            given["num_outputs"] = count
    return "Split", inputs, given, [version], count


def g_slice():
    shape = dims(1, 3, 9)
    rank = len(shape)
    axes = R.sample(range(rank), R.randint(1, rank))
    starts = [R.randint(-12, 12) for _ in axes]
    ends = [R.choice([R.randint(-12, 12), 2**31 - 1, 2**63 - 1, -(2**63)]) for _ in axes]
    named = [a if R.random() < 0.7 else a - rank for a in axes]
    if R.random() < 0.3:
        return "Slice", [(F, shape)], {"starts": starts, "ends": [min(max(e, -(2**31)), 2**31 - 1) for e in ends], "axes": axes}, [1]
    steps = [R.choice([1, 1, 2, 3, -1, -2]) for _ in axes]
    return "Slice", [(F, shape), ints(starts), ints(ends), ints(named), ints(steps)], {}, [10, 11, 13]


def g_gather():
    shape = dims(1)
    axis = axis_of(len(shape))
    return "Gather", [(F, shape), (I64, dims(0, 2))], {"axis": axis}, [11, 13]


def g_gather_nd():
    shape = dims(2, 4)
    batch = R.randint(0, 1)
    deep = R.randint(1, len(shape) - batch)
    return "GatherND", [(F, shape), (I64, shape[:batch] + dims(0, 2) + [deep])], {"batch_dims": batch}, [12, 13]


def g_expand():
    shape = dims(1, 3)
    one = broken(shape)
    target = R.choice([shape, [2, *shape], [R.choice([1, d]) for d in shape]])
    return "Expand", [(F, one), ints(target)], {}, [8, 13]


def g_tile():
    shape = dims(1, 3)
    return "Tile", [(F, shape), ints([R.randint(0, 3) for _ in shape])], {}, [6, 13]


def g_pad():
    shape = dims(1, 3, 8)
    rank = len(shape)
    version = R.choice([2, 11, 13, 18])
    if version == 2:
        return "Pad", [(F, shape)], {"pads": [R.randint(0, 3) for _ in range(2 * rank)]}, [2]
    if version == 18 and R.random() < 0.6:
        axes = some_axes(rank)
        return "Pad", [(F, shape), ints([R.randint(-1, 3) for _ in range(2 * len(axes))]), None, ints(axes)], {}, [18]
    return "Pad", [(F, shape), ints([R.randint(-1, 3) for _ in range(2 * rank)])], {}, [version]


def g_resize():
    shape = [1, R.randint(1, 3), R.randint(2, 9), R.randint(2, 9)]
    scales = (F, [4], [1.0, 1.0, R.choice([0.5, 2.0, 1.5, 0.6, 3.0, 0.7]), R.choice([2.0, 0.3, 1.7, 1.25])])
    version = R.choice([10, 11, 13, 18, 19])
    if version == 10:
        return "Resize", [(F, shape), scales], {}, [10]
    if R.random() < 0.5:
        return "Resize", [(F, shape), None, scales], {}, [version]
    if version >= 18 and R.random() < 0.7:
        given = {"axes": [2, 3], **maybe(keep_aspect_ratio_policy=R.choice(["stretch", "not_larger", "not_smaller"]))}
        return "Resize", [(F, shape), None, None, ints([R.randint(1, 12), R.randint(1, 12)])], given, [version]
    return "Resize", [(F, shape), None, None, ints([*shape[:2], R.randint(1, 12), R.randint(1, 12)])], {}, [version]


def g_upsample():
    shape = [1, R.randint(1, 3), R.randint(2, 9), R.randint(2, 9)]
    scales = [1.0, 1.0, R.choice([1.5, 2.0, 3.0, 1.3]), R.choice([2.0, 1.0, 1.7])]
    if R.random() < 0.5:
        return "Upsample", [(F, shape)], {"scales": scales}, [7]
    return "Upsample", [(F, shape), (F, [4], scales)], {}, [9]


def g_reduce():
    op = R.choice(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2", "ReduceLogSumExp"])
    shape = dims(1)
    axes = some_axes(len(shape)) if R.random() < 0.8 else None
    given = maybe(keepdims=R.randint(0, 1))
    version = R.choice([11, 13, 18])
    if version >= 18 or (version >= 13 and op == "ReduceSum"):
        given.update(maybe(noop_with_empty_axes=R.randint(0, 1)))
        return op, [(F, shape)] + ([ints(axes)] if axes else []), given, [version]
    return op, [(F, shape)], {**given, **({"axes": axes} if axes else {})}, [version]


def g_arg():
    shape = dims(1)
    return R.choice(["ArgMax", "ArgMin"]), [(F, shape)], {**maybe(axis=axis_of(len(shape))), **maybe(keepdims=R.randint(0, 1))}, [11, 13]


def g_top_k():
    shape = dims(1)
    axis = axis_of(len(shape))
    k = R.randint(1, shape[axis])
    if R.random() < 0.3:
        return "TopK", [(F, shape)], {"k": k, "axis": axis % len(shape)}, [1], 2
    return "TopK", [(F, shape), ints([k])], {"axis": axis}, [10, 11], 2


def g_one_hot():
    shape = dims(1, 3)
    return "OneHot", [(I64, shape), R.choice([scalar(R.randint(1, 9)), ints([4])]), (F, [2])], maybe(axis=R.randint(-len(shape) - 1, len(shape))), [9, 11]


def g_range():
    if R.random() < 0.5:
        return "Range", [scalar(R.randint(-5, 9)), scalar(R.randint(-5, 20)), scalar(R.choice([1, 2, 3, -1, -4]))], {}, [11]
    return "Range", [scalar(x, F) for x in (R.randint(0, 9) / 4, R.randint(0, 40) / 4, R.choice([0.25, 0.5, 1.5, -0.75]))], {}, [11]


def g_constant_of_shape():
    shape = dims(0, 3)
    value = R.choice([None, helper.make_tensor("", I64, [1], [7]), helper.make_tensor("", B, [1], [1])])
    return "ConstantOfShape", [ints(shape)], {"value": value} if value else {}, [9, 20]


def g_shape():
    return "Shape", [(F, dims(1))], {**maybe(start=R.randint(-5, 5)), **maybe(end=R.randint(-5, 5))}, [15, 19]


def g_space():
    b = R.randint(1, 3)
    if R.random() < 0.5:
        return "DepthToSpace", [(F, [1, b * b * 2, R.randint(1, 4), R.randint(1, 4)])], {"blocksize": b}, [1, 11, 13]
    return "SpaceToDepth", [(F, [1, 2, b * R.randint(1, 4), b * R.randint(1, 4)])], {"blocksize": b}, [1, 13]


def g_recurrent():
    op, gates = R.choice([("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    seq, batch, size, hidden = (R.randint(1, 5) for _ in range(4))
    both = R.random() < 0.5
    d = 2 if both else 1
    given = {"hidden_size": hidden, **({"direction": "bidirectional"} if both else maybe(direction=R.choice(["forward", "reverse"])))}
    version, x = R.choice([7, 14, 22]), [seq, batch, size]
    if version >= 14 and R.random() < 0.3:
        given["layout"], x = 1, [batch, seq, size]
    return op, [(F, x), (F, [d, gates * hidden, size]), (F, [d, gates * hidden, hidden])], given, [version], 3 if op == "LSTM" else 2


def g_layer_norm():
    shape = dims(1)
    axis = axis_of(len(shape))
    return "LayerNormalization", [(F, shape), (F, shape[axis:]), (F, shape[axis:])], {"axis": axis}, [17], R.choice([1, 3])


def g_batch_norm():
    c = R.randint(1, 4)
    return "BatchNormalization", [(F, [1, c, *dims(0, 2)])] + [(F, [c])] * 4, {}, [9, 14, 15]


def g_quantize():
    op = R.choice(["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"])
    if op == "DynamicQuantizeLinear":
        return op, [(F, dims(1))], {}, [11], 3
    kind = R.choice([U8, I8])
    zero = [(kind, [])]
    if op == "QuantizeLinear":
        return op, [(F, dims(1)), (F, [])] + R.choice([[], zero]), {}, [10, 13, 19, 21]
    return op, [(kind, dims(1)), (F, [])] + R.choice([[], zero]), {}, [10, 13, 19, 21]


def g_qlinear_matmul():
    s, z = (F, []), (U8, [])
    a, b, c = R.randint(1, 5), R.randint(1, 5), R.randint(1, 5)
    if R.random() < 0.5:
        return "MatMulInteger", [(U8, [2, a, b]), (U8, [b, c])], {}, [10]
    return "QLinearMatMul", [(U8, [a, b]), s, z, (U8, [b, c]), s, z, s, z], {}, [10, 21]


def g_attention():
    b, s, t, kh, h, v = R.randint(1, 2), R.randint(1, 4), R.randint(1, 4), R.randint(1, 2), R.randint(1, 4), R.randint(1, 4)
    qh, past = kh * R.randint(1, 2), R.choice([0, 3])
    if R.random() < 0.5:
        inputs, given = [(F, [b, s, qh * h]), (F, [b, t, kh * h]), (F, [b, t, kh * v])], {"q_num_heads": qh, "kv_num_heads": kh}
    else:
        inputs, given = [(F, [b, qh, s, h]), (F, [b, kh, t, h]), (F, [b, kh, t, v])], {}
    if past:
        inputs += [None, (F, [b, kh, past, h]), (F, [b, kh, past, v])]
    return "Attention", inputs, given, [23], 3 if past else 1


def g_misc():
    n, c, h, w = 1, R.randint(1, 3), R.randint(2, 6), R.randint(2, 6)
    return R.choice([
        ("GridSample", [(F, [n, c, h, w]), (F, [n, 3, 5, 2])], {}, [16, 20]),
        ("RoiAlign", [(F, [n, c, h, w]), (F, [4, 4]), (I64, [4])], {"output_height": 3, "output_width": 2}, [10, 16]),
        ("MaxRoiPool", [(F, [n, c, h, w]), (F, [4, 5])], {"pooled_shape": [3, 2]}, [1, 22]),
        ("Det", [(F, [n, c, h, h])], {}, [11, 22]),
        ("Trilu", [(F, [n, c, h, w])], {}, [14]),
        ("CumSum", [(F, [c, h]), scalar(0, I32)], {}, [11, 14]),
        ("EyeLike", [(F, [c, h])], maybe(dtype=I64), [9, 22]),
        ("RandomNormal", [], {"shape": [c, h], **maybe(dtype=11)}, [1, 22]),
        ("RandomUniformLike", [(F, [c, h])], maybe(dtype=11), [1, 22]),
        ("Multinomial", [(F, [2, h])], {"sample_size": w, **maybe(dtype=I64)}, [7, 22]),
        ("GatherElements", [(F, [c, h]), (I64, [c, w])], {"axis": 1}, [11, 13]),
        ("PRelu", [(F, [n, c, h]), (F, [c, 1])], {}, [9, 16]),
        ("InstanceNormalization", [(F, [n, c, h]), (F, [c]), (F, [c])], {}, [6, 22]),
        ("LRN", [(F, [n, c, h, w])], {"size": 3}, [1, 13]),
        ("Size", [(F, [c, h])], {}, [13, 19]),
        ("IsNaN", [(F, [c, h])], {}, [9, 13]),
        ("Compress", [(F, [c, h]), (B, [3], [1, 0, 1])], maybe(axis=1) if h >= 3 else {}, [9, 11]),
        ("HannWindow", [scalar(h)], maybe(output_datatype=11), [17]),
        ("DFT", [(F, [n, 8, 1]), scalar(R.choice([4, 8]))], {"axis": 1, **maybe(onesided=1)}, [17]),
        ("STFT", [(F, [n, 32, 1]), scalar(R.randint(1, 8)), (F, [8])], maybe(onesided=R.randint(0, 1)), [17]),
        ("MelWeightMatrix", [scalar(c), scalar(16), scalar(8000), scalar(0.0, F), scalar(4000.0, F)], {}, [17]),
        ("Col2Im", [(F, [n, c * 4, 9]), ints([4, 4]), ints([2, 2])], {}, [18]),
        ("CenterCropPad", [(F, [n, c, h, w]), ints([3, 9])], {"axes": [2, -1]}, [18]),
        ("AffineGrid", [(F, [n, 2, 3]), ints([n, c, h, w])], {}, [20]),
        ("SoftmaxCrossEntropyLoss", [(F, [h, 5]), (I64, [h])], {"reduction": R.choice(["none", "mean"])}, [13]),
        ("Dropout", [(F, [c, h])], {}, [7, 10, 12, 13], 2),
        ("NonZero", [(I64, [2, 3], [0, 1, 2, 0, 0, 5])], {}, [13]),
    ])


def g_microsoft():
    a, b, c, d = (R.randint(1, 5) for _ in range(4))
    heads, size = R.randint(1, 2), R.choice([8, 16])
    wide = heads * size
    s, z = (F, [], [0.5]), (U8, [], [3])
    m = {"domain": MICROSOFT}
    k, given = window([8, 8])
    ta, tb = R.randint(0, 1), R.randint(0, 1)
    op, inputs, given, *outputs = R.choice([
        ("FusedConv", [(F, [1, b, 8, 8]), (F, [c, b, *k])], {**given, "activation": "Relu"}),
        ("FusedMatMul", [(F, [2, b, a] if ta else [2, a, b]), (F, [c, b] if tb else [b, c])], {"transA": ta, "transB": tb}),
        ("FusedGemm", [(F, [a, b]), (F, [b, c]), (F, [c])], {"activation": "Relu"}),
        ("Gelu", [(F, [a, b, c])], {}),
        ("FastGelu", [(F, [a, b, c])], {}),
        ("QuickGelu", [(F, [a, b])], {}),
        ("BiasGelu", [(F, [a, b, c]), (F, [c])], {}),
        ("SkipLayerNormalization", [(F, [a, b, c]), (F, [a, b, c]), (F, [c])], {}),
        ("EmbedLayerNormalization", [(I32, [a, b]), None, (F, [9, c]), (F, [b + 1, c]), None, (F, [c]), (F, [c])], {}, 2),
        ("Attention", [(F, [a, b, wide]), (F, [wide, 3 * wide]), (F, [3 * wide])], {"num_heads": heads}, R.choice([1, 2])),
        ("MultiHeadAttention", [(F, [a, b, wide]), (F, [a, c, wide]), (F, [a, c, wide])], {"num_heads": heads}, R.choice([1, 3])),
        ("QLinearAdd", [(U8, [a, b, c]), s, z, (U8, R.choice([[c], [a, b, c], [b, 1]])), s, z, s, z], {}),
        ("QLinearMul", [(U8, [c]), s, z, (U8, [a, b, c]), s, z, s, z], {}),
        ("QLinearSigmoid", [(U8, [a, b]), s, z, s, z], {}),
        ("QLinearLeakyRelu", [(U8, [a, b]), s, z, s, z], {}),
        ("QLinearSoftmax", [(U8, [a, b]), s, z, s, z], {"opset": 13}),
        ("QLinearGlobalAveragePool", [(U8, [1, b, c, d]), s, z, s, z], {}),
        ("QLinearAveragePool", [(U8, [1, b, 6 + c, 6 + d]), s, z, s, z], {"kernel_shape": [2, 3], **maybe(strides=[2, 1]), **maybe(ceil_mode=1)}),
        ("QLinearConcat", [s, z, (U8, [a, b]), s, z, (U8, [a, c]), s, z], {"axis": 1}),
        ("QGemm", [(U8, [a, b]), s, z, (U8, [b, c]), s, z] + R.choice([[], [None, s, z]]), {}),
        ("DynamicQuantizeMatMul", [(F, [a, b]), (U8, [b, c]), s], {}),
        ("MatMulIntegerToFloat", [(U8, [a, b]), (U8, [b, c]), s, s], {}),
        ("MatMulNBits", [(F, [a, b, 32]), (U8, [c, 2, 8]), (F, [c * 2])], {"N": c, "K": 32, "bits": 4, "block_size": 16}),
    ])
    return op, inputs, {**given, **m}, [1], *outputs


GENERATORS = [
    (g_conv, 60), (g_conv_integer, 10), (g_qlinear_conv, 15), (g_conv_transpose, 50), (g_pool, 110), (g_global_pool, 5),
    (g_unary, 20), (g_binary, 30), (g_variadic, 15), (g_where, 12), (g_cast, 12), (g_matmul, 40), (g_gemm, 25),
    (g_einsum, 20), (g_reshape, 60), (g_flatten, 15), (g_transpose, 15), (g_squeeze, 30), (g_unsqueeze, 25),
    (g_concat, 20), (g_split, 50), (g_slice, 80), (g_gather, 25), (g_gather_nd, 25), (g_expand, 20), (g_tile, 15),
    (g_pad, 40), (g_resize, 70), (g_upsample, 15), (g_reduce, 60), (g_arg, 20), (g_top_k, 15), (g_one_hot, 15),
    (g_range, 25), (g_constant_of_shape, 12), (g_shape, 15), (g_space, 15), (g_recurrent, 25), (g_layer_norm, 10),
    (g_batch_norm, 8), (g_quantize, 20), (g_qlinear_matmul, 12), (g_attention, 25), (g_misc, 110), (g_microsoft, 150),
]


def typed(data_type, shape, numbers):
    kind = helper.tensor_dtype_to_np_dtype(data_type)
    if numbers is not None:
        return np.array(numbers, dtype=kind).reshape(shape)
    return np.ones(shape, dtype=kind)


def random_row(generator):
    op, inputs, given, versions, *rest = generator()
    version, count = R.choice(versions), rest[0] if rest else 1
    domain = given.pop("domain", "")
    names = ["" if i is None else f"x{n}" for n, i in enumerate(inputs)]
    outputs = [f"y{n}" for n in range(count)]
    node = helper.make_node(op, names, outputs, domain=domain, **given)
    determines_shape = SHAPE_INPUTS.get(op, set()) | ({1} if op.startswith("Reduce") else set())
    infos, initializers, texts, feeds = [], [], [], {}
    for number, (name, value) in enumerate(zip(names, inputs)):
        if value is None:
            texts.append("")
            continue
        data_type, shape, numbers = (*value, None)[:3]
        array = typed(data_type, shape, numbers)
        if numbers is not None:
            initializers.append(numpy_helper.from_array(array, name))
        else:
            infos.append(helper.make_tensor_value_info(name, data_type, shape))
            feeds[name] = array
        texts.append(tensor_text(data_type, shape, numbers))
    # ONNX Runtime accepts outputs without types; the checker does not.
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph([node], "g", infos, results, initializers)
    opset = [helper.make_opsetid("", 21 if domain else version)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    inferred = None if domain else inferred_shapes(model)
    run = run_shapes(model, feeds)
    if inferred is not None and run is not None and inferred != "!" and inferred != run:
        print(f"left out: inference {inferred}, run {run}: {row(node, version, texts, '')}", file=sys.stderr)
        return None
    shapes = run if domain else inferred
    if shapes == "!" and (run is not None or not refused_by_reference(model, feeds, domain)):
        return None
    return shapes and row(node, version, texts, shapes)


def inferred_shapes(model):
    try:
        result = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception:
        return "!"
    texts = []
    for output in result.graph.output:
        tensor = output.type.tensor_type
        if not tensor.HasField("shape") or any(not d.HasField("dim_value") for d in tensor.shape.dim):
            return None
        texts.append(tensor_text(tensor.elem_type, [d.dim_value for d in tensor.shape.dim]))
    return ";".join(texts)


def run_shapes(model, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = session.run(None, feeds)
    except Exception:
        return None
    return ";".join(tensor_text(helper.np_dtype_to_tensor_dtype(r.dtype), r.shape) for r in results)


def refused_by_reference(model, feeds, domain):
    if domain:
        return False
    try:
        onnx.reference.ReferenceEvaluator(model).run(None, feeds)
    except Exception:
        return True
    return False


def main():
    rows = tested()
    before = len(set(rows))
    for generator, count in GENERATORS:
        made = [random_row(generator) for _ in range(count)]
        kept = [drawn for drawn in made if drawn]
        if len(kept) < count // 2:
            print(f"{generator.__name__}: {len(kept)} of {count}", file=sys.stderr)
        rows += kept
    unique = sorted(set(rows))
    print(f"{before} from tests, {len(unique) - before} random", file=sys.stderr)
    for line in unique:
        print(line)


main()
