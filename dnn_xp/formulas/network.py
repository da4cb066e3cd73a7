"""The L-layer network: forward, cost and backward as recurrences over given formulas.

    forward    A[0] = X
               Z[l] = W[l] A[l-1] + b[l]          A[l] = g[l](Z[l])
    cost       J = (1/m) sum over examples of loss(A[L], Y)
    backward   dZ[L] = A[L] - Y                   (cost and output activation belong together)
               dW[l] = (1/m) dZ[l] A[l-1]^T       db[l] = (1/m) sum of dZ[l] over examples
               dA[l-1] = W[l]^T dZ[l]             dZ[l-1] = dA[l-1] * g'[l-1](Z[l-1])

dZ[l] and dA[l] are derivatives of each example's loss, not of J: neither is divided by m. dW[l] and
db[l] are derivatives of J. Examples are columns. m is the number of examples of the whole batch,
never of one block, so that the contributions of blocks of examples simply add up. Nothing here
knows which library holds the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.costs import Cost, weighted_sum
from dnn_xp.formulas.dropout import dropout_backward, dropout_forward
from dnn_xp.formulas.embeddings import Embedding, embedded_rows, embedding_parameters
from dnn_xp.formulas.ensembles import Ensemble
from dnn_xp.formulas.layers import (
    REFERENCE_LAYERS,
    LayerCache,
    Layers,
    linear_backward,
    linear_derivative,
)
from dnn_xp.formulas.parameters import Parameters, parameter_count
from dnn_xp.formulas.types import Array, Namespace

Gradients = list[tuple[Array, Array]]


class Network(NamedTuple):
    """A network without its parameters: sizes, activations, cost, dropout.

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
    embeddings : tuple of Embedding
        Embeddings of the last rows of X, which hold codes of categories; n_0 counts the rows of A[0].
    scaling_layer : bool
        Whether A[0] is scaled by s (n_0,), the last entries of theta, before the first layer; by s
        (k, n_0) of k members.
    ensemble : Ensemble, optional
        Of several networks with these sizes.
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    cost: Cost
    keep_probs: tuple[float, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    scaling_layer: bool = False
    ensemble: Ensemble | None = None

    @property
    def parameter_count(self) -> int:
        """Entries of all W[l], b[l] and E[j], and of s."""
        embedded = embedding_parameters(self.tables)
        return parameter_count(self.sizes, self.copies) + embedded + self.scaled

    @property
    def scaled(self) -> int:
        """Entries of s: n_0, or 0 without a scaling layer; of all members."""
        return self.sizes[0] * self.members if self.scaling_layer else 0

    @property
    def members(self) -> int:
        """Networks of the ensemble, 1 without one."""
        return 1 if self.ensemble is None else self.ensemble.members

    @property
    def copies(self) -> tuple[int, ...]:
        """Copies of (W[l], b[l]) in theta, one for each member that has its own; () without an ensemble."""
        return () if self.ensemble is None else self.ensemble.copies(len(self.activations))

    @property
    def tables_copies(self) -> int:
        """Copies of E[j] in theta."""
        return 1 if self.ensemble is None or self.ensemble.shares_layers else self.members

    @property
    def tables(self) -> tuple[Embedding, ...]:
        """The embeddings as theta holds them: copies one below the other, (k d, categories)."""
        copies = self.tables_copies
        return tuple(
            Embedding(each.categories, copies * each.dimension) for each in self.embeddings
        )

    @property
    def n_x(self) -> int:
        """Rows of X: n_0 without embeddings, of which each makes several rows of one row of codes."""
        return self.sizes[0] - embedded_rows(self.embeddings) + len(self.embeddings)


def linear_output(
    X: Array,
    parameters: Parameters,
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
    layers: Layers = REFERENCE_LAYERS,
) -> tuple[Array, list[LayerCache]]:
    """Z[L] (n_L, m) and the caches of all layers.

    `masks` holds the dropout mask D[l] (n_l, m) of each hidden layer, or None for those without.
    """
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
    X: Array,
    parameters: Parameters,
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
) -> tuple[Array, list[LayerCache]]:
    """A[L] (n_L, m), and for each layer the cache ((A[l-1], W[l], b[l]), Z[l]).

    ``A[l] = g[l](W[l] A[l-1] + b[l])``; with dropout, hidden A[l] become ``A[l] D[l] / keep_prob[l]``.
    """
    Z, caches = linear_output(X, parameters, activations, xp=xp, masks=masks, keep_probs=keep_probs)
    return activations[-1].forward(Z, xp=xp), caches


