"""Encoding of tables: named columns of numbers, bool, dates and text become rows of numbers.

A column of numbers, bool or dates is one feature. A column of text is one-hot: one feature for each
frequent category, one for all rare ones together, one for missing entries. In front of a dense
layer that is an embedding of n_1 dimensions, learned by the network: W[1] times a one-hot column is
a column of W[1]. A column of more categories is one row of codes, behind all other rows, for which
the network learns an embedding of fewer dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentValueError, Pass
from dnn_xp.common.messages import listing
from dnn_xp.data.column_codes import CategoryCode, Code, EmbeddingCode, NumberCode
from dnn_xp.data.columns import ColumnTable
from dnn_xp.formulas.embeddings import Embedding

# Rows are filled while they are in the cache.
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class TableEncoder:
    """What was learned of the columns of a table, to encode others like it.

    Attributes
    ----------
    codes : tuple of NumberCode, CategoryCode and EmbeddingCode
        One for each column, in the order of the training.
    missing : {"error", "indicator"}
        What missing numbers are: an error, or the mean and an indicator.
    working : {"float32", "float64"}
        The dtype that goes with the columns of the training.
    named : bool
        Whether columns have names to be found by; else they are taken in their order.
    wide : bool
        Whether float32 would round some column: dates, whole numbers above 2^24, float64.
    left_out : tuple of str
        Columns of the training from which nothing could be learned.
    """

    codes: tuple[Code, ...]
    missing: str = "error"
    working: str = "float32"
    named: bool = True
    wide: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def names_in(self) -> tuple[str, ...]:
        """The columns that are wanted."""
        return tuple(code.name for code in self.codes)

    @property
    def names_out(self) -> tuple[str, ...]:
        """The features, as the network sees them: (n_x,)."""
        return tuple(name for code in self._in_order for name in code.features)

    @property
    def embedded(self) -> tuple[str, ...]:
        """The columns that are embedded: the last features."""
        return tuple(code.name for code in self.codes if isinstance(code, EmbeddingCode))

    @property
    def embeddings(self) -> tuple[Embedding, ...]:
        """The shapes of what the network learns for these columns."""
        return tuple(code.embedding for code in self.codes if isinstance(code, EmbeddingCode))

    @property
    def _in_order(self) -> list[Code]:
        """The codes in the order of their features: those that are embedded come last."""
        return sorted(self.codes, key=lambda code: isinstance(code, EmbeddingCode))

    @property
    def one_hot(self) -> npt.NDArray[np.bool_]:
        """Which features are 0 or 1 by construction, and need no scale: (n_x,)."""
        return np.asarray([each for code in self._in_order for each in code.one_hot], dtype=bool)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of encoded rows: float64 where float32 would round a column."""
        return np.dtype("float64" if self.wide else "float32")

    @property
    def plain(self) -> bool:
        """Whether every column is one feature of numbers or bool, so that arrays can stand for tables."""
        return all(
            isinstance(code, NumberCode) and not code.missing and code.kind != "date"
            for code in self.codes
        )

    def encode(
        self, table: ColumnTable, *, argument: str = "X", first: int = 0
    ) -> npt.NDArray[Any]:
        """The lines of a table that has the columns `names_in`: (m, n_x), C-contiguous.

        In errors the first line has the number `first`.

        Raises
        ------
        ValueError
            Where a number is missing and `missing` is "error"; where a column holds text and held
            numbers in the training.
        """
        codes = self._in_order
        edges = [0, *accumulate(len(code.features) for code in codes)]
        out = np.zeros((table.m, edges[-1]), dtype=self.dtype)
        if self.missing == "error":
            numbers = [each.name for each in self.codes if isinstance(each, NumberCode)]
            refuse_missing(table.select(numbers), argument, first)
        values = [code.read(table.columns[code.name], argument) for code in codes]
        for start in range(0, table.m, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            for j, code in enumerate(codes):
                code.fill(values[j][rows], out[rows, edges[j] : edges[j + 1]])
        return out

    def to_dict(self) -> dict[str, Any]:
        """As plain dicts, lists, strings and numbers, for JSON."""
        return {
            "columns": [asdict(code) for code in self.codes],
            "missing": self.missing,
            "working": self.working,
            "named": self.named,
            "wide": self.wide,
            "left_out": list(self.left_out),
        }

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> TableEncoder:
        """The inverse of to_dict.

        Raises
        ------
        KeyError, TypeError, ValueError
            For anything that to_dict does not make.
        """
        codes = tuple(_code(dict(each)) for each in given["columns"])
        if given["missing"] not in ("error", "indicator") or given["working"] not in (
            "float32",
            "float64",
        ):
            raise ValueError("an encoder's missing or working dtype is unknown")
        return cls(
            codes,
            given["missing"],
            given["working"],
            bool(given["named"]),
            bool(given["wide"]),
            tuple(given["left_out"]),
        )


def _code(given: dict[str, Any]) -> Code:
    if "kind" in given:
        code = NumberCode(**given)
        if code.kind not in ("number", "bool", "date") or not math.isfinite(code.mean):
            raise ValueError(f"column {code.name!r} has an unknown kind or mean")
        return code
    given["categories"] = tuple(given["categories"])
    if "dimension" in given:
        embedding = EmbeddingCode(**given)
        if type(embedding.dimension) is not int or embedding.dimension < 1:
            raise ValueError(f"column {embedding.name!r} has the dimension {embedding.dimension!r}")
        return embedding
    given["shares"] = tuple(given["shares"])
    category = CategoryCode(**given)
    if len(category.shares) != len(category.features):
        raise ValueError(f"column {category.name!r} has {len(category.shares)} shares")
    return category


def refuse_missing(table: ColumnTable, argument: str, first: int = 0) -> None:
    """An error that names the columns of numbers in which values are missing."""
    counts = {name: int(column.missing.sum()) for name, column in table.columns.items()}
    bad = {name: count for name, count in counts.items() if count}
    if not bad:
        return
    place = first + min(int(np.argmax(table.columns[name].missing)) for name in bad)
    raise missing_numbers(bad, place, argument)


def missing_numbers(bad: Mapping[str, int], place: int, argument: str) -> ArgumentValueError:
    """The error for columns in which so many numbers are missing, the first in row `place`."""
    told = [f"{name!r} ({count})" for name, count in bad.items()]
    more = f" and {len(told) - 8} more" if len(told) > 8 else ""
    return ArgumentValueError(
        argument,
        f"missing values in {', '.join(told[:8])}{more}, the first in row {place} (counted from 0)",
        "a table without missing numbers",
        (
            Pass("missing", "indicator"),
            " to train with their mean and a feature that says which are missing, or drop them",
        ),
    )


def refuse_problems(table: ColumnTable, argument: str) -> None:
    """An error that names the columns that are neither numbers nor text."""
    for name, column in table.columns.items():
        if column.problem:
            raise ArgumentValueError(
                argument,
                f"the column {name!r}, which {column.problem}",
                "a table whose columns hold numbers, dates or text",
                "correct these entries, or leave the column out",
            )


def describe_encoder(encoder: TableEncoder) -> str:
    """One line on what the encoding does.

    >>> describe_encoder(TableEncoder((NumberCode("age", "number", 3.0), CategoryCode("sex", ("f", "m"), (0.5, 0.5)))))
    '2 columns give 3 features: 1 of numbers, 1 of text (sex: 2)'
    """
    text = [code for code in encoder.codes if isinstance(code, CategoryCode)]
    dates = [
        code.name for code in encoder.codes if isinstance(code, NumberCode) and code.kind == "date"
    ]
    gaps = [code.name for code in encoder.codes if isinstance(code, NumberCode) and code.missing]
    embedded = [code for code in encoder.codes if isinstance(code, EmbeddingCode)]
    numbers = len(encoder.codes) - len(text) - len(dates) - len(embedded)
    parts = [f"{numbers} of numbers"]
    if dates:
        parts.append(f"{len(dates)} of dates")
    if text:
        shown = ", ".join(f"{code.name}: {len(code.features)}" for code in text[:8])
        more = f" and {len(text) - 8} more" if len(text) > 8 else ""
        parts.append(f"{len(text)} of text ({shown}{more})")
    if embedded:
        of_each = ", ".join(
            f"{code.name}: {len(code.categories):,} categories, {code.dimension} dimensions"
            for code in embedded[:8]
        )
        more = f" and {len(embedded) - 8} more" if len(embedded) > 8 else ""
        parts.append(f"{len(embedded)} of text that is embedded ({of_each}{more})")
    if gaps:
        parts.append(f"missing values in {listing(gaps, limit=5)} are the mean and an indicator")
    return (
        f"{len(encoder.codes)} columns give {len(encoder.names_out)} features: {', '.join(parts)}"
    )
