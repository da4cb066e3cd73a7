"""Sources through pickle: a file is opened again by its path, and must be the same file there."""

from __future__ import annotations

import copyreg
import os
from pathlib import Path
from typing import Any

import numpy as np

from dnn_xp.common.messages import optional_package
from dnn_xp.common.watched import Stamp, compare, stamp
from dnn_xp.data.host import to_host
from dnn_xp.data.readers.npy import NpyFile
from dnn_xp.data.readers.parquet import Encoding, ParquetSource
from dnn_xp.data.sources.base import ArraySource, DatasetSource
from dnn_xp.data.sources.labels import LabelSource

# How a pickle is read: a function and its arguments.
Reduced = tuple[Any, tuple[Any, ...]]


def _of_array(source: ArraySource) -> Reduced:
    return ArraySource, (to_host(source.array), source.rows)


def _of_labels(source: LabelSource) -> Reduced:
    return _labels, (to_host(source.codes), source.n, source.dtype.name)


def _labels(codes: np.ndarray, n: int, dtype: str) -> LabelSource:
    return LabelSource(codes, n, dtype=dtype)


def _of_dataset(source: DatasetSource) -> Reduced:
    return _dataset, (*_how_to_open(source.dataset), source.rows)


def _how_to_open(dataset: Any) -> tuple[Any, tuple[Any, ...], str, Stamp | None]:
    """What opens a dataset again, and what it is called with; its file and the stamp of that."""
    package = type(dataset).__module__.partition(".")[0]
    if isinstance(dataset, NpyFile):
        path = os.path.abspath(dataset.path)  # noqa: PTH100 - links stay as they are
        return NpyFile, (path,), path, stamp(path)
    if isinstance(dataset, np.memmap) and dataset.filename is not None:
        path = str(Path(dataset.filename).absolute())
        order = "C" if dataset.flags.c_contiguous else "F"
        how = (path, dataset.dtype, dataset.offset, dataset.shape, order)
        return _mapped, how, path, stamp(path)
    if package == "h5py":
        path = str(Path(dataset.file.filename).absolute())
        return _hdf5, (path, dataset.name), path, stamp(path)
    return _itself, (dataset,), "", None


def _mapped(path: str, dtype: Any, offset: int, shape: tuple[int, ...], order: Any) -> Any:
    return np.memmap(path, dtype, "r", offset, shape, order)


def _hdf5(path: str, name: str) -> Any:
    h5py = optional_package("h5py", purpose=f"Reading {path!r}")
    return h5py.File(path, "r")[name]


def _itself(dataset: Any) -> Any:
    return dataset


def _dataset(
    opens: Any, how: tuple[Any, ...], path: str, then: Stamp | None, rows: bool
) -> DatasetSource:
    dataset = opens(*how)
    if then is not None:
        compare(repr(path), then, path)
    return DatasetSource(dataset, rows)


def _of_parquet(source: ParquetSource) -> Reduced:
    path = os.path.abspath(source.path)  # noqa: PTH100
    groups, encoding = source._groups, source._encoding
    return _parquet, (path, stamp(path), source.columns, groups, encoding, source._argument)


def _parquet(
    path: str,
    then: Stamp,
    columns: list[str],
    groups: tuple[int, ...],
    encoding: Encoding | None,
    argument: str,
) -> ParquetSource:
    source = ParquetSource(path, columns, groups, encoding=encoding, argument=argument)
    compare(repr(path), then, path)
    return source


for _kind, _reduce in (
    (ArraySource, _of_array),
    (LabelSource, _of_labels),
    (DatasetSource, _of_dataset),
    (ParquetSource, _of_parquet),
):
    copyreg.pickle(_kind, _reduce)  # type: ignore[arg-type]
