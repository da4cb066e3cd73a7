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
from typing import Any, NamedTuple

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.costs import Cost, weighted_sum
from dnn_xp.formulas.dropout import dropout_backward
from dnn_xp.formulas.embeddings import Embedding, embedded_rows, embedding_parameters
from dnn_xp.formulas.ensembles import Ensemble
from dnn_xp.formulas.hidden import at_layer, hidden_backward, hidden_forward
from dnn_xp.formulas.layers import (
    REFERENCE_LAYERS,
    LayerCache,
    Layers,
    linear_backward,
    linear_derivative,
)
from dnn_xp.formulas.number_encodings import (
    NumberEncoding,
    encoded_parameters,
    encoded_rows,
)
from dnn_xp.formulas.parameters import Parameters, parameter_count, weight_shapes
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
    parametric : bool
        Whether hidden units mix g[l] with the identity by a[l] (n_l, 1), which is trained.
    number_encoding : NumberEncoding, optional
        What is made of rows of X that hold numbers: the last rows of A[0].
    ensemble : Ensemble, optional
        Of several networks with these sizes.
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    cost: Cost
    keep_probs: tuple[float, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    scaling_layer: bool = False
    parametric: bool = False
    number_encoding: NumberEncoding | None = None
    ensemble: Ensemble | None = None

    @property
    def parameter_count(self) -> int:
        """Entries of all W[l], b[l] and a[l], of the encoding of numbers, of E[j], and of s."""
        return parameter_count(self.sizes, self.copies) + self.mixed + self.of_rows + self.scaled

    @property
    def mixed(self) -> int:
        """Entries of all a[l]: the hidden units, or 0 where they do not mix."""
        shapes = weight_shapes(self.sizes, self.copies)[:-1]
        return sum(n for n, _ in shapes) if self.parametric else 0

    @property
    def encoded(self) -> int:
        """Entries of w, b, V, c of a periodic encoding, or 0."""
        return self.rows_copies * encoded_parameters(self.number_encoding)

    @property
    def of_rows(self) -> int:
        """Entries of what is learned of X: those of a periodic encoding and of all E[j]."""
        return self.encoded + embedding_parameters(self.tables)

    @property
    def scaled(self) -> int:
        """Entries of s: n_0, or 0 without a scaling layer; of all members."""
        return self.sizes[0] * self.members if self.scaling_layer else 0

    @property
    def members(self) -> int:
        """Networks of the ensemble, 1 without one."""
        return 1 if self.ensemble is None else self.ensemble.members

    @property
    def at_once(self) -> int:
        """Networks whose activations are computed at once: those that share layers, else 1."""
        return 1 if self.ensemble is None else self.ensemble.at_once

    @property
    def copies(self) -> tuple[int, ...]:
        """Copies of (W[l], b[l]) in theta, one for each member that has its own; () without an ensemble."""
        return () if self.ensemble is None else self.ensemble.copies(len(self.activations))

    @property
    def rows_copies(self) -> int:
        """Copies in theta of what is learned of X: of w, b, V, c and of each E[j]."""
        return 1 if self.ensemble is None or self.ensemble.shares_layers else self.members

    @property
    def tables(self) -> tuple[Embedding, ...]:
        """The embeddings as theta holds them: copies one below the other, (k d, categories)."""
        copies = self.rows_copies
        return tuple(
            Embedding(each.categories, copies * each.dimension) for each in self.embeddings
        )

    @property
    def n_x(self) -> int:
        """Rows of X: n_0 without those made by an encoding, and with one row of codes for each embedding."""
        return self.sizes[0] - self.made + len(self.embeddings)

    @property
    def made(self) -> int:
        """Rows of A[0] that embeddings and the encoding of numbers make: its last ones."""
        return embedded_rows(self.embeddings) + encoded_rows(self.number_encoding)

    @property
    def learned(self) -> int:
        """Rows of these that are made by parameters; a piecewise encoding has none, and is behind them."""
        periodic = encoded_parameters(self.number_encoding) > 0
        return self.made if periodic else embedded_rows(self.embeddings)


def linear_output(
    X: Array,
    parameters: Parameters,
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
    layers: Layers = REFERENCE_LAYERS,
    mixes: Sequence[Array] = (),
) -> tuple[Array, list[LayerCache]]:
    """Z[L] (n_L, m) and the caches of all layers.

    `masks` holds the dropout mask D[l] (n_l, m) of each hidden layer, or None for those without;
    `mixes` the a[l] (n_l, 1) of each, where activations are mixed.
    """
    A, caches = X, []
    for layer, ((W, b), g) in enumerate(zip(parameters[:-1], activations[:-1], strict=True)):
        a, D, keep_prob = at_layer(layer, mixes, masks, keep_probs)
        A, cache = hidden_forward(A, W, b, g, a=a, D=D, keep_prob=keep_prob, layers=layers, xp=xp)
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
        dZ, caches, activations, xp=xp, masks=masks, keep_probs=keep_probs, layers=layers, mixes=()
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
    mixes: Sequence[Array],
) -> tuple[Gradients, list[Array], Array]:
    """The value of `backward_sums`, [m da[1], ...] where activations are mixed, and dZ[1]."""
    sums: Gradients = []
    of_mixes: list[Array] = []
    for layer in range(len(caches) - 1, 0, -1):
        (A_prev, W, _), _ = caches[layer]
        sums.append(layers.linear_gradient_sums(dZ, A_prev, xp=xp))
        _, Z_prev = caches[layer - 1]
        g = activations[layer - 1]
        a, D, keep_prob = at_layer(layer - 1, mixes, masks, keep_probs)
        if a is None and D is None:
            dZ = layers.linear_activation_derivative(dZ, W, Z_prev, g, xp=xp)
            continue
        dA = linear_derivative(dZ, W, xp=xp)
        dZ, da = hidden_backward(dA, Z_prev, g, a=a, D=D, keep_prob=keep_prob, layers=layers, xp=xp)
        of_mixes += [] if da is None else [da]
    # Skip dX: it is unused, and for wide inputs it would be the most expensive product.
    (X, _, _), _ = caches[0]
    sums.append(layers.linear_gradient_sums(dZ, X, xp=xp))
    return sums[::-1], of_mixes[::-1], dZ


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
    mixes: Sequence[Array] = (),
) -> tuple[list[tuple[Array, ...]], Array]:
    """Contributions of these examples to every m dW[l] and m db[l]; and Z[L], which gives their cost.

    Where activations are mixed, (m da[1],), (m da[2],), ... follow the pairs of the layers.

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
    mixes : sequence of arrays (n_l, 1), optional
        a[l] of each hidden layer, where activations are mixed.
    """
    sums, Z, _ = _sums(X, Y, parameters, network, weights, masks, layers, mixes, xp=xp)
    return sums, Z


