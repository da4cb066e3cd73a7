"""Model: it does not change, it answers alike in both orientations, and it survives a file."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import raw
from refusals import refused
from safetensors import safe_open
from safetensors.numpy import save_file

import dnn_xp

M = 80


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((4, M))


def targets(kind, X):
    codes = (X[0] > 0).astype(int) + (X[1] > 0)
    return {
        "binary": np.where(X[0] > 0, "yes", "no"),
        "binary-bool": X[0] > 0,
        "multiclass": np.array(["ant", "bee", "cow"])[codes],
        "multiclass-int": np.array([-1, 5, 1000])[codes],
        "one-hot": np.eye(3)[:, codes],
        "multilabel": np.stack([X[0] > 0, X[1] * X[2] > 0]).astype(int),
        "regression": X[0] - 2.0 * X[1],
        "regression-column": (X[0] - 2.0 * X[1])[None, :],
        "regression-many": np.stack([X[0] - X[1], X[2] + 1.0, 0.5 * X[3]]),
    }[kind]


KINDS = {
    "binary": ("binary", 1),
    "binary-bool": ("binary", 1),
    "multiclass": ("multiclass", 3),
    "multiclass-int": ("multiclass", 3),
    "one-hot": ("multiclass", 3),
    "multilabel": ("multilabel", 2),
    "regression": ("regression", 1),
    "regression-column": ("regression", 1),
    "regression-many": ("regression", 3),
}


def trained(kind, X, **how):
    return raw.train(X, targets(kind, X), **{"hidden": [8], "iterations": 150, **how})


def by_hand(model, X):
    """Z[L] of a network with one relu layer."""
    (W1, b1), (W2, b2) = model.parameters
    return W2 @ np.maximum(W1 @ X + b1, 0.0) + b2


# What it answers


@pytest.mark.parametrize("kind", KINDS)
def test_answers_of_every_kind(kind, X):
    Y = targets(kind, X)
    model = trained(kind, X)
    assert (model.kind, model.sizes[-1]) == KINDS[kind]
    Z = by_hand(model, X)
    np.testing.assert_allclose(model.decision_function(X), Z, rtol=1e-12, atol=1e-12)
    labels = model.predict(X)
    if model.kind == "regression":
        assert labels.shape == Y.shape
        np.testing.assert_allclose(labels.reshape(Z.shape), Z, rtol=1e-12, atol=1e-12)
        said = "model | a regression, with cost='squared_error' | one of classes ... | use predict"
        with refused(ValueError, said):
            model.predict_proba(X)
        return
    probabilities = model.predict_proba(X)
    if model.kind == "multiclass":
        expected = np.exp(Z) / np.exp(Z).sum(axis=0)
        assert np.array_equal(labels, model.classes[Z.argmax(axis=0)])
        names = targets(kind, X) if kind != "one-hot" else Y.argmax(axis=0)
        assert labels.dtype.kind == names.dtype.kind
    elif model.kind == "binary":
        expected = 1.0 / (1.0 + np.exp(-Z))
        assert np.array_equal(labels, model.classes[(Z[0] > 0).astype(int)])
        assert labels.dtype == Y.dtype
    else:
        expected = 1.0 / (1.0 + np.exp(-Z))
        assert np.array_equal(labels, (Z > 0).astype(int))
        assert model.classes is None
    np.testing.assert_allclose(probabilities, expected, rtol=1e-10, atol=1e-12)
    assert labels.shape == ((2, M) if model.kind == "multilabel" else (M,))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_columns_transposed(kind, X):
    Y = targets(kind, X)
    columns = trained(kind, X)
    rows = raw.train(X.T, Y.T, examples="rows", hidden=[8], iterations=150)
    np.testing.assert_allclose(rows.theta, columns.theta, rtol=0, atol=1e-10)
    for name in ("decision_function", "predict", "predict_proba"):
        if name == "predict_proba" and columns.kind == "regression":
            continue
        down, across = (
            getattr(columns, name)(X),
            getattr(columns, name)(X.T, examples="rows"),
        )
        assert across.shape == down.T.shape
        assert np.array_equal(across, down.T)
    assert columns.evaluate(X.T, Y.T, examples="rows") == columns.evaluate(X, Y)


def test_a_model_takes_lists_frames_and_one_example(X):
    pandas = pytest.importorskip("pandas")
    model = trained("binary", X)
    expected = model.predict(X)
    assert np.array_equal(model.predict(X.tolist()), expected)
    frame = pandas.DataFrame(X.T, columns=list("abcd"))
    assert np.array_equal(model.predict(frame, examples="rows"), expected)
    assert np.array_equal(model.predict(X[:, :1]), expected[:1])
    assert np.array_equal(model.predict(X.astype("float32")), expected)


# Evaluations


def test_accuracy_and_cost_are_those_by_hand(X):
    Y = targets("multiclass", X)
    model = trained("multiclass", X, iterations=20, l2=3.0)
    weights = np.linspace(0.0, 2.0, M)
    Z = by_hand(model, X)
    losses = np.log(np.exp(Z).sum(axis=0)) - Z[np.searchsorted(model.classes, Y), np.arange(M)]
    hits = model.predict(X) == Y
    plain = model.evaluate(X, Y)
    # Without penalties, whatever the training had.
    assert plain.cost == pytest.approx(losses.mean(), rel=1e-12)
    assert plain.accuracy == pytest.approx(hits.mean(), rel=1e-12)
    assert plain.examples == M
    weighted = model.evaluate(X, Y, sample_weight=weights)
    assert weighted.cost == pytest.approx(np.average(losses, weights=weights), rel=1e-12)
    assert weighted.accuracy == pytest.approx(np.average(hits, weights=weights), rel=1e-12)
    with pytest.raises(AttributeError, match="has no r2"):
        _ = plain.r2


def test_several_labels_count_when_all_are_right(X):
    Y = targets("multilabel", X)
    model = trained("multilabel", X, iterations=30)
    hits = (model.predict(X) == Y).all(axis=0)
    assert 0.0 < hits.mean() < 1.0
    assert model.evaluate(X, Y).accuracy == pytest.approx(hits.mean(), rel=1e-12)


def test_r2_is_the_mean_over_outputs(X):
    Y = targets("regression-many", X)
    model = trained("regression-many", X, iterations=60)
    weights = np.linspace(0.5, 1.5, M)
    residual = np.average((model.predict(X) - Y) ** 2, axis=1, weights=weights)
    center = np.average(Y, axis=1, weights=weights)[:, None]
    spread = np.average((Y - center) ** 2, axis=1, weights=weights)
    figures = model.evaluate(X, Y, sample_weight=weights)
    assert figures.r2 == pytest.approx(np.mean(1.0 - residual / spread), rel=1e-10)
    assert figures.cost == pytest.approx(residual.sum() / 2, rel=1e-10)
    with pytest.raises(AttributeError, match="has no accuracy"):
        _ = figures.accuracy


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6])
def test_r2_of_constant_targets(X, dtype, constant):
    X = X.astype(dtype)
    Y = np.full(M, constant, dtype)
    away = raw.train(X, X[0], hidden=[], initialization="zeros", iterations=0)
    assert away.evaluate(X, Y).r2 == (1.0 if constant == 0.0 else 0.0)
    exact = raw.train(
        X, X[0], hidden=[], initialization=[(np.zeros((1, 4)), [float(Y[0])])], iterations=0
    )
    assert exact.evaluate(X, Y).r2 == 1.0


def test_evaluate_with_one_class_only(X):
    model = trained("multiclass", X)
    Y = np.full(M, "bee")
    assert model.evaluate(X, Y).accuracy == np.mean(model.predict(X) == "bee")


# It does not change


def test_nothing_can_be_assigned(X):
    model = trained("binary", X, standardize=True)
    with pytest.raises(FrozenInstanceError):
        model.theta = np.zeros(3)
    for array in (model.theta, model.classes, *model.standardization, *model.parameters[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = array
    assert not hasattr(model, "__dict__")


def test_using_a_model_leaves_it_and_the_examples_alone(X):
    X.flags.writeable = False
    Y = targets("binary", X)
    model = trained("binary", X)
    before = model.theta.copy(), X.copy()
    model.predict(X)
    model.evaluate(X, Y)
    dnn_xp.train(X, Y, warm_start=model, iterations=5)
    assert np.array_equal(model.theta, before[0])
    assert np.array_equal(X, before[1])
    # The caller's arrays stay as writable as they were.
    weights, own = np.ones(M), np.zeros((1, 4))
    dnn_xp.train(
        X, Y, hidden=[], sample_weight=weights, initialization=[(own, [0.0])], iterations=1
    )
    assert weights.flags.writeable
    assert own.flags.writeable


def test_parameters_are_views_of_theta(X):
    model = trained("binary", X)
    assert [W.shape for W, _ in model.parameters] == [(8, 4), (1, 8)]
    assert [b.shape for _, b in model.parameters] == [(8, 1), (1, 1)]
    assert all(
        np.shares_memory(array, model.theta) for layer in model.parameters for array in layer
    )
    (W1, b1), (W2, b2) = model.parameters
    assert np.array_equal(model.theta, np.concatenate([W1.ravel(), b1[:, 0], W2[0], b2[0]]))


def test_four_threads_may_ask_at_once(X):
    model = trained("multiclass", X)
    wide = np.tile(X, 50)
    expected = model.predict_proba(wide)
    fresh = pickle.loads(pickle.dumps(model))
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda threads: fresh.predict_proba(wide, threads=threads), [1, 2] * 4)
        )
    assert all(np.array_equal(answer, expected) for answer in answers)


@pytest.mark.parametrize(
    "twin",
    [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "deepcopy", "pickle"],
)
@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_copies_are_the_same_model(twin, kind, X):
    model = trained(kind, X, standardize=True, keep_prob=0.9)
    other = twin(model)
    assert_same_model(other, model)
    assert np.array_equal(other.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="read-only"):
        other.theta[0] = 0.0


# Files


def assert_same_model(other, model):
    assert other.theta.dtype == model.theta.dtype
    assert np.array_equal(other.theta, model.theta)
    assert other.network == model.network
    assert (other.kind, other.flat_targets) == (model.kind, model.flat_targets)
    assert other.history == model.history
    assert other.record == model.record
    assert other.settings == model.settings
    if model.classes is None:
        assert other.classes is None
    else:
        assert other.classes.dtype == model.classes.dtype
        assert np.array_equal(other.classes, model.classes)
    if model.standardization is None:
        assert other.standardization is None
    else:
        assert all(map(np.array_equal, other.standardization, model.standardization))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_brings_back_every_bit(kind, dtype, X, tmp_path):
    model = trained(
        kind,
        X,
        dtype=dtype,
        iterations=5,
        standardize=True,
        validation=0.2,
        keep_prob=[0.75],
        seed=np.int64(3),
        block_size=np.int32(30),
        patience=2,
    )
    path = tmp_path / "a model.bin"
    model.save(path)
    again = dnn_xp.load(str(path))
    assert_same_model(again, model)
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.evaluate(X, targets(kind, X)) == model.evaluate(X, targets(kind, X))
    again.save(path)
    assert_same_model(dnn_xp.load(path), model)
    assert [each.name for each in tmp_path.iterdir()] == ["a model.bin"]


def test_parameters_that_are_not_contiguous_are_saved_right(X, tmp_path):
    model = trained("binary", X)
    strided = np.zeros(2 * len(model.theta))
    strided[::2] = model.theta
    moments = np.asfortranarray(np.ones((2, 4)))
    other = replace(model, theta=strided[::2], standardization=(moments[:1].T, 2.0 * moments[1:].T))
    other.save(tmp_path / "model")
    again = dnn_xp.load(tmp_path / "model")
    assert np.array_equal(again.theta, model.theta)
    assert again.standardization[1].tolist() == [[2.0]] * 4


def test_the_file_is_plain_safetensors(X, tmp_path):
    model = trained("multiclass", X, standardize=True)
    model.save(tmp_path / "model")
    with safe_open(tmp_path / "model", framework="numpy") as file:
        assert sorted(file.keys()) == ["W1", "W2", "b1", "b2", "mean", "scale"]
        assert np.array_equal(file.get_tensor("W1"), model.parameters[0][0])
        assert json.loads(file.metadata()["model"])["classes"] == ["ant", "bee", "cow"]


def test_a_model_is_saved_whole_or_not_at_all(X, tmp_path, monkeypatch):
    model = trained("binary", X)
    path = tmp_path / "model"
    path.write_text("what was here before")

    def full(*arguments, **more):
        raise OSError("no space left on device")

    monkeypatch.setattr("dnn_xp.model.storage.save", full)
    with pytest.raises(OSError, match="no space left"):
        model.save(path)
    assert path.read_text() == "what was here before"
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_saving_where_no_folder_is(X, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^path=.*nowhere.* does not exist"):
        trained("binary", X).save(tmp_path / "nowhere" / "model")


def test_loading_what_is_no_model(X, tmp_path):
    path = tmp_path / "model"
    with pytest.raises(FileNotFoundError, match=r"^path=.*is no file; dnn_xp.load wants"):
        dnn_xp.load(path)
    with pytest.raises(FileNotFoundError, match=r"^path=.*is no file"):
        dnn_xp.load(tmp_path)
    for content in (b"", b"not a model at all", b"\xff" * 64):
        path.write_bytes(content)
        with refused(
            ValueError, "path | ..., which is no safetensors file or is damaged (...) | a saved ..."
        ):
            dnn_xp.load(path)
    save_file({"W1": np.zeros(3)}, path)
    with refused(
        ValueError,
        "path | ..., a safetensors file of format None | a saved model of format 'dnn_xp model 2'",
    ):
        dnn_xp.load(path)
    save_file({"W1": np.zeros(3)}, path, metadata={"format": "dnn_xp model 1", "model": "{}"})
    with refused(ValueError, "path | ..., whose description is damaged or ... | a saved model"):
        dnn_xp.load(path)
    trained("binary", X).save(path)
    whole = path.read_bytes()
    for size in (4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with refused(ValueError, "path | ... damaged (...) | a saved model"):
            dnn_xp.load(path)


# In words


def test_the_summary_says_what_was_decided(X, capsys):
    model = raw.train(
        X.astype("float32"),
        targets("multiclass", X),
        hidden=[8, 5],
        activation=["tanh", "gelu"],
        iterations=10,
        l2=0.1,
        keep_prob=0.9,
        standardize=True,
        validation=0.25,
        threads=1,
    )
    model.summary()
    said = capsys.readouterr().out
    lines = {line.split("  ")[0].strip(): line for line in said.splitlines()}
    assert said.splitlines()[0].split() == ["layer", "activation", "W", "b", "parameters"]
    assert lines["1"].split() == ["1", "tanh", "(8,", "4)", "(8,", "1)", "40"]
    assert lines["3"].split() == ["3", "softmax", "(3,", "5)", "(3,", "1)", "18"]
    assert "103 parameters" in said
    for name, text in {
        "inputs": "4, standardized by the model",
        "classes": "ant, bee, cow",
        "cost": "softmax_cross_entropy (chosen from Y: 3 classes)",
        "optimizer": "adam(beta1=0.9, beta2=0.999, epsilon=1e-08)",
        "learning rate": "constant(learning_rate=0.01)",
        "iterations": "10",
        "l2": "0.1",
        "keep prob": "[0.9, 0.9]",
        "initialization": "auto",
        "plan": "1 block of 60 examples, 1 thread; peak beyond the data as given:",
        "seed": "0",
        "last report": f"iteration 10, cost {model.history.costs[-1]:.6g}",
        "validation cost": f"{model.history.validation_costs[-1]:.6g}",
        "device": "cpu with numpy",
    }.items():
        assert lines[name].removeprefix(name).strip().startswith(text)
    blas = f", {model.record.blas}" if model.record.blas else ""
    device = f"float32{blas}, 1 block of 60 examples, 1 thread (asked for: None; "
    assert device in lines["device"]


def test_repr_is_one_line(X):
    model = trained("binary", X, hidden=[8, 3])
    cost = f"{model.history.costs[-1]:.4g}"
    assert repr(model) == f"Model(4-8-3-1, binary, relu/sigmoid, cost {cost}, numpy on cpu)"
    assert repr(model.history).startswith("History(151 reports, iterations 0 to 150, cost ")
    assert repr(dnn_xp.History()) == "History(nothing reported)"


def test_html_repr_escapes_what_users_wrote(X):
    Y = np.where(X[0] > 0, "<b>yes</b>", "no & never")
    html = dnn_xp.train(X, Y, hidden=[3], iterations=2)._repr_html_()
    assert "<b>yes" not in html
    assert "&lt;b&gt;yes&lt;/b&gt;" in html
    assert "no &amp; never" in html
    assert html.count("<table>") == html.count("</table>") == 2
    assert "<td>(3, 4)</td>" in html


@pytest.mark.filterwarnings("ignore::dnn_xp.DataWarning")
def test_many_classes_are_cut_short_in_the_summary(rng, capsys):
    X = rng.standard_normal((2, 300))
    dnn_xp.train(X, np.arange(300) % 25, hidden=[3], iterations=1).summary()
    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... (25 in all)" in capsys.readouterr().out


def test_two_dimensional_targets_of_a_file_predict_all_outputs(X, tmp_path):
    Y = targets("regression-many", X)
    np.save(tmp_path / "Y.npy", Y)
    model = dnn_xp.train(X, tmp_path / "Y.npy", hidden=[3], iterations=2)
    assert model.predict(X).shape == (3, M)


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "decision_function", "evaluate"])
def test_values_that_the_dtype_cannot_hold_are_refused(rng, ask):
    X = rng.standard_normal((3, 60))
    model = raw.train(X.astype("float32"), X[0] > 0, hidden=[4], iterations=3)
    far = X.copy()
    far[1, 7] = -1e39
    parts = (
        "X | -1e+39 at example 7, feature 1 (counted from 0) "
        "| within the range of float32, the dtype of this model "
        "| scale the features, or train with dtype='float64'"
    )
    arguments = (far, X[0] > 0) if ask == "evaluate" else (far,)
    with refused(ValueError, parts):
        getattr(model, ask)(*arguments)
    # Standardized in float64 they are ordinary numbers again.
    wide = raw.train(far, X[0] > 0, hidden=[4], iterations=3, dtype="float32", standardize=True)
    assert np.isfinite(wide.predict_proba(far)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ask", ["predict", "predict_proba", "decision_function", "evaluate"])
def test_examples_for_which_a_model_overflows_are_refused(rng, ask, dtype):
    X = (1e-3 * rng.standard_normal((3, 60))).astype(dtype)
    model = dnn_xp.train(X, X[0] > 0, hidden=[4], iterations=3, standardize=True, dtype=dtype)
    far = X.copy()
    far[:, 7:9] = 0.9 * np.finfo(dtype).max
    wider = ", or train with dtype='float64'" if dtype == "float32" else ""
    remedy = f"look for values far beyond those of the training{wider}"
    parts = (
        "X | values whose outputs overflow in 2 of 60 examples, the first example 7 (counted from 0) "
        f"| values for which this model's outputs are finite in {dtype} | {remedy}"
    )
    if ask == "evaluate":
        wanted = f"values for which this model's cost is finite in {dtype}"
        parts = f"X and Y | a cost of nan | {wanted} | {remedy}"
    arguments = (far, X[0] > 0) if ask == "evaluate" else (far,)
    with refused(ValueError, parts):
        getattr(model, ask)(*arguments, threads=2)


def test_outputs_of_which_only_the_sum_overflows_are_given():
    X = np.full((3, 60), 1e37, dtype=np.float32)
    start = [(np.ones((1, 3)), np.zeros((1, 1)))]
    small = X / 1e37
    how = {"hidden": [], "iterations": 0, "initialization": start, "cost": "squared_error"}
    model = dnn_xp.train(small, small[0], **how)
    assert model.decision_function(X).tolist() == [[np.float32(3e37)] * 60]


@pytest.mark.parametrize(("mean", "scale"), [(1e39, 1e38), (0.0, 1e-60), (0.0, 1e-40), (3.0, 2.0)])
def test_a_float32_model_of_features_whose_moments_float32_cannot_hold(mean, scale, rng):
    X = mean + scale * rng.standard_normal((3, 200))
    model = dnn_xp.train(
        X, X[0] > mean, hidden=[4], standardize=True, iterations=3, dtype="float32"
    )
    held = min(1.0, scale) * np.asarray([[0.0, 1.0, -2.0]] * 3)
    expected = model.predict_proba(held.astype(np.float32).astype(np.float64))
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(model.predict_proba(held.astype(np.float32)), expected, rtol=1e-5)
