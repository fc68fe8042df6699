#!/usr/bin/env python3
"""Compares tiled ONNX models with the originals in ONNX Runtime.

    python tests/onnx/tiled.py target/release/plimsoll [--draws N] [--zoo N] [--folder ZOO] [--csv FILE]

`plimsoll plan --tile --out` writes each model with regions that run stripe by stripe. `onnx.checker` and shape inference
must accept the written model, `plimsoll verify` its plan, and the tensors of a run must fit the plan byte by byte: each node
finds the bytes of its inputs in an arena of the planned size. ONNX Runtime runs both models on the same random inputs, with
graph optimizations disabled and enabled. Outputs of quantized models must be equal bit by bit; those of floating-point
models may differ by `TOLERANCE`, as kernels choose algorithms by shape.

N drawn models of each kind, in turn of operator sets: odd sizes, strides, dilations, groups, automatic padding, rounded-up
pooling, residuals, U-Nets, two inputs, each also quantized (QDQ, QLinear). Then N networks of the zoo, whose missing weights
are random, and their QDQ versions, at 2 and 10 % extra MACs.
"""

import argparse
import csv
import json
import logging
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference
from onnxruntime import quantization

KINDS = ["chain", "groups", "automatic", "pools", "residual", "resized", "transposed", "two_inputs", "normalized"]
OPSETS = [7, 9, 10, 13, 18, 21]
ZOO = ["squeezenet1_1", "mobilenet_v2", "mnasnet1_0", "shufflenet_v2_x1_0", "mobilenet_v3_small", "resnet18", "googlenet",
       "efficientnet_b0", "ghostnet_100", "regnet_y_400mf", "mobilenetv2_035", "light_squeezenet", "nasnet_a_cifar8",
       "densenet121", "mobilenetv4_conv_small", "ese_vovnet19b_dw", "dla34", "unet_256", "mixnet_s", "swiftnet_like_s0",
       "lraspp_mobilenet_v3_large", "mobilevit_s", "convnext_tiny", "inception_v3", "cspdarknet53", "smp_unet_resnet34"]
# Largest difference of floating-point outputs, as a part of the largest output.
TOLERANCE = 1e-4
RUNS = 2

ort.set_default_logger_severity(4)
logging.disable(logging.WARNING)
failures = []


def expect(condition, message):
    if not condition:
        failures.append(message)
        print(f"FAILED: {message}")


