"""Whether what came fits together: X with Y, and X with what a model was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.data.host import device, is_array, library, numpy_dtype
from dnn_xp.data.readers.tables import NUMERIC_KINDS
from dnn_xp.data.sources.base import ArraySource, Source


def library_and_device(obj: Any) -> tuple[str, str] | None:
    """(library, device) that an argument brings, or None for lists and text, which bring none.

    Datasets, data frames and paths are read by NumPy on the host, and count as that.
    """
    if obj is None or isinstance(obj, (list, tuple)):
        return None
    array = obj.array if isinstance(obj, ArraySource) else obj
    if is_array(array) and not isinstance(array, np.ndarray):
        return library(array), str(device(array))
    if not hasattr(array, "dtype"):
        return "numpy", "cpu"
    try:
        numeric = numpy_dtype(array.dtype).kind in NUMERIC_KINDS
    except TypeError:
        numeric = False
    return ("numpy", "cpu") if numeric else None


def check_same_library(X: Any, Y: Any, *, arguments: tuple[str, str] = ("X", "Y")) -> None:
    """A TypeError when X and Y are arrays of two libraries, a ValueError for two devices.

    Lists and arrays of text bring no library and go with any X.
    """
    first, second = library_and_device(X), library_and_device(Y)
    if first is None:
        # A list of examples is made a NumPy array
        first = ("numpy", "cpu")
    if second is None or first == second:
        return
    x, y = arguments
    if first[0] != second[0]:
        raise TypeError(
            f"{x} is of {first[0]} and {y} of {second[0]}; one library is wanted. Convert {y} to "
            f"{first[0]}, or pass it as a list."
        )
    raise ValueError(
        f"{x} is on {first[0]} device {first[1]!r} and {y} on {second[1]!r}; one device is wanted."
    )


def looks_transposed(
    source: Source, count: int, *, argument: str = "X", examples: str = "columns"
) -> str:
    """A sentence for an error when `count` examples lie on X's other axis; else an empty string."""
    if source.m == count or source.n != count:
        return ""
    other = "columns" if examples == "rows" else "rows"
    return f' {argument} looks transposed: it has {count} {other}. Pass examples="{other}".'


def check_features(
    source: Source, n_x: int, *, argument: str = "X", examples: str = "columns"
) -> None:
    """A ValueError when examples do not have the n_x features a model was trained with."""
    if source.n == n_x:
        return
    hint = ""
    if source.m == n_x:
        other = "columns" if examples == "rows" else "rows"
        hint = f' {argument} looks transposed. Pass examples="{other}".'
    raise ValueError(
        f"{argument} has {source.n} features per example and the model was trained with {n_x}."
        f"{hint}"
    )
