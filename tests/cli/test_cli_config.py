"""A run as a TOML file: written beside a model, it makes the same model again."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import QUICK, Flowers, Shell, typed_and_wanted

import dnn_xp

RUNS = {
    "a table": "flowers.csv --target kind --metrics auc,f1",
    "columns": "flowers.csv --target kind --features depth --features 0 --seed 7",
    "left out": "flowers.parquet --target -1 --exclude width --test-part last",
    "arrays": "flowers.npz --x-key X --y-key Y --test-fraction 0.3",
    "a key": "flowers.h5::X --target-file Y.npy",
    "columns of an array": "all.npy --target 0 --examples rows --cost squared_error",
    "a bundled set": "iris",
    "classes, validation": "flowers.csv --target kind --class-weight daisy=1,poppy=3,tulip=1 "
    "--validation 0.2 --validation-part last --patience 3",
    "batches": "flowers.csv --target kind --batch-size 16 --dropout 0.1,0.2 --hidden 6,4 "
    "--activation tanh,relu --optimizer adamw --no-standardize --dtype float32",
    "a switch": "flowers.npz::X --target 0 --no-standardize-targets --l1 0.5 --clip-norm 2 "
    "--learning-rate 1e-9 --threads 1",
}
BRIEF = ("--hidden", "5", "--iterations", "9", "--learning-rate", "0.05", "--quiet")


def brief(typed: str) -> list[str]:
    """The words of a run, short unless they say how long."""
    words = typed.split()
    if "--batch-size" in words:
        return [*words, "--epochs", "2", "--quiet"]
    pairs = zip(BRIEF[:-1:2], BRIEF[1::2], strict=True)
    more = [each for pair in pairs if pair[0] not in words for each in pair]
    return [*words, *more, "--quiet"]


@pytest.mark.bits
@pytest.mark.parametrize("typed", RUNS.values(), ids=RUNS)
def test_the_file_beside_a_model_makes_it_again(shell: Shell, files: Flowers, typed: str) -> None:
    Path("runs").mkdir()
    assert shell("train", *brief(typed), "-o", "runs/one.safetensors")[:2] == (0, "")
    # From another folder: paths in the file are relative to it.
    os.chdir("runs")
    assert shell("train", "--config", "one.toml", "-o", "two.safetensors", "--quiet").code == 0
    one, two = dnn_xp.load("one.safetensors"), dnn_xp.load("two.safetensors")
    assert two.theta.tobytes() == one.theta.tobytes()
    assert two.history.costs == one.history.costs
    assert two.settings == one.settings
    for left, right in zip(one.standardization or (), two.standardization or (), strict=True):
        assert left.tobytes() == right.tobytes()
    # The second file says the same.
    texts = [tomllib.loads(Path(f"{name}.toml").read_text("utf-8")) for name in ("one", "two")]
    assert texts[0] == texts[1]


def test_what_is_typed_overrides_the_file_and_is_told(shell: Shell, files: Flowers) -> None:
    shell(
        "train", "flowers.csv", "--target", "kind", "--seed", "3", *QUICK, "-o", "one.safetensors"
    )
    said = shell(
        *("train", "--config", "one.toml", "-o", "two.safetensors", "--quiet"),
        *("--seed", "3", "--hidden", "6,4", "--target", "height"),
    )
    assert said == (
        0,
        "",
        (
            "dnn-xp: note: --hidden overrides hidden = [8] of one.toml\n"
            'dnn-xp: note: --target overrides target = ["kind"] of one.toml'
        ),
    )
    model = dnn_xp.load("two.safetensors")
    assert (model.sizes, model.settings["target_names"]) == ((5, 6, 4, 1), ["height"])
    assert model.settings["iterations"] == 80
    # Back to a default is typed, too.
    typed = ("-o", "three.safetensors", "--hidden", "auto", "--quiet")
    said = shell("train", "flowers.parquet", "--config", "one.toml", *typed)
    assert said.err.splitlines() == [
        'dnn-xp: note: DATA overrides data = "flowers.csv" of one.toml',
        "dnn-xp: note: --hidden overrides hidden = [8] of one.toml",
    ]
    assert dnn_xp.load("three.safetensors").sizes == (4 - 1, 64, 32, 3)


def test_a_file_may_be_written_by_hand_and_ask_for_schedules(shell: Shell, files: Flowers) -> None:
    Path("run.toml").write_text(
        'data = "flowers.csv"\ntarget = "kind"\ntest_fraction = 0\n[training]\niterations = 12\n'
        'hidden = [4]\noptimizer = { name = "momentum", beta = 0.5 }\n'
        'learning_rate = { name = "step_decay", learning_rate = 0.1, factor = 0.5, every = 4 }\n'
    )
    assert shell("train", "--config", "run.toml", "--quiet") == (0, "", "")
    from dnn_xp.formulas import momentum, step_decay

    same = dnn_xp.train(
        files.X,
        files.kinds,
        examples="rows",
        iterations=12,
        hidden=[4],
        optimizer=momentum(0.5),
        learning_rate=step_decay(0.1, factor=0.5, every=4),
    )
    assert dnn_xp.load("model.safetensors").theta.tobytes() == same.theta.tobytes()
    assert shell("train", "--config", "model.toml", "-o", "again", "--quiet").code == 0
    assert dnn_xp.load("again").theta.tobytes() == same.theta.tobytes()
    assert Path("again.toml").is_file()


def test_names_of_all_kinds_go_round(shell: Shell, flowers: Flowers) -> None:
    X = flowers.X
    names = ['a "b"', "größe 😀", "c\\d"]
    lines = [",".join(f'"{each.replace(chr(34), chr(34) * 2)}"' for each in [*names, "kind"])]
    lines += [f"{a},{b},{c},{kind}" for (a, b, c), kind in zip(X, flowers.kinds, strict=True)]
    Path("häuser.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    typed = [each for name in names[:2] for each in ("--features", name)]
    assert shell("train", "häuser.csv", "--target", "kind", *typed, *QUICK) == (0, "", "")
    assert shell("train", "--config", "model.toml", "-o", "b", "--quiet") == (0, "", "")
    assert dnn_xp.load("b").settings["feature_names"] == names[:2]


def test_outputs_are_not_overwritten(shell: Shell, files: Flowers) -> None:
    Path("model.toml").write_text("mine")
    said = shell("train", "flowers.npz", *QUICK)
    assert said.err.startswith("dnn-xp: error: The run beside MODEL='model.toml' exists already;")
    assert Path("model.toml").read_text() == "mine"
    assert not Path("model.safetensors").exists()
    assert shell("train", "flowers.npz", *QUICK, "--force").code == 0
    assert "[training]" in Path("model.toml").read_text()


WRONG = """
nowhere.toml
    --config='nowhere.toml': there is no such file
