"""One pass over all targets, in blocks: their values, by which `kinds` decides what they mean."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.labels import code_dtype

# Float32 probabilities over thousands of classes sum to 1 within this.
_SUM_TOLERANCE = 1e-4
# Integers within this range are counted by position, which is far faster than sorting.
_COUNTED_RANGE = 1 << 16
_MOST_CLASSES = 1 << 20


class Survey(NamedTuple):
    """What values the targets have.

    zero_one: every value is 0 or 1. whole: every value is a whole number. distributions: every
    column sums to 1 and has no negative value. distinct: the sorted distinct values, or None for
    too many values to be classes and for several outputs. totals: each output's sum (n_y,).
    """

    text: bool
    floating: bool
    zero_one: bool
    whole: bool
    lowest: float
    highest: float
    distributions: bool
    distinct: npt.NDArray[Any] | None
    totals: npt.NDArray[np.float64]


def survey_targets(source: Source, *, labels: str = "zero_one") -> Survey:
    """Read the targets once, in blocks, and describe their values.

    `labels` says of which values to find the distinct ones: "whole" numbers and integers,
    "zero_one" floats and integers, or "none".
    """
    kind = source.dtype.kind
    text = kind in "US"
    distinct: npt.NDArray[Any] | None = None
    if source.n == 1 and labels != "none":
        distinct = np.empty(0, source.dtype)
    zero_one = whole = distributions = not text
    lowest, highest = np.inf, -np.inf
    totals = np.zeros(source.n)
    limit = label_limit(source.m)
    for start, stop in reading_ranges(source):
        values = to_host(source.block(start, stop))
        if not text:
            lowest = min(lowest, float(values.min()))
            highest = max(highest, float(values.max()))
            zero_one = zero_one and bool(((values == 0) | (values == 1)).all())
            whole = whole and (kind != "f" or zero_one or bool((values == np.rint(values)).all()))
            with np.errstate(over="ignore"):  # the sums of values are not used
                sums = values.sum(axis=0, dtype=np.float64)
                totals += values.sum(axis=1, dtype=np.float64)
            distributions = (
                distributions and lowest >= 0 and bool((np.abs(sums - 1) <= _SUM_TOLERANCE).all())
            )
        if distinct is not None:
            countable = text or kind != "f" or (whole if labels == "whole" else zero_one)
            distinct = np.union1d(distinct, _distinct(values[0])) if countable else None
            if distinct is not None and len(distinct) > limit:
                distinct = None
    return Survey(
        text, kind == "f", zero_one, whole, lowest, highest, distributions, distinct, totals
    )


def label_limit(m: int) -> int:
    """The most labels among m examples that count as classes; more look like values."""
    return min(max(100, m // 2), _MOST_CLASSES)


def _distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if high - low < _COUNTED_RANGE and high < 2**62:
            counts = np.bincount(values.astype(np.int64) - low)
            return (np.flatnonzero(counts) + low).astype(values.dtype)
    return np.unique(values)


def encode_labels(
    source: Source, classes: npt.NDArray[Any], *, argument: str
) -> tuple[npt.NDArray[np.signedinteger[Any]], npt.NDArray[np.int64]]:
    """The position of each label in `classes`, (m,) small integers, and how often each occurs.

    Raises
    ------
    ArgumentValueError
        For labels that are not among the classes.
    """
    codes = np.empty(source.m, dtype=code_dtype(len(classes)))
    counts = np.zeros(len(classes), dtype=np.int64)
    kinds = [
        dtype.kind if dtype.kind in "US" else "number" for dtype in (source.dtype, classes.dtype)
    ]
    comparable = kinds[0] == kinds[1]
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    unknown: npt.NDArray[Any] = np.empty(0, source.dtype)
    for start, stop in reading_ranges(source):
        labels = to_host(source.block(start, stop))[0]
        if not comparable:
            unknown = np.union1d(unknown, labels)
            continue
        places = np.minimum(np.searchsorted(ordered, labels), len(ordered) - 1)
        is_unknown = ordered[places] != labels
        if is_unknown.any():
            unknown = np.union1d(unknown, labels[is_unknown])
        of_block = order[places]
        codes[start:stop] = of_block
        # Block by block, because bincount first converts its input to int64.
        counts += np.bincount(of_block, minlength=len(classes))
    if len(unknown):
        raise ArgumentValueError(
            argument,
            f"the unknown labels {listing(unknown.tolist())}",
            f"labels of the classes {listing(classes.tolist())}",
        )
    return codes, counts
