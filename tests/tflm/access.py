"""Access maps of TensorFlow Lite operators beside runs of whole models in LiteRT.

    python tests/tflm/access.py PLIMSOLL MODEL.tflite...

LiteRT runs each model on a random input, and again after a change of one place of it, and keeps all tensors. Of each
operator, an output row may change only if it reads a changed row by the access map that the command states
(`--out FILE.graph.json`; rows.py). Fails at the first row that no map explains.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "onnx"))
from rows import unexplained

CHANGES = 2


def random_input(detail, random):
    dtype, shape = detail["dtype"], detail["shape"]
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    if dtype == np.bool_:
        return random.integers(0, 2, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(max(limits.min, -128), min(limits.max, 127), shape, endpoint=True).astype(dtype)


def moved(array, random):
    """The array with other values at one place of its outer axes."""
    array = array.copy()
    place = tuple(random.integers(0, dim) for dim in array.shape[: max(1, array.ndim - 1)])
    if array.dtype.kind == "f":
        array[place] += np.asarray(random.standard_normal(np.shape(array[place])) * 4, array.dtype)
    else:
        array[place] = random.permutation(array.reshape(-1))[: np.size(array[place])].reshape(np.shape(array[place]))
    return array


def results(interpreter, inputs, tensors):
    interpreter.reset_all_variables()
    for detail, array in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    found = {}
    for index in tensors:
        try:
            found[index] = interpreter.get_tensor(index).copy()
        except ValueError:  # a tensor without data
            pass
    return found


def check(path, graph, random, checked):
    interpreter = Interpreter(
        model_path=str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    inputs = [random_input(detail, random) for detail in interpreter.get_input_details()]
    mapped = [operator for operator in graph["ops"] if operator.get("access", {}).get("axes")]
    tensors = {index for operator in mapped for index in operator["inputs"] + operator["outputs"]}
    before = results(interpreter, inputs, tensors)
    for _ in range(CHANGES):
        after = results(interpreter, [moved(array, random) for array in inputs], tensors)
        for operator in mapped:
            if any(index not in before for index in operator["inputs"] + operator["outputs"]):
                continue
            pair = lambda index: (before[index], after[index])
            is_equal = lambda index: np.array_equal(*pair(index))
            inputs_of = [None if is_equal(index) else pair(index) for index in operator["inputs"]]
            for axis in operator["access"]["axes"]:
                wrong, effects = unexplained(axis, inputs_of, [pair(index) for index in operator["outputs"]])
                if wrong:
                    raise SystemExit(f"FAILED: {path}: `{operator['name']}`, axis {axis}: the output rows {sorted(wrong)} "
                                     "changed, but no row that they read")
                checked[operator["type"]] += effects > 0


def main(plimsoll, *paths):
    random, checked = np.random.default_rng(1), Counter()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "model.graph.json"
        for path in paths:
            order = ["--fold", "none", "--order", "file", "--strategy", "first-fit"]
            done = subprocess.run([plimsoll, "plan", path, *order, "--out", out], capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"{path}: {done.stderr}")
            try:
                check(path, json.loads(out.read_text()), random, checked)
            except (RuntimeError, ValueError) as error:  # LiteRT cannot run the model
                print(f"skipped: {path}: {str(error).splitlines()[0][:100]}")
    print(f"{sum(checked.values())} effects of rows in {len(paths)} models explained: "
          + ", ".join(f"{kind} {count}" for kind, count in sorted(checked.items())))
    if not checked:
        raise SystemExit("FAILED: no effect was seen")


if __name__ == "__main__":
    main(*sys.argv[1:])
