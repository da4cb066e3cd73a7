"""Files of arrays for the commands: which array is X, which is Y."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.wording import reading
from dnn_xp.common.messages import listing, optional_package
from dnn_xp.data import Source, as_source
from dnn_xp.data.readers.files import open_file, split_path


def array_names(file: Path) -> list[str]:
    """The arrays in a file of several; empty for .npy and for a Zarr array, which are one."""
    suffix, where = file.suffix.lower(), repr(str(file))
    if suffix == ".npy":
        return []
    if suffix == ".npz":
        # Opened here, because np.load leaves a file open that turns out to be no archive.
        with reading(where), file.open("rb") as stream, np.load(stream) as arrays:
            return list(arrays.files)
    if suffix == ".zarr":
        zarr: Any = optional_package("zarr", purpose=f"Reading {where}")
        with reading(where):
            root = zarr.open(str(file), mode="r")
        return list(root.array_keys()) if hasattr(root, "array_keys") else []
    h5py: Any = optional_package("h5py", purpose=f"Reading {where}")
    names: list[str] = []
    with reading(where), h5py.File(file, "r") as root:
        root.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
    return names


def features(path: str, key: str | None, examples: str) -> Source:
    """X of a file of arrays; with examples as rows, whatever an example's shape is made flat."""
    file, inner = split_path(path)
    names = array_names(file)
    key = key or inner or _usual(names, "X", "x")
    if key is None and len(names) > 1:
        raise ValueError(
            f"{str(file)!r} holds the arrays {listing(names)}; name the features with --x-key"
        )
    values = open_file(file, key=key, argument="DATA")
    if examples == "rows" and isinstance(values, np.ndarray) and values.ndim not in (0, 2):
        values = values.reshape(len(values), -1)
    return as_source(values, examples=examples)


def target_path(path: str, key: str | None, x_key: str | None) -> str:
    """The path of Y in the file that holds X, as FILE::KEY."""
    file, inner = split_path(path)
    names = array_names(file)
    taken = x_key or inner or _usual(names, "X", "x")
    key = key or _usual([name for name in names if name != taken], "Y", "y")
    if key is not None:
        return f"{os.fspath(file)}::{key}"
    if names:
        way = f"it holds the arrays {listing(names)}; name the targets with --y-key"
    else:
        way = "it is one array; name the targets' own file with --target-file, or their columns with --target"
    raise ValueError(f"what is to be learned? In {str(file)!r} nothing says so: {way}")


def _usual(names: Sequence[str], *usual: str) -> str | None:
    return next((name for name in usual if name in names), None)


def split_columns(X: Source, wanted: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """X without some of its columns, and these columns, by their numbers; both (lines, columns)."""
    block = np.asarray(X.block(0, X.m))
    chosen = []
    for text in ",".join(wanted).split(","):
        if not text.strip().lstrip("-").isdigit() or not -X.n <= int(text) < X.n:
            raise ValueError(
                f"--target={text!r}: the columns of an array have no names but numbers, here 0 to "
                f"{X.n - 1}; an array of its own is named with --y-key"
            )
        chosen.append(int(text) % X.n)
    return np.delete(block, chosen, axis=0).T, block[chosen].T
