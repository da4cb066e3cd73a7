"""What the functions of this folder check and infer: layers, names, shapes, dropout and `xp`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np

from dnn_xp.common.checks import check_float
from dnn_xp.common.messages import describe, unknown_name
from dnn_xp.common.parameter_dicts import layers_from_dict
from dnn_xp.data.host import is_array, namespace
from dnn_xp.formulas.activations import ACTIVATIONS, Activation
from dnn_xp.formulas.types import Array, Namespace

Layers: TypeAlias = Sequence[tuple[Array, Array]] | Mapping[str, Array]
Of: TypeAlias = Literal["Z", "A"]


def layers_of(parameters: Layers) -> list[tuple[Array, Array]]:
    """[(W[1], b[1]), ...] from such a list or from a dict."""
    if isinstance(parameters, Mapping):
        return layers_from_dict(parameters)
    wanted = (
        'parameters must be a list of (W, b), one pair a layer, or a dict {"W1": ..., "b1": ...}'
    )
    if not isinstance(parameters, (list, tuple)) or not parameters:
        raise TypeError(f"{wanted}; got {describe(parameters)}")
    for number, layer in enumerate(parameters, start=1):
        if not isinstance(layer, (list, tuple)) or len(layer) != 2:
            raise TypeError(f"{wanted}; layer {number} is {describe(layer)}")
    return list(parameters)


def activations_of(activations: Sequence[str | Activation], layers: int) -> list[Activation]:
    """One Activation for each layer, from names or Activations."""
    if isinstance(activations, (str, Activation)) or len(activations) != layers:
        raise ValueError(
            f"activations must name one for each of the {layers} layers, for instance "
            f"{['relu'] * (layers - 1) + ['sigmoid']}; got {activations!r}"
        )
    for each in activations:
        if not isinstance(each, Activation) and each not in ACTIVATIONS:
            raise unknown_name("activation", each, ACTIVATIONS)
    return [each if isinstance(each, Activation) else ACTIVATIONS[each] for each in activations]


def namespace_of(arrays: Mapping[str, Array], xp: Namespace | None) -> Namespace:
    """xp, or the one namespace of these arrays where it is None; the keys name them in errors."""
    for name, array in arrays.items():
        if not (isinstance(array, np.ndarray) or is_array(array)):
            raise TypeError(f"{name} must be an array, got {describe(array)}; pass np.asarray(...)")
    if xp is not None:
        return xp
    (first, one), *others = arrays.items()
    xp = namespace(one)
    for name, array in others:
        if namespace(array) is not xp:
            raise TypeError(
                f"{name} must be of the same array library as {first}; got {describe(array)} and "
                f"{describe(one)}"
            )
    return xp


def check_examples_of(X: Array) -> None:
    """Refuse X that is not (n_0, m)."""
    if X.ndim != 2:
        way = "; pass X.reshape(-1, 1) for one example" if X.ndim == 1 else ""
        raise ValueError(f"X must be (n_0, m), examples as columns; got {describe(X)}{way}")


def check_layers(layers: Sequence[tuple[Array, Array]], n_0: int | None = None) -> None:
    """Refuse shapes other than W[l] (n_l, n_{l-1}) and b[l] (n_l, 1); n_0 is free when left out."""
    n_prev, source = n_0, "X"
    for number, (W, b) in enumerate(layers, start=1):
        if W.ndim != 2:
            raise ValueError(f"W{number} must be (n_{number}, n_{number - 1}); got {describe(W)}")
        if n_prev not in (None, W.shape[1]):
            raise ValueError(
                f"W{number} must have {n_prev} columns, because {source} has {n_prev} rows; "
                f"got shape {tuple(W.shape)}"
            )
        n_prev, source = W.shape[0], f"W{number}"
        if tuple(b.shape) != (n_prev, 1):
            way = f"; pass b{number}.reshape(-1, 1)" if tuple(b.shape) == (n_prev,) else ""
            raise ValueError(
                f"b{number} must be ({n_prev}, 1), because {source} has {n_prev} rows; "
                f"got shape {tuple(b.shape)}{way}"
            )


def dropout_of(
    masks: Sequence[Array | None] | None,
    keep_prob: float | Sequence[float] | None,
    units: Sequence[int],
    m: int,
) -> tuple[Sequence[Array | None], Sequence[float]]:
    """Masks and probabilities of the hidden layers; empty without dropout."""
    if masks is None and keep_prob is None:
        return (), ()
    if masks is None or keep_prob is None:
        missing, given = ("masks", "keep_prob") if masks is None else ("keep_prob", "masks")
        raise ValueError(f"{given} was given without {missing}; dropout needs both")
    probs = list(keep_prob) if isinstance(keep_prob, Sequence) else [keep_prob] * len(units)
    for name, values in (("masks", masks), ("keep_prob", probs)):
        if len(values) != len(units):
            raise ValueError(
                f"{name} must have one entry for each of the {len(units)} hidden layers, "
                f"got {len(values)}"
            )
    for number, (mask, n) in enumerate(zip(masks, units, strict=True), start=1):
        if mask is not None and tuple(mask.shape) != (n, m):
            raise ValueError(
                f"mask {number} must be ({n}, {m}) like A[{number}]; got {describe(mask)}"
            )
    return masks, [check_float("keep_prob", each, above=0.0, at_most=1.0) for each in probs]


def floating(array: Array, *, like: Array, xp: Namespace) -> Array:
    """The array itself if it holds real floats; integers and bools in the dtype of another."""
    if xp.isdtype(array.dtype, "real floating"):
        return array
    return xp.astype(array, like.dtype)


def check_of(of: object) -> None:
    """Refuse everything but "Z" and "A"."""
    if of not in ("Z", "A"):
        raise unknown_name("of", of, ("Z", "A"))
