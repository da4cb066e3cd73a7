"""Watches a training: history, validation, early stopping, divergence, callbacks and what is printed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dnn_xp.common.errors import (
    PYTHON,
    Argument,
    ArgumentValueError,
    Pass,
    Text,
    Worded,
    Words,
    render,
)
from dnn_xp.model.history import History
from dnn_xp.training.progress import Progress

if TYPE_CHECKING:
    from dnn_xp.execution.scoring import Evaluation
    from dnn_xp.formulas.types import Array
    from dnn_xp.model.model import Model

# Costs fetched together, at most, and numbers that the parameters kept meanwhile may hold.
_AT_ONCE = 32
_HELD = 1 << 24

Callback = Callable[[int, float, "Model"], Any]


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
    """Takes (iteration, theta, cost) at each report and says whether to stop.

    Parameters
    ----------
    make_model : callable
        theta -> Model, for callbacks and for the error of a divergence.
    validate : callable, optional
        theta -> Evaluation on the validation examples.
    patience : int, optional
        Stop after so many reports in a row without a lower validation cost (training cost without
        validation).
    callbacks : sequence of callable
        Called with (iteration, cost, model); a true answer stops the training.
    progress : Progress
        What is printed meanwhile.
    fetch : callable, optional
        Costs on a device -> numbers. With it, the costs of several reports are fetched together,
        since the device would be waited for each time; without it, and wherever a report may stop
        the training or is looked at, they are fetched one by one.
    """

    def __init__(
        self,
        make_model: Callable[[Array, Recorder], Model],
        *,
        validate: Callable[[Array], Evaluation] | None,
        patience: int | None,
        callbacks: Sequence[Callback],
        progress: Progress,
        fetch: Callable[[list[Array]], list[float]] | None = None,
    ) -> None:
        self._make_model = make_model
        watched = validate is not None or patience is not None or callbacks
        self._fetch = None if watched else fetch
        self._waiting: list[tuple[int, Array, Array, float, float]] = []
        self._validate = validate
        self._patience = patience
        self._callbacks = callbacks
        self._progress = progress
        self._start = time.perf_counter()
        self._iterations: list[int] = []
        self._costs: list[float] = []
        self._validation_costs: list[float] = []
        self._metrics: dict[str, list[float]] = {}
        self._learning_rates: list[float] = []
        self._seconds: list[float] = []
        self._reports_since_best = 0
        self._best_cost = math.inf
        self.best_theta: Array | None = None
        self.best_iteration = 0
        self.last_theta: Array | None = None
        self.stopped_because = ""

    def note(self, iteration: int, theta: Array, J: Array, learning_rate: float) -> bool:
        """`report` of a cost that is an array, now or with the next ones."""
        if self._fetch is None:
            return self.report(iteration, theta, float(J), learning_rate)
        self._waiting.append((iteration, theta, J, learning_rate, self._elapsed()))
        if len(self._waiting) * theta.shape[0] >= min(_HELD, _AT_ONCE * theta.shape[0]):
            self.flush()
        return False

    def flush(self) -> None:
        """Fetch and report the costs that wait."""
        waiting, self._waiting = self._waiting, []
        if self._fetch is None or not waiting:
            return
        costs = self._fetch([J for _, _, J, _, _ in waiting])
        for (iteration, theta, _, learning_rate, seconds), cost in zip(waiting, costs, strict=True):
            self.report(iteration, theta, float(cost), learning_rate, seconds=seconds)

    def report(
        self,
        iteration: int,
        theta: Array,
        cost: float,
        learning_rate: float,
        *,
        seconds: float | None = None,
    ) -> bool:
        """Note the figures at `theta`; True when the training should stop here."""
        if not math.isfinite(cost):
            self._diverged(iteration, cost, learning_rate)
        validation = None if self._validate is None else self._validate(theta)
        self._iterations.append(iteration)
        self._costs.append(cost)
        self._learning_rates.append(learning_rate)
        self._seconds.append(self._elapsed() if seconds is None else seconds)
        watched = cost
        if validation is not None:
            watched = validation.cost
            self._validation_costs.append(validation.cost)
            self._metrics.setdefault(f"validation_{validation.metric}", []).append(validation.score)
        self.last_theta = theta
        self._progress.report(iteration, cost, validation)
        stop = self._out_of_patience(iteration, watched, theta)
        for callback in self._callbacks:
            if callback(iteration, cost, self._make_model(theta, self)):
                self.stopped_because = f"a callback asked to stop at iteration {iteration}"
                stop = True
        return stop

    def history(self) -> History:
        """What was noted so far."""
        return History(
            iterations=tuple(self._iterations),
            costs=tuple(self._costs),
            validation_costs=tuple(self._validation_costs),
            metrics={name: tuple(values) for name, values in self._metrics.items()},
            learning_rates=tuple(self._learning_rates),
            seconds=tuple(self._seconds),
        )

    def _elapsed(self) -> float:
        return time.perf_counter() - self._start

    def _out_of_patience(self, iteration: int, watched: float, theta: Array) -> bool:
        if watched < self._best_cost:
            self._best_cost, self.best_theta, self._reports_since_best = watched, theta, 0
            self.best_iteration = iteration
            return False
        self._reports_since_best += 1
        if self._patience is None or self._reports_since_best < self._patience:
            return False
        kind = "validation cost" if self._validate is not None else "cost"
        self.stopped_because = (
            f"the {kind} had not fallen for {self._patience} reports; "
            f"the parameters of iteration {self.best_iteration}, with the lowest one, were kept"
        )
        return True

    def _diverged(self, iteration: int, cost: float, learning_rate: float) -> None:
        rate = f" (learning_rate was {learning_rate:.3g})" if learning_rate else ""
        if self.last_theta is None:
            raise ArgumentValueError(
                "X",
                f"a cost of {cost} before the first update",
                "of a scale at which the cost of the initial parameters is finite",
                (Pass("standardize", True), ", or a smaller ", Argument("initialization")),
            )
        reason = (
            f"the training diverged: the cost is {cost} after {iteration} updates{rate}. Lower ",
            *(Argument("learning_rate"), ", ", Pass("standardize", True)),
            *(", or clip gradients: ", Pass("clip_norm", 1.0), "."),
        )
        raise DivergenceError(reason, self._make_model(self.last_theta, self))
