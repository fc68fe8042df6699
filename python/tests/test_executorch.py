"""The memory planning pass for ExecuTorch. Runs where torch and executorch are installed.

Prints a table of the bytes that ExecuTorch's own algorithm (greedy) and this one need.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("executorch.exir")

from executorch.exir import ExecutorchBackendConfig, to_edge  # noqa: E402
from executorch.exir.memory_planning import (  # noqa: E402
    MemoryPlanningAlgorithmSuite,
    Verifier,
    greedy,
)
from executorch.exir.passes import MemoryPlanningPass  # noqa: E402

from pyplimsoll.executorch import memory_planning_pass  # noqa: E402

nn = torch.nn


class Dense(nn.Module):  # type: ignore[misc, name-defined]
    """A block of DenseNet: every layer reads the results of all layers before it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(self.layer(16 + 12 * n) for n in range(6))

    def layer(self, channels: int) -> Any:
        head = (nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 48, 1))
        return nn.Sequential(*head, nn.BatchNorm2d(48), nn.ReLU(), nn.Conv2d(48, 12, 3, padding=1))

    def forward(self, x: Any) -> Any:
        results = [x]
        for layer in self.layers:
            results.append(layer(torch.cat(results, 1)))
        return torch.cat(results, 1).mean((2, 3))


class Inception(nn.Module):  # type: ignore[misc, name-defined]
    """Branches of different lengths that a concatenation joins."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(32, 24, 1)
        self.three = nn.Sequential(nn.Conv2d(32, 16, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(32, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(32, 16, 1))

    def forward(self, x: Any) -> Any:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1).relu()


class Wired(nn.Module):  # type: ignore[misc, name-defined]
    """Random layers: sums and maxima of earlier results, of random widths."""

    def __init__(self, seed: int, count: int = 14) -> None:
        super().__init__()
        draw = random.Random(seed)
        self.steps = [(draw.randrange(1, 40), draw.randrange(n + 1), draw.randrange(n + 1)) for n in range(count)]

    def forward(self, x: Any) -> Any:
        results, used = [x], set()
        for width, left, right in self.steps:
            used |= {left, right}
            row = results[left].sum(0, keepdim=True) + results[right].amax(0, keepdim=True)
            results.append(torch.cat([row.tanh()] * width))
        return torch.stack([result.sum(0) for n, result in enumerate(results) if n not in used])


def networks() -> Iterator[tuple[str, Any, Any]]:
    torch.manual_seed(1)
    encoder = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
    chain = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.Tanh(), nn.Linear(128, 10))
    yield "chain", chain, torch.randn(1, 64)
    yield "dense block", Dense(), torch.randn(1, 16, 32, 32)
    yield "inception block", Inception(), torch.randn(1, 32, 28, 28)
    yield "transformer encoder", encoder, torch.randn(1, 64, 128)
    yield "wired", Wired(5), torch.randn(1, 64)


def lowered(network: Any, image: Any, planning: Any) -> tuple[Any, int]:
    """Lowers a network with a planning pass. Returns the program and the bytes that it needs."""
    exported = torch.export.export(network.eval(), (image,))
    program = to_edge(exported).to_executorch(ExecutorchBackendConfig(memory_planning_pass=planning))
    return program, sum(program.executorch_program.execution_plan[0].non_const_buffer_sizes)


def run(program: Any, image: Any) -> Any:
    from executorch.runtime import Runtime

    return Runtime.get().load_program(program.buffer).load_method("forward").execute([image])[0]


def test_less_memory_than_greedy_and_equal_outputs() -> None:
    for name, network, image in networks():
        outputs, sizes = [], []
        own = MemoryPlanningPass(memory_planning_algo=MemoryPlanningAlgorithmSuite(algo_list=[greedy]))
        for planning in (own, memory_planning_pass()):
            program, size = lowered(network, image, planning)
            # ExecuTorch's own check: no two tensors share a byte while both are live.
            exported = program.exported_program()
            Verifier(exported.graph_module, True, True, True, exported.graph_signature).verify_storage_reuse()
            outputs.append(run(program, image))
            sizes.append(size)
        assert torch.equal(*outputs), name
        assert sizes[1] <= sizes[0], name
        print(f"| {name} | {sizes[0]} | {sizes[1]} | {100 * (1 - sizes[1] / sizes[0]):.1f} % |")
