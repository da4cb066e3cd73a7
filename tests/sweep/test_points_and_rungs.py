"""Combinations, draws and rungs, compared with scikit-learn's and with plain counting."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from sweep_helpers import assert_same_sweep

import dnn_xp
from dnn_xp.sweeping.attempt import TrialStatus
from dnn_xp.sweeping.points import check_distributions, check_grid, drawn_points, points_of_grid
from dnn_xp.sweeping.rungs import rung_lengths, survivors


def test_a_grid_is_that_of_scikit_learn():
    from sklearn.model_selection import ParameterGrid

    # scikit-learn sorts the names; these are in order.
    grid = {"batch_size": [8, 16], "l1": [0.0, 0.5], "learning_rate": [0.1, 0.2, 0.3]}
    grids = [grid, {"optimizer": ["momentum"]}]
    points = points_of_grid(dnn_xp.Specification(), check_grid("grid", grids))
    assert [each.options for each in points] == list(ParameterGrid(grids))
    assert [each.number for each in points] == list(range(13))
    assert points[5].specification == dnn_xp.Specification(batch_size=8, l1=0.5, learning_rate=0.3)


def test_arrays_are_lists_of_python_numbers():
    (values,) = check_grid("grid", {"learning_rate": np.logspace(-3, -1, 3)})
    assert [type(each) for each in values["learning_rate"]] == [float] * 3


def drawn(distributions, count=400, **base):
    checked = check_distributions("distributions", distributions)
    points = drawn_points(dnn_xp.Specification(**base), checked, count)
    return {name: [each.options[name] for each in points] for name in distributions}


def test_draws_follow_their_distributions():
    from scipy import stats

    found = drawn(
        {
            "learning_rate": dnn_xp.log_uniform(1e-4, 1e-1),
            "l2": stats.uniform(1.0, 2.0),
            "batch_size": stats.randint(16, 129),
            "hidden": lambda rng: (int(rng.integers(4, 9)),) * 2,
            "activation": ["relu", "tanh"],
        }
    )
    rates = stats.kstest(np.log10(found["learning_rate"]), stats.uniform(-4, 3).cdf)
    assert rates.pvalue > 0.01
    assert stats.kstest(found["l2"], stats.uniform(1.0, 2.0).cdf).pvalue > 0.01
    assert set(map(type, found["batch_size"])) == {int}
    assert min(found["batch_size"]) >= 16
    assert set(found["hidden"]) == {(n, n) for n in range(4, 9)}
    assert 100 < found["activation"].count("tanh") < 300


def test_draws_are_those_of_the_seed_and_not_of_the_training():
    distributions = {"learning_rate": dnn_xp.log_uniform(1e-4, 1e-1), "l1": [0.0, 0.1]}
    assert drawn(distributions) == drawn(distributions)
    assert drawn(distributions)["learning_rate"] != drawn(distributions, seed=1)["learning_rate"]
    # More points begin with the same ones.
    assert drawn(distributions, 5)["l1"] == drawn(distributions, 50)["l1"][:5]


def test_a_random_search_trains_what_it_drew(data):
    how = {"distributions": {"learning_rate": dnn_xp.log_uniform(1e-3, 1e-1)}, "iterations": 4}
    found = dnn_xp.sweep(*data, points=5, **how)
    assert len(found.trials) == 5
    for trial in found.trials:
        assert trial.specification.learning_rate == trial.options["learning_rate"]
        assert trial.history.learning_rates[0] == trial.options["learning_rate"]
    assert_same_sweep(dnn_xp.sweep(*data, points=5, **how), found)
    assert len(dnn_xp.sweep(*data, **how | {"iterations": 0}).trials) == 20


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (1, 1), (2, 1), (1, math.inf)])
def test_bounds_of_log_uniform(low, high):
    with refused(ValueError, "... | ... | a finite number > ..."):
        dnn_xp.log_uniform(low, high)


@given(st.floats(1e-300, 1e300), st.floats(1.000001, 1e6), st.integers(0, 99))
def test_log_uniform_stays_in_its_bounds(low, factor, seed):
    high = min(low * factor, 1e301)
    assert low <= dnn_xp.log_uniform(low, high)(np.random.default_rng(seed)) <= high


@given(st.integers(1, 300), st.integers(0, 500), st.integers(2, 5), st.none() | st.integers(1, 99))
def test_rungs_grow_by_eta_to_the_whole_length(count, longest, eta, shortest):
    lengths = rung_lengths(count, longest, eta, shortest)
    assert lengths[-1] == longest
    assert lengths == sorted(set(lengths)) or longest == 0
    for shorter, longer in pairwise(lengths):
        assert longer // eta == shorter
    if shortest is not None and longest >= shortest:
        assert lengths[0] >= shortest
    if shortest is None:
        left = count
        for _ in lengths[:-1]:
            left = math.ceil(left / eta)
        assert left == 1 or len(lengths) <= math.log(max(count, longest), eta) + 1


def test_rungs_are_those_of_scikit_learn():
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV
    from sklearn.tree import DecisionTreeRegressor

    X = np.random.default_rng(0).standard_normal((600, 3))
    grid = {"random_state": list(range(27))}
    how = {"resource": "max_leaf_nodes", "max_resources": 270, "min_resources": "exhaust"}
    search = HalvingGridSearchCV(DecisionTreeRegressor(), grid, factor=3, cv=2, **how)
    search.fit(X, X[:, 0])
    assert rung_lengths(27, 270, 3, None) == search.n_resources_
    left, counts = list(range(27)), []
    for _ in search.n_candidates_:
        counts.append(len(left))
        left = survivors({number: float(number) for number in left}, 3)
    assert counts == search.n_candidates_


def test_halving_stops_what_is_worse_and_goes_on_with_the_rest(data):
    grid = {"hidden": [(), (4,), (8,), (16,)], "learning_rate": [0.1, 0.01, 0.001]}
    whole = dnn_xp.sweep(*data, grid, iterations=45)
    found = dnn_xp.sweep(*data, grid, iterations=45, eta=3)
    assert sorted(trial.length for trial in found.trials) == [5] * 8 + [15] * 2 + [45] * 2
    for halved, full in zip(found.trials, whole.trials, strict=True):
        # What goes on does so where it stopped.
        seen = len(halved.history.costs)
        assert halved.history.costs == full.history.costs[:seen]
    at_first = {trial.number: trial.history.validation_costs[5] for trial in whole.trials}
    best = sorted(at_first, key=at_first.get)[:4]
    assert {trial.number for trial in found.trials if trial.length > 5} == set(best)
    reasons = [trial.reason for trial in found.trials if trial.length == 5]
    assert sorted(reasons, key=lambda each: int(each.split()[0])) == [
        f"{place} of 12 after 5; the best 4 went on" for place in range(5, 13)
    ]
    assert {trial.status for trial in found.trials} == {TrialStatus.HALVED, TrialStatus.FINISHED}


def test_halving_of_epochs_and_of_rare_reports(data):
    how = {"batch_size": 48, "epochs": 16, "eta": 2, "shortest": 4}
    found = dnn_xp.sweep(*data, {"learning_rate": [0.1, 0.03, 0.01, 0.001]}, **how)
    assert sorted(trial.length for trial in found.trials) == [4, 4, 8, 16]
    found = dnn_xp.sweep(*data, {"learning_rate": [0.1, 0.03, 0.01, 0.001]}, report_every=3, **how)
    assert sorted(trial.length for trial in found.trials) == [6, 6, 9, 16]
