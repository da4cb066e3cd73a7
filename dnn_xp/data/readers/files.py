"""Files: what a path holds, opened but read no sooner than it must be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dnn_xp.common.messages import listing, optional_package, unknown_name
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.arrow import arrow_table
from dnn_xp.data.readers.csv import read_csv_table
from dnn_xp.data.readers.csv_dialect import dialect
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.readers.tables import choose_columns

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".zarr", ".parquet", ".csv")


def split_path(path: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """The file and what stands behind "::" in a path such as "runs.h5::train/X"."""
    text = os.fspath(path)
    file, mark, key = text.partition("::")
    return Path(file), key if mark else None


def open_file(
    path: str | os.PathLike[str],
    *,
    argument: str = "X",
    key: str | None = None,
    columns: Sequence[str] | None = None,
    labels: bool = False,
) -> Any:
    """What a path holds: a memmap, an array, a dataset, a ParquetSource or a ColumnTable.

    "file.h5::key" names a dataset inside a file; "file.parquet::a,b" and "file.csv::a,b" name
    columns. With `labels`, Parquet columns are read as a ColumnTable, since labels may be text.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        No such file; a suffix or key that is unknown; a package that is not installed.
    """
    file, inner = split_path(path)
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{argument}={os.fspath(path)!r} has the suffix {suffix!r}, which is not one of "
            f"{listing(SUFFIXES)}. Open it yourself and pass the array."
        )
    if not file.exists():
        raise FileNotFoundError(f"{argument}={os.fspath(path)!r}: there is no file {str(file)!r}.")
    if suffix in (".parquet", ".csv"):
        chosen = inner.split(",") if columns is None and inner else columns
        if suffix == ".csv" or labels:
            return _table(file, chosen)
        return ParquetSource(file, chosen, argument=argument)
    key = inner if key is None else key
    if suffix == ".npy":
        try:
            return np.load(file, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"{argument}={os.fspath(path)!r} cannot be read: {error}") from error
    purpose = f"Reading {str(file)!r}"
    if suffix == ".npz":
        with np.load(file, allow_pickle=False) as arrays:
            name = _only_key(argument, file, key, list(arrays.files))
            try:
                return arrays[name]
            except ValueError as error:
                raise ValueError(f"{argument}='{file}::{name}' cannot be read: {error}") from error
    if suffix == ".zarr":
        root = optional_package("zarr", purpose=purpose).open(str(file), mode="r")
        if not hasattr(root, "array_keys"):
            return root
        return root[
            key
            if key is not None and key in root
            else _only_key(argument, file, key, list(root.array_keys()))
        ]
    h5py = optional_package("h5py", purpose=purpose)
    root = h5py.File(file, "r")
    key = None if key is None else key.strip("/")
    return root[_only_key(argument, file, key, hdf5_names(root))]


def hdf5_names(root: Any) -> list[str]:
    """The datasets of an open HDF5 file, in its groups too."""
    h5py = optional_package("h5py", purpose="Reading HDF5 files")
    names: list[str] = []
    root.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names


def _only_key(argument: str, file: Path, key: str | None, keys: list[str]) -> str:
    """The key that is meant: the one given, or the only one there is."""
    if key is not None:
        if key not in keys:
            raise unknown_name(f"{argument}: the key in {str(file)!r}", key, keys)
        return key
    if len(keys) != 1:
        raise ValueError(
            f"{argument}={str(file)!r} holds {len(keys)} arrays ({listing(keys)}) and one is "
            f"wanted. Name it: '{file}::{keys[0] if keys else 'key'}'."
        )
    return keys[0]


def table_columns(path: str | os.PathLike[str]) -> list[str]:
    """The column names of a CSV or Parquet file; "0", "1", ... where a CSV file has no header."""
    file, _ = split_path(path)
    if file.suffix.lower() == ".parquet":
        parquet = optional_package("pyarrow.parquet", purpose=f"Reading {str(file)!r}")
        return [str(name) for name in parquet.read_schema(file).names]
    return list(dialect(file).names)


def _table(file: Path, columns: Sequence[str] | None) -> ColumnTable:
    if file.suffix.lower() == ".csv":
        table = read_csv_table(file)
    else:
        parquet = optional_package("pyarrow.parquet", purpose=f"Reading {str(file)!r}")
        names = choose_columns(columns, [str(name) for name in parquet.read_schema(file).names])
        table = arrow_table(parquet.read_table(file, columns=list(names)), repr(str(file)))
    return table.select(choose_columns(columns, table.names))
