"""Memory planning for ExecuTorch.

    from executorch.exir import ExecutorchBackendConfig, to_edge
    from pyplimsoll.executorch import memory_planning_pass

    config = ExecutorchBackendConfig(memory_planning_pass=memory_planning_pass())
    program = to_edge(torch.export.export(model, inputs)).to_executorch(config)

ExecuTorch lowers a model, computes the live ranges of its tensors and calls a planning algorithm for offsets.
`Algorithm` is such an algorithm; ExecuTorch checks its offsets. Needs the package `executorch` (tested with 1.5.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from executorch.exir.memory_planning import MemoryAlgoResult, MemoryPlanningAlgorithmSuite, SpecAllocResult
from executorch.exir.passes import MemoryPlanningPass

from ._planning import solve

__all__ = ["Algorithm", "memory_planning_pass"]


def memory_planning_pass(**options: Any) -> MemoryPlanningPass:
    """ExecuTorch's pass with `Algorithm`; `options` are those of `pyplimsoll.solve`."""
    return MemoryPlanningPass(memory_planning_algo=MemoryPlanningAlgorithmSuite(algo_list=[Algorithm(**options)]))


class Algorithm:
    """A planning algorithm for ExecuTorch's `MemoryPlanningAlgorithmSuite`."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        # ExecuTorch names the algorithm in its messages.
        self.__name__ = "plimsoll"

    def __call__(
        self, alignment: int, specs: Iterable[Any], graph_module: Any, graph_signature: Any, extra_padding: int = 0
    ) -> MemoryAlgoResult:
        result = MemoryAlgoResult({}, [0, 0])
        memories: dict[int, tuple[list[Any], list[Any]]] = {}
        for spec in specs:
            spec.realign(alignment)
            memory = memories.setdefault(_root_of(spec)[0].mem_id or 1, ([], []))
            memory[spec.storage_base is not None].append(spec)
        # Bytes that the outer graph uses.
        used = getattr(graph_module, "input_mem_buffer_sizes", None) or []
        for mem_id, (roots, inner) in sorted(memories.items()):
            base = used[mem_id] if mem_id < len(used) else 0
            # Live ranges of ExecuTorch contain their last node.
            solution = solve(
                [spec.allocated_memory for spec in roots],
                [spec.lifetime[0] for spec in roots],
                [spec.lifetime[1] + 1 for spec in roots],
                align=alignment,
                **self._options,
            )
            # The arena starts aligned, after the bytes of the outer graph.
            start = -(-base // alignment) * alignment
            # Tensors that share bytes at different times need one object, so all have object 0.
            for spec, offset in zip(roots, solution.offsets):
                result.spec_dict[spec] = SpecAllocResult(mem_id, 0, start + offset)
            for spec in inner:
                root, offset = _root_of(spec)
                result.spec_dict[spec] = SpecAllocResult(mem_id, 0, result.spec_dict[root].mem_offset + offset)
            result.bufsizes += [0] * (mem_id + 1 - len(result.bufsizes))
            result.bufsizes[mem_id] = start + solution.arena + extra_padding
        return result


def _root_of(spec: Any) -> tuple[Any, int]:
    """The outermost tensor that contains this one, and the offset in it."""
    offset = 0
    while spec.storage_base is not None:
        offset += spec.storage_base_offset
        spec = spec.storage_base
    return spec, offset
