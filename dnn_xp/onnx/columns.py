"""The nodes that encode the columns of a table as `dnn_xp.data.encoding` does: one input a column.

A column of numbers, bool or dates is (N, 1) floats, NaN where missing, dates as seconds since 1970.
A column of categories is (N, 1) strings; "" and the other marks of `MISSING_MARKS` are missing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dnn_xp.data.column_codes import CategoryCode, EmbeddingCode, NumberCode
from dnn_xp.data.columns import MISSING_MARKS
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.onnx.graph import ML_DOMAIN, Graph


def column_inputs(encoder: TableEncoder, dtype: str) -> dict[str, str]:
    """The name of each column's input and its dtype: "object" for text."""
    return {
        code.name or f"column {j}": dtype if isinstance(code, NumberCode) else "object"
        for j, code in enumerate(encoder.codes)
    }


class Encoded(NamedTuple):
    """Values of an encoded table.

    features: (N, n) the features that are numbers, in order; None where all columns are embedded.
    codes: the codes (N, 1) of each embedded column, int64.
    """

    features: str | None
    codes: list[str]


def encoded(graph: Graph, encoder: TableEncoder, dtype: str) -> Encoded:
    """The features of the columns in a dtype, and the codes of those that are embedded."""
    parts: list[str] = []
    codes: list[str] = []
    for name, code in zip(column_inputs(encoder, dtype), encoder.codes, strict=True):
        if isinstance(code, EmbeddingCode):
            other = len(code.categories)
            codes.append(_codes(graph, name, code, other, other + bool(code.missing)))
        elif isinstance(code, CategoryCode):
            parts.append(_category(graph, name, code, encoder, dtype))
        elif encoder.missing == "indicator":
            parts += _number(graph, name, code, encoder, dtype)
        else:
            parts.append(name)
    if len(parts) > 1:
        parts = [graph.node("Concat", *parts, axis=1)]
    return Encoded(parts[0] if parts else None, codes)


def _number(
    graph: Graph, column: str, code: NumberCode, encoder: TableEncoder, dtype: str
) -> list[str]:
    """The numbers with the mean in place of NaN, and the indicator where the training had NaN."""
    gaps = graph.node("IsNaN", column)
    mean = graph.constant(np.asarray(code.mean, dtype=encoder.dtype).astype(dtype))
    filled = graph.node("Where", gaps, mean, column)
    return [filled, graph.cast(gaps, dtype)] if code.missing else [filled]


def _category(
    graph: Graph, column: str, code: CategoryCode, encoder: TableEncoder, dtype: str
) -> str:
    """A row of a table for each text: one-hot rows, and the shares for what the training had not.

    Rows are those of the features; the last one holds the shares.
    """
    n = len(code.features)
    rows = np.eye(n + 1, n)
    rows[n] = code.shares
    # Rounded as the encoder rounds them.
    table = graph.constant(rows.astype(encoder.dtype).astype(dtype))
    other = len(code.categories) if code.rare else n
    codes = _codes(graph, column, code, other, n - 1 if code.missing else n)
    return graph.reshaped(graph.node("Gather", table, codes), -1, n)


def _codes(
    graph: Graph, column: str, code: CategoryCode | EmbeddingCode, other: int, missing: int
) -> str:
    """The place of each text among the categories (N, 1), or that of other or missing ones."""
    places = {each: j for j, each in enumerate(code.categories)}
    places |= dict.fromkeys(sorted(MISSING_MARKS - set(places)), missing)
    return graph.node(
        "LabelEncoder",
        column,
        domain=ML_DOMAIN,
        keys_strings=list(places),
        values_int64s=list(places.values()),
        default_int64=other,
    )
