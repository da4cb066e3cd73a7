"""A sweep trains its points as `train` does, on one split, and keeps the best and the reasons of the rest."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from refusals import refused
from sweep_helpers import GRID, assert_same_model, assert_same_sweep, options_of

import dnn_xp
import dnn_xp.sweeping.shelf
from dnn_xp.formulas import adam, step_decay
from dnn_xp.sweeping.attempt import TrialStatus

VARIED = {
    "full batch": (GRID, {"iterations": 12}),
    "mini-batches": ({"batch_size": [32, 64, None], "hidden": [(8,)]}, {"epochs": 4}),
    "optimizers": (
        [
            {"optimizer": ["lbfgs"]},
            {"optimizer": ["momentum", adam(0.8)], "clip_norm": [None, 0.1]},
        ],
        {"iterations": 8},
    ),
    "penalties": ({"l2": [0.0, 1.0], "l1": [0.0, 0.1], "dropout": [None, 0.2]}, {"iterations": 5}),
    "patience": ({"learning_rate": [0.3, 0.1]}, {"patience": 2, "iterations": 80}),
    "schedules": (
        {"learning_rate": [0.1, step_decay(0.1, factor=0.5, every=3)]},
        {"iterations": 9},
    ),
    "raw and standardized": ({"standardize": [True, False]}, {"iterations": 5}),
    "weights": ({"class_weight": [None, "balanced", {0: 1, 1: 4}]}, {"iterations": 5}),
    "fitted starts": (
        {"bias_initialization": [None, "he+5"], "unit_variance": [False, True]},
        {"batch_size": 64, "epochs": 2},
    ),
    "dtypes": ({"dtype": ["float32", "float64"]}, {"iterations": 5}),
    "the last examples": ({"hidden": [(4,), (5,)]}, {"iterations": 4, "validation_part": "last"}),
}


@pytest.mark.parametrize(("grid", "options"), VARIED.values(), ids=VARIED)
def test_every_point_is_the_training_of_train(data, grid, options):
    found = dnn_xp.sweep(*data, grid, **options)
    for trial in found.trials:
        alone = dnn_xp.train(*data, **options_of(trial.specification))
        assert alone.history.costs == trial.history.costs
        assert alone.history.validation_costs == trial.history.validation_costs
        if trial is found.best:
            assert_same_model(found.model, alone)
    losses = [trial.validation_cost for trial in found.trials]
    assert found.best.validation_cost == min(losses)


def test_a_sweep_may_compare_on_examples_that_were_brought(data):
    X, Y = data
    held_out = X[:, 200:], Y[200:]
    found = dnn_xp.sweep(X[:, :200], Y[:200], GRID, validation=held_out, iterations=6)
    options = options_of(found.best.specification) | {"validation": held_out}
    assert_same_model(found.model, dnn_xp.train(X[:, :200], Y[:200], **options))
    evaluated = found.model.evaluate(*held_out)
    assert evaluated.cost == pytest.approx(found.best.validation_cost, rel=1e-12)
    assert evaluated.accuracy == found.best.score


def test_regressions_and_counts_too(data):
    X, _ = data
    for Y, how in ((X[0] ** 2, {}), (np.round(np.exp(X[0])), {"cost": "poisson"})):
        found = dnn_xp.sweep(X, Y, {"hidden": [(4,), (8,)]}, by="score", iterations=9, **how)
        assert_same_model(found.model, dnn_xp.train(X, Y, **options_of(found.best.specification)))
        assert found.best.score == max(trial.score for trial in found.trials)
        assert found.metric == "r2"


def test_tables_and_files_are_swept_as_they_are_trained(data, tmp_path, monkeypatch):
    pandas = pytest.importorskip("pandas")
    X, Y = data
    monkeypatch.chdir(tmp_path)
    kinds = np.asarray(["no", "yes"])[Y]
    frame = pandas.DataFrame(dict(zip("abcd", X, strict=True))).assign(kind=kinds)
    frame["word"] = np.asarray(["red", "green", "blue"])[np.arange(len(frame)) % 3]
    frame.to_csv("a.csv", index=False)
    np.save("X.npy", X)
    for given in ((frame, "kind"), ("a.csv", "kind"), ("X.npy", Y), (X.tolist(), kinds.tolist())):
        found = dnn_xp.sweep(*given, GRID, iterations=5, eta=2, file="s.jsonl")
        alone = dnn_xp.train(*given, **options_of(found.best.specification))
        assert_same_model(found.model, alone)
        again = dnn_xp.sweep(*given, GRID, iterations=5, eta=2, file="s.jsonl")
        assert_same_sweep(again, found)
        Path("s.jsonl").unlink()


def test_torch_tensors_are_swept_where_they_are(data, torch, tmp_path):
    X, Y = map(torch.asarray, data)
    file = tmp_path / "s.jsonl"
    found = dnn_xp.sweep(X, Y, GRID, iterations=5, eta=2, file=file)
    assert found.model.backend.library == "torch"
    alone = dnn_xp.train(X, Y, **options_of(found.best.specification))
    assert (alone.theta == found.model.theta).all()
    again = dnn_xp.sweep(X, Y, GRID, iterations=5, eta=2, file=file)
    assert (again.model.theta == found.model.theta).all()


def test_a_generator_is_a_seed(data):
    how = {"grid": GRID, "iterations": 3}
    found = dnn_xp.sweep(*data, seed=np.random.default_rng(3), **how)
    assert_same_sweep(dnn_xp.sweep(*data, seed=np.random.default_rng(3), **how), found)
    seeds = {trial.specification.seed for trial in found.trials}
    assert len(seeds) == 1


def test_points_of_other_seeds_are_compared_on_the_same_examples(data):
    found = dnn_xp.sweep(*data, {"seed": [0, 1, 2]}, hidden=[6], iterations=5, standardize=False)
    pairs = {trial.history.costs[0] for trial in found.trials}
    assert len(pairs) == 3
    # With zeros to start from, the seed has no part but in the split.
    found = dnn_xp.sweep(
        *data, {"seed": [0, 1, 2]}, hidden=[], iterations=3, initialization="zeros"
    )
    assert len({trial.history.validation_costs for trial in found.trials}) == 1


def test_the_data_are_read_and_placed_once(data, monkeypatch):
    calls: Counter[str] = Counter()

    def counting(name, function):
        def counted(*given, **how):
            calls[name] += 1
            return function(*given, **how)

        return counted

    shelf = dnn_xp.sweeping.shelf
    for name in ("prepare", "take_moments"):
        monkeypatch.setattr(shelf, name, counting(name, getattr(shelf, name)))
    placing = shelf.Prepared.placed
    monkeypatch.setattr(shelf.Prepared, "placed", counting("placed", placing))
    dnn_xp.sweep(*data, GRID, iterations=4, eta=2)
    assert calls == {"prepare": 1, "take_moments": 1, "placed": 1}
    calls.clear()
    # Batches want the features of an example side by side: a second place, and the same moments.
    dnn_xp.sweep(*data, {"batch_size": [None, 32, 16]}, epochs=2)
    assert calls == {"prepare": 1, "take_moments": 1, "placed": 2}


def test_x_is_read_once(data):
    class Dataset:
        """Rows as HDF5 gives them: read by index, each reading counted."""

        def __init__(self, values):
            self.values, self.shape, self.dtype, self.ndim = values, values.shape, values.dtype, 2
            self.read = 0

        def __getitem__(self, index):
            found = self.values[index]
            self.read += found.size
            return found

    read = []
    for grid in ({"learning_rate": [0.1]}, {"learning_rate": [0.1, 0.05, 0.01, 0.001]}):
        X = Dataset(np.ascontiguousarray(data[0].T))
        dnn_xp.sweep(X, data[1], grid, examples="rows", iterations=0)
        read.append(X.read)
    passes = data[0].size
    # Beyond what each training reads, a pass over what trains and one over what is held out.
    training, held_out = 192 * 4, 48 * 4
    assert read[1] - read[0] == 3 * (training + held_out)
    assert read[0] <= 2 * passes + held_out


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.bits
def test_threads_change_no_bit(data, threads):
    how = {"iterations": 9, "eta": 2, "block_size": 32}
    one = dnn_xp.sweep(*data, GRID, threads=1, **how)
    assert_same_sweep(dnn_xp.sweep(*data, GRID, threads=threads, **how), one)


def test_what_diverges_is_kept_with_its_reason(data):
    X, _ = data
    values = X[0] * 100.0
    found = dnn_xp.sweep(
        X,
        values,
        {"learning_rate": [1e20, 0.01], "optimizer": ["gradient_descent"]},
        hidden=[5],
        iterations=30,
    )
    failed, fine = found.trials
    assert failed.status is TrialStatus.FAILED
    assert failed.reason.startswith("the training diverged: the cost is ")
    assert fine.status is TrialStatus.FINISHED
    assert found.best is fine
    assert found.table().splitlines()[-1].lstrip().startswith("0 ")
    with pytest.raises(RuntimeError, match="all 1 points of the sweep failed"):
        dnn_xp.sweep(
            X, values, {"learning_rate": [1e20]}, optimizer="gradient_descent", iterations=30
        )


@pytest.mark.parametrize("eta", [None, 2])
def test_half_the_rate_where_a_point_diverges_as_train_has_it(data, tmp_path, eta):
    X, _ = data
    steep = {"hidden": [3], "optimizer": "gradient_descent", "activation": "identity"}
    how = {**steep, "iterations": 40, "on_divergence": "halve", "eta": eta}
    file = tmp_path / "s.jsonl"
    rates = {"learning_rate": [30.0, 20.0]}
    found = dnn_xp.sweep(X, 9.0 * X[0], rates, **how, file=file)
    assert all(trial.history.halvings for trial in found.trials)
    assert found.best.status is TrialStatus.FINISHED
    alone = dnn_xp.train(X, 9.0 * X[0], **options_of(found.best.specification))
    assert alone.history.halvings == found.best.history.halvings
    assert_same_model(found.model, alone)
    assert_same_sweep(dnn_xp.sweep(X, 9.0 * X[0], rates, **how, file=file), found)


@pytest.mark.parametrize("option", ["checkpoint", "checkpoint_every", "keep", "resume"])
def test_a_sweep_has_a_file_and_no_checkpoints(data, option):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        dnn_xp.sweep(*data, GRID, **{option: 1})


def test_the_table_and_the_repr_say_it(data):
    found = dnn_xp.sweep(*data, GRID, iterations=5)
    lines = found.table(limit=2).splitlines()
    head = "point hidden learning_rate validation cost accuracy cost length seconds status"
    assert lines[0].split() == head.split()
    assert len(lines) == 4
    assert lines[2].split()[0] == str(found.best.number)
    assert str(found).count("\n") == 7
    assert repr(found).startswith(f"Sweep(6 points, best: {found.best}, validation cost ")


def test_verbose_prints_a_line_a_point(data, capsys):
    dnn_xp.sweep(*data, {"hidden": [(), (3,)]}, iterations=2, verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": validation")[0] for line in lines] == [
        "point 1 of 2: hidden=none",
        "point 2 of 2: hidden=3",
    ]


def test_refit_takes_all_examples(data):
    X, Y = data
    found = dnn_xp.sweep(X, Y, GRID, iterations=7)
    same = options_of(found.best.specification) | {"validation": None}
    assert_same_model(found.refit(X, Y), dnn_xp.train(X, Y, **same))
    assert found.refit(X, Y, seed=4).settings["seed"] == 4


@pytest.mark.parametrize(
    ("how", "length"),
    [({"iterations": 200}, "iterations"), ({"epochs": 60, "batch_size": 32}, "epochs")],
    ids=["full batch", "mini-batches"],
)
def test_refit_with_patience_is_as_long_as_what_was_kept(data, how, length):
    found = dnn_xp.sweep(*data, {"learning_rate": [0.3, 0.1]}, patience=3, **how)
    assert "patience" in {trial.reason for trial in found.trials}
    best = found.best
    costs = best.history.validation_costs
    assert best.validation_cost == min(costs)
    assert best.kept == costs.index(min(costs))
    again = found.refit(*data)
    assert again.settings[length] == best.kept
    assert again.settings["l2"] == found.model.settings["l2"]
    assert again.stopped is dnn_xp.StopReason.COMPLETED


def test_ctrl_c_gives_the_sweep_so_far(data):
    def rate(iteration):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dnn_xp.sweep(*data, {"learning_rate": [rate, 0.1]}, iterations=3)
    found = dnn_xp.sweep(*data, {"learning_rate": [0.1, rate, 0.2]}, iterations=3)
    assert found.stopped is dnn_xp.StopReason.INTERRUPTED
    assert found.best.number == 0
    assert [trial.status.value for trial in found.trials] == ["finished", "waiting", "waiting"]
    assert math.isnan(found.trials[2].score)
    assert "interrupted" in repr(found)


def test_trainings_of_no_length_are_compared_at_their_start(data):
    found = dnn_xp.sweep(*data, {"hidden": [(), (2,)]}, iterations=0)
    assert [trial.length for trial in found.trials] == [0, 0]


def test_options_that_must_be_the_same_are_refused(data):
    for name in ("cost", "validation", "examples", "threads"):
        with refused(
            ValueError,
            f"grid | {name!r}, which must be the same for all points to be compared | "
            f"options that may differ from point to point | pass {name} to the sweep itself",
        ):
            dnn_xp.sweep(*data, {name: ["huber"]})


class Untouched:
    """Data that must not be looked at."""

    def __getattribute__(self, name):
        raise AssertionError(f"{name} of the data was looked at")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, "grid | None | given, or distributions in its place"),
        (
            {"grid": {"l2": [0]}, "distributions": {"l2": [0]}},
            "grid | a value with distributions | given, or distributions in its place",
        ),
        ({"grid": {"hiden": [1]}}, "grid | 'hiden' | one of ... | did you mean 'hidden'?"),
        ({"grid": {"l2": []}}, "grid['l2'] | no value | a list of the values to try"),
        ({"grid": []}, "grid | none | a dict of lists, ..."),
        ({"grid": {"l2": [0, -1]}}, "l2 | -1 | a finite number >= 0"),
        ({"grid": {"l2": [0]}, "points": 3}, "points | 3 | left out where distributions ..."),
        ({"grid": {"l2": [0]}, "shortest": 3}, "shortest | 3 | left out where eta is not given"),
        ({"grid": {"l2": [0]}, "eta": 1}, "eta | 1 | a whole number >= 2"),
        (
            {"grid": {"l2": [0]}, "file": "no/s.jsonl"},
            "file | 'no/s.jsonl' | the path of a file ...",
        ),
        ({"grid": {"l2": [0]}, "by": "auc"}, "by | 'auc' | one of 'cost', 'score'"),
        (
            {"grid": {"l2": [0]}, "validation": None},
            "validation | None | a fraction ... | pass validation=0.2",
        ),
        (
            {"grid": {"batch_size": [8]}, "iterations": 5},
            "iterations | 5 | left out where batch_size is given | it counts ...",
        ),
    ],
)
def test_what_cannot_be_swept_is_refused_before_data_is_read(options, parts):
    with refused(ValueError, parts):
        dnn_xp.sweep(Untouched(), Untouched(), **options)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"grid": 3}, "grid | 3 | a dict of lists, ..."),
        ({"grid": {"l2": 0.1}}, "grid['l2'] | 0.1 | a list of the values to try"),
        ({"distributions": {"l2": 0.1}}, "distributions['l2'] | 0.1 | a frozen distribution ..."),
        ({"distributions": []}, "distributions | a list of length 0 | a dict such as ..."),
        ({"grid": {"l2": [0]}, "file": 3}, "file | 3 | the path of a file"),
        (
            {"grid": {"l2": [0]}, "initialization": [([[1.0]], [0.0])]},
            "initialization | arrays | a name, where points are compared",
        ),
    ],
)
def test_wrong_types_are_refused_before_data_is_read(options, parts):
    with refused(TypeError, parts):
        dnn_xp.sweep(Untouched(), Untouched(), **options)


def test_a_point_that_does_not_fit_is_named_and_stops_all(data):
    with pytest.raises(ValueError, match="l2 must be") as caught:
        dnn_xp.sweep(*data, {"hidden": [(3,)], "l2": [0, -1]})
    assert caught.value.__notes__ == ["This is point 1 of the sweep: hidden=(3,), l2=-1"]
    with refused(ValueError, "batch_size | 500 | at most 192, the training examples | ..."):
        dnn_xp.sweep(*data, {"batch_size": [500]})
