"""Tables for the commands: opened with what the options say of them, their columns chosen."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.wording import reading, say
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import unknown_name
from dnn_xp.data.columns import Column, ColumnTable, text_column
from dnn_xp.data.readers.csv import read_csv_table
from dnn_xp.data.readers.parquet_table import ParquetTable
from dnn_xp.data.tables import Table, target_values


class Columns(NamedTuple):
    """A table whose lines are examples.

    Attributes
    ----------
    table : ColumnTable or ParquetTable
    targets : tuple of str
        The columns that are to be learned, where the table itself says so.
    """

    table: Table
    targets: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """What messages call it."""
        return self.table.where

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, in order."""
        return self.table.names

    @property
    def m(self) -> int:
        """Lines."""
        return self.table.m

    @property
    def named(self) -> bool:
        """Whether the names come from the table, and are not just "0", "1", ..."""
        return self.table.named

    def values(self, name: str, option: str = "--target") -> npt.NDArray[Any]:
        """The values of a column that is to be learned."""
        table = self.table
        column = table.columns[name] if isinstance(table, ColumnTable) else table.column(name)
        return target_values(column, f"column {name!r} of {self.where}", option)

    def text(self, names: Iterable[str]) -> list[str]:
        """Those of the columns that hold no numbers."""
        table = self.table
        if isinstance(table, ColumnTable):
            return [each for each in names if table.columns[each].kind not in ("number", "bool")]
        return [each for each in names if not table.select([each]).numbers]


def columns_of(
    arrays: dict[str, npt.NDArray[Any]], where: str, targets: tuple[str, ...] = ()
) -> Columns:
    """A table of arrays (m,) of numbers or text."""
    columns = {name: _column(values) for name, values in arrays.items()}
    m = len(next(iter(arrays.values()))) if arrays else 0
    return Columns(ColumnTable(columns, m, where), targets)


def _column(values: npt.NDArray[Any]) -> Column:
    if values.dtype.kind != "U":
        return Column("bool" if values.dtype.kind == "b" else "number", values)
    labels, codes = np.unique(values, return_inverse=True)
    return text_column(labels.tolist(), codes)


def csv_columns(path: Path, args: Namespace | None = None) -> Columns:
    """A CSV file, read as a whole; what was recognised is said."""
    marks = {name: getattr(args, name, None) for name in ("separator", "decimal", "thousands")}
    if marks["separator"] in ("tab", "\\t"):
        marks["separator"] = "\t"
    table = read_csv_table(path, argument="DATA", **marks)
    for note in table.notes:
        say("note", f"{table.where}: {note}")
    if not table.named and table.m and len(table.names) > 1:
        # A data frame whose columns were never named is written so.
        first = [str(column.values[0]) for column in table.columns.values()]
        if first == list(table.names):
            say(
                "note",
                f"{table.where} begins with 0,1,..., which is taken as an example, not names",
            )
    return Columns(table)


def parquet_columns(path: Path) -> Columns:
    """A Parquet file: in memory where it is small enough, else read by row groups."""
    with reading(repr(str(path))):
        table = ParquetTable(path)
    for note in table.notes:
        say("note", f"{table.where}: {note}")
    return Columns(table)


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
        wanted = f"a name or the number of a column of {table.where}, 0 to {count - 1}"
        raise ArgumentValueError(option, text, wanted)
    return table.names[number]
