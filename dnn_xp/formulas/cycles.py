"""Schedules over a training of known length: cosine cycles of growing length, and flat, then cosine.

See `schedules`, whose table lists them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dnn_xp.common.checks import check_float, check_int


@dataclass(frozen=True)
class coslog:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """Cosine cycles, each twice as long as the one before, from 0 up to learning_rate and back to 0.

    ``learning_rate (1 - cos(2 pi log2(1 + (2^cycles - 1) t))) / 2``, where
    ``t = min(iteration / iterations, 1)``. Source: Holzmueller, Grinsztajn and Steinwart 2024.

    Parameters
    ----------
    learning_rate : > 0, the highest rate of each cycle.
    iterations : length of all cycles, a whole number >= 1.
    cycles : a whole number from 1 to 60.

    Examples
    --------
    >>> schedule = coslog(0.1, iterations=15, cycles=4)
    >>> [round(schedule(iteration), 4) + 0.0 for iteration in (0, 1, 3, 7, 15, 100)]
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    >>> round(coslog(0.1, iterations=15000)(414), 4)
    0.1
    """

    learning_rate: float
    iterations: int
    cycles: int = 4

    def __post_init__(self) -> None:
        rate = check_float("learning_rate", self.learning_rate, above=0.0)
        object.__setattr__(self, "learning_rate", rate)
        length = check_int("iterations", self.iterations, at_least=1)
        object.__setattr__(self, "iterations", length)
        cycles = check_int("cycles", self.cycles, at_least=1, at_most=60)
        object.__setattr__(self, "cycles", cycles)

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        t = min(iteration / self.iterations, 1.0)
        cycle = math.log2(1.0 + (2**self.cycles - 1) * t)
        return self.learning_rate * (0.5 - 0.5 * math.cos(2.0 * math.pi * cycle))


@dataclass(frozen=True)
class flat_cosine:  # noqa: N801 - called like a function, so named like one (PEP 8)
    """The same rate for the first half, then half a cosine down to 0.

    ``learning_rate (1 + cos(pi max(2 t - 1, 0))) / 2``, where ``t = min(iteration / iterations, 1)``.
    Source: Holzmueller, Grinsztajn and Steinwart 2024.

    Parameters
    ----------
    learning_rate : > 0, the rate of the first half.
    iterations : length of both halves, a whole number >= 1.

    Examples
    --------
    >>> schedule = flat_cosine(0.1, iterations=100)
    >>> schedule(0), schedule(50), round(schedule(75), 6), schedule(100)
    (0.1, 0.1, 0.05, 0.0)
    """

    learning_rate: float
    iterations: int

    def __post_init__(self) -> None:
        rate = check_float("learning_rate", self.learning_rate, above=0.0)
        object.__setattr__(self, "learning_rate", rate)
        length = check_int("iterations", self.iterations, at_least=1)
        object.__setattr__(self, "iterations", length)

    def __call__(self, iteration: int) -> float:
        """The rate of one iteration, counted from 0."""
        t = min(iteration / self.iterations, 1.0)
        return self.learning_rate * (0.5 + 0.5 * math.cos(math.pi * max(2.0 * t - 1.0, 0.0)))
