"""Activations: each g beside the product of its derivative with dA.

Every forward takes Z, a real floating array of shape (n, m) with examples in columns, and returns A
= g(Z) of the same shape and dtype. Every backward takes dA = dJ/dA and the same Z and returns dZ =
dJ/dZ, again of that shape and dtype: dA * g'(Z) where g is elementwise. No argument is changed,
nothing is raised, and NaN in Z gives NaN in A.

To add one, write its two functions and one entry of `ACTIVATIONS`.

The selection between two branches is written as a product with an array of zeros and ones, or with
maximum and minimum, because `where` on a random mask takes 15 times as long on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from dnn_xp.formulas.types import Array, Namespace

LEAKY_SLOPE = 0.01
_GELU_SCALE = math.sqrt(2.0 / math.pi)
_GELU_CUBIC = 0.044715 * _GELU_SCALE


class Activation(NamedTuple):
    """An activation and what the rest of the library must know about it.

    Attributes
    ----------
    name : its key in `ACTIVATIONS`.
    forward : ``forward(Z, *, xp) -> A``.
    backward : ``backward(dA, Z, *, xp) -> dZ``.
    elementwise : whether each entry of A depends on the same entry of Z alone.
    initialization : rule for the weights of its layer: "he", "xavier" or "lecun".
    """

    name: str
    forward: Callable[..., Array]
    backward: Callable[..., Array]
    elementwise: bool
    initialization: str


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


def tanh(Z: Array, *, xp: Namespace) -> Array:
    """Hyperbolic tangent: ``A = tanh(Z)``.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np)
    array([[-1.,  0.,  1.]])
    """
    return xp.tanh(Z)


def tanh_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `tanh`: ``dZ = dA (1 - tanh(Z)^2)``.

    Examples
    --------
    >>> import numpy as np
    >>> tanh_backward(np.asarray([[3.0, 3.0]]), np.asarray([[0.0, 10000.0]]), xp=np)
    array([[3., 0.]])
    """
    A = xp.tanh(Z)
    return dA * (1.0 - A * A)


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

    Source: Clevert, Unterthiner and Hochreiter 2016, with alpha = 1.

    Examples
    --------
    >>> import numpy as np
    >>> elu(np.asarray([[-10000.0, 0.0, 3.0]]), xp=np)
    array([[-1.,  0.,  3.]])
    """
    return xp.maximum(Z, 0.0) + xp.expm1(xp.minimum(Z, 0.0))


def elu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `elu`: ``dZ = dA exp(min(Z, 0))``; the derivative at 0 is 1 from both sides.

    Examples
    --------
    >>> import numpy as np
    >>> elu_backward(np.asarray([[5.0, 5.0, 5.0]]), np.asarray([[-10000.0, 0.0, 3.0]]), xp=np)
    array([[0., 5., 5.]])
    """
    return dA * xp.exp(xp.minimum(Z, 0.0))


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


def gelu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `gelu`: ``dZ = dA (1 + t + Z (1 - t^2) u') / 2`` with ``t = tanh(u)``.

    Examples
    --------
    >>> import numpy as np
    >>> gelu_backward(np.asarray([[2.0, 2.0, 2.0]]), np.asarray([[-9.0, 0.0, 9.0]]), xp=np) + 0.0
    array([[0., 1., 2.]])
    """
    square = Z * Z
    t = xp.tanh(Z * (_GELU_SCALE + _GELU_CUBIC * square))
    du = _GELU_SCALE + (3.0 * _GELU_CUBIC) * square
    return dA * (0.5 * (1.0 + t + Z * (1.0 - t * t) * du))


def silu(Z: Array, *, xp: Namespace) -> Array:
    """Sigmoid-weighted linear unit, or swish: ``A = Z sigmoid(Z)``. Source: Elfwing et al. 2018.

    Examples
    --------
    >>> import numpy as np
    >>> silu(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np) + 0.0
    array([[    0.,     0., 10000.]])
    """
    return Z * sigmoid(Z, xp=xp)


def silu_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `silu`: ``dZ = dA (s + Z s (1 - s))`` with ``s = sigmoid(Z)``.

    Examples
    --------
    >>> import numpy as np
    >>> silu_backward(np.asarray([[2.0, 2.0]]), np.asarray([[0.0, 10000.0]]), xp=np)
    array([[1., 2.]])
    """
    e = xp.exp(-xp.abs(Z))
    once = 1.0 + e
    return dA * ((xp.maximum(e, xp.astype(Z >= 0.0, Z.dtype)) + Z * (e / once)) / once)


def softplus(Z: Array, *, xp: Namespace) -> Array:
    """Softplus: ``A = log(1 + exp(Z))``, computed as ``max(Z, 0) + log1p(exp(-|Z|))``.

    Examples
    --------
    >>> import numpy as np
    >>> softplus(np.asarray([[-10000.0, 0.0, 10000.0]]), xp=np).round(4)
    array([[0.000e+00, 6.931e-01, 1.000e+04]])
    """
    return xp.maximum(Z, 0.0) + xp.log1p(xp.exp(-xp.abs(Z)))


def softplus_backward(dA: Array, Z: Array, *, xp: Namespace) -> Array:
    """Backward of `softplus`: ``dZ = dA sigmoid(Z)``.

    Examples
    --------
    >>> import numpy as np
    >>> softplus_backward(np.asarray([[4.0, 4.0]]), np.asarray([[0.0, 10000.0]]), xp=np)
    array([[2., 4.]])
    """
    return dA * sigmoid(Z, xp=xp)


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


# Where A^2 has a mean of about half of Z^2, "he" keeps the size of the signal from layer to
# layer (for standard normal Z: relu 0.50, leaky_relu 0.50, elu 0.64, gelu 0.43, silu 0.36); the
# authors of elu start from it too. softplus has 0.92, so "lecun", which assumes 1, fits it. The
# rest are outputs or close to linear at 0, where "xavier" balances the signals of both directions.
ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("relu", relu, relu_backward, True, "he"),
        Activation("sigmoid", sigmoid, sigmoid_backward, True, "xavier"),
        Activation("tanh", tanh, tanh_backward, True, "xavier"),
        Activation("softmax", softmax, softmax_backward, False, "xavier"),
        Activation("identity", identity, identity_backward, True, "xavier"),
        Activation("leaky_relu", leaky_relu, leaky_relu_backward, True, "he"),
        Activation("elu", elu, elu_backward, True, "he"),
        Activation("gelu", gelu, gelu_backward, True, "he"),
        Activation("silu", silu, silu_backward, True, "he"),
        Activation("softplus", softplus, softplus_backward, True, "lecun"),
        Activation("exp", exp, exp_backward, True, "xavier"),
    )
}
