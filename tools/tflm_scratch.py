#!/usr/bin/env python3
"""Measures the scratch that the kernel of each operator requests in TensorFlow Lite Micro.

    pip install tflite-micro
    python tools/tflm_scratch.py model.tflite > scratch.csv
    plimsoll plan model.tflite --scratch scratch.csv --out planned.tflite

For each operator the tool writes a model with this operator only, whose tensors are contiguous in an
offline plan. The scratch is the size of the arena's head minus the size of these tensors. The
interpreter of the package has the reference kernels. To measure the kernels of a board, write the
models with `--models FOLDER`, run each on the board, and subtract the column `tensors` of
FOLDER/models.csv from the head that RecordingMicroInterpreter reports.
"""

import argparse
import csv
import pathlib
import struct
import sys

import flatbuffers

import tflm
from tflm import schema

# These operators run other subgraphs, which a model of one operator does not have. Their kernels request
# no scratch.
CALLERS = {"IF", "WHILE", "CALL_ONCE"}

NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if name[0] != "_"}
WIDTHS = {
    schema.TensorType.FLOAT32: 4, schema.TensorType.FLOAT16: 2, schema.TensorType.INT32: 4,
    schema.TensorType.UINT8: 1, schema.TensorType.INT64: 8, schema.TensorType.BOOL: 1,
    schema.TensorType.INT16: 2, schema.TensorType.COMPLEX64: 8, schema.TensorType.INT8: 1,
    schema.TensorType.FLOAT64: 8, schema.TensorType.COMPLEX128: 16, schema.TensorType.UINT64: 8,
    schema.TensorType.RESOURCE: 4, schema.TensorType.UINT32: 4, schema.TensorType.UINT16: 2,
    schema.TensorType.INT4: 1, schema.TensorType.BFLOAT16: 2,
}  # as the interpreter counts: elements of 4 bits are not packed


def type_of(model, operator):
    code = model.operatorCodes[operator.opcodeIndex]
    name = NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    custom = code.customCode
    return name if custom is None else f"{name}:{custom.decode(errors='replace')}"


def bytes_of(tensor):
    count = 1
    for dim in [] if tensor.shape is None else tensor.shape:
        count *= int(dim)
    return (count * WIDTHS[tensor.type] + 15) // 16 * 16


def alone(model, subgraph, operator):
    """Makes a model with only this operator. Returns it and the bytes of its tensors in the arena."""
    named = lambda tensors: [] if tensors is None else [int(id) for id in tensors if id >= 0]
    inputs, outputs = named(operator.inputs), named(operator.outputs)
    kept = list(dict.fromkeys(inputs + outputs + named(operator.intermediates)))
    number = {id: place for place, id in enumerate(kept)}
    renumber = lambda tensors: None if tensors is None else [number.get(int(id), -1) for id in tensors]

    one = schema.OperatorT()
    one.__dict__.update(operator.__dict__)
    one.opcodeIndex = 0
    one.inputs, one.outputs = renumber(operator.inputs), renumber(operator.outputs)
    one.intermediates = renumber(operator.intermediates)

    buffers, tensors, offsets, stack = [schema.BufferT()], [], [], 0
    for id in kept:
        tensor = schema.TensorT()
        tensor.__dict__.update(subgraph.tensors[id].__dict__)
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data):
            buffers.append(model.buffers[tensor.buffer])
            tensor.buffer = len(buffers) - 1
        else:
            tensor.buffer = 0
        in_head = tensor.buffer == 0 and not tensor.isVariable
        offsets.append(stack if in_head else -1)
        stack += bytes_of(tensor) if in_head else 0
        tensors.append(tensor)
    in_head = lambda ids: [number[id] for id in dict.fromkeys(ids) if offsets[number[id]] >= 0]

    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators = b"main", tensors, [one]
    graph.inputs, graph.outputs = in_head(inputs), in_head(outputs)
    plan = schema.BufferT()
    plan.data = list(struct.pack(f"<{len(offsets) + 3}i", 1, 1, len(offsets), *offsets))
    entry = schema.MetadataT()
    entry.name, entry.buffer = tflm.PLAN, len(buffers)
    whole = schema.ModelT()
    whole.version, whole.operatorCodes = 3, [model.operatorCodes[operator.opcodeIndex]]
    whole.subgraphs, whole.buffers, whole.metadata = [graph], buffers + [plan], [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output()), stack


def operators(model):
    for position, subgraph in enumerate(model.subgraphs):
        for number, operator in enumerate(subgraph.operators or []):
            yield position, number, subgraph, operator


def measured(model, folder=None):
    """Rows of subgraph, operator, type and bytes. Operators that cannot be measured are left out and
    reported on standard error."""
    for position, number, subgraph, operator in operators(model):
        name = type_of(model, operator)
        if name in CALLERS:
            continue
        data, stack = alone(model, subgraph, operator)
        if folder is not None:
            (folder / f"{position}_{number}.tflite").write_bytes(data)
            yield position, number, name, stack
            continue
        try:
            head, _ = tflm.arena(tflm.interpreter(data))
        except tflm.Refused as error:
            print(f"not measured: operator {number} ({name}) of subgraph {position}: {error}", file=sys.stderr)
            continue
        # The head does not contain the handles of variables, so the difference can be negative.
        yield position, number, name, max(head - stack, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, metavar="FOLDER", help="write the models without measuring them")
    arguments = parser.parse_args()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(arguments.model.read_bytes(), 0))
    out = sys.stdout
    if arguments.models:
        arguments.models.mkdir(parents=True, exist_ok=True)
        out = open(arguments.models / "models.csv", "w", newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["subgraph", "operator", "type", "tensors" if arguments.models else "bytes"])
    writer.writerows(measured(model, arguments.models))
    out.flush()


if __name__ == "__main__":
    main()
