"""Collections of Dask as sources: X block by block where it is computed, Y as one array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.checks import check_examples
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe, optional_package
from dnn_xp.dask.sources import files_as_one
from dnn_xp.data.features import open_path
from dnn_xp.data.given import examples_of
from dnn_xp.data.host import numpy_dtype
from dnn_xp.data.readers.parquet import ParquetSource


class DaskSource:
    """A dask.array as a source; its blocks are computed by the cluster.

    Parameters
    ----------
    array : dask.array.Array, two-dimensional, of known chunks
    rows : bool
        Whether the array is (m, n): examples are rows.
    """

    in_memory = False

    def __init__(self, array: Any, rows: bool) -> None:
        self.array, self.rows = array, rows
        self.n, self.m = map(int, array.shape[::-1] if rows else array.shape)
        self.dtype: np.dtype[Any] = numpy_dtype(array.dtype)

    def block(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Examples start to stop - 1: (n, stop - start)."""
        values = np.ascontiguousarray(self.part(start, stop).compute())
        return values.T if self.rows else values

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The examples at these positions: (n, len(indices))."""
        values = np.ascontiguousarray(
            (self.array[indices] if self.rows else self.array[:, indices]).compute()
        )
        return values.T if self.rows else values

    def future(self, client: Any, start: int, stop: int) -> Any:
        """The future of examples start to stop - 1, in the layout of the array."""
        return client.compute(self.part(start, stop))

    def part(self, start: int, stop: int) -> Any:
        """Examples start to stop - 1, as a dask.array in the layout of the array."""
        return self.array[start:stop] if self.rows else self.array[:, start:stop]


def is_collection(given: Any) -> bool:
    """Whether something is a collection of Dask."""
    return type(given).__module__.partition(".")[0] in ("dask", "dask_expr") and hasattr(
        given, "__dask_graph__"
    )


def is_spread(given: Any) -> bool:
    """Whether something is a collection of Dask, a list of files, or a folder of Parquet files."""
    return is_collection(given) or _files(given) is not None


def taken(X: Any, Y: Any, examples: str | None, argument: str = "X") -> tuple[Any, Any, str | None]:
    """X, Y and where the examples are, as `dnn_xp.train` takes them: collections and lists of files as sources.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For chunks of unknown size, a wrong number of dimensions, and files of different widths.
    """
    if is_collection(X):
        return _collection(X, Y, examples, argument)
    if is_collection(Y):
        Y = Y.compute()
    files = _files(X)
    if files is None:
        return X, Y, examples
    where = examples_of(files[0], examples)
    names = ParquetSource(files[0]).columns if isinstance(Y, str) and _is_parquet(files) else ()
    columns = [each for each in names if each != Y]
    if len(columns) < len(names):
        Y = np.concatenate([_column(each, Y) for each in files])
    sources = [
        open_path(each, examples=where, columns=columns or None, argument=f"{argument}[{place}]")
        for place, each in enumerate(files)
    ]
    for place, each in enumerate(sources):
        if each.n != sources[0].n:
            raise ArgumentValueError(
                f"{argument}[{place}]",
                f"{each.n} features in {files[place]!r}",
                f"a file of {sources[0].n} features, like {files[0]!r}",
            )
    return files_as_one(sources), Y, where


def _collection(X: Any, Y: Any, examples: str | None, argument: str) -> tuple[Any, Any, str]:
    is_frame = hasattr(X, "to_dask_array")
    where = check_examples(examples or ("rows" if is_frame else "columns"))
    if is_frame:
        if isinstance(Y, str):
            if Y not in X.columns:
                raise ArgumentValueError("Y", repr(Y), f"a column of {argument}, or the targets")
            X, Y = X.drop(columns=[Y]), X[Y]
        X = X.to_dask_array(lengths=True)
    if X.ndim != 2:
        raise ArgumentValueError(argument, describe(X), "two-dimensional", "reshape it")
    if any(np.isnan(size) for size in X.shape):
        raise ArgumentValueError(
            argument,
            "a dask.array with chunks of unknown size",
            "one whose shape is known",
            f"call {argument}.compute_chunk_sizes() first",
        )
    if X.dtype.kind not in "fiub":
        raise ArgumentTypeError(argument, f"a dask.array of {X.dtype}", "one of numbers")
    if is_collection(Y):
        Y = Y.compute()
    if hasattr(Y, "to_numpy"):
        Y = Y.to_numpy()
    return DaskSource(X, where), Y, "rows" if where else "columns"


def _files(X: Any) -> list[str] | None:
    """The files of a list of paths, or of a folder of Parquet files; None for anything else."""
    if isinstance(X, (list, tuple)) and X and all(isinstance(x, (str, os.PathLike)) for x in X):
        return [os.fspath(each) for each in X]
    if isinstance(X, (str, os.PathLike)) and Path(X).is_dir():
        found = sorted(map(str, Path(X).glob("**/*.parquet")))
        return found or None
    return None


def _is_parquet(files: Sequence[str]) -> bool:
    return all(each.endswith(".parquet") for each in files)


def _column(path: str, name: str) -> npt.NDArray[Any]:
    parquet = optional_package("pyarrow.parquet", purpose=f"Reading {path!r}")
    values: npt.NDArray[Any] = parquet.read_table(path, columns=[name]).column(0).to_numpy()
    return values
