"""The same network as MLPClassifier and MLPRegressor trains, from the same random_state, up to rounding."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from dnn_xp.sklearn import DNNClassifier, DNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(3)
X = rng.standard_normal((600, 7))
CLASSES = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
VALUES = X[:, 0] ** 2 + 0.1 * rng.standard_normal(600)
LABELS = (X[:, :4] + X[:, 3:] > 0).astype(int)


def assert_same(ours, theirs, *, rtol=1e-9):
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=rtol)
    for mine, other in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"activation": "tanh", "hidden_layer_sizes": (9, 5), "alpha": 1.0},
        {"activation": "logistic", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1},
        {"activation": "identity", "shuffle": False, "batch_size": 100},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
        {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2},
        {"tol": 0.1, "n_iter_no_change": 3},
        {"solver": "lbfgs", "alpha": 0.1},
    ],
    ids=str,
)
@pytest.mark.parametrize("targets", ["classes", "two", "labels", "values"])
def test_the_network_is_that_of_sklearn(parameters, targets):
    y = {"classes": CLASSES, "two": CLASSES > 0, "labels": LABELS, "values": VALUES}[targets]
    pair = (DNNRegressor, MLPRegressor) if targets == "values" else (DNNClassifier, MLPClassifier)
    common = {"hidden_layer_sizes": 12, "max_iter": 12, "random_state": 5, **parameters}
    # Rounding grows along the iterations of L-BFGS, whose line searches differ.
    rtol = 1e-4 if parameters.get("solver") == "lbfgs" else 1e-9
    ours, theirs = (each(**common).fit(X, y) for each in pair)
    assert_same(ours, theirs, rtol=rtol)
    if parameters.get("solver") != "lbfgs":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
        assert ours.best_loss_ == pytest.approx(theirs.best_loss_)
        assert ours.t_ == theirs.t_


def test_poisson_is_that_of_sklearn():
    y = rng.poisson(np.exp(X[:, 0] / 2))
    common = {"loss": "poisson", "max_iter": 10, "random_state": 0}
    assert_same(DNNRegressor(**common).fit(X, y), MLPRegressor(**common).fit(X, y))


@pytest.mark.parametrize(
    ("ours", "theirs", "y"),
    [(DNNClassifier, MLPClassifier, CLASSES > 0), (DNNRegressor, MLPRegressor, VALUES)],
)
def test_early_stopping_sets_the_same_examples_aside(ours, theirs, y):
    common = {"early_stopping": True, "random_state": 2, "alpha": 0.0, "n_iter_no_change": 4}
    mine, other = ours(**common).fit(X, y), theirs(**common).fit(X, y)
    assert_same(mine, other)
    np.testing.assert_allclose(mine.validation_scores_, other.validation_scores_, atol=1e-12)
    assert mine.best_validation_score_ == pytest.approx(other.best_validation_score_)
    assert len(mine.validation_loss_curve_) == mine.n_iter_


def test_partial_fit_takes_the_same_steps():
    common = {"random_state": 1, "hidden_layer_sizes": 8}
    ours, theirs = DNNClassifier(**common), MLPClassifier(**common)
    for start in (0, 200, 400, 0):
        part = slice(start, start + 200)
        for each in (ours, theirs):
            each.partial_fit(X[part], CLASSES[part], classes=[0, 1, 2])
    assert_same(ours, theirs)
    assert ours.t_ == theirs.t_ == 800


def test_warm_start_goes_on_from_the_same_place():
    common = {"random_state": 1, "warm_start": True, "max_iter": 5}
    ours, theirs = DNNRegressor(**common), MLPRegressor(**common)
    for _ in range(3):
        ours.fit(X, VALUES)
        theirs.fit(X, VALUES)
    assert_same(ours, theirs)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_of_the_full_batch_are_those_of_sklearn(solver):
    weights = rng.uniform(0.0, 3.0, 600)
    common = {"solver": solver, "batch_size": 600, "max_iter": 15, "random_state": 0, "alpha": 2.0}
    ours = DNNClassifier(**common).fit(X, CLASSES, sample_weight=weights)
    if not hasattr(MLPClassifier, "fit") or "sample_weight" not in str(MLPClassifier.fit.__doc__):
        pytest.skip("scikit-learn weights examples from 1.7 on")
    theirs = MLPClassifier(**common).fit(X, CLASSES, sample_weight=weights)
    assert_same(ours, theirs, rtol=1e-3 if solver == "lbfgs" else 1e-9)


def test_both_warn_in_the_same_words():
    for solver in ("adam", "lbfgs"):
        said = []
        for each in (DNNClassifier, MLPClassifier):
            with pytest.warns(ConvergenceWarning) as caught:
                each(solver=solver, max_iter=3).fit(X, CLASSES)
            said.append(str(caught[0].message).splitlines()[0])
        assert said[0] == said[1]


def test_the_warning_points_at_the_call_of_fit():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DNNClassifier(max_iter=1).fit(X, CLASSES)
    (warning,) = caught
    assert (warning.category, warning.filename) == (ConvergenceWarning, __file__)
