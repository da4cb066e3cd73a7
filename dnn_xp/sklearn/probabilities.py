"""Logarithms of probabilities."""

from __future__ import annotations

from dnn_xp.data.host import namespace
from dnn_xp.formulas import softplus
from dnn_xp.formulas.types import Array
from dnn_xp.model.model import Model


def log_probabilities(Z: Array, model: Model) -> Array:
    """The logarithm of A[L] (m, K) of outputs Z (m, n_L): of both classes where there are two.

    The logarithm of the probability, as scikit-learn has it; where that is below the smallest normal
    number, from Z:

        softmax   Z - max Z - log sum exp(Z - max Z)
        sigmoid   -softplus(-Z)
    """
    xp = namespace(Z)
    given: Array = model.network.activations[-1].forward(Z.T, xp=xp).T
    if model.kind == "multiclass":
        shifted = Z - xp.max(Z, axis=1, keepdims=True)
        exact = shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
    elif model.kind == "multilabel":
        exact = -softplus(-Z, xp=xp)
    else:
        exact = -softplus(xp.concat([Z, -Z], axis=1), xp=xp)
        given = xp.concat([1.0 - given, given], axis=1)
    smallest = float(xp.finfo(given.dtype).smallest_normal)
    small = given < smallest
    return xp.where(small, exact, xp.log(xp.where(small, xp.ones_like(given), given)))
