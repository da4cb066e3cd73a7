"""Tables at the door: opened, their columns found by name, encoded, and made a source of examples."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentValueError, Pass
from dnn_xp.common.messages import listing, nearest
from dnn_xp.common.warnings import warn_of
from dnn_xp.data.columns import Column, ColumnTable
from dnn_xp.data.encoding import TableEncoder, refuse_problems
from dnn_xp.data.learning import learn_encoding
from dnn_xp.data.readers.arrow import arrow_table, is_arrow
from dnn_xp.data.readers.csv import read_csv_table
from dnn_xp.data.readers.files import found_path, split_path
from dnn_xp.data.readers.frames import frame_table, is_polars
from dnn_xp.data.readers.parquet import Encoding, ParquetSource
from dnn_xp.data.readers.parquet_table import ParquetTable
from dnn_xp.data.readers.tables import frame_matrix, is_frame
from dnn_xp.data.readers.text_values import resolved
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.sources.encoded import ALWAYS_HELD, encoded_table
from dnn_xp.data.sources.subset import RangeSource

Table: TypeAlias = ColumnTable | ParquetTable


def is_table(X: Any) -> bool:
    """Whether X has named columns and its examples in rows: a frame, an Arrow table, a CSV or Parquet file."""
    if isinstance(X, (str, os.PathLike)):
        return split_path(X)[0].suffix.lower() in (".csv", ".parquet")
    return isinstance(X, (ColumnTable, ParquetTable)) or is_frame(X) or is_arrow(X)


def open_table(X: Any, *, argument: str = "X") -> Table:
    """A frame, an Arrow table, or a CSV or Parquet file as a table; "file.csv::a,b" chooses columns.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        No such file; columns without names of their own; a package that is not installed.
    """
    if isinstance(X, (ColumnTable, ParquetTable)):
        return X
    if is_arrow(X):
        return arrow_table(X)
    if not isinstance(X, (str, os.PathLike)):
        return frame_table(X, argument=argument)
    file, inner = found_path(X, argument)
    table: Table = (
        ParquetTable(file)
        if file.suffix.lower() == ".parquet"
        else without_index(read_csv_table(file, argument=argument))
    )
    if inner:
        table = table.select([found_name(name, table, argument) for name in inner.split(",")])
    return table


def without_index(table: ColumnTable) -> ColumnTable:
    """A CSV file's table without a first column that has no name: the index of a data frame."""
    if table.names[:1] != ("",):
        return table
    note = "the first column has no name and is left out (an index?)"
    return table.select(table.names[1:])._replace(notes=(*table.notes, note))


def found_name(name: str, table: Table, argument: str) -> str:
    """The name, if the table has such a column; else an error with the nearest one."""
    if name in table.names:
        return name
    near = nearest(name, table.names)
    raise ArgumentValueError(
        argument,
        f"the column {name!r}",
        f"one of the columns of {table.where}: {listing(table.names, limit=40)}",
        f"did you mean {near!r}?" if near else "",
    )


def with_known_target(table: Table, target: str) -> Table:
    """The lines of a table whose target is not missing, with a DataWarning for the others.

    A larger Parquet file stays as it is.
    """
    if isinstance(table, ParquetTable):
        held = table.m * len(table.names) * 8 <= ALWAYS_HELD
        if not held or not table.column(target).missing.any():
            return table
        table = table.read()
    gaps = table.columns[target].missing
    count = int(gaps.sum())
    if not 0 < count < table.m:
        return table
    said = (
        f"{count:,} of {table.m:,} examples are left out: their column {target!r} of {table.where} "
        "has no value"
    )
    warn_of(said)
    return table.take(~gaps)._replace(notes=(*table.notes, said))


def without_target(
    table: Table, target: str, argument: str = "X"
) -> tuple[Table, npt.NDArray[Any]]:
    """The other columns of a table, and the values of one: numbers, or text as NumPy strings."""
    found_name(target, table, "Y")
    column = table.columns[target] if isinstance(table, ColumnTable) else table.column(target)
    others = table.select([name for name in table.names if name != target])
    return others, target_values(column, f"column {target!r} of {table.where}")


def target_values(column: Column, where: str, argument: str = "Y") -> npt.NDArray[Any]:
    """The values of a column that is to be learned: numbers, bool, or text as NumPy strings.

    Raises
    ------
    ValueError
        For missing values, dates, and columns that mix numbers and text.
    """
    read, how = resolved(column)
    refuse_problems(ColumnTable({where: read}, len(read.values)), argument)
    if how:
        warn_of(f"{where} holds numbers as text, read with {how}")
    gaps = read.missing
    if gaps.any():
        raise ArgumentValueError(
            argument,
            f"{where} with {int(gaps.sum())} missing values, the first in row {int(np.argmax(gaps))} "
            "(counted from 0)",
            "a label or value for each example",
            ("drop these examples, or ", Pass("missing", "indicator"), " to leave them out"),
        )
    if read.kind == "date":
        raise ArgumentValueError(
            argument,
            f"{where}, which holds dates",
            "labels or numbers",
            "turn them into numbers, such as days from a first one",
        )
    return read.entries()


