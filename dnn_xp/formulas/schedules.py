"""Schedules: the learning rate of each iteration.

A schedule is called with the iteration, 0, 1, 2, ..., and returns a Python float. Each is a frozen
dataclass, so its repr shows its hyper-parameters and it can be compared and pickled. The classes
have names of functions because they are called like functions. Hyper-parameters out of their range
raise ValueError.

Training by mini-batches counts an iteration for each batch. With ``every`` set to the batches of an
epoch a schedule counts epochs instead: t = floor(iteration / every), so that the rate stays the same
for ``every`` iterations. Two are exceptions: `exponential_decay` falls smoothly between, and
`constant` counts nothing.

To add one, write its class and one entry of `SCHEDULES`. Two are in `cycles`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from dnn_xp.common.checks import check_float, check_int
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.formulas.cycles import coslog, flat_cosine

Schedule: TypeAlias = Callable[[int], float]


@dataclass(frozen=True)
class constant:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """The same rate throughout: ``learning_rate``.

    Parameters
    ----------
    learning_rate : > 0.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """

    learning_rate: float

    def __post_init__(self) -> None:
        _set(self, learning_rate=check_float("learning_rate", self.learning_rate, above=0.0))

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        return self.learning_rate


@dataclass(frozen=True)
class inverse_time_decay:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """Decay as one over time: ``learning_rate / (1 + decay_rate t)``, t = floor(iteration / every).

    Parameters
    ----------
    learning_rate : > 0, the rate of iteration 0.
    decay_rate : >= 0, for each t.
    every : iterations for which the rate stays the same, a whole number >= 1.

    Examples
    --------
    >>> inverse_time_decay(0.1, decay_rate=0.01)(100)
    0.05
    >>> by_epoch = inverse_time_decay(0.1, decay_rate=1, every=50)
    >>> by_epoch(49), by_epoch(50)
    (0.1, 0.05)
    """

    learning_rate: float
    decay_rate: float
    every: int = 1

    def __post_init__(self) -> None:
        _set(self, learning_rate=check_float("learning_rate", self.learning_rate, above=0.0))
        _set(self, decay_rate=check_float("decay_rate", self.decay_rate, at_least=0.0))
        _set(self, every=check_int("every", self.every, at_least=1))

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        return self.learning_rate / (1.0 + self.decay_rate * (iteration // self.every))


@dataclass(frozen=True)
class step_decay:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """Stepwise decay: ``learning_rate factor^floor(iteration / every)``.

    Parameters
    ----------
    learning_rate : > 0, the rate of iteration 0.
    factor : 0 < factor <= 1, from one step to the next.
    every : iterations for which the rate stays the same, a whole number >= 1.

    Examples
    --------
    >>> schedule = step_decay(0.1, factor=0.5, every=1000)
    >>> schedule(999), schedule(1000)
    (0.1, 0.05)
    """

    learning_rate: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        _set(self, learning_rate=check_float("learning_rate", self.learning_rate, above=0.0))
        _set(self, factor=check_float("factor", self.factor, above=0.0, at_most=1.0))
        _set(self, every=check_int("every", self.every, at_least=1))

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        return float(self.learning_rate * self.factor ** (iteration // self.every))


@dataclass(frozen=True)
class exponential_decay:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """Exponential decay: ``learning_rate factor^(iteration / every)``.

    Parameters
    ----------
    learning_rate : > 0, the rate of iteration 0.
    factor : 0 < factor <= 1, of the rate after `every` iterations.
    every : iterations in which the rate falls by that factor, a whole number >= 1.

    Examples
    --------
    >>> schedule = exponential_decay(0.1, factor=0.25, every=1000)
    >>> schedule(500), schedule(1000)
    (0.05, 0.025)
    """

    learning_rate: float
    factor: float
    every: int = 1

    def __post_init__(self) -> None:
        _set(self, learning_rate=check_float("learning_rate", self.learning_rate, above=0.0))
        _set(self, factor=check_float("factor", self.factor, above=0.0, at_most=1.0))
        _set(self, every=check_int("every", self.every, at_least=1))

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        return float(self.learning_rate * self.factor ** (iteration / self.every))


@dataclass(frozen=True)
class cosine_decay:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """Half a cosine from learning_rate down to floor, and floor from then on.

    ``floor + (learning_rate - floor) (1 + cos(pi min(t / iterations, 1))) / 2`` with
    ``t = floor(iteration / every)``. Source: Loshchilov and Hutter 2017, without restarts.

    Parameters
    ----------
    learning_rate : > 0, the rate of iteration 0.
    iterations : length of the decay in t, a whole number >= 1; with `every` it counts epochs.
    floor : 0 <= floor <= learning_rate, the rate at its end.
    every : iterations for which the rate stays the same, a whole number >= 1.

    Examples
    --------
    >>> schedule = cosine_decay(0.1, iterations=100, floor=0.02)
    >>> schedule(0), round(schedule(50), 6), schedule(100), schedule(1000)
    (0.1, 0.06, 0.02, 0.02)
    """

    learning_rate: float
    iterations: int
    floor: float = 0.0
    every: int = 1

    def __post_init__(self) -> None:
        _set(self, learning_rate=check_float("learning_rate", self.learning_rate, above=0.0))
        _set(self, iterations=check_int("iterations", self.iterations, at_least=1))
        _set(self, floor=check_float("floor", self.floor, at_least=0.0, at_most=self.learning_rate))
        _set(self, every=check_int("every", self.every, at_least=1))

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        t = min(iteration // self.every / self.iterations, 1.0)
        return self.floor + (self.learning_rate - self.floor) * (0.5 + 0.5 * math.cos(math.pi * t))


@dataclass(frozen=True)
class warm_up:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """Linear warm-up to another schedule: ``schedule(iteration) min((t + 1) / iterations, 1)``.

    Here ``t = floor(iteration / every)``. The other schedule is called with the same iteration: it
    counts from 0, not from the end of the warm-up, and by its own `every`. Source: Goyal et al. 2017.

    Parameters
    ----------
    schedule : the schedule to reach, a function of the iteration.
    iterations : length of the warm-up in t, a whole number >= 1; with `every` it counts epochs.
    every : iterations for which the warm-up's factor stays the same, a whole number >= 1.

    Examples
    --------
    >>> schedule = warm_up(constant(0.5), iterations=4)
    >>> [schedule(iteration) for iteration in range(5)]
    [0.125, 0.25, 0.375, 0.5, 0.5]
    """

    schedule: Schedule
    iterations: int
    every: int = 1

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            wanted = "a schedule, such as constant(0.1)"
            raise ArgumentValueError("schedule", describe(self.schedule), wanted)
        _set(self, iterations=check_int("iterations", self.iterations, at_least=1))
        _set(self, every=check_int("every", self.every, at_least=1))

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        return self.schedule(iteration) * min((iteration // self.every + 1) / self.iterations, 1.0)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "inverse_time_decay": inverse_time_decay,
    "step_decay": step_decay,
    "exponential_decay": exponential_decay,
    "cosine_decay": cosine_decay,
    "warm_up": warm_up,
    "coslog": coslog,
    "flat_cosine": flat_cosine,
}


def _set(schedule: object, **fields: float) -> None:
    # A frozen dataclass refuses plain assignment, to its own __post_init__ too.
    for name, value in fields.items():
        object.__setattr__(schedule, name, value)
