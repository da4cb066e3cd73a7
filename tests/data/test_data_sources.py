"""Every source gives the same blocks and the same gathered examples as the plain array."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import array_api_compat as compat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnn_xp.data.features import as_source, open_path
from dnn_xp.data.host import library, to_host
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.sources.base import ArraySource, DatasetSource, Source
from dnn_xp.data.sources.labels import LabelSource, code_dtype

N, M = 3, 23
X = np.random.default_rng(0).normal(size=(N, M)).astype(np.float32)


class Sliceable:
    """A dataset of which nothing but shape, dtype and slicing is known."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype
        self.inside = 0

    def __getitem__(self, key: Any) -> np.ndarray:
        keys = key if isinstance(key, tuple) else (key,)
        assert all(isinstance(k, slice) for k in keys)
        self.inside += 1
        assert self.inside == 1, "read by two threads at once"
        values = self._array[key]
        self.inside -= 1
        return values


def _memmap(path: Path, values: np.ndarray, rows: bool) -> Source:
    np.save(path / "x.npy", values)
    return DatasetSource(np.load(path / "x.npy", mmap_mode="r"), rows)


def _h5(path: Path, values: np.ndarray, rows: bool) -> Source:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / "x.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(2, 2))
    return DatasetSource(h5py.File(path / "x.h5", "r")["x"], rows)


def _zarr(path: Path, values: np.ndarray, rows: bool) -> Source:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(path / "x.zarr"), data=values, chunks=(3, 3))
    return DatasetSource(zarr.open(str(path / "x.zarr"), mode="r"), rows)


def _parquet(path: Path, values: np.ndarray, rows: bool) -> Source:
    assert rows, "a line of a Parquet file is an example"
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({f"f{j}": values[:, j] for j in range(values.shape[1])})
    parquet.write_table(table, path / "x.parquet", row_group_size=5)
    return ParquetSource(path / "x.parquet")


KINDS = {
    "array": lambda path, values, rows: ArraySource(values, rows),
    "memmap": _memmap,
    "h5": _h5,
    "zarr": _zarr,
    "parquet": _parquet,
    "sliceable": lambda path, values, rows: DatasetSource(Sliceable(values), rows),
}


CASES = [(kind, rows) for kind in KINDS for rows in (False, True) if rows or kind != "parquet"]


@pytest.fixture(scope="module", params=CASES, ids=str)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Source:
    kind, rows = request.param
    values = np.ascontiguousarray(X.T) if rows else X
    return KINDS[kind](tmp_path_factory.mktemp(kind), values, rows)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_blocks_are_the_arrays_columns(source: Source, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, M - 1))
    stop = data.draw(st.integers(start + 1, M))
    block = source.block(start, stop)
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, X[:, start:stop])


@settings(max_examples=25, deadline=None)
@given(indices=st.lists(st.integers(0, M - 1), min_size=1, max_size=40))
def test_gather_keeps_order_and_repeats(source: Source, indices: list[int]) -> None:
    gathered = source.gather(np.asarray(indices, dtype=np.int64))
    assert gathered.dtype == np.float32
    np.testing.assert_array_equal(gathered, X[:, indices])


def test_facts_and_ragged_last_block(source: Source) -> None:
    assert isinstance(source, Source)
    assert (source.n, source.m, source.dtype) == (N, M, np.float32)
    assert source.in_memory == isinstance(source, ArraySource)
    blocks = [source.block(start, min(start + 4, M)) for start in range(0, M, 4)]
    assert blocks[-1].shape == (N, 3)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), X)
    assert source.gather(np.empty(0, dtype=np.int64)).shape == (N, 0)
    assert f"n={N}, m={M}, dtype=float32" in repr(source)


def test_many_threads_read_one_source(source: Source) -> None:
    barrier = threading.Barrier(4)

    def read(seed: int) -> None:
        rng = np.random.default_rng(seed)
        barrier.wait()
        for _ in range(15):
            start = int(rng.integers(0, M - 5))
            np.testing.assert_array_equal(source.block(start, start + 5), X[:, start : start + 5])
            indices = rng.integers(0, M, 7)
            np.testing.assert_array_equal(source.gather(indices), X[:, indices])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))


@pytest.mark.parametrize("rows", [False, True])
def test_array_source_stays_in_its_library(bring: Any, rows: bool) -> None:
    array = bring(X.T if rows else X)
    source = ArraySource(array, rows)
    indices = np.asarray([5, 0, 5, 22], dtype=np.int64)
    for got, want in (
        (source.block(20, 23), X[:, 20:23]),
        (source.gather(indices), X[:, indices]),
    ):
        assert library(got) == library(array)
        assert compat.device(got) == compat.device(array)
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(to_host(got), want)


def test_numpy_and_torch_blocks_are_views() -> None:
    values = np.zeros((M, N), dtype=np.float32)
    block = ArraySource(values, rows=True).block(2, 5)
    values[3, 1] = 7.0
    assert block[1, 1] == 7.0
    torch = pytest.importorskip("torch")
    tensor = torch.zeros((N, M))
    block = ArraySource(tensor).block(2, 5)
    tensor[1, 3] = 7.0
    assert block[1, 1] == 7.0


def test_a_memmap_block_is_read_when_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r+")
    block = DatasetSource(mapped).block(0, 2)
    mapped[0, 0] = 99.0
    assert block[0, 0] == X[0, 0]
    assert type(block) is np.ndarray


