"""The solvers' loops, one step an epoch (mini-batches, full batch) or an iteration (L-BFGS)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from dnn_xp.formulas.dropout import Seeds
from dnn_xp.formulas.lbfgs import LBFGSStop, lbfgs_init, lbfgs_step
from dnn_xp.formulas.types import Array
from dnn_xp.training.descent import draw_seeds, one_epoch
from dnn_xp.training.placed import Placed, rate_at
from dnn_xp.training.run import Run

# SciPy's ftol, which MLPClassifier leaves as it is.
_DECREASE = 2.220446049250313e-09


class Step(NamedTuple):
    """After an epoch or iteration.

    Attributes
    ----------
    theta : array (p,)
        The parameters.
    optimizer : tuple of arrays
        The optimizer's state.
    iteration : int
        Updates so far.
    loss : float
        Of L-BFGS, the cost at theta; else that of the examples before they were updated on.
    stop : LBFGSStop, optional
        Why a further step is of no use.
    evaluations : int
        Of cost and gradient by L-BFGS.
    """

    theta: Array
    optimizer: tuple[Array, ...]
    iteration: int
    loss: float = 0.0
    stop: LBFGSStop | None = None
    evaluations: int = 0


class Loop(NamedTuple):
    """What a loop is made from: the run, its data, and what orders and dropout masks are drawn from."""

    run: Run
    data: Placed
    order: Any
    tol: float
    max_fun: int


def mini_batches(loop: Loop, at: Step) -> Iterator[Step]:
    """Epochs without end."""
    while True:
        epoch = one_epoch(
            loop.run, loop.data, at.theta, at.optimizer, at.iteration, lambda: loop.order
        )
        assert epoch is not None  # nothing ends it
        at = Step(*epoch)
        yield at


def full_batch(loop: Loop, at: Step) -> Iterator[Step]:
    """Updates on all examples, without end."""
    run, data = loop.run, loop.data
    assert data.step is not None
    assert run.optimizer is not None
    seeds: tuple[Seeds, ...] = ()
    while True:
        rate = rate_at(run.learning_rate, at.iteration)
        scalars = run.optimizer.scalars(learning_rate=rate, step=at.iteration + 1)
        if run.drops_out:
            seeds = draw_seeds(run, loop.order, at.iteration)
        J, theta, *optimizer = data.step((at.theta, *at.optimizer), scalars, *seeds)
        at = Step(theta, tuple(optimizer), at.iteration + 1, float(J))
        yield at


def lbfgs(loop: Loop, at: Step) -> Iterator[Step]:
    """Iterations of L-BFGS, up to `max_fun` evaluations, until the gradient is within `tol`."""
    data, xp = loop.data, loop.run.backend.xp

    def evaluate(theta: Array) -> tuple[Array, Array]:
        return data.objective.cost_and_gradient(theta, data.examples, minimized=True)

    state, stop = lbfgs_init(evaluate, at.theta), None
    while stop is None:
        state, stop = lbfgs_step(
            evaluate, state, gradient_tolerance=loop.tol, decrease_tolerance=_DECREASE, xp=xp
        )
        yield Step(state.theta, (), state.iteration, state.J, stop, state.evaluations)
        if state.evaluations >= loop.max_fun:
            return
