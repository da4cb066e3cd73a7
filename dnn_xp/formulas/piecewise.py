"""The piecewise-linear encoding of numbers, which has no parameters.

    e[t] = min(max((x - b[t-1]) / (b[t] - b[t-1]), 0), 1)        t = 1, ..., T

The edges b[0] < ... < b[T] of a number's bins are quantiles of it. Of x between b[t-1] and b[t] the
first t-1 components are 1, the t-th is the part of its bin that lies below x, and the others are 0.

Source: Gorishniy, Rubachev and Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep
Learning", eq. 1, where the first and the last component go on beyond the edges. Here they do not,
since x itself stays a feature besides.
"""

from __future__ import annotations

from dnn_xp.formulas.types import Array, Namespace


def piecewise_encoding(x: Array, lows: Array, slopes: Array, *, xp: Namespace) -> Array:
    """``min(max((x - lows) slopes, 0), 1)``: (n T, B), from numbers x (n, B).

    `lows` (n, T) are b[0], ..., b[T-1] of each number, and `slopes` 1 / (b[t] - b[t-1]), or 0 for a bin
    that does not exist, whose component is 0.

    Examples
    --------
    >>> import numpy as np
    >>> x, lows, slopes = np.asarray([[0.5, 3.0]]), np.asarray([[0.0, 1.0]]), np.asarray([[1.0, 0.25]])
    >>> piecewise_encoding(x, lows, slopes, xp=np)
    array([[0.5, 1. ],
           [0. , 0.5]])
    """
    n, T = lows.shape
    parts = (x[:, None, :] - lows[:, :, None]) * slopes[:, :, None]
    parts = xp.reshape(parts, (n * T, x.shape[1]))
    return xp.minimum(xp.maximum(parts, 0.0), 1.0)
