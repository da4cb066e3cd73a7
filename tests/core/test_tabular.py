"""preset="tabular" and the options that it sets: each by an oracle of its own, then all together."""

from __future__ import annotations

import numpy as np
import pytest
from oracle_of_realmlp import RealMLPStep
from refusals import refused

import dnn_xp
from dnn_xp.data.quantiles import Quantiles, quantiles, sample_of, step_of_sample
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.formulas import (
    Rates,
    adam,
    rate_factors,
    scaled_weights,
    scaled_weights_backward,
    smooth_clip,
    smooth_clip_backward,
    smooth_labels,
)
from dnn_xp.training.specification import Specification


@pytest.fixture(name="X")
def heavy_tails(rng):
    X = rng.standard_t(2, (5, 240))
    X[3] = rng.random(240) < 0.1  # quartiles are equal
    X[4] = 7.0
    return X


def test_smooth_clip_and_its_derivative(library, rng):
    X, dA = 4 * rng.standard_normal((2, 3, 4))
    expected = X / np.sqrt(1 + (X / 3) ** 2)
    library.assert_matches(smooth_clip(library.array(X), xp=library.xp), expected)
    h = 1e-6
    slope = (smooth_clip(X + h, xp=np) - smooth_clip(X - h, xp=np)) / (2 * h)
    on_host = smooth_clip_backward(dA, X, xp=np)
    np.testing.assert_allclose(on_host, dA * slope, rtol=1e-7, atol=1e-9)
    dX = smooth_clip_backward(library.array(dA), library.array(X), xp=library.xp)
    library.assert_matches(dX, on_host)


def test_smooth_clip_of_what_is_huge_is_the_bound_without_a_warning():
    far = np.asarray([-3e38, 3e38], dtype=np.float32)
    with np.errstate(all="raise"):
        np.testing.assert_allclose(smooth_clip(far, xp=np), [-3, 3], rtol=1e-6)


def test_a_scaling_layer_is_a_diagonal_factor_and_its_gradient(library, rng):
    W, dV, s = rng.standard_normal((3, 4)), rng.standard_normal((3, 4)), rng.standard_normal(4)
    arrays = [library.array(each) for each in (dV, W, s)]
    library.assert_matches(scaled_weights(*arrays[1:], xp=library.xp), W @ np.diag(s))
    dW, ds = scaled_weights_backward(*arrays, xp=library.xp)
    library.assert_matches(dW, dV @ np.diag(s))
    library.assert_matches(ds, np.diag(W.T @ dV))


def test_smoothed_labels_are_distributions(library):
    Y = np.eye(4)
    smoothed = smooth_labels(library.array(Y), amount=0.2, outputs=4, xp=library.xp)
    library.assert_matches(smoothed, 0.8 * Y + 0.05)
    library.assert_matches(
        smooth_labels(library.array([[0.0, 1.0]]), amount=0.2, outputs=1, xp=library.xp),
        [[0.1, 0.9]],
    )


def test_quantiles_are_those_of_numpy_with_a_scale_for_every_feature(X):
    found = quantiles(sample_of(ArraySource(X), blocks=[(0, 100), (100, 101), (101, 240)]))
    low, middle, high = np.quantile(X, (0.25, 0.5, 0.75), axis=1, keepdims=True)
    np.testing.assert_array_equal(found.mean, middle)
    np.testing.assert_array_equal(found.scale[:3], (high - low)[:3])
    assert found.scale[3:, 0].tolist() == [0.5, 1.0]


def test_a_sample_is_every_kth_example_wherever_blocks_end(monkeypatch, X):
    monkeypatch.setattr("dnn_xp.data.quantiles.VALUES", 5 * 80)
    monkeypatch.setattr("dnn_xp.data.quantiles.LEAST", 10)
    assert step_of_sample(5, 240) == 3
    found = quantiles(sample_of(ArraySource(X), blocks=[(0, 100), (100, 101), (101, 240)]))
    np.testing.assert_array_equal(found.mean, np.median(X[:, ::3], axis=1, keepdims=True))


@pytest.mark.parametrize("outputs", [1, 3])
def test_gradient_with_a_scaling_layer_smoothed_labels_and_quantiles(X, outputs):
    Y = (X[0] > 0).astype(int) + (outputs > 1) * (X[1] > 0)
    check = dnn_xp.gradient_check(
        X,
        Y,
        hidden=[6, 4],
        activation=("selu", "mish"),
        scaling_layer=True,
        label_smoothing=0.1,
        standardize_by="quantiles",
        l2=0.3,
    )
    assert check.parameters[-1].name == "s"
    assert check.relative_difference < 1e-7


def test_rates_multiply_the_steps_of_adam(X):
    """The first step of Adam is the rate times the sign of the gradient, whatever its size."""
    common = {"hidden": [4], "iterations": 1, "learning_rate": 0.01, "seed": 3, "dtype": "float64"}
    Y = X[0] - X[1]
    start = dnn_xp.train(X, Y, **common | {"iterations": 0})
    plain = dnn_xp.train(X, Y, **common)
    rated = dnn_xp.train(X, Y, **common, ntk=True, bias_rate=0.1, output_rate=3.0)
    factors = rate_factors(
        (5, 4, 1), Rates(ntk=True, bias=0.1, output=3.0), dtype=np.float64, xp=np
    )
    np.testing.assert_allclose(
        rated.theta - start.theta, factors * (plain.theta - start.theta), rtol=1e-10, atol=1e-15
    )
    assert factors[:20].tolist() == pytest.approx([5**-0.5] * 20)
    assert factors[-5:].tolist() == pytest.approx([3 / 2] * 4 + [0.3])


