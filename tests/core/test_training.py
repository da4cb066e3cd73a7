"""train against the course's formulas written out by hand, and everything it does besides."""

from __future__ import annotations

import importlib
import math
import operator
import sys
import warnings

import numpy as np
import pytest
import raw
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp.data.drawing import stratified_counts
from dnn_xp.execution.objective import Objective
from dnn_xp.formulas import (
    OPTIMIZERS,
    adam,
    dropout_mask,
    initialize,
    inverse_time_decay,
    step_decay,
    warm_up,
)

SIZES = (4, 5, 3, 1)


@pytest.fixture(name="XY")
def examples(rng):
    """40 examples of two classes that no line separates."""
    X = rng.standard_normal((4, 40))
    return X, (X[0] * X[1] > 0).astype(int)


@pytest.fixture(name="start")
def start_parameters():
    layers = initialize(SIZES, ["relu", "relu", "sigmoid"], rng=np.random.default_rng(3))
    return [(W, b + 0.1) for W, b in layers]


def course_cost(X, Y, parameters, *, l2=0.0, l1=0.0, weights=1.0):
    """J of [LINEAR -> RELU] x 2 -> LINEAR -> SIGMOID with cross-entropy and penalties."""
    (W1, b1), (W2, b2), (W3, b3) = parameters
    m = X.shape[1]
    A1 = np.maximum(W1 @ X + b1, 0.0)
    A2 = np.maximum(W2 @ A1 + b2, 0.0)
    A3 = 1.0 / (1.0 + np.exp(-(W3 @ A2 + b3)))
    J = -np.sum(weights * (Y * np.log(A3) + (1 - Y) * np.log(1.0 - A3))) / m
    squares = sum(np.sum(W**2) for W in (W1, W2, W3))
    absolutes = sum(np.sum(np.abs(W)) for W in (W1, W2, W3))
    return J + l2 / (2 * m) * squares + l1 / m * absolutes


def course_gradients(X, Y, parameters, *, l2=0.0, l1=0.0, weights=1.0, masks=(1.0, 1.0), m=None):
    """The course's backward pass, layer by layer; masks hold D / keep_prob of the hidden layers."""
    (W1, b1), (W2, b2), (W3, b3) = parameters
    m = X.shape[1] if m is None else m
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0.0) * masks[0]
    Z2 = W2 @ A1 + b2
    A2 = np.maximum(Z2, 0.0) * masks[1]
    A3 = 1.0 / (1.0 + np.exp(-(W3 @ A2 + b3)))
    dZ3 = (A3 - Y) * weights
    dZ2 = (W3.T @ dZ3) * masks[1] * (Z2 > 0)
    dZ1 = (W2.T @ dZ2) * masks[0] * (Z1 > 0)
    gradients = []
    for dZ, A_prev, W in ((dZ1, X, W1), (dZ2, A1, W2), (dZ3, A2, W3)):
        dW = dZ @ A_prev.T / m + l2 / m * W + l1 / m * np.sign(W)
        gradients.append((dW, np.sum(dZ, axis=1, keepdims=True) / m))
    return gradients


def course_descent(X, Y, parameters, rates, **how):
    for rate in rates:
        gradients = course_gradients(X, Y, parameters, **how)
        parameters = [
            (W - rate * dW, b - rate * db)
            for (W, b), (dW, db) in zip(parameters, gradients, strict=True)
        ]
    return parameters


def assert_same(parameters, expected, tolerance=1e-12):
    for (W, b), (W_expected, b_expected) in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(W, W_expected, rtol=0, atol=tolerance)
        np.testing.assert_allclose(b, b_expected, rtol=0, atol=tolerance)


def descend(XY, start, **arguments):
    """Gradient descent from given parameters with the course's defaults."""
    X, Y = XY
    given = {
        "hidden": SIZES[1:-1],
        "initialization": start,
        "optimizer": "gradient_descent",
        "learning_rate": 0.1,
    }
    return raw.train(X, Y, **given | arguments)


# The steps themselves


