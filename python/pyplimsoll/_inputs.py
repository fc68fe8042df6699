"""Networks and buffer lists from paths, bytes and objects of other packages."""

from __future__ import annotations

import os
from typing import Any, Union

from . import _native
from ._native import Graph, PlimsollError, Problem

Input = Union[Graph, Problem, str, "os.PathLike[str]", bytes, Any]


def read(model: Input, **options: Any) -> Graph | Problem:
    """Reads a network or a buffer list.

    `model` is the path of an .onnx, .tflite, graph .json or .csv file, the contents of one of the first three, an
    `onnx.ModelProto`, or a `torch.export.ExportedProgram`. A `Graph` or a `Problem` is returned as it is.
    """
    if isinstance(model, (Graph, Problem)):
        if options:
            names = ", ".join(sorted(options))
            raise PlimsollError(f"{names}: only for models that are read from files, not for {model!r}")
        return model
    if isinstance(model, (str, os.PathLike)):
        path = os.fspath(model)
        if path.lower().endswith(".csv"):
            return _native.read_buffers(path, **options)
        return _native.read(path, **options)
    if isinstance(model, (bytes, bytearray, memoryview)):
        contents = bytes(model)
        return _native.from_bytes(contents, _format_of(contents), **options)
    if hasattr(model, "SerializeToString") and hasattr(model, "graph"):
        name = model.graph.name or "model"
        return _native.from_bytes(model.SerializeToString(), "onnx", name, **options)
    if hasattr(model, "graph_signature") and hasattr(model, "graph_module"):
        from .torch import graph_of

        return read(graph_of(model), **options)
    expected = "a path, bytes, an onnx.ModelProto, a torch.export.ExportedProgram, a Graph or a Problem"
    raise TypeError(f"cannot read {type(model).__name__}: expected {expected}")


def _format_of(contents: bytes) -> str:
    """The format of a file by its first bytes."""
    if contents[4:8] == b"TFL3":
        return "tflite"
    if contents.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return "json"
    return "onnx"
