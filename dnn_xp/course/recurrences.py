"""Forward and backward of an L-layer network, from arrays of any library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

from dnn_xp.common.checks import check_float
from dnn_xp.common.messages import describe
from dnn_xp.common.parameter_dicts import layers_to_dict
from dnn_xp.course.arguments import (
    Layers,
    Of,
    activations_of,
    check_examples_of,
    check_layers,
    check_of,
    dropout_of,
    floating,
    layers_of,
    namespace_of,
)
from dnn_xp.formulas import network
from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.layers import LayerCache
from dnn_xp.formulas.network import Gradients
from dnn_xp.formulas.types import Array, Namespace


def forward(
    X: Array,
    parameters: Layers,
    activations: Sequence[str | Activation],
    *,
    masks: Sequence[Array | None] | None = None,
    keep_prob: float | Sequence[float] | None = None,
    xp: Namespace | None = None,
) -> tuple[Array, list[LayerCache]]:
    """The L-layer forward: A[L] and the caches that :func:`backward` takes.

    ``A[0] = X``, ``Z[l] = W[l] A[l-1] + b[l]``, ``A[l] = g[l](Z[l])``; with dropout, hidden A[l] become
    ``A[l] * D[l] / keep_prob``.

    Parameters
    ----------
    X : array (n_0, m)
        Examples as columns.
    parameters : list of (W, b), or dict
        W[l] is (n_l, n_{l-1}) and b[l] is (n_l, 1), or {"W1": ..., "b1": ..., "W2": ...}.
    activations : sequence of str or Activation
        One for each layer, keys of :data:`dnn_xp.formulas.ACTIVATIONS`.
    masks : sequence of arrays, optional
        Dropout: D[l] (n_l, m) of 0 and 1 for each hidden layer, or None for a layer without; for
        instance ``rng.random((n_l, m)) < keep_prob``.
    keep_prob : float or sequence of float, optional
        Probability with which the masks keep a unit, one for all hidden layers or one each; wanted
        with `masks`.
    xp : namespace, optional
        The array-API namespace of the arrays; inferred from them when left out.

    Returns
    -------
    A : array (n_L, m)
        Outputs, in the dtype of the arrays.
    caches : list
        For each layer ((A[l-1], W[l], b[l]), Z[l]).

    Raises
    ------
    TypeError
        For what is no array, and for arrays of different libraries.
    ValueError
        For names that do not exist and shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, -1.0], [2.0, 3.0]])
    >>> P = {"W1": np.eye(2), "b1": np.zeros((2, 1)), "W2": np.ones((1, 2)), "b2": np.zeros((1, 1))}
    >>> A, caches = forward(X, P, ["relu", "identity"])
    >>> A
    array([[3., 3.]])
    """
    layers = layers_of(parameters)
    g = activations_of(activations, len(layers))
    arrays = {"X": X, **layers_to_dict(layers), **_named(masks)}
    xp = namespace_of(arrays, xp)
    check_examples_of(X)
    check_layers(layers, X.shape[0])
    X = floating(X, like=layers[0][0], xp=xp)
    units = [W.shape[0] for W, _ in layers[:-1]]
    masks, keep_probs = dropout_of(masks, keep_prob, units, X.shape[1])
    return network.forward(X, layers, g, xp=xp, masks=masks, keep_probs=keep_probs)


@overload
def backward(
    derivative: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[str | Activation],
    *,
    of: Of = ...,
    m: float | None = ...,
    masks: Sequence[Array | None] | None = ...,
    keep_prob: float | Sequence[float] | None = ...,
    return_dA: Literal[False] = ...,
    xp: Namespace | None = ...,
) -> Gradients: ...


@overload
def backward(
    derivative: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[str | Activation],
    *,
    of: Of = ...,
    m: float | None = ...,
    masks: Sequence[Array | None] | None = ...,
    keep_prob: float | Sequence[float] | None = ...,
    return_dA: Literal[True],
    xp: Namespace | None = ...,
) -> tuple[Gradients, list[Array]]: ...


def backward(
    derivative: Array,
    caches: Sequence[LayerCache],
    activations: Sequence[str | Activation],
    *,
    of: Of = "Z",
    m: float | None = None,
    masks: Sequence[Array | None] | None = None,
    keep_prob: float | Sequence[float] | None = None,
    return_dA: bool = False,
    xp: Namespace | None = None,
) -> Gradients | tuple[Gradients, list[Array]]:
    """The L-layer backward: [(dW[1], db[1]), ..., (dW[L], db[L])] from dZ[L] or dA[L] and any caches.

    ``dW[l] = (1/m) dZ[l] A[l-1]^T``, ``db[l] = (1/m) sum of dZ[l] over examples``,
    ``dA[l-1] = W[l]^T dZ[l]``, ``dZ[l-1] = dA[l-1] * g'[l-1](Z[l-1])``; with dropout, hidden dA[l]
    become ``dA[l] * D[l] / keep_prob``.

    Parameters
    ----------
    derivative : array (n_L, m)
        Derivative of each example's loss, not divided by m: dZ[L], or dA[L] with ``of="A"``, for
        instance from :func:`cost_derivative`.
    caches : sequence
        As :func:`forward` returns them, or made by hand: ((A[l-1], W[l], b[l]), Z[l]).
    activations : sequence of str or Activation
        One for each layer. That of the output is used with ``of="A"`` only.
    of : {"Z", "A"}
        What `derivative` is a derivative with respect to.
    m : float, optional
        Examples in the whole batch; the columns of `derivative` when left out.
    masks, keep_prob
        Of dropout, as they were given to :func:`forward`.
    return_dA : bool
        Return [dA[0], ..., dA[L-1]] as well. dA[0], with respect to X, costs a product that is
        skipped otherwise.
    xp : namespace, optional
        The array-API namespace of the arrays; inferred from them when left out.

    Returns
    -------
    gradients : list of (dW, db)
        dW[l] (n_l, n_{l-1}) and db[l] (n_l, 1); ``layers_to_dict(gradients, prefix="d")`` names them.
    dA : list of arrays, with ``return_dA=True``
        dA[l] (n_l, m) for l = 0, ..., L-1; those of hidden layers after dropout.

    Raises
    ------
    TypeError
        For what is no array, and for arrays of different libraries.
    ValueError
        For names that do not exist and shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[2.0]])
    >>> cache = ((np.array([[1.0, 3.0]]), W, np.zeros((1, 1))), np.array([[2.0, 6.0]]))
    >>> backward(np.array([[1.0, -1.0]]), [cache], ["sigmoid"])
    [(array([[-1.]]), array([[0.]]))]
    """
    if not caches:
        raise ValueError(
            "caches must hold one cache for each layer, as forward returns them; got none"
        )
    g = activations_of(activations, len(caches))
    check_of(of)
    _, Z = caches[-1]
    xp = namespace_of({"derivative": derivative, "Z[L] of caches": Z, **_named(masks)}, xp)
    if derivative.shape != Z.shape:
        raise ValueError(
            f"derivative must have the shape of Z[L], {tuple(Z.shape)}; got {describe(derivative)}"
        )
    batch = float(derivative.shape[1] if m is None else check_float("m", m, above=0.0))
    units = [Z.shape[0] for _, Z in caches[:-1]]
    masks, keep_probs = dropout_of(masks, keep_prob, units, derivative.shape[1])
    dZ = derivative if of == "Z" else g[-1].backward(derivative, Z, xp=xp)
    if return_dA:
        return network.backward(dZ, caches, g, m=batch, xp=xp, masks=masks, keep_probs=keep_probs)
    sums = network.backward_sums(dZ, caches, g, xp=xp, masks=masks, keep_probs=keep_probs)
    return [(m_dW / batch, m_db / batch) for m_dW, m_db in sums]


def _named(masks: Sequence[Array | None] | None) -> dict[str, Array]:
    """The masks that there are, by the names that errors use."""
    return {f"masks[{i}]": mask for i, mask in enumerate(masks or ()) if mask is not None}
