"""Initial parameters, drawn on the host in float64 from one NumPy generator.

Every library, device and dtype gets the same values, so the same seed means the same start
everywhere. Biases start at 0 but for ntk. With n_in inputs and n_out units of a layer, the rules are:

    he              normal, variance 2 / n_in                   He et al. 2015
    he_uniform      uniform, variance 2 / n_in
    xavier          normal, variance 2 / (n_in + n_out)         Glorot and Bengio 2010
    xavier_uniform  uniform, variance 2 / (n_in + n_out)
    lecun           normal, variance 1 / n_in                   LeCun et al. 1998
    normal          normal, standard deviation `scale`
    zeros           zeros (for networks without hidden layers: units that start equal stay equal)
    ntk             as lecun, but W[L] = 0, and b[l] normal of variance 1, except b[L] = 0

The source of ntk is Holzmueller, Grinsztajn and Steinwart 2024 (RealMLP-TD-S), with the factor
1 / sqrt(n_in) of its weights drawn in; `Rates` brings what it means for the rates.

glorot and glorot_uniform are other names for xavier and xavier_uniform. "auto" takes for each layer
the rule that its `Activation` names; the reasons are beside `ACTIVATIONS`.

To add a rule, write one entry of `INITIALIZATIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dnn_xp.common.checks import check_choice
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.formulas.activations import ACTIVATIONS

Random: TypeAlias = np.random.Generator | np.random.RandomState
Rule: TypeAlias = Callable[[Random, int, int, float], NDArray[np.float64]]


# Small, so that a rare category starts near all others, and not with a random effect of its own.
_EMBEDDING_SCALE = 0.05


def _normal(variance: Callable[[int, int, float], float]) -> Rule:
    def draw(rng: Random, n_out: int, n_in: int, scale: float) -> NDArray[np.float64]:
        return rng.standard_normal((n_out, n_in)) * math.sqrt(variance(n_out, n_in, scale))

    return draw


def _uniform(variance: Callable[[int, int, float], float]) -> Rule:
    def draw(rng: Random, n_out: int, n_in: int, scale: float) -> NDArray[np.float64]:
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
    "ntk": _normal(lambda n_out, n_in, scale: 1.0 / n_in),
}


def initialize_embedding(categories: int, dimension: int, *, rng: Random) -> NDArray[np.float64]:
    """Draw E (dimension, categories): normal, standard deviation 0.05; zeros in the last two columns.

    These are the columns of unknown and of missing categories. One that the training has no example
    of stays 0, the mean of the draws.
    """
    E = rng.standard_normal((dimension, categories)) * _EMBEDDING_SCALE
    E[:, -2:] = 0.0
    return E


def initialize_periodic(
    numbers: int, hidden: int, outputs: int, *, frequency: float, rng: Random
) -> tuple[NDArray[np.float64], ...]:
    """Draw w, b, V, c of a periodic encoding (`number_encodings`), in this order.

    w is normal with standard deviation `frequency`, b uniform in +-pi, V and c uniform in
    +-1 / sqrt(hidden), as in RealMLP-TD.
    """
    bound = 1.0 / math.sqrt(hidden)
    return (
        rng.standard_normal((numbers, hidden)) * frequency,
        rng.uniform(-math.pi, math.pi, (numbers, hidden)),
        rng.uniform(-bound, bound, (numbers, outputs, hidden)),
        rng.uniform(-bound, bound, (numbers, outputs)),
    )


def initialize(
    sizes: Sequence[int],
    activations: Sequence[str],
    *,
    rule: str = "auto",
    rng: Random,
    scale: float = 0.01,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Draw the parameters of a network, layer by layer: W[l] by a rule, b[l] = 0 but for ntk.

    Parameters
    ----------
    sizes : n_0, n_1, ..., n_L, the features and the units of each layer.
    activations : the name of each layer's activation, L of them; keys of `ACTIVATIONS`.
    rule : "auto" or a key of `INITIALIZATIONS`.
    rng : numpy Generator or RandomState to draw from; its state advances. The course's
        ``np.random.seed(3)`` followed by ``np.random.randn`` is ``np.random.RandomState(3)``.
    scale : standard deviation for the rule "normal", unused by the others.

    Returns
    -------
    [(W, b), ...] : float64 arrays, W[l] (n_l, n_{l-1}) and b[l] (n_l, 1).

    Raises
    ------
    TypeError : unless rng is a Generator or RandomState.
    ValueError : on an unknown rule or activation, or unless there is one activation per layer.

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
    if not isinstance(rng, (np.random.Generator, np.random.RandomState)):
        raise ArgumentTypeError(
            "rng",
            describe(rng),
            "a numpy Generator or RandomState",
            "pass np.random.default_rng(seed)",
        )
    layers = []
    for n_in, n_out, name in zip(sizes[:-1], sizes[1:], activations, strict=True):
        check_choice("activation", name, ACTIVATIONS)
        draw = INITIALIZATIONS[ACTIVATIONS[name].initialization if rule == "auto" else rule]
        layers.append((draw(rng, n_out, n_in, scale), np.zeros((n_out, 1))))
    if rule == "ntk":
        # Drawn last, so that the weights are those of "lecun".
        layers = [(W, rng.standard_normal(b.shape)) for W, b in layers]
        W, b = layers[-1]
        layers[-1] = np.zeros_like(W), np.zeros_like(b)
    return layers
