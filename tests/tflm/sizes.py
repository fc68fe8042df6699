#!/usr/bin/env python3
"""Compares planned tensor sizes with those of LiteRT's interpreter after allocation.

    python tests/tflm/sizes.py target/release/plimsoll MODEL...

Models without their weights (`.stripped.tflite`) are read with zeros behind them. The script prints the models
that LiteRT does not load, and fails if a size differs.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy
from ai_edge_litert.interpreter import Interpreter, OpResolverType

# More than the weights of any model of the zoo; the file is sparse.
LONGEST = 700_000_000


def sizes(model):
    """Bytes by tensor, in the interpreter; without strings."""
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    running = Interpreter(model_path=str(model), experimental_op_resolver_type=plain)
    running.allocate_tensors()
    found = {}
    for tensor in running.get_tensor_details():
        if tensor["dtype"] not in (None, numpy.bytes_, numpy.object_):
            elements = numpy.prod([int(dim) for dim in tensor["shape"]], dtype=object)
            found[tensor["index"]] = int(elements) * numpy.dtype(tensor["dtype"]).itemsize
    return found


def planned(plimsoll, model, folder):
    plan = folder / "plan.json"
    options = ["--fold", "none", "--order", "file", "--strategy", "first-fit", "--align", "1", "--out", plan]
    subprocess.run([plimsoll, "plan", model, *options], check=True, capture_output=True)
    tensors = json.loads(plan.read_text())["tensors"]
    return {tensor["index"]: tensor["bytes"] for tensor in tensors if tensor["kind"] != "constant"}


def main(plimsoll, models):
    loaded = tensors = 0
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for model in models:
            whole = model
            if model.name.endswith(".stripped.tflite"):
                whole = folder / "whole.tflite"
                shutil.copyfile(model, whole)
                os.truncate(whole, LONGEST)
            try:
                expected = sizes(whole)
            except (RuntimeError, ValueError) as error:
                print(f"{model.name}: not loaded: {str(error).splitlines()[0][:100]}")
                continue
            found = planned(plimsoll, model, folder)
            common = found.keys() & expected.keys()
            loaded, tensors = loaded + 1, tensors + len(common)
            wrong += [(model.name, index, found[index], expected[index]) for index in common if found[index] != expected[index]]
    for name, index, size, needed in wrong:
        print(f"FAILED: {name}: tensor {index} has {size} bytes, {needed} in LiteRT")
    print(f"{loaded} of {len(models)} models loaded, {tensors} tensors compared, {len(wrong)} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1], [pathlib.Path(path) for path in sys.argv[2:]])
