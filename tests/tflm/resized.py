#!/usr/bin/env python3
"""Compares planned sizes for other input shapes with those of LiteRT's interpreter after its inputs are resized.

    python tests/tflm/resized.py target/release/plimsoll MODEL...

Each model is tried with a batch of 2, with larger images and with smaller ones (`--input-shape`). If LiteRT cannot
allocate the shape, the plan counts for nothing. The script fails if LiteRT allocates a shape and a size differs, or if the plan is
refused although all sizes follow from shapes. Models without their weights (`.stripped.tflite`) are left out.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def variants(shape):
    """Other shapes for an input."""
    if len(shape) >= 2 and shape[0] == 1:
        yield "batch", [2, *shape[1:]]
    if len(shape) == 4 and min(shape[1:3]) >= 8:
        yield "larger", [shape[0], shape[1] * 2, shape[2] * 2, shape[3]]
        yield "smaller", [shape[0], shape[1] // 2 + 1, shape[2] // 2 + 3, shape[3]]
    if len(shape) == 3:
        yield "longer", [shape[0], shape[1] + 5, shape[2]]


def sizes(model, place, shape):
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    running = Interpreter(model_path=str(model), experimental_op_resolver_type=plain)
    running.resize_tensor_input(running.get_input_details()[place]["index"], shape)
    running.allocate_tensors()
    # Some sizes are known after a run only.
    running.invoke()
    found = {}
    for tensor in running.get_tensor_details():
        if tensor["dtype"] not in (None, numpy.bytes_, numpy.object_):
            elements = numpy.prod([int(dim) for dim in tensor["shape"]], dtype=object)
            found[tensor["index"]] = int(elements) * numpy.dtype(tensor["dtype"]).itemsize
    return found


def planned(plimsoll, model, name, shape, folder):
    plan = folder / "plan.json"
    options = ["--fold", "none", "--order", "file", "--strategy", "first-fit", "--align", "1", "--out", plan]
    options += ["--input-shape", f"{name}={'x'.join(map(str, shape))}"]
    done = subprocess.run([plimsoll, "plan", model, *options], capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr
    tensors = json.loads(plan.read_text())["tensors"]
    return {one["index"]: (one["bytes"], one.get("upper_bound", False)) for one in tensors if one["kind"] != "constant"}, ""


def main(plimsoll, models):
    tried = equal = small = tensors = 0
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for model in (one for one in models if not one.name.endswith(".stripped.tflite")):
            try:
                inputs = Interpreter(model_path=str(model)).get_input_details()
            except (RuntimeError, ValueError):
                continue
            for place, one in enumerate(inputs):
                for kind, shape in variants([int(dim) for dim in one["shape"]]):
                    try:
                        expected = sizes(model, place, shape)
                    except (RuntimeError, ValueError):
                        continue
                    tried += 1
                    found, text = planned(plimsoll, model, one["name"], shape, pathlib.Path(folder))
                    if found is None and "its window spans" in text:
                        # LiteRT gives results of no elements, or reads outside of its input.
                        small += 1
                        continue
                    if found is None:
                        wrong.append(f"{model.name} {kind} {shape}: refused: {text.strip()[:250]}")
                        continue
                    differ = [(index, bytes, expected[index]) for index, (bytes, is_upper) in found.items()
                              if index in expected and bytes != expected[index] and not is_upper]
                    if differ:
                        wrong.append(f"{model.name} {kind} {shape}: {len(differ)} sizes, first {differ[:3]}")
                    else:
                        equal, tensors = equal + 1, tensors + len(found)
    print("\n".join(wrong))
    print(f"{tried} shapes that LiteRT allocates: {equal} with all {tensors} sizes equal, "
          f"{small} refused as an image is smaller than a window")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(sys.argv[1], [pathlib.Path(name) for name in sys.argv[2:]])
