"""Watches a training within `advance`: figures, validation, early stopping, divergence."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dnn_xp.common.errors import (
    PYTHON,
    Argument,
    Pass,
    Text,
    Worded,
    Words,
    render,
)
from dnn_xp.data.finite import check_cost
from dnn_xp.execution.scoring import score
from dnn_xp.formulas.types import Array
from dnn_xp.model.history import StopReason
from dnn_xp.training.first_cost import first_cost_refused
from dnn_xp.training.state import Report, State, as_json, generator

if TYPE_CHECKING:
    from dnn_xp.model.model import Model
    from dnn_xp.training.placed import Placed
    from dnn_xp.training.run import Run

# Costs fetched together, at most, and numbers that the parameters kept meanwhile may hold.
REPORTS_AT_ONCE = 32
_HELD = 1 << 24

# Where a training goes on after a report: theta, the optimizer's arrays, iteration, epoch and, of
# L-BFGS, numbers.
After = (
    tuple[Array, tuple[Array, ...], int, int]
    | tuple[Array, tuple[Array, ...], int, int, tuple[float, ...]]
)


class DivergenceError(Worded, RuntimeError):
    """The cost became NaN or infinite.

    Attributes
    ----------
    reason : Text
        What happened, and what to change.
    model : Model
        The model at the last report with a finite cost.
    """

    def __init__(self, reason: Text, model: Model) -> None:
        super().__init__(reason, model)
        self.reason = reason
        self.model = model

    def sentence(self, words: Words = PYTHON) -> str:
        """The reason, and in Python where the last finite model is."""
        said = render(self.reason, words)
        if words is not PYTHON:
            return said
        last, cost = self.model.history.iterations[-1], self.model.history.costs[-1]
        return f"{said} The model after {last} updates (cost {cost:.6g}) is this error's .model"


class Recorder:
    """Takes (iteration, theta, cost) at each report of one `advance`, and says when to return.

    Where the backend computes asynchronously and several reports may be taken, their costs are
    fetched together, since each fetch waits for the device; costs that may stop the training are
    fetched one by one.

    Parameters
    ----------
    run, data, state
        As of `advance`.
    reports : int
        How many to take.
    """

    def __init__(self, run: Run, data: Placed, state: State, reports: int) -> None:
        self._run = run
        self._data = data
        self._left = reports
        self._clock = time.perf_counter() - state.seconds
        asked = run.asked
        watched = data.held_out is not None or asked.patience is not None
        self._fetch = data.fetch if reports > 1 and not watched else None
        self._waiting: list[tuple[int, Array, Array | float, float, float]] = []
        self._start = state
        self._rng: np.random.Generator | None = None
        self._random: Any = None
        self._after: After = (
            state.theta,
            state.optimizer,
            state.iteration,
            state.epoch,
            state.numbers,
        )
        self._reports = state.reports
        self._last = state.last
        self._best, self._best_cost = state.best, state.best_cost
        self._best_iteration, self._since_best = state.best_iteration, state.since_best
        # The mean cost of each epoch's batches; kept by the state up to its last report.
        self.batch_costs = list(state.batch_costs)
        self._kept_batch_costs = len(self.batch_costs)
        self.stopped: StopReason | None = None

    @property
    def rng(self) -> np.random.Generator:
        """The generator of shuffles and dropout masks, where the state left it."""
        if self._rng is None:
            self._rng = generator(self._start.random)
        return self._rng

    def note(
        self, iteration: int, theta: Array, J: Array | float, learning_rate: float, after: After
    ) -> bool:
        """Take a report, now or with the next ones; whether to return from `advance`.

        `after` is where the training goes on.
        """
        self._left -= 1
        if self._fetch is None:
            self._report(iteration, theta, float(J), learning_rate, self._elapsed())
        else:
            self._waiting.append((iteration, theta, J, learning_rate, self._elapsed()))
            if len(self._waiting) * theta.shape[0] >= min(_HELD, REPORTS_AT_ONCE * theta.shape[0]):
                self._flush()
        # Not before: Ctrl-C while a cost is taken leaves the report before this one.
        self._after = after
        self._kept_batch_costs = len(self.batch_costs)
        if self._rng is not None:
            self._random = self._rng.bit_generator.state
        return self._left <= 0 or self.stopped is not None

    def state(self, stopped: StopReason | None = None) -> State:
        """The state after the last report, of a training that `stopped` there if it has not before."""
        self._flush()
        theta, optimizer, iteration, epoch, *numbers = self._after
        return State(
            theta=theta,
            optimizer=optimizer,
            random=self._start.random if self._random is None else as_json(self._random),
            iteration=iteration,
            epoch=epoch,
            numbers=numbers[0] if numbers else (),
            seconds=self._elapsed(),
            reports=self._reports,
            last=self._last,
            best=self._best,
            best_cost=self._best_cost,
            best_iteration=self._best_iteration,
            since_best=self._since_best,
            batch_costs=tuple(self.batch_costs[: self._kept_batch_costs]),
            stopped=self.stopped or stopped,
        )

    def _flush(self) -> None:
        """Fetch and report the costs that wait."""
        waiting, self._waiting = self._waiting, []
        if self._fetch is None or not waiting:
            return
        costs = self._fetch([J for _, _, J, _, _ in waiting])
        for (iteration, theta, _, learning_rate, seconds), cost in zip(waiting, costs, strict=True):
            self._report(iteration, theta, cost, learning_rate, seconds)

    def _report(
        self, iteration: int, theta: Array, cost: float, learning_rate: float, seconds: float
    ) -> None:
        data, cost = self._data, cost * self._data.objective.unit
        if not math.isfinite(cost):
            self._diverged(iteration, cost, learning_rate)
        watched, validation_cost, validation_score = cost, math.nan, math.nan
        if data.held_out is not None:
            found = score(data.objective, theta, data.held_out, data.kind)
            if self._reports is None:
                check_cost(found.cost, self._run.dtype, "validation X and Y")
            watched = validation_cost = found.cost
            validation_score = found.score
            seconds = self._elapsed()
        report = Report(iteration, cost, learning_rate, seconds, validation_cost, validation_score)
        self._reports, self._last = (report, self._reports), theta
        patience = self._run.asked.patience
        if patience is None:
            return
        if watched < self._best_cost:
            self._best, self._best_cost = theta, watched
            self._best_iteration, self._since_best = iteration, 0
            return
        self._since_best += 1
        if self._since_best >= patience:
            self.stopped = StopReason.PATIENCE

    def _elapsed(self) -> float:
        return time.perf_counter() - self._clock

    def _diverged(self, iteration: int, cost: float, learning_rate: float) -> None:
        rate = f" (learning_rate was {learning_rate:.3g})" if learning_rate else ""
        raw = self._data.standardization is None
        if self._reports is None:
            raise first_cost_refused(cost, self._start.theta, self._data)
        reason = (
            f"the training diverged: the cost is {cost} after {iteration} updates{rate}. Lower ",
            Argument("learning_rate"),
            *((", ", Pass("standardize", True)) if raw else ()),
            *(", or clip gradients: ", Pass("clip_norm", 1.0), "."),
        )
        kept = replace(self._start, reports=self._reports, last=self._last)
        raise DivergenceError(reason, self._data.model(self._run, kept))
