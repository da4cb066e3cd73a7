"""Derivatives by central differences, which know nothing of our formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

STEP = 1e-6
# Truncation is of order STEP^2 and rounding of order eps / STEP = 2e-10, for values of order 1.
DIFFERENCE_TOLERANCE = 5e-9


def central_difference(f: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """df/dx in float64, entry by entry."""
    gradient = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[index] += STEP
        below[index] -= STEP
        gradient[index] = (f(above) - f(below)) / (2 * STEP)
    return gradient
