"""Graphs of `torch.export` programs.

    import pyplimsoll as pl

    program = torch.export.export(model, (image,))
    plan = pl.plan(program, align=64)

Every call of an operator becomes an operator; sizes are those of the example values that `torch.export` records.
Views share the memory of their base with `share="views"`. Operators that read only parameters are folded. Parameters and constants are outside of the arena, mutated buffers are variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.export.graph_signature import InputKind

from ._native import Graph, PlimsollError, Tensor

__all__ = ["graph_of"]


def graph_of(program: torch.export.ExportedProgram, name: str = "exported") -> Graph:
    """The graph of an exported program. Sizes must be static."""
    return _Builder(program, name).graph


class _Builder:
    def __init__(self, program: torch.export.ExportedProgram, name: str) -> None:
        self.graph = Graph(name)
        self._tensors: dict[str, list[Tensor]] = {}
        signature = program.graph_signature
        kinds = {spec.arg.name: spec.kind for spec in signature.input_specs if hasattr(spec.arg, "name")}
        mutated = set(signature.buffers_to_mutate.values())
        buffers = signature.inputs_to_buffers
        for node in program.graph.nodes:
            if node.op == "placeholder":
                is_variable = buffers.get(node.name) in mutated
                self._placeholder(node, kinds.get(node.name), is_variable)
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                for tensor in self._read(node):
                    self.graph.output(tensor)

    def _placeholder(self, node: Any, kind: Any, is_variable: bool) -> None:
        sizes = _sizes(node)
        add: Callable[[str, int], Tensor]
        if is_variable:
            add = self.graph.variable
        elif kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            add = self.graph.constant
        else:
            add = self.graph.input
        self._tensors[node.name] = [add(node.name, size) for size in sizes]

    def _call(self, node: Any) -> None:
        if getattr(node.target, "__name__", "") == "getitem":
            source, index = node.args
            self._tensors[node.name] = [self._tensors[source.name][index]]
            return
        reads = self._read(node)
        sizes = _sizes(node)
        names = [node.name if len(sizes) == 1 else f"{node.name}.{index}" for index in range(len(sizes))]
        writes = [self.graph.tensor(name, size) for name, size in zip(names, sizes)]
        views = []
        if _is_view(node) and reads and len(writes) == 1 and reads[0].bytes == writes[0].bytes:
            views.append((reads[0], writes[0], 0))
        self.graph.operator(node.name, reads, writes, type=str(node.target), views=views, foldable=bool(reads))
        self._tensors[node.name] = writes

    def _read(self, node: Any) -> list[Tensor]:
        """The tensors that a node reads, each once."""
        read: dict[Tensor, None] = {}
        for source in node.all_input_nodes:
            read.update(dict.fromkeys(self._tensors.get(source.name, [])))
        return list(read)


def _sizes(node: Any) -> list[int]:
    """Bytes of the tensors that a node has as its value."""
    value = node.meta.get("val")
    values = value if isinstance(value, (list, tuple)) else [value]
    sizes = []
    for item in values:
        if not isinstance(item, torch.Tensor):
            continue
        count = item.numel()
        if not isinstance(count, int):
            raise PlimsollError(f"node `{node.name}` has the size {count}; export the program with static shapes")
        sizes.append(count * item.element_size())
    return sizes


def _is_view(node: Any) -> bool:
    """Returns whether the result of an operator is a view of its first argument, in the same order of elements."""
    name = getattr(node.target, "__name__", "")
    return name.split(".")[0] in {"view", "_unsafe_view", "unsqueeze", "squeeze", "alias", "detach"}
