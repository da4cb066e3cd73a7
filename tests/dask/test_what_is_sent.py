"""What goes over the network, and what of a training reaches the workers."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
from clusters import examples, same
from distributed.comm.tcp import TCP
from namespaces import require

import dnn_xp
import dnn_xp.dask
from dnn_xp.dask.jobs import OF_THE_CLIENT, Job
from dnn_xp.dask.objective import ClusterObjective
from dnn_xp.execution.objective import Objective


@pytest.fixture
def written(monkeypatch):
    """Bytes that this process, which is client and scheduler, has written to workers and to itself."""
    total = [0]
    write = TCP.write

    async def counted(self, *given, **how):
        found = await write(self, *given, **how)
        total[0] += found
        return found

    monkeypatch.setattr(TCP, "write", counted)
    return total


def bytes_of(written, train):
    before = written[0]
    train()
    return written[0] - before


def test_arrays_are_sent_once(client, written):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 8000)).astype(np.float32)
    Y = (X[0] > X[1]).astype(int)
    how = {"hidden": [4], "report_every": 100}

    def updates(**lengths):
        return bytes_of(written, lambda: dnn_xp.dask.train(client, X, Y, **how, **lengths))

    few = updates(batch_size=2000, epochs=1)
    # To the scheduler, and from there to a worker.
    assert X.nbytes < few < 2.6 * X.nbytes
    assert abs(updates(batch_size=2000, epochs=6) - few) < 0.2 * X.nbytes
    few = updates(iterations=2)
    assert abs(updates(iterations=22) - few) < 0.1 * X.nbytes


@pytest.mark.bits
def test_batches_are_picked_by_the_workers_that_have_the_examples(client):
    X, Y = examples()
    how = {"hidden": [4], "batch_size": 2000, "epochs": 3, "block_size": 256}
    weights = np.arange(1.0, 6001.0)
    model = dnn_xp.dask.train(client, X, Y, **how, sample_weight=weights)
    same(model, dnn_xp.train(X, Y, **how, sample_weight=weights))


def _arguments() -> set[str]:
    of_objective = inspect.signature(Objective).parameters
    return set(of_objective) - {"network", "backend"}


def test_workers_are_told_all_that_makes_an_objective(client, monkeypatch):
    """An option that reaches the Objective of one process reaches those of the workers, or is named here."""
    jobs = []

    def kept(self, *given, **how):
        init(self, *given, **how)
        jobs.append(pickle.loads(self._job))

    init = ClusterObjective.__init__
    monkeypatch.setattr(ClusterObjective, "__init__", kept)
    X, Y = examples()
    model = dnn_xp.dask.train(client, X, Y, hidden=[4], iterations=1, label_smoothing=0.1)
    (job,) = jobs
    assert isinstance(job, Job)
    assert set(job.how) == _arguments() - OF_THE_CLIENT
    assert job.how["label_smoothing"] == 0.1
    assert job.network == model.network
    assert (job.how["standardization"][0] == model.standardization[0]).all()


X, Y = examples(2000)
SMALL = {"hidden": [8, 4], "block_size": 256}
BATCHES = {"batch_size": 500, "epochs": 2}
OPTIONS = {
    "preset": {"preset": "tabular", "hidden": [8], **BATCHES, "block_size": 128},
    "smoothing": {"cost": "softmax_cross_entropy", "label_smoothing": 0.1, "iterations": 4},
    "scaling layer": {"scaling_layer": True, "scale_rate": 6.0, "ntk": True, "iterations": 4},
    "quantiles": {"standardize_by": "quantiles", "bias_rate": 0.1, **BATCHES},
    "penalties, clipped": {"l2": 0.5, "l1": 0.1, "clip_norm": 0.1, "iterations": 4},
    "best by score": {
        "validation": 0.2,
        "keep_best": "score",
        "report_costs": "batches",
        **BATCHES,
    },
}


@pytest.mark.bits
@pytest.mark.parametrize("how", OPTIONS.values(), ids=OPTIONS)
def test_options_that_workers_need(client, how):
    how = SMALL | how
    same(dnn_xp.dask.train(client, X, Y, **how), dnn_xp.train(X, Y, **how))


@pytest.mark.bits
@pytest.mark.parametrize("how", [{"iterations": 4}, BATCHES], ids=["full", "batches"])
def test_embeddings(client, how):
    pandas = require("pandas", lambda: __import__("pandas"))
    code = np.random.default_rng(1).integers(0, 150, 2500)
    frame = pandas.DataFrame({"code": [f"c{each}" for each in code], "x": code % 7 + 0.5})
    model = dnn_xp.dask.train(client, frame, code / 50.0, **SMALL | how)
    assert model.network.embeddings
    same(model, dnn_xp.train(frame, code / 50.0, **SMALL | how))
