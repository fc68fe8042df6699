"""Compares planned ONNX models with the originals in ONNX Runtime.

    python compare.py PLIMSOLL [MODEL.onnx...]

`PLIMSOLL plan --out` plans each model without and with shared memory, and `verify` checks the result. ONNX Runtime
runs the planned model and the original on random inputs; outputs must be equal bit by bit.
Missing weights (in external files that do not exist) are random. Three kinds of test models come first: branches,
folded constants, and bodies that capture values. Needs the packages onnx and onnxruntime (requirements.txt);
without them, the script prints a message and ends.
"""

import collections
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, checker, helper, numpy_helper
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(0)


def made_models():
    """Small models of cases that are easy to get wrong, as (name, model)."""
    info = helper.make_tensor_value_info
    floats = lambda name, *dims: info(name, TensorProto.FLOAT, dims)
    half = helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5])
    nodes = [
        helper.make_node("Constant", [], ["two"], value=helper.make_tensor("v", TensorProto.FLOAT, [1], [2.0])),
        helper.make_node("Tile", ["x", "wide"], ["large1"]),
        helper.make_node("Tile", ["x", "wide"], ["large2"]),
        helper.make_node("Mul", ["half", "two"], ["one"]),
        helper.make_node("Relu", ["large1"], ["positive1"]),
        helper.make_node("Sigmoid", ["large2"], ["positive2"]),
        helper.make_node("ReduceMax", ["positive1", "axes"], ["small1"], keepdims=1),
        helper.make_node("ReduceSum", ["positive2", "axes"], ["small2"], keepdims=1),
        helper.make_node("Concat", ["small1", "small2", "one"], ["y"], axis=0),
    ]
    integers = lambda name, values: helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
    branches = helper.make_graph(
        nodes, "branches", [floats("x", 8)], [floats("y", 3)],
        [half, integers("wide", [100]), integers("axes", [0])],
        value_info=[floats(name, 800) for name in ("large1", "large2", "positive1", "positive2")]
        + [floats(name, 1) for name in ("small1", "small2", "one", "two")],
    )

    def body(op_type):
        return helper.make_graph(
            [helper.make_node(op_type, ["outer"], ["inner"])], op_type, [], [floats("inner", 8)])

    nodes = [
        helper.make_node("Neg", ["x"], ["unrelated"]),
        helper.make_node("Exp", ["x"], ["outer"]),
        helper.make_node("Greater", ["threshold", "half"], ["condition"]),
        helper.make_node("If", ["condition"], ["chosen"], then_branch=body("Sqrt"), else_branch=body("Neg")),
        helper.make_node("Add", ["chosen", "unrelated"], ["y"]),
    ]
    bodies = helper.make_graph(
        nodes, "bodies", [floats("x", 8), floats("threshold", 1)], [floats("y", 8)], [half],
        value_info=[floats(name, 8) for name in ("unrelated", "outer", "chosen")]
        + [info("condition", TensorProto.BOOL, [1])],
    )
    opset = [helper.make_opsetid("", 18)]
    for graph in (branches, bodies):
        yield graph.name, helper.make_model(graph, opset_imports=opset, ir_version=8)


def with_weights(model, random):
    """Replaces missing weights by small random numbers."""
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        values = random.standard_normal(tuple(tensor.dims)) * 0.1
        # Some of the weights are variances, which must not be negative.
        values = np.abs(values) if np.issubdtype(dtype, np.floating) else np.ones(tuple(tensor.dims))
        tensor.CopyFrom(numpy_helper.from_array(values.astype(dtype), tensor.name))
    return model


def run(path, inputs, level):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, inputs)


def inputs_of(model, random):
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = {}
    for value in model.graph.input:
        if value.name not in constants:
            dims = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
            dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            inputs[value.name] = random.standard_normal(dims).astype(dtype)
    return inputs


def compare(plimsoll, name, model, folder):
    random = np.random.default_rng(1)
    old, new = (os.path.join(folder, file) for file in ("old.onnx", "new.onnx"))
    onnx.save(with_weights(model, random), old)
    inputs = inputs_of(model, random)
    expected = run(old, inputs, ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    optimised = run(old, inputs, ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    for sharing in ("none", "all"):
        subprocess.run([plimsoll, "plan", old, "--share", sharing, "--out", new], check=True, capture_output=True)
        verified = subprocess.run([plimsoll, "verify", new], check=True, capture_output=True, text=True)
        planned = onnx.load(new)
        checker.check_model(planned, full_check=False)
        count = lambda m: collections.Counter(node.SerializeToString() for node in m.graph.node)
        assert count(model) == count(planned), "other nodes"
        moved = sum(a != b for a, b in zip(model.graph.node, planned.graph.node))
        for level, outputs in ((ort.GraphOptimizationLevel.ORT_DISABLE_ALL, expected),
                               (ort.GraphOptimizationLevel.ORT_ENABLE_BASIC, optimised)):
            for before, after in zip(outputs, run(new, inputs, level)):
                assert np.isfinite(before.astype(np.float64)).all(), f"{name}: outputs that are not finite"
                assert before.tobytes() == after.tobytes(), f"{name}, sharing {sharing}: outputs differ"
        arena = {entry.key: entry.value for entry in planned.metadata_props}["plimsoll.arena_bytes"]
        print(f"{name}, sharing {sharing}: {moved} of {len(model.graph.node)} nodes moved, "
              f"arena {arena} bytes, equal; {verified.stdout.strip()}")


def main(plimsoll, *files):
    models = list(made_models())
    for file in files:
        name = os.path.splitext(os.path.basename(file))[0]
        models.append((name, onnx.load(file, load_external_data=False)))
    for name, model in models:
        with tempfile.TemporaryDirectory() as folder:
            compare(plimsoll, name, model, folder)
    print(f"{len(models)} models compared")


if __name__ == "__main__":
    main(*sys.argv[1:])
