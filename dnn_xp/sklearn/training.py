"""One fit of an estimator: the library's run, data and steps, scikit-learn's rules between epochs."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from dnn_xp.backends.choice import level_of_user
from dnn_xp.common.contexts import in_own_context
from dnn_xp.data.host import working_dtype
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.data.targets.weights import encode_weights
from dnn_xp.execution.penalties import Penalties
from dnn_xp.execution.scoring import score
from dnn_xp.formulas.types import Array
from dnn_xp.model.history import StopReason
from dnn_xp.model.model import Model
from dnn_xp.sklearn.clusters import computing
from dnn_xp.sklearn.epochs import Loop, Step, full_batch, lbfgs, mini_batches
from dnn_xp.sklearn.parameters import Settings
from dnn_xp.sklearn.solvers import Order, Rate, optimizer_of
from dnn_xp.sklearn.task import Fitted, Task
from dnn_xp.sklearn.watching import Watch
from dnn_xp.training.inputs import Prepared
from dnn_xp.training.placed import Placed
from dnn_xp.training.run import Run, decide
from dnn_xp.training.specification import Specification
from dnn_xp.training.state import State
from dnn_xp.training.train import Begun, Place

_AUTO_BATCH = 200
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need "
    "to be preprocessed."
)


@in_own_context
def fit(task: Task) -> Fitted:
    """Train as the settings say, in this process or on a cluster."""
    with computing(task.settings.client) as (place, recorded):
        fitted = _fitted(task, place)
        return fitted._replace(model=recorded(fitted.model))


def _fitted(task: Task, place: Place) -> Fitted:
    """The fit whose sums are computed where `place` puts the data."""
    settings, X = task.settings, task.given.X
    rate = task.rate or Rate(settings)
    batch_size = _batch_size(settings, X.m)
    dtype = task.model.dtype if task.model else working_dtype(X.dtype)
    asked = _specification(task, rate, batch_size)
    dtype = dtype if task.model else asked.wanted_dtype or dtype
    mean_weight, weights = _weights(task.weights, X.m, dtype)
    held_out, of_held_out = task.held_out, None
    if held_out is not None:
        _, of_held_out = _weights(held_out.weights, held_out.X.m, dtype)
    prepared = Prepared(
        X,
        task.targets,
        weights,
        None if held_out is None else (held_out.X, held_out.targets.source),
        dtype,
        flat_targets=task.flat,
        given=task.given,
        validation_weights=of_held_out,
    )
    run = decide(asked, prepared, model=task.model)
    # Like the loss, the penalty is divided by the weight of the examples of an update.
    m: Any = (batch_size or X.m) * mean_weight
    run = replace(run, penalties=Penalties(settings.alpha, 0.0, m))
    begun = _begun(task, run, prepared)
    with place(begun) as (data, state):
        if task.state is not None:
            state = replace(state, optimizer=task.state.optimizer, iteration=task.state.iteration)
        return _loop(task, run, data, state, rate)


def _batch_size(settings: Settings, m: int) -> int | None:
    """Examples of a mini-batch; None where an update takes all of them."""
    asked = _AUTO_BATCH if settings.batch_size == "auto" else settings.batch_size
    if settings.is_lbfgs or asked is None:
        return None
    if int(asked) > m and settings.batch_size != "auto":
        message = (
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
        )
        warnings.warn(message, stacklevel=level_of_user())
    return int(asked) if int(asked) < m else None


def _specification(task: Task, rate: Rate, batch_size: int | None) -> Specification:
    settings, targets = task.settings, task.targets
    return Specification(
        hidden=settings.hidden_layer_sizes,
        activation=settings.activation,
        output_activation=targets.output_activation,
        cost=targets.cost,
        l2=settings.alpha,
        dropout=settings.dropout if settings.hidden_layer_sizes else None,
        seed=task.seed,
        standardize=settings.standardize,
        standardize_targets=settings.standardize_targets,
        device=settings.device,
        precision=settings.precision,
        block_size=settings.block_size,
        threads=settings.threads,
        optimizer=optimizer_of(settings),
        learning_rate=None if settings.is_lbfgs else rate,
        epochs=1 if task.once else settings.max_iter,
        batch_size=batch_size,
        batch_costs=batch_size is not None,
    )


def _weights(
    weights: npt.NDArray[Any] | None, m: int, dtype: str
) -> tuple[float, ArraySource | None]:
    """The mean weight, and the weights divided by it."""
    if weights is None:
        return 1.0, None
    source: Any = encode_weights(weights, m=m, dtype=dtype)
    return float(np.mean(weights, dtype=np.float64)), source


def _begun(task: Task, run: Run, prepared: Prepared) -> Begun:
    model, unused = task.model, np.random.default_rng(task.seed)
    moments = () if model is None else (model.standardization, model.target_standardization)
    return Begun(run, prepared, task.theta, task.start, unused, *moments)


def _loop(task: Task, run: Run, data: Placed, state: State, rate: Rate) -> Fitted:
    settings, watch, began = task.settings, task.watch, time.perf_counter()
    way = mini_batches
    if run.batch_size is None:
        way = lbfgs if run.optimizer is None else full_batch
    order = Order(task.random, shuffle=settings.shuffle)
    loop = Loop(run, data, order, tol=settings.tol, max_fun=settings.max_fun)
    at = Step(state.theta, state.optimizer, state.iteration)
    offset = _offset(task) if task.targets.cost == "poisson" else 0.0
    first, epochs, loss, t = len(watch.losses), 0, math.nan, task.t
    stopped, limit = None, 1 if task.once else settings.max_iter

    def state_now(theta: Array) -> State:
        return replace(
            state,
            theta=at.theta,
            optimizer=at.optimizer,
            iteration=at.iteration,
            epoch=epochs,
            last=theta,
            seconds=time.perf_counter() - began,
            batch_costs=tuple(watch.losses[first:]),
        )

    def model_now() -> Model:
        return data.model(run, state_now(at.theta))

    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for now in way(loop, at):
                at = now
                loss = at.loss * data.objective.unit + offset
                epochs, t = epochs + 1, t + data.examples.m
                if settings.verbose:
                    print(f"Iteration {epochs}, loss = {loss:.8f}")
                worse = watch.add(at.theta, loss, _validation(data, at.theta))
                if settings.verbose and watch.by_score:
                    print(f"Validation score: {watch.scores[-1]:f}")
                rate.epoch_ends(t)
                if at.stop is not None:
                    stopped = StopReason[at.stop.name]
                elif worse and not settings.is_lbfgs and not _goes_on(rate, watch, settings):
                    stopped = StopReason.PATIENCE
                if task.epoch_ended is not None and task.epoch_ended(model_now):
                    stopped = StopReason.CALLBACK
                diverged = not watch.by_score and not math.isfinite(loss)
                if stopped is not None or epochs == limit or diverged:
                    break
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=level_of_user())
        stopped = StopReason.INTERRUPTED
    at_limit = settings.is_lbfgs and at.evaluations >= settings.max_fun
    if stopped is None and not task.once and (epochs == limit or at_limit):
        warnings.warn(_unfinished(settings, epochs), ConvergenceWarning, level_of_user())
    theta = at.theta if not watch.by_score or watch.best is None else watch.best
    finite = math.isfinite(loss) or watch.by_score or not epochs
    if not (finite and np.isfinite(run.backend.to_host(theta)).all()):
        raise ValueError(NOT_FINITE)
    ended = state_now(theta)
    model = data.model(run, ended)
    settings_of_model = dict(model.settings)
    if stopped is not None:
        settings_of_model["stopped_because"] = _because(stopped, watch, at)
    model = replace(model, stopped=stopped or StopReason.COMPLETED, settings=settings_of_model)
    return Fitted(model, ended, rate, epochs, t, loss)


def _because(stopped: StopReason, watch: Watch, at: Step) -> str:
    """Why a training stopped before its last epoch, in words."""
    if at.stop is not None:
        return f"L-BFGS stopped after {at.iteration} iterations: {at.stop.value}"
    if stopped is StopReason.PATIENCE:
        kept = f"; the parameters of epoch {watch.best_epoch} were kept" if watch.by_score else ""
        return watch.why().rstrip(".") + kept
    if stopped is StopReason.CALLBACK:
        return "a callback asked to stop"
    return "interrupted by Ctrl-C; the parameters of the last epoch were kept"


def _goes_on(rate: Rate, watch: Watch, settings: Settings) -> bool:
    """Whether a training that no longer improves goes on at a lower rate."""
    goes_on, said = rate.goes_on(), "Stopping."
    if goes_on:
        watch.since, said = 0, f"Setting learning rate to {rate.learning_rate:f}"
    if settings.verbose:
        print(f"{watch.why()} {said}")
    return goes_on


def _validation(data: Placed, theta: Array) -> tuple[float, float] | None:
    """Loss and score on the examples that were held out; NaN where a prediction is not finite."""
    if data.held_out is None:
        return None
    found = score(data.objective, theta, data.held_out, data.kind)
    return found.cost, found.score if math.isfinite(found.cost) else math.nan


def _offset(task: Task) -> float:
    """The mean of y log y - y, by which half the Poisson deviance is above the cost."""
    source = task.targets.source
    y = np.asarray(source.block(0, source.m), dtype=np.float64)
    constant = np.where(y > 0.0, y * np.log(np.where(y > 0.0, y, 1.0)), 0.0) - y
    return float(np.average(constant.sum(axis=0), weights=task.weights))


def _unfinished(settings: Settings, epochs: int) -> str:
    if not settings.is_lbfgs:
        return (
            f"Stochastic Optimizer: Maximum iterations ({settings.max_iter}) reached and the "
            "optimization hasn't converged yet."
        )
    what = "ITERATIONS" if epochs == settings.max_iter else "F,G EVALUATIONS"
    return (
        f"lbfgs failed to converge after {epochs} iteration(s) (status=1):\n"
        f"STOP: TOTAL NO. OF {what} REACHED LIMIT\n\n"
        f"Increase the number of iterations to improve the convergence (max_iter={settings.max_iter}), "
        f"or of evaluations (max_fun={settings.max_fun}).\n"
        "You might also want to scale the data: standardize=True, or a StandardScaler in a Pipeline."
    )
