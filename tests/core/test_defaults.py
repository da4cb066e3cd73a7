"""One call without options does the right thing on targets and features of any size, or says why not."""

from __future__ import annotations

import warnings
from contextlib import nullcontext

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

import dnn_xp

N, M = 10, 1000


@pytest.fixture(autouse=True)
def no_convergence_warning():
    """What pyproject.toml lets pass elsewhere is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((N, M))


def huber_in_units(residual, delta):
    """Huber's loss with threshold delta, as SciPy writes it."""
    from scipy.special import huber

    return huber(delta, residual)


# Targets of any size


@pytest.mark.parametrize("b", [1e-4, 1.0, 5e4])
@pytest.mark.parametrize("a", [0.0, 40.0, 3e5, -1e6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_targets_of_any_size_are_learned_without_an_option(X, a, b, dtype):
    Y = (a + b * X.sum(axis=0)).astype(dtype)
    if len(np.unique(Y)) < 10:
        pytest.skip(f"{dtype} cannot hold {a} + {b} x: {len(np.unique(Y))} different values")
    model = dnn_xp.train(X.astype(dtype), Y)
    predicted = np.asarray(model.predict(X.astype(dtype)), dtype="float64")
    assert r2_score(Y.astype("float64"), predicted) >= 0.95
    assert model.evaluate(X.astype(dtype), Y).r2 >= 0.95


@pytest.mark.parametrize("b", [1e-4, 1.0, 5e4])
@pytest.mark.parametrize("a", [0.0, 40.0, 3e5, -1e6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_targets_of_any_size_are_learned_from_a_parquet_file_larger_than_a_block(
    X, a, b, dtype, tmp_path
):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    Y = (a + b * X.sum(axis=0)).astype(dtype)
    if len(np.unique(Y)) < 10:
        pytest.skip(f"{dtype} cannot hold {a} + {b} x: {len(np.unique(Y))} different values")
    columns = {f"x{j}": each for j, each in enumerate(X.astype(dtype))}
    parquet.write_table(pa.table(columns | {"y": Y}), tmp_path / "t.parquet", row_group_size=600)
    model = dnn_xp.train(tmp_path / "t.parquet", "y", block_size=600)
    assert model.record.blocks == 2
    assert model.dtype == dtype
    found = np.asarray(model.predict(tmp_path / "t.parquet"), dtype="float64")
    assert r2_score(Y.astype("float64"), found) >= 0.95


@pytest.mark.parametrize("cost", ["squared_error", "huber"])
@pytest.mark.parametrize(
    "how", [{}, {"optimizer": "lbfgs"}, {"batch_size": 50}, {"validation": 0.2}]
)
def test_costs_and_predictions_are_in_the_units_of_the_targets(X, cost, how):
    Y = np.stack([2e5 + 6e4 * X[0], 1e-3 * (X[1] + X[2]), 7.0 + X[3] * X[4]])
    length = {"epochs": 3, "learning_rate": 0.01} if "batch_size" in how else {"iterations": 12}
    model = dnn_xp.train(X, Y, cost=cost, hidden=[6], **length, **how)
    R = model.predict(X) - Y
    scale = model.target_standardization[1]
    losses = R**2 / 2 if cost == "squared_error" else huber_in_units(R, scale)
    found = model.evaluate(X, Y)
    assert found.cost == pytest.approx(losses.sum(axis=0).mean(), rel=1e-9)
    assert found.r2 == pytest.approx(r2_score(Y.T, model.predict(X).T), rel=1e-9)
    if "validation" not in how:
        assert model.history.costs[-1] == pytest.approx(found.cost, rel=1e-9)
        np.testing.assert_allclose(scale[:, 0], Y.std(axis=1), rtol=1e-12)
        np.testing.assert_allclose(
            model.target_standardization[0][:, 0], Y.mean(axis=1), rtol=1e-12
        )
    else:
        # What was set aside has no part in the mean; its cost is in the same units.
        assert model.history.validation_costs[-1] > 1e5


def test_one_output_with_a_penalty_reports_what_it_minimizes_in_the_units_of_the_targets(X):
    Y = 2e5 + 6e4 * X[0]
    model = dnn_xp.train(X, Y, hidden=[6], iterations=9, l2=2.0)
    squares = sum(float(np.sum(np.asarray(W) ** 2)) for W, _ in model.parameters)
    expected = np.mean((model.predict(X) - Y) ** 2) / 2 + Y.var() * 2.0 / (2 * M) * squares
    assert model.history.costs[-1] == pytest.approx(expected, rel=1e-9)


def test_scaling_by_hand_gives_the_same_parameters(X):
    Y = 2e5 + 6e4 * X[0]
    how = {"hidden": [6], "iterations": 20}
    by_hand = dnn_xp.train(X, (Y - Y.mean()) / Y.std(), standardize_targets=False, **how)
    model = dnn_xp.train(X, Y, **how)
    np.testing.assert_allclose(model.theta, by_hand.theta, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        model.predict(X), by_hand.predict(X) * Y.std() + Y.mean(), rtol=1e-12
    )


def test_integer_weights_are_repeated_targets(X):
    weights = np.arange(M) % 3
    Y = 40.0 + X[0]
    how = {"hidden": [4], "iterations": 5, "standardize": False}
    weighted = dnn_xp.train(X, Y, sample_weight=weights, **how)
    repeated = dnn_xp.train(np.repeat(X, weights, axis=1), np.repeat(Y, weights), **how)
    for a, b in zip(weighted.target_standardization, repeated.target_standardization, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=0, atol=1e-10)


def test_a_file_larger_than_a_block_gives_the_bits_of_memory(X, tmp_path):
    Y = -1e6 + 5.0 * X.sum(axis=0)
    np.save(tmp_path / "X.npy", np.ascontiguousarray(X.T))
    np.save(tmp_path / "Y.npy", Y)
    how = {"examples": "rows", "iterations": 5, "block_size": 96}
    from_file = dnn_xp.train(tmp_path / "X.npy", tmp_path / "Y.npy", **how)
    from_memory = dnn_xp.train(np.ascontiguousarray(X.T), Y, **how)
    assert from_file.theta.tobytes() == from_memory.theta.tobytes()
    assert from_file.history.costs == from_memory.history.costs


def test_saving_pickling_and_warm_start_take_the_scale_along(X, tmp_path):
    import pickle

    Y = 2e5 + 6e4 * X[0]
    model = dnn_xp.train(X, Y, hidden=[6], iterations=20)
    model.save(tmp_path / "model.safetensors")
    for again in (dnn_xp.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        assert again.predict(X).tobytes() == model.predict(X).tobytes()
        assert again.evaluate(X, Y) == model.evaluate(X, Y)
    # Other targets, the same scale: the training goes on where it was.
    further = dnn_xp.train(X[:, :500], Y[:500], warm_start=model, iterations=0)
    assert further.target_standardization is model.target_standardization
    assert further.predict(X).tobytes() == model.predict(X).tobytes()


def test_constant_targets_are_predicted(X):
    model = dnn_xp.train(X, np.full(M, 3e5), cost="squared_error", hidden=[4], iterations=50)
    np.testing.assert_allclose(model.predict(X), 3e5, atol=5.0)


def test_targets_as_they_are_when_told_so(X):
    model = dnn_xp.train(X, 40.0 + X[0], standardize_targets=False, hidden=[4], iterations=2)
    assert model.target_standardization is None
    bounded = dnn_xp.train(X, X[0], cost="squared_error", output_activation="tanh", iterations=2)
    assert bounded.target_standardization is None


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ({"cost": "poisson"}, "cost='poisson'"),
        ({"cost": "squared_error", "output_activation": "tanh"}, "output_activation='tanh'"),
        ({}, "cost='binary_cross_entropy'"),
    ],
)
def test_standardizing_what_has_no_scale_is_refused_when_asked_for(X, how, names):
    with pytest.raises(ValueError, match=r"^standardize_targets must be False or left") as caught:
        dnn_xp.train(X, X[0] > 0, standardize_targets=True, **how)
    assert names in str(caught.value)


@pytest.mark.parametrize("how", [{}, {"cost": "huber"}, {"l2": 3.0}, {"keep_prob": 0.8}])
def test_gradients_of_standardized_targets_agree_with_differences(X, how):
    Y = np.stack([2e5 + 6e4 * X[0], 1e-3 * X[1]])[:, :30]
    assert dnn_xp.gradient_check(X[:, :30], Y, **how).relative_difference < 1e-8


def test_counts_start_at_their_mean(X, rng):
    Y = rng.poisson(500.0 * np.exp(0.3 * X[0])).astype(float)
    model = dnn_xp.train(X, Y, cost="poisson", iterations=0)
    assert float(model.parameters[-1][1][0, 0]) == pytest.approx(np.log(Y.mean()), rel=1e-12)
    assert "log(mean of Y)" in model.settings["initialization"]
    assert dnn_xp.train(X, Y, cost="poisson").evaluate(X, Y).r2 > 0.8


# Features of any size


def test_features_of_any_size_are_learned_without_an_option(X):
    Y = X[0] * X[1] > 0
    scaled = X * np.array([1, 1, 1e6, 1e5, 1e-6, 1, 1, 1, 1, 1])[:, np.newaxis]
    scaled[5] += 1.7e9
    model = dnn_xp.train(scaled, Y)
    assert model.evaluate(scaled, Y).accuracy > 0.95


# The defence against overfitting


def test_small_noisy_data_are_not_overfitted_and_the_summary_says_why(capsys):
    from sklearn.datasets import load_diabetes

    rows, Y = load_diabetes(return_X_y=True)
    test = np.random.default_rng(0).random(len(Y)) < 0.25
    model = dnn_xp.train(rows[~test], Y[~test], examples="rows")
    unguarded = dnn_xp.train(rows[~test], Y[~test], examples="rows", l2=0.0)
    line = LinearRegression().fit(rows[~test], Y[~test])
    r2 = model.evaluate(rows[test], Y[test], examples="rows").r2
    assert r2 > 0.3
    assert r2 > r2_score(Y[test], line.predict(rows[test])) - 0.15
    assert unguarded.evaluate(rows[test], Y[test], examples="rows").r2 < r2 - 0.2
    model.summary()
    said = capsys.readouterr().out
    assert "l2=5 against overfitting" in said
    assert "l2=0: none" in said
    assert "outputs         1, standardized by the model" in said
    assert model.settings["l2"] == 5.0
    assert unguarded.settings["chosen"] is None


@pytest.mark.parametrize(
    ("how", "l2"),
    [
        ({}, 1.0),
        ({"l2": 0.0}, 0.0),
        ({"l2": 0.5}, 0.5),
        ({"iterations": 1}, 0.0),
        ({"l1": 0.1}, 0.0),
        ({"keep_prob": 0.9}, 0.0),
    ],
)
def test_the_penalty_is_chosen_only_where_everything_is_left_to_the_library(X, how, l2):
    assert dnn_xp.train(X[:, :60], X[0, :60] > 0, hidden=[2], **how).settings["l2"] == l2


@pytest.mark.parametrize(
    ("m", "values", "l2"), [(20, True, 2.0), (20, False, 1.0), (300, False, 3.0), (900, True, 5.0)]
)
def test_the_penalty_fits_the_number_of_examples(X, m, values, l2):
    Y = X[0, :m] if values else X[0, :m] > 0
    assert dnn_xp.train(X[:, :m], Y, hidden=[2]).settings["l2"] == l2


# Mini-batches of small data


def test_small_data_get_enough_mini_batches(X, capsys):
    model = dnn_xp.train(X[:, :150], X[0, :150] > X[1, :150], hidden=[3], batch_size=30)
    assert model.settings["epochs"] == 300
    assert model.history.iterations[-1] == 1500
    model.summary()
    assert "epochs=300, which are 1,500 updates" in capsys.readouterr().out
    large = dnn_xp.train(X, X[0] > 0, hidden=[3], batch_size=10)
    assert large.settings["epochs"] == 20


@pytest.mark.parametrize("name", ["wine", "iris"])
def test_mini_batches_reach_what_the_full_batch_reaches(name):
    from sklearn import datasets

    rows, Y = getattr(datasets, f"load_{name}")(return_X_y=True)
    test = np.random.default_rng(1).random(len(Y)) < 0.3
    found = [
        dnn_xp.train(rows[~test], Y[~test], examples="rows", **how)
        .evaluate(rows[test], Y[test], examples="rows")
        .accuracy
        for how in ({}, {"batch_size": 32})
    ]
    assert min(found) > 0.9
    assert found[1] >= found[0] - 1.5 / test.sum()


# Warnings


def test_a_training_above_a_constant_warns(X):
    Y = X[0] > 0
    with pytest.warns(dnn_xp.ConvergenceWarning, match="above that of a constant prediction, 0.69"):
        dnn_xp.train(X * 1e3, Y, standardize=False, learning_rate=3.0, iterations=30)
    entropy = -np.log(0.5)
    assert dnn_xp.train(X, Y, iterations=30).history.costs[-1] < entropy


def test_a_training_that_is_still_falling_warns_and_says_the_way_out(X):
    expected = r"falling fast.*: pass iterations=900, l2=5.0, pass standardize_targets=True$"
    with pytest.warns(dnn_xp.ConvergenceWarning, match=expected):
        dnn_xp.train(X, 2e5 + 6e4 * X[0], standardize_targets=False)


def test_a_rate_that_is_too_low_is_not_lowered_further(X):
    expected = r"Take more iterations or a higher learning_rate$"
    with pytest.warns(dnn_xp.ConvergenceWarning, match=expected):
        dnn_xp.train(X, X[0] > X[1], learning_rate=1e-5)


@pytest.mark.parametrize("weights", [None, "ramp"])
@pytest.mark.parametrize("kind", ["binary", "many", "labels", "values"])
def test_the_cost_of_a_constant_is_that_of_a_network_without_weights(X, kind, weights):
    """A network whose W are 0, whose b alone is trained, by L-BFGS: what no training should end above."""
    Y = {
        "binary": X[0] > 0.5,
        "many": (X[0] > 0).astype(int) + (X[1] > 1),
        "labels": (X[:3] > 0.3).astype(int),
        "values": 40.0 + X[:2],
    }[kind]
    given = None if weights is None else np.linspace(0.1, 2.0, M)
    nothing = np.zeros((1, M))
    # Where Y is standardized the best constant is where such a network starts.
    at_once = pytest.warns(dnn_xp.ConvergenceWarning, match="L-BFGS stopped after 0 of 100")
    with at_once if kind == "values" else nullcontext():
        constant = dnn_xp.train(
            nothing, Y, hidden=[], optimizer="lbfgs", sample_weight=given, iterations=100
        )
    with pytest.warns(dnn_xp.ConvergenceWarning) as warned:
        dnn_xp.train(X, Y, sample_weight=given, learning_rate=50.0, iterations=20)
    said = str(warned[0].message).split("constant prediction, ")[1].split(":")[0]
    assert float(said) == pytest.approx(constant.history.costs[-1], rel=1e-3)


def test_short_trainings_that_were_asked_for_do_not_warn(X):
    dnn_xp.train(X, X[0] > 0, iterations=1, learning_rate=1.0)
    dnn_xp.train(X, X[0] > 0, iterations=40)
