"""dnn-xp export: a saved model as ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import FEATURES, QUICK, Flowers, Shell
from namespaces import require

import dnn_xp

require("onnx", lambda: __import__("onnx"))


@pytest.fixture
def trained(shell: Shell, files: Flowers) -> dnn_xp.Model:
    """model.safetensors, trained on flowers.csv."""
    assert shell("train", "flowers.csv", "--target", "kind", *QUICK).code == 0
    return dnn_xp.load("model.safetensors")


def test_the_graph_predicts_what_the_model_predicts(
    shell: Shell, files: Flowers, trained: dnn_xp.Model
) -> None:
    said = shell("export", "model.safetensors", "model.onnx", "--opset", "18")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "model written to model.onnx",
        "input   X  (N, 3)",
        "output  label  (N)",
        "output  probabilities  (N, 3)",
    ]
    runtime = require("onnxruntime", lambda: __import__("onnxruntime"))
    session = runtime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    X = files.X.astype(trained.dtype)
    label, P = session.run(None, {"X": X})
    assert np.array_equal(label, trained.predict(X, examples="rows"))
    expected = trained.predict_proba(X, examples="rows")
    np.testing.assert_allclose(P, expected, rtol=0, atol=1e-6)
    assert trained.feature_names == FEATURES


def test_what_is_in_the_way(shell: Shell, files: Flowers, trained: dnn_xp.Model) -> None:
    for given, said in (
        (
            ["flowers.csv", "m.onnx"],
            "MODEL must be a saved model; got 'flowers.csv', which is data.",
        ),
        (["model.safetensors", "m.onnx", "--opset", "3"], "--opset must be a whole number >= 13"),
        (["model.safetensors", "no/m.onnx"], "OUT='no/m.onnx': there is no folder 'no'"),
    ):
        found = shell("export", *given)
        assert found.code == 1
        assert found.err.startswith(f"dnn-xp: error: {said}")
    assert not Path("m.onnx").exists()
    found = shell("export", "model.safetensors", "model.txt")
    assert found.code == 2
    assert "OUT must be a file with the suffix .onnx; got 'model.txt'" in found.err
    Path("m.onnx").write_text("mine")
    found = shell("export", "model.safetensors", "m.onnx")
    assert found == (
        1,
        "",
        "dnn-xp: error: OUT='m.onnx' exists already; choose another, or --force overwrites it",
    )
    assert Path("m.onnx").read_text() == "mine"
    assert shell("export", "model.safetensors", "m.onnx", "--force").code == 0
    assert Path("m.onnx").stat().st_size > 100
