"""Initial parameters, drawn on the host in float64 from one NumPy Generator.

A library, device or dtype that is chosen later gets these very numbers, so the same seed means the
same start everywhere. Biases start at 0. With n_in inputs and n_out units of a layer, the rules
are:

    he              normal, variance 2 / n_in                   He et al. 2015
    he_uniform      uniform, variance 2 / n_in
    xavier          normal, variance 2 / (n_in + n_out)         Glorot and Bengio 2010
    xavier_uniform  uniform, variance 2 / (n_in + n_out)
    lecun           normal, variance 1 / n_in                   LeCun et al. 1998
    normal          normal, standard deviation `scale`
    zeros           zeros (for one layer alone, since units that start equal stay equal)

glorot and glorot_uniform are other names of xavier and xavier_uniform. "auto" takes for each layer
the rule that its `Activation` names, with the reasons beside `ACTIVATIONS`.

To add a rule, write one entry of `INITIALIZATIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dnn_xp.common.checks import check_choice
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.formulas.activations import ACTIVATIONS

Rule = Callable[[np.random.Generator, int, int, float], NDArray[np.float64]]


def _normal(variance: Callable[[int, int, float], float]) -> Rule:
    def draw(rng: np.random.Generator, n_out: int, n_in: int, scale: float) -> NDArray[np.float64]:
        return rng.standard_normal((n_out, n_in)) * math.sqrt(variance(n_out, n_in, scale))

    return draw


def _uniform(variance: Callable[[int, int, float], float]) -> Rule:
    def draw(rng: np.random.Generator, n_out: int, n_in: int, scale: float) -> NDArray[np.float64]:
        limit = math.sqrt(3.0 * variance(n_out, n_in, scale))
        return rng.uniform(-limit, limit, (n_out, n_in))

    return draw


def _he(n_out: int, n_in: int, scale: float) -> float:
    return 2.0 / n_in


def _xavier(n_out: int, n_in: int, scale: float) -> float:
    return 2.0 / (n_in + n_out)


INITIALIZATIONS: dict[str, Rule] = {
    "he": _normal(_he),
    "he_uniform": _uniform(_he),
    "xavier": _normal(_xavier),
    "xavier_uniform": _uniform(_xavier),
    "glorot": _normal(_xavier),
    "glorot_uniform": _uniform(_xavier),
    "lecun": _normal(lambda n_out, n_in, scale: 1.0 / n_in),
    "normal": _normal(lambda n_out, n_in, scale: scale * scale),
    "zeros": lambda rng, n_out, n_in, scale: np.zeros((n_out, n_in)),
}


def initialize(
    sizes: Sequence[int],
    activations: Sequence[str],
    *,
    rule: str = "auto",
    rng: np.random.Generator,
    scale: float = 0.01,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Draw the parameters of a network, layer by layer.

    Parameters
    ----------
    sizes : n_x, n_1, ..., n_L, the units of the input and of each layer.
    activations : the name of each layer's activation, L of them.
    rule : "auto" or a key of `INITIALIZATIONS`.
    rng : the generator to draw from; its state goes on.
    scale : standard deviation for the rule "normal", unused by the others.

    Returns
    -------
    [(W, b), ...] : float64 arrays, W[l] (n_l, n_{l-1}) and b[l] (n_l, 1).

    Raises
    ------
    ValueError : on an unknown rule, or unless there is one activation per layer.

    Examples
    --------
    >>> import numpy as np
    >>> layers = initialize([4, 3, 1], ["relu", "sigmoid"], rng=np.random.default_rng(0))
    >>> [(W.shape, b.shape) for W, b in layers]
    [((3, 4), (3, 1)), ((1, 3), (1, 1))]
    """
    check_choice("initialization", rule, ("auto", *INITIALIZATIONS))
    if len(activations) != len(sizes) - 1:
        raise ArgumentValueError(
            "activations",
            f"{len(activations)}: {list(activations)}",
            f"one name for each of the {len(sizes) - 1} layers of sizes {list(sizes)}",
        )
    layers = []
    for n_in, n_out, name in zip(sizes[:-1], sizes[1:], activations, strict=True):
        draw = INITIALIZATIONS[ACTIVATIONS[name].initialization if rule == "auto" else rule]
        layers.append((draw(rng, n_out, n_in, scale), np.zeros((n_out, 1))))
    return layers
