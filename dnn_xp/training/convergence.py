"""Warnings after a training whose cost is above that of a constant prediction, or still falling fast."""

from __future__ import annotations

import warnings

import numpy as np

from dnn_xp.backends.choice import level_of_user
from dnn_xp.common.errors import PYTHON, Argument, Part, Pass, Text, Worded, Words, render
from dnn_xp.execution.engine import Engine
from dnn_xp.formulas.lbfgs import LBFGSStop
from dnn_xp.model.history import StopReason
from dnn_xp.training.inputs import Prepared, source_moments
from dnn_xp.training.options import SCALED_COSTS
from dnn_xp.training.placed import Placed
from dnn_xp.training.run import Run
from dnn_xp.training.state import State

# A cost above that of a constant by no more than this share may be one by rounding.
_ROUNDING = 1e-3
# A training is still falling fast when the last tenth of its reports took off more than this share of
# the cost of a constant.
_FAST = 0.05
_FEWEST_REPORTS = 10
# Shorter trainings are not judged where the user chose the length.
_FEW_UPDATES = 20


class ConvergenceWarning(Worded, UserWarning):
    """A training ended above the cost of a constant prediction, or while its cost was falling fast.

    Attributes
    ----------
    reason : Text
        What happened, and what to pass.
    """

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason

    def sentence(self, words: Words = PYTHON) -> str:
        """The reason in the words of one interface."""
        return render(self.reason, words)


def warn_of_convergence(
    run: Run, data: Placed, state: State, prepared: Prepared, engine: Engine
) -> None:
    """Warn where a training that ran to its end is worse than a constant, or was cut short by a default.

    Where the user chose the length, only trainings of `_FEW_UPDATES` or more are compared with a
    constant, and none counts as cut short. Trainings that were stopped by hand are not judged.
    """
    asked = run.asked
    if run.optimizer is None and state.iteration == 0 and run.iterations:
        _warn_of_no_step(run, data, state)
        return
    left_out = asked.iterations is None and asked.epochs is None
    by_hand = state.stopped in (None, StopReason.CALLBACK, StopReason.INTERRUPTED)
    if by_hand or (state.iteration < _FEW_UPDATES and not left_out):
        return
    constant = constant_cost(run, data, prepared, engine)
    # 0: all targets are the same.
    if not np.isfinite(constant) or constant == 0.0:
        return
    costs = [report.cost for report in state.listed()]
    end = costs[-1] if state.best is None else _kept(state)
    if end - constant > _ROUNDING * abs(constant):
        falling = costs[-1] < costs[-1 - max(1, len(costs) // 10)]
        way: tuple[Part, ...] = ("more ", Argument(_length(run)), " or a higher ")
        reason = (
            (
                f"the training ended at cost {end:.4g}, above that of a constant prediction, {constant:.4g}: it has "
                "learned nothing. Take "
            ),
            *(way if falling else ("a lower ",)),
            Argument("learning_rate"),
            *_scaling(data),
        )
        warnings.warn(ConvergenceWarning(reason), stacklevel=level_of_user())
        return
    watched = costs
    if data.held_out is not None:
        watched = [report.validation_cost for report in state.listed()]
    if not left_out or state.stopped is not StopReason.COMPLETED or len(watched) < _FEWEST_REPORTS:
        return
    before = watched[-1 - max(1, len(watched) // 10)]
    if before - watched[-1] > _FAST * abs(constant):
        updates = run.iterations if run.epochs is None else run.epochs
        # Passing a length turns the default penalty off: the advice repeats it.
        l2 = (", ", Argument("l2", run.penalties.l2)) if run.penalties.l2 else ()
        reason = (
            (
                f"the training ended while its cost was falling fast, from {before:.4g} to "
                f"{watched[-1]:.4g} in the last tenth of its {updates} {_length(run)}: "
            ),
            Pass(_length(run), 3 * (updates or 1)),
            *l2,
            *_scaling(data),
        )
        warnings.warn(ConvergenceWarning(reason), stacklevel=level_of_user())


def _warn_of_no_step(run: Run, data: Placed, state: State) -> None:
    """Warn where L-BFGS stopped where it began, unless that is where another training ended."""
    stopped = state.stopped
    if stopped is None or stopped.name not in LBFGSStop.__members__:
        return
    ended = stopped in (StopReason.GRADIENT, StopReason.DECREASE, StopReason.NO_DECREASE)
    if data.start == "warm start" and ended:
        return
    reason = (
        (
            f"L-BFGS stopped after 0 of {run.iterations} iterations, and its parameters are those it "
            f"started from: {LBFGSStop[stopped.name].value}. Take another "
        ),
        Argument("initialization"),
        ", or another ",
        Argument("optimizer"),
        *_scaling(data),
    )
    warnings.warn(ConvergenceWarning(reason), stacklevel=level_of_user())


def constant_cost(run: Run, data: Placed, prepared: Prepared, engine: Engine) -> float:
    """The lowest cost, without penalties and in the units of Y, of a prediction that is the same for all examples.

    From the mean p of Y, weighted as the examples are:

        binary_cross_entropy   sum_k -p log p - (1 - p) log(1 - p)
        softmax_cross_entropy  sum_k -p log p
        poisson                sum_k  p - p log p
        squared_error          sum_k  scale^2 / 2
        huber                  no more than that
    """
    targets, cost = prepared.targets, data.objective.network.cost.name
    if cost in ("squared_error", "huber"):
        if data.target_standardization is not None:
            return float(np.sum(data.target_standardization[1] ** 2) / 2.0)
        moments = source_moments(targets.source, prepared.weights, engine)
        return float(np.sum(moments.M2) / (moments.m or 1) / 2.0)
    if targets.counts is not None and prepared.weights is None:
        # The counts include the validation examples.
        held_out = prepared.validation[0].m if _splits(run) and prepared.validation else 0
        counts = targets.counts.astype(np.float64)
        p = counts[1:] if targets.kind == "binary" else counts
        p = p / (targets.source.m + held_out)
    else:
        p = source_moments(targets.source, prepared.weights, engine).mean[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.where(p > 0.0, -p * np.log(p), 0.0)
        if cost == "poisson":
            return float(np.sum(p + information))
        if cost == "binary_cross_entropy":
            information += np.where(p < 1.0, -(1.0 - p) * np.log1p(-p), 0.0)
    return float(np.sum(information))


def _splits(run: Run) -> bool:
    """Whether the examples to validate on are some of those given to train on."""
    return run.asked.validation is not None


def _scaling(data: Placed) -> tuple[Part, ...]:
    """The options that would standardize what is not."""
    output, cost = data.objective.network.activations[-1].name, data.objective.network.cost.name
    raw = {
        "standardize": data.standardization is None,
        "standardize_targets": data.target_standardization is None
        and (output == "identity" and cost in SCALED_COSTS),
    }
    return tuple(
        part for name, missing in raw.items() if missing for part in (", ", Pass(name, True))
    )


def _length(run: Run) -> str:
    return "iterations" if run.batch_size is None else "epochs"


def _kept(state: State) -> float:
    """The training cost at the parameters that were kept."""
    costs = {report.iteration: report.cost for report in state.listed()}
    return costs[state.best_iteration]
