"""Tables of numbers alone as one array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe, listing, unknown_name
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.host import working_dtype
from dnn_xp.data.readers.frames import frame_table, is_polars

NUMERIC_KINDS = "biuf"


def common_dtype(dtypes: Iterable[Any]) -> np.dtype[Any]:
    """float64 when any column is float64, else float32: the working dtype of mixed columns."""
    doubles = [working_dtype(dtype) == "float64" for dtype in dtypes]
    return np.dtype(np.float64 if any(doubles) else np.float32)


def refuse_columns(argument: str, names: Sequence[str], where: str) -> ArgumentTypeError:
    """The error for columns that hold no numbers, where no encoding is learned."""
    few = len(names) == 1
    return ArgumentTypeError(
        argument,
        f"{'column' if few else 'columns'} {listing(names)} of {where}, which "
        f"{'holds' if few else 'hold'} no numbers",
        "numbers",
        f"leave {'it' if few else 'them'} out, or turn {'it' if few else 'them'} into numbers",
    )


def choose_columns(wanted: Sequence[str] | None, present: Sequence[str]) -> tuple[str, ...]:
    """The wanted columns, all when none are named; a ValueError names one that is not there."""
    if wanted is None:
        return tuple(present)
    there = set(present)
    for name in wanted:
        if name not in there:
            raise unknown_name("columns", name, present)
    return tuple(wanted)


def table_matrix(table: ColumnTable, *, argument: str) -> npt.NDArray[Any]:
    """(lines, columns) array of the table's numbers; a TypeError names columns without numbers."""
    text = [name for name, each in table.columns.items() if each.kind not in ("number", "bool")]
    if text:
        raise refuse_columns(argument, text, table.where)
    dtype = common_dtype(each.values.dtype for each in table.columns.values())
    matrix = np.empty((table.m, len(table.columns)), dtype=dtype)
    for j, column in enumerate(table.columns.values()):
        matrix[:, j] = column.values
    return matrix


def is_frame(obj: Any) -> bool:
    """Whether obj is a data frame of pandas or polars (or one that behaves as they do)."""
    return all(hasattr(obj, name) for name in ("to_numpy", "columns", "dtypes"))


def is_series(obj: Any) -> bool:
    """Whether obj is a column of a data frame, or an index."""
    return hasattr(obj, "to_numpy") and not hasattr(obj, "columns") and hasattr(obj, "name")


def frame_matrix(frame: Any, *, argument: str) -> npt.NDArray[Any]:
    """(lines, columns) array of a data frame's numbers; missing ones are NaN.

    Frames of one NumPy dtype are given out as they are held. A TypeError names the columns that
    hold no numbers.
    """
    names = [str(name) for name in frame.columns]
    dtypes = list(frame.dtypes)
    if is_polars(frame):
        return table_matrix(frame_table(frame, argument=argument), argument=argument)
    # pandas: extension dtypes (Int64, double[pyarrow]) know their kind too
    text = [
        name
        for name, dtype in zip(names, dtypes, strict=True)
        if getattr(dtype, "kind", "O") not in NUMERIC_KINDS
    ]
    if text:
        raise refuse_columns(argument, text, "the data frame")
    if len(set(dtypes)) == 1 and isinstance(dtypes[0], np.dtype):
        return np.asarray(frame.to_numpy())
    dtype = common_dtype(f"{dtype.kind}{dtype.itemsize}" for dtype in dtypes)
    return np.asarray(frame.to_numpy(dtype=dtype, na_value=np.nan))


def series_values(series: Any, *, argument: str) -> npt.NDArray[Any]:
    """The values of a data frame's column; missing numbers are NaN."""
    dtype = series.dtype
    kind = getattr(dtype, "kind", None)
    if kind is not None and kind in NUMERIC_KINDS and not isinstance(dtype, np.dtype):
        if bool(series.isna().any()):
            missing = int(series.isna().sum())
            first = int(np.argmax(np.asarray(series.isna())))
            raise ArgumentValueError(
                argument,
                f"{describe(series)} with {missing} missing, the first at example {first} "
                "(counted from 0)",
                "labels or values without missing ones",
                "drop these examples",
            )
        return np.asarray(series.to_numpy(dtype=f"{kind}{dtype.itemsize}"))
    return np.asarray(series.to_numpy())
