"""Parquet files, read by row groups as blocks are asked for."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.common.messages import optional_package
from dnn_xp.common.watched import Watch
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.arrow import arrow_table, is_numeric
from dnn_xp.data.readers.refusing import refusing
from dnn_xp.data.readers.tables import choose_columns, refuse_columns


def open_parquet(path: str | os.PathLike[str], watch: Watch, argument: str = "X") -> Any:
    """The file as a pyarrow ParquetFile; ArgumentValueError where it is none."""
    where = repr(os.fspath(path))
    parquet = optional_package("pyarrow.parquet", purpose=f"Reading {where}")
    with refusing(argument, where, "a Parquet file"), watch.reading():
        return parquet.ParquetFile(path)


class Encoding(NamedTuple):
    """How the lines of a row group become features.

    Attributes
    ----------
    encode : callable
        Columns of m lines -> (m, n).
    n : int
        Features.
    dtype : numpy.dtype
    """

    encode: Callable[[ColumnTable], npt.NDArray[Any]]
    n: int
    dtype: np.dtype[Any]


class ParquetSource:
    """Columns of a Parquet file: a line is an example; a numeric column is a feature.

    Row groups are read when a block needs them, and the last few are kept, so blocks read in order
    read each group once. Memory is bounded by `keep` row groups. gather() reads every row group
    that it touches: for mini-batches drawn from everywhere, load the file into memory instead.

    Parameters
    ----------
    path : str or PathLike
    columns : sequence of str, optional
        The features, in this order; all columns of the file when not given.
    row_groups : sequence of int, optional
        The row groups that make up the examples, in this order; all when not given.
    keep : int
        Row groups kept in memory.
    encoding : Encoding, optional
        What makes features of the columns; without it they must be numeric.
    watch : Watch, optional
        Of the file since it was first opened; made here when not given.

    Raises
    ------
    ChangedFileError
        While reading, when the file has changed.

    Notes
    -----
    The values are float64 when any chosen column is, else float32; missing ones are NaN. Several
    threads may read; a lock lets one read the file at a time.
    """

    in_memory = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        columns: Sequence[str] | None = None,
        row_groups: Sequence[int] | None = None,
        *,
        keep: int = 2,
        argument: str = "X",
        encoding: Encoding | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._pa = optional_package("pyarrow", purpose=f"Reading {os.fspath(path)!r}")
        self._watch = watch or Watch(path, repr(os.fspath(path)))
        self._file = open_parquet(path, self._watch, argument)
        schema = self._file.schema_arrow
        self.path, self._argument = os.fspath(path), argument
        self.columns = choose_columns(columns, schema.names)
        types = [schema.field(name).type for name in self.columns]
        text = [
            name for name, kind in zip(self.columns, types, strict=True) if not is_numeric(kind)
        ]
        if text and encoding is None:
            raise refuse_columns(argument, text, repr(self.path))
        double = any(self._pa.types.is_float64(kind) for kind in types)
        own = np.dtype(np.float64 if double else np.float32)
        self.dtype: np.dtype[Any] = own if encoding is None else encoding.dtype
        self._encoding = encoding
        groups = range(self._file.num_row_groups) if row_groups is None else row_groups
        self._groups = tuple(groups)
        sizes = [self._file.metadata.row_group(group).num_rows for group in self._groups]
        # Group k holds examples edges[k] to edges[k+1]-1
        self._edges: npt.NDArray[np.int64] = np.concatenate(
            [np.zeros(1, dtype=np.int64), np.cumsum(sizes, dtype=np.int64)]
        )
        self.n = len(self.columns) if encoding is None else encoding.n
        self.m = int(self._edges[-1])
        self._keep = keep
        self._read: OrderedDict[int, npt.NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def block(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Examples start to stop-1: (n, stop - start)."""
        stop = min(stop, self.m)
        if stop <= start:
            return np.empty((self.n, 0), dtype=self.dtype)
        first = int(np.searchsorted(self._edges, start, side="right")) - 1
        parts = []
        for k in range(first, len(self._groups)):
            low, high = int(self._edges[k]), int(self._edges[k + 1])
            if low >= stop:
                break
            if high > low:
                parts.append(self._group(k)[:, max(start, low) - low : min(stop, high) - low])
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The examples at these positions: (n, len(indices))."""
        block = np.empty((self.n, len(indices)), dtype=self.dtype)
        owners = np.searchsorted(self._edges, indices, side="right") - 1
        for k in np.unique(owners):
            places = np.flatnonzero(owners == k)
            block[:, places] = self._group(int(k))[:, indices[places] - self._edges[k]]
        return block

    def _group(self, k: int) -> npt.NDArray[Any]:
        """Row group k as (n, lines), read under the lock."""
        with self._lock:
            if k in self._read:
                self._read.move_to_end(k)
                return self._read[k]
            with refusing(self._argument, repr(self.path), "a Parquet file"), self._watch.reading():
                table = self._file.read_row_group(self._groups[k], columns=list(self.columns))
            values = self._numbers(table) if self._encoding is None else self._encoded(table)
            values.flags.writeable = False
            self._read[k] = values
            while len(self._read) > self._keep:
                self._read.popitem(last=False)
            return values

    def _numbers(self, table: Any) -> npt.NDArray[Any]:
        values = np.empty((self.n, table.num_rows), dtype=self.dtype)
        target = self._pa.from_numpy_dtype(self.dtype)
        for j, name in enumerate(self.columns):
            values[j] = table.column(name).cast(target, safe=False).to_numpy()
        return values

    def _encoded(self, table: Any) -> npt.NDArray[Any]:
        assert self._encoding is not None
        return self._encoding.encode(arrow_table(table, repr(self.path))).T

    def __repr__(self) -> str:
        return f"ParquetSource(n={self.n}, m={self.m}, dtype={self.dtype}, path={self.path!r})"
