"""sweep: many trainings of the same data, compared on the same examples. It assembles; the parts are elsewhere."""

from __future__ import annotations

import math
import sys
from typing import Any

from dnn_xp.common.contexts import in_own_context
from dnn_xp.model.history import History, StopReason
from dnn_xp.model.model import Model
from dnn_xp.sweeping.arguments import SweepArguments
from dnn_xp.sweeping.attempt import Attempt, TrialStatus, attempted, length_of, stopped
from dnn_xp.sweeping.journal import Journal
from dnn_xp.sweeping.points import Point
from dnn_xp.sweeping.result import Sweep, Trial
from dnn_xp.sweeping.rungs import rung_lengths, survivors
from dnn_xp.sweeping.shelf import Shelf
from dnn_xp.training.arguments import takes
from dnn_xp.training.convergence import warn_of_convergence
from dnn_xp.training.state import State
from dnn_xp.training.train import placed

# Options that change no bit of a result.
_FREE = ("verbose", "threads", "fallback")


@takes(SweepArguments)
@in_own_context
def sweep(arguments: SweepArguments) -> Sweep:
    """Train a point for each combination of options, and keep the model that does best on examples held out.

    A point is a :class:`Specification` and trains as :func:`dnn_xp.train` trains it: the same bits.
    The examples are read, split, checked and placed once. With ``eta`` the points are compared in
    rungs, of which the best ``ceil(n / eta)`` go on where they stopped (successive halving).

    Parameters
    ----------
    {parameters}

    Returns
    -------
    Sweep
        ``model``, ``best``, ``trials``, ``table()``, ``refit(X, Y)`` and ``plot()``. The same
        arguments give the same result for any number of threads, and after an interruption. Ctrl-C
        returns the sweep so far.

    Raises
    ------
    TypeError, ValueError
        As :func:`dnn_xp.train`, for any point, before the first one is trained; and for a ``file``
        of another sweep, with the differences.
    RuntimeError
        When every point diverged.

    References
    ----------
    Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization,
    AISTATS 2016.

    Examples
    --------
    >>> import numpy as np, dnn_xp
    >>> X = np.random.default_rng(0).standard_normal((2, 300))
    >>> found = dnn_xp.sweep(
    ...     X, X[0] * X[1] > 0, {"hidden": [(), (16,)], "learning_rate": [0.1, 0.01]}, iterations=100
    ... )
    >>> found.best.options["hidden"], len(found.trials), found.model.sizes
    ((16,), 4, (2, 16, 1))
    """
    sweeping = _Sweeping(arguments)
    interrupted = False
    try:
        sweeping.run()
    except KeyboardInterrupt:
        if not sweeping.states:
            raise
        interrupted = True
    return sweeping.result(interrupted)


