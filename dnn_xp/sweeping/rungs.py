"""Successive halving: how long the points of each rung train, and which go on. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Mapping


def rung_lengths(count: int, longest: int, eta: int | None, shortest: int | None) -> list[int]:
    """Lengths of the rungs, in iterations or epochs: longest / eta^k, down to about `shortest`.

    Without `shortest` there are so many rungs that one point of `count` reaches the last one. Without
    `eta` there is one rung.

    >>> rung_lengths(27, 300, 3, None), rung_lengths(27, 300, 3, 30), rung_lengths(4, 300, None, None)
    ([11, 33, 100, 300], [33, 100, 300], [300])
    """
    if eta is None:
        return [longest]
    if shortest is None:
        rungs = _powers(eta, count)
    else:
        rungs = _powers(eta, longest // max(1, shortest))
    lengths = [longest // eta**k for k in range(rungs, -1, -1)]
    return [length for length in lengths if length > 0] or [longest]


def _powers(eta: int, number: int) -> int:
    """The largest k with eta^k <= number, in whole numbers: a logarithm rounds."""
    k = 0
    while eta ** (k + 1) <= number:
        k += 1
    return k


def survivors(losses: Mapping[int, float], eta: int) -> list[int]:
    """The points that go on, in order: the ceil(n / eta) lowest losses; of equal ones the first points.

    A loss that is NaN, of a training that failed, never goes on.

    >>> survivors({0: 0.3, 1: 0.1, 2: math.nan, 3: 0.2, 4: 0.1}, 2)
    [1, 3, 4]
    """
    ranked = sorted((loss, point) for point, loss in losses.items() if not math.isnan(loss))
    return sorted(point for _, point in ranked[: math.ceil(len(losses) / eta)])
