"""Y at the door: whatever holds targets or labels becomes a source of (n_y, m), text included."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.checks import check_examples
from dnn_xp.common.messages import describe
from dnn_xp.data.features import as_values, check_kind
from dnn_xp.data.host import is_array
from dnn_xp.data.readers.files import open_file
from dnn_xp.data.readers.tables import Table, is_frame, is_series, series_values, table_matrix
from dnn_xp.data.sources.base import ArraySource, DatasetSource, Source


def target_source(
    Y: Any, *, m: int, examples: str = "columns", argument: str = "Y", n_x: int | None = None
) -> Source:
    """Y as a source of m examples; labels that are text come out as NumPy strings (1, m).

    Parameters
    ----------
    Y : array, dataset, series, data frame, list, path, or Source
        (m,), or (n_y, m), or (m, n_y) with examples="rows".
    m : int
        The examples that X has.
    examples : {"columns", "rows"}
        Where the examples of a two-dimensional Y are.
    argument : str
        What the errors call it.
    n_x : int, optional
        The features that X has, to tell whether X may be transposed.

    Raises
    ------
    TypeError, ValueError
        For what holds no targets; for a number of targets other than m.
    """
    rows = check_examples(examples)
    if isinstance(Y, (str, os.PathLike)):
        Y = _opened(Y, argument, rows)
    if isinstance(Y, Source):
        source = Y
    else:
        values = series_values(Y, argument=argument) if is_series(Y) else None
        if values is None and is_frame(Y) and len(Y.columns) == 1:
            # One column may hold labels that are text
            values = series_values(Y[Y.columns[0]], argument=argument)[:, None]
            values = values if rows else values.T
        wanted = f"an array with one entry for each of the {m} examples"
        given = Y if values is None else values
        values = _with_text(as_values(given, argument=argument, wanted=wanted), argument)
        if len(values.shape) not in (1, 2):
            raise ValueError(
                f"{argument} is {describe(values)} with {len(values.shape)} dimensions; "
                f"(m,) labels or values, or {'(m, n_y)' if rows else '(n_y, m)'} are wanted."
            )
        source = (ArraySource if is_array(values) else DatasetSource)(values, rows)
    if source.m * source.n == 0:
        raise ValueError(f"{argument} is empty: {source.n} outputs and {source.m} examples came.")
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
        raise ValueError(
            f"{argument}={os.fspath(path)!r} holds one example per line. Choose one column "
            f"('{os.fspath(path)}::name'), or pass examples=\"rows\"."
        )
    return table_matrix(opened, argument=argument, where=repr(os.fspath(path)))


def _with_text(values: Any, argument: str) -> Any:
    """The values, with text of every kind as NumPy strings; a TypeError for other objects."""
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
        raise ValueError(
            f"{argument} has {len(missing)} missing labels; the first is at example {missing[0]} "
            "(counted from 0). Drop these examples or give them a label of their own."
        )
    if all(isinstance(entry, bytes) for entry in entries):
        entries = [entry.decode("utf-8") for entry in entries]
    if not all(isinstance(entry, str) for entry in entries):
        kinds = sorted({type(entry).__name__ for entry in entries})
        raise TypeError(
            f"{argument} is {describe(array)} holding {', '.join(kinds)}; labels that are all "
            f"text, or numbers with a number's dtype, are wanted. Convert it, for instance "
            f"{argument}.astype(int) or {argument}.astype(str)."
        )
    return np.asarray(entries, dtype=str).reshape(array.shape)


def _mismatch(source: Source, m: int, examples: str, argument: str, n_x: int | None) -> ValueError:
    other = "columns" if examples == "rows" else "rows"
    hint = ""
    if source.n == m:
        hint = (
            f" {argument} looks transposed: for one value per example pass {argument} of shape "
            f'({m},), otherwise examples="{other}".'
        )
    elif source.m == n_x:
        hint = f' X looks transposed: it has {n_x} {other}. Pass examples="{other}".'
    return ValueError(
        f'{argument} has {source.m} examples and X has {m} (with examples="{examples}").{hint}'
    )
