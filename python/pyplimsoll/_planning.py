"""Functions that plan: networks, buffer lists, and tables of levels of sharing."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _native
from ._inputs import Input, read
from ._native import Graph, Plan, PlimsollError, Problem, Solution

if TYPE_CHECKING:
    import numpy

_NO_OFFSET = 2**64 - 1


def plan(model: Input, **options: Any) -> Plan | Solution:
    """Plans a network (`Plan`) or a buffer list (`Solution`).

    Options of the plan, with the names of the command line: `align` (16), `capacity`, `reserve`, `order` ("auto",
    "file", "optimal"), `share` ("none", "views", "inplace", "all"), `strategy`, `effort` ("quick", "default",
    "thorough"), `node_limit`, `time_limit` (seconds), `seed`, `threads`, `variables` ("arena", "outside"),
    `linked_bodies`, `tile`, `max_extra_macs` (0.05 for 5 %).

    Options of the reader: `dims`, `input_shapes`, `values`, `states` (dicts), `fold`, `floats_as` ("int8"), `layout`
    ("as-stored", "channels-innermost"), `multi_pass`, `inputs` ("reusable", "preserved", "overwritable", or a dict from
    names of inputs to these), `storage` (a dict from names of tensors, "@inputs" or "@outputs" to "arena" or "outside").
    """
    reading = _reading(options)
    graph = read(model, **reading)
    return graph.solve(**options) if isinstance(graph, Problem) else graph.plan(**options)


def _reading(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the options of the reader out of all options."""
    return {name: options.pop(name) for name in _native.READING_OPTIONS if name in options}


def tile(model: Input, **options: Any) -> Plan:
    """Plans a network whose regions may run stripe by stripe: `plan` with `tile=True`.

    With `capacity`, the plan that fits at the least extra cost; without, the smallest arena within `max_extra_macs`
    (0: rows are carried, none is computed again).
    """
    result = plan(model, tile=True, **options)
    assert isinstance(result, Plan)  # buffer lists refuse the option
    return result


def problem(
    sizes: Iterable[int],
    starts: Iterable[int],
    ends: Iterable[int],
    *,
    align: int | Iterable[int] | None = None,
    offsets: Iterable[int | None] | None = None,
    names: Sequence[str] | None = None,
    name: str = "buffers",
) -> Problem:
    """A list of buffers, live from step `starts[i]` to step `ends[i]`, exclusive.

    Columns are lists or numpy arrays. `align` is one alignment or one for each buffer. `offsets` demands offsets; None
    leaves one free.
    """
    size_column = _column("sizes", sizes)
    if align is None:
        alignments = b""
    elif isinstance(align, Iterable):
        alignments = _column("align", align)
    else:
        alignments = _column("align", [align]) * (len(size_column) // 8)
    fixed = b""
    if offsets is not None:
        fixed = _column("offsets", [_NO_OFFSET if offset is None else offset for offset in offsets])
    columns = (size_column, _column("starts", starts), _column("ends", ends), alignments, fixed)
    return Problem.from_columns(*columns, None if names is None else list(names), name)


def solve(
    sizes: Iterable[int],
    starts: Iterable[int],
    ends: Iterable[int],
    *,
    align: int | Iterable[int] | None = None,
    offsets: Iterable[int | None] | None = None,
    names: Sequence[str] | None = None,
    **options: Any,
) -> Solution:
    """Chooses offsets for buffers: `problem(...).solve(...)`. `Solution.offsets` is by buffer; `to_numpy` makes an array.

    Options as for `plan`, without those of networks.
    """
    return problem(sizes, starts, ends, align=align, offsets=offsets, names=names).solve(**options)


def verify(model: Input, plan_json: str | os.PathLike[str], **reading: Any) -> list[str]:
    """Checks a PLAN.json against its network. Returns the violated rules; an empty list if the plan is right."""
    graph = read(model, **reading)
    if not isinstance(graph, Graph):
        raise PlimsollError("plans of buffer lists are checked by the command: plimsoll verify")
    with open(plan_json, encoding="utf-8") as file:
        return graph.verify(file.read())


@dataclass(frozen=True)
class FitRow:
    """The arena of a network at one level of sharing."""

    model: str
    share: str
    tiled: bool
    arena: int
    bound: int
    status: str

    def fits(self, capacity: int) -> bool:
        """Returns whether the arena has at most `capacity` bytes."""
        return self.arena <= capacity


def fit(
    models: Input | Sequence[Input],
    *,
    shares: Sequence[str] = ("none", "views", "inplace", "all"),
    tile: bool = False,
    max_extra_macs: float = 0.0,
    **options: Any,
) -> list[FitRow]:
    """Plans networks at several levels of sharing; with `tile`, also with tiling at the last level.

    Each level includes the levels before it, so the arena of a row is at most that of the row before.
    """
    reading = _reading(options)
    rows: list[FitRow] = []
    for model in models if isinstance(models, (list, tuple)) else [models]:
        graph = read(model, **reading)
        if not isinstance(graph, Graph):
            raise PlimsollError(f"{model!r}: a buffer list has no permissions to share; fit needs networks")
        plans = [(share, graph.plan(share=share, **options)) for share in shares]
        if tile:
            plans.append((shares[-1], graph.plan(share=shares[-1], tile=True, max_extra_macs=max_extra_macs, **options)))
        least: Plan | None = None
        for share, found in plans:
            least = found if least is None or found.arena < least.arena else least
            rows.append(FitRow(graph.name, share, least.is_tiled, least.arena, least.bound, least.status))
    return rows


def to_numpy(plan: Plan | Solution) -> numpy.ndarray[Any, Any]:
    """The places of a plan as a structured array: name, offset, size, start and end of each tensor or buffer."""
    import numpy

    names, columns = plan.columns()
    table = numpy.empty(
        len(names), dtype=[("name", object), ("offset", "u8"), ("size", "u8"), ("start", "u4"), ("end", "u4")]
    )
    table["name"] = names
    for field, column in zip(("offset", "size", "start", "end"), columns):
        table[field] = numpy.frombuffer(column, dtype="u8")
    return table


def _column(what: str, numbers: Iterable[int]) -> bytes:
    """Numbers as 64-bit numbers without sign, in the byte order of the machine."""
    dtype = getattr(numbers, "dtype", None)
    if dtype is not None:
        return _array_column(what, numbers, dtype)
    try:
        return array("Q", numbers).tobytes()
    except (OverflowError, TypeError) as error:
        raise PlimsollError(f"{what}: {error}; expected whole numbers from 0 to 2**64 - 1") from None


def _array_column(what: str, numbers: Any, dtype: Any) -> bytes:
    """The same, of a numpy array."""
    if dtype.kind not in "iu" or numbers.ndim != 1:
        raise PlimsollError(
            f"{what}: an array of {numbers.ndim} axes and type {dtype}; expected one axis of whole numbers"
        )
    if dtype.kind == "i" and numbers.size and numbers.min() < 0:
        index = int(numbers.argmin())
        raise PlimsollError(f"{what}[{index}] is {numbers[index]}; expected whole numbers from 0 to 2**64 - 1")
    return bytes(numbers.astype("u8").tobytes())
