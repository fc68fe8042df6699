"""Plans an ONNX model read by the package onnx: python3 plan_onnx.py libplimsoll.so MODEL.onnx

A template for importers: it builds the graph call by call, with sizes from the value_info of the
model and permissions to share memory for reshapes, elementwise operators and concatenations. (The
library has an importer as well, in builds with the feature `onnx`.) The optional third argument is a
PLAN.json of the same model by `plimsoll plan --share all`, with which the plan is compared.
"""
import json
import math
import sys

import onnx
import plimsoll
from google.protobuf.message import DecodeError

# Operators without side effects, which may run at compile time.
PURE = {"Constant", "ConstantOfShape", "Identity", "Cast", "Shape", "Gather", "Reshape", "Transpose", "Unsqueeze",
        "Squeeze", "Slice", "Concat", "Add", "Sub", "Mul", "Div", "Sqrt", "Pow", "Range", "Expand"}
VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"}
ELEMENTWISE = {"Relu", "Clip", "Sigmoid", "Tanh", "Add", "Mul", "Sub", "Div", "LeakyRelu", "HardSwish", "Elu"}


def size_of(element_type, dims):
    """Size of a tensor in bytes; elements of less than a byte are packed."""
    names = {onnx.TensorProto.INT4: 4, onnx.TensorProto.UINT4: 4}
    bits = names.get(element_type) or 8 * onnx.helper.tensor_dtype_to_np_dtype(element_type).itemsize
    return (math.prod(dims) * bits + 7) // 8


def shapes_of(graph):
    """Element types and dimensions of all tensors with static shapes."""
    shapes = {}
    for value in [*graph.input, *graph.output, *graph.value_info]:
        tensor = value.type.tensor_type
        if value.type.HasField("tensor_type") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            shapes[value.name] = (tensor.elem_type, [dim.dim_value for dim in tensor.shape.dim])
    for tensor in graph.initializer:
        shapes[tensor.name] = (tensor.data_type, list(tensor.dims))
    return shapes


def build(model):
    """Builds the graph of a model. Returns it and the index of each tensor by name."""
    graph, shapes = plimsoll.Graph(model.graph.name), shapes_of(model.graph)
    sizes = {name: size_of(*shape) for name, shape in shapes.items()}
    constants = {tensor.name for tensor in model.graph.initializer}
    indices = {}

    def tensor(name, kind=plimsoll.INTERMEDIATE):
        if name not in indices:
            kind = plimsoll.CONSTANT if name in constants else kind
            if name not in sizes and kind != plimsoll.CONSTANT:
                raise plimsoll.Error(f"tensor `{name}` has no static size; run onnx.shape_inference")
            indices[name] = graph.tensor(name, sizes.get(name, 0), kind=kind)
        return indices[name]

    for value in model.graph.input:
        tensor(value.name, plimsoll.INPUT)
    for node in model.graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise plimsoll.Error(f"`{node.name}` ({node.op_type}) has a body, which this example does not support")
        # An empty name stands for an absent optional tensor.
        reads = [tensor(name) for name in node.input if name]
        writes = [tensor(name) for name in node.output if name]
        operator = graph.operator(node.name, node.op_type, reads=reads, writes=writes)
        if node.op_type in PURE:
            graph.foldable(operator)
        permit(graph, operator, node, indices, shapes, sizes, constants)
    for value in model.graph.output:
        graph.output(indices[value.name])
    return graph, indices


def permit(graph, operator, node, indices, shapes, sizes, constants):
    """Permits the memory sharing that the target's kernels support; here, what most kernels support."""
    inputs = [name for name in node.input if name and name not in constants]
    result = node.output[0]
    if node.op_type in VIEWS and inputs[:1]:
        graph.permit(operator, plimsoll.VIEW, indices[inputs[0]], indices[result])
    if node.op_type in ELEMENTWISE:
        for name in dict.fromkeys(inputs):
            if sizes[name] == sizes[result]:
                graph.permit(operator, plimsoll.WRITE_OVER, indices[name], indices[result])
    if node.op_type == "Concat":
        axis = next(attribute.i for attribute in node.attribute if attribute.name == "axis")
        dims, at = shapes[result][1], 0
        # The pieces are contiguous in the result only if all outer dimensions are 1.
        contiguous = math.prod(dims[: axis % len(dims)]) == 1 and all(name in sizes for name in node.input)
        for name in node.input if contiguous and len(set(node.input)) == len(node.input) else []:
            if name not in constants:
                graph.permit(operator, plimsoll.PIECE, indices[name], indices[result], at=at)
            at += sizes[name]


def main(library, path, expected=None):
    plimsoll.load(library)
    model = onnx.load(path, load_external_data=False)
    if not all(name for node in model.graph.node for name in node.output[:1]):
        raise plimsoll.Error("a node has no result")
    graph, indices = build(model)
    folded = graph.build(fold=True)
    unshared = graph.plan(alignment=16)
    plan = graph.plan(alignment=16, sharing=plimsoll.SHARE_ALL)
    plan.verify()
    for name, index in indices.items():
        if plan.offsets[index] is not None:
            print(f"{plan.offsets[index]:>10} {name}")
    print(f"{len(plan.order())} operators to run, {folded} folded")
    print(f"arena {unshared.arena_bytes} bytes ({unshared.status}); {plan.arena_bytes} with {len(plan.aliases())} "
          f"tensors that share memory ({plan.status})")
    if expected:
        with open(expected) as file:
            document = json.load(file)
        ours = {name: plan.offsets[index] for name, index in indices.items() if plan.offsets[index] is not None}
        if set(ours) != {entry["name"] for entry in document["tensors"]}:
            raise plimsoll.Error(f"{expected} has other tensors in the arena")
        if plan.arena_bytes != document["arena_bytes"]:
            raise plimsoll.Error(f"{expected} has an arena of {document['arena_bytes']} bytes")
        print(f"as in {expected}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (plimsoll.Error, OSError, DecodeError) as error:
        sys.exit(f"error: {error}")
