"""bias_initialization and unit_variance: where a training starts, whatever holds its examples."""

from __future__ import annotations

import numpy as np
import pytest
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp import Specification
from dnn_xp.formulas import COSTS
from dnn_xp.formulas.network import Network
from dnn_xp.training.from_examples import draw_fitting, fitting_bytes

FITTED = {"bias_initialization": "he+5", "unit_variance": True}
HOW = {
    "hidden": [7, 6],
    "activation": "mish",
    "seed": 4,
    "iterations": 0,
    "dtype": "float64",
    **FITTED,
}


@pytest.fixture(name="XY")
def two_classes(rng):
    X = 50.0 + 9.0 * rng.standard_normal((3, 200))
    return X, (X[0] > 50.0).astype(int)


def preactivations(model, X):
    """W[l] A[l-1] of each layer with its b[l], of X as it is given."""
    mean, scale = model.standardization
    A, found = (X - mean) / scale, []
    for W, b in model.parameters:
        Z = np.asarray(W) @ A
        found.append((Z, np.asarray(b)))
        A = Z + b
        A = A * np.tanh(np.logaddexp(0.0, A))
    return found


def test_units_vary_by_one_and_are_zero_within_the_examples(XY, capsys):
    model = dnn_xp.train(*XY, **HOW)
    assert model.settings["initialization"] == "auto, W by unit variance, b by he+5"
    model.summary()
    assert "W by unit variance, b by he+5" in capsys.readouterr().out
    for Z, b in preactivations(model, XY[0]):
        np.testing.assert_allclose(Z.std(axis=1), 1.0, rtol=1e-12)
        assert (-b > Z.min(axis=1, keepdims=True)).all()
        assert (-b < Z.max(axis=1, keepdims=True)).all()
        # The mean of five has a deviation of sqrt(1/3): E of the sum of squared weights is 1/3.
        assert 0.1 < np.abs(b + Z.mean(axis=1, keepdims=True)).mean() < 1.2


def test_the_rest_is_drawn_as_without_it(XY):
    plain = dnn_xp.train(*XY, **HOW | {"unit_variance": False, "bias_initialization": None})
    biases = dnn_xp.train(*XY, **HOW | {"unit_variance": False})
    weights = dnn_xp.train(*XY, **HOW | {"bias_initialization": None})
    for (W, b), (W_biases, b_biases), (W_weights, b_weights) in zip(
        plain.parameters, biases.parameters, weights.parameters, strict=True
    ):
        np.testing.assert_array_equal(W, W_biases)
        np.testing.assert_array_equal(b, b_weights)
        assert b_biases.all()
        ratio = W_weights / W
        np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], W.shape), rtol=1e-12)


def test_the_last_layer_may_be_zero_or_the_logarithm_of_the_mean(XY, rng):
    X, Y = XY
    zeros = dnn_xp.train(X, Y, **HOW, output_initialization="zeros")
    for each in zeros.parameters[-1]:
        assert not np.asarray(each).any()
    assert np.asarray(zeros.parameters[0][1]).all()
    counts = rng.poisson(20.0, 200)
    how = HOW | {"cost": "poisson", "initialization": "lecun"}
    Z, b = preactivations(dnn_xp.train(X, counts, **how), X)[-1]
    assert -Z.max() < b.item() - np.log(counts.mean()) < -Z.min()


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"number_encoding": "periodic", "scaling_layer": True},
        {"number_encoding": "piecewise", "bins": 4},
        {"parametric_activation": True, "standardize_by": "quantiles"},
        {"standardize": False, "initialization": "ntk"},
    ],
    ids=str,
)
@pytest.mark.bits
def test_every_holder_of_the_examples_starts_from_the_same_bits(how, rng, tmp_path):
    X = rng.standard_normal((5, 3000)).astype(np.float32)
    Y = (X[0] > 0.0).astype(int)
    how = HOW | {"dtype": "float32"} | how
    wanted = np.asarray(dnn_xp.train(X, Y, **how, threads=1).theta)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "rows.npy", X.T)
    for given, more in (
        (X, {"threads": 2}),
        (np.asfortranarray(X), {"block_size": 100}),
        (X.T.copy(), {"examples": "rows"}),
        (tmp_path / "X.npy", {"threads": 2}),
        (tmp_path / "rows.npy", {"examples": "rows"}),
    ):
        model = dnn_xp.train(given, Y, **how, **more)
        np.testing.assert_array_equal(np.asarray(model.theta), wanted)


