#!/usr/bin/env python3
"""Plans drawn models for TensorFlow Lite Micro: aliases at each level of sharing, capacities around the head, and plans that
leave tensors to the runtime.

    python tests/tflm/drawn.py target/release/plimsoll [SEEDS]

For each model and level, the interpreter's outputs must equal those of the original bit by bit, its head must be
the predicted one, and `plan`, `fit` and `verify` must report this head and answer by it. Then offsets are left out, moved or
exchanged at random: `verify` must predict the interpreter's head for plans that it accepts, and their outputs must be right. Damaged
plans must be refused. Needs the packages of requirements.txt.
"""

import pathlib
import random
import re
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import models
import tflm
from compare import isolated, micro_outputs
from stateful import Stateful

WIDTH = 16


class Drawn:
    """A network of tensors of `WIDTH` columns, many of which are other views of one."""

    def __init__(self, seed):
        self.draw, self.model = random.Random(seed), models.Model()
        self.graph = models.Graph(self.model, "main")
        self.shapes = {}
        self.inputs = [self.tensor([self.draw.randint(1, 6), WIDTH]) for _ in range(self.draw.randint(1, 2))]
        known = list(self.inputs)
        for _ in range(self.draw.randint(2, 9)):
            known.append(self.draw.choice([
                self.reshape, self.reshape, self.expand, self.squeeze, self.join, self.join, self.slice, self.slice, self.split,
                self.update, self.update, self.add, self.add, self.mean, self.widen])(known))
        read = {tensor for operator in self.graph.made.operators for tensor in operator.inputs}
        outputs = [tensor for tensor in known if tensor not in read and tensor not in self.inputs] or known[-1:]
        # Some results are outputs and read as well.
        outputs += [tensor for tensor in known if tensor in read and tensor not in self.inputs and self.draw.random() < 0.2]
        self.graph.ends(self.inputs, outputs)
        self.outputs = len(outputs)

    def feed(self, numbers):
        """Random values of the inputs."""
        return [numbers.standard_normal(self.shapes[one]).astype("float32") for one in self.inputs]

    def tensor(self, shape):
        tensor = self.graph.tensor(shape)
        self.shapes[tensor] = list(shape)
        return tensor

    def pick(self, known, rank=None):
        """A tensor, mostly one of the last."""
        known = known[-3:] if self.draw.random() < 0.7 else known
        fit = [tensor for tensor in known if rank is None or len(self.shapes[tensor]) == rank]
        return self.draw.choice(fit) if fit else None

    def plain(self, known):
        """A tensor of two axes: one of the known, or another view of it."""
        tensor = self.pick(known)
        count = int(np.prod(self.shapes[tensor]))
        is_plain = len(self.shapes[tensor]) == 2 and self.shapes[tensor][1] == WIDTH
        return tensor if is_plain else self.view(tensor, [count // WIDTH, WIDTH])

    def view(self, tensor, shape):
        constant = self.graph.constant(shape, "int32")
        return self.graph.add("RESHAPE", [tensor, constant], [self.tensor(shape)], "ReshapeOptions", newShape=shape)

    def reshape(self, known):
        tensor = self.pick(known)
        count = int(np.prod(self.shapes[tensor]))
        return self.view(tensor, self.draw.choice([[count // WIDTH, WIDTH], [1, count // WIDTH, WIDTH], [count], [count // 4, 4]]))

    def expand(self, known):
        tensor = self.plain(known)
        axis = self.graph.constant([0], "int32")
        return self.graph.add("EXPAND_DIMS", [tensor, axis], [self.tensor([1, *self.shapes[tensor]])], "ExpandDimsOptions")

    def squeeze(self, known):
        tensor = self.expand(known)
        return self.graph.add("SQUEEZE", [tensor], [self.tensor(self.shapes[tensor][1:])], "SqueezeOptions", squeezeDims=[0])

    def join(self, known):
        """Along the outermost axis, or along the inner one."""
        first, axis = self.plain(known), self.draw.choice([0, 0, 1])
        others = [self.plain(known) for _ in range(self.draw.randint(1, 2))]
        others = [other for other in others if axis == 0 or self.shapes[other] == self.shapes[first]]
        shape = list(self.shapes[first])
        shape[axis] += sum(self.shapes[other][axis] for other in others)
        joined = self.graph.add("CONCATENATION", [first, *others], [self.tensor(shape)], "ConcatenationOptions", axis=axis)
        return self.view(joined, [int(np.prod(shape)) // WIDTH, WIDTH])

    def slice(self, known):
        """Rows, or columns, of a tensor of 16 or of 4 columns, so that some starts are not aligned."""
        tensor = self.plain(known)
        if self.draw.random() < 0.3:
            tensor = self.view(tensor, [int(np.prod(self.shapes[tensor])) // 4, 4])
        rows, columns = self.shapes[tensor]
        # The part has a whole number of rows of `WIDTH` columns.
        unit = WIDTH // columns
        size = unit * self.draw.randint(1, rows // unit)
        begin, size = [self.draw.randint(0, rows - size), 0], [size, columns]
        if columns == WIDTH and rows % 4 == 0 and self.draw.random() < 0.5:
            begin, size = [0, 4], [rows, 4]
        ends = [self.graph.constant(numbers, "int32") for numbers in (begin, size)]
        part = self.graph.add("SLICE", [tensor, *ends], [self.tensor(size)], "SliceOptions")
        return part if size[1] == WIDTH else self.view(part, [int(np.prod(size)) // WIDTH, WIDTH])

    def split(self, known):
        tensor = self.plain(known)
        rows = self.shapes[tensor][0]
        count = next(count for count in (3, 2, 1) if rows % count == 0)
        axis = self.graph.constant(np.array(0), "int32")
        parts = [self.tensor([rows // count, WIDTH]) for _ in range(count)]
        self.graph.add("SPLIT", [axis, tensor], parts, "SplitOptions", numSplits=count)
        known.extend(parts)
        return parts[-1]

    def update(self, known):
        cache = self.plain(known)
        rows = self.shapes[cache][0]
        # The update may be the cache itself, or one of its views.
        small = cache if self.draw.random() < 0.2 else self.plain(known)
        if self.shapes[small][0] > rows:
            return self.add(known)
        at = self.graph.constant([self.draw.randint(0, rows - self.shapes[small][0]), 0], "int32")
        return self.graph.add("DYNAMIC_UPDATE_SLICE", [cache, small, at], [self.tensor([rows, WIDTH])])

    def add(self, known):
        tensor = self.plain(known)
        same = [other for other in known if self.shapes[other] == self.shapes[tensor]] + [tensor]
        return self.graph.add("ADD", [tensor, self.draw.choice(same)], [self.tensor(self.shapes[tensor])], "AddOptions")

    def mean(self, known):
        axis = self.graph.constant([0], "int32")
        return self.graph.add("MEAN", [self.plain(known), axis], [self.tensor([1, WIDTH])], "ReducerOptions", keepDims=True)

    def widen(self, known):
        rows = self.draw.randint(2, 9)
        table = self.graph.constant(np.linspace(-1, 1, rows * WIDTH).reshape(rows, WIDTH))
        return self.graph.add("ADD", [self.mean(known), table], [self.tensor([rows, WIDTH])], "AddOptions")


def command(*arguments):
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def expect(truth, text):
    if not truth:
        raise SystemExit(f"FAILED: {text}")


def head_of(text):
    return int(re.search(r"^head of TensorFlow Lite Micro's arena: (\d+) bytes", text, re.M)[1])


def arena_of(text):
    return int(re.search(r"^arena .*?(\d+) bytes", text, re.M)[1])


class Model:
    """A drawn model with its outputs in the interpreter."""

    def __init__(self, plimsoll, kind, seed, folder):
        self.plimsoll, self.seed, self.folder = plimsoll, seed, folder
        drawn = kind(seed)
        self.bytes, self.outputs = drawn.model.bytes(), drawn.outputs
        self.path, self.planned = folder / "model.tflite", folder / "planned.tflite"
        self.path.write_bytes(self.bytes)
        numbers = np.random.default_rng(seed)
        self.inputs = [drawn.feed(numbers) for _ in range(2)]
        self.expected = self.run(self.bytes)[0]

    def run(self, model):
        """Outputs and head, in another process."""
        def action():
            running = tflm.interpreter(model)
            return micro_outputs(running, self.inputs, self.outputs), tflm.arena(running)[0]
        found = isolated(action)
        expect(found is not None, f"{self.seed}: the interpreter does not run the model")
        return found

    def check(self, level):
        """Plans at a level of sharing; returns the head."""
        options = ["--share", level]
        status, text, errors = command(self.plimsoll, "plan", self.path, *options, "--out", self.planned)
        expect(status == 0, f"{self.seed} {level}: {errors}")
        head, written = head_of(text), self.planned.read_bytes()
        expect(self.run(written) == (self.expected, head), f"{self.seed} {level}: other outputs or another head than {head}")
        _, text, _ = command(self.plimsoll, "plan", self.path, "--target", "tflm", *options)
        expect(head_of(text) == head, f"{self.seed} {level}: {head} with a file, {text} without")
        status, text, _ = command(self.plimsoll, "verify", self.planned, "--target", "tflm")
        expect(status == 0 and f"{head} bytes" in text, f"{self.seed} {level}: {head}, verify: {text}")
        for capacity, fits in [(head, True), (head - 1, False), (head + 16, True), (head - 16, False)]:
            of_plan = command(self.plimsoll, "plan", self.path, *options, "--capacity", capacity, "--out", self.planned)[0]
            memory = ["--memory", f"sram={capacity}"]
            of_fit = command(self.plimsoll, "fit", self.path, "--target", "tflm", *options, *memory)[0]
            expect((of_plan == 0) == (of_fit == 0), f"{self.seed} {level}: capacity {capacity}: plan {of_plan}, fit {of_fit}")
            expect((of_plan == 0) == fits, f"{self.seed} {level}: capacity {capacity}, head {head}: plan {of_plan}")
        return head, written

    def hybrid(self, written, draw):
        """Changes offsets; returns whether `verify` accepts the plan."""
        offsets = tflm.plan_of(written)[1]
        for place, offset in enumerate(offsets):
            if offset >= 0 and draw.random() < 0.4:
                offsets[place] = draw.choice([-1, -1, -1, draw.choice(offsets), offset + 16, max(offset - 16, 0)])
        changed = tflm.with_offsets(written, offsets)
        self.planned.write_bytes(changed)
        status, text, errors = command(self.plimsoll, "verify", self.planned)
        expect(status in [0, 1], f"{self.seed}: {errors}")
        if status == 1:
            return False
        head = int(re.search(r"(\d+) bytes", text)[1])
        expect(self.run(changed) == (self.expected, head), f"{self.seed}: plan {offsets}, verified: {text}")
        return True

    def damage(self, written):
        """A number before the arena, and other numbers of tensors."""
        place, offsets = tflm.plan_of(written)
        for changed in [tflm.with_offsets(written, [-2] + offsets[1:]),
                        written[:place - 4] + (len(offsets) + 1).to_bytes(4, "little") + written[place:],
                        written[:place - 4] + (len(offsets) - 1).to_bytes(4, "little") + written[place:]]:
            self.planned.write_bytes(changed)
            expect(command(self.plimsoll, "verify", self.planned)[0] == 1, f"{self.seed}: a damaged plan is accepted")


def check_kind(plimsoll, kind, seeds, folder):
    smaller = accepted = refused = 0
    for seed in range(seeds):
        model, draw = Model(plimsoll, kind, seed, folder), random.Random(seed)
        found = {level: model.check(level) for level in ["none", "views", "inplace", "all"]}
        heads = [head for head, _ in found.values()]
        expect(heads == sorted(heads, reverse=True), f"{seed}: more sharing needs more: {heads}")
        smaller += heads[-1] < heads[0]
        for written in [found["none"][1], found["all"][1]]:
            for _ in range(4):
                is_right = model.hybrid(written, draw)
                accepted, refused = accepted + is_right, refused + (not is_right)
            model.damage(written)
    print(f"{kind.__name__}: {seeds} models: {smaller} with a smaller head by aliases; {accepted} changed plans right, {refused} refused")


def main():
    plimsoll, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as folder:
        for kind in [Drawn, Stateful]:
            check_kind(plimsoll, kind, seeds, pathlib.Path(folder))


if __name__ == "__main__":
    main()