def test_one_step_by_hand():
    # A = sigmoid(0) = 1/2, so dZ = (-1/2, 1/2), dW = ((-1 + 3)/4, -2/4), db = 0.
    X, Y = np.array([[1.0, 3.0], [2.0, 0.0]]), np.array([1, 0])
    model = raw.train(
        X,
        Y,
        hidden=[],
        initialization="zeros",
        optimizer="gradient_descent",
        learning_rate=0.1,
        iterations=1,
    )
    ((W, b),) = model.parameters
    np.testing.assert_allclose(W, [[-0.05, 0.05]], rtol=0, atol=1e-15)
    np.testing.assert_allclose(b, [[0.0]], rtol=0, atol=1e-15)
    # Then Z = (0.05, -0.15), and J = (log(1 + e^-0.05) + log(1 + e^-0.15)) / 2.
    after = (math.log1p(math.exp(-0.05)) + math.log1p(math.exp(-0.15))) / 2
    assert model.history.costs == pytest.approx((math.log(2.0), after), rel=1e-14)


@pytest.mark.parametrize("iterations", [1, 25])
def test_steps_are_those_of_the_course(XY, start, iterations):
    model = descend(XY, start, iterations=iterations)
    assert_same(model.parameters, course_descent(*XY, start, [0.1] * iterations))


@pytest.mark.parametrize("block_size", ["auto", 1, 7, 39])
def test_penalties_are_added_once_whatever_the_blocks(XY, start, block_size):
    how = {"l2": 0.7, "l1": 0.2}
    model = descend(XY, start, iterations=10, block_size=block_size, **how)
    expected = course_descent(*XY, start, [0.1] * 10, **how)
    assert_same(model.parameters, expected)
    assert model.history.costs[-1] == pytest.approx(course_cost(*XY, expected, **how), rel=1e-12)


def test_mini_batches_are_consecutive_parts_of_one_shuffle(XY, start):
    X, Y = XY
    model = descend(XY, start, batch_size=16, epochs=2, seed=5)
    rng, parameters = np.random.default_rng(5), start
    for _ in range(2):
        order = rng.permutation(40)
        for first in (0, 16, 32):
            chosen = order[first : first + 16]
            parameters = course_descent(X[:, chosen], Y[chosen], parameters, [0.1])
    assert_same(model.parameters, parameters)
    assert model.history.iterations == (0, 3, 6)


def test_clipping_shortens_the_whole_gradient(XY, start):
    gradients = course_gradients(*XY, start)
    norm = math.sqrt(sum(np.sum(each**2) for layer in gradients for each in layer))
    model = descend(XY, start, iterations=1, clip_norm=norm / 4)
    assert_same(model.parameters, course_descent(*XY, start, [0.1 / 4]))
    free = descend(XY, start, iterations=1, clip_norm=norm * 4)
    assert_same(free.parameters, course_descent(*XY, start, [0.1]))


def test_dropout_masks_are_drawn_from_the_seed(XY, start):
    X, Y = XY
    model = descend(XY, start, iterations=3, keep_prob=[0.8, 0.5], seed=9)
    rng, parameters = np.random.default_rng(9), start
    numbers = np.arange(40, dtype=np.int32)[None, :]
    for _ in range(3):
        seeds = rng.integers(-(2**31), 2**31, size=2)
        masks = [
            dropout_mask(int(seed), n, numbers, keep_prob=keep, xp=np) / keep
            for seed, n, keep in zip(seeds, SIZES[1:-1], (0.8, 0.5), strict=True)
        ]
        parameters = course_descent(X, Y, parameters, [0.1], masks=masks)
    assert_same(model.parameters, parameters)
    # Reports are of the whole network, not of a thinned one.
    assert model.history.costs[0] == pytest.approx(course_cost(X, Y, start), rel=1e-12)


def test_dropout_is_reproducible_and_does_not_depend_on_blocks(XY, start):
    models = [
        descend(XY, start, iterations=20, keep_prob=0.7, **how)
        for how in ({}, {}, {"block_size": 7, "threads": 2}, {"seed": 1})
    ]
    assert np.array_equal(models[0].theta, models[1].theta)
    np.testing.assert_allclose(models[2].theta, models[0].theta, rtol=0, atol=1e-12)
    assert np.abs(models[3].theta - models[0].theta).max() > 1e-3
    assert models[0].history.costs[-1] == pytest.approx(
        course_cost(*XY, models[0].parameters), rel=1e-12
    )


