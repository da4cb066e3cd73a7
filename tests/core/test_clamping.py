"""clamp_outputs: predictions of values within the range of the training's Y, wherever they are made."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp.formulas import clamp

HOW = {"hidden": [6], "iterations": 60, "clamp_outputs": True}


@pytest.fixture(name="XY")
def two_values(rng):
    X = rng.standard_normal((3, 90))
    return X, np.stack([X[0] + 5.0, 100.0 * X[1]])


@pytest.fixture(name="FAR")
def beyond_the_training(rng):
    return 9.0 * rng.standard_normal((3, 40))


def test_bounds_are_those_of_numpy(library, rng):
    Z, low = rng.standard_normal((2, 9)), np.asarray([[-0.5], [0.0]])
    given = [library.array(each) for each in (Z, low, low + 0.75)]
    library.assert_matches(clamp(*given, xp=library.xp), np.clip(Z, low, low + 0.75))


@pytest.mark.parametrize("standardized", [True, False])
def test_predictions_are_those_of_the_same_network_within_the_range(XY, FAR, standardized):
    X, Y = XY
    how = HOW | {"standardize_targets": standardized, "learning_rate": 0.02}
    plain = dnn_xp.train(X, Y, **how | {"clamp_outputs": False})
    model = dnn_xp.train(X, Y, **how)
    np.testing.assert_array_equal(model.theta, plain.theta)
    low, high = Y.min(axis=1, keepdims=True), Y.max(axis=1, keepdims=True)
    np.testing.assert_array_equal(model.target_range, (low, high))
    expected = np.clip(plain.predict(FAR), low, high)
    assert (expected != plain.predict(FAR)).any()
    np.testing.assert_array_equal(model.predict(FAR), expected)
    np.testing.assert_array_equal(model.decision_function(FAR), expected)
    found = model.evaluate(FAR, expected + 1.0)
    assert found.cost == pytest.approx(1.0, rel=1e-6)
    residual = 1.0 / expected.var(axis=1)
    assert found.r2 == pytest.approx(np.mean(1 - residual), rel=1e-6)


def test_validation_and_the_best_score_are_of_what_is_kept_within(XY, FAR):
    X, Y = XY
    pair = FAR, np.stack([FAR[0] + 5.0, 100.0 * FAR[1]])
    model = dnn_xp.train(X, Y, **HOW, validation=pair, keep_best="score")
    scores = model.history.metrics["validation_r2"]
    best = model.history.iterations.index(model.settings["kept_iteration"])
    assert scores[best] == max(scores) == pytest.approx(model.evaluate(*pair).r2, rel=1e-9)


def test_it_is_kept_in_files_pickles_onnx_and_torch(XY, FAR, tmp_path):
    model = dnn_xp.train(*XY, **HOW, dtype="float32")
    expected = model.predict(FAR)
    model.save(tmp_path / "model.safetensors")
    for again in (dnn_xp.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.target_range, model.target_range)
        np.testing.assert_array_equal(again.predict(FAR), expected)
    torch = require("torch", lambda: pytest.importorskip("torch"))
    with torch.no_grad():
        found = model.to_torch()(torch.tensor(FAR.T, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found.T, expected, rtol=1e-4, atol=1e-4)
    runtime = require("onnxruntime", lambda: pytest.importorskip("onnxruntime"))
    model.to_onnx(tmp_path / "model.onnx")
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    found = session.run(["prediction"], {"X": FAR.T.astype(np.float32)})[0]
    np.testing.assert_allclose(found.T, expected, rtol=1e-4, atol=1e-4)
    with refused(ValueError, "model | one that keeps its predictions within ... | ..."):
        model.to_sklearn()
    plain = dnn_xp.train(*XY, hidden=[2], iterations=1)
    assert plain.target_range is None


def test_every_library_keeps_within(library, XY, FAR):
    if not library.float64:
        pytest.skip("float32 only")
    expected = dnn_xp.train(*XY, **HOW).predict(FAR)
    given = [library.array(each, "float64") for each in (*XY, FAR)]
    found = dnn_xp.train(given[0], given[1], **HOW).predict(given[2])
    np.testing.assert_allclose(library.numpy(found), expected, rtol=1e-8, atol=1e-8)


def test_threads_change_no_bit(XY, FAR):
    one, two = (dnn_xp.train(*XY, **HOW, block_size=16, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.predict(FAR), two.predict(FAR))


def test_classes_and_other_outputs_are_refused(XY):
    X, Y = XY
    with refused(ValueError, "clamp_outputs | True with the output activation 'sigmoid' | ..."):
        dnn_xp.train(X, X[0] > 0, clamp_outputs=True)
    with refused(ValueError, "clamp_outputs | True with the output activation 'exp' | ..."):
        dnn_xp.train(X, np.abs(Y[0]), cost="poisson", clamp_outputs=True)
