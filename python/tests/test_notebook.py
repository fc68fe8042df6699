"""The cells of the example notebook run one after the other."""

import json
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("numpy")
    monkeypatch.chdir(EXAMPLES)
    cells = json.loads(Path("plan.ipynb").read_text(encoding="utf-8"))["cells"]
    variables: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), variables)
    assert "optimal" in capsys.readouterr().out
    assert getattr(variables["solution"], "arena") == 96