def test_schedules_give_the_rate_of_each_iteration(XY, start):
    schedule = step_decay(0.2, factor=0.5, every=4)
    model = descend(XY, start, iterations=10, learning_rate=schedule)
    rates = [schedule(iteration) for iteration in range(10)]
    assert_same(model.parameters, course_descent(*XY, start, rates))
    assert model.history.learning_rates == (*rates, schedule(10))
    assert model.settings["learning_rate"] == repr(schedule)


def test_schedules_count_updates_not_epochs(XY, start):
    schedule = warm_up(inverse_time_decay(0.2, decay_rate=0.1), iterations=3)
    model = descend(XY, start, batch_size=20, epochs=3, learning_rate=schedule)
    assert model.history.learning_rates == tuple(schedule(iteration) for iteration in (0, 2, 4, 6))


def test_a_rate_of_numpy_does_not_widen_float32(XY):
    X, Y = XY
    model = dnn_xp.train(
        X.astype("float32"), Y, iterations=2, learning_rate=lambda iteration: np.float64(0.1)
    )
    assert model.theta.dtype == np.float32
    assert all(type(rate) is float for rate in model.history.learning_rates)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [None, 16])
def test_every_optimizer_lowers_the_cost(XY, optimizer, batch_size):
    X, Y = XY
    length = {"iterations": 60} if batch_size is None else {"epochs": 20, "learning_rate": 0.01}
    model = raw.train(X, Y, hidden=[8], optimizer=optimizer, batch_size=batch_size, **length)
    assert model.history.costs[-1] < 0.9 * model.history.costs[0]
    assert model.settings["optimizer"].startswith(optimizer)


@pytest.mark.parametrize("batch_size", [None, 40])
def test_adam_counts_its_steps_from_one(XY, start, batch_size):
    length = {"iterations": 3} if batch_size is None else {"epochs": 3, "batch_size": 40}
    model = descend(XY, start, optimizer="adam", learning_rate=0.01, **length)
    parameters = [array for layer in start for array in layer]
    mu = nu = [0.0] * len(parameters)
    for step in (1, 2, 3):
        layers = list(zip(parameters[::2], parameters[1::2], strict=True))
        gradient = [each for layer in course_gradients(*XY, layers) for each in layer]
        mu = [0.9 * old + 0.1 * g for old, g in zip(mu, gradient, strict=True)]
        nu = [0.999 * old + 0.001 * g**2 for old, g in zip(nu, gradient, strict=True)]
        parameters = [
            array - 0.01 * (v / (1 - 0.9**step)) / (np.sqrt(s / (1 - 0.999**step)) + 1e-8)
            for array, v, s in zip(parameters, mu, nu, strict=True)
        ]
    assert_same(model.parameters, zip(parameters[::2], parameters[1::2], strict=True), 1e-11)


def test_an_optimizer_by_name_is_one_with_its_defaults(XY):
    by_name, by_object, other = (
        dnn_xp.train(*XY, hidden=[5], optimizer=optimizer, iterations=20)
        for optimizer in ("adam", adam(), adam(beta1=0.5))
    )
    assert np.array_equal(by_name.theta, by_object.theta)
    assert not np.array_equal(by_name.theta, other.theta)
    assert other.settings["optimizer"] == "adam(beta1=0.5, beta2=0.999, epsilon=1e-08)"


def test_epochs_without_batches_are_iterations(XY):
    models = [dnn_xp.train(*XY, hidden=[5], **{name: 7}) for name in ("iterations", "epochs")]
    assert np.array_equal(models[0].theta, models[1].theta)
    assert models[1].history.iterations[-1] == 7


def test_no_iterations_return_the_start(XY, start):
    for optimizer in ("gradient_descent", "lbfgs"):
        rate = None if optimizer == "lbfgs" else 0.1
        model = descend(XY, start, optimizer=optimizer, learning_rate=rate, iterations=0)
        assert_same(model.parameters, start, 0.0)
        assert model.history.iterations == (0,)


# Weights, validation, standardization


