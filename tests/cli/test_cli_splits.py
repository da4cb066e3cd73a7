"""dnn-xp train: stratified test split, the last part, whole groups, class weights."""

from __future__ import annotations

import numpy as np
import pytest

import dnn_xp
from dnn_xp.cli import main

QUICK = ["--hidden", "3", "--iterations", "2", "--force"]


@pytest.fixture
def table(tmp_path, monkeypatch, rng):
    """250 examples of three classes, rare ones among them, in 25 groups."""
    monkeypatch.chdir(tmp_path)
    kinds = rng.permutation(np.repeat(["often", "some", "rare"], [200, 40, 10]))
    lines = ["a,b,who,kind"]
    for i, kind in enumerate(kinds):
        lines.append(f"{rng.standard_normal():.4f},{i},p{i // 10},{kind}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    return "t.csv"


def train(table, *options):
    assert main(["train", table, "--target", "kind", *QUICK, *options]) == 0
    return dnn_xp.load("model.safetensors")


def test_the_test_split_is_stratified(table, capsys):
    train(table, "--exclude", "who", "--validation", "0.1")
    said = capsys.readouterr().out
    assert "200 to train on, 50 to test on (drawn within each class, seed 0)" in said
    assert "20 of 200 examples, drawn within each class" in said


def test_groups_and_the_last_part(table, capsys):
    model = train(table, "--groups", "who", "--validation", "0.1")
    said = capsys.readouterr().out
    assert model.settings["feature_names"] == ["a", "b"]
    assert "50 to test on (in 5 groups of 25, seed 0)" in said
    assert model.settings["validation"] == "20 of 200 examples, in 2 groups of 20"
    options = ("--test-part", "last", "--validation", "0.1", "--validation-part", "last")
    model = train(table, "--exclude", "who", *options)
    assert "200 to train on, the last 50 to test on" in capsys.readouterr().out
    assert model.settings["validation"].startswith("the last 20 of 200 examples")


def test_class_weight(table, capsys):
    model = train(table, "--exclude", "who", "--class-weight", "balanced")
    # 160, 32 and 8 of 200.
    assert model.settings["class_weight"] == "balanced (often: 0.4167, rare: 8.333, some: 2.083)"
    assert "balanced (often: 0.4167" in capsys.readouterr().out
    assert (
        main(
            [
                "train",
                table,
                "--target",
                "a",
                "--exclude",
                "who,kind",
                *QUICK,
                "--class-weight",
                "balanced",
            ]
        )
        == 1
    )
    assert "--class-weight" in capsys.readouterr().err


def test_a_class_in_the_test_only_is_refused_before_training(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = ["a,kind", *(f"{i},{'x' if i < 20 else 'y'}" for i in range(40)), "1,z"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    options = ["--target", "kind", "--test-part", "last", "--test-fraction", "0.1", *QUICK]
    assert main(["train", "t.csv", *options]) == 1
    assert "all the examples of class 'z'" in capsys.readouterr().err
