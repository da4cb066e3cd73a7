"""Tables: named columns, from CSV files and data frames, made into one array of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.common.messages import describe, listing, unknown_name
from dnn_xp.data.host import working_dtype

NUMERIC_KINDS = "biuf"


class Table(NamedTuple):
    """Named columns of equal length, one line per example."""

    names: tuple[str, ...]
    columns: tuple[npt.NDArray[Any], ...]


def common_dtype(dtypes: Iterable[Any]) -> np.dtype[Any]:
    """float64 when any column is float64, else float32: the working dtype of mixed columns."""
    doubles = [working_dtype(dtype) == "float64" for dtype in dtypes]
    return np.dtype(np.float64 if any(doubles) else np.float32)


def refuse_columns(argument: str, names: Sequence[str], where: str) -> TypeError:
    """The error for columns that hold no numbers."""
    few = len(names) == 1
    return TypeError(
        f"{argument}: {'column' if few else 'columns'} {listing(names)} of {where} "
        f"{'holds' if few else 'hold'} no numbers; numbers are wanted. Leave "
        f"{'it' if few else 'them'} out, or encode {'it' if few else 'them'} first (for instance "
        "with pandas.get_dummies)."
    )


def choose_columns(wanted: Sequence[str] | None, present: Sequence[str]) -> tuple[str, ...]:
    """The wanted columns, all when none are named; a ValueError names one that is not there."""
    if wanted is None:
        return tuple(present)
    for name in wanted:
        if name not in present:
            raise unknown_name("columns", name, present)
    return tuple(wanted)


def table_matrix(table: Table, *, argument: str, where: str) -> npt.NDArray[Any]:
    """(lines, columns) array of the table's numbers; a TypeError names columns without numbers."""
    text = [
        name
        for name, column in zip(table.names, table.columns, strict=True)
        if column.dtype.kind not in NUMERIC_KINDS
    ]
    if text:
        raise refuse_columns(argument, text, where)
    dtype = common_dtype(column.dtype for column in table.columns)
    matrix = np.empty((len(table.columns[0]), len(table.columns)), dtype=dtype)
    for j, column in enumerate(table.columns):
        matrix[:, j] = column
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
    if type(frame).__module__.startswith("polars"):
        columns = [np.asarray(column.to_numpy()) for column in frame.get_columns()]
        table = Table(tuple(names), tuple(columns))
        return (
            table_matrix(table, argument=argument, where="the data frame")
            if names
            else (np.empty((len(frame), 0), dtype=np.float32))
        )
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
            raise ValueError(
                f"{argument} ({describe(series)}) has {missing} missing values; the first is at "
                f"example {int(np.argmax(np.asarray(series.isna())))}. Drop these examples."
            )
        return np.asarray(series.to_numpy(dtype=f"{kind}{dtype.itemsize}"))
    return np.asarray(series.to_numpy())
