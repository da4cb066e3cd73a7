"""X and Y from files of arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.wording import reading
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing, optional_package
from dnn_xp.data.features import as_source
from dnn_xp.data.readers.files import hdf5_names, open_file, split_path
from dnn_xp.data.readers.npy import NpyFile
from dnn_xp.data.sources.base import Source


def array_names(file: Path) -> list[str]:
    """The arrays in a file of several; empty for .npy and for a Zarr array, which are one."""
    suffix, where = file.suffix.lower(), repr(str(file))
    if suffix == ".npy":
        return []
    if suffix == ".npz":
        # Opened here, because np.load does not close a file that is no archive.
        with reading(where), file.open("rb") as stream, np.load(stream) as arrays:
            return list(arrays.files)
    if suffix == ".zarr":
        zarr: Any = optional_package("zarr", purpose=f"Reading {where}")
        with reading(where):
            root = zarr.open(str(file), mode="r")
        return list(root.array_keys()) if hasattr(root, "array_keys") else []
    h5py: Any = optional_package("h5py", purpose=f"Reading {where}")
    with reading(where), h5py.File(file, "r") as root:
        return hdf5_names(root)


def features(path: str, key: str | None, examples: str) -> Source:
    """X of a file of arrays; examples as rows are flattened to one dimension each."""
    file, inner = split_path(path)
    names = array_names(file)
    key = key or inner or _usual(names, "X", "x")
    if key is None and len(names) > 1:
        raise ArgumentValueError(
            "--x-key", "none", f"one of the arrays of {str(file)!r}: {listing(names)}"
        )
    values = open_file(file, key=key, argument="DATA")
    if (
        examples == "rows"
        and isinstance(values, (np.ndarray, NpyFile))
        and values.ndim not in (0, 2)
    ):
        values = np.asarray(values).reshape(len(values), -1)
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
        wanted = f"one of the arrays of {str(file)!r}: {listing(names)}"
        raise ArgumentValueError("--y-key", "none", wanted)
    raise ArgumentValueError(
        "--target-file",
        "none",
        f"the file of the targets, since {str(file)!r} is one array",
        "pass --target if they are columns of it",
    )


def _usual(names: Sequence[str], *usual: str) -> str | None:
    return next((name for name in usual if name in names), None)


def split_columns(X: Source, wanted: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """X without some of its columns, and these columns, by their numbers; both (lines, columns)."""
    block = np.asarray(X.block(0, X.m))
    chosen = []
    for text in ",".join(wanted).split(","):
        if not text.strip().lstrip("-").isdigit() or not -X.n <= int(text) < X.n:
            raise ArgumentValueError(
                "--target",
                repr(text),
                f"the number of a column, 0 to {X.n - 1}, where DATA is an array",
                "name an array of targets with --y-key",
            )
        chosen.append(int(text) % X.n)
    return np.delete(block, chosen, axis=0).T, block[chosen].T
