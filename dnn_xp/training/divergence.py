"""A cost that became NaN or infinite: the error, and the search for where that began."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.common.errors import PYTHON, Text, Worded, Words, render
from dnn_xp.execution.first_activations import first_activations_on
from dnn_xp.formulas.network import linear_output
from dnn_xp.formulas.theta import member_parameters, parameter_shapes
from dnn_xp.formulas.types import Array
from dnn_xp.training.state import State, generator

if TYPE_CHECKING:
    from dnn_xp.model.model import Model
    from dnn_xp.training.placed import Placed
    from dnn_xp.training.run import Run

# How often the learning rate is halved before a divergence is an error.
MOST_HALVINGS = 40
# Examples that Z is computed for in the search, and those of a block.
_LOOKED_AT, _OF_A_BLOCK = 1 << 16, 1 << 12


class Origin(NamedTuple):
    """Where a divergence began.

    Attributes
    ----------
    iteration : int
        The first update after which the cost, or the parameters, are not finite.
    layer : int
        The layer of the largest |Z| before that update.
    largest_Z : float
        That value.
    parameter : str
        "W[l]", "b[l]" or another part of theta: the largest gradient before that update.
    gradient_norm : float
        The norm of the whole gradient there.
    """

    iteration: int
    layer: int
    largest_Z: float  # noqa: N815 - the course's letter
    parameter: str
    gradient_norm: float

    def __str__(self) -> str:
        return (
            f"It began at update {self.iteration}: before it the largest |Z[l]| was "
            f"{self.largest_Z:.3g}, in layer {self.layer}, and the norm of the gradient "
            f"{self.gradient_norm:.3g}, the largest part of it in {self.parameter}."
        )


class DivergenceError(Worded, RuntimeError):
    """The cost became NaN or infinite.

    Attributes
    ----------
    reason : Text
        What happened, and what to change.
    model : Model
        The model at the last report with a finite cost.
    state : State
        The state after that report (on a device that computes asynchronously after one before it);
        with ``on_divergence="halve"`` the one to go back to.
    origin : Origin, optional
        Where it began: iteration, layer and parameter.
    """

    def __init__(
        self, reason: Text, model: Model, state: State, origin: Origin | None = None
    ) -> None:
        super().__init__(reason, model, state, origin)
        self.reason = reason
        self.model = model
        self.state = state
        self.origin = origin

    def sentence(self, words: Words = PYTHON) -> str:
        """The origin, the reason, and in Python where the last finite model is."""
        said = render(self.reason, words)
        if self.origin is not None:
            what, mark, way = said.partition(". ")
            said = f"{what}{mark}{self.origin} {way}"
        if words is not PYTHON:
            return said
        last, cost = self.model.history.iterations[-1], self.model.history.costs[-1]
        return f"{said} The model after {last} updates (cost {cost:.6g}) is this error's .model"


def halved(run: Run, error: DivergenceError) -> State:
    """The state to go back to, at half the learning rate; raises the error unless that was asked for."""
    state = error.state
    if run.asked.on_divergence != "halve" or len(state.halvings) >= MOST_HALVINGS:
        raise error
    return replace(state, halvings=(*state.halvings, state.iteration))


class _FoundError(Exception):
    """The search has found the first update that is not finite."""


class _Search:
    """Takes the place of a recorder, and ends the loop where theta or the cost is not finite.

    Parameters
    ----------
    run, state
        Where the loop starts.
    before : array (p,)
        Finite parameters before those of the state.
    """

    watched = True

    def __init__(self, run: Run, state: State, before: Array) -> None:
        self._xp, self._batches = run.backend.xp, run.batch_size is not None
        self.rng = generator(state.random)
        self.batch_costs: list[float] = []
        # The newest parameters, those before them, and the updates that led to the newest.
        self._theta, self.before = state.theta, before
        self.iteration = state.iteration
        self._first = True

    def note(
        self,
        iteration: int,
        theta: Array,
        J: Any,
        learning_rate: float,
        after: Any,
        *,
        last: bool,
        stops: bool = False,
        used: Array | None = None,
    ) -> bool:
        return self._passed(theta, J, moved=not self._batches)

    def passed(self, theta: Array, J: Any = None, after: Any = None) -> bool:
        return self._passed(theta, J, moved=not self._batches or after is None)

    def _passed(self, theta: Array, J: Any, *, moved: bool) -> bool:
        """Full batches come with J at theta, once each; mini-batches after each update and epoch."""
        # The first parameters of full batches are those of the state.
        if moved and (self._batches or not self._first):
            self._theta, self.before = theta, self._theta
            self.iteration += 1
        self._first = False
        finite = bool(self._xp.all(self._xp.isfinite(theta)))
        if not finite or not (J is None or math.isfinite(float(J))):
            raise _FoundError
        return False


def origin_of(
    loop: Callable[..., Any], run: Run, data: Placed, state: State, before: Array
) -> Origin | None:
    """Run a loop again from an earlier state to find where it diverges; None if it does not again.

    `before` are finite parameters older than those of the state.
    """
    search = _Search(run, state, before)
    try:
        loop(run, data, state, search)
    except _FoundError:
        return _origin(run, data, search.before, search.iteration)
    return None


def _origin(run: Run, data: Placed, theta: Array, iteration: int) -> Origin:
    """Largest |Z| and gradient at theta, the last finite parameters."""
    to_host = run.backend.to_host
    _, gradient = data.objective.cost_and_gradient(theta, data.examples)
    flat = to_host(gradient).astype(np.float64)
    norms, start = {}, 0
    for letter, number, (rows, columns), _ in parameter_shapes(run.network):
        stop = start + rows * columns
        name = f"{letter}[{number}]" if number else letter
        norms[name], start = np.linalg.norm(flat[start:stop]), stop
    largest = _largest_outputs(run, data, to_host(theta).astype(np.float64))
    layer = max(range(len(largest)), key=lambda each: largest[each])
    return Origin(
        iteration,
        layer + 1,
        largest[layer],
        # A norm that is not finite counts as the largest.
        max(norms, key=lambda each: norms[each] if math.isfinite(norms[each]) else math.inf),
        float(np.linalg.norm(list(norms.values()))),
    )


def _largest_outputs(run: Run, data: Placed, theta: np.ndarray) -> list[float]:
    """The largest |Z[l]| of each layer in float64, over blocks that are spread over the examples."""
    X, network = data.examples.X, run.network
    backend = numpy_backend("numpy")
    of_block = first_activations_on(backend, network, data.standardization, "float64")
    blocks = min(-(-X.m // _OF_A_BLOCK), _LOOKED_AT // _OF_A_BLOCK)
    largest = [0.0] * len(network.activations)
    for start in np.linspace(0, max(0, X.m - _OF_A_BLOCK), blocks).astype(int).tolist():
        given = run.backend.to_host(X.block(start, min(X.m, start + _OF_A_BLOCK)))
        block = np.asarray(given, dtype=np.float64)
        for parameters in member_parameters(theta, network, xp=np):
            first, g = of_block.of(parameters, block), network.activations
            _, caches = linear_output(first.A, first.layers, g, mixes=first.mixes, xp=np)
            largest = [
                max(most, float(np.abs(Z).max()))
                for most, (_, Z) in zip(largest, caches, strict=True)
            ]
    return largest
