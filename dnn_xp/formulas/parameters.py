"""The parameters of a network: a pair (W[l], b[l]) for each layer, or all of them as one flat vector.

W[l] is (n_l, n_{l-1}) and b[l] is (n_l, 1). The flat vector theta holds W[1], b[1], W[2], ..., each
row by row. sizes are n_0, n_1, ..., n_L.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias

from dnn_xp.formulas.types import Array, Namespace

Parameters: TypeAlias = Sequence[tuple[Array, Array]]


def parameter_count(sizes: Sequence[int]) -> int:
    """Entries of all W[l] and b[l]: the sum of n_l (n_{l-1} + 1)."""
    return sum(n * (n_prev + 1) for n_prev, n in pairwise(sizes))


@cache
def _spans(sizes: tuple[int, ...]) -> list[tuple[slice, tuple[int, int], slice, tuple[int, int]]]:
    """For each layer, the slices of W and b in the flat vector, and their shapes."""
    spans, start = [], 0
    for n_prev, n in pairwise(sizes):
        middle, stop = start + n * n_prev, start + n * (n_prev + 1)
        spans.append((slice(start, middle), (n, n_prev), slice(middle, stop), (n, 1)))
        start = stop
    return spans


def unflatten(theta: Array, sizes: tuple[int, ...], *, xp: Namespace) -> list[tuple[Array, Array]]:
    """[(W[1], b[1]), ...] from one flat vector, for sizes n_0, ..., n_L; views where there are views.

    Examples
    --------
    >>> import numpy as np
    >>> unflatten(np.asarray([1.0, 2.0, 3.0]), (2, 1), xp=np)
    [(array([[1., 2.]]), array([[3.]]))]
    """
    return [
        (xp.reshape(theta[of_W], W_shape), xp.reshape(theta[of_b], b_shape))
        for of_W, W_shape, of_b, b_shape in _spans(sizes)
    ]


def flatten(arrays: Sequence[Array], *, xp: Namespace) -> Array:
    """W[1], b[1], W[2], ..., each row by row, as one flat vector theta.

    Examples
    --------
    >>> import numpy as np
    >>> flatten([np.asarray([[1.0, 2.0]]), np.asarray([[3.0]])], xp=np)
    array([1., 2., 3.])
    """
    return xp.concat([xp.reshape(array, (-1,)) for array in arrays])


def weight_mask(
    sizes: Sequence[int],
    *,
    dtype: Any,
    xp: Namespace,
    mixed: int = 0,
    encoded: Sequence[int] = (),
    embedded: int = 0,
) -> Array:
    """1 at the entries of W and 0 at those of b, flat as theta: the entries that penalties count.

    `mixed` entries of mixed activations follow, which they do not count. `encoded` are the numbers of
    entries of w, b, V and c of a periodic encoding, which come next; of these w and V count. `embedded`
    entries of embeddings come last, which penalties count, too.

    Examples
    --------
    >>> import numpy as np
    >>> weight_mask((2, 1), dtype=np.float64, xp=np)
    array([1., 1., 0.])
    """
    parts = [
        part
        for n_prev, n in pairwise(sizes)
        for part in (xp.ones((n * n_prev,), dtype=dtype), xp.zeros((n,), dtype=dtype))
    ]
    parts += [xp.zeros((mixed,), dtype=dtype)] if mixed else []
    for place, count in enumerate(encoded):
        make = xp.zeros if place % 2 else xp.ones
        parts.append(make((count,), dtype=dtype))
    return xp.concat([*parts, xp.ones((embedded,), dtype=dtype)] if embedded else parts)
