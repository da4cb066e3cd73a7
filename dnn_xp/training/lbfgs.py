"""L-BFGS on all examples: steps of :mod:`dnn_xp.formulas.lbfgs`, and their reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnn_xp.formulas.lbfgs import lbfgs_init, lbfgs_step
from dnn_xp.formulas.types import Array

if TYPE_CHECKING:
    from dnn_xp.training.descent import Descent

# Stop when the cost falls by less than this times max(|J|, 1) in a step, SciPy's default; and when
# no entry of the gradient is larger.
DECREASE_TOLERANCE = 2.2e-9
GRADIENT_TOLERANCE = 1e-6


def lbfgs(
    descent: Descent, theta: Array, iterations: int, *, memory: int = 10, max_line_search: int = 20
) -> Array:
    """`iterations` steps of L-BFGS at most, on the device and in the dtype of theta."""
    objective, recorder, every = descent.objective, descent.recorder, descent.report_every
    xp = objective.backend.xp

    def evaluate(theta: Array) -> tuple[Array, Array]:
        return objective.cost_and_gradient(theta, descent.examples)

    state, stop = lbfgs_init(evaluate, theta), None
    if recorder.report(0, state.theta, state.J, 0.0):
        return state.theta
    while stop is None and state.iteration < iterations:
        before = state.iteration
        state, stop = lbfgs_step(
            evaluate,
            state,
            memory=memory,
            gradient_tolerance=GRADIENT_TOLERANCE,
            decrease_tolerance=DECREASE_TOLERANCE,
            max_evaluations=max_line_search,
            xp=xp,
        )
        if stop is not None and state.iteration < iterations:
            recorder.stopped_because = (
                f"L-BFGS stopped after {state.iteration} iterations: {stop.value}"
            )
        last = stop is not None or state.iteration == iterations
        # A step that could not be taken has nothing to report unless the last one was not due.
        moved = state.iteration > before or state.iteration % every != 0
        due = last or state.iteration % every == 0
        if moved and due and recorder.report(state.iteration, state.theta, state.J, 0.0):
            break
    return state.theta
