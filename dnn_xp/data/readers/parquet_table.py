"""Parquet files as tables: read by row groups, in memory bounded by one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from dnn_xp.common.watched import Watch
from dnn_xp.data.columns import Column, ColumnTable, are_names
from dnn_xp.data.readers.arrow import arrow_column, arrow_table, is_numeric
from dnn_xp.data.readers.parquet import open_parquet
from dnn_xp.data.readers.refusing import refusing


class ParquetTable:
    """The columns of a Parquet file whose lines are examples.

    Attributes
    ----------
    path : str
    names : tuple of str
        The columns, in order; those that a pandas index left are not among them.
    m : int
        Lines.
    where : str
        What messages call the table.
    named : bool
        Whether the names are more than "0", "1", ...
    notes : tuple of str
        What was decided in reading it.
    watch : Watch
        Of the file since it was first opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        names: Sequence[str] | None = None,
        lines: tuple[int, int] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.where = repr(self.path)
        self.watch = watch or Watch(self.path, self.where)
        self._file = open_parquet(self.path, self.watch)
        present = [str(name) for name in self._file.schema_arrow.names]
        index = [name for name in present if name.startswith("__index_level_")]
        kept = [name for name in present if name not in index]
        self.names = tuple(kept if names is None else names)
        self.first, self.last = (0, int(self._file.metadata.num_rows)) if lines is None else lines
        self.m = self.last - self.first
        self.named = are_names(present)
        self.notes = tuple(
            f"column {name!r} is left out: the index of a data frame" for name in index
        )

    def select(self, names: Sequence[str]) -> ParquetTable:
        """The table of these columns, in this order."""
        return ParquetTable(self.path, names, (self.first, self.last), self.watch)

    def part(self, first: int, last: int) -> ParquetTable:
        """The table of the lines first to last - 1."""
        lines = self.first + first, self.first + last
        return ParquetTable(self.path, self.names, lines, self.watch)

    def blocks(self) -> Iterator[ColumnTable]:
        """The row groups, one after the other."""
        start = 0
        for group in range(self._file.num_row_groups):
            stop = start + int(self._file.metadata.row_group(group).num_rows)
            low, high = max(start, self.first), min(stop, self.last)
            if low < high:
                with refusing("X", self.where, "a Parquet file"), self.watch.reading():
                    table = self._file.read_row_group(group, columns=list(self.names))
                yield self._named(table.slice(low - start, high - low))
            start = stop

    @property
    def numbers(self) -> bool:
        """Whether all columns are integers, floats or bool."""
        schema = self._file.schema_arrow
        return all(is_numeric(schema.field(name).type) for name in self.names)

    def read(self) -> ColumnTable:
        """All lines, in memory."""
        with refusing("X", self.where, "a Parquet file"), self.watch.reading():
            table = self._file.read(columns=list(self.names))
        return self._named(table.slice(self.first, self.m))._replace(notes=self.notes)

    def column(self, name: str) -> Column:
        """One column of all lines."""
        with refusing("X", self.where, "a Parquet file"), self.watch.reading():
            values = self._file.read(columns=[name]).column(name)
        return arrow_column(values.slice(self.first, self.m))

    def _named(self, table: Any) -> ColumnTable:
        made = arrow_table(table.select(list(self.names)), self.where)
        return made._replace(named=self.named)
