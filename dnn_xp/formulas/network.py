"""The L-layer network: forward, cost and backward as recurrences over given formulas.

    forward    Z[l] = W[l] A[l-1] + b[l]          A[l] = g[l](Z[l])          A[0] = X
    backward   dZ[L] = dJ/dZ[L]
               dW[l] = (1/m) dZ[l] A[l-1]^T       db[l] = (1/m) sum of dZ[l] over examples
               dA[l-1] = W[l]^T dZ[l]             dZ[l-1] = dA[l-1] * g'[l-1](Z[l-1])

Examples are columns. m is the number of examples of the whole batch, never of one block, so that
what blocks of examples contribute simply adds up. Nothing here knows which library holds the
arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.costs import Cost, weighted_sum
from dnn_xp.formulas.dropout import dropout_backward, dropout_forward
from dnn_xp.formulas.layers import AS_WRITTEN, LayerCache, Layers, linear_derivative
from dnn_xp.formulas.types import Array, Namespace

Parameters = Sequence[tuple[Array, Array]]
Gradients = list[tuple[Array, Array]]


def parameter_count(sizes: Sequence[int]) -> int:
    """Entries of all W[l] and b[l]: the sum of n_l (n_{l-1} + 1)."""
    return sum(n * (n_prev + 1) for n_prev, n in pairwise(sizes))


class Network(NamedTuple):
    """What a network is, apart from its parameters.

    Attributes
    ----------
    sizes : tuple of int
        n_0, n_1, ..., n_L: features, units of each hidden layer, outputs.
    activations : tuple of Activation
        g[1], ..., g[L].
    cost : Cost
        The loss of one example, as a function of Z[L].
    keep_probs : tuple of float
        Probability that dropout keeps a unit, one for each hidden layer; 1 means no dropout there.
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    cost: Cost
    keep_probs: tuple[float, ...] = ()

    @property
    def parameter_count(self) -> int:
        """Entries of all W[l] and b[l]."""
        return parameter_count(self.sizes)


@cache
def _spans(sizes: tuple[int, ...]) -> list[tuple[slice, tuple[int, int], slice, tuple[int, int]]]:
    """For each layer, where W and b are in the flat vector, and their shapes."""
    spans, start = [], 0
    for n_prev, n in pairwise(sizes):
        middle, stop = start + n * n_prev, start + n * (n_prev + 1)
        spans.append((slice(start, middle), (n, n_prev), slice(middle, stop), (n, 1)))
        start = stop
    return spans


def unflatten(theta: Array, sizes: tuple[int, ...], *, xp: Namespace) -> list[tuple[Array, Array]]:
    """[(W[1], b[1]), ...] out of one flat vector; views of it where the library has views."""
    return [
        (xp.reshape(theta[of_W], W_shape), xp.reshape(theta[of_b], b_shape))
        for of_W, W_shape, of_b, b_shape in _spans(sizes)
    ]


def flatten(arrays: Sequence[Array], *, xp: Namespace) -> Array:
    """W[1], b[1], W[2], ..., each row by row, as one flat vector."""
    return xp.concat([xp.reshape(array, (-1,)) for array in arrays])


def linear_output(
    X: Array,
    parameters: Parameters,
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
    layers: Layers = AS_WRITTEN,
) -> tuple[Array, list[LayerCache]]:
    """Z[L] (n_L, m) and the caches of all layers; `masks` holds the dropout mask of each hidden layer, or None."""
    A, caches = X, []
    for layer, ((W, b), activation) in enumerate(
        zip(parameters[:-1], activations[:-1], strict=True)
    ):
        A, cache = layers.linear_activation_forward(A, W, b, activation, xp=xp)
        if masks and masks[layer] is not None:
            A = dropout_forward(A, masks[layer], keep_prob=keep_probs[layer], xp=xp)
        caches.append(cache)
    Z, linear_cache = layers.linear_forward(A, *parameters[-1], xp=xp)
    caches.append((linear_cache, Z))
    return Z, caches


def forward(
    X: Array, parameters: Parameters, activations: Sequence[Activation], *, xp: Namespace
) -> tuple[Array, list[LayerCache]]:
    """The L-layer forward: A[L] and the caches that :func:`backward` takes.

    Parameters
    ----------
    X : array (n_0, m)
        Examples as columns.
    parameters : sequence of (W, b)
        W[l] is (n_l, n_{l-1}), b[l] is (n_l, 1).
    activations : sequence of Activation
        One for each layer, see :data:`dnn_xp.formulas.ACTIVATIONS`.
    xp : namespace
        The array-API namespace of the arrays.

    Returns
    -------
    A : array (n_L, m)
        Outputs.
    caches : list
        For each layer ((A[l-1], W[l], b[l]), Z[l]).

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas import ACTIVATIONS
    >>> parameters = [(np.eye(2), np.zeros((2, 1))), (np.ones((1, 2)), np.zeros((1, 1)))]
    >>> X = np.array([[1.0, -1.0], [2.0, 3.0]])
    >>> A, caches = forward(X, parameters, [ACTIVATIONS["relu"], ACTIVATIONS["identity"]], xp=np)
    >>> A
    array([[3., 3.]])
    """
    Z, caches = linear_output(X, parameters, activations, xp=xp)
    return activations[-1].forward(Z, xp=xp), caches


