"""A cluster trains and scores to the bits of one machine, whatever its workers and their losses."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from clusters import examples, same
from namespaces import require

import dnn_xp
import dnn_xp.dask
from dnn_xp.dask.cluster import ranges_of

X, Y = examples()
SMALL = {"hidden": [8, 4], "iterations": 6, "block_size": 512}


@pytest.fixture
def npy(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return tmp_path / "X.npy"


HOW = {
    "adam": SMALL,
    "one block": SMALL | {"block_size": 6000},
    "lbfgs": SMALL | {"optimizer": "lbfgs"},
    "dropout, penalty": SMALL | {"keep_prob": 0.8, "l2": 1.0},
    "dropout that fades": SMALL | {"dropout": 0.2, "dropout_schedule": "flat_cosine"},
    "validation": SMALL | {"validation": 0.2, "patience": 2, "iterations": 12},
    "parametric": SMALL | {"parametric_activation": True, "activation": "mish"},
    "fitted": SMALL
    | {"bias_initialization": "he+5", "unit_variance": True, "number_encoding": "periodic"},
    "average": SMALL | {"ema_decay": 0.5},
    "weights": SMALL | {"sample_weight": np.arange(1.0, 6001.0)},
    "ensemble": SMALL | {"ensemble": 3, "keep_prob": 0.8, "validation": 0.2},
    "ensemble, encoded": SMALL
    | {"ensemble": 2, "number_encoding": "periodic", "parametric_activation": True},
    "ensemble, nothing shared": SMALL
    | {"ensemble": 2, "ensemble_sharing": "nothing", "number_encoding": "piecewise", "bins": 5},
    "unstandardized": SMALL | {"standardize": False},
    "periodic, quantiles": SMALL
    | {"number_encoding": "periodic", "scaling_layer": True, "standardize_by": "quantiles"},
    "piecewise": SMALL | {"number_encoding": "piecewise", "bins": 5},
    "piecewise, unstandardized": SMALL
    | {"number_encoding": "piecewise", "bins": 5, "standardize": False},
    "piecewise, quantiles, batches": {
        "hidden": [8],
        "batch_size": 1500,
        "epochs": 2,
        "block_size": 256,
    }
    | {"number_encoding": "piecewise", "bins": 5, "standardize_by": "quantiles"},
    "batches": {"hidden": [8], "batch_size": 1500, "epochs": 2, "block_size": 256},
}


@pytest.mark.bits
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_arrays_and_files(client, npy, how):
    same(dnn_xp.dask.train(client, X, Y, **how), dnn_xp.train(X, Y, **how))
    same(dnn_xp.dask.train(client, npy, Y, **how), dnn_xp.train(npy, Y, **how))


@pytest.mark.bits
def test_values_of_several_outputs(client, npy):
    values = np.stack([X[0] * X[1], 100.0 * X[2] + 7.0])
    same(
        dnn_xp.dask.train(client, npy, values, **SMALL, validation=0.1),
        dnn_xp.train(npy, values, **SMALL, validation=0.1),
    )


# Y of several outputs, in the layouts that shuffled examples of it have.
TARGETS = {
    "classes": np.digitize(X[0], [-0.5, 0.5]),
    "columns": np.stack([X[0] * X[1], 100.0 * X[2] + 7.0]),
    "rows": np.stack([X[0] * X[1], 100.0 * X[2] + 7.0]).T.copy(),
}


@pytest.mark.bits
@pytest.mark.parametrize("name", TARGETS)
def test_batches_of_several_outputs(client, tmp_path, name):
    how = {"hidden": [8], "batch_size": 1000, "epochs": 2, "block_size": 128, "examples": "columns"}
    given, wanted = X, TARGETS[name]
    if name == "rows":
        given, how = X.T.copy(), how | {"examples": "rows"}
    path = tmp_path / "X.npy"
    np.save(path, given)
    for each in (given, path):
        same(dnn_xp.dask.train(client, each, wanted, **how), dnn_xp.train(each, wanted, **how))


@pytest.mark.bits
def test_batches_of_runs_of_a_file(client, npy, monkeypatch):
    monkeypatch.setattr("dnn_xp.training.batches._SHUFFLE_BYTES", 40_000)
    how = {"hidden": [8], "batch_size": 700, "epochs": 2, "block_size": 256, "keep_prob": 0.9}
    model = dnn_xp.dask.train(client, npy, Y, **how)
    assert "runs of" in model.settings["shuffle"]
    same(model, dnn_xp.train(npy, Y, **how))


@pytest.mark.bits
def test_parts_that_workers_add(client, npy, monkeypatch):
    monkeypatch.setattr("dnn_xp.dask.cluster.FAN_IN", 2)
    monkeypatch.setattr(
        "dnn_xp.dask.cluster.ranges_of", lambda blocks, threads: ranges_of(blocks, [1] * 5)
    )
    same(dnn_xp.dask.train(client, npy, Y, **SMALL), dnn_xp.train(npy, Y, **SMALL))


@pytest.mark.bits
def test_collections(client):
    columns = dask.array.from_array(X, chunks=(5, 999))
    same(dnn_xp.dask.train(client, columns, Y, **SMALL), dnn_xp.train(X, Y, **SMALL))
    fitted = HOW["fitted"]
    same(dnn_xp.dask.train(client, columns, Y, **fitted), dnn_xp.train(X, Y, **fitted))
    rows = dask.array.from_array(X.T.copy(), chunks=(700, 2))
    how = SMALL | {"examples": "rows", "validation": (X[:, :900].T, Y[:900])}
    expected = dnn_xp.train(X.T.copy(), Y, **how)
    same(dnn_xp.dask.train(client, rows, dask.array.from_array(Y), **how), expected)


@pytest.mark.bits
def test_lists_of_files(client, tmp_path):
    pandas = require("pandas", lambda: __import__("pandas"))
    paths = []
    for k, part in enumerate(np.array_split(np.arange(6000), 3)):
        frame = pandas.DataFrame(X.T[part], columns=list("abcde")).assign(target=Y[part])
        (tmp_path / "table").mkdir(exist_ok=True)
        frame.to_parquet(tmp_path / "table" / f"{k}.parquet", row_group_size=600)
        np.save(tmp_path / f"{k}.npy", X[:, part])
        paths.append(tmp_path / f"{k}.npy")
    expected = dnn_xp.train(X, Y, **SMALL)
    same(dnn_xp.dask.train(client, paths, Y, **SMALL), expected)
    same(dnn_xp.dask.train(client, tmp_path / "table", "target", **SMALL), expected)


@pytest.mark.bits
def test_scores_and_predictions(client, npy):
    for targets in (Y, X[0] * X[1]):
        model = dnn_xp.train(X, targets, **SMALL)
        for given in (X, npy, dask.array.from_array(X, chunks=(5, 1000))):
            assert dnn_xp.dask.evaluate(client, model, given, targets) == model.evaluate(X, targets)
            found = dnn_xp.dask.predict(client, model, given)
            np.testing.assert_allclose(found.compute(), model.predict(X), rtol=1e-5)
    assert found.chunks == ((1000,) * 6,)


def test_a_model_of_a_table_with_embedded_columns_is_scored(client):
    pandas = pytest.importorskip("pandas")
    code = np.random.default_rng(1).integers(0, 150, 2500)
    frame = pandas.DataFrame({"code": [f"c{each}" for each in code], "x": code % 7 + 0.5})
    wanted = code / 50.0
    model = dnn_xp.train(frame, wanted, hidden=[4], iterations=2)
    assert model.network.embeddings
    assert dnn_xp.dask.evaluate(client, model, frame, wanted) == model.evaluate(frame, wanted)


@pytest.mark.bits
def test_predictions_are_kept_within_the_range(client, npy):
    how = SMALL | {"clamp_outputs": True, "validation": 0.1}
    values = 100.0 * X[0]
    same(dnn_xp.dask.train(client, npy, values, **how), dnn_xp.train(npy, values, **how))
