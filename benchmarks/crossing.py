"""Where one curve of times falls below another one, between the measured points."""

from __future__ import annotations

import math
from collections.abc import Sequence


def crossing(at: Sequence[float], first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return from where on `second` takes less time than `first`, on lines between log-log points.

    None when it does not at the largest point; the smallest point when it does at all of them. `at`
    increases. The last crossing counts, so that noise between short times does not.

    >>> round(crossing([1, 100], [1.0, 100.0], [10.0, 10.0]))
    10
    >>> crossing([1, 2], [1.0, 1.0], [2.0, 2.0]), crossing([1, 2], [2.0, 2.0], [1.0, 1.0])
    (None, 1.0)
    """
    advantage = [math.log(a / b) for a, b in zip(first, second, strict=True)]
    if not advantage or advantage[-1] <= 0:
        return None
    for i in range(len(at) - 1, 0, -1):
        if advantage[i - 1] <= 0:
            share = -advantage[i - 1] / (advantage[i] - advantage[i - 1])
            return float(at[i - 1] * (at[i] / at[i - 1]) ** share)
    return float(at[0])
