"""Parts of a source hold the examples they should."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.data.host import library, to_host
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.sources.subset import RangeSource, subset, with_contiguous_examples

X = np.arange(20.0, dtype=np.float32).reshape(2, 10)


def test_a_range_copies_nothing() -> None:
    part = RangeSource(ArraySource(X), 3, 8)
    assert isinstance(part, Source)
    assert (part.n, part.m, part.dtype, part.in_memory) == (2, 5, np.float32, True)
    assert np.shares_memory(part.block(1, 3), X)
    np.testing.assert_array_equal(part.block(1, 3), X[:, 4:6])
    np.testing.assert_array_equal(part.gather(np.asarray([4, 0])), X[:, [7, 3]])


def test_chosen_examples(bring: Any) -> None:
    chosen = np.asarray([7, 0, 3], dtype=np.int64)
    array = bring(X)
    part = subset(ArraySource(array), chosen)
    assert library(part.block(0, 3)) == library(array)
    np.testing.assert_array_equal(to_host(part.block(0, 3)), X[:, chosen])


def test_chosen_labels_stay_codes() -> None:
    labels = LabelSource(np.asarray([2, 0, 1, 1], dtype=np.int8), 3, dtype="float64")
    part = subset(labels, np.asarray([3, 0]))
    assert isinstance(part, LabelSource)
    np.testing.assert_array_equal(part.block(0, 2), np.eye(3)[:, [1, 2]])
    assert part.dtype == np.float64


def test_features_side_by_side() -> None:
    turned = with_contiguous_examples(ArraySource(X))
    assert isinstance(turned, ArraySource)
    assert turned.rows
    assert turned.array.flags.c_contiguous
    np.testing.assert_array_equal(turned.block(0, 10), X)
    rows = ArraySource(np.ascontiguousarray(X.T), rows=True)
    assert with_contiguous_examples(rows) is rows
    # Columns that lie side by side already, as those of a block of rows.
    same = with_contiguous_examples(ArraySource(rows.array.T))
    assert isinstance(same, ArraySource)
    assert same.rows
    assert np.shares_memory(same.array, rows.array)
    labels = LabelSource(np.zeros(4, dtype=np.int8), 1)
    assert with_contiguous_examples(labels) is labels
