"""advance: from a state to a later one, by full batches, mini-batches or L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dnn_xp.formulas.dropout import Draw, Seeds, largest_kept
from dnn_xp.formulas.lbfgs import LBFGSState, lbfgs_init, lbfgs_step
from dnn_xp.formulas.types import Array
from dnn_xp.model.history import StopReason
from dnn_xp.training.divergence import MOST_HALVINGS, DivergenceError, origin_of
from dnn_xp.training.placed import Placed, rate_at, step_on
from dnn_xp.training.recorder import Recorder
from dnn_xp.training.run import Run
from dnn_xp.training.state import State
from dnn_xp.training.watch import Noting, Watch

# Stop L-BFGS when the cost falls by less than this times max(|J|, 1) in a step, SciPy's default.
_DECREASE = 2.2e-9


def advance(
    run: Run, data: Placed, state: State, reports: int = 1, watch: Watch | None = None
) -> State:
    """Go on from a state up to the next report, or up to the last of several.

    Parameters
    ----------
    run : Run
        What was decided.
    data : Placed
        The examples, where the run computes.
    state : State
        Where to start; it stays as it is.
    reports : int
        Reports to take at most.
    watch : Watch, optional
        Takes states on the way, and may ask to return from the next update.

    Returns
    -------
    State
        After Ctrl-C the one after the last report, `stopped` there.

    Raises
    ------
    DivergenceError
        When the cost becomes NaN or infinite; ValueError when it is so before the first update.
    KeyboardInterrupt
        After Ctrl-C before the first report.
    """
    recorder = Recorder(run, data, state, reports, watch)
    try:
        # An overflow needs no warning: the next report finds it in the cost.
        with np.errstate(over="ignore", invalid="ignore"):
            return recorder.state(loop_of(run)(run, data, state, recorder))
    except DivergenceError as error:
        if run.asked.on_divergence == "halve" and len(state.halvings) < MOST_HALVINGS:
            raise
        start = recorder.state_before()
        with np.errstate(all="ignore"):
            before = start.theta if start.last is None else start.last
            origin = origin_of(loop_of(run), run, data, start, before)
        raise DivergenceError(error.reason, error.model, error.state, origin) from None
    except KeyboardInterrupt:
        if watch is not None and watch.requested:
            raise  # the second Ctrl-C
        interrupted = recorder.state(StopReason.INTERRUPTED)
        if interrupted.last is None:
            raise
        return interrupted


def loop_of(run: Run) -> Callable[[Run, Placed, State, Noting], StopReason | None]:
    """The loop of a run; it returns None where the recorder ended it."""
    if run.optimizer is None:
        return _lbfgs
    return _full_batch if run.batch_size is None else _mini_batches


def draw_seeds(run: Run, rng: np.random.Generator, iteration: int) -> tuple[Seeds, ...]:
    """The argument of a step that draws the masks of dropout, a seed or a draw a hidden layer."""
    keep_probs, schedule = run.network.keep_probs, run.dropout_schedule
    seeds: list[int] = rng.integers(-(2**31), 2**31, size=len(keep_probs)).tolist()
    if schedule is None:
        return (tuple(seeds),)
    share = schedule(iteration)
    now = [1.0 - (1.0 - each) * share for each in keep_probs]
    return (
        tuple(Draw(seed, largest_kept(keep), keep) for seed, keep in zip(seeds, now, strict=True)),
    )


def _full_batch(run: Run, data: Placed, state: State, recorder: Noting) -> StopReason | None:
    assert run.optimizer is not None
    assert data.step is not None
    objective, examples, step = data.objective, data.examples, data.step
    scalars_of, schedule, drops_out = run.optimizer.scalars, run.learning_rate, run.drops_out
    theta, optimizer, every = state.theta, state.optimizer, run.asked.report_every
    iterations, factor, watched = run.iterations or 0, state.rate_factor, recorder.watched
    seeds: tuple[Seeds, ...] = ()
    for iteration in range(state.iteration, iterations):
        rate = factor * rate_at(schedule, iteration)
        scalars = scalars_of(learning_rate=rate, step=iteration + 1)
        if drops_out:
            seeds = draw_seeds(run, recorder.rng, iteration)
        J, moved, *rest = step((theta, *optimizer), scalars, *seeds)
        if iteration % every == 0:
            # With dropout J is that of the thinned network, and with an average that of theta: the
            # exact cost takes another forward.
            used = run.used(theta, optimizer)
            exact = objective.cost(used, examples) if run.extra_costs else J
            after = (moved, tuple(rest), iteration + 1, 0)
            if recorder.note(iteration, theta, exact, rate, after, last=False, used=used):
                return None
        elif watched and recorder.passed(theta, J, (moved, tuple(rest), iteration + 1, 0)):
            return None
        theta, optimizer = moved, tuple(rest)
    rate = factor * rate_at(schedule, iterations)
    used = run.used(theta, optimizer)
    J = objective.cost(used, examples)
    after = (theta, optimizer, iterations, 0)
    recorder.note(iterations, theta, J, rate, after, last=True, used=used)
    return StopReason.COMPLETED


class Epoch(NamedTuple):
    """After one pass over the mini-batches: theta, the optimizer's arrays, updates done, and a cost.

    `cost` is the mean of the batches' costs, each before its own update; 0.0 where it is not wanted.
    """

    theta: Array
    optimizer: tuple[Array, ...]
    iteration: int
    cost: float


def one_epoch(
    run: Run,
    data: Placed,
    theta: Array,
    optimizer: tuple[Array, ...],
    iteration: int,
    rng: Callable[[], np.random.Generator],
    *,
    factor: float = 1.0,
    leave: Callable[[Array], bool] | None = None,
) -> Epoch | None:
    """One pass over the mini-batches; None if `leave(theta)` ended it.

    `rng` gives what their order and dropout masks are drawn from; the learning rates are multiplied by `factor`.
    """
    objective, batches = data.objective, data.batches
    assert batches is not None
    assert run.optimizer is not None
    scalars_of, schedule, drops_out = run.optimizer.scalars, run.learning_rate, run.drops_out
    seeds: tuple[Seeds, ...] = ()
    total, wanted = 0.0, run.asked.batch_costs or run.asked.report_costs == "batches"
    for examples, chosen in batches.epoch(rng()):
        # A run of a file has examples of its own, and so a step of its own.
        own = examples is data.examples
        step = data.step if own and data.step else step_on(run, objective, examples)
        rate = factor * rate_at(schedule, iteration)
        scalars = scalars_of(learning_rate=rate, step=iteration + 1)
        if drops_out:
            seeds = draw_seeds(run, rng(), iteration)
        arrays = step((chosen, theta, *optimizer), scalars, *seeds)
        if wanted:
            # Summed on the device: reading each value would wait for it.
            total, arrays = arrays[0] * float(len(chosen)) + total, arrays[1:]
        theta, *rest = arrays
        optimizer = tuple(rest)
        iteration += 1
        if leave is not None and leave(theta):
            return None
    return Epoch(theta, optimizer, iteration, float(total) / data.examples.m)


def _mini_batches(run: Run, data: Placed, state: State, recorder: Noting) -> StopReason | None:
    theta, optimizer, iteration = state.theta, state.optimizer, state.iteration
    epochs = run.epochs or 0
    factor, watched = state.rate_factor, recorder.watched

    by_batches = run.asked.report_costs == "batches"

    def report(epoch: int, of_batches: float | None = None) -> bool:
        J: Array | float = 0.0 if of_batches is None else of_batches
        used = run.used(theta, optimizer)
        if of_batches is None or not by_batches:
            J = data.objective.cost(used, data.examples)
        rate = factor * rate_at(run.learning_rate, iteration)
        after, last = (theta, optimizer, iteration, epoch), epoch == epochs
        return recorder.note(iteration, theta, J, rate, after, last=last, used=used)

    if state.reports is None and report(0):
        return StopReason.COMPLETED if epochs == 0 else None
    if state.reports is not None and state.epoch == epochs and state.report.iteration < iteration:
        report(epochs)  # resumed from the state right before the last report
    for epoch in range(state.epoch + 1, epochs + 1):
        done = one_epoch(
            run,
            data,
            theta,
            optimizer,
            iteration,
            lambda: recorder.rng,
            factor=factor,
            leave=recorder.passed if watched else None,
        )
        if done is None:
            return None
        theta, optimizer, iteration, cost = done
        if run.asked.batch_costs:
            recorder.batch_costs.append(cost)
        due = epoch % run.asked.report_every == 0 or epoch == epochs
        if due:
            if report(epoch, cost) and epoch < epochs:
                return None
        elif watched and recorder.passed(theta, None, (theta, optimizer, iteration, epoch)):
            return None
    return StopReason.COMPLETED


def _lbfgs(run: Run, data: Placed, state: State, recorder: Noting) -> StopReason | None:
    xp, every, iterations = run.backend.xp, run.asked.report_every, run.iterations or 0

    def evaluate(theta: Array) -> tuple[Array, Array]:
        return data.objective.cost_and_gradient(theta, data.examples, minimized=True)

    def report(at: LBFGSState, *, last: bool = False, stops: bool = False) -> bool:
        J: Array | float = at.J
        if not data.objective.reports_what_it_minimizes:
            J = data.objective.cost(at.theta, data.examples)
        return recorder.note(at.iteration, at.theta, J, 0.0, _packed(at), last=last, stops=stops)

    if state.reports is None:
        at = lbfgs_init(evaluate, state.theta)
        if report(at):
            return StopReason.COMPLETED if iterations == 0 else None
    else:
        at = _unpacked(state)
    reported = state.report.iteration if state.reports else at.iteration
    if reported < at.iteration == iterations:
        report(at, last=True)  # resumed from the state right before the last report
    while at.iteration < iterations:
        at, stop = lbfgs_step(evaluate, at, decrease_tolerance=_DECREASE, xp=xp)
        last = at.iteration == iterations
        due = last or stop is not None or at.iteration % every == 0
        if due and at.iteration > reported:
            reported = at.iteration
            if report(at, last=last, stops=stop is not None) and not last and stop is None:
                return None
        elif stop is None and recorder.watched and recorder.passed(at.theta, at.J, _packed(at)):
            return None
        if stop is not None and not last:
            return StopReason[stop.name]
    return StopReason.COMPLETED


def _packed(at: LBFGSState) -> tuple[Array, tuple[Array, ...], int, int, tuple[float, ...]]:
    """The state of L-BFGS as arrays and numbers: gradient, s, y; J, gamma, evaluations, rho."""
    numbers = (at.J, at.gamma, float(at.evaluations), *at.rho)
    return at.theta, (at.gradient, *at.s, *at.y), at.iteration, 0, numbers


def _unpacked(state: State) -> LBFGSState:
    J, gamma, evaluations, *rho = state.numbers
    gradient, *pairs = state.optimizer
    s, y = pairs[: len(rho)], pairs[len(rho) :]
    return LBFGSState(
        state.theta,
        J,
        gradient,
        tuple(s),
        tuple(y),
        tuple(rho),
        gamma,
        state.iteration,
        int(evaluations),
    )
