"""Curves, layers, boundaries, residuals, importance: what is drawn, and where."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from refusals import refused

import dnn_xp
from dnn_xp import plots
from dnn_xp.formulas import cosine_decay
from dnn_xp.plots.style import COLORS


def every_plot(two, values, X):
    Y = X[0] * X[1] > 0
    return {
        "learning_curves": lambda ax: plots.learning_curves(two.history, ax=ax),
        "weights": lambda ax: plots.weights(two, ax=ax),
        "activations": lambda ax: plots.activations(two, X, ax=ax),
        "decision_boundary": lambda ax: plots.decision_boundary(two, X, Y, ax=ax, resolution=9),
        "confusion_matrix": lambda ax: plots.confusion_matrix(two, X, Y, ax=ax),
        "roc": lambda ax: plots.roc(two, X, Y, ax=ax),
        "calibration": lambda ax: plots.calibration(two, X, Y, ax=ax),
        "residuals": lambda ax: plots.residuals(values, X, X[0] * X[1], ax=ax),
        "permutation_importance": lambda ax: plots.permutation_importance(
            two, X, Y, repeats=1, ax=ax
        ),
    }


def test_every_plot_draws_where_it_is_told_and_else_at_600_pixels(two, values, X):
    from matplotlib import pyplot

    made = every_plot(two, values, X)
    assert {*made, "LiveCurve"} == set(plots.__all__)
    for draw in made.values():
        ax = pyplot.figure().add_subplot()
        before = len(pyplot.get_fignums())
        assert draw(ax) is ax
        assert len(pyplot.get_fignums()) == before
        assert ax.has_data()
        new = draw(None)
        assert new.figure.get_figwidth() * 100 == 600
        # Everything is inside of the picture, labels among it.
        new.figure.canvas.draw()
        box, inside = new.figure.get_tightbbox(), new.figure.bbox_inches
        assert box.x0 >= -0.02
        assert box.y0 >= -0.02
        assert box.x1 <= inside.x1 + 0.02
        assert box.y1 <= inside.y1 + 0.02
        pyplot.close("all")


def contrast(color):
    """Against white: (1 + 0.05) / (luminance + 0.05), WCAG 2.2."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 1.05 / (np.dot(linear, (0.2126, 0.7152, 0.0722)) + 0.05)


def test_the_first_two_colours_are_told_apart_from_white_and_without_red_and_green():
    # Machado, Oliveira, Fernandes (2009), severity 1: deuteranopia and protanopia.
    deutan = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    protan = np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]])
    from matplotlib.colors import to_rgb

    assert all(contrast(color) >= 3.0 for color in COLORS[:3])
    for matrix in (deutan, protan):
        seen = [matrix @ to_rgb(color) for color in COLORS]
        for place, one in enumerate(seen):
            assert all(np.abs(one - other).max() > 0.1 for other in seen[:place])


def test_learning_curves_are_the_history(two):
    ax = plots.learning_curves(two)
    history = two.history
    training, validation, lowest = ax.lines
    assert tuple(training.get_ydata()) == history.costs
    assert tuple(validation.get_ydata()) == history.validation_costs
    assert lowest.get_ydata()[0] == min(history.validation_costs)
    assert tuple(training.get_xdata()) == history.iterations


def test_the_legend_says_where_penalties_are_included(X):
    model = dnn_xp.train(X, X[0] > 0, iterations=2, l2=1.0)
    assert plots.learning_curves(model).lines[0].get_label() == "training, penalties included"
    assert plots.learning_curves(model.history).lines[0].get_label() == "training"


def test_the_rate_is_drawn_where_it_changes(X):
    rate = cosine_decay(0.1, iterations=10)
    model = dnn_xp.train(X, X[0] > 0, iterations=10, learning_rate=rate)
    left = plots.learning_curves(model)
    right = next(each for each in left.figure.axes if each is not left)
    assert tuple(right.lines[0].get_ydata()) == model.history.learning_rates
    assert len(plots.learning_curves(model, rate=False).figure.axes) == 1


