"""Where a training starts: parameters drawn from the seed, or given as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dnn_xp.common.checks import check_sequence
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.data.host import is_array, to_host
from dnn_xp.formulas.initialization import initialize, initialize_embedding
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import weight_shapes
from dnn_xp.model.model import Model
from dnn_xp.training.ensembles import draw_members


def initial_parameters(
    network: Network,
    initialization: str | Sequence[tuple[Any, Any]],
    *,
    rng: np.random.Generator,
    scale: float = 0.01,
    argument: str = "initialization",
) -> np.ndarray:
    """Flat theta on the host, drawn in float64 by a rule or put together from given (W, b).

    Embeddings are drawn after the layers, what only ensembles have after that.
    """
    if isinstance(initialization, str):
        names = [activation.name for activation in network.activations]
        layers = initialize(network.sizes, names, rule=initialization, rng=rng, scale=scale)
    else:
        layers = given_layers(initialization, argument)
        shapes = weight_shapes(network.sizes, network.copies)
        wanted = [((n, n_prev), (n, 1)) for n, n_prev in shapes]
        came = [(W.shape, b.shape) for W, b in layers]
        if came != wanted:
            raise ArgumentValueError(
                argument,
                f"(W, b) of shapes {came}",
                f"(W, b) of shapes {wanted} for the network of sizes {network.sizes}",
            )
    tables = [initialize_embedding(k, d, rng=rng) for k, d in network.embeddings]
    s = np.ones(network.scaled)
    if network.ensemble is not None:
        drawn = initialization if isinstance(initialization, str) else None
        layers, tables, s = draw_members(network, layers, tables, drawn, rng=rng, scale=scale)
    arrays = [*(array for layer in layers for array in layer), *tables, s]
    return np.concatenate([array.reshape(-1) for array in arrays])


def parameters_of(model: Model, network: Network) -> np.ndarray:
    """Flat theta of a model on the host, in its dtype, for a network with all factors of a scaling layer at 1."""
    theta = np.asarray(model.backend.to_host(model.theta))
    if network.ensemble is not None:
        return theta
    return np.append(theta, np.ones(network.scaled, theta.dtype))


def given_layers(layers: Any, argument: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """[(W, b), ...] on the host, W two-dimensional and b a column; of any array library."""
    found = []
    given = check_sequence(argument, layers, wanted="a list of (W, b), one pair a layer")
    for number, layer in enumerate(given):
        name = f"{argument}[{number}]"
        if not isinstance(layer, (list, tuple)) or len(layer) != 2:
            raise ArgumentTypeError(name, describe(layer), "a pair (W, b)")
        W, b = (np.asarray(to_host(each) if is_array(each) else each) for each in layer)
        if W.dtype.kind not in "fiu" or b.dtype.kind not in "fiu":
            raise ArgumentTypeError(name, f"dtypes {W.dtype} and {b.dtype}", "numbers")
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ArgumentValueError(name, "NaN or infinite values", "finite numbers")
        found.append((W, b.reshape(-1, 1) if b.ndim == 1 else b))
    return found
