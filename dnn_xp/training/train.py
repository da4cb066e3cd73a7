"""train: from arrays to a Model. It assembles; the parts are elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dnn_xp.backends.precision import with_precision
from dnn_xp.common.checks import check_truth
from dnn_xp.common.contexts import in_own_context
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.host_memory import check_host_memory
from dnn_xp.execution.scaling import ScaleOfX
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import parameter_count
from dnn_xp.model.history import StopReason
from dnn_xp.model.model import Model
from dnn_xp.training.arguments import TrainArguments, takes
from dnn_xp.training.checkpoints.identity import describe_training
from dnn_xp.training.checkpoints.keeper import Keeper
from dnn_xp.training.checkpoints.resuming import kept, resumed
from dnn_xp.training.convergence import warn_of_convergence
from dnn_xp.training.descent import advance
from dnn_xp.training.divergence import DivergenceError, halved
from dnn_xp.training.initial import initial_parameters, parameters_of
from dnn_xp.training.inputs import Prepared, Standardization, prepare, source_moments
from dnn_xp.training.placed import Placed, Shared, place_data
from dnn_xp.training.progress import Progress
from dnn_xp.training.run import Run, decide
from dnn_xp.training.state import State, as_json


@takes(TrainArguments)
@in_own_context
def train(arguments: TrainArguments) -> Model:
    """Train a deep fully connected network: [LINEAR -> g] x (L-1) -> LINEAR -> output.

    Minimises ``J = (1/m) sum over examples of weight * loss + l2/(2m) sum W^2 + l1/m sum |W|``.
    Without ``batch_size`` every update uses the exact gradient over all m examples, summed over
    blocks in bounded memory; the same seed then gives the same bits whatever the number of threads.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    Model
        Its ``record``, ``settings`` and ``summary()`` say what was decided, and ``stopped`` why the
        training ended. Ctrl-C returns the model so far.

    Raises
    ------
    TypeError, ValueError
        For arguments that cannot be used, naming the argument, what came, what is wanted, and the
        way out. What needs no data is checked before X and Y are read.
    DivergenceError
        When the cost becomes NaN or infinite; its ``model`` is the last good one.
    OSError
        When a file cannot be read, or changes while it is being read.
    MemoryError
        When the plan needs more than the memory there is, before anything is allocated for it.
    RuntimeError
        When CUDA cannot be used and ``fallback=False``.

    Examples
    --------
    >>> import numpy as np, dnn_xp
    >>> X = np.random.default_rng(0).standard_normal((2, 500))
    >>> Y = (X[0] ** 2 + X[1] ** 2 < 1).astype(int)
    >>> model = dnn_xp.train(X, Y, hidden=[16, 8], iterations=300)
    >>> model
    Model(2-16-8-1, binary, relu/sigmoid, cost 0.0..., numpy on cpu)
    >>> model.predict(X).shape
    (500,)
    """
    return train_where(arguments, placed)


def train_where(arguments: TrainArguments, place: Place) -> Model:
    """The model of a training whose sums are computed where `place` puts the data."""
    begun = begin(arguments)
    if arguments.checkpoint is None:
        return _trained(arguments, begun, place, None)
    description = describe_training(arguments, begun.run, begun.prepared, begun.start)
    with kept(arguments, begun.run, description) as keeper:
        return _trained(arguments, begun, place, keeper)


def _trained(arguments: TrainArguments, begun: Begun, place: Place, keeper: Keeper | None) -> Model:
    """The model of a training, kept by the keeper where there is one."""
    with place(begun) as (data, state):
        if keeper is None:
            state = _looped(arguments, begun.run, data, state)
        else:
            start, data = resumed(arguments, begun.run, keeper, state, data)
            with keeper.signals:
                state = _looped(arguments, begun.run, data, start, keeper)
                if state is not start:
                    keeper.finish(state)
        warn_of_convergence(begun.run, data, state, begun.prepared, data.objective.engine)
        return data.model(begun.run, state)


def _looped(
    arguments: TrainArguments, run: Run, data: Placed, state: State, keeper: Keeper | None = None
) -> State:
    """The finished state."""
    watched = arguments.verbose or bool(arguments.callbacks)
    progress = Progress(verbose=arguments.verbose, total=data.updates(run), metric=data.metric)
    try:
        while not state.finished:
            try:
                state = advance(run, data, state, 1 if watched else sys.maxsize, keeper)
            except DivergenceError as error:
                state = halved(run, error)
                continue
            if watched:
                state = _watched(arguments, run, data, state, progress)
            if keeper is not None and not state.finished:
                state = _kept(keeper, state)
    except KeyboardInterrupt:  # within a callback; `advance` sees to its own
        if state.last is None or (keeper is not None and keeper.requested):
            raise
        return state.ended(StopReason.INTERRUPTED)
    finally:
        progress.close()
    return state


def _kept(keeper: Keeper, state: State) -> State:
    """The state between two calls of `advance`: ended where a signal asked for it, kept where it is due."""
    if keeper.requested:
        return state.ended(StopReason.INTERRUPTED)
    if keeper.due(state.epoch or state.iteration):
        keeper.take(state)
    return state


class Begun(NamedTuple):
    """A training that was read and decided, before anything is placed.

    Attributes
    ----------
    run : Run
        What was decided.
    prepared : Prepared
        The examples.
    theta : NumPy array (p,)
        Where it starts.
    start : str
        How that was found.
    rng : numpy Generator
        After the draws that were made so far.
    standardization, target_standardization : pair of arrays, optional
        Those of the model to start from.
    """

    run: Run
    prepared: Prepared
    theta: np.ndarray
    start: str
    rng: np.random.Generator
    standardization: ScaleOfX | None = None
    target_standardization: Standardization | None = None


# Puts the data of a training where it is computed, and gives them and the first state.
Place = Callable[[Begun], AbstractContextManager[tuple[Placed, State]]]


def begin(arguments: TrainArguments) -> Begun:
    """Read what was brought, decide, and draw the initial parameters."""
    asked, model = arguments.specification, arguments.warm_start
    rng = np.random.default_rng(asked.seed)
    prepared = prepare(
        arguments.X,
        arguments.Y,
        asked,
        dtype=asked.wanted_dtype,
        sample_weight=arguments.sample_weight,
        validation=arguments.validation_pair or asked.validation,
        last=asked.validation_part == "last",
        groups=arguments.validation_groups,
        model=model,
        rng=rng,
    )
    run = decide(asked, prepared, model=model)
    if model is not None:
        theta = parameters_of(model, run.network)
        moments = model.standardization, model.target_standardization
        return Begun(run, prepared, theta, "warm start", rng, *moments)
    return start_of(run, prepared, rng, arguments.layers)


def start_of(
    run: Run,
    prepared: Prepared,
    rng: np.random.Generator,
    given: list[tuple[np.ndarray, np.ndarray]] | None = None,
) -> Begun:
    """A training of what was read and decided, from `given` (W, b), or from parameters drawn here."""
    asked = run.asked
    check_host_memory(run.plan, run.network.parameter_count)
    rule = asked.initialization if given is None else given
    start = "given arrays" if given is not None else str(rule)
    output_rule = asked.output_initialization
    if output_rule is not None:
        start = f"{start}, W[L] by {output_rule}"
    theta = initial_parameters(
        run.network,
        rule,
        rng=rng,
        scale=asked.initial_scale,
        frequency=asked.frequency,
        output_rule=output_rule,
    )
    if run.network.cost.name == "poisson" and given is None and rule != "zeros":
        theta, start = _at_the_mean(theta, run.network, prepared, start)
    return Begun(run, prepared, theta, start, rng)


def _at_the_mean(
    theta: np.ndarray, network: Network, prepared: Prepared, start: str
) -> tuple[np.ndarray, str]:
    """b[L] = log(mean of Y), from which a network of counts starts at their mean."""
    with Engine() as engine:
        mean = source_moments(prepared.targets.source, prepared.weights, engine).mean[:, 0]
    theta = theta.copy()
    of_layers = theta[: parameter_count(network.sizes, network.copies)]
    log_mean = np.log(np.where(mean > 0.0, mean, 1.0))
    of_layers[-len(mean) * network.members :] = np.tile(log_mean, network.members)
    return theta, f"{start}, b[L] = log(mean of Y)"


@contextmanager
def placed(begun: Begun, shared: Shared | None = None) -> Iterator[tuple[Placed, State]]:
    """The data and the first state where the run computes, while its engine is there.

    `shared` holds the examples where a run of the same ones has placed them.
    """
    run = begun.run
    backend = with_precision(run.backend, run.precision)
    with backend.active(), Engine(run.threads) as engine:
        data = place_data(
            run,
            begun.prepared,
            engine,
            start=begun.start,
            standardization=begun.standardization,
            target_standardization=begun.target_standardization,
            shared=shared,
        )
        yield data, first_state(begun)


def first_state(begun: Begun) -> State:
    """Where a training starts, its arrays where the run computes."""
    run, backend = begun.run, begun.run.backend
    theta = backend.from_host(begun.theta.astype(run.dtype))
    optimizer = () if run.optimizer is None else run.optimizer.init(theta, xp=backend.xp)
    return State(theta, optimizer, as_json(begun.rng.bit_generator.state))


def _watched(
    arguments: TrainArguments, run: Run, data: Placed, state: State, progress: Progress
) -> State:
    """Show the newest report and call the callbacks; the state, stopped if one asked for it."""
    start, report = time.perf_counter(), state.report
    progress.show(report)
    stopped = state.stopped
    for number, callback in enumerate(arguments.callbacks):
        model = data.model(run, replace(state, stopped=None))
        answer = callback(report.iteration, report.cost, model)
        if check_truth(f"the answer of callbacks[{number}]", answer):
            stopped = StopReason.CALLBACK
    seconds = state.seconds + time.perf_counter() - start
    return replace(state, stopped=stopped, seconds=seconds)