def test_weights_of_one_change_no_bit(XY):
    X, Y = XY
    plain = dnn_xp.train(X, Y, iterations=20)
    for weights in (np.ones(40), np.full(40, 3), [2.0] * 40):
        weighted = dnn_xp.train(X, Y, iterations=20, sample_weight=weights)
        assert np.array_equal(weighted.theta, plain.theta)
        assert weighted.history.costs == plain.history.costs


@pytest.mark.parametrize("block_size", ["auto", 7])
def test_integer_weights_are_repeated_examples(XY, start, rng, block_size):
    X, Y = XY
    counts = rng.integers(0, 4, 40)
    weighted = descend(XY, start, iterations=15, sample_weight=counts, block_size=block_size)
    repeated = np.repeat(X, counts, axis=1), np.repeat(Y, counts)
    assert_same(weighted.parameters, descend(repeated, start, iterations=15).parameters)
    assert weighted.history.costs[-1] == pytest.approx(
        course_cost(*repeated, weighted.parameters), rel=1e-12
    )


def test_weights_are_scaled_to_the_training_part(XY):
    X, Y = XY
    weights = np.linspace(0.0, 5.0, 40)
    model = dnn_xp.train(
        X, Y, hidden=[5], iterations=5, sample_weight=weights, validation=0.25, seed=2
    )
    # The held-out examples of each class are the first of it in the seed's permutation.
    order = np.random.default_rng(2).permutation(40)
    counts = stratified_counts(np.bincount(Y), 10)
    held_out = [order[Y[order] == k][:count] for k, count in enumerate(counts)]
    kept = np.setdiff1d(np.arange(40), np.concatenate(held_out))
    seen = model.evaluate(X[:, kept], Y[kept], sample_weight=weights[kept])
    assert model.history.costs[-1] == pytest.approx(seen.cost, rel=1e-12)


def test_validation_with_a_pair(XY, rng):
    other = rng.standard_normal((4, 25))
    labels = (other[0] * other[1] > 0).astype(int)
    model = dnn_xp.train(*XY, hidden=[5], iterations=6, validation=(other, labels), l2=1.0)
    figures = model.evaluate(other, labels)
    assert len(model.history.validation_costs) == len(model.history.costs) == 7
    assert model.history.validation_costs[-1] == pytest.approx(figures.cost, rel=1e-12)
    assert model.history.metrics["validation_accuracy"][-1] == pytest.approx(figures.accuracy)


def test_validation_of_values_reports_r2(rng):
    X = rng.standard_normal((3, 60))
    model = dnn_xp.train(
        X, X[0] - X[1], hidden=[], iterations=50, validation=0.2, learning_rate=0.1
    )
    assert model.history.metrics["validation_r2"][-1] > 0.99


@pytest.mark.parametrize("how", [{}, {"batch_size": 8, "epochs": 2}])
def test_a_fraction_is_set_aside(XY, how):
    X, Y = XY
    length = {} if how else {"iterations": 4}
    model = dnn_xp.train(X, Y, hidden=[5], validation=0.3, **how, **length)
    # Every example is in one part: 28 to train with, 12 to validate on.
    total = 28 * model.history.costs[-1] + 12 * model.history.validation_costs[-1]
    assert model.evaluate(X, Y).cost == pytest.approx(total / 40, rel=1e-12)


def test_the_last_examples_of_a_file_are_set_aside(XY, tmp_path):
    X, Y = XY
    np.save(tmp_path / "X.npy", X)
    model = dnn_xp.train(tmp_path / "X.npy", Y, hidden=[5], iterations=3, validation=0.25)
    assert model.history.validation_costs[-1] == pytest.approx(
        model.evaluate(X[:, 30:], Y[30:]).cost, rel=1e-12
    )


def test_patience_keeps_the_best_parameters(XY, rng):
    other = rng.standard_normal((4, 30))
    labels = rng.integers(0, 2, 30)
    seen = {}
    model = dnn_xp.train(
        *XY,
        hidden=[16],
        iterations=500,
        learning_rate=0.05,
        validation=(other, labels),
        patience=5,
        callbacks=[lambda iteration, cost, model: seen.setdefault(iteration, model) and None],
    )
    costs = model.history.validation_costs
    best = int(np.argmin(costs))
    assert len(costs) == best + 6 < 501
    assert model.settings["kept_iteration"] == best
    assert np.array_equal(model.theta, seen[best].theta)
    assert model.evaluate(other, labels).cost == pytest.approx(costs[best], rel=1e-12)
    assert f"iteration {best}" in model.settings["stopped_because"]
    assert f"cost {model.history.costs[best]:.4g}" in repr(model)


