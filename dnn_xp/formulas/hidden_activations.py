"""Activations of hidden layers, see `activations`.

The selection between two branches is written as a product with an array of zeros and ones, or with
maximum and minimum, because `where` on a random mask takes 15 times as long on a CPU.
"""

from __future__ import annotations

import math

from dnn_xp.formulas.output_activations import log_one_plus, sigmoid
from dnn_xp.formulas.types import Array, Namespace

LEAKY_SLOPE = 0.01
_GELU_SCALE = math.sqrt(2.0 / math.pi)
_GELU_CUBIC = 0.044715 * _GELU_SCALE


def relu(Z: Array, *, xp: Namespace) -> Array:
    """Rectified linear unit: ``A = max(Z, 0)``.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.asarray([[-2.0, 0.0, 3.0]]), xp=np)
    array([[0., 0., 3.]])
    """
    return xp.maximum(Z, 0.0)


def relu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `relu`: ``dZ = dA`` where Z > 0, else 0; the derivative at 0 is 0.

    Examples
    --------
    >>> import numpy as np
    >>> relu_backward(np.asarray([[5.0, 5.0, 5.0]]), np.asarray([[-2.0, 0.0, 3.0]]), xp=np)
    array([[0., 0., 5.]])
    """
    return dA * xp.astype(Z > 0.0, Z.dtype)


def leaky_relu(Z: Array, *, xp: Namespace) -> Array:
    """Leaky rectified linear unit: ``A = max(Z, 0.01 Z)``. Source: Maas, Hannun and Ng 2013.

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu(np.asarray([[-2.0, 0.0, 3.0]]), xp=np)
    array([[-0.02,  0.  ,  3.  ]])
    """
    return xp.maximum(Z, LEAKY_SLOPE * Z)


def leaky_relu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `leaky_relu`: ``dZ = dA`` where Z > 0, else 0.01 dA; the derivative at 0 is 0.01.

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu_backward(np.asarray([[5.0, 5.0, 5.0]]), np.asarray([[-2.0, 0.0, 3.0]]), xp=np)
    array([[0.05, 0.05, 5.  ]])
    """
    return dA * (LEAKY_SLOPE + (1.0 - LEAKY_SLOPE) * xp.astype(Z > 0.0, Z.dtype))


def elu(Z: Array, *, xp: Namespace) -> Array:
    """Exponential linear unit: ``A = Z`` for Z > 0, else ``exp(Z) - 1``.

    Source: Clevert, Unterthiner and Hochreiter 2016, with alpha = 1. ``exp(Z) - 1`` is the larger of
    the two for Z < 0; on its error near 0 see `selu`.

    Examples
    --------
    >>> import numpy as np
    >>> elu(np.asarray([[-10000.0, 0.0, 3.0]]), xp=np)
    array([[-1.,  0.,  3.]])
    """
    return xp.maximum(Z, xp.exp(xp.minimum(Z, 0.0)) - 1.0)


