"""Quantiles of each feature: scaling that outliers cannot change, and bins of equal counts.

Exact of as many examples as fit into `VALUES` values; of more, every k-th example is looked at, where
k is the smallest whole number for which those fit (and at least `LEAST` examples do). Which they are
depends on m and n alone, so that an array and a file of the same numbers get the same quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.data.finite import block_is_finite, check_finite, reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source

VALUES = 1 << 25
LEAST = 10_000
# Bytes of a value of one feature while its quantiles are looked for: as float64, and sorted in part.
_BYTES_MEANWHILE = 24

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


class Binned(NamedTuple):
    """Mean and scale of X, by what they were found, and the bins of a piecewise encoding.

    Attributes
    ----------
    mean, scale : array
        (n, 1) each, as of `Quantiles` or of moments; 0 and 1 where X is not standardized.
    edges : array
        (numbers, bins + 1): edges of the bins of each number that is encoded, less its mean and divided
        by its scale.
    by : {"quantiles", "moments", "none"}
    """

    mean: Floats
    scale: Floats
    edges: Floats
    by: str


def scaled_by(standardization: Any) -> str:
    """What mean and scale of a standardization are: "quantiles", "moments", or "none".

    >>> scaled_by(None), scaled_by(Quantiles(np.zeros((1, 1)), np.ones((1, 1))))
    ('none', 'quantiles')
    """
    if standardization is None:
        return "none"
    if isinstance(standardization, Binned):
        return standardization.by
    return "quantiles" if isinstance(standardization, Quantiles) else "moments"


class Sample(NamedTuple):
    """The examples that are looked at, and the extremes of all.

    Attributes
    ----------
    blocks : list of arrays
        (n, some examples) each, in order.
    lows, highs : array (n,)
        The least and the largest value of each feature, or +-infinity where the sample holds all.
    """

    blocks: list[npt.NDArray[Any]]
    lows: Floats
    highs: Floats

    def values(self, feature: int) -> Floats:
        """The values of a feature that are looked at."""
        found: Floats = np.concatenate([block[feature] for block in self.blocks]).astype(np.float64)
        return found

    def extremes(self, feature: int, values: Floats) -> tuple[float, float]:
        """Of all examples, where `values` are those that are looked at."""
        low, high = float(values.min()), float(values.max())
        return min(float(self.lows[feature]), low), max(float(self.highs[feature]), high)


def step_of_sample(n: int, m: int) -> int:
    """Every how many examples one is looked at.

    >>> step_of_sample(30, 1_000_000), step_of_sample(30, 5_000_000)
    (1, 5)
    """
    return max(1, math.ceil(m / max(LEAST, VALUES // n)))


def sample_bytes(n: int, m: int, itemsize: int) -> int:
    """Bytes that the examples which are looked at take, and the quantiles of one feature meanwhile."""
    examples = math.ceil(m / step_of_sample(n, m))
    return n * examples * itemsize + examples * _BYTES_MEANWHILE


def sample_of(source: Source, blocks: Iterable[tuple[int, int]] | None = None) -> Sample:
    """The examples to look at of a source, which is read once, in blocks.

    Raises
    ------
    ArgumentValueError
        For NaN and infinity, as `check_finite`, which reads the source again to say where they are.
    """
    step = step_of_sample(source.n, source.m)
    taken, finite = [], source.dtype.kind != "f"
    lows = np.full(source.n, math.inf)
    highs = np.full(source.n, -math.inf)
    for start, stop in reading_ranges(source) if blocks is None else blocks:
        block = to_host(source.block(start, stop))
        if not finite and not block_is_finite(block):
            check_finite(source, "X")
            finite = True
        first = -start % step
        taken.append(np.array(block[:, first::step]))
        if step > 1:  # rare extremes, which no sample has, still are extremes
            lows = np.minimum(lows, block.min(axis=1))
            highs = np.maximum(highs, block.max(axis=1))
    return Sample(taken, lows, highs)


def quantiles(sample: Sample, *, codes: int = 0) -> Quantiles:
    """The quantiles that features are scaled by.

    Values are compared in float64, with linear interpolation between neighbours, as `numpy.quantile`
    does it. The last `codes` rows are codes of categories, which stay as they are.
    """
    n = len(sample.lows)
    center, scale = np.zeros((n, 1)), np.ones((n, 1))
    for feature in range(n - codes):
        values = sample.values(feature)
        quarter, center[feature], three_quarters = np.quantile(values, (0.25, 0.5, 0.75))
        low, high = sample.extremes(feature, values)
        scale[feature] = (three_quarters - quarter) or 0.5 * high - 0.5 * low or 1.0
    return Quantiles(center, scale)


def bin_edges(sample: Sample, features: Sequence[int], bins: int) -> Floats:
    """Edges of so many bins of each of these features, (features, bins + 1), ascending.

    The quantiles 0, 1/bins, ..., 1 as in `quantiles`. Equal ones are one edge, so that there are fewer
    bins; the last edge is repeated in place of the edges that are not there.
    """
    edges = np.empty((len(features), bins + 1))
    levels = np.linspace(0.0, 1.0, bins + 1)
    for row, feature in enumerate(features):
        values = sample.values(feature)
        found = np.quantile(values, levels)
        found[0], found[-1] = sample.extremes(feature, values)
        distinct = np.unique(found)
        edges[row] = distinct[-1]
        edges[row, : len(distinct)] = distinct
    return edges