def test_patience_without_validation_watches_the_cost(XY):
    model = dnn_xp.train(
        *XY, hidden=[4], iterations=400, optimizer="gradient_descent", learning_rate=8.0, patience=3
    )
    costs = model.history.costs
    assert len(costs) < 401
    assert model.evaluate(*XY).cost == pytest.approx(min(costs), rel=1e-12)


@pytest.mark.parametrize("how", [{"iterations": 10}, {"batch_size": 16, "epochs": 3}])
def test_standardize_is_training_on_standardized_examples(XY, how):
    X, Y = XY
    raw = X * np.array([[1e3], [1e-3], [1.0], [0.0]]) + np.array([[5.0], [0.0], [-1e3], [7.0]])
    scale = np.array([[1.0 if s == 0 else s] for s in raw[:3].std(axis=1)] + [[1.0]])
    by_hand = (raw - raw.mean(axis=1, keepdims=True)) / scale
    model = dnn_xp.train(raw, Y, hidden=[5], standardize=True, block_size=9, **how)
    expected = dnn_xp.train(by_hand, Y, hidden=[5], **how)
    np.testing.assert_allclose(model.theta, expected.theta, rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.standardization[0], raw.mean(axis=1, keepdims=True))
    assert np.array_equal(model.predict(raw), expected.predict(by_hand))


@pytest.mark.parametrize("library", ["numpy", "torch", "array_api_strict"])
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_float32_standardizes_before_it_rounds(rng, library, dtype):
    xp = require(library, lambda: importlib.import_module(library))
    # Seconds since 1970, of which float32 alone would keep two minutes.
    times = 1_700_000_000 + rng.integers(0, 1000, 200)
    X = np.stack([times, rng.integers(0, 9, 200)]).astype(dtype)
    Y = (times % 1000 > 500).astype(int).tolist()
    how = {"hidden": [4], "activation": "tanh", "iterations": 30, "standardize": True}
    exact = dnn_xp.train(X.astype("float64"), Y, dtype="float64", **how)
    model = dnn_xp.train(xp.asarray(X), Y, dtype="float32", **how)
    assert model.dtype == "float32"
    np.testing.assert_allclose(np.asarray(model.to("cpu").theta), exact.theta, rtol=0, atol=1e-5)
    assert model.evaluate(xp.asarray(X), Y).cost == pytest.approx(
        exact.evaluate(X, Y).cost, rel=1e-5
    )


# Reports


@pytest.mark.parametrize(
    "how",
    [
        {"iterations": 6},
        {"iterations": 6, "block_size": 7, "threads": 2},
        {"iterations": 6, "keep_prob": 0.6},
        {"batch_size": 16, "epochs": 4},
        {"optimizer": "lbfgs", "learning_rate": None, "iterations": 6},
    ],
    ids=["full", "blocks", "dropout", "batches", "lbfgs"],
)
def test_every_reported_cost_is_exact(XY, start, rng, how):
    weights = rng.uniform(0.5, 1.5, 40)
    seen = []
    model = descend(
        XY,
        start,
        l2=0.3,
        l1=0.1,
        sample_weight=weights,
        callbacks=[lambda iteration, cost, model: seen.append((iteration, cost, model)) and None],
        **how,
    )
    assert [iteration for iteration, _, _ in seen] == list(model.history.iterations)
    assert [cost for _, cost, _ in seen] == list(model.history.costs)
    scaled = weights / weights.mean()
    for _, cost, at in seen:
        exact = course_cost(*XY, at.parameters, l2=0.3, l1=0.1, weights=scaled)
        assert cost == pytest.approx(exact, rel=1e-12)
    assert np.array_equal(seen[-1][2].theta, model.theta)
    history = model.history
    lengths = {len(each) for each in (history.iterations, history.learning_rates, history.seconds)}
    assert lengths == {len(history.costs)}
    assert list(history.seconds) == sorted(history.seconds)
    assert history.validation_costs == ()
    assert history.metrics == {}