def gradient_sums_of_learned(
    A: Array,
    Y: Array,
    parameters: Parameters,
    network: Network,
    *,
    xp: Namespace,
    weights: Array | None = None,
    masks: Sequence[Array | None] = (),
    layers: Layers = REFERENCE_LAYERS,
    mixes: Sequence[Array] = (),
) -> tuple[list[tuple[Array, ...]], Array, Array]:
    """The values of `gradient_sums` for A = A[0] (n_0, k), and the derivative of its learned rows.

    ``dA[0] = W[1]^T dZ[1]``, of the rows that embeddings and a periodic encoding made, in this order.
    """
    sums, Z, dZ = _sums(A, Y, parameters, network, weights, masks, layers, mixes, xp=xp)
    first = network.sizes[0] - network.made
    W = parameters[0][0][:, first : first + network.learned]
    return sums, Z, linear_derivative(dZ, W, xp=xp)


def _sums(
    X: Array,
    Y: Array,
    parameters: Parameters,
    network: Network,
    weights: Array | None,
    masks: Sequence[Array | None],
    layers: Layers,
    mixes: Sequence[Array],
    *,
    xp: Namespace,
) -> tuple[list[tuple[Array, ...]], Array, Array]:
    """The values of `gradient_sums`, and dZ[1]."""
    g = network.activations
    how: dict[str, Any] = {"masks": masks, "keep_probs": network.keep_probs}
    how |= {"layers": layers, "mixes": mixes, "xp": xp}
    Z, caches = linear_output(X, parameters, g, **how)
    # Layers may run in a narrower dtype than Y's; the cost is computed in Y's.
    Z = xp.astype(Z, Y.dtype, copy=False)
    dZ = output_derivative(Z, Y, network, xp=xp)
    if weights is not None:
        dZ = dZ * weights
    dZ = xp.astype(dZ, X.dtype, copy=False)
    sums, of_mixes, dZ = _backward_sums(dZ, caches, g, **how)
    return [*sums, *((da,) for da in of_mixes)], Z, dZ
