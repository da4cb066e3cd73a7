"""ensemble=k with encodings of numbers, embeddings, mixed activations, dropout that is scheduled, and averages."""

from __future__ import annotations

import numpy as np
import pytest

import dnn_xp

K = 3
SHARINGS = ("layers", "nothing")
ENCODINGS = ("periodic", "piecewise")
COMBINATIONS = {
    "periodic": {"number_encoding": "periodic"},
    "piecewise": {"number_encoding": "piecewise", "bins": 5},
    "parametric": {"parametric_activation": True, "activation": "selu"},
    "parametric, dropout": {"parametric_activation": True, "keep_prob": 0.8},
    "all": {
        "number_encoding": "periodic",
        "parametric_activation": True,
        "keep_prob": [0.7, 0.9],
        "scaling_layer": True,
        "l2": 0.5,
        "label_smoothing": 0.1,
    },
}


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((4, 120))


@pytest.fixture(name="frame")
def table(rng):
    pd = pytest.importorskip("pandas")
    planes = [f"N{each}" for each in np.repeat(np.arange(40), 5)]
    return pd.DataFrame({"plane": planes, "wind": rng.standard_normal(200)})


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("how", COMBINATIONS.values(), ids=COMBINATIONS)
def test_gradient_check(X, sharing, how):
    check = dnn_xp.gradient_check(
        X[:, :40],
        X[0, :40] > 0.3,
        hidden=[5, 4],
        ensemble=K,
        ensemble_sharing=sharing,
        max_entries=400,
        **{"activation": "tanh"} | how,
    )
    assert check.relative_difference < 1e-7


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_gradient_check_with_embeddings(frame, sharing, encoding):
    how = {"hidden": [4], "embedding": 2, "ensemble": K, "ensemble_sharing": sharing}
    check = dnn_xp.gradient_check(
        frame, frame["wind"] ** 2, number_encoding=encoding, max_entries=400, **how
    )
    assert check.relative_difference < 1e-7


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("how", COMBINATIONS.values(), ids=COMBINATIONS)
def test_it_predicts_the_mean_of_its_members_and_is_saved(X, sharing, how, tmp_path):
    Y = X[0] * X[1] > 0
    how = {"hidden": [6, 5], "epochs": 3, "batch_size": 32, "optimizer": "adamw"} | how
    how |= {"ema_decay": 0.8, "class_weight": "balanced"}
    if "keep_prob" in how:
        how["dropout_schedule"] = "flat_cosine"
    model = dnn_xp.train(X, Y, ensemble=K, ensemble_sharing=sharing, **how)
    each = [member.predict_proba(X) for member in model.members]
    assert np.ptp(each, axis=0).max() > 1e-3
    np.testing.assert_allclose(model.predict_proba(X), np.mean(each, axis=0), rtol=1e-12)
    copies = 1 if sharing == "layers" else K
    if "parametric_activation" in how:
        assert [a.shape for a in model.mixes] == [(copies * 6, 1), (copies * 5, 1)]
        assert not np.all(np.asarray(model.mixes[0]) == 1.0)
    if how.get("number_encoding") == "periodic":
        shapes = [each.shape[0] for each in model.periodic]
        assert shapes == [copies * 4] * 4
        own = [np.asarray(member.periodic[0]) for member in model.members]
        assert np.array_equal(own[0], own[1]) == (sharing == "layers")
    model.save(tmp_path / "model")
    again = dnn_xp.load(tmp_path / "model")
    assert again.network == model.network
    np.testing.assert_array_equal(again.theta, model.theta)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_warm_start_may_begin_to_mix(X, sharing):
    model = dnn_xp.train(
        X, X[0] > 0, hidden=[5], iterations=3, ensemble=K, ensemble_sharing=sharing
    )
    how = {"warm_start": model, "parametric_activation": True, "iterations": 0}
    mixing = dnn_xp.train(X, X[0] > 0, **how)
    assert mixing.theta.size == model.theta.size + (5 if sharing == "layers" else 5 * K)
    np.testing.assert_array_equal(mixing.predict_proba(X), model.predict_proba(X))
