"""Files: what a path holds, opened but read no sooner than it must be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import counted, listing, optional_package, unknown_name
from dnn_xp.common.watched import Watch
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.arrow import arrow_table
from dnn_xp.data.readers.csv import read_csv_table
from dnn_xp.data.readers.npy import NpyFile
from dnn_xp.data.readers.parquet import ParquetSource, open_parquet
from dnn_xp.data.readers.refusing import refusing
from dnn_xp.data.readers.tables import choose_columns

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".zarr", ".parquet", ".csv")


def split_path(path: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """The file and what stands behind "::" in a path such as "runs.h5::train/X"."""
    text = os.fspath(path)
    file, mark, key = text.partition("::")
    return Path(file), key if mark else None


def found_path(path: str | os.PathLike[str], argument: str) -> tuple[Path, str | None]:
    """`split_path`, if the file is one that can be read and there is such a file.

    Raises
    ------
    ArgumentValueError, FileNotFoundError
        An unknown suffix; no such file.
    """
    file, inner = split_path(path)
    if file.suffix.lower() not in SUFFIXES:
        raise ArgumentValueError(
            argument,
            repr(os.fspath(path)),
            f"a file with one of the suffixes {', '.join(SUFFIXES)}",
            "open it yourself and pass the array",
        )
    if not file.exists():
        raise FileNotFoundError(f"{argument}={os.fspath(path)!r}: there is no file {str(file)!r}.")
    return file, inner


def open_file(
    path: str | os.PathLike[str],
    *,
    argument: str = "X",
    key: str | None = None,
    columns: Sequence[str] | None = None,
    labels: bool = False,
) -> Any:
    """What a path holds: an NpyFile, an array, a dataset, a ParquetSource or a ColumnTable.

    "file.h5::key" names a dataset inside a file; "file.parquet::a,b" and "file.csv::a,b" name
    columns. With `labels`, Parquet columns are read as a ColumnTable, since labels may be text.

    Raises
    ------
    FileNotFoundError, ArgumentValueError, ImportError
        No such file; a suffix or key that is unknown; a package that is not installed.
    """
    file, inner = found_path(path, argument)
    suffix = file.suffix.lower()
    if suffix in (".parquet", ".csv"):
        chosen = inner.split(",") if columns is None and inner else columns
        if suffix == ".csv" or labels:
            return _table(file, chosen, argument)
        return ParquetSource(file, chosen, argument=argument)
    key = inner if key is None else key
    opened = {".npy": _npy, ".npz": _npz, ".zarr": _zarr}.get(suffix, _hdf5)
    return opened(file, key, argument)


def _npy(file: Path, key: str | None, argument: str) -> NpyFile:
    with refusing(argument, repr(str(file))):
        return NpyFile(file)


def _npz(file: Path, key: str | None, argument: str) -> Any:
    # Opened here, because np.load does not close a file that is no archive.
    with refusing(argument, repr(str(file))), file.open("rb") as stream:
        arrays = np.load(stream, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array, as a .npy file does")
        name = _only_key(argument, file, key, list(arrays.files))
        with arrays, refusing(argument, repr(f"{file}::{name}")):
            return arrays[name]


def _zarr(file: Path, key: str | None, argument: str) -> Any:
    where = repr(str(file))
    zarr = optional_package("zarr", purpose=f"Reading {where}")
    with refusing(argument, where):
        root = zarr.open(str(file), mode="r")
        if not hasattr(root, "array_keys"):
            return root
        names = list(root.array_keys())
        return root[
            key if key is not None and key in root else _only_key(argument, file, key, names)
        ]


def _hdf5(file: Path, key: str | None, argument: str) -> Any:
    where = repr(str(file))
    h5py = optional_package("h5py", purpose=f"Reading {where}")
    with refusing(argument, where):
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
        raise ArgumentValueError(
            argument,
            f"{str(file)!r} with {counted(len(keys), 'array')} ({listing(keys)})",
            "one array",
            f"name it: '{file}::{keys[0] if keys else 'key'}'",
        )
    return keys[0]


def _table(file: Path, columns: Sequence[str] | None, argument: str) -> ColumnTable:
    if file.suffix.lower() == ".csv":
        table = read_csv_table(file, argument=argument)
    else:
        where = repr(str(file))
        watch = Watch(file, where)
        opened = open_parquet(file, watch, argument)
        names = choose_columns(columns, opened.schema_arrow.names)
        with refusing(argument, where, "a Parquet file"), watch.reading():
            table = arrow_table(opened.read(columns=list(names)), where)
    return table.select(choose_columns(columns, table.names))
