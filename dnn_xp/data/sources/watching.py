"""Checks that the file or the chunks of a dataset have not changed since it was opened."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dnn_xp.common.warnings import warn_of
from dnn_xp.common.watched import ChangedFileError, Stamp, Watch, compare, stamp

# check(axis, first, last) raises ChangedFileError if the file of these examples has changed.
Check = Callable[[int, int, int], None]


def watch(dataset: Any) -> Check | None:
    """A check for a dataset of h5py, of Zarr in a local folder, or a np.memmap; None for others.

    HDF5 reads truncated parts as zeros, Zarr reads missing chunks as its fill value, and touching the
    missing part of a truncated mapped file ends the process.

    Warns
    -----
    DataWarning
        Where chunks are missing to begin with.
    """
    package = type(dataset).__module__.partition(".")[0]
    if isinstance(dataset, np.memmap):
        return _mapped(dataset)
    if package == "h5py":
        return _hdf5(dataset)
    if package == "zarr":
        return _zarr(dataset)
    return None


def _mapped(array: np.memmap[Any, Any]) -> Check | None:
    mapping = getattr(array, "_mmap", None)
    if mapping is None:  # a copy in memory
        return None
    name, length = repr(str(array.filename or "the mapped file")), len(mapping)
    # The mapping begins at a multiple of this.
    needed = length + array.offset // _granularity() * _granularity()

    def check(axis: int, first: int, last: int) -> None:
        if (now := mapping.size()) < needed:
            raise ChangedFileError(name, f"{needed} bytes of it are mapped and it has {now} now")

    return check


def _granularity() -> int:
    import mmap

    return mmap.ALLOCATIONGRANULARITY


def _hdf5(dataset: Any) -> Check | None:
    name = repr(f"{dataset.file.filename}::{dataset.name.strip('/')}")
    if dataset.chunks is not None:
        expected = math.prod(map(_chunk_count, dataset.shape, dataset.chunks))
        _warn_of_missing(name, expected - dataset.id.get_num_chunks(), expected, dataset.fillvalue)
    if dataset.file.mode != "r":
        # A file that is open for writing may change.
        return None
    try:
        handle, size = dataset.file.id.get_vfd_handle(), dataset.file.id.get_filesize()
        there = stamp(handle).size
    except (OSError, ValueError, RuntimeError, TypeError):  # in memory, or of another driver
        return None
    if there < size:
        # HDF5 opens a file once per process, and did so before the file was truncated.
        raise ChangedFileError(name, f"HDF5 knows {size} bytes of it and it has {there} now")
    file = Watch(handle, name)
    return lambda axis, first, last: file.check()


def _zarr(array: Any) -> Check | None:
    root = getattr(getattr(array, "store", None), "root", None)
    if not isinstance(root, Path) or not hasattr(array, "metadata"):
        return None
    folder = root.absolute() / array.path
    name, size = repr(str(folder)), array.shards or array.chunks
    there = _stamps(folder)
    grid = list(map(_chunk_count, array.shape, size))
    encode = array.metadata.encode_chunk_key
    keys = map(encode, itertools.product(*map(range, grid)))
    missing = sum(key not in there for key in keys)
    _warn_of_missing(name, missing, math.prod(grid), array.fill_value)

    def check(axis: int, first: int, last: int) -> None:
        ranges = [range(count) for count in grid]
        ranges[axis] = range(first // size[axis], _chunk_count(last, size[axis]))
        for key in map(encode, itertools.product(*ranges)):
            if key in there:
                compare(f"{name} (chunk {key})", there[key], folder / key)

    return check


def _stamps(folder: Path) -> dict[str, Stamp]:
    """The files below a folder."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            found[path.relative_to(folder).as_posix()] = stamp(path)
    return found


def _chunk_count(length: int, size: int) -> int:
    return -(-length // size)


def _warn_of_missing(name: str, missing: int, expected: int, value: Any) -> None:
    if missing > 0:
        warn_of(
            f"{missing} of {expected} chunks of {name} are missing and are read as {value}: right if "
            "the writer left them out because they hold nothing else, wrong if they were lost"
        )
