"""Y as a source of targets (n_y, m), labels that are text included."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.checks import check_examples
from dnn_xp.common.errors import (
    Argument,
    ArgumentTypeError,
    ArgumentValueError,
    Pass,
    Text,
)
from dnn_xp.common.messages import counted, describe
from dnn_xp.data.features import as_values, check_kind
from dnn_xp.data.host import is_array
from dnn_xp.data.readers.files import open_file
from dnn_xp.data.readers.tables import Table, is_frame, is_series, series_values, table_matrix
from dnn_xp.data.sources.base import ArraySource, DatasetSource, Source


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
        given = Y if values is None else values
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


def _opened(path: str | os.PathLike[str], argument: str, rows: bool) -> Any:
    opened = open_file(path, argument=argument, labels=True)
    if not isinstance(opened, Table):
        return opened
    if len(opened.columns) == 1:
        return opened.columns[0]
    if not rows:
        raise ArgumentValueError(
            argument,
            f"the table {os.fspath(path)!r}, which has one example per line",
            ("one column or a file of arrays with ", Argument("examples", "columns")),
            (f"choose one column ('{os.fspath(path)}::name'), or ", Pass("examples", "rows")),
        )
    return table_matrix(opened, argument=argument, where=repr(os.fspath(path)))


def _with_text(values: Any, argument: str) -> Any:
    """The values, text of every kind as NumPy strings; ArgumentTypeError for other objects."""
    kind = getattr(values.dtype, "kind", "f")
    if kind not in "OSTU" or str(values.dtype).endswith("bfloat16"):
        check_kind(values, argument=argument)
        return values
    array = np.asarray(values[...])
    if kind == "U":
        return array
    if kind == "S":
        return np.char.decode(array, "utf-8")
    return _text_of_objects(array.astype(object), argument)


def _text_of_objects(array: npt.NDArray[Any], argument: str) -> npt.NDArray[Any]:
    entries = array.ravel().tolist()
    missing = [i for i, entry in enumerate(entries) if entry is None or entry != entry]
    if missing:
        raise ArgumentValueError(
            argument,
            f"{counted(len(missing), 'missing label')}, the first at example {missing[0]} (counted from 0)",
            "a label for each example",
            "drop these examples, or give them a label of their own",
        )
    if all(isinstance(entry, bytes) for entry in entries):
        entries = [entry.decode("utf-8") for entry in entries]
    if not all(isinstance(entry, str) for entry in entries):
        kinds = sorted({type(entry).__name__ for entry in entries})
        raise ArgumentTypeError(
            argument,
            f"{describe(array)} of {', '.join(kinds)}",
            "labels that are all text, or numbers with a number's dtype",
            f"convert it, for instance with {argument}.astype(int) or {argument}.astype(str)",
        )
    return np.asarray(entries, dtype=str).reshape(array.shape)


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
