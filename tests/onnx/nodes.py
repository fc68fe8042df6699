"""Node tests of the package `onnx`: sizes of a plan beside those of a run.

    python tests/onnx/nodes.py target/release/plimsoll [--list]

Each model is planned twice: as it is, and with the numbers of its small integer inputs (`--value`). The
reference implementation of the package runs it on the inputs of the test. Every output and every intermediate
result must have the size that the plan has; a size that PLAN.json marks as an upper bound may be larger. The
script prints the refusals by reason (`--list` names the models), and fails if a size differs.
"""

import json
import re
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

import numpy
import onnx
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

MOST_NUMBERS = 64
BITS = {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2}

# The first pattern that an error message contains is its reason.
REASONS = [
    ("strings", r"of strings"),
    ("sequences and optional values", r"no dense tensor|is a sequence|a sequence does not state"),
    ("a size depends on numbers that the file does not have", r"depends on the numbers|unknown before the run"),
    ("an If whose branches differ, with an unknown condition", r"takes one branch"),
]


def sizes(results):
    """Bytes of each tensor of a run, by name; without sequences, optional values and text."""
    found = {}
    for name, result in results.items():
        if isinstance(result, (numpy.ndarray, numpy.generic)) and result.dtype.kind not in "OUS":
            bits = BITS.get(result.dtype.name, 8 * result.dtype.itemsize)
            found[name] = (int(numpy.size(result)) * bits + 7) // 8
    return found


def given(model, inputs):
    """Options that give small integer inputs the numbers of the test."""
    options = []
    for value, numbers in zip(model.graph.input, inputs):
        is_array = isinstance(numbers, (numpy.ndarray, numpy.generic))
        if is_array and numbers.dtype.name in ("int32", "int64", "bool") and 0 < numbers.size <= MOST_NUMBERS:
            numbers = [str(int(number)) for number in numpy.asarray(numbers).flatten()]
            options += ["--value", f"{value.name}=" + ",".join(numbers)]
    return options


def planned(plimsoll, model, plan, options):
    """The plan of a model, or the reason of a refusal."""
    order = ["--align", "1", "--fold", "none", "--order", "file", "--strategy", "first-fit"]
    done = subprocess.run([plimsoll, "plan", model, *order, "--out", plan, *options], capture_output=True, text=True)
    if done.returncode not in (0, 2):
        raise SystemExit(f"{model}: status {done.returncode}: {done.stderr}")
    return (json.loads(plan.read_text()), None) if done.returncode == 0 else (None, done.stderr.strip())


def differences(plan, run):
    """Tensors whose planned size is another one than that of the run; and how many are equal or upper bounds."""
    wrong, equal, bounds = [], 0, 0
    for tensor in plan["tensors"]:
        if tensor["kind"] == "constant" or tensor["name"] not in run:
            continue
        needed = run[tensor["name"]]
        if tensor["bytes"] == needed:
            equal += 1
        elif tensor.get("upper_bound") and tensor["bytes"] > needed:
            bounds += 1
        else:
            wrong.append((tensor["name"], tensor["bytes"], needed))
    return wrong, equal, bounds


def reason_of(message):
    return next((name for name, pattern in REASONS if re.search(pattern, message)), "other")


def main(plimsoll, is_listed):
    warnings.simplefilter("ignore")
    cases = [case for case in collect_testcases(None) if case.model is not None and case.data_sets]
    refused, wrong, tensors, bounds, not_run = [defaultdict(list), defaultdict(list)], [], 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        path, plan = Path(folder) / "model.onnx", Path(folder) / "plan.json"
        for case in cases:
            onnx.save(case.model, path)
            inputs = case.data_sets[0][0]
            results = dict(zip((output.name for output in case.model.graph.output), case.data_sets[0][1]))
            try:
                feeds = dict(zip((value.name for value in case.model.graph.input), inputs))
                results = ReferenceEvaluator(case.model).run(None, feeds, intermediate=True) | results
            except Exception:  # the reference implementation does not run it: the outputs of the test count
                not_run.append(case.name)
            run = sizes(results)
            for number, options in enumerate([[], given(case.model, inputs)]):
                found, message = planned(plimsoll, path, plan, options)
                if found is None:
                    refused[number][reason_of(message)].append((case.name, message))
                    continue
                different, equal, larger = differences(found, run)
                wrong += [(case.name, bool(options), *one) for one in different]
                if number == 1:
                    tensors, bounds = tensors + equal, bounds + larger
    for number, title in enumerate(["as they are", "with the numbers of small integer inputs"]):
        count = sum(len(models) for models in refused[number].values())
        print(f"{len(cases)} models {title}: {count} refused")
        for reason, models in sorted(refused[number].items(), key=lambda item: -len(item[1])):
            print(f"  {len(models):5} {reason}")
            for name, message in models if is_listed else []:
                print(f"        {name}: {message}")
    print(f"{tensors} sizes are those of the run, {bounds} are upper bounds; not run by the reference: {len(not_run)}")
    for name, has_values, tensor, size, needed in wrong:
        print(f"FAILED: {name}{' (with values)' if has_values else ''}: `{tensor}` has {size} bytes, the run {needed}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1], "--list" in sys.argv[2:])
