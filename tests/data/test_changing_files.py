"""A file that changes while it is read is an error: no zeros, no old values, no dead process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refused

import dnn_xp
from dnn_xp.common.watched import ChangedFileError, Watch
from dnn_xp.data.features import open_path
from dnn_xp.data.readers.npy import NpyFile
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.sources.base import DatasetSource
from dnn_xp.data.sources.subset import RangeSource

M, N = 20_000, 3
CHANGED = "changed while it was being read"


@pytest.fixture(scope="module", name="X")
def examples() -> Any:
    return np.random.default_rng(0).standard_normal((M, N)).astype(np.float32)


def write_npy(folder: Path, X: Any) -> Path:
    np.save(folder / "X.npy", X)
    return folder / "X.npy"


def write_fortran(folder: Path, X: Any) -> Path:
    return write_npy(folder, np.asfortranarray(X))


def write_hdf5(folder: Path, X: Any) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "X.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(100, N))
    return folder / "X.h5"


def write_parquet(folder: Path, X: Any) -> Path:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({f"x{j}": X[:, j] for j in range(N)})
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(table, folder / "X.parquet", row_group_size=900)
    return folder / "X.parquet"


def write_zarr(folder: Path, X: Any) -> Path:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(folder / "X.zarr"), data=X, chunks=(1000, N))
    return folder / "X.zarr"


def write_shards(folder: Path, X: Any) -> Path:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(folder / "X.zarr"), data=X, chunks=(500, N), shards=(1000, N))
    return folder / "X.zarr"


def write_zarr2(folder: Path, X: Any) -> Path:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(folder / "X.zarr"), data=X, chunks=(1000, N), zarr_format=2)
    return folder / "X.zarr"


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def write_to(path: Path) -> None:
    """The same size, other bytes."""
    with path.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"\x07" * 100)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


def remove_a_chunk(path: Path) -> None:
    found = sorted(each for each in path.rglob("*") if each.name not in ("zarr.json", ".zarray"))
    found[-1].unlink()


FILES = [write_npy, write_fortran, write_hdf5, write_parquet]
CHUNKS = [write_zarr, write_shards, write_zarr2]
CASES = (
    [(write, truncate) for write in FILES]
    + [(write, write_to) for write in FILES]
    + [(write, remove_a_chunk) for write in CHUNKS]
    + [(write_zarr, shutil.rmtree), (write_parquet, Path.unlink)]
)


def train_until_changed(given: Any, X: Any, change: Any, **how: Any) -> None:
    def at_the_second_report(iteration: int, cost: float, model: dnn_xp.Model) -> None:
        if len(model.history.iterations) == 2:
            change()

    how = {"iterations": 6} | how
    dnn_xp.train(
        given, X[:, 0] > 0, hidden=[2], callbacks=[at_the_second_report], examples="rows", **how
    )


@pytest.mark.parametrize(("write", "change"), CASES)
def test_a_file_that_changes_while_training_is_an_error(
    write: Any, change: Any, X: Any, tmp_path: Path
) -> None:
    path = write(tmp_path, X)
    with pytest.raises(ChangedFileError, match=CHANGED) as caught:
        train_until_changed(path, X, lambda: change(path), block_size=1000)
    assert isinstance(caught.value, OSError)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("write", [write_npy, write_hdf5, write_parquet])
def test_and_so_it_is_with_mini_batches(write: Any, X: Any, tmp_path: Path) -> None:
    path = write(tmp_path, X)
    with pytest.raises(ChangedFileError, match=CHANGED):
        train_until_changed(
            path, X, lambda: truncate(path), iterations=None, batch_size=2000, epochs=4
        )


def test_threads_and_the_settings_of_numpy_are_as_before(X: Any, tmp_path: Path) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def settings() -> Any:
        pools = [each["num_threads"] for each in threadpoolctl.threadpool_info()]
        return pools, np.getbufsize(), np.geterr()

    before, path = settings(), write_npy(tmp_path, X)
    with pytest.raises(ChangedFileError):
        train_until_changed(path, X, lambda: truncate(path), block_size=1000, threads=3)
    assert settings() == before


def test_a_file_that_is_removed_and_still_open_is_read_on(X: Any, tmp_path: Path) -> None:
    path = write_npy(tmp_path, X)
    train_until_changed(path, X, path.unlink, block_size=1000)


DIES = """
import os, sys
import numpy as np
import dnn_xp

def cut(iteration, cost, model):
    os.truncate("X.npy", 1000)

X = np.random.default_rng(0).standard_normal((200_000, 3)).astype("float32")
np.save("X.npy", X)
given = np.load("X.npy", mmap_mode="r") if sys.argv[1] == "mapped" else "X.npy"
try:
    dnn_xp.train(given, X[:, 0] > 0, examples="rows", hidden=[2], iterations=3, callbacks=[cut])
