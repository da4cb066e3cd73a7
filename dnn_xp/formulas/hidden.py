"""A hidden layer with all that may belong to it: a mix with the identity, and dropout.

forward    A[l] = g[l](Z[l]), or Z[l] + a[l] (g[l](Z[l]) - Z[l]) of a mix; with dropout A[l] D[l] / keep_prob
backward   dZ[l] from dA[l], and m da[l] of a mix
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.dropout import dropout_backward, dropout_forward
from dnn_xp.formulas.layers import REFERENCE_LAYERS, LayerCache, Layers
from dnn_xp.formulas.parametric import mixed_activation, mixed_activation_backward
from dnn_xp.formulas.types import Array, Namespace


def hidden_forward(
    A_prev: Array,
    W: Array,
    b: Array,
    activation: Activation,
    *,
    xp: Namespace,
    a: Array | None = None,
    D: Array | None = None,
    keep_prob: float = 1.0,
    layers: Layers = REFERENCE_LAYERS,
) -> tuple[Array, LayerCache]:
    """A[l] (n, B), and the cache for `hidden_backward`; a (n, 1) of a mix, D (n, B) of dropout.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> X, W, b, a = np.asarray([[-2.0, 3.0]]), np.ones((1, 1)), np.zeros((1, 1)), np.full((1, 1), 0.5)
    >>> hidden_forward(X, W, b, ACTIVATIONS["relu"], a=a, D=X > 0, keep_prob=0.5, xp=np)[0]
    array([[-0.,  6.]])
    """
    if a is None:
        A, cache = layers.linear_activation_forward(A_prev, W, b, activation, xp=xp)
    else:
        Z, of_W = layers.linear_forward(A_prev, W, b, xp=xp)
        A, cache = mixed_activation(Z, a, activation, xp=xp), (of_W, Z)
    return A if D is None else dropout_forward(A, D, keep_prob=keep_prob, xp=xp), cache


def hidden_backward(
    dA: Array,
    Z: Array,
    activation: Activation,
    *,
    xp: Namespace,
    a: Array | None = None,
    D: Array | None = None,
    keep_prob: float = 1.0,
    layers: Layers = REFERENCE_LAYERS,
) -> tuple[Array, Array | None]:
    """dZ[l] (n, B) and the sum over examples m da[l] (n, 1) of a mix, else None, from dA[l] and the cached Z[l].

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> dA, Z, a = np.asarray([[1.0, 1.0]]), np.asarray([[-2.0, 3.0]]), np.full((1, 1), 0.5)
    >>> hidden_backward(dA, Z, ACTIVATIONS["relu"], a=a, D=Z < 0, keep_prob=0.5, xp=np)
    (array([[1., 0.]]), array([[4.]]))
    """
    if D is not None:
        dA = dropout_backward(dA, D, keep_prob=keep_prob, xp=xp)
    if a is None:
        return layers.activation_derivative(dA, Z, activation, xp=xp), None
    return mixed_activation_backward(dA, Z, a, activation, xp=xp)


def at_layer(
    layer: int, mixes: Sequence[Any], masks: Sequence[Array | None], keep_probs: Sequence[float]
) -> tuple[Any, Array | None, float]:
    """a, D and keep_prob of a hidden layer, 0 the first; None, and 1, where it has none."""
    a = mixes[layer] if mixes else None
    D = masks[layer] if masks else None
    return a, D, 1.0 if D is None else keep_probs[layer]
