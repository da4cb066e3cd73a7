"""A mix of an activation with the identity, whose weight is trained for each unit.

    forward    A[l] = Z[l] + a[l] (g[l](Z[l]) - Z[l])                     a[l] (n_l, 1), at first 1
    backward   dZ[l] = dA[l] (1 + a[l] (g'[l](Z[l]) - 1))
               m da[l] = sum over examples of dA[l] (g[l](Z[l]) - Z[l])   (n_l, 1)

With a = 1 a unit is g, with a = 0 it is linear. theta holds a[1], ..., a[L-1] behind W[L] and b[L].
Source: Holzmueller, Grinsztajn and Steinwart 2024 (RealMLP-TD), as PReLU generalized to any g.
"""

from __future__ import annotations

from collections.abc import Sequence

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.parameters import parameter_count, weight_shapes
from dnn_xp.formulas.types import Array, Namespace


def mixed_activation(Z: Array, a: Array, activation: Activation, *, xp: Namespace) -> Array:
    """``A = Z + a (g(Z) - Z)``, with Z (n, B) and a (n, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas import ACTIVATIONS
    >>> mixed_activation(np.asarray([[-2.0, 3.0]]), np.asarray([[0.5]]), ACTIVATIONS["relu"], xp=np)
    array([[-1.,  3.]])
    """
    return Z + a * (activation.forward(Z, xp=xp) - Z)


def mixed_activation_backward(
    dA: Array, Z: Array, a: Array, activation: Activation, *, xp: Namespace
) -> tuple[Array, Array]:
    """Backward of `mixed_activation`: ``dZ = dA + a (dA g'(Z) - dA)``, ``m da = sum of dA (g(Z) - Z)``.

    da is summed over these examples, (n, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas import ACTIVATIONS
    >>> dA, Z = np.asarray([[1.0, 1.0]]), np.asarray([[-2.0, 3.0]])
    >>> mixed_activation_backward(dA, Z, np.asarray([[0.5]]), ACTIVATIONS["relu"], xp=np)
    (array([[0.5, 1. ]]), array([[2.]]))
    """
    dZ = dA + a * (activation.backward(dA, Z, xp=xp) - dA)
    return dZ, xp.sum(dA * (activation.forward(Z, xp=xp) - Z), axis=1, keepdims=True)


def unflatten_mixes(
    theta: Array, sizes: Sequence[int], *, xp: Namespace, copies: Sequence[int] = ()
) -> list[Array]:
    """[a[1], ..., a[L-1]], each (n_l, 1), from behind b[L] in theta; views where there are views.

    (c_l n_l, 1) with `copies` as in :mod:`dnn_xp.formulas.parameters`.

    Examples
    --------
    >>> import numpy as np
    >>> unflatten_mixes(np.asarray([0.0, 0.0, 0.0, 0.0, 7.0]), (1, 1, 1), xp=np)
    [array([[7.]])]
    """
    mixes, start = [], parameter_count(sizes, copies)
    for n, _ in weight_shapes(sizes, copies)[:-1]:
        mixes.append(xp.reshape(theta[start : start + n], (n, 1)))
        start += n
    return mixes
