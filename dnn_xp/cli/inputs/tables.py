"""Tables for the commands: which columns there are, which hold numbers, and how to read some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from dnn_xp.cli.wording import reading, say
from dnn_xp.common.messages import listing, optional_package, unknown_name
from dnn_xp.data import ArraySource, ParquetSource, Source, table_columns
from dnn_xp.data.readers.files import open_file, read_csv
from dnn_xp.data.readers.tables import NUMERIC_KINDS, Table, table_matrix


class Columns(NamedTuple):
    """A table whose lines are examples.

    Attributes
    ----------
    where : str
        What messages call it.
    names : tuple of str
        All columns, in order.
    text : frozenset of str
        Those that hold no numbers.
    m : int
        Lines.
    numbers : callable
        Names -> the source of these columns.
    values : callable
        Name -> the values of a column, text included.
    targets : tuple of str
        The columns that are to be learned, where the table itself says so.
    named : bool
        Whether the names come from the table, and are not just "0", "1", ...
    """

    where: str
    names: tuple[str, ...]
    text: frozenset[str]
    m: int
    numbers: Callable[[Sequence[str]], Source]
    values: Callable[[str], npt.NDArray[Any]]
    targets: tuple[str, ...] = ()
    named: bool = True


def columns_of(table: Table, where: str, targets: tuple[str, ...] = ()) -> Columns:
    """A table in memory."""
    held = dict(zip(table.names, table.columns, strict=True))
    text = frozenset(name for name, each in held.items() if each.dtype.kind not in NUMERIC_KINDS)

    def numbers(names: Sequence[str]) -> Source:
        chosen = Table(tuple(names), tuple(held[name] for name in names))
        return ArraySource(table_matrix(chosen, argument="X", where=where), rows=True)

    m = len(table.columns[0]) if table.columns else 0
    named = table.names != tuple(str(j) for j in range(len(table.names)))
    return Columns(where, table.names, text, m, numbers, held.__getitem__, targets, named)


def csv_columns(path: Path) -> Columns:
    """A CSV file, read as a whole."""
    where = repr(str(path))
    with reading(where):
        names = table_columns(path)
    _check_header(names, where)
    with reading(where):
        table = read_csv(path)
    columns = columns_of(table, where)
    if not columns.named and columns.m and len(names) > 1:
        # A data frame whose columns were never named is written so.
        first = [str(each[0]) for each in table.columns]
        if first == names:
            say("note", f"{where} begins with 0,1,..., which is taken as an example, not as names")
    return columns


def parquet_columns(path: Path) -> Columns:
    """A Parquet file, read column by column or by row groups as it is needed."""
    where = repr(str(path))
    pyarrow: Any = optional_package("pyarrow", purpose=f"Reading {where}")
    parquet: Any = optional_package("pyarrow.parquet", purpose=f"Reading {where}")
    with reading(where):
        file = parquet.ParquetFile(path)
    schema, kinds = file.schema_arrow, pyarrow.types
    names = tuple(str(name) for name in schema.names)
    text = frozenset(
        name
        for name, kind in zip(names, schema.types, strict=True)
        if not (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind))
    )

    def values(name: str) -> npt.NDArray[Any]:
        table: Table = open_file(path, columns=[name], labels=True)
        return table.columns[0]

    return Columns(
        where,
        names,
        text,
        file.metadata.num_rows,
        lambda chosen: ParquetSource(path, chosen),
        values,
    )


def _check_header(names: Sequence[str], where: str) -> None:
    if not names:
        raise ValueError(f"{where} is empty")
    if len(names) == 1:
        for mark in (";", "\t", "|"):
            if mark in names[0]:
                raise ValueError(
                    f"{where} seems to separate its columns by {mark!r}; commas are wanted"
                )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{where} has several columns named {listing(twice)}; give each a name of its own"
        )


def choose(option: str, wanted: Iterable[str], table: Columns) -> list[str]:
    """Column names from what an option was given: names or numbers, lists of them with commas."""
    chosen: list[str] = []
    for text in wanted:
        # A name may have a comma in it.
        parts = [text] if text in table.names else text.split(",")
        chosen.extend(_one(option, part.strip(), table) for part in parts)
    return list(dict.fromkeys(chosen))


def _one(option: str, text: str, table: Columns) -> str:
    if text in table.names:
        return text
    try:
        number = int(text)
    except ValueError:
        raise unknown_name(option, text, table.names) from None
    count = len(table.names)
    if not -count <= number < count:
        raise ValueError(
            f"{option}={text}: {table.where} has {count} columns, numbered 0 to {count - 1}"
        )
    return table.names[number]
