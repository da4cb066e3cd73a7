"""Encodings of numbers: rows of A[0] that are made of each number, besides the number itself.

Periodic, with trained w, b, V, c of each number x[j] (1, B):

    forward    Z[j] = 2 pi w[j] x[j] + b[j]         (h, B)
               P[j] = V[j] cos(Z[j]) + c[j]         (d, B)
    backward   m dV[j] = dP[j] cos(Z[j])^T          m dc[j] = sum of dP[j] over examples
               dZ[j] = -(V[j]^T dP[j]) * sin(Z[j])
               m dw[j] = 2 pi dZ[j] x[j]^T          m db[j] = sum of dZ[j] over examples

Here w[j] and b[j] are (h, 1), V[j] is (d, h) and c[j] is (d, 1). The arrays of all n numbers are
stacked: w, b (n, h), V (n, d, h), c (n, d), so that no operation runs over single numbers. theta
holds w, b, V, c behind W[L] and b[L]. Nothing is derived with respect to x.

Source: Holzmueller, Grinsztajn and Steinwart 2024, "Better by Default", appendix A (PBLD); the
encoding without b and c is that of Gorishniy, Rubachev and Babenko 2022, "On Embeddings for Numerical
Features in Tabular Deep Learning", eq. 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from dnn_xp.formulas.types import Array, Namespace

# h and d of PBLD, which counts x itself as a fourth output.
PERIODIC_HIDDEN, PERIODIC_OUTPUTS = 16, 3

Periodic = tuple[Array, Array, Array, Array]


class NumberEncoding(NamedTuple):
    """What is made of each number, and which rows of X hold numbers.

    Attributes
    ----------
    kind : str
        "periodic" or "piecewise".
    rows : tuple of (int, int)
        Ranges (first, behind the last) of rows of X that are encoded; the others are one-hot.
    outputs : int
        Rows of A[0] made of each number: d, or the number of bins.
    hidden : int
        h of the periodic encoding; 0 of one without parameters.
    """

    kind: str
    rows: tuple[tuple[int, int], ...]
    outputs: int
    hidden: int = 0

    @property
    def numbers(self) -> int:
        """Rows of X that are encoded: n."""
        return sum(stop - start for start, stop in self.rows)

    @property
    def made(self) -> int:
        """Rows of A[0] that are made of them, its last ones."""
        return self.numbers * self.outputs

    @property
    def parameter_parts(self) -> tuple[int, ...]:
        """Entries of w, b, V and c; () where nothing is learned."""
        n, h, d = self.numbers, self.hidden, self.outputs
        return (n * h, n * h, n * d * h, n * d) if h else ()

    @property
    def parameter_count(self) -> int:
        """Entries of all of them."""
        return sum(self.parameter_parts)


def encoded_parameters(encoding: NumberEncoding | None) -> int:
    """Entries that an encoding has in theta; 0 where there is none."""
    return 0 if encoding is None else encoding.parameter_count


def stacked(encoding: NumberEncoding, copies: int) -> NumberEncoding:
    """The encoding as theta holds `copies` of its w, b, V and c, one below the other.

    Examples
    --------
    >>> stacked(NumberEncoding("periodic", ((0, 2),), 3, 16), 4).numbers
    8
    """
    return encoding._replace(rows=encoding.rows * copies)


def encoded_rows(encoding: NumberEncoding | None) -> int:
    """Rows of A[0] that an encoding makes; 0 where there is none."""
    return 0 if encoding is None else encoding.made


def number_rows(X: Array, rows: Sequence[tuple[int, int]], *, xp: Namespace) -> Array:
    """The rows of X (n_x, B) that hold numbers, (n, B).

    Examples
    --------
    >>> import numpy as np
    >>> number_rows(np.asarray([[1.0], [2.0], [3.0], [4.0]]), [(0, 1), (2, 4)], xp=np)
    array([[1.],
           [3.],
           [4.]])
    """
    parts = [X[start:stop, :] for start, stop in rows]
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)


def unflatten_periodic(
    theta: Array, encoding: NumberEncoding, *, start: int, xp: Namespace
) -> Periodic:
    """(w, b, V, c) from theta, where they begin at `start`; views where there are views."""
    n, h, d = encoding.numbers, encoding.hidden, encoding.outputs
    arrays = []
    for count, shape in zip(
        encoding.parameter_parts, ((n, h), (n, h), (n, d, h), (n, d)), strict=True
    ):
        arrays.append(xp.reshape(theta[start : start + count], shape))
        start += count
    w, b, V, c = arrays
    return w, b, V, c


def periodic_encoding(
    x: Array, parameters: Periodic, *, xp: Namespace
) -> tuple[Array, tuple[Array, Array, Array]]:
    """``P = V cos(2 pi w x + b) + c`` of numbers x (n, B): (n d, B), and the cache (x, Z, cos(Z)).

    Rows of P are those of the first number, then those of the second, ...

    Examples
    --------
    >>> import numpy as np
    >>> w, b, V, c = np.ones((1, 1)), np.zeros((1, 1)), 3 * np.ones((1, 1, 1)), np.ones((1, 1))
    >>> P, cache = periodic_encoding(np.asarray([[0.0, 0.5]]), (w, b, V, c), xp=np)
    >>> P
    array([[ 4., -2.]])
    """
    w, b, V, c = parameters
    frequencies = w * (2.0 * math.pi)
    Z = frequencies[:, :, None] * x[:, None, :] + b[:, :, None]
    cosines = xp.cos(Z)
    P = xp.matmul(V, cosines) + c[:, :, None]
    return xp.reshape(P, (V.shape[0] * V.shape[1], x.shape[1])), (x, Z, cosines)


def periodic_gradient_sums(
    dP: Array, parameters: Periodic, cache: tuple[Array, Array, Array], *, xp: Namespace
) -> Periodic:
    """Sums over examples: (m dw, m db, m dV, m dc) from dP (n d, B).

    Backward of `periodic_encoding`, in the shapes of w, b, V and c.

    Examples
    --------
    >>> import numpy as np
    >>> ones = np.ones((1, 1))
    >>> parameters = ones, 0 * ones, 3 * ones[None], ones
    >>> P, cache = periodic_encoding(np.asarray([[0.0, 0.25]]), parameters, xp=np)
    >>> dw, db, dV, dc = periodic_gradient_sums(np.asarray([[1.0, 1.0]]), parameters, cache, xp=np)
    >>> db, dV.round(12), dc
    (array([[-3.]]), array([[[1.]]]), array([[2.]]))
    """
    w, _, V, c = parameters
    x, Z, cosines = cache
    dP = xp.reshape(dP, (*c.shape, x.shape[1]))
    dV = xp.matmul(dP, xp.matrix_transpose(cosines))
    dc = xp.sum(dP, axis=2)
    # -dZ: the sign is that of the sums.
    opposite = xp.matmul(xp.matrix_transpose(V), dP) * xp.sin(Z)
    dw = xp.reshape(xp.matmul(opposite, x[:, :, None]), w.shape) * (-2.0 * math.pi)
    return dw, -xp.sum(opposite, axis=2), dV, dc
