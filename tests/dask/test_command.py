"""`dnn-xp train --scheduler` with a cluster that is there, and with none."""

from __future__ import annotations

import numpy as np
import pytest
from clusters import cluster, examples, same
from namespaces import require

import dnn_xp
from dnn_xp.cli import main

X, Y = examples(3000)


@pytest.mark.bits
@pytest.mark.parametrize("data", [("data.npz",), ("data.h5", "--x-key", "X", "--y-key", "Y")])
def test_train_on_the_cluster_of_a_scheduler(tmp_path, monkeypatch, capsys, data):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", X=X.T, Y=Y)
    with require("h5py", lambda: __import__("h5py")).File("data.h5", "w") as file:
        file["X"], file["Y"] = X.T, Y
    typed = ["train", *data, "--hidden", "8,4", "--block-size", "256", "--validation", "0.2"]
    typed += ["--quiet", "--iterations", "12", "--output"]
    with cluster(2) as client:
        scheduler = ["--scheduler", client.scheduler.address]
        assert main([*typed, "cluster.safetensors", *scheduler]) == 0
        assert main([*typed, "kept.safetensors", *scheduler, "--checkpoint", "kept"]) == 0
        assert main(["train", "--resume", "kept", *scheduler, "--quiet"]) == 0
    assert main([*typed, "here.safetensors"]) == 0
    expected = dnn_xp.load("here.safetensors")
    found = dnn_xp.load("cluster.safetensors")
    assert "2 workers at the start, 2 used, 0 lost" in found.settings["cluster"]
    same(found, expected)
    assert capsys.readouterr().err == ""


def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", X=X.T, Y=Y)
    monkeypatch.setattr("distributed.Client", _refuses)
    assert main(["train", "data.npz", "--scheduler", "tcp://127.0.0.1:1"]) == 1
    said = capsys.readouterr().err
    assert "--scheduler" in said
    assert "the address of a Dask scheduler such as tcp://10.0.0.1:8786" in said


def _refuses(address, **how):
    msg = f"Timed out trying to connect to {address} after 10 s"
    raise OSError(msg)
