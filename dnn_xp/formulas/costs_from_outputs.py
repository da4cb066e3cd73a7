"""Costs once more, as the course writes them: each loss beside its derivative, both from A[L].

A[L] and Y are real floating arrays of shape (n_L, m). A loss returns (n_L, m) or (1, m), and its sum
over axis 0 is the loss of each example; a derivative returns dA = d loss / dA, (n_L, m). Neither is
divided by m. A term whose factor of Y is 0 counts as 0, also where its logarithm is infinite.

A probability that was rounded to 0 or 1 has lost what its logarithm needs, so that these losses can
be infinite where those of `dnn_xp.formulas.costs`, from Z[L], are finite. Training uses those.
"""

from __future__ import annotations

from dnn_xp.formulas.types import Array, Namespace


def binary_cross_entropy_from_output(A: Array, Y: Array, *, xp: Namespace) -> Array:
    """Binary cross-entropy of a probability A: ``-Y log(A) - (1 - Y) log(1 - A)``, Y in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> A, Y = np.asarray([[0.5, 1.0]]), np.asarray([[1.0, 1.0]])
    >>> binary_cross_entropy_from_output(A, Y, xp=np).round(4)
    array([[0.6931, 0.    ]])
    """
    of_one = Y * xp.log(_where_used(A, Y, unused=1.0, xp=xp))
    of_zero = (1.0 - Y) * xp.log1p(-_where_used(A, 1.0 - Y, unused=0.0, xp=xp))
    # 0 - x rather than -x: a loss of 0 is not -0.
    return 0.0 - (of_one + of_zero)


def binary_cross_entropy_output_derivative(A: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `binary_cross_entropy_from_output`: ``dA = -Y / A + (1 - Y) / (1 - A)``.

    Examples
    --------
    >>> import numpy as np
    >>> A, Y = np.asarray([[0.5, 1.0]]), np.asarray([[1.0, 1.0]])
    >>> binary_cross_entropy_output_derivative(A, Y, xp=np)
    array([[-2., -1.]])
    """
    of_one = Y / _where_used(A, Y, unused=1.0, xp=xp)
    of_zero = (1.0 - Y) / (1.0 - _where_used(A, 1.0 - Y, unused=0.0, xp=xp))
    return of_zero - of_one


def softmax_cross_entropy_from_output(A: Array, Y: Array, *, xp: Namespace) -> Array:
    """Cross-entropy of probabilities A, columns that sum to 1: ``-sum_k Y[k] log(A[k])``, (1, m).

    Examples
    --------
    >>> import numpy as np
    >>> A, Y = np.asarray([[0.5, 1.0], [0.5, 0.0]]), np.asarray([[1.0, 1.0], [0.0, 0.0]])
    >>> softmax_cross_entropy_from_output(A, Y, xp=np).round(4)
    array([[0.6931, 0.    ]])
    """
    terms = Y * xp.log(_where_used(A, Y, unused=1.0, xp=xp))
    return 0.0 - xp.sum(terms, axis=0, keepdims=True)


def softmax_cross_entropy_output_derivative(A: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `softmax_cross_entropy_from_output`: ``dA[k] = -Y[k] / A[k]``.

    Examples
    --------
    >>> import numpy as np
    >>> A, Y = np.asarray([[0.5], [0.5]]), np.asarray([[1.0], [0.0]])
    >>> softmax_cross_entropy_output_derivative(A, Y, xp=np)
    array([[-2.],
           [ 0.]])
    """
    return 0.0 - Y / _where_used(A, Y, unused=1.0, xp=xp)


def poisson_from_output(A: Array, Y: Array, *, xp: Namespace) -> Array:
    """Poisson loss of the mean A > 0: ``A - Y log(A)`` for counts Y >= 0, without log(Y!).

    Examples
    --------
    >>> import numpy as np
    >>> poisson_from_output(np.asarray([[1.0, 0.0]]), np.asarray([[3.0, 0.0]]), xp=np)
    array([[1., 0.]])
    """
    return A - Y * xp.log(_where_used(A, Y, unused=1.0, xp=xp))


def poisson_output_derivative(A: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `poisson_from_output`: ``dA = 1 - Y / A``.

    Examples
    --------
    >>> import numpy as np
    >>> poisson_output_derivative(np.asarray([[1.0, 0.5]]), np.asarray([[3.0, 0.0]]), xp=np)
    array([[-2.,  1.]])
    """
    return 1.0 - Y / _where_used(A, Y, unused=1.0, xp=xp)


def _where_used(A: Array, factor: Array, *, unused: float, xp: Namespace) -> Array:
    """A, and `unused` where its term is multiplied by 0: 0 log(0) and 0 / 0 count as 0."""
    return xp.where(factor == 0.0, unused * xp.ones_like(A), A)
