"""Graphs that are built call by call."""

import pytest

import pyplimsoll as pl


def residual() -> tuple[pl.Graph, pl.Tensor]:
    graph = pl.Graph("residual")
    image = graph.input("image", shape=(1, 8, 8, 4), dtype="int8")
    inner = graph.tensor("inner", 1024)
    result = graph.tensor("result", 256)
    conv = graph.operator("conv", [image], [inner], type="Conv", scratch=64)
    add = graph.operator("add", [image, inner], [result], in_place=[(image, result)])
    graph.output(result)
    assert (conv.index, add.index) == (0, 1)
    return graph, result


def test_a_graph_is_planned() -> None:
    graph, result = residual()
    plan = graph.plan(align=1)
    assert (plan.arena, plan.bound, plan.status) == (1536, 1536, "optimal")
    assert plan.order == ["conv", "add"]
    assert set(plan.offsets) == {"image", "inner", "result"}
    assert [place.kind for place in plan.placements] == ["tensor"] * 3 + ["scratch"]
    assert result in graph.tensors
    assert repr(plan) == 'Plan("residual": 1.50 KiB (1536 bytes), optimal)'


def test_objects_have_a_readable_form() -> None:
    graph, result = residual()
    assert repr(graph) == 'Graph("residual": 2 operators, 3 tensors)'
    assert repr(graph.tensors[0]) == 'Tensor("image": int8 [1, 8, 8, 4], 256 bytes)'
    assert repr(graph.operators[0]) == 'Operator("conv": Conv(image) -> inner)'
    assert repr(result) == 'Tensor("result": intermediate, 256 bytes)'


def test_a_graph_may_grow_after_a_plan() -> None:
    graph, result = residual()
    before = graph.plan().arena
    more = graph.tensor("more", 4096)
    graph.operator("dense", [result], [more])
    assert graph.plan().arena > before


def test_a_tensor_of_another_graph_is_refused() -> None:
    one, result = residual()
    other = pl.Graph("other")
    with pytest.raises(pl.PlimsollError, match="tensor `result` belongs to another graph"):
        other.operator("add", [result], [])
    assert one.plan().fits


@pytest.mark.parametrize("size", [-1, 2**64, 1.5])
def test_wrong_sizes_are_refused(size: object) -> None:
    with pytest.raises((OverflowError, TypeError)):
        pl.Graph().tensor("x", size)  # type: ignore[arg-type]


def test_a_size_is_needed() -> None:
    with pytest.raises(TypeError, match="tensor `x` needs a size in bytes, or a shape and a dtype"):
        pl.Graph().tensor("x", shape=(1, 2))


def test_equal_names_have_no_offset_by_name() -> None:
    graph = pl.Graph()
    first, second = graph.tensor("x", 8), graph.tensor("x", 8)
    graph.operator("one", [], [first])
    graph.operator("two", [first], [second])
    graph.output(second)
    plan = graph.plan()
    with pytest.raises(pl.PlimsollError, match="two tensors are named `x`; use `placements`"):
        _ = plan.offsets
    assert len(plan.placements) == 2


def test_foldable_operators_of_constants_are_folded() -> None:
    graph = pl.Graph()
    weights, packed, result = graph.constant("weights", 64), graph.tensor("packed", 64), graph.tensor("result", 8)
    graph.operator("pack", [weights], [packed], foldable=True)
    graph.operator("dense", [packed], [result], foldable=False)
    graph.output(result)
    assert graph.plan(align=1).arena == 8


def test_json_leads_back_to_the_graph() -> None:
    graph, _ = residual()
    again = pl.read(graph.to_json().encode())
    assert isinstance(again, pl.Graph)
    assert again.plan(align=1).arena == 1536
    with pytest.raises(pl.PlimsollError, match="a graph from a file cannot be changed"):
        again.tensor("more", 8)
