"""--metrics: the figures are scikit-learn's, and those that do not fit are refused before training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cli_helpers import QUICK, Flowers, Shell, columns_of, write_csv
from hypothesis import given
from hypothesis import strategies as st

import dnn_xp
from dnn_xp.cli.metrics import METRICS, measured

ALL_OF_CLASSES = ["balanced_accuracy", "f1", "auc", "average_precision", "brier"]


def sklearn_figures(kind: str, Y: Any, P: Any, labels: Any) -> list[float]:
    """The figures of ALL_OF_CLASSES, of true labels (m,) and probabilities (m, K)."""
    from sklearn import metrics

    if kind == "binary":
        p, predicted = P[:, 0], P[:, 0] > 0.5
        return [
            metrics.balanced_accuracy_score(Y, predicted),
            metrics.f1_score(Y, predicted),
            metrics.roc_auc_score(Y, p),
            metrics.average_precision_score(Y, p),
            metrics.brier_score_loss(Y, p),
        ]
    one_hot = np.asarray(Y[:, None] == labels, dtype=float)
    predicted = labels[P.argmax(axis=1)]
    return [
        metrics.balanced_accuracy_score(Y, predicted),
        metrics.f1_score(Y, predicted, average="macro"),
        metrics.roc_auc_score(one_hot, P, average="macro"),
        metrics.average_precision_score(one_hot, P, average="macro"),
        float(np.mean(np.sum((one_hot - P) ** 2, axis=1))),
    ]


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_figures_of_classes_are_those_of_scikit_learn(flowers: Flowers, kind: str) -> None:
    Y = flowers.kinds == "poppy" if kind == "binary" else flowers.kinds
    model = dnn_xp.train(
        flowers.X, Y, examples="rows", hidden=[4], iterations=12, standardize=False
    )
    assert model.kind == kind
    P = model.predict_proba(flowers.X, examples="rows")
    wanted = sklearn_figures(kind, Y, P, model.classes)
    found = measured(model, _Rows(flowers.X), Y, ALL_OF_CLASSES, None)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


class _Rows(np.ndarray):
    """Rows with the number of examples that the shell's sources have."""

    def __new__(cls, values: np.ndarray) -> _Rows:
        return np.asarray(values).view(cls)

    @property
    def m(self) -> int:
        return len(self)


def test_figures_of_labels_at_once_are_those_of_scikit_learn(flowers: Flowers) -> None:
    from sklearn import metrics

    Y = np.stack([flowers.kinds == "poppy", flowers.X[:, 1] > 22], axis=1).astype(int)
    model = dnn_xp.train(flowers.X, Y, examples="rows", hidden=[4], iterations=9)
    assert model.kind == "multilabel"
    P = np.asarray(model.predict_proba(flowers.X, examples="rows"))
    asked = ["f1", "auc", "average_precision"]
    wanted = [
        metrics.f1_score(Y, P > 0.5, average="macro", zero_division=0),
        metrics.roc_auc_score(Y, P, average="macro"),
        metrics.average_precision_score(Y, P, average="macro"),
    ]
    found = measured(model, _Rows(flowers.X), Y, asked, None)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("outputs", [1, 2])
def test_figures_of_values_are_those_of_scikit_learn(flowers: Flowers, outputs: int) -> None:
    from sklearn import metrics

    Y = flowers.petals if outputs == 1 else np.stack([flowers.petals, 90 - flowers.petals], 1)
    model = dnn_xp.train(flowers.X, Y, examples="rows", hidden=[4], iterations=9)
    P = model.predict(flowers.X, examples="rows")
    wanted = [metrics.mean_absolute_error(Y, P), metrics.mean_squared_error(Y, P) ** 0.5]
    found = measured(model, _Rows(flowers.X), Y, ["mae", "rmse"], 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=40).filter(
        lambda pairs: len({label for label, _ in pairs}) == 2
    )
)
def test_ties_count_half(pairs: list[tuple[bool, int]]) -> None:
    from sklearn import metrics

    y = np.asarray([label for label, _ in pairs], dtype=float)
    p = np.asarray([value for _, value in pairs]) / 4
    for name, of_sklearn in (
        ("auc", metrics.roc_auc_score),
        ("average_precision", metrics.average_precision_score),
    ):
        found = METRICS[name].formula(y[None, :], p[None, :], "binary")
        assert found == pytest.approx(of_sklearn(y, p), rel=1e-12)