def elu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `elu`: ``dZ = dA exp(min(Z, 0))``; the derivative at 0 is 1 from both sides.

    Examples
    --------
    >>> import numpy as np
    >>> elu_backward(np.asarray([[5.0, 5.0, 5.0]]), np.asarray([[-10000.0, 0.0, 3.0]]), xp=np)
    array([[0., 5., 5.]])
    """
    return dA * xp.exp(xp.minimum(Z, 0.0))


def elu_backward_of_output(dA: Array, A: Array, *, xp: Namespace) -> Array:
    """Backward of `elu` from its output: ``dZ = dA (min(A, 0) + 1)``.

    Examples
    --------
    >>> import numpy as np
    >>> elu_backward_of_output(np.asarray([[5.0, 5.0, 5.0]]), np.asarray([[-1.0, 0.0, 3.0]]), xp=np)
    array([[0., 5., 5.]])
    """
    return dA * (xp.minimum(A, 0.0) + 1.0)


def gelu(Z: Array, *, xp: Namespace) -> Array:
    """Gaussian error linear unit in its tanh form: ``A = Z (1 + tanh(u)) / 2``.

    Here ``u = sqrt(2/pi) (Z + 0.044715 Z^3)``. The exact form Z Phi(Z) needs erf, which the array
    API lacks; the two differ by less than 5e-4. Source: Hendrycks and Gimpel 2016.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np) + 0.0
    array([[    0.,     0., 10000.]])
    """
    u = Z * (_GELU_SCALE + _GELU_CUBIC * (Z * Z))
    return 0.5 * Z * (1.0 + xp.tanh(u))


def gelu_and_slope(Z: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """A of `gelu` and its derivative ``(1 + t + Z (1 - t^2) u') / 2`` with ``t = tanh(u)``.

    Examples
    --------
    >>> import numpy as np
    >>> A, slope = gelu_and_slope(np.asarray([[0.0, 9.0]]), xp=np)
    >>> A, slope
    (array([[0., 9.]]), array([[0.5, 1. ]]))
    """
    square = Z * Z
    t = xp.tanh(Z * (_GELU_SCALE + _GELU_CUBIC * square))
    du = _GELU_SCALE + (3.0 * _GELU_CUBIC) * square
    once = 1.0 + t
    return 0.5 * Z * once, 0.5 * (once + Z * (1.0 - t * t) * du)


def gelu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `gelu`: ``dZ = dA g'(Z)``, see `gelu_and_slope`.

    Examples
    --------
    >>> import numpy as np
    >>> gelu_backward(np.asarray([[2.0, 2.0, 2.0]]), np.asarray([[-9.0, 0.0, 9.0]]), xp=np) + 0.0
    array([[0., 1., 2.]])
    """
    return dA * gelu_and_slope(Z, xp=xp)[1]


def silu(Z: Array, *, xp: Namespace) -> Array:
    """Sigmoid-weighted linear unit, or swish: ``A = Z sigmoid(Z)``. Source: Elfwing et al. 2018.

    Examples
    --------
    >>> import numpy as np
    >>> silu(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np) + 0.0
    array([[    0.,     0., 10000.]])
    """
    return Z * sigmoid(Z, xp=xp)


def silu_and_slope(Z: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """A of `silu` and its derivative ``s + Z s (1 - s)`` with ``s = sigmoid(Z)``, with one exponential.

    Examples
    --------
    >>> import numpy as np
    >>> A, slope = silu_and_slope(np.asarray([[0.0, 10000.0]]), xp=np)
    >>> A, slope
    (array([[    0., 10000.]]), array([[0.5, 1. ]]))
    """
    e = xp.exp(-xp.abs(Z))
    once = 1.0 + e
    s = xp.maximum(e, xp.astype(Z >= 0.0, Z.dtype)) / once
    return Z * s, s + Z * ((e / once) / once)


def silu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `silu`: ``dZ = dA g'(Z)``, see `silu_and_slope`.

    Examples
    --------
    >>> import numpy as np
    >>> silu_backward(np.asarray([[2.0, 2.0]]), np.asarray([[0.0, 10000.0]]), xp=np)
    array([[1., 2.]])
    """
    return dA * silu_and_slope(Z, xp=xp)[1]


def softplus(Z: Array, *, xp: Namespace) -> Array:
    """Softplus: ``A = log(1 + exp(Z))``, computed as ``max(Z, 0) + log(1 + exp(-|Z|))``.

    Examples
    --------
    >>> import numpy as np
    >>> softplus(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np).round(4)
    array([[0.000e+00, 6.931e-01, 1.000e+04]])
    """
    return xp.maximum(Z, 0.0) + log_one_plus(xp.exp(-xp.abs(Z)), xp=xp)


def softplus_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `softplus`: ``dZ = dA sigmoid(Z)``.

    Examples
    --------
    >>> import numpy as np
    >>> softplus_backward(np.asarray([[4.0, 4.0]]), np.asarray([[0.0, 10000.0]]), xp=np)
    array([[2., 4.]])
    """
    return dA * sigmoid(Z, xp=xp)


def tanh(Z: Array, *, xp: Namespace) -> Array:
    """Hyperbolic tangent: ``A = tanh(Z)``.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np)
    array([[-1.,  0.,  1.]])
    """
    return xp.tanh(Z)


def tanh_backward_of_output(dA: Array, A: Array, *, xp: Namespace) -> Array:
    """Backward of `tanh` from its output: ``dZ = dA (1 - A^2)``.

    Examples
    --------
    >>> import numpy as np
    >>> tanh_backward_of_output(np.asarray([[3.0, 3.0]]), np.asarray([[0.0, 1.0]]), xp=np)
    array([[3., 0.]])
    """
    return dA * (1.0 - A * A)


def tanh_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `tanh`: ``dZ = dA (1 - tanh(Z)^2)``.

    Examples
    --------
    >>> import numpy as np
    >>> tanh_backward(np.asarray([[3.0, 3.0]]), np.asarray([[0.0, 10000.0]]), xp=np)
    array([[3., 0.]])
    """
    return tanh_backward_of_output(dA, xp.tanh(Z), xp=xp)
