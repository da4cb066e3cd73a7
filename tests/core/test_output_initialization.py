"""output_initialization: a rule of its own for the last layer, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import refused

import dnn_xp

HOW = {"hidden": [7, 400], "iterations": 0, "seed": 4}


@pytest.fixture(name="XY")
def two_classes(rng):
    X = rng.standard_normal((3, 30))
    return X, (X[0] > 0).astype(int)


@pytest.mark.parametrize("rule", ["auto", "xavier", "ntk"])
def test_other_layers_are_drawn_as_without_it(XY, rule):
    plain = dnn_xp.train(*XY, **HOW, initialization=rule)
    zeros = dnn_xp.train(*XY, **HOW, initialization=rule, output_initialization="zeros")
    lecun = dnn_xp.train(*XY, **HOW, initialization=rule, output_initialization="lecun")
    for model in (zeros, lecun):
        for mine, theirs in zip(model.parameters[:-1], plain.parameters[:-1], strict=True):
            np.testing.assert_array_equal(mine[0], theirs[0])
            np.testing.assert_array_equal(mine[1], theirs[1])
        assert (model.parameters[-1][1] == 0).all()
    assert (zeros.parameters[-1][0] == 0).all()
    assert np.std(lecun.parameters[-1][0]) == pytest.approx(400**-0.5, rel=0.15)
    assert (zeros.predict_proba(XY[0]) == 0.5).all()
    assert zeros.settings["initialization"] == f"{rule}, W[L] by zeros"


@pytest.mark.parametrize("sharing", ["layers", "nothing"])
def test_every_member_of_an_ensemble_begins_with_it(XY, sharing):
    asked = {"ensemble": 3, "ensemble_sharing": sharing, "output_initialization": "zeros"}
    model = dnn_xp.train(*XY, **HOW, **asked)
    for member in model.members:
        assert (member.parameters[-1][0] == 0).all()
        assert (member.parameters[0][0] != 0).any()


def test_it_is_refused_where_parameters_are_brought(XY):
    model = dnn_xp.train(*XY, hidden=[2], iterations=0)
    with refused(ValueError, "output_initialization | 'zeros' | left out where warm_start ..."):
        dnn_xp.train(*XY, warm_start=model, output_initialization="zeros")
    with refused(ValueError, "output_initialization | 'zeros' | left out where initialization ..."):
        dnn_xp.train(
            *XY, hidden=[2], initialization=model.parameters, output_initialization="zeros"
        )
    with refused(ValueError, "output_initialization | 'zero' | ..."):
        dnn_xp.train(*XY, output_initialization="zero")
