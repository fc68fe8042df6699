"""Graphs of torch.export programs. Runs where torch is installed."""

from typing import Any

import pytest

import pyplimsoll as pl

torch = pytest.importorskip("torch")


def test_an_exported_program_is_planned() -> None:
    class Residual(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(3, 16, 3, padding=1)
            self.second = torch.nn.Linear(16 * 64, 10)

        def forward(self, image: Any) -> Any:
            return self.second(self.first(image).relu().flatten(1))

    program = torch.export.export(Residual().eval(), (torch.randn(1, 3, 8, 8),)).run_decompositions()
    plan = pl.plan(program, align=1)
    assert isinstance(plan, pl.Plan)
    # Convolution and its activation: 16 x 64 floats each.
    assert (plan.arena, plan.status) == (2 * 16 * 64 * 4, "optimal")
    shared = pl.plan(program, align=1, share="all")
    assert shared.arena <= plan.arena


def test_views_share_the_memory_of_their_base() -> None:
    class Flat(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, image: Any) -> Any:
            return (image + 1).view(1, -1).sum(1)

    program = torch.export.export(Flat(), (torch.randn(1, 4, 4),)).run_decompositions()
    plain, shared = (pl.plan(program, align=1, share=share) for share in ("none", "views"))
    assert plain.arena == 2 * 64 and shared.arena == 2 * 64