def backward(
    dZ: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[Activation],
    *,
    m: float,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
) -> tuple[Gradients, list[Array]]:
    """[(dW[1], db[1]), ..., (dW[L], db[L])] and [dA[0], ..., dA[L-1]], from dZ[L] and the caches.

    ``dA[l-1] = W[l]^T dZ[l]``, with dropout ``dA[l-1] D[l-1] / keep_prob[l-1]``, and
    ``dZ[l-1] = dA[l-1] * g'[l-1](Z[l-1])``.
    """
    gradients: Gradients = []
    derivatives: list[Array] = []
    for layer in range(len(caches) - 1, -1, -1):
        linear_cache, _ = caches[layer]
        dA_prev, dW, db = linear_backward(dZ, linear_cache, m=m, xp=xp)
        if layer > 0:
            if masks and masks[layer - 1] is not None:
                keep_prob = keep_probs[layer - 1]
                dA_prev = dropout_backward(dA_prev, masks[layer - 1], keep_prob=keep_prob, xp=xp)
            _, Z_prev = caches[layer - 1]
            dZ = activations[layer - 1].backward(dA_prev, Z_prev, xp=xp)
        gradients.append((dW, db))
        derivatives.append(dA_prev)
    return gradients[::-1], derivatives[::-1]


def backward_sums(
    dZ: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
    layers: Layers = REFERENCE_LAYERS,
) -> Gradients:
    """[(m dW[1], m db[1]), ..., (m dW[L], m db[L])], sums over examples, from dZ[L] and the caches.

    The recurrence of `backward` as the engine runs it: without dA[0], without the division by m, and
    with the steps of `layers`. `masks` are the dropout masks of the forward, one for each hidden
    layer, or None.
    """
    return _backward_sums(
        dZ, caches, activations, xp=xp, masks=masks, keep_probs=keep_probs, layers=layers
    )[0]


def _backward_sums(
    dZ: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None],
    keep_probs: Sequence[float],
    layers: Layers,
) -> tuple[Gradients, Array]:
    """The value of `backward_sums`, and dZ[1]."""
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
    # Skip dX: it is unused, and for wide inputs it would be the most expensive product.
    (X, _, _), _ = caches[0]
    sums.append(layers.linear_gradient_sums(dZ, X, xp=xp))
    return sums[::-1], dZ


def output_loss(Z: Array, Y: Array, network: Network, *, xp: Namespace) -> Array:
    """Losses (n_L, m) or (1, m) from Z[L]; stable where cost and output activation belong together."""
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
    """Contribution of examples with outputs Z[L] to m J = sum of weights * losses; a 0-d array."""
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
    layers: Layers = REFERENCE_LAYERS,
) -> tuple[Gradients, Array]:
    """Contributions of these examples to every m dW[l] and m db[l]; and Z[L], which gives their cost.

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
        The steps of a layer, as a backend runs them.
    """
    sums, Z, _ = _sums(X, Y, parameters, network, weights, masks, layers, xp=xp)
    return sums, Z


def gradient_sums_of_embedded(
    A: Array,
    Y: Array,
    parameters: Parameters,
    network: Network,
    *,
    xp: Namespace,
    weights: Array | None = None,
    masks: Sequence[Array | None] = (),
    layers: Layers = REFERENCE_LAYERS,
) -> tuple[Gradients, Array, Array]:
    """The values of `gradient_sums` for A = A[0] (n_0, k), and the derivative of its embedded rows.

    ``dA[0] = W[1]^T dZ[1]``, of the last rows, which embeddings made.
    """
    sums, Z, dZ = _sums(A, Y, parameters, network, weights, masks, layers, xp=xp)
    first = network.sizes[0] - embedded_rows(network.embeddings)
    return sums, Z, linear_derivative(dZ, parameters[0][0][:, first:], xp=xp)


def _sums(
    X: Array,
    Y: Array,
    parameters: Parameters,
    network: Network,
    weights: Array | None,
    masks: Sequence[Array | None],
    layers: Layers,
    *,
    xp: Namespace,
) -> tuple[Gradients, Array, Array]:
    """The values of `gradient_sums`, and dZ[1]."""
    g, keep_probs = network.activations, network.keep_probs
    Z, caches = linear_output(
        X, parameters, g, xp=xp, masks=masks, keep_probs=keep_probs, layers=layers
    )
    # Layers may run in a narrower dtype than Y's; the cost is computed in Y's.
    Z = xp.astype(Z, Y.dtype, copy=False)
    dZ = output_derivative(Z, Y, network, xp=xp)
    if weights is not None:
        dZ = dZ * weights
    dZ = xp.astype(dZ, X.dtype, copy=False)
    sums, dZ = _backward_sums(
        dZ, caches, g, xp=xp, masks=masks, keep_probs=keep_probs, layers=layers
    )
    return sums, Z, dZ
