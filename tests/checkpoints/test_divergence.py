"""Where a divergence began, and going on with half the learning rate."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import raw
from refusals import refused
from trainings import examples, figures

import dnn_xp
from dnn_xp.formulas import constant
from dnn_xp.training.divergence import MOST_HALVINGS

X, Y = examples()
VALUES = X[0] + 0.5 * X[1]
LINEAR = {"hidden": [4], "activation": "identity", "l2": 0.0, "standardize_targets": False}
STEEP = {**LINEAR, "optimizer": "gradient_descent", "learning_rate": 50.0}


def by_hand(model, X, Y, rate):
    """Updates of gradient descent in float64: |Z| of each layer, gradients, the cost after each."""
    (W1, b1), (W2, b2) = [(W.copy(), b.copy()) for W, b in model.parameters]
    m = X.shape[1]
    while True:
        Z1 = W1 @ X + b1
        Z2 = W2 @ Z1 + b2
        dZ2 = Z2 - Y
        dZ1 = W2.T @ dZ2
        gradients = {
            "W[1]": dZ1 @ X.T / m, "b[1]": dZ1.sum(1, keepdims=True) / m,
            "W[2]": dZ2 @ Z1.T / m, "b[2]": dZ2.sum(1, keepdims=True) / m,
        }  # fmt: skip
        yield [np.abs(Z1).max(), np.abs(Z2).max()], gradients, 0.5 * np.mean(dZ2**2)
        W1, b1 = W1 - rate * gradients["W[1]"], b1 - rate * gradients["b[1]"]
        W2, b2 = W2 - rate * gradients["W[2]"], b2 - rate * gradients["b[2]"]


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("watched", [{}, {"callbacks": [lambda *_: None]}])
def test_the_origin_of_a_full_batch(every, watched):
    with pytest.raises(dnn_xp.DivergenceError) as caught:
        raw.train(X, VALUES, **STEEP, iterations=200, report_every=every, **watched)
    start = raw.train(X, VALUES, **STEEP, iterations=0)
    with np.errstate(all="ignore"):
        steps = by_hand(start, X, VALUES[None], 50.0)
        before = next(steps)
        for number, step in enumerate(steps, start=1):
            if not math.isfinite(step[2]):
                iteration = number
                break
            before = step
    largest, gradients, _ = before
    origin = caught.value.origin
    assert origin.iteration == iteration
    assert origin.layer == 1 + int(np.argmax(largest))
    assert origin.largest_Z == pytest.approx(max(largest), rel=1e-6)
    said = str(caught.value)
    assert f"updates (learning_rate was 50). It began at update {iteration}: before it" in said
    assert f"in layer {origin.layer}, and the norm of the gradient " in said
    assert origin.parameter in gradients
    assert all(map(math.isfinite, caught.value.model.history.costs))


def test_the_origin_of_mini_batches():
    def rate(update):
        return 1e200 if update == 14 else 0.01

    how = {**LINEAR, "optimizer": "gradient_descent", "learning_rate": rate}
    for every in (1, 2):
        with pytest.raises(dnn_xp.DivergenceError) as caught:
            raw.train(X, VALUES, **how, batch_size=60, epochs=8, report_every=every)
        # The fifteenth update makes parameters of 1e200; the products of the one after it overflow.
        assert caught.value.origin.iteration in (15, 16, 17)
        assert caught.value.model.history.iterations[-1] == 10


def test_it_can_be_copied_and_has_the_last_finite_state():
    with pytest.raises(dnn_xp.DivergenceError) as caught:
        raw.train(X, VALUES, **STEEP, iterations=200)
    error = caught.value
    assert np.isfinite(error.state.last).all()
    assert error.state.report.iteration == error.model.history.iterations[-1]
    assert str(copy.copy(error)) == str(error)
    assert "layer" in str(pickle.loads(pickle.dumps(error.origin)))


def test_half_the_rate_until_it_converges(capsys):
    model = raw.train(X, VALUES, **STEEP, iterations=400, on_divergence="halve")
    count = len(model.history.halvings)
    assert count > 0
    assert set(model.history.learning_rates[model.history.halvings[-1] :]) == {50.0 / 2**count}
    assert model.history.costs[-1] < 1e-6
    assert model.history.iterations == tuple(range(401))
    assert "the learning rate was halved from iteration 0" in model.settings["halvings"]
    model.summary()
    assert (
        "\nhalvings        the cost diverged; the learning rate was halved"
        in capsys.readouterr().out
    )
    # From where it went back to, the training is one with that rate from the beginning.
    if set(model.history.halvings) == {0}:
        plain = raw.train(X, VALUES, **STEEP | {"learning_rate": 50.0 / 2**count}, iterations=400)
        assert plain.theta.tobytes() == model.theta.tobytes()


def test_a_rate_that_grows_too_large_later():
    def rate(update):
        return 0.05 if update < 30 else 8.0

    how = {**LINEAR, "optimizer": "gradient_descent", "learning_rate": rate}
    model = raw.train(X, VALUES, **how, iterations=120, on_divergence="halve")
    assert min(model.history.halvings) >= 29
    calm = raw.train(X, VALUES, **how, iterations=29)
    assert model.history.costs[:29] == calm.history.costs[:29]
    assert model.history.costs[-1] < model.history.costs[28]


def test_where_nothing_diverges_halve_changes_no_bit():
    expected = figures(dnn_xp.train(X, Y, hidden=[6], iterations=20))
    found = figures(dnn_xp.train(X, Y, hidden=[6], iterations=20, on_divergence="halve"))
    # Its plan counts the state to go back to.
    assert found["settings"].pop("plan") != expected["settings"].pop("plan")
    assert found == expected


def test_no_rate_helps_everything():
    steep = STEEP | {"learning_rate": constant(1e300)}
    with pytest.raises(dnn_xp.DivergenceError) as caught:
        raw.train(X, VALUES, **steep, iterations=20, on_divergence="halve")
    assert len(caught.value.state.halvings) == MOST_HALVINGS
    assert caught.value.origin is not None


def test_a_line_search_has_no_rate_to_halve():
    with refused(ValueError, "on_divergence | 'halve' | left out where ... | ..."):
        dnn_xp.train(X, Y, optimizer="lbfgs", on_divergence="halve")


def test_it_is_kept_in_a_saved_model(tmp_path):
    model = raw.train(X, VALUES, **STEEP, iterations=30, on_divergence="halve")
    model.save(tmp_path / "m")
    assert dnn_xp.load(tmp_path / "m").history == model.history
