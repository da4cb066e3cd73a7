"""CSV files: one reader, by pyarrow, which recognises how the file is written and says so."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentValueError, Pass
from dnn_xp.common.messages import listing, optional_package
from dnn_xp.common.watched import Watch
from dnn_xp.data.columns import MISSING_MARKS, Column, ColumnTable, text_column
from dnn_xp.data.readers.csv_dialect import SEPARATORS, Dialect, dialect, line_numbers
from dnn_xp.data.readers.text_values import decimal_evidence, resolved

_BLOCK_BYTES = 1 << 20
_THOUSANDS = ("", ",", ".", "'", "’", " ", "\u00a0", "\u2009", "\u202f")
# From this many columns on, all of them are tried as numbers at once before each by itself.
_WIDE = 256


def read_csv_table(
    path: str | os.PathLike[str],
    *,
    separator: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    argument: str = "path",
) -> ColumnTable:
    r"""A CSV file as typed columns; what was recognised is in the table's `notes`.

    Recognised are: UTF-8 and UTF-16; commas, semicolons, tabs and pipes as separators; names in
    the first line; quotes; decimal points and commas; thousands separators, percent and currency
    signs; the marks of missing values in `dnn_xp.data.columns.MISSING_MARKS`; true and false; ISO
    dates. Whole numbers with leading zeros (01067) are text. The file is read as a whole.

    Parameters
    ----------
    path : str or PathLike
    separator : str, optional
        One character; recognised when not given.
    decimal : {".", ","}, optional
        The decimal mark of all columns; recognised when not given.
    thousands : str, optional
        The only mark between groups of three digits; "" for none; recognised when not given.
    argument : str
        What errors call the path.

    Returns
    -------
    ColumnTable

    Raises
    ------
    ArgumentValueError
        For a file that is empty, not text, has several columns of one name, or lines of different
        lengths.
    ChangedFileError
        When the file changes meanwhile.
    ImportError
        When pyarrow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "prices.csv")
    ...     _ = path.write_text("name;price\nA;1.200,50\nB;?\n")
    ...     table = read_csv_table(path)
    >>> table.columns["price"].values.tolist()
    [1200.5, nan]
    >>> table.notes
    ('separated by semicolons', "column 'price': decimal mark ',', thousands separator '.'")
    """
    file = Path(path)
    where = repr(str(file))
    _check_marks(separator, decimal, thousands)
    watch = Watch(file, where)
    with watch.reading():
        found = dialect(file, separator, argument=argument)
    twice = [name for name, count in Counter(found.names).items() if count > 1]
    if twice:
        got = f"{where} with several columns named {listing(twice)}"
        raise ArgumentValueError(argument, got, "a table whose columns differ in name")
    with watch.reading():
        raw = _read_text(file, found, argument)
    columns = _wide_numbers(raw) if len(raw) >= _WIDE and thousands is decimal is None else None
    if columns is None:
        columns = [_plain(values) for values in raw]
    point = decimal or _file_decimal(columns, found.separator, thousands)
    notes = [f"separated by {SEPARATORS[found.separator]}"] if found.separator in ";\t|" else []
    lines = cache(partial(line_numbers, file, found))  # read only if an error needs them

    def place(example: int) -> str:
        return f"line {lines()[example]}"

    kept: dict[str, Column] = {}
    formats: dict[str, list[str]] = {}
    for name, column, values in zip(found.names, columns, raw, strict=True):
        if point == "," and column.kind == "number" and column.values.dtype.kind == "f":
            # "1.234" was read with a decimal point, but this file's decimal mark is a comma.
            column = _text(values)
        read, how = resolved(column, decimal=point, thousands=thousands, number=place)
        if read is column and column.kind == "text":
            # A column may be written unlike the rest of the file.
            other = "." if point == "," else ","
            if decimal_evidence(column.labels[:500], thousands) == other:
                read, how = resolved(column, decimal=other, thousands=thousands, number=place)
        if how not in ("", "plain numbers"):
            formats.setdefault(how, []).append(name)
        kept[name] = read
    for how, names in formats.items():
        notes.append(f"column{'s' if len(names) > 1 else ''} {listing(names, limit=5)}: {how}")
    if not found.has_header and any(each.kind != "number" for each in kept.values()):
        notes.append("the first line is an example: it holds no names")
    m = len(columns[0].values) if columns else 0
    return ColumnTable(kept, m, where, found.has_header, tuple(notes))


def _check_marks(separator: str | None, decimal: str | None, thousands: str | None) -> None:
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise ArgumentValueError("separator", repr(separator), "one character, such as ',' or ';'")
    if decimal not in (None, ".", ","):
        raise ArgumentValueError("decimal", repr(decimal), "'.' or ','")
    if thousands is not None and thousands not in _THOUSANDS:
        raise ArgumentValueError(
            "thousands", repr(thousands), "',', '.', an apostrophe, a blank or ''"
        )
    if thousands and thousands == (decimal or "."):
        raise ArgumentValueError(
            "thousands",
            repr(thousands),
            "another mark than the decimal mark",
            (Pass("decimal", "," if thousands == "." else "."),),
        )


def _read_text(file: Path, found: Dialect, argument: str) -> list[Any]:
    """Every column of the file as an Arrow array of text, without the header."""
    where = repr(str(file))
    arrow: Any = optional_package("pyarrow", purpose=f"Reading {where}")
    reader: Any = optional_package("pyarrow.csv", purpose=f"Reading {where}")
    names = [str(j) for j in range(len(found.names))]
    size = max(_BLOCK_BYTES, 8 * found.longest_line)
    whole = file.stat().st_size + 1
    while True:
        try:
            table = reader.read_csv(
                file,
                read_options=reader.ReadOptions(
                    column_names=names,
                    block_size=min(size, 2**31 - 1),
                    encoding="utf16" if found.encoding == "utf-16" else "utf8",
                ),
                parse_options=reader.ParseOptions(
                    delimiter=found.separator, newlines_in_values=True
                ),
                convert_options=reader.ConvertOptions(
                    column_types=dict.fromkeys(names, arrow.string()), strings_can_be_null=False
                ),
            )
            break
        except arrow.ArrowInvalid as error:
            # A line is longer than the reader's block: try again with a larger one.
            if "straddling" not in str(error) or size >= whole:
                got = f"{where}, which cannot be read ({error})"
                wanted = "a CSV file with as many entries in each line"
                raise ArgumentValueError(argument, got, wanted) from error
            size *= 16
    if found.has_header:
        table = table.slice(1)
    return list(table.columns)


def _plain(values: Any) -> Column:
    """Whole numbers, or numbers with a decimal point, or else text."""
    numbers = _numbers(values)
    return _text(values) if numbers is None else Column("number", numbers)


def _arrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.compute."""
    purpose = "Reading CSV files"
    arrow = optional_package("pyarrow", purpose=purpose)
    return arrow, optional_package("pyarrow.compute", purpose=purpose)