def test_report_every_changes_the_reports_alone(XY):
    often = dnn_xp.train(*XY, hidden=[5], iterations=10)
    seldom = dnn_xp.train(*XY, hidden=[5], iterations=10, report_every=4)
    assert seldom.history.iterations == (0, 4, 8, 10)
    assert np.array_equal(seldom.theta, often.theta)
    assert seldom.history.costs == tuple(often.history.costs[at] for at in (0, 4, 8, 10))
    epochs = dnn_xp.train(*XY, hidden=[5], batch_size=20, epochs=5, report_every=2)
    assert epochs.history.iterations == (0, 4, 8, 10)
    lbfgs = dnn_xp.train(*XY, hidden=[5], optimizer="lbfgs", iterations=7, report_every=3)
    assert lbfgs.history.iterations == (0, 3, 6, 7)


@pytest.mark.parametrize("how", [{}, {"batch_size": 10}, {"optimizer": "lbfgs"}])
def test_a_callback_stops_the_training(XY, how):
    seen = []

    def stop_at_the_third(iteration, cost, model):
        seen.append(iteration)
        return len(seen) == 3

    model = dnn_xp.train(*XY, hidden=[5], callbacks=[stop_at_the_third], **how)
    assert list(model.history.iterations) == seen
    assert len(seen) == 3
    assert model.settings["stopped_because"] == f"a callback asked to stop at iteration {seen[-1]}"


def test_callbacks_get_models_that_work(XY):
    X, Y = XY
    costs = []
    model = dnn_xp.train(
        X,
        Y,
        hidden=[5],
        iterations=3,
        callbacks=[
            lambda iteration, cost, model: costs.append(model.evaluate(X, Y).cost),
            lambda iteration, cost, model: repr(model) == "",
        ],
    )
    assert costs == pytest.approx(model.history.costs, rel=1e-12)


@pytest.mark.parametrize("how", [{}, {"batch_size": 10}, {"optimizer": "lbfgs"}])
def test_ctrl_c_returns_the_model_so_far(XY, how):
    seen = {}

    def interrupt(iteration, cost, model):
        seen[iteration] = model
        if len(seen) == 3:
            raise KeyboardInterrupt

    model = dnn_xp.train(*XY, hidden=[5], callbacks=[interrupt], **how)
    last = model.history.iterations[-1]
    assert list(seen) == list(model.history.iterations)
    assert np.array_equal(model.theta, seen[last].theta)
    assert "interrupted" in model.settings["stopped_because"]


def test_ctrl_c_between_reports_returns_the_last_report(XY):
    def rate(iteration):
        if iteration == 7:
            raise KeyboardInterrupt
        return 0.01

    model = dnn_xp.train(*XY, hidden=[5], iterations=20, report_every=5, learning_rate=rate)
    assert model.history.iterations == (0, 5)
    assert model.evaluate(*XY).cost == pytest.approx(model.history.costs[-1], rel=1e-12)


def test_ctrl_c_within_a_gradient_stops_the_training(XY, monkeypatch):
    calls = []
    original = Objective.cost_and_gradient

    def interrupted(self, theta, examples, seeds=()):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(self, theta, examples, seeds)

    monkeypatch.setattr(Objective, "cost_and_gradient", interrupted)
    model = dnn_xp.train(*XY, hidden=[5], iterations=20)
    assert model.history.iterations == (0, 1, 2)


@pytest.mark.parametrize("how", [{"block_size": 7, "threads": 2}, {"batch_size": 8}])
def test_divergence_is_an_error_with_the_last_good_model(rng, how):
    X = rng.standard_normal((3, 40))
    with pytest.raises(dnn_xp.DivergenceError, match="the training diverged") as caught:
        raw.train(
            X,
            X[0],
            hidden=[4],
            activation="identity",
            optimizer="gradient_descent",
            learning_rate=50.0,
            l2=0.0,
            **how,
        )
    model = caught.value.model
    assert math.isfinite(model.evaluate(X, X[0]).cost)
    assert model.evaluate(X, X[0]).cost == pytest.approx(model.history.costs[-1], rel=1e-9)
    assert all(math.isfinite(cost) for cost in model.history.costs)
    for way_out in ("learning_rate", "standardize=True", "clip_norm", ".model"):
        assert way_out in str(caught.value)


