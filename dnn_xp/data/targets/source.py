"""Y as a source of targets (n_y, m), labels that are text included."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from dnn_xp.common.checks import check_examples
from dnn_xp.common.errors import Argument, ArgumentValueError, Pass, Text
from dnn_xp.common.messages import counted, describe
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.features import as_values, check_kind
from dnn_xp.data.host import is_array
from dnn_xp.data.readers.files import open_file
from dnn_xp.data.readers.tables import is_frame, is_series, series_values, table_matrix
from dnn_xp.data.sources.base import ArraySource, DatasetSource, Source
from dnn_xp.data.tables import target_values
from dnn_xp.data.targets.objects import objects_as_array


def target_source(
    Y: Any, *, m: int, examples: str = "columns", argument: str = "Y", n_x: int | None = None
) -> Source:
    """Y as a source of m examples; labels that are text become NumPy strings (1, m).

    Parameters
    ----------
    Y : array, dataset, series, data frame, list, path, or Source
        (m,), or (n_y, m), or (m, n_y) with examples="rows".
    m : int
        Examples of X.
    examples : {"columns", "rows"}
        Where the examples of a two-dimensional Y are.
    argument : str
        Its name in errors.
    n_x : int, optional
        Features of X, by which an error can say that X looks transposed.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For anything but targets, and for a number of targets other than m.
    """
    rows = check_examples(examples)
    if isinstance(Y, (str, os.PathLike)):
        Y = _opened(Y, argument, rows)
    if isinstance(Y, Source):
        source = Y
    else:
        values = series_values(Y, argument=argument) if is_series(Y) else None
        if values is None and is_frame(Y) and len(Y.columns) == 1:
            # A single column may hold labels that are text.
            values = series_values(Y[Y.columns[0]], argument=argument)[:, None]
            values = values if rows else values.T
        wanted = f"an array with one entry for each of the {m} examples"
        given = _listed(Y) if values is None else values
        values = _with_text(as_values(given, argument=argument, wanted=wanted), argument)
        if len(values.shape) not in (1, 2):
            raise ArgumentValueError(
                argument,
                describe(values),
                f"(m,) labels or values, or {'(m, n_y)' if rows else '(n_y, m)'}",
            )
        source = (ArraySource if is_array(values) else DatasetSource)(values, rows)
    if source.m * source.n == 0:
        raise ArgumentValueError(
            argument,
            f"{source.n} outputs of {source.m} examples",
            "at least one output of at least one example",
        )
    if source.m != m:
        raise _mismatch(source, m, examples, argument, n_x)
    return source


def _listed(Y: Any) -> Any:
    """Lists of labels as objects, since NumPy would turn None and NaN among text into text."""
    if isinstance(Y, (list, tuple)) and Y and not any(isinstance(y, (list, tuple)) for y in Y):
        plain = all(isinstance(y, (int, float, complex, np.number, np.bool_)) for y in Y)
        if not plain and not any(hasattr(y, "shape") and y.shape for y in Y):
            objects = np.empty(len(Y), dtype=object)
            objects[:] = Y
            return objects
    return Y


def _opened(path: str | os.PathLike[str], argument: str, rows: bool) -> Any:
    opened = open_file(path, argument=argument, labels=True)
    if not isinstance(opened, ColumnTable):
        return opened
    if len(opened.columns) == 1:
        (name,) = opened.names
        where = f"column {name!r} of {opened.where}"
        return target_values(opened.columns[name], where, argument)
    if not rows:
        raise ArgumentValueError(
            argument,
            f"the table {os.fspath(path)!r}, which has one example per line",
            ("one column or a file of arrays with ", Argument("examples", "columns")),
            (f"choose one column ('{os.fspath(path)}::name'), or ", Pass("examples", "rows")),
        )
    return table_matrix(opened, argument=argument)


def _with_text(values: Any, argument: str) -> Any:
    """The values, with objects as text, bytes or numbers; ArgumentTypeError for other ones."""
    kind = getattr(values.dtype, "kind", "f")
    if kind not in "OSTU" or str(values.dtype).endswith("bfloat16"):
        check_kind(values, argument=argument)
        return values
    array = np.asarray(values[...])
    return array if kind in "SU" else objects_as_array(array.astype(object), argument)


def _mismatch(
    source: Source, m: int, examples: str, argument: str, n_x: int | None
) -> ArgumentValueError:
    other = "columns" if examples == "rows" else "rows"
    hint: Text = ""
    if source.n == m:
        shape = f" transposed? Make it of shape ({m},) for one value per example, else "
        hint = ("is ", Argument(argument), shape, Pass("examples", other))
    elif source.m == n_x:
        looks = f" transposed? It has {n_x} {other}: "
        hint = ("is ", Argument("X"), looks, Pass("examples", other))
    return ArgumentValueError(
        argument,
        (f"{counted(source.m, 'example')} with ", Argument("examples", examples)),
        (f"an array of {counted(m, 'example')}, like ", Argument("X")),
        hint,
    )
