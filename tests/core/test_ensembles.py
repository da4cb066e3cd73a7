"""ensemble=k: against PyTorch, against networks one by one, and everything a model can do."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from refusals import refused

import dnn_xp
from dnn_xp.formulas import adam, rate_factors, weight_mask
from dnn_xp.training.specification import Specification

K = 3
SHARINGS = ("layers", "nothing")


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((5, 120))


def targets(kind, X):
    return {
        "binary": (X[0] * X[1] > 0).astype(int),
        "multiclass": (X[0] > 0).astype(int) + (X[1] > 0),
        "multilabel": np.stack([X[0] > 0, X[1] * X[2] > 0]).astype(int),
        "regression": np.stack([X[0] * X[1], 100 * X[2] + 7]),
        "counts": np.round(np.exp(X[0] / 2)),
    }[kind]


KINDS = ("binary", "multiclass", "multilabel", "regression", "counts")


def options(kind):
    return {"hidden": [6, 4], "iterations": 20, "cost": "poisson" if kind == "counts" else None}


def answers(model, X):
    return model.predict(X) if model.kind == "regression" else model.predict_proba(X)


# What is trained


@pytest.mark.parametrize("classes", [1, 3])
def test_a_step_is_that_of_autograd(torch, X, classes):
    """TabM-mini written in PyTorch from the paper: a scaling of its own, shared layers, an own output."""
    Y = targets("binary" if classes == 1 else "multiclass", X)
    w = np.linspace(0.5, 1.5, X.shape[1])
    how = {
        "hidden": [6, 4],
        "activation": "tanh",
        "ensemble": K,
        "optimizer": "gradient_descent",
        "learning_rate": 1.0,
        "standardize": False,
        "sample_weight": w,
        "l2": 0.0,
        "seed": 4,
    }
    start, stepped = (dnn_xp.train(X, Y, **how, iterations=n) for n in (0, 1))
    shapes = [(6, 5), (6, 1), (4, 6), (4, 1), (K * classes, 4), (K * classes, 1), (K, 5)]
    ends = np.cumsum([np.prod(each) for each in shapes])
    parts = [
        torch.tensor(part.reshape(shape), requires_grad=True)
        for part, shape in zip(np.split(start.theta, ends[:-1]), shapes, strict=True)
    ]
    W1, b1, W2, b2, W3, b3, s = parts
    assert set(s.detach().numpy().ravel()) == {-1.0, 1.0}
    losses, weights = [], torch.tensor(w / w.mean())
    for j in range(K):
        A = torch.tanh(W1 @ (s[j][:, None] * torch.tensor(X)) + b1)
        A = torch.tanh(W2 @ A + b2)
        own = slice(j * classes, (j + 1) * classes)
        Z = W3[own] @ A + b3[own]
        if classes == 1:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                Z[0], torch.tensor(Y, dtype=torch.float64), reduction="none"
            )
        else:
            loss = torch.nn.functional.cross_entropy(Z.T, torch.tensor(Y), reduction="none")
        losses.append((loss * weights).mean())
    J = sum(losses) / K
    J.backward()
    assert stepped.history.costs[0] == pytest.approx(J.item(), rel=1e-12)
    gradient = np.concatenate([each.grad.numpy().ravel() for each in parts])
    np.testing.assert_allclose(start.theta - stepped.theta, gradient, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("how", [{"optimizer": "gradient_descent"}, {"l2": 0.5}], ids=str)
def test_members_that_share_nothing_are_networks_trained_alone(X, how):
    """The gradient of each is 1 / k of its own: undone by the rate, and by Adam."""
    Y = targets("binary", X)
    # Of the two trainings Adam's epsilon is the one difference.
    how = {"optimizer": adam(epsilon=1e-300)} | how | options("binary")
    times = K if how["optimizer"] == "gradient_descent" else 1
    how |= {"standardize": False, "iterations": 0}
    together = {"ensemble": K, "ensemble_sharing": "nothing", "learning_rate": 0.1 * times}
    start = dnn_xp.train(X, Y, **how, **together).members
    how["iterations"] = 15
    ended = dnn_xp.train(X, Y, **how, **together)
    assert not np.array_equal(start[0].theta, start[1].theta)
    alone = [
        dnn_xp.train(X, Y, **how, initialization=each.parameters, learning_rate=0.1)
        for each in start
    ]
    for one, member in zip(alone, ended.members, strict=True):
        np.testing.assert_allclose(member.theta, one.theta, rtol=1e-6, atol=1e-9)
    costs = np.mean([each.history.costs for each in alone], axis=0)
    np.testing.assert_allclose(ended.history.costs, costs, rtol=1e-9)


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "how",
    [{}, {"keep_prob": [0.7, 0.9]}, {"scaling_layer": True, "l2": 0.5, "l1": 0.1}, {"hidden": []}],
)
def test_gradient_check(X, kind, sharing, how):
    how = {"hidden": [5, 4]} | how
    if kind in ("binary", "multiclass"):
        how["label_smoothing"] = 0.1
    if "hidden" in how and how["hidden"] == [] and "keep_prob" in how:
        how.pop("keep_prob")
    check = dnn_xp.gradient_check(
        X[:, :40],
        targets(kind, X)[..., :40],
        ensemble=K,
        ensemble_sharing=sharing,
        cost="poisson" if kind == "counts" else None,
        sample_weight=np.linspace(1, 2, 40),
        **how,
    )
    assert check.relative_difference < 1e-7
    shared = sharing == "layers"
    assert (check.parameters[-1].name == "s") == (shared or "scaling_layer" in how)
    assert check.parameters[-1].shape == (K, 5) or check.parameters[-1].name != "s"


@pytest.mark.parametrize("sharing", SHARINGS)
def test_gradient_check_with_embeddings(sharing, rng):
    pd = pytest.importorskip("pandas")
    codes = np.repeat(np.arange(130), 10)
    frame = pd.DataFrame(
        {"plane": [f"N{each}" for each in codes], "wind": rng.standard_normal(1300)}
    )
    how = {"hidden": [4], "embedding": 3, "ensemble": K, "ensemble_sharing": sharing}
    check = dnn_xp.gradient_check(frame, frame["wind"] + codes, max_entries=300, **how)
    assert check.relative_difference < 1e-7
    shapes = {each.name: each.shape for each in check.parameters}
    assert shapes["E1"] == ((3 if sharing == "layers" else 3 * K), 132)
    model = dnn_xp.train(frame, frame["wind"] + codes, iterations=3, **how)
    alone = np.mean([each.predict(frame) for each in model.members], axis=0)
    np.testing.assert_allclose(model.predict(frame), alone, rtol=1e-5)
    assert model.members[1].embeddings["plane"].shape == (3, 132)


def test_the_penalty_is_that_of_the_mean_member(X):
    mask = weight_mask((2, 2, 1), copies=(1, 2), dtype=np.float64, xp=np)
    assert mask.tolist() == [1.0] * 4 + [0.0] * 2 + [0.5] * 4 + [0.0] * 2
    factors = rate_factors(
        (2, 2, 1), dnn_xp.formulas.Rates(output=3.0, scale=6.0), copies=(1, 2), scaled=4,
        dtype=np.float64, xp=np,
    )  # fmt: skip
    assert factors.tolist() == [1.0] * 6 + [3.0] * 6 + [6.0] * 4


@pytest.mark.parametrize("how", [{}, {"preset": "tabular", "epochs": 2}], ids=["", "tabular"])
def test_one_member_is_no_ensemble(X, how):
    how = {"hidden": [6, 4], **how} if how else options("binary")
    plain, one = (dnn_xp.train(X, X[0] > 0, **how, ensemble=k) for k in (None, 1))
    assert one.theta.tobytes() == plain.theta.tobytes()
    assert one.network == plain.network
    assert one.settings["plan"] == plain.settings["plan"]
    assert Specification().ensemble is None


def test_the_preset_keeps_its_rates_and_members_begin_with_signs(X):
    how = {"preset": "tabular", "hidden": [8, 8], "ensemble": 16, "keep_best": None}
    start = dnn_xp.train(X, X[0] * X[1] > 0, epochs=0, **how)
    signs = start.theta[-80:]
    assert set(signs) == {-1.0, 1.0}
    assert 20 < np.count_nonzero(signs > 0) < 60
    model = dnn_xp.train(X, X[0] * X[1] > 0, epochs=3, **how)
    assert model.settings["scale_rate"] == 6.0
    assert model.settings["ensemble"] == 16
    assert model.history.costs[-1] < model.history.costs[0]


# What a model does


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_predicts_the_mean_of_its_members(X, kind, sharing, tmp_path):
    Y = targets(kind, X)
    model = dnn_xp.train(X, Y, ensemble=K, ensemble_sharing=sharing, **options(kind))
    assert len(model.members) == K
    each = [answers(member, X) for member in model.members]
    assert np.ptp(each, axis=0).max() > 1e-3
    np.testing.assert_allclose(answers(model, X), np.mean(each, axis=0), rtol=1e-12, atol=1e-14)
    if kind in ("binary", "multilabel"):
        p = np.mean(each, axis=0)
        np.testing.assert_allclose(model.decision_function(X), np.log(p / (1 - p)), atol=1e-12)
    if kind == "multiclass":
        assert model.predict(X).tolist() == np.argmax(np.mean(each, axis=0), axis=0).tolist()
    # Costs of the training are means; the one of an evaluation is that of the mean prediction.
    costs = [member.evaluate(X, Y).cost for member in model.members]
    assert model.history.costs[-1] == pytest.approx(np.mean(costs), rel=1e-12)
    assert model.evaluate(X, Y).cost < np.mean(costs)
    if kind == "regression":
        residual = (np.mean(each, axis=0) - Y) ** 2
        spread = (Y - Y.mean(axis=1, keepdims=True)) ** 2
        r2 = np.mean(1 - residual.sum(axis=1) / spread.sum(axis=1))
        assert model.evaluate(X, Y).r2 == pytest.approx(r2, rel=1e-10)
    model.save(tmp_path / "model")
    for again in (dnn_xp.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert again.network == model.network
        np.testing.assert_array_equal(again.theta, model.theta)
        np.testing.assert_array_equal(answers(again, X), answers(model, X))


def test_the_best_parameters_are_those_of_the_mean_prediction(X):
    Y = targets("binary", X) ^ (np.arange(120) % 7 == 0)
    how = options("binary") | {
        "iterations": 60,
        "learning_rate": 0.1,
        "validation": (X[:, :50], Y[:50]),
    }
    model = dnn_xp.train(X[:, 50:], Y[50:], ensemble=K, keep_best="score", **how)
    best = max(model.history.metrics["validation_accuracy"])
    assert model.evaluate(X[:, :50], Y[:50]).accuracy == pytest.approx(best)
    by_cost = dnn_xp.train(X[:, 50:], Y[50:], ensemble=K, patience=5, **how)
    lowest = min(by_cost.history.validation_costs)
    assert by_cost.evaluate(X[:, :50], Y[:50]).cost == pytest.approx(lowest, rel=1e-10)


def test_it_says_what_it_is(X):
    model = dnn_xp.train(X, X[0] > 0, ensemble=K, **options("binary"))
    assert repr(model).startswith("Model(3 of 5-6-4-1, binary")
    assert [row[2] for row in dnn_xp.model.summary.layer_rows(model)] == [
        "(6, 5)",
        "(4, 6)",
        "3 x (1, 4)",
    ]
    assert model.network.parameter_count == model.theta.size == 36 + 28 + 3 * 5 + 3 * 5
    assert dict(dnn_xp.model.summary.facts(model))["ensemble"] == "3"
    alone = model.members[0]
    assert alone.members == (alone,)


def test_a_warm_start_goes_on_with_all_members(X):
    how = options("binary")
    model = dnn_xp.train(X, X[0] > 0, ensemble=K, **how)
    again = dnn_xp.train(X, X[0] > 0, warm_start=model, iterations=0)
    np.testing.assert_array_equal(again.theta, model.theta)
    assert again.network.ensemble == model.network.ensemble
    same = dnn_xp.gradient_check(X, X[0] > 0, model=model)
    assert same.cost == pytest.approx(model.history.costs[-1], rel=1e-3)
    with refused(
        ValueError, "ensemble | 5 | 3, that of the warm_start model | leave ensemble out..."
    ):
        dnn_xp.train(X, X[0] > 0, warm_start=model, ensemble=5)
    with refused(ValueError, "ensemble | 3 | left out where warm_start is a single network | ..."):
        dnn_xp.train(X, X[0] > 0, warm_start=model.members[0], ensemble=3)


def test_given_layers_are_those_of_all_members(X):
    rng = np.random.default_rng(0)
    layers = [
        (rng.standard_normal((4, 5)), np.zeros((4, 1))),
        (rng.standard_normal((3, 4)), np.zeros(3)),
    ]
    how = {"hidden": [4], "ensemble": K, "iterations": 0}
    model = dnn_xp.train(X, X[0] > 0, initialization=layers, **how)
    np.testing.assert_array_equal(model.parameters[1][0], layers[1][0])
    with refused(
        ValueError, "initialization | (W, b) of shapes ... | (W, b) of shapes ...(3, 4)..."
    ):
        dnn_xp.train(X, X[0] > 0, initialization=model.members[0].parameters, **how)


def test_what_has_no_mean_or_no_members_is_refused(X):
    with refused(
        ValueError,
        "output_activation | 'tanh' with ensemble | one of 'identity', 'sigmoid', 'softmax', 'exp', ...",
    ):
        Specification(ensemble=2, output_activation="tanh")
    with refused(
        ValueError, "ensemble_sharing | 'nothing' | left out unless ensemble is 2 or more"
    ):
        Specification(ensemble_sharing="nothing")
    with refused(ValueError, "bias_initialization | 'he+5' with ensemble=3 | left out: ..."):
        Specification(ensemble=3, bias_initialization="he+5")
    with refused(ValueError, "unit_variance | True with ensemble=3 | left out: ..."):
        Specification(ensemble=3, unit_variance=True)
    with refused(ValueError, "ensemble | 0 | a whole number >= 1"):
        Specification(ensemble=0)
    model = dnn_xp.train(X, X[0] > 0, ensemble=K, **options("binary"))
    with refused(ValueError, "model | an ensemble of 3 networks | a single network | ..."):
        model.to_sklearn()


def test_where_a_divergence_began_is_found(X):
    how = options("binary") | {"cost": "squared_error", "activation": "identity"}
    how |= {"output_activation": "identity", "optimizer": "gradient_descent", "learning_rate": 1e6}
    for sharing in SHARINGS:
        with pytest.raises(dnn_xp.DivergenceError) as caught:
            dnn_xp.train(X, X[0], ensemble=K, ensemble_sharing=sharing, **how | {"iterations": 300})
        assert caught.value.origin is not None
        assert caught.value.origin.largest_Z > 1.0


def test_classes_of_wide_blocks(rng):
    """Past the size from which NumPy's backend sums by BLAS, which knows two dimensions."""
    X = rng.standard_normal((4, 3000))
    Y = (X[0] > 0).astype(int) + (X[1] > 0)
    model = dnn_xp.train(X, Y, hidden=[8], ensemble=2, iterations=1)
    assert model.evaluate(X, Y).cost < 2.0
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=0), 1.0, rtol=1e-5)
