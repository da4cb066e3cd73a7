"""Checks that X fits Y, and that X fits the examples that a model was trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.common.errors import (
    Argument,
    ArgumentTypeError,
    ArgumentValueError,
    Pass,
    Text,
)
from dnn_xp.common.messages import counted
from dnn_xp.data.host import device, is_array, library, numpy_dtype
from dnn_xp.data.readers.tables import NUMERIC_KINDS
from dnn_xp.data.sources.base import ArraySource, Source


def library_and_device(obj: Any) -> tuple[str, str] | None:
    """(library, device) of an argument; None for lists and arrays of text, which go with any.

    Datasets, data frames and paths count as NumPy on the host: NumPy reads them.
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
    """Raise ArgumentTypeError for arrays of two libraries, ArgumentValueError for two devices.

    Lists and arrays of text have no library and go with any X.
    """
    first, second = library_and_device(X), library_and_device(Y)
    if first is None:
        # A list of examples becomes a NumPy array.
        first = ("numpy", "cpu")
    if second is None or first == second:
        return
    x, y = arguments
    if first[0] != second[0]:
        raise ArgumentTypeError(
            y,
            f"an array of {second[0]}",
            (f"an array of {first[0]}, like ", Argument(x)),
            f"convert {y} to {first[0]}, or pass it as a list",
        )
    raise ArgumentValueError(
        y,
        f"an array on {second[1]!r}",
        (f"on {first[0]} device {first[1]!r}, like ", Argument(x)),
    )


def check_features(
    source: Source, n_x: int, *, argument: str = "X", examples: str = "columns"
) -> None:
    """Raise ArgumentValueError unless examples have the n_x features a model was trained with."""
    if source.n == n_x:
        return
    hint: Text = ""
    if source.m == n_x:
        other = "columns" if examples == "rows" else "rows"
        hint = ("is ", Argument(argument), " transposed? If so, ", Pass("examples", other))
    raise ArgumentValueError(
        argument,
        f"{counted(source.n, 'feature')} per example",
        f"examples of {counted(n_x, 'feature')}, as in the training of the model",
        hint,
    )
