#!/usr/bin/env python3
"""Compares planned models with the originals in the interpreters of TensorFlow Lite Micro and LiteRT.

    python tests/tflm/compare.py target/release/plimsoll MODEL...

`plimsoll plan` writes each model with a plan. In TensorFlow Lite Micro's interpreter, the outputs must
equal those of the original bit by bit, over four random inputs (`PLIMSOLL_INPUTS`). The heads with and without the
plan must have the sizes that plimsoll predicts; neither the head nor the smallest arena in which the model
starts may grow. In LiteRT, the outputs must be equal, too.

Then the script writes wrong plans: all tensors at one offset, and one tensor over another that is
live at the same time. `plimsoll verify` must refuse each. When a wrong plan is forced into the interpreter, the
outputs must differ, as otherwise this comparison could not detect errors; outputs of different inputs must differ for
the same reason. The script fails on any difference, and if too few of the wrong plans change outputs.
"""

import concurrent.futures
import csv
import io
import os
import pathlib
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
from ai_edge_litert.interpreter import Interpreter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import tflm
import tflm_scratch
from models import generated as models_of_ours

INPUTS = int(os.environ.get("PLIMSOLL_INPUTS", "4"))
# Seconds after which a loop under a broken plan counts as endless.
PATIENCE = 10

failures = []


def expect(truth, text):
    if not truth:
        failures.append(text)
        print(f"FAILED: {text}")


def random_inputs(details, seed):
    random = np.random.default_rng(seed)
    def one(detail):
        shape, kind = detail["shape"], np.dtype(detail["dtype"])
        if kind.kind == "f":
            return random.standard_normal(shape).astype(kind)
        if kind.kind == "b":
            return random.integers(0, 2, shape).astype(kind)
        limits = np.iinfo(kind)
        low, high = max(limits.min, -(2**15)), min(limits.max, 2**15 - 1)
        return random.integers(low, high, shape, endpoint=True).astype(kind)
    return [[one(detail) for detail in details] for _ in range(INPUTS)]


def input_details(running, count):
    return [running.get_input_details(place) for place in range(count)]


def micro_outputs(running, inputs, output_count):
    """The outputs of consecutive runs; state may pass from run to run."""
    outputs = []
    for values in inputs:
        for place, value in enumerate(values):
            running.set_input(value, place)
        tflm.quietly(running.invoke)
        outputs.append([running.get_output(place).tobytes() for place in range(output_count)])
    return outputs


def isolated(action):
    """The result of `action` in a separate process; None if that process fails or takes too long."""
    with tempfile.TemporaryFile() as file:
        process = os.fork()
        if process == 0:
            try:
                signal.alarm(PATIENCE)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                pickle.dump(action(), file)
                file.flush()
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(process, 0)[1] != 0:
            return None
        file.seek(0)
        return pickle.load(file)


def litert_outputs(model, inputs):
    running = Interpreter(model_content=model)
    running.allocate_tensors()
    outputs = []
    for values in inputs:
        for detail, value in zip(running.get_input_details(), values):
            running.set_tensor(detail["index"], value)
        running.invoke()
        outputs.append([running.get_tensor(d["index"]).tobytes() for d in running.get_output_details()])
    return outputs