def test_a_start_that_overflows_is_no_divergence(XY):
    X, _ = XY
    with pytest.raises(ValueError, match="before the first update"):
        raw.train(1e200 * X, X[0], iterations=1)


# Warm start


def test_a_warm_start_goes_on_where_the_model_is(XY):
    how = {"hidden": [6, 4], "optimizer": "gradient_descent", "l2": 0.1, "standardize": True}
    whole = dnn_xp.train(*XY, iterations=20, **how)
    half = dnn_xp.train(*XY, iterations=10, **how)
    rest = dnn_xp.train(*XY, iterations=10, warm_start=half, optimizer="gradient_descent", l2=0.1)
    assert np.array_equal(rest.theta, whole.theta)
    assert rest.history.costs == whole.history.costs[10:]
    assert rest.standardization is half.standardization
    assert rest.settings["initialization"] == "warm start"


def test_a_warm_start_brings_architecture_and_classes(rng):
    X = rng.standard_normal((3, 60))
    Y = np.array(["ant", "bee", "cow"])[np.arange(60) % 3]
    model = dnn_xp.train(X, Y, hidden=[4], activation="tanh", iterations=2, keep_prob=0.5)
    # Two of the three classes are enough now, and codes stay what they were.
    kept = Y != "bee"
    again = dnn_xp.train(X[:, kept], Y[kept], warm_start=model, iterations=2)
    assert again.sizes == model.sizes
    assert again.activations == model.activations
    assert again.classes.tolist() == ["ant", "bee", "cow"]
    # Dropout belongs to a training, not to the network.
    assert again.settings["keep_prob"] is None
    dropped = dnn_xp.train(X, Y, warm_start=model, iterations=2, keep_prob=0.5)
    assert dropped.settings["keep_prob"] == [0.5]


# What is printed


