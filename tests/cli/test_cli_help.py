"""The examples below --help run, one after the other, as they are printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import Flowers, Shell, columns_of, write_csv
from namespaces import require

import dnn_xp.cli.commands.bench as bench_command
from dnn_xp.cli import help as notes

# In the order in which files are made and read.
ORDER = (
    "GENERAL",
    "TRAIN",
    "PREDICT",
    "EXPORT",
    "INFO",
    "DEVICES",
    "DEMO",
    "PLAN",
    "SWEEP",
    "BENCH",
)


def examples_of(text: str) -> list[list[str]]:
    """The words of each example, lines that go on joined."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = re.findall(r"^  dnn-xp (.*)$", joined, flags=re.MULTILINE)
    return [shlex.split(line) for line in lines]


def test_every_command_shows_examples() -> None:
    given = {name: value for name, value in vars(notes).items() if name.isupper()}
    assert set(given) == set(ORDER)
    for name, text in given.items():
        found = examples_of(text)
        assert found, name
        if name != "GENERAL":
            assert {words[0] for words in found} == {name.lower()}


def test_the_examples_run(shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch) -> None:
    require("onnx", lambda: __import__("onnx"))
    import pyarrow
    import pyarrow.parquet

    monkeypatch.setattr(bench_command, "EXAMPLES", 2000)
    monkeypatch.setattr("dnn_xp.cli.commands.plan._ENOUGH", 0.0)
    rng = np.random.default_rng(0)
    area = rng.uniform(50, 200, 120)
    price = 2000 * area + 1e4 * rng.standard_normal(120)
    write_csv("houses.csv", {"id": np.arange(120), "area": area, "price": price})
    table = {
        "species" if name == "kind" else name: each for name, each in columns_of(files).items()
    }
    written = pyarrow.table({name: np.tile(each, 6).tolist() for name, each in table.items()})
    pyarrow.parquet.write_table(written, "table.parquet")
    np.savez("digits.npz", images=rng.random((80, 4, 4)), labels=np.arange(80) % 4)
    toml = notes.SWEEP[notes.SWEEP.index("  hidden = [[") : notes.SWEEP.index("The points are")]
    Path("rates.toml").write_text("\n".join(line.strip() for line in toml.splitlines()))
    ran = []
    for name in ORDER:
        for words in examples_of(getattr(notes, name)):
            ours = list(words)
            if words[0] in ("train", "sweep"):
                ours += ["--force", "--quiet"]
                # No more than a few updates, where the example does not say how many.
                ours += [] if {"--iterations", "--config"} & set(words) else ["--epochs", "3"]
            if words[0] == "bench":
                ours = [*(words[:-1] if "--seconds" in words else [*words, "--seconds"]), "0.01"]
            said = shell(*ours)
            assert said.code == 0, (words, said.err)
            ran.append(words[0])
    commands = {"train", "predict", "export", "info", "devices", "demo", "plan", "sweep", "bench"}
    assert set(ran) == commands


def test_the_codes_are_those_of_main() -> None:
    import dnn_xp.cli as cli

    codes = re.findall(r"^  (\d+) +\S", notes.GENERAL, flags=re.MULTILINE)
    assert codes == ["0", "1", "2", str(cli.INTERRUPTED), str(cli.BROKEN_PIPE), str(cli.TERMINATED)]
