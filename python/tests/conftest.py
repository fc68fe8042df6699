"""Models for the tests."""

from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "examples" / "models"


@pytest.fixture
def onnx_path() -> Path:
    return MODELS / "squeezenet1_1.onnx"


@pytest.fixture
def tflite_path() -> Path:
    return MODELS / "nas_cell_irregular_int8.tflite"