def by_name(table: Table, encoder: TableEncoder, *, argument: str = "X") -> Table:
    """The columns that an encoder wants, in its order, found by their names.

    Where the table or the encoder has no names, and as many columns, they are taken in their order.

    Raises
    ------
    ValueError
        Naming the columns that are lacking, and what they may be called now.

    Warns
    -----
    DataWarning
        Where there are other columns, which are left out.
    """
    wanted = encoder.names_in
    present = set(table.names)
    lacking = [name for name in wanted if name not in present]
    known = {*wanted, *encoder.left_out}
    extra = [name for name in table.names if name not in known]
    if lacking and not (table.named and encoder.named) and len(table.names) == len(wanted):
        if isinstance(table, ColumnTable):
            return table._replace(columns=dict(zip(wanted, table.columns.values(), strict=True)))
        lacking = [] if table.names == wanted else lacking
    if lacking:
        few = len(lacking) == 1
        renamed = [f"{name!r} may be {near!r} now" for name, near in _renamed(lacking, extra)]
        raise ArgumentValueError(
            argument,
            f"{table.where} without the column{'' if few else 's'} {listing(lacking)}",
            f"a table with the {len(wanted)} columns of the training",
            "; ".join(renamed[:5]),
        )
    if extra:
        warn_of(f"{argument} has columns that the training had not, left out: {listing(extra)}")
    return table.select(wanted)


def _renamed(lacking: Sequence[str], extra: Sequence[str]) -> list[tuple[str, str]]:
    near = [(name, nearest(name, extra)) for name in lacking[:20]]
    return [(name, found) for name, found in near if found]


class Encoded(NamedTuple):
    """A table as a source of examples, the encoder that made it, and what was decided."""

    source: Source
    encoder: TableEncoder
    notes: tuple[str, ...]


def table_source(
    X: Any,
    table: Table,
    *,
    encoder: TableEncoder | None = None,
    missing: str = "error",
    embedding: int | None = None,
    argument: str = "X",
) -> Encoded:
    """The examples of a table, encoded as the encoder says, or as is learned from the table itself.

    `X` is what the table was opened from: frames of numbers alone are not copied.
    """
    notes = table.notes
    if encoder is None:
        blocks = [table] if isinstance(table, ColumnTable) else table.blocks()
        # Infinity is refused by name when the features are looked at.
        with np.errstate(over="ignore", invalid="ignore"):
            encoder, learned = learn_encoding(
                blocks, missing=missing, embedding=embedding, argument=argument
            )
        notes += learned
        if encoder.names_in != table.names:
            table = table.select(encoder.names_in)
    else:
        table = by_name(table, encoder, argument=argument)
    if isinstance(table, ParquetTable):
        return Encoded(_parquet_source(table, encoder, argument), encoder, notes)
    if (
        encoder.plain
        and is_frame(X)
        and all(each.kind in ("number", "bool") for each in table.columns.values())
    ):
        matrix = frame_matrix(_chosen(X, table.names), argument=argument)
        return Encoded(ArraySource(matrix, rows=True), encoder, notes)
    refuse_problems(table, argument)
    return Encoded(encoded_table(table, encoder, argument=argument), encoder, notes)


def _chosen(frame: Any, names: Sequence[str]) -> Any:
    """The columns of a frame by name; the frame itself where these are all of them."""
    present = [str(name) for name in frame.columns]
    if list(names) == present:
        return frame
    if is_polars(frame):
        return frame.select(list(names))
    if set(names) <= set(present):
        return frame.iloc[:, [present.index(name) for name in names]]
    return frame


def _parquet_source(table: ParquetTable, encoder: TableEncoder, argument: str) -> Source:
    source = _all_of_parquet(table, encoder, argument)
    if (table.first, table.last) == (0, source.m):
        return source
    return RangeSource(source, table.first, table.last)


def _all_of_parquet(table: ParquetTable, encoder: TableEncoder, argument: str) -> Source:
    if encoder.plain and table.numbers:
        return ParquetSource(table.path, table.names, watch=table.watch)
    encoding = Encoding(
        lambda block: encoder.encode(block, argument=argument),
        len(encoder.names_out),
        encoder.dtype,
    )
    return ParquetSource(table.path, table.names, encoding=encoding, watch=table.watch)
