"""The parameters of a network: a pair (W[l], b[l]) for each layer, or all of them as one flat vector.

W[l] is (n_l, n_{l-1}) and b[l] is (n_l, 1). The flat vector theta holds W[1], b[1], W[2], ..., each
row by row. sizes are n_0, n_1, ..., n_L.

In an ensemble a layer may have c copies, one for each member: W[l] is (c n_l, n_{l-1}) then and b[l]
(c n_l, 1), the members' own one below the other. copies are c_1, ..., c_L; () is one of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias

from dnn_xp.formulas.types import Array, Namespace

Parameters: TypeAlias = Sequence[tuple[Array, Array]]


def weight_shapes(sizes: Sequence[int], copies: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Shapes of W[1], ..., W[L].

    Examples
    --------
    >>> weight_shapes((4, 3, 1)), weight_shapes((4, 3, 1), (1, 16))
    ([(3, 4), (1, 3)], [(3, 4), (16, 3)])
    """
    pairs = list(pairwise(sizes))
    return [
        (c * n, n_prev) for (n_prev, n), c in zip(pairs, copies or (1,) * len(pairs), strict=True)
    ]


def parameter_count(sizes: Sequence[int], copies: Sequence[int] = ()) -> int:
    """Entries of all W[l] and b[l]: the sum of c_l n_l (n_{l-1} + 1)."""
    return sum(n * (n_prev + 1) for n, n_prev in weight_shapes(sizes, copies))


@cache
def _spans(
    sizes: tuple[int, ...], copies: tuple[int, ...] = ()
) -> list[tuple[slice, tuple[int, int], slice, tuple[int, int]]]:
    """For each layer, the slices of W and b in the flat vector, and their shapes."""
    spans, start = [], 0
    for n, n_prev in weight_shapes(sizes, copies):
        middle, stop = start + n * n_prev, start + n * (n_prev + 1)
        spans.append((slice(start, middle), (n, n_prev), slice(middle, stop), (n, 1)))
        start = stop
    return spans


def unflatten(
    theta: Array, sizes: tuple[int, ...], *, xp: Namespace, copies: tuple[int, ...] = ()
) -> list[tuple[Array, Array]]:
    """[(W[1], b[1]), ...] from one flat vector, for sizes n_0, ..., n_L; views where there are views.

    Examples
    --------
    >>> import numpy as np
    >>> unflatten(np.asarray([1.0, 2.0, 3.0]), (2, 1), xp=np)
    [(array([[1., 2.]]), array([[3.]]))]
    """
    return [
        (xp.reshape(theta[of_W], W_shape), xp.reshape(theta[of_b], b_shape))
        for of_W, W_shape, of_b, b_shape in _spans(sizes, copies)
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
    copies: Sequence[int] = (),
) -> Array:
    """1 at the entries of W and 0 at those of b, flat as theta: the entries that penalties count.

    1 / c at the entries of c copies: penalties count their mean.

    Examples
    --------
    >>> import numpy as np
    >>> weight_mask((2, 1), dtype=np.float64, xp=np)
    array([1., 1., 0.])
    """
    shapes = weight_shapes(sizes, copies)
    parts = [
        part
        for (n, n_prev), c in zip(shapes, copies or (1,) * len(shapes), strict=True)
        for part in (
            xp.full((n * n_prev,), 1.0 / c, dtype=dtype),
            xp.zeros((n,), dtype=dtype),
        )
    ]
    return xp.concat(parts)
