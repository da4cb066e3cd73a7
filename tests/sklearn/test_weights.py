"""At 10,000 rows, for every solver: a weight of k is the example k times, a weight of 0 no example."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from dnn_xp.sklearn import DNNClassifier, DNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.standard_normal((10_000, 6))
SCORES = X[:, 0] * X[:, 1] + X[:, 2]
CLASSES = (SCORES + 0.3 * rng.standard_normal(10_000) > 0).astype(int)
WEIGHTS = rng.integers(0, 4, 10_000)
REPEATED = np.repeat(np.arange(10_000), WEIGHTS)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "rmsprop"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_full_batch(solver, sparse):
    given = X
    if sparse:
        given = pytest.importorskip("scipy.sparse").csr_array(X)
    common = {"solver": solver, "batch_size": None, "max_iter": 8, "alpha": 5.0, "random_state": 0}
    weighted = DNNClassifier(**common).fit(given, CLASSES, sample_weight=WEIGHTS)
    repeated = DNNClassifier(**common).fit(given[REPEATED], CLASSES[REPEATED])
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-8)
    for mine, other in zip(weighted.coefs_, repeated.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
def test_mini_batches_within_their_noise(solver):
    """As many updates from the same start; without the weights the loss is another one by far."""
    common = {"solver": solver, "alpha": 1.0, "learning_rate_init": 0.003, "max_iter": 5}
    weights = np.where(CLASSES == 1, 5, WEIGHTS % 2)
    chosen = np.repeat(np.arange(10_000), weights)
    batch = round(200 * weights.mean())  # of the repeated rows as many make a batch

    def loss(batch_size, *parts):
        made = DNNClassifier(**common, batch_size=batch_size, random_state=0).fit(*parts)
        A = made.predict_proba(X[chosen])[np.arange(len(chosen)), CLASSES[chosen]]
        return -np.log(A).mean()

    weighted = loss(200, X, CLASSES, weights)
    repeated = loss(batch, X[chosen], CLASSES[chosen])
    unweighted = loss(200, X, CLASSES)
    assert abs(weighted - repeated) < 0.25 * (unweighted - repeated)


def test_classes_are_weighted_as_their_examples_are():
    weights = {0: 1.0, 1: 4.0}
    common = {"batch_size": None, "max_iter": 20, "random_state": 0}
    by_class = DNNClassifier(**common, class_weight=weights).fit(X, CLASSES)
    by_example = DNNClassifier(**common).fit(X, CLASSES, np.where(CLASSES == 1, 4.0, 1.0))
    np.testing.assert_array_equal(by_class.coefs_[0], by_example.coefs_[0])
    balanced = DNNClassifier(**common, class_weight="balanced").fit(X, CLASSES)
    assert balanced.predict(X).mean() < by_class.predict(X).mean()


def test_a_regression_with_scaled_values_is_in_their_units():
    y = 1e4 + 1e3 * SCORES
    common = {"hidden_layer_sizes": 30, "max_iter": 30, "random_state": 0}
    plain = DNNRegressor(**common).fit(X, y)
    scaled = DNNRegressor(**common, standardize=True, standardize_targets=True).fit(X, y)
    assert scaled.score(X, y) > 0.95 > plain.score(X, y)
    residual = scaled.predict(X) - y
    assert scaled.loss_ == pytest.approx(np.mean(residual**2) / 2, rel=0.1)
