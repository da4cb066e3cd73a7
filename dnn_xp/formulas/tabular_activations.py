"""Activations of networks for tables: selu and mish, each beside its derivative, see `activations`."""

from __future__ import annotations

from dnn_xp.formulas.types import Array, Namespace

# The fixed point of mean 0 and variance 1 (Klambauer et al. 2017, eq. 14).
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717
# From here on tanh(softplus(Z)) is 1 in float64, and exp(2 Z) is finite in float32.
MISH_LINEAR = 20.0


def selu(Z: Array, *, xp: Namespace) -> Array:
    """Scaled exponential linear unit: ``A = 1.0507 Z`` for Z > 0, else ``1.7581 (exp(Z) - 1)``.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter 2017. Standard normal Z give A of mean 0 and
    variance 1. ``exp(Z) - 1`` for Z near 0 has the absolute error of 1 and not that of Z, 1e-16 or
    6e-8: `expm1` would have the latter, but NumPy computes it one entry after the other without AVX-512.

    Examples
    --------
    >>> import numpy as np
    >>> selu(np.asarray([[-10000.0, 0.0, 1.0]]), xp=np).round(4)
    array([[-1.7581,  0.    ,  1.0507]])
    """
    return SELU_SCALE * (xp.maximum(Z, 0.0) + SELU_ALPHA * (xp.exp(xp.minimum(Z, 0.0)) - 1.0))


def selu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `selu`: ``dZ = 1.0507 dA`` where Z > 0, else ``1.7581 exp(Z) dA``.

    The derivative at 0 is that from the left, 1.7581.

    Examples
    --------
    >>> import numpy as np
    >>> selu_backward(np.asarray([[1.0, 1.0, 1.0]]), np.asarray([[-1e4, 0.0, 9.0]]), xp=np).round(4)
    array([[0.    , 1.7581, 1.0507]])
    """
    positive = xp.astype(Z > 0.0, Z.dtype)
    slope = (SELU_SCALE * SELU_ALPHA) * xp.exp(xp.minimum(Z, 0.0))
    return dA * (slope - (SELU_SCALE * SELU_ALPHA - SELU_SCALE) * positive)


def selu_backward_of_output(dA: Array, A: Array, *, xp: Namespace) -> Array:
    """Backward of `selu` from its output: ``dZ = 1.0507 dA`` where A > 0, else ``(A + 1.7581) dA``.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.asarray([[-1.7580993408473766, 0.0, 9.0]])
    >>> selu_backward_of_output(np.asarray([[1.0, 1.0, 1.0]]), A, xp=np).round(4)
    array([[0.    , 1.7581, 1.0507]])
    """
    drop = (SELU_SCALE * SELU_ALPHA - SELU_SCALE) * xp.astype(A > 0.0, A.dtype)
    return dA * ((xp.minimum(A, 0.0) + SELU_SCALE * SELU_ALPHA) - drop)


def _mish_terms(Z: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """``u = exp(Z)``, ``r = 1 / (n + 2)`` and ``tanh(log(1 + u)) = n r``, with ``n = u (u + 2)``."""
    u = xp.exp(xp.minimum(Z, MISH_LINEAR))
    n = u * (u + 2.0)
    r = 1.0 / (n + 2.0)
    return u, r, n * r


def mish(Z: Array, *, xp: Namespace) -> Array:
    """Mish: ``A = Z tanh(log(1 + exp(Z)))``. Source: Misra 2020.

    Computed as ``Z n / (n + 2)`` with ``n = u (u + 2)`` and ``u = exp(Z)``: one exponential.

    Examples
    --------
    >>> import numpy as np
    >>> mish(np.asarray([[-10000.0, 0.0, 1.0, 10000.0]]), xp=np).round(4) + 0.0
    array([[0.000e+00, 0.000e+00, 8.651e-01, 1.000e+04]])
    """
    _, _, t = _mish_terms(Z, xp=xp)
    return Z * t


def mish_and_slope(Z: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """A of `mish` and its derivative ``n / (n + 2) + 4 Z u (u + 1) / (n + 2)^2``, with one exponential.

    With u and n of `mish`: ``1 - tanh(softplus(Z))^2 = 4 (u + 1)^2 / (n + 2)^2``, and
    ``softplus'(Z) = u / (u + 1)``.

    Examples
    --------
    >>> import numpy as np
    >>> A, slope = mish_and_slope(np.asarray([[0.0, 1e4]]), xp=np)
    >>> A, slope
    (array([[    0., 10000.]]), array([[0.6, 1. ]]))
    """
    u, r, t = _mish_terms(Z, xp=xp)
    v = u * r
    return Z * t, t + (4.0 * Z) * (v * (r + v))


def mish_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `mish`: ``dZ = dA g'(Z)``, see `mish_and_slope`.

    Examples
    --------
    >>> import numpy as np
    >>> mish_backward(np.asarray([[5.0, 5.0, 5.0]]), np.asarray([[-1e4, 0.0, 1e4]]), xp=np)
    array([[0., 3., 5.]])
    """
    return dA * mish_and_slope(Z, xp=xp)[1]
