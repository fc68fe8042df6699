#!/usr/bin/env python3
"""Compares tiled models with the originals in the interpreters of TensorFlow Lite Micro and LiteRT.

    python tests/tflm/tiled.py target/release/plimsoll [--draws N] [--slice] [MODEL...]

`plimsoll plan --tile --out` writes each model with regions that run stripe by stripe, for several budgets. The outputs
must equal those of the original bit by bit, over random inputs (`PLIMSOLL_INPUTS`); the head must have the size that
plimsoll predicts, and `plimsoll verify` must accept the plan. N drawn models of each kind follow the given ones: odd
sizes, strides, dilations, depth multipliers, residuals, dense blocks, U-Nets, two inputs. With `--slice`, each model has one
budget and one mode, in turn.
"""

import pathlib
import random
import re
import sys
import tempfile
import time
import warnings

import numpy as np

import compare
from compare import command, expect, failures
from models import Graph, Model, schema
import tflm

BUDGETS = ["0%", "5%", "20%"]
MODES = [("auto",), ("head",), ("head", "--share", "inplace"), ("head", "--share", "all")]
KINDS = ["chain", "residual", "dense", "unet", "two inputs", "pools", "depthwise", "wide"]


mute = {}


class Drawn:
    """A random int8 model of one kind."""

    def __init__(self, kind, seed):
        self.random, self.model = random.Random(f"{kind} {seed}"), Model()
        self.graph = Graph(self.model, "main")
        self.numbers = np.random.default_rng(self.random.randrange(2**32))
        inputs, output = getattr(self, kind.replace(" ", "_"))()
        self.graph.ends(inputs, [output])
        self.bytes = self.model.bytes()

    def activation(self, shape):
        new = self.graph.tensor(shape, "int8")
        quantization = self.graph.made.tensors[new].quantization
        quantization.scale, quantization.zeroPoint = [0.05], [self.random.randrange(-20, 21)]
        return new

    def shape(self, tensor):
        return list(self.graph.made.tensors[tensor].shape)

    def constant(self, shape, kind, scale, low, high):
        new = self.graph.constant(self.numbers.integers(low, high, shape), kind)
        made = self.graph.made.tensors[new]
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = [scale], [0]
        return new

    def convolution(self, x, channels=None, kernel=None, stride=1, dilation=1, same=True, multiplier=None, columns=None):
        batch, rows, across, depth = self.shape(x)
        kernel = kernel or self.random.choice([1, 3, 3, 5])
        wide = columns or kernel
        if not same and ((kernel - 1) * dilation >= rows or (wide - 1) * dilation >= across):
            same = True
        channels = depth * multiplier if multiplier else channels or self.random.choice([4, 8, 12])
        size = lambda length, k: -(-length // stride) if same else (length - (k - 1) * dilation - 1) // stride + 1
        weights = [1, kernel, wide, channels] if multiplier else [channels, kernel, wide, depth]
        w = self.constant(weights, "int8", 0.01, -60, 61)
        b = self.constant([channels], "int32", 0.0005, -2000, 2001)
        y = self.activation([batch, size(rows, kernel), size(across, wide), channels])
        options = dict(padding=0 if same else 1, strideW=stride, strideH=stride, dilationWFactor=dilation, dilationHFactor=dilation,
                       fusedActivationFunction=self.random.choice([0, 1, 3]))
        if multiplier:
            return self.graph.add("DEPTHWISE_CONV_2D", [x, w, b], [y], "DepthwiseConv2DOptions", depthMultiplier=multiplier, **options)
        return self.graph.add("CONV_2D", [x, w, b], [y], "Conv2DOptions", **options)

    def pool(self, x, name, size=2, stride=2, same=True):
        batch, rows, across, depth = self.shape(x)
        length = lambda rows: -(-rows // stride) if same else (rows - size) // stride + 1
        y = self.activation([batch, length(rows), length(across), depth])
        self.graph.made.tensors[y].quantization = self.graph.made.tensors[x].quantization
        return self.graph.add(name, [x], [y], "Pool2DOptions", padding=0 if same else 1, strideW=stride, strideH=stride,
                              filterWidth=size, filterHeight=size)

    def sum(self, one, other):
        return self.graph.add("ADD", [one, other], [self.activation(self.shape(one))], "AddOptions")

    def join(self, parts):
        y = self.activation(self.shape(parts[0])[:3] + [sum(self.shape(part)[3] for part in parts)])
        for part in parts + [y]:
            self.graph.made.tensors[part].quantization = self.graph.made.tensors[parts[0]].quantization
        return self.graph.add("CONCATENATION", parts, [y], "ConcatenationOptions", axis=3)

    def image(self, channels=3, least=17, most=40):
        return self.activation([1, self.random.randrange(least, most), self.random.randrange(least, most), channels])

    def end(self, x):
        """A small output, so that the outputs of regions do not set the peak."""
        return self.convolution(self.pool(x, "MAX_POOL_2D", 4, 4), 2, 1)

    def chain(self):
        x = y = self.image()
        for _ in range(self.random.randrange(3, 7)):
            stride = self.random.choice([1, 1, 1, 2, 3]) if min(self.shape(y)[1:3]) > 8 else 1
            y = self.convolution(y, stride=stride, dilation=self.random.choice([1, 1, 2]) if stride == 1 else 1,
                                 same=self.random.random() < 0.7)
        return [x], y

    def wide(self):
        x = self.image()
        y = self.convolution(self.convolution(x, 16, 3, columns=1), 16, 1, columns=3)
        return [x], self.end(self.convolution(y, 8, 5, columns=3))

    def residual(self):
        x = self.image()
        y = self.convolution(x, 8, 3, self.random.choice([1, 2]))
        for _ in range(self.random.randrange(1, 4)):
            z = self.convolution(self.convolution(y, 24, 1), 24, 3, multiplier=1)
            y = self.sum(y, self.convolution(z, 8, 1))
        return [x], self.end(y)

    def dense(self):
        x = self.image()
        y = self.convolution(x, 4, 3)
        for _ in range(3):
            y = self.join([y, self.convolution(y, 4, 3)])
        return [x], self.end(y)

    def unet(self):
        x = self.activation([1, 4 * self.random.randrange(4, 10), 4 * self.random.randrange(4, 10), 3])
        skips, y = [], self.convolution(x, 8, 3)
        for _ in range(2):
            skips.append(y)
            y = self.convolution(self.pool(y, "MAX_POOL_2D"), 12, 3)
        while skips:
            skip = skips.pop()
            batch, rows, across, depth = self.shape(y)
            size = self.graph.constant([2 * rows, 2 * across], "int32")
            up = self.activation([batch, 2 * rows, 2 * across, depth])
            self.graph.made.tensors[up].quantization = self.graph.made.tensors[y].quantization
            self.graph.add("RESIZE_NEAREST_NEIGHBOR", [y, size], [up], "ResizeNearestNeighborOptions")
            y = self.convolution(self.join([skip, up]), 8, 3)
        return [x], self.convolution(y, 2, 1)

    def two_inputs(self):
        one = self.image()
        other = self.activation(self.shape(one)[:3] + [2])
        y = self.sum(self.convolution(one, 12, 3), self.convolution(other, 12, 5))
        return [one, other], self.end(self.convolution(y, 8, 3, 2))

    def pools(self):
        x = self.image()
        y = self.convolution(x, 16, 3)
        for _ in range(2):
            name = self.random.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"])
            y = self.pool(y, name, self.random.choice([2, 3]), self.random.choice([1, 2]), self.random.random() < 0.7)
            y = self.convolution(y, 12, 3)
        return [x], y

    def depthwise(self):
        x = self.image()
        y = self.convolution(x, 4, 3)
        for _ in range(3):
            y = self.convolution(y, kernel=self.random.choice([3, 5]), stride=self.random.choice([1, 2]),
                                 multiplier=self.random.choice([1, 2]))
            y = self.convolution(y, 8, 1)
        return [x], y


def compare_tiled(plimsoll, path, folder, settings, rows):
    original, name = path.read_bytes(), path.stem
    try:
        before = tflm.interpreter(original)
    except tflm.Refused as error:
        print(f"{name}: not run by TensorFlow Lite Micro: {str(error)[:60]}")
        return
    root = tflm.schema.Model.GetRootAsModel(original, 0).Subgraphs(0)
    inputs = compare.random_inputs(compare.input_details(before, root.InputsLength()), len(original))
    expected = compare.micro_outputs(before, inputs, root.OutputsLength())
    reference = compare.isolated(lambda: compare.litert_outputs(original, inputs))
    _, planned, _ = compare.planned_by(plimsoll, path, folder)
    # A model with the same outputs for every input cannot show a difference.
    tells = len({tuple(one) for one in expected}) > 1
    mute.update({} if tells else {name: True})
    known = {}
    for budget, mode in settings:
        row = one_tiling(plimsoll, path, folder, (budget, mode), (inputs, expected, reference, root.OutputsLength()), known)
        rows.append((name, tflm.arena(before), planned, budget, " ".join(mode), *row))


def one_tiling(plimsoll, path, folder, options, compared, known):
    (budget, mode), (inputs, expected, reference, count) = options, compared
    out, name = folder / "tiled.tflite", f"{path.stem} at {options}"
    status, text, errors = command(plimsoll, "plan", path, f"--tile={mode[0]}", *mode[1:], "--max-extra-macs", budget, "--out", out)
    if status != 0:
        raise SystemExit(f"{name}: {errors}")
    head = int(re.search(r"^head of TensorFlow Lite Micro's arena: (\d+) bytes", text, re.M)[1])
    estimate = int(re.search(r"kTensorArenaSize = (\d+)", text)[1])
    extra = re.search(r"([\d.]+ %) extra MACs", text)
    data = out.read_bytes()
    if data not in known:
        running = tflm.interpreter(data)
        start = time.monotonic()
        found = compare.micro_outputs(running, inputs, count)
        seconds = (time.monotonic() - start) / len(inputs)
        expect(found == expected, f"{name}: outputs differ in TensorFlow Lite Micro")
        expect(compare.isolated(lambda: compare.litert_outputs(data, inputs)) == reference, f"{name}: outputs differ in LiteRT")
        arena = tflm.arena(running)
        expect(arena[0] == head, f"{name}: head {arena[0]}, but plimsoll predicts {head}")
        expect(extra is None or estimate >= sum(arena), f"{name}: arena {sum(arena)}, but plimsoll estimates {estimate}")
        status, text, _ = command(plimsoll, "verify", out)
        expect(status == 0, f"{name}: `plimsoll verify` prints {text}")
        known[data] = (arena, seconds)
    arena, seconds = known[data]
    return extra[1] if extra else "none", arena, len(data) - path.stat().st_size, seconds


def main():
    warnings.simplefilter("ignore")
    arguments = sys.argv[1:]
    plimsoll, draws = arguments.pop(0), 0
    if arguments[:1] == ["--draws"]:
        draws, arguments = int(arguments[1]), arguments[2:]
    settings = [(budget, mode) for budget in BUDGETS for mode in MODES]
    is_slice = arguments[:1] == ["--slice"]
    arguments = arguments[is_slice:]
    sys.stdout.reconfigure(line_buffering=True)
    rows, start = [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        models = [pathlib.Path(path) for path in arguments]
        for kind in KINDS:
            for seed in range(draws):
                models.append(folder / f"{kind.replace(' ', '_')}_{seed}.tflite")
                models[-1].write_bytes(Drawn(kind, seed).bytes)
        for number, path in enumerate(models):
            own = [settings[number % len(settings)]] if is_slice else settings
            compare_tiled(plimsoll, path, folder, own, rows)
    print("| model | head, tail | planned head | budget | mode | extra MACs | head, tail tiled | file | ms |")
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for name, before, planned, budget, mode, extra, arena, growth, seconds in rows:
        print(f"| {name} | {before[0]}, {before[1]} | {planned} | {budget} | {mode} | {extra} | {arena[0]}, {arena[1]} | +{growth} | {1000 * seconds:.1f} |")
    tiled = {row[0] for row in rows if row[5] != "none"}
    drawn = {path.stem for path in models if path.parent == folder}
    expect(len(tiled & drawn) * 2 >= len(drawn), f"only {len(tiled & drawn)} of {len(drawn)} drawn models are tiled")
    expect(len(mute) * 4 <= len(models), f"outputs do not depend on inputs in {', '.join(mute)}")
    print(f"{len(models)} models, {len(tiled)} of them tiled, {len(failures)} differences, {time.monotonic() - start:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
