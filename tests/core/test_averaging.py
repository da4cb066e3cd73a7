"""ema_decay: the moving average of theta, by its definition as a weighted mean of all iterates."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import raw
from refusals import refused

import dnn_xp
from dnn_xp.formulas import OPTIMIZERS, average_share, with_average

DECAY = 0.7
HOW = {"hidden": [5], "learning_rate": 0.03, "seed": 2, "dtype": "float64"}


@pytest.fixture(name="examples")
def two_moons(rng):
    X = rng.standard_normal((3, 90))
    return X, (X[0] * X[1] > 0.1).astype(int)


def mean_of(thetas, decay=DECAY):
    """The mean of theta_1, ..., theta_n with weights decay^(n - 1), ..., decay, 1."""
    return np.average(thetas, axis=0, weights=decay ** np.arange(len(thetas))[::-1])


def test_shares_of_the_first_and_of_late_updates():
    assert average_share(decay=0.99, step=1) == 1.0
    assert average_share(decay=0.99, step=100_000) == pytest.approx(0.01)
    assert average_share(decay=0.0, step=3) == 1.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_average_is_a_weighted_mean_and_changes_no_update(library, name, rng):
    start, gradients = rng.standard_normal(6), rng.standard_normal((9, 6))
    plain = OPTIMIZERS[name]()
    averaging = pickle.loads(pickle.dumps(with_average(plain, DECAY)))
    theta = other = library.array(start)
    state, own = (each.init(theta, xp=library.xp) for each in (averaging, plain))
    thetas = []
    for step, gradient in enumerate(map(library.array, gradients), start=1):
        how = {"learning_rate": 0.1, "step": step, "xp": library.xp}
        theta, state = averaging.update(theta, gradient, state, **how)
        other, own = plain.update(other, gradient, own, **how)
        thetas.append(library.numpy(theta).astype(np.float64))
        np.testing.assert_array_equal(thetas[-1], library.numpy(other))
        library.assert_matches(state[-1], mean_of(thetas))
    assert len(state) == len(own) + 1


def test_a_model_of_full_batches_has_the_mean_of_the_iterates(examples):
    thetas = [dnn_xp.train(*examples, **HOW, iterations=k).theta for k in range(1, 8)]
    model = dnn_xp.train(*examples, **HOW, iterations=7, ema_decay=DECAY)
    np.testing.assert_allclose(model.theta, mean_of(thetas), rtol=1e-12, atol=1e-14)
    cost = model.evaluate(*examples).cost
    assert model.history.costs[-1] == pytest.approx(cost, rel=1e-12)
    assert model.settings["ema_decay"] == DECAY


@pytest.mark.parametrize("costs", ["exact", "batches"])
def test_a_model_of_batches_has_it_and_so_have_its_figures(examples, costs):
    how = {**HOW, "batch_size": 90, "report_costs": costs}  # one batch: its epochs are the iterates
    thetas = [dnn_xp.train(*examples, **how, epochs=k).theta for k in range(1, 6)]
    X, Y = examples
    seen = []

    def callback(iteration, cost, model):
        seen.append((model.theta, model.evaluate(X[:, :30], Y[:30])))

    model = dnn_xp.train(
        *examples,
        **how,
        epochs=5,
        ema_decay=DECAY,
        validation=(X[:, :30], Y[:30]),
        keep_best="cost",
        callbacks=[callback],
    )
    for place, (theta, scores) in enumerate(seen[1:], start=1):
        np.testing.assert_allclose(theta, mean_of(thetas[:place]), rtol=1e-12, atol=1e-14)
        assert model.history.validation_costs[place] == pytest.approx(scores.cost, rel=1e-12)
        assert model.history.metrics["validation_accuracy"][place] == scores.accuracy
    best = int(np.argmin(model.history.validation_costs))
    np.testing.assert_array_equal(model.theta, seen[best][0])


def test_no_decay_is_theta_itself(examples):
    how = {**HOW, "batch_size": 20, "epochs": 3}
    plain, averaged = dnn_xp.train(*examples, **how), dnn_xp.train(*examples, **how, ema_decay=0)
    np.testing.assert_array_equal(plain.theta, averaged.theta)
    assert plain.history.costs == averaged.history.costs


def test_threads_and_the_preset_go_with_it(examples):
    how = {"preset": "tabular", "hidden": [8], "epochs": 3, "batch_size": 32, "block_size": 16}
    how["keep_best"] = None
    one, two = (
        dnn_xp.train(*examples, **how, ema_decay=0.9, threads=threads) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.theta, two.theta)
    assert not np.array_equal(one.theta, dnn_xp.train(*examples, **how).theta)


def test_lbfgs_and_decays_beyond_one_are_refused(examples):
    with refused(ValueError, "ema_decay | 0.9 | left out where optimizer='lbfgs' is given | ..."):
        dnn_xp.train(*examples, optimizer="lbfgs", ema_decay=0.9)
    with refused(ValueError, "ema_decay | 1.0 | ..."):
        dnn_xp.train(*examples, ema_decay=1.0)


@pytest.mark.parametrize("how", [{}, {"ema_decay": 0.5}])
def test_a_divergence_is_found_with_a_scaling_layer_and_an_average(examples, how):
    X, Y = examples
    steep = {"optimizer": "gradient_descent", "learning_rate": 1e5, "activation": "identity"}
    with pytest.raises(dnn_xp.DivergenceError) as caught:
        raw.train(
            X, X[0] + Y, hidden=[4], scaling_layer=True, l2=0.0, iterations=60, **steep, **how
        )
    (W1, b1), (W2, b2) = caught.value.model.parameters
    Z1 = W1 @ X + b1
    largest = max(np.abs(Z1).max(), np.abs(W2 @ Z1 + b2).max())
    assert caught.value.origin.largest_Z == pytest.approx(largest, rel=1e-9)


def test_the_plan_counts_the_average_and_its_costs():
    outline = {"batch_size": 64, "optimizer": "momentum", "hidden": [300, 300]}
    plain, averaged = (
        dnn_xp.plan((20, 500), **outline, ema_decay=decay, dtype="float32") for decay in (None, 0.9)
    )
    theta = 300 * 21 + 300 * 301 + 301
    assert averaged.parameter_bytes - plain.parameter_bytes == 4 * theta
