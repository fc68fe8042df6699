#!/usr/bin/env python3
"""Runs two models on the same random inputs and compares their outputs.

    python tools/same_outputs.py model.tflite tiled.tflite [--runs 10] [--seed 1] [--tolerance 0]

`plimsoll plan --check` runs this script. Each interpreter that is installed runs both models: TensorFlow Lite Micro (package `tflite-micro`), LiteRT
(`ai-edge-litert`), ONNX Runtime (`onnxruntime`, for .onnx). Reports for each one whether all outputs are equal bit by bit,
or the largest difference. Exit status 0 if they are equal, or if floating-point outputs differ by at most the tolerance, a part
of the largest output; 1 if they differ by more; 2 if no interpreter runs the first model.
"""

import argparse
import sys

# A script from standard input would find modules in the current folder first.
sys.path = [folder for folder in sys.path if folder]

import numpy as np


def random_inputs(details, seed, runs):
    """Values for inputs given as (shape, dtype)."""
    random = np.random.default_rng(seed)

    def one(shape, kind):
        kind = np.dtype(kind)
        if kind.kind == "f":
            return random.standard_normal(shape).astype(kind)
        if kind.kind == "b":
            return random.integers(0, 2, shape).astype(kind)
        limits = np.iinfo(kind)
        return random.integers(max(limits.min, -(2**15)), min(limits.max, 2**15 - 1), shape, endpoint=True).astype(kind)

    return [[one(shape, kind) for shape, kind in details] for _ in range(runs)]


def common_details(first, second):
    """Shapes and types of the inputs of both models. A dimension without a size in one of them has that of the other, or 1; none
    if the inputs differ."""
    if len(first) != len(second):
        return None
    found = []
    for (shape, kind), (other, other_kind) in zip(first, second):
        pairs = list(zip(shape, other))
        if kind != other_kind or len(shape) != len(other) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
            return None
        found.append((tuple(next((dim for dim in pair if dim is not None), 1) for pair in pairs), kind))
    return found


class Micro:
    name = "TensorFlow Lite Micro"

    def __init__(self, path):
        from tflite_micro.python.tflite_micro import runtime
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema
        data = open(path, "rb").read()
        graph = schema.Model.GetRootAsModel(data, 0).Subgraphs(0)
        self.running = runtime.Interpreter.from_bytes(data, arena_size=min(2**30, 2**26 + 64 * len(data)))
        self.outputs = graph.OutputsLength()
        details = [self.running.get_input_details(place) for place in range(graph.InputsLength())]
        self.details = [(tuple(one["shape"]), one["dtype"]) for one in details]

    def run(self, values):
        for place, value in enumerate(values):
            self.running.set_input(value, place)
        self.running.invoke()
        return [np.array(self.running.get_output(place)) for place in range(self.outputs)]


class LiteRt:
    name = "LiteRT"

    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter
        self.running = Interpreter(model_path=path)
        self.running.allocate_tensors()
        self.inputs = self.running.get_input_details()
        self.details = [(tuple(one["shape"]), one["dtype"]) for one in self.inputs]

    def run(self, values):
        for one, value in zip(self.inputs, values):
            self.running.set_tensor(one["index"], value)
        self.running.invoke()
        return [self.running.get_tensor(one["index"]) for one in self.running.get_output_details()]


class OnnxRuntime:
    name = "ONNX Runtime"
    KINDS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64", "tensor(bool)": "bool"}

    def __init__(self, path):
        import onnxruntime
        self.running = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        kind = lambda text: self.KINDS.get(text, text.removeprefix("tensor(").removesuffix(")"))
        # A dimension with a name has no size: none, or that of the other model.
        shape = lambda dims: tuple(dim if isinstance(dim, int) else None for dim in dims)
        self.details = [(shape(one.shape), kind(one.type)) for one in self.running.get_inputs()]

    def run(self, values):
        return self.running.run(None, {one.name: value for one, value in zip(self.running.get_inputs(), values)})


def difference(one, other):
    """The largest difference of two outputs, and its part of the largest number of the second one; infinite if shapes or
    types differ, or if only one of them has a number."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf"), float("inf")
    if one.tobytes() == other.tobytes() or one.size == 0:
        return 0.0, 0.0
    is_integer = one.dtype.kind != "f"
    one, other = one.astype("float64"), other.astype("float64")
    is_same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        largest = float(np.max(np.abs(np.where(is_same, 0, one - other))))
    if is_integer or not np.isfinite(largest):
        return largest if is_integer else float("inf"), float("inf")
    # Equal numbers with other bits, such as two zeros, are a difference as well.
    return largest, max(largest / max(float(np.max(np.abs(other[np.isfinite(other)]), initial=0)), 1e-30), 1e-30)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("models", nargs=2)
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--tolerance", type=float, default=0.0)
    options = options.parse_args()
    is_onnx = options.models[0].endswith(".onnx")
    compared, differ = 0, False
    for kind in [OnnxRuntime] if is_onnx else [Micro, LiteRt]:
        try:
            first = kind(options.models[0])
        except Exception as error:  # a missing package, or a model that this interpreter refuses
            print(f"{kind.name}: skipped: {str(error)[:200] or type(error).__name__}")
            continue
        try:
            second = kind(options.models[1])
        except Exception as error:
            print(f"{kind.name}: does not run the second model: {str(error)[:200] or type(error).__name__}")
            compared, differ = compared + 1, True
            continue
        details = common_details(first.details, second.details)
        if details is None:
            print(f"{kind.name}: other inputs")
            compared, differ = compared + 1, True
            continue
        inputs = random_inputs(details, options.seed, options.runs)
        try:
            expected = [first.run(values) for values in inputs]
        except Exception as error:  # numbers that the model refuses, such as indices
            print(f"{kind.name}: skipped: the first model fails on random inputs: {str(error)[:200]}")
            continue
        try:
            outputs = [second.run(values) for values in inputs]
        except Exception as error:
            print(f"{kind.name}: the second model fails on random inputs: {str(error)[:200]}")
            compared, differ = compared + 1, True
            continue
        compared += 1
        pairs = [pair for run in zip(outputs, expected) for pair in zip(*run, strict=True)]
        found = [difference(one, other) for one, other in pairs]
        largest, part = (max(one[place] for one in found) for place in range(2))
        differ |= not part <= options.tolerance
        amount = f"{largest:.3g}" + (f", {part:.2g} of the largest output" if np.isfinite(part) else "")
        verdict = "equal bit by bit" if part == 0 else f"outputs differ by up to {amount}"
        print(f"{kind.name}: {verdict} ({options.runs} random inputs)")
    sys.exit(2 if compared == 0 else 1 if differ else 0)


if __name__ == "__main__":
    main()
