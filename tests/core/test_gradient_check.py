"""gradient_check: below 1e-8 where the formulas are right, far above where they are not."""

from __future__ import annotations

import importlib
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import raw
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp.formulas import ACTIVATIONS, COSTS
from dnn_xp.formulas.activations import Activation

ELEMENTWISE = [name for name, each in ACTIVATIONS.items() if each.elementwise]


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((4, 30))


def targets_for(cost, m, rng):
    return {
        "binary_cross_entropy": rng.integers(0, 2, m),
        "softmax_cross_entropy": np.arange(m) % 3,
        "squared_error": rng.standard_normal((2, m)),
        # Residuals on both sides of 1, where the loss turns from a square into a line.
        "huber": 2.0 * rng.standard_normal((2, m)),
        "poisson": rng.poisson(2.0, (2, m)).astype(float),
    }[cost]


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_every_activation_and_cost(activation, cost, X, rng):
    # exp in every layer is a tower of exponentials, whose third derivative is near that of J only
    # for small X.
    X = 0.3 * X if activation == "exp" else X
    check = raw.gradient_check(
        X, targets_for(cost, 30, rng), activation=activation, cost=cost, l2=0.1, block_size=8
    )
    assert check.relative_difference < 1e-8
    assert max(each.relative_difference for each in check.parameters) < 1e-8
    # 4-5-4-n_y
    assert check.checked == check.entries == 5 * 5 + 4 * 6 + check.sizes[-1] * 5


@pytest.mark.parametrize("cost", ["squared_error", "huber"])
@pytest.mark.parametrize("output_activation", ELEMENTWISE)
def test_every_output_activation_of_costs_that_take_any(output_activation, cost, X, rng):
    Y = targets_for(cost, 30, rng)
    check = dnn_xp.gradient_check(X, Y, output_activation=output_activation, cost=cost)
    assert check.relative_difference < 1e-8


def test_penalties_weights_dropout_blocks_and_threads(X, rng):
    check = dnn_xp.gradient_check(
        X,
        np.arange(30) % 3,
        activation=["gelu", "silu"],
        hidden=[6, 3],
        l2=0.5,
        l1=0.3,
        keep_prob=0.6,
        sample_weight=rng.uniform(0.0, 2.0, 30),
        standardize=True,
        block_size=7,
        threads=3,
    )
    assert check.relative_difference < 1e-8
    assert check.sizes == (4, 6, 3, 3)


def test_several_labels_at_once(X):
    check = dnn_xp.gradient_check(X, np.stack([X[0] > 0, X[1] > 0]).astype(int))
    assert check.sizes == (4, 5, 4, 2)
    assert check.relative_difference < 1e-8


def test_a_wrong_derivative_shows(X, rng, monkeypatch):
    tanh = ACTIVATIONS["tanh"]
    wrong = Activation(
        "tanh", tanh.forward, lambda dA, Z, *, xp: dA * (1.0 - xp.tanh(Z)), True, "xavier"
    )
    monkeypatch.setitem(ACTIVATIONS, "tanh", wrong)
    check = dnn_xp.gradient_check(X, X[0] > 0, activation="tanh")
    by_name = {each.name: each.relative_difference for each in check.parameters}
    assert check.relative_difference > 1e-3
    # The output layer lies before the error on the way back, and is right.
    assert by_name["W3"] < 1e-8
    assert by_name["W1"] > 1e-3


def test_at_a_model(X):
    model = dnn_xp.train(X, X[0] > 0, hidden=[5], activation="tanh", iterations=3, standardize=True)
    check = dnn_xp.gradient_check(X, X[0] > 0, model=model)
    assert check.relative_difference < 1e-8
    assert check.sizes == model.sizes
    assert check.cost == pytest.approx(model.evaluate(X, X[0] > 0).cost, rel=1e-12)


def test_a_float32_model_is_checked_in_float64(X):
    model = dnn_xp.train(X.astype("float32"), X[0] > 0, hidden=[5], activation="tanh", iterations=3)
    assert dnn_xp.gradient_check(X, X[0] > 0, model=model).relative_difference < 1e-8


