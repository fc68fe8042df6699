"""Models in files, and files of plans."""

import json
from pathlib import Path

import pytest

import pyplimsoll as pl


def test_a_path_is_planned(tflite_path: Path) -> None:
    plan = pl.plan(tflite_path)
    assert isinstance(plan, pl.Plan)
    assert plan.status == "optimal" and plan.arena == plan.bound
    assert "optimal" in plan.summary()
    assert plan._repr_html_().startswith("<pre>")


def test_bytes_give_the_same_plan(tflite_path: Path, onnx_path: Path) -> None:
    for path in (tflite_path, onnx_path):
        one, other = pl.plan(path), pl.plan(path.read_bytes())
        assert isinstance(one, pl.Plan) and isinstance(other, pl.Plan)
        assert (one.arena, one.offsets, one.order) == (other.arena, other.offsets, other.order)


def test_a_model_proto_is_planned(onnx_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    assert pl.plan(onnx.load(onnx_path, load_external_data=False)).arena == pl.plan(onnx_path).arena


def test_options_reach_the_planner(onnx_path: Path) -> None:
    plain = pl.plan(onnx_path)
    shared = pl.plan(onnx_path, share="all", floats_as="int8", effort="quick", threads=2)
    assert shared.arena * 4 <= plain.arena
    assert not pl.plan(onnx_path, capacity=1000).fits


def test_tiling_needs_less_memory(onnx_path: Path) -> None:
    options = {"floats_as": "int8", "share": "all", "overwrite_inputs": True, "layout": "channels-innermost"}
    tiled = pl.tile(onnx_path, max_extra_macs=0.05, **options)
    assert tiled.is_tiled and tiled.arena < tiled.untiled_arena == pl.plan(onnx_path, **options).arena
    assert 0 <= tiled.extra_macs <= 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alig": 16}, "unknown option `alig`; the options are align, "),
        ({"align": 3}, "align=3: expected a power of two"),
        ({"share": "some"}, "share='some': expected one of \"none\", \"views\""),
        ({"capacity": -1}, "capacity=-1: expected a number of bytes from 0"),
        ({"capacity": 2**64}, "expected a number of bytes from 0"),
        ({"time_limit": float("nan")}, "time_limit=nan: expected a time in seconds"),
        ({"max_extra_macs": 0.1}, "max_extra_macs needs tile=True"),
        ({"strategy": "best"}, "best"),
        ({"dims": {"batch": 1}}, "batch"),
        ({"input_shapes": {"x": 1}}, "expected a dict from names to shapes"),
    ],
)
def test_wrong_options_are_named(tflite_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises((pl.PlimsollError, TypeError)) as raised:
        pl.plan(tflite_path, **options)
    assert message in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pl.plan(tmp_path / "missing.onnx")
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"1234TFL3" + b"\xff" * 64)
    with pytest.raises(pl.PlimsollError, match="not a valid TFLite file"):
        pl.plan(broken)
    with pytest.raises(TypeError, match="cannot read int: expected a path"):
        pl.plan(3)


def test_files_of_a_plan(tflite_path: Path, tmp_path: Path) -> None:
    plan = pl.plan(tflite_path)
    names = ["plan.json", "plan.csv", "plan.svg", "plan.html", "plan.trace.json", "plan.graph.json", "plan.h", "plan.c"]
    assert plan.save(*(tmp_path / name for name in names)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert json.loads((tmp_path / "plan.json").read_text())["arena_bytes"] == plan.arena
    assert pl.verify(tflite_path, tmp_path / "plan.json") == []


def test_a_wrong_plan_is_refused(tflite_path: Path, tmp_path: Path) -> None:
    document = json.loads(pl.plan(tflite_path).to_json())
    for tensor in document["tensors"]:
        tensor["offset"] = 0 if "offset" in tensor else None
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document))
    assert pl.verify(tflite_path, path) != []


def test_a_model_with_its_plan(tflite_path: Path, onnx_path: Path, tmp_path: Path) -> None:
    notes = pl.plan(tflite_path).save(tmp_path / "planned.tflite")
    assert "the head of the arena needs" in notes[0]
    pl.plan(onnx_path).save(tmp_path / "planned.onnx")
    assert pl.plan(tmp_path / "planned.onnx", order="file").arena == pl.plan(onnx_path).arena


def test_refused_outputs(tflite_path: Path, tmp_path: Path) -> None:
    plan = pl.plan(tflite_path, capacity=1000)
    with pytest.raises(pl.PlimsollError, match="does not fit its capacity"):
        plan.save(tmp_path / "plan.json", tmp_path / "plan.h")
    assert list(tmp_path.iterdir()) == []
    plan.save(tmp_path / "plan.h", allow_over_capacity=True)
    with pytest.raises(pl.PlimsollError, match="unknown format"):
        plan.save(tmp_path / "plan.txt")
    with pytest.raises(pl.PlimsollError, match="the plan is not of an .onnx file"):
        pl.plan(tflite_path).save(tmp_path / "plan.onnx")


def test_fit_lists_levels_of_sharing(tflite_path: Path) -> None:
    rows = pl.fit([tflite_path], tile=True, max_extra_macs=0.1)
    arenas = [row.arena for row in rows]
    assert [row.share for row in rows] == ["none", "views", "inplace", "all", "all"]
    assert arenas == sorted(arenas, reverse=True)
    assert rows[0].fits(arenas[0]) and not rows[0].fits(arenas[0] - 1)
