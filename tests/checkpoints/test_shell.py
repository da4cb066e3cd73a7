"""dnn-xp train --checkpoint and --resume, and what signals leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from trainings import examples

import dnn_xp
from dnn_xp.cli import main
from dnn_xp.training.checkpoints.folder import Folder

ROOT = Path(dnn_xp.__file__).parents[1]
QUICK = ("--hidden", "6,5", "--quiet")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """all.npy in the folder: the label, and four features."""
    monkeypatch.chdir(tmp_path)
    X, Y = examples()
    np.savez("all.npz", X=X.T, Y=Y)
    return "all.npz"


def theta(path):
    return dnn_xp.load(path).theta.tobytes()


@pytest.mark.parametrize(
    "how",
    [
        ("--iterations", "30"),
        (
            "--epochs",
            "9",
            "--batch-size",
            "32",
            "--keep-prob",
            "0.9,0.8",
            "--class-weight",
            "balanced",
        ),
    ],
)
def test_it_goes_on_from_its_folder_alone(how, data, tmp_path, monkeypatch, capsys):
    assert main(["train", data, *QUICK, *how, "-o", "all.safetensors"]) == 0
    kept = ("--checkpoint", "kept", "--checkpoint-every", "1", "--keep", "99")
    assert main(["train", data, *QUICK, *how, *kept]) == 0
    assert theta("model.safetensors") == theta("all.safetensors")
    for _, path in Folder("kept").files()[3:]:
        path.unlink()
    monkeypatch.chdir("/")
    assert main(["train", "--resume", str(tmp_path / "kept"), "--threads", "1"]) == 0
    assert theta(tmp_path / "model.safetensors") == theta(tmp_path / "all.safetensors")
    assert capsys.readouterr().err == ""


def test_a_folder_of_another_training(data, capsys):
    assert main(["train", data, *QUICK, "--iterations", "3", "--checkpoint", "kept"]) == 0
    assert main(["train", data, *QUICK, "--checkpoint", "kept", "--force"]) == 1
    said = capsys.readouterr().err
    assert "--checkpoint must be a folder without checkpoints; got 'kept', which holds" in said
    assert "Pass --resume DIR to go on from the newest one" in said
    assert main(["train", "--resume=kept", "--seed", "3"]) == 1
    assert "had other data or options: " in capsys.readouterr().err
    assert main(["train", "--resume", "none"]) == 1
    said = capsys.readouterr().err
    assert "--resume must be a folder that 'dnn-xp train DATA --checkpoint DIR' has begun" in said
    assert main(["train", data, "--keep", "2", "-o", "other"]) == 1
    said = capsys.readouterr().err
    assert (
        "--keep must be left out unless --checkpoint is given; got 2. Pass --checkpoint DIR" in said
    )
    assert main(["train", "--resume", "kept", data]) == 2


def test_it_goes_on_with_the_config_it_began_with(data, tmp_path, monkeypatch, capsys):
    run = Path("run.toml")
    run.write_text(
        f'data = "{data}"\nmetrics = "auc"\n[training]\niterations = 30\nhidden = [6, 5]\n'
        'optimizer = { name = "momentum", beta = 0.5 }\n'
        'learning_rate = { name = "step_decay", learning_rate = 0.1, factor = 0.5, every = 9 }\n'
    )
    given = ("train", "--config", "run.toml", "--quiet")
    kept = ("--checkpoint", "kept", "--checkpoint-every", "1", "--keep", "99")
    assert main([*given, "-o", "all.safetensors"]) == 0
    assert main([*given, *kept]) == 0
    whole = Path("model.toml").read_text(encoding="utf-8")
    assert whole == Path("all.toml").read_text(encoding="utf-8").replace("all.toml", "model.toml")
    for _, path in Folder("kept").files()[3:]:
        path.unlink()
    # Neither the file nor the folder that it was read in is needed again.
    run.unlink()
    Path("model.toml").unlink()
    monkeypatch.chdir("/")
    assert main(["train", "--resume", str(tmp_path / "kept")]) == 0
    assert theta(tmp_path / "model.safetensors") == theta(tmp_path / "all.safetensors")
    assert (tmp_path / "model.toml").read_text(encoding="utf-8") == whole
    assert capsys.readouterr().err == ""


def test_a_config_is_not_given_again(data, capsys):
    kept = ("--checkpoint", "kept", "--iterations", "3")
    assert main(["train", data, *QUICK, *kept]) == 0
    assert main(["train", "--resume", "kept", "--config", "model.toml"]) == 1
    said = capsys.readouterr().err
    assert "--config must be left out where --resume is given; got 'model.toml'" in said


def test_a_damaged_command_is_said(data, capsys):
    assert main(["train", data, *QUICK, "--checkpoint", "kept", "--iterations", "3"]) == 0
    command = Path("kept", "command.json")
    whole = command.read_text(encoding="utf-8")
    for damaged in (whole[:-9], whole.replace('"hidden"', '"hiden"'), "[]"):
        command.write_text(damaged, encoding="utf-8")
        assert main(["train", "--resume", "kept"]) == 1
        assert "--resume must be a folder that" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sweep", "plan"])
def test_options_of_train_alone(command, data, capsys):
    for option in ("--checkpoint", "--resume", "--keep", "--plot"):
        assert main([command, data, option, "2"]) == 2
        assert f"unknown option {option}" in capsys.readouterr().err


def typed(*argv, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "dnn_xp", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


def wait_for(what, process):
    until = time.monotonic() + 60
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(number, code, data, capsys):
    kept = ("--checkpoint", "kept", "--checkpoint-every", "20")
    process = typed("train", data, *QUICK, "--iterations", "10000000", *kept)
    wait_for(lambda: Folder("kept").files(), process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.count("\n") == 1
    word = "terminated" if code == 143 else "interrupted"
    assert err.startswith(f"dnn-xp: {word}: the ")
    assert err.endswith("the training is kept in kept; to go on: dnn-xp train --resume kept\n")
    assert Path("model.safetensors").exists() == (code == 130)
    done = int(Folder("kept").newest().tensors["reports"][-1, 0])
    assert main(["train", "--resume", "kept", "--iterations", str(done + 10)]) == 0
    assert dnn_xp.load("model.safetensors").history.iterations[-1] == done + 10
    assert capsys.readouterr().err == ""


def test_sigterm_without_checkpoints_saves_the_model(data):
    process = typed(
        "train", data, "--hidden", "6,5", "--iterations", "10000000", PYTHONUNBUFFERED="1"
    )
    assert process.stderr.readline().startswith("update 0 of")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    said = err.splitlines()[-1]
    assert said.startswith("dnn-xp: terminated: the model after ")
    assert said.endswith(" updates is saved in model.safetensors")
    dnn_xp.load("model.safetensors")


SCRIPT = """
import dnn_xp, sys, trainings
dnn_xp.train(*trainings.examples(), hidden=[6, 5], iterations=10**7, checkpoint="kept", checkpoint_every=20)
"""


def test_sigterm_ends_a_script_with_its_last_checkpoint(data):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{Path(__file__).parents[1]}"}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment)
    wait_for(lambda: Folder("kept").files(), process)
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    record = Folder("kept").newest().tensors["record"].tobytes()
    assert b'"stopped": "interrupted"' in record
