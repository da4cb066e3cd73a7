"""The ways to go downhill: full batch, mini-batches. Each moves theta and reports; none knows a formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dnn_xp.backends.cuda.graphs import Arrays, Replay, Step
from dnn_xp.execution.block_size import gradient_flops
from dnn_xp.execution.objective import Examples, Objective
from dnn_xp.formulas.optimizers import Optimizer, clip_by_global_norm
from dnn_xp.formulas.types import Array, Namespace
from dnn_xp.training.batches import Batch, Batches
from dnn_xp.training.recorder import Recorder

Schedule = Callable[[int], float]

# Operations of a step whose arithmetic outlasts its launches on any GPU of today by far.
_LARGE = 1e11


def pays_to_replay(sizes: Sequence[int], at_once: int, *, drops_out: bool, in_memory: bool) -> bool:
    """Whether a step of so many examples is the same work every time, and little enough."""
    return not drops_out and in_memory and gradient_flops(sizes, at_once) <= _LARGE


@dataclass(frozen=True, slots=True)
class Descent:
    """What all ways down share.

    Attributes
    ----------
    objective : Objective
        Cost and gradient.
    examples : Examples
        The training set.
    recorder : Recorder
        Where reports go, and who says stop.
    rng : numpy Generator
        Draws dropout seeds.
    report_every : int
        Iterations (full batch) or epochs (mini-batches) between reports.
    replays : list of Replay
        What was made of the steps that are issued at once.
    """

    objective: Objective
    examples: Examples
    recorder: Recorder
    rng: np.random.Generator
    report_every: int
    replays: list[Replay] = field(default_factory=list)

    @property
    def drops_out(self) -> bool:
        """Whether any hidden layer has dropout."""
        return any(keep_prob < 1.0 for keep_prob in self.objective.network.keep_probs)

    def seeds(self) -> tuple[int, ...]:
        """One seed a hidden layer for the masks of this update; empty without dropout."""
        if not self.drops_out:
            return ()
        count = len(self.objective.network.keep_probs)
        return tuple(int(seed) for seed in self.rng.integers(-(2**31), 2**31, size=count))

    def report(self, iteration: int, theta: Array, J: Array | None, learning_rate: float) -> bool:
        """Report the exact cost at theta; J is that cost where it is known already."""
        if J is None:
            J = self.objective.cost(theta, self.examples)
        return self.recorder.note(iteration, theta, J, learning_rate)

    def repeated(self, step: Step, at_once: int) -> Step:
        """The same step of `at_once` examples, issued at once where the backend can and it pays."""
        backend, sizes = self.objective.backend, self.objective.network.sizes
        in_memory = self.examples.in_memory
        if backend.replay is None or not pays_to_replay(
            sizes, at_once, drops_out=self.drops_out, in_memory=in_memory
        ):
            return step
        replay = backend.replay(step)
        self.replays.append(replay)
        return replay


@dataclass(frozen=True, slots=True)
class Updates:
    """An optimizer with its learning rate and clipping: theta, gradient -> theta."""

    optimizer: Optimizer
    learning_rate: Schedule
    clip_norm: float | None

    def rate(self, iteration: int) -> float:
        """The learning rate as a Python float: a NumPy scalar would turn float32 into float64."""
        given = self.learning_rate(iteration)
        try:
            rate = float(given)
        except (TypeError, ValueError):
            rate = math.nan
        if not 0.0 <= rate < math.inf:
            msg = f"learning_rate({iteration}) gave {given!r}; a finite number >= 0 is wanted"
            raise ValueError(msg)
        return rate

    def numbers(self, iteration: int) -> dict[str, float]:
        """What the update with number `iteration`, counted from 0, takes besides arrays."""
        return self.optimizer.scalars(learning_rate=self.rate(iteration), step=iteration + 1)

    def move(
        self,
        theta: Array,
        gradient: Array,
        state: Arrays,
        numbers: dict[str, Any],
        *,
        xp: Namespace,
    ) -> Arrays:
        """The new theta and, after it, the new state."""
        if self.clip_norm is not None:
            gradient = clip_by_global_norm(gradient, max_norm=self.clip_norm, xp=xp)
        theta, state = self.optimizer.update_rule(theta, gradient, state, **numbers, xp=xp)
        return theta, *state


def full_batch(descent: Descent, theta: Array, updates: Updates, iterations: int) -> Array:
    """`iterations` exact full-batch updates."""
    objective, examples = descent.objective, descent.examples
    xp = objective.backend.xp

    def step(arrays: Arrays, numbers: dict[str, Any]) -> Arrays:
        theta, *state = arrays
        J, gradient = objective.cost_and_gradient(theta, examples, descent.seeds())
        return J, *updates.move(theta, gradient, tuple(state), numbers, xp=xp)

    advance = descent.repeated(step, examples.m)
    state = updates.optimizer.init(theta, xp=xp)
    for iteration in range(iterations):
        J, moved, *rest = advance((theta, *state), updates.numbers(iteration))
        if iteration % descent.report_every == 0:
            # With dropout J is that of the thinned network; the exact cost takes a forward of its
            # own.
            exact = None if descent.drops_out else J
            if descent.report(iteration, theta, exact, updates.rate(iteration)):
                return theta
        theta, state = moved, tuple(rest)
    descent.report(iterations, theta, None, updates.rate(iterations))
    return theta


def mini_batches(
    descent: Descent, theta: Array, updates: Updates, batches: Batches, epochs: int
) -> Array:
    """`epochs` passes over the examples, reshuffled before each, one update a batch."""
    objective = descent.objective
    xp = objective.backend.xp

    def step_on(examples: Examples) -> Step:
        def step(arrays: Arrays, numbers: dict[str, Any]) -> Arrays:
            chosen, theta, *state = arrays
            gradient = objective.gradient(theta, Batch(examples, chosen), descent.seeds())
            return updates.move(theta, gradient, tuple(state), numbers, xp=xp)

        return step

    advance = descent.repeated(step_on(descent.examples), batches.batch_size)
    state = updates.optimizer.init(theta, xp=xp)
    iteration = 0
    if descent.report(0, theta, None, updates.rate(0)):
        return theta
    for epoch in range(1, epochs + 1):
        for examples, chosen in batches.epoch():
            # Runs of a file are examples of their own.
            step = advance if examples is descent.examples else step_on(examples)
            theta, *rest = step((chosen, theta, *state), updates.numbers(iteration))
            state = tuple(rest)
            iteration += 1
        due = epoch % descent.report_every == 0 or epoch == epochs
        if due and descent.report(iteration, theta, None, updates.rate(iteration)):
            break
    return theta
