"""Where a training starts: parameters drawn from the seed, or given as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from dnn_xp.common.checks import check_sequence
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.data.host import is_array, to_host
from dnn_xp.formulas.initialization import initialize, initialize_embedding, initialize_periodic
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import parameter_count
from dnn_xp.model.model import Model


def initial_parameters(
    network: Network,
    initialization: str | Sequence[tuple[Any, Any]],
    *,
    rng: np.random.Generator,
    scale: float = 0.01,
    frequency: float = 0.1,
    argument: str = "initialization",
) -> np.ndarray:
    """Flat theta on the host, drawn in float64 by a rule or put together from given (W, b).

    Embeddings are drawn after the layers, and a periodic encoding after all else.
    """
    if isinstance(initialization, str):
        names = [activation.name for activation in network.activations]
        layers = initialize(network.sizes, names, rule=initialization, rng=rng, scale=scale)
    else:
        layers = given_layers(initialization, argument)
        wanted = [((n, n_prev), (n, 1)) for n_prev, n in pairwise(network.sizes)]
        came = [(W.shape, b.shape) for W, b in layers]
        if came != wanted:
            raise ArgumentValueError(
                argument,
                f"(W, b) of shapes {came}",
                f"(W, b) of shapes {wanted} for the network of sizes {network.sizes}",
            )
    tables = [initialize_embedding(k, d, rng=rng) for k, d in network.embeddings]
    encoding = network.number_encoding
    periodic: Sequence[np.ndarray] = ()
    if encoding is not None and encoding.hidden:
        shape = encoding.numbers, encoding.hidden, encoding.outputs
        periodic = initialize_periodic(*shape, frequency=frequency, rng=rng)
    of_layers = (array for layer in layers for array in layer)
    arrays = [*of_layers, np.ones(network.mixed), *periodic, *tables, np.ones(network.scaled)]
    return np.concatenate([array.reshape(-1) for array in arrays])


def parameters_of(model: Model, network: Network) -> np.ndarray:
    """Flat theta of a model on the host, in its dtype, with 1 for each factor that the network has beyond it."""
    theta = np.asarray(model.backend.to_host(model.theta))
    rest = parameter_count(network.sizes)
    mixes = np.ones(network.mixed - model.network.mixed, theta.dtype)
    scales = np.ones(network.scaled, theta.dtype)
    return np.concatenate([theta[:rest], mixes, theta[rest:], scales])


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
