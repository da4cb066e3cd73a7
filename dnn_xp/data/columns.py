"""Columns of a table in a form that no library owns: numbers, dates, bool, and coded text."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# Texts that stand for a missing value; compared after blanks around them are removed.
MISSING_MARKS = frozenset(
    {"", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "Null", "<NA>"}
)
SECONDS = 1e-6  # of a microsecond, in which dates are read


class Column(NamedTuple):
    """One column of some lines of a table.

    Attributes
    ----------
    kind : {"number", "bool", "date", "text"}
        What the values are.
    values : array (m,)
        Numbers (NaN where missing); bool; dates as float64 seconds since 1970 (NaN where missing);
        or, for text, the position of each entry in `labels` (int32, -1 where missing).
    labels : tuple of str
        The distinct texts, blanks around them removed; empty for other kinds.
    declared : bool
        Whether the table itself says that these are categories: then they are never read as
        numbers or dates.
    problem : str
        Why the column can be used neither as numbers nor as text; "" where it can.
    """

    kind: str
    values: npt.NDArray[Any]
    labels: tuple[str, ...] = ()
    declared: bool = False
    problem: str = ""

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Where a value is missing: (m,)."""
        if self.kind == "text":
            return np.asarray(self.values < 0)
        if self.values.dtype.kind == "f":
            return np.asarray(np.isnan(self.values))
        return np.zeros(len(self.values), dtype=bool)

    def take(self, lines: Any) -> Column:
        """The entries at these positions, or of this slice or mask."""
        return self._replace(values=self.values[lines])

    def entries(self) -> npt.NDArray[Any]:
        """The values as a user knows them: text as NumPy strings, "" where missing."""
        if self.kind != "text":
            return self.values
        labels: npt.NDArray[Any] = np.asarray((*self.labels, ""), dtype=str)
        return np.asarray(labels[self.values])


class ColumnTable(NamedTuple):
    """Named columns of m lines, held in memory; a line is an example.

    Attributes
    ----------
    columns : mapping of str to Column
        In the order of the table.
    m : int
        Lines.
    where : str
        What messages call the table.
    named : bool
        Whether the names are the table's own, not just "0", "1", ...
    notes : tuple of str
        What was decided in reading it.
    """

    columns: Mapping[str, Column]
    m: int
    where: str = "the table"
    named: bool = True
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.columns)

    def select(self, names: Sequence[str]) -> ColumnTable:
        """The table of these columns, in this order."""
        return self._replace(columns={name: self.columns[name] for name in names})

    def take(self, lines: Any) -> ColumnTable:
        """The table of the lines at these positions, or of this slice or mask."""
        chosen = {name: column.take(lines) for name, column in self.columns.items()}
        return self._replace(columns=chosen, m=len(np.arange(self.m)[lines]))


def are_names(names: Sequence[str]) -> bool:
    """Whether names are more than the numbers 0, 1, ... of the columns."""
    return any(name != str(j) for j, name in enumerate(names))


def text_column(
    labels: Sequence[object], codes: npt.ArrayLike, *, declared: bool = False
) -> Column:
    """A column of coded text; labels that differ in blanks alone become one, marks become missing.

    >>> text_column([" a", "a", "?"], [0, 1, 2, -1]).values.tolist()
    [0, 0, -1, -1]
    """
    merged: dict[str, int] = {}
    places = np.full(len(labels) + 1, -1, dtype=np.int32)
    for j, label in enumerate(labels):
        text = label_text(label)
        if text not in MISSING_MARKS:
            places[j] = merged.setdefault(text, len(merged))
    # The code -1 takes the last place, which is -1.
    return Column("text", places[np.asarray(codes)], tuple(merged), declared)


def label_text(label: object) -> str:
    """The text of a category, the same whichever library holds it.

    >>> label_text(" a "), label_text(3), label_text(3.0), label_text(True), label_text(2.5)
    ('a', '3', '3', 'True', '2.5')
    """
    if isinstance(label, str):
        return label.strip()
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace").strip()
    if isinstance(label, (bool, np.bool_)):
        return str(bool(label))
    if isinstance(label, (float, np.floating)):
        number = float(label)
        return str(int(number)) if math.isfinite(number) and number.is_integer() else repr(number)
    return "" if label is None else str(label)


def object_column(values: Sequence[Any]) -> Column:
    """A column of Python objects: numbers of all kinds, bool, dates, or text; None and NaN are missing.

    A mixture of these gets a `problem`.
    """
    present = np.asarray([not is_missing(value) for value in values], dtype=bool)
    kept = [value for value, here in zip(values, present, strict=True) if here]
    kind = _kind_of(kept)
    if kind in ("bool", "number"):
        numbers = np.full(len(values), np.nan)
        numbers[present] = [float(value) for value in kept]
        whole = kind == "bool" and bool(present.all())
        return Column(kind, numbers.astype(bool) if whole else numbers)
    if kind == "date":
        seconds = np.full(len(values), np.nan)
        seconds[present] = [date_seconds(value) for value in kept]
        return Column("date", seconds)
    index: dict[Any, int] = {}
    codes = np.full(len(values), -1, dtype=np.int32)
    codes[present] = [index.setdefault(value, len(index)) for value in map(label_text, kept)]
    column = text_column(list(index), codes)
    if kind == "text":
        return column
    found = sorted({type(value).__name__ for value in kept})
    return column._replace(problem=f"holds values of several kinds ({', '.join(found)})")


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or pandas.NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating, np.datetime64)) and bool(value != value)


def _kind_of(values: Sequence[Any]) -> str:
    if all(isinstance(value, (str, bytes)) for value in values):
        return "text"
    if all(isinstance(value, (bool, np.bool_)) for value in values):
        return "bool"
    if all(isinstance(value, (datetime.date, np.datetime64)) for value in values):
        return "date"
    if any(isinstance(value, (str, bytes, complex, datetime.date)) for value in values):
        return "mixed"
    try:
        all(float(value) == value for value in values)
    except (TypeError, ValueError, OverflowError):
        return "mixed"
    return "number"


def date_seconds(value: Any) -> float:
    """Seconds since 1970-01-01 (UTC; dates without a zone count as UTC)."""
    if isinstance(value, np.datetime64):
        return float(value.astype("datetime64[us]").astype(np.int64)) * SECONDS
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    return float(value.timestamp())


def datetime_seconds(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """NumPy datetimes (m,) as float64 seconds since 1970, NaN for NaT."""
    micro = values.astype("datetime64[us]")
    seconds = micro.astype(np.int64) * SECONDS
    seconds[np.isnat(micro)] = np.nan
    return np.asarray(seconds, dtype=np.float64)
