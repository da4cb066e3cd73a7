"""Median and distance of the quartiles of each feature: scaling that outliers cannot change.

Exact of as many examples as fit into `VALUES` values; of more, every k-th example is looked at, where
k is the smallest whole number for which those fit (and at least `LEAST` examples do). Which they are
depends on m and n alone, so that an array and a file of the same numbers get the same scaling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source

VALUES = 1 << 25
LEAST = 10_000

Floats = npt.NDArray[np.float64]


class Quantiles(NamedTuple):
    """What X is centered at and divided by, (n, 1) each; the result is clipped smoothly at +-3.

    Attributes
    ----------
    mean : array
        The median.
    scale : array
        The distance of the quartiles; half that of the extremes where the quartiles are equal, and 1
        where these are, too.
    """

    mean: Floats
    scale: Floats


def step_of_sample(n: int, m: int) -> int:
    """Every how many examples one is looked at.

    >>> step_of_sample(30, 1_000_000), step_of_sample(30, 5_000_000)
    (1, 5)
    """
    return max(1, math.ceil(m / max(LEAST, VALUES // n)))


def sample_bytes(n: int, m: int, itemsize: int) -> int:
    """Bytes that the examples which are looked at take."""
    return n * math.ceil(m / step_of_sample(n, m)) * itemsize


def quantiles(
    source: Source,
    blocks: Iterable[tuple[int, int]] | None = None,
    *,
    codes: int = 0,
) -> Quantiles:
    """The quantiles of the examples of a source, which is read once, in blocks.

    Values are compared in float64, with linear interpolation between neighbours, as `numpy.quantile`
    does it. The last `codes` rows are codes of categories, which stay as they are.
    """
    step = step_of_sample(source.n, source.m)
    taken = []
    lows = np.full(source.n, math.inf)
    highs = np.full(source.n, -math.inf)
    for start, stop in reading_ranges(source) if blocks is None else blocks:
        block = to_host(source.block(start, stop))
        first = -start % step
        taken.append(np.array(block[:, first::step]))
        if step > 1:  # rare extremes, which no sample has, still are extremes
            lows = np.minimum(lows, block.min(axis=1))
            highs = np.maximum(highs, block.max(axis=1))
    center, scale = np.zeros((source.n, 1)), np.ones((source.n, 1))
    for feature in range(source.n - codes):
        values = np.concatenate([block[feature] for block in taken]).astype(np.float64)
        quarter, center[feature], three_quarters = np.quantile(values, (0.25, 0.5, 0.75))
        low = min(lows[feature], values.min())
        high = max(highs[feature], values.max())
        scale[feature] = (three_quarters - quarter) or 0.5 * high - 0.5 * low or 1.0
    return Quantiles(center, scale)
