"""What comes out of a sweep: the best model, what became of every point, and training on all examples."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from dnn_xp.common.text_tables import text_table
from dnn_xp.model.history import History, StopReason
from dnn_xp.model.model import Model
from dnn_xp.sweeping.attempt import TrialStatus
from dnn_xp.sweeping.points import Point, shown
from dnn_xp.training.specification import Specification
from dnn_xp.training.train import train


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one point of a sweep.

    Attributes
    ----------
    number : int
        Place in the sweep, from 0.
    options : dict
        The options that vary, by name.
    specification : Specification
        All options: ``dnn_xp.train(X, Y, **vars(trial.specification))`` makes the same model again.
    status : TrialStatus
        Its value is "finished", "halved" (others were better), "failed" (it diverged) or "waiting"
        (the sweep was interrupted).
    reason : str
        The same in words.
    length, kept : int
        Iterations (full batch) or epochs (mini-batches) that were done, and those after which the
        parameters were kept: earlier ones with patience.
    cost, validation_cost, score : float
        At the parameters that were kept; NaN where there are none.
    seconds : float
        Time of its training.
    history : History
        All reports.
    """

    number: int
    options: dict[str, Any]
    specification: Specification
    status: TrialStatus
    reason: str
    length: int
    kept: int
    cost: float
    validation_cost: float
    score: float
    seconds: float
    history: History

    def __str__(self) -> str:
        return str(Point(self.number, self.options, self.specification))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sweep:
    """The result of :func:`dnn_xp.sweep`.

    Attributes
    ----------
    model : Model
        The model of the best point, trained on the training part of the examples.
    best : Trial
        Its point.
    trials : tuple of Trial
        Every point, in the order of the sweep.
    by : str
        What was compared: "cost" or "score".
    metric : str
        What `score` is: "accuracy" or "r2".
    stopped : StopReason
        COMPLETED, or INTERRUPTED where Ctrl-C ended the sweep early.
    """

    model: Model
    best: Trial
    trials: tuple[Trial, ...]
    by: str
    metric: str
    stopped: StopReason

    @property
    def ranked(self) -> tuple[Trial, ...]:
        """The points, best first: those that went furthest, then by what was compared; failed ones last."""

        def place(trial: Trial) -> tuple[bool, bool, float, int]:
            loss = trial.validation_cost if self.by == "cost" else -trial.score
            failed = trial.status is TrialStatus.FAILED or math.isnan(loss)
            through = trial.status is TrialStatus.FINISHED
            return failed, not through, math.inf if failed else loss, trial.number

        rest = sorted((each for each in self.trials if each is not self.best), key=place)
        return self.best, *rest

    def table(self, limit: int | None = None) -> str:
        """The points as a table, the best first; at most `limit` of them."""
        names = list(dict.fromkeys(name for each in self.trials for name in each.options))
        rows = [
            (
                str(each.number),
                *(shown(each.options[name]) if name in each.options else "" for name in names),
                _figure(each.validation_cost),
                _figure(each.score),
                _figure(each.cost),
                str(each.length),
                f"{each.seconds:.2f}",
                each.reason if len(each.reason) <= 60 else f"{each.reason[:57]}...",
            )
            for each in self.ranked[:limit]
        ]
        figures = ("validation cost", self.metric, "cost", "length", "seconds")
        right = {0, *range(len(names) + 1, len(names) + 1 + len(figures))}
        return text_table(rows, head=("point", *names, *figures, "status"), right=right)

    def refit(self, X: Any, Y: Any, **given: Any) -> Model:
        """Train the best point on all examples, those that were compared on included.

        With patience the training is as long as the one that was kept, since no examples are left to
        watch, and has its penalty.

        Parameters
        ----------
        X, Y : array, frame or path
            The examples, as :func:`dnn_xp.train` takes them.
        **given
            Further arguments of :func:`dnn_xp.train`, such as ``sample_weight`` or ``seed``.
        """
        return train(X, Y, **vars(self.refit_specification) | given)

    @property
    def refit_specification(self) -> Specification:
        """The options of `refit`: those of the best point without what validation is for."""
        asked = self.best.specification
        changes: dict[str, Any] = {"validation": None, "validation_part": "auto"}
        if asked.patience is not None:
            length = "iterations" if asked.batch_size is None else "epochs"
            changes |= {"patience": None, "iterations": None, "epochs": None}
            changes |= {"l2": self.model.settings["l2"], length: self.best.kept}
        return replace(asked, **changes)

    def plot(self, ax: Any = None) -> Any:
        """The points as lines over one axis for each option and one for the score; an Axes of matplotlib.

        The colour is what was compared, so the options of good points are seen at a glance.
        """
        from dnn_xp.sweeping.plot import plot

        return plot(self, ax)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        found = f"{self.best.validation_cost:.4g}, {self.metric} {self.best.score:.4g}"
        early = "" if self.stopped is StopReason.COMPLETED else ", interrupted"
        return (
            f"Sweep({len(self.trials)} points{early}, best: {self.best}, validation cost {found})"
        )


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
