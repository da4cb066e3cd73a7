"""Learned embeddings of categories: a linear stage without bias in front of the first layer.

    forward    A[0] = [X_numbers; E[1] O[1]; ...; E[c] O[c]]        and behind it what encodes numbers
    backward   m dE[j] = dA[0]_j O[j]^T,  column v of it the sum of dA[0]_j over examples of category v

X is (n, B): first the rows of numbers, then c rows of codes, whole numbers from 0 on. O[j] is the
one-hot matrix (k_j, B) of the j-th row of codes, and E[j] is (d_j, k_j), one column a category. The
product E[j] O[j] takes columns of E[j]; O[j] is never made for it. theta holds E[1], ..., E[c], each
row by row, behind W[L] and b[L]. Source: Guo and Berkhahn 2016, "Entity Embeddings of Categorical
Variables", eq. 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dnn_xp.formulas.types import Array, Namespace

# Entries of a one-hot matrix at once.
_ONE_HOT_ENTRIES = 1 << 22


class Embedding(NamedTuple):
    """The shape of one embedding: E is (dimension, categories)."""

    categories: int
    dimension: int


def embedding_parameters(embeddings: Sequence[Embedding]) -> int:
    """Entries of all E[j].

    Examples
    --------
    >>> embedding_parameters([Embedding(200, 8), Embedding(1000, 50)])
    51600
    """
    return sum(each.categories * each.dimension for each in embeddings)


def embedded_rows(embeddings: Sequence[Embedding]) -> int:
    """Rows of A[0] that embeddings make."""
    return sum(each.dimension for each in embeddings)


def unflatten_embeddings(
    theta: Array, embeddings: Sequence[Embedding], *, xp: Namespace
) -> list[Array]:
    """[E[1], ..., E[c]] from the end of theta; views where there are views.

    Examples
    --------
    >>> import numpy as np
    >>> unflatten_embeddings(np.asarray([9.0, 1.0, 2.0]), [Embedding(2, 1)], xp=np)
    [array([[1., 2.]])]
    """
    tables, start = [], theta.shape[0] - embedding_parameters(embeddings)
    for k, d in embeddings:
        tables.append(xp.reshape(theta[start : start + d * k], (d, k)))
        start += d * k
    return tables


def embed(
    X: Array, tables: Sequence[Array], *, xp: Namespace, encoded: Sequence[Array] = ()
) -> Array:
    """``A[0] = [X_numbers; E[1] O[1]; ...]``: (n - c + sum of d_j, B), from X (n, B) and c tables.

    The rows of `encoded`, which an encoding made of the numbers, follow.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.asarray([[0.5, 0.25], [1.0, 0.0]])
    >>> embed(X, [np.asarray([[10.0, 20.0], [30.0, 40.0]])], xp=np)
    array([[ 0.5 ,  0.25],
           [20.  , 10.  ],
           [40.  , 30.  ]])
    """
    numbers = X.shape[0] - len(tables)
    codes = xp.astype(X[numbers:, :], xp.int32)
    taken = [xp.take(E, codes[j, :], axis=1) for j, E in enumerate(tables)]
    return xp.concat([X[:numbers, :], *taken, *encoded], axis=0)


def segment_sums(dA: Array, codes: Array, places: Array, *, xp: Namespace) -> Array:
    """Sums of the columns of dA (d, B) by their codes (B,): ``dA O^T``, (d, k).

    A product with the one-hot matrix, in a fixed order and in chunks of bounded size. `places` are
    the codes 0, ..., k-1.

    Examples
    --------
    >>> import numpy as np
    >>> dA, codes, places = np.asarray([[1.0, 2.0, 4.0]]), np.asarray([2, 0, 2]), np.arange(3)
    >>> segment_sums(dA, codes, places, xp=np)
    array([[2., 0., 5.]])
    """
    count = codes.shape[0]
    step = max(1, _ONE_HOT_ENTRIES // places.shape[0])
    total = None
    for start in range(0, max(1, count), step):
        stop = min(start + step, count)
        one_hot = xp.astype(codes[start:stop, None] == places[None, :], dA.dtype)
        sums = xp.matmul(dA[:, start:stop], one_hot)
        total = sums if total is None else total + sums
    return total


def embedding_gradient_sums(
    dA: Array,
    X: Array,
    embeddings: Sequence[Embedding],
    places: Array,
    *,
    xp: Namespace,
    sums_by_code: Callable[..., Array] = segment_sums,
) -> list[Array]:
    """[m dE[1], ..., m dE[c]] from the derivative dA (sum of d_j, B) of the embedded rows of A[0].

    `places` are the int32 codes 0, 1, ... up to the largest, where the other arrays are, since a
    formula makes no arrays of its own; `sums_by_code` is `segment_sums` or a function of the same value.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.asarray([[1.0, 0.0, 1.0]])
    >>> dA, places = np.asarray([[1.0, 2.0, 4.0]]), np.arange(2, dtype=np.int32)
    >>> embedding_gradient_sums(dA, X, [Embedding(2, 1)], places, xp=np)
    [array([[2., 5.]])]
    """
    codes = xp.astype(X[X.shape[0] - len(embeddings) :, :], xp.int32)
    sums, start = [], 0
    for j, (k, d) in enumerate(embeddings):
        sums.append(sums_by_code(dA[start : start + d, :], codes[j, :], places[:k], xp=xp))
        start += d
    return sums
