"""What the pictures of classes show, against scikit-learn's figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from refusals import refused

import dnn_xp
from dnn_xp import plots

sklearn_metrics = pytest.importorskip("sklearn.metrics")
NAMES = ["low", "middle", "top"]


def numbers_in(ax):
    return np.array([int(each.get_text()) for each in ax.texts])


def test_the_confusion_matrix_is_that_of_scikit_learn(three, X, kinds):
    ax = plots.confusion_matrix(three, X, kinds)
    wanted = sklearn_metrics.confusion_matrix(kinds, three.predict(X))
    assert (numbers_in(ax).reshape(3, 3) == wanted).all()
    assert not np.array_equal(wanted, wanted.T), "a transposed picture would pass"
    assert [each.get_text() for each in ax.get_yticklabels()] == ["low", "middle", "top"]
    assert ax.get_title() == f"{np.trace(wanted) / 300:.1%} of 300 right"


def test_rows_and_columns_give_one_picture(two, X):
    Y = X[0] * X[1] > 0
    shown = [
        numbers_in(plots.confusion_matrix(two, X, Y)),
        numbers_in(plots.confusion_matrix(two, X.T, Y, examples="rows")),
        numbers_in(plots.confusion_matrix(two, pd.DataFrame(X.T), Y)),
    ]
    assert (shown[0] == shown[1]).all()
    assert (shown[0] == shown[2]).all()


def test_many_classes_have_neither_numbers_nor_names(rng):
    X = rng.standard_normal((2, 400))
    Y = [f"class {each % 40}" for each in range(400)]
    ax = plots.confusion_matrix(dnn_xp.train(X, Y, iterations=1), X, Y)
    assert len(ax.texts) == 0
    assert len(ax.get_yticks()) < 20


def test_roc_of_two_classes_is_that_of_scikit_learn(two, X):
    Y = X[0] * X[1] > 0
    ax = plots.roc(two, X, Y)
    p = two.predict_proba(X)[0]
    false, true, _ = sklearn_metrics.roc_curve(Y, p, drop_intermediate=False)
    drawn = ax.lines[1]
    np.testing.assert_allclose(drawn.get_xdata(), false, atol=1e-12)
    np.testing.assert_allclose(drawn.get_ydata(), true, atol=1e-12)
    area = sklearn_metrics.roc_auc_score(Y, p)
    assert drawn.get_label() == f"True, area {area:.3f}"


@pytest.mark.parametrize("which", ["three", "multilabel"])
def test_roc_has_a_curve_for_each_class_or_label(which, request, X, kinds, labels):
    model = request.getfixturevalue(which)
    Y, names = (kinds, NAMES) if which == "three" else (labels, ["Y0", "Y1"])
    truths = [kinds == each for each in names] if which == "three" else list(labels)
    ax = plots.roc(model, X, Y)
    wanted = [
        f"{name}, area {sklearn_metrics.roc_auc_score(truth, p):.3f}"
        for name, truth, p in zip(names, truths, model.predict_proba(X), strict=True)
    ]
    assert [line.get_label() for line in ax.lines[1:]] == wanted


def test_roc_of_one_class_says_what_is_missing(two, X):
    with refused(ValueError, "Y | examples of one class only | examples of a class and ..."):
        plots.roc(two, X[:, :5], np.ones(5, dtype=bool))


def test_calibration_is_that_of_scikit_learn(two, X):
    from sklearn.calibration import calibration_curve

    Y = X[0] * X[1] > 0
    ax = plots.calibration(two, X, Y, bins=7)
    true, predicted = calibration_curve(Y, two.predict_proba(X)[0], n_bins=7)
    dots = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(dots, np.column_stack([predicted, true]), atol=1e-12)


def test_intervals_of_calibration_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    from dnn_xp.plots.reliability import wilson_interval

    for successes, n in ((0, 4), (3, 10), (99, 100)):
        wanted = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        found = wilson_interval(np.array([successes / n]), np.array([float(n)]))
        np.testing.assert_allclose(np.ravel(found), wanted, atol=1e-12)


def test_calibration_of_many_classes_is_of_the_predicted_one(three, X, kinds):
    ax = plots.calibration(three, X, kinds)
    p = three.predict_proba(X).max(axis=0)
    right = three.predict(X) == kinds
    place = np.minimum((p * 10).astype(int), 9)
    wanted = [[p[place == each].mean(), right[place == each].mean()] for each in np.unique(place)]
    np.testing.assert_allclose(ax.collections[-1].get_offsets(), wanted, atol=1e-12)


@pytest.mark.parametrize("plot", [plots.confusion_matrix, plots.roc, plots.calibration])
def test_pictures_of_classes_refuse_values(plot, values, X):
    with refused(
        ValueError,
        "model | a regression model, with cost='squared_error' | of kind ... | plots.residuals...",
    ):
        plot(values, X, X[0] * X[1])


def test_labels_of_no_class_are_refused_as_evaluate_does(three, X):
    with pytest.raises(ValueError, match="none") as shown:
        plots.confusion_matrix(three, X, np.full(300, "none"))
    with pytest.raises(ValueError, match="none") as evaluated:
        three.evaluate(X, np.full(300, "none"))
    assert str(shown.value) == str(evaluated.value)