def _cleaned(values: Any) -> Any:
    """Blanks around the entries removed, marks of missing values made null."""
    arrow, compute = _arrow()

    trimmed = compute.utf8_trim_whitespace(values)
    marks = compute.is_in(trimmed, value_set=arrow.array(sorted(MISSING_MARKS)))
    return compute.if_else(marks, arrow.scalar(None, arrow.string()), trimmed)


def _numbers(values: Any) -> np.ndarray[Any, Any] | None:
    arrow, compute = _arrow()

    cleaned = _cleaned(values)
    if cleaned.null_count == len(cleaned) and len(cleaned):
        return np.full(len(cleaned), np.nan)
    try:
        numbers = compute.cast(cleaned, arrow.float64())
    except arrow.ArrowInvalid:
        return None
    if compute.any(compute.match_substring_regex(cleaned, r"^[+-]?0\d")).as_py():
        return None
    if cleaned.null_count == 0:
        try:
            whole: np.ndarray[Any, Any] = compute.cast(cleaned, arrow.int64()).to_numpy()
            return whole
        except arrow.ArrowInvalid:
            pass
    found: np.ndarray[Any, Any] = numbers.to_numpy()
    return found


def _wide_numbers(raw: Sequence[Any]) -> list[Column] | None:
    """All columns as numbers in one conversion, or None where some are not."""
    arrow, _ = _arrow()

    numbers = _numbers(arrow.chunked_array([chunk for values in raw for chunk in values.chunks]))
    if numbers is None:
        return None
    return [Column("number", values) for values in numbers.reshape(len(raw), -1)]


def _text(values: Any) -> Column:
    coded = values.combine_chunks().dictionary_encode()
    return text_column(coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False))


def _file_decimal(columns: Sequence[Column], separator: str, thousands: str | None) -> str:
    """The decimal mark of the file: what most columns can only be read with."""
    votes = Counter(
        decimal_evidence(column.labels[:500], thousands)
        for column in columns
        if column.kind == "text"
    )
    if votes[","] or votes["."]:
        return "," if votes[","] > votes["."] else "."
    return "," if separator == ";" and votes["both"] else "."
