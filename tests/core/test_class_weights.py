"""class_weight: scikit-learn's weights, by the path that sample_weight takes."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import refused
from sklearn.utils.class_weight import compute_class_weight

import dnn_xp
from dnn_xp.data.targets.classes import weights_of_classes
from dnn_xp.training.specification import Specification

QUICK = {"hidden": [4], "iterations": 5, "examples": "rows"}
LABELS = {
    "int": [3, 5, 9],
    "text": ["low", "mid", "top"],
    "two": [0, 1, 1],
    "bool": [False, True, True],
    "float": [0.0, 1.0, 1.0],
}


@pytest.fixture
def data(rng):
    X = rng.standard_normal((90, 3))
    codes = np.repeat([0, 1, 2], [60, 20, 10])
    rng.shuffle(codes)
    return X, codes


@pytest.mark.parametrize("counts", [[5, 1], [90, 9, 1], [1, 2, 3, 4]])
def test_balanced_is_that_of_scikit_learn(counts):
    Y = np.repeat(np.arange(len(counts)), counts)
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=Y)
    found = weights_of_classes("balanced", np.arange(len(counts)), np.asarray(counts))
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("how", ["balanced", "mapping", "NumPy's"])
@pytest.mark.parametrize("own", [False, True], ids=["alone", "sample_weight"])
def test_it_is_the_sample_weight_bit_for_bit(labels, how, own, data, rng):
    X, codes = data
    Y = np.asarray(LABELS[labels])[codes]
    classes = np.unique(Y)
    if how == "balanced":
        class_weight, weights = how, compute_class_weight("balanced", classes=classes, y=Y)
    else:
        weights = np.arange(len(classes)) + 0.5
        labels = classes.tolist() if how == "mapping" else list(classes)
        class_weight = dict(zip(labels, weights.tolist(), strict=True))
    sample_weight = rng.uniform(0, 2, 90) if own else None
    each = weights[np.searchsorted(classes, Y)]
    product = each * sample_weight if own else each
    model = dnn_xp.train(X, Y, class_weight=class_weight, sample_weight=sample_weight, **QUICK)
    expected = dnn_xp.train(X, Y, sample_weight=product, **QUICK)
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.history.costs == expected.history.costs
    first = f"{classes[0]}: {weights[0]:.4g}"
    assert first in model.settings["class_weight"]


def test_one_hot_and_files_and_batches(data, tmp_path):
    X, codes = data
    np.save(tmp_path / "X.npy", X)
    how = QUICK | {"class_weight": "balanced"}
    labels = dnn_xp.train(X, codes, **how)
    assert dnn_xp.train(X, np.eye(3)[codes], **how).theta.tobytes() == labels.theta.tobytes()
    np.save(tmp_path / "Y.npy", codes)
    from_file = dnn_xp.train(tmp_path / "X.npy", tmp_path / "Y.npy", **how)
    assert from_file.theta.tobytes() == labels.theta.tobytes()
    batches = {"hidden": [4], "examples": "rows", "batch_size": 16, "epochs": 2}
    weights = compute_class_weight("balanced", classes=np.arange(3), y=codes)[codes]
    assert (
        dnn_xp.train(X, codes, class_weight="balanced", **batches).theta.tobytes()
        == dnn_xp.train(X, codes, sample_weight=weights, **batches).theta.tobytes()
    )


def test_weights_are_balanced_over_the_training_part(data):
    X, codes = data
    model = dnn_xp.train(X, codes, class_weight="balanced", validation=0.1, **QUICK)
    # 54, 18 and 9 of each class stay.
    assert model.settings["class_weight"] == "balanced (0: 0.5, 1: 1.5, 2: 3)"


def test_gradient_check_and_plan_take_it(data):
    X, codes = data
    check = dnn_xp.gradient_check(X, codes, examples="rows", class_weight="balanced")
    assert check.relative_difference < 1e-7
    plain = dnn_xp.gradient_check(X, codes, examples="rows")
    assert check.cost != plain.cost
    weighted = dnn_xp.plan((3, 1000), class_weight="balanced")
    assert weighted == dnn_xp.plan((3, 1000), sample_weight=True)


def test_it_is_written_down():
    for given in ("balanced", {0: 1.0, 5: 2}, {"b": 1, "a": 2}, {True: 1, False: 2}):
        asked = Specification(class_weight=given)
        assert Specification.from_toml(asked.to_toml()) == asked
        assert Specification.from_json(asked.to_json()) == asked
        assert hash(Specification.from_dict(asked.to_dict())) == hash(asked)
    assert Specification(class_weight={0: 1, 1: 2}) == Specification(class_weight={1: 2, 0: 1})


@pytest.mark.parametrize(
    ("given", "kind", "parts"),
    [
        ("balance", ValueError, "class_weight | 'balance' | one of 'balanced' | ..."),
        ([1.0, 5.0], TypeError, "class_weight | a list of length 2 | 'balanced' or a mapping ..."),
        ({0: -1.0, 1: 1.0}, ValueError, "class_weight[0] | -1.0 | a finite number >= 0"),
        (
            {0: 1.0, 7: 1.0},
            ValueError,
            "class_weight | the unknown labels 7 and no weight for True | ...",
        ),
        ({"0": 1.0, "1": 1.0}, ValueError, "class_weight | the unknown labels '0', '1' and ..."),
        ({0: 0.0, 1: 0.0}, ValueError, "class_weight | 0 for all classes of Y | ..."),
    ],
    ids=str,
)
def test_wrong_weights_are_refused(given, kind, parts, data):
    X, codes = data
    with refused(kind, parts):
        dnn_xp.train(X, codes > 0, class_weight=given, **QUICK)
    with refused(kind, parts):
        dnn_xp.gradient_check(X, codes > 0, class_weight=given, examples="rows")


def test_what_has_no_classes_is_refused(data, rng):
    X, codes = data
    with refused(
        ValueError, "class_weight | 'balanced' with a Y of values ... | ... | for labels ..."
    ):
        dnn_xp.train(X, X[:, 0], class_weight="balanced", **QUICK)
    several = rng.integers(0, 2, (90, 3))
    with refused(ValueError, "class_weight | 'balanced' with a Y of several labels ... | ..."):
        dnn_xp.train(X, several, class_weight="balanced", **QUICK)
    with refused(
        ValueError,
        "sample_weight | 'balanced' | one number per example | ... pass class_weight='balanced'",
    ):
        dnn_xp.train(X, codes, sample_weight="balanced", **QUICK)
