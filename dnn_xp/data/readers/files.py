"""Files: what a path holds, opened but read no sooner than it must be."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dnn_xp.common.messages import listing, optional_package, unknown_name
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.readers.tables import Table, choose_columns

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
    """What a path holds: a memmap, an array, a dataset, a ParquetSource or a Table.

    "file.h5::key" names a dataset inside a file; "file.parquet::a,b" and "file.csv::a,b" name
    columns. With `labels`, Parquet columns are read as a Table, since labels may be text.

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
        if suffix == ".csv":
            return read_csv(file, chosen)
        if labels:
            return _read_parquet(file, chosen)
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
    return _header(file)[0]


def read_csv(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """A CSV file as a Table, by pyarrow, pandas or NumPy, whichever is there.

    The first line holds the names unless every entry of it is a number: then the columns are
    called "0", "1", ... . Read as a whole: for large data use Parquet or HDF5.
    """
    file = Path(path)
    names, has_header = _header(file)
    chosen = choose_columns(columns, names)
    try:
        reader: Any = optional_package("pyarrow.csv", purpose="Reading CSV files")
    except ImportError:
        pass
    else:
        options = reader.ReadOptions(column_names=names, skip_rows=int(has_header))
        table = reader.read_csv(file, read_options=options)
        return Table(chosen, tuple(table.column(name).to_numpy() for name in chosen))
    try:
        reader = optional_package("pandas", purpose="Reading CSV files")
    except ImportError:
        data = np.genfromtxt(
            file,
            delimiter=",",
            names=None,
            skip_header=int(has_header),
            dtype=None,
            encoding="utf-8",
            ndmin=1,
        )
        fields = data.dtype.names
        if fields is None:
            data = data.reshape(-1, len(names))
            return Table(chosen, tuple(data[:, names.index(name)] for name in chosen))
        return Table(chosen, tuple(data[fields[names.index(name)]] for name in chosen))
    frame = reader.read_csv(file, header=None, names=names, skiprows=int(has_header))
    return Table(chosen, tuple(frame[name].to_numpy() for name in chosen))


def _header(file: Path) -> tuple[list[str], bool]:
    """The column names of a CSV file, and whether its first line is they."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        first = next(csv.reader(lines), [])
    try:
        for entry in first:
            float(entry)
    except ValueError:
        return [name.strip() for name in first], True
    return [str(j) for j in range(len(first))], False


def _read_parquet(file: Path, columns: Sequence[str] | None) -> Table:
    parquet = optional_package("pyarrow.parquet", purpose=f"Reading {str(file)!r}")
    names = choose_columns(columns, [str(name) for name in parquet.read_schema(file).names])
    table = parquet.read_table(file, columns=list(names))
    return Table(names, tuple(table.column(name).to_numpy() for name in names))
