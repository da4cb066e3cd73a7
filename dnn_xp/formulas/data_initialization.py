"""Initial parameters that depend on training examples, layer by layer, as RealMLP-TD's.

    Z[l] = W[l] A[l-1]            of some examples
    W[l] <- W[l] / std(Z[l])      row by row, so that each unit has variance 1 over them
    b[l] = - sum over k of w[:,k] Z[l][:,i[:,k]]        "he+5": 5 examples i and weights w a unit
    A[l] = g[l](Z[l] + b[l])

The weights w of a unit are at least 0 and sum to 1: its zero lies within those of its examples, in
the midst of the data. Normalized exponential draws are uniform on all such weights. Source:
Holzmueller, Grinsztajn and Steinwart 2024 (RealMLP-TD; in pytabkit bias_init_mode "he+5",
weight_init_mode "std"), after Steinwart 2019, "A sober look at neural network initializations".
"""

from __future__ import annotations

from collections.abc import Sequence

from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.parameters import Parameters
from dnn_xp.formulas.types import Array, Namespace

# Examples that the bias of a unit is made of.
CORNERS = 5
BIAS_INITIALIZATIONS = (f"he+{CORNERS}",)
# A unit whose deviation is smaller, relative to its largest value, is constant but for rounding.
_CONSTANT = 1e-6


def simplex_weights(exponentials: Array, *, xp: Namespace) -> Array:
    """``w = e / sum of e`` over the last axis of standard exponential draws e (n, k): uniform on the simplex.

    Examples
    --------
    >>> import numpy as np
    >>> simplex_weights(np.asarray([[1.0, 3.0]]), xp=np)
    array([[0.25, 0.75]])
    """
    return exponentials / xp.sum(exponentials, axis=-1, keepdims=True)


def simplex_biases(Z: Array, chosen: Array, weights: Array, *, xp: Namespace) -> Array:
    """``b[j] = - sum over k of weights[j,k] Z[j,chosen[j,k]]``, (n, 1).

    Parameters
    ----------
    Z : array (n, B)
        W[l] A[l-1] of B examples.
    chosen : integer array (n, k)
        k of these examples for each unit.
    weights : array (n, k)
        Of `simplex_weights`.
    xp : namespace
        The array-API namespace of the arrays.

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.asarray([[1.0, 2.0, 5.0]])
    >>> simplex_biases(Z, np.asarray([[0, 2]]), np.asarray([[0.25, 0.75]]), xp=np)
    array([[-4.]])
    """
    n, B = Z.shape
    rows = xp.reshape(xp.arange(n, dtype=chosen.dtype, device=chosen.device), (n, 1))
    places = xp.reshape(rows * B + chosen, (-1,))
    corners = xp.reshape(xp.take(xp.reshape(Z, (-1,)), places), chosen.shape)
    return -xp.sum(weights * corners, axis=1, keepdims=True)


def deviations(Z: Array, *, xp: Namespace) -> Array:
    """The standard deviation of each row of Z (n, B) over its examples, (n, 1); 1 where it is constant.

    Examples
    --------
    >>> import numpy as np
    >>> deviations(np.asarray([[1.0, 5.0], [3.0, 3.0]]), xp=np)
    array([[2.],
           [1.]])
    """
    spread = xp.std(Z, axis=1, keepdims=True)
    varies = spread > _CONSTANT * xp.max(xp.abs(Z), axis=1, keepdims=True)
    return xp.where(varies, spread, xp.ones_like(spread))


def initialize_from_examples(
    A: Array,
    parameters: Parameters,
    activations: Sequence[Activation],
    *,
    corners: Sequence[tuple[Array, Array]] = (),
    unit_variance: bool = False,
    xp: Namespace,
) -> list[tuple[Array, Array]]:
    """[(W, b), ...] fitted to examples: W[l] of unit variance, b[l] by he+5, or both.

    Parameters
    ----------
    A : array (n_0, B)
        A[0] of the examples.
    parameters : sequence of (W, b)
        As drawn. With `corners`, b[L] is added to that of he+5 and the others are left out.
    activations : sequence of Activation
        g[1], ..., g[L].
    corners : sequence of pairs (chosen, weights)
        Those of `simplex_biases` for each layer; b stay as they are when left out.
    unit_variance : bool
        Whether each row of W[l] is divided by the `deviations` of W[l] A[l-1].
    xp : namespace
        The array-API namespace of the arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas import ACTIVATIONS
    >>> A, W, b = np.asarray([[1.0, 5.0]]), np.asarray([[3.0]]), np.asarray([[0.0]])
    >>> corners = [(np.asarray([[0, 1]]), np.asarray([[0.5, 0.5]]))]
    >>> g = [ACTIVATIONS["identity"]]
    >>> initialize_from_examples(A, [(W, b)], g, corners=corners, unit_variance=True, xp=np)
    [(array([[0.5]]), array([[-1.5]]))]
    """
    fitted: list[tuple[Array, Array]] = []
    last = len(parameters) - 1
    for layer, ((W, b), activation) in enumerate(zip(parameters, activations, strict=True)):
        Z = W @ A
        if unit_variance:
            scale = deviations(Z, xp=xp)
            W, Z = W / scale, Z / scale
        if corners:
            of_examples = simplex_biases(Z, *corners[layer], xp=xp)
            b = b + of_examples if layer == last else of_examples
        fitted.append((W, b))
        if layer < last:
            A = activation.forward(Z + b, xp=xp)
    return fitted