def test_learning_curves_refuse_what_has_no_reports():
    with refused(ValueError, "history | History(nothing reported) | of a training that ..."):
        plots.learning_curves(dnn_xp.History())
    with refused(TypeError, "history | a list of length 1 | a History or a Model"):
        plots.learning_curves([1.0])


def test_a_single_report_is_a_dot(X):
    model = dnn_xp.train(X, X[0] > 0, iterations=0)
    assert plots.learning_curves(model).lines[0].get_marker() == "."


def test_activations_are_those_of_the_course(X):
    from dnn_xp.plots.layers import _outputs_of_layers

    model = dnn_xp.train(X, X[0] > 0, hidden=[5, 4], activation="tanh", iterations=5)
    mean, scale = model.standardization
    A, caches = dnn_xp.forward((X - mean) / scale, model.parameters, ["tanh", "tanh", "sigmoid"])
    found = _outputs_of_layers(model, X, None)
    wanted = [caches[1][0][0], caches[2][0][0], A]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_activations_of_features_that_are_scaled_by_quantiles(X):
    from dnn_xp.plots.layers import _outputs_of_layers

    model = dnn_xp.train(X, X[0] > 0, hidden=[5], standardize_by="quantiles", iterations=5)
    output = _outputs_of_layers(model, X, None)[-1]
    np.testing.assert_allclose(output, model.predict_proba(X).reshape(1, -1), atol=1e-12)


def test_units_that_are_dead_are_counted(X):
    model = dnn_xp.train(X, X[0] > 0, hidden=[6], iterations=0)
    (W1, b1), last = model.parameters
    dead = [(W1, np.where(np.arange(6)[:, None] < 2, -1e6, b1)), last]
    model = dnn_xp.train(X, X[0] > 0, hidden=[6], iterations=0, initialization=dead)
    said = [each.get_text() for each in plots.activations(model, X).get_xticklabels()]
    assert said == ["A[1] relu\n2 of 6 constant", "A[2] sigmoid\n0 of 1 constant"]


def test_the_boundary_is_where_the_model_changes_its_mind(X):
    model = dnn_xp.train(X, X[0] > 0.5, hidden=[], iterations=400, learning_rate=0.1)
    (W, b), (mean, scale) = model.parameters[0], model.standardization
    x1 = X.mean(axis=1)
    ax = plots.decision_boundary(model, X, features=(0, 2), resolution=60)
    (image,) = ax.images
    left, right, low, high = image.get_extent()
    p = np.asarray(image.get_array())
    grid = np.linspace(left, right, 60)
    # W (x - mean) / scale + b = 0, solved for x[0] on the lowest row, the others at their mean.
    rest = np.array([0.0, x1[1], low])
    slope = W[0] / scale[:, 0]
    edge = -(slope @ (rest - mean[:, 0]) + b[0, 0] - slope[0] * 0.0) / slope[0]
    flips = grid[np.flatnonzero(np.diff(p[0] > 0.5))]
    assert flips.size == 1
    assert abs(flips[0] - edge) <= 1.5 * (right - left) / 59
    assert high > X[2].max()


def test_features_of_the_boundary_go_by_name(X):
    frame = pd.DataFrame(X.T, columns=["a", "b", "c"]).assign(kind=X[0] > 0)
    model = dnn_xp.train(frame, "kind", iterations=5)
    ax = plots.decision_boundary(model, frame, "kind", features=("c", "a"), resolution=5)
    assert ax.get_xlabel() == "c"
    assert ax.get_ylabel() == "a, others at their mean"
    with refused(ValueError, "features | 'd' | names or numbers of the model's features ..."):
        plots.decision_boundary(model, frame, features=("d", "a"))
    with refused(ValueError, "features | (1, 1) | two different features"):
        plots.decision_boundary(model, frame, features=(1, 1))


def test_the_boundary_of_text_columns_is_refused(X):
    frame = pd.DataFrame({"a": X[0], "town": np.where(X[1] > 0, "Ulm", "Bonn")})
    model = dnn_xp.train(frame, X[2] > 0, iterations=2)
    with refused(ValueError, "model | one of a table with the features 'a', ... | one whose ..."):
        plots.decision_boundary(model, frame)


