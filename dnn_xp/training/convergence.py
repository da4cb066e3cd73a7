"""Whether a training ended where one would want it to: below a constant prediction, and no longer falling fast."""

from __future__ import annotations

import warnings

import numpy as np

from dnn_xp.execution.engine import Engine
from dnn_xp.model.history import StopReason
from dnn_xp.training.inputs import Prepared, source_moments
from dnn_xp.training.placed import Placed
from dnn_xp.training.run import Run
from dnn_xp.training.state import State

# A cost above that of a constant by no more than this share may be one by rounding.
_ROUNDING = 1e-3
# A training is still falling fast when the last tenth of its reports took off more than this share of
# the cost of a constant.
_FAST = 0.02
_FEWEST_REPORTS = 10


class ConvergenceWarning(UserWarning):
    """A training ended above the cost of a constant prediction, or while its cost was falling fast."""


def warn_of_convergence(
    run: Run, data: Placed, state: State, prepared: Prepared, engine: Engine
) -> None:
    """Warn where a training that ran to its end is worse than a constant, or was cut short by a default.

    How many updates are enough is the user's affair where they said it: only a number that was left
    out can be too small. Trainings that were stopped by hand are not judged.
    """
    asked = run.asked
    judged = state.stopped not in (None, StopReason.CALLBACK, StopReason.INTERRUPTED)
    if not judged or state.iteration == 0:
        return
    constant = constant_cost(data, prepared, engine)
    if not np.isfinite(constant) or constant <= 0.0:
        return
    costs = [report.cost for report in state.listed()]
    end = costs[-1] if state.best is None else _kept(state)
    if end > constant * (1.0 + _ROUNDING):
        others = [] if asked.standardize else ["standardize=True"]
        if data.target_standardization is None and run.network.cost.any_activation:
            others.append("standardize_targets=True")
        msg = (
            f"the training ended at cost {end:.4g}, above that of a constant prediction, {constant:.4g}: it has "
            f"learned nothing. Pass a lower learning_rate, {'more ' + _length(run)}"
            + "".join(f", {each}" for each in others)
        )
        warnings.warn(msg, ConvergenceWarning, stacklevel=4)
        return
    left_out = asked.iterations is None and asked.epochs is None
    watched = costs
    if data.held_out is not None:
        watched = [report.validation_cost for report in state.listed()]
    if not left_out or state.stopped is not StopReason.COMPLETED or len(watched) < _FEWEST_REPORTS:
        return
    before = watched[-1 - max(1, len(watched) // 10)]
    fall = (before - watched[-1]) / constant
    if fall > _FAST:
        updates = run.iterations if run.epochs is None else run.epochs
        msg = (
            f"the training ended while its cost was falling fast, from {before:.4g} to {watched[-1]:.4g} in the last "
            f"tenth of its {updates} {_length(run)}. Pass {_length(run)}={3 * (updates or 1)}"
        )
        warnings.warn(msg, ConvergenceWarning, stacklevel=4)


def constant_cost(data: Placed, prepared: Prepared, engine: Engine) -> float:
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
        moments = source_moments(targets.source, prepared.weights, engine)
        return float(np.sum(moments.M2) / (moments.m or 1) / 2.0)
    if targets.counts is not None and prepared.weights is None and prepared.validation is None:
        counts = targets.counts.astype(np.float64)
        if targets.kind == "binary":
            counts = counts[1:]
        p = counts / targets.source.m
    else:
        p = source_moments(targets.source, prepared.weights, engine).mean[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.where(p > 0.0, -p * np.log(p), 0.0)
        if cost == "poisson":
            return float(np.sum(p + information))
        if cost == "binary_cross_entropy":
            information += np.where(p < 1.0, -(1.0 - p) * np.log1p(-p), 0.0)
    return float(np.sum(information))


def _length(run: Run) -> str:
    return "iterations" if run.batch_size is None else "epochs"


def _kept(state: State) -> float:
    """The training cost at the parameters that were kept."""
    costs = {report.iteration: report.cost for report in state.listed()}
    return costs[state.best_iteration]
