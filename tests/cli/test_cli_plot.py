"""dnn-xp train --plot."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import QUICK

pytest.importorskip("matplotlib")
SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.parametrize("suffix", SIGNATURES)
@pytest.mark.usefixtures("files")
def test_a_picture_is_written(shell, suffix):
    said = shell("train", "flowers.csv", "--target", "kind", *QUICK, "--plot", f"p{suffix}")
    assert (said.code, said.err) == (0, "")
    assert Path(f"p{suffix}").read_bytes().startswith(SIGNATURES[suffix])
    assert not list(Path().glob("*.part"))


@pytest.mark.parametrize("kind", ["values", "labels"])
def test_each_kind_of_model_has_a_picture(shell, kind):
    X = np.random.default_rng(0).standard_normal((60, 3))
    np.savez("data.npz", X=X, Y=X[:, 0] if kind == "values" else (X[:, :2] > 0).astype(int))
    said = shell("train", "data.npz", *QUICK, "--test-fraction", "0", "--plot", "p.png")
    assert (said.code, said.err) == (0, "")
    assert Path("p.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (
            "p.jpeg",
            "--plot must be a file that ends in one of '.png', '.svg', '.pdf'; got 'p.jpeg'",
        ),
        ("none/p.png", "--plot='none/p.png': there is no folder 'none'"),
        ("old.png", "--plot='old.png' exists already; choose another, or --force overwrites it"),
    ],
)
@pytest.mark.usefixtures("files")
def test_a_picture_that_cannot_be_written_is_said_before_anything_is_read(shell, path, wanted):
    Path("old.png").write_text("old")
    said = shell("train", "no-such-data.csv", *QUICK, "--plot", path)
    assert said.code != 0
    assert wanted in said.err
    assert Path("old.png").read_text() == "old"


def test_without_matplotlib_the_extra_is_named_before_anything_is_read(shell, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = shell("train", "no-such-data.csv", *QUICK, "--plot", "p.png")
    assert said.code != 0
    assert 'pip install "dnn_xp[plot]"' in said.err
