"""The dialect of a CSV file, from its first lines: encoding, separator, and whether it has names."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.data.columns import MISSING_MARKS
from dnn_xp.data.readers.text_values import read_numbers

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_SAMPLE_BYTES = 1 << 18
_SAMPLE_LINES = 200
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Dialect(NamedTuple):
    """How a CSV file is written.

    Attributes
    ----------
    encoding, separator : str
    names : tuple of str
        Of the columns; "0", "1", ... where the file does not name them.
    has_header : bool
        Whether the first line holds the names.
    longest_line : int
        Characters of the longest line seen.
    """

    encoding: str
    separator: str
    names: tuple[str, ...]
    has_header: bool
    longest_line: int


def dialect(path: Path, separator: str | None = None, *, argument: str = "path") -> Dialect:
    """Look at the first lines of a file.

    Raises
    ------
    ArgumentValueError
        For an empty file, and for one that is not text in UTF-8 or UTF-16.
    """
    encoding, lines = _first_lines(path, argument)
    if not lines:
        raise ArgumentValueError(argument, f"{str(path)!r}, which is empty", "a table")
    chosen = separator or _separator(lines)
    records = [split_record(line, chosen) for line in lines]
    has_header = _has_header(records)
    first = records[0]
    names = tuple(map(str.strip, first)) if has_header else tuple(map(str, range(len(first))))
    return Dialect(encoding, chosen, names, has_header, max(map(len, lines)))


def split_record(line: str, separator: str) -> list[str]:
    """The entries of one line, quotes removed."""
    if '"' not in line:
        return line.split(separator)
    with _fields_of_any_size():
        return next(csv.reader(io.StringIO(line), delimiter=separator, skipinitialspace=True), [""])


def line_numbers(path: Path, found: Dialect) -> list[int]:
    """The line of a file on which each example ends, counted from 1 as editors do."""
    with _fields_of_any_size(), path.open(newline="", encoding=found.encoding) as text:
        records = csv.reader(text, delimiter=found.separator)
        # Empty lines are no examples; a record may span several lines.
        ends = [records.line_num for record in records if record]
    return ends[1:] if found.has_header else ends


@contextmanager
def _fields_of_any_size() -> Iterator[None]:
    """Lift the csv module's limit on the size of a field."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _first_lines(path: Path, argument: str) -> tuple[str, list[str]]:
    """The encoding and the first records that are not empty; the first one whole, however long."""
    with path.open("rb") as file:
        start = file.read(4)
    encoding = next((name for mark, name in _BOMS if start.startswith(mark)), "utf-8")
    lines: list[str] = []
    size = 0
    try:
        with path.open(newline=None, encoding=encoding) as file:
            for line in file:
                # An open quote continues on the next line.
                if lines and lines[-1].count('"') % 2:
                    lines[-1] += line
                elif line.strip("\r\n"):
                    if len(lines) >= _SAMPLE_LINES or size > _SAMPLE_BYTES:
                        break
                    lines.append(line)
                size += len(line)
                if size > 64 * _SAMPLE_BYTES and len(lines) > 1:
                    break
    except UnicodeDecodeError as error:
        raise ArgumentValueError(
            argument,
            f"{str(path)!r}, which is not in UTF-8 ({error.reason})",
            "a file in UTF-8 or UTF-16",
            "save it as UTF-8",
        ) from error
    return encoding, [line.rstrip("\r\n") for line in lines]


def _separator(lines: Sequence[str]) -> str:
    """The separator by which all lines have as many entries as the first, most of them numbers."""
    best, chosen = (False, 0.0, 1), ","
    for mark in SEPARATORS:
        records = [split_record(line, mark) for line in lines[:50]]
        count = len(records[0])
        if count < 2:
            continue
        consistent = sum(len(record) == count for record in records) >= 0.9 * len(records)
        entries = [entry for record in records[1:11] for entry in record[:100]]
        score = (consistent, round(_share_of_numbers(entries), 1), count)
        if score > best:
            best, chosen = score, mark
    return chosen


def _share_of_numbers(entries: Sequence[str]) -> float:
    return sum(_is_number(entry) for entry in entries) / max(1, len(entries))


def _is_number(entry: str) -> bool:
    text = entry.strip()
    try:
        float(text)
    except ValueError:
        # One text is always of one format, so it is a number unless its value is NaN.
        return any(not np.isnan(read_numbers([text], decimal)[0][0]) for decimal in ".,")
    return True


def _has_header(records: Sequence[Sequence[str]]) -> bool:
    """Whether the first record holds names.

    It does not if all entries are numbers, or some are and each text of it occurs again below.
    """
    first = [entry.strip() for entry in records[0]]
    texts = [j for j, entry in enumerate(first) if not _is_number(entry)]
    if not texts:
        return False
    if len(texts) == len(first) or len(records) < 3:
        return True
    return not all(
        first[j] in MISSING_MARKS
        or any(j < len(record) and record[j].strip() == first[j] for record in records[1:])
        for j in texts
    )