except OSError as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("how", ["path", "mapped"])
def test_a_truncated_array_does_not_end_the_process(how: str, tmp_path: Path) -> None:
    root = Path(dnn_xp.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", DIES, how],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "ChangedFileError\n"), done.stderr


def test_a_csv_file_that_changes_between_two_looks(
    X: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    pytest.importorskip("pyarrow")
    from dnn_xp.data.readers import csv

    path = tmp_path / "X.csv"
    np.savetxt(path, X[:100], delimiter=",")
    read = csv._read_text

    def cut_and_read(*given: Any) -> Any:
        truncate(path)
        return read(*given)

    monkeypatch.setattr(csv, "_read_text", cut_and_read)
    with pytest.raises(ChangedFileError, match=CHANGED):
        dnn_xp.train(path, X[:100, 0] > 0, iterations=1)


def test_a_parquet_file_is_the_same_from_learning_to_training(X: Any, tmp_path: Path) -> None:
    path = write_parquet(tmp_path, X)
    watch = Watch(path, "here")
    write_to(path)
    with pytest.raises(ChangedFileError, match="here changed while it was being read"):
        ParquetSource(path, watch=watch)


# What is not there to begin with


def test_missing_chunks_are_told(X: Any, tmp_path: Path) -> None:
    path = write_zarr(tmp_path, X)
    remove_a_chunk(path)
    with pytest.warns(dnn_xp.DataWarning, match=r"1 of 20 chunks of .*X\.zarr.* read as 0\.0"):
        dnn_xp.train(path, X[:, 0] > 0, examples="rows", hidden=[2], iterations=1)


def test_missing_chunks_of_hdf5_are_told(X: Any, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "X.h5", "w") as file:
        file.create_dataset("X", shape=X.shape, chunks=(5000, N), dtype="f4")[:5000] = X[:5000]
    with pytest.warns(dnn_xp.DataWarning, match=r"3 of 4 chunks of .*X\.h5::X.* read as 0\.0"):
        open_path(tmp_path / "X.h5", examples="rows")


def test_a_chunk_that_cannot_be_decompressed_is_an_error_of_the_system(
    X: Any, tmp_path: Path
) -> None:
    path = write_zarr(tmp_path, X)
    (path / "c" / "3" / "0").write_bytes(b"no such thing")
    with pytest.raises(OSError, match=r"X\.zarr.* cannot be read"):
        dnn_xp.train(path, X[:, 0] > 0, examples="rows", hidden=[2], iterations=1)


@pytest.mark.parametrize("write", [write_npy, write_hdf5, write_parquet])
@pytest.mark.parametrize("left", [0, 100, 50_000])
def test_a_file_that_is_cut_short_is_refused_by_name(
    write: Any, left: int, X: Any, tmp_path: Path
) -> None:
    path = write(tmp_path, X)
    os.truncate(path, left)
    with refused(ValueError, f"X | {str(path)!r}, which cannot be read (...) | ..."):
        open_path(path, examples="rows")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_objects_are_not_unpickled(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"X{suffix}"
    objects = np.array([{}, 1], dtype=object)
    np.save(path, objects) if suffix == ".npy" else np.savez(path, objects)
    with refused(ValueError, "X | ...which cannot be read (...bject...) | ..."):
        open_path(path, examples="rows")


# Reading in blocks


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", ">f8", "i1", "?", "f2"])
@pytest.mark.parametrize("rows", [True, False])
def test_a_file_gives_the_values_and_strides_of_the_mapped_array(
    order: Any, dtype: str, rows: bool, tmp_path: Path
) -> None:
    given = np.random.default_rng(0).integers(0, 2, (50, 40)).astype(dtype)
    np.save(tmp_path / "X.npy", np.asarray(given, order=order))
    mapped = DatasetSource(np.load(tmp_path / "X.npy", mmap_mode="r"), rows)
    read = DatasetSource(NpyFile(tmp_path / "X.npy"), rows)
    assert (read.n, read.m, read.dtype) == (mapped.n, mapped.m, mapped.dtype)
    indices = np.array([7, 3, 3, 4, 30])
    for take in (
        lambda each: each.block(3, 17),
        lambda each: each.block(0, 99),
        lambda each: each.block(5, 5),
        lambda each: each.gather(indices),
        lambda each: each.gather(indices[:0]),
        lambda each: RangeSource(each, 10, 20).block(2, 4),
    ):
        one, other = take(read), take(mapped)
        assert one.tobytes() == other.tobytes()
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        if one.size:
            assert one.strides == other.strides


def test_one_dimension_and_text(tmp_path: Path) -> None:
    labels = np.array(["ant", "bee", "ant", "cat"])
    np.save(tmp_path / "Y.npy", labels)
    file = NpyFile(tmp_path / "Y.npy")
    assert (len(file), file.shape, file.ndim) == (4, (4,), 1)
    assert file[1:3].tolist() == ["bee", "ant"]
    assert np.asarray(file).tolist() == labels.tolist()
    with pytest.raises(IndexError, match="step 1"):
        file[::2]


def test_a_file_is_closed_with_its_source(X: Any, tmp_path: Path) -> None:
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("no /proc")

    def open_files() -> int:
        return len(list(handles.iterdir()))

    path, before = write_npy(tmp_path, X), open_files()
    for _ in range(50):
        open_path(path, examples="rows").block(0, 10)
    assert open_files() <= before + 1
