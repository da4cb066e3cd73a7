"""Where a training starts: parameters drawn from the seed, or given as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from dnn_xp.common.messages import describe
from dnn_xp.data.host import is_array, to_host
from dnn_xp.formulas.initialization import initialize
from dnn_xp.formulas.network import Network


def initial_parameters(
    network: Network,
    initialization: str | Sequence[tuple[Any, Any]],
    *,
    rng: np.random.Generator,
    scale: float = 0.01,
    argument: str = "initialization",
) -> np.ndarray:
    """Flat theta on the host, drawn in float64 by a rule or put together from given (W, b)."""
    if isinstance(initialization, str):
        names = [activation.name for activation in network.activations]
        layers = initialize(network.sizes, names, rule=initialization, rng=rng, scale=scale)
    else:
        layers = given_layers(initialization, argument)
        wanted = [((n, n_prev), (n, 1)) for n_prev, n in pairwise(network.sizes)]
        came = [(W.shape, b.shape) for W, b in layers]
        if came != wanted:
            msg = (
                f"{argument} has (W, b) of shapes {came}; "
                f"the network of sizes {network.sizes} wants {wanted}"
            )
            raise ValueError(msg)
    return np.concatenate([array.reshape(-1) for layer in layers for array in layer])


def given_layers(layers: Any, argument: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """[(W, b), ...] on the host, W two-dimensional and b a column; of any array library."""
    wanted = f"{argument} must be a list of (W, b), one pair a layer"
    if not isinstance(layers, (list, tuple)):
        msg = f"{wanted}; got {describe(layers)}"
        raise TypeError(msg)
    found = []
    for number, layer in enumerate(layers, start=1):
        if not isinstance(layer, (list, tuple)) or len(layer) != 2:
            msg = f"{wanted}; layer {number} is {describe(layer)}"
            raise TypeError(msg)
        W, b = (np.asarray(to_host(each) if is_array(each) else each) for each in layer)
        if W.dtype.kind not in "fiu" or b.dtype.kind not in "fiu":
            msg = f"{wanted}; layer {number} has dtypes {W.dtype} and {b.dtype}, numbers are wanted"
            raise TypeError(msg)
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            msg = f"{argument} holds NaN or infinity in layer {number}; finite numbers are wanted"
            raise ValueError(msg)
        found.append((W, b.reshape(-1, 1) if b.ndim == 1 else b))
    return found