def test_nothing_is_printed_when_silent(XY, capsys):
    dnn_xp.train(*XY, hidden=[5], iterations=3)
    dnn_xp.train(*XY, hidden=[5], batch_size=8, epochs=2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_are_printed_where_tqdm_is_missing_or_no_terminal(XY, capsys, monkeypatch, terminal):
    if terminal:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    model = dnn_xp.train(*XY, hidden=[5], iterations=100, verbose=True, validation=0.2)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert 20 <= len(lines) <= 22
    assert lines[0] == (
        f"update 0 of 100: cost {model.history.costs[0]:.6g}, "
        f"validation cost {model.history.validation_costs[0]:.6g}, "
        f"accuracy {model.history.metrics['validation_accuracy'][0]:.4f}"
    )
    assert lines[-1].startswith("update 100 of 100: cost")


def test_a_bar_is_shown_on_a_terminal_where_tqdm_is_installed(XY, capsys, monkeypatch):
    require("tqdm", lambda: importlib.import_module("tqdm"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    model = dnn_xp.train(*XY, hidden=[5], batch_size=10, epochs=5, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "20/20" in err
    assert f"cost={model.history.costs[-1]:.6g}" in err


# Real use


@pytest.mark.parametrize("name", ["breast_cancer", "digits"])
def test_the_defaults_learn_real_data(name):
    datasets = require("sklearn", lambda: importlib.import_module("sklearn.datasets"))
    X, Y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(Y))
    test, training = order[: len(Y) // 5], order[len(Y) // 5 :]
    scale = np.where((s := X[training].std(axis=0)) > 0, s, 1.0)
    X = (X - X[training].mean(axis=0)) / scale
    model = dnn_xp.train(X[training].T, Y[training])
    assert model.evaluate(X[test].T, Y[test]).accuracy >= 0.95


@pytest.mark.parametrize("classes", [2, 3])
def test_lbfgs_does_as_well_as_scikit_learn(rng, classes, monkeypatch):
    network = require("sklearn", lambda: importlib.import_module("sklearn.neural_network"))
    X = rng.standard_normal((5, 200))
    Y = (X[0] * X[1] + 0.3 * rng.standard_normal(200) > 0).astype(int) + (
        (X[2] > 0.8).astype(int) if classes == 3 else 0
    )
    output = {2: "sigmoid", 3: "softmax"}[classes]
    layers = initialize([5, 8, 6, 1 if classes == 2 else 3], ["tanh", "tanh", output], rng=rng)
    theirs = network.MLPClassifier(
        (8, 6), activation="tanh", solver="lbfgs", alpha=0.5, max_iter=60, tol=1e-9
    )
    given = iter([(W.T.copy(), b[:, 0].copy()) for W, b in layers])
    monkeypatch.setattr(theirs, "_init_coef", lambda *sizes: next(given), raising=False)
    evaluations = []
    original = theirs._loss_grad_lbfgs

    def counted(*arguments):
        evaluations.append("theirs")
        return original(*arguments)

    monkeypatch.setattr(theirs, "_loss_grad_lbfgs", counted, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn says that 60 iterations are few
        theirs.fit(X.T, Y)

    cost_and_gradient = Objective.cost_and_gradient

    def ours_counted(self, *arguments, **how):
        evaluations.append("ours")
        return cost_and_gradient(self, *arguments, **how)

    monkeypatch.setattr(Objective, "cost_and_gradient", ours_counted)
    ours = raw.train(
        X,
        Y,
        hidden=[8, 6],
        activation="tanh",
        optimizer="lbfgs",
        l2=0.5,
        initialization=layers,
        iterations=60,
    )
    assert ours.history.costs[-1] <= theirs.loss_ * (1 + 1e-6)
    assert evaluations.count("ours") <= evaluations.count("theirs")


# The mean cost of the batches


def test_the_costs_of_batches_are_kept_beside_the_exact_ones(rng):
    X = rng.standard_normal((3, 100))
    Y = (X[0] > 0).astype(int)
    how = {"batch_size": 30, "hidden": [4], "l2": 0.5, "seed": 1}
    # A rate that moves nothing: every batch has its cost at the start, and their mean is exact.
    still = dnn_xp.train(
        X, Y, epochs=3, learning_rate=1e-30, batch_costs=True, report_every=3, **how
    )
    assert still.history.iterations == (0, 12)
    np.testing.assert_allclose(still.history.batch_costs, [still.history.costs[0]] * 3, rtol=1e-12)
    moving = dnn_xp.train(X, Y, epochs=20, learning_rate=0.05, batch_costs=True, **how)
    silent = dnn_xp.train(X, Y, epochs=20, learning_rate=0.05, **how)
    np.testing.assert_array_equal(moving.theta, silent.theta)
    assert moving.history.costs == silent.history.costs
    assert silent.history.batch_costs == ()
    # The mean over an epoch lags behind the exact cost at its end while the cost falls.
    assert len(moving.history.batch_costs) == 20
    assert all(map(operator.gt, moving.history.batch_costs[:5], moving.history.costs[1:6]))


def test_the_costs_of_batches_are_saved(rng, tmp_path):
    X = rng.standard_normal((3, 40))
    model = dnn_xp.train(X, X[0] > 0, batch_size=8, epochs=2, batch_costs=True)
    model.save(tmp_path / "model.safetensors")
    assert dnn_xp.load(tmp_path / "model.safetensors").history == model.history


def test_the_costs_of_batches_need_batches(rng):
    X = rng.standard_normal((3, 40))
    with refused(ValueError, "batch_costs | True | left out where batch_size is | ..."):
        dnn_xp.train(X, X[0] > 0, batch_costs=True)


@pytest.mark.parametrize("generator", [np.random.default_rng, np.random.RandomState])
def test_a_generator_gives_the_seed(generator, rng):
    X = rng.standard_normal((3, 40))
    given = generator(5)
    first, second = (dnn_xp.train(X, X[0] > 0, iterations=2, seed=given) for _ in range(2))
    again = dnn_xp.train(X, X[0] > 0, iterations=2, seed=generator(5))
    assert isinstance(first.settings["seed"], int)
    assert first.settings["seed"] == again.settings["seed"] != second.settings["seed"]
    np.testing.assert_array_equal(first.theta, again.theta)
    recorded = dnn_xp.train(X, X[0] > 0, iterations=2, seed=first.settings["seed"])
    np.testing.assert_array_equal(recorded.theta, first.theta)
