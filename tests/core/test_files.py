"""Training from files gives what training from memory gives, bit for bit, without loading them."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import refused

import dnn_xp

M, N = 700, 5
OPTIONS = {"hidden": [6, 4], "iterations": 8, "block_size": 64, "standardize": True, "threads": 3}


@pytest.fixture
def data(rng):
    X = rng.standard_normal((M, N)).astype(np.float32) * 3 + 1
    return X, (X[:, 0] * X[:, 1] > 1).astype(np.int64)


def write_npy(folder, X, Y):
    np.save(folder / "X.npy", X)
    np.save(folder / "Y.npy", Y)
    return folder / "X.npy", folder / "Y.npy"


def write_npz(folder, X, Y):
    np.savez(folder / "data.npz", X=X, Y=Y)
    return f"{folder}/data.npz::X", f"{folder}/data.npz::Y"


def write_hdf5(folder, X, Y):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "data.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(50, N))
        file.create_dataset("Y", data=Y)
    return f"{folder}/data.h5::X", f"{folder}/data.h5::Y"


def write_zarr(folder, X, Y):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(folder / "data.zarr"), mode="w")
    group.create_array("X", data=X, chunks=(50, N))
    group.create_array("Y", data=Y, chunks=(50,))
    return f"{folder}/data.zarr::X", f"{folder}/data.zarr::Y"


def write_parquet(folder, X, Y):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {f"x{j}": X[:, j] for j in range(N)} | {"label": Y}
    parquet.write_table(pa.table(columns), folder / "data.parquet", row_group_size=90)
    features = ",".join(f"x{j}" for j in range(N))
    return f"{folder}/data.parquet::{features}", f"{folder}/data.parquet::label"


def write_csv(folder, X, Y):
    path = folder / "data.csv"
    head = ",".join(f"x{j}" for j in range(N)) + ",label"
    table = np.column_stack([X, Y])
    np.savetxt(path, table, delimiter=",", header=head, comments="", fmt=["%.9g"] * N + ["%d"])
    features = ",".join(f"x{j}" for j in range(N))
    return f"{path}::{features}", f"{path}::label"


WRITERS = [write_npy, write_npz, write_hdf5, write_zarr, write_parquet, write_csv]


@pytest.mark.parametrize("write", WRITERS, ids=lambda each: each.__name__.removeprefix("write_"))
def test_a_file_trains_like_its_array(write, data, tmp_path):
    X, Y = data
    path_X, path_Y = write(tmp_path, X, Y)
    from_file = dnn_xp.train(path_X, path_Y, examples="rows", dtype="float32", **OPTIONS)
    from_memory = dnn_xp.train(X, Y, examples="rows", **OPTIONS)
    if (
        write is not write_csv
    ):  # text is read as float64, so its standardization may round otherwise
        assert from_file.theta.tobytes() == from_memory.theta.tobytes()
    np.testing.assert_allclose(from_file.theta, from_memory.theta, rtol=1e-4, atol=1e-5)
    assert from_file.predict(path_X, examples="rows").tolist() == (
        from_memory.predict(X, examples="rows").tolist()
    )
    found = from_file.evaluate(path_X, path_Y, examples="rows")
    assert found.accuracy == from_memory.evaluate(X, Y, examples="rows").accuracy
    assert found.examples == M


def test_an_open_dataset_and_a_memmap_train_like_their_array(data, tmp_path):
    h5py = pytest.importorskip("h5py")
    X, Y = data
    path, _ = write_npy(tmp_path, X.T.copy(), Y)
    mapped = dnn_xp.train(np.load(path, mmap_mode="r"), Y, **OPTIONS)
    with h5py.File(tmp_path / "columns.h5", "w") as file:
        dataset = dnn_xp.train(file.create_dataset("X", data=X.T), Y, **OPTIONS)
    from_memory = dnn_xp.train(X.T, Y, **OPTIONS)
    assert mapped.theta.tobytes() == dataset.theta.tobytes() == from_memory.theta.tobytes()


def test_mini_batches_of_a_small_file_are_those_of_its_array(data, tmp_path):
    X, Y = data
    path_X, path_Y = write_npy(tmp_path, X, Y)
    options = {"hidden": [6], "batch_size": 50, "epochs": 2, "examples": "rows"}
    from_file = dnn_xp.train(path_X, path_Y, **options)
    from_memory = dnn_xp.train(X, Y, **options)
    assert "shuffle" not in from_file.settings
    assert from_file.theta.tobytes() == from_memory.theta.tobytes()


def test_mini_batches_of_a_large_file_see_every_example_once_an_epoch(data, tmp_path, monkeypatch):
    X, Y = data
    path_X, path_Y = write_npy(tmp_path, X, Y)
    monkeypatch.setattr("dnn_xp.training.batches._SHUFFLE_BYTES", 200 * 4 * (N + 1))
    model = dnn_xp.train(
        path_X, path_Y, examples="rows", hidden=[6], batch_size=50, epochs=3, standardize=True
    )
    assert model.settings["shuffle"].startswith("runs of 200 examples, read in random order")
    assert model.history.iterations == (0, 14, 28, 42)
    assert model.history.costs[-1] < model.history.costs[0]


def test_a_fraction_of_a_file_is_its_last_examples(data, tmp_path):
    X, Y = data
    path_X, path_Y = write_npy(tmp_path, X, Y)
    split = dnn_xp.train(path_X, path_Y, examples="rows", validation=0.1, **OPTIONS)
    by_hand = dnn_xp.train(
        X[:630], Y[:630], examples="rows", validation=(X[630:], Y[630:]), **OPTIONS
    )
    assert split.theta.tobytes() == by_hand.theta.tobytes()
    np.testing.assert_allclose(split.history.validation_costs, by_hand.history.validation_costs)


def test_nan_in_a_file_is_found_with_and_without_standardization(data, tmp_path):
    X, Y = data
    X[412, 3] = np.nan
    path_X, path_Y = write_npy(tmp_path, X, Y)
    for standardize in (True, False):
        parts = "X | 1 NaN and 0 infinite ... example 412, feature 3 ... | finite numbers | ..."
        with refused(ValueError, parts):
            dnn_xp.train(path_X, path_Y, examples="rows", standardize=standardize)
