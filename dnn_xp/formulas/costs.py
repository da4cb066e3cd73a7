"""Costs: each loss beside its derivative, both from Z[L], the linear part of the output layer.

Taking Z rather than A keeps the logarithm of a probability exact where the probability itself has
been rounded to 0 or 1. Z and Y are real floating arrays of shape (n_L, m). A loss returns (n_L, m)
or (1, m), and its sum over axis 0 is the loss of each example; a derivative returns dZ = d loss /
dZ, (n_L, m). Neither is divided by m. No argument is changed and nothing is raised.

To add one, write its two functions and one entry of `COSTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dnn_xp.formulas.costs_from_outputs import (
    binary_cross_entropy_from_output,
    binary_cross_entropy_output_derivative,
    poisson_from_output,
    poisson_output_derivative,
    softmax_cross_entropy_from_output,
    softmax_cross_entropy_output_derivative,
)
from dnn_xp.formulas.output_activations import exp, log_one_plus, sigmoid, softmax
from dnn_xp.formulas.types import Array, Namespace


class Cost(NamedTuple):
    """A cost and what the rest of the library must know about it.

    Attributes
    ----------
    name : its key in `COSTS`.
    activation : the output activation that belongs to it; loss and derivative include it.
    loss : ``loss(Z, Y, *, xp)``, of shape (n_L, m) or (1, m).
    derivative : ``derivative(Z, Y, *, xp) -> dZ``.
    any_activation : whether the loss compares Z itself with Y, so that it may be given A = g(Z) of
        any elementwise g in the place of Z.
    output_loss : ``output_loss(A, Y, *, xp)``, the same loss from A = A[L]; None where Z is compared.
    output_derivative : ``output_derivative(A, Y, *, xp) -> dA``; None where Z is compared.
    """

    name: str
    activation: str
    loss: Callable[..., Array]
    derivative: Callable[..., Array]
    any_activation: bool
    output_loss: Callable[..., Array] | None = None
    output_derivative: Callable[..., Array] | None = None


def binary_cross_entropy(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Binary cross-entropy of A = sigmoid(Z): ``-Y log(A) - (1 - Y) log(1 - A)``, Y in [0, 1].

    Computed as ``(max(Z, 0) - Z Y) + log(1 + exp(-|Z|))``, which is finite for every finite Z. In
    this order the rounding of a large Z does not swallow a small loss.

    Examples
    --------
    >>> import numpy as np
    >>> binary_cross_entropy(np.asarray([[0.0, 1e4]]), np.asarray([[1.0, 0.0]]), xp=np).round(4)
    array([[6.931e-01, 1.000e+04]])
    """
    return (xp.maximum(Z, 0.0) - Z * Y) + log_one_plus(xp.exp(-xp.abs(Z)), xp=xp)