@pytest.mark.parametrize("dtype", [">f4", ">i2", "int64", "bool", "uint8", ">f8", "float16"])
def test_dtypes_as_stored_in_native_order(tmp_path: Path, dtype: str) -> None:
    values = np.arange(6).reshape(2, 3).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    native = np.dtype(dtype).newbyteorder("=")
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for source in (ArraySource(values), DatasetSource(mapped), DatasetSource(Sliceable(values))):
        assert source.dtype == native
        for got in (source.block(1, 3), source.gather(np.asarray([2, 0]))):
            assert got.dtype == native
            assert got.dtype.isnative
        np.testing.assert_array_equal(source.gather(np.asarray([2, 0])), values[:, [2, 0]])


def test_bfloat16_blocks_become_float32() -> None:
    torch = pytest.importorskip("torch")
    source = as_source(torch.ones((2, 3), dtype=torch.bfloat16))
    assert source.dtype == np.float32
    assert source.block(0, 2).dtype == torch.float32
    jnp = pytest.importorskip("jax.numpy")
    source = as_source(jnp.ones((2, 3), dtype=jnp.bfloat16))
    assert source.dtype == np.float32
    assert source.gather(np.asarray([1])).dtype == jnp.float32


def test_one_dimension_is_one_feature(tmp_path: Path) -> None:
    y = np.arange(5.0)
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    for rows in (False, True):
        for source in (
            ArraySource(y, rows),
            DatasetSource(mapped, rows),
            DatasetSource(Sliceable(y), rows),
        ):
            assert (source.n, source.m) == (1, 5)
            np.testing.assert_array_equal(source.block(1, 3), [[1.0, 2.0]])
            np.testing.assert_array_equal(source.gather(np.asarray([4, 0])), [[4.0, 0.0]])


def test_parquet_reads_each_group_once_in_order_and_keeps_few(tmp_path: Path) -> None:
    source = _parquet(tmp_path, X.T, True)
    reads: list[int] = []
    plain = source._file.read_row_group

    class Counting:
        def read_row_group(self, group: int, columns: list[str]) -> Any:
            reads.append(group)
            return plain(group, columns=columns)

    source._file = Counting()
    for start in range(0, M, 2):
        source.block(start, start + 2)
    assert reads == [0, 1, 2, 3, 4]
    assert len(source._read) == 2
    chosen = ParquetSource(tmp_path / "x.parquet", ["f2", "f0"], row_groups=[3, 1])
    assert (chosen.n, chosen.m) == (2, 10)
    np.testing.assert_array_equal(chosen.block(3, 7), X[[2, 0]][:, [18, 19, 5, 6]])
    assert chosen.block(10, 12).shape == (2, 0)


def test_parquet_dtypes_and_gaps(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"i": [1, None, 2**30 + 1], "b": [True, False, None], "d": [0.1, 0.2, 0.3]})
    parquet.write_table(table, tmp_path / "t.parquet")
    source = ParquetSource(tmp_path / "t.parquet")
    assert source.dtype == np.float64
    expected = [[1, np.nan, 2**30 + 1], [1, 0, np.nan], [0.1, 0.2, 0.3]]
    np.testing.assert_array_equal(source.block(0, 3), expected)
    narrow = ParquetSource(tmp_path / "t.parquet", ["b", "i"])
    assert narrow.dtype == np.float32
    assert narrow.block(0, 3).dtype == np.float32


@pytest.mark.parametrize("n", [1, 4])
def test_label_source_spreads_codes(bring: Any, n: int) -> None:
    codes = np.asarray([0, 1, 1, 0, 1] if n == 1 else [3, 0, 2, 2, 1], dtype=np.int8)
    whole = codes[None, :] if n == 1 else np.eye(4)[:, codes]
    source = LabelSource(bring(codes), n)
    assert isinstance(source, Source)
    assert (source.n, source.m, source.dtype) == (n, 5, np.float32)
    indices = np.asarray([4, 0, 4], dtype=np.int64)
    for got, want in (
        (source.block(1, 4), whole[:, 1:4]),
        (source.gather(indices), whole[:, indices]),
    ):
        assert library(got) == library(source.codes)
        assert compat.device(got) == compat.device(source.codes)
        host = to_host(got)
        assert host.dtype == np.float32
        np.testing.assert_array_equal(host, want)
    assert LabelSource(codes, n, dtype="float64").block(0, 2).dtype == np.float64
    assert f"n={n}, m=5" in repr(source)


@pytest.mark.parametrize(("n", "dtype"), [(2, "int8"), (128, "int8"), (129, "int16")])
def test_codes_are_small(n: int, dtype: str) -> None:
    assert code_dtype(n) == np.dtype(dtype)
    assert code_dtype(1 << 17) == np.dtype("int32")


def test_gather_on_big_memmaps_stays_small(tmp_path: Path) -> None:
    source = open_path(_big(tmp_path), examples="rows")
    assert isinstance(source, DatasetSource)
    np.testing.assert_array_equal(source.gather(np.asarray([9_999, 3])), [[9_999, 3], [0, 0]])


def _big(tmp_path: Path) -> Path:
    mapped = np.lib.format.open_memmap(
        tmp_path / "big.npy", mode="w+", dtype=np.int32, shape=(10_000, 2)
    )
    mapped[:, 0] = np.arange(10_000)
    mapped.flush()
    return tmp_path / "big.npy"


def test_importing_loads_no_optional_package() -> None:
    code = (
        "import sys, dnn_xp.data;"
        "heavy = {'torch', 'jax', 'cupy', 'h5py', 'zarr', 'pyarrow', 'pandas', 'polars',"
        " 'scipy', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
