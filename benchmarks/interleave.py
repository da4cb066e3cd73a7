"""Times candidates side by side: A B C, A B C, ..., so that a slow minute hits all alike."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from benchmarks.candidate import REST, Work

T = TypeVar("T")

MIN_ROUNDS = 3
# Of settings that are tried: rounds at most, and seconds after which none is begun.
TRIAL_ROUNDS = 7
TRIAL_SECONDS = 3.0
# A timing repeats a quick candidate until it lasts as long, since a training repeats its step for
# seconds; and before it as long as caches, clock and the cores that threads are on take, after a
# rest, to be what they are then.
MIN_SECONDS = 0.1
SETTLING_SECONDS = 0.03


class Timing(NamedTuple):
    """One candidate's seconds for one run, one figure a round."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """The fastest round."""
        return min(self.seconds)


def _seconds(work: Work, number: int) -> float:
    """Return the seconds of one run, averaged over `number` in a row."""
    with work.session():
        start = time.perf_counter()
        while number > 1 and time.perf_counter() - start < SETTLING_SECONDS:
            work.run()  # a long run does not feel its first milliseconds
        start = time.perf_counter()
        for _ in range(number):
            counted = work.run()
        elapsed = (time.perf_counter() - start) / number
        return counted if isinstance(counted, float) else elapsed


def _number(work: Work) -> int:
    """Return how many runs make a timing; warms up on the way."""
    _seconds(work, 1)
    return max(1, math.ceil(MIN_SECONDS / _seconds(work, 1)))


def interleave(
    candidates: Mapping[T, Work], *, rounds: int = 15, seconds: float = 90.0
) -> dict[T, Timing]:
    """Time every candidate once a round.

    Parameters
    ----------
    candidates
        What to time; each function returns when its work is finished.
    rounds
        Rounds at most.
    seconds
        No round is begun after as long, once MIN_ROUNDS are done.
    """
    numbers = {name: _number(work) for name, work in candidates.items()}
    times: dict[T, list[float]] = {name: [] for name in candidates}
    began = time.perf_counter()
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for done in range(rounds):
            if done >= MIN_ROUNDS and time.perf_counter() - began > seconds:
                break
            for name, work in candidates.items():
                time.sleep(REST)
                times[name].append(_seconds(work, numbers[name]))
    finally:
        if collecting:
            gc.enable()
    return {name: Timing(values) for name, values in times.items()}


def ratio(slower: Timing, faster: Timing) -> float:
    """Return the median over the rounds of slower / faster, each pair from the same round."""
    pairs = zip(slower.seconds, faster.seconds, strict=True)
    return statistics.median(a / b for a, b in pairs)


def fastest(options: Iterable[T], make: Callable[[T], Work | Callable[[], Any]]) -> T:
    """Return the option for which the work that `make` returns is done fastest, timed side by side."""
    tried = {option: make(option) for option in options}
    works = {
        option: work if isinstance(work, Work) else Work(work) for option, work in tried.items()
    }
    timings = interleave(works, rounds=TRIAL_ROUNDS, seconds=TRIAL_SECONDS)
    return min(works, key=lambda option: timings[option].median)
