"""What train and a Model are given: X as a source, Y apart from it, and how a table is encoded."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from dnn_xp.common.checks import check_examples
from dnn_xp.common.errors import ArgumentTypeError
from dnn_xp.common.messages import describe, listing
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.data.features import as_source
from dnn_xp.data.readers.files import SUFFIXES, split_path
from dnn_xp.data.readers.tables import is_frame, table_matrix
from dnn_xp.data.sources.base import Source
from dnn_xp.data.tables import (
    Table,
    found_name,
    is_table,
    open_table,
    table_source,
    with_known_target,
    without_target,
)


class Given(NamedTuple):
    """What came, taken apart.

    Attributes
    ----------
    X : Source
    Y : object
        As it came, or the values of the column that was named.
    examples : {"columns", "rows"}
        Where the examples are.
    encoder : TableEncoder or None
        How the table was encoded; None for arrays.
    target : str
        The column of the table that Y named; "" where Y was given by itself.
    notes : tuple of str
        What was decided in reading a table.
    """

    X: Source
    Y: Any
    examples: str
    encoder: TableEncoder | None = None
    target: str = ""
    notes: tuple[str, ...] = ()


def examples_of(X: Any, examples: str | None) -> str:
    """Where the examples are: as said, else rows in tables, which have them so by nature, and columns in arrays.

    >>> import numpy as np
    >>> examples_of(np.zeros((2, 3)), None), examples_of("table.csv", None)
    ('columns', 'rows')
    """
    if examples is None:
        return "rows" if is_table(X) else "columns"
    return "rows" if check_examples(examples) else "columns"


def take_given(
    X: Any,
    Y: Any = None,
    *,
    examples: str | None = None,
    encoder: TableEncoder | None = None,
    learn: bool = False,
    missing: str = "error",
    embedding: int | None = None,
    target: str = "",
    argument: str = "X",
) -> Given:
    """X as a source of examples, by the encoder of a model or by one that is learned from X.

    Parameters
    ----------
    X, Y : object
        What the user gave. Y may be the name of a column of the table X. An X that was taken apart
        before stays as it is.
    examples : {"columns", "rows"}, optional
        Where the examples are; see `examples_of`.
    encoder : TableEncoder, optional
        That of the model.
    learn : bool
        Whether an encoding is learned where there is no encoder.
    missing : {"error", "indicator"}
        What missing numbers are, where an encoding is learned.
    embedding : int, optional
        Dimension of embeddings, where an encoding is learned; see `learn_encoding`.
    target : str
        The column that the model predicts: no feature, and none that is too many.
    argument : str
        What errors call X.

    Raises
    ------
    TypeError, ValueError
        For an X that fits no encoder, and a Y that names no column.
    """
    if isinstance(X, Given):
        return X._replace(Y=Y)
    where = examples_of(X, examples)
    if not is_table(X) or where == "columns":
        _check_array(X, encoder, argument)
        return Given(as_source(X, argument=argument, examples=where), Y, where, encoder)
    table = open_table(X, argument=argument)
    if encoder is None and not learn and not names_column(Y, table):
        # The model was trained on arrays: columns are taken in their order.
        if isinstance(table, ColumnTable) and not is_frame(X):
            X = table_matrix(table, argument=argument)
        return Given(as_source(X, argument=argument, examples=where), Y, where)
    name = ""
    if names_column(Y, table):
        name = found_name(Y, table, "Y")
        if (missing if encoder is None else encoder.missing) == "indicator":
            known = with_known_target(table, name)
            X, table = (X, table) if known is table else (known, known)
        table, Y = without_target(table, name)
    elif target in table.names and encoder is not None and target not in encoder.names_in:
        table = table.select([each for each in table.names if each != target])
    made = table_source(
        X, table, encoder=encoder, missing=missing, embedding=embedding, argument=argument
    )
    return Given(made.source, Y, where, made.encoder, name, made.notes)


def names_column(Y: Any, table: Table) -> bool:
    """Whether Y is the name of a column: text that is one, or that is no file of data either."""
    if not isinstance(Y, str):
        return False
    if Y in table.names:
        return True
    file = split_path(Y)[0]
    return file.suffix.lower() not in SUFFIXES and not file.exists()


def _check_array(X: Any, encoder: TableEncoder | None, argument: str) -> None:
    """Arrays have no names: they stand for a table of numbers alone, column by column."""
    if encoder is not None and not encoder.plain:
        raise ArgumentTypeError(
            argument,
            str(X) if isinstance(X, (str, os.PathLike)) else describe(X),
            f"a table with the columns {listing(encoder.names_in)}, as in the training",
            "pass a data frame, or the path of a CSV or Parquet file",
        )
