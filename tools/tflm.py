"""What TensorFlow Lite Micro's interpreter says of a model's arena.

Needs the package `tflite-micro`, which has the interpreter with the reference kernels.
"""

import os
import re
import struct
import tempfile

from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

PLAN = b"OfflineMemoryAllocation"


class Refused(Exception):
    """The interpreter does not take this model; the text is what it says."""


def quietly(action):
    """Runs `action` and returns its result with all that the process wrote to its standard
    error: the interpreter prints there and has no other way to tell."""
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
    """Whether an interpreter can be made, and what it says. Tried in another process: kernels
    that do not look whether they got memory end theirs."""
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
    """An interpreter for the bytes of a model, or Refused."""
    size = arena_bytes or min(2**30, 2**26 + 64 * len(model))
    can, text = started(model, size)
    if not can:
        lines = [line for line in text.splitlines() if line.strip()]
        raise Refused("; ".join(lines[-3:]) or "no reason given")
    return quietly(lambda: runtime.Interpreter.from_bytes(model, arena_size=size))[0]


def arena(running):
    """Bytes of the arena's head and tail."""
    text = quietly(running.print_allocations)[1]
    found = re.findall(r"Arena allocation (head|tail) (\d+)", text)
    sizes = {name: int(size) for name, size in found}
    return sizes["head"], sizes["tail"]


def plan_of(model):
    """Where a model's plan is in its bytes, and its offsets; None without a plan."""
    root = schema.Model.GetRootAsModel(model, 0)
    for number in range(root.MetadataLength()):
        entry = root.Metadata(number)
        if entry.Name() == PLAN:
            data = root.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
            offsets = struct.unpack(f"<{len(data) // 4 - 3}i", data[12:])
            return model.index(data) + 12, list(offsets)
    return None


def with_offsets(model, offsets):
    """The model with other offsets in its plan, whatever they are."""
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
