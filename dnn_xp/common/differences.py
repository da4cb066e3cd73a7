"""Central differences of a function of one vector, and how far a gradient is from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray


def central_differences(
    f: Callable[[NDArray[np.float64]], float],
    theta: NDArray[np.float64],
    *,
    epsilon: float,
    entries: Iterable[int] | None = None,
) -> NDArray[np.float64]:
    """``(f(theta + epsilon e_i) - f(theta - epsilon e_i)) / (2 epsilon)`` for each entry i.

    Parameters
    ----------
    f : callable
        (p,) float64 array -> number.
    theta : array (p,), float64
        Where; unchanged.
    epsilon : float
        Step, > 0.
    entries : iterable of int, optional
        Entries to compute; all when left out. The others are 0.

    Examples
    --------
    >>> central_differences(lambda x: float(x @ x), np.array([1.0, -3.0]), epsilon=1e-5).round(6)
    array([ 2., -6.])
    """
    numeric = np.zeros_like(theta)
    for entry in range(theta.size) if entries is None else entries:
        step = np.zeros_like(theta)
        step[entry] = epsilon
        above, below = theta + step, theta - step
        # Divide by the rounded distance, not by 2 epsilon.
        numeric[entry] = (f(above) - f(below)) / (above[entry] - below[entry])
    return numeric


def relative_difference(g: NDArray[np.float64], g_num: NDArray[np.float64]) -> float:
    """``|g - g_num| / (|g| + |g_num|)`` with Euclidean norms, 0 where both are 0.

    Examples
    --------
    >>> relative_difference(np.array([3.0, 4.0]), np.array([3.0, 4.0]))
    0.0
    >>> relative_difference(np.array([1.0]), np.array([-1.0]))
    1.0
    """
    scale = float(np.linalg.norm(g) + np.linalg.norm(g_num))
    return float(np.linalg.norm(g - g_num)) / scale if scale > 0.0 else 0.0