def test_the_report_shows_them(shell: Shell, files: Flowers) -> None:
    common = ("train", "flowers.csv", "--target", "kind", *QUICK[:-1], "--force")
    lines = shell(*common, "--metrics", "auc,f1").out.splitlines()
    heads, training, test = (line.split() for line in lines[-5:-2])
    assert heads == ["examples", "cost", "accuracy", "AUC", "F1"]
    assert len(training) == len(test) == 6
    assert 0.9 < float(training[4]) <= 1
    lines = shell(*common, "--metrics", "all", "--test-fraction", "0").out.splitlines()
    heads = ["examples", "cost", "accuracy", "balanced", "F1", "AUC", "avg", "precision", "Brier"]
    assert lines[-4].split() == heads
    assert lines[-3].split()[0] == "training"


def test_the_report_shows_the_validation_at_the_kept_parameters(
    shell: Shell, files: Flowers
) -> None:
    typed = ("--validation", "0.2", "--patience", "3", "--metrics", "auc", "--learning-rate", "0.5")
    said = shell("train", "flowers.csv", "--target", "kind", "--hidden", "8", *typed)
    row = next(line.split() for line in said.out.splitlines() if line.startswith("  validation"))
    history = dnn_xp.load("model.safetensors").history
    best = int(np.argmin(history.validation_costs))
    assert history.iterations[best] < history.iterations[-1]
    score = history.metrics["validation_accuracy"][best]
    assert row == ["validation", f"{history.validation_costs[best]:.4g}", f"{score:.4f}"]


def test_one_hot_columns_have_the_metrics_of_classes(shell: Shell, files: Flowers) -> None:
    one_hot = {kind: (files.kinds == kind) * 1 for kind in ("daisy", "poppy", "tulip")}
    write_csv("a.csv", columns_of(files) | one_hot)
    typed = (*QUICK[:-1], "--force", "--metrics", "all")
    common = ("train", "a.csv", "--features", "height,width,depth", "--target", ",".join(one_hot))
    columns = shell(*common, *typed).out.splitlines()
    labels = shell("train", "flowers.csv", "--target", "kind", *typed).out.splitlines()
    assert columns[-5:-2] == labels[-5:-2]


def test_a_class_without_examples_has_no_area(shell: Shell, flowers: Flowers) -> None:
    kinds = flowers.kinds.astype(object)
    kinds[:2] = "rare"
    write_csv("a.csv", columns_of(flowers) | {"kind": kinds})
    typed = ("--test-part", "last", "--metrics", "auc", *QUICK[:-1])
    lines = shell("train", "a.csv", "--target", "kind", *typed).out.splitlines()
    assert lines[-3].split()[0] == "test"
    assert lines[-3].split()[-1] == "-"


def test_metrics_that_do_not_fit_are_refused_at_once(
    shell: Shell, flowers: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv("a.csv", columns_of(flowers) | {"petals": flowers.petals})
    monkeypatch.setattr("dnn_xp.cli.commands.train.train", None)
    assert shell(
        "train", "a.csv", "--target", "petals", "--exclude", "kind", "--metrics", "auc"
    ) == (
        1,
        "",
        "dnn-xp: error: --metrics must be of 'mae', 'rmse' where the target is values; got auc",
    )
    said = shell("train", "a.csv", "--target", "kind", "--metrics", "mae")
    assert "where the target is classes; got mae" in said.err
    said = shell("train", "a.csv", "--target", "kind", "--metrics", "acu")
    assert said.code == 2
    assert said.err.splitlines()[0].endswith("got 'acu'. Did you mean 'auc'?")


def test_weights_of_classes_are_typed(shell: Shell, files: Flowers) -> None:
    weights = {"daisy": 1.0, "poppy": 4.0, "tulip": 2.0}
    typed = ("--class-weight", "daisy=1,poppy=4,tulip=2", "--test-fraction", "0", *QUICK)
    assert shell("train", "flowers.csv", "--target", "kind", *typed) == (0, "", "")
    options: dict[str, Any] = {"hidden": [8], "iterations": 80, "learning_rate": 0.05}
    same = dnn_xp.train(files.X, files.kinds, examples="rows", class_weight=weights, **options)
    assert dnn_xp.load("model.safetensors").theta.tobytes() == same.theta.tobytes()
    # Whole numbers are the labels of whole numbers.
    typed = ("--class-weight", "0=1,1=4,2=2", "--test-fraction", "0", "--force", *QUICK)
    assert shell("train", "X.npy", "--target-file", "Y.npy", *typed) == (0, "", "")
    assert dnn_xp.load("model.safetensors").theta.tobytes() == same.theta.tobytes()
    said = shell("train", "flowers.csv", "--target", "kind", "--class-weight", "poppy")
    assert said.code == 2
    wanted = "balanced, or a weight for each label such as no=1,yes=5; got 'poppy'"
    assert said.err.splitlines()[0] == f"dnn-xp: error: --class-weight must be {wanted}"
