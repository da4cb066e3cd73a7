"""dnn-xp sweep: the grid as it is typed, the best model saved with its run, and going on from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import Flowers, Shell, typed_and_wanted, write_csv
from refusals import parts_of

import dnn_xp
import dnn_xp.sweeping.sweep
from dnn_xp.cli.sweep_options import read_grid
from dnn_xp.sweeping.attempt import attempted

GRID = "hidden=4,6-3,none;learning_rate=0.1,0.01"


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        (GRID, {"hidden": [(4,), (6, 3), ()], "learning_rate": [0.1, 0.01]}),
        ("batch-size=none,32; epochs=5", {"batch_size": [None, 32], "epochs": [5]}),
        ("--optimizer=adam,lbfgs", {"optimizer": ["adam", "lbfgs"]}),
        ("standardize=true,false", {"standardize": [True, False]}),
        ("hidden=auto;block_size=auto,64", {"hidden": ["auto"], "block_size": ["auto", 64]}),
        ("keep_prob=0.5,1;dropout=none", {"keep_prob": [0.5, 1.0], "dropout": [None]}),
        ("class_weight=none,balanced", {"class_weight": [None, "balanced"]}),
        ("seed=0,1,", None),
    ],
)
def test_a_grid_is_typed(typed: str, values: dict[str, list[object]] | None) -> None:
    if values is None:
        with pytest.raises(ValueError, match="--grid seed must be") as caught:
            read_grid(typed)
        assert parts_of(caught.value).startswith("--grid seed | '' | ")
    else:
        assert read_grid(typed) == (values, False)


def test_the_best_model_and_its_run_are_saved(shell: Shell, files: Flowers) -> None:
    typed = ("--target", "kind", "--iterations", "30", "--metrics", "auc")
    said = shell("sweep", "flowers.csv", *typed, "--grid", GRID)
    assert said.code == 0
    assert said.err.count("point ") == 6
    head, _, first, *rest = said.out.splitlines()
    assert head.split()[:3] == ["point", "hidden", "learning_rate"]
    assert "split      72 to train on, 18 to test on" in said.out
    assert rest[-1].startswith("saved      model.safetensors, ")
    model = dnn_xp.load("model.safetensors")
    hidden = "-".join(map(str, model.sizes[1:-1])) or "none"
    assert first.split()[1] == hidden
    assert model.settings["target_names"] == ["kind"]
    assert shell("train", "--config", "model.toml", "-o", "again", "--quiet") == (0, "", "")
    assert dnn_xp.load("again").theta.tobytes() == model.theta.tobytes()


def test_it_is_the_sweep_of_the_library(shell: Shell, files: Flowers) -> None:
    typed = ("--test-fraction", "0", "--iterations", "20", "--eta", "2", "--by", "score")
    assert shell("sweep", "flowers.npz", "--grid", GRID, *typed, "--quiet") == (0, "", "")
    grid, _ = read_grid(GRID)
    same = dnn_xp.sweep(
        files.X, files.kinds, grid, examples="rows", iterations=20, eta=2, by="score"
    )
    assert dnn_xp.load("model.safetensors").theta.tobytes() == same.model.theta.tobytes()


def test_refit_trains_on_the_validation_examples_too(shell: Shell, files: Flowers) -> None:
    typed = ("--test-fraction", "0", "--iterations", "20", "--grid", GRID, "--quiet")
    assert shell("sweep", "flowers.npz", *typed, "--refit") == (0, "", "")
    model = dnn_xp.load("model.safetensors")
    assert model.history.validation_costs == ()
    grid, _ = read_grid(GRID)
    same = dnn_xp.sweep(files.X, files.kinds, grid, examples="rows", iterations=20)
    refit = same.refit(files.X, files.kinds)
    assert model.theta.tobytes() == refit.theta.tobytes()
    assert shell("train", "--config", "model.toml", "-o", "again", "--quiet").code == 0
    assert dnn_xp.load("again").theta.tobytes() == model.theta.tobytes()


def test_distributions_come_in_a_file(shell: Shell, files: Flowers) -> None:
    Path("rates.toml").write_text(
        "learning_rate = { log_uniform = [1e-3, 1e-1] }\nbatch_size = { integers = [8, 16] }\n"
        "l2 = { uniform = [0.0, 2.0] }\nhidden = [[4], [6, 3]]\n"
    )
    typed = ("--target", "kind", "--epochs", "2", "--points", "5", "--file", "s.jsonl")
    said = shell("sweep", "flowers.csv", "--grid", "rates.toml", *typed)
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()[2:7]]
    assert len(rows) == 5
    assert {row[4] for row in rows} <= {"4", "6-3"}
    assert all(8 <= int(row[2]) <= 16 and 1e-3 <= float(row[1]) <= 1e-1 for row in rows)
    again = shell("sweep", "flowers.csv", "--grid", "rates.toml", *typed, "-o", "b")
    assert again.err.count("(from the file)") == 5
    assert again.out.splitlines()[:7] == said.out.splitlines()[:7]
    Path("grid.toml").write_text("hidden = [[4], []]\noptimizer = ['adam']\n")
    assert read_grid("grid.toml") == ({"hidden": [[4], []], "optimizer": ["adam"]}, False)


def test_a_sweep_goes_on_from_its_file(
    shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupted(*given: object, **how: object) -> object:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return attempted(*given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(dnn_xp.sweeping.sweep, "attempted", interrupted)
    typed = ("flowers.npz", "--grid", GRID, "--iterations", "9", "--quiet", "--file", "s.jsonl")
    said = shell("sweep", *typed)
    assert said == (
        130,
        "",
        "dnn-xp: interrupted: the best model so far is saved in model.safetensors",
    )
    assert shell("sweep", *typed, "-o", "b") == (0, "", "")
    assert shell("sweep", *typed[:-2], "-o", "c") == (0, "", "")
    assert dnn_xp.load("b").theta.tobytes() == dnn_xp.load("c").theta.tobytes()
    assert len(calls) == 3 + 4 + 6


WRONG = """
iris
    --grid must be the options to vary, such as 'hidden=32,64;learning_rate=0.01,0.001'; got none
