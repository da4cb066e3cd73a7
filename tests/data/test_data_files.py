"""Files of every kind, and what is said when one cannot be read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refused

from dnn_xp.data.features import as_source, open_path
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.sources.base import ArraySource, DatasetSource
from dnn_xp.data.tables import open_table
from dnn_xp.data.targets.kinds import encode_targets

X = np.arange(12.0, dtype=np.float32).reshape(4, 3)


def _h5(path: Path, **arrays: Any) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name.replace("__", "/"), data=values)


def _zarr(path: Path, **arrays: Any) -> None:
    group = pytest.importorskip("zarr").open_group(str(path), mode="w")
    for name, values in arrays.items():
        group.create_array(name.replace("__", "/"), data=values)


@pytest.mark.parametrize("examples", ["rows", "columns"])
def test_npy_is_read_in_blocks(tmp_path: Path, examples: str) -> None:
    np.save(tmp_path / "x.npy", X)
    source = open_path(tmp_path / "x.npy", examples=examples)
    assert isinstance(source, DatasetSource)
    assert not source.in_memory
    np.testing.assert_array_equal(source.block(0, 9), X.T if examples == "rows" else X)


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", X)
    np.savez(tmp_path / "two.npz", X=X, Y=X[0])
    assert isinstance(open_path(tmp_path / "one.npz", examples="rows"), ArraySource)
    for source in (
        open_path(tmp_path / "two.npz", examples="rows", key="X"),
        as_source(f"{tmp_path}/two.npz::X", examples="rows"),
    ):
        np.testing.assert_array_equal(source.block(0, 4), X.T)
    said = "X | '...two.npz' with 2 arrays ('X', 'Y') | one array | name it: '...two.npz::X'"
    with refused(ValueError, said):
        open_path(tmp_path / "two.npz", examples="rows")
    with refused(ValueError, "X: the key in ... | 'x' | one of 'X', 'Y' | did you mean 'X'?"):
        open_path(tmp_path / "two.npz", examples="rows", key="x")


@pytest.mark.parametrize(("suffix", "write"), [(".h5", _h5), (".hdf5", _h5), (".zarr", _zarr)])
def test_hdf5_and_zarr(tmp_path: Path, suffix: str, write: Any) -> None:
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    write(one, values=X)
    write(two, train__X=X, Y=X[0])
    for path in (one, f"{one}::values", f"{two}::train/X"):
        source = as_source(path, examples="rows")
        assert isinstance(source, DatasetSource)
        np.testing.assert_array_equal(source.block(1, 4), X.T[:, 1:4])
    with refused(ValueError, "X: the key in ... | 'train/Z' | one of 'Y'..."):
        as_source(f"{two}::train/Z", examples="rows")
    targets = encode_targets(f"{two}::Y", m=3)
    np.testing.assert_array_equal(targets.source.block(0, 3), X[:1])


def test_hdf5_lists_what_it_holds(tmp_path: Path) -> None:
    _h5(tmp_path / "two.h5", train__X=X, Y=X[0])
    said = "X | '...two.h5' with 2 arrays ('Y', 'train/X') | one array | name it: '...two.h5::Y'"
    with refused(ValueError, said):
        open_path(tmp_path / "two.h5", examples="rows")


def test_a_zarr_array_alone(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(tmp_path / "x.zarr"), data=X)
    np.testing.assert_array_equal(open_path(tmp_path / "x.zarr", examples="columns").block(0, 3), X)


def test_parquet_columns(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    table = {"a": X[:, 0], "b": X[:, 1], "name": list("pqpr"), "day": [1, 2, 2, 1]}
    parquet.write_table(pa.table(table), path)
    assert list(open_table(path).names) == ["a", "b", "name", "day"]
    for source in (
        open_path(path, examples="rows", columns=["b", "a"]),
        as_source(f"{path}::b,a", examples="rows"),
    ):
        assert isinstance(source, ParquetSource)
        np.testing.assert_array_equal(source.block(0, 4), X.T[[1, 0]])
    with pytest.raises(TypeError, match=r"column 'name' of '.*t.parquet', which holds no numbers"):
        open_path(path, examples="rows")
    with refused(
        ValueError,
        "X | the table ... which has one example per line | a file of arrays with "
        "examples='columns' | pass examples='rows'",
    ):
        open_path(path, examples="columns", columns=["a"])
    with refused(ValueError, "columns | 'nam' | one of ...'name'... | did you mean 'name'?"):
        open_path(path, examples="rows", columns=["a", "nam"])
    targets = encode_targets(f"{path}::name", m=4)
    assert targets.classes is not None
    assert targets.classes.tolist() == ["p", "q", "r"]


def test_csv(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow.csv")
    path = tmp_path / "t.csv"
    path.write_text("a,b,kind\n1,0.5,cat\n2,-1.5,dog\n3,2.5,cat\n")
    assert list(open_table(path).names) == ["a", "b", "kind"]
    source = open_path(path, examples="rows", columns=["b", "a"])
    np.testing.assert_array_equal(source.block(0, 3), [[0.5, -1.5, 2.5], [1, 2, 3]])
    assert source.dtype == np.float64
    targets = encode_targets(f"{path}::kind", m=3)
    assert targets.classes is not None
    assert targets.classes.tolist() == ["cat", "dog"]
    with pytest.raises(TypeError, match=r"column 'kind' of .*, which holds no numbers"):
        as_source(path, examples="rows")
    # Without a header, and with whole numbers only
    path.write_text("1,2\n3,4\n5,7\n")
    assert list(open_table(path).names) == ["0", "1"]
    plain = open_path(path, examples="rows")
    assert plain.dtype == np.float32
    np.testing.assert_array_equal(plain.block(0, 3), [[1, 3, 5], [2, 4, 7]])


def test_csv_wants_rows_and_several_targets_too(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,0.5\n2,-1.5\n")
    with refused(
        ValueError,
        "X | the table ... which has one example per line | a file of arrays with "
        "examples='columns' | pass examples='rows'",
    ):
        as_source(path)
    with refused(
        ValueError,
        "Y | the table ... which has one example per line | one column or a file of arrays with "
        "examples='columns' | choose one column ('...t.csv::name'), or pass examples='rows'",
    ):
        encode_targets(path, m=2)
    assert encode_targets(path, m=2, examples="rows").n_y == 2


def test_missing_file_and_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"X='.*no.npy': there is no file"):
        as_source(str(tmp_path / "no.npy"))
    said = (
        "X | '...data.xls' | a file with one of the suffixes .npy, ..., .csv | open it yourself ..."
    )
    with refused(ValueError, said):
        as_source(tmp_path / "data.xls")


def test_pickled_arrays_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.asarray([{}], dtype=object))
    np.savez(tmp_path / "o.npz", a=np.asarray([{}], dtype=object))
    for name in ("o.npy", "o.npz"):
        said = "X | '...', which cannot be read (...) | a file of one array of numbers or text"
        with refused(ValueError, said):
            as_source(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "package"),
    [("x.h5", "h5py"), ("x.zarr", "zarr"), ("x.parquet", "pyarrow"), ("x.csv", "pyarrow")],
)
def test_a_missing_package_names_the_extra(
    tmp_path: Path, monkeypatch: Any, name: str, package: str
) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs the package {package}.*dnn_xp\[files\]"):
        as_source(tmp_path / name, examples="rows")
