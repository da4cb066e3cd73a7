"""Where a training starts: parameters drawn from the seed, or given as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from dnn_xp.common.checks import check_sequence
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.data.host import is_array, to_host
from dnn_xp.formulas.initialization import initialize, initialize_embedding, initialize_periodic
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import parameter_count, weight_shapes
from dnn_xp.model.model import Model
from dnn_xp.training.ensembles import draw_members

Layers: TypeAlias = list[tuple[np.ndarray, np.ndarray]]


def initial_parameters(
    network: Network,
    initialization: str | Sequence[tuple[Any, Any]],
    *,
    rng: np.random.Generator,
    scale: float = 0.01,
    frequency: float = 0.1,
    output_rule: str | None = None,
    argument: str = "initialization",
) -> np.ndarray:
    """Flat theta on the host, drawn in float64 by a rule or put together from given (W, b).

    Embeddings are drawn after the layers, a periodic encoding after these, what only ensembles have last.
    """
    names = [activation.name for activation in network.activations]
    how: dict[str, Any] = {"rule": initialization, "scale": scale, "output_rule": output_rule}

    def drawn(first: int) -> Layers:
        """The layers from one on, by the rule."""
        return initialize(network.sizes[first:], names[first:], rng=rng, **how)

    by_rule = isinstance(initialization, str)
    if by_rule:
        layers = drawn(0)
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
    encoding = network.number_encoding

    def learned() -> list[np.ndarray]:
        """What is learned of X, in the order of theta."""
        tables = [initialize_embedding(k, d, rng=rng) for k, d in network.embeddings]
        if encoding is None or not encoding.hidden:
            return tables
        shape = encoding.numbers, encoding.hidden, encoding.outputs
        return [*initialize_periodic(*shape, frequency=frequency, rng=rng), *tables]

    of_rows, s = learned(), np.ones(network.scaled)
    if network.ensemble is not None:
        draw = drawn if by_rule else None
        layers, of_rows, s = draw_members(network, layers, of_rows, draw, learned, rng=rng)
    of_layers = (array for layer in layers for array in layer)
    arrays = [*of_layers, np.ones(network.mixed), *of_rows, s]
    return np.concatenate([array.reshape(-1) for array in arrays])


def parameters_of(model: Model, network: Network) -> np.ndarray:
    """Flat theta of a model on the host, in its dtype, with 1 for each factor that the network has beyond it."""
    theta = np.asarray(model.backend.to_host(model.theta))
    rest = parameter_count(network.sizes, network.copies)
    mixes = np.ones(network.mixed - model.network.mixed, theta.dtype)
    scales = np.ones(network.scaled - model.network.scaled, theta.dtype)
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