iris --grid hiden=3
    --grid must be one of
iris --grid hidden
    --grid must be OPTION=VALUE,VALUE;OPTION=VALUE or a file with the suffix .toml; got 'hidden'
iris --grid hidden=
    --grid must be OPTION=VALUE,VALUE;OPTION=VALUE, each option once; got 'hidden='
iris --grid l2=1;l2=2
    --grid must be OPTION=VALUE,VALUE;OPTION=VALUE, each option once; got 'l2=2'
iris --grid hidden=4-x
    --grid hidden must be "auto" or sequence of int; got '4-x'
iris --grid l2=a
    --grid l2 must be float, optional; got 'a'
iris --grid standardize=yes
    --grid standardize must be one of 'true', 'false'; got 'yes'
iris --grid l2=-1
    --l2 must be a finite number >= 0; got -1.0
iris --grid cost=huber
    --grid must be options that may differ from point to point; got 'cost', which must be the same for all points to be compared. Pass --cost to the sweep itself.
iris --grid l2=1 --eta 1
    --eta must be a whole number >= 2; got 1
iris --grid no.toml
    --grid='no.toml': there is no such file
iris --grid bad.toml
    --grid must be a TOML file; got 'bad.toml', which cannot be read (
iris --grid kind.toml
    l2 in 'kind.toml' must be one of 'log_uniform', 'uniform', 'integers'; got 'normal'
iris --grid two.toml
    l2 in 'two.toml' must be [low, high]; got a list of length 1
iris --grid low.toml
    l2 in 'low.toml' must be [low, high] with low < high; got 3, 1
iris --grid both.toml
    l2 in 'both.toml' must be { log_uniform = [low, high] }; got a dict of length 2
"""  # noqa: E501 - a message is one line


@pytest.mark.parametrize(("typed", "wanted"), typed_and_wanted(WRONG))
def test_wrong_grids_are_one_line_and_1(shell: Shell, typed: str, wanted: str) -> None:
    for file, text in {
        "bad.toml": "a = = 3",
        "kind.toml": "l2 = { normal = [0, 1] }",
        "two.toml": "l2 = { uniform = [0] }",
        "low.toml": "l2 = { uniform = [3, 1] }",
        "both.toml": "l2 = { uniform = [0, 1], integers = [0, 1] }",
    }.items():
        Path(file).write_text(text)
    said = shell("sweep", *typed.split())
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dnn-xp: error: {wanted}")
    assert "\n" not in said.err
    assert not Path("model.safetensors").exists()


def test_groups_are_kept_whole(shell: Shell, flowers: Flowers) -> None:
    # Each group is one kind of measurements: the same row nine times.
    X = np.repeat(flowers.X[:10], 9, axis=0)
    columns = dict(zip(("a", "b", "c"), X.T, strict=True))
    write_csv("g.csv", {**columns, "who": np.repeat(np.arange(10), 9), "y": np.arange(90) % 2})
    typed = ("--target", "y", "--groups", "who", "--iterations", "2", "--grid", "hidden=3,4")
    said = shell("sweep", "g.csv", *typed)
    assert said.code == 0
    assert "in 2 groups of 10" in said.out
    assert dnn_xp.load("model.safetensors").sizes[0] == 3