def test_at_given_parameters(X, rng):
    W1, b1 = rng.standard_normal((3, 4)), rng.standard_normal((3, 1))
    W2, b2 = rng.standard_normal((1, 3)), rng.standard_normal((1, 1))
    Y = (X[0] > 0).astype(float)
    check = raw.gradient_check(X, Y, parameters=[(W1, b1), (W2, b2)])
    Z = W2 @ np.tanh(W1 @ X + b1) + b2
    assert check.cost == pytest.approx(np.mean(np.log1p(np.exp(Z)) - Y * Z), rel=1e-13)
    dZ = 1.0 / (1.0 + np.exp(-Z)) - Y
    dW2 = dZ @ np.tanh(W1 @ X + b1).T / 30
    assert check.parameters[2].norm == pytest.approx(np.linalg.norm(dW2), rel=1e-12)


def test_max_entries_chooses_some_of_every_parameter(X):
    check = dnn_xp.gradient_check(X, X[0] > 0, hidden=[40, 20], max_entries=100)
    assert 100 <= check.checked <= 105
    assert all(each.checked >= 1 for each in check.parameters)
    assert check.relative_difference < 1e-8
    assert "of 800" in str(check)
    again = dnn_xp.gradient_check(X, X[0] > 0, hidden=[40, 20], max_entries=100)
    assert again == check


@pytest.mark.parametrize("library", ["torch", "jax", "array_api_strict"])
def test_in_the_library_of_the_examples(X, library):
    xp = require(library, lambda: importlib.import_module(library))
    xp = importlib.import_module("jax.numpy") if library == "jax" else xp
    Y = (X[0] > 0).astype(int)
    check = dnn_xp.gradient_check(xp.asarray(X), xp.asarray(Y), hidden=[3])
    assert check.library == library
    assert check.relative_difference < 1e-8
    assert check.cost == pytest.approx(dnn_xp.gradient_check(X, Y, hidden=[3]).cost, rel=1e-13)


def test_the_table_names_every_parameter(X):
    check = dnn_xp.gradient_check(X, X[0] > 0)
    lines = repr(check).splitlines()
    assert lines[0].split()[:4] == ["parameter", "shape", "checked", "|gradient|"]
    assert [line.split()[0] for line in lines[2:9]] == ["W1", "b1", "W2", "b2", "W3", "b3", "all"]
    assert lines[-1].startswith("4-5-4-1, cost ")
    with pytest.raises(FrozenInstanceError):
        check.cost = 0.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": 3}, TypeError, "model | 3 | a Model, as train and load return it"),
        ({"epsilon": 0.0}, ValueError, "epsilon | 0.0 | a finite number > 0"),
        ({"max_entries": 0}, ValueError, "max_entries | 0 | a whole number >= 1"),
        ({"parameters": 5}, TypeError, "parameters | 5 | a list of (W, b), one pair a layer"),
        ({"parameters": [3]}, TypeError, "parameters[0] | 3 | a pair (W, b)"),
        (
            {"parameters": [(np.ones((1, 3)), [0.0])]},
            ValueError,
            (
                "parameters | (W, b) of shapes [((1, 3), (1, 1))] | (W, b) of shapes ... for the "
                "network of sizes (4, 1)"
            ),
        ),
        ({"activation": "tahn"}, ValueError, "activation | 'tahn' | ... | did you mean 'tanh'?"),
        ({"seed": -1}, ValueError, "seed | -1 | a whole number >= 0"),
        ({"l2": -1.0}, ValueError, "l2 | -1.0 | a finite number >= 0"),
    ],
)
def test_wrong_arguments(X, arguments, error, message):
    with refused(error, message):
        dnn_xp.gradient_check(X, X[0] > 0, **arguments)


def test_a_model_brings_its_network(X):
    model = dnn_xp.train(X, X[0] > 0, hidden=[5], iterations=1)
    brought = "left out where model is given | the model brings its network and parameters"
    with refused(ValueError, f"hidden | a list of length 1 | {brought}"):
        dnn_xp.gradient_check(X, X[0] > 0, model=model, hidden=[5])
    with refused(ValueError, f"activation | a numpy.ndarray of shape (3,) ... | {brought}"):
        dnn_xp.gradient_check(X, X[0] > 0, model=model, activation=np.ones(3))
    wanted = "examples of 4 features, as in the training of the model"
    with refused(ValueError, f"X | 3 features per example | {wanted}"):
        dnn_xp.gradient_check(X[:3], X[0] > 0, model=model)
