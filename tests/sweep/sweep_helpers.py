"""What the tests of sweeps share: data, and when two sweeps are the same."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

import dnn_xp

GRID = {"hidden": [(), (8,), (12, 6)], "learning_rate": [0.1, 0.02]}
# Stands for a wall clock, and is no part of a result.
_TIMES = ("seconds", "history")


def options_of(asked: dnn_xp.Specification) -> dict[str, Any]:
    """The keyword arguments of `train` that a specification is."""
    return dict(vars(asked))


def assert_same_model(model: dnn_xp.Model, expected: dnn_xp.Model) -> None:
    """The same bits, history apart from its times, and settings."""
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.history.costs == expected.history.costs
    assert model.history.validation_costs == expected.history.validation_costs
    assert model.settings == expected.settings
    assert model.stopped is expected.stopped


def assert_same_sweep(found: dnn_xp.Sweep, expected: dnn_xp.Sweep) -> None:
    """The same bits and figures of every point, apart from times."""
    assert found.model.theta.tobytes() == expected.model.theta.tobytes()
    assert found.best.number == expected.best.number
    assert len(found.trials) == len(expected.trials)
    for one, other in zip(found.trials, expected.trials, strict=True):
        assert one.history.costs == other.history.costs
        assert one.history.validation_costs == other.history.validation_costs
        for each in fields(one):
            if each.name in _TIMES or each.name == "specification":
                continue
            left, right = getattr(one, each.name), getattr(other, each.name)
            np.testing.assert_equal(left, right, err_msg=each.name)
