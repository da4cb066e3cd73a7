"""A run with its data where it is computed: the objective, examples, and the step of an update."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dnn_xp.backends.cuda.graphs import Arrays, Replay
from dnn_xp.backends.record import Backend
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.data.encoding import describe_encoder
from dnn_xp.data.given import Given
from dnn_xp.data.targets.kinds import Targets
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.objective import Objective
from dnn_xp.execution.scaling import ScaleOfX
from dnn_xp.formulas.dropout import Seeds
from dnn_xp.formulas.lbfgs import LBFGSStop
from dnn_xp.formulas.schedules import Schedule
from dnn_xp.formulas.tabular import Rates, rate_factors
from dnn_xp.formulas.types import Array
from dnn_xp.formulas.update_rules import clip_by_global_norm
from dnn_xp.model.history import History, PendingHistory, StopReason
from dnn_xp.model.model import Model
from dnn_xp.training.batches import Batch, Batches
from dnn_xp.training.inputs import (
    Prepared,
    Standardization,
    finite_or_standardized,
    standardized_targets,
    target_range,
)
from dnn_xp.training.run import Run
from dnn_xp.training.state import State

# ``step(arrays, scalars, *seeds)``; the first array of mini-batches are the positions of the examples.
Step = Callable[..., Arrays]


@dataclass(frozen=True, slots=True)
class Placed:
    """The data of a run where it is computed, and what is made of both once.

    Attributes
    ----------
    objective : Objective
        Cost and gradient.
    examples, held_out : Examples
        The training set, and the examples to validate on, if any.
    batches : Batches, optional
        Of mini-batches.
    step : callable, optional
        One update of the training set; replayed as a CUDA graph where that pays. L-BFGS has none.
    targets : Targets
        What Y means.
    flat_targets : bool
        Whether Y was one-dimensional.
    standardization, target_standardization : pair of arrays, optional
        Mean and scale of X and of Y.
    target_range : pair of arrays, optional
        The lowest and the highest Y, which predictions are kept within.
    start : str
        How the parameters were initialized.
    notes : dict
        What was decided of validation and class weights.
    given : Given, optional
        What came, with the encoding of a table.
    """

    objective: Objective
    examples: Examples
    held_out: Examples | None
    batches: Batches | None
    step: Step | None
    targets: Targets
    flat_targets: bool
    standardization: ScaleOfX | None
    target_standardization: Standardization | None
    target_range: Standardization | None
    start: str
    notes: dict[str, str]
    given: Given | None = None

    @property
    def kind(self) -> str:
        """That of the targets."""
        return self.targets.kind

    @property
    def metric(self) -> str:
        """What scores are."""
        return "r2" if self.kind == "regression" else "accuracy"

    @property
    def fetch(self) -> Callable[[list[Array]], list[float]] | None:
        """Costs on an asynchronous device -> numbers."""
        backend = self.objective.backend
        return fetching(backend) if backend.asynchronous else None

    def updates(self, run: Run) -> int:
        """Updates in all."""
        if self.batches is None:
            return run.iterations or 0
        return self.batches.per_epoch * (run.epochs or 0)

    def model(self, run: Run, state: State) -> Model:
        """The model of the parameters that were reported last, or of the best ones with patience."""
        at_once = run.batch_size or self.examples.m
        # The size in use is smaller than the plan's if memory ran out.
        size = self.objective.block_size_used(at_once)
        settings = self._settings(run, state)
        theta = state.last
        if state.finished and state.best is not None:
            theta = state.best
            settings["kept_iteration"] = state.best_iteration
        return Model(
            *self.objective.without_scaling_layer(theta),
            run.backend,
            self.targets.kind,
            classes=self.targets.classes,
            standardization=self.standardization,
            target_standardization=self.target_standardization,
            flat_targets=self.flat_targets,
            history=self._history(state),
            record=run.record._replace(
                block_size=size,
                blocks=-(-at_once // size),
                threads=min(run.record.threads, self.objective.engine.threads),
            ),
            settings=settings,
            stopped=state.stopped,
            encoder=None if self.given is None else self.given.encoder,
            target_range=self.target_range,
        )

    def _history(self, state: State) -> History:
        """The history of a state; that of an unfinished one is made when a callback reads it."""
        if state.finished:
            return state.history(self.metric)
        # Without its arrays, which a kept history would hold in memory.
        figures = replace(state, theta=None, optimizer=(), last=None, best=None)
        return PendingHistory(lambda: figures.history(self.metric))

    def _settings(self, run: Run, state: State) -> dict[str, Any]:
        asked = run.asked
        settings = (
            run.settings()
            | self.notes
            | {
                "initialization": self.start,
                "seed": asked.seed,
                "cost_reason": None
                if asked.cost or asked.output_activation
                else f"chosen from Y: {_seen(self.targets)}",
            }
        )
        if self.batches is not None and self.batches.shuffle_run < self.examples.m:
            settings["shuffle"] = (
                f"runs of {self.batches.shuffle_run} examples, read in random order, shuffled within"
            )
        if state.stopped not in (None, StopReason.COMPLETED):
            settings["stopped_because"] = _sentence(run, self, state)
        if state.halvings:
            settings["halvings"] = _halved(state)
        if state.notes:
            settings["resumed"] = "; ".join(state.notes)
        if isinstance(self.step, Replay):
            settings["steps"] = self.step.problem or "replayed as a CUDA graph"
        return settings | _about_table(self.given) | {"plan": str(run.plan)}


def _about_table(given: Given | None) -> dict[str, Any]:
    """What a model says of the table that it was trained on."""
    if given is None or given.encoder is None:
        return {}
    said = () if given.encoder.plain else (describe_encoder(given.encoder),)
    notes = "; ".join((*said, *given.notes))
    table: dict[str, Any] = {"table": notes} if notes else {}
    if given.encoder.named:
        table["feature_names"] = list(given.encoder.names_in)
    return table | ({"target_names": [given.target]} if given.target else {})


@dataclass(frozen=True, slots=True)
class Shared:
    """What runs of the same examples share: the moments of X and Y, and the examples where they compute."""

    standardization: ScaleOfX | None
    target_standardization: Standardization | None
    examples: Examples
    held_out: Examples | None


def take_moments(
    run: Run, data: Prepared, engine: Engine
) -> tuple[ScaleOfX | None, Standardization | None]:
    """Look for NaN in X, and mean and scale of X and of Y where the run takes them."""
    found = finite_or_standardized(
        data.X,
        engine,
        standardize=run.moments_taken,
        by=run.asked.standardize_by,
        encoder=data.encoder,
        encoding=run.bins_taken,
    )
    if not run.target_moments_taken:
        return found, None
    return found, standardized_targets(data.targets.source, data.weights, engine)


def bounds_of(run: Run, data: Prepared) -> Standardization | None:
    """The lowest and the highest Y, where predictions are kept within them."""
    return target_range(data.targets.source) if run.asked.clamp_outputs else None


def place_data(
    run: Run,
    data: Prepared,
    engine: Engine,
    *,
    start: str = "",
    standardization: ScaleOfX | None = None,
    target_standardization: Standardization | None = None,
    shared: Shared | None = None,
) -> Placed:
    """Check X for NaN, take moments, and place the examples on the device.

    `start` says how the parameters were initialized; the standardizations are those of a model;
    `shared` holds both where a run of the same examples has done that.
    """
    if shared is None:
        of_X, of_Y = take_moments(run, data, engine)
        standardization, target_standardization = (
            standardization or of_X,
            target_standardization or of_Y,
        )
    else:
        standardization = shared.standardization
        target_standardization = shared.target_standardization
    moments = standardization, target_standardization, bounds_of(run, data)
    objective = objective_of(run, *moments).using(engine)
    if shared is None:
        examples, held_out = data.placed(run.backend, for_batches=run.batch_size is not None)
    else:
        examples, held_out = shared.examples, shared.held_out
    return placed_where(run, data, objective, (examples, held_out), moments, start)


def placed_where(
    run: Run,
    data: Prepared,
    objective: Objective,
    examples: tuple[Any, Any],
    moments: tuple[ScaleOfX | None, Standardization | None, Standardization | None],
    start: str,
    batches: Callable[..., Batches] = Batches,
) -> Placed:
    """The data of a run whose examples (training, held out) are where its objective computes.

    `moments` are those of X and of Y, and the range of Y.
    """
    training, held_out = examples
    return Placed(
        objective,
        training,
        held_out,
        batches(training, run.batch_size) if run.batch_size else None,
        _step_of_memory(run, objective, training),
        data.targets,
        data.flat_targets,
        *moments,
        start,
        data.notes,
        data.given,
    )


def objective_of(
    run: Run,
    standardization: ScaleOfX | None,
    target_standardization: Standardization | None,
    bounds: Standardization | None,
    made: Callable[..., Objective] = Objective,
) -> Objective:
    """J of a run; `made` takes the arguments of `Objective`."""
    return made(
        run.network,
        run.backend,
        dtype=run.dtype,
        block_size=run.block_size,
        precision=run.precision,
        standardization=standardization,
        target_standardization=target_standardization,
        penalties=run.penalties,
        orientation=run.orientation,
        label_smoothing=run.label_smoothing,
        target_range=bounds,
    )


def step_on(run: Run, objective: Objective, examples: Examples) -> Step:
    """One update of these examples: ``(arrays, scalars, seeds) -> arrays``, pure.

    Full batch: (theta, *optimizer) gives (J, theta, *optimizer). Mini-batches: (chosen, theta,
    *optimizer) gives (theta, *optimizer), and J of the batch before them where it is wanted.
    """
    assert run.optimizer is not None
    xp, update_rule, clip_norm = run.backend.xp, run.optimizer.update_rule, run.asked.clip_norm
    factors, decays = _factors(run)
    with_J = run.asked.batch_costs or run.asked.report_costs == "batches"

    def update(
        theta: Array, gradient: Array, optimizer: list[Array], scalars: dict[str, Any]
    ) -> Arrays:
        if clip_norm is not None:
            gradient = clip_by_global_norm(gradient, max_norm=clip_norm, xp=xp)
        if factors is not None:
            scalars = _by_parameter(scalars, factors, decays)
        theta, state = update_rule(theta, gradient, tuple(optimizer), **scalars, xp=xp)
        return theta, *state

    def full_batch(arrays: Arrays, scalars: dict[str, Any], seeds: Seeds = ()) -> Arrays:
        theta, *optimizer = arrays
        J, gradient = objective.cost_and_gradient(theta, examples, seeds)
        return J, *update(theta, gradient, optimizer, scalars)

    def mini_batch(arrays: Arrays, scalars: dict[str, Any], seeds: Seeds = ()) -> Arrays:
        chosen, theta, *optimizer = arrays
        batch = Batch(examples, chosen)
        if with_J:
            J, gradient = objective.cost_and_gradient(theta, batch, seeds)
            return J, *update(theta, gradient, optimizer, scalars)
        gradient = objective.gradient(theta, batch, seeds)
        return update(theta, gradient, optimizer, scalars)

    return full_batch if run.batch_size is None else mini_batch


def _factors(run: Run) -> tuple[Array | None, Array | None]:
    """Factors of the learning rate and of the weight decay, flat as theta where the run computes.

    None, None where all are 1; no second ones where nothing decays.
    """
    network, rates, decays_b = run.network, run.rates, run.asked.decay_biases
    parts = (
        (network.scaled, rates.scale),
        (network.mixed, rates.mix),
        (network.encoded, rates.encoding),
    )
    same = rates.equal and all(rate == 1.0 for count, rate in parts if count)
    decays = run.optimizer is not None and "kept" in run.optimizer.scalars(
        learning_rate=0.0, step=1
    )
    if same and (decays_b or not decays):
        return None, None

    def flat(rates: Rates) -> Array:
        factors = rate_factors(
            network.sizes,
            rates,
            mixed=network.mixed,
            encoded=network.encoded,
            rest=network.of_rows - network.encoded,
            scaled=network.scaled,
            copies=network.copies,
            dtype=np.dtype(run.dtype),
            xp=np,
        )
        return run.backend.from_host(factors)

    if not decays:
        return flat(rates), None
    # W shrinks by the factor that V in W = V / sqrt(n) shrinks by: no 1 / sqrt(n) here.
    return flat(rates), flat(rates._replace(ntk=False, bias=rates.bias if decays_b else 0.0))


def _by_parameter(scalars: dict[str, Any], factors: Array, decays: Array | None) -> dict[str, Any]:
    """The scalars of an update with a rate, and a share of theta that is kept, for each parameter."""
    rates: dict[str, Any] = {
        name: scalars[name] * factors for name in ("learning_rate", "rate") if name in scalars
    }
    if "kept" in scalars:
        rates["kept"] = 1.0 - (1.0 - scalars["kept"]) * decays
    return scalars | rates


def _step_of_memory(run: Run, objective: Objective, examples: Examples) -> Step | None:
    if run.optimizer is None:
        return None
    step, replay = step_on(run, objective, examples), run.backend.replay
    return replay(step) if replay and run.replayed and examples.in_memory else step


def rate_at(schedule: Schedule, iteration: int) -> float:
    """The rate of an update as a Python float: a NumPy scalar would turn float32 into float64."""
    given = schedule(iteration)
    try:
        rate = float(given)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not 0.0 <= rate < math.inf:
        name = f"learning_rate({iteration})"
        raise ArgumentValueError(name, describe(given), "a finite number >= 0")
    return rate


def fetching(backend: Backend) -> Callable[[list[Array]], list[float]]:
    """A function that fetches several costs and waits for the device once."""

    def fetch(costs: list[Array]) -> list[float]:
        fetched: list[float] = backend.to_host(backend.xp.stack(costs)).tolist()
        return fetched

    return fetch


def _halved(state: State) -> str:
    """How often the learning rate was halved, and where, in words."""
    places = [f"{each:,}" for each in state.halvings]
    shown = ", ".join(places[:8]) + (f" and {len(places) - 8} more" if len(places) > 8 else "")
    return f"the cost diverged; the learning rate was halved from iteration {shown} on"


def _seen(targets: Targets) -> str:
    outputs = f"{targets.n_y} values an example" if targets.n_y > 1 else "floats"
    return {
        "binary": "two classes",
        "multiclass": f"{targets.n_y} classes",
        "multilabel": f"{targets.n_y} labels at once",
    }.get(targets.kind, outputs)


def _sentence(run: Run, data: Placed, state: State) -> str:
    """Why a training stopped, in words."""
    iteration, stopped = state.report.iteration, state.stopped
    if stopped is StopReason.PATIENCE:
        kind = "cost" if data.held_out is None else "validation cost"
        return (
            f"the {kind} had not fallen for {run.asked.patience} reports; "
            f"the parameters of iteration {state.best_iteration}, with the lowest one, were kept"
        )
    if stopped is StopReason.CALLBACK:
        return f"a callback asked to stop at iteration {iteration}"
    if stopped is StopReason.INTERRUPTED:
        return "interrupted by Ctrl-C or a signal; the parameters of the last report were kept"
    assert stopped is not None
    return f"L-BFGS stopped after {iteration} iterations: {LBFGSStop[stopped.name].value}"
