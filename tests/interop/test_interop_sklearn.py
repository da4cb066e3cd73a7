"""Model.from_sklearn and to_sklearn: the same predictions as scikit-learn's own networks."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp import Model

sklearn = require("sklearn", lambda: __import__("sklearn.neural_network"))
networks = require("sklearn", lambda: __import__("sklearn.neural_network").neural_network)
preprocessing = require("sklearn", lambda: __import__("sklearn.preprocessing").preprocessing)
pipeline = require("sklearn", lambda: __import__("sklearn.pipeline").pipeline)
M = 80
CLASSIFIED = ("two", "bool", "three", "objects", "several")
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((M, 4)) * [1, 5, 1, 1] + [3, 0, -1, 0]


def targets(kind, X):
    return {
        "two": np.where(X[:, 0] > 3, "yes", "no"),
        "bool": X[:, 0] > 3,
        "three": np.asarray(["ant", "bee", "cow"])[(X[:, 0] > 3) * 1 + (X[:, 1] > 0)],
        "objects": np.asarray(["ant", "bee"], dtype=object)[(X[:, 0] > 3) * 1],
        "several": np.stack([X[:, 0] > 3, X[:, 1] > 0, X[:, 2] > 0], axis=1).astype(int),
        "one value": 100 * X[:, 0] + X[:, 1],
        "values": np.stack([100 * X[:, 0], X[:, 1]], axis=1),
    }[kind]


def fitted(kind, X, dtype="float64", activation="tanh"):
    made = networks.MLPClassifier if kind in CLASSIFIED else networks.MLPRegressor
    settings = {"activation": activation, "max_iter": 20, "random_state": 0}
    network = made(hidden_layer_sizes=(6, 5), **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return network.fit(X.astype(dtype), targets(kind, X))


def same(estimator, model, X, tolerance):
    """Predictions and probabilities of both."""
    expected, actual = estimator.predict(X), model.predict(X, examples="rows")
    assert actual.shape == expected.shape
    if model.kind == "regression":
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)
        return
    assert np.array_equal(actual, expected)
    P = model.predict_proba(X, examples="rows")
    P = np.concatenate([1 - P, P], axis=1) if model.kind == "binary" else P
    if P.shape[1] == 2 and estimator.predict_proba(X).shape[1] == 2:
        assert list(estimator.classes_) == sorted(model.classes)
        P = P[:, np.argsort(model.classes)]
    np.testing.assert_allclose(P, estimator.predict_proba(X), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", [*CLASSIFIED, "one value", "values"])
def test_their_networks_as_models(kind, dtype, X):
    network = fitted(kind, X, dtype)
    model = Model.from_sklearn(network)
    assert model.dtype == dtype
    same(network, model, X.astype(dtype), TOLERANCE[dtype])
    assert model.evaluate(X, targets(kind, X), examples="rows").cost >= 0.0


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_there_and_back(activation, X):
    network = fitted("three", X, activation=activation)
    again = Model.from_sklearn(network).to_sklearn()
    assert np.array_equal(again.predict_proba(X), network.predict_proba(X))
    assert again.activation == activation


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", [*CLASSIFIED, "one value", "values"])
@pytest.mark.parametrize("standardize", [True, False])
def test_our_models_as_theirs(kind, dtype, standardize, X):
    X = X.astype(dtype)
    given = {"examples": "rows", "hidden": [6, 5], "iterations": 30, "dtype": dtype}
    Y = targets(kind, X)
    model = dnn_xp.train(X, Y, activation="relu", standardize=standardize, **given)
    assert (model.target_standardization is None) == (kind in CLASSIFIED)
    estimator = model.to_sklearn()
    assert hasattr(estimator, "steps") == standardize
    same(estimator, model, X, TOLERANCE[dtype])
    same(estimator, Model.from_sklearn(estimator), X, TOLERANCE[dtype])
    same(pickle.loads(pickle.dumps(estimator)), model, X, TOLERANCE[dtype])
    figures = model.evaluate(X, Y, examples="rows")
    wanted = figures.r2 if model.kind == "regression" else figures.accuracy
    assert estimator.score(X, Y) == pytest.approx(wanted, abs=1e-5)


def test_two_softmax_outputs_become_one(X):
    given = {"examples": "rows", "hidden": [6], "iterations": 30, "dtype": "float64"}
    model = dnn_xp.train(X, X[:, 0] > 3, cost="softmax_cross_entropy", **given)
    assert (model.kind, model.sizes[-1]) == ("multiclass", 2)
    estimator = model.to_sklearn()
    np.testing.assert_allclose(
        estimator.predict_proba(X), model.predict_proba(X, examples="rows"), rtol=0, atol=1e-12
    )
    assert np.array_equal(estimator.predict(X), model.predict(X, examples="rows"))


def test_counts(X):
    if "loss" not in networks.MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no loss='poisson'")
    Y = np.rint(np.abs(X[:, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = networks.MLPRegressor(loss="poisson", max_iter=20, random_state=0).fit(X, Y)
    model = Model.from_sklearn(network)
    assert (model.cost, model.activations[-1]) == ("poisson", "exp")
    same(network, model, X, 1e-12)
    np.testing.assert_allclose(model.to_sklearn().predict(X), network.predict(X), rtol=1e-12)


def test_a_scaler_in_front_is_the_standardization(X):
    scaler = preprocessing.StandardScaler(with_mean=False)
    steps = pipeline.make_pipeline(scaler, "passthrough", networks.MLPClassifier((5,), max_iter=9))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        steps.fit(X, targets("three", X))
    model = Model.from_sklearn(steps)
    assert model.standardization is not None
    same(steps, model, X, 1e-12)


def test_frames_keep_their_names(X):
    pd = require("pandas", lambda: __import__("pandas"))
    frame = pd.DataFrame(X, columns=list("abcd"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = networks.MLPClassifier((5,), max_iter=9).fit(frame, targets("two", X))
    model = Model.from_sklearn(network)
    assert model.feature_names == tuple("abcd")
    expected = network.predict(frame)
    assert np.array_equal(model.predict(frame[list("dcba")]), expected)
    assert (model.dtype, model.encoder.dtype) == ("float64", np.float64)
    estimator = model.to_sklearn()
    assert list(estimator.feature_names_in_) == list("abcd")
    assert np.array_equal(estimator.predict(frame), expected)
    trained = dnn_xp.train(frame, targets("two", X), hidden=[5], iterations=20, activation="relu")
    assert np.array_equal(trained.to_sklearn().predict(frame), trained.predict(frame))


def test_what_comes_is_saved_like_any_model(X, tmp_path):
    network = fitted("three", X)
    Model.from_sklearn(network).save(tmp_path / "model.safetensors")
    same(network, dnn_xp.load(tmp_path / "model.safetensors"), X, 1e-12)


def test_what_they_lack_is_refused(X):
    given = {"examples": "rows", "hidden": [3, 3], "iterations": 5}
    model = dnn_xp.train(X, X[:, 0] > 3, activation="gelu", **given)
    remedy = "to_onnx and to_torch have the others"
    wanted = "a model with one of 'identity', 'sigmoid', 'tanh', 'relu' in all hidden layers, ..."
    with refused(
        ValueError, f"model | one with the hidden activations 'gelu' | {wanted} | {remedy}"
    ):
        model.to_sklearn()
    model = dnn_xp.train(X, X[:, 0] > 3, activation=["relu", "tanh"], **given)
    said = f"model | one with the hidden activations 'relu', 'tanh' | ... | {remedy}"
    with refused(ValueError, said):
        model.to_sklearn()
    how = given | {"cost": "squared_error", "output_activation": "softplus", "activation": "relu"}
    model = dnn_xp.train(X, np.abs(X[:, 0]), **how)
    with refused(ValueError, f"model | one with the output activation 'softplus' | ... | {remedy}"):
        model.to_sklearn()
    pd = require("pandas", lambda: __import__("pandas"))
    frame = pd.DataFrame({"a": X[:, 0], "town": ["Ulm", "Bonn"] * (M // 2)})
    model = dnn_xp.train(frame, X[:, 0] > 3, hidden=[3], iterations=5)
    said = "model | one of a table with the columns 'a', 'town' | ... | use to_onnx, ..."
    with refused(ValueError, said):
        model.to_sklearn()


def test_other_estimators_are_refused(X):
    wanted = (
        "a fitted MLPClassifier or MLPRegressor, or a Pipeline of a StandardScaler and one of ..."
    )
    with refused(TypeError, f"estimator | 3 | {wanted}"):
        Model.from_sklearn(3)
    with refused(TypeError, f"estimator | a sklearn.preprocessing... | {wanted}"):
        Model.from_sklearn(preprocessing.StandardScaler())
    with refused(ValueError, f"estimator | MLPClassifier(), which is not fitted | {wanted}"):
        Model.from_sklearn(networks.MLPClassifier())
    steps = pipeline.make_pipeline(preprocessing.MinMaxScaler(), networks.MLPClassifier())
    with refused(
        TypeError, f"estimator | a Pipeline of 'MinMaxScaler', 'MLPClassifier' | {wanted}"
    ):
        Model.from_sklearn(steps)
