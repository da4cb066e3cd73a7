"""Text that stands for numbers or dates, as spreadsheets write them: recognised and read."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.data.columns import Column, date_seconds

_CURRENCIES = r"[$€£¥₹]|USD|EUR|GBP|CHF"
_BLANKS = " \u00a0\u2009\u202f"
_LEADING_ZERO = re.compile(r"[+-]?0\d")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?\s?(Z|[+-]\d{2}:?\d{2})?")
# A column with at least this share of numbers was meant to hold numbers.
MOSTLY = 0.9


class NumberFormat(NamedTuple):
    """How a column writes its numbers.

    Attributes
    ----------
    decimal : {".", ","}
        The decimal mark.
    thousands : str
        The mark between groups of three digits; "" where there is none.
    percent : bool
        Whether the numbers end in "%", which is removed: 5.1% is 5.1.
    currency : str
        The sign before or after each number, which is removed; "" where there is none.
    """

    decimal: str = "."
    thousands: str = ""
    percent: bool = False
    currency: str = ""

    def __str__(self) -> str:
        facts = [f"decimal mark {self.decimal!r}"] if self.decimal != "." else []
        facts += [f"thousands separator {self.thousands!r}"] if self.thousands else []
        facts += ["'%' removed"] if self.percent else []
        facts += [f"{self.currency!r} removed"] if self.currency else []
        return ", ".join(facts) or "plain numbers"


def _pattern(decimal: str) -> re.Pattern[str]:
    point, other = re.escape(decimal), "," if decimal == "." else "."
    groups = rf"\d{{1,3}}(?P<mark>[{re.escape(other)}'’{_BLANKS}])\d{{3}}(?:(?P=mark)\d{{3}})*(?:{point}\d*)?"
    plain = rf"\d+(?:{point}\d*)?(?:[eE][+-]?\d+)?|{point}\d+(?:[eE][+-]?\d+)?"
    return re.compile(
        rf"(?P<sign>[+\-−]?)[{_BLANKS}]?(?P<before>{_CURRENCIES})?[{_BLANKS}]?(?P<sign2>[+\-−]?)"
        rf"(?P<body>{groups}|{plain})[{_BLANKS}]?(?P<after>%|{_CURRENCIES})?"
    )


_PATTERNS = {decimal: _pattern(decimal) for decimal in ".,"}


class _Found(NamedTuple):
    """A text as a number: its value, and the marks it was written with."""

    value: float
    mark: str
    unit: str


def _found(text: str, decimal: str) -> _Found | None:
    match = _PATTERNS[decimal].fullmatch(text)
    if match is None:
        return None
    if (match["sign"] and match["sign2"]) or (match["before"] and match["after"]):
        return None
    body, mark = match["body"], match["mark"] or ""
    if not mark and _LEADING_ZERO.match(body):
        return None  # 01067 is a name, not a number
    digits = (body.replace(mark, "") if mark else body).replace(decimal, ".")
    negative = (match["sign"] or match["sign2"]) in ("-", "−") and (match["sign"] or match["sign2"])
    value = float(digits)
    return _Found(-value if negative else value, mark, match["before"] or match["after"] or "")


def _allowed(found: _Found | None, thousands: str | None) -> _Found | None:
    """The number, unless its groups are separated by another mark than the only one allowed."""
    if found is None or thousands is None or found.mark in ("", thousands):
        return found
    return None


def read_numbers(
    labels: Sequence[str], decimal: str, *, thousands: str | None = None
) -> tuple[npt.NDArray[np.float64], NumberFormat | None]:
    """Each text as a number (NaN where it is none), and their format; None where formats are mixed.

    >>> read_numbers(["200,000", "-1,500.5"], ".")
    (array([200000. ,  -1500.5]), NumberFormat(decimal='.', thousands=',', percent=False, currency=''))
    >>> read_numbers(["01067", "1"], ".")[0]
    array([nan,  1.])
    """
    values = np.full(len(labels), np.nan)
    marks, units, bare = set(), set(), 0
    for j, label in enumerate(labels):
        found = _allowed(_found(label, decimal), thousands)
        if found is None:
            continue
        values[j] = found.value
        marks.add(found.mark)
        units.add(found.unit)
        bare += found.unit == "" and found.value != 0
    marks.discard("")
    if len(marks) > 1 or len(units - {""}) > 1 or ("%" in units and bare):
        return values, None
    unit = next(iter(units - {""}), "")
    mark = next(iter(marks), "")
    return values, NumberFormat(decimal, mark, unit == "%", "" if unit == "%" else unit)


def decimal_evidence(labels: Iterable[str], thousands: str | None = None) -> str:
    """The only decimal mark, "." or ",", with which all texts are numbers; else "both" or "none".

    >>> decimal_evidence(["1.5"]), decimal_evidence(["1.234,5"]), decimal_evidence(["1,234"])
    ('.', ',', 'both')
    """
    point = comma = same = True
    for label in labels:
        with_point, with_comma = (_allowed(_found(label, mark), thousands) for mark in ".,")
        point, comma = point and with_point is not None, comma and with_comma is not None
        if with_point is not None and with_comma is not None:
            same = same and with_point.value == with_comma.value
        if not (point or comma):
            return "none"
    if point and comma:
        return "." if same else "both"
    return "." if point else ","


def read_dates(labels: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """ISO dates and times as seconds since 1970; None unless all texts are such dates."""
    if not labels or not all(_DATE.fullmatch(label) for label in labels):
        return None
    try:
        parsed = [datetime.datetime.fromisoformat(label) for label in labels]
    except ValueError:
        return None
    return np.asarray([date_seconds(each) for each in parsed])


def spread(column: Column, of_labels: npt.NDArray[np.float64], kind: str) -> Column:
    """The column with a number for each of its labels in their place."""
    return Column(kind, np.append(of_labels, np.nan)[column.values])


def resolved(
    column: Column,
    *,
    decimal: str = ".",
    thousands: str | None = None,
    number: Callable[[int], str] = "row {}".format,
) -> tuple[Column, str]:
    """A text column as what its text stands for, and how it was read; text is left as it is.

    Where nearly all entries are numbers and a few are not, the column has a `problem` that names
    the lines: `number` says what an entry's place is called.
    """
    if column.kind != "text" or column.declared or column.problem or not column.labels:
        return column, ""
    dates = read_dates(column.labels)
    if dates is not None:
        return spread(column, dates, "date"), ""
    truths = _TRUTHS.get(frozenset(label.lower() for label in column.labels))
    if truths is not None:
        numbers = np.asarray([float(truths[label.lower()]) for label in column.labels])
        found = spread(column, numbers, "bool")
        whole = not np.isnan(found.values).any()
        return (found._replace(values=found.values.astype(bool)) if whole else found), ""
    # A column of numbers has mostly numbers among its first labels, too.
    sample = column.labels[:500]
    if np.isnan(read_numbers(sample, decimal, thousands=thousands)[0]).mean() > 0.5:
        return column, ""
    numbers, how = read_numbers(column.labels, decimal, thousands=thousands)
    bad = np.isnan(numbers)
    if not bad.any() and how is not None:
        return spread(column, numbers, "number"), str(how)
    counts = np.bincount(column.values[column.values >= 0], minlength=len(column.labels))
    if counts[bad].sum() > (1 - MOSTLY) * counts.sum() or _any_leading_zero(column.labels):
        return column, ""
    if not bad.any():
        shown = ", ".join(f'"{label}"' for label in column.labels[:3])
        return column._replace(problem=f"holds numbers written in several ways ({shown}, ...)"), ""
    return column._replace(problem=_few_texts(column, bad, number)), ""


def _any_leading_zero(labels: Iterable[str]) -> bool:
    return any(_LEADING_ZERO.fullmatch(label[:2]) and label.isdigit() for label in labels)


def _few_texts(column: Column, bad: npt.NDArray[np.bool_], number: Callable[[int], str]) -> str:
    """Say "holds numbers, and text in 2 of 90 entries (line 17: "n.a.", line 20: "-")"."""
    places = np.flatnonzero(np.append(bad, False)[column.values])
    shown = ", ".join(f'{number(int(j))}: "{column.labels[column.values[j]]}"' for j in places[:3])
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return (
        f"holds numbers, and text in {len(places)} of {len(column.values)} entries ({shown}{more})"
    )


_TRUTHS: Mapping[frozenset[str], Mapping[str, bool]] = {
    frozenset(words): {"true": True, "false": False}
    for words in (("true", "false"), ("true",), ("false",))
}
