"""Validation: stratified for classes, whole groups, the last part; and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from sklearn.model_selection import train_test_split

import dnn_xp
from dnn_xp.data.drawing import draw_groups, first_of_last, stratified_counts
from dnn_xp.training.arguments import TrainArguments
from dnn_xp.training.train import begin

QUICK = {"hidden": [3], "iterations": 2, "examples": "rows"}


def split_of(X, Y, **how):
    """What a training is to learn from, and what it validates on, by the numbers in X[:, 0]."""
    prepared = begin(TrainArguments(X, Y, **QUICK, **how)).prepared
    held_out = prepared.validation[0]
    parts = (prepared.X, held_out)
    return (*(np.asarray(each.block(0, each.m))[0].astype(int) for each in parts), prepared.notes)


def numbered(m):
    return np.column_stack([np.arange(m), np.ones(m)]).astype(np.float64)


@given(st.lists(st.integers(20, 400), min_size=2, max_size=6), st.integers(0, 5))
def test_counts_are_those_of_scikit_learn(counts, seed):
    Y = np.repeat(np.arange(len(counts)), counts)
    held_out = round(len(Y) * 0.1)
    _, expected = train_test_split(Y, test_size=held_out, stratify=Y, random_state=seed)
    found = stratified_counts(counts, held_out)
    assert found.sum() == held_out
    difference = found - np.bincount(expected, minlength=len(counts))
    # Only equal remainders may go to another class: scikit-learn draws among these.
    remainders = (np.asarray(counts) * held_out) % len(Y)
    assert len(set(remainders[difference != 0].tolist())) <= 1
    assert np.abs(difference).max() <= 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.data())
def test_every_class_keeps_an_example(counts, data):
    counts = np.asarray(counts)
    held_out = data.draw(st.integers(0, int(counts.sum())))
    found = stratified_counts(counts, held_out)
    assert (found >= 0).all()
    assert ((found < counts) | (counts == 0)).all()
    assert found.sum() == min(held_out, np.maximum(counts - 1, 0).sum())
    if (counts > 1).sum() <= found.sum():
        assert (found[counts > 1] > 0).all()


@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "b", "c"], "one-hot"])
def test_a_fraction_is_stratified(labels, rng):
    classes = rng.permutation(np.repeat([0, 1, 2], [300, 80, 20]))
    Y = np.eye(3)[classes] if labels == "one-hot" else np.asarray(labels)[classes]
    for seed in range(4):
        training, testing, notes = split_of(numbered(400), Y, validation=0.1, seed=seed)
        assert np.bincount(classes[testing]).tolist() == [30, 8, 2]
        assert sorted([*training, *testing]) == list(range(400))
        assert notes["validation"] == "40 of 400 examples, drawn within each class"
    again = split_of(numbered(400), Y, validation=0.1, seed=3)[1]
    assert np.array_equal(again, testing)


def test_values_are_split_at_random(rng):
    Y = rng.standard_normal(50)
    _, testing, notes = split_of(numbered(50), Y, validation=0.2, seed=5)
    assert np.array_equal(testing, np.sort(np.random.default_rng(5).permutation(50)[:10]))
    assert notes["validation"] == "10 of 50 examples, drawn at random"


def test_a_rare_class_is_on_both_sides_and_learned():
    rng = np.random.default_rng(100)
    X = rng.standard_normal((400, 5))
    Y = np.zeros(400, int)
    Y[rng.choice(400, 4, replace=False)] = 1
    X[Y == 1] += 2.5
    for seed in range(12):
        model = dnn_xp.train(X, Y, examples="rows", validation=0.1, patience=20, seed=seed)
        # Before, all that patience watched were examples of the other class in most seeds.
        assert (model.predict(X, examples="rows")[Y == 1] == 1).sum() >= 3


def test_the_last_part(rng):
    Y = rng.integers(0, 2, 40)
    training, testing, notes = split_of(numbered(40), Y, validation=0.25, validation_part="last")
    assert training.tolist() == list(range(30))
    assert testing.tolist() == list(range(30, 40))
    assert notes["validation"] == "the last 10 of 40 examples"


@pytest.mark.parametrize("name", ["int", "text", "float"])
def test_groups_are_kept_whole(name, rng):
    groups = rng.integers(0, 25, 200)
    given = {"int": groups, "text": [f"patient {g}" for g in groups], "float": groups / 2}[name]
    Y = rng.integers(0, 3, 200)
    for seed in range(5):
        training, testing, notes = split_of(
            numbered(200), Y, validation=0.2, validation_groups=given, seed=seed
        )
        assert not set(groups[training]) & set(groups[testing])
        assert abs(len(testing) - 40) <= np.bincount(groups).max() / 2
        whole = len(set(groups[testing].tolist()))
        assert notes["validation"] == f"{len(testing)} of 200 examples, in {whole} groups of 25"


def test_groups_leave_an_example_of_each_class():
    groups = np.repeat(np.arange(10), 10)
    codes = (groups == 3).astype(int)
    for seed in range(40):
        drawn = draw_groups(groups, 20, np.random.default_rng(seed), codes)
        assert len(drawn) == 20
        assert not codes[drawn].any()


def test_groups_at_the_end(rng):
    groups = np.repeat([5, 2, 9, 4], 10)
    _, testing, _ = split_of(
        numbered(40),
        rng.integers(0, 2, 40),
        validation=0.3,
        validation_part="last",
        validation_groups=groups,
    )
    assert testing.tolist() == list(range(30, 40))
    assert first_of_last(40, 10, rng.permutation(np.repeat([0, 1], 20))) is None


def test_a_file_says_which_class_is_missing(tmp_path, rng):
    np.save(tmp_path / "X.npy", numbered(60))
    Y = np.repeat(["a", "b", "c"], 20)
    with pytest.warns(dnn_xp.SplitWarning, match=r"class 'c' cannot be learned") as caught:
        model = dnn_xp.train(tmp_path / "X.npy", Y, validation=1 / 3, **QUICK)
    assert caught[0].filename == __file__
    said = "the last 20 of 60 examples; none of class 'a', 'b' is among them; all of class 'c' are among them"
    assert model.settings["validation"] == said
    assert said in model._repr_html_().replace("&#x27;", "'")


def test_what_does_not_fit_is_refused(rng):
    X, Y = numbered(20), rng.integers(0, 2, 20)
    fraction = "left out unless validation is a fraction | pass validation=0.1"
    with refused(ValueError, f"validation_part | 'last' | {fraction}"):
        dnn_xp.train(X, Y, validation_part="last", **QUICK)
    with refused(ValueError, f"validation_groups | a list of length 20 | {fraction}"):
        dnn_xp.train(X, Y, validation_groups=[0] * 20, validation=(X, Y), **QUICK)
    with refused(
        ValueError, "validation_groups | one group only, 0 | the labels of at least two groups"
    ):
        dnn_xp.train(X, Y, validation_groups=[0] * 20, validation=0.2, **QUICK)
    with refused(ValueError, "validation_groups | 19 examples with ... | ..."):
        dnn_xp.train(X, Y, validation_groups=np.arange(19), validation=0.2, **QUICK)
    with refused(ValueError, "validation_groups | groups that lie scattered ... | ..."):
        dnn_xp.train(
            X,
            Y,
            validation_groups=np.arange(20) % 2,
            validation=0.2,
            validation_part="last",
            **QUICK,
        )
