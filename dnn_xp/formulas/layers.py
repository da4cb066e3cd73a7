"""One layer, forward and backward: Z = W A_prev + b, A = g(Z).

A_prev is (n_prev, B) with B examples in columns, W is (n, n_prev), b is (n, 1), Z, A and their
derivatives are (n, B). All share one real floating dtype. B may be the whole batch or a block of
it; m is always the number of examples in the whole batch, so that the dW and db of blocks add up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.embeddings import segment_sums
from dnn_xp.formulas.types import Array, Namespace

LinearCache: TypeAlias = tuple[Array, Array, Array]
LayerCache: TypeAlias = tuple[LinearCache, Array]


def linear_forward(
    A_prev: Array, W: Array, b: Array, *, xp: Namespace
) -> tuple[Array, LinearCache]:
    """Linear part: ``Z = W A_prev + b``, with ``(A_prev, W, b)`` for `linear_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> W, b = np.asarray([[1.0, 2.0]]), np.asarray([[10.0]])
    >>> Z, cache = linear_forward(np.asarray([[1.0, 0.0], [0.0, 1.0]]), W, b, xp=np)
    >>> Z
    array([[11., 12.]])
    """
    return xp.matmul(W, A_prev) + b, (A_prev, W, b)


def linear_gradient_sums(dZ: Array, A_prev: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Sums over examples: ``m dW = dZ A_prev^T`` (n, n_prev) and ``m db = sum(dZ)`` (n, 1).

    Examples
    --------
    >>> import numpy as np
    >>> linear_gradient_sums(np.asarray([[1.0, 1.0]]), np.asarray([[1.0, 3.0]]), xp=np)
    (array([[4.]]), array([[2.]]))
    """
    return xp.matmul(dZ, A_prev.T), xp.sum(dZ, axis=1, keepdims=True)


def linear_gradients(dZ: Array, A_prev: Array, *, m: float, xp: Namespace) -> tuple[Array, Array]:
    """Gradients of the parameters: ``dW = dZ A_prev^T / m`` and ``db = sum(dZ) / m`` over examples.

    `linear_backward` without dA_prev, which the first layer does not need. dW is (n, n_prev) and db
    is (n, 1).

    Examples
    --------
    >>> import numpy as np
    >>> linear_gradients(np.asarray([[1.0, 1.0]]), np.asarray([[1.0, 3.0]]), m=2, xp=np)
    (array([[2.]]), array([[1.]]))
    """
    m_dW, m_db = linear_gradient_sums(dZ, A_prev, xp=xp)
    return m_dW / m, m_db / m


def linear_derivative(dZ: Array, W: Array, *, xp: Namespace) -> Array:
    """Derivative of a layer's input: ``dA_prev = W^T dZ``.

    Examples
    --------
    >>> import numpy as np
    >>> linear_derivative(np.asarray([[1.0, 3.0]]), np.asarray([[2.0]]), xp=np)
    array([[2., 6.]])
    """
    return xp.matmul(W.T, dZ)


def linear_backward(
    dZ: Array, linear_cache: LinearCache, *, m: float, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Backward of `linear_forward`: ``dA_prev = W^T dZ``, with dW and db of `linear_gradients`.

    Examples
    --------
    >>> import numpy as np
    >>> cache = (np.asarray([[1.0, 3.0]]), np.asarray([[2.0]]), np.asarray([[0.0]]))
    >>> dA_prev, dW, db = linear_backward(np.asarray([[1.0, 1.0]]), cache, m=2, xp=np)
    >>> dA_prev, dW, db
    (array([[2., 2.]]), array([[2.]]), array([[1.]]))
    """
    A_prev, W, _ = linear_cache
    dW, db = linear_gradients(dZ, A_prev, m=m, xp=xp)
    return linear_derivative(dZ, W, xp=xp), dW, db


def activated(P: Array, b: Array, activation: Activation, *, xp: Namespace) -> tuple[Array, Array]:
    """A and Z of a layer from its product P = W A_prev: ``Z = P + b``, ``A = g(Z)``.

    Elementwise if g is.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> activated(np.asarray([[3.0, -9.0]]), np.asarray([[1.0]]), ACTIVATIONS["relu"], xp=np)
    (array([[4., 0.]]), array([[ 4., -8.]]))
    """
    Z = P + b
    return activation.forward(Z, xp=xp), Z


def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: Activation, *, xp: Namespace
) -> tuple[Array, LayerCache]:
    """Whole layer: ``A = g(W A_prev + b)``, with ``((A_prev, W, b), Z)`` for its backward.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> W, b = np.asarray([[1.0], [-1.0]]), np.asarray([[0.0], [0.0]])
    >>> A, cache = linear_activation_forward(
    ...     np.asarray([[2.0]]), W, b, ACTIVATIONS["relu"], xp=np)
    >>> A
    array([[2.],
           [0.]])
    """
    A, Z = activated(xp.matmul(W, A_prev), b, activation, xp=xp)
    return A, ((A_prev, W, b), Z)


def linear_activation_backward(
    dA: Array, cache: LayerCache, activation: Activation, *, m: float, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Backward of `linear_activation_forward`: ``dZ = dA * g'(Z)``, then `linear_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> linear_cache = (np.asarray([[1.0, 3.0]]), np.asarray([[2.0]]), np.asarray([[-4.0]]))
    >>> cache = (linear_cache, np.asarray([[-2.0, 2.0]]))
    >>> dA_prev, dW, db = linear_activation_backward(
    ...     np.asarray([[1.0, 1.0]]), cache, ACTIVATIONS["relu"], m=2, xp=np)
    >>> dA_prev, dW, db
    (array([[0., 2.]]), array([[1.5]]), array([[0.5]]))
    """
    linear_cache, Z = cache
    return linear_backward(activation.backward(dA, Z, xp=xp), linear_cache, m=m, xp=xp)


def linear_activation_derivative(
    dZ: Array, W: Array, Z_prev: Array, activation: Activation, *, xp: Namespace
) -> Array:
    """From one layer's dZ to that of the layer before: ``dZ_prev = (W^T dZ) * g'(Z_prev)``.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> dZ, W, Z_prev = np.asarray([[1.0, 3.0]]), np.asarray([[2.0]]), np.asarray([[-2.0, 2.0]])
    >>> linear_activation_derivative(dZ, W, Z_prev, ACTIVATIONS["relu"], xp=np)
    array([[0., 6.]])
    """
    return activation.backward(linear_derivative(dZ, W, xp=xp), Z_prev, xp=xp)


def activation_derivative(dA: Array, Z: Array, activation: Activation, *, xp: Namespace) -> Array:
    """From the derivative of a layer's output to that of its linear part: ``dZ = dA * g'(Z)``.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> activation_derivative(
    ...     np.asarray([[2.0, 6.0]]), np.asarray([[-2.0, 2.0]]), ACTIVATIONS["relu"], xp=np)
    array([[0., 6.]])
    """
    return activation.backward(dA, Z, xp=xp)


class Layers(NamedTuple):
    """The steps of a network's layers and embeddings, as a backend runs them.

    Each takes the arguments of the formula of its name and returns the same value. In place of Z a
    cache may hold anything that the two derivatives of the same record accept.

    Attributes
    ----------
    linear_forward, linear_activation_forward, linear_gradient_sums, linear_activation_derivative : callable
        See the formulas of these names.
    activation_derivative : callable
        See the formula of this name; it runs where dropout comes between W^T dZ and g'.
    segment_sums : callable
        See :mod:`dnn_xp.formulas.embeddings`.
    """

    linear_forward: Callable[..., tuple[Array, LinearCache]] = linear_forward
    linear_activation_forward: Callable[..., tuple[Array, LayerCache]] = linear_activation_forward
    linear_gradient_sums: Callable[..., tuple[Array, Array]] = linear_gradient_sums
    linear_activation_derivative: Callable[..., Array] = linear_activation_derivative
    segment_sums: Callable[..., Array] = segment_sums
    activation_derivative: Callable[..., Array] = activation_derivative


REFERENCE_LAYERS = Layers()