class Drawn:
    """A random model of one kind."""

    def __init__(self, kind, seed, opset):
        self.random, self.opset = random.Random(f"{kind} {seed}"), opset
        self.numbers = np.random.default_rng(self.random.randrange(2**32))
        self.nodes, self.constants, self.shapes, self.inputs = [], [], {}, []
        output = getattr(self, kind)()
        info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, kind, [info(name, self.shapes[name]) for name in self.inputs],
                                  [helper.make_empty_tensor_value_info(output)], self.constants)
        graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=min(4 + opset // 4, 8))

    def node(self, op_type, inputs, shape, **attributes):
        name = f"{op_type.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [f"{name}_out"], name=name, **attributes))
        self.shapes[f"{name}_out"] = shape
        return f"{name}_out"

    def constant(self, values):
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def weights(self, *shape):
        return self.constant((self.numbers.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32))

    def image(self, channels=3, least=17, most=40, multiple=1):
        name = f"x{len(self.inputs)}"
        size = lambda: multiple * self.random.randrange(least // multiple, most // multiple)
        self.shapes[name] = [1, channels, size(), size()]
        self.inputs.append(name)
        return name

    def padding(self, sizes, kernel, stride, dilation, automatic):
        """Attributes of the padding, and the sizes of the output."""
        reach = (kernel - 1) * dilation + 1
        if automatic:
            name = self.random.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
            if name != "VALID" or min(sizes) >= reach:
                count = lambda rows: -(-rows // stride) if name != "VALID" else (rows - reach) // stride + 1
                return {"auto_pad": name}, [count(rows) for rows in sizes]
        most = reach // 2
        pads = [self.random.randint(0, most) if rows >= reach else most for rows in sizes * 2]
        count = lambda at: (sizes[at] + pads[at] + pads[at + 2] - reach) // stride + 1
        return {"pads": pads}, [count(at) for at in range(2)]

    def conv(self, x, channels=None, kernel=None, stride=1, dilation=1, group=1, automatic=False, bias=True):
        depth, *sizes = self.shapes[x][1:]
        channels, kernel = channels or self.random.choice([4, 8, 12]) * group, kernel or self.random.choice([1, 3, 3, 5])
        if (kernel - 1) * dilation + 1 > min(sizes):
            kernel, dilation = 1, 1
        pads, sizes = self.padding(sizes, kernel, stride, dilation, automatic)
        inputs = [x, self.weights(channels, depth // group, kernel, kernel)] + [self.weights(channels)] * bias
        return self.node("Conv", inputs, [1, channels, *sizes], kernel_shape=[kernel] * 2, strides=[stride] * 2,
                         dilations=[dilation] * 2, group=group, **pads)

    def relu(self, x):
        return self.node("Relu", [x], self.shapes[x])

    def add(self, one, other):
        return self.node("Add", [one, other], self.shapes[one])

    def pool(self, x, op_type, kernel, stride, ceil=False, count=None, automatic=False):
        channels, *sizes = self.shapes[x][1:]
        ceil = ceil and self.opset >= 10
        pads, floored = self.padding(sizes, kernel, stride, 1, automatic)
        more = {"ceil_mode": 1} if ceil and "pads" in pads else {}
        if more:
            before = pads["pads"]
            count_rows = lambda at: -(-(sizes[at] + before[at] + before[at + 2] - kernel) // stride) + 1
            # The last window must begin in the image or in the padding before it.
            floored = [rows - ((rows - 1) * stride >= sizes[at] + before[at]) for at, rows in enumerate(map(count_rows, range(2)))]
        if count is not None and op_type == "AveragePool":
            more["count_include_pad"] = count
        return self.node(op_type, [x], [1, channels, *floored], kernel_shape=[kernel] * 2, strides=[stride] * 2, **pads, **more)

    def end(self, x):
        """A small output, so that the outputs of regions do not set the peak."""
        return self.conv(self.pool(x, "MaxPool", 4, 4), 2, 1)

    def chain(self):
        y = self.image()
        for _ in range(self.random.randrange(3, 7)):
            stride = self.random.choice([1, 1, 1, 2, 3]) if min(self.shapes[y][2:]) > 8 else 1
            y = self.relu(self.conv(y, stride=stride, dilation=self.random.choice([1, 1, 2]) if stride == 1 else 1))
        return y

    def groups(self):
        y = self.relu(self.conv(self.image(), 8, 3))
        for _ in range(3):
            depth = self.shapes[y][1]
            y = self.conv(y, depth * self.random.choice([1, 2]), self.random.choice([3, 5]), self.random.choice([1, 2]), group=depth)
            y = self.relu(self.conv(y, 8, 1))
        return y

    def automatic(self):
        y = self.image()
        for _ in range(self.random.randrange(3, 6)):
            stride = self.random.choice([1, 2, 3]) if min(self.shapes[y][2:]) > 10 else 1
            y = self.relu(self.conv(y, 12, stride=stride, automatic=True))
            if min(self.shapes[y][2:]) > 6:
                y = self.pool(y, self.random.choice(["MaxPool", "AveragePool"]), 3, 1, automatic=True)
        return y

    def pools(self):
        y = self.relu(self.conv(self.image(), 16, 3))
        for _ in range(2):
            op_type = self.random.choice(["MaxPool", "AveragePool"])
            y = self.pool(y, op_type, self.random.choice([2, 3]), self.random.choice([1, 2]), self.random.random() < 0.7,
                          self.random.choice([0, 1]))
            y = self.relu(self.conv(y, 12, 3))
        return y

    def residual(self):
        y = self.relu(self.conv(self.image(), 8, 3, self.random.choice([1, 2])))
        for _ in range(self.random.randrange(1, 4)):
            shape = self.shapes[y]
            z = self.relu(self.node("Conv", [self.relu(self.conv(y, 24, 1)), self.weights(24, 1, 3, 3)], [1, 24, *shape[2:]],
                                    kernel_shape=[3, 3], pads=[1] * 4, group=24))
            y = self.add(y, self.conv(z, 8, 1))
        return self.end(y)

    def encoded(self):
        """An encoder of two levels: its last tensor and those that the decoder reads."""
        skips, y = [], self.relu(self.conv(self.image(least=20, multiple=4), 8, 1))
        for _ in range(2):
            skips.append(y)
            y = self.node("MaxPool", [y], [1, self.shapes[y][1], *(rows // 2 for rows in self.shapes[y][2:])],
                          kernel_shape=[2, 2], strides=[2, 2])
            y = self.relu(self.node("Conv", [y, self.weights(12, self.shapes[y][1], 3, 3)], [1, 12, *self.shapes[y][2:]],
                                    kernel_shape=[3, 3], pads=[1] * 4))
        return y, skips

    def decoded(self, larger):
        y, skips = self.encoded()
        while skips:
            skip = skips.pop()
            y = larger(y)
            shape = [1, self.shapes[y][1] + self.shapes[skip][1], *self.shapes[y][2:]]
            y = self.node("Concat", [skip, y], shape, axis=1)
            y = self.relu(self.node("Conv", [y, self.weights(8, shape[1], 3, 3)], [1, 8, *shape[2:]], kernel_shape=[3, 3], pads=[1] * 4))
        return self.end(y)

    def resized(self):
        mode = self.random.choice(["nearest", "linear"])
        attributes = {"mode": mode}
        if self.opset >= 11:
            attributes["coordinate_transformation_mode"] = self.random.choice(["half_pixel", "asymmetric", "pytorch_half_pixel"])
            if mode == "nearest":
                attributes["nearest_mode"] = self.random.choice(["floor", "round_prefer_floor"])

        def larger(x):
            shape = self.shapes[x][:2] + [2 * rows for rows in self.shapes[x][2:]]
            scales = np.array([1, 1, 2, 2], np.float32)
            if self.opset < 9:
                return self.node("Upsample", [x], shape, scales=scales.tolist(), mode=mode)
            inputs = [x, self.constant(scales)] if self.opset < 11 else [x, "", self.constant(scales)]
            return self.node("Upsample" if self.opset < 10 else "Resize", inputs, shape, **attributes)

        return self.decoded(larger)

    def transposed(self):
        kernel = self.random.choice([2, 3, 4])

        def larger(x):
            depth, *sizes = self.shapes[x][1:]
            more = {2: dict(pads=[0] * 4), 3: dict(pads=[1] * 4, output_padding=[1, 1]), 4: dict(pads=[1] * 4)}[kernel]
            return self.node("ConvTranspose", [x, self.weights(depth, 8, kernel, kernel)], [1, 8, *(2 * rows for rows in sizes)],
                             kernel_shape=[kernel] * 2, strides=[2, 2], **more)

        return self.decoded(larger)

    def two_inputs(self):
        one = self.image()
        other = self.image(2)
        self.shapes[other][2:] = self.shapes[one][2:]
        same = lambda x, channels, kernel: self.node(
            "Conv", [x, self.weights(channels, self.shapes[x][1], kernel, kernel)], [1, channels, *self.shapes[x][2:]],
            kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)
        y = self.relu(self.add(same(one, 12, 3), same(other, 12, 5)))
        return self.end(self.conv(y, 8, 3, 2))

    def normalized(self):
        y = self.conv(self.image(), 16, 3)
        channels = self.shapes[y][1]
        each = lambda low: self.constant(self.numbers.uniform(low, 1.5, channels).astype(np.float32))
        y = self.node("BatchNormalization", [y, each(0.5), each(-1), each(-1), each(0.5)], self.shapes[y])
        y = self.node("LeakyRelu", [y], self.shapes[y], alpha=0.1)
        y = self.node("Mul", [y, self.node("Sigmoid", [self.conv(y, 16, 1)], self.shapes[y])], self.shapes[y])
        return self.end(self.conv(y, 8, 3))


def with_weights(model, seed):
    """Fills missing weights at random, so that activations neither vanish nor grow."""
    numbers = np.random.default_rng(seed)
    roles = {}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            roles.update(zip(node.input[1:5], ["scale", "shift", "mean", "variance"]))
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        dtype, dims = helper.tensor_dtype_to_np_dtype(tensor.data_type), tuple(tensor.dims)
        if roles.get(tensor.name) in ("scale", "variance"):
            values = numbers.uniform(0.8, 1.2, dims)
        elif len(dims) < 2:
            values = numbers.standard_normal(dims) * 0.1
        else:
            values = numbers.standard_normal(dims) * np.sqrt(1.5 / np.prod(dims[1:]))
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(values).astype(dtype), tensor.name))
    return model


def random_inputs(model, runs, seed):
    numbers = np.random.default_rng(seed)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]
    shape = lambda one: [dim.dim_value or 1 for dim in one.type.tensor_type.shape.dim]

    def value(one):
        dtype = helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)
        if np.issubdtype(dtype, np.floating):
            return numbers.standard_normal(shape(one)).astype(dtype)
        return numbers.integers(0, 100, shape(one)).astype(dtype)

    return [{one.name: value(one) for one in inputs} for _ in range(runs)]


class Reader(quantization.CalibrationDataReader):
    def __init__(self, values):
        self.values = iter(values)

    def get_next(self):
        return next(self.values, None)


def quantized(path, target, format, inputs):
    # Per-channel scales need version 13.
    quantization.quantize_static(str(path), str(target), Reader(inputs), quant_format=format, activation_type=quantization.QuantType.QUInt8,
                                 weight_type=quantization.QuantType.QInt8, per_channel=format == quantization.QuantFormat.QDQ)
    return target


def session(model, optimized):
    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    data = model if isinstance(model, str) else model.SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def outputs_of(model, inputs, optimized):
    running = session(model, optimized)
    return [running.run(None, values) for values in inputs]


def difference(found, expected):
    """0 if all outputs are equal bit by bit; otherwise the largest difference as a part of the largest output."""
    largest = 0.0
    for one, other in zip(sum(found, []), sum(expected, []), strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            return float("inf")
        if one.tobytes() != other.tobytes():
            distance = np.max(np.abs(one.astype(np.float64) - other.astype(np.float64)))
            largest = max(largest, 1e-30, float(distance / max(np.max(np.abs(other.astype(np.float64))), 1e-30)))
    return largest


def replay(name, model, plan, values):
    """Runs the plan on an arena of bytes: each node must find its inputs where the plan has put them."""
    offsets = {tensor["name"]: tensor["offset"] for tensor in plan["tensors"] if tensor.get("offset") is not None}
    every = onnx.ModelProto()
    every.CopyFrom(model)
    known = {one.name for one in every.graph.output}
    for node in every.graph.node:
        every.graph.output.extend(helper.make_empty_tensor_value_info(out) for out in node.output if out in offsets and out not in known)
    running = session(every, False)
    tensors = dict(zip([one.name for one in running.get_outputs()], running.run(None, values)), **values)
    arena = bytearray(plan["arena_bytes"])

    def place(tensor):
        data, at = tensors[tensor].tobytes(), offsets[tensor]
        return at, at + len(data), data

    def write(tensor):
        start, end, data = place(tensor)
        expect(end <= len(arena), f"{name}: `{tensor}` ends at byte {end} of {len(arena)}")
        arena[start:end] = data

    for tensor in filter(offsets.get, values):
        write(tensor)
    for tensor in values:
        if tensor in offsets:
            write(tensor)
    for node in model.graph.node:
        for tensor in filter(lambda one: one in offsets, node.input):
            start, end, data = place(tensor)
            if arena[start:end] != data:
                expect(False, f"{name}: node `{node.name}` does not find the bytes of `{tensor}`")
                return
        for tensor in filter(lambda one: one in offsets, node.output):
            write(tensor)
    for output in model.graph.output:
        if output.name in offsets:
            start, end, data = place(output.name)
            expect(arena[start:end] == data, f"{name}: output `{output.name}` is overwritten")


def command(*arguments):
    return subprocess.run([str(one) for one in arguments], capture_output=True, text=True)


def compare(plimsoll, path, settings, folder, rows, kind):
    """Compares the tilings of a model. Returns true if there is one."""
    model = onnx.load(str(path))
    inputs = random_inputs(model, RUNS, 7)
    expected = {}
    is_tiled = False
    for budget, share in settings:
        name, out, plan = f"{path.stem} at {budget} {share}".strip(), folder / "tiled.onnx", folder / "tiled.json"
        start = time.monotonic()
        done = command(plimsoll, "plan", path, "--tile", "--max-extra-macs", budget, *share.split(), "--out", out, "--out", plan)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            expect(False, f"{name}: {done.stderr.strip()}")
            continue
        found = re.search(r"arena (\d+) -> (\d+) bytes .*?, ([\d.]+ %) extra MACs", done.stdout)
        if not found:
            rows.append((kind, path.stem, budget, share, "", "", "none", "", "", f"{seconds:.1f}"))
            continue
        is_tiled = True
        tiled = onnx.load(str(out))
        try:
            checker.check_model(tiled, full_check=True)
            shape_inference.infer_shapes(tiled, check_type=True, strict_mode=True)
        except Exception as error:
            expect(False, f"{name}: {str(error)[:300]}")
        verified = command(plimsoll, "verify", out)
        expect(verified.returncode == 0, f"{name}: `plimsoll verify` prints {verified.stdout}{verified.stderr}")
        replay(name, tiled, json.loads(plan.read_text()), inputs[0])
        largest = []
        for optimized in (False, True):
            if optimized not in expected:
                expected[optimized] = outputs_of(model, inputs, optimized)
            largest.append(difference(outputs_of(tiled, inputs, optimized), expected[optimized]))
        limit = TOLERANCE if kind == "float" else 0
        expect(max(largest) <= limit, f"{name}: outputs differ by {largest}")
        rows.append((kind, path.stem, budget, share, found[1], found[2], found[3], *largest, f"{seconds:.1f}"))
    return is_tiled


def drawn_models(folder, draws):
    """Drawn models, each also quantized: as (kind, path)."""
    for place, kind in enumerate(KINDS):
        for seed in range(draws):
            opset = OPSETS[(place + seed) % len(OPSETS)]
            path = folder / f"{kind}_{seed}_opset{opset}.onnx"
            onnx.save(Drawn(kind, seed, opset).model, str(path))
            yield "float", path
            if opset < 13:
                continue
            inputs = random_inputs(onnx.load(str(path)), 2, 3)
            for format, suffix in ((quantization.QuantFormat.QDQ, "qdq"), (quantization.QuantFormat.QOperator, "qlinear")):
                yield suffix, quantized(path, folder / f"{path.stem}_{suffix}.onnx", format, inputs)


def zoo_models(folder, zoo, count):
    for name in [name for name in ZOO if (zoo / f"{name}.onnx").exists()][:count]:
        model = with_weights(onnx.load(str(zoo / f"{name}.onnx"), load_external_data=False), 5)
        path = folder / f"{name}.onnx"
        onnx.save(model, str(path))
        yield "float", path
        inputs = random_inputs(model, 1, 3)
        yield "qdq", quantized(path, folder / f"{name}_qdq.onnx", quantization.QuantFormat.QDQ, inputs)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("plimsoll")
    options.add_argument("--draws", type=int, default=1)
    options.add_argument("--zoo", type=int, default=0)
    options.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("../shared/zoo/onnx"))
    options.add_argument("--csv", type=pathlib.Path)
    options = options.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    start, rows, drawn = time.monotonic(), [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for number, (kind, path) in enumerate(drawn_models(folder, options.draws)):
            share = ["", "--share all"][number % 2]
            drawn.append(compare(options.plimsoll, path, [("0%", share), ("20%", share)], folder, rows, kind))
        for kind, path in zoo_models(folder, options.folder, options.zoo):
            compare(options.plimsoll, path, [("2%", ""), ("10%", "")], folder, rows, kind)
            print(*rows[-2:], sep="\n")
            path.unlink() if kind == "qdq" else None
    if options.csv:
        with options.csv.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    tiled = [row for row in rows if row[6] != "none"]
    for kind in sorted({row[0] for row in tiled}):
        own = [row for row in tiled if row[0] == kind]
        equal = [sum(row[column] == 0 for row in own) for column in (7, 8)]
        largest = [max(row[column] for row in own) for column in (7, 8)]
        print(f"{kind}: {len(own)} tilings; identical without optimizations {equal[0]}, with {equal[1]}; largest difference {largest}")
    expect(2 * sum(drawn) >= len(drawn), f"only {sum(drawn)} of {len(drawn)} drawn models are tiled")
    print(f"{len(rows)} tilings asked for, {len(tiled)} found, {len(failures)} failures, {time.monotonic() - start:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