@pytest.mark.parametrize("name", ["torch", "jax.numpy"])
def test_every_library_starts_from_the_same_bits(XY, name):
    library = require(name, lambda: __import__(name, fromlist=["asarray"]))
    wanted = dnn_xp.train(*XY, **HOW)
    model = dnn_xp.train(library.asarray(XY[0]), library.asarray(XY[1]), **HOW)
    np.testing.assert_array_equal(np.asarray(model.theta), np.asarray(wanted.theta))


def test_embedded_categories_are_looked_up(rng):
    pandas = require("pandas", lambda: __import__("pandas"))
    kinds = rng.integers(0, 150, 3000)
    table = pandas.DataFrame(
        {"kind": [f"k{kind}" for kind in kinds], "x": rng.standard_normal(3000)}
    )
    how = HOW | {"embedding": 4}
    model = dnn_xp.train(table, kinds % 2, **how)
    assert model.network.embeddings
    assert np.asarray(model.parameters[0][1]).all()


def test_gradients_agree_with_differences(XY):
    for more in ({}, {"number_encoding": "periodic"}, {"dropout": 0.3, "activation": "mish"}):
        assert dnn_xp.gradient_check(*XY, **FITTED, **more).relative_difference < 1e-7


def test_one_example_and_constant_features_are_no_failure():
    X, Y = np.ones((2, 3)), np.array([0, 1, 1])
    model = dnn_xp.train(X, Y, **HOW | {"iterations": 3})
    assert np.isfinite(np.asarray(model.theta)).all()
    one = dnn_xp.train(X[:, :1], np.array([2.5]), **HOW)
    assert np.isfinite(np.asarray(one.theta)).all()


@pytest.mark.parametrize(("n", "m"), [(30, 900), (2000, 30)])
def test_the_plan_counts_what_is_gathered(n, m, rng):
    X = rng.standard_normal((n, m), dtype="float32")
    planned = str(dnn_xp.plan((n, m), **HOW | {"dtype": "float32"}))
    assert dnn_xp.train(X, X[0] > 0, **HOW | {"dtype": "float32"}).settings["plan"] == planned


@pytest.mark.parametrize(
    ("n_x", "m", "count"), [(30, 500, 500), (30, 10**9, 1024), (100_000, 10**9, 20)]
)
def test_few_examples_are_looked_at_however_many_there_are(n_x, m, count):
    network = Network((n_x, 8, 1), (), COSTS["squared_error"])
    asked = Specification(**FITTED)
    fitting = draw_fitting(asked, network, m, np.random.default_rng(0))
    assert len(np.unique(fitting.positions)) == len(fitting.positions) == count
    assert [chosen.shape for chosen, _ in fitting.corners] == [(8, 5), (1, 5)]
    assert all(chosen.max() < count for chosen, _ in fitting.corners)
    assert fitting_bytes(network, m) <= 2**28
    plain = Specification()
    assert draw_fitting(plain, network, m, np.random.default_rng(0)) is None


def test_it_is_refused_where_parameters_are_brought(XY):
    model = dnn_xp.train(*XY, hidden=[2], iterations=0)
    for name, value in FITTED.items():
        with refused(ValueError, f"{name} | {value!r} | left out where warm_start ..."):
            dnn_xp.train(*XY, warm_start=model, **{name: value})
        with refused(ValueError, f"{name} | {value!r} | left out where initialization ..."):
            dnn_xp.train(*XY, hidden=[2], initialization=model.parameters, **{name: value})
    with refused(ValueError, "bias_initialization | 'he+6' | ..."):
        dnn_xp.train(*XY, bias_initialization="he+6")
