"""Formulas of networks for tables: smooth clipping, label smoothing, a scaling layer, rates by parameter.

Source of their combination: Holzmueller, Grinsztajn and Steinwart 2024, "Better by Default: Strong
Pre-Tuned MLPs and Boosted Trees on Tabular Data".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from dnn_xp.formulas.parameters import weight_shapes
from dnn_xp.formulas.types import Array, Namespace

CLIP = 3.0
# X / CLIP beyond which nothing changes, and whose square float32 holds.
RATIO_LIMIT = 1e15


def smooth_clip(X: Array, *, bound: float = CLIP, xp: Namespace) -> Array:
    """Close to X near 0 and never beyond +-bound: ``X / sqrt(1 + (X / bound)^2)``.

    Examples
    --------
    >>> import numpy as np
    >>> smooth_clip(np.asarray([[-1e6, 0.0, 0.1, 4.0]]), xp=np).round(4)
    array([[-3.    ,  0.    ,  0.0999,  2.4   ]])
    """
    # Divided before it is squared, and what is huge anyway made less so: no square overflows.
    ratio = xp.minimum(xp.maximum(X * (1.0 / bound), -RATIO_LIMIT), RATIO_LIMIT)
    return (bound * ratio) / xp.sqrt(1.0 + ratio * ratio)


def smooth_clip_backward(dA: Array, X: Array, *, bound: float = CLIP, xp: Namespace) -> Array:
    """Backward of `smooth_clip`: ``dX = dA (1 + (X / bound)^2)^(-3/2)``.

    Examples
    --------
    >>> import numpy as np
    >>> smooth_clip_backward(np.asarray([[8.0, 8.0]]), np.asarray([[0.0, 4.0]]), xp=np).round(4)
    array([[8.   , 1.728]])
    """
    ratio = xp.minimum(xp.maximum(X * (1.0 / bound), -1e10), 1e10)
    root = 1.0 / xp.sqrt(1.0 + ratio * ratio)
    return dA * (root * root * root)


def smooth_labels(Y: Array, *, amount: float, outputs: int, xp: Namespace) -> Array:
    """Targets that are never quite sure: ``(1 - amount) Y + amount / K``.

    Y is (1, m) of two classes or (n_L, m) one-hot, and K the number of classes: 2 where `outputs` is
    1. Costs and their derivatives take the result as Y, whose columns still are distributions.
    Source: Szegedy et al. 2016, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> smooth_labels(np.asarray([[0.0, 1.0]]), amount=0.1, outputs=1, xp=np)
    array([[0.05, 0.95]])
    """
    return (1.0 - amount) * Y + amount / max(outputs, 2)


def clamp(Z: Array, low: Array, high: Array, *, xp: Namespace) -> Array:
    """Z (n, m), kept within low and high (n, 1): ``min(max(Z, low), high)``.

    Of predictions only: a cost that is minimized has no gradient beyond the bounds.

    Examples
    --------
    >>> import numpy as np
    >>> clamp(np.asarray([[-9.0, 0.5, 9.0]]), np.asarray([[0.0]]), np.asarray([[1.0]]), xp=np)
    array([[0. , 0.5, 1. ]])
    """
    return xp.minimum(xp.maximum(Z, low), high)


def scaled_weights(W: Array, s: Array, *, xp: Namespace) -> Array:
    """A scaling layer before a layer: ``W diag(s)`` (n, n_prev), with s (n_prev,).

    ``W (diag(s) A) = (W diag(s)) A``: on the left a product for each example, on the right one for all.

    Examples
    --------
    >>> import numpy as np
    >>> scaled_weights(np.asarray([[1.0, 2.0]]), np.asarray([10.0, 100.0]), xp=np)
    array([[ 10., 200.]])
    """
    return W * s[None, :]


def scaled_weights_backward(dV: Array, W: Array, s: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Backward of ``V = W diag(s)``: ``dW = dV diag(s)`` and ``ds[j] = sum over i of dV[i,j] W[i,j]``.

    dV is the gradient that the layer gets anyway, so that ds takes no pass over the examples.

    Examples
    --------
    >>> import numpy as np
    >>> scaled_weights_backward(
    ...     np.asarray([[1.0, 1.0]]), np.asarray([[2.0, 3.0]]), np.asarray([10.0, 100.0]), xp=np)
    (array([[ 10., 100.]]), array([2., 3.]))
    """
    return dV * s[None, :], xp.sum(dV * W, axis=0)


class Rates(NamedTuple):
    """Factors of the learning rate for parts of theta.

    Attributes
    ----------
    ntk : bool
        Whether the rate of W[l] is multiplied by ``1 / sqrt(n_{l-1})``. Adam with it takes the steps,
        up to its epsilon, that it takes for V in ``W = V / sqrt(n_{l-1})``, the neural tangent
        parametrization (Jacot, Gabriel and Hongler 2018).
    bias, output, scale, mix, encoding : float
        Factors of every b[l], of W[L] and b[L], of the scaling layer, of every a[l] of mixed
        activations, and of a periodic encoding.
    """

    ntk: bool = False
    bias: float = 1.0
    output: float = 1.0
    scale: float = 1.0
    mix: float = 1.0
    encoding: float = 1.0

    @property
    def equal(self) -> bool:
        """Whether there is nothing to multiply, but for a scaling layer, mixes and an encoding."""
        return not self.ntk and self.bias == self.output == 1.0


def rate_factors(
    sizes: Sequence[int],
    rates: Rates,
    *,
    dtype: Any,
    xp: Namespace,
    mixed: int = 0,
    encoded: int = 0,
    rest: int = 0,
    scaled: int = 0,
    copies: Sequence[int] = (),
) -> Array:
    """The factors of the rates of all parameters, flat as theta.

    Behind b[L] are `mixed` parameters of mixed activations, `encoded` of an encoding of numbers,
    `rest` whose factor is 1, and `scaled` of a scaling layer, last; `copies` as in
    :mod:`dnn_xp.formulas.parameters`.

    Examples
    --------
    >>> import numpy as np
    >>> rates = Rates(ntk=True, bias=0.1, scale=6.0)
    >>> rate_factors((4, 1), rates, scaled=4, dtype=np.float64, xp=np).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.1, 6.0, 6.0, 6.0, 6.0]
    """
    parts: list[tuple[int, float]] = []
    for layer, (n, n_prev) in enumerate(weight_shapes(sizes, copies), start=1):
        last = rates.output if layer == len(sizes) - 1 else 1.0
        of_W = last / math.sqrt(n_prev) if rates.ntk else last
        parts += [(n * n_prev, of_W), (n, last * rates.bias)]
    parts += [(mixed, rates.mix), (encoded, rates.encoding), (rest, 1.0), (scaled, rates.scale)]
    return xp.concat([xp.full((count,), factor, dtype=dtype) for count, factor in parts])
