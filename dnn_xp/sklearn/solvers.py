"""Solvers as MLPClassifier has them: its updates, rates, order of batches and initial parameters.

With the same `random_state` a network starts where MLPClassifier's starts and takes its steps, up to
rounding. Draws are made on the host from one RandomState.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer, adam
from dnn_xp.formulas.types import Array, Namespace
from dnn_xp.sklearn.parameters import Settings

# Below this rate "adaptive" stops.
_LOWEST_RATE = 1e-6


def optimizer_of(settings: Settings) -> Optimizer | str:
    """The optimizer of a solver's name, with scikit-learn's rule for sgd and adam; "lbfgs" as it is."""
    solver = settings.solver
    if isinstance(solver, Optimizer) or solver == "lbfgs":
        return solver
    if solver == "sgd":
        return sgd(settings.momentum, nesterov=settings.nesterovs_momentum)
    if solver == "adam":
        return adam_of_sklearn(settings.beta_1, settings.beta_2, settings.epsilon)
    return OPTIMIZERS[solver]()


def sgd(momentum: float, *, nesterov: bool) -> Optimizer:
    """Gradient descent whose velocity holds the rate: ``v = momentum v - rate gradient``.

    Then ``theta += v``, or with Nesterov's momentum ``theta += momentum v - rate gradient``. Where the
    rate stays the same these are the steps of `dnn_xp.formulas.momentum` and `nesterov`.
    """
    chosen = {"momentum": momentum, "nesterov": float(nesterov)}
    rule = partial(_sgd_rule, momentum=momentum, nesterov=nesterov)
    return Optimizer("sgd", chosen, _one_velocity, rule)


def _one_velocity(theta: Array, *, xp: Namespace) -> tuple[Array, ...]:
    return (xp.zeros_like(theta),)


def _sgd_rule(
    theta: Array,
    gradient: Array,
    state: tuple[Array, ...],
    *,
    learning_rate: float,
    step: int,
    momentum: float,
    nesterov: bool,
    xp: Namespace,
) -> tuple[Array, tuple[Array, ...]]:
    (v,) = state
    move = learning_rate * gradient
    v = momentum * v - move
    return theta + (momentum * v - move if nesterov else v), (v,)


def adam_of_sklearn(beta_1: float, beta_2: float, epsilon: float) -> Optimizer:
    """Adam in the order of its paper's section 2: epsilon is added to the root that is not corrected.

    ``theta -= rate sqrt(1 - beta_2^step) / (1 - beta_1^step) mu / (sqrt(nu) + epsilon)``.
    """
    return adam(beta_1, beta_2, epsilon)._replace(
        scalars=partial(_adam_scalars, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
    )


def _adam_scalars(
    *, learning_rate: float, step: int, beta_1: float, beta_2: float, epsilon: float
) -> dict[str, float]:
    root = math.sqrt(1.0 - beta_2**step)
    return {"rate": learning_rate * root / (1.0 - beta_1**step), "floor": epsilon}


class Rate:
    """The learning rate as it stands: a schedule that changes between epochs only.

    Attributes
    ----------
    learning_rate : float
        That of the next update.
    """

    def __init__(self, settings: Settings) -> None:
        self.learning_rate = settings.learning_rate_init
        self._initial, self._power = settings.learning_rate_init, settings.power_t
        # Those of Adam are not changed by scikit-learn either.
        self._kind = "constant" if settings.solver == "adam" else settings.learning_rate

    def __call__(self, iteration: int) -> float:
        """The rate of one update."""
        return self.learning_rate

    def epoch_ends(self, t: int) -> None:
        """After an epoch; t counts the examples of all epochs so far."""
        if self._kind == "invscaling":
            self.learning_rate = self._initial / (t + 1) ** self._power

    def goes_on(self) -> bool:
        """Whether a training that no longer improves goes on, with a fifth of the rate."""
        if self._kind != "adaptive" or self.learning_rate <= _LOWEST_RATE:
            return False
        self.learning_rate /= 5.0
        return True

    def __repr__(self) -> str:
        return f"{self._kind}({self._initial:g})"


class Order:
    """Draws the order of an epoch's examples, and the seeds of dropout masks, from a RandomState.

    Like scikit-learn it shuffles the order of the epoch before; without `shuffle` the order stays.
    """

    def __init__(self, random: np.random.RandomState, *, shuffle: bool) -> None:
        self._random, self._shuffle = random, shuffle
        self._orders: dict[int, npt.NDArray[np.int64]] = {}

    def permutation(self, of: Any) -> npt.NDArray[np.int64]:
        """An order of 0, ..., of - 1; or of the entries of an array, which are runs of a file."""
        if not isinstance(of, int):
            drawn = self._random.permutation(len(of)) if self._shuffle else slice(None)
            return np.asarray(of)[drawn]
        order = self._orders.get(of)
        order = np.arange(of) if order is None else order
        if self._shuffle:
            drawn = np.arange(of)
            self._random.shuffle(drawn)
            order = order[drawn]
        self._orders[of] = order
        return order

    def integers(self, low: int, high: int, size: int) -> npt.NDArray[np.int64]:
        """Whole numbers from low to high - 1."""
        return self._random.randint(low, high, size=size, dtype=np.int64)


def initial_layers(
    sizes: Sequence[int], activations: Sequence[str], random: np.random.RandomState
) -> npt.NDArray[np.float64]:
    """Parameters (p,): W and b uniform within ``sqrt(6 / (n_in + n_out))``, of sigmoid ``sqrt(2 / (...))``.

    `activations` are those of the hidden layers; the output layer goes by the last of them. Source:
    Glorot and Bengio 2010, as in MLPClassifier.
    """
    parts = []
    of_layers = [*activations, activations[-1] if activations else "relu"]
    for (n_in, n_out), activation in zip(pairwise(sizes), of_layers, strict=True):
        bound = math.sqrt((2.0 if activation == "sigmoid" else 6.0) / (n_in + n_out))
        W = random.uniform(-bound, bound, (n_in, n_out))
        parts += [W.T.reshape(-1), random.uniform(-bound, bound, n_out)]
    return np.concatenate(parts)
