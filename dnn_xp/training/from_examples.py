"""Initial parameters from training examples: what is drawn without them, and theta where they are there.

The host computes them in float64, of examples that it gathers from where they were given, so that
every library, number of threads and of workers gets the same values.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.execution.first_activations import first_activations_on
from dnn_xp.execution.scaling import ScaleOfX
from dnn_xp.formulas.data_initialization import (
    CORNERS,
    initialize_from_examples,
    simplex_weights,
)
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import flatten, parameter_count
from dnn_xp.formulas.theta import network_parameters
from dnn_xp.training.specification import Problem

# At most so many examples are looked at, fewer where their layers have more values than that.
_MOST, _VALUES, _LEAST = 1024, 1 << 22, 16
# Arrays of an example's values in float64 at one time, counted generously.
_ARRAYS = 6


class Fitting(NamedTuple):
    """What is drawn for initial parameters from examples.

    Attributes
    ----------
    positions : array (B,)
        Different training examples, in order.
    corners : list of pairs of arrays (n_l, 5)
        For each layer the examples among these that b[l] is made of, and their weights; empty where b
        stays as it is drawn.
    unit_variance : bool
        Whether rows of W[l] are divided by their deviations.
    """

    positions: np.ndarray
    corners: list[tuple[np.ndarray, np.ndarray]]
    unit_variance: bool

    def __str__(self) -> str:
        """What is fitted, for a model's summary."""
        parts = ["W by unit variance"] if self.unit_variance else []
        return ", ".join(parts + ([f"b by he+{CORNERS}"] if self.corners else []))

    def fitted(
        self,
        theta: np.ndarray,
        network: Network,
        X: Source,
        standardization: ScaleOfX | None,
    ) -> np.ndarray:
        """The theta whose W[l] and b[l] are fitted to the examples; all a[l] and s have to be 1."""
        backend = numpy_backend("numpy")
        first = first_activations_on(
            backend, network, standardization, "float64", orientation="columns"
        )
        block = np.asarray(to_host(X.gather(self.positions)))
        A, layers, *_ = first.of(network_parameters(theta, network, xp=np), block)
        fitted = initialize_from_examples(
            A,
            layers,
            network.activations,
            corners=self.corners,
            unit_variance=self.unit_variance,
            xp=np,
        )
        of_layers = flatten([array for layer in fitted for array in layer], xp=np)
        return np.concatenate([of_layers, theta[parameter_count(network.sizes) :]])


def draw_fitting(
    asked: Problem, network: Network, m: int, rng: np.random.Generator
) -> Fitting | None:
    """The draws for m training examples; None where parameters do not depend on examples."""
    if not fits_to_examples(asked):
        return None
    count = _looked_at(network, m)
    positions = np.sort(rng.choice(m, size=count, replace=False))
    corners = []
    if asked.bias_initialization is not None:
        for _, n in pairwise(network.sizes):
            chosen = rng.integers(0, count, size=(n, CORNERS))
            weights = simplex_weights(rng.standard_exponential((n, CORNERS)), xp=np)
            corners.append((chosen, weights))
    return Fitting(positions, corners, asked.unit_variance)


def fits_to_examples(asked: Problem) -> bool:
    """Whether initial parameters depend on examples."""
    return asked.unit_variance or asked.bias_initialization is not None


def fitting_bytes(network: Network, m: int) -> int:
    """Bytes on the host that fitting to m training examples takes meanwhile."""
    return _looked_at(network, m) * _values(network) * _ARRAYS * 8


def _looked_at(network: Network, m: int) -> int:
    """Examples that are looked at."""
    return min(m, _MOST, max(_LEAST, _VALUES // _values(network)))


def _values(network: Network) -> int:
    """Values of an example: of X, of the widest layer, and of the waves of its numbers."""
    encoding = network.number_encoding
    waves = 0 if encoding is None else encoding.numbers * encoding.hidden
    return network.n_x + max(network.sizes) + waves