def smallest_arena(model, used):
    """The smallest arena in bytes (a multiple of 16) with which the interpreter starts. While the runtime plans, its
    lists occupy the memory of the head, so a small head does not reduce the arena by its full size."""
    is_enough = lambda size: tflm.started(model, size)[0]
    low, high = used // 16 - 1, used // 16 + 1
    while not is_enough(high * 16):
        low, high = high, high + max(high // 8, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle * 16) else (middle, high)
    return high * 16


def command(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def planned_by(plimsoll, model, folder, *options):
    out = folder / "planned.tflite"
    status, text, errors = command(plimsoll, "plan", model, "--out", out, *options)
    if status != 0:
        raise SystemExit(f"{model}: {errors}")
    found = re.search(r"^head of TensorFlow Lite Micro's arena: (\d+) bytes.*?(?:; (the same|\d+) without this plan.*)?$", text, re.M)
    head, own = int(found[1]), found[2]
    return out.read_bytes(), head, head if own == "the same" else own and int(own)


def broken(model):
    """The model with all planned tensors at one offset."""
    offsets = tflm.plan_of(model)[1]
    return tflm.with_offsets(model, [min(offset, 0) for offset in offsets])


def needed_together(subgraph):
    """Pairs of tensors of a subgraph that are live at one operator, as (older, written now). Pairs whose older tensor is
    read again later come first, as no kernel gives right results if these overlap."""
    lists = lambda number: (subgraph.Operators(number).InputsAsNumpy(), subgraph.Operators(number).OutputsAsNumpy())
    operators = [[[int(tensor) for tensor in one if tensor >= 0] if not isinstance(one, int) else [] for one in lists(number)]
                 for number in range(subgraph.OperatorsLength())]
    last_read = {tensor: step for step, (read, _) in enumerate(operators) for tensor in read}
    made = {tensor: step for step, (_, written) in enumerate(operators) for tensor in written}
    kept, touching = [], []
    for step, (read, written) in enumerate(operators):
        for new in written:
            kept += [(old, new) for old in last_read if last_read[old] > step and made.get(old, -1) < step]
            touching += [(old, new) for old in read if last_read[old] == step]
    return kept + touching


def overlapped(model, most=2):
    """Variants of the model with one tensor over another that is live at the same time."""
    root = tflm.schema.Model.GetRootAsModel(model, 0)
    offsets = tflm.plan_of(model)[1]
    subgraph = root.Subgraphs(0)
    planned = lambda tensor: offsets[tensor] >= 0 and subgraph.Tensors(tensor).Buffer() < root.BuffersLength() \
        and root.Buffers(subgraph.Tensors(tensor).Buffer()).DataLength() == 0
    pairs = [(old, new) for old, new in needed_together(subgraph) if old != new and planned(old) and planned(new)]
    for old, new in pairs[:most]:
        yield tflm.with_offsets(model, [offsets[old] if tensor == new else offset for tensor, offset in enumerate(offsets)])


def spoilt(plimsoll, wrong, folder, inputs, expected, output_count):
    """Returns whether `plimsoll verify` refuses a wrong plan, and whether the plan changes the outputs."""
    place = folder / "broken.tflite"
    place.write_bytes(wrong)
    status, text, _ = command(plimsoll, "verify", place)
    run = lambda: micro_outputs(tflm.interpreter(wrong), inputs, output_count)
    return status == 1 and text.startswith("invalid: "), isolated(run) != expected


def check_scratch(plimsoll, path, model, head, folder):
    """Measured scratch must give the same head as the built-in table; returns the number of operators with scratch."""
    whole = tflm.schema.ModelT.InitFromObj(tflm.schema.Model.GetRootAsModel(model, 0))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["subgraph", "operator", "type", "bytes"])
    rows = list(tflm_scratch.measured(whole))
    writer.writerows(rows)
    table = folder / "scratch.csv"
    table.write_text(text.getvalue())
    _, measured, _ = planned_by(plimsoll, path, folder, "--scratch", table)
    expect(measured == head, f"{path.stem}: head {head} by the built-in scratch, {measured} by the measured")
    return sum(row[3] > 0 for row in rows)


def compare_aliases(plimsoll, path, folder, inputs, expected, plain_head):
    """Runs the plan with aliases (tensors at one address, where kernels support that); returns its head."""
    name = path.stem
    model, said, _ = planned_by(plimsoll, path, folder, "--share", "inplace")
    running = tflm.interpreter(model)
    found = micro_outputs(running, inputs, len(expected[0]))
    expect(found == expected, f"{name}: with aliases, outputs differ in TensorFlow Lite Micro")
    head = tflm.arena(running)[0]
    expect(head == said, f"{name}: with aliases, head {head}, but plimsoll predicts {said}")
    expect(head <= plain_head, f"{name}: with aliases, head {head} is above {plain_head}")
    return head


def compare(plimsoll, path, folder):
    original = path.read_bytes()
    name = path.stem
    try:
        before = tflm.interpreter(original)
    except tflm.Refused as error:
        print(f"{name}: not run by TensorFlow Lite Micro: {str(error)[:60]}")
        return None
    planned, said, said_own = planned_by(plimsoll, path, folder)
    after = tflm.interpreter(planned)
    root = tflm.schema.Model.GetRootAsModel(original, 0).Subgraphs(0)
    inputs = random_inputs(input_details(before, root.InputsLength()), len(original))
    expected = micro_outputs(before, inputs, root.OutputsLength())
    found = micro_outputs(after, inputs, root.OutputsLength())
    expect(found == expected, f"{name}: outputs differ in TensorFlow Lite Micro")

    (old_head, _), (head, tail) = tflm.arena(before), tflm.arena(after)
    expect(head == said, f"{name}: head {head}, but plimsoll predicts {said}")
    expect(head <= old_head, f"{name}: head {head} is above the original's {old_head}")
    arenas = smallest_arena(original, sum(tflm.arena(before))), smallest_arena(planned, head + tail)
    expect(arenas[1] <= arenas[0], f"{name}: needs an arena of {arenas[1]} bytes, the original {arenas[0]}")
    smallest = tflm.interpreter(planned, arenas[1])
    expect(micro_outputs(smallest, inputs[:1], root.OutputsLength()) == expected[:1],
           f"{name}: outputs differ in the smallest arena")

    aliased = compare_aliases(plimsoll, path, folder, inputs, expected, head)

    # None if LiteRT lacks an operator or crashes on the model.
    reference = isolated(lambda: litert_outputs(original, inputs))
    expect(isolated(lambda: litert_outputs(planned, inputs)) == reference, f"{name}: outputs differ in LiteRT")
    scratched = check_scratch(plimsoll, path, original, head, folder)

    # The head with the runtime's own plan: the original without a plan that it may contain.
    bare = original
    if tflm.plan_of(original):
        bare = tflm.with_offsets(original, [-1] * len(tflm.plan_of(original)[1]))
    own = tflm.arena(tflm.interpreter(bare))[0]
    expect(said_own == own, f"{name}: head {own} without a plan, but plimsoll predicts {said_own}")

    status, text, _ = command(plimsoll, "verify", folder / "planned.tflite")
    expect(status == 0 and f" {head} bytes" in text, f"{name}: `plimsoll verify` prints {text}")
    first, count = inputs[:3], root.OutputsLength()
    refused, shows = spoilt(plimsoll, broken(planned), folder, first, expected[:3], count)
    expect(refused, f"{name}: `plimsoll verify` accepts all tensors at one offset")
    pairs = [spoilt(plimsoll, wrong, folder, first, expected[:3], count) for wrong in overlapped(planned)]
    expect(all(refused for refused, _ in pairs), f"{name}: `plimsoll verify` accepts two live tensors at one offset")
    # A model with the same outputs for every input cannot detect a wrong plan.
    tells = len({tuple(one) for one in expected}) > 1
    return {"name": name, "before": old_head, "after": head, "arenas": arenas, "scratch": scratched,
            "litert": reference is not None, "shows": shows, "pairs": [shows for _, shows in pairs], "tells": tells,
            "operators": root.OperatorsLength(), "aliased": aliased}


def compare_one(plimsoll, path):
    """Compares one model in a folder of its own; returns its row of the table and its failures."""
    failures.clear()
    with tempfile.TemporaryDirectory() as folder:
        return compare(plimsoll, path, pathlib.Path(folder)), list(failures)


def compare_all(plimsoll, models):
    """Compares the models, one process per core; returns the rows in the order of the models."""
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(compare_one, [plimsoll] * len(models), models))
    failures.extend(failure for _, failed in results for failure in failed)
    return [row for row, _ in results if row is not None]