@pytest.mark.parametrize("parametric", [False, True])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_the_preset_takes_the_steps_of_realmlp(X, rng, classes, parametric):
    """Against the original parametrization in PyTorch, written from the paper: W / sqrt(n), two outputs, ..."""
    torch = pytest.importorskip("torch")
    Y = X[0] * X[1] if classes == 0 else np.digitize(X[0], [0.0, 0.8][: classes - 1])
    X = np.clip(X, -50, 50)
    how = {
        "preset": "tabular",
        "activation": "selu" if classes else "mish",
        "schedule": "coslog4",
        "learning_rate": 0.04 if classes else 0.07,
        "hidden": [8, 8],
        "epochs": 6,
        "batch_size": 240,
        "dtype": "float64",
        "seed": 5,
        "parametric_activation": parametric,
    }
    how |= {"validation": None, "keep_best": None, "ema_decay": None}
    # Of the two parametrizations epsilon is the one difference.
    # Centred targets have gradients of rounding errors, which Adam blows up.
    how |= {} if classes else {"standardize_targets": False}
    how["optimizer"] = adam(beta2=0.95, epsilon=1e-14)
    start = dnn_xp.train(X, Y, **how | {"epochs": 0})
    mine = dnn_xp.train(X, Y, **how)
    theirs = RealMLPStep(torch, start, X, Y, classes, parametric)
    for step in range(6):
        theirs.step(step / 6)
    np.testing.assert_allclose(
        mine.decision_function(X)[:, :20], theirs.output()[:, :20], rtol=1e-8, atol=1e-10
    )


def test_the_preset_sets_what_is_left_out_and_nothing_else():
    asked = Specification(preset="tabular", epochs=3, validation=None)
    assert (asked.activation, asked.epochs, asked.validation) == ("relu", 3, None)
    assert (asked.hidden, asked.ema_decay, asked.batch_size) == ((256,) * 3, 0.98, 256)
    assert asked.optimizer.hyperparameters == adam(beta2=0.95).hyperparameters
    assert Specification.from_toml(asked.to_toml()).hidden == asked.hidden
    assert Specification().scaling_layer is False
    with refused(ValueError, "preset | 'tabula' | ..."):
        Specification(preset="tabula")


def test_an_ensemble_that_shares_layers_trains_for_longer(X):
    how = {"preset": "tabular", "hidden": [2], "validation": None, "keep_best": None}
    epochs = [
        dnn_xp.train(X, X[0], **how, ensemble=k, ensemble_sharing=sharing).settings["epochs"]
        for k, sharing in [(1, "layers"), (2, "layers"), (2, "nothing")]
    ]
    assert epochs == [40, 64, 40]


@pytest.mark.parametrize(("m", "epochs"), [(100, 40), (6400, 40), (7000, 36), (8192, 32)])
def test_the_preset_trains_for_a_thousand_updates_within_limits(m, epochs, rng):
    X = rng.standard_normal((2, m))
    model = dnn_xp.train(X, X[0], preset="tabular", hidden=[2], validation=None, keep_best=None)
    assert model.settings["epochs"] == epochs
    assert model.history.iterations[-1] == epochs * -(-m // 256)


def test_a_model_of_the_preset_is_saved_and_says_what_was_set(X, tmp_path):
    Y = (X[0] > 0).astype(int)
    model = dnn_xp.train(X, Y, preset="tabular", hidden=[8], epochs=3)
    assert isinstance(model.standardization, Quantiles)
    assert not model.network.scaling_layer
    assert "given otherwise: hidden" in model.settings["preset"]
    model.save(tmp_path / "model.safetensors")
    again = dnn_xp.load(tmp_path / "model.safetensors")
    assert isinstance(again.standardization, Quantiles)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.evaluate(X, Y) == model.evaluate(X, Y)


def test_the_best_score_is_kept_the_last_one_of_equals(X):
    Y = (X[0] > 0).astype(int)
    model = dnn_xp.train(
        X, Y, hidden=[4], batch_size=40, epochs=12, validation=0.3, keep_best="score"
    )
    scores = model.history.metrics["validation_accuracy"]
    best = max(place for place, score in enumerate(scores) if score == max(scores))
    assert model.settings["kept_iteration"] == model.history.iterations[best]


def test_threads_change_no_bit_of_the_preset(X):
    Y = X[0] * X[2]
    how = {"preset": "tabular", "hidden": [8], "epochs": 2, "batch_size": 64, "block_size": 32}
    one, two = (dnn_xp.train(X, Y, **how, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.theta, two.theta)


def test_labels_of_values_are_not_smoothed(X):
    with refused(
        ValueError, "label_smoothing | 0.1 with a Y of values | left out where Y holds no classes"
    ):
        dnn_xp.train(X, X[0], label_smoothing=0.1)


def test_a_model_with_clipped_features_goes_to_onnx_and_torch(X, tmp_path):
    Y = (X[0] > 0).astype(int)
    model = dnn_xp.train(X, Y, preset="tabular", hidden=[8], epochs=2)
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        P = model.to_torch()(torch.tensor(X.T, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(P[:, 0], model.predict_proba(X)[0], rtol=1e-4, atol=1e-6)
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    given = {session.get_inputs()[0].name: X.T.astype(np.float32)}
    P = dict(
        zip([each.name for each in session.get_outputs()], session.run(None, given), strict=True)
    )
    np.testing.assert_allclose(
        P["probabilities"][:, 1], model.predict_proba(X)[0], rtol=1e-4, atol=1e-6
    )