def test_residuals_are_true_minus_predicted(values, X):
    Y = 100.0 + X[0] * X[1]
    ax = plots.residuals(values, X, Y)
    dots = np.asarray(ax.collections[0].get_offsets())
    predicted = values.predict(X)
    np.testing.assert_allclose(dots, np.column_stack([predicted, Y - predicted]), rtol=1e-6)
    root = np.sqrt(np.mean((Y - predicted) ** 2))
    assert ax.get_title() == f"root mean square {root:.4g}"


def test_importance_is_that_of_scikit_learn(X):
    inspection = pytest.importorskip("sklearn.inspection")
    Y = X[1] + 0.1 * X[2]
    model = dnn_xp.train(X, Y, iterations=100)
    ax = plots.permutation_importance(model, X, Y, repeats=3, seed=4)
    found = inspection.permutation_importance(
        SimpleNamespace(fit=print),
        X.T,
        Y,
        scoring=lambda _, rows, y: model.evaluate(rows.T, y).r2,
        n_repeats=3,
        random_state=4,
    )
    assert [each.get_text() for each in ax.get_yticklabels()] == ["x1", "x2", "x0"]
    widths = [each.get_width() for each in ax.patches]
    np.testing.assert_allclose(widths, found.importances_mean[[1, 2, 0]], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_importance_of_a_table_shuffles_whole_columns(X, library):
    frame = pd.DataFrame({"a": X[0], "town": np.where(X[1] > 0, "Ulm", "Bonn"), "y": X[1]})
    model = dnn_xp.train(frame, "y", iterations=30)
    if library != "pandas":
        package = pytest.importorskip(library)
        make = package.from_pandas if library == "polars" else package.Table.from_pandas
        frame = make(frame)
    ax = plots.permutation_importance(model, frame, "y", repeats=2)
    assert [each.get_text() for each in ax.get_yticklabels()] == ["town", "a"]


def test_importance_of_a_file_says_to_read_it(two):
    with refused(TypeError, "X | 'X.npy' | an array or a data frame in memory | read the ..."):
        plots.permutation_importance(two, "X.npy", [0, 1])


def test_a_live_curve_ends_with_the_last_report(X):
    with plots.LiveCurve(every=1e9) as live:
        model = dnn_xp.train(X, X[0] > 0, iterations=7, callbacks=[live])
        assert len(live.ax.lines[0].get_xdata()) == 1, "only the first picture was due"
    assert tuple(live.ax.lines[0].get_ydata()) == model.history.costs


def test_a_live_curve_keeps_one_axis_of_rates(X):
    rate = cosine_decay(0.1, iterations=5)
    live = plots.LiveCurve(every=0.0)
    dnn_xp.train(X, X[0] > 0, iterations=5, learning_rate=rate, callbacks=[live])
    assert len(live.ax.figure.axes) == 2
    assert len(live.ax.get_legend().get_texts()) == 2


def test_a_live_curve_replaces_its_picture_in_a_notebook(X, monkeypatch):
    updates = []
    shown = SimpleNamespace(update=updates.append)
    display = SimpleNamespace(display=lambda figure, display_id: shown)
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    from matplotlib import pyplot

    with plots.LiveCurve(every=0.0) as live:
        dnn_xp.train(X, X[0] > 0, iterations=3, callbacks=[live])
    assert updates == [live.ax.figure] * 3
    assert not pyplot.fignum_exists(live.ax.figure.number), "the notebook would show it twice"


def test_without_matplotlib_the_extra_is_named(two, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "dnn_xp\[plot\]"'):
        plots.weights(two)


def test_without_scikit_learn_the_extra_is_named(two, X, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.inspection", None)
    with pytest.raises(ImportError, match=r'pip install "dnn_xp\[sklearn\]"'):
        plots.permutation_importance(two, X, X[0] > 0)