def binary_cross_entropy_derivative(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `binary_cross_entropy`: ``dZ = sigmoid(Z) - Y``.

    Examples
    --------
    >>> import numpy as np
    >>> binary_cross_entropy_derivative(np.asarray([[0.0, 1e4]]), np.asarray([[1.0, 0.0]]), xp=np)
    array([[-0.5,  1. ]])
    """
    return sigmoid(Z, xp=xp) - Y


def softmax_cross_entropy(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Cross-entropy of A = softmax(Z): ``-sum_k Y[k] log(A[k])``, of shape (1, m).

    Each column of Y is a distribution: one-hot, or any numbers >= 0 that sum to 1. Computed as
    ``log(sum_k exp(S[k])) - sum_k Y[k] S[k]`` where S is Z less the largest of its column.

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.asarray([[0.0, 1e4], [0.0, 0.0]])
    >>> softmax_cross_entropy(Z, np.asarray([[1.0, 1.0], [0.0, 0.0]]), xp=np).round(4)
    array([[0.6931, 0.    ]])
    """
    S = Z - xp.max(Z, axis=0, keepdims=True)
    total = xp.sum(xp.exp(S), axis=0, keepdims=True)
    return xp.log(total) - xp.sum(Y * S, axis=0, keepdims=True)


def softmax_cross_entropy_derivative(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `softmax_cross_entropy`: ``dZ = softmax(Z) - Y``, as columns of Y sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.asarray([[0.0], [0.0]])
    >>> softmax_cross_entropy_derivative(Z, np.asarray([[1.0], [0.0]]), xp=np)
    array([[-0.5],
           [ 0.5]])
    """
    return softmax(Z, xp=xp) - Y


def squared_error(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Half the squared error: ``(Z - Y)^2 / 2``.

    Examples
    --------
    >>> import numpy as np
    >>> squared_error(np.asarray([[1.0, 5.0]]), np.asarray([[1.0, 1.0]]), xp=np)
    array([[0., 8.]])
    """
    R = Z - Y
    return 0.5 * (R * R)


def squared_error_derivative(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `squared_error`: ``dZ = Z - Y``.

    Examples
    --------
    >>> import numpy as np
    >>> squared_error_derivative(np.asarray([[1.0, 5.0]]), np.asarray([[1.0, 1.0]]), xp=np)
    array([[0., 4.]])
    """
    return Z - Y


def huber(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Huber's loss with delta = 1: ``R^2 / 2`` where |R| <= 1, else ``|R| - 1/2``, with R = Z - Y.

    Source: Huber 1964. Computed as ``C (|R| - C / 2)`` with ``C = min(|R|, 1)``.

    Examples
    --------
    >>> import numpy as np
    >>> huber(np.asarray([[1.5, 5.0]]), np.asarray([[1.0, 1.0]]), xp=np)
    array([[0.125, 3.5  ]])
    """
    R = xp.abs(Z - Y)
    C = xp.minimum(R, 1.0)
    return C * (R - 0.5 * C)


def huber_derivative(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `huber`: ``dZ = min(max(Z - Y, -1), 1)``.

    Examples
    --------
    >>> import numpy as np
    >>> huber_derivative(np.asarray([[1.5, 5.0]]), np.asarray([[1.0, 1.0]]), xp=np)
    array([[0.5, 1. ]])
    """
    return xp.minimum(xp.maximum(Z - Y, -1.0), 1.0)


def poisson(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Poisson loss of the mean A = exp(Z): ``exp(Z) - Y Z`` for counts Y >= 0.

    It is the negative log-likelihood without log(Y!), which does not depend on Z, and it overflows
    to inf where exp does: above Z = 88.7 in float32.

    Examples
    --------
    >>> import numpy as np
    >>> poisson(np.asarray([[0.0, -10.0]]), np.asarray([[3.0, 2.0]]), xp=np).round(4)
    array([[ 1., 20.]])
    """
    return exp(Z, xp=xp) - Y * Z


def poisson_derivative(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """Derivative of `poisson`: ``dZ = exp(Z) - Y``.

    Examples
    --------
    >>> import numpy as np
    >>> poisson_derivative(np.asarray([[0.0]]), np.asarray([[3.0]]), xp=np)
    array([[-2.]])
    """
    return exp(Z, xp=xp) - Y


def weighted_sum(losses: Array, weights: Array | None, *, m: float, xp: Namespace) -> Array:
    """Contribution of these examples to the cost: ``sum(losses * weights) / m``.

    Parameters
    ----------
    losses : (n_L, B) or (1, B) array, a loss's result on a block of B examples.
    weights : (1, B) array of the same dtype whose mean over all m examples is 1, or None for ones.
    m : examples in the whole batch, so that the contributions of its blocks add up to the cost.

    Returns
    -------
    0-d array of the losses' dtype.

    Examples
    --------
    >>> import numpy as np
    >>> losses = np.asarray([[1.0, 2.0, 3.0]])
    >>> float(weighted_sum(losses, None, m=6, xp=np))
    1.0
    >>> float(weighted_sum(losses, np.asarray([[0.0, 0.0, 3.0]]), m=3, xp=np))
    3.0
    """
    return xp.sum(losses if weights is None else losses * weights) / m


COSTS: dict[str, Cost] = {
    cost.name: cost
    for cost in (
        Cost(
            "binary_cross_entropy",
            "sigmoid",
            binary_cross_entropy,
            binary_cross_entropy_derivative,
            False,
            binary_cross_entropy_from_output,
            binary_cross_entropy_output_derivative,
        ),
        Cost(
            "softmax_cross_entropy",
            "softmax",
            softmax_cross_entropy,
            softmax_cross_entropy_derivative,
            False,
            softmax_cross_entropy_from_output,
            softmax_cross_entropy_output_derivative,
        ),
        Cost("squared_error", "identity", squared_error, squared_error_derivative, True),
        Cost("huber", "identity", huber, huber_derivative, True),
        Cost(
            "poisson",
            "exp",
            poisson,
            poisson_derivative,
            False,
            poisson_from_output,
            poisson_output_derivative,
        ),
    )
}