def table(rows):
    print("| model | operators | with scratch | head before | head after | saved | arena before | arena after | LiteRT |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for row in rows:
        saved = 1 - row["after"] / row["before"] if row["before"] else 0
        litert = "equal" if row["litert"] else "does not run it"
        print(f"| {row['name']} | {row['operators']} | {row['scratch']} | {row['before']} | {row['after']} "
              f"| {saved:.0%} | {row['arenas'][0]} | {row['arenas'][1]} | {litert} |")


def main():
    start = time.monotonic()
    warnings.simplefilter("ignore")
    plimsoll, models = sys.argv[1], [pathlib.Path(path) for path in sys.argv[2:]]
    sys.stdout.reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in models_of_ours():
            models.append(pathlib.Path(folder) / f"{name}.tflite")
            models[-1].write_bytes(data)
        rows = compare_all(plimsoll, models)
    table(rows)
    # Elementwise kernels may give right results with overlapping tensors; most other kernels do not.
    larger = [row for row in rows if row["operators"] > 1]
    hidden = [row["name"] for row in larger if not row["shows"]]
    expect(len(hidden) * 8 <= len(larger), f"a wrong plan does not change the outputs of {', '.join(hidden)}")
    print(f"all tensors at one offset: `plimsoll verify` refuses all, outputs differ in {len(larger) - len(hidden)} "
          f"of {len(larger)} with more than one operator" + (f" (not in {', '.join(hidden)})" if hidden else ""))
    pairs = [shows for row in larger if row["tells"] for shows in row["pairs"]]
    expect(bool(pairs) and sum(pairs) * 4 >= len(pairs) * 3, f"of {len(pairs)} pairs of tensors at one offset, only {sum(pairs)} change outputs")
    print(f"two live tensors at one offset: `plimsoll verify` refuses all, outputs differ in {sum(pairs)} of {len(pairs)}")
    mute = [row["name"] for row in rows if not row["tells"]]
    expect(len(mute) * 8 <= len(rows), f"outputs do not depend on inputs in {', '.join(mute)}")
    print(f"outputs that depend on inputs: {len(rows) - len(mute)} of {len(rows)}" + (f" (not {', '.join(mute)})" if mute else ""))
    expect(bool(larger), "no model of more than one operator was run")
    smaller = [row["name"] for row in rows if row["aliased"] < row["after"]]
    expect("made_cache" in smaller, "the cache is not updated in place")
    print(f"with aliases: smaller heads of {len(smaller)} ({', '.join(smaller)})")
    print(f"heads without a plan, by plimsoll and by the interpreter: compared on {len(rows)}")
    print(f"{len(rows)} models compared over {INPUTS} inputs, {len(failures)} differences, "
          f"{time.monotonic() - start:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
