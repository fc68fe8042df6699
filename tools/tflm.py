"""Measures the arena of a model in the interpreter of TensorFlow Lite Micro.

Needs the package `tflite-micro`, which contains the interpreter with the reference kernels.
"""

import os
import re
import struct
import tempfile

from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

PLAN = b"OfflineMemoryAllocation"


class Refused(Exception):
    """The interpreter refused a model; the text is its message."""


def quietly(action):
    """Runs `action` and returns its result and the standard error of the process, which is the
    only output of the interpreter."""
    with tempfile.TemporaryFile() as log:
        saved = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            result = action()
        finally:
            os.dup2(saved, 2)
            os.close(saved)
        log.seek(0)
        return result, log.read().decode(errors="replace")


def started(model, arena_bytes):
    """Tries to create an interpreter. Returns whether it succeeded, and its messages. Runs in another
    process, as kernels that do not check their allocations crash."""
    def attempt():
        process = os.fork()
        if process == 0:
            try:
                runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
            except RuntimeError:
                os._exit(1)
            os._exit(0)
        return os.waitpid(process, 0)[1] == 0
    return quietly(attempt)


def interpreter(model, arena_bytes=None):
    """Creates an interpreter for the bytes of a model; raises Refused."""
    size = arena_bytes or min(2**30, 2**26 + 64 * len(model))
    can, text = started(model, size)
    if not can:
        lines = [line for line in text.splitlines() if line.strip()]
        raise Refused("; ".join(lines[-3:]) or "no reason given")
    return quietly(lambda: runtime.Interpreter.from_bytes(model, arena_size=size))[0]


def arena(running):
    """Sizes of the head and the tail of the arena in bytes."""
    text = quietly(running.print_allocations)[1]
    found = re.findall(r"Arena allocation (head|tail) (\d+)", text)
    sizes = {name: int(size) for name, size in found}
    return sizes["head"], sizes["tail"]


def plan_of(model):
    """Position of the plan in the bytes of a model, and its offsets; None without a plan."""
    root = schema.Model.GetRootAsModel(model, 0)
    for number in range(root.MetadataLength()):
        entry = root.Metadata(number)
        if entry.Name() == PLAN:
            data = root.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
            offsets = struct.unpack(f"<{len(data) // 4 - 3}i", data[12:])
            return model.index(data) + 12, list(offsets)
    return None


def with_offsets(model, offsets):
    """The model with other offsets in its plan, unchecked."""
    place, old = plan_of(model)
    assert len(old) == len(offsets)
    data = struct.pack(f"<{len(offsets)}i", *offsets)
    return model[:place] + data + model[place + len(data):]


def main(paths):
    for path in paths:
        with open(path, "rb") as file:
            head, tail = arena(interpreter(file.read()))
        print(f"{path}: head {head} bytes, tail {tail} bytes")
        print(f"constexpr int kTensorArenaSize = {head + tail + 16};"
              "  // more while the runtime plans, if the head is small")


if __name__ == "__main__":
    import sys
    main(sys.argv[1:])
