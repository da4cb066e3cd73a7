"""Activations of output layers, see `activations`: probabilities, means and the linear output."""

from __future__ import annotations

from dnn_xp.formulas.types import Array, Namespace


def sigmoid(Z: Array, *, xp: Namespace) -> Array:
    """Logistic sigmoid: ``A = 1 / (1 + exp(-Z))``.

    Computed from ``e = exp(-|Z|)`` as ``1 / (1 + e)`` for Z >= 0 and ``e / (1 + e)`` for Z < 0,
    which cannot overflow and keeps the relative precision of small probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np)
    array([[0. , 0.5, 1. ]])
    """
    e = xp.exp(-xp.abs(Z))
    return xp.maximum(e, xp.astype(Z >= 0.0, Z.dtype)) / (1.0 + e)


def sigmoid_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `sigmoid`: ``dZ = dA A (1 - A)``, as ``dA e / (1 + e)^2`` with ``e = exp(-|Z|)``.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid_backward(np.asarray([[4.0, 4.0]]), np.asarray([[0.0, 10000.0]]), xp=np)
    array([[1., 0.]])
    """
    e = xp.exp(-xp.abs(Z))
    once = 1.0 + e
    return dA * (e / (once * once))


def log_one_plus(e: Array, *, xp: Namespace) -> Array:
    """``log(1 + e)`` for 0 <= e <= 1, to the relative precision of `log1p`.

    ``log(u) + (e - (u - 1)) / u`` with ``u = 1 + e``: the second term is what rounding u took from e. NumPy
    computes `log1p` of float32 one entry after the other without AVX-512, in 5 times the time.

    Examples
    --------
    >>> import numpy as np
    >>> log_one_plus(np.asarray([[0.0, 1e-20, 1.0]]), xp=np).round(25)
    array([[0.00000000e+00, 1.00000000e-20, 6.93147181e-01]])
    """
    u = 1.0 + e
    return xp.log(u) + (e - (u - 1.0)) / u


def softmax(Z: Array, *, xp: Namespace) -> Array:
    """Softmax over the units of each example: ``A[k] = exp(Z[k]) / sum_j exp(Z[j])``.

    The largest Z of each column is subtracted first, so that exp cannot overflow.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.asarray([[0.0, 10000.0], [0.0, 0.0]]), xp=np)
    array([[0.5, 1. ],
           [0.5, 0. ]])
    """
    E = xp.exp(Z - xp.max(Z, axis=0, keepdims=True))
    return E / xp.sum(E, axis=0, keepdims=True)


def softmax_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `softmax`: ``dZ = A (dA - sum_j dA[j] A[j])``, the sum over each column.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_backward(np.asarray([[4.0], [0.0]]), np.asarray([[0.0], [0.0]]), xp=np)
    array([[ 1.],
           [-1.]])
    """
    A = softmax(Z, xp=xp)
    return A * (dA - xp.sum(dA * A, axis=0, keepdims=True))


def identity(Z: Array, *, xp: Namespace) -> Array:
    """Identity: ``A = Z``, the very array that came in.

    Examples
    --------
    >>> import numpy as np
    >>> identity(np.asarray([[-2.0, 3.0]]), xp=np)
    array([[-2.,  3.]])
    """
    return Z


def identity_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `identity`: ``dZ = dA``.

    Examples
    --------
    >>> import numpy as np
    >>> identity_backward(np.asarray([[5.0]]), np.asarray([[-2.0]]), xp=np)
    array([[5.]])
    """
    return dA


def exp(Z: Array, *, xp: Namespace) -> Array:
    """Exponential: ``A = exp(Z)``, the mean of a Poisson output.

    It is the only activation that overflows: to inf, above Z = 88.7 in float32 and 709.7 in
    float64.

    Examples
    --------
    >>> import numpy as np
    >>> exp(np.asarray([[-10000.0, 0.0]]), xp=np)
    array([[0., 1.]])
    """
    return xp.exp(Z)


def exp_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `exp`: ``dZ = dA exp(Z)``.

    Examples
    --------
    >>> import numpy as np
    >>> exp_backward(np.asarray([[3.0, 3.0]]), np.asarray([[-10000.0, 0.0]]), xp=np)
    array([[0., 3.]])
    """
    return dA * xp.exp(Z)