no.toml
    --config must be a TOML file; got 'no.toml', which cannot be read (
latin.toml
    --config must be a TOML file; got 'latin.toml', which cannot be read (
entry.toml
    an entry of 'entry.toml' must be one of 'data', 'target', 'features', 'exclude', 'groups', 'x_key', 'y_key', 'target_file', 'examples', 'separator', 'decimal', 'thousands', 'test_fraction', 'test_part', 'metrics', 'training'; got 'targets'. Did you mean 'target'?
option.toml
    [training] of 'option.toml' must be one of
verbose.toml
    [training] of 'verbose.toml' must be one of
value.toml
    --l2 must be a finite number >= 0; got -1
type.toml
    target in 'type.toml' must be a list of text; got 3
number.toml
    test_fraction in 'number.toml' must be a number; got True
choice.toml
    test_part in 'choice.toml' must be one of 'auto', 'last'; got 'first'
metrics.toml
    metrics in 'metrics.toml' must be one of 'all',
table.toml
    training must be the table [training] of 'table.toml'; got 3
together.toml
    --iterations must be left out where --epochs is given; got 2 with --epochs 2
"""  # noqa: E501 - a message is one line


@pytest.mark.parametrize(("name", "wanted"), typed_and_wanted(WRONG))
def test_wrong_files_are_one_line_and_1(shell: Shell, name: str, wanted: str) -> None:
    for file, text in {
        "no.toml": "a = = 3",
        "entry.toml": 'targets = ["a"]',
        "option.toml": "[training]\nhiden = [3]",
        "verbose.toml": "[training]\nverbose = true",
        "value.toml": "[training]\nl2 = -1",
        "type.toml": "target = 3",
        "number.toml": "test_fraction = true",
        "choice.toml": 'test_part = "first"',
        "metrics.toml": 'metrics = ["acc"]',
        "table.toml": "training = 3",
        "together.toml": "[training]\niterations = 2\nepochs = 2",
    }.items():
        Path(file).write_text(text)
    Path("latin.toml").write_bytes(b'data = "caf\xe9"')
    said = shell("train", "iris", "--config", name)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dnn-xp: error: {wanted}")
    assert "\n" not in said.err


def test_a_file_without_data_wants_data(shell: Shell) -> None:
    Path("run.toml").write_text("[training]\niterations = 2")
    said = shell("train", "--config", "run.toml")
    assert said.code == 2
    assert said.err.startswith("dnn-xp: error: the following arguments are required: DATA")
    assert shell("train", "iris", "--config", "run.toml", "--quiet") == (0, "", "")
    assert dnn_xp.load("model.safetensors").settings["iterations"] == 2


def test_an_interrupted_training_leaves_its_run(
    shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("run.toml").write_text(
        'data = "flowers.npz"\n[training]\niterations = 40\n'
        'learning_rate = { name = "constant", learning_rate = 0.05 }\n'
    )
    from dnn_xp.formulas.schedules import constant

    def interrupting(self: object, iteration: int) -> float:
        if iteration == 5:
            raise KeyboardInterrupt
        return 0.05

    with monkeypatch.context() as patch:
        patch.setattr(type(constant(0.05)), "__call__", interrupting)
        said = shell("train", "--config", "run.toml", "--quiet")
    assert said.code == 130
    assert said.err == (
        "dnn-xp: interrupted: the model after 4 updates is saved in model.safetensors"
    )
    assert shell("train", "--config", "model.toml", "-o", "whole", "--quiet").code == 0
    assert len(np.asarray(dnn_xp.load("whole").history.costs)) == 41