def backward_sums(
    dZ: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
    layers: Layers = AS_WRITTEN,
) -> Gradients:
    """[(m dW[1], m db[1]), ..., (m dW[L], m db[L])], sums over examples, from dZ[L] and the caches.

    `masks` are the dropout masks of the forward, or None, one for each hidden layer.
    """
    sums: Gradients = []
    for layer in range(len(caches) - 1, 0, -1):
        (A_prev, W, _), _ = caches[layer]
        sums.append(layers.linear_gradient_sums(dZ, A_prev, xp=xp))
        _, Z_prev = caches[layer - 1]
        activation = activations[layer - 1]
        if masks and masks[layer - 1] is not None:
            dA = linear_derivative(dZ, W, xp=xp)
            dA = dropout_backward(dA, masks[layer - 1], keep_prob=keep_probs[layer - 1], xp=xp)
            dZ = activation.backward(dA, Z_prev, xp=xp)
        else:
            dZ = layers.linear_activation_derivative(dZ, W, Z_prev, activation, xp=xp)
    # Nobody asks for the derivative with respect to X, and for wide X it would be the dearest
    # product of all.
    (X, _, _), _ = caches[0]
    sums.append(layers.linear_gradient_sums(dZ, X, xp=xp))
    return sums[::-1]


def backward(
    dZ: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[Activation],
    *,
    m: float,
    xp: Namespace,
) -> Gradients:
    """The L-layer backward: [(dW[1], db[1]), ..., (dW[L], db[L])] from dZ[L] and any caches.

    Parameters
    ----------
    dZ : array (n_L, m)
        Derivative of each example's loss with respect to Z[L] (not divided by m).
    caches : sequence
        As :func:`forward` returns them, or made by hand.
    activations : sequence of Activation
        One for each layer; that of the output is not used, since dZ[L] is given.
    m : float
        Number of examples in the whole batch.
    xp : namespace
        The array-API namespace of the arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas import ACTIVATIONS
    >>> W = np.array([[2.0]])
    >>> cache = ((np.array([[1.0, 3.0]]), W, np.zeros((1, 1))), np.array([[2.0, 6.0]]))
    >>> backward(np.array([[1.0, -1.0]]), [cache], [ACTIVATIONS["sigmoid"]], m=2, xp=np)
    [(array([[-1.]]), array([[0.]]))]
    """
    sums = backward_sums(dZ, caches, activations, xp=xp)
    return [(m_dW / m, m_db / m) for m_dW, m_db in sums]


def output_loss(Z: Array, Y: Array, network: Network, *, xp: Namespace) -> Array:
    """Losses (n_L, m) or (1, m), from Z[L]: stable where cost and output activation belong together."""
    if network.activations[-1].name == network.cost.activation:
        return network.cost.loss(Z, Y, xp=xp)
    return network.cost.loss(network.activations[-1].forward(Z, xp=xp), Y, xp=xp)


def output_derivative(Z: Array, Y: Array, network: Network, *, xp: Namespace) -> Array:
    """dZ[L] (n_L, m); through g'[L] only where cost and output activation do not belong together."""
    activation = network.activations[-1]
    if activation.name == network.cost.activation:
        return network.cost.derivative(Z, Y, xp=xp)
    dA = network.cost.derivative(activation.forward(Z, xp=xp), Y, xp=xp)
    return activation.backward(dA, Z, xp=xp)


def output_cost_sum(
    Z: Array, Y: Array, network: Network, *, xp: Namespace, weights: Array | None = None
) -> Array:
    """What examples with outputs Z[L] add to m J = sum of weights * losses; a 0-d array."""
    return weighted_sum(output_loss(Z, Y, network, xp=xp), weights, m=1.0, xp=xp)


def gradient_sums(
    X: Array,
    Y: Array,
    parameters: Parameters,
    network: Network,
    *,
    xp: Namespace,
    weights: Array | None = None,
    masks: Sequence[Array | None] = (),
    layers: Layers = AS_WRITTEN,
) -> tuple[Gradients, Array]:
    """What these examples add to every m dW[l] and m db[l]; and Z[L], from which their cost can be had.

    Parameters
    ----------
    X, Y : arrays (n_0, k), (n_L, k)
        k of the m examples of the batch: a block, or all.
    parameters : sequence of (W, b)
        The network's parameters.
    network : Network
        Sizes, activations and cost.
    xp : namespace
        The array-API namespace of the arrays.
    weights : array (1, k), optional
        Weights of these examples, of mean 1 over the whole batch.
    masks : sequence, optional
        Dropout masks, one for each hidden layer.
    layers : Layers
        How a layer's steps are run.
    """
    g, keep_probs = network.activations, network.keep_probs
    Z, caches = linear_output(
        X, parameters, g, xp=xp, masks=masks, keep_probs=keep_probs, layers=layers
    )
    # Where X is narrower than Y, the cost is still that of Y's dtype.
    Z = xp.astype(Z, Y.dtype, copy=False)
    dZ = output_derivative(Z, Y, network, xp=xp)
    if weights is not None:
        dZ = dZ * weights
    dZ = xp.astype(dZ, X.dtype, copy=False)
    sums = backward_sums(dZ, caches, g, xp=xp, masks=masks, keep_probs=keep_probs, layers=layers)
    return sums, Z
