"""Sample weights, checked and scaled to a mean of 1: weights that are all equal change nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError, Pass
from dnn_xp.data.finite import check_finite, reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.targets.source import target_source


def check_sample_weight(name: str, value: Any) -> Any:
    """The value; ArgumentValueError for "balanced", which weights classes."""
    if isinstance(value, str) and value == "balanced":
        remedy = ("to weight classes in training, ", Pass("class_weight", "balanced"))
        raise ArgumentValueError(name, repr(value), "one number per example", remedy)
    return value


def weight_source(sample_weight: Any, *, m: int, argument: str = "sample_weight") -> Source | None:
    """Sample weights (1, m) as they came, or None; raises as `encode_weights`."""
    source = _one_each(sample_weight, m, argument)
    if source is not None:
        _mean(source, argument)
    return source


def encode_weights(
    sample_weight: Any, *, m: int, argument: str = "sample_weight", dtype: str = "float32"
) -> Source | None:
    """Sample weights as a host source (1, m) with mean 1, or None when there are none.

    Parameters
    ----------
    sample_weight : array, list, series, path or None
        (m,) or (1, m), 0 or more, not all 0. Only their ratios matter.
    m : int
        Examples of X.
    argument : str
        Its name in errors.
    dtype : {"float32", "float64"}
        Of the blocks.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For other shapes, text, NaN, infinity, negative weights, and when all are 0.

    Examples
    --------
    >>> encode_weights([1, 3], m=2).block(0, 2)
    array([[0.5, 1.5]], dtype=float32)
    """
    source = _one_each(sample_weight, m, argument)
    if source is None:
        return None
    mean = _mean(source, argument)
    weights = np.empty((1, m), dtype=dtype)
    for start, stop in reading_ranges(source):
        weights[0, start:stop] = _block(source, start, stop) / mean
    return ArraySource(weights, rows=False)


def _one_each(sample_weight: Any, m: int, argument: str) -> Source | None:
    """Numbers (1, m), none of them NaN or infinite."""
    check_sample_weight(argument, sample_weight)
    if sample_weight is None:
        return None
    source = target_source(sample_weight, m=m, argument=argument)
    if source.n != 1:
        wanted = f"one entry per example, of shape ({m},)"
        raise ArgumentValueError(argument, f"{source.n} entries per example", wanted)
    if source.dtype.kind == "U":
        raise ArgumentTypeError(argument, "text", "numbers")
    check_finite(source, argument)
    return source


def _mean(source: Source, argument: str) -> float:
    """The mean of the weights; ArgumentValueError unless they are 0 or more, not all 0, and finite."""
    lowest, first_negative, total = 0.0, -1, 0.0
    for start, stop in reading_ranges(source):
        block = _block(source, start, stop)
        lowest = min(lowest, float(block.min()))
        if lowest < 0 and first_negative < 0:
            first_negative = start + int(np.argmax(block < 0))
        with np.errstate(over="ignore"):
            total += float(block.sum())
    if lowest < 0:
        got = f"{lowest:g}, the first negative weight at example {first_negative} (counted from 0)"
        raise ArgumentValueError(argument, got, "weights of 0 or more")
    mean = total / source.m
    if mean == 0:
        wanted = "weights of which at least one is above 0"
        raise ArgumentValueError(argument, "0 for all examples", wanted)
    if math.isinf(mean):
        remedy = "scale them down: only their ratios matter"
        raise ArgumentValueError(argument, "an infinite sum", "weights of a finite sum", remedy)
    return mean


def _block(source: Source, start: int, stop: int) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = to_host(source.block(start, stop))[0].astype(np.float64)
    return values