class _Sweeping:
    """A sweep on its way: the newest attempt of each point, and the states that may be needed."""

    def __init__(self, arguments: SweepArguments) -> None:
        self.arguments = arguments
        self.points = arguments.listed()
        self.shelf = Shelf(arguments)
        self.runs = self.shelf.decided(self.points)
        longest = max(map(length_of, self.runs))
        self.lengths = rung_lengths(len(self.points), longest, arguments.eta, arguments.shortest)
        self.journal = Journal(arguments.file, _header(self) if arguments.file else {})
        self.newest: dict[int, Attempt] = {}
        self.states: dict[int, State] = {}
        self.halved: dict[int, str] = {}

    def run(self) -> None:
        """Train rung by rung."""
        live = [each.number for each in self.points]
        for rung, length in enumerate(self.lengths):
            for number in live:
                before = self.newest.get(number)
                if before is None or before.status is TrialStatus.WAITING:
                    self._attempt(number, rung, length)
            if rung + 1 < len(self.lengths):
                live = self._halve(live, length)

    def _attempt(self, number: int, rung: int, length: int) -> None:
        """Train a point up to the end of a rung, or read what the file says of that."""
        run = self.runs[number]
        written = self.journal.get(number, rung)
        if written is None:
            attempt, state = attempted(
                self.shelf, run, self.states.get(number), point=number, rung=rung, until=length
            )
            if state is not None and not self._is_of_use(attempt):
                state = None
            saved = None
            if state is not None and self.arguments.file is not None:
                saved = state.to_bytes(run.backend)
            self.journal.add(attempt.to_dict(), saved)
        else:
            plain, saved = written
            attempt = Attempt.from_dict(plain)
            state = None if saved is None else State.from_bytes(saved, run.backend)
        self.newest[number] = attempt
        self.states.pop(number, None)
        if state is not None:
            self.states[number] = state
        if self.arguments.verbose:
            self._tell(attempt, read=written is not None)

    def _is_of_use(self, attempt: Attempt) -> bool:
        """Whether a state may be gone on with, or become the best: below all that finished before."""
        if attempt.status is TrialStatus.WAITING:
            return True
        loss = attempt.loss(self.arguments.by)
        finished = [
            each.loss(self.arguments.by)
            for each in self.newest.values()
            if each.status is TrialStatus.FINISHED
        ]
        return all(math.isnan(each) or loss < each for each in finished)

    def _halve(self, live: list[int], length: int) -> list[int]:
        """The points that go on; the states of the others are dropped."""
        assert self.arguments.eta is not None
        losses = {number: self.newest[number].loss(self.arguments.by) for number in live}
        going_on = survivors(losses, self.arguments.eta)
        for number in set(live) - set(going_on):
            if self.newest[number].status is not TrialStatus.FAILED:
                place = 1 + sum(each < losses[number] for each in losses.values())
                self.halved[number] = (
                    f"{place} of {len(live)} after {length}; the best {len(going_on)} went on"
                )
            self.states.pop(number, None)
        return going_on

    def _tell(self, attempt: Attempt, *, read: bool) -> None:
        point = self.points[attempt.point]
        said = attempt.reason if attempt.report is None else ""
        if attempt.report is not None:
            said = f"validation cost {attempt.report.validation_cost:.6g} after {attempt.length}"
        if attempt.status is TrialStatus.FAILED:
            said = attempt.reason
        source = " (from the file)" if read else ""
        line = f"point {point.number + 1} of {len(self.points)}: {point}: {said}{source}"
        print(line, file=sys.stderr)

    def result(self, interrupted: bool) -> Sweep:
        """The best of those that went furthest, its model, and all trials."""
        by = self.arguments.by
        able = [
            each
            for number, each in self.newest.items()
            if number in self.states and not math.isnan(each.loss(by))
        ]
        if not able:
            raise RuntimeError(
                f"all {len(self.points)} points of the sweep failed; the first: "
                f"{self.newest[0].reason}"
            )
        furthest = [each for each in able if each.status is TrialStatus.FINISHED] or [
            each for each in able if each.rung == max(other.rung for other in able)
        ]
        best = min(furthest, key=lambda each: (each.loss(by), each.point))
        model = self._model(best, warn=not interrupted)
        trials = tuple(map(self._trial, self.points))
        metric = "r2" if model.kind == "regression" else "accuracy"
        reason = StopReason.INTERRUPTED if interrupted else StopReason.COMPLETED
        return Sweep(model, trials[best.point], trials, by, metric, reason)

    def _model(self, best: Attempt, *, warn: bool) -> Model:
        run, state = self.runs[best.point], stopped(self.states[best.point])
        begun = self.shelf.begun(run)
        with placed(begun, shared=self.shelf.shared(run)) as (data, _):
            if warn:
                warn_of_convergence(run, data, state, begun.prepared, data.objective.engine)
            return data.model(run, state)

    def _trial(self, point: Point) -> Trial:
        attempt = self.newest.get(point.number)
        if attempt is None:
            nan = math.nan
            status, reason = TrialStatus.WAITING, "not begun when the sweep was interrupted"
            return Trial(*point, status, reason, 0, 0, nan, nan, nan, 0.0, History())
        status, reason, report = attempt.status, attempt.reason, attempt.report
        if point.number in self.halved:
            status, reason = TrialStatus.HALVED, self.halved[point.number]
        elif status is TrialStatus.WAITING:
            reason = "not at its end when the sweep was interrupted"
        return Trial(
            *point,
            status,
            reason,
            attempt.length,
            attempt.kept,
            math.nan if report is None else report.cost,
            math.nan if report is None else report.validation_cost,
            math.nan if report is None else report.score,
            attempt.history.seconds[-1] if attempt.history.seconds else 0.0,
            attempt.history,
        )


def _header(sweeping: _Sweeping) -> dict[str, Any]:
    """What has to be the same for a file to be gone on with."""
    arguments = sweeping.arguments
    base = arguments.specification.to_dict()
    return {
        "specification": {name: value for name, value in base.items() if name not in _FREE},
        "points": [_varied(each) for each in sweeping.points],
        "lengths": sweeping.lengths,
        "eta": arguments.eta,
        "by": arguments.by,
        "data": sweeping.shelf.description(),
    }


def _varied(point: Point) -> dict[str, Any]:
    plain = point.specification.to_dict()
    return {name: plain[name] for name in point.options}
