"""Data frames of pandas and polars as columns; neither package is imported here."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.data.columns import (
    SECONDS,
    Column,
    ColumnTable,
    are_names,
    datetime_seconds,
    object_column,
    text_column,
)
from dnn_xp.data.readers.arrow import arrow_column


def frame_table(frame: Any, *, argument: str = "X") -> ColumnTable:
    """A pandas or polars frame as columns; numbers without missing values are not copied.

    Raises
    ------
    ArgumentValueError
        When several columns have one name.
    """
    names = [str(name) for name in frame.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        got = f"a data frame with several columns named {listing(twice)}"
        raise ArgumentValueError(argument, got, "a table whose columns differ in name")
    if is_polars(frame):
        columns = [_polars_column(series) for series in frame.get_columns()]
    else:
        columns = [_pandas_column(frame.iloc[:, j]) for j in range(len(names))]
    table = dict(zip(names, columns, strict=True))
    return ColumnTable(table, len(frame), "the data frame", are_names(names))


def is_polars(obj: Any) -> bool:
    """Whether obj is an object of polars."""
    return type(obj).__module__.startswith("polars")


def _pandas_column(series: Any) -> Column:
    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if hasattr(series, "cat"):
        return text_column(list(series.cat.categories), np.asarray(series.cat.codes), declared=True)
    if type(dtype).__name__ == "ArrowDtype":
        return arrow_column(sys.modules["pyarrow"].array(series.array))
    if kind == "M":
        zoned = getattr(dtype, "tz", None) is not None
        naive = series.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else series
        return Column("date", datetime_seconds(np.asarray(naive.to_numpy())))
    if kind == "m":
        values = datetime_seconds(
            np.asarray(series.to_numpy()).astype("timedelta64[us]").view("datetime64[us]")
        )
        return Column("number", values)
    if kind in "iufb":
        name = "bool" if kind == "b" else "number"
        if isinstance(dtype, np.dtype):
            return Column(name, np.asarray(series.to_numpy()))
        if bool(series.isna().any()):
            width = "f4" if kind == "f" and dtype.itemsize == 4 else "f8"
            return Column(name, np.asarray(series.to_numpy(dtype=width, na_value=np.nan)))
        return Column(name, np.asarray(series.to_numpy(dtype=f"{kind}{dtype.itemsize}")))
    if kind == "c":
        return Column("number", np.full(len(series), np.nan), problem="holds complex numbers")
    if type(dtype).__name__ == "StringDtype":
        codes, uniques = series.factorize(use_na_sentinel=True)
        return text_column(list(uniques), codes)
    return object_column(series.tolist())


def _polars_column(series: Any) -> Column:
    polars = sys.modules["polars"]
    dtype = series.dtype
    whole = dtype.is_integer()
    if dtype.is_numeric() or dtype == polars.Boolean or dtype == polars.Null:
        name = "bool" if dtype == polars.Boolean else "number"
        if (
            (series.null_count() and (whole or name == "bool"))
            or dtype.is_decimal()
            or dtype == polars.Null
        ):
            series = series.cast(polars.Float64)
        return Column(name, np.asarray(series.to_numpy()))
    if dtype in (polars.Date, polars.Datetime):
        naive = series.cast(polars.Datetime("us"))
        return Column("date", _polars_seconds(naive, polars))
    if dtype == polars.Duration:
        return Column("number", _polars_seconds(series.dt.cast_time_unit("us"), polars))
    if dtype in (polars.String, polars.Categorical, polars.Enum):
        text = series.cast(polars.String)
        labels = text.drop_nulls().unique(maintain_order=True)
        places = polars.Series(np.arange(len(labels), dtype=np.int32))
        codes = text.replace_strict(labels, places, default=None, return_dtype=polars.Int32)
        return text_column(
            labels.to_list(), codes.fill_null(-1).to_numpy(), declared=dtype != polars.String
        )
    if dtype == polars.Object:
        return object_column(series.to_list())
    return Column(
        "number", np.full(len(series), np.nan), problem=f"holds values of the type {dtype}"
    )


def _polars_seconds(series: Any, polars: Any) -> Any:
    micro = series.cast(polars.Int64)
    return np.asarray((micro.cast(polars.Float64) * SECONDS).to_numpy(), dtype=np.float64)
