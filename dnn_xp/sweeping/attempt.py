"""One training of a sweep up to a rung, and what came of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any, Self

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.model.history import History, StopReason
from dnn_xp.sweeping.shelf import Shelf
from dnn_xp.training.descent import advance
from dnn_xp.training.divergence import DivergenceError, halved
from dnn_xp.training.placed import Placed
from dnn_xp.training.run import Run
from dnn_xp.training.state import Report, State
from dnn_xp.training.train import placed


class TrialStatus(Enum):
    """What became of a point of a sweep."""

    FINISHED = "finished"  # trained to its end
    HALVED = "halved"  # others were better at the end of a rung
    FAILED = "failed"  # the training diverged
    WAITING = "waiting"  # the sweep was interrupted before its end


@dataclass(frozen=True, slots=True)
class Attempt:
    """The training of a point up to the end of a rung.

    Attributes
    ----------
    point, rung : int
        Their numbers.
    status : TrialStatus
        WAITING where the training may go on.
    reason : str
        Why it ended, in words.
    report : Report, optional
        The figures at the parameters that are kept; None where the first cost was not finite.
    length : int
        Iterations or epochs that are done.
    kept : int
        Those after which patience found the parameters that are kept; else `length`.
    history : History
        All reports.
    """

    point: int
    rung: int
    status: TrialStatus
    reason: str
    report: Report | None
    length: int
    kept: int
    history: History

    def loss(self, by: str) -> float:
        """What is to be low; NaN where the training failed."""
        if self.report is None or self.status is TrialStatus.FAILED:
            return math.nan
        return self.report.validation_cost if by == "cost" else -self.report.score

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a line of a file."""
        return asdict(self) | {"status": self.status.value, "report": self.report}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `to_dict`, also after JSON, which has no tuples."""
        history, report = dict(plain["history"]), plain["report"]
        metrics = {name: tuple(values) for name, values in history.pop("metrics").items()}
        listed = {name: tuple(values) for name, values in history.items()}
        made = {
            "status": TrialStatus(plain["status"]),
            "report": None if report is None else Report(*report),
            "history": History(**listed, metrics=metrics),
        }
        return cls(**plain | made)


def length_of(run: Run) -> int:
    """Iterations (full batch) or epochs (mini-batches) of a whole training."""
    return (run.iterations if run.batch_size is None else run.epochs) or 0


def attempted(
    shelf: Shelf, run: Run, state: State | None, *, point: int, rung: int, until: int
) -> tuple[Attempt, State | None]:
    """Train from `state`, or from the start, up to `until` iterations or epochs; no state of what failed.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C; `state` is as it was.
    """
    with placed(shelf.begun(run), shared=shelf.shared(run)) as (data, first):
        state = state or first
        try:
            state = _advanced(run, data, state, until)
        except (DivergenceError, ArgumentValueError) as error:
            return _failed(error, state, data, point, rung), None
    if state.stopped is StopReason.INTERRUPTED:
        raise KeyboardInterrupt
    if not state.finished and length_of(run) == 0:
        state = state.ended(StopReason.COMPLETED)
    status = TrialStatus.FINISHED if state.finished else TrialStatus.WAITING
    kept = state.report
    if state.best is not None:
        kept = next(each for each in state.listed() if each.iteration == state.best_iteration)
    attempt = Attempt(
        point,
        rung,
        status,
        "" if state.stopped is None else state.stopped.value,
        kept,
        _done(data, state.report.iteration),
        _done(data, kept.iteration),
        state.history(data.metric),
    )
    return attempt, state


def _advanced(run: Run, data: Placed, state: State, until: int) -> State:
    """The state up to which a point trains, with half the rate where it diverges and that was asked for."""
    while True:
        try:
            return advance(run, data, state, _reports(run, state, until))
        except DivergenceError as error:
            state = halved(run, error)


def _done(data: Placed, iteration: int) -> int:
    """Iterations, or epochs of mini-batches."""
    return iteration if data.batches is None else iteration // data.batches.per_epoch


def _reports(run: Run, state: State, until: int) -> int:
    """Reports from a state to the first one at or after `until` iterations or epochs."""
    every = run.asked.report_every
    wanted = math.ceil(min(until, length_of(run)) / every) + 1  # the first one is at 0
    return max(1, wanted - len(state.listed()))


def _failed(
    error: DivergenceError | ArgumentValueError, state: State, data: Placed, point: int, rung: int
) -> Attempt:
    history = error.model.history if isinstance(error, DivergenceError) else History()
    last: Report | None = None
    if history.iterations:
        scores = history.metrics.get(f"validation_{data.metric}", (math.nan,))
        last = Report(
            history.iterations[-1],
            history.costs[-1],
            history.learning_rates[-1],
            history.seconds[-1],
            (history.validation_costs or (math.nan,))[-1],
            scores[-1],
        )
    done = _done(data, last.iteration) if last else 0
    said = str(error).partition(" The model after ")[0]
    return Attempt(point, rung, TrialStatus.FAILED, said, last, done, done, history)


def stopped(state: State) -> State:
    """The state of a training that an interrupted sweep leaves where it is."""
    return state if state.finished else replace(state, stopped=StopReason.INTERRUPTED)
