"""Watches a training within `advance`: figures, validation, early stopping, states to keep, divergence."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnn_xp.common.errors import Argument, Pass
from dnn_xp.data.finite import check_cost
from dnn_xp.execution.scoring import score
from dnn_xp.formulas.types import Array
from dnn_xp.model.history import StopReason
from dnn_xp.training.divergence import DivergenceError
from dnn_xp.training.first_cost import first_cost_refused
from dnn_xp.training.state import Report, Reports, State, as_json, generator
from dnn_xp.training.watch import After, Watch

if TYPE_CHECKING:
    from dnn_xp.training.placed import Placed
    from dnn_xp.training.run import Run
    from dnn_xp.training.specification import Specification

# Most costs fetched together, and most values in the parameters that are kept until then.
REPORTS_AT_ONCE = 32
_HELD = 1 << 24


class _Mark(NamedTuple):
    """What a recorder knows at a report, from which a state is made when it is asked for."""

    after: After
    random: Any
    batch_costs: int
    reports: Reports
    last: Array | None
    best: Array | None
    best_cost: float
    best_iteration: int
    since_best: int


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
    watch : Watch, optional
        As of `advance`.
    """

    def __init__(
        self, run: Run, data: Placed, state: State, reports: int, watch: Watch | None = None
    ) -> None:
        self._run = run
        self._data = data
        self._left = reports
        self._clock = time.perf_counter() - state.seconds
        asked = run.asked
        watched = data.held_out is not None or asked.patience is not None or _keeps_best(asked)
        self._halves = asked.on_divergence == "halve"
        one_by_one = reports == 1 or watched or self._halves
        self._fetch = None if one_by_one else data.fetch
        self._watch = watch
        self._waiting: list[tuple[int, Array, Array | float, float, float]] = []
        self._start = state
        self._rng: np.random.Generator | None = None
        self._random: Any = None
        self._reports = state.reports
        self._last = state.last
        self._best, self._best_cost = state.best, state.best_cost
        self._best_iteration, self._since_best = state.best_iteration, state.since_best
        self._start_cost = state.start_cost
        # The mean cost of each epoch's batches; a state has those up to its last report.
        self.batch_costs = list(state.batch_costs)
        self.stopped: StopReason | None = None
        after = state.theta, state.optimizer, state.iteration, state.epoch, state.numbers
        # The newest state, and the newest one up to which all costs were fetched.
        self._mark = self._sound = self._marked(after)
        self._good: _Mark | None = None

    @property
    def rng(self) -> np.random.Generator:
        """The generator of shuffles and dropout masks, where the state left it."""
        if self._rng is None:
            self._rng = generator(self._start.random)
        return self._rng

    @property
    def watched(self) -> bool:
        """Whether updates between reports are to be passed on."""
        return self._watch is not None

    def note(
        self,
        iteration: int,
        theta: Array,
        J: Array | float,
        learning_rate: float,
        after: After,
        *,
        last: bool,
        stops: bool = False,
        used: Array | None = None,
    ) -> bool:
        """Take a report, now or with the next ones; whether to return from `advance`.

        `after` is where the training goes on; `last` says that it does not, and `stops` that a
        longer one does not either; `used` are the parameters that J is the cost of, theta when left out.
        """
        theta = theta if used is None else used
        self._left -= 1
        ends = last and not stops and self._watch is not None
        if ends and not self._reported_anyway(after):
            self._end(after)
        if self._fetch is None:
            self._report(iteration, theta, float(J), learning_rate, self._elapsed())
            # A divergence goes back to a state whose cost is finite and no higher than at the start.
            if self._halves and self._newest_cost <= self._start_cost:
                self._good = self._mark
            # Last, so that Ctrl-C during a report leaves the report before it.
            self._mark = self._sound = self._marked(after)
        else:
            self._waiting.append((iteration, theta, J, learning_rate, self._elapsed()))
            full = len(self._waiting) * theta.shape[0] >= min(
                _HELD, REPORTS_AT_ONCE * theta.shape[0]
            )
            if full:
                self._flush()
            self._mark = self._marked(after)
            if full:
                self._sound = self._mark
        if ends and self._reported_anyway(after):
            self._end(after)
        leave = self._left <= 0 or self.stopped is not None
        if not (leave or last or stops):
            self._keep(after)
        return leave or (self._watch is not None and self._watch.requested)

    def passed(
        self, theta: Array, J: Array | float | None = None, after: After | None = None
    ) -> bool:
        """Take note of an update without a report; whether to return from `advance`."""
        assert self._watch is not None
        # With halving, only states of reports are kept: a divergence goes back to one.
        if after is not None and not self._halves:
            if self._watch.requested or self._watch.due(_progress(after)):
                self._flush()
                self._mark = self._marked(after)
            self._keep(after)
        return self._watch.requested

    def _reported_anyway(self, after: After) -> bool:
        """Whether a longer training goes on from after this report, not from before it."""
        full_batch = self._run.optimizer is not None and self._run.batch_size is None
        due = _progress(after) % self._run.asked.report_every == 0
        return due and not (full_batch or self._halves)

    def _end(self, after: After) -> None:
        assert self._watch is not None
        if not self._halves:
            self._flush()
            self._mark = self._marked(after)
        self._watch.end(self.state())

    @property
    def _newest_cost(self) -> float:
        return math.inf if self._reports is None else self._reports[0].cost

    def _keep(self, after: After) -> None:
        if self._watch is not None and self._watch.due(_progress(after)):
            self._watch.take(self.state())

    def _marked(self, after: After) -> _Mark:
        if self._rng is not None:
            self._random = self._rng.bit_generator.state
        return _Mark(
            after,
            self._random,
            len(self.batch_costs),
            self._reports,
            self._last,
            self._best,
            self._best_cost,
            self._best_iteration,
            self._since_best,
        )

    def state(self, stopped: StopReason | None = None) -> State:
        """The state after the last report, of a training that `stopped` there if it has not before."""
        self._flush()
        mark = self._mark
        if self._fetch is not None:
            mark = mark._replace(reports=self._reports, last=self._last)
        good = self._start.good
        if self._good is not None:
            good = self._state_at(self._good)
        return replace(self._state_at(mark), good=good, stopped=self.stopped or stopped)

    def state_before(self) -> State:
        """The state after a report, as new as is known, up to which all costs were finite."""
        return self._state_at(self._sound)

    def _state_at(self, mark: _Mark) -> State:
        theta, optimizer, iteration, epoch, *numbers = mark.after
        return State(
            theta=theta,
            optimizer=optimizer,
            random=self._start.random if mark.random is None else as_json(mark.random),
            iteration=iteration,
            epoch=epoch,
            numbers=numbers[0] if numbers else (),
            seconds=self._elapsed(),
            reports=mark.reports,
            last=mark.last,
            best=mark.best,
            best_cost=mark.best_cost,
            best_iteration=mark.best_iteration,
            since_best=mark.since_best,
            batch_costs=tuple(self.batch_costs[: mark.batch_costs]),
            start_cost=self._start_cost,
            halvings=self._start.halvings,
            notes=self._start.notes,
        )

    def _flush(self) -> None:
        """Fetch and report the pending costs."""
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
        if self._reports is None:
            self._start_cost = cost
        report = Report(iteration, cost, learning_rate, seconds, validation_cost, validation_score)
        self._reports, self._last = (report, self._reports), theta
        asked = self._run.asked
        if not _keeps_best(asked):
            return
        by_score = asked.keep_best == "score" and data.held_out is not None
        if by_score:
            watched = -validation_score
        if watched < self._best_cost or (by_score and watched == self._best_cost):
            self._best, self._best_cost = theta, watched
            self._best_iteration, self._since_best = iteration, 0
            return
        self._since_best += 1
        if asked.patience is not None and self._since_best >= asked.patience:
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
        state = self._state_at(self._sound)
        kept = replace(state, reports=self._reports, last=self._last)
        if self._halves:
            state = self._start.good or self._start
            if self._good is not None:
                state = self._state_at(self._good)
        raise DivergenceError(reason, self._data.model(self._run, kept), state)


def _keeps_best(asked: Specification) -> bool:
    """Whether the best parameters so far are kept: to stop early, or for the model."""
    return asked.patience is not None or asked.keep_best is not None


def _progress(after: After) -> int:
    """Epochs of mini-batches, or iterations."""
    return after[3] or after[2]
