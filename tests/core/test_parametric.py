"""parametric_activation: the mix of an activation with the identity, in training and in what comes out."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp.formulas import ACTIVATIONS, mixed_activation, mixed_activation_backward

HOW = {
    "hidden": [6, 4],
    "activation": ("selu", "mish"),
    "parametric_activation": True,
    "parametric_rate": 1.0,
    "learning_rate": 0.05,
    "iterations": 20,
}


@pytest.fixture(name="X")
def four_features(rng):
    return rng.standard_normal((4, 150))


@pytest.fixture(name="model")
def trained(X):
    return dnn_xp.train(X, X[0] * X[1] > 0, **HOW)


@pytest.mark.parametrize("name", ["relu", "selu", "mish", "tanh"])
def test_the_mix_and_its_derivatives_are_those_of_autograd(library, torch, name, rng):
    Z, dA = 3 * rng.standard_normal((2, 5, 7))
    a = rng.standard_normal((5, 1))
    g = ACTIVATIONS[name]
    traced = [torch.tensor(each, requires_grad=True) for each in (Z, a)]
    of_torch = torch.tanh if name == "tanh" else getattr(torch.nn.functional, name)
    A = traced[0] + traced[1] * (of_torch(traced[0]) - traced[0])
    A.backward(torch.tensor(dA))
    arrays = {"Z": library.array(Z), "a": library.array(a)}
    library.assert_matches(
        mixed_activation(**arrays, activation=g, xp=library.xp), A.detach(), ulps=64
    )
    found = mixed_activation_backward(library.array(dA), **arrays, activation=g, xp=library.xp)
    for mine, theirs in zip(found, traced, strict=True):
        library.assert_matches(mine, theirs.grad, ulps=128)


def test_a_gradient_check_in_every_library(library, rng):
    if not library.float64:
        pytest.skip("float32 only")
    X = rng.standard_normal((3, 30))
    Y = X[0] * X[1]
    check = dnn_xp.gradient_check(
        library.array(X, "float64"),
        library.array(Y, "float64"),
        activation=("selu", "mish"),
        parametric_activation=True,
        scaling_layer=True,
        keep_prob=(1.0, 0.7),
        l2=0.1,
        l1=0.1,
    )
    assert [each.name for each in check.parameters][-3:] == ["a1", "a2", "s"]
    assert check.relative_difference < 1e-7


def test_a_gradient_check_with_embeddings(rng):
    pandas = require("pandas", lambda: pytest.importorskip("pandas"))
    words = [f"w{number % 150}" for number in range(3000)]
    frame = pandas.DataFrame({"x": rng.standard_normal(3000), "word": words})
    how = {"parametric_activation": True, "embedding": 2, "hidden": [4], "l2": 0.5}
    check = dnn_xp.gradient_check(frame, frame["x"] > 0, **how, max_entries=200)
    assert [each.name for each in check.parameters][-2:] == ["a1", "E1"]
    assert check.relative_difference < 1e-7
    model = dnn_xp.train(frame, frame["x"] > 0, **how, iterations=5)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    assert again.embeddings["word"].shape == (2, 152)


def test_the_mix_starts_at_the_activation_and_learns(X, model):
    start = dnn_xp.train(X, X[0] * X[1] > 0, **HOW | {"iterations": 0})
    plain = dnn_xp.train(
        X, X[0] * X[1] > 0, **HOW | {"iterations": 0, "parametric_activation": False}
    )
    np.testing.assert_allclose(start.predict_proba(X), plain.predict_proba(X), rtol=1e-12)
    assert all((a == 1).all() for a in start.mixes)
    assert plain.mixes == []
    assert [a.shape for a in model.mixes] == [(6, 1), (4, 1)]
    assert all((a != 1).all() for a in model.mixes)
    np.testing.assert_array_equal(model.theta[-10:], np.concatenate(model.mixes).ravel())


def test_its_rate_is_its_own(X):
    """The first step of Adam is the rate times the sign of the gradient."""
    how = HOW | {"iterations": 1, "parametric_rate": 0.1, "dtype": "float64"}
    model = dnn_xp.train(X, X[0], **how)
    np.testing.assert_allclose(np.abs(np.concatenate(model.mixes) - 1), 0.005, rtol=1e-4)
    assert model.settings["parametric_rate"] == 0.1


def test_threads_change_no_bit(X):
    how = HOW | {"block_size": 32, "scaling_layer": True}
    one, two = (dnn_xp.train(X, X[0] * X[2], **how, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.theta, two.theta)


def test_it_is_saved_and_a_file_without_it_loads(X, model, tmp_path):
    path = tmp_path / "model.safetensors"
    for each in (model, dnn_xp.train(X, X[0] > 0, hidden=[3], iterations=2)):
        each.save(path)
        again = dnn_xp.load(path)
        assert again.network.parametric == each.network.parametric
        np.testing.assert_array_equal(again.theta, each.theta)
        np.testing.assert_array_equal(again.predict_proba(X), each.predict_proba(X))


def test_onnx_and_torch_compute_the_same(X, model, tmp_path):
    torch = require("torch", lambda: pytest.importorskip("torch"))
    P = model.predict_proba(X)[0]
    with torch.no_grad():
        found = model.to_torch()(torch.tensor(X.T)).numpy()[:, 0]
    np.testing.assert_allclose(found, P, rtol=1e-4, atol=1e-6)
    runtime = require("onnxruntime", lambda: pytest.importorskip("onnxruntime"))
    model.to_onnx(tmp_path / "model.onnx")
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    probabilities = session.run(["probabilities"], {"X": X.T.astype(model.dtype)})[0]
    np.testing.assert_allclose(probabilities[:, 1], P, rtol=1e-4, atol=1e-6)


def test_scikit_learn_has_no_such_units(model):
    with refused(ValueError, "model | one whose hidden units mix ... | ..."):
        model.to_sklearn()


def test_a_warm_start_goes_on_with_the_mix_or_begins_one(X, model):
    Y = X[0] * X[1] > 0
    on = dnn_xp.train(X, Y, warm_start=model, iterations=0)
    assert on.network.parametric
    np.testing.assert_array_equal(on.theta, model.theta)
    plain = dnn_xp.train(X, Y, hidden=[3], activation="tanh", iterations=5)
    begun = dnn_xp.train(X, Y, warm_start=plain, iterations=0, parametric_activation=True)
    np.testing.assert_allclose(begun.predict_proba(X), plain.predict_proba(X), rtol=1e-12)
    assert begun.network.mixed == 3


def test_a_divergence_is_found(X):
    with pytest.raises(dnn_xp.DivergenceError) as caught:
        dnn_xp.train(
            X,
            X[0],
            **HOW
            | {
                "optimizer": "gradient_descent",
                "learning_rate": 1e6,
                "iterations": 50,
                "activation": "identity",
            },
        )
    assert np.isfinite(caught.value.origin.largest_Z)


def test_layers_of_narrow_floats(X):
    torch = require("torch", lambda: pytest.importorskip("torch"))
    how = HOW | {"precision": "bfloat16", "iterations": 3}
    model = dnn_xp.train(torch.tensor(X, dtype=torch.float32), torch.tensor(X[0] > 0), **how)
    assert model.mixes[0].dtype == torch.float32


def test_plots_show_the_mixed_units(X, model):
    pyplot = require("matplotlib.pyplot", lambda: pytest.importorskip("matplotlib.pyplot"))
    from dnn_xp.plots.layers import _outputs_of_layers

    found = _outputs_of_layers(model, X, None)
    np.testing.assert_allclose(found[-1], model.predict_proba(X), rtol=1e-4, atol=1e-6)
    pyplot.close("all")
    assert "selu, mixed" in repr(model._repr_html_())
