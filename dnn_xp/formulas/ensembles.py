"""Ensembles: k networks trained at once on the mean of their costs, predicting by the mean of theirs.

    first layer   V[1] = W[1] diag(s_j)                 s_j (n_0,) of each member j, at first random signs
    forward       Z[l] = W[l] A[l-1] + b[l]             shared layers: one product for the k B columns of all
    last layer    Z_j[L] = W_j[L] A_j[L-1] + b_j[L]     W_j, b_j of each member
    cost          J = (1/k) sum over members of J_j,    so that dZ_j[L] is (1/k) times that of one network
    backward      dW[1] = sum over members of dV_j[1] diag(s_j),   ds_j = the column sums of dV_j[1] * W[1]
    prediction    A = (1/k) sum over members of g[L](Z_j[L])

The source calls it TabM-mini: Gorishniy, Kotelnikov and Babenko 2024, "TabM: Advancing Tabular Deep
Learning with Parameter-Efficient Ensembling", arXiv 2410.24210. Members may also share nothing: then
every layer has copies, one for each member.

Here the parameters and caches of a layer are lists: of one entry where all members share the layer,
whose arrays have k B columns then, member by member; or of one entry for each member.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.hidden import at_layer, hidden_backward, hidden_forward
from dnn_xp.formulas.layers import REFERENCE_LAYERS, LayerCache, Layers, linear_derivative
from dnn_xp.formulas.tabular import scaled_weights, scaled_weights_backward
from dnn_xp.formulas.types import Array, Namespace

Pair: TypeAlias = tuple[Array, Array]
# (W, b), or their gradients, of each layer: one for all members, or one for each.
MemberLayers: TypeAlias = Sequence[Sequence[Pair]]
# a of each hidden layer whose activation is mixed, likewise.
MemberMixes: TypeAlias = Sequence[Sequence[Array]]


class Ensemble(NamedTuple):
    """How many networks, and what they have in common.

    Attributes
    ----------
    members : int
        k, 2 or more.
    shares_layers : bool
        Whether all share the layers but the last; otherwise they share nothing.
    """

    members: int
    shares_layers: bool = True

    @property
    def at_once(self) -> int:
        """Members whose activations are computed at once: those that share layers."""
        return self.members if self.shares_layers else 1

    def copies(self, depth: int) -> tuple[int, ...]:
        """Copies of (W[l], b[l]) of each of `depth` layers."""
        first = 1 if self.shares_layers else self.members
        return (first,) * (depth - 1) + (self.members,)


def copies_of(array: Array, copies: int) -> list[Array]:
    """Arrays (n, ...) that are one below the other, (copies n, ...); views where there are views.

    Examples
    --------
    >>> import numpy as np
    >>> copies_of(np.asarray([[1.0], [2.0]]), 2)
    [array([[1.]]), array([[2.]])]
    """
    n = array.shape[0] // copies
    return [array[j * n : j * n + n, ...] for j in range(copies)] if copies > 1 else [array]


def members_of_layers(
    layers: Sequence[Pair], scales: Array | None, ensemble: Ensemble, *, xp: Namespace
) -> list[list[Pair]]:
    """The layers of the members, from (W, b) as theta holds them: copies one below the other.

    The first layer of each is its own, ``V_j = W diag(s_j)`` where there are scales s (k, n_0).

    Examples
    --------
    >>> import numpy as np
    >>> layers = [(np.asarray([[1.0, 2.0], [3.0, 4.0]]), np.asarray([[5.0], [6.0]]))]
    >>> members_of_layers(layers, None, Ensemble(2), xp=np)
    [[(array([[1., 2.]]), array([[5.]])), (array([[3., 4.]]), array([[6.]]))]]
    """
    k = ensemble.members
    found = [
        list(zip(copies_of(W, copies), copies_of(b, copies), strict=True))
        for (W, b), copies in zip(layers, ensemble.copies(len(layers)), strict=True)
    ]
    first = found[0] if len(found[0]) == k else found[0] * k
    if scales is not None:
        first = [(scaled_weights(W, scales[j, :], xp=xp), b) for j, (W, b) in enumerate(first)]
    return [first, *found[1:]]


def members_of_layers_backward(
    gradients: MemberLayers,
    layers: Sequence[Pair],
    scales: Array | None,
    ensemble: Ensemble,
    *,
    xp: Namespace,
) -> list[Array]:
    """Backward of `members_of_layers`: [dW[1], db[1], ..., dW[L], db[L]], and ds (k, n_0) with scales.

    ``dW = sum over j of dV_j diag(s_j)`` and ``db = sum over j of db_j`` of a first layer that is
    shared, ``ds_j = the column sums of dV_j * W``.

    Examples
    --------
    >>> import numpy as np
    >>> layers = [(np.asarray([[1.0], [3.0]]), np.asarray([[5.0], [6.0]]))]
    >>> dV, s = np.asarray([[1.0]]), np.asarray([[10.0], [20.0]])
    >>> members_of_layers_backward([[(dV, dV), (dV, dV)]], layers, s, Ensemble(2), xp=np)
    [array([[10.],
           [20.]]), array([[1.],
           [1.]]), array([[1.],
           [3.]])]
    """
    k = ensemble.members
    first, ds = gradients[0], []
    if scales is not None:
        own = copies_of(layers[0][0], ensemble.copies(len(layers))[0])
        scaled = []
        for j, (dV, db) in enumerate(first):
            W = own[j] if len(own) > 1 else own[0]
            dW, ds_j = scaled_weights_backward(dV, W, scales[j, :], xp=xp)
            scaled.append((dW, db))
            ds.append(ds_j)
        first = scaled
    if ensemble.copies(len(layers))[0] < k:
        first = [(total([dW for dW, _ in first]), total([db for _, db in first]))]
    found = [
        below_each_other(part, xp=xp)
        for pairs in (first, *gradients[1:])
        for part in zip(*pairs, strict=True)
    ]
    return [*found, xp.stack(ds)] if ds else found


def regrouped(arrays: Sequence[Array], groups: int, *, xp: Namespace) -> list[Array]:
    """Arrays (n, B) of each member, or one (n, k B) of all, as `groups` arrays: 1, or one for each.

    Its own backward: the derivatives of columns are columns of the derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> regrouped([np.asarray([[1.0, 2.0]])], 2, xp=np)
    [array([[1.]]), array([[2.]])]
    >>> regrouped([np.asarray([[1.0]]), np.asarray([[2.0]])], 1, xp=np)
    [array([[1., 2.]])]
    """
    if len(arrays) == groups:
        return list(arrays)
    if groups == 1:
        return [xp.concat(list(arrays), axis=1)]
    (together,) = arrays
    B = together.shape[1] // groups
    # Copies: products of views whose rows are k B values apart are slow.
    return [xp.asarray(together[:, j * B : j * B + B], copy=True) for j in range(groups)]


def ensemble_output(
    inputs: Sequence[Array],
    parameters: MemberLayers,
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
    layers: Layers = REFERENCE_LAYERS,
    mixes: MemberMixes = (),
) -> tuple[list[Array], list[list[LayerCache]]]:
    """Z_j[L] (n_L, B) of each member and the caches of all layers, from A_j[0], which may be one array.

    `masks` holds the dropout mask D[l] (n_l, k B) of each hidden layer, or None for those without;
    `mixes` the a[l] of each, where activations are mixed, one for all members or one for each.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> X, b = np.asarray([[1.0, 2.0]]), np.asarray([[0.0]])
    >>> parameters = [[(np.asarray([[1.0]]), b), (np.asarray([[-1.0]]), b)]]
    >>> ensemble_output([X, X], parameters, [ACTIVATIONS["identity"]], xp=np)[0]
    [array([[1., 2.]]), array([[-1., -2.]])]
    """
    A, caches = list(inputs), []
    for layer, (pairs, g) in enumerate(zip(parameters[:-1], activations[:-1], strict=True)):
        A, cache = regrouped(A, len(pairs), xp=xp), []
        a, D, keep_prob = _at_layer(layer, len(pairs), mixes, masks, keep_probs, xp)
        how: dict[str, Any] = {"keep_prob": keep_prob, "layers": layers, "xp": xp}
        for j, (W, b) in enumerate(pairs):
            A[j], of_member = hidden_forward(A[j], W, b, g, a=a[j], D=D[j], **how)
            cache.append(of_member)
        caches.append(cache)
    last = [
        layers.linear_forward(A_prev, W, b, xp=xp)
        for A_prev, (W, b) in zip(
            regrouped(A, len(parameters[-1]), xp=xp), parameters[-1], strict=True
        )
    ]
    caches.append([(linear_cache, Z) for Z, linear_cache in last])
    return [Z for Z, _ in last], caches


def ensemble_backward_sums(
    dZ: Sequence[Array],
    caches: Sequence[Sequence[LayerCache]],
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    masks: Sequence[Array | None] = (),
    keep_probs: Sequence[float] = (),
    layers: Layers = REFERENCE_LAYERS,
    mixes: MemberMixes = (),
) -> tuple[list[list[Pair]], list[list[Array]], list[Array]]:
    """Sums over examples of dW and db of each layer, as its parameters are, of da of each mix, and dZ_j[1].

    The backward of `ensemble_output`, from dZ_j[L].

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.activations import ACTIVATIONS
    >>> X, b, g = np.asarray([[1.0, 2.0]]), np.asarray([[0.0]]), [ACTIVATIONS["identity"]]
    >>> parameters = [[(np.asarray([[1.0]]), b), (np.asarray([[-1.0]]), b)]]
    >>> Z, caches = ensemble_output([X, X], parameters, g, xp=np)
    >>> ensemble_backward_sums([np.ones_like(X), X], caches, g, xp=np)[0]
    [[(array([[3.]]), array([[2.]])), (array([[5.]]), array([[3.]]))]]
    """
    sums: list[list[Pair]] = []
    of_mixes: list[list[Array]] = []
    dZ = list(dZ)
    for layer in range(len(caches) - 1, 0, -1):
        of_layer, before, g = caches[layer], caches[layer - 1], activations[layer - 1]
        sums.append(_gradient_sums(dZ, of_layer, layers, xp))
        weights = [W for (_, W, _), _ in of_layer]
        a, D, keep_prob = _at_layer(layer - 1, len(before), mixes, masks, keep_probs, xp)
        if a[0] is None and D[0] is None and len(before) == len(of_layer):
            dZ = [
                layers.linear_activation_derivative(dZ_j, W, Z, g, xp=xp)
                for dZ_j, W, (_, Z) in zip(dZ, weights, before, strict=True)
            ]
            continue
        dA = [linear_derivative(dZ_j, W, xp=xp) for dZ_j, W in zip(dZ, weights, strict=True)]
        dA = regrouped(dA, len(before), xp=xp)
        how: dict[str, Any] = {"keep_prob": keep_prob, "layers": layers, "xp": xp}
        found = [
            hidden_backward(dA_j, Z, g, a=a_j, D=D_j, **how)
            for dA_j, (_, Z), a_j, D_j in zip(dA, before, a, D, strict=True)
        ]
        dZ = [dZ_j for dZ_j, _ in found]
        if mixes:
            da = [da_j for _, da_j in found]
            of_mixes.append(da if len(da) == len(mixes[layer - 1]) else [total(da)])
    sums.append(_gradient_sums(dZ, caches[0], layers, xp))
    return sums[::-1], of_mixes[::-1], dZ


def _at_layer(
    layer: int,
    groups: int,
    mixes: MemberMixes,
    masks: Sequence[Array | None],
    keep_probs: Sequence[float],
    xp: Namespace,
) -> tuple[Sequence[Array | None], Sequence[Array | None], float]:
    """`at_layer` with a and D of each group of columns."""
    a, D, keep_prob = at_layer(layer, mixes, masks, keep_probs)
    each_a = [None] * groups if a is None else a if len(a) == groups else [a[0]] * groups
    each_D = [None] * groups if D is None else regrouped([D], groups, xp=xp)
    return each_a, each_D, keep_prob


def _gradient_sums(
    dZ: Sequence[Array], of_layer: Sequence[LayerCache], layers: Layers, xp: Namespace
) -> list[Pair]:
    return [
        layers.linear_gradient_sums(dZ_j, A_prev, xp=xp)
        for dZ_j, ((A_prev, _, _), _) in zip(dZ, of_layer, strict=True)
    ]


def total(arrays: Sequence[Array]) -> Array:
    """The sum of arrays of one shape, added in order.

    Examples
    --------
    >>> total([1.0, 2.0, 4.0])
    7.0
    """
    found = arrays[0]
    for each in arrays[1:]:
        found = found + each
    return found


def below_each_other(arrays: Sequence[Array], *, xp: Namespace) -> Array:
    """Backward of `copies_of`: (copies n, ...) from arrays (n, ...).

    Examples
    --------
    >>> import numpy as np
    >>> below_each_other([np.asarray([1.0]), np.asarray([2.0])], xp=np)
    array([1., 2.])
    """
    return arrays[0] if len(arrays) == 1 else xp.concat(list(arrays), axis=0)
