"""Access maps of ONNX operators beside runs in ONNX Runtime and the reference implementation of the package `onnx`.

    python tests/onnx/access.py target/release/plimsoll [NUMBER [SEED]]

Draws NUMBER random operators with attributes and shapes of their types, and takes the node tests of the package. The
command states the access map of each (`--out FILE.graph.json`). For each axis of a map, rows of each input change,
one at a time: an output row may change only if it reads the row by the map (rows.py). The script prints the operators
that were checked by type, and fails at the first row that no map explains, or if an operator that should have a map
has none.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

from rows import unexplained

ROWS_PER_AXIS = 6
# Wrong maps that the check must find.
WRONG_MAPS = 40


class Draw:
    """Random operators: each method returns a node type, inputs, constants, and attributes."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def number(self, low, high):
        return int(self.random.integers(low, high + 1))

    def choice(self, options):
        return options[self.number(0, len(options) - 1)]

    def numbers(self, count, low, high):
        return [self.number(low, high) for _ in range(count)]

    def array(self, shape):
        return self.random.standard_normal(shape).astype(np.float32)

    def shape(self, low=1, high=4, most=6):
        return self.numbers(self.number(low, high), 1, most)

    def window(self, spatial, kernel, automatic=True):
        """Attributes of a window that fits into an input of these sizes."""
        given = {"strides": self.numbers(len(spatial), 1, 3), "dilations": self.numbers(len(spatial), 1, 2)}
        if automatic and self.number(0, 3) == 0:
            given["auto_pad"] = self.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
        else:
            given["pads"] = self.numbers(2 * len(spatial), 0, min(1, min(kernel) - 1))
        return given

    def conv(self):
        dims = self.number(1, 3)
        groups, per_group, outputs = self.choice([1, 1, 2, 3]), self.number(1, 2), self.number(1, 2)
        kernel, spatial = self.numbers(dims, 1, 3), self.numbers(dims, 6, 9)
        x = self.array([self.number(1, 2), groups * per_group, *spatial])
        w = self.array([groups * outputs, per_group, *kernel])
        inputs = [x, w] + ([self.array([groups * outputs])] if self.number(0, 1) else [])
        return "Conv", inputs, {}, {"group": groups, **self.window(spatial, kernel)}

    def conv_transpose(self):
        dims = self.number(1, 2)
        groups, per_group, outputs = self.choice([1, 1, 2]), self.number(1, 2), self.number(1, 2)
        kernel, spatial = self.numbers(dims, 2, 4), self.numbers(dims, 4, 6)
        x = self.array([1, groups * per_group, *spatial])
        w = self.array([groups * per_group, outputs, *kernel])
        given = self.window(spatial, kernel, automatic=False)
        if self.number(0, 3) == 0:
            given["output_padding"] = [self.number(0, stride - 1) for stride in given["strides"]]
        elif self.number(0, 2) == 0:
            extent = [(k - 1) * d + 1 for k, d in zip(kernel, given["dilations"])]
            whole = [(n - 1) * s + e for n, s, e in zip(spatial, given["strides"], extent)]
            given["output_shape"] = [n - self.number(0, 1) for n in whole]
            del given["pads"]
        return "ConvTranspose", [x, w], {}, {"group": groups, **given}

    def pool(self):
        dims = self.number(1, 3)
        kernel, spatial = self.numbers(dims, 1, 3), self.numbers(dims, 6, 9)
        kind = self.choice(["MaxPool", "AveragePool", "LpPool"])
        given = {"kernel_shape": kernel, **self.window(spatial, kernel)}
        if "auto_pad" in given:
            del given["dilations"]
            if kind == "LpPool":
                del given["auto_pad"]
        elif kind != "LpPool":
            given["ceil_mode"] = self.number(0, 1)
        return kind, [self.array([1, 2, *spatial])], {}, given

    def resize(self):
        spatial = self.numbers(2, 3, 12)
        mode = self.choice(["nearest", "linear", "cubic"])
        given = {"mode": mode, "coordinate_transformation_mode": self.choice(
            ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"])}
        if mode == "nearest":
            given["nearest_mode"] = self.choice(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
        elif self.number(0, 2) == 0:
            given["antialias"] = 1
        x, empty = self.array([1, 2, *spatial]), np.array([], np.float32)
        if self.number(0, 1):
            sizes = np.array([1, 2, *self.numbers(2, 2, 20)], np.int64)
            return "Resize", [x], {1: empty, 2: empty, 3: sizes}, given
        scale = lambda: self.choice([0.5, 1.0, 2.0, 3.0, 1.5, 0.75, 1.3, 0.6, 4.0])
        return "Resize", [x], {1: empty, 2: np.array([1, 1, scale(), scale()], np.float32)}, given

    def unary(self):
        kind = self.choice(["Relu", "Sigmoid", "HardSwish", "Clip", "Tanh", "Softplus", "Erf", "LeakyRelu", "Identity"])
        return kind, [self.array(self.shape())], {}, {}

    def binary(self):
        shape = self.shape(2, 4)
        other = [dim if self.number(0, 2) else 1 for dim in shape][self.number(0, len(shape)):]
        arrays = [self.array(shape), self.array(other)]
        kind = self.choice(["Add", "Mul", "Sub", "Less", "PRelu", "Max", "Where"])
        if kind == "Where":
            return kind, [self.array(shape) > 0, *arrays], {}, {}
        if kind not in ("PRelu", "Less") and self.number(0, 1):
            arrays.reverse()
        return kind, arrays, {}, {}

    def normalization(self):
        shape = self.shape(3, 4, 5)
        shape[1] = 4
        kind = self.choice(["BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
                            "Softmax", "LogSoftmax", "LpNormalization", "LRN", "MeanVarianceNormalization"])
        axis = self.number(-len(shape), len(shape) - 1)
        x, parameters = self.array(shape), lambda count: [self.array([4]) for _ in range(count)]
        if kind == "BatchNormalization":
            return kind, [x, *parameters(3), np.abs(self.array([4])) + 0.1], {}, {}
        if kind == "InstanceNormalization":
            return kind, [x, *parameters(2)], {}, {}
        if kind == "GroupNormalization":
            return kind, [x, *parameters(2)], {}, {"num_groups": 2}
        if kind == "LayerNormalization":
            own = shape[axis:] if axis < 0 else shape[axis:]
            return kind, [x, self.array(own), self.array(own)], {}, {"axis": axis}
        if kind == "LRN":
            return kind, [self.array([*shape[:2], 3, 3])], {}, {"size": self.choice([1, 2, 3])}
        if kind == "MeanVarianceNormalization":
            return kind, [self.array([*shape[:2], 3, 3])], {}, {}
        return kind, [x], {}, {"axis": axis}

    def concat(self):
        shape, parts = self.shape(2, 4, 4), self.number(1, 4)
        axis = self.number(-len(shape), len(shape) - 1)
        def part():
            own = list(shape)
            own[axis] = self.number(1, 4)
            return self.array(own)
        return "Concat", [part() for _ in range(parts)], {}, {"axis": axis}

    def split(self):
        shape, parts = self.shape(2, 4, 4), self.number(1, 3)
        axis = self.number(-len(shape), len(shape) - 1)
        shape[axis] = 0
        sizes = self.numbers(parts, 1, 3)
        shape[axis] = sum(sizes)
        return "Split", [self.array(shape)], {1: np.array(sizes, np.int64)}, {"axis": axis, "outputs": parts}

    def slice(self):
        shape = self.shape(2, 4, 8)
        axes = [axis for axis in range(len(shape)) if self.number(0, 1)] or [0]
        steps = [self.choice([1, 1, 2, 3, -1]) for _ in axes]
        starts = [self.number(-shape[axis], shape[axis] - 1) for axis in axes]
        ends = [self.choice([2 ** 40, self.number(-shape[axis], shape[axis])]) if step > 0 else -2 ** 40
                for axis, step in zip(axes, steps)]
        numbers = [np.array(values, np.int64) for values in (starts, ends, axes, steps)]
        return "Slice", [self.array(shape)], dict(zip((1, 2, 3, 4), numbers)), {}

    def pad(self):
        shape = [dim + 2 for dim in self.shape(2, 4, 4)]
        mode = self.choice(["constant", "edge", "reflect"])
        pads = self.numbers(2 * len(shape), 0, 2)
        if mode == "constant" and self.number(0, 2) == 0:
            pads = self.numbers(2 * len(shape), -1, 2)
        return "Pad", [self.array(shape)], {1: np.array(pads, np.int64)}, {"mode": mode}

    def reshape(self):
        shape = self.choice([[4, 6, 5], [2, 12, 3], [24, 2], [2, 3, 4, 5], [1, 6, 4, 1], [8, 9]])
        total = int(np.prod(shape))
        target, rest = [], total
        while rest > 1 and len(target) < 4:
            divisors = [divisor for divisor in range(1, rest + 1) if rest % divisor == 0]
            target.append(self.choice(divisors))
            rest //= target[-1]
        target.append(rest)
        return "Reshape", [self.array(shape)], {1: np.array(target, np.int64)}, {}

    def transpose(self):
        shape = self.shape(2, 4)
        return "Transpose", [self.array(shape)], {}, {"perm": self.random.permutation(len(shape)).tolist()}

    def matmul(self):
        rows, inner, columns = self.numbers(3, 1, 5)
        batch = self.shape(0, 2, 3)
        left = [dim if self.number(0, 2) else 1 for dim in batch][self.number(0, len(batch)):]
        right = [dim if self.number(0, 2) else 1 for dim in batch][self.number(0, len(batch)):]
        left, right = [*left, rows, inner], [*right, inner, columns]
        if self.number(0, 5) == 0:
            left = left[-1:]
        elif self.number(0, 5) == 0:
            right = right[-2:-1]
        return "MatMul", [self.array(left), self.array(right)], {}, {}

    def gemm(self):
        rows, inner, columns = self.numbers(3, 1, 5)
        swap = self.numbers(2, 0, 1)
        left, right = [rows, inner], [inner, columns]
        left, right = left[::-1] if swap[0] else left, right[::-1] if swap[1] else right
        sums = self.choice([[columns], [rows, 1], [1, columns], [rows, columns], []])
        arrays = [self.array(left), self.array(right), self.array(sums)]
        return "Gemm", arrays, {}, {"transA": swap[0], "transB": swap[1]}

    def reduce(self):
        shape = self.shape(2, 4, 4)
        kind = self.choice(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "ArgMax", "TopK", "CumSum"])
        axis = self.number(-len(shape), len(shape) - 1)
        if kind == "ArgMax":
            return kind, [self.array(shape)], {}, {"axis": axis, "keepdims": self.number(0, 1)}
        if kind == "TopK":
            return kind, [self.array(shape)], {1: np.array([1], np.int64)}, {"axis": axis, "outputs": 2}
        if kind == "CumSum":
            return kind, [self.array(shape)], {1: np.array(axis, np.int64)}, {}
        axes = [axis for axis in range(len(shape)) if self.number(0, 1)]
        return kind, [self.array(shape)], {1: np.array(axes, np.int64)}, {
            "keepdims": self.number(0, 1), "noop_with_empty_axes": self.number(0, 1)}

    def gather(self):
        shape = self.shape(2, 4, 4)
        axis = self.number(0, len(shape) - 1)
        indices = self.random.integers(0, shape[axis], self.shape(0, 2, 3) or [])
        return "Gather", [self.array(shape), np.asarray(indices, np.int64)], {}, {"axis": axis}

    def blocks(self):
        if self.number(0, 1):
            mode = self.choice(["DCR", "CRD"])
            return "DepthToSpace", [self.array([1, 8, 3, 4])], {}, {"blocksize": 2, "mode": mode}
        return "SpaceToDepth", [self.array([2, 2, 6, 4])], {}, {"blocksize": 2}

    def quantized(self):
        shape = self.shape(2, 4, 4)
        axis = self.number(0, len(shape) - 1)
        count = shape[axis] if self.number(0, 1) else None
        scale = np.abs(self.array([count] if count else [])) + np.float32(0.1)
        return "QuantizeLinear", [self.array(shape), np.asarray(scale, np.float32)], {}, {"axis": axis}

    def tile(self):
        shape = self.shape(2, 4, 4)
        return "Tile", [self.array(shape)], {1: np.array(self.numbers(len(shape), 1, 2), np.int64)}, {}

    def squeeze(self):
        shape = self.shape(1, 3, 4)
        axis = self.number(0, len(shape))
        if self.number(0, 1):
            return "Unsqueeze", [self.array(shape)], {1: np.array([axis], np.int64)}, {}
        shape.insert(axis, 1)
        return "Squeeze", [self.array(shape)], {1: np.array([axis], np.int64)}, {}

    KINDS = [conv, conv, conv_transpose, pool, resize, resize, unary, binary, normalization, concat, split, slice, pad,
             reshape, transpose, matmul, gemm, reduce, gather, blocks, quantized, tile, squeeze]

    def model(self, number):
        """A model of one operator, and its inputs."""
        kind, arrays, constants, given = self.KINDS[number % len(self.KINDS)](self)
        outputs = [f"y{index}" for index in range(given.pop("outputs", 1))]
        names = [""] * (max([len(arrays) - 1, *constants]) + 1)
        infos, initializers = [], []
        for index, array in enumerate(arrays):
            names[index] = f"x{index}"
            infos.append(helper.make_tensor_value_info(names[index], helper.np_dtype_to_tensor_dtype(array.dtype), array.shape))
        for index, array in constants.items():
            names[index] = f"x{index}"
            initializers.append(numpy_helper.from_array(array, names[index]))
        node = helper.make_node(kind, names, outputs, name=f"{number}:{kind}", **given)
        results = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph([node], kind, infos, results, initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), arrays


class Unexplained(Exception):
    """An output row changed that reads no changed row by the map."""


class Runs:
    """The implementations that can run a model of one operator."""

    def __init__(self, model):
        self.names = [value.name for value in model.graph.input]
        self.runs = []
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        try:
            session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            self.runs.append(session.run)
        except Exception:
            pass
        # The reference pads pooling in other ways than the specification (`auto_pad`, `ceil_mode` with dilations).
        if any(node.op_type.endswith("Pool") for node in model.graph.node):
            return
        try:
            self.runs.append(ReferenceEvaluator(model).run)
        except Exception:
            pass

    def results(self, run, arrays):
        with np.errstate(all="ignore"):
            return run(None, dict(zip(self.names, arrays)))


def changed(array, axis, row, random):
    """The array with other values in one row."""
    array = array.copy()
    place = (slice(None),) * axis + (row,)
    old = array[place]
    if array.dtype.kind == "b":
        array[place] = ~old
    elif array.dtype.kind == "f":
        array[place] = random.standard_normal(np.shape(old)).astype(array.dtype) * 3
    else:
        array[place] = random.choice(array.reshape(-1), np.shape(old))
    return array


def check(name, operator, tensors, model, arrays, random):
    """Changes rows of the inputs of an operator. Returns the number of changes whose effect was seen."""
    runs, seen = Runs(model), 0
    position = {value.name: number for number, value in enumerate(model.graph.input)}
    inputs = [tensors[tensor]["name"] for tensor in operator["inputs"]]
    for run in runs.runs:
        try:
            before = runs.results(run, arrays)
        except Exception:
            continue
        for axis in operator.get("access", {}).get("axes", []):
            for number, rows in enumerate(axis["inputs"]):
                if rows is None or inputs[number] not in position:
                    continue
                at = position[inputs[number]]
                count = arrays[at].shape[rows["axis"]]
                for row in random.permutation(count)[:ROWS_PER_AXIS].tolist():
                    other = list(arrays)
                    other[at] = changed(arrays[at], rows["axis"], row, random)
                    after = runs.results(run, other)
                    pairs = [None] * len(inputs)
                    pairs[number] = (arrays[at], other[at])
                    wrong, effects = unexplained(axis, pairs, list(zip(before, after)))
                    if wrong:
                        raise Unexplained(f"{name}: input {number}, axis {axis}: a change of row {row} changes the "
                                          f"output rows {sorted(wrong)}\n{onnx.printer.to_text(model)}")
                    seen += effects > 0
    return seen


def with_one_row_less(operator):
    """The operator with a wrong access map: each output row reads the last of its rows no more."""
    operator = json.loads(json.dumps(operator))
    for axis in operator.get("access", {}).get("axes", []):
        for rows in filter(None, axis["inputs"]):
            rows["last"] = rows.get("last", 0) - rows.get("denominator", 1)
    return operator


def graph_of(plimsoll, model, folder):
    """The graph that the command imports; none if it refuses the model."""
    path, out = folder / "model.onnx", folder / "model.graph.json"
    onnx.save(model, path)
    order = ["--fold", "none", "--order", "file", "--strategy", "first-fit"]
    done = subprocess.run([plimsoll, "plan", path, *order, "--out", out], capture_output=True, text=True)
    return json.loads(out.read_text()) if done.returncode == 0 else None


def main(plimsoll, number=500, seed=1):
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    random = np.random.default_rng(seed)
    checked, mapped, wrong, refused = Counter(), Counter(), [0, 0], 0
    draw = Draw(seed)
    drawn = [draw.model(index) for index in range(number)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model, arrays in drawn:
            graph = graph_of(plimsoll, model, folder)
            kind = model.graph.node[0].op_type
            if graph is None:
                refused += 1
                continue
            operator = graph["ops"][0]
            seen = check(operator["name"], operator, graph["tensors"], model, arrays, random)
            checked[kind] += seen > 0
            mapped[kind] += "access" in operator
            if seen and sum(wrong) < WRONG_MAPS:
                try:
                    check(operator["name"], with_one_row_less(operator), graph["tensors"], model, arrays, random)
                    wrong[0] += 1
                except Unexplained:
                    wrong[1] += 1
        cases = [case for case in collect_testcases(None) if case.model is not None and case.data_sets]
        for case in cases if number else []:
            arrays = case.data_sets[0][0]
            usable = len(case.model.graph.node) == 1 and all(isinstance(array, np.ndarray) for array in arrays)
            graph = graph_of(plimsoll, case.model, folder) if usable else None
            if graph is None or not graph["ops"][0].get("access", {}).get("axes"):
                continue
            try:
                seen = check(case.name, graph["ops"][0], graph["tensors"], case.model, arrays, random)
            except Unexplained:
                raise
            except Exception as error:
                print(f"skipped: {case.name}: {type(error).__name__}")
                continue
            checked[case.model.graph.node[0].op_type] += seen > 0
    print(f"{sum(checked.values())} operators of {len(checked)} types checked; {refused} drawn models refused")
    print(", ".join(f"{kind} {count}" for kind, count in sorted(checked.items())))
    print(f"of {sum(wrong)} maps with a row less, {wrong[1]} were found wrong")
    # Some drawn operators have no effect to see, such as a slice without rows.
    untested = [kind for kind, count in mapped.items() if count >= 5 and not checked[kind]]
    if untested or not checked:
        raise SystemExit(f"FAILED: no effect of a row was seen for {untested}")
    if wrong[1] < 0.9 * sum(wrong):
        raise SystemExit("FAILED: wrong maps are not found")


if __name__ == "__main__":
    try:
        main(sys.argv[1], *(int(argument) for argument in sys.argv[2:4]))
    except Unexplained as error:
        raise SystemExit(f"FAILED: {error}")
