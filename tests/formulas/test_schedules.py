from __future__ import annotations

import inspect
import math
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from dnn_xp.formulas import (
    SCHEDULES,
    constant,
    cosine_decay,
    coslog,
    exponential_decay,
    flat_cosine,
    inverse_time_decay,
    step_decay,
    warm_up,
)

ALL = [
    constant(0.1),
    inverse_time_decay(0.1, decay_rate=0.5),
    step_decay(0.1, factor=0.5, every=3),
    exponential_decay(0.1, factor=0.5, every=2),
    cosine_decay(0.1, iterations=8, floor=0.02),
    warm_up(cosine_decay(0.1, iterations=8), iterations=2),
    coslog(0.1, iterations=8, cycles=1),
    flat_cosine(0.1, iterations=8),
]

# Rates at iterations 0, 2, 4, 8 and 100 of the schedules above.
EXPECTED = [
    [0.1, 0.1, 0.1, 0.1, 0.1],
    [0.1, 0.05, 0.1 / 3, 0.02, 0.1 / 51],
    [0.1, 0.1, 0.05, 0.025, 0.1 / 2**33],
    [0.1, 0.05, 0.025, 0.00625, 0.1 / 2**50],
    [0.1, 0.06 + 0.04 * math.sqrt(0.5), 0.06, 0.02, 0.02],
    [0.05, 0.05 + 0.05 * math.sqrt(0.5), 0.05, 0.0, 0.0],
    [0.0, *(0.05 - 0.05 * math.cos(2 * math.pi * math.log2(1 + t)) for t in (0.25, 0.5)), 0.0, 0.0],
    [0.1, 0.1, 0.1, 0.0, 0.0],
]


@pytest.mark.parametrize(("schedule", "expected"), list(zip(ALL, EXPECTED, strict=True)), ids=repr)
def test_rates_by_hand(schedule, expected):
    rates = [schedule(iteration) for iteration in (0, 2, 4, 8, 100)]
    assert rates == pytest.approx(expected, rel=1e-12, abs=1e-17)
    assert all(type(rate) is float for rate in rates)


def test_each_is_registered_and_shows_its_hyperparameters():
    assert {type(schedule) for schedule in ALL} == set(SCHEDULES.values())
    for schedule in ALL:
        assert SCHEDULES[type(schedule).__name__] is type(schedule)
        assert eval(repr(schedule), dict(SCHEDULES)) == schedule
        assert pickle.loads(pickle.dumps(schedule)) == schedule


def test_they_are_frozen():
    with pytest.raises(FrozenInstanceError):
        constant(0.1).learning_rate = 0.2


def test_numpy_scalars_become_python_numbers():
    """A float64 scalar would turn float32 arrays into float64."""
    schedule = step_decay(np.float64(0.1), factor=np.float32(0.5), every=np.int64(3))
    assert repr(schedule) == "step_decay(learning_rate=0.1, factor=0.5, every=3)"
    assert type(schedule(0)) is float


def test_warm_up_takes_any_function_of_the_iteration():
    schedule = warm_up(lambda iteration: 1.0 + iteration, iterations=4)
    assert [schedule(iteration) for iteration in range(5)] == [0.25, 1.0, 2.25, 4.0, 5.0]


@pytest.mark.parametrize("every", [1, 3, 50])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("inverse_time_decay", {"learning_rate": 0.1, "decay_rate": 0.5}),
        ("step_decay", {"learning_rate": 0.1, "factor": 0.5}),
        ("cosine_decay", {"learning_rate": 0.1, "iterations": 8, "floor": 0.02}),
        ("warm_up", {"schedule": constant(0.1), "iterations": 4}),
    ],
)
def test_every_counts_epochs(name, arguments, every):
    """With the batches of an epoch as every, an epoch has the rate that an iteration has with 1."""
    by_iteration = SCHEDULES[name](**arguments, every=1)
    by_epoch = SCHEDULES[name](**arguments, every=every)
    rates = [by_epoch(iteration) for iteration in range(10 * every)]
    assert rates == [by_iteration(epoch) for epoch in range(10) for _ in range(every)]


def test_a_warm_up_by_epochs_leaves_its_schedule_to_its_own_every():
    schedule = warm_up(step_decay(0.1, factor=0.5, every=2), iterations=2, every=3)
    assert [schedule(iteration) for iteration in range(5)] == [0.05, 0.05, 0.025, 0.05, 0.025]


@pytest.mark.parametrize("name", ["inverse_time_decay", "cosine_decay", "warm_up"])
def test_every_is_one_where_it_is_left_out(name):
    assert inspect.signature(SCHEDULES[name]).parameters["every"].default == 1


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("constant", {"learning_rate": 0.0}, "learning_rate must be a finite number > 0; got 0.0"),
        ("constant", {"learning_rate": math.inf}, "learning_rate must be .* got inf"),
        ("inverse_time_decay", {"learning_rate": 1.0, "decay_rate": -1}, "decay_rate .* got -1"),
        (
            "step_decay",
            {"learning_rate": 1.0, "factor": 2.0, "every": 1},
            "factor must be a finite number > 0 and <= 1; got 2.0",
        ),
        (
            "step_decay",
            {"learning_rate": 1.0, "factor": 0.5, "every": 0},
            "every must be a whole number >= 1; got 0",
        ),
        (
            "exponential_decay",
            {"learning_rate": 1.0, "factor": 0.5, "every": 2.5},
            "every must be a whole number >= 1; got 2.5",
        ),
        (
            "cosine_decay",
            {"learning_rate": 0.1, "iterations": 10, "floor": 0.2},
            "floor must be a finite number >= 0 and <= 0.1; got 0.2",
        ),
        (
            "inverse_time_decay",
            {"learning_rate": 1.0, "decay_rate": 0.5, "every": 0},
            "every must be a whole number >= 1; got 0",
        ),
        (
            "cosine_decay",
            {"learning_rate": 0.1, "iterations": 10, "every": 1.5},
            "every must be a whole number >= 1; got 1.5",
        ),
        ("warm_up", {"schedule": constant(0.1), "iterations": 3, "every": -1}, "every .* got -1"),
        ("warm_up", {"schedule": 0.1, "iterations": 3}, "schedule must be a schedule.* got 0.1"),
        ("warm_up", {"schedule": constant(0.1), "iterations": True}, "iterations .* got True"),
    ],
)
def test_bad_hyperparameters_are_named(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        SCHEDULES[name](**arguments)
